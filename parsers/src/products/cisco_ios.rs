//! Cisco IOS, IOS XE, IOS XR and NX-OS: `%FACILITY-level-MNEMONIC: text`.
//!
//! The header before the mark is read by [`crate::wire::syslog`]; the texts are in [`messages`], one row a mnemonic.
//! A mnemonic without a row still gives facility, level, code and text.

mod messages;
#[cfg(test)]
mod tests;
mod wireless;

use super::fields::{relate, relate_span};
use super::names::vendor_names;
use super::text_template::Captures;
use crate::decode::Context;
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::logsource;
use crate::products::{self, Detect, Product};
use crate::wire::syslog::Header;
use crate::wire::syslog::device::is_mark;

/// `cisco_ios`.
pub(crate) static PRODUCT: Product = Product {
    name: "cisco_ios",
    title: "Cisco IOS, IOS XE and IOS XR",
    document: "Cisco IOS System Message Guide; Cisco IOS XE System Message Guide",
    namespace: "cisco.ios",
    module: "cisco_ios",
    dataset: "cisco_ios.log",
    vendor: "Cisco",
    product: "IOS",
    observer_type: "firewall",
    names: NAMES,
    detect: &[Detect::Shape("%", decode), Detect::Mark(&["%IOSXE-", "NTP Core ("], decode)],
    ..Product::NONE
};

/// `cisco_nexus`.
pub(crate) static NEXUS: Product = Product {
    name: "cisco_nexus",
    title: "Cisco NX-OS",
    document: "Cisco NX-OS System Messages Reference",
    namespace: "cisco_nexus.log",
    module: "cisco_nexus",
    dataset: "cisco_nexus.log",
    vendor: "Cisco",
    product: "Nexus",
    observer_type: "switches",
    ..Product::NONE
};

/// `cisco_aironet`.
pub(crate) static AIRONET: Product = Product {
    name: "cisco_aironet",
    title: "Cisco wireless LAN controller",
    document: "Cisco Wireless LAN Controller System Message Guide",
    namespace: "cisco.aironet",
    module: "cisco_aironet",
    dataset: "cisco_aironet.log",
    vendor: "Cisco",
    product: "WLC",
    observer_type: "wireless",
    ..Product::NONE
};

vendor_names! {
    source_file = "source_file";
    facility = "facility";
    mnemonic = "mnemonic";
    message_count = "message_count";
    sequence = "sequence";
    uptime = "uptime";
    node = "node";
    slot = "slot";
    @also
    "access_list" "interface.name" "vlan" "state" "old_state" "session.type" "session.number" "session_id" "outcome"
    "tableid" "pim.group.ip" "icmp.type" "icmp.code" "command" "line" "neighbor" "method" "cipher" "hmac" "zone_pair"
    "action" "signature.subid" "signature.severity" "spi" "process_id" "privilege" "as" "address" "line_from" "count"
}

/// The facilities that NX-OS alone has.
static NEXUS_FACILITIES: &[&str] = &[
    "ACLLOG",
    "ACLMGR",
    "ACLQOS",
    "ASCII-CFG",
    "AUTHPRIV",
    "BOOTVAR",
    "CALLHOME",
    "CERTM",
    "CFS",
    "CLIS",
    "COPP",
    "DAEMON",
    "ETHPORT",
    "ETH_PORT_CHANNEL",
    "ETH-PORT-CHANNEL",
    "FEATURE-MGR",
    "FEX",
    "FWM",
    "IM",
    "KERN",
    "L2FM",
    "L2FMC",
    "LOCAL7",
    "MODULE",
    "MTSERROR",
    "NOHMS",
    "NTP-NXOS",
    "PFM_ALERT",
    "PFMA",
    "PLATFORM_FEX",
    "PLTFM_CONFIG",
    "PORT",
    "PORT-CHANNEL",
    "PORT-PROFILE",
    "PORT-RESOURCES",
    "PORT-SECURITY-NXOS",
    "SECURITYD",
    "SNMPD",
    "SYSLOG",
    "SYSMGR",
    "SYSTEMHEALTH",
    "SYS-NXOS",
    "URIB",
    "USER",
    "VDC_MGR",
    "VMM",
    "VPC",
    "VSHD",
    "XBAR",
    "ZONE",
];

/// The levels of IOS's `logging trap`, by number, in the words of RFC 5424.
static LEVELS: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notification", "informational", "debug"];

struct Mark<'a> {
    facility: &'a [u8],
    level: u8,
    mnemonic: &'a [u8],
    text: &'a [u8],
}

/// `%FACILITY-level-MNEMONIC: text` at the start.
fn take_mark(text: &[u8]) -> Option<Mark<'_>> {
    if !is_mark(text) {
        return None;
    }
    let colon = memchr::memchr(b':', text)?;
    let mark = text[1..colon].trim_ascii_end();
    // The level is the last number between dashes: facilities may hold dashes themselves.
    let at = mark.windows(3).rposition(|three| matches!(three, [b'-', b'0'..=b'7', b'-']))?;
    let (facility, mnemonic) = (&mark[..at], &mark[at + 3..]);
    if facility.is_empty() || mnemonic.is_empty() {
        return None;
    }
    Some(Mark { facility, level: mark[at + 1] - b'0', mnemonic, text: text[colon + 1..].trim_ascii() })
}

/// Decodes a record of this product; `false` = it is none.
fn decode<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let Some(mut mark) = take_mark(header.message) else { return decode_unmarked(writer, header) };
    let nexus = NEXUS_FACILITIES.iter().any(|facility| facility.as_bytes() == mark.facility);
    // The platform's processes have their messages wrapped into one of the platform.
    if mark.facility == b"IOSXE" {
        let inner = memchr::memmem::find(mark.text, b" %").and_then(|at| take_mark(&mark.text[at + 1..]));
        mark = inner.unwrap_or(mark);
    }
    let source = take_source(mark.text);
    if let Some((file, rest)) = source {
        writer.put_vendor(ids().source_file, file);
        mark.text = rest;
    }
    if let Some((slot, rest)) = take_slot(mark.text) {
        writer.put_vendor(ids().slot, slot);
        mark.text = rest;
    }
    let core = writer.core();
    (core.product, core.log_source) = if source.is_some() {
        (products::CISCO_AIRONET, logsource::CISCO_WLC)
    } else if nexus {
        (products::CISCO_NEXUS, logsource::CISCO_NEXUS)
    } else {
        (products::CISCO_IOS, logsource::CISCO_IOS)
    };
    writer.put_vendor(ids().facility, mark.facility);
    writer.put_vendor(ids().mnemonic, mark.mnemonic);
    writer.put(ecs::EVENT_CODE, mark.mnemonic);
    writer.put_i64(ecs::EVENT_SEVERITY, i64::from(mark.level));
    writer.put_str(ecs::LOG_LEVEL, LEVELS[usize::from(mark.level)]);
    put_common(writer, header, mark.text);
    if !writer.derives() {
        return true;
    }
    if source.is_some() {
        wireless::put(writer, mark.facility, mark.mnemonic, mark.text);
        return true;
    }
    let Some(row) = messages::find(mark.facility, mark.mnemonic) else {
        writer.put_str(ecs::EVENT_CATEGORY, "network");
        writer.put_str(ecs::EVENT_TYPE, "info");
        return true;
    };
    let mut captures = Captures::new();
    let verdict = match row.templates.iter().any(|template| template.matches(mark.text, &mut captures)) {
        true => captures.write(writer),
        false => None,
    };
    row.put(writer, verdict);
    put_network(writer);
    true
}

/// IOS writes some messages of its clock without a mark: `NTP Core (NOTICE): text`.
fn decode_unmarked<'a>(writer: &mut EventWriter<'a>, header: &Header<'a>) -> bool {
    if !header.message.starts_with(b"NTP Core (") || !writer.view().has(ecs::EVENT_SEQUENCE) {
        return false;
    }
    let core = writer.core();
    (core.product, core.log_source) = (products::CISCO_IOS, logsource::CISCO_IOS);
    put_common(writer, header, header.message);
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::EVENT_TYPE, "info");
    true
}

fn put_common<'a>(writer: &mut EventWriter<'a>, header: &Header<'a>, text: &'a [u8]) {
    writer.put(ecs::MESSAGE, text);
    writer.put_str(ecs::EVENT_KIND, "event");
    if writer.core().product == products::CISCO_IOS {
        writer.put_str(ecs::EVENT_PROVIDER, "firewall");
    }
    if !header.hostname.is_empty() {
        let host = writer.span_of(header.hostname);
        writer.put_span(ecs::OBSERVER_NAME, host, Kind::Text, false);
        if crate::ip::parse(header.hostname).is_none() {
            relate_span(writer, host, ecs::RELATED_HOSTS);
        }
    }
}

/// `R0/0: fman_fp_image: text` and `Chassis 1 R0/0: nginx: text` of IOS XE: the slot, and the text behind the process.
fn take_slot(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let body = match text.strip_prefix(b"Chassis ") {
        Some(rest) => &rest[memchr::memchr(b' ', rest)? + 1..],
        None => text,
    };
    let colon = body.iter().take(12).position(|&byte| byte == b':')?;
    let (slot, rest) = (&body[..colon], body[colon + 1..].strip_prefix(b" ")?);
    let lettered = slot.len() >= 2 && slot[0].is_ascii_uppercase() && slot[slot.len() - 1].is_ascii_digit();
    if !lettered || !slot.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'/') {
        return None;
    }
    let end = rest.iter().take(48).position(|&byte| matches!(byte, b':' | b' '))?;
    let rest = rest[end..].strip_prefix(b": ")?.trim_ascii_start();
    Some((slot, rest))
}

/// `[PA]dtl_net.c:3393 text` of a wireless controller: the place in its source, and the text.
fn take_source(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let body = match text {
        [b'[', _, _, b']', rest @ ..] => rest,
        _ => text,
    };
    let end = body.iter().take(64).position(|&byte| byte == b' ')?;
    let colon = memchr::memchr(b':', &body[..end])?;
    let (file, line) = (&body[..colon], &body[colon + 1..end]);
    let is_file = file.ends_with(b".c") || file.ends_with(b".cc") || file.ends_with(b".cpp");
    let is_line = !line.is_empty() && line.iter().all(u8::is_ascii_digit);
    (is_file && is_line).then(|| (&body[..end], body[end..].trim_ascii()))
}

fn put_network(writer: &mut EventWriter<'_>) {
    let kind = match writer.core().source_ip {
        Some(ip) if ip.is_ipv4() => "ipv4",
        Some(_) => "ipv6",
        None => return,
    };
    writer.put_str(ecs::NETWORK_TYPE, kind);
    if let Some((packets, kind)) = writer.first_span(ecs::NETWORK_PACKETS) {
        writer.put_span(ecs::SOURCE_PACKETS, packets, kind, false);
    }
    relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
    relate(writer, ecs::DESTINATION_IP, ecs::RELATED_IP);
}
