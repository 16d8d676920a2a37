//! JSON string escapes (RFC 8259 §7).

/// Feeds the unescaped content of a string to `push`, piece by piece. An escape that is none, and a
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

    #[track_caller]
    fn check(raw: &str, expected: &str, sound: bool) {
        let mut out = Vec::new();
        assert_eq!(unescape(raw.as_bytes(), |bytes| out.extend_from_slice(bytes)), sound, "{raw}");
        assert_eq!(String::from_utf8_lossy(&out), expected, "{raw}");
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
