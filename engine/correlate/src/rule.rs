//! What a correlation rule asks for, compiled: kind, condition, window, feeds and budgets.

/// Default of `max_episode`: an alert that lasts longer than a day is told anew every day.
pub const MAX_EPISODE_NS: i64 = 24 * 3600 * 1_000_000_000;
/// Default state budget of a rule in one partition: 256 of them are 1 GiB, reached by nothing but a flood of keys.
pub const STATE_BYTES_MAX: usize = 4 << 20;
/// Default number of first and of last members whose evidence is kept: what an analyst reads before opening the archive.
pub const EVIDENCE_MAX: usize = 5;
/// Feed classes a rule set can tell apart; classes above share the last bit.
pub const FEED_CLASSES_MAX: u16 = 4096;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Hits in the window (Sigma `event_count`).
    EventCount,
    /// Distinct values of a field over the hits in the window (Sigma `value_count`); hits without the value take no part.
    ValueCount,
}

/// One comparison of the count with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Gte,
    /// Less than.
    Lt,
    /// Less than or equal.
    Lte,
    /// Equal.
    Eq,
}

/// Comparisons that must all hold, such as `gte: 5` or the range `gte: 5, lt: 10`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    terms: Vec<(Op, u64)>,
}

impl Condition {
    /// The conjunction of the given comparisons; none at all always holds.
    #[must_use]
    pub fn new(terms: Vec<(Op, u64)>) -> Condition {
        Condition { terms }
    }

    /// The comparisons.
    #[must_use]
    pub fn terms(&self) -> &[(Op, u64)] {
        &self.terms
    }

    /// Whether the count satisfies every comparison.
    #[must_use]
    pub fn holds(&self, count: u64) -> bool {
        self.terms.iter().all(|&(op, number)| match op {
            Op::Gt => count > number,
            Op::Gte => count >= number,
            Op::Lt => count < number,
            Op::Lte => count <= number,
            Op::Eq => count == number,
        })
    }

    /// Whether more hits can only confirm it, so that it may raise its alert before the watermark.
    #[must_use]
    pub fn is_monotone(&self) -> bool {
        self.terms.iter().all(|(op, _)| matches!(op, Op::Gt | Op::Gte))
    }
}

/// The set of feed classes whose sources a rule listens to; their watermarks bound the rule's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FeedSet {
    words: Vec<u64>,
}

impl FeedSet {
    /// The set of the given classes.
    #[must_use]
    pub fn new(classes: &[u16]) -> FeedSet {
        let mut set = FeedSet::default();
        for &class in classes {
            set.insert(class);
        }
        set
    }

    /// Adds a class.
    pub fn insert(&mut self, class: u16) {
        let class = usize::from(class.min(FEED_CLASSES_MAX - 1));
        if self.words.len() <= class / 64 {
            self.words.resize(class / 64 + 1, 0);
        }
        self.words[class / 64] |= 1 << (class % 64);
    }

    /// Whether the class is in the set.
    #[must_use]
    pub fn contains(&self, class: u16) -> bool {
        let class = usize::from(class.min(FEED_CLASSES_MAX - 1));
        self.words.get(class / 64).is_some_and(|word| word & (1 << (class % 64)) != 0)
    }
}

/// A compiled correlation rule.
#[derive(Clone, Debug)]
pub struct RuleSpec {
    /// The rule's id.
    pub id: String,
    /// Digest of the definition: state belongs to it, ids are made of it.
    pub definition_digest: [u8; 32],
    /// What is counted.
    pub kind: Kind,
    /// When the count makes a hit part of an episode.
    pub condition: Condition,
    /// Span W of the window `(t − W, t]`; taken as at least 1.
    pub window_ns: i64,
    /// An episode is cut at the first hit this far from its trigger; taken as at least 1.
    pub max_episode_ns: i64,
    /// Feed classes of the sources that feed the rule.
    pub feeds: FeedSet,
    /// State budget in bytes of this rule in each of the 256 partitions.
    pub state_bytes_max: usize,
    /// How many first and how many last members of an episode keep their evidence.
    pub evidence_max: usize,
}

impl RuleSpec {
    /// W, at least one nanosecond.
    pub(crate) fn window(&self) -> i64 {
        self.window_ns.max(1)
    }

    /// Longest episode, at least one nanosecond.
    pub(crate) fn episode_max(&self) -> i64 {
        self.max_episode_ns.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_and_know_whether_they_are_monotone() {
        let range = Condition::new(vec![(Op::Gte, 5), (Op::Lt, 10)]);
        assert_eq!((4..=10).filter(|&n| range.holds(n)).collect::<Vec<_>>(), [5, 6, 7, 8, 9]);
        assert!(!range.is_monotone());
        assert!(Condition::new(vec![(Op::Gt, 5), (Op::Gte, 7)]).is_monotone());
        assert!(!Condition::new(vec![(Op::Eq, 5)]).is_monotone());
        assert!(Condition::new(vec![(Op::Lte, 2)]).holds(2));
    }

    #[test]
    fn feed_sets_hold_what_was_put_in() {
        let set = FeedSet::new(&[0, 63, 64, 700]);
        assert!([0, 63, 64, 700].iter().all(|&class| set.contains(class)));
        assert!(!set.contains(1) && !set.contains(701) && !set.contains(u16::MAX));
    }
}
