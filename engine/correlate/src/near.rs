//! Near misses: where a key came close to a rule's condition and did not meet it.
//!
//! For the analyst who asks what was one short, and the engineer who sets thresholds. Looks at windows as the definitions have them; off
//! the path of events.

use std::collections::BTreeSet;

use crate::buckets::bucket_of;
use crate::{Hit, Kind, Metric, NUMBER_UNIT, Op, RuleSpec};

/// Hits looked at in all windows together: some seconds of work. Beyond it the later windows are not looked at, and the answer says so.
pub const NEAR_WORK_MAX: u64 = 200_000_000;

/// What a near miss is short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Hits in the window.
    Hits,
    /// Distinct values.
    Values,
    /// Distinct rules.
    Rules,
    /// Rules in their order.
    Steps,
    /// A sum, mean or percentile, in units of [`crate::NUMBER_UNIT`].
    Number,
    /// Intervals between hits.
    Intervals,
}

/// The closest that the windows of one stretch of hits came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// Where the window ends.
    pub time_ns: i64,
    /// What it held.
    pub have: i128,
    /// What the condition asks for, and was not met.
    pub op: Op,
    /// With which number.
    pub wanted: i128,
    /// What is counted.
    pub measure: Measure,
}

impl NearMiss {
    /// How far it was from holding; at least 1 for what is counted.
    #[must_use]
    pub fn short(&self) -> i128 {
        let apart = (self.wanted - self.have).abs();
        if matches!(self.op, Op::Gt | Op::Lt) { apart + 1 } else { apart }
    }
}

/// Near misses of one key.
#[derive(Clone, Debug, Default)]
pub struct NearMisses {
    /// The closest first, then by time.
    pub closest: Vec<NearMiss>,
    /// Stretches of hits that did not meet the condition.
    pub stretches: usize,
    /// Windows beyond [`NEAR_WORK_MAX`] were not looked at.
    pub cut: bool,
}

impl NearMisses {
    fn tell(&mut self, mut stretches: Vec<NearMiss>, max: usize) {
        self.stretches = stretches.len();
        stretches.sort_by_key(|miss| (miss.short(), miss.time_ns));
        stretches.truncate(max);
        self.closest = stretches;
    }
}

/// The near misses of a rule over the hits of one key, in any order; at most `max` are told. A window less than W from one that met
/// the condition belongs to that episode and is none.
///
/// Of a `volume` each bucket is a stretch of its own, and told at its last hit. Kinds whose condition is not about a number in a
/// window (absence, silence, new values, travel) have none.
#[must_use]
pub fn near_misses<E>(spec: &RuleSpec, hits: &[&Hit<E>], max: usize) -> NearMisses {
    let mut hits: Vec<&Hit<E>> =
        hits.iter().filter(|hit| !spec.kind.needs_value() || hit.value.is_some()).copied().collect();
    hits.sort_by_key(|hit| hit.time_ns);
    if let Kind::Volume { bucket_ns, metric } = spec.kind {
        return near_buckets(spec, &hits, (bucket_ns, metric), max);
    }
    let mut found = NearMisses::default();
    // Of each time at which a window ends: how it missed, `None` where it met the condition.
    let mut ends: Vec<(i64, Option<NearMiss>)> = Vec::new();
    let (mut begin, mut work) = (0, 0u64);
    for end in 1..=hits.len() {
        let time = hits[end - 1].time_ns;
        if hits.get(end).is_some_and(|next| next.time_ns == time) {
            continue;
        }
        while hits[begin].time_ns <= time.saturating_sub(spec.window()) {
            begin += 1;
        }
        work += if spec.kind == Kind::EventCount { 1 } else { (end - begin) as u64 };
        if work > NEAR_WORK_MAX {
            found.cut = true;
            break;
        }
        let Some((measure, have, of)) = measured(spec, &hits[begin..end]) else { return found };
        let wanted = terms(spec);
        ends.push((
            time,
            missed(&wanted, have, of).map(|(op, wanted)| NearMiss {
                time_ns: time,
                have: have / of,
                op,
                wanted,
                measure,
            }),
        ));
    }
    let met: Vec<i64> = ends.iter().filter(|(_, miss)| miss.is_none()).map(|(time, _)| *time).collect();
    let mut before = i64::MIN;
    let mut stretches: Vec<NearMiss> = Vec::new();
    for (time, miss) in ends {
        let next = met.partition_point(|&met| met < time);
        let beside = |at: Option<&i64>| at.is_some_and(|&met| met.abs_diff(time) < spec.window().unsigned_abs());
        let Some(miss) = miss.filter(|_| !beside(met.get(next)) && !beside(next.checked_sub(1).map(|at| &met[at])))
        else {
            before = i64::MIN;
            continue;
        };
        match stretches.last_mut().filter(|_| before != i64::MIN && time - before < spec.window()) {
            Some(closest) if closest.short() > miss.short() => *closest = miss,
            Some(_) => {}
            None => stretches.push(miss),
        }
        before = time;
    }
    found.tell(stretches, max);
    found
}

/// The buckets that did not meet the condition.
fn near_buckets<E>(spec: &RuleSpec, hits: &[&Hit<E>], (bucket_ns, metric): (i64, Metric), max: usize) -> NearMisses {
    let place = |hit: &Hit<E>| bucket_of(hit.time_ns, bucket_ns);
    let missed = hits.chunk_by(|one, other| place(one) == place(other)).filter_map(|bucket| {
        let values = || bucket.iter().filter_map(|hit| hit.value);
        let have = match metric {
            Metric::Count => bucket.len() as i128 * NUMBER_UNIT,
            Metric::Sum => values().map(i128::from_be_bytes).fold(0, i128::saturating_add),
            Metric::Distinct => values().collect::<BTreeSet<_>>().len() as i128 * NUMBER_UNIT,
        };
        let (op, wanted) = missed(spec.condition.terms(), have, 1)?;
        Some(NearMiss { time_ns: bucket.last()?.time_ns, have, op, wanted, measure: Measure::Number })
    });
    let missed = missed.collect();
    let mut found = NearMisses::default();
    found.tell(missed, max);
    found
}

/// The first comparison that `have / of` does not meet.
fn missed(terms: &[(Op, i128)], have: i128, of: i128) -> Option<(Op, i128)> {
    let met = |&&(op, wanted): &&(Op, i128)| {
        let ordering = have.cmp(&wanted.saturating_mul(of));
        match op {
            Op::Gt => ordering.is_gt(),
            Op::Gte => ordering.is_ge(),
            Op::Lt => ordering.is_lt(),
            Op::Lte => ordering.is_le(),
            Op::Eq => ordering.is_eq(),
        }
    };
    terms.iter().find(|term| !met(term)).copied()
}

/// What the kind asks for, be it written as a condition or not.
fn terms(spec: &RuleSpec) -> Vec<(Op, i128)> {
    match spec.kind {
        Kind::TemporalOrdered { parts } => vec![(Op::Gte, i128::from(parts))],
        Kind::Beacon { intervals, .. } => vec![(Op::Gte, i128::from(intervals))],
        _ => spec.condition.terms().to_vec(),
    }
}

/// What the condition is about in this window, as a ratio.
fn measured<E>(spec: &RuleSpec, window: &[&Hit<E>]) -> Option<(Measure, i128, i128)> {
    let count = window.len() as i128;
    let numbers = || window.iter().filter_map(|hit| hit.value).map(i128::from_be_bytes);
    let distinct =
        |of: &dyn Fn(&Hit<E>) -> [u8; 16]| window.iter().map(|hit| of(hit)).collect::<BTreeSet<_>>().len() as i128;
    Some(match spec.kind {
        Kind::EventCount => (Measure::Hits, count, 1),
        Kind::ValueCount => (Measure::Values, distinct(&|hit| hit.value.unwrap_or_default()), 1),
        Kind::Temporal => (Measure::Rules, distinct(&|hit| u128::from(hit.part).to_be_bytes()), 1),
        Kind::Sum => (Measure::Number, numbers().sum(), 1),
        Kind::Average => (Measure::Number, numbers().sum(), count),
        Kind::Percentile { percent } => {
            let mut sorted: Vec<i128> = numbers().collect();
            sorted.sort_unstable();
            let rank = (sorted.len() * usize::from(percent)).div_ceil(100).max(1);
            (Measure::Number, sorted[rank - 1], 1)
        }
        Kind::TemporalOrdered { parts } => {
            // The hits are in order of time; those of one time may stand in either order.
            let (mut steps, mut at) = (0u16, 0);
            while steps < parts
                && let Some(step) = window[at..].iter().position(|hit| hit.part == steps)
            {
                let time = window[at + step].time_ns;
                at = window.partition_point(|hit| hit.time_ns < time);
                steps += 1;
            }
            (Measure::Steps, i128::from(steps), 1)
        }
        Kind::Beacon { .. } => {
            let times = window.iter().map(|hit| hit.time_ns).collect::<BTreeSet<_>>().len() as i128;
            (Measure::Intervals, times - 1, 1)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Condition, FeedSet, Key, SourceId};

    fn spec(kind: Kind, terms: &[(Op, i128)]) -> RuleSpec {
        RuleSpec {
            id: "r".into(),
            definition_digest: [0; 32],
            kind,
            condition: Condition::new(terms.to_vec()),
            window_ns: 60,
            max_episode_ns: crate::MAX_EPISODE_NS,
            feeds: FeedSet::default(),
            state_bytes_max: crate::STATE_BYTES_MAX,
            evidence_max: 5,
            links: Vec::new(),
            risk: None,
            calendar: std::sync::Arc::default(),
        }
    }

    fn hit(time_ns: i64, part: u16, value: u8) -> Hit<()> {
        Hit {
            rule: 0,
            source: SourceId(0),
            time_ns,
            future: false,
            key: Key::new(&[]),
            part,
            value: Some([value; 16]),
            digest: [0; 16],
            evidence: (),
        }
    }

    fn told(spec: &RuleSpec, hits: &[Hit<()>]) -> Vec<(i64, i128, i128)> {
        let hits: Vec<_> = hits.iter().collect();
        let found = near_misses(spec, &hits, 8);
        assert_eq!(found.stretches, found.closest.len());
        found.closest.iter().map(|miss| (miss.time_ns, miss.have, miss.short())).collect()
    }

    #[test]
    fn each_stretch_tells_its_closest_window_and_an_episode_none() {
        let count = spec(Kind::EventCount, &[(Op::Gte, 4)]);
        // Two hits; an episode with its approach; three hits in disorder; one alone.
        let times = [10, 20, 200, 210, 220, 230, 285, 520, 500, 510, 900];
        let hits = times.map(|time| hit(time, 0, 0));
        assert_eq!(told(&count, &hits), [(520, 3, 1), (20, 2, 2), (900, 1, 3)]);
    }

    #[test]
    fn distinct_things_and_steps_are_counted() {
        let values = spec(Kind::ValueCount, &[(Op::Gt, 2)]);
        assert_eq!(told(&values, &[hit(1, 0, 1), hit(2, 0, 1), hit(3, 0, 2)]), [(3, 2, 1)]);
        let rules = spec(Kind::Temporal, &[(Op::Gte, 3)]);
        assert_eq!(told(&rules, &[hit(1, 0, 1), hit(2, 2, 1), hit(3, 0, 2)]), [(2, 2, 1)]);
        let steps = spec(Kind::TemporalOrdered { parts: 3 }, &[]);
        // The second and the third came the wrong way round.
        assert_eq!(told(&steps, &[hit(1, 0, 1), hit(2, 2, 1), hit(3, 1, 2)]), [(3, 2, 1)]);
        // Of one time, either order will do.
        assert_eq!(told(&steps, &[hit(1, 0, 1), hit(2, 2, 1), hit(2, 1, 2)]), []);
    }

    #[test]
    fn each_bucket_that_had_too_little_is_a_miss_of_its_own() {
        let of = |metric| Kind::Volume { bucket_ns: 100, metric };
        let mut hits = [hit(10, 0, 1), hit(90, 0, 1), hit(100, 0, 2), hit(101, 0, 3), hit(350, 0, 3)];
        let told = |kind, number, hits: &[Hit<()>]| -> Vec<(i64, i128, i128)> {
            let short = told(&spec(kind, &[(Op::Gte, number * NUMBER_UNIT)]), hits);
            short.into_iter().map(|(time, have, short)| (time, have / NUMBER_UNIT, short / NUMBER_UNIT)).collect()
        };
        // The end of a bucket belongs to it.
        assert_eq!(told(of(Metric::Count), 3, &hits), [(101, 1, 2), (350, 1, 2)]);
        assert_eq!(told(of(Metric::Distinct), 3, &hits), [(100, 2, 1), (101, 1, 2), (350, 1, 2)]);
        for (hit, number) in hits.iter_mut().zip([5, 6, 7, 20, 17]) {
            hit.value = Some(crate::number_value(number * NUMBER_UNIT));
        }
        assert_eq!(told(of(Metric::Sum), 20, &hits), [(100, 18, 2), (350, 17, 3)]);
    }

    #[test]
    fn too_many_is_a_miss_as_well_and_what_has_no_number_has_none() {
        let range = spec(Kind::EventCount, &[(Op::Gte, 1), (Op::Lt, 3)]);
        assert_eq!(told(&range, &[hit(1, 0, 0), hit(1, 0, 0), hit(1, 0, 0)]), [(1, 3, 1)]);
        assert_eq!(told(&spec(Kind::Silence, &[]), &[hit(1, 0, 0)]), []);
    }

    #[test]
    fn numbers_are_short_by_what_is_missing() {
        let mut numbers = [hit(1, 0, 0), hit(2, 0, 0), hit(3, 0, 0)];
        for (hit, number) in numbers.iter_mut().zip([3, 4, 8]) {
            hit.value = Some(crate::number_value(number));
        }
        let sum = spec(Kind::Sum, &[(Op::Gte, 20)]);
        assert_eq!(told(&sum, &numbers), [(3, 15, 5)]);
        let median = spec(Kind::Percentile { percent: 50 }, &[(Op::Gt, 5)]);
        assert_eq!(told(&median, &numbers), [(3, 4, 2)]);
        let mean = spec(Kind::Average, &[(Op::Gt, 5)]);
        assert_eq!(told(&mean, &numbers), [(3, 5, 1)]);
    }
}
