//! What numbers say of the network: protocols, sums, spans of time.

use super::fields::put_time;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::number::parse_i64;
use crate::time::SECOND_NS;

/// The schema's name of a protocol number (IANA, Assigned Internet Protocol Numbers), empty for those that no
/// firewall logs by name.
pub(crate) fn transport(number: &[u8]) -> &'static str {
    match number {
        b"1" => "icmp",
        b"2" => "igmp",
        b"4" => "ipip",
        b"6" => "tcp",
        b"17" => "udp",
        b"33" => "dccp",
        b"41" => "ipv6",
        b"46" => "rsvp",
        b"47" => "gre",
        b"50" => "esp",
        b"51" => "ah",
        b"58" => "ipv6-icmp",
        b"88" => "eigrp",
        b"89" => "ospf",
        b"103" => "pim",
        b"108" => "ipcomp",
        b"112" => "vrrp",
        b"115" => "l2tp",
        b"132" => "sctp",
        b"136" => "udplite",
        _ => "",
    }
}

/// A protocol number as `network.iana_number` and, where it has one, its name as `network.transport`.
pub(crate) fn put_number(writer: &mut EventWriter<'_>, from: FieldId) {
    let Some((span, _)) = writer.first_span(from) else { return };
    let name = transport(writer.bytes(span));
    if parse_i64(writer.bytes(span)).is_none() {
        return;
    }
    writer.put_span(ecs::NETWORK_IANA_NUMBER, span, Kind::Text, false);
    if !name.is_empty() && writer.first(ecs::NETWORK_TRANSPORT).is_none() {
        writer.put_str(ecs::NETWORK_TRANSPORT, name);
    }
}

/// Bytes and packets of the whole from those of either end; an end that is left out counts for nothing.
pub(crate) fn put_sums(writer: &mut EventWriter<'_>) {
    for (one, other, to) in [
        (ecs::SOURCE_BYTES, ecs::DESTINATION_BYTES, ecs::NETWORK_BYTES),
        (ecs::SOURCE_PACKETS, ecs::DESTINATION_PACKETS, ecs::NETWORK_PACKETS),
    ] {
        let (one, other) = (writer.first(one).and_then(parse_i64), writer.first(other).and_then(parse_i64));
        if (one.is_some() || other.is_some()) && writer.first(to).is_none() {
            writer.put_i64(to, one.unwrap_or_default().saturating_add(other.unwrap_or_default()));
        }
    }
}

/// `event.duration` from a number of `unit_ns`; the answer is its length.
pub(crate) fn put_duration(writer: &mut EventWriter<'_>, from: FieldId, unit_ns: i64) -> Option<i64> {
    let duration = writer.first(from).and_then(parse_i64).and_then(|number| number.checked_mul(unit_ns))?;
    writer.put_i64(ecs::EVENT_DURATION, duration);
    Some(duration)
}

/// `event.start` and `event.end` of what began with the event and lasted as long as `from` says in seconds.
pub(crate) fn put_lasting(writer: &mut EventWriter<'_>, from: FieldId) {
    let Some(duration) = put_duration(writer, from, SECOND_NS) else { return };
    let core = *writer.core();
    if core.time_from_record {
        put_time(writer, ecs::EVENT_START, core.time_ns);
        if let Some(end) = core.time_ns.checked_add(duration) {
            put_time(writer, ecs::EVENT_END, end);
        }
    }
}

/// Every address, user and host that the schema's names hold, among the related ones.
pub(crate) fn relate_all(writer: &mut EventWriter<'_>) {
    for (from, to) in [
        (ecs::SOURCE_IP, ecs::RELATED_IP),
        (ecs::DESTINATION_IP, ecs::RELATED_IP),
        (ecs::SOURCE_NAT_IP, ecs::RELATED_IP),
        (ecs::DESTINATION_NAT_IP, ecs::RELATED_IP),
        (ecs::SOURCE_USER_NAME, ecs::RELATED_USER),
        (ecs::DESTINATION_USER_NAME, ecs::RELATED_USER),
        (ecs::USER_NAME, ecs::RELATED_USER),
        (ecs::SOURCE_DOMAIN, ecs::RELATED_HOSTS),
        (ecs::DESTINATION_DOMAIN, ecs::RELATED_HOSTS),
        (ecs::URL_DOMAIN, ecs::RELATED_HOSTS),
        (ecs::FILE_HASH_MD5, ecs::RELATED_HASH),
        (ecs::FILE_HASH_SHA1, ecs::RELATED_HASH),
        (ecs::FILE_HASH_SHA256, ecs::RELATED_HASH),
    ] {
        super::fields::relate(writer, from, to);
    }
}
