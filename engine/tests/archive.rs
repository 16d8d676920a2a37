//! The archive by the binary: what comes in over a socket is kept over a kill, sealed, searched, verified and proven.

use std::io::Write as _;

use noroshi_tests::process::{self, Engine};
use noroshi_tests::send;
use noroshi_tests::work_dir::WorkDir;
use serde_json::Value;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

const CONFIG: &str = r#"
node = "node-under-test"
state_dir = "state"
timezone = "UTC"
[rules]
paths = []
[metrics]
listen = "127.0.0.1:0"
[archive]
[[input]]
name = "tcp"
type = "tcp"
listen = "127.0.0.1:0"
[[output]]
type = "file"
path = "alerts.ndjson"
"#;

fn line(number: u32) -> String {
    let address = number % 50;
    format!(
        "<86>Mar  2 10:00:07 web1 sshd[{number}]: Failed password for root from 203.0.113.{address} port 4{number:04} ssh2\n"
    )
}

fn feed(engine: &Engine, numbers: std::ops::Range<u32>) {
    let mut connection = send::tcp(engine.address("tcp"));
    numbers.for_each(|number| connection.write_all(line(number).as_bytes()).unwrap());
}

fn wait_durable(engine: &Engine, least: u64) {
    engine.wait_metric("noroshi_archive_durable_total", "", least);
}

fn run(dir: &WorkDir, args: &[&str]) -> (Option<i32>, String) {
    let output = process::run(NOROSHI, dir.path(), args, b"");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn count(dir: &WorkDir, query: &str) -> u64 {
    let query = format!("{query} | stats count");
    let (code, told) = run(dir, &["search", "--config", "noroshi.toml", &query]);
    assert_eq!(code, Some(0));
    serde_json::from_str::<Value>(&told).unwrap()["count"].as_u64().unwrap()
}

#[test]
fn records_survive_a_kill_and_are_searched_verified_and_proven() {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, 0..500);
    wait_durable(&engine, 500);
    // Not sealed yet, and found all the same.
    assert_eq!(count(&dir, "source.ip:203.0.113.7"), 10);
    engine.kill();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, 500..800);
    wait_durable(&engine, 300);
    assert_eq!(engine.terminate().code, Some(0));
    assert_eq!(count(&dir, ""), 800, "each once");
    assert_eq!(count(&dir, "user.name:root AND event.outcome:failure"), 800);
    assert_eq!(count(&dir, "source.ip:203.0.113.0/28 -\"port 40001\""), 15 * 16 + 16 - 1);

    let (code, rows) = run(&dir, &["search", "--config", "noroshi.toml", "\"sshd[777]\"", "--explain"]);
    let row: Value = serde_json::from_str(&rows).unwrap();
    assert_eq!((code, row["event"]["original"].as_str()), (Some(0), Some(line(777).trim_end())));
    let (_, csv) =
        run(&dir, &["search", "-c", "noroshi.toml", "--output", "csv", "| stats count by source.ip | limit 2"]);
    assert_eq!(csv, "source.ip,count\n203.0.113.0,16\n203.0.113.1,16\n");
    let (code, hunted) =
        run(&dir, &["hunt", "-c", "noroshi.toml", "--ioc", "203.0.113[.]49", "192.0.2.1", "--fail-on-hit"]);
    assert_eq!((code, hunted.lines().count()), (Some(1), 16));
    assert!(hunted.lines().all(|row| row.contains("\"retrospective\":true")));

    let (code, told) = run(&dir, &["verify", "-c", "noroshi.toml", "--records"]);
    let verdict: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &verdict["verdict"], &verdict["records"]), (Some(0), &"verified".into(), &800.into()), "{told}");
    let sequence = row["noroshi"]["sequence"].to_string();
    assert_eq!(run(&dir, &["prove", &sequence, "-c", "noroshi.toml", "--out", "proof.txt"]).0, Some(0));
    let key = "state/archive/keys/log.pub";
    let (code, told) = run(&dir, &["verify-proof", "proof.txt", "--key", key]);
    assert!(code == Some(0) && told.contains("sshd[777]"), "{told}");
    let changed = dir.text("proof.txt").replacen("sequence 777", "sequence 778", 1);
    dir.write("changed.txt", changed);
    assert_eq!(run(&dir, &["verify-proof", "changed.txt", "--key", key]).0, Some(1));

    // One bit of a sealed file.
    let catalog = dir.text("state/archive/catalog.ndjson");
    let sealed: Value = serde_json::from_str(catalog.lines().next().unwrap()).unwrap();
    let file = format!("state/archive/{}", sealed["file"].as_str().unwrap());
    let mut bytes = dir.read(&file);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    dir.write(&file, bytes);
    let (code, told) = run(&dir, &["verify", "-c", "noroshi.toml"]);
    let verdict: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &verdict["tampered"][0]["file"]), (Some(1), &sealed["file"]), "{told}");
}

#[test]
fn a_query_that_cannot_be_read_is_told_with_its_place() {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    let output = process::run(NOROSHI, dir.path(), &["search", "-c", "noroshi.toml", "a:(b"], b"");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(told.contains("values in parentheses are joined by OR\n  a:(b\n      ^"), "{told}");
}

/// Cuts, flips and a key of another archive are found in what no seal covers yet; a kill and the next start are no tampering.
#[test]
fn what_is_not_sealed_yet_is_held_to_the_first_key() {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    let (code, key) = run(&dir, &["archive", "init", "-c", "noroshi.toml"]);
    assert_eq!((code, key.lines().count()), (Some(0), 1));
    assert_eq!(run(&dir, &["archive", "init", "-c", "noroshi.toml"]).0, Some(3), "a key that stands is not replaced");
    dir.write("first.key", &key);
    let (_, other) = run(&dir, &["archive", "init", "--archive", "other"]);
    dir.write("other.key", &other);
    let verify = |key: &str| {
        let (code, told) = run(&dir, &["verify", "-c", "noroshi.toml", "--first-key", key]);
        (code, serde_json::from_str::<Value>(&told).unwrap())
    };
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    for part in 0..3 {
        feed(&engine, part * 200..(part + 1) * 200);
        wait_durable(&engine, u64::from(part + 1) * 200);
    }
    let (code, told) = verify("first.key");
    assert_eq!(code, Some(0), "{told}");
    assert!(told["tail_frames"].as_u64().unwrap() >= 3 && told["unsealed_bytes"].as_u64().unwrap() > 10_000, "{told}");
    // The keys on disk count every frame within a second or two.
    let state = dir.path().join("state/archive/keys/tail.state");
    let frames = told["tail_frames"].as_u64().unwrap();
    noroshi_tests::until(
        "the keys are saved",
        || std::fs::read_to_string(&state).ok()?.contains(&format!("\nindex {frames}\n")).then_some(()),
        || engine.log(),
    );
    engine.kill();
    assert_eq!(verify("first.key").0, Some(0));
    assert_eq!(verify("other.key").0, Some(1));
    let wal = std::fs::read_dir(dir.path().join("state/archive/wal")).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&wal).unwrap();
    let changed = |bytes: &[u8]| {
        std::fs::write(&wal, bytes).unwrap();
        let (code, told) = verify("first.key");
        std::fs::write(&wal, &whole).unwrap();
        assert_eq!(code, Some(1), "{told}");
        assert!(told["tampered"][0]["file"].as_str().unwrap().starts_with("wal/0"), "{told}");
    };
    for at in [20, 100, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        changed(&flipped);
    }
    changed(&whole[..whole.len() - 1]);
    std::fs::remove_file(&wal).unwrap();
    assert_eq!(verify("first.key").0, Some(1), "the segment is gone");
    std::fs::write(&wal, &whole).unwrap();
    // What a kill left goes on to be sealed, and the next segment has keys of its own.
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, 600..700);
    wait_durable(&engine, 100);
    assert_eq!(verify("first.key").0, Some(0));
    engine.terminate().assert_clean();
    let (code, told) = verify("first.key");
    assert_eq!((code, &told["unsealed_bytes"]), (Some(0), &Value::from(0)), "{told}");
    assert_eq!(count(&dir, ""), 700);
}
