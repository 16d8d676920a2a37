//! Zscaler Internet Access: the JSON feeds of its Nanolog Streaming Service (Zscaler Help, "NSS Feed Output Format"
//! for web, firewall and DNS logs).

use base64::Engine as _;

use super::fields::{copy, put_lower, put_user, relate, relate_span};
use super::json_table::How::*;
use super::json_table::{JsonTable, Spec};
use super::names::vendor_names;
use super::network::put_sums;
use super::text::{End, between, put_end_port, split_last};
use super::{Detect, Product, url};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span, TimePrecision};
use crate::number::take_u64;
use crate::time::{Civil, Stamp, month, take_clock, take_offset};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `zscaler_zia`.
pub(crate) static PRODUCT: Product = Product {
    name: "zscaler_zia",
    title: "Zscaler Internet Access",
    document: "Zscaler Help: NSS Feed Output Format, web, firewall and DNS logs",
    namespace: "zscaler_zia",
    module: "zscaler_zia",
    dataset: "zscaler_zia.log",
    vendor: "Zscaler",
    product: "ZIA",
    names: NAMES,
    json: &[&TABLE],
    detect: &[
        Detect::Members(&["sourcetype", "event.recordid"], read),
        Detect::Members(&["sourcetype", "event.tz"], read),
        Detect::Members(&["sourcetype", "event.Recordid"], read),
        Detect::Members(&["sourcetype", "event.datetime"], read),
        Detect::Mark(&["ZscalerNSS:"], read_status),
    ],
    ..Product::NONE
};

vendor_names! {
    sourcetype = "sourcetype";
    time = "event.time";
    datetime = "event.datetime";
    user = "event.user";
    login = "event.login";
    url = "event.url";
    b64url = "event.b64url";
    b64referer = "event.b64referer";
    proto = "event.proto";
    action = "event.action";
    rdr_rule = "event.rdr_rulename";
    devicename = "event.devicename";
    adminid = "event.adminid";
    tz = "event.tz";
    timezone = "event.timezone";
    bamd5 = "event.bamd5";
    ssip = "event.ssip";
    sdip = "event.sdip";
    ssport = "event.ssport";
    sdport = "event.sdport";
    @also
    "version" "event.recordid" "event.Recordid" "event.reqaction" "event.resaction" "event.external_devid"
    "event.threatseverity" "event.threatname" "event.appname" "event.appclass" "event.urlsubcat" "event.urlsupercat"
    "event.dept" "event.location" "event.devicemodel" "event.devicetype" "event.filetype"
}

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::ZSCALER_ZIA,
    rows: &[
        ("event.recordid", ecs::EVENT_ID, Text),
        ("event.Recordid", ecs::EVENT_ID, Text),
        ("event.action", ecs::EVENT_ACTION, Lower),
        ("event.actiontaken", ecs::EVENT_ACTION, Lower),
        ("event.reqaction", ecs::EVENT_ACTION, Lower),
        ("event.reason", ecs::EVENT_REASON, Text),
        ("event.cloudname", ecs::CLOUD_PROVIDER, Text),
        ("event.company", ecs::ORGANIZATION_NAME, Text),
        ("event.devicehostname", ecs::HOST_NAME, Lower),
        ("event.deviceosversion", ecs::HOST_OS_VERSION, Text),
        (
            "event.deviceostype",
            ecs::HOST_OS_TYPE,
            Map(&[
                ("iOS", "ios"),
                ("Android OS", "android"),
                ("Windows OS", "windows"),
                ("MAC OS", "macos"),
                ("Linux OS", "linux"),
            ]),
        ),
        ("event.cltip", ecs::SOURCE_IP, Ip),
        ("event.csip", ecs::SOURCE_IP, Ip),
        ("event.clt_sip", ecs::SOURCE_IP, Ip),
        ("event.sourceip", ecs::SOURCE_IP, Ip),
        ("event.clientip", ecs::SOURCE_IP, Ip),
        ("event.destinationip", ecs::DESTINATION_IP, Ip),
        ("event.sourceport", ecs::SOURCE_PORT, Port),
        ("event.destinationport", ecs::DESTINATION_PORT, Port),
        ("event.sourceportstart", ecs::SOURCE_PORT, Port),
        ("event.destinationportstart", ecs::DESTINATION_PORT, Port),
        ("event.txbytes", ecs::SOURCE_BYTES, Number),
        ("event.rxbytes", ecs::DESTINATION_BYTES, Number),
        ("event.event", ecs::EVENT_ACTION, Slug),
        ("event.eventreason", ecs::EVENT_REASON, Text),
        ("event.errorcode", ecs::ERROR_CODE, Text),
        (
            "event.result",
            ecs::EVENT_OUTCOME,
            Map(&[("SUCCESS", "success"), ("Success", "success"), ("FAILURE", "failure"), ("Failure", "failure")]),
        ),
        ("event.cltintip", ecs::SOURCE_NAT_IP, Ip),
        ("event.tsip", ecs::RELATED_IP, Ips),
        ("event.cltpubip", ecs::RELATED_IP, Ips),
        ("event.forward_gateway_ip", ecs::RELATED_IP, Ips),
        ("event.nssserviceip", ecs::RELATED_IP, Ips),
        ("event.cltsourceport", ecs::SOURCE_PORT, Port),
        ("event.csport", ecs::SOURCE_PORT, Port),
        ("event.serverip", ecs::DESTINATION_IP, Ip),
        ("event.cdip", ecs::DESTINATION_IP, Ip),
        ("event.srv_dip", ecs::DESTINATION_IP, Ip),
        ("event.cdport", ecs::DESTINATION_PORT, Port),
        ("event.srv_dport", ecs::DESTINATION_PORT, Port),
        ("event.host", ecs::DESTINATION_DOMAIN, Text),
        ("event.cltdomain", ecs::DESTINATION_DOMAIN, Text),
        ("event.outbytes", ecs::SOURCE_BYTES, Number),
        ("event.inbytes", ecs::DESTINATION_BYTES, Number),
        ("event.durationms", ecs::EVENT_DURATION, Duration(1_000_000)),
        ("event.nwapp", ecs::NETWORK_APPLICATION, Lower),
        ("event.dnsapp", ecs::NETWORK_APPLICATION, Lower),
        ("event.nwsvc", ecs::NETWORK_PROTOCOL, Lower),
        ("event.protocol", ecs::NETWORK_TRANSPORT, Lower),
        ("event.ipsrulelabel", ecs::RULE_NAME, Set),
        ("event.dnatrulelabel", ecs::RULE_NAME, Set),
        ("event.rule", ecs::RULE_NAME, Set),
        ("event.apprulelabel", ecs::RULE_NAME, Set),
        ("event.dlprulename", ecs::RULE_NAME, Set),
        ("event.rulelabel", ecs::RULE_NAME, Set),
        ("event.urlfilterrulelabel", ecs::RULE_NAME, Set),
        ("event.reqrulelabel", ecs::RULE_NAME, Set),
        ("event.resrulelabel", ecs::RULE_NAME, Set),
        ("event.reqsize", ecs::HTTP_REQUEST_BYTES, Number),
        ("event.respsize", ecs::HTTP_RESPONSE_BYTES, Number),
        ("event.respcode", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("event.reqmethod", ecs::HTTP_REQUEST_METHOD, Text),
        ("event.reqversion", ecs::HTTP_VERSION, Set),
        ("event.respversion", ecs::HTTP_VERSION, Set),
        ("event.referer", ecs::HTTP_REQUEST_REFERRER, Text),
        ("event.useragent", ecs::USER_AGENT_ORIGINAL, Text),
        ("event.cltsslcipher", ecs::TLS_CIPHER, Text),
        ("event.rulename", ecs::RULE_NAME, Set),
        ("event.otherrulelabels", ecs::RULE_NAME, Set),
        ("event.resource", ecs::RULE_NAME, Set),
        ("event.category", ecs::RULE_RULESET, Text),
        ("event.subcategory", ecs::RULE_CATEGORY, Text),
        ("event.filemd5", ecs::FILE_HASH_MD5, Hash),
        ("event.filesha", ecs::FILE_HASH_SHA256, Hash),
        ("event.filedstpath", ecs::FILE_PATH, Text),
        ("event.deviceplatform", ecs::HOST_OS_PLATFORM, Text),
        ("event.filename", ecs::FILE_NAME, Set),
        ("event.upload_filename", ecs::FILE_NAME, Set),
        ("event.bamd5", ecs::FILE_HASH_MD5, Hash),
        ("event.sha256", ecs::FILE_HASH_SHA256, Hash),
        ("event.dlpmd5", ecs::RELATED_HASH, Set),
        ("event.deviceowner", ecs::RELATED_USER, Set),
        ("event.dns_req", ecs::DNS_QUESTION_NAME, Text),
        ("event.dns_reqtype", ecs::DNS_QUESTION_TYPE, Text),
        ("event.dns_resp", ecs::DNS_ANSWERS_DATA, Set),
        ("event.dns_resp", ecs::DNS_RESOLVED_IP, Ips),
        ("event.error", ecs::DNS_RESPONSE_CODE, Text),
    ],
    ..Spec::NONE
});

/// Reads a record of the web, firewall or DNS feed; `false` = it is of another.
fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    let feed = writer.first(ids.sourcetype).unwrap_or_default();
    let (log_source, kind, category, fallback) = match feed {
        b"zscalernss-web" => (logsource::ZSCALER_WEB, "event", "web", "info"),
        b"zscalernss-dns" => (logsource::ZSCALER_DNS, "event", "network", "info"),
        b"zscalernss-fw" => (logsource::ZSCALER_FIREWALL, "event", "network", "allowed"),
        b"zscalernss-audit" => (logsource::ZSCALER, "event", "configuration", "change"),
        b"zscalernss-edlp" => (logsource::ZSCALER, "alert", "intrusion_detection", "allowed"),
        _ if feed.starts_with(b"zscalernss-") => (logsource::ZSCALER, "event", "network", "info"),
        _ => return false,
    };
    let is_web = log_source == logsource::ZSCALER_WEB;
    TABLE.apply(writer, context);
    writer.core().log_source = log_source;
    for id in [ids.time, ids.datetime] {
        let Some(text) = writer.first(id) else { continue };
        match read_time(text) {
            // The feed's stamps are of the zone of its configuration; GMT unless changed.
            Some(civil) => {
                let zone = writer.first(ids.timezone).or_else(|| writer.first(ids.tz)).unwrap_or_default();
                let stamp = Stamp { civil, offset_s: Some(zone_offset_s(zone)), precision: TimePrecision::Second };
                context.set_stamp(writer, &stamp);
            }
            None => writer.defect(Defect::TimeUnreadable),
        }
        break;
    }
    writer.put_str(ecs::EVENT_KIND, kind);
    writer.put_str(ecs::EVENT_CATEGORY, category);
    let action = writer.first(ids.action).unwrap_or_default();
    let denied = [&b"block"[..], b"drop", b"deny", b"reset"]
        .iter()
        .any(|word| action.len() >= word.len() && action[..word.len()].eq_ignore_ascii_case(word));
    writer.put_str(ecs::EVENT_TYPE, if denied { "denied" } else { fallback });
    if writer.first(ecs::FILE_HASH_MD5).is_some() {
        writer.put_str(ecs::FILE_TYPE, "file");
    }
    if is_web {
        writer.put_str(ecs::OBSERVER_TYPE, "proxy");
        // The verdict of the sandbox is by the digest that it names.
        copy(writer, ids.bamd5, ecs::THREAT_INDICATOR_NAME);
    }
    if log_source == logsource::ZSCALER_FIREWALL {
        writer.put_str(ecs::OBSERVER_TYPE, "firewall");
        put_far_ends(writer, ids);
        if let Some((span, _)) = writer.first_span(ids.rdr_rule).filter(|(span, _)| !span.is_empty()) {
            writer.put_span(ecs::RULE_NAME, span, Kind::Text, false);
        }
    }
    if log_source == logsource::ZSCALER_DNS {
        writer.put_str(ecs::NETWORK_PROTOCOL, "dns");
    }
    if let Some((span, _)) = writer.first_span(ids.proto) {
        put_lower(writer, if is_web { ecs::NETWORK_PROTOCOL } else { ecs::NETWORK_TRANSPORT }, span);
    }
    put_sums(writer);
    put_account(writer, ids);
    put_url(writer, ids);
    if let Some((span, _)) = writer.first_span(ids.devicename).filter(|(span, _)| !span.is_empty()) {
        // Escaped as in a URL.
        let mut room = [0; NAME_BYTES_MAX];
        let text = writer.bytes(span);
        let len = text.len().min(NAME_BYTES_MAX);
        room[..len].copy_from_slice(&text[..len]);
        let name = url::form_decoded(writer, &room[..len], true);
        writer.put_span(ecs::HOST_HOSTNAME, name, Kind::Text, false);
    }
    for from in [ecs::HOST_NAME, ecs::HOST_HOSTNAME] {
        relate(writer, from, ecs::RELATED_HOSTS);
    }
    true
}

/// What the streaming service says of its own feeds: `[address] ZscalerNSS: SIEM Feed connection "name" to address:port …`.
fn read_status<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let Some(at) = crate::scan::find(text, b"ZscalerNSS:") else { return false };
    let core = writer.core();
    (core.product, core.log_source) = (products::ZSCALER_ZIA, logsource::ZSCALER);
    writer.put(ecs::MESSAGE, &text[at..]);
    writer.put_str(ecs::EVENT_KIND, "alert");
    let device = text[..at].trim_ascii();
    let device = device.strip_prefix(b"[").and_then(|device| device.strip_suffix(b"]")).unwrap_or(device);
    let behind = between(text, b"\" to ", b" ");
    let (peer, port) = behind.map_or((device, &b""[..]), |peer| split_last(peer, b":").unwrap_or((peer, b"")));
    if !peer.is_empty() {
        let end = End {
            address: ecs::DESTINATION_ADDRESS,
            ip: ecs::DESTINATION_IP,
            domain: ecs::DESTINATION_DOMAIN,
            port: ecs::DESTINATION_PORT,
        };
        put_end_port(writer, end, peer, port);
    }
    true
}

/// Both ends once more, as they are behind the service. The typed columns keep those before it.
fn put_far_ends(writer: &mut EventWriter<'_>, ids: &Ids) {
    let near = *writer.core();
    for (from, to) in [(ids.ssip, ecs::SOURCE_IP), (ids.sdip, ecs::DESTINATION_IP)] {
        if let Some(span) = another(writer, from, to) {
            if writer.put_if_ip(to, span) {
                relate_span(writer, span, ecs::RELATED_IP);
            }
        }
    }
    for (from, to) in [(ids.ssport, ecs::SOURCE_PORT), (ids.sdport, ecs::DESTINATION_PORT)] {
        if let Some(span) = another(writer, from, to) {
            writer.put_port_span(to, span);
        }
    }
    let core = writer.core();
    (core.source_ip, core.destination_ip) =
        (near.source_ip.or(core.source_ip), near.destination_ip.or(core.destination_ip));
    (core.source_port, core.destination_port) =
        (near.source_port.or(core.source_port), near.destination_port.or(core.destination_port));
}

/// The value of `from`, where `to` has not the same.
fn another(writer: &EventWriter<'_>, from: FieldId, to: FieldId) -> Option<Span> {
    let (span, _) = writer.first_span(from).filter(|(span, _)| !span.is_empty())?;
    let text = writer.bytes(span);
    (!writer.view().values(to).any(|other| other == text)).then_some(span)
}

/// `GMT`, `GMT+09:00`, `+0900`: seconds east of UTC; of a name that tells none, 0.
fn zone_offset_s(zone: &[u8]) -> i32 {
    let offset = zone.strip_prefix(b"GMT").or_else(|| zone.strip_prefix(b"UTC")).unwrap_or(zone);
    take_offset(offset).map_or(0, |(offset_s, _)| offset_s)
}

/// `Mon Oct 17 22:55:48 2023`.
fn read_time(text: &[u8]) -> Option<Civil> {
    let rest = text.get(4..)?;
    let month = month(rest)?;
    let (day, rest) = take_u64(rest.get(3..)?.trim_ascii_start())?;
    let (hour, minute, second, rest) = take_clock(rest.strip_prefix(b" ")?)?;
    let (year, _) = take_u64(rest.strip_prefix(b" ")?)?;
    let civil =
        Civil { year: i64::try_from(year).ok()?, month, day: u32::try_from(day).ok()?, hour, minute, second, nano: 0 };
    (civil.year <= 9999 && civil.is_valid()).then_some(civil)
}

/// The user, whose name the feed writes with `%40` for the `@`.
fn put_account(writer: &mut EventWriter<'_>, ids: &Ids) {
    for id in [ids.user, ids.login, ids.adminid] {
        let Some((span, _)) = writer.first_span(id).filter(|(span, _)| !span.is_empty()) else { continue };
        let text = writer.bytes(span);
        let whole = match crate::scan::find(text, b"%40") {
            Some(at) => {
                let len = text.len();
                let from = writer.arena_start();
                writer.arena_push_span(span.part(0..at));
                writer.arena_push(b"@");
                writer.arena_push_span(span.part(at + 3..len));
                writer.arena_end(from)
            }
            None => span,
        };
        if let Some(name) = put_user(writer, whole, ecs::USER_NAME, ecs::USER_DOMAIN) {
            relate_span(writer, name, ecs::RELATED_USER);
        }
        if memchr::memchr(b'@', writer.bytes(whole)).is_some() {
            writer.put_span(ecs::USER_EMAIL, whole, Kind::Text, false);
            relate_span(writer, whole, ecs::RELATED_USER);
        }
        return;
    }
}

/// Longest name of a device that is unescaped.
const NAME_BYTES_MAX: usize = 256;

/// Longest text decoded of base64; the feed cuts URLs at 4,096 bytes.
const DECODED_BYTES_MAX: usize = 4096;

/// A value in base64, decoded.
fn decoded(writer: &mut EventWriter<'_>, id: FieldId) -> Option<Span> {
    let text = writer.first(id).filter(|text| !text.is_empty())?;
    let mut room = [0; DECODED_BYTES_MAX];
    let Ok(len) = base64::engine::general_purpose::STANDARD.decode_slice(text, &mut room) else {
        writer.defect(Defect::MessageMalformed);
        return None;
    };
    Some(writer.span_of(&room[..len]))
}

/// The URL without its scheme, plain or in base64; the scheme is the protocol's.
fn put_url(writer: &mut EventWriter<'_>, ids: &Ids) {
    let url = decoded(writer, ids.b64url).or_else(|| writer.first_span(ids.url).map(|(span, _)| span));
    if let Some(url) = url.filter(|url| !url.is_empty()) {
        let scheme: &[u8] = match writer.first(ids.proto) {
            Some(b"HTTPS") => b"https://",
            Some(b"HTTP") => b"http://",
            _ => b"",
        };
        // Another URL may stand in the query.
        let text = writer.bytes(url);
        let host = text.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(text.len());
        let bare = !(text[..host].ends_with(b":") && text[host..].starts_with(b"//"));
        let from = writer.arena_start();
        if bare {
            writer.arena_push(scheme);
        }
        writer.arena_push_span(url);
        let full = writer.arena_end(from);
        url::put_any(writer, full);
        writer.put_span(ecs::URL_FULL, full, Kind::Text, false);
    }
    if let Some(referrer) = decoded(writer, ids.b64referer) {
        writer.put_span(ecs::HTTP_REQUEST_REFERRER, referrer, Kind::Text, false);
    }
    copy(writer, ids.sourcetype, ecs::EVENT_PROVIDER);
}
