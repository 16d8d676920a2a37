//! Finding the end of a JSON string, sixteen bytes at a time.
//!
//! Strings in logs are short (12 bytes at the median of EVE), so a call to a vector
//! search costs more than it saves; a lane at a time needs no call and no alignment.

use crate::scan::{BLOCK_BYTES, LANE_BYTES, escaped_bits, json_bits, string_bits, string_stops};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks bytes of `word` that are zero: bit 7 of the lowest such byte is exact,
/// higher ones may be false, which is all that finding the first needs.
#[inline]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// The first byte at or after `at` that is `"`, `\` or below 0x20 (RFC 8259 §7: those end or
/// break a run of plain characters); the length of `text` if there is none.
#[inline]
pub(crate) fn plain_end(text: &[u8], mut at: usize) -> usize {
    while let Some(lane) = text.get(at..).and_then(|rest| rest.first_chunk::<LANE_BYTES>()) {
        let stops = string_stops(lane);
        if stops != 0 {
            return at + stops.trailing_zeros() as usize;
        }
        at += LANE_BYTES;
    }
    tail_end(text, at)
}

/// As [`plain_end`] where less than a lane is left.
fn tail_end(text: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = text.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// The first byte at or after `at` that is `one` or `other`.
#[inline]
pub(crate) fn find_either(text: &[u8], mut at: usize, one: u8, other: u8) -> Option<usize> {
    let (ones, others) = (ONES * u64::from(one), ONES * u64::from(other));
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let found = zero_bytes(word ^ ones) | zero_bytes(word ^ others);
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let rest = text.get(at..)?;
    rest.iter().position(|&byte| byte == one || byte == other).map(|found| at + found)
}

/// The first byte at or after `at` that is a blank or a control character; the length of `text` if there is none.
#[inline]
pub(crate) fn blank_end(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let found = word.wrapping_sub(ONES * 0x21) & !word & HIGHS;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while text.get(at).is_some_and(|&byte| byte > 0x20) {
        at += 1;
    }
    at.min(text.len())
}

/// The place of the quote that closes a string whose content starts at `at`, and whether the content is
/// plain (no escape, no control character). `None` = the text ends first.
#[inline]
pub(crate) fn string_end(text: &[u8], at: usize) -> Option<(usize, bool)> {
    let end = plain_end(text, at);
    if text.get(end) == Some(&b'"') { Some((end, true)) } else { escaped_end(text, end) }
}

/// As [`string_end`] from the first escape or control character on: by the bits of whole blocks, for such strings are
/// messages of a thousand bytes with an escape in every twenty.
fn escaped_end(text: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut carry = 0;
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<BLOCK_BYTES>()) {
        let (quotes, backslashes, _) = string_bits(block);
        let escaped = if backslashes | carry == 0 { 0 } else { escaped_bits(backslashes, &mut carry) };
        let ends = quotes & !escaped;
        if ends != 0 {
            return Some((at + ends.trailing_zeros() as usize, false));
        }
        at += BLOCK_BYTES;
    }
    at += carry as usize;
    loop {
        match text.get(at)? {
            b'"' => return Some((at, false)),
            b'\\' => at += 2,
            _ => at += 1,
        }
        at = plain_end(text, at);
    }
}

/// The first byte at or after `at` that is no JSON white space.
#[inline]
pub(crate) fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.get(at) {
        at += 1;
    }
    at
}

/// The first byte at or after `at` that may be a quote or a bracket. `{`, `}`, `[` and `]` are alike but for
/// the bits 0x26, which four other bytes share: the caller looks again.
#[inline]
fn structure(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let found = zero_bytes((word | (ONES * 0x26)) ^ (ONES * 0x7F)) | zero_bytes(word ^ (ONES * 0x22));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at
}

/// As [`container_end`] of a text without a backslash: by the bits of whole blocks, those within strings masked out.
pub(crate) fn plain_container_end(text: &[u8], at: usize) -> Option<usize> {
    let (mut depth, mut base) = (0, at);
    // All ones where a block begins within a string.
    let mut within = 0;
    while base < text.len() {
        let (quotes, opens, closes) = match text[base..].first_chunk() {
            Some(block) => json_bits(block),
            None => {
                let mut block = [0; BLOCK_BYTES];
                block[..text.len() - base].copy_from_slice(&text[base..]);
                json_bits(&block)
            }
        };
        // Each bit becomes the parity of the quotes up to it: one from a string's opening quote to before its last.
        let mut strings = quotes;
        for shift in [1, 2, 4, 8, 16, 32] {
            strings ^= strings << shift;
        }
        strings ^= within;
        within = ((strings as i64) >> 63) as u64;
        let (mut opens, mut closes) = (opens & !strings, closes & !strings);
        while closes != 0 {
            let before = (closes & closes.wrapping_neg()) - 1;
            depth += (opens & before).count_ones();
            opens &= !before;
            depth -= 1;
            if depth == 0 {
                return Some(base + closes.trailing_zeros() as usize + 1);
            }
            closes &= closes - 1;
        }
        depth += opens.count_ones();
        base += BLOCK_BYTES;
    }
    None
}

/// The end of the object or array that opens at `at`, by brackets alone; linear, no recursion.
/// `None` = the text ends first.
pub(crate) fn container_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0usize;
    loop {
        at = structure(text, at);
        match text.get(at)? {
            b'"' => at = string_end(text, at + 1)?.0,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// The end of the number at `at`, if there is one (RFC 8259 §6).
#[inline]
pub(crate) fn number_end(text: &[u8], mut at: usize) -> Option<usize> {
    let digits = |mut at: usize| {
        let from = at;
        while text.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        (at > from).then_some(at)
    };
    if text.get(at) == Some(&b'-') {
        at += 1;
    }
    let whole = at;
    at = digits(at)?;
    if text[whole] == b'0' && at > whole + 1 {
        return None;
    }
    if text.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = text.get(at) {
            at += 1;
        }
        at = digits(at)?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn plain_end_agrees_with_a_byte_loop(bytes in prop::collection::vec(any::<u8>(), 0..60), at in 0usize..60) {
            let slow = bytes.iter().enumerate().skip(at).find(|&(_, &byte)| byte == b'"' || byte == b'\\' || byte < 0x20);
            prop_assert_eq!(plain_end(&bytes, at), slow.map_or(bytes.len(), |(at, _)| at));
        }
    }

    proptest! {
        #[test]
        fn blank_end_agrees_with_a_byte_loop(bytes in prop::collection::vec(any::<u8>(), 0..60), at in 0usize..60) {
            let slow = bytes.iter().enumerate().skip(at).find(|&(_, &byte)| byte <= 0x20);
            prop_assert_eq!(blank_end(&bytes, at), slow.map_or(bytes.len(), |(at, _)| at));
        }

        #[test]
        fn find_either_agrees_with_a_vector_search(bytes in prop::collection::vec(32u8..40, 0..60), at in 0usize..70) {
            let slow = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'$', rest)).map(|found| at + found);
            prop_assert_eq!(find_either(&bytes, at, b'"', b'$'), slow);
        }
    }

    proptest! {
        #[test]
        fn container_end_agrees_with_a_byte_loop(text in r#"\[[ a_yY{}\[\]",\\1]{0,60}"#) {
            let bytes = text.as_bytes();
            let (mut depth, mut quoted, mut at, mut slow) = (0, false, 0, None);
            while at < bytes.len() && slow.is_none() {
                match bytes[at] {
                    b'\\' if quoted => at += 1,
                    b'"' => quoted = !quoted,
                    b'{' | b'[' if !quoted => depth += 1,
                    b'}' | b']' if !quoted => {
                        depth -= 1;
                        if depth == 0 {
                            slow = Some(at + 1);
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
            prop_assert_eq!(container_end(bytes, 0), slow, "{}", text);
        }

        #[test]
        fn containers_of_plain_text_end_alike(head in "[ a]{0,70}", text in r#"\[[ a_yY{}\[\]",1]{0,300}"#) {
            let (at, text) = (head.len(), head + &text);
            prop_assert_eq!(plain_container_end(text.as_bytes(), at), container_end(text.as_bytes(), at), "{}", text);
        }
    }

    #[test]
    fn strings_containers_numbers() {
        assert_eq!(string_end(br#"ab" "#, 0), Some((2, true)));
        assert_eq!(string_end(br#"a\"b" "#, 0), Some((4, false)));
        assert_eq!(string_end(br#"a\"#, 0), None);
        assert_eq!(container_end(br#"{"}":[{"a":1}]} x"#, 0), Some(15));
        assert_eq!(container_end(b"[[[", 0), None);
        for (text, end) in
            [("0", Some(1)), ("-1.5e+3,", Some(7)), ("01", None), ("1.", None), ("-", None), ("1e", None)]
        {
            assert_eq!(number_end(text.as_bytes(), 0), end, "{text}");
        }
    }
}
