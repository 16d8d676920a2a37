//! Keys in one arena, found by hash.

use std::hash::{BuildHasher as _, Hasher as _};

use super::IndicatorKind;

/// One indicator.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    at: u32,
    len: u16,
    pub(super) file: u16,
    pub(super) kind: IndicatorKind,
    pub(super) line: u32,
    /// Number of its further columns.
    pub(super) extra: u32,
}

/// Files of one set; one more is refused.
pub(super) const FILES_MAX: usize = u16::MAX as usize;
/// Bytes of all keys together.
pub(super) const ARENA_BYTES_MAX: usize = u32::MAX as usize;

#[derive(Debug, Default)]
pub(super) struct Table {
    arena: Vec<u8>,
    entries: Vec<Entry>,
    /// Open addressing, linear probing, at most half full: the hash's upper half beside the
    /// entry's number + 1, so that a miss touches nothing else. 0 is empty.
    slots: Vec<u64>,
    /// A bit for every key's hash, eight to a slot: small enough to stay in the cache where the
    /// slots do not, it answers most misses alone.
    seen: Vec<u64>,
    state: foldhash::fast::RandomState,
}

/// Which bit of which of `words` words stands for `hash`; `words` is a power of two.
#[inline]
fn seen_at(hash: u64, words: usize) -> (usize, u64) {
    ((hash >> 26) as usize & (words - 1), 1 << (hash >> 58))
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entry(&self, at: u32) -> &Entry {
        &self.entries[at as usize]
    }

    pub(super) fn key(&self, entry: &Entry) -> &[u8] {
        &self.arena[entry.at as usize..][..usize::from(entry.len)]
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.arena.capacity()
            + self.entries.capacity() * size_of::<Entry>()
            + (self.slots.capacity() + self.seen.capacity()) * 8
    }

    fn hash(&self, kind: IndicatorKind, key: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write(key);
        hasher.write_u8(kind as u8);
        hasher.finish()
    }

    /// Adds an indicator; false if the arena is full. The same key of the same file is one.
    pub(super) fn add(&mut self, kind: IndicatorKind, key: &[u8], file: u16, line: u32, extra: u32) -> bool {
        let mut known = false;
        self.find(kind, key, |found| known |= self.entries[found as usize].file == file);
        if known {
            return true;
        }
        let (at, len) = (self.arena.len(), key.len());
        if at + len > ARENA_BYTES_MAX || self.entries.len() >= super::INDICATORS_MAX || len > usize::from(u16::MAX) {
            return false;
        }
        self.arena.extend_from_slice(key);
        self.entries.push(Entry { at: at as u32, len: len as u16, file, kind, line, extra });
        if self.entries.len() * 2 > self.slots.len() {
            let grown = (self.slots.len() * 2).max(64);
            self.slots.clear();
            self.slots.resize(grown, 0);
            self.seen.clear();
            self.seen.resize(grown / 8, 0);
            for at in 0..self.entries.len() {
                self.place(at);
            }
        } else {
            self.place(self.entries.len() - 1);
        }
        true
    }

    fn place(&mut self, at: usize) {
        let entry = self.entries[at];
        let hash = self.hash(entry.kind, self.key(&entry));
        let (word, bit) = seen_at(hash, self.seen.len());
        self.seen[word] |= bit;
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = hash & 0xFFFF_FFFF_0000_0000 | (at as u64 + 1);
    }

    /// Gives memory back that growing left over.
    pub(super) fn finish(&mut self) {
        self.arena.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    /// Calls `found` with every indicator that is `key`.
    #[inline]
    pub(super) fn find(&self, kind: IndicatorKind, key: &[u8], mut found: impl FnMut(u32)) {
        if self.slots.is_empty() {
            return;
        }
        let hash = self.hash(kind, key);
        let (word, bit) = seen_at(hash, self.seen.len());
        if self.seen[word] & bit == 0 {
            return;
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        // At most half of the slots are taken, so an empty one ends every walk.
        loop {
            let there = self.slots[slot];
            if there == 0 {
                return;
            }
            if (there ^ hash) >> 32 == 0 {
                let at = there as u32 - 1;
                let entry = &self.entries[at as usize];
                if entry.kind == kind && self.key(entry) == key {
                    found(at);
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The prefix lengths of networks over addresses of `octets` bytes, longest first.
    pub(super) fn prefixes(&self, octets: usize) -> Vec<u8> {
        let networks = self.entries.iter().filter(|entry| entry.kind == IndicatorKind::Cidr);
        let mut found: Vec<u8> =
            networks.map(|entry| self.key(entry)).filter(|key| key.len() == octets + 1).map(|key| key[0]).collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.dedup();
        found
    }
}
