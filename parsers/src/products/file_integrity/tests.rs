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

#[track_caller]
fn check(record: &str, action: &str, path: &str) {
    let event = decode(record);
    assert_eq!(
        (&event["event"]["action"], &event["file"]["path"]),
        (&json!(action), &json!(path)),
        "{record}: {event}"
    );
}

#[test]
fn the_same_file_by_every_report() {
    check("f++++++++++++++++: /etc/new.conf", "added", "/etc/new.conf");
    check("f----------------: /etc/old.conf", "removed", "/etc/old.conf");
    check("d =.... mc.. .. : /var/spool", "changed", "/var/spool");
    check("f >p.... mc..C.. : /etc/a: b", "changed", "/etc/a: b");
    check("changed: /etc/passwd", "changed", "/etc/passwd");
    check("<30>Mar  1 08:09:10 lx1 tripwire[9]: Modified: \"/etc/passwd\"", "changed", "/etc/passwd");
    check(
        "<132>Mar  1 08:09:10 mgr ossec: Alert Level: 7; Rule: 553 - File deleted.; Location: (db1) 192.0.2.8->syscheck; File '/etc/x' was deleted. Unable to retrieve checksum.",
        "deleted",
        "/etc/x",
    );
}

#[test]
fn what_only_looks_like_a_report_is_none() {
    for record in ["first: /etc/passwd", "d: /x", "added: nothing", "File: report.txt", "ffffffffffffffff:/x"] {
        assert_ne!(decode(record)["noroshi"]["product"], "file_integrity", "{record}");
    }
}
