use std::io::Cursor;
use std::sync::atomic::Ordering;

use noroshi_parsers::charset::Charset;
use proptest::prelude::*;

use super::*;
use crate::batch::{FileIdentity, RecordMarks};
use crate::read::RecordReader;

const SECOND_NS: i64 = 1_000_000_000;

fn file(ino: u64) -> Origin {
    let identity = FileIdentity { ino, ..FileIdentity::default() };
    Origin::File { path: format!("/var/log/{ino}.log").into(), identity }
}

/// A reader that gives so many bytes at once.
struct Cut(Cursor<Vec<u8>>, usize);

impl std::io::Read for Cut {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.1.max(1));
        self.0.read(&mut buffer[..most])
    }
}

/// Records of `text` with offset, line, lines and marks, read `cut` bytes at a time.
fn read(join: Join, text: &str, cut: usize, record_bytes_max: usize) -> Vec<(String, RecordRef)> {
    let source = Box::new(Cut(Cursor::new(text.as_bytes().to_vec()), cut));
    let reader = RecordReader::from_reader(source, file(1), 0, &BatchPool::default());
    let mut reader = reader.reading(Charset::default(), record_bytes_max).joining(join);
    let mut records = Vec::new();
    while let Some(batch) = reader.next_batch(0).expect("memory reads") {
        for record in &batch.records {
            records.push((String::from_utf8_lossy(batch.record(record)).into_owned(), *record));
        }
    }
    let received = reader.counters().records.load(Ordering::Relaxed);
    assert_eq!(records.iter().map(|(_, record)| u64::from(record.lines)).sum::<u64>(), received, "every line once");
    records
}

#[track_caller]
fn check(join: Join, text: &str, expected: &[&str]) {
    for cut in [1, 2, 7, 64, 1 << 16] {
        let found = read(join, text, cut, 1 << 20);
        let texts: Vec<&str> = found.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, expected, "cut {cut}");
        for (record, at) in &found {
            let offset = at.offset as usize;
            assert_eq!(&text[offset..offset + record.len()], record, "byte for byte, where it says");
            let line = text[..offset].matches('\n').count() as u64 + 1;
            assert_eq!(at.line, line, "{record}");
        }
    }
}

#[test]
fn joined_bytes_are_the_lines_with_their_ends() {
    check(
        Join::Postgresql,
        "2026-03-02 10:00:00 UTC [1] ERROR:  a\r\n\tb\n\tc\r\n2026-03-02 10:00:01 UTC [1] LOG:  d\n",
        &["2026-03-02 10:00:00 UTC [1] ERROR:  a\r\n\tb\n\tc", "2026-03-02 10:00:01 UTC [1] LOG:  d"],
    );
    check(Join::Auto, "one\n two\n\nthree", &["one\n two", "", "three"]);
    check(Join::Documents, "{\n \"a\": 1\n}\nnext\n", &["{\n \"a\": 1\n}", "next"]);
}

#[test]
fn lines_that_are_no_document_come_back_one_by_one() {
    check(Join::Json, "{\r\n\"a\": 1,\nMar  2 x\n{\n}\n", &["{", "\"a\": 1,", "Mar  2 x", "{\n}"]);
}

#[test]
fn a_document_of_one_line_over_the_limit_is_one_record_again() {
    let text = format!("{{\"Records\":[{}]}}\nnext\n", vec!["{\"a\":\"xyz\"}"; 40].join(","));
    let found = read(Join::Documents, &text, 33, 100);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].0, text.lines().next().unwrap_or_default());
    assert_eq!((found[0].1.flags, found[0].1.lines), (RecordFlags::empty(), 5));
    assert_eq!((found[1].0.as_str(), found[1].1.line), ("next", 2));
    // What holds no events stays in parts.
    let plain = format!("{{\"timestamp\":\"{}\"}}\nnext\n", "x".repeat(400));
    let found = read(Join::Documents, &plain, 33, 100);
    let parts: Vec<u32> = found.iter().map(|(_, record)| record.part).collect();
    assert_eq!(parts, [0, 1, 2, 3, 4, 0]);
    // A document that breaks after some parts is given back as those parts.
    let broken = format!("{{\"Records\":[{}]]\nnext\n", vec!["{\"a\":\"xyz\"}"; 20].join(","));
    let found = read(Join::Documents, &broken, 33, 100);
    let parts: Vec<(u32, u64)> = found.iter().map(|(_, record)| (record.part, record.offset)).collect();
    assert_eq!(parts, [(0, 0), (1, 0), (2, 0), (0, broken.len() as u64 - 5)]);
}

#[test]
fn a_bound_cuts_and_loses_nothing() {
    let text = format!("first\n{}last", "\tat x\n".repeat(JOIN_LINES_MAX));
    let found = read(Join::Java, &text, 1 << 16, 1 << 20);
    assert_eq!(found[0].1.lines as usize, JOIN_LINES_MAX);
    assert!(found[0].1.marks.contains(RecordMarks::JOIN_CUT));
    assert!(!found[1].1.marks.contains(RecordMarks::JOIN_CUT));
    let texts: Vec<&str> = found.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts.join("\n"), text);
    let unfinished = read(Join::Json, "{\n\"a\": [\n", 5, 1 << 20);
    assert_eq!(unfinished.len(), 1);
    assert!(unfinished[0].1.marks.contains(RecordMarks::JOIN_CUT));
}

/// Records handed over, and ends told, both with the number of their file.
type Told = (Vec<(u64, String)>, Vec<(u64, u64)>);

/// Lines of one batch of several origins, as inputs make them.
struct Live {
    joiner: Joiner,
    pool: BatchPool,
    offsets: BTreeMap<u64, (u64, u64)>,
}

impl Live {
    fn new(join: Join) -> Self {
        let pool = BatchPool::default();
        let joiner = Joiner::new(join, b'\n', 0, &pool, &Arc::default());
        Live { joiner, pool, offsets: BTreeMap::new() }
    }

    /// The records handed over with their file, and the ends told.
    fn take(&mut self, now_ns: i64, lines: &[(u64, &str)]) -> Told {
        let mut batch = self.pool.take(0);
        for (ino, text) in lines {
            let (offset, line) = *self.offsets.entry(*ino).or_insert((0, 1));
            let origin = batch.origins.len() as u16;
            batch.origins.push(Arc::new(file(*ino)));
            let at = batch.bytes.len() as u32;
            batch.bytes.extend_from_slice(text.as_bytes());
            batch.records.push(RecordRef {
                at,
                len: text.len() as u32,
                origin,
                flags: RecordFlags::empty(),
                marks: RecordMarks::default(),
                lines: 1,
                part: 0,
                offset,
                line,
                receive_time_ns: now_ns,
                stated_time_ns: 0,
            });
            let next = (offset + text.len() as u64 + 1, line + 1);
            self.offsets.insert(*ino, next);
            batch.file_ends.push(FileEnd { origin, offset: next.0, line: next.1, gone: false });
        }
        let batches = self.joiner.join(batch, now_ns);
        Self::told(&batches)
    }

    fn told(batches: &[Batch]) -> Told {
        let ino = |batch: &Batch, origin: u16| match &*batch.origins[usize::from(origin)] {
            Origin::File { identity, .. } => identity.ino,
            other => panic!("{other:?}"),
        };
        let (mut records, mut ends) = (Vec::new(), BTreeMap::new());
        for batch in batches {
            for record in &batch.records {
                let text = String::from_utf8_lossy(batch.record(record)).into_owned();
                records.push((ino(batch, record.origin), text));
            }
            ends.extend(batch.file_ends.iter().map(|end| (ino(batch, end.origin), end.offset)));
        }
        (records, ends.into_iter().collect())
    }
}

#[test]
fn a_silent_stream_closes_its_record_and_moves_its_end() {
    let mut live = Live::new(Join::Java);
    let start = 1_000 * SECOND_NS;
    assert_eq!(live.take(start, &[(1, "first"), (1, "\tat a"), (2, "other")]), (vec![], vec![(1, 0), (2, 0)]));
    let wait = JOIN_WAIT_MS as i64 * 1_000_000;
    assert_eq!(live.take(start + wait - 1, &[]), (vec![], vec![(1, 0), (2, 0)]));
    assert_eq!(
        live.take(start + wait - 1 + LOOK_NS, &[]),
        (vec![(1, "first\n\tat a".to_owned()), (2, "other".to_owned())], vec![(1, 12), (2, 6)])
    );
    // What comes later is a record of its own, as if nothing had been open.
    assert_eq!(live.take(start + 3 * wait, &[(1, "\tat b")]).0, []);
    let (records, ends) = Live::told(&live.joiner.finish());
    assert_eq!((records, ends), (vec![(1, "\tat b".to_owned())], vec![(1, 18)]));
}

#[test]
fn nothing_to_join_passes_as_it_is() {
    let mut live = Live::new(Join::Documents);
    let lines = [(1, "Mar  2 10:00:00 web1 app: {"), (1, "\tat x"), (2, "{\"a\":1}")];
    let (records, ends) = live.take(SECOND_NS, &lines);
    assert!(records.iter().map(|(ino, text)| (*ino, text.as_str())).eq(lines));
    assert_eq!(ends, [(1, 34), (2, 8)]);
    assert!(!live.joiner.holds());
}

/// The records of three events: of two nodes with one serial, and another of the first.
fn audit_groups() -> Vec<Vec<String>> {
    let group = |node: &str, serial: u32, middle: &[&str], last: &str| {
        let line = |kind: &str, body: &str| {
            format!("node={node} type={kind} msg=audit(1772445600.{serial:03}:{serial}): {body}")
        };
        let mut lines = vec![line("SYSCALL", "syscall=59 success=yes auid=1000 uid=0")];
        lines.extend(middle.iter().map(|kind| line(kind, "a0=\"x\"")));
        lines.push(line(last, "proctitle=6C73"));
        lines
    };
    vec![
        group("web1", 10, &["EXECVE", "CWD", "PATH", "PATH"], "PROCTITLE"),
        group("web2", 10, &["EXECVE", "CWD"], "EOE"),
        group("web1", 11, &["SOCKADDR"], "PROCTITLE"),
        group("web2", 12, &[], "PROCTITLE"),
        vec!["node=web1 type=USER_LOGIN msg=audit(1772445600.013:13): pid=1".to_owned()],
    ]
}

/// The groups handed over, as told by the marks.
fn groups_of(batches: &[Batch]) -> Vec<Vec<String>> {
    let mut groups = Vec::new();
    for batch in batches {
        let mut group = Vec::new();
        for record in &batch.records {
            group.push(String::from_utf8_lossy(batch.record(record)).into_owned());
            if !record.marks.contains(RecordMarks::GROUPED_WITH_NEXT) {
                groups.push(std::mem::take(&mut group));
            }
        }
        assert!(group.is_empty(), "no group is torn by a batch");
    }
    groups
}

fn batch_of(pool: &BatchPool, lines: &[&str], offset: &mut u64) -> Batch {
    let mut batch = pool.take(0);
    batch.origins.push(Arc::new(Origin::Stdin));
    for line in lines {
        let at = batch.bytes.len() as u32;
        batch.bytes.extend_from_slice(line.as_bytes());
        batch.records.push(RecordRef {
            at,
            len: line.len() as u32,
            origin: 0,
            flags: RecordFlags::empty(),
            marks: RecordMarks::default(),
            lines: 1,
            part: 0,
            offset: *offset,
            line: 0,
            receive_time_ns: 0,
            stated_time_ns: 0,
        });
        *offset += line.len() as u64 + 1;
    }
    batch
}

proptest! {
    /// However the groups of several nodes and other lines interleave, and wherever batches are cut.
    #[test]
    fn any_interleaving_gives_the_same_groups(picks in prop::collection::vec((0usize..6, any::<bool>()), 1..60)) {
        let mut waiting: Vec<Vec<String>> = audit_groups();
        waiting.push((0..4).map(|n| format!("Mar  2 10:00:0{n} web1 app: between")).collect());
        let mut expected = audit_groups();
        expected.extend(waiting[5].iter().map(|line| vec![line.clone()]));
        expected.sort();
        let (pool, mut offset) = (BatchPool::default(), 0);
        let mut joiner = Joiner::new(Join::Documents, b'\n', 0, &pool, &Arc::default());
        let mut batches = Vec::new();
        let mut lines: Vec<String> = Vec::new();
        let rest = std::iter::repeat_n((0, false), 100);
        for (pick, cut) in picks.into_iter().chain(rest) {
            let left: Vec<usize> = (0..6).filter(|&of| !waiting[of].is_empty()).collect();
            let Some(&of) = left.get(pick % left.len().max(1)) else { break };
            lines.push(waiting[of].remove(0));
            if cut {
                let taken: Vec<&str> = lines.iter().map(String::as_str).collect();
                batches.extend(joiner.join(batch_of(&pool, &taken, &mut offset), 0));
                lines.clear();
            }
        }
        let taken: Vec<&str> = lines.iter().map(String::as_str).collect();
        batches.extend(joiner.join(batch_of(&pool, &taken, &mut offset), 0));
        prop_assert!(joiner.groups.is_empty(), "every group has its end");
        prop_assert_eq!(joiner.held_bytes, 0);
        let mut found = groups_of(&batches);
        found.sort();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_group_without_its_end_closes_by_event_time_and_by_silence() {
    let pool = BatchPool::default();
    let mut joiner = Joiner::new(Join::Documents, b'\n', 0, &pool, &Arc::default());
    let mut offset = 0;
    let line = |second: u32, kind: &str| format!("type={kind} msg=audit(177244560{second}.000:{second}): a=1");
    let mut take = |joiner: &mut Joiner, now_ns: i64, lines: &[String]| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        groups_of(&joiner.join(batch_of(&pool, &lines, &mut offset), now_ns))
    };
    let now = 5_000 * SECOND_NS;
    assert!(take(&mut joiner, now, &[line(0, "SYSCALL"), line(0, "CWD"), line(2, "SYSCALL")]).is_empty());
    // Two seconds are within, three beyond: the first group is complete, the second is not.
    assert_eq!(
        take(&mut joiner, now, &[line(3, "USER_END")]),
        [vec![line(0, "SYSCALL"), line(0, "CWD")], vec![line(3, "USER_END")]]
    );
    let later = now + JOIN_WAIT_MS as i64 * 1_000_000 + LOOK_NS;
    assert_eq!(take(&mut joiner, later, &[]), [vec![line(2, "SYSCALL")]]);
}

#[test]
fn floods_of_groups_are_bounded_and_counted() {
    let pool = BatchPool::default();
    let counters = Arc::<InputCounters>::default();
    let mut joiner = Joiner::new(Join::Documents, b'\n', 0, &pool, &counters);
    let mut offset = 0;
    let mut given = 0;
    for n in 0..5_000 {
        // As many nodes as lines, and as many serials of one node.
        let other = format!("node=n{n} type=SYSCALL msg=audit(1772445600.000:1): a=1");
        let same = format!("node=one type=SYSCALL msg=audit(1772445600.000:{n}): a=1");
        let batches = joiner.join(batch_of(&pool, &[&other, &same], &mut offset), 0);
        given += groups_of(&batches).len();
    }
    let held = 10_000 - given;
    assert!(held <= groups::NODES_MAX + groups::NODE_GROUPS_MAX, "{held}");
    assert_eq!(counters.groups_cut.load(Ordering::Relaxed), given as u64);
    given += groups_of(&joiner.finish()).len();
    assert_eq!((given, joiner.held_bytes), (10_000, 0));
}

#[test]
fn a_file_that_is_gone_leaves_nothing_held() {
    let mut live = Live::new(Join::Java);
    live.take(SECOND_NS, &[(1, "open"), (2, "other")]);
    let mut batch = live.pool.take(0);
    batch.origins.push(Arc::new(file(1)));
    batch.file_ends.push(FileEnd { origin: 0, offset: 5, line: 2, gone: true });
    let batches = live.joiner.join(batch, SECOND_NS + 1);
    assert_eq!(Live::told(&batches).0, [(1, "open".to_owned())]);
    assert!(batches.last().is_some_and(|batch| batch.gone().any(|identity| identity.ino == 1)));
    assert_eq!(live.joiner.ends.len(), 1);
}
