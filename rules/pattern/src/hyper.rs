//! Literals by Hyperscan, or Vectorscan under the same name.
//!
//! Every literal is one expression of a database in block mode: its bytes, anchored where it must stand, matched once.
//! What has no bytes is told apart before, for an expression that matches nothing needs rules of its own there.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use hyperscan::{BlockDatabase, Builder as _, Matching, Pattern, PatternFlags, Patterns, Scratch};

use crate::{At, BuildError, Finder, Literal};

/// Numbers the databases of a process, so that a scratch knows which of them it was made fit for.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The back end of libhs. See the module's text.
pub struct Hyperscan {
    number: u32,
    literals: u32,
    /// Empty literals that stand everywhere.
    always: Box<[u32]>,
    /// Empty literals that are the whole value.
    empty: Box<[u32]>,
    database: Option<BlockDatabase>,
}

impl std::fmt::Debug for Hyperscan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hyperscan").field("number", &self.number).field("literals", &self.literals).finish()
    }
}

/// Scratch of [`Hyperscan`].
#[derive(Default)]
pub struct HyperScratch {
    scratch: Option<Scratch>,
    /// By number of a database, one bit: whether `scratch` is large enough for it.
    fits: Vec<u64>,
}

impl std::fmt::Debug for HyperScratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HyperScratch").field("fits", &self.fits.len()).finish()
    }
}

impl HyperScratch {
    /// The scratch, large enough for `finder`. `None`: memory ran out.
    #[inline]
    fn fit(&mut self, finder: &Hyperscan, database: &BlockDatabase) -> Option<&Scratch> {
        let (word, bit) = ((finder.number / 64) as usize, 1 << (finder.number % 64));
        if self.fits.get(word).is_none_or(|fits| fits & bit == 0) {
            match &mut self.scratch {
                Some(scratch) => drop(database.realloc_scratch(scratch).ok()?),
                None => self.scratch = Some(database.alloc_scratch().ok()?),
            }
            if self.fits.len() <= word {
                self.fits.resize(word + 1, 0);
            }
            self.fits[word] |= bit;
        }
        self.scratch.as_ref()
    }
}

/// A literal as an expression.
fn expression(literal: &Literal) -> String {
    let mut made = String::with_capacity(4 * literal.bytes.len() + 4);
    if matches!(literal.at, At::Start | At::Whole) {
        made.push('^');
    }
    for byte in &literal.bytes {
        let _ = write!(made, "\\x{byte:02x}");
    }
    if matches!(literal.at, At::End | At::Whole) {
        made.push_str("\\z");
    }
    made
}

impl Finder for Hyperscan {
    type Scratch = HyperScratch;

    fn build(literals: &[Literal]) -> Result<Self, BuildError> {
        let fault = |error: hyperscan::Error| BuildError(error.to_string());
        let (mut always, mut empty, mut patterns) = (Vec::new(), Vec::new(), Vec::new());
        for (number, literal) in literals.iter().enumerate() {
            if literal.bytes.is_empty() {
                let list = if literal.at == At::Whole { &mut empty } else { &mut always };
                list.push(number as u32);
                continue;
            }
            let flags = PatternFlags::CASELESS | PatternFlags::SINGLEMATCH;
            let mut pattern = Pattern::with_flags(expression(literal), flags).map_err(fault)?;
            pattern.id = Some(number);
            patterns.push(pattern);
        }
        let database = if patterns.is_empty() { None } else { Some(Patterns(patterns).build().map_err(fault)?) };
        Ok(Hyperscan {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            literals: literals.len() as u32,
            always: always.into(),
            empty: empty.into(),
            database,
        })
    }

    fn find(&self, value: &[u8], scratch: &mut HyperScratch, mut found: impl FnMut(u32)) {
        self.always.iter().for_each(|&literal| found(literal));
        if value.is_empty() {
            return self.empty.iter().for_each(|&literal| found(literal));
        }
        let Some(database) = &self.database else { return };
        let scanned = scratch.fit(self, database).is_some_and(|scratch| {
            let each = |literal, _, _, _| {
                found(literal);
                Matching::Continue
            };
            database.scan(value, scratch, each).is_ok()
        });
        if !scanned {
            // Memory ran out: rather every literal than one too few. What follows evaluates the rules themselves.
            (0..self.literals).for_each(found);
        }
    }
}
