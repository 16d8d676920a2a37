//! The hits of a key in order: side by side while they are few, in pieces once they are many.
//!
//! A capture holds on to pieces as they are, and a piece that is changed meanwhile is copied first. So of a key with a
//! million hits no more is written, or copied, at once than a thousand; and taking one in never moves them all.

use std::collections::VecDeque;
use std::ops::{Index, IndexMut, Range};
use std::sync::Arc;

use crate::Evidence;
use crate::image::ImageWriter;
use crate::window::Record;

/// Hits in a piece: some ten microseconds to copy, and a thousand pieces in a million hits.
const PIECE: usize = 1024;
/// From so many hits on they are in pieces.
const PIECES_FROM: usize = 4 * PIECE;
/// Below so many they are side by side again.
const PIECES_TO: usize = PIECE;

/// The hits of a key, sorted by [`Record::order`].
#[derive(Debug)]
pub(crate) enum Hits<E> {
    Few(VecDeque<Record<E>>),
    Many(Box<Pieces<E>>),
}

/// All pieces are full but the last, and the first, of whose front hits are gone.
#[derive(Debug)]
pub(crate) struct Pieces<E> {
    pieces: VecDeque<Piece<E>>,
    /// Hits that are gone from the front of the first piece.
    gone: usize,
    len: usize,
}

#[derive(Debug)]
enum Piece<E> {
    Own(VecDeque<Record<E>>),
    /// A capture may still read it.
    Held(Arc<VecDeque<Record<E>>>),
}

impl<E: Evidence> Piece<E> {
    fn new() -> Piece<E> {
        Piece::Own(VecDeque::with_capacity(PIECE))
    }

    fn hits(&self) -> &VecDeque<Record<E>> {
        match self {
            Piece::Own(hits) => hits,
            Piece::Held(hits) => hits,
        }
    }

    /// To be changed: what a capture still reads is copied.
    fn own(&mut self) -> &mut VecDeque<Record<E>> {
        if let Piece::Held(held) = self {
            let held = std::mem::take(held);
            *self = Piece::Own(Arc::try_unwrap(held).unwrap_or_else(|held| {
                let mut copy = VecDeque::with_capacity(PIECE);
                copy.extend(held.iter().cloned());
                copy
            }));
        }
        match self {
            Piece::Own(hits) => hits,
            Piece::Held(_) => unreachable!("replaced above"),
        }
    }

    fn hold(&mut self) -> Arc<VecDeque<Record<E>>> {
        if let Piece::Own(hits) = self {
            *self = Piece::Held(Arc::new(std::mem::take(hits)));
        }
        match self {
            Piece::Held(hits) => Arc::clone(hits),
            Piece::Own(_) => unreachable!("replaced above"),
        }
    }
}

impl<E: Evidence> Pieces<E> {
    fn of(hits: VecDeque<Record<E>>) -> Pieces<E> {
        let mut all = Pieces { pieces: VecDeque::new(), gone: 0, len: 0 };
        hits.into_iter().for_each(|hit| all.insert(all.len, hit));
        all
    }

    /// Which piece, and where in it.
    fn place(&self, at: usize) -> (usize, usize) {
        let at = at + self.gone;
        let (piece, offset) = (at / PIECE, at % PIECE);
        (piece, if piece == 0 { offset - self.gone } else { offset })
    }

    fn get(&self, at: usize) -> Option<&Record<E>> {
        let (piece, offset) = self.place(at);
        self.pieces.get(piece)?.hits().get(offset)
    }

    fn insert(&mut self, at: usize, hit: Record<E>) {
        let (mut piece, mut offset) = self.place(at);
        self.len += 1;
        if piece == 0 && self.gone > 0 {
            self.gone -= 1;
            return self.pieces[0].own().insert(offset, hit);
        }
        let mut carried = hit;
        loop {
            if piece == self.pieces.len() {
                self.pieces.push_back(Piece::new());
            }
            let hits = self.pieces[piece].own();
            let over = if hits.len() == PIECE { hits.pop_back() } else { None };
            hits.insert(offset, carried);
            let Some(last) = over else { return };
            (carried, piece, offset) = (last, piece + 1, 0);
        }
    }

    fn pop_front(&mut self) -> Option<Record<E>> {
        let first = self.pieces.front_mut()?.own();
        let hit = first.pop_front()?;
        self.gone += 1;
        self.len -= 1;
        if first.is_empty() {
            self.pieces.pop_front();
            self.gone = 0;
        }
        Some(hit)
    }
}

impl<E: Evidence> Hits<E> {
    pub(crate) fn new() -> Hits<E> {
        Hits::Few(VecDeque::new())
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Hits::Few(hits) => hits.len(),
            Hits::Many(pieces) => pieces.len,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&Record<E>> {
        match self {
            Hits::Few(hits) => hits.get(at),
            Hits::Many(pieces) => pieces.get(at),
        }
    }

    pub(crate) fn front(&self) -> Option<&Record<E>> {
        self.get(0)
    }

    pub(crate) fn back(&self) -> Option<&Record<E>> {
        self.get(self.len().checked_sub(1)?)
    }

    pub(crate) fn range(&self, range: Range<usize>) -> impl Iterator<Item = &Record<E>> {
        range.filter_map(|at| self.get(at))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Record<E>> {
        self.range(0..self.len())
    }

    /// Index of the first hit for which the answer is no; before it are only hits for which it is yes.
    pub(crate) fn partition_point(&self, mut is_before: impl FnMut(&Record<E>) -> bool) -> usize {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from + (to - from) / 2;
            if self.get(middle).is_some_and(&mut is_before) { from = middle + 1 } else { to = middle }
        }
        from
    }

    /// Puts a hit before the one at `at`. Costs as many moves as there are hits behind it, once they are many a thousandth.
    pub(crate) fn insert(&mut self, at: usize, hit: Record<E>) {
        match self {
            Hits::Few(hits) if hits.len() < PIECES_FROM => hits.insert(at, hit),
            Hits::Few(hits) => {
                *self = Hits::Many(Box::new(Pieces::of(std::mem::take(hits))));
                self.insert(at, hit);
            }
            Hits::Many(pieces) => pieces.insert(at, hit),
        }
    }

    pub(crate) fn pop_front(&mut self) -> Option<Record<E>> {
        let hit = match self {
            Hits::Few(hits) => {
                let hit = hits.pop_front();
                if hits.len() < hits.capacity() / 4 {
                    hits.shrink_to(hits.capacity() / 2);
                }
                return hit;
            }
            Hits::Many(pieces) => pieces.pop_front(),
        };
        if self.len() < PIECES_TO {
            *self = Hits::Few(self.iter().cloned().collect());
        }
        hit
    }

    /// Bytes on the heap, evidence left out.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Hits::Few(hits) => hits.capacity() * size_of::<Record<E>>(),
            Hits::Many(pieces) => {
                let each = PIECE * size_of::<Record<E>>() + size_of::<Piece<E>>();
                size_of::<Pieces<E>>() + pieces.pieces.len() * each
            }
        }
    }

    /// The hits of this moment, where they are many.
    pub(crate) fn hold(&mut self) -> Option<HeldHits<E>> {
        match self {
            Hits::Few(_) => None,
            Hits::Many(pieces) => {
                let held = pieces.pieces.iter_mut().map(Piece::hold).collect();
                Some(HeldHits { pieces: held, next: 0 })
            }
        }
    }
}

impl<E: Evidence> From<VecDeque<Record<E>>> for Hits<E> {
    fn from(hits: VecDeque<Record<E>>) -> Hits<E> {
        match hits.len() < PIECES_FROM {
            true => Hits::Few(hits),
            false => Hits::Many(Box::new(Pieces::of(hits))),
        }
    }
}

impl<E: Evidence> Index<usize> for Hits<E> {
    type Output = Record<E>;

    #[inline]
    fn index(&self, at: usize) -> &Record<E> {
        match self {
            Hits::Few(hits) => &hits[at],
            Hits::Many(pieces) => {
                let (piece, offset) = pieces.place(at);
                &pieces.pieces[piece].hits()[offset]
            }
        }
    }
}

impl<E: Evidence> IndexMut<usize> for Hits<E> {
    #[inline]
    fn index_mut(&mut self, at: usize) -> &mut Record<E> {
        match self {
            Hits::Few(hits) => &mut hits[at],
            Hits::Many(pieces) => {
                let (piece, offset) = pieces.place(at);
                &mut pieces.pieces[piece].own()[offset]
            }
        }
    }
}

/// Hits as they were when a capture took them.
#[derive(Debug)]
pub(crate) struct HeldHits<E> {
    pieces: VecDeque<Arc<VecDeque<Record<E>>>>,
    /// The first of the first piece that is not written out.
    next: usize,
}

impl<E: Evidence> HeldHits<E> {
    /// How many are not written out yet.
    pub(crate) fn len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.len()).sum::<usize>() - self.next
    }

    /// Writes hits until about so many bytes are written, and takes them off `room`; true once all are.
    pub(crate) fn go_on(&mut self, to: &mut ImageWriter<E>, room: &mut usize) -> bool {
        while let Some(piece) = self.pieces.front() {
            while let Some(hit) = piece.get(self.next) {
                if *room == 0 {
                    return false;
                }
                let before = to.bytes.len();
                to.put(hit);
                *room = room.saturating_sub(to.bytes.len() - before);
                self.next += 1;
            }
            self.pieces.pop_front();
            self.next = 0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hit, Key, SourceId};

    fn record(time: i64) -> Record<()> {
        let hit = Hit {
            rule: 0,
            source: SourceId(0),
            time_ns: time,
            future: false,
            key: Key::new(&[]),
            part: 0,
            value: None,
            digest: [0; 16],
            evidence: (),
        };
        Record::of(hit, [0; 16]).1
    }

    fn times(hits: &Hits<()>) -> Vec<i64> {
        hits.iter().map(|hit| hit.time).collect()
    }

    fn written(held: &mut HeldHits<()>, mut room: usize) -> Option<usize> {
        let mut to = ImageWriter::default();
        held.go_on(&mut to, &mut room).then_some(to.evidence.len())
    }

    /// Against a list: hits in and out at random places, past the size at which they are kept in pieces and back.
    #[test]
    fn pieces_are_what_a_list_is() {
        let (mut hits, mut list) = (Hits::<()>::new(), VecDeque::new());
        let mut random = 1u64;
        let mut below = |bound: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % bound
        };
        let mut held: Vec<(HeldHits<()>, usize)> = Vec::new();
        for step in 0..60_000i64 {
            let growing = step < 30_000;
            if list.is_empty() || below(10) < if growing { 8 } else { 2 } {
                let at = if below(3) == 0 { below(list.len() + 1) } else { list.len() };
                list.insert(at, step);
                hits.insert(at, record(step));
            } else {
                assert_eq!(hits.pop_front().map(|hit| hit.time), list.pop_front());
            }
            if step % 997 == 0 {
                assert_eq!(VecDeque::from(times(&hits)), list);
                held.extend(hits.hold().map(|held| (held, list.len())));
            }
            if step % 61 == 0 && !list.is_empty() {
                let at = below(list.len());
                hits[at].matched = true;
                assert!(hits[at].matched && hits.get(at).is_some_and(|hit| hit.time == list[at]));
            }
            assert_eq!((hits.len(), hits.back().map(|hit| hit.time)), (list.len(), list.back().copied()));
        }
        assert!(matches!(hits, Hits::Few(_)) && held.len() > 20, "{} hits, {} held", list.len(), held.len());
        for (held, len) in &held {
            assert_eq!(held.len(), *len);
        }
    }

    #[test]
    fn what_is_held_stays_as_it_was_and_is_written_in_steps() {
        let mut hits = Hits::from((0..5000).map(record).collect::<VecDeque<_>>());
        let mut held = hits.hold().expect("they are many");
        hits.insert(2500, record(-1));
        hits[100].matched = true;
        while hits.pop_front().is_some() {}
        assert!(matches!(&hits, Hits::Few(few) if few.capacity() < PIECES_TO));
        let all: Vec<(i64, bool)> =
            held.pieces.iter().flat_map(|piece| piece.iter()).map(|hit| (hit.time, hit.matched)).collect();
        assert_eq!(all, (0..5000).map(|time| (time, false)).collect::<Vec<_>>());
        let mut steps = 0;
        while written(&mut held, 10_000).is_none() {
            steps += 1;
        }
        assert!((10..50).contains(&steps) && held.pieces.is_empty(), "{steps}");
    }

    #[test]
    fn a_place_is_found_among_many() {
        let hits = Hits::from((0..9000).map(|time| record(time * 2)).collect::<VecDeque<_>>());
        for time in [-1, 0, 1, 4096, 8191, 17_998, 20_000] {
            let expected = (0..9000).filter(|known| known * 2 <= time).count();
            assert_eq!(hits.partition_point(|hit| hit.time <= time), expected);
        }
        assert_eq!(
            hits.range(1020..1030).map(|hit| hit.time / 2).collect::<Vec<_>>(),
            (1020..1030).collect::<Vec<_>>()
        );
    }
}
