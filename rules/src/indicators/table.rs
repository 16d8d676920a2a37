//! Indicators by hash: a small filter before the slots, the slots before the keys.
//!
//! Built in one pass when all indicators are read. A value that is no indicator costs its hash and one word of a filter that
//! stays in the cache; about one in two hundred goes on to a slot.

use super::IndicatorKind;

/// One indicator.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Where its key lies in the arena; an IPv4 address itself.
    at: u32,
    /// Length of the key above, kind in the lowest byte.
    len_kind: u32,
    /// The number of what is known of it.
    pub(super) context: u32,
    pub(super) line: u32,
}

/// Longest key: what a length of 24 bits could say is never used up.
pub(super) const KEY_BYTES_MAX: usize = u16::MAX as usize;
/// Bytes of all keys together.
pub(super) const ARENA_BYTES_MAX: usize = u32::MAX as usize;

impl Entry {
    #[inline]
    pub(super) fn kind(&self) -> IndicatorKind {
        IndicatorKind::of_number(self.len_kind as u8)
    }

    #[inline]
    fn len(&self) -> usize {
        (self.len_kind >> 8) as usize
    }

    #[inline]
    fn is_inline(&self) -> bool {
        self.len_kind == 4 << 8 | IndicatorKind::Ip as u32
    }
}

/// Entries and their keys, in the order read.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) all: Vec<Entry>,
    arena: Vec<u8>,
}

impl Entries {
    /// Appends an indicator; false if the arena is full.
    #[inline]
    pub(super) fn push(&mut self, kind: IndicatorKind, key: &[u8], context: u32, line: u32) -> bool {
        let len_kind = (key.len() as u32) << 8 | kind as u32;
        let at = match *key {
            [a, b, c, d] if kind == IndicatorKind::Ip => u32::from_be_bytes([a, b, c, d]),
            _ => {
                if key.len() > KEY_BYTES_MAX || self.arena.len() + key.len() > ARENA_BYTES_MAX {
                    return false;
                }
                let at = self.arena.len() as u32;
                self.arena.extend_from_slice(key);
                at
            }
        };
        self.all.push(Entry { at, len_kind, context, line });
        true
    }

    pub(super) fn truncate(&mut self, entries: usize, arena: usize) {
        self.all.truncate(entries);
        self.arena.truncate(arena);
    }

    pub(super) fn arena_len(&self) -> usize {
        self.arena.len()
    }

    /// The key of an entry; `room` holds it where the entry is the key.
    #[inline]
    pub(super) fn key<'a>(&'a self, entry: &Entry, room: &'a mut [u8; 4]) -> &'a [u8] {
        if entry.is_inline() {
            *room = entry.at.to_be_bytes();
            return room;
        }
        &self.arena[entry.at as usize..][..entry.len()]
    }

    #[inline]
    pub(super) fn is(&self, number: u32, kind: IndicatorKind, key: &[u8]) -> bool {
        let entry = &self.all[number as usize];
        entry.len_kind == (key.len() as u32) << 8 | kind as u32 && self.key(entry, &mut [0; 4]) == key
    }

    fn same(&self, a: &Entry, b: &Entry) -> bool {
        a.len_kind == b.len_kind && self.key(a, &mut [0; 4]) == self.key(b, &mut [0; 4])
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.arena.capacity() + self.all.capacity() * size_of::<Entry>()
    }
}

/// A further source of an indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Further {
    pub(super) entry: u32,
    pub(super) context: u32,
    pub(super) line: u32,
}

/// Entries whose context is this are left out when the table is built.
pub(super) const DROPPED: u32 = u32::MAX;

#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) entries: Entries,
    /// Sources beyond the first, by entry.
    further: Vec<Further>,
    /// Open addressing, linear probing, three quarters full: the hash's lower half beside the entry's number + 1. 0 is empty.
    slots: Vec<u64>,
    /// Four bits in one word for every hash, 16 bits an entry. By kind, so that a busy kind's stays cached.
    filters: Vec<Vec<u64>>,
}

#[inline]
fn place(hash: u64, len: usize) -> usize {
    (((hash >> 32) * len as u64) >> 32) as usize
}

#[inline]
fn bits(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63) | 1 << (hash >> 18 & 63)
}

impl Table {
    /// Builds the table; `hashes` are the entries' own. Equal keys become one entry with several sources. The answer is each entry's
    /// number from now on, where `mapped` asks for it.
    pub(super) fn build(mut entries: Entries, hashes: &[u64], mapped: bool) -> (Table, Vec<u32>) {
        let count = entries.all.len();
        let mut table = Table { slots: vec![0; (count + count / 3 + 1).max(4)], ..Table::default() };
        let mut by_kind = [0usize; super::kind::KINDS_COUNT];
        entries.all.iter().for_each(|entry| by_kind[entry.kind() as usize] += 1);
        table.filters =
            by_kind.iter().map(|&count| if count == 0 { Vec::new() } else { vec![0; count / 4 + 1] }).collect();
        let mut numbers = Vec::new();
        let mut kept = 0;
        for (from, &hash) in hashes.iter().enumerate() {
            let entry = entries.all[from];
            if entry.context == DROPPED {
                if mapped {
                    numbers.push(DROPPED);
                }
                continue;
            }
            let mut slot = place(hash, table.slots.len());
            let number = loop {
                let there = table.slots[slot];
                if there == 0 {
                    table.slots[slot] = hash << 32 | (kept as u64 + 1);
                    let filter = &mut table.filters[entry.kind() as usize];
                    let word = place(hash, filter.len());
                    filter[word] |= bits(hash);
                    entries.all[kept] = entry;
                    kept += 1;
                    break kept - 1;
                }
                let other = (there as u32).wrapping_sub(1) as usize;
                if (there >> 32) as u32 == hash as u32 && entries.same(&entries.all[other], &entry) {
                    let known = &entries.all[other];
                    if known.context != entry.context {
                        table.further.push(Further { entry: other as u32, context: entry.context, line: entry.line });
                    }
                    break other;
                }
                slot += 1;
                if slot == table.slots.len() {
                    slot = 0;
                }
            };
            if mapped {
                numbers.push(number as u32);
            }
        }
        entries.all.truncate(kept);
        entries.all.shrink_to_fit();
        entries.arena.shrink_to_fit();
        // Sorted by entry and context: the same source twice is one.
        table.further.sort_unstable();
        table.further.dedup_by_key(|further| (further.entry, further.context));
        table.further.shrink_to_fit();
        table.entries = entries;
        (table, numbers)
    }

    /// The entry of `hash` that `is` one looks for.
    #[inline]
    pub(super) fn find(&self, kind: IndicatorKind, hash: u64, is: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.may_hold(kind, hash) { self.find_slot(hash, is) } else { None }
    }

    /// Whether there may be an entry of `hash`. One in two hundred of those that are not is let through.
    #[inline]
    pub(super) fn may_hold(&self, kind: IndicatorKind, hash: u64) -> bool {
        let filter = &self.filters[kind as usize];
        filter.get(place(hash, filter.len())).is_some_and(|word| word & bits(hash) == bits(hash))
    }

    /// Has what [`Table::may_hold`] will read fetched.
    #[inline]
    pub(super) fn prefetch(&self, kind: IndicatorKind, hash: u64) {
        let filter = &self.filters[kind as usize];
        if let Some(word) = filter.get(place(hash, filter.len())) {
            noroshi_parsers::scan::prefetch(word);
        }
    }

    /// The first entry of `hash` that `is` one looks for, whatever the filters say.
    #[inline(never)]
    pub(super) fn find_slot(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut slot = place(hash, self.slots.len());
        // A quarter of the slots is empty, so an empty one ends every walk.
        loop {
            let there = self.slots[slot];
            if there == 0 {
                return None;
            }
            if (there >> 32) as u32 == hash as u32 && is(there as u32 - 1) {
                return Some(there as u32 - 1);
            }
            slot += 1;
            if slot == self.slots.len() {
                slot = 0;
            }
        }
    }

    pub(super) fn has(&self, kind: IndicatorKind) -> bool {
        self.filters.get(kind as usize).is_some_and(|filter| !filter.is_empty())
    }

    /// Every source of an entry as context and line, the first one read first.
    pub(super) fn sources(&self, number: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let entry = &self.entries.all[number as usize];
        let from = self.further.partition_point(|further| further.entry < number);
        let further = self.further[from..].iter().take_while(move |further| further.entry == number);
        std::iter::once((entry.context, entry.line)).chain(further.map(|further| (further.context, further.line)))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let filters: usize = self.filters.iter().map(Vec::capacity).sum();
        self.entries.memory_bytes()
            + (self.slots.capacity() + filters) * 8
            + self.further.capacity() * size_of::<Further>()
    }
}
