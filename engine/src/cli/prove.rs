//! `noroshi verify`, `prove` and `verify-proof`: the archive shown to someone who does not trust the host.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use noroshi_archive::tree::proof::{Policy, Proof};
use noroshi_archive::tree::{Checkpoint, Note, Verifier};
use noroshi_archive::verifier_path;
use noroshi_archive::verify::{Against, prove as prove_record, verify as verify_archive};
use noroshi_input::files::{Files, RealFiles};
use noroshi_parsers::time::format_rfc3339;
use serde_json::json;

use super::archive::first_key;
use super::args::{PlaceArgs, ProveArgs, VerifyArgs, VerifyProofArgs};
use super::{Outcome, audit};
use crate::audit::Act;
use crate::config::{Config, join};
use crate::terminal::{OutputMode, escape_controls, thousands};

/// 0 verified, 1 tampered, 2 undecidable.
pub(crate) fn verify(args: &VerifyArgs) -> anyhow::Result<Outcome> {
    let directory = place(&args.place)?;
    let keys = keys(&args.place.key, &directory)?;
    let known = args.checkpoint.iter().map(|path| checkpoint_of(path, &keys)).collect::<anyhow::Result<Vec<_>>>()?;
    let first_key = args.first_key.as_deref().map(first_key).transpose()?.map(Arc::new);
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let started = std::time::Instant::now();
    let verdict = verify_archive(&files, &directory, &Against { keys, known, records: args.records, first_key });
    let elapsed_s = started.elapsed().as_secs_f64();
    let word = match (verdict.tampered.is_empty(), verdict.undecided.is_empty()) {
        (false, _) => "tampered",
        (true, false) => "undecidable",
        (true, true) => "verified",
    };
    if args.output.unwrap_or_else(OutputMode::for_stdout) == OutputMode::Table {
        for fault in &verdict.tampered {
            println!("TAMPERED  {}", escape_controls(&fault.to_string()));
        }
        for told in &verdict.undecided {
            println!("UNDECIDED {}", escape_controls(told));
        }
        for told in &verdict.notes {
            println!("note      {}", escape_controls(told));
        }
        let size = verdict.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size);
        println!(
            "{word}: {} files, {} bytes, {} records held to the tree of {} entries; {} bytes not sealed yet, {} frames of them held to the first key ({elapsed_s:.2} s)",
            thousands(verdict.files),
            thousands(verdict.bytes),
            thousands(verdict.records),
            thousands(size),
            thousands(verdict.unsealed_bytes),
            thousands(verdict.tail_frames)
        );
        if args.place.key.is_empty() && word == "verified" {
            println!(
                "held to the key beside the archive; who may have changed that too is told by --key with a copy kept elsewhere"
            );
        }
    } else {
        let fault = |fault: &noroshi_archive::verify::Fault| json!({"file": fault.file, "first_byte": fault.bytes.start, "end_byte": fault.bytes.end, "kind": fault.kind, "message": fault.told});
        let told = json!({
            "verdict": word,
            "tampered": verdict.tampered.iter().map(fault).collect::<Vec<_>>(),
            "undecided": verdict.undecided,
            "notes": verdict.notes,
            "files": verdict.files, "bytes": verdict.bytes, "records": verdict.records,
            "unsealed_bytes": verdict.unsealed_bytes, "tail_frames": verdict.tail_frames,
            "tree_size": verdict.checkpoint.as_ref().map(|checkpoint| checkpoint.size),
            "tree_root": verdict.checkpoint.as_ref().map(|checkpoint| checkpoint.root.to_string()),
        });
        println!("{told}");
    }
    Ok(match word {
        "verified" => Outcome::Done,
        "tampered" => Outcome::Findings,
        _ => Outcome::RuleRefused,
    })
}

pub(crate) fn prove(args: &ProveArgs) -> anyhow::Result<Outcome> {
    let directory = place(&args.place)?;
    let keys = keys(&args.place.key, &directory)?;
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let proof = prove_record(&files, &directory, &keys, args.sequence)?;
    let act = Act::new("prove").with("sequence", args.sequence).records(1);
    audit::record(&directory, &act, args.unaudited)?;
    match &args.out {
        Some(path) => {
            std::fs::write(path, proof.to_string()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => std::io::stdout().write_all(proof.to_string().as_bytes())?,
    }
    Ok(Outcome::Done)
}

/// Needs nothing but the proof and the key: no archive, no network.
pub(crate) fn verify_proof(args: &VerifyProofArgs) -> anyhow::Result<Outcome> {
    let keys = args.key.iter().map(|key| key_of(key)).collect::<anyhow::Result<Vec<_>>>()?;
    let witnesses = args.witness.iter().map(|key| key_of(key)).collect::<anyhow::Result<Vec<_>>>()?;
    let bytes = std::fs::read(&args.proof).with_context(|| format!("cannot read {}", args.proof.display()))?;
    let policy = Policy { log: keys, quorum: witnesses.len(), witnesses };
    let parsed = Proof::parse(&bytes);
    let shown =
        parsed.as_ref().map_err(ToString::to_string).and_then(|proof| proof.verify(&policy).map_err(|e| e.to_string()));
    match shown {
        Err(why) => {
            println!("not proven: {}", escape_controls(&why));
            Ok(Outcome::Findings)
        }
        Ok(shown) => {
            println!(
                "proven: entry {} of the tree `{}` of {} entries",
                shown.index,
                escape_controls(&shown.checkpoint.origin),
                shown.checkpoint.size
            );
            if let Some(record) = shown.record {
                println!(
                    "record {} of input `{}`, received {}, {} bytes:\n{}",
                    record.sequence,
                    escape_controls(record.input),
                    format_rfc3339(record.received_ns),
                    record.raw.len(),
                    escape_controls(&String::from_utf8_lossy(record.raw))
                );
            }
            for (name, time_s) in shown.witnessed {
                let time = format_rfc3339(
                    i64::try_from(time_s).unwrap_or(i64::MAX / 1_000_000_000).saturating_mul(1_000_000_000),
                );
                println!("witnessed by `{}` at {time}", escape_controls(&name));
            }
            Ok(Outcome::Done)
        }
    }
}

/// The archive's directory, by the flag or by the configuration.
pub(crate) fn place(args: &PlaceArgs) -> anyhow::Result<PathBuf> {
    if let Some(directory) = &args.archive {
        return Ok(directory.clone());
    }
    let path = args.config.clone().unwrap_or_else(|| PathBuf::from("noroshi.toml"));
    let config = Config::load(&path).map_err(|errors| anyhow::Error::msg(join(&errors)))?;
    Ok(config.archive_dir())
}

/// The keys given, or the one beside the archive.
pub(crate) fn keys(given: &[String], directory: &Path) -> anyhow::Result<Vec<Verifier>> {
    if given.is_empty() {
        let path = verifier_path(directory);
        return Ok(vec![key_of(&path.display().to_string())?]);
    }
    given.iter().map(|key| key_of(key)).collect()
}

/// A verifier key, written out or in a file.
pub(crate) fn key_of(text: &str) -> anyhow::Result<Verifier> {
    let text = match std::fs::read_to_string(text) {
        Ok(read) => read,
        Err(cause) if text.contains('/') && !text.contains('+') => {
            return Err(anyhow::Error::new(cause).context(format!("cannot read the key {}", escape_controls(text))));
        }
        Err(_) => text.to_owned(),
    };
    Verifier::parse(text.trim()).map_err(|error| anyhow::anyhow!("no verifier key: {error}"))
}

/// A checkpoint kept elsewhere, signed by one of the keys.
fn checkpoint_of(path: &Path, keys: &[Verifier]) -> anyhow::Result<Checkpoint> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let note = Note::parse(&bytes).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    let (checkpoint, _) =
        Checkpoint::of_note(&note, keys).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    Ok(checkpoint)
}
