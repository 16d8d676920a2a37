//! Loads rule files and directories given as arguments, and tells what is refused and why.
//!
//! `cargo run -p noroshi-rules --example refused -- PATH…`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::logsource::{LOG_SOURCES, LogSourceId};
use noroshi_rules::{Options, RuleSet, Severity};

fn gather(path: &Path, files: &mut Vec<(PathBuf, String)>) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            gather(&entry?.path(), files)?;
        }
    } else if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
        files.push((path.to_path_buf(), std::fs::read_to_string(path)?));
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let mut files = Vec::new();
    for path in std::env::args_os().skip(1) {
        gather(Path::new(&path), &mut files)?;
    }
    let (count, mut dictionary) = (files.len(), Dictionary::new());
    let begun = Instant::now();
    let loaded = RuleSet::load(files, &mut dictionary, &Options::default());
    let took = begun.elapsed();
    let mut refused = BTreeMap::new();
    for told in &loaded.diagnostics {
        if told.severity == Severity::Error {
            *refused.entry(told.message.clone()).or_insert(0) += 1;
        }
        println!("{told}\n");
    }
    println!(
        "{count} files: {} rules, {} correlations, in {took:?}",
        loaded.rules.len(),
        loaded.rules.correlations().len()
    );
    for (message, times) in refused {
        println!("{times:5} {message}");
    }
    for (at, source) in LOG_SOURCES.iter().enumerate() {
        let always = loaded.rules.always_evaluated(LogSourceId(at as u16));
        if always > 0 {
            println!("{:40} {always} rules are always evaluated", source.name);
        }
    }
    Ok(())
}
