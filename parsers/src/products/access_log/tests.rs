use std::sync::Arc;

use serde_json::{Value, json};

use crate::decode::{Decoder, SourceOptions};
use crate::dictionary::Dictionary;
use crate::event::Event;
use crate::logsource::ProductId;

fn decode_as(record: &str, format: Option<ProductId>) -> (Value, &'static str) {
    let dictionary = Arc::new(Dictionary::new());
    let mut event = Event::new();
    let options = SourceOptions { format, ..SourceOptions::default() };
    Decoder::new(dictionary.clone()).decode(record.as_bytes(), 0, &options, &mut event);
    (crate::document::to_json(event.view(record.as_bytes()), &dictionary), event.core.log_source.get().name)
}

fn decode(record: &str) -> Value {
    decode_as(record, None).0
}

#[test]
fn combined_lines() {
    let line = r#"192.0.2.9 - sato [01/Mar/2026:17:09:10 +0900] "POST /login.php?next=%2F HTTP/1.1" 403 612 "https://bank.example/" "Mozilla/5.0 (X11; Linux x86_64)""#;
    let (event, log_source) = decode_as(line, None);
    assert_eq!(log_source, "access_log");
    assert_eq!(event["@timestamp"], "2026-03-01T08:09:10Z");
    assert_eq!(event["source"], json!({"ip": "192.0.2.9", "address": "192.0.2.9"}));
    assert_eq!(event["user"]["name"], "sato");
    assert_eq!(event["http"]["request"], json!({"method": "POST", "referrer": "https://bank.example/"}));
    assert_eq!(event["http"]["response"], json!({"status_code": 403, "body": {"bytes": 612}}));
    let url = json!({"original": "/login.php?next=%2F", "path": "/login.php", "extension": "php", "query": "next=%2F"});
    assert_eq!(event["url"], url);
    assert_eq!(event["event"]["outcome"], "failure");
    assert!(event["noroshi"].get("defects").is_none(), "{event}");
    let (event, log_source) = decode_as(line, Some(crate::products::NGINX));
    assert_eq!((event["event"]["module"].as_str(), log_source), (Some("nginx"), "nginx"));
    let (_, log_source) = decode_as(&format!("<134>Mar  1 08:09:10 web1 nginx: {line}"), None);
    assert_eq!(log_source, "nginx");
}

#[test]
fn what_stands_before_the_client() {
    let event = decode(r#"shop.example:443 192.0.2.9 - - [01/Mar/2026:08:09:10 +0000] "GET / HTTP/2.0" 200 5"#);
    assert_eq!(event["url"]["domain"], "shop.example");
    assert_eq!(event["source"]["ip"], "192.0.2.9");
    let event = decode(r#"10.0.0.2, 192.0.2.9 - - [01/Mar/2026:08:09:10 +0000] "GET / HTTP/1.1" 200 5 "-" "-""#);
    assert_eq!(event["source"]["ip"], "192.0.2.9", "the first public address is the client");
    assert_eq!(event["related"]["ip"], json!(["192.0.2.9", "10.0.0.2"]));
}

#[test]
fn requests_that_are_none() {
    let event = decode(r#"192.0.2.9 - - [01/Mar/2026:08:09:10 +0000] "\x16\x03\x01" 400 226 "-" "-""#);
    assert_eq!(event["url"]["original"], r"\x16\x03\x01");
    assert_eq!(event["noroshi"]["defects"], json!(["message_malformed"]));
    let event = decode(r#"192.0.2.9 - - [01/Mar/2026:08:09:10 +0000] "-" 408 -"#);
    assert!(event.get("url").is_none() && event["noroshi"].get("defects").is_none(), "{event}");
    let event = decode(r#"192.0.2.9 - - [01/Mar/2026:08:09:10 +0000] "GET /a\"b HTTP/1.0" 200 1 "-" "x"#);
    assert_eq!(event["url"]["original"], r#"/a\"b"#);
    assert_eq!(event["noroshi"]["defects"], json!(["unbalanced_quote"]));
}

#[test]
fn error_logs() {
    let (event, log_source) = decode_as(
        "[Sun Mar 01 08:09:10.123456 2026] [authz_core:error] [pid 7:tid 99] [client 192.0.2.9:40000] AH01630: client denied by server configuration: /srv/x",
        None,
    );
    assert_eq!(log_source, "apache_error");
    assert_eq!(event["@timestamp"], "2026-03-01T08:09:10.123456Z");
    assert_eq!(event["log"]["level"], "error");
    assert_eq!(event["process"], json!({"pid": 7, "thread": {"id": 99}}));
    assert_eq!(event["source"]["port"], 40000);
    let (event, log_source) = decode_as(
        r#"2026/03/01 08:09:10 [error] 77#3: *12 open() "/srv/x" failed (2: No such file or directory), client: 192.0.2.9, server: a.example, request: "GET /x HTTP/1.1", host: "a.example""#,
        None,
    );
    assert_eq!(log_source, "nginx_error");
    assert_eq!(event["source"]["ip"], "192.0.2.9");
    assert_eq!(event["url"]["path"], "/x");
    assert_eq!(event["url"]["domain"], "a.example");
}
