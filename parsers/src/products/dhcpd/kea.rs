//! Kea: `time LEVEL [logger/process.thread] MESSAGE_ID [hwtype=1 …], cid=[…], tid=…: text`.

use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::products::fields::put_mac;
use crate::products::names::vendor_names;
use crate::products::text::{CLIENT, between, put_end, put_vendor, split, word};
use crate::products::{Detect, Product};
use crate::time::take_iso;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products, scan};

/// `kea`.
pub(crate) static PRODUCT: Product = Product {
    name: "kea",
    title: "ISC Kea DHCP",
    document: "Kea Messages Manual",
    namespace: "kea.log",
    module: "kea",
    dataset: "kea.log",
    vendor: "ISC",
    product: "Kea",
    names: NAMES,
    detect: &[
        Detect::Line("12", decode),
        Detect::App(&["kea-dhcp4", "kea-dhcp6", "kea-dhcp-ddns", "kea-ctrl-agent"], decode),
    ],
    ..Product::NONE
};

vendor_names! {
    logger = "logger";
    message_id = "message_id";
    client_mac = "client_mac";
    cid = "client_id";
    duid = "duid";
    tid = "transaction_id";
    lease = "lease_address";
    seconds = "lease_seconds";
    text = "text";
}

/// Decodes a line of Kea; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let (stamp, rest) = match take_iso(header.message) {
        Some((stamp, rest)) => (Some(stamp), rest.trim_ascii_start()),
        None => (None, header.message),
    };
    let (level, rest) = word(rest);
    let Some((logger, rest)) = rest.strip_prefix(b"[kea-").and_then(|rest| split(rest, b"] ")) else { return false };
    let (id, text) = word(rest);
    let is_id = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    if id.is_empty() || !id.iter().all(is_id) || !matches!(level, b"INFO" | b"WARN" | b"ERROR" | b"FATAL" | b"DEBUG") {
        return false;
    }
    let core = writer.core();
    core.product = products::KEA;
    core.log_source = logsource::DHCP;
    if let Some(stamp) = &stamp {
        context.set_stamp(writer, stamp);
    }
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::NETWORK_PROTOCOL, "dhcp");
    writer.put(ecs::LOG_LEVEL, level);
    put_vendor(writer, ids().logger, split(logger, b"/").map_or(logger, |(name, _)| name));
    writer.put_vendor(ids().message_id, id);
    writer.put(ecs::EVENT_CODE, id);
    writer.put(ecs::EVENT_ACTION, id);
    writer.put(ecs::MESSAGE, text);
    put_text(writer, id, text);
    true
}

fn put_text<'a>(writer: &mut EventWriter<'a>, id: &[u8], text: &'a [u8]) {
    let ids = ids();
    if let Some(mac) = between(text, b"[hwtype=", b"]") {
        put_vendor(writer, ids.client_mac, word(mac).1);
        put_mac(writer, ids.client_mac, ecs::CLIENT_MAC);
    }
    for (mark, name) in [(&b"cid=["[..], ids.cid), (b"duid=[", ids.duid)] {
        if let Some(value) = between(text, mark, b"]").filter(|value| *value != b"no info") {
            put_vendor(writer, name, value);
        }
    }
    if let Some((_, tid)) = split(text, b"tid=0x") {
        let digits = tid.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        put_vendor(writer, ids.tid, &tid[..digits]);
    }
    let (kind, outcome) = match id {
        _ if id.ends_with(b"_LEASE_ALLOC") || id.ends_with(b"_LEASE_RENEW") => ("start", "success"),
        _ if id.ends_with(b"_RELEASE") || id.ends_with(b"_RELEASE_NA") => ("end", "success"),
        _ if scan::find(id, b"DECLINE").is_some() || scan::find(id, b"FAIL").is_some() => ("denied", "failure"),
        _ => ("info", ""),
    };
    writer.put_str(ecs::EVENT_TYPE, kind);
    if !outcome.is_empty() {
        writer.put_str(ecs::EVENT_OUTCOME, outcome);
    }
    for mark in [&b"lease for address "[..], b"lease ", b"address "] {
        let Some((_, address)) = split(text, mark) else { continue };
        let address = word(address).0;
        let address = address.strip_suffix(b",").or_else(|| address.strip_suffix(b".")).unwrap_or(address);
        if crate::ip::parse(address).is_some() {
            put_vendor(writer, ids.lease, address);
            put_end(writer, CLIENT, address);
            break;
        }
    }
    if let Some((before, _)) = split(text, b" seconds") {
        let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0 {
            writer.put_as(ids.seconds, &before[before.len() - digits..], Kind::Number, true);
        }
    }
    put_vendor(writer, ids.text, text);
}
