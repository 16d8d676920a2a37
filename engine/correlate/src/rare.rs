//! Values that few have, or that come seldom, within one population.
//!
//! Hits are held back until the watermark decides them; then they are taken in time order, so that counts over the horizon
//! need no more than the latest time of each pair of value and entity, and the latest few times of each value.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::image::{Damaged, ImageReader, ImageWriter, Saved, saved};
use crate::remembered::middle;
use crate::window::Record;
use crate::{Evidence, Kind};

/// A population with fewer pairs than this has nothing worth keeping half of.
const SHED_FROM: usize = 64;

/// Shares are in millionths.
const SHARE_UNIT: u128 = 1_000_000;

/// The values of one population.
#[derive(Debug)]
pub(crate) struct Rare<E> {
    pending: BTreeMap<(i64, [u8; 16]), Vec<Record<E>>>,
    held: usize,
    values: HashMap<u64, Value, FixedState>,
    /// Latest time of each entity.
    entities: HashMap<u64, i64, FixedState>,
    /// Pairs and entities by a time at which they were seen last, or were then.
    pairs_due: BinaryHeap<Reverse<(i64, u64, u64)>>,
    entities_due: BinaryHeap<Reverse<(i64, u64)>>,
    pub(crate) last: i64,
}

#[derive(Debug, Default)]
struct Value {
    /// The latest times, ascending, as many as are asked for.
    times: VecDeque<i64>,
    /// Latest time of each entity that has it.
    entities: HashMap<u64, i64, FixedState>,
}

saved!(Value { times, entities });

/// What is due follows from what is known: each pair and entity once.
impl<E: Evidence> Saved<E> for Rare<E> {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.put(&self.pending);
        to.put(&self.values);
        to.put(&self.entities);
        to.put(&self.last);
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let mut rare = Rare {
            pending: from.take()?,
            values: from.take()?,
            entities: from.take()?,
            last: from.take()?,
            ..Rare::new()
        };
        rare.held = rare.pending.values().flatten().map(bytes_of).sum();
        let pairs = rare.values.iter().flat_map(|(value, known)| {
            known.entities.iter().map(move |(entity, last)| Reverse((*last, *value, *entity)))
        });
        rare.pairs_due = pairs.collect();
        rare.entities_due = rare.entities.iter().map(|(entity, last)| Reverse((*last, *entity))).collect();
        Ok(rare)
    }
}

impl<E: Evidence> Rare<E> {
    pub(crate) fn new() -> Rare<E> {
        Rare {
            pending: BTreeMap::new(),
            held: 0,
            values: HashMap::with_hasher(FixedState::with_seed(0)),
            entities: HashMap::with_hasher(FixedState::with_seed(0)),
            pairs_due: BinaryHeap::new(),
            entities_due: BinaryHeap::new(),
            last: i64::MIN,
        }
    }

    pub(crate) fn insert(&mut self, record: Record<E>) {
        self.last = self.last.max(record.time);
        self.held += bytes_of(&record);
        let same = self.pending.entry((record.time, record.digest)).or_default();
        let at = same.partition_point(|known| known.order() <= record.order());
        same.insert(at, record);
    }

    /// Takes in the hits before the watermark, or at it; the rare ones are let through.
    pub(crate) fn strain(&mut self, watermark: i64, inclusive: bool, kind: Kind, mut pass: impl FnMut(Record<E>)) {
        let Kind::Rare { horizon_ns, times, share_millionths, .. } = kind else { return };
        let mut at_once: Vec<Record<E>> = Vec::new();
        while let Some((&(time, _), _)) = self.pending.first_key_value()
            && (time < watermark || (inclusive && time == watermark))
        {
            // All hits of one time know of each other.
            while let Some(first) = self.pending.first_entry()
                && first.key().0 == time
            {
                at_once.extend(first.remove());
            }
            self.forget(time.saturating_sub(horizon_ns));
            at_once.iter().for_each(|record| self.learn(record, times));
            for record in at_once.drain(..) {
                self.held -= bytes_of(&record);
                let (value, _) = pair_of(&record);
                let Some(known) = self.values.get(&value) else { continue };
                let live = known.times.iter().filter(|&&seen| seen > time.saturating_sub(horizon_ns)).count();
                let seldom = times > 0 && live < times as usize;
                let few = share_millionths > 0
                    && known.entities.len() as u128 * SHARE_UNIT
                        < u128::from(share_millionths) * self.entities.len() as u128;
                if seldom || few {
                    pass(record);
                }
            }
        }
        self.forget(watermark.saturating_sub(horizon_ns).saturating_sub(1));
    }

    fn learn(&mut self, record: &Record<E>, times: u32) {
        let (value, entity) = pair_of(record);
        let known = self.values.entry(value).or_default();
        if times > 0 {
            known.times.push_back(record.time);
            if known.times.len() > times as usize {
                known.times.pop_front();
            }
        }
        if known.entities.insert(entity, record.time).is_none() {
            self.pairs_due.push(Reverse((record.time, value, entity)));
        }
        if self.entities.insert(entity, record.time).is_none() {
            self.entities_due.push(Reverse((record.time, entity)));
        }
    }

    /// Gives up the pairs of value and entity that came longest ago, about half of them: how many, and the latest time of any.
    /// What many have or what comes often is among the others, and stays known.
    pub(crate) fn shed(&mut self) -> Option<(usize, i64)> {
        let count = |rare: &Self| rare.values.values().map(|known| known.entities.len()).sum::<usize>();
        let before = count(self);
        if before < SHED_FROM {
            return None;
        }
        let mut times: Vec<i64> = self.values.values().flat_map(|known| known.entities.values().copied()).collect();
        let to = middle(&mut times)?;
        self.forget_pairs(to);
        self.values.shrink_to_fit();
        self.pairs_due.shrink_to_fit();
        Some((before - count(self), to))
    }

    /// Forgets what was seen last at or before a time.
    fn forget(&mut self, to: i64) {
        self.forget_pairs(to);
        self.forget_entities(to);
    }

    fn forget_pairs(&mut self, to: i64) {
        while let Some(&Reverse((seen, value, entity))) = self.pairs_due.peek()
            && seen <= to
        {
            self.pairs_due.pop();
            let Some(known) = self.values.get_mut(&value) else { continue };
            match known.entities.get(&entity) {
                Some(&last) if last > to => self.pairs_due.push(Reverse((last, value, entity))),
                _ => drop(known.entities.remove(&entity)),
            }
            if known.entities.is_empty() {
                self.values.remove(&value);
            }
        }
    }

    fn forget_entities(&mut self, to: i64) {
        while let Some(&Reverse((seen, entity))) = self.entities_due.peek()
            && seen <= to
        {
            self.entities_due.pop();
            match self.entities.get(&entity) {
                Some(&last) if last > to => self.entities_due.push(Reverse((last, entity))),
                _ => drop(self.entities.remove(&entity)),
            }
        }
    }

    /// The watermark at which something is due.
    pub(crate) fn deadline(&self, kind: Kind) -> i64 {
        let Kind::Rare { horizon_ns, .. } = kind else { return i64::MAX };
        if let Some((&(time, _), _)) = self.pending.first_key_value() {
            return time.saturating_add(1);
        }
        if self.values.is_empty() { i64::MAX } else { self.last.saturating_add(horizon_ns).saturating_add(2) }
    }

    pub(crate) fn hits(&self) -> usize {
        (self.pending.len() + self.values.len()).max(1)
    }

    pub(crate) fn bytes(&self) -> usize {
        // A pair stands in two tables, an entity too; each value has a table of its own.
        size_of::<Self>()
            + self.held
            + self.values.len() * (size_of::<Value>() + 32)
            + self.pairs_due.len() * 72
            + self.entities_due.len() * 48
    }
}

/// Value and entity of a hit: the halves of what it carries.
fn pair_of<E>(record: &Record<E>) -> (u64, u64) {
    let both = u128::from_be_bytes(record.value);
    ((both >> 64) as u64, both as u64)
}

fn bytes_of<E: Evidence>(record: &Record<E>) -> usize {
    // The record, and its share of the tree.
    size_of::<Record<E>>() + 64 + record.evidence.as_ref().map_or(0, Evidence::bytes)
}
