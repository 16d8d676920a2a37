//! Hashes of values, computed from an event's bytes as they stand.
//!
//! A name is hashed label by label from the right, so that the hashes of all its parents come with its own; case is
//! folded a word at a time. Nothing is copied before a hash has found a candidate. Keys are seeded at random: who writes a
//! feed can't choose values that collide.

use std::hash::{BuildHasher as _, Hasher as _};

use super::IndicatorKind;

const A: u64 = 0x9E37_79B9_7F4A_7C15;
const B: u64 = 0xD6E8_FEB8_6659_FD93;

/// Both halves of the product: every bit of the input reaches every bit of the answer.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Up to eight bytes as a word; the length must be hashed besides.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    if let Some(eight) = bytes.first_chunk::<8>() {
        return u64::from_le_bytes(*eight);
    }
    if let (Some(head), Some(tail)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << 32;
    }
    match *bytes {
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(a) | u64::from(b) << 8,
        [a, b, c, ..] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
    }
}

/// The word with its ASCII letters in lower case.
#[inline]
fn lower(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // `A` is 0x41, `Z` 0x5A: the sums carry into the top bit from `A` on and above `Z`.
    let sevens = word & (0x7F * ONES);
    let above_z = sevens + (0x7F - 0x5A) * ONES;
    let from_a = sevens + (0x80 - 0x41) * ONES;
    let upper = !word & (from_a ^ above_z) & (0x80 * ONES);
    word | upper >> 2
}

/// Which bytes of a word are dots: the top bit of each, exactly.
#[inline]
fn dots(word: u64) -> u64 {
    const SEVENS: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    let other = word ^ 0x2E2E_2E2E_2E2E_2E2E;
    !(((other & SEVENS) + SEVENS) | other | SEVENS)
}

/// The eight bytes before `end` as a word, the last of them on top; zeros below where there are fewer.
#[inline]
fn before(name: &[u8], end: usize) -> u64 {
    if let Some(eight) = end.checked_sub(8).and_then(|from| name[from..].first_chunk::<8>()) {
        return u64::from_le_bytes(*eight);
    }
    let head = match name.first_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => name.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    };
    head.checked_shl(64 - 8 * end as u32).unwrap_or(0)
}

/// The seeds of one set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seeds {
    seed: u64,
    name: u64,
}

impl Seeds {
    /// Seeds nobody can foresee.
    pub(super) fn random() -> Self {
        let seed = std::hash::RandomState::new().build_hasher().finish() | 1;
        Seeds { seed, name: fold(seed ^ IndicatorKind::Domain as u64, A) }
    }

    #[inline]
    pub(super) fn ip(self, octets: &[u8]) -> u64 {
        match *octets {
            [a, b, c, d] => fold(self.seed ^ u64::from(u32::from_be_bytes([a, b, c, d])), A),
            _ => self.text(IndicatorKind::Ip, octets),
        }
    }

    /// Sixteen bytes a multiplication; `of` is what stands for a word. Both factors are secret, for one that is zero would hide the other.
    #[inline]
    fn bytes(self, mut hash: u64, bytes: &[u8], of: impl Fn(u64) -> u64) -> u64 {
        let (pairs, rest) = bytes.as_chunks::<16>();
        for pair in pairs {
            hash = fold(hash ^ of(word(&pair[..8])), self.name ^ of(word(&pair[8..])));
        }
        let (head, tail) = rest.split_at(rest.len().min(8));
        fold(hash ^ of(word(head)), self.seed ^ of(word(tail)))
    }

    /// Of bytes in their final form.
    #[inline]
    pub(super) fn text(self, kind: IndicatorKind, bytes: &[u8]) -> u64 {
        let hash = fold(self.seed ^ bytes.len() as u64 ^ (kind as u64) << 32, B);
        self.bytes(hash, bytes, |word| word)
    }

    /// Of a digest in hexadecimal, in either case: as it stands, for most digests are no indicator and need not be read.
    #[inline]
    pub(super) fn digest(self, kind: IndicatorKind, digits: &[u8]) -> u64 {
        // Digits have this bit, and letters differ in it alone.
        let hash = self.seed ^ (kind as u64) << 32;
        self.bytes(hash, digits, |word| word | 0x2020_2020_2020_2020)
    }

    /// Calls `parent` with every parent of at least two labels and the name itself: where it begins, and its hash, the shortest first. The
    /// answer is the hash of the whole, whatever its labels.
    #[inline]
    pub(super) fn name(self, name: &[u8], mut parent: impl FnMut(usize, u64)) -> u64 {
        let mut hash = self.name;
        let mut end = name.len();
        let mut labels = 0;
        // Eight bytes at a time: where no dot is among them the label goes on before them.
        loop {
            let word = before(name, end);
            let dots = dots(word);
            if dots == 0 && end >= 8 {
                hash = fold(hash ^ lower(word), A);
                end -= 8;
                continue;
            }
            let len = if dots == 0 { end } else { (dots.leading_zeros() / 8) as usize };
            let label = word.checked_shr(64 - 8 * len as u32).unwrap_or(0);
            hash = fold(hash ^ lower(label), B ^ len as u64);
            labels += 1;
            let start = end - len;
            if labels >= 2 {
                parent(start, hash);
            }
            if start == 0 {
                return hash;
            }
            end = start - 1;
        }
    }

    /// A host name that stands for itself alone.
    #[inline]
    pub(super) fn alone(name: u64) -> u64 {
        fold(name ^ IndicatorKind::Hostname as u64, B)
    }

    /// A web address from the hash of its host.
    #[inline]
    pub(super) fn url(self, host: u64, scheme: &[u8], port: &[u8], tail: &[u8]) -> u64 {
        let mut hash = fold(host ^ tail.len() as u64, B);
        if !scheme.is_empty() || !port.is_empty() {
            let scheme =
                scheme.iter().fold(0u64, |sum, byte| sum.rotate_left(7) ^ u64::from(byte.to_ascii_lowercase()));
            hash = fold(hash ^ scheme, A) ^ self.text(IndicatorKind::Url, port);
        }
        self.bytes(hash, tail, |word| word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_fold_as_ascii_does(bytes in prop::array::uniform8(any::<u8>())) {
            prop_assert_eq!(lower(u64::from_le_bytes(bytes)).to_le_bytes().to_vec(), bytes.to_ascii_lowercase());
        }

        #[test]
        fn labels_are_those_between_dots(name in "[a-c.]{0,30}") {
            let mut starts = Vec::new();
            Seeds::random().name(name.as_bytes(), |start, _| starts.push(start));
            let mut expected: Vec<usize> = name.match_indices('.').map(|(at, _)| at + 1).collect();
            expected.pop();
            expected.reverse();
            if name.contains('.') {
                expected.push(0);
            }
            prop_assert_eq!(starts, expected);
        }

        #[test]
        fn digests_hash_alike_in_either_case(digits in "[0-9a-fA-F]{40}") {
            let seeds = Seeds::random();
            let of = |digits: &str| seeds.digest(IndicatorKind::Sha1, digits.as_bytes());
            prop_assert_eq!(of(&digits), of(&digits.to_ascii_uppercase()));
            prop_assert_ne!(of(&digits), of(&digits.to_ascii_lowercase().replacen(|digit: char| digit != 'e', "e", 1)));
        }

        #[test]
        fn a_parent_hashes_as_the_name_alone(name in "[A-Za-z0-9]{1,12}(\\.[a-zA-Z0-9-]{1,12}){1,4}") {
            let seeds = Seeds::random();
            let mut parents = Vec::new();
            seeds.name(name.as_bytes(), |start, hash| parents.push((start, hash)));
            for (start, hash) in parents {
                prop_assert_eq!(seeds.name(name[start..].to_ascii_uppercase().as_bytes(), |_, _| {}), hash);
            }
        }
    }
}
