//! RELP and HTTP into the running engine: what senders are told, what alerts tell of them, and the ledger.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use noroshi_tests::process::{Engine, run, told};
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{alerts, send};

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

const RULE: &str = "title: Vault opened\nid: 6f0d2a52-6a2b-4a43-9c0e-0d4b7f3f5c11\nstatus: test\nlevel: high\nlogsource:\n  category: any\ndetection:\n  keywords:\n    - vault opened\n  condition: keywords\n";

fn prepared() -> WorkDir {
    let dir = WorkDir::default();
    dir.write(
        "noroshi.toml",
        "state_dir = \"state\"\ntimezone = \"UTC\"\n[rules]\npaths = [\"rules\"]\nignore_logsource = true\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
         [[input]]\nname = \"http\"\ntype = \"http\"\nlisten = \"127.0.0.1:0\"\ntoken_file = \"tokens\"\n\
         [[input]]\nname = \"relp\"\ntype = \"relp\"\nlisten = \"127.0.0.1:0\"\n\
         [[output]]\ntype = \"file\"\npath = \"alerts.ndjson\"\n",
    );
    dir.write("tokens", "branch 0123456789abcdef-branch\n");
    dir.write("rules/vault.yml", RULE);
    dir
}

fn post(engine: &Engine, path: &str, body: &str) -> String {
    let mut stream = send::tcp(engine.address("http"));
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    let head = "Host: noroshi\r\nAuthorization: Splunk 0123456789abcdef-branch\r\nConnection: close\r\n";
    write!(stream, "POST {path} HTTP/1.1\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn relp(stream: &mut BufReader<TcpStream>, command: &str, answer: &str) {
    stream.get_mut().write_all(command.as_bytes()).expect("it reads");
    let mut line = String::new();
    stream.read_line(&mut line).expect("it answers");
    assert!(line.starts_with(answer), "{line:?}");
}

#[test]
fn what_is_acknowledged_is_worked_off_and_alerts_tell_what_the_sender_says() {
    let dir = prepared();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let answer = post(
        &engine,
        "/services/collector",
        r#"{"time":1772445600.5,"host":"branch-7","sourcetype":"door","event":"vault opened"}{"event":"nothing"}"#,
    );
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(r#"{"text":"Success","code":0}"#), "{answer}");
    let answer = post(&engine, "/doors/_bulk", "{\"create\":{}}\n{\"message\":\"vault opened\"}\n");
    assert!(answer.contains("\"errors\":false"), "{answer}");
    let stream = send::tcp(engine.address("relp"));
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    let mut stream = BufReader::new(stream);
    relp(&mut stream, "1 open 14 relp_version=0\n", "1 rsp ");
    for _ in 0..3 {
        stream.read_line(&mut String::new()).expect("its offers");
    }
    let record = "<13>Mar  2 10:00:00 hq door: vault opened";
    relp(&mut stream, &format!("2 syslog {} {record}\n", record.len()), "2 rsp 6 200 OK\n");
    // Answered means handed to the outputs: a stop writes them.
    let ended = engine.terminate();
    let rows = ended.assert_clean();
    assert!(ended.stderr.contains("note: input `http`: acknowledged means worked off"), "{}", ended.stderr);
    assert_eq!((rows["http"].received, rows["relp"].received), (3, 1));
    let told = alerts::parse(&dir.text("alerts.ndjson"));
    assert_eq!(told.len(), 3);
    let by = |input: &str, index: bool| {
        let of = |alert: &&serde_json::Value| {
            let evidence = &alert["evidence"][0];
            evidence["input"] == input && evidence["said"]["index"].is_string() == index
        };
        told.iter().find(of).expect("an alert").clone()
    };
    let hec = by("http", false);
    assert_eq!(hec["evidence"][0]["said"], serde_json::json!({"host": "branch-7", "sourcetype": "door"}));
    assert_eq!(hec["evidence"][0]["raw"], "vault opened");
    assert_eq!(hec["event"]["start"], "2026-03-02T10:00:00.500Z");
    assert_eq!(hec["host"]["name"], "branch-7");
    assert_eq!(by("http", true)["evidence"][0]["raw"], "{\"message\":\"vault opened\"}");
    assert_eq!(by("relp", false)["evidence"][0]["raw"], record);
}

#[test]
fn check_tells_what_an_acknowledgement_is_worth() {
    let dir = prepared();
    let output = run(NOROSHI, dir.path(), &["check", "--config", "noroshi.toml", "--output", "table"], b"");
    let text = told(&output);
    assert!(text.contains("note: input `relp`: acknowledged means worked off"), "{text}");
    dir.write("tokens", "short\n");
    let output = run(NOROSHI, dir.path(), &["run", "--config", "noroshi.toml"], b"");
    let text = told(&output);
    assert!(text.contains("line 1: a token has 16 to 1024 characters") && !text.contains("short"), "{text}");
}
