//! What the tests of the decoders share: a record in, `name=value` pairs out.

use std::cell::Cell;
use std::sync::Arc;

use crate::decode::{Context, Decoder, SourceOptions};
use crate::dictionary::{Dictionary, FieldId};
use crate::event::Event;
use crate::time::{format_rfc3339, take_iso};
use crate::wire::successors::Successors;
use crate::zone::Zone;

/// Decodes `record` as of 2026-03-15T12:00:00Z in UTC.
pub(crate) fn decode(record: &[u8], zone: &str, check: impl FnOnce(&Event, &Dictionary)) {
    let dictionary = Arc::new(Dictionary::new());
    let mut decoder = Decoder::new(Arc::clone(&dictionary));
    let (reference, _) = take_iso(b"2026-03-15T12:00:00Z").unwrap();
    let options = SourceOptions {
        zone: Zone::parse(zone).unwrap(),
        reference_time_ns: reference.civil.at_offset(0).unwrap(),
        ..SourceOptions::default()
    };
    let mut event = Event::new();
    decoder.decode(record, 0, &options, &mut event);
    assert_eq!(event.view(record).original(), record);
    check(&event, &dictionary);
}

/// The wanted fields of a record as `name=value` joined by `; `, several values by `,`.
///
/// `time` is the event time, `defects` the oddities, a name ending in `*` every field
/// that begins so. Absent fields are left out.
pub(crate) fn fields(record: &[u8], zone: &str, wanted: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    decode(record, zone, |event, dictionary| {
        let view = event.view(record);
        let mut all: Vec<(String, String)> = Vec::new();
        for field in view.fields() {
            let name = if field.id == FieldId::UNNAMED {
                String::from_utf8_lossy(view.own_name(field)).into_owned()
            } else {
                dictionary.name(field.id).to_owned()
            };
            let value = String::from_utf8_lossy(view.value(field)).into_owned();
            match all.iter_mut().find(|(other, _)| *other == name) {
                Some((_, values)) => *values = format!("{values},{value}"),
                None => all.push((name, value)),
            }
        }
        for name in wanted.split_whitespace() {
            match name {
                "time" if view.core().time_from_record => {
                    out.push(format!("time={}", format_rfc3339(view.core().time_ns)));
                }
                "defects" => {
                    let names: Vec<_> = view.defects().iter().map(crate::defect::Defect::name).collect();
                    if !names.is_empty() {
                        out.push(format!("defects={}", names.join(",")));
                    }
                }
                _ => {
                    let matches = |other: &str| match name.strip_suffix('*') {
                        Some(prefix) => other.starts_with(prefix),
                        None => other == name,
                    };
                    out.extend(
                        all.iter().filter(|(other, _)| matches(other)).map(|(name, value)| format!("{name}={value}")),
                    );
                }
            }
        }
    });
    out.join("; ")
}

/// The document of a record, as of 2026-03-15T12:00:00Z in UTC.
pub(crate) fn document(record: &str) -> serde_json::Value {
    let mut document = serde_json::Value::Null;
    decode(record.as_bytes(), "UTC", |event, dictionary| {
        document = crate::document::to_json(event.view(record.as_bytes()), dictionary);
    });
    document
}

/// Every record of the golden inputs of all products.
pub(crate) fn golden_records() -> Vec<Vec<u8>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let listed = |path: &std::path::Path| {
        let mut entries: Vec<_> = std::fs::read_dir(path)
            .expect("testdata is there")
            .map(|entry| entry.expect("it can be listed").path())
            .collect();
        entries.sort();
        entries
    };
    let mut records = Vec::new();
    for format in listed(&root).iter().filter(|path| path.is_dir()) {
        for input in listed(format).iter().filter(|path| path.extension().is_some_and(|extension| extension == "in")) {
            let text = std::fs::read(input).expect("an input can be read");
            records.extend(text.split(|&byte| byte == b'\n').filter(|record| !record.is_empty()).map(<[u8]>::to_vec));
        }
    }
    assert!(records.len() > 1000, "the golden records are there");
    records
}

/// Asks `holds` of every golden record, and of each damaged: cut at either end, a byte flipped, one of `delimiters` put
/// in, doubled or taken out. The damage is the same in every run.
pub(crate) fn hold(delimiters: &[u8], mut holds: impl FnMut(&[u8])) {
    const ROUNDS: usize = 6;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    for record in golden_records() {
        holds(&record);
        for _ in 0..ROUNDS {
            let cut = below(record.len());
            holds(&record[..cut]);
            holds(&record[cut..]);
            let mut flipped = record.clone();
            flipped[below(record.len())] = below(256) as u8;
            holds(&flipped);
            let mut put = record.clone();
            put.insert(below(record.len()), delimiters[below(delimiters.len())]);
            holds(&put);
            let found: Vec<usize> = (0..record.len()).filter(|&at| delimiters.contains(&record[at])).collect();
            if !found.is_empty() {
                let at = found[below(found.len())];
                let mut doubled = record.clone();
                doubled.insert(at, record[at]);
                holds(&doubled);
                let mut without = record.clone();
                without.remove(at);
                holds(&without);
            }
        }
    }
}

/// Calls `use_it` with what a decoder that has read nothing yet would hand its readers, as of 2026-03-15T12:00:00Z in UTC.
pub(crate) fn with_context<T>(use_it: impl FnOnce(&Context<'_>) -> T) -> T {
    thread_local! {
        static DICTIONARY: Dictionary = Dictionary::new();
    }
    let (reference, _) = take_iso(b"2026-03-15T12:00:00Z").unwrap();
    let options =
        SourceOptions { reference_time_ns: reference.civil.at_offset(0).unwrap(), ..SourceOptions::default() };
    DICTIONARY.with(|dictionary| {
        use_it(&Context {
            dictionary,
            options: &options,
            receive_time_ns: 0,
            successors: &Successors::new(dictionary),
            last_stamp: &Cell::default(),
            learned: &Cell::default(),
            scratch: &Cell::default(),
        })
    })
}
