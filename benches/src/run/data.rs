//! The files of the whole runs: a stream with its truth, rules, indicators. Made once, kept while the generator
//! makes the same bytes.

use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::figures::SEED;
use crate::generate::indicators::{self, ListForm};
use crate::generate::truth::Truth;
use crate::generate::{Extent, Generator, Options, sigma};

/// Rules of the whole runs.
pub const RULES: usize = 100;
/// Indicators of the whole runs.
pub const INDICATORS: u64 = 1_000_000;

/// Where things are.
#[derive(Clone, Debug)]
pub struct Data {
    /// The stream.
    pub stream: PathBuf,
    /// Its truth.
    pub truth: Truth,
    /// Directory of the rules.
    pub rules: PathBuf,
    /// The list of indicators.
    pub indicators: PathBuf,
}

/// Makes what is not there, or not from this generator.
///
/// # Errors
/// What the file system returns.
pub fn prepare(directory: &Path, bytes: u64) -> Result<Data> {
    fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))?;
    let data = Data {
        stream: directory.join(format!("mixed-{bytes}.log")),
        truth: Truth::default(),
        rules: directory.join(format!("rules-{RULES}")),
        indicators: directory.join(format!("indicators-{INDICATORS}.csv")),
    };
    if !data.indicators.exists() {
        let unfinished = data.indicators.with_extension("part");
        let mut out = BufWriter::new(File::create(&unfinished)?);
        indicators::write_list(SEED, INDICATORS, ListForm::Csv, &mut out)?;
        out.flush()?;
        fs::rename(unfinished, &data.indicators)?;
    }
    // Rules are few: written anew, so that a changed generator never meets old ones.
    if data.rules.exists() {
        fs::remove_dir_all(&data.rules)?;
    }
    fs::create_dir_all(&data.rules)?;
    for rule in sigma::rules(SEED, RULES) {
        fs::write(data.rules.join(&rule.file), &rule.yaml)?;
    }
    let generator = Generator::new(Options::mixed(SEED));
    let truth_path = data.stream.with_extension("truth.json");
    if let Some(truth) = known(&data.stream, &truth_path, &generator) {
        return Ok(Data { truth, ..data });
    }
    let mut file = File::create(&data.stream).with_context(|| format!("creating {}", data.stream.display()))?;
    let truth = generator.write(Extent::Bytes(bytes), &mut file)?;
    fs::write(truth_path, serde_json::to_vec(&truth)?)?;
    Ok(Data { truth, ..data })
}

/// The truth of a stream that is there whole and begins as the generator's does.
fn known(stream: &Path, truth: &Path, generator: &Generator) -> Option<Truth> {
    let truth: Truth = serde_json::from_slice(&fs::read(truth).ok()?).ok()?;
    let mut file = File::open(stream).ok()?;
    let first = generator.chunk(0).bytes;
    let mut head = vec![0; first.len().min(usize::try_from(truth.bytes).ok()?)];
    file.read_exact(&mut head).ok()?;
    let whole = file.metadata().ok()?.len() == truth.bytes;
    (whole && first.starts_with(&head)).then_some(truth)
}
