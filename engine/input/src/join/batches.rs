//! The batches that a joiner fills.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Stream;

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
    /// Of each file the greatest offset of a record handed over.
    handed_over: BTreeMap<Stream, u64>,
}

impl Batches {
    /// To hold what comes of `batch`.
    pub(super) fn new(pool: &BatchPool, input: InputIndex, batch: &Batch) -> Self {
        let mut filling = pool.take(input);
        filling.receive_time_ns = batch.receive_time_ns;
        Batches {
            pool: pool.clone(),
            input,
            receive_time_ns: batch.receive_time_ns,
            done: Vec::new(),
            filling,
            handed_over: BTreeMap::new(),
        }
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
        if let Some(stream @ Stream::File { .. }) = Stream::of(origin) {
            let last = self.handed_over.entry(stream).or_insert(record.offset);
            *last = record.offset.max(*last);
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

    /// Of each file the greatest offset of a record handed over here.
    pub(super) fn handed_over(&self) -> &BTreeMap<Stream, u64> {
        &self.handed_over
    }

    /// The batches; `ends_trail` tells whether a line is held that comes before a record handed over.
    pub(super) fn finish(mut self, ends_trail: bool) -> Vec<Batch> {
        if !self.filling.is_empty() {
            self.done.push(self.filling);
        }
        if let Some((last, before)) = self.done.split_last_mut() {
            last.ends_trail = ends_trail;
            before.iter_mut().for_each(|batch| batch.ends_trail = true);
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
