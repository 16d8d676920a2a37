//! The naive twin of the CEF reader: the rules of the Implementation Standard ("Header Information", "The Extension",
//! "Character Encoding"), a byte at a time.

use proptest::prelude::*;

use super::names::ids;
use super::{Attributes, HEADER_FIELDS, KEY_BYTES_MAX, unescape};
use crate::event::Event;
use crate::testing::{hold, with_context};
use crate::wire::syslog::Header;

/// The fields behind the version, without their escapes, and the extension. Less than all where the record breaks off.
fn header(text: &[u8]) -> (Vec<Vec<u8>>, &[u8]) {
    let mut fields = vec![Vec::new()];
    let mut at = 0;
    while at < text.len() {
        match (text[at], text.get(at + 1)) {
            (b'\\', Some(&next)) => {
                // A bar and a backslash are written with a backslash; before anything else it is itself.
                if next != b'|' && next != b'\\' {
                    fields.last_mut().unwrap().push(b'\\');
                }
                fields.last_mut().unwrap().push(next);
                at += 1;
            }
            (b'|', _) if fields.len() == HEADER_FIELDS => return (fields, &text[at + 1..]),
            (b'|', _) => fields.push(Vec::new()),
            (byte, _) => fields.last_mut().unwrap().push(byte),
        }
        at += 1;
    }
    (fields, b"")
}

/// Keys with their values, without escapes. A key is what stands between a blank and a `=`, of letters, digits and the
/// signs that vendors use; a value runs to the next key.
fn extension(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let of_key = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-[]".contains(&byte);
    let mut keys = Vec::new();
    // Where the word began that is being read, if it may be a key.
    let mut word = Some(0);
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'=' => {
                if let Some(from) = word.filter(|from| (1..=KEY_BYTES_MAX).contains(&(at - from))) {
                    keys.push((from, at));
                }
                word = None;
            }
            b' ' | b'\t' | b'|' => word = Some(at + 1),
            byte if of_key(byte) => {}
            _ => word = None,
        }
    }
    let ends: Vec<usize> = keys.iter().skip(1).map(|(from, _)| *from).chain([text.len()]).collect();
    let value = |from: usize, to: usize| undone(text[from..to].trim_ascii_end());
    keys.iter().zip(ends).map(|(&(from, at), end)| (text[from..at].to_vec(), value(at + 1, end))).collect()
}

/// `\=`, `\\`, `\n` and `\r` are escapes; a backslash before anything else is itself.
fn undone(value: &[u8]) -> Vec<u8> {
    let mut made = Vec::new();
    let mut bytes = value.iter();
    while let Some(&byte) = bytes.next() {
        match (byte, bytes.clone().next()) {
            (b'\\', Some(next @ (b'=' | b'\\' | b'n' | b'r'))) => {
                bytes.next();
                made.push(match next {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    other => *other,
                });
            }
            _ => made.push(byte),
        }
    }
    made
}

#[track_caller]
fn check_extension(text: &[u8]) {
    let mut event = Event::new();
    event.clear();
    let mut writer = event.writer(text);
    let mut found = Vec::new();
    for attribute in Attributes::of(text) {
        let value = if attribute.escaped {
            let span = unescape(&mut writer, attribute.value, b"=");
            writer.bytes(span).to_vec()
        } else {
            attribute.value.to_vec()
        };
        found.push((attribute.key.to_vec(), value));
    }
    assert_eq!(found, extension(text), "{}", text.escape_ascii());
}

#[track_caller]
fn check_header(text: &[u8]) {
    let record = [b"CEF:0|", text].concat();
    let (expected, rest) = header(text);
    with_context(|context| {
        let mut event = Event::new();
        event.clear();
        let mut writer = event.writer(&record);
        let header = Header { message: &record, ..Header::default() };
        assert!(super::decode(&mut writer, context, &header));
        let ids = ids();
        let of_header = [ids.vendor, ids.product, ids.device_version, ids.class_id, ids.name, ids.severity];
        for (at, id) in of_header.into_iter().enumerate() {
            let found = writer.first(id);
            assert_eq!(found, expected.get(at).map(Vec::as_slice), "field {at} of {}", record.escape_ascii());
        }
        // Nothing of an extension where the header breaks off.
        assert!(expected.len() == HEADER_FIELDS || rest.is_empty());
    });
    check_extension(rest.trim_ascii());
}

#[test]
fn golden_records_and_damaged_ones_read_as_the_twin_does() {
    let mut records = 0;
    hold(b"|=\\ \t", |record| {
        check_extension(record);
        if let Some(at) = record.windows(4).position(|mark| mark == b"CEF:") {
            let text = &record[at..];
            if let Some(bar) = text.iter().position(|&byte| byte == b'|') {
                check_header(&text[bar + 1..]);
                records += 1;
            }
        }
    });
    assert!(records > 300, "only {records} records of CEF");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_reads_as_the_twin_does(text in "[ab=|\\\\ \\tnr.\"]{0,40}") {
        check_extension(text.as_bytes());
        check_header(text.as_bytes());
    }

    #[test]
    fn long_words_are_no_keys(len in 60usize..70, behind in "[ =a]{0,6}") {
        check_extension(format!("a=1 {}={behind}", "k".repeat(len)).as_bytes());
        check_extension(format!("{}={behind}", "k".repeat(len)).as_bytes());
    }
}
