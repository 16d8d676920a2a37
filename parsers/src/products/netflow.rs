//! Flow records of NetFlow, IPFIX and sFlow as [`crate::wire::flow`] writes them, and as Filebeat's netflow input does:
//! the fields below `netflow` by the names of the IPFIX registry.

use super::fields::{copy, copy_ip, present, put_direction, put_mac, put_network_type, relate, transport_number};
use super::names::vendor_names;
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::number::{parse_i64, parse_u64};
use crate::products::{Detect, Product};
use crate::time::take_iso;
use crate::{ecs, logsource, products};

/// `netflow`.
pub(crate) static PRODUCT: Product = Product {
    name: "netflow",
    title: "NetFlow 5, 7, 9, IPFIX and sFlow 5",
    document: "RFC 3954; RFC 7011; IANA IPFIX Information Elements; sFlow Version 5",
    namespace: "netflow",
    module: "netflow",
    dataset: "netflow.log",
    names: NAMES,
    detect: &[Detect::Members(&["netflow.type", "netflow.exporter.address"], normalise)],
    ..Product::NONE
};

vendor_names! {
    kind = "netflow.type";
    timestamp = "netflow.exporter.timestamp";
    source_v4 = "netflow.source_ipv4_address";
    source_v6 = "netflow.source_ipv6_address";
    destination_v4 = "netflow.destination_ipv4_address";
    destination_v6 = "netflow.destination_ipv6_address";
    sampled_source = "netflow.sampled_ip.source";
    sampled_destination = "netflow.sampled_ip.destination";
    source_port = "netflow.source_transport_port";
    destination_port = "netflow.destination_transport_port";
    sampled_source_port = "netflow.sampled_ip.source_port";
    sampled_destination_port = "netflow.sampled_ip.destination_port";
    protocol = "netflow.protocol_identifier";
    sampled_protocol = "netflow.sampled_ip.protocol";
    octets = "netflow.octet_delta_count";
    octets_total = "netflow.octet_total_count";
    octets_layer2 = "netflow.layer2_octet_delta_count";
    octets_initiator = "netflow.initiator_octets";
    packets = "netflow.packet_delta_count";
    packets_total = "netflow.packet_total_count";
    packets_initiator = "netflow.initiator_packets";
    octets_reverse = "netflow.reverse_octet_delta_count";
    octets_reverse_total = "netflow.reverse_octet_total_count";
    octets_responder = "netflow.responder_octets";
    packets_reverse = "netflow.reverse_packet_delta_count";
    packets_reverse_total = "netflow.reverse_packet_total_count";
    packets_responder = "netflow.responder_packets";
    source_mac = "netflow.source_mac_address";
    destination_mac = "netflow.destination_mac_address";
    nat_source_v4 = "netflow.post_nat_source_ipv4_address";
    nat_source_v6 = "netflow.post_nat_source_ipv6_address";
    nat_destination_v4 = "netflow.post_nat_destination_ipv4_address";
    nat_destination_v6 = "netflow.post_nat_destination_ipv6_address";
    nat_source_port = "netflow.post_napt_source_transport_port";
    nat_destination_port = "netflow.post_napt_destination_transport_port";
    source_as = "netflow.bgp_source_as_number";
    destination_as = "netflow.bgp_destination_as_number";
    vlan = "netflow.vlan_id";
    dot1q_vlan = "netflow.dot1q_vlan_id";
    ingress = "netflow.ingress_interface";
    egress = "netflow.egress_interface";
    application = "netflow.application_name";
    user = "netflow.user_name";
    http_host = "netflow.http_request_host";
    http_method = "netflow.http_request_method";
    http_target = "netflow.http_request_target";
    http_agent = "netflow.http_user_agent";
    firewall_event = "netflow.firewall_event";
    @also
    "netflow.exporter.address" "netflow.exporter.version" "netflow.exporter.source_id" "netflow.exporter.sequence"
    "netflow.exporter.uptime_millis" "netflow.template_id" "netflow.record" "netflow.sampling_interval"
    "netflow.tcp_control_bits" "netflow.flow_direction" "netflow.flow_end_reason" "netflow.ip_class_of_service"
    "netflow.flow_start_sys_up_time" "netflow.flow_end_sys_up_time" "netflow.ip_next_hop_ipv4_address"
    "netflow.source_ipv4_prefix_length" "netflow.destination_ipv4_prefix_length" "netflow.forwarding_status"
    "netflow.flow_start_milliseconds" "netflow.flow_end_milliseconds" "netflow.nat_event" "netflow.icmp_type"
    "netflow.icmp_code" "netflow.agent_address"
}

/// Names of the schema, and what of the record has their value: the first that is there.
fn numbers() -> [(FieldId, [FieldId; 4]); 4] {
    let ids = ids();
    [
        (ecs::SOURCE_BYTES, [ids.octets, ids.octets_total, ids.octets_initiator, ids.octets_layer2]),
        (ecs::SOURCE_PACKETS, [ids.packets, ids.packets_total, ids.packets_initiator, ids.packets]),
        (
            ecs::DESTINATION_BYTES,
            [ids.octets_reverse, ids.octets_reverse_total, ids.octets_responder, ids.octets_reverse],
        ),
        (
            ecs::DESTINATION_PACKETS,
            [ids.packets_reverse, ids.packets_reverse_total, ids.packets_responder, ids.packets_reverse],
        ),
    ]
}

/// Normalises a flow record whose members are written already.
pub(crate) fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    let core = writer.core();
    core.product = products::NETFLOW;
    core.log_source = logsource::FLOW;
    for id in [ecs::TIMESTAMP, ids.timestamp] {
        if let Some((stamp, _)) = writer.first(id).and_then(take_iso) {
            context.set_stamp(writer, &stamp);
            break;
        }
    }
    if writer.first(ecs::EVENT_KIND).is_none() {
        writer.put_str(ecs::EVENT_KIND, "event");
    }
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    copy(writer, ids.kind, ecs::EVENT_ACTION);
    let is_flow = writer.first(ids.kind).is_some_and(|kind| kind.ends_with(b"_flow"));
    if !is_flow {
        if writer.first(ecs::EVENT_TYPE).is_none() {
            writer.put_str(ecs::EVENT_TYPE, "info");
        }
        return true;
    }
    writer.put_str(ecs::EVENT_CATEGORY, "session");
    put_type(writer, ids);
    put_ends(writer, ids);
    put_counts(writer);
    put_protocol(writer, ids);
    for (from, to) in [
        (ids.source_as, ecs::SOURCE_AS_NUMBER),
        (ids.destination_as, ecs::DESTINATION_AS_NUMBER),
        (ids.vlan, ecs::NETWORK_VLAN_ID),
        (ids.dot1q_vlan, ecs::NETWORK_VLAN_ID),
        (ids.ingress, ecs::OBSERVER_INGRESS_INTERFACE_ID),
        (ids.egress, ecs::OBSERVER_EGRESS_INTERFACE_ID),
        (ids.application, ecs::NETWORK_APPLICATION),
        (ids.user, ecs::USER_NAME),
        (ids.http_host, ecs::URL_DOMAIN),
        (ids.http_method, ecs::HTTP_REQUEST_METHOD),
        (ids.http_target, ecs::URL_ORIGINAL),
        (ids.http_agent, ecs::USER_AGENT_ORIGINAL),
    ] {
        copy(writer, from, to);
    }
    relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
    relate(writer, ecs::URL_DOMAIN, ecs::RELATED_HOSTS);
    if writer.first(ecs::NETWORK_DIRECTION).is_none() {
        put_direction(writer);
    }
    if writer.first(ecs::NETWORK_TYPE).is_none() {
        put_network_type(writer);
    }
    true
}

fn put_type(writer: &mut EventWriter<'_>, ids: &Ids) {
    if writer.first(ecs::EVENT_TYPE).is_none() {
        writer.put_str(ecs::EVENT_TYPE, "connection");
    }
    // RFC 8158's sibling in the registry: 1 created, 2 deleted, 3 denied, 4 alert, 5 updated.
    match writer.first(ids.firewall_event) {
        Some(b"1") => writer.put_str(ecs::EVENT_TYPE, "start"),
        Some(b"2") => writer.put_str(ecs::EVENT_TYPE, "end"),
        Some(b"3") => writer.put_str(ecs::EVENT_TYPE, "denied"),
        _ => {}
    }
}

fn put_ends(writer: &mut EventWriter<'_>, ids: &Ids) {
    for (from, to) in [
        (ids.source_v4, ecs::SOURCE_IP),
        (ids.source_v6, ecs::SOURCE_IP),
        (ids.sampled_source, ecs::SOURCE_IP),
        (ids.destination_v4, ecs::DESTINATION_IP),
        (ids.destination_v6, ecs::DESTINATION_IP),
        (ids.sampled_destination, ecs::DESTINATION_IP),
        (ids.nat_source_v4, ecs::SOURCE_NAT_IP),
        (ids.nat_source_v6, ecs::SOURCE_NAT_IP),
        (ids.nat_destination_v4, ecs::DESTINATION_NAT_IP),
        (ids.nat_destination_v6, ecs::DESTINATION_NAT_IP),
    ] {
        copy_ip(writer, from, to);
    }
    relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
    relate(writer, ecs::DESTINATION_IP, ecs::RELATED_IP);
    for (from, to) in [
        (ids.source_port, ecs::SOURCE_PORT),
        (ids.sampled_source_port, ecs::SOURCE_PORT),
        (ids.destination_port, ecs::DESTINATION_PORT),
        (ids.sampled_destination_port, ecs::DESTINATION_PORT),
        (ids.nat_source_port, ecs::SOURCE_NAT_PORT),
        (ids.nat_destination_port, ecs::DESTINATION_NAT_PORT),
    ] {
        if let Some(port) = present(writer, from).filter(|_| writer.first(to).is_none()) {
            writer.put_port_span(to, port);
        }
    }
    if writer.first(ecs::SOURCE_MAC).is_none() {
        put_mac(writer, ids.source_mac, ecs::SOURCE_MAC);
    }
    if writer.first(ecs::DESTINATION_MAC).is_none() {
        put_mac(writer, ids.destination_mac, ecs::DESTINATION_MAC);
    }
}

fn put_counts(writer: &mut EventWriter<'_>) {
    for (to, froms) in numbers() {
        if writer.first(to).is_some() {
            continue;
        }
        let found = froms.iter().find_map(|&from| present(writer, from));
        if let Some(span) = found.filter(|&span| parse_i64(writer.bytes(span)).is_some()) {
            writer.put_span(to, span, Kind::Number, false);
        }
    }
    for (to, one, other) in [
        (ecs::NETWORK_BYTES, ecs::SOURCE_BYTES, ecs::DESTINATION_BYTES),
        (ecs::NETWORK_PACKETS, ecs::SOURCE_PACKETS, ecs::DESTINATION_PACKETS),
    ] {
        let value = |id| writer.first(id).and_then(parse_i64);
        let sum = match (value(one), value(other)) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or_default().saturating_add(other.unwrap_or_default())),
        };
        if let Some(sum) = sum.filter(|_| writer.first(to).is_none()) {
            writer.put_i64(to, sum);
        }
    }
}

fn put_protocol(writer: &mut EventWriter<'_>, ids: &Ids) {
    let Some(protocol) = present(writer, ids.protocol).or_else(|| present(writer, ids.sampled_protocol)) else {
        return;
    };
    if parse_u64(writer.bytes(protocol)).is_none() {
        return;
    }
    if writer.first(ecs::NETWORK_IANA_NUMBER).is_none() {
        writer.put_span(ecs::NETWORK_IANA_NUMBER, protocol, Kind::Text, false);
    }
    if let Some(name) =
        transport_number(writer.bytes(protocol)).filter(|_| writer.first(ecs::NETWORK_TRANSPORT).is_none())
    {
        writer.put_str(ecs::NETWORK_TRANSPORT, name);
    }
}
