//! The naive twin of the XML reader: the productions of XML 1.0 (Fifth Edition) that log records use, a byte at a time:
//! [15] Comment, [16] PI, [18] CDSect, [40] STag, [41] Attribute, [42] ETag, [44] EmptyElemTag, [66] CharRef, [68] EntityRef.

use proptest::prelude::*;

use super::{Reader, Token, attributes, text};
use crate::event::Event;
use crate::testing::hold;

/// A token of the twin's, owned.
#[derive(PartialEq, Eq, Debug)]
enum Read {
    Open { name: Vec<u8>, attributes: Vec<u8>, empty: bool },
    Close { name: Vec<u8> },
    Content(Vec<u8>),
    Malformed,
}

/// How many bytes stand before `what`, from `from` on.
fn before(text: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    (from..text.len()).find(|&at| text[at..].starts_with(what))
}

fn local(name: &[u8]) -> Vec<u8> {
    match name.iter().position(|&byte| byte == b':') {
        Some(colon) if colon + 1 < name.len() => name[colon + 1..].to_vec(),
        _ => name.to_vec(),
    }
}

fn twin(text: &[u8]) -> Vec<Read> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(b"<?") {
            match before(text, at, b"?>") {
                Some(end) => at = end + 2,
                None => return malformed(tokens),
            }
        } else if rest.starts_with(b"<!-") || rest.starts_with(b"<![") || !rest.starts_with(b"<") {
            let end = content_end(text, at);
            if end == at {
                return malformed(tokens);
            }
            tokens.push(Read::Content(text[at..end].to_vec()));
            at = end;
        } else if rest.starts_with(b"<!") {
            return malformed(tokens);
        } else {
            match tag(rest) {
                Some((token, len)) => {
                    tokens.push(token);
                    at += len;
                }
                None => return malformed(tokens),
            }
        }
    }
    tokens
}

fn malformed(mut tokens: Vec<Read>) -> Vec<Read> {
    tokens.push(Read::Malformed);
    tokens
}

/// Where text, sections and comments end: at a `<` that begins neither.
fn content_end(text: &[u8], mut at: usize) -> usize {
    while at < text.len() {
        if text[at..].starts_with(b"<![CDATA[") {
            at = before(text, at, b"]]>").map_or(text.len(), |end| end + 3);
        } else if text[at..].starts_with(b"<!--") {
            at = before(text, at + 4, b"-->").map_or(text.len(), |end| end + 3);
        } else if text[at] == b'<' {
            break;
        } else {
            at += 1;
        }
    }
    at
}

/// The tag at the start, and its length.
fn tag(text: &[u8]) -> Option<(Read, usize)> {
    let close = text.get(1) == Some(&b'/');
    let from = if close { 2 } else { 1 };
    let name_end = (from..text.len()).find(|&at| text[at] <= b' ' || b"></".contains(&text[at])).unwrap_or(text.len());
    if name_end == from {
        return None;
    }
    let mut quote = None;
    let mut end = name_end;
    loop {
        match (*text.get(end)?, quote) {
            (byte, Some(open)) => quote = (byte != open).then_some(open),
            (b'>', None) => break,
            (b'<', None) => return None,
            (byte @ (b'"' | b'\''), None) => quote = Some(byte),
            _ => {}
        }
        end += 1;
    }
    let name = local(&text[from..name_end]);
    let token = if close {
        Read::Close { name }
    } else {
        let empty = text[end - 1] == b'/';
        let attributes_end = if empty { end - 1 } else { end };
        Read::Open { name, attributes: text[name_end..attributes_end].to_vec(), empty }
    };
    Some((token, end + 1))
}

/// Names and values of a tag's attributes.
fn pairs(tag: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = Vec::new();
    let mut rest = tag;
    loop {
        let Some(equals) = rest.iter().position(|&byte| byte == b'=') else { return pairs };
        let name = rest[..equals].trim_ascii();
        let value = rest[equals + 1..].trim_ascii_start();
        let Some(&quote) = value.first().filter(|&&byte| byte == b'"' || byte == b'\'') else { return pairs };
        let Some(end) = value[1..].iter().position(|&byte| byte == quote) else { return pairs };
        pairs.push((name.to_vec(), value[1..=end].to_vec()));
        rest = &value[end + 2..];
    }
}

/// What content stands for.
fn replaced(raw: &[u8]) -> Vec<u8> {
    let mut made = Vec::new();
    let mut at = 0;
    while at < raw.len() {
        let rest = &raw[at..];
        if rest.starts_with(b"<![CDATA[") {
            let end = before(raw, at + 9, b"]]>");
            made.extend_from_slice(&raw[at + 9..end.unwrap_or(raw.len())]);
            at = end.map_or(raw.len(), |end| end + 3);
        } else if rest.starts_with(b"<!--") {
            at = before(raw, at + 4, b"-->").map_or(raw.len(), |end| end + 3);
        } else if let Some((char, len)) = reference(rest) {
            made.extend_from_slice(char.to_string().as_bytes());
            at += len;
        } else {
            made.push(raw[at]);
            at += 1;
        }
    }
    made
}

/// The character of a reference at the start, and the length of the reference.
fn reference(text: &[u8]) -> Option<(char, usize)> {
    let end = text.iter().take(16).position(|&byte| byte == b';')?;
    let name = std::str::from_utf8(text.first().filter(|&&byte| byte == b'&').and(text.get(1..end))?).ok()?;
    let of_code = |digits: &str, radix| {
        let plain = !digits.is_empty() && !digits.starts_with('+');
        u32::from_str_radix(digits, radix).ok().filter(|_| plain).and_then(char::from_u32)
    };
    let char = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            match number.strip_prefix('x').or_else(|| number.strip_prefix('X')) {
                Some(hex) => of_code(hex, 16)?,
                None => of_code(number, 10)?,
            }
        }
    };
    Some((char, end + 1))
}

fn owned(token: Token<'_>) -> Option<Read> {
    Some(match token {
        Token::Open { name, attributes, empty } => {
            Read::Open { name: name.to_vec(), attributes: attributes.to_vec(), empty }
        }
        Token::Close { name } => Read::Close { name: name.to_vec() },
        Token::Content(content) => Read::Content(content.to_vec()),
        Token::Malformed => Read::Malformed,
        Token::End => return None,
    })
}

#[track_caller]
fn check(record: &[u8]) {
    let expected = twin(record);
    let mut reader = Reader::new(record);
    for expected in &expected {
        let found = owned(reader.next());
        assert_eq!(found.as_ref(), Some(expected), "{}", record.escape_ascii());
        match expected {
            Read::Open { attributes: tag, .. } => {
                let found: Vec<_> = attributes(tag).map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
                assert_eq!(found, pairs(tag), "{}", tag.escape_ascii());
            }
            Read::Content(raw) => check_text(raw),
            Read::Close { .. } | Read::Malformed => {}
        }
    }
    if expected.last() != Some(&Read::Malformed) {
        assert_eq!(owned(reader.next()), None, "{}", record.escape_ascii());
    }
}

#[track_caller]
fn check_text(raw: &[u8]) {
    let mut event = Event::new();
    event.clear();
    let mut writer = event.writer(raw);
    let span = text(&mut writer, raw);
    assert_eq!(writer.bytes(span), replaced(raw), "{}", raw.escape_ascii());
}

#[test]
fn golden_records_and_damaged_ones_read_as_the_twin_does() {
    let mut records = 0;
    hold(b"<>/\"'&;=[]-!?", |record| {
        check_text(record);
        if let Some(at) = record.iter().position(|&byte| byte == b'<') {
            check(&record[at..]);
            records += usize::from(record[at..].starts_with(b"<Event"));
        }
    });
    assert!(records > 1000, "only {records} events in XML");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_reads_as_the_twin_does(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "<", ">", "/", "a", "b:", "=", "\"", "'", " ", "<![CDATA[", "]]>", "<!--", "-->", "<?", "?>", "&", ";",
                "&lt;", "&#65;", "&#x41;", "#", "<a>", "</a>", "<!", "x='1'",
            ]),
            0..14,
        )
    ) {
        let text = parts.concat();
        check(text.as_bytes());
        check_text(text.as_bytes());
    }
}
