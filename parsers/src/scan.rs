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

/// Has the cache line of `place` fetched, for a reader who comes later: unlike a read it holds nothing up.
#[inline(always)]
#[allow(unsafe_code)]
pub fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86_64, a prefetch faults on no address and changes nothing, and this one is of a reference.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Bytes of a block: a bit each.
pub(crate) const BLOCK_BYTES: usize = 64;

/// Which bytes of a block equal `byte`: the lowest bit is of the first.
#[inline]
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub(crate) fn equal_bits(block: &[u8; BLOCK_BYTES], byte: u8) -> u64 {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
    // SAFETY: SSE2 is part of x86_64, and four loads of 16 bytes, which need no alignment, lie within the block.
    unsafe {
        let wanted = _mm_set1_epi8(byte as i8);
        let part = |at: usize| {
            let bytes = _mm_loadu_si128(block.as_ptr().add(at).cast::<__m128i>());
            u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)) as u16) << at
        };
        part(0) | part(16) | part(32) | part(48)
    }
}

/// Which bytes of a block equal `byte`: the lowest bit is of the first.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn equal_bits(block: &[u8; BLOCK_BYTES], byte: u8) -> u64 {
    block.iter().enumerate().fold(0, |bits, (at, &other)| bits | u64::from(other == byte) << at)
}

/// Quotes, opening and closing brackets and braces of a block, as [`equal_bits`] has them.
#[inline]
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub(crate) fn json_bits(block: &[u8; BLOCK_BYTES]) -> (u64, u64, u64) {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8};
    let (mut quotes, mut opens, mut closes) = (0, 0, 0);
    for at in [0, 16, 32, 48] {
        // SAFETY: as in `equal_bits`.
        unsafe {
            let bytes = _mm_loadu_si128(block.as_ptr().add(at).cast::<__m128i>());
            // A bracket and the brace of its side differ in one bit alone.
            let sides = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
            let bits = |equal: __m128i| u64::from(_mm_movemask_epi8(equal) as u16) << at;
            quotes |= bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8)));
            opens |= bits(_mm_cmpeq_epi8(sides, _mm_set1_epi8(b'{' as i8)));
            closes |= bits(_mm_cmpeq_epi8(sides, _mm_set1_epi8(b'}' as i8)));
        }
    }
    (quotes, opens, closes)
}

/// Quotes, opening and closing brackets and braces of a block, as [`equal_bits`] has them.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn json_bits(block: &[u8; BLOCK_BYTES]) -> (u64, u64, u64) {
    let of = |byte| equal_bits(block, byte);
    (of(b'"'), of(b'{') | of(b'['), of(b'}') | of(b']'))
}

/// Quotes, backslashes and control characters of a block, as [`equal_bits`] has them.
#[inline]
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub(crate) fn string_bits(block: &[u8; BLOCK_BYTES]) -> (u64, u64, u64) {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_set1_epi8};
    let (mut quotes, mut backslashes, mut controls) = (0, 0, 0);
    for at in [0, 16, 32, 48] {
        // SAFETY: as in `equal_bits`.
        unsafe {
            let bytes = _mm_loadu_si128(block.as_ptr().add(at).cast::<__m128i>());
            let bits = |equal: __m128i| u64::from(_mm_movemask_epi8(equal) as u16) << at;
            quotes |= bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8)));
            backslashes |= bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8)));
            controls |= bits(_mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes));
        }
    }
    (quotes, backslashes, controls)
}

/// Quotes, backslashes and control characters of a block, as [`equal_bits`] has them.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn string_bits(block: &[u8; BLOCK_BYTES]) -> (u64, u64, u64) {
    let controls = block.iter().enumerate().fold(0, |bits, (at, &byte)| bits | u64::from(byte < 0x20) << at);
    (equal_bits(block, b'"'), equal_bits(block, b'\\'), controls)
}

/// Bytes of a half block, whose bits fit a word of 32.
pub(crate) const HALF_BYTES: usize = 32;

/// Quotes and backslashes of a half block in one, and its control characters, as [`equal_bits`] has them.
#[inline]
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub(crate) fn escape_bits(half: &[u8; HALF_BYTES]) -> (u32, u32) {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };
    let (mut stops, mut controls) = (0, 0);
    for at in [0, 16] {
        // SAFETY: SSE2 is part of x86_64, and two loads of 16 bytes, which need no alignment, lie within the half.
        unsafe {
            let bytes = _mm_loadu_si128(half.as_ptr().add(at).cast::<__m128i>());
            let bits = |equal: __m128i| u32::from(_mm_movemask_epi8(equal) as u16) << at;
            let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
            stops |= bits(_mm_or_si128(quotes, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8))));
            controls |= bits(_mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes));
        }
    }
    (stops, controls)
}

/// Quotes and backslashes of a half block in one, and its control characters, as [`equal_bits`] has them.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn escape_bits(half: &[u8; HALF_BYTES]) -> (u32, u32) {
    half.iter().enumerate().fold((0, 0), |(stops, controls), (at, &byte)| {
        (stops | u32::from(matches!(byte, b'"' | b'\\')) << at, controls | u32::from(byte < 0x20) << at)
    })
}

/// Bytes of a lane, the fewest that are looked at in one step.
pub(crate) const LANE_BYTES: usize = 16;

/// Quotes, backslashes and control characters of a lane in one, the lowest bit of the first byte.
#[inline]
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub(crate) fn string_stops(lane: &[u8; LANE_BYTES]) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };
    // SAFETY: SSE2 is part of x86_64, and the load of 16 bytes, which needs no alignment, is of the lane.
    unsafe {
        let bytes = _mm_loadu_si128(lane.as_ptr().cast::<__m128i>());
        let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
        let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
        let controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quotes, backslashes), controls)) as u32
    }
}

/// Quotes, backslashes and control characters of a lane in one, the lowest bit of the first byte.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn string_stops(lane: &[u8; LANE_BYTES]) -> u32 {
    let stops = |byte: u8| byte == b'"' || byte == b'\\' || byte < 0x20;
    lane.iter().enumerate().fold(0, |bits, (at, &byte)| bits | u32::from(stops(byte)) << at)
}

/// Of the bits of backslashes those characters that one of them takes its meaning from: every second of a row. `carry` is
/// whether the first of the block is one, and whether the first of the next will be.
#[inline]
pub(crate) fn escaped_bits(backslashes: u64, carry: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let begins = backslashes & !*carry;
    let behind = begins << 1 | *carry;
    // A row that begins at an odd place: adding it to itself carries to the place behind it.
    let odd = begins & !EVEN & !behind;
    let (sums, over) = odd.overflowing_add(begins);
    *carry = u64::from(over);
    (EVEN ^ sums << 1) & behind
}

/// Whether some byte of `text` is over 0x7F, some NUL, some ESC.
#[inline]
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub(crate) fn odd_bytes(text: &[u8]) -> (bool, bool, bool) {
    match text.last_chunk() {
        // SAFETY: the processor has what the function is compiled for.
        Some(last) if std::arch::is_x86_feature_detected!("avx2") => unsafe { odd_bytes_wide(text, last) },
        _ => odd_bytes_plainly(text),
    }
}

/// Whether some byte of `text` is over 0x7F, some NUL, some ESC.
#[inline]
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn odd_bytes(text: &[u8]) -> (bool, bool, bool) {
    odd_bytes_plainly(text)
}

/// As [`odd_bytes`], half a block a step; `last` is the end of the text, of which some is looked at twice.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[allow(unsafe_code)]
fn odd_bytes_wide(text: &[u8], last: &[u8; HALF_BYTES]) -> (bool, bool, bool) {
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8,
    };
    let halves = text.as_chunks::<HALF_BYTES>().0;
    // SAFETY: the load of 32 bytes, which needs no alignment, is of the half.
    let load = |half: &[u8; HALF_BYTES]| unsafe { _mm256_loadu_si256(half.as_ptr().cast::<__m256i>()) };
    // Most texts hold no control character at all: which of them there are is looked for only where there is one.
    let (mut high, mut least) = (load(last), load(last));
    for half in halves {
        let bytes = load(half);
        high = _mm256_or_si256(high, bytes);
        least = _mm256_min_epu8(least, bytes);
    }
    let high = _mm256_movemask_epi8(high) != 0;
    let controls = _mm256_cmpeq_epi8(_mm256_min_epu8(least, _mm256_set1_epi8(0x1F)), least);
    if _mm256_movemask_epi8(controls) == 0 {
        return (high, false, false);
    }
    let is = |bytes: __m256i, byte: i8| _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte));
    let (mut nul, mut escape) = (is(load(last), 0), is(load(last), 0x1B));
    for half in halves {
        let bytes = load(half);
        nul = _mm256_or_si256(nul, is(bytes, 0));
        escape = _mm256_or_si256(escape, is(bytes, 0x1B));
    }
    (high, _mm256_movemask_epi8(nul) != 0, _mm256_movemask_epi8(escape) != 0)
}

/// As [`odd_bytes`]. The compiler makes vector code of it: 16 bytes a step.
fn odd_bytes_plainly(text: &[u8]) -> (bool, bool, bool) {
    let odd = text.iter().fold(0, |odd, &byte| odd | if (byte as i8) < 0x20 { 0xFFu8 } else { 0 });
    if odd == 0 {
        return (false, false, false);
    }
    let (mut high, mut nul, mut escape) = (0u8, 0u8, 0u8);
    for &byte in text {
        high |= byte;
        nul |= u8::from(byte == 0);
        escape |= u8::from(byte == 0x1B);
    }
    (high >= 0x80, nul != 0, escape != 0)
}

/// Finds the next of one byte from any place on, by the bits of the block that place is in: where many short strings
/// follow one another, a loop over each ends in a branch that is foreseen by nobody, and the bits need none.
#[derive(Clone, Debug)]
pub(crate) struct NextPlace<'t> {
    text: &'t [u8],
    byte: u8,
    base: usize,
    bits: u64,
}

impl<'t> NextPlace<'t> {
    #[inline]
    pub(crate) fn of(text: &'t [u8], byte: u8) -> NextPlace<'t> {
        let mut next = NextPlace { text, byte, base: 0, bits: 0 };
        next.load(0);
        next
    }

    /// The text that is looked through.
    pub(crate) fn text(&self) -> &'t [u8] {
        self.text
    }

    #[inline]
    fn load(&mut self, base: usize) {
        self.base = base;
        let rest = self.text.get(base..).unwrap_or_default();
        self.bits = match rest.first_chunk() {
            Some(block) => equal_bits(block, self.byte),
            None => {
                let mut block = [0; BLOCK_BYTES];
                block[..rest.len()].copy_from_slice(rest);
                // What the block was filled up with may equal the byte.
                equal_bits(&block, self.byte) & ((1 << rest.len()) - 1)
            }
        };
    }

    /// The first place at or after `at`.
    #[inline(always)]
    pub(crate) fn from(&mut self, at: usize) -> Option<usize> {
        let base = at & !(BLOCK_BYTES - 1);
        if base != self.base {
            self.load(base);
        }
        let ahead = self.bits >> (at - base);
        if ahead != 0 {
            return Some(at + ahead.trailing_zeros() as usize);
        }
        while self.base + BLOCK_BYTES < self.text.len() {
            self.load(self.base + BLOCK_BYTES);
            if self.bits != 0 {
                return Some(self.base + self.bits.trailing_zeros() as usize);
            }
        }
        None
    }
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
        fn next_places_are_those_of_the_byte_loop(
            text in prop::collection::vec(prop::sample::select(&b"aaaaaaaaaaaaaa\0\x20\xa0\xff"[..]), 0..300),
            byte in prop::sample::select(&b"\0 \xff"[..]),
            from in prop::collection::vec(0..320usize, 1..20),
        ) {
            let mut next = NextPlace::of(&text, byte);
            for at in from {
                let expected = (at..text.len()).find(|&at| text[at] == byte);
                prop_assert_eq!(next.from(at), expected);
            }
        }

        #[test]
        fn odd_bytes_are_those_of_the_byte_loop(
            text in prop::collection::vec(prop_oneof![60 => 0x20..0x7Fu8, 1 => prop::sample::select(&b"\0\x1B\x80\xff\t"[..])], 0..200),
        ) {
            let any = |wanted: fn(u8) -> bool| text.iter().any(|&byte| wanted(byte));
            let expected = (any(|byte| byte > 0x7F), any(|byte| byte == 0), any(|byte| byte == 0x1B));
            prop_assert_eq!(odd_bytes(&text), expected);
            prop_assert_eq!(odd_bytes_plainly(&text), expected);
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
