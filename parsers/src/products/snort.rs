//! Snort alerts: the fast format (also of Suricata's `fast.log`) in files and over syslog, the CSV formats of Snort 2,
//! Snort 3 and pfSense, and the JSON format of Snort 3.

mod csv;
mod json;
#[cfg(test)]
mod tests;

use super::fields::{put_direction, put_network_type, relate};
use super::names::vendor_names;
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::number::{parse_u64, take_u64};
use crate::products::{Detect, Product};
use crate::time::{Civil, Stamp, infer_year, take_clock, take_fraction};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `snort`.
pub(crate) static PRODUCT: Product = Product {
    name: "snort",
    title: "Snort alerts",
    document: "Snort 2.9 Users Manual, 2.6 Output Modules; Snort 3 Reference Manual, Logger Modules",
    namespace: "snort",
    module: "snort",
    dataset: "snort.log",
    vendor: "snort",
    product: "ids",
    observer_type: "ids",
    names: NAMES,
    detect: &[
        Detect::Line("0123456789", decode),
        Detect::Members(&["pkt_gen", "rule", "proto"], json::normalise),
        Detect::Members(&["gid", "sid", "src_addr"], json::normalise),
        Detect::App(&["snort", "snort3", "suricata"], decode_syslog),
        Detect::Shape("0123456789", decode),
        Detect::Shape("[", decode_syslog),
    ],
    ..Product::NONE
};

vendor_names! {
    gid = "gid";
    sid = "sid";
    rev = "rev";
    rule = "rule";
    msg = "msg";
    class = "class";
    priority = "priority";
    proto = "proto";
    action = "action";
    timestamp = "timestamp";
    seconds = "seconds";
    src_addr = "src_addr";
    dst_addr = "dst_addr";
    src_port = "src_port";
    dst_port = "dst_port";
    src_ap = "src_ap";
    dst_ap = "dst_ap";
    eth_src = "eth_src";
    eth_dst = "eth_dst";
    pkt_len = "pkt_len";
    pkt_num = "pkt_num";
    pkt_gen = "pkt_gen";
    dir = "dir";
    iface = "iface";
    vlan = "vlan";
    service = "service";
    app_id = "app_id";
    disposition = "disposition";
    eth_length = "eth.length";
    tcp_flags = "tcp.flags";
    tcp_seq = "tcp.seq";
    tcp_ack = "tcp.ack";
    tcp_length = "tcp.length";
    tcp_window = "tcp.window";
    ip_ttl = "ip.ttl";
    ip_tos = "ip.tos";
    ip_id = "ip.id";
    ip_length = "ip.length";
    dgm_length = "dgm.length";
    icmp_type = "icmp.type";
    icmp_code = "icmp.code";
    icmp_id = "icmp.id";
    icmp_seq = "icmp.seq";
    @also
    "b64_data" "client_bytes" "client_pkts" "server_bytes" "server_pkts" "eth_len" "eth_type" "flowstart_time"
    "geneve_vni" "icmp_code" "icmp_id" "icmp_seq" "icmp_type" "ip_id" "ip_len" "mpls" "sgt" "target" "tcp_ack"
    "tcp_flags" "tcp_len" "tcp_seq" "tcp_win" "tos" "ttl" "udp_len"
}

/// `MM/DD[/YY[YY]]-hh:mm:ss.ffffff` at the start.
fn take_stamp<'a>(text: &'a [u8], context: &Context<'_>) -> Option<(Stamp, &'a [u8])> {
    let (month, rest) = take_u64(text.get(..32.min(text.len()))?)?;
    let (day, rest) = take_u64(rest.strip_prefix(b"/")?)?;
    let (year, rest) = match rest.strip_prefix(b"/").and_then(take_u64) {
        Some((year, rest)) => (Some(if year < 100 { 2000 + year } else { year }), rest),
        None => (None, rest),
    };
    let rest = rest.strip_prefix(b"-")?;
    let consumed = text.len().min(32) - rest.len();
    let (hour, minute, second, rest) = take_clock(&text[consumed..])?;
    let (nano, precision, rest) = take_fraction(rest);
    let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    // 2000 is a leap year: 29 February stands until its year is known.
    let year_said = i64::try_from(year.unwrap_or(2000)).ok()?;
    let mut civil = Civil { year: year_said, month, day, hour, minute, second, nano };
    if !civil.is_valid() {
        return None;
    }
    if year.is_none() {
        infer_year(&mut civil, 0, context.reference_ns());
    }
    Some((Stamp { civil, offset_s: None, precision }, rest))
}

/// A line of an alert file; `false` = it is none.
fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    if text.get(2) != Some(&b'/') && text.get(1) != Some(&b'/') {
        return false;
    }
    let Some((stamp, rest)) = take_stamp(text, context) else { return false };
    let rest = rest.trim_ascii_start();
    let read = match rest.first() {
        Some(b'[') => rest.strip_prefix(b"[**]").is_some_and(|rest| alert(writer, rest.trim_ascii_start())),
        Some(b',') => csv::decode(writer, &rest[1..]),
        _ => false,
    };
    if !read {
        return false;
    }
    set_stamp(writer, context, &stamp, text);
    finish(writer);
    true
}

/// Sets the time; a stamp without a year has one slash.
fn set_stamp(writer: &mut EventWriter<'_>, context: &Context<'_>, stamp: &Stamp, text: &[u8]) {
    context.set_stamp(writer, stamp);
    if memchr::memchr_iter(b'/', &text[..text.len().min(8)]).count() == 1 {
        writer.defect(Defect::YearInferred);
    }
}

/// `[gid:sid:rev] message [Classification: …] [Priority: n]: {PROTO} source -> destination`
fn decode_syslog<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    if !alert(writer, header.message.trim_ascii_end()) {
        return false;
    }
    if let Some((host, _)) = writer.first_span(ecs::HOST_NAME) {
        writer.put_span(ecs::OBSERVER_NAME, host, Kind::Text, false);
    }
    finish(writer);
    true
}

/// Most numbers of a rule's `gid:sid:rev`: ten digits each.
const RULE_BYTES_MAX: usize = 36;

/// `gid:sid:rev`
fn split_rule(text: &[u8]) -> Option<[&[u8]; 3]> {
    let mut parts = text.split(|&byte| byte == b':');
    let rule = [parts.next()?, parts.next()?, parts.next()?];
    (parts.next().is_none() && rule.iter().all(|part| parse_u64(part).is_some())).then_some(rule)
}

fn put_rule<'a>(writer: &mut EventWriter<'a>, [gid, sid, rev]: [&'a [u8]; 3]) {
    writer.put_as(ids().gid, gid, Kind::Number, true);
    writer.put_as(ids().sid, sid, Kind::Number, true);
    writer.put_as(ids().rev, rev, Kind::Number, true);
    writer.put(ecs::RULE_ID, sid);
    writer.put(ecs::RULE_VERSION, rev);
}

/// An alert behind its stamp. Nothing is written unless a rule is named.
fn alert<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let Some(inner) = text.strip_prefix(b"[") else { return false };
    let Some(end) = memchr::memchr(b']', &inner[..inner.len().min(RULE_BYTES_MAX)]) else { return false };
    let Some(rule) = split_rule(&inner[..end]) else { return false };
    put_rule(writer, rule);
    let rest = inner[end + 1..].trim_ascii_start();
    // The message ends at the next mark; it may hold brackets of its own.
    let marks: [&[u8]; 5] = [b" [**]", b" [Classification: ", b" [Priority: ", b" [Impact: ", b" {"];
    let end = marks.iter().filter_map(|mark| memchr::memmem::find(rest, mark)).min().unwrap_or(rest.len());
    let message = rest[..end].trim_ascii_end();
    let message = message.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(message);
    put_message(writer, message);
    let mut rest = rest[end..].trim_ascii_start();
    rest = rest.strip_prefix(b"[**]").unwrap_or(rest).trim_ascii_start();
    while let Some(inner) = rest.strip_prefix(b"[") {
        let Some(end) = memchr::memchr(b']', inner) else {
            writer.defect(Defect::Truncated);
            return true;
        };
        let part = &inner[..end];
        if let Some(class) = part.strip_prefix(b"Classification: ") {
            put_class(writer, class);
        } else if let Some(priority) = part.strip_prefix(b"Priority: ") {
            put_priority(writer, priority);
        } else if let Some(app) = part.strip_prefix(b"AppID: ") {
            writer.put_vendor(ids().app_id, app);
        }
        rest = inner[end + 1..].trim_ascii_start();
        rest = rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start();
    }
    // The interface, where `-I` asks for it.
    if let Some(inner) = rest.strip_prefix(b"<") {
        if let Some(end) = memchr::memchr(b'>', inner) {
            put_interface(writer, &inner[..end]);
            rest = inner[end + 1..].trim_ascii_start();
        }
    }
    let Some(inner) = rest.strip_prefix(b"{") else {
        writer.defect(Defect::Truncated);
        return true;
    };
    let Some(end) = memchr::memchr(b'}', inner) else {
        writer.defect(Defect::Truncated);
        return true;
    };
    put_protocol(writer, &inner[..end]);
    let ends = inner[end + 1..].trim_ascii();
    let Some(arrow) = memchr::memmem::find(ends, b" -> ") else {
        writer.defect(Defect::Truncated);
        return true;
    };
    put_end(writer, &ends[..arrow], ecs::SOURCE_IP, ecs::SOURCE_ADDRESS, ecs::SOURCE_PORT);
    put_end(writer, &ends[arrow + 4..], ecs::DESTINATION_IP, ecs::DESTINATION_ADDRESS, ecs::DESTINATION_PORT);
    true
}

fn put_message<'a>(writer: &mut EventWriter<'a>, message: &'a [u8]) {
    writer.put(ecs::RULE_DESCRIPTION, message);
    writer.put(ecs::MESSAGE, message);
}

fn put_class<'a>(writer: &mut EventWriter<'a>, class: &'a [u8]) {
    if !class.is_empty() {
        writer.put(ecs::RULE_CATEGORY, class);
    }
}

fn put_priority<'a>(writer: &mut EventWriter<'a>, priority: &'a [u8]) {
    if parse_u64(priority).is_some() {
        writer.put_as(ecs::EVENT_SEVERITY, priority, Kind::Number, false);
    }
}

fn put_interface<'a>(writer: &mut EventWriter<'a>, name: &'a [u8]) {
    writer.put(ecs::OBSERVER_INGRESS_INTERFACE_NAME, name);
}

/// The transport by its name, or by its number where Snort knows no name.
fn put_protocol<'a>(writer: &mut EventWriter<'a>, name: &'a [u8]) {
    let (transport, number) = match name {
        b"TCP" | b"6" | b"006" => ("tcp", "6"),
        b"UDP" | b"17" | b"017" => ("udp", "17"),
        b"ICMP" | b"ICMP4" | b"1" | b"001" => ("icmp", "1"),
        b"IPv6-ICMP" | b"ICMP6" | b"IPV6-ICMP" | b"58" | b"058" => ("ipv6-icmp", "58"),
        b"SCTP" | b"132" => ("sctp", "132"),
        b"GRE" | b"47" | b"047" => ("gre", "47"),
        b"ESP" | b"50" | b"050" => ("esp", "50"),
        _ => ("", ""),
    };
    writer.put_vendor(ids().proto, name);
    if !transport.is_empty() {
        writer.put_str(ecs::NETWORK_TRANSPORT, transport);
        writer.put_str(ecs::NETWORK_IANA_NUMBER, number);
    }
}

/// `address[:port]`. IPv6 addresses stand without brackets: whether the last group is a port, the transport tells.
fn put_end<'a>(writer: &mut EventWriter<'a>, text: &'a [u8], ip: FieldId, address: FieldId, port: FieldId) {
    let ported = matches!(writer.first(ecs::NETWORK_TRANSPORT), Some(b"tcp" | b"udp" | b"sctp"));
    let colon = memchr::memrchr(b':', text).filter(|&colon| {
        (ported || memchr::memchr_iter(b':', text).count() == 1) && crate::ip::parse(&text[..colon]).is_some()
    });
    let host = &text[..colon.unwrap_or(text.len())];
    put_address(writer, host, ip, address);
    if let Some(colon) = colon {
        writer.put_port(port, &text[colon + 1..]);
    }
}

fn put_address<'a>(writer: &mut EventWriter<'a>, host: &'a [u8], ip: FieldId, address: FieldId) {
    if !host.is_empty() && writer.put_ip(ip, host) {
        writer.put(address, host);
        relate(writer, ip, ecs::RELATED_IP);
    }
}

/// `allow`, `Allow`, `alert` let pass; `drop`, `block`, `reset` and their `would_` forms do not.
fn put_verdict(writer: &mut EventWriter<'_>, action: &[u8]) {
    if action.eq_ignore_ascii_case(b"allow") || action.eq_ignore_ascii_case(b"pass") {
        writer.put_str(ecs::EVENT_TYPE, "allowed");
    } else if [&b"drop"[..], b"block", b"reset", b"reject", b"sdrop"]
        .iter()
        .any(|verb| action.len() >= verb.len() && action[..verb.len()].eq_ignore_ascii_case(verb))
    {
        writer.put_str(ecs::EVENT_TYPE, "denied");
    }
}

/// What is said of every alert.
fn finish(writer: &mut EventWriter<'_>) {
    let core = writer.core();
    core.product = products::SNORT;
    core.log_source = logsource::SNORT;
    writer.put_str(ecs::EVENT_KIND, "alert");
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    put_direction(writer);
    put_network_type(writer);
}
