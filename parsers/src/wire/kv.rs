//! key=value records with the vendors' quoting dialects.
//!
//! A key stands at the start or after a separator and before `=`; its value is quoted (`"…"` with
//! `\"` inside, or `'…'`) or runs to the next separator. Text that is no pair is read over: it stays in
//! the record.

use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};
use crate::wire::json::scan;

/// Longest key. The longest documented by FortiOS, Check Point and Sophos stay under 40 bytes; longer
/// runs before a `=` are base64 or URLs, not keys.
const KEY_BYTES_MAX: usize = 64;

/// One pair, as slices of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value without its quotes.
    pub value: &'a [u8],
    /// Whether the value was quoted and holds a backslash.
    pub escaped: bool,
}

/// The pairs of a text. Linear: every byte is looked at once or twice.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    text: &'a [u8],
    at: usize,
    /// What ends an unquoted value besides white space: a comma or a semicolon where the record
    /// separates its pairs by them, else white space again.
    separator: u8,
    /// A quote was opened and never closed.
    pub unbalanced: bool,
}

const BLANK: u8 = 1;
const KEY: u8 = 2;

/// What a byte may be part of: one look-up where comparisons cost a fifth of a FortiGate line.
static CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        class[byte] = match byte as u8 {
            0..=b' ' => BLANK,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'@' | b'/' | b'#' => KEY,
            _ => 0,
        };
        byte += 1;
    }
    class
};

#[inline]
fn is_blank(byte: u8) -> bool {
    CLASS[usize::from(byte)] & BLANK != 0
}

#[inline]
fn is_key(byte: u8) -> bool {
    CLASS[usize::from(byte)] & KEY != 0
}

impl<'a> Pairs<'a> {
    /// Reads pairs separated by white space.
    #[inline]
    pub fn by_space(text: &'a [u8]) -> Self {
        Pairs { text, at: 0, separator: b' ', unbalanced: false }
    }

    /// Reads pairs by what separates the first from the second.
    pub fn new(text: &'a [u8]) -> Self {
        let mut pairs = Pairs::by_space(text);
        if pairs.next().is_some() {
            let value_end = pairs.at;
            // In `a=1, b=2` the comma was taken for the value's last byte.
            let last = text[..value_end].trim_ascii_end().last().copied();
            let next = text.get(value_end).copied();
            for separator in [b',', b';', b'|'] {
                if last == Some(separator) || next == Some(separator) || inner_separator(text, value_end, separator) {
                    return Pairs { text, at: 0, separator, unbalanced: false };
                }
            }
        }
        Pairs::by_space(text)
    }
}

/// Whether the first value holds `separator` and then another key and `=`: `a=1,b=2`.
fn inner_separator(text: &[u8], value_end: usize, separator: u8) -> bool {
    text[..value_end].iter().position(|&byte| byte == separator).is_some_and(|at| {
        let rest = &text[at + 1..value_end];
        let key = rest.iter().take_while(|&&byte| is_key(byte)).count();
        key > 0 && rest.get(key) == Some(&b'=')
    })
}

impl<'a> Pairs<'a> {
    /// The next pair if it stands here and its key is `key`.
    #[inline]
    pub(crate) fn next_if(&mut self, key: &[u8]) -> Option<Pair<'a>> {
        let text = self.text;
        let mut at = self.at;
        if text.get(at).is_some_and(|&byte| is_blank(byte) || byte == self.separator) {
            at += 1;
        }
        let equals = at + key.len();
        let found = text.get(at..equals)?;
        if text.get(equals) != Some(&b'=') || !crate::dictionary::same(found, key) {
            return None;
        }
        let (value, escaped) = self.value(equals + 1);
        Some(Pair { key: found, value, escaped })
    }

    #[inline]
    fn value(&mut self, start: usize) -> (&'a [u8], bool) {
        let text = self.text;
        match text.get(start) {
            Some(&quote @ (b'"' | b'\'')) => self.quoted(start + 1, quote),
            _ => {
                let blank = scan::blank_end(text, start);
                let end = match self.separator {
                    b' ' => blank,
                    separator => memchr::memchr(separator, &text[start..blank]).map_or(blank, |at| start + at),
                };
                self.at = end;
                (&text[start..end], false)
            }
        }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    #[inline]
    fn next(&mut self) -> Option<Pair<'a>> {
        let text = self.text;
        loop {
            // The usual case first: one separator, the key, `=`.
            while text.get(self.at).is_some_and(|&byte| is_blank(byte) || byte == self.separator) {
                self.at += 1;
            }
            let from = self.at;
            let mut equals = from;
            while text.get(equals).is_some_and(|&byte| is_key(byte)) {
                equals += 1;
            }
            if text.get(equals) != Some(&b'=') || equals == from || equals - from > KEY_BYTES_MAX {
                // Not a pair: read over to the next separator.
                let rest = text.get(equals..)?;
                let skip = rest.iter().position(|&byte| is_blank(byte) || byte == self.separator)?;
                self.at = equals + skip;
                continue;
            }
            let key = &text[from..equals];
            let (value, escaped) = self.value(equals + 1);
            return Some(Pair { key, value, escaped });
        }
    }
}

impl<'a> Pairs<'a> {
    #[inline]
    fn quoted(&mut self, start: usize, quote: u8) -> (&'a [u8], bool) {
        let text = self.text;
        let mut at = start;
        let mut escaped = false;
        loop {
            match scan::find_either(text, at, quote, b'\\') {
                None => {
                    self.unbalanced = true;
                    self.at = text.len();
                    return (&text[start..], escaped);
                }
                Some(end) if text[end] == quote => {
                    self.at = end + 1;
                    return (&text[start..end], escaped);
                }
                Some(found) => {
                    // A backslash takes the next byte with it only where that could end the value: Windows paths
                    // are written as they are by most vendors. `\"` before a separator or the end closes.
                    let after = text.get(found + 1).copied();
                    let takes = match after {
                        Some(b'\\') => true,
                        Some(byte) if byte == quote => !closes(text, found + 2),
                        _ => false,
                    };
                    escaped |= takes;
                    at = found + 1 + usize::from(takes);
                }
            }
        }
    }
}

/// Whether a quote that ends at `at` is followed by another pair or the end, though a backslash stands before
/// it: `path="C:\dir\" user=x`.
fn closes(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    let Some((&first, rest)) = rest.split_first() else { return true };
    if !is_blank(first) {
        return false;
    }
    let key = rest.iter().take(KEY_BYTES_MAX).take_while(|&&byte| is_key(byte)).count();
    key > 0 && rest.get(key) == Some(&b'=')
}

/// The value of a pair as a span: in place, or unescaped in the arena.
#[inline]
pub(crate) fn value_span(writer: &mut EventWriter<'_>, pair: Pair<'_>) -> Span {
    if pair.escaped { unescape(writer, pair) } else { writer.span_of(pair.value) }
}

#[cold]
fn unescape(writer: &mut EventWriter<'_>, pair: Pair<'_>) -> Span {
    let from = writer.arena_start();
    let mut rest = pair.value;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        writer.arena_push(&rest[..at]);
        let taken = match rest.get(at + 1) {
            Some(byte @ (b'"' | b'\\' | b'\'')) => std::slice::from_ref(byte),
            _ => b"\\",
        };
        writer.arena_push(taken);
        rest = &rest[(at + if taken == b"\\" && rest.get(at + 1) != Some(&b'\\') { 1 } else { 2 }).min(rest.len())..];
    }
    writer.arena_push(rest);
    writer.arena_end(from)
}

/// Writes the pairs of `text`; returns how many there were.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> usize {
    let mut pairs = Pairs::new(text);
    let mut count = 0;
    let before = writer.fields_len();
    for pair in pairs.by_ref() {
        count += 1;
        let value = value_span(writer, pair);
        match context.dictionary.find(pair.key) {
            Some(id) => {
                if writer.view().first_index(id).is_some_and(|at| at >= before) {
                    writer.defect(Defect::DuplicateKey);
                }
                put(writer, context, id, pair.key, value);
            }
            None => {
                let name = writer.span_of(pair.key);
                writer.put_unnamed(name, value, Kind::Text);
            }
        }
    }
    if pairs.unbalanced {
        writer.defect(Defect::UnbalancedQuote);
    }
    count
}

/// A pair that bears a schema name is written there if its value fits, any other under the namespace.
fn put(writer: &mut EventWriter<'_>, context: &Context<'_>, id: FieldId, key: &[u8], value: Span) {
    use crate::dictionary::FieldType;
    let bytes = writer.bytes(value);
    let of_schema = id.index() < ecs::COUNT
        && !matches!(id, ecs::EVENT_ORIGINAL | ecs::EVENT_CREATED | ecs::TIMESTAMP)
        && match context.dictionary.kind(id) {
            FieldType::Ip => crate::ip::parse(bytes).is_some(),
            FieldType::Long => crate::number::parse_i64(bytes).is_some(),
            _ => true,
        };
    match id {
        ecs::SOURCE_IP | ecs::DESTINATION_IP if of_schema => {
            writer.put_ip_span(id, value);
        }
        ecs::SOURCE_PORT | ecs::DESTINATION_PORT if of_schema && writer.put_port_span(id, value) => {}
        _ if of_schema => writer.put_span(id, value, Kind::Text, false),
        _ if id.index() < ecs::COUNT && id != ecs::TIMESTAMP => {
            let name = writer.span_of(key);
            writer.put_unnamed(name, value, Kind::Text);
        }
        _ => writer.put_span(id, value, Kind::Text, true),
    }
}

#[cfg(test)]
mod twin;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let found: Vec<_> = Pairs::new(text.as_bytes())
            .map(|pair| (std::str::from_utf8(pair.key).unwrap(), std::str::from_utf8(pair.value).unwrap()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn dialects() {
        check("a=1 b=two c=", &[("a", "1"), ("b", "two"), ("c", "")]);
        check(r#"a="x y" b='p q' c=z"#, &[("a", "x y"), ("b", "p q"), ("c", "z")]);
        check("a=1,b=2,c=3", &[("a", "1"), ("b", "2"), ("c", "3")]);
        check("a=1, b=2, c=x y", &[("a", "1"), ("b", "2"), ("c", "x")]);
        check("a=1; b=2", &[("a", "1"), ("b", "2")]);
        check("a=1,2 b=3", &[("a", "1,2"), ("b", "3")]);
        check("login failed for user=bob from=10.0.0.1!", &[("user", "bob"), ("from", "10.0.0.1!")]);
        check("u=http://x/?a=b c=d", &[("u", "http://x/?a=b"), ("c", "d")]);
        check("no pairs here == at all =x", &[]);
    }

    #[test]
    fn quotes_and_backslashes() {
        check(r#"a="x \"y\" z" b=1"#, &[("a", r#"x \"y\" z"#), ("b", "1")]);
        check(r#"path="C:\dir\" user=x"#, &[("path", r"C:\dir\"), ("user", "x")]);
        check(r#"path="C:\new" user=x"#, &[("path", r"C:\new"), ("user", "x")]);
        check(r#"a="x\\" b=1"#, &[("a", r"x\\"), ("b", "1")]);
        let mut pairs = Pairs::new(br#"a=1 b="x y"#);
        assert_eq!(pairs.by_ref().count(), 2);
        assert!(pairs.unbalanced);
    }

    #[test]
    fn escapes_are_undone_in_the_arena() {
        let mut event = crate::event::Event::new();
        event.clear();
        let record = br#"a="x \"y\" \\ C:\z""#;
        let mut writer = event.writer(record);
        let pair = Pairs::new(record).next().unwrap();
        let span = value_span(&mut writer, pair);
        assert_eq!(writer.bytes(span), br#"x "y" \ C:\z"#);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let pairs = Pairs::new(&bytes);
            prop_assert!(pairs.take(1000).count() <= bytes.len());
        }

        #[test]
        fn written_pairs_read_back(pairs in prop::collection::vec(("[a-z]{1,8}", "[a-z0-9 :/]{0,10}"), 1..10)) {
            let text = pairs.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect::<Vec<_>>().join(" ");
            let found: Vec<_> = Pairs::new(text.as_bytes())
                .map(|pair| (String::from_utf8_lossy(pair.key).into_owned(), String::from_utf8_lossy(pair.value).into_owned()))
                .collect();
            prop_assert_eq!(found, pairs);
        }
    }
}
