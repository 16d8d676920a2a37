//! Endpoint sensors: which categories of Sigma their events answer to, on which system.
//!
//! A rule for `product: windows`, `category: process_creation` means every record of a started program on Windows, whoever wrote it. What an
//! event is about its decoder has said in the schema's words, so one table serves all sensors.

use super::{LISTED, LogSource, LogSourceId, ProductId};
use crate::event::EventView;
use crate::{ecs, products};

/// Systems by the words of `host.os.type`; of `unix` it is not known which, of the last nothing is.
const SYSTEMS: [&[u8]; 5] = [b"windows", b"linux", b"macos", b"unix", b"any"];
const WINDOWS: usize = 0;
const MACOS: usize = 2;
const UNIX: usize = 3;
const ANY: usize = 4;

/// What an event is about, in the order of the table below.
#[derive(Clone, Copy)]
enum Subject {
    ProcessStart,
    ProcessEnd,
    Connection,
    DnsQuery,
    FileCreation,
    FileDeletion,
    FileRename,
    LibraryLoad,
    DriverLoad,
    RegistryChange,
    Malware,
}

/// Subjects of one system.
const SUBJECTS: usize = Subject::Malware as usize + 1;

macro_rules! subjects {
    ($sensor:literal [$($name:literal)*] $system:literal [$($product:literal)*]) => {
        subjects!(@ $sensor $system [$($name,)* $($product,)*]
            ["process" ["process_creation"]]
            ["process_end" ["process_termination"]]
            ["network" ["network_connection"]]
            ["dns" ["dns_query", "dns"]]
            ["file" ["file_event"]]
            ["file_delete" ["file_delete"]]
            ["file_rename" ["file_rename"]]
            ["library" ["image_load"]]
            ["driver" ["driver_load"]]
            ["registry" ["registry_event", "registry_set", "registry_add", "registry_delete"]]
            ["malware" ["antivirus"]]
        )
    };
    (@ $sensor:literal $system:literal $products:tt $([$subject:literal $categories:tt])*) => {
        [$(LogSource {
            name: concat!($sensor, "_", $system, "_", $subject),
            products: &$products,
            services: &[],
            categories: &$categories,
        }),*]
    };
}

/// The subjects of each system, of one sensor.
macro_rules! systems {
    ($sensor:literal $names:tt) => {
        [
            subjects!($sensor $names "windows" ["windows"]),
            subjects!($sensor $names "linux" ["linux"]),
            subjects!($sensor $names "macos" ["macos"]),
            subjects!($sensor $names "unix" ["linux" "macos"]),
            subjects!($sensor $names "any" []),
        ]
    };
}

const SENSORS_COUNT: usize = 11;
/// Where [`sensor`] finds it.
const SANTA: usize = 5;

#[expect(clippy::large_const_arrays, reason = "read while compiling, by one table")]
const SENSORS: [[[LogSource; SUBJECTS]; SYSTEMS.len()]; SENSORS_COUNT] = [
    systems!("crowdstrike"["crowdstrike"]),
    systems!("sentinel_one"["sentinelone"]),
    systems!("carbon_black"["carbonblack"]),
    systems!("m365_defender"["m365"]),
    systems!("jamf_protect"["jamf"]),
    systems!("santa"["santa"]),
    systems!("osquery"["osquery"]),
    systems!("symantec"["symantec"]),
    systems!("bitdefender"["bitdefender"]),
    systems!("eset"["eset"]),
    systems!("trend_micro"["trendmicro"]),
];

/// The log sources of all sensors, behind those that are listed one by one.
pub(super) const ALL: &[LogSource] = SENSORS.as_flattened().as_flattened();

fn sensor(product: ProductId) -> Option<usize> {
    Some(match product {
        products::CROWDSTRIKE_FDR | products::CROWDSTRIKE_FALCON => 0,
        products::SENTINEL_ONE => 1,
        products::CARBONBLACK_EDR | products::CARBON_BLACK_CLOUD => 2,
        products::M365_DEFENDER => 3,
        products::JAMF_PROTECT => 4,
        products::SANTA => SANTA,
        products::OSQUERY => 6,
        products::SYMANTEC_ENDPOINT => 7,
        products::BITDEFENDER => 8,
        products::ESET_PROTECT => 9,
        products::TREND_MICRO_DEEP_SECURITY | products::TREND_MICRO_VISION_ONE => 10,
        _ => return None,
    })
}

/// The log source of a sensor's event, where Sigma has a category of its kind.
#[inline]
pub(crate) fn of(event: &EventView<'_>) -> Option<LogSourceId> {
    let sensor = sensor(event.core().product)?;
    let at = (sensor * SYSTEMS.len() + system(event, sensor)) * SUBJECTS + subject(event)? as usize;
    Some(LogSourceId((LISTED.len() + at) as u16))
}

fn system(event: &EventView<'_>, sensor: usize) -> usize {
    let told =
        event.values(ecs::HOST_OS_TYPE).find_map(|told| SYSTEMS[..ANY].iter().position(|system| *system == told));
    // Where nobody says, a path does. Santa knows one system.
    told.or((sensor == SANTA).then_some(MACOS)).unwrap_or_else(|| {
        match event.first(ecs::PROCESS_EXECUTABLE).or_else(|| event.first(ecs::FILE_PATH)) {
            Some([b'/', ..]) => UNIX,
            Some(path) if path.contains(&b'\\') => WINDOWS,
            _ => ANY,
        }
    })
}

fn subject(event: &EventView<'_>) -> Option<Subject> {
    let has = |id, wanted: &[u8]| event.values(id).any(|value| value == wanted);
    let category = |wanted: &str| has(ecs::EVENT_CATEGORY, wanted.as_bytes());
    let kind = |wanted: &str| has(ecs::EVENT_TYPE, wanted.as_bytes());
    if category("malware") {
        Some(Subject::Malware)
    } else if category("process") && kind("start") {
        Some(Subject::ProcessStart)
    } else if category("process") && kind("end") {
        Some(Subject::ProcessEnd)
    } else if category("network") && event.has(ecs::DNS_QUESTION_NAME) {
        Some(Subject::DnsQuery)
    } else if category("network") && kind("connection") && kind("start") {
        Some(Subject::Connection)
    } else if category("file") && kind("creation") {
        Some(Subject::FileCreation)
    } else if category("file") && kind("deletion") {
        Some(Subject::FileDeletion)
    } else if category("file") && event.values(ecs::EVENT_ACTION).any(is_rename) {
        Some(Subject::FileRename)
    } else if category("library") && kind("start") {
        Some(Subject::LibraryLoad)
    } else if category("driver") && kind("start") {
        Some(Subject::DriverLoad)
    } else if category("registry") && (kind("change") || kind("creation") || kind("deletion")) {
        Some(Subject::RegistryChange)
    } else {
        None
    }
}

/// `rename`, `FileRenamed`, `File Rename`: no two sensors spell it alike.
fn is_rename(action: &[u8]) -> bool {
    [&b"rename"[..], b"renamed"]
        .iter()
        .any(|word| action.len().checked_sub(word.len()).is_some_and(|at| action[at..].eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::decode::{Decoder, SourceOptions};
    use crate::dictionary::Dictionary;
    use crate::event::Event;

    #[track_caller]
    fn check(record: &str, expected: &str) {
        let mut event = Event::new();
        Decoder::new(Arc::new(Dictionary::new())).decode(record.as_bytes(), 0, &SourceOptions::default(), &mut event);
        assert_eq!(event.core.log_source.get().name, expected, "{record}");
    }

    #[test]
    fn events_of_sensors_answer_to_their_system_and_kind() {
        check(
            r#"{"event_simpleName":"ProcessRollup2","aid":"a1","event_platform":"Lin","ImageFileName":"/usr/bin/curl","CommandLine":"curl -s http://203.0.113.9/a"}"#,
            "crowdstrike_linux_process",
        );
        check(
            r#"{"event_simpleName":"DnsRequest","aid":"a1","event_platform":"Win","DomainName":"example.com"}"#,
            "crowdstrike_windows_dns",
        );
        check(
            r#"{"event_simpleName":"NetworkConnectIP4","aid":"a1","event_platform":"Mac","RemoteAddressIP4":"203.0.113.9"}"#,
            "crowdstrike_macos_network",
        );
        check(
            r#"{"event_simpleName":"FileRenamed","aid":"a1","event_platform":"Win","SourceFileName":"C:\\a.doc","TargetFileName":"C:\\a.doc.x"}"#,
            "crowdstrike_windows_file_rename",
        );
        check(r#"{"event_simpleName":"UserLogon","aid":"a1","event_platform":"Win","UserName":"ann"}"#, "crowdstrike");
        check(
            "[2026-03-02T08:00:00.123Z] I santad: action=EXEC|decision=ALLOW|pid=7|ppid=1|path=/bin/ls|args=ls -l",
            "santa_macos_process",
        );
    }
}
