//! `alert_json` of Snort 3: the operator chooses the members.

use super::{Ids, finish, ids, set_stamp, take_stamp};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span, TimePrecision};
use crate::number::parse_u64;
use crate::products::fields::{copy, present, put_mac, relate};
use crate::time::parse_epoch;

/// Normalises a record whose members are written already; `false` = it is none of Snort's.
pub(super) fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    set_time(writer, context, ids);
    put_rule(writer, ids);
    put_ends(writer, ids);
    copy(writer, ids.msg, ecs::RULE_DESCRIPTION);
    copy(writer, ids.msg, ecs::MESSAGE);
    copy(writer, ids.class, ecs::RULE_CATEGORY);
    copy(writer, ids.priority, ecs::EVENT_SEVERITY);
    copy(writer, ids.pkt_len, ecs::NETWORK_BYTES);
    copy(writer, ids.pkt_num, ecs::NETWORK_PACKETS);
    copy(writer, ids.iface, ecs::OBSERVER_INGRESS_INTERFACE_NAME);
    for (from, to, none) in
        [(ids.vlan, ecs::NETWORK_VLAN_ID, &b"0"[..]), (ids.service, ecs::NETWORK_PROTOCOL, b"unknown")]
    {
        if writer.first(from) != Some(none) {
            copy(writer, from, to);
        }
    }
    let (transport, number) = match writer.first(ids.proto) {
        Some(b"TCP") => ("tcp", "6"),
        Some(b"UDP") => ("udp", "17"),
        Some(b"ICMP") => ("icmp", "1"),
        Some(b"IPv6-ICMP" | b"ICMP6") => ("ipv6-icmp", "58"),
        _ => ("", ""),
    };
    if !transport.is_empty() {
        writer.put_str(ecs::NETWORK_TRANSPORT, transport);
        writer.put_str(ecs::NETWORK_IANA_NUMBER, number);
    }
    match writer.first(ids.action) {
        Some(b"allow" | b"pass") => writer.put_str(ecs::EVENT_TYPE, "allowed"),
        Some(b"drop" | b"block" | b"reset" | b"reject") => writer.put_str(ecs::EVENT_TYPE, "denied"),
        _ => {}
    }
    finish(writer);
    true
}

fn set_time(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids) {
    if let Some(span) = present(writer, ids.timestamp) {
        match take_stamp(writer.bytes(span), context).map(|(stamp, _)| stamp) {
            Some(stamp) => {
                let mut text = [0; 8];
                let head = writer.bytes(span);
                let len = head.len().min(text.len());
                text[..len].copy_from_slice(&head[..len]);
                set_stamp(writer, context, &stamp, &text[..len]);
                return;
            }
            None => writer.defect(Defect::TimeUnreadable),
        }
    }
    if let Some((time_ns, _)) = writer.first(ids.seconds).and_then(parse_epoch) {
        writer.set_time(time_ns, TimePrecision::Second);
    }
}

/// `sid` and `rev`, else their parts of `rule`.
fn put_rule(writer: &mut EventWriter<'_>, ids: &Ids) {
    let numbers = copy(writer, ids.sid, ecs::RULE_ID);
    copy(writer, ids.rev, ecs::RULE_VERSION);
    let Some(rule) = present(writer, ids.rule).filter(|_| !numbers) else { return };
    let text = writer.bytes(rule);
    let Some(first) = memchr::memchr(b':', text) else { return };
    let last = memchr::memrchr(b':', text).filter(|&last| last > first).unwrap_or(text.len());
    let len = text.len();
    writer.put_span(ecs::RULE_ID, rule.part(first + 1..last), Kind::Text, false);
    if last < len {
        writer.put_span(ecs::RULE_VERSION, rule.part(last + 1..len), Kind::Text, false);
    }
}

fn put_ends(writer: &mut EventWriter<'_>, ids: &Ids) {
    let ends = [
        (ids.src_addr, ids.src_port, ids.src_ap, ecs::SOURCE_IP, ecs::SOURCE_ADDRESS, ecs::SOURCE_PORT),
        (ids.dst_addr, ids.dst_port, ids.dst_ap, ecs::DESTINATION_IP, ecs::DESTINATION_ADDRESS, ecs::DESTINATION_PORT),
    ];
    for (addr, port, both, to_ip, to_address, to_port) in ends {
        // ICMP has no ports: `src_ap` says 0 there.
        let (address, number) = split(writer, both);
        if let Some(span) = present(writer, addr).or(address) {
            put_address(writer, span, to_ip, to_address);
        }
        let icmp = matches!(writer.first(ids.proto), Some([b'I', b'C', b'M', ..]));
        if let Some(span) = present(writer, port).or(number.filter(|_| !icmp)) {
            writer.put_port_span(to_port, span);
        }
    }
    put_mac(writer, ids.eth_src, ecs::SOURCE_MAC);
    put_mac(writer, ids.eth_dst, ecs::DESTINATION_MAC);
}

fn put_address(writer: &mut EventWriter<'_>, span: Span, ip: FieldId, address: FieldId) {
    if writer.put_ip_span(ip, span) {
        writer.put_span(address, span, Kind::Text, false);
        relate(writer, ip, ecs::RELATED_IP);
    }
}

/// `address:port` of `src_ap` and `dst_ap`.
fn split(writer: &EventWriter<'_>, id: FieldId) -> (Option<Span>, Option<Span>) {
    let Some(span) = present(writer, id) else { return (None, None) };
    let text = writer.bytes(span);
    match memchr::memrchr(b':', text).filter(|&colon| parse_u64(&text[colon + 1..]).is_some()) {
        Some(colon) => (Some(span.part(0..colon)), Some(span.part(colon + 1..text.len()))),
        None => (Some(span), None),
    }
}
