//! CoreDNS: the query log in its common and combined formats, and the errors plugin (CoreDNS manual, plugins `log`
//! and `errors`), bare or as the `message` of a container's log record.

use super::fields::{copy_ip, present, relate_span};
use super::names::vendor_names;
use super::text::split;
use crate::decode::Context;
use crate::event::{EventWriter, Kind, Span};
use crate::number::{parse_i64, parse_scaled, parse_u64};
use crate::products::{Detect, Product};
use crate::time::take_iso;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products, scan};

/// `coredns`.
pub(crate) static PRODUCT: Product = Product {
    name: "coredns",
    title: "CoreDNS",
    document: "CoreDNS manual: plugins log and errors",
    namespace: "coredns.log",
    module: "coredns",
    dataset: "coredns.log",
    names: NAMES,
    detect: &[
        Detect::Line("[12", decode),
        Detect::Members(&["message", "kubernetes.container.name"], normalise),
        Detect::App(&["coredns"], decode),
    ],
    ..Product::NONE
};

vendor_names! {
    container = "kubernetes.container.name";
    time = "time";
    buffer_size = "buffer_size";
    dnssec_ok = "dnssec_ok";
    error_message = "error.message";
    query = "query";
    record_type = "record_type";
    @also
    "stream" "kubernetes.namespace" "kubernetes.node.name" "kubernetes.pod.name" "kubernetes.pod.uid"
    "kubernetes.replicaset.name"
}

/// Decodes a line of CoreDNS; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let (stamp, rest) = match take_iso(text) {
        Some((stamp, rest)) => (Some(stamp), rest.trim_ascii_start()),
        None => (None, text),
    };
    let line = writer.span_of(rest);
    if !put(writer, line) {
        return false;
    }
    if let Some(stamp) = &stamp {
        context.set_stamp(writer, stamp);
    }
    true
}

/// Normalises a container's record whose members are written already.
pub(crate) fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    if writer.first(ids().container) != Some(b"coredns") {
        return false;
    }
    let Some(line) = present(writer, ecs::MESSAGE) else { return false };
    if !put(writer, line) {
        return false;
    }
    if let Some((stamp, _)) = writer.first(ids().time).and_then(take_iso) {
        context.set_stamp(writer, &stamp);
    }
    true
}

/// Most columns of a line of the query log: the eleven of the common format and what may be added.
const COLUMNS_MAX: usize = 16;

fn put(writer: &mut EventWriter<'_>, line: Span) -> bool {
    let text = writer.bytes(line);
    let Some((level, body)) = text.strip_prefix(b"[").and_then(|rest| split(rest, b"] ")) else { return false };
    if !matches!(level, b"INFO" | b"ERROR" | b"WARNING" | b"DEBUG" | b"FATAL" | b"NOTICE") {
        return false;
    }
    let from = text.len() - body.len();
    let level = line.part(1..1 + level.len());
    let body_span = line.part(from..text.len());
    let is_error = body.starts_with(b"plugin/");
    let columns = if is_error { None } else { columns(body) };
    if !is_error && columns.is_none() {
        return false;
    }
    let core = writer.core();
    core.product = products::COREDNS;
    core.log_source = logsource::DNS_SERVER;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::EVENT_TYPE, "protocol");
    writer.put_str(ecs::NETWORK_PROTOCOL, "dns");
    put_lower(writer, level);
    if writer.first(ecs::MESSAGE).is_none() {
        writer.put_span(ecs::MESSAGE, body_span, Kind::Text, false);
    }
    match columns {
        Some(columns) => put_query(writer, body_span, &columns),
        None => put_error(writer, body_span),
    }
    true
}

fn put_lower(writer: &mut EventWriter<'_>, level: Span) {
    let lowered = match writer.bytes(level) {
        b"INFO" => "info",
        b"ERROR" => "error",
        b"WARNING" => "warning",
        b"FATAL" => "fatal",
        b"NOTICE" => "notice",
        _ => "debug",
    };
    writer.put_str(ecs::LOG_LEVEL, lowered);
}

/// Where the columns of a query line lie: `peer:port - id "TYPE CLASS name proto size do bufsize" CODE flags size
/// seconds`, the quotes being part of no column.
fn columns(body: &[u8]) -> Option<[std::ops::Range<usize>; COLUMNS_MAX]> {
    let mut found = [const { 0..0 }; COLUMNS_MAX];
    let mut count = 0;
    let mut at = 0;
    while at < body.len() && count < COLUMNS_MAX {
        let end = at + scan::until(&body[at..], b' ');
        let mut range = at..end;
        if body.get(range.start) == Some(&b'"') {
            range.start += 1;
        }
        if range.end > range.start && body[range.end - 1] == b'"' {
            range.end -= 1;
        }
        if range.end > at {
            found[count] = range;
            count += 1;
        }
        at = end + 1;
    }
    let dash = body.get(found[1].clone()) == Some(b"-");
    let id = body.get(found[2].clone()).is_some_and(|id| parse_u64(id).is_some());
    (dash && id && count >= 10).then_some(found)
}

fn put_query(writer: &mut EventWriter<'_>, body: Span, columns: &[std::ops::Range<usize>; COLUMNS_MAX]) {
    let ids = ids();
    let part = |at: usize| body.part(columns[at].clone());
    // The port stands behind the last colon; IPv6 addresses are in brackets.
    let peer = part(0);
    if let Some(colon) = memchr::memrchr(b':', writer.bytes(peer)) {
        let address = peer.part(0..colon);
        writer.put_span(ecs::SOURCE_ADDRESS, address, Kind::Text, false);
        if writer.put_if_ip(ecs::SOURCE_IP, address) {
            copy_ip(writer, ecs::SOURCE_IP, ecs::CLIENT_IP);
            super::fields::relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
        }
        writer.put_port_span(ecs::SOURCE_PORT, peer.part(colon + 1..peer.len()));
    }
    writer.put_span(ecs::DNS_ID, part(2), Kind::Text, false);
    put_type(writer, part(3));
    writer.put_span(ecs::DNS_QUESTION_CLASS, part(4), Kind::Text, false);
    put_name(writer, part(5));
    let transport = part(6);
    writer.put_span(ecs::NETWORK_TRANSPORT, transport, Kind::Text, false);
    match writer.bytes(transport) {
        b"udp" => writer.put_str(ecs::NETWORK_IANA_NUMBER, "17"),
        b"tcp" => writer.put_str(ecs::NETWORK_IANA_NUMBER, "6"),
        _ => {}
    }
    let number = |writer: &EventWriter<'_>, span: Span| parse_i64(writer.bytes(span));
    let asked = number(writer, part(7));
    if asked.is_some() {
        writer.put_span(ecs::SOURCE_BYTES, part(7), Kind::Number, false);
    }
    if matches!(writer.bytes(part(8)), b"true" | b"false") {
        writer.put_span(ids.dnssec_ok, part(8), Kind::Bool, true);
    }
    if number(writer, part(9)).is_some() {
        writer.put_span(ids.buffer_size, part(9), Kind::Number, true);
    }
    let code = part(10);
    if code.is_empty() || writer.bytes(code) == b"-" {
        return;
    }
    writer.put_span(ecs::DNS_RESPONSE_CODE, code, Kind::Text, false);
    let success = writer.bytes(code) == b"NOERROR";
    writer.put_str(ecs::EVENT_OUTCOME, if success { "success" } else { "failure" });
    put_flags(writer, part(11));
    let answered = number(writer, part(12));
    if answered.is_some() {
        writer.put_span(ecs::DESTINATION_BYTES, part(12), Kind::Number, false);
    }
    if let (Some(asked), Some(answered)) = (asked, answered) {
        writer.put_i64(ecs::NETWORK_BYTES, asked.saturating_add(answered));
    }
    let seconds = writer.bytes(part(13));
    if let Some(duration) = seconds.strip_suffix(b"s").and_then(|seconds| parse_scaled(seconds, 9)) {
        writer.put_i64(ecs::EVENT_DURATION, duration);
    }
    let op_code = part(14);
    if number(writer, op_code).is_some() {
        writer.put_span(ecs::DNS_OP_CODE, op_code, Kind::Text, false);
    }
}

/// `qr,rd,ra`; that an answer is one is no flag of the schema.
fn put_flags(writer: &mut EventWriter<'_>, flags: Span) {
    for (name, flag) in [(&b"aa"[..], "AA"), (b"tc", "TC"), (b"rd", "RD"), (b"ra", "RA"), (b"ad", "AD"), (b"cd", "CD")]
    {
        if writer.bytes(flags).split(|&byte| byte == b',').any(|part| part == name) {
            writer.put_str(ecs::DNS_HEADER_FLAGS, flag);
        }
    }
}

fn put_name(writer: &mut EventWriter<'_>, name: Span) {
    let text = writer.bytes(name);
    let len = text.len();
    let dotted = len > 1 && text.ends_with(b".");
    let name = name.part(0..len - usize::from(dotted));
    if name.is_empty() {
        return;
    }
    writer.put_span(ecs::DNS_QUESTION_NAME, name, Kind::Text, false);
    writer.put_span(ids().query, name, Kind::Text, true);
    relate_span(writer, name, ecs::RELATED_HOSTS);
}

fn put_type(writer: &mut EventWriter<'_>, kind: Span) {
    writer.put_span(ecs::DNS_QUESTION_TYPE, kind, Kind::Text, false);
    writer.put_span(ids().record_type, kind, Kind::Text, true);
}

/// `plugin/errors: 2 name. A: what went wrong`
fn put_error(writer: &mut EventWriter<'_>, body: Span) {
    let text = writer.bytes(body);
    let Some(colon) = scan::find(text, b": ") else { return };
    let rest = &text[colon + 2..];
    let code = scan::until(rest, b' ');
    let name = rest.get(code + 1..).map_or(0, |rest| scan::until(rest, b' '));
    let kind = rest.get(code + name + 2..).map_or(0, |rest| scan::until(rest, b':'));
    let at = colon + 2;
    let is_question = parse_u64(&rest[..code]).is_some()
        && rest.get(code + 1..code + 1 + name).is_some_and(|name| name.ends_with(b"."))
        && kind > 0
        && rest.get(code + name + 2 + kind) == Some(&b':');
    let len = text.len();
    writer.put_span(ecs::LOG_LOGGER, body.part(0..colon), Kind::Text, false);
    if !is_question {
        return writer.put_span(ids().error_message, body.part(at..len), Kind::Text, true);
    }
    writer.put_span(ecs::DNS_RESPONSE_CODE, body.part(at..at + code), Kind::Text, false);
    put_name(writer, body.part(at + code + 1..at + code + 1 + name));
    let kind_at = at + code + name + 2;
    put_type(writer, body.part(kind_at..kind_at + kind));
    writer.put_span(ids().error_message, body.part((kind_at + kind + 2).min(len)..len), Kind::Text, true);
    writer.put_str(ecs::EVENT_OUTCOME, "failure");
}
