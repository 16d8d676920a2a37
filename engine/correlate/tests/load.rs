//! Floods: of keys, and of hits on one key. Memory stays in the budget, other rules see nothing of it, and the work
//! per hit does not grow with the window.

mod common;

use common::{EPOCH, Random, SECOND, finals, hit_ns, message_with, rule, source_rows};
use std::sync::Arc;

use noroshi_correlate::{
    Condition, Finding, Hit, Key, Kind, Op, RuleSpec, Shard, ShardConfig, ShardMessage, State, rare_value,
};

/// A flooded rule and one beside it, whose hits come every hundredth.
fn flood(keys: u32, budget: usize, flooded: bool) -> (Vec<Finding<()>>, Shard<()>) {
    let rules = [
        RuleSpec { state_bytes_max: budget, ..rule(Kind::EventCount, Condition::new(vec![(Op::Gte, 5)]), 3600) },
        RuleSpec {
            id: "beside".into(),
            state_bytes_max: budget,
            ..rule(Kind::EventCount, Condition::new(vec![(Op::Gte, 4)]), 60)
        },
    ];
    let mut shard = Shard::new(ShardConfig::default(), &rules);
    let mut found = Vec::new();
    let mut random = Random::new(1);
    for (sequence, from) in (0..keys).step_by(1000).enumerate() {
        let time_ns = EPOCH + i64::from(from / 100) * SECOND;
        let mut hits: Vec<Hit<()>> = Vec::new();
        for n in from..from + 1000 {
            if flooded {
                hits.push(hit_ns(time_ns, &n.to_le_bytes(), 1, 0));
            }
            if n % 100 == 0 {
                let key = [b'k', random.below(30) as u8];
                hits.push(Hit { rule: 1, ..hit_ns(time_ns, &key, 1, 0) });
            }
        }
        let sources = source_rows(&[(0, i64::from(from / 100))], 10);
        shard.accept(message_with(sequence, hits, sources), &mut found);
        let counters = shard.rule_counters();
        assert!(counters[0].state_bytes <= 256 * budget as u64, "{counters:?}");
    }
    (found, shard)
}

fn beside(found: &[Finding<()>]) -> Vec<Vec<u8>> {
    finals(&found.iter().filter(|finding| finding.spec.id == "beside").cloned().collect::<Vec<_>>())
}

#[test]
fn a_flood_of_keys_is_charged_to_its_rule_alone() {
    let (mut quiet, mut quiet_shard) = flood(300_000, 32 << 10, false);
    let (mut loud, mut loud_shard) = flood(300_000, 32 << 10, true);
    let counters = loud_shard.rule_counters();
    assert!(counters[0].evicted_keys > 100_000 && counters[0].completeness_percent() < 99, "{counters:?}");
    assert_eq!((counters[1].evicted_keys, counters[1].completeness_percent()), (0, 100));
    quiet_shard.finish(&mut quiet);
    loud_shard.finish(&mut loud);
    assert!(beside(&quiet).len() > 50);
    assert_eq!(beside(&loud), beside(&quiet));
}

#[test]
#[ignore = "ten million keys take half a minute"]
fn a_flood_of_ten_million_keys() {
    let budget = 1 << 20;
    let before = resident_bytes();
    let (mut loud, mut shard) = flood(10_000_000, budget, true);
    let (grown, charged) = (resident_bytes().saturating_sub(before), shard.rule_counters()[0].state_bytes);
    println!("resident {} MiB, charged {} MiB, budget {} MiB", grown >> 20, charged >> 20, (256 * budget) >> 20);
    assert!(grown < 256 * budget + (64 << 20));
    let (mut quiet, mut quiet_shard) = flood(10_000_000, budget, false);
    shard.finish(&mut loud);
    quiet_shard.finish(&mut quiet);
    assert_eq!(beside(&loud), beside(&quiet));
}

/// A key that completes in spite of evictions says that it may be incomplete; one after the flood does not.
#[test]
fn findings_of_a_partition_that_evicted_say_so() {
    let flooded = RuleSpec { state_bytes_max: 4096, ..rule(Kind::EventCount, Condition::new(vec![(Op::Gte, 3)]), 60) };
    let mut shard = Shard::new(ShardConfig::default(), &[flooded]);
    let mut found = Vec::new();
    let mut hits: Vec<_> = (0..30_000u32).map(|n| hit_ns(EPOCH, &n.to_le_bytes(), 1, 0)).collect();
    hits.extend((1..4).map(|n| hit_ns(EPOCH + n * SECOND, b"during", 1, 0)));
    shard.accept(message_with(0, hits, source_rows(&[(0, 3)], 10)), &mut found);
    let after = (0..3).map(|n| hit_ns(EPOCH + (1000 + n) * SECOND, b"after", 1, 0)).collect();
    shard.accept(message_with(1, after, source_rows(&[(0, 1003)], 10)), &mut found);
    shard.finish(&mut found);
    let told: Vec<_> = found.iter().filter(|finding| finding.state == State::Final).collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].incomplete.is_some_and(|percent| percent < 60), "{:?}", told[0].incomplete);
    assert_eq!(told[1].incomplete, None);
}

/// One key, one window, many hits, a little out of order: what is quadratic does not end here.
#[test]
fn a_flood_on_one_key_stays_linear() {
    for kind in [Kind::EventCount, Kind::ValueCount] {
        let mut random = Random::new(3);
        let rule = rule(kind, Condition::new(vec![(Op::Gte, 50)]), 3600);
        let mut shard = Shard::new(ShardConfig::default(), &[rule]);
        let mut found = Vec::new();
        let number = 200_000u64;
        for sequence in 0..number / 1000 {
            let hits = (0..1000).map(|n| {
                let at = sequence * 1000 + n;
                let mut hit = hit_ns(EPOCH + (at * 1_000_000 + random.below(20_000_000)) as i64, b"k", 1, 0);
                hit.digest[..8].copy_from_slice(&at.to_le_bytes());
                let mut value = [0; 16];
                value[..8].copy_from_slice(&random.below(50_000).to_le_bytes());
                hit.value = Some(value);
                hit
            });
            let message = message_with(sequence as usize, hits.collect(), source_rows(&[(0, (sequence) as i64)], 60));
            shard.accept(message, &mut found);
        }
        shard.finish(&mut found);
        let last = found.last().unwrap();
        assert_eq!((last.state, last.count), (State::Final, number));
        if let Some(values) = last.value_count {
            assert!(values.approximate && (47_000..51_000).contains(&values.number), "{values:?}");
        }
    }
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// Processor time of this thread: a busy machine does not spoil the figure.
fn cpu() -> std::time::Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    std::time::Duration::from_nanos(stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

/// The floor: counting in a plain hash table with the same keys.
fn upserts_per_second(keys: u64) -> f64 {
    let mut table = hashbrown::HashMap::<Vec<u8>, u64, foldhash::fast::FixedState>::default();
    let mut random = Random::new(9);
    let names: Vec<_> =
        (0..2 * keys).map(|_| Key::new(&[format!("10.{:010}", random.below(keys)).as_bytes()])).collect();
    let start = cpu();
    for name in &names {
        *table.entry_ref(name.bytes()).or_insert(0) += 1;
    }
    assert!(table.len() > 1);
    names.len() as f64 / (cpu() - start).as_secs_f64()
}

/// Run by hand: `cargo test --release -p noroshi-correlate --test load -- --ignored --nocapture speed`.
#[test]
#[ignore = "a measurement, not a check"]
fn speed_with_a_million_keys() {
    println!("plain hash upserts: {:.2} M/s", upserts_per_second(1_000_000) / 1e6);
    for kind in [Kind::EventCount, Kind::ValueCount] {
        let rule = RuleSpec { state_bytes_max: 1 << 30, ..rule(kind, Condition::new(vec![(Op::Gte, 20)]), 3600) };
        let before = resident_bytes();
        let mut shard = Shard::new(ShardConfig::default(), &[rule]);
        let mut found = Vec::new();
        let mut sequence = 0;
        let mut random = Random::new(9);
        let keys = 1_000_000u64;
        for (round, label) in [(0, "1 M new keys"), (1, "second hits"), (2, "third hits"), (3, "fourth hits")] {
            let mut spent = std::time::Duration::ZERO;
            for from in (0..keys).step_by(1000) {
                let hits: Vec<_> = (0..1000)
                    .map(|n| {
                        let key = if round == 0 { from + n } else { random.below(keys) };
                        let time_ns = EPOCH + ((round * keys + from + n) * 200_000) as i64;
                        let mut hit = hit_ns(time_ns, format!("10.{key:010}").as_bytes(), 1 + (n % 7) as u8, 0);
                        hit.digest[..8].copy_from_slice(&(from + n).to_le_bytes());
                        hit
                    })
                    .collect();
                let message = message_with(sequence, hits, source_rows(&[(0, (round * 200) as i64)], 60));
                sequence += 1;
                let start = cpu();
                shard.accept(message, &mut found);
                spent += cpu() - start;
            }
            let counters = shard.rule_counters()[0];
            println!(
                "{kind:?} {label}: {:.2} M hits/s, {} keys, charged {} MiB, resident {} MiB",
                keys as f64 / spent.as_secs_f64() / 1e6,
                counters.keys_live,
                counters.state_bytes >> 20,
                resident_bytes().saturating_sub(before) >> 20
            );
        }
        // The window passes: every key is given back.
        let start = cpu();
        shard.accept(message_with(sequence, Vec::new(), source_rows(&[(0, 100_000)], 60)), &mut found);
        println!("{kind:?} expiry of all keys: {:.0} ms", (cpu() - start).as_secs_f64() * 1e3);
        assert_eq!(shard.rule_counters()[0].keys_live, 0);
    }
    for kind in [Kind::EventCount, Kind::ValueCount] {
        let rule = RuleSpec { state_bytes_max: 1 << 30, ..rule(kind, Condition::new(vec![(Op::Gte, 100)]), 3600) };
        let mut shard = Shard::new(ShardConfig::default(), &[rule]);
        let mut found = Vec::new();
        let mut random = Random::new(9);
        let mut spent = std::time::Duration::ZERO;
        for sequence in 0..1000u64 {
            let hits = (0..1000).map(|n| {
                let at = sequence * 1000 + n;
                let mut hit = hit_ns(EPOCH + (at * 1_000_000) as i64, b"k", (random.next() % 200) as u8 + 1, 0);
                hit.digest[..8].copy_from_slice(&at.to_le_bytes());
                hit
            });
            let message = message_with(sequence as usize, hits.collect(), source_rows(&[(0, (sequence) as i64)], 60));
            let start = cpu();
            shard.accept(message, &mut found);
            spent += cpu() - start;
        }
        println!("{kind:?} 1 M hits on one key: {:.2} M hits/s", 1.0 / spent.as_secs_f64());
        assert!(!found.is_empty());
    }
}

/// Run by hand: `cargo test --release -p noroshi-correlate --test load -- --ignored --nocapture capture`.
#[test]
#[ignore = "a measurement, not a check"]
fn capture_of_a_million_keys() {
    const KEYS: u64 = 1_000_000;
    let budget =
        RuleSpec { state_bytes_max: 1 << 30, ..rule(Kind::EventCount, Condition::new(vec![(Op::Gte, 20)]), 3600) };
    let mut shard: Shard<Arc<[u8]>> = Shard::new(ShardConfig::default(), std::slice::from_ref(&budget));
    let mut found = Vec::new();
    let with_evidence = |hit: Hit<()>, number: u64| Hit {
        evidence: Arc::from(vec![number as u8; 300]),
        rule: hit.rule,
        source: hit.source,
        time_ns: hit.time_ns,
        future: hit.future,
        key: hit.key,
        part: hit.part,
        value: hit.value,
        digest: hit.digest,
    };
    let message = |sequence: u64, hits| ShardMessage {
        sequence,
        hits,
        sources: source_rows(&[(0, 0)], 60),
        receive_time_ns: EPOCH,
        rules: None,
        cut: sequence == KEYS / 1000,
    };
    for from in (0..KEYS).step_by(1000) {
        let hits = (from..from + 1000).map(|number| {
            let time_ns = EPOCH + (number * 200_000) as i64;
            with_evidence(hit_ns(time_ns, format!("10.{number:010}").as_bytes(), 1, 0), number)
        });
        shard.accept(message(from / 1000, hits.collect()), &mut found);
    }
    let (mut spent, mut longest, mut steps) = (std::time::Duration::ZERO, std::time::Duration::ZERO, 0);
    let mut done = None;
    let mut begun = false;
    while done.is_none() {
        let start = cpu();
        if begun {
            done = shard.capture(128 << 10);
        } else {
            shard.accept(message(KEYS / 1000, Vec::new()), &mut found);
            begun = true;
        }
        let took = cpu() - start;
        (spent, longest, steps) = (spent + took, longest.max(took), steps + 1);
    }
    let (_, capture) = done.expect("it ends");
    println!("capture: {spent:?} in {steps} steps, the longest {longest:?}, {} MiB", capture.len() >> 20);
    let start = cpu();
    let restored = Shard::restore(ShardConfig::default(), &[budget], &[capture]).expect("it is taken up");
    println!("restore: {:?}", cpu() - start);
    assert_eq!(restored.rule_counters()[0].keys_live, KEYS);
}

/// A population over its budget gives up what came longest ago: what comes often stays known, so nothing common is told.
#[test]
fn a_population_over_its_budget_forgets_the_oldest_and_knows_what_is_common() {
    const UNIQUE: u64 = 60;
    const SECONDS: u64 = 300;
    let kind = Kind::Rare { horizon_ns: 86_400 * SECOND, warmup_ns: 20 * SECOND, times: 3, share_millionths: 0 };
    let budget = 512 << 10;
    let rule = RuleSpec { state_bytes_max: budget, ..rule(kind, Condition::new(Vec::new()), 1) };
    let mut shard = Shard::new(ShardConfig::default(), &[rule]);
    let mut found = Vec::new();
    for second in 0..SECONDS {
        let valued = |value: u64| {
            let mut hit = hit_ns(EPOCH + second as i64 * SECOND, b"all", 1, 0);
            hit.value = Some(rare_value(&value.to_le_bytes(), &[value as u8]));
            hit.digest[..8].copy_from_slice(&value.to_le_bytes());
            hit
        };
        // Five that all have, and beside them after the warm-up what nobody ever had.
        let flood = if second > 20 { second * UNIQUE..(second + 1) * UNIQUE } else { 0..0 };
        let hits: Vec<_> = (0..5).chain(flood.map(|value| 1000 + value)).map(valued).collect();
        shard.accept(message_with(second as usize, hits, source_rows(&[(0, second as i64)], 1)), &mut found);
        assert!(shard.rule_counters()[0].state_bytes <= 2 * budget as u64, "{:?}", shard.rule_counters()[0]);
    }
    let counters = shard.rule_counters()[0];
    shard.finish(&mut found);
    let finals = || found.iter().filter(|finding| finding.state == State::Final);
    assert_eq!(finals().map(|finding| finding.count).sum::<u64>(), UNIQUE * (SECONDS - 21));
    assert!(counters.evicted_hits > 5_000 && counters.completeness_percent() < 100, "{counters:?}");
    assert!(finals().next_back().is_some_and(|finding| finding.incomplete.is_some()));
    assert!(finals().next().is_some_and(|finding| finding.incomplete.is_none()));
}

/// What a rule of a long horizon gave up bears on its findings for that long.
#[test]
fn a_value_that_may_have_been_given_up_is_new_with_reserve_for_a_horizon() {
    let kind = Kind::NewValue { horizon_ns: 400 * SECOND, warmup_ns: 0 };
    let rule = RuleSpec { state_bytes_max: 8192, ..rule(kind, Condition::new(Vec::new()), 5) };
    let mut shard = Shard::new(ShardConfig::default(), &[rule]);
    let mut found = Vec::new();
    let flood = (0..20_000u32).map(|n| hit_ns(EPOCH, &n.to_le_bytes(), 1, 0)).collect();
    shard.accept(message_with(0, flood, source_rows(&[(0, 1)], 1)), &mut found);
    assert!(shard.rule_counters()[0].evicted_keys > 1000);
    found.clear();
    for (sequence, second) in [(1, 100), (2, 900)] {
        let hit = hit_ns(EPOCH + second * SECOND, &second.to_le_bytes(), 1, 0);
        shard.accept(message_with(sequence, vec![hit], source_rows(&[(0, second + 30)], 1)), &mut found);
    }
    shard.finish(&mut found);
    let of = |second: i64| {
        let mut finals = found.iter().filter(|finding| finding.state == State::Final);
        finals.find(|finding| finding.trigger_ns == EPOCH + second * SECOND).map(|finding| finding.incomplete.is_some())
    };
    assert_eq!((of(100), of(900)), (Some(true), Some(false)));
}
