//! Noroshi input: sockets, files and standard input to batches of framed records.
//!
//! The edge of the engine. Inputs read bytes, cut them into records
//! ([`noroshi_parsers::frame`]), and hand [`Batch`]es of records to one bounded queue; they never look
//! inside a record. When the queue is full, TCP, TLS, files and standard input wait, so that the sender
//! waits too; UDP cannot, and what the kernel drops meanwhile is read from it and counted. Every
//! record received is counted as handed over or dropped with its reason ([`InputCounters`]).
//!
//! [`Inputs::start`] runs the inputs of a configuration; [`RecordReader`] reads one file whole for
//! commands that replay; [`files`] is the file access that the rest of the engine writes through too.

mod batch;
mod checkpoint;
mod collector;
mod config;
mod counters;
mod evtx;
pub use noroshi_files as files;
mod inputs;
mod join;
mod outlet;
mod read;
mod stdin;
mod stream;
mod subject;
#[allow(unsafe_code)]
mod sys;
mod tail;
#[cfg(test)]
mod testing;
mod tls;
mod udp;

use std::time::{SystemTime, UNIX_EPOCH};

pub use batch::{
    BATCH_AGE_MS, BATCH_BYTES, BATCH_BYTES_MAX, Batch, BatchPool, FileEnd, FileIdentity, Fingerprint, InputIndex,
    Origin, RecordFlags, RecordMarks, RecordRef,
};
pub use checkpoint::{CheckpointStore, FileCheckpoint};
pub use config::{
    CONNECTIONS_MAX, DATAGRAM_BYTES_MAX, FileConfig, FramingMode, From, HANDSHAKE_TIMEOUT_S, IDLE_TIMEOUT_S, InputKind,
    InputSpec, InputType, POLL_INTERVAL_MS, RECEIVE_BUFFER_BYTES, RECORD_BYTES_MAX, SpecError, StreamConfig, TlsConfig,
    Trailer, UDP_SOCKETS_MAX, UdpConfig,
};
pub use counters::{DropReason, InputCounters};
pub use inputs::{BoundAddress, Inputs, Running, StartError};
pub use join::{DOCUMENT_LINES_MAX, HELD_BYTES_MAX, JOIN_LINES_MAX, JOIN_WAIT_MS, Joiner};
pub use outlet::{STOP_DRAIN_S, Shutdown};
pub use read::{ReadError, RecordReader};

/// The time of day, passed in so that tests decide it.
pub trait Clock: Send + Sync {
    /// Nanoseconds since 1970 UTC.
    fn now_ns(&self) -> i64;
}

/// The system's time of day.
#[derive(Clone, Copy, Default, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ns(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }
}
