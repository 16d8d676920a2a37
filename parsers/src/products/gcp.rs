//! Google Cloud log entries (Cloud Logging: LogEntry; Cloud Audit Logs: AuditLog; VPC Flow Logs, firewall rules logging and
//! Cloud DNS logging record formats).

use super::json_table::How::*;
use super::json_table::{self, Clock, Constants, JsonTable, Row, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::{ecs, logsource, products};

/// `gcp_audit`.
pub(crate) static AUDIT: Product = Product {
    name: "gcp_audit",
    title: "Google Cloud audit logs",
    document: "Google Cloud: Cloud Audit Logs, AuditLog",
    namespace: "gcp.audit",
    module: "gcp",
    dataset: "gcp.audit",
    names: NAMES,
    json: &[&AUDIT_TABLE],
    detect: &[
        Detect::Members(&["logName", "protoPayload.methodName"], read_audit),
        Detect::Members(&["insertId", "protoPayload.serviceName"], read_audit),
    ],
    ..Product::NONE
};

/// `gcp_vpcflow`.
pub(crate) static VPC_FLOW: Product = Product {
    name: "gcp_vpcflow",
    title: "Google Cloud VPC flow logs",
    document: "Google Cloud: VPC Flow Logs record format",
    namespace: "gcp.vpcflow",
    module: "gcp",
    dataset: "gcp.vpcflow",
    json: &[&FLOW_TABLE],
    detect: &[Detect::Members(&["insertId", "jsonPayload.connection.src_ip", "jsonPayload.reporter"], read_flow)],
    ..Product::NONE
};

/// `gcp_firewall`.
pub(crate) static FIREWALL: Product = Product {
    name: "gcp_firewall",
    title: "Google Cloud firewall rules logging",
    document: "Google Cloud: Firewall Rules Logging, log format",
    namespace: "gcp.firewall",
    module: "gcp",
    dataset: "gcp.firewall",
    json: &[&FIREWALL_TABLE],
    detect: &[Detect::Members(
        &["insertId", "jsonPayload.disposition", "jsonPayload.connection.src_ip"],
        read_firewall,
    )],
    ..Product::NONE
};

/// `gcp_dns`.
pub(crate) static DNS: Product = Product {
    name: "gcp_dns",
    title: "Google Cloud DNS queries",
    document: "Google Cloud: Cloud DNS logging and monitoring",
    namespace: "gcp.dns",
    module: "gcp",
    dataset: "gcp.dns",
    json: &[&DNS_TABLE],
    detect: &[Detect::Members(&["insertId", "jsonPayload.queryName"], read_dns)],
    ..Product::NONE
};

vendor_names! {
    log_name = "logName";
    granted = "protoPayload.authorizationInfo.granted";
    status_code = "protoPayload.status.code";
    method = "protoPayload.methodName";
    sigma_method = "gcp.audit.method_name";
    query = "jsonPayload.queryName";
    rdata = "jsonPayload.rdata";
    rvalue = "jsonPayload.structuredRdata.rvalue";
    direction = "jsonPayload.rule_details.direction";
    src_instance = "jsonPayload.src_instance.vm_name";
    dest_instance = "jsonPayload.dest_instance.vm_name";
    @also
    "receiveTimestamp" "resource.type" "resource.labels.location" "resource.labels.method" "resource.labels.service"
    "operation.id" "operation.producer" "operation.first" "operation.last" "protoPayload.@type"
    "protoPayload.resourceName" "protoPayload.numResponseItems" "protoPayload.status.message"
    "protoPayload.authenticationInfo.serviceAccountKeyName" "protoPayload.authorizationInfo.permission"
    "protoPayload.authorizationInfo.resource" "protoPayload.authorizationInfo.resourceAttributes.name"
    "protoPayload.authorizationInfo.resourceAttributes.type"
    "protoPayload.authorizationInfo.resourceAttributes.service" "protoPayload.requestMetadata.callerNetwork"
    "protoPayload.request.@type" "protoPayload.request.name" "protoPayload.response.@type"
    "protoPayload.response.status" "protoPayload.resourceLocation.currentLocations"
    "protoPayload.serviceData.policyDelta.bindingDeltas.action"
    "protoPayload.serviceData.policyDelta.bindingDeltas.member"
    "protoPayload.serviceData.policyDelta.bindingDeltas.role" "protoPayload.metadata.event.eventName"
    "protoPayload.metadata.event.eventType" "jsonPayload.rtt_msec" "jsonPayload.src_vpc.project_id"
    "jsonPayload.src_vpc.subnetwork_name" "jsonPayload.src_vpc.vpc_name" "jsonPayload.dest_vpc.project_id"
    "jsonPayload.dest_vpc.subnetwork_name" "jsonPayload.dest_vpc.vpc_name" "jsonPayload.src_location.country"
    "jsonPayload.dest_location.country" "jsonPayload.rule_details.action" "jsonPayload.rule_details.priority"
    "jsonPayload.rule_details.source_range" "jsonPayload.rule_details.ip_port_info.ip_protocol"
    "jsonPayload.rule_details.ip_port_info.port_range" "jsonPayload.serverLatency" "jsonPayload.sourceNetwork"
    "jsonPayload.authAnswer" "jsonPayload.src_instance.zone" "jsonPayload.dest_instance.zone"
    "jsonPayload.dest_instance.project_id" "jsonPayload.dest_instance.region" "jsonPayload.src_instance.project_id"
    "jsonPayload.src_instance.region"
}

const GCP: Constants = &[(ecs::EVENT_KIND, "event"), (ecs::CLOUD_PROVIDER, "gcp")];
const TIME: &[(&str, Clock)] = &[("timestamp", Clock::IsoUtc), ("receiveTimestamp", Clock::IsoUtc)];

static AUDIT_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::GCP_AUDIT,
    log_source: logsource::GCP_AUDIT,
    constants: GCP,
    time: TIME,
    rows: &[
        ("insertId", ecs::EVENT_ID, Text),
        ("severity", ecs::LOG_LEVEL, Text),
        ("resource.labels.project_id", ecs::CLOUD_PROJECT_ID, Text),
        ("protoPayload.methodName", ecs::EVENT_ACTION, Text),
        ("protoPayload.serviceName", ecs::SERVICE_NAME, Text),
        ("protoPayload.authenticationInfo.principalEmail", ecs::CLIENT_USER_EMAIL, User),
        ("protoPayload.authenticationInfo.principalEmail", ecs::USER_EMAIL, Text),
        ("protoPayload.authenticationInfo.principalSubject", ecs::CLIENT_USER_ID, Text),
        ("protoPayload.requestMetadata.callerIp", ecs::SOURCE_IP, Ip),
        ("protoPayload.requestMetadata.callerSuppliedUserAgent", ecs::USER_AGENT_ORIGINAL, Text),
        ("protoPayload.status.message", ecs::ERROR_MESSAGE, Text),
        ("resource.labels.cluster_name", ecs::ORCHESTRATOR_CLUSTER_NAME, Text),
    ],
    ..Spec::NONE
});

fn read_audit(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    AUDIT_TABLE.apply(writer, context);
    let ids = ids();
    if let Some(span) = json_table::value(writer, ids.method) {
        writer.put_span(ids.sigma_method, span, Kind::Text, false);
    }
    // `projects/…/logs/cloudaudit.googleapis.com%2Fdata_access` names the kind of audit log.
    let provider = writer.first_span(ids.log_name).and_then(|(span, _)| {
        let text = writer.bytes(span);
        let mark = b"cloudaudit.googleapis.com";
        let from = memchr::memmem::find(text, mark)? + mark.len();
        let len = if text[from..].starts_with(b"%2F") { 3 } else { 1 };
        Some(span.part(from + len..span.len()))
    });
    if let Some(provider) = provider {
        writer.put_span(ecs::EVENT_PROVIDER, provider, Kind::Text, false);
        if writer.bytes(provider) != b"policy" {
            writer.put_str(ecs::EVENT_CATEGORY, "network");
            writer.put_str(ecs::EVENT_CATEGORY, "configuration");
        }
    }
    match writer.first(ids.granted) {
        Some(b"true") => {
            json_table::put_constants(writer, &[(ecs::EVENT_TYPE, "access"), (ecs::EVENT_TYPE, "allowed")]);
        }
        Some(b"false") => {
            json_table::put_constants(writer, &[(ecs::EVENT_TYPE, "access"), (ecs::EVENT_TYPE, "denied")]);
        }
        _ => {}
    }
    let failed = writer.first(ids.status_code).is_some_and(|code| code != b"0");
    writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
    true
}

/// The transport by its number at IANA.
const TRANSPORTS: &[(&str, &str)] = &[
    ("1", "icmp"),
    ("2", "igmp"),
    ("6", "tcp"),
    ("17", "udp"),
    ("47", "gre"),
    ("50", "esp"),
    ("58", "ipv6-icmp"),
    ("132", "sctp"),
];

const CONNECTION: [Row; 12] = [
    ("insertId", ecs::EVENT_ID, Text),
    ("severity", ecs::LOG_LEVEL, Text),
    ("jsonPayload.connection.src_ip", ecs::SOURCE_IP, Ip),
    ("jsonPayload.connection.src_ip", ecs::SOURCE_ADDRESS, Text),
    ("jsonPayload.connection.src_port", ecs::SOURCE_PORT, Port),
    ("jsonPayload.connection.dest_ip", ecs::DESTINATION_IP, Ip),
    ("jsonPayload.connection.dest_ip", ecs::DESTINATION_ADDRESS, Text),
    ("jsonPayload.connection.dest_port", ecs::DESTINATION_PORT, Port),
    ("jsonPayload.connection.protocol", ecs::NETWORK_IANA_NUMBER, Text),
    ("jsonPayload.connection.protocol", ecs::NETWORK_TRANSPORT, Map(TRANSPORTS)),
    ("jsonPayload.src_instance.vm_name", ecs::SOURCE_DOMAIN, Host),
    ("jsonPayload.dest_instance.vm_name", ecs::DESTINATION_DOMAIN, Host),
];

static FLOW_ROWS: [Row; 19] = {
    let mut rows = [CONNECTION[0]; 19];
    let mut at = 0;
    while at < CONNECTION.len() {
        rows[at] = CONNECTION[at];
        at += 1;
    }
    rows[12] = ("jsonPayload.bytes_sent", ecs::SOURCE_BYTES, Number);
    rows[13] = ("jsonPayload.bytes_sent", ecs::NETWORK_BYTES, Number);
    rows[14] = ("jsonPayload.packets_sent", ecs::SOURCE_PACKETS, Number);
    rows[15] = ("jsonPayload.packets_sent", ecs::NETWORK_PACKETS, Number);
    rows[16] = ("jsonPayload.start_time", ecs::EVENT_START, Time(Clock::IsoUtc));
    rows[17] = ("jsonPayload.end_time", ecs::EVENT_END, Time(Clock::IsoUtc));
    rows[18] = ("jsonPayload.reporter", ecs::EVENT_TYPE, Constant("connection"));
    rows
};

static FLOW_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::GCP_VPCFLOW,
    log_source: logsource::GCP_NETWORK,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::CLOUD_PROVIDER, "gcp"), (ecs::EVENT_CATEGORY, "network")],
    time: TIME,
    rows: &FLOW_ROWS,
    ..Spec::NONE
});

fn read_flow(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    FLOW_TABLE.apply(writer, context);
    let ids = ids();
    let (src, dest) = (writer.view().has(ids.src_instance), writer.view().has(ids.dest_instance));
    let direction = match (src, dest) {
        (true, true) => "internal",
        (true, false) => "outbound",
        (false, true) => "inbound",
        (false, false) => "unknown",
    };
    writer.put_str(ecs::NETWORK_DIRECTION, direction);
    put_network_type(writer);
    // The flow is of one project and zone where both ends are.
    if src && dest {
        for (from, to) in [
            ("jsonPayload.dest_instance.project_id", ecs::CLOUD_PROJECT_ID),
            ("jsonPayload.dest_instance.region", ecs::CLOUD_REGION),
            ("jsonPayload.dest_instance.zone", ecs::CLOUD_AVAILABILITY_ZONE),
        ] {
            super::fields::copy(writer, super::names::id_of(from), to);
        }
    }
    true
}

fn put_network_type(writer: &mut EventWriter<'_>) {
    match writer.first(ecs::SOURCE_IP) {
        Some(ip) if ip.contains(&b':') => writer.put_str(ecs::NETWORK_TYPE, "ipv6"),
        Some(_) => writer.put_str(ecs::NETWORK_TYPE, "ipv4"),
        None => {}
    }
}

static FIREWALL_ROWS: [Row; 19] = {
    let mut rows = [CONNECTION[0]; 19];
    let mut at = 0;
    while at < CONNECTION.len() {
        rows[at] = CONNECTION[at];
        at += 1;
    }
    rows[12] = ("jsonPayload.rule_details.reference", ecs::RULE_NAME, Text);
    rows[13] = ("jsonPayload.instance.project_id", ecs::CLOUD_PROJECT_ID, Text);
    rows[14] = ("jsonPayload.instance.region", ecs::CLOUD_REGION, Text);
    rows[15] = ("jsonPayload.instance.zone", ecs::CLOUD_AVAILABILITY_ZONE, Text);
    rows[16] = ("jsonPayload.disposition", ecs::EVENT_TYPE, Constant("connection"));
    rows[17] = ("jsonPayload.disposition", ecs::EVENT_TYPE, OnlyMeans(DISPOSITIONS));
    rows[18] = ("jsonPayload.disposition", ecs::EVENT_ACTION, Constant("firewall-rule"));
    rows
};

const DISPOSITIONS: &[(&str, Constants)] =
    &[("ALLOWED", &[(ecs::EVENT_TYPE, "allowed")]), ("DENIED", &[(ecs::EVENT_TYPE, "denied")])];

static FIREWALL_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::GCP_FIREWALL,
    log_source: logsource::GCP_FIREWALL,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::CLOUD_PROVIDER, "gcp"), (ecs::EVENT_CATEGORY, "network")],
    time: TIME,
    rows: &FIREWALL_ROWS,
    also: &["jsonPayload.instance.vm_name", "jsonPayload.remote_instance.vm_name"],
    ..Spec::NONE
});

fn read_firewall(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    FIREWALL_TABLE.apply(writer, context);
    put_network_type(writer);
    let instance = super::names::id_of("jsonPayload.instance.vm_name");
    let remote = super::names::id_of("jsonPayload.remote_instance.vm_name");
    let (direction, source, destination) = match writer.first(ids().direction) {
        Some(b"INGRESS") => ("inbound", remote, instance),
        Some(b"EGRESS") => ("outbound", instance, remote),
        _ => return true,
    };
    writer.put_str(ecs::NETWORK_DIRECTION, direction);
    for (from, to) in [(source, ecs::SOURCE_DOMAIN), (destination, ecs::DESTINATION_DOMAIN)] {
        if let Some(span) = json_table::value(writer, from) {
            json_table::put_as(writer, context, span, to, Host);
        }
    }
    true
}

static DNS_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::GCP_DNS,
    log_source: logsource::GCP_DNS,
    constants: &[
        (ecs::EVENT_KIND, "event"),
        (ecs::CLOUD_PROVIDER, "gcp"),
        (ecs::EVENT_CATEGORY, "network"),
        (ecs::EVENT_ACTION, "dns-query"),
        (ecs::NETWORK_PROTOCOL, "dns"),
    ],
    time: TIME,
    rows: &[
        ("insertId", ecs::EVENT_ID, Text),
        ("severity", ecs::LOG_LEVEL, Text),
        ("resource.labels.project_id", ecs::CLOUD_PROJECT_ID, Text),
        ("resource.labels.location", ecs::CLOUD_REGION, Text),
        ("jsonPayload.vmInstanceIdString", ecs::CLOUD_INSTANCE_ID, Text),
        ("jsonPayload.vmInstanceId", ecs::CLOUD_INSTANCE_ID, Text),
        ("jsonPayload.vmZoneName", ecs::CLOUD_AVAILABILITY_ZONE, Text),
        ("jsonPayload.queryType", ecs::DNS_QUESTION_TYPE, Text),
        ("jsonPayload.responseCode", ecs::DNS_RESPONSE_CODE, Text),
        ("jsonPayload.protocol", ecs::NETWORK_TRANSPORT, Lower),
        ("jsonPayload.protocol", ecs::NETWORK_IANA_NUMBER, Map(&[("UDP", "17"), ("TCP", "6")])),
        ("jsonPayload.sourceIP", ecs::SOURCE_IP, Ip),
        ("jsonPayload.sourceIP", ecs::SOURCE_ADDRESS, Text),
        ("jsonPayload.destinationIP", ecs::DESTINATION_IP, Ip),
        ("jsonPayload.destinationIP", ecs::DESTINATION_ADDRESS, Text),
    ],
    ..Spec::NONE
});

fn read_dns(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    DNS_TABLE.apply(writer, context);
    let ids = ids();
    if let Some(span) = json_table::value(writer, ids.query) {
        // Names end with the root's dot.
        let text = writer.bytes(span);
        let name =
            span.part(0..text.strip_suffix(b".").filter(|name| !name.is_empty()).map_or(text.len(), <[u8]>::len));
        json_table::put_as(writer, context, name, ecs::DNS_QUESTION_NAME, Host);
    }
    match writer.first(ecs::DNS_RESPONSE_CODE) {
        Some(b"NOERROR") => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        Some(_) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        None => {}
    }
    if let Some(rdata) = json_table::value(writer, ids.rdata) {
        put_answers(writer, rdata);
    } else {
        put_values(writer, ids.rvalue);
    }
    true
}

/// Most answers of one response that are read. A response of 4 KiB holds fewer.
const ANSWERS_MAX: usize = 64;

/// Answers as `rdata` lists them, a line each: `name ttl class type data`.
fn put_answers(writer: &mut EventWriter<'_>, rdata: Span) {
    let mut from = 0;
    for _ in 0..ANSWERS_MAX {
        let text = writer.bytes(rdata);
        if from >= text.len() {
            return;
        }
        let to = memchr::memchr(b'\n', &text[from..]).map_or(text.len(), |at| from + at);
        let line = &text[from..to];
        let mut at = 0;
        let mut words = [0..0, 0..0, 0..0, 0..0];
        for word in &mut words {
            let start = at + line[at..].iter().take_while(|&&byte| byte == b'\t' || byte == b' ').count();
            at = start + line[start..].iter().take_while(|&&byte| byte != b'\t' && byte != b' ').count();
            *word = start..at;
        }
        let start = at + line[at..].iter().take_while(|&&byte| byte == b'\t' || byte == b' ').count();
        if start < line.len() {
            let end = line.strip_suffix(b".").map_or(line.len(), <[u8]>::len).max(start);
            let part = |range: std::ops::Range<usize>| rdata.part(from + range.start..from + range.end);
            let (data, kind) = (part(start..end), part(words[3].clone()));
            let (name, ttl, class) = (part(words[0].clone()), part(words[1].clone()), part(words[2].clone()));
            writer.put_span(ecs::DNS_ANSWERS_NAME, name, Kind::Text, false);
            writer.put_span(ecs::DNS_ANSWERS_TTL, ttl, Kind::Number, false);
            writer.put_span(ecs::DNS_ANSWERS_CLASS, class, Kind::Text, false);
            writer.put_span(ecs::DNS_ANSWERS_TYPE, kind, Kind::Text, false);
            put_answer(writer, data);
        }
        from = to + 1;
    }
}

fn put_values(writer: &mut EventWriter<'_>, id: FieldId) {
    let end = writer.fields_len();
    let mut at = writer.view().first_index(id).unwrap_or(end);
    let mut count = 0;
    while at < end && count < ANSWERS_MAX {
        let field = writer.view().fields()[at];
        at += 1;
        if field.id == id && json_table::says(writer, field.span(), field.kind) {
            count += 1;
            put_answer(writer, field.span());
        }
    }
}

fn put_answer(writer: &mut EventWriter<'_>, data: Span) {
    writer.put_span(ecs::DNS_ANSWERS_DATA, data, Kind::Text, false);
    if writer.put_if_ip(ecs::DNS_RESOLVED_IP, data) {
        super::fields::relate_span(writer, data, ecs::RELATED_IP);
    }
}
