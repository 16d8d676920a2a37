//! Writes a pack.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, RecordBatch};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use noroshi_files::{Files, SimulatedDisk};
use noroshi_parsers::time::format_rfc3339;
use noroshi_tree::{KeyKind, Note, Signer, Verifier};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    ALERT, CHECKPOINT, LOG_KEY, MANIFEST, MEMBERS_MAX, NAME_BYTES_MAX, NOTES, PARQUET, RECORDS, RECORDS_MAX, RULES,
    SIGNATURE, gather, proof_name, signed_text,
};
use crate::log::SIGNING_KEY;
use crate::prove::Prover;
use crate::schema::name;
use crate::seal;
use crate::sealer::hex;
use crate::search::{Search, rows};

/// How hard members are compressed: a pack is written once and sent around.
const ZSTD_LEVEL: i32 = 6;

/// What a pack holds beside the records.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// The alert, as it was told.
    pub alert: Option<Value>,
    /// What the operator notes.
    pub notes: Option<String>,
    /// Rule files: name and text. Names that a member cannot have are changed.
    pub rules: Vec<(String, Vec<u8>)>,
    /// For the manifest: what was asked for, by whom, when, under which digests.
    pub told: Map<String, Value>,
    /// When, seconds since 1970: the time of the members.
    pub time_s: u64,
}

/// What went into a pack.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    /// Records.
    pub records: usize,
    /// Events of them.
    pub events: usize,
    /// Records that are not sealed yet, and therefore not proven.
    pub unsealed: BTreeSet<u64>,
    /// Bytes of the pack.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
}

/// Writes the pack of the records `sequences` to `out`. `search` is of the archive in `directory`, opened before.
///
/// # Errors
/// Those of reading the archive, of its key, and of `out`; more than [`RECORDS_MAX`] records; records that are gone.
pub fn write(
    files: &Arc<dyn Files>,
    directory: &Path,
    search: &Search,
    sequences: &BTreeSet<u64>,
    contents: &Contents,
    out: &mut dyn Write,
) -> io::Result<Packed> {
    if sequences.len() > RECORDS_MAX {
        let told = format!("more than {RECORDS_MAX} records; narrow the query or its time");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, told));
    }
    let signer = Signer::load(&**files, &directory.join(SIGNING_KEY)).map_err(io::Error::other)?;
    let keys = [signer.verifier().clone()];
    let batches = gather::rows_of(search, sequences)?;
    let found: BTreeSet<u64> =
        batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|row| rows::sequence_of(batch, row))).collect();
    if let Some(missing) = sequences.difference(&found).next() {
        // Sealed, compacted or purged since the search was opened.
        let told = format!("record {missing} is not where it was when it was found; try again");
        return Err(io::Error::new(io::ErrorKind::NotFound, told));
    }
    let prover = Prover::open(files, directory, &keys)?;
    let digesting = Digesting { out, digest: Sha256::new(), bytes: 0 };
    let mut zstd = zstd::Encoder::new(digesting, ZSTD_LEVEL)?;
    zstd.include_checksum(true)?;
    let mut members = Members { tar: tar::Builder::new(zstd), time_s: contents.time_s, told: Vec::new() };
    members.add(CHECKPOINT, prover.reader().note().to_string().as_bytes())?;
    members.add(LOG_KEY, format!("{}\n", signer.verifier()).as_bytes())?;
    if let Some(alert) = &contents.alert {
        members.add(ALERT, format!("{alert:#}\n").as_bytes())?;
    }
    if let Some(notes) = &contents.notes {
        members.add(NOTES, notes.as_bytes())?;
    }
    for (at, (name, text)) in contents.rules.iter().enumerate() {
        members.add(&rule_name(at, name), text)?;
    }
    let unsealed = prover
        .prove(sequences, &mut |sequence, proof| members.add(&proof_name(sequence), proof.to_string().as_bytes()))?;
    let (mut text, mut events) = (Vec::new(), 0);
    for batch in &batches {
        events += batch.num_rows();
        readable(batch, &mut text)?;
    }
    members.add(RECORDS, &text)?;
    members.add(PARQUET, &parquet_of(&batches)?)?;
    let checkpoint = prover.reader().checkpoint();
    let mut manifest = contents.told.clone();
    manifest.insert("records".into(), sequences.len().into());
    manifest.insert("events".into(), events.into());
    manifest.insert("not_sealed".into(), unsealed.iter().copied().collect());
    let tree = json!({"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.to_string()});
    manifest.insert("tree".into(), tree);
    manifest.insert("files".into(), std::mem::take(&mut members.told).into());
    let manifest = format!("{:#}\n", Value::Object(manifest));
    members.add(MANIFEST, manifest.as_bytes())?;
    let text = signed_text(&hex(&Sha256::digest(manifest.as_bytes())));
    let note = Note::sign(text, &signer, contents.time_s).map_err(|cause| io::Error::other(cause.to_string()))?;
    members.add(SIGNATURE, note.to_string().as_bytes())?;
    let digesting = members.tar.into_inner()?.finish()?;
    digesting.out.flush()?;
    let (bytes, sha256) = (digesting.bytes, hex(&digesting.digest.finalize()));
    Ok(Packed { records: sequences.len(), events, unsealed, bytes, sha256 })
}

/// The keys that a pack can be verified by must be of the kind that logs sign with.
pub(super) fn is_log_key(key: &Verifier) -> bool {
    key.kind() == KeyKind::Note
}

/// Counts and digests what goes out.
struct Digesting<'o> {
    out: &'o mut dyn Write,
    digest: Sha256,
    bytes: u64,
}

impl Write for Digesting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Members<W: Write> {
    tar: tar::Builder<W>,
    time_s: u64,
    told: Vec<Value>,
}

impl<W: Write> Members<W> {
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if self.told.len() >= MEMBERS_MAX {
            return Err(io::Error::other(format!("a pack holds {MEMBERS_MAX} members at most")));
        }
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o600);
        header.set_mtime(self.time_s);
        header.set_size(bytes.len() as u64);
        header.set_path(name)?;
        header.set_cksum();
        self.tar.append(&header, bytes)?;
        self.told.push(json!({"name": name, "bytes": bytes.len(), "sha256": hex(&Sha256::digest(bytes))}));
        Ok(())
    }
}

/// A member's name for a rule file: numbered, for two directories may hold files of one name.
fn rule_name(at: usize, file: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    let name: String = file.chars().map(plain).take(NAME_BYTES_MAX - RULES.len() - 8).collect();
    format!("{RULES}{at:04}-{name}")
}

/// A line a row: what the proof binds, and the event beneath. Only the first row of a record has its bytes.
fn readable(batch: &RecordBatch, out: &mut Vec<u8>) -> io::Result<()> {
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| io::Error::other("a column is missing"));
    let (raw, input) = (column(name::RAW)?.as_binary::<i32>(), column(name::INPUT)?.as_string::<i32>());
    let received = column(name::RECEIVED)?.as_primitive::<arrow_array::types::TimestampNanosecondType>();
    for row in 0..batch.num_rows() {
        let mut line = json!({"sequence": rows::sequence_of(batch, row)});
        if !raw.is_null(row) {
            line["input"] = input.value(row).into();
            line["received"] = format_rfc3339(received.value(row)).into();
            match std::str::from_utf8(raw.value(row)) {
                Ok(text) => line["raw"] = text.into(),
                Err(_) => line["raw_base64"] = STANDARD.encode(raw.value(row)).into(),
            }
        }
        line["event"] = rows::document(batch, row);
        serde_json::to_writer(&mut *out, &line)?;
        out.push(b'\n');
    }
    Ok(())
}

fn parquet_of(batches: &[RecordBatch]) -> io::Result<Vec<u8>> {
    let (disk, path) = (SimulatedDisk::new(), Path::new("/pack").join(PARQUET));
    seal::write(&disk, &path, batches, None)?.put(&disk)?;
    disk.read(&path)
}
