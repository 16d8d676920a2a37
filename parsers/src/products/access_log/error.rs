//! The error logs of Apache httpd (2.2 and 2.4) and nginx.

use super::ids;
use crate::decode::Context;
use crate::event::{EventWriter, TimePrecision};
use crate::number::take_u64;
use crate::products::fields::relate;
use crate::time::{Civil, Stamp, month, take_clock, take_fraction, take_iso};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// Decodes an error log line; `false` = it is none.
pub(super) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let of_apache = text[0] == b'[';
    let read = if of_apache { apache(writer, context, text) } else { nginx(writer, context, text) };
    if !read {
        return false;
    }
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "web");
    // Apache writes trace1 to trace8.
    let calm = matches!(writer.first(ecs::LOG_LEVEL), Some(b"info" | b"notice" | b"debug" | [b't', b'r', ..]));
    writer.put_str(ecs::EVENT_TYPE, if calm { "info" } else { "error" });
    relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
    let core = writer.core();
    (core.product, core.log_source) = if of_apache {
        (products::APACHE_ERROR, logsource::APACHE_ERROR)
    } else {
        (products::NGINX_ERROR, logsource::NGINX_ERROR)
    };
    true
}

/// `[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 1:tid 2] [client 192.0.2.1:5] message`
fn apache<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> bool {
    let Some(end) = memchr::memchr(b']', text) else { return false };
    let Some(stamp) = asctime(&text[1..end]) else { return false };
    context.set_stamp(writer, &stamp);
    let mut rest = text[end + 1..].trim_ascii_start();
    let mut first = true;
    while let Some(inner) = rest.strip_prefix(b"[") {
        let Some(end) = memchr::memchr(b']', inner) else { break };
        let part = &inner[..end];
        if first {
            let colon = memchr::memchr(b':', part);
            if let Some(colon) = colon {
                writer.put_vendor(ids().module, &part[..colon]);
            }
            writer.put(ecs::LOG_LEVEL, &part[colon.map_or(0, |colon| colon + 1)..]);
            first = false;
        } else if let Some(pid) = part.strip_prefix(b"pid ") {
            let colon = memchr::memchr(b':', pid).unwrap_or(pid.len());
            writer.put(ecs::PROCESS_PID, &pid[..colon]);
            if let Some(tid) = pid[colon..].strip_prefix(b":tid ") {
                writer.put(ecs::PROCESS_THREAD_ID, tid);
            }
        } else if let Some(client) = part.strip_prefix(b"client ") {
            super::put_client(writer, client);
        } else {
            break;
        }
        rest = inner[end + 1..].trim_ascii_start();
    }
    writer.put(ecs::MESSAGE, rest);
    for mark in [&b"File does not exist: "[..], b"client denied by server configuration: "] {
        if let Some(at) = memchr::memmem::find(rest, mark) {
            let path = &rest[at + mark.len()..];
            let end = memchr::memmem::find(path, b", referer: ").unwrap_or(path.len());
            writer.put(ecs::FILE_PATH, &path[..end]);
        }
    }
    // Some modules write the client after their own name.
    if writer.first(ecs::SOURCE_ADDRESS).is_none() {
        if let Some(at) = memchr::memmem::find(rest, b"[client ") {
            let client = &rest[at + 8..];
            if let Some(end) = memchr::memchr(b']', client) {
                super::put_client(writer, &client[..end]);
            }
        }
    }
    true
}

/// `Fri Sep 09 10:42:29.902022 2011`
fn asctime(text: &[u8]) -> Option<Stamp> {
    let date = text.get(4..)?;
    if text.get(3) != Some(&b' ') || date.get(3) != Some(&b' ') {
        return None;
    }
    let month = month(date)?;
    let (day, rest) = take_u64(date.get(4..)?.trim_ascii_start())?;
    let (hour, minute, second, rest) = take_clock(rest.strip_prefix(b" ")?)?;
    let (nano, precision, rest) = take_fraction(rest);
    let (year, rest) = take_u64(rest.strip_prefix(b" ")?)?;
    let civil =
        Civil { year: i64::try_from(year).ok()?, month, day: u32::try_from(day).ok()?, hour, minute, second, nano };
    (rest.is_empty() && civil.year <= 9999 && civil.is_valid()).then_some(Stamp { civil, offset_s: None, precision })
}

/// `2016/10/25 14:49:34 [error] 54053#0: *1 message, client: 192.0.2.1, server: …`
fn nginx<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> bool {
    let Some((stamp, rest)) = take_iso(text) else { return false };
    let Some(rest) = rest.strip_prefix(b" [") else { return false };
    let Some(end) = memchr::memchr(b']', rest) else { return false };
    let Some((pid, after)) = take_u64(rest[end + 1..].trim_ascii_start()) else { return false };
    let Some((tid, after)) = after.strip_prefix(b"#").and_then(take_u64) else { return false };
    let Some(message) = after.strip_prefix(b": ") else { return false };
    context.set_stamp(writer, &Stamp { precision: TimePrecision::Second, ..stamp });
    writer.put(ecs::LOG_LEVEL, &rest[..end]);
    writer.put_i64(ecs::PROCESS_PID, i64::try_from(pid).unwrap_or(i64::MAX));
    writer.put_i64(ecs::PROCESS_THREAD_ID, i64::try_from(tid).unwrap_or(i64::MAX));
    let mut text = message;
    if let Some(connection) = message.strip_prefix(b"*") {
        if let Some(blank) = memchr::memchr(b' ', connection) {
            writer.put_vendor(ids().connection_id, &connection[..blank]);
            text = &connection[blank + 1..];
        }
    }
    writer.put(ecs::MESSAGE, text);
    if let Some(at) = memchr::memmem::find(text, b", client: ") {
        let client = &text[at + 10..];
        let end = memchr::memchr(b',', client).unwrap_or(client.len());
        super::put_client(writer, &client[..end]);
    }
    for (mark, id) in [(&b", host: \""[..], ecs::URL_DOMAIN), (b", referrer: \"", ecs::HTTP_REQUEST_REFERRER)] {
        if let Some(at) = memchr::memmem::find(text, mark) {
            let value = &text[at + mark.len()..];
            if let Some(end) = memchr::memchr(b'"', value) {
                writer.put(id, &value[..end]);
            }
        }
    }
    if let Some(at) = memchr::memmem::find(text, b", request: \"") {
        let line = &text[at + 12..];
        if let Some(end) = memchr::memchr(b'"', line) {
            super::request(writer, &line[..end]);
        }
    }
    true
}
