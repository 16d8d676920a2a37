//! Looking the mixed stream's fields up among indicators, with decoding taken off; its text; and everything together.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use noroshi_parsers::decode::Decoder;
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::Event;
use noroshi_rules::indicators::Looks;
use noroshi_rules::{Indicators, Scratch};

use super::correlating::Upserts;
use super::decoding::{decode, options};
use super::matching::{CHECKED_BYTES, decode_pass};
use super::{SEED, STREAM_BYTES, split_pass};
use crate::generate::Class;
use crate::generate::indicators::{self, ListForm};
use crate::measure::Case;
use crate::stream::Stream;

/// Sizes of the lists, and what they are called.
const SIZES: [(u64, &str); 2] = [(1_000, "1k"), (1_000_000, "1m")];

pub(super) fn cases() -> Result<Vec<Case>> {
    let (stream, checked) = (Arc::new(Stream::mixed(SEED, STREAM_BYTES)), Stream::mixed(SEED, CHECKED_BYTES));
    let mut cases: Vec<Case> =
        SIZES.iter().map(|&(size, name)| case(&stream, &checked, size, name)).collect::<Result<_>>()?;
    cases.push(raw(&stream)?);
    Ok(cases)
}

/// Everything an event goes through on one core.
pub(super) fn together_cases() -> Result<Vec<Case>> {
    Ok(vec![together(&Arc::new(Stream::mixed(SEED, STREAM_BYTES)))?])
}

fn load(size: u64) -> Result<Indicators> {
    let mut list = Vec::new();
    indicators::write_list(SEED, size, ListForm::Csv, &mut list)?;
    let (set, diagnostics) = Indicators::load(vec![(PathBuf::from("indicators.csv"), String::from_utf8(list)?)]);
    ensure!(set.len() as u64 == size && diagnostics.is_empty(), "{} of {size} loaded: {diagnostics:?}", set.len());
    Ok(set)
}

/// Everything in the text of records that could be an indicator, looked up among a million with all parents.
fn raw(stream: &Arc<Stream>) -> Result<Case> {
    let set = load(1_000_000)?;
    let data = Arc::clone(stream);
    let scan =
        move || data.records().map(|(record, _)| set.scan_text(std::hint::black_box(record)).len()).sum::<usize>();
    let hits = scan();
    let planted = stream.lines.iter().filter(|line| matches!(line.class, Class::Planted(_, Some(_)))).count();
    ensure!(hits >= planted && planted > 0, "{hits} hits in the text of {planted} contacts");
    let count = stream.lines.len() as u64;
    Ok(Case {
        name: "indicators/raw_1m".to_owned(),
        unit: "event",
        count,
        bytes: stream.bytes.len() as u64,
        without: None,
        measured: Box::new(move |watch| assert_eq!(watch.time(&scan), hits, "the answer changed while it was timed")),
        baseline_name: "memchr split",
        baseline_count: count,
        baseline: split_pass(stream),
        note: format!("{hits} hits"),
    })
}

/// Framing, decoding, 3,000 rules and a million indicators, on one core.
fn together(stream: &Arc<Stream>) -> Result<Case> {
    let (rules, dictionary, _) = super::matching::load(3_000)?;
    let set = load(1_000_000)?;
    let data = Arc::clone(stream);
    let (mut decoder, mut event, options) = (Decoder::new(dictionary), Event::new(), options(stream));
    let (mut scratch, mut looks, mut hits, mut found) = (Scratch::new(), Looks::default(), Vec::new(), Vec::new());
    let mut pass = move || {
        hits.clear();
        found.clear();
        decode(std::hint::black_box(&data.bytes), &mut decoder, &options, &mut event, |view| {
            // As a worker does.
            set.begin(&view, &mut looks);
            rules.evaluate(&view, &mut scratch, &mut hits);
            set.finish(&view, &looks, &mut found);
        });
        (hits.len(), found.len())
    };
    // Which these must be is checked where rules and indicators are timed alone.
    let expected = pass();
    ensure!(expected.0 > 0 && expected.1 > 0, "nothing was hit");
    let count = stream.lines.len() as u64;
    Ok(Case {
        name: "together/3000_rules_1m".to_owned(),
        unit: "event",
        count,
        bytes: stream.bytes.len() as u64,
        without: None,
        measured: Box::new(move |watch| assert_eq!(watch.time(&mut pass), expected, "the answer changed")),
        baseline_name: "memchr split",
        baseline_count: count,
        baseline: split_pass(stream),
        note: format!("{} hits of rules, {} of indicators", expected.0, expected.1),
    })
}

fn case(stream: &Arc<Stream>, checked: &Stream, size: u64, name: &str) -> Result<Case> {
    let set = load(size)?;
    let dictionary = Arc::new(Dictionary::new());
    check(checked, &set, &dictionary)?;
    // The begin of the stream that was checked.
    let hits = check(stream, &set, &dictionary)?;
    let count = stream.lines.len();
    let data = Arc::clone(stream);
    let (mut decoder, mut event, options) = (Decoder::new(Arc::clone(&dictionary)), Event::new(), options(stream));
    let mut found = Vec::new();
    let note = format!("{hits} hits, {} MiB", set.memory_bytes() >> 20);
    let mut upserts = Upserts::new(1_000_000);
    Ok(Case {
        name: format!("indicators/{name}"),
        unit: "event",
        count: count as u64,
        bytes: stream.bytes.len() as u64,
        without: Some(decode_pass(stream, dictionary)),
        measured: Box::new(move |watch| {
            found.clear();
            watch.time(|| {
                decode(std::hint::black_box(&data.bytes), &mut decoder, &options, &mut event, |view| {
                    set.lookup(&view, &mut found);
                })
            });
            assert_eq!(found.len(), hits, "the answer changed while it was timed");
        }),
        baseline_name: "hash upserts",
        baseline_count: upserts.turn as u64,
        baseline: Box::new(move |watch| upserts.pass(watch)),
        note,
    })
}

/// The value of an indicator as the engine writes it.
fn normalised(value: &str) -> String {
    let value = value.strip_prefix("http://").unwrap_or(value);
    value.parse::<std::net::IpAddr>().map_or_else(|_| value.to_ascii_lowercase(), |ip| ip.to_string())
}

/// Every planted contact is found, under its indicator; nothing else is.
fn check(stream: &Stream, set: &Indicators, dictionary: &Arc<Dictionary>) -> Result<usize> {
    let planted = indicators::planted(stream.seed);
    let (mut decoder, mut event, options) = (Decoder::new(Arc::clone(dictionary)), Event::new(), options(stream));
    let (mut hits, mut total, mut contacts) = (Vec::new(), 0, 0);
    for (number, (record, line)) in stream.records().enumerate() {
        decoder.decode(record, 0, &options, &mut event);
        hits.clear();
        set.lookup(&event.view(record), &mut hits);
        total += hits.len();
        let found: BTreeSet<String> = hits.iter().map(|hit| set.describe(hit.indicator).value).collect();
        let expected: BTreeSet<String> = match line.class {
            Class::Planted(_, Some(at)) => {
                let indicator = planted.get(at).context("no such planted indicator")?;
                BTreeSet::from([normalised(&indicator.value)])
            }
            _ => BTreeSet::new(),
        };
        contacts += expected.len();
        ensure!(
            found == expected,
            "{found:?} where {expected:?} was planted, line {}: {}",
            number + 1,
            String::from_utf8_lossy(record)
        );
    }
    ensure!(contacts > 0, "no contact is planted");
    Ok(total)
}
