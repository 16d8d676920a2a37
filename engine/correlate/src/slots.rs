//! A list that grows without moving what is in it: in blocks, of which only the first grows.
//!
//! A million keys stand in lists of some thousands. To move each of them now and then leaves holes behind that nothing
//! else fits into: half as much memory again.

use std::ops::{Index, IndexMut};

/// Elements of a block: some kilobytes, so that the last one is not much beside the others.
const BLOCK: usize = 64;

/// Elements by number, from 0.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    /// All full but the last.
    blocks: Vec<Vec<T>>,
}

impl<T> Slots<T> {
    pub(crate) fn new() -> Slots<T> {
        Slots { blocks: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.len())
    }

    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.blocks.get(at / BLOCK)?.get(at % BLOCK)
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.blocks.get_mut(at / BLOCK)?.get_mut(at % BLOCK)
    }

    pub(crate) fn push(&mut self, element: T) {
        match self.blocks.last_mut() {
            Some(last) if last.len() < BLOCK => {
                if last.len() == last.capacity() {
                    // Most rules have few keys in a partition.
                    last.reserve_exact((last.len() / 2 + 2).min(BLOCK - last.len()));
                }
                last.push(element);
            }
            last => {
                let mut block = Vec::with_capacity(if last.is_some() { BLOCK } else { 2 });
                block.push(element);
                self.blocks.push(block);
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten()
    }

    pub(crate) fn into_elements(self) -> impl Iterator<Item = T> {
        self.blocks.into_iter().flatten()
    }
}

impl<T> Index<usize> for Slots<T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        &self.blocks[at / BLOCK][at % BLOCK]
    }
}

impl<T> IndexMut<usize> for Slots<T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.blocks[at / BLOCK][at % BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_stand_where_they_were_put_and_stay_there() {
        let mut slots = Slots::new();
        for number in 0..1000usize {
            assert_eq!((slots.len(), slots.get(number)), (number, None));
            slots.push(number);
            // Nothing is moved once the first block is full.
            let block = slots.blocks[number / BLOCK].capacity();
            assert!(
                if number < BLOCK { block <= number + number / 2 + 3 } else { block == BLOCK },
                "{number}: {block}"
            );
        }
        slots[640] = 7;
        *slots.get_mut(999).expect("it is there") = 8;
        let expected = (0..1000).map(|number| match number {
            640 => 7,
            999 => 8,
            number => number,
        });
        assert!(slots.iter().copied().eq(expected.clone()) && slots.into_elements().eq(expected));
    }
}
