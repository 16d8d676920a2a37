//! Reading streams to their end: files whole (plain, gzip, zstd, Windows event logs) and standard input.
//!
//! [`RecordReader`] serves replay, parse and match, which pull batches; the `stdin` input of a running
//! engine pushes them. Both frame by newline, in place: bytes are read to the end of the batch's
//! buffer, and only an unfinished line is carried over to the next.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_parsers::charset::Charset;
use noroshi_parsers::frame::{Frame, Framer, Framing, Position, RECORD_BYTES_MAX, WideFramer};
use noroshi_parsers::join::Join;

use crate::batch::{
    BATCH_BYTES, Batch, BatchPool, FileIdentity, Fingerprint, InputIndex, Origin, RecordMarks, RecordRef,
};
use crate::counters::{InputCounters, Tally};
use crate::evtx::{self, EventLog};
use crate::join::Joiner;

/// Bytes asked of one read: a batch's worth.
const READ_BYTES: usize = BATCH_BYTES;

/// A file or stream that could not be read (on).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadError {
    /// Which file; `-` for standard input.
    pub path: PathBuf,
    /// Uncompressed bytes that were handed over before.
    pub bytes_read: u64,
    /// What happened.
    pub what: String,
    /// What to do.
    pub help: &'static str,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {}: {}", self.path.display(), self.what)?;
        if self.bytes_read > 0 {
            write!(f, " after {} bytes, which were kept", self.bytes_read)?;
        }
        write!(f, "; {}", self.help)
    }
}

impl std::error::Error for ReadError {}

/// Lines of one stream, framed in the buffer of a batch.
#[derive(Debug)]
pub(crate) struct LineStream {
    framer: LineFramer,
    /// The begin of a record whose end was not read yet. At most one record's limit.
    carry: Vec<u8>,
}

#[derive(Debug)]
enum LineFramer {
    /// The first bytes of the stream, which may say that it is UTF-16, are not read yet.
    Undecided {
        charset: Charset,
        record_bytes_max: usize,
    },
    Bytes(Framer),
    Wide(WideFramer),
}

const BEGIN: Position = Position { offset: 0, line: 1 };

impl LineFramer {
    fn decided(charset: Charset, head: &[u8], record_bytes_max: usize, position: Position) -> Self {
        match charset.wide(head) {
            Some(order) => Self::Wide(WideFramer::resume(order, record_bytes_max, position)),
            None => Self::Bytes(Framer::resume(Framing::NEWLINE, record_bytes_max, position)),
        }
    }

    fn frame(&mut self, buffer: &[u8], end_of_stream: bool, sink: impl FnMut(Frame)) -> usize {
        if let Self::Undecided { charset, record_bytes_max } = *self {
            if buffer.len() < charset.head_needed(buffer) && !end_of_stream {
                return 0;
            }
            *self = Self::decided(charset, buffer, record_bytes_max, BEGIN);
        }
        match self {
            Self::Undecided { .. } => 0,
            Self::Bytes(framer) => framer.frame(buffer, end_of_stream, sink),
            Self::Wide(framer) => framer.frame(buffer, end_of_stream, sink),
        }
    }
}

impl LineStream {
    /// A stream from its begin.
    pub(crate) fn new(record_bytes_max: usize, charset: Charset) -> Self {
        Self { framer: LineFramer::Undecided { charset, record_bytes_max }, carry: Vec::new() }
    }

    /// A stream taken up at `position`; `head` is how it begins.
    pub(crate) fn resume(record_bytes_max: usize, charset: Charset, head: &[u8], position: Position) -> Self {
        if position.offset == 0 {
            return Self::new(record_bytes_max, charset);
        }
        Self { framer: LineFramer::decided(charset, head, record_bytes_max, position), carry: Vec::new() }
    }

    /// Where reading can be taken up again without losing or doubling a record.
    pub(crate) fn position(&self) -> Position {
        match &self.framer {
            LineFramer::Undecided { .. } => BEGIN,
            LineFramer::Bytes(framer) => framer.position(),
            LineFramer::Wide(framer) => framer.position(),
        }
    }

    /// True when part of a record is still waiting for its end.
    pub(crate) fn has_rest(&self) -> bool {
        let inside = match &self.framer {
            LineFramer::Undecided { .. } => false,
            LineFramer::Bytes(framer) => framer.inside_record(),
            LineFramer::Wide(framer) => framer.inside_record(),
        };
        inside || !self.carry.is_empty()
    }

    /// Reads once, at most `bytes_max`, and adds the records completed to `batch`; 0 at the end of what there is.
    pub(crate) fn read(
        &mut self,
        reader: &mut (impl Read + ?Sized),
        bytes_max: usize,
        batch: &mut Batch,
        origin: u16,
        now_ns: i64,
        tally: &mut Tally,
    ) -> io::Result<usize> {
        let start = batch.bytes.len();
        batch.bytes.extend_from_slice(&self.carry);
        let filled = batch.bytes.len();
        batch.bytes.resize(filled + bytes_max.min(READ_BYTES), 0);
        let read = loop {
            match reader.read(&mut batch.bytes[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let read = match read {
            Ok(read) if read > 0 => read,
            nothing => {
                batch.bytes.truncate(start);
                return nothing;
            }
        };
        batch.bytes.truncate(filled + read);
        self.frame(batch, start, origin, now_ns, false, tally);
        Ok(read)
    }

    /// Hands over what is left as an unterminated record.
    pub(crate) fn finish(&mut self, batch: &mut Batch, origin: u16, now_ns: i64, tally: &mut Tally) {
        let start = batch.bytes.len();
        batch.bytes.extend_from_slice(&self.carry);
        self.frame(batch, start, origin, now_ns, true, tally);
    }

    fn frame(&mut self, batch: &mut Batch, start: usize, origin: u16, now_ns: i64, end: bool, tally: &mut Tally) {
        let Batch { bytes, records, receive_time_ns, .. } = batch;
        if records.is_empty() {
            *receive_time_ns = now_ns;
        }
        let consumed = self.framer.frame(&bytes[start..], end, |frame| {
            let len = frame.end - frame.start;
            tally.count(len, frame.flags);
            records.push(RecordRef {
                at: (start + frame.start) as u32,
                len: len as u32,
                origin,
                flags: frame.flags,
                marks: RecordMarks::default(),
                lines: 1,
                part: frame.part,
                offset: frame.offset,
                line: frame.line,
                receive_time_ns: now_ns,
                stated_time_ns: 0,
            });
        });
        self.carry.clear();
        self.carry.extend_from_slice(&bytes[start + consumed..]);
        bytes.truncate(start + consumed);
    }
}

/// What a stream holds.
enum Content {
    Lines(LineStream),
    EventLog(EventLog),
}

/// Pulls batches of lines from a file read whole, or from any reader.
pub struct RecordReader {
    content: Content,
    reader: Box<dyn Read + Send>,
    path: PathBuf,
    origin: Arc<Origin>,
    input: InputIndex,
    pool: BatchPool,
    /// A batch is handed out after every read, however little it brought: the source is live.
    live: bool,
    bytes_read: u64,
    failed: Option<ReadError>,
    ended: bool,
    counters: Arc<InputCounters>,
    joiner: Option<Joiner>,
    /// Batches that the joiner made, not handed out yet.
    ready: VecDeque<Batch>,
}

impl fmt::Debug for RecordReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordReader")
            .field("path", &self.path)
            .field("bytes_read", &self.bytes_read)
            .finish_non_exhaustive()
    }
}

impl RecordReader {
    /// Opens a file. Its content decides how it is read, not its name: gzip (RFC 1952) and zstd
    /// (RFC 8878) by their magic numbers, with concatenated members and frames; a Windows event log (EVTX) by its
    /// own, each record as XML, its number for the line; else plain.
    ///
    /// # Errors
    /// When it cannot be opened, is a directory, or its first bytes cannot be read.
    pub fn open(path: &Path, input: InputIndex, pool: &BatchPool) -> Result<Self, ReadError> {
        let failed = |error: &io::Error| read_error(path, 0, error);
        let mut file = File::open(path).map_err(|e| failed(&e))?;
        let metadata = file.metadata().map_err(|e| failed(&e))?;
        if metadata.is_dir() {
            return Err(failed(&io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let mut head = Vec::with_capacity(Fingerprint::BYTES_MAX);
        (&mut file).take(Fingerprint::BYTES_MAX as u64).read_to_end(&mut head).map_err(|e| failed(&e))?;
        let identity = FileIdentity { dev: metadata.dev(), ino: metadata.ino(), fingerprint: Fingerprint::of(&head) };
        let compression = Compression::of(&head);
        let event_log = head.starts_with(evtx::MAGIC);
        let raw = io::Cursor::new(head).chain(file);
        let reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(raw),
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(raw)),
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(raw).map_err(|e| failed(&e))?),
        };
        let origin = Origin::File { path: path.to_owned(), identity };
        let mut opened = Self::new(reader, path.to_owned(), origin, false, input, pool);
        if event_log {
            opened.content = Content::EventLog(EventLog::new());
        }
        Ok(opened)
    }

    /// Standard input, to its end; a batch is handed out after every read.
    pub fn stdin(input: InputIndex, pool: &BatchPool) -> Self {
        Self::new(Box::new(io::stdin()), PathBuf::from("-"), Origin::Stdin, true, input, pool)
    }

    /// Any reader, to its end; `origin` is what its records are said to come from.
    pub fn from_reader(reader: Box<dyn Read + Send>, origin: Origin, input: InputIndex, pool: &BatchPool) -> Self {
        let path = match &origin {
            Origin::File { path, .. } => path.clone(),
            _ => PathBuf::from("-"),
        };
        Self::new(reader, path, origin, true, input, pool)
    }

    fn new(
        reader: Box<dyn Read + Send>,
        path: PathBuf,
        origin: Origin,
        live: bool,
        input: InputIndex,
        pool: &BatchPool,
    ) -> Self {
        Self {
            content: Content::Lines(LineStream::new(RECORD_BYTES_MAX, Charset::Auto)),
            reader,
            path,
            origin: Arc::new(origin),
            input,
            pool: pool.clone(),
            live,
            bytes_read: 0,
            failed: None,
            ended: false,
            counters: Arc::default(),
            joiner: None,
            ready: VecDeque::new(),
        }
    }

    /// What the bytes are, and the length over which a record is cut into parts. To be called before the first batch.
    #[must_use]
    pub fn reading(mut self, charset: Charset, record_bytes_max: usize) -> Self {
        // An event log says itself what its bytes are.
        if let Content::Lines(lines) = &mut self.content {
            *lines = LineStream::new(record_bytes_max, charset);
        }
        self
    }

    /// Puts lines together to records. To be called before the first batch.
    #[must_use]
    pub fn joining(mut self, join: Join) -> Self {
        let joiner = || Joiner::new(join, b'\n', self.input, &self.pool, &self.counters);
        // The records of an event log are whole.
        let lines = matches!(self.content, Content::Lines(_));
        self.joiner = (lines && join != Join::Off).then(joiner);
        self
    }

    /// What its records come from.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Uncompressed bytes read so far, for a progress bar.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// What was read so far, counted as a running input counts it.
    pub fn counters(&self) -> &InputCounters {
        &self.counters
    }

    /// The next batch, or `None` at the end. Its records carry `receive_time_ns`.
    ///
    /// # Errors
    /// When reading fails or an archive is damaged: after everything readable was handed out, the
    /// last record flagged as unterminated. The call after that returns `None`.
    pub fn next_batch(&mut self, receive_time_ns: i64) -> Result<Option<Batch>, ReadError> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            let read = self.read_batch(receive_time_ns);
            let Some(joiner) = &mut self.joiner else { return read };
            match read {
                Ok(Some(batch)) => {
                    self.ready.extend(joiner.join(batch, 0).into_iter().filter(|batch| !batch.records.is_empty()));
                }
                ended => {
                    self.ready.extend(joiner.finish());
                    if self.ready.is_empty() {
                        return ended;
                    }
                    // Told after everything that was readable.
                    self.failed = ended.err();
                }
            }
        }
    }

    fn read_batch(&mut self, receive_time_ns: i64) -> Result<Option<Batch>, ReadError> {
        if self.ended {
            return self.failed.take().map_or(Ok(None), Err);
        }
        let mut batch = self.pool.take(self.input);
        batch.origins.push(Arc::clone(&self.origin));
        let mut tally = Tally::default();
        while batch.bytes.len() < BATCH_BYTES && !self.ended {
            let reader = &mut *self.reader;
            let read = match &mut self.content {
                Content::Lines(lines) => lines.read(reader, READ_BYTES, &mut batch, 0, receive_time_ns, &mut tally),
                Content::EventLog(log) => log.read(reader, &mut batch, 0, receive_time_ns, &mut tally),
            };
            match read {
                Ok(0) => self.ended = true,
                Ok(read) => {
                    self.bytes_read += read as u64;
                    if self.live && !batch.records.is_empty() {
                        break;
                    }
                }
                Err(error) => {
                    self.failed = Some(read_error(&self.path, self.bytes_read, &error));
                    self.ended = true;
                }
            }
        }
        if self.ended {
            match &mut self.content {
                Content::Lines(lines) => lines.finish(&mut batch, 0, receive_time_ns, &mut tally),
                Content::EventLog(log) => {
                    let damage = log.damage().filter(|_| self.failed.is_none()).map(|what| ReadError {
                        path: self.path.clone(),
                        bytes_read: self.bytes_read,
                        what,
                        help: "the rest was read; export the log again with wevtutil epl",
                    });
                    self.failed = self.failed.take().or(damage);
                }
            }
        }
        InputCounters::add(&self.counters.handed, tally.records);
        tally.publish(&self.counters, false);
        if batch.records.is_empty() {
            return self.failed.take().map_or(Ok(None), Err);
        }
        Ok(Some(batch))
    }
}

enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    fn of(head: &[u8]) -> Self {
        // RFC 1952 §2.3.1; RFC 8878 §3.1.1 and §3.1.2 (a skippable frame may come first).
        match head {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

fn read_error(path: &Path, bytes_read: u64, error: &io::Error) -> ReadError {
    use io::ErrorKind as K;
    let help = match error.kind() {
        K::NotFound => "check the path",
        K::PermissionDenied => "give the user it runs as read access (group adm reads /var/log on Debian)",
        K::IsADirectory => "name its files, or use a glob such as directory/*.log",
        K::UnexpectedEof | K::InvalidData | K::InvalidInput | K::Other => {
            "the archive is cut off or damaged; fetch it again"
        }
        _ => "check the disk and the mount",
    };
    ReadError { path: path.to_owned(), bytes_read, what: error.to_string(), help }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
