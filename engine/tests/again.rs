//! What was kept and not told of before a kill is told of after it, once, though no sender sends it again.

use std::io::Write as _;

use noroshi_tests::process::Engine;
use noroshi_tests::scenario as s;
use noroshi_tests::webhook::{self, Webhook};
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{send, until};

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

const RULES: &str = r#"title: Failed
name: failed
id: 77777777-0000-4000-8000-000000000001
logsource:
    product: linux
    service: sshd
detection:
    selection:
        event.outcome: failure
    condition: selection
---
title: Five Failed
id: 77777777-0000-4000-8000-000000000002
correlation:
    type: event_count
    rules: [failed]
    group-by: [source.ip]
    timespan: 5m
    condition:
        gte: 5
level: high
"#;

fn config(hook: &str, snapshot_interval_ms: u32) -> String {
    format!(
        "state_dir = \"state\"\ntimezone = \"UTC\"\n[engine]\nsnapshot_interval_ms = {snapshot_interval_ms}\n\
         [rules]\npaths = [\"rules.yml\"]\n[indicators]\npaths = [\"iocs.txt\"]\n[metrics]\nlisten = \"127.0.0.1:0\"\n[archive]\n\
         [[input]]\nname = \"net\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n\
         [[output]]\ntype = \"webhook\"\nurl = \"{hook}\"\n"
    )
}

fn feed(engine: &Engine, lines: &[String], durable: u64) {
    let mut connection = send::tcp(engine.address("net"));
    lines.iter().for_each(|line| connection.write_all(format!("{line}\n").as_bytes()).unwrap());
    engine.wait_metric("noroshi_archive_durable_total", "", durable);
}

/// Ids of rules, once each, of the finals so far.
fn told(hook: &Webhook) -> Vec<String> {
    let mut told: Vec<String> = hook
        .accepted()
        .iter()
        .filter(|alert| alert["noroshi"]["state"] == "final")
        .map(|alert| alert["rule"]["id"].as_str().unwrap_or_default().to_owned())
        .collect();
    told.sort();
    told
}

/// A kill before any state was kept, and one behind a snapshot: with what was received in between in the archive alone.
#[test]
fn a_kill_loses_no_alert_of_what_was_kept() {
    for snapshot_interval_ms in [3_600_000, 50] {
        let dir = WorkDir::default();
        let address = webhook::free_address();
        dir.write("noroshi.toml", config(&format!("http://{address}/hook"), snapshot_interval_ms));
        dir.write("rules.yml", RULES);
        dir.write("iocs.txt", "198.51.100.9\n");
        let engine = Engine::start(NOROSHI, dir.path(), &[]);
        // Nobody takes the alerts, so that no snapshot is put in place behind them.
        let failed = |second| s::ssh_failed(second, "web1", "root", "203.0.113.5");
        feed(&engine, &[failed(1), failed(2), failed(3), s::ssh_failed(4, "web1", "root", "198.51.100.9")], 4);
        engine.kill();
        let hook = Webhook::on(address, &[]);
        let engine = Engine::start(NOROSHI, dir.path(), &[]);
        engine.wait_log("are worked off");
        feed(&engine, &[failed(5), failed(6)], 2);
        let open = || hook.accepted().iter().any(|alert| alert["rule"]["name"] == "Five Failed").then_some(());
        until("three before and two behind the kill are five", open, || engine.log());
        until("the indicator is told", || (!told(&hook).is_empty()).then_some(()), || engine.log());
        assert_eq!(engine.terminate().code, Some(0), "the ledger balances");
        let indicators = told(&hook).iter().filter(|id| *id == "noroshi.indicator.ip").count();
        assert_eq!(indicators, 1, "{:?}", told(&hook));

        // Nothing is left: nothing comes again.
        let engine = Engine::start(NOROSHI, dir.path(), &[]);
        feed(&engine, &[s::ssh_listening(7, "web1")], 1);
        assert!(!engine.log().contains("are worked off"), "{}", engine.log());
        assert_eq!(engine.terminate().code, Some(0));
        assert_eq!(told(&hook).iter().filter(|id| *id == "noroshi.indicator.ip").count(), 1);
    }
}
