//! Brings messages back into the order in which their batches were read.

use std::collections::BTreeMap;

/// Holds what came too early until the gap before it closes.
#[derive(Debug)]
pub(crate) struct Reorder<T> {
    next: u64,
    waiting: BTreeMap<u64, T>,
}

impl<T> Reorder<T> {
    pub(crate) fn new() -> Reorder<T> {
        Reorder { next: 0, waiting: BTreeMap::new() }
    }

    /// Takes a message; false if its sequence number was seen before.
    pub(crate) fn push(&mut self, sequence: u64, message: T) -> bool {
        if sequence < self.next || self.waiting.contains_key(&sequence) {
            return false;
        }
        self.waiting.insert(sequence, message);
        true
    }

    /// The next message in order, if it is here.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let message = self.waiting.remove(&self.next)?;
        self.next += 1;
        Some(message)
    }

    /// The next message at the end of input, with the sequence numbers missing before it.
    pub(crate) fn pop_past_gap(&mut self) -> Option<(u64, T)> {
        let (sequence, message) = self.waiting.pop_first()?;
        let missing = sequence - self.next;
        self.next = sequence + 1;
        Some((missing, message))
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_restored_and_repeats_are_refused() {
        let mut reorder = Reorder::new();
        assert!(reorder.push(1, 'b') && reorder.push(3, 'd'));
        assert_eq!(reorder.pop(), None);
        assert!(reorder.push(0, 'a') && !reorder.push(1, 'x'));
        assert_eq!((reorder.pop(), reorder.pop(), reorder.pop()), (Some('a'), Some('b'), None));
        assert!(!reorder.push(0, 'x'));
        assert_eq!((reorder.waiting(), reorder.pop_past_gap()), (1, Some((1, 'd'))));
    }
}
