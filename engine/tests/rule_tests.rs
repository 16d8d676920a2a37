//! `noroshi test`: what it runs, what it tells, and with which exit code. And the packs: every test they carry passes.

use noroshi_tests::process::{run, told};
use noroshi_tests::work_dir::WorkDir;
use serde_json::Value;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");
const PACKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/packs");

const RULE: &str = "title: Denied
id: 5a1f3f6e-7f0b-4f53-9d0e-1c1c5b8f2a10
name: denied
logsource: {product: linux, service: syslog}
detection:
    words: [access denied]
    condition: words
level: low
---
title: Denied Often
id: 0a3c9d6e-2b1f-4a67-8f0e-6c0b7d1f5e22
correlation: {type: event_count, rules: [denied], group-by: [host.name], timespan: 1m, condition: {gte: 3}}
level: medium
noroshi:
    tests:
        - name: three
          records: [{repeat: 3, every: 10s, from: 2026-03-02T09:00:00Z, record: '<38>{%b %e %H:%M:%S} a app: access denied {n}'}]
        - name: too far apart
          alerts: ALERTS
          records: [{repeat: 3, every: 40s, from: 2026-03-02T09:00:00Z, record: '<38>{%b %e %H:%M:%S} a app: access denied {n}'}]
";

#[track_caller]
fn check(rule: &str, args: &[&str], code: i32) -> (String, String) {
    let dir = WorkDir::default();
    dir.write("rule.yml", rule);
    let output = run(NOROSHI, dir.path(), &[&["test", "rule.yml"], args].concat(), b"");
    assert_eq!(output.status.code(), Some(code), "{}", told(&output));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout), text(output.stderr))
}

#[test]
fn alerts_of_the_rule_are_counted() {
    let (out, _) = check(&RULE.replace("ALERTS", "0"), &["--output", "table"], 0);
    assert_eq!(out, "2 tests passed, 0 failed; 0 rules without a test\n");
    let (out, _) = check(&RULE.replace("ALERTS", "0"), &["--only", "nothing", "--output", "table"], 0);
    assert_eq!(out, "0 tests passed, 0 failed; 0 rules without a test\n");
}

#[test]
fn what_failed_is_told_with_its_place() {
    let (out, _) = check(&RULE.replace("ALERTS", "2"), &["--output", "table"], 1);
    let expected = "failed: Denied Often: too far apart: 0 alerts came, 2 were expected\n  --> rule.yml:18\n";
    assert_eq!(out, format!("{expected}1 tests passed, 1 failed; 0 rules without a test\n"));
    let (out, _) = check(&RULE.replace("ALERTS", "2"), &["--output", "ndjson"], 1);
    let results: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(results[1]["passed"], false);
    assert_eq!((&results[1]["expected"], &results[1]["alerts"]), (&2.into(), &0.into()));
}

#[test]
fn rules_that_raise_alerts_without_a_test_are_told_when_asked() {
    let alone = RULE.replace("ALERTS", "0").replace("timespan: 1m", "timespan: 1m, generate: true");
    let (out, _) = check(&alone, &["--all-tested", "--output", "table"], 1);
    assert_eq!(out, "untested: Denied\n  --> rule.yml:1\n2 tests passed, 0 failed; 1 rules without a test\n");
}

#[test]
fn broken_tests_and_rules_are_refused() {
    let (_, err) = check(&RULE.replace("ALERTS", "some"), &[], 2);
    assert!(err.contains("`alerts` is no whole number"), "{err}");
    let (_, err) = check(&RULE.replace("records:", "lines:"), &[], 2);
    assert!(err.contains("unknown key `lines` under `tests`"), "{err}");
    let (_, err) = check(&RULE.replace("condition: words", "condition: word"), &[], 2);
    assert!(err.contains("word"), "{err}");
}

#[test]
fn every_rule_of_the_packs_is_tested_and_passes() {
    let args = ["test", PACKS, "--all-tested", "--output", "table"];
    let output = run(NOROSHI, std::path::Path::new("."), &args, b"");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
}

#[test]
fn check_has_nothing_to_say_of_the_packs() {
    let output = run(NOROSHI, std::path::Path::new("."), &["check", "--rules", PACKS, "--output", "table"], b"");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
}

/// What a reader is promised of each rule: its Japanese, its references, its false alarms, its tags.
#[test]
fn rules_of_the_packs_say_all_that_is_promised() {
    let mut paths = vec![std::path::PathBuf::from(PACKS)];
    let (mut rules, mut correlations) = (0, 0);
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(&path).expect("readable").map(|entry| entry.expect("entry").path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        for document in &noroshi_rules::yaml::parse(&text).documents {
            let title = document.get("title").and_then(noroshi_rules::yaml::Node::text).expect("a title");
            let ja = document.get("noroshi").and_then(|notes| notes.get("ja"));
            let said = ["title", "description"].map(|key| ja.and_then(|ja| ja.get(key)).and_then(|text| text.text()));
            let japanese = said.iter().flatten().all(|text| text.chars().any(|sign| sign > '\u{3000}'));
            assert!(said.iter().all(Option::is_some) && japanese, "{title}: no Japanese title and description");
            for key in ["description", "references", "falsepositives", "level", "tags"] {
                assert!(document.get(key).is_some(), "{title}: no `{key}`");
            }
            correlations += usize::from(document.get("correlation").is_some());
            rules += 1;
        }
    }
    assert!(rules >= 120 && correlations >= 40, "{rules} rules, {correlations} of them correlations");
}
