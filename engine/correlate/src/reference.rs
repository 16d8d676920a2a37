//! The correlation as the definitions say it: sort, look at every window, draw the episodes. Slow and plain.
//!
//! Nothing here is shared with the incremental engine but the types of its
//! input and output; the tests hold the two equal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::place::too_far;
use crate::{
    Ended, Evidence, Finding, Hit, Kind, Member, NUMBER_UNIT, RuleSpec, SOURCES_MAX, STEPS_MAX, SourceId, State, Step,
    VALUES_EXACT_MAX, ValueCount, finding_id,
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
        let counting = counting(&spec, hits, start_ns, end_ns);
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
        _ => true,
    };
    hits.iter().filter(counts).copied().collect()
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
        Kind::Absence | Kind::Silence | Kind::NewValue { .. } => Some(None),
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
