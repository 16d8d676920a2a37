//! Vectra Detect: `vectra_json_KIND -: {…}` over syslog (Vectra Syslog Guide: account and host detections, scores, audit, health,
//! campaigns, lockdowns, and the alerts of its Suricata sensor).

use super::fields::relate;
use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Spec, put_constants, value};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::{EVENT_CATEGORY, EVENT_KIND, EVENT_TYPE};
use crate::event::EventWriter;
use crate::{ecs, products};

/// `vectra_detect`.
pub(crate) static PRODUCT: Product = Product {
    name: "vectra_detect",
    title: "Vectra Detect",
    document: "Vectra AI Syslog Guide, JSON format",
    namespace: "vectra_detect",
    module: "vectra_detect",
    dataset: "vectra_detect.log",
    vendor: "Vectra",
    product: "Detect",
    observer_type: "sensor",
    names: NAMES,
    json: &[&TABLE],
    detect: &[
        Detect::Members(&["vectra_timestamp", "headend_addr"], read),
        Detect::Members(&["alert_signature_id", "src_key_asset"], read),
    ],
};

vendor_names! {
    detection_id = "detection_id";
    category = "category";
    host_name = "host_name";
    signature = "alert_signature_id";
    message = "message";
    user = "user";
    @also
    "d_type" "d_type_vname" "threat" "certainty" "severity" "triaged" "quadrant" "dd_bytes_sent" "dd_bytes_rcvd"
    "account_info" "service_info" "privilege" "last_detection_type" "num_attempts" "count" "sensor" "mac_vendor"
    "alert_gid" "alert_rev" "campaign_name" "score_decreases" "host_roles"
}

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::VECTRA_DETECT,
    time: &[("vectra_timestamp", Clock::Seconds), ("timestamp", Clock::Iso)],
    rows: &[
        ("detection_id", ecs::EVENT_ID, Text),
        ("campaign_id", ecs::EVENT_ID, Text),
        ("action", ecs::EVENT_ACTION, Text),
        ("result", ecs::EVENT_OUTCOME, Map(&[("success", "success"), ("failure", "failure")])),
        ("reason", ecs::EVENT_REASON, Text),
        ("message", ecs::MESSAGE, Text),
        ("dvchost", ecs::OBSERVER_HOSTNAME, Host),
        ("headend_addr", ecs::OBSERVER_IP, Ip),
        ("version", ecs::OBSERVER_VERSION, Text),
        ("host_name", ecs::HOST_NAME, Host),
        ("host_id", ecs::HOST_ID, Text),
        ("mac_address", ecs::HOST_MAC, Mac),
        ("host_ip", ecs::SOURCE_IP, Ip),
        ("source_ip", ecs::SOURCE_IP, Ip),
        ("src_ip", ecs::SOURCE_IP, Ip),
        ("src_name", ecs::SOURCE_ADDRESS, Text),
        ("src_port", ecs::SOURCE_PORT, Port),
        ("dd_dst_ip", ecs::DESTINATION_IP, Ip),
        ("dest_ip", ecs::DESTINATION_IP, Ip),
        ("dd_dst_port", ecs::DESTINATION_PORT, Port),
        ("dest_port", ecs::DESTINATION_PORT, Port),
        ("dd_dst_dns", ecs::DESTINATION_DOMAIN, Text),
        ("dest_name", ecs::DESTINATION_DOMAIN, Text),
        ("dd_proto", ecs::NETWORK_TRANSPORT, Lower),
        ("proto", ecs::NETWORK_TRANSPORT, Lower),
        ("service_name", ecs::SERVICE_NAME, Text),
        ("account_uid", ecs::USER_ID, Text),
        ("account_name", ecs::USER_EMAIL, Text),
        ("account_uid", ecs::USER_TARGET_NAME, User),
        ("account_uid", ecs::USER_DOMAIN, MailDomain),
        ("account_id", ecs::USER_TARGET_ID, Text),
        ("user", ecs::USER_NAME, User),
        ("role", ecs::USER_ROLES, Set),
        ("href", ecs::URL_ORIGINAL, Url),
        ("campaign_link", ecs::URL_ORIGINAL, Url),
        ("alert_severity", ecs::EVENT_SEVERITY, Number),
        ("alert_signature", ecs::RULE_NAME, Text),
        ("alert_signature_id", ecs::RULE_ID, Text),
        ("alert_category", ecs::RULE_CATEGORY, Text),
    ],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    const DETECTION: Constants =
        &[(EVENT_KIND, "alert"), (EVENT_CATEGORY, "host"), (EVENT_CATEGORY, "threat"), (EVENT_TYPE, "info")];
    const OF_ACCOUNT: Constants = &[(EVENT_KIND, "alert")];
    const SIGNATURE: Constants =
        &[(EVENT_KIND, "alert"), (EVENT_CATEGORY, "intrusion_detection"), (EVENT_TYPE, "info")];
    const OF_HOST: Constants = &[(EVENT_KIND, "event"), (EVENT_CATEGORY, "host"), (EVENT_TYPE, "info")];
    const LOGIN: Constants = &[(EVENT_KIND, "event"), (EVENT_CATEGORY, "authentication")];
    const EVENT: Constants = &[(EVENT_KIND, "event")];
    TABLE.apply(writer, context);
    let ids = ids();
    let message = writer.first(ids.message).unwrap_or_default();
    let has = |id| writer.view().has(id);
    let meaning = if has(ids.signature) {
        SIGNATURE
    } else if has(ids.detection_id) {
        if value(writer, ids.host_name).is_some() { DETECTION } else { OF_ACCOUNT }
    } else if has(ids.user)
        && (message.starts_with(b"log in")
            || message.starts_with(b"log out")
            || crate::scan::find(message, b"authentication").is_some())
    {
        LOGIN
    } else if matches!(writer.first(ids.category), Some(b"HOST SCORING" | b"HOST_LOCKDOWN")) {
        OF_HOST
    } else {
        EVENT
    };
    let event_type = match message {
        b"log out" => Some("end"),
        b"log in" => Some("start"),
        _ => None,
    };
    put_constants(writer, meaning);
    if let Some(event_type) = event_type {
        writer.put_str(EVENT_TYPE, event_type);
    }
    relate(writer, ecs::HOST_NAME, ecs::RELATED_HOSTS);
    true
}
