//! `noroshi archive init`: the first key of the open tail, shown once.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use noroshi_archive::tree::mac::FirstKey;
use noroshi_archive::{TAIL_STATE, init as give_first_key};
use noroshi_input::files::{Files as _, RealFiles};

use super::Outcome;
use super::args::{ArchiveCommand, ArchivePlace};
use super::audit::lock_archive;
use crate::config::{Config, join};

pub(crate) fn archive(command: &ArchiveCommand) -> anyhow::Result<Outcome> {
    match command {
        ArchiveCommand::Init(args) => init(args),
    }
}

fn init(args: &ArchivePlace) -> anyhow::Result<Outcome> {
    let directory = match &args.archive {
        Some(directory) => directory.clone(),
        None => {
            let path = args.config.clone().unwrap_or_else(|| PathBuf::from("noroshi.toml"));
            Config::load(&path).map_err(|errors| anyhow::Error::msg(join(&errors)))?.archive_dir()
        }
    };
    RealFiles.create_directory(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let _lock = lock_archive(&directory)?;
    let first = give_first_key(&RealFiles, &directory).map_err(anyhow::Error::msg)?;
    let shown = writeln!(std::io::stdout(), "{}", first.to_text().as_str());
    if let Err(cause) = shown {
        // Nobody has seen the key: what would be held by it could never be verified.
        RealFiles.remove(&directory.join(TAIL_STATE))?;
        return Err(cause).context("cannot show the key, so it was given up");
    }
    eprintln!(
        "this is the first key of {}; it is shown once and kept nowhere: put it where this host cannot read it\n\
         next: noroshi run; later: noroshi verify --first-key FILE",
        directory.display()
    );
    Ok(Outcome::Done)
}

/// The first key in a file, or on standard input.
pub(crate) fn first_key(path: &Path) -> anyhow::Result<FirstKey> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read the first key from {}", path.display()))?;
    FirstKey::parse(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}
