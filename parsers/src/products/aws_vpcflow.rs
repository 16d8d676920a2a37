//! AWS VPC flow log records, versions 2 to 5 (Amazon VPC User Guide, "Flow log records"): columns by their number and version.

use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Spec};
use super::names::id_of;
use super::{Detect, Product};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};
use std::sync::LazyLock;

/// `aws_vpcflow`.
pub(crate) static PRODUCT: Product = Product {
    name: "aws_vpcflow",
    title: "AWS VPC flow logs",
    document: "Amazon VPC User Guide: flow log records",
    namespace: "aws.vpcflow",
    module: "aws",
    dataset: "aws.vpcflow",
    json: &[&TABLE],
    detect: &[Detect::Line("2345", read), Detect::Shape("2345", read)],
    ..Product::NONE
};

/// The default format, version 2.
const DEFAULT: &[&str] = &[
    "version",
    "account_id",
    "interface_id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log_status",
];

/// The format of version 3 that the guide's examples use.
const VERSION_3: &[&str] = &[
    "version",
    "vpc_id",
    "subnet_id",
    "instance_id",
    "interface_id",
    "account_id",
    "type",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "pkt_srcaddr",
    "pkt_dstaddr",
    "protocol",
    "bytes",
    "packets",
    "start",
    "end",
    "action",
    "tcp_flags",
    "log_status",
];

/// The format of version 5 that the guide's examples use.
const VERSION_5: &[&str] = &[
    "version",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "start",
    "end",
    "type",
    "packets",
    "bytes",
    "account_id",
    "vpc_id",
    "subnet_id",
    "instance_id",
    "interface_id",
    "region",
    "az_id",
    "sublocation_type",
    "sublocation_id",
    "action",
    "tcp_flags",
    "pkt_srcaddr",
    "pkt_dstaddr",
    "pkt_src_aws_service",
    "pkt_dst_aws_service",
    "traffic_path",
    "flow_direction",
    "log_status",
];

/// Every column in the order in which the guide's table lists them: what `${…}` of all of them gives.
const ALL: &[&str] = &[
    "version",
    "account_id",
    "interface_id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log_status",
    "vpc_id",
    "subnet_id",
    "instance_id",
    "tcp_flags",
    "type",
    "pkt_srcaddr",
    "pkt_dstaddr",
    "region",
    "az_id",
    "sublocation_type",
    "sublocation_id",
    "pkt_src_aws_service",
    "pkt_dst_aws_service",
    "flow_direction",
    "traffic_path",
];

/// Most columns of a record.
const COLUMNS_MAX: usize = 29;

const OUTCOMES: &[(&str, &str)] = &[("ACCEPT", "success"), ("REJECT", "failure")];
const TYPES: &[(&str, Constants)] = &[
    ("ACCEPT", &[(ecs::EVENT_ACTION, "accept"), (ecs::EVENT_TYPE, "allowed")]),
    ("REJECT", &[(ecs::EVENT_ACTION, "reject"), (ecs::EVENT_TYPE, "denied")]),
];
const TRANSPORTS: &[(&str, &str)] = &[
    ("0", "hopopt"),
    ("1", "icmp"),
    ("2", "igmp"),
    ("6", "tcp"),
    ("8", "egp"),
    ("17", "udp"),
    ("47", "gre"),
    ("50", "esp"),
    ("58", "ipv6-icmp"),
    ("112", "vrrp"),
    ("132", "sctp"),
];

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::AWS_VPCFLOW,
    log_source: logsource::AWS_VPCFLOW,
    own: false,
    constants: &[
        (ecs::EVENT_KIND, "event"),
        (ecs::EVENT_CATEGORY, "network"),
        (ecs::EVENT_TYPE, "connection"),
        (ecs::CLOUD_PROVIDER, "aws"),
    ],
    time: &[("end", Clock::Seconds), ("start", Clock::Seconds)],
    rows: &[
        ("account_id", ecs::CLOUD_ACCOUNT_ID, Text),
        ("instance_id", ecs::CLOUD_INSTANCE_ID, Text),
        ("region", ecs::CLOUD_REGION, Text),
        ("az_id", ecs::CLOUD_AVAILABILITY_ZONE, Text),
        ("srcaddr", ecs::SOURCE_ADDRESS, Text),
        ("srcaddr", ecs::SOURCE_IP, Ip),
        ("srcport", ecs::SOURCE_PORT, Port),
        ("dstaddr", ecs::DESTINATION_ADDRESS, Text),
        ("dstaddr", ecs::DESTINATION_IP, Ip),
        ("dstport", ecs::DESTINATION_PORT, Port),
        ("protocol", ecs::NETWORK_IANA_NUMBER, Text),
        ("protocol", ecs::NETWORK_TRANSPORT, Map(TRANSPORTS)),
        ("packets", ecs::SOURCE_PACKETS, Number),
        ("packets", ecs::NETWORK_PACKETS, Number),
        ("bytes", ecs::SOURCE_BYTES, Number),
        ("bytes", ecs::NETWORK_BYTES, Number),
        ("start", ecs::EVENT_START, Time(Clock::Seconds)),
        ("end", ecs::EVENT_END, Time(Clock::Seconds)),
        ("action", ecs::EVENT_OUTCOME, Map(OUTCOMES)),
        ("flow_direction", ecs::NETWORK_DIRECTION, Text),
        ("action", ecs::EVENT_ACTION, OnlyMeans(TYPES)),
    ],
    also: ALL,
    ..Spec::NONE
});

/// The ids of a layout's columns.
fn ids_of(layout: &'static [&'static str]) -> [FieldId; COLUMNS_MAX] {
    let mut ids = [FieldId::UNNAMED; COLUMNS_MAX];
    for (id, name) in ids.iter_mut().zip(layout) {
        *id = id_of(name);
    }
    ids
}

static LAYOUTS: LazyLock<[[FieldId; COLUMNS_MAX]; 4]> =
    LazyLock::new(|| [ids_of(DEFAULT), ids_of(VERSION_3), ids_of(VERSION_5), ids_of(ALL)]);

fn read<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    if text.get(1) != Some(&b' ') {
        return false;
    }
    let mut columns = [&b""[..]; COLUMNS_MAX];
    let mut len = 0;
    for column in text.trim_ascii_end().split(|&byte| byte == b' ') {
        if len == COLUMNS_MAX {
            return false;
        }
        columns[len] = column;
        len += 1;
    }
    let is_account = |text: &[u8]| text == b"unknown" || text.len() >= 4 && text.iter().all(u8::is_ascii_digit);
    let is_interface = |text: &[u8]| text == b"-" || text.starts_with(b"eni-");
    let address = crate::ip::parse(columns[1]).is_some();
    let layout = match (text[0], len) {
        (b'2', 14) if is_account(columns[1]) && is_interface(columns[2]) => 0,
        (b'3', 21) if is_interface(columns[4]) => 1,
        (b'5', 29) if address => 2,
        (_, 29) if is_account(columns[1]) && is_interface(columns[2]) => 3,
        _ => return false,
    };
    for (&id, column) in LAYOUTS[layout].iter().zip(&columns[..len]) {
        writer.put_as(id, column, Kind::Text, true);
    }
    TABLE.apply(writer, context);
    match writer.first(ecs::SOURCE_IP) {
        Some(ip) if ip.contains(&b':') => writer.put_str(ecs::NETWORK_TYPE, "ipv6"),
        Some(_) => writer.put_str(ecs::NETWORK_TYPE, "ipv4"),
        None => {}
    }
    true
}
