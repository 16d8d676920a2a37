//! Metrics by bucket of time: what a key did in each, against a limit or against its own history.
//!
//! A bucket is decided when the watermark has passed its end. Of its hits only the first is kept, which stands for the
//! bucket from then on; of buckets that are over only the metric, and that only where a history is asked for.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::history::History;
use crate::image::{Damaged, ImageReader, ImageWriter, Saved, saved};
use crate::window::Record;
use crate::{Evidence, Kind, Metric, NUMBER_UNIT, RuleSpec, Season};

/// Numbers of buckets are told in thousandths: 16 bytes hold what was observed and what was expected.
pub(crate) const BUCKET_UNIT: i128 = NUMBER_UNIT / 1000;

/// What a bucket's record carries as its value: observed and expected, in thousandths.
pub(crate) fn bucket_value(observed: i64, expected: i64) -> [u8; 16] {
    ((u128::from(observed as u64) << 64) | u128::from(expected as u64)).to_be_bytes()
}

/// Observed and expected of a bucket's record, in units of [`NUMBER_UNIT`].
pub(crate) fn read_bucket(value: [u8; 16]) -> (i128, i128) {
    let both = u128::from_be_bytes(value);
    (i128::from((both >> 64) as u64 as i64) * BUCKET_UNIT, i128::from(both as u64 as i64) * BUCKET_UNIT)
}

/// A metric in thousandths.
pub(crate) fn thousandths(metric: i128) -> i64 {
    (metric / BUCKET_UNIT).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// The bucket that holds a time: bucket k is (k B, (k + 1) B].
pub(crate) fn bucket_of(time: i64, bucket_ns: i64) -> i64 {
    time.saturating_sub(1).div_euclid(bucket_ns.max(1))
}

/// How many buckets of a rule's history are like each bucket: the same for all keys, so counted once.
#[derive(Debug, Default)]
pub(crate) struct Likenesses {
    known: HashMap<i64, u32>,
}

saved!(Likenesses { known });

/// Buckets whose likeness is remembered: those that can be open at once, in numbers.
const LIKENESSES_MAX: usize = 4096;

impl Likenesses {
    fn of(&mut self, bucket: i64, first: i64, bucket_ns: i64, spec: &RuleSpec) -> u32 {
        if self.known.len() >= LIKENESSES_MAX {
            self.known.clear();
        }
        *self.known.entry(bucket).or_insert_with(|| {
            let season = |bucket: i64| spec.season_of(bucket.saturating_mul(bucket_ns));
            let mine = season(bucket);
            (first..bucket).filter(|&other| season(other) == mine).count() as u32
        })
    }
}

/// The buckets of one key.
#[derive(Debug)]
pub(crate) struct Buckets<E> {
    open: BTreeMap<i64, Open<E>>,
    /// Metrics of buckets that are over, in thousandths; of those with hits only.
    closed: History,
    evidence_bytes: usize,
    values: usize,
    pub(crate) last: i64,
}

/// A bucket that is not over.
#[derive(Debug)]
struct Open<E> {
    /// The first hit in order.
    first: Record<E>,
    /// Count or sum, in units of [`NUMBER_UNIT`].
    metric: i128,
    values: HashSet<[u8; 16], FixedState>,
}

saved!(Open<E> { first, metric, values });

impl<E: Evidence> Saved<E> for Buckets<E> {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.put(&self.open);
        to.put(&self.closed);
        to.put(&self.last);
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let open: BTreeMap<i64, Open<E>> = from.take()?;
        let evidence = open.values().filter_map(|open| open.first.evidence.as_ref());
        Ok(Buckets {
            evidence_bytes: evidence.map(Evidence::bytes).sum(),
            values: open.values().map(|open| open.values.len()).sum(),
            open,
            closed: from.take()?,
            last: from.take()?,
        })
    }
}

impl<E: Evidence> Buckets<E> {
    pub(crate) fn new() -> Buckets<E> {
        Buckets { open: BTreeMap::new(), closed: History::default(), evidence_bytes: 0, values: 0, last: i64::MIN }
    }

    pub(crate) fn insert(&mut self, record: Record<E>, bucket_ns: i64, metric: Metric) {
        self.last = self.last.max(record.time);
        let (number, value) = (i128::from_be_bytes(record.value), record.value);
        let bytes = |record: &Record<E>| record.evidence.as_ref().map_or(0, Evidence::bytes);
        let evidence_bytes = &mut self.evidence_bytes;
        let open = match self.open.entry(bucket_of(record.time, bucket_ns)) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                *evidence_bytes += bytes(&record);
                vacant.insert(Open { first: record, metric: 0, values: HashSet::with_hasher(FixedState::with_seed(0)) })
            }
            std::collections::btree_map::Entry::Occupied(occupied) => {
                let open = occupied.into_mut();
                if record.order() < open.first.order() {
                    *evidence_bytes = *evidence_bytes + bytes(&record) - bytes(&open.first);
                    open.first = record;
                }
                open
            }
        };
        match metric {
            Metric::Count => open.metric += NUMBER_UNIT,
            Metric::Sum => open.metric = open.metric.saturating_add(number),
            Metric::Distinct => {
                if open.values.insert(value) {
                    open.metric += NUMBER_UNIT;
                    self.values += 1;
                }
            }
        }
    }

    /// Closes the buckets that end before the watermark, or all; those that the rule names are let through.
    pub(crate) fn strain(
        &mut self,
        watermark: i64,
        all: bool,
        spec: &RuleSpec,
        (start, likenesses): (i64, &mut Likenesses),
        mut pass: impl FnMut(Record<E>),
    ) {
        let Some(bucket_ns) = spec.kind.bucket() else { return };
        while let Some(first) = self.open.first_entry()
            && (all || first.key().saturating_add(1).saturating_mul(bucket_ns) < watermark)
        {
            let (bucket, mut open) = (*first.key(), first.remove());
            self.evidence_bytes -= open.first.evidence.as_ref().map_or(0, Evidence::bytes);
            self.values -= open.values.len();
            let observed = thousandths(open.metric);
            let holds = spec.condition.holds(open.metric);
            let expected = match spec.kind {
                Kind::Baseline { horizon_ns, .. } => {
                    let oldest = bucket.saturating_sub(horizon_ns / bucket_ns);
                    self.closed.forget(oldest);
                    // A bucket that the sources were not heard for the whole of is no history.
                    let from = oldest.max(start.saturating_add(bucket_ns - 1).div_euclid(bucket_ns));
                    let alike = likenesses.of(bucket, from, bucket_ns, spec);
                    let season = |bucket: i64| spec.season_of(bucket.saturating_mul(bucket_ns));
                    let mine = season(bucket);
                    let known = self.closed.iter().filter(|(other, _)| *other >= from && season(*other) == mine);
                    let known: Vec<i64> = known.map(|(_, metric)| metric).collect();
                    self.closed.push(bucket, observed);
                    spec.kind.exceeds(observed, known, alike)
                }
                _ => Some(0),
            };
            if let Some(expected) = expected.filter(|_| holds) {
                open.first.value = bucket_value(observed, expected);
                pass(open.first);
            }
        }
        if let Kind::Baseline { horizon_ns, .. } = spec.kind {
            let oldest = bucket_of(watermark, bucket_ns).saturating_sub(horizon_ns / bucket_ns);
            self.closed.forget(oldest);
        }
    }

    /// The watermark at which something is due.
    pub(crate) fn deadline(&self, spec: &RuleSpec) -> i64 {
        let bucket_ns = spec.kind.bucket().unwrap_or(1);
        let end = |bucket: i64| bucket.saturating_add(1).saturating_mul(bucket_ns).saturating_add(1);
        let open = self.open.first_key_value().map(|(bucket, _)| end(*bucket));
        let forgotten = match (spec.kind, self.closed.last()) {
            (Kind::Baseline { horizon_ns, .. }, Some(bucket)) => {
                Some(end(bucket).saturating_add(horizon_ns).saturating_add(bucket_ns))
            }
            _ => None,
        };
        open.into_iter().chain(forgotten).min().unwrap_or(i64::MAX)
    }

    pub(crate) fn hits(&self) -> usize {
        (self.open.len() + self.closed.len()).max(1)
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.open.len() * (size_of::<(i64, Open<E>)>() + 16)
            + self.closed.bytes()
            + self.values * 24
            + self.evidence_bytes
    }
}

impl Kind {
    /// The span of a bucket, for the kinds that have buckets.
    pub(crate) fn bucket(self) -> Option<i64> {
        match self {
            Kind::Volume { bucket_ns, .. } | Kind::Baseline { bucket_ns, .. } => Some(bucket_ns.max(1)),
            _ => None,
        }
    }

    /// What was expected, if that is known and what was observed is too much: `known` are the metrics of like buckets
    /// with hits, `alike` the number of all like buckets.
    fn exceeds(self, observed: i64, mut known: Vec<i64>, alike: u32) -> Option<i64> {
        let Kind::Baseline { deviation_permille, history_min, .. } = self else { return None };
        let quiet = (alike as usize).saturating_sub(known.len());
        if alike == 0 || alike < history_min {
            return None;
        }
        known.extend(std::iter::repeat_n(0, quiet));
        let middle = (known.len() - 1) / 2;
        let expected = *known.select_nth_unstable(middle).1;
        known.iter_mut().for_each(|metric| *metric = metric.saturating_sub(expected).saturating_abs());
        let spread = *known.select_nth_unstable(middle).1;
        // 1.4826 times the median deviation is the standard deviation of a normal distribution; steady series get a tenth.
        let spread = (14_826 * i128::from(spread)).max(1_000 * i128::from(expected.max(0)));
        let above = i128::from(observed) - i128::from(expected);
        (above > 0 && above * 10_000_000 >= i128::from(deviation_permille) * spread).then_some(expected)
    }
}

impl RuleSpec {
    /// Which buckets are like one another: the hour of the week or of the day, in the rule's calendar.
    pub(crate) fn season_of(&self, time: i64) -> i64 {
        const HOUR_NS: i64 = 3_600 * 1_000_000_000;
        let Kind::Baseline { season, .. } = self.kind else { return 0 };
        let at = self.calendar.partition_point(|&(from, _)| from <= time);
        let offset_s = at.checked_sub(1).map_or(0, |at| i64::from(self.calendar[at].1));
        let hour = time.saturating_add(offset_s * 1_000_000_000).div_euclid(HOUR_NS);
        match season {
            Season::None => 0,
            Season::Day => hour.rem_euclid(24),
            Season::Week => hour.rem_euclid(168),
        }
    }
}
