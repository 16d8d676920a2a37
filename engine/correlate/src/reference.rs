//! The correlation as the definitions say it: sort, look at every window, draw the episodes. Slow and plain.
//!
//! Nothing here is shared with the incremental engine but the types of its
//! input and output; the tests hold the two equal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::buckets::{bucket_value, read_bucket, thousandths};
use crate::place::too_far;
use crate::{
    Ended, Evidence, Finding, Hit, Kind, Member, Metric, NUMBER_UNIT, RuleSpec, SOURCES_MAX, STEPS_MAX, SourceId,
    State, Step, VALUES_EXACT_MAX, ValueCount, finding_id,
};

/// The final findings of one rule over hits that are neither late nor future, in canonical order.
///
/// `end_ns` is the greatest event time of the input. Distinct values beyond [`VALUES_EXACT_MAX`] are counted
/// exactly here; the engine's estimate is told apart by `approximate`.
#[must_use]
pub fn evaluate<E: Evidence>(rule: &RuleSpec, rule_index: u32, hits: &[Hit<E>], end_ns: i64) -> Vec<Finding<E>> {
    let spec = Arc::new(rule.clone());
    let mut keys: BTreeMap<&[u8], Vec<&Hit<E>>> = BTreeMap::new();
    for hit in hits.iter().filter(|hit| hit.rule == rule_index) {
        if !rule.kind.needs_value() || hit.value.is_some() {
            keys.entry(hit.key.bytes()).or_default().push(hit);
        }
    }
    let mut findings = Vec::new();
    let start_ns = hits.iter().map(|hit| hit.time_ns).min().unwrap_or(0);
    for hits in keys.values_mut() {
        hits.sort_by_key(|hit| (hit.time_ns, hit.digest, hit.source, hit.value, hit.part));
        let counting = match spec.kind {
            Kind::Volume { .. } | Kind::Baseline { .. } => buckets(&spec, hits, start_ns),
            _ => counting(&spec, hits, start_ns, end_ns).into_iter().cloned().collect(),
        };
        let counting: Vec<&Hit<E>> = counting.iter().collect();
        findings.extend(of_key(&spec, rule_index, &counting, end_ns - spec.lag()));
    }
    findings.sort_by(Finding::canonical_order);
    findings
}

/// The value of an episode that is a hit of a `value_count` or `new_value`, by its text in the episode's key.
#[must_use]
pub fn value_of(text: &[u8]) -> [u8; 16] {
    Kind::ValueCount.value_of(text).unwrap_or_default()
}

/// The hits that count: all, or those that the kind names.
fn counting<'a, E>(spec: &RuleSpec, hits: &[&'a Hit<E>], start_ns: i64, end_ns: i64) -> Vec<&'a Hit<E>> {
    let followed = |hit: &Hit<E>, answers: &dyn Fn(&Hit<E>) -> bool| {
        let until = hit.time_ns + spec.window_ns;
        hits.iter().any(|other| answers(other) && hit.time_ns < other.time_ns && other.time_ns <= until)
    };
    // Pending beyond the end of the input: not known, so not told.
    let decided = |hit: &Hit<E>| hit.time_ns + spec.window_ns < end_ns;
    let counts = |hit: &&&Hit<E>| match spec.kind {
        Kind::Absence => hit.part == 0 && decided(hit) && !followed(hit, &|other| other.part > 0),
        Kind::Silence => decided(hit) && !followed(hit, &|_| true),
        Kind::NewValue { horizon_ns, warmup_ns } => {
            let seen = |other: &&&Hit<E>| {
                other.value == hit.value && hit.time_ns - horizon_ns <= other.time_ns && other.time_ns < hit.time_ns
            };
            hit.time_ns >= start_ns + warmup_ns && !hits.iter().any(|other| seen(&other))
        }
        Kind::Rare { horizon_ns, warmup_ns, times, share_millionths } => {
            let pair = |hit: &Hit<E>| hit.value.map(|both| (both[..8].to_vec(), both[8..].to_vec()));
            let inside = |other: &&&Hit<E>| hit.time_ns - horizon_ns < other.time_ns && other.time_ns <= hit.time_ns;
            let pairs = || hits.iter().filter(inside).filter_map(|other| pair(other));
            let own = || pairs().filter(|(value, _)| pair(hit).is_some_and(|(own, _)| own == *value));
            let entities = pairs().map(|(_, entity)| entity).collect::<BTreeSet<_>>().len() as u128;
            let having = own().map(|(_, entity)| entity).collect::<BTreeSet<_>>().len() as u128;
            let seldom = own().count() < times as usize;
            let few = having * 1_000_000 < u128::from(share_millionths) * entities;
            hit.time_ns >= start_ns + warmup_ns && (seldom || few)
        }
        _ => true,
    };
    hits.iter().filter(counts).copied().collect()
}

/// A hit for each bucket that the kind names: its first hit, with what was observed and expected for a value.
fn buckets<E: Evidence>(spec: &RuleSpec, hits: &[&Hit<E>], start_ns: i64) -> Vec<Hit<E>> {
    let (Kind::Volume { bucket_ns, metric } | Kind::Baseline { bucket_ns, metric, .. }) = spec.kind else {
        return vec![];
    };
    let mut buckets: BTreeMap<i64, Vec<&Hit<E>>> = BTreeMap::new();
    for hit in hits {
        buckets.entry((hit.time_ns - 1).div_euclid(bucket_ns)).or_default().push(hit);
    }
    let measure = |hits: &[&Hit<E>]| match metric {
        Metric::Count => hits.len() as i128 * NUMBER_UNIT,
        Metric::Sum => hits.iter().filter_map(|hit| hit.value).map(i128::from_be_bytes).sum(),
        Metric::Distinct => hits.iter().map(|hit| hit.value).collect::<BTreeSet<_>>().len() as i128 * NUMBER_UNIT,
    };
    let metrics: BTreeMap<i64, i128> = buckets.iter().map(|(bucket, hits)| (*bucket, measure(hits))).collect();
    let named = |(bucket, hits): (&i64, &Vec<&Hit<E>>)| {
        let observed = metrics[bucket];
        let mut expected = 0;
        if let Kind::Baseline { deviation_permille, horizon_ns, history_min, .. } = spec.kind {
            let season = |bucket: i64| spec.season_of(bucket * bucket_ns);
            let from = bucket - horizon_ns / bucket_ns;
            let alike =
                (from..*bucket).filter(|other| other * bucket_ns >= start_ns && season(*other) == season(*bucket));
            let mut history: Vec<i128> = alike.map(|other| metrics.get(&other).copied().unwrap_or(0)).collect();
            if history.is_empty() || history.len() < history_min as usize {
                return None;
            }
            let median = |series: &mut Vec<i128>| {
                series.sort_unstable();
                series[(series.len() - 1) / 2]
            };
            expected = median(&mut history);
            let mut apart: Vec<i128> = history.iter().map(|metric| (metric - expected).abs()).collect();
            let spread = (median(&mut apart) * 14_826).max(expected.max(0) * 1_000);
            let above = observed - expected;
            if above <= 0 || above * 10_000_000 < i128::from(deviation_permille) * spread {
                return None;
            }
        }
        let value = Some(bucket_value(thousandths(observed), thousandths(expected)));
        spec.condition.holds(observed).then(|| Hit { value, ..hits[0].clone() })
    };
    buckets.iter().filter_map(named).collect()
}

fn of_key<E: Evidence>(spec: &Arc<RuleSpec>, rule: u32, hits: &[&Hit<E>], end_ns: i64) -> Vec<Finding<E>> {
    // Q: the hits whose window (t − W, t] satisfies the condition.
    let matching: BTreeMap<i64, Option<i128>> = hits
        .iter()
        .filter_map(|hit| {
            let time = hit.time_ns;
            let inside = |other: &&Hit<E>| time - spec.window_ns < other.time_ns && other.time_ns <= time;
            let window: Vec<&Hit<E>> = hits.iter().copied().filter(inside).collect();
            holds(spec, &window, time).map(|measured| (time, measured))
        })
        .collect();

    // Episodes: runs of Q whose neighbours are less than W apart, cut at the first q max_episode from the trigger.
    let mut episodes: Vec<(Vec<i64>, bool)> = Vec::new();
    for &time in matching.keys() {
        match episodes.last_mut() {
            Some((run, cut)) if time - run[run.len() - 1] < spec.window_ns => {
                if time - run[0] < spec.max_episode_ns {
                    run.push(time);
                } else {
                    *cut = true;
                    episodes.push((vec![time], false));
                }
            }
            _ => episodes.push((vec![time], false)),
        }
    }

    // Members: the union of the windows, each hit in the earliest episode that holds it.
    let mut taken = vec![false; hits.len()];
    let mut findings = Vec::new();
    for (run, cut) in episodes {
        let mut members: Vec<&Hit<E>> = Vec::new();
        for (hit, taken) in hits.iter().zip(&mut taken) {
            let held = run.iter().any(|&q| q - spec.window_ns < hit.time_ns && hit.time_ns <= q);
            if held && !*taken {
                *taken = true;
                members.push(hit);
            }
        }
        let (trigger_ns, last_ns) = (run[0], run[run.len() - 1]);
        let ended = match cut {
            true => Ended::MaxEpisode,
            false if end_ns > last_ns + spec.window_ns => Ended::Watermark,
            false => Ended::Input,
        };
        let mut told = finding(spec, rule, &members, (trigger_ns, last_ns), ended);
        told.measured = matching[&trigger_ns];
        if let Kind::Baseline { .. } = spec.kind {
            let bucket = hits.iter().find(|hit| hit.time_ns == trigger_ns);
            told.expected = bucket.and_then(|hit| hit.value).map(|value| read_bucket(value).1);
        }
        findings.push(told);
    }
    findings
}

/// Whether the window that ends at `time` satisfies the condition, and what it measures.
#[allow(clippy::option_option)] // does it hold, and is there a number
fn holds<E>(spec: &RuleSpec, window: &[&Hit<E>], time: i64) -> Option<Option<i128>> {
    let numbers = || window.iter().filter_map(|hit| hit.value).map(i128::from_be_bytes);
    let count = window.len() as i128;
    let condition = &spec.condition;
    match spec.kind {
        Kind::EventCount => condition.holds(count).then_some(None),
        // Every hit that counts.
        Kind::Absence | Kind::Silence | Kind::NewValue { .. } | Kind::Rare { .. } => Some(None),
        Kind::Volume { .. } | Kind::Baseline { .. } => {
            let bucket = window.iter().find(|hit| hit.time_ns == time)?;
            Some(Some(read_bucket(bucket.value?).0))
        }
        Kind::Beacon { intervals, variation_permille } => {
            let times: BTreeSet<i64> = window.iter().map(|hit| hit.time_ns).collect();
            let times: Vec<i128> = times.into_iter().map(|time| i128::from(time.div_euclid(1000))).collect();
            let gaps: Vec<i128> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let (n, sum) = (gaps.len() as i128, gaps.iter().sum::<i128>());
            if n < i128::from(intervals.max(1)) {
                return None;
            }
            // Σ (n d − Σ d)² = n² · n σ², and the mean is Σ d / n.
            let spread: i128 = gaps.iter().map(|gap| (n * gap - sum).pow(2)).sum();
            let regular = spread * 1_000_000 <= i128::from(variation_permille).pow(2) * sum * sum * n;
            regular.then(|| Some(sum * (NUMBER_UNIT / 1_000_000) / n))
        }
        Kind::Travel { speed_kmh } => {
            let here = window.iter().filter(|hit| hit.time_ns == time);
            let far = here.flat_map(|here| {
                let others = window.iter().filter_map(|other| Some((other.value?, time - other.time_ns)));
                others.filter_map(|(other, apart)| too_far(&here.value?, &other, apart, speed_kmh))
            });
            far.max().map(|km| Some(i128::from(km) * NUMBER_UNIT))
        }
        Kind::ValueCount => {
            let distinct = window.iter().map(|hit| hit.value).collect::<BTreeSet<_>>().len();
            condition.holds(distinct as i128).then_some(None)
        }
        Kind::Temporal => {
            let distinct = window.iter().map(|hit| hit.part).collect::<BTreeSet<_>>().len();
            condition.holds(distinct as i128).then_some(None)
        }
        Kind::TemporalOrdered { parts } => {
            // Times at which chains over the first rules can end.
            let mut ends: Vec<i64> = window.iter().filter(|hit| hit.part == 0).map(|hit| hit.time_ns).collect();
            for part in 1..parts {
                let next = window.iter().filter(|hit| hit.part == part).map(|hit| hit.time_ns);
                ends = next.filter(|next| ends.iter().any(|end| end <= next)).collect();
            }
            ends.contains(&time).then_some(None)
        }
        Kind::Risk => {
            // A rule's hits in the window are one episode; an episode of a correlation is one by itself.
            let identity = |hit: &Hit<E>| {
                let is_episode = spec.links.iter().any(|link| link.part == hit.part);
                (hit.part, is_episode.then_some(hit.digest))
            };
            let mut latest = BTreeMap::new();
            for hit in window {
                let time = latest.entry(identity(hit)).or_insert(hit.time_ns);
                *time = hit.time_ns.max(*time);
            }
            let worth = spec.risk.as_ref()?;
            let scores = latest.iter().map(|((part, _), latest)| i128::from(worth.score_at(*part, time - latest)));
            let sum: i128 = scores.sum();
            let parts = || latest.keys().filter_map(|(part, _)| worth.parts.get(usize::from(*part)));
            let techniques: BTreeSet<u16> = parts().flat_map(|part| part.techniques.iter().copied()).collect();
            let sources: BTreeSet<u16> = parts().flat_map(|part| part.sources.iter().copied()).collect();
            let enough = !condition.terms().is_empty() && condition.holds(sum);
            let reaches = |found: usize, least: u32| least > 0 && found >= least as usize;
            let holds =
                enough || reaches(techniques.len(), worth.techniques_min) || reaches(sources.len(), worth.sources_min);
            holds.then_some(Some(sum * NUMBER_UNIT))
        }
        Kind::Sum => {
            let sum = numbers().sum();
            condition.holds(sum).then_some(Some(sum))
        }
        Kind::Average => {
            let sum: i128 = numbers().sum();
            condition.holds_ratio(sum, count).then_some(Some(sum.div_euclid(count)))
        }
        Kind::Percentile { percent } => {
            let mut sorted: Vec<i128> = numbers().collect();
            sorted.sort_unstable();
            // The smallest number that at least `percent` of a hundred are not above.
            let enough = |number: &&i128| {
                let below = sorted.iter().filter(|other| other <= number).count();
                below * 100 >= usize::from(percent) * sorted.len()
            };
            let number = *sorted.iter().find(enough)?;
            condition.holds(number).then_some(Some(number))
        }
    }
}

fn finding<E: Evidence>(
    spec: &Arc<RuleSpec>,
    rule: u32,
    members: &[&Hit<E>],
    (trigger_ns, last_ns): (i64, i64),
    ended: Ended,
) -> Finding<E> {
    let key = &members[0].key;
    let sources: BTreeSet<SourceId> = members.iter().map(|hit| hit.source).collect();
    let distinct = members.iter().map(|hit| hit.value).collect::<BTreeSet<_>>().len();
    let show = |hit: &&Hit<E>| Member {
        time_ns: hit.time_ns,
        digest: hit.digest,
        source: hit.source,
        part: hit.part,
        evidence: hit.evidence.clone(),
    };
    // What the members were: by rule or episode for risk, each hit for itself where correlations are counted.
    let (mut names, mut steps) = (Vec::new(), Vec::<Step>::new());
    for hit in members.iter().filter(|_| spec.kind == Kind::Risk || spec.is_upper()) {
        let is_one = spec.kind != Kind::Risk || spec.links.iter().any(|link| link.part == hit.part);
        let name = (hit.part, is_one.then_some(hit.digest));
        match names.iter().position(|known| *known == name).map(|at| &mut steps[at]) {
            Some(step) => (step.last_ns, step.count) = (hit.time_ns, step.count + 1),
            None => {
                let (first_ns, last_ns) = (hit.time_ns, hit.time_ns);
                names.push(name);
                steps.push(Step { part: hit.part, digest: hit.digest, first_ns, last_ns, count: 1 });
            }
        }
    }
    let steps_more = steps.len() > STEPS_MAX;
    steps.truncate(STEPS_MAX);
    let first = members.len().min(spec.evidence_max);
    let last = members.len() - (members.len() - first).min(spec.evidence_max);
    Finding {
        rule,
        spec: Arc::clone(spec),
        key: key.clone(),
        state: State::Final,
        id: finding_id(&spec.id, &spec.definition_digest, key, trigger_ns),
        supersedes: Vec::new(),
        first_ns: members[0].time_ns,
        trigger_ns,
        last_ns,
        count: members.len() as u64,
        value_count: match spec.kind {
            Kind::Temporal => {
                let rules = members.iter().map(|hit| hit.part).collect::<BTreeSet<_>>().len();
                Some(ValueCount { number: rules as u64, approximate: false })
            }
            Kind::ValueCount => Some(ValueCount { number: distinct as u64, approximate: distinct > VALUES_EXACT_MAX }),
            _ => None,
        },
        measured: None,
        expected: None,
        steps,
        steps_more,
        evidence_first: members[..first].iter().map(show).collect(),
        evidence_last: members[last..].iter().map(show).collect(),
        sources_more: sources.len() > SOURCES_MAX,
        sources: sources.into_iter().take(SOURCES_MAX).collect(),
        ended: Some(ended),
        incomplete: None,
        updates: 0,
        complete_since_ns: i64::MIN,
    }
}
