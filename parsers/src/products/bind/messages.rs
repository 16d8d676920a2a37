//! What named says, by its first words.

use super::{Ids, ids};
use crate::event::{EventWriter, Kind};
use crate::number::parse_u64;
use crate::products::fields::relate_span;
use crate::products::text::{CLIENT, SERVER, between, put_end, put_end_port, put_number, put_vendor, split, word};
use crate::{ecs, logsource, products, scan};

/// The client of a message, and what is said of it.
pub(super) struct Client<'a> {
    id: &'a [u8],
    address: &'a [u8],
    port: &'a [u8],
    key: &'a [u8],
    name: &'a [u8],
    view: &'a [u8],
    rest: &'a [u8],
}

/// `client @0x7f01 192.0.2.1#4711/key name (example.com): view v: rest`, parts of it not always there.
pub(super) fn client(body: &[u8]) -> Option<Client<'_>> {
    let rest = body.strip_prefix(b"client ")?;
    let (id, rest) = match rest.strip_prefix(b"@") {
        Some(_) => word(rest),
        None => (&b""[..], rest),
    };
    let (end, mut rest) = word(rest);
    let end = end.strip_suffix(b":").unwrap_or(end);
    let (address, port) = split(end, b"#")?;
    let (port, has_key) = match split(port, b"/") {
        Some((port, b"key")) => (port, true),
        Some((port, _)) => (port, false),
        None => (port, false),
    };
    parse_u64(port)?;
    let mut key = &b""[..];
    if has_key {
        (key, rest) = word(rest);
        key = key.strip_suffix(b":").unwrap_or(key);
    }
    let mut name = &b""[..];
    if let Some((inner, after)) = rest.strip_prefix(b"(").and_then(|rest| split(rest, b")")) {
        name = inner;
        rest = after.strip_prefix(b":").unwrap_or(after).trim_ascii_start();
    }
    let mut view = &b""[..];
    // The transport stands before or behind the view.
    if let Some((inner, after)) = rest.strip_prefix(b"view ").and_then(|rest| split(rest, b": ")) {
        (view, rest) = (inner, after);
    }
    Some(Client { id, address, port, key, name, view, rest })
}

/// Whether a body begins as one of the messages that name their object.
pub(super) fn is_known(body: &[u8]) -> bool {
    [
        &b"zone "[..],
        b"transfer of '",
        b"validating ",
        b"rpz: ",
        b"lame server resolving ",
        b"managed-keys-zone",
        b"received control channel",
    ]
    .iter()
    .any(|mark| body.starts_with(mark))
        || resolving(body).is_some()
}

pub(super) fn put<'a>(writer: &mut EventWriter<'a>, body: &'a [u8]) {
    let ids = ids();
    if let Some(client) = client(body) {
        return put_client(writer, &client);
    }
    if let Some(rest) = body.strip_prefix(b"zone ") {
        return put_zone(writer, rest);
    }
    if let Some(rest) = body.strip_prefix(b"transfer of '") {
        return put_transfer(writer, rest);
    }
    if let Some((what, rest)) = resolving(body) {
        return put_resolving(writer, what, rest);
    }
    if let Some((name, rest)) = body.strip_prefix(b"validating ").and_then(|rest| split(rest, b": ")) {
        put_question_parts(writer, name.strip_prefix(b"@").map_or(name, |id| word(id).1), b'/');
        action(writer, "dnssec-validation", "info", "failure");
        put_vendor(writer, ids.failed_message, rest);
        return;
    }
    if let Some((zone, rest)) = body.strip_prefix(b"rpz: ").and_then(|rest| split(rest, b": ")) {
        put_vendor(writer, ids.zone, zone);
        put_vendor(writer, ids.message, rest);
        return action(writer, "rpz", "info", "");
    }
    put_vendor(writer, ids.message, body);
    writer.put_str(ecs::EVENT_TYPE, "info");
}

fn action(writer: &mut EventWriter<'_>, action: &'static str, kind: &'static str, outcome: &'static str) {
    writer.put_str(ecs::EVENT_ACTION, action);
    writer.put_str(ecs::EVENT_TYPE, kind);
    if !outcome.is_empty() {
        writer.put_str(ecs::EVENT_OUTCOME, outcome);
    }
}

fn put_client<'a>(writer: &mut EventWriter<'a>, client: &Client<'a>) {
    let ids = ids();
    put_vendor(writer, ids.client_id, client.id);
    put_end_port(writer, CLIENT, client.address, client.port);
    if let Some(ip) = crate::ip::parse(client.address) {
        writer.put_addr(ecs::SOURCE_IP, ip, client.address);
        writer.put_port(ecs::SOURCE_PORT, client.port);
    }
    put_vendor(writer, ids.key, client.key);
    put_vendor(writer, ids.view, client.view);
    let mut rest = client.rest;
    for (name, transport) in [(&b"UDP: "[..], "udp"), (b"TCP: ", "tcp")] {
        if let Some(after) = rest.strip_prefix(name) {
            writer.put_str(ecs::NETWORK_TRANSPORT, transport);
            rest = after;
        }
    }
    if let Some((view, after)) = rest.strip_prefix(b"view ").and_then(|rest| split(rest, b": ")) {
        put_vendor(writer, ids.view, view);
        rest = after;
    }
    let known = put_client_message(writer, ids, rest);
    if !known {
        put_vendor(writer, ids.message, rest);
        writer.put_str(ecs::EVENT_TYPE, "info");
    }
    if writer.first(ecs::DNS_QUESTION_NAME).is_none() {
        put_name(writer, client.name);
    }
}

fn put_client_message<'a>(writer: &mut EventWriter<'a>, ids: &Ids, text: &'a [u8]) -> bool {
    if let Some(rest) = text.strip_prefix(b"query: ") {
        put_query(writer, rest);
    } else if let Some((code, rest)) = text.strip_prefix(b"query failed (").and_then(|rest| split(rest, b") for ")) {
        let (question, location) = split(rest, b" at ").unwrap_or((rest, b""));
        put_code(writer, code);
        put_question_parts(writer, question, b'/');
        put_vendor(writer, ids.location, location);
        action(writer, "dns-query", "protocol", "failure");
    } else if let Some((question, rest)) = quoted(text, b"query '").or_else(|| quoted(text, b"query (cache) '")) {
        put_question_parts(writer, question, b'/');
        let denied = rest.trim_ascii_start().starts_with(b"denied");
        action(writer, "dns-query", if denied { "denied" } else { "protocol" }, if denied { "failure" } else { "" });
    } else if let Some((zone, rest)) = quoted(text, b"updating zone '") {
        put_zone_name(writer, zone);
        put_update(writer, ids, rest.strip_prefix(b": ").unwrap_or(rest));
    } else if let Some((zone, rest)) = quoted(text, b"update '").or_else(|| quoted(text, b"update forwarding '")) {
        put_zone_name(writer, zone);
        let denied = rest.trim_ascii_start().starts_with(b"denied");
        action(writer, "dns-update", if denied { "denied" } else { "change" }, if denied { "failure" } else { "" });
    } else if let Some((zone, rest)) = quoted(text, b"zone transfer '") {
        put_zone_name(writer, split(zone, b"/").map_or(zone, |(name, _)| name));
        let denied = rest.trim_ascii_start().starts_with(b"denied");
        action(writer, "zone-transfer", if denied { "denied" } else { "access" }, if denied { "failure" } else { "" });
    } else if let Some(rest) = text.strip_prefix(b"transfer of '") {
        put_transfer(writer, rest);
    } else if let Some((zone, _)) = quoted(text, b"received notify for zone '") {
        put_zone_name(writer, zone);
        action(writer, "dns-notify", "info", "");
    } else if let Some(rest) = text.strip_prefix(b"rpz ").or_else(|| text.strip_prefix(b"disabled rpz ")) {
        put_policy(writer, ids, rest);
    } else if let Some((name, rest)) = quoted(text, b"rewriting query name '") {
        put_name(writer, name);
        if let Some((to, rest)) = quoted(rest, b" to '") {
            put_vendor(writer, ids.rewritten, to);
            put_type(writer, rest.strip_prefix(b", type ").unwrap_or_default());
        }
        action(writer, "dns-rewrite", "change", "");
    } else if let Some(rest) = text.strip_prefix(b"rate limit ").or_else(|| text.strip_prefix(b"would rate limit ")) {
        put_vendor(writer, ids.message, rest);
        action(writer, "rate-limit", "denied", "failure");
    } else if text.starts_with(b"request has invalid signature") {
        put_vendor(writer, ids.failed_message, text);
        action(writer, "tsig-verify", "denied", "failure");
    } else {
        return false;
    }
    true
}

/// The text between `mark`, which ends in a quote, and the next quote; and what follows.
fn quoted<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    split(text.strip_prefix(mark)?, b"'")
}

/// `NAME CLASS TYPE` and then flags and server, or `response: CODE FLAGS answers`.
fn put_query<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let ids = ids();
    let (name, rest) = word(text);
    let (class, rest) = word(rest);
    let (kind, rest) = word(rest);
    put_name(writer, name);
    if !class.is_empty() {
        writer.put(ecs::DNS_QUESTION_CLASS, class);
    }
    put_type(writer, kind);
    if let Some(rest) = rest.strip_prefix(b"response: ") {
        return put_response(writer, rest);
    }
    writer.put_str(ecs::DNS_TYPE, "query");
    let (flags, rest) = word(rest);
    put_flags(writer, flags);
    if writer.first(ecs::NETWORK_TRANSPORT).is_none() {
        writer.put_str(ecs::NETWORK_TRANSPORT, if flags.contains(&b'T') { "tcp" } else { "udp" });
    }
    if let Some((server, rest)) = rest.strip_prefix(b"(").and_then(|rest| split(rest, b")")) {
        put_vendor(writer, ids.server, server);
        put_end(writer, SERVER, server);
        if let Some(ip) = crate::ip::parse(server) {
            writer.put_addr(ecs::DESTINATION_IP, ip, server);
        }
        if let Some(subnet) = between(rest, b"[ECS ", b"]") {
            put_vendor(writer, ids.ecs_subnet, subnet);
        }
    } else {
        put_vendor(writer, ids.after_query, rest);
    }
    action(writer, "dns-query", "protocol", "");
}

/// The flags of the query log: `+` or `-` for recursion desired, then S signed, E(version) EDNS, T over TCP,
/// D DNSSEC wanted, C checking disabled, V a valid cookie, K a cookie; A and the others in answers.
fn put_flags<'a>(writer: &mut EventWriter<'a>, flags: &'a [u8]) {
    if flags.is_empty() {
        return;
    }
    writer.put_vendor(ids().flags, flags);
    for &flag in flags {
        let name = match flag {
            b'+' => "RD",
            b'D' => "DO",
            b'C' => "CD",
            b'A' => "AA",
            b't' => "TC",
            _ => continue,
        };
        writer.put_str(ecs::DNS_HEADER_FLAGS, name);
    }
}

/// Most records of one answer taken; a message of 64 KiB holds more, but a log line of them does not.
const ANSWERS_MAX: usize = 128;

/// `NOERROR +AED a.example.com 300 IN A 192.0.2.1; …`
fn put_response<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    writer.core().product = products::INFOBLOX;
    writer.core().log_source = logsource::DNS_SERVER;
    writer.put_str(ecs::DNS_TYPE, "answer");
    let (code, rest) = word(text);
    put_code(writer, code);
    let (flags, rest) = word(rest);
    put_flags(writer, flags);
    for answer in rest.split(|&byte| byte == b';').take(ANSWERS_MAX) {
        let answer = answer.trim_ascii();
        let (name, rest) = word(answer);
        let (ttl, rest) = word(rest);
        let (class, rest) = word(rest);
        let (kind, data) = word(rest);
        if data.is_empty() {
            continue;
        }
        writer.put(ecs::DNS_ANSWERS_NAME, undotted(name));
        if parse_u64(ttl).is_some() {
            writer.put_as(ecs::DNS_ANSWERS_TTL, ttl, Kind::Number, false);
        }
        writer.put(ecs::DNS_ANSWERS_CLASS, class);
        writer.put(ecs::DNS_ANSWERS_TYPE, kind);
        put_answer(writer, data);
    }
    action(writer, "dns-response", "protocol", if code == b"NOERROR" { "success" } else { "failure" });
}

fn put_answer<'a>(writer: &mut EventWriter<'a>, data: &'a [u8]) {
    let data = undotted(data);
    let span = writer.span_of(data);
    writer.put_span(ecs::DNS_ANSWERS_DATA, span, Kind::Text, false);
    writer.put_span(ids().answer, span, Kind::Text, true);
    if let Some(ip) = crate::ip::parse(data) {
        let span = writer.put_addr(ecs::DNS_RESOLVED_IP, ip, data);
        relate_span(writer, span, ecs::RELATED_IP);
    }
}

fn undotted(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".").filter(|name| !name.is_empty()).unwrap_or(name)
}

fn put_code<'a>(writer: &mut EventWriter<'a>, code: &'a [u8]) {
    if !code.is_empty() {
        writer.put(ecs::DNS_RESPONSE_CODE, code);
    }
}

fn put_name<'a>(writer: &mut EventWriter<'a>, name: &'a [u8]) {
    let name = undotted(name);
    if !name.is_empty() {
        let span = writer.span_of(name);
        writer.put_span(ecs::DNS_QUESTION_NAME, span, Kind::Text, false);
        writer.put_span(ids().query, span, Kind::Text, true);
        relate_span(writer, span, ecs::RELATED_HOSTS);
    }
}

fn put_type<'a>(writer: &mut EventWriter<'a>, kind: &'a [u8]) {
    if !kind.is_empty() {
        let span = writer.span_of(kind);
        writer.put_span(ecs::DNS_QUESTION_TYPE, span, Kind::Text, false);
        writer.put_span(ids().record_type, span, Kind::Text, true);
    }
}

/// `NAME/CLASS/TYPE`, or `NAME/TYPE/CLASS`, or `NAME/TYPE`: classes are told by their few names.
fn put_question_parts<'a>(writer: &mut EventWriter<'a>, text: &'a [u8], by: u8) {
    let mut parts = text.rsplitn(3, |&byte| byte == by);
    let (last, middle, name) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let is_class = |part: &[u8]| matches!(part, b"IN" | b"CH" | b"HS" | b"ANY" | b"NONE");
    match (middle, name) {
        (Some(middle), Some(name)) => {
            let (class, kind) = if is_class(last) && !is_class(middle) { (last, middle) } else { (middle, last) };
            put_name(writer, name);
            if is_class(class) {
                writer.put(ecs::DNS_QUESTION_CLASS, class);
            }
            put_type(writer, kind);
        }
        (Some(name), None) => {
            put_name(writer, name);
            put_type(writer, last);
        }
        _ => put_name(writer, last),
    }
}

/// `example.com/IN`
fn put_zone_name<'a>(writer: &mut EventWriter<'a>, zone: &'a [u8]) {
    let (name, class) = split(zone, b"/").unwrap_or((zone, b""));
    put_vendor(writer, ids().zone, name);
    put_vendor(writer, ids().zone_class, split(class, b"/").map_or(class, |(class, _)| class));
}

/// `adding an RR at 'a.example.com' A 192.0.2.1`, `deleting rrset at 'a.example.com' A`
fn put_update<'a>(writer: &mut EventWriter<'a>, ids: &Ids, text: &'a [u8]) {
    let Some((what, rest)) = split(text, b" at '") else {
        put_vendor(writer, ids.message, text);
        let failed = scan::find(text, b"unsuccessful").is_some() || scan::find(text, b"fail").is_some();
        return action(writer, "dns-update", "change", if failed { "failure" } else { "" });
    };
    let (name, rest) = split(rest, b"'").unwrap_or((rest, b""));
    let (kind, data) = word(rest.trim_ascii_start());
    for (id, value) in
        [(ids.update_action, what), (ids.update_name, name), (ids.update_type, kind), (ids.update_data, data)]
    {
        put_vendor(writer, id, value);
    }
    if writer.first(ecs::DNS_QUESTION_NAME).is_none() {
        put_name(writer, name);
        put_type(writer, kind);
    }
    let change = if what.starts_with(b"add") {
        "creation"
    } else if what.starts_with(b"delet") {
        "deletion"
    } else {
        "change"
    };
    action(writer, "dns-update", change, "success");
}

/// `QNAME NXDOMAIN rewrite name/A/IN via name.policy`, as older releases have it `rewrite name via …`.
fn put_policy<'a>(writer: &mut EventWriter<'a>, ids: &Ids, text: &'a [u8]) {
    let (kind, rest) = word(text);
    let (policy, rest) = word(rest);
    put_vendor(writer, ids.rpz_type, kind);
    put_vendor(writer, ids.rpz_policy, policy);
    let rest = rest.strip_prefix(b"rewrite ").unwrap_or(rest);
    let (question, name) = split(rest, b" via ").unwrap_or((rest, b""));
    match split(question, b" [") {
        Some((name, kind)) => {
            put_name(writer, name);
            put_type(writer, kind.strip_suffix(b"]").unwrap_or(kind));
        }
        None => put_question_parts(writer, question, b'/'),
    }
    if !name.is_empty() {
        put_vendor(writer, ids.rpz_name, name);
        writer.put(ecs::RULE_NAME, name);
    }
    if policy.eq_ignore_ascii_case(b"PASSTHRU") {
        return action(writer, "rpz-passthru", "allowed", "success");
    }
    action(writer, "rpz-rewrite", "denied", "success");
}

/// `example.com/IN: notify from 192.0.2.1#53: zone is up to date`
fn put_zone<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let ids = ids();
    let (zone, rest) = split(text, b": ").unwrap_or((text, b""));
    put_zone_name(writer, zone);
    if let Some((peer, message)) = rest.strip_prefix(b"notify from ").and_then(|rest| split(rest, b": ")) {
        let (address, port) = split(peer, b"#").unwrap_or((peer, b""));
        put_end_port(writer, CLIENT, address, port);
        put_vendor(writer, ids.message, message);
        return action(writer, "dns-notify", "info", "");
    }
    for mark in [&b"loaded serial "[..], b"transferred serial ", b"sending notifies (serial "] {
        if let Some(serial) = rest.strip_prefix(mark) {
            let digits = serial.iter().take_while(|byte| byte.is_ascii_digit()).count();
            put_number(writer, ids.serial, &serial[..digits]);
        }
    }
    put_vendor(writer, ids.message, rest);
    let failed = scan::find(rest, b"fail").is_some() || scan::find(rest, b"refused").is_some();
    action(writer, "zone", "info", if failed { "failure" } else { "" });
}

/// `example.com/IN' from 192.0.2.1#53: Transfer completed: 1 messages, …`, `example.com/IN': AXFR started (serial 3)`
fn put_transfer<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let ids = ids();
    let (zone, rest) = split(text, b"'").unwrap_or((text, b""));
    put_zone_name(writer, zone);
    let mut message = rest.strip_prefix(b": ").unwrap_or(rest);
    if let Some((peer, after)) = rest.strip_prefix(b" from ").and_then(|rest| split(rest, b": ")) {
        let (address, port) = split(peer, b"#").unwrap_or((peer, b""));
        put_end_port(writer, SERVER, address, port);
        message = after;
    }
    put_vendor(writer, ids.message, message);
    let mut outcome = "";
    if let Some(status) = message.strip_prefix(b"Transfer status: ") {
        put_vendor(writer, ids.transfer_status, status);
        outcome = if status == b"success" { "success" } else { "failure" };
    } else if let Some(counts) = message.strip_prefix(b"Transfer completed: ") {
        outcome = "success";
        for part in counts.split(|&byte| byte == b',').take(8) {
            let (number, unit) = word(part.trim_ascii());
            let id = match word(unit).0 {
                b"messages" => ids.messages,
                b"records" => ids.records,
                b"bytes" => ids.bytes,
                b"secs" => ids.seconds,
                _ => continue,
            };
            put_number(writer, id, number);
        }
    } else {
        let (kind, _) = word(message);
        if matches!(kind, b"AXFR" | b"IXFR" | b"AXFR-style") {
            put_vendor(writer, ids.transfer_type, kind);
        } else if message.starts_with(b"failed") {
            outcome = "failure";
        }
        if let Some(serial) = between(message, b"(serial ", b")") {
            put_number(writer, ids.serial, serial);
        }
    }
    action(writer, "zone-transfer", "access", outcome);
}

/// `connection refused resolving 'name/A/IN': 192.0.2.1#53`: what happened, and the text behind the word.
fn resolving(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (what, rest) = split(body, b" resolving '")?;
    (what.len() <= WHAT_BYTES_MAX).then_some((what, rest))
}

/// The longest error of the resolver named before `resolving` stays under this.
const WHAT_BYTES_MAX: usize = 80;

fn put_resolving<'a>(writer: &mut EventWriter<'a>, what: &'a [u8], rest: &'a [u8]) {
    let (question, rest) = split(rest, b"'").unwrap_or((rest, b""));
    put_question_parts(writer, question, b'/');
    put_vendor(writer, ids().resolver_error, what);
    if let Some((code, _)) = split(what, b" unexpected RCODE") {
        put_code(writer, code);
    }
    if let Some((_, peer)) = split(rest, b": ") {
        let (peer, _) = word(peer);
        let (address, port) = split(peer, b"#").unwrap_or((peer, b""));
        put_end_port(writer, SERVER, address, port);
        if let Some(ip) = crate::ip::parse(address) {
            writer.put_addr(ecs::DESTINATION_IP, ip, address);
        }
    }
    action(writer, "dns-resolve", "error", if what.starts_with(b"success") { "success" } else { "failure" });
}
