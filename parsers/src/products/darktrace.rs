//! Darktrace: model breaches, AI Analyst incidents and system status alerts as JSON (Darktrace Customer Portal: Threat
//! Visualizer API Guide, `/modelbreaches`, `/aianalyst/incidentevents`, `/status`; syslog in JSON).

use super::fields::relate;
use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Spec};
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::{EVENT_CATEGORY as C, EVENT_TYPE as T};
use crate::event::EventWriter;
use crate::{ecs, products};

/// `darktrace`.
pub(crate) static PRODUCT: Product = Product {
    name: "darktrace",
    title: "Darktrace",
    document: "Darktrace Threat Visualizer API Guide: model breaches, AI Analyst, status",
    namespace: "darktrace",
    module: "darktrace",
    dataset: "darktrace.model_breach_alert",
    vendor: "Darktrace",
    product: "Threat Visualizer",
    observer_type: "ids",
    json: &[&BREACH, &INCIDENT, &STATUS],
    detect: &[
        Detect::Members(&["model.name", "model.phid", "pbid"], read_breach),
        Detect::Members(&["model.name", "model.pid", "model.uuid"], read_breach),
        Detect::Members(&["summariser", "aiaScore", "title"], read_incident),
        Detect::Members(&["alert_name", "priority_level", "child_id"], read_status),
    ],
    ..Product::NONE
};

static BREACH: JsonTable = JsonTable::new(Spec {
    product: products::DARKTRACE,
    constants: &[(C, "network"), (T, "info"), (T, "connection")],
    time: &[("time", Clock::Millis), ("creationTime", Clock::Millis)],
    rows: &[
        (
            "model.category",
            ecs::RULE_CATEGORY,
            Means(&[
                ("Informational", &[(ecs::EVENT_KIND, "event")]),
                ("Suspicious", &[(ecs::EVENT_KIND, "alert"), (C, "threat")]),
                ("Critical", &[(ecs::EVENT_KIND, "alert"), (C, "threat")]),
                ("Compliance", &[(ecs::EVENT_KIND, "alert")]),
            ]),
        ),
        ("model.name", ecs::RULE_NAME, Text),
        ("model.uuid", ecs::RULE_UUID, Text),
        ("model.version", ecs::RULE_VERSION, Text),
        ("model.description", ecs::RULE_DESCRIPTION, Text),
        ("model.tags", ecs::RULE_RULESET, Set),
        ("model.created.by", ecs::RELATED_USER, Set),
        ("model.edited.by", ecs::RELATED_USER, Set),
        ("model.priority", ecs::EVENT_SEVERITY, Number),
        ("pbid", ecs::EVENT_ID, Text),
        ("triggeredComponents.time", ecs::EVENT_START, Time(Clock::Millis)),
        ("breachUrl", ecs::EVENT_URL, Text),
        ("device.did", ecs::HOST_ID, Text),
        ("device.hostname", ecs::HOST_HOSTNAME, Text),
        ("device.ip", ecs::HOST_IP, Ips),
        ("device.ips.ip", ecs::RELATED_IP, Set),
        ("device.macaddress", ecs::HOST_MAC, Mac),
        ("device.typename", ecs::HOST_TYPE, Text),
        ("mitreTechniques.technique", ecs::THREAT_TECHNIQUE_NAME, Set),
        ("mitreTechniques.techniqueID", ecs::THREAT_TECHNIQUE_ID, Set),
        ("score", ecs::EVENT_RISK_SCORE, Text),
    ],
    ..Spec::NONE
});

static INCIDENT: JsonTable = JsonTable::new(Spec {
    product: products::DARKTRACE,
    constants: &[(ecs::EVENT_KIND, "alert"), (C, "threat"), (T, "indicator")],
    time: &[("createdAt", Clock::Millis)],
    rows: &[
        ("id", ecs::EVENT_ID, Text),
        ("title", ecs::EVENT_REASON, Text),
        ("summary", ecs::MESSAGE, Text),
        ("periods.start", ecs::EVENT_START, Time(Clock::Millis)),
        ("periods.end", ecs::EVENT_END, Time(Clock::Millis)),
        ("incidentEventUrl", ecs::EVENT_URL, Text),
        ("aiaScore", ecs::EVENT_RISK_SCORE, Text),
        ("groupScore", ecs::EVENT_RISK_SCORE_NORM, Text),
        ("breachDevices.hostname", ecs::HOST_HOSTNAME, Host),
        ("breachDevices.did", ecs::HOST_ID, Text),
        ("breachDevices.ip", ecs::HOST_IP, Ips),
        ("breachDevices.mac", ecs::HOST_MAC, Mac),
        ("relatedBreaches.modelName", ecs::RULE_NAME, Text),
        ("details.contents.values.ip", ecs::RELATED_IP, Set),
        ("details.contents.values.hostname", ecs::RELATED_HOSTS, Set),
    ],
    ..Spec::NONE
});

static STATUS: JsonTable = JsonTable::new(Spec {
    product: products::DARKTRACE,
    constants: &[(ecs::EVENT_KIND, "alert"), (T, "info")],
    time: &[("last_updated", Clock::Seconds)],
    rows: &[
        ("uuid", ecs::EVENT_ID, Text),
        ("message", ecs::EVENT_REASON, Text),
        ("hostname", ecs::HOST_HOSTNAME, Host),
        ("ip_address", ecs::HOST_IP, Ips),
        ("priority", ecs::EVENT_SEVERITY, Number),
        ("url", ecs::EVENT_URL, Text),
        ("status", ecs::EVENT_ACTION, Lower),
    ],
    also: &["alert_name", "priority_level", "child_id", "name"],
    ..Spec::NONE
});

fn read_breach(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    BREACH.apply(writer, context);
    // Devices without a name are listed by their address.
    if writer.first(ecs::HOST_HOSTNAME).is_some_and(|name| crate::ip::parse(name).is_some()) {
        relate(writer, ecs::HOST_HOSTNAME, ecs::RELATED_IP);
        writer.forget(ecs::HOST_HOSTNAME);
    } else {
        relate(writer, ecs::HOST_HOSTNAME, ecs::RELATED_HOSTS);
    }
    if writer.first(ecs::EVENT_KIND).is_none() {
        writer.put_str(ecs::EVENT_KIND, "alert");
    }
    true
}

fn read_incident(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    INCIDENT.apply(writer, context)
}

fn read_status(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    STATUS.apply(writer, context)
}
