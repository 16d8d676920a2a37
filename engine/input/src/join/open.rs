//! A record that may go on with the next line.

use std::sync::Arc;

use noroshi_parsers::frame::RECORD_BYTES_MAX;
use noroshi_parsers::join::Lines;
use noroshi_parsers::split::{DOCUMENT_BYTES_MAX, may_hold_several};

use super::batches::Batches;
use super::{DOCUMENT_LINES_MAX, JOIN_LINES_MAX};
use crate::batch::{Origin, RecordFlags, RecordMarks, RecordRef};

/// How much of a document is looked at to tell whether it may hold several events.
const HEAD_BYTES: usize = 256;

/// A record as received: one line, or one part of a long one.
#[derive(Clone, Copy, Debug)]
struct Piece {
    len: u32,
    /// Bytes between it and the next: the line end, none behind a part.
    gap: u8,
    flags: RecordFlags,
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) lines: Lines,
    /// When its last line was read.
    pub(super) since_ns: i64,
    origin: Arc<Origin>,
    first: RecordRef,
    /// Its lines with their line ends, the last one's too.
    bytes: Vec<u8>,
    /// Never empty.
    pieces: Vec<Piece>,
    /// Offset of the line that the last piece is of.
    line_offset: u64,
    /// Part that the next piece has, if it is of the same line.
    next_part: u32,
    /// Offset of the line after.
    next_offset: u64,
}

impl Open {
    pub(super) fn new(
        lines: Lines,
        bytes: &[u8],
        record: &RecordRef,
        origin: &Arc<Origin>,
        trailer: u8,
        now_ns: i64,
    ) -> Self {
        let mut open = Open {
            lines,
            since_ns: now_ns,
            origin: Arc::clone(origin),
            first: *record,
            bytes: Vec::new(),
            pieces: Vec::new(),
            line_offset: record.offset,
            next_part: record.part,
            next_offset: record.offset,
        };
        open.add(bytes, record, trailer, now_ns);
        open
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Offset and number of its first line.
    pub(super) fn begin(&self) -> (u64, u64) {
        (self.first.offset, self.first.line)
    }

    /// It ends within its text, whatever comes or does not come next.
    pub(super) fn is_unfinished(&self) -> bool {
        self.lines.in_document()
    }

    /// Whether a record follows its last piece with nothing between. Line ends of more than a CR and the
    /// trailer (UTF-16) tell a stream that is not joined.
    pub(super) fn is_next(&self, record: &RecordRef) -> bool {
        if record.flags.contains(RecordFlags::PART) && record.part > 0 {
            return record.offset == self.line_offset && record.part == self.next_part;
        }
        record.offset == self.next_offset && self.pieces.last().is_some_and(|piece| piece.gap > 0)
    }

    /// Whether so many bytes more would be too many. A document that holds several events is split later, so it may be
    /// longer than any one record.
    pub(super) fn is_full(&self, more: usize) -> bool {
        let (lines_max, bytes_max) = if self.lines.in_document() {
            let several = || may_hold_several(&self.bytes[..self.bytes.len().min(HEAD_BYTES)]);
            let long = self.bytes.len() + more > RECORD_BYTES_MAX && several();
            (DOCUMENT_LINES_MAX, if long { DOCUMENT_BYTES_MAX } else { RECORD_BYTES_MAX })
        } else {
            (JOIN_LINES_MAX, RECORD_BYTES_MAX)
        };
        self.pieces.len() >= lines_max || self.bytes.len() + more > bytes_max
    }

    pub(super) fn add(&mut self, bytes: &[u8], record: &RecordRef, trailer: u8, now_ns: i64) {
        let ends = !record.flags.contains(RecordFlags::PART) || record.flags.contains(RecordFlags::PART_LAST);
        if record.offset != self.line_offset {
            self.line_offset = record.offset;
            self.next_offset = record.offset;
        }
        let cr = record.flags.contains(RecordFlags::CR_STRIPPED);
        self.bytes.extend_from_slice(bytes);
        let gap = if ends { 1 + u8::from(cr) } else { 0 };
        if ends {
            if cr {
                self.bytes.push(b'\r');
            }
            self.bytes.push(trailer);
        }
        self.next_part = record.part + 1;
        self.next_offset += bytes.len() as u64 + u64::from(gap);
        self.pieces.push(Piece { len: bytes.len() as u32, gap, flags: record.flags });
        self.since_ns = now_ns;
    }

    /// Hands it over as one record; the answer is how many lines it had.
    pub(super) fn emit(mut self, cut: bool, out: &mut Batches) -> u32 {
        let lines = self.pieces.len() as u32;
        let Some(last) = self.pieces.last() else { return 0 };
        let mut record = self.first;
        if lines > 1 {
            record.lines = lines;
            record.part = 0;
            record.flags = if last.flags.contains(RecordFlags::UNTERMINATED) {
                RecordFlags::UNTERMINATED
            } else {
                RecordFlags::empty()
            };
            if cut {
                record.marks |= RecordMarks::JOIN_CUT;
            }
        }
        self.bytes.truncate(self.bytes.len() - usize::from(last.gap));
        out.push(&self.bytes, &record, &self.origin);
        lines
    }

    /// Hands its lines over as they came.
    pub(super) fn give_back(self, out: &mut Batches) {
        let mut record = self.first;
        let mut at = 0;
        // The parts of one line share its offset.
        let mut next_offset = record.offset;
        for piece in &self.pieces {
            let end = at + piece.len as usize;
            record.flags = piece.flags;
            out.push(&self.bytes[at..end], &record, &self.origin);
            at = end + usize::from(piece.gap);
            next_offset += u64::from(piece.len) + u64::from(piece.gap);
            if piece.gap > 0 {
                record.part = 0;
                record.offset = next_offset;
                record.line += u64::from(record.line != 0);
            } else {
                record.part += 1;
            }
        }
    }
}
