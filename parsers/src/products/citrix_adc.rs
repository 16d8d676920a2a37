//! Citrix ADC (NetScaler): `0-PPE-0 : default TCP CONN_DELINK 123 0 : Source … - Destination …`, feature and event
//! before the colon, named values behind it.

use std::sync::LazyLock;

use super::fields::relate_span;
use super::kv_table::{self, ById};
use super::names::vendor_names;
use super::network::{put_sums, relate_all};
use super::targets::{Target, To, by_id, names, names_len};
use super::text::{split, split_last, word};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, TimePrecision};
use crate::number::take_u64;
use crate::products::{Detect, Product};
use crate::time::{Civil, Stamp, take_clock};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `citrix_adc`.
pub(crate) static PRODUCT: Product = Product {
    name: "citrix_adc",
    title: "Citrix ADC (NetScaler)",
    document: "NetScaler Syslog Message Reference",
    namespace: "citrix_adc.log",
    module: "citrix_adc",
    dataset: "citrix_adc.log",
    vendor: "Citrix",
    product: "NetScaler",
    names: &ALL_NAMES,
    detect: &[Detect::Mark(&["PPE-"], decode)],
    ..Product::NONE
};

vendor_names! {
    feature = "feature";
    event = "event";
    source = "Source";
    destination = "Destination";
    vserver = "Vserver";
    nat = "NatIP";
    status = "Status";
    @also "SessionId" "Context" "Command" "Duration" "Nat_ip" "Group(s)" "SSLVPN_client_type" "Client_type"
}

const TARGETS: &[Target] = &[
    ("User", ecs::USER_NAME, To::Text),
    ("Client_ip", ecs::SOURCE_IP, To::Ip),
    ("ClientIP", ecs::SOURCE_IP, To::Ip),
    ("ClientPort", ecs::SOURCE_PORT, To::Port),
    ("Remote_ip", ecs::SOURCE_IP, To::Ip),
    ("VserverServiceIP", ecs::DESTINATION_IP, To::Ip),
    ("VserverServicePort", ecs::DESTINATION_PORT, To::Port),
    ("Total_bytes_send", ecs::SOURCE_BYTES, To::Number),
    ("Total_bytes_recv", ecs::DESTINATION_BYTES, To::Number),
    ("Browser_type", ecs::USER_AGENT_ORIGINAL, To::Text),
    ("Reason", ecs::EVENT_REASON, To::Text),
    ("Failure_reason", ecs::EVENT_REASON, To::Text),
];

static ALL_NAMES: [&str; names_len(NAMES, TARGETS)] = names(NAMES, TARGETS);

fn targets() -> &'static ById {
    static BY_ID: LazyLock<Vec<Option<(FieldId, To)>>> = LazyLock::new(|| by_id(TARGETS));
    &BY_ID
}

/// Event, category, type, outcome.
static MEANINGS: &[(&str, &str, &str, &str)] = &[
    ("CMD_EXECUTED", "configuration", "change", ""),
    ("CONN_DELINK", "network", "end", ""),
    ("CONN_TERMINATE", "network", "end", ""),
    ("LOGIN", "authentication", "start", "success"),
    ("LOGIN_FAILED", "authentication", "start", "failure"),
    ("LOGOUT", "authentication", "end", "success"),
    ("NAT_CONN_DELINK", "network", "end", ""),
    ("SSL_HANDSHAKE_FAILURE", "network", "error", "failure"),
    ("SSL_HANDSHAKE_SUCCESS", "network", "start", "success"),
    ("TCPCONNSTAT", "network", "info", ""),
];

fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let Some((_, rest)) = split(header.message, b"PPE-") else { return false };
    let Some((engine, rest)) = split(rest, b" : ") else { return false };
    let Some((head, body)) = split(rest, b" :") else { return false };
    let mut words = head.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let (Some(_), Some(feature), Some(event)) = (words.next(), words.next(), words.next()) else { return false };
    if !engine.iter().all(u8::is_ascii_digit) || !feature.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_')
    {
        return false;
    }
    let core = writer.core();
    core.product = products::CITRIX_ADC;
    core.log_source = logsource::CITRIX_ADC;
    let stamped = header.message.trim_ascii_start();
    if stamped.first().is_some_and(u8::is_ascii_digit) {
        put_own_time(writer, context, stamped);
    }
    let ids = ids();
    writer.put_vendor(ids.feature, feature);
    writer.put_vendor(ids.event, event);
    let body = body.trim_ascii();
    writer.put(ecs::MESSAGE, body);
    let mut rest = Some(body);
    while let Some(text) = rest {
        let (part, next) = split(text, b" - ").map_or((text, None), |(part, next)| (part, Some(next)));
        rest = next;
        let (key, value) = word(part.trim_ascii());
        let value = value.strip_prefix(b"\"").map_or(value, |inner| inner.strip_suffix(b"\"").unwrap_or(inner));
        let key = key.strip_suffix(b":").unwrap_or(key);
        if !key.is_empty() && !value.is_empty() {
            let span = writer.span_of(value);
            kv_table::put(writer, context, targets(), key, span);
        }
    }
    for (from, ip, port) in [
        (ids.source, ecs::SOURCE_IP, ecs::SOURCE_PORT),
        (ids.destination, ecs::DESTINATION_IP, ecs::DESTINATION_PORT),
        (ids.vserver, ecs::DESTINATION_IP, ecs::DESTINATION_PORT),
        (ids.nat, ecs::SOURCE_NAT_IP, ecs::SOURCE_NAT_PORT),
    ] {
        let Some((span, _)) = writer.first_span(from).filter(|_| writer.first(ip).is_none()) else { continue };
        let Some(colon) = split_last(writer.bytes(span), b":").map(|(address, _)| address.len()) else { continue };
        if writer.put_if_ip(ip, span.part(0..colon)) {
            writer.put_port_span(port, span.part(colon + 1..span.len()));
        }
    }
    writer.put_str(ecs::EVENT_KIND, if feature == b"APPFW" { "alert" } else { "event" });
    let action = writer.span_of(event);
    writer.put_span(ecs::EVENT_ACTION, action, Kind::Text, false);
    let found = MEANINGS.iter().find(|row| row.0.as_bytes() == event);
    let &(_, category, kind, outcome) = found.unwrap_or(&("", "network", "info", ""));
    writer.put_str(ecs::EVENT_CATEGORY, category);
    writer.put_str(ecs::EVENT_TYPE, kind);
    let outcome = match writer.first(ids.status) {
        Some(b"Success") => "success",
        Some(status) if status.starts_with(b"ERROR") => "failure",
        _ => outcome,
    };
    if !outcome.is_empty() {
        writer.put_str(ecs::EVENT_OUTCOME, outcome);
    }
    if let Some((span, _)) = writer.first_span(ecs::HOST_NAME) {
        relate_span(writer, span, ecs::RELATED_HOSTS);
    }
    put_sums(writer);
    relate_all(writer);
    true
}

/// `03/01/2026:10:00:01 GMT ns1 ` at the start: month, day, year, and the device's name behind the zone.
fn put_own_time<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) {
    let read = || {
        let (month, rest) = take_u64(text)?;
        let (day, rest) = take_u64(rest.strip_prefix(b"/")?)?;
        let (year, rest) = take_u64(rest.strip_prefix(b"/")?)?;
        let (hour, minute, second, rest) = take_clock(rest.strip_prefix(b":")?)?;
        let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
        let civil = Civil { year: i64::try_from(year).ok()?, month, day, hour, minute, second, nano: 0 };
        civil.is_valid().then_some((civil, rest.trim_ascii_start()))
    };
    let Some((civil, rest)) = read() else { return };
    let rest_of_zone = rest.strip_prefix(b"GMT ");
    let offset_s = rest_of_zone.map(|_| 0);
    context.set_stamp(writer, &Stamp { civil, offset_s, precision: TimePrecision::Second });
    let host = rest_of_zone.map(|rest| word(rest).0).unwrap_or_default();
    if !host.is_empty() && !host.contains(&b'-') && writer.first(ecs::HOST_NAME).is_none() {
        writer.put(ecs::HOST_NAME, host);
    }
}
