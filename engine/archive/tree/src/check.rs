//! The whole check: every tile and every entry of a directory against the signed root.
//!
//! It goes from the root down, so that what is wrong can be named: a tile is held to the hashes of its parent, which was held to
//! its own, up to the checkpoint. Entries are held to the tiles of level 0 last.

use std::path::Path;
use std::sync::Arc;

use noroshi_files::Files;

use crate::checkpoint::Checkpoint;
use crate::disk::{CHECKPOINT, Disk, Nodes, entries_of, width_in};
use crate::error::{Damage, DamageKind, TreeError};
use crate::hash::{HASH_BYTES, Hash, leaf_hash};
use crate::key::Verifier;
use crate::merkle;
use crate::note::Note;
use crate::tile::{Kind, TILE_HEIGHT, TILE_WIDTH, Tile, decode_bundle, node_in_tile};
use crate::tree::{frontier_of, load_levels, read_checkpoint, rebuild_levels};

/// A directory whose every entry is the one that was signed.
#[derive(Debug)]
pub struct Checked {
    /// The signed state.
    pub checkpoint: Checkpoint,
    /// The checkpoint with its signatures; those of witnesses are the caller's to verify.
    pub note: Note,
    /// Bytes of tiles and entries read.
    pub bytes: u64,
}

/// Checks a tree's directory, signed by one of `log`, and tells each entry once it has been shown to be the signed one.
///
/// `known` are checkpoints of the tree kept elsewhere (printed, mailed, held by a witness): the tree must continue each. Without
/// any, a directory put back whole to an earlier day is a good tree of that day.
///
/// # Errors
/// [`TreeError::Damaged`] with the first file that is wrong, and other tampering ([`TreeError::is_tampering`]);
/// [`TreeError::File`] where a file cannot be read, which says nothing about the tree.
pub fn check(
    files: Arc<dyn Files>,
    directory: &Path,
    log: &[Verifier],
    known: &[Checkpoint],
    entry: &mut dyn FnMut(u64, &[u8]),
) -> Result<Checked, TreeError> {
    let disk = Disk { files, directory: directory.to_owned() };
    let (note, signed) = read_checkpoint(&disk, log)?;
    let mut checking = Checking { disk: &disk, size: signed.size, bytes: 0, last: None };
    checking.edge(&signed)?;
    // No tree of 64-bit size has more levels than eight.
    for level in (0..8).rev() {
        checking.level(level)?;
    }
    checking.entries(entry)?;
    for known in known {
        checking.continues(known, &signed)?;
    }
    let bytes = checking.bytes;
    Ok(Checked { checkpoint: signed, note, bytes })
}

struct Checking<'d> {
    disk: &'d Disk,
    size: u64,
    bytes: u64,
    /// The tile read last: parents are asked for 256 times in a row.
    last: Option<(Tile, Vec<Hash>)>,
}

impl Checking<'_> {
    fn damage(
        &self,
        kind: DamageKind,
        name: &str,
        bytes: std::ops::Range<u64>,
        entries: std::ops::Range<u64>,
    ) -> TreeError {
        TreeError::Damaged(Box::new(Damage { kind, path: self.disk.path(name), bytes, entries }))
    }

    fn tile(&mut self, tile: Tile) -> Result<&[Hash], TreeError> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != tile) {
            let hashes = self.disk.tile(tile)?;
            self.bytes += (hashes.len() * HASH_BYTES) as u64;
            self.last = Some((tile, hashes));
        }
        Ok(self.last.as_ref().map_or(&[], |(_, hashes)| hashes.as_slice()))
    }

    /// The partial tiles of the right edge, which have no parent but the root.
    fn edge(&mut self, signed: &Checkpoint) -> Result<(), TreeError> {
        let levels = load_levels(self.disk, self.size)?;
        self.bytes += levels.iter().map(|hashes| (hashes.len() * HASH_BYTES) as u64).sum::<u64>();
        if frontier_of(&levels, self.size).root() == signed.root {
            return Ok(());
        }
        // Which of them is wrong is seen from what lies below them.
        let rebuilt = match rebuild_levels(self.disk, self.size) {
            Err(TreeError::Damaged(damage)) => return Err(TreeError::Damaged(damage)),
            other => other?,
        };
        if frontier_of(&rebuilt, self.size).root() == signed.root {
            for (level, (stored, rebuilt)) in (0..).zip(levels.iter().zip(&rebuilt)) {
                if let Some(at) = stored.iter().zip(rebuilt).position(|(a, b)| a != b) {
                    let kind = Kind::Level(level);
                    let index = (self.size >> (TILE_HEIGHT * u32::from(level))) / TILE_WIDTH;
                    let tile = Tile { kind, index, width: stored.len() as u64 };
                    let (at, hash) = (at as u64, HASH_BYTES as u64);
                    return Err(self.damage(
                        DamageKind::Hashes,
                        &tile.path(),
                        at * hash..(at + 1) * hash,
                        entries_of(tile, self.size),
                    ));
                }
            }
        }
        Err(self.damage(DamageKind::Rewritten, CHECKPOINT, 0..0, 0..self.size))
    }

    /// The full tiles of a level, each held to the hash its parent has for it.
    fn level(&mut self, level: u8) -> Result<(), TreeError> {
        let (kind, above) = (Kind::Level(level), Kind::Level(level + 1));
        let full = self.size.checked_shr(TILE_HEIGHT * (u32::from(level) + 1)).unwrap_or(0);
        for index in 0..full {
            let place = index / TILE_WIDTH;
            let parent = Tile { kind: above, index: place, width: width_in(above, place, self.size) };
            let at = usize::try_from(index % TILE_WIDTH).expect("below 256");
            let expected = self.tile(parent)?[at];
            let tile = Tile::full(kind, index);
            // Read around the cache: it holds the parent.
            let hashes = self.disk.tile(tile)?;
            self.bytes += (hashes.len() * HASH_BYTES) as u64;
            if node_in_tile(&hashes, 0, TILE_HEIGHT) != Some(expected) {
                return Err(self.wrong_tile(tile, &hashes, &expected));
            }
        }
        Ok(())
    }

    /// A full tile that is not what its parent says: its wrong hash too, where what lies below shows it.
    fn wrong_tile(&self, tile: Tile, stored: &[Hash], expected: &Hash) -> TreeError {
        let below: Option<Vec<Hash>> = match tile.kind {
            Kind::Level(0) => {
                let bundle = self.disk.bundle(Tile::full(Kind::Entries, tile.index)).ok();
                bundle.map(|bundle| bundle.entries().map(leaf_hash).collect())
            }
            Kind::Level(level) => {
                let children = (tile.index * TILE_WIDTH..).take(stored.len());
                let root = |index| self.disk.tile(Tile::full(Kind::Level(level - 1), index)).ok();
                children.map(|index| root(index).and_then(|hashes| node_in_tile(&hashes, 0, TILE_HEIGHT))).collect()
            }
            Kind::Entries => None,
        };
        let sound = below.filter(|below| node_in_tile(below, 0, TILE_HEIGHT).as_ref() == Some(expected));
        let at = sound.and_then(|below| stored.iter().zip(&below).position(|(a, b)| a != b));
        let (hash, length) = (HASH_BYTES as u64, (stored.len() * HASH_BYTES) as u64);
        let bytes = at.map_or(0..length, |at| at as u64 * hash..(at as u64 + 1) * hash);
        self.damage(DamageKind::Hashes, &tile.path(), bytes, entries_of(tile, self.size))
    }

    /// Every entry against the hash its tile has for it.
    fn entries(&mut self, tell: &mut dyn FnMut(u64, &[u8])) -> Result<(), TreeError> {
        for index in 0..self.size.div_ceil(TILE_WIDTH) {
            let width = width_in(Kind::Entries, index, self.size);
            let tile = Tile { kind: Kind::Entries, index, width };
            let bundle = self.disk.bundle(tile).map_err(|error| self.wrong_bundle(tile, error))?;
            self.bytes += bundle.bytes.len() as u64;
            let hashes = self.tile(Tile { kind: Kind::Level(0), index, width })?;
            for (at, (entry, hash)) in bundle.entries().zip(hashes).enumerate() {
                let number = index * TILE_WIDTH + at as u64;
                if leaf_hash(entry) != *hash {
                    let bytes = u64::from(bundle.begins[at])..u64::from(bundle.begins[at + 1]);
                    let damage = Damage {
                        kind: DamageKind::Entry,
                        path: bundle.path.clone(),
                        bytes,
                        entries: number..number + 1,
                    };
                    return Err(TreeError::Damaged(Box::new(damage)));
                }
                tell(number, entry);
            }
        }
        Ok(())
    }

    /// A bundle that is not as many entries as it must be: from the first entry that is not the signed one.
    fn wrong_bundle(&self, tile: Tile, error: TreeError) -> TreeError {
        let TreeError::Damaged(damage) = &error else { return error };
        let hashes = self.disk.tile(Tile { kind: Kind::Level(0), ..tile });
        let (Ok(hashes), Ok((path, bytes))) = (hashes, self.disk.read(tile)) else { return error };
        let mut at = 0;
        let mut signed = hashes.iter();
        for entry in decode_bundle(&bytes).map_while(Result::ok) {
            if signed.next() != Some(&leaf_hash(entry)) {
                break;
            }
            at += 2 + entry.len() as u64;
        }
        let first = tile.index * TILE_WIDTH + (hashes.len() - signed.len()).saturating_sub(1) as u64;
        let (end, entries) =
            (damage.bytes.end.max(bytes.len() as u64).max(at + 1), first..entries_of(tile, self.size).end);
        TreeError::Damaged(Box::new(Damage { kind: damage.kind, path, bytes: at..end, entries }))
    }

    fn continues(&self, known: &Checkpoint, signed: &Checkpoint) -> Result<(), TreeError> {
        if known.size > signed.size && known.origin == signed.origin {
            return Err(self.damage(DamageKind::RolledBack, CHECKPOINT, 0..0, signed.size..known.size));
        }
        let mut nodes = Nodes::new(self.disk, self.size);
        let mut node = |height, index| nodes.get(height, index);
        if known.origin != signed.origin || merkle::root_at(known.size, &mut node)? != known.root {
            return Err(self.damage(DamageKind::Forked, CHECKPOINT, 0..0, 0..known.size));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
