//! Batches: framed records with their origins, on buffers that are used again.
//!
//! A batch owns one byte buffer; its records are ranges of it, separators may lie between them. When a
//! batch is dropped its buffers go back to the pool they came from, so the steady state allocates
//! nothing per record and nothing per batch.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
pub use noroshi_parsers::frame::FrameFlags as RecordFlags;
use serde::{Deserialize, Serialize};

use crate::checkpoint::FileCheckpoint;
use crate::receipt::{BatchNumber, Receipt};

/// A batch is handed over when it holds this many bytes. 128 KiB stays in a core's L2 cache and is some
/// 400 records of the mixed stream, enough to make the hand-over's cost vanish.
pub const BATCH_BYTES: usize = 128 << 10;

/// A socket's batch takes no further read beyond this; one long record may still exceed it.
pub const BATCH_BYTES_MAX: usize = 256 << 10;

/// Oldest a record may get before its batch is handed over: a tenth of the 50 ms from socket to alert.
pub const BATCH_AGE_MS: u64 = 5;

/// Buffers kept for use again; more batches than this in flight means the consumer is behind anyway.
const POOL_BATCHES_MAX: usize = 64;

/// A buffer that one long record has blown up beyond this is freed instead of kept: 64 of them stay
/// under 32 MiB.
const POOL_BUFFER_BYTES_MAX: usize = 512 << 10;

/// Number of an input: its place in the list given to [`Inputs::start`](crate::Inputs::start).
pub type InputIndex = u16;

/// Where records come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A file, followed or read whole. Offsets are those of the uncompressed bytes.
    File {
        /// The path as configured or found; after a rotation by rename the path it has now.
        path: PathBuf,
        /// Which file this is, whatever its name.
        identity: FileIdentity,
    },
    /// Standard input.
    Stdin,
    /// Datagrams from one peer to one listener.
    Udp {
        /// The sender.
        peer: SocketAddr,
        /// The address received on.
        listener: SocketAddr,
    },
    /// One TCP connection.
    Tcp {
        /// The sender.
        peer: SocketAddr,
        /// Number of the connection, from 1, unique within a run of the engine.
        connection: u64,
    },
    /// One TLS connection.
    Tls {
        /// The sender.
        peer: SocketAddr,
        /// Number of the connection, from 1, unique within a run of the engine.
        connection: u64,
        /// The subject of the verified client certificate, as `CN=…, O=…`.
        subject: Option<String>,
    },
    /// One RELP session, with or without TLS.
    Relp {
        /// The sender.
        peer: SocketAddr,
        /// Number of the connection, from 1, unique within a run of the engine.
        connection: u64,
        /// The subject of the verified client certificate, as `CN=…, O=…`.
        subject: Option<String>,
    },
    /// Requests of one HTTP connection, with or without TLS, of which their sender says the same.
    Http {
        /// The sender.
        peer: SocketAddr,
        /// Number of the connection, from 1, unique within a run of the engine.
        connection: u64,
        /// The subject of the verified client certificate, as `CN=…, O=…`.
        subject: Option<String>,
        /// The name of the token it came with; `None` where none is needed.
        token: Option<Arc<str>>,
        /// What the sender says of the records; `None` = nothing.
        said: Option<Box<Said>>,
    },
}

impl Origin {
    /// The sender of what came over the network.
    pub fn peer(&self) -> Option<SocketAddr> {
        match self {
            Origin::File { .. } | Origin::Stdin => None,
            Origin::Udp { peer, .. }
            | Origin::Tcp { peer, .. }
            | Origin::Tls { peer, .. }
            | Origin::Relp { peer, .. }
            | Origin::Http { peer, .. } => Some(*peer),
        }
    }

    /// What the sender says of the records beside them.
    pub fn said(&self) -> Option<&Said> {
        match self {
            Origin::Http { said, .. } => said.as_deref(),
            _ => None,
        }
    }
}

/// What a sender says of its records beside them, as HEC's members and Elasticsearch's index. Its to choose, like the records; bounded in length.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Said {
    /// The host they are of.
    pub host: Option<Box<str>>,
    /// The file, socket or service they are of.
    pub source: Option<Box<str>>,
    /// What kind of source that is.
    pub sourcetype: Option<Box<str>>,
    /// Where the sender would have them filed.
    pub index: Option<Box<str>>,
    /// Further fields: a JSON object, as written.
    pub fields: Option<Box<str>>,
}

/// Which file: device, inode and the begin of the content. An inode number is given again once its
/// file is gone, and a truncated file keeps its own; the fingerprint tells both.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileIdentity {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// The begin of the content.
    pub fingerprint: Fingerprint,
}

/// The begin of a file's content: the FNV-1a hash of its first bytes. FNV because the value is
/// stored on disk and must mean the same in every later version; it guards against mix-ups, not forgery.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// How many bytes were hashed: less than [`Fingerprint::BYTES_MAX`] for a file shorter than that.
    pub bytes: u16,
    /// FNV-1a, 64 bits.
    pub hash: u64,
}

impl Default for Fingerprint {
    /// That of an empty file: every file may have begun so.
    fn default() -> Self {
        Self::of(&[])
    }
}

impl Fingerprint {
    /// Bytes hashed at most: enough to reach past the fixed header lines of W3C logs to a time stamp.
    pub const BYTES_MAX: usize = 1024;

    /// The fingerprint of a file that begins with `head`.
    pub fn of(head: &[u8]) -> Self {
        let head = &head[..head.len().min(Self::BYTES_MAX)];
        let hash = head
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { bytes: head.len() as u16, hash }
    }

    /// True when a file that now begins with `head` can be the one fingerprinted: it begins with the
    /// same bytes, and is no shorter.
    pub fn matches(&self, head: &[u8]) -> bool {
        let bytes = usize::from(self.bytes);
        head.len() >= bytes && Self::of(&head[..bytes]).hash == self.hash
    }
}

/// How a record was put together; a set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RecordMarks(u8);

impl RecordMarks {
    /// The record went on beyond the bound of lines, bytes or time of a join.
    pub const JOIN_CUT: Self = Self(1);
    /// The next record of the batch is of the same group.
    pub const GROUPED_WITH_NEXT: Self = Self(1 << 1);

    /// True when all of `other` is in the set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits, as stored beside a record.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set of stored bits.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

impl std::ops::BitOrAssign for RecordMarks {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// One record: a range of its batch's bytes and where it came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordRef {
    /// Begin in [`Batch::bytes`].
    pub at: u32,
    /// Length in bytes.
    pub len: u32,
    /// Index in [`Batch::origins`].
    pub origin: u16,
    /// How it was framed.
    pub flags: RecordFlags,
    /// How it was put together.
    pub marks: RecordMarks,
    /// How many records as received it accounts for: 1, or the lines it was joined from.
    pub lines: u32,
    /// Which part of a record longer than the limit, from 0; the parts share origin and `offset`.
    pub part: u32,
    /// Offset in the file or stream of the record's first byte; of a datagram, its number from 0.
    pub offset: u64,
    /// Number of the record in the file or stream, from 1; 0 where it has no meaning.
    pub line: u64,
    /// When it was read, in nanoseconds since 1970 UTC.
    pub receive_time_ns: i64,
    /// The event's time as its sender states it beside the record, in nanoseconds since 1970 UTC; 0 = it states none.
    pub stated_time_ns: i64,
}

impl RecordRef {
    /// A piece of the record, which accounts for none received: the record itself does.
    ///
    /// # Panics
    /// When the range does not lie in the record.
    #[must_use]
    pub fn piece(&self, range: &Range<usize>) -> RecordRef {
        assert!(range.start <= range.end && range.end <= self.len as usize, "a piece lies in its record");
        RecordRef {
            at: self.at + range.start as u32,
            len: (range.end - range.start) as u32,
            offset: self.offset + range.start as u64,
            lines: 0,
            ..*self
        }
    }
}

/// How far a file has been read: the begin of the first record that is not in this or an earlier batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileEnd {
    /// Index in [`Batch::origins`].
    pub origin: u16,
    /// Offset of that record's first byte.
    pub offset: u64,
    /// Its number, 0 when unknown.
    pub line: u64,
    /// The file lost its name and was read to its end: once this batch is done with, its checkpoint is to
    /// be forgotten.
    pub gone: bool,
}

/// Records on their way to a worker.
#[derive(Default, Debug)]
pub struct Batch {
    /// The input they came in by.
    pub input: InputIndex,
    /// What was read; records are ranges of it.
    pub bytes: Vec<u8>,
    /// The records, in the order read (per origin).
    pub records: Vec<RecordRef>,
    /// Their origins.
    pub origins: Vec<Arc<Origin>>,
    /// When the first record was read, in nanoseconds since 1970 UTC.
    pub receive_time_ns: i64,
    /// For files: how far each has been read, in the order read; of two for one file the later counts.
    pub file_ends: Vec<FileEnd>,
    /// The file ends told so far, here and in batches before, are behind what was handed over: a line is held that comes
    /// before a record handed over, or the ends come with a later batch. State that has taken this batch in
    /// cannot be resumed from the ends.
    pub ends_trail: bool,
    /// The number its sender gave it.
    pub number: Option<BatchNumber>,
    /// Whom to tell that it is kept.
    receipt: Option<Receipt>,
    home: Option<Sender<Buffers>>,
}

#[derive(Debug)]
struct Buffers {
    bytes: Vec<u8>,
    records: Vec<RecordRef>,
    origins: Vec<Arc<Origin>>,
    file_ends: Vec<FileEnd>,
}

impl Batch {
    /// The bytes of a record of this batch.
    ///
    /// # Panics
    /// When `record` is another batch's and does not fit this one.
    #[inline]
    pub fn record(&self, record: &RecordRef) -> &[u8] {
        &self.bytes[record.at as usize..record.at as usize + record.len as usize]
    }

    /// The origin of a record of this batch.
    ///
    /// # Panics
    /// When `record` is another batch's and does not fit this one.
    pub fn origin(&self, record: &RecordRef) -> &Arc<Origin> {
        &self.origins[usize::from(record.origin)]
    }

    /// What may be committed once this batch and all before it are done with.
    pub fn checkpoints(&self) -> impl Iterator<Item = FileCheckpoint> + '_ {
        self.ends(false).map(|(path, identity, end)| FileCheckpoint {
            path: path.clone(),
            identity: *identity,
            offset: end.offset,
            line: end.line,
        })
    }

    /// Files whose checkpoints (by device and inode) are to be forgotten once this batch and all
    /// before it are done with; kept, each would be told as lost at the next start.
    pub fn gone(&self) -> impl Iterator<Item = FileIdentity> + '_ {
        self.ends(true).map(|(_, identity, _)| *identity)
    }

    fn ends(&self, gone: bool) -> impl Iterator<Item = (&PathBuf, &FileIdentity, &FileEnd)> + '_ {
        let of_kind = self.file_ends.iter().filter(move |end| end.gone == gone);
        of_kind.filter_map(|end| match &*self.origins[usize::from(end.origin)] {
            Origin::File { path, identity } => Some((path, identity, end)),
            _ => None,
        })
    }

    /// The records, those of one group together.
    pub fn groups(&self) -> impl Iterator<Item = &[RecordRef]> {
        self.records.chunk_by(|record, _| record.marks.contains(RecordMarks::GROUPED_WITH_NEXT))
    }

    /// The bytes of a group of this batch, from its first record to its last.
    ///
    /// # Panics
    /// When `group` is another batch's and does not fit this one.
    pub fn group(&self, group: &[RecordRef]) -> &[u8] {
        match group {
            [first, .., last] => &self.bytes[first.at as usize..last.at as usize + last.len as usize],
            [record] => self.record(record),
            [] => &[],
        }
    }

    /// How many records as received the batch accounts for.
    pub fn lines(&self) -> u64 {
        self.records.iter().map(|record| u64::from(record.lines)).sum()
    }

    /// Has the sender told once this batch is kept or refused.
    pub fn carry(&mut self, receipt: Receipt) {
        self.receipt = Some(receipt);
    }

    /// Whom to tell that the batch is kept, for the one that keeps it; `None` when nobody waits. Left in the batch, it is refused
    /// when the batch is dropped.
    pub fn take_receipt(&mut self) -> Option<Receipt> {
        self.receipt.take()
    }

    /// True when there is nothing to hand over.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.file_ends.is_empty()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        if self.bytes.capacity() > POOL_BUFFER_BYTES_MAX {
            return;
        }
        self.bytes.clear();
        self.records.clear();
        self.origins.clear();
        self.file_ends.clear();
        // A full pool frees the buffers.
        let _ = home.try_send(Buffers {
            bytes: std::mem::take(&mut self.bytes),
            records: std::mem::take(&mut self.records),
            origins: std::mem::take(&mut self.origins),
            file_ends: std::mem::take(&mut self.file_ends),
        });
    }
}

/// Where dropped batches leave their buffers. Cheap to clone; all clones are one pool.
#[derive(Clone, Debug)]
pub struct BatchPool {
    give: Sender<Buffers>,
    take: Receiver<Buffers>,
}

impl Default for BatchPool {
    fn default() -> Self {
        let (give, take) = bounded(POOL_BATCHES_MAX);
        Self { give, take }
    }
}

impl BatchPool {
    /// An empty batch for `input`, on used buffers when there are any.
    pub fn take(&self, input: InputIndex) -> Batch {
        let buffers = self.take.try_recv().unwrap_or_else(|_| Buffers {
            bytes: Vec::with_capacity(BATCH_BYTES_MAX),
            records: Vec::with_capacity(1024),
            origins: Vec::with_capacity(8),
            file_ends: Vec::new(),
        });
        Batch {
            input,
            bytes: buffers.bytes,
            records: buffers.records,
            origins: buffers.origins,
            receive_time_ns: 0,
            file_ends: buffers.file_ends,
            ends_trail: false,
            number: None,
            receipt: None,
            home: Some(self.give.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_to_the_pool_empty() {
        let pool = BatchPool::default();
        let mut batch = pool.take(3);
        batch.bytes.extend_from_slice(b"abc");
        let capacity = batch.bytes.capacity();
        drop(batch);
        let again = pool.take(4);
        assert_eq!((again.input, again.bytes.len(), again.bytes.capacity()), (4, 0, capacity));
    }

    #[test]
    fn a_blown_up_buffer_is_not_kept() {
        let pool = BatchPool::default();
        let mut batch = pool.take(0);
        batch.bytes.reserve(POOL_BUFFER_BYTES_MAX + 1);
        drop(batch);
        assert!(pool.take.is_empty());
    }

    #[test]
    fn fingerprint_holds_while_a_file_grows_and_breaks_when_its_begin_changes() {
        let short = Fingerprint::of(b"first line\n");
        assert!(short.matches(b"first line\nsecond line\n"));
        assert!(!short.matches(b"first lin"));
        assert!(!short.matches(b"other line\nsecond line\n"));
        assert!(Fingerprint::default().matches(b"anything, after an empty file"));
    }
}
