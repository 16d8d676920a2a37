use crate::testing::fields;

#[track_caller]
fn check_in(zone: &str, input: &str, expected: &str) {
    let wanted = "time defects log.syslog.hostname log.syslog.appname log.syslog.procid log.syslog.msgid message";
    assert_eq!(fields(input.as_bytes(), zone, wanted), expected, "{input}");
}

#[track_caller]
fn check(input: &str, expected: &str) {
    check_in("UTC", input, expected);
}

#[test]
fn rfc_3164_as_written() {
    check(
        "<34>Oct 11 22:14:15 mymachine app: something failed",
        "time=2025-10-11T22:14:15Z; defects=year_inferred,zone_assumed; log.syslog.hostname=mymachine; \
         log.syslog.appname=app; message=something failed",
    );
    check(
        "<13>Feb  5 17:32:18 10.0.0.99 worker[314]: job done",
        "time=2026-02-05T17:32:18Z; defects=year_inferred,zone_assumed; log.syslog.hostname=10.0.0.99; \
         log.syslog.appname=worker; log.syslog.procid=314; message=job done",
    );
}

#[test]
fn stamps_in_the_wild() {
    let rest = "log.syslog.hostname=h1; log.syslog.appname=app; message=x";
    for (stamp, time, defects) in [
        ("Jan 01 2020 10:00:00", "2020-01-01T10:00:00Z", "zone_assumed; "),
        ("Jan  1 10:00:00 2020", "2020-01-01T10:00:00Z", "zone_assumed; "),
        ("2020 Jan 1 10:00:00", "2020-01-01T10:00:00Z", "zone_assumed; "),
        ("Wed Jan  1 10:00:00 2020", "2020-01-01T10:00:00Z", "zone_assumed; "),
        ("Jan  1 10:00:00.250 2020", "2020-01-01T10:00:00.250Z", "zone_assumed; "),
        ("Jan  1 2020 10:00:00 UTC", "2020-01-01T10:00:00Z", ""),
        ("Jan  1 2020 10:00:00 JST", "2020-01-01T01:00:00Z", ""),
        ("Jan  1 2020 10:00:00 +0200", "2020-01-01T08:00:00Z", ""),
        ("*Jan  1 2020 10:00:00.5", "2020-01-01T10:00:00.500Z", "zone_assumed; "),
        ("2020-01-01T10:00:00.000001+01:00", "2020-01-01T09:00:00.000001Z", ""),
        ("2020-01-01T10:00:00Z", "2020-01-01T10:00:00Z", ""),
        ("2020-01-01 10:00:00", "2020-01-01T10:00:00Z", "zone_assumed; "),
    ] {
        let defects = if defects.is_empty() { String::new() } else { format!("defects={defects}") };
        check(&format!("<13>{stamp} h1 app: x"), &format!("time={time}; {defects}{rest}"));
    }
}

#[test]
fn the_zone_of_the_source_fills_in() {
    check_in(
        "Asia/Tokyo",
        "<13>Mar 15 08:00:00 h1 app: x",
        "time=2026-03-14T23:00:00Z; defects=year_inferred,zone_assumed; log.syslog.hostname=h1; \
         log.syslog.appname=app; message=x",
    );
}

#[test]
fn twenty_ninth_of_february_takes_the_latest_leap_year() {
    check(
        "<13>Feb 29 08:00:00 h1 app: x",
        "time=2024-02-29T08:00:00Z; defects=year_inferred,zone_assumed; log.syslog.hostname=h1; \
         log.syslog.appname=app; message=x",
    );
}

#[test]
fn parts_that_are_missing() {
    check("<13>cron[12]: tick", "defects=time_missing; log.syslog.appname=cron; log.syslog.procid=12; message=tick");
    check("<13>just words: here", "defects=time_missing; message=just words: here");
    check(
        "Jan 01 2020 10:00:00  sshd[77]: last message repeated 2 times",
        "time=2020-01-01T10:00:00Z; defects=zone_assumed; log.syslog.appname=sshd; log.syslog.procid=77; \
         message=last message repeated 2 times",
    );
    check(
        "Jan 01 2020 10:00:00 h1 -- MARK --",
        "time=2020-01-01T10:00:00Z; defects=zone_assumed; log.syslog.hostname=h1; message=-- MARK --",
    );
    check("Jan 01 2020 10:00:00", "time=2020-01-01T10:00:00Z; defects=zone_assumed");
    check("<13>", "defects=time_missing");
}

#[test]
fn tags_of_odd_shape() {
    let head = "time=2020-01-01T10:00:00Z; defects=zone_assumed; log.syslog.hostname=h1; ";
    for (tail, expected) in [
        ("My Program[7]: x: y", "log.syslog.appname=My Program; log.syslog.procid=7; message=x: y"),
        ("launchd[1] (com.example.job[9]): x", "log.syslog.appname=launchd[1] (com.example.job[9]); message=x"),
        ("sshd(pam_unix)[7]: x", "log.syslog.appname=sshd; log.syslog.procid=7; message=x"),
        ("postfix/smtpd[7]: x", "log.syslog.appname=postfix/smtpd; log.syslog.procid=7; message=x"),
        ("kernel:[12.5] x", "log.syslog.appname=kernel; message=[12.5] x"),
        ("user.info kernel: x", "log.syslog.appname=kernel; message=x"),
        ("daemon.err app[3]: x", "log.syslog.appname=app; log.syslog.procid=3; message=x"),
        ("[chain-1-D]IN=eth0 x: y", "message=[chain-1-D]IN=eth0 x: y"),
        ("key=value a: b", "message=key=value a: b"),
        ("link down: eth0", "message=link down: eth0"),
    ] {
        check(&format!("Jan 01 2020 10:00:00 h1 {tail}"), &format!("{head}{expected}"));
    }
}

#[test]
fn cisco_heads() {
    let wanted = "time log.syslog.hostname event.sequence process.name";
    for (input, expected) in [
        ("<166>Jan 01 2020 10:00:00: %ASA-6-1: x", "time=2020-01-01T10:00:00Z"),
        ("<166>Jan 01 2020 10:00:00 fw1 : %ASA-6-1: x", "time=2020-01-01T10:00:00Z; log.syslog.hostname=fw1"),
        ("<166>Jan 01 2020 10:00:00 fw1: %ASA-6-1: x", "time=2020-01-01T10:00:00Z; log.syslog.hostname=fw1"),
        ("<166>Jan 01 2020 10:00:00 %ASA-6-1: x", "time=2020-01-01T10:00:00Z"),
        ("<166>2020-01-01T10:00:00Z: %ASA-6-1: x", "time=2020-01-01T10:00:00Z"),
        ("<166>%ASA-6-1: x", ""),
        (
            "<166>Jan 01 2020 10:00:00 fw1 asa[9]: %ASA-6-1: x",
            "time=2020-01-01T10:00:00Z; log.syslog.hostname=fw1; process.name=asa",
        ),
        ("<189>000045: *Jan  1 2020 10:00:00.1 UTC: %SYS-5-X: y", "time=2020-01-01T10:00:00.100Z; event.sequence=45"),
    ] {
        assert_eq!(fields(input.as_bytes(), "UTC", wanted), expected, "{input}");
    }
}

#[test]
fn priorities() {
    let wanted = "log.syslog.priority log.syslog.facility.* log.syslog.severity.* log.level defects";
    for (input, expected) in [
        (
            "<165>app: x",
            "log.syslog.priority=165; log.syslog.facility.code=20; log.syslog.facility.name=local4; \
             log.syslog.severity.code=5; log.syslog.severity.name=notice; log.level=notice; defects=time_missing",
        ),
        ("<192>app: x", "log.syslog.priority=192; defects=time_missing,priority_invalid"),
        ("<99999999999999>app: x", "defects=time_missing,unknown_format,header_malformed"),
        ("<>Jan 01 2026 10:00:00 h app: x", "defects=zone_assumed,header_malformed"),
        ("<x>app: x", "defects=time_missing,unknown_format,header_malformed"),
        ("<13 app: x", "defects=time_missing,unknown_format,header_malformed"),
    ] {
        let mut wanted: Vec<_> = fields(input.as_bytes(), "UTC", wanted).split("; ").map(str::to_owned).collect();
        let mut expected: Vec<_> = expected.split("; ").map(str::to_owned).collect();
        // Defects come in the order of their bits; the cases name them as a set.
        for list in [&mut wanted, &mut expected] {
            for item in list.iter_mut() {
                if let Some(names) = item.strip_prefix("defects=") {
                    let mut names: Vec<_> = names.split(',').collect();
                    names.sort_unstable();
                    *item = format!("defects={}", names.join(","));
                }
            }
        }
        assert_eq!(wanted, expected, "{input}");
    }
}

#[test]
fn rfc_5424() {
    check(
        "<165>1 2003-10-11T22:14:15.003Z host.example.com evntslog 42 ID47 - \u{feff}An entry",
        "time=2003-10-11T22:14:15.003Z; log.syslog.hostname=host.example.com; log.syslog.appname=evntslog; \
         log.syslog.procid=42; log.syslog.msgid=ID47; message=An entry",
    );
    check("<165>1 - - - - - - hello", "defects=time_missing; message=hello");
    check("<165>1 - - - - - -", "defects=time_missing");
    check(
        "<165>1 - h1 app",
        "defects=time_missing,header_malformed,structured_data_malformed; log.syslog.hostname=h1; message=app",
    );
    check(
        "<134>1 1500000000.25 gw1 seen src=10.1.1.1",
        "time=2017-07-14T02:40:00.250Z; log.syslog.hostname=gw1; message=seen src=10.1.1.1",
    );
}

#[test]
fn structured_data() {
    let head = "<165>1 2020-01-01T00:00:00Z h1 app - - ";
    for (data, expected) in [
        (r#"[a@1 x="1" y="two"][b z=""] m"#, r"a@1.x=1; a@1.y=two; b.z=; message=m"),
        (r#"[a x="q\"u\\o\]t\n"] m"#, r#"a.x=q"u\o]t\n; message=m"#),
        ("[empty] m", "empty=; message=m"),
        (r#"[a x="1""#, r#"defects=structured_data_malformed; a.x=1; message=[a x="1""#),
        (r#"[a x="1"] "#, "a.x=1"),
        (r#"[a x=1] m"#, "defects=structured_data_malformed; message=[a x=1] m"),
        ("no data", "defects=structured_data_malformed; message=no data"),
        ("[", "defects=structured_data_malformed; message=["),
    ] {
        let input = format!("{head}{data}");
        assert_eq!(fields(input.as_bytes(), "UTC", "defects a* b.* empty message"), expected, "{input}");
    }
}

#[test]
fn unreadable_stamps_are_named() {
    check(
        "<13>Jan 41 10:00:00 h1 app: x",
        "defects=time_missing,time_unreadable; log.syslog.hostname=h1; log.syslog.appname=app; message=x",
    );
}

#[test]
fn a_device_behind_a_relay_names_itself() {
    let wanted = "time log.syslog.hostname log.syslog.appname message";
    for (record, expected) in [
        (
            "<13>Jan  2 10:00:00 relay1 Jan  1 09:59:59 device1 app[7]: text",
            "time=2026-01-01T09:59:59Z; log.syslog.hostname=device1; log.syslog.appname=app; message=text",
        ),
        (
            "Jan  2 10:00:00 relay1 <13>Jan  1 09:59:59 device1 app: text",
            "time=2026-01-01T09:59:59Z; log.syslog.hostname=device1; log.syslog.appname=app; message=text",
        ),
        (
            "<13>Jan  2 10:00:00 relay1 2026-01-01T09:59:59+09:00 device1 app: text",
            "time=2026-01-01T00:59:59Z; log.syslog.hostname=device1; log.syslog.appname=app; message=text",
        ),
        (
            "<13>Jan  2 10:00:00 relay1 May be of use: text",
            "time=2026-01-02T10:00:00Z; log.syslog.hostname=relay1; message=May be of use: text",
        ),
    ] {
        assert_eq!(fields(record.as_bytes(), "UTC", wanted), expected, "{record}");
    }
}
