use super::*;
use crate::testing::fields;

#[track_caller]
fn check(pairs: &str, field: &str, expected: &str) {
    let record = format!("<113>2026-01-02T03:04:05Z fw %FTD-1-430003: {pairs}");
    assert_eq!(fields(record.as_bytes(), "UTC", field), expected, "{pairs}");
}

#[test]
fn commas_and_colons_within_values_end_nothing() {
    let agent =
        "UserAgent: Mozilla/5.0 (X11; Linux) (KHTML, like Gecko) x: 1, URL: http://example.com/a,b?c=d, FileCount: 1";
    check(agent, "user_agent.original", "user_agent.original=Mozilla/5.0 (X11; Linux) (KHTML, like Gecko) x: 1");
    check(agent, "url.original", "url.original=http://example.com/a,b?c=d");
    check(agent, "FileCount", "FileCount=1");
}

#[test]
fn empty_values_and_missing_blanks() {
    let text = "Client: ,SrcPort:,DstPort: 53,Empty: , User: LAB\\kim";
    check(text, "Client", "");
    check(text, "destination.port", "destination.port=53");
    check(text, "user.name", "user.name=kim");
    check("User: Not Found", "user.name", "");
}

#[test]
fn actions_that_decide_nothing_have_no_verdict() {
    for (action, expected) in [
        ("Allow", Some("allowed")),
        ("Interactive Block with reset", Some("denied")),
        ("Monitor", None),
        ("Detect", None),
    ] {
        assert_eq!(verdict_of(action.as_bytes()), expected, "{action}");
    }
}

#[test]
fn the_audit_log_ends_in_marks_of_a_line_feed_and_a_nul() {
    for end in [" x0a x00", "\0x0a\0x00"] {
        let record = format!(
            "<14>Mar  1 2026 09:10:11 sfdccsm: fmc1: admin@192.0.2.77, Devices > Platform Settings, Save Policy{end}"
        );
        assert_eq!(fields(record.as_bytes(), "UTC", "event.action"), "event.action=Save Policy", "{end:?}");
        assert_eq!(fields(record.as_bytes(), "UTC", "source.ip"), "source.ip=192.0.2.77", "{end:?}");
    }
}
