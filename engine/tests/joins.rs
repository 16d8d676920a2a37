//! Records that hold several events, and events of several lines.

use std::io::Write as _;

use noroshi_tests::process::{Engine, run, told};
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{alerts, send, until};
use serde_json::Value;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

const RULES: &str = "
title: Console Login
id: 00000000-0000-4000-8000-0000000000c1
logsource:
    product: aws
detection:
    selection:
        eventName: ConsoleLogin
    condition: selection
level: high
";

/// Two log-ins and one other event, as a file of CloudTrail has them.
fn trail() -> (String, [String; 3]) {
    let event = |name: &str, at: &str, user: &str| {
        format!(
            r#"{{"eventVersion":"1.08","userIdentity":{{"type":"IAMUser","userName":"{user}"}},"eventTime":"{at}","eventSource":"signin.example","eventName":"{name}","sourceIPAddress":"203.0.113.9","resources":[{{"ARN":"arn:]}}"}}]}}"#
        )
    };
    let events = [
        event("ConsoleLogin", "2026-03-02T10:00:00Z", "alice"),
        event("ListBuckets", "2026-03-02T10:00:01Z", "alice"),
        event("ConsoleLogin", "2026-03-02T10:00:00Z", "alice"),
    ];
    (format!("{{\"Records\":[{}]}}", events.join(", ")), events)
}

#[track_caller]
fn ndjson(args: &[&str], dir: &WorkDir) -> Vec<Value> {
    let output = run(NOROSHI, dir.path(), args, b"");
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", told(&output));
    alerts::parse(&String::from_utf8_lossy(&output.stdout))
}

#[test]
fn each_event_of_a_batch_is_matched_and_shown_by_itself() {
    let dir = WorkDir::default();
    let (record, events) = trail();
    dir.write("rules/r.yml", RULES);
    dir.write("trail.json", format!("first line\n{record}\n"));
    let mut told = ndjson(&["replay", "--rules", "rules", "--ignore-logsource", "trail.json"], &dir);
    assert_eq!(told.len(), 2, "{told:#?}");
    // Of one nanosecond: told in the order of their ids.
    told.sort_by_key(|alert| alert["evidence"][0]["element"].as_u64());
    for (alert, element) in told.iter().zip([0, 2]) {
        let evidence = &alert["evidence"][0];
        assert_eq!(evidence["raw"], events[element]);
        assert_eq!((&evidence["line"], &evidence["element"]), (&2.into(), &element.into()));
        let before: usize = events[..element].iter().map(|event| event.len() + 2).sum();
        assert_eq!(evidence["offset"], "first line\n{\"Records\":[".len() + before);
    }
    assert_ne!(told[0]["noroshi"]["id"], told[1]["noroshi"]["id"], "equal events at two places are two");
    let whole = ndjson(&["replay", "--rules", "rules", "--ignore-logsource", "--split=false", "trail.json"], &dir);
    assert!(whole.is_empty(), "{whole:#?}");

    // One object a line, unless asked otherwise.
    assert_eq!(ndjson(&["parse", "trail.json"], &dir).len(), 2);
    let split = ndjson(&["parse", "--split", "trail.json"], &dir);
    let originals: Vec<_> = split.iter().map(|event| event["event"]["original"].as_str()).collect();
    assert_eq!(originals[0], Some("first line"));
    assert!(originals[1..].iter().copied().eq(events.iter().map(|event| Some(event.as_str()))), "{originals:#?}");
    let hits = ndjson(&["match", "--rules", "rules", "--ignore-logsource", "trail.json"], &dir);
    assert_eq!(hits.len(), 2, "{hits:#?}");
}

#[test]
fn a_batch_over_a_socket_counts_as_the_one_record_it_is() {
    let dir = WorkDir::default();
    dir.write("rules/r.yml", RULES);
    dir.write(
        "noroshi.toml",
        "state_dir = \"state\"\n[rules]\npaths = [\"rules\"]\nignore_logsource = true\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
         [[input]]\nname = \"net\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n\
         [[input]]\nname = \"whole\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nsplit = false\n\
         [[output]]\ntype = \"file\"\npath = \"alerts.ndjson\"\n",
    );
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let (record, events) = trail();
    for input in ["net", "whole"] {
        let mut connection = send::tcp(engine.address(input));
        connection.write_all(format!("{record}\n").as_bytes()).expect("the engine reads");
        connection.write_all(format!("[{}, 7, {{\"b\":1]\n", events[1]).as_bytes()).expect("the engine reads");
    }
    engine.wait_received("net", 2);
    engine.wait_received("whole", 2);
    let finals = || alerts::finals(&alerts::parse(&dir.text("alerts.ndjson")));
    until("an alert", || (!finals().is_empty()).then_some(()), || engine.log());
    let rows = engine.terminate().assert_clean();
    for input in ["net", "whole"] {
        assert_eq!((rows[input].received, rows[input].parsed + rows[input].kept_raw), (2, 2), "{input}");
    }
    // Equal in every byte and nanosecond: one alert.
    let finals = finals();
    assert_eq!(finals.len(), 1, "{finals:#?}");
    assert_eq!(finals[0]["evidence"][0]["raw"], events[0]);
}
