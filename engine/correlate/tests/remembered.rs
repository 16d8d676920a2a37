//! Where a remembered value is, in memory or on a shelf, changes no byte of any finding.

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::depot::MemoryDepot;
use common::{EPOCH, Feed, Random, SECOND, finals, hit, hit_ns, message_with, rule, source_rows};
use noroshi_correlate::{
    Condition, Depot, Finding, Hit, Kind, RuleSpec, Shard, ShardConfig, ShardMessage, reference, shard_of,
};
use proptest::prelude::*;

fn new_value(horizon_s: i64, warmup_s: i64) -> RuleSpec {
    let kind = Kind::NewValue { horizon_ns: horizon_s * SECOND, warmup_ns: warmup_s * SECOND };
    rule(kind, Condition::new(Vec::new()), 5)
}

#[derive(Clone, Debug)]
struct Case {
    horizon_s: i64,
    warmup_s: i64,
    hits: Vec<(i64, u8, u8)>,
    slow: u32,
    refuses: u64,
    resident: usize,
    seed: u64,
}

fn case() -> impl Strategy<Value = Case> {
    // Nothing may stay, half of it, or all.
    let resident = prop_oneof![3 => Just(0usize), 2 => Just(700), 1 => Just(usize::MAX)];
    let hits = prop::collection::vec((0i64..300, 0u8..6, 1u8..9), 1..150);
    (0i64..200, 0i64..60, hits, 0u32..4, 0u64..4, resident, any::<u64>()).prop_map(
        |(horizon_s, warmup_s, hits, slow, refuses, resident, seed)| Case {
            horizon_s,
            warmup_s,
            hits,
            slow,
            refuses,
            resident,
            seed,
        },
    )
}

impl Case {
    fn hits(&self) -> Vec<Hit<()>> {
        self.hits.iter().map(|&(time_s, key, value)| hit(time_s, key, value, 0)).collect()
    }
}

fn of_shard(batches: &[Vec<Hit<()>>], at: usize, (shard, shards): (usize, usize), lateness_s: i64) -> ShardMessage<()> {
    let mut message = common::message(at, &batches[at], lateness_s);
    message.hits.retain(|hit| shard_of(hit.key.partition(), shards) == shard);
    message
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 1500 } else { 20_000 }))]

    /// By any number of shards, cut off anywhere and taken up by any other number, with a shelf that is slow or refuses.
    #[test]
    fn a_shelf_changes_nothing(case in case()) {
        let rules = [new_value(case.horizon_s, case.warmup_s)];
        let hits = case.hits();
        let end = hits.iter().map(|hit| hit.time_ns).max().unwrap_or(0);
        let expected: Vec<_> =
            reference::evaluate(&rules[0], 0, &hits, end).iter().map(Finding::canonical_bytes).collect();
        let mut random = Random::new(case.seed);
        let lateness_s = random.below(20) as i64;
        let feed = Feed::shuffled(hits, lateness_s, &mut random);
        let batches = feed.batches(&mut random);
        let cut = random.below(batches.len() as u64) as usize;
        let depot: Arc<dyn Depot> = Arc::new(MemoryDepot::new(case.resident, case.slow, case.refuses));
        let config = |shard, shards| ShardConfig { shard, shards, depot: Some(Arc::clone(&depot)), ..Default::default() };
        let (shards, shards_after) = (1 + random.below(4) as usize, 1 + random.below(4) as usize);
        let (mut before, mut uninterrupted, mut captures) = (Vec::new(), Vec::new(), Vec::new());
        for shard_index in 0..shards {
            let mut shard = Shard::new(config(shard_index, shards), &rules);
            for at in 0..batches.len() {
                let found = if at <= cut { &mut before } else { &mut uninterrupted };
                let mut message = of_shard(&batches, at, (shard_index, shards), lateness_s);
                message.cut = at == cut;
                shard.accept(message, found);
                if random.below(3) > 0 {
                    captures.extend(shard.capture(1 + random.below(300) as usize));
                }
            }
            while shard.is_capturing() {
                captures.extend(shard.capture(1 + random.below(300) as usize));
            }
            shard.finish(&mut uninterrupted);
        }
        let captures: Vec<_> = captures.iter().map(|(_, capture)| common::stored(capture)).collect();
        prop_assert_eq!(captures.len(), shards);
        let mut restored = Vec::new();
        for shard_index in 0..shards_after {
            let mut shard = Shard::restore(config(shard_index, shards_after), &rules, &captures).unwrap();
            for at in cut + 1..batches.len() {
                let mut message = of_shard(&batches, at, (shard_index, shards_after), lateness_s);
                message.sequence -= cut as u64 + 1;
                shard.accept(message, &mut restored);
            }
            shard.finish(&mut restored);
        }
        prop_assert_eq!(finals(&restored), finals(&uninterrupted));
        before.append(&mut restored);
        prop_assert_eq!(finals(&before), expected);
    }
}

/// A rule of few keys or of many sees thirty thousand values, each twice, half a horizon apart.
fn many_values(keys: u64, resident: usize) -> (Vec<Vec<u8>>, noroshi_correlate::RuleCounters, u64) {
    const VALUES: u64 = 30_000;
    let depot = Arc::new(MemoryDepot::new(resident, 3, 5));
    let laid = Arc::clone(&depot.laid);
    let rules = [new_value(400, 0)];
    let mut shard = Shard::new(ShardConfig { depot: Some(depot), ..Default::default() }, &rules);
    let mut found = Vec::new();
    let (mut peak, mut sequence) = (0, 0);
    for from in (0..2 * VALUES).step_by(200) {
        // Six hundred values a second for fifty seconds, then the same again.
        let time_s = (from / 600) as i64;
        let hits = (from..from + 200).map(|number| {
            let number = number % VALUES;
            let mut hit = hit_ns(EPOCH + time_s * SECOND, &(number % keys).to_le_bytes(), 1, 0);
            let mut value = [0; 16];
            value[..8].copy_from_slice(&number.to_le_bytes());
            hit.value = Some(value);
            hit
        });
        shard.accept(message_with(sequence, hits.collect(), source_rows(&[(0, time_s)], 2)), &mut found);
        sequence += 1;
        peak = peak.max(shard.rule_counters()[0].state_bytes);
    }
    let counters = shard.rule_counters()[0];
    shard.finish(&mut found);
    assert_eq!(counters.evicted_hits, 0);
    (finals(&found), noroshi_correlate::RuleCounters { state_bytes: peak, ..counters }, laid.load(Ordering::Relaxed))
}

#[test]
fn memory_holds_a_share_whatever_the_keys_and_every_second_coming_is_known() {
    for (keys, resident, share) in [(1, 256 << 10, 67), (50, 16 << 10, 67), (30_000, 4 << 10, 90)] {
        let (with, counters, laid) = many_values(keys, resident);
        let (without, all, none) = many_values(keys, usize::MAX);
        assert!(!with.is_empty() && with == without, "{keys} keys");
        assert_eq!((none, all.recalled), (0, 0));
        assert!(laid >= 30_000 && counters.recalled > 15_000, "{keys} keys: {laid} laid, {counters:?}");
        assert_eq!((counters.laid, counters.unread), (laid, 0));
        assert!(counters.lay_refused > 0);
        // What is not decided, and the findings themselves, stay: of many keys each has one.
        let (some, most) = (counters.state_bytes, all.state_bytes);
        assert!(some * 100 < most * share, "{keys} keys: {some} of {most}");
    }
}
