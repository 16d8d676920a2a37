//! Amazon Route 53: public DNS query logs (Developer Guide, "Public DNS query logging", columns) and resolver query logs
//! ("Values that appear in Resolver query logs", JSON).

use std::sync::LazyLock;

use super::json_table::How::*;
use super::json_table::{self, Clock, Constants, JsonTable, Spec};
use super::names::{id_of, vendor_names};
use super::{Detect, Product};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `aws_route53_resolver`.
pub(crate) static RESOLVER: Product = Product {
    name: "aws_route53_resolver",
    title: "Amazon Route 53 Resolver query logs",
    document: "Amazon Route 53 Developer Guide: values that appear in Resolver query logs",
    namespace: "aws.route53",
    module: "aws",
    dataset: "aws.route53_resolver_logs",
    names: NAMES,
    json: &[&RESOLVER_TABLE],
    detect: &[Detect::Members(&["query_timestamp", "query_name", "srcaddr"], read_resolver)],
    ..Product::NONE
};

/// `aws_route53`.
pub(crate) static PUBLIC: Product = Product {
    name: "aws_route53",
    title: "Amazon Route 53 public DNS query logs",
    document: "Amazon Route 53 Developer Guide: public DNS query logging",
    namespace: "aws.route53",
    module: "aws",
    dataset: "aws.route53_public_logs",
    json: &[&PUBLIC_TABLE],
    detect: &[Detect::Line("1", read_public), Detect::Shape("1", read_public)],
    ..Product::NONE
};

vendor_names! {
    query_name = "query_name";
    rdata = "answers.Rdata";
    rcode = "rcode";
    @also
    "answers.Type" "answers.Class" "vpc_id" "srcids.instance" "srcids.resolver_endpoint" "firewall_rule_group_id"
    "firewall_rule_action" "firewall_domain_list_id" "version" "edns_client_subnet" "edge_location" "hosted_zone_id"
}

const DNS: Constants = &[
    (ecs::EVENT_KIND, "event"),
    (ecs::EVENT_CATEGORY, "network"),
    (ecs::EVENT_TYPE, "protocol"),
    (ecs::CLOUD_PROVIDER, "aws"),
    (ecs::NETWORK_PROTOCOL, "dns"),
];
const NUMBERS: &[(&str, &str)] = &[("UDP", "17"), ("TCP", "6")];

static RESOLVER_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::AWS_ROUTE53_RESOLVER,
    log_source: logsource::AWS_ROUTE53,
    constants: DNS,
    time: &[("query_timestamp", Clock::IsoUtc)],
    rows: &[
        ("account_id", ecs::CLOUD_ACCOUNT_ID, Text),
        ("region", ecs::CLOUD_REGION, Text),
        ("srcids.instance", ecs::CLOUD_INSTANCE_ID, Text),
        ("query_type", ecs::DNS_QUESTION_TYPE, Text),
        ("query_class", ecs::DNS_QUESTION_CLASS, Text),
        ("rcode", ecs::DNS_RESPONSE_CODE, Text),
        ("srcaddr", ecs::SOURCE_ADDRESS, Text),
        ("srcaddr", ecs::SOURCE_IP, Ip),
        ("srcport", ecs::SOURCE_PORT, Port),
        ("transport", ecs::NETWORK_TRANSPORT, Lower),
        ("transport", ecs::NETWORK_IANA_NUMBER, Map(NUMBERS)),
        ("answers.Type", ecs::DNS_ANSWERS_TYPE, Set),
        ("answers.Class", ecs::DNS_ANSWERS_CLASS, Set),
    ],
    ..Spec::NONE
});

fn read_resolver(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    RESOLVER_TABLE.apply(writer, context);
    let ids = ids();
    put_question(writer, context, ids.query_name);
    let end = writer.fields_len();
    let mut at = writer.view().first_index(ids.rdata).unwrap_or(end);
    let mut count = 0;
    while at < end && count < ANSWERS_MAX {
        let field = writer.view().fields()[at];
        at += 1;
        if field.id != ids.rdata || !json_table::says(writer, field.span(), field.kind) {
            continue;
        }
        count += 1;
        let data = without_root(writer, field.span());
        writer.put_span(ecs::DNS_ANSWERS_DATA, data, Kind::Text, false);
        if writer.put_if_ip(ecs::DNS_RESOLVED_IP, data) {
            super::fields::relate_span(writer, data, ecs::RELATED_IP);
        } else {
            super::fields::relate_span(writer, data, ecs::RELATED_HOSTS);
        }
    }
    true
}

/// Most answers of one response that are read. A response of 4 KiB holds fewer.
const ANSWERS_MAX: usize = 64;

/// A name without the root's dot.
fn without_root(writer: &EventWriter<'_>, span: Span) -> Span {
    let text = writer.bytes(span);
    span.part(0..text.strip_suffix(b".").filter(|name| !name.is_empty()).map_or(text.len(), <[u8]>::len))
}

fn put_question(writer: &mut EventWriter<'_>, context: &Context<'_>, id: FieldId) {
    if let Some(span) = json_table::value(writer, id) {
        let name = without_root(writer, span);
        let reverse = writer.bytes(name).ends_with(b".arpa");
        json_table::put_as(writer, context, name, ecs::DNS_QUESTION_NAME, if reverse { Text } else { Host });
    }
    match json_table::value(writer, ids().rcode).map(|span| writer.bytes(span) == b"NOERROR") {
        Some(true) => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        Some(false) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        None => {}
    }
    match writer.first(ecs::SOURCE_IP) {
        Some(ip) if ip.contains(&b':') => writer.put_str(ecs::NETWORK_TYPE, "ipv6"),
        Some(_) => writer.put_str(ecs::NETWORK_TYPE, "ipv4"),
        None => {}
    }
}

/// The columns of a public query log record.
const COLUMNS: [&str; 10] = [
    "version",
    "query_timestamp",
    "hosted_zone_id",
    "query_name",
    "query_type",
    "rcode",
    "transport",
    "edge_location",
    "srcaddr",
    "edns_client_subnet",
];

static COLUMN_IDS: LazyLock<[FieldId; 10]> = LazyLock::new(|| COLUMNS.map(id_of));

static PUBLIC_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::AWS_ROUTE53,
    log_source: logsource::AWS_ROUTE53,
    own: false,
    constants: DNS,
    time: &[("query_timestamp", Clock::IsoUtc)],
    rows: &[
        ("query_type", ecs::DNS_QUESTION_TYPE, Text),
        ("rcode", ecs::DNS_RESPONSE_CODE, Text),
        ("srcaddr", ecs::SOURCE_ADDRESS, Text),
        ("srcaddr", ecs::SOURCE_IP, Ip),
        ("transport", ecs::NETWORK_TRANSPORT, Lower),
        ("transport", ecs::NETWORK_IANA_NUMBER, Map(NUMBERS)),
    ],
    ..Spec::NONE
});

fn read_public<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    if !text.starts_with(b"1.") {
        return false;
    }
    let mut columns = [&b""[..]; 10];
    let mut len = 0;
    for column in text.split(|&byte| byte == b' ') {
        if len == columns.len() {
            return false;
        }
        columns[len] = column;
        len += 1;
    }
    if len != columns.len() || crate::time::take_iso(columns[1]).is_none() || !columns[2].starts_with(b"Z") {
        return false;
    }
    for (&id, column) in COLUMN_IDS.iter().zip(columns) {
        writer.put_as(id, column, Kind::Text, true);
    }
    PUBLIC_TABLE.apply(writer, context);
    put_question(writer, context, ids().query_name);
    true
}
