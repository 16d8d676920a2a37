//! What is not sealed yet, held to the first key: whatever is done to it shows, and a crash is no tampering.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use noroshi_archive::search::query::parse;
use noroshi_archive::search::{Control, Search};
use noroshi_archive::tree::Verifier;
use noroshi_archive::tree::mac::{FirstKey, TailState};
use noroshi_archive::verify::{Against, Verdict, verify};
use noroshi_archive::{Appender, Archive, Entry, FrameWriter, InputOptions, Retention, Settings, TAIL_STATE, init};
use noroshi_files::{Files, SimulatedDisk};

/// 2026-03-02T10:00:00Z.
const NOON: i64 = 1_772_445_600_000_000_000;

const DIRECTORY: &str = "/archive";

fn settings(segment_bytes: u64) -> Settings {
    Settings {
        directory: DIRECTORY.into(),
        segment_bytes,
        segment_age: Duration::from_secs(3600),
        inputs: BTreeMap::from([("fw".to_owned(), InputOptions::default())]),
        node: "test node".into(),
        clock: || NOON,
        uptime: || Duration::ZERO,
        retention: Retention::default(),
    }
}

fn submit(appender: &Appender, order: u64, text: &str) {
    let first = appender.claim(1);
    let mut frame = FrameWriter::new(first, "fw", None, ["192.0.2.9:514".into()].into_iter());
    frame.push(text.as_bytes(), &Entry { receive_time_ns: NOON, lines: 1, ..Entry::default() });
    appender.submit(order, first, Some(frame), Some(Box::new(|_| {})));
}

/// All files, as a program that is killed now would leave them.
fn copy(disk: &SimulatedDisk) -> SimulatedDisk {
    let copied = SimulatedDisk::new();
    let mut waiting = vec![PathBuf::from(DIRECTORY)];
    while let Some(at) = waiting.pop() {
        copied.create_directory(&at).unwrap();
        for path in disk.list(&at).unwrap_or_default() {
            match disk.read(&path) {
                Ok(bytes) => copied.create(&path).unwrap().write_all(&bytes).unwrap(),
                Err(_) => waiting.push(path),
            }
        }
    }
    copied
}

fn held_to(disk: &SimulatedDisk, first: &Arc<FirstKey>) -> Verdict {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let key = disk.read(&noroshi_archive::verifier_path(Path::new(DIRECTORY))).unwrap();
    let keys = vec![Verifier::parse(String::from_utf8(key).unwrap().trim()).unwrap()];
    let first_key = Some(Arc::clone(first));
    verify(&files, Path::new(DIRECTORY), &Against { keys, first_key, ..Against::default() })
}

#[track_caller]
fn wait(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come true");
        std::thread::yield_now();
    }
}

fn saved(disk: &SimulatedDisk) -> TailState {
    TailState::load(disk, &Path::new(DIRECTORY).join(TAIL_STATE)).unwrap()
}

/// Runs an archive on the disk, hands in so many records, and gives what a kill leaves once the keys on disk count them.
fn killed_after(disk: &SimulatedDisk, records: u64) -> SimulatedDisk {
    let archive = Archive::open(Arc::new(disk.clone()), settings(1 << 20)).unwrap();
    let appender = archive.appender();
    for order in 0..records {
        submit(&appender, order, &format!("record {order} {}", "y".repeat(20)));
        assert!(appender.wait_durable(order + 1, Duration::from_secs(60)));
    }
    wait("the keys are saved", || saved(disk).chain.index() == records);
    let killed = copy(disk);
    drop(appender);
    archive.stop().unwrap();
    killed
}

/// A disk with a segment that is over and one that is open, and the first key.
fn two_segments() -> (SimulatedDisk, Arc<FirstKey>) {
    let disk = SimulatedDisk::new();
    let first = Arc::new(init(&disk, Path::new(DIRECTORY)).unwrap());
    let disk = killed_after(&disk, 4);
    // Room for frames and not for a sealed file, so that the first segment waits.
    disk.set_capacity(Some(disk.used() + 6000));
    let disk = killed_after(&disk, 3);
    let state = saved(&disk);
    assert_eq!((state.chain.epoch(), state.chain.index(), state.ended.len()), (1, 3, 1));
    (disk, first)
}

fn segments(disk: &SimulatedDisk) -> Vec<PathBuf> {
    disk.list(&Path::new(DIRECTORY).join("wal")).unwrap()
}

fn put(disk: &SimulatedDisk, path: &Path, bytes: &[u8]) {
    disk.create(path).unwrap().write_all(bytes).unwrap();
}

#[test]
fn every_change_to_the_open_tail_is_found_with_the_first_key() {
    let (disk, first) = two_segments();
    let sound = held_to(&disk, &first);
    assert_eq!((&sound.tampered, &sound.undecided, sound.tail_frames), (&vec![], &vec![], 7));
    let other = Arc::new(FirstKey::from_bytes([9; 32]));
    assert!(!held_to(&disk, &other).tampered.is_empty());
    let paths = segments(&disk);
    assert_eq!(paths.len(), 2);
    #[track_caller]
    fn found(disk: &SimulatedDisk, first: &Arc<FirstKey>, what: &str) -> (String, std::ops::Range<u64>) {
        let verdict = held_to(disk, first);
        let fault = verdict.tampered.first().unwrap_or_else(|| panic!("{what}: unseen: {verdict:?}"));
        (fault.file.clone(), fault.bytes.clone())
    }
    for path in &paths {
        let name = path.strip_prefix(DIRECTORY).unwrap().display().to_string();
        let whole = disk.read(path).unwrap();
        for at in 0..whole.len() {
            for bit in [0, 7] {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                put(&disk, path, &flipped);
                let (file, bytes) = found(&disk, &first, &format!("{name}: byte {at} flipped"));
                assert_eq!(file, name);
                // The damage, or the count that is short by the last frame.
                assert!(bytes.contains(&(at as u64)) || at < 24, "{name}: byte {at} is not in {bytes:?}");
            }
            put(&disk, path, &whole[..at]);
            assert_eq!(found(&disk, &first, &format!("{name}: cut to {at}")).0, name);
        }
        disk.remove(path).unwrap();
        found(&disk, &first, &format!("{name}: removed"));
        put(&disk, path, &whole);
        // Frames taken out, told twice, swapped, moved into the other segment.
        let places: Vec<usize> = memchr::memmem::find_iter(&whole, &[0xF5, b'N', b'F']).chain([whole.len()]).collect();
        let frames: Vec<&[u8]> = places.windows(2).map(|ends| &whole[ends[0]..ends[1]]).collect();
        assert!(frames.len() >= 3);
        let changed = |frames: &[&[u8]], what: &str| {
            put(&disk, path, &[&whole[..places[0]], &frames.concat()].concat());
            assert_eq!(found(&disk, &first, what).0, name);
            put(&disk, path, &whole);
        };
        for at in 0..frames.len() {
            let mut without = frames.clone();
            without.remove(at);
            changed(&without, &format!("{name}: frame {at} taken out"));
            let mut twice = frames.clone();
            twice.insert(at, frames[at]);
            changed(&twice, &format!("{name}: frame {at} twice"));
            let mut swapped = frames.clone();
            swapped.swap(at, (at + 1) % frames.len());
            changed(&swapped, &format!("{name}: frame {at} swapped"));
        }
        for other in paths.iter().filter(|other| *other != path) {
            let other = disk.read(other).unwrap();
            let strange = &other[24..24 + frames[0].len()];
            changed(&[&frames[..], &[strange]].concat(), &format!("{name}: a frame of another segment"));
        }
    }
    // Swapped whole, and one under the name of another.
    let (one, two) = (disk.read(&paths[0]).unwrap(), disk.read(&paths[1]).unwrap());
    put(&disk, &paths[0], &two);
    put(&disk, &paths[1], &one);
    found(&disk, &first, "swapped");
    put(&disk, &paths[1], &two);
    found(&disk, &first, "one in the place of another");
    put(&disk, &paths[0], &one);
    // The keys on disk: gone, changed, of another archive.
    let path = Path::new(DIRECTORY).join(TAIL_STATE);
    let state = disk.read(&path).unwrap();
    for at in 0..state.len() {
        let mut flipped = state.clone();
        flipped[at] ^= 1;
        put(&disk, &path, &flipped);
        found(&disk, &first, &format!("keys: byte {at} flipped"));
    }
    disk.remove(&path).unwrap();
    assert_eq!(found(&disk, &first, "keys gone").0, TAIL_STATE);
    put(&disk, &path, &state);
    assert_eq!(held_to(&disk, &first).tampered, vec![]);
}

/// Killed while it writes, whatever part of the last frame has come to the file: no tampering, and the next run goes on.
#[test]
fn a_frame_cut_short_by_a_kill_is_no_tampering() {
    let disk = SimulatedDisk::new();
    let first = Arc::new(init(&disk, Path::new(DIRECTORY)).unwrap());
    let disk = killed_after(&disk, 3);
    let path = segments(&disk).pop().unwrap();
    let whole = disk.read(&path).unwrap();
    let frame = whole[whole.len() - 150..].to_vec();
    for part in [0, 1, 11, 12, 50, 149] {
        put(&disk, &path, &[&whole[..], &frame[..part]].concat());
        let verdict = held_to(&disk, &first);
        assert_eq!((&verdict.tampered, &verdict.undecided), (&vec![], &vec![]), "{part} bytes of the next frame");
        assert_eq!(verdict.notes.len(), usize::from(part > 0));
    }
    put(&disk, &path, &[&whole[..], &frame[..50]].concat());
    let archive = Archive::open(Arc::new(disk.clone()), settings(1 << 20)).unwrap();
    archive.stop().unwrap();
    assert_eq!((segments(&disk).len(), saved(&disk).chain.epoch()), (0, 1));
    let verdict = held_to(&disk, &first);
    assert_eq!((verdict.tampered, verdict.notes, verdict.files), (vec![], vec![], 1));
}

/// Whatever operation the power goes at, once or twice: what is found then is not called tampering, and the keys go on.
#[test]
fn a_power_cut_is_no_tampering() {
    for seed in 0..80_u64 {
        let disk = SimulatedDisk::new();
        let first = Arc::new(init(&disk, Path::new(DIRECTORY)).unwrap());
        for (life, after) in [seed, seed * 7 % 53].into_iter().enumerate() {
            disk.cut_power_after(after, seed * 3 + life as u64);
            if let Ok(archive) = Archive::open(Arc::new(disk.clone()), settings(700)) {
                let appender = archive.appender();
                for order in 0..12 {
                    submit(&appender, order, &format!("record {order} of seed {seed} {}", "y".repeat(150)));
                }
                drop(appender);
                archive.stop().unwrap();
            }
            disk.restore_power();
            if disk.metadata(&Path::new(DIRECTORY).join("tree/checkpoint")).is_ok() {
                let verdict = held_to(&disk, &first);
                assert_eq!(verdict.tampered, vec![], "seed {seed}, life {life}");
            }
        }
        let archive = Archive::open(Arc::new(disk.clone()), settings(700)).unwrap();
        archive.stop().unwrap();
        let verdict = held_to(&disk, &first);
        assert_eq!((verdict.tampered, verdict.undecided), (vec![], vec![]), "seed {seed}");
        assert_eq!(verdict.unsealed_bytes, 0, "seed {seed}");
    }
}

#[test]
fn an_archive_without_a_first_key_says_so_and_goes_on() {
    let disk = SimulatedDisk::new();
    let archive = Archive::open(Arc::new(disk.clone()), settings(1 << 20)).unwrap();
    let appender = archive.appender();
    submit(&appender, 0, "record");
    assert!(appender.wait_durable(1, Duration::from_secs(60)));
    let refused = init(&disk, Path::new(DIRECTORY)).unwrap_err();
    assert!(refused.to_string().contains("start the engine and stop it"), "{refused}");
    let files: Arc<dyn Files> = Arc::new(copy(&disk));
    let key = disk.read(&noroshi_archive::verifier_path(Path::new(DIRECTORY))).unwrap();
    let keys = vec![Verifier::parse(String::from_utf8(key).unwrap().trim()).unwrap()];
    let verdict = verify(&files, Path::new(DIRECTORY), &Against { keys, ..Against::default() });
    assert!(verdict.tampered.is_empty() && verdict.notes[0].contains("no first key"), "{verdict:?}");
    drop(appender);
    archive.stop().unwrap();
    // Once all is sealed it may have one.
    let first = Arc::new(init(&disk, Path::new(DIRECTORY)).unwrap());
    assert!(init(&disk, Path::new(DIRECTORY)).unwrap_err().to_string().contains("has a first key"));
    let killed = killed_after(&disk, 2);
    let verdict = held_to(&killed, &first);
    assert_eq!((verdict.tampered, verdict.tail_frames), (vec![], 2));
}

/// Where the power may go while records are committed and segments sealed: the operation and what its path has in it.
const CRASH_POINTS: [(&str, &str); 20] = [
    ("create", "/wal/"),
    ("write", "/wal/"),
    ("sync", "/wal/"),
    ("sync_directory", "/wal"),
    ("write", "/keys/tail.state.new"),
    ("sync", "/keys/tail.state.new"),
    ("rename", "/keys/tail.state"),
    ("sync_directory", "/keys"),
    ("create", ".parquet.new"),
    ("write", ".parquet.new"),
    ("sync", ".parquet.new"),
    ("rename", ".parquet"),
    ("sync_directory", "/segments/"),
    ("write", "/tree/tile/"),
    ("sync", "/tree/tile/"),
    ("rename", "/tree/checkpoint"),
    ("sync_directory", "/tree"),
    ("write", "/catalog.ndjson"),
    ("sync", "/catalog.ndjson"),
    ("remove", "/wal/"),
];

/// Each crash point is hit, and each again while the run after it makes good what the first left: what was told to be kept is
/// found once, and nothing is called tampering.
#[test]
fn each_named_crash_point_loses_nothing_once_and_during_recovery() {
    let (mut once, mut twice) = (BTreeMap::new(), BTreeMap::new());
    // Every pair by make target; each point behind three others where time is short.
    let all = std::env::var_os("NOROSHI_POWER_CUTS_ALL").is_some();
    let seconds = if all { CRASH_POINTS.len() } else { 3 };
    for (at, first_point) in CRASH_POINTS.into_iter().enumerate() {
        for then in (0..seconds).map(|step| if all { step } else { (at + step * 7) % CRASH_POINTS.len() }) {
            let second_point = CRASH_POINTS[then];
            let seed = (at * CRASH_POINTS.len() + then) as u64;
            let disk = SimulatedDisk::new();
            let first = Arc::new(init(&disk, Path::new(DIRECTORY)).unwrap());
            let kept = Arc::new(Mutex::new(Vec::new()));
            // A sound run, so that the power goes in an archive that stands.
            run(&disk, "sound", &kept);
            for (life, (operation, part)) in [first_point, second_point].into_iter().enumerate() {
                disk.cut_power_at(operation, part, seed);
                run(&disk, &format!("life {life}"), &kept);
                if disk.restore_power() {
                    let hit = if life == 0 { &mut once } else { &mut twice };
                    *hit.entry((operation, part)).or_insert(0) += 1;
                }
                assert_eq!(
                    held_to(&disk, &first).tampered,
                    vec![],
                    "{first_point:?} then {second_point:?}, life {life}"
                );
            }
            run(&disk, "last", &kept);
            let verdict = held_to(&disk, &first);
            assert_eq!(
                (verdict.tampered, verdict.undecided),
                (vec![], vec![]),
                "{first_point:?} then {second_point:?}"
            );
            let mut found = originals(&disk);
            found.sort();
            let count = found.len();
            found.dedup();
            assert_eq!(found.len(), count, "{first_point:?} then {second_point:?}: a record is there twice");
            for text in kept.lock().unwrap().iter() {
                assert!(found.binary_search(text).is_ok(), "{first_point:?} then {second_point:?}: lost {text}");
            }
        }
    }
    for point in CRASH_POINTS {
        assert_eq!(once.get(&point), Some(&seconds), "{point:?} is not hit");
        assert!(twice.contains_key(&point), "{point:?} is not hit again while what it left is made good");
    }
}

/// One life of an archive: four records in two segments, as far as it comes. `kept` gets those that were told to be.
fn run(disk: &SimulatedDisk, life: &str, kept: &Arc<Mutex<Vec<String>>>) {
    let Ok(archive) = Archive::open(Arc::new(disk.clone()), settings(350)) else { return };
    let appender = archive.appender();
    for order in 0..4 {
        let text = format!("record {order} of {life}, {}", "y".repeat(120));
        let (kept, promised) = (Arc::clone(kept), text.clone());
        let first = appender.claim(1);
        let mut frame = FrameWriter::new(first, "fw", None, ["192.0.2.9:514".into()].into_iter());
        frame.push(text.as_bytes(), &Entry { receive_time_ns: NOON, lines: 1, ..Entry::default() });
        let told: noroshi_archive::Told = Box::new(move |result| {
            if result.is_ok() {
                kept.lock().unwrap().push(promised);
            }
        });
        appender.submit(order, first, Some(frame), Some(told));
    }
    drop(appender);
    archive.stop().unwrap();
}

fn originals(disk: &SimulatedDisk) -> Vec<String> {
    let search = Search::open(Arc::new(disk.clone()), Path::new(DIRECTORY), settings(0).inputs).unwrap();
    let control = Control { cancelled: &AtomicBool::new(false), progress: &|_, _| {} };
    let found = search.run(&parse("| limit 1000").unwrap(), (i64::MIN, i64::MAX), control);
    assert_eq!(found.errors, Vec::<String>::new());
    found.rows.iter().map(|row| row["event"]["original"].as_str().unwrap().to_owned()).collect()
}
