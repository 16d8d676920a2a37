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

#[test]
fn a_pretty_printed_file_is_joined_and_split() {
    let dir = WorkDir::default();
    let (record, _) = trail();
    let value: Value = serde_json::from_str(&record).expect("JSON");
    let pretty = serde_json::to_string_pretty(&value).expect("JSON writes");
    dir.write("rules/r.yml", RULES);
    dir.write("trail.json", format!("{pretty}\n"));
    dir.write("long.json", format!("{{\"Records\":[{}{}", "{\"eventName\":\"x\"},".repeat(80_000), &record[12..]));
    let rules = ["--rules", "rules", "--ignore-logsource"];
    let told = ndjson(&[&["replay"], &rules[..], &["trail.json"]].concat(), &dir);
    assert_eq!(told.len(), 2, "{told:#?}");
    for alert in &told {
        let evidence = &alert["evidence"][0];
        let raw = evidence["raw"].as_str().expect("raw is text");
        let offset = evidence["offset"].as_u64().expect("an offset") as usize;
        assert_eq!(&pretty[offset..offset + raw.len()], raw);
        assert_eq!(evidence["line"], 1);
    }
    // One line of 1.5 MB is one document too.
    let told = ndjson(&[&["replay"], &rules[..], &["long.json"]].concat(), &dir);
    let mut elements: Vec<_> = told.iter().map(|alert| alert["evidence"][0]["element"].as_u64()).collect();
    elements.sort();
    assert_eq!(elements, [Some(80_000), Some(80_002)]);
    assert!(ndjson(&[&["replay"], &rules[..], &["--join=none", "trail.json"]].concat(), &dir).is_empty());
    assert_eq!(ndjson(&["parse", "trail.json"], &dir).len(), pretty.lines().count(), "one object a line");
    assert_eq!(ndjson(&["parse", "--join", "--split", "trail.json"], &dir).len(), 3);
}

#[test]
fn parse_joins_as_it_is_told() {
    let dir = WorkDir::default();
    let trace = "2026-03-02 10:00:00 ERROR x\njava.lang.IllegalStateException: y\n\tat a.b(C.java:1)\nCaused by: z\n\t... 2 more";
    let slow = "# Time: 2026-03-02T10:00:01Z\n# User@Host: a[a] @ b []\nSELECT 1;";
    dir.write("app.log", format!("{trace}\n{slow}\n2026-03-02 10:00:02 INFO end\n"));
    let originals = |args: &[&str]| -> Vec<String> {
        let events = ndjson(args, &dir);
        events.iter().map(|event| event["event"]["original"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(originals(&["parse", "--join", "app.log"]), [trace, slow, "2026-03-02 10:00:02 INFO end"]);
    assert_eq!(originals(&["parse", "--join=mysql_slow", "app.log"]).len(), 7);
    assert_eq!(originals(&["parse", "app.log"]).len(), 9);
    let refused = run(NOROSHI, dir.path(), &["parse", "--join=perl", "app.log"], b"");
    assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
    assert!(told(&refused).contains("mysql_slow"), "{}", told(&refused));
}

#[test]
fn a_live_record_of_several_lines_is_closed_by_the_next_by_silence_and_by_the_stop() {
    let dir = WorkDir::default();
    dir.write(
        "rules/r.yml",
        "title: Refused\nid: 00000000-0000-4000-8000-0000000000c2\nlogsource:\n    product: any\ndetection:\n    keywords:\n        - 'Connection refused'\n    condition: keywords\nlevel: low\n",
    );
    let trace =
        |second: u32| format!("2026-03-02 10:00:0{second} ERROR x\n\tat a.b(C.java:1)\nCaused by: Connection refused");
    dir.write("app.log", format!("{}\n", trace(0)));
    dir.write(
        "noroshi.toml",
        "state_dir = \"state\"\ntimezone = \"UTC\"\n[rules]\npaths = [\"rules\"]\nignore_logsource = true\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
         [[input]]\nname = \"app\"\ntype = \"file\"\npaths = [\"app.log\"]\njoin = \"java\"\npoll_interval_ms = 20\n\
         [[input]]\nname = \"net\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\njoin = \"java\"\n\
         [[output]]\ntype = \"file\"\npath = \"alerts.ndjson\"\n",
    );
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let raws = || {
        let told = alerts::finals(&alerts::parse(&dir.text("alerts.ndjson")));
        let mut raws: Vec<String> =
            told.iter().map(|alert| alert["evidence"][0]["raw"].as_str().unwrap_or_default().to_owned()).collect();
        raws.sort();
        raws
    };
    let mut connection = send::tcp(engine.address("net"));
    connection.write_all(format!("{}\n", trace(1)).as_bytes()).expect("the engine reads");
    // Silence closes both, the file's and the connection's.
    until(
        "two alerts",
        || (raws() == [trace(0), trace(1)]).then_some(()),
        || format!("{:#?}\n{}", raws(), engine.log()),
    );
    dir.append("app.log", format!("{}\n{}\n", trace(2), trace(3)));
    engine.wait_received("app", 9);
    let rows = engine.terminate().assert_clean();
    assert_eq!(raws(), [trace(0), trace(1), trace(2), trace(3)]);
    assert_eq!((rows["app"].received, rows["app"].parsed + rows["app"].kept_raw), (9, 9), "{rows:#?}");
    assert_eq!((rows["net"].received, rows["net"].parsed + rows["net"].kept_raw), (3, 3), "{rows:#?}");
    assert!(dir.text("state/checkpoints.json").contains(&format!("\"offset\": {}", dir.text("app.log").len())));
}

const AUDIT_RULES: &str = "
title: Shadow Read By Login
id: 00000000-0000-4000-8000-0000000000d1
logsource:
    product: linux
    service: auditd
detection:
    selection:
        type: EXECVE
        a0: cat
        a1: /etc/shadow
        auid: '1000'
    filter:
        exe: /usr/bin/backup
    condition: selection and not filter
level: high
---
title: Pointers Are No Arguments
id: 00000000-0000-4000-8000-0000000000d2
logsource:
    product: linux
    service: auditd
detection:
    selection:
        type: EXECVE
        a0: 55d0
    condition: selection
level: low
---
title: Any Record Of It
id: 00000000-0000-4000-8000-0000000000d3
logsource:
    product: linux
    service: auditd
detection:
    selection:
        key: etc
    condition: selection
level: low
";

/// The records of one process start.
fn started(node: &str, serial: u32, exe: &str) -> Vec<String> {
    let line = |kind: &str, body: &str| {
        format!("node={node} type={kind} msg=audit(1772445600.{:03}:{serial}): {body}", serial % 1000)
    };
    vec![
        line(
            "SYSCALL",
            &format!(
                "arch=c000003e syscall=59 success=yes exit=0 a0=55d0 pid=7 auid=1000 uid=0 comm=\"cat\" exe=\"{exe}\" key=\"etc\""
            ),
        ),
        line("EXECVE", "argc=2 a0=\"cat\" a1=\"/etc/shadow\""),
        line("CWD", "cwd=\"/root\""),
        line("PATH", "item=0 name=\"/usr/bin/cat\" inode=131 nametype=NORMAL"),
        line("PROCTITLE", "proctitle=636174"),
    ]
}

#[test]
fn audit_records_see_their_group_and_tell_a_rule_once() {
    let dir = WorkDir::default();
    dir.write("rules/r.yml", AUDIT_RULES);
    let groups = [
        started("web1", 10, "/usr/bin/cat"),
        started("web2", 10, "/usr/bin/cat"),
        started("web1", 11, "/usr/bin/backup"),
    ];
    // Interleaved, as several processors and nodes write them.
    let lines: Vec<&str> = (0..5).flat_map(|at| groups.iter().map(move |group| group[at].as_str())).collect();
    dir.write("audit.log", lines.join("\n") + "\n");
    let told = ndjson(&["replay", "--rules", "rules", "--", "audit.log"], &dir);
    let of = |id: &str| -> Vec<&Value> {
        told.iter().filter(|alert| alert["rule"]["id"].as_str().is_some_and(|rule| rule.ends_with(id))).collect()
    };
    assert_eq!((of("d1").len(), of("d2").len(), of("d3").len()), (2, 0, 3), "{told:#?}");
    let mut nodes: Vec<&str> = of("d1").iter().filter_map(|alert| alert["host"]["name"].as_str()).collect();
    nodes.sort_unstable();
    assert_eq!(nodes, ["web1", "web2"]);
    let alert = of("d1")[0];
    assert!(alert["evidence"][0]["raw"].as_str().is_some_and(|raw| raw.contains("type=EXECVE")), "{alert:#?}");
    assert_eq!(alert["process"]["executable"].as_array().map(Vec::len).unwrap_or(1), 1);

    let merged = ndjson(&["parse", "--join", "audit.log"], &dir);
    assert_eq!(merged.len(), 3);
    assert_eq!(merged[0]["process"]["args"], serde_json::json!(["cat", "/etc/shadow"]));
    assert_eq!(merged[0]["file"]["path"], "/usr/bin/cat");
    assert_eq!(merged[0]["event"]["original"], groups[0].join("\n"));
    assert_eq!(ndjson(&["parse", "audit.log"], &dir).len(), 15);

    // The same over a socket, node by node on connections of their own; a record that comes late tells nothing twice.
    dir.write(
        "noroshi.toml",
        "state_dir = \"state\"\n[rules]\npaths = [\"rules\"]\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
         [[input]]\nname = \"net\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n\
         [[output]]\ntype = \"file\"\npath = \"alerts.ndjson\"\n",
    );
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    for group in &groups {
        let mut connection = send::tcp(engine.address("net"));
        connection.write_all(format!("{}\n{}\n", group.join("\n"), group[0]).as_bytes()).expect("the engine reads");
    }
    engine.wait_received("net", 18);
    let rows = engine.terminate().assert_clean();
    assert_eq!((rows["net"].received, rows["net"].parsed), (18, 18));
    let live = alerts::finals(&alerts::parse(&dir.text("alerts.ndjson")));
    assert_eq!(live.len(), 5, "{live:#?}");
}
