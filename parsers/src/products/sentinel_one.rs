//! SentinelOne: activities, alerts and threats of the management API, and Deep Visibility events of Cloud Funnel.

#[cfg(test)]
mod tests;

use super::command_line::{Quoting, put_args};
use super::fields::present;
use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Spec, put_constants};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::{EVENT_CATEGORY, EVENT_KIND, EVENT_TYPE};
use crate::event::{EventWriter, Kind, Span};
use crate::{ecs, logsource, products};

/// `sentinel_one`.
pub(crate) static PRODUCT: Product = Product {
    name: "sentinel_one",
    title: "SentinelOne",
    document: "SentinelOne Management API: Activities, Alerts, Threats; Cloud Funnel 2.0 schema",
    namespace: "sentinel_one",
    module: "sentinel_one",
    dataset: "sentinel_one.activity",
    names: NAMES,
    json: &[&ACTIVITY, &ALERT, &THREAT, &FUNNEL, &ACTOR, &STARTED],
    detect: &[
        Detect::Members(&["activityType", "primaryDescription", "createdAt"], read_activity),
        Detect::Members(&["threatInfo.threatId"], read_threat),
        Detect::Members(&["agentRealtimeInfo.agentId", "threatInfo.createdAt"], read_threat),
        Detect::Members(&["alertInfo.alertId", "ruleInfo.id"], read_alert),
        Detect::Members(&["event.category", "event.type", "event.time", "site.id"], read_funnel),
        Detect::Members(&["event.category", "event.id", "endpoint.name", "agent.uuid"], read_funnel),
    ],
    ..Product::NONE
};

vendor_names! {
    description = "primaryDescription";
    threat_class = "data.threatClassification";
    category = "event.category";
    kind = "event.type";
    source_user = "src.process.user";
    @also
    "activityType" "accountName" "siteId" "siteName" "groupName" "secondaryDescription" "updatedAt"
    "data.accountName" "data.role" "data.newStatus" "data.originalStatus" "site.id" "site.name" "account.id"
    "account.name" "mgmt.id" "mgmt.url" "mgmt.osRevision" "endpoint.type" "i.scheme" "i.version" "dataSource.name"
    "dataSource.vendor" "dataSource.category" "src.process.storyline.id" "tgt.process.storyline.id" "src.process.publisher"
    "src.process.signedStatus" "src.process.verifiedStatus" "src.process.reasonSignatureInvalid" "osSrc.process.name"
    "alertInfo.eventType" "alertInfo.hitType" "alertInfo.source" "alertInfo.incidentStatus" "ruleInfo.severity"
    "threatInfo.classificationSource" "threatInfo.confidenceLevel" "threatInfo.mitigationStatus"
    "threatInfo.analystVerdict" "threatInfo.storyline" "indicators.category" "event.dns.response"
    "event.network.direction" "registry.keyUid" "tgt.file.isSigned" "threatInfo.createdAt"
}

static ACTIVITY: JsonTable = JsonTable::new(Spec {
    product: products::SENTINEL_ONE,
    log_source: logsource::SENTINEL_ONE,
    constants: &[(EVENT_KIND, "event")],
    time: &[("createdAt", Clock::IsoUtc)],
    rows: &[
        ("description", ecs::MESSAGE, Text),
        ("primaryDescription", ecs::EVENT_REASON, Text),
        ("data.computerName", ecs::HOST_NAME, Host),
        ("data.ipAddress", ecs::HOST_IP, Ips),
        ("data.externalIp", ecs::HOST_IP, Ips),
        ("data.osFamily", ecs::HOST_OS_FAMILY, Text),
        ("osFamily", ecs::HOST_OS_FAMILY, Text),
        ("data.username", ecs::USER_FULL_NAME, User),
        ("data.byUser", ecs::USER_FULL_NAME, User),
        ("data.recoveryEmail", ecs::USER_EMAIL, Text),
        ("userId", ecs::USER_ID, Text),
        ("groupId", ecs::USER_GROUP_ID, Text),
        ("data.groupName", ecs::USER_GROUP_NAME, Text),
        ("groupName", ecs::USER_GROUP_NAME, Text),
        ("data.fileContentHash", ecs::FILE_HASH_SHA1, Hash),
        ("data.fileDisplayName", ecs::FILE_NAME, Text),
        ("data.filePath", ecs::FILE_PATH, Text),
    ],
    ..Spec::NONE
});

/// What an activity is, by its description: the numbers of its kinds are not published with their meaning.
static ACTIVITIES: &[(&str, Constants)] = &[
    ("failed to log in", &[(EVENT_CATEGORY, "authentication"), (EVENT_TYPE, "info"), (ecs::EVENT_OUTCOME, "failure")]),
    ("logged in", &[(EVENT_CATEGORY, "authentication"), (EVENT_TYPE, "start"), (ecs::EVENT_OUTCOME, "success")]),
    ("logged out", &[(EVENT_CATEGORY, "authentication"), (EVENT_TYPE, "end"), (ecs::EVENT_OUTCOME, "success")]),
];

fn read_activity(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    ACTIVITY.apply(writer, context);
    let ids = ids();
    let text = writer.first(ids.description).unwrap_or_default();
    let found = ACTIVITIES.iter().find(|(part, _)| memchr::memmem::find(text, part.as_bytes()).is_some());
    let malware = present(writer, ids.threat_class).is_some();
    match found.filter(|_| !malware) {
        Some(&(_, constants)) => put_constants(writer, constants),
        None => {
            if malware {
                writer.put_str(EVENT_CATEGORY, "malware");
            }
            writer.put_str(EVENT_TYPE, "info");
        }
    }
    true
}

const SYSTEMS: &[(&str, &str)] = &[
    ("windows", "windows"),
    ("Windows", "windows"),
    ("linux", "linux"),
    ("Linux", "linux"),
    ("macos", "macos"),
    ("macOS", "macos"),
    ("osx", "macos"),
];

static ALERT: JsonTable = JsonTable::new(Spec {
    product: products::SENTINEL_ONE,
    log_source: logsource::SENTINEL_ONE,
    constants: &[
        (EVENT_KIND, "event"),
        (EVENT_CATEGORY, "malware"),
        (EVENT_TYPE, "info"),
        (ecs::EVENT_DATASET, "sentinel_one.alert"),
    ],
    time: &[("alertInfo.createdAt", Clock::IsoUtc)],
    rows: &[
        ("alertInfo.alertId", ecs::EVENT_ID, Text),
        ("ruleInfo.id", ecs::RULE_ID, Text),
        ("ruleInfo.name", ecs::RULE_NAME, Text),
        ("ruleInfo.description", ecs::RULE_DESCRIPTION, Text),
        ("agentRealtimeInfo.id", ecs::HOST_ID, Text),
        ("agentDetectionInfo.name", ecs::HOST_NAME, Host),
        ("agentDetectionInfo.osFamily", ecs::HOST_OS_FAMILY, Text),
        ("agentDetectionInfo.osFamily", ecs::HOST_OS_TYPE, Map(SYSTEMS)),
        ("agentDetectionInfo.osName", ecs::HOST_OS_NAME, Text),
        ("agentDetectionInfo.osRevision", ecs::HOST_OS_VERSION, Text),
        ("agentDetectionInfo.uuid", ecs::OBSERVER_SERIAL_NUMBER, Text),
        ("agentDetectionInfo.version", ecs::OBSERVER_VERSION, Text),
        ("alertInfo.srcMachineIp", ecs::HOST_IP, Ips),
        ("alertInfo.srcIp", ecs::SOURCE_IP, Ip),
        ("alertInfo.srcPort", ecs::SOURCE_PORT, Port),
        ("alertInfo.dstIp", ecs::DESTINATION_IP, Ip),
        ("alertInfo.dstPort", ecs::DESTINATION_PORT, Port),
        ("alertInfo.dnsRequest", ecs::DNS_QUESTION_NAME, Text),
        ("alertInfo.modulePath", ecs::DLL_PATH, Text),
        ("alertInfo.moduleSha1", ecs::DLL_HASH_SHA1, Hash),
        ("alertInfo.registryKeyPath", ecs::REGISTRY_KEY, Text),
        ("alertInfo.registryPath", ecs::REGISTRY_PATH, Text),
        ("alertInfo.registryValue", ecs::REGISTRY_VALUE, Text),
        ("alertInfo.loginsUserName", ecs::USER_NAME, User),
        ("alertInfo.loginAccountDomain", ecs::USER_DOMAIN, Text),
        ("alertInfo.loginAccountSid", ecs::USER_ID, Text),
        ("sourceProcessInfo.user", ecs::USER_NAME, User),
        ("sourceProcessInfo.commandline", ecs::PROCESS_COMMAND_LINE, Text),
        ("sourceProcessInfo.uniqueId", ecs::PROCESS_ENTITY_ID, Text),
        ("sourceProcessInfo.filePath", ecs::PROCESS_EXECUTABLE, Text),
        ("sourceProcessInfo.name", ecs::PROCESS_NAME, Text),
        ("sourceProcessInfo.pid", ecs::PROCESS_PID, Number),
        ("sourceProcessInfo.fileHashMd5", ecs::PROCESS_HASH_MD5, Hash),
        ("sourceProcessInfo.fileHashSha1", ecs::PROCESS_HASH_SHA1, Hash),
        ("sourceProcessInfo.fileHashSha256", ecs::PROCESS_HASH_SHA256, Hash),
        ("sourceParentProcessInfo.commandline", ecs::PROCESS_PARENT_COMMAND_LINE, Text),
        ("sourceParentProcessInfo.uniqueId", ecs::PROCESS_PARENT_ENTITY_ID, Text),
        ("sourceParentProcessInfo.filePath", ecs::PROCESS_PARENT_EXECUTABLE, Text),
        ("sourceParentProcessInfo.name", ecs::PROCESS_PARENT_NAME, Text),
        ("sourceParentProcessInfo.pid", ecs::PROCESS_PARENT_PID, Number),
        ("sourceParentProcessInfo.fileHashMd5", ecs::PROCESS_PARENT_HASH_MD5, Hash),
        ("sourceParentProcessInfo.fileHashSha1", ecs::PROCESS_PARENT_HASH_SHA1, Hash),
        ("sourceParentProcessInfo.fileHashSha256", ecs::PROCESS_PARENT_HASH_SHA256, Hash),
        ("targetProcessInfo.tgtFilePath", ecs::FILE_PATH, Text),
        ("targetProcessInfo.tgtFileHashSha1", ecs::FILE_HASH_SHA1, Hash),
        ("targetProcessInfo.tgtFileHashSha256", ecs::FILE_HASH_SHA256, Hash),
    ],
    ..Spec::NONE
});

fn read_alert(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    ALERT.apply(writer, context)
}

static THREAT: JsonTable = JsonTable::new(Spec {
    product: products::SENTINEL_ONE,
    log_source: logsource::SENTINEL_ONE,
    constants: &[(EVENT_KIND, "alert"), (ecs::EVENT_DATASET, "sentinel_one.threat")],
    time: &[("threatInfo.updatedAt", Clock::IsoUtc), ("threatInfo.createdAt", Clock::IsoUtc)],
    rows: &[
        ("id", ecs::EVENT_ID, Text),
        ("threatInfo.threatId", ecs::EVENT_ID, Text),
        (
            "threatInfo.classification",
            EVENT_CATEGORY,
            OnlyMeans(&[
                ("Malware", &[(EVENT_CATEGORY, "malware"), (EVENT_TYPE, "info")]),
                ("Trojan", &[(EVENT_CATEGORY, "malware"), (EVENT_TYPE, "info")]),
                ("Ransomware", &[(EVENT_CATEGORY, "malware"), (EVENT_TYPE, "info")]),
                ("General", &[(EVENT_CATEGORY, "malware"), (EVENT_TYPE, "info")]),
            ]),
        ),
        ("agentDetectionInfo.externalIp", ecs::HOST_IP, Ips),
        ("agentDetectionInfo.agentIpV4", ecs::RELATED_IP, Set),
        ("agentDetectionInfo.agentIpV6", ecs::RELATED_IP, Set),
        ("agentDetectionInfo.agentDomain", ecs::HOST_DOMAIN, Text),
        ("agentRealtimeInfo.agentComputerName", ecs::HOST_NAME, Host),
        ("agentRealtimeInfo.agentId", ecs::HOST_ID, Text),
        ("agentRealtimeInfo.agentOsName", ecs::HOST_OS_NAME, Text),
        ("agentRealtimeInfo.agentOsType", ecs::HOST_OS_TYPE, Text),
        ("agentRealtimeInfo.networkInterfaces.physical", ecs::HOST_MAC, Mac),
        ("agentRealtimeInfo.networkInterfaces.inet", ecs::RELATED_IP, Set),
        ("agentRealtimeInfo.networkInterfaces.inet6", ecs::RELATED_IP, Set),
        ("agentRealtimeInfo.agentVersion", ecs::OBSERVER_VERSION, Text),
        ("threatInfo.originatorProcess", ecs::PROCESS_NAME, Text),
        ("threatInfo.threatName", ecs::THREAT_INDICATOR_NAME, Text),
        ("threatInfo.filePath", ecs::FILE_PATH, Text),
        ("threatInfo.sha1", ecs::RELATED_HASH, Set),
        ("threatInfo.sha256", ecs::RELATED_HASH, Set),
        ("threatInfo.md5", ecs::RELATED_HASH, Set),
        ("threatInfo.processUser", ecs::RELATED_USER, Set),
        ("threatInfo.engines", ecs::EVENT_ACTION, Text),
        ("indicators.tactics.name", ecs::THREAT_TACTIC_NAME, Set),
        ("indicators.ids", ecs::THREAT_TACTIC_ID, Set),
        ("indicators.tactics.techniques.name", ecs::THREAT_TECHNIQUE_ID, Set),
    ],
    ..Spec::NONE
});

fn read_threat(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    THREAT.apply(writer, context);
    // A classification that is none of malware's is an indicator.
    if !writer.view().has(EVENT_CATEGORY) {
        writer.put_str(EVENT_CATEGORY, "threat");
        writer.put_str(EVENT_TYPE, "indicator");
    }
    true
}

static FUNNEL: JsonTable = JsonTable::new(Spec {
    product: products::SENTINEL_ONE,
    log_source: logsource::SENTINEL_ONE,
    constants: &[
        (EVENT_KIND, "event"),
        (ecs::EVENT_MODULE, "sentinel_one_cloud_funnel"),
        (ecs::EVENT_DATASET, "sentinel_one_cloud_funnel.event"),
    ],
    time: &[("event.time", Clock::Epoch)],
    rows: &[
        ("event.id", ecs::EVENT_ID, Text),
        ("group.id", ecs::GROUP_ID, Text),
        ("agent.uuid", ecs::HOST_ID, Text),
        ("agent.version", ecs::OBSERVER_VERSION, Text),
        ("endpoint.name", ecs::HOST_HOSTNAME, Text),
        ("endpoint.name", ecs::RELATED_HOSTS, Set),
        ("endpoint.os", ecs::HOST_OS_PLATFORM, Text),
        ("endpoint.os", ecs::HOST_OS_TYPE, Map(SYSTEMS)),
        ("endpoint.os", ecs::RELATED_HOSTS, Set),
        ("endpoint.type", ecs::RELATED_HOSTS, Set),
        ("os.name", ecs::HOST_OS_NAME, Text),
        ("event.dns.request", ecs::DNS_QUESTION_NAME, Text),
        ("event.network.protocolName", ecs::NETWORK_PROTOCOL, Lower),
        ("event.network.direction", ecs::NETWORK_DIRECTION, Map(&[("OUTGOING", "egress"), ("INCOMING", "ingress")])),
        (
            "event.network.connectionStatus",
            ecs::EVENT_OUTCOME,
            Map(&[("SUCCESS", "success"), ("success", "success"), ("FAILURE", "failure"), ("BLOCKED", "failure")]),
        ),
        ("src.ip.address", ecs::SOURCE_IP, Ip),
        ("src.port.number", ecs::SOURCE_PORT, Port),
        ("dst.ip.address", ecs::DESTINATION_IP, Ip),
        ("dst.ip.address", ecs::DESTINATION_ADDRESS, Text),
        ("dst.port.number", ecs::DESTINATION_PORT, Port),
        ("url.address", ecs::URL_ORIGINAL, Url),
        ("tgt.file.path", ecs::FILE_PATH, FilePath),
        ("tgt.file.size", ecs::FILE_SIZE, Number),
        ("tgt.file.md5", ecs::FILE_HASH_MD5, Hash),
        ("tgt.file.sha1", ecs::FILE_HASH_SHA1, Hash),
        ("tgt.file.sha256", ecs::FILE_HASH_SHA256, Hash),
        ("module.path", ecs::DLL_PATH, Text),
        ("module.md5", ecs::DLL_HASH_MD5, Hash),
        ("module.sha1", ecs::DLL_HASH_SHA1, Hash),
        ("registry.keyPath", ecs::REGISTRY_PATH, Text),
        ("registry.value", ecs::REGISTRY_DATA_STRINGS, Text),
        ("event.login.userName", ecs::USER_NAME, User),
        ("src.process.image.md5", ecs::RELATED_HASH, Set),
        ("src.process.image.sha1", ecs::RELATED_HASH, Set),
        ("src.process.image.sha256", ecs::RELATED_HASH, Set),
        ("src.process.parent.image.md5", ecs::RELATED_HASH, Set),
        ("src.process.parent.image.sha1", ecs::RELATED_HASH, Set),
        ("src.process.parent.image.sha256", ecs::RELATED_HASH, Set),
        ("src.process.parent.user", ecs::RELATED_USER, Set),
        ("src.process.user", ecs::RELATED_USER, Set),
    ],
    ..Spec::NONE
});

/// The process that did what the event is about.
static ACTOR: JsonTable = JsonTable::new(Spec {
    product: products::SENTINEL_ONE,
    log_source: logsource::SENTINEL_ONE,
    own: false,
    rows: &[
        ("src.process.cmdline", ecs::PROCESS_COMMAND_LINE, Text),
        ("src.process.uid", ecs::PROCESS_ENTITY_ID, Text),
        ("process.unique.key", ecs::PROCESS_ENTITY_ID, Text),
        ("src.process.image.path", ecs::PROCESS_EXECUTABLE, Text),
        ("src.process.name", ecs::PROCESS_NAME, Text),
        ("src.process.pid", ecs::PROCESS_PID, Number),
        ("src.process.startTime", ecs::PROCESS_START, Time(Clock::Epoch)),
        ("src.process.image.md5", ecs::PROCESS_HASH_MD5, Text),
        ("src.process.image.sha1", ecs::PROCESS_HASH_SHA1, Text),
        ("src.process.image.sha256", ecs::PROCESS_HASH_SHA256, Text),
        ("src.process.parent.cmdline", ecs::PROCESS_PARENT_COMMAND_LINE, Text),
        ("src.process.parent.uid", ecs::PROCESS_PARENT_ENTITY_ID, Text),
        ("src.process.parent.image.path", ecs::PROCESS_PARENT_EXECUTABLE, Text),
        ("src.process.parent.name", ecs::PROCESS_PARENT_NAME, Text),
        ("src.process.parent.pid", ecs::PROCESS_PARENT_PID, Number),
    ],
    ..Spec::NONE
});

/// The process that was started, with the one that started it as its parent.
static STARTED: JsonTable = JsonTable::new(Spec {
    product: products::SENTINEL_ONE,
    log_source: logsource::SENTINEL_ONE,
    own: false,
    rows: &[
        ("tgt.process.cmdline", ecs::PROCESS_COMMAND_LINE, Text),
        ("tgt.process.uid", ecs::PROCESS_ENTITY_ID, Text),
        ("process.unique.key", ecs::PROCESS_ENTITY_ID, Text),
        ("tgt.process.image.path", ecs::PROCESS_EXECUTABLE, Text),
        ("tgt.process.name", ecs::PROCESS_NAME, Text),
        ("tgt.process.pid", ecs::PROCESS_PID, Number),
        ("tgt.process.startTime", ecs::PROCESS_START, Time(Clock::Epoch)),
        ("tgt.process.image.md5", ecs::PROCESS_HASH_MD5, Hash),
        ("tgt.process.image.sha1", ecs::PROCESS_HASH_SHA1, Hash),
        ("tgt.process.image.sha256", ecs::PROCESS_HASH_SHA256, Hash),
        ("src.process.cmdline", ecs::PROCESS_PARENT_COMMAND_LINE, Text),
        ("src.process.uid", ecs::PROCESS_PARENT_ENTITY_ID, Text),
        ("src.process.image.path", ecs::PROCESS_PARENT_EXECUTABLE, Text),
        ("src.process.name", ecs::PROCESS_PARENT_NAME, Text),
        ("src.process.pid", ecs::PROCESS_PARENT_PID, Number),
    ],
    ..Spec::NONE
});

macro_rules! constants {
    ([$($category:literal)*] [$($type:literal)*] $($action:literal)?) => {
        &[$((EVENT_CATEGORY, $category),)* $((EVENT_TYPE, $type),)* $((ecs::EVENT_ACTION, $action))?]
    };
}

/// What an event is, by its type, else by its category.
static TYPES: &[(&str, Constants)] = &[
    ("Process Creation", constants!(["process"] ["start"] "start")),
    ("ProcessCreation", constants!(["process"] ["start"] "start")),
    ("Process Exit", constants!(["process"] ["end"] "end")),
    ("ProcessExit", constants!(["process"] ["end"] "end")),
    ("IP Connect", constants!(["network"] ["start" "connection"])),
    ("IPConnect", constants!(["network"] ["start" "connection"])),
    ("IP Listen", constants!(["network"]["start"])),
    ("File Creation", constants!(["file"] ["creation"] "creation")),
    ("FileCreation", constants!(["file"] ["creation"] "creation")),
    ("File Modification", constants!(["file"] ["change"] "modification")),
    ("FileModification", constants!(["file"] ["change"] "modification")),
    ("File Deletion", constants!(["file"] ["deletion"] "deletion")),
    ("FileDeletion", constants!(["file"] ["deletion"] "deletion")),
    ("File Rename", constants!(["file"] ["change"] "rename")),
    ("FileRename", constants!(["file"] ["change"] "rename")),
    ("Registry Key Create", constants!(["registry"] ["creation"] "creation")),
    ("RegistryKeyCreate", constants!(["registry"] ["creation"] "creation")),
    ("Registry Value Create", constants!(["registry"] ["creation"] "creation")),
    ("RegistryValueCreate", constants!(["registry"] ["creation"] "creation")),
    ("Registry Value Modified", constants!(["registry"] ["change"] "modification")),
    ("RegistryValueModified", constants!(["registry"] ["change"] "modification")),
    ("Registry Key Delete", constants!(["registry"] ["deletion"] "deletion")),
    ("Registry Value Delete", constants!(["registry"] ["deletion"] "deletion")),
    ("Login", constants!(["authentication"]["start"])),
    ("Logout", constants!(["authentication"]["end"])),
];

static CATEGORIES: &[(&str, Constants)] = &[
    ("dns", constants!(["network"] ["info" "protocol"] "lookup_requested")),
    ("ip", constants!(["network"] ["info" "connection"])),
    ("url", constants!(["network"]["info"])),
    ("process", constants!(["process"]["info"])),
    ("command_script", constants!(["process"]["info"])),
    ("cross_process", constants!(["process"]["info"])),
    ("file", constants!(["file"]["info"])),
    ("registry", constants!(["registry"]["info"])),
    ("logins", constants!(["authentication"]["info"])),
    ("scheduled_task", constants!(["configuration"]["info"])),
    ("threat_intelligence_indicators", constants!(["threat"]["indicator"])),
];

fn read_funnel(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    FUNNEL.apply(writer, context);
    let ids = ids();
    let find = |table: &'static [(&'static str, Constants)], value: &[u8]| {
        table.iter().find(|(name, _)| name.as_bytes() == value).map(|&(_, constants)| constants)
    };
    let kind = writer.first(ids.kind).unwrap_or_default();
    let category = writer.first(ids.category).unwrap_or_default();
    let kind_of_value = memchr::memmem::find(kind, b"Value").is_some();
    let started = matches!(kind, b"Process Creation" | b"ProcessCreation");
    let constants = find(TYPES, kind).or_else(|| find(CATEGORIES, category)).unwrap_or_default();
    // `event.category` and `event.type` of the record are the vendor's own.
    for &(id, text) in constants {
        writer.put_str(id, text);
    }
    if started {
        STARTED.apply(writer, context);
    } else {
        ACTOR.apply(writer, context);
    }
    if let Some(span) = present(writer, ids.source_user) {
        if !writer.view().has(ecs::USER_NAME) {
            put_user(writer, span);
        }
    }
    put_registry(writer, kind_of_value);
    if let Some((span, _)) = writer.first_span(ecs::PROCESS_COMMAND_LINE) {
        let posix = writer.first(ecs::HOST_OS_TYPE) != Some(b"windows");
        let quoting = if posix { Quoting::Posix } else { Quoting::Windows };
        put_args(writer, span, quoting, ecs::PROCESS_ARGS, ecs::PROCESS_ARGS_COUNT);
    }
    true
}

/// `DOMAIN\user`. The whole of it is related already.
fn put_user(writer: &mut EventWriter<'_>, account: Span) {
    let text = writer.bytes(account);
    let len = text.len();
    match memchr::memchr(b'\\', text).filter(|&at| at > 0 && at + 1 < len) {
        Some(at) => {
            writer.put_span(ecs::USER_DOMAIN, account.part(0..at), Kind::Text, false);
            writer.put_span(ecs::USER_NAME, account.part(at + 1..len), Kind::Text, false);
        }
        None => writer.put_span(ecs::USER_NAME, account, Kind::Text, false),
    }
}

/// A registry path's key, and its value where the event is about one.
fn put_registry(writer: &mut EventWriter<'_>, of_value: bool) {
    let Some((path, _)) = writer.first_span(ecs::REGISTRY_PATH) else { return };
    let text = writer.bytes(path);
    let len = text.len();
    match memchr::memrchr(b'\\', text).filter(|&at| of_value && at > 0 && at + 1 < len) {
        Some(at) => {
            writer.put_span(ecs::REGISTRY_KEY, path.part(0..at), Kind::Text, false);
            writer.put_span(ecs::REGISTRY_VALUE, path.part(at + 1..len), Kind::Text, false);
        }
        None => writer.put_span(ecs::REGISTRY_KEY, path, Kind::Text, false),
    }
}
