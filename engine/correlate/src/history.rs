//! Metrics of buckets that are over, a few bytes each: four weeks of hours are a kilobyte or two a key.

use crate::image::{Damaged, ImageReader, ImageWriter, Saved};

/// Counts are whole numbers and metrics are in thousandths: those that can are kept without them.
const WHOLE: i64 = 1000;

/// Buckets in ascending order, each with its metric.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Of each bucket how far it is from the one before, and its metric; from `begin` on.
    bytes: Vec<u8>,
    begin: usize,
    /// The bucket that the first one is counted from.
    base: i64,
    last: i64,
    len: usize,
}

impl History {
    /// The last bucket.
    pub(crate) fn last(&self) -> Option<i64> {
        (self.len > 0).then_some(self.last)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a bucket behind the last one.
    pub(crate) fn push(&mut self, bucket: i64, metric: i64) {
        debug_assert!(self.len == 0 || bucket > self.last, "buckets close in their order");
        if self.len == 0 {
            // The first is counted from the one before it.
            (self.base, self.last) = (bucket.saturating_sub(1), bucket.saturating_sub(1));
        }
        let apart = bucket.wrapping_sub(self.last) as u64;
        let whole = metric % WHOLE == 0;
        let number = if whole { metric / WHOLE } else { metric };
        if self.bytes.capacity() - self.bytes.len() < 2 * LONGEST {
            // Doubling would leave a third of it empty.
            self.bytes.reserve_exact(self.bytes.len() / 8 + 2 * LONGEST);
        }
        put(&mut self.bytes, u128::from(apart) << 1 | u128::from(whole));
        // Zigzag: small numbers of either sign take one byte.
        put(&mut self.bytes, u128::from((number as u64) << 1 ^ (number >> 63) as u64));
        (self.last, self.len) = (bucket, self.len + 1);
    }

    /// Every bucket with its metric.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        let (mut rest, mut bucket) = (&self.bytes[self.begin..], self.base);
        std::iter::from_fn(move || {
            let (next, metric) = take(&mut rest, bucket)?;
            bucket = next;
            Some((next, metric))
        })
    }

    /// Forgets the buckets before `oldest`.
    pub(crate) fn forget(&mut self, oldest: i64) {
        loop {
            let mut rest = &self.bytes[self.begin..];
            let Some((bucket, _)) = take(&mut rest, self.base).filter(|(bucket, _)| *bucket < oldest) else { break };
            (self.begin, self.base) = (self.bytes.len() - rest.len(), bucket);
            self.len -= 1;
        }
        if self.begin > self.bytes.len() / 4 {
            self.bytes.drain(..self.begin);
            self.begin = 0;
        }
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Most bytes that one number takes.
const LONGEST: usize = 10;

/// LEB128.
fn put(bytes: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn number(bytes: &mut &[u8]) -> Option<u128> {
    let mut number = 0;
    for (at, &byte) in bytes.iter().enumerate().take(LONGEST) {
        number |= u128::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            *bytes = &bytes[at + 1..];
            return Some(number);
        }
    }
    None
}

/// The bucket behind `before`, and its metric.
fn take(bytes: &mut &[u8], before: i64) -> Option<(i64, i64)> {
    let (apart, zigzag) = (number(bytes)?, number(bytes)? as u64);
    let metric = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
    let metric = if apart & 1 == 1 { metric.saturating_mul(WHOLE) } else { metric };
    Some((before.wrapping_add((apart >> 1) as u64 as i64), metric))
}

impl<E: Clone> Saved<E> for History {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.put(&self.base);
        to.raw(&self.bytes[self.begin..]);
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let base: i64 = from.take()?;
        let bytes = from.raw()?;
        let mut history = History { bytes: bytes.to_vec(), begin: 0, base, last: base, len: 0 };
        let mut rest = bytes;
        while !rest.is_empty() {
            let next = take(&mut rest, history.last).filter(|(bucket, _)| *bucket > history.last);
            (history.last, history.len) = (next.ok_or(Damaged("buckets are out of order"))?.0, history.len + 1);
        }
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn it_is_what_a_list_is() {
        let (mut history, mut list) = (History::default(), VecDeque::new());
        let (mut bucket, mut random) = (-40i64, 7u64);
        for step in 0..5000i64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bucket += 1 + (random >> 60) as i64 * (random >> 40 & 3) as i64;
            let metric = match random >> 33 & 7 {
                0 => i64::MIN,
                1 => i64::MAX,
                2 => -(random as i64 >> 20),
                3 => (random as i64 >> 40) * WHOLE,
                _ => (random >> 56) as i64 * WHOLE,
            };
            history.push(bucket, metric);
            list.push_back((bucket, metric));
            if step % 7 == 0 {
                let oldest = bucket - (random >> 52) as i64 / 4;
                history.forget(oldest);
                list.retain(|(known, _)| *known >= oldest);
            }
            assert_eq!((history.len(), history.last()), (list.len(), Some(bucket)));
            if step % 50 == 0 {
                assert!(history.iter().eq(list.iter().copied()), "step {step}");
                let mut image = ImageWriter::<()>::default();
                image.put(&history);
                let again: History = ImageReader::<()>::new(&image.bytes, &[]).take().unwrap();
                assert!(again.iter().eq(list.iter().copied()) && again.last() == history.last());
            }
        }
        history.forget(i64::MAX);
        assert_eq!((history.len(), history.last(), history.iter().next()), (0, None, None));
        history.push(5, 1);
        assert!(history.iter().eq([(5, 1)]));
    }

    #[test]
    fn four_weeks_of_hours_take_two_kilobytes() {
        let mut history = History::default();
        for hour in 0..24 * 28 {
            history.push(495_000 + hour, (hour * 37 % 200) * WHOLE);
        }
        assert!((1000..2200).contains(&history.bytes()), "{}", history.bytes());
        assert_eq!(history.len(), 672);
    }

    #[test]
    fn what_is_no_history_is_refused() {
        for bytes in [&[0x80][..], &[1], &[1, 2, 0, 2], &[0xff; 30]] {
            let mut image = ImageWriter::<()>::default();
            image.put(&0i64);
            image.raw(bytes);
            assert!(ImageReader::<()>::new(&image.bytes, &[]).take::<History>().is_err(), "{bytes:?}");
        }
    }
}
