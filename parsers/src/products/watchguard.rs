//! WatchGuard Firebox: Fireware logs in syslog format (Fireware Help, "Read a Log Message"; Fireware Log Catalog).
//!
//! `[serial (time)] process[pid]: msg_id="3000-0148" Allow 1-Trusted 0-External tcp 192.0.2.1 203.0.113.2 50001 443 key="value" … (policy-00)`:
//! a traffic message has its disposition and its ends by place, then pairs, then the policy in parentheses; the length, the
//! protocol's header and the TTL stand around the transport where the firewall itself wrote it. Other messages are text.

use std::sync::LazyLock;

use super::fields::{put_lower, put_user, relate, relate_span, transport_of};
use super::kv_table;
use super::names::vendor_names;
use super::targets::{self, Target, To};
use super::text::{between, split, word};
use super::url;
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::number::{parse_u64, take_u64};
use crate::products::{Detect, Product};
use crate::time::{SECOND_NS, take_fraction, take_iso};
use crate::wire::kv::Pairs;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `watchguard_firebox`.
pub(crate) static PRODUCT: Product = Product {
    name: "watchguard_firebox",
    title: "WatchGuard Firebox",
    document: "WatchGuard Fireware Help: Read a Log Message; Fireware Log Catalog",
    namespace: "watchguard_firebox.log",
    module: "watchguard_firebox",
    dataset: "watchguard_firebox.log",
    vendor: "WatchGuard",
    product: "Firebox",
    observer_type: "firewall",
    names: NAMES,
    detect: &[Detect::Mark(&["msg_id=\""], decode)],
    ..Product::NONE
};

vendor_names! {
    serial = "serial_number";
    disposition = "disposition";
    policy = "policy";
    packet_length = "packet_length";
    ttl = "ttl";
    icmp_type = "icmp_type";
    icmp_code = "icmp_code";
    msg = "msg";
    src_user = "src_user";
    user = "user";
    dstname = "dstname";
    arg = "arg";
    duration = "duration";
    elapsed = "elapsed_time";
    path = "path";
    @also
    "msg_id" "proc_id" "rc" "proxy_act" "op" "rcvd_bytes" "sent_bytes" "app_id" "app_name" "app_cat_id" "app_cat_name"
    "app_beh_id" "app_beh_name" "action" "sig_vers" "signature_name" "signature_cat" "signature_id" "severity" "cats"
    "service" "rule_name" "virus" "host" "content_type" "reason" "file_name" "md5" "task_uuid" "threat_level" "geo_src"
    "geo_dst" "src_ip_nat" "dst_ip_nat" "src_port_nat" "dst_port_nat" "tcp_info" "log_type" "mbx_user" "sender" "recipients"
    "subject" "query_type" "question" "client_ssl" "server_ssl" "tls_version" "tls_profile" "sni" "cn" "cert_issuer"
    "cert_subject" "record_type" "fqdn_dst_match" "fqdn_src_match" "referer" "route_type" "reputation" "redirect_action"
    "dnswatch_action" "bucket" "line" "length" "sid" "proxy"
}

static TARGETS: &[Target] = &[
    ("sent_bytes", ecs::SOURCE_BYTES, To::Number),
    ("rcvd_bytes", ecs::DESTINATION_BYTES, To::Number),
    ("src_ip_nat", ecs::SOURCE_NAT_IP, To::Ip),
    ("dst_ip_nat", ecs::DESTINATION_NAT_IP, To::Ip),
    ("src_port_nat", ecs::SOURCE_NAT_PORT, To::Port),
    ("dst_port_nat", ecs::DESTINATION_NAT_PORT, To::Port),
    ("op", ecs::HTTP_REQUEST_METHOD, To::Text),
    ("referer", ecs::HTTP_REQUEST_REFERRER, To::Text),
    ("content_type", ecs::HTTP_RESPONSE_MIME_TYPE, To::Text),
    ("dstname", ecs::DESTINATION_DOMAIN, To::Text),
    ("app_name", ecs::NETWORK_APPLICATION, To::Text),
    ("service", ecs::NETWORK_PROTOCOL, To::Text),
    ("reason", ecs::EVENT_REASON, To::Text),
    ("file_name", ecs::FILE_NAME, To::Text),
    ("md5", ecs::FILE_HASH_MD5, To::Text),
    ("virus", ecs::THREAT_INDICATOR_NAME, To::Text),
    ("signature_name", ecs::RULE_DESCRIPTION, To::Text),
    ("signature_id", ecs::RULE_ID, To::Text),
    ("signature_cat", ecs::RULE_CATEGORY, To::Text),
    ("cats", ecs::RULE_CATEGORY, To::Text),
    ("rule_name", ecs::RULE_RULESET, To::Text),
    ("sni", ecs::TLS_CLIENT_SERVER_NAME, To::Text),
    ("tls_version", ecs::TLS_VERSION, To::Text),
    ("cert_issuer", ecs::TLS_SERVER_ISSUER, To::Text),
    ("cert_subject", ecs::TLS_SERVER_SUBJECT, To::Text),
    ("sender", ecs::EMAIL_FROM_ADDRESS, To::Set),
    ("recipients", ecs::EMAIL_TO_ADDRESS, To::Set),
    ("subject", ecs::EMAIL_SUBJECT, To::Text),
    ("question", ecs::DNS_QUESTION_NAME, To::Text),
    ("query_type", ecs::DNS_QUESTION_TYPE, To::Text),
];

/// Reads a record; `false` = it has no message id where Fireware writes it.
fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let message = header.message;
    let Some((before, rest)) = split(message, b"msg_id=\"") else { return false };
    let Some((id, text)) = split(rest, b"\"") else { return false };
    // `3000-0148`, `1AFF-0021`
    let of_id = |&byte: &u8| byte.is_ascii_hexdigit() || byte == b'-';
    if id.len() != 9 || id[4] != b'-' || !id.iter().all(of_id) {
        return false;
    }
    let core = writer.core();
    (core.product, core.log_source) = (products::WATCHGUARD_FIREBOX, logsource::WATCHGUARD);
    writer.put(ecs::EVENT_CODE, id);
    put_before(writer, context, before);
    let text = text.trim_ascii();
    let ends = put_traffic(writer, context, text);
    if !ends {
        if verdict_of(word(text).0).is_some() {
            writer.defect(Defect::MessageMalformed);
        }
        put_text(writer, text);
    }
    put_meaning(writer, header, id, text, ends);
    true
}

/// What stands before the id where the header did not take it: `serial (stamp) process[pid]: `.
fn put_before<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, before: &'a [u8]) {
    let (first, rest) = word(before);
    if let Some(stamp) = between(before, b"(", b")") {
        if first.iter().all(u8::is_ascii_alphanumeric) && !first.is_empty() {
            writer.put_vendor(ids().serial, first);
            writer.put(ecs::OBSERVER_SERIAL_NUMBER, first);
        }
        // The device's own stamp has the year that the header's lacks.
        if let Some((stamp, b"")) = take_iso(stamp) {
            context.set_stamp(writer, &stamp);
        }
    }
    let process = split(rest, b") ").map_or(before, |(_, process)| process).trim_ascii();
    let process = process.strip_suffix(b":").unwrap_or(process);
    let name = &process[..crate::scan::until(process, b'[')];
    if !name.is_empty() && !name.contains(&b' ') && name != first {
        writer.put(ecs::PROCESS_NAME, name);
        if let Some(pid) = between(process, b"[", b"]").filter(|pid| parse_u64(pid).is_some()) {
            writer.put_as(ecs::PROCESS_PID, pid, Kind::Number, false);
        }
    }
}

/// What a disposition lets happen; `None` = it is none.
fn verdict_of(disposition: &[u8]) -> Option<&'static str> {
    match disposition {
        b"Allow" | b"ProxyAllow" | b"ProxyReplace" | b"ProxyInspect" | b"ProxyAvScan" => Some("allowed"),
        b"Deny" | b"ProxyDeny" | b"ProxyDrop" | b"ProxyBlock" | b"ProxyStrip" | b"Drop" => Some("denied"),
        _ => None,
    }
}

/// Reads a traffic message; `false` = it is another, nothing was written.
fn put_traffic<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> bool {
    let (disposition, rest) = word(text);
    let Some(verdict) = verdict_of(disposition) else { return false };
    let ((ingress, rest), by) = (word(rest), ids());
    let (egress, rest) = word(rest);
    // The firewall writes the length first, then the transport, its header's length and the TTL.
    let (length, rest) = match take_u64(rest) {
        Some((_, [b' ', ..])) => word(rest),
        _ => (&b""[..], rest),
    };
    let (transport, mut rest) = word(rest);
    let mut ttl = &b""[..];
    if !length.is_empty() {
        let (_, after) = word(rest);
        (ttl, rest) = word(after);
    }
    let (source, rest) = word(rest);
    let (destination, rest) = word(rest);
    if crate::ip::parse(source).is_none() || crate::ip::parse(destination).is_none() {
        return false;
    }
    let action = writer.span_of(disposition);
    writer.put_span(by.disposition, action, Kind::Text, true);
    put_lower(writer, ecs::EVENT_ACTION, action);
    for (id, value) in [(by.packet_length, length), (by.ttl, ttl)] {
        if !value.is_empty() {
            writer.put_vendor(id, value);
        }
    }
    writer.put(ecs::OBSERVER_INGRESS_INTERFACE_NAME, ingress);
    writer.put(ecs::OBSERVER_EGRESS_INTERFACE_NAME, egress);
    // `https/tcp` in the format of the traffic monitor.
    let (service, transport) = split(transport, b"/").map_or((&b""[..], transport), |(service, name)| (service, name));
    if !service.is_empty() {
        writer.put(ecs::NETWORK_PROTOCOL, service);
    }
    let known = transport_of(transport);
    match known {
        Some((name, number)) => {
            writer.put_str(ecs::NETWORK_TRANSPORT, name);
            writer.put_str(ecs::NETWORK_IANA_NUMBER, number);
        }
        None => writer.put(ecs::NETWORK_TRANSPORT, transport),
    }
    for (ip, address, text) in
        [(ecs::SOURCE_IP, ecs::SOURCE_ADDRESS, source), (ecs::DESTINATION_IP, ecs::DESTINATION_ADDRESS, destination)]
    {
        writer.put(address, text);
        writer.put_ip(ip, text);
        relate(writer, ip, ecs::RELATED_IP);
    }
    let icmp = matches!(known, Some(("icmp" | "ipv6-icmp", _)));
    let mut rest = rest;
    for (port, kind) in [(ecs::SOURCE_PORT, by.icmp_type), (ecs::DESTINATION_PORT, by.icmp_code)] {
        let (value, after) = word(rest);
        if parse_u64(value).is_none() {
            break;
        }
        if icmp {
            writer.put_vendor(kind, value);
        } else {
            writer.put_port(port, value);
        }
        rest = after;
    }
    // The policy stands last, or before the pairs.
    let mut pairs = rest;
    if let Some(open) = memchr::memrchr(b'(', rest) {
        let inside = &rest[open + 1..];
        let close = crate::scan::until(inside, b')');
        if close < inside.len() && !rest[..open].ends_with(b"=\"") {
            let policy = writer.span_of(&inside[..close]);
            writer.put_span(by.policy, policy, Kind::Text, true);
            writer.put_span(ecs::RULE_NAME, policy, Kind::Text, false);
            pairs = if inside[close + 1..].trim_ascii().is_empty() { &rest[..open] } else { &inside[close + 1..] };
        }
    }
    static BY_ID: LazyLock<Vec<Option<(FieldId, To)>>> = LazyLock::new(|| targets::by_id(TARGETS));
    // `offset 8 S 2982213793 win 4` precedes the pairs: it holds no equals sign.
    kv_table::read(writer, context, &mut Pairs::by_space(pairs), &BY_ID);
    writer.put_str(ecs::EVENT_TYPE, verdict);
    true
}

/// A message in words: whom it is of and from where.
fn put_text<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let user = between(text, b"user [", b"]").or_else(|| {
        let (name, _) = word(split(text, b"ser ")?.1);
        memchr::memchr(b'@', name).map(|_| name)
    });
    if let Some(user) = user.filter(|user| !user.is_empty()) {
        let span = writer.span_of(user);
        if let Some(name) = put_user(writer, span, ecs::USER_NAME, ecs::USER_DOMAIN) {
            relate_span(writer, name, ecs::RELATED_USER);
        }
    }
    let from = split(text, b" from ").map(|(_, rest)| word(rest).0);
    if let Some(ip) =
        from.map(|from| from.strip_suffix(b",").unwrap_or(from)).filter(|ip| crate::ip::parse(ip).is_some())
    {
        writer.put_ip(ecs::SOURCE_IP, ip);
        relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
    }
}

fn put_meaning<'a>(writer: &mut EventWriter<'a>, header: &Header<'a>, id: &[u8], text: &'a [u8], traffic: bool) {
    let ids = ids();
    writer.put_str(ecs::EVENT_KIND, "event");
    if !header.hostname.is_empty() {
        let name = writer.span_of(header.hostname);
        for to in [ecs::OBSERVER_NAME, ecs::OBSERVER_HOSTNAME, ecs::RELATED_HOSTS] {
            writer.put_span(to, name, Kind::Text, false);
        }
    }
    let said = writer.first_span(ids.msg).filter(|(span, _)| traffic && !span.is_empty());
    match said {
        Some((span, _)) => writer.put_span(ecs::MESSAGE, span, Kind::Text, false),
        None => writer.put(ecs::MESSAGE, text),
    }
    if !traffic {
        let has = |words: &[u8]| crate::scan::find(text, words).is_some();
        let (category, kind, outcome) = if has(b"uthentication") || has(b" logged in") || has(b" log in") {
            let failed = has(b"rejected") || has(b"failed") || has(b"denied");
            ("authentication", "start", if failed { "failure" } else { "success" })
        } else if has(b" logged out") {
            ("authentication", "end", "success")
        } else if id.starts_with(b"0") || has(b"onfigur") {
            ("configuration", "info", "")
        } else {
            ("network", "info", "")
        };
        writer.put_str(ecs::EVENT_CATEGORY, category);
        writer.put_str(ecs::EVENT_TYPE, kind);
        if !outcome.is_empty() {
            writer.put_str(ecs::EVENT_OUTCOME, outcome);
        }
        return;
    }
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    if writer.view().has(ecs::THREAT_INDICATOR_NAME) {
        writer.put_str(ecs::EVENT_CATEGORY, "malware");
    } else if writer.view().has(ecs::RULE_DESCRIPTION) {
        writer.put_str(ecs::EVENT_CATEGORY, "intrusion_detection");
    }
    writer.put_str(ecs::EVENT_TYPE, "connection");
    for id in [ids.src_user, ids.user] {
        if let Some((span, _)) = writer.first_span(id).filter(|(span, _)| !span.is_empty()) {
            if let Some(name) = put_user(writer, span, ecs::SOURCE_USER_NAME, ecs::SOURCE_USER_DOMAIN) {
                writer.put_span(ecs::USER_NAME, name, Kind::Text, false);
                relate_span(writer, name, ecs::RELATED_USER);
            }
            break;
        }
    }
    for id in [ecs::SOURCE_NAT_IP, ecs::DESTINATION_NAT_IP] {
        relate(writer, id, ecs::RELATED_IP);
    }
    relate(writer, ecs::DESTINATION_DOMAIN, ecs::RELATED_HOSTS);
    relate(writer, ecs::FILE_HASH_MD5, ecs::RELATED_HASH);
    if let (Some((host, _)), Some((path, _))) =
        (writer.first_span(ids.dstname), writer.first_span(ids.arg).or_else(|| writer.first_span(ids.path)))
    {
        if writer.bytes(path).starts_with(b"/") {
            let from = writer.arena_start();
            writer.arena_push_span(host);
            writer.arena_push_span(path);
            let whole = writer.arena_end(from);
            url::put(writer, whole);
        }
    }
    // `0.031252 sec(s)`, or whole seconds.
    let took = writer.first(ids.elapsed).or_else(|| writer.first(ids.duration));
    if let Some((seconds, rest)) = took.and_then(take_u64) {
        let (nano, ..) = take_fraction(rest);
        let whole = i64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(SECOND_NS));
        if let Some(duration_ns) = whole.and_then(|whole| whole.checked_add(i64::from(nano))) {
            writer.put_i64(ecs::EVENT_DURATION, duration_ns);
        }
    }
}
