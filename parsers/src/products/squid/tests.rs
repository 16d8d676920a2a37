use std::sync::Arc;

use serde_json::{Value, json};

use crate::decode::{Decoder, SourceOptions};
use crate::dictionary::Dictionary;
use crate::event::Event;

fn decode(record: &str) -> Value {
    let dictionary = Arc::new(Dictionary::new());
    let mut event = Event::new();
    Decoder::new(dictionary.clone()).decode(record.as_bytes(), 0, &SourceOptions::default(), &mut event);
    crate::document::to_json(event.view(record.as_bytes()), &dictionary)
}

#[test]
fn native_lines() {
    let event = decode(
        "1772352550.123    250 10.1.2.3 TCP_MISS/200 4096 GET http://www.example.com:8080/a/b.html?q=1 aoki HIER_DIRECT/198.51.100.7 text/html",
    );
    assert_eq!(event["noroshi"]["product"], "squid");
    assert_eq!(event["@timestamp"], "2026-03-01T08:09:10.123Z");
    assert_eq!(event["event"]["duration"], 250_000_000);
    assert_eq!(event["source"], json!({"ip": "10.1.2.3", "address": "10.1.2.3", "user": {"name": "aoki"}}));
    assert_eq!(event["destination"], json!({"bytes": 4096, "address": "198.51.100.7", "ip": "198.51.100.7"}));
    assert_eq!(event["url"]["port"], 8080);
    assert_eq!(event["url"]["query"], "q=1");
    assert_eq!(event["http"]["response"]["status_code"], 200);
    assert_eq!(event["squid"]["log"]["hierarchy"], "HIER_DIRECT");
}

#[test]
fn denials_and_tunnels() {
    let event = decode(
        "<134>Mar  1 08:09:10 px1 squid[77]: 1772352550.123      0 10.1.2.3 TCP_DENIED/407 1761 CONNECT bad.example:443 - HIER_NONE/- text/html",
    );
    assert_eq!(event["noroshi"]["product"], "squid");
    assert_eq!(event["event"]["type"], json!(["access", "denied"]));
    assert_eq!(event["event"]["outcome"], "failure");
    assert_eq!(event["url"]["original"], "bad.example:443");
}

#[test]
fn a_line_cut_short_is_told() {
    let event = decode("1772352550.123      0 10.1.2.3 TCP_DENIED/407 x GET http://a/ -");
    assert_eq!(event["noroshi"]["defects"], json!(["number_invalid", "truncated"]));
    assert_ne!(decode("1772352550.123 something else entirely")["noroshi"]["product"], "squid");
}
