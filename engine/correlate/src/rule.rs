//! What a correlation rule asks for, compiled: kind, condition, window, feeds and budgets.

use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Default of `max_episode`: an alert that lasts longer than a day is told anew every day.
pub const MAX_EPISODE_NS: i64 = 24 * 3600 * 1_000_000_000;
/// Default state budget of a rule in one partition: 256 of them are 1 GiB, reached by nothing but a flood of keys.
pub const STATE_BYTES_MAX: usize = 4 << 20;
/// Default number of first and of last members whose evidence is kept: what an analyst reads before opening the archive.
pub const EVIDENCE_MAX: usize = 5;
/// Feed classes a rule set can tell apart; classes above share the last bit.
pub const FEED_CLASSES_MAX: u16 = 4096;

/// What is looked for in the windows of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Hits in the window (Sigma `event_count`).
    EventCount,
    /// Distinct values of a field over the hits in the window (Sigma `value_count`); hits without the value take no part.
    ValueCount,
    /// Distinct rules ([`crate::Hit::part`]) over the hits in the window (Sigma `temporal`).
    Temporal,
    /// A hit of each of so many rules, in their order; the window ends at the hit of the last one (Sigma `temporal_ordered`).
    TemporalOrdered {
        /// How many rules.
        parts: u16,
    },
    /// Sum of the hits' numbers (Sigma `value_sum`).
    Sum,
    /// Arithmetic mean of the hits' numbers (Sigma `value_avg`), compared without division.
    Average,
    /// A hit of the first rule (part 0) that no hit of another answers in `(t, t + W]`.
    Absence,
    /// A hit that no other follows in `(t, t + W]`.
    Silence,
    /// A hit whose value the key has not had in `[t − H, t)`.
    NewValue {
        /// H.
        horizon_ns: i64,
        /// Nothing is new before the rule's sources have been heard for so long.
        warmup_ns: i64,
    },
    /// Hits at regular intervals: two hits of one time are one.
    Beacon {
        /// Least number of intervals in the window.
        intervals: u32,
        /// Greatest coefficient of variation, in thousandths.
        variation_permille: u32,
    },
    /// Places ([`crate::place_value`]) too far apart for the time between them.
    Travel {
        /// Greatest speed believed, in kilometres an hour. Without coordinates, another country is too far.
        speed_kmh: u32,
    },
    /// What a key does in a bucket of time ([`RuleSpec::condition`] in units of [`NUMBER_UNIT`]). The window is two buckets, so
    /// that neighbours make one episode.
    Volume {
        /// The span of a bucket; bucket k is (k B, (k + 1) B] since the epoch.
        bucket_ns: i64,
        /// What is measured.
        metric: Metric,
    },
    /// The same against the key's own history; the condition is the least that is looked at.
    Baseline {
        /// The span of a bucket.
        bucket_ns: i64,
        /// What is measured.
        metric: Metric,
        /// How many deviations above the expected are too many, in thousandths.
        deviation_permille: u32,
        /// How far back buckets are compared with.
        horizon_ns: i64,
        /// Fewest like buckets that make a history.
        history_min: u32,
        /// Which buckets are alike.
        season: Season,
    },
    /// A hit whose value ([`rare_value`]) is rare in the key's population, over `(t − H, t]`.
    Rare {
        /// H.
        horizon_ns: i64,
        /// Nothing is rare before the rule's sources have been heard for so long.
        warmup_ns: i64,
        /// Rare is what comes fewer times than this; 0 = never.
        times: u32,
        /// Rare is what fewer than this share of the entities have, in millionths; 0 = never.
        share_millionths: u32,
    },
    /// Scores of the distinct rules and episodes in the window, added up ([`RuleSpec::risk`]).
    Risk,
    /// A percentile of the hits' numbers by nearest rank (Sigma `value_percentile`, `value_median`).
    Percentile {
        /// 1 to 100.
        percent: u8,
    },
}

/// What is measured of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Hits.
    Count,
    /// The sum of their numbers.
    Sum,
    /// Distinct values.
    Distinct,
}

/// Which buckets of a history are like one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Season {
    /// All.
    None,
    /// Those of the same hour of the day.
    Day,
    /// Those of the same hour of the week.
    Week,
}

/// What a hit of [`Kind::Rare`] carries: digests of its value and of the entity that has it, a half each.
#[must_use]
pub fn rare_value(value: &[u8], entity: &[u8]) -> [u8; 16] {
    let half = |text: &[u8]| Sha256::digest(text).first_chunk::<8>().copied().unwrap_or_default();
    let mut both = [0; 16];
    both[..8].copy_from_slice(&half(value));
    both[8..].copy_from_slice(&half(entity));
    both
}

impl Kind {
    /// Whether the definition names the hits that count, and an episode is a run of them.
    pub(crate) fn is_sieved(self) -> bool {
        matches!(self, Kind::Absence | Kind::Silence | Kind::NewValue { .. } | Kind::Rare { .. })
            || self.bucket().is_some()
    }

    /// Whether the condition is over a number of distinct things: values, or rules.
    #[must_use]
    pub fn counts_distinct(self) -> bool {
        matches!(self, Kind::ValueCount | Kind::Temporal)
    }

    /// Whether the condition is over the hits' numbers, in units of [`NUMBER_UNIT`].
    #[must_use]
    pub fn measures(self) -> bool {
        matches!(self, Kind::Sum | Kind::Average | Kind::Percentile { .. })
    }

    /// Whether a hit without [`crate::Hit::value`] takes no part.
    #[must_use]
    pub fn needs_value(self) -> bool {
        match self {
            Kind::Volume { metric, .. } | Kind::Baseline { metric, .. } => metric != Metric::Count,
            Kind::ValueCount | Kind::NewValue { .. } | Kind::Travel { .. } | Kind::Rare { .. } => true,
            _ => self.measures(),
        }
    }

    /// The value of a hit whose named value is this text; `None` for kinds that need more than its identity.
    pub(crate) fn value_of(self, text: &[u8]) -> Option<[u8; 16]> {
        let digest = Sha256::digest(text);
        let known = matches!(self, Kind::ValueCount | Kind::NewValue { .. });
        known.then(|| digest.first_chunk().copied()).flatten()
    }

    /// Whether the window slides on in time order, at the watermark.
    pub(crate) fn slides(self) -> bool {
        self.measures() || matches!(self, Kind::Beacon { .. } | Kind::Travel { .. })
    }
}

/// Numbers are whole multiples of a billionth, so that sums are exact in decimal.
pub const NUMBER_UNIT: i128 = 1_000_000_000;
/// Greatest magnitude of a number, 10^18 in units of [`NUMBER_UNIT`]: 10^11 of them add up without overflow.
pub const NUMBER_MAX: i128 = 1_000_000_000_000_000_000 * NUMBER_UNIT;

/// A number as [`crate::Hit::value`] carries it.
#[must_use]
pub fn number_value(number: i128) -> [u8; 16] {
    number.clamp(-NUMBER_MAX, NUMBER_MAX).to_be_bytes()
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

/// Comparisons that must all hold, such as `gte: 5` or the range `gte: 5, lt: 10`. Where the kind measures, in units of [`NUMBER_UNIT`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    terms: Vec<(Op, i128)>,
}

impl Condition {
    /// The conjunction of the given comparisons; none at all always holds.
    #[must_use]
    pub fn new(terms: Vec<(Op, i128)>) -> Condition {
        Condition { terms }
    }

    /// The comparisons.
    #[must_use]
    pub fn terms(&self) -> &[(Op, i128)] {
        &self.terms
    }

    /// Whether the count satisfies every comparison.
    #[must_use]
    pub fn holds(&self, count: i128) -> bool {
        self.holds_ratio(count, 1)
    }

    /// Whether `sum / of` satisfies every comparison, without dividing; `of` is above 0.
    #[must_use]
    pub fn holds_ratio(&self, sum: i128, of: i128) -> bool {
        self.terms.iter().all(|&(op, number)| {
            let ordering = sum.cmp(&number.saturating_mul(of));
            match op {
                Op::Gt => ordering.is_gt(),
                Op::Gte => ordering.is_ge(),
                Op::Lt => ordering.is_lt(),
                Op::Lte => ordering.is_le(),
                Op::Eq => ordering.is_eq(),
            }
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

    /// Whether no source is listened to.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
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
    /// What is looked for.
    pub kind: Kind,
    /// When the count or number makes a hit part of an episode.
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
    /// The correlations whose episodes are its hits, beside the hits of rules. Never round in a circle.
    pub links: Vec<Link>,
    /// For [`Season`]: from when on the calendar is how many seconds ahead of UTC, ascending; UTC before the first.
    pub calendar: Arc<[(i64, i32)]>,
    /// What the hits of [`Kind::Risk`] are worth; `None` for the other kinds.
    pub risk: Option<Arc<Worth>>,
}

/// A correlation whose episodes are hits of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Index of that correlation in the rule set.
    pub child: u32,
    /// Which of the parent's rules it is ([`crate::Hit::part`]).
    pub part: u16,
    /// The parent's group key: places in the child's.
    pub key: Box<[u16]>,
    /// Place in the child's key of the value that the parent counts or measures.
    pub value: Option<u16>,
}

/// What hits are worth to [`Kind::Risk`], and what besides the sum opens an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worth {
    /// By part.
    pub parts: Vec<PartWorth>,
    /// A score is halved for each full span of this length that has gone by; `None` keeps it.
    pub half_life_ns: Option<i64>,
    /// So many distinct techniques are enough; 0 = never.
    pub techniques_min: u32,
    /// So many distinct log sources are enough; 0 = never.
    pub sources_min: u32,
}

/// What a hit of one part is worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartWorth {
    /// Score, in whole points.
    pub score: u32,
    /// Its techniques, numbered by the caller.
    pub techniques: Box<[u16]>,
    /// Its log sources, numbered by the caller.
    pub sources: Box<[u16]>,
}

impl Worth {
    /// What a score is worth at this age.
    #[must_use]
    pub fn score_at(&self, part: u16, age_ns: i64) -> u64 {
        let score = self.parts.get(usize::from(part)).map_or(0, |part| u64::from(part.score));
        match self.half_life_ns {
            Some(half_life) => score.checked_shr((age_ns / half_life.max(1)).clamp(0, 64) as u32).unwrap_or(0),
            None => score,
        }
    }
}

impl RuleSpec {
    /// Whether episodes of other correlations are hits of this one.
    #[must_use]
    pub fn is_upper(&self) -> bool {
        !self.links.is_empty()
    }

    /// W, at least one nanosecond.
    pub(crate) fn window(&self) -> i64 {
        self.window_ns.max(1)
    }

    /// How long after a hit it is decided whether it counts.
    pub(crate) fn lag(&self) -> i64 {
        match self.kind {
            Kind::Absence | Kind::Silence => self.window(),
            kind => kind.bucket().unwrap_or(0),
        }
    }

    /// How far back the input must be read for a verdict, in nanoseconds.
    #[must_use]
    pub fn reach_ns(&self) -> i64 {
        self.reach().saturating_add(self.lag())
    }

    /// How far back hits bear on a hit.
    pub(crate) fn reach(&self) -> i64 {
        match self.kind {
            // A value that came a whole horizon before is known: unlike a window's, the horizon's start belongs to it.
            Kind::NewValue { horizon_ns, .. } => self.window().max(horizon_ns.saturating_add(1)),
            Kind::Rare { horizon_ns, .. } => self.window().max(horizon_ns),
            Kind::Baseline { horizon_ns, .. } => self.window().saturating_add(horizon_ns),
            _ => self.window(),
        }
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
        let third = Condition::new(vec![(Op::Gt, 3)]);
        assert!(third.holds_ratio(10, 3) && !third.holds_ratio(9, 3));
    }

    #[test]
    fn feed_sets_hold_what_was_put_in() {
        let set = FeedSet::new(&[0, 63, 64, 700]);
        assert!([0, 63, 64, 700].iter().all(|&class| set.contains(class)));
        assert!(!set.contains(1) && !set.contains(701) && !set.contains(u16::MAX));
    }
}
