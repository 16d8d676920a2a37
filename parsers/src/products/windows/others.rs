//! Events of the other channels that operators and detections lean on.
//!
//! The ids, and what their data are, come from the providers' manifests as Windows itself lists them
//! (`wevtutil gp PROVIDER /ge`). Event data of classic providers have no names and stand under `param1` and so on.

use super::names::{Ids, named, params};
use super::{outcome_of, put_account, put_executable, put_outcome, put_pid, subject};
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};
use crate::products::fields::{copy, copy_ip, copy_vendor, present, put_path, relate, relate_span};

const SYSTEM: &str = "System";
const APPLICATION: &str = "Application";
const TASKS: &str = "Microsoft-Windows-TaskScheduler/Operational";
const DEFENDER: &str = "Microsoft-Windows-Windows Defender/Operational";
const CODE_INTEGRITY: &str = "Microsoft-Windows-CodeIntegrity/Operational";
const DNS_CLIENT: &str = "Microsoft-Windows-DNS-Client/Operational";
const BITS: &str = "Microsoft-Windows-Bits-Client/Operational";
const WMI: &str = "Microsoft-Windows-WMI-Activity/Operational";
const SESSIONS: &str = "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational";
const REMOTE: &str = "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational";
const RDP_CLIENT: &str = "Microsoft-Windows-TerminalServices-RDPClient/Operational";
const RDP_CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational";
const FIREWALL: &str = "Microsoft-Windows-Windows Firewall With Advanced Security/Firewall";
const NTLM: &str = "Microsoft-Windows-NTLM/Operational";
const PRINT: &str = "Microsoft-Windows-PrintService/Operational";
const PRINT_ADMIN: &str = "Microsoft-Windows-PrintService/Admin";
const DRIVERS: &str = "Microsoft-Windows-DriverFrameworks-UserMode/Operational";
const UPDATES: &str = "Microsoft-Windows-WindowsUpdateClient/Operational";
const WINRM: &str = "Microsoft-Windows-WinRM/Operational";
const SMB_SERVER: &str = "Microsoft-Windows-SMBServer/Security";
const GROUP_POLICY: &str = "Microsoft-Windows-GroupPolicy/Operational";

const SCM: &str = "Service Control Manager";
const MSI: &str = "MsiInstaller";
const WU: &str = "Microsoft-Windows-WindowsUpdateClient";

/// What an event of a channel means.
struct Row {
    id: u32,
    channel: &'static str,
    /// The provider; empty where the channel has but one.
    provider: &'static str,
    action: &'static str,
    categories: &'static [&'static str],
    types: &'static [&'static str],
    outcome: &'static str,
    reads: Reads,
}

/// Which of the data go to the schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Nothing,
    /// `ServiceName`, `ImagePath`, or the first parameter.
    Service,
    /// Name, version, language, error code and manufacturer of a package, in order.
    Package,
    /// A sentence that begins with `Product: name -- `.
    Product,
    /// `updateTitle` and `errorCode`.
    Update,
    /// `SubjectUserName` and so on.
    LogClear,
    /// Process, computer, reason, code, kind, comment and account, in order.
    Shutdown,
    Task,
    Malware,
    Dns,
    Bits,
    /// `User`, `Address`.
    Session,
    /// `Param1` user, `Param2` domain, `Param3` address.
    Connection,
    Print,
    Wmi,
    CodeIntegrity,
    /// Name of a faulting program first, its path among the later ones.
    Crash,
}

macro_rules! rows {
    ($($id:literal $channel:ident $provider:expr, $action:literal [$($category:literal)*] [$($kind:literal)*] $outcome:literal $reads:ident;)*) => {
        &[$(Row {
            id: $id, channel: $channel, provider: $provider, action: $action,
            categories: &[$($category),*], types: &[$($kind),*], outcome: $outcome, reads: Reads::$reads,
        },)*]
    };
}

/// Sorted by id.
static ROWS: &[Row] = rows! {
    1 SYSTEM "Microsoft-Windows-Kernel-General", "system-time-changed" ["host"] ["change"] "success" Nothing;
    3 BITS "", "bits-job-created" ["network"] ["creation"] "success" Bits;
    4 BITS "", "bits-job-completed" ["network"] ["end"] "success" Bits;
    5 BITS "", "bits-job-cancelled" ["network"] ["end"] "" Bits;
    6 SYSTEM "Microsoft-Windows-FilterManager", "filter-driver-loaded" ["driver"] ["start"] "success" Nothing;
    6 WINRM "", "winrm-session-created" ["network" "session"] ["start"] "" Nothing;
    12 SYSTEM "Microsoft-Windows-Kernel-General", "system-started" ["host"] ["start"] "success" Nothing;
    13 SYSTEM "Microsoft-Windows-Kernel-General", "system-shutdown" ["host"] ["end"] "success" Nothing;
    19 SYSTEM WU, "update-installed" ["package"] ["installation"] "success" Update;
    19 UPDATES "", "update-installed" ["package"] ["installation"] "success" Update;
    20 SYSTEM WU, "update-failed" ["package"] ["installation"] "failure" Update;
    20 UPDATES "", "update-failed" ["package"] ["installation"] "failure" Update;
    21 SESSIONS "", "session-logon" ["authentication" "session"] ["start"] "success" Session;
    22 SESSIONS "", "session-shell-started" ["session"] ["start"] "success" Session;
    23 SESSIONS "", "session-logoff" ["authentication" "session"] ["end"] "success" Session;
    24 SESSIONS "", "session-disconnected" ["session"] ["end"] "success" Session;
    25 SESSIONS "", "session-reconnected" ["session"] ["start"] "success" Session;
    31 UPDATES "", "update-download-failed" ["package"] ["info"] "failure" Update;
    39 SESSIONS "", "session-disconnected" ["session"] ["end"] "" Session;
    40 SESSIONS "", "session-disconnected" ["session"] ["end"] "" Session;
    41 SYSTEM "Microsoft-Windows-Kernel-Power", "system-rebooted-without-shutdown" ["host"] ["start"] "failure" Nothing;
    41 SESSIONS "", "session-arbitration-started" ["session"] ["info"] "" Session;
    41 UPDATES "", "update-downloaded" ["package"] ["info"] "success" Update;
    42 SESSIONS "", "session-arbitration-ended" ["session"] ["info"] "" Session;
    43 SYSTEM WU, "update-installation-started" ["package"] ["installation" "start"] "" Update;
    43 UPDATES "", "update-installation-started" ["package"] ["installation" "start"] "" Update;
    44 SYSTEM WU, "update-download-started" ["package"] ["start"] "" Update;
    44 UPDATES "", "update-download-started" ["package"] ["start"] "" Update;
    59 BITS "", "bits-transfer-started" ["network"] ["start"] "" Bits;
    60 BITS "", "bits-transfer-stopped" ["network"] ["end"] "" Bits;
    61 BITS "", "bits-transfer-failed" ["network"] ["end"] "failure" Bits;
    91 WINRM "", "winrm-shell-created" ["network" "session"] ["start"] "" Nothing;
    100 TASKS "", "scheduled-task-started" ["process"] ["start"] "success" Task;
    101 TASKS "", "scheduled-task-start-failed" ["process"] ["start"] "failure" Task;
    102 TASKS "", "scheduled-task-completed" ["process"] ["end"] "success" Task;
    103 TASKS "", "scheduled-task-action-start-failed" ["process"] ["start"] "failure" Task;
    104 SYSTEM "Microsoft-Windows-Eventlog", "audit-log-cleared" ["iam"] ["admin" "change"] "success" LogClear;
    106 TASKS "", "scheduled-task-created" ["iam" "configuration"] ["creation" "admin"] "success" Task;
    107 TASKS "", "scheduled-task-triggered" ["process"] ["info"] "success" Task;
    108 TASKS "", "scheduled-task-triggered" ["process"] ["info"] "success" Task;
    110 TASKS "", "scheduled-task-triggered-by-user" ["process"] ["info"] "success" Task;
    111 TASKS "", "scheduled-task-terminated" ["process"] ["end"] "success" Task;
    118 TASKS "", "scheduled-task-triggered" ["process"] ["info"] "success" Task;
    119 TASKS "", "scheduled-task-triggered" ["process"] ["info"] "success" Task;
    129 TASKS "", "scheduled-task-process-created" ["process"] ["start"] "success" Task;
    131 RDP_CORE "", "rdp-connection-accepted" ["network"] ["connection" "start"] "" Connection;
    140 TASKS "", "scheduled-task-updated" ["iam" "configuration"] ["change" "admin"] "success" Task;
    140 RDP_CORE "", "rdp-logon-failed" ["authentication" "network"] ["connection" "denied"] "failure" Connection;
    141 TASKS "", "scheduled-task-deleted" ["iam" "configuration"] ["deletion" "admin"] "success" Task;
    142 TASKS "", "scheduled-task-disabled" ["iam" "configuration"] ["change" "admin"] "success" Task;
    200 TASKS "", "scheduled-task-action-started" ["process"] ["start"] "success" Task;
    201 TASKS "", "scheduled-task-action-completed" ["process"] ["end"] "success" Task;
    202 TASKS "", "scheduled-task-action-failed" ["process"] ["end"] "failure" Task;
    203 TASKS "", "scheduled-task-action-start-failed" ["process"] ["start"] "failure" Task;
    307 PRINT "", "document-printed" ["file"] ["access"] "success" Print;
    316 PRINT "", "printer-driver-added" ["driver" "configuration"] ["creation"] "success" Nothing;
    551 SMB_SERVER "", "smb-session-authentication-failed" ["authentication" "network"] ["start" "denied"] "failure" Nothing;
    808 PRINT_ADMIN "", "printer-plugin-load-failed" ["driver"] ["error"] "failure" Nothing;
    1000 APPLICATION "Application Error", "application-crashed" ["process"] ["error" "end"] "failure" Crash;
    1002 APPLICATION "Application Hang", "application-hung" ["process"] ["error" "end"] "failure" Crash;
    1006 DEFENDER "", "malware-detected" ["malware" "process"] ["info" "start"] "" Malware;
    1007 DEFENDER "", "malware-action-taken" ["malware" "process"] ["info" "start"] "success" Malware;
    1008 DEFENDER "", "malware-action-failed" ["malware" "process"] ["info" "start"] "failure" Malware;
    1009 DEFENDER "", "quarantine-restored" ["malware" "process"] ["info" "start"] "success" Malware;
    1010 DEFENDER "", "quarantine-restore-failed" ["malware" "process"] ["info" "start"] "failure" Malware;
    1011 DEFENDER "", "quarantine-deleted" ["malware" "process"] ["info" "start"] "success" Malware;
    1015 DEFENDER "", "suspicious-behavior-detected" ["malware" "process"] ["info" "start"] "" Malware;
    1022 APPLICATION MSI, "update-installed" ["package"] ["installation"] "success" Package;
    1024 RDP_CLIENT "", "rdp-client-connecting" ["network"] ["connection" "start"] "" Nothing;
    1029 APPLICATION MSI, "restart-required" ["package"] ["info"] "" Package;
    1033 APPLICATION MSI, "package-installed" ["package"] ["installation"] "" Package;
    1034 APPLICATION MSI, "package-removed" ["package"] ["deletion"] "" Package;
    1035 APPLICATION MSI, "package-reconfigured" ["package"] ["change"] "" Package;
    1036 APPLICATION MSI, "update-installed" ["package"] ["installation"] "" Package;
    1037 APPLICATION MSI, "update-removed" ["package"] ["deletion"] "" Package;
    1038 APPLICATION MSI, "restart-required" ["package"] ["info"] "" Package;
    1040 APPLICATION MSI, "installer-transaction-started" ["package"] ["start"] "" Nothing;
    1042 APPLICATION MSI, "installer-transaction-ended" ["package"] ["end"] "" Nothing;
    1074 SYSTEM "User32", "shutdown-initiated" ["host"] ["end"] "success" Shutdown;
    1102 RDP_CLIENT "", "rdp-client-connecting" ["network"] ["connection" "start"] "" Nothing;
    1116 DEFENDER "", "malware-detected" ["malware" "process"] ["info" "start"] "" Malware;
    1117 DEFENDER "", "malware-action-taken" ["malware" "process"] ["info" "start"] "success" Malware;
    1118 DEFENDER "", "malware-action-failed" ["malware" "process"] ["info" "start"] "failure" Malware;
    1119 DEFENDER "", "malware-action-failed" ["malware" "process"] ["info" "start"] "failure" Malware;
    1121 DEFENDER "", "attack-surface-rule-blocked" ["intrusion_detection" "process"] ["denied" "start"] "success" Malware;
    1122 DEFENDER "", "attack-surface-rule-audited" ["intrusion_detection" "process"] ["allowed" "start"] "success" Malware;
    1123 DEFENDER "", "controlled-folder-access-blocked" ["file" "process"] ["denied" "start"] "success" Malware;
    1124 DEFENDER "", "controlled-folder-access-audited" ["file" "process"] ["allowed" "start"] "success" Malware;
    1125 DEFENDER "", "network-protection-audited" ["network" "process"] ["allowed" "start"] "success" Malware;
    1126 DEFENDER "", "network-protection-blocked" ["network" "process"] ["denied" "start"] "success" Malware;
    1149 REMOTE "", "rdp-user-authenticated" ["authentication" "session"] ["start"] "success" Connection;
    1151 DEFENDER "", "health-report" ["process"] ["start"] "" Nothing;
    1502 GROUP_POLICY "", "group-policy-applied" ["configuration"] ["change"] "success" Nothing;
    2001 DEFENDER "", "signature-update-failed" ["process"] ["start"] "failure" Nothing;
    2003 DRIVERS "", "device-connected" ["driver" "host"] ["start"] "success" Nothing;
    2004 FIREWALL "", "windows-firewall-rule-added" ["configuration"] ["creation"] "success" Nothing;
    2005 FIREWALL "", "windows-firewall-rule-changed" ["configuration"] ["change"] "success" Nothing;
    2006 FIREWALL "", "windows-firewall-rule-deleted" ["configuration"] ["deletion"] "success" Nothing;
    2009 FIREWALL "", "windows-firewall-group-policy-failed" ["configuration"] ["error"] "failure" Nothing;
    2033 FIREWALL "", "windows-firewall-rules-deleted" ["configuration"] ["deletion"] "success" Nothing;
    2071 FIREWALL "", "windows-firewall-rule-added" ["configuration"] ["creation"] "success" Nothing;
    2073 FIREWALL "", "windows-firewall-rule-changed" ["configuration"] ["change"] "success" Nothing;
    2097 FIREWALL "", "windows-firewall-rule-added" ["configuration"] ["creation"] "success" Nothing;
    2102 DRIVERS "", "device-disconnected" ["driver" "host"] ["end"] "success" Nothing;
    3004 CODE_INTEGRITY "", "image-hash-not-found" ["driver" "process"] ["denied"] "failure" CodeIntegrity;
    3006 DNS_CLIENT "", "dns-query" ["network"] ["protocol" "start"] "" Dns;
    3008 DNS_CLIENT "", "dns-query-completed" ["network"] ["protocol" "end"] "" Dns;
    3010 DNS_CLIENT "", "dns-query-sent" ["network"] ["protocol" "info"] "" Dns;
    3011 DNS_CLIENT "", "dns-response-received" ["network"] ["protocol" "info"] "" Dns;
    3018 DNS_CLIENT "", "dns-cache-answered" ["network"] ["protocol" "info"] "" Dns;
    3020 DNS_CLIENT "", "dns-query-answered" ["network"] ["protocol" "end"] "" Dns;
    3023 CODE_INTEGRITY "", "driver-revoked" ["driver"] ["denied"] "failure" CodeIntegrity;
    3033 CODE_INTEGRITY "", "image-signing-level-refused" ["driver" "process"] ["denied"] "failure" CodeIntegrity;
    3034 CODE_INTEGRITY "", "image-signing-level-audited" ["driver" "process"] ["allowed"] "success" CodeIntegrity;
    3036 CODE_INTEGRITY "", "driver-certificate-revoked" ["driver"] ["denied"] "failure" CodeIntegrity;
    3063 CODE_INTEGRITY "", "image-shared-section-refused" ["driver" "process"] ["denied"] "failure" CodeIntegrity;
    3065 CODE_INTEGRITY "", "image-shared-section-audited" ["driver" "process"] ["allowed"] "success" CodeIntegrity;
    3066 CODE_INTEGRITY "", "image-signing-level-audited" ["driver" "process"] ["allowed"] "success" CodeIntegrity;
    3076 CODE_INTEGRITY "", "application-control-audited" ["process"] ["allowed"] "success" CodeIntegrity;
    3077 CODE_INTEGRITY "", "application-control-blocked" ["process"] ["denied"] "failure" CodeIntegrity;
    5000 DEFENDER "", "real-time-protection-enabled" ["configuration" "process"] ["change" "start"] "success" Nothing;
    5001 DEFENDER "", "real-time-protection-disabled" ["configuration" "process"] ["change" "start"] "success" Nothing;
    5004 DEFENDER "", "real-time-protection-configured" ["configuration" "process"] ["change" "start"] "success" Nothing;
    5007 DEFENDER "", "antimalware-configured" ["configuration" "process"] ["change" "start"] "success" Nothing;
    5010 DEFENDER "", "scanning-disabled" ["configuration" "process"] ["change" "start"] "success" Nothing;
    5012 DEFENDER "", "virus-scanning-disabled" ["configuration" "process"] ["change" "start"] "success" Nothing;
    5013 DEFENDER "", "tamper-protection-blocked" ["configuration" "process"] ["denied" "start"] "failure" Nothing;
    5857 WMI "", "wmi-provider-loaded" ["process"] ["start"] "success" Wmi;
    5858 WMI "", "wmi-query-failed" ["process"] ["error"] "failure" Wmi;
    5859 WMI "", "wmi-filter-registered" ["configuration"] ["creation"] "success" Wmi;
    5860 WMI "", "wmi-subscription-registered" ["configuration"] ["creation"] "success" Wmi;
    5861 WMI "", "wmi-permanent-subscription-registered" ["configuration"] ["creation"] "success" Wmi;
    6005 SYSTEM "EventLog", "event-log-started" ["host"] ["start"] "success" Nothing;
    6006 SYSTEM "EventLog", "event-log-stopped" ["host"] ["end"] "success" Nothing;
    6008 SYSTEM "EventLog", "unexpected-shutdown" ["host"] ["end"] "failure" Nothing;
    6009 SYSTEM "EventLog", "system-version" ["host"] ["info"] "success" Nothing;
    6013 SYSTEM "EventLog", "system-uptime" ["host"] ["info"] "success" Nothing;
    7000 SYSTEM SCM, "service-start-failed" ["process"] ["start" "error"] "failure" Service;
    7001 SYSTEM SCM, "service-start-failed" ["process"] ["start" "error"] "failure" Service;
    7009 SYSTEM SCM, "service-start-timed-out" ["process"] ["start" "error"] "failure" Nothing;
    7011 SYSTEM SCM, "service-response-timed-out" ["process"] ["error"] "failure" Nothing;
    7022 SYSTEM SCM, "service-hung" ["process"] ["error"] "failure" Service;
    7023 SYSTEM SCM, "service-terminated" ["process"] ["end" "error"] "failure" Service;
    7024 SYSTEM SCM, "service-terminated" ["process"] ["end" "error"] "failure" Service;
    7026 SYSTEM SCM, "driver-load-failed" ["driver"] ["start" "error"] "failure" Nothing;
    7031 SYSTEM SCM, "service-terminated" ["process"] ["end" "error"] "failure" Service;
    7034 SYSTEM SCM, "service-terminated" ["process"] ["end" "error"] "failure" Service;
    7035 SYSTEM SCM, "service-control-sent" ["process"] ["change"] "success" Service;
    7036 SYSTEM SCM, "service-state-changed" ["process"] ["change"] "success" Service;
    7040 SYSTEM SCM, "service-start-type-changed" ["configuration"] ["change"] "success" Service;
    7045 SYSTEM SCM, "service-installed" ["iam" "configuration"] ["admin" "creation"] "success" Service;
    8001 NTLM "", "ntlm-outgoing-blocked" ["authentication"] ["start" "denied"] "failure" Nothing;
    8002 NTLM "", "ntlm-incoming-audited" ["authentication"] ["start"] "" Nothing;
    8003 NTLM "", "ntlm-domain-audited" ["authentication"] ["start"] "" Nothing;
    8004 NTLM "", "ntlm-domain-controller-audited" ["authentication"] ["start"] "" Nothing;
    11707 APPLICATION MSI, "package-installed" ["package"] ["installation"] "success" Product;
    11708 APPLICATION MSI, "package-installation-failed" ["package"] ["installation" "error"] "failure" Product;
    11724 APPLICATION MSI, "package-removed" ["package"] ["deletion"] "success" Product;
    11725 APPLICATION MSI, "package-removal-failed" ["package"] ["deletion" "error"] "failure" Product;
    11728 APPLICATION MSI, "package-reconfigured" ["package"] ["change"] "success" Product;
    16403 BITS "", "bits-job-created" ["network"] ["creation"] "success" Bits;
    20001 SYSTEM "Microsoft-Windows-UserPnp", "driver-installed" ["driver"] ["creation"] "success" Nothing;
    20003 SYSTEM "Microsoft-Windows-UserPnp", "driver-service-added" ["driver"] ["creation"] "success" Nothing;
};

/// Channels whose every event is of one category, where [`ROWS`] says nothing more.
static DEFAULTS: &[(&str, &str, &str)] = &[
    (DEFENDER, "process", "start"),
    ("Microsoft-Windows-AppLocker/EXE and DLL", "process", "start"),
    ("Microsoft-Windows-AppLocker/MSI and Script", "process", "start"),
    ("Microsoft-Windows-AppLocker/Packaged app-Deployment", "process", "start"),
    ("Microsoft-Windows-AppLocker/Packaged app-Execution", "process", "start"),
];

fn row(channel: &[u8], provider: &[u8], event_id: u32) -> Option<&'static Row> {
    let from = ROWS.partition_point(|row| row.id < event_id);
    ROWS[from..].iter().take_while(|row| row.id == event_id).find(|row| {
        row.channel.as_bytes().eq_ignore_ascii_case(channel)
            && (row.provider.is_empty() || row.provider.as_bytes().eq_ignore_ascii_case(provider))
    })
}

pub(super) fn normalise(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    let channel = writer.first(ecs::WINLOG_CHANNEL).unwrap_or_default();
    // Two names of one channel, by the version of Windows.
    let channel =
        if channel == b"Microsoft-Windows-DNS Client Events/Operational" { DNS_CLIENT.as_bytes() } else { channel };
    let found = row(channel, writer.first(ecs::WINLOG_PROVIDER_NAME).unwrap_or_default(), event_id);
    let default = DEFAULTS.iter().find(|(name, ..)| name.as_bytes().eq_ignore_ascii_case(channel));
    if let Some(row) = found {
        if !row.action.is_empty() {
            writer.put_str(ecs::EVENT_ACTION, row.action);
        }
        row.categories.iter().for_each(|category| writer.put_str(ecs::EVENT_CATEGORY, category));
        row.types.iter().for_each(|kind| writer.put_str(ecs::EVENT_TYPE, kind));
        if !row.outcome.is_empty() {
            writer.put_str(ecs::EVENT_OUTCOME, row.outcome);
        }
        read(writer, ids, row.reads);
    } else if let Some(&(_, category, kind)) = default {
        writer.put_str(ecs::EVENT_CATEGORY, category);
        writer.put_str(ecs::EVENT_TYPE, kind);
    }
    if found.is_none() && default.is_some() {
        app_locker(writer, ids);
    }
    subject(writer, ids);
    if writer.first(ecs::EVENT_OUTCOME).is_none() && outcome_of(writer).is_some() {
        put_outcome(writer);
    }
}

fn read(writer: &mut EventWriter<'_>, ids: &Ids, reads: Reads) {
    let [param1, param2, param3, param4, _, _, param7, ..] = *params();
    match reads {
        Reads::Nothing => {}
        Reads::Service => {
            if !copy(writer, ids.service_name, ecs::SERVICE_NAME) {
                copy(writer, param1, ecs::SERVICE_NAME);
            }
            copy(writer, ids.service_type, ecs::SERVICE_TYPE);
            if let Some(span) = present(writer, ids.image_path) {
                // Sigma speaks of the file as the Security channel does.
                copy_vendor(writer, ids.image_path, ids.service_file_name);
                writer.put_span(ecs::PROCESS_COMMAND_LINE, span, Kind::Text, false);
            }
            match writer.first(param2) {
                Some(b"running") => writer.put_str(ecs::SERVICE_STATE, "running"),
                Some(b"stopped") => writer.put_str(ecs::SERVICE_STATE, "stopped"),
                _ => {}
            }
        }
        Reads::Package => {
            copy(writer, param1, ecs::PACKAGE_NAME);
            // The event of an update names the update third; all tell version second.
            copy(writer, param2, ecs::PACKAGE_VERSION);
            writer.put_str(ecs::PACKAGE_TYPE, "msi");
            match writer.first(param4) {
                Some(b"0") => writer.put_str(ecs::EVENT_OUTCOME, "success"),
                Some(code) if code.iter().all(u8::is_ascii_digit) => {
                    copy(writer, param4, ecs::ERROR_CODE);
                    writer.put_str(ecs::EVENT_OUTCOME, "failure");
                }
                _ => {}
            }
        }
        Reads::Product => {
            let Some(span) = present(writer, param1).or_else(|| present(writer, ids.message)) else { return };
            let text = writer.bytes(span);
            let name = text.strip_prefix(b"Product: ").and_then(|rest| memchr::memmem::find(rest, b" -- "));
            if let Some(len) = name {
                writer.put_span(ecs::PACKAGE_NAME, span.part(9..9 + len), Kind::Text, false);
            }
            writer.put_str(ecs::PACKAGE_TYPE, "msi");
        }
        Reads::Update => {
            if let Some(title) = first(writer, &["updateTitle", "param1"]) {
                writer.put_span(ecs::PACKAGE_NAME, title, Kind::Text, false);
                if let Some(article) = knowledge_base(writer, title) {
                    writer.put_span(ecs::PACKAGE_REFERENCE, article, Kind::Text, false);
                }
            }
            if let Some(code) = first(writer, &["errorCode"]).filter(|&code| writer.bytes(code) != b"0x0") {
                writer.put_span(ecs::ERROR_CODE, code, Kind::Text, false);
            }
            writer.put_str(ecs::PACKAGE_TYPE, "windows-update");
        }
        Reads::LogClear => subject(writer, ids),
        Reads::Shutdown => {
            if let Some(span) = present(writer, param1) {
                // `path (computer)`
                let end = memchr::memmem::find(writer.bytes(span), b" (").unwrap_or(span.len());
                let path = span.part(0..end);
                writer.put_span(ecs::PROCESS_EXECUTABLE, path, Kind::Text, false);
                put_path(writer, path, ecs::PROCESS_NAME, None, None);
            }
            copy(writer, param3, ecs::EVENT_REASON);
            if let Some(account) = present(writer, param7) {
                put_account(writer, account);
            }
        }
        Reads::Task => {
            if let Some(path) = present(writer, ids.path).or_else(|| first(writer, &["ActionName"])) {
                writer.put_span(ecs::PROCESS_EXECUTABLE, path, Kind::Text, false);
                put_path(writer, path, ecs::PROCESS_NAME, None, None);
            }
            put_pid(writer, ids.process_id_upper, ecs::PROCESS_PID);
            if let Some(account) = first(writer, &["UserContext", "UserName"]) {
                put_account(writer, account);
            }
        }
        Reads::Malware => malware(writer, ids),
        Reads::Dns => {
            writer.put_str(ecs::NETWORK_PROTOCOL, "dns");
            if let Some(name) = present(writer, ids.query_name) {
                writer.put_span(ecs::DNS_QUESTION_NAME, name, Kind::Text, false);
                relate_span(writer, name, ecs::RELATED_HOSTS);
            }
            if let Some(kind) = first(writer, &["QueryType"]) {
                writer.put_str(ecs::DNS_QUESTION_TYPE, super::sysmon::record_type(writer.bytes(kind)));
            }
            super::sysmon::put_answers(writer, ids);
        }
        Reads::Bits => {
            if let Some(url) = first(writer, &["url", "RemoteName"]) {
                crate::products::url::put(writer, url);
                relate(writer, ecs::URL_DOMAIN, ecs::RELATED_HOSTS);
            }
            if let Some(path) = first(writer, &["LocalName"]) {
                writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
                put_path(writer, path, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
            }
            if let Some(path) = first(writer, &["processPath"]) {
                writer.put_span(ecs::PROCESS_EXECUTABLE, path, Kind::Text, false);
                put_path(writer, path, ecs::PROCESS_NAME, None, None);
            }
            if let Some(pid) = first(writer, &["processId"]) {
                writer.put_span(ecs::PROCESS_PID, pid, Kind::Number, false);
            }
            if let Some(account) = first(writer, &["jobOwner", "Owner"]) {
                put_account(writer, account);
            }
        }
        Reads::Session => {
            if let Some(account) = present(writer, ids.user) {
                put_account(writer, account);
            }
            // `LOCAL` stands for the console.
            copy_ip(writer, named("Address"), ecs::SOURCE_IP);
        }
        Reads::Connection => {
            if let Some(user) = first(writer, &["Param1"]) {
                writer.put_span(ecs::USER_NAME, user, Kind::Text, false);
            }
            if let Some(domain) = first(writer, &["Param2"]) {
                writer.put_span(ecs::USER_DOMAIN, domain, Kind::Text, false);
            }
            let address = first(writer, &["Param3", "IPString", "ClientIP"]);
            if let Some(address) = address {
                // The core writes the port behind a colon.
                let end = memchr::memrchr(b':', writer.bytes(address));
                let bare = end.filter(|_| crate::ip::parse(writer.bytes(address)).is_none());
                if writer.put_if_ip(ecs::SOURCE_IP, bare.map_or(address, |end| address.part(0..end))) {
                    relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
                }
            }
        }
        Reads::Print => {
            // Document, owner, computer, printer and port stand in the user data by number.
            if let Some(document) = first(writer, &["Param2"]) {
                writer.put_span(ecs::FILE_NAME, document, Kind::Text, false);
            }
            if let Some(user) = first(writer, &["Param3"]) {
                writer.put_span(ecs::USER_NAME, user, Kind::Text, false);
            }
        }
        Reads::Wmi => {
            if let Some(account) = present(writer, ids.user) {
                put_account(writer, account);
            }
            if let Some(pid) = first(writer, &["ClientProcessId", "ProcessID", "Processid"]) {
                writer.put_span(ecs::PROCESS_PID, pid, Kind::Number, false);
            }
        }
        Reads::CodeIntegrity => {
            if let Some(path) = first(writer, &["File Name", "FileNameBuffer", "FileName"]) {
                writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
                put_path(writer, path, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
            }
            if let Some(path) = first(writer, &["Process Name", "ProcessNameBuffer"]) {
                writer.put_span(ecs::PROCESS_EXECUTABLE, path, Kind::Text, false);
                put_path(writer, path, ecs::PROCESS_NAME, None, None);
            }
            if let Some(hash) = first(writer, &["SHA256 Hash"]) {
                writer.put_span(ecs::FILE_HASH_SHA256, hash, Kind::Text, false);
                relate_span(writer, hash, ecs::RELATED_HASH);
            }
        }
        Reads::Crash => {
            if let Some(name) = first(writer, &["AppName", "param1"]) {
                writer.put_span(ecs::PROCESS_NAME, name, Kind::Text, false);
            }
            if let Some(path) = first(writer, &["AppPath", "param11"]) {
                writer.put_span(ecs::PROCESS_EXECUTABLE, path, Kind::Text, false);
            }
        }
    }
}

/// The first of these names that has a value.
fn first(writer: &EventWriter<'_>, names: &[&str]) -> Option<Span> {
    names.iter().map(|name| named(name)).find_map(|id| present(writer, id))
}

/// The number of the article that describes an update: `KB` and six or seven digits.
fn knowledge_base(writer: &EventWriter<'_>, title: Span) -> Option<Span> {
    let text = writer.bytes(title);
    let at = memchr::memmem::find(text, b"KB")?;
    let digits = text[at + 2..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits >= 6).then(|| title.part(at..at + 2 + digits))
}

/// Defender writes its names with blanks.
fn malware(writer: &mut EventWriter<'_>, ids: &Ids) {
    for (name, to) in [("Threat Name", ecs::RULE_NAME), ("Threat ID", ecs::RULE_ID), ("ID", ecs::RULE_ID)] {
        copy(writer, named(name), to);
    }
    let process = named("Process Name");
    if present(writer, process).is_some_and(|span| writer.bytes(span) != b"Unknown") {
        put_executable(writer, process, ecs::PROCESS_EXECUTABLE, ecs::PROCESS_NAME);
        copy_vendor(writer, process, ids.process_name);
    }
    if let Some(account) = first(writer, &["Detection User", "User"]) {
        put_account(writer, account);
    }
    // `file:_C:\…; process:_pid:…`: the first resource names the event's file.
    let Some(path) = present(writer, ids.path) else { return };
    let text = writer.bytes(path);
    let end = memchr::memmem::find(text, b"; ").unwrap_or(text.len());
    let from =
        [&b"file:_"[..], b"containerfile:_"].into_iter().find(|&kind| text.starts_with(kind)).map_or(0, <[u8]>::len);
    if from > 0 || text.get(1) == Some(&b':') {
        let path = path.part(from..end);
        writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
        put_path(writer, path, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
    }
}

/// AppLocker's user data: the file as written, its hash, its publisher.
fn app_locker(writer: &mut EventWriter<'_>, ids: &Ids) {
    if let Some(path) = present(writer, ids.full_file_path).or_else(|| present(writer, ids.file_path)) {
        writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
        put_path(writer, path, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
    }
    if let Some(hash) = present(writer, ids.file_hash) {
        writer.put_span(ecs::FILE_HASH_SHA256, hash, Kind::Text, false);
        relate_span(writer, hash, ecs::RELATED_HASH);
    }
    copy(writer, ids.rule_name, ecs::RULE_NAME);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_no_two_answer_to_one_event() {
        assert!(ROWS.is_sorted_by_key(|row| row.id), "by id");
        for (at, row) in ROWS.iter().enumerate() {
            let same = |other: &&Row| (other.id, other.channel, other.provider) == (row.id, row.channel, row.provider);
            assert!(ROWS[at + 1..].iter().find(same).is_none(), "{} of {}", row.id, row.channel);
        }
    }
}
