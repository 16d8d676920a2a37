//! Files that grow, rotate, are cut, vanish, and come back.

use std::fs;
use std::fs::OpenOptions;
use std::io::Write;

use super::*;
use crate::files::{Fault, FaultyFiles, Operation, RealFiles};
use crate::outlet::{Outlet, Shutdown};
use crate::testing::{Bench, Still, count};
use crate::{BatchPool, InputSpec, InputType, RecordFlags};

fn spec(pattern: &Path) -> InputSpec {
    let mut spec = InputSpec::new("files", InputType::File);
    spec.paths = Some(vec![pattern.display().to_string()]);
    spec.poll_interval_ms = Some(1);
    spec
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

#[test]
fn lines_come_when_they_are_whole_and_numbered() {
    let dir = Dir::new();
    let log = dir.path("a.log");
    append(&log, "one\ntw");
    let mut bench = Bench::start(&[spec(&log)]);
    bench.wait(1);
    append(&log, "o\r\nthree\n");
    bench.wait(3);
    assert_eq!(bench.texts(), ["one", "two", "three"]);
    let places: Vec<_> = bench.got.iter().map(|got| (got.offset, got.line)).collect();
    assert_eq!(places, [(0, 1), (4, 2), (9, 3)]);
    assert!(matches!(&*bench.got[2].origin, Origin::File { path, .. } if *path == log));
    bench.stop();
}

#[test]
fn a_rename_is_followed_to_the_end_and_the_new_file_read_from_its_begin() {
    let dir = Dir::new();
    let (log, old) = (dir.path("a.log"), dir.path("a.log.1"));
    append(&log, "one\n");
    let mut bench = Bench::start(&[spec(&log)]);
    bench.wait(1);
    let mut writer = OpenOptions::new().append(true).open(&log).unwrap();
    fs::rename(&log, &old).unwrap();
    append(&log, "first of the new\n");
    bench.wait(2);
    // The logger has not reopened its file yet.
    writer.write_all(b"last of the old\n").unwrap();
    bench.wait(3);
    assert_eq!(bench.texts(), ["one", "first of the new", "last of the old"]);
    assert_eq!(bench.got[2].line, 2);
    assert_eq!(count(&bench.stop()[0], "files_rotated"), 1);
}

#[test]
fn a_rename_within_the_glob_reads_nothing_twice() {
    let dir = Dir::new();
    let log = dir.path("a.log");
    append(&log, "one\n");
    let mut bench = Bench::start(&[spec(&dir.path("a.log*"))]);
    bench.wait(1);
    fs::rename(&log, dir.path("a.log.1")).unwrap();
    append(&log, "two\n");
    bench.wait(2);
    append(&dir.path("a.log.1"), "late\n");
    bench.wait(3);
    assert_eq!(bench.texts(), ["one", "two", "late"]);
    assert_eq!(count(&bench.stop()[0], "files_rotated"), 1);
}

#[test]
fn copytruncate_begins_anew_whether_the_file_is_shorter_or_longer_than_before() {
    let dir = Dir::new();
    let log = dir.path("a.log");
    append(&log, "one\ntwo\nunfini");
    let mut bench = Bench::start(&[spec(&log)]);
    bench.wait(2);
    let counters = bench.counters();
    fs::write(&log, "").unwrap();
    bench.wait_until(|_| count(&counters, "files_truncated") == 1);
    append(&log, "three\n");
    bench.wait(4);
    assert_eq!(bench.got[2].flags, RecordFlags::UNTERMINATED);
    // Cut and grown beyond the old length between two looks: only the begin tells.
    fs::write(&log, "a longer first line than before\n").unwrap();
    bench.wait(5);
    assert_eq!(bench.texts(), ["one", "two", "unfini", "three", "a longer first line than before"]);
    assert_eq!((bench.got[3].offset, bench.got[4].line), (0, 1));
    assert_eq!(count(&bench.stop()[0], "files_truncated"), 2);
}

#[test]
fn a_restart_goes_on_at_the_checkpoint_and_reads_the_unfinished_line_whole() {
    let dir = Dir::new();
    let log = dir.path("a.log");
    append(&log, "one\ntwo\nthr");
    let mut bench = Bench::start(&[spec(&log)]);
    bench.wait(2);
    bench.stop();
    assert_eq!((bench.checkpoints[0].offset, bench.checkpoints[0].line), (8, 3));
    append(&log, "ee\nfour\n");
    let mut again = Bench::resume(&[spec(&log)], &bench.checkpoints);
    again.wait(2);
    assert_eq!((again.texts(), again.got[0].line), (vec!["three", "four"], 3));
    again.stop();
}

#[test]
fn a_restart_after_a_rename_finishes_the_old_file_first() {
    let dir = Dir::new();
    let log = dir.path("a.log");
    append(&log, "one\n");
    let mut from_end = spec(&log);
    from_end.from = Some(From::End);
    from_end.poll_interval_ms = Some(1);
    let mut bench = Bench::start(&[spec(&log)]);
    bench.wait(1);
    bench.stop();
    append(&log, "rest of the old\n");
    fs::rename(&log, dir.path("a.log.1")).unwrap();
    append(&log, "first of the new\n");
    // Even with from = "end": the new file is the successor of one that was read.
    let mut again = Bench::resume(&[from_end], &bench.checkpoints);
    again.wait(2);
    assert_eq!(again.texts(), ["rest of the old", "first of the new"]);
    assert_eq!(count(&again.stop()[0], "checkpoints_lost"), 0);
}

#[test]
fn a_restart_after_copytruncate_or_removal_begins_anew_and_tells() {
    let dir = Dir::new();
    let log = dir.path("a.log");
    append(&log, "one\ntwo\n");
    let mut bench = Bench::start(&[spec(&log)]);
    bench.wait(2);
    bench.stop();
    fs::write(&log, "new\n").unwrap();
    let mut again = Bench::resume(&[spec(&log)], &bench.checkpoints);
    again.wait(1);
    assert_eq!(count(&again.stop()[0], "files_truncated"), 1);
    // The new file exists before the old one is gone, so that their inodes differ.
    append(&dir.path("b"), "newest\n");
    fs::rename(dir.path("b"), &log).unwrap();
    let mut third = Bench::resume(&[spec(&log)], &again.checkpoints);
    third.wait(1);
    assert_eq!(third.texts(), ["newest"]);
    assert_eq!(count(&third.stop()[0], "checkpoints_lost"), 1);
}

#[test]
fn from_end_skips_what_was_there_but_not_what_appears() {
    let dir = Dir::new();
    append(&dir.path("a.log"), "old\n");
    let mut from_end = spec(&dir.path("*.log"));
    from_end.from = Some(From::End);
    let mut bench = Bench::start(&[from_end]);
    let counters = bench.counters();
    bench.wait_until(|_| count(&counters, "files_opened") == 1);
    append(&dir.path("b.log"), "picked up\n");
    bench.wait(1);
    append(&dir.path("a.log"), "new\n");
    bench.wait(2);
    assert_eq!(bench.texts(), ["picked up", "new"]);
    assert_eq!((bench.got[1].offset, bench.got[1].line), (4, 0));
    bench.stop();
}

#[test]
fn a_vanished_file_is_told_and_picked_up_again() {
    let dir = Dir::new();
    let log = dir.path("a.log");
    append(&log, "one\n");
    let mut bench = Bench::start(&[spec(&log)]);
    bench.wait(1);
    let counters = bench.counters();
    fs::remove_file(&log).unwrap();
    bench.wait_until(|_| count(&counters, "files_vanished") == 1);
    append(&log, "again\n");
    bench.wait(2);
    assert_eq!((bench.texts(), bench.got[1].line), (vec!["one", "again"], 1));
    bench.stop();
}

#[test]
fn a_missing_file_is_told_once_and_picked_up_when_it_appears() {
    let dir = Dir::new();
    let log = dir.path("a.log");
    let mut bench = Bench::start(&[spec(&log)]);
    let counters = bench.counters();
    bench.wait_until(|_| count(&counters, "file_errors") == 1);
    append(&log, "one\n");
    bench.wait(1);
    assert_eq!(count(&bench.stop()[0], "file_errors"), 1);
}

#[test]
fn a_growing_begin_changes_the_fingerprint_but_not_the_file() {
    let dir = Dir::new();
    let log = dir.path("a.log");
    let mut bench = Bench::start(&[spec(&log)]);
    for i in 0..300 {
        append(&log, &format!("line {i}\n"));
        bench.wait(i + 1);
    }
    let counters = bench.stop();
    assert_eq!((count(&counters[0], "files_truncated"), count(&counters[0], "files_opened")), (0, 1));
    let checkpoint = &bench.checkpoints[0];
    assert_eq!((usize::from(checkpoint.identity.fingerprint.bytes), checkpoint.line), (Fingerprint::BYTES_MAX, 301));
}

#[test]
fn a_long_file_comes_whole_and_in_order() {
    let dir = Dir::new();
    let log = dir.path("a.log");
    let text: String =
        (0..200_000).map(|i| format!("{i} some text to make it longer than one turn of eight megabytes\n")).collect();
    fs::write(&log, &text).unwrap();
    let mut bench = Bench::start(&[spec(&log)]);
    bench.wait(200_000);
    assert!(
        bench.got.iter().enumerate().all(|(i, got)| got.line == i as u64 + 1 && got.text.starts_with(&format!("{i} ")))
    );
    bench.stop();
    assert_eq!(bench.checkpoints[0].offset, text.len() as u64);
}

/// A tail over files that fail, looked at by hand.
fn faulty(log: &Path, files: &Arc<FaultyFiles<RealFiles>>) -> (Tail, crossbeam_channel::Receiver<Batch>) {
    let (sender, receiver) = crossbeam_channel::bounded(16);
    let counters = Arc::<InputCounters>::default();
    let outlet = Outlet { sender, counters, shutdown: Shutdown::default(), joins: None };
    let start =
        Start { name: "files".to_owned(), input: 0, outlet, pool: BatchPool::default(), clock: Arc::new(Still) };
    let crate::InputKind::File(config) = spec(log).kind().unwrap() else { panic!("a file input") };
    let files: Arc<dyn Files> = Arc::clone(files) as Arc<dyn Files>;
    (Tail::new(start, config, files, &[]), receiver)
}

#[test]
fn a_failing_disk_is_told_and_nothing_is_skipped_or_doubled() {
    let dir = Dir::new();
    let log = dir.path("a.log");
    append(&log, "one\ntwo\n");
    for (operation, fault) in
        [(Operation::Open, Fault::Denied), (Operation::Read, Fault::Io), (Operation::Metadata, Fault::Io)]
    {
        for nth in 1..=4 {
            let files = Arc::new(FaultyFiles::new(RealFiles));
            let (mut tail, batches) = faulty(&log, &files);
            files.fail_from(operation, nth, fault);
            tail.look();
            tail.look();
            files.heal();
            tail.look();
            let got: Vec<Vec<u8>> = batches
                .try_iter()
                .flat_map(|batch| batch.records.iter().map(|r| batch.record(r).to_vec()).collect::<Vec<_>>())
                .collect();
            assert_eq!(got, [b"one", b"two"], "{operation:?} {nth}");
            if nth == 1 {
                assert!(count(&tail.start.outlet.counters, "file_errors") > 0, "{operation:?}");
            }
        }
    }
}

#[test]
fn a_removed_file_is_let_go_after_its_last_unfinished_line() {
    let dir = Dir::new();
    let log = dir.path("a.log");
    append(&log, "one\nunfini");
    let files = Arc::new(FaultyFiles::new(RealFiles));
    let (mut tail, batches) = faulty(&log, &files);
    tail.look();
    fs::remove_file(&log).unwrap();
    tail.look();
    assert_eq!((batches.try_iter().count(), tail.followed.len()), (1, 1), "its writer may still write");
    tail.followed[0].nameless_since = Instant::now().checked_sub(NAMELESS_GRACE);
    tail.look();
    let last = batches.try_recv().unwrap();
    assert_eq!((last.record(&last.records[0]), last.records[0].flags), (&b"unfini"[..], RecordFlags::UNTERMINATED));
    assert_eq!((last.checkpoints().count(), last.gone().count(), tail.followed.len()), (1, 1, 0));
}
