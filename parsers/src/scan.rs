//! Finding delimiters in short words.
//!
//! `memchr` pays its set-up back after some 30 bytes. Words of log lines are shorter, and a
//! byte loop over them ends in a mispredicted branch each; eight bytes at a time in a
//! register needs neither (44 % less for a netfilter line).

use crate::dictionary::same;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// How many bytes stand before the first `byte`; the whole length if there is none.
#[inline]
pub(crate) fn until(text: &[u8], byte: u8) -> usize {
    let pattern = u64::from(byte) * LOW;
    let mut at = 0;
    while let Some(chunk) = text[at..].first_chunk::<8>() {
        // A byte becomes zero where it matches; the lowest zero byte is found exactly.
        let word = u64::from_le_bytes(*chunk) ^ pattern;
        let hits = word.wrapping_sub(LOW) & !word & HIGH;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + text[at..].iter().take_while(|&&other| other != byte).count()
}

/// The first place of `literal`, which is not empty.
#[inline]
pub(crate) fn find(text: &[u8], literal: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += until(&text[at..], literal[0]);
        if starts_with(&text[at..], literal) {
            return Some(at);
        }
        if at >= text.len() {
            return None;
        }
        at += 1;
    }
}

/// The last place of `literal`, which is not empty.
#[inline]
pub(crate) fn find_last(text: &[u8], literal: &[u8]) -> Option<usize> {
    let mut end = (text.len() + 1).checked_sub(literal.len())?;
    loop {
        end = last(&text[..end], literal[0])?;
        if starts_with(&text[end..], literal) {
            return Some(end);
        }
    }
}

/// Where the last `byte` stands.
#[inline]
fn last(mut text: &[u8], byte: u8) -> Option<usize> {
    let pattern = u64::from(byte) * LOW;
    while let Some((rest, chunk)) = text.split_last_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk) ^ pattern;
        // Exact for every byte, where that of `until` is for the lowest only.
        let hits = !(((word & !HIGH) + !HIGH) | word) & HIGH;
        if hits != 0 {
            return Some(rest.len() + 7 - (hits.leading_zeros() / 8) as usize);
        }
        text = rest;
    }
    text.iter().rposition(|&other| other == byte)
}

/// Whether `text` begins with `literal`: words compared in place, where a call costs more than the comparison.
#[inline]
pub(crate) fn starts_with(text: &[u8], literal: &[u8]) -> bool {
    text.get(..literal.len()).is_some_and(|text| same(text, literal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_the_byte_loop(text in prop::collection::vec(any::<u8>(), 0..40), byte: u8) {
            let expected = text.iter().position(|&other| other == byte).unwrap_or(text.len());
            prop_assert_eq!(until(&text, byte), expected);
        }

        #[test]
        fn literals_are_found_as_by_windows(text in "[ab ]{0,30}", literal in "[ab ]{1,9}") {
            let (text, literal) = (text.as_bytes(), literal.as_bytes());
            prop_assert_eq!(find(text, literal), text.windows(literal.len()).position(|window| window == literal));
            prop_assert_eq!(find_last(text, literal), text.windows(literal.len()).rposition(|window| window == literal));
            prop_assert_eq!(starts_with(text, literal), text.starts_with(literal));
        }

        #[test]
        fn agrees_next_to_near_misses(text in "[ !\u{1f}=<>a]{0,40}") {
            let expected = text.bytes().position(|other| other == b' ').unwrap_or(text.len());
            prop_assert_eq!(until(text.as_bytes(), b' '), expected);
        }
    }
}
