//! JSON string escapes (RFC 8259 §7).

use crate::scan::{BLOCK_BYTES, string_bits};

/// What an escape of one letter stands for; 0 where it is none.
const LETTERS: [u8; 256] = {
    let mut letters = [0; 256];
    let pairs = [
        (b'"', b'"'),
        (b'\\', b'\\'),
        (b'/', b'/'),
        (b'b', 8),
        (b'f', 12),
        (b'n', b'\n'),
        (b'r', b'\r'),
        (b't', b'\t'),
    ];
    let mut at = 0;
    while at < pairs.len() {
        letters[pairs[at].0 as usize] = pairs[at].1;
        at += 1;
    }
    letters
};

/// Bytes copied at once, whether a run between two escapes has as many or not.
const STRIDE: usize = 32;

/// As [`unescape`], appended to `out`: the escapes of a block are found at once and the runs between them copied without a
/// call. Messages of Windows have an escape in every twenty bytes.
pub(crate) fn unescape_into(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let from = out.len();
    // What is unescaped is never longer than its escapes; strides may write over the end.
    out.resize(from + raw.len() + STRIDE, 0);
    let (mut sound, mut to) = (true, from);
    // What lies before is written; a block's escapes that lie before it belong to another.
    let mut done = 0;
    let mut base = 0;
    while base < raw.len() {
        let rest = &raw[base..];
        let (_, mut backslashes, controls) = match rest.first_chunk::<BLOCK_BYTES>() {
            Some(block) => string_bits(block),
            None => {
                let mut block = [b' '; BLOCK_BYTES];
                block[..rest.len()].copy_from_slice(rest);
                string_bits(&block)
            }
        };
        sound &= controls == 0;
        while backslashes != 0 {
            let at = base + backslashes.trailing_zeros() as usize;
            backslashes &= backslashes - 1;
            if at < done {
                continue;
            }
            to = copy_run(raw, done, at, out, to);
            let letter = raw.get(at + 1).map_or(0, |letter| LETTERS[usize::from(*letter)]);
            if letter != 0 {
                out[to] = letter;
                to += 1;
                done = at + 2;
                continue;
            }
            match unicode(&raw[at..]) {
                Some((char, len)) => {
                    to += char.encode_utf8(&mut out[to..to + 4]).len();
                    done = at + len;
                }
                None => {
                    sound = false;
                    let kept = if raw.get(at + 1) == Some(&b'u') { 2 } else { 1 };
                    to = copy_run(raw, at, at + kept, out, to);
                    done = at + kept;
                }
            }
        }
        base += BLOCK_BYTES;
    }
    to = copy_run(raw, done, raw.len(), out, to);
    out.truncate(to);
    sound
}

/// Copies the bytes from one place to another behind what is written; returns where that ends now.
#[inline]
fn copy_run(raw: &[u8], from: usize, until: usize, out: &mut [u8], to: usize) -> usize {
    let len = until - from;
    match raw[from..].first_chunk::<STRIDE>() {
        Some(stride) if len <= STRIDE => out[to..to + STRIDE].copy_from_slice(stride),
        _ => out[to..to + len].copy_from_slice(&raw[from..until]),
    }
    to + len
}

/// Feeds the unescaped content of a string to `push`, piece by piece: the plain twin of [`unescape_into`]. An escape that is none, and a
/// surrogate without its other half, is passed on as written; the answer tells whether all were sound.
/// A control character, which the grammar forbids unescaped, is passed on and is unsound too.
pub(crate) fn unescape(mut raw: &[u8], mut push: impl FnMut(&[u8])) -> bool {
    let mut sound = !raw.iter().any(|&byte| byte < 0x20);
    while let Some(at) = memchr::memchr(b'\\', raw) {
        push(&raw[..at]);
        let escape = &raw[at..];
        let one = match escape.get(1) {
            Some(b'"') => b'"',
            Some(b'\\') => b'\\',
            Some(b'/') => b'/',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                if let Some((char, len)) = unicode(escape) {
                    push(char.encode_utf8(&mut [0; 4]).as_bytes());
                    raw = &escape[len..];
                } else {
                    sound = false;
                    push(&escape[..2]);
                    raw = &escape[2..];
                }
                continue;
            }
            _ => {
                sound = false;
                push(&escape[..1]);
                raw = &escape[1..];
                continue;
            }
        };
        push(&[one]);
        raw = &escape[2..];
    }
    push(raw);
    sound
}

/// The character of `\uXXXX`, or of two that are surrogates of one, and the bytes taken.
fn unicode(escape: &[u8]) -> Option<(char, usize)> {
    let first = unit(escape)?;
    if !(0xD800..0xE000).contains(&first) {
        return Some((char::from_u32(first)?, 6));
    }
    let second = unit(&escape[6..])?;
    ((0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(&second))
        .then(|| Some((char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))?, 12)))?
}

fn unit(escape: &[u8]) -> Option<u32> {
    let digits = escape.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |value, &byte| Some(value << 4 | char::from(byte).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::scan;
    use proptest::prelude::*;

    #[track_caller]
    fn check(raw: &str, expected: &str, sound: bool) {
        let mut out = Vec::new();
        assert_eq!(unescape(raw.as_bytes(), |bytes| out.extend_from_slice(bytes)), sound, "{raw}");
        assert_eq!(String::from_utf8_lossy(&out), expected, "{raw}");
        let mut at_once = b"before".to_vec();
        assert_eq!(unescape_into(raw.as_bytes(), &mut at_once), sound, "{raw}");
        assert_eq!(at_once, [b"before", &*out].concat(), "{raw}");
    }

    proptest! {
        #[test]
        fn at_once_is_as_piece_by_piece(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just("\\".to_owned()), Just("\\\\".to_owned()), Just("\\\"".to_owned()), Just("\\u00e9".to_owned()),
                    Just("\\ud83d".to_owned()), Just("\\ude00".to_owned()), Just("\\r\\n\\t".to_owned()), "\\PC{0,70}", "[\u{1}-\u{7f}]{0,9}",
                ],
                0..40,
            ),
        ) {
            let raw = pieces.concat();
            let mut expected = Vec::new();
            let sound = unescape(raw.as_bytes(), |bytes| expected.extend_from_slice(bytes));
            let mut out = Vec::new();
            prop_assert_eq!(unescape_into(raw.as_bytes(), &mut out), sound);
            prop_assert_eq!(&out, &expected);

            // Where the string ends: at the first quote that no backslash takes its meaning from.
            let mut end = 0;
            while end < raw.len() && raw.as_bytes()[end] != b'"' {
                end += if raw.as_bytes()[end] == b'\\' { 2 } else { 1 };
            }
            let found = scan::string_end(raw.as_bytes(), 0).map(|(end, _)| end);
            prop_assert_eq!(found, (end < raw.len()).then_some(end));
        }
    }

    #[test]
    fn escapes() {
        check(r#"a\\b\/\"\n\t\r\b\f"#, "a\\b/\"\n\t\r\u{8}\u{c}", true);
        check(r"\u0041\u00e9\u6f22", "Aé漢", true);
        check(r"\ud83d\ude00!", "😀!", true);
        check("", "", true);
    }

    #[test]
    fn broken_escapes_are_kept_as_written() {
        check(r"\q\u12", r"\q\u12", false);
        check(r"\ud83d x", r"\ud83d x", false);
        check(r"\ud83d\u0041", r"\ud83dA", false);
        check(r"\ude00", r"\ude00", false);
        check("a\u{1}b", "a\u{1}b", false);
        check("\\", "\\", false);
    }
}
