//! Noroshi input: sockets, files and standard input to batches of framed records.
//!
//! The edge of the engine. Inputs read bytes, cut them into records
//! ([`noroshi_parsers::frame`]), and hand [`Batch`]es of records to one bounded queue; they never look
//! inside a record. When the queue is full, TCP, TLS, files and standard input wait, so that the sender
//! waits too; UDP cannot, and what the kernel drops meanwhile is read from it and counted. Every
//! record received is counted as handed over or dropped with its reason ([`InputCounters`]). RELP and HTTP answer their senders
//! when the engine says that their records are kept ([`Receipt`]).
//!
//! [`Inputs::start`] runs the inputs of a configuration; [`RecordReader`] reads one file whole for
//! commands that replay; [`files`] is the file access that the rest of the engine writes through too.

mod batch;
mod body;
mod bulk;
mod checkpoint;
mod collector;
mod config;
mod counters;
mod door;
mod evtx;
pub use noroshi_files as files;
mod handover;
mod hec;
mod http;
mod inputs;
mod join;
mod outlet;
mod patient;
mod producers;
mod read;
mod receipt;
mod relp;
mod stdin;
mod stream;
mod subject;
#[allow(unsafe_code)]
mod sys;
mod tail;
#[cfg(test)]
mod testing;
mod tls;
mod tokens;
mod udp;

use std::time::{SystemTime, UNIX_EPOCH};

pub use batch::{
    BATCH_AGE_MS, BATCH_BYTES, BATCH_BYTES_MAX, Batch, BatchPool, FileEnd, FileIdentity, Fingerprint, InputIndex,
    Origin, RecordFlags, RecordMarks, RecordRef, Said,
};
pub use body::{BODY_SILENCE_S, BODY_TIMEOUT_S, RATIO_FREE_BYTES, RATIO_MAX};
pub use checkpoint::{CheckpointStore, FileCheckpoint};
pub use config::{
    BODY_BYTES_MAX, CONNECTIONS_MAX, DATAGRAM_BYTES_MAX, FileConfig, FramingMode, From, HANDSHAKE_TIMEOUT_S,
    HttpConfig, IDLE_TIMEOUT_S, IN_FLIGHT_BYTES_MAX, InputKind, InputSpec, InputType, POLL_INTERVAL_MS,
    RECEIVE_BUFFER_BYTES, RECORD_BYTES_MAX, RelpConfig, SpecError, StreamConfig, TlsConfig, Trailer, UDP_SOCKETS_MAX,
    UdpConfig,
};
pub use counters::{DropReason, InputCounters};
pub use http::{BATCH_HEADER, HEADER_TIMEOUT_S, KEPT_TIMEOUT_S};
pub use inputs::{BoundAddress, Inputs, Running, StartError};
pub use join::{DOCUMENT_LINES_MAX, HELD_BYTES_MAX, JOIN_LINES_MAX, JOIN_WAIT_MS, Joiner};
pub use outlet::{STOP_DRAIN_S, Shutdown};
pub use producers::{Numbered, PRODUCERS_MAX, Producers};
pub use read::{ReadError, RecordReader};
pub use receipt::{Answer, BatchNumber, PRODUCER_BYTES_MAX, Receipt};
pub use relp::{ANSWER_TIMEOUT_S, RELP_DATA_BYTES_MAX, RELP_WINDOW_MAX};
pub use tokens::{TOKEN_BYTES_MAX, TOKEN_BYTES_MIN, TOKENS_MAX};

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
