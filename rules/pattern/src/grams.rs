//! Literals by hashed pieces, in safe Rust.
//!
//! What must stand at an end of the value, or be it, is looked up by its outermost bytes ([`crate::edges`]): a
//! few table accesses, however long the value. What may stand anywhere is looked up by the rarest four bytes
//! in a row that it has: with vector instructions where literals are few ([`crate::few`]; [`crate::pairs`] where they share
//! rare bytes), else by one look into a small table
//! for every fourth byte of the value ([`crate::sparse`]) or, for what is too short, for each ([`crate::inside`]). An automaton over all literals does the same in one dependent memory
//! access a byte, some five times slower here: its table outgrows the cache and each step waits for the one before, where
//! these looks don't wait for each other.

use crate::edges::Edges;
use crate::few::Few;
use crate::inside::{Inside, literals_by_piece};
use crate::sparse::{self, Sparse};
use crate::{At, BuildError, Finder, Literal, Seen};

/// The back end in Rust. See the module's text.
#[derive(Debug)]
pub struct Grams {
    literals: usize,
    /// Empty literals that stand everywhere.
    always: Box<[u32]>,
    edges: Option<Edges>,
    sparse: Option<Sparse>,
    few: Option<Few>,
    inside: Option<Inside>,
}

/// Scratch of [`Grams`].
#[derive(Debug, Default)]
pub struct GramScratch {
    seen: Seen,
    lower: Vec<u8>,
}

impl Finder for Grams {
    type Scratch = GramScratch;

    fn build(literals: &[Literal]) -> Result<Self, BuildError> {
        let (mut always, mut edges, mut inside) = (Vec::new(), Vec::new(), Vec::new());
        for (number, literal) in literals.iter().enumerate() {
            let number = number as u32;
            match literal.at {
                At::Anywhere | At::Start | At::End if literal.bytes.is_empty() => always.push(number),
                At::Anywhere => inside.push((number, &*literal.bytes)),
                At::Start | At::End | At::Whole => edges.push((number, literal)),
            }
        }
        let literals_with = literals_by_piece(&inside);
        let mut few = Few::new(&inside, &literals_with);
        let (mut long, mut short) = (Vec::new(), Vec::new());
        if few.is_none() {
            (long, short) = inside.into_iter().partition(|(_, literal)| literal.len() >= sparse::LITERAL_MIN);
            few = Few::new(&short, &literals_with);
            if few.is_some() {
                short.clear();
            }
        }
        Ok(Grams {
            literals: literals.len(),
            sparse: (!long.is_empty()).then(|| Sparse::new(&long, &literals_with)),
            few,
            always: always.into(),
            edges: (!edges.is_empty()).then(|| Edges::new(&edges)),
            inside: (!short.is_empty()).then(|| Inside::new(&short, &literals_with)),
        })
    }

    #[inline]
    fn find(&self, value: &[u8], scratch: &mut GramScratch, mut found: impl FnMut(u32)) {
        self.always.iter().for_each(|&literal| found(literal));
        if let Some(edges) = &self.edges {
            edges.find(value, &mut found);
        }
        if let Some(sparse) = &self.sparse {
            scratch.seen.begin(self.literals);
            sparse.find(value, &mut scratch.seen, &mut found);
        }
        if let Some(few) = &self.few {
            scratch.seen.begin(self.literals);
            few.find(value, &mut scratch.seen, &mut scratch.lower, &mut found);
        }
        if let Some(inside) = &self.inside {
            scratch.seen.begin(self.literals);
            inside.find(value, &mut scratch.seen, &mut found);
        }
    }
}

/// Multiplicative hashing: the golden ratio in 32 bits.
pub(crate) const GOLDEN: u32 = 0x9E37_79B1;

/// The bit that tells upper from lower case in ASCII letters, in eight bytes. Setting it everywhere takes some other
/// characters for one another too, which the comparison that follows tells apart.
pub(crate) const FOLD: u64 = 0x2020_2020_2020_2020;

/// Lists of entries by hash, in two runs of memory.
#[derive(Debug)]
pub(crate) struct Buckets<T> {
    /// Where a bucket begins; the next one is where it ends.
    begins: Box<[u32]>,
    entries: Box<[T]>,
    shift: u32,
}

impl<T: Copy> Buckets<T> {
    /// Twice as many buckets as entries, so that most are empty.
    pub(crate) fn new(mut entries: Vec<(u32, T)>) -> Self {
        let bits = (entries.len() * 2).next_power_of_two().trailing_zeros().max(1);
        let shift = 32 - bits;
        entries.sort_by_key(|(hash, _)| hash >> shift);
        let mut begins = vec![0; (1 << bits) + 1];
        for (hash, _) in &entries {
            begins[(hash >> shift) as usize + 1] += 1;
        }
        for at in 1..begins.len() {
            begins[at] += begins[at - 1];
        }
        Buckets { begins: begins.into(), entries: entries.into_iter().map(|(_, entry)| entry).collect(), shift }
    }

    #[inline]
    pub(crate) fn get(&self, hash: u32) -> &[T] {
        let at = (hash >> self.shift) as usize;
        &self.entries[self.begins[at] as usize..self.begins[at + 1] as usize]
    }
}
