//! Matching the mixed stream against rule sets of four sizes; decoding is taken off.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};
use noroshi_parsers::decode::Decoder;
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::Event;
use noroshi_rules::{Options, RuleSet, Scratch};

use super::decoding::{decode, options};
use super::{SEED, STREAM_BYTES, split_pass};
use crate::generate::{Class, sigma};
use crate::measure::{Case, Pass};
use crate::stream::Stream;

/// Sizes of the rule sets.
const SIZES: [usize; 4] = [10, 100, 1_000, 3_000];

/// Events of the comparison of two sizes, decoded before: few enough to stay near, enough of every kind.
const COMPARED_EVENTS: usize = 4_096;

/// Bytes of the stream that answers are checked on: enough for every planted kind. What is timed is its begin.
pub(super) const CHECKED_BYTES: usize = 32 << 20;

/// Look-ups by (event, rule) of the full scan that the answer is compared with. It is some thousand times
/// slower than what is timed.
const SCANNED: usize = 1_000_000;

pub(super) fn cases() -> Result<Vec<Case>> {
    let (stream, checked) = (Arc::new(Stream::mixed(SEED, STREAM_BYTES)), Stream::mixed(SEED, CHECKED_BYTES));
    let mut cases: Vec<Case> = SIZES.iter().map(|&size| case(&stream, &checked, size)).collect::<Result<_>>()?;
    cases.push(growth(&stream)?);
    Ok(cases)
}

/// What an event costs at 3,000 rules beside 100: evaluation alone, of events decoded before.
fn growth(stream: &Arc<Stream>) -> Result<Case> {
    let (measured, of_many) = evaluation(stream, 3_000)?;
    let (baseline, of_few) = evaluation(stream, 100)?;
    let count = stream.lines.len().min(COMPARED_EVENTS) as u64;
    Ok(Case {
        name: "match/3000_beside_100".to_owned(),
        unit: "event",
        count,
        bytes: stream.bytes.len() as u64,
        without: None,
        measured,
        baseline_name: "100 rules",
        baseline_count: count,
        baseline,
        note: format!("{of_many} hits, {of_few} with 100 rules"),
    })
}

/// A pass over decoded events with a set of that size, and how many hits it has.
fn evaluation(stream: &Arc<Stream>, size: usize) -> Result<(Pass, usize)> {
    let (rules, dictionary, _) = load(size)?;
    let options = options(stream);
    let mut decoder = Decoder::new(dictionary);
    let decoded = stream.records().take(COMPARED_EVENTS).map(|(record, _)| {
        let mut event = Event::new();
        decoder.decode(record, 0, &options, &mut event);
        (record.to_vec(), event)
    });
    let events: Vec<(Vec<u8>, Event)> = decoded.collect();
    let (mut scratch, mut found) = (Scratch::new(), Vec::new());
    events.iter().for_each(|(record, event)| rules.evaluate(&event.view(record), &mut scratch, &mut found));
    let hits = found.len();
    let pass: Pass = Box::new(move |watch| {
        found.clear();
        watch.time(|| {
            for (record, event) in std::hint::black_box(&events) {
                rules.evaluate(&event.view(record), &mut scratch, &mut found);
            }
        });
        assert_eq!(found.len(), hits, "the answer changed while it was timed");
    });
    Ok((pass, hits))
}

/// A generated set, its dictionary, and by rule the planted kind that it must hit.
pub(super) fn load(size: usize) -> Result<(RuleSet, Arc<Dictionary>, Vec<Option<String>>)> {
    let generated = sigma::rules(SEED, size);
    let files = generated.iter().map(|rule| (PathBuf::from(&rule.file), rule.yaml.clone())).collect();
    let mut dictionary = Dictionary::new();
    let loaded = RuleSet::load(files, &mut dictionary, &Options::default());
    ensure!(loaded.rules.len() == size, "{} of {size} rules were loaded: {:?}", loaded.rules.len(), loaded.diagnostics);
    let by_id: BTreeMap<&str, Option<String>> =
        generated.iter().map(|rule| (rule.id.as_str(), rule.hits.map(|kind| kind.name()))).collect();
    let kinds = loaded.rules.rules().map(|(_, meta)| by_id[meta.id.as_str()].clone()).collect();
    Ok((loaded.rules, Arc::new(dictionary), kinds))
}

fn case(stream: &Arc<Stream>, checked: &Stream, size: usize) -> Result<Case> {
    let (rules, dictionary, kinds) = load(size)?;
    let total = check(checked, &rules, &dictionary, &kinds)?;
    let planted = stream.lines.iter().filter_map(|line| match line.class {
        Class::Planted(kind, _) => Some(kind.name()),
        _ => None,
    });
    let hits = planted.filter(|kind| kinds.iter().flatten().any(|hit| hit == kind)).count();
    let count = stream.lines.len();
    let data = Arc::clone(stream);
    let (mut decoder, mut event, options) = (Decoder::new(Arc::clone(&dictionary)), Event::new(), options(stream));
    let (mut scratch, mut found) = (Scratch::new(), Vec::new());
    Ok(Case {
        name: format!("match/{size}_rules"),
        unit: "event",
        count: count as u64,
        bytes: stream.bytes.len() as u64,
        without: Some(decode_pass(stream, dictionary)),
        measured: Box::new(move |watch| {
            found.clear();
            watch.time(|| {
                decode(std::hint::black_box(&data.bytes), &mut decoder, &options, &mut event, |view| {
                    rules.evaluate(&view, &mut scratch, &mut found);
                })
            });
            assert_eq!(found.len(), hits, "the answer changed while it was timed");
        }),
        baseline_name: "memchr split",
        baseline_count: count as u64,
        baseline: split_pass(stream),
        note: format!("{hits} hits; checked: {total} hits on {} lines", checked.lines.len()),
    })
}

/// Decoding alone: what matching and indicators come on top of.
pub(super) fn decode_pass(stream: &Arc<Stream>, dictionary: Arc<Dictionary>) -> Pass {
    let data = Arc::clone(stream);
    let (mut decoder, mut event, options) = (Decoder::new(dictionary), Event::new(), options(stream));
    Box::new(move |watch| {
        let records = watch.time(|| {
            decode(std::hint::black_box(&data.bytes), &mut decoder, &options, &mut event, |view| {
                std::hint::black_box(view.core().log_source);
            })
        });
        assert_eq!(records, data.lines.len(), "decoding lost records");
    })
}

/// Every planted line is hit by its rule, no sound line by another; the full scan says the same.
fn check(stream: &Stream, rules: &RuleSet, dictionary: &Arc<Dictionary>, kinds: &[Option<String>]) -> Result<usize> {
    let (mut decoder, mut event, options) = (Decoder::new(Arc::clone(dictionary)), Event::new(), options(stream));
    let (mut scratch, mut hits, mut scanned) = (Scratch::new(), Vec::new(), Vec::new());
    let (mut total, mut every) = (0, stream.lines.len() * rules.len() / SCANNED);
    every = every.max(1);
    for (number, (record, line)) in stream.records().enumerate() {
        decoder.decode(record, 0, &options, &mut event);
        let view = event.view(record);
        hits.clear();
        rules.evaluate(&view, &mut scratch, &mut hits);
        total += hits.len();
        let planted = match line.class {
            Class::Planted(kind, _) => Some(kind.name()),
            _ => None,
        };
        let told = || format!("line {}: {}", number + 1, String::from_utf8_lossy(record));
        let expected = kinds.iter().filter(|kind| kind.is_some() && **kind == planted).count();
        ensure!(
            hits.len() == expected && hits.iter().all(|hit| kinds[hit.index()] == planted),
            "{hits:?} where {expected} of kind {planted:?} were planted, {}",
            told()
        );
        if number % every == 0 || planted.is_some() {
            scanned.clear();
            rules.full_scan(&view, dictionary, &mut scanned);
            ensure!(hits == scanned, "{hits:?} where the full scan says {scanned:?}, {}", told());
        }
    }
    ensure!(total > 0, "nothing was hit");
    Ok(total)
}
