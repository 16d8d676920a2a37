//! What the tests of the decoders share: a record in, `name=value` pairs out.

use std::sync::Arc;

use crate::decode::{Decoder, SourceOptions};
use crate::dictionary::{Dictionary, FieldId};
use crate::event::Event;
use crate::time::{format_rfc3339, take_iso};
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
