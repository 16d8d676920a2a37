//! A disk that fills, fails or loses its power changes no finding: what a snapshot names is there, and what is not on
//! disk is in memory.

#[path = "../../correlate/tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::sync::Arc;

use common::{EPOCH, Feed, Random, SECOND, finals, hit, hit_ns, message_with, rule, source_rows};
use noroshi_correlate::{
    Capture, Condition, Depot, Finding, Hit, Kind, RuleSpec, Shard, ShardConfig, Shelf, State, reference,
};
use noroshi_files::{Fault, FaultyFiles, Files, Operation, RealFiles, SimulatedDisk, replace_durably};
use noroshi_remember::ValueDepot;
use proptest::prelude::*;

/// Lets next to nothing stay in memory.
#[derive(Debug)]
struct Small {
    depot: ValueDepot,
    resident: usize,
}

impl Depot for Small {
    fn open(&self, rule: &RuleSpec, shard: usize, shards: usize) -> Box<dyn Shelf> {
        self.depot.open(rule, shard, shards)
    }
    fn resident_bytes_max(&self, _: &RuleSpec) -> usize {
        self.resident
    }
}

fn new_value(horizon_s: i64) -> RuleSpec {
    let kind = Kind::NewValue { horizon_ns: horizon_s * SECOND, warmup_ns: 0 };
    rule(kind, Condition::new(Vec::new()), 5)
}

/// An engine in small: a shard, a depot, and a snapshot file that tells how far it is.
struct Engine {
    disk: SimulatedDisk,
    rules: Vec<RuleSpec>,
    depot: ValueDepot,
    shard: Shard<()>,
    /// Batches that the shard has seen, and those before its first.
    next: usize,
    base: usize,
    found: Vec<Finding<()>>,
}

const SNAPSHOT: &str = "/snapshot";

impl Engine {
    fn config(depot: &ValueDepot) -> ShardConfig {
        ShardConfig { depot: Some(Arc::new(Small { depot: depot.clone(), resident: 0 })), ..Default::default() }
    }

    fn start(disk: &SimulatedDisk, rules: &[RuleSpec], mut found: Vec<Finding<()>>) -> Engine {
        let files: Arc<dyn Files> = Arc::new(disk.clone());
        let depot = ValueDepot::open(files, "/values".into()).expect("the power is back");
        let (shard, next) = match disk.read(Path::new(SNAPSHOT)) {
            Err(_) => (Shard::new(Self::config(&depot), rules), 0),
            Ok(bytes) => {
                let number = |at: usize| u64::from_le_bytes(bytes[at * 8..][..8].try_into().unwrap()) as usize;
                let capture = Capture::read(&mut &bytes[16..], &[()]).expect("a snapshot is whole");
                found.truncate(number(1));
                let shard = Shard::restore(Self::config(&depot), rules, &[capture]);
                (shard.expect("what the snapshot names is there"), number(0))
            }
        };
        if next == 0 {
            found.clear();
        }
        Engine { disk: disk.clone(), rules: rules.to_vec(), depot, shard, next, base: next, found }
    }

    fn accept(&mut self, batch: &[Hit<()>], lateness_s: i64) {
        self.shard.accept(common::message(self.next - self.base, batch, lateness_s), &mut self.found);
        self.next += 1;
    }

    /// Takes a snapshot; whether it is in its place.
    fn keep(&mut self) -> bool {
        let capture = self.shard.capture_now(0);
        let mut bytes: Vec<u8> =
            [self.next as u64, self.found.len() as u64].into_iter().flat_map(u64::to_le_bytes).collect();
        capture.write(&mut bytes, |()| 0).unwrap();
        let kept = replace_durably(&self.disk, Path::new(SNAPSHOT), &bytes).is_ok();
        if kept {
            self.depot.keep(capture.shelves());
        }
        kept
    }

    fn restart(self) -> Engine {
        let Engine { disk, rules, found, .. } = self;
        Engine::start(&disk, &rules, found)
    }
}

#[derive(Clone, Debug)]
struct Case {
    horizon_s: i64,
    hits: Vec<(i64, u8, u8)>,
    seed: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let hits = prop::collection::vec((0i64..300, 0u8..4, 1u8..9), 20..150);
    (10i64..200, hits, any::<u64>()).prop_map(|(horizon_s, hits, seed)| Case { horizon_s, hits, seed })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 600 } else { 10_000 }))]

    #[test]
    fn power_cuts_and_full_disks_change_no_finding(case in case()) {
        let rules = [new_value(case.horizon_s)];
        let hits: Vec<_> = case.hits.iter().map(|&(time_s, key, value)| hit(time_s, key, value, 0)).collect();
        let end = hits.iter().map(|hit| hit.time_ns).max().unwrap_or(0);
        let expected: Vec<_> =
            reference::evaluate(&rules[0], 0, &hits, end).iter().map(Finding::canonical_bytes).collect();
        let mut random = Random::new(case.seed);
        let lateness_s = random.below(20) as i64;
        let feed = Feed::shuffled(hits, lateness_s, &mut random);
        let batches = feed.batches(&mut random);
        let disk = SimulatedDisk::new();
        let mut engine = Engine::start(&disk, &rules, Vec::new());
        // Each failure costs what came since the last snapshot: so many and no more, that it ends.
        let mut failures = random.below(6);
        while engine.next < batches.len() {
            let next = engine.next;
            engine.accept(&batches[next], lateness_s);
            if failures > 0 && random.below(8) == 0 {
                failures -= 1;
                match random.below(3) {
                    0 => disk.set_capacity(Some(disk.used() + random.below(4000))),
                    1 => disk.cut_power_after(random.below(12), random.next()),
                    _ => {
                        disk.cut_power(random.next());
                        engine = engine.restart();
                    }
                }
            }
            if random.below(3) > 0 {
                engine.depot.work_off();
            }
            if random.below(4) == 0 {
                engine.keep();
            }
            if disk.restore_power() {
                engine = engine.restart();
            }
            if random.below(6) == 0 {
                disk.set_capacity(None);
            }
        }
        engine.shard.finish(&mut engine.found);
        prop_assert_eq!(finals(&engine.found), expected);
    }
}

fn value(number: u64) -> Option<[u8; 16]> {
    let mut value = [0; 16];
    value[..8].copy_from_slice(&number.to_le_bytes());
    Some(value)
}

fn values(time_s: i64, from: u64, count: u64) -> Vec<Hit<()>> {
    (from..from + count)
        .map(|number| {
            let mut hit = hit_ns(EPOCH + time_s * SECOND, &(number % 50).to_le_bytes(), 1, 0);
            hit.value = value(number);
            hit
        })
        .collect()
}

/// Days of values in an hour of event time: old generations go as files, new ones are merged, and no more files are left
/// than are needed.
#[test]
fn generations_are_merged_and_dropped_and_their_files_removed() {
    let dir = tempfile::tempdir().unwrap();
    let depot = ValueDepot::open(Arc::new(RealFiles), dir.path().join("values")).unwrap();
    let rules = [new_value(800)];
    let config = || ShardConfig {
        depot: Some(Arc::new(Small { depot: depot.clone(), resident: 4096 })),
        ..ShardConfig::default()
    };
    let mut shard = Shard::new(config(), &rules);
    let mut found = Vec::new();
    let mut most = 0;
    for second in 0..3600u64 {
        let message = message_with(
            second as usize,
            values(second as i64, second * 20, 20),
            source_rows(&[(0, second as i64)], 2),
        );
        shard.accept(message, &mut found);
        depot.work_off();
        if second % 50 == 0 {
            let capture = shard.capture_now(second);
            depot.keep(capture.shelves());
            most = most.max(std::fs::read_dir(depot.directory()).unwrap().count());
        }
        found.clear();
    }
    let counters = shard.rule_counters()[0];
    // Ten generations at most hold anything that is in the horizon, each one run but for the one that is being filled.
    assert!(most < 40, "{most} files");
    assert!((15_000..20_000).contains(&counters.shelved), "{counters:?}");
    assert!(counters.laid > 65_000 && counters.recalled == 0 && counters.evicted_hits == 0, "{counters:?}");
    // A value of ten minutes ago is known, one of an hour ago is new again.
    let known = values(3600, 3000 * 20, 20);
    let again = values(3600, 20, 20);
    shard.accept(message_with(3600, [known, again].concat(), source_rows(&[(0, 3600)], 2)), &mut found);
    assert_eq!(shard.rule_counters()[0].recalled, 20);
    // A snapshot names what is there; shelves that are gone leave nothing behind with the next one that names nothing.
    let capture = shard.capture_now(0);
    drop(shard);
    depot.keep(capture.shelves());
    assert_eq!(Shard::restore(config(), &rules, &[capture]).unwrap().rule_counters()[0].shelved, counters.shelved);
    depot.keep(std::iter::empty());
    assert_eq!(std::fs::read_dir(depot.directory()).unwrap().count(), 0);
}

/// What cannot be read is as if memory had given it up: told, counted, and said on the alert.
#[test]
fn values_that_cannot_be_read_make_a_rule_incomplete() {
    let disk = SimulatedDisk::new();
    let files = Arc::new(FaultyFiles::new(disk));
    let depot = ValueDepot::open(Arc::clone(&files) as Arc<dyn Files>, "/values".into()).unwrap();
    let rules = [new_value(800)];
    let small = Small { depot: depot.clone(), resident: 0 };
    let mut shard = Shard::new(ShardConfig { depot: Some(Arc::new(small)), ..Default::default() }, &rules);
    let mut found = Vec::new();
    for second in 0..20 {
        let message = message_with(second, values(second as i64, 0, 50), source_rows(&[(0, second as i64)], 2));
        shard.accept(message, &mut found);
        depot.work_off();
    }
    for second in 20..40 {
        shard.accept(message_with(second, Vec::new(), source_rows(&[(0, second as i64)], 2)), &mut found);
        depot.work_off();
    }
    let laid = shard.rule_counters()[0];
    assert!(laid.shelved >= 50 && laid.completeness_percent() == 100, "{laid:?}");
    found.clear();
    files.fail_from(Operation::Read, 1, Fault::Io);
    shard.accept(message_with(40, values(40, 0, 50), source_rows(&[(0, 60)], 2)), &mut found);
    let counters = shard.rule_counters()[0];
    assert_eq!((counters.unread, counters.evicted_hits), (50, 50), "{counters:?}");
    assert!(counters.completeness_percent() < 100);
    let told: Vec<_> = found.iter().filter(|finding| finding.state == State::Final).collect();
    assert!(!told.is_empty() && told.iter().all(|finding| finding.incomplete.is_some()), "{told:?}");
    // A disk that is full keeps nothing out of memory, and loses nothing.
    files.heal();
    files.fail_from(Operation::Write, 1, Fault::NoSpace);
    for second in 41..60 {
        let message =
            message_with(second, values(second as i64 + 30, 1000, 50), source_rows(&[(0, second as i64 + 30)], 2));
        shard.accept(message, &mut found);
        depot.work_off();
    }
    let counters = shard.rule_counters()[0];
    assert!(
        counters.lay_refused > 0 && counters.shelved == laid.shelved && counters.evicted_hits == 50,
        "{counters:?}"
    );
    assert!(depot.counters().failed > 0);
}
