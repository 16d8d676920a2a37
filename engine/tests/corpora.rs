//! Every line of the evaluation corpora is one object. They are no part of the project: skipped where absent.

use std::path::{Path, PathBuf};
use std::process::Command;

use noroshi_tests::work_dir::WorkDir;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

/// Files looked at, and bytes of each: a test, not an evaluation.
const FILES_MAX: usize = 40;
const BYTES_MAX: u64 = 4 << 20;

fn logs(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            logs(&path, found);
        } else if path
            .extension()
            .is_some_and(|ext| ["log", "json", "jsonl", "ndjson"].iter().any(|known| ext == *known))
        {
            found.push(path);
        }
    }
}

#[test]
fn every_line_of_the_corpora_becomes_one_object() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora/parse");
    let mut files = Vec::new();
    logs(&root, &mut files);
    files.retain(|path| std::fs::metadata(path).is_ok_and(|file| file.len() <= BYTES_MAX));
    if files.is_empty() {
        eprintln!("skipped: no corpora at {}", root.display());
        return;
    }
    let dir = WorkDir::default();
    for path in files.iter().step_by(files.len().div_ceil(FILES_MAX)) {
        let bytes = std::fs::read(path).expect("it is readable");
        let lines = bytes.split_inclusive(|&byte| byte == b'\n').count();
        let output =
            Command::new(NOROSHI).arg("parse").arg(path).current_dir(dir.path()).output().expect("the binary runs");
        assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
        let mut objects = 0;
        for line in output.stdout.split_inclusive(|&byte| byte == b'\n') {
            let event: serde_json::Value =
                serde_json::from_slice(line).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(event["event"]["original"].is_string(), "{}", path.display());
            objects += 1;
        }
        assert_eq!(objects, lines, "{}", path.display());
    }
}
