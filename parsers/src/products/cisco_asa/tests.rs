use crate::testing::fields;

#[track_caller]
fn check(text: &str, wanted: &str, expected: &str) {
    let input = format!("<166>Jan 01 2026 10:00:00 fw1 : {text}");
    assert_eq!(fields(input.as_bytes(), "UTC", wanted), expected, "{text}");
}

const ENDS: &str = "source.* destination.* network.direction";

#[test]
fn outbound_connections_begin_at_their_second_end() {
    check(
        "%ASA-6-302013: Built outbound TCP connection 7 for outside:203.0.113.9/443 (203.0.113.9/443) to \
         inside:10.0.0.5/50000 (192.0.2.1/60000)",
        ENDS,
        "source.ip=10.0.0.5; source.address=10.0.0.5; source.port=50000; source.nat.ip=192.0.2.1; \
         source.nat.port=60000; destination.ip=203.0.113.9; destination.address=203.0.113.9; destination.port=443; \
         network.direction=outbound",
    );
}

#[test]
fn teardown_has_duration_and_reason() {
    check(
        "%ASA-6-302014: Teardown TCP connection 7 for outside:203.0.113.9/443(LOCAL\\Ann Lee) to inside:10.0.0.5/50000 \
         duration 1:02:03 bytes 4096 TCP FINs from inside (Ann Lee)",
        "event.duration event.start event.end event.reason network.bytes termination_initiator source.user.name \
         connection_id defects",
        "event.duration=3723000000000; event.start=2026-01-01T08:57:57Z; event.end=2026-01-01T10:00:00Z; \
         event.reason=TCP FINs; network.bytes=4096; termination_initiator=inside; source.user.name=Ann Lee; \
         connection_id=7; defects=zone_assumed",
    );
}

#[test]
fn denies_name_their_rule() {
    check(
        "%ASA-4-106023: Deny tcp src outside:203.0.113.9/4444 dst dmz:10.1.0.5/22 by access-group \"out-in\" [0x0, 0x0]",
        "rule.name event.type source.port destination.port observer.ingress.interface.name log.level event.severity",
        "rule.name=out-in; event.type=connection,denied; source.port=4444; destination.port=22; \
         observer.ingress.interface.name=outside; log.level=warning; event.severity=4",
    );
    check(
        "%ASA-4-106023: Deny icmp src outside:2001:db8::9 dst dmz:2001:db8::5 (type 128, code 0) by access-group \"a\"",
        "source.ip destination.ip icmp_type icmp_code rule.name",
        "source.ip=2001:db8::9; destination.ip=2001:db8::5; icmp_type=128; icmp_code=0; rule.name=a",
    );
    check(
        "%ASA-6-106100: access-list acl1 denied udp inside/10.0.0.5(5353)(LOCAL\\bob) -> outside/203.0.113.9(53) \
         hit-cnt 3 300-second interval [0x1, 0x2]",
        "rule.name event.type source.ip source.port source.user.name destination.port hit_count",
        "rule.name=acl1; event.type=connection,denied; source.ip=10.0.0.5; source.port=5353; source.user.name=bob; \
         destination.port=53; hit_count=3",
    );
}

#[test]
fn logins() {
    check(
        "%ASA-6-113005: AAA user authentication Rejected : reason = AAA failure : server = 10.9.9.9 : user = ann : \
         user IP = 203.0.113.9",
        "event.action event.outcome source.* destination.ip event.reason user.name related.user",
        "event.action=logon-failed; event.outcome=failure; source.user.name=ann; source.ip=203.0.113.9; \
         source.address=203.0.113.9; destination.ip=10.9.9.9; event.reason=AAA failure; user.name=ann; related.user=ann",
    );
    check(
        "%ASA-6-605005: Login permitted from 10.0.0.7/51000 to inside:10.0.0.1/ssh for user \"admin\"",
        "event.action source.port destination.ip network.protocol source.user.name",
        "event.action=logged-in; source.port=51000; destination.ip=10.0.0.1; network.protocol=ssh; source.user.name=admin",
    );
    check(
        "%ASA-5-111008: User 'enable_15' executed the 'write memory' command.",
        "user.name command_line_arguments event.category",
        "user.name=enable_15; command_line_arguments=write memory; event.category=configuration",
    );
}

#[test]
fn vpn_sessions() {
    check(
        "%ASA-4-113019: Group = staff, Username = ann@bank.example, IP = 203.0.113.9, Session disconnected. \
         Session Type: SSL, Duration: 1d 2h:03m:04s, Bytes xmt: 11, Bytes rcv: 22, Reason: Idle Timeout",
        "source.* destination.* event.duration event.reason session_type",
        "source.user.group.name=staff; source.user.email=ann@bank.example; source.user.name=ann; \
         source.user.domain=bank.example; source.bytes=11; destination.ip=203.0.113.9; \
         destination.address=203.0.113.9; destination.bytes=22; event.duration=93784000000000; \
         event.reason=Idle Timeout; session_type=SSL",
    );
    check(
        "%ASA-6-722051: Group <staff> User <ann> IP <203.0.113.9> IPv4 Address <10.8.0.2> IPv6 address <::> assigned to session",
        "event.action source.user.name assigned_ip source.ip",
        "event.action=address-assigned; source.user.name=ann; assigned_ip=10.8.0.2; source.ip=203.0.113.9",
    );
    check(
        "%ASA-3-751011: Local:192.0.2.1:500 Remote:203.0.113.9:500 Username:ann Failed user authentication",
        "source.ip destination.port user.name event.reason",
        "source.ip=192.0.2.1; destination.port=500; user.name=ann; event.reason=Failed user authentication",
    );
}

#[test]
fn ids_without_a_row_and_texts_that_differ() {
    check(
        "%ASA-5-199001: Reload command executed from telnet",
        "event.code message_id event.severity message event.category defects",
        "event.code=199001; message_id=199001; event.severity=5; message=Reload command executed from telnet; \
         event.category=network; defects=zone_assumed",
    );
    check(
        "%ASA-6-302013: Built nothing",
        "event.code event.action defects",
        "event.code=302013; event.action=flow-creation; defects=zone_assumed,message_malformed",
    );
    check("%ASA-session-3-106102: x", "suffix event.code", "suffix=session; event.code=106102");
    for broken in ["%ASA-", "%ASA-6", "%ASA-6-", "%ASA-6-302013", "%ASA-9-302013: x", "%ASA-x-y: z"] {
        check(broken, "event.code", "");
    }
}

#[test]
fn names_stand_where_addresses_do() {
    check(
        "%ASA-6-302021: Teardown ICMP connection for faddr web.example.net/0 gaddr 192.0.2.1/0 laddr 10.0.0.5/0 type 8 code 0",
        "source.ip source.nat.ip destination.* icmp_type",
        "source.ip=10.0.0.5; source.nat.ip=192.0.2.1; destination.address=web.example.net; \
         destination.domain=web.example.net; destination.port=0; icmp_type=8",
    );
}

#[test]
fn urls_come_apart() {
    check(
        "%ASA-5-304001: ann@10.0.0.5(LOCAL\\ann) Accessed URL 203.0.113.9:http://www.example.net:8080/a/b.html?c=d#e",
        "url.* source.user.name destination.ip",
        "url.original=http://www.example.net:8080/a/b.html?c=d#e; url.scheme=http; url.domain=www.example.net; \
         url.port=8080; url.path=/a/b.html; url.query=c=d; source.user.name=ann; destination.ip=203.0.113.9",
    );
}
