//! Bytes made for an event: unescaped values, composed ones, names.

use std::fmt;

use super::{ARENA_BYTES_MAX, EventWriter, Span};
use crate::defect::Defect;

/// Made bytes, one value after another. What lies behind them stays initialised from record to record, so that a
/// writer which does not know how much it will write needs no memory cleared first.
#[derive(Default)]
pub(super) struct Arena {
    bytes: Vec<u8>,
    len: usize,
    /// Long values that the text says too, the first `repeats_len`.
    repeats: [Span; REPEATS_MAX],
    repeats_len: usize,
}

/// Most long values of an event that are known to repeat its text; others are merely searched twice.
const REPEATS_MAX: usize = 8;

/// Shorter ones are searched sooner than told apart.
const REPEAT_BYTES_MIN: usize = 256;

impl Arena {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Forgets what was made after the first `len` bytes.
    #[inline]
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.repeats_len = 0;
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if end > self.bytes.len() {
            self.grow(end);
        }
        self.bytes[self.len..end].copy_from_slice(bytes);
        self.len = end;
    }

    /// Adds bytes that were made before.
    pub(super) fn push_within(&mut self, range: std::ops::Range<usize>) {
        let end = self.len + range.len();
        if end > self.bytes.len() {
            self.grow(end);
        }
        self.bytes.copy_within(range, self.len);
        self.len = end;
    }

    /// Lets `write` put bytes behind those made: it is given all bytes and where to begin, may lengthen them, and
    /// returns where it ended, or `None` for nothing.
    #[inline]
    pub(super) fn write<T>(&mut self, write: impl FnOnce(&mut Vec<u8>, usize) -> Option<(usize, T)>) -> Option<T> {
        let (end, answer) = write(&mut self.bytes, self.len)?;
        debug_assert!(self.len <= end && end <= self.bytes.len(), "what is written lies within the bytes");
        self.len = end;
        Some(answer)
    }

    /// Whether `span` is a value that [`EventWriter::repeats`] was told of.
    #[inline]
    pub(super) fn is_repeated(&self, span: Span) -> bool {
        self.repeats[..self.repeats_len].contains(&span)
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, end: usize) {
        self.bytes.resize(end.next_power_of_two().max(4096), 0);
    }
}

impl fmt::Write for Arena {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

impl EventWriter<'_> {
    /// Lets `write` make a value of as many bytes as [`EventWriter::arena_has_room`] for: it is given the arena's bytes and
    /// where to begin, may lengthen them, and returns where it ended; `None` = no value.
    #[inline]
    pub(crate) fn arena_write<T>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Option<(usize, T)>,
    ) -> Option<(Span, T)> {
        let from = self.arena_start();
        let answer = self.event.arena.write(write)?;
        Some((self.arena_end(from), answer))
    }

    /// Tells that the record's text says the value at `span` too, as [`super::EventView::repeats_text`] has it.
    #[inline]
    pub(crate) fn repeats(&mut self, span: Span) {
        let arena = &mut self.event.arena;
        if let Some(next) = arena.repeats.get_mut(arena.repeats_len).filter(|_| span.len() >= REPEAT_BYTES_MIN) {
            *next = span;
            arena.repeats_len += 1;
        }
    }

    /// Whether a value of `most` bytes can be made; `false` is a [`Defect::FieldsCapped`].
    #[inline]
    pub(crate) fn arena_has_room(&mut self, most: usize) -> bool {
        let room = self.event.arena.len() + most <= ARENA_BYTES_MAX;
        if !room {
            self.event.defects.add(Defect::FieldsCapped);
        }
        room
    }
}
