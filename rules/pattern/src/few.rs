//! Few literals anywhere in the value: their rarest pieces, all compared at once with vector instructions.

use std::collections::BTreeMap;

use aho_corasick::packed::{Config, MatchKind, Searcher};

use hashbrown::HashMap;

use crate::inside::{GRAM, rarest};
use crate::pairs::Pairs;
use crate::{At, Literal, Once as _, Seen, naive};

/// Most pieces compared at once: above, false alarms outweigh what is won.
const PIECES_MAX: usize = 48;

#[derive(Debug)]
pub(crate) struct Few {
    /// Over pieces of equal length, so that at one place there is one.
    searcher: Searcher,
    /// By piece: each literal that it stands for, and how far behind its begin.
    literals: Box<[Vec<(u32, usize, Literal)>]>,
    /// By which most values are searched first, and most of them alone.
    pairs: Option<Pairs>,
}

impl Few {
    /// `None`: too many, too short, or no vector instructions for it here.
    pub(crate) fn new(literals: &[(u32, &[u8])], literals_with: &HashMap<u32, u32>) -> Option<Self> {
        if literals.is_empty() || literals.iter().any(|(_, literal)| literal.len() < GRAM) {
            return None;
        }
        let mut by_piece: BTreeMap<Vec<u8>, Vec<(u32, usize, Literal)>> = BTreeMap::new();
        for (number, literal) in literals {
            let back = rarest(literal, literals_with);
            let piece = literal[back..back + GRAM].to_ascii_lowercase();
            by_piece.entry(piece).or_default().push((*number, back, Literal::new(At::Start, *literal)));
            // Of a hundred thousand literals the first few say that they are too many.
            if by_piece.len() > PIECES_MAX {
                return None;
            }
        }
        let searcher = Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(by_piece.keys()).build()?;
        Some(Few { searcher, literals: by_piece.into_values().collect(), pairs: Pairs::new(literals) })
    }

    #[inline]
    pub(crate) fn find(&self, value: &[u8], seen: &mut Seen, lower: &mut Vec<u8>, found: &mut impl FnMut(u32)) {
        if value.len() < GRAM {
            return;
        }
        if self.pairs.as_ref().is_some_and(|pairs| pairs.find(value, seen, found)) {
            return;
        }
        lower.clear();
        lower.extend(value.iter().map(u8::to_ascii_lowercase));
        let mut at = 0;
        while let Some(hit) = self.searcher.find_in(&*lower, (at..lower.len()).into()) {
            for (number, back, literal) in &self.literals[hit.pattern().as_usize()] {
                let Some(begin) = hit.start().checked_sub(*back) else { continue };
                if !seen.had(*number)
                    && naive::stands(literal.at, &literal.bytes, &value[begin..])
                    && seen.take(*number)
                {
                    found(*number);
                }
            }
            at = hit.start() + 1;
        }
    }
}
