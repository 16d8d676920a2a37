//! Zeek logs, in the tab-separated form and as JSON: every log of the default scripts.
//!
//! Which log a record is of, the member `_path` says where a shipper adds it; else the members themselves do
//! ([`logs`]), or the columns' number and types ([`layouts`]). Names are Zeek's own, as Sigma's rules for it use them.

mod details;
mod layouts;
mod logs;
mod names;
#[cfg(test)]
mod tests;

pub(crate) use names::NAMES;
use names::{Ids, ids};

use super::fields::{copy, copy_vendor, present, put_network_type, relate};
use super::json_table::put_constant;
use crate::decode::Context;
use crate::defect::Defect;
use crate::ecs;
use crate::event::{EventWriter, Kind, TimePrecision};
use crate::products::{Detect, Product};
use crate::time::{parse_epoch, take_iso};
use logs::Log;

/// `zeek`.
pub(crate) static PRODUCT: Product = Product {
    name: "zeek",
    title: "Zeek",
    document: "Book of Zeek: Zeek Log Formats and Inspection; Log Files (script reference)",
    namespace: "zeek",
    module: "zeek",
    dataset: "zeek.log",
    vendor: "Zeek",
    product: "Zeek",
    observer_type: "ids",
    names: NAMES,
    detect: &[
        Detect::Members(&["ts"], normalise),
        Detect::Line("0123456789", layouts::decode),
        Detect::Line("#", layouts::decode_directive),
        Detect::Shape("0123456789", layouts::decode),
    ],
    ..Product::NONE
};

/// Normalises a JSON record whose members are written already; `false` = it is of no log of Zeek's.
fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    // Read before anything is written: the stamp tells a Zeek log from others that have a `ts`.
    let text = writer.first(ids.ts).unwrap_or_default();
    let time = match parse_epoch(text) {
        Some(time) => Some(time),
        None => match take_iso(text) {
            Some((stamp, _)) => {
                stamp.civil.at_offset(stamp.offset_s.unwrap_or(0)).map(|time_ns| (time_ns, stamp.precision))
            }
            None => return false,
        },
    };
    // Stores that take no dots in names write underscores.
    for (flat, name) in [
        (ids.flat_orig_h, ids.orig_h),
        (ids.flat_orig_p, ids.orig_p),
        (ids.flat_resp_h, ids.resp_h),
        (ids.flat_resp_p, ids.resp_p),
    ] {
        copy_vendor(writer, flat, name);
    }
    let Some(log) = logs::of_members(writer, ids) else { return false };
    writer.own_all();
    match time {
        Some((time_ns, precision)) => writer.set_time(time_ns, precision),
        None => writer.defect(Defect::TimeUnreadable),
    }
    finish(writer, context, log);
    true
}

/// What a log's record says, once its fields are written under Zeek's names.
fn finish(writer: &mut EventWriter<'_>, context: &Context<'_>, log: &'static Log) {
    let ids = ids();
    copy(writer, ids.uid, ecs::EVENT_ID);
    copy(writer, ids.community_id, ecs::NETWORK_COMMUNITY_ID);
    put_ends(writer, ids);
    log.table.apply(writer, context);
    copy(writer, ids.proto, ecs::NETWORK_TRANSPORT);
    for (id, text) in [(ecs::NETWORK_PROTOCOL, log.protocol), (ecs::NETWORK_TRANSPORT, log.transport)] {
        if !text.is_empty() {
            put_constant(writer, id, text);
        }
    }
    (log.details)(writer, ids);
    put_network_type(writer);
    // Logs of hosts, not of connections.
    if !writer.view().has(ecs::NETWORK_TYPE) {
        let host = writer.first(ecs::HOST_IP).and_then(crate::ip::parse);
        if let Some(ip) = host {
            writer.put_str(ecs::NETWORK_TYPE, if ip.is_ipv4() { "ipv4" } else { "ipv6" });
        }
    }
    relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
    relate(writer, ecs::DESTINATION_IP, ecs::RELATED_IP);
}

/// The two ends of the connection, originator first.
fn put_ends(writer: &mut EventWriter<'_>, ids: &Ids) {
    // Ports of ICMP are its type and code.
    let icmp = matches!(writer.first(ids.proto), Some(b"icmp"));
    let ends = [
        (
            [ids.orig_h, ids.src_addr, ids.src],
            [ids.orig_p, ids.src_port],
            ecs::SOURCE_IP,
            ecs::SOURCE_ADDRESS,
            ecs::SOURCE_PORT,
        ),
        (
            [ids.resp_h, ids.dst_addr, ids.dst],
            [ids.resp_p, ids.dst_port],
            ecs::DESTINATION_IP,
            ecs::DESTINATION_ADDRESS,
            ecs::DESTINATION_PORT,
        ),
    ];
    for (addresses, ports, ip, address, port) in ends {
        if let Some(span) = addresses.into_iter().find_map(|from| present(writer, from)) {
            writer.put_ip_span(ip, span);
            writer.put_span(address, span, Kind::Text, false);
        }
        if let Some(span) = ports.into_iter().find_map(|from| present(writer, from)).filter(|_| !icmp) {
            writer.put_port_span(port, span);
        }
    }
}

/// What `ts` says of its own precision: microseconds, always.
const PRECISION: TimePrecision = TimePrecision::Micro;
