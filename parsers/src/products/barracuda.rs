//! Barracuda CloudGen Firewall: threat log and web log as JSON, as the Firewall Insights streamer sends them (Barracuda Campus:
//! "How to Configure Log Streaming", "Firewall Insights").

use super::fields::{put_lower, put_network_type};
use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::EVENT_TYPE as T;
use crate::event::EventWriter;
use crate::{ecs, products};

/// `barracuda_cgf`.
pub(crate) static PRODUCT: Product = Product {
    name: "barracuda_cgf",
    title: "Barracuda CloudGen Firewall",
    document: "Barracuda Campus, CloudGen Firewall: log streaming, Firewall Insights",
    namespace: "barracuda_cloudgen_firewall.log",
    module: "barracuda_cloudgen_firewall",
    dataset: "barracuda_cloudgen_firewall.log",
    vendor: "Barracuda",
    product: "ngfw",
    observer_type: "firewall",
    names: NAMES,
    json: &[&THREAT, &WEB],
    detect: &[
        Detect::Members(&["operation", "trans_proto", "src_ip", "threat_severity"], read_threat),
        Detect::Members(&["traffic_type", "fw_rule", "source_ip", "user_type"], read_web),
    ],
};

vendor_names! {
    protocol = "trans_proto";
    @also "component" "timezone" "app_target" "user_type" "app_rule" "traffic_type" "category"
}

static THREAT: JsonTable = JsonTable::new(Spec {
    product: products::BARRACUDA_CGF,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "network")],
    time: &[("timestamp", Clock::Iso)],
    rows: &[
        ("operation", ecs::EVENT_ACTION, Lower),
        (
            "operation",
            T,
            OnlyMeans(&[
                ("Block", &[(T, "denied")]),
                ("Deny", &[(T, "denied")]),
                ("Drop", &[(T, "denied")]),
                ("Reset", &[(T, "denied")]),
                ("Allow", &[(T, "allowed")]),
                ("Log", &[(T, "allowed")]),
                ("Detect", &[(T, "allowed")]),
            ]),
        ),
        ("severity", ecs::LOG_LEVEL, Text),
        ("threat_severity", ecs::EVENT_SEVERITY, Number),
        ("src_ip", ecs::SOURCE_ADDRESS, Text),
        ("src_ip", ecs::SOURCE_IP, Ip),
        ("dst_ip", ecs::DESTINATION_ADDRESS, Text),
        ("dst_ip", ecs::DESTINATION_IP, Ip),
        ("port", ecs::DESTINATION_PORT, Port),
        (
            "trans_proto",
            ecs::NETWORK_IANA_NUMBER,
            Map(&[("TCP", "6"), ("UDP", "17"), ("ICMP", "1"), ("GRE", "47"), ("ESP", "50")]),
        ),
        ("type", ecs::RULE_RULESET, Text),
        ("ips_category", ecs::RULE_CATEGORY, Text),
        ("description", ecs::RULE_DESCRIPTION, Text),
        ("user", ecs::USER_NAME, User),
    ],
    ..Spec::NONE
});

static WEB: JsonTable = JsonTable::new(Spec {
    product: products::BARRACUDA_CGF,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "network")],
    time: &[("timestamp", Clock::Millis)],
    rows: &[
        (
            "action",
            ecs::EVENT_ACTION,
            Means(&[("0", &[(T, "allowed")]), ("1", &[(T, "denied")]), ("2", &[(T, "denied")])]),
        ),
        ("source_ip", ecs::SOURCE_ADDRESS, Text),
        ("source_ip", ecs::SOURCE_IP, Ip),
        ("source_port", ecs::SOURCE_PORT, Port),
        ("destination_ip", ecs::DESTINATION_ADDRESS, Text),
        ("destination_ip", ecs::DESTINATION_IP, Ip),
        ("destination_port", ecs::DESTINATION_PORT, Port),
        ("method", ecs::HTTP_REQUEST_METHOD, Text),
        ("status_code", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("content_type", ecs::HTTP_RESPONSE_MIME_TYPE, Text),
        ("size", ecs::HTTP_RESPONSE_BODY_BYTES, Number),
        ("user_agent", ecs::USER_AGENT_ORIGINAL, Text),
        ("referer", ecs::HTTP_REQUEST_REFERRER, Text),
        ("name", ecs::URL_ORIGINAL, Url),
        ("domain", ecs::URL_DOMAIN, Text),
        ("fw_rule", ecs::RULE_NAME, Text),
        ("user", ecs::USER_NAME, User),
    ],
    ..Spec::NONE
});

fn read_threat(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    THREAT.apply(writer, context);
    if let Some((protocol, _)) = writer.first_span(ids().protocol) {
        put_lower(writer, ecs::NETWORK_TRANSPORT, protocol);
    }
    put_network_type(writer);
    true
}

fn read_web(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    WEB.apply(writer, context);
    // Who is not known is named by the address.
    if writer.first(ecs::USER_NAME).is_some_and(|name| crate::ip::parse(name).is_some()) {
        writer.forget(ecs::USER_NAME);
    }
    put_network_type(writer);
    true
}
