//! Squid's native access log (`logformat squid`): time, elapsed milliseconds, client, result code and status,
//! bytes, method, URL, user, hierarchy and peer, content type.

#[cfg(test)]
mod tests;

use super::fields::{relate, relate_span};
use super::names::vendor_names;
use super::url;
use crate::decode::Context;
use crate::defect::Defect;
use crate::event::{EventWriter, Kind, TimePrecision};
use crate::number::{parse_i64, parse_u64, take_u64};
use crate::products::{Detect, Product};
use crate::time::SECOND_NS;
use crate::wire::json::scan;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `squid`.
pub(crate) static PRODUCT: Product = Product {
    name: "squid",
    title: "Squid access log",
    document: "Squid: logformat",
    namespace: "squid.log",
    module: "squid",
    dataset: "squid.log",
    vendor: "Squid",
    product: "Squid",
    observer_type: "proxy",
    names: NAMES,
    detect: &[
        Detect::Line("0123456789", decode),
        Detect::App(&["squid", "squid-1", "(squid-1)"], decode),
        Detect::Shape("0123456789", decode),
    ],
    ..Product::NONE
};

vendor_names! {
    elapsed = "elapsed";
    result_code = "result_code";
    status_code = "status_code";
    hierarchy = "hierarchy";
    peer_host = "peer_host";
    content_type = "content_type";
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let Some((time_ns, rest)) = stamp(text) else { return false };
    let (elapsed, rest) = column(rest);
    let (client, rest) = column(rest);
    let (result, rest) = column(rest);
    let (bytes, rest) = column(rest);
    let (method, rest) = column(rest);
    let (target, rest) = column(rest);
    // The slash between code and status is the mark of the format.
    let Some(slash) = memchr::memchr(b'/', result) else { return false };
    if parse_i64(elapsed).is_none() || target.is_empty() {
        return false;
    }
    writer.set_time(time_ns, TimePrecision::Milli);
    let core = writer.core();
    core.product = products::SQUID;
    core.log_source = logsource::SQUID;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "web");
    writer.put_str(ecs::EVENT_TYPE, "access");
    writer.put_vendor(ids().elapsed, elapsed);
    if let Some(duration) = parse_i64(elapsed).and_then(|ms| ms.checked_mul(1_000_000)) {
        writer.put_i64(ecs::EVENT_DURATION, duration);
    }
    if let Some(ip) = crate::ip::parse(client) {
        writer.put_addr(ecs::SOURCE_IP, ip, client);
        relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
    } else {
        writer.put(ecs::SOURCE_DOMAIN, client);
    }
    if writer.derives() {
        writer.put(ecs::SOURCE_ADDRESS, client);
    }
    put_result(writer, &result[..slash], &result[slash + 1..]);
    if parse_u64(bytes).is_some() {
        writer.put_as(ecs::DESTINATION_BYTES, bytes, Kind::Number, false);
        if writer.derives() {
            writer.put_as(ecs::HTTP_RESPONSE_BYTES, bytes, Kind::Number, false);
        }
    } else {
        writer.defect(Defect::NumberInvalid);
    }
    if method != b"-" && method != b"NONE" {
        writer.put(ecs::HTTP_REQUEST_METHOD, method);
    }
    let span = writer.span_of(target);
    url::put(writer, span);
    if method == b"CONNECT" {
        url::put_authority(writer, span);
    }
    relate(writer, ecs::URL_DOMAIN, ecs::RELATED_HOSTS);
    put_rest(writer, rest);
    true
}

fn put_result<'a>(writer: &mut EventWriter<'a>, code: &'a [u8], status: &'a [u8]) {
    writer.put_vendor(ids().result_code, code);
    writer.put_as(ids().status_code, status, Kind::Number, true);
    let Some(number) = parse_u64(status) else {
        writer.defect(Defect::NumberInvalid);
        return;
    };
    // 000 is written where no reply was sent.
    if number != 0 && writer.derives() {
        writer.put_as(ecs::HTTP_RESPONSE_STATUS_CODE, status, Kind::Number, false);
    }
    let outcome = if (400..600).contains(&number) { "failure" } else { "success" };
    writer.put_str(ecs::EVENT_OUTCOME, outcome);
    if code.ends_with(b"_DENIED") {
        writer.put_str(ecs::EVENT_TYPE, "denied");
    }
}

/// User, hierarchy and peer, content type. Lines cut short keep what they have.
fn put_rest<'a>(writer: &mut EventWriter<'a>, rest: &'a [u8]) {
    let (user, rest) = column(rest);
    let (hierarchy, rest) = column(rest);
    let (content_type, _) = column(rest);
    if hierarchy.is_empty() {
        writer.defect(Defect::Truncated);
    }
    if !matches!(user, b"-" | b"") {
        writer.put(ecs::SOURCE_USER_NAME, user);
        relate(writer, ecs::SOURCE_USER_NAME, ecs::RELATED_USER);
    }
    let slash = memchr::memchr(b'/', hierarchy).unwrap_or(hierarchy.len());
    if !hierarchy.is_empty() {
        writer.put_vendor(ids().hierarchy, &hierarchy[..slash]);
    }
    let peer = hierarchy.get(slash + 1..).unwrap_or_default();
    if matches!(peer, b"" | b"-") {
        if let Some((span, _)) = writer.first_span(ecs::URL_DOMAIN) {
            writer.put_span(ecs::DESTINATION_ADDRESS, span, Kind::Text, false);
        }
    } else {
        writer.put_vendor(ids().peer_host, peer);
        if !writer.derives() {
            return put_type(writer, content_type);
        }
        writer.put(ecs::DESTINATION_ADDRESS, peer);
        if let Some(ip) = crate::ip::parse(peer) {
            writer.put_addr(ecs::DESTINATION_IP, ip, peer);
            let span = writer.span_of(peer);
            relate_span(writer, span, ecs::RELATED_IP);
        }
    }
    put_type(writer, content_type);
}

fn put_type(writer: &mut EventWriter<'_>, content_type: &[u8]) {
    if !matches!(content_type, b"-" | b"") {
        writer.put_vendor(ids().content_type, content_type);
        if writer.derives() {
            writer.put(ecs::HTTP_RESPONSE_MIME_TYPE, content_type);
        }
    }
}

/// Epoch seconds with milliseconds, then a blank.
#[inline]
fn stamp(text: &[u8]) -> Option<(i64, &[u8])> {
    // Ten digits from 2001 to 2286.
    if text.get(10) != Some(&b'.') || text.get(14) != Some(&b' ') {
        return None;
    }
    let (seconds, rest) = take_u64(&text[..10])?;
    let (millis, after) = take_u64(&text[11..14])?;
    if !rest.is_empty() || !after.is_empty() {
        return None;
    }
    let time_ns = i64::try_from(seconds).ok()?.checked_mul(SECOND_NS)? + i64::try_from(millis).ok()? * 1_000_000;
    Some((time_ns, &text[15..]))
}

/// The next column; columns are padded with blanks.
#[inline]
fn column(text: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    while text.get(from) == Some(&b' ') {
        from += 1;
    }
    let end = scan::blank_end(text, from);
    (&text[from..end], text.get(end + 1..).unwrap_or_default())
}
