//! Literals anywhere in the value that have seven bytes or more: looked up at every fourth place of the value.
//!
//! Such a literal has four pieces of four bytes that begin at places in a row, and one of them begins at a multiple of
//! four in the value. Each literal is known by all four, the rarest row that it has; so a look for every fourth byte
//! finds it, where [`crate::inside`] needs one for each.

use hashbrown::HashMap;

use crate::Once;
use crate::grams::{Buckets, FOLD};
use crate::inside::{Entry, GRAM, cost, gram, hash};

/// Places between two looks.
const STEP: usize = 4;

/// Shortest literal that has pieces at that many places in a row.
pub(crate) const LITERAL_MIN: usize = GRAM + STEP - 1;

/// A bit by hash of four bytes: whether any literal has them among its pieces. The sizes are constants, so that no look is
/// checked against a length; the greatest is that of the second nearest cache's share.
#[derive(Debug)]
enum Filter {
    Small(Box<[u8; 1 << 12]>),
    Medium(Box<[u8; 1 << 14]>),
    Large(Box<[u8; 1 << 16]>),
}

/// One look in so many is in vain, whatever the value says.
const FILTER_BITS_EACH: usize = 40;

#[inline]
fn place<const SIZE: usize>(hash: u32) -> (usize, u32) {
    let bit = hash >> (29 - SIZE.trailing_zeros());
    ((bit >> 3) as usize, bit & 7)
}

fn filled<const SIZE: usize>(entries: &[(u32, Entry)]) -> Box<[u8; SIZE]> {
    let mut filter = Box::new([0; SIZE]);
    for (hash, _) in entries {
        let (byte, bit) = place::<SIZE>(*hash);
        filter[byte] |= 1 << bit;
    }
    filter
}

#[derive(Debug)]
pub(crate) struct Sparse {
    filter: Filter,
    buckets: Buckets<Entry>,
    bytes: Box<[u8]>,
}

impl Sparse {
    /// `literals` have [`LITERAL_MIN`] bytes each; `literals_with` says of a piece in how many it is.
    pub(crate) fn new(literals: &[(u32, &[u8])], literals_with: &HashMap<u32, u32>) -> Self {
        let (mut entries, mut bytes) = (Vec::with_capacity(STEP * literals.len()), Vec::new());
        let mut costs = Vec::new();
        for &(number, literal) in literals {
            let (from, len) = (bytes.len() as u32, literal.len() as u32);
            bytes.extend_from_slice(literal);
            let pieces = || literal.windows(GRAM).filter_map(|window| window.first_chunk::<GRAM>());
            costs.clear();
            costs.extend(pieces().map(|piece| cost(piece, literals_with)));
            // A row is worth what its pieces are together; the common one of four costs most.
            let row = |at: &usize| costs[*at..*at + STEP].iter().sum::<u32>();
            let begin = (0..=costs.len() - STEP).min_by_key(row).unwrap_or(0);
            for (back, piece) in pieces().enumerate().skip(begin).take(STEP) {
                let gram = gram(piece);
                entries.push((hash(gram), Entry { gram, literal: number, from, len, back: back as u32 }));
            }
        }
        let filter = match entries.len() * FILTER_BITS_EACH / 8 {
            0..=0x1000 => Filter::Small(filled(&entries)),
            0x1001..=0x4000 => Filter::Medium(filled(&entries)),
            _ => Filter::Large(filled(&entries)),
        };
        Sparse { filter, buckets: Buckets::new(entries), bytes: bytes.into() }
    }

    #[inline]
    pub(crate) fn find(&self, value: &[u8], seen: &mut impl Once, found: &mut impl FnMut(u32)) {
        match &self.filter {
            Filter::Small(filter) => self.find_by(filter, value, seen, found),
            Filter::Medium(filter) => self.find_by(filter, value, seen, found),
            Filter::Large(filter) => self.find_by(filter, value, seen, found),
        }
    }

    /// Four looks and one branch for sixteen bytes.
    #[inline]
    fn find_by<const SIZE: usize>(
        &self,
        filter: &[u8; SIZE],
        value: &[u8],
        seen: &mut impl Once,
        found: &mut impl FnMut(u32),
    ) {
        const BLOCK: usize = 4 * STEP;
        let passes = |piece: u32| {
            let (byte, bit) = place::<SIZE>(hash(piece));
            filter[byte] >> bit & 1
        };
        let fold = FOLD as u32;
        let mut at = 0;
        let (blocks, rest) = value.as_chunks::<BLOCK>();
        for block in blocks {
            let (pieces, _) = block.as_chunks::<GRAM>();
            let piece = |number: usize| u32::from_le_bytes(pieces[number]) | fold;
            if passes(piece(0)) | passes(piece(1)) | passes(piece(2)) | passes(piece(3)) != 0 {
                for number in 0..BLOCK / STEP {
                    if passes(piece(number)) != 0 {
                        self.look_up(piece(number), value, at + STEP * number, seen, found);
                    }
                }
            }
            at += BLOCK;
        }
        for piece in rest.as_chunks::<GRAM>().0 {
            let piece = u32::from_le_bytes(*piece) | fold;
            if passes(piece) != 0 {
                self.look_up(piece, value, at, seen, found);
            }
            at += STEP;
        }
    }

    #[inline(never)]
    fn look_up(&self, gram: u32, value: &[u8], at: usize, seen: &mut impl Once, found: &mut impl FnMut(u32)) {
        for entry in self.buckets.get(hash(gram)) {
            entry.verify(gram, &self.bytes, value, at, seen, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inside::literals_by_piece;

    /// A rule may name two hundred thousand values. What is built for them, and what a look costs, is counted here.
    #[test]
    fn work_grows_with_the_literals_and_no_faster() {
        let work = |count: u32| {
            let texts: Vec<String> = (0..count).map(|n| format!("t{:08x}", n.wrapping_mul(0x9E37_79B1))).collect();
            let literals: Vec<(u32, &[u8])> = (0u32..).zip(texts.iter().map(|text| text.as_bytes())).collect();
            let literals_with = literals_by_piece(&literals);
            assert!(literals_with.len() <= literals.len() * 9);
            let sparse = Sparse::new(&literals, &literals_with);
            // Entries compared where each literal is looked up: its own, and those that share a bucket with it.
            let compared = |literal: &[u8]| {
                let pieces = literal.windows(GRAM).filter_map(|window| window.first_chunk());
                pieces.map(|piece| sparse.buckets.get(hash(gram(piece))).len()).max().unwrap_or(0)
            };
            let most = texts.iter().step_by(997).map(|text| compared(text.as_bytes())).max().unwrap_or(0);
            let mut found = Vec::new();
            sparse.find(format!("x {} y", texts[7]).as_bytes(), &mut (), &mut |literal| found.push(literal));
            assert_eq!(found, [7]);
            (sparse.bytes.len(), most)
        };
        let ((few_bytes, _), (many_bytes, many_most)) = (work(2_000), work(200_000));
        assert_eq!(many_bytes, 100 * few_bytes);
        assert!(many_most < 4_000, "{many_most} entries compared for one look");
    }
}
