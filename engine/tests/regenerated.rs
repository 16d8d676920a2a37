//! `replay --verify`: the archived records give the alerts that were told; one that was changed, added or taken out is named.

use std::io::Write as _;

use noroshi_tests::process::{self, Engine};
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
[indicators]
paths = ["iocs.txt"]
[metrics]
listen = "127.0.0.1:0"
[archive]
[[input]]
name = "net"
type = "tcp"
listen = "127.0.0.1:0"
clock_offset_s = -30
allowed_skew_s = 1000000000
[[output]]
type = "file"
path = "alerts.ndjson"
"#;

/// The lines that were written to their ends.
fn whole_lines(text: &str) -> String {
    text.rsplit_once('\n').map_or(String::new(), |(whole, _)| format!("{whole}\n"))
}

fn verify(dir: &WorkDir, args: &[&str]) -> (Option<i32>, String) {
    let args = [&["replay", "--verify", "--config", "noroshi.toml"], args].concat();
    let output = process::run(NOROSHI, dir.path(), &args, b"");
    (output.status.code(), process::told(&output))
}

#[test]
fn what_was_told_is_regenerated_and_what_was_changed_is_named() {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    dir.write("rules/e2e.yml", s::RULES);
    dir.write("iocs.txt", s::INDICATORS);
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let mut connection = send::tcp(engine.address("net"));
    let lines = [s::busy_hour(7, 400), s::closing(3500)].concat();
    lines.iter().for_each(|line| connection.write_all(format!("{line}\n").as_bytes()).unwrap());
    engine.wait_received("net", lines.len() as u64);
    // A correlation is final once the watermark has passed its window, which may be after all else was delivered.
    let correlated = |text: &str| {
        alerts::finals(&alerts::parse(text)).iter().any(|alert| alert["noroshi"]["explain"][0]["members"].is_u64())
    };
    let in_file = || {
        let delivered = engine.metric("noroshi_output_delivered_total", "");
        let all = delivered > 0.0 && delivered >= engine.metric("noroshi_alerts_total", "");
        (all && correlated(&whole_lines(&dir.text("alerts.ndjson")))).then_some(())
    };
    until("every alert is in the file", in_file, || engine.log());
    assert_eq!(engine.terminate().code, Some(0));

    let text = dir.text("alerts.ndjson");
    let finals = alerts::finals(&alerts::parse(&text));
    assert!(correlated(&text), "no correlation among {text}");
    let (code, told) = verify(&dir, &[]);
    assert!(
        code == Some(0) && told.contains(&format!("{} alerts are what the archived records give", finals.len())),
        "{told}"
    );

    // One value of one alert.
    let id = finals[0]["noroshi"]["id"].as_str().unwrap();
    let changed: Vec<String> = alerts::parse(&text)
        .into_iter()
        .map(|mut alert| {
            if alert["noroshi"]["id"] == id {
                alert["severity"] = Value::from("low-ish");
            }
            alert.to_string() + "\n"
        })
        .collect();
    dir.write("changed.ndjson", changed.concat());
    let (code, told) = verify(&dir, &["--alerts", "changed.ndjson"]);
    assert!(code == Some(1) && told.contains(id) && told.contains("severity: told \"low-ish\""), "{told}");
    let other = finals.iter().filter_map(|alert| alert["noroshi"]["id"].as_str()).find(|other| *other != id).unwrap();
    assert_eq!(verify(&dir, &["--alerts", "changed.ndjson", other]).0, Some(0), "of another alert it says nothing");

    // One taken out.
    let without: Vec<String> = text.lines().filter(|line| !line.contains(id)).map(|line| format!("{line}\n")).collect();
    dir.write("without.ndjson", without.concat());
    let (code, told) = verify(&dir, &["--alerts", "without.ndjson"]);
    assert!(code == Some(1) && told.contains(id) && told.contains("that was not told"), "{told}");

    // Other rules: nobody can say.
    dir.write("rules/e2e.yml", s::RULES.replacen("level: high", "level: critical", 1));
    assert_eq!(verify(&dir, &[id]).0, Some(2));
}
