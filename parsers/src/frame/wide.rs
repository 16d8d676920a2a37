//! Lines of UTF-16 text: a line end is the two bytes of LF, on an even place of the stream.
//!
//! Byte framing would cut 《 (U+300A) in two. Otherwise the contract is that of [`super::Framer`] with
//! [`super::Framing::NEWLINE`]: the same parts, flags, offsets in bytes and line numbers. A byte order mark is
//! content of the first line; the decoder knows it.

use memchr::memchr_iter;

use super::{Frame, FrameFlags, Position};
use crate::charset::ByteOrder;

/// The framing of one stream of UTF-16.
#[derive(Clone, Debug)]
pub struct WideFramer {
    big_endian: bool,
    record_bytes_max: usize,
    /// Offset in the stream of the first unconsumed byte; even, as is every cut.
    offset: u64,
    line: u64,
    record_offset: u64,
    part: u32,
    scanned: usize,
}

impl WideFramer {
    /// A framer at `position`, the begin of a record, with a limit of `record_bytes_max` (at least 2, made even).
    pub fn resume(order: ByteOrder, record_bytes_max: usize, position: Position) -> Self {
        WideFramer {
            big_endian: order == ByteOrder::Big,
            record_bytes_max: (record_bytes_max & !1).max(2),
            offset: position.offset,
            line: position.line,
            record_offset: position.offset,
            part: 0,
            scanned: 0,
        }
    }

    /// Where a new framer can take the stream up again: after the last whole record.
    pub fn position(&self) -> Position {
        Position { offset: self.record_offset, line: self.line }
    }

    /// As [`super::Framer::inside_record`].
    pub fn inside_record(&self) -> bool {
        self.part > 0
    }

    /// As [`super::Framer::frame`].
    pub fn frame(&mut self, buffer: &[u8], end_of_stream: bool, mut sink: impl FnMut(Frame)) -> usize {
        let mut at = 0;
        let mut search = self.scanned;
        loop {
            let window = buffer.len().min(at + self.record_bytes_max + 2);
            if let Some(stop) = self.line_end(buffer, at, search.clamp(at, window), window) {
                let end = if stop >= at + 2 && self.unit(buffer, stop - 2) == Some(b'\r') { stop - 2 } else { stop };
                let cr = if end < stop { FrameFlags::CR_STRIPPED } else { FrameFlags::empty() };
                self.emit(at, end, cr, true, &mut sink);
                at = self.consume(at, stop + 2);
            } else if window - at >= self.record_bytes_max + 2 {
                let end = at + self.record_bytes_max;
                self.emit(at, end, FrameFlags::empty(), false, &mut sink);
                at = self.consume(at, end);
                search = window & !1;
                continue;
            } else {
                if end_of_stream && window > at {
                    self.emit(at, window, FrameFlags::UNTERMINATED, true, &mut sink);
                    at = self.consume(at, window);
                }
                self.scanned = (buffer.len() - at) & !1;
                return at;
            }
            search = at;
        }
    }

    fn consume(&mut self, from: usize, to: usize) -> usize {
        self.offset += (to - from) as u64;
        if self.part == 0 {
            self.record_offset = self.offset;
        }
        to
    }

    /// The ASCII character of the unit at `at`.
    fn unit(&self, buffer: &[u8], at: usize) -> Option<u8> {
        let pair = buffer.get(at..at + 2)?;
        let (low, high) = if self.big_endian { (pair[1], pair[0]) } else { (pair[0], pair[1]) };
        (high == 0).then_some(low)
    }

    fn line_end(&self, buffer: &[u8], at: usize, search: usize, window: usize) -> Option<usize> {
        memchr_iter(b'\n', &buffer[search..window])
            .map(|found| search + found - usize::from(self.big_endian).min(search + found))
            .find(|&unit| {
                unit >= at
                    && (unit - at).is_multiple_of(2)
                    && unit + 2 <= window
                    && self.unit(buffer, unit) == Some(b'\n')
            })
    }

    fn emit(&mut self, start: usize, end: usize, flags: FrameFlags, last: bool, sink: &mut impl FnMut(Frame)) {
        let mut flags = flags;
        if self.part > 0 || !last {
            flags |= FrameFlags::PART;
            flags |= if self.part == 0 { FrameFlags::PART_FIRST } else { FrameFlags::empty() };
            flags |= if last { FrameFlags::PART_LAST } else { FrameFlags::empty() };
        }
        sink(Frame { start, end, flags, part: self.part, offset: self.record_offset, line: self.line });
        self.part = if last { 0 } else { self.part.saturating_add(1) };
        self.line += u64::from(last && self.line != 0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Framer, Framing};
    use super::*;
    use proptest::prelude::*;

    type Found = (Vec<u8>, FrameFlags, u32, u64, u64);

    /// The stream in cuts, as a reader offers it.
    fn wide(stream: &[u8], big_endian: bool, max: usize, cuts: &[usize]) -> Vec<Found> {
        let order = if big_endian { ByteOrder::Big } else { ByteOrder::Little };
        let mut framer = WideFramer::resume(order, max, Position { offset: 0, line: 1 });
        let (mut found, mut buffer) = (Vec::new(), Vec::new());
        let mut from = 0;
        for (number, &cut) in cuts.iter().chain([&stream.len()]).enumerate() {
            let cut = cut.clamp(from, stream.len());
            buffer.extend_from_slice(&stream[from..cut]);
            from = cut;
            let text = buffer.clone();
            let consumed = framer.frame(&text, number == cuts.len(), |frame| {
                found.push((text[frame.start..frame.end].to_vec(), frame.flags, frame.part, frame.offset, frame.line));
            });
            buffer.drain(..consumed);
        }
        assert!(buffer.is_empty());
        found
    }

    fn units(text: &str, big_endian: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn characters_that_hold_the_byte_of_a_line_end_are_content() {
        for big_endian in [false, true] {
            let stream = units("《ਊ一》\r\nĊb\n\nlast", big_endian);
            let lines: Vec<_> = wide(&stream, big_endian, 1000, &[]).into_iter().map(|found| found.0).collect();
            let expected: Vec<_> = ["《ਊ一》", "Ċb", "", "last"].iter().map(|line| units(line, big_endian)).collect();
            assert_eq!(lines, expected);
        }
    }

    proptest! {
        #[test]
        fn ascii_is_framed_as_the_byte_framer_does(
            text in "[ab\r\n]{0,60}",
            big_endian: bool,
            max in 1usize..12,
            cuts in prop::collection::vec(0usize..120, 0..6),
        ) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let found = wide(&units(&text, big_endian), big_endian, max * 2, &cuts);
            let mut expected = Vec::new();
            Framer::resume(Framing::NEWLINE, max, Position { offset: 0, line: 1 }).frame(text.as_bytes(), true, |frame| {
                expected.push((units(&text[frame.start..frame.end], big_endian), frame.flags, frame.part, frame.offset * 2, frame.line));
            });
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_bytes_in_any_cuts_lose_nothing(
            stream in prop::collection::vec(prop_oneof![Just(0u8), Just(10), Just(13), any::<u8>()], 0..120),
            big_endian: bool,
            max in 2usize..20,
            cuts in prop::collection::vec(0usize..120, 0..6),
        ) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let found = wide(&stream, big_endian, max, &cuts);
            prop_assert_eq!(&found, &wide(&stream, big_endian, max, &[]));
            let mut rebuilt = Vec::new();
            for (bytes, flags, ..) in &found {
                rebuilt.extend_from_slice(bytes);
                if flags.contains(FrameFlags::CR_STRIPPED) {
                    rebuilt.extend(units("\r", big_endian));
                }
                let open = flags.contains(FrameFlags::UNTERMINATED)
                    || (flags.contains(FrameFlags::PART) && !flags.contains(FrameFlags::PART_LAST));
                if !open {
                    rebuilt.extend(units("\n", big_endian));
                }
            }
            prop_assert_eq!(rebuilt, stream);
        }
    }
}
