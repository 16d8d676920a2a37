//! IBM QRadar's Log Event Extended Format, versions 1.0 and 2.0 (QRadar LEEF guide).
//!
//! `LEEF:1.0|vendor|product|version|event id|key=value<tab>key=value`; version 2.0 adds a field that says what stands
//! between the pairs: one byte, or its number in hexadecimal (`x09`, `0x5E`).

#[cfg(test)]
mod twin;

use std::sync::LazyLock;

use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::EventWriter;
use crate::number::parse_u64;
use crate::products::fields::{copy, put_lower, put_network_type};
use crate::products::kv_table::{self, ById};
use crate::products::names::vendor_names;
use crate::products::network::{put_sums, relate_all, transport};
use crate::products::targets::{Target, To, by_id, names, names_len};
use crate::products::{self, Detect, Product, url};
use crate::scan;
use crate::time::parse_epoch;
use crate::wire::syslog::Header;
use crate::{logsource, wire::cef};

/// `leef`.
pub(crate) static PRODUCT: Product = Product {
    name: "leef",
    title: "Log Event Extended Format",
    document: "IBM QRadar: Log Event Extended Format, version 2",
    namespace: "leef",
    module: "leef",
    dataset: "leef.log",
    names: &ALL_NAMES,
    detect: &[Detect::Line("L", decode), Detect::Mark(&["LEEF:1", "LEEF:2"], decode)],
    ..Product::NONE
};

vendor_names! {
    version = "leef.version";
    vendor = "leef.vendor";
    product = "leef.product";
    product_version = "leef.product_version";
    event_id = "leef.event_id";
    time = "devTime";
    proto = "proto";
    url = "url";
    is_login = "isLoginEvent";
    is_logout = "isLogoutEvent";
    severity = "sev";
    @also
    "devTimeFormat" "cat" "identSrc" "identHostName" "identNetBios" "identGrpName" "identMAC" "vSrc" "vSrcName" "accountName"
    "calLanguage" "calCountryOrRegion" "realm" "role" "totalPackets" "srcPreNAT" "dstPreNAT"
}

/// The predefined attributes of the guide.
const TARGETS: &[Target] = &[
    ("src", ecs::SOURCE_IP, To::Ip),
    ("srcPort", ecs::SOURCE_PORT, To::Port),
    ("srcPreNATPort", ecs::SOURCE_PORT, To::Port),
    ("srcPostNAT", ecs::SOURCE_NAT_IP, To::Ip),
    ("srcPostNATPort", ecs::SOURCE_NAT_PORT, To::Port),
    ("srcMAC", ecs::SOURCE_MAC, To::Mac),
    ("srcBytes", ecs::SOURCE_BYTES, To::Number),
    ("srcPackets", ecs::SOURCE_PACKETS, To::Number),
    ("dst", ecs::DESTINATION_IP, To::Ip),
    ("dstPort", ecs::DESTINATION_PORT, To::Port),
    ("dstPostNAT", ecs::DESTINATION_NAT_IP, To::Ip),
    ("dstPostNATPort", ecs::DESTINATION_NAT_PORT, To::Port),
    ("dstMAC", ecs::DESTINATION_MAC, To::Mac),
    ("dstBytes", ecs::DESTINATION_BYTES, To::Number),
    ("dstPackets", ecs::DESTINATION_PACKETS, To::Number),
    ("usrName", ecs::USER_NAME, To::Text),
    ("accountName", ecs::USER_NAME, To::Text),
    ("domain", ecs::USER_DOMAIN, To::Text),
    ("groupID", ecs::USER_GROUP_ID, To::Text),
    ("identHostName", ecs::HOST_NAME, To::Text),
    ("policy", ecs::RULE_NAME, To::Text),
    ("resource", ecs::DESTINATION_DOMAIN, To::Text),
    ("action", ecs::EVENT_ACTION, To::Text),
    ("act", ecs::EVENT_ACTION, To::Text),
    ("reason", ecs::EVENT_REASON, To::Text),
    ("msg", ecs::MESSAGE, To::Text),
    ("sev", ecs::EVENT_SEVERITY, To::Number),
];

static ALL_NAMES: [&str; names_len(NAMES, TARGETS)] = names(NAMES, TARGETS);

fn targets() -> &'static ById {
    static BY_ID: LazyLock<Vec<Option<(FieldId, To)>>> = LazyLock::new(|| by_id(TARGETS));
    &BY_ID
}

/// How far into a message the mark is looked for: behind the headers of relays.
const MARK_WITHIN_BYTES: usize = 160;

/// Decodes a LEEF record; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let Some(at) = scan::find(&text[..text.len().min(MARK_WITHIN_BYTES)], b"LEEF:") else { return false };
    let mut rest = &text[at + b"LEEF:".len()..];
    let ids = ids();
    let mut part = |id: FieldId| {
        let end = scan::until(rest, b'|');
        let value = &rest[..end];
        writer.put_as(id, value, crate::event::Kind::Text, false);
        let more = end < rest.len();
        rest = rest.get(end + 1..).unwrap_or_default();
        (value, more)
    };
    let (version, more) = part(ids.version);
    if !more || !version.first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let mut complete = true;
    for id in [ids.vendor, ids.product, ids.product_version, ids.event_id] {
        complete = part(id).1;
    }
    if !complete {
        writer.defect(Defect::MessageMalformed);
    }
    let delimiter = if version.starts_with(b"2") { take_delimiter(&mut rest) } else { b'\t' };
    read(writer, context, rest, delimiter);
    normalise(writer, context, ids);
    true
}

/// The delimiter of version 2.0, with its bar: absent, one byte, or `x` and two to four hexadecimal digits.
fn take_delimiter(rest: &mut &[u8]) -> u8 {
    let end = scan::until(rest, b'|');
    let field = &rest[..end];
    // Without the bar the field was left out.
    if end == rest.len() || end > b"0x0009".len() {
        return b'\t';
    }
    let hex = field.strip_prefix(b"0").unwrap_or(field);
    let hex = hex.strip_prefix(b"\\").unwrap_or(hex);
    let delimiter = match (field, hex.strip_prefix(b"x").or_else(|| hex.strip_prefix(b"X"))) {
        ([], _) => b'\t',
        (&[byte], _) => byte,
        (_, Some(digits)) if !digits.is_empty() => {
            let number =
                digits.iter().try_fold(0u32, |number, &digit| Some(number << 4 | char::from(digit).to_digit(16)?));
            match number.and_then(|number| u8::try_from(number).ok()) {
                Some(byte) => byte,
                None => return b'\t',
            }
        }
        _ => return b'\t',
    };
    *rest = &rest[end + 1..];
    delimiter
}

fn read<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8], delimiter: u8) {
    // Some senders of version 1.0 put blanks where the tabs should be; then a pair runs to the next key.
    let is_spaced = delimiter == b'\t' && memchr::memchr(b'\t', text).is_none();
    if is_spaced {
        kv_table::read(writer, context, &mut crate::wire::kv::Pairs::by_space(text), targets());
        return;
    }
    for pair in text.split(|&byte| byte == delimiter) {
        let equals = scan::until(pair, b'=');
        if equals == 0 || equals == pair.len() {
            if !pair.trim_ascii().is_empty() {
                writer.defect(Defect::MessageMalformed);
            }
            continue;
        }
        let value = writer.span_of(pair[equals + 1..].trim_ascii());
        kv_table::put(writer, context, targets(), pair[..equals].trim_ascii(), value);
    }
}

fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids) {
    let core = writer.core();
    core.product = products::LEEF;
    core.log_source = logsource::LEEF;
    writer.put_str(ecs::EVENT_KIND, "event");
    for (from, to) in [
        (ids.vendor, ecs::OBSERVER_VENDOR),
        (ids.product, ecs::OBSERVER_PRODUCT),
        (ids.product_version, ecs::OBSERVER_VERSION),
        (ids.event_id, ecs::EVENT_CODE),
    ] {
        copy(writer, from, to);
    }
    if let Some(text) = writer.first(ids.time) {
        let epoch = parse_epoch(text);
        if let Some((time_ns, precision)) = epoch {
            writer.set_time(time_ns, precision);
        } else {
            match cef::read_stamp(text, context) {
                Some(stamp) => context.set_stamp(writer, &stamp),
                None => writer.defect(Defect::TimeUnreadable),
            }
        }
    }
    if let Some((span, _)) = writer.first_span(ids.proto) {
        let name = transport(writer.bytes(span));
        if name.is_empty() {
            put_lower(writer, ecs::NETWORK_TRANSPORT, span);
        } else {
            writer.put_str(ecs::NETWORK_TRANSPORT, name);
        }
    }
    if let Some((span, _)) = writer.first_span(ids.url).filter(|(span, _)| !span.is_empty()) {
        url::put(writer, span);
    }
    let is_true =
        |writer: &EventWriter<'_>, id| writer.first(id).is_some_and(|value| value.eq_ignore_ascii_case(b"true"));
    for (id, kind) in [(ids.is_login, "start"), (ids.is_logout, "end")] {
        if is_true(writer, id) {
            writer.put_str(ecs::EVENT_CATEGORY, "authentication");
            writer.put_str(ecs::EVENT_TYPE, kind);
        }
    }
    if writer.first(ids.severity).and_then(parse_u64).is_some_and(|severity| severity > 10) {
        writer.defect(Defect::NumberInvalid);
    }
    put_sums(writer);
    put_network_type(writer);
    relate_all(writer);
}
