//! Connections to batches: many connections of one listener fill one batch.
//!
//! A connection frames in its own buffer and copies whole runs here, so a hundred slow senders cost one
//! batch per 5 ms and not a hundred. The way on is a bounded channel to a forwarder thread, which
//! alone blocks on the engine's queue: no tokio worker ever does. A connection that finds the batch
//! full waits for a place in that channel before it reads on, and TCP pushes back to the sender.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use noroshi_parsers::frame::Frame;
use tokio::sync::{Notify, mpsc};

use crate::batch::{
    BATCH_AGE_MS, BATCH_BYTES, BATCH_BYTES_MAX, Batch, BatchPool, InputIndex, Origin, RecordMarks, RecordRef,
};
use crate::counters::{DropReason, InputCounters, Tally};
use crate::join::JOIN_WAIT_MS;

/// Batches between the connections and the forwarder: one on its way, one filling.
pub(crate) const FORWARD_BATCHES: usize = 2;

/// A connection's buffer at its begin: a few dozen messages.
pub(crate) const CONNECTION_BUFFER_BYTES: usize = 16 << 10;

/// What the buffers of one listener may grow to together beyond their begin, because connections that
/// never end a record would otherwise hold a record's limit each. A connection that needs more is
/// closed, its bytes handed over and counted.
pub(crate) const CONNECTION_BUFFERS_BYTES_MAX: usize = 256 << 20;

#[derive(Debug)]
struct Filling {
    batch: Batch,
    /// Grows with every batch handed on, so that a connection knows when its origin index is stale.
    serial: u64,
}

/// The batch that the connections of one listener fill.
#[derive(Debug)]
pub(crate) struct Collector {
    filling: Mutex<Filling>,
    /// Told when an empty batch gets its first record.
    begun: Notify,
    way_on: mpsc::Sender<Batch>,
    pool: BatchPool,
    input: InputIndex,
    buffers_bytes: AtomicUsize,
    pub counters: Arc<InputCounters>,
}

/// One connection's place in the batches.
#[derive(Debug)]
pub(crate) struct Place {
    pub origin: Arc<Origin>,
    serial: u64,
    index: u16,
}

impl Place {
    pub(crate) fn new(origin: Arc<Origin>) -> Self {
        Self { origin, serial: u64::MAX, index: 0 }
    }
}

impl Collector {
    pub(crate) fn new(
        way_on: mpsc::Sender<Batch>,
        pool: BatchPool,
        input: InputIndex,
        counters: Arc<InputCounters>,
    ) -> Self {
        let filling = Mutex::new(Filling { batch: pool.take(input), serial: 0 });
        Self { filling, begun: Notify::new(), way_on, pool, input, buffers_bytes: AtomicUsize::new(0), counters }
    }

    /// Adds the framed records of one read. Waits, unless nothing is in the way, until the batch has room.
    pub(crate) async fn add(&self, place: &mut Place, bytes: &[u8], frames: &[Frame], now_ns: i64) {
        let (Some(first), Some(last)) = (frames.first(), frames.last()) else { return };
        let run = &bytes[first.start..last.end];
        let mut tally = Tally::default();
        for frame in frames {
            tally.count(frame.end - frame.start, frame.flags);
        }
        tally.publish(&self.counters, matches!(*place.origin, Origin::Tls { .. }));
        while !self.try_add(place, run, first.start, frames, now_ns) {
            self.flush().await;
        }
    }

    /// False when the batch has to be handed on first.
    fn try_add(&self, place: &mut Place, run: &[u8], run_at: usize, frames: &[Frame], now_ns: i64) -> bool {
        let mut filling = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
        let Filling { batch, serial } = &mut *filling;
        let full = batch.bytes.len() + run.len() > BATCH_BYTES_MAX || batch.origins.len() > usize::from(u16::MAX);
        if full && !batch.records.is_empty() {
            return false;
        }
        if batch.records.is_empty() {
            batch.receive_time_ns = now_ns;
            self.begun.notify_one();
        }
        if place.serial != *serial {
            place.serial = *serial;
            place.index = batch.origins.len() as u16;
            batch.origins.push(Arc::clone(&place.origin));
        }
        let base = batch.bytes.len();
        batch.bytes.extend_from_slice(run);
        batch.records.extend(frames.iter().map(|frame| RecordRef {
            at: (base + frame.start - run_at) as u32,
            len: (frame.end - frame.start) as u32,
            origin: place.index,
            flags: frame.flags,
            marks: RecordMarks::default(),
            lines: 1,
            part: frame.part,
            offset: frame.offset,
            line: 0,
            receive_time_ns: now_ns,
            stated_time_ns: 0,
        }));
        true
    }

    /// True when the batch is large enough to go.
    pub(crate) fn is_due(&self) -> bool {
        self.filling.lock().unwrap_or_else(PoisonError::into_inner).batch.bytes.len() >= BATCH_BYTES
    }

    /// Hands the batch on, waiting for a place first. Taking and sending are one step under the lock,
    /// so batches leave in the order they were filled.
    pub(crate) async fn flush(&self) {
        let permit = self.way_on.reserve().await;
        let mut filling = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
        if filling.batch.records.is_empty() {
            return;
        }
        filling.serial += 1;
        let batch = std::mem::replace(&mut filling.batch, self.pool.take(self.input));
        match permit {
            Ok(permit) => permit.send(batch),
            Err(_) => self.counters.drop_records(DropReason::ConsumerGone, batch.records.len() as u64),
        }
    }

    /// Hands on batches that got old before they got full. Never ends.
    pub(crate) async fn flush_aged(&self) {
        loop {
            self.begun.notified().await;
            tokio::time::sleep(Duration::from_millis(BATCH_AGE_MS)).await;
            self.flush().await;
        }
    }

    /// Hands on an empty batch now and then, so that lines held behind the collector get old. Never ends.
    pub(crate) async fn nudge(&self) {
        loop {
            tokio::time::sleep(Duration::from_millis(JOIN_WAIT_MS / 4)).await;
            if let Ok(permit) = self.way_on.reserve().await {
                permit.send(Batch::default());
            }
        }
    }

    /// Claims buffer memory beyond a connection's begin; false when the listener's budget is used up.
    pub(crate) fn claim(&self, bytes: usize) -> bool {
        let claimed = self.buffers_bytes.fetch_add(bytes, Ordering::Relaxed);
        let within = claimed + bytes <= CONNECTION_BUFFERS_BYTES_MAX;
        if !within {
            self.release(bytes);
        }
        within
    }

    pub(crate) fn release(&self, bytes: usize) {
        self.buffers_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
