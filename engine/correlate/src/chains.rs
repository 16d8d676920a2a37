//! Hits of several rules in the rules' order: does a chain end here?
//!
//! Kept are the times of each rule's hits, each once. A chain is found from its end:
//! the latest hit of the rule before at or before this one, and so on. Taking the latest
//! each time gives the latest possible beginning, so no other choice can do better.

use std::collections::VecDeque;

/// The times of each rule's hits, ascending, each once.
#[derive(Debug)]
pub(crate) struct Chains {
    parts: Box<[VecDeque<i64>]>,
}

impl Chains {
    pub(crate) fn new(parts: u16) -> Chains {
        Chains { parts: (0..parts).map(|_| VecDeque::new()).collect() }
    }

    /// Takes a hit of a rule in.
    pub(crate) fn insert(&mut self, part: u16, time: i64) {
        let Some(times) = self.parts.get_mut(usize::from(part)) else { return };
        let at = match times.back() {
            Some(&last) if last >= time => times.partition_point(|&known| known < time),
            _ => times.len(),
        };
        if times.get(at) != Some(&time) {
            times.insert(at, time);
        }
    }

    /// Whether hits in the rules' order, none earlier than the one before, end with one of the last rule at `time`
    /// and begin less than `span` before.
    pub(crate) fn end_at(&self, time: i64, span: i64) -> bool {
        let Some((last, before)) = self.parts.split_last() else { return false };
        if last.binary_search(&time).is_err() {
            return false;
        }
        let mut at = time;
        for times in before.iter().rev() {
            match times.partition_point(|&known| known <= at).checked_sub(1) {
                Some(latest) => at = times[latest],
                None => return false,
            }
        }
        at > time.saturating_sub(span)
    }

    /// Forgets hits up to this time.
    pub(crate) fn forget(&mut self, to: i64) {
        for times in &mut self.parts {
            while times.front().is_some_and(|&time| time <= to) {
                times.pop_front();
            }
        }
    }

    /// Bytes on the heap, itself included.
    pub(crate) fn bytes(&self) -> usize {
        let times: usize = self.parts.iter().map(VecDeque::capacity).sum();
        size_of::<Self>() + self.parts.len() * size_of::<VecDeque<i64>>() + times * size_of::<i64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_keep_the_order_and_the_span() {
        let mut chains = Chains::new(3);
        for (part, time) in [(0, 10), (1, 10), (1, 30), (0, 20), (2, 30), (2, 15), (2, 25)] {
            chains.insert(part, time);
        }
        // 20, 30, 30 and 10, 10, 15 and 10, 10, 25; nothing ends at 20.
        assert_eq!([15, 20, 25, 30].map(|time| chains.end_at(time, 11)), [true, false, false, true]);
        assert!(chains.end_at(25, 16) && !chains.end_at(30, 10));
        chains.forget(10);
        assert!(!chains.end_at(15, 11) && chains.end_at(30, 11));
    }
}
