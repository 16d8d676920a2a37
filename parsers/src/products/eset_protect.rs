//! ESET PROTECT: events exported to syslog as JSON (ESET PROTECT Administration Guide, "Events exported to JSON format"),
//! detections and device tasks of ESET Connect.

use super::fields::{put_path, put_user, relate_span};
use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Spec, value};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Kind, TimePrecision};
use crate::time::{Civil, Stamp, month, take_clock};
use crate::{ecs, products};

/// `eset_protect`.
pub(crate) static PRODUCT: Product = Product {
    name: "eset_protect",
    title: "ESET PROTECT",
    document: "ESET PROTECT Administration Guide: events exported to JSON; ESET Connect: Detections, Device tasks",
    namespace: "eset_protect",
    module: "eset_protect",
    dataset: "eset_protect.event",
    names: NAMES,
    json: &[&EVENT, &DETECTION, &TASK],
    detect: &[
        Detect::Members(&["event_type", "source_uuid", "occured"], read_event),
        Detect::Members(&["severityLevel", "occurTime", "context.deviceUuid"], read_detection),
        Detect::Members(&["displayName", "targets.devicesUuids", "versionId"], read_task),
    ],
    ..Product::NONE
};

vendor_names! {
    occured = "occured";
    hostname = "hostname";
    username = "username";
    processname = "processname";
    process_name = "process_name";
    process_path = "context.process.path";
    user = "context.userName";
    inbound = "inbound";
    direction = "networkCommunication.direction";
    protocol = "networkCommunication.protocolName";
    object_uri = "object_uri";
    object_type = "object_type";
    @also
    "severity" "group_description" "threat_type" "threat_handled" "need_restart" "scanner_id" "scan_id" "engine_version"
    "aggregate_count" "source_address_type" "target_address_type" "description" "firstseen" "account" "ipv6" "uuid"
    "objectUrl" "objectTypeName" "objectHashSha1" "action.params.scanProfile" "action.params.scanTargets" "rule_id"
    "eiconsolelink" "severity_score" "count"
}

static EVENT: JsonTable = JsonTable::new(Spec {
    product: products::ESET_PROTECT,
    constants: &[(ecs::EVENT_KIND, "alert"), (ecs::EVENT_TYPE, "info")],
    rows: &[
        (
            "event_type",
            ecs::EVENT_KIND,
            OnlyMeans(&[
                (
                    "Threat_Event",
                    &[(ecs::EVENT_KIND, "alert"), (ecs::EVENT_CATEGORY, "threat"), (ecs::EVENT_TYPE, "indicator")],
                ),
                (
                    "FirewallAggregated_Event",
                    &[
                        (ecs::EVENT_KIND, "alert"),
                        (ecs::EVENT_CATEGORY, "intrusion_detection"),
                        (ecs::EVENT_TYPE, "info"),
                    ],
                ),
                (
                    "HipsAggregated_Event",
                    &[
                        (ecs::EVENT_KIND, "alert"),
                        (ecs::EVENT_CATEGORY, "intrusion_detection"),
                        (ecs::EVENT_TYPE, "info"),
                    ],
                ),
                (
                    "Audit_Event",
                    &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "configuration"), (ecs::EVENT_TYPE, "info")],
                ),
                (
                    "FilteredWebsites_Event",
                    &[(ecs::EVENT_KIND, "alert"), (ecs::EVENT_CATEGORY, "web"), (ecs::EVENT_TYPE, "info")],
                ),
                (
                    "BlockedFiles_Event",
                    &[(ecs::EVENT_KIND, "alert"), (ecs::EVENT_CATEGORY, "file"), (ecs::EVENT_TYPE, "info")],
                ),
            ]),
        ),
        ("action_taken", ecs::EVENT_ACTION, Slug),
        ("action", ecs::EVENT_ACTION, Slug),
        ("circumstances", ecs::EVENT_REASON, Text),
        ("cause", ecs::EVENT_REASON, Text),
        ("computer_severity_score", ecs::EVENT_SEVERITY, Number),
        ("event", ecs::MESSAGE, Text),
        ("hostname", ecs::HOST_NAME, Host),
        ("ipv4", ecs::HOST_IP, Ips),
        ("ipv6", ecs::HOST_IP, Ips),
        ("source_uuid", ecs::HOST_ID, Host),
        ("os_name", ecs::HOST_OS_NAME, Text),
        ("group_name", ecs::GROUP_NAME, Text),
        ("source_address", ecs::SOURCE_IP, Ip),
        ("source_port", ecs::SOURCE_PORT, Port),
        ("target_address", ecs::DESTINATION_IP, Ip),
        ("target_port", ecs::DESTINATION_PORT, Port),
        ("protocol", ecs::NETWORK_PROTOCOL, Lower),
        ("processname", ecs::PROCESS_EXECUTABLE, Text),
        ("process_name", ecs::PROCESS_EXECUTABLE, Text),
        ("threat_name", ecs::THREAT_INDICATOR_NAME, Text),
        ("hash", ecs::FILE_HASH_SHA1, Hash),
        ("object_type", ecs::FILE_TYPE, Text),
        ("rule_id", ecs::RULE_NAME, Text),
        ("rulename", ecs::RULE_NAME, Text),
        ("account", ecs::RELATED_USER, Set),
    ],
    ..Spec::NONE
});

/// `21-Jun-2021 09:46:15`, UTC.
fn read_time(text: &[u8]) -> Option<Stamp> {
    let digits = |at: usize, len: usize| crate::number::parse_u64(text.get(at..at + len)?);
    if text.get(2) != Some(&b'-') || text.get(6) != Some(&b'-') {
        return None;
    }
    let (hour, minute, second, _) = take_clock(text.get(12..)?)?;
    let year = i64::try_from(digits(7, 4)?).ok()?;
    let day = u32::try_from(digits(0, 2)?).ok()?;
    let civil = Civil { year, month: month(text.get(3..)?)?, day, hour, minute, second, nano: 0 };
    civil.is_valid().then_some(Stamp { civil, offset_s: Some(0), precision: TimePrecision::Second })
}

fn read_event(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    EVENT.apply(writer, context);
    let ids = ids();
    match value(writer, ids.occured).map(|span| read_time(writer.bytes(span))) {
        Some(Some(stamp)) => context.set_stamp(writer, &stamp),
        Some(None) => writer.defect(crate::defect::Defect::TimeUnreadable),
        None => {}
    }
    if let Some(host) = value(writer, ids.hostname) {
        let label = host.part(0..crate::scan::until(writer.bytes(host), b'.'));
        // Behind a header the server stands there, which relays for its endpoints.
        writer.replace(ecs::HOST_NAME, host);
        writer.replace(ecs::HOST_HOSTNAME, label);
        relate_span(writer, label, ecs::RELATED_HOSTS);
    }
    put_account(writer, ids.username);
    for id in [ids.processname, ids.process_name] {
        if let Some(path) = value(writer, id) {
            put_path(writer, path, ecs::PROCESS_NAME, None, None);
        }
    }
    match writer.first(ids.inbound) {
        Some(b"true") => writer.put_str(ecs::NETWORK_DIRECTION, "inbound"),
        Some(b"false") => writer.put_str(ecs::NETWORK_DIRECTION, "outbound"),
        _ => {}
    }
    if writer.first(ids.object_type) == Some(b"file") {
        if let Some(uri) = value(writer, ids.object_uri) {
            let text = writer.bytes(uri);
            let len = text.len();
            let path = if text.starts_with(b"file:///") { uri.part(8..len) } else { uri };
            writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
            put_path(writer, path, ecs::FILE_NAME, None, Some(ecs::FILE_EXTENSION));
        }
    }
    true
}

/// `MACHINE\name`.
fn put_account(writer: &mut EventWriter<'_>, id: crate::dictionary::FieldId) {
    let Some(user) = value(writer, id) else { return };
    if let Some(name) = put_user(writer, user, ecs::USER_NAME, ecs::USER_DOMAIN) {
        relate_span(writer, name, ecs::RELATED_USER);
    }
}

static DETECTION: JsonTable = JsonTable::new(Spec {
    product: products::ESET_PROTECT,
    constants: &[
        (ecs::EVENT_KIND, "alert"),
        (ecs::EVENT_TYPE, "info"),
        (ecs::EVENT_DATASET, "eset_protect.detection"),
        (ecs::OBSERVER_VENDOR, "ESET"),
        (ecs::OBSERVER_PRODUCT, "ESET PROTECT"),
        (ecs::OBSERVER_TYPE, "ids"),
    ],
    time: &[("occurTime", Clock::IsoUtc)],
    rows: &[
        (
            "category",
            ecs::EVENT_CATEGORY,
            OnlyMeans(&[
                ("DETECTION_CATEGORY_ANTIVIRUS", &[(ecs::EVENT_CATEGORY, "malware")]),
                ("DETECTION_CATEGORY_FIREWALL_RULE", &[(ecs::EVENT_CATEGORY, "network")]),
                ("DETECTION_CATEGORY_HIPS_RULE", &[(ecs::EVENT_CATEGORY, "intrusion_detection")]),
                ("DETECTION_CATEGORY_NETWORK_INTRUSION", &[(ecs::EVENT_CATEGORY, "intrusion_detection")]),
                ("DETECTION_CATEGORY_VULNERABILITY", &[(ecs::EVENT_CATEGORY, "vulnerability")]),
                ("DETECTION_CATEGORY_WEB_ACCESS", &[(ecs::EVENT_CATEGORY, "web")]),
            ]),
        ),
        ("category", ecs::RULE_CATEGORY, Text),
        ("context.circumstances", ecs::MESSAGE, Text),
        ("context.deviceUuid", ecs::HOST_ID, Host),
        ("context.process.path", ecs::PROCESS_EXECUTABLE, Text),
        ("typeName", ecs::THREAT_TECHNIQUE_NAME, Set),
        ("objectHashSha1", ecs::RELATED_HASH, Set),
        ("networkCommunication.localIpAddress", ecs::SOURCE_IP, Ip),
        ("networkCommunication.localPort", ecs::SOURCE_PORT, Port),
        ("networkCommunication.remoteIpAddress", ecs::DESTINATION_IP, Ip),
        ("networkCommunication.remotePort", ecs::DESTINATION_PORT, Port),
    ],
    ..Spec::NONE
});

fn read_detection(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    DETECTION.apply(writer, context);
    let ids = ids();
    match writer.first(ids.direction) {
        Some(text) if text.ends_with(b"_OUTBOUND") => writer.put_str(ecs::NETWORK_DIRECTION, "outbound"),
        Some(text) if text.ends_with(b"_INBOUND") => writer.put_str(ecs::NETWORK_DIRECTION, "inbound"),
        _ => {}
    }
    if let Some(protocol) = value(writer, ids.protocol).filter(|span| writer.bytes(*span) != b"0") {
        super::fields::put_lower(writer, ecs::NETWORK_TRANSPORT, protocol);
    }
    if let Some(path) = value(writer, ids.process_path) {
        put_path(writer, path, ecs::PROCESS_NAME, None, None);
    }
    put_account(writer, ids.user);
    true
}

static TASK: JsonTable = JsonTable::new(Spec {
    product: products::ESET_PROTECT,
    constants: &[
        (ecs::EVENT_KIND, "event"),
        (ecs::EVENT_TYPE, "info"),
        (ecs::EVENT_DATASET, "eset_protect.device_task"),
    ],
    rows: &[("action.name", ecs::EVENT_ACTION, Text), ("targets.devicesUuids", ecs::HOST_ID, Host)],
    ..Spec::NONE
});

fn read_task(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TASK.apply(writer, context)
}
