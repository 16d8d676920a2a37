use crate::testing::fields;

#[track_caller]
fn check(text: &str, wanted: &str, expected: &str) {
    let record = format!("<134>1 1767348000.484285651 MX1 {text}");
    assert_eq!(fields(record.as_bytes(), "UTC", wanted), expected, "{text}");
}

#[test]
fn ends_are_addresses_with_ports_or_hardware_addresses() {
    let ends = "source.ip source.port source.mac destination.ip destination.port destination.mac";
    check(
        "urls src=[2001:db8::1]:50000 dst=203.0.113.9:443 mac=00:11:22:33:44:55 request: GET https://www.example.com/a",
        ends,
        "source.ip=2001:db8::1; source.port=50000; source.mac=00-11-22-33-44-55; destination.ip=203.0.113.9; \
         destination.port=443",
    );
    check(
        "airmarshal_events type=rogue_ssid_detected src='00:11:22:33:44:55' dst='FF:FF:FF:FF:FF:FF'",
        ends,
        "source.mac=00-11-22-33-44-55; destination.mac=FF-FF-FF-FF-FF-FF",
    );
}

#[test]
fn patterns_of_old_and_new_firmware() {
    for (pattern, expected) in
        [("allow all", "allowed"), ("0 all", "allowed"), ("deny (src 10.0.0.0/8)", "denied"), ("1 all", "denied")]
    {
        let text = format!("flows src=192.0.2.1 dst=203.0.113.9 protocol=tcp sport=1 dport=2 pattern: {pattern}");
        check(&text, "event.type", &format!("event.type=info,access,start,{expected}"));
    }
}

#[test]
fn words_of_other_programs_are_no_kinds() {
    let record = b"<134>Jan  2 10:00:00 host events of the day";
    assert_eq!(fields(record, "UTC", "event_type message"), "message=events of the day");
}
