//! `noroshi witness`: on another host, cosigns that an archive only ever grows.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use noroshi_input::files::RealFiles;
use noroshi_tree::witness::Witness;
use noroshi_tree::{KeyKind, Signer, Verifier};

use super::Outcome;
use super::args::{WitnessCommand, WitnessInitArgs, WitnessRunArgs};
use super::files::now_ns;
use super::run::start_log;
use crate::witness;

/// Name of the key in the witness's directory.
const KEY_FILE: &str = "witness.key";

pub(crate) fn witness(command: &WitnessCommand) -> anyhow::Result<Outcome> {
    match command {
        WitnessCommand::Init(args) => init(args),
        WitnessCommand::Run(args) => run(args),
    }
}

/// Makes the key and prints the public half, which archives and auditors are given.
fn init(args: &WitnessInitArgs) -> anyhow::Result<Outcome> {
    use noroshi_input::files::Files as _;
    let directory = args.dir.display();
    let signer = Signer::generate(&args.name, KeyKind::Cosignature).map_err(anyhow::Error::msg)?;
    RealFiles.create_directory(&args.dir).with_context(|| format!("cannot create {directory}"))?;
    signer.save(&RealFiles, &args.dir.join(KEY_FILE)).map_err(anyhow::Error::msg)?;
    println!("{}", signer.verifier());
    eprintln!(
        "wrote {directory}/{KEY_FILE}; give the line above to the archives and to whoever verifies them\nnext: noroshi witness run --dir {directory} --log KEY"
    );
    Ok(Outcome::Done)
}

fn run(args: &WitnessRunArgs) -> anyhow::Result<Outcome> {
    start_log("info");
    let signer = Signer::load(&RealFiles, &args.dir.join(KEY_FILE)).map_err(|error| {
        anyhow::anyhow!("{error}\n   = help: `noroshi witness init --dir {} NAME` makes one", args.dir.display())
    })?;
    let logs = args.log.iter().map(|log| log_key(log)).collect::<anyhow::Result<Vec<_>>>()?;
    if logs.is_empty() {
        bail!(
            "no --log is given, so every checkpoint would be refused\n   = help: give the verifier key of each archive"
        );
    }
    let witness = Witness::open(Arc::new(RealFiles), &args.dir, signer, logs).map_err(anyhow::Error::msg)?;
    println!("{}", witness.verifier());
    for seen in witness.seen() {
        tracing::info!(origin = %seen.origin, size = seen.size, root = %seen.root, "last cosigned");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let listener = witness::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
        tracing::info!(address = %listener.local_addr()?, "witnessing");
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            served = witness::serve(listener, witness, now_s) => served.context("the witness is not served any more")?,
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        anyhow::Ok(Outcome::Done)
    })
}

fn now_s() -> u64 {
    u64::try_from(now_ns() / 1_000_000_000).unwrap_or(0)
}

/// A key as text, or the file that holds it.
fn log_key(text: &str) -> anyhow::Result<Verifier> {
    let key = if text.contains('+') {
        text.to_owned()
    } else {
        std::fs::read_to_string(Path::new(text)).with_context(|| format!("cannot read the key file {text}"))?
    };
    let verifier = Verifier::parse(key.trim()).map_err(|error| anyhow::anyhow!("--log {text}: {error}"))?;
    if verifier.kind() != KeyKind::Note {
        bail!("--log {text}: this key cosigns; give that of the archive");
    }
    Ok(verifier)
}
