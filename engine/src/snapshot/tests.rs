//! The file under power cuts, full disks and damage; and a snapshot's way back into shards.

use std::path::Path;
use std::sync::Arc;

use noroshi_correlate::{
    Capture, Evidence as _, Finding, Hit, Key, ShardMessage, SourceAdvance, SourceId, TowerMessage, shard_of,
};
use noroshi_input::files::{Fault, FaultyFiles, Files, Operation, RealFiles, SimulatedDisk};
use noroshi_input::{FileIdentity, Fingerprint, Origin};
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::{ecs, products};
use noroshi_remember::ValueDepot;

use super::store::{Manifest, SnapshotStore};
use super::*;
use crate::detection::LoadOptions;
use crate::evidence::Evidence;

const SECOND: i64 = 1_000_000_000;

const RULES: &str = "title: Failed
id: 33333333-0000-4000-8000-000000000001
name: failed
logsource: {product: linux, service: sshd}
detection: {s: {event.outcome: failure}, condition: s}
---
title: Often
id: 33333333-0000-4000-8000-000000000002
level: high
correlation: {type: event_count, rules: [failed], group-by: [user.name], timespan: 1h, condition: {gte: 4}}
";

fn detection(rules: &str) -> Detection {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rules.yml");
    std::fs::write(&path, rules).unwrap();
    let loaded = Detection::load(&[path], &[], &LoadOptions::default());
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    loaded.detection
}

fn hit(number: i64, user: &str) -> Hit<Shared> {
    let evidence = Evidence {
        time_ns: number * SECOND,
        origin: Arc::new(Origin::Stdin),
        input: "log".into(),
        line: number as u64,
        offset: 0,
        element: None,
        receive_time_ns: 0,
        raw: format!("failure {number} of {user}").into_bytes().into(),
        raw_bytes: 20,
        product: products::UNKNOWN,
        entities: [(ecs::USER_NAME, user.into())].into(),
        digest: u128::from(number as u64).to_be_bytes(),
    };
    Hit {
        rule: 0,
        source: SourceId(0),
        time_ns: evidence.time_ns,
        future: false,
        key: Key::new(&[user.as_bytes()]),
        part: 0,
        value: None,
        digest: evidence.digest,
        evidence: Shared(Arc::new(evidence)),
    }
}

fn message(sequence: u64, hits: Vec<Hit<Shared>>, class: u16) -> ShardMessage<Shared> {
    let times = || hits.iter().map(|hit| hit.time_ns);
    let sources = times().max().zip(times().min()).map(|(max, min)| SourceAdvance {
        source: SourceId(0),
        class,
        lateness_ns: SECOND,
        idle_timeout_ns: i64::MAX,
        min_event_time_ns: min,
        max_event_time_ns: max,
    });
    ShardMessage { sequence, sources: sources.into_iter().collect(), hits, receive_time_ns: 0, rules: None, cut: false }
}

/// Captures of one shard and the tower, with three of four failures of a user.
fn captures(detection: &Detection) -> [Capture<Shared>; 2] {
    let mut shard = Shard::new(ShardConfig::default(), &detection.specs);
    shard.accept(message(0, (1..4).map(|number| hit(number, "kato")).collect(), class(detection)), &mut Vec::new());
    let of_shard = shard.capture_now(LAST_CUT);
    let mut tower = Tower::new(1, WatermarkPolicy::Live, true, Vec::new(), Arc::clone(&detection.specs));
    let mut messages: Vec<TowerMessage<Shared>> = Vec::new();
    shard.rise(false, &mut messages);
    messages.into_iter().for_each(|message| tower.accept(message, &mut Vec::new()));
    let (cut, of_tower) = tower.capture(usize::MAX).expect("the shard asked for it");
    assert_eq!(cut, LAST_CUT);
    [of_shard, of_tower]
}

fn class(detection: &Detection) -> u16 {
    (0..noroshi_correlate::FEED_CLASSES_MAX).find(|&class| detection.specs[0].feeds.contains(class)).unwrap()
}

fn manifest(number: i64) -> Manifest {
    let identity = FileIdentity { dev: 1, ino: 2, fingerprint: Fingerprint::of(b"begin") };
    let at = |offset| FileCheckpoint { path: "/var/log/a.log".into(), identity, offset, line: 3 };
    let place = FilePlace { read_to: at(100), max_event_time_ns: 7, settled_to: at(50) };
    Manifest::new(number, &["log".to_owned()], vec![place], &Registry::default())
}

fn store(files: Arc<dyn Files>) -> SnapshotStore {
    SnapshotStore::new(files, "/snapshot".into())
}

fn loaded(files: &Arc<dyn Files>) -> Option<i64> {
    let found = store(Arc::clone(files)).load(&Dictionary::new()).expect("a whole snapshot, or none");
    found.map(|snapshot| snapshot.manifest.written_ns)
}

#[test]
fn what_goes_on_from_a_snapshot_completes_the_window_with_its_evidence() {
    let detection = detection(RULES);
    let dir = tempfile::tempdir().unwrap();
    let store = SnapshotStore::new(Arc::new(RealFiles), dir.path().join("snapshot"));
    assert!(store.load(&Dictionary::new()).unwrap().is_none(), "none at the first start");
    store.write(&manifest(1), &captures(&detection), &Dictionary::new()).unwrap();
    assert!(store.load(&Dictionary::new()).unwrap().is_none(), "not in its place yet");
    store.commit().unwrap();
    let (places, resumed) = take_up(&store, &detection, 3, &["log".to_owned()], None).expect("it is taken up");
    assert_eq!((places[0].read_to.offset, places[0].settled_to.offset), (100, 50));
    let mut found: Vec<Finding<Shared>> = Vec::new();
    for mut shard in resumed.shards {
        let ours = hit(9, "kato");
        let counts = noroshi_correlate::shard_of(ours.key.partition(), 3) == shard_number(&shard);
        shard.accept(message(0, if counts { vec![ours] } else { Vec::new() }, class(&detection)), &mut found);
        shard.finish(&mut found);
    }
    let last = found.last().expect("the fourth failure completes it");
    assert_eq!((last.count, last.first_ns), (4, SECOND));
    let raw: Vec<_> = last.evidence_first.iter().map(|member| &*member.evidence.0.raw).collect();
    assert_eq!(raw[0], b"failure 1 of kato");
    assert!(last.evidence_first[0].evidence.bytes() > 0);
    // Another definition of the rule, and the rest of the state has nobody to belong to.
    let changed = self::detection(&RULES.replace("gte: 4", "gte: 2"));
    let (_, resumed) = take_up(&store, &changed, 1, &["log".to_owned()], None).expect("it is taken up");
    assert_eq!(resumed.shards[0].rule_counters()[0].keys_live, 0);
}

fn shard_number(shard: &Shard<Shared>) -> usize {
    let text = format!("{shard:?}");
    let at = text.find("shard: ").expect("its configuration is shown") + "shard: ".len();
    text[at..].split(',').next().and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn a_power_cut_at_any_step_leaves_the_old_snapshot_or_the_new_one() {
    let detection = detection(RULES);
    let captures = captures(&detection);
    for seed in 0..300 {
        let disk = Arc::new(SimulatedDisk::new());
        let files: Arc<dyn Files> = Arc::clone(&disk) as Arc<dyn Files>;
        let store = store(Arc::clone(&files));
        store.write(&manifest(1), &captures, &Dictionary::new()).unwrap();
        store.commit().unwrap();
        store.write(&manifest(2), &captures, &Dictionary::new()).unwrap();
        if seed % 3 == 0 {
            disk.cut_power(seed);
            assert_eq!(loaded(&files), Some(1), "nothing was put in its place");
            continue;
        }
        store.commit().unwrap();
        if seed % 3 == 1 {
            // In the middle of the next.
            let _ = files.create(Path::new("/snapshot.new")).and_then(|mut file| file.write_all(b"torn"));
        }
        disk.cut_power(seed);
        assert_eq!(loaded(&files), Some(2));
    }
}

#[test]
fn a_full_disk_keeps_the_old_snapshot_and_gives_the_room_back() {
    let detection = detection(RULES);
    let captures = captures(&detection);
    let disk = Arc::new(SimulatedDisk::new());
    let files: Arc<dyn Files> = Arc::clone(&disk) as Arc<dyn Files>;
    let store = store(Arc::clone(&files));
    store.write(&manifest(1), &captures, &Dictionary::new()).unwrap();
    store.commit().unwrap();
    let used = disk.used();
    disk.set_capacity(Some(used + 100));
    let error = store.write(&manifest(2), &captures, &Dictionary::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!((disk.used(), loaded(&files)), (used, Some(1)));
    disk.set_capacity(None);
    store.write(&manifest(3), &captures, &Dictionary::new()).unwrap();
    store.commit().unwrap();
    assert_eq!(loaded(&files), Some(3));
}

#[test]
fn a_fault_at_any_step_is_told_and_the_old_snapshot_stands() {
    let detection = detection(RULES);
    let captures = captures(&detection);
    for operation in [Operation::Open, Operation::Write, Operation::Sync, Operation::Rename] {
        let dir = tempfile::tempdir().unwrap();
        let files = Arc::new(FaultyFiles::new(RealFiles));
        let store = SnapshotStore::new(Arc::clone(&files) as Arc<dyn Files>, dir.path().join("snapshot"));
        store.write(&manifest(1), &captures, &Dictionary::new()).unwrap();
        store.commit().unwrap();
        files.fail(operation, 1, Fault::Io);
        let result = store.write(&manifest(2), &captures, &Dictionary::new()).and_then(|_| store.commit());
        assert!(result.is_err(), "{operation:?}");
        files.heal();
        assert_eq!(store.load(&Dictionary::new()).unwrap().unwrap().manifest.written_ns, 1, "{operation:?}");
    }
}

#[test]
fn damaged_and_foreign_snapshots_are_refused_with_their_reason() {
    let detection = detection(RULES);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("snapshot");
    let store = SnapshotStore::new(Arc::new(RealFiles), path.clone());
    store.write(&manifest(1), &captures(&detection), &Dictionary::new()).unwrap();
    store.commit().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        assert!(take_up(&store, &detection, 1, &["log".to_owned()], None).is_none());
        store.load(&Dictionary::new()).unwrap_err().to_string()
    };
    for cut in [0, 10, whole.len() / 2, whole.len() - 1] {
        assert!(refused(&whole[..cut]).contains("it is damaged"));
    }
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        assert!(refused(&damaged).contains("it is damaged"), "byte {at}");
    }
    assert!(refused(b"notes of an operator, forty bytes and more, kept whole").contains("another kind of file"));
    // Whole, but of another layout.
    let named = b"\"version\":5";
    let at = whole.windows(named.len()).position(|part| part == named).expect("the manifest is text");
    let mut other = whole[..whole.len() - 32].to_vec();
    other[at + "\"version\":".len()] = b'9';
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&other);
    other.extend_from_slice(&digest);
    let reason = refused(&other);
    assert!(reason.contains("another version of noroshi wrote it: layout 9"), "{reason}");
}

#[test]
fn cuts_come_when_due_and_changed_and_wait_for_the_writer() {
    let cuts = Cuts::new(Duration::ZERO);
    assert!(!cuts.ask(), "nothing has changed");
    cuts.changed();
    assert!(cuts.ask() && !cuts.ask(), "one at a time");
    cuts.changed();
    assert!(!cuts.ask());
    cuts.done(Duration::ZERO, Err("disk full".to_owned()));
    assert!(cuts.ailment().unwrap().contains("disk full"));
    assert!(cuts.ask(), "what was not kept is cut again");
    cuts.done(Duration::ZERO, Ok(5));
    assert_eq!((cuts.ailment(), cuts.written().snapshots, cuts.written().failed), (None, 1, 1));
    cuts.changed();
    assert!(cuts.ask());
    cuts.done(Duration::from_secs(100), Ok(5));
    cuts.changed();
    assert!(!cuts.ask(), "writing takes a tenth of the time at most");
}

#[test]
fn sources_keep_their_numbers_and_new_ones_get_others() {
    let rows = [(3, 0, "a"), (7, 1, "b")].map(|(id, input, device)| crate::sources::SourceRow {
        id,
        input,
        class: 2,
        device: device.as_bytes().into(),
    });
    let registry = Registry::restored(rows.iter().cloned(), SourceId(8));
    assert_eq!(registry.rows(), rows);
    assert_eq!(registry.counts(), (2, 0));
}

/// Processor time of this thread: a busy machine does not spoil the figure.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A figure beside the most that is wanted of it.
fn tell(name: &str, figure_ms: f64, most_ms: f64, more: &str) {
    let ratio = most_ms / figure_ms.max(f64::MIN_POSITIVE);
    println!("{name:<52} {figure_ms:>9.2} ms        at most {most_ms:<6} {ratio:>7.2}  {more}");
    if let Some(path) = std::env::var_os("NOROSHI_FIGURES") {
        let row = format!("{name},{figure_ms:.3},ms,at most {most_ms},{ratio:.2}\n");
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, row.as_bytes()).unwrap();
    }
}

/// Run by `scripts/figures`.
#[test]
#[ignore = "a measurement, not a check"]
fn a_million_keys() {
    const KEYS: u64 = 1_000_000;
    let detection = detection(RULES);
    let mut specs = (*detection.specs).clone();
    specs.iter_mut().for_each(|spec| spec.state_bytes_max = 1 << 30);
    let mut shard = Shard::new(ShardConfig::default(), &specs);
    let class = class(&detection);
    for from in (0..KEYS).step_by(1000) {
        // A thousandth of a second apart, so that no window ends meanwhile.
        let hits = (from..from + 1000).map(|number| Hit {
            time_ns: 1_700_000_000 * SECOND + number as i64 * 1_000_000,
            ..hit(number as i64, &format!("user{number:07}"))
        });
        shard.accept(message(from / 1000, hits.collect(), class), &mut Vec::new());
    }
    assert_eq!(shard.rule_counters()[0].keys_live, KEYS);
    let mut cut = message(KEYS / 1000, Vec::new(), class);
    cut.cut = true;
    let (mut spent, mut longest, mut steps) = (Duration::ZERO, Duration::ZERO, 0u32);
    let mut measured = |work: &mut dyn FnMut()| {
        let began = cpu();
        work();
        let took = cpu() - began;
        (spent, longest, steps) = (spent + took, longest.max(took), steps + 1);
    };
    let (mut cut, mut done) = (Some(cut), None);
    measured(&mut || shard.accept(cut.take().expect("once"), &mut Vec::new()));
    while done.is_none() {
        measured(&mut || done = shard.capture(CAPTURE_STEP_BYTES));
    }
    let (_, capture) = done.expect("it ends");
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    tell(
        "Snapshot of a million users: capture",
        ms(spent),
        200.0,
        &format!("{steps} steps, {} MiB", capture.len() >> 20),
    );
    tell("Snapshot of a million users: longest wait", ms(longest), 20.0, "");
    let dir = tempfile::tempdir().unwrap();
    let store = SnapshotStore::new(Arc::new(RealFiles), dir.path().join("snapshot"));
    let (began, wall) = (cpu(), Instant::now());
    let captures = [capture, captures(&detection)[1].clone()];
    let bytes = store.write(&manifest(1), &captures, &detection.dictionary).unwrap();
    store.commit().unwrap();
    let more = format!("by wall time, {:.0} ms of processor, {} MiB", ms(cpu() - began), bytes >> 20);
    tell("Snapshot of a million users: durable", ms(wall.elapsed()), 5000.0, &more);
    drop(captures);
    let wall = Instant::now();
    let (_, resumed) = take_up(&store, &detection, 1, &["log".to_owned()], None).expect("it is taken up");
    tell("Snapshot of a million users: taken up again", ms(wall.elapsed()), 1000.0, "by wall time");
    assert!(resumed.shards[0].rule_counters()[0].keys_live > 0);
}

/// Values that a rule must know of for weeks are named by the snapshot, not in it: taken up they are known, and a snapshot
/// whose values are gone is refused.
#[test]
fn values_on_disk_are_known_after_a_restart_and_missed_when_they_are_gone() {
    const NEW: &str = "title: Failed
id: 33333333-0000-4000-8000-000000000001
name: failed
logsource: {product: linux, service: sshd}
detection: {s: {event.outcome: failure}, condition: s}
---
title: New
id: 33333333-0000-4000-8000-000000000003
level: high
correlation:
    type: new_value
    rules: [failed]
    group-by: [user.name]
    timespan: 1h
    condition: {field: host.name, horizon: 14d, warmup: 1s}
";
    let mut detection = detection(NEW);
    let class = class(&detection);
    Arc::make_mut(&mut detection.specs)[0].state_bytes_max = 1 << 20;
    let dir = tempfile::tempdir().unwrap();
    let store = SnapshotStore::new(Arc::new(RealFiles), dir.path().join("snapshot"));
    let opened = || ValueDepot::open(Arc::new(RealFiles), dir.path().join("values")).unwrap();
    let depot = opened();
    let config = ShardConfig { depot: Some(Arc::new(depot.clone())), ..ShardConfig::default() };
    let mut shard = Shard::new(config, &detection.specs);
    let of = |number: i64, value: i64| Hit {
        value: Some(u128::from(value as u64).to_be_bytes()),
        ..hit(1_700_000_000 + number, "kato")
    };
    for number in 0..8000 {
        shard.accept(message(number as u64, vec![of(number, number)], class), &mut Vec::new());
        depot.work_off();
    }
    let before = shard.rule_counters()[0];
    assert!(before.shelved > 2000 && before.evicted_hits == 0, "{before:?}");
    let of_tower = captures(&detection)[1].clone();
    let captures = [shard.capture_now(LAST_CUT), of_tower];
    let named: Vec<Vec<u8>> = captures.iter().flat_map(Capture::shelves).map(<[u8]>::to_vec).collect();
    assert_eq!(named.len(), 1);
    store.write(&manifest(1), &captures, &Dictionary::new()).unwrap();
    store.commit().unwrap();
    drop(shard);
    depot.keep(named.iter().map(Vec::as_slice));
    let inputs = ["log".to_owned()];
    assert!(take_up(&store, &detection, 2, &inputs, None).is_none(), "there is no place for values");
    let again: Arc<dyn Depot> = Arc::new(opened());
    let (_, mut resumed) = take_up(&store, &detection, 2, &inputs, Some(&again)).expect("it is taken up");
    let mut found = Vec::new();
    for shard in &mut resumed.shards {
        let hits = vec![of(8001, 5), of(8002, 9000)];
        let mine = shard_of(hits[0].key.partition(), 2) == shard.config().shard;
        shard.accept(message(0, if mine { hits } else { Vec::new() }, class), &mut found);
        shard.accept(message(1, Vec::new(), class), &mut found);
        assert_eq!(shard.rule_counters()[0].recalled, u64::from(mine));
    }
    drop(resumed);
    for run in std::fs::read_dir(depot.directory()).unwrap() {
        std::fs::remove_file(run.unwrap().path()).unwrap();
    }
    assert!(take_up(&store, &detection, 1, &inputs, Some(&again)).is_none(), "a file is gone");
}
