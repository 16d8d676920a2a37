//! Killed anywhere while a sender numbers its batches: what was acknowledged is in the archive, whole and once.
//!
//! A dozen kills here; `make kills` does two hundred, from the seed in `NOROSHI_KILLS_SEED`.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use noroshi_tests::process::{Engine, run, told};
use noroshi_tests::rng::Rng;
use noroshi_tests::until;
use noroshi_tests::work_dir::WorkDir;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

/// Segments of a few batches, so that kills come while they are sealed too.
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
[[input]]
name = "http"
type = "http"
listen = "127.0.0.1:0"
[[output]]
type = "file"
path = "alerts.ndjson"
"#;

const BATCH: u64 = 200;

fn record(number: u64) -> String {
    let (minute, second) = (number / 60 % 60, number % 60);
    format!(
        "<86>1 2026-03-02T10:{minute:02}:{second:02}Z teller-7 cash {number} - - withdrawal {number} of a known account"
    )
}

/// Sends one numbered batch; `true` = it was acknowledged.
fn send(address: SocketAddr, number: u64) -> std::io::Result<bool> {
    let body: String = (number * BATCH..(number + 1) * BATCH).map(|number| record(number) + "\n").collect();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let head = format!("Host: noroshi\r\nConnection: close\r\nX-Noroshi-Batch: teller-7/{number}\r\n");
    write!(stream, "POST /services/collector/raw HTTP/1.1\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200 "))
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}

#[test]
fn what_was_acknowledged_is_kept_whole_and_once_over_kills() {
    let (kills, seed) = (number("NOROSHI_KILLS", 12), number("NOROSHI_KILLS_SEED", 1));
    let mut rng = Rng::new(seed);
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    let mut engine = Engine::start(NOROSHI, dir.path(), &[]);
    let address = Arc::new(Mutex::new(engine.address("http")));
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let sender = std::thread::spawn({
        let (address, stop, acknowledged) = (Arc::clone(&address), Arc::clone(&stop), Arc::clone(&acknowledged));
        move || {
            let mut again = 0;
            while !stop.load(Ordering::Acquire) {
                let at = *address.lock().expect("nobody panics with it");
                // Until it is acknowledged the same batch under the same number, as a forwarder with a queue on disk does.
                match send(at, acknowledged.load(Ordering::Acquire)) {
                    Ok(true) => _ = acknowledged.fetch_add(1, Ordering::AcqRel),
                    Ok(false) | Err(_) => {
                        again += 1;
                        std::thread::yield_now();
                    }
                }
            }
            again
        }
    });
    for _ in 0..kills {
        let before = acknowledged.load(Ordering::Acquire);
        let more = || (acknowledged.load(Ordering::Acquire) > before + 2).then_some(());
        until("the sender gets on", more, || engine.log());
        std::thread::sleep(Duration::from_micros(rng.below(60_000) as u64));
        engine.kill();
        engine = Engine::start(NOROSHI, dir.path(), &[]);
        *address.lock().expect("nobody panics with it") = engine.address("http");
    }
    let before = acknowledged.load(Ordering::Acquire);
    let more = || (acknowledged.load(Ordering::Acquire) > before + 2).then_some(());
    until("the sender gets on after the last kill", more, || engine.log());
    stop.store(true, Ordering::Release);
    let again: u64 = sender.join().expect("the sender does not panic");
    engine.terminate().assert_clean();

    let sent = acknowledged.load(Ordering::Acquire) * BATCH;
    let query = format!("| fields event.original | limit {}", 2 * sent);
    let found = run(NOROSHI, dir.path(), &["search", "-c", "noroshi.toml", "--output", "ndjson", &query], b"");
    let mut kept: BTreeMap<String, u64> = BTreeMap::new();
    for line in String::from_utf8_lossy(&found.stdout).lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let original = row["event"]["original"].as_str().or_else(|| row["event.original"].as_str());
        *kept.entry(original.expect("the record").to_owned()).or_default() += 1;
    }
    for number in 0..sent {
        assert_eq!(kept.remove(&record(number)), Some(1), "record {number}, seed {seed}\n{}", told(&found));
    }
    // A batch that was kept and whose answer never came may stand behind them: whole, and once.
    assert!(kept.values().all(|&times| times == 1) && (kept.is_empty() || kept.len() as u64 == BATCH), "{kept:?}");
    let verified = run(NOROSHI, dir.path(), &["verify", "-c", "noroshi.toml", "--records"], b"");
    assert_eq!(verified.status.code(), Some(0), "{}", told(&verified));
    println!("seed {seed}: {kills} kills, {sent} records acknowledged, {again} attempts failed");
}
