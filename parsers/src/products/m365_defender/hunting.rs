//! Records of the advanced hunting tables, as the streaming API sends them: `category` names the table.

use super::SEVERITIES;
use crate::decode::Context;
use crate::ecs::{self, EVENT_CATEGORY, EVENT_KIND, EVENT_TYPE};
use crate::event::{EventWriter, Kind};
use crate::logsource;
use crate::products;
use crate::products::command_line::{Quoting, put_args};
use crate::products::fields::{copy, present, put_path, put_slug};
use crate::products::json_table::How::*;
use crate::products::json_table::{Clock, Constants, JsonTable, Row, Spec, put_constant, put_constants};
use crate::products::names::vendor_names;
use crate::wire::json;

vendor_names! {
    table = "category";
    action = "properties.ActionType";
    additional = "properties.AdditionalFields";
    direction = "properties.AdditionalFields.direction";
    local_ip = "properties.LocalIP";
    local_port = "properties.LocalPort";
    remote_ip = "properties.RemoteIP";
    remote_port = "properties.RemotePort";
    protocol = "properties.Protocol";
    folder_path = "properties.FolderPath";
    initiating_folder_path = "properties.InitiatingProcessFolderPath";
    registry_key = "properties.RegistryKey";
    registry_value = "properties.RegistryValueName";
    flag_aa = "properties.AdditionalFields.AA";
    flag_tc = "properties.AdditionalFields.TC";
    flag_rd = "properties.AdditionalFields.RD";
    flag_ra = "properties.AdditionalFields.RA";
}

/// Sources of a record's fields that hold for every table.
pub(super) static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::M365_DEFENDER,
    log_source: logsource::M365_DEFENDER,
    time: &[("properties.Timestamp", Clock::IsoUtc), ("time", Clock::IsoUtc)],
    also: NAMES,
    rows: &[
        ("properties.AlertId", ecs::EVENT_ID, Text),
        ("properties.ReportId", ecs::EVENT_ID, Text),
        ("properties.Title", ecs::MESSAGE, Text),
        ("properties.ServiceSource", ecs::EVENT_PROVIDER, Text),
        ("properties.Severity", ecs::EVENT_SEVERITY, Map(SEVERITIES)),
        ("properties.DeviceId", ecs::HOST_ID, Text),
        ("properties.DeviceName", ecs::HOST_NAME, Text),
        ("properties.DeviceId", ecs::RELATED_HOSTS, Set),
        ("properties.DeviceName", ecs::RELATED_HOSTS, Set),
        ("properties.OSPlatform", ecs::HOST_OS_NAME, Text),
        ("properties.OSVersion", ecs::HOST_OS_VERSION, Text),
        ("properties.OSDistribution", ecs::HOST_OS_PLATFORM, Text),
        ("properties.IPAddress", ecs::HOST_IP, Ips),
        ("properties.PublicIP", ecs::HOST_IP, Ips),
        ("properties.DestinationIPAddress", ecs::DESTINATION_IP, Ip),
        ("properties.DestinationPort", ecs::DESTINATION_PORT, Port),
        ("properties.AccountDomain", ecs::RELATED_HOSTS, Set),
        ("properties.InitiatingProcessAccountDomain", ecs::RELATED_HOSTS, Set),
        ("properties.RequestAccountDomain", ecs::RELATED_HOSTS, Set),
        ("properties.SenderFromDomain", ecs::RELATED_HOSTS, Set),
        ("properties.RemoteUrl", ecs::URL_ORIGINAL, Url),
        ("properties.RemoteDeviceName", ecs::RELATED_HOSTS, Set),
        ("properties.AccountName", ecs::RELATED_USER, Set),
        ("properties.AccountUpn", ecs::USER_EMAIL, Text),
        ("properties.AccountObjectId", ecs::RELATED_USER, Set),
        ("properties.InitiatingProcessAccountName", ecs::RELATED_USER, Set),
        ("properties.RequestAccountName", ecs::RELATED_USER, Set),
        ("properties.RegistryValueName", ecs::REGISTRY_VALUE, Text),
        ("properties.RegistryValueData", ecs::REGISTRY_DATA_STRINGS, Text),
        ("properties.ClientVersion", ecs::OBSERVER_VERSION, Text),
        ("properties.DeviceCategory", ecs::OBSERVER_TYPE, Text),
        ("properties.AdditionalFields.query", ecs::DNS_QUESTION_NAME, Text),
        ("properties.AdditionalFields.qclass_name", ecs::DNS_QUESTION_CLASS, Text),
        ("properties.AdditionalFields.qtype_name", ecs::DNS_QUESTION_TYPE, Text),
        ("properties.AdditionalFields.rcode_name", ecs::DNS_RESPONSE_CODE, Text),
        ("properties.EmailDirection", ecs::EMAIL_DIRECTION, Lower),
        ("properties.SenderFromAddress", ecs::EMAIL_FROM_ADDRESS, Set),
        ("properties.RecipientEmailAddress", ecs::EMAIL_TO_ADDRESS, Set),
        ("properties.NetworkMessageId", ecs::EMAIL_MESSAGE_ID, Text),
        ("properties.Subject", ecs::EMAIL_SUBJECT, Text),
        ("properties.SenderIPv4", ecs::SOURCE_IP, Ip),
        ("properties.MD5", ecs::RELATED_HASH, Set),
        ("properties.SHA1", ecs::RELATED_HASH, Set),
        ("properties.SHA256", ecs::RELATED_HASH, Set),
        ("properties.InitiatingProcessMD5", ecs::RELATED_HASH, Set),
        ("properties.InitiatingProcessSHA1", ecs::RELATED_HASH, Set),
        ("properties.InitiatingProcessSHA256", ecs::RELATED_HASH, Set),
    ],
    ..Spec::NONE
});

/// A table whose rows stand beside those of [`TABLE`].
const fn beside(rows: &'static [Row]) -> JsonTable {
    JsonTable::new(Spec {
        product: products::M365_DEFENDER,
        log_source: logsource::M365_DEFENDER,
        own: false,
        rows,
        ..Spec::NONE
    })
}

/// The process that a record of its start is about, with the initiating process as its parent.
pub(super) static PARENT: JsonTable = beside(&[
    ("properties.ProcessId", ecs::PROCESS_PID, Number),
    ("properties.ProcessCommandLine", ecs::PROCESS_COMMAND_LINE, Text),
    ("properties.FileName", ecs::PROCESS_NAME, Text),
    ("properties.MD5", ecs::PROCESS_HASH_MD5, Text),
    ("properties.SHA1", ecs::PROCESS_HASH_SHA1, Text),
    ("properties.SHA256", ecs::PROCESS_HASH_SHA256, Text),
    ("properties.ProcessVersionInfoOriginalFileName", ecs::PROCESS_PE_ORIGINAL_FILE_NAME, Text),
    ("properties.ProcessCreationTime", ecs::PROCESS_START, Time(Clock::IsoUtc)),
    ("properties.InitiatingProcessId", ecs::PROCESS_PARENT_PID, Number),
    ("properties.InitiatingProcessCommandLine", ecs::PROCESS_PARENT_COMMAND_LINE, Text),
    ("properties.InitiatingProcessFolderPath", ecs::PROCESS_PARENT_EXECUTABLE, Text),
    ("properties.InitiatingProcessFileName", ecs::PROCESS_PARENT_NAME, Text),
    ("properties.InitiatingProcessMD5", ecs::PROCESS_PARENT_HASH_MD5, Text),
    ("properties.InitiatingProcessSHA1", ecs::PROCESS_PARENT_HASH_SHA1, Text),
    ("properties.InitiatingProcessSHA256", ecs::PROCESS_PARENT_HASH_SHA256, Text),
    ("properties.AccountName", ecs::USER_NAME, Text),
    ("properties.AccountDomain", ecs::USER_DOMAIN, Text),
    ("properties.AccountSid", ecs::USER_ID, Text),
]);

/// The process that did what the record is about.
pub(super) static INITIATING: JsonTable = beside(&[
    ("properties.InitiatingProcessId", ecs::PROCESS_PID, Number),
    ("properties.InitiatingProcessCommandLine", ecs::PROCESS_COMMAND_LINE, Text),
    ("properties.InitiatingProcessFileName", ecs::PROCESS_NAME, Text),
    ("properties.InitiatingProcessMD5", ecs::PROCESS_HASH_MD5, Text),
    ("properties.InitiatingProcessSHA1", ecs::PROCESS_HASH_SHA1, Text),
    ("properties.InitiatingProcessSHA256", ecs::PROCESS_HASH_SHA256, Text),
    ("properties.InitiatingProcessVersionInfoOriginalFileName", ecs::PROCESS_PE_ORIGINAL_FILE_NAME, Text),
    ("properties.InitiatingProcessCreationTime", ecs::PROCESS_START, Time(Clock::IsoUtc)),
    ("properties.InitiatingProcessParentId", ecs::PROCESS_PARENT_PID, Number),
    ("properties.InitiatingProcessParentFileName", ecs::PROCESS_PARENT_NAME, Text),
    ("properties.AccountName", ecs::USER_NAME, Text),
    ("properties.AccountDomain", ecs::USER_DOMAIN, Text),
    ("properties.AccountSid", ecs::USER_ID, Text),
    ("properties.InitiatingProcessAccountName", ecs::USER_NAME, Text),
    ("properties.InitiatingProcessAccountDomain", ecs::USER_DOMAIN, Text),
    ("properties.InitiatingProcessAccountSid", ecs::USER_ID, Text),
    ("properties.ProcessCommandLine", ecs::PROCESS_COMMAND_LINE, Text),
    ("properties.AccountDisplayName", ecs::USER_NAME, User),
    ("properties.AccountId", ecs::USER_ID, Text),
]);

/// The file that a record of files is about.
pub(super) static OWN: JsonTable = beside(&[
    ("properties.FolderPath", ecs::FILE_PATH, FilePath),
    ("properties.FileName", ecs::FILE_NAME, Text),
    ("properties.FileSize", ecs::FILE_SIZE, Number),
    ("properties.MD5", ecs::FILE_HASH_MD5, Text),
    ("properties.SHA1", ecs::FILE_HASH_SHA1, Text),
    ("properties.SHA256", ecs::FILE_HASH_SHA256, Text),
    ("properties.RequestAccountName", ecs::USER_NAME, Text),
    ("properties.RequestAccountDomain", ecs::USER_DOMAIN, Text),
    ("properties.RequestAccountSid", ecs::USER_ID, Text),
]);

/// What a table's records are.
struct Table {
    name: &'static str,
    constants: Constants,
    /// What single actions are, and the schema's word for them.
    actions: &'static [(&'static str, &'static str, Constants)],
}

const fn table(
    name: &'static str,
    constants: Constants,
    actions: &'static [(&'static str, &'static str, Constants)],
) -> Table {
    Table { name, constants, actions }
}

macro_rules! constants {
    ($kind:literal [$($category:literal)*] [$($type:literal)*]) => {
        &[(EVENT_KIND, $kind), $((EVENT_CATEGORY, $category),)* $((EVENT_TYPE, $type)),*]
    };
}

const STARTED: Constants = constants!("event"["network"]["start"]);
const AUTHENTICATION: Constants = constants!("event"["authentication"]["info"]);
const HOST: Constants = constants!("event"["host"]["info"]);
const EMAIL: Constants = constants!("event"["email"]["info"]);
const INFO: Constants = constants!("event" [] ["info"]);
const THREAT: Constants = constants!("alert"["threat"]["indicator"]);

/// The advanced hunting schema's tables. An action not listed is what its table is, or `info`.
static TABLES: &[Table] = &[
    table("AlertInfo", THREAT, &[]),
    table("AlertEvidence", THREAT, &[]),
    table(
        "DeviceProcessEvents",
        constants!("event" ["process"] []),
        &[("ProcessCreated", "start", constants!("event"["process"]["start"]))],
    ),
    table(
        "DeviceNetworkEvents",
        constants!("event" ["network"] []),
        &[
            ("ConnectionSuccess", "", STARTED),
            ("ConnectionRequest", "", STARTED),
            ("ConnectionFound", "", STARTED),
            ("InboundConnectionAccepted", "", STARTED),
            ("ListeningConnectionCreated", "", STARTED),
            ("ConnectionFailed", "", constants!("event"["network"]["denied"])),
            ("DnsConnectionInspected", "", constants!("event"["network"]["protocol"])),
        ],
    ),
    table(
        "DeviceFileEvents",
        constants!("event" ["file"] []),
        &[
            ("FileCreated", "creation", constants!("event"["file"]["creation"])),
            ("FileModified", "modification", constants!("event"["file"]["change"])),
            ("FileRenamed", "rename", constants!("event"["file"]["change"])),
            ("FileDeleted", "deletion", constants!("event"["file"]["deletion"])),
        ],
    ),
    table("DeviceImageLoadEvents", constants!("event"["library"]["start"]), &[("ImageLoaded", "load", &[])]),
    table(
        "DeviceRegistryEvents",
        constants!("event" ["registry"] []),
        &[
            ("RegistryKeyCreated", "creation", constants!("event"["registry"]["creation"])),
            ("RegistryKeyDeleted", "deletion", constants!("event"["registry"]["deletion"])),
            ("RegistryKeyRenamed", "rename", constants!("event"["registry"]["change"])),
            ("RegistryValueSet", "modification", constants!("event"["registry"]["change"])),
            ("RegistryValueDeleted", "deletion", constants!("event"["registry"]["deletion"])),
        ],
    ),
    table("DeviceLogonEvents", AUTHENTICATION, &[]),
    table("IdentityLogonEvents", AUTHENTICATION, &[]),
    table("IdentityQueryEvents", INFO, &[]),
    table("IdentityDirectoryEvents", INFO, &[]),
    table("CloudAppEvents", INFO, &[]),
    table(
        "DeviceEvents",
        constants!("event" [] []),
        &[
            ("ReadProcessMemoryApiCall", "", constants!("event"["api"]["info"])),
            ("OpenProcessApiCall", "", constants!("event"["api"]["access"])),
            ("CreateRemoteThreadApiCall", "", constants!("event"["api"]["info"])),
            ("AntivirusDetection", "", constants!("event"["malware"]["info"])),
        ],
    ),
    table("DeviceInfo", HOST, &[]),
    table("DeviceNetworkInfo", HOST, &[]),
    table("DeviceFileCertificateInfo", constants!("event"["file"]["info"]), &[]),
    table("EmailEvents", EMAIL, &[]),
    table("EmailAttachmentInfo", EMAIL, &[]),
    table("EmailUrlInfo", EMAIL, &[]),
    table("EmailPostDeliveryEvents", EMAIL, &[]),
    table("UrlClickEvents", EMAIL, &[]),
];

/// Normalises a record whose members are written already; `false` = it is of no advanced hunting table.
pub(super) fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    let Some(name) = writer.first(ids.table).and_then(|text| text.strip_prefix(b"AdvancedHunting-")) else {
        return false;
    };
    let found = TABLES.iter().find(|table| table.name.as_bytes() == name);
    // Some of the senders leave the fields of an action as a string.
    json::decode_value(writer, context, ids.additional);
    TABLE.apply(writer, context);
    let name = found.map_or("", |table| table.name);
    put_action(writer, found);
    match name {
        "DeviceProcessEvents" => PARENT.apply(writer, context),
        "DeviceFileEvents" | "DeviceFileCertificateInfo" | "AlertEvidence" | "EmailAttachmentInfo" => {
            OWN.apply(writer, context);
            INITIATING.apply(writer, context)
        }
        "DeviceImageLoadEvents" => {
            copy(writer, ids.folder_path, ecs::DLL_PATH);
            if let Some(span) = present(writer, ids.folder_path) {
                put_path(writer, span, ecs::DLL_NAME, None, None);
            }
            OWN.apply(writer, context);
            INITIATING.apply(writer, context)
        }
        _ => INITIATING.apply(writer, context),
    };
    let path = if name == "DeviceProcessEvents" { ids.folder_path } else { ids.initiating_folder_path };
    put_executable(writer, path);
    put_registry(writer);
    for (flag, name) in [(ids.flag_aa, "AA"), (ids.flag_tc, "TC"), (ids.flag_rd, "RD"), (ids.flag_ra, "RA")] {
        if writer.first(flag) == Some(b"true") {
            writer.put_str(ecs::DNS_HEADER_FLAGS, name);
        }
    }
    if let Some((span, _)) = writer.first_span(ecs::PROCESS_COMMAND_LINE) {
        let posix = writer.first(ecs::PROCESS_EXECUTABLE).is_some_and(|path| path.starts_with(b"/"));
        let quoting = if posix { Quoting::Posix } else { Quoting::Windows };
        put_args(writer, span, quoting, ecs::PROCESS_ARGS, ecs::PROCESS_ARGS_COUNT);
    }
    put_system(writer);
    if name == "DeviceNetworkEvents" {
        put_network(writer);
    } else if let Some(span) = present(writer, ids.protocol) {
        crate::products::fields::put_lower(writer, ecs::NETWORK_PROTOCOL, span);
    }
    true
}

/// The path of the process's image. Some of the sensors leave its file's name off.
fn put_executable(writer: &mut EventWriter<'_>, from: crate::dictionary::FieldId) {
    let Some(path) = present(writer, from) else { return };
    let name = writer.first_span(ecs::PROCESS_NAME).map(|(span, _)| span);
    let text = writer.bytes(path);
    let complete = name.is_none_or(|name| {
        let name = writer.bytes(name);
        text.len() >= name.len() && text[text.len() - name.len()..].eq_ignore_ascii_case(name)
    });
    // A path whose last part has a dot names a file, be it under another name.
    let last = memchr::memrchr2(b'\\', b'/', text).map_or(text, |at| &text[at + 1..]);
    let executable = match name.filter(|_| !complete && memchr::memchr(b'.', last).is_none()) {
        Some(name) if memchr::memchr(b'\\', text).is_some() => {
            let from = writer.arena_start();
            writer.arena_push_span(path);
            writer.arena_push(b"\\");
            writer.arena_push_span(name);
            writer.arena_end(from)
        }
        _ => path,
    };
    writer.put_span(ecs::PROCESS_EXECUTABLE, executable, Kind::Text, false);
}

/// Hive, key and path of a registry key.
fn put_registry(writer: &mut EventWriter<'_>) {
    const HIVES: &[(&[u8], &str)] = &[
        (b"HKEY_LOCAL_MACHINE", "HKLM"),
        (b"HKEY_CURRENT_USER", "HKCU"),
        (b"HKEY_USERS", "HKU"),
        (b"HKEY_CLASSES_ROOT", "HKCR"),
        (b"HKEY_CURRENT_CONFIG", "HKCC"),
    ];
    let ids = ids();
    let Some(whole) = present(writer, ids.registry_key) else { return };
    let text = writer.bytes(whole);
    let len = text.len();
    let slash = memchr::memchr(b'\\', text).unwrap_or(len);
    let Some(&(root, hive)) = HIVES.iter().find(|(root, _)| *root == &text[..slash]) else {
        return writer.put_span(ecs::REGISTRY_PATH, whole, Kind::Text, false);
    };
    let key = whole.part((root.len() + 1).min(len)..len);
    writer.put_str(ecs::REGISTRY_HIVE, hive);
    writer.put_span(ecs::REGISTRY_KEY, key, Kind::Text, false);
    let value = present(writer, ids.registry_value);
    let from = writer.arena_start();
    writer.arena_push(hive.as_bytes());
    for part in [Some(key), value].into_iter().flatten() {
        writer.arena_push(b"\\");
        writer.arena_push_span(part);
    }
    let path = writer.arena_end(from);
    writer.put_span(ecs::REGISTRY_PATH, path, Kind::Text, false);
}

fn put_action(writer: &mut EventWriter<'_>, found: Option<&Table>) {
    let ids = ids();
    let action = present(writer, ids.action);
    let text = action.map(|span| writer.bytes(span)).unwrap_or_default();
    let of_action = found.and_then(|table| table.actions.iter().find(|(name, ..)| name.as_bytes() == text));
    let word = of_action.map_or("", |&(_, word, _)| word);
    let constants = of_action.map_or(&[][..], |&(.., constants)| constants);
    let outcome = match text {
        b"LogonSuccess" => "success",
        b"LogonFailed" => "failure",
        _ => "",
    };
    put_constants(writer, constants);
    if constants.is_empty() {
        put_constants(writer, found.map_or(INFO, |table| table.constants));
        match found.map_or("", |table| table.name) {
            "DeviceEvents" => put_constants(writer, HOST),
            "DeviceImageLoadEvents" => {}
            _ if !writer.view().has(EVENT_TYPE) => put_constant(writer, EVENT_TYPE, "info"),
            _ => {}
        }
    }
    if !outcome.is_empty() {
        writer.put_str(ecs::EVENT_OUTCOME, outcome);
    }
    if !word.is_empty() {
        writer.put_str(ecs::EVENT_ACTION, word);
    } else if let Some(span) = action {
        put_slug(writer, ecs::EVENT_ACTION, span);
    }
}

/// The family of the system, by its paths.
fn put_system(writer: &mut EventWriter<'_>) {
    let ids = ids();
    if let Some(platform) = writer.first(ecs::HOST_OS_NAME) {
        let system = if platform.starts_with(b"Windows") {
            "windows"
        } else if platform.starts_with(b"Linux") {
            "linux"
        } else if platform.starts_with(b"macOS") {
            "macos"
        } else {
            ""
        };
        if !system.is_empty() {
            return writer.put_str(ecs::HOST_OS_TYPE, system);
        }
    }
    let path = present(writer, ids.folder_path).or_else(|| present(writer, ids.initiating_folder_path));
    let Some(path) = path else { return };
    let text = writer.bytes(path);
    let system = if memchr::memchr(b'\\', text).is_some() {
        "windows"
    } else if text.starts_with(b"/") {
        "unix"
    } else {
        return;
    };
    writer.put_str(ecs::HOST_OS_TYPE, system);
}

fn put_network(writer: &mut EventWriter<'_>) {
    let ids = ids();
    let direction = match writer.first(ids.direction) {
        Some(b"In") => "inbound",
        Some(b"Out") => "outbound",
        _ => "unknown",
    };
    writer.put_str(ecs::NETWORK_DIRECTION, direction);
    let (local, remote) = ((ids.local_ip, ids.local_port), (ids.remote_ip, ids.remote_port));
    let (source, destination) = if direction == "inbound" { (remote, local) } else { (local, remote) };
    for ((address, port), to_ip, to_port) in
        [(source, ecs::SOURCE_IP, ecs::SOURCE_PORT), (destination, ecs::DESTINATION_IP, ecs::DESTINATION_PORT)]
    {
        if let Some(span) = present(writer, address) {
            if writer.put_if_ip(to_ip, span) {
                crate::products::fields::relate(writer, to_ip, ecs::RELATED_IP);
                if to_ip == ecs::DESTINATION_IP {
                    writer.put_span(ecs::DESTINATION_ADDRESS, span, Kind::Text, false);
                }
            }
        }
        if let Some(span) = present(writer, port) {
            writer.put_port_span(to_port, span);
        }
    }
    match writer.first(ids.protocol) {
        Some(b"Tcp" | b"TcpV4" | b"TcpV6") => writer.put_str(ecs::NETWORK_TRANSPORT, "tcp"),
        Some(b"Udp" | b"UdpV4" | b"UdpV6") => writer.put_str(ecs::NETWORK_TRANSPORT, "udp"),
        Some(b"Icmp") => writer.put_str(ecs::NETWORK_TRANSPORT, "icmp"),
        _ => {}
    }
    let protocol = match writer.first(ids.action) {
        Some(b"DnsConnectionInspected") => "dns",
        Some(b"SshConnectionInspected") => "ssh",
        Some(b"SmtpConnectionInspected") => "smtp",
        Some(b"HttpConnectionInspected") => "http",
        Some(b"SslConnectionInspected") => "ssl",
        Some(b"FtpConnectionInspected") => "ftp",
        _ => return,
    };
    writer.put_str(ecs::NETWORK_PROTOCOL, protocol);
}
