//! Palo Alto Networks PAN-OS: comma-separated logs by type (Administrator's Guide 11.1, "Syslog Field Descriptions").

mod columns;

use columns::{TABLES, Type};

use super::csv_table::{names, names_len, read};
use super::fields::{copy, put_lower, put_network_type, put_path, put_time, put_user, relate, relate_span};
use super::names::vendor_names;
use super::url;
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::logsource::LogSourceId;
use crate::number::{parse_i64, parse_u64};
use crate::products::{Detect, Product};
use crate::time::{SECOND_NS, take_iso};
use crate::wire::csv::Cells;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `panos`.
pub(crate) static PRODUCT: Product = Product {
    name: "panos",
    title: "Palo Alto Networks PAN-OS",
    document: "PAN-OS Administrator's Guide 11.1, Syslog Field Descriptions",
    namespace: "panw.panos",
    module: "panw",
    dataset: "panw.panos",
    vendor: "Palo Alto Networks",
    product: "PAN-OS",
    observer_type: "firewall",
    names: &ALL_NAMES,
    detect: &[
        Detect::Line("0123456789", decode),
        Detect::Mark(
            &[
                ",TRAFFIC,",
                ",THREAT,",
                ",SYSTEM,",
                ",CONFIG,",
                ",USERID,",
                ",HIPMATCH,",
                ",GLOBALPROTECT,",
                ",DECRYPTION,",
                ",AUTHENTICATION,",
                ",CORRELATION,",
                ",START,",
                ",END,",
                ",TUNNEL,",
                ",SCTP,",
                ",GTP,",
                ",IPTAG,",
                ",IP-TAG,",
                ",audit,",
                ",AUDIT,",
            ],
            decode,
        ),
    ],
    ..Product::NONE
};

vendor_names! {
    received_time = "received_time";
    generated_time = "generated_time";
    high_res_timestamp = "high_res_timestamp";
    sub_type = "sub_type";
    device_name = "device_name";
    natsrc = "natsrc";
    natdst = "natdst";
    natsport = "natsport";
    natdport = "natdport";
    srcuser = "srcuser";
    dstuser = "dstuser";
    normalize_user = "normalize_user";
    remote_user_ip = "remote_user_ip";
    tunnel_insp_rule = "tunnel_insp_rule";
    proto = "proto";
    action = "action";
    start = "start";
    elapsed = "elapsed";
    login_duration = "login_duration";
    severity = "severity";
    direction = "direction";
    misc = "misc";
    threatid = "threatid";
    threat_id = "threat.id";
    threat_name = "threat.name";
    filedigest = "filedigest";
    xff = "xff";
    xff_ip = "xff_ip";
    http2_connection = "http2_connection";
    host = "host";
    cmd = "cmd";
    admin = "admin";
    object = "object";
    result = "result";
    status = "status";
    opaque = "opaque";
    desc = "desc";
    event = "event";
    err_index = "err_index";
    tls_version = "tls_version";
    machinename = "machinename";
    src_host = "src_host";
    public_ip = "public_ip";
    public_ipv6 = "public_ipv6";
    private_ip = "private_ip";
    private_ipv6 = "private_ipv6";
    srcipv6 = "srcipv6";
}

static ALL_NAMES: [&str; names_len(NAMES, TABLES)] = names(NAMES, TABLES);

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let Some(kind) = type_of(header.message) else { return false };
    // The sender of the header is the device.
    writer.rename(ecs::HOST_NAME, ecs::OBSERVER_NAME);
    writer.rename(ecs::HOST_HOSTNAME, ecs::OBSERVER_HOSTNAME);
    let mut cells = Cells::new(header.message);
    // Audit records lack the mark before the time.
    let head = columns::head();
    read(writer, &mut cells, if kind == Type::Audit { columns::audit_head() } else { head });
    let body = if kind == Type::Audit { cells.rest() } else { after_head(&cells) };
    writer.put(ecs::MESSAGE, body);
    let kind = if kind == Type::Config && is_short(&cells) { Type::ConfigShort } else { kind };
    let (columns, fewest) = kind.columns();
    let count = head.len() + read(writer, &mut cells, columns);
    // One empty column at the end is a comma too many of the device's own.
    if count < fewest || !matches!(cells.rest(), b"" | b",") {
        writer.defect(Defect::ColumnCount);
    }
    if cells.unbalanced {
        writer.defect(Defect::UnbalancedQuote);
    }
    let ids = ids();
    set_time(writer, context, ids);
    put_observer(writer, ids);
    put_ends(writer, ids);
    let log_source = put_type(writer, context, ids, kind);
    let core = writer.core();
    core.product = products::PANOS;
    core.log_source = log_source;
    put_related(writer);
    true
}

/// The type of a record that begins `mark,time,serial,TYPE,` or `serial,time,audit,`.
#[inline]
fn type_of(text: &[u8]) -> Option<Type> {
    if !matches!(text.first()?, b'0'..=b'9' | b'<') {
        return None;
    }
    let mut cells = Cells::new(text);
    let (_, time) = (cells.next()?, cells.next()?.text);
    // `2026/03/01 08:09:10`, or ISO 8601 from Panorama and the logging service.
    if !matches!(time.get(4), Some(b'/' | b'-')) || !time[0].is_ascii_digit() {
        return None;
    }
    let third = cells.next()?.text;
    if third.eq_ignore_ascii_case(b"audit") {
        return Some(Type::Audit);
    }
    Type::of(cells.next()?.text)
}

/// What follows the generated time: Elastic's integration keeps it as the message.
fn after_head<'a>(cells: &Cells<'a>) -> &'a [u8] {
    let mut cells = cells.clone();
    cells.by_ref().take(3).for_each(drop);
    cells.rest()
}

/// Whether the rest of a CONFIG record has no columns of detail: those of PAN-OS 7 and before have two less.
fn is_short(cells: &Cells<'_>) -> bool {
    /// From the subtype to the device name, without detail.
    const SHORT: usize = 3 + 7 + 2 + 6;
    cells.clone().take(SHORT + 1).count() <= SHORT
}

/// The stamp of nanoseconds where it says something, else the time of receipt.
fn set_time(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids) {
    for id in [ids.high_res_timestamp, ids.received_time, ids.generated_time] {
        let Some(text) = writer.first(id) else { continue };
        let Some((stamp, _)) = take_iso(text) else {
            writer.defect(Defect::TimeUnreadable);
            continue;
        };
        // The epoch itself stands for none.
        if stamp.civil.year > 1970 {
            return context.set_stamp(writer, &stamp);
        }
    }
}

fn put_observer(writer: &mut EventWriter<'_>, ids: &Ids) {
    if let Some((span, _)) = writer.first_span(ids.device_name) {
        writer.replace(ecs::OBSERVER_HOSTNAME, span);
    }
    relate(writer, ecs::OBSERVER_HOSTNAME, ecs::RELATED_HOSTS);
}

/// Addresses, translation, users and protocol of either end.
fn put_ends(writer: &mut EventWriter<'_>, ids: &Ids) {
    for (ip, port, to_ip, to_port) in [
        (ids.natsrc, ids.natsport, ecs::SOURCE_NAT_IP, ecs::SOURCE_NAT_PORT),
        (ids.natdst, ids.natdport, ecs::DESTINATION_NAT_IP, ecs::DESTINATION_NAT_PORT),
    ] {
        if let Some((span, _)) = writer.first_span(ip) {
            // The address of all zeros says that nothing was translated.
            if matches!(writer.bytes(span), b"0.0.0.0" | b"::") || !writer.put_if_ip(to_ip, span) {
                continue;
            }
        }
        if let Some((port, _)) = writer.first_span(port) {
            writer.put_port_span(to_port, port);
        }
    }
    for from in [ids.srcuser, ids.normalize_user] {
        if let Some((span, _)) = writer.first_span(from) {
            put_user(writer, span, ecs::USER_NAME, ecs::USER_DOMAIN);
            if let Some(name) = put_user(writer, span, ecs::SOURCE_USER_NAME, ecs::SOURCE_USER_DOMAIN) {
                relate_span(writer, name, ecs::RELATED_USER);
            }
        }
    }
    if let Some((span, _)) = writer.first_span(ids.dstuser) {
        put_user(writer, span, ecs::DESTINATION_USER_NAME, ecs::DESTINATION_USER_DOMAIN);
    }
    if let Some((span, _)) = writer.first_span(ids.proto) {
        put_lower(writer, ecs::NETWORK_TRANSPORT, span);
    }
    for id in [ids.xff_ip, ids.xff] {
        if let Some((span, _)) = writer.first_span(id) {
            if writer.first(ecs::NETWORK_FORWARDED_IP).is_none() && writer.put_if_ip(ecs::NETWORK_FORWARDED_IP, span) {
                relate(writer, ecs::NETWORK_FORWARDED_IP, ecs::RELATED_IP);
            }
        }
    }
}

/// What the type says of the event; the answer is its log source.
fn put_type(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids, kind: Type) -> LogSourceId {
    writer.put_str(ecs::EVENT_KIND, if kind == Type::Threat { "alert" } else { "event" });
    match kind {
        Type::Traffic | Type::Tunnel | Type::Sctp | Type::Gtp => put_flow(writer, context, ids, kind),
        Type::Threat => return put_threat(writer, ids),
        Type::System => {
            put_severity(writer, ids);
            let is_login = writer.first(ids.sub_type) == Some(b"auth");
            writer.put_str(ecs::EVENT_CATEGORY, if is_login { "authentication" } else { "configuration" });
            if is_login {
                put_words_outcome(writer, ids.opaque);
            }
            if writer.first(ids.sub_type) == Some(b"globalprotect") {
                put_network_type(writer);
                return logsource::PANOS_GLOBALPROTECT;
            }
            return logsource::PANOS_SYSTEM;
        }
        Type::Config | Type::ConfigShort | Type::Audit => put_config(writer, ids, kind),
        Type::UserId | Type::IpTag => {
            writer.put_str(ecs::EVENT_CATEGORY, "network");
            writer.put_str(ecs::EVENT_CATEGORY, "iam");
            copy(writer, ids.sub_type, ecs::EVENT_ACTION);
        }
        Type::HipMatch => {
            writer.put_str(ecs::EVENT_CATEGORY, "network");
            put_machine(writer, ids);
            if writer.first(ecs::SOURCE_IP).is_none_or(|text| text == b"0.0.0.0") {
                if let Some((span, _)) = writer.first_span(ids.srcipv6) {
                    writer.put_if_ip(ecs::SOURCE_IP, span);
                }
            }
        }
        Type::GlobalProtect => {
            put_globalprotect(writer, ids);
            return logsource::PANOS_GLOBALPROTECT;
        }
        Type::Decryption => {
            writer.put_str(ecs::EVENT_CATEGORY, "network");
            put_verdict(writer, ids, true);
            let failed = writer.first(ids.err_index).is_some_and(|error| !error.eq_ignore_ascii_case(b"none"));
            writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
            if let Some((span, _)) = writer.first_span(ids.tls_version) {
                // `TLS1.3`
                let digits = writer.bytes(span).iter().position(u8::is_ascii_digit);
                if let Some(at) = digits {
                    writer.put_span(ecs::TLS_VERSION, span.part(at..span.len()), Kind::Text, false);
                    writer.put_str(ecs::TLS_VERSION_PROTOCOL, "tls");
                }
            }
            put_network_type(writer);
            return logsource::PANOS_TRAFFIC;
        }
        Type::Authentication => {
            writer.put_str(ecs::EVENT_CATEGORY, "authentication");
            writer.put_str(ecs::EVENT_TYPE, "start");
            if !put_words_outcome(writer, ids.event) {
                put_words_outcome(writer, ids.desc);
            }
            relate(writer, ids.src_host, ecs::RELATED_HOSTS);
        }
        Type::Correlation => {
            writer.put_str(ecs::EVENT_CATEGORY, "network");
            copy(writer, ids.severity, ecs::LOG_LEVEL);
        }
    }
    put_network_type(writer);
    if matches!(kind, Type::Traffic | Type::Tunnel | Type::Sctp | Type::Gtp) {
        logsource::PANOS_TRAFFIC
    } else {
        logsource::PANOS_OTHER
    }
}

/// Whether the device let it pass, by its documented actions.
fn is_allowed(action: &[u8]) -> bool {
    matches!(action, b"allow" | b"alert" | b"continue" | b"override" | b"wildcard" | b"sinkhole-allow")
}

/// The verdict as type and, but for decryption, which has one of its own, outcome. The actions of a rule are deny, drop and resets; those of a profile block or drop by name.
fn put_verdict(writer: &mut EventWriter<'_>, ids: &Ids, is_tls: bool) {
    let Some(action) = writer.first(ids.action) else { return };
    let outcome = if is_allowed(action) { "success" } else { "failure" };
    let denied = [&b"deny"[..], b"drop", b"reset", b"block", b"syncookie", b"sinkhole", b"random-drop"];
    if is_allowed(action) {
        writer.put_str(ecs::EVENT_TYPE, "allowed");
    } else if denied.iter().any(|word| action.starts_with(word)) {
        writer.put_str(ecs::EVENT_TYPE, "denied");
    }
    if !is_tls {
        writer.put_str(ecs::EVENT_OUTCOME, outcome);
    }
}

fn put_flow(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids, kind: Type) {
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    put_verdict(writer, ids, false);
    let (action, kind_of) = match writer.first(ids.sub_type).unwrap_or_default() {
        b"start" => ("flow_started", "start"),
        b"end" => ("flow_terminated", "end"),
        b"drop" => ("flow_dropped", "denied"),
        b"deny" => ("flow_denied", "denied"),
        _ => ("", ""),
    };
    if !action.is_empty() {
        writer.put_str(ecs::EVENT_ACTION, action);
        if writer.view().values(ecs::EVENT_TYPE).all(|value| value != kind_of.as_bytes()) {
            writer.put_str(ecs::EVENT_TYPE, kind_of);
        }
        writer.put_str(ecs::EVENT_TYPE, "connection");
    }
    let elapsed = writer.first(ids.elapsed).and_then(parse_i64).and_then(|seconds| seconds.checked_mul(SECOND_NS));
    if let Some(elapsed) = elapsed {
        writer.put_i64(ecs::EVENT_DURATION, elapsed);
    }
    let start = writer.first(ids.start).and_then(take_iso).map(|(stamp, _)| stamp);
    if let Some(start) = start.and_then(|stamp| context.resolve(writer, &stamp)) {
        put_time(writer, ecs::EVENT_START, start);
        if let Some(end) = elapsed.and_then(|elapsed| start.checked_add(elapsed)) {
            put_time(writer, ecs::EVENT_END, end);
        }
    }
    if kind == Type::Tunnel {
        copy(writer, ids.severity, ecs::LOG_LEVEL);
        if let Some((span, _)) = writer.first_span(ids.remote_user_ip) {
            if writer.put_if_ip(ecs::CLIENT_IP, span) {
                relate(writer, ecs::CLIENT_IP, ecs::RELATED_IP);
            }
        }
        // The rule that inspects the tunnel stands for the one that let it pass, where both are named.
        if let Some((span, _)) = writer.first_span(ids.tunnel_insp_rule) {
            writer.replace(ecs::RULE_NAME, span);
        }
    }
}

/// Severity in words, 1 (critical) to 5 (informational) as Elastic's integration numbers them.
fn put_severity(writer: &mut EventWriter<'_>, ids: &Ids) {
    /// `informational` is the longest.
    const WORD_BYTES_MAX: usize = 13;
    let Some((span, _)) = writer.first_span(ids.severity) else { return };
    let text = writer.bytes(span);
    let mut word = [0; WORD_BYTES_MAX];
    let Some(word) = word.get_mut(..text.len()) else { return };
    word.copy_from_slice(text);
    word.make_ascii_lowercase();
    let number = match &*word {
        b"critical" => 1,
        b"high" => 2,
        b"medium" => 3,
        b"low" => 4,
        b"informational" => 5,
        _ => 0,
    };
    if number != 0 {
        writer.put_i64(ecs::EVENT_SEVERITY, number);
    }
    put_lower(writer, ecs::LOG_LEVEL, span);
}

fn put_threat(writer: &mut EventWriter<'_>, ids: &Ids) -> LogSourceId {
    for category in ["intrusion_detection", "threat", "network"] {
        writer.put_str(ecs::EVENT_CATEGORY, category);
    }
    put_verdict(writer, ids, false);
    put_severity(writer, ids);
    match writer.first(ids.direction) {
        Some(b"client-to-server") => writer.put_str(ecs::NETWORK_DIRECTION, "inbound"),
        Some(b"server-to-client") => writer.put_str(ecs::NETWORK_DIRECTION, "outbound"),
        _ => {}
    }
    let sub_type = writer.first(ids.sub_type).unwrap_or_default();
    let (action, log_source) = match sub_type {
        b"url" => ("url_filtering", logsource::PANOS_URL),
        b"virus" | b"ml-virus" => ("virus_detected", logsource::PANOS_VIRUS),
        b"wildfire" => ("wildfire_verdict", logsource::PANOS_VIRUS),
        b"wildfire-virus" => ("wildfire_virus_detected", logsource::PANOS_VIRUS),
        b"spyware" => ("spyware_detected", logsource::PANOS_THREAT),
        b"vulnerability" => ("exploit_detected", logsource::PANOS_THREAT),
        b"data" | b"dlp" => ("data_match", logsource::PANOS_THREAT),
        b"file" => ("file_match", logsource::PANOS_THREAT),
        b"flood" => ("flood_detected", logsource::PANOS_THREAT),
        b"packet" => ("packet_attack", logsource::PANOS_THREAT),
        b"scan" => ("scan_detected", logsource::PANOS_THREAT),
        _ => ("", logsource::PANOS_THREAT),
    };
    let is_url = sub_type == b"url";
    let is_file =
        matches!(sub_type, b"virus" | b"ml-virus" | b"wildfire" | b"wildfire-virus" | b"file" | b"data" | b"dlp");
    if !action.is_empty() {
        writer.put_str(ecs::EVENT_ACTION, action);
    }
    if let Some((span, _)) = writer.first_span(ids.misc) {
        if is_url {
            url::put_any(writer, span);
            if let Some((domain, _)) = writer.first_span(ecs::URL_DOMAIN) {
                writer.put_span(ecs::DESTINATION_DOMAIN, domain, Kind::Text, false);
            }
        } else if is_file {
            put_path(writer, span, ecs::FILE_NAME, None, Some(ecs::FILE_EXTENSION));
            if memchr::memchr2(b'/', b'\\', writer.bytes(span)).is_some() {
                writer.put_span(ecs::FILE_PATH, span, Kind::Text, false);
            }
        }
    }
    put_threat_id(writer, ids);
    copy(writer, ids.filedigest, ecs::FILE_HASH_SHA256);
    relate(writer, ecs::FILE_HASH_SHA256, ecs::RELATED_HASH);
    // The column holds the id of the HTTP/2 connection, 0 for others.
    if writer.first(ids.http2_connection).and_then(parse_u64).is_some_and(|id| id != 0) {
        writer.put_str(ecs::HTTP_VERSION, "2");
    }
    put_network_type(writer);
    log_source
}

/// `name(number)`.
fn put_threat_id(writer: &mut EventWriter<'_>, ids: &Ids) {
    let Some((span, _)) = writer.first_span(ids.threatid) else { return };
    let text = writer.bytes(span);
    let Some(open) = memchr::memrchr(b'(', text).filter(|_| text.ends_with(b")")) else { return };
    let len = text.len();
    if parse_u64(&text[open + 1..len - 1]).is_none() {
        return;
    }
    writer.put_span(ids.threat_id, span.part(open + 1..len - 1), Kind::Text, true);
    if open > 0 {
        writer.put_span(ids.threat_name, span.part(0..open), Kind::Text, true);
    }
}

fn put_config(writer: &mut EventWriter<'_>, ids: &Ids, kind: Type) {
    writer.put_str(ecs::EVENT_CATEGORY, "configuration");
    let outcome = match writer.first(ids.result).unwrap_or_default() {
        b"Succeeded" | b"success" => "success",
        b"Failed" | b"Unauthorized" | b"failure" => "failure",
        _ => "unknown",
    };
    writer.put_str(ecs::EVENT_OUTCOME, outcome);
    if kind == Type::Audit {
        if let Some((span, _)) = writer.first_span(ids.object) {
            put_user(writer, span, ecs::USER_NAME, ecs::USER_DOMAIN);
        }
        return;
    }
    let action = match writer.first(ids.cmd).unwrap_or_default() {
        b"add" => "cmd-add",
        b"clone" => "cmd-clone",
        b"commit" => "cmd-commit",
        b"delete" => "cmd-delete",
        b"edit" => "cmd-edit",
        b"move" => "cmd-move",
        b"override" => "cmd-override",
        b"rename" => "cmd-rename",
        b"set" => "cmd-set",
        b"request" => "cmd-request",
        _ => "",
    };
    if !action.is_empty() {
        writer.put_str(ecs::EVENT_ACTION, action);
    }
    if let Some((span, _)) = writer.first_span(ids.admin) {
        put_user(writer, span, ecs::USER_NAME, ecs::USER_DOMAIN);
    }
    if let Some((span, _)) = writer.first_span(ids.host) {
        if writer.put_if_ip(ecs::HOST_IP, span) {
            relate(writer, ecs::HOST_IP, ecs::RELATED_IP);
        }
    }
}

/// The endpoint that signs in.
fn put_machine(writer: &mut EventWriter<'_>, ids: &Ids) {
    if let Some((span, _)) = writer.first_span(ids.machinename) {
        put_lower(writer, ecs::HOST_NAME, span);
        relate(writer, ecs::HOST_NAME, ecs::RELATED_HOSTS);
    }
}

fn put_globalprotect(writer: &mut EventWriter<'_>, ids: &Ids) {
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    match writer.first(ids.status) {
        Some(b"success") => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        Some(b"failure") => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        _ => {}
    }
    put_machine(writer, ids);
    for (v4, v6, to) in
        [(ids.private_ip, ids.private_ipv6, ecs::SOURCE_IP), (ids.public_ip, ids.public_ipv6, ecs::SOURCE_NAT_IP)]
    {
        if let Some((span, _)) = writer.first_span(v4).or_else(|| writer.first_span(v6)) {
            writer.put_if_ip(to, span);
        }
    }
    copy(writer, ecs::SOURCE_IP, ecs::HOST_IP);
    let duration = writer.first(ids.login_duration).and_then(parse_i64).and_then(|s| s.checked_mul(SECOND_NS));
    if let Some(duration) = duration {
        writer.put_i64(ecs::EVENT_DURATION, duration);
    }
    put_network_type(writer);
}

/// Outcome by the words of a result or description; whether there was one.
fn put_words_outcome(writer: &mut EventWriter<'_>, id: FieldId) -> bool {
    let text = writer.first(id).unwrap_or_default();
    let has = |word: &[u8]| text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    let outcome = if has(b"fail") || has(b"denied") || has(b"invalid") {
        "failure"
    } else if has(b"succe") || has(b"authenticated") || has(b"logged in") {
        "success"
    } else {
        return false;
    };
    writer.put_str(ecs::EVENT_OUTCOME, outcome);
    true
}

fn put_related(writer: &mut EventWriter<'_>) {
    for (from, to) in [
        (ecs::SOURCE_IP, ecs::RELATED_IP),
        (ecs::DESTINATION_IP, ecs::RELATED_IP),
        (ecs::SOURCE_NAT_IP, ecs::RELATED_IP),
        (ecs::DESTINATION_NAT_IP, ecs::RELATED_IP),
        (ecs::DESTINATION_USER_NAME, ecs::RELATED_USER),
    ] {
        relate(writer, from, to);
    }
    // The source's user was related when it was written.
    if !writer.view().has(ecs::SOURCE_USER_NAME) {
        relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_where_the_guide_has_them() {
        // Counted from 1 over the whole record, as the guide lists them.
        for (kind, name, place) in [
            (Type::Traffic, "action", 31),
            (Type::Traffic, "session_end_reason", 47),
            (Type::Traffic, "device_name", 53),
            (Type::Threat, "misc", 32),
            (Type::Threat, "reportid", 54),
            (Type::System, "opaque", 15),
            (Type::GlobalProtect, "portal", 34),
            (Type::UserId, "action_flags", 20),
            (Type::HipMatch, "action_flags", 19),
        ] {
            let (columns, fewest) = kind.columns();
            assert_eq!(columns[place - 5].0, crate::products::names::id_of(name), "{kind:?} {name}");
            assert!(fewest <= columns.len() + 4);
        }
    }

    #[test]
    fn every_column_has_an_id() {
        for name in ALL_NAMES {
            assert_ne!(crate::products::names::id_of(name), FieldId::UNNAMED, "{name}");
        }
    }
}
