use crate::testing::fields;

#[track_caller]
fn check(record: &str, wanted: &str, expected: &str) {
    assert_eq!(fields(record.as_bytes(), "UTC", wanted), expected, "{record}");
}

#[test]
fn stamps_of_logs_without_a_header() {
    for (stamp, expected) in [
        ("2026-01-24 10:38:49.220869+00:00 [info] <0.1> x", "2026-01-24T10:38:49.220869Z"),
        ("[2026-01-24 10:38:49,719] INFO x", "2026-01-24T10:38:49.719Z"),
        ("26571:M 27 Jan 2026 11:19:18.874 * x", "2026-01-27T11:19:18.874Z"),
        ("[2932] 31 Jan 04:32:08 * x", "2026-01-31T04:32:08Z"),
        ("Jan 24, 2026 1:38:49 PM x", "2026-01-24T13:38:49Z"),
        ("Sat, 24 Jan 2026 10:38:49 +0900 x", "2026-01-24T01:38:49Z"),
        ("Sat Jan 24 10:38:49 2026 x", "2026-01-24T10:38:49Z"),
        ("24.01.2026 10:38:49 x", "2026-01-24T10:38:49Z"),
        ("01/24/2026 10:38:49 PM x", "2026-01-24T22:38:49Z"),
        ("20260124T103849 x", "2026-01-24T10:38:49Z"),
        ("260124 10:38:49 x", "2026-01-24T10:38:49Z"),
        ("01/24/26 10:38:49.220869 web[9].ERR x", "2026-01-24T10:38:49.220869Z"),
        ("[GIN] 2026/01/24 - 10:38:49 | 401 |", "2026-01-24T10:38:49Z"),
        ("1769251129.5 x", "2026-01-24T10:38:49.500Z"),
        ("host - - [24/Jan/2026:10:38:49 -0500] x", "2026-01-24T15:38:49Z"),
        ("2026-01-24 10:38:49 CEST x", "2026-01-24T08:38:49Z"),
    ] {
        check(stamp, "time", &format!("time={expected}"));
    }
    for none in ["12345 x", "room 2026-13-01 10:00:00", "9999999999999 x", "version 1.2.3.4"] {
        check(none, "time", "");
    }
}

#[test]
fn prose_names_users_and_addresses() {
    check(
        "login of user kim from 192.0.2.7:5555 to 2001:db8::1 failed, see https://www.example.com/a?b=c.",
        "user.name source.ip source.port destination.ip url.domain related.ip defects",
        "user.name=kim; source.ip=192.0.2.7; source.port=5555; destination.ip=2001:db8::1; url.domain=www.example.com; \
         related.ip=192.0.2.7,2001:db8::1; defects=unknown_format,time_missing,heuristic",
    );
    check("the user is not logged in at version 4.5.6", "user.name related.ip", "");
    check(
        "hash 9f86d081884c7d659a2feaa0c55ad015 by kim@example.com",
        "related.hash user.email",
        "related.hash=9f86d081884c7d659a2feaa0c55ad015; user.email=kim@example.com",
    );
}

#[test]
fn times_and_hosts_wherever_they_stand() {
    check("{\"data\": {\"date\": \"2026-01-24T10:38:49Z\"}, \"other\": 1}", "time", "time=2026-01-24T10:38:49Z");
    check(
        "{\"clickTime\": \"2026-01-24T10:38:49Z\", \"threatTime\": \"2026-01-23T10:38:49Z\"}",
        "time",
        "time=2026-01-24T10:38:49Z",
    );
    check("{\"uptime\": 5, \"lifetime\": \"long\"}", "time", "");
    check(
        "[ERROR] lookup of a-1.push.example.com. failed in com.example.Server and lib.so.6.tar.gz",
        "log.level related.hosts",
        "log.level=error; related.hosts=a-1.push.example.com",
    );
}

#[test]
fn lists_cells_and_objects() {
    check(
        "<30>Jan 30 20:24:25 nas qlogd[7]: conn log: Users: kim, Source IP: 192.0.2.3, Computer name: pc-1, Action: Login Fail",
        "Users user.name source.ip event.action",
        "Users=kim; user.name=kim; source.ip=192.0.2.3; event.action=Login Fail",
    );
    check(
        "\"2026-01-24 10:38:49\",\"kim, lee\",\"192.0.2.1\",\"say \"\"x\"\"\",\"\"",
        "time column_*",
        "time=2026-01-24T10:38:49Z; column_1=2026-01-24 10:38:49; column_2=kim, lee; column_3=192.0.2.1; column_4=say \"\"x\"\"",
    );
    check(
        "app -: {\"client_ip\": \"192.0.2.9\", \"UserName\": \"kim\", \"sha-256\": \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"}",
        "source.ip user.name file.hash.sha256",
        "source.ip=192.0.2.9; user.name=kim; file.hash.sha256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    );
    check(
        "[2026-01-24T10:38:49.1Z] \"GET /a?b=c HTTP/1.1\" 200 \"curl/8\" 192.0.2.9:555",
        "http.request.method url.path http.version column_3 found.address",
        "http.request.method=GET; url.path=/a; http.version=1.1; column_3=200; found.address=192.0.2.9:555",
    );
}
