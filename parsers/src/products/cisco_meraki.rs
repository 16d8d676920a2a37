//! Cisco Meraki: `1 epoch.fraction device kind …`.
//!
//! Source: Meraki's Syslog Event Types and Log Samples. A kind has pairs (`flows`, `urls`, `ip_flow_*`, `security_event`,
//! `airmarshal_events`), a typed event with pairs, or prose (`events`).

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use super::fields::{copy, copy_ip, put_mac, relate, transport_of};
use super::names::vendor_names;
use super::text_template::{Captures, Template};
use super::url;
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::logsource::{self, LogSourceId};
use crate::products::{self, Detect, Product};
use crate::wire::kv::{self, Pairs};
use crate::wire::syslog::Header;

/// `cisco_meraki`.
pub(crate) static PRODUCT: Product = Product {
    name: "cisco_meraki",
    title: "Cisco Meraki MX, MR and MS",
    document: "Cisco Meraki: Syslog Event Types and Log Samples",
    namespace: "cisco_meraki",
    module: "cisco_meraki",
    dataset: "cisco_meraki.log",
    vendor: "Cisco",
    product: "Meraki",
    observer_type: "",
    names: NAMES,
    detect: &[Detect::Shape("abcefilsuvw", decode)],
    ..Product::NONE
};

vendor_names! {
    kind = "event_type";
    subtype = "event_subtype";
    src = "src";
    dst = "dst";
    sport = "sport";
    dport = "dport";
    mac = "mac";
    protocol = "protocol";
    pattern = "pattern";
    type_name = "type";
    client_mac = "client_mac";
    client_ip = "client_ip";
    last_client_ip = "last_known_client_ip";
    ip_src = "ip_src";
    identity = "identity";
    client = "Client";
    client_mac_capital = "MAC";
    vlan = "VLAN";
    vlan_id = "vlan_id";
    dhcp_ip = "dhcp_ip";
    server_ip = "server_ip";
    original_server_ip = "original_server_ip";
    original_server_mac = "original_server_mac";
    translated_src = "translated_src_ip";
    translated_dst = "translated_dst_ip";
    translated_port = "translated_port";
    agent = "agent";
    url = "url";
    name = "name";
    sha256 = "sha256";
    signature = "signature";
    direction = "direction";
    decision = "decision";
    action = "action";
    @also
    "priority"
    "server_mac"
    "radio" "vap" "channel" "rssi" "aid" "bssid" "ssid" "reason" "duration" "fc_type" "fc_subtype" "wired_mac"
    "auth_neg_dur" "last_auth_ago" "is_wpa" "full_conn" "ip_resp" "http_resp" "arp_resp" "arp_src" "dns_server"
    "dns_req_rtt" "dns_resp" "dhcp_lease_completed" "dhcp_server" "dhcp_server_mac" "dhcp_resp" "instigator" "dhost"
    "timestamp" "disposition" "details" "msg" "peer_contact" "peer_ident" "connectivity" "vpn_type" "auth_neg_failed"
    "is_8021x" "eap_type" "packet" "state" "inter_arrival" "alarm_id" "dos_count" "category0" "category1"
}

/// The kinds of records.
static KINDS: &[&str] = &[
    "flows",
    "urls",
    "events",
    "security_event",
    "ids-alerts",
    "airmarshal_events",
    "ip_flow_start",
    "ip_flow_end",
    "firewall",
    "cellular_firewall",
    "vpn_firewall",
    "bridge_anyconnect_client_vpn_firewall",
    "l7_firewall",
    "wired_events",
    "wireless_events",
    "content_filtering_block",
    "client_vpn_firewall",
    "inbound_firewall",
];

/// What a type of event means: action, categories, types.
type Meaning = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const NETWORK: &[&str] = &["network"];
const SESSION: &[&str] = &["network", "session"];
const LOGIN: &[&str] = &["network", "authentication"];
const MALWARE: &[&str] = &["network", "file", "malware"];

static TYPES: &[Meaning] = &[
    ("association", "wifi-association-request", NETWORK, &["info", "access", "connection"]),
    ("disassociation", "wifi-disassociation-request", SESSION, &["info", "access", "end"]),
    ("wpa_auth", "wifi-wpa-authentication", LOGIN, &["info", "start", "access"]),
    ("wpa_deauth", "wifi-wpa-failed-auth-or-deauth", LOGIN, &["info", "denied"]),
    ("8021x_eap_success", "wifi-8021x-auth", LOGIN, &["info", "start"]),
    ("8021x_eap_failure", "wifi-8021x-failed-auth-attempt", LOGIN, &["info", "denied"]),
    ("8021x_deauth", "wifi-8021x-client-deauth", LOGIN, &["info", "end"]),
    ("8021x_client_deauth", "wifi-8021x-client-deauth", LOGIN, &["info", "end"]),
    ("splash_auth", "wifi-splash-authentication", LOGIN, &["info", "start"]),
    ("device_packet_flood", "wireless-packet-flood-detected", NETWORK, &["info"]),
    ("packet_flood", "wireless-packet-flood-detected", NETWORK, &["info"]),
    ("rogue_ssid_detected", "rogue-ssid-detected", NETWORK, &["info"]),
    ("ssid_spoofing_detected", "ssid-spoofing-detected", NETWORK, &["info"]),
    ("vpn_connectivity_change", "site-to-site-vpn", NETWORK, &["info", "connection"]),
    ("vpn_registry_change", "site-to-site-vpn", NETWORK, &["info", "connection"]),
    ("multiple_dhcp_servers_detected", "multiple_dhcp_servers_detected", NETWORK, &["info", "protocol"]),
    ("ids_alerted", "ids-signature-matched", &["network", "intrusion_detection"], &["info"]),
    ("ids-alerts", "ids-signature-matched", &["network", "intrusion_detection"], &["info"]),
    ("security_filtering_file_scanned", "malicious-file-actioned", MALWARE, &["info"]),
    ("security_filtering_disposition_change", "issued-retrospective-malicious-disposition", MALWARE, &["info"]),
    ("client_vpn_connect", "client-vpn-connect", SESSION, &["info", "access", "allowed", "start"]),
    ("client_vpn_disconnect", "client-vpn-disconnect", SESSION, &["info", "access", "end"]),
    ("dhcp lease", "dhcp-offer", NETWORK, &["info", "access", "allowed"]),
    ("dhcp no", "dhcp-no-offer", NETWORK, &["info", "access", "denied"]),
    ("Site-to-Site VPN:", "site-to-site-vpn", NETWORK, &["info", "access"]),
    ("Site-to-site VPN:", "site-to-site-vpn", NETWORK, &["info", "access"]),
    ("Blocked ARP", "arp_blocked", NETWORK, &["info"]),
    ("Port ", "port_changed_stp_role", NETWORK, &["info"]),
    ("port ", "port_status_changed", NETWORK, &["info"]),
    ("Auth ", "auth", NETWORK, &["info"]),
    ("Virtual router", "virtual-router-collision", NETWORK, &["info"]),
    ("All uplinks", "uplink-change", NETWORK, &["info"]),
    ("Cellular connection", "cellular-connectivity-change", NETWORK, &["info"]),
];

/// What stands in prose.
static TEXTS: &[&str] = &[
    "lease of ip {client.ip} from {_} mac {server.mac} for client mac {client.mac}~ from router",
    "no offers for mac {client.mac} ",
    "user id '{user.name}' local ip {network.forwarded_ip} {_}onnected from {client.ip}",
    "Blocked ARP Packet from {source.mac} with IP {source.address} on VLAN {observer.ingress.vlan.id}",
    "Blocked DHCP server response from {source.mac} on VLAN {observer.ingress.vlan.id}",
];

fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

/// Decodes a record of this product; `false` = it is none.
fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let (kind, rest) = word(header.message);
    let known = KINDS.iter().any(|name| name.as_bytes() == kind);
    // Its header has a version and a bare epoch, and nothing between the device's name and the kind.
    if !known || !header.appname.is_empty() || !writer.view().has(ecs::LOG_SYSLOG_VERSION) {
        return false;
    }
    let core = writer.core();
    (core.product, core.log_source) = (products::CISCO_MERAKI, logsource::CISCO_MERAKI);
    writer.put_vendor(ids().kind, kind);
    writer.put(ecs::OBSERVER_HOSTNAME, header.hostname);
    writer.put_str(ecs::EVENT_KIND, "event");
    let unbalanced = put_pairs(writer, context, rest);
    if unbalanced {
        writer.defect(Defect::UnbalancedQuote);
    }
    match kind {
        b"events" | b"wired_events" | b"wireless_events" | b"airmarshal_events" => put_event(writer, rest),
        b"security_event" | b"ids-alerts" => put_security(writer, kind, rest),
        b"urls" | b"content_filtering_block" => put_url(writer, rest),
        b"ip_flow_start" | b"ip_flow_end" => put_ip_flow(writer, kind, rest),
        _ => put_flow(writer, rest),
    }
    put_ends(writer);
    true
}

/// Writes the pairs; whether a quote never closed.
fn put_pairs<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> bool {
    let mut pairs = Pairs::by_space(text);
    for pair in pairs.by_ref() {
        if pair.value.is_empty() {
            continue;
        }
        let value = kv::value_span(writer, pair);
        match context.dictionary.find(pair.key).filter(|id| id.index() >= ecs::COUNT) {
            Some(id) => writer.put_span(id, value, Kind::Text, true),
            None => {
                let name = writer.span_of(pair.key);
                writer.put_unnamed(name, value, Kind::Text);
            }
        }
    }
    pairs.unbalanced
}

fn put_meaning(writer: &mut EventWriter<'_>, (_, action, categories, types): &Meaning) {
    writer.put_str(ecs::EVENT_ACTION, action);
    put_kinds(writer, categories, types);
}

fn put_kinds(writer: &mut EventWriter<'_>, categories: &[&'static str], types: &[&'static str]) {
    categories.iter().for_each(|category| writer.put_str(ecs::EVENT_CATEGORY, category));
    types.iter().for_each(|kind| writer.put_str(ecs::EVENT_TYPE, kind));
}

fn source(writer: &mut EventWriter<'_>, source: LogSourceId) {
    writer.core().log_source = source;
}

fn put_event<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let ids = ids();
    if text.starts_with(b"type=") {
        writer.put(ecs::MESSAGE, text);
        let name = writer.first(ids.type_name).unwrap_or_default();
        let meaning = TYPES.iter().find(|(of, ..)| of.as_bytes() == name);
        match meaning {
            Some(meaning) => put_meaning(writer, meaning),
            None => {
                copy(writer, ids.type_name, ecs::EVENT_ACTION);
                put_kinds(writer, NETWORK, &["info"]);
            }
        }
        return;
    }
    let (first, rest) = word(text);
    let meaning = TYPES.iter().find(|(of, ..)| of.len() > 4 && text.starts_with(of.as_bytes()));
    let named = memchr::memchr(b'_', first).is_some() && rest.starts_with(b"user id");
    let prose = if named || first == b"dhcp" { rest } else { text };
    writer.put(ecs::MESSAGE, prose);
    match meaning {
        Some(meaning) => put_meaning(writer, meaning),
        None => {
            if memchr::memchr(b'_', first).is_some() {
                writer.put(ecs::EVENT_ACTION, first);
            }
            put_kinds(writer, NETWORK, &["info"]);
        }
    }
    if first == b"dhcp" {
        writer.put_str(ecs::NETWORK_PROTOCOL, "dhcp");
    }
    static TEMPLATES: LazyLock<Vec<Template>> =
        LazyLock::new(|| TEXTS.iter().map(|text| Template::compile(text)).collect());
    let mut captures = Captures::new();
    if writer.derives() && TEMPLATES.iter().any(|template| template.matches(prose, &mut captures)) {
        captures.write(writer);
    }
}

fn put_security<'a>(writer: &mut EventWriter<'a>, kind: &'a [u8], text: &'a [u8]) {
    let ids = ids();
    source(writer, logsource::CISCO_MERAKI_IDS);
    let name = if kind == b"ids-alerts" { kind } else { word(text).0 };
    writer.put_vendor(ids.subtype, name);
    match TYPES.iter().find(|(of, ..)| of.as_bytes() == name) {
        Some(meaning) => put_meaning(writer, meaning),
        None => {
            writer.put(ecs::EVENT_ACTION, name);
            put_kinds(writer, &["network", "intrusion_detection"], &["info"]);
        }
    }
    let message = memchr::memmem::find(text, b"message:").map(|at| text[at + 8..].trim_ascii());
    writer.put(ecs::MESSAGE, message.unwrap_or(text));
    if let Some(message) = message {
        writer.put(ecs::RULE_DESCRIPTION, message);
    }
    copy(writer, ids.signature, ecs::RULE_ID);
    copy(writer, ids.direction, ecs::NETWORK_DIRECTION);
    copy(writer, ids.name, ecs::FILE_NAME);
    copy(writer, ids.sha256, ecs::FILE_HASH_SHA256);
    relate(writer, ecs::FILE_HASH_SHA256, ecs::RELATED_HASH);
    if let Some((span, _)) = writer.first_span(ids.url) {
        url::put(writer, span);
    }
    let verdict = match writer.first(ids.decision).or(writer.first(ids.action)) {
        Some(b"blocked" | b"block") => "denied",
        Some(b"allowed" | b"allow") => "allowed",
        _ => return,
    };
    writer.put_str(ecs::EVENT_TYPE, verdict);
}

fn put_url<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    source(writer, logsource::CISCO_MERAKI_URL);
    writer.put(ecs::MESSAGE, text);
    writer.put_str(ecs::EVENT_ACTION, "http-access");
    put_kinds(writer, &["network", "web"], &["info", "access"]);
    copy(writer, ids().agent, ecs::USER_AGENT_ORIGINAL);
    if let Some(at) = memchr::memmem::find(text, b"request: ") {
        let (method, target) = word(&text[at + 9..]);
        if !method.eq_ignore_ascii_case(b"UNKNOWN") {
            writer.put(ecs::HTTP_REQUEST_METHOD, method);
        }
        if !target.is_empty() {
            let span = writer.span_of(target);
            url::put(writer, span);
        }
    } else if let Some((span, _)) = writer.first_span(ids().url) {
        url::put(writer, span);
    }
}

fn put_ip_flow<'a>(writer: &mut EventWriter<'a>, kind: &'a [u8], text: &'a [u8]) {
    source(writer, logsource::CISCO_MERAKI_FLOW);
    writer.put(ecs::MESSAGE, text);
    writer.put(ecs::EVENT_ACTION, kind);
    put_kinds(writer, NETWORK, &["info", "connection", if kind == b"ip_flow_start" { "start" } else { "end" }]);
    let ids = ids();
    let outbound = copy_ip(writer, ids.translated_src, ecs::SOURCE_NAT_IP);
    let inbound = copy_ip(writer, ids.translated_dst, ecs::DESTINATION_NAT_IP);
    if outbound || inbound {
        copy(writer, ids.translated_port, if outbound { ecs::SOURCE_NAT_PORT } else { ecs::DESTINATION_NAT_PORT });
    }
}

/// `allow src=…`, or `src=… pattern: allow all`; older firmware writes 0 for allow and 1 for deny.
fn put_flow<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    source(writer, logsource::CISCO_MERAKI_FLOW);
    if !text.is_empty() {
        writer.put(ecs::MESSAGE, text);
    }
    let (first, _) = word(text);
    let verdict = match first {
        b"allow" => {
            writer.put_str(ecs::EVENT_ACTION, "layer3-firewall-allowed-flow");
            put_kinds(writer, NETWORK, &["info", "connection", "start"]);
            "allowed"
        }
        b"deny" => {
            writer.put_str(ecs::EVENT_ACTION, "layer3-firewall-denied-flow");
            put_kinds(writer, NETWORK, &["info", "connection"]);
            "denied"
        }
        _ => {
            writer.put_str(ecs::EVENT_ACTION, "ip-session-initiated");
            put_kinds(writer, NETWORK, &["info", "access", "start"]);
            let Some(at) = memchr::memmem::find(text, b"pattern: ") else { return };
            let pattern = &text[at + 9..];
            writer.put_vendor(ids().pattern, pattern);
            match word(pattern).0 {
                b"allow" | b"0" => "allowed",
                b"deny" | b"1" => "denied",
                _ => return,
            }
        }
    };
    writer.put_str(ecs::EVENT_TYPE, verdict);
}

/// `address:port`, `[address]:port`, an address, or a hardware address.
fn put_end(writer: &mut EventWriter<'_>, from: FieldId, ip: FieldId, port: FieldId, mac: FieldId) {
    let Some((span, _)) = writer.first_span(from) else { return };
    if writer.put_if_ip(ip, span) {
        return;
    }
    let text = writer.bytes(span);
    if let Some(colon) = memchr::memrchr(b':', text).filter(|&at| crate::number::parse_u64(&text[at + 1..]).is_some()) {
        let len = text.len();
        let bracketed = text.starts_with(b"[") && text[..colon].ends_with(b"]");
        let host = if bracketed { span.part(1..colon - 1) } else { span.part(0..colon) };
        if writer.put_if_ip(ip, host) {
            writer.put_port_span(port, span.part(colon + 1..len));
            return;
        }
    }
    put_mac(writer, from, mac);
}

fn put_ends(writer: &mut EventWriter<'_>) {
    let ids = ids();
    put_end(writer, ids.src, ecs::SOURCE_IP, ecs::SOURCE_PORT, ecs::SOURCE_MAC);
    put_end(writer, ids.dst, ecs::DESTINATION_IP, ecs::DESTINATION_PORT, ecs::DESTINATION_MAC);
    for (from, to) in [(ids.sport, ecs::SOURCE_PORT), (ids.dport, ecs::DESTINATION_PORT)] {
        if let Some((span, _)) = writer.first_span(from) {
            if writer.first(to).is_none() {
                writer.put_port_span(to, span);
            }
        }
    }
    if writer.first(ecs::SOURCE_MAC).is_none() {
        put_mac(writer, ids.mac, ecs::SOURCE_MAC);
    }
    for id in [ids.client_mac, ids.client_mac_capital] {
        if writer.first(ecs::CLIENT_MAC).is_none() {
            put_mac(writer, id, ecs::CLIENT_MAC);
        }
    }
    for id in [ids.client, ids.client_ip, ids.ip_src, ids.dhcp_ip, ids.last_client_ip] {
        if writer.first(id) != Some(b"0.0.0.0") {
            copy_ip(writer, id, ecs::CLIENT_IP);
        }
    }
    copy(writer, ids.vlan_id, ecs::NETWORK_VLAN_ID);
    copy(writer, ids.vlan, ecs::NETWORK_VLAN_ID);
    if copy_ip(writer, ids.original_server_ip, ecs::SERVER_IP) {
        put_mac(writer, ids.original_server_mac, ecs::SERVER_MAC);
        relate(writer, ids.server_ip, ecs::RELATED_IP);
        writer.put_str(ecs::NETWORK_PROTOCOL, "dhcp");
    }
    copy(writer, ids.identity, ecs::USER_NAME);
    relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
    if let Some((protocol, _)) = writer.first_span(ids.protocol) {
        let text = writer.bytes(protocol);
        let end = memchr::memchr(b'/', text).unwrap_or(text.len());
        let transport = transport_of(&text[..end]);
        let number = crate::number::parse_u64(text).is_some();
        writer.put_span(ecs::NETWORK_PROTOCOL, protocol, Kind::Text, false);
        match transport {
            Some((name, number)) => {
                writer.put_str(ecs::NETWORK_TRANSPORT, name);
                writer.put_str(ecs::NETWORK_IANA_NUMBER, number);
            }
            None if number => writer.put_span(ecs::NETWORK_IANA_NUMBER, protocol, Kind::Text, false),
            None => {}
        }
    }
    relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
    relate(writer, ecs::DESTINATION_IP, ecs::RELATED_IP);
}
