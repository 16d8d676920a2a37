//! Infoblox NIOS: the audit log, and messages of its DNS and DHCP servers behind a header with the member's address
//! (NIOS Administrator Guide, "Monitoring Tools").

use super::fields::relate;
use super::names::vendor_names;
use super::text::{put_vendor, split, word};
use super::{bind, dhcpd};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::number::parse_u64;
use crate::products::{Detect, Product};
use crate::time::{Stamp, take_iso};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `infoblox`.
pub(crate) static PRODUCT: Product = Product {
    name: "infoblox",
    title: "Infoblox NIOS DNS, DHCP and audit",
    document: "Infoblox NIOS 9.0 Administrator Guide",
    namespace: "infoblox_nios.log",
    module: "infoblox_nios",
    dataset: "infoblox_nios.log",
    vendor: "Infoblox",
    product: "NIOS",
    names: NAMES,
    detect: &[Detect::App(&["httpd", "serial_console"], decode), Detect::Mark(RELAYED, relayed)],
    ..Product::NONE
};

vendor_names! {
    service_name = "service_name";
    kind = "type";
    message = "audit.message";
    object_name = "audit.object.name";
    object_value = "audit.object.value";
    to = "audit.to";
    ip = "audit.ip";
    auth = "audit.auth";
    group = "audit.group";
    via = "audit.apparently_via";
    error = "audit.error";
    info = "audit.info";
    trigger = "audit.trigger_event";
}

/// What such messages hold near their start.
const RELAYED: &[&str] = &[
    "httpd: 20",
    "serial_console: 20",
    "named[",
    "dhcpd[",
    "dhcpdv6[",
    "client @0x",
    "DHCPACK ",
    "DHCPDECLINE of ",
    "DHCPDISCOVER from ",
    "DHCPEXPIRE on ",
    "DHCPINFORM from ",
    "DHCPLEASEQUERY from ",
    "DHCPNAK on ",
    "DHCPOFFER on ",
    "DHCPRELEASE of ",
    "DHCPREQUEST for ",
    "RELEASE on ",
];

/// Messages behind a second host name or address: `ns1 192.0.2.4 httpd: …`, which the header left in the text.
fn relayed<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    // A tag with a process id was read as one of two words; one without is still in the text.
    let (host, name, pid, message) = match split(header.appname, b" ") {
        Some((host, name)) => (host, name, header.procid, header.message),
        None => {
            let Some((tag, message)) = split(header.message, b": ") else { return false };
            let (host, tag) = word(tag);
            let (name, pid) = split(tag, b"[").unwrap_or((tag, b""));
            (host, name, pid.strip_suffix(b"]").unwrap_or(pid), message)
        }
    };
    if !header.present || name.is_empty() || name.contains(&b' ') {
        return false;
    }
    let inner = Header { appname: name, procid: pid, message, ..*header };
    let known = match name {
        b"httpd" | b"serial_console" => decode(writer, context, &inner),
        b"named" => bind::decode(writer, context, &inner),
        b"dhcpd" | b"dhcpdv6" => dhcpd::decode(writer, context, &inner),
        _ => false,
    };
    if !known {
        return false;
    }
    if crate::ip::parse(host).is_some() {
        writer.put_ip(ecs::HOST_IP, host);
        relate(writer, ecs::HOST_IP, ecs::RELATED_IP);
    }
    if writer.first(ecs::PROCESS_NAME).is_none() {
        writer.put(ecs::PROCESS_NAME, name);
    }
    if parse_u64(pid).is_some() && writer.first(ecs::PROCESS_PID).is_none() {
        writer.put_as(ecs::PROCESS_PID, pid, Kind::Number, false);
    }
    true
}

/// Decodes a record of the audit log; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let Some((stamp, rest)) = take_iso(text) else { return false };
    let user = rest.trim_ascii_start().strip_prefix(b"[").and_then(|rest| split(rest, b"]: "));
    let Some((user, rest)) = user else { return false };
    let core = writer.core();
    core.product = products::INFOBLOX;
    core.log_source = logsource::UNKNOWN;
    put_time(writer, context, &stamp);
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put(ecs::MESSAGE, text);
    writer.put_vendor(ids().service_name, header.appname);
    writer.put_as(ids().kind, b"AUDIT", Kind::Text, true);
    let user = unescaped(writer, user);
    writer.put_span(ecs::USER_NAME, user, Kind::Text, false);
    relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
    let (action, rest) = word(rest);
    put_action(writer, action);
    match split(rest, b": ") {
        // `Created Network 192.0.2.0/24 network_view=default: Set address="…"`
        Some((object, message)) if !rest.starts_with(b"- - ") => {
            put_object(writer, object);
            put_vendor(writer, ids().message, message);
        }
        _ if rest.starts_with(b"- - ") => put_pairs(writer, &rest[4..]),
        _ => put_object(writer, rest),
    }
    relate(writer, ecs::HOST_IP, ecs::RELATED_IP);
    true
}

/// The time of the audit record is the event's; that of the header is when it was sent.
fn put_time(writer: &mut EventWriter<'_>, context: &Context<'_>, stamp: &Stamp) {
    context.set_stamp(writer, stamp);
}

/// What administrators do (NIOS Administrator Guide, "Audit Log"): category, type and outcome.
fn put_action(writer: &mut EventWriter<'_>, action: &[u8]) {
    /// The longest documented action has 20 bytes.
    const ACTION_BYTES_MAX: usize = 40;
    let mut lowered = [0; ACTION_BYTES_MAX];
    let len = action.len().min(ACTION_BYTES_MAX);
    lowered[..len].copy_from_slice(&action[..len]);
    lowered.make_ascii_lowercase();
    writer.put(ecs::EVENT_ACTION, &lowered[..len]);
    let (category, kind, outcome) = match &lowered[..len] {
        b"login_allowed" | b"first_login" => ("authentication", "start", "success"),
        b"login_denied" => ("authentication", "start", "failure"),
        b"logout" => ("authentication", "end", "success"),
        b"password_reset" | b"password_changed" => ("iam", "change", "success"),
        b"password_reset_error" => ("iam", "change", "failure"),
        b"created" => ("configuration", "creation", "success"),
        b"modified" => ("configuration", "change", "success"),
        b"deleted" => ("configuration", "deletion", "success"),
        b"called" => ("configuration", "access", ""),
        _ => ("configuration", "info", ""),
    };
    writer.put_str(ecs::EVENT_CATEGORY, category);
    writer.put_str(ecs::EVENT_TYPE, kind);
    if !outcome.is_empty() {
        writer.put_str(ecs::EVENT_OUTCOME, outcome);
    }
}

/// `Network 192.0.2.0/24 network_view=default`, `- RestartService`
fn put_object<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let (name, rest) = word(text);
    if name == b"-" {
        let (trigger, rest) = word(rest);
        put_vendor(writer, ids().trigger, trigger);
        return put_vendor(writer, ids().message, rest);
    }
    put_vendor(writer, ids().object_name, name);
    put_vendor(writer, ids().object_value, rest.trim_ascii_end());
}

/// `to=AdminConnector ip=192.0.2.9 auth=LOCAL`: blanks within a value are `\040`.
fn put_pairs<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let ids = ids();
    for pair in text.split(|&byte| byte == b' ') {
        let Some((key, value)) = split(pair, b"=") else { continue };
        let id: FieldId = match key {
            b"to" => ids.to,
            b"ip" => ids.ip,
            b"auth" => ids.auth,
            b"group" => ids.group,
            b"apparently_via" => ids.via,
            b"error" => ids.error,
            b"info" => ids.info,
            _ => {
                let (name, value) = (writer.span_of(key), writer.span_of(value));
                writer.put_unnamed(name, value, Kind::Text);
                continue;
            }
        };
        let value = unescaped(writer, value);
        writer.put_span(id, value, Kind::Text, true);
        if id == ids.ip && writer.put_if_ip(ecs::SOURCE_IP, value) {
            relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
        } else if id == ids.group {
            writer.put_span(ecs::USER_GROUP_NAME, value, Kind::Text, false);
        }
    }
}

/// Undoes `\ooo`, as which the audit log writes blanks and punctuation.
fn unescaped(writer: &mut EventWriter<'_>, text: &[u8]) -> Span {
    if memchr::memchr(b'\\', text).is_none() {
        return writer.span_of(text);
    }
    let from = writer.arena_start();
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        writer.arena_push(&rest[..at]);
        let octal = rest.get(at + 1..at + 4).and_then(|digits| {
            digits.iter().try_fold(0u32, |value, digit| {
                matches!(digit, b'0'..=b'7').then(|| value * 8 + u32::from(digit - b'0'))
            })
        });
        match octal.and_then(|value| u8::try_from(value).ok()) {
            Some(byte) => {
                writer.arena_push(&[byte]);
                rest = &rest[at + 4..];
            }
            None => {
                writer.arena_push(b"\\");
                rest = &rest[at + 1..];
            }
        }
    }
    writer.arena_push(rest);
    writer.arena_end(from)
}
