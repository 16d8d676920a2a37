//! FortiGate logs in key=value form (FortiOS Log Message Reference).

mod names;
#[cfg(test)]
mod tests;

pub(crate) use names::NAMES;
pub(crate) use names::targets;
use names::{Ids, ids};

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::fields::{copy, put_path, put_time, relate, relate_span};
use super::url;
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span, TimePrecision};
use crate::number::{parse_i64, parse_u64};
use crate::products::Product;
use crate::time::{Civil, SECOND_NS, Stamp, parse_epoch, take_clock, take_offset};
use crate::wire::kv::{Pairs, value_span};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `fortigate`.
pub(crate) static PRODUCT: Product = Product {
    name: "fortigate",
    title: "Fortinet FortiGate",
    document: "FortiOS Log Message Reference",
    namespace: "fortinet.firewall",
    module: "fortinet_fortigate",
    dataset: "fortinet_fortigate.log",
    vendor: "Fortinet",
    product: "Fortigate",
    observer_type: "firewall",
    names: NAMES,
    ..Product::NONE
};

/// `fortiproxy`: the same log, told by the device's serial number.
pub(crate) static FORTIPROXY: Product = Product {
    name: "fortiproxy",
    title: "Fortinet FortiProxy",
    document: "FortiProxy Log Message Reference",
    namespace: "fortinet_fortiproxy",
    module: "fortinet_fortiproxy",
    dataset: "fortinet_fortiproxy.log",
    vendor: "Fortinet",
    product: "FortiProxy",
    observer_type: "proxy",
    ..Product::NONE
};

/// What FortiProxy's serial numbers begin with.
const FORTIPROXY_SERIAL: &[u8] = b"FPX";

/// Both ends by their other names, and the sizes of the messages.
fn put_proxy(writer: &mut EventWriter<'_>, ids: &Ids) {
    writer.core().product = products::FORTIPROXY;
    for (from, to) in [
        (ecs::SOURCE_IP, ecs::CLIENT_IP),
        (ecs::SOURCE_PORT, ecs::CLIENT_PORT),
        (ecs::SOURCE_MAC, ecs::CLIENT_MAC),
        (ecs::SOURCE_BYTES, ecs::CLIENT_BYTES),
        (ecs::SOURCE_PACKETS, ecs::CLIENT_PACKETS),
        (ecs::SOURCE_NAT_IP, ecs::CLIENT_NAT_IP),
        (ecs::SOURCE_NAT_PORT, ecs::CLIENT_NAT_PORT),
        (ecs::DESTINATION_IP, ecs::SERVER_IP),
        (ecs::DESTINATION_PORT, ecs::SERVER_PORT),
        (ecs::DESTINATION_BYTES, ecs::SERVER_BYTES),
        (ecs::DESTINATION_PACKETS, ecs::SERVER_PACKETS),
        (ids.reqlength, ecs::HTTP_REQUEST_BYTES),
        (ids.resplength, ecs::HTTP_RESPONSE_BYTES),
        (ids.statuscode, ecs::HTTP_RESPONSE_STATUS_CODE),
    ] {
        copy(writer, from, to);
    }
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    // Every FortiOS log names its message; older releases write log_id.
    let text = header.message;
    let head = &text[..text.len().min(MARK_WITHIN_BYTES)];
    static LOGID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("logid="));
    static LOG_ID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("log_id="));
    if LOGID.find(head).is_none() && LOG_ID.find(head).is_none() {
        return false;
    }
    let ids = ids();
    read(writer, context, text);
    set_time(writer, context, ids);
    put_taxonomy(writer, ids);
    if !writer.derives() {
        return true;
    }
    put_network(writer, ids);
    put_rest(writer, ids);
    if writer.first(ecs::OBSERVER_SERIAL_NUMBER).is_some_and(|serial| serial.starts_with(FORTIPROXY_SERIAL)) {
        put_proxy(writer, ids);
    }
    true
}

/// How far from the start the message id stands: after date, time, device, vdom and time stamps.
const MARK_WITHIN_BYTES: usize = 512;

/// Writes every pair under its own name and, where the table says so, under the schema's.
fn read<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) {
    let by_id = targets();
    let mut pairs = Pairs::by_space(text);
    let mut last = FieldId::UNNAMED;
    loop {
        let guess = context.successors.after(last, context.dictionary);
        let guessed = guess.and_then(|(id, key)| Some((id, pairs.next_if(key)?)));
        let (id, pair) = match guessed {
            Some(guessed) => guessed,
            None => {
                let Some(pair) = pairs.next() else { break };
                let Some(id) = context.dictionary.find(pair.key) else {
                    let name = writer.span_of(pair.key);
                    let value = value_span(writer, pair);
                    writer.put_unnamed(name, value, Kind::Text);
                    continue;
                };
                context.successors.note(last, id);
                (id, pair)
            }
        };
        last = id;
        let value = value_span(writer, pair);
        if writer.view().first_field(id).is_some_and(|field| field.vendor) {
            writer.defect(Defect::DuplicateKey);
        }
        writer.put_span(id, value, Kind::Text, true);
        let Some(&Some((to, how))) = by_id.get(id.index()) else { continue };
        if matches!(pair.value, b"" | b"N/A" | b"n/a" | b"-" | b"(null)") {
            continue;
        }
        super::targets::put(writer, id, to, how, value);
    }
    if pairs.unbalanced {
        writer.defect(Defect::UnbalancedQuote);
    }
}

/// `date`, `time` and `tz`; without a date, `eventtime`.
fn set_time(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids) {
    let event_time = writer.first(ids.eventtime).and_then(parse_epoch);
    if let Some((time_ns, _)) = event_time {
        put_time(writer, ecs::EVENT_START, time_ns);
    }
    let civil = match (writer.first(ids.date), writer.first(ids.time)) {
        (Some(date), Some(time)) => civil(date, time),
        (None, None) => {
            if let Some((time_ns, precision)) = event_time {
                writer.set_time(time_ns, precision);
            }
            return;
        }
        _ => None,
    };
    let Some(civil) = civil else {
        writer.defect(Defect::TimeUnreadable);
        return;
    };
    let offset_s = writer.first(ids.tz).and_then(take_offset).map(|(offset, _)| offset);
    context.set_stamp(writer, &Stamp { civil, offset_s, precision: TimePrecision::Second });
}

fn civil(date: &[u8], time: &[u8]) -> Option<Civil> {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = date else { return None };
    let number = |digits: &[u8]| parse_u64(digits).and_then(|value| u32::try_from(value).ok());
    let (hour, minute, second, _) = take_clock(time)?;
    let civil = Civil {
        year: i64::from(number(&[y0, y1, y2, y3])?),
        month: number(&[m0, m1])?,
        day: number(&[d0, d1])?,
        hour,
        minute,
        second,
        nano: 0,
    };
    civil.is_valid().then_some(civil)
}

fn put_taxonomy(writer: &mut EventWriter<'_>, ids: &Ids) {
    writer.put_str(ecs::EVENT_KIND, "event");
    let kind = writer.first(ids.kind).unwrap_or_default();
    let (is_traffic, is_utm) = (kind == b"traffic", matches!(kind, b"utm" | b"dns" | b"ips" | b"virus" | b"webfilter"));
    let core = writer.core();
    core.product = products::FORTIGATE;
    core.log_source = match (is_traffic, is_utm) {
        (true, _) => logsource::FORTIGATE_TRAFFIC,
        (_, true) => logsource::FORTIGATE_UTM,
        _ => logsource::FORTIGATE_EVENT,
    };
    if !writer.derives() {
        return;
    }
    if is_traffic || is_utm {
        writer.put_str(ecs::EVENT_CATEGORY, "network");
        if is_traffic {
            writer.put_str(ecs::EVENT_TYPE, "connection");
            writer.put_str(ecs::EVENT_TYPE, "end");
            if present(writer, ids.app).is_some() {
                writer.put_str(ecs::EVENT_TYPE, "protocol");
            }
        }
        if writer.first(ids.subtype) == Some(b"dns") {
            writer.put_str(ecs::EVENT_TYPE, "info");
        }
        let verdict = verdict(writer, ids, is_traffic);
        if !verdict.is_empty() {
            writer.put_str(ecs::EVENT_TYPE, verdict);
        }
        if writer.first(ids.action).is_some() {
            writer.put_str(ecs::EVENT_OUTCOME, "success");
        }
    } else {
        put_event_taxonomy(writer, ids);
    }
}

/// What the device did with the traffic. A security profile has the last word.
fn verdict(writer: &EventWriter<'_>, ids: &Ids, is_traffic: bool) -> &'static str {
    let by_profile = writer.first(ids.utmaction).unwrap_or_default();
    let action = if by_profile.is_empty() { writer.first(ids.action).unwrap_or_default() } else { by_profile };
    match action {
        b"deny" | b"block" | b"blocked" | b"ip-conn" | b"reset" | b"quarantine" => "denied",
        b"accept" | b"allow" | b"pass" | b"passthrough" | b"dns" | b"start" => "allowed",
        // The ends of sessions that were let through.
        b"close" | b"server-rst" | b"client-rst" | b"timeout" if is_traffic => "allowed",
        _ => "",
    }
}

fn put_event_taxonomy(writer: &mut EventWriter<'_>, ids: &Ids) {
    let action = writer.first(ids.action).unwrap_or_default();
    let description = writer.first(ids.logdesc).unwrap_or_default();
    let login = action == b"login" || memchr::memmem::find(description, b"login").is_some();
    let (category, kind) = match writer.first(ids.subtype).unwrap_or_default() {
        b"user" => match action {
            b"FSSO-logoff" | b"auth-logout" | b"logout" => ("authentication", "end"),
            b"FSSO-logon" | b"auth-logon" | b"logon" => ("authentication", "start"),
            _ => ("authentication", ""),
        },
        b"vpn" => match action {
            b"tunnel-up" => ("network", "start"),
            b"tunnel-down" => ("network", "end"),
            _ => ("network", "connection"),
        },
        b"system" if login => ("authentication", "start"),
        b"system" if action == b"logout" => ("authentication", "end"),
        b"system" if action == b"perf-stats" => ("host", "info"),
        b"system" if matches!(action, b"Add" | b"Edit" | b"Delete") => ("configuration", "change"),
        _ => ("", ""),
    };
    let outcome = match writer.first(ids.status).unwrap_or_default() {
        b"success" | b"succeeded" => "success",
        b"failed" | b"failure" | b"negotiate_error" => "failure",
        _ => match writer.first(ids.result).unwrap_or_default() {
            b"ERROR" | b"failed" | b"failure" => "failure",
            b"DONE" | b"OK" | b"success" => "success",
            _ => "",
        },
    };
    for (id, value) in [(ecs::EVENT_CATEGORY, category), (ecs::EVENT_TYPE, kind), (ecs::EVENT_OUTCOME, outcome)] {
        if !value.is_empty() {
            writer.put_str(id, value);
        }
    }
}

/// The value of a key that says something.
fn present(writer: &EventWriter<'_>, id: FieldId) -> Option<Span> {
    super::fields::present(writer, id).filter(|&span| !matches!(writer.bytes(span), b"N/A" | b"n/a" | b"(null)"))
}

fn put_network(writer: &mut EventWriter<'_>, ids: &Ids) {
    let transport = match writer.first(ids.proto) {
        Some(b"1") => "icmp",
        Some(b"6") => "tcp",
        Some(b"17") => "udp",
        Some(b"47") => "gre",
        Some(b"50") => "esp",
        Some(b"58") => "ipv6-icmp",
        Some(b"132") => "sctp",
        _ => "",
    };
    if !transport.is_empty() {
        writer.put_str(ecs::NETWORK_TRANSPORT, transport);
    }
    // `tcp/8443` is a port, not a protocol.
    if let Some(span) = present(writer, ids.service) {
        if memchr::memchr(b'/', writer.bytes(span)).is_none() {
            put_lower(writer, ecs::NETWORK_PROTOCOL, span);
        }
    }
    for (sent, received, to) in
        [(ids.sentbyte, ids.rcvdbyte, ecs::NETWORK_BYTES), (ids.sentpkt, ids.rcvdpkt, ecs::NETWORK_PACKETS)]
    {
        let (sent, received) = (writer.first(sent).and_then(parse_i64), writer.first(received).and_then(parse_i64));
        if let (Some(sent), Some(received)) = (sent, received) {
            writer.put_i64(to, sent.saturating_add(received));
        }
    }
    // The administrator's address stands in the interface: `https(10.0.0.1)`.
    if writer.first(ecs::SOURCE_IP).is_none() {
        if let Some(span) = present(writer, ids.ui) {
            let text = writer.bytes(span);
            let open = memchr::memchr(b'(', text);
            if let Some(open) = open.filter(|_| text.ends_with(b")")) {
                let inner = span.part(open + 1..text.len() - 1);
                if crate::ip::parse(writer.bytes(inner)).is_some() {
                    writer.put_ip_span(ecs::SOURCE_IP, inner);
                }
            }
        }
    }
    let direction = match writer.first(ids.direction).or_else(|| writer.first(ids.dir)).unwrap_or_default() {
        b"outgoing" | b"outbound" => "outbound",
        b"incoming" | b"inbound" => "inbound",
        _ => direction(writer),
    };
    if !direction.is_empty() {
        writer.put_str(ecs::NETWORK_DIRECTION, direction);
    }
}

/// Direction by which of the ends is private.
fn direction(writer: &mut EventWriter<'_>) -> &'static str {
    let core = writer.core();
    match (core.source_ip, core.destination_ip) {
        (Some(source), Some(destination)) => {
            match (crate::ip::is_private(source), crate::ip::is_private(destination)) {
                (true, true) => "internal",
                (true, false) => "outbound",
                (false, true) => "inbound",
                (false, false) => "external",
            }
        }
        _ => "",
    }
}

/// Writes short text in lower case.
fn put_lower(writer: &mut EventWriter<'_>, to: FieldId, span: Span) {
    /// Longest service name lowered; FortiOS allows 79 characters.
    const SERVICE_BYTES_MAX: usize = 80;
    let text = writer.bytes(span);
    if text.len() > SERVICE_BYTES_MAX || !text.iter().any(u8::is_ascii_uppercase) {
        writer.put_span(to, span, Kind::Text, false);
        return;
    }
    let mut lowered = [0; SERVICE_BYTES_MAX];
    let lowered = &mut lowered[..text.len()];
    lowered.copy_from_slice(text);
    lowered.make_ascii_lowercase();
    writer.put(to, lowered);
}

/// Most addresses taken of one DNS answer.
const ADDRESSES_MAX: usize = 64;

fn put_rest(writer: &mut EventWriter<'_>, ids: &Ids) {
    if let Some(duration) = writer.first(ids.duration).and_then(parse_i64).and_then(|s| s.checked_mul(SECOND_NS)) {
        writer.put_i64(ecs::EVENT_DURATION, duration);
    }
    if writer.first(ecs::EVENT_ACTION).is_none() {
        if let Some(span) = present(writer, ids.action) {
            writer.put_span(ecs::EVENT_ACTION, span, Kind::Text, false);
        }
    }
    if let Some(span) = present(writer, ids.url) {
        url::put(writer, span);
    }
    if let Some(span) = present(writer, ids.filename) {
        put_path(writer, span, ecs::FILE_NAME, None, None);
    }
    if let Some(span) = present(writer, ids.tlsver) {
        // `tls1.3`
        let at = writer.bytes(span).iter().position(u8::is_ascii_digit);
        if let Some(at) = at {
            writer.put_span(ecs::TLS_VERSION, span.part(at..span.len()), Kind::Text, false);
            writer.put_str(ecs::TLS_VERSION_PROTOCOL, "tls");
        }
    }
    if let Some(span) = present(writer, ids.ipaddr) {
        let mut at = 0;
        for _ in 0..ADDRESSES_MAX {
            let rest = writer.bytes(span).get(at..).unwrap_or_default();
            let blank = rest.iter().take_while(|&&byte| byte == b' ' || byte == b',').count();
            let len = rest[blank..].iter().take_while(|&&byte| byte != b' ' && byte != b',').count();
            if len == 0 {
                break;
            }
            let part = span.part(at + blank..at + blank + len);
            if crate::ip::parse(writer.bytes(part)).is_some() {
                writer.put_ip_span(ecs::DNS_RESOLVED_IP, part);
                relate_span(writer, part, ecs::RELATED_IP);
            }
            at += blank + len;
        }
    }
    if writer.first(ids.kind) == Some(b"event") {
        // Who acts on the device itself is the event's user.
        copy(writer, ecs::SOURCE_USER_NAME, ecs::USER_NAME);
    }
    for (from, to) in [
        (ecs::SOURCE_IP, ecs::RELATED_IP),
        (ecs::SOURCE_NAT_IP, ecs::RELATED_IP),
        (ecs::DESTINATION_IP, ecs::RELATED_IP),
        (ecs::DESTINATION_NAT_IP, ecs::RELATED_IP),
        (ids.ip, ecs::RELATED_IP),
        (ecs::SOURCE_USER_NAME, ecs::RELATED_USER),
        (ecs::DESTINATION_DOMAIN, ecs::RELATED_HOSTS),
        (ecs::DNS_QUESTION_NAME, ecs::RELATED_HOSTS),
        (ecs::URL_DOMAIN, ecs::RELATED_HOSTS),
        (ecs::FILE_HASH_SHA256, ecs::RELATED_HASH),
    ] {
        relate(writer, from, to);
    }
}
