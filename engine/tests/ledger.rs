//! `noroshi ledger` and `noroshi stats` by the binary: while the engine runs, after it stopped, over a restart.

use std::io::Write as _;

use noroshi_tests::process::{self, Engine};
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{send, until};
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

fn run(dir: &WorkDir, args: &[&str]) -> String {
    let output = process::run(NOROSHI, dir.path(), args, b"");
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", process::told(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn rows(dir: &WorkDir) -> Vec<Value> {
    let told = run(dir, &["ledger", "-c", "noroshi.toml", "--since", "1d", "--output", "ndjson"]);
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sum(rows: &[Value], name: &str) -> u64 {
    rows.iter().map(|row| row[name].as_u64().unwrap()).sum()
}

fn stats(dir: &WorkDir) -> Value {
    serde_json::from_str(&run(dir, &["stats", "-c", "noroshi.toml", "--output", "ndjson"])).unwrap()
}

fn feed(engine: &Engine, records: u64, garbage: u64) {
    let mut connection = send::tcp(engine.address("tcp"));
    for number in 0..records {
        let line = format!(
            "<86>Mar  2 10:00:07 web1 sshd[{number}]: Failed password for root from 203.0.113.7 port 22 ssh2\n"
        );
        connection.write_all(line.as_bytes()).unwrap();
    }
    for number in 0..garbage {
        connection.write_all(format!("?? {number}\n").as_bytes()).unwrap();
    }
    engine.wait_received("tcp", records + garbage);
}

#[test]
fn every_record_is_accounted_for_by_minute_over_a_restart() {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    assert_eq!(stats(&dir)["state"], "never ran");
    assert_eq!(rows(&dir), Vec::<Value>::new());
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, 200, 5);
    // While it runs: what it told last.
    let told = || (sum(&rows(&dir), "received") == 205).then(|| stats(&dir));
    let running = until("205 records in the ledger", told, || format!("{:#?}", rows(&dir)));
    assert_eq!((&running["state"], &running["node"]), (&"running".into(), &"node-under-test".into()));
    assert_eq!((&running["inputs"][0]["name"], &running["inputs"][0]["received"]), (&"tcp".into(), &205.into()));
    assert_eq!(engine.terminate().code, Some(0));
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, 50, 0);
    assert_eq!(engine.terminate().code, Some(0));

    let rows = rows(&dir);
    assert!(rows.iter().all(|row| row["input"] == "tcp" && row["dropped"] == serde_json::json!({})), "{rows:?}");
    assert_eq!(sum(&rows, "received"), 255);
    assert_eq!((sum(&rows, "parsed"), sum(&rows, "unparsed_kept")), (250, 5));
    let stopped = stats(&dir);
    assert_eq!((&stopped["state"], &stopped["inputs"][0]["received"]), (&"stopped".into(), &50.into()));
    assert_eq!(stopped["archive_on_disk"]["rows"], 255);
    assert_eq!(stopped["archive_on_disk"]["unsealed_bytes"], 0);
    assert!(
        stopped["spool_bytes_on_disk"].as_u64().unwrap() > 0
            && stopped["archive_on_disk"]["tree_bytes"].as_u64().unwrap() > 0
    );
    let table = run(&dir, &["stats", "-c", "noroshi.toml", "--output", "table"]);
    assert!(table.contains("engine    stopped") && table.contains("archive   2 segments, 255 events"), "{table}");
    let table = run(&dir, &["ledger", "-c", "noroshi.toml", "--output", "table"]);
    assert!(table.contains("MINUTE") && table.lines().last().is_some_and(|line| line.starts_with("total")), "{table}");
    let csv = run(&dir, &["ledger", "-c", "noroshi.toml", "--output", "csv", "--input", "tcp"]);
    assert!(csv.starts_with("minute,input,received,parsed,unparsed_kept,defects,dropped_queue_full,"), "{csv}");
    let none = run(&dir, &["ledger", "-c", "noroshi.toml", "--output", "csv", "--input", "other"]);
    assert_eq!(none.lines().count(), 1);
}

const RULE: &str = r#"
title: Root logs in from outside
id: 5b0a8a8e-6f3e-4d3b-9a55-0a4a5d6f7a02
status: experimental
level: high
logsource:
  product: linux
  service: sshd
detection:
  accepted:
    - "Accepted password for root"
  condition: accepted
"#;

#[test]
fn an_alert_of_a_minute_with_losses_says_so() {
    let dir = WorkDir::default();
    let udp = "[[input]]\nname = \"udp\"\ntype = \"udp\"\nlisten = \"127.0.0.1:0\"\nreceive_buffer_bytes = 4096\n";
    dir.write("noroshi.toml", CONFIG.replace("paths = []", "paths = [\"rules\"]") + udp);
    dir.write("rules/root.yml", RULE);
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let mut connection = send::tcp(engine.address("tcp"));
    let mut number = 0;
    let mut hit = || {
        number += 1;
        let line = format!(
            "<86>Mar  2 10:00:07 web1 sshd[{number}]: Accepted password for root from 203.0.113.7 port 22 ssh2\n"
        );
        connection.write_all(line.as_bytes()).unwrap();
        let told = || {
            let text = std::fs::read_to_string(dir.path().join("alerts.ndjson")).unwrap_or_default();
            noroshi_tests::alerts::parse(&text)
                .get(number - 1)
                .map(|alert| alert["noroshi"]["provenance"]["lossy"] == true)
        };
        until("the alert", told, || engine.log())
    };
    assert!(!hit(), "nothing was lost");
    // A stopped process reads nothing; what the kernel cannot hold it drops, and tells.
    let flood = vec![vec![b'x'; 1000]; 2000];
    let lossy = || {
        engine.signal("STOP");
        send::udp(engine.address("udp"), &flood);
        engine.signal("CONT");
        // The next datagram tells what was dropped before it.
        let noticed = || {
            send::udp(engine.address("udp"), &[b"y"]);
            (engine.metric("noroshi_records_dropped_total", "reason=\"kernel_udp\"") > 0.0).then_some(())
        };
        until("the losses", noticed, || engine.log());
        // Its minute is marked within a second; an alert of the next minute is not lossy by it, and it is tried again.
        hit().then_some(())
    };
    until("an alert that is marked", lossy, || engine.log());
    engine.terminate();
    let rows = rows(&dir);
    let lost: u64 = rows.iter().filter_map(|row| row["dropped"]["kernel_udp"].as_u64()).sum();
    assert!(lost > 0 && rows.iter().any(|row| row["input"] == "udp"), "{rows:?}");
}
