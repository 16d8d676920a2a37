//! New indicators are hunted in what the archive holds: sealed and not, live alerts not told twice, and again after a stop.

use std::io::Write as _;

use noroshi_tests::process::Engine;
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{alerts, send, until};
use serde_json::Value;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

const CONFIG: &str = r#"
state_dir = "state"
timezone = "UTC"
[rules]
paths = []
reload_interval_s = 0
[indicators]
paths = ["iocs.txt"]
[metrics]
listen = "127.0.0.1:0"
[archive]
retro_hunt_days = 36500
[[input]]
name = "net"
type = "tcp"
listen = "127.0.0.1:0"
[[output]]
type = "file"
path = "alerts.ndjson"
"#;

fn feed(engine: &Engine, lines: &[&str], durable: u64) {
    let mut connection = send::tcp(engine.address("net"));
    lines.iter().for_each(|line| connection.write_all(format!("{line}\n").as_bytes()).unwrap());
    engine.wait_metric("noroshi_archive_durable_total", "", durable);
}

/// Indicator, record and whether in retrospect, of each alert so far.
fn told(dir: &WorkDir) -> Vec<(String, String, bool)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut told: Vec<_> = alerts::parse(&dir.text("alerts.ndjson"))
        .iter()
        .map(|alert| {
            let named = text(&alert["threat"]["indicator"]["name"]);
            let raw = text(&alert["evidence"][0]["raw"]);
            (named, raw, alert["noroshi"]["retrospective"] == true)
        })
        .collect();
    told.sort();
    told
}

fn wait_told(dir: &WorkDir, engine: &Engine, count: usize) -> Vec<(String, String, bool)> {
    let all = || dir.join("alerts.ndjson").exists().then(|| told(dir)).filter(|told| told.len() >= count);
    until("the alerts are told", all, || engine.log())
}

const BY_ADDRESS: &str =
    "<86>1 2026-03-02T10:00:07Z web1 sshd 811 - - Failed password for root from 203.0.113.9 port 40022 ssh2";
const BY_NETWORK: &str =
    "<86>1 2026-03-02T10:00:09Z web1 sshd 812 - - Failed password for root from 198.51.100.77 port 40023 ssh2";
const BY_NAME: &str = r#"{"timestamp":"2026-03-02T10:00:11.000000+0000","event_type":"dns","src_ip":"192.0.2.4","src_port":5353,"dest_ip":"192.0.2.53","dest_port":53,"proto":"UDP","dns":{"type":"query","id":1,"rrname":"cdn.evil.example","rrtype":"A","tx_id":0}}"#;
const NONE: &str =
    "<86>1 2026-03-02T10:00:13Z web1 sshd 813 - - Failed password for root from 192.0.2.77 port 40024 ssh2";

#[test]
fn a_record_is_told_when_its_indicator_comes_later() {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    dir.write("iocs.txt", "192.0.2.200\n");
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, &[BY_ADDRESS, BY_NETWORK, NONE], 3);
    // Sealed by the stop; the rest is not when it is hunted.
    assert_eq!(engine.terminate().code, Some(0));
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, &[BY_NAME, NONE], 2);
    dir.write("iocs.txt", "192.0.2.200\n203.0.113.9\n198.51.100.64/26\nevil.example\n192.0.2.201\n");
    engine.signal("HUP");
    let expected = vec![
        ("198.51.100.64/26".to_owned(), BY_NETWORK.to_owned(), true),
        ("203.0.113.9".to_owned(), BY_ADDRESS.to_owned(), true),
        ("evil.example".to_owned(), BY_NAME.to_owned(), true),
    ];
    assert_eq!(wait_told(&dir, &engine, 3), expected);
    engine.wait_log("the hunt for new indicators is over");
    let first =
        alerts::parse(&dir.text("alerts.ndjson")).into_iter().find(|alert| alert["source"]["ip"] == "203.0.113.9");
    assert_eq!(first.unwrap()["@timestamp"], "2026-03-02T10:00:07Z", "the time of the event");
    assert!(engine.metric("noroshi_retro_hunt_indicators_total", "") >= 4.0);

    // The same record live: its alert is the one that was told, whatever found it first.
    feed(&engine, &[BY_ADDRESS], 3);
    engine.wait_metric("noroshi_alerts_repeated_total", "", 1);
    assert_eq!(engine.terminate().code, Some(0));
    assert_eq!(told(&dir), expected);

    // What comes while no engine runs is hunted at the start, what was hunted is not.
    dir.write("iocs.txt", "203.0.113.9\n198.51.100.64/26\nevil.example\n192.0.2.77\n");
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    // The two records are equal in every byte: one alert.
    let told = wait_told(&dir, &engine, 4);
    assert_eq!(told.len(), 4);
    assert!(told.contains(&("192.0.2.77".to_owned(), NONE.to_owned(), true)), "{told:?}");
    engine.wait_log("the hunt for new indicators is over");
    assert_eq!(engine.metric("noroshi_retro_hunt_indicators_total", ""), 1.0);
    assert_eq!(engine.terminate().code, Some(0));
}
