//! Microsoft DNS Server: the audit and the analytical log (event tracing), as Microsoft's "DNS Logging and
//! Diagnostics" lists their events.

use super::names::{Ids, named};
use crate::defect::Defect;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};
use crate::number::parse_u64;
use crate::products::fields::{copy, present, relate, relate_span};

/// The tasks of the provider, by number.
static TASKS: &[&str] = &[
    "DEFAULT",
    "LOOK_UP",
    "RECURSE_QUERY",
    "DYNAMIC_UPDATE",
    "ZONE_XFR",
    "ZONE_OP",
    "AGEING",
    "OnlineSigning",
    "DNSSEC_OP",
    "CACHE_OP",
    "Configuration",
    "SERVER_OP",
    "",
    "POLICY_OP",
    "RRL",
    "RRL_OP",
    "VIRTUALIZATION_OP",
];

/// The keywords of the analytical events, from 256 on.
static ANALYTICAL: &[&str] = &[
    "QUERY_RECEIVED",
    "RESPONSE_SUCCESS",
    "RESPONSE_FAILURE",
    "IGNORED_QUERY",
    "RECURSE_QUERY_OUT",
    "RECURSE_RESPONSE_IN",
    "RECURSE_QUERY_TIMEOUT",
    "DYN_UPDATE_RECV",
    "DYN_UPDATE_RESPONSE",
    "IXFR_REQ_OUT",
    "IXFR_REQ_RECV",
    "IXFR_RESP_OUT",
    "IXFR_RESP_RECV",
    "AXFR_REQ_OUT",
    "AXFR_REQ_RECV",
    "AXFR_RESP_OUT",
    "AXFR_RESP_RECV",
    "XFR_NOTIFY_RECV",
    "XFR_NOTIFY_OUT",
    "XFR_NOTIFY_ACK_IN",
    "XFR_NOTIFY_ACK_OUT",
    "DYN_UPDATE_FORWARD",
    "DYN_UPDATE_RESPONSE_IN",
    "INTERNAL_LOOKUP_CNAME",
    "INTERNAL_LOOKUP_ADDITIONAL",
];

/// Response codes by number (RFC 6895 §2.3), as Elastic's integration writes them.
static RESPONSE_CODES: &[&str] = &[
    "NoError", "FormErr", "ServFail", "NXDomain", "NotImp", "Refused", "YXDomain", "YXRRSet", "NXRRSet", "NotAuth",
    "NotZone",
];

/// Record types by number (IANA DNS Parameters).
static TYPES: &[(u64, &str)] = &[
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (7, "MB"),
    (10, "NULL"),
    (11, "WKS"),
    (12, "PTR"),
    (13, "HINFO"),
    (14, "MINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (24, "SIG"),
    (25, "KEY"),
    (28, "AAAA"),
    (29, "LOC"),
    (33, "SRV"),
    (35, "NAPTR"),
    (36, "KX"),
    (37, "CERT"),
    (39, "DNAME"),
    (41, "OPT"),
    (42, "APL"),
    (43, "DS"),
    (44, "SSHFP"),
    (45, "IPSECKEY"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (49, "DHCID"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (53, "SMIMEA"),
    (55, "HIP"),
    (59, "CDS"),
    (60, "CDNSKEY"),
    (61, "OPENPGPKEY"),
    (62, "CSYNC"),
    (63, "ZONEMD"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (99, "SPF"),
    (108, "EUI48"),
    (109, "EUI64"),
    (249, "TKEY"),
    (250, "TSIG"),
    (251, "IXFR"),
    (252, "AXFR"),
    (253, "MAILB"),
    (254, "MAILA"),
    (255, "ANY"),
    (256, "URI"),
    (257, "CAA"),
    (32768, "TA"),
    (32769, "DLV"),
];

fn first(writer: &EventWriter<'_>, name: &str) -> Option<Span> {
    present(writer, named(name))
}

fn number(writer: &EventWriter<'_>, name: &str) -> Option<u64> {
    first(writer, name).and_then(|span| parse_u64(writer.bytes(span)))
}

pub(super) fn normalise(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    action(writer);
    if (256..=280).contains(&event_id) {
        analytical(writer, event_id);
    } else {
        writer.put_str(ecs::EVENT_CATEGORY, "configuration");
        copy(writer, ecs::WINLOG_PROCESS_PID, ecs::PROCESS_PID);
        copy(writer, ecs::WINLOG_PROCESS_THREAD_ID, ecs::PROCESS_THREAD_ID);
        copy(writer, named("TTL"), ecs::DNS_ANSWERS_TTL);
        copy(writer, ids.file_path, ecs::FILE_PATH);
        relate(writer, ecs::WINLOG_USER_NAME, ecs::RELATED_USER);
    }
    question(writer);
    if let Some(bytes) = first(writer, "BufferSize").filter(|&span| parse_u64(writer.bytes(span)).is_some()) {
        writer.put_span(ecs::NETWORK_BYTES, bytes, Kind::Number, false);
    }
    addresses(writer);
}

/// The task, by name or by number.
fn action(writer: &mut EventWriter<'_>) {
    let Some(task) = present(writer, ecs::WINLOG_TASK) else { return };
    match parse_u64(writer.bytes(task)) {
        Some(number) => {
            let name = usize::try_from(number).ok().and_then(|at| TASKS.get(at)).filter(|name| !name.is_empty());
            if let Some(name) = name {
                writer.put_str(ecs::EVENT_ACTION, name);
            }
        }
        None => writer.put_span(ecs::EVENT_ACTION, task, Kind::Text, false),
    }
}

fn analytical(writer: &mut EventWriter<'_>, event_id: u32) {
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::EVENT_TYPE, "protocol");
    writer.put_str(ecs::NETWORK_PROTOCOL, "dns");
    if let Some(keyword) = ANALYTICAL.get(event_id as usize - 256) {
        writer.put_str_vendor(named("Event"), keyword);
    }
    match number(writer, "TCP") {
        Some(0) => writer.put_str(ecs::NETWORK_TRANSPORT, "udp"),
        Some(1) => writer.put_str(ecs::NETWORK_TRANSPORT, "tcp"),
        _ => {}
    }
    copy(writer, named("XID"), ecs::DNS_ID);
    copy(writer, named("Reason"), ecs::EVENT_REASON);
    for flag in ["AA", "AD", "RD", "TC"] {
        if number(writer, flag) == Some(1) {
            writer.put_str(ecs::DNS_HEADER_FLAGS, flag);
        }
    }
    if let Some(code) = number(writer, "RCODE") {
        if let Some(name) = usize::try_from(code).ok().and_then(|at| RESPONSE_CODES.get(at)) {
            writer.put_str(ecs::DNS_RESPONSE_CODE, name);
        }
        writer.put_str(ecs::EVENT_OUTCOME, if code == 0 { "success" } else { "failure" });
    }
    // Tracing sessions name the process beside the event, not below it.
    for (from, to) in [("winlog.process_id", ecs::PROCESS_PID), ("winlog.thread_id", ecs::PROCESS_THREAD_ID)] {
        copy(writer, named(from), to);
    }
    copy(writer, ecs::WINLOG_PROCESS_PID, ecs::PROCESS_PID);
    copy(writer, ecs::WINLOG_PROCESS_THREAD_ID, ecs::PROCESS_THREAD_ID);
}

fn question(writer: &mut EventWriter<'_>) {
    if let Some(name) = first(writer, "QNAME") {
        writer.put_span(ecs::DNS_QUESTION_NAME, name, Kind::Text, false);
    }
    let Some(code) = number(writer, "QTYPE") else { return };
    match TYPES.binary_search_by_key(&code, |&(code, _)| code) {
        Ok(at) => writer.put_str(ecs::DNS_QUESTION_TYPE, TYPES[at].1),
        Err(_) => {
            if let Some(span) = first(writer, "QTYPE") {
                writer.put_span(ecs::DNS_QUESTION_TYPE, span, Kind::Text, false);
            }
        }
    }
}

fn addresses(writer: &mut EventWriter<'_>) {
    let sides = [
        ("Destination", ecs::DESTINATION_IP, ecs::DESTINATION_PORT, "egress"),
        ("Source", ecs::SOURCE_IP, ecs::SOURCE_PORT, "ingress"),
    ];
    for (name, ip, port, direction) in sides {
        let Some(span) = first(writer, name) else { continue };
        if !writer.put_if_ip(ip, span) {
            writer.defect(Defect::AddressInvalid);
            continue;
        }
        relate(writer, ip, ecs::RELATED_IP);
        writer.put_str(ecs::NETWORK_DIRECTION, direction);
        if let Some(span) = first(writer, "Port") {
            writer.put_port_span(port, span);
        }
        break;
    }
    for name in ["InterfaceIP", "ForwardInterfaceIP"] {
        if let Some(span) = first(writer, name).filter(|&span| crate::ip::parse(writer.bytes(span)).is_some()) {
            relate_span(writer, span, ecs::RELATED_IP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_sorted() {
        assert!(TYPES.is_sorted_by_key(|&(code, _)| code));
    }
}
