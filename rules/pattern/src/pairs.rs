//! Few literals anywhere in a value, where a pair or so of rare bytes is in all of them: `::` in the names of an attack
//! tool's modules. A pair is compared with vector instructions in half of what [`crate::few`] needs for its pieces, and in
//! the value as it is written.

use crate::inside::commonness;
use crate::{At, Once as _, Seen, naive};

/// Most places from a pair's first byte to its second.
const APART_MAX: usize = 3;

/// Most that both bytes of a pair may be worth by [`commonness`].
const COMMONNESS_MAX: u32 = 16;

/// Most literals that share pairs.
const LITERALS_MAX: usize = 48;

/// A value with more pairs than one in so many bytes, and a few, is searched by pieces instead: it is none of those that pairs
/// are rare in.
const BYTES_EACH_MIN: usize = 128;

/// The few.
const PAIRS_FREE: usize = 2;

/// Bytes compared at once.
const BLOCK: usize = 32;

/// A block, and the bytes behind it that pairs of it reach into.
const WITH_REACH: usize = BLOCK + APART_MAX;

/// The bit of case, as in [`crate::grams::FOLD`].
const FOLD: u8 = 0x20;

/// Two bytes, folded, and how far the second is behind the first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Pair {
    first: u8,
    second: u8,
    apart: usize,
}

impl Pair {
    fn stands_at(self, value: &[u8], at: usize) -> bool {
        let is = |at: usize, byte: u8| value.get(at).is_some_and(|own| own | FOLD == byte);
        is(at, self.first) && is(at + self.apart, self.second)
    }
}

/// A literal by a pair that is in it.
#[derive(Debug)]
struct Entry {
    number: u32,
    /// How far the pair is behind the literal's begin.
    back: usize,
    /// Four bytes of the literal around the pair, folded, and how far the pair is behind their begin.
    word: u32,
    word_back: usize,
    bytes: Box<[u8]>,
}

impl Entry {
    fn new(number: u32, literal: &[u8], back: usize) -> Option<Entry> {
        let begin = back.min(literal.len().checked_sub(4)?);
        let word = crate::inside::gram(literal[begin..].first_chunk()?);
        Some(Entry { number, back, word, word_back: back - begin, bytes: literal.into() })
    }

    /// Whether the literal stands in `value` with the pair at `at`.
    #[inline]
    fn stands(&self, value: &[u8], at: usize) -> bool {
        let word = at.checked_sub(self.word_back).and_then(|begin| value[begin..].first_chunk());
        word.is_some_and(|word| crate::inside::gram(word) == self.word)
            && at.checked_sub(self.back).is_some_and(|begin| naive::stands(At::Start, &self.bytes, &value[begin..]))
    }
}

/// As many pairs as are compared at once at most; the loop is made for each number of them.
#[derive(Debug)]
enum Alternatives {
    One([Pair; 1]),
    Two([Pair; 2]),
    Three([Pair; 3]),
    Four([Pair; 4]),
}

impl Alternatives {
    fn as_slice(&self) -> &[Pair] {
        match self {
            Alternatives::One(pairs) => pairs,
            Alternatives::Two(pairs) => pairs,
            Alternatives::Three(pairs) => pairs,
            Alternatives::Four(pairs) => pairs,
        }
    }

    #[inline]
    fn next(&self, value: &[u8], from: usize) -> Option<(usize, u32)> {
        match self {
            Alternatives::One(pairs) => next(pairs, value, from),
            Alternatives::Two(pairs) => next(pairs, value, from),
            Alternatives::Three(pairs) => next(pairs, value, from),
            Alternatives::Four(pairs) => next(pairs, value, from),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Pairs {
    pairs: Alternatives,
    /// By pair.
    literals: Box<[Vec<Entry>]>,
}

impl Pairs {
    /// `None`: too many literals, or no few rare pairs that are in all of them.
    pub(crate) fn new(literals: &[(u32, &[u8])]) -> Option<Self> {
        if literals.is_empty() || literals.len() > LITERALS_MAX || literals.iter().any(|(_, own)| own.len() < 4) {
            return None;
        }
        let mut standing: Vec<(Pair, usize, usize)> = Vec::new();
        for (place, (_, literal)) in literals.iter().enumerate() {
            for (back, first) in literal.iter().enumerate() {
                for (apart, second) in (1..=APART_MAX).zip(&literal[back + 1..]) {
                    if commonness(*first) + commonness(*second) <= COMMONNESS_MAX {
                        standing.push((Pair { first: first | FOLD, second: second | FOLD, apart }, place, back));
                    }
                }
            }
        }
        standing.sort_unstable();
        standing.dedup_by_key(|(pair, place, _)| (*pair, *place));
        let (mut pairs, mut lists) = (Vec::new(), Vec::new());
        let mut missing: Vec<bool> = vec![true; literals.len()];
        while missing.contains(&true) {
            let of = |group: &&[(Pair, usize, usize)]| {
                let cost = commonness(group[0].0.first) + commonness(group[0].0.second);
                (group.iter().filter(|(_, place, _)| missing[*place]).count(), std::cmp::Reverse(cost))
            };
            let group = standing.chunk_by(|a, b| a.0 == b.0).max_by_key(of)?;
            if of(&group).0 == 0 {
                return None;
            }
            pairs.push(group[0].0);
            let own: Vec<_> = group.iter().filter(|(_, place, _)| missing[*place]).collect();
            own.iter().for_each(|(_, place, _)| missing[*place] = false);
            // A literal that has the pair twice is found by the first of them.
            lists.push(
                own.iter()
                    .map(|(_, place, back)| Entry::new(literals[*place].0, literals[*place].1, *back))
                    .collect::<Option<Vec<_>>>()?,
            );
        }
        let pairs = match *pairs.as_slice() {
            [one] => Alternatives::One([one]),
            [one, two] => Alternatives::Two([one, two]),
            [one, two, three] => Alternatives::Three([one, two, three]),
            [one, two, three, four] => Alternatives::Four([one, two, three, four]),
            _ => return None,
        };
        Some(Pairs { pairs, literals: lists.into() })
    }

    /// Tells each literal that stands in `value` once. `false`: there are too many pairs, and some may not have been told.
    #[inline]
    pub(crate) fn find(&self, value: &[u8], seen: &mut Seen, found: &mut impl FnMut(u32)) -> bool {
        let mut left = PAIRS_FREE + value.len() / BYTES_EACH_MIN;
        let mut from = 0;
        while let Some((begin, mut bits)) = self.pairs.next(value, from) {
            while bits != 0 {
                let at = begin + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                for (pair, literals) in self.pairs.as_slice().iter().zip(&self.literals) {
                    if !pair.stands_at(value, at) {
                        continue;
                    }
                    let Some(rest) = left.checked_sub(1) else { return false };
                    left = rest;
                    for entry in literals {
                        if entry.stands(value, at) && seen.take(entry.number) {
                            found(entry.number);
                        }
                    }
                }
            }
            from = begin + BLOCK;
        }
        true
    }
}

/// The next block from `from` on where one of `pairs` begins: where it begins, and a bit for each such place.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn next<const N: usize>(pairs: &[Pair; N], value: &[u8], from: usize) -> Option<(usize, u32)> {
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { next_wide(pairs, value, from) };
    }
    next_plainly(pairs, value, from)
}

/// The next block from `from` on where one of `pairs` begins: where it begins, and a bit for each such place.
#[cfg(not(target_arch = "x86_64"))]
fn next<const N: usize>(pairs: &[Pair; N], value: &[u8], from: usize) -> Option<(usize, u32)> {
    next_plainly(pairs, value, from)
}

/// As [`next`], a block in a load and one more for each pair.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[allow(unsafe_code)]
fn next_wide<const N: usize>(pairs: &[Pair; N], value: &[u8], from: usize) -> Option<(usize, u32)> {
    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8, _mm256_setzero_si256,
    };
    let fold = _mm256_set1_epi8(FOLD as i8);
    let firsts = pairs.map(|pair| _mm256_set1_epi8(pair.first as i8));
    let seconds = pairs.map(|pair| _mm256_set1_epi8(pair.second as i8));
    let aparts = pairs.map(|pair| pair.apart.min(APART_MAX));
    let load = |block: &[u8; WITH_REACH], apart: usize| {
        let bytes: &[u8] = &block[apart..apart + BLOCK];
        // SAFETY: the load of 32 bytes, which needs no alignment, is of these.
        _mm256_or_si256(unsafe { _mm256_loadu_si256(bytes.as_ptr().cast::<__m256i>()) }, fold)
    };
    let bits = |block: &[u8; WITH_REACH]| {
        let here = load(block, 0);
        let mut any = _mm256_setzero_si256();
        for number in 0..N {
            let second = _mm256_cmpeq_epi8(load(block, aparts[number]), seconds[number]);
            any = _mm256_or_si256(any, _mm256_and_si256(_mm256_cmpeq_epi8(here, firsts[number]), second));
        }
        _mm256_movemask_epi8(any) as u32
    };
    let mut at = from;
    while let Some(block) = value.get(at..).and_then(|rest| rest.first_chunk()) {
        let bits = bits(block);
        if bits != 0 {
            return Some((at, bits));
        }
        at += BLOCK;
    }
    rest(value, at, bits)
}

/// As [`next`]. The compiler makes vector code of it.
fn next_plainly<const N: usize>(pairs: &[Pair; N], value: &[u8], from: usize) -> Option<(usize, u32)> {
    let begins = |block: &[u8; WITH_REACH], at: usize| {
        let one = |pair: &Pair| {
            u8::from(block[at] | FOLD == pair.first)
                & u8::from(block[at + pair.apart.min(APART_MAX)] | FOLD == pair.second)
        };
        pairs.iter().fold(0, |any, pair| any | one(pair))
    };
    let bits = |block: &[u8; WITH_REACH]| {
        if (0..BLOCK).fold(0, |any, at| any | begins(block, at)) == 0 {
            return 0;
        }
        (0..BLOCK).fold(0, |bits, at| bits | u32::from(begins(block, at)) << at)
    };
    let mut at = from;
    while let Some(block) = value.get(at..).and_then(|rest| rest.first_chunk()) {
        let bits = bits(block);
        if bits != 0 {
            return Some((at, bits));
        }
        at += BLOCK;
    }
    rest(value, at, bits)
}

/// One literal anywhere in a value, letters of ASCII without case: looked for by the rarest pair that it has.
///
/// [`naive::stands`] is its specification.
#[derive(Clone, Debug)]
pub struct Needle {
    pair: [Pair; 1],
    /// How far the pair is behind the literal's begin.
    back: usize,
    bytes: Box<[u8]>,
}

impl Needle {
    /// Prepares `literal`. `None` where it has no two bytes.
    pub fn new(literal: &[u8]) -> Option<Needle> {
        let pair = |(back, first): (usize, &u8)| {
            let second = (1..=APART_MAX).zip(&literal[back + 1..]);
            let cost = |(apart, second): (usize, &u8)| {
                let pair = Pair { first: first | FOLD, second: second | FOLD, apart };
                (commonness(*first) + commonness(*second), back, pair)
            };
            second.map(cost).min()
        };
        let (_, back, pair) = literal.iter().enumerate().filter_map(pair).min()?;
        Some(Needle { pair: [pair], back, bytes: literal.into() })
    }

    /// Whether it stands in `value`.
    pub fn stands_in(&self, value: &[u8]) -> bool {
        let mut from = self.back;
        while let Some((begin, mut bits)) = next(&self.pair, value, from) {
            while bits != 0 {
                let at = begin + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if value.get(at - self.back..).is_some_and(|rest| naive::stands(At::Start, &self.bytes, rest)) {
                    return true;
                }
            }
            from = begin + BLOCK;
        }
        false
    }
}

/// The last block or two, which are not whole: filled up with zeros, which no literal is found by.
fn rest(value: &[u8], from: usize, bits: impl Fn(&[u8; WITH_REACH]) -> u32) -> Option<(usize, u32)> {
    let mut at = from;
    while at < value.len() {
        let mut block = [0; WITH_REACH];
        let own = &value[at..value.len().min(at + WITH_REACH)];
        block[..own.len()].copy_from_slice(own);
        let bits = bits(&block);
        if bits != 0 {
            return Some((at, bits));
        }
        at += BLOCK;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pairs: &Pairs, value: &[u8]) -> (bool, Vec<u32>) {
        let (mut seen, mut found) = (Seen::default(), Vec::new());
        seen.begin(64);
        let all = pairs.find(value, &mut seen, &mut |literal| found.push(literal));
        found.sort_unstable();
        (all, found)
    }

    #[test]
    fn literals_that_share_a_pair_are_found_by_it_wherever_they_stand() {
        let literals: Vec<(u32, &[u8])> =
            vec![(3, b"dpapi::masterkey"), (5, b"lsadump::"), (7, b"Kiwi Legit"), (9, b"\\mimilib.dll")];
        let pairs = Pairs::new(&literals).expect("three pairs are in all of them");
        for (number, literal) in &literals {
            for before in 0..70 {
                for after in [0, 1, 2, 3, 40] {
                    let mut value = [&vec![b'.'; before][..], literal, &vec![b'~'; after], &[b'-'; 200]].concat();
                    value.make_ascii_uppercase();
                    value.truncate(value.len() - 200 * usize::from(before > 64));
                    let Alternatives::Three(places) = &pairs.pairs else { panic!("three pairs: {pairs:?}") };
                    assert_eq!(next(places, &value, 0), next_plainly(places, &value, 0));
                    let (_, told) = found(&pairs, &[&[b'-'; 300][..], &value].concat());
                    assert_eq!(told, [*number], "{before} before, {after} behind");
                    let cut = [&[b'-'; 300][..], &vec![b'.'; before], &literal[..literal.len() - 1]].concat();
                    assert_eq!(found(&pairs, &cut), (true, vec![]));
                }
            }
        }
    }

    #[test]
    fn a_value_full_of_pairs_is_left_to_the_pieces() {
        let pairs = Pairs::new(&[(0, b"lsadump::")]).expect("one pair");
        let (all, _) = found(&pairs, &[b':'; 4096]);
        assert!(!all);
    }

    #[test]
    fn common_or_many_pairs_are_none() {
        assert!(Pairs::new(&[(0, b"stations")]).is_none());
        let texts: Vec<String> = (0..48).map(|n| format!("{n:02}~{n:02}")).collect();
        let literals: Vec<(u32, &[u8])> = (0..).zip(texts.iter().map(|text| text.as_bytes())).collect();
        assert!(Pairs::new(&literals).is_none());
        assert!(Pairs::new(&[(0, b"::x")]).is_none() && Pairs::new(&[]).is_none());
    }
}
