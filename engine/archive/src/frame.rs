//! One frame of a write-ahead segment: the records of one batch.
//!
//! ```text
//! magic 4 | body length u32 | CRC-32 of the body u32 | body | MAC 32, with the second magic alone
//! body: first sequence u64 | input text | producer text [sequence u64, unless it is empty] | origins u16 × origin | records u32 × entry | bytes of the records
//! origin: text, host text, said text
//! entry: length u32 | receive time i64 | origin u16 | flags u8 | marks u8 | part u32 | lines u32 | offset u64 | line u64 | stated time i64
//! text: length u16 | UTF-8
//! ```
//!
//! The upper three bits of an entry's marks say how the record travelled, as [`Transport`] numbers them.
//!
//! All numbers are little-endian. The format is ours; its version stands in the head of each segment. A frame is
//! found again behind a damaged one by its magic and its checksum. The MAC is over all before it ([`noroshi_tree::mac`]).

use std::ops::Range;

use noroshi_tree::mac::{FrameMac, MAC_BYTES};

/// What every frame begins with: no valid UTF-8, so that log text rarely looks like it.
pub(crate) const MAGIC_PREFIX: [u8; 3] = [0xF5, b'N', b'F'];

/// A frame without a MAC.
const MAGIC: [u8; 4] = [0xF5, b'N', b'F', 0xC2];

/// A frame with one behind it. No bit alone makes the one magic the other.
const MAGIC_HELD: [u8; 4] = [0xF5, b'N', b'F', 0x3D];

/// Magic, length, checksum.
pub(crate) const HEAD_BYTES: usize = 12;

/// Longest body read back. A batch holds 256 KiB and at most one record of 1 MiB beyond; its entries take
/// forty-eight bytes for each byte at worst (records of one byte).
pub(crate) const BODY_BYTES_MAX: usize = 64 << 20;

const ENTRY_BYTES: usize = 48;

/// Where [`Transport`] begins in an entry's marks; the input's own marks are below.
const TRANSPORT_SHIFT: u32 = 5;

/// Marks of an input's records that the columns tell of: it went on beyond the bound of a join.
pub(crate) const JOIN_CUT: u8 = 1;
/// The next record of the batch is of the same group.
pub(crate) const GROUPED_WITH_NEXT: u8 = 1 << 1;

/// How a record travelled. With the origin's text and the input's name it says where the record came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Transport {
    /// Nobody told.
    #[default]
    Unknown,
    /// Read from a file; the origin is its path.
    File,
    /// Read from standard input.
    Stdin,
    /// A datagram; the origin is the sender's address.
    Udp,
    /// A TCP connection; the origin is the sender's address.
    Tcp,
    /// A TLS connection; the origin is the sender's address.
    Tls,
    /// A RELP session; the origin is the sender's address.
    Relp,
    /// HTTP requests; the origin is the sender's address.
    Http,
}

impl Transport {
    const ALL: [Transport; 8] =
        [Self::Unknown, Self::File, Self::Stdin, Self::Udp, Self::Tcp, Self::Tls, Self::Relp, Self::Http];

    /// Its name in the column; `None` for unknown.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::File => Some("file"),
            Self::Stdin => Some("stdin"),
            Self::Udp => Some("udp"),
            Self::Tcp => Some("tcp"),
            Self::Tls => Some("tls"),
            Self::Relp => Some("relp"),
            Self::Http => Some("http"),
        }
    }

    /// The one of that name; any other is unknown.
    pub fn of_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|one| one.as_str() == Some(name)).unwrap_or_default()
    }
}

/// What is known of one record beside its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    /// When it was read, nanoseconds since 1970 UTC.
    pub receive_time_ns: i64,
    /// Index into the frame's origins.
    pub origin: u16,
    /// How it was framed, as the input's flags.
    pub flags: u8,
    /// How it was put together, as the input's marks: below 32.
    pub marks: u8,
    /// How it travelled.
    pub transport: Transport,
    /// Which part of an overlong record, from 0.
    pub part: u32,
    /// How many records as received it accounts for.
    pub lines: u32,
    /// Offset in its file or stream.
    pub offset: u64,
    /// Its number in its file or stream, from 1; 0 = none.
    pub line: u64,
    /// What its sender says of its time, nanoseconds since 1970 UTC; 0 = nothing.
    pub stated_time_ns: i64,
}

/// Where records came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrameOrigin<'a> {
    /// The sender or file, as told in alerts.
    pub text: &'a str,
    /// The host that the sender says they are of; empty = it says nothing.
    pub host: &'a str,
    /// All that the sender says of them, as JSON; empty = it says nothing.
    pub said: &'a str,
}

impl<'a> From<&'a str> for FrameOrigin<'a> {
    fn from(text: &'a str) -> Self {
        FrameOrigin { text, ..FrameOrigin::default() }
    }
}

/// The number that a sender gave to a batch of its own, so that it is kept once however often it is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Numbered {
    /// Who numbers; never empty.
    pub producer: String,
    /// Grows with every batch of that producer.
    pub sequence: u64,
}

/// A frame being written.
#[derive(Debug)]
pub struct FrameWriter {
    /// Head, body up to the entries.
    buffer: Vec<u8>,
    records_at: usize,
    records: u32,
    bytes: Vec<u8>,
}

impl FrameWriter {
    /// A frame for records of `input`, the first of which has the number `first_sequence`. With `numbered` they are all of
    /// that batch.
    pub fn new<'a>(
        first_sequence: u64,
        input: &str,
        numbered: Option<&Numbered>,
        origins: impl ExactSizeIterator<Item = FrameOrigin<'a>>,
    ) -> Self {
        let mut buffer = Vec::with_capacity(64 << 10);
        buffer.extend_from_slice(&MAGIC);
        buffer.extend_from_slice(&[0; 8]);
        buffer.extend_from_slice(&first_sequence.to_le_bytes());
        put_text(&mut buffer, input);
        put_text(&mut buffer, numbered.map_or("", |numbered| &numbered.producer));
        if let Some(numbered) = numbered {
            buffer.extend_from_slice(&numbered.sequence.to_le_bytes());
        }
        let count = u16::try_from(origins.len()).unwrap_or(u16::MAX);
        buffer.extend_from_slice(&count.to_le_bytes());
        origins.take(usize::from(count)).for_each(|origin| {
            put_text(&mut buffer, origin.text);
            put_text(&mut buffer, origin.host);
            put_text(&mut buffer, origin.said);
        });
        let records_at = buffer.len();
        buffer.extend_from_slice(&[0; 4]);
        FrameWriter { buffer, records_at, records: 0, bytes: Vec::with_capacity(128 << 10) }
    }

    /// Adds a record.
    pub fn push(&mut self, record: &[u8], entry: &Entry) {
        let buffer = &mut self.buffer;
        buffer.extend_from_slice(&(record.len() as u32).to_le_bytes());
        buffer.extend_from_slice(&entry.receive_time_ns.to_le_bytes());
        buffer.extend_from_slice(&entry.origin.to_le_bytes());
        let low = (1 << TRANSPORT_SHIFT) - 1;
        buffer.extend_from_slice(&[entry.flags, entry.marks & low | (entry.transport as u8) << TRANSPORT_SHIFT]);
        buffer.extend_from_slice(&entry.part.to_le_bytes());
        buffer.extend_from_slice(&entry.lines.to_le_bytes());
        buffer.extend_from_slice(&entry.offset.to_le_bytes());
        buffer.extend_from_slice(&entry.line.to_le_bytes());
        buffer.extend_from_slice(&entry.stated_time_ns.to_le_bytes());
        self.bytes.extend_from_slice(record);
        self.records += 1;
    }

    /// The frame as it is written, and how many records it holds.
    pub fn finish(mut self) -> (Vec<u8>, u32) {
        self.buffer[self.records_at..self.records_at + 4].copy_from_slice(&self.records.to_le_bytes());
        self.buffer.extend_from_slice(&self.bytes);
        let body = (self.buffer.len() - HEAD_BYTES) as u32;
        self.buffer[4..8].copy_from_slice(&body.to_le_bytes());
        let sum = crc32fast::hash(&self.buffer[HEAD_BYTES..]);
        self.buffer[8..12].copy_from_slice(&sum.to_le_bytes());
        (self.buffer, self.records)
    }
}

fn put_text(buffer: &mut Vec<u8>, text: &str) {
    let mut len = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    buffer.extend_from_slice(&(len as u16).to_le_bytes());
    buffer.extend_from_slice(&text.as_bytes()[..len]);
}

/// Puts a MAC behind a finished frame, as `mac` makes it of the frame's bytes.
pub(crate) fn hold(frame: &mut Vec<u8>, mac: impl FnOnce(&[u8]) -> FrameMac) {
    frame[..MAGIC_HELD.len()].copy_from_slice(&MAGIC_HELD);
    let mac = mac(frame);
    frame.extend_from_slice(&mac);
}

/// Takes the MAC off again: it goes into another segment.
pub(crate) fn let_go(frame: &mut Vec<u8>) {
    if frame.starts_with(&MAGIC_HELD) {
        frame[..MAGIC.len()].copy_from_slice(&MAGIC);
        frame.truncate(frame.len() - MAC_BYTES);
    }
}

/// A frame's bytes and the MAC behind them; `None` = it has none. To be given a whole frame.
pub(crate) fn held(frame: &[u8]) -> Option<(&[u8], &FrameMac)> {
    if frame.starts_with(&MAGIC_HELD) { frame.split_last_chunk() } else { None }
}

/// A frame read back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame<'a> {
    /// Number of the first record; the others follow one by one.
    pub(crate) first_sequence: u64,
    /// Name of the input.
    pub(crate) input: &'a str,
    /// The number of the batch they are all of.
    pub(crate) numbered: Option<Numbered>,
    /// Where the records came from.
    pub(crate) origins: Vec<FrameOrigin<'a>>,
    /// The records.
    pub(crate) entries: Vec<Entry>,
    /// Where each record ends in `bytes`.
    ends: Vec<usize>,
    bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The records: number, what is known of it, bytes.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u64, &Entry, &'a [u8])> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = begins.zip(self.ends.iter().copied());
        let entries = self.sequences().zip(&self.entries).zip(ranges);
        entries.map(|((sequence, entry), (begin, end))| (sequence, entry, &self.bytes[begin..end]))
    }

    /// The records' numbers.
    pub(crate) fn sequences(&self) -> Range<u64> {
        self.first_sequence..self.first_sequence + self.entries.len() as u64
    }

    /// Reads the frame that `bytes` begin with, and how many of them it takes, its MAC included. `None` = no whole and
    /// valid frame.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<(Frame<'a>, usize)> {
        let head = bytes.get(..HEAD_BYTES)?;
        let mac_bytes = match *head.first_chunk::<4>()? {
            MAGIC => 0,
            MAGIC_HELD => MAC_BYTES,
            _ => return None,
        };
        let len = u32::from_le_bytes(head[4..8].try_into().ok()?) as usize;
        if len > BODY_BYTES_MAX {
            return None;
        }
        let body = bytes.get(HEAD_BYTES..HEAD_BYTES + len)?;
        if crc32fast::hash(body) != u32::from_le_bytes(head[8..12].try_into().ok()?) {
            return None;
        }
        let whole = HEAD_BYTES + len + mac_bytes;
        if bytes.len() < whole {
            return None;
        }
        Some((Self::parse_body(body)?, whole))
    }

    fn parse_body(body: &'a [u8]) -> Option<Frame<'a>> {
        let mut reader = Reader { rest: body };
        let first_sequence = reader.u64()?;
        let input = reader.text()?;
        let producer = reader.text()?;
        let numbered = match producer {
            "" => None,
            _ => Some(Numbered { producer: producer.to_owned(), sequence: reader.u64()? }),
        };
        let origin = |reader: &mut Reader<'a>| {
            Some(FrameOrigin { text: reader.text()?, host: reader.text()?, said: reader.text()? })
        };
        let origins = (0..reader.u16()?).map(|_| origin(&mut reader)).collect::<Option<Vec<_>>>()?;
        let count = reader.u32()? as usize;
        let (table, bytes) = reader.rest.split_at_checked(count.checked_mul(ENTRY_BYTES)?)?;
        let (mut entries, mut ends) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut end = 0_usize;
        for entry in table.chunks_exact(ENTRY_BYTES) {
            let mut reader = Reader { rest: entry };
            end += reader.u32()? as usize;
            ends.push(end);
            let (receive_time_ns, origin) = (reader.u64()? as i64, reader.u16()?);
            let (flags, marks) = (reader.u8()?, reader.u8()?);
            entries.push(Entry {
                receive_time_ns,
                origin,
                flags,
                marks: marks & ((1 << TRANSPORT_SHIFT) - 1),
                transport: Transport::ALL.get(usize::from(marks >> TRANSPORT_SHIFT)).copied().unwrap_or_default(),
                part: reader.u32()?,
                lines: reader.u32()?,
                offset: reader.u64()?,
                line: reader.u64()?,
                stated_time_ns: reader.u64()? as i64,
            });
        }
        (end == bytes.len()).then_some(Frame { first_sequence, input, numbered, origins, entries, ends, bytes })
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }
    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }
    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }
    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }
    fn text(&mut self) -> Option<&'a str> {
        let len = self.u16()?;
        std::str::from_utf8(self.take(usize::from(len))?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(records: &[Vec<u8>], numbered: Option<&Numbered>) -> Vec<u8> {
        let origins =
            [FrameOrigin::from("192.0.2.1:514"), FrameOrigin { text: "192.0.2.2:514", host: "web1", said: "{}" }];
        let mut writer = FrameWriter::new(7, "fw", numbered, origins.into_iter());
        for (at, record) in records.iter().enumerate() {
            let (receive_time_ns, transport) = (5 + at as i64, Transport::ALL[at % Transport::ALL.len()]);
            let (marks, origin) = ((at % 4) as u8, (at % 2) as u16);
            let stated_time_ns = -3;
            let entry =
                Entry { receive_time_ns, origin, lines: 1, marks, transport, stated_time_ns, ..Entry::default() };
            writer.push(record, &entry);
        }
        writer.finish().0
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_no_prefix_or_flip_passes_for_it(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
            sequence in prop::option::of(any::<u64>()),
            is_held in any::<bool>(),
            cut in any::<prop::sample::Index>(),
            flip in any::<prop::sample::Index>(),
        ) {
            let numbered = sequence.map(|sequence| Numbered { producer: "branch-7".into(), sequence });
            let mut written = frame(&records, numbered.as_ref());
            if is_held {
                let plain = written.clone();
                let mac = |frame: &[u8]| [frame.len() as u8; MAC_BYTES];
                hold(&mut written, mac);
                let (message, of) = held(&written).unwrap();
                prop_assert_eq!((message.len(), *of), (plain.len(), mac(message)));
                let mut again = written.clone();
                let_go(&mut again);
                prop_assert_eq!(&again, &plain);
                prop_assert!(held(&plain).is_none());
            }
            let (read, len) = Frame::parse(&written).unwrap();
            prop_assert_eq!(len, written.len());
            prop_assert_eq!(read.sequences(), 7..7 + records.len() as u64);
            prop_assert_eq!((read.input, read.origins.len(), read.origins[1].host), ("fw", 2, "web1"));
            prop_assert_eq!(&read.numbered, &numbered);
            prop_assert!(read.entries.iter().all(|entry| entry.stated_time_ns == -3));
            let back: Vec<Vec<u8>> = read.records().map(|(_, _, record)| record.to_vec()).collect();
            prop_assert_eq!(&back, &records);
            for (at, entry) in read.entries.iter().enumerate() {
                prop_assert_eq!((entry.marks, entry.transport), ((at % 4) as u8, Transport::ALL[at % Transport::ALL.len()]));
            }
            prop_assert!(Frame::parse(&written[..cut.index(written.len())]).is_none());
            // What is in the MAC is its own business.
            let at = flip.index(written.len() - if is_held { MAC_BYTES } else { 0 });
            written[at] ^= 1;
            // A flipped length may only make the frame longer than there are bytes, or its checksum wrong.
            prop_assert!(Frame::parse(&written).is_none());
        }
    }
}
