//! BIND's named: queries, answers, updates, transfers, response policy and resolver messages (BIND 9 Administrator
//! Reference Manual, "logging Block Grammar" and its categories), and what Infoblox NIOS adds to them
//! (NIOS Administrator Guide, "Capturing DNS Queries and Responses").

mod messages;

use super::names::vendor_names;
use super::text::{put_vendor, split};
use crate::decode::Context;
use crate::event::EventWriter;
use crate::products::{Detect, Product};
use crate::time::{Civil, Stamp, month, take_clock, take_fraction, take_iso};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `bind`.
pub(crate) static PRODUCT: Product = Product {
    name: "bind",
    title: "ISC BIND named",
    document: "BIND 9.20 Administrator Reference Manual: logging",
    namespace: "bind.log",
    module: "bind",
    dataset: "bind.log",
    vendor: "ISC",
    product: "BIND",
    names: NAMES,
    detect: &[
        Detect::Line("0123crq", file),
        Detect::App(&["named", "named-sdb", "named-pkcs11"], decode),
        Detect::Shape("cqr0123", file),
    ],
    ..Product::NONE
};

vendor_names! {
    category = "dns.category";
    severity = "dns.severity";
    client_id = "dns.client_id";
    key = "dns.key";
    view = "dns.view_name";
    flags = "dns.flags";
    server = "dns.server";
    ecs_subnet = "dns.client_subnet";
    location = "dns.source_location";
    zone = "dns.zone";
    zone_class = "dns.zone_class";
    transfer_type = "dns.transfer_type";
    transfer_status = "dns.transfer_status";
    serial = "dns.serial";
    messages = "dns.transfer_messages";
    records = "dns.transfer_records";
    bytes = "dns.transfer_bytes";
    seconds = "dns.transfer_seconds";
    update_action = "dns.update_action";
    update_name = "dns.update_name";
    update_type = "dns.update_type";
    update_data = "dns.update_data";
    rpz_type = "rpz.type";
    rpz_policy = "rpz.policy";
    rpz_name = "rpz.name";
    rewritten = "dns.rewritten_name";
    message = "dns.message";
    failed_message = "dns.failed_message";
    after_query = "dns.after_query";
    resolver_error = "dns.resolver_error";
    query = "query";
    record_type = "record_type";
    answer = "answer";
}

/// Decodes a message of named behind a syslog header; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let message = head(header.message);
    begin(writer);
    put_head(writer, context, &message, header);
    true
}

/// Decodes a line of one of named's files, which no header announces: its own time, category or
/// first words must show it.
pub(crate) fn file<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let message = head(header.message);
    let body = message.body;
    let named = !message.category.is_empty() && message.stamp.is_some();
    let client = body.starts_with(b"client ") && messages::client(body).is_some();
    let known = named || client || message.stamp.is_some() && messages::is_known(body);
    if !known {
        return false;
    }
    begin(writer);
    put_head(writer, context, &message, header);
    true
}

fn begin(writer: &mut EventWriter<'_>) {
    let core = writer.core();
    core.product = products::BIND;
    core.log_source = logsource::DNS_SERVER;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::NETWORK_PROTOCOL, "dns");
}

/// What stands before the message proper.
struct Message<'a> {
    stamp: Option<Stamp>,
    category: &'a [u8],
    severity: &'a [u8],
    body: &'a [u8],
}

/// The categories of the logging clause, in byte order.
static CATEGORIES: &[&[u8]] = &[
    b"client",
    b"cname",
    b"config",
    b"database",
    b"default",
    b"delegation-only",
    b"dispatch",
    b"dnssec",
    b"dnstap",
    b"drop",
    b"edns-disabled",
    b"general",
    b"infoblox-responses",
    b"lame-servers",
    b"network",
    b"notify",
    b"nsid",
    b"queries",
    b"query-errors",
    b"rate-limit",
    b"resolver",
    b"responses",
    b"rpz",
    b"rpz-passthru",
    b"security",
    b"serve-stale",
    b"spill",
    b"sslkeylog",
    b"trust-anchor-telemetry",
    b"unmatched",
    b"update",
    b"update-security",
    b"xfer-in",
    b"xfer-out",
    b"zoneload",
];

static SEVERITIES: &[&[u8]] = &[b"critical", b"error", b"warning", b"notice", b"info", b"debug", b"dynamic"];

fn head(text: &[u8]) -> Message<'_> {
    let mut message = Message { stamp: None, category: b"", severity: b"", body: text };
    // The time comes first in files, and behind the category in what Infoblox sends.
    for _ in 0..3 {
        let body = message.body;
        if message.stamp.is_none() {
            if let Some((stamp, rest)) = stamp(body) {
                message.stamp = Some(stamp);
                message.body = rest;
                continue;
            }
        }
        let Some((word, rest)) = split(&body[..body.len().min(WORD_BYTES_MAX)], b": ") else { break };
        let after = &body[word.len() + 2..];
        if message.category.is_empty() && CATEGORIES.binary_search(&word).is_ok() && !is_rpz_message(word, rest) {
            message.category = word;
        } else if message.severity.is_empty()
            && SEVERITIES.contains(&word.split(|&byte| byte == b' ').next().unwrap_or(word))
        {
            message.severity = word;
        } else {
            break;
        }
        message.body = after;
    }
    message
}

/// How far the end of a category or severity is looked for.
const WORD_BYTES_MAX: usize = 32;

/// `rpz: zone: reload start` is a message of the policy, not of its category.
fn is_rpz_message(word: &[u8], rest: &[u8]) -> bool {
    word == b"rpz" && !rest.starts_with(b"client ") && !SEVERITIES.iter().any(|severity| rest.starts_with(severity))
}

/// `02-Mar-2026 00:01:06.819 `, or as `print-time iso8601` has it.
fn stamp(text: &[u8]) -> Option<(Stamp, &[u8])> {
    if let Some((stamp, rest)) = take_iso(text) {
        return Some((stamp, rest.strip_prefix(b" ")?));
    }
    let number = |digits: &[u8]| crate::number::parse_u64(digits).and_then(|value| u32::try_from(value).ok());
    if text.len() < 21 || text[2] != b'-' || text[6] != b'-' || text[11] != b' ' {
        return None;
    }
    let (hour, minute, second, rest) = take_clock(&text[12..])?;
    let (nano, precision, rest) = take_fraction(rest);
    let civil = Civil {
        year: number(&text[7..11])?.into(),
        month: month(&text[3..6])?,
        day: number(&text[..2])?,
        hour,
        minute,
        second,
        nano,
    };
    civil.is_valid().then_some((Stamp { civil, offset_s: None, precision }, rest.strip_prefix(b" ")?))
}

fn put_head<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, message: &Message<'a>, header: &Header<'a>) {
    if let Some(stamp) = &message.stamp {
        context.set_stamp(writer, stamp);
    }
    put_vendor(writer, ids().category, message.category);
    if !message.severity.is_empty() {
        writer.put_vendor(ids().severity, message.severity);
        writer.put(ecs::LOG_LEVEL, message.severity);
    }
    writer.put(ecs::MESSAGE, if header.present { header.message } else { message.body });
    messages::put(writer, message.body);
}
