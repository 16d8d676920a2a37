//! Retention and legal holds by the binary: what is too much goes, what is held stays, and all of it is in the tree.

use std::io::Write as _;
use std::net::TcpStream;

use noroshi_tests::process::{self, Engine};
use noroshi_tests::rng::Rng;
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
segment_bytes = 1048576
[archive.retention]
total_bytes_max = 2097152
[[input]]
name = "tcp"
type = "tcp"
listen = "127.0.0.1:0"
[[output]]
type = "file"
path = "alerts.ndjson"
"#;

/// A record that compresses badly, of some user.
fn line(rng: &mut Rng, user: &str) -> String {
    let noise: String = (0..40).map(|_| format!("{:016x}", rng.next_u64())).collect();
    format!("<86>Mar  2 10:00:07 web1 sshd[7]: Failed password for {user} from 203.0.113.5 port 40022 ssh2 {noise}\n")
}

/// So many segments' worth of records behind those there are, each on disk before the next: what comes at once is one segment.
fn feed(engine: &Engine, connection: &mut TcpStream, rng: &mut Rng, there: u64, segments: u64) {
    for done in 1..=segments {
        for _ in 0..2000 {
            connection.write_all(line(rng, "root").as_bytes()).unwrap();
        }
        engine.wait_metric("noroshi_archive_durable_total", "", there + done * 2000);
    }
}

fn run(dir: &WorkDir, args: &[&str]) -> (Option<i32>, String) {
    let output = process::run(NOROSHI, dir.path(), args, b"");
    let told = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(told).unwrap())
}

fn count(dir: &WorkDir, query: &str) -> u64 {
    let query = format!("{query} | stats count");
    let output = process::run(NOROSHI, dir.path(), &["search", "-c", "noroshi.toml", &query], b"");
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["count"].as_u64().unwrap()
}

#[test]
fn what_is_too_much_goes_and_what_is_held_stays() {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let mut rng = Rng::new(7);
    // The first of them is held before anything of it is sealed.
    let mut connection = send::tcp(engine.address("tcp"));
    connection.write_all(line(&mut rng, "sato").as_bytes()).unwrap();
    engine.wait_metric("noroshi_archive_durable_total", "", 1);
    let (code, told) = run(&dir, &["hold", "add", "user.name:sato", "--reason", "case 17", "-c", "noroshi.toml"]);
    assert!(code == Some(0) && told.starts_with("hold 1: 0 of "), "{told}");
    feed(&engine, &mut connection, &mut rng, 1, 8);
    engine.wait_metric("noroshi_archive_segments_purged_total", "", 2);
    assert_eq!(count(&dir, "user.name:sato"), 1);
    assert_eq!(engine.terminate().code, Some(0));
    let (code, told) = run(&dir, &["verify", "-c", "noroshi.toml", "--records", "--output", "table"]);
    assert_eq!(code, Some(0), "{told}");
    let kept = count(&dir, "");
    assert!(kept > 0 && kept < 16_001, "{kept}");

    let (code, told) = run(&dir, &["hold", "list", "-c", "noroshi.toml", "--output", "table"]);
    assert!(code == Some(0) && told.contains("user.name:sato") && told.contains("case 17"), "{told}");
    let (code, told) = run(&dir, &["hold", "release", "1", "--reason", "closed", "-c", "noroshi.toml"]);
    assert_eq!((code, told.lines().count()), (Some(0), 1), "{told}");
    let (_, told) = run(&dir, &["hold", "list", "-c", "noroshi.toml"]);
    assert_eq!(told, "");
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let mut connection = send::tcp(engine.address("tcp"));
    feed(&engine, &mut connection, &mut rng, 0, 4);
    engine.wait_metric("noroshi_archive_segments_purged_total", "", 2);
    assert_eq!(count(&dir, "user.name:sato"), 0);
    assert_eq!(engine.terminate().code, Some(0));
    let (_, told) = run(&dir, &["hold", "list", "--all", "-c", "noroshi.toml", "--output", "json"]);
    let hold: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert_eq!((&hold["released"]["reason"], &hold["query"]), (&"closed".into(), &"user.name:sato".into()), "{told}");
}

#[test]
fn a_hold_that_cannot_be_is_refused_with_the_way_out() {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    let add = |query: &str, reason: &str| run(&dir, &["hold", "add", query, "--reason", reason, "-c", "noroshi.toml"]);
    let (code, told) = add("a:b", "case");
    assert!(code == Some(3) && told.contains("there is no archive in") && told.contains("--archive"), "{told}");
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    assert_eq!(engine.terminate().code, Some(0));
    let (code, told) = add("a:(b", "case");
    assert!(code == Some(3) && told.contains("values in parentheses are joined by OR\n  a:(b\n"), "{told}");
    let (code, told) = add("a:b | stats count", "case");
    assert!(code == Some(3) && told.contains("nothing behind `|`"), "{told}");
    let (code, told) = add("a:b", " ");
    assert!(code == Some(3) && told.contains("give the reason"), "{told}");
    let (code, told) = run(&dir, &["hold", "release", "4", "--reason", "x", "-c", "noroshi.toml"]);
    assert!(code == Some(3) && told.contains("there is no hold 4; `noroshi hold list` shows all"), "{told}");
}
