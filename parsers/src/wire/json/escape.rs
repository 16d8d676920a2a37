//! JSON string escapes (RFC 8259 §7).

use crate::scan::{HALF_BYTES, escape_bits};

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

/// The characters beyond ASCII that are one of its letters when case does not count: the long s and the Kelvin sign.
const FOLDING_TO_ASCII: [char; 2] = ['\u{17F}', '\u{212A}'];

/// Bytes of a string that are read in one go: what is written has room before it is, so that no step asks for any.
const WINDOW_BYTES: usize = 8 << 10;

/// What [`unescape_string`] made of a string.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Unescaped {
    /// Where the closing quote stands.
    pub(crate) end: usize,
    /// Where what is written ends.
    pub(crate) to: usize,
    /// Whether all escapes were sound and no control character stood unescaped.
    pub(crate) sound: bool,
    /// Whether the string as it stands says what is written too: no escape made a character that is ASCII or folds to
    /// it, except `"`, `\`, `/` and control characters.
    pub(crate) repeats: bool,
}

/// As [`unescape`] for a string whose end is not known yet: its content begins at `at` of `text`, its first byte that is
/// not plain stands at `stop`. Written into `out` from `from` on, which is made longer as needed. `None` = the text ends
/// first.
///
/// One pass finds the end and copies on the way. Messages of Windows have an escape in every twenty bytes: a search for the
/// end and another for each escape took three times as long.
pub(crate) fn unescape_string(
    text: &[u8],
    at: usize,
    stop: usize,
    out: &mut Vec<u8>,
    from: usize,
) -> Option<Unescaped> {
    let plain = text.get(at..stop)?;
    let (mut at, mut to) = (stop, from + plain.len());
    make_room(out, to);
    out[from..to].copy_from_slice(plain);
    let (mut sound, mut repeats) = (true, true);
    loop {
        let window = &text[at..text.len().min(at + WINDOW_BYTES)];
        make_room(out, to + window.len());
        let steps = unescape_steps(window, &mut out[to..]);
        (at, to, sound) = (at + steps.read, to + steps.written, sound && steps.plain);
        match text.get(at)? {
            b'"' => return Some(Unescaped { end: at, to, sound, repeats }),
            b'\\' => {
                let (read, written) = unescape_one(&text[at..], &mut out[to..], &mut sound, &mut repeats)?;
                (at, to) = (at + read, to + written);
            }
            // Fewer bytes are left than a step takes; in the middle of a text the next window goes on.
            &byte => {
                out[to] = byte;
                sound &= byte >= 0x20;
                (at, to) = (at + 1, to + 1);
            }
        }
    }
}

/// Makes `out` long enough for `to` bytes and a step more, which writes more than it keeps.
#[inline]
fn make_room(out: &mut Vec<u8>, to: usize) {
    #[cold]
    #[inline(never)]
    fn lengthen(out: &mut Vec<u8>, wanted: usize) {
        out.resize(wanted.next_power_of_two().max(4096), 0);
    }
    if out.len() < to + STEP_BYTES {
        lengthen(out, to + STEP_BYTES);
    }
}

/// How far the steps came.
struct Steps {
    read: usize,
    written: usize,
    /// No control character was among what was read.
    plain: bool,
}

/// Bytes that a step may read: a half block, an escape that begins with its last byte, and a run copied behind that one.
const STEP_BYTES: usize = 2 * HALF_BYTES + 2;

/// Unescapes a half block a step, up to a quote, an escape of more than one letter, or until less than a step is left.
fn unescape_steps(text: &[u8], out: &mut [u8]) -> Steps {
    let out_len = out.len();
    let (mut rest, mut free, mut controls) = (text, out, 0);
    while let (Some(from), Some(into)) = (rest.first_chunk::<STEP_BYTES>(), free.first_chunk_mut::<STEP_BYTES>()) {
        let Some(half) = from.first_chunk::<HALF_BYTES>() else { break };
        let (mut stops, odd) = escape_bits(half);
        // What is copied too much here and below is written over by what follows, or lies behind the end.
        into[..HALF_BYTES].copy_from_slice(half);
        let (mut read, mut written) = (0, 0);
        let ends = loop {
            if stops == 0 {
                written += HALF_BYTES.saturating_sub(read);
                read = read.max(HALF_BYTES);
                break false;
            }
            let at = stops.trailing_zeros() as usize;
            written += at - read;
            read = at;
            let letter = LETTERS[usize::from(from[at + 1])];
            if from[at] == b'"' || letter == 0 {
                break true;
            }
            into[written] = letter;
            (read, written) = (at + 2, written + 1);
            // What the backslash took the meaning of may be a backslash or a quote.
            stops &= (!0u64 << (at + 2)) as u32;
            into[written..written + HALF_BYTES].copy_from_slice(&from[at + 2..at + 2 + HALF_BYTES]);
        };
        controls |= if ends { odd & ((1u64 << read) - 1) as u32 } else { odd };
        (rest, free) = (&rest[read..], &mut free[written..]);
        if ends {
            break;
        }
    }
    Steps { read: text.len() - rest.len(), written: out_len - free.len(), plain: controls == 0 }
}

/// Unescapes the escape that `text` begins with; the bytes read and written. One that is none is passed on as written.
fn unescape_one(text: &[u8], out: &mut [u8], sound: &mut bool, repeats: &mut bool) -> Option<(usize, usize)> {
    let second = *text.get(1)?;
    let letter = LETTERS[usize::from(second)];
    if letter != 0 {
        out[0] = letter;
        return Some((2, 1));
    }
    Some(match unicode(text) {
        Some((char, len)) => {
            *repeats &= !FOLDING_TO_ASCII.contains(&char) && (!char.is_ascii() || char < ' ' || "\"\\/".contains(char));
            (len, char.encode_utf8(&mut out[..4]).len())
        }
        None => {
            *sound = false;
            let kept = if second == b'u' { 2 } else { 1 };
            out[..kept].copy_from_slice(&text[..kept]);
            (kept, kept)
        }
    })
}

/// Feeds the unescaped content of a string to `push`, piece by piece: the plain twin of [`unescape_string`]. An escape that is none, and a
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

    /// Unescapes at once the string that begins `text`, behind three bytes that were written before.
    fn at_once(text: &[u8]) -> Option<(usize, Vec<u8>, bool)> {
        let mut out = b"...".to_vec();
        let Unescaped { end, to, sound, repeats } = unescape_string(text, 0, scan::plain_end(text, 0), &mut out, 3)?;
        assert_eq!(&out[..3], b"...");
        let made = &out[3..to];
        if repeats {
            let apart = |byte: &u8| *byte < b' ' || !byte.is_ascii() || matches!(byte, b'"' | b'\\' | b'/');
            for run in made.split(apart) {
                assert!(run.is_empty() || memchr::memmem::find(&text[..end], run).is_some(), "{run:?}");
            }
        }
        Some((end, made.to_vec(), sound))
    }

    #[track_caller]
    fn check(raw: &str, expected: &str, sound: bool) {
        let mut out = Vec::new();
        assert_eq!(unescape(raw.as_bytes(), |bytes| out.extend_from_slice(bytes)), sound, "{raw}");
        assert_eq!(String::from_utf8_lossy(&out), expected, "{raw}");
        let text = format!("{raw}\"");
        let text = text.as_bytes();
        // A backslash at the end takes the quote's meaning.
        let expected = (!raw.ends_with('\\')).then_some((raw.len(), out, sound));
        assert_eq!(at_once(text), expected, "{raw}");
    }

    proptest! {
        #[test]
        fn at_once_is_as_piece_by_piece(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just("\\".to_owned()), Just("\\\\".to_owned()), Just("\\\"".to_owned()), Just("\\u00e9".to_owned()),
                    Just("\\ud83d".to_owned()), Just("\\ude00".to_owned()), Just("\\u0041".to_owned()), Just("\\u005C".to_owned()), Just("\\r\\n\\t".to_owned()), "\\PC{0,70}", "[\u{1}-\u{7f}]{0,9}",
                ],
                0..40,
            ),
        ) {
            let text = pieces.concat();
            let text = text.as_bytes();
            // Where the string ends: at the first quote that no backslash takes its meaning from.
            let mut end = 0;
            while end < text.len() && text[end] != b'"' {
                end += if text[end] == b'\\' { 2 } else { 1 };
            }
            let end = (end < text.len()).then_some(end);
            prop_assert_eq!(scan::string_end(text, 0).map(|(end, _)| end), end);
            let expected = end.map(|end| {
                let mut out = Vec::new();
                let sound = unescape(&text[..end], |bytes| out.extend_from_slice(bytes));
                (end, out, sound)
            });
            prop_assert_eq!(at_once(text), expected);
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
    fn what_the_text_says_too() {
        for (raw, expected) in [
            (r#"C:\\Windows\r\n\"a\/b\"\u000a\u005c\u00e9\ud83d\ude00"#, true),
            ("\\q \\u12 \\ud83d x", true),
            (r"m\u0069mi", false),
            (r"\u212ae", false),
            (r"\u017fe", false),
        ] {
            // In a step of many bytes, and byte by byte at the end.
            for rest in ["", "a text that is longer than what a step takes, and once more: than what a step takes"] {
                let text = format!("{raw}{rest}\"");
                let made = unescape_string(text.as_bytes(), 0, scan::plain_end(text.as_bytes(), 0), &mut Vec::new(), 0);
                assert_eq!(made.map(|made| made.repeats), Some(expected), "{text}");
            }
        }
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
