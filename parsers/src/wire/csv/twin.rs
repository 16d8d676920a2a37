//! The naive twin of [`super::Cells`]: RFC 4180 §2, a character at a time.

use proptest::prelude::*;

use super::Cells;
use crate::event::Event;
use crate::testing::hold;

/// The values of the cells, and whether a quote was never closed.
fn twin(text: &[u8], separator: u8) -> (Vec<Vec<u8>>, bool) {
    let (mut cells, mut unbalanced) = (Vec::new(), false);
    let mut at = 0;
    loop {
        let quotes: [&[u8]; 2] = [b"\"", b"\\\""];
        let quote = quotes.into_iter().find(|quote| !unbalanced && text[at..].starts_with(quote));
        let quoted = quote.and_then(|quote| {
            let read = quoted(&text[at + quote.len()..], quote, separator);
            unbalanced |= read.is_none();
            read.map(|(value, len)| (value, at + quote.len() + len))
        });
        let (value, end) = quoted.unwrap_or_else(|| {
            let len = text[at..].iter().position(|&byte| byte == separator).unwrap_or(text.len() - at);
            (text[at..at + len].to_vec(), at + len)
        });
        cells.push(value);
        if end >= text.len() {
            return (cells, unbalanced);
        }
        at = end + 1;
    }
}

/// The value of a quoted cell, from behind its quote, and where what follows the closing one stands. The quote closes
/// where the separator or the end follows; two are one; any other is a character.
fn quoted(text: &[u8], quote: &[u8], separator: u8) -> Option<(Vec<u8>, usize)> {
    let mut value = Vec::new();
    let mut at = 0;
    let mut doubled = false;
    while at < text.len() {
        if !text[at..].starts_with(quote) {
            value.push(text[at]);
            at += 1;
            continue;
        }
        match text.get(at + quote.len()) {
            None => return Some((undoubled(value, doubled), at + quote.len())),
            Some(&byte) if byte == separator => return Some((undoubled(value, doubled), at + quote.len())),
            Some(b'"') if quote == b"\"" => {
                doubled = true;
                value.extend_from_slice(b"\"\"");
                at += 2;
            }
            Some(_) => {
                value.extend_from_slice(quote);
                at += quote.len();
            }
        }
    }
    None
}

/// Two quotes are one, from the left, where some were doubled.
fn undoubled(value: Vec<u8>, doubled: bool) -> Vec<u8> {
    if !doubled {
        return value;
    }
    let mut made = Vec::new();
    let mut bytes = value.into_iter().peekable();
    while let Some(byte) = bytes.next() {
        made.push(byte);
        if byte == b'"' && bytes.peek() == Some(&b'"') {
            bytes.next();
        }
    }
    made
}

fn check(text: &[u8], separator: u8) {
    let mut event = Event::new();
    event.clear();
    let mut writer = event.writer(text);
    let mut cells = Cells::separated(text, separator);
    let mut found = Vec::new();
    for cell in cells.by_ref() {
        let span = cell.span(&mut writer);
        found.push(writer.bytes(span).to_vec());
    }
    assert_eq!((found, cells.unbalanced), twin(text, separator), "{}", text.escape_ascii());
}

#[test]
fn golden_records_and_damaged_ones_read_as_the_twin_does() {
    hold(b",\"\\\t;", |record| {
        for separator in [b',', b'\t', b';'] {
            check(record, separator);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_reads_as_the_twin_does(text in "[ab,\"\\\\; ]{0,40}") {
        check(text.as_bytes(), b',');
        check(text.as_bytes(), b';');
    }
}
