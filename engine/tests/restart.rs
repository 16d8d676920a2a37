//! Stops and crashes: nothing is lost, nothing is told twice, checkpoints advance, rotation goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use noroshi_tests::process::Engine;
use noroshi_tests::scenario as s;
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{alerts, send, until};
use serde_json::Value;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

const CONFIG: &str = r#"
state_dir = "state"
timezone = "UTC"
[rules]
paths = ["rules"]
[metrics]
listen = "127.0.0.1:0"
[[input]]
name = "log"
type = "file"
paths = ["app.log"]
poll_interval_ms = 20
[[input]]
name = "net"
type = "tcp"
listen = "127.0.0.1:0"
[[output]]
type = "file"
path = "alerts.ndjson"
"#;

fn prepared() -> WorkDir {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    dir.write("rules/e2e.yml", s::RULES);
    dir
}

/// Sixty lines of one minute: a brute force of an address of that minute's own that goes on over the end of the
/// minute, a request that alerts, and background.
fn minute(number: u32) -> String {
    let mut text = String::new();
    for second in 0..60 {
        let at = number * 60 + second;
        let line = match second {
            20 => s::nginx_get(at, "192.0.2.1", &format!("/{number}/../etc/passwd")),
            21..50 if second % 3 == 0 => s::ssh_failed(at, "bastion", "root", &format!("203.0.113.{}", number % 250)),
            50..60 => s::ssh_failed(at, "bastion", "root", &format!("198.51.100.{}", number % 250)),
            0..10 if number > 0 => s::ssh_failed(at, "bastion", "root", &format!("198.51.100.{}", (number - 1) % 250)),
            _ => s::ssh_listening(at, "bastion"),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Final alerts by (rule, what it is about, first and last time), with the ids seen for each.
fn finals(told: &[Value]) -> BTreeMap<String, BTreeSet<String>> {
    let mut by_content: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for alert in alerts::finals(told) {
        let content = format!(
            "{} {} {} {} {}",
            alert["rule"]["name"],
            alert["source"]["ip"],
            alert["first_seen"],
            alert["last_seen"],
            alert["noroshi"]["count"]
        );
        by_content.entry(content).or_default().insert(alert["noroshi"]["id"].to_string());
    }
    by_content
}

fn told(dir: &WorkDir) -> Vec<Value> {
    alerts::parse(&dir.text("alerts.ndjson"))
}

/// Waits until the final alert of the brute force that began in minute `number` is told.
fn wait_minute(dir: &WorkDir, engine: &Engine, number: u32) {
    let ip = format!("198.51.100.{number}");
    let there = || told(dir).iter().any(|a| a["noroshi"]["state"] == "final" && a["source"]["ip"] == ip.as_str());
    until(&format!("the alert of minute {number}"), || there().then_some(()), || engine.log());
}

const MINUTES: u32 = 60;

/// What an uninterrupted run tells of all minutes, and ends with minute 56 final: later ones are within the lateness.
fn uninterrupted() -> BTreeMap<String, BTreeSet<String>> {
    let dir = prepared();
    dir.write("app.log", (0..MINUTES).map(minute).collect::<String>());
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    wait_minute(&dir, &engine, MINUTES - 4);
    engine.terminate().assert_clean();
    finals(&told(&dir))
}

/// The same contents; the ids of file alerts hold the directory, so they are compared by number.
#[track_caller]
fn assert_same(found: &[Value], expected: &BTreeMap<String, BTreeSet<String>>, what: &str) {
    let by_content = finals(found);
    let names = |of: &BTreeMap<String, BTreeSet<String>>| of.keys().cloned().collect::<BTreeSet<_>>();
    let (found_names, expected_names) = (names(&by_content), names(expected));
    let missing: Vec<_> = expected_names.difference(&found_names).collect();
    let beyond: Vec<_> = found_names.difference(&expected_names).collect();
    assert!(missing.is_empty() && beyond.is_empty(), "{what}: missing {missing:#?}, beyond {beyond:#?}");
    for ((id, state), count) in alerts::by_id_and_state(found) {
        assert!(state == "open" || count == 1, "{what}: {id} was told {count} times as {state}");
    }
}

#[test]
fn kills_in_the_middle_of_a_file_lose_no_alert_and_repeat_none() {
    let expected = uninterrupted();
    assert!(expected.len() > 2 * 56, "{}", expected.len());
    let dir = prepared();
    let mut engine = Engine::start(NOROSHI, dir.path(), &[]);
    for number in 0..MINUTES {
        // In two writes whose border is inside a line.
        let text = minute(number);
        let (head, tail) = text.split_at(text.len() / 2);
        dir.append("app.log", head);
        if number % 12 == 7 {
            // Some kills right at the write, some when alerts of late are out.
            if number % 24 == 7 && number > 5 {
                wait_minute(&dir, &engine, number - 5);
            }
            engine.kill();
            engine = Engine::start(NOROSHI, dir.path(), &[]);
        }
        dir.append("app.log", tail);
    }
    wait_minute(&dir, &engine, MINUTES - 4);
    engine.terminate().assert_clean();
    assert_same(&told(&dir), &expected, "after five kills");
}

#[test]
fn a_kill_soon_after_the_start_keeps_the_open_windows() {
    let dir = prepared();
    // Four of five failures: one short.
    dir.write("app.log", (0..4).map(|n| s::ssh_failed(n, "bastion", "root", "203.0.113.7") + "\n").collect::<String>());
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    engine.wait_received("log", 4);
    // A commit happens each second: the first ones must know of the windows already.
    until("the first checkpoint", || dir.join("state/checkpoints.json").exists().then_some(()), || engine.log());
    engine.kill();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    dir.append("app.log", s::ssh_failed(4, "bastion", "root", "203.0.113.7") + "\n");
    let brute = || told(&dir).into_iter().find(|alert| alert["rule"]["id"] == s::BRUTE_FORCE);
    let alert = until("the fifth failure completes the window", brute, || engine.log());
    assert_eq!((alert["first_seen"].as_str(), alert["noroshi"]["count"].as_u64()), (Some(&*s::stamp(0)), Some(5)));
    engine.terminate().assert_clean();
}

fn checkpoint(dir: &WorkDir, file: &str) -> Option<u64> {
    let saved: Value = serde_json::from_slice(&dir.read("state/checkpoints.json")).ok()?;
    let path = dir.join(file);
    saved["files"].as_array()?.iter().find(|one| one["path"] == path.to_str().unwrap_or_default())?["offset"].as_u64()
}

#[test]
fn checkpoints_advance_and_trail_by_window_and_lateness_only() {
    let dir = prepared();
    dir.write("app.log", (0..30).map(minute).collect::<String>());
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    engine.wait_received("log", 30 * 60);
    // Rules of products that never spoke here hold nothing back; each batch is a place to commit.
    let first = until("a checkpoint", || checkpoint(&dir, "app.log"), || engine.log());
    for number in 30..40 {
        dir.append("app.log", minute(number));
        engine.wait_received("log", u64::from(number + 1) * 60);
    }
    let advanced = || checkpoint(&dir, "app.log").filter(|&offset| offset > first);
    let offset = until("the checkpoint advances", advanced, || dir.text("state/checkpoints.json") + &engine.log());
    let length = dir.read("app.log").len() as u64;
    assert!(offset < length, "it trails: {offset} of {length}");
    engine.terminate().assert_clean();
}

#[test]
fn a_file_without_news_keeps_its_checkpoint_over_restarts() {
    let dir = prepared();
    dir.write(
        "noroshi.toml",
        CONFIG.replace("[\"app.log\"]", "[\"app.log\", \"quiet.log\"]").replace("paths = [\"rules\"]", "paths = []"),
    );
    dir.write("app.log", minute(0));
    dir.write("quiet.log", minute(1));
    for round in 1..4 {
        let engine = Engine::start(NOROSHI, dir.path(), &[]);
        dir.append("app.log", minute(round + 1));
        engine.wait_received("log", if round == 1 { 180 } else { 60 });
        let rows = engine.terminate().assert_clean();
        // What a run reads again beyond its news would show here.
        assert_eq!(rows["log"].received, if round == 1 { 180 } else { 60 }, "round {round}");
        assert_eq!(checkpoint(&dir, "quiet.log"), Some(minute(1).len() as u64), "round {round}");
    }
}

#[test]
fn a_stop_while_being_fed_counts_and_finishes_what_was_read() {
    let dir = prepared();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let address = engine.address("net");
    let feeder = std::thread::spawn(move || {
        let mut connection = send::tcp(address);
        let mut sent = 0u32;
        // Until the engine closes the connection.
        while connection
            .write_all(format!("{}\n", s::nginx_get(sent % 3600, "192.0.2.1", "/../etc/passwd")).as_bytes())
            .is_ok()
        {
            sent += 1;
        }
        sent
    });
    engine.wait_metric("noroshi_records_received_total", "net", 500);
    let ended = engine.terminate();
    let rows = ended.assert_clean();
    let sent = feeder.join().expect("the feeder does not panic");
    let row = rows["net"];
    assert!(row.received >= 500 && row.received <= u64::from(sent) + 1, "{row:?} of {sent}");
    assert_eq!(row.hits, row.parsed);
    // Lines that are equal in every byte are one alert.
    let lines: BTreeSet<String> = told(&dir).iter().map(|alert| alert["evidence"][0]["raw"].to_string()).collect();
    assert_eq!(lines.len() as u64, row.hits.min(3600));
    assert_eq!(told(&dir).len(), lines.len());
}

#[test]
fn rotation_by_rename_and_by_copytruncate_loses_no_line() {
    let dir = prepared();
    dir.write("app.log", minute(0));
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    engine.wait_received("log", 60);
    // By rename: the writer goes on with the old one for a moment, then opens the new one.
    std::fs::rename(dir.join("app.log"), dir.join("app.log.1")).expect("it is there");
    dir.append("app.log.1", minute(1));
    dir.write("app.log", minute(2));
    engine.wait_received("log", 180);
    // By copytruncate, once everything was read.
    std::fs::copy(dir.join("app.log"), dir.join("app.log.2")).expect("it is there");
    std::fs::File::options()
        .write(true)
        .open(dir.join("app.log"))
        .and_then(|file| file.set_len(0))
        .expect("it can be cut");
    engine.wait_metric("noroshi_input_files_truncated_total", "log", 1);
    dir.append("app.log", minute(3));
    engine.wait_received("log", 240);
    dir.append("app.log", (4..8).map(minute).collect::<String>());
    engine.wait_received("log", 480);
    wait_minute(&dir, &engine, 4);
    let rows = engine.terminate().assert_clean();
    assert_eq!((rows["log"].received, rows["log"].parsed), (480, 480));
    let told = told(&dir);
    let mut minutes: Vec<String> = told
        .iter()
        .filter(|alert| alert["rule"]["id"] == s::PASSWORD_FILE)
        .map(|alert| alert["url"]["path"].as_str().unwrap_or_default().to_owned())
        .collect();
    minutes.sort();
    assert_eq!(minutes, (0..8).map(|n| format!("/{n}/../etc/passwd")).collect::<Vec<_>>());
}

#[test]
fn a_rotation_while_the_engine_is_down_is_read_on() {
    let dir = prepared();
    dir.write("app.log", (0..6).map(minute).collect::<String>());
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    engine.wait_received("log", 360);
    engine.terminate().assert_clean();
    dir.append("app.log", minute(6));
    std::fs::rename(dir.join("app.log"), dir.join("app.log.1")).expect("it is there");
    dir.write("app.log", (7..12).map(minute).collect::<String>());
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    wait_minute(&dir, &engine, 8);
    engine.terminate().assert_clean();
    let whole = prepared();
    whole.write("app.log", (0..12).map(minute).collect::<String>());
    let engine = Engine::start(NOROSHI, whole.path(), &[]);
    wait_minute(&whole, &engine, 8);
    engine.terminate().assert_clean();
    assert_same(&told(&dir), &finals(&told(&whole)), "after a rotation");
}

#[test]
fn a_truncation_before_the_checkpoint_caught_up_loses_no_line_after_a_crash() {
    let dir = prepared();
    dir.write("app.log", (0..10).map(minute).collect::<String>());
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    engine.wait_received("log", 600);
    for number in 10..14 {
        dir.append("app.log", minute(number));
        engine.wait_received("log", u64::from(number + 1) * 60);
    }
    until("a checkpoint inside", || checkpoint(&dir, "app.log").filter(|&offset| offset > 0), || engine.log());
    std::fs::File::options()
        .write(true)
        .open(dir.join("app.log"))
        .and_then(|file| file.set_len(0))
        .expect("it can be cut");
    engine.wait_metric("noroshi_input_files_truncated_total", "log", 1);
    // Longer than the checkpoint's offset, of other content.
    dir.append("app.log", (14..40).map(minute).collect::<String>());
    engine.wait_received("log", 40 * 60);
    let saves = || std::fs::metadata(dir.join("state/checkpoints.json")).and_then(|file| file.modified()).ok();
    let before = saves();
    dir.append("app.log", minute(40));
    engine.wait_received("log", 41 * 60);
    until("another checkpoint", || (saves() != before).then_some(()), || engine.log());
    engine.kill();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    dir.append("app.log", (41..45).map(minute).collect::<String>());
    wait_minute(&dir, &engine, 41);
    engine.terminate().assert_clean();
    let told = told(&dir);
    for number in 0..45 {
        let path = format!("/{number}/../etc/passwd");
        let count = told.iter().filter(|alert| alert["url"]["path"] == path.as_str()).count();
        assert_eq!(count, 1, "minute {number}");
    }
}
