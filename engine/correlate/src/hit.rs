//! What reaches a shard: hits, the progress of sources, and the message that carries both.

use std::sync::Arc;

use crate::{Key, RuleSpec};

/// A source (input, sending device, decoder), numbered by the engine for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// Opaque payload of a hit, shown with a finding; cheap to clone (usually an `Arc`).
pub trait Evidence: Clone {
    /// Bytes charged to the rule's budget while the payload is held.
    fn bytes(&self) -> usize;

    /// Reads what cloning will read, so that it is in the cache by then.
    fn touch(&self) -> usize {
        0
    }
}

/// No evidence: for counting alone.
impl Evidence for () {
    fn bytes(&self) -> usize {
        0
    }
}

/// Shared bytes, such as the raw record.
impl Evidence for Arc<[u8]> {
    fn bytes(&self) -> usize {
        self.len()
    }

    fn touch(&self) -> usize {
        Arc::strong_count(self)
    }
}

/// A match of a rule's base detection, with everything the correlation needs to know.
#[derive(Clone, Debug)]
pub struct Hit<E> {
    /// Index of the rule in the rule set in force at this message.
    pub rule: u32,
    /// Where the event came from.
    pub source: SourceId,
    /// Event time.
    pub time_ns: i64,
    /// The engine's verdict that the time lies beyond receive time + allowed skew.
    pub future: bool,
    /// Group key.
    pub key: Key,
    /// Which of the correlation's rules was hit, from 0.
    pub part: u16,
    /// Digest of the normalised value counted by `value_count`; the number where the kind measures ([`crate::number_value`]).
    pub value: Option<[u8; 16]>,
    /// Digest of the event's content: orders hits of equal time, so that arrival does not.
    pub digest: [u8; 16],
    /// Payload for the finding.
    pub evidence: E,
}

/// How far a source has come by the end of a batch, in one feed class.
#[derive(Clone, Copy, Debug)]
pub struct SourceAdvance {
    /// The source.
    pub source: SourceId,
    /// Feed class of the events; a source that feeds several classes sends one advance for each.
    pub class: u16,
    /// Declared lateness L.
    pub lateness_ns: i64,
    /// Receive time without an event after which the source stops holding others back.
    pub idle_timeout_ns: i64,
    /// Least event time in the batch, future events left out.
    pub min_event_time_ns: i64,
    /// Greatest event time in the batch, future events left out.
    pub max_event_time_ns: i64,
}

/// What one batch sends to one shard, possibly nothing but its sequence number.
#[derive(Clone, Debug)]
pub struct ShardMessage<E> {
    /// Read order of the batch, from 0 without gaps.
    pub sequence: u64,
    /// Hits of the keys this shard owns.
    pub hits: Vec<Hit<E>>,
    /// Progress of the sources in the batch, told to every shard.
    pub sources: Vec<SourceAdvance>,
    /// Receive time of the batch; 0 = not known, as in files: it then goes on with the greatest event time.
    pub receive_time_ns: i64,
    /// A new rule set, in force from this message on.
    pub rules: Option<Arc<Vec<RuleSpec>>>,
    /// The state behind this message is to be captured ([`crate::Shard::capture`]); told to every shard.
    pub cut: bool,
}

/// Why a hit entered no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its time was below the rule's watermark.
    Late,
    /// Its time was beyond receive time + allowed skew.
    Future,
}

/// A hit that entered no window, for the list of late and future hits.
#[derive(Clone, Debug)]
pub struct Refused<E> {
    /// The rule.
    pub spec: Arc<RuleSpec>,
    /// Its group key.
    pub key: Key,
    /// The verdict.
    pub refusal: Refusal,
    /// Where the event came from.
    pub source: SourceId,
    /// Event time.
    pub time_ns: i64,
    /// Content digest.
    pub digest: [u8; 16],
    /// The rule's watermark when the record was read.
    pub watermark_ns: i64,
    /// Its payload.
    pub evidence: Option<E>,
}
