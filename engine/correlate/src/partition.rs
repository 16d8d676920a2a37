//! The keys of one rule in one partition, within a budget of bytes.
//!
//! A partition can be captured while it goes on: from [`Partition::begin_capture`] on, a key is written out before it is
//! changed for the first time, and the others little by little, so that what is written is the state of one moment and
//! no hit waits for more than its own key.

use hashbrown::HashTable;

use crate::hits::HeldHits;
use crate::image::{Damaged, ImageReader, ImageWriter, Saved};
use crate::seen::Times;
use crate::slots::Slots;
use crate::spread::HeldValues;
use crate::{Evidence, Key};

/// Keys compared when one must be given up: enough to find one of the least promising, few enough for a flood.
const EVICTION_SAMPLE: usize = 16;
/// Share of a key in the hash table and the timers.
const OVERHEAD_BYTES: usize = 32;
/// Room made for a key in a capture: most hold a lone hit. What is not used is never touched.
const CAPTURED_BYTES: usize = 80;
/// Keys read ahead of a capture: the misses of several overlap, those of one after the other do not.
const CAPTURE_AHEAD: u32 = 16;

/// What is kept of a key.
pub(crate) trait Held<E> {
    /// Bytes beyond the table entry.
    fn bytes(&self) -> usize;
    /// Hits held, or what stands for them.
    fn hits(&self) -> usize;
    /// Greatest time held.
    fn last_time(&self) -> i64;
    /// Reads what writing it out will read.
    fn warm(&self) -> usize {
        0
    }
    /// Whether an episode is running: such a key is given up last.
    fn has_episode(&self) -> bool {
        false
    }
    /// Gives up the part of itself that is least worth: how many hits that stood for, and their greatest time. `None` where it
    /// cannot, or there is nothing worth keeping.
    fn shed(&mut self) -> Option<(usize, i64)> {
        None
    }
    /// Of a state that is too long to be written out at once: the begin of its image, and what is to follow, as it is now.
    fn hold(&mut self) -> Option<(ImageWriter<E>, Rest<E>)> {
        None
    }
}

/// What is still to be written of a state that is written in steps.
#[derive(Debug)]
pub(crate) enum Rest<E> {
    Hits(HeldHits<E>),
    Seen(HeldValues<Times>),
}

impl<E: Evidence> Rest<E> {
    fn len(&self) -> usize {
        match self {
            Rest::Hits(hits) => hits.len(),
            Rest::Seen(values) => values.len(),
        }
    }

    /// Goes on until about so many bytes are written, and takes them off `room`; true once nothing is left.
    fn go_on(&mut self, to: &mut ImageWriter<E>, room: &mut usize) -> bool {
        match self {
            Rest::Hits(hits) => hits.go_on(to, room),
            Rest::Seen(values) => values.go_on(to, room),
        }
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

impl<S> Entry<S> {
    /// Reads the entry, so that it is in the cache by then.
    pub(crate) fn touch(&self) -> u64 {
        self.key.hash() ^ self.timer_at as u64
    }

    pub(crate) fn bytes<E>(&self) -> usize
    where
        S: Held<E>,
    {
        size_of::<Option<Entry<S>>>() + OVERHEAD_BYTES + self.key.heap_bytes() + self.state.bytes()
    }

    fn begin_save<E: Clone>(&self, to: &mut ImageWriter<E>) {
        to.raw(self.key.bytes());
        to.put(&self.timer_at);
    }
}

impl<E: Clone, S: Saved<E>> Saved<E> for Entry<S> {
    fn save(&self, to: &mut ImageWriter<E>) {
        self.begin_save(to);
        to.put(&self.state);
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        Ok(Entry { key: Key::of_bytes(from.raw()?), timer_at: from.take()?, state: from.take()? })
    }
}

/// A capture that is being taken.
#[derive(Debug)]
struct Capture<E> {
    to: ImageWriter<E>,
    /// Keys that there were and for which no room was made yet: that is done with the first of them, not for all partitions
    /// in one moment.
    keys: usize,
    /// A bit for each slot of the moment: written out, or not of that moment.
    done: Vec<u64>,
    /// Slots that there were.
    slots: u32,
    /// Slots before this are done.
    next: u32,
    /// Keys that are written in steps, each an image of its own; those before `long_next` are done.
    long: Vec<(ImageWriter<E>, Rest<E>)>,
    long_next: usize,
}

impl<E: Evidence> Capture<E> {
    /// Writes a key out, or begins to.
    fn put<S: Held<E> + Saved<E>>(&mut self, entry: &mut Entry<S>) {
        if self.keys > 0 {
            let keys = std::mem::take(&mut self.keys);
            self.to.bytes.reserve(keys * CAPTURED_BYTES);
            self.to.evidence.reserve(keys);
        }
        let Some((begun, held)) = entry.state.hold() else { return self.to.put(entry) };
        let mut to = ImageWriter::default();
        // Of the partition nothing: that stands in the first image.
        to.put(&(0u64, (0u64, i64::MIN)));
        entry.begin_save(&mut to);
        to.append(begun);
        // Growing would move what is written, some megabytes at once.
        to.bytes.reserve(held.len() * CAPTURED_BYTES / 2);
        to.evidence.reserve(held.len());
        self.long.push((to, held));
    }

    /// Marks a slot; false if it was marked before, or is not of the moment.
    fn mark(&mut self, slot: u32) -> bool {
        if slot >= self.slots {
            return false;
        }
        let (word, bit) = (&mut self.done[slot as usize / 64], 1 << (slot % 64));
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }
}

/// Where a key is: a part of its hash, which is compared before the key is, and its slot. The entry and the bytes of a key
/// are seldom in the cache; a wrong guess by 32 bits is as seldom as can be.
#[derive(Clone, Copy, Debug)]
struct Place {
    tag: u32,
    slot: u32,
}

impl Place {
    /// Spreads a tag over what the table looks at: its lowest and its highest bits.
    fn hash(tag: u32) -> u64 {
        u64::from(tag).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

fn tag_of(key: &Key) -> u32 {
    key.hash() as u32
}

/// One partition of a rule; `E` is the evidence in its states.
#[derive(Debug)]
pub(crate) struct Partition<S, E> {
    index: HashTable<Place>,
    slots: Slots<Option<Entry<S>>>,
    free: Vec<u32>,
    hand: usize,
    pub(crate) bytes: usize,
    pub(crate) hits: u64,
    pub(crate) evicted_hits: u64,
    /// Greatest time of a hit that was given up.
    pub(crate) evicted_to: i64,
    capture: Option<Box<Capture<E>>>,
}

/// The partitions of a rule, those that have seen a key.
pub(crate) type Partitions<S, E> = Vec<Option<Box<Partition<S, E>>>>;

impl<E: Evidence, S: Held<E> + Saved<E>> Partition<S, E> {
    pub(crate) fn new() -> Partition<S, E> {
        Partition {
            index: HashTable::new(),
            slots: Slots::new(),
            free: Vec::new(),
            hand: 0,
            bytes: 0,
            hits: 0,
            evicted_hits: 0,
            evicted_to: i64::MIN,
            capture: None,
        }
    }

    /// Begins to capture what there is now. A capture that was not finished is given up.
    pub(crate) fn begin_capture(&mut self) {
        let mut to = ImageWriter::default();
        to.put(&self.hits);
        to.put(&self.evicted_hits);
        to.put(&self.evicted_to);
        let slots = self.slots.len() as u32;
        let done = vec![0; self.slots.len().div_ceil(64)];
        self.capture = Some(Box::new(Capture {
            to,
            keys: self.index.len(),
            done,
            slots,
            next: 0,
            long: Vec::new(),
            long_next: 0,
        }));
    }

    /// Whether a capture is being taken.
    pub(crate) fn is_captured(&self) -> bool {
        self.capture.is_some()
    }

    /// Goes on until so many bytes are written, and takes them off `room`; the capture once it is whole, in one image or
    /// several.
    pub(crate) fn go_on(&mut self, room: &mut usize) -> Option<Vec<ImageWriter<E>>> {
        let capture = self.capture.as_mut()?;
        while capture.next < capture.slots {
            if *room == 0 {
                return None;
            }
            let slot = capture.next;
            capture.next += 1;
            if slot % CAPTURE_AHEAD == 0 {
                let ahead = (slot..slot + CAPTURE_AHEAD).filter_map(|slot| self.slots.get(slot as usize)?.as_ref());
                let touch = |entry: &Entry<S>| entry.state.warm() ^ usize::from(entry.key.touch());
                std::hint::black_box(ahead.fold(0, |sum, entry| sum ^ touch(entry)));
            }
            if capture.mark(slot)
                && let Some(entry) = self.slots.get_mut(slot as usize).and_then(Option::as_mut)
            {
                let before = capture.to.bytes.len();
                capture.put(entry);
                *room = room.saturating_sub(capture.to.bytes.len() - before);
            }
        }
        while let Some((to, held)) = capture.long.get_mut(capture.long_next) {
            if !held.go_on(to, room) {
                return None;
            }
            capture.long_next += 1;
        }
        let whole = *self.capture.take()?;
        Some(std::iter::once(whole.to).chain(whole.long.into_iter().map(|(to, _)| to)).collect())
    }

    /// Before a key is changed: it is written out as it was.
    fn keep(&mut self, slot: u32) {
        if let Some(capture) = &mut self.capture
            && capture.mark(slot)
            && let Some(entry) = self.slots.get_mut(slot as usize).and_then(Option::as_mut)
        {
            capture.put(entry);
        }
    }

    /// Takes up one image of a capture; each state is shown to `relink` first. Gives the slots of its keys.
    pub(crate) fn restore(
        &mut self,
        from: &mut ImageReader<'_, E>,
        relink: impl Fn(&mut S) -> Result<(), Damaged>,
    ) -> Result<Vec<u32>, Damaged> {
        self.hits += from.take::<u64>()?;
        self.evicted_hits += from.take::<u64>()?;
        self.evicted_to = self.evicted_to.max(from.take()?);
        let mut slots = Vec::new();
        while from.left() > 0 {
            let mut entry: Entry<S> = from.take()?;
            relink(&mut entry.state)?;
            if self.find(&entry.key).is_some() {
                return Err(Damaged("a key is there twice"));
            }
            slots.push(self.add(entry));
        }
        Ok(slots)
    }

    /// Whether it holds neither keys nor a memory of keys that were given up.
    pub(crate) fn is_blank(&self) -> bool {
        self.index.is_empty() && self.hits == 0 && self.evicted_hits == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Slots, some of them empty.
    pub(crate) fn slot_count(&self) -> u32 {
        self.slots.len() as u32
    }

    pub(crate) fn find(&self, key: &Key) -> Option<u32> {
        let (slots, tag) = (&self.slots, tag_of(key));
        let same = |known: &Place| {
            known.tag == tag && slots[known.slot as usize].as_ref().is_some_and(|entry| entry.key == *key)
        };
        self.index.find(Place::hash(tag), same).map(|known| known.slot)
    }

    /// The slot that a key most likely has. Nothing but the index is read.
    pub(crate) fn guess(&self, key: &Key) -> Option<&Option<Entry<S>>> {
        let tag = tag_of(key);
        let known = self.index.find(Place::hash(tag), |known| known.tag == tag)?;
        self.slots.get(known.slot as usize)
    }

    /// The slot itself, without a look at what it holds.
    pub(crate) fn slot(&self, slot: u32) -> Option<&Option<Entry<S>>> {
        self.slots.get(slot as usize)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Entry<S>> {
        if self.capture.is_some() {
            self.keep(slot);
        }
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
        let tag = tag_of(&entry.key);
        self.bytes += entry.bytes();
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(entry);
                slot
            }
            None => {
                self.slots.push(Some(entry));
                (self.slots.len() - 1) as u32
            }
        };
        if let Some(capture) = &mut self.capture {
            // Empty at the moment of the capture, or written out since.
            capture.mark(slot);
        }
        self.index.insert_unique(Place::hash(tag), Place { tag, slot }, |known| Place::hash(known.tag));
        slot
    }

    /// Removes a key; its bytes are given back.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Entry<S>> {
        self.keep(slot);
        let entry = self.slots.get_mut(slot as usize)?.take()?;
        if let Ok(found) = self.index.find_entry(Place::hash(tag_of(&entry.key)), |known| known.slot == slot) {
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
                capture: self.capture.take(),
                ..Partition::new()
            };
        }
        Some(entry)
    }

    /// Removes every key; a capture that was not finished is given up.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Entry<S>> {
        let drained = std::mem::replace(self, Partition::new());
        self.hits = drained.hits;
        self.evicted_hits = drained.evicted_hits;
        self.evicted_to = drained.evicted_to;
        drained.slots.into_elements().flatten()
    }

    /// Gives up a part of the key least likely to complete, or the key: how many hits that stood for, and their greatest time.
    pub(crate) fn give_up(&mut self) -> Option<(usize, i64)> {
        let slot = self.victim()?;
        let entry = self.get_mut(slot)?;
        let bytes = entry.bytes();
        let (hits, last) = match entry.state.shed() {
            Some(part) => {
                self.bytes = self.bytes + self.get(slot).map_or(0, Entry::bytes) - bytes;
                part
            }
            None => {
                let whole = self.remove(slot)?;
                (whole.state.hits(), whole.state.last_time())
            }
        };
        self.evicted_hits += hits as u64;
        self.evicted_to = self.evicted_to.max(last);
        Some((hits, last))
    }

    /// Gives up the key least likely to complete.
    pub(crate) fn evict(&mut self) -> Option<Entry<S>> {
        let entry = self.victim().and_then(|slot| self.remove(slot))?;
        self.evicted_hits += entry.state.hits() as u64;
        self.evicted_to = self.evicted_to.max(entry.state.last_time());
        Some(entry)
    }

    /// The key least likely to complete among the next few: no episode, fewest hits, longest quiet.
    fn victim(&mut self) -> Option<u32> {
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
        victim.map(|(_, slot)| slot)
    }
}

/// The next finished capture among partitions from `next` on; `None` when the room is used up, or there are no more.
pub(crate) fn next_of<S: Held<E> + Saved<E>, E: Evidence>(
    partitions: &mut Partitions<S, E>,
    next: &mut usize,
    room: &mut usize,
) -> Option<(u8, Vec<ImageWriter<E>>)> {
    while let Some(partition) = partitions.get_mut(*next) {
        if let Some(partition) = partition.as_mut().filter(|partition| partition.is_captured()) {
            let done = partition.go_on(room)?;
            *next += 1;
            return Some(((*next - 1) as u8, done));
        }
        *next += 1;
    }
    None
}
