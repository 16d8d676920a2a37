//! Outputs that fail, ports that are taken, files that cannot be read: told with the way out, and nothing is lost.

use std::io::Write as _;
use std::net::TcpListener;

use noroshi_tests::process::{Engine, run, told};
use noroshi_tests::scenario as s;
use noroshi_tests::webhook::{Webhook, free_address};
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{alerts, send, until};
use serde_json::Value;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

/// A TCP input and these outputs.
fn prepared(outputs: &str) -> WorkDir {
    let dir = WorkDir::default();
    dir.write(
        "noroshi.toml",
        format!(
            "state_dir = \"state\"\ntimezone = \"UTC\"\n[rules]\npaths = [\"rules\"]\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
             [engine]\nstop_timeout_s = 2\n[[input]]\nname = \"net\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n{outputs}"
        ),
    );
    dir.write("rules/e2e.yml", s::RULES);
    dir
}

/// Sends so many lines that each are an alert, and waits until they are worked off.
fn alert(engine: &Engine, count: u32) {
    let mut connection = send::tcp(engine.address("net"));
    for second in 0..count {
        let path = format!("/{second}/../etc/passwd");
        let line = s::nginx_get(second % 3600, "192.0.2.1", &path);
        connection.write_all(format!("{line}\n").as_bytes()).expect("the engine reads");
    }
    engine.wait_received("net", u64::from(count));
}

fn ids(told: &[Value]) -> Vec<String> {
    let mut ids: Vec<_> = told.iter().map(|alert| alert["noroshi"]["id"].to_string()).collect();
    ids.sort();
    ids
}

const FILE: &str = "[[output]]\ntype = \"file\"\npath = \"alerts.ndjson\"\n";

#[test]
fn a_webhook_that_answers_with_errors_gets_every_alert_once_in_the_end() {
    let hook = Webhook::start(&[500, 503, 429]);
    let url = hook.url();
    let dir = prepared(&format!("{FILE}[[output]]\ntype = \"webhook\"\nurl = \"{url}\"\nbatch_alerts_max = 7\n"));
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    alert(&engine, 30);
    until("all alerts are accepted", || (hook.accepted().len() >= 30).then_some(()), || engine.log());
    assert!(hook.requests() > 3);
    engine.terminate().assert_clean();
    let file = ids(&alerts::parse(&dir.text("alerts.ndjson")));
    assert_eq!(file.len(), 30);
    assert_eq!(ids(&hook.accepted()), file);
}

#[test]
fn a_webhook_that_is_not_there_is_told_and_gets_the_alerts_when_it_comes() {
    let address = free_address();
    let dir = prepared(&format!("{FILE}[[output]]\ntype = \"webhook\"\nurl = \"http://{address}/hook\"\n"));
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    alert(&engine, 5);
    let line = until(
        "health tells of it",
        || Some(engine.get("/healthz")).filter(|(status, _)| *status == 503),
        || engine.log(),
    )
    .1;
    assert!(line.contains("output webhook") && line.contains("connection refused"), "{line}");
    assert!(!line.contains("/hook"), "the path may be the secret: {line}");
    assert_eq!(alerts::parse(&dir.text("alerts.ndjson")).len(), 5, "the file does not wait for the webhook");
    let hook = Webhook::on(address, &[]);
    until("all alerts are accepted", || (hook.accepted().len() >= 5).then_some(()), || engine.log());
    until("health is back", || (engine.get("/healthz").0 == 200).then_some(()), || engine.log());
    engine.terminate().assert_clean();
}

#[test]
fn a_full_disk_is_told_with_the_way_out_and_the_other_output_goes_on() {
    if !std::path::Path::new("/dev/full").exists() {
        eprintln!("skipped: this system has no /dev/full");
        return;
    }
    let dir = prepared(&format!("{FILE}[[output]]\nname = \"full\"\ntype = \"file\"\npath = \"/dev/full\"\n"));
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    alert(&engine, 5);
    let there = || alerts::parse(&dir.text("alerts.ndjson")).len() == 5;
    until("the other output has all alerts", || there().then_some(()), || engine.log());
    let health = until(
        "health tells of it",
        || Some(engine.get("/healthz")).filter(|(status, _)| *status == 503),
        || engine.log(),
    )
    .1;
    assert!(health.contains("/dev/full") && health.contains("No space left on device"), "{health}");
    // Health tells of it a moment before the log does.
    engine.wait_log("the disk is full: free space in");
    let ended = engine.terminate();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("alerts could not be delivered") && ended.stderr.contains("dropped=5"),
        "{}",
        ended.stderr
    );
    ended.summary();
}

#[test]
fn alerts_go_to_standard_output_one_object_a_line() {
    let dir = prepared("[[output]]\ntype = \"stdout\"\n");
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    alert(&engine, 3);
    let ended = engine.terminate();
    ended.assert_clean();
    assert_eq!(alerts::parse(&ended.stdout).len(), 3);
}

#[test]
fn a_standard_output_that_nobody_reads_does_not_hold_up_the_stop() {
    let dir = prepared(&format!("{FILE}[[output]]\ntype = \"stdout\"\nqueue_alerts_max = 50\n"));
    let address_file = dir.join("log");
    // The pipe's reader sleeps; it is this process's child and ends with the test.
    let log = std::fs::File::create(&address_file).expect("it can be made");
    let mut child = std::process::Command::new(NOROSHI)
        .args(["run", "--config", "noroshi.toml"])
        .current_dir(dir.path())
        .stdout(std::process::Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the binary runs");
    let unread = child.stdout.take();
    let listening = || dir.text("log").lines().find(|line| line.contains("listening input=net")).map(str::to_owned);
    let line = until("it listens", listening, || dir.text("log"));
    until("it runs", || dir.text("log").contains(" running").then_some(()), || dir.text("log"));
    let address = line.split("address=").nth(1).and_then(|text| text.trim().parse().ok()).expect("an address");
    let mut connection = send::tcp(address);
    for second in 0..600 {
        let line = s::nginx_get(second, "192.0.2.1", "/../etc/passwd");
        connection.write_all(format!("{line}\n").as_bytes()).expect("the engine reads");
    }
    let filled = || dir.text("alerts.ndjson").lines().count() > 50;
    until("alerts flow", || filled().then_some(()), || dir.text("log"));
    std::process::Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().expect("a shell");
    let status = until("the stop", || child.try_wait().expect("it can be waited for"), || dir.text("log"));
    drop(unread);
    assert_eq!(status.code(), Some(1), "{}", dir.text("log"));
    assert!(dir.text("log").contains("alerts could not be delivered"), "{}", dir.text("log"));
}

#[test]
fn a_port_in_use_is_told_with_the_way_out_and_exits_with_3() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("it is bound").port();
    let dir = prepared(FILE);
    let config = dir.text("noroshi.toml");
    dir.write(
        "noroshi.toml",
        config.replace("listen = \"127.0.0.1:0\"\n[[output]]", &format!("listen = \"127.0.0.1:{port}\"\n[[output]]")),
    );
    let ended = Engine::spawn(NOROSHI, dir.path(), &[]).wait();
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    for part in
        ["input `net`", "Address already in use", &format!("another process holds port {port}"), "change `listen`"]
    {
        assert!(ended.stderr.contains(part), "`{part}` in {}", ended.stderr);
    }
    dir.write(
        "noroshi.toml",
        config.replace("[metrics]\nlisten = \"127.0.0.1:0\"", &format!("[metrics]\nlisten = \"127.0.0.1:{port}\"")),
    );
    let ended = Engine::spawn(NOROSHI, dir.path(), &[]).wait();
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("cannot serve metrics on") && ended.stderr.contains("[metrics] listen"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("listening input="), "nothing is received by then: {}", ended.stderr);
}

#[test]
fn a_second_engine_on_one_state_directory_is_refused() {
    let dir = prepared(FILE);
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let second = Engine::spawn(NOROSHI, dir.path(), &[]).wait();
    assert_eq!(second.code, Some(3), "{}", second.stderr);
    for part in ["another noroshi runs on", "--state-dir"] {
        assert!(second.stderr.contains(part), "`{part}` in {}", second.stderr);
    }
    alert(&engine, 1);
    engine.kill();
    // A crash leaves no lock behind.
    Engine::start(NOROSHI, dir.path(), &[]).terminate().assert_clean();
}

#[test]
fn an_alert_file_that_cannot_be_opened_stops_the_start() {
    let dir = prepared("[[output]]\ntype = \"file\"\npath = \"no/such/dir/alerts.ndjson\"\n");
    let ended = Engine::spawn(NOROSHI, dir.path(), &[]).wait();
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("create the directory"), "{}", ended.stderr);
    let dir = prepared("[[output]]\ntype = \"file\"\npath = \".\"\n");
    let ended = Engine::spawn(NOROSHI, dir.path(), &[]).wait();
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("Is a directory") || ended.stderr.contains("not of a directory"), "{}", ended.stderr);
}

#[test]
fn a_bad_configuration_is_told_whole_with_places() {
    let dir = prepared("[[output]]\ntype = \"webhook\"\n[[output]]\ntype = \"file\"\n");
    let config = dir.text("noroshi.toml").replace("timezone = \"UTC\"", "timezone = \"Mars/Olympus\"");
    dir.write("noroshi.toml", config);
    let output = run(NOROSHI, dir.path(), &["run"], b"");
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    let text = String::from_utf8_lossy(&output.stderr);
    for part in ["Mars/Olympus", "noroshi.toml:2:", "`url` is missing", "`path` is missing"] {
        assert!(text.contains(part), "`{part}` in {text}");
    }
    dir.write("noroshi.toml", "[engine]\nworkerz = 1\n");
    let output = run(NOROSHI, dir.path(), &["run"], b"");
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("noroshi.toml:2:1"), "{}", told(&output));
}

#[test]
fn a_refused_rule_stops_the_start_unless_told_to_go_on() {
    let dir = prepared(FILE);
    dir.write("rules/bad.yml", "title: Bad\nlogsource:\n    product: linux\ndetection:\n    selection:\n        a|soundslike: b\n    condition: selection\n");
    let ended = Engine::spawn(NOROSHI, dir.path(), &[]).wait();
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("bad.yml:6:9") && ended.stderr.contains("--keep-going"), "{}", ended.stderr);
    let engine = Engine::start(NOROSHI, dir.path(), &["--keep-going"]);
    alert(&engine, 1);
    engine.terminate().assert_clean();
    assert_eq!(alerts::parse(&dir.text("alerts.ndjson")).len(), 1);
}

#[test]
fn files_that_are_missing_or_vanish_are_told_and_picked_up_again() {
    let dir = prepared(FILE);
    let config = dir.text("noroshi.toml");
    dir.write(
        "noroshi.toml",
        format!("{config}[[input]]\nname = \"log\"\ntype = \"file\"\npaths = [\"app.log\"]\npoll_interval_ms = 20\n"),
    );
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let line = engine.wait_log("cannot follow");
    assert!(line.contains("app.log") && line.contains("picked up when it appears"), "{line}");
    dir.write("app.log", s::nginx_get(1, "192.0.2.1", "/1/../etc/passwd") + "\n");
    engine.wait_received("log", 1);
    std::fs::remove_file(dir.join("app.log")).expect("it is there");
    engine.wait_metric("noroshi_input_files_vanished_total", "log", 1);
    dir.write("app.log", s::nginx_get(2, "192.0.2.1", "/2/../etc/passwd") + "\n");
    engine.wait_received("log", 2);
    engine.terminate().assert_clean();
    assert_eq!(alerts::parse(&dir.text("alerts.ndjson")).len(), 2);
}

#[test]
fn metrics_are_prometheus_text_and_health_is_ok() {
    let dir = prepared(FILE);
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    alert(&engine, 3);
    assert_eq!(engine.get("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(engine.get("/no-such-path").0, 404);
    let (status, text) = engine.get("/metrics");
    assert_eq!(status, 200);
    // The exposition format 0.0.4: HELP and TYPE before the samples of a family, families whole, no sample twice.
    let mut family = String::new();
    let mut seen = std::collections::HashSet::new();
    let mut samples = std::collections::HashSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap_or_default().to_owned();
            assert!(seen.insert(family.clone()), "{family} in two places");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(name == family && ["counter", "gauge"].contains(&kind), "{line}");
            assert!((kind == "counter") == name.ends_with("_total"), "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').expect("a sample has a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(samples.insert(sample.to_owned()), "{sample} twice");
            let (name, labels) = sample.split_once('{').map_or((sample, None), |(name, rest)| (name, Some(rest)));
            assert_eq!(name, family, "{line}");
            for label in labels.iter().flat_map(|rest| rest.trim_end_matches('}').split("\",")) {
                let (key, value) = label.split_once('=').expect("a label has a value");
                assert!(
                    key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && value.starts_with('"'),
                    "{line}"
                );
            }
        }
    }
    assert!(samples.len() > 40, "{}", samples.len());
    assert_eq!(engine.metric("noroshi_records_received_total", "input=\"net\""), 3.0);
    // Counted after the sync, which the reader of the alert file does not wait for.
    engine.wait_metric("noroshi_output_delivered_total", "output=\"file\"", 3);
    engine.terminate().assert_clean();
}
