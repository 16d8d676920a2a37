//! A record that hits nothing costs no allocation, whatever its format.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use noroshi::detection::{Detection, LoadOptions};
use noroshi::pipeline::InputSettings;
use noroshi::sources::Declared;
use noroshi::worker::Examiner;
use noroshi_parsers::decode::SourceOptions;
use noroshi_tests::scenario as s;
use noroshi_tests::work_dir::WorkDir;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[allow(
    unsafe_code,
    reason = "an allocator can be counted in no other way; each call goes on to the system's as it came"
)]
// SAFETY: every method hands its arguments unchanged to `System`, which keeps the contract of `GlobalAlloc`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Lines of every format: those the decoders are held to, by name.
fn lines() -> Vec<(String, Vec<u8>)> {
    let mut lines = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../parsers/testdata");
    let mut files: Vec<_> = std::fs::read_dir(root)
        .expect("the decoders have test data")
        .flatten()
        .flat_map(|format| std::fs::read_dir(format.path()).into_iter().flatten().flatten())
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "in"))
        .collect();
    files.sort();
    for path in files {
        for line in
            std::fs::read(&path).expect("it is readable").split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
        {
            lines.push((path.display().to_string(), line.to_vec()));
        }
    }
    lines.extend(s::busy_hour(1, 500).into_iter().map(|line| ("scenario".to_owned(), line.into_bytes())));
    lines.push(("bytes".to_owned(), b"\xff\xfe\0\x01 nothing \xc3".to_vec()));
    lines.push(("empty".to_owned(), Vec::new()));
    lines
}

#[test]
fn records_that_hit_nothing_allocate_nothing() {
    let dir = WorkDir::default();
    let indicators = dir.write("iocs.txt", s::INDICATORS);
    // The shipped pack without the two files whose rules every login and every connection hits.
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/packs/first");
    let common = ["port_scan.yml", "ssh_brute_force.yml"];
    let rules: Vec<_> = std::fs::read_dir(pack)
        .expect("the pack is shipped")
        .flatten()
        .map(|file| file.path())
        .filter(|path| !common.iter().any(|name| path.ends_with(name)))
        .collect();
    let loaded = Detection::load(&rules, &[indicators], &LoadOptions::default());
    assert!(loaded.diagnostics.is_empty() && loaded.detection.rules.len() > 8, "{:?}", loaded.diagnostics);
    let mut examiner = Examiner::new(Arc::new(loaded.detection));
    let settings = InputSettings {
        name: "test".into(),
        options: Arc::new(SourceOptions::default()),
        split: true,
        declared: Declared { lateness_ns: 0, allowed_skew_ns: 0, idle_timeout_ns: 0 },
        clocks: None,
    };
    let lines = lines();
    assert!(lines.len() > 600, "{}", lines.len());
    // 2026-03-02T12:00:00Z.
    let receive_time_ns = 1_772_452_800_000_000_000;
    // Scratch grows to what these records need; what comes after must not.
    for _ in 0..3 {
        for (_, line) in &lines {
            examiner.examine(line, receive_time_ns, &settings);
        }
    }
    let (mut quiet, mut offenders) = (0, Vec::new());
    for (name, line) in &lines {
        let before = ALLOCATIONS.with(Cell::get);
        examiner.examine(line, receive_time_ns, &settings);
        let allocated = ALLOCATIONS.with(Cell::get) - before;
        if examiner.hits.is_empty() && examiner.indicator_hits.is_empty() {
            quiet += 1;
            if allocated > 0 {
                offenders.push(format!("{allocated} by {name}: {}", String::from_utf8_lossy(line)));
            }
        }
    }
    assert!(quiet > 500, "only {quiet} records hit nothing");
    assert!(offenders.is_empty(), "{} of {quiet} allocate:\n{}", offenders.len(), offenders.join("\n"));
}
