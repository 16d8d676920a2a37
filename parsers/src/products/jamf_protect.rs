//! Jamf Protect and Jamf Security Cloud: alerts, endpoint telemetry, threat events and network traffic as JSON (Jamf Protect
//! Documentation, "Data model for alerts and telemetry"; Jamf Security Cloud, "Data streams"; event numbers of Apple's
//! Endpoint Security framework).

use super::fields::{put_digests, put_path, relate};
use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Row, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::{EVENT_ACTION as A, EVENT_CATEGORY as C, EVENT_REASON as R, EVENT_TYPE as T};
use crate::event::{EventWriter, Kind, Span};
use crate::{ecs, products};

/// `jamf_protect`.
pub(crate) static PRODUCT: Product = Product {
    name: "jamf_protect",
    title: "Jamf Protect",
    document: "Jamf Protect Documentation: data model; Jamf Security Cloud: data streams",
    namespace: "jamf_protect",
    module: "jamf_protect",
    dataset: "jamf_protect.alerts",
    vendor: "Jamf",
    product: "Jamf Protect",
    observer_type: "Endpoint Security",
    names: NAMES,
    json: &[&ALERTS, &TELEMETRY, &THREATS, &TRAFFIC],
    detect: &[
        Detect::Members(&["input.match.uuid", "input.host.provisioningUDID"], read_alert),
        Detect::Members(&["metadata.vendor", "event_type", "host.provisioningUDID"], read_telemetry),
        Detect::Members(&["metadata.vendor", "alertId", "eventType.name"], read_threat),
        Detect::Members(&["metadata.vendor", "signatureId.name", "device.deviceId"], read_traffic),
    ],
};

vendor_names! {
    binary_sha1 = "input.related.binaries.sha1hex";
    binary_sha256 = "input.related.binaries.sha256hex";
    file_sha1 = "input.related.files.sha1hex";
    file_sha256 = "input.related.files.sha256hex";
    os = "host.os";
    @also
    "input.eventType" "input.match.severity" "input.match.tags" "input.host.os" "input.host.serial" "host.serial" "caid"
    "certid" "mach_time" "process.cdhash" "process.signing_id" "eventUrl" "location" "threat.types" "dns.recordType"
}

/// What an alert is about, by the kind of what was seen.
macro_rules! about {
    ($category:literal $kind:literal) => {
        &[(C, "host"), (C, $category), (T, $kind)] as Constants
    };
}

static ALERTS: JsonTable = JsonTable::new(Spec {
    product: products::JAMF_PROTECT,
    constants: &[
        (ecs::EVENT_KIND, "alert"),
        (ecs::EVENT_PROVIDER, "Jamf Protect"),
        (ecs::HOST_OS_FAMILY, "macos"),
        (ecs::HOST_OS_TYPE, "macos"),
    ],
    time: &[("input.match.event.timestamp", Clock::Seconds)],
    rows: &[
        (
            "input.eventType",
            C,
            OnlyMeans(&[
                ("GPProcessEvent", about!("process" "start")),
                ("GPFSEvent", about!("file" "change")),
                ("GPDownloadEvent", about!("file" "creation")),
                ("GPClickEvent", about!("process" "info")),
                ("GPKeylogRegisterEvent", about!("process" "info")),
                ("GPScreenshotEvent", about!("file" "creation")),
                ("GPUSBEvent", about!("host" "device")),
                ("GPGatekeeperEvent", about!("malware" "denied")),
                ("GPMRTEvent", about!("malware" "info")),
                ("GPThreatMatchExecEvent", about!("malware" "denied")),
                ("GPPreventedExecutionEvent", about!("process" "denied")),
                ("GPUnifiedLogEvent", about!("host" "info")),
                ("auth-mount", about!("host" "device")),
            ]),
        ),
        ("input.match.uuid", ecs::EVENT_ID, Text),
        ("input.match.facts.name", A, Text),
        ("input.match.facts.name", ecs::RULE_NAME, Text),
        ("input.match.facts.human", R, Text),
        ("input.match.facts.human", ecs::RULE_DESCRIPTION, Text),
        ("input.match.severity", ecs::EVENT_SEVERITY, Number),
        ("input.match.event.timestamp", ecs::EVENT_START, Time(Clock::Seconds)),
        ("input.match.event.path", ecs::FILE_PATH, FilePath),
        ("input.host.hostname", ecs::HOST_HOSTNAME, Text),
        ("input.host.provisioningUDID", ecs::HOST_ID, Text),
        ("input.host.ips", ecs::HOST_IP, Ips),
        ("input.host.os", ecs::HOST_OS_FULL, Text),
        ("input.host.protectVersion", ecs::OBSERVER_VERSION, Text),
        ("input.related.processes.pid", ecs::PROCESS_PID, Number),
        ("input.match.event.pid", ecs::PROCESS_PID, Number),
        ("input.related.processes.uuid", ecs::PROCESS_ENTITY_ID, Text),
        ("input.related.processes.path", ecs::PROCESS_EXECUTABLE, Text),
        ("input.related.processes.name", ecs::PROCESS_NAME, Text),
        ("input.related.processes.args", ecs::PROCESS_ARGS, Set),
        ("input.related.processes.ppid", ecs::PROCESS_PARENT_PID, Number),
        ("input.related.files.path", ecs::FILE_PATH, FilePath),
        ("input.related.files.size", ecs::FILE_SIZE, Number),
        ("input.related.files.mode", ecs::FILE_MODE, Text),
        ("input.related.files.uid", ecs::FILE_UID, Text),
        ("input.related.files.gid", ecs::FILE_GID, Text),
        ("input.related.groups.gid", ecs::GROUP_ID, Text),
        ("input.related.groups.name", ecs::GROUP_NAME, Text),
        ("input.related.users.name", ecs::RELATED_USER, Set),
    ],
    ..Spec::NONE
});

/// Rows of the process that an event of Open Directory and its like was asked for by.
macro_rules! telemetry_rows {
    ($($instigated:literal)*) => {
        &[
            // Of an execution the new program is the process; of what a service does for another, the other is.
            ("event.exec.target.audit_token.pid", ecs::PROCESS_PID, Number),
            ("event.exec.target.audit_token.uuid", ecs::PROCESS_ENTITY_ID, Text),
            ("event.exec.target.audit_token.euid", ecs::USER_EFFECTIVE_ID, Text),
            ("event.exec.target.executable.path", ecs::PROCESS_EXECUTABLE, Text),
            ("event.exec.target.parent_audit_token.uuid", ecs::PROCESS_PARENT_ENTITY_ID, Text),
            ("event.exec.target.ppid", ecs::PROCESS_PARENT_PID, Number),
            ("event.exec.cwd.path", ecs::PROCESS_WORKING_DIRECTORY, Text),
            ("event.exec.args", ecs::PROCESS_ARGS, Set),
            $(
                (concat!("event.", $instigated, ".audit_token.pid"), ecs::PROCESS_PID, Number),
                (concat!("event.", $instigated, ".audit_token.uuid"), ecs::PROCESS_ENTITY_ID, Text),
                (concat!("event.", $instigated, ".audit_token.euid"), ecs::USER_EFFECTIVE_ID, Text),
                (concat!("event.", $instigated, ".executable.path"), ecs::PROCESS_EXECUTABLE, Text),
                (concat!("event.", $instigated, ".parent_audit_token.uuid"), ecs::PROCESS_PARENT_ENTITY_ID, Text),
                (concat!("event.", $instigated, ".ppid"), ecs::PROCESS_PARENT_PID, Number),
            )*
            ("process.audit_token.pid", ecs::PROCESS_PID, Number),
            ("process.audit_token.uuid", ecs::PROCESS_ENTITY_ID, Text),
            ("process.audit_token.euid", ecs::USER_EFFECTIVE_ID, Text),
            ("process.executable.path", ecs::PROCESS_EXECUTABLE, Text),
            ("process.parent_audit_token.uuid", ecs::PROCESS_PARENT_ENTITY_ID, Text),
            ("process.ppid", ecs::PROCESS_PARENT_PID, Number),
            ("event_type", ecs::EVENT_CODE, Means(EVENTS)),
            ("uuid", ecs::EVENT_ID, Text),
            ("time", ecs::EVENT_START, Time(Clock::IsoUtc)),
            ("glob_seq_num", ecs::EVENT_SEQUENCE, Number),
            ("host.hostname", ecs::HOST_HOSTNAME, Host),
            ("host.hostname", ecs::HOST_NAME, Lower),
            ("host.provisioningUDID", ecs::HOST_ID, Text),
            ("host.ips", ecs::HOST_IP, Ips),
            ("host.protectVersion", ecs::OBSERVER_VERSION, Text),
            ("thread.thread_id", ecs::PROCESS_THREAD_ID, Number),
            ("event.lw_session_login.username", ecs::USER_NAME, User),
            ("event.lw_session_logout.username", ecs::USER_NAME, User),
            ("event.lw_session_lock.username", ecs::USER_NAME, User),
            ("event.lw_session_unlock.username", ecs::USER_NAME, User),
            ("event.login_login.username", ecs::USER_NAME, User),
            ("event.login_login.uid", ecs::USER_ID, Text),
            ("event.login_logout.username", ecs::USER_NAME, User),
            ("event.login_logout.uid", ecs::USER_ID, Text),
            ("event.openssh_login.username", ecs::USER_NAME, User),
            ("event.openssh_login.source_address", ecs::SOURCE_IP, Ip),
            ("event.openssh_logout.username", ecs::USER_NAME, User),
            ("event.openssh_logout.source_address", ecs::SOURCE_IP, Ip),
            ("event.screensharing_attach.source_address", ecs::SOURCE_IP, Ip),
            ("event.screensharing_attach.authentication_username", ecs::USER_NAME, User),
            ("event.su.from_username", ecs::RELATED_USER, Set),
            ("event.su.to_username", ecs::USER_TARGET_NAME, User),
            ("event.sudo.from_username", ecs::RELATED_USER, Set),
            ("event.sudo.to_username", ecs::USER_TARGET_NAME, User),
            ("event.sudo.command", ecs::PROCESS_COMMAND_LINE, Text),
            ("event.od_create_user.user_name", ecs::USER_NAME, User),
            ("event.od_delete_user.user_name", ecs::USER_NAME, User),
            ("event.od_enable_user.user_name", ecs::USER_NAME, User),
            ("event.od_disable_user.user_name", ecs::USER_NAME, User),
            ("event.od_modify_password.account_name", ecs::USER_NAME, User),
            ("event.od_attribute_value_add.record_name", ecs::USER_NAME, User),
            ("event.od_group_add.group_name", ecs::GROUP_NAME, Text),
            ("event.od_group_add.member.member_value", ecs::USER_NAME, User),
            ("event.od_group_remove.group_name", ecs::GROUP_NAME, Text),
            ("event.od_group_remove.member.member_value", ecs::USER_NAME, User),
            ("event.od_create_group.group_name", ecs::GROUP_NAME, Text),
            ("event.od_delete_group.group_name", ecs::GROUP_NAME, Text),
            ("event.od_group_add.db_path", ecs::FILE_PATH, FilePath),
            ("event.od_group_remove.db_path", ecs::FILE_PATH, FilePath),
            ("event.od_modify_password.db_path", ecs::FILE_PATH, FilePath),
            ("event.od_attribute_value_add.db_path", ecs::FILE_PATH, FilePath),
            ("event.od_attribute_set.db_path", ecs::FILE_PATH, FilePath),
            ("event.od_create_user.db_path", ecs::FILE_PATH, FilePath),
            ("event.chroot.target.path", ecs::FILE_PATH, FilePath),
            ("event.mount.statfs.f_mntonname", ecs::FILE_PATH, Text),
            ("event.xp_malware_detected.detected_path", ecs::FILE_PATH, FilePath),
            ("event.xp_malware_detected.malware_identifier", ecs::RULE_NAME, Text),
            ("event.xp_malware_remediated.remediated_path", ecs::FILE_PATH, FilePath),
            ("event.xp_malware_remediated.malware_identifier", ecs::RULE_NAME, Text),
            ("event.authentication.success", ecs::EVENT_OUTCOME, OUTCOME),
            ("event.openssh_login.success", ecs::EVENT_OUTCOME, OUTCOME),
            ("event.login_login.success", ecs::EVENT_OUTCOME, OUTCOME),
            ("event.su.success", ecs::EVENT_OUTCOME, OUTCOME),
            ("event.sudo.success", ecs::EVENT_OUTCOME, OUTCOME),
            ("event.xp_malware_remediated.success", ecs::EVENT_OUTCOME, OUTCOME),
        ]
    };
}

const OUTCOME: super::json_table::How = Map(&[("true", "success"), ("false", "failure")]);

static TELEMETRY_ROWS: &[Row] = telemetry_rows!(
    "od_group_add.instigator" "od_group_remove.instigator" "od_group_set.instigator" "od_modify_password.instigator"
    "od_disable_user.instigator" "od_enable_user.instigator" "od_attribute_value_add.instigator"
    "od_attribute_value_remove.instigator" "od_attribute_set.instigator" "od_create_user.instigator"
    "od_create_group.instigator" "od_delete_user.instigator" "od_delete_group.instigator"
    "btm_launch_item_add.instigator" "btm_launch_item_remove.instigator" "profile_add.instigator"
    "profile_remove.instigator" "authentication.data.od.instigator" "authentication.data.touchid.instigator"
    "authentication.data.token.instigator" "authentication.data.auto_unlock.instigator"
);

static TELEMETRY: JsonTable = JsonTable::new(Spec {
    product: products::JAMF_PROTECT,
    constants: &[
        (ecs::EVENT_KIND, "event"),
        (ecs::EVENT_PROVIDER, "Jamf Protect"),
        (C, "process"),
        (T, "info"),
        (ecs::HOST_OS_FAMILY, "macos"),
        (ecs::HOST_OS_TYPE, "macos"),
        (ecs::HOST_OS_NAME, "macOS"),
    ],
    time: &[("time", Clock::IsoUtc)],
    rows: TELEMETRY_ROWS,
    ..Spec::NONE
});

macro_rules! events {
    ($($number:literal $name:literal $reason:literal $($category:literal)*; $($kind:literal)*,)*) => {
        &[$(($number, &[(A, $name), (R, $reason) $(, (C, $category))* $(, (T, $kind))*])),*]
    };
}

/// Events of Endpoint Security by number, and Jamf's own above 9000.
static EVENTS: &[(&str, Constants)] = events!(
    "9" "exec" "A new process has been executed"; "start",
    "11" "fork" "A process has forked"; "start",
    "15" "exit" "A process has exited"; "end",
    "17" "kextload" "A kernel extension (kext) was loaded" "configuration"; "change",
    "18" "kextunload" "A kernel extension (kext) was unloaded" "configuration"; "change",
    "22" "mount" "A file system has been mounted" "file"; "change",
    "23" "unmount" "A file system has been unmounted" "file"; "change",
    "57" "chroot" "Software has changed its apparent root directory in which it's actively operating out of"; "change",
    "94" "cs_invalidate" "The code signature of a process has become invalid"; "info",
    "111" "authentication" "A user authentication happened" "authentication"; "info",
    "112" "xp_malware_detected" "Apple’s XProtect detected malware on the system" "malware"; "info",
    "113" "xp_malware_remediated" "Apple’s XProtect remediated malware on the system" "malware"; "info",
    "114" "lw_session_login" "A user has logged in via the Login Window" "authentication"; "start",
    "115" "lw_session_logout" "A user has logged out via the Login Window" "authentication"; "end",
    "116" "lw_session_lock" "A user has locked the screen" "authentication"; "end",
    "117" "lw_session_unlock" "A user has unlocked the screen from the Login Window" "authentication"; "start",
    "118" "screensharing_attach" "A screen sharing session has attached" "authentication" "session"; "start",
    "119" "screensharing_detach" "A screen sharing session has detached" "authentication" "session"; "end",
    "120" "openssh_login" "A user has logged into the system via OpenSSH" "authentication" "session"; "start",
    "121" "openssh_logout" "A user has logged out of an OpenSSH session" "authentication" "session"; "end",
    "122" "login_login" "A user logged in via /usr/bin/login" "authentication"; "start",
    "123" "login_logout" "A user logged out from /usr/bin/login" "authentication"; "end",
    "124" "btm_launch_item_add" "Apple’s Background Task Manager notified that an item has been added" "configuration"; "change",
    "125" "btm_launch_item_remove" "Apple’s Background Task Manager notified that an existing item has been removed" "configuration"; "change",
    "126" "profile_add" "A configuration profile is installed on the system" "configuration"; "creation",
    "127" "profile_remove" "A configuration profile is removed from the system" "configuration"; "deletion",
    "128" "su" "A user attempts to start a new shell using a substitute user identity" "authentication"; "start",
    "130" "authorization_judgement" "A process had its right petition judged" "authentication"; "info",
    "131" "sudo" "A sudo attempt occurred" "authentication"; "start",
    "132" "od_group_add" "A member has been added to a group using Open Directory" "configuration"; "change" "creation",
    "133" "od_group_remove" "A member has been removed from a group using Open Directory" "configuration"; "change" "deletion",
    "134" "od_group_set" "A group has a member initialised or replaced using Open Directory" "configuration"; "change",
    "135" "od_modify_password" "A user password is modified via Open Directory" "configuration"; "change",
    "136" "od_disable_user" "A user has been disabled using Open Directory" "configuration"; "change",
    "137" "od_enable_user" "A user has been enabled using Open Directory" "configuration"; "change",
    "138" "od_attribute_value_add" "Attribute added to a user or group using Open Directory" "configuration"; "creation",
    "139" "od_attribute_value_remove" "Attribute removed from a user or group using Open Directory" "configuration"; "deletion",
    "140" "od_attribute_set" "Attribute set on user or group using Open Directory" "configuration"; "creation",
    "141" "od_create_user" "A user has been created using Open Directory" "configuration"; "creation",
    "142" "od_create_group" "A group has been created using Open Directory" "configuration"; "creation",
    "143" "od_delete_user" "A user has been deleted using Open Directory" "configuration"; "deletion",
    "144" "od_delete_group" "A group has been deleted using Open Directory" "configuration"; "deletion",
    "9002" "file_collection" "A crash or diagnostic file is detected being created"; "info",
);

static THREATS: JsonTable = JsonTable::new(Spec {
    product: products::JAMF_PROTECT,
    constants: &[(ecs::EVENT_KIND, "alert"), (ecs::EVENT_PROVIDER, "Jamf Protect"), (C, "host")],
    time: &[("timestamp", Clock::IsoUtc)],
    rows: &[
        ("alertId", ecs::EVENT_ID, Text),
        ("timestamp", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("action", A, Text),
        ("severity", ecs::EVENT_SEVERITY, Number),
        ("eventType.name", ecs::RULE_NAME, Text),
        ("eventType.description", ecs::RULE_DESCRIPTION, Text),
        ("eventType.description", R, Text),
        ("account.customerId", ecs::ORGANIZATION_ID, Text),
        ("device.deviceId", ecs::HOST_ID, Text),
        ("device.userDeviceName", ecs::HOST_HOSTNAME, Text),
        ("device.os", ecs::HOST_OS_FULL, Text),
        ("destination.ip", ecs::DESTINATION_ADDRESS, Text),
        ("destination.ip", ecs::DESTINATION_IP, Ip),
        ("destination.name", ecs::DESTINATION_DOMAIN, Host),
        ("destination.port", ecs::DESTINATION_PORT, Port),
        ("source.ip", ecs::SOURCE_IP, Ip),
        ("source.port", ecs::SOURCE_PORT, Port),
        ("app.name", ecs::FILE_NAME, Text),
        ("app.sha1", ecs::FILE_HASH_SHA1, Hash),
        ("app.sha256", ecs::FILE_HASH_SHA256, Hash),
        ("user.name", ecs::USER_NAME, User),
        ("user.email", ecs::USER_EMAIL, User),
        ("eventUrl", ecs::EVENT_REFERENCE, Text),
    ],
    ..Spec::NONE
});

static TRAFFIC: JsonTable = JsonTable::new(Spec {
    product: products::JAMF_PROTECT,
    constants: &[
        (ecs::EVENT_KIND, "event"),
        (ecs::EVENT_PROVIDER, "Jamf Protect"),
        (C, "host"),
        (C, "network"),
        (T, "connection"),
    ],
    time: &[("timestamp", Clock::IsoUtc)],
    rows: &[
        ("timestamp", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("signatureId.name", A, Text),
        ("signatureId.name", ecs::RULE_NAME, Text),
        ("threat.result", R, Text),
        ("hostName", ecs::DNS_QUESTION_NAME, Host),
        ("dns.recordType", ecs::DNS_QUESTION_TYPE, Text),
        ("dns.responseStatus", ecs::DNS_RESPONSE_CODE, Text),
        ("destination.ips", ecs::DNS_RESOLVED_IP, Ips),
        ("source.ip", ecs::SOURCE_IP, Ip),
        ("device.deviceId", ecs::HOST_ID, Text),
        (
            "device.osType",
            ecs::HOST_OS_TYPE,
            Map(&[("IOS", "ios"), ("MAC_OS", "macos"), ("ANDROID", "android"), ("WINDOWS", "windows")]),
        ),
        ("account.customerId", ecs::ORGANIZATION_ID, Text),
        ("user.name", ecs::USER_NAME, User),
        ("user.email", ecs::USER_EMAIL, User),
        ("blocked", ecs::EVENT_OUTCOME, Map(&[("false", "success"), ("true", "failure")])),
    ],
    ..Spec::NONE
});

fn read_alert(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    ALERTS.apply(writer, context);
    let ids = ids();
    put_digests(writer, ids.binary_sha1, None, Some(ecs::PROCESS_HASH_SHA1), None);
    put_digests(writer, ids.binary_sha256, None, None, Some(ecs::PROCESS_HASH_SHA256));
    put_digests(writer, ids.file_sha1, None, Some(ecs::FILE_HASH_SHA1), None);
    put_digests(writer, ids.file_sha256, None, None, Some(ecs::FILE_HASH_SHA256));
    put_process_name(writer);
    true
}

fn read_telemetry(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TELEMETRY.apply(writer, context);
    put_process_name(writer);
    put_command_line(writer);
    // `Version 14.4.1 (Build 23E224)`
    if let Some((os, _)) = writer.first_span(ids().os) {
        let text = writer.bytes(os);
        let digits = text.strip_prefix(b"Version ").map(|rest| rest.iter().take_while(|&&byte| byte != b' ').count());
        if let Some(len) = digits {
            writer.put_span(ecs::HOST_OS_VERSION, os.part(8..8 + len), Kind::Text, false);
        }
    }
    true
}

/// Most arguments of a command line.
const ARGS_MAX: usize = 256;

/// The arguments of an execution, with blanks between: there is no command line that says them.
fn put_command_line(writer: &mut EventWriter<'_>) {
    if !writer.derives() || writer.view().has(ecs::PROCESS_COMMAND_LINE) {
        return;
    }
    let mut args = [Span::default(); ARGS_MAX];
    let mut count = 0;
    for (to, field) in args.iter_mut().zip(writer.view().all(ecs::PROCESS_ARGS)) {
        *to = field.span();
        count += 1;
    }
    if count == 0 {
        return;
    }
    let from = writer.arena_start();
    for (at, arg) in args[..count].iter().enumerate() {
        if at > 0 {
            writer.arena_push(b" ");
        }
        writer.arena_push_span(*arg);
    }
    let line = writer.arena_end(from);
    writer.put_span(ecs::PROCESS_COMMAND_LINE, line, Kind::Text, false);
}

fn put_process_name(writer: &mut EventWriter<'_>) {
    if let Some((path, _)) = writer.first_span(ecs::PROCESS_EXECUTABLE) {
        put_path(writer, path, ecs::PROCESS_NAME, None, None);
    }
}

fn read_threat(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    THREATS.apply(writer, context);
    relate(writer, ecs::HOST_HOSTNAME, ecs::RELATED_HOSTS);
    true
}

fn read_traffic(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TRAFFIC.apply(writer, context)
}
