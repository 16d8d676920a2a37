//! The whole thread: real sockets, a followed file and standard input in, exactly the expected alerts out.

use std::io::Write as _;

use noroshi_tests::process::Engine;
use noroshi_tests::scenario::{self as s, stamp};
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{alerts, send, until};
use serde_json::{Value, json};

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

const CONFIG: &str = r#"
node = "node-under-test"
state_dir = "state"
timezone = "UTC"
[rules]
paths = ["rules"]
[indicators]
paths = ["iocs.txt"]
[metrics]
listen = "127.0.0.1:0"
[[input]]
name = "udp"
type = "udp"
listen = "127.0.0.1:0"
[[input]]
name = "tcp"
type = "tcp"
listen = "127.0.0.1:0"
[[input]]
name = "tls"
type = "tls"
listen = "127.0.0.1:0"
certificate_file = "tls/server.pem"
key_file = "tls/server.key"
client_ca_file = "tls/ca.pem"
[[input]]
name = "web"
type = "file"
paths = ["access.log"]
poll_interval_ms = 20
[[input]]
name = "piped"
type = "stdin"
[[output]]
type = "file"
path = "alerts.ndjson"
"#;

/// What is expected of one final alert.
struct Expected {
    rule: &'static str,
    name: &'static str,
    severity: &'static str,
    count: u64,
    first: u32,
    last: u32,
    technique: Option<&'static str>,
    source: &'static str,
    entities: Value,
    evidence: Vec<Value>,
}

/// Every member of `expected` is in `found`, with the same value.
#[track_caller]
fn assert_holds(found: &Value, expected: &Value, at: &str) {
    match expected {
        Value::Object(members) => {
            for (name, value) in members {
                assert_holds(&found[name], value, &format!("{at}.{name}"));
            }
        }
        other => assert_eq!(found, other, "{at}"),
    }
}

#[track_caller]
fn check(alert: &Value, expected: &Expected) {
    let at = format!("{} of {}", expected.name, expected.first);
    let number = match expected.severity {
        "critical" => 90,
        "high" => 70,
        "medium" => 50,
        "low" => 30,
        other => panic!("{other}"),
    };
    let (first, last) = (stamp(expected.first), stamp(expected.last));
    assert_holds(
        alert,
        &json!({
            "event": {"kind": "alert", "start": first, "end": last, "severity": number},
            "rule": {"id": expected.rule, "name": expected.name},
            "noroshi": {"state": "final", "count": expected.count, "provenance": {"node": "node-under-test", "lossy": false}},
            "first_seen": first, "last_seen": last, "severity": expected.severity, "sources": [expected.source],
        }),
        &at,
    );
    assert_holds(alert, &expected.entities, &at);
    match expected.technique {
        Some(technique) => assert_eq!(alert["threat"]["technique"]["id"], json!([technique]), "{at}"),
        None => assert!(alert["threat"]["technique"].is_null(), "{at}"),
    }
    for digest in ["rules", "indicators", "config"] {
        assert_eq!(alert["noroshi"]["digests"][digest].as_str().map(str::len), Some(64), "{at}: digest {digest}");
    }
    assert_eq!(alert["noroshi"]["id"].as_str().map(str::len), Some(32), "{at}: id of 16 bytes");
    let provenance = &alert["noroshi"]["provenance"];
    assert!(provenance["emitted_at"].is_string() && provenance["sequence"].is_u64(), "{at}: {provenance}");
    assert!(!alert["noroshi"]["explain"].as_array().expect("explain is a list").is_empty(), "{at}");
    assert!(alert["@timestamp"].is_string() && alert["tags"].is_array(), "{at}");
    let evidence = alert["evidence"].as_array().expect("evidence is a list");
    assert_eq!(evidence.len(), expected.evidence.len(), "{at}: {evidence:?}");
    for (found, expected) in evidence.iter().zip(&expected.evidence) {
        assert_holds(found, expected, &at);
    }
}

#[test]
fn lines_over_every_input_become_exactly_the_expected_alerts() {
    let dir = WorkDir::default();
    let pki = send::Pki::new(&dir);
    dir.write("noroshi.toml", CONFIG);
    dir.write("rules/e2e.yml", s::RULES);
    dir.write("iocs.txt", s::INDICATORS);
    let passwd = s::nginx_get(7, "198.51.100.23", "/../../etc/passwd");
    dir.write("access.log", format!("{}\n", s::nginx_get(6, "198.51.100.23", "/")));
    let mut engine = Engine::start(NOROSHI, dir.path(), &[]);

    // Six failures of one address within 50 s are a brute force of six; four of another are none.
    let failed: Vec<String> = (0..6).map(|n| s::ssh_failed(n * 10, "bastion", "root", "203.0.113.7")).collect();
    let few: Vec<String> = (0..4).map(|n| s::ssh_failed(n * 10, "bastion", "root", "198.51.100.77")).collect();
    let mut records: Vec<&[u8]> = failed.iter().chain(&few).map(String::as_bytes).collect();
    records.insert(3, b"<13>Mar  2 10:00:00 bastion neighbour: between octet counts and newlines");
    let mut tcp = send::tcp(engine.address("tcp"));
    for half in send::mixed_framing(&records).chunks(97) {
        tcp.write_all(half).expect("the engine reads");
    }

    // Five ports of one host, one of them twice, are a scan; three ports of another are none.
    let ports = [22, 23, 80, 80, 443];
    let mut scan: Vec<String> =
        ports.iter().zip(300..).map(|(&port, second)| s::asa_denied(second, "fw", "198.51.100.9", port)).collect();
    scan.extend([22, 23, 80].iter().map(|&port| s::asa_denied(302, "fw", "198.51.100.10", port)));
    send::udp(engine.address("udp"), &scan);

    // Without a certificate nothing comes in; the session may fail at once or at its first answer.
    let mut stranger = pki.connect(engine.address("tls"), false);
    let _ = stranger.write_all(&send::octet_counted(s::eve_dns(1, "10.0.0.99", "bad-domain.example").as_bytes()));
    let _ = stranger.flush();
    let dns = s::eve_dns(9, "10.0.0.8", "cdn.bad-domain.example");
    let forti = s::fortigate_accepted(5, "fgt-1", "10.0.0.5", "203.0.113.66");
    let mut tls = pki.connect(engine.address("tls"), true);
    for record in [&dns, &s::eve_dns(10, "10.0.0.8", "notbad-domain.example"), &forti] {
        let framed = match record.starts_with('<') {
            true => send::octet_counted(record.as_bytes()),
            false => format!("{record}\n").into_bytes(),
        };
        tls.write_all(&framed).expect("the engine reads");
    }
    tls.flush().expect("the engine reads");

    dir.append("access.log", format!("{passwd}\n"));
    let created = s::windows_account_created(11, "dc1.example.test", "svc-copy");
    writeln!(engine.stdin(), "{created}").expect("the engine reads");
    writeln!(engine.stdin(), "nothing that anyone knows").expect("the engine reads");

    engine.wait_received("udp", 8);
    engine.wait_received("tcp", 11);
    engine.wait_received("tls", 3);
    // An hour later on each source the windows above are over.
    tcp.write_all(format!("{}\n", s::ssh_listening(3600, "bastion")).as_bytes()).expect("the engine reads");
    send::udp(engine.address("udp"), &[s::asa_command(3600, "fw")]);
    let finals = || alerts::finals(&alerts::parse(&dir.text("alerts.ndjson")));
    until("six final alerts", || (finals().len() >= 6).then_some(()), || format!("{:#?}\n{}", finals(), engine.log()));
    let (status, health) = engine.get("/healthz");
    assert_eq!((status, health.as_str()), (200, "ok\n"));
    drop((tls, stranger));

    let ended = engine.terminate();
    let rows = ended.assert_clean();
    let told = |input: &str| (rows[input].received, rows[input].parsed, rows[input].kept_raw);
    assert_eq!(told("udp"), (9, 9, 0));
    assert_eq!(told("tcp"), (12, 12, 0));
    assert_eq!(told("tls"), (3, 3, 0));
    assert_eq!(told("web"), (2, 2, 0));
    assert_eq!(told("piped"), (2, 1, 1));
    assert_eq!(told("total"), (28, 27, 1));
    assert!(dir.text("state/spool/unparsed.ndjson").contains("nothing that anyone knows"));

    let access_log = dir.join("access.log");
    let expected = [
        Expected {
            rule: s::BRUTE_FORCE,
            name: "SSH Brute Force",
            severity: "high",
            count: 6,
            first: 0,
            last: 50,
            technique: Some("T1110.001"),
            source: "linux_auth",
            entities: json!({"source": {"ip": "203.0.113.7"}, "user": {"name": "root"}, "host": {"name": "bastion"}}),
            evidence: failed.iter().map(|raw| json!({"input": "tcp", "peer": "127.0.0.1", "raw": raw})).collect(),
        },
        Expected {
            rule: s::PORT_SCAN,
            name: "Port Scan",
            severity: "medium",
            count: 5,
            first: 300,
            last: 304,
            technique: Some("T1046"),
            source: "cisco_asa",
            entities: json!({"source": {"ip": "198.51.100.9"}, "destination": {"ip": "192.0.2.10"}}),
            evidence: scan[..5].iter().map(|raw| json!({"input": "udp", "raw": raw})).collect(),
        },
        Expected {
            rule: s::PASSWORD_FILE,
            name: "Password File Asked For",
            severity: "critical",
            count: 1,
            first: 7,
            last: 7,
            technique: Some("T1083"),
            source: "access_log",
            entities: json!({"source": {"ip": "198.51.100.23"}}),
            evidence: vec![json!({"file": access_log, "line": 2, "raw": passwd})],
        },
        Expected {
            rule: s::ACCOUNT_CREATED,
            name: "Account Created",
            severity: "low",
            count: 1,
            first: 11,
            last: 11,
            technique: Some("T1136"),
            source: "windows",
            entities: json!({"host": {"name": "dc1.example.test"}}),
            evidence: vec![json!({"file": "-", "line": 1, "raw": created})],
        },
        Expected {
            rule: "noroshi.indicator.ip",
            name: "Known indicator contacted (ip)",
            severity: "high",
            count: 1,
            first: 5,
            last: 5,
            technique: None,
            source: "fortigate",
            entities: json!({"destination": {"ip": "203.0.113.66"}, "threat": {"indicator": {"name": "203.0.113.66"}}}),
            evidence: vec![json!({"input": "tls", "raw": forti})],
        },
        Expected {
            rule: "noroshi.indicator.domain",
            name: "Known indicator contacted (domain)",
            severity: "high",
            count: 1,
            first: 9,
            last: 9,
            technique: None,
            source: "suricata",
            entities: json!({"source": {"ip": "10.0.0.8"}, "threat": {"indicator": {"name": "bad-domain.example"}}}),
            evidence: vec![json!({"input": "tls", "raw": dns})],
        },
    ];
    let told = alerts::parse(&dir.text("alerts.ndjson"));
    let finals = alerts::finals(&told);
    assert_eq!(finals.len(), expected.len(), "{finals:#?}");
    for expected in &expected {
        let of_rule: Vec<&Value> = finals.iter().filter(|alert| alert["rule"]["id"] == expected.rule).collect();
        assert_eq!(of_rule.len(), 1, "{}: {of_rule:#?}", expected.name);
        check(of_rule[0], expected);
    }
    // What was told early is of these two correlations, is answered by a final, and nothing else.
    let counts = alerts::by_id_and_state(&told);
    for alert in told.iter().filter(|alert| alert["noroshi"]["state"] == "open") {
        let id = &alert["noroshi"]["id"];
        let answered = finals.iter().any(|last| {
            let superseded = last["noroshi"]["provenance"]["supersedes"].as_array();
            last["noroshi"]["id"] == *id || superseded.is_some_and(|ids| ids.contains(id))
        });
        assert!(answered, "an open alert without its final: {alert}");
        assert!([s::BRUTE_FORCE, s::PORT_SCAN].contains(&alert["rule"]["id"].as_str().unwrap_or_default()));
    }
    assert!(counts.iter().all(|((_, state), &count)| state == "open" || count == 1), "{counts:?}");
}
