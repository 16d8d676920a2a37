//! Unbound: queries and replies (unbound.conf(5), `log-queries`, `log-replies`, `log-servfail`), and what its modules say.

use super::fields::relate_span;
use super::names::vendor_names;
use super::text::{CLIENT, SOURCE, put_end, put_end_port, put_number, put_vendor, split, word};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::number::{parse_scaled, parse_u64};
use crate::products::{Detect, Product};
use crate::time::{parse_epoch, take_iso};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `unbound`.
pub(crate) static PRODUCT: Product = Product {
    name: "unbound",
    title: "NLnet Labs Unbound",
    document: "unbound.conf(5)",
    namespace: "unbound.log",
    module: "unbound",
    dataset: "unbound.log",
    vendor: "NLnet Labs",
    product: "Unbound",
    names: NAMES,
    detect: &[Detect::Line("[12", decode), Detect::App(&["unbound"], decode)],
    ..Product::NONE
};

vendor_names! {
    thread = "thread";
    module = "module";
    seconds = "reply_seconds";
    cached = "from_cache";
    bytes = "reply_bytes";
    message = "message";
    query = "query";
    record_type = "record_type";
}

/// Decodes a message of Unbound; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let (stamp, rest) = time(text);
    let rest = match rest.strip_prefix(b"unbound[").or_else(|| rest.strip_prefix(b"[")) {
        Some(rest) if stamp.is_some() && !text.starts_with(b"unbound") || header.appname == b"unbound" => rest,
        _ => return false,
    };
    // `unbound[4711:0] info: …` in files, `[4711:0] info: …` in syslog.
    let Some((process, rest)) = split(rest, b"] ") else { return false };
    let Some((pid, thread)) = split(process, b":") else { return false };
    let Some((level, body)) = split(rest, b": ") else { return false };
    if parse_u64(pid).is_none()
        || !matches!(
            level,
            b"info" | b"notice" | b"warning" | b"error" | b"debug" | b"query" | b"reply" | b"fatal error"
        )
    {
        return false;
    }
    // OPNsense and pfSense relay it under the process of their logger, or without a host name.
    if header.present && (header.hostname.is_empty() || !header.procid.is_empty() && header.procid != pid) {
        return false;
    }
    let core = writer.core();
    core.product = products::UNBOUND;
    core.log_source = logsource::DNS_SERVER;
    match stamp {
        Some(Time::Epoch(seconds)) => {
            if let Some((time_ns, precision)) = parse_epoch(seconds) {
                writer.set_time(time_ns, precision);
            }
        }
        Some(Time::Iso(stamp)) => context.set_stamp(writer, &stamp),
        None => {}
    }
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::NETWORK_PROTOCOL, "dns");
    if writer.first(ecs::PROCESS_PID).is_none() {
        writer.put_as(ecs::PROCESS_PID, pid, Kind::Number, false);
    }
    put_number(writer, ids().thread, thread);
    if !matches!(level, b"query" | b"reply") {
        writer.put(ecs::LOG_LEVEL, level);
    }
    writer.put(ecs::MESSAGE, body);
    if !put_question(writer, body) {
        writer.put_str(ecs::EVENT_TYPE, "info");
        if let Some((module, text)) = split(body, b": ") {
            put_vendor(writer, ids().module, module);
            put_vendor(writer, ids().message, text);
        } else {
            put_vendor(writer, ids().message, body);
        }
    }
    true
}

enum Time<'a> {
    Epoch(&'a [u8]),
    Iso(crate::time::Stamp),
}

/// `[1767225600] `, or with `log-time-iso` a stamp.
fn time(text: &[u8]) -> (Option<Time<'_>>, &[u8]) {
    if let Some((seconds, rest)) = text.strip_prefix(b"[").and_then(|rest| split(rest, b"] ")) {
        if parse_epoch(seconds).is_some() {
            return (Some(Time::Epoch(seconds)), rest);
        }
    }
    match take_iso(text) {
        Some((stamp, rest)) => (Some(Time::Iso(stamp)), rest.trim_ascii_start()),
        None => (None, text),
    }
}

/// `ADDRESS NAME TYPE CLASS`, and with a reply `CODE SECONDS CACHED BYTES`.
fn put_question<'a>(writer: &mut EventWriter<'a>, body: &'a [u8]) -> bool {
    let (peer, rest) = word(body);
    let (address, port) = split(peer, b"@").unwrap_or((peer, b""));
    let (name, rest) = word(rest);
    let (kind, rest) = word(rest);
    let (class, rest) = word(rest);
    if crate::ip::parse(address).is_none() || !matches!(class, b"IN" | b"CH" | b"HS" | b"ANY") {
        return false;
    }
    let ids = ids();
    put_end(writer, CLIENT, address);
    put_end_port(writer, SOURCE, address, if parse_u64(port).is_some() { port } else { b"" });
    let name = writer.span_of(name.strip_suffix(b".").filter(|name| !name.is_empty()).unwrap_or(name));
    writer.put_span(ecs::DNS_QUESTION_NAME, name, Kind::Text, false);
    writer.put_span(ids.query, name, Kind::Text, true);
    relate_span(writer, name, ecs::RELATED_HOSTS);
    let kind = writer.span_of(kind);
    writer.put_span(ecs::DNS_QUESTION_TYPE, kind, Kind::Text, false);
    writer.put_span(ids.record_type, kind, Kind::Text, true);
    writer.put(ecs::DNS_QUESTION_CLASS, class);
    writer.put_str(ecs::EVENT_TYPE, "protocol");
    let (code, rest) = word(rest);
    if code.is_empty() {
        writer.put_str(ecs::DNS_TYPE, "query");
        writer.put_str(ecs::EVENT_ACTION, "dns-query");
        return true;
    }
    writer.put_str(ecs::DNS_TYPE, "answer");
    writer.put_str(ecs::EVENT_ACTION, "dns-response");
    writer.put(ecs::DNS_RESPONSE_CODE, code);
    writer.put_str(ecs::EVENT_OUTCOME, if code == b"NOERROR" { "success" } else { "failure" });
    let (seconds, rest) = word(rest);
    let (cached, rest) = word(rest);
    put_vendor(writer, ids.seconds, seconds);
    if let Some(duration) = parse_scaled(seconds, 9) {
        writer.put_i64(ecs::EVENT_DURATION, duration);
    }
    put_number(writer, ids.cached, cached);
    put_number(writer, ids.bytes, word(rest).0);
    true
}
