//! Records in, rows out: over real files, and over a disk whose power goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use noroshi_archive::search::query::parse;
use noroshi_archive::search::{Control, Found, Search};
use noroshi_archive::tree::Verifier;
use noroshi_archive::tree::proof::{Policy, Proof};
use noroshi_archive::verify::{Against, prove, verify};
use noroshi_archive::{Appender, Archive, Entry, FrameWriter, InputOptions, Retention, Settings};
use noroshi_files::{Files, RealFiles, SimulatedDisk};
use serde_json::Value;

/// 2026-03-02T10:00:00Z.
const NOON: i64 = 1_772_445_600_000_000_000;

fn settings(directory: &Path, segment_bytes: u64) -> Settings {
    Settings {
        directory: directory.to_owned(),
        segment_bytes,
        segment_age: Duration::from_secs(3600),
        inputs: BTreeMap::from([("fw".to_owned(), InputOptions { split: true, ..InputOptions::default() })]),
        node: "test node".into(),
        clock: || NOON,
        uptime: || Duration::ZERO,
        retention: Retention::default(),
    }
}

fn submit(appender: &Appender, order: u64, records: &[&[u8]], told: Option<noroshi_archive::Told>) {
    let first = appender.claim(records.len());
    let mut frame = FrameWriter::new(first, "fw", None, ["192.0.2.9:514".into()].into_iter());
    for (at, record) in records.iter().enumerate() {
        frame.push(record, &Entry { receive_time_ns: NOON + at as i64, lines: 1, ..Entry::default() });
    }
    appender.submit(order, first, Some(frame), told);
}

fn search(files: Arc<dyn Files>, directory: &Path, query: &str) -> Found {
    let inputs = settings(directory, 0).inputs;
    let search = Search::open(files, directory, inputs).unwrap();
    let control = Control { cancelled: &AtomicBool::new(false), progress: &|_, _| {} };
    let found = search.run(&parse(query).unwrap(), (i64::MIN, i64::MAX), control);
    assert_eq!(found.errors, Vec::<String>::new());
    found
}

fn originals(found: &Found) -> Vec<String> {
    found.rows.iter().map(|row| row["event"]["original"].as_str().unwrap_or("-").to_owned()).collect()
}

const SSHD: &[u8] =
    b"<86>Mar  2 10:00:07 web1 sshd[811]: Failed password for invalid user Admin from 203.0.113.9 port 40022 ssh2";
const SUDO: &[u8] =
    b"<86>Mar  2 10:00:03 web1 sudo: kenji : TTY=pts/0 ; PWD=/home/kenji ; USER=root ; COMMAND=/usr/bin/id";
const CLOUD: &[u8] = br#"{"Records":[{"eventVersion":"1.08","eventTime":"2026-03-02T09:59:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"ap-northeast-1","sourceIPAddress":"198.51.100.7","userIdentity":{"type":"IAMUser","userName":"sato"}},{"eventVersion":"1.08","eventTime":"2026-03-02T09:59:30Z","eventSource":"iam.amazonaws.com","eventName":"AttachUserPolicy","awsRegion":"ap-northeast-1","sourceIPAddress":"198.51.100.7","userIdentity":{"type":"IAMUser","userName":"sato"}}]}"#;

#[test]
fn what_is_taken_in_is_found_before_and_after_it_is_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let archive = Archive::open(Arc::clone(&files), settings(directory.path(), 1 << 20)).unwrap();
    let appender = archive.appender();
    submit(&appender, 1, &[SUDO, CLOUD], None);
    submit(&appender, 0, &[SSHD, b"bytes that are no text \xff\x00"], None);
    assert!(appender.wait_durable(2, Duration::from_secs(20)));
    let check = |files: &Arc<dyn Files>| {
        let of = |query: &str| originals(&search(Arc::clone(files), directory.path(), query));
        let (sshd, sudo) = (String::from_utf8_lossy(SSHD), String::from_utf8_lossy(SUDO));
        assert_eq!(of("source.ip:203.0.113.9"), [&*sshd]);
        assert_eq!(of("source.ip:203.0.113.0/24 user.name:ADMIN"), [&*sshd]);
        assert_eq!(of("\"failed PASSWORD\""), [&*sshd]);
        assert_eq!(of("process.name:(sshd OR sudo) | sort process.name"), [&*sshd, &*sudo]);
        assert_eq!(of("source.ip:203.0.113.10"), Vec::<String>::new());
        assert_eq!(of("NOT event.action:* -sshd \"no text\"").len(), 1);
        let cloud = search(Arc::clone(files), directory.path(), "user.name:sato");
        let actions: Vec<_> = cloud.rows.iter().map(|row| row["event"]["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["AttachUserPolicy", "CreateUser"], "newest first, each event of the record a row");
        let counted = search(Arc::clone(files), directory.path(), "| stats count, distinct(source.ip) by user.name");
        let sato = counted.rows.iter().find(|row| row["user.name"] == "sato").unwrap();
        assert_eq!((&sato["count"], &sato["distinct(source.ip)"]), (&Value::from(2), &Value::from(1)));
        let odd = search(Arc::clone(files), directory.path(), "\"no text\"");
        assert_eq!(odd.rows[0]["noroshi"]["original_base64"], "Ynl0ZXMgdGhhdCBhcmUgbm8gdGV4dCD/AA==");
    };
    check(&files);
    drop(appender);
    archive.stop().unwrap();
    assert!(RealFiles.list(&directory.path().join("wal")).unwrap().is_empty());
    check(&files);
    let key = std::fs::read_to_string(noroshi_archive::verifier_path(directory.path())).unwrap();
    let against = Against { keys: vec![Verifier::parse(key.trim()).unwrap()], records: true, ..Against::default() };
    let verdict = verify(&files, directory.path(), &against);
    assert!(verdict.tampered.is_empty() && verdict.undecided.is_empty() && verdict.notes.is_empty(), "{verdict:?}");
    assert_eq!((verdict.files, verdict.records), (1, 4));
    let proof = prove(&files, directory.path(), &against.keys, 0).unwrap().to_string();
    let policy = Policy { log: against.keys, ..Policy::default() };
    let parsed = Proof::parse(proof.as_bytes()).unwrap();
    assert_eq!(parsed.verify(&policy).unwrap().record.unwrap().raw, SUDO);
    let absent = search(Arc::clone(&files), directory.path(), "source.ip:203.0.113.10").effort;
    assert_eq!(
        (absent.row_groups, absent.row_groups_skipped, absent.rows_scanned),
        (1, 1, 0),
        "a Bloom filter says no"
    );
}

#[test]
fn the_next_run_goes_on_with_the_numbers() {
    let directory = tempfile::tempdir().unwrap();
    for run in 0..3_u64 {
        let archive = Archive::open(Arc::new(RealFiles), settings(directory.path(), 1 << 20)).unwrap();
        let appender = archive.appender();
        submit(&appender, 0, &[format!("run {run}").as_bytes(), b"x"], None);
        drop(appender);
        archive.stop().unwrap();
    }
    let found = search(Arc::new(RealFiles), directory.path(), "| sort noroshi.sequence | fields noroshi.sequence");
    let numbers: Vec<_> = found.rows.iter().map(|row| row["noroshi"]["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_full_disk_keeps_who_waits_waiting_and_goes_on_with_room() {
    let disk = SimulatedDisk::new();
    let archive = Archive::open(Arc::new(disk.clone()), settings(Path::new("/archive"), 1 << 20)).unwrap();
    let appender = archive.appender();
    disk.set_capacity(Some(disk.used() + 200));
    let (kept, told) = std::sync::mpsc::channel();
    submit(&appender, 0, &[&[b'x'; 4000]], Some(Box::new(move |result| kept.send(result.is_ok()).unwrap())));
    let failing = std::iter::repeat_with(|| appender.status().ailments).find(|ailments| !ailments.is_empty()).unwrap();
    assert!(failing[0].contains("No space left"), "{failing:?}");
    assert!(told.try_recv().is_err() && appender.durable() == 0);
    disk.set_capacity(None);
    assert!(told.recv_timeout(Duration::from_secs(5)).unwrap());
    assert_eq!(appender.status().ailments, Vec::<String>::new());
    drop(appender);
    archive.stop().unwrap();
    assert_eq!(search(Arc::new(disk), Path::new("/archive"), "xxxx").rows.len(), 1);
}

/// Whatever operation the power goes at, once or twice: what was told to be kept is found once, whole, and nothing else but
/// what was handed in.
#[test]
fn a_power_cut_loses_nothing_that_was_told_to_be_kept() {
    for seed in 0..60_u64 {
        let disk = SimulatedDisk::new();
        let directory = PathBuf::from("/archive");
        let kept = Arc::new(Mutex::new(Vec::new()));
        let mut handed_in = 0_u64;
        for (life, after) in [seed, seed * 7 % 41].into_iter().enumerate() {
            disk.cut_power_after(after, seed * 3 + life as u64);
            // A small segment, so that sealing and rotation fall among the operations.
            let opened = Archive::open(Arc::new(disk.clone()), settings(&directory, 900));
            if let Ok(archive) = opened {
                let appender = archive.appender();
                for order in 0..12 {
                    let text = format!("record {handed_in} of seed {seed} {}", "y".repeat(200));
                    handed_in += 1;
                    let kept = Arc::clone(&kept);
                    let promised = text.clone();
                    let told: noroshi_archive::Told = Box::new(move |result| {
                        if result.is_ok() {
                            kept.lock().unwrap().push(promised);
                        }
                    });
                    submit(&appender, order, &[text.as_bytes()], Some(told));
                }
                drop(appender);
                archive.stop().unwrap();
            }
            disk.restore_power();
        }
        // A last life on a sound disk seals what is left.
        let archive = Archive::open(Arc::new(disk.clone()), settings(&directory, 900)).unwrap();
        archive.stop().unwrap();
        let mut found = originals(&search(Arc::new(disk.clone()), &directory, "| limit 1000"));
        found.sort();
        let count = found.len();
        found.dedup();
        assert_eq!(found.len(), count, "seed {seed}: a record is there twice");
        for promised in kept.lock().unwrap().iter() {
            assert!(found.binary_search(promised).is_ok(), "seed {seed}: lost {promised}");
        }
        assert!(found.iter().all(|text| text.starts_with("record ") && text.ends_with("yyyy")), "seed {seed}: torn");
        assert!(found.len() as u64 <= handed_in);
    }
}

/// Every file of a small archive: each byte flipped, each cut, each missing, two swapped. All of it is found and named.
#[test]
fn every_change_to_what_is_sealed_is_found_and_named() {
    let disk = SimulatedDisk::new();
    let directory = Path::new("/archive");
    for run in 0..2_u8 {
        let archive = Archive::open(Arc::new(disk.clone()), settings(directory, 1 << 20)).unwrap();
        let appender = archive.appender();
        submit(&appender, 0, &[SSHD, &[b'a' + run; 40]], None);
        drop(appender);
        archive.stop().unwrap();
    }
    let files: Arc<dyn Files> = Arc::new(disk);
    let key = String::from_utf8(files.read(&noroshi_archive::verifier_path(directory)).unwrap()).unwrap();
    let against = Against { keys: vec![Verifier::parse(key.trim()).unwrap()], ..Against::default() };
    let named =
        || -> Option<String> { verify(&files, directory, &against).tampered.first().map(|fault| fault.file.clone()) };
    assert_eq!(named(), None);
    let mut sealed = Vec::new();
    let mut waiting = vec![directory.join("segments"), directory.join("tree")];
    while let Some(at) = waiting.pop() {
        for path in files.list(&at).unwrap() {
            if files.metadata(&path).unwrap().is_file { sealed.push(path) } else { waiting.push(path) }
        }
    }
    // A partial tile of the smaller tree before says nothing of this one.
    sealed.retain(|path| !path.ends_with("000.p/2"));
    let parquet: Vec<PathBuf> =
        sealed.iter().filter(|path| path.extension().is_some_and(|e| e == "parquet")).cloned().collect();
    assert_eq!(parquet.len(), 2);
    let put = |path: &Path, bytes: &[u8]| files.create(path).unwrap().write_all(bytes).unwrap();
    for path in &sealed {
        let name = path.strip_prefix(directory).unwrap().display().to_string();
        let whole = files.read(path).unwrap();
        // Every byte of a small file, every 97th of a Parquet file: its digest makes no difference between them.
        let step = if whole.len() > 4096 { 97 } else { 1 };
        for at in (0..whole.len()).step_by(step) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            put(path, &flipped);
            let found = named();
            assert!(found.is_some(), "{name}: byte {at} flipped unseen");
            if name.ends_with(".parquet") {
                assert_eq!(found.as_deref(), Some(name.as_str()));
            }
        }
        for len in [0, whole.len() / 2, whole.len() - 1] {
            put(path, &whole[..len]);
            assert!(named().is_some(), "{name}: cut to {len} unseen");
        }
        put(path, &[&whole[..], b"x"].concat());
        assert!(named().is_some(), "{name}: lengthened unseen");
        files.remove(path).unwrap();
        assert!(named().is_some(), "{name}: removed unseen");
        put(path, &whole);
        assert_eq!(named(), None, "{name}");
    }
    let (one, two) = (files.read(&parquet[0]).unwrap(), files.read(&parquet[1]).unwrap());
    put(&parquet[0], &two);
    put(&parquet[1], &one);
    assert!(named().is_some(), "swapped unseen");
    put(&parquet[0], &one);
    put(&parquet[1], &two);
    let catalog = directory.join("catalog.ndjson");
    let lines = files.read(&catalog).unwrap();
    let second = lines.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    put(&catalog, &lines[..second]);
    assert_eq!(named().as_deref(), Some("catalog.ndjson"), "a segment left out of the catalog");
}
