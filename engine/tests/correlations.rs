//! Each kind of correlation from its rule file to its alert, through `replay`.

use noroshi_tests::process::{run, told};
use noroshi_tests::work_dir::WorkDir;
use serde_json::{Value, json};

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

const BASE: &str = "title: Failed
id: 00000000-0000-4000-8000-000000000001
name: failed
logsource: {product: linux, service: sshd}
detection: {s: {event.category: authentication, event.outcome: failure}, condition: s}
---
title: Accepted
id: 00000000-0000-4000-8000-000000000002
name: accepted
logsource: {product: linux, service: sshd}
detection: {s: {event.category: authentication, event.outcome: success}, condition: s}
---
title: Rows
id: 00000000-0000-4000-8000-000000000003
name: rows
logsource: {product: suricata}
detection: {s: {event.kind: event}, condition: s}
";

/// The alerts of one correlation over the lines, one file each for odd and even lines.
#[track_caller]
fn replay(correlation: &str, lines: &[String]) -> Vec<Value> {
    let dir = WorkDir::default();
    let head = "---\ntitle: Tested\nid: 00000000-0000-4000-8000-0000000000ff\nlevel: high\ncorrelation:\n";
    dir.write("rules/rules.yml", format!("{BASE}{head}{correlation}"));
    for part in 0..2 {
        let lines: Vec<&str> = lines.iter().skip(part).step_by(2).map(String::as_str).collect();
        dir.write(&format!("{part}.log"), lines.join("\n"));
    }
    let once = |workers: &str, files: [&str; 2]| {
        let args = ["--rules", "rules", "--reference-time", "2026-03-03T00:00:00Z", "--workers", workers];
        let output = run(NOROSHI, dir.path(), &[&["replay"], &args[..], &files].concat(), b"");
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        output.stdout
    };
    let first = once("1", ["0.log", "1.log"]);
    assert_eq!(first, once("3", ["1.log", "0.log"]), "workers and the order of files change nothing");
    let alerts = String::from_utf8(first).expect("UTF-8");
    alerts.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn sshd(minute: u32, outcome: &str, user: &str, address: &str) -> String {
    let what = if outcome == "ok" { "Accepted" } else { "Failed" };
    format!("<38>Mar  2 10:{minute:02}:00 web01 sshd[811]: {what} password for {user} from {address} port 40022 ssh2")
}

#[test]
fn failures_before_a_success_are_told_and_those_after_it_are_not() {
    let rule = "  type: temporal_ordered\n  rules: [failed, accepted]\n  group-by: [user.name]\n  timespan: 10m\n";
    let lines = [
        sshd(1, "no", "kato", "192.0.2.7"),
        sshd(5, "ok", "kato", "192.0.2.7"),
        sshd(6, "ok", "mori", "192.0.2.8"),
        sshd(7, "no", "mori", "192.0.2.8"),
        sshd(20, "no", "abe", "192.0.2.9"),
        sshd(30, "ok", "abe", "192.0.2.9"),
    ];
    let alerts = replay(rule, &lines);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!(alerts[0]["user"]["name"], "kato");
    assert_eq!(alerts[0]["noroshi"]["explain"][0]["kind"], "temporal_ordered");
    assert_eq!(alerts[0]["noroshi"]["count"], 2);
}

#[test]
fn a_correlation_of_correlations_and_a_risk_tell_their_timelines() {
    let minutes = [1, 2, 3, 31, 32, 33];
    let mut lines: Vec<String> = minutes.iter().map(|&minute| sshd(minute, "no", "kato", "192.0.2.7")).collect();
    lines.push(sshd(40, "ok", "kato", "192.0.2.7"));
    lines.push(sshd(41, "ok", "abe", "192.0.2.9"));
    let bursts = "  type: event_count\n  rules: [failed]\n  group-by: [user.name, source.ip]\n  timespan: 5m\n  condition: {gte: 3}\n";
    let rest = |above: &str| {
        let head = "---\ntitle: Above\nid: 00000000-0000-4000-8000-0000000000fe\nlevel: high\ncorrelation:\n";
        let named = bursts.replace("  type", "  generate: true\n  type");
        replay(&format!("{named}{head}{above}"), &lines)
    };
    let of_above = |alerts: Vec<Value>| -> Vec<Value> {
        alerts.into_iter().filter(|alert| alert["rule"]["name"] == "Above").collect()
    };
    let id = "00000000-0000-4000-8000-0000000000ff";
    let order =
        format!("  type: temporal_ordered\n  rules: [{id}, accepted]\n  group-by: [user.name]\n  timespan: 1h\n");
    let told = of_above(rest(&order));
    assert_eq!(told.len(), 1, "{told:#?}");
    let steps = told[0]["noroshi"]["explain"][0]["timeline"].as_array().expect("a timeline");
    let times: Vec<&str> = steps.iter().filter_map(|step| step["time"].as_str()).collect();
    assert_eq!(times, ["2026-03-02T10:03:00Z", "2026-03-02T10:33:00Z", "2026-03-02T10:40:00Z"]);
    assert!(steps[0]["alert"].is_string() && steps[2]["alert"].is_null());

    // Two episodes of 30 and the rule itself; the first episode is halved by then.
    let risk = format!(
        "  type: risk\n  rules: [{id}, accepted]\n  group-by: [user.name]\n  timespan: 1h\n  scores: {{{id}: 30, accepted: 7}}\n  condition: {{gte: 52, half_life: 30m}}\n"
    );
    let told = of_above(rest(&risk));
    assert_eq!(told.len(), 1, "{told:#?}");
    let window = &told[0]["noroshi"]["explain"][0];
    assert_eq!((&window["score"], &window["trigger"]), (&json!("52"), &json!("2026-03-02T10:40:00Z")));
    let scores: Vec<u64> =
        window["timeline"].as_array().unwrap().iter().filter_map(|step| step["score"].as_u64()).collect();
    assert_eq!(scores, [30, 30, 7]);
}

fn sent(time: &str, bytes: u64) -> String {
    format!(
        r#"{{"timestamp":"2026-03-{time}:00.000000+0000","event_type":"flow","src_ip":"192.0.2.7","dest_ip":"198.51.100.9","proto":"TCP","flow":{{"bytes_toserver":{bytes}}}}}"#
    )
}

#[test]
fn a_bucket_of_too_much_is_told_with_its_sum() {
    let rule = "  type: volume\n  rules: [rows]\n  group-by: [source.ip]\n  timespan: 10m\n  condition: {field: source.bytes, gte: 5000}\n";
    let lines = [
        sent("02T10:05", 4000),
        sent("02T10:11", 3000),
        sent("02T10:15", 2500),
        sent("02T10:21", 9000),
        sent("02T11:01", 10),
    ];
    let alerts = replay(rule, &lines);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    let window = &alerts[0]["noroshi"]["explain"][0];
    assert_eq!((&window["measured"], &window["field"]), (&json!("5500"), &json!("source.bytes")));
    // Two buckets, one after the other.
    assert_eq!((&window["members"], &window["trigger"]), (&json!(2), &json!("2026-03-02T10:11:00Z")));
}

#[test]
fn a_baseline_knows_the_hour_of_the_day_where_the_rule_says() {
    let rule = "  type: baseline\n  rules: [rows]\n  group-by: [source.ip]\n  timespan: 1h\n  calendar_timezone: Asia/Tokyo\n  condition: {field: source.bytes, gte: 1000, season: day, history: 4, horizon: 10d}\n";
    let mut lines = Vec::new();
    for day in 2..8 {
        // Every day much at ten, little at eleven; the last day much at eleven.
        lines.push(sent(&format!("{day:02}T10:30"), 50_000 + day * 100));
        lines.push(sent(&format!("{day:02}T11:30"), if day == 7 { 50_000 } else { 2_000 + day * 10 }));
        lines.push(sent(&format!("{day:02}T23:50"), 1));
    }
    let alerts = replay(rule, &lines);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    let window = &alerts[0]["noroshi"]["explain"][0];
    assert_eq!((&window["measured"], &window["expected"]), (&json!("50000"), &json!("2040")));
    assert_eq!(window["trigger"], "2026-03-07T11:30:00Z");
}

#[test]
fn what_one_of_many_does_is_rare() {
    let rule = "  type: rare\n  rules: [failed, accepted]\n  timespan: 10m\n  condition: {field: source.ip, entity: user.name, share: 0.2, horizon: 1h, warmup: 5m}\n";
    let users = ["abe", "kato", "mori", "sato", "endo", "ueda"];
    let mut lines: Vec<String> = users.iter().map(|user| sshd(1, "ok", user, "192.0.2.1")).collect();
    lines.extend(users.iter().map(|user| sshd(20, "ok", user, "192.0.2.1")));
    lines.push(sshd(2, "ok", "abe", "203.0.113.8"));
    lines.push(sshd(21, "ok", "mori", "203.0.113.9"));
    let alerts = replay(rule, &lines);
    // The first is within the warm-up.
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!((&alerts[0]["user"]["name"], &alerts[0]["source"]["ip"]), (&json!("mori"), &json!("203.0.113.9")));
}

#[test]
fn temporal_asks_for_all_rules_in_any_order() {
    let rule = "  type: temporal\n  rules: [failed, accepted]\n  group-by: [user.name]\n  timespan: 10m\n";
    let lines = [
        sshd(6, "ok", "mori", "192.0.2.8"),
        sshd(7, "no", "mori", "192.0.2.8"),
        sshd(8, "no", "kato", "192.0.2.7"),
        sshd(9, "no", "kato", "192.0.2.7"),
    ];
    let alerts = replay(rule, &lines);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!(alerts[0]["user"]["name"], "mori");
    assert_eq!(alerts[0]["noroshi"]["explain"][0]["distinct_rules"], 2);
}

fn flow(second: u32, source: &str, bytes: &str) -> String {
    json!({
        "timestamp": format!("2026-03-02T10:00:{second:02}.000000+0000"), "event_type": "flow", "src_ip": source,
        "dest_ip": "203.0.113.9", "proto": "TCP", "flow": {"bytes_toserver": bytes, "state": "closed"}
    })
    .to_string()
}

#[test]
fn sums_means_and_percentiles_are_over_the_fields_numbers() {
    let lines: Vec<String> = [("192.0.2.1", ["100", "250", "n/a", "50"]), ("192.0.2.2", ["1", "2", "3", "390"])]
        .iter()
        .flat_map(|(source, sizes)| (1..).zip(sizes).map(|(second, bytes)| flow(second, source, bytes)))
        .collect();
    let told = |kind: &str, condition: &str| -> Vec<(String, String)> {
        let rule = format!(
            "  type: {kind}\n  rules: [rows]\n  group-by: [source.ip]\n  timespan: 1m\n  condition: {{field: flow.bytes_toserver, {condition}}}\n"
        );
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let of = |alert: &Value| (text(&alert["source"]["ip"]), text(&alert["noroshi"]["explain"][0]["measured"]));
        replay(&rule, &lines).iter().map(of).collect()
    };
    let one = |ip: &str, number: &str| vec![(ip.to_owned(), number.to_owned())];
    assert_eq!(told("value_sum", "gt: 396"), one("192.0.2.1", "400"));
    assert_eq!(told("value_avg", "gte: 133.5"), one("192.0.2.1", "175"));
    assert_eq!(told("value_percentile", "percentile: 75, lt: 1.5"), one("192.0.2.2", "1"));
    assert_eq!(told("value_median", "eq: 250"), Vec::<(String, String)>::new());
    assert_eq!(told("value_median", "eq: 100"), one("192.0.2.1", "100"));
}

#[test]
fn what_is_not_answered_in_time_is_told_once_the_time_is_over() {
    let rule = "  type: absence\n  rules: [failed, accepted]\n  group-by: [user.name]\n  timespan: 10m\n";
    let lines = [
        sshd(1, "no", "kato", "192.0.2.7"),
        sshd(11, "ok", "kato", "192.0.2.7"),
        sshd(2, "no", "mori", "192.0.2.8"),
        sshd(13, "ok", "mori", "192.0.2.8"),
        // Nothing says whether this one would have been answered.
        sshd(20, "no", "abe", "192.0.2.9"),
        sshd(30, "ok", "sato", "192.0.2.9"),
    ];
    let alerts = replay(rule, &lines);
    let told: Vec<_> = alerts.iter().map(|alert| (&alert["user"]["name"], &alert["@timestamp"])).collect();
    assert_eq!(told, [(&json!("mori"), &json!("2026-03-02T10:02:00Z"))], "{alerts:#?}");
}

#[test]
fn a_host_that_falls_silent_is_told_with_its_last_event() {
    let rule = "  type: silence\n  rules: [failed]\n  group-by: [user.name]\n  timespan: 15m\n";
    let mut lines: Vec<String> = (0..60).step_by(10).map(|minute| sshd(minute, "no", "kato", "192.0.2.7")).collect();
    lines.extend((0..30).step_by(10).map(|minute| sshd(minute, "no", "mori", "192.0.2.7")));
    let alerts = replay(rule, &lines);
    let told: Vec<_> = alerts.iter().map(|alert| (&alert["user"]["name"], &alert["@timestamp"])).collect();
    assert_eq!(told, [(&json!("mori"), &json!("2026-03-02T10:20:00Z"))], "{alerts:#?}");
}

#[test]
fn a_value_is_new_after_the_warm_up_and_until_it_is_seen() {
    let rule = "  type: new_value\n  rules: [accepted]\n  group-by: [user.name]\n  timespan: 1m\n  condition: {field: source.ip, horizon: 30m, warmup: 5m}\n";
    let lines = [
        sshd(0, "ok", "kato", "192.0.2.7"),
        sshd(10, "ok", "kato", "192.0.2.7"),
        sshd(20, "ok", "kato", "192.0.2.66"),
        sshd(40, "ok", "kato", "192.0.2.7"),
        sshd(55, "ok", "kato", "192.0.2.66"),
    ];
    let alerts = replay(rule, &lines);
    let told: Vec<_> = alerts.iter().map(|alert| (&alert["source"]["ip"], &alert["@timestamp"])).collect();
    let expected = [("192.0.2.66", "10:20"), ("192.0.2.66", "10:55")]
        .map(|(ip, at)| (json!(ip), json!(format!("2026-03-02T{at}:00Z"))));
    assert_eq!(told, expected.iter().map(|(ip, at)| (ip, at)).collect::<Vec<_>>(), "{alerts:#?}");
}

#[test]
fn a_rhythm_is_told_and_chance_is_not() {
    let rule = "  type: beacon\n  rules: [rows]\n  group-by: [source.ip]\n  timespan: 1m\n  condition: {intervals: 8, variation: 0.15}\n";
    let beacon = [0, 5, 11, 16, 20, 25, 30, 36, 41, 46, 50];
    let people = [0, 1, 2, 14, 15, 30, 31, 32, 44, 45, 59];
    let lines: Vec<String> = (beacon.iter().map(|&at| flow(at, "192.0.2.1", "100")))
        .chain(people.iter().map(|&at| flow(at, "192.0.2.2", "100")))
        .collect();
    let alerts = replay(rule, &lines);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!(alerts[0]["source"]["ip"], "192.0.2.1");
    // Eight intervals over 41 seconds.
    assert_eq!(alerts[0]["noroshi"]["explain"][0]["measured"], "5.125");
}

#[test]
fn an_alert_is_explained_by_its_hits_its_near_misses_and_what_was_excepted() {
    let dir = WorkDir::default();
    let rules = "title: Failed
id: 00000000-0000-4000-8000-000000000001
name: failed
logsource: {product: linux, service: sshd}
detection:
    s: {event.category: authentication, event.outcome: failure}
    scanner: {source.ip: 192.0.2.99}
    condition: s and not scanner
---
title: Many
id: 00000000-0000-4000-8000-0000000000ff
level: high
correlation:
  type: event_count
  rules: [failed]
  group-by: [user.name]
  timespan: 5m
  condition: {gte: 3}
";
    dir.write("rules/rules.yml", rules);
    let mut lines: Vec<String> = [1, 2, 3].map(|minute| sshd(minute, "no", "kato", "192.0.2.7")).into();
    lines.push(sshd(4, "no", "kato", "192.0.2.99"));
    lines.extend([40, 41].map(|minute| sshd(minute, "no", "kato", "192.0.2.7")));
    lines.push(sshd(3, "no", "mori", "192.0.2.7"));
    dir.write("auth.log", lines.join("\n"));
    let shared = ["--reference-time", "2026-03-03T00:00:00Z", "--timezone", "UTC", "--rules", "rules"];
    let noroshi = |args: &[&str], code: i32| {
        let output = run(NOROSHI, dir.path(), &[args, &shared[..]].concat(), b"");
        assert_eq!(output.status.code(), Some(code), "{}", told(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let replayed = run(NOROSHI, dir.path(), &[&["replay", "auth.log"], &shared[..]].concat(), b"");
    dir.write("alerts.ndjson", &replayed.stdout);
    let alert: Value = serde_json::from_slice(&replayed.stdout).expect("one alert");
    let id = alert["noroshi"]["id"].as_str().expect("an id").to_owned();

    let told_of = |args: &[&str]| -> Value {
        serde_json::from_str(&noroshi(&[&["explain", "--output", "ndjson"], args].concat(), 0)).expect("one object")
    };
    let told = told_of(&[&id[..8], "auth.log", "--alerts", "alerts.ndjson"]);
    assert_eq!((&told["alert"]["noroshi"]["id"], &told["recorded"]), (&json!(id), &alert));
    assert_eq!(told["hits_total"], json!({"between": 3, "of_key": 5, "cut": false}));
    let near = &told["near_misses"][0];
    assert_eq!(
        (&near["time"], &near["had"], &near["short"]),
        (&json!("2026-03-02T10:41:00Z"), &json!("2"), &json!("1"))
    );
    let excepted = &told["excepted"][0];
    assert_eq!(
        (&excepted["line"], &excepted["excepted_by"], &told["excepted_total"]),
        (&json!(4), &json!(["scanner"]), &json!(1))
    );

    // Told when one record had not come yet.
    let mut before = alert;
    before["noroshi"]["count"] = 2.into();
    before["noroshi"]["id"] = "00000000000000000000000000000001".into();
    dir.write("before.ndjson", before.to_string());
    let text = noroshi(
        &["explain", "--output", "table", "00000000000000000000000000000001", "auth.log", "--alerts", "before.ndjson"],
        0,
    );
    assert!(text.contains("members: told as 2, by the files 3") && text.contains("1 more records"), "{text}");
    assert!(text.contains("Excepted by the rules around it: 1"), "{text}");
    noroshi(&["explain", "ffffffffffffffff", "auth.log"], 3);
    noroshi(&["explain", "not-an-id", "auth.log"], 3);
}
