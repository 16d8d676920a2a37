//! Copies of archives in memory: every put and every write may fail, the power may go, and what is fetched back verifies.

use std::collections::BTreeMap;
use std::io::Write as _;

use noroshi_archive::verify::{Against, verify};
use noroshi_archive::{Archive, Entry, FrameWriter, Retention, Settings, verifier_path};
use noroshi_input::files::SimulatedDisk;

use super::*;

/// 2026-03-02T10:00:00Z.
const NOON: i64 = 1_772_445_600_000_000_000;
const DIRECTORY: &str = "/archive";

/// A bucket: every version of every object, the newest last.
type Bucket = BTreeMap<String, Vec<Vec<u8>>>;

/// Runs an engine's archive for a while: each part becomes a segment.
fn keep(disk: &SimulatedDisk, parts: &[&[&str]]) {
    for (part, records) in parts.iter().enumerate() {
        let settings = Settings {
            directory: DIRECTORY.into(),
            segment_bytes: 1 << 20,
            segment_age: Duration::from_secs(3600),
            inputs: BTreeMap::new(),
            node: "siem.example.com".into(),
            clock: || NOON,
            uptime: || Duration::ZERO,
            retention: Retention::default(),
        };
        let archive = Archive::open(Arc::new(disk.clone()), settings).unwrap();
        let appender = archive.appender();
        let first = appender.claim(records.len());
        let mut frame = FrameWriter::new(first, "fw", None, ["192.0.2.9:514".into()].into_iter());
        for record in *records {
            let receive_time_ns = NOON + part as i64;
            frame.push(record.as_bytes(), &Entry { receive_time_ns, lines: 1, ..Entry::default() });
        }
        appender.submit(0, first, Some(frame), None);
        drop(appender);
        archive.stop().unwrap();
    }
}

fn key(disk: &SimulatedDisk) -> Verifier {
    let bytes = disk.read(&verifier_path(Path::new(DIRECTORY))).unwrap();
    Verifier::parse(String::from_utf8(bytes).unwrap().trim()).unwrap()
}

fn copier(disk: &SimulatedDisk, place: &str) -> Copier {
    Copier::open(Arc::new(disk.clone()), Path::new(DIRECTORY), key(disk), place).unwrap()
}

fn put_into(disk: &SimulatedDisk, bucket: &mut Bucket, object: &Object) {
    let bytes = match &object.body {
        Body::Bytes(bytes) => bytes.clone(),
        Body::File(path, len) => {
            let bytes = disk.read(path).unwrap();
            assert_eq!(bytes.len() as u64, *len);
            bytes
        }
    };
    assert_eq!(digest_of(&bytes), object.sha256, "{}", object.name);
    assert_eq!(object.is_locked, object.name != CATALOG);
    bucket.entry(object.name.clone()).or_default().push(bytes);
}

fn round(disk: &SimulatedDisk, copier: &mut Copier, bucket: &mut Bucket) -> (Ended, usize) {
    let mut puts = 0;
    let ended = copier.round(
        &mut |object| {
            puts += 1;
            put_into(disk, bucket, object);
            Ok(())
        },
        &mut |_| false,
    );
    (ended, puts)
}

/// Fetches the newest of everything and verifies it; its files and leaves.
#[track_caller]
fn verified(disk: &SimulatedDisk, bucket: &Bucket) -> (u64, u64) {
    let fetched = SimulatedDisk::new();
    for (name, versions) in bucket {
        let path = Path::new(DIRECTORY).join(name);
        fetched.create_directory(path.parent().unwrap()).unwrap();
        fetched.create(&path).unwrap().write_all(versions.last().unwrap()).unwrap();
    }
    let files: Arc<dyn Files> = Arc::new(fetched);
    let against = Against { keys: vec![key(disk)], known: Vec::new(), records: true, first_key: None };
    let verdict = verify(&files, Path::new(DIRECTORY), &against);
    assert!(verdict.tampered.is_empty() && verdict.undecided.is_empty(), "{verdict:?}");
    (verdict.files, verdict.checkpoint.unwrap().size)
}

fn three_segments() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    keep(&disk, &[&["one", "two"], &["three"], &["four", "five"]]);
    disk
}

#[test]
fn what_is_fetched_back_verifies_and_nothing_is_put_twice() {
    let disk = three_segments();
    let mut bucket = Bucket::new();
    let mut copying = copier(&disk, "s3");
    let (ended, puts) = round(&disk, &mut copying, &mut bucket);
    assert_eq!((ended, verified(&disk, &bucket).0), (Ended::Done, 3));
    assert_eq!((copying.progress.copied_segments, copying.progress.behind_segments), (3, 0));
    assert!(bucket.contains_key(VERIFIER_KEY) && puts == bucket.len(), "{:?}", bucket.keys());
    assert_eq!(round(&disk, &mut copying, &mut bucket), (Ended::Done, 0));
    assert_eq!(round(&disk, &mut copier(&disk, "s3"), &mut bucket), (Ended::Done, 0));
    // What comes later: one segment, the tiles that changed, catalog, checkpoint.
    keep(&disk, &[&["six"]]);
    let (ended, puts) = round(&disk, &mut copier(&disk, "s3"), &mut bucket);
    assert_eq!((ended, puts, verified(&disk, &bucket).0), (Ended::Done, 5, 4));
    // Of another place nothing is known.
    let mut other = Bucket::new();
    assert_eq!(round(&disk, &mut copier(&disk, "elsewhere"), &mut other).0, Ended::Done);
    assert_eq!(verified(&disk, &other).0, 4);
}

#[test]
fn a_tree_of_thousands_of_leaves_is_copied_tile_by_tile() {
    let disk = SimulatedDisk::new();
    keep(&disk, &[&["one"]]);
    let mut copying = copier(&disk, "s3");
    let mut named = Vec::new();
    // Only the names are looked at: the tiles of a larger tree are made up.
    for bundle in 0..258 {
        for tile in [Tile::full(Kind::Entries, bundle), Tile::full(Kind::Level(0), bundle)] {
            let path = Path::new(DIRECTORY).join(TREE).join(tile.path());
            disk.create_directory(path.parent().unwrap()).unwrap();
            disk.create(&path).unwrap().write_all(b"full").unwrap();
        }
    }
    for tile in [Tile::full(Kind::Level(1), 0), Tile::full(Kind::Level(1), 1), Tile::full(Kind::Level(2), 0)] {
        let path = Path::new(DIRECTORY).join(TREE).join(tile.path());
        disk.create_directory(path.parent().unwrap()).unwrap();
        disk.create(&path).unwrap().write_all(b"full").unwrap();
    }
    let mut put = |object: &Object| {
        named.push(object.name.clone());
        Ok(())
    };
    let size = 257 * TILE_WIDTH + 3;
    assert!(copying.tiles(size, &mut put, &mut |_| false).is_ok());
    let full = |kind, index| format!("{TREE}/{}", Tile::full(kind, index).path());
    assert_eq!(named[..2], [full(Kind::Entries, 0), full(Kind::Level(0), 0)]);
    assert_eq!(named[512..515], [full(Kind::Level(1), 0), full(Kind::Entries, 256), full(Kind::Level(0), 256)]);
    // Partial tiles that have filled up meanwhile are put as full ones.
    let behind =
        [full(Kind::Entries, 257), full(Kind::Level(0), 257), full(Kind::Level(1), 1), full(Kind::Level(2), 0)];
    assert_eq!(named[515..], behind);
    let partial: Vec<_> = partial_tiles(size).iter().map(|tile| (tile.kind, tile.index, tile.width)).collect();
    let expected = [(Kind::Entries, 257, 3), (Kind::Level(0), 257, 3), (Kind::Level(1), 1, 1), (Kind::Level(2), 0, 1)];
    assert_eq!(partial, expected);
}

#[test]
fn whatever_put_fails_the_next_run_goes_on_behind_it() {
    let disk = three_segments();
    let saved = Path::new(DIRECTORY).join("copied.json");
    let (_, all) = round(&disk, &mut copier(&disk, "s3"), &mut Bucket::new());
    for failing in 0..all {
        disk.remove(&saved).unwrap();
        let mut bucket = Bucket::new();
        let mut puts = 0;
        let ended = copier(&disk, "s3").round(
            &mut |object| {
                if puts == failing {
                    return Err(Refused { told: "it answered 503".into(), after: Duration::from_secs(7) });
                }
                puts += 1;
                put_into(&disk, &mut bucket, object);
                Ok(())
            },
            &mut |_| false,
        );
        assert_eq!(ended, Ended::Failed { told: "it answered 503".into(), after: Duration::from_secs(7) });
        assert!(!bucket.contains_key(CHECKPOINT), "the checkpoint comes last");
        let (ended, more) = round(&disk, &mut copier(&disk, "s3"), &mut bucket);
        assert_eq!((ended, verified(&disk, &bucket).0), (Ended::Done, 3), "put {failing}");
        let segments = bucket.iter().filter(|(name, _)| name.starts_with("segments/"));
        assert!(segments.clone().all(|(_, versions)| versions.len() == 1), "put {failing}: a segment went twice");
        assert!(more >= all - failing);
    }
}

#[test]
fn power_that_goes_costs_one_segment_copied_again() {
    for operations in 0..60 {
        let disk = three_segments();
        let mut bucket = Bucket::new();
        disk.cut_power_after(operations, operations);
        let mut copying = copier_of(&disk);
        if let Some(copying) = &mut copying {
            // Whatever fails: the round says so and does not go on.
            let mut was_cut = false;
            copying.round(
                &mut |object| {
                    let bytes = match &object.body {
                        Body::Bytes(bytes) => bytes.clone(),
                        Body::File(path, _) => disk.read(path).map_err(|cause| {
                            was_cut = true;
                            Refused { told: cause.to_string(), after: Duration::ZERO }
                        })?,
                    };
                    bucket.entry(object.name.clone()).or_default().push(bytes);
                    Ok(())
                },
                &mut |_| false,
            );
        }
        disk.restore_power();
        let (ended, _) = round(&disk, &mut copier(&disk, "s3"), &mut bucket);
        assert_eq!((ended, verified(&disk, &bucket).0), (Ended::Done, 3), "after {operations} operations");
        let repeated: usize =
            bucket.iter().filter(|(name, _)| name.starts_with("segments/")).map(|(_, kept)| kept.len() - 1).sum();
        assert!(repeated <= 1, "after {operations} operations {repeated} segments went twice");
    }
}

/// `None` where the power went before it could be opened.
fn copier_of(disk: &SimulatedDisk) -> Option<Copier> {
    let bytes = disk.read(&verifier_path(Path::new(DIRECTORY))).ok()?;
    let key = Verifier::parse(String::from_utf8(bytes).ok()?.trim()).ok()?;
    Copier::open(Arc::new(disk.clone()), Path::new(DIRECTORY), key, "s3").ok()
}

#[test]
fn a_damaged_segment_is_told_and_holds_up_no_other() {
    let disk = three_segments();
    let segments = Catalog::read(&disk, Path::new(DIRECTORY)).unwrap().segments().to_vec();
    let path = Path::new(DIRECTORY).join(&segments[1].file);
    let good = disk.read(&path).unwrap();
    let mut bad = good.clone();
    bad[100] ^= 1;
    let write = |bytes: &[u8]| disk.create(&path).unwrap().write_all(bytes).unwrap();
    write(&bad);
    let mut bucket = Bucket::new();
    let mut copying = copier(&disk, "s3");
    assert_eq!(round(&disk, &mut copying, &mut bucket).0, Ended::Done);
    assert_eq!(copying.progress.missed, [segments[1].file.clone()]);
    assert!(bucket.contains_key(&segments[2].file) && !bucket.contains_key(&segments[1].file));
    // Still so at the next start, and made good at the start after it was put back.
    let mut copying = copier(&disk, "s3");
    round(&disk, &mut copying, &mut bucket);
    assert_eq!(copying.progress.missed.len(), 1);
    write(&good);
    let mut copying = copier(&disk, "s3");
    assert_eq!(round(&disk, &mut copying, &mut bucket).0, Ended::Done);
    assert_eq!((copying.progress.missed.len(), verified(&disk, &bucket).0), (0, 3));
}

#[test]
fn a_damaged_state_costs_a_copy_from_the_begin() {
    let disk = three_segments();
    let mut bucket = Bucket::new();
    let (_, all) = round(&disk, &mut copier(&disk, "s3"), &mut bucket);
    disk.create(&Path::new(DIRECTORY).join("copied.json")).unwrap().write_all(b"{\"place\":").unwrap();
    assert_eq!(round(&disk, &mut copier(&disk, "s3"), &mut bucket), (Ended::Done, all));
    assert_eq!(verified(&disk, &bucket).0, 3);
}

#[test]
fn a_stop_ends_a_round_between_two_segments() {
    let disk = three_segments();
    let mut asked = 0;
    let ended = copier(&disk, "s3").round(&mut |_| Ok(()), &mut |_| {
        asked += 1;
        asked > 1
    });
    assert_eq!(ended, Ended::Again);
    let mut copying = copier(&disk, "s3");
    round(&disk, &mut copying, &mut Bucket::new());
    assert_eq!(copying.progress.copied_segments, 2);
}
