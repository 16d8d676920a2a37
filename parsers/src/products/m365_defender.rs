//! Microsoft Defender XDR: advanced hunting records of the streaming API, alerts and incidents of the Graph security
//! API, of the older Microsoft 365 Defender API, and of Defender for Endpoint.

mod hunting;
#[cfg(test)]
mod tests;

use super::fields::relate;
use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Row, Spec, put_constant};
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::{EVENT_CATEGORY, EVENT_KIND, EVENT_TYPE};
use crate::event::EventWriter;
use crate::time::take_iso;
use crate::{ecs, logsource, products};

/// `m365_defender`.
pub(crate) static PRODUCT: Product = Product {
    name: "m365_defender",
    title: "Microsoft Defender XDR",
    document: "Microsoft Defender XDR: advanced hunting schema, streaming API; Microsoft Graph security alert and incident",
    namespace: "m365_defender",
    module: "m365_defender",
    dataset: "m365_defender.event",
    names: NAMES,
    json: &[
        &hunting::TABLE,
        &hunting::OWN,
        &hunting::INITIATING,
        &hunting::PARENT,
        &INCIDENT,
        &ALERT,
        &LEGACY,
        &ENDPOINT,
    ],
    detect: &[
        Detect::Members(&["category", "properties.Timestamp"], hunting::read),
        Detect::Members(&["providerAlertId", "incidentWebUrl"], read_alert),
        Detect::Members(&["alerts.detectorId", "incidentWebUrl"], read_incident),
        Detect::Members(&["incidentWebUrl", "displayName"], read_incident),
        Detect::Members(&["incidentId", "incidentName"], read_legacy),
        Detect::Members(&["alerts.alertId", "alerts.serviceSource"], read_legacy),
        Detect::Members(&["machineId", "computerDnsName", "detectionSource"], read_endpoint),
    ],
    ..Product::NONE
};

/// Members that no row speaks of.
static NAMES: &[&str] = &[
    "tenantId",
    "Tenant",
    "operationName",
    "time",
    "status",
    "alerts",
    "alerts.id",
    "incidentId",
    "classification",
    "determination",
    "assignedTo",
    "tags",
    "comments",
    "investigationId",
    "investigationState",
    "rbacGroupName",
    "alertWebUrl",
    "actorDisplayName",
    "recommendedActions",
    "providerAlertId",
    "detectorId",
    "alerts.detectorId",
    "alerts.alertId",
    "incidentName",
    "machineId",
    "alerts.recommendedActions",
    "evidence.@odata.type",
];

/// The severities of both APIs as numbers.
pub(super) const SEVERITIES: &[(&str, &str)] = &[
    ("unknown", "0"),
    ("UnSpecified", "0"),
    ("informational", "1"),
    ("Informational", "1"),
    ("low", "2"),
    ("Low", "2"),
    ("medium", "3"),
    ("Medium", "3"),
    ("high", "4"),
    ("High", "4"),
];

/// Evidence of an alert, by its members' paths below the alert.
macro_rules! evidence {
    ($prefix:literal) => {
        &[
            (concat!($prefix, "detectionStatus"), ecs::EVENT_ACTION, Set),
            (concat!($prefix, "mdeDeviceId"), ecs::HOST_ID, Set),
            (concat!($prefix, "deviceDnsName"), ecs::HOST_NAME, Set),
            (concat!($prefix, "deviceDnsName"), ecs::RELATED_HOSTS, Set),
            (concat!($prefix, "osPlatform"), ecs::HOST_OS_NAME, Text),
            (concat!($prefix, "version"), ecs::HOST_OS_VERSION, Text),
            (concat!($prefix, "lastIpAddress"), ecs::HOST_IP, Ips),
            (concat!($prefix, "ipAddress"), ecs::SOURCE_IP, Ip),
            (concat!($prefix, "fileDetails.fileName"), ecs::FILE_NAME, Set),
            (concat!($prefix, "fileDetails.filePath"), ecs::FILE_PATH, Set),
            (concat!($prefix, "fileDetails.fileSize"), ecs::FILE_SIZE, Number),
            (concat!($prefix, "fileDetails.sha1"), ecs::FILE_HASH_SHA1, Hash),
            (concat!($prefix, "fileDetails.sha256"), ecs::FILE_HASH_SHA256, Hash),
            (concat!($prefix, "imageFile.sha1"), ecs::PROCESS_HASH_SHA1, Hash),
            (concat!($prefix, "imageFile.sha256"), ecs::PROCESS_HASH_SHA256, Hash),
            (concat!($prefix, "imageFile.filePath"), ecs::PROCESS_EXECUTABLE, Text),
            (concat!($prefix, "imageFile.fileName"), ecs::PROCESS_NAME, Text),
            (concat!($prefix, "processCommandLine"), ecs::PROCESS_COMMAND_LINE, Text),
            (concat!($prefix, "processId"), ecs::PROCESS_PID, Number),
            (concat!($prefix, "parentProcessId"), ecs::PROCESS_PARENT_PID, Number),
            (concat!($prefix, "loggedOnUsers.accountName"), ecs::USER_NAME, User),
            (concat!($prefix, "userAccount.accountName"), ecs::USER_NAME, User),
            (concat!($prefix, "userAccount.accountName"), ecs::RELATED_USER, Set),
            (concat!($prefix, "userAccount.domainName"), ecs::USER_DOMAIN, Text),
            (concat!($prefix, "userAccount.domainName"), ecs::RELATED_HOSTS, Set),
            (concat!($prefix, "loggedOnUsers.domainName"), ecs::RELATED_HOSTS, Set),
            (concat!($prefix, "userAccount.userPrincipalName"), ecs::USER_EMAIL, Text),
            (concat!($prefix, "primaryAddress"), ecs::USER_ID, Text),
            (concat!($prefix, "userAccount.userSid"), ecs::USER_ID, Text),
            (concat!($prefix, "p2Sender.emailAddress"), ecs::EMAIL_FROM_ADDRESS, Set),
            (concat!($prefix, "recipientEmailAddress"), ecs::EMAIL_TO_ADDRESS, Set),
            (concat!($prefix, "subject"), ecs::EMAIL_SUBJECT, Text),
            (concat!($prefix, "networkMessageId"), ecs::EMAIL_MESSAGE_ID, Text),
            (concat!($prefix, "url"), ecs::URL_ORIGINAL, Url),
            (concat!($prefix, "registryKey"), ecs::REGISTRY_KEY, Text),
            (concat!($prefix, "registryHive"), ecs::REGISTRY_HIVE, Text),
        ]
    };
}

const ALERT_EVIDENCE: &[Row] = evidence!("evidence.");
const INCIDENT_EVIDENCE: &[Row] = evidence!("alerts.evidence.");

const ALERT_COMMON: &[Row] = &[
    ("id", ecs::EVENT_ID, Text),
    ("severity", ecs::EVENT_SEVERITY, Map(SEVERITIES)),
    ("serviceSource", ecs::EVENT_PROVIDER, Text),
    ("description", ecs::MESSAGE, Text),
    ("alertWebUrl", ecs::EVENT_URL, Text),
    ("tenantId", ecs::CLOUD_ACCOUNT_ID, Text),
    ("category", ecs::THREAT_TACTIC_NAME, Set),
    ("mitreTechniques", ecs::THREAT_TECHNIQUE_ID, Set),
    ("title", ecs::RULE_NAME, Text),
    ("firstActivityDateTime", ecs::EVENT_START, Time(Clock::IsoUtc)),
    ("lastActivityDateTime", ecs::EVENT_END, Time(Clock::IsoUtc)),
];

const INCIDENT_COMMON: &[Row] = &[
    ("id", ecs::EVENT_ID, Text),
    ("severity", ecs::EVENT_SEVERITY, Map(SEVERITIES)),
    ("alerts.serviceSource", ecs::EVENT_PROVIDER, Text),
    ("displayName", ecs::MESSAGE, Text),
    ("incidentWebUrl", ecs::EVENT_URL, Text),
    ("tenantId", ecs::CLOUD_ACCOUNT_ID, Text),
    ("alerts.category", ecs::THREAT_TACTIC_NAME, Set),
    ("alerts.mitreTechniques", ecs::THREAT_TECHNIQUE_ID, Set),
];

/// Rows of two lists, one after the other.
const fn joined<const N: usize>(first: &[Row], second: &[Row]) -> [Row; N] {
    let mut all = [("id", ecs::EVENT_ID, Text); N];
    let mut at = 0;
    while at < N {
        all[at] = if at < first.len() { first[at] } else { second[at - first.len()] };
        at += 1;
    }
    all
}

const ALERT_ROWS: &[Row] = &joined::<{ ALERT_COMMON.len() + ALERT_EVIDENCE.len() }>(ALERT_COMMON, ALERT_EVIDENCE);
const INCIDENT_ROWS: &[Row] =
    &joined::<{ INCIDENT_COMMON.len() + INCIDENT_EVIDENCE.len() }>(INCIDENT_COMMON, INCIDENT_EVIDENCE);

static ALERT: JsonTable = JsonTable::new(Spec {
    product: products::M365_DEFENDER,
    log_source: logsource::M365_DEFENDER,
    constants: &[(EVENT_KIND, "alert"), (EVENT_TYPE, "info"), (ecs::EVENT_DATASET, "m365_defender.alert")],
    time: &[("lastUpdateDateTime", Clock::IsoUtc), ("createdDateTime", Clock::IsoUtc)],
    rows: ALERT_ROWS,
    ..Spec::NONE
});

static INCIDENT: JsonTable = JsonTable::new(Spec {
    product: products::M365_DEFENDER,
    log_source: logsource::M365_DEFENDER,
    constants: &[(EVENT_KIND, "alert"), (ecs::EVENT_DATASET, "m365_defender.incident")],
    time: &[("lastUpdateDateTime", Clock::IsoUtc), ("createdDateTime", Clock::IsoUtc)],
    rows: INCIDENT_ROWS,
    ..Spec::NONE
});

/// Kinds of evidence, by the Graph API's types, and what an alert with such is about.
const EVIDENCE_CATEGORIES: &[(&[u8], &str)] = &[
    (b"deviceEvidence", "host"),
    (b"userEvidence", "iam"),
    (b"ipEvidence", "network"),
    (b"processEvidence", "process"),
    (b"fileEvidence", "file"),
    (b"registryKeyEvidence", "registry"),
    (b"registryValueEvidence", "registry"),
    (b"mailboxEvidence", "email"),
    (b"analyzedMessageEvidence", "email"),
    (b"urlEvidence", "web"),
];

fn read_alert(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    ALERT.apply(writer, context);
    static KIND: std::sync::LazyLock<crate::dictionary::FieldId> =
        std::sync::LazyLock::new(|| super::names::id_of("evidence.@odata.type"));
    for &(kind, category) in EVIDENCE_CATEGORIES {
        if writer.view().values(*KIND).any(|value| value.ends_with(kind)) {
            put_constant(writer, EVENT_CATEGORY, category);
        }
    }
    put_span_of_time(writer);
    true
}

fn read_incident(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    INCIDENT.apply(writer, context)
}

const RESOLVED: Constants = &[(EVENT_TYPE, "end")];

static LEGACY: JsonTable = JsonTable::new(Spec {
    product: products::M365_DEFENDER,
    log_source: logsource::M365_DEFENDER,
    constants: &[
        (EVENT_KIND, "alert"),
        (EVENT_CATEGORY, "host"),
        (ecs::CLOUD_PROVIDER, "azure"),
        (ecs::OBSERVER_PRODUCT, "365 Defender"),
        (ecs::OBSERVER_VENDOR, "Microsoft"),
        (ecs::EVENT_DATASET, "m365_defender.log"),
    ],
    time: &[("lastUpdateTime", Clock::IsoUtc), ("createdTime", Clock::IsoUtc)],
    rows: &[
        ("alerts.alertId", ecs::EVENT_ID, Text),
        ("severity", ecs::EVENT_SEVERITY, Map(SEVERITIES)),
        ("alerts.serviceSource", ecs::EVENT_PROVIDER, Text),
        ("alerts.serviceSource", ecs::OBSERVER_NAME, Text),
        ("alerts.category", ecs::EVENT_ACTION, Text),
        ("alerts.category", ecs::THREAT_TECHNIQUE_NAME, Set),
        ("alerts.title", ecs::MESSAGE, Text),
        ("alerts.description", ecs::RULE_DESCRIPTION, Text),
        ("alerts.firstActivity", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("alerts.lastActivity", ecs::EVENT_END, Time(Clock::IsoUtc)),
        ("status", EVENT_TYPE, OnlyMeans(&[("Resolved", RESOLVED), ("Active", &[(EVENT_TYPE, "info")])])),
        ("alerts.devices.deviceDnsName", ecs::HOST_NAME, Host),
        ("alerts.devices.deviceDnsName", ecs::RELATED_HOSTS, Set),
        ("alerts.entities.fileName", ecs::FILE_NAME, Text),
        ("alerts.entities.filePath", ecs::FILE_PATH, Text),
        ("alerts.entities.sha1", ecs::FILE_HASH_SHA1, Hash),
        ("alerts.entities.sha256", ecs::FILE_HASH_SHA256, Hash),
        ("alerts.entities.processId", ecs::PROCESS_PID, Number),
        ("alerts.entities.processCommandLine", ecs::PROCESS_COMMAND_LINE, Text),
        ("alerts.entities.parentProcessId", ecs::PROCESS_PARENT_PID, Number),
        ("alerts.entities.accountName", ecs::USER_NAME, User),
        ("alerts.entities.domainName", ecs::USER_DOMAIN, Text),
        ("alerts.entities.userSid", ecs::USER_ID, Text),
        ("alerts.entities.aadUserId", ecs::USER_ID, Text),
        ("alerts.entities.ipAddress", ecs::RELATED_IP, Set),
        ("alerts.entities.url", ecs::URL_FULL, Url),
    ],
    ..Spec::NONE
});

fn read_legacy(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    LEGACY.apply(writer, context);
    put_span_of_time(writer);
    true
}

static ENDPOINT: JsonTable = JsonTable::new(Spec {
    product: products::M365_DEFENDER,
    log_source: logsource::M365_DEFENDER,
    constants: &[
        (EVENT_KIND, "alert"),
        (EVENT_CATEGORY, "host"),
        (ecs::CLOUD_PROVIDER, "azure"),
        (ecs::EVENT_PROVIDER, "defender_endpoint"),
        (ecs::OBSERVER_PRODUCT, "Defender for Endpoint"),
        (ecs::OBSERVER_VENDOR, "Microsoft"),
        (ecs::EVENT_MODULE, "microsoft_defender_endpoint"),
        (ecs::EVENT_DATASET, "microsoft_defender_endpoint.log"),
    ],
    time: &[("lastUpdateTime", Clock::IsoUtc), ("alertCreationTime", Clock::IsoUtc)],
    rows: &[
        ("id", ecs::EVENT_ID, Text),
        ("severity", ecs::EVENT_SEVERITY, Map(SEVERITIES)),
        ("category", ecs::EVENT_ACTION, Means(&[("Malware", &[(EVENT_CATEGORY, "malware")])])),
        ("category", ecs::THREAT_TECHNIQUE_NAME, Set),
        ("title", ecs::MESSAGE, Text),
        ("description", ecs::RULE_DESCRIPTION, Text),
        ("detectionSource", ecs::OBSERVER_NAME, Text),
        ("firstEventTime", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("lastEventTime", ecs::EVENT_END, Time(Clock::IsoUtc)),
        (
            "status",
            EVENT_TYPE,
            OnlyMeans(&[
                ("Resolved", RESOLVED),
                ("InProgress", &[(EVENT_TYPE, "change")]),
                ("New", &[(EVENT_TYPE, "access"), (EVENT_TYPE, "start")]),
            ]),
        ),
        ("machineId", ecs::CLOUD_INSTANCE_ID, Text),
        ("aadTenantId", ecs::CLOUD_ACCOUNT_ID, Text),
        ("computerDnsName", ecs::HOST_NAME, Host),
        ("computerDnsName", ecs::HOST_HOSTNAME, Text),
        ("evidence.accountName", ecs::USER_NAME, User),
        ("relatedUser.userName", ecs::USER_NAME, User),
        ("evidence.domainName", ecs::USER_DOMAIN, Text),
        ("relatedUser.domainName", ecs::USER_DOMAIN, Text),
        ("evidence.userSid", ecs::USER_ID, Text),
        ("evidence.fileName", ecs::FILE_NAME, Text),
        ("evidence.filePath", ecs::FILE_PATH, Text),
        ("evidence.sha1", ecs::FILE_HASH_SHA1, Hash),
        ("evidence.sha256", ecs::FILE_HASH_SHA256, Hash),
        ("evidence.processId", ecs::PROCESS_PID, Number),
        ("evidence.processCommandLine", ecs::PROCESS_COMMAND_LINE, Text),
        ("evidence.parentProcessId", ecs::PROCESS_PARENT_PID, Number),
        ("evidence.ipAddress", ecs::RELATED_IP, Set),
        ("evidence.url", ecs::URL_FULL, Url),
    ],
    ..Spec::NONE
});

fn read_endpoint(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    ENDPOINT.apply(writer, context);
    put_span_of_time(writer);
    relate(writer, ecs::HOST_HOSTNAME, ecs::RELATED_HOSTS);
    true
}

/// `event.duration` from the start and the end.
fn put_span_of_time(writer: &mut EventWriter<'_>) {
    let instant = |writer: &EventWriter<'_>, id| {
        let (stamp, _) = take_iso(writer.first(id)?)?;
        stamp.civil.at_offset(0)
    };
    if let (Some(start), Some(end)) = (instant(writer, ecs::EVENT_START), instant(writer, ecs::EVENT_END)) {
        writer.put_i64(ecs::EVENT_DURATION, end.saturating_sub(start));
    }
}
