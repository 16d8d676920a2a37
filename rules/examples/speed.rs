//! Times rules against records of one line each, decoding and matching apart.
//!
//! `cargo run --release -p noroshi-rules --example speed -- RULES_FOLDER PASSES FILE…`
//!
//! Records are decoded once into events of their own and evaluated `PASSES` times in turn, so that what is
//! timed is evaluation alone with the caches as cold as other events leave them: the best pass counts.
//! With `CHECK=1` every tenth event is also evaluated by the full scan, which must agree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::Event;
use noroshi_rules::{Options, RuleSet, Scratch};

/// Events held decoded at once.
const EVENTS_MAX: usize = 4_000;

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
    let passes: usize = arguments.next().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(3);
    let mut dictionary = Dictionary::new();
    let begun = Instant::now();
    let loaded = RuleSet::load(files, &mut dictionary, &Options::default());
    let set = loaded.rules;
    println!("{} rules loaded in {:?}", set.len(), begun.elapsed());
    let dictionary = Arc::new(dictionary);
    let mut decoder = Decoder::new(Arc::clone(&dictionary));
    let mut records = Vec::new();
    for path in arguments.map(PathBuf::from) {
        let text = std::fs::read(&path)?;
        let lines = text.split(|byte| *byte == b'\n').filter(|record| !record.is_empty());
        records.extend(lines.map(<[u8]>::to_vec));
    }
    let step = records.len().div_ceil(EVENTS_MAX).max(1);
    let records: Vec<Vec<u8>> = records.into_iter().step_by(step).collect();
    let events: Vec<Event> = records
        .iter()
        .map(|record| {
            let mut event = Event::new();
            decoder.decode(record, 0, &SourceOptions::default(), &mut event);
            event
        })
        .collect();
    let (mut scratch, mut hits, mut slow) = (Scratch::new(), Vec::new(), Vec::new());
    let mut sources: BTreeMap<&str, (usize, usize, u128)> = BTreeMap::new();
    let mut best = u128::MAX;
    let mut total = 0;
    for pass in 0..passes {
        total = 0;
        let begun = Instant::now();
        for (record, event) in records.iter().zip(&events) {
            hits.clear();
            set.evaluate(&event.view(record), &mut scratch, &mut hits);
            total += hits.len();
        }
        best = best.min(begun.elapsed().as_nanos());
        if pass == 0 {
            for (number, (record, event)) in records.iter().zip(&events).enumerate() {
                let view = event.view(record);
                hits.clear();
                let begun = Instant::now();
                set.evaluate(&view, &mut scratch, &mut hits);
                let spent = begun.elapsed().as_nanos();
                let told = sources.entry(view.core().log_source.get().name).or_default();
                told.0 += 1;
                told.1 += RuleSet::candidates_len(&scratch);
                told.2 += spent;
                if std::env::var_os("CHECK").is_some() && number % 10 == 0 {
                    slow.clear();
                    set.full_scan(&view, &dictionary, &mut slow);
                    assert_eq!(hits, slow, "record {number}");
                }
            }
        }
    }
    for (name, (events, candidates, spent)) in sources {
        let each = |sum: u128| sum as f64 / events as f64;
        println!("{name:32} {events:6} events {:6.2} candidates {:8.0} ns", each(candidates as u128), each(spent));
    }
    let bytes: usize = records.iter().map(Vec::len).sum();
    println!(
        "{} events of {} B, {total} hits, {} ns an event",
        records.len(),
        bytes / records.len().max(1),
        best / records.len().max(1) as u128
    );
    Ok(())
}
