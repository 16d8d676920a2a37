//! From an input that answers its senders to the engine: records into batches, a receipt with each, memory bounded.
//!
//! What a sender is told depends on the receipt alone. So that nothing waits half handed over, handing over never blocks: batches go
//! through an unbounded channel to a forwarder thread, which alone waits for the engine's queue, and what may be on that way is
//! bounded before it is read, by [`Room`].

use std::sync::Arc;

use noroshi_parsers::frame::{Framer, Framing, Position};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::batch::{BATCH_BYTES, Batch, BatchPool, InputIndex, Origin, RecordFlags, RecordMarks, RecordRef};
use crate::counters::{DropReason, InputCounters, Tally};
use crate::receipt::{Answer, BatchNumber, Receipt};

/// Records of one batch at most, so that tiny ones do not make a batch that takes a worker for long.
const BATCH_RECORDS_MAX: usize = 16_384;

/// Origins of one batch at most; they are numbered by a `u16`.
const BATCH_ORIGINS_MAX: usize = 4096;

/// Memory that may be held at once for one purpose; what is claimed of it comes back when the claim is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    free: Arc<Semaphore>,
    bytes: usize,
}

/// A part of a [`Room`].
#[derive(Debug)]
pub(crate) struct Claim {
    room: Room,
    permit: OwnedSemaphorePermit,
}

impl Room {
    /// # Panics
    /// When `bytes` are more than 4 GiB.
    pub(crate) fn new(bytes: usize) -> Self {
        assert!(u32::try_from(bytes).is_ok(), "a room is under 4 GiB");
        Self { free: Arc::new(Semaphore::new(bytes)), bytes }
    }

    /// Claims at once; `None` when there is no room.
    pub(crate) fn try_claim(&self, bytes: usize) -> Option<Claim> {
        let permit = Arc::clone(&self.free).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()?;
        Some(Claim { room: self.clone(), permit })
    }

    /// Less than an eighth is left.
    pub(crate) fn is_scarce(&self) -> bool {
        self.free.available_permits() < self.bytes / 8
    }

    /// Claims as soon as there is room; `None` when there never is so much.
    pub(crate) async fn claim(&self, bytes: usize) -> Option<Claim> {
        let permit = Arc::clone(&self.free).acquire_many_owned(u32::try_from(bytes).ok()?).await.ok()?;
        Some(Claim { room: self.clone(), permit })
    }
}

impl Claim {
    /// Claims more; false when there is no room.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        match self.room.try_claim(bytes) {
            Some(more) => {
                self.permit.merge(more.permit);
                true
            }
            None => false,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.permit.num_permits()
    }
}

/// What the connections of one listener hand records over with.
#[derive(Debug)]
pub(crate) struct Handover {
    pub way_on: mpsc::UnboundedSender<Batch>,
    pub pool: BatchPool,
    pub input: InputIndex,
    pub counters: Arc<InputCounters>,
    /// A longer record is cut into parts.
    pub record_bytes_max: usize,
    /// For what is handed over and not answered yet.
    pub in_flight: Room,
}

impl Handover {
    /// An empty parcel. Its records are one batch when the sender numbered it, else as many as are convenient.
    pub(crate) fn parcel(&self, number: Option<BatchNumber>, now_ns: i64) -> Parcel<'_> {
        Parcel {
            handover: self,
            full: Vec::new(),
            batch: self.pool.take(self.input),
            number,
            tally: Tally::default(),
            now_ns,
            records: 0,
        }
    }
}

/// Records of one request, or of one read of a connection.
pub(crate) struct Parcel<'a> {
    handover: &'a Handover,
    full: Vec<Batch>,
    batch: Batch,
    number: Option<BatchNumber>,
    tally: Tally,
    now_ns: i64,
    /// Records taken in; the number of the next.
    records: u64,
}

impl Parcel<'_> {
    /// Records taken in so far.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// Adds a record. `stated_time_ns` is what the sender says of its time, 0 = nothing.
    pub(crate) fn add(&mut self, record: &[u8], origin: &Arc<Origin>, stated_time_ns: i64) {
        self.write(|bytes| bytes.extend_from_slice(record), origin, stated_time_ns);
    }

    /// Adds the record that `write` appends.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>), origin: &Arc<Origin>, stated_time_ns: i64) {
        let origin = self.origin(origin);
        let at = self.batch.bytes.len();
        write(&mut self.batch.bytes);
        let (max, mut part, mut at) = (self.handover.record_bytes_max, 0, at);
        let end = self.batch.bytes.len();
        let whole = end - at <= max;
        loop {
            let len = (end - at).min(max);
            let mut flags = RecordFlags::empty();
            if !whole {
                flags |= RecordFlags::PART;
                if part == 0 {
                    flags |= RecordFlags::PART_FIRST;
                }
                if at + len == end {
                    flags |= RecordFlags::PART_LAST;
                }
            }
            self.push(at, len, flags, part, origin, stated_time_ns);
            (at, part) = (at + len, part + 1);
            if at == end {
                break;
            }
        }
        self.records += 1;
        self.close_full();
    }

    /// Adds the lines of a text, each a record; empty ones are passed over.
    pub(crate) fn lines(&mut self, text: &[u8], origin: &Arc<Origin>, stated_time_ns: i64) {
        let begin = Position { offset: 0, line: 1 };
        let mut framer = Framer::resume(Framing::NEWLINE, self.handover.record_bytes_max, begin);
        let mut frames = Vec::new();
        framer.frame(text, true, |frame| frames.push(frame));
        for frame in frames.into_iter().filter(|frame| frame.end > frame.start) {
            let origin = self.origin(origin);
            let at = self.batch.bytes.len();
            self.batch.bytes.extend_from_slice(&text[frame.start..frame.end]);
            // The last line of a body may do without its LF.
            let flags = RecordFlags::from_bits(frame.flags.bits() & !RecordFlags::UNTERMINATED.bits());
            self.push(at, frame.end - frame.start, flags, frame.part, origin, stated_time_ns);
            if !flags.contains(RecordFlags::PART) || flags.contains(RecordFlags::PART_LAST) {
                self.records += 1;
                self.close_full();
            }
        }
    }

    fn push(&mut self, at: usize, len: usize, flags: RecordFlags, part: u32, origin: u16, stated_time_ns: i64) {
        self.tally.count(len, flags);
        if self.batch.records.is_empty() {
            self.batch.receive_time_ns = self.now_ns;
        }
        self.batch.records.push(RecordRef {
            at: at as u32,
            len: len as u32,
            origin,
            flags,
            marks: RecordMarks::default(),
            lines: 1,
            part,
            offset: self.records,
            line: 0,
            receive_time_ns: self.now_ns,
            stated_time_ns,
        });
    }

    /// The place of an origin in the batch. Those of one sender come in runs.
    fn origin(&mut self, origin: &Arc<Origin>) -> u16 {
        let origins = &mut self.batch.origins;
        if origins.last().is_none_or(|last| !Arc::ptr_eq(last, origin)) {
            if origins.len() > usize::from(u16::MAX) {
                // Beyond what is numbered the last stands for all: it takes a hostile sender to get here.
                return u16::MAX;
            }
            origins.push(Arc::clone(origin));
        }
        (origins.len() - 1) as u16
    }

    fn close_full(&mut self) {
        let Batch { bytes, records, origins, .. } = &self.batch;
        let full =
            bytes.len() >= BATCH_BYTES || records.len() >= BATCH_RECORDS_MAX || origins.len() >= BATCH_ORIGINS_MAX;
        if full && self.number.is_none() {
            let next = self.handover.pool.take(self.handover.input);
            self.full.push(std::mem::replace(&mut self.batch, next));
        }
    }

    /// Hands the records over and gives what will tell whether they are kept. `held` is given back then, and `told` is called first.
    pub(crate) fn hand_over(
        mut self,
        held: Claim,
        told: impl FnOnce(&Answer) + Send + 'static,
    ) -> oneshot::Receiver<Answer> {
        let (sender, answer) = oneshot::channel();
        let records = self.tally.records;
        let counters = Arc::clone(&self.handover.counters);
        let receipt = Receipt::new(move |answer| {
            drop(held);
            let counter = match answer {
                Answer::Kept => &counters.acknowledged,
                Answer::Refused(_) => &counters.not_acknowledged,
            };
            InputCounters::add(counter, records);
            told(&answer);
            // Who asked may be gone; what was kept is kept all the same.
            let _ = sender.send(answer);
        });
        self.tally.publish(&self.handover.counters, false);
        self.batch.number = self.number.take();
        let last = (!self.batch.records.is_empty()).then_some(self.batch);
        for mut batch in self.full.into_iter().chain(last) {
            batch.carry(receipt.share());
            if let Err(back) = self.handover.way_on.send(batch) {
                self.handover.counters.drop_records(DropReason::ConsumerGone, back.0.lines());
            }
        }
        receipt.kept();
        answer
    }
}
