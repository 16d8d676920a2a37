//! Between an input and the queue: lines become the records they belong to.
//!
//! The one stage at the edge that looks at what a line says, because only here the lines of one stream are in their order and
//! in one hand. What a line is to the one before is judged by [`noroshi_parsers::join`]; here it is held, for a
//! bounded time and up to bounded sizes, and comes out once: joined, alone, or among the records of its audit group. A
//! batch that holds nothing to be joined goes through as it is.
//!
//! A joined record's bytes are its lines with the line ends between them. It counts as many records as it had
//! lines ([`RecordRef::lines`]), so that nothing is unaccounted for. While lines of a file are held, the file's end is told to
//! be before them: a crash reads them again.

mod batches;
mod groups;
mod open;

use std::collections::BTreeMap;
use std::sync::Arc;

use noroshi_parsers::join::{At, Join, Lines, Step, audit};
use noroshi_parsers::split::DOCUMENT_BYTES_MAX;

use crate::batch::{Batch, BatchPool, FileEnd, InputIndex, Origin, RecordFlags, RecordRef};
use crate::counters::InputCounters;
use batches::Batches;
use groups::Groups;
use open::Open;

/// Lines of one record at most. Traces with their causes reach a thousand.
pub const JOIN_LINES_MAX: usize = 2_000;

/// Lines of one document: that many of 32 bytes are the longest document.
pub const DOCUMENT_LINES_MAX: usize = 1 << 21;

/// A record that may go on is handed over when its stream was silent for so long. Writers write a record at
/// once; what comes a second later is another.
pub const JOIN_WAIT_MS: u64 = 1_000;

/// Bytes held of one input: the longest document, and a quarter of that for all other streams.
pub const HELD_BYTES_MAX: usize = DOCUMENT_BYTES_MAX + DOCUMENT_BYTES_MAX / 4;

/// How often what is held is looked at for its age, so that a busy input pays nothing for it.
const LOOK_NS: i64 = 100_000_000;

/// Which stream of an input: lines of one follow each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Stream {
    File { dev: u64, ino: u64 },
    Stdin,
    Connection(u64),
}

impl Stream {
    /// The stream that records of `origin` are lines of; datagrams are of none.
    fn of(origin: &Origin) -> Option<Stream> {
        Some(match origin {
            Origin::File { identity, .. } => Stream::File { dev: identity.dev, ino: identity.ino },
            Origin::Stdin => Stream::Stdin,
            Origin::Tcp { connection, .. } | Origin::Tls { connection, .. } => Stream::Connection(*connection),
            // What is answered record by record is never held back.
            Origin::Udp { .. } | Origin::Relp { .. } | Origin::Http { .. } => return None,
        })
    }
}

/// How far a file was read of which lines are held.
#[derive(Debug)]
struct End {
    origin: Arc<Origin>,
    offset: u64,
    line: u64,
}

/// Joins the lines of one input. Time is passed in.
#[derive(Debug)]
pub struct Joiner {
    join: Join,
    /// The byte that ends a line.
    trailer: u8,
    input: InputIndex,
    pool: BatchPool,
    counters: Arc<InputCounters>,
    /// Streams with an open record.
    open: BTreeMap<Stream, Open>,
    groups: Groups,
    held_bytes: usize,
    /// Files of which anything is held, with how far they were read.
    ends: BTreeMap<Stream, End>,
    /// Of each of these the greatest offset of a record that was handed over.
    handed_over: BTreeMap<Stream, u64>,
    looked_ns: i64,
}

impl Joiner {
    /// A joiner of the records of `input`, whose lines end with `trailer`.
    pub fn new(join: Join, trailer: u8, input: InputIndex, pool: &BatchPool, counters: &Arc<InputCounters>) -> Self {
        Joiner {
            join,
            trailer,
            input,
            pool: pool.clone(),
            counters: Arc::clone(counters),
            open: BTreeMap::new(),
            groups: Groups::default(),
            held_bytes: 0,
            ends: BTreeMap::new(),
            handed_over: BTreeMap::new(),
            looked_ns: 0,
        }
    }

    /// Takes a batch, which may be empty, and gives what is complete at `now_ns`, in the order of reading per stream.
    /// With `now_ns` = 0 (files read whole) nothing is handed over for its age.
    pub fn join(&mut self, batch: Batch, now_ns: i64) -> Vec<Batch> {
        let due = now_ns != 0 && now_ns - self.looked_ns >= LOOK_NS && self.holds();
        if !due && !self.concerns(&batch) {
            return vec![batch];
        }
        let mut out = Batches::new(&self.pool, self.input, &batch);
        for record in &batch.records {
            let origin = batch.origin(record);
            self.take(batch.record(record), record, origin, now_ns, &mut out);
        }
        for end in &batch.file_ends {
            let origin = &batch.origins[usize::from(end.origin)];
            let Some(stream) = Stream::of(origin) else { continue };
            if end.gone {
                self.close_file(stream, &mut out);
                self.ends.remove(&stream);
                out.end(origin, FileEnd { ..*end });
            } else {
                let (offset, line) = (end.offset, end.line);
                self.ends.insert(stream, End { origin: Arc::clone(origin), offset, line });
            }
        }
        if due {
            self.looked_ns = now_ns;
            self.close_aged(now_ns, &mut out);
        }
        let trail = self.tell_ends(&mut out);
        out.finish(trail)
    }

    /// Hands over everything that is held: the input ends.
    pub fn finish(&mut self) -> Vec<Batch> {
        let mut out = Batches::new(&self.pool, self.input, &Batch::default());
        self.close_all(false, &mut out);
        let trail = self.tell_ends(&mut out);
        out.finish(trail)
    }

    fn holds(&self) -> bool {
        !self.open.is_empty() || !self.groups.is_empty()
    }

    /// Whether anything in the batch, or of its files, is to be held or joined.
    fn concerns(&self, batch: &Batch) -> bool {
        if self.join == Join::Off {
            return false;
        }
        if !self.open.is_empty() || !self.ends.is_empty() {
            return true;
        }
        batch.records.iter().any(|record| {
            let bytes = batch.record(record);
            let origin = batch.origin(record);
            audit::may_be(bytes)
                || (Stream::of(origin).is_some() && Lines::may_begin(self.join, bytes, at_of(record, origin)))
        })
    }

    fn take(&mut self, bytes: &[u8], record: &RecordRef, origin: &Arc<Origin>, now_ns: i64, out: &mut Batches) {
        let stream = Stream::of(origin);
        if self.join != Join::Off
            && !record.flags.contains(RecordFlags::PART)
            && let Some(found) = audit::read(bytes)
        {
            if let Some(open) = stream.and_then(|stream| self.open.remove(&stream)) {
                self.emit(open, false, out);
            }
            let held = self.groups.take(&found, bytes, record, origin, now_ns, &self.counters, out);
            self.held(held, out);
            return;
        }
        let Some(stream) = stream.filter(|_| !record.flags.contains(RecordFlags::OCTET_COUNTED)) else {
            out.push(bytes, record, origin);
            return;
        };
        let at = at_of(record, origin);
        if let Some(mut open) = self.open.remove(&stream) {
            if !open.is_next(record) {
                let cut = open.is_unfinished();
                self.emit(open, cut, out);
            } else {
                // Asked before the line is judged: its bounds are those of what is open, not of what it ends.
                let full = open.is_full(bytes.len());
                match open.lines.step(bytes, at) {
                    Step::Continues { open: more } => {
                        if full {
                            // What is held goes as it is; the line begins anew.
                            self.emit(open, true, out);
                        } else {
                            let before = open.bytes();
                            open.add(bytes, record, self.trailer, now_ns);
                            if more && !record.flags.contains(RecordFlags::UNTERMINATED) {
                                let grown = (open.bytes() - before) as isize;
                                self.open.insert(stream, open);
                                self.held(grown, out);
                            } else {
                                self.held_bytes -= before;
                                let cut = more && open.is_unfinished();
                                self.emit_counted(open, cut, out);
                            }
                            return;
                        }
                    }
                    Step::Begins { open: more } => {
                        let lines = std::mem::replace(&mut open.lines, Lines::new(self.join));
                        self.emit(open, false, out);
                        self.begin(stream, lines, more, bytes, record, origin, now_ns, out);
                        return;
                    }
                    Step::Broken => {
                        self.held_bytes -= open.bytes();
                        open.give_back(out);
                    }
                }
            }
        }
        // A later part of a long line begins nothing.
        if record.part > 0 || !Lines::may_begin(self.join, bytes, at) {
            out.push(bytes, record, origin);
            return;
        }
        let mut lines = Lines::new(self.join);
        let more = lines.step(bytes, at) == Step::Begins { open: true };
        self.begin(stream, lines, more, bytes, record, origin, now_ns, out);
    }

    #[expect(clippy::too_many_arguments, reason = "a line with all that is known of it")]
    fn begin(
        &mut self,
        stream: Stream,
        lines: Lines,
        more: bool,
        bytes: &[u8],
        record: &RecordRef,
        origin: &Arc<Origin>,
        now_ns: i64,
        out: &mut Batches,
    ) {
        if !more || record.flags.contains(RecordFlags::UNTERMINATED) {
            out.push(bytes, record, origin);
            return;
        }
        let open = Open::new(lines, bytes, record, origin, self.trailer, now_ns);
        let held = open.bytes() as isize;
        self.open.insert(stream, open);
        self.held(held, out);
    }

    /// Accounts for bytes held more, or fewer, and lets go of everything when that is too much.
    fn held(&mut self, bytes: isize, out: &mut Batches) {
        self.held_bytes = self.held_bytes.saturating_add_signed(bytes);
        if self.held_bytes > HELD_BYTES_MAX {
            self.close_all(true, out);
        }
    }

    fn emit(&mut self, open: Open, cut: bool, out: &mut Batches) {
        self.held_bytes -= open.bytes();
        self.emit_counted(open, cut, out);
    }

    fn emit_counted(&self, open: Open, cut: bool, out: &mut Batches) {
        let lines = open.emit(cut, out);
        InputCounters::add(&self.counters.joined, u64::from(lines > 1));
        InputCounters::add(&self.counters.joins_cut, u64::from(cut && lines > 1));
    }

    fn close_all(&mut self, cut: bool, out: &mut Batches) {
        let open = std::mem::take(&mut self.open);
        for (_, open) in open {
            let cut = cut || open.is_unfinished();
            self.emit(open, cut, out);
        }
        self.held_bytes -= self.groups.close_all(cut, &self.counters, out);
        debug_assert_eq!(self.held_bytes, 0, "all that is held is accounted for");
    }

    fn close_file(&mut self, stream: Stream, out: &mut Batches) {
        if let Some(open) = self.open.remove(&stream) {
            let cut = open.is_unfinished();
            self.emit(open, cut, out);
        }
        self.held_bytes -= self.groups.close_where(|group| group.is_of(stream), out);
    }

    fn close_aged(&mut self, now_ns: i64, out: &mut Batches) {
        let aged = |since_ns: i64| now_ns - since_ns >= JOIN_WAIT_MS as i64 * 1_000_000;
        let streams: Vec<Stream> =
            self.open.iter().filter(|(_, open)| aged(open.since_ns)).map(|(stream, _)| *stream).collect();
        for stream in streams {
            let Some(open) = self.open.remove(&stream) else { continue };
            let cut = open.is_unfinished();
            self.emit(open, cut, out);
        }
        self.held_bytes -= self.groups.close_where(|group| aged(group.since_ns), out);
    }

    /// Tells how far each file may be considered read: before its first line that is held. The answer is whether a record
    /// behind such a line was handed over.
    fn tell_ends(&mut self, out: &mut Batches) -> bool {
        for (&stream, &offset) in out.handed_over() {
            let last = self.handed_over.entry(stream).or_insert(offset);
            *last = offset.max(*last);
        }
        let mut trail = false;
        let (open, groups, handed_over) = (&self.open, &self.groups, &self.handed_over);
        self.ends.retain(|stream, end| {
            let of_open = open.get(stream).map(Open::begin);
            let held = of_open.into_iter().chain(groups.begin_of(*stream)).min();
            let (offset, line) = held.map_or((end.offset, end.line), |held| held.min((end.offset, end.line)));
            out.end(&end.origin, FileEnd { origin: 0, offset, line, gone: false });
            trail |= held.zip(handed_over.get(stream)).is_some_and(|((begin, _), &last)| last >= begin);
            held.is_some()
        });
        let ends = &self.ends;
        self.handed_over.retain(|stream, _| ends.contains_key(stream));
        trail
    }
}

/// Where a record stands among the lines of its stream.
fn at_of(record: &RecordRef, origin: &Origin) -> At {
    let of_file = matches!(origin, Origin::File { .. } | Origin::Stdin);
    At {
        first: of_file && record.offset == 0 && record.part == 0,
        ends: !record.flags.contains(RecordFlags::PART) || record.flags.contains(RecordFlags::PART_LAST),
    }
}

#[cfg(test)]
mod tests;
