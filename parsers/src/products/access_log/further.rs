//! What the access logs of Kubernetes' Ingress NGINX and of Tomcat have besides the combined format's columns, and Tomcat's
//! own log.

use super::super::fields::relate_span;
use super::super::names::vendor_names;
use super::token;
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::number::{parse_scaled, parse_u64};
use crate::time::{Civil, Stamp, month, take_clock, take_fraction};
use crate::wire::syslog::Header;
use crate::{ecs, products};

vendor_names! {
    request_time = "http.request.time";
    upstream = "upstream.name";
    alternative = "upstream.alternative_name";
    upstream_addresses = "upstream_address_list";
    upstream_lengths = "upstream.response.length_list";
    upstream_times = "upstream.response.time_list";
    upstream_statuses = "upstream.response.status_code_list";
    connection = "access.connection_status";
    response_time = "access.response_time";
    thread = "catalina.thread";
}

/// Most values of a list of upstreams: a request is tried three times by default.
const UPSTREAMS_MAX: usize = 16;

/// `length time [upstream] [alternative] addresses lengths times statuses id`, as the controller writes them behind the agent.
pub(super) fn ingress<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let (length, rest) = token(text);
    let (time, rest) = token(rest);
    if parse_u64(length).is_none() || parse_scaled(time, 3).is_none() {
        return false;
    }
    let Some((upstream, rest)) = bracketed(rest) else { return false };
    let Some((alternative, rest)) = bracketed(rest) else { return false };
    let ids = ids();
    writer.put_as(ecs::HTTP_REQUEST_BYTES, length, Kind::Number, false);
    writer.put_vendor(ids.request_time, time);
    for (id, name) in [(ids.upstream, upstream), (ids.alternative, alternative)] {
        if !name.is_empty() {
            writer.put_vendor(id, name);
        }
    }
    let mut rest = rest;
    for id in [ids.upstream_addresses, ids.upstream_lengths, ids.upstream_times, ids.upstream_statuses] {
        for _ in 0..UPSTREAMS_MAX {
            let (value, after) = token(rest);
            rest = after;
            let listed = value.strip_suffix(b",");
            let value = listed.unwrap_or(value);
            // A redirect within the controller parts two lists by a colon.
            let goes_on = listed.is_some() || value == b":" || rest.starts_with(b": ");
            if !matches!(value, b"" | b"-" | b":") {
                writer.put_vendor(id, value);
                if id == ids.upstream_addresses {
                    put_upstream(writer, value);
                }
            }
            if !goes_on {
                break;
            }
        }
    }
    let (id, _) = token(rest);
    if !id.is_empty() {
        writer.put(ecs::HTTP_REQUEST_ID, id);
    }
    writer.put_str(ecs::EVENT_TYPE, "info");
    true
}

fn bracketed(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"[")?;
    let end = memchr::memchr(b']', inner)?;
    let rest = &inner[end + 1..];
    Some((&inner[..end], rest.strip_prefix(b" ").unwrap_or(rest)))
}

fn put_upstream<'a>(writer: &mut EventWriter<'a>, address: &'a [u8]) {
    let host = memchr::memrchr(b':', address).map_or(address, |colon| &address[..colon]);
    let host = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host);
    if crate::ip::parse(host).is_some() {
        let span = writer.span_of(host);
        relate_span(writer, span, ecs::RELATED_IP);
    }
}

/// `[local-address] [connection-status] [milliseconds]` before the referrer, as in the pattern that Tomcat is often configured
/// with; what follows them. `None` = the columns are not there.
pub(super) fn tomcat<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> Option<&'a [u8]> {
    if !text.first().is_some_and(|&byte| byte.is_ascii_hexdigit() || matches!(byte, b'+' | b'-' | b'X' | b':')) {
        return None;
    }
    let (address, after) = token(text);
    let address = Some(address).filter(|address| crate::ip::parse(address).is_some());
    let rest = if address.is_some() { after } else { text };
    let (status, after) = token(rest);
    let status = Some(status).filter(|status| matches!(*status, b"+" | b"-" | b"X"));
    let rest = if status.is_some() { after } else { rest };
    let (time, after) = token(rest);
    let time = Some(time).filter(|time| parse_u64(time).is_some());
    let rest = if time.is_some() { after } else { rest };
    // Two of them tell the pattern, or its last column, which bears a name.
    let seen = [address.is_some(), status.is_some(), time.is_some()].into_iter().filter(|&seen| seen).count();
    if seen == 0 || !rest.starts_with(b"\"") || seen < 2 && memchr::memmem::find(rest, b" X-Forwarded-For=").is_none() {
        return None;
    }
    let ids = ids();
    if let Some(address) = address {
        let span = writer.span_of(address);
        writer.put_if_ip(ecs::DESTINATION_IP, span);
        relate_span(writer, span, ecs::RELATED_IP);
    }
    if let Some((bytes, _)) = writer.first_span(ecs::HTTP_RESPONSE_BODY_BYTES) {
        writer.put_span(ecs::DESTINATION_BYTES, bytes, Kind::Number, false);
    }
    if let Some(status) = status {
        writer.put_vendor(ids.connection, status);
    }
    if let Some(time) = time {
        writer.put_vendor(ids.response_time, time);
        if let Some(duration) = parse_scaled(time, 6) {
            writer.put_i64(ecs::EVENT_DURATION, duration);
        }
    }
    Some(rest)
}

/// `02-Mar-2026 08:00:00.123 INFO [thread] class.method text`, as Tomcat's formatter writes its own log.
pub(super) fn read_tomcat<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let [d0, d1, b'-', m0, m1, m2, b'-', y0, y1, y2, y3, b' ', ..] = *text else { return false };
    let (Some(day), Some(year)) = (parse_u64(&[d0, d1]), parse_u64(&[y0, y1, y2, y3])) else { return false };
    let Some(month) = month(&[m0, m1, m2]) else { return false };
    let Some((hour, minute, second, rest)) = take_clock(&text[12..]) else { return false };
    let (nano, precision, rest) = take_fraction(rest);
    let Some(rest) = rest.strip_prefix(b" ") else { return false };
    let (level, rest) = token(rest);
    if !matches!(level, b"SEVERE" | b"WARNING" | b"INFO" | b"CONFIG" | b"FINE" | b"FINER" | b"FINEST") {
        return false;
    }
    let Some((thread, message)) = bracketed(rest) else { return false };
    let civil = Civil { year: year as i64, month, day: day as u32, hour, minute, second, nano };
    if !civil.is_valid() {
        return false;
    }
    writer.core().product = products::TOMCAT;
    context.set_stamp(writer, &Stamp { civil, offset_s: None, precision });
    let level = writer.span_of(level);
    super::super::fields::put_lower(writer, ecs::LOG_LEVEL, level);
    writer.put_vendor(ids().thread, thread);
    writer.put(ecs::PROCESS_THREAD_NAME, thread);
    writer.put(ecs::LOG_LOGGER, token(message).0);
    writer.put(ecs::MESSAGE, message);
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "web");
    writer.put_str(ecs::EVENT_TYPE, "info");
    true
}
