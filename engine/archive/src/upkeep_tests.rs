//! Compaction, retention and holds over a disk whose power goes at any step.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use noroshi_files::SimulatedDisk;
use noroshi_tree::proof::{Policy, Proof};

use super::*;
use crate::archive::{Settings, sealer};
use crate::catalog::{CATALOG, Catalog};
use crate::frame::{Entry, FrameWriter};
use crate::hold::{self, NewHold, Released};
use crate::retention::Limits;
use crate::search::query::parse;
use crate::search::{Control, Search};
use crate::verify::{Against, Verdict, prove, verify};

/// 2026-03-02T10:00:00Z.
const NOON: i64 = 1_772_445_600_000_000_000;
const HOUR_NS: i64 = 3_600_000_000_000;
const DAY: Duration = Duration::from_secs(86_400);
const DIRECTORY: &str = "/archive";

thread_local! {
    static UPTIME: Cell<Duration> = const { Cell::new(Duration::from_secs(5)) };
    static CLOCK: Cell<i64> = const { Cell::new(NOON) };
}

fn pass(time: Duration) {
    UPTIME.set(UPTIME.get() + time);
}

fn open(disk: &SimulatedDisk, retention: &Retention) -> Result<Sealer, crate::ArchiveError> {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let settings = Settings {
        directory: DIRECTORY.into(),
        segment_bytes: 1 << 20,
        segment_age: Duration::from_secs(300),
        inputs: BTreeMap::new(),
        node: "n".into(),
        clock: || CLOCK.get(),
        uptime: || UPTIME.get(),
        retention: retention.clone(),
    };
    sealer(&files, settings)
}

fn days(days: u32) -> Retention {
    Retention { default: Limits { age: Some(DAY * days), bytes: None }, ..Retention::default() }
}

/// Seals records of `input`, received at that time; the last segment's file.
fn seal(sealer: &mut Sealer, input: &str, received_ns: i64, records: &[&str]) -> String {
    let first = sealer.catalog.end_sequence();
    let mut frame = FrameWriter::new(first, input, None, ["192.0.2.9:514".into()].into_iter());
    for (at, record) in records.iter().enumerate() {
        frame
            .push(record.as_bytes(), &Entry { receive_time_ns: received_ns + at as i64, lines: 1, ..Entry::default() });
    }
    let path = crate::wal::path_of(&sealer.directory.join("wal"), first);
    let mut file = sealer.files.create(&path).unwrap();
    file.write_all(&crate::wal::HEAD).unwrap();
    file.write_all(&frame.finish().0).unwrap();
    file.sync().unwrap();
    sealer.files.sync_directory(&sealer.directory.join("wal")).unwrap();
    sealer.seal(&path).unwrap();
    sealer.catalog.segments().last().unwrap().file.clone()
}

/// Three small segments of one hour, one of the next, one of the hour after.
fn small_archive() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let mut sealer = open(&disk, &Retention::default()).unwrap();
    for (hour, record) in [(0, "one"), (0, "two"), (0, "three"), (1, "four"), (2, "five")] {
        let line =
            format!("<86>Mar  2 10:00:07 web1 sshd[1]: Failed password for {record} from 203.0.113.9 port 1 ssh2");
        seal(&mut sealer, "fw", NOON + hour * HOUR_NS, &[&line, "odd"]);
    }
    disk
}

/// The same disk again, all of it synced.
fn copy_of(disk: &SimulatedDisk) -> SimulatedDisk {
    let copy = SimulatedDisk::new();
    for path in all_files(disk, Path::new(DIRECTORY)) {
        copy.create_directory(directory_of(&path)).unwrap();
        let mut file = copy.create(&path).unwrap();
        file.write_all(&disk.read(&path).unwrap()).unwrap();
        file.sync().unwrap();
        copy.sync_directory(directory_of(&path)).unwrap();
    }
    // A directory that is empty stands too.
    copy.create_directory(&Path::new(DIRECTORY).join("wal")).unwrap();
    copy
}

fn all_files(disk: &SimulatedDisk, directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in disk.list(directory).unwrap() {
        if disk.metadata(&path).unwrap().is_file { found.push(path) } else { found.extend(all_files(disk, &path)) }
    }
    found
}

fn segments_on(disk: &SimulatedDisk) -> Vec<String> {
    let found = all_files(disk, &Path::new(DIRECTORY).join("segments"));
    found.iter().map(|path| path.strip_prefix(DIRECTORY).unwrap().display().to_string()).collect()
}

fn verified(disk: &SimulatedDisk) -> Verdict {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let key = String::from_utf8(disk.read(&crate::verifier_path(Path::new(DIRECTORY))).unwrap()).unwrap();
    let keys = vec![noroshi_tree::Verifier::parse(key.trim()).unwrap()];
    verify(&files, Path::new(DIRECTORY), &Against { keys, records: true, ..Against::default() })
}

#[track_caller]
fn assert_sound(disk: &SimulatedDisk, told: &str) {
    let verdict = verified(disk);
    let is_clean = verdict.tampered.is_empty() && verdict.undecided.is_empty() && verdict.notes.is_empty();
    assert!(is_clean, "{told}: {verdict:?}");
}

/// Numbers of the records that a search finds.
fn found(disk: &SimulatedDisk, query: &str) -> Vec<u64> {
    let search = Search::open(Arc::new(disk.clone()), Path::new(DIRECTORY), BTreeMap::new()).unwrap();
    let control = Control { cancelled: &AtomicBool::new(false), progress: &|_, _| {} };
    let found = search.run(&parse(query).unwrap(), (i64::MIN, i64::MAX), control);
    assert_eq!(found.errors, Vec::<String>::new());
    let mut numbers: Vec<u64> = found.rows.iter().map(|row| row["noroshi"]["sequence"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

fn settle(sealer: &mut Sealer) -> io::Result<()> {
    while sealer.step()? {}
    Ok(())
}

#[test]
fn small_segments_of_an_hour_that_is_over_become_one_and_every_proof_stays_good() {
    let disk = small_archive();
    let before = found(&disk, "");
    let proofs = || -> Vec<String> {
        let files: Arc<dyn Files> = Arc::new(disk.clone());
        let keys = vec![open(&disk, &Retention::default()).unwrap().log.verifier().clone()];
        let of = |sequence| {
            let proof = prove(&files, Path::new(DIRECTORY), &keys, sequence).unwrap().to_string();
            let policy = Policy { log: keys.clone(), ..Policy::default() };
            let parsed = Proof::parse(proof.as_bytes()).unwrap();
            let shown = parsed.verify(&policy).unwrap();
            String::from_utf8_lossy(shown.record.unwrap().raw).into_owned()
        };
        before.iter().map(|&sequence| of(sequence)).collect()
    };
    let proven = proofs();
    let mut sealer = open(&disk, &Retention::default()).unwrap();
    settle(&mut sealer).unwrap();
    let hour = "segments/date=2026-03-02/hour";
    let expected = [
        format!("{hour}=10/00000000000000000000-00000000000000000006.parquet"),
        format!("{hour}=11/00000000000000000006.parquet"),
        format!("{hour}=12/00000000000000000008.parquet"),
    ];
    assert_eq!(segments_on(&disk), expected);
    assert_sound(&disk, "compacted");
    assert_eq!((found(&disk, ""), found(&disk, "user.name:three")), (before.clone(), vec![4]));
    assert_eq!(proofs(), proven);
    // Numbers go on behind it, and an hour that grew again is rewritten again.
    let mut sealer = open(&disk, &Retention::default()).unwrap();
    seal(&mut sealer, "fw", NOON, &["late"]);
    seal(&mut sealer, "fw", NOON, &["later"]);
    settle(&mut sealer).unwrap();
    assert_eq!(segments_on(&disk)[1], format!("{hour}=10/00000000000000000010-00000000000000000012.parquet"));
    assert_eq!(found(&disk, "").len(), 12);
    assert_sound(&disk, "compacted again");
}

#[test]
fn what_an_attempt_to_seal_brought_into_the_tree_is_told_and_not_doubled() {
    let disk = small_archive();
    let catalog = Path::new(DIRECTORY).join(CATALOG);
    let before = disk.read(&catalog).unwrap();
    let mut sealer = open(&disk, &Retention::default()).unwrap();
    let file = seal(&mut sealer, "fw", NOON, &["six"]);
    let told = sealer.catalog.segments().to_vec();
    // The catalog could not be written, the write-ahead segment stands, and someone searched since.
    put(&disk, &catalog, &before);
    let wal = crate::wal::path_of(&Path::new(DIRECTORY).join("wal"), 10);
    let mut frame = FrameWriter::new(10, "fw", None, ["192.0.2.9:514".into()].into_iter());
    frame.push(b"six", &Entry { receive_time_ns: NOON, lines: 1, ..Entry::default() });
    put(&disk, &wal, &[&crate::wal::HEAD[..], &frame.finish().0].concat());
    let act = noroshi_tree::leaf::Audit::new(serde_json::json!({"command": "search"})).unwrap();
    let size = sealer.log.append(&[Leaf::Audit(act)]).unwrap().end;
    let verdict = verified(&disk);
    assert!(verdict.tampered.is_empty() && verdict.notes.iter().any(|told| told.starts_with(&file)), "{verdict:?}");
    let mut sealer = open(&disk, &Retention::default()).unwrap();
    sealer.seal(&wal).unwrap();
    assert_eq!((sealer.catalog.segments(), sealer.log.size()), (told.as_slice(), size));
    assert!(disk.read(&wal).is_err());
    assert_sound(&disk, "told");
}

/// A small archive in which everything happened once: segments sealed, rewritten into one, purged.
fn eventful_archive() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let mut sealer = open(&disk, &days(30)).unwrap();
    seal(&mut sealer, "fw", NOON - HOUR_NS, &["long ago"]);
    pass(DAY * 31);
    for (hour, record) in [(0, "one"), (0, "two"), (1, "three")] {
        seal(&mut sealer, "fw", NOON + hour * HOUR_NS, &[record]);
    }
    settle(&mut sealer).unwrap();
    assert_eq!(segments_on(&disk).len(), 2);
    disk
}

fn put(disk: &SimulatedDisk, path: &Path, bytes: &[u8]) {
    disk.create(path).unwrap().write_all(bytes).unwrap();
}

/// Each byte flipped, each length cut to, longer, gone, put back to what it was before, exchanged with another of its kind:
/// found, and where a file alone tells it, named. Of the large Parquet files every 61st byte, or every one by
/// NOROSHI_EXHAUSTIVE: their digest makes no difference between them.
#[test]
fn no_file_of_an_archive_is_changed_unseen() {
    let disk = eventful_archive();
    assert_sound(&disk, "untouched");
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let key = String::from_utf8(disk.read(&crate::verifier_path(Path::new(DIRECTORY))).unwrap()).unwrap();
    let keys = vec![noroshi_tree::Verifier::parse(key.trim()).unwrap()];
    let mut against = Against { keys, ..Against::default() };
    let named = |against: &Against| -> Vec<String> {
        let tampered = verify(&files, Path::new(DIRECTORY), against).tampered;
        tampered.into_iter().map(|fault| fault.file).collect()
    };
    let is_exhaustive = std::env::var_os("NOROSHI_EXHAUSTIVE").is_some();
    let size = verified(&disk).checkpoint.unwrap().size;
    let mut watched = all_files(&disk, &Path::new(DIRECTORY).join("segments"));
    watched.extend(all_files(&disk, &Path::new(DIRECTORY).join("tree")));
    // A partial tile of the smaller tree before says nothing of this one.
    watched.retain(|path| {
        let is_before = |directory: &str| path.parent().is_some_and(|parent| parent.ends_with(directory));
        !is_before("000.p") || path.ends_with(size.to_string())
    });
    watched.push(Path::new(DIRECTORY).join(CATALOG));
    assert_eq!(watched.len(), 6, "{watched:?}");
    for path in &watched {
        let name = path.strip_prefix(DIRECTORY).unwrap().display().to_string();
        let whole = disk.read(path).unwrap();
        let check = |bytes: &[u8], what: &str| {
            put(&disk, path, bytes);
            let found = named(&against);
            // Of a checkpoint that does not fit its tiles either may be wrong.
            let is_named = found.contains(&name) || name == "tree/checkpoint" || name.starts_with("tree/tile");
            assert!(!found.is_empty() && is_named, "{name}: {what}: {found:?}");
        };
        let step = if whole.len() > 8192 && !is_exhaustive { 61 } else { 1 };
        for at in (0..whole.len()).step_by(step) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            // The last line's end says nothing, unless it stands for something else.
            check(&flipped, &format!("byte {at} flipped"));
        }
        for len in (0..whole.len()).step_by(step) {
            // A line without its end is whole.
            if name != CATALOG || len + 1 < whole.len() {
                check(&whole[..len], &format!("cut to {len}"));
            }
        }
        // Behind the last line of a catalog that is as a crash tears one, and told as that.
        if name != CATALOG {
            check(&[&whole[..], b"x"].concat(), "longer");
        }
        disk.remove(path).unwrap();
        assert!(!named(&against).is_empty(), "{name}: removed unseen");
        put(&disk, path, &whole);
        assert_eq!(named(&against), Vec::<String>::new(), "{name}");
    }
    // Lines of the catalog that are left out.
    let path = Path::new(DIRECTORY).join(CATALOG);
    let catalog = disk.read(&path).unwrap();
    let lines: Vec<&[u8]> = catalog.split_inclusive(|&byte| byte == b'\n').collect();
    for at in 0..lines.len() {
        let without: Vec<u8> =
            lines.iter().enumerate().filter(|(other, _)| *other != at).flat_map(|(_, line)| *line).copied().collect();
        put(&disk, &path, &without);
        let told = (named(&against), Catalog::parse_for_test(&without));
        // A line of what was replaced or purged later says nothing any more.
        assert!(!told.0.is_empty() || told.1 == Catalog::parse_for_test(&catalog), "line {at} left out unseen");
    }
    put(&disk, &path, &catalog);
    // Files exchanged for others of their kind.
    for (one, other) in [(0, 1), (2, 3), (2, 4), (3, 4)] {
        let (first, second) = (disk.read(&watched[one]).unwrap(), disk.read(&watched[other]).unwrap());
        put(&disk, &watched[one], &second);
        put(&disk, &watched[other], &first);
        assert!(!named(&against).is_empty(), "{:?} and {:?} swapped unseen", watched[one], watched[other]);
        put(&disk, &watched[one], &first);
        put(&disk, &watched[other], &second);
    }
    // Put back to an earlier day: file by file, and whole.
    let before = copy_of(&disk);
    let mut sealer = open(&disk, &days(30)).unwrap();
    seal(&mut sealer, "fw", NOON + HOUR_NS, &["four"]);
    seal(&mut sealer, "fw", NOON + 2 * HOUR_NS, &["five"]);
    settle(&mut sealer).unwrap();
    assert_eq!(named(&against), Vec::<String>::new());
    against.known = vec![verified(&disk).checkpoint.unwrap()];
    let after = copy_of(&disk);
    let both = |path: &PathBuf| before.read(path).ok().zip(after.read(path).ok()).filter(|(old, new)| old != new);
    let mut put_back = 0;
    for path in all_files(&after, Path::new(DIRECTORY)) {
        let Some((old, new)) = both(&path) else { continue };
        if path.ends_with("time") {
            continue;
        }
        put(&disk, &path, &old);
        let found = named(&Against { known: Vec::new(), ..against.clone() });
        assert!(!found.is_empty(), "{path:?} put back unseen");
        put(&disk, &path, &new);
        put_back += 1;
    }
    assert!(put_back >= 2, "{put_back}");
    let files: Arc<dyn Files> = Arc::new(before.clone());
    let rolled_back = verify(&files, Path::new(DIRECTORY), &against).tampered;
    assert_eq!(rolled_back.first().map(|fault| fault.kind), Some("rolled_back"), "{rolled_back:?}");
}

/// What is done to sealed segments, with the power cut at each of its operations and, in the run that recovers, at each again:
/// nothing looks tampered with at any moment, and in the end all is as if nothing had happened.
#[track_caller]
fn cut_at_every_step(retention: &Retention, begin: impl Fn() -> SimulatedDisk, end: impl Fn(&SimulatedDisk, &str)) {
    let original = begin();
    let work = |disk: &SimulatedDisk| open(disk, retention).map(|mut sealer| settle(&mut sealer));
    let is_cut = |operations: u64| {
        let disk = copy_of(&original);
        disk.cut_power_after(operations, operations * 7 + 1);
        let _ = work(&disk);
        (disk.restore_power(), disk)
    };
    let mut operations = 64;
    while is_cut(operations).0 {
        operations *= 2;
    }
    let mut below = 0;
    while below + 1 < operations {
        let middle = below.midpoint(operations);
        if is_cut(middle).0 { below = middle } else { operations = middle }
    }
    // Most operations write a file that nothing reads yet; what comes behind it is cut at each.
    let firsts = (0..operations).filter(|first| first + 60 > operations || first % 23 == 0);
    let mut cuts = 0;
    for first in firsts {
        let (cut, state) = is_cut(first);
        assert!(cut, "operation {first} of {operations}");
        assert_eq!(verified(&state).tampered, [], "cut at operation {first} of {operations}");
        for second in [0, 4, 24] {
            let point = state.cut_at();
            let told = format!("cut at operation {first} of {operations}, {point:?}, then at {second}");
            let disk = copy_of(&state);
            disk.cut_power_after(second, first * 31 + second);
            let _ = work(&disk);
            let is_cut = disk.restore_power();
            assert_eq!(verified(&disk).tampered, [], "{told}");
            cuts += u64::from(is_cut);
            settle(&mut open(&disk, retention).unwrap()).unwrap();
            end(&disk, &told);
            if !is_cut {
                break;
            }
        }
    }
    assert!(operations > 10 && cuts > 20, "{operations} operations, {cuts} cut twice");
}

#[test]
fn a_power_cut_at_any_step_of_a_compaction_changes_nothing_in_the_end() {
    let all: Vec<u64> = (0..10).collect();
    cut_at_every_step(&Retention::default(), small_archive, |disk, told| {
        assert_eq!(found(disk, ""), all, "{told}");
        let segments = segments_on(disk);
        assert_eq!(segments.iter().filter(|file| file.ends_with(".parquet")).count(), 3, "{told}: {segments:?}");
        let verdict = verified(disk);
        // A file that was being written may be left under a name that nothing reads.
        let strange = |note: &String| !note.contains(".parquet.new is no file");
        assert!(verdict.tampered.is_empty() && !verdict.notes.iter().any(strange), "{told}: {verdict:?}");
    });
}

#[test]
fn a_power_cut_at_any_step_of_a_purge_removes_nothing_unsaid() {
    let retention = days(30);
    let counted = {
        // The count goes on only while an archive is open.
        let disk = small_archive();
        let mut sealer = open(&disk, &Retention::default()).unwrap();
        pass(DAY * 31);
        sealer.save_age();
        seal(&mut sealer, "fw", NOON, &["young"]);
        disk
    };
    cut_at_every_step(
        &retention,
        || copy_of(&counted),
        |disk, told| {
            assert_eq!(found(disk, ""), [10], "{told}");
            assert_sound(disk, told);
            assert_eq!(open(disk, &Retention::default()).unwrap().catalog.end_sequence(), 11, "{told}");
        },
    );
}

#[test]
fn no_clock_and_no_receive_time_makes_anything_expire() {
    let disk = SimulatedDisk::new();
    let year = 365 * 24 * HOUR_NS;
    let mut sealer = open(&disk, &days(2)).unwrap();
    let times = [NOON, NOON - year, NOON + year, NOON - 24 * HOUR_NS, NOON + 24 * HOUR_NS, 0, NOON];
    for (at, time) in times.into_iter().enumerate() {
        CLOCK.set(time);
        seal(&mut sealer, "fw", time, &[&format!("record {at}")]);
        settle(&mut sealer).unwrap();
        // A restart at that time, the timer begun anew.
        UPTIME.set(Duration::from_secs(1));
        sealer = open(&disk, &days(2)).unwrap();
        settle(&mut sealer).unwrap();
    }
    assert_eq!(found(&disk, "").len(), times.len());
    // A day and a half in which the engine runs, a standstill of any length, a day.
    pass(DAY * 3 / 2);
    settle(&mut sealer).unwrap();
    sealer.save_age();
    CLOCK.set(NOON + 10 * year);
    UPTIME.set(Duration::ZERO);
    sealer = open(&disk, &days(2)).unwrap();
    settle(&mut sealer).unwrap();
    assert_eq!(found(&disk, "").len(), times.len());
    pass(DAY);
    settle(&mut sealer).unwrap();
    assert_eq!((found(&disk, "").len(), segments_on(&disk).len()), (0, 0));
    assert_eq!(sealer.catalog.end_sequence(), times.len() as u64, "numbers are never given again");
    assert_sound(&disk, "all purged");
}

#[test]
fn who_reads_meanwhile_finds_the_rows_where_they_are_now() {
    let disk = small_archive();
    let mut sealer = open(&disk, &days(30)).unwrap();
    let (files, directory): (Arc<dyn Files>, _) = (Arc::new(disk.clone()), Path::new(DIRECTORY));
    let keys = vec![sealer.log.verifier().clone()];
    let search = Search::open(Arc::clone(&files), directory, BTreeMap::new()).unwrap();
    let prover = crate::Prover::open(&files, directory, &keys).unwrap();
    let look = |query: &str| {
        let control = Control { cancelled: &AtomicBool::new(false), progress: &|_, _| {} };
        let found = search.run(&parse(query).unwrap(), (i64::MIN, i64::MAX), control);
        assert_eq!(found.errors, Vec::<String>::new());
        found.rows
    };
    let all = look("");
    settle(&mut sealer).unwrap();
    assert_eq!(segments_on(&disk).len(), 3);
    assert_eq!(look(""), all);
    assert_eq!(look("| stats count")[0]["count"], 10);
    assert_eq!(look("user.name:three").len(), 1);
    let mut proven = 0;
    let left = prover.prove(&(0..10).collect(), &mut |_, _| {
        proven += 1;
        Ok(())
    });
    assert_eq!((left.unwrap().len(), proven), (0, 10));
    pass(DAY * 31);
    settle(&mut sealer).unwrap();
    assert_eq!((segments_on(&disk).len(), look("").len()), (0, 0));
    // One that nobody said is to go is told.
    seal(&mut sealer, "fw", NOON, &["young"]);
    let search = Search::open(files, directory, BTreeMap::new()).unwrap();
    disk.remove(&directory.join(&segments_on(&disk)[0])).unwrap();
    let control = Control { cancelled: &AtomicBool::new(false), progress: &|_, _| {} };
    let told = search.run(&parse("").unwrap(), (i64::MIN, i64::MAX), control).errors;
    assert!(told.len() == 1 && told[0].contains("the rest is searched"), "{told:?}");
}

fn new_hold(query: &str) -> NewHold {
    let (reason, who) = ("case 7".to_owned(), "sato".to_owned());
    NewHold { query: query.into(), time_ns: (None, None), reason, who, added_ns: NOON }
}

#[test]
fn what_a_hold_finds_stays_until_it_is_released() {
    let disk = small_archive();
    let directory = Path::new(DIRECTORY);
    let mut sealer = open(&disk, &days(30)).unwrap();
    pass(DAY * 40);
    for (query, told) in [("| stats count", "nothing behind"), ("a:(b", "closed")] {
        let refused = hold::add(&disk, directory, new_hold(query)).unwrap_err().to_string();
        assert!(refused.contains(told) || !refused.is_empty(), "{refused}");
    }
    assert_eq!(hold::list(&disk, directory).unwrap(), []);
    let one = hold::add(&disk, directory, new_hold("user.name:two")).unwrap();
    let other = hold::add(&disk, directory, NewHold { time_ns: (Some(i64::MAX), None), ..new_hold("") }).unwrap();
    assert_eq!((one.id, other.id), (1, 2));
    let held = one.segments(&disk, directory, &sealer.catalog).unwrap();
    assert_eq!(held.iter().map(|sealed| sealed.first_sequence).collect::<Vec<_>>(), [2]);
    settle(&mut sealer).unwrap();
    assert_eq!(found(&disk, ""), [2, 3]);
    assert_sound(&disk, "held");
    // One that cannot be understood may hold anything.
    let path = directory.join("holds/3.json");
    disk.create(&path).unwrap().write_all(b"{\"id\":3,").unwrap();
    hold::release(&disk, directory, 1, Released { reason: "done".into(), who: "mori".into(), at_ns: NOON })
        .unwrap_err();
    let refused = settle(&mut sealer).unwrap_err().to_string();
    assert!(refused.contains("holds/3.json cannot be read"), "{refused}");
    disk.remove(&path).unwrap();
    let released = Released { reason: "done".into(), who: "mori".into(), at_ns: NOON };
    assert_eq!(hold::release(&disk, directory, 1, released.clone()).unwrap().released, Some(released.clone()));
    assert!(hold::release(&disk, directory, 1, released.clone()).unwrap_err().to_string().contains("before, by mori"));
    assert!(hold::release(&disk, directory, 9, released).unwrap_err().to_string().contains("no hold 9"));
    settle(&mut sealer).unwrap();
    assert_eq!(found(&disk, ""), Vec::<u64>::new());
    assert_eq!(hold::list(&disk, directory).unwrap().len(), 2, "what was held and why stays written");
}

#[test]
fn a_segment_that_was_changed_is_neither_signed_anew_nor_in_the_way_of_others() {
    let disk = small_archive();
    let mut sealer = open(&disk, &Retention::default()).unwrap();
    for record in ["six", "seven"] {
        seal(&mut sealer, "fw", NOON + HOUR_NS, &[record]);
    }
    seal(&mut sealer, "fw", NOON + 2 * HOUR_NS, &["eight"]);
    let changed = segments_on(&disk)[1].clone();
    let path = Path::new(DIRECTORY).join(&changed);
    let mut bytes = disk.read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    disk.create(&path).unwrap().write_all(&bytes).unwrap();
    settle(&mut sealer).unwrap();
    let told = sealer.standing.upkeep.ailments();
    assert!(told.len() == 1 && told[0].starts_with(&changed), "{told:?}");
    let tampered = verified(&disk).tampered;
    assert_eq!(tampered.iter().map(|fault| &fault.file).collect::<Vec<_>>(), [&changed]);
    let compacted = segments_on(&disk).iter().filter(|file| file.contains('-') && file.contains("hour=11")).count();
    let merged = segments_on(&disk).into_iter().filter(|file| file.matches('-').count() == 3).count();
    assert_eq!((compacted, merged), (segments_on(&disk).iter().filter(|file| file.contains("hour=11")).count(), 1));
}

#[test]
fn a_catalog_that_is_damaged_or_gone_is_made_anew() {
    let disk = small_archive();
    settle(&mut open(&disk, &Retention::default()).unwrap()).unwrap();
    let path = Path::new(DIRECTORY).join(CATALOG);
    let whole = disk.read(&path).unwrap();
    let segments = |disk: &SimulatedDisk| {
        let mut segments = Catalog::read(disk, Path::new(DIRECTORY)).unwrap().segments().to_vec();
        segments.sort_by(|a, b| a.file.cmp(&b.file));
        segments
    };
    let right = segments(&disk);
    let line_ends: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] == b'\n').collect();
    let mut states = vec![Vec::new(), whole[..line_ends[2] + 20].to_vec(), b"\0\0\0\0".to_vec()];
    for (line, &end) in line_ends.iter().enumerate() {
        let mut flipped = whole.clone();
        flipped[end - 30 - line] ^= 2;
        states.push(flipped);
    }
    for (at, state) in states.iter().enumerate() {
        let disk = copy_of(&disk);
        disk.create(&path).unwrap().write_all(state).unwrap();
        assert_ne!(verified(&disk).tampered, [], "state {at} goes unseen");
        let mut sealer = open(&disk, &Retention::default()).unwrap();
        assert_eq!(sealer.catalog.end_sequence(), 10, "state {at}");
        settle(&mut sealer).unwrap();
        assert_eq!(segments(&disk), right, "state {at}");
        assert_sound(&disk, &format!("state {at}"));
        // Whoever wants to see what was found there can.
        let is_kept = disk.read(&path.with_file_name("catalog.ndjson.damaged")).is_ok_and(|kept| kept == *state);
        let may_be_torn = at < 3 || at == states.len() - 1;
        assert!(is_kept || may_be_torn, "state {at}");
    }
}
