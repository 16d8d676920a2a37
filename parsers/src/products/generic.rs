//! Time and common names of records whose product is not known.
//!
//! A name is believed only as far as its value fits: an address must parse, a port must be one.
//! All names stay where the record put them; what is understood stands beside.

use super::fields::{copy, copy_ip, present};
use super::names::vendor_names;
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::EventWriter;
use crate::products::Product;
use crate::time::{parse_epoch, take_iso};

/// `syslog`.
pub(crate) static SYSLOG: Product = Product {
    name: "syslog",
    title: "Syslog of no known program",
    document: "RFC 3164, RFC 5424",
    namespace: "syslog",
    module: "system",
    dataset: "system.syslog",
    ..Product::NONE
};

/// `json`.
pub(crate) static JSON: Product = Product {
    name: "json",
    title: "JSON of no known product",
    document: "RFC 8259",
    namespace: "json",
    names: NAMES,
    ..Product::NONE
};

/// `kv`.
pub(crate) static KV: Product =
    Product { name: "kv", title: "key=value pairs of no known product", namespace: "kv", ..Product::NONE };

vendor_names! {
    splunk_host = "result.host";
    splunk_source = "result.source";
    timestamp = "timestamp";
    timestamp_capital = "Timestamp";
    time = "time";
    ts = "ts";
    event_time = "eventTime";
    event_time_snake = "event_time";
    event_timestamp = "eventTimestamp";
    date_time = "datetime";
    created_at = "created_at";
    created_at_camel = "createdAt";
    published = "published";
    start_time = "startTime";
    date = "date";
    epoch = "epoch";
    t = "t";
    msg = "msg";
    log = "log";
    level = "level";
    severity = "severity";
    priority = "priority";
    host = "host";
    hostname = "hostname";
    user = "user";
    username = "username";
    user_name = "user_name";
    src = "src";
    src_ip = "src_ip";
    srcip = "srcip";
    source_ip = "source_ip";
    source_ip_camel = "sourceIPAddress";
    client_ip = "client_ip";
    client_ip_camel = "clientIp";
    remote_addr = "remote_addr";
    remote_ip = "remote_ip";
    dst = "dst";
    dst_ip = "dst_ip";
    dstip = "dstip";
    dest_ip = "dest_ip";
    destination_ip = "destination_ip";
    src_port = "src_port";
    srcport = "srcport";
    spt = "spt";
    source_port = "source_port";
    dst_port = "dst_port";
    dstport = "dstport";
    dpt = "dpt";
    dest_port = "dest_port";
    destination_port = "destination_port";
    user_agent = "user_agent";
    user_agent_camel = "userAgent";
    @also
    "proto" "protocol" "action" "method" "url" "status" "pid" "process"
}

/// Normalises a record of no known product whose fields are written already.
pub(crate) fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>) {
    let ids = ids();
    set_time(writer, context, ids);
    let first = |writer: &mut EventWriter<'_>, froms: &[FieldId], to| {
        for &from in froms {
            copy(writer, from, to);
        }
    };
    first(writer, &[ids.msg, ids.log], ecs::MESSAGE);
    first(writer, &[ids.level, ids.severity, ids.priority], ecs::LOG_LEVEL);
    first(writer, &[ids.hostname, ids.host], ecs::HOST_NAME);
    first(writer, &[ids.username, ids.user_name, ids.user], ecs::USER_NAME);
    first(writer, &[ids.user_agent, ids.user_agent_camel], ecs::USER_AGENT_ORIGINAL);
    for from in [
        ids.src_ip,
        ids.srcip,
        ids.source_ip,
        ids.source_ip_camel,
        ids.client_ip,
        ids.client_ip_camel,
        ids.remote_ip,
        ids.remote_addr,
        ids.src,
    ] {
        copy_ip(writer, from, ecs::SOURCE_IP);
    }
    for from in [ids.dst_ip, ids.dstip, ids.dest_ip, ids.destination_ip, ids.dst] {
        copy_ip(writer, from, ecs::DESTINATION_IP);
    }
    put_port(writer, &[ids.src_port, ids.srcport, ids.source_port, ids.spt], ecs::SOURCE_PORT);
    put_port(writer, &[ids.dst_port, ids.dstport, ids.dest_port, ids.destination_port, ids.dpt], ecs::DESTINATION_PORT);
}

fn put_port(writer: &mut EventWriter<'_>, froms: &[FieldId], to: FieldId) {
    for &from in froms {
        let Some(span) = present(writer, from) else { continue };
        let fits = crate::number::parse_u64(writer.bytes(span)).is_some_and(|port| port <= 65_535);
        if fits && writer.first(to).is_none() {
            writer.put_port_span(to, span);
        }
    }
}

/// The first name that is used for the time of events and holds one.
fn set_time(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids) {
    let mut seen = false;
    for id in [
        ecs::TIMESTAMP,
        ids.timestamp,
        ids.timestamp_capital,
        ids.event_time,
        ids.event_time_snake,
        ids.event_timestamp,
        ids.date_time,
        ids.time,
        ids.ts,
        ids.created_at,
        ids.created_at_camel,
        ids.published,
        ids.start_time,
        ids.date,
        ids.epoch,
        ids.t,
    ] {
        let Some(span) = present(writer, id) else { continue };
        let text = writer.bytes(span);
        if let Some((stamp, _)) = take_iso(text) {
            return context.set_stamp(writer, &stamp);
        }
        if let Some((time_ns, precision)) = parse_epoch(text) {
            return writer.set_time(time_ns, precision);
        }
        seen |= id == ecs::TIMESTAMP || id == ids.timestamp;
    }
    if seen && !writer.core().time_from_record {
        writer.defect(Defect::TimeUnreadable);
    }
}

/// What the envelope around a product's document says of its origin: Splunk's search export names host and file.
pub(crate) fn put_envelope(writer: &mut EventWriter<'_>) {
    copy(writer, ids().splunk_host, ecs::HOST_NAME);
    copy(writer, ids().splunk_source, ecs::LOG_FILE_PATH);
}
