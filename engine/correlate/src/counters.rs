//! What a rule's correlation did, for metrics, `check` and `explain`.

/// Counters of one rule in one shard; add the shards up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCounters {
    /// Hits that entered a window.
    pub hits: u64,
    /// Hits below the rule's watermark.
    pub late: u64,
    /// Hits beyond receive time + allowed skew.
    pub future: u64,
    /// `value_count` hits without the value.
    pub no_value: u64,
    /// Keys given up for the budget.
    pub evicted_keys: u64,
    /// Hits those keys held.
    pub evicted_hits: u64,
    /// Keys that hold state.
    pub keys_live: u64,
    /// Bytes of state charged to the rule, evidence included.
    pub state_bytes: u64,
    /// Values on disk now; one that came again later may count twice.
    pub shelved: u64,
    /// Values laid down on disk.
    pub laid: u64,
    /// Values that a hit asked the disk for, and that were there.
    pub recalled: u64,
    /// Hits whose value the disk could not be asked for; they count as evicted.
    pub unread: u64,
    /// Rounds that the disk did not take: the values stay in memory.
    pub lay_refused: u64,
    /// Open findings sent, updates included.
    pub opens: u64,
    /// Final findings sent.
    pub finals: u64,
    /// The rule's watermark; `i64::MIN` before any source has spoken.
    pub watermark_ns: i64,
    /// State is complete since this event time; `i64::MIN` from the start.
    pub complete_since_ns: i64,
}

impl RuleCounters {
    /// Share of the hits taken in that were not evicted, in percent, never rounded up to 100.
    #[must_use]
    pub fn completeness_percent(&self) -> u8 {
        completeness(self.hits, self.evicted_hits)
    }

    /// Adds another shard's counters of the same rule.
    pub fn add(&mut self, other: &RuleCounters) {
        self.hits += other.hits;
        self.late += other.late;
        self.future += other.future;
        self.no_value += other.no_value;
        self.evicted_keys += other.evicted_keys;
        self.evicted_hits += other.evicted_hits;
        self.keys_live += other.keys_live;
        self.state_bytes += other.state_bytes;
        self.shelved += other.shelved;
        self.laid += other.laid;
        self.recalled += other.recalled;
        self.unread += other.unread;
        self.lay_refused += other.lay_refused;
        self.opens += other.opens;
        self.finals += other.finals;
        self.watermark_ns = self.watermark_ns.min(other.watermark_ns);
        self.complete_since_ns = self.complete_since_ns.max(other.complete_since_ns);
    }
}

pub(crate) fn completeness(hits: u64, evicted: u64) -> u8 {
    if evicted == 0 || hits == 0 {
        return 100;
    }
    (hits.saturating_sub(evicted).saturating_mul(100) / hits).min(99) as u8
}

/// Counters of a shard as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardCounters {
    /// Messages processed.
    pub messages: u64,
    /// Messages that wait for an earlier one.
    pub waiting: u64,
    /// Messages with a sequence number already processed (dropped).
    pub repeated: u64,
    /// Sequence numbers missing when the input ended.
    pub missing: u64,
    /// Hits for a rule or partition this shard does not have (dropped).
    pub misrouted: u64,
    /// Sources that share the overflow slot.
    pub sources_overflow: u64,
    /// Late and future hits that no longer fitted the list; they are counted in the rule.
    pub refused_unlisted: u64,
}
