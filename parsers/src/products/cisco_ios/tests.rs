use crate::testing::fields;

#[track_caller]
fn check(record: &str, wanted: &str, expected: &str) {
    assert_eq!(fields(record.as_bytes(), "UTC", wanted), expected, "{record}");
}

const HEAD: &str = "time host.hostname message_count sequence uptime node facility event.code message";

#[test]
fn headers_as_devices_and_relays_write_them() {
    let tail = "facility=FOO; event.code=BAR; message=text";
    for (head, expected) in [
        (
            "<189>77: sw1: 000012: Jan  6 2026 10:00:00.250 UTC: ",
            "time=2026-01-06T10:00:00.250Z; host.hostname=sw1; message_count=77; sequence=000012; ",
        ),
        (
            "<189>77: sw1: Jan  6 2026 10:00:00 JST: ",
            "time=2026-01-06T01:00:00Z; host.hostname=sw1; message_count=77; ",
        ),
        ("<189>77: .Jan  6 10:00:00.250: ", "time=2026-01-06T10:00:00.250Z; message_count=77; "),
        ("<189>77: sw1: 000012: 2y10w: ", "host.hostname=sw1; message_count=77; sequence=000012; uptime=2y10w; "),
        ("<189>77: 00:00:46: ", "message_count=77; uptime=00:00:46; "),
        ("<189>: sw1: Jan  6 2026 10:00:00 UTC+07:30: ", "time=2026-01-06T02:30:00Z; host.hostname=sw1; "),
        ("<189>: 2026 Jan  6 10:00:00 PDT: ", "time=2026-01-06T17:00:00Z; "),
        ("<189>sw1 : 2026 Jan  6 10:00:00.123 UTC: ", "time=2026-01-06T10:00:00.123Z; host.hostname=sw1; "),
        ("<189>*Jan  6 2026 10:00:00.250 mdt: ", "time=2026-01-06T16:00:00.250Z; "),
        (
            "Jan  5 09:00:00 192.0.2.1 12: Jan  6 10:00:00.250: ",
            "time=2026-01-06T10:00:00.250Z; host.hostname=192.0.2.1; sequence=12; ",
        ),
        (
            "Jan  5 09:00:00 192.0.2.1 12: sw1: *Jan  6 10:00:00.250: ",
            "time=2026-01-06T10:00:00.250Z; host.hostname=sw1; sequence=12; ",
        ),
        (
            "<189>7: Jan  5 09:00:00 192.0.2.1 sw1: 12: Jan  6 2026 10:00:00 UTC: ",
            "time=2026-01-06T10:00:00Z; host.hostname=sw1; message_count=7; sequence=12; ",
        ),
        (
            "<189>123: r1 RP/0/RSP0/CPU0:Jan  6 10:00:00.250 UTC: cfg[65]: ",
            "time=2026-01-06T10:00:00.250Z; host.hostname=r1; message_count=123; node=RP/0/RSP0/CPU0; ",
        ),
    ] {
        check(&format!("{head}%FOO-6-BAR: text"), HEAD, &format!("{expected}{tail}"));
    }
}

#[test]
fn what_only_looks_like_a_header_stays_a_message() {
    for text in ["<13>12: some text", "<13>host: %no mark", "<13>12: host: 2026 Jan: x", "12: 34: 56: text"] {
        check(text, "facility", "");
    }
}
