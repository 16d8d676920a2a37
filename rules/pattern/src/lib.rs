//! Which of many literals stand in a value, and where they must: the bottom of rule matching.
//!
//! A [`Finder`] is built once from [`Literal`]s and asked for every value of every event. There are two:
//! [`Grams`] in Rust, everywhere, and `Hyperscan` under the feature of that name. Both give the same answer as
//! [`naive`], which is the specification; tests hold all three equal. Letters of ASCII compare without case,
//! every other byte is itself: who needs more folds the value before.

mod any;
mod edges;
mod few;
mod grams;
#[cfg(feature = "hyperscan")]
mod hyper;
mod inside;
pub mod naive;
mod pairs;
mod sparse;

pub use any::AnyOf;
pub use grams::Grams;
#[cfg(feature = "hyperscan")]
pub use hyper::Hyperscan;
pub use pairs::Needle;

/// Where a literal must stand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum At {
    /// Anywhere in the value.
    Anywhere,
    /// At its begin.
    Start,
    /// At its end.
    End,
    /// It is the value.
    Whole,
}

/// A literal to be found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Literal {
    /// Where.
    pub at: At,
    /// What; the case of ASCII letters does not count.
    pub bytes: Box<[u8]>,
}

impl Literal {
    /// A literal.
    pub fn new(at: At, bytes: impl Into<Box<[u8]>>) -> Self {
        Literal { at, bytes: bytes.into() }
    }

    /// Whether it stands in `value`, where it must.
    #[inline]
    pub fn stands_in(&self, value: &[u8]) -> bool {
        naive::stands(self.at, &self.bytes, value)
    }
}

/// Why a [`Finder`] was not built. Only back ends that compile have a reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuildError(pub String);

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BuildError {}

/// Finds many literals at once.
pub trait Finder: Sized {
    /// What a thread brings along, of use to every finder of this kind.
    type Scratch: Default;

    /// Prepares `literals`; they are named by their place from here on.
    ///
    /// # Errors
    /// Where the back end can't hold them, in one line.
    fn build(literals: &[Literal]) -> Result<Self, BuildError>;

    /// Calls `found` with each literal that stands in `value`, in any order, each once. Allocates nothing once
    /// `scratch` is warm.
    fn find(&self, value: &[u8], scratch: &mut Self::Scratch, found: impl FnMut(u32));
}

/// The back end that rules are matched with.
#[cfg(not(feature = "hyperscan"))]
pub type Selected = Grams;
/// The back end that rules are matched with.
#[cfg(feature = "hyperscan")]
pub type Selected = Hyperscan;

/// Remembers which literals were found in one value, and forgets in no time.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    generation: u32,
    stamps: Vec<u32>,
}

impl Seen {
    pub(crate) fn begin(&mut self, literals: usize) {
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.stamps.fill(0);
            self.generation = 1;
        }
        if self.stamps.len() < literals {
            self.stamps.resize(literals, 0);
        }
    }
}

/// Whether a literal was found in this value before.
pub(crate) trait Once {
    fn had(&self, literal: u32) -> bool;

    /// Whether it is new.
    fn take(&mut self, literal: u32) -> bool;
}

impl Once for Seen {
    #[inline]
    fn had(&self, literal: u32) -> bool {
        self.stamps[literal as usize] == self.generation
    }

    #[inline]
    fn take(&mut self, literal: u32) -> bool {
        let stamp = &mut self.stamps[literal as usize];
        let new = *stamp != self.generation;
        *stamp = self.generation;
        new
    }
}

/// Whoever asks for one literal of many does not mind which, nor how often.
impl Once for () {
    fn had(&self, _: u32) -> bool {
        false
    }

    fn take(&mut self, _: u32) -> bool {
        true
    }
}
