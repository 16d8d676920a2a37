//! Cisco Secure Firewall Threat Defense: security events (ids 430001–430005) as `Key: value, Key: value`.
//!
//! All other ids are those of the ASA and are read there. Names, order and values of the keys: Cisco Secure
//! Firewall Threat Defense Syslog Messages, "Security Event Syslog Messages".

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use super::fields::{copy, put_lower, put_path, put_time, relate, relate_span, transport_of};
use super::names::{id_of, vendor_names};
use super::targets::{self, Target, To};
use super::url;
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind, TimePrecision};
use crate::number::parse_u64;
use crate::products::{self, Detect, Product};
use crate::time::{SECOND_NS, take_iso};
use crate::wire::syslog::Header;

/// `cisco_ftd`.
pub(crate) static PRODUCT: Product = Product {
    name: "cisco_ftd",
    title: "Cisco Secure Firewall Threat Defense",
    document: "Cisco Secure Firewall Threat Defense Syslog Messages",
    namespace: "cisco.ftd",
    module: "cisco_ftd",
    dataset: "cisco_ftd.log",
    vendor: "Cisco",
    product: "ftd",
    observer_type: "idps",
    names: NAMES,
    detect: &[
        Detect::Mark(&["%NGIPS-"], super::cisco_asa::decode),
        Detect::Mark(AUDIT_ENDS, decode_audit),
        Detect::App(&["SFIMS", "ftd"], decode_alert),
    ],
    ..Product::NONE
};

vendor_names! {
    protocol = "Protocol";
    user = "User";
    message = "Message";
    client = "Client";
    web_application = "WebApplication";
    application_protocol = "ApplicationProtocol";
    connection_duration = "ConnectionDuration";
    first_packet = "FirstPacketSecond";
    rule_action = "AccessControlRuleAction";
    inline_result = "InlineResult";
    file_action = "FileAction";
    url = "URL";
    uri = "URI";
    http_uri = "HTTP_URI";
    http_hostname = "HTTP_Hostname";
    referenced_host = "ReferencedHost";
    dns_query = "DNSQuery";
    dns_record_type = "DNSRecordType";
    dns_response = "DNSResponseType";
    file_name = "FileName";
    prefilter_policy = "PrefilterPolicy";
    tunnel_rule = "TunnelOrPrefilterRule";
    endpoint_profile = "EndpointProfile";
    security_group = "SecurityGroup";
    vpn_action = "VPNAction";
    @also
    "SrcIP" "DstIP" "InitiatorBytes" "ResponderBytes" "AccessControlRuleName" "AccessControlRuleReason" "ACPolicy" "AppProtocol" "ArchiveDepth" "ArchiveFileName"
    "ArchiveFileStatus" "ArchiveSHA256" "Classification" "ClientAppDetector" "ClientVersion" "ConnectionID" "DestinationIP_DynamicAttribute"
    "DestinationSecurityGroup" "DestinationSecurityGroupTag" "DestinationSecurityGroupType" "DetectionType" "DeviceUUID"
    "DNS_Sinkhole" "DNSSICategory" "DNS_TTL" "DstPort" "EgressInterface" "EgressVRF" "EgressZone"
    "EncryptedVisibilityConfidenceScore" "EncryptedVisibilityFingerprint" "EncryptedVisibilityProcessName"
    "EncryptedVisibilityThreatConfidence" "EncryptedVisibilityThreatConfidenceScore" "EventPriority" "FileCount" "FileDirection"
    "FilePolicy" "FileSandboxStatus" "FileSHA256" "FileSize" "FileStaticAnalysisStatus" "FileStorageStatus" "FileType"
    "GID" "HTTPReferer" "HTTPResponse" "ICMPCode" "ICMPType" "ImpactFlag" "IngressInterface" "IngressVRF" "IngressZone"
    "InitiatorPackets" "InlineResultReason" "InstanceID" "IntrusionPolicy" "IPReputationSICategory" "IPSCount"
    "MitreAttackGroups" "MPLS_Label" "NAPPolicy" "NAT_InitiatorIP" "NAT_InitiatorPort" "NAT_ResponderIP" "NAT_ResponderPort"
    "NetBIOSDomain" "NumIOC" "originalClientSrcIP" "OtherEnrichment" "Priority" "QoSDroppedInitiatorBytes"
    "QoSDroppedInitiatorPackets" "QoSDroppedResponderBytes" "QoSDroppedResponderPackets" "QoSPolicy" "QoSRule"
    "ResponderPackets" "Revision" "RuleGroup" "SecIntMatchingIP" "SHA_Disposition" "SID" "SourceIP_DynamicAttribute" "SourceSecurityGroup"
    "SourceSecurityGroupTag" "SourceSecurityGroupType" "SperoDisposition" "SrcPort" "SSLActualAction" "SSLCertificate"
    "SSLCipherSuite" "SSLExpectedAction" "SSLFlowStatus" "SSLPolicy" "SSLRuleName" "SSLServerCertStatus" "SSLServerName"
    "SSLSessionID" "SSLTicketID" "SSLURLCategory" "SSLVersion" "TCPFlags" "ThreatName" "ThreatScore" "URLCategory"
    "URLReputation" "URLSICategory" "UserAgent" "VLAN_ID" "SrcCountry" "DstCountry"
}

static TARGETS: &[Target] = &[
    ("SrcIP", ecs::SOURCE_IP, To::Ip),
    ("DstIP", ecs::DESTINATION_IP, To::Ip),
    ("SrcPort", ecs::SOURCE_PORT, To::Port),
    ("DstPort", ecs::DESTINATION_PORT, To::Port),
    ("NAT_InitiatorIP", ecs::SOURCE_NAT_IP, To::Ip),
    ("NAT_InitiatorPort", ecs::SOURCE_NAT_PORT, To::Number),
    ("NAT_ResponderIP", ecs::DESTINATION_NAT_IP, To::Ip),
    ("NAT_ResponderPort", ecs::DESTINATION_NAT_PORT, To::Number),
    ("originalClientSrcIP", ecs::NETWORK_FORWARDED_IP, To::Ip),
    ("InitiatorBytes", ecs::SOURCE_BYTES, To::Number),
    ("ResponderBytes", ecs::DESTINATION_BYTES, To::Number),
    ("InitiatorPackets", ecs::SOURCE_PACKETS, To::Number),
    ("ResponderPackets", ecs::DESTINATION_PACKETS, To::Number),
    ("IngressInterface", ecs::OBSERVER_INGRESS_INTERFACE_NAME, To::Text),
    ("EgressInterface", ecs::OBSERVER_EGRESS_INTERFACE_NAME, To::Text),
    ("IngressZone", ecs::OBSERVER_INGRESS_ZONE, To::Text),
    ("EgressZone", ecs::OBSERVER_EGRESS_ZONE, To::Text),
    ("VLAN_ID", ecs::NETWORK_VLAN_ID, To::Text),
    ("ACPolicy", ecs::RULE_RULESET, To::Text),
    ("FilePolicy", ecs::RULE_RULESET, To::Text),
    ("AccessControlRuleName", ecs::RULE_NAME, To::Text),
    ("SID", ecs::RULE_ID, To::Text),
    ("Revision", ecs::RULE_VERSION, To::Text),
    ("Classification", ecs::RULE_CATEGORY, To::Text),
    ("Message", ecs::RULE_DESCRIPTION, To::Text),
    ("HTTPReferer", ecs::HTTP_REQUEST_REFERRER, To::Text),
    ("HTTPResponse", ecs::HTTP_RESPONSE_STATUS_CODE, To::Number),
    ("UserAgent", ecs::USER_AGENT_ORIGINAL, To::Text),
    ("DNSQuery", ecs::DNS_QUESTION_NAME, To::Text),
    ("FileSHA256", ecs::FILE_HASH_SHA256, To::Text),
    ("FileSize", ecs::FILE_SIZE, To::Number),
    ("SSLVersion", ecs::TLS_VERSION, To::Text),
    ("SSLCipherSuite", ecs::TLS_CIPHER, To::Text),
    ("SSLServerName", ecs::TLS_CLIENT_SERVER_NAME, To::Text),
    ("AccessControlRuleReason", ecs::EVENT_REASON, To::Text),
];

/// What the value of a key goes to, by the key's id.
static BY_ID: LazyLock<Vec<Option<(FieldId, To)>>> = LazyLock::new(|| targets::by_id(TARGETS));

/// The keys that are written with spaces.
fn spaced_key(key: &[u8]) -> Option<FieldId> {
    Some(match key {
        b"Prefilter Policy" => ids().prefilter_policy,
        b"Tunnel or Prefilter Rule" => ids().tunnel_rule,
        b"Endpoint Profile" => ids().endpoint_profile,
        b"Security Group" => ids().security_group,
        b"VPN Action" => ids().vpn_action,
        b"Original Client IP" => *ORIGINAL_CLIENT,
        _ => return None,
    })
}

static ORIGINAL_CLIENT: LazyLock<FieldId> = LazyLock::new(|| id_of("originalClientSrcIP"));

/// Longest key; the longest documented takes 40 bytes.
const KEY_BYTES_MAX: usize = 48;

/// A key and its colon at the start of `text`: the id of the key if it is documented, the key, what follows.
fn take_key<'t>(context: &Context<'_>, text: &'t [u8]) -> Option<(FieldId, &'t [u8], &'t [u8])> {
    let of_key = |&&byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b' ');
    let len = text.iter().take(KEY_BYTES_MAX).take_while(of_key).count();
    let (key, rest) = text.split_at(len);
    let after = rest.strip_prefix(b":")?;
    if !key.first()?.is_ascii_alphabetic() || key.ends_with(b" ") {
        return None;
    }
    if key.contains(&b' ') {
        return spaced_key(key).map(|id| (id, key, after));
    }
    match context.dictionary.find(key).filter(|id| id.index() >= ecs::COUNT) {
        Some(id) if known(id) => Some((id, key, after)),
        // A key of a later version: one capitalised word and a space behind the colon; a URL's scheme has none.
        id if key[0].is_ascii_uppercase() && len >= 3 && matches!(after.first(), Some(b' ' | b',') | None) => {
            Some((id.unwrap_or(FieldId::UNNAMED), key, after))
        }
        _ => None,
    }
}

/// Whether the id is of one of the documented keys.
fn known(id: FieldId) -> bool {
    static KNOWN: LazyLock<Vec<bool>> = LazyLock::new(|| {
        let mut known = Vec::new();
        for name in NAMES {
            let at = id_of(name).index();
            known.resize(known.len().max(at + 1), false);
            known[at] = true;
        }
        known
    });
    KNOWN.get(id.index()).copied().unwrap_or_default()
}

/// Writes the pairs of `text`; returns how many there were. A comma within a value is one that no key follows.
fn put_pairs(writer: &mut EventWriter<'_>, context: &Context<'_>, text: &[u8]) -> usize {
    let mut count = 0;
    let mut rest = text.trim_ascii_start();
    while let Some((id, key, after)) = take_key(context, rest) {
        let mut end = 0;
        let next = loop {
            match memchr::memchr(b',', &after[end..]) {
                None => {
                    end = after.len();
                    break &b""[..];
                }
                Some(at) => {
                    let behind = after[end + at + 1..].trim_ascii_start();
                    if take_key(context, behind).is_some() {
                        end += at;
                        break behind;
                    }
                    end += at + 1;
                }
            }
        };
        let value = after[..end].trim_ascii();
        let value = value.strip_suffix(b"x0a x00").map_or(value, <[u8]>::trim_ascii);
        count += 1;
        if !value.is_empty() {
            put_value(writer, id, key, value);
        }
        rest = next;
    }
    count
}

fn put_value(writer: &mut EventWriter<'_>, id: FieldId, key: &[u8], value: &[u8]) {
    let span = writer.span_of(value);
    if id == FieldId::UNNAMED {
        let name = writer.span_of(key);
        writer.put_unnamed(name, span, Kind::Text);
        return;
    }
    writer.put_span(id, span, Kind::Text, true);
    if let Some(&Some((to, how))) = BY_ID.get(id.index()) {
        targets::put(writer, id, to, how, span);
    }
}

/// Reads a security event; `false` = its text holds no pair.
pub(super) fn decode(writer: &mut EventWriter<'_>, context: &Context<'_>, number: u32, text: &[u8]) -> bool {
    if put_pairs(writer, context, text) == 0 {
        return false;
    }
    put_kind(writer, number);
    let ids = ids();
    for (ip, address) in [(ecs::SOURCE_IP, ecs::SOURCE_ADDRESS), (ecs::DESTINATION_IP, ecs::DESTINATION_ADDRESS)] {
        copy(writer, ip, address);
        relate(writer, ip, ecs::RELATED_IP);
    }
    for nat in [ecs::SOURCE_NAT_IP, ecs::DESTINATION_NAT_IP, ecs::NETWORK_FORWARDED_IP] {
        relate(writer, nat, ecs::RELATED_IP);
    }
    match writer.first(ids.protocol).map(transport_of) {
        Some(Some((name, number))) => {
            writer.put_str(ecs::NETWORK_TRANSPORT, name);
            writer.put_str(ecs::NETWORK_IANA_NUMBER, number);
        }
        Some(None) => put_lowered(writer, ids.protocol, ecs::NETWORK_TRANSPORT),
        None => {}
    }
    put_lowered(writer, ids.application_protocol, ecs::NETWORK_PROTOCOL);
    put_lowered(writer, ids.client, ecs::NETWORK_APPLICATION);
    put_lowered(writer, ids.web_application, ecs::NETWORK_APPLICATION);
    put_sum(writer);
    put_user(writer);
    put_urls(writer);
    put_dns(writer);
    if let Some((name, _)) = writer.first_span(ids.file_name) {
        put_path(writer, name, ecs::FILE_NAME, None, None);
    }
    relate(writer, ecs::FILE_HASH_SHA256, ecs::RELATED_HASH);
    relate(writer, *ARCHIVE_SHA256, ecs::RELATED_HASH);
    put_times(writer, context);
    true
}

static ARCHIVE_SHA256: LazyLock<FieldId> = LazyLock::new(|| id_of("ArchiveSHA256"));

/// Alerts of the Firepower system before 6.3, which had no ids: `SFIMS: Key: value, Key: value`.
fn decode_alert<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let Some((first, ..)) = take_key(context, header.message) else { return false };
    if first == FieldId::UNNAMED || !known(first) {
        return false;
    }
    let core = writer.core();
    core.product = products::CISCO_FTD;
    core.log_source = crate::logsource::CISCO_FTD;
    let before = writer.fields_len();
    // Only intrusion events carry a message, only connections an action of access control.
    let has = |key: &[u8]| memchr::memmem::find(header.message, key).is_some();
    let (number, code) = if has(b"Message: ") {
        (430_001, "430001")
    } else if has(b"FileAction: ") {
        (430_004, "430004")
    } else {
        (430_003, "430003")
    };
    super::cisco_asa::put_host(writer, header);
    decode(writer, context, number, header.message);
    writer.put_str(ecs::EVENT_CODE, code);
    debug_assert!(writer.fields_len() > before);
    true
}

/// The line feed and NUL that the management center's audit log ends in, as its syslog daemon writes them: each behind
/// a mark that some versions write as a blank.
const AUDIT_ENDS: &[&str] = &[" x0a x00", "\0x0a\0x00"];

/// The audit log of the management center: `program: device: user@address, page, message`.
fn decode_audit<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let text = AUDIT_ENDS.iter().find_map(|end| text.strip_suffix(end.as_bytes())).unwrap_or(text);
    let Some(colon) = memchr::memmem::find(text, b": ").filter(|&at| !text[..at].contains(&b' ')) else { return false };
    let (device, text) = (&text[..colon], &text[colon + 2..]);
    let Some(comma) = memchr::memmem::find(text, b", ") else { return false };
    let Some(at) = memchr::memrchr(b'@', &text[..comma]) else { return false };
    let core = writer.core();
    core.product = products::CISCO_FTD;
    core.log_source = crate::logsource::CISCO_FTD;
    writer.put(ecs::HOST_NAME, device);
    writer.put(ecs::MESSAGE, text);
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "configuration");
    let (user, from) = (&text[..at], &text[at + 1..comma]);
    writer.put(ecs::USER_NAME, user);
    relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
    writer.put(ecs::SOURCE_ADDRESS, from);
    if let Some(ip) = crate::ip::parse(from) {
        writer.put_addr(ecs::SOURCE_IP, ip, from);
        relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
    }
    if let Some(page_end) = memchr::memmem::rfind(&text[comma + 2..], b", ") {
        writer.put(ecs::EVENT_ACTION, &text[comma + 2 + page_end + 2..]);
    }
    true
}

fn put_kind(writer: &mut EventWriter<'_>, number: u32) {
    let ids = ids();
    let (kind, action, categories, types): (_, _, &[&str], &[&str]) = match number {
        430_001 => ("alert", "intrusion-detected", &["intrusion_detection"], &["info"]),
        430_002 => ("event", "connection-started", &["network"], &["connection", "start"]),
        430_003 => ("event", "connection-finished", &["network"], &["connection", "end"]),
        430_004 => ("event", "file-detected", &["file"], &["info"]),
        _ => ("event", "malware-detected", &["malware", "file"], &["info"]),
    };
    writer.put_str(ecs::EVENT_KIND, kind);
    writer.put_str(ecs::EVENT_ACTION, action);
    categories.iter().for_each(|category| writer.put_str(ecs::EVENT_CATEGORY, category));
    types.iter().for_each(|name| writer.put_str(ecs::EVENT_TYPE, name));
    let verdict = [ids.rule_action, ids.inline_result, ids.file_action].map(|id| writer.first(id).map(verdict_of));
    if let Some(verdict) = verdict.into_iter().flatten().flatten().next() {
        writer.put_str(ecs::EVENT_TYPE, verdict);
    }
    let judged = match number {
        430_001 => writer.view().has(ids.inline_result),
        430_002 | 430_003 => true,
        _ => false,
    };
    if judged {
        writer.put_str(ecs::EVENT_OUTCOME, "success");
    }
    match writer.first_span(ids.message) {
        Some((message, _)) if number == 430_001 => writer.put_span(ecs::MESSAGE, message, Kind::Text, false),
        _ => {}
    }
}

/// Whether an action let the traffic pass; monitoring and detection decide nothing.
fn verdict_of(action: &[u8]) -> Option<&'static str> {
    match action {
        b"Allow" | b"Trust" | b"Fastpath" | b"Pass" => Some("allowed"),
        b"Drop" | b"Dropped" | b"Deny" | b"Reject" => Some("denied"),
        _ => memchr::memmem::find(action, b"Block").map(|_| "denied"),
    }
}

/// Adds a value in lower case, as the schema asks of protocols and applications.
fn put_lowered(writer: &mut EventWriter<'_>, from: FieldId, to: FieldId) {
    if let Some((span, _)) = writer.first_span(from) {
        put_lower(writer, to, span);
    }
}

fn put_sum(writer: &mut EventWriter<'_>) {
    let bytes = |id| writer.first(id).and_then(parse_u64);
    if let (Some(sent), Some(received)) = (bytes(ecs::SOURCE_BYTES), bytes(ecs::DESTINATION_BYTES)) {
        if let Ok(sum) = i64::try_from(sent.saturating_add(received)) {
            writer.put_i64(ecs::NETWORK_BYTES, sum);
        }
    }
}

/// `REALM\name`; the texts that stand for nobody are left out.
fn put_user(writer: &mut EventWriter<'_>) {
    let Some((user, _)) = writer.first_span(ids().user) else { return };
    let text = writer.bytes(user);
    if matches!(
        text,
        b"No Authentication Required"
            | b"Not Found"
            | b"Unknown"
            | b"No Authentication"
            | b"Failed Authentication"
            | b"Guest"
            | b"Special Identities"
    ) {
        return;
    }
    writer.put_span(ecs::USER_ID, user, Kind::Text, false);
    let text = writer.bytes(user);
    let name = match memchr::memrchr(b'\\', text) {
        Some(at) => {
            let len = text.len();
            writer.put_span(ecs::USER_DOMAIN, user.part(0..at), Kind::Text, false);
            user.part(at + 1..len)
        }
        None => user,
    };
    writer.put_span(ecs::USER_NAME, name, Kind::Text, false);
    relate_span(writer, name, ecs::RELATED_USER);
}

fn put_urls(writer: &mut EventWriter<'_>) {
    let ids = ids();
    for id in [ids.url, ids.uri, ids.http_uri] {
        if let Some((span, _)) = writer.first_span(id) {
            url::put(writer, span);
            break;
        }
    }
    for id in [ids.referenced_host, ids.http_hostname] {
        let Some((host, _)) = writer.first_span(id) else { continue };
        let text = writer.bytes(host);
        if !writer.view().values(ecs::URL_DOMAIN).any(|other| other == text) {
            writer.put_span(ecs::URL_DOMAIN, host, Kind::Text, false);
        }
    }
}

/// The record types and answers in the words of the IANA registry that the device prints.
fn put_dns(writer: &mut EventWriter<'_>) {
    let ids = ids();
    let record_type = match writer.first(ids.dns_record_type) {
        Some(b"a host address") => "A",
        Some(b"IP6 Address") => "AAAA",
        Some(b"a domain name pointer") => "PTR",
        Some(b"the canonical name for an alias") => "CNAME",
        Some(b"mail exchange") => "MX",
        Some(b"an authoritative name server") => "NS",
        Some(b"marks the start of a zone of authority") => "SOA",
        Some(b"text strings") => "TXT",
        Some(b"Server Selection" | b"server selection") => "SRV",
        Some(b"host information") => "HINFO",
        Some(b"NAPTR" | b"Naming Authority Pointer") => "NAPTR",
        Some(b"a well known service description") => "WKS",
        Some(b"Certification Authority Restriction") => "CAA",
        Some(b"DNSKEY") => "DNSKEY",
        Some(b"RRSIG") => "RRSIG",
        Some(b"DS" | b"Delegation Signer") => "DS",
        Some(b"NSEC") => "NSEC",
        Some(b"HTTPS Binding" | b"HTTPS") => "HTTPS",
        Some(b"General Purpose Service Binding" | b"SVCB") => "SVCB",
        Some(
            b"A request for all records the server/cache has available"
            | b"A request for some or all records the server has available",
        ) => "ANY",
        Some(_) => "",
        None if writer.view().has(ids.dns_query) => "",
        None => return,
    };
    if record_type.is_empty() {
        copy(writer, ids.dns_record_type, ecs::DNS_QUESTION_TYPE);
    } else {
        writer.put_str(ecs::DNS_QUESTION_TYPE, record_type);
    }
    let code = match writer.first(ids.dns_response) {
        None | Some(b"No Error" | b"No error") => "NOERROR",
        Some(b"Format Error") => "FORMERR",
        Some(b"Server Failure") => "SERVFAIL",
        Some(b"Non-Existent Domain") => "NXDOMAIN",
        Some(b"Not Implemented") => "NOTIMP",
        Some(b"Query Refused") => "REFUSED",
        Some(b"Name Exists when it should not") => "YXDOMAIN",
        Some(b"RR Set Exists when it should not") => "YXRRSET",
        Some(b"RR Set that should exist does not") => "NXRRSET",
        Some(b"Not Authorized" | b"Server Not Authoritative for zone") => "NOTAUTH",
        Some(b"Name not contained in zone") => "NOTZONE",
        Some(_) => {
            copy(writer, ids.dns_response, ecs::DNS_RESPONSE_CODE);
            return;
        }
    };
    writer.put_str(ecs::DNS_RESPONSE_CODE, code);
}

/// The time of the first packet is the event's, and its start; with a duration there is an end.
fn put_times(writer: &mut EventWriter<'_>, context: &Context<'_>) {
    let ids = ids();
    let stamp = writer.first(ids.first_packet).and_then(take_iso).map(|(stamp, _)| stamp);
    let first = match stamp {
        Some(stamp) => context.resolve(writer, &stamp),
        None => None,
    };
    if let Some(first) = first {
        writer.set_time(first, TimePrecision::Second);
    }
    let Some(seconds) = writer.first(ids.connection_duration).and_then(parse_u64) else {
        if let Some(first) = first {
            put_time(writer, ecs::EVENT_START, first);
        }
        return;
    };
    let Some(duration) = i64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(SECOND_NS)) else { return };
    writer.put_i64(ecs::EVENT_DURATION, duration);
    if !writer.core().time_from_record {
        return;
    }
    // Without the first packet's time the stamp is that of the end.
    let time_ns = writer.core().time_ns;
    let start = first.unwrap_or(time_ns.saturating_sub(duration));
    put_time(writer, ecs::EVENT_START, start);
    put_time(writer, ecs::EVENT_END, start.saturating_add(duration));
}
