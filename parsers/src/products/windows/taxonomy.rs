//! Event ids to the schema's taxonomy.
//!
//! Security: the event lists of Microsoft's "Audit events" reference, with the action names that
//! Elastic's Windows integrations use. Sysmon: the event list of the Sysmon 15 documentation.

use crate::logsource::{self, LogSourceId};

/// What an event id means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meaning {
    pub(super) id: u32,
    pub(super) action: &'static str,
    pub(super) categories: &'static [&'static str],
    pub(super) types: &'static [&'static str],
}

macro_rules! meanings {
    ($($id:literal $action:literal [$($category:literal)*] [$($kind:literal)*])*) => {
        &[$(Meaning { id: $id, action: $action, categories: &[$($category),*], types: &[$($kind),*] },)*]
    };
}

/// Sorted by id.
pub(super) static SECURITY: &[Meaning] = meanings! {
    1100 "logging-service-shutdown" ["process"] ["end"]
    1102 "audit-log-cleared" ["iam"] ["admin" "change"]
    1104 "logging-full" ["iam"] ["admin"]
    1105 "auditlog-archieved" ["iam"] ["admin"]
    1108 "logging-processing-error" ["iam"] ["admin"]
    4608 "windows-starting-up" ["host"] ["start"]
    4624 "logged-in" ["authentication"] ["start"]
    4625 "logon-failed" ["authentication"] ["start"]
    4634 "logged-out" ["authentication"] ["end"]
    4647 "logged-out" ["authentication"] ["end"]
    4648 "logged-in-explicit" ["authentication"] ["start"]
    4657 "registry-value-modified" ["configuration" "registry"] ["change"]
    4670 "permissions-changed" ["iam" "configuration"] ["admin" "change"]
    4672 "logged-in-special" ["iam"] ["admin"]
    4673 "privileged-service-called" ["iam"] ["admin"]
    4674 "privileged-operation" ["iam"] ["admin"]
    4688 "created-process" ["process"] ["start"]
    4689 "exited-process" ["process"] ["end"]
    4697 "service-installed" ["iam" "configuration"] ["admin" "change"]
    4698 "scheduled-task-created" ["iam" "configuration"] ["creation" "admin"]
    4699 "scheduled-task-deleted" ["iam" "configuration"] ["deletion" "admin"]
    4700 "scheduled-task-enabled" ["iam" "configuration"] ["change" "admin"]
    4701 "scheduled-task-disabled" ["iam" "configuration"] ["change" "admin"]
    4702 "scheduled-task-updated" ["iam" "configuration"] ["change" "admin"]
    4706 "domain-trust-added" ["configuration"] ["creation"]
    4707 "domain-trust-removed" ["configuration"] ["deletion"]
    4713 "kerberos-policy-changed" ["configuration"] ["change"]
    4714 "encrypted-data-recovery-policy-changed" ["configuration"] ["change"]
    4715 "object-audit-policy-changed" ["configuration"] ["change"]
    4716 "trusted-domain-information-changed" ["configuration"] ["change"]
    4717 "system-security-access-granted" ["iam" "configuration"] ["admin" "change"]
    4718 "system-security-access-removed" ["iam" "configuration"] ["admin" "deletion"]
    4719 "changed-audit-config" ["iam" "configuration"] ["admin" "change"]
    4720 "added-user-account" ["iam"] ["user" "creation"]
    4722 "enabled-user-account" ["iam"] ["user" "change"]
    4723 "changed-password" ["iam"] ["user" "change"]
    4724 "reset-password" ["iam"] ["user" "change"]
    4725 "disabled-user-account" ["iam"] ["user" "deletion"]
    4726 "deleted-user-account" ["iam"] ["user" "deletion"]
    4727 "added-group-account" ["iam"] ["group" "creation"]
    4728 "added-member-to-group" ["iam"] ["group" "change"]
    4729 "removed-member-from-group" ["iam"] ["group" "change"]
    4730 "deleted-group-account" ["iam"] ["group" "deletion"]
    4731 "added-group-account" ["iam"] ["group" "creation"]
    4732 "added-member-to-group" ["iam"] ["group" "change"]
    4733 "removed-member-from-group" ["iam"] ["group" "change"]
    4734 "deleted-group-account" ["iam"] ["group" "deletion"]
    4735 "modified-group-account" ["iam"] ["group" "change"]
    4737 "modified-group-account" ["iam"] ["group" "change"]
    4738 "modified-user-account" ["iam"] ["user" "change"]
    4739 "domain-policy-changed" ["configuration"] ["change"]
    4740 "locked-out-user-account" ["iam"] ["user" "change"]
    4741 "added-computer-account" ["iam"] ["creation" "admin"]
    4742 "changed-computer-account" ["iam"] ["change" "admin"]
    4743 "deleted-computer-account" ["iam"] ["deletion" "admin"]
    4744 "added-distribution-group-account" ["iam"] ["group" "creation"]
    4745 "changed-distribution-group-account" ["iam"] ["group" "change"]
    4746 "added-member-to-distribution-group" ["iam"] ["group" "change"]
    4747 "removed-member-from-distribution-group" ["iam"] ["group" "change"]
    4748 "deleted-distribution-group-account" ["iam"] ["group" "deletion"]
    4749 "added-distribution-group-account" ["iam"] ["group" "creation"]
    4750 "changed-distribution-group-account" ["iam"] ["group" "change"]
    4751 "added-member-to-distribution-group" ["iam"] ["group" "change"]
    4752 "removed-member-from-distribution-group" ["iam"] ["group" "change"]
    4753 "deleted-distribution-group-account" ["iam"] ["group" "deletion"]
    4754 "added-group-account" ["iam"] ["group" "creation"]
    4755 "modified-group-account" ["iam"] ["group" "change"]
    4756 "added-member-to-group" ["iam"] ["group" "change"]
    4757 "removed-member-from-group" ["iam"] ["group" "change"]
    4758 "deleted-group-account" ["iam"] ["group" "deletion"]
    4759 "added-distribution-group-account" ["iam"] ["group" "creation"]
    4760 "changed-distribution-group-account" ["iam"] ["group" "change"]
    4761 "added-member-to-distribution-group" ["iam"] ["group" "change"]
    4762 "removed-member-from-distribution-group" ["iam"] ["group" "change"]
    4763 "deleted-distribution-group-account" ["iam"] ["group" "deletion"]
    4764 "type-changed-group-account" ["iam"] ["group" "change"]
    4767 "unlocked-user-account" ["iam"] ["user" "change"]
    4768 "kerberos-authentication-ticket-requested" ["authentication"] ["start"]
    4769 "kerberos-service-ticket-requested" ["authentication"] ["start"]
    4770 "kerberos-service-ticket-renewed" ["authentication"] ["start"]
    4771 "kerberos-preauth-failed" ["authentication"] ["start"]
    4776 "credential-validated" ["authentication"] ["start"]
    4778 "session-reconnected" ["authentication" "session"] ["start"]
    4779 "session-disconnected" ["authentication" "session"] ["end"]
    4781 "renamed-user-account" ["iam"] ["user" "change"]
    4797 "query-existence-of-blank-password" ["iam"] ["user" "info"]
    4798 "group-membership-enumerated" ["iam"] ["user" "info"]
    4799 "user-member-enumerated" ["iam"] ["group" "info"]
    4817 "object-audit-changed" ["iam" "configuration"] ["admin" "change"]
    4902 "user-audit-policy-created" ["iam" "configuration"] ["admin" "creation"]
    4904 "security-event-source-added" ["iam" "configuration"] ["admin" "change"]
    4905 "security-event-source-removed" ["iam" "configuration"] ["admin" "deletion"]
    4906 "crash-on-audit-changed" ["iam" "configuration"] ["admin" "change"]
    4907 "audit-setting-changed" ["iam" "configuration"] ["admin" "change"]
    4908 "special-group-table-changed" ["iam" "configuration"] ["admin" "change"]
    4912 "per-user-audit-policy-changed" ["iam" "configuration"] ["admin" "change"]
    4946 "windows-firewall-rule-added" ["configuration"] ["creation"]
    4947 "windows-firewall-rule-changed" ["configuration"] ["change"]
    4948 "windows-firewall-rule-deleted" ["configuration"] ["deletion"]
    4950 "windows-firewall-setting-changed" ["configuration"] ["change"]
    4954 "windows-firewall-group-policy-changed" ["configuration"] ["change"]
    4964 "logged-in-special" ["iam"] ["admin" "group"]
    5024 "windows-firewall-service-started" ["process"] ["start"]
    5025 "windows-firewall-service-stopped" ["process"] ["end"]
    5031 "windows-firewall-application-blocked" ["network"] ["connection" "denied"]
    5033 "windows-firewall-driver-started" ["driver"] ["start"]
    5034 "windows-firewall-driver-stopped" ["driver"] ["end"]
    5037 "windows-firewall-driver-error" ["driver"] ["end"]
    5136 "directory-service-object-modified" ["iam" "configuration"] ["admin" "change"]
    5137 "directory-service-object-created" ["iam" "configuration"] ["admin" "creation"]
    5140 "network-share-object-accessed" ["network" "file"] ["info" "access"]
    5141 "directory-service-object-deleted" ["iam" "configuration"] ["admin" "deletion"]
    5142 "network-share-object-added" ["configuration"] ["creation"]
    5143 "network-share-object-modified" ["configuration"] ["change"]
    5144 "network-share-object-deleted" ["configuration"] ["deletion"]
    5145 "network-share-object-access-checked" ["network" "file"] ["info" "access"]
    5152 "windows-firewall-packet-drop" ["network"] ["connection" "info" "denied"]
    5154 "windows-firewall-listen" ["network"] ["connection" "info" "allowed"]
    5155 "windows-firewall-listen-blocked" ["network"] ["connection" "info" "denied"]
    5156 "windows-firewall-connection" ["network"] ["connection" "info" "allowed"]
    5157 "windows-firewall-packet-block" ["network"] ["connection" "info" "denied"]
    5158 "windows-firewall-bind" ["network"] ["connection" "info" "allowed"]
    5159 "windows-firewall-bind-blocked" ["network"] ["connection" "info" "denied"]
    5379 "credential-manager-credentials-were-read" ["iam"] ["user" "info"]
    5380 "vault-credential-find" ["iam"] ["user" "info"]
    5381 "vault-credentials-were-read" ["iam"] ["user" "info"]
    5382 "vault-credentials-were-read" ["iam"] ["user" "info"]
};

/// Sorted by id.
pub(super) static SYSMON: &[Meaning] = meanings! {
    1 "Process creation" ["process"] ["start"]
    2 "A process changed a file creation time" ["file"] ["change"]
    3 "Network connection" ["network"] ["start" "connection" "protocol"]
    4 "Sysmon service state changed" ["process"] ["change"]
    5 "Process terminated" ["process"] ["end"]
    6 "Driver loaded" ["driver"] ["start"]
    7 "Image loaded" ["process"] ["change"]
    8 "CreateRemoteThread" ["process"] ["change"]
    9 "RawAccessRead" ["process"] ["access"]
    10 "ProcessAccess" ["process"] ["access"]
    11 "FileCreate" ["file"] ["creation"]
    12 "RegistryEvent (Object create and delete)" ["configuration" "registry"] ["change"]
    13 "RegistryEvent (Value Set)" ["configuration" "registry"] ["change"]
    14 "RegistryEvent (Key and Value Rename)" ["configuration" "registry"] ["change"]
    15 "FileCreateStreamHash" ["file"] ["access"]
    16 "ServiceConfigurationChange" ["configuration"] ["change"]
    17 "PipeEvent (Pipe Created)" ["file"] ["creation"]
    18 "PipeEvent (Pipe Connected)" ["file"] ["access"]
    19 "WmiEvent (WmiEventFilter activity detected)" ["process"] ["change"]
    20 "WmiEvent (WmiEventConsumer activity detected)" ["process"] ["change"]
    21 "WmiEvent (WmiEventConsumerToFilter activity detected)" ["process"] ["change"]
    22 "DNSEvent (DNS query)" ["network"] ["connection" "protocol" "info"]
    23 "FileDelete (File Delete archived)" ["file"] ["deletion"]
    24 "ClipboardChange (New content in the clipboard)" [] ["change"]
    25 "ProcessTampering (Process image change)" ["process"] ["change"]
    26 "FileDeleteDetected (File Delete logged)" ["file"] ["deletion"]
    27 "FileBlockExecutable" ["file"] ["creation"]
    28 "FileBlockShredding" ["file"] ["deletion"]
    29 "FileExecutableDetected" ["file"] ["creation"]
    255 "Error" ["process"] ["error"]
};

/// The meaning of an event id in a table sorted by id.
#[inline]
pub(super) fn find(table: &'static [Meaning], id: u32) -> Option<&'static Meaning> {
    table.binary_search_by_key(&id, |meaning| meaning.id).ok().map(|at| &table[at])
}

/// Event channels to log sources, as Sigma's taxonomy names them. Matched without case.
static CHANNELS: &[(&str, LogSourceId)] = &[
    ("Security", logsource::WINDOWS_SECURITY),
    ("System", logsource::WINDOWS_SYSTEM),
    ("Application", logsource::WINDOWS_APPLICATION),
    ("Windows PowerShell", logsource::WINDOWS_POWERSHELL_CLASSIC),
    ("Microsoft-Windows-PowerShell/Operational", logsource::WINDOWS_POWERSHELL),
    ("PowerShellCore/Operational", logsource::WINDOWS_POWERSHELL),
    ("Microsoft-Windows-Sysmon/Operational", logsource::SYSMON),
    ("Microsoft-Windows-TaskScheduler/Operational", logsource::WINDOWS_TASK_SCHEDULER),
    ("Microsoft-Windows-Windows Defender/Operational", logsource::WINDOWS_DEFENDER),
    ("Microsoft-Windows-Windows Firewall With Advanced Security/Firewall", logsource::WINDOWS_FIREWALL),
    ("Microsoft-Windows-WMI-Activity/Operational", logsource::WINDOWS_WMI),
    ("Microsoft-Windows-Bits-Client/Operational", logsource::WINDOWS_BITS),
    ("Microsoft-Windows-AppLocker/MSI and Script", logsource::WINDOWS_APPLOCKER),
    ("Microsoft-Windows-AppLocker/EXE and DLL", logsource::WINDOWS_APPLOCKER),
    ("Microsoft-Windows-AppLocker/Packaged app-Deployment", logsource::WINDOWS_APPLOCKER),
    ("Microsoft-Windows-AppLocker/Packaged app-Execution", logsource::WINDOWS_APPLOCKER),
    ("Microsoft-Windows-CodeIntegrity/Operational", logsource::WINDOWS_CODEINTEGRITY),
    ("Microsoft-Windows-DNS Client Events/Operational", logsource::WINDOWS_DNS_CLIENT),
    ("Microsoft-Windows-DNS-Client/Operational", logsource::WINDOWS_DNS_CLIENT),
    ("DNS Server", logsource::WINDOWS_DNS_SERVER),
    ("Microsoft-Windows-DNSServer/Analytical", logsource::WINDOWS_DNS_SERVER_ANALYTIC),
    ("Microsoft-Windows-DNSServer/Audit", logsource::WINDOWS_DNS_SERVER_AUDIT),
    ("Microsoft-Windows-DNS-Server/Analytical", logsource::WINDOWS_DNS_SERVER_ANALYTIC),
    ("Microsoft-Windows-NTLM/Operational", logsource::WINDOWS_NTLM),
    ("Microsoft-Windows-PrintService/Admin", logsource::WINDOWS_PRINTSERVICE_ADMIN),
    ("Microsoft-Windows-PrintService/Operational", logsource::WINDOWS_PRINTSERVICE_OPERATIONAL),
    ("Microsoft-Windows-SmbClient/Security", logsource::WINDOWS_SMBCLIENT_SECURITY),
    ("Microsoft-Windows-SmbClient/Connectivity", logsource::WINDOWS_SMBCLIENT_CONNECTIVITY),
    ("Microsoft-Windows-SMBServer/Connectivity", logsource::WINDOWS_SMBSERVER_CONNECTIVITY),
    ("RPCFW", logsource::WINDOWS_RPC_FIREWALL),
    ("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational", logsource::WINDOWS_TERMINALSERVICES),
    ("Microsoft-Windows-AppXDeploymentServer/Operational", logsource::WINDOWS_APPXDEPLOYMENT),
    ("Microsoft-Windows-LDAP-Client/Debug", logsource::WINDOWS_LDAP),
    ("OpenSSH/Operational", logsource::WINDOWS_OPENSSH),
    ("MSExchange Management", logsource::WINDOWS_MSEXCHANGE),
    ("Microsoft-Windows-CAPI2/Operational", logsource::WINDOWS_CAPI2),
    (
        "Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",
        logsource::WINDOWS_CERTIFICATE_LIFECYCLE,
    ),
    ("Microsoft-Windows-DriverFrameworks-UserMode/Operational", logsource::WINDOWS_DRIVER_FRAMEWORK),
    ("Microsoft-Windows-LSA/Operational", logsource::WINDOWS_LSA_SERVER),
    ("Microsoft-Windows-Security-Mitigations/Kernel Mode", logsource::WINDOWS_SECURITY_MITIGATIONS),
    ("Microsoft-Windows-Security-Mitigations/User Mode", logsource::WINDOWS_SECURITY_MITIGATIONS),
    ("Microsoft-Windows-Shell-Core/Operational", logsource::WINDOWS_SHELL_CORE),
    ("Microsoft-Windows-Diagnosis-Scripted/Operational", logsource::WINDOWS_DIAGNOSIS_SCRIPTED),
    ("Microsoft-Windows-AppModel-Runtime/Admin", logsource::WINDOWS_APPMODEL_RUNTIME),
    ("Microsoft-Windows-AppxPackaging/Operational", logsource::WINDOWS_APPXPACKAGING),
    ("Microsoft-IIS-Configuration/Operational", logsource::WINDOWS_IIS_CONFIGURATION),
    ("Microsoft-Windows-Hyper-V-Worker-Admin", logsource::WINDOWS_HYPERV_WORKER),
    ("Microsoft-Windows-Kernel-EventTracing/Admin", logsource::WINDOWS_KERNEL_EVENT_TRACING),
    ("Microsoft-Windows-Kernel-ShimEngine/Operational", logsource::WINDOWS_KERNEL_SHIMENGINE),
    ("Microsoft-Windows-Kernel-ShimEngine/Diagnostic", logsource::WINDOWS_KERNEL_SHIMENGINE),
    ("Microsoft-Windows-SENSE/Operational", logsource::WINDOWS_SENSE),
    ("Microsoft-ServiceBus-Client/Operational", logsource::WINDOWS_SERVICEBUS),
    ("Microsoft-ServiceBus-Client/Admin", logsource::WINDOWS_SERVICEBUS),
    ("Microsoft-Windows-VHDMP-Operational", logsource::WINDOWS_VHDMP),
];

/// The log source of an event by its channel, its id and, for classic PowerShell, nothing more.
pub(super) fn log_source(channel: &[u8], provider: &[u8], event_id: u32) -> LogSourceId {
    if provider == b"Linux-Sysmon" || channel.starts_with(b"Linux-Sysmon/") {
        return linux_sysmon_source(event_id);
    }
    if provider == b"Microsoft-Windows-DNSServer" {
        // A tracing session numbers the channel.
        let analytical = (256..=280).contains(&event_id);
        return if analytical { logsource::WINDOWS_DNS_SERVER_ANALYTIC } else { logsource::WINDOWS_DNS_SERVER_AUDIT };
    }
    if provider == b"Microsoft-Windows-Kernel-File" {
        // A tracing session has no channel of its own.
        return kernel_file_source(event_id);
    }
    let channel = if channel.is_empty() && provider == b"Microsoft-Windows-Sysmon" {
        b"Microsoft-Windows-Sysmon/Operational"
    } else if channel.is_empty() && provider == b"Microsoft-Windows-Security-Auditing" {
        b"Security"
    } else {
        channel
    };
    let of_channel = CHANNELS
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(channel))
        .map_or(logsource::WINDOWS, |&(_, source)| source);
    match (of_channel, event_id) {
        (logsource::WINDOWS_SECURITY, 4688) => logsource::WINDOWS_SECURITY_PROCESS,
        (logsource::WINDOWS_POWERSHELL, 4103) => logsource::WINDOWS_POWERSHELL_MODULE,
        (logsource::WINDOWS_POWERSHELL, 4104) => logsource::WINDOWS_POWERSHELL_SCRIPT,
        (logsource::WINDOWS_POWERSHELL_CLASSIC, 400) => logsource::WINDOWS_POWERSHELL_CLASSIC_START,
        (logsource::WINDOWS_POWERSHELL_CLASSIC, 600) => logsource::WINDOWS_POWERSHELL_CLASSIC_PROVIDER,
        // Threats found and what was done to them (Microsoft: "Review event logs and error codes to troubleshoot issues with
        // Microsoft Defender Antivirus").
        (logsource::WINDOWS_DEFENDER, 1006..=1011 | 1015 | 1116..=1119) => logsource::WINDOWS_DEFENDER_THREAT,
        (logsource::SYSMON, id) => sysmon_source(id),
        (source, _) => source,
    }
}

/// Events of the kernel's file provider to Sigma categories, whose rules for `file_access` and `file_rename` ask for it by
/// name (its manifest: 12 Create, 18 SetDelete, 19 Rename, 26 DeletePath, 27 RenamePath, 29 Rename, 30 CreateNewFile).
/// A file is opened by what the kernel calls creating it.
fn kernel_file_source(event_id: u32) -> LogSourceId {
    match event_id {
        12 => logsource::WINDOWS_KERNEL_FILE_ACCESS,
        18 | 26 => logsource::WINDOWS_KERNEL_FILE_DELETE,
        19 | 27 | 29 => logsource::WINDOWS_KERNEL_FILE_RENAME,
        30 => logsource::WINDOWS_KERNEL_FILE_CREATION,
        _ => logsource::WINDOWS_KERNEL_FILE,
    }
}

/// The same for Sysmon for Linux, which knows these events alone.
fn linux_sysmon_source(event_id: u32) -> LogSourceId {
    match event_id {
        1 => logsource::LINUX_SYSMON_PROCESS_CREATION,
        3 => logsource::LINUX_SYSMON_NETWORK_CONNECTION,
        5 => logsource::LINUX_SYSMON_PROCESS_TERMINATION,
        9 => logsource::LINUX_SYSMON_RAW_ACCESS,
        11 => logsource::LINUX_SYSMON_FILE_EVENT,
        23 => logsource::LINUX_SYSMON_FILE_DELETE,
        _ => logsource::LINUX_SYSMON,
    }
}

/// Sysmon event ids to Sigma categories (Sigma taxonomy appendix 2.1).
fn sysmon_source(event_id: u32) -> LogSourceId {
    match event_id {
        1 => logsource::SYSMON_PROCESS_CREATION,
        2 => logsource::SYSMON_FILE_CHANGE,
        3 => logsource::SYSMON_NETWORK_CONNECTION,
        4 | 16 => logsource::SYSMON_STATUS,
        5 => logsource::SYSMON_PROCESS_TERMINATION,
        6 => logsource::SYSMON_DRIVER_LOAD,
        7 => logsource::SYSMON_IMAGE_LOAD,
        8 => logsource::SYSMON_CREATE_REMOTE_THREAD,
        9 => logsource::SYSMON_RAW_ACCESS_THREAD,
        10 => logsource::SYSMON_PROCESS_ACCESS,
        11 => logsource::SYSMON_FILE_EVENT,
        12 => logsource::SYSMON_REGISTRY_ADD_DELETE,
        13 => logsource::SYSMON_REGISTRY_SET,
        14 => logsource::SYSMON_REGISTRY_RENAME,
        15 => logsource::SYSMON_CREATE_STREAM_HASH,
        17 | 18 => logsource::SYSMON_PIPE_CREATED,
        19..=21 => logsource::SYSMON_WMI_EVENT,
        22 => logsource::SYSMON_DNS_QUERY,
        23 | 26 => logsource::SYSMON_FILE_DELETE,
        24 => logsource::SYSMON_CLIPBOARD_CHANGE,
        25 => logsource::SYSMON_PROCESS_TAMPERING,
        27 | 28 => logsource::SYSMON_FILE_BLOCK,
        29 => logsource::SYSMON_FILE_EXECUTABLE_DETECTED,
        255 => logsource::SYSMON_ERROR,
        _ => logsource::SYSMON,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for table in [SECURITY, SYSMON] {
            assert!(table.is_sorted_by_key(|meaning| meaning.id));
        }
    }

    #[test]
    fn channels_and_ids_route() {
        let name =
            |channel: &str, provider: &str, id| log_source(channel.as_bytes(), provider.as_bytes(), id).get().name;
        assert_eq!(name("Security", "", 4688), "windows_security_process");
        assert_eq!(name("microsoft-windows-sysmon/operational", "", 22), "sysmon_dns_query");
        assert_eq!(name("", "Microsoft-Windows-Sysmon", 1), "sysmon_process_creation");
        assert_eq!(name("Some/Channel", "", 1), "windows");
        let kernel_file = |id| name("Microsoft-Windows-Kernel-File/Analytic", "Microsoft-Windows-Kernel-File", id);
        assert_eq!(
            [12, 27, 15].map(kernel_file),
            ["windows_kernel_file_access", "windows_kernel_file_rename", "windows_kernel_file"]
        );
        assert_eq!(name("RPCFW", "RPCFW", 3), "windows_rpc_firewall");
        let defender = "Microsoft-Windows-Windows Defender/Operational";
        assert_eq!([1116, 5007].map(|id| name(defender, "", id)), ["windows_defender_threat", "windows_defender"]);
    }
}
