use super::*;
use crate::testing::fields;

#[track_caller]
fn check(text: &str, wanted: &str, expected: &str) {
    let record = format!("<181>Mar  3 10:42:25 ise1 CISE_{text}");
    assert_eq!(fields(record.as_bytes(), "UTC", wanted), expected, "{text}");
}

#[test]
fn escaped_separators_and_braces_end_no_value() {
    let text = "Failed_Attempts 0000000001 1 0 2026-03-03 10:42:25.842 +09:00 0000000002 5400 NOTICE Failed-Attempt: \
                Authentication failed, OperationMessageText=a\\, b, Response={A=1; B={x,y}; }, User-Name=kim, Step=1, Step=2,";
    check(
        text,
        "time OperationMessageText Response.* user.name Step event.action event.outcome",
        "time=2026-03-03T01:42:25.842Z; OperationMessageText=a, b; Response.A=1; Response.B={x,y}; user.name=kim; \
         Step=1,2; event.action=failed-attempt; event.outcome=failure",
    );
}

#[test]
fn later_segments_have_attributes_alone() {
    check(
        "Administrative_and_Operational_Audit 0000001486 2 1  AdminIPAddress=192.0.2.7, AdminName=kim,",
        "client.ip client.user.name related.user defects",
        "client.ip=192.0.2.7; client.user.name=kim; related.user=kim; defects=year_inferred,zone_assumed",
    );
}

#[test]
fn ends_of_values() {
    for (text, expected) in [("a\\,b,c", 4), ("{a,b}, c", 5), ("{a,b", 2), ("[ x=1 ], y", 7), ("", 0), ("a\\", 2)] {
        assert_eq!(end_of_value(text.as_bytes(), b','), expected, "{text}");
    }
}
