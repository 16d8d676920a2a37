//! Numbers in order, of which one comes and one goes with every hit.
//!
//! In pieces: in one list, each hit of a window with a million would move half of them.

use crate::image::{Damaged, ImageReader, ImageWriter, Saved};

/// Most numbers in a piece; one that is full becomes two.
const PIECE: usize = 1024;

/// Numbers, ascending; the same may be there several times.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// None is empty.
    pieces: Vec<Vec<i128>>,
    len: usize,
}

impl Sorted {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The piece that a number belongs to: the first that does not end before it, or the last.
    fn piece(&self, number: i128) -> usize {
        let at = self.pieces.partition_point(|piece| piece.last().is_some_and(|&last| last < number));
        at.min(self.pieces.len().saturating_sub(1))
    }

    pub(crate) fn insert(&mut self, number: i128) {
        self.len += 1;
        let at = self.piece(number);
        let Some(piece) = self.pieces.get_mut(at) else {
            self.pieces.push(vec![number]);
            return;
        };
        piece.insert(piece.partition_point(|&known| known < number), number);
        if piece.len() > PIECE {
            let upper = piece.split_off(PIECE / 2);
            piece.shrink_to(PIECE);
            self.pieces.insert(at + 1, upper);
        }
    }

    /// Takes a number out once, where it is there.
    pub(crate) fn remove(&mut self, number: i128) {
        let at = self.piece(number);
        let Some(piece) = self.pieces.get_mut(at) else { return };
        if let Ok(place) = piece.binary_search(&number) {
            piece.remove(place);
            self.len -= 1;
            if piece.is_empty() {
                self.pieces.remove(at);
            } else if piece.len() < piece.capacity() / 4 {
                piece.shrink_to(piece.capacity() / 2);
            }
        }
    }

    /// The number at a rank, from 0.
    pub(crate) fn get(&self, mut rank: usize) -> Option<i128> {
        for piece in &self.pieces {
            match piece.get(rank) {
                Some(&number) => return Some(number),
                None => rank -= piece.len(),
            }
        }
        None
    }

    /// Bytes on the heap, at most. Asked with every hit, so no piece is looked at but the first.
    pub(crate) fn bytes(&self) -> usize {
        let numbers = match self.pieces.as_slice() {
            [one] => one.capacity(),
            many => many.len() * PIECE,
        };
        numbers * size_of::<i128>() + self.pieces.capacity() * size_of::<Vec<i128>>()
    }
}

impl<E: Clone> Saved<E> for Sorted {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.length(self.len);
        self.pieces.iter().flatten().for_each(|number| to.put(number));
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let mut sorted = Sorted::default();
        for _ in 0..from.length()? {
            sorted.insert(from.take()?);
        }
        Ok(sorted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_a_sorted_list_is() {
        let (mut sorted, mut list) = (Sorted::default(), Vec::new());
        let mut random = 3u64;
        let mut below = |bound: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % bound
        };
        for step in 0..40_000 {
            let growing = step < 20_000;
            if below(10) < if growing { 8 } else { 2 } {
                let number = i128::from(below(3000)) - 1500;
                sorted.insert(number);
                list.insert(list.partition_point(|&known| known < number), number);
            } else if !list.is_empty() {
                let number = list.remove(below(list.len() as u64) as usize);
                sorted.remove(number);
            }
            sorted.remove(5000);
            if !list.is_empty() {
                let rank = below(list.len() as u64) as usize;
                assert_eq!(sorted.get(rank), Some(list[rank]), "step {step}");
            }
            assert_eq!((sorted.len(), sorted.get(list.len())), (list.len(), None));
            if step % 5000 == 0 {
                let mut image = ImageWriter::<()>::default();
                image.put(&sorted);
                let again: Sorted = ImageReader::<()>::new(&image.bytes, &[]).take().unwrap();
                assert!(again.pieces.iter().flatten().eq(list.iter()));
            }
        }
        let held: usize = sorted.pieces.iter().map(|piece| piece.capacity() * size_of::<i128>()).sum();
        assert!(held < 128 * (list.len() + PIECE) && held <= sorted.bytes(), "{held} bytes of {} numbers", list.len());
    }
}
