//! What tables cannot say of a log.

use super::Ids;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::number::{parse_i64, parse_u64};
use crate::products::fields::{copy, present, relate};
use crate::products::json_table::put_constant;
use crate::products::url;

/// Seconds as Zeek writes them, to the nearest nanosecond.
fn put_duration(writer: &mut EventWriter<'_>, from: FieldId) {
    let Some(seconds) = writer.first(from).and_then(|text| std::str::from_utf8(text).ok()?.parse::<f64>().ok()) else {
        return;
    };
    let ns = (seconds * 1e9).round();
    // A float beyond the range would stick to its end.
    if ns.abs() < i64::MAX as f64 {
        writer.put_i64(ecs::EVENT_DURATION, ns as i64);
    }
}

/// What the ends did, by the state that Zeek saw ("conn_state" of base/protocols/conn/main.zeek).
fn types_of(state: &[u8]) -> &'static [&'static str] {
    match state {
        b"S0" | b"S1" => &["connection", "start"],
        b"SF" => &["connection", "start", "end"],
        b"REJ" => &["connection", "start", "denied"],
        _ => &["connection", "info"],
    }
}

pub(super) fn conn(writer: &mut EventWriter<'_>, ids: &Ids) {
    for kind in types_of(writer.first(ids.conn_state).unwrap_or_default()) {
        writer.put_str(ecs::EVENT_TYPE, kind);
    }
    put_duration(writer, ids.duration);
    for (one, other, to) in [
        (ids.orig_ip_bytes, ids.resp_ip_bytes, ecs::NETWORK_BYTES),
        (ids.orig_pkts, ids.resp_pkts, ecs::NETWORK_PACKETS),
    ] {
        let sum = |id| writer.first(id).and_then(parse_i64);
        if let (Some(one), Some(other)) = (sum(one), sum(other)) {
            writer.put_i64(to, one.saturating_add(other));
        }
    }
    let local = |id| match writer.first(id) {
        Some(b"true") => Some(true),
        Some(b"false") => Some(false),
        _ => None,
    };
    let direction = match (local(ids.local_orig), local(ids.local_resp)) {
        (Some(true), Some(true)) => "internal",
        (Some(true), Some(false)) => "outbound",
        (Some(false), Some(true)) => "inbound",
        (Some(false), Some(false)) => "external",
        _ => return,
    };
    writer.put_str(ecs::NETWORK_DIRECTION, direction);
}

pub(super) fn dns(writer: &mut EventWriter<'_>, ids: &Ids) {
    put_duration(writer, ids.rtt);
    match present(writer, ids.qclass_name) {
        Some(span) if writer.bytes(span) == b"C_INTERNET" => writer.put_str(ecs::DNS_QUESTION_CLASS, "IN"),
        Some(span) => writer.put_span(ecs::DNS_QUESTION_CLASS, span, Kind::Text, false),
        None => {}
    }
    for (flag, name) in [(ids.aa, "AA"), (ids.tc, "TC"), (ids.rd, "RD"), (ids.ra, "RA")] {
        if writer.first(flag) == Some(b"true") {
            writer.put_str(ecs::DNS_HEADER_FLAGS, name);
        }
    }
    match writer.first(ids.rcode) {
        Some(code) => {
            let outcome = if code == b"0" { "success" } else { "failure" };
            writer.put_str(ecs::DNS_TYPE, "answer");
            writer.put_str(ecs::EVENT_OUTCOME, outcome);
        }
        None => writer.put_str(ecs::DNS_TYPE, "query"),
    }
    /// Most answers that are read.
    const ANSWERS_MAX: usize = 256;
    let end = writer.fields_len();
    let mut at = writer.view().first_index(ids.answers).unwrap_or(end);
    let mut left = ANSWERS_MAX;
    while at < end && left > 0 {
        let field = writer.view().fields()[at];
        at += 1;
        if field.id != ids.answers || matches!(field.kind, Kind::Json | Kind::Null) {
            continue;
        }
        writer.put_span(ecs::DNS_ANSWERS_DATA, field.span(), Kind::Text, false);
        writer.put_if_ip(ecs::DNS_RESOLVED_IP, field.span());
        left -= 1;
    }
}

/// Success and failure by a status of three digits (HTTP, SIP).
pub(super) fn status(writer: &mut EventWriter<'_>, ids: &Ids) {
    if let Some(code) = writer.first(ids.status_code).and_then(parse_u64) {
        writer.put_str(ecs::EVENT_OUTCOME, if code < 400 { "success" } else { "failure" });
    }
}

pub(super) fn http(writer: &mut EventWriter<'_>, ids: &Ids) {
    status(writer, ids);
    let Some(uri) = present(writer, ids.uri) else { return };
    url::put(writer, uri);
    if writer.first(ecs::HTTP_REQUEST_METHOD) == Some(b"CONNECT") {
        url::put_authority(writer, uri);
    }
}

/// The two ends as client and server.
fn put_sides(writer: &mut EventWriter<'_>, _ids: &Ids) {
    copy(writer, ecs::SOURCE_ADDRESS, ecs::CLIENT_ADDRESS);
    copy(writer, ecs::DESTINATION_ADDRESS, ecs::SERVER_ADDRESS);
}

pub(super) fn ssl(writer: &mut EventWriter<'_>, ids: &Ids) {
    put_sides(writer, ids);
    let (version, protocol) = match writer.first(ids.version).unwrap_or_default() {
        b"SSLv2" => ("2.0", "ssl"),
        b"SSLv3" => ("3.0", "ssl"),
        b"TLSv10" => ("1.0", "tls"),
        b"TLSv11" => ("1.1", "tls"),
        b"TLSv12" => ("1.2", "tls"),
        b"TLSv13" => ("1.3", "tls"),
        b"DTLSv10" => ("1.0", "dtls"),
        b"DTLSv12" => ("1.2", "dtls"),
        b"DTLSv13" => ("1.3", "dtls"),
        _ => return,
    };
    writer.put_str(ecs::TLS_VERSION, version);
    writer.put_str(ecs::TLS_VERSION_PROTOCOL, protocol);
}

/// `user/REALM`
pub(super) fn kerberos(writer: &mut EventWriter<'_>, ids: &Ids) {
    put_sides(writer, ids);
    let Some(client) = present(writer, ids.client) else { return };
    let text = writer.bytes(client);
    let slash = memchr::memrchr(b'/', text);
    let len = text.len();
    writer.put_span(ecs::USER_NAME, client.part(0..slash.unwrap_or(len)), Kind::Text, false);
    if let Some(slash) = slash.filter(|&slash| slash + 1 < len) {
        writer.put_span(ecs::USER_DOMAIN, client.part(slash + 1..len), Kind::Text, false);
    }
    relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
}

/// The ports of the protocol (RFC 2131 §4.1), which the log leaves out.
pub(super) fn dhcp(writer: &mut EventWriter<'_>, _ids: &Ids) {
    for (address, port, number) in
        [(ecs::SOURCE_IP, ecs::SOURCE_PORT, "68"), (ecs::DESTINATION_IP, ecs::DESTINATION_PORT, "67")]
    {
        if writer.first(address).is_some() {
            writer.put_port(port, number.as_bytes());
        }
    }
}

pub(super) fn smb_status(writer: &mut EventWriter<'_>, ids: &Ids) {
    match writer.first(ids.status) {
        Some(b"SUCCESS") => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        Some(_) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        None => {}
    }
}

/// The share and the file in it as one path.
pub(super) fn smb_files(writer: &mut EventWriter<'_>, ids: &Ids) {
    let (Some(share), Some(name)) = (present(writer, ids.path), present(writer, ids.name)) else { return };
    let from = writer.arena_start();
    writer.arena_push_span(share);
    writer.arena_push(b"\\");
    writer.arena_push_span(name);
    let path = writer.arena_end(from);
    writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
}

/// The port of a notice that is of no connection; whether the peer was dropped.
pub(super) fn notice(writer: &mut EventWriter<'_>, ids: &Ids) {
    if writer.first(ecs::DESTINATION_PORT).is_none() {
        if let Some(span) = present(writer, ids.p) {
            writer.put_port_span(ecs::DESTINATION_PORT, span);
        }
    }
    match writer.first(ids.dropped) {
        Some(b"true") => writer.put_str(ecs::EVENT_TYPE, "denied"),
        Some(b"false") => writer.put_str(ecs::EVENT_TYPE, "allowed"),
        _ => {}
    }
}

/// The indicator, by its kind (`Intel::Type`).
pub(super) fn intel(writer: &mut EventWriter<'_>, ids: &Ids) {
    let Some(indicator) = present(writer, ids.indicator) else { return };
    let text = writer.bytes(indicator);
    let (kind, to) = match writer.first(ids.indicator_type).unwrap_or_default() {
        b"Intel::ADDR" if memchr::memchr(b':', text).is_some() => ("ipv6-addr", ecs::THREAT_INDICATOR_IP),
        b"Intel::ADDR" => ("ipv4-addr", ecs::THREAT_INDICATOR_IP),
        b"Intel::URL" => ("url", ecs::THREAT_INDICATOR_URL_FULL),
        b"Intel::DOMAIN" => ("domain-name", ecs::THREAT_INDICATOR_URL_DOMAIN),
        b"Intel::EMAIL" => ("email-addr", ecs::THREAT_INDICATOR_EMAIL_ADDRESS),
        b"Intel::USER_NAME" => ("user-account", ecs::THREAT_INDICATOR_NAME),
        b"Intel::CERT_HASH" => ("x509-certificate", ecs::THREAT_INDICATOR_NAME),
        b"Intel::FILE_NAME" => ("file", ecs::THREAT_INDICATOR_NAME),
        b"Intel::FILE_HASH" => match text.len() {
            32 => ("file", ecs::THREAT_INDICATOR_FILE_HASH_MD5),
            40 => ("file", ecs::THREAT_INDICATOR_FILE_HASH_SHA1),
            64 => ("file", ecs::THREAT_INDICATOR_FILE_HASH_SHA256),
            _ => ("file", ecs::THREAT_INDICATOR_NAME),
        },
        _ => ("", ecs::THREAT_INDICATOR_NAME),
    };
    if !kind.is_empty() {
        writer.put_str(ecs::THREAT_INDICATOR_TYPE, kind);
    }
    writer.put_span(to, indicator, Kind::Text, false);
}

pub(super) fn socks(writer: &mut EventWriter<'_>, ids: &Ids) {
    match writer.first(ids.status) {
        Some(b"succeeded") => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        Some(_) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        None => {}
    }
}

pub(super) fn modbus(writer: &mut EventWriter<'_>, ids: &Ids) {
    let outcome = if present(writer, ids.exception).is_some() { "failure" } else { "success" };
    put_constant(writer, ecs::EVENT_OUTCOME, outcome);
}
