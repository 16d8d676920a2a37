//! A feed from its server to the alert, and the commands about indicators.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};

use noroshi_tests::process::{Engine, run, told};
use noroshi_tests::scenario as s;
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{alerts, send, until};
use serde_json::{Value, json};

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");
const LIST: &str =
    "value,confidence,tlp,malware,reference,analyst\n192.0.2.0/24,90,amber+strict,Foo,https://example.com/r,kh\n";

/// Answers every request with a list.
fn serve(list: &'static str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = String::new();
            let mut lines = BufReader::new(stream.try_clone().expect("a handle"));
            while lines.read_line(&mut request).is_ok_and(|read| read > 2) {}
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{list}", list.len());
        }
    });
    format!("http://{address}/list.csv")
}

#[test]
fn a_polled_feed_raises_alerts_with_all_it_says() {
    let dir = WorkDir::default();
    let url = serve(LIST);
    dir.write(
        "noroshi.toml",
        format!(
            "state_dir = \"state\"\ntimezone = \"UTC\"\n[rules]\nreload_interval_s = 1\n\
             [[feed]]\nname = \"cert\"\nurl = \"{url}\"\nallow_http = true\nallow_networks = [\"127.0.0.1/32\"]\n\
             [[asset]]\ncriticality = \"high\"\nnetworks = [\"192.0.2.0/28\"]\n\
             [metrics]\nlisten = \"127.0.0.1:0\"\n\
             [[input]]\nname = \"net\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n\
             [[output]]\ntype = \"file\"\npath = \"alerts.ndjson\"\n"
        ),
    );
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    engine.wait_metric("noroshi_feed_indicators", "feed=\"cert\"", 1);
    engine.wait_metric("noroshi_indicators", "", 1);
    let line = s::nginx_get(1, "192.0.2.1", "/");
    send::tcp(engine.address("net")).write_all(format!("{line}\n").as_bytes()).expect("the engine reads");
    engine.wait_received("net", 1);
    let one = || alerts::parse(&dir.text("alerts.ndjson")).into_iter().next();
    let alert =
        until("the alert is in the file", || dir.join("alerts.ndjson").exists().then(one).flatten(), || engine.log());
    assert_eq!(alert["severity"], "critical");
    let told = &alert["threat"]["indicator"];
    let mut source = told["sources"][0].clone();
    assert!(source.as_object_mut().and_then(|source| source.remove("file")).is_some());
    assert_eq!(
        source,
        json!({
            "feed": "cert", "line": 2, "confidence": 90, "tlp": "AMBER+STRICT", "threats": ["Foo"],
            "references": ["https://example.com/r"], "columns": {"analyst": "kh"},
        })
    );
    for (name, expected) in [
        ("name", json!("192.0.2.0/24")),
        ("type", json!("ipv4-addr")),
        ("confidence", json!("High")),
        ("provider", json!("cert")),
        ("reference", json!("https://example.com/r")),
        ("marking", json!({"tlp": "AMBER+STRICT", "tlp_version": "2.0"})),
    ] {
        assert_eq!(told[name], expected, "{name}");
    }
    engine.terminate().assert_clean();
}

fn lines(dir: &WorkDir, args: &[&str], code: i32) -> Vec<Value> {
    let output = run(NOROSHI, dir.path(), args, b"");
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", told(&output));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into())).collect()
}

#[test]
fn indicators_are_listed_looked_up_imported_and_counted() {
    let dir = WorkDir::default();
    dir.write("list.csv", LIST);
    dir.write("known.txt", "192.0.2.64/26\nexample.com\n");
    dir.write("own.txt", "www.example.com\n203.0.113.5\n");
    dir.write(
        "noroshi.toml",
        "state_dir = \"state\"\n[indicators]\npaths = [\"own.txt\"]\nknown_good = [\"known.txt\"]\n[[feed]]\nname = \"cert\"\npaths = [\"list.csv\"]\ntlp = \"green\"\n",
    );
    let config = ["--config", "noroshi.toml", "--output", "ndjson"];
    let with = |command: &'static str, more: &[&'static str]| [&["intel", command], &config[..], more].concat();
    let names = |lines: &[Value]| {
        lines.iter().map(|line| line["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };

    assert_eq!(names(&lines(&dir, &with("list", &[]), 0)), ["www.example.com", "203.0.113.5", "192.0.2.0/24"]);
    assert_eq!(names(&lines(&dir, &with("list", &["--kind", "ip"]), 0)), ["203.0.113.5"]);
    assert_eq!(names(&lines(&dir, &with("list", &["--feed", "cert"]), 0)), ["192.0.2.0/24"]);
    let found = lines(&dir, &with("lookup", &["--", "hxxp://a.www[.]example[.]com/x", "192.0.2.7"]), 0);
    assert_eq!(names(&found), ["www.example.com", "192.0.2.0/24"]);
    assert_eq!((&found[0]["held_back_by"], &found[1]["sources"][0]["feed"]), (&json!("known"), &json!("cert")));
    lines(&dir, &with("lookup", &["--", "198.51.100.9"]), 1);

    dir.write(
        "case.json",
        r#"{"objects": [{"type": "indicator", "pattern": "[url:value = 'http://evil.example/a']"}]}"#,
    );
    dir.write("half.json", r#"{"objects": ["#);
    let import = ["intel", "import", "--config", "noroshi.toml", "--feed", "cert"];
    assert_eq!(
        lines(&dir, &[&import[..], &["case.json"]].concat(), 0),
        ["case.json: 1 indicators, 0 refused, 0 left out"]
    );
    lines(&dir, &[&import[..], &["half.json"]].concat(), 2);
    let stats = &lines(&dir, &with("stats", &[]), 0)[0];
    assert_eq!(stats["kinds"], json!({"ip": 1, "cidr": 1, "domain": 1, "url": 1}));
    assert_eq!(stats["feeds"], json!([{"name": "cert", "indicators": 2, "kept_from_before": false}]));
}
