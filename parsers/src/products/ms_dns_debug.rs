//! Microsoft DNS Server debug log (`dns.log`), packet by packet: the fields that the log's own head lists.
//!
//! `date time thread PACKET id UDP|TCP Rcv|Snd address xid [R] opcode [flags] type name`. Lines of other contexts
//! (`EVENT`, `LOOKUP`, `DSPOLL`, `Note`) keep their text as the message.

use super::fields::relate;
use super::names::vendor_names;
use crate::decode::Context;
use crate::defect::Defect;
use crate::event::{EventWriter, Kind, TimePrecision};
use crate::number::parse_u64;
use crate::products::{Detect, Product};
use crate::time::{Civil, Stamp, take_clock};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `ms_dns_debug`.
pub(crate) static PRODUCT: Product = Product {
    name: "ms_dns_debug",
    title: "Microsoft DNS Server debug log",
    document: "Microsoft: DNS Server debug log, message logging key",
    namespace: "microsoft_dnsserver.debug",
    module: "microsoft_dnsserver",
    dataset: "microsoft_dnsserver.debug",
    vendor: "Microsoft",
    product: "DNS Server",
    names: NAMES,
    detect: &[Detect::Line("0123456789", decode), Detect::Shape("0123456789", decode)],
    ..Product::NONE
};

vendor_names! {
    thread_id = "thread_id";
    context = "context";
    packet_id = "packet_id";
    flags = "flags";
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    let Some((civil, rest)) = stamp(text) else { return false };
    let (thread, rest) = word(rest);
    let (kind, rest) = word(rest);
    let of_log = matches!(kind, b"PACKET" | b"EVENT" | b"LOOKUP" | b"DSPOLL" | b"Note:" | b"TIMER" | b"RECURSE");
    if !of_log || thread.len() > 8 || !thread.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    if civil.is_valid() {
        context.set_stamp(writer, &Stamp { civil, offset_s: None, precision: TimePrecision::Second });
    } else {
        writer.defect(Defect::TimeUnreadable);
    }
    let core = writer.core();
    core.product = products::MS_DNS_DEBUG;
    core.log_source = logsource::WINDOWS_DNS_SERVER_ANALYTIC;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_vendor(ids().thread_id, thread);
    writer.put_vendor(ids().context, kind);
    if kind != b"PACKET" || !packet(writer, rest) {
        writer.put(ecs::MESSAGE, rest.trim_ascii());
        if kind == b"PACKET" {
            writer.defect(Defect::MessageMalformed);
        }
    }
    true
}

/// From the packet's id on.
fn packet<'a>(writer: &mut EventWriter<'a>, rest: &'a [u8]) -> bool {
    let (packet_id, rest) = word(rest);
    let (transport, rest) = word(rest);
    let (direction, rest) = word(rest);
    let (address, rest) = word(rest);
    let (xid, rest) = word(rest);
    let transport = match transport {
        b"UDP" => "udp",
        b"TCP" => "tcp",
        _ => return false,
    };
    let received = match direction {
        b"Rcv" => true,
        b"Snd" => false,
        _ => return false,
    };
    writer.put_vendor(ids().packet_id, packet_id);
    writer.put_str(ecs::EVENT_TYPE, "protocol");
    writer.put_str(ecs::NETWORK_PROTOCOL, "dns");
    writer.put_str(ecs::NETWORK_TRANSPORT, transport);
    writer.put_str(ecs::NETWORK_DIRECTION, if received { "ingress" } else { "egress" });
    writer.put(ecs::DNS_ID, xid);
    let id = if received { ecs::SOURCE_IP } else { ecs::DESTINATION_IP };
    if writer.put_ip(id, address) {
        relate(writer, id, ecs::RELATED_IP);
    }
    let Some(open) = memchr::memchr(b'[', rest) else { return true };
    // `R` marks a response; the opcode's letter follows.
    let before = rest[..open].trim_ascii();
    let response = before.first() == Some(&b'R');
    writer.put_str(ecs::DNS_TYPE, if response { "answer" } else { "query" });
    match before.last() {
        Some(b'Q') => writer.put_str(ecs::DNS_OP_CODE, "QUERY"),
        Some(b'N') => writer.put_str(ecs::DNS_OP_CODE, "NOTIFY"),
        Some(b'U') => writer.put_str(ecs::DNS_OP_CODE, "UPDATE"),
        _ => {}
    }
    let Some(close) = memchr::memchr(b']', &rest[open..]) else { return true };
    let inside = &rest[open + 1..open + close];
    flags(writer, inside, response);
    let (kind, name) = word(&rest[open + close + 1..]);
    if !kind.is_empty() {
        writer.put(ecs::DNS_QUESTION_TYPE, kind);
    }
    put_name(writer, name.trim_ascii());
    true
}

/// `8081   DR  NXDOMAIN`: flags as a number, then as letters, then the response code.
fn flags<'a>(writer: &mut EventWriter<'a>, inside: &'a [u8], response: bool) {
    let (number, mut rest) = word(inside);
    writer.put_vendor(ids().flags, number);
    let mut code = &b""[..];
    while !rest.is_empty() {
        let (token, after) = word(rest);
        rest = after;
        if token.len() <= 4 && token.iter().all(|byte| b"ATDR".contains(byte)) && code.is_empty() {
            for flag in token {
                let name = match flag {
                    b'A' => "AA",
                    b'T' => "TC",
                    b'D' => "RD",
                    _ => "RA",
                };
                writer.put_str(ecs::DNS_HEADER_FLAGS, name);
            }
        } else if !token.is_empty() {
            code = token;
        }
    }
    if !code.is_empty() && response {
        writer.put(ecs::DNS_RESPONSE_CODE, code);
        writer.put_str(ecs::EVENT_OUTCOME, if code == b"NOERROR" { "success" } else { "failure" });
    }
}

/// `(3)www(7)example(3)com(0)` as `www.example.com`.
fn put_name(writer: &mut EventWriter<'_>, mut name: &[u8]) {
    if name.first() != Some(&b'(') {
        if !name.is_empty() {
            writer.put(ecs::DNS_QUESTION_NAME, name);
        }
        return;
    }
    let from = writer.arena_start();
    let mut labels = 0;
    while let Some(close) = name.strip_prefix(b"(").and_then(|rest| memchr::memchr(b')', rest)) {
        let len = parse_u64(&name[1..=close]).and_then(|len| usize::try_from(len).ok());
        let after = &name[close + 2..];
        let Some(label) = len.and_then(|len| after.get(..len)) else {
            writer.defect(Defect::MessageMalformed);
            if labels == 0 {
                return;
            }
            break;
        };
        if label.is_empty() {
            break;
        }
        if labels > 0 {
            writer.arena_push(b".");
        }
        writer.arena_push(label);
        labels += 1;
        name = &after[label.len()..];
    }
    if labels == 0 {
        writer.arena_push(b".");
    }
    let span = writer.arena_end(from);
    writer.put_span(ecs::DNS_QUESTION_NAME, span, Kind::Text, false);
    relate(writer, ecs::DNS_QUESTION_NAME, ecs::RELATED_HOSTS);
}

/// The next word, and what follows it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    text.split_at(end)
}

/// A date and a time as the server's locale writes them: `3/1/2026 8:09:10 AM`, `1.3.2026 08:09:10`, `2026-03-01
/// 08:09:10`, `20260301 08:09:10`. Of two numbers that may both be months, the first is taken behind a slash.
fn stamp(text: &[u8]) -> Option<(Civil, &[u8])> {
    let (date, rest) = word(text);
    let (year, month, day) = date_of(date)?;
    let (clock, rest) = word(rest);
    // Hours have one digit where the locale says so.
    let mut padded = [b'0'; 8];
    let clock = if clock.len() == 7 {
        padded[1..].copy_from_slice(clock);
        &padded[..]
    } else {
        clock
    };
    let (mut hour, minute, second, after) = take_clock(clock)?;
    if !after.is_empty() {
        return None;
    }
    let (half, behind) = word(rest);
    let rest = match half {
        b"AM" | b"PM" => {
            hour = hour % 12 + if half == b"PM" { 12 } else { 0 };
            behind
        }
        _ => rest,
    };
    Some((Civil { year, month, day, hour, minute, second, nano: 0 }, rest))
}

fn date_of(date: &[u8]) -> Option<(i64, u32, u32)> {
    if date.len() == 8 && date.iter().all(u8::is_ascii_digit) {
        let number = parse_u64(date)?;
        return Some(((number / 10_000) as i64, (number / 100 % 100) as u32, (number % 100) as u32));
    }
    let separator = *date.iter().find(|byte| matches!(byte, b'/' | b'.' | b'-'))?;
    let mut parts = date.split(|&byte| byte == separator);
    let mut part = || {
        let text = parts.next().filter(|text| text.len() <= 4)?;
        parse_u64(text)
    };
    let (first, second, third) = (part()?, part()?, part()?);
    if date.len() > 10 || first > 9999 || second > 99 {
        return None;
    }
    let (year, month, day) = match separator {
        _ if first > 31 => (first, second, third),
        b'.' => (third, second, first),
        _ if first > 12 => (third, second, first),
        _ => (third, first, second),
    };
    Some((year as i64, u32::try_from(month).ok()?, u32::try_from(day).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_every_locale() {
        for (text, expected) in [
            ("3/1/2026 8:09:10 AM x", Some((2026, 3, 1, 8))),
            ("3/1/2026 12:09:10 AM x", Some((2026, 3, 1, 0))),
            ("3/1/2026 12:09:10 PM x", Some((2026, 3, 1, 12))),
            ("31/1/2026 23:09:10 x", Some((2026, 1, 31, 23))),
            ("01.03.2026 08:09:10 x", Some((2026, 3, 1, 8))),
            ("2026-03-01 08:09:10 x", Some((2026, 3, 1, 8))),
            ("20260301 08:09:10 x", Some((2026, 3, 1, 8))),
            ("3/1 08:09:10", None),
            ("x", None),
        ] {
            let read = stamp(text.as_bytes()).map(|(civil, _)| (civil.year, civil.month, civil.day, civil.hour));
            assert_eq!(read, expected, "{text}");
        }
    }
}
