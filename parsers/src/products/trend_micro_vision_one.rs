//! Trend Vision One: Workbench alerts, audit logs and detections of its API. Deep Security speaks CEF, which
//! [`crate::wire::cef`] reads.

use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Spec, put_constant};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::{EVENT_CATEGORY, EVENT_KIND, EVENT_TYPE};
use crate::event::EventWriter;
use crate::{ecs, logsource, products};

/// `trend_micro_vision_one`.
pub(crate) static PRODUCT: Product = Product {
    name: "trend_micro_vision_one",
    title: "Trend Vision One",
    document: "Trend Vision One API v3: Workbench alerts, Audit Logs, Search (detections)",
    namespace: "trend_micro_vision_one",
    module: "trend_micro_vision_one",
    dataset: "trend_micro_vision_one.alert",
    names: NAMES,
    json: &[&ALERT, &AUDIT, &DETECTION],
    detect: &[
        Detect::Members(&["workbenchLink", "alertProvider"], read_alert),
        Detect::Members(&["loggedDateTime", "loggedUser", "activity"], read_audit),
        Detect::Members(&["eventTimeDT", "logKey", "productCode"], read_detection),
    ],
    ..Product::NONE
};

vendor_names! {
    entity = "impactScope.entities.entityType";
    @also
    "schemaVersion" "investigationStatus" "alertProvider" "model" "score" "impactScope.entities.entityValue"
    "impactScope.entities.entityId" "impactScope.desktopCount" "impactScope.serverCount" "indicators.type"
    "indicators.field" "indicators.value" "matchedRules.matchedFilters.name" "matchedRules.matchedFilters.id"
    "accessType" "activity" "details" "productCode" "pname" "pver" "detectionType" "logKey" "policyName" "urlCat"
    "deviceGUID" "malName" "malType" "eventName" "rt" "rt_utc" "searchDL"
}

static ALERT: JsonTable = JsonTable::new(Spec {
    product: products::TREND_MICRO_VISION_ONE,
    log_source: logsource::TREND_MICRO,
    constants: &[(EVENT_KIND, "alert"), (EVENT_TYPE, "info")],
    time: &[("updatedDateTime", Clock::IsoUtc), ("createdDateTime", Clock::IsoUtc)],
    rows: &[
        ("id", ecs::EVENT_ID, Text),
        ("score", ecs::EVENT_SEVERITY, Number),
        ("severity", ecs::LOG_LEVEL, Text),
        ("description", ecs::MESSAGE, Text),
        ("model", ecs::RULE_NAME, Text),
        ("workbenchLink", ecs::URL_ORIGINAL, Url),
        ("matchedRules.matchedFilters.mitreTechniqueIds", ecs::THREAT_TECHNIQUE_ID, Set),
        ("impactScope.entities.entityValue.ips", ecs::RELATED_IP, Set),
        ("impactScope.entities.entityValue.name", ecs::RELATED_HOSTS, Set),
    ],
    ..Spec::NONE
});

/// What an alert is about, by the kinds of the entities in its scope.
const ENTITIES: &[(&[u8], &str)] = &[
    (b"host", "host"),
    (b"account", "authentication"),
    (b"emailAddress", "email"),
    (b"container", "host"),
    (b"cloudIdentity", "iam"),
];

fn read_alert(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    ALERT.apply(writer, context);
    let entity = ids().entity;
    for &(kind, category) in ENTITIES {
        if writer.view().values(entity).any(|value| value == kind) {
            put_constant(writer, EVENT_CATEGORY, category);
        }
    }
    true
}

const LOGON: Constants = &[(EVENT_CATEGORY, "authentication")];

static AUDIT: JsonTable = JsonTable::new(Spec {
    product: products::TREND_MICRO_VISION_ONE,
    log_source: logsource::TREND_MICRO,
    constants: &[(EVENT_KIND, "event"), (EVENT_TYPE, "info"), (ecs::EVENT_DATASET, "trend_micro_vision_one.audit")],
    time: &[("loggedDateTime", Clock::IsoUtc)],
    rows: &[
        ("category", EVENT_CATEGORY, OnlyMeans(&[("Logon and Logoff", LOGON)])),
        ("result", ecs::EVENT_OUTCOME, Map(&[("Successful", "success"), ("Unsuccessful", "failure")])),
        ("loggedUser", ecs::SOURCE_USER_NAME, User),
        ("loggedRole", ecs::SOURCE_USER_ROLES, Set),
        ("activity", ecs::EVENT_ACTION, Text),
    ],
    ..Spec::NONE
});

fn read_audit(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    AUDIT.apply(writer, context)
}

static DETECTION: JsonTable = JsonTable::new(Spec {
    product: products::TREND_MICRO_VISION_ONE,
    log_source: logsource::TREND_MICRO,
    constants: &[
        (EVENT_KIND, "event"),
        (EVENT_CATEGORY, "intrusion_detection"),
        (EVENT_TYPE, "info"),
        (ecs::EVENT_DATASET, "trend_micro_vision_one.detection"),
    ],
    time: &[("eventTimeDT", Clock::IsoUtc), ("eventTime", Clock::Epoch)],
    rows: &[
        ("eventId", ecs::EVENT_ID, Text),
        ("act", ecs::EVENT_ACTION, Lower),
        ("severity", ecs::EVENT_SEVERITY, Number),
        ("ruleName", ecs::RULE_NAME, Text),
        ("ruleId", ecs::RULE_ID, Text),
        ("endpointGUID", ecs::HOST_ID, Text),
        ("endpointHostName", ecs::HOST_NAME, Host),
        ("endpointIp", ecs::HOST_IP, Ips),
        ("osName", ecs::HOST_OS_NAME, Text),
        ("src", ecs::SOURCE_IP, Ip),
        ("spt", ecs::SOURCE_PORT, Port),
        ("smac", ecs::SOURCE_MAC, Mac),
        ("shost", ecs::SOURCE_DOMAIN, Text),
        ("dst", ecs::DESTINATION_IP, Ip),
        ("dpt", ecs::DESTINATION_PORT, Port),
        ("dmac", ecs::DESTINATION_MAC, Mac),
        ("dhost", ecs::DESTINATION_DOMAIN, Host),
        ("clientIp", ecs::CLIENT_IP, Ip),
        ("dhost", ecs::OBSERVER_HOSTNAME, Text),
        ("dvchost", ecs::OBSERVER_NAME, Text),
        ("deviceMacAddress", ecs::OBSERVER_MAC, Mac),
        ("deviceDirection", ecs::NETWORK_DIRECTION, Lower),
        ("app", ecs::NETWORK_PROTOCOL, Lower),
        ("vLANId", ecs::NETWORK_VLAN_ID, Text),
        ("request", ecs::URL_ORIGINAL, Url),
        ("userDomain", ecs::USER_DOMAIN, Text),
        ("suser", ecs::SOURCE_USER_NAME, User),
        ("duser", ecs::DESTINATION_USER_NAME, User),
        ("filePathName", ecs::FILE_PATH, Text),
        ("filePath", ecs::FILE_PATH, Text),
        ("fileName", ecs::FILE_NAME, Text),
        ("fileSize", ecs::FILE_SIZE, Number),
        ("fileType", ecs::FILE_TYPE, Text),
        ("fileHash", ecs::FILE_HASH_SHA1, Hash),
        ("fileHashSha256", ecs::FILE_HASH_SHA256, Hash),
        ("processCmd", ecs::PROCESS_COMMAND_LINE, Text),
        ("processName", ecs::PROCESS_NAME, Text),
        ("processPid", ecs::PROCESS_PID, Number),
        ("parentCmd", ecs::PROCESS_PARENT_COMMAND_LINE, Text),
        ("parentName", ecs::PROCESS_PARENT_NAME, Text),
        ("mailMsgSubject", ecs::EMAIL_SUBJECT, Text),
        ("mailMsgId", ecs::EMAIL_MESSAGE_ID, Text),
    ],
    ..Spec::NONE
});

fn read_detection(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    DETECTION.apply(writer, context)
}
