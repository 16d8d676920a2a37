//! Deadlines of keys, in buckets of time.
//!
//! Most deadlines are a window away when they are set, and are read once. A heap of a million of
//! them costs twenty cache misses to pop; a bucket costs one append and one read. Only the bucket that the
//! watermark stands in is kept in order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Buckets of one window: enough that the one kept in order is small, few enough that finding one is quick.
const BUCKETS: i64 = 256;

/// A deadline, a partition and a slot in it.
type Timer = (i64, u8, u32);

/// Deadlines that come due as the watermark passes.
#[derive(Debug)]
pub(crate) struct Timers {
    width: i64,
    /// Buckets after the one being worked on.
    far: BTreeMap<i64, Vec<Timer>>,
    /// Deadlines before the end of the bucket being worked on.
    near: BinaryHeap<Reverse<Timer>>,
    /// Buckets before this are in `near`.
    begun: i64,
}

impl Timers {
    /// Timers whose deadlines are mostly one `window` away.
    pub(crate) fn new(window: i64) -> Timers {
        Timers { width: (window / BUCKETS).max(1), far: BTreeMap::new(), near: BinaryHeap::new(), begun: i64::MIN }
    }

    pub(crate) fn push(&mut self, deadline: i64, place: u8, slot: u32) {
        let bucket = deadline.div_euclid(self.width);
        if bucket < self.begun {
            self.near.push(Reverse((deadline, place, slot)));
        } else {
            self.far.entry(bucket).or_default().push((deadline, place, slot));
        }
    }

    /// The earliest timer with a deadline at or before the watermark.
    pub(crate) fn pop(&mut self, watermark: i64) -> Option<(i64, u8, u32)> {
        loop {
            if let Some(Reverse(timer)) = self.near.peek().copied()
                && timer.0 <= watermark
            {
                self.near.pop();
                return Some(timer);
            }
            // Whatever is near and not due is due before anything far.
            let first = self.far.first_entry()?;
            if *first.key() > watermark.div_euclid(self.width) {
                return None;
            }
            self.begun = *first.key() + 1;
            self.near.extend(first.remove().into_iter().map(Reverse));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.far.clear();
        self.near.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_in_order_and_none_before_its_time() {
        let mut timers = Timers::new(2560);
        let deadlines = [5, 3_000, 17, -40, 17, 2_999, 3_001, i64::MAX, 0];
        for (slot, deadline) in (0..).zip(deadlines) {
            timers.push(deadline, 0, slot);
        }
        let due = |timers: &mut Timers, watermark| -> Vec<i64> {
            std::iter::from_fn(|| timers.pop(watermark)).map(|(deadline, ..)| deadline).collect()
        };
        assert_eq!(due(&mut timers, -41), []);
        assert_eq!(due(&mut timers, 4), [-40, 0]);
        timers.push(2, 0, 9);
        assert_eq!(due(&mut timers, 17), [2, 5, 17, 17]);
        assert_eq!(due(&mut timers, 3_000), [2_999, 3_000]);
        assert_eq!(due(&mut timers, i64::MAX), [3_001, i64::MAX]);
        assert_eq!(due(&mut timers, i64::MAX), []);
    }
}
