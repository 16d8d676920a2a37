use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::decode::{Decoder, SourceOptions};
use crate::dictionary::Dictionary;
use crate::event::Event;

fn decode(record: &[u8]) -> Value {
    let dictionary = Arc::new(Dictionary::new());
    let mut event = Event::new();
    Decoder::new(dictionary.clone()).decode(record, 0, &SourceOptions::default(), &mut event);
    crate::document::to_json(event.view(record), &dictionary)
}

const LINE: &str = r"CEF:0|Acme\|Co|Gate\\Keeper|1.2|100|worm \| stopped|7|src=10.0.0.1 spt=1232 dst=2001:db8::1 dpt=443 proto=TCP act=blocked suser=aoki msg=a \= b\nnext line request=https://h.example/p?a=b cs1Label=Rule Name cs1=deny all my.key=v rt=1772352550123";

#[test]
fn header_extension_and_escapes() {
    let event = decode(LINE.as_bytes());
    assert_eq!(event["noroshi"]["product"], "cef");
    assert_eq!(event["@timestamp"], "2026-03-01T08:09:10.123Z");
    let observer = json!({"vendor": "Acme|Co", "product": "Gate\\Keeper", "version": "1.2"});
    assert_eq!(event["observer"], observer);
    assert_eq!(event["cef"]["name"], "worm | stopped");
    assert_eq!(event["event"]["code"], "100");
    assert_eq!(event["event"]["severity"], 7);
    assert_eq!(event["event"]["action"], "blocked");
    assert_eq!(event["source"], json!({"ip": "10.0.0.1", "port": 1232, "user": {"name": "aoki"}}));
    assert_eq!(event["destination"], json!({"ip": "2001:db8::1", "port": 443}));
    assert_eq!(event["network"]["transport"], "tcp");
    assert_eq!(event["message"], "a = b\nnext line");
    assert_eq!(event["url"]["query"], "a=b");
    let extensions = &event["cef"]["extensions"];
    assert_eq!(extensions["deviceCustomString1"], "deny all");
    assert_eq!(extensions["deviceCustomString1Label"], "Rule Name");
    assert_eq!(extensions["my"]["key"], "v");
    assert!(event["noroshi"].get("defects").is_none(), "{event}");
}

#[test]
fn behind_a_syslog_header() {
    let event = decode(format!("<134>Mar  1 08:09:10 fw1 {LINE}").as_bytes());
    assert_eq!(event["noroshi"]["product"], "cef");
    assert_eq!(event["@timestamp"], "2026-03-01T08:09:10.123Z");
    assert_eq!(event["source"]["ip"], "10.0.0.1");
}

#[test]
fn stamps_in_words() {
    for (rt, time) in [
        ("Mar 01 2026 08:09:10", "2026-03-01T08:09:10Z"),
        ("Mar 01 2026 08:09:10.250 UTC", "2026-03-01T08:09:10.250Z"),
        ("2026-03-01T17:09:10+09:00", "2026-03-01T08:09:10Z"),
    ] {
        assert_eq!(decode(format!("CEF:1|a|b|c|d|e|Low|rt={rt} x=y").as_bytes())["@timestamp"], time, "{rt}");
    }
}

#[test]
fn broken_records_keep_what_they_have() {
    let event = decode(b"CEF:0|a|b|c");
    assert_eq!(event["observer"]["vendor"], "a");
    assert_eq!(event["noroshi"]["defects"], json!(["time_missing", "message_malformed"]));
    let event = decode(b"CEF:0|a|b|c|d|e|5");
    assert_eq!(event["noroshi"]["defects"], json!(["time_missing"]));
    let event = decode(b"CEF:0|a|b|c|d|e|5|src=x spt=70000 src=10.0.0.1");
    assert_eq!(event["noroshi"]["defects"], json!(["time_missing", "number_invalid", "duplicate_key"]));
}

proptest! {
    #[test]
    fn any_change_is_survived(cut in 0usize..400, at in 0usize..400, byte in any::<u8>()) {
        let mut record = LINE.as_bytes().to_vec();
        let len = record.len();
        record[at % len] = byte;
        record.truncate(cut.max(1));
        let event = decode(&record);
        let original = String::from_utf8_lossy(&record).into_owned();
        prop_assert_eq!(event["event"]["original"].as_str(), Some(original.as_str()));
    }
}
