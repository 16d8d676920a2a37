//! SonicWall SonicOS: key=value logs (SonicOS Log Events Reference Guide, syslog and enhanced syslog).
//!
//! Ends are written `address:port:interface:name`, the last parts left out or empty.

mod events;

use std::sync::LazyLock;

use super::fields::{copy, put_lower};
use super::kv_table::{self, ById, says_nothing};
use super::names::vendor_names;
use super::network::{put_duration, put_sums, relate_all};
use super::targets::{Target, To, by_id, names, names_len};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::number::{parse_i64, parse_u64};
use crate::products::{Detect, Product};
use crate::scan;
use crate::time::{SECOND_NS, take_iso};
use crate::wire::kv::Pairs;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `sonicwall`.
pub(crate) static PRODUCT: Product = Product {
    name: "sonicwall",
    title: "SonicWall SonicOS",
    document: "SonicOS 7 Log Events Reference Guide",
    namespace: "sonicwall.firewall",
    module: "sonicwall_firewall",
    dataset: "sonicwall_firewall.log",
    vendor: "SonicWall",
    product: "SonicOS",
    observer_type: "firewall",
    names: &ALL_NAMES,
    detect: &[Detect::Mark(&["id=firewall ", " sn="], decode)],
    ..Product::NONE
};

vendor_names! {
    time = "time";
    src = "src";
    dst = "dst";
    nat_src = "natSrc";
    nat_dst = "natDst";
    src_v6 = "srcV6";
    dst_v6 = "dstV6";
    nat_src_v6 = "natSrcV6";
    nat_dst_v6 = "natDstV6";
    proto = "proto";
    pri = "pri";
    category = "c";
    message_id = "m";
    msg = "msg";
    note = "note";
    op = "op";
    dstname = "dstname";
    arg = "arg";
    dur = "dur";
    cdur = "cdur";
    fw_action = "fw_action";
    usr = "usr";
    user = "user";
    @also
    "gcat" "n" "sess" "app" "code" "Category" "vpnpolicy" "vpnpolicyDst" "uuid" "dpi" "sid" "ipscat" "ipspri" "spycat"
    "spypri" "auditId" "tranxId" "userMode" "oldValue" "newValue" "type" "icmpCode" "bid" "dyn" "rcptTo" "mailFrom"
    "npcs" "pt" "tp" "wlan" "fileid" "filetxstatus" "catid" "referer" "result" "sportal" "cn" "af_polid" "af_policy"
    "af_type" "af_service" "af_object" "af_action" "contentObject" "station" "radio"
}

/// The schema's names as Elastic's sonicwall_firewall integration fills them.
const TARGETS: &[Target] = &[
    ("id", ecs::OBSERVER_NAME, To::Text),
    ("sn", ecs::OBSERVER_SERIAL_NUMBER, To::Text),
    ("fw", ecs::OBSERVER_IP, To::Ip),
    ("m", ecs::EVENT_CODE, To::Text),
    ("srcMac", ecs::SOURCE_MAC, To::Mac),
    ("dstMac", ecs::DESTINATION_MAC, To::Mac),
    ("srcZone", ecs::OBSERVER_INGRESS_ZONE, To::Text),
    ("dstZone", ecs::OBSERVER_EGRESS_ZONE, To::Text),
    ("sent", ecs::SOURCE_BYTES, To::Number),
    ("rcvd", ecs::DESTINATION_BYTES, To::Number),
    ("spkt", ecs::SOURCE_PACKETS, To::Number),
    ("rpkt", ecs::DESTINATION_PACKETS, To::Number),
    ("rule", ecs::RULE_ID, To::Text),
    ("appName", ecs::NETWORK_APPLICATION, To::Text),
    ("referer", ecs::HTTP_REQUEST_REFERRER, To::Text),
    ("result", ecs::HTTP_RESPONSE_STATUS_CODE, To::Number),
    ("fileid", ecs::FILE_HASH_MD5, To::Text),
    ("mailFrom", ecs::EMAIL_FROM_ADDRESS, To::Set),
    ("rcptTo", ecs::EMAIL_TO_ADDRESS, To::Set),
];

static ALL_NAMES: [&str; names_len(NAMES, TARGETS)] = names(NAMES, TARGETS);

fn targets() -> &'static ById {
    static BY_ID: LazyLock<Vec<Option<(FieldId, To)>>> = LazyLock::new(|| by_id(TARGETS));
    &BY_ID
}

/// How far into a message its first key may stand: behind an address and blanks.
const FIRST_KEY_WITHIN_BYTES: usize = 64;

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let head = &text[..text.len().min(FIRST_KEY_WITHIN_BYTES)];
    let Some(first) = scan::find(head, b"id=") else { return false };
    let before = text[..first].trim_ascii();
    // Every event names serial number, priority and message id.
    let marks = [&b" sn="[..], b" pri=", b" m="];
    if before.contains(&b'=') || marks.iter().any(|mark| scan::find(text, mark).is_none()) {
        return false;
    }
    let ids = ids();
    if let Some(ip) = crate::ip::parse(before) {
        writer.put_addr(ecs::HOST_IP, ip, before);
    }
    kv_table::read(writer, context, &mut Pairs::by_space(&text[first..]), targets());
    writer.core().product = products::SONICWALL;
    writer.core().log_source = logsource::SONICWALL;
    match writer.first(ids.time).map(take_iso) {
        Some(Some((mut stamp, rest))) => {
            if rest.trim_ascii_start().starts_with(b"UTC") {
                stamp.offset_s = Some(0);
            }
            context.set_stamp(writer, &stamp);
        }
        Some(None) => writer.defect(Defect::TimeUnreadable),
        None => {}
    }
    put_severity(writer, ids);
    put_ends(writer, ids);
    put_protocol(writer, ids);
    put_sums(writer);
    if put_duration(writer, ids.cdur, 1_000_000).is_none() {
        put_duration(writer, ids.dur, SECOND_NS);
    }
    put_message(writer, ids);
    put_url(writer, ids);
    put_taxonomy(writer, ids);
    copy(writer, ids.usr, ecs::USER_NAME);
    copy(writer, ids.user, ecs::USER_NAME);
    super::fields::relate(writer, ecs::OBSERVER_IP, ecs::RELATED_IP);
    relate_all(writer);
    true
}

/// `pri` is a syslog severity.
fn put_severity(writer: &mut EventWriter<'_>, ids: &Ids) {
    static LEVELS: [&str; 8] = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];
    let Some((span, _)) = writer.first_span(ids.pri) else { return };
    let level = parse_u64(writer.bytes(span)).and_then(|number| LEVELS.get(usize::try_from(number).ok()?));
    match level {
        Some(level) => {
            writer.put_span(ecs::EVENT_SEVERITY, span, Kind::Number, false);
            writer.put_str(ecs::LOG_LEVEL, level);
        }
        None => writer.defect(Defect::NumberInvalid),
    }
}

/// The schema's names of one end.
struct End {
    ip: FieldId,
    port: FieldId,
    interface: FieldId,
    domain: FieldId,
}

fn put_ends(writer: &mut EventWriter<'_>, ids: &Ids) {
    let source = End {
        ip: ecs::SOURCE_IP,
        port: ecs::SOURCE_PORT,
        interface: ecs::OBSERVER_INGRESS_INTERFACE_NAME,
        domain: ecs::SOURCE_DOMAIN,
    };
    let destination = End {
        ip: ecs::DESTINATION_IP,
        port: ecs::DESTINATION_PORT,
        interface: ecs::OBSERVER_EGRESS_INTERFACE_NAME,
        domain: ecs::DESTINATION_DOMAIN,
    };
    let none = FieldId::UNNAMED;
    let nat = |ip, port| End { ip, port, interface: none, domain: none };
    for (from, v6, end) in [
        (ids.src, ids.src_v6, source),
        (ids.dst, ids.dst_v6, destination),
        (ids.nat_src, ids.nat_src_v6, nat(ecs::SOURCE_NAT_IP, ecs::SOURCE_NAT_PORT)),
        (ids.nat_dst, ids.nat_dst_v6, nat(ecs::DESTINATION_NAT_IP, ecs::DESTINATION_NAT_PORT)),
    ] {
        if let Some((span, _)) = writer.first_span(v6) {
            writer.put_if_ip(end.ip, span);
        }
        if let Some((span, _)) = writer.first_span(from) {
            put_end(writer, span, &end);
        }
    }
}

/// `address:port:interface:name`; an IPv6 address stands alone or in brackets.
fn put_end(writer: &mut EventWriter<'_>, span: Span, end: &End) {
    let text = writer.bytes(span);
    let has_ip = writer.first(end.ip).is_some();
    if crate::ip::parse(text).is_some() {
        if !has_ip {
            writer.put_if_ip(end.ip, span);
        }
        return;
    }
    let address = if text.first() == Some(&b'[') { scan::until(text, b']') + 1 } else { scan::until(text, b':') };
    let len = text.len();
    let mut rest = (address + 1).min(len)..len;
    if address > 0 && !has_ip {
        writer.put_if_ip(end.ip, span.part(0..address.min(len)));
    }
    for id in [end.port, end.interface, end.domain] {
        if rest.is_empty() {
            return;
        }
        let stop =
            if id == end.domain { rest.end } else { rest.start + scan::until(&writer.bytes(span)[rest.clone()], b':') };
        let part = span.part(rest.start..stop);
        rest = (stop + 1).min(rest.end)..rest.end;
        if part.is_empty() || id == FieldId::UNNAMED {
            continue;
        }
        if id == end.port {
            writer.put_port_span(id, part);
        } else {
            writer.put_span(id, part, Kind::Text, false);
        }
    }
}

/// `tcp/https`: transport and service, which is a number where it has no name.
fn put_protocol(writer: &mut EventWriter<'_>, ids: &Ids) {
    let Some((span, _)) = writer.first_span(ids.proto) else { return };
    let text = writer.bytes(span);
    let len = text.len();
    let slash = scan::until(text, b'/');
    let service = span.part((slash + 1).min(len)..len);
    let is_name = !service.is_empty() && parse_i64(writer.bytes(service)).is_none();
    put_lower(writer, ecs::NETWORK_TRANSPORT, span.part(0..slash));
    if is_name {
        put_lower(writer, ecs::NETWORK_PROTOCOL, service);
    }
}

/// The message with its note, which says what the message leaves open.
fn put_message(writer: &mut EventWriter<'_>, ids: &Ids) {
    let message = writer.first_span(ids.msg).map(|(span, _)| span);
    let note = writer.first_span(ids.note).map(|(span, _)| span);
    match (message, note) {
        (_, Some(note)) => {
            let from = writer.arena_start();
            writer.arena_push_span(message.unwrap_or_default());
            writer.arena_push(b" (");
            writer.arena_push_span(note);
            writer.arena_push(b")");
            let text = writer.arena_end(from);
            writer.put_span(ecs::MESSAGE, text, Kind::Text, false);
        }
        (Some(message), None) => writer.put_span(ecs::MESSAGE, message, Kind::Text, false),
        (None, None) => {}
    }
}

/// `dstname` and `arg` of web site hits make up the URL.
fn put_url(writer: &mut EventWriter<'_>, ids: &Ids) {
    let method = match writer.first(ids.op).unwrap_or_default() {
        b"1" => "GET",
        b"2" => "POST",
        b"3" => "HEAD",
        _ => "",
    };
    if !method.is_empty() {
        writer.put_str(ecs::HTTP_REQUEST_METHOD, method);
    }
    let Some((domain, _)) = writer.first_span(ids.dstname) else { return };
    writer.put_span(ecs::URL_DOMAIN, domain, Kind::Text, false);
    let scheme = match writer.first(ecs::NETWORK_PROTOCOL) {
        Some(b"http") => "http",
        Some(b"https") => "https",
        _ => return,
    };
    let path = writer.first_span(ids.arg).map(|(span, _)| span).unwrap_or_default();
    let from = writer.arena_start();
    writer.arena_push(scheme.as_bytes());
    writer.arena_push(b"://");
    writer.arena_push_span(domain);
    writer.arena_push_span(path);
    let full = writer.arena_end(from);
    super::url::put(writer, full);
    writer.put_span(ecs::URL_FULL, full, Kind::Text, false);
}

fn put_taxonomy(writer: &mut EventWriter<'_>, ids: &Ids) {
    let code = writer.first(ids.message_id).and_then(parse_u64).unwrap_or_default();
    let verdict = writer.first(ids.fw_action).filter(|verdict| !says_nothing(verdict) && *verdict != b"NA");
    let class = events::class(code)
        .or_else(|| verdict.and_then(events::class_of_verdict))
        .or_else(|| writer.first(ids.category).and_then(parse_u64).and_then(events::class_of_category));
    let Some(class) = class else {
        writer.put_str(ecs::EVENT_KIND, "event");
        return;
    };
    writer.put_str(ecs::EVENT_ACTION, class.action);
    writer.put_str(ecs::EVENT_KIND, class.kind);
    writer.put_str(ecs::EVENT_CATEGORY, class.category);
    for kind in class.types {
        writer.put_str(ecs::EVENT_TYPE, kind);
    }
    writer.put_str(ecs::EVENT_OUTCOME, class.outcome);
}
