//! Windows Security events as Winlogbeat JSON (exported fields `winlog.*`) and as flat NXLog JSON (`im_msvistalog`).

use super::put::{Hex, Piece, put};
use super::scene::Scene;
use super::world::User;

/// The Winlogbeat envelope that opens a Security event; `event_data` members follow.
struct Security {
    code: &'static str,
    action: &'static str,
    success: bool,
}

const LOGON: Security = Security { code: "4624", action: "Logon", success: true };
const LOGON_FAILED: Security = Security { code: "4625", action: "Logon", success: false };
const PROCESS: Security = Security { code: "4688", action: "Process Creation", success: true };
const PRIVILEGES: Security = Security { code: "4672", action: "Special Logon", success: true };
const LOGOFF: Security = Security { code: "4634", action: "Logoff", success: true };
const USER_CREATED: Security = Security { code: "4720", action: "User Account Management", success: true };
const MEMBER_ADDED: Security = Security { code: "4732", action: "Security Group Management", success: true };

/// Programs that start all day, JSON-escaped: image path and command line.
const PROGRAMS: [(&str, &str); 6] = [
    (r"C:\\Windows\\System32\\svchost.exe", r"C:\\Windows\\system32\\svchost.exe -k netsvcs -p -s gpsvc"),
    (r"C:\\Windows\\System32\\cmd.exe", r"C:\\Windows\\system32\\cmd.exe /c dir C:\\Work"),
    (r"C:\\Windows\\System32\\taskhostw.exe", r"taskhostw.exe Install $(Arg0)"),
    (r"C:\\Program Files\\Mail\\mail.exe", r#"\"C:\\Program Files\\Mail\\mail.exe\" /recycle"#),
    (
        r"C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
        r"powershell.exe -NoProfile -File C:\\Scripts\\inventory.ps1",
    ),
    (r"C:\\Windows\\System32\\rundll32.exe", r"rundll32.exe C:\\Windows\\system32\\shell32.dll,Control_RunDLL"),
];

/// The start of a domain SID; the relative id of a user follows.
const SID: &str = "S-1-5-21-1004336348-1177238915-682003330-";

pub(crate) fn write(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    match scene.rng.below(100) {
        0..40 => logon(out, scene),
        40..47 => {
            let (user, from) = (scene.anyone(), scene.anywhere_inside());
            logon_failed(out, scene, user, from);
        }
        47..72 => process(out, scene),
        72..84 => privileges(out, scene),
        84..99 => logoff(out, scene),
        _ => {
            let (user, by) = (scene.user(), scene.user());
            member_added(out, scene, &user, u64::from(user.0) + 1_100, by, "Remote Desktop Users", "S-1-5-32-555");
        }
    }
}

fn open(out: &mut Vec<u8>, scene: &mut Scene<'_>, event: &Security) {
    let host = scene.workstation();
    put!(out; "{\"@timestamp\":\"", scene.stamp.iso_ms(), "\",\"agent\":{\"type\":\"winlogbeat\",\"version\":\"8.19.2\"},\"event\":{\"action\":\"", event.action,
        "\",\"code\":\"", event.code, "\",\"kind\":\"event\",\"outcome\":\"", if event.success { "success" } else { "failure" },
        "\",\"provider\":\"Microsoft-Windows-Security-Auditing\"},\"host\":{\"name\":\"", host,
        "\"},\"log\":{\"level\":\"information\"},\"winlog\":{\"api\":\"wineventlog\",\"channel\":\"Security\",\"computer_name\":\"", host,
        ".corp.example.com\",\"event_id\":\"", event.code, "\",\"keywords\":[\"", if event.success { "Audit Success" } else { "Audit Failure" },
        "\"],\"opcode\":\"Info\",\"provider_guid\":\"{54849625-5478-4994-a5ba-3e3b0328c30d}\",\"provider_name\":\"Microsoft-Windows-Security-Auditing\",\"record_id\":",
        2_000_000 + scene.serial, ",\"task\":\"", event.action, "\",\"event_data\":{");
}

fn close(out: &mut Vec<u8>) {
    put!(out; "}}}");
}

fn logon(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (user, from, station) = (scene.user(), scene.inside(), scene.workstation());
    let (id, port) = (scene.rng.draw(), scene.port());
    let (kind, package) = if scene.rng.per_mille(800) { ("3", "Kerberos") } else { ("10", "Negotiate") };
    open(out, scene, &LOGON);
    put!(out; "\"AuthenticationPackageName\":\"", package, "\",\"ElevatedToken\":\"%%1843\",\"IpAddress\":\"", from, "\",\"IpPort\":\"", port,
        "\",\"LogonProcessName\":\"", package, "\",\"LogonType\":\"", kind, "\",\"ProcessName\":\"-\",\"SubjectUserName\":\"-\",\"SubjectUserSid\":\"S-1-0-0\",\"TargetDomainName\":\"CORP\",\"TargetLogonId\":\"0x",
        Hex(id, 8), "\",\"TargetUserName\":\"", user, "\",\"TargetUserSid\":\"", SID, u64::from(user.0) + 1_100, "\",\"WorkstationName\":\"", station, "\"");
    close(out);
}

/// 4625: wrong password.
pub(crate) fn logon_failed(out: &mut Vec<u8>, scene: &mut Scene<'_>, user: User, from: std::net::IpAddr) {
    let (station, port) = (scene.workstation(), scene.port());
    open(out, scene, &LOGON_FAILED);
    put!(out; "\"AuthenticationPackageName\":\"NTLM\",\"FailureReason\":\"%%2313\",\"IpAddress\":\"", from, "\",\"IpPort\":\"", port,
        "\",\"LogonProcessName\":\"NtLmSsp\",\"LogonType\":\"3\",\"Status\":\"0xc000006d\",\"SubStatus\":\"0xc000006a\",\"SubjectUserName\":\"-\",\"SubjectUserSid\":\"S-1-0-0\",\"TargetDomainName\":\"CORP\",\"TargetUserName\":\"",
        user, "\",\"TargetUserSid\":\"S-1-0-0\",\"WorkstationName\":\"", station, "\"");
    close(out);
}

fn process(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (user, id) = (scene.user(), scene.rng.draw());
    let (image, command) = PROGRAMS[scene.rng.below(PROGRAMS.len() as u64) as usize];
    open(out, scene, &PROCESS);
    put!(out; "\"CommandLine\":\"", command, "\",\"NewProcessId\":\"0x", Hex(id >> 40, 4), "\",\"NewProcessName\":\"", image,
        "\",\"ParentProcessName\":\"C:\\\\Windows\\\\explorer.exe\",\"ProcessId\":\"0x", Hex(id >> 20, 4),
        "\",\"SubjectDomainName\":\"CORP\",\"SubjectLogonId\":\"0x", Hex(id, 8), "\",\"SubjectUserName\":\"", user, "\",\"SubjectUserSid\":\"", SID,
        u64::from(user.0) + 1_100, "\",\"TokenElevationType\":\"%%1938\"");
    close(out);
}

fn privileges(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (user, id) = (scene.user(), scene.rng.draw());
    open(out, scene, &PRIVILEGES);
    put!(out; "\"PrivilegeList\":\"SeSecurityPrivilege\\n\\t\\t\\tSeBackupPrivilege\\n\\t\\t\\tSeRestorePrivilege\",\"SubjectDomainName\":\"CORP\",\"SubjectLogonId\":\"0x",
        Hex(id, 8), "\",\"SubjectUserName\":\"", user, "\",\"SubjectUserSid\":\"", SID, u64::from(user.0) + 1_100, "\"");
    close(out);
}

fn logoff(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (user, id) = (scene.user(), scene.rng.draw());
    open(out, scene, &LOGOFF);
    put!(out; "\"LogonType\":\"3\",\"TargetDomainName\":\"CORP\",\"TargetLogonId\":\"0x", Hex(id, 8), "\",\"TargetUserName\":\"", user,
        "\",\"TargetUserSid\":\"", SID, u64::from(user.0) + 1_100, "\"");
    close(out);
}

/// 4720: a user account was created.
pub(crate) fn user_created(out: &mut Vec<u8>, scene: &mut Scene<'_>, name: &str, by: User) {
    open(out, scene, &USER_CREATED);
    put!(out; "\"AccountExpires\":\"%%1794\",\"DisplayName\":\"%%1793\",\"NewUacValue\":\"0x15\",\"OldUacValue\":\"0x0\",\"PrimaryGroupId\":\"513\",\"SamAccountName\":\"", name,
        "\",\"SubjectDomainName\":\"CORP\",\"SubjectUserName\":\"", by, "\",\"SubjectUserSid\":\"", SID, u64::from(by.0) + 1_100,
        "\",\"TargetDomainName\":\"CORP\",\"TargetSid\":\"", SID, "290117\",\"TargetUserName\":\"", name, "\",\"UserAccountControl\":\"%%2080 %%2082 %%2084\"");
    close(out);
}

/// 4732: a member was added to a local group.
pub(crate) fn member_added(
    out: &mut Vec<u8>,
    scene: &mut Scene<'_>,
    member: &dyn Piece,
    member_rid: u64,
    by: User,
    group: &str,
    group_sid: &str,
) {
    open(out, scene, &MEMBER_ADDED);
    put!(out; "\"MemberName\":\"CN=");
    member.put(out);
    put!(out; ",OU=Staff,DC=corp,DC=example,DC=com\",\"MemberSid\":\"", SID, member_rid,
        "\",\"PrivilegeList\":\"-\",\"SubjectDomainName\":\"CORP\",\"SubjectUserName\":\"", by, "\",\"SubjectUserSid\":\"", SID, u64::from(by.0) + 1_100,
        "\",\"TargetDomainName\":\"Builtin\",\"TargetSid\":\"", group_sid, "\",\"TargetUserName\":\"", group, "\"");
    close(out);
}

/// 4624 and 4634 as NXLog writes them: flat, with its own names for the system part.
pub(crate) fn write_flat(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (user, from, host, station) = (scene.user(), scene.inside(), scene.workstation(), scene.workstation());
    let logon = scene.rng.per_mille(700);
    put!(out; "{\"EventTime\":\"", scene.stamp.iso_ms(), "\",\"Hostname\":\"", host, ".corp.example.com\",\"Keywords\":\"9232379236109516800\",\"EventType\":\"AUDIT_SUCCESS\",\"SeverityValue\":2,\"Severity\":\"INFO\",\"EventID\":",
        if logon { "4624" } else { "4634" }, ",\"SourceName\":\"Microsoft-Windows-Security-Auditing\",\"TaskValue\":", if logon { "12544" } else { "12545" },
        ",\"RecordNumber\":", 3_000_000 + scene.serial, ",\"ExecutionProcessID\":716,\"Channel\":\"Security\",\"Category\":\"", if logon { "Logon" } else { "Logoff" },
        "\",\"Opcode\":\"Info\",\"TargetUserSid\":\"", SID, u64::from(user.0) + 1_100, "\",\"TargetUserName\":\"", user,
        "\",\"TargetDomainName\":\"CORP\",\"TargetLogonId\":\"0x", Hex(scene.rng.draw(), 8), "\",\"LogonType\":\"3\"");
    if logon {
        put!(out; ",\"LogonProcessName\":\"Kerberos\",\"WorkstationName\":\"", station, "\",\"IpAddress\":\"", from, "\",\"IpPort\":\"", scene.port(), "\"");
    }
    put!(out; ",\"EventReceivedTime\":\"", scene.stamp.iso_ms(), "\",\"SourceModuleName\":\"eventlog\",\"SourceModuleType\":\"im_msvistalog\"}");
}
