//! Juniper SRX: Junos security logs, structured (`[junos@… key="value" …]`) and plain (Junos OS System Log Explorer).

mod plain;

use std::sync::LazyLock;

use super::fields::{copy, put_lower, put_network_type, relate};
use super::kv_table::{self, ById, says_nothing};
use super::names::vendor_names;
use super::network::{put_lasting, put_number, put_sums, relate_all};
use super::targets::{Target, To, by_id, names, names_len};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::logsource::LogSourceId;
use crate::products::{Detect, Product};
use crate::scan;
use crate::wire::kv::Pairs;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `juniper_srx`.
pub(crate) static PRODUCT: Product = Product {
    name: "juniper_srx",
    title: "Juniper SRX (Junos security logs)",
    document: "Junos OS System Log Explorer; Security Log Messages in structured syslog",
    namespace: "juniper.srx",
    module: "juniper_srx",
    dataset: "juniper_srx.log",
    vendor: "Juniper",
    product: "SRX",
    observer_type: "firewall",
    names: &ALL_NAMES,
    detect: &[
        Detect::App(
            &[
                "RT_FLOW",
                "RT_IDP",
                "RT_IDS",
                "RT_UTM",
                "RT_AAMW",
                "RT_SECINTEL",
                "RT_APPTRACK",
                "RT_GTP",
                "RT_ALG",
                "RT_NAT",
                "RT_SRC_NAT",
                "RT_DST_NAT",
                "RT_H323",
                "RT_SCTP",
                "RT_SCREEN",
                "RT_WEBFILTER",
                "kmd",
                "iked",
                "mib2d",
                "mgd",
                "rpd",
                "jsrpd",
                "chassisd",
                "nsd",
                "idpd",
                "appidd",
                "utmd",
                "useridd",
                "rtlogd",
            ],
            decode,
        ),
        Detect::Mark(
            &["[junos@", "RT_FLOW_SESSION_", "PFE_FW_SYSLOG_IP", "RT_FLOW - ", "RT_IDP: ", "RT_UTM: ", "RT_IDS: "],
            decode,
        ),
    ],
    ..Product::NONE
};

vendor_names! {
    tag = "tag";
    process = "process";
    protocol_id = "protocol-id";
    protocol_name = "protocol-name";
    protocol = "protocol";
    policy_name = "policy-name";
    rulebase_name = "rulebase-name";
    rule_name = "rule-name";
    elapsed_time = "elapsed-time";
    attack_name = "attack-name";
    url = "url";
    obj = "obj";
    http_host = "http-host";
    filename = "filename";
    packets = "packets";
    @also
    "service-name" "session-id-32" "src-nat-rule-name" "dst-nat-rule-name" "roles" "connection-tag" "nat-connection-tag" "src-nat-rule-type" "dst-nat-rule-type" "icmp-type" "encrypted" "session-id"
    "application-category" "application-sub-category" "application-risk" "application-characteristics"
    "epoch-time" "message-type" "application-name" "export-id" "repeat-count" "packet-log-id" "alert" "index" "type"
    "ddos-application-name" "ruleebase-name" "connection-hit-rate" "context-name" "context-hit-rate"
    "context-value-hit-rate" "time-scope" "time-count" "time-period" "context-value" "file-category" "verdict-number"
    "verdict-source" "sub-category" "action-detail" "feed-name" "profile-name" "profile" "category" "error-code"
    "temporary-filename" "name" "urlcategory-risk" "tenant" "logical-system-name" "routing-instance" "rule-set-name"
    "apbr-rule-type" "destination-interface" "uplink-tx-bytes" "uplink-rx-bytes" "category-list" "sample-sha"
    "function-name" "snmp-interface-index" "admin-status" "operational-status" "index1" "threat-severity"
}

/// The schema's names as Elastic's juniper_srx integration fills them. The first of several keys fills one.
const TARGETS: &[Target] = &[
    ("source-address", ecs::SOURCE_IP, To::Ip),
    ("local-address", ecs::SOURCE_IP, To::Ip),
    ("remote-address", ecs::DESTINATION_IP, To::Ip),
    ("source-port", ecs::SOURCE_PORT, To::Port),
    ("destination-address", ecs::DESTINATION_IP, To::Ip),
    ("destination-port", ecs::DESTINATION_PORT, To::Port),
    ("nat-source-address", ecs::SOURCE_NAT_IP, To::Ip),
    ("nat-source-port", ecs::SOURCE_NAT_PORT, To::Port),
    ("nat-destination-address", ecs::DESTINATION_NAT_IP, To::Ip),
    ("nat-destination-port", ecs::DESTINATION_NAT_PORT, To::Port),
    ("bytes-from-client", ecs::SOURCE_BYTES, To::Number),
    ("outbound-bytes", ecs::SOURCE_BYTES, To::Number),
    ("bytes-from-server", ecs::DESTINATION_BYTES, To::Number),
    ("inbound-bytes", ecs::DESTINATION_BYTES, To::Number),
    ("packets-from-client", ecs::SOURCE_PACKETS, To::Number),
    ("outbound-packets", ecs::SOURCE_PACKETS, To::Number),
    ("packets-from-server", ecs::DESTINATION_PACKETS, To::Number),
    ("inbound-packets", ecs::DESTINATION_PACKETS, To::Number),
    ("source-zone-name", ecs::OBSERVER_INGRESS_ZONE, To::Text),
    ("source-zone", ecs::OBSERVER_INGRESS_ZONE, To::Text),
    ("destination-zone-name", ecs::OBSERVER_EGRESS_ZONE, To::Text),
    ("destination-zone", ecs::OBSERVER_EGRESS_ZONE, To::Text),
    ("source-interface-name", ecs::OBSERVER_INGRESS_INTERFACE_NAME, To::Text),
    ("packet-incoming-interface", ecs::OBSERVER_INGRESS_INTERFACE_NAME, To::Text),
    ("interface-name", ecs::OBSERVER_INGRESS_INTERFACE_NAME, To::Text),
    ("destination-interface-name", ecs::OBSERVER_EGRESS_INTERFACE_NAME, To::Text),
    ("username", ecs::SOURCE_USER_NAME, To::Text),
    ("user-name", ecs::SOURCE_USER_NAME, To::Text),
    ("application", ecs::NETWORK_APPLICATION, To::Text),
    ("nested-application", ecs::NETWORK_APPLICATION, To::Text),
    ("reason", ecs::EVENT_REASON, To::Text),
    ("sample-sha256", ecs::FILE_HASH_SHA256, To::Text),
    ("file-hash", ecs::FILE_HASH_SHA256, To::Text),
    ("sender-address", ecs::EMAIL_FROM_ADDRESS, To::Set),
    ("recipient-address", ecs::EMAIL_TO_ADDRESS, To::Set),
    ("file-name", ecs::FILE_NAME, To::Text),
];

static ALL_NAMES: [&str; names_len(NAMES, TARGETS)] = names(NAMES, TARGETS);

fn targets() -> &'static ById {
    static BY_ID: LazyLock<Vec<Option<(FieldId, To)>>> = LazyLock::new(|| by_id(TARGETS));
    &BY_ID
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let ids = ids();
    let Some((tag, body)) = split_tag(header) else { return false };
    if !header.appname.is_empty() {
        writer.put_vendor(ids.process, header.appname);
    }
    writer.rename(ecs::HOST_NAME, ecs::OBSERVER_NAME);
    if !tag.is_empty() {
        writer.put_vendor(ids.tag, tag);
    }
    let elements = body.first() == Some(&b'[');
    if elements {
        // `[junos@2636.1.1.1.2.129 key="value" …]`; some senders leave the name of the element out.
        let end = memchr::memrchr(b']', body).unwrap_or(body.len());
        kv_table::read(writer, context, &mut Pairs::by_space(&body[1..end.max(1)]), targets());
    } else {
        plain::read(writer, context, tag, body);
        if !body.is_empty() {
            writer.put(ecs::MESSAGE, body);
        }
    }
    normalise(writer, ids, tag);
    true
}

/// The message's tag and what follows: the MSGID of RFC 5424, else what stands before the first colon or blank.
fn split_tag<'a>(header: &Header<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let text = header.message.trim_ascii_start();
    if text.first() == Some(&b'[') {
        let junos = text.starts_with(b"[junos@") || header.appname.starts_with(b"RT_");
        return junos.then_some((header.msgid, text));
    }
    // `RT_FLOW: RT_FLOW_SESSION_CREATE: session created …`, with or without the first as the tag of the header.
    let head = &text[..text.len().min(TAG_WITHIN_BYTES)];
    let mut at = 0;
    for _ in 0..WORDS_BEFORE_TAG_MAX {
        let word = &head[at..at + scan::until(&head[at..], b' ')];
        let bare = word.strip_suffix(b":").unwrap_or(word);
        let end = at + word.len();
        if is_tag(bare) {
            return Some((bare, text.get(end..).unwrap_or_default().trim_ascii_start()));
        }
        if end >= head.len() {
            break;
        }
        at = end + 1;
    }
    // Daemons of Junos say it in prose. Other systems have an `rpd` too, but none of these.
    // A Firebox has an `iked` too, which signs with a message id.
    if text.starts_with(b"msg_id=") {
        return None;
    }
    matches!(header.appname, b"kmd" | b"iked" | b"mib2d" | b"jsrpd" | b"chassisd" | b"RT_FLOW" | b"RT_IDP" | b"RT_UTM")
        .then_some((header.msgid, text))
}

/// How far into a message its tag is looked for: behind the name of a node or a process.
const TAG_WITHIN_BYTES: usize = 128;

/// Most words before a tag: host, node and process.
const WORDS_BEFORE_TAG_MAX: usize = 4;

fn is_tag(word: &[u8]) -> bool {
    const FAMILIES: [&[u8]; 15] = [
        b"RT_FLOW_",
        b"RT_SCREEN_",
        b"RT_IDP_",
        b"IDP_",
        b"APPTRACK_",
        b"WEBFILTER_",
        b"AV_",
        b"CONTENT_FILTERING_",
        b"ANTISPAM_",
        b"SECINTEL_",
        b"SRX_AAMW_",
        b"AAMW_",
        b"PFE_FW_",
        b"RT_GTP_",
        b"SNMPD_",
    ];
    word.len() > 6 && FAMILIES.iter().any(|family| word.starts_with(family))
}

fn normalise(writer: &mut EventWriter<'_>, ids: &Ids, tag: &[u8]) {
    writer.core().product = products::JUNIPER_SRX;
    put_number(writer, ids.protocol_id);
    copy(writer, ids.protocol_name, ecs::NETWORK_PROTOCOL);
    copy(writer, ids.protocol, ecs::NETWORK_PROTOCOL);
    if let Some((span, _)) = writer.first_span(ids.protocol_name) {
        put_lower(writer, ecs::NETWORK_TRANSPORT, span);
    }
    put_sums(writer);
    put_lasting(writer, ids.elapsed_time);
    // A flow's rule is its policy; that of an intrusion is a number within a base of rules.
    let is_flow = tag.starts_with(b"RT_FLOW_") || tag.starts_with(b"APPTRACK_");
    if !is_flow {
        copy(writer, ids.rule_name, ecs::RULE_ID);
        copy(writer, ids.rulebase_name, ecs::RULE_NAME);
        copy(writer, ids.attack_name, ecs::RULE_NAME);
    }
    copy(writer, ids.policy_name, ecs::RULE_NAME);
    for host in [ids.url, ids.http_host] {
        if let Some((span, _)) = writer.first_span(host).filter(|&(span, _)| !says_nothing(writer.bytes(span))) {
            if writer.first(ecs::URL_DOMAIN).is_none() {
                writer.put_span(ecs::URL_DOMAIN, span, Kind::Text, false);
            }
        }
    }
    if let Some((span, _)) = writer.first_span(ids.obj).filter(|&(span, _)| !says_nothing(writer.bytes(span))) {
        writer.put_span(ecs::URL_PATH, span, Kind::Text, false);
    }
    copy(writer, ids.filename, ecs::FILE_NAME);
    for (from, to) in [
        (ecs::SOURCE_IP, ecs::CLIENT_IP),
        (ecs::SOURCE_PORT, ecs::CLIENT_PORT),
        (ecs::SOURCE_NAT_PORT, ecs::CLIENT_NAT_PORT),
        (ecs::SOURCE_BYTES, ecs::CLIENT_BYTES),
        (ecs::SOURCE_PACKETS, ecs::CLIENT_PACKETS),
        (ecs::DESTINATION_IP, ecs::SERVER_IP),
        (ecs::DESTINATION_PORT, ecs::SERVER_PORT),
        (ecs::DESTINATION_NAT_PORT, ecs::SERVER_NAT_PORT),
        (ecs::DESTINATION_BYTES, ecs::SERVER_BYTES),
        (ecs::DESTINATION_PACKETS, ecs::SERVER_PACKETS),
        (ecs::LOG_SYSLOG_PRIORITY, ecs::EVENT_SEVERITY),
    ] {
        copy(writer, from, to);
    }
    put_network_type(writer);
    let log_source = put_taxonomy(writer, ids, tag);
    writer.core().log_source = log_source;
    relate_all(writer);
    relate(writer, ecs::OBSERVER_NAME, ecs::RELATED_HOSTS);
}

/// What a tag tells; the empty words say nothing.
struct Class {
    action: &'static str,
    category: &'static str,
    types: &'static [&'static str],
    log_source: LogSourceId,
}

fn class(writer: &EventWriter<'_>, ids: &Ids, tag: &[u8]) -> Class {
    let flow = |action, types| Class { action, category: "", types, log_source: logsource::JUNIPER_FLOW };
    let found =
        |action, category, log_source| Class { action, category, types: &["info", "denied", "connection"], log_source };
    let malware = |action| found(action, "malware", logsource::JUNIPER_MALWARE);
    let tag = tag.strip_suffix(b"_LS").unwrap_or(tag);
    let is_session = tag.starts_with(b"RT_FLOW_SESSION_") || tag.starts_with(b"APPTRACK_SESSION_");
    if is_session {
        return if tag.ends_with(b"_CLOSE") {
            flow("flow_close", &["end", "allowed", "connection"])
        } else if tag.ends_with(b"_DENY") {
            flow("flow_deny", &["denied", "connection"])
        } else {
            flow("flow_started", &["start", "allowed", "connection"])
        };
    }
    if tag.starts_with(b"RT_SCREEN_") {
        let attack = writer.first(ids.attack_name).unwrap_or_default();
        let has = |word: &[u8]| scan::find(attack, word).is_some();
        let action = if has(b"flood") {
            "flood_detected"
        } else if has(b"scan") {
            "scan_detected"
        } else if has(b"sweep") {
            "sweep_detected"
        } else if has(b"fragment") {
            "fragment_detected"
        } else if has(b"spoof") {
            "spoofing_detected"
        } else if tag.starts_with(b"RT_SCREEN_SESSION_LIMIT") {
            "session_limit_detected"
        } else if has(b"Land attack") {
            "land_attack_detected"
        } else if has(b"unnel") {
            "tunneling_screen"
        } else {
            ""
        };
        return found(action, "intrusion_detection", logsource::JUNIPER_IDS);
    }
    match tag {
        b"IDP_ATTACK_LOG_EVENT" => found("security_threat", "intrusion_detection", logsource::JUNIPER_IDS),
        b"IDP_APPDDOS_APP_ATTACK_EVENT" | b"IDP_APPDDOS_APP_STATE_EVENT" => {
            found("application_ddos", "intrusion_detection", logsource::JUNIPER_IDS)
        }
        b"WEBFILTER_URL_BLOCKED" => malware("web_filter"),
        b"CONTENT_FILTERING_BLOCKED_MT" | b"CONTENT_FILTERING_BLOCKED" => malware("content_filter"),
        b"AV_VIRUS_DETECTED_MT" | b"AV_VIRUS_DETECTED" => malware("virus_detected"),
        b"ANTISPAM_SPAM_DETECTED_MT" | b"ANTISPAM_SPAM_DETECTED" => malware("antispam_filter"),
        b"SECINTEL_ACTION_LOG"
        | b"SRX_AAMW_ACTION_LOG"
        | b"AAMW_ACTION_LOG"
        | b"AAMW_MALWARE_EVENT_LOG"
        | b"AAMW_HOST_INFECTED_EVENT_LOG"
        | b"AAMW_SMTP_ACTION_LOG"
        | b"AAMW_IMAP_ACTION_LOG" => {
            let action = if tag == b"AAMW_HOST_INFECTED_EVENT_LOG" { "compromised_host" } else { "malware_detected" };
            malware(action)
        }
        _ if tag.starts_with(b"WEBFILTER_") || tag.starts_with(b"AV_") || tag.starts_with(b"CONTENT_FILTERING_") => {
            flow("", &["allowed", "connection"])
        }
        b"PFE_FW_SYSLOG_IP" => Class { action: "", category: "", types: &[], log_source: logsource::JUNIPER_FLOW },
        _ => Class { action: "", category: "", types: &[], log_source: logsource::JUNIPER },
    }
}

fn put_taxonomy(writer: &mut EventWriter<'_>, ids: &Ids, tag: &[u8]) -> LogSourceId {
    let class = class(writer, ids, tag);
    writer.put_str(ecs::EVENT_KIND, if class.category.is_empty() { "event" } else { "alert" });
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    if !class.category.is_empty() {
        writer.put_str(ecs::EVENT_CATEGORY, class.category);
    }
    for kind in class.types {
        writer.put_str(ecs::EVENT_TYPE, kind);
    }
    if !class.types.is_empty() {
        writer.put_str(ecs::EVENT_OUTCOME, "success");
    }
    if !class.action.is_empty() {
        writer.put_str(ecs::EVENT_ACTION, class.action);
    }
    class.log_source
}
