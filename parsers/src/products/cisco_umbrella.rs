//! Cisco Umbrella logs as its S3 export writes them (Umbrella documentation, "Log Formats and Versioning": DNS, proxy, IP, cloud
//! firewall, admin audit and DLP logs).
//!
//! The export names the kind of a log in the file's path, not in the line: a line is told by the words that its kind has
//! at fixed columns behind the stamp (`Allowed`, `ALLOWED`, `OUTBOUND`, `Real Time`).

use super::columns::Columns;
use super::fields::{put_lower, put_user, relate, relate_span};
use super::names::vendor_names;
use super::text::split;
use super::{Detect, Product, url};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::logsource::LogSourceId;
use crate::number::parse_u64;
use crate::time::{Stamp, take_iso};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `cisco_umbrella`.
pub(crate) static PRODUCT: Product = Product {
    name: "cisco_umbrella",
    title: "Cisco Umbrella",
    document: "Cisco Umbrella: Log Formats and Versioning",
    namespace: "cisco.umbrella",
    module: "cisco_umbrella",
    dataset: "cisco_umbrella.log",
    vendor: "Cisco",
    product: "Umbrella",
    names: NAMES,
    detect: &[Detect::Line("\"0123456789", read)],
    ..Product::NONE
};

vendor_names! {
    identity = "identity";
    identities = "identities";
    identity_types = "identity_types";
    policy_identity_type = "policy_identity_type";
    categories = "categories";
    blocked_categories = "blocked_categories";
    origin_id = "origin_id";
    datacenter = "datacenter";
    av_detections = "av_detections";
    puas = "puas";
    disposition = "amp_disposition";
    malware = "amp_malware_name";
    score = "amp_score";
    sha256 = "sha_sha256";
    ruleset = "ruleset_id";
    destination_lists = "destination_lists_id";
    audit_before = "audit.before";
    audit_after = "audit.after";
    audit_type = "audit.type";
    audit_user = "audit.user";
    audit_email = "audit.email";
    classification = "data_classification";
    identifier = "data_identifier";
    label = "file_label";
}

/// A column that goes to a name as it is, where it says something.
#[derive(Clone, Copy)]
enum To {
    Ecs(FieldId),
    Ip(FieldId),
    Port(FieldId),
    Number(FieldId),
    Url,
}

fn put(writer: &mut EventWriter<'_>, columns: &Columns<'_>, at: usize, to: To) {
    let text = columns.get(at);
    if text.is_empty() {
        return;
    }
    match to {
        To::Ecs(id) => writer.put(id, text),
        To::Ip(id) => {
            let span = writer.span_of(text);
            let address = match id {
                ecs::SOURCE_IP => Some(ecs::SOURCE_ADDRESS),
                ecs::DESTINATION_IP => Some(ecs::DESTINATION_ADDRESS),
                _ => None,
            };
            if let Some(address) = address {
                writer.put_span(address, span, Kind::Text, false);
            }
            if writer.put_if_ip(id, span) {
                relate_span(writer, span, ecs::RELATED_IP);
            }
        }
        To::Port(id) => {
            writer.put_port(id, text);
        }
        To::Number(id) => {
            if parse_u64(text).is_some() {
                writer.put_as(id, text, Kind::Number, false);
            }
        }
        To::Url => {
            let span = writer.span_of(text);
            url::put(writer, span);
        }
    }
}

fn put_own(writer: &mut EventWriter<'_>, columns: &Columns<'_>, names: &[(usize, FieldId)]) {
    for &(at, id) in names {
        let text = columns.get(at);
        if !text.is_empty() {
            writer.put_vendor(id, text);
        }
    }
}

/// Reads a line; `false` = it is of no kind of the export.
fn read<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let stamp_at = usize::from(text.first() == Some(&b'"'));
    // The admin audit has its id first.
    if stamp_at == 1 && text.get(1).is_some_and(u8::is_ascii_digit) {
        if let Some((id, rest)) = split(&text[1..], b"\",\"") {
            if id.iter().all(u8::is_ascii_digit) {
                return read_audit(writer, context, text, rest);
            }
        }
    }
    let Some((stamp, rest)) = text.get(stamp_at..).and_then(take_iso) else { return false };
    if !matches!(rest.first(), Some(b'"' | b',')) || (stamp_at == 1) != (rest[0] == b'"') {
        return false;
    }
    let columns = Columns::by_comma(text);
    let by = |at| columns.get(at);
    let quoted = stamp_at == 1;
    if !quoted && matches!(by(4), b"OUTBOUND" | b"INBOUND") && columns.len() >= 14 {
        put_firewall(writer, context, &stamp, &columns);
    } else if quoted && matches!(by(5), b"Allowed" | b"Blocked" | b"Proxied") && columns.len() >= 9 {
        put_dns(writer, context, &stamp, &columns);
    } else if quoted && matches!(by(6), b"ALLOWED" | b"BLOCKED") && columns.len() >= 13 {
        put_proxy(writer, context, &stamp, &columns);
    } else if quoted && matches!(by(1), b"Real Time" | b"SaaS API") && columns.len() >= 16 {
        put_loss(writer, context, &stamp, &columns);
    } else if quoted
        && (6..=8).contains(&columns.len())
        && [2, 4].iter().all(|&at| crate::ip::parse(by(at)).is_some())
        && [3, 5].iter().all(|&at| parse_u64(by(at)).is_some())
    {
        put_addresses(writer, context, &stamp, &columns);
    } else {
        return false;
    }
    if columns.unbalanced {
        writer.defect(Defect::UnbalancedQuote);
    }
    true
}

fn begin(writer: &mut EventWriter<'_>, context: &Context<'_>, stamp: &Stamp, log_source: LogSourceId) {
    let core = writer.core();
    (core.product, core.log_source) = (products::CISCO_UMBRELLA, log_source);
    // The export is in UTC.
    let stamp = Stamp { offset_s: stamp.offset_s.or(Some(0)), ..*stamp };
    context.set_stamp(writer, &stamp);
    writer.put_str(ecs::EVENT_KIND, "event");
}

fn put_meaning(writer: &mut EventWriter<'_>, kind: &'static str, action: (&'static str, &[u8]), verdict: &[u8]) {
    writer.put_str(ecs::OBSERVER_TYPE, kind);
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    match verdict {
        b"" => {}
        _ if verdict.eq_ignore_ascii_case(b"blocked") || verdict.eq_ignore_ascii_case(b"block") => {
            writer.put_str(ecs::EVENT_TYPE, "denied");
        }
        _ => writer.put_str(ecs::EVENT_TYPE, "allowed"),
    }
    writer.put_str(ecs::EVENT_TYPE, "connection");
    if !action.1.is_empty() {
        let from = writer.arena_start();
        writer.arena_push(action.0.as_bytes());
        writer.arena_push(action.1);
        let span = writer.arena_end(from);
        writer.put_span(ecs::EVENT_ACTION, span, Kind::Text, false);
    }
}

/// `stamp, identity, identities, internal, external, action, type, code, domain, categories, policy type, types, blocked`.
fn put_dns(writer: &mut EventWriter<'_>, context: &Context<'_>, stamp: &Stamp, columns: &Columns<'_>) {
    begin(writer, context, stamp, logsource::CISCO_UMBRELLA_DNS);
    let ids = ids();
    put_own(
        writer,
        columns,
        &[
            (1, ids.identity),
            (2, ids.identities),
            (9, ids.categories),
            (10, ids.policy_identity_type),
            (11, ids.identity_types),
            (12, ids.blocked_categories),
        ],
    );
    put(writer, columns, 3, To::Ip(ecs::SOURCE_IP));
    put(writer, columns, 4, To::Ip(ecs::SOURCE_NAT_IP));
    put(writer, columns, 6, To::Ecs(ecs::DNS_QUESTION_TYPE));
    put(writer, columns, 7, To::Ecs(ecs::DNS_RESPONSE_CODE));
    let domain = columns.get(8);
    let domain = domain.strip_suffix(b".").unwrap_or(domain);
    if !domain.is_empty() {
        let span = writer.span_of(domain);
        writer.put_span(ecs::DNS_QUESTION_NAME, span, Kind::Text, false);
        relate_span(writer, span, ecs::RELATED_HOSTS);
    }
    writer.put_str(ecs::DNS_TYPE, "query");
    put_identities(writer, columns.get(2), columns.get(11));
    put_meaning(writer, "dns", ("dns-request-", columns.get(5)), columns.get(5));
}

/// `stamp, identity, internal, external, destination, content type, verdict, url, referrer, agent, status, sent, received, body,
/// sha256, categories, detections, puas, disposition, malware, score, policy type, blocked, identities, types, method, …`.
fn put_proxy(writer: &mut EventWriter<'_>, context: &Context<'_>, stamp: &Stamp, columns: &Columns<'_>) {
    begin(writer, context, stamp, logsource::CISCO_UMBRELLA_PROXY);
    let ids = ids();
    put_own(
        writer,
        columns,
        &[
            (1, ids.identity),
            (15, ids.categories),
            (16, ids.av_detections),
            (17, ids.puas),
            (18, ids.disposition),
            (19, ids.malware),
            (20, ids.score),
            (21, ids.policy_identity_type),
            (22, ids.blocked_categories),
            (23, ids.identities),
            (24, ids.identity_types),
            (14, ids.sha256),
            (29, ids.ruleset),
            (31, ids.destination_lists),
        ],
    );
    for (at, to) in [
        (2, To::Ip(ecs::SOURCE_IP)),
        (3, To::Ip(ecs::SOURCE_NAT_IP)),
        (4, To::Ip(ecs::DESTINATION_IP)),
        (5, To::Ecs(ecs::HTTP_RESPONSE_MIME_TYPE)),
        (7, To::Url),
        (8, To::Ecs(ecs::HTTP_REQUEST_REFERRER)),
        (9, To::Ecs(ecs::USER_AGENT_ORIGINAL)),
        (10, To::Number(ecs::HTTP_RESPONSE_STATUS_CODE)),
        (11, To::Number(ecs::HTTP_REQUEST_BYTES)),
        (12, To::Number(ecs::HTTP_RESPONSE_BYTES)),
        (13, To::Number(ecs::HTTP_RESPONSE_BODY_BYTES)),
        (14, To::Ecs(ecs::RELATED_HASH)),
        (25, To::Ecs(ecs::HTTP_REQUEST_METHOD)),
        (28, To::Ecs(ecs::FILE_NAME)),
    ] {
        put(writer, columns, at, to);
    }
    put_identities(writer, columns.get(23), columns.get(24));
    put_meaning(writer, "proxy", ("proxy-request-", columns.get(25)), columns.get(6));
}

/// `stamp, identity, source, port, destination, port, categories`.
fn put_addresses(writer: &mut EventWriter<'_>, context: &Context<'_>, stamp: &Stamp, columns: &Columns<'_>) {
    begin(writer, context, stamp, logsource::CISCO_UMBRELLA_FIREWALL);
    put_own(writer, columns, &[(1, ids().identity), (6, ids().categories)]);
    put(writer, columns, 2, To::Ip(ecs::SOURCE_IP));
    put(writer, columns, 3, To::Port(ecs::SOURCE_PORT));
    put(writer, columns, 4, To::Ip(ecs::DESTINATION_IP));
    put(writer, columns, 5, To::Port(ecs::DESTINATION_PORT));
    put_meaning(writer, "firewall", ("", b""), b"");
}

/// `stamp, [origin], identities, types, direction, protocol, size, source, port, destination, port, datacentre, rule, verdict`.
fn put_firewall(writer: &mut EventWriter<'_>, context: &Context<'_>, stamp: &Stamp, columns: &Columns<'_>) {
    begin(writer, context, stamp, logsource::CISCO_UMBRELLA_FIREWALL);
    let ids = ids();
    put_own(writer, columns, &[(1, ids.origin_id), (2, ids.identities), (3, ids.identity_types), (11, ids.datacenter)]);
    let direction = writer.span_of(columns.get(4));
    put_lower(writer, ecs::NETWORK_DIRECTION, direction);
    match super::fields::transport_number(columns.get(5)) {
        Some(name) => {
            writer.put_str(ecs::NETWORK_TRANSPORT, name);
            writer.put(ecs::NETWORK_IANA_NUMBER, columns.get(5));
        }
        None => put(writer, columns, 5, To::Ecs(ecs::NETWORK_TRANSPORT)),
    }
    for (at, to) in [
        (6, To::Number(ecs::SOURCE_BYTES)),
        (7, To::Ip(ecs::SOURCE_IP)),
        (8, To::Port(ecs::SOURCE_PORT)),
        (9, To::Ip(ecs::DESTINATION_IP)),
        (10, To::Port(ecs::DESTINATION_PORT)),
        (12, To::Ecs(ecs::RULE_ID)),
    ] {
        put(writer, columns, at, to);
    }
    put_meaning(writer, "firewall", ("fw-connection-", columns.get(13)), columns.get(13));
}

/// `stamp, type, id, severity, identity, owner, file, application, url, action, rule, classification, identifier, mime, size, sha256, label`.
fn put_loss(writer: &mut EventWriter<'_>, context: &Context<'_>, stamp: &Stamp, columns: &Columns<'_>) {
    begin(writer, context, stamp, logsource::UNKNOWN);
    let ids = ids();
    put_own(writer, columns, &[(4, ids.identity), (11, ids.classification), (12, ids.identifier), (16, ids.label)]);
    for (at, to) in [
        (1, To::Ecs(ecs::EVENT_PROVIDER)),
        (2, To::Ecs(ecs::EVENT_ID)),
        (6, To::Ecs(ecs::FILE_NAME)),
        (7, To::Ecs(ecs::NETWORK_APPLICATION)),
        (8, To::Url),
        (10, To::Ecs(ecs::RULE_NAME)),
        (13, To::Ecs(ecs::FILE_MIME_TYPE)),
        (14, To::Number(ecs::FILE_SIZE)),
        (15, To::Ecs(ecs::FILE_HASH_SHA256)),
    ] {
        put(writer, columns, at, to);
    }
    relate(writer, ecs::FILE_HASH_SHA256, ecs::RELATED_HASH);
    let severity = match columns.get(3) {
        b"LOW" => 1,
        b"MEDIUM" => 2,
        b"HIGH" => 3,
        b"CRITICAL" => 4,
        _ => 0,
    };
    writer.put_i64(ecs::EVENT_SEVERITY, severity);
    put_meaning(writer, "dlp", ("dlp-", columns.get(9)), columns.get(9));
    writer.put_str(ecs::EVENT_CATEGORY, "file");
    writer.put_str(ecs::EVENT_TYPE, "info");
}

/// `id, stamp, e-mail, user, type, action, address, before, after`.
fn read_audit<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8], rest: &'a [u8]) -> bool {
    let Some((stamp, [b'"', b',', ..])) = take_iso(rest) else { return false };
    let columns = Columns::by_comma(text);
    if columns.len() < 8 {
        return false;
    }
    begin(writer, context, &stamp, logsource::UNKNOWN);
    let ids = ids();
    put_own(
        writer,
        &columns,
        &[(2, ids.audit_email), (3, ids.audit_user), (4, ids.audit_type), (7, ids.audit_before), (8, ids.audit_after)],
    );
    put(writer, &columns, 0, To::Ecs(ecs::EVENT_ID));
    put(writer, &columns, 5, To::Ecs(ecs::EVENT_ACTION));
    put(writer, &columns, 6, To::Ip(ecs::SOURCE_IP));
    for (at, to) in [(2, ecs::USER_EMAIL), (3, ecs::USER_NAME)] {
        if columns.get(at) != b"null" {
            put(writer, &columns, at, To::Ecs(to));
            relate(writer, to, ecs::RELATED_USER);
        }
    }
    writer.put_str(ecs::EVENT_CATEGORY, "configuration");
    let kind = match columns.get(5) {
        b"create" => "creation",
        b"delete" => "deletion",
        _ => "change",
    };
    writer.put_str(ecs::EVENT_TYPE, kind);
    true
}

/// Whom a request is of: `Surname, Name (name@domain)` is a user, the other identities are computers and networks by the list of
/// their types. A comma may stand in a name too: the last identity of a computer is the one looked for.
fn put_identities(writer: &mut EventWriter<'_>, identities: &[u8], types: &[u8]) {
    let has = |kind: &[u8]| crate::scan::find(types, kind).is_some();
    let mailbox = crate::scan::find(identities, b" (").and_then(|open| {
        let close = open + crate::scan::until(&identities[open..], b')');
        let mail = identities.get(open + 2..close)?;
        mail.contains(&b'@').then_some((open, mail, close))
    });
    let mut others = identities;
    if let Some((open, mail, close)) = mailbox {
        let from = memchr::memrchr(b',', &identities[..open]).filter(|_| identities.starts_with(b"\"")).unwrap_or(0);
        let name = identities[from..open].trim_ascii();
        // The computer stands before the user, or behind.
        let (name, before) = match split(name, b",") {
            Some((first, rest)) if !first.contains(&b' ') && !rest.starts_with(b" ") => (rest, first),
            _ => (name, &b""[..]),
        };
        let mail = writer.span_of(mail);
        for id in [ecs::USER_EMAIL, ecs::USER_ID] {
            writer.put_span(id, mail, Kind::Text, false);
        }
        writer.put(ecs::USER_FULL_NAME, name);
        if let Some(user) = put_user(writer, mail, ecs::USER_NAME, ecs::USER_DOMAIN) {
            relate_span(writer, user, ecs::RELATED_USER);
        }
        let behind = identities.get(close + 1..).unwrap_or_default();
        others = if before.is_empty() { behind.strip_prefix(b",").unwrap_or(behind) } else { before };
    } else if has(b"AD Users") {
        let (user, rest) = split(identities, b",").unwrap_or((identities, b""));
        if !user.is_empty() {
            let span = writer.span_of(user.trim_ascii());
            writer.put_span(ecs::USER_NAME, span, Kind::Text, false);
            relate_span(writer, span, ecs::RELATED_USER);
        }
        others = rest;
    }
    let host = others[..crate::scan::until(others, b',')].trim_ascii();
    if !host.is_empty() && (has(b"Roaming Computer") || has(b"Anyconnect")) {
        let span = writer.span_of(host);
        put_lower(writer, ecs::HOST_NAME, span);
        relate(writer, ecs::HOST_NAME, ecs::RELATED_HOSTS);
    }
}
