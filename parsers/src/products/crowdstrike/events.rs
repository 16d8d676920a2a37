//! What the events of the data dictionary are, by name: those it lists one by one, the rest by how they are named.

use crate::ecs::{EVENT_CATEGORY, EVENT_KIND, EVENT_OUTCOME, EVENT_TYPE};
use crate::products::json_table::Constants;

macro_rules! constants {
    ($kind:literal [$($category:literal)*] [$($type:literal)*] $outcome:literal) => {
        &[
            (EVENT_KIND, $kind),
            $((EVENT_CATEGORY, $category),)*
            $((EVENT_TYPE, $type),)*
            (EVENT_OUTCOME, $outcome),
        ]
    };
}

const FILE_CREATED: Constants = constants!("event" ["file"] ["creation"] "success");
const FILE_CHANGED: Constants = constants!("event" ["file"] ["change"] "success");
const FILE_DELETED: Constants = constants!("event" ["file"] ["deletion"] "success");
const FILE_ACCESSED: Constants = constants!("event" ["file"] ["access"] "success");
const PROCESS_STARTED: Constants = constants!("event" ["process"] ["start"] "success");
const PROCESS_ENDED: Constants = constants!("event" ["process"] ["end"] "success");
const PROCESS_CHANGED: Constants = constants!("event" ["process"] ["change"] "success");
const PROCESS_DENIED: Constants = constants!("event" ["process"] ["denied"] "success");
const HOST_CHANGED: Constants = constants!("event" ["host"] ["change"] "success");
const HOST_INFO: Constants = constants!("event" ["host"] ["info"] "success");
const HOST_STATE: Constants = constants!("state" ["host"] ["info"] "success");
const ADDRESS_CHANGED: Constants = constants!("state" ["configuration" "host"] ["change"] "success");
const SETTING_CHANGED: Constants = constants!("event" ["configuration" "host"] ["change"] "success");
const REGISTRY_CHANGED: Constants = constants!("event" ["registry"] ["change"] "success");
const TASK_CREATED: Constants = constants!("event" ["configuration"] ["creation"] "success");
const TASK_CHANGED: Constants = constants!("event" ["configuration"] ["change"] "success");
const TASK_DELETED: Constants = constants!("event" ["configuration"] ["deletion"] "success");
const LIBRARY_LOADED: Constants = constants!("event" ["library"] ["start"] "success");
const DRIVER_LOADED: Constants = constants!("event" ["driver"] ["start"] "success");
const CONNECTED: Constants = constants!("event" ["network"] ["start" "connection"] "unknown");

/// Events that are named one by one.
static NAMED: &[(&str, Constants)] = &[
    ("ProcessRollup2", PROCESS_STARTED),
    ("SyntheticProcessRollup2", PROCESS_STARTED),
    ("ProcessRollup2Stats", constants!("state" ["process"] ["info"] "unknown")),
    ("ProcessBlocked", PROCESS_DENIED),
    ("EndOfProcess", PROCESS_ENDED),
    ("TerminateProcess", PROCESS_ENDED),
    ("ServiceStarted", PROCESS_STARTED),
    ("HostedServiceStarted", PROCESS_STARTED),
    ("HostedServiceStopped", PROCESS_ENDED),
    ("CreateService", TASK_CREATED),
    ("ModifyServiceBinary", TASK_CHANGED),
    ("CreateThreadNoStartImage", PROCESS_CHANGED),
    ("InjectedThread", PROCESS_CHANGED),
    ("CommandHistory", constants!("event" ["process"] ["info"] "success")),
    ("RawBindIP4", constants!("event" ["network"] ["start" "connection"] "success")),
    ("RawBindIP6", constants!("event" ["network"] ["start" "connection"] "success")),
    ("NetworkConnectIP4", CONNECTED),
    ("NetworkConnectIP6", CONNECTED),
    ("NetworkConnectIP4Blocked", constants!("event" ["network"] ["denied" "connection"] "success")),
    ("NetworkConnectIP6Blocked", constants!("event" ["network"] ["denied" "connection"] "success")),
    ("NetworkListenIP4", constants!("event" ["network"] ["start"] "success")),
    ("NetworkListenIP6", constants!("event" ["network"] ["start"] "success")),
    ("NetworkCloseIP4", constants!("event" ["network"] ["end" "connection"] "unknown")),
    ("NetworkCloseIP6", constants!("event" ["network"] ["end" "connection"] "unknown")),
    ("NetworkReceiveAcceptIP4", constants!("event" ["network"] ["allowed" "access" "connection"] "unknown")),
    ("NetworkReceiveAcceptIP6", constants!("event" ["network"] ["allowed" "access" "connection"] "unknown")),
    ("DnsRequest", constants!("event" ["network"] ["protocol"] "success")),
    ("SuspiciousDnsRequest", constants!("alert" ["network"] ["start" "protocol"] "success")),
    ("NeighborListIP4", constants!("state" ["host" "network"] ["info"] "unknown")),
    ("NeighborListIP6", constants!("state" ["host" "network"] ["info"] "unknown")),
    ("LocalIpAddressIP4", ADDRESS_CHANGED),
    ("LocalIpAddressIP6", ADDRESS_CHANGED),
    ("LocalIpAddressRemovedIP4", ADDRESS_CHANGED),
    ("LocalIpAddressRemovedIP6", ADDRESS_CHANGED),
    ("UserLogon", constants!("event" ["authentication"] ["start"] "success")),
    ("UserLogonFailed", constants!("event" ["authentication"] ["start"] "failure")),
    ("UserLogonFailed2", constants!("event" ["authentication"] ["start"] "failure")),
    ("UserLogoff", constants!("event" ["authentication"] ["end"] "success")),
    ("UserIdentity", constants!("event" ["authentication" "iam"] ["info" "user"] "success")),
    ("UserAccountCreated", constants!("event" ["iam"] ["creation" "user"] "success")),
    ("UserAccountDeleted", constants!("event" ["iam"] ["deletion" "user"] "success")),
    ("UserAccountAddedToGroup", constants!("event" ["iam"] ["change" "group"] "success")),
    ("SensorHeartbeat", constants!("event" ["package"] ["info"] "success")),
    ("ErrorEvent", constants!("alert" ["package"] ["info"] "failure")),
    ("AgentOnline", constants!("state" ["configuration" "package" "host"] ["change" "installation" "start"] "success")),
    ("AgentConnect", constants!("event" ["package"] ["start"] "success")),
    ("ConfigStateUpdate", constants!("event" ["configuration"] ["change"] "success")),
    ("FirewallEnabled", SETTING_CHANGED),
    ("FirewallDisabled", SETTING_CHANGED),
    ("FirewallSetRule", SETTING_CHANGED),
    ("FirewallDeleteRule", SETTING_CHANGED),
    ("OsVersionInfo", HOST_INFO),
    ("HostInfo", HOST_INFO),
    ("SystemCapacity", HOST_STATE),
    ("AsepFileChange", constants!("event" ["file"] ["creation" "change"] "success")),
    ("LFODownloadConfirmation", FILE_CREATED),
    ("MachOFileWritten", FILE_CHANGED),
    ("DirectoryCreate", FILE_CREATED),
    ("CriticalFileAccessed", constants!("alert" ["file"] ["access"] "success")),
    ("CriticalFileModified", constants!("alert" ["file"] ["change"] "success")),
    ("RansomwareOpenFile", constants!("alert" ["file"] ["access"] "success")),
    ("RansomwareRenameFile", constants!("alert" ["file"] ["change"] "success")),
    ("RansomwareCreateFile", constants!("alert" ["file"] ["creation"] "success")),
    ("GenericFileWritten", &[]),
    ("DriverLoad", DRIVER_LOADED),
    ("ScheduledTaskRegistered", TASK_CREATED),
    ("ScheduledTaskModified", TASK_CHANGED),
    ("ScheduledTaskDeleted", TASK_DELETED),
];

/// The rest, by the part of its name that says what was done. The first that fits holds.
static BY_PART: &[(&str, Constants)] = &[
    ("FileWritten", FILE_CREATED),
    ("ScriptWritten", FILE_CREATED),
    ("ExecutableWritten", FILE_CREATED),
    ("ExecutableRenamed", FILE_CHANGED),
    ("FileRenamed", FILE_CHANGED),
    ("FileDeleted", FILE_DELETED),
    ("ExecutableDeleted", FILE_DELETED),
    ("FileOpen", FILE_ACCESSED),
    ("FsVolume", HOST_CHANGED),
    ("RemovableMedia", HOST_CHANGED),
    ("AsepValue", REGISTRY_CHANGED),
    ("AsepKey", REGISTRY_CHANGED),
    ("RegKey", REGISTRY_CHANGED),
    ("RegGeneric", REGISTRY_CHANGED),
    ("RegSystem", REGISTRY_CHANGED),
    ("RegCred", REGISTRY_CHANGED),
    ("ModuleLoad", LIBRARY_LOADED),
    ("ImageHash", LIBRARY_LOADED),
    ("ProcessInjection", PROCESS_CHANGED),
    ("ScriptControl", constants!("event" ["process"] ["info"] "success")),
    ("FirewallRule", SETTING_CHANGED),
];

/// What an event is.
pub(super) fn meaning(name: &[u8]) -> Constants {
    let named = NAMED.iter().find(|(other, _)| other.as_bytes() == name);
    named
        .or_else(|| BY_PART.iter().find(|(part, _)| memchr::memmem::find(name, part.as_bytes()).is_some()))
        .map_or(&[][..], |&(_, constants)| constants)
}
