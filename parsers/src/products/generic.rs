//! Time and common names of records whose product is not known.
//!
//! A name is believed only as far as its value fits: an address must parse, a port must be one.
//! All names stay where the record put them; what is understood stands beside.

mod spelling;
mod stamp;
#[cfg(test)]
mod tests;
mod text;

use super::fields::{copy, present, put_lower};
use super::names::vendor_names;
use crate::decode::Context;
use crate::defect::Defect;
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::products::Product;
use crate::wire::kv;
use crate::wire::syslog::Header;

/// `syslog`.
pub(crate) static SYSLOG: Product = Product {
    name: "syslog",
    title: "Syslog of no known program",
    document: "RFC 3164, RFC 5424",
    namespace: "syslog",
    module: "system",
    dataset: "system.syslog",
    ..Product::NONE
};

/// `json`.
pub(crate) static JSON: Product = Product {
    name: "json",
    title: "JSON of no known product",
    document: "RFC 8259",
    namespace: "json",
    names: NAMES,
    ..Product::NONE
};

/// `kv`.
pub(crate) static KV: Product =
    Product { name: "kv", title: "key=value pairs of no known product", namespace: "kv", ..Product::NONE };

vendor_names! {
    splunk_host = "result.host";
    splunk_source = "result.source";
    link = "found.link";
    port = "found.port";
    address = "found.address";
    @also
    "timestamp" "Timestamp" "time" "ts" "eventTime" "event_time" "eventTimestamp" "datetime" "created_at"
    "createdAt" "published" "startTime" "date" "epoch" "t" "msg" "log" "level" "severity" "priority" "host"
    "hostname" "user" "username" "user_name" "src" "src_ip" "srcip" "source_ip" "sourceIPAddress" "client_ip"
    "clientIp" "remote_addr" "remote_ip" "dst" "dst_ip" "dstip" "dest_ip" "destination_ip" "src_port" "srcport"
    "spt" "source_port" "dst_port" "dstport" "dpt" "dest_port" "destination_port" "user_agent" "userAgent" "proto"
    "protocol" "action" "method" "url" "status" "pid" "process"
}

/// Normalises a record of no known product whose fields are written already. Its own time counts for more than that
/// of a header before it.
pub(crate) fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>) {
    let schema = present(writer, ecs::TIMESTAMP);
    if let Some(span) = schema {
        if stamp::is_time(writer.bytes(span)) {
            stamp::set(writer, context, span);
        } else {
            writer.defect(Defect::TimeUnreadable);
        }
    }
    spelling::put(writer, context, schema.is_none());
}

/// Reads a message of no known program: pairs, a JSON object's place, cells, words. How many pairs there were.
pub(crate) fn read_text<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> usize {
    let text = header.message;
    if text.is_empty() {
        return 0;
    }
    let mut body = text;
    if !header.present || !writer.core().time_from_record {
        if let Some((from, to)) = stamp::find(writer, context, text) {
            body = &text[to..];
            put_prefix(writer, &text[..from], body);
        } else {
            put_prefix(writer, b"", text);
        }
    }
    let pairs = if memchr::memchr(b'=', text).is_some() { kv::decode(writer, context, body) } else { 0 };
    if pairs > 0 {
        spelling::put(writer, context, false);
    }
    if !writer.derives() {
        return pairs;
    }
    let before = writer.fields_len();
    text::read(writer, text, body, pairs > 0);
    if writer.fields_len() > before {
        writer.defect(Defect::Heuristic);
        if pairs == 0 {
            spelling::put(writer, context, false);
        }
    }
    pairs
}

/// A process id before the stamp (`2932:M `, `[2932] `), and a level behind it.
fn put_prefix(writer: &mut EventWriter<'_>, prefix: &[u8], body: &[u8]) {
    let id = prefix.trim_ascii();
    let id = id.strip_prefix(b"[").unwrap_or(id);
    let len = id.iter().take(8).take_while(|byte| byte.is_ascii_digit()).count();
    if (1..=7).contains(&len) && matches!(&id[len..], [] | [b':', ..] | [b']', ..] | [b' ', ..]) && id.len() - len <= 4
    {
        writer.put_as(ecs::PROCESS_PID, &id[..len], Kind::Number, false);
    }
    let word = body.iter().position(u8::is_ascii_alphabetic).filter(|&at| at <= 4).map(|at| &body[at..]);
    let Some(word) = word else { return };
    let len = word.iter().take(12).take_while(|byte| byte.is_ascii_alphabetic()).count();
    const LEVELS: &[&str] = &[
        "trace",
        "debug",
        "info",
        "information",
        "informational",
        "notice",
        "warn",
        "warning",
        "error",
        "err",
        "severe",
        "crit",
        "critical",
        "fatal",
        "alert",
        "emerg",
        "emergency",
        "fine",
        "panic",
    ];
    let level = &word[..len];
    if LEVELS.iter().any(|name| level.eq_ignore_ascii_case(name.as_bytes())) && writer.first(ecs::LOG_LEVEL).is_none() {
        let span = writer.span_of(level);
        put_lower(writer, ecs::LOG_LEVEL, span);
    }
}

/// Where a JSON object begins that a message ends in.
pub(crate) fn embedded_object(text: &[u8]) -> Option<usize> {
    if text.trim_ascii_end().last() != Some(&b'}') {
        return None;
    }
    let at = memchr::memchr(b'{', text)?;
    let opens = at == 0 || matches!(text[at - 1], b' ' | b'\t' | b':' | b'=' | b'|' | b'"' | b'>' | b']');
    (opens && text[at + 1..].trim_ascii_start().first() == Some(&b'"')).then_some(at)
}

/// What the envelope around a product's document says of its origin: Splunk's search export names host and file.
pub(crate) fn put_envelope(writer: &mut EventWriter<'_>) {
    copy(writer, ids().splunk_host, ecs::HOST_NAME);
    copy(writer, ids().splunk_source, ecs::LOG_FILE_PATH);
}
