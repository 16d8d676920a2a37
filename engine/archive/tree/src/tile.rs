//! Tiles and entry bundles: their names and bytes, as c2sp.org/tlog-tiles lays them out.
//!
//! A tile of level `l` is up to 256 consecutive nodes of height `8 * l`; a bundle is the entries of a tile of
//! level 0, each behind its length. What is still growing has a name with its width, so that no name
//! ever changes its content.

use crate::hash::{HASH_BYTES, Hash};
use crate::merkle::root_of;

/// Hashes of a full tile, entries of a full bundle.
pub const TILE_WIDTH: u64 = 256;

/// Heights a tile spans: 2^8 = [`TILE_WIDTH`].
pub(crate) const TILE_HEIGHT: u32 = 8;

/// Longest entry: its length is written in 16 bits.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// Which resource of a tree: a tile of a level, or a bundle of entries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Hashes of this level.
    Level(u8),
    /// Entries; they stand beside the tiles of level 0.
    Entries,
}

/// A tile or bundle by name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tile {
    /// Tile of which level, or bundle.
    pub kind: Kind,
    /// Place within the level.
    pub index: u64,
    /// Hashes or entries: 256 when full, 1 to 255 while it grows.
    pub width: u64,
}

impl Tile {
    /// A full tile or bundle.
    pub fn full(kind: Kind, index: u64) -> Self {
        Self { kind, index, width: TILE_WIDTH }
    }

    /// True with all its 256 hashes or entries.
    pub fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Path below the tree's directory: `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]`.
    pub fn path(self) -> String {
        let name = self.full_path();
        if self.is_full() { name } else { format!("{name}.p/{}", self.width) }
    }

    /// Path of the full tile at this place, whatever the width of this one.
    pub(crate) fn full_path(self) -> String {
        let index = index_path(self.index);
        match self.kind {
            Kind::Level(level) => format!("tile/{level}/{index}"),
            Kind::Entries => format!("tile/entries/{index}"),
        }
    }

    /// The directory of the partial tiles at this place.
    pub(crate) fn partial_directory(self) -> String {
        format!("{}.p", self.full_path())
    }
}

/// Zero-padded elements of three digits, all but the last behind an `x`: 1234067 is `x001/x234/067`.
fn index_path(index: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

/// The hashes of a tile's bytes; `None` unless they are whole hashes, 1 to 256 of them.
pub fn decode_tile(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    let whole = rest.is_empty() && !hashes.is_empty() && hashes.len() as u64 <= TILE_WIDTH;
    whole.then(|| hashes.iter().map(|hash| Hash(*hash)).collect())
}

/// A tile's bytes.
pub fn encode_tile(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hash of a node within a tile: the root over `1 << height` of its hashes from `at`.
pub(crate) fn node_in_tile(hashes: &[Hash], at: usize, height: u32) -> Option<Hash> {
    hashes.get(at..at + (1 << height)).map(root_of)
}

/// Adds an entry to a bundle's bytes. The entry is at most [`ENTRY_BYTES_MAX`] long.
pub fn encode_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).expect("the caller checks the length");
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// Where a bundle stops being one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TornBundle {
    /// Byte at which the entry begins that does not end within the bundle.
    pub at: usize,
}

/// The entries of a bundle's bytes, in order; ends with an error where the last is cut.
pub fn decode_bundle(bytes: &[u8]) -> impl Iterator<Item = Result<&[u8], TornBundle>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (length, rest) = match bytes.get(at..)? {
            [] => return None,
            [high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            [_] => (1, &[][..]),
        };
        let entry = rest.get(..length).ok_or(TornBundle { at });
        // Past an error nothing can be found again: the lengths are the only marks.
        at = if entry.is_ok() { at + 2 + length } else { bytes.len() };
        Some(entry)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::leaf_hash;

    #[track_caller]
    fn check(kind: Kind, index: u64, width: u64, path: &str) {
        assert_eq!(Tile { kind, index, width }.path(), path);
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        check(Kind::Level(0), 0, 256, "tile/0/000");
        check(Kind::Level(0), 1_234_067, 256, "tile/0/x001/x234/067");
        check(Kind::Level(1), 1000, 17, "tile/1/x001/000.p/17");
        check(Kind::Level(63), 999, 1, "tile/63/999.p/1");
        check(Kind::Entries, 273, 112, "tile/entries/273.p/112");
        check(Kind::Entries, u64::MAX, 256, "tile/entries/x018/x446/x744/x073/x709/x551/615");
    }

    #[test]
    fn tiles_are_whole_hashes() {
        let hashes: Vec<_> = (0..256_u32).map(|i| leaf_hash(&i.to_be_bytes())).collect();
        for width in [1, 2, 255, 256] {
            assert_eq!(decode_tile(&encode_tile(&hashes[..width])).unwrap(), hashes[..width]);
        }
        assert_eq!(encode_tile(&hashes).len(), 8192);
        for bad in [0, 31, 33, 8191, 8193, 8224] {
            assert_eq!(decode_tile(&vec![0; bad]), None, "{bad} bytes");
        }
        assert_eq!(node_in_tile(&hashes, 8, 3), Some(root_of(&hashes[8..16])));
        assert_eq!(node_in_tile(&hashes[..15], 8, 3), None);
    }

    #[test]
    fn a_torn_bundle_is_told_at_the_entry_that_is_cut() {
        let mut bundle = Vec::new();
        for entry in [&b"one"[..], b"", b"three"] {
            encode_entry(&mut bundle, entry);
        }
        let whole: Vec<_> = decode_bundle(&bundle).collect();
        assert_eq!(whole, [Ok(&b"one"[..]), Ok(b""), Ok(b"three")]);
        // Entries begin at 0, 5 and 7: any other cut tears the one it falls into.
        for cut in 0..bundle.len() {
            let begins = [0, 5, 7].into_iter().rev().find(|&b| b <= cut).unwrap();
            let torn = (cut != begins).then_some(Err(TornBundle { at: begins }));
            assert_eq!(decode_bundle(&bundle[..cut]).find(Result::is_err), torn, "cut at {cut}");
        }
    }
}
