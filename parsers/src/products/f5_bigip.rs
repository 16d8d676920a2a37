//! F5 BIG-IP: events of Telemetry Streaming, key=value logs of ASM and bot defense, and the text messages that the
//! daemons write as `01070638:5: …` (error code, severity, text).

use std::sync::LazyLock;

use super::fields::{copy, put_lower, relate, relate_span};
use super::kv_table::{self, ById, says_nothing};
use super::names::vendor_names;
use super::network::{put_sums, relate_all};
use super::targets::{Target, To, by_id, names, names_len};
use super::text::{between, put_number, put_user, split, word};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, TimePrecision};
use crate::number::take_u64;
use crate::products::{Detect, Product};
use crate::time::{Civil, Stamp, month, parse_epoch, take_clock, take_iso};
use crate::wire::kv::Pairs;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products, scan};

/// `f5_bigip`.
pub(crate) static PRODUCT: Product = Product {
    name: "f5_bigip",
    title: "F5 BIG-IP",
    document: "BIG-IP Telemetry Streaming, Sample Output; External Monitoring: Event Messages and Attack Types; \
               BIG-IP Error Message Index",
    namespace: "f5_bigip.log",
    module: "f5_bigip",
    dataset: "f5_bigip.log",
    vendor: "F5",
    product: "BIG-IP",
    observer_type: "",
    names: &ALL_NAMES,
    detect: &[
        Detect::Members(&["telemetryEventCategory"], read_json),
        Detect::Members(&["system.hostname", "system.machineId", "system.failoverStatus"], read_json),
        Detect::Mark(&["unit_hostname=", "bigip_mgmt_ip=", "http_class_name="], read_pairs),
        Detect::Mark(FAMILIES, read_text),
    ],
    ..Product::NONE
};

/// What error codes of the daemons begin with, by subsystem (BIG-IP Error Message Index).
const FAMILIES: &[&str] = &[
    "0100", "0101", "0102", "0103", "0104", "0105", "0106", "0107", "0108", "0109", "010a", "010b", "010c", "010d",
    "010e", "0110", "0111", "0112", "0113", "0114", "0115", "0116", "0117", "0118", "0119", "011a", "011e", "0120",
    "0122", "0123", "0124", "0125", "0126", "0127", "0128", "0129", "012a", "012b", "0130", "0131", "0133", "0138",
    "0139", "013b", "013c", "013d", "013e", "0140", "0142", "0143", "0146", "0147", "0148", "0149", "014a", "014b",
    "014d", "014e", "014f", "0150", "0151", "0153", "0154", "0155", "0156", "0157", "0158", "015a", "0160", "0164",
    "0166", "0167", "0168", "016a", "016d", "016e", "0170", "0171", "0177", "0179", "01d2", "01e0",
];

vendor_names! {
    category = "telemetryEventCategory";
    date_time = "date_time";
    timestamp = "timestamp";
    event_timestamp = "event_timestamp";
    eoc = "EOCTimestamp";
    system_time = "system.systemTimestamp";
    service_time = "telemetryServiceInfo.timestamp";
    violations = "violations";
    attack_type = "attack_type";
    request_status = "request_status";
    action = "action";
    avr_action = "Action";
    severity = "severity";
    avr_severity = "Severity";
    protocol = "protocol";
    avr_protocol = "NetworkProtocol";
    ip_protocol = "ip_protocol";
    indication = "http_protocol_indication";
    ip_client = "ip_client";
    source_ip = "source_ip";
    client_ip = "client_ip";
    request = "request";
    http_request = "http_request";
    uri = "uri";
    client_uri = "client_request_uri";
    avr_url = "URL";
    ltm_uri = "http_uri";
    hostname = "hostname";
    errdefs = "errdefs_msgno";
    code = "message.code";
    level = "message.severity";
    session = "session.id";
    policy = "access_profile";
    listener = "Listener";
    bytes_in = "Bytes_In";
    bytes_out = "Bytes_Out";
    pool = "pool.name";
    member = "pool.member";
    cmd = "cmd_data";
    system_name = "system.description";
    system_host = "system.hostname";
    machine = "system.machineId";
    mgmt_ip = "bigip_mgmt_ip";
    mgmt_ip2 = "bigip_mgmt_ip2";
    management_ip = "management_ip_address";
    management_ip2 = "management_ip_address_2";
    virtual_ip = "Virtual_IP";
    @also
    "x_forwarded_for_header_value" "system.failoverStatus"
    "acl_policy_name" "acl_policy_type" "context_name" "context_type" "dest_vlan" "drop_reason" "flow_id" "tenant"
    "policy_name" "policy_apply_date" "support_id" "route_domain" "query_string" "sig_ids" "sig_names" "session_id"
    "sub_violations" "virus_name" "violation_rating" "captcha_result" "violation_details" "web_application_name"
    "http_class_name" "staged_sig_ids" "staged_sig_names" "threat_campaign_names" "blocking_exception_reason"
    "vs_name" "fragment" "response" "username" "bot_name" "bot_signature" "class" "anomalies" "profile_name"
    "translated_vlan" "vlan" "partition_name" "Entity" "AggrInterval" "HitCount" "VSName" "virtual_name"
    "event_source" "Policy" "Reputation" "State" "SlotId" "attack_name" "dos_attack_id" "dos_attack_event"
    "dos_attack_name" "dos_mitigation_action" "dos_packets_dropped" "dos_packets_received"
}

/// The schema's names as Elastic's f5_bigip integration fills them.
const TARGETS: &[Target] = &[
    ("unit_hostname", ecs::HOST_NAME, To::Text),
    ("dest_ip", ecs::DESTINATION_IP, To::Ip),
    ("src_ip", ecs::SOURCE_IP, To::Ip),
    ("translated_source_ip", ecs::SOURCE_NAT_IP, To::Ip),
    ("translated_source_port", ecs::SOURCE_NAT_PORT, To::Port),
    ("translated_dest_ip", ecs::DESTINATION_NAT_IP, To::Ip),
    ("translated_dest_port", ecs::DESTINATION_NAT_PORT, To::Port),
    ("dest_port", ecs::DESTINATION_PORT, To::Port),
    ("dest_fqdn", ecs::DESTINATION_DOMAIN, To::Text),
    ("source_fqdn", ecs::SOURCE_DOMAIN, To::Text),
    ("source_port", ecs::SOURCE_PORT, To::Port),
    ("src_port", ecs::SOURCE_PORT, To::Port),
    ("client_port", ecs::CLIENT_PORT, To::Port),
    ("source_user", ecs::SOURCE_USER_NAME, To::Text),
    ("source_user_group", ecs::SOURCE_USER_GROUP_NAME, To::Text),
    ("translated_source_ip", ecs::SOURCE_NAT_IP, To::Ip),
    ("translated_source_port", ecs::SOURCE_NAT_PORT, To::Port),
    ("translated_dest_ip", ecs::DESTINATION_NAT_IP, To::Ip),
    ("translated_dest_port", ecs::DESTINATION_NAT_PORT, To::Port),
    ("acl_rule_name", ecs::RULE_NAME, To::Text),
    ("acl_rule_uuid", ecs::RULE_UUID, To::Text),
    ("src_zone", ecs::OBSERVER_INGRESS_ZONE, To::Text),
    ("dest_zone", ecs::OBSERVER_EGRESS_ZONE, To::Text),
    ("application", ecs::NETWORK_APPLICATION, To::Text),
    ("device_version", ecs::OBSERVER_VERSION, To::Text),
    ("method", ecs::HTTP_REQUEST_METHOD, To::Text),
    ("Method", ecs::HTTP_REQUEST_METHOD, To::Text),
    ("http_method", ecs::HTTP_REQUEST_METHOD, To::Text),
    ("response_code", ecs::HTTP_RESPONSE_STATUS_CODE, To::Number),
    ("ResponseCode", ecs::HTTP_RESPONSE_STATUS_CODE, To::Number),
    ("http_statcode", ecs::HTTP_RESPONSE_STATUS_CODE, To::Number),
    ("username", ecs::USER_NAME, To::Text),
    ("UserName", ecs::USER_NAME, To::Text),
    ("User_Agent", ecs::USER_AGENT_ORIGINAL, To::Text),
    ("UserAgent", ecs::USER_AGENT_ORIGINAL, To::Text),
    ("geo_location", ecs::HOST_GEO_COUNTRY_ISO_CODE, To::Text),
    ("CountryCode", ecs::HOST_GEO_COUNTRY_ISO_CODE, To::Text),
    ("GeoCountry", ecs::HOST_GEO_COUNTRY_NAME, To::Text),
    ("Country", ecs::HOST_GEO_COUNTRY_NAME, To::Text),
    ("Continent", ecs::HOST_GEO_CONTINENT_NAME, To::Text),
    ("Client_IP", ecs::CLIENT_IP, To::Ip),
    ("ClientIP", ecs::CLIENT_IP, To::Ip),
    ("client_ip", ecs::CLIENT_IP, To::Ip),
    ("server_ip", ecs::SERVER_IP, To::Ip),
    ("server_port", ecs::SERVER_PORT, To::Port),
    ("SourceIP", ecs::SOURCE_IP, To::Ip),
    ("POOLIP", ecs::DESTINATION_IP, To::Ip),
    ("POOLPort", ecs::DESTINATION_PORT, To::Port),
    ("QueryName", ecs::DNS_QUESTION_NAME, To::Text),
    ("QueryType", ecs::DNS_QUESTION_TYPE, To::Text),
    ("DeviceId", ecs::HOST_ID, To::Text),
    ("OsName", ecs::HOST_OS_NAME, To::Text),
    ("system.version", ecs::HOST_OS_VERSION, To::Text),
    ("system.chassisId", ecs::OBSERVER_SERIAL_NUMBER, To::Text),
    ("system.baseMac", ecs::HOST_MAC, To::Mac),
    ("system.location", ecs::HOST_GEO_NAME, To::Text),
    ("device_id", ecs::DEVICE_ID, To::Text),
];

static ALL_NAMES: [&str; names_len(NAMES, TARGETS)] = names(NAMES, TARGETS);

fn targets() -> &'static ById {
    static BY_ID: LazyLock<Vec<Option<(FieldId, To)>>> = LazyLock::new(|| by_id(TARGETS));
    &BY_ID
}

/// The module of an event by its category.
fn module(category: &[u8]) -> &'static str {
    match category {
        b"AFM" => "Advanced Firewall Module",
        b"APM" => "Application Performance Monitoring",
        b"ASM" => "Application Security Module",
        b"AVR" => "Application Visibility and Reporting",
        b"LTM" => "Local Traffic Manager",
        b"systemInfo" => "System Information",
        _ => "BIG-IP",
    }
}

/// An event of Telemetry Streaming, whose members are written already.
fn read_json(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    writer.own_all();
    let ids = ids();
    let system = writer.first(ids.machine).is_some();
    let category = if system { b"systemInfo" } else { writer.first(ids.category).unwrap_or_default() };
    let product = module(category);
    let firewall = matches!(category, b"AFM");
    begin(writer, if firewall { logsource::F5_FIREWALL } else { logsource::F5 });
    writer.put_str(ecs::OBSERVER_PRODUCT, product);
    kv_table::apply(writer, targets());
    if system {
        copy(writer, ids.system_name, ecs::HOST_NAME);
        copy(writer, ids.system_host, ecs::HOST_HOSTNAME);
        copy(writer, ids.machine, ecs::HOST_ID);
    } else {
        copy(writer, ids.hostname, ecs::HOST_NAME);
    }
    finish(writer, context, if system { "host" } else { "network" }, false);
    true
}

/// Key=value pairs of the application security module, behind a header or alone.
fn read_pairs<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.strip_prefix(b"ASM:").unwrap_or(header.message);
    let asm = [
        &b"unit_hostname="[..],
        b"bigip_mgmt_ip=",
        b"policy_name=",
        b"support_id=",
        b"errdefs_msgno=",
        b"acl_rule_name=",
    ];
    if asm.iter().filter(|mark| scan::find(text, mark).is_some()).count() < 2 {
        return false;
    }
    let firewall =
        scan::find(text, b"Advanced Firewall Module").is_some() || scan::find(text, b"acl_policy_name=").is_some();
    begin(writer, if firewall { logsource::F5_FIREWALL } else { logsource::F5_WAF });
    writer.put_str(ecs::OBSERVER_PRODUCT, module(if firewall { b"AFM" } else { b"ASM" }));
    let mut pairs = Pairs::new(text);
    kv_table::read(writer, context, &mut pairs, targets());
    let ids = ids();
    copy(writer, ids.hostname, ecs::HOST_HOSTNAME);
    copy(writer, ids.client_ip, ecs::SOURCE_IP);
    for id in [ids.mgmt_ip, ids.mgmt_ip2] {
        if let Some((span, _)) = writer.first_span(id) {
            writer.put_if_ip(ecs::HOST_IP, span);
        }
    }
    copy(writer, ids.errdefs, ecs::ERROR_ID);
    if firewall {
        match writer.first(ids.action) {
            Some(b"Accept" | b"Accept decisively") => writer.put_str(ecs::EVENT_TYPE, "allowed"),
            Some(b"Drop" | b"Reject") => writer.put_str(ecs::EVENT_TYPE, "denied"),
            _ => {}
        }
    }
    finish(writer, context, "network", writer.first(ids.request_status) == Some(b"illegal"));
    true
}

fn begin(writer: &mut EventWriter<'_>, source: crate::logsource::LogSourceId) {
    let core = writer.core();
    core.product = products::F5_BIGIP;
    core.log_source = source;
}

/// What JSON and pairs have in common once their fields stand.
fn finish(writer: &mut EventWriter<'_>, context: &Context<'_>, category: &'static str, illegal: bool) {
    let ids = ids();
    put_event_time(writer, context, ids);
    let says = |writer: &EventWriter<'_>, id| writer.first(id).is_some_and(|value| !says_nothing(value));
    let alert = illegal || says(writer, ids.violations) || says(writer, ids.attack_type);
    writer.put_str(ecs::EVENT_KIND, if alert { "alert" } else { "event" });
    writer.put_str(ecs::EVENT_CATEGORY, category);
    writer.put_str(ecs::EVENT_TYPE, "info");
    for from in [ids.action, ids.avr_action, ids.request_status] {
        if writer.first(ecs::EVENT_ACTION).is_none() && says(writer, from) {
            copy(writer, from, ecs::EVENT_ACTION);
        }
    }
    for from in [ids.severity, ids.avr_severity] {
        let Some((span, _)) = writer.first_span(from).filter(|_| says(writer, from)) else { continue };
        if writer.bytes(span).iter().all(u8::is_ascii_digit) {
            writer.put_span(ecs::EVENT_SEVERITY, span, Kind::Number, false);
        } else {
            put_lower(writer, ecs::LOG_LEVEL, span);
        }
    }
    put_protocol(writer, ids);
    // The client of a request that a policy looks at is the source of it, too.
    for (from, to) in [
        (ids.ip_client, ecs::SOURCE_IP),
        (ids.source_ip, ecs::SOURCE_IP),
        (ids.ip_client, ecs::CLIENT_IP),
        (ids.source_ip, ecs::CLIENT_IP),
    ] {
        if let Some((span, _)) = writer.first_span(from).filter(|_| writer.first(to).is_none()) {
            writer.put_if_ip(to, span);
        }
    }
    let is_source = writer.first(ecs::SOURCE_IP).is_some() && writer.first(ecs::CLIENT_IP).is_some();
    if is_source {
        twin(writer, ecs::SOURCE_PORT, ecs::CLIENT_PORT);
        twin(writer, ecs::CLIENT_PORT, ecs::SOURCE_PORT);
    }
    twin(writer, ecs::DESTINATION_IP, ecs::SERVER_IP);
    twin(writer, ecs::DESTINATION_PORT, ecs::SERVER_PORT);
    put_request(writer, ids);
    if let (Some(bytes_in), Some(bytes_out)) = (writer.first(ids.bytes_in), writer.first(ids.bytes_out)) {
        let number = |text| crate::number::parse_i64(text);
        if let (Some(one), Some(other)) = (number(bytes_in), number(bytes_out)) {
            writer.put_i64(ecs::NETWORK_BYTES, one.saturating_add(other));
        }
    }
    for id in [ids.mgmt_ip, ids.mgmt_ip2, ids.management_ip, ids.management_ip2, ids.virtual_ip] {
        if let Some((span, _)) = writer.first_span(id) {
            writer.put_if_ip(ecs::RELATED_IP, span);
        }
    }
    relate(writer, ecs::CLIENT_IP, ecs::RELATED_IP);
    relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
    relate(writer, ecs::SERVER_IP, ecs::RELATED_IP);
    for from in [ecs::HOST_NAME, ecs::HOST_HOSTNAME, ecs::HOST_ID, ecs::DNS_QUESTION_NAME] {
        relate(writer, from, ecs::RELATED_HOSTS);
    }
    relate_all(writer);
}

fn twin(writer: &mut EventWriter<'_>, from: FieldId, to: FieldId) {
    if writer.first(to).is_none() {
        copy(writer, from, to);
    }
}

/// The time is ISO 8601, seconds since the epoch or, in pairs, `Apr 15 2018 18:32:36`.
fn put_event_time(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids) {
    let from = [ids.date_time, ids.timestamp, ids.event_timestamp, ids.system_time, ids.service_time];
    for id in from {
        let Some(text) = writer.first(id).filter(|text| !says_nothing(text)) else { continue };
        match take_iso(text).map(|(stamp, _)| stamp).or_else(|| take_spelled(text)) {
            Some(stamp) => return context.set_stamp(writer, &stamp),
            None => writer.defect(Defect::TimeUnreadable),
        }
    }
    if let Some((time_ns, precision)) = writer.first(ids.eoc).and_then(parse_epoch) {
        writer.set_time(time_ns, precision);
    }
}

fn take_spelled(text: &[u8]) -> Option<Stamp> {
    let (name, rest) = word(text);
    let (day, rest) = take_u64(rest)?;
    let (year, rest) = take_u64(rest.strip_prefix(b" ")?)?;
    let (hour, minute, second, _) = take_clock(rest.strip_prefix(b" ")?)?;
    let (month, day) = (month(name)?, u32::try_from(day).ok()?);
    let civil = Civil { year: i64::try_from(year).ok()?, month, day, hour, minute, second, nano: 0 };
    civil.is_valid().then_some(Stamp { civil, offset_s: None, precision: TimePrecision::Second })
}

fn put_protocol(writer: &mut EventWriter<'_>, ids: &Ids) {
    for from in [ids.protocol, ids.avr_protocol, ids.indication] {
        if let Some((span, _)) = writer.first_span(from).filter(|_| writer.first(ecs::NETWORK_PROTOCOL).is_none()) {
            put_lower(writer, ecs::NETWORK_PROTOCOL, span);
        }
    }
    if let Some((span, _)) = writer.first_span(ids.ip_protocol) {
        put_lower(writer, ecs::NETWORK_TRANSPORT, span);
    }
    if writer.first(ids.ltm_uri).is_some() && writer.first(ecs::NETWORK_PROTOCOL).is_none() {
        writer.put_str(ecs::NETWORK_PROTOCOL, "http");
    }
}

/// The line and headers of the request as it came give version, host and agent; the URL is made of scheme, host and path.
fn put_request(writer: &mut EventWriter<'_>, ids: &Ids) {
    let uri = [ids.uri, ids.client_uri, ids.avr_url, ids.ltm_uri]
        .into_iter()
        .find_map(|id| writer.first_span(id))
        .map(|(span, _)| span)
        .filter(|&span| !says_nothing(writer.bytes(span)));
    if let Some(uri) = uri {
        super::url::put(writer, uri);
    }
    let Some((request, _)) = writer.first_span(ids.request).or_else(|| writer.first_span(ids.http_request)) else {
        return;
    };
    let text = writer.bytes(request);
    let until_end = |from: usize| {
        let rest = &text[from..];
        from..from + rest.iter().position(|byte| matches!(byte, b'\\' | b'\r' | b'\n')).unwrap_or(rest.len())
    };
    let after = |mark: &[u8]| scan::find(text, mark).map(|at| until_end(at + mark.len()));
    let line = until_end(0);
    let version = scan::find_last(&text[line.clone()], b" HTTP/").map(|at| at + b" HTTP/".len()..line.end);
    let (host, agent) = (after(b"nHost: "), after(b"nUser-Agent: "));
    for (part, to) in [(version, ecs::HTTP_VERSION), (agent, ecs::USER_AGENT_ORIGINAL), (host, ecs::URL_DOMAIN)] {
        if let Some(part) = part.filter(|part| !part.is_empty() && writer.first(to).is_none()) {
            writer.put_span(to, request.part(part), Kind::Text, false);
        }
    }
}

/// What a text message means: code, `event.action`, category, type, outcome.
type Meaning = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// By error code, sorted (BIG-IP Error Message Index; APM log messages).
static MEANINGS: &[Meaning] = &[
    ("01010028", "pool-no-members", "network", "error", "failure"),
    ("01010029", "clock-advanced", "host", "info", ""),
    ("01010038", "syncookie-threshold", "network", "info", ""),
    ("01010201", "port-exhaustion", "network", "error", "failure"),
    ("01010221", "pool-members-available", "network", "info", "success"),
    ("01010240", "syncookie-mode-entered", "network", "info", ""),
    ("01070417", "configuration-audit", "configuration", "change", ""),
    ("01070638", "pool-member-down", "network", "error", "failure"),
    ("01070639", "pool-member-disabled", "network", "info", ""),
    ("01070640", "node-down", "network", "error", "failure"),
    ("01070727", "pool-member-up", "network", "info", "success"),
    ("01070728", "node-up", "network", "info", "success"),
    ("01071681", "virtual-server-available", "network", "info", "success"),
    ("01071682", "virtual-server-unavailable", "network", "error", "failure"),
    ("010c0018", "failover-standby", "host", "change", ""),
    ("010c0019", "failover-active", "host", "change", ""),
    ("01220001", "rule-error", "network", "error", "failure"),
    ("01220002", "rule-log", "network", "info", ""),
    ("01260009", "tls-connection-error", "network", "error", "failure"),
    ("01260013", "tls-handshake-failed", "network", "error", "failure"),
    ("01420002", "command-audit", "configuration", "change", ""),
    ("01490005", "access-policy-ending", "session", "info", ""),
    ("01490010", "username", "authentication", "info", ""),
    ("01490102", "access-policy-result", "session", "info", ""),
    ("01490106", "authentication-failed", "authentication", "start", "failure"),
    ("01490107", "authentication-failed", "authentication", "start", "failure"),
    ("01490500", "session-created", "session", "start", "success"),
    ("01490501", "session-deleted", "session", "end", ""),
    ("01490502", "session-deleted", "session", "end", ""),
    ("01490505", "tunnel-started", "session", "start", ""),
    ("01490506", "user-agent", "session", "info", ""),
    ("01490521", "session-statistics", "session", "info", ""),
    ("01490549", "address-assigned", "session", "info", "success"),
];

/// How far into a message its code may stand: behind level, daemon and process number.
const CODE_WITHIN_BYTES: usize = 160;

/// Where `hhhhhhhh:n:` begins.
fn code_at(text: &[u8]) -> Option<usize> {
    let head = &text[..text.len().min(CODE_WITHIN_BYTES)];
    memchr::memchr_iter(b':', head).find_map(|colon| {
        let from = colon.checked_sub(8)?;
        let code = &head[from..colon];
        let alone = from == 0 || head[from - 1] == b' ';
        let level = matches!(head.get(colon + 1..colon + 3), Some([b'0'..=b'7', b':']));
        (alone && level && code.starts_with(b"01") && code.iter().all(u8::is_ascii_hexdigit)).then_some(from)
    })
}

/// A daemon's message.
fn read_text<'a>(writer: &mut EventWriter<'a>, _: &Context<'_>, header: &Header<'a>) -> bool {
    static LEVELS: [&str; 8] =
        ["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"];
    let message = header.message;
    let Some(from) = code_at(message) else { return false };
    let (code, level) = (&message[from..from + 8], message[from + 9]);
    let text = message[from + 11..].trim_ascii_start();
    let ids = ids();
    begin(writer, logsource::F5);
    writer.put_vendor(ids.code, code);
    writer.put(ecs::EVENT_CODE, code);
    writer.put_vendor(ids.level, &message[from + 9..from + 10]);
    writer.put_str(ecs::LOG_LEVEL, LEVELS[usize::from(level - b'0')]);
    writer.put(ecs::MESSAGE, text);
    // `notice mcpd[5318]: ` stands before the code where the header's own tag is the level.
    if let Some((daemon, number)) = message[..from].trim_ascii_end().strip_suffix(b"]:").and_then(|all| {
        let (before, number) = super::text::split_last(all, b"[")?;
        Some((before.rsplit(|&byte| byte == b' ').next()?, number))
    }) {
        if writer.first(ecs::PROCESS_NAME).is_none() && !daemon.is_empty() {
            writer.put(ecs::PROCESS_NAME, daemon);
        }
        if writer.first(ecs::PROCESS_PID).is_none() && crate::number::parse_i64(number).is_some() {
            writer.put_as(ecs::PROCESS_PID, number, Kind::Number, false);
        }
    }
    // `notice mcpd[5318]: ` may have been read as one tag.
    if let Some((name, _)) = writer.first_span(ecs::PROCESS_NAME) {
        if let Some(blank) = memchr::memrchr(b' ', writer.bytes(name)) {
            writer.replace(ecs::PROCESS_NAME, name.part(blank + 1..name.len()));
        }
    }
    if code.starts_with(b"0149") {
        writer.put_str(ecs::OBSERVER_PRODUCT, "Access Policy Manager");
        put_session(writer, ids, text);
    } else {
        put_daemon(writer, ids, text);
    }
    writer.put_str(ecs::EVENT_KIND, "event");
    let found = MEANINGS.binary_search_by(|row| row.0.as_bytes().cmp(code)).ok().map(|at| MEANINGS[at]);
    let (_, action, category, kind, outcome) = found.unwrap_or(("", "", "", "info", ""));
    for (to, value) in [
        (ecs::EVENT_ACTION, action),
        (ecs::EVENT_CATEGORY, category),
        (ecs::EVENT_TYPE, kind),
        (ecs::EVENT_OUTCOME, outcome),
    ] {
        if !value.is_empty() {
            writer.put_str(to, value);
        }
    }
    put_sums(writer);
    relate_all(writer);
    true
}

/// `/Common/profile:Common:0a1b2c3d: text` of access sessions.
fn put_session<'a>(writer: &mut EventWriter<'a>, ids: &Ids, text: &'a [u8]) {
    let text = match split(text, b": ") {
        Some((prefix, rest)) if prefix.starts_with(b"/") => {
            let mut parts = prefix.splitn(3, |&byte| byte == b':');
            super::text::put_vendor(writer, ids.policy, parts.next().unwrap_or_default());
            super::text::put_vendor(writer, ids.session, parts.nth(1).unwrap_or_default());
            rest
        }
        _ => text,
    };
    if let Some((_, rest)) = split(text, b"client IP ") {
        put_address(writer, ecs::SOURCE_IP, word(rest).0);
        twin(writer, ecs::SOURCE_IP, ecs::CLIENT_IP);
    }
    if let Some((_, rest)) = split(text, b"VIP ") {
        put_address(writer, ecs::DESTINATION_IP, word(rest).0);
    }
    if let Some((_, rest)) = split(text, b"Listener ") {
        super::text::put_vendor(writer, ids.listener, word(rest).0);
    }
    let user = between(text, b"Username '", b"'").or_else(|| between(text, b"authentication with '", b"'"));
    put_user(writer, ecs::USER_NAME, user.unwrap_or_default());
    if let Some((_, agent)) = split(text, b"User-Agent header: ") {
        writer.put(ecs::USER_AGENT_ORIGINAL, agent);
    }
    for (mark, id, to) in
        [(&b"bytes in: "[..], ids.bytes_in, ecs::SOURCE_BYTES), (b"bytes out: ", ids.bytes_out, ecs::DESTINATION_BYTES)]
    {
        let Some((_, rest)) = split(text, mark) else { continue };
        let digits = &rest[..rest.iter().take_while(|byte| byte.is_ascii_digit()).count()];
        put_number(writer, id, digits);
        if crate::number::parse_i64(digits).is_some() {
            writer.put_as(to, digits, Kind::Number, false);
        }
    }
}

/// Pools, their members, ends of connections and who changed what.
fn put_daemon<'a>(writer: &mut EventWriter<'a>, ids: &Ids, text: &'a [u8]) {
    for mark in [&b"Pool "[..], b"pool "] {
        if let Some((_, rest)) = split(text, mark).filter(|(_, rest)| rest.starts_with(b"/")) {
            super::text::put_vendor(writer, ids.pool, word(rest).0.trim_ascii_end());
            break;
        }
    }
    if let Some((_, rest)) = split(text, b" member ") {
        super::text::put_vendor(writer, ids.member, word(rest).0);
    }
    if let Some((_, rest)) = split(text, b" from ").filter(|_| scan::find(text, b" to ").is_some()) {
        let (source, rest) = word(rest);
        let target = rest.strip_prefix(b"to ").or_else(|| rest.strip_prefix(b"-> "));
        put_address_port(writer, ecs::SOURCE_IP, ecs::SOURCE_PORT, source);
        put_address_port(writer, ecs::DESTINATION_IP, ecs::DESTINATION_PORT, word(target.unwrap_or_default()).0);
    }
    if text.starts_with(b"AUDIT - ") {
        let user = match split(text, b"user=") {
            Some((_, rest)) => word(rest).0,
            None => split(text, b"user ").map(|(_, rest)| word(rest).0).unwrap_or_default(),
        };
        put_user(writer, ecs::USER_NAME, user.strip_suffix(b",").unwrap_or(user));
        if let Some((_, command)) = split(text, b"cmd_data=") {
            super::text::put_vendor(writer, ids.cmd, command);
        }
    }
}

fn put_address(writer: &mut EventWriter<'_>, to: FieldId, text: &[u8]) {
    if let Some(ip) = crate::ip::parse(text) {
        let span = writer.put_addr(to, ip, text);
        relate_span(writer, span, ecs::RELATED_IP);
    }
}

fn put_address_port(writer: &mut EventWriter<'_>, ip: FieldId, port: FieldId, text: &[u8]) {
    let text = text.strip_suffix(b".").unwrap_or(text);
    if crate::ip::parse(text).is_some() {
        return put_address(writer, ip, text);
    }
    let Some((address, number)) = super::text::split_last(text, b":") else { return };
    if crate::ip::parse(address).is_some() && number.iter().all(u8::is_ascii_digit) {
        put_address(writer, ip, address);
        writer.put_port(port, number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings_are_sorted_and_codes_are_found() {
        assert!(MEANINGS.is_sorted_by(|one, other| one.0 < other.0));
        assert_eq!(code_at(b"notice mcpd[5318]: 01070638:5: Pool"), Some(19));
        assert_eq!(code_at(b"01490500:5: /Common/a"), Some(0));
        assert_eq!(code_at(b"x01490500:5: "), None);
        assert_eq!(code_at(b"01490500:9: "), None);
        assert_eq!(code_at(b"01490500:5"), None);
    }
}
