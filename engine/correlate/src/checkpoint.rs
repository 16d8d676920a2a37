//! Starting again without a snapshot: how far back the input must be read, and what was already said.

/// Where a rule stood when a checkpoint was taken.
///
/// A shard started with it ([`crate::ShardConfig::resume`]) and fed every hit
/// with a time after `complete_after_ns` (more is welcome) tells the finals the
/// stopped one had not told, equal in every byte, and may repeat finals that
/// share their id with those sent since the checkpoint. Of several shards take
/// the least of each number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleCheckpoint {
    /// The rule's definition; a checkpoint of another definition is ignored.
    pub definition_digest: [u8; 32],
    /// The rule's watermark: episodes with last + W before it were told as final.
    pub settled_ns: i64,
    /// Every hit after this event time must be read again; `i64::MIN` asks for the whole input.
    pub complete_after_ns: i64,
    /// Earliest event time of the rule's sources; `i64::MAX` where it is not known.
    pub start_ns: i64,
}
