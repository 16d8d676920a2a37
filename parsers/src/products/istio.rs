//! Istio and Envoy access logs: the default text format and its JSON form (Envoy documentation, "Access logging: default format
//! string"; Istio, "Envoy access logs").

use super::fields::relate;
use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Spec, put_constants};
use super::names::vendor_names;
use super::text::{End, split, split_last, word};
use super::{Detect, Product, url};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::number::{parse_i64, parse_u64};
use crate::time::take_iso;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `istio`.
pub(crate) static PRODUCT: Product = Product {
    name: "istio",
    title: "Istio and Envoy access log",
    document: "Envoy: access logging, default format; Istio: Envoy access logs",
    namespace: "istio.access",
    module: "istio",
    dataset: "istio.access_logs",
    names: NAMES,
    json: &[&TABLE],
    detect: &[
        Detect::Line("[", read),
        Detect::Members(&["upstream_cluster", "downstream_remote_address", "response_flags"], read_members),
    ],
    ..Product::NONE
};

vendor_names! {
    flags = "response_flags";
    details = "response_code_details";
    termination = "connection_termination_details";
    failure = "upstream_transport_failure_reason";
    authority = "authority";
    upstream_host = "upstream_host";
    cluster = "upstream_cluster";
    upstream_local = "upstream_local_address";
    downstream_local = "downstream_local_address";
    downstream_remote = "downstream_remote_address";
    server_name = "requested_server_name";
    route = "route_name";
    forwarded = "x_forwarded_for";
    service_time = "upstream_service_time";
    code = "response_code";
    protocol = "protocol";
}

/// The names of what is left of the text, in its order.
fn tail() -> [FieldId; 6] {
    let ids = ids();
    [ids.cluster, ids.upstream_local, ids.downstream_local, ids.downstream_remote, ids.server_name, ids.route]
}

fn put_own(writer: &mut EventWriter<'_>, id: FieldId, value: &[u8]) {
    if !matches!(value, b"" | b"-") {
        writer.put_vendor(id, value);
    }
}

/// The next value: bare, or between quotes.
fn take(text: &[u8]) -> Option<(&[u8], &[u8])> {
    match text.strip_prefix(b"\"") {
        Some(quoted) => split(quoted, b"\"").map(|(value, rest)| (value, rest.trim_ascii_start())),
        None => (!text.is_empty()).then(|| word(text)),
    }
}

/// Reads a line of the default format; `false` = it is another's.
fn read<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let Some(text) = header.message.strip_prefix(b"[") else { return false };
    let Some((stamp, rest)) = take_iso(text) else { return false };
    let Some(rest) = rest.strip_prefix(b"] \"") else { return false };
    let Some((request, rest)) = split(rest, b"\" ") else { return false };
    let mut values = [&b""[..]; 13];
    let mut left = rest;
    // Code, flags, details, termination, failure, bytes twice, durations twice, then four or five in quotes.
    for value in &mut values {
        let Some((one, rest)) = take(left) else { return false };
        (*value, left) = (one, rest);
    }
    let [
        code,
        flags,
        details,
        termination,
        failure,
        received,
        sent,
        duration,
        service,
        forwarded,
        agent,
        id,
        authority,
    ] = values;
    if parse_u64(code).is_none() || parse_u64(received).is_none() || parse_u64(sent).is_none() {
        return false;
    }
    let Some((upstream, left)) = take(left) else { return false };
    let ids = ids();
    let core = writer.core();
    (core.product, core.log_source) = (products::ISTIO, logsource::ACCESS_LOG);
    context.set_stamp(writer, &stamp);
    for (name, value) in [
        (ids.flags, flags),
        (ids.details, details),
        (ids.termination, termination),
        (ids.failure, failure),
        (ids.service_time, service),
        (ids.forwarded, forwarded),
        (ids.authority, authority),
        (ids.upstream_host, upstream),
    ] {
        put_own(writer, name, value);
    }
    let mut rest = left;
    for name in tail() {
        let Some((value, after)) = take(rest) else { break };
        put_own(writer, name, value);
        rest = after;
    }
    writer.put_as(ecs::HTTP_RESPONSE_STATUS_CODE, code, Kind::Number, false);
    put_counts(writer, received, sent, duration);
    for (to, value) in [(ecs::EVENT_ID, id), (ecs::HTTP_REQUEST_ID, id), (ecs::USER_AGENT_ORIGINAL, agent)] {
        if !matches!(value, b"" | b"-") {
            writer.put(to, value);
        }
    }
    let (method, request) = word(request);
    let (path, protocol) = split_last(request, b" ").unwrap_or((request, b""));
    if method != b"-" {
        writer.put(ecs::HTTP_REQUEST_METHOD, method);
    }
    finish(writer, path, protocol, code, true);
    true
}

/// What Envoy received from the client is the request's body, what it sent the response's.
fn put_counts(writer: &mut EventWriter<'_>, received: &[u8], sent: &[u8], duration: &[u8]) {
    writer.put_as(ecs::HTTP_REQUEST_BODY_BYTES, received, Kind::Number, false);
    writer.put_as(ecs::HTTP_RESPONSE_BODY_BYTES, sent, Kind::Number, false);
    if let Some(duration_ns) = parse_i64(duration).and_then(|ms| ms.checked_mul(1_000_000)) {
        writer.put_i64(ecs::EVENT_DURATION, duration_ns);
    }
}

fn finish(writer: &mut EventWriter<'_>, path: &[u8], protocol: &[u8], code: &[u8], at_record: bool) {
    const WEB: Constants = &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "web"), (ecs::EVENT_TYPE, "access")];
    const CONNECTION: Constants = &[(ecs::EVENT_KIND, "event")];
    let ids = ids();
    let named = at_record && !matches!(path, b"" | b"-");
    if named {
        let span = writer.span_of(path);
        url::put(writer, span);
    }
    put_constants(writer, if writer.view().has(ecs::URL_ORIGINAL) { WEB } else { CONNECTION });
    if let Some(version) = protocol.strip_prefix(b"HTTP/") {
        writer.put(ecs::HTTP_VERSION, version);
        writer.put_str(ecs::NETWORK_PROTOCOL, "http");
    }
    writer.put_str(ecs::NETWORK_TRANSPORT, "tcp");
    let failed = parse_u64(code).is_some_and(|code| code >= 400);
    writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
    let ends = [
        (
            ids.downstream_remote,
            End {
                address: ecs::SOURCE_ADDRESS,
                ip: ecs::SOURCE_IP,
                domain: ecs::SOURCE_DOMAIN,
                port: ecs::SOURCE_PORT,
            },
        ),
        (
            ids.upstream_host,
            End {
                address: ecs::DESTINATION_ADDRESS,
                ip: ecs::DESTINATION_IP,
                domain: ecs::DESTINATION_DOMAIN,
                port: ecs::DESTINATION_PORT,
            },
        ),
    ];
    for (from, end) in ends {
        put_peer(writer, from, end);
    }
}

/// `192.0.2.1:80`, `[2001:db8::1]:80`.
fn put_peer(writer: &mut EventWriter<'_>, from: FieldId, end: End) {
    let Some((span, _)) = writer.first_span(from) else { return };
    let text = writer.bytes(span);
    let Some(colon) = memchr::memrchr(b':', text) else { return };
    let bracketed = text.first() == Some(&b'[') && colon > 1 && text[colon - 1] == b']';
    let len = text.len();
    let host = if bracketed { span.part(1..colon - 1) } else { span.part(0..colon) };
    writer.put_span(end.address, span, Kind::Text, false);
    if writer.put_if_ip(end.ip, host) {
        relate(writer, end.ip, ecs::RELATED_IP);
        writer.put_port_span(end.port, span.part(colon + 1..len));
    }
}

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::ISTIO,
    log_source: logsource::ACCESS_LOG,
    time: &[("start_time", Clock::IsoUtc)],
    rows: &[
        ("request_id", ecs::EVENT_ID, Text),
        ("request_id", ecs::HTTP_REQUEST_ID, Text),
        ("method", ecs::HTTP_REQUEST_METHOD, Text),
        ("path", ecs::URL_ORIGINAL, Url),
        ("user_agent", ecs::USER_AGENT_ORIGINAL, Text),
        ("response_code", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("bytes_received", ecs::HTTP_REQUEST_BODY_BYTES, Number),
        ("bytes_sent", ecs::HTTP_RESPONSE_BODY_BYTES, Number),
        ("duration", ecs::EVENT_DURATION, Duration(1_000_000)),
    ],
    ..Spec::NONE
});

fn read_members(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    let ids = ids();
    let failed = writer.first(ids.code).and_then(parse_u64).is_some_and(|code| code >= 400);
    let version =
        writer.first_span(ids.protocol).map(|(span, _)| span).filter(|span| writer.bytes(*span).starts_with(b"HTTP/"));
    if let Some(span) = version {
        let len = span.len();
        writer.put_span(ecs::HTTP_VERSION, span.part(5..len), Kind::Text, false);
        writer.put_str(ecs::NETWORK_PROTOCOL, "http");
    }
    finish(writer, b"", b"", if failed { b"500" } else { b"200" }, false);
    true
}
