//! Sophos Firewall (XG, SFOS): key=value logs (Sophos Firewall Log Viewer and syslog guide, 17 to 20).
//!
//! Two dialects: the device standard format (`device="SFW" date=… log_type="Firewall"`), and the
//! central reporting format (`device_name="SFW" timestamp="…" severity="…"`).

use std::sync::LazyLock;

use super::fields::{copy, put_lower, put_path, relate};
use super::kv_table::{self, ById};
use super::names::vendor_names;
use super::network::{put_duration, put_lasting, put_sums, relate_all};
use super::targets::{Target, To, by_id, names, names_len};
use super::url;
use crate::decode::Context;
use crate::defect::Defect;
use crate::event::{EventWriter, Kind, TimePrecision};
use crate::logsource::LogSourceId;
use crate::number::parse_u64;
use crate::products::{Detect, Product};
use crate::time::{Civil, Stamp, take_clock, take_iso};
use crate::wire::kv::Pairs;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `sophos_xg`.
pub(crate) static PRODUCT: Product = Product {
    name: "sophos_xg",
    title: "Sophos Firewall (XG, SFOS)",
    document: "Sophos Firewall: Syslog Guide 20.0",
    namespace: "sophos.xg",
    module: "sophos",
    dataset: "sophos.xg",
    vendor: "Sophos",
    product: "XG",
    observer_type: "firewall",
    names: &ALL_NAMES,
    detect: &[Detect::Mark(&["device=\"SFW\"", "device_name=\"SFW\"", " log_component=", " log_type=\""], decode)],
    ..Product::NONE
};

vendor_names! {
    date = "date";
    time = "time";
    timestamp = "timestamp";
    log_id = "log_id";
    log_type = "log_type";
    log_component = "log_component";
    log_subtype = "log_subtype";
    status = "status";
    priority = "priority";
    severity = "severity";
    protocol = "protocol";
    duration = "duration";
    responsetime = "responsetime";
    connevent = "connevent";
    con_event = "con_event";
    url = "url";
    domain = "domain";
    source = "source";
    filename = "filename";
    http_status = "http_status";
    httpstatus = "httpstatus";
    user_name = "user_name";
    from_email = "from_email_address";
    to_email = "to_email_address";
    src_zone_type = "src_zone_type";
    dst_zone_type = "dst_zone_type";
    srczonetype = "srczonetype";
    dstzonetype = "dstzonetype";
    fw_rule_id = "fw_rule_id";
    application = "application";
    timezone = "timezone";
    status_code = "status_code";
    domainname = "domainname";
    @also
    "device" "device_name" "device_model" "log_version" "policy_type" "iap" "ips_policy_id"
    "appfilter_policy_id" "application_risk" "application_technology" "application_category" "src_country_code"
    "dst_country_code" "src_country" "dst_country" "icmp_type" "icmp_code" "dir_disp" "connid" "vconnid"
    "hb_health" "application_filter_policy" "av_policy_name" "virus" "mailid" "mailsize" "spamaction" "quarantine"
    "quarantine_reason" "category" "category_type" "http_category" "http_category_type" "web_policy_id" "con_id"
    "used_quota" "app_is_cloud" "app_resolved_by" "app_risk" "app_technology" "app_category" "override_token"
    "override_name" "override_authorizer" "exceptions" "activityname" "transactionid" "upload_file_name"
    "upload_file_type" "threatname" "eventtype" "login_user" "process_user" "ep_uuid" "execution_path" "platform"
    "target" "idp_policy_id" "rule_priority" "auth_client" "auth_mechanism" "name" "start_time" "qualifier" "ether_type"
    "gw_id_request" "gw_name_request" "nat_rule_id" "nat_rule_name" "fw_rule_name" "fw_rule_section" "bridge_name"
    "in_display_interface" "out_display_interface" "hostname" "ap" "ssid" "clients_conn_ssid" "interface" "receivedkbits"
    "transmittedkbits" "unit" "total_memory" "free" "used" "users" "configuration" "reports" "signature" "temp"
    "idle" "system" "user" "lease_time" "reported_host" "reported_ip" "ipaddress" "client_physical_address"
    "client_host_name" "bytessent" "cookie" "extra" "server" "querystring" "ftpcommand" "FTP_direction" "FTP_url"
}

/// The schema's names as Elastic's sophos integration fills them. The first of several keys fills one.
const TARGETS: &[Target] = &[
    ("device_id", ecs::OBSERVER_SERIAL_NUMBER, To::Text),
    ("device_serial_id", ecs::OBSERVER_SERIAL_NUMBER, To::Text),
    ("src_ip", ecs::SOURCE_IP, To::Ip),
    ("sourceip", ecs::SOURCE_IP, To::Ip),
    ("src_port", ecs::SOURCE_PORT, To::Port),
    ("src_mac", ecs::SOURCE_MAC, To::Mac),
    ("dst_ip", ecs::DESTINATION_IP, To::Ip),
    ("destinationip", ecs::DESTINATION_IP, To::Ip),
    ("localip", ecs::DESTINATION_IP, To::Ip),
    ("localinterfaceip", ecs::SOURCE_IP, To::Ip),
    ("remoteinterfaceip", ecs::DESTINATION_IP, To::Ip),
    ("dst_port", ecs::DESTINATION_PORT, To::Port),
    ("dst_mac", ecs::DESTINATION_MAC, To::Mac),
    ("tran_src_ip", ecs::SOURCE_NAT_IP, To::Ip),
    ("src_trans_ip", ecs::SOURCE_NAT_IP, To::Ip),
    ("tran_src_port", ecs::SOURCE_NAT_PORT, To::Port),
    ("src_trans_port", ecs::SOURCE_NAT_PORT, To::Port),
    ("tran_dst_ip", ecs::DESTINATION_NAT_IP, To::Ip),
    ("dst_trans_ip", ecs::DESTINATION_NAT_IP, To::Ip),
    ("tran_dst_port", ecs::DESTINATION_NAT_PORT, To::Port),
    ("dst_trans_port", ecs::DESTINATION_NAT_PORT, To::Port),
    ("sent_bytes", ecs::SOURCE_BYTES, To::Number),
    ("bytes_sent", ecs::SOURCE_BYTES, To::Number),
    ("bytesrcv", ecs::SOURCE_BYTES, To::Number),
    ("recv_bytes", ecs::DESTINATION_BYTES, To::Number),
    ("bytes_received", ecs::DESTINATION_BYTES, To::Number),
    ("sent_pkts", ecs::SOURCE_PACKETS, To::Number),
    ("packets_sent", ecs::SOURCE_PACKETS, To::Number),
    ("recv_pkts", ecs::DESTINATION_PACKETS, To::Number),
    ("packets_received", ecs::DESTINATION_PACKETS, To::Number),
    ("in_interface", ecs::OBSERVER_INGRESS_INTERFACE_NAME, To::Text),
    ("out_interface", ecs::OBSERVER_EGRESS_INTERFACE_NAME, To::Text),
    ("srczone", ecs::OBSERVER_INGRESS_ZONE, To::Text),
    ("src_zone", ecs::OBSERVER_INGRESS_ZONE, To::Text),
    ("dstzone", ecs::OBSERVER_EGRESS_ZONE, To::Text),
    ("dst_zone", ecs::OBSERVER_EGRESS_ZONE, To::Text),
    ("user_gp", ecs::SOURCE_USER_GROUP_NAME, To::Text),
    ("user_group", ecs::SOURCE_USER_GROUP_NAME, To::Text),
    ("usergroupname", ecs::SOURCE_USER_GROUP_NAME, To::Text),
    ("application", ecs::NETWORK_APPLICATION, To::Text),
    ("application_name", ecs::NETWORK_APPLICATION, To::Text),
    ("app_name", ecs::NETWORK_APPLICATION, To::Text),
    ("signature_id", ecs::RULE_ID, To::Text),
    ("sig_id", ecs::RULE_ID, To::Text),
    ("signature_msg", ecs::RULE_NAME, To::Text),
    ("classification", ecs::RULE_CATEGORY, To::Text),
    ("policy_type", ecs::RULE_RULESET, To::Text),
    ("fw_rule_type", ecs::RULE_RULESET, To::Text),
    ("email_subject", ecs::EMAIL_SUBJECT, To::Text),
    ("subject", ecs::EMAIL_SUBJECT, To::Text),
    ("src_domainname", ecs::SOURCE_DOMAIN, To::Text),
    ("dst_domainname", ecs::DESTINATION_DOMAIN, To::Text),
    ("dstdomain", ecs::DESTINATION_DOMAIN, To::Text),
    ("server", ecs::DESTINATION_DOMAIN, To::Text),
    ("filesize", ecs::FILE_SIZE, To::Number),
    ("file_size", ecs::FILE_SIZE, To::Number),
    ("filetype", ecs::FILE_MIME_TYPE, To::Text),
    ("file_path", ecs::FILE_DIRECTORY, To::Text),
    ("sha1sum", ecs::FILE_HASH_SHA1, To::Text),
    ("reason", ecs::EVENT_REASON, To::Text),
    ("eventid", ecs::EVENT_ID, To::Text),
    ("event_id", ecs::EVENT_ID, To::Text),
    ("ws_protocol", ecs::HTTP_VERSION, To::Text),
    ("method", ecs::HTTP_REQUEST_METHOD, To::Text),
    ("http_method", ecs::HTTP_REQUEST_METHOD, To::Text),
    ("referer", ecs::HTTP_REQUEST_REFERRER, To::Text),
    ("useragent", ecs::USER_AGENT_ORIGINAL, To::Text),
    ("user_agent", ecs::USER_AGENT_ORIGINAL, To::Text),
    ("contenttype", ecs::HTTP_RESPONSE_MIME_TYPE, To::Text),
    ("content_type", ecs::HTTP_RESPONSE_MIME_TYPE, To::Text),
];

static ALL_NAMES: [&str; names_len(NAMES, TARGETS)] = names(NAMES, TARGETS);

fn targets() -> &'static ById {
    static BY_ID: LazyLock<Vec<Option<(crate::dictionary::FieldId, To)>>> = LazyLock::new(|| by_id(TARGETS));
    &BY_ID
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    if !text.starts_with(b"device=") && !text.starts_with(b"device_name=") && !text.starts_with(b"timestamp=") {
        return false;
    }
    let ids = ids();
    writer.rename(ecs::HOST_NAME, ecs::OBSERVER_NAME);
    writer.rename(ecs::HOST_HOSTNAME, ecs::OBSERVER_HOSTNAME);
    kv_table::read(writer, context, &mut Pairs::by_space(text), targets());
    set_time(writer, context, ids);
    let core = writer.core();
    core.product = products::SOPHOS_XG;
    put_code(writer, ids);
    put_severity(writer, ids);
    put_names(writer, ids);
    put_sums(writer);
    let log_source = put_taxonomy(writer, ids);
    writer.core().log_source = log_source;
    put_network(writer, ids);
    relate_all(writer);
    true
}

/// `timestamp`, or `date` and `time`. Few of the abbreviations beside them name a zone for sure (`IST` is three): of
/// those that are no zone of the IANA database by themselves the source's is taken.
fn set_time(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids) {
    if let Some(text) = writer.first(ids.timestamp) {
        match take_iso(text) {
            Some((stamp, _)) => return context.set_stamp(writer, &stamp),
            None => writer.defect(Defect::TimeUnreadable),
        }
    }
    let (Some(date), Some(time)) = (writer.first(ids.date), writer.first(ids.time)) else { return };
    match civil(date, time) {
        Some(civil) => {
            let offset_s = match writer.first(ids.timezone) {
                Some(b"CET") => Some(3600),
                Some(b"EET") => Some(2 * 3600),
                Some(b"EST") => Some(-5 * 3600),
                Some(b"MST") => Some(-7 * 3600),
                Some(b"HST") => Some(-10 * 3600),
                _ => None,
            };
            let stamp = Stamp { civil, offset_s, precision: TimePrecision::Second };
            context.set_stamp(writer, &stamp);
        }
        None => writer.defect(Defect::TimeUnreadable),
    }
}

fn civil(date: &[u8], time: &[u8]) -> Option<Civil> {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = date else { return None };
    let number = |digits: &[u8]| parse_u64(digits).and_then(|value| u32::try_from(value).ok());
    let (hour, minute, second, _) = take_clock(time)?;
    let (month, day) = (number(&[m0, m1])?, number(&[d0, d1])?);
    let civil = Civil { year: i64::from(number(&[y0, y1, y2, y3])?), month, day, hour, minute, second, nano: 0 };
    civil.is_valid().then_some(civil)
}

/// The last five digits of the log id are the message's own; before them stand type, component, subtype, priority.
fn put_code(writer: &mut EventWriter<'_>, ids: &Ids) {
    const CODE_DIGITS: usize = 5;
    if let Some((span, _)) = writer.first_span(ids.log_id) {
        if span.len() > CODE_DIGITS {
            writer.put_span(ecs::EVENT_CODE, span.part(span.len() - CODE_DIGITS..span.len()), Kind::Text, false);
        }
    }
}

fn put_severity(writer: &mut EventWriter<'_>, ids: &Ids) {
    let Some((span, _)) = writer.first_span(ids.priority).or_else(|| writer.first_span(ids.severity)) else {
        // The seventh digit of the log id is the priority.
        let digit = writer.first(ids.log_id).and_then(|id| id.get(6)).map(|digit| digit.wrapping_sub(b'0'));
        if let Some(digit) = digit.filter(|&digit| digit < 8) {
            writer.put_i64(ecs::EVENT_SEVERITY, i64::from(digit));
        }
        return;
    };
    let number = match writer.bytes(span) {
        b"Emergency" => 0,
        b"Alert" => 1,
        b"Critical" => 2,
        b"Error" => 3,
        b"Warning" => 4,
        b"Notice" | b"Notification" => 5,
        b"Information" => 6,
        b"Debug" => 7,
        _ => -1,
    };
    if number >= 0 {
        writer.put_i64(ecs::EVENT_SEVERITY, number);
    }
    put_lower(writer, ecs::LOG_LEVEL, span);
}

/// Users, mail, files and URLs.
fn put_names(writer: &mut EventWriter<'_>, ids: &Ids) {
    copy(writer, ids.user_name, ecs::SOURCE_USER_NAME);
    for (from, address, user) in [
        (ids.from_email, ecs::EMAIL_FROM_ADDRESS, ecs::SOURCE_USER_EMAIL),
        (ids.to_email, ecs::EMAIL_TO_ADDRESS, ecs::DESTINATION_USER_EMAIL),
    ] {
        copy(writer, from, address);
        copy(writer, from, user);
    }
    if let Some((span, _)) = writer.first_span(ids.filename).filter(|(span, _)| !span.is_empty()) {
        if writer.first(ecs::FILE_DIRECTORY).is_some() {
            writer.put_span(ecs::FILE_NAME, span, Kind::Text, false);
        } else {
            put_path(writer, span, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
        }
    }
    if let Some((span, _)) = writer.first_span(ids.url).filter(|(span, _)| !span.is_empty()) {
        url::put(writer, span);
        writer.put_span(ecs::URL_FULL, span, Kind::Text, false);
    }
    copy(writer, ids.domain, ecs::URL_DOMAIN);
    copy(writer, ids.domainname, ecs::URL_DOMAIN);
    // A signature says more than the rule that let the packet come to it.
    copy(writer, ids.fw_rule_id, ecs::RULE_ID);
    if writer.first(ids.log_type) == Some(b"Sandbox") {
        copy(writer, ids.source, ecs::DESTINATION_DOMAIN);
        copy(writer, ids.source, ecs::URL_DOMAIN);
    }
    for status in [ids.http_status, ids.httpstatus, ids.status_code] {
        // 0 stands for no answer.
        if writer.first(status).and_then(parse_u64).is_some_and(|status| status != 0) {
            copy(writer, status, ecs::HTTP_RESPONSE_STATUS_CODE);
        }
    }
    if put_duration(writer, ids.responsetime, 1_000).is_none() {
        put_lasting(writer, ids.duration);
    }
}

/// What the device says of traffic, in the schema's words.
struct Class {
    kind: &'static str,
    categories: &'static [&'static str],
    /// The empty ones say nothing.
    types: [&'static str; 4],
    log_source: LogSourceId,
}

/// What the log type, the component and the subtype say of traffic; `None` for what the device does itself.
fn classify(writer: &EventWriter<'_>, ids: &Ids) -> Option<Class> {
    static INTRUSION: &[&str] = &["intrusion_detection", "network"];
    static MALWARE: &[&str] = &["malware", "network"];
    static NETWORK: &[&str] = &["network"];
    let component = writer.first(ids.log_component).unwrap_or_default();
    let subtype = writer.first(ids.log_subtype).unwrap_or_default();
    let code = writer.first(ecs::EVENT_CODE).unwrap_or_default();
    let passed = matches!(
        subtype,
        b"Allowed" | b"Clean" | b"SPX" | b"Warned" | b"Alert" | b"Detect" | b"Pending" | b"Content Detected"
    );
    let is_icmp_error = component == b"ICMP ERROR MESSAGE";
    let by_verdict =
        |categories: &'static [&'static str]| if passed { ("event", NETWORK) } else { ("alert", categories) };
    let ((kind, categories), log_source) = match writer.first(ids.log_type).unwrap_or_default() {
        b"Firewall" | b"SSL" | b"Heartbeat" => {
            // The firewall's messages that tell of an attack.
            let is_attack = matches!(component, b"DoS Attack" | b"IP Spoof" | b"Source Routed")
                || (is_icmp_error && !passed)
                || (component == b"Heartbeat" && code == b"00003");
            (if is_attack { ("alert", INTRUSION) } else { ("event", NETWORK) }, logsource::SOPHOS_FIREWALL)
        }
        b"IDP" | b"ATP" => (("alert", INTRUSION), logsource::SOPHOS_IPS),
        b"WAF" => (("alert", INTRUSION), logsource::SOPHOS_WEB),
        b"Anti-Spam" if subtype == b"Dos" => (("alert", INTRUSION), logsource::SOPHOS_MAIL),
        b"Anti-Spam" => (by_verdict(MALWARE), logsource::SOPHOS_MAIL),
        b"Anti-Virus" | b"Sandbox" | b"Zero-day protection" => (by_verdict(MALWARE), logsource::SOPHOS_ANTIVIRUS),
        b"Content Filtering" => (by_verdict(MALWARE), logsource::SOPHOS_WEB),
        _ => return None,
    };
    let is_pending = subtype == b"Pending";
    let phase = match writer.first(ids.connevent).or_else(|| writer.first(ids.con_event)) {
        // A message about one packet that was let through begins and ends with it.
        _ if is_pending || (is_icmp_error && passed) => "start",
        Some(b"Start") => "start",
        Some(b"Stop") => "end",
        Some(b"Interim") => "info",
        _ => "",
    };
    let is_sandbox = matches!(writer.first(ids.log_type), Some(b"Sandbox" | b"Zero-day protection"));
    let is_mail = log_source == logsource::SOPHOS_MAIL;
    let tells = !is_sandbox && kind == "alert" && (categories == MALWARE || is_mail);
    let verdict = match (is_pending, passed) {
        (true, _) => "",
        (_, true) => "allowed",
        (_, false) => "denied",
    };
    Some(Class { kind, categories, types: [phase, if tells { "info" } else { "" }, verdict, "connection"], log_source })
}

/// Writes the classes; the answer is the log source.
fn put_taxonomy(writer: &mut EventWriter<'_>, ids: &Ids) -> LogSourceId {
    let Some(class) = classify(writer, ids) else { return put_event(writer, ids) };
    writer.put_str(ecs::EVENT_KIND, class.kind);
    for category in class.categories {
        writer.put_str(ecs::EVENT_CATEGORY, category);
    }
    for kind in class.types.into_iter().filter(|kind| !kind.is_empty()) {
        writer.put_str(ecs::EVENT_TYPE, kind);
    }
    writer.put_str(ecs::EVENT_OUTCOME, "success");
    if writer.first(ids.log_subtype).is_none_or(<[u8]>::is_empty) {
        // The web application firewall logs what it refused without a subtype.
        writer.put_str(ecs::EVENT_ACTION, "denied");
    } else {
        put_action(writer, ids);
    }
    class.log_source
}

fn put_action(writer: &mut EventWriter<'_>, ids: &Ids) {
    if let Some((span, _)) = writer.first_span(ids.log_subtype) {
        put_lower(writer, ecs::EVENT_ACTION, span);
    }
}

/// Sign-ins and what else the device does itself.
fn put_event(writer: &mut EventWriter<'_>, ids: &Ids) -> LogSourceId {
    writer.put_str(ecs::EVENT_KIND, "event");
    let is_login = writer.first(ids.log_subtype) == Some(b"Authentication");
    if is_login {
        writer.put_str(ecs::EVENT_CATEGORY, "authentication");
        copy(writer, ids.user_name, ecs::USER_NAME);
    }
    match writer.first(ids.status) {
        Some(b"Successful") if is_login => {
            writer.put_str(ecs::EVENT_OUTCOME, "success");
            writer.put_str(ecs::EVENT_TYPE, "start");
        }
        Some(b"Successful") => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        None if writer.first(ids.log_subtype) == Some(b"Information") => {
            writer.put_str(ecs::EVENT_OUTCOME, "success");
        }
        Some(b"Failed") => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        _ => {}
    }
    logsource::SOPHOS
}

fn put_network(writer: &mut EventWriter<'_>, ids: &Ids) {
    if let Some((span, _)) = writer.first_span(ids.protocol).filter(|(span, _)| !span.is_empty()) {
        put_lower(writer, ecs::NETWORK_TRANSPORT, span);
    }
    if let Some((scheme, _)) = writer.first_span(ecs::URL_SCHEME) {
        writer.put_span(ecs::NETWORK_PROTOCOL, scheme, Kind::Text, false);
    } else if matches!(writer.first(ids.log_type), Some(b"Anti-Spam" | b"Anti-Virus" | b"Content Filtering")) {
        let component = writer.first_span(ids.log_component);
        // Only those components that are protocols: `Application` and `Web Content Policy` are not.
        let is_protocol = |text: &[u8]| text.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        match component.map(|(span, _)| (span, writer.bytes(span))) {
            Some((_, b"POPS")) => writer.put_str(ecs::NETWORK_PROTOCOL, "pop3s"),
            Some((_, b"POP")) => writer.put_str(ecs::NETWORK_PROTOCOL, "pop3"),
            Some((span, text)) if is_protocol(text) => put_lower(writer, ecs::NETWORK_PROTOCOL, span),
            _ => {}
        }
    } else if let Some((span, _)) = writer.first_span(ids.application).filter(|(span, _)| !span.is_empty()) {
        put_lower(writer, ecs::NETWORK_PROTOCOL, span);
    }
    let side = |writer: &EventWriter<'_>, one, other| {
        let zone = writer.first(one).or_else(|| writer.first(other)).unwrap_or_default();
        (!zone.is_empty()).then_some(zone != b"WAN")
    };
    let source_inside = side(writer, ids.src_zone_type, ids.srczonetype);
    let destination_inside = side(writer, ids.dst_zone_type, ids.dstzonetype);
    if let (Some(source), Some(destination)) = (source_inside, destination_inside) {
        let direction = match (source, destination) {
            (true, true) => "internal",
            (true, false) => "outbound",
            (false, true) => "inbound",
            (false, false) => "external",
        };
        writer.put_str(ecs::NETWORK_DIRECTION, direction);
    }
    relate(writer, ecs::OBSERVER_HOSTNAME, ecs::RELATED_HOSTS);
}
