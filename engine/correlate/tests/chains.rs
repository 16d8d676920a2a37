//! Correlations over correlations, and risk: the finals are what the definitions say, however hits and shards travel.

mod common;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use common::{Delivery, Feed, Random, SECOND, finals, hit, rule};
use noroshi_correlate::{
    Condition, Evidence, FeedSet, Finding, Hit, Key, Kind, Link, Op, PartWorth, RuleCheckpoint, RuleSpec, Shard,
    ShardConfig, State, Tower, TowerMessage, WatermarkPolicy, Worth, reference, shard_of,
};
use proptest::prelude::*;

/// The key's first value and, so that parents can join, which of two groups it is in.
fn keyed(mut hit: Hit<()>, key: u8) -> Hit<()> {
    hit.key = Key::new(&[&[key % 2], &[key]]);
    hit
}

fn worth(seed: u64) -> Worth {
    let mut random = Random::new(seed);
    let parts = (0..3).map(|part| PartWorth {
        score: random.below(50) as u32,
        techniques: (0..random.below(3)).map(|_| random.below(4) as u16).collect(),
        sources: [part % 2].into(),
    });
    let parts = parts.collect();
    let half_life_ns = (random.below(2) == 0).then(|| (1 + random.below(10) as i64) * SECOND);
    Worth { parts, half_life_ns, techniques_min: random.below(5) as u32, sources_min: 2 * random.below(2) as u32 }
}

#[derive(Clone, Debug)]
struct Case {
    child: Kind,
    parent: Kind,
    numbers: (i128, i128),
    windows_s: (i64, i64),
    longest_s: i64,
    direct: bool,
    hits: Vec<(i64, u8, u8, u8)>,
    seed: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let child = prop_oneof![
        2 => Just(Kind::EventCount),
        1 => Just(Kind::ValueCount),
        1 => Just(Kind::Sum),
        1 => Just(Kind::Absence),
        1 => Just(Kind::Silence),
    ];
    let parent = prop_oneof![
        3 => Just(Kind::Risk),
        1 => Just(Kind::EventCount),
        1 => Just(Kind::ValueCount),
        1 => Just(Kind::Temporal),
        1 => Just(Kind::TemporalOrdered { parts: 2 }),
        1 => Just(Kind::Absence),
    ];
    let hits = prop::collection::vec((0i64..150, 0u8..6, 1u8..5, 0u8..3), 1..90);
    let longest = prop_oneof![Just(20i64), Just(60), Just(100_000)];
    (child, parent, (1i128..4, 1i128..60), (1i64..12, 1i64..40), longest, any::<bool>(), hits, any::<u64>()).prop_map(
        |(child, parent, numbers, windows_s, longest_s, direct, hits, seed)| Case {
            child,
            parent,
            numbers,
            windows_s,
            longest_s,
            direct,
            hits,
            seed,
        },
    )
}

fn bare(kind: Kind) -> bool {
    matches!(kind, Kind::Absence | Kind::Silence)
}

impl Case {
    /// The parent comes first, so that the order of the rules is not that of the chain; then two children, and a third
    /// level above the parent.
    fn rules(&self) -> Vec<RuleSpec> {
        let terms = |kind, number| if bare(kind) { Vec::new() } else { vec![(Op::Gte, number)] };
        let child = |n: u8| RuleSpec {
            id: format!("child {n}"),
            definition_digest: [n; 32],
            max_episode_ns: self.longest_s * SECOND,
            evidence_max: 1,
            ..rule(
                if n == 1 { self.child } else { Kind::EventCount },
                Condition::new(if n == 1 { terms(self.child, self.numbers.0) } else { vec![(Op::Gte, 2)] }),
                self.windows_s.0 + i64::from(n),
            )
        };
        let number = if self.parent == Kind::Risk { self.numbers.1 } else { self.numbers.0.min(2) };
        let link = |child, part| Link { child, part, key: [0].into(), value: Some(1) };
        let parent = RuleSpec {
            id: "parent".into(),
            definition_digest: [10; 32],
            feeds: if self.direct { FeedSet::new(&[1]) } else { FeedSet::default() },
            links: vec![link(1, 0), link(2, 1)],
            risk: (self.parent == Kind::Risk).then(|| Arc::new(worth(self.seed))),
            max_episode_ns: self.longest_s * SECOND,
            evidence_max: 2,
            ..rule(self.parent, Condition::new(terms(self.parent, number)), self.windows_s.1)
        };
        let above = RuleSpec {
            id: "above".into(),
            definition_digest: [11; 32],
            feeds: FeedSet::default(),
            links: vec![Link { child: 0, part: 0, key: [].into(), value: None }],
            ..rule(Kind::EventCount, Condition::new(vec![(Op::Gte, 2)]), 60)
        };
        vec![parent, child(1), child(2), above]
    }

    fn hits(&self) -> Vec<Hit<()>> {
        let mut made = Vec::new();
        for &(time_s, key, value, source) in &self.hits {
            let of = |rule: u32| {
                let mut hit = keyed(hit(time_s, key, value, source), key);
                if self.child == Kind::Sum {
                    hit.value = hit.value.map(|_| noroshi_correlate::number_value(i128::from(value)));
                }
                Hit { rule, ..hit }
            };
            made.push(of(1 + u32::from(value % 2)));
            if self.direct && value == 4 {
                let key = Key::new(&[&[key % 2]]);
                made.push(Hit { part: 2, key, value: Some([9; 16]), ..of(0) });
            }
        }
        made
    }

    /// Level by level by the definitions.
    fn reference(&self) -> Vec<Vec<u8>> {
        let (rules, mut hits) = (self.rules(), self.hits());
        let end = hits.iter().map(|hit| hit.time_ns).max().unwrap_or(0);
        let mut found = Vec::new();
        let mut ends = [end; 4];
        for at in [1, 2, 0, 3] {
            let spec = &rules[at];
            let below = spec.links.iter().map(|link| ends[link.child as usize]).min();
            let mine = below.into_iter().chain((!spec.feeds.is_empty()).then_some(end)).min().unwrap_or(end);
            let lag = if bare(spec.kind) { spec.window_ns } else { 0 };
            ends[at] = mine - lag;
            let told = reference::evaluate(spec, at as u32, &hits, mine);
            for (parent, link) in rules.iter().zip(0..).flat_map(|(rule, n)| rule.links.iter().map(move |l| (n, l))) {
                if link.child as usize != at {
                    continue;
                }
                hits.extend(told.iter().map(|episode| {
                    let values: Vec<&[u8]> = episode.key.values().collect();
                    let key: Vec<&[u8]> = link.key.iter().map(|&at| values[usize::from(at)]).collect();
                    let counts = rules[parent as usize].kind == Kind::ValueCount;
                    let value = if counts { reference::value_of(values[1]) } else { [0; 16] };
                    Hit {
                        rule: parent,
                        source: episode.evidence_first[0].source,
                        time_ns: episode.trigger_ns,
                        future: false,
                        key: Key::new(&key),
                        part: link.part,
                        value: Some(value),
                        digest: episode.id,
                        evidence: (),
                    }
                }));
            }
            found.extend(told);
        }
        finals(&found)
    }
}

/// Rule, first, trigger, last in seconds, members of the finals.
fn told(found: &[Finding<()>]) -> Vec<(u32, i64, i64, i64, u64)> {
    let finals = found.iter().filter(|finding| finding.state == State::Final);
    let seconds = |time: i64| (time - common::EPOCH) / SECOND;
    let mut told: Vec<_> =
        finals.map(|f| (f.rule, seconds(f.first_ns), seconds(f.trigger_ns), seconds(f.last_ns), f.count)).collect();
    told.sort_unstable();
    told
}

/// Shards and the tower above them, each shard's messages in order, the shards at any speed.
fn tower_over<E: Evidence>(
    shards: Vec<VecDeque<TowerMessage<E>>>,
    tower: &mut Tower<E>,
    random: &mut Random,
    found: &mut Vec<Finding<E>>,
) {
    let mut shards = shards;
    while shards.iter().any(|queue| !queue.is_empty()) {
        let at = random.below(shards.len() as u64) as usize;
        for _ in 0..random.below(9) {
            if let Some(message) = shards[at].pop_front() {
                tower.accept(message, found);
            }
        }
    }
}

fn run(
    delivery: &Delivery,
    rules: &Arc<Vec<RuleSpec>>,
    batches: &[Vec<Hit<()>>],
    resume: &[RuleCheckpoint],
    random: &mut Random,
    finish: bool,
) -> (Vec<Finding<()>>, Vec<Vec<RuleCheckpoint>>) {
    let mut found = Vec::new();
    let mut queues = Vec::new();
    let mut standing = Vec::new();
    for shard_index in 0..delivery.shards {
        let config = ShardConfig {
            shard: shard_index,
            shards: delivery.shards,
            policy: delivery.policy,
            resume: resume.to_vec(),
            ..ShardConfig::default()
        };
        let mut shard = Shard::new(config, rules);
        let (mut queue, mut risen) = (VecDeque::new(), Vec::new());
        for (at, batch) in batches.iter().enumerate() {
            let mut message = common::message(at, batch, delivery.lateness_s);
            message.hits.retain(|hit| shard_of(hit.key.partition(), delivery.shards) == shard_index);
            message.receive_time_ns += at as i64 * (SECOND / 3);
            shard.accept(message, &mut found);
            shard.rise(false, &mut risen);
            queue.extend(risen.drain(..));
        }
        standing.push(shard.checkpoint());
        if finish {
            shard.finish(&mut found);
            shard.rise(true, &mut risen);
            queue.extend(risen.drain(..));
        }
        queues.push(queue);
    }
    let live = delivery.policy == WatermarkPolicy::Live;
    let mut tower = Tower::new(delivery.shards, delivery.policy, live, resume.to_vec(), Arc::clone(rules));
    tower_over(queues, &mut tower, random, &mut found);
    let mut refused = Vec::new();
    tower.drain_refused(&mut refused);
    assert!(refused.is_empty(), "{refused:?}");
    if finish {
        assert!(tower.rule_counters().iter().all(|rule| rule.keys_live == 0 && rule.state_bytes == 0));
    }
    standing.push(tower.checkpoint());
    (found, standing)
}

/// Shards and tower, captured behind batch `cut` and stopped later; then others that go on from there. What the first
/// told until they were captured, and what the others tell.
fn captured(
    rules: &Arc<Vec<RuleSpec>>,
    batches: &[Vec<Hit<()>>],
    cut: usize,
    lateness_s: i64,
    (shards, shards_after): (usize, usize),
    random: &mut Random,
) -> (Vec<Finding<()>>, Vec<Finding<()>>) {
    let of_shard = |at: usize, shard: usize, shards: usize| {
        let mut message = common::message(at, &batches[at], lateness_s);
        message.hits.retain(|hit| shard_of(hit.key.partition(), shards) == shard);
        message.receive_time_ns += at as i64 * (SECOND / 3);
        message.cut = at == cut;
        message
    };
    let config = |shard, shards| ShardConfig { shard, shards, ..ShardConfig::default() };
    let (mut before, mut uninterrupted, mut restored) = (Vec::new(), Vec::new(), Vec::new());
    let (mut captures, mut queues, mut risen) = (Vec::new(), Vec::new(), Vec::new());
    for shard_index in 0..shards {
        let mut shard = Shard::new(config(shard_index, shards), rules);
        let mut queue = VecDeque::new();
        for at in 0..batches.len() {
            let found = if at <= cut { &mut before } else { &mut uninterrupted };
            shard.accept(of_shard(at, shard_index, shards), found);
            captures.extend(shard.capture(1 + random.below(300) as usize));
            shard.rise(false, &mut risen);
            queue.extend(risen.drain(..));
        }
        while shard.is_capturing() {
            captures.extend(shard.capture(500));
        }
        shard.finish(&mut uninterrupted);
        shard.rise(true, &mut risen);
        queue.extend(risen.drain(..));
        queues.push(queue);
    }
    let captures: Vec<_> = captures.iter().map(|(_, capture)| common::stored(capture)).collect();
    assert_eq!(captures.len(), shards);
    let policy = WatermarkPolicy::Live;
    let mut tower = Tower::new(shards, policy, true, Vec::new(), Arc::clone(rules));
    let mut of_tower = None;
    while queues.iter().any(|queue| !queue.is_empty()) {
        let at = random.below(queues.len() as u64) as usize;
        for _ in 0..random.below(9) {
            let Some(message) = queues[at].pop_front() else { break };
            let mut told = Vec::new();
            tower.accept(message, &mut told);
            // What one message tells may be of both sides of the cut.
            let is_before = of_tower.is_none();
            if is_before { &mut before } else { &mut uninterrupted }.append(&mut told);
            of_tower = of_tower.or(tower.capture(1 + random.below(300) as usize));
        }
    }
    while tower.is_capturing() {
        of_tower = of_tower.or(tower.capture(500));
    }
    let (number, of_tower) = of_tower.expect("every shard asked for it");
    assert_eq!(number, cut as u64);
    let of_tower = common::stored(&of_tower);
    let mut queues = Vec::new();
    for shard_index in 0..shards_after {
        let mut shard = Shard::restore(config(shard_index, shards_after), rules, &captures).unwrap();
        let mut queue = VecDeque::new();
        for at in cut + 1..batches.len() {
            let mut message = of_shard(at, shard_index, shards_after);
            message.sequence -= cut as u64 + 1;
            shard.accept(message, &mut restored);
            shard.rise(false, &mut risen);
            queue.extend(risen.drain(..));
        }
        shard.finish(&mut restored);
        shard.rise(true, &mut risen);
        queue.extend(risen.drain(..));
        queues.push(queue);
    }
    let mut tower = Tower::restore(shards_after, policy, true, rules, &of_tower, i64::MIN).unwrap();
    tower_over(queues, &mut tower, random, &mut restored);
    let mut refused = Vec::new();
    tower.drain_refused(&mut refused);
    assert!(refused.is_empty(), "{refused:?}");
    assert!(tower.rule_counters().iter().all(|rule| rule.keys_live == 0 && rule.state_bytes == 0));
    (before, restored)
}

/// The least of each number, as the engine keeps them.
fn least(standing: &[Vec<RuleCheckpoint>]) -> Vec<RuleCheckpoint> {
    let mut least: Vec<RuleCheckpoint> = Vec::new();
    for one in standing.iter().flatten() {
        match least.iter_mut().find(|known| known.definition_digest == one.definition_digest) {
            Some(known) => {
                known.settled_ns = known.settled_ns.min(one.settled_ns);
                known.complete_after_ns = known.complete_after_ns.min(one.complete_after_ns);
                known.start_ns = known.start_ns.min(one.start_ns);
            }
            None => least.push(*one),
        }
    }
    least
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 1000 } else { 20_000 }))]

    #[test]
    fn chains_are_a_function_of_the_multiset(case in case()) {
        let expected = case.reference();
        let mut random = Random::new(case.seed);
        let rules = Arc::new(case.rules());
        for shards in [1, 2, 4, 8] {
            for policy in [WatermarkPolicy::Live, WatermarkPolicy::EndOfInput] {
                let lateness_s = random.below(40) as i64;
                let feed = Feed::shuffled(case.hits(), lateness_s, &mut random);
                let batches = feed.batches(&mut random);
                let delivery = Delivery { shards, policy, lateness_s };
                let (found, _) = run(&delivery, &rules, &batches, &[], &mut random, true);
                common::opens_are_answered(&found)?;
                prop_assert!(finals(&found) == expected, "{shards} shards, {policy:?}: {:?}", told(&found));
            }
        }
    }

    #[test]
    fn a_restart_from_a_capture_changes_no_chain(case in case()) {
        let expected = case.reference();
        let mut random = Random::new(case.seed);
        let rules = Arc::new(case.rules());
        let lateness_s = random.below(20) as i64;
        let feed = Feed::shuffled(case.hits(), lateness_s, &mut random);
        let batches = feed.batches(&mut random);
        let cut = random.below(batches.len() as u64) as usize;
        let shards = (1 + random.below(4) as usize, 1 + random.below(4) as usize);
        let (mut before, mut restored) = captured(&rules, &batches, cut, lateness_s, shards, &mut random);
        // A finding may be told at the moment of the cut and again after it; it is the same one.
        let sent: HashSet<_> = before.iter().map(|finding| (finding.id, finding.state)).collect();
        restored.retain(|finding| !sent.contains(&(finding.id, finding.state)));
        before.append(&mut restored);
        prop_assert!(finals(&before) == expected, "{:?}\n{:?}", told(&before), rules);
    }

    #[test]
    fn a_restart_changes_no_chain(case in case()) {
        let expected = case.reference();
        let mut random = Random::new(case.seed);
        let rules = Arc::new(case.rules());
        let lateness_s = random.below(20) as i64;
        let feed = Feed::shuffled(case.hits(), lateness_s, &mut random);
        let batches = feed.batches(&mut random);
        let stop = random.below(batches.len() as u64 + 1) as usize;
        let delivery = Delivery { shards: 2, policy: WatermarkPolicy::Live, lateness_s };
        let (mut found, standing) = run(&delivery, &rules, &batches[..stop], &[], &mut random, false);
        let resume = least(&standing);
        let from = resume.iter().map(|rule| rule.complete_after_ns).min().unwrap_or(i64::MIN);
        let place = batches.iter().position(|batch| batch.iter().any(|hit| hit.time_ns > from));
        let again = &batches[place.unwrap_or(batches.len())..];
        let (repeated, _) = run(&delivery, &rules, again, &resume, &mut random, true);
        let sent: HashSet<_> = found.iter().map(|finding| (finding.id, finding.state)).collect();
        found.extend(repeated.into_iter().filter(|finding| !sent.contains(&(finding.id, finding.state))));
        prop_assert!(finals(&found) == expected, "{:?}\n{:?}", told(&found), rules);
    }
}
