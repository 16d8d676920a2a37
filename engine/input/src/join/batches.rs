//! The batches that a joiner fills.

use std::sync::Arc;

use crate::batch::{BATCH_BYTES_MAX, Batch, BatchPool, FileEnd, InputIndex, Origin, RecordMarks, RecordRef};

/// Origins of one batch, which are numbered by a `u16`; half of what fits leaves room for a group.
const ORIGINS_MAX: usize = 1 << 15;

/// Origins looked at for one that is there already. Records of a stream come in runs.
const ORIGINS_LOOKED_AT: usize = 8;

pub(super) struct Batches {
    pool: BatchPool,
    input: InputIndex,
    receive_time_ns: i64,
    done: Vec<Batch>,
    filling: Batch,
}

impl Batches {
    /// To hold what comes of `batch`.
    pub(super) fn new(pool: &BatchPool, input: InputIndex, batch: &Batch) -> Self {
        let mut filling = pool.take(input);
        filling.receive_time_ns = batch.receive_time_ns;
        Batches { pool: pool.clone(), input, receive_time_ns: batch.receive_time_ns, done: Vec::new(), filling }
    }

    /// Adds a record whose bytes lie elsewhere.
    pub(super) fn push(&mut self, bytes: &[u8], record: &RecordRef, origin: &Arc<Origin>) {
        let grouped =
            self.filling.records.last().is_some_and(|last| last.marks.contains(RecordMarks::GROUPED_WITH_NEXT));
        let full =
            self.filling.bytes.len() + bytes.len() > BATCH_BYTES_MAX || self.filling.origins.len() >= ORIGINS_MAX;
        if full && !grouped && !self.filling.records.is_empty() {
            let mut next = self.pool.take(self.input);
            next.receive_time_ns = self.receive_time_ns;
            self.done.push(std::mem::replace(&mut self.filling, next));
        }
        let origin = self.origin(origin);
        let batch = &mut self.filling;
        if batch.receive_time_ns == 0 {
            batch.receive_time_ns = record.receive_time_ns;
        }
        let at = batch.bytes.len() as u32;
        batch.bytes.extend_from_slice(bytes);
        batch.bytes.push(b'\n');
        batch.records.push(RecordRef { at, len: bytes.len() as u32, origin, ..*record });
    }

    /// Tells how far a file was read. Ends stand in the last batch: they are of everything handed over here.
    pub(super) fn end(&mut self, origin: &Arc<Origin>, end: FileEnd) {
        let origin = self.origin(origin);
        self.filling.file_ends.push(FileEnd { origin, ..end });
    }

    pub(super) fn finish(mut self) -> Vec<Batch> {
        if !self.filling.is_empty() {
            self.done.push(self.filling);
        }
        self.done
    }

    fn origin(&mut self, origin: &Arc<Origin>) -> u16 {
        let origins = &mut self.filling.origins;
        let from = origins.len().saturating_sub(ORIGINS_LOOKED_AT);
        if let Some(found) = origins[from..].iter().position(|other| Arc::ptr_eq(other, origin)) {
            return (from + found) as u16;
        }
        origins.push(Arc::clone(origin));
        (origins.len() - 1) as u16
    }
}
