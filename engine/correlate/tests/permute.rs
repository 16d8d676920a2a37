//! The promise: the final findings are a function of the multiset of hits, whatever the order of arrival, the cut
//! into batches, the number of shards, the workers' speed and a restart; and it is the function the definitions say.

mod common;

use std::collections::HashSet;

use common::{Delivery, Feed, Random, SECOND, finals, hit, rule, source_rows};
use noroshi_correlate::{
    Capture, Condition, Finding, Hit, Kind, Metric, NUMBER_UNIT, Op, RuleSpec, Season, Shard, ShardConfig, State,
    WatermarkPolicy, number_value, place_value, rare_value, reference, shard_of,
};
use proptest::prelude::*;

/// One generated case: a rule, hits with times in seconds, and how they travel.
#[derive(Clone, Debug)]
struct Case {
    kind: Kind,
    terms: Vec<(Op, i128)>,
    window_s: i64,
    max_episode_s: i64,
    evidence_max: usize,
    hits: Vec<(i64, u8, u8, u8)>,
    seed: u64,
}

fn terms() -> impl Strategy<Value = Vec<(Op, i128)>> {
    let op = prop_oneof![Just(Op::Gt), Just(Op::Gte), Just(Op::Lt), Just(Op::Lte), Just(Op::Eq)];
    prop_oneof![
        4 => (op, 1i128..6).prop_map(|term| vec![term]),
        2 => (1i128..5).prop_map(|n| vec![(Op::Gte, n)]),
        1 => (1i128..4, 1i128..4).prop_map(|(from, more)| vec![(Op::Gte, from), (Op::Lte, from + more)]),
    ]
}

fn metric() -> impl Strategy<Value = Metric> {
    prop_oneof![Just(Metric::Count), Just(Metric::Sum), Just(Metric::Distinct)]
}

fn case() -> impl Strategy<Value = Case> {
    let kind = prop_oneof![
        2 => Just(Kind::EventCount),
        2 => Just(Kind::ValueCount),
        2 => Just(Kind::Temporal),
        2 => (2u16..4).prop_map(|parts| Kind::TemporalOrdered { parts }),
        1 => Just(Kind::Sum),
        1 => Just(Kind::Average),
        1 => (1u8..=100).prop_map(|percent| Kind::Percentile { percent }),
        1 => Just(Kind::Absence),
        1 => Just(Kind::Silence),
        1 => (0i64..40, 0i64..60).prop_map(|(horizon_s, warmup_s)| Kind::NewValue {
            horizon_ns: horizon_s * SECOND,
            warmup_ns: warmup_s * SECOND,
        }),
        1 => (1u32..6, 0u32..1500).prop_map(|(intervals, variation_permille)| Kind::Beacon { intervals, variation_permille }),
        1 => Just(Kind::Travel { speed_kmh: 900_000 }),
        2 => (1i64..20, metric()).prop_map(|(bucket_s, metric)| Kind::Volume { bucket_ns: bucket_s * SECOND, metric }),
        2 => (1i64..12, metric(), 0u32..4000, 5i64..120, 0u32..4, 0usize..3).prop_map(
            |(bucket_s, metric, deviation_permille, horizon_s, history_min, season)| Kind::Baseline {
                bucket_ns: bucket_s * SECOND,
                metric,
                deviation_permille,
                horizon_ns: horizon_s * SECOND,
                history_min,
                season: [Season::None, Season::Day, Season::Week][season],
            },
        ),
        2 => (1i64..60, 0i64..60, 0u32..5, prop_oneof![Just(0u32), 1u32..1_000_000]).prop_map(
            |(horizon_s, warmup_s, times, share_millionths)| Kind::Rare {
                horizon_ns: horizon_s * SECOND,
                warmup_ns: warmup_s * SECOND,
                times,
                share_millionths,
            },
        ),
    ];
    // Times gather at multiples of small steps, so that windows end on hits and ties abound.
    let hits = prop::collection::vec((0i64..120, 0u8..3, 0u8..5, 0u8..3), 1..90);
    let longest = prop_oneof![Just(20i64), Just(35), Just(100), Just(100_000)];
    (kind, terms(), 1i64..16, longest, 0usize..4, hits, any::<u64>()).prop_map(
        |(kind, terms, window_s, max_episode_s, evidence_max, hits, seed)| Case {
            kind,
            terms,
            window_s,
            max_episode_s,
            evidence_max,
            hits,
            seed,
        },
    )
}

impl Case {
    fn rule(&self) -> RuleSpec {
        // Kinds without a number have no condition.
        let bare = matches!(self.kind, Kind::Absence | Kind::Silence | Kind::NewValue { .. } | Kind::Rare { .. });
        let mut terms = if bare { Vec::new() } else { self.terms.clone() };
        let mut window_s = self.window_s;
        if let Kind::Volume { bucket_ns, .. } | Kind::Baseline { bucket_ns, .. } = self.kind {
            terms.iter_mut().for_each(|(_, bound)| *bound *= NUMBER_UNIT);
            window_s = 2 * bucket_ns / SECOND;
        }
        RuleSpec {
            // The clock goes back an hour while the hits come.
            calendar: [(0, 3600), (common::EPOCH + 70 * SECOND, 0)].into(),
            max_episode_ns: self.max_episode_s * SECOND,
            evidence_max: self.evidence_max,
            ..rule(self.kind, Condition::new(terms), window_s)
        }
    }

    fn hits(&self) -> Vec<Hit<()>> {
        let hits = self.hits.iter().map(|&(time_s, key, value, source)| {
            let mut hit = hit(time_s, key, value, source);
            if matches!(self.kind, Kind::Travel { .. }) {
                // Two places in one country, one in another, one without coordinates.
                let places = [
                    place_value(*b"JP", Some((35.7, 139.8))),
                    place_value(*b"JP", Some((26.2, 127.7))),
                    place_value(*b"DE", Some((50.1, 8.7))),
                    place_value(*b"DE", None),
                ];
                hit.value = value.checked_sub(1).map(|at| places[usize::from(at) % 4]);
            }
            if let Kind::Rare { .. } = self.kind {
                hit.value = hit.value.map(|_| rare_value(&[value % 3], &[key, source]));
            }
            let sums = matches!(
                self.kind,
                Kind::Volume { metric: Metric::Sum, .. } | Kind::Baseline { metric: Metric::Sum, .. }
            );
            if sums {
                hit.value = hit.value.map(|_| number_value((i128::from(value) * 3 % 10 - 3) * NUMBER_UNIT));
            }
            if self.kind.measures() {
                // From -3 to 6, so that sums go up and down.
                hit.value = hit.value.map(|_| number_value(i128::from(value) * 3 % 10 - 3));
            }
            hit
        });
        hits.collect()
    }

    fn reference(&self) -> Vec<Vec<u8>> {
        let hits = self.hits();
        let end = hits.iter().map(|hit| hit.time_ns).max().unwrap_or(0);
        reference::evaluate(&self.rule(), 0, &hits, end).iter().map(Finding::canonical_bytes).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 1500 } else { 20_000 }))]

    #[test]
    fn finals_are_a_function_of_the_multiset(case in case()) {
        let expected = case.reference();
        let mut random = Random::new(case.seed);
        for shards in [1, 2, 4, 8] {
            for policy in [WatermarkPolicy::Live, WatermarkPolicy::EndOfInput] {
                let lateness_s = random.below(40) as i64;
                let feed = Feed::shuffled(case.hits(), lateness_s, &mut random);
                let delivery = Delivery { shards, policy, lateness_s };
                let found = delivery.run(&[case.rule()], &feed, &mut random);
                common::opens_are_answered(&found)?;
                prop_assert_eq!(&finals(&found), &expected, "{} shards, {:?}", shards, policy);
            }
        }
    }

    #[test]
    fn a_restart_changes_nothing(case in case()) {
        let expected = case.reference();
        let mut random = Random::new(case.seed);
        let rules = [case.rule()];
        let lateness_s = random.below(20) as i64;
        let feed = Feed::shuffled(case.hits(), lateness_s, &mut random);
        let batches = feed.batches(&mut random);
        let stop = random.below(batches.len() as u64 + 1) as usize;

        let mut before = Shard::new(ShardConfig::default(), &rules);
        let mut found = Vec::new();
        let checkpoint_at = random.below(stop as u64 + 1) as usize;
        let mut checkpoint = before.checkpoint();
        for (at, batch) in batches[..stop].iter().enumerate() {
            before.accept(common::message(at, batch, lateness_s), &mut found);
            if at + 1 == checkpoint_at {
                checkpoint = before.checkpoint();
            }
        }
        // The process may stop again while it still reads what it had read before.
        let from = checkpoint[0].complete_after_ns;
        let place = |from: i64| {
            batches.iter().position(|batch| batch.iter().any(|hit| hit.time_ns > from)).unwrap_or(batches.len())
        };
        let mut between = Shard::new(ShardConfig { resume: checkpoint.clone(), ..ShardConfig::default() }, &rules);
        let mut repeated = Vec::new();
        let again = batches[place(from)..].iter().take(random.below(6) as usize);
        for (at, batch) in again.enumerate() {
            between.accept(common::message(at, batch, lateness_s), &mut repeated);
        }
        let twice = random.below(2) == 0;
        if twice {
            checkpoint = between.checkpoint();
            found.append(&mut repeated);
        }
        let sent: HashSet<_> = found.iter().map(|finding| (finding.id, finding.state)).collect();
        let whole = random.below(3) == 0;
        let from = checkpoint[0].complete_after_ns;
        let resume = if whole { Vec::new() } else { checkpoint };
        // The input is read again from a place before which nothing later than `from` stands.
        let again = if whole { 0 } else { place(from) };
        let mut after = Shard::new(ShardConfig { resume, ..ShardConfig::default() }, &rules);
        let mut repeated = Vec::new();
        for (at, batch) in batches[again..].iter().enumerate() {
            after.accept(common::message(at, batch, lateness_s), &mut repeated);
        }
        after.finish(&mut repeated);
        // What was sent before is dropped by (id, state).
        found.extend(repeated.into_iter().filter(|finding| !sent.contains(&(finding.id, finding.state))));
        let mut ids = HashSet::new();
        found.retain(|finding| finding.state == State::Open || ids.insert(finding.id));
        prop_assert_eq!(finals(&found), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 1500 } else { 20_000 }))]

    /// What goes on from a capture tells, byte for byte, what goes on without one: by any number of shards, while the
    /// capture is taken little by little, and however far the first process still came.
    #[test]
    fn a_restart_from_a_capture_changes_nothing(case in case()) {
        let expected = case.reference();
        let mut random = Random::new(case.seed);
        let rules = [case.rule()];
        let lateness_s = random.below(20) as i64;
        let feed = Feed::shuffled(case.hits(), lateness_s, &mut random);
        let batches = feed.batches(&mut random);
        let cut = random.below(batches.len() as u64) as usize;
        let of_shard = |at: usize, shard: usize, shards: usize| {
            let mut message = common::message(at, &batches[at], lateness_s);
            message.hits.retain(|hit| shard_of(hit.key.partition(), shards) == shard);
            message.receive_time_ns += at as i64 * (SECOND / 3);
            message.cut = at == cut;
            message
        };
        let config = |shard, shards| ShardConfig { shard, shards, ..ShardConfig::default() };
        let (shards, shards_after) = (1 + random.below(4) as usize, 1 + random.below(4) as usize);
        let (mut before, mut uninterrupted, mut captures) = (Vec::new(), Vec::new(), Vec::new());
        for shard_index in 0..shards {
            let mut shard = Shard::new(config(shard_index, shards), &rules);
            for at in 0..batches.len() {
                let found = if at <= cut { &mut before } else { &mut uninterrupted };
                shard.accept(of_shard(at, shard_index, shards), found);
                if random.below(3) > 0 {
                    captures.extend(shard.capture(1 + random.below(300) as usize));
                }
            }
            while shard.is_capturing() {
                captures.extend(shard.capture(1 + random.below(300) as usize));
            }
            shard.finish(&mut uninterrupted);
        }
        prop_assert!(captures.len() == shards && captures.iter().all(|(at, _)| *at == cut as u64));
        let captures: Vec<_> = captures.iter().map(|(_, capture)| common::stored(capture)).collect();
        let mut restored = Vec::new();
        for shard_index in 0..shards_after {
            let mut shard = Shard::restore(config(shard_index, shards_after), &rules, &captures).unwrap();
            for at in cut + 1..batches.len() {
                let mut message = of_shard(at, shard_index, shards_after);
                message.sequence -= cut as u64 + 1;
                shard.accept(message, &mut restored);
            }
            shard.finish(&mut restored);
            let mut refused = Vec::new();
            shard.drain_refused(&mut refused);
            prop_assert!(refused.is_empty());
            prop_assert!(shard.rule_counters().iter().all(|rule| rule.keys_live == 0 && rule.state_bytes == 0));
        }
        prop_assert_eq!(finals(&restored), finals(&uninterrupted));
        before.append(&mut restored);
        prop_assert_eq!(finals(&before), expected);
    }
}

/// Who stores a capture guards it by a digest. What comes through in spite of it is refused or taken up, without a panic and
/// without memory that nothing stands behind.
#[test]
fn reading_a_damaged_capture_never_panics() {
    let kinds = [
        Kind::EventCount,
        Kind::ValueCount,
        Kind::Percentile { percent: 50 },
        Kind::Silence,
        Kind::NewValue { horizon_ns: 60 * SECOND, warmup_ns: 0 },
        Kind::TemporalOrdered { parts: 3 },
        Kind::Beacon { intervals: 3, variation_permille: 800 },
        Kind::Rare { horizon_ns: 60 * SECOND, warmup_ns: 0, times: 2, share_millionths: 0 },
    ];
    for (kind, seed) in kinds.into_iter().zip(1..) {
        let mut random = Random::new(seed);
        let rules = [rule(kind, Condition::new(vec![(Op::Gte, 3)]), 30)];
        let mut shard = Shard::new(ShardConfig::default(), &rules);
        let hits: Vec<_> = (0..120)
            .map(|_| {
                let mut hit = hit(random.below(40) as i64, random.below(3) as u8, 1 + random.below(9) as u8, 0);
                if kind.measures() {
                    hit.value = hit.value.map(|value| number_value(i128::from(value[0])));
                }
                hit
            })
            .collect();
        shard.accept(common::message(0, &hits, 10), &mut Vec::new());
        let capture = shard.capture_now(7);
        let mut bytes = Vec::new();
        capture.write(&mut bytes, |()| 0).unwrap();
        for cut in 0..bytes.len() {
            assert!(Capture::<()>::read(&mut &bytes[..cut], &[()]).is_err(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << random.below(8);
            let Ok(capture) = Capture::read(&mut &damaged[..], &[()]) else { continue };
            drop(Shard::restore(ShardConfig::default(), &rules, &[capture]));
        }
    }
}

/// The same with many more hits, so that values are indexed, evidence is thinned and windows slide far.
#[test]
fn long_runs_match_the_reference() {
    let trials = if cfg!(debug_assertions) { 40 } else { 400 };
    for seed in 0..trials {
        let mut random = Random::new(seed);
        let terms = [vec![(Op::Gte, 20)], vec![(Op::Gt, 3)], vec![(Op::Eq, 9)], vec![(Op::Gte, 5), (Op::Lt, 30)]];
        let case = Case {
            kind: [
                Kind::EventCount,
                Kind::ValueCount,
                Kind::Temporal,
                Kind::TemporalOrdered { parts: 3 },
                Kind::Sum,
                Kind::Percentile { percent: 90 },
                Kind::Silence,
                Kind::NewValue { horizon_ns: 60 * SECOND, warmup_ns: 0 },
                Kind::Beacon { intervals: 8, variation_permille: 800 },
            ][random.below(9) as usize],
            terms: terms[random.below(4) as usize].clone(),
            window_s: 5 + random.below(60) as i64,
            max_episode_s: [70, 200, 100_000][random.below(3) as usize],
            evidence_max: 3,
            hits: (0..600)
                .map(|_| {
                    let time = random.below(500) as i64;
                    (time, random.below(2) as u8, random.below(40) as u8, random.below(3) as u8)
                })
                .collect(),
            seed,
        };
        let lateness_s = random.below(100) as i64;
        let feed = Feed::shuffled(case.hits(), lateness_s, &mut random);
        let delivery = Delivery { shards: 2, policy: WatermarkPolicy::Live, lateness_s };
        let found = delivery.run(&[case.rule()], &feed, &mut random);
        common::opens_are_answered(&found).unwrap();
        assert_eq!(finals(&found), case.reference(), "seed {seed} {case:?}");
    }
}

/// Every source keeps to its own lateness, however far the sources are apart from each other.
#[test]
fn sources_of_different_delay_agree_with_the_reference() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let rule = rule(Kind::EventCount, Condition::new(vec![(Op::Gte, 4)]), 30);
        let hits: Vec<_> = (0..300).map(|_| hit(random.below(600) as i64, 0, 0, random.below(3) as u8)).collect();
        let end = hits.iter().map(|hit| hit.time_ns).max().unwrap();
        let expected: Vec<_> = reference::evaluate(&rule, 0, &hits, end).iter().map(Finding::canonical_bytes).collect();
        // Source 2 arrives five minutes after the others; all are known from the start.
        let mut feed = hits;
        feed.sort_by_key(|hit| hit.time_ns + if hit.source.0 == 2 { 300 * SECOND } else { 0 });
        let mut shard = Shard::new(ShardConfig::default(), &[rule]);
        let mut found = Vec::new();
        let known = source_rows(&[(0, 0), (1, 0), (2, -1)], 0);
        shard.accept(common::message_with(0, Vec::new(), known), &mut found);
        for (at, batch) in feed.chunks(7).enumerate() {
            shard.accept(common::message(at + 1, batch, 0), &mut found);
        }
        shard.finish(&mut found);
        assert_eq!(finals(&found), expected, "seed {seed}");
    }
}
