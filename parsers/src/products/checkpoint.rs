//! Check Point: logs of gateways and management as the Log Exporter sends them (sk122323, "Log Exporter - Check Point
//! Log Export").
//!
//! Three of its formats are read here: `syslog` (`[key:"value"; …]` where RFC 5424 has structured data, or structured
//! data proper under `Fields@1.3.6.1.4.1.2620`), `generic` and `splunk` (`key=value|…`). CEF and LEEF have decoders of
//! their own.

use std::sync::LazyLock;

use super::fields::{copy, put_lower, put_time, put_user, relate};
use super::kv_table::{self, ById};
use super::names::vendor_names;
use super::network::{put_number, relate_all};
use super::targets::{Target, To, by_id, names, names_len};
use super::url;
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::logsource::LogSourceId;
use crate::products::{Detect, Product};
use crate::scan;
use crate::time::parse_epoch;
use crate::wire::json::scan::find_either;
use crate::wire::kv::Pairs;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `checkpoint`.
pub(crate) static PRODUCT: Product = Product {
    name: "checkpoint",
    title: "Check Point Quantum",
    document: "Check Point sk122323, Log Exporter; sk144192, Log Fields Description",
    namespace: "checkpoint",
    module: "checkpoint",
    dataset: "checkpoint.firewall",
    vendor: "Checkpoint",
    observer_type: "firewall",
    names: &ALL_NAMES,
    detect: &[
        Detect::App(&["CheckPoint"], decode),
        Detect::Mark(&["loguid=", "loguid:\"", "originsicname", "[Fields@1.3.6.1.4.1.2620"], decode),
        Detect::Members(&["loguid", "origin"], decode_members),
    ],
    ..Product::NONE
};

vendor_names! {

    time = "time";
    action = "action";
    product = "product";
    operation = "operation";
    audit_status = "audit_status";
    additional_info = "additional_info";
    ifname = "ifname";
    ifdir = "ifdir";
    proto = "proto";
    user = "user";
    administrator = "administrator";
    src_user_name = "src_user_name";
    dst_user_name = "dst_user_name";
    xlatesrc = "xlatesrc";
    xlatedst = "xlatedst";
    xlatesport = "xlatesport";
    xlatedport = "xlatedport";
    start_time = "start_time";
    segment_time = "segment_time";
    lastupdatetime = "lastupdatetime";
    resource = "resource";
    uid = "uid";
    objectname = "objectname";
    rule_name = "rule_name";
    rule_uid = "rule_uid";
    http_host = "http_host";
    malware_family = "malware_family";
    file_name = "file_name";
    device_name = "device_name";
    reason = "reason";
    @also
    "flags" "sequencenum" "version" "originsicname" "logid" "log_id" "match_id" "parent_rule" "rule_action"
    "layer_name" "layer_uuid" "fieldschanges" "session_name" "session_uid" "session_description" "logic_changes"
    "advanced_changes" "sendtotrackerasadvancedauditlog" "__policy_id_tag" "nat_rulenum" "nat_addtnl_rulenum"
    "contextnum" "context_num" "conn_direction" "confidence_level" "protection_id" "protection_type" "policy"
    "policy_time" "malware_action" "tcp_flags" "icmp" "icmp_type" "icmp_code" "web_client_type" "alert" "description"
    "comment" "status" "fw_subproduct" "vpn_feature_name" "peer_gateway" "community" "scheme_methods" "methods"
    "appi_name" "app_category" "app_risk" "matched_category" "proxy_src_ip" "elapsed" "client_inbound_bytes"
    "server_inbound_bytes" "client_inbound_packets" "server_inbound_packets" "message_info" "objecttype" "src_user_dn" "protection_name" "user_group" "tcp_packet_out_of_state"
}

/// The schema's names as Elastic's checkpoint integration fills them. The first of several keys fills one.
const TARGETS: &[Target] = &[
    ("loguid", ecs::EVENT_ID, To::Text),
    ("origin", ecs::OBSERVER_NAME, To::Text),
    ("product", ecs::OBSERVER_PRODUCT, To::Text),
    ("subject", ecs::MESSAGE, To::Text),
    ("msg", ecs::MESSAGE, To::Text),
    ("operation_number", ecs::EVENT_CODE, To::Text),
    ("severity", ecs::EVENT_SEVERITY, To::Number),
    ("ifdir", ecs::NETWORK_DIRECTION, To::Text),
    ("src", ecs::SOURCE_IP, To::Ip),
    ("client_ip", ecs::SOURCE_IP, To::Ip),
    ("s_port", ecs::SOURCE_PORT, To::Port),
    ("mac_source_address", ecs::SOURCE_MAC, To::Mac),
    ("src_mac", ecs::SOURCE_MAC, To::Mac),
    ("mac_address", ecs::SOURCE_MAC, To::Mac),
    ("src_machine_name", ecs::SOURCE_DOMAIN, To::Text),
    ("machine", ecs::SOURCE_DOMAIN, To::Text),
    ("src_user_group", ecs::SOURCE_USER_GROUP_NAME, To::Text),
    ("dst", ecs::DESTINATION_IP, To::Ip),
    ("dst_ip", ecs::DESTINATION_IP, To::Ip),
    ("server_ip", ecs::DESTINATION_IP, To::Ip),
    ("service", ecs::DESTINATION_PORT, To::Port),
    ("mac_destination_address", ecs::DESTINATION_MAC, To::Mac),
    ("dst_machine_name", ecs::DESTINATION_DOMAIN, To::Text),
    ("service_id", ecs::NETWORK_APPLICATION, To::Text),
    ("app_name", ecs::NETWORK_APPLICATION, To::Text),
    ("protocol", ecs::NETWORK_PROTOCOL, To::Text),
    ("bytes", ecs::NETWORK_BYTES, To::Number),
    ("packets", ecs::NETWORK_PACKETS, To::Number),
    ("client_outbound_bytes", ecs::SOURCE_BYTES, To::Number),
    ("sent_bytes", ecs::SOURCE_BYTES, To::Number),
    ("client_outbound_packets", ecs::SOURCE_PACKETS, To::Number),
    ("server_outbound_bytes", ecs::DESTINATION_BYTES, To::Number),
    ("received_bytes", ecs::DESTINATION_BYTES, To::Number),
    ("server_outbound_packets", ecs::DESTINATION_PACKETS, To::Number),
    ("inzone", ecs::OBSERVER_INGRESS_ZONE, To::Text),
    ("security_inzone", ecs::OBSERVER_INGRESS_ZONE, To::Text),
    ("outzone", ecs::OBSERVER_EGRESS_ZONE, To::Text),
    ("security_outzone", ecs::OBSERVER_EGRESS_ZONE, To::Text),
    ("client_inbound_interface", ecs::OBSERVER_INGRESS_INTERFACE_NAME, To::Text),
    ("client_outbound_interface", ecs::OBSERVER_EGRESS_INTERFACE_NAME, To::Text),
    ("src_os", ecs::HOST_OS_NAME, To::Text),
    ("os_name", ecs::HOST_OS_NAME, To::Text),
    ("os_version", ecs::HOST_OS_VERSION, To::Text),
    ("malware_rule_id", ecs::RULE_ID, To::Text),
    ("malware_rule_name", ecs::RULE_NAME, To::Text),
    ("app_rule_id", ecs::RULE_ID, To::Text),
    ("app_rule_name", ecs::RULE_NAME, To::Text),
    ("dlp_rule_name", ecs::RULE_NAME, To::Text),
    ("dlp_rule_uid", ecs::RULE_UUID, To::Text),
    ("smartdefense_profile", ecs::RULE_RULESET, To::Text),
    ("malware_action", ecs::RULE_DESCRIPTION, To::Text),
    ("method", ecs::HTTP_REQUEST_METHOD, To::Text),
    ("referrer", ecs::HTTP_REQUEST_REFERRER, To::Text),
    ("user_agent", ecs::USER_AGENT_ORIGINAL, To::Text),
    ("domain", ecs::DNS_QUESTION_NAME, To::Text),
    ("dns_query", ecs::DNS_QUESTION_NAME, To::Text),
    ("domain_name", ecs::DNS_QUESTION_NAME, To::Text),
    ("dns_type", ecs::DNS_QUESTION_TYPE, To::Text),
    ("question_rdata", ecs::DNS_QUESTION_NAME, To::Text),
    ("tid", ecs::DNS_ID, To::Text),
    ("file_type", ecs::FILE_TYPE, To::Text),
    ("file_size", ecs::FILE_SIZE, To::Number),
    ("file_id", ecs::FILE_INODE, To::Text),
    ("file_md5", ecs::FILE_HASH_MD5, To::Text),
    ("file_sha1", ecs::FILE_HASH_SHA1, To::Text),
    ("file_sha256", ecs::FILE_HASH_SHA256, To::Text),
    ("process_name", ecs::PROCESS_NAME, To::Text),
    ("process_md5", ecs::PROCESS_HASH_MD5, To::Text),
    ("parent_process_name", ecs::PROCESS_PARENT_NAME, To::Text),
    ("parent_process_md5", ecs::PROCESS_PARENT_HASH_MD5, To::Text),
    ("from", ecs::EMAIL_FROM_ADDRESS, To::Set),
    ("to", ecs::EMAIL_TO_ADDRESS, To::Set),
    ("cc", ecs::EMAIL_CC_ADDRESS, To::Set),
    ("email_subject", ecs::EMAIL_SUBJECT, To::Text),
    ("email_message_id", ecs::EMAIL_MESSAGE_ID, To::Text),
    ("reason", ecs::EVENT_REASON, To::Text),
    ("action_reason", ecs::EVENT_REASON, To::Text),
    ("industry_reference", ecs::VULNERABILITY_ID, To::Text),
];

static ALL_NAMES: [&str; names_len(NAMES, TARGETS)] = names(NAMES, TARGETS);

fn targets() -> &'static ById {
    static BY_ID: LazyLock<Vec<Option<(FieldId, To)>>> = LazyLock::new(|| by_id(TARGETS));
    &BY_ID
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let head = &text[..text.len().min(HEAD_BYTES)];
    let element = scan::find(head, ELEMENT);
    let is_syslog = text.first() == Some(&b'[') && element.is_none() && scan::find(head, b":\"").is_some();
    let is_bars = scan::find(text, b"loguid=").is_some() && memchr::memchr(b'|', text).is_some();
    if !is_syslog && element.is_none() && !is_bars {
        return false;
    }
    writer.rename(ecs::HOST_HOSTNAME, ecs::OBSERVER_HOSTNAME);
    if let Some(at) = element {
        let end = memchr::memrchr(b']', text).filter(|&end| end > at).unwrap_or(text.len());
        let pairs = &text[(at + ELEMENT.len()).min(end)..end];
        kv_table::read(writer, context, &mut Pairs::by_space(pairs), targets());
    } else if is_syslog {
        read_colons(writer, context, &text[1..]);
    } else {
        read_bars(writer, context, text);
    }
    normalise(writer, context, ids());
    true
}

/// Structured data proper.
const ELEMENT: &[u8] = b"[Fields@1.3.6.1.4.1.2620";

/// How far into a message its first key or the element is looked for.
const HEAD_BYTES: usize = 160;

/// As [`decode`] for the exporter's JSON format, whose members are written already.
fn decode_members(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    super::kv_table::apply(writer, targets());
    normalise(writer, context, ids());
    true
}

/// Longest key looked for; the longest documented is under 50 bytes.
const KEY_BYTES_MAX: usize = 64;

/// `key:"value"; key:"value"]`; within a value a backslash stands before `"`, `]` and itself.
fn read_colons<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) {
    let mut at = 0;
    loop {
        while matches!(text.get(at), Some(b' ' | b';')) {
            at += 1;
        }
        let rest = text.get(at..).unwrap_or_default();
        if rest.first() == Some(&b']') {
            return;
        }
        let len = rest.iter().take(KEY_BYTES_MAX).take_while(|&&byte| byte != b':' && byte != b' ').count();
        // A list's key ends in two colons.
        let colons = rest[len..].iter().take(2).take_while(|&&byte| byte == b':').count();
        let (key, from) = (&rest[..len], at + len + colons + 1);
        if len == 0 || colons == 0 || rest.get(len + colons) != Some(&b'"') {
            writer.defect(Defect::MessageMalformed);
            match memchr::memchr(b';', rest) {
                Some(next) => at += next + 1,
                None => return,
            }
            continue;
        }
        let mut end = from;
        let mut escaped = false;
        let closed = loop {
            match find_either(text, end, b'"', b'\\') {
                Some(found) if text[found] == b'"' => {
                    end = found;
                    break true;
                }
                Some(found) => {
                    escaped = true;
                    end = found + 2;
                }
                None => break false,
            }
        };
        if !closed {
            end = text.len();
            writer.defect(Defect::UnbalancedQuote);
        }
        put(writer, context, key, &text[from.min(end)..end], escaped);
        at = end + 1;
        if !closed {
            return;
        }
    }
}

/// `key=value|key=value|`, a backslash before `|`, `=` and itself.
fn read_bars<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) {
    let mut at = 0;
    while at < text.len() {
        let mut end = at;
        let mut escaped = false;
        while let Some(found) = find_either(text, end, b'|', b'\\') {
            end = found;
            if text[found] == b'|' {
                break;
            }
            escaped = true;
            end = found + 2;
        }
        let closed = text.get(end) == Some(&b'|');
        let pair = &text[at..if closed { end } else { text.len() }];
        let equals = scan::until(pair, b'=');
        if equals < pair.len() && equals > 0 {
            let value = &pair[equals + 1..];
            let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
            put(writer, context, pair[..equals].trim_ascii(), value, escaped);
        }
        if !closed {
            return;
        }
        at = end + 1;
    }
}

fn put<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, key: &'a [u8], value: &'a [u8], escaped: bool) {
    let value = if escaped { unescape(writer, value) } else { writer.span_of(value) };
    let key = if key == b"Severity" { b"severity" } else { key };
    kv_table::put(writer, context, targets(), key, value);
}

#[cold]
fn unescape(writer: &mut EventWriter<'_>, value: &[u8]) -> Span {
    let from = writer.arena_start();
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        writer.arena_push(&rest[..at]);
        let kept = usize::from(matches!(rest.get(at + 1), Some(b'"' | b'\\' | b']' | b'|' | b'=')));
        writer.arena_push(&rest[at + kept..(at + 2).min(rest.len())]);
        rest = &rest[(at + 2).min(rest.len())..];
    }
    writer.arena_push(rest);
    writer.arena_end(from)
}

fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids) {
    writer.core().product = products::CHECKPOINT;
    // A log that was held back bears its own time.
    if let Some((time_ns, precision)) = writer.first(ids.time).and_then(parse_epoch) {
        writer.set_time(time_ns, precision);
    } else if let Some((stamp, _)) = writer.first(ids.time).and_then(crate::time::take_iso) {
        context.set_stamp(writer, &stamp);
    }
    for (from, to) in
        [(ids.start_time, ecs::EVENT_START), (ids.segment_time, ecs::EVENT_START), (ids.lastupdatetime, ecs::EVENT_END)]
    {
        if let Some((time_ns, _)) = writer.first(from).and_then(parse_epoch) {
            if writer.first(to).is_none() {
                put_time(writer, to, time_ns);
            }
        }
    }
    put_number(writer, ids.proto);
    let outbound = writer.first(ids.ifdir) == Some(b"outbound");
    let interface = if outbound { ecs::OBSERVER_EGRESS_INTERFACE_NAME } else { ecs::OBSERVER_INGRESS_INTERFACE_NAME };
    copy(writer, ids.ifname, interface);
    put_translation(writer, ids);
    put_users(writer, ids);
    put_rules(writer, ids);
    if let Some((span, _)) = writer.first_span(ids.resource).filter(|(span, _)| !span.is_empty()) {
        url::put(writer, span);
    }
    copy(writer, ids.http_host, ecs::URL_DOMAIN);
    copy(writer, ids.reason, ecs::MESSAGE);
    if let Some((span, _)) = writer.first_span(ids.device_name) {
        writer.replace(ecs::HOST_NAME, span);
    }
    copy(writer, ids.file_name, ecs::FILE_NAME);
    let log_source = put_taxonomy(writer, ids);
    writer.core().log_source = log_source;
    relate_all(writer);
    // Accounts compare without case.
    if let Some((name, _)) = writer.first_span(ecs::SOURCE_USER_NAME) {
        put_lower(writer, ecs::USER_NAME, name);
    }
    if writer.first(ids.additional_info).is_some_and(|text| text.starts_with(b"SSH ")) {
        writer.put_str(ecs::NETWORK_PROTOCOL, "ssh");
    }
}

fn put_translation(writer: &mut EventWriter<'_>, ids: &Ids) {
    for (from, to) in [(ids.xlatesrc, ecs::SOURCE_NAT_IP), (ids.xlatedst, ecs::DESTINATION_NAT_IP)] {
        if let Some((span, _)) = writer.first_span(from) {
            if !matches!(writer.bytes(span), b"0.0.0.0" | b"::") {
                writer.put_if_ip(to, span);
            }
        }
    }
    for (from, to) in [(ids.xlatesport, ecs::SOURCE_NAT_PORT), (ids.xlatedport, ecs::DESTINATION_NAT_PORT)] {
        if let Some((span, _)) = writer.first_span(from) {
            if writer.bytes(span) != b"0" {
                writer.put_port_span(to, span);
            }
        }
    }
}

fn put_users(writer: &mut EventWriter<'_>, ids: &Ids) {
    for from in [ids.user, ids.src_user_name, ids.administrator] {
        let Some((span, _)) = writer.first_span(from) else { continue };
        let text = writer.bytes(span);
        let name = text.trim_ascii();
        if name.is_empty() || writer.first(ecs::SOURCE_USER_NAME).is_some() {
            continue;
        }
        let at = name.as_ptr() as usize - text.as_ptr() as usize;
        let name = span.part(at..at + name.len());
        writer.put_span(ecs::SOURCE_USER_NAME, name, Kind::Text, false);
    }
    if let Some((span, _)) = writer.first_span(ids.dst_user_name) {
        put_user(writer, span, ecs::DESTINATION_USER_NAME, ecs::DESTINATION_USER_DOMAIN);
    }
    if copy(writer, ids.uid, ecs::SOURCE_USER_ID) {
        copy(writer, ids.uid, ecs::USER_ID);
    }
}

/// Rules: a connection may match one of each layer.
fn put_rules(writer: &mut EventWriter<'_>, ids: &Ids) {
    // An audit record names the rule or object that was changed.
    copy(writer, ids.objectname, ecs::RULE_NAME);
    for (from, to) in [(ids.rule_name, ecs::RULE_NAME), (ids.rule_uid, ecs::RULE_UUID)] {
        /// Most layers of a policy that are told apart.
        const LAYERS_MAX: usize = 16;
        for layer in 0..LAYERS_MAX {
            let next = writer.view().all(from).nth(layer).map(crate::event::Field::span);
            let Some(span) = next else { break };
            if !span.is_empty() {
                writer.put_span(to, span, Kind::Text, false);
            }
        }
    }
}

fn put_taxonomy(writer: &mut EventWriter<'_>, ids: &Ids) -> LogSourceId {
    writer.put_str(ecs::EVENT_KIND, "event");
    let operation = writer.first(ids.operation).unwrap_or_default();
    let action = writer.first(ids.action).unwrap_or_default();
    let product = writer.first(ids.product).unwrap_or_default();
    let failed = writer.first(ids.audit_status).is_some_and(|status| status.eq_ignore_ascii_case(b"failure"))
        || action.starts_with(b"Failed");
    let is_gateway = writer.first(ids.rule_uid).is_some() || writer.first(ecs::DESTINATION_PORT).is_some();
    let is_malware = matches!(
        product,
        b"Anti Malware" | b"New Anti Virus" | b"Anti-Virus" | b"Anti-Bot" | b"Anti Virus" | b"Threat Extraction"
    ) || writer.first(ids.malware_family).is_some();
    let is_ips = matches!(product, b"SmartDefense" | b"IPS");
    let is_web = matches!(product, b"URL Filtering" | b"Application Control");
    if operation == b"Log In" || operation == b"Log Out" || action.ends_with(b"Log In") || action.ends_with(b"Log Out")
    {
        let out = operation == b"Log Out" || action.ends_with(b"Log Out");
        writer.put_str(ecs::EVENT_CATEGORY, "authentication");
        writer.put_str(ecs::EVENT_TYPE, if out { "end" } else { "start" });
        writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
        let action = match (out, failed) {
            (true, _) => "logged-out",
            (_, true) => "logon-failed",
            _ => "logged-in",
        };
        writer.put_str(ecs::EVENT_ACTION, action);
        if failed {
            put_login_reason(writer, ids);
        }
        return logsource::CHECKPOINT_AUDIT;
    }
    let (allowed, denied) = match action {
        b"Accept" | b"Allow" | b"Inline" | b"Decrypt" | b"Encrypt" | b"Bypass" | b"HTTPS Bypass" | b"VPN Routing"
        | b"Detect" => (is_gateway, false),
        b"Drop" | b"Reject" | b"Block" | b"Prevent" | b"Quarantine" | b"Redirect" => (false, true),
        _ => (false, false),
    };
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    if is_malware {
        writer.put_str(ecs::EVENT_CATEGORY, "malware");
    }
    if is_ips {
        writer.put_str(ecs::EVENT_CATEGORY, "intrusion_detection");
    }
    if allowed {
        writer.put_str(ecs::EVENT_TYPE, "allowed");
        writer.put_str(ecs::EVENT_TYPE, "connection");
        writer.put_str(ecs::EVENT_OUTCOME, "success");
    } else if denied {
        writer.put_str(ecs::EVENT_TYPE, "denied");
        writer.put_str(ecs::EVENT_TYPE, "connection");
    }
    copy(writer, ids.action, ecs::EVENT_ACTION);
    relate(writer, ecs::DNS_QUESTION_NAME, ecs::RELATED_HOSTS);
    if is_malware {
        logsource::CHECKPOINT_MALWARE
    } else if is_ips {
        logsource::CHECKPOINT_IPS
    } else if is_web {
        logsource::CHECKPOINT_WEB
    } else if is_gateway {
        logsource::CHECKPOINT_FIREWALL
    } else {
        logsource::CHECKPOINT_AUDIT
    }
}

/// `Administrator failed to log in: Wrong Password`.
fn put_login_reason(writer: &mut EventWriter<'_>, ids: &Ids) {
    let Some((span, _)) = writer.first_span(ids.additional_info) else { return };
    let text = writer.bytes(span);
    let reason = scan::find(text, b"failed to log in: ").map(|at| at + b"failed to log in: ".len());
    let from = reason.unwrap_or_default();
    let len = text.len();
    if from < len && writer.first(ecs::EVENT_REASON).is_none() {
        writer.put_span(ecs::EVENT_REASON, span.part(from..len), Kind::Text, false);
    }
}
