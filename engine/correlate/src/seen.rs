//! When each value of a key was seen, and which hits were the first to have theirs.

use std::collections::BTreeMap;

use crate::Evidence;
use crate::image::{Damaged, ImageReader, ImageWriter, Saved};
use crate::remembered::Unread;
use crate::sieve::thin;
use crate::spread::{HeldValues, Spread};
use crate::window::Record;

/// When each value of a key was seen.
#[derive(Debug)]
pub(crate) struct Seen<E> {
    horizon: i64,
    values: Spread<Times>,
    /// Hits whose value was not seen in the horizon before, as far as is known.
    new: BTreeMap<(i64, [u8; 16]), Vec<Record<E>>>,
    /// Times beyond one a value, and hits held, for the budget.
    times: usize,
    held: usize,
    pub(crate) last: i64,
}

/// Times at which a value was seen, ascending. Most values are seen once, or again and again within the horizon.
#[derive(Clone, Debug)]
pub(crate) enum Times {
    One(i64),
    Many(Vec<i64>),
}

impl Times {
    fn as_slice(&self) -> &[i64] {
        match self {
            Times::One(time) => std::slice::from_ref(time),
            Times::Many(times) => times,
        }
    }
}

impl<E: Clone> Saved<E> for Times {
    fn save(&self, to: &mut ImageWriter<E>) {
        let times = self.as_slice();
        to.length(times.len());
        times.iter().for_each(|time| to.put(time));
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let times: Vec<i64> = from.take()?;
        match times[..] {
            [] => Err(Damaged("a value was never seen")),
            [time] => Ok(Times::One(time)),
            _ => Ok(Times::Many(times)),
        }
    }
}

impl<E: Evidence> Saved<E> for Seen<E> {
    fn save(&self, to: &mut ImageWriter<E>) {
        self.begin_save(to);
        to.put(&self.values);
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let mut seen = Seen {
            horizon: from.take()?,
            new: from.take()?,
            last: from.take()?,
            values: from.take()?,
            times: 0,
            held: 0,
        };
        seen.times = seen.values.iter().map(|(_, times)| times.as_slice().len() - 1).sum();
        seen.held = seen.new.values().flatten().map(held_bytes).sum();
        Ok(seen)
    }
}

impl<E: Evidence> Seen<E> {
    pub(crate) fn new(time: i64, horizon: i64) -> Seen<E> {
        Seen { horizon, values: Spread::new(), new: BTreeMap::new(), times: 0, held: 0, last: time }
    }

    /// Takes a hit in. `recall` knows when a value came last that is not in memory.
    ///
    /// # Errors
    /// When it could not tell: the value then counts as one that never came.
    pub(crate) fn insert(
        &mut self,
        record: Record<E>,
        recall: impl FnOnce(&[u8; 16]) -> Result<Option<i64>, Unread>,
    ) -> Result<(), Unread> {
        let (time, value, horizon) = (record.time, record.value, self.horizon);
        self.last = self.last.max(time);
        if self.values.get_mut(&value).is_none() {
            let recalled = recall(&value);
            let known = recalled.ok().flatten();
            self.values.insert(value, Times::One(known.unwrap_or(time)));
            if known.is_none() {
                self.hold(record);
                return recalled.map(drop);
            }
        }
        let Some(times) = self.values.get_mut(&value) else { return Ok(()) };
        let known = times.as_slice();
        let at = known.partition_point(|&known| known < time);
        let seen_before = at.checked_sub(1).is_some_and(|before| time - known[before] <= horizon);
        // Hits that were taken for new have seen their value by this one.
        let later = known[at..].iter().copied().filter(|&later| later > time && later - time <= horizon);
        let no_longer: Vec<i64> = later.collect();
        if known.get(at) != Some(&time) {
            let before = known.len();
            let mut list = match std::mem::replace(times, Times::One(time)) {
                Times::One(known) => vec![known],
                Times::Many(list) => list,
            };
            list.insert(at, time);
            thin(&mut list, at, horizon);
            self.times = self.times + list.len() - before;
            *times = Times::Many(list);
        }
        for later in no_longer {
            if let Some(gone) = self.new.remove(&(later, value)) {
                self.held -= gone.iter().map(held_bytes).sum::<usize>();
            }
        }
        if !seen_before {
            self.hold(record);
        }
        Ok(())
    }

    /// What stands before the values in an image.
    pub(crate) fn begin_save(&self, to: &mut ImageWriter<E>) {
        to.put(&self.horizon);
        to.put(&self.new);
        to.put(&self.last);
    }

    /// The values of this moment, where they are many: to be written behind [`Seen::begin_save`].
    pub(crate) fn hold_values(&mut self) -> Option<HeldValues<Times>> {
        self.values.hold()
    }

    fn hold(&mut self, record: Record<E>) {
        self.held += held_bytes(&record);
        let same = self.new.entry((record.time, record.value)).or_default();
        let at = same.partition_point(|known| known.order() <= record.order());
        same.insert(at, record);
    }

    pub(crate) fn strain(&mut self, watermark: i64, inclusive: bool, mut pass: impl FnMut(Record<E>)) {
        while let Some(first) = self.new.first_entry()
            && (first.key().0 < watermark || (inclusive && first.key().0 == watermark))
        {
            for record in first.remove() {
                self.held -= held_bytes(&record);
                pass(record);
            }
        }
    }

    /// The watermark at which something is due.
    pub(crate) fn deadline(&self) -> i64 {
        self.new.first_key_value().map_or(i64::MAX, |((time, _), _)| time.saturating_add(1))
    }

    /// Each value with the latest time at which it came.
    pub(crate) fn latest(&self) -> impl Iterator<Item = (&[u8; 16], i64)> {
        self.values.iter().filter_map(|(value, times)| Some((value, *times.as_slice().last()?)))
    }

    /// Takes out the values that came last at or before a time, which the watermark has passed.
    pub(crate) fn clear(&mut self, before: i64) {
        self.values.retain(|times| times.as_slice().last().is_some_and(|&last| last > before));
        self.times = self.values.iter().map(|(_, times)| times.as_slice().len() - 1).sum();
    }

    /// How many values are in memory.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.new.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.values.bytes() + 16 * self.times + self.held
    }
}

fn held_bytes<E: Evidence>(record: &Record<E>) -> usize {
    // The record, and its share of the tree.
    size_of::<Record<E>>() + 64 + record.evidence.as_ref().map_or(0, Evidence::bytes)
}
