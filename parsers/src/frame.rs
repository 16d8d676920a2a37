//! Framing of byte streams: bytes in arbitrary cuts become records (RFC 6587).
//!
//! One state machine serves TCP, TLS, files and standard input. It never looks inside a record, keeps
//! no bytes of its own and allocates nothing: the caller owns the buffer, offers what was not yet
//! consumed plus what arrived since, and receives ranges into that buffer.
//!
//! # What ends a record
//! - **Octet counting** (RFC 6587 §3.4.1, RFC 5425 §4.3) only where the bytes read
//!   `[1-9][0-9]{0,6} <`: one to seven digits, a space and the `<` of a priority. The digits and the
//!   space are consumed; the counted bytes are the record, none of them stripped.
//! - **Newline** (RFC 6587 §3.4.2, "non-transparent framing") for every other record. One trailer is
//!   consumed; with the trailer LF one CR before it is stripped too ([`FrameFlags::CR_STRIPPED`]). Both
//!   kinds may alternate on one connection.
//! - A trailer directly after an octet-counted record (senders that add an uncounted LF) is a
//!   separator and makes no record. Other empty lines are records of no bytes.
//!
//! # What is kept
//! NUL bytes are content. RFC 6587 §3.4.2 names NUL as a trailer seen in the field, but a NUL taken
//! for a trailer would let whoever writes into a log cut a record in two; a device that ends its
//! records so is declared with [`Framing::trailer`]. Invalid UTF-8 is content like any other.
//!
//! # Bounds
//! A record longer than the limit is kept whole as consecutive parts of exactly that limit (the last
//! one shorter), which share [`Frame::offset`] and count [`Frame::part`] from 0. So an endless line
//! and a lying length prefix cost the caller at most the limit plus one read in memory.

mod bulk;
mod hec;
mod relp;
mod wide;

pub use bulk::{BulkAction, BulkFault, BulkItem, BulkItems};
pub use hec::{HecEnvelope, HecEnvelopes, HecEvent, HecFault, JsonText};
pub use relp::{HEADER_BYTES_MAX as RELP_HEADER_BYTES_MAX, RelpFault, RelpFrame, relp_frame, relp_offer};
pub use wide::WideFramer;

use memchr::{memchr, memchr_iter};

/// Longest record handed over in one piece: 1 MiB. RFC 5425 §4.3.1 asks receivers for 8,192 bytes,
/// Windows XML events reach 60 KiB and cloud audit records more; a longer one becomes parts.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// Digits of an octet count: seven hold 9,999,999, nine times the longest record; a sender that claims
/// more is broken or hostile and is framed by newline.
pub const OCTET_COUNT_DIGITS_MAX: usize = 7;

/// Digits looked at to tell a malformed octet count from text: the longest `u64` has twenty.
const MALFORMED_COUNT_DIGITS_MAX: usize = 20;

/// How one record was framed; a set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct FrameFlags(u8);

impl FrameFlags {
    /// Framed by an octet count; without this bit a stream's record was framed by its trailer.
    pub const OCTET_COUNTED: Self = Self(1);
    /// One part of a record longer than the limit.
    pub const PART: Self = Self(1 << 1);
    /// The first part of such a record.
    pub const PART_FIRST: Self = Self(1 << 2);
    /// The last part of such a record. Every record with a first part gets one.
    pub const PART_LAST: Self = Self(1 << 3);
    /// The stream ended before the trailer or before the counted bytes were complete.
    pub const UNTERMINATED: Self = Self(1 << 4);
    /// Framed by newline where an octet count was due: the count before it was wrong, or its own
    /// count is malformed (a leading zero, more than seven digits).
    pub const RESYNC: Self = Self(1 << 5);
    /// A CR before the LF was stripped.
    pub const CR_STRIPPED: Self = Self(1 << 6);
    /// Bytes are missing: the datagram was longer than the receive buffer. Never set by a [`Framer`].
    pub const TRUNCATED: Self = Self(1 << 7);

    /// The set without members.
    pub const fn empty() -> Self {
        Self(0)
    }

    /// The bits, as stored beside a record.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set of these bits; every bit has a meaning, so none is refused.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// True when all of `other` is in the set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitOr for FrameFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl std::ops::BitOrAssign for FrameFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl std::fmt::Debug for FrameFlags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const NAMES: [(FrameFlags, &str); 8] = [
            (FrameFlags::OCTET_COUNTED, "octet_counted"),
            (FrameFlags::PART, "part"),
            (FrameFlags::PART_FIRST, "part_first"),
            (FrameFlags::PART_LAST, "part_last"),
            (FrameFlags::UNTERMINATED, "unterminated"),
            (FrameFlags::RESYNC, "resync"),
            (FrameFlags::CR_STRIPPED, "cr_stripped"),
            (FrameFlags::TRUNCATED, "truncated"),
        ];
        let set = NAMES.iter().filter(|(flag, _)| self.contains(*flag));
        f.debug_set().entries(set.map(|(_, name)| name)).finish()
    }
}

/// Which kinds of framing a stream may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Framing {
    /// Octet counts are recognised. Off for files, where a line that begins with a number is a line.
    pub octet_counting: bool,
    /// The byte that ends a record without an octet count: LF, or NUL for devices that use it.
    pub trailer: u8,
}

impl Framing {
    /// Octet counting and LF on one stream: syslog over TCP and TLS.
    pub const MIXED: Self = Self { octet_counting: true, trailer: b'\n' };
    /// LF alone: files and standard input.
    pub const NEWLINE: Self = Self { octet_counting: false, trailer: b'\n' };
}

/// One record, or one part of a long record, as a range of the buffer offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Index of the first byte in the buffer offered.
    pub start: usize,
    /// Index after the last byte.
    pub end: usize,
    /// How it was framed.
    pub flags: FrameFlags,
    /// Which part of a long record, from 0; 0 for a whole record.
    pub part: u32,
    /// Offset in the stream of the record's first byte; all parts of one record share it.
    pub offset: u64,
    /// Number of the record in the stream, from 1; 0 when the stream was entered at an unknown line.
    pub line: u64,
}

/// A place in a stream where reading can begin again without losing or doubling a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// Offset of the first byte of the next record.
    pub offset: u64,
    /// Its number, from 1; 0 when unknown.
    pub line: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Between records.
    Start,
    /// Inside a record framed by newline of which at least one part was handed over.
    LongLine,
    /// Inside an octet-counted record of which so many bytes are not handed over yet (never 0).
    Octets(usize),
}

/// What the last bytes consumed were, as far as the next record's framing depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Before {
    /// A clean boundary: the begin of the stream or a trailer.
    Boundary,
    /// The last byte of an octet-counted record.
    Octets,
}

/// The framing of one stream. See the module's contract.
///
/// ```
/// use noroshi_parsers::frame::{Framer, Framing};
/// let mut framer = Framer::new(Framing::MIXED);
/// let mut records = Vec::new();
/// let stream = b"5 <1>ab<2>cd\n<3>e";
/// let consumed = framer.frame(stream, false, |f| records.push(&stream[f.start..f.end]));
/// assert_eq!(records, [&b"<1>ab"[..], b"<2>cd"]);
/// assert_eq!(&stream[consumed..], b"<3>e"); // offered again, with what follows
/// ```
#[derive(Clone, Debug)]
pub struct Framer {
    framing: Framing,
    record_bytes_max: usize,
    state: State,
    before: Before,
    /// So many of the first unconsumed bytes are known to hold no trailer; never more than were offered.
    scanned: usize,
    /// Offset in the stream of the first unconsumed byte.
    offset: u64,
    /// Number of the record that begins or goes on at `offset`; 0 when not counted.
    line: u64,
    /// Offset of the first byte of the record being handed over in parts or by count.
    record_offset: u64,
    /// Where the record in work began, its octet count included. Equal to `offset` in [`State::Start`].
    resume_offset: u64,
    /// Next part of the record in work; 0 when none was handed over.
    part: u32,
}

impl Framer {
    /// A framer at the begin of a stream, with the default limit.
    pub fn new(framing: Framing) -> Self {
        Self::resume(framing, RECORD_BYTES_MAX, Position { offset: 0, line: 1 })
    }

    /// A framer at `position`, which must be the begin of a record, with a limit of
    /// `record_bytes_max` (at least 1).
    pub fn resume(framing: Framing, record_bytes_max: usize, position: Position) -> Self {
        Self {
            framing,
            record_bytes_max: record_bytes_max.max(1),
            state: State::Start,
            before: Before::Boundary,
            scanned: 0,
            offset: position.offset,
            line: position.line,
            record_offset: position.offset,
            resume_offset: position.offset,
            part: 0,
        }
    }

    /// Where a new framer can take the stream up again: after the last whole record.
    pub fn position(&self) -> Position {
        Position { offset: self.resume_offset, line: self.line }
    }

    /// True when a record has begun and some of its bytes were already consumed (a part handed over, or
    /// an octet count read). Unconsumed bytes of the caller's buffer are the other half of that answer.
    pub fn inside_record(&self) -> bool {
        self.state != State::Start
    }

    /// Hands every record of `buffer` to `sink` and returns how many bytes are done with.
    ///
    /// `buffer` must begin with the bytes the last call left unconsumed. They need at most
    /// `record_bytes_max` + 1 bytes: a call that leaves more than that does not happen. With
    /// `end_of_stream` everything is consumed, an incomplete record is handed over with
    /// [`FrameFlags::UNTERMINATED`], and the framer is at a clean boundary again.
    pub fn frame(&mut self, buffer: &[u8], end_of_stream: bool, mut sink: impl FnMut(Frame)) -> usize {
        debug_assert!(self.scanned <= buffer.len(), "the unconsumed bytes were not offered again");
        let base = self.offset;
        let mut at = 0;
        loop {
            let before = (at, self.state);
            match self.state {
                State::Start => {
                    at = self.lines(buffer, at, base, &mut sink);
                    at = self.start(buffer, at, base, end_of_stream, &mut sink);
                }
                State::LongLine => at = self.line(buffer, at, base, end_of_stream, &mut sink),
                State::Octets(left) => at = self.octets(buffer, at, base, left, end_of_stream, &mut sink),
            }
            if before == (at, self.state) {
                break;
            }
        }
        self.offset = base + at as u64;
        if self.state == State::Start {
            self.resume_offset = self.offset;
        }
        if end_of_stream {
            debug_assert_eq!(at, buffer.len());
            self.before = Before::Boundary;
            self.scanned = 0;
        }
        at
    }

    /// The fast path: whole lines, one vector search for all of them. Stops at whatever needs thought: a
    /// possible octet count, a line over the limit, the byte after an octet-counted record.
    #[inline]
    fn lines(&mut self, buffer: &[u8], mut at: usize, base: u64, sink: &mut impl FnMut(Frame)) -> usize {
        if self.before == Before::Octets {
            return at;
        }
        let Framing { octet_counting, trailer } = self.framing;
        let counted = u64::from(self.line != 0);
        let search = at + self.scanned;
        for found in memchr_iter(trailer, &buffer[search..]) {
            let stop = search + found;
            if stop - at > self.record_bytes_max || (octet_counting && buffer[at].is_ascii_digit()) {
                break;
            }
            let (end, flags) = strip_cr(buffer, at, stop, trailer);
            let offset = base + at as u64;
            sink(Frame { start: at, end, flags, part: 0, offset, line: self.line });
            self.line += counted;
            self.scanned = 0;
            at = stop + 1;
        }
        at
    }

    /// One record's begin: the separator after an octet-counted record, an octet count, or a line.
    fn start(
        &mut self,
        buffer: &[u8],
        at: usize,
        base: u64,
        end_of_stream: bool,
        sink: &mut impl FnMut(Frame),
    ) -> usize {
        let rest = &buffer[at..];
        if rest.is_empty() {
            return at;
        }
        self.resume_offset = base + at as u64;
        if self.before == Before::Octets && rest[0] == self.framing.trailer {
            self.before = Before::Boundary;
            return at + 1;
        }
        if self.framing.octet_counting {
            match octet_count(rest) {
                OctetCount::Is { header, count } => {
                    self.state = State::Octets(count);
                    self.record_offset = base + (at + header) as u64;
                    self.scanned = 0;
                    return at + header;
                }
                OctetCount::NeedsMore if !end_of_stream => return at,
                OctetCount::NeedsMore | OctetCount::No => {}
            }
        }
        self.record_offset = base + at as u64;
        self.line(buffer, at, base, end_of_stream, sink)
    }

    /// One line, or one part of a long one.
    fn line(
        &mut self,
        buffer: &[u8],
        at: usize,
        base: u64,
        end_of_stream: bool,
        sink: &mut impl FnMut(Frame),
    ) -> usize {
        let trailer = self.framing.trailer;
        // One byte more than the limit, so that a line of exactly the limit is whole and a part is only
        // cut off when something of the line follows it.
        let window = buffer.len().min(at.saturating_add(self.record_bytes_max).saturating_add(1));
        // A part that was cut off may leave more bytes scanned than the next window holds.
        let search = (at + self.scanned).min(window);
        let mut flags = FrameFlags::empty();
        if self.part == 0 && self.framing.octet_counting {
            let resync = self.before == Before::Octets || malformed_count(&buffer[at..window]);
            if resync {
                flags = FrameFlags::RESYNC;
            }
        }
        if let Some(found) = memchr(trailer, &buffer[search..window]) {
            let stop = search + found;
            let (end, cr) = strip_cr(buffer, at, stop, trailer);
            self.emit(at, end, base, flags | cr, true, sink);
            return stop + 1;
        }
        if window - at > self.record_bytes_max {
            let end = at + self.record_bytes_max;
            self.emit(at, end, base, flags, false, sink);
            self.state = State::LongLine;
            return end;
        }
        if end_of_stream && window > at {
            self.emit(at, window, base, flags | FrameFlags::UNTERMINATED, true, sink);
            return window;
        }
        self.scanned = window - at;
        at
    }

    /// An octet-counted record with `left` bytes to come, or one part of it.
    fn octets(
        &mut self,
        buffer: &[u8],
        at: usize,
        base: u64,
        left: usize,
        end_of_stream: bool,
        sink: &mut impl FnMut(Frame),
    ) -> usize {
        let take = left.min(self.record_bytes_max);
        let here = buffer.len() - at;
        let flags = FrameFlags::OCTET_COUNTED;
        if here >= take {
            let last = take == left;
            self.emit(at, at + take, base, flags, last, sink);
            self.state = if last { State::Start } else { State::Octets(left - take) };
            if last {
                self.before = Before::Octets;
            }
            return at + take;
        }
        if end_of_stream {
            self.emit(at, buffer.len(), base, flags | FrameFlags::UNTERMINATED, true, sink);
            return buffer.len();
        }
        at
    }

    /// Hands one piece over; `last` closes its record.
    fn emit(
        &mut self,
        start: usize,
        end: usize,
        base: u64,
        flags: FrameFlags,
        last: bool,
        sink: &mut impl FnMut(Frame),
    ) {
        debug_assert!(self.record_offset <= base + start as u64);
        let mut flags = flags;
        if self.part > 0 || !last {
            flags |= FrameFlags::PART;
            if self.part == 0 {
                flags |= FrameFlags::PART_FIRST;
            }
            if last {
                flags |= FrameFlags::PART_LAST;
            }
        }
        sink(Frame { start, end, flags, part: self.part, offset: self.record_offset, line: self.line });
        self.scanned = 0;
        if last {
            self.state = State::Start;
            self.before = Before::Boundary;
            self.part = 0;
            self.line += u64::from(self.line != 0);
        } else {
            self.part = self.part.saturating_add(1);
        }
    }
}

/// The end of a line's content, without one CR where the trailer is LF.
#[inline]
fn strip_cr(buffer: &[u8], start: usize, stop: usize, trailer: u8) -> (usize, FrameFlags) {
    if trailer == b'\n' && stop > start && buffer[stop - 1] == b'\r' {
        (stop - 1, FrameFlags::CR_STRIPPED)
    } else {
        (stop, FrameFlags::empty())
    }
}

enum OctetCount {
    Is { header: usize, count: usize },
    No,
    NeedsMore,
}

/// Reads `[1-9][0-9]{0,6} <` at the begin of `bytes`.
fn octet_count(bytes: &[u8]) -> OctetCount {
    let mut count = 0usize;
    for (i, &byte) in bytes.iter().enumerate().take(OCTET_COUNT_DIGITS_MAX + 1) {
        match byte {
            b'0' if i == 0 => return OctetCount::No,
            b'0'..=b'9' if i < OCTET_COUNT_DIGITS_MAX => count = count * 10 + usize::from(byte - b'0'),
            b' ' if i > 0 => {
                return match bytes.get(i + 1) {
                    Some(b'<') => OctetCount::Is { header: i + 1, count },
                    Some(_) => OctetCount::No,
                    None => OctetCount::NeedsMore,
                };
            }
            _ => return OctetCount::No,
        }
    }
    OctetCount::NeedsMore
}

/// True for digits, a space and `<`: called only where [`octet_count`] said no, so such a count is
/// malformed.
fn malformed_count(bytes: &[u8]) -> bool {
    let digits = bytes.iter().take(MALFORMED_COUNT_DIGITS_MAX).take_while(|b| b.is_ascii_digit()).count();
    digits > 0 && bytes[digits..].starts_with(b" <")
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
