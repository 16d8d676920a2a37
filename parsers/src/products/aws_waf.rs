//! AWS WAF web ACL logs (AWS WAF Developer Guide, "Log fields") and AWS Network Firewall logs (Network Firewall Developer Guide,
//! "Contents of a firewall log").

use super::json_table::How::*;
use super::json_table::{self, Clock, Constants, JsonTable, Pairs, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::{ecs, logsource, products};

/// `aws_waf`.
pub(crate) static PRODUCT: Product = Product {
    name: "aws_waf",
    title: "AWS WAF",
    document: "AWS WAF Developer Guide: web ACL traffic log fields",
    namespace: "aws.waf",
    module: "aws",
    dataset: "aws.waf",
    names: NAMES,
    json: &[&TABLE],
    detect: &[Detect::Members(&["webaclId", "httpRequest.clientIp"], read)],
    ..Product::NONE
};

/// `aws_network_firewall`.
pub(crate) static FIREWALL: Product = Product {
    name: "aws_network_firewall",
    title: "AWS Network Firewall",
    document: "AWS Network Firewall Developer Guide: contents of a log",
    namespace: "aws.firewall_logs",
    module: "aws",
    dataset: "aws.firewall_logs",
    vendor: "AWS",
    product: "Network Firewall",
    observer_type: "firewall",
    json: &[&FIREWALL_TABLE],
    detect: &[Detect::Members(&["firewall_name", "event.event_type"], read_firewall)],
    ..Product::NONE
};

vendor_names! {
    acl = "webaclId";
    version = "httpRequest.httpVersion";
    zone = "availability_zone";
    source = "event.src_ip";
    app_proto = "event.app_proto";
    @also
    "formatVersion" "terminatingRuleType" "terminatingRuleMatchDetails.conditionType" "httpSourceName" "httpSourceId"
    "ruleGroupList.ruleGroupId" "ruleGroupList.terminatingRule.ruleId" "ruleGroupList.terminatingRule.action"
    "nonTerminatingMatchingRules.ruleId" "nonTerminatingMatchingRules.action" "httpRequest.country" "labels.name"
    "rateBasedRuleList.rateBasedRuleId" "responseCodeSent" "ja3Fingerprint" "event_timestamp" "event.flow_id"
    "event.netflow.age" "event.netflow.min_ttl" "event.netflow.max_ttl" "event.tcp.tcp_flags" "event.tcp.syn"
}

const ACTIONS: &[(&str, Constants)] = &[
    ("ALLOW", &[(ecs::EVENT_TYPE, "access"), (ecs::EVENT_TYPE, "allowed")]),
    ("BLOCK", &[(ecs::EVENT_TYPE, "access"), (ecs::EVENT_TYPE, "denied")]),
    ("COUNT", &[(ecs::EVENT_TYPE, "access")]),
    ("CAPTCHA", &[(ecs::EVENT_TYPE, "access")]),
    ("CHALLENGE", &[(ecs::EVENT_TYPE, "access")]),
];

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::AWS_WAF,
    log_source: logsource::AWS_WAF,
    constants: &[
        (ecs::EVENT_KIND, "event"),
        (ecs::EVENT_CATEGORY, "web"),
        (ecs::EVENT_CATEGORY, "network"),
        (ecs::CLOUD_PROVIDER, "aws"),
        (ecs::NETWORK_PROTOCOL, "http"),
        (ecs::NETWORK_TRANSPORT, "tcp"),
    ],
    time: &[("timestamp", Clock::Millis), ("timestamp", Clock::IsoUtc)],
    rows: &[
        ("action", ecs::EVENT_ACTION, Means(ACTIONS)),
        ("terminatingRuleId", ecs::RULE_ID, Text),
        ("terminatingRuleType", ecs::RULE_RULESET, Text),
        ("httpRequest.clientIp", ecs::SOURCE_IP, Ip),
        ("httpRequest.country", ecs::SOURCE_GEO_COUNTRY_ISO_CODE, Text),
        ("httpRequest.uri", ecs::URL_PATH, Text),
        ("httpRequest.args", ecs::URL_QUERY, Text),
        ("httpRequest.httpMethod", ecs::HTTP_REQUEST_METHOD, Text),
        ("httpRequest.requestId", ecs::HTTP_REQUEST_ID, Text),
        ("responseCodeSent", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
    ],
    pairs: &[Pairs {
        name: "httpRequest.headers.name",
        values: &["httpRequest.headers.value"],
        rows: &[
            ("User-Agent", ecs::USER_AGENT_ORIGINAL, Text),
            ("user-agent", ecs::USER_AGENT_ORIGINAL, Text),
            ("Referer", ecs::HTTP_REQUEST_REFERRER, Text),
            ("referer", ecs::HTTP_REQUEST_REFERRER, Text),
            ("Host", ecs::URL_DOMAIN, Host),
            ("host", ecs::URL_DOMAIN, Host),
        ],
    }],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    let ids = ids();
    if let Some(span) = json_table::value(writer, ids.version) {
        let at = if writer.bytes(span).starts_with(b"HTTP/") { 5 } else { 0 };
        writer.put_span(ecs::HTTP_VERSION, span.part(at..span.len()), Kind::Text, false);
    }
    // `arn:aws:wafv2:region:account:scope/webacl/name/id`
    if let Some(span) = json_table::value(writer, ids.acl) {
        let text = writer.bytes(span);
        let mut colons = memchr::memchr_iter(b':', text).skip(1);
        if let (Some(service), Some(region), Some(account), Some(resource)) =
            (colons.next(), colons.next(), colons.next(), colons.next())
        {
            for (id, range) in [
                (ecs::CLOUD_SERVICE_NAME, service + 1..region),
                (ecs::CLOUD_REGION, region + 1..account),
                (ecs::CLOUD_ACCOUNT_ID, account + 1..resource),
            ] {
                if !range.is_empty() {
                    writer.put_span(id, span.part(range), Kind::Text, false);
                }
            }
        }
    }
    true
}

static FIREWALL_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::AWS_NETWORK_FIREWALL,
    log_source: logsource::AWS_WAF,
    constants: &[
        (ecs::EVENT_KIND, "event"),
        (ecs::EVENT_CATEGORY, "network"),
        (ecs::EVENT_TYPE, "connection"),
        (ecs::CLOUD_PROVIDER, "aws"),
    ],
    time: &[("event.timestamp", Clock::IsoUtc), ("event_timestamp", Clock::Seconds)],
    rows: &[
        ("firewall_name", ecs::OBSERVER_NAME, Text),
        ("availability_zone", ecs::CLOUD_AVAILABILITY_ZONE, Text),
        ("event.src_ip", ecs::SOURCE_IP, Ip),
        ("event.src_ip", ecs::SOURCE_ADDRESS, Text),
        ("event.src_port", ecs::SOURCE_PORT, Port),
        ("event.dest_ip", ecs::DESTINATION_IP, Ip),
        ("event.dest_ip", ecs::DESTINATION_ADDRESS, Text),
        ("event.dest_port", ecs::DESTINATION_PORT, Port),
        ("event.proto", ecs::NETWORK_TRANSPORT, Lower),
        ("event.app_proto", ecs::NETWORK_PROTOCOL, Lower),
        ("event.netflow.bytes", ecs::NETWORK_BYTES, Number),
        ("event.netflow.pkts", ecs::NETWORK_PACKETS, Number),
        ("event.netflow.start", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("event.netflow.end", ecs::EVENT_END, Time(Clock::IsoUtc)),
        ("event.alert.action", ecs::EVENT_ACTION, Lower),
        (
            "event.alert.action",
            ecs::EVENT_TYPE,
            OnlyMeans(&[("allowed", &[(ecs::EVENT_TYPE, "allowed")]), ("blocked", &[(ecs::EVENT_TYPE, "denied")])]),
        ),
        ("event.alert.signature", ecs::RULE_NAME, Text),
        ("event.alert.signature_id", ecs::RULE_ID, Text),
        ("event.alert.category", ecs::RULE_CATEGORY, Text),
        ("event.alert.severity", ecs::EVENT_SEVERITY, Number),
        ("event.alert.signature", ecs::EVENT_KIND, Constant("alert")),
        ("event.http.hostname", ecs::URL_DOMAIN, Host),
        ("event.http.url", ecs::URL_ORIGINAL, Url),
        ("event.http.http_method", ecs::HTTP_REQUEST_METHOD, Text),
        ("event.http.http_user_agent", ecs::USER_AGENT_ORIGINAL, Text),
        ("event.http.status", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("event.tls.sni", ecs::TLS_CLIENT_SERVER_NAME, Host),
        ("event.tls.version", ecs::TLS_VERSION, Text),
        ("event.tls.subject", ecs::TLS_SERVER_SUBJECT, Text),
        ("event.tls.issuerdn", ecs::TLS_SERVER_ISSUER, Text),
    ],
    also: &["event.event_type"],
    ..Spec::NONE
});

fn read_firewall(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    FIREWALL_TABLE.apply(writer, context);
    let ids = ids();
    // A zone is its region and a letter.
    if let Some(span) = json_table::value(writer, ids.zone) {
        let text = writer.bytes(span);
        if text.len() > 1 && text.last().is_some_and(u8::is_ascii_lowercase) {
            writer.put_span(ecs::CLOUD_REGION, span.part(0..span.len() - 1), Kind::Text, false);
        }
    }
    if !writer.view().has(ids.app_proto) {
        writer.put_str(ecs::NETWORK_PROTOCOL, "unknown");
    }
    match writer.first(ids.source) {
        Some(ip) if ip.contains(&b':') => writer.put_str(ecs::NETWORK_TYPE, "ipv6"),
        Some(_) => writer.put_str(ecs::NETWORK_TYPE, "ipv4"),
        None => {}
    }
    true
}
