//! Rows of separated values whose columns are known by position: flow records, door badges, and any other row by the map
//! that its source's configuration declares.
//!
//! A row does not say what its columns are; a header line at the start of a file does, but a record is decoded alone.
//! So the columns come from the configuration (`columns = ["time", "door", …]`), or from one of the layouts
//! here where the row has its very shape. A header line is told by its own names and is an event of type
//! `info`. Column names are those of the schema, the usual short names of their trade below, or
//! the operator's own, kept below the product's namespace.

mod layouts;

use super::fields::{put_direction, put_mac_span, put_network_type, put_time, relate, transport_number, transport_of};
use super::names::{id_of, vendor_names};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::{FieldId, FieldType};
use crate::event::{EventWriter, Kind, Span, TimePrecision};
use crate::logsource::ProductId;
use crate::number::{parse_i64, parse_scaled, parse_u64};
use crate::products::{Detect, Product};
use crate::time::{Stamp, parse_epoch, take_iso};
use crate::wire::csv::Cells;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `csv`.
pub(crate) static PRODUCT: Product = Product {
    name: "csv",
    title: "Any CSV, its columns by configuration",
    document: "RFC 4180; `columns` of the input",
    namespace: "csv",
    names: NAMES,
    ..Product::NONE
};

/// `flow_csv`.
pub(crate) static FLOW: Product = Product {
    name: "flow_csv",
    title: "Flow records as CSV",
    document: "columns by configuration; nfdump -o csv; Argus ra -c,",
    namespace: "flow",
    module: "netflow",
    dataset: "netflow.log",
    detect: &[Detect::Line("0123456789s", flow_row)],
    ..Product::NONE
};

/// `badge_csv`.
pub(crate) static BADGE: Product = Product {
    name: "badge_csv",
    title: "Door badge readers as CSV",
    document: "columns by configuration; time, door, badge_id, name, result, direction",
    namespace: "badge",
    module: "badge",
    dataset: "badge.log",
    observer_type: "door",
    detect: &[Detect::Line("0123456789t", badge_row)],
    ..Product::NONE
};

vendor_names! {
    door = "door";
    badge_id = "badge_id";
    name = "name";
    result = "result";
    direction = "direction";
    @also
    "time" "date" "start" "end" "duration" "src" "dst" "sport" "dport" "proto" "bytes" "packets" "flags" "vlan" "in"
    "out" "src_bytes" "src_packets" "dst_bytes" "dst_packets" "src_mac" "dst_mac" "user" "state" "tos" "label"
    "header"
}

/// What a column's value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    /// The operator's own, or one whose meaning is read by name.
    Own,
    /// Not kept under any name; it stays in the record.
    Skip,
    /// The event's time.
    Time,
    /// The day, where the time has a column of its own.
    Date,
    /// When a flow began: the event's time too, where there is no other.
    Start,
    End,
    /// Seconds, with a fraction.
    Seconds,
    /// A transport by name or number.
    Transport,
    /// A name of the schema.
    Schema(FieldId, FieldType),
    Mac(FieldId),
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Column {
    name: Box<str>,
    role: Role,
}

/// Most columns of a map. nfdump writes 48.
pub const COLUMNS_MAX: usize = 256;

/// What the columns of a source's rows are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ColumnMap {
    separator: u8,
    columns: Vec<Column>,
}

impl ColumnMap {
    /// The map of columns by name, in their order; `-` or an empty name is a column to leave in the record.
    ///
    /// # Errors
    /// A name that occurs twice, no column at all, more than [`COLUMNS_MAX`], or a separator
    /// that cannot be one, each with what to write.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>, separator: u8) -> Result<ColumnMap, String> {
        if matches!(separator, b'"' | b'\\' | b'\n' | b'\r') || !separator.is_ascii() {
            return Err("a quote, a backslash, a line end or a byte beyond ASCII separates no columns; use \",\", \";\", \"\\t\" or \"|\"".to_owned());
        }
        let mut columns: Vec<Column> = Vec::new();
        for name in names {
            let name = name.trim();
            let role = if matches!(name, "" | "-") { Role::Skip } else { role(name) };
            if role != Role::Skip && columns.iter().any(|column| &*column.name == name) {
                return Err(format!("column `{name}` is named twice; name a column to be left out `-`"));
            }
            columns.push(Column { name: name.into(), role });
        }
        match columns.len() {
            0 => Err("no columns; name them in their order, for example [\"time\", \"door\", \"badge_id\"]".to_owned()),
            1..=COLUMNS_MAX => Ok(ColumnMap { separator, columns }),
            count => Err(format!("{count} columns; {COLUMNS_MAX} are the most")),
        }
    }

    /// A map of ours.
    fn known(names: &str) -> ColumnMap {
        ColumnMap::new(names.split(','), b',').expect("a layout names each column once")
    }

    fn is_header(&self, record: &[u8]) -> bool {
        let mut cells = Cells::separated(record, self.separator);
        let named = |column: &Column| {
            cells.next().is_some_and(|cell| {
                column.role == Role::Skip || cell.text.trim_ascii().eq_ignore_ascii_case(column.name.as_bytes())
            })
        };
        self.columns.iter().all(named) && cells.next().is_none()
    }
}

/// The usual names of columns, lower case and without blanks, `_`, `-` and dots, and what they are.
static ALIASES: &[(&[&str], Role)] = &[
    (&["time", "timestamp", "datetime", "ts", "eventtime", "date_time", "when"], Role::Time),
    (&["date", "day"], Role::Date),
    (&["start", "starttime", "stime", "first", "flowstart", "begin"], Role::Start),
    (&["end", "endtime", "etime", "ltime", "last", "flowend", "te"], Role::End),
    (&["duration", "dur", "td"], Role::Seconds),
    (&["proto", "protocol", "pr", "transport", "protocolidentifier"], Role::Transport),
    (
        &["src", "srcip", "srcaddr", "source", "sourceip", "sourceaddress", "sa", "saddr", "srcaddress"],
        Role::Schema(ecs::SOURCE_IP, FieldType::Ip),
    ),
    (
        &[
            "dst",
            "dstip",
            "dstaddr",
            "dest",
            "destination",
            "destinationip",
            "destip",
            "da",
            "daddr",
            "dstaddress",
            "destinationaddress",
        ],
        Role::Schema(ecs::DESTINATION_IP, FieldType::Ip),
    ),
    (&["sport", "srcport", "sourceport", "sp"], Role::Schema(ecs::SOURCE_PORT, FieldType::Long)),
    (&["dport", "dstport", "destport", "destinationport", "dp"], Role::Schema(ecs::DESTINATION_PORT, FieldType::Long)),
    (&["bytes", "octets", "totbytes", "totalbytes"], Role::Schema(ecs::NETWORK_BYTES, FieldType::Long)),
    (&["packets", "pkts", "totpkts", "totalpackets"], Role::Schema(ecs::NETWORK_PACKETS, FieldType::Long)),
    (
        &["srcbytes", "sbytes", "ibyt", "inbytes", "bytessent", "sourcebytes"],
        Role::Schema(ecs::SOURCE_BYTES, FieldType::Long),
    ),
    (
        &["srcpackets", "srcpkts", "spkts", "ipkt", "inpkts", "sourcepackets"],
        Role::Schema(ecs::SOURCE_PACKETS, FieldType::Long),
    ),
    (
        &["dstbytes", "dbytes", "obyt", "outbytes", "bytesreceived", "destinationbytes"],
        Role::Schema(ecs::DESTINATION_BYTES, FieldType::Long),
    ),
    (
        &["dstpackets", "dstpkts", "dpkts", "opkt", "outpkts", "destinationpackets"],
        Role::Schema(ecs::DESTINATION_PACKETS, FieldType::Long),
    ),
    (&["vlan", "vlanid", "svln"], Role::Schema(ecs::NETWORK_VLAN_ID, FieldType::Keyword)),
    (&["in", "input", "ingressinterface"], Role::Schema(ecs::OBSERVER_INGRESS_INTERFACE_ID, FieldType::Keyword)),
    (&["out", "output", "egressinterface"], Role::Schema(ecs::OBSERVER_EGRESS_INTERFACE_ID, FieldType::Keyword)),
    (&["sas", "srcas", "sourceas"], Role::Schema(ecs::SOURCE_AS_NUMBER, FieldType::Long)),
    (&["das", "dstas", "destinationas"], Role::Schema(ecs::DESTINATION_AS_NUMBER, FieldType::Long)),
    (&["user", "username"], Role::Schema(ecs::USER_NAME, FieldType::Keyword)),
    (&["host", "hostname"], Role::Schema(ecs::HOST_NAME, FieldType::Keyword)),
    (&["message", "msg"], Role::Schema(ecs::MESSAGE, FieldType::Text)),
    (&["srcmac", "smac", "sourcemac"], Role::Mac(ecs::SOURCE_MAC)),
    (&["dstmac", "dmac", "destinationmac"], Role::Mac(ecs::DESTINATION_MAC)),
];

fn role(name: &str) -> Role {
    if name == "@timestamp" {
        return Role::Time;
    }
    let id = id_of(name);
    // A row must not write what is said of rows: its own text, when it came.
    if id.index() < ecs::COUNT
        && id != FieldId::UNNAMED
        && !matches!(id, ecs::EVENT_ORIGINAL | ecs::EVENT_CREATED | ecs::MESSAGE)
    {
        return match id {
            ecs::EVENT_START => Role::Start,
            ecs::EVENT_END => Role::End,
            ecs::NETWORK_TRANSPORT => Role::Transport,
            ecs::SOURCE_MAC | ecs::DESTINATION_MAC | ecs::CLIENT_MAC | ecs::SERVER_MAC => Role::Mac(id),
            _ => Role::Schema(id, ecs::FIELDS[id.index()].kind),
        };
    }
    let plain: String = name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    ALIASES.iter().find(|(aliases, _)| aliases.contains(&plain.as_str())).map_or(Role::Own, |(_, role)| *role)
}

/// Decodes a record of a source whose format is one of these; `false` = it is not, or there is no telling.
pub(crate) fn of_source<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, format: ProductId) -> bool {
    if !matches!(format, products::CSV | products::FLOW_CSV | products::BADGE_CSV) {
        return false;
    }
    let record = line(writer.record());
    match &context.options.columns {
        Some(map) => {
            row(writer, context, map, record, format);
            true
        }
        None => false,
    }
}

fn line(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    let record = record.strip_suffix(b"\r").unwrap_or(record);
    record.strip_prefix(b"\xef\xbb\xbf").unwrap_or(record)
}

fn flow_row<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let record = line(header.message);
    let Some(map) = layouts::flow(record) else { return false };
    row(writer, context, map, record, products::FLOW_CSV);
    true
}

fn badge_row<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let record = line(header.message);
    let Some(map) = layouts::badge(record) else { return false };
    row(writer, context, map, record, products::BADGE_CSV);
    true
}

/// What a row's columns said of its time and ends.
#[derive(Default)]
struct Seen {
    time: Option<Span>,
    date: Option<Span>,
    start_ns: Option<(i64, TimePrecision)>,
    end_ns: Option<i64>,
    duration_ns: Option<i64>,
}

fn row<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, map: &ColumnMap, record: &'a [u8], product: ProductId) {
    let core = writer.core();
    core.product = product;
    core.log_source = match product {
        products::FLOW_CSV => logsource::FLOW,
        products::BADGE_CSV => logsource::BADGE,
        _ => logsource::UNKNOWN,
    };
    writer.put_str(ecs::EVENT_KIND, "event");
    if map.is_header(record) {
        writer.put_str(ecs::EVENT_TYPE, "info");
        writer.put_str(ecs::EVENT_ACTION, "header");
        writer.put(ecs::MESSAGE, record);
        return;
    }
    let mut seen = Seen::default();
    let mut cells = Cells::separated(record, map.separator);
    let mut count = 0;
    for cell in cells.by_ref() {
        let Some(column) = map.columns.get(count) else {
            count += 1;
            continue;
        };
        count += 1;
        let value = cell.span(writer);
        put(writer, context, &mut seen, column, value);
    }
    if cells.unbalanced {
        writer.defect(Defect::UnbalancedQuote);
    }
    if count != map.columns.len() {
        writer.defect(Defect::ColumnCount);
    }
    put_times(writer, context, &seen);
    match product {
        products::FLOW_CSV => put_flow(writer),
        products::BADGE_CSV => put_badge(writer),
        _ => {
            for (from, to) in [
                (ecs::SOURCE_IP, ecs::RELATED_IP),
                (ecs::DESTINATION_IP, ecs::RELATED_IP),
                (ecs::USER_NAME, ecs::RELATED_USER),
                (ecs::HOST_NAME, ecs::RELATED_HOSTS),
            ] {
                relate(writer, from, to);
            }
        }
    }
}

/// A value without the blanks around it.
fn trimmed(writer: &EventWriter<'_>, value: Span) -> Span {
    let text = writer.bytes(value);
    let from = text.len() - text.trim_ascii_start().len();
    let to = from + text.trim_ascii().len();
    value.part(from..to)
}

fn put(writer: &mut EventWriter<'_>, context: &Context<'_>, seen: &mut Seen, column: &Column, value: Span) {
    let value = trimmed(writer, value);
    if value.is_empty() || column.role == Role::Skip {
        return;
    }
    let is_schema_name = matches!(column.role, Role::Schema(id, _) if ecs::FIELDS[id.index()].name == &*column.name);
    if !is_schema_name {
        put_own(writer, context, column, value);
    }
    match column.role {
        Role::Own | Role::Skip => {}
        Role::Time => seen.time = Some(value),
        Role::Date => seen.date = Some(value),
        Role::Start => {
            seen.start_ns = instant(writer, context, value);
            if let Some((time_ns, _)) = seen.start_ns {
                put_time(writer, ecs::EVENT_START, time_ns);
            }
        }
        Role::End => {
            seen.end_ns = instant(writer, context, value).map(|(time_ns, _)| time_ns);
            if let Some(time_ns) = seen.end_ns {
                put_time(writer, ecs::EVENT_END, time_ns);
            }
        }
        Role::Seconds => seen.duration_ns = parse_scaled(writer.bytes(value), 9),
        Role::Transport => put_transport(writer, value),
        Role::Mac(id) => put_mac_span(writer, value, id),
        Role::Schema(id, kind) => put_schema(writer, id, kind, value),
    }
}

/// Under the operator's name: by id where a rule or a product knows it.
fn put_own(writer: &mut EventWriter<'_>, context: &Context<'_>, column: &Column, value: Span) {
    match context.dictionary.find(column.name.as_bytes()) {
        Some(id) if id.index() >= ecs::COUNT => writer.put_span(id, value, Kind::Text, true),
        _ => {
            let from = writer.arena_start();
            writer.arena_push(column.name.as_bytes());
            let name = writer.arena_end(from);
            writer.put_unnamed(name, value, Kind::Text);
        }
    }
}

fn put_schema(writer: &mut EventWriter<'_>, id: FieldId, kind: FieldType, value: Span) {
    match (id, kind) {
        (ecs::SOURCE_PORT | ecs::DESTINATION_PORT, _) => {
            // Argus writes ports of ICMP in hexadecimal.
            if parse_u64(writer.bytes(value)).is_some() {
                writer.put_port_span(id, value);
            }
        }
        (_, FieldType::Ip) => {
            if !writer.put_if_ip(id, value) {
                let domain = match id {
                    ecs::SOURCE_IP => ecs::SOURCE_DOMAIN,
                    ecs::DESTINATION_IP => ecs::DESTINATION_DOMAIN,
                    _ => return writer.defect(Defect::AddressInvalid),
                };
                writer.put_span(domain, value, Kind::Text, false);
            }
        }
        (_, FieldType::Long) => {
            if parse_i64(writer.bytes(value)).is_some() {
                writer.put_span(id, value, Kind::Number, false);
            } else {
                writer.defect(Defect::NumberInvalid);
            }
        }
        _ => writer.put_span(id, value, Kind::Text, false),
    }
}

fn put_transport(writer: &mut EventWriter<'_>, value: Span) {
    let text = writer.bytes(value);
    if let Some(name) = transport_number(text) {
        writer.put_span(ecs::NETWORK_IANA_NUMBER, value, Kind::Text, false);
        writer.put_str(ecs::NETWORK_TRANSPORT, name);
    } else if let Some((name, number)) = transport_of(text) {
        writer.put_str(ecs::NETWORK_TRANSPORT, name);
        writer.put_str(ecs::NETWORK_IANA_NUMBER, number);
    } else if parse_u64(text).is_some() {
        writer.put_span(ecs::NETWORK_IANA_NUMBER, value, Kind::Text, false);
    } else {
        super::fields::put_lower(writer, ecs::NETWORK_TRANSPORT, value);
    }
}

/// An ISO stamp, with `-` or `/`, or seconds since the epoch.
fn instant(writer: &mut EventWriter<'_>, context: &Context<'_>, value: Span) -> Option<(i64, TimePrecision)> {
    let text = writer.bytes(value);
    if let Some((stamp, _)) = take_iso(text).filter(|(_, rest)| rest.trim_ascii().is_empty()) {
        return context.resolve(writer, &stamp).map(|time_ns| (time_ns, stamp.precision));
    }
    parse_epoch(text)
}

/// A day and a time of day, joined.
fn joined(writer: &EventWriter<'_>, date: Span, time: Span) -> Option<Stamp> {
    /// A date of ten bytes, a blank, a time with nine digits of fraction, a zone.
    const JOINED_BYTES_MAX: usize = 48;
    let (date, time) = (writer.bytes(date), writer.bytes(time));
    let mut text = [b' '; JOINED_BYTES_MAX];
    let len = date.len() + 1 + time.len();
    text.get_mut(..date.len())?.copy_from_slice(date);
    text.get_mut(date.len() + 1..len)?.copy_from_slice(time);
    take_iso(&text[..len]).map(|(stamp, _)| stamp)
}

fn put_times(writer: &mut EventWriter<'_>, context: &Context<'_>, seen: &Seen) {
    if let (Some(start), Some(duration), None) = (seen.start_ns, seen.duration_ns, seen.end_ns) {
        if let Some(end) = start.0.checked_add(duration) {
            put_time(writer, ecs::EVENT_END, end);
        }
    }
    let duration = match (seen.duration_ns, seen.start_ns, seen.end_ns) {
        (Some(duration), ..) => Some(duration),
        (None, Some((start, _)), Some(end)) => end.checked_sub(start).filter(|&duration| duration >= 0),
        _ => None,
    };
    if let Some(duration) = duration {
        writer.put_i64(ecs::EVENT_DURATION, duration);
    }
    let Some(time) = seen.time else {
        if let Some((time_ns, precision)) = seen.start_ns.or(seen.end_ns.map(|end| (end, TimePrecision::Second))) {
            writer.set_time(time_ns, precision);
        } else if let Some((time_ns, precision)) = seen.date.and_then(|date| instant(writer, context, date)) {
            writer.set_time(time_ns, precision);
        }
        return;
    };
    if let Some((time_ns, precision)) = instant(writer, context, time) {
        return writer.set_time(time_ns, precision);
    }
    match seen.date.and_then(|date| joined(writer, date, time)) {
        Some(stamp) => context.set_stamp(writer, &stamp),
        None => writer.defect(Defect::TimeUnreadable),
    }
}

fn put_flow(writer: &mut EventWriter<'_>) {
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::EVENT_TYPE, "connection");
    for (total, one, other) in [
        (ecs::NETWORK_BYTES, ecs::SOURCE_BYTES, ecs::DESTINATION_BYTES),
        (ecs::NETWORK_PACKETS, ecs::SOURCE_PACKETS, ecs::DESTINATION_PACKETS),
    ] {
        let number = |id| writer.first(id).and_then(parse_i64);
        match (number(total), number(one), number(other)) {
            (None, Some(one), other) => writer.put_i64(total, one.saturating_add(other.unwrap_or_default())),
            (Some(total), Some(one), None) if total >= one => writer.put_i64(other, total - one),
            // A flow goes one way: what was counted, the source sent.
            (Some(total), None, None) => writer.put_i64(one, total),
            _ => {}
        }
    }
    put_direction(writer);
    put_network_type(writer);
    relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
    relate(writer, ecs::DESTINATION_IP, ecs::RELATED_IP);
    relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
}

/// What readers write for a door that opened, and for one that did not.
static GRANTED: [&str; 10] =
    ["granted", "allowed", "allow", "accepted", "accept", "success", "ok", "opened", "permit", "access granted"];
static DENIED: [&str; 11] = [
    "denied",
    "deny",
    "rejected",
    "reject",
    "failed",
    "failure",
    "refused",
    "invalid",
    "expired",
    "unknown",
    "access denied",
];

/// Where a result is among those of a reader.
fn is_result(text: &[u8]) -> Option<bool> {
    let among = |names: &[&str]| names.iter().any(|name| text.eq_ignore_ascii_case(name.as_bytes()));
    if among(&GRANTED) { Some(true) } else { among(&DENIED).then_some(false) }
}

fn put_badge(writer: &mut EventWriter<'_>) {
    let ids = ids();
    writer.put_str(ecs::EVENT_CATEGORY, "authentication");
    match writer.first(ids.result).and_then(is_result) {
        Some(true) => {
            writer.put_str(ecs::EVENT_ACTION, "badge-granted");
            writer.put_str(ecs::EVENT_TYPE, "allowed");
            writer.put_str(ecs::EVENT_OUTCOME, "success");
        }
        Some(false) => {
            writer.put_str(ecs::EVENT_ACTION, "badge-denied");
            writer.put_str(ecs::EVENT_TYPE, "denied");
            writer.put_str(ecs::EVENT_OUTCOME, "failure");
        }
        None => writer.put_str(ecs::EVENT_TYPE, "info"),
    }
    let direction =
        writer.first(ids.direction).map(|text| (text.eq_ignore_ascii_case(b"in"), text.eq_ignore_ascii_case(b"out")));
    match direction {
        Some((true, _)) => writer.put_str(ecs::EVENT_TYPE, "start"),
        Some((_, true)) => writer.put_str(ecs::EVENT_TYPE, "end"),
        _ => {}
    }
    super::fields::copy(writer, ids.door, ecs::OBSERVER_NAME);
    super::fields::copy(writer, ids.badge_id, ecs::USER_ID);
    super::fields::copy(writer, ids.name, ecs::USER_NAME);
    relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
}

#[cfg(test)]
mod tests;
