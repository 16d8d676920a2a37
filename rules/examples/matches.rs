//! Decodes files of one record a line, and prints which rules match each record.
//!
//! `cargo run -p noroshi-rules --example matches -- RULES_FOLDER FILE…`
//!
//! Each record is evaluated by both paths, which must agree. With the environment variable
//! `EXPECT_NAME=1` a file's name without its ending is a rule that must match in it: those that
//! do not are listed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::Event;
use noroshi_rules::{Options, RuleSet, Scratch};

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
    let mut arguments = std::env::args_os().skip(1);
    let mut files = Vec::new();
    gather(Path::new(&arguments.next().unwrap_or_default()), &mut files)?;
    let mut dictionary = Dictionary::new();
    let set = RuleSet::load(files, &mut dictionary, &Options::default()).rules;
    let dictionary = Arc::new(dictionary);
    let mut decoder = Decoder::new(Arc::clone(&dictionary));
    let (mut event, mut scratch) = (Event::new(), Scratch::new());
    let expects = std::env::var_os("EXPECT_NAME").is_some();
    let (mut records, mut candidates, mut missed, mut spent) = (0, 0, Vec::new(), std::time::Duration::ZERO);
    for path in arguments.map(PathBuf::from) {
        let text = std::fs::read(&path)?;
        let mut matched = BTreeSet::new();
        let mut sources = BTreeSet::new();
        for record in text.split(|byte| *byte == b'\n').filter(|record| !record.is_empty()) {
            decoder.decode(record, 0, &SourceOptions::default(), &mut event);
            let view = event.view(record);
            let (mut hits, mut slow) = (Vec::new(), Vec::new());
            // Once to warm the caches of the expressions, then for the clock.
            set.evaluate(&view, &mut scratch, &mut hits);
            hits.clear();
            let begun = Instant::now();
            set.evaluate(&view, &mut scratch, &mut hits);
            spent += begun.elapsed();
            records += 1;
            candidates += RuleSet::candidates_len(&scratch);
            set.full_scan(&view, &dictionary, &mut slow);
            assert_eq!(hits, slow, "the two paths differ on a record of {}", path.display());
            sources.insert(view.core().log_source.get().name);
            matched.extend(hits.iter().map(|hit| set.rule(*hit).id.clone()));
        }
        if expects {
            let wanted = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if !matched.contains(&wanted) {
                missed.push(format!("{wanted} {sources:?}"));
            }
        } else {
            println!("{}: {matched:?}", path.display());
        }
    }
    println!("{} rules, {records} records, {candidates} candidates, {spent:?} evaluating", set.len());
    for one in missed {
        println!("missed {one}");
    }
    Ok(())
}
