//! sFlow version 5 (sflow.org, "sFlow Version 5"): sampled packets and interface counters, one record a sample.

use std::net::SocketAddr;

use super::json;
use super::octets::Octets;
use super::state::Exporters;
use super::{Out, RECORDS_PER_DATAGRAM_MAX, Sender};

/// Decodes one datagram; `None` = it is no sFlow 5.
pub(super) fn decode(exporters: &mut Exporters, out: &mut Out<'_>, peer: SocketAddr, datagram: &[u8]) -> Option<()> {
    let mut octets = Octets(datagram);
    if octets.u32()? != 5 {
        return None;
    }
    let agent = address(&mut octets)?;
    let domain = octets.u32()?;
    let sequence = octets.u32()?;
    let uptime_ms = octets.u32()?;
    let samples = octets.u32()?;
    let sender = Sender { peer, version: 5, domain, sequence, export_ns: None, uptime_ms: Some(uptime_ms) };
    // Apart from NetFlow 5 of the same address.
    let key = super::Key { version: SFLOW_KEY, ..sender.key() };
    let (exporter, counters) = exporters.get(key);
    exporter.sequence(counters, sequence, Some(1));
    for at in 0..samples {
        if at as usize >= RECORDS_PER_DATAGRAM_MAX {
            exporters.counters.records_capped += 1;
            out.raw("sflow_undecoded", &sender, None, octets.0);
            return Some(());
        }
        let whole = octets.0;
        let sample = octets.u32().zip(octets.u32()).and_then(|(kind, len)| Some((kind, octets.take(len as usize)?)));
        let Some((kind, body)) = sample else {
            exporters.counters.malformed += 1;
            if !whole.is_empty() {
                out.raw("sflow_malformed", &sender, None, whole);
            }
            return Some(());
        };
        let read = match kind {
            1 | 3 => flow(out, &sender, agent, kind == 3, body),
            2 | 4 => counters_sample(out, &sender, agent, kind == 4, body),
            _ => None,
        };
        if read.is_none() {
            // An enterprise's sample, or one that breaks off.
            out.raw("sflow_undecoded", &sender, None, &whole[..8 + body.len()]);
        }
    }
    Some(())
}

/// Stands for sFlow among the versions of exporters.
const SFLOW_KEY: u16 = 0x5f05;

/// A type (1 = IPv4, 2 = IPv6) and an address.
fn address<'a>(octets: &mut Octets<'a>) -> Option<&'a [u8]> {
    match octets.u32()? {
        1 => octets.take(4),
        2 => octets.take(16),
        _ => None,
    }
}

fn begin(out: &mut Out<'_>, kind: &str, sender: &Sender, agent: &[u8]) {
    out.begin(kind, sender);
    if let Some(agent) = json::address(agent) {
        out.object.member("agent_address", |out| out.ip(agent));
    }
}

/// The source of a sample: a type and an index, in one number or, expanded, in two.
fn source(octets: &mut Octets<'_>, expanded: bool) -> Option<(u32, u32)> {
    if expanded {
        return Some((octets.u32()?, octets.u32()?));
    }
    let source = octets.u32()?;
    Some((source >> 24, source & 0x00ff_ffff))
}

/// An interface; expanded, a format stands before.
fn interface(octets: &mut Octets<'_>, expanded: bool) -> Option<(u32, u32)> {
    if expanded {
        return Some((octets.u32()?, octets.u32()?));
    }
    let value = octets.u32()?;
    Some((value >> 30, value & 0x3fff_ffff))
}

fn flow(out: &mut Out<'_>, sender: &Sender, agent: &[u8], expanded: bool, body: &[u8]) -> Option<()> {
    let mut octets = Octets(body);
    let sequence = octets.u32()?;
    let (_, source_index) = source(&mut octets, expanded)?;
    let (rate, pool, drops) = (octets.u32()?, octets.u32()?, octets.u32()?);
    let (input, output) = (interface(&mut octets, expanded)?, interface(&mut octets, expanded)?);
    let records = octets.u32()?;
    begin(out, "sflow_flow", sender, agent);
    let object = &mut *out.object;
    for (name, value) in [
        ("sample_sequence", sequence),
        ("source_index", source_index),
        ("sampling_interval", rate),
        ("sample_pool", pool),
        ("dropped_samples", drops),
        ("ingress_interface", input.1),
        ("egress_interface", output.1),
    ] {
        object.unsigned(name, value.into());
    }
    for _ in 0..records.min(RECORDS_MAX) {
        let record = octets.u32().zip(octets.u32()).and_then(|(kind, len)| Some((kind, octets.take(len as usize)?)));
        let Some((kind, record)) = record else { break };
        put_record(out, kind, record);
    }
    out.end(body, None);
    Some(())
}

/// Records within one sample; the standard has some thirty kinds, and a sample one of each.
const RECORDS_MAX: u32 = 64;

fn put_record(out: &mut Out<'_>, kind: u32, record: &[u8]) {
    let mut octets = Octets(record);
    let known = match kind {
        1 => header(out, &mut octets),
        2 => ethernet(out, &mut octets),
        3 => ipv4(out, &mut octets),
        4 => ipv6(out, &mut octets),
        1001 => switch(out, &mut octets),
        1002 => router(out, &mut octets),
        _ => None,
    };
    if known.is_none() {
        // Enterprise and format, as the sender numbers them; its octets are in the sample's.
        out.object
            .numbered("record_", kind >> 12, Some((kind & 0xfff) as u16), |value| value.unsigned(record.len() as u64));
    }
}

/// The first octets of the packet.
fn header(out: &mut Out<'_>, octets: &mut Octets<'_>) -> Option<()> {
    let protocol = octets.u32()?;
    let frame_len = octets.u32()?;
    let _stripped = octets.u32()?;
    let len = octets.u32()? as usize;
    let mut packet = Octets(octets.take(len)?);
    let object = &mut *out.object;
    object.unsigned("octet_delta_count", frame_len.into());
    object.unsigned("packet_delta_count", 1);
    match protocol {
        1 => frame(out, &mut packet),
        11 => packet_v4(out, &mut packet),
        12 => packet_v6(out, &mut packet),
        other => {
            out.object.unsigned("header_protocol", other.into());
            None
        }
    };
    Some(())
}

/// Most VLAN tags read of one frame (IEEE 802.1ad has two).
const TAGS_MAX: usize = 4;

fn frame(out: &mut Out<'_>, packet: &mut Octets<'_>) -> Option<()> {
    let (destination, source) = (packet.take(6)?, packet.take(6)?);
    let mac = |octets: &[u8]| <[u8; 6]>::try_from(octets).unwrap_or_default();
    out.object.member("source_mac_address", |value| value.mac(&mac(source)));
    out.object.member("destination_mac_address", |value| value.mac(&mac(destination)));
    let mut ethernet_type = packet.u16()?;
    for at in 0..TAGS_MAX {
        if !matches!(ethernet_type, 0x8100 | 0x88a8 | 0x9100) {
            break;
        }
        let tag = packet.u16()?;
        if at == 0 {
            out.object.unsigned("vlan_id", (tag & 0x0fff).into());
        }
        ethernet_type = packet.u16()?;
    }
    out.object.unsigned("ethernet_type", ethernet_type.into());
    match ethernet_type {
        0x0800 => packet_v4(out, packet),
        0x86dd => packet_v6(out, packet),
        _ => None,
    }
}

fn packet_v4(out: &mut Out<'_>, packet: &mut Octets<'_>) -> Option<()> {
    let version = packet.u8()?;
    let header_len = usize::from(version & 0x0f) * 4;
    if version >> 4 != 4 || header_len < 20 {
        return None;
    }
    let service = packet.u8()?;
    let _len_id = packet.take(4)?;
    let fragment = packet.u16()?;
    let ttl = packet.u8()?;
    let protocol = packet.u8()?;
    let _checksum = packet.u16()?;
    let (source, destination) = (packet.take(4)?, packet.take(4)?);
    put_ips(out, "source_ipv4_address", source, "destination_ipv4_address", destination);
    out.object.unsigned("protocol_identifier", protocol.into());
    out.object.unsigned("ip_class_of_service", service.into());
    out.object.unsigned("ip_ttl", ttl.into());
    packet.take(header_len - 20)?;
    // Only the first fragment has ports.
    if fragment & 0x1fff == 0 { ports(out, protocol, packet) } else { None }
}

fn packet_v6(out: &mut Out<'_>, packet: &mut Octets<'_>) -> Option<()> {
    let first = packet.u32()?;
    if first >> 28 != 6 {
        return None;
    }
    let _len = packet.u16()?;
    let protocol = packet.u8()?;
    let ttl = packet.u8()?;
    let (source, destination) = (packet.take(16)?, packet.take(16)?);
    put_ips(out, "source_ipv6_address", source, "destination_ipv6_address", destination);
    out.object.unsigned("protocol_identifier", protocol.into());
    out.object.unsigned("ip_class_of_service", (first >> 20 & 0xff).into());
    out.object.unsigned("ip_ttl", ttl.into());
    ports(out, protocol, packet)
}

fn put_ips(out: &mut Out<'_>, source_name: &str, source: &[u8], destination_name: &str, destination: &[u8]) {
    for (name, octets) in [(source_name, source), (destination_name, destination)] {
        if let Some(ip) = json::address(octets) {
            out.object.member(name, |value| value.ip(ip));
        }
    }
}

fn ports(out: &mut Out<'_>, protocol: u8, packet: &mut Octets<'_>) -> Option<()> {
    match protocol {
        6 | 17 | 132 => {
            let (source, destination) = (packet.u16()?, packet.u16()?);
            out.object.unsigned("source_transport_port", source.into());
            out.object.unsigned("destination_transport_port", destination.into());
            if protocol == 6 {
                packet.take(8)?;
                let flags = packet.u16()? & 0x01ff;
                out.object.unsigned("tcp_control_bits", flags.into());
            }
        }
        1 | 58 => {
            let (kind, code) = (packet.u8()?, packet.u8()?);
            out.object.unsigned("icmp_type", kind.into());
            out.object.unsigned("icmp_code", code.into());
        }
        _ => {}
    }
    Some(())
}

fn ethernet(out: &mut Out<'_>, octets: &mut Octets<'_>) -> Option<()> {
    let len = octets.u32()?;
    // Opaque data is filled up to words of four octets.
    let source: [u8; 6] = octets.take(8)?[..6].try_into().ok()?;
    let destination: [u8; 6] = octets.take(8)?[..6].try_into().ok()?;
    let kind = octets.u32()?;
    out.object.unsigned("ethernet_total_length", len.into());
    out.object.member("ethernet_source_mac", |value| value.mac(&source));
    out.object.member("ethernet_destination_mac", |value| value.mac(&destination));
    out.object.unsigned("sampled_ethernet_type", kind.into());
    Some(())
}

/// A packet by its fields, where the agent parsed it itself. A sample that has the packet's octets too says these twice,
/// so they have names of their own.
fn ipv4(out: &mut Out<'_>, octets: &mut Octets<'_>) -> Option<()> {
    sampled_ip(out, octets, 4)
}

fn ipv6(out: &mut Out<'_>, octets: &mut Octets<'_>) -> Option<()> {
    sampled_ip(out, octets, 16)
}

fn sampled_ip(out: &mut Out<'_>, octets: &mut Octets<'_>, address_len: usize) -> Option<()> {
    let (len, protocol) = (octets.u32()?, octets.u32()?);
    let (source, destination) = (octets.take(address_len)?, octets.take(address_len)?);
    let (source_port, destination_port, flags) = (octets.u32()?, octets.u32()?, octets.u32()?);
    out.object.open("sampled_ip");
    put_ips(out, "source", source, "destination", destination);
    for (name, value) in [
        ("length", len),
        ("protocol", protocol),
        ("source_port", source_port),
        ("destination_port", destination_port),
        ("tcp_flags", flags),
    ] {
        out.object.unsigned(name, value.into());
    }
    out.object.close();
    Some(())
}

fn switch(out: &mut Out<'_>, octets: &mut Octets<'_>) -> Option<()> {
    let values = (octets.u32()?, octets.u32()?, octets.u32()?, octets.u32()?);
    out.object.unsigned("ingress_vlan_id", values.0.into());
    out.object.unsigned("dot1q_priority", values.1.into());
    out.object.unsigned("post_vlan_id", values.2.into());
    out.object.unsigned("post_dot1q_priority", values.3.into());
    Some(())
}

fn router(out: &mut Out<'_>, octets: &mut Octets<'_>) -> Option<()> {
    let next_hop = address(octets)?;
    let (source_mask, destination_mask) = (octets.u32()?, octets.u32()?);
    if let Some(ip) = json::address(next_hop) {
        out.object.member("ip_next_hop_address", |value| value.ip(ip));
    }
    out.object.unsigned("source_prefix_length", source_mask.into());
    out.object.unsigned("destination_prefix_length", destination_mask.into());
    Some(())
}

/// Interface counters (RFC 2233); other counters keep their octets.
fn counters_sample(out: &mut Out<'_>, sender: &Sender, agent: &[u8], expanded: bool, body: &[u8]) -> Option<()> {
    let mut octets = Octets(body);
    let sequence = octets.u32()?;
    let (_, source_index) = source(&mut octets, expanded)?;
    let records = octets.u32()?;
    begin(out, "sflow_counters", sender, agent);
    out.object.unsigned("sample_sequence", sequence.into());
    out.object.unsigned("source_index", source_index.into());
    for _ in 0..records.min(RECORDS_MAX) {
        let record = octets.u32().zip(octets.u32()).and_then(|(kind, len)| Some((kind, octets.take(len as usize)?)));
        let Some((kind, record)) = record else { break };
        if kind != 1 || put_interface(out, &mut Octets(record)).is_none() {
            let name = (kind >> 12, (kind & 0xfff) as u16);
            out.object.numbered("counters_", name.0, Some(name.1), |value| value.unsigned(record.len() as u64));
        }
    }
    out.end(body, None);
    Some(())
}

fn put_interface(out: &mut Out<'_>, octets: &mut Octets<'_>) -> Option<()> {
    if octets.len() < 88 {
        return None;
    }
    for (name, len) in [
        ("interface_index", 4),
        ("interface_type", 4),
        ("interface_speed", 8),
        ("interface_direction", 4),
        ("interface_status", 4),
        ("in_octets", 8),
        ("in_unicast_packets", 4),
        ("in_multicast_packets", 4),
        ("in_broadcast_packets", 4),
        ("in_discards", 4),
        ("in_errors", 4),
        ("in_unknown_protocols", 4),
        ("out_octets", 8),
        ("out_unicast_packets", 4),
        ("out_multicast_packets", 4),
        ("out_broadcast_packets", 4),
        ("out_discards", 4),
        ("out_errors", 4),
        ("promiscuous_mode", 4),
    ] {
        let value = if len == 8 { octets.u64()? } else { octets.u32()?.into() };
        out.object.unsigned(name, value);
    }
    Some(())
}
