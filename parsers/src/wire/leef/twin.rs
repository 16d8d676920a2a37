//! The naive twin of the LEEF reader: the rules of the QRadar LEEF guide ("LEEF event components", "Predefined LEEF event
//! attributes"), a byte at a time.

use proptest::prelude::*;

use super::{decode, ids};
use crate::dictionary::FieldId;
use crate::event::Event;
use crate::products::kv_table;
use crate::testing::{hold, with_context};
use crate::wire::syslog::Header;

/// Version, vendor, product, version and event id, and the attributes as key and value.
struct Read {
    header: [Vec<u8>; 5],
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// The attributes stand between blanks, as the guide knows none; the key=value reader has a twin of its own.
    spaced: bool,
}

fn twin(text: &[u8]) -> Option<Read> {
    let mut parts = text.splitn(6, |&byte| byte == b'|');
    let mut header: [Vec<u8>; 5] = std::array::from_fn(|_| parts.next().unwrap_or_default().to_vec());
    let mut rest = parts.next().unwrap_or_default();
    header[0] = header[0].clone();
    if !header[0].first()?.is_ascii_digit() || !text.contains(&b'|') {
        return None;
    }
    let mut delimiter = b'\t';
    if header[0][0] == b'2' {
        let bar = rest.iter().position(|&byte| byte == b'|');
        if let Some((said, bar)) = bar.and_then(|bar| Some((said_delimiter(&rest[..bar])?, bar))) {
            delimiter = said;
            rest = &rest[bar + 1..];
        }
    }
    let spaced = delimiter == b'\t' && !rest.contains(&b'\t');
    let mut attributes = Vec::new();
    for pair in rest.split(|&byte| byte == delimiter) {
        let mut halves = pair.splitn(2, |&byte| byte == b'=');
        let (key, value) = (halves.next().unwrap_or_default(), halves.next());
        if let Some(value) = value.filter(|_| !key.is_empty()) {
            attributes.push((key.trim_ascii().to_vec(), value.trim_ascii().to_vec()));
        }
    }
    Some(Read { header, attributes, spaced })
}

/// One character, or its code in hexadecimal behind `x` or `0x`; nothing is the tab.
fn said_delimiter(field: &[u8]) -> Option<u8> {
    let field = std::str::from_utf8(field).ok()?;
    match field.as_bytes() {
        [] => return Some(b'\t'),
        &[byte] => return Some(byte),
        _ if field.len() > 6 => return None,
        _ => {}
    }
    let digits =
        ["0x", "0X", "\\x", "\\X", "0\\x", "0\\X", "x", "X"].iter().find_map(|head| field.strip_prefix(head))?;
    (!digits.contains('+')).then(|| u32::from_str_radix(digits, 16).ok()).flatten()?.try_into().ok()
}

#[track_caller]
fn check(text: &[u8]) {
    let record = [b"LEEF:", text].concat();
    with_context(|context| {
        let mut event = Event::new();
        event.clear();
        let mut writer = event.writer(&record);
        let read = decode(&mut writer, context, &Header { message: &record, ..Header::default() });
        let Some(expected) = twin(text) else {
            assert!(!read, "{}", record.escape_ascii());
            return;
        };
        assert!(read, "{}", record.escape_ascii());
        let ids = ids();
        for (id, expected) in
            [ids.version, ids.vendor, ids.product, ids.product_version, ids.event_id].into_iter().zip(&expected.header)
        {
            assert_eq!(writer.first(id).unwrap_or_default(), &expected[..], "{}", record.escape_ascii());
        }
        if expected.spaced {
            return;
        }
        // The same attributes, written one by one.
        let mut other = Event::new();
        other.clear();
        let mut twin = other.writer(&record);
        for (key, value) in &expected.attributes {
            let value = twin.span_of(value);
            kv_table::put(&mut twin, context, super::targets(), key, value);
        }
        let own = |event: &Event| {
            let view = event.view(&record);
            let header = [ids.version, ids.vendor, ids.product, ids.product_version, ids.event_id];
            let vendor = |field: &&crate::event::Field| {
                (field.vendor || field.id == FieldId::UNNAMED) && !header.contains(&field.id)
            };
            let of =
                |field: &crate::event::Field| (field.id, view.own_name(field).to_vec(), view.value(field).to_vec());
            view.fields().iter().filter(vendor).map(of).collect::<Vec<_>>()
        };
        assert_eq!(own(&event), own(&other), "{}", record.escape_ascii());
    });
}

#[test]
fn golden_records_and_damaged_ones_read_as_the_twin_does() {
    let mut records = 0;
    hold(b"|=\t^x", |record| {
        if let Some(at) = record.windows(5).position(|mark| mark == b"LEEF:") {
            check(&record[at + 5..]);
            records += 1;
        }
    });
    assert!(records > 100, "only {records} records of LEEF");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_reads_as_the_twin_does(text in "[12]\\.0\\|a\\|b\\|c\\|d\\|(|\\^|0?x(09|5e|0005E|1ff|zz|)|\\\\x7c|\\||tab)\\|?([ab]?=?[a= ]{0,4}[\\t^|]){0,4}") {
        check(text.as_bytes());
    }

    #[test]
    fn what_breaks_off_reads_as_the_twin_does(text in "[12x]?(\\.0)?[|a=\\t^x0-9]{0,20}") {
        check(text.as_bytes());
    }
}
