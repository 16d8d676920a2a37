//! CrowdStrike: the sensor's events as Falcon Data Replicator delivers them, and Falcon's streaming API.

mod events;
#[cfg(test)]
mod tests;

use super::command_line::{Quoting, put_args};
use super::fields::{present, put_path, relate_span};
use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Row, Spec, put_constants};
use super::names::vendor_names;
use super::url;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::{ecs, logsource, products};

/// `crowdstrike_fdr`.
pub(crate) static FDR: Product = Product {
    name: "crowdstrike_fdr",
    title: "CrowdStrike Falcon Data Replicator",
    document: "CrowdStrike Events Data Dictionary; Falcon Data Replicator",
    namespace: "crowdstrike",
    module: "crowdstrike",
    dataset: "crowdstrike.fdr",
    vendor: "crowdstrike",
    product: "Falcon",
    observer_type: "agent",
    names: NAMES,
    json: &[&SENSOR, &DETECTION],
    detect: &[
        Detect::Members(&["event_simpleName", "aid"], read_sensor),
        Detect::Members(&["event_simpleName", "event_platform"], read_sensor),
        Detect::Members(&["aid", "cid"], read_sensor),
        Detect::Members(&["EventType", "CustomerIdString"], read_detection),
        Detect::Members(&["cid", "discoverer_aid"], read_sensor),
    ],
};

/// `crowdstrike_falcon`.
pub(crate) static FALCON: Product = Product {
    name: "crowdstrike_falcon",
    title: "CrowdStrike Falcon streaming API",
    document: "CrowdStrike Event Streams API: event types and fields",
    namespace: "crowdstrike",
    module: "crowdstrike",
    dataset: "crowdstrike.falcon",
    vendor: "crowdstrike",
    product: "Falcon",
    observer_type: "agent",
    json: &[&STREAM],
    detect: &[Detect::Members(&["metadata.eventType", "metadata.eventCreationTime"], read_stream)],
    ..Product::NONE
};

vendor_names! {
    simple_name = "event_simpleName";
    platform = "event_platform";
    image_file_name = "ImageFileName";
    target_file_name = "TargetFileName";
    source_file_name = "SourceFileName";
    command_line = "CommandLine";
    stream_command_line = "event.CommandLine";
    md5 = "MD5HashData";
    sha1 = "SHA1HashData";
    sha256 = "SHA256HashData";
    download_server = "DownloadServer";
    download_path = "DownloadPath";
    download_port = "DownloadPort";
    aip = "aip";
    @also
    "CustomerIdString" "EventType" "discoverer_aid"
    "EffectiveTransmissionClass" "Entitlements" "ContextTimeStamp" "SourceProcessId" "SourceThreadId" "ProcessGroupId"
    "SessionProcessId" "AuthenticationId" "IntegrityLevel" "TokenType" "ProcessCreateFlags" "ProcessParameterFlags"
    "ImageSubsystem" "WindowFlags" "SessionId" "Tags" "RUID" "RGID" "SVUID" "SVGID" "ConnectionFlags" "InContext"
    "InterfaceIndex" "DualRequest" "LogonType" "LogonDomain" "LogonTime" "LogoffTime" "PasswordLastSet" "UserFlags"
    "UserIsAdmin" "UserLogonFlags" "RemoteAccount" "AuthenticationPackage" "AuthenticationUuid" "Status" "SubStatus"
    "ServiceDisplayName" "VolumeName" "RegObjectName" "RegValueName" "RegStringValue" "RegOperationType"
    "AsepClass" "ScriptContent" "ScriptContentName" "CommandHistory" "TaskName" "TaskExecCommand" "TaskAuthor"
    "TargetThreadId" "DesiredAccess" "ShareAccess" "FileObject" "IrpFlags" "MajorFunction" "MinorFunction"
    "ErrorStatus" "NeighborList" "ConfigIDBase" "ConfigIDBuild" "ConfigIDPlatform" "ConfigurationVersion"
    "SensorStateBitMap" "NetworkContainmentState" "Malicious" "ModelPrediction" "IsOnNetwork" "IsOnRemovableDisk"
}

/// The taxonomy's words for the platforms of the dictionary.
const PLATFORMS: &[(&str, &str)] =
    &[("Win", "windows"), ("Lin", "linux"), ("Mac", "macos"), ("Windows", "windows"), ("Linux", "linux")];

/// IANA's numbers as the schema's names.
const TRANSPORTS: &[(&str, &str)] =
    &[("1", "icmp"), ("2", "igmp"), ("6", "tcp"), ("17", "udp"), ("58", "ipv6-icmp"), ("132", "sctp")];

/// `ConnectionDirection` of the dictionary.
const DIRECTIONS: &[(&str, &str)] = &[("0", "outbound"), ("1", "inbound"), ("2", "unknown"), ("3", "unknown")];

/// Types of DNS (IANA, Resource Record TYPEs).
const RECORD_TYPES: &[(&str, &str)] = &[
    ("1", "A"),
    ("2", "NS"),
    ("5", "CNAME"),
    ("6", "SOA"),
    ("12", "PTR"),
    ("15", "MX"),
    ("16", "TXT"),
    ("28", "AAAA"),
    ("33", "SRV"),
    ("65", "HTTPS"),
    ("255", "ANY"),
];

static SENSOR: JsonTable = JsonTable::new(Spec {
    product: products::CROWDSTRIKE_FDR,
    log_source: logsource::CROWDSTRIKE,
    time: &[("UTCTimestamp", Clock::Epoch), ("timestamp", Clock::Iso), ("Time", Clock::Epoch), ("_time", Clock::Epoch)],
    rows: &[
        ("id", ecs::EVENT_ID, Text),
        ("event_simpleName", ecs::EVENT_ACTION, Text),
        ("aid", ecs::OBSERVER_SERIAL_NUMBER, Text),
        ("aid", ecs::AGENT_ID, Text),
        ("cid", ecs::ORGANIZATION_ID, Text),
        ("AgentVersion", ecs::OBSERVER_VERSION, Text),
        ("ConfigBuild", ecs::OBSERVER_VERSION, Text),
        ("event_platform", ecs::HOST_OS_TYPE, Map(PLATFORMS)),
        ("OSVersionString", ecs::HOST_OS_VERSION, Text),
        ("Version", ecs::HOST_OS_VERSION, Text),
        ("ComputerName", ecs::HOST_NAME, Host),
        ("ComputerName", ecs::HOST_HOSTNAME, Text),
        ("hostname", ecs::HOST_NAME, Host),
        ("hostname", ecs::HOST_HOSTNAME, Text),
        ("ClientComputerName", ecs::RELATED_HOSTS, Set),
        ("LogonServer", ecs::RELATED_HOSTS, Set),
        ("LocalAddressIP4", ecs::SOURCE_IP, Ip),
        ("LocalAddressIP6", ecs::SOURCE_IP, Ip),
        ("LocalIP", ecs::SOURCE_IP, Ip),
        ("LocalAddressIP4", ecs::SOURCE_ADDRESS, Text),
        ("LocalAddressIP6", ecs::SOURCE_ADDRESS, Text),
        ("LocalIP", ecs::SOURCE_ADDRESS, Text),
        ("LocalPort", ecs::SOURCE_PORT, Port),
        ("PhysicalAddress", ecs::SOURCE_MAC, Mac),
        ("MAC", ecs::SOURCE_MAC, Mac),
        ("RemoteAddressIP4", ecs::DESTINATION_IP, Ip),
        ("RemoteAddressIP6", ecs::DESTINATION_IP, Ip),
        ("RemoteAddressIP4", ecs::DESTINATION_ADDRESS, Text),
        ("RemoteAddressIP6", ecs::DESTINATION_ADDRESS, Text),
        ("RemotePort", ecs::DESTINATION_PORT, Port),
        ("Protocol", ecs::NETWORK_IANA_NUMBER, Text),
        ("Protocol", ecs::NETWORK_TRANSPORT, Map(TRANSPORTS)),
        ("ConnectionDirection", ecs::NETWORK_DIRECTION, Map(DIRECTIONS)),
        ("TargetProcessId", ecs::PROCESS_ENTITY_ID, Text),
        ("ContextProcessId", ecs::PROCESS_ENTITY_ID, Text),
        ("ContextThreadId", ecs::PROCESS_THREAD_ID, Number),
        ("RawProcessId", ecs::PROCESS_PID, Number),
        ("EtwRawProcessId", ecs::PROCESS_PID, Number),
        ("ParentProcessId", ecs::PROCESS_PARENT_ENTITY_ID, Text),
        ("ParentBaseFileName", ecs::PROCESS_PARENT_NAME, Text),
        ("ParentCommandLine", ecs::PROCESS_PARENT_COMMAND_LINE, Text),
        ("CommandLine", ecs::PROCESS_COMMAND_LINE, Text),
        ("ImageFileName", ecs::PROCESS_EXECUTABLE, Text),
        ("ExitCode", ecs::PROCESS_EXIT_CODE, Number),
        ("ProcessStartTime", ecs::PROCESS_START, Time(Clock::Epoch)),
        ("ProcessEndTime", ecs::PROCESS_END, Time(Clock::Epoch)),
        ("WorkingDirectory", ecs::PROCESS_WORKING_DIRECTORY, Text),
        ("OriginalFilename", ecs::PROCESS_PE_ORIGINAL_FILE_NAME, Text),
        ("UID", ecs::USER_ID, Text),
        ("UserSid", ecs::USER_ID, Text),
        ("UserName", ecs::USER_NAME, User),
        ("UserPrincipal", ecs::USER_EMAIL, Text),
        ("UserPrincipal", ecs::USER_FULL_NAME, LocalPart),
        ("UserPrincipal", ecs::USER_DOMAIN, MailDomain),
        ("GID", ecs::USER_GROUP_ID, Text),
        ("ConfigStateHash", ecs::RELATED_HASH, Set),
        ("Size", ecs::FILE_SIZE, Number),
        ("FileIdentifier", ecs::FILE_INODE, Text),
        ("DiskParentDeviceInstanceId", ecs::FILE_DEVICE, Text),
        ("DomainName", ecs::DNS_QUESTION_NAME, Text),
        ("RequestType", ecs::DNS_QUESTION_TYPE, Map(RECORD_TYPES)),
        ("DomainName", ecs::DNS_TYPE, Constant("query")),
        ("IP4Records", ecs::DNS_RESOLVED_IP, Ips),
        ("IP6Records", ecs::DNS_RESOLVED_IP, Ips),
        ("DownloadServer", ecs::SERVER_ADDRESS, Text),
        ("DownloadServer", ecs::SERVER_DOMAIN, Text),
        ("RegObjectName", ecs::REGISTRY_PATH, Text),
        ("RegValueName", ecs::REGISTRY_VALUE, Text),
        ("RegStringValue", ecs::REGISTRY_DATA_STRINGS, Text),
    ],
    ..Spec::NONE
});

/// Elastic's integration says so of every record that has no URL of its own, whatever it is about.
const SCHEME: Constants = &[(ecs::URL_SCHEME, "http")];

fn read_sensor(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    SENSOR.apply(writer, context);
    let ids = ids();
    let name = writer.first(ids.simple_name).unwrap_or_default();
    let constants = events::meaning(name);
    put_constants(writer, constants);
    put_observer(writer);
    put_process(writer);
    put_file(writer);
    put_hashes(writer);
    put_download(writer);
    put_constants(writer, SCHEME);
    true
}

/// Most addresses that one sensor is seen by.
const OBSERVER_IPS_MAX: usize = 16;

/// The addresses that the cloud saw the sensor by, with blanks between.
fn put_observer(writer: &mut EventWriter<'_>) {
    let Some(list) = present(writer, ids().aip) else { return };
    let mut at = 0;
    for _ in 0..OBSERVER_IPS_MAX {
        let rest = writer.bytes(list).get(at..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        let len = memchr::memchr(b' ', rest).unwrap_or(rest.len());
        let part = list.part(at..at + len);
        if writer.put_if_ip(ecs::OBSERVER_IP, part) {
            relate_span(writer, part, ecs::RELATED_IP);
        }
        at += len + 1;
    }
}

fn quoting(writer: &EventWriter<'_>) -> Quoting {
    match writer.first(ids().platform) {
        Some(b"Lin" | b"Mac") => Quoting::Posix,
        _ => Quoting::Windows,
    }
}

fn put_process(writer: &mut EventWriter<'_>) {
    let ids = ids();
    if let Some(span) = present(writer, ids.command_line) {
        let quoting = quoting(writer);
        put_args(writer, span, quoting, ecs::PROCESS_ARGS, ecs::PROCESS_ARGS_COUNT);
    }
    if let Some(span) = present(writer, ids.image_file_name) {
        put_path(writer, span, ecs::PROCESS_NAME, None, None);
    }
}

fn put_file(writer: &mut EventWriter<'_>) {
    let ids = ids();
    // A renamed file has two names.
    let source = present(writer, ids.source_file_name);
    let target = present(writer, ids.target_file_name);
    let Some(path) = source.or(target) else { return };
    if let (Some(_), Some(target)) = (source, target) {
        writer.put_span(ecs::FILE_TARGET_PATH, target, Kind::Text, false);
    }
    writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
    let text = writer.bytes(path);
    let is_directory = text.ends_with(b"/")
        || text.ends_with(b"\\")
        || matches!(writer.first(ids.simple_name), Some([b'D', b'i', b'r', b'e', b'c', b't', b'o', b'r', b'y', ..]));
    let trimmed = path.part(0..text.len() - usize::from(text.ends_with(b"/") || text.ends_with(b"\\")));
    writer.put_str(ecs::FILE_TYPE, if is_directory { "dir" } else { "file" });
    let directory = (trimmed == path).then_some(ecs::FILE_DIRECTORY);
    put_path(writer, trimmed, ecs::FILE_NAME, directory, Some(ecs::FILE_EXTENSION));
}

/// Hashes are the file's where a file is written, else the process's. A SHA-1 of zeros was not computed.
fn put_hashes(writer: &mut EventWriter<'_>) {
    let ids = ids();
    let file = writer.view().has(ids.target_file_name);
    for (from, of_file, of_process) in [
        (ids.md5, ecs::FILE_HASH_MD5, ecs::PROCESS_HASH_MD5),
        (ids.sha1, ecs::FILE_HASH_SHA1, ecs::PROCESS_HASH_SHA1),
        (ids.sha256, ecs::FILE_HASH_SHA256, ecs::PROCESS_HASH_SHA256),
    ] {
        if let Some(span) = present(writer, from) {
            if writer.bytes(span).iter().any(|&byte| byte != b'0') {
                writer.put_span(if file { of_file } else { of_process }, span, Kind::Text, false);
                relate_span(writer, span, ecs::RELATED_HASH);
            }
        }
    }
}

/// Where the sensor fetched a file from.
fn put_download(writer: &mut EventWriter<'_>) {
    let ids = ids();
    let (Some(server), Some(path)) = (present(writer, ids.download_server), present(writer, ids.download_path)) else {
        return;
    };
    let secure = writer.first(ids.download_port) == Some(b"443");
    let from = writer.arena_start();
    writer.arena_push(if secure { b"https://" } else { b"http://" });
    writer.arena_push_span(server);
    if !writer.bytes(path).starts_with(b"/") {
        writer.arena_push(b"/");
    }
    writer.arena_push_span(path);
    let whole = writer.arena_end(from);
    url::put(writer, whole);
}

const DETECTION_ROWS: &[Row] = &[
    ("EventUUID", ecs::EVENT_ID, Text),
    ("ComputerName", ecs::HOST_NAME, Host),
    ("ComputerName", ecs::HOST_HOSTNAME, Text),
    ("SensorId", ecs::DEVICE_ID, Text),
    ("LocalIP", ecs::SOURCE_IP, Ip),
    ("LocalIP", ecs::SOURCE_ADDRESS, Text),
    ("MACAddress", ecs::HOST_MAC, Mac),
    ("UserName", ecs::USER_NAME, User),
    ("CommandLine", ecs::PROCESS_COMMAND_LINE, Text),
    ("ParentProcessId", ecs::PROCESS_PARENT_ENTITY_ID, Text),
    ("ParentCommandLine", ecs::PROCESS_PARENT_COMMAND_LINE, Text),
    ("ProcessStartTime", ecs::PROCESS_START, Time(Clock::Epoch)),
    ("ProcessEndTime", ecs::PROCESS_END, Time(Clock::Epoch)),
    ("Tactic", ecs::THREAT_TACTIC_NAME, Set),
    ("Technique", ecs::THREAT_TECHNIQUE_NAME, Set),
    ("FalconHostLink", ecs::EVENT_URL, Text),
];

static DETECTION: JsonTable = JsonTable::new(Spec {
    product: products::CROWDSTRIKE_FDR,
    log_source: logsource::CROWDSTRIKE,
    constants: SCHEME,
    time: &[("UTCTimestamp", Clock::Epoch), ("timestamp", Clock::Iso)],
    rows: DETECTION_ROWS,
    ..Spec::NONE
});

fn read_detection(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    DETECTION.apply(writer, context)
}

/// What the kinds of streamed events are, by the API's reference.
const STREAMED: &[(&str, Constants)] = &[
    ("DetectionSummaryEvent", ALERT),
    ("EppDetectionSummaryEvent", ALERT),
    ("IdentityProtectionEvent", ALERT),
    ("IdpDetectionSummaryEvent", ALERT),
    ("MobileDetectionSummaryEvent", ALERT),
    ("XdrDetectionSummaryEvent", ALERT),
    ("IncidentSummaryEvent", ALERT),
    ("ReconNotificationSummaryEvent", ALERT),
    ("AuthActivityAuditEvent", &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "authentication")]),
    ("UserActivityAuditEvent", &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "iam")]),
    ("FirewallMatchEvent", &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "network")]),
    (
        "RemoteResponseSessionStartEvent",
        &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "network"), (ecs::EVENT_TYPE, "start")],
    ),
    (
        "RemoteResponseSessionEndEvent",
        &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "network"), (ecs::EVENT_TYPE, "end")],
    ),
];

const ALERT: Constants = &[(ecs::EVENT_KIND, "alert"), (ecs::EVENT_CATEGORY, "malware"), (ecs::EVENT_TYPE, "info")];

static STREAM: JsonTable = JsonTable::new(Spec {
    product: products::CROWDSTRIKE_FALCON,
    log_source: logsource::CROWDSTRIKE,
    time: &[("metadata.eventCreationTime", Clock::Epoch), ("event.UTCTimestamp", Clock::Epoch)],
    rows: &[
        ("metadata.eventType", ecs::EVENT_ACTION, OnlyMeans(STREAMED)),
        ("event.OperationName", ecs::EVENT_ACTION, Text),
        ("metadata.eventType", ecs::EVENT_ACTION, Text),
        ("metadata.customerIDString", ecs::ORGANIZATION_ID, Text),
        ("event.DetectId", ecs::EVENT_ID, Text),
        ("event.CompositeId", ecs::EVENT_ID, Text),
        ("event.Success", ecs::EVENT_OUTCOME, Map(&[("true", "success"), ("false", "failure")])),
        ("event.Severity", ecs::EVENT_SEVERITY, Number),
        ("event.DetectDescription", ecs::MESSAGE, Text),
        ("event.Description", ecs::MESSAGE, Text),
        ("event.DetectDescription", ecs::RULE_DESCRIPTION, Text),
        ("event.Description", ecs::RULE_DESCRIPTION, Text),
        ("event.DetectName", ecs::RULE_NAME, Text),
        ("event.Name", ecs::RULE_NAME, Text),
        ("event.FalconHostLink", ecs::EVENT_URL, Text),
        ("event.Tactic", ecs::THREAT_TACTIC_NAME, Set),
        ("event.Technique", ecs::THREAT_TECHNIQUE_NAME, Set),
        ("event.SensorId", ecs::AGENT_ID, Text),
        ("event.AgentId", ecs::AGENT_ID, Text),
        ("event.ComputerName", ecs::HOST_NAME, Host),
        ("event.HostName", ecs::HOST_NAME, Host),
        ("event.Hostname", ecs::HOST_NAME, Host),
        ("event.HostnameField", ecs::HOST_NAME, Host),
        ("event.DeviceId", ecs::DEVICE_ID, Text),
        ("event.LocalIP", ecs::SOURCE_IP, Ip),
        ("event.LocalAddress", ecs::SOURCE_IP, Ip),
        ("event.UserIp", ecs::SOURCE_IP, Ip),
        ("event.LocalPort", ecs::SOURCE_PORT, Port),
        ("event.MACAddress", ecs::SOURCE_MAC, Mac),
        ("event.RemoteAddress", ecs::DESTINATION_IP, Ip),
        ("event.RemotePort", ecs::DESTINATION_PORT, Port),
        ("event.Protocol", ecs::NETWORK_IANA_NUMBER, Text),
        ("event.Protocol", ecs::NETWORK_TRANSPORT, Map(TRANSPORTS)),
        ("event.ConnectionDirection", ecs::NETWORK_DIRECTION, Map(DIRECTIONS)),
        ("event.RuleName", ecs::RULE_NAME, Text),
        ("event.RuleId", ecs::RULE_ID, Text),
        ("event.RuleGroupName", ecs::RULE_RULESET, Text),
        ("event.RuleDescription", ecs::RULE_DESCRIPTION, Text),
        ("event.UserName", ecs::USER_NAME, User),
        ("event.UserId", ecs::USER_NAME, User),
        ("event.UserId", ecs::USER_ID, Text),
        ("event.FileName", ecs::PROCESS_NAME, Text),
        ("event.FilePath", ecs::PROCESS_EXECUTABLE, Text),
        ("event.ImageFileName", ecs::PROCESS_EXECUTABLE, Text),
        ("event.CommandLine", ecs::PROCESS_COMMAND_LINE, Text),
        ("event.ProcessId", ecs::PROCESS_PID, Number),
        ("event.PID", ecs::PROCESS_PID, Number),
        ("event.ParentProcessId", ecs::PROCESS_PARENT_PID, Number),
        ("event.ParentImageFileName", ecs::PROCESS_PARENT_EXECUTABLE, Text),
        ("event.ParentCommandLine", ecs::PROCESS_PARENT_COMMAND_LINE, Text),
        ("event.MD5String", ecs::PROCESS_HASH_MD5, Hash),
        ("event.SHA256String", ecs::PROCESS_HASH_SHA256, Hash),
        ("event.ProcessStartTime", ecs::PROCESS_START, Time(Clock::Epoch)),
        ("event.ProcessEndTime", ecs::PROCESS_END, Time(Clock::Epoch)),
        ("event.IOCValue", ecs::THREAT_INDICATOR_NAME, Text),
    ],
    ..Spec::NONE
});

fn read_stream(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    STREAM.apply(writer, context);
    if let Some(span) = present(writer, ids().stream_command_line) {
        put_args(writer, span, Quoting::Windows, ecs::PROCESS_ARGS, ecs::PROCESS_ARGS_COUNT);
    }
    true
}
