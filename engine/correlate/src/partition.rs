//! The keys of one rule in one partition, within a budget of bytes.

use hashbrown::HashTable;

use crate::Key;

/// Keys compared when one must be given up: enough to find one of the least promising, few enough for a flood.
const EVICTION_SAMPLE: usize = 16;
/// Share of a key in the hash table and the timers.
const OVERHEAD_BYTES: usize = 32;

/// What is kept of a key.
pub(crate) trait Held {
    /// Bytes beyond the table entry.
    fn bytes(&self) -> usize;
    /// Hits held, or what stands for them.
    fn hits(&self) -> usize;
    /// Greatest time held.
    fn last_time(&self) -> i64;
    /// Whether an episode is running: such a key is given up last.
    fn has_episode(&self) -> bool {
        false
    }
}

/// A key with its state.
#[derive(Debug)]
pub(crate) struct Entry<S> {
    pub(crate) key: Key,
    pub(crate) state: S,
    /// Deadline of the timer that counts; earlier ones are stale.
    pub(crate) timer_at: i64,
}

impl<S: Held> Entry<S> {
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Option<Entry<S>>>() + OVERHEAD_BYTES + self.key.bytes().len() + self.state.bytes()
    }
}

/// One partition of a rule.
#[derive(Debug)]
pub(crate) struct Partition<S> {
    index: HashTable<u32>,
    slots: Vec<Option<Entry<S>>>,
    free: Vec<u32>,
    hand: usize,
    pub(crate) bytes: usize,
    pub(crate) hits: u64,
    pub(crate) evicted_hits: u64,
    /// Greatest time of a hit that was given up.
    pub(crate) evicted_to: i64,
}

impl<S: Held> Partition<S> {
    pub(crate) fn new() -> Partition<S> {
        Partition {
            index: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            hand: 0,
            bytes: 0,
            hits: 0,
            evicted_hits: 0,
            evicted_to: i64::MIN,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn find(&self, key: &Key) -> Option<u32> {
        let slots = &self.slots;
        let same = |&slot: &u32| slots[slot as usize].as_ref().is_some_and(|entry| entry.key == *key);
        self.index.find(key.hash(), same).copied()
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Entry<S>> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Entry<S>> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry<S>> {
        self.slots.iter().flatten()
    }

    /// Adds a key that is not there yet; its bytes are charged.
    pub(crate) fn add(&mut self, entry: Entry<S>) -> u32 {
        let hash = entry.key.hash();
        self.bytes += entry.bytes();
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(entry);
                slot
            }
            None => {
                if self.slots.len() == self.slots.capacity() {
                    // Doubling would leave half of a million-key table empty.
                    self.slots.reserve_exact(self.slots.len() / 8 + 4);
                }
                self.slots.push(Some(entry));
                (self.slots.len() - 1) as u32
            }
        };
        let slots = &self.slots;
        self.index.insert_unique(hash, slot, |&slot| slots[slot as usize].as_ref().map_or(0, |entry| entry.key.hash()));
        slot
    }

    /// Removes a key; its bytes are given back.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Entry<S>> {
        let entry = self.slots.get_mut(slot as usize)?.take()?;
        if let Ok(found) = self.index.find_entry(entry.key.hash(), |&known| known == slot) {
            found.remove();
        }
        self.bytes -= entry.bytes();
        self.free.push(slot);
        if self.index.is_empty() {
            // A flood that is over gives its memory back.
            *self = Partition {
                hits: self.hits,
                evicted_hits: self.evicted_hits,
                evicted_to: self.evicted_to,
                ..Partition::new()
            };
        }
        Some(entry)
    }

    /// Removes every key.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Entry<S>> {
        let drained = std::mem::replace(self, Partition::new());
        self.hits = drained.hits;
        self.evicted_hits = drained.evicted_hits;
        self.evicted_to = drained.evicted_to;
        drained.slots.into_iter().flatten()
    }

    /// Gives up the key least likely to complete among the next few: no episode, fewest hits, longest quiet.
    pub(crate) fn evict(&mut self) -> Option<Entry<S>> {
        let mut victim: Option<((bool, usize, i64), u32)> = None;
        let mut compared = 0;
        for _ in 0..self.slots.len() {
            if compared == EVICTION_SAMPLE {
                break;
            }
            self.hand = (self.hand + 1) % self.slots.len();
            let Some(entry) = &self.slots[self.hand] else { continue };
            compared += 1;
            let promise = (entry.state.has_episode(), entry.state.hits(), entry.state.last_time());
            if victim.is_none_or(|(least, _)| promise < least) {
                victim = Some((promise, self.hand as u32));
            }
        }
        let ((_, hits, last), slot) = victim?;
        self.evicted_hits += hits as u64;
        self.evicted_to = self.evicted_to.max(last);
        self.remove(slot)
    }
}
