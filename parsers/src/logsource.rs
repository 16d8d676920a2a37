//! What an event answers to: the product it is from, and the Sigma log sources it matches.
//!
//! Both are numbers into tables fixed at compile time, so that rules are routed
//! by one table access per event.

pub(crate) mod endpoint;

/// A product, by its place in [`crate::products::PRODUCTS`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub struct ProductId(pub u16);

/// A log source, by its place in [`LOG_SOURCES`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub struct LogSourceId(pub u16);

impl LogSourceId {
    /// The names it answers to.
    #[inline]
    pub fn get(self) -> &'static LogSource {
        LOG_SOURCES.get(usize::from(self.0)).unwrap_or(&LOG_SOURCES[0])
    }
}

/// The names of Sigma's `logsource` that an event answers to. A rule applies when each
/// of `product`, `service` and `category` that it gives is among them.
#[derive(Clone, Copy, Debug)]
pub struct LogSource {
    /// Short name of ours, unique.
    pub name: &'static str,
    /// `logsource.product` values.
    pub products: &'static [&'static str],
    /// `logsource.service` values.
    pub services: &'static [&'static str],
    /// `logsource.category` values.
    pub categories: &'static [&'static str],
}

impl LogSource {
    /// Whether a rule with this `logsource` applies. Names compare without case.
    pub fn answers(&self, product: Option<&str>, service: Option<&str>, category: Option<&str>) -> bool {
        let among = |wanted: Option<&str>, names: &[&str]| {
            wanted.is_none_or(|wanted| names.iter().any(|name| name.eq_ignore_ascii_case(wanted)))
        };
        among(product, self.products) && among(service, self.services) && among(category, self.categories)
    }
}

macro_rules! log_sources {
    ($($id:ident = $name:literal [$($product:literal)*] [$($service:literal)*] [$($category:literal)*];)*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "numbers the constants below")]
        #[repr(u16)]
        enum Number { $($id,)* }

        $(
            #[doc = concat!("`", $name, "`")]
            pub const $id: LogSourceId = LogSourceId(Number::$id as u16);
        )*

        /// Those that are written out; the first is the unknown one.
        const LISTED: &[LogSource] = &[
            $(LogSource { name: $name, products: &[$($product),*], services: &[$($service),*], categories: &[$($category),*] },)*
        ];
    };
}

/// Every log source a decoder can name; the first is the unknown one.
pub static LOG_SOURCES: &[LogSource] = &{
    let mut all = [LISTED[0]; LISTED.len() + endpoint::ALL.len()];
    let mut at = 1;
    while at < all.len() {
        all[at] = if at < LISTED.len() { LISTED[at] } else { endpoint::ALL[at - LISTED.len()] };
        at += 1;
    }
    all
};

// Sigma's taxonomy appendix (2.1) names the products, services and categories; Sysmon event
// ids map to categories as that appendix says. `messages` is ours: what daemons and applications say in words, and
// every record of no known product.
// `saas` is ours too: audit records of services used over the Internet, and again every record of no known product.
log_sources! {
    UNKNOWN = "unknown" [] [] ["messages" "saas"];

    POSTGRESQL = "postgresql" ["postgresql"] [] ["database" "messages"];
    MYSQL = "mysql" ["mysql"] [] ["database" "messages"];
    MSSQL = "mssql" ["mssql"] [] ["database" "messages"];
    ORACLE = "oracle" ["oracle"] [] ["database"];
    DNS_SERVER = "dns_server" [] [] ["dns"];
    DHCP = "dhcp" ["dhcp"] [] [];
    FLOW = "flow" ["netflow"] [] ["flow"];
    BADGE = "badge" ["badge"] [] [];
    REDIS = "redis" ["redis"] [] ["database" "messages"];

    LINUX_SYSLOG = "linux_syslog" ["linux"] ["syslog"] ["messages"];
    LINUX_AUTH = "linux_auth" ["linux"] ["auth" "syslog"] ["authentication" "messages"];
    LINUX_SSHD = "linux_sshd" ["linux"] ["sshd" "auth" "syslog"] ["authentication" "messages"];
    LINUX_SUDO = "linux_sudo" ["linux"] ["sudo" "auth" "syslog"] ["authentication" "messages"];
    LINUX_CRON = "linux_cron" ["linux"] ["cron" "syslog"] ["messages"];
    LINUX_KERNEL = "linux_kernel" ["linux"] ["kernel" "syslog"] [];
    LINUX_NETFILTER = "linux_netfilter" ["linux"] ["iptables" "kernel" "syslog"] ["firewall"];
    LINUX_AUDITD = "linux_auditd" ["linux"] ["auditd"] [];
    LINUX_AUDITD_PROCESS = "linux_auditd_process" ["linux"] ["auditd"] ["process_creation"];

    CISCO_ASA = "cisco_asa" ["cisco"] ["asa" "aaa"] ["firewall"];
    CISCO_ISE = "cisco_ise" ["cisco"] ["ise" "aaa"] ["authentication"];
    CISCO_IOS = "cisco_ios" ["cisco"] ["ios" "aaa" "bgp" "ldp" "syslog"] [];
    CISCO_IOS_LOGIN = "cisco_ios_login" ["cisco"] ["aaa" "ios" "syslog"] ["authentication"];
    CISCO_IOS_ACL = "cisco_ios_acl" ["cisco"] ["ios" "syslog"] ["firewall"];
    CISCO_NEXUS = "cisco_nexus" ["cisco"] ["nxos" "aaa" "bgp" "ldp" "syslog"] [];
    CISCO_WLC = "cisco_wlc" ["cisco"] ["wlc" "aaa"] [];
    CISCO_MERAKI = "cisco_meraki" ["cisco" "meraki"] ["meraki"] [];
    CISCO_MERAKI_FLOW = "cisco_meraki_flow" ["cisco" "meraki"] ["meraki" "flows"] ["firewall"];
    CISCO_MERAKI_URL = "cisco_meraki_url" ["cisco" "meraki"] ["meraki" "urls"] ["proxy"];
    CISCO_MERAKI_IDS = "cisco_meraki_ids" ["cisco" "meraki"] ["meraki" "ids-alerts"] ["ids"];
    CISCO_FTD = "cisco_ftd" ["cisco"] ["ftd" "asa" "aaa"] ["firewall" "ids"];
    FORTIGATE_TRAFFIC = "fortigate_traffic" ["fortigate" "fortinet" "fortios"] ["traffic"] ["firewall"];
    FORTIGATE_UTM = "fortigate_utm" ["fortigate" "fortinet" "fortios"] ["utm"] ["firewall" "ids"];
    FORTIGATE_EVENT = "fortigate_event" ["fortigate" "fortinet" "fortios"] ["event"] ["firewall"];
    PANOS_TRAFFIC = "panos_traffic" ["paloalto" "panos"] ["traffic"] ["firewall"];
    PANOS_THREAT = "panos_threat" ["paloalto" "panos"] ["threat"] ["firewall" "ids"];
    PANOS_URL = "panos_url" ["paloalto" "panos"] ["threat" "url"] ["firewall" "proxy"];
    PANOS_VIRUS = "panos_virus" ["paloalto" "panos"] ["threat" "virus"] ["firewall" "antivirus"];
    PANOS_GLOBALPROTECT = "panos_globalprotect" ["paloalto" "panos"] ["globalprotect"] ["appliance" "file_event"];
    PANOS_SYSTEM = "panos_system" ["paloalto" "panos"] ["system"] ["appliance"];
    PANOS_OTHER = "panos" ["paloalto" "panos"] [] [];
    SOPHOS_FIREWALL = "sophos_firewall" ["sophos"] ["firewall"] ["firewall"];
    SOPHOS_IPS = "sophos_ips" ["sophos"] ["ips"] ["firewall" "ids"];
    SOPHOS_WEB = "sophos_web" ["sophos"] ["web"] ["firewall" "proxy"];
    SOPHOS_MAIL = "sophos_mail" ["sophos"] ["mail"] [];
    SOPHOS_ANTIVIRUS = "sophos_antivirus" ["sophos"] ["antivirus"] ["antivirus"];
    SOPHOS = "sophos" ["sophos"] ["event"] [];
    CISCO_UMBRELLA_DNS = "cisco_umbrella_dns" ["cisco"] ["umbrella"] ["dns"];
    CISCO_UMBRELLA_PROXY = "cisco_umbrella_proxy" ["cisco"] ["umbrella"] ["proxy"];
    CISCO_UMBRELLA_FIREWALL = "cisco_umbrella_firewall" ["cisco"] ["umbrella"] ["firewall"];
    WATCHGUARD = "watchguard" ["watchguard" "firebox"] [] ["firewall"];
    CISCO_SECURE_ENDPOINT = "cisco_secure_endpoint" ["cisco"] ["amp" "secure_endpoint"] ["antivirus"];
    SONICWALL = "sonicwall" ["sonicwall" "sonicos"] [] ["firewall"];
    CITRIX_ADC = "citrix_adc" ["citrix"] ["netscaler"] [];
    F5 = "f5_bigip" ["f5"] [] [];
    F5_FIREWALL = "f5_bigip_firewall" ["f5"] ["afm"] ["firewall"];
    F5_WAF = "f5_bigip_waf" ["f5"] ["asm"] ["webserver"];
    CHECKPOINT_FIREWALL = "checkpoint_firewall" ["checkpoint"] ["fw"] ["firewall"];
    CHECKPOINT_IPS = "checkpoint_ips" ["checkpoint"] ["ips"] ["firewall" "ids"];
    CHECKPOINT_WEB = "checkpoint_web" ["checkpoint"] ["web"] ["firewall" "proxy"];
    CHECKPOINT_MALWARE = "checkpoint_malware" ["checkpoint"] ["antimalware"] ["firewall" "antivirus"];
    CHECKPOINT_AUDIT = "checkpoint_audit" ["checkpoint"] ["audit"] [];
    JUNIPER_FLOW = "juniper_flow" ["juniper"] ["flow"] ["firewall"];
    JUNIPER_IDS = "juniper_ids" ["juniper"] ["idp"] ["firewall" "ids"];
    JUNIPER_MALWARE = "juniper_malware" ["juniper"] ["utm"] ["firewall" "antivirus" "proxy"];
    JUNIPER = "juniper" ["juniper"] ["bgp"] [];
    PFSENSE_FILTER = "pfsense_filter" ["pfsense" "opnsense"] ["filterlog"] ["firewall"];
    PFSENSE_DNS = "pfsense_dns" ["pfsense" "opnsense"] ["unbound"] ["dns"];
    PFSENSE_DHCP = "pfsense_dhcp" ["pfsense" "opnsense"] ["dhcp"] [];
    PFSENSE = "pfsense" ["pfsense" "opnsense"] [] ["messages"];
    ZSCALER_WEB = "zscaler_web" ["zscaler"] ["web"] ["proxy"];
    ZSCALER_FIREWALL = "zscaler_firewall" ["zscaler"] ["firewall"] ["firewall"];
    ZSCALER_DNS = "zscaler_dns" ["zscaler"] ["dns"] ["dns"];
    ZSCALER = "zscaler" ["zscaler"] [] [];
    SURICATA_ALERT = "suricata_alert" ["suricata"] ["alert"] ["ids"];
    SURICATA_DNS = "suricata_dns" ["suricata"] ["dns"] ["dns"];
    SURICATA_HTTP = "suricata_http" ["suricata"] ["http"] ["proxy"];
    SURICATA = "suricata" ["suricata"] [] [];
    APACHE = "apache" ["apache"] ["access"] ["webserver"];
    NGINX = "nginx" ["nginx"] ["access"] ["webserver"];
    APACHE_ERROR = "apache_error" ["apache"] ["error"] ["messages"];
    NGINX_ERROR = "nginx_error" ["nginx"] ["error"] ["messages"];
    ACCESS_LOG = "access_log" ["apache" "nginx"] ["access"] ["webserver"];
    SQUID = "squid" ["squid"] ["access"] ["proxy"];
    IIS = "iis" ["iis"] ["access"] ["webserver"];
    IIS_ERROR = "iis_error" ["iis"] ["error"] ["messages"];
    HAPROXY = "haproxy" ["haproxy"] ["access"] ["webserver"];
    ZEEK = "zeek" ["zeek"] [] [];
    ZEEK_CONN = "zeek_conn" ["zeek"] ["conn"] ["firewall"];
    ZEEK_DNS = "zeek_dns" ["zeek"] ["dns"] ["dns"];
    ZEEK_HTTP = "zeek_http" ["zeek"] ["http"] ["proxy"];
    ZEEK_SSL = "zeek_ssl" ["zeek"] ["ssl"] [];
    ZEEK_FILES = "zeek_files" ["zeek"] ["files"] [];
    ZEEK_X509 = "zeek_x509" ["zeek"] ["x509"] [];
    ZEEK_SSH = "zeek_ssh" ["zeek"] ["ssh"] [];
    ZEEK_SMTP = "zeek_smtp" ["zeek"] ["smtp"] [];
    ZEEK_FTP = "zeek_ftp" ["zeek"] ["ftp"] [];
    ZEEK_KERBEROS = "zeek_kerberos" ["zeek"] ["kerberos"] [];
    ZEEK_DHCP = "zeek_dhcp" ["zeek"] ["dhcp"] [];
    ZEEK_NTLM = "zeek_ntlm" ["zeek"] ["ntlm"] [];
    ZEEK_RDP = "zeek_rdp" ["zeek"] ["rdp"] [];
    ZEEK_RFB = "zeek_rfb" ["zeek"] ["rfb"] [];
    ZEEK_SMB_FILES = "zeek_smb_files" ["zeek"] ["smb_files"] [];
    ZEEK_SMB_MAPPING = "zeek_smb_mapping" ["zeek"] ["smb_mapping"] [];
    ZEEK_DCE_RPC = "zeek_dce_rpc" ["zeek"] ["dce_rpc"] [];
    ZEEK_NOTICE = "zeek_notice" ["zeek"] ["notice"] ["ids"];
    ZEEK_WEIRD = "zeek_weird" ["zeek"] ["weird"] [];
    ZEEK_INTEL = "zeek_intel" ["zeek"] ["intel"] [];
    CROWDSTRIKE = "crowdstrike" ["crowdstrike"] [] ["saas"];
    CARBON_BLACK = "carbon_black" ["carbonblack"] [] ["saas"];
    CYBERARK_PAS = "cyberark_pas" ["cyberark"] ["audit"] [];
    M365_DEFENDER = "m365_defender" ["m365"] ["threat_management" "defender"] ["saas"];
    HASHICORP_VAULT = "hashicorp_vault" ["hashicorp"] ["vault"] [];
    KUBERNETES_AUDIT = "kubernetes_audit" ["kubernetes"] ["audit"] ["application"];
    OSQUERY = "osquery" ["osquery"] [] ["saas"];
    MONGODB = "mongodb" ["mongodb"] [] ["database" "messages"];
    MONGODB_AUDIT = "mongodb_audit" ["mongodb"] ["audit"] ["database"];
    SENTINEL_ONE = "sentinel_one" ["sentinelone"] [] ["saas"];
    TREND_MICRO = "trend_micro" ["trendmicro"] [] [];
    SNORT = "snort" ["snort"] ["alert"] ["ids"];
    DNS = "dns" [] ["dns"] ["dns"];
    CEF = "cef" ["cef"] [] [];
    CEF_FIREWALL = "cef_firewall" ["cef"] [] ["firewall"];
    LEEF = "leef" ["leef"] [] [];

    AWS_CLOUDTRAIL = "aws_cloudtrail" ["aws"] ["cloudtrail"] [];
    M365 = "m365" ["m365"] ["audit" "threat_management" "threat_detection" "exchange"] ["saas"];
    GOOGLE_WORKSPACE = "google_workspace" ["gcp"] ["google_workspace.admin"] ["saas"];
    GITHUB_AUDIT = "github_audit" ["github"] ["audit"] ["saas"];
    AZURE_SIGNIN = "azure_signin" ["azure"] ["signinlogs"] [];
    AZURE_AUDIT = "azure_audit" ["azure"] ["auditlogs"] ["saas"];
    AZURE_ACTIVITY = "azure_activity" ["azure"] ["activitylogs"] ["saas"];
    AZURE_RISK = "azure_risk" ["azure"] ["riskdetection"] [];
    GCP_AUDIT = "gcp_audit" ["gcp"] ["gcp.audit"] [];
    GCP_NETWORK = "gcp_network" ["gcp"] ["gcp.vpcflow"] [];
    GCP_FIREWALL = "gcp_firewall" ["gcp"] ["gcp.firewall"] ["firewall"];
    GCP_DNS = "gcp_dns" ["gcp"] ["gcp.dns"] ["dns"];
    AWS_GUARDDUTY = "aws_guardduty" ["aws"] ["guardduty"] [];
    AWS_SECURITYHUB = "aws_securityhub" ["aws"] ["securityhub"] ["saas"];
    AWS_WAF = "aws_waf" ["aws"] ["waf"] ["firewall"];
    AWS_VPCFLOW = "aws_vpcflow" ["aws"] ["vpcflow"] [];
    AWS_ROUTE53 = "aws_route53" ["aws"] ["route53"] ["dns"];
    AUTH0 = "auth0" ["auth0"] [] ["saas"];
    CISCO_DUO = "cisco_duo" ["cisco"] ["duo"] ["saas"];
    BITBUCKET_AUDIT = "bitbucket_audit" ["bitbucket" "jira" "confluence"] ["audit"] ["saas"];
    AWS_ACCESS = "aws_access" ["aws"] ["access"] ["webserver"];
    ONELOGIN = "onelogin" ["onelogin"] ["onelogin.events"] ["saas"];
    OPENCANARY = "opencanary" ["opencanary"] [] ["application" "messages"];
    CLOUDFLARE = "cloudflare" ["cloudflare"] [] ["saas"];
    SLACK_AUDIT = "slack_audit" ["slack"] ["audit"] ["saas"];
    ONE_PASSWORD = "onepassword" ["1password"] [] ["saas"];
    OKTA = "okta" ["okta"] ["okta"] ["saas"];

    MS_DHCP = "ms_dhcp" ["windows"] ["dhcp"] ["dhcp"];
    PACKAGE_LOG = "package_log" ["linux"] ["package"] [];
    FILE_INTEGRITY = "file_integrity" [] ["syscheck"] ["file_integrity"];
    WINDOWS = "windows" ["windows"] [] [];
    WINDOWS_SECURITY = "windows_security" ["windows"] ["security"] [];
    WINDOWS_SECURITY_PROCESS = "windows_security_process" ["windows"] ["security"] ["process_creation"];
    WINDOWS_SYSTEM = "windows_system" ["windows"] ["system"] [];
    WINDOWS_APPLICATION = "windows_application" ["windows"] ["application"] [];
    WINDOWS_POWERSHELL = "windows_powershell" ["windows"] ["powershell"] [];
    WINDOWS_POWERSHELL_SCRIPT = "windows_powershell_script" ["windows"] ["powershell"] ["ps_script"];
    WINDOWS_POWERSHELL_MODULE = "windows_powershell_module" ["windows"] ["powershell"] ["ps_module"];
    WINDOWS_POWERSHELL_CLASSIC = "windows_powershell_classic" ["windows"] ["powershell-classic"] [];
    WINDOWS_POWERSHELL_CLASSIC_START = "windows_powershell_classic_start" ["windows"] ["powershell-classic"] ["ps_classic_start"];
    WINDOWS_POWERSHELL_CLASSIC_PROVIDER = "windows_powershell_classic_provider" ["windows"] ["powershell-classic"] ["ps_classic_provider_start"];
    WINDOWS_TASK_SCHEDULER = "windows_task_scheduler" ["windows"] ["taskscheduler"] [];
    WINDOWS_DEFENDER = "windows_defender" ["windows"] ["windefend"] [];
    WINDOWS_DEFENDER_THREAT = "windows_defender_threat" ["windows"] ["windefend"] ["antivirus"];
    WINDOWS_FIREWALL = "windows_firewall" ["windows"] ["firewall-as"] [];
    WINDOWS_WMI = "windows_wmi" ["windows"] ["wmi"] [];
    WINDOWS_BITS = "windows_bits" ["windows"] ["bits-client"] [];
    WINDOWS_APPLOCKER = "windows_applocker" ["windows"] ["applocker"] [];
    WINDOWS_CODEINTEGRITY = "windows_codeintegrity" ["windows"] ["codeintegrity-operational"] [];
    WINDOWS_DNS_CLIENT = "windows_dns_client" ["windows"] ["dns-client"] [];
    WINDOWS_DNS_SERVER = "windows_dns_server" ["windows"] ["dns-server"] [];
    WINDOWS_DNS_SERVER_ANALYTIC = "windows_dns_server_analytic" ["windows"] ["dns-server-analytic" "dns-server"] ["dns"];
    WINDOWS_DNS_SERVER_AUDIT = "windows_dns_server_audit" ["windows"] ["dns-server-audit" "dns-server"] [];
    WINDOWS_NTLM = "windows_ntlm" ["windows"] ["ntlm"] [];
    WINDOWS_PRINTSERVICE_ADMIN = "windows_printservice_admin" ["windows"] ["printservice-admin"] [];
    WINDOWS_PRINTSERVICE_OPERATIONAL = "windows_printservice_operational" ["windows"] ["printservice-operational"] [];
    WINDOWS_SMBCLIENT_SECURITY = "windows_smbclient_security" ["windows"] ["smbclient-security"] [];
    WINDOWS_SMBSERVER_CONNECTIVITY = "windows_smbserver_connectivity" ["windows"] ["smbserver-connectivity"] [];
    WINDOWS_RPC_FIREWALL = "windows_rpc_firewall" ["windows" "rpc_firewall"] [] ["application"];
    WINDOWS_KERNEL_FILE = "windows_kernel_file" ["windows"] [] [];
    WINDOWS_KERNEL_FILE_ACCESS = "windows_kernel_file_access" ["windows"] [] ["file_access"];
    WINDOWS_KERNEL_FILE_DELETE = "windows_kernel_file_delete" ["windows"] [] ["file_delete"];
    WINDOWS_KERNEL_FILE_RENAME = "windows_kernel_file_rename" ["windows"] [] ["file_rename"];
    WINDOWS_KERNEL_FILE_CREATION = "windows_kernel_file_creation" ["windows"] [] ["file_event"];
    WINDOWS_SMBCLIENT_CONNECTIVITY = "windows_smbclient_connectivity" ["windows"] ["smbclient-connectivity"] [];
    WINDOWS_TERMINALSERVICES = "windows_terminalservices" ["windows"] ["terminalservices-localsessionmanager"] [];
    WINDOWS_APPXDEPLOYMENT = "windows_appxdeployment" ["windows"] ["appxdeployment-server"] [];
    WINDOWS_LDAP = "windows_ldap" ["windows"] ["ldap"] [];
    WINDOWS_OPENSSH = "windows_openssh" ["windows"] ["openssh"] [];
    WINDOWS_MSEXCHANGE = "windows_msexchange" ["windows"] ["msexchange-management"] [];
    WINDOWS_CAPI2 = "windows_capi2" ["windows"] ["capi2"] [];
    WINDOWS_CERTIFICATE_LIFECYCLE = "windows_certificate_lifecycle" ["windows"] ["certificateservicesclient-lifecycle-system"] [];
    WINDOWS_DRIVER_FRAMEWORK = "windows_driver_framework" ["windows"] ["driver-framework"] [];
    WINDOWS_LSA_SERVER = "windows_lsa_server" ["windows"] ["lsa-server"] [];
    WINDOWS_SECURITY_MITIGATIONS = "windows_security_mitigations" ["windows"] ["security-mitigations"] [];
    WINDOWS_SHELL_CORE = "windows_shell_core" ["windows"] ["shell-core"] [];
    WINDOWS_DIAGNOSIS_SCRIPTED = "windows_diagnosis_scripted" ["windows"] ["diagnosis-scripted"] [];
    WINDOWS_APPMODEL_RUNTIME = "windows_appmodel_runtime" ["windows"] ["appmodel-runtime"] [];
    WINDOWS_APPXPACKAGING = "windows_appxpackaging" ["windows"] ["appxpackaging-om"] [];
    WINDOWS_IIS_CONFIGURATION = "windows_iis_configuration" ["windows"] ["iis-configuration"] [];
    WINDOWS_HYPERV_WORKER = "windows_hyperv_worker" ["windows"] ["hyper-v-worker"] [];
    WINDOWS_KERNEL_EVENT_TRACING = "windows_kernel_event_tracing" ["windows"] ["kernel-event-tracing"] [];
    WINDOWS_KERNEL_SHIMENGINE = "windows_kernel_shimengine" ["windows"] ["kernel-shimengine"] [];
    WINDOWS_SENSE = "windows_sense" ["windows"] ["sense"] [];
    WINDOWS_SERVICEBUS = "windows_servicebus" ["windows"] ["microsoft-servicebus-client"] [];
    WINDOWS_VHDMP = "windows_vhdmp" ["windows"] ["vhdmp"] [];

    SYSMON = "sysmon" ["windows"] ["sysmon"] [];
    SYSMON_PROCESS_CREATION = "sysmon_process_creation" ["windows"] ["sysmon"] ["process_creation"];
    SYSMON_FILE_CHANGE = "sysmon_file_change" ["windows"] ["sysmon"] ["file_change"];
    SYSMON_NETWORK_CONNECTION = "sysmon_network_connection" ["windows"] ["sysmon"] ["network_connection"];
    SYSMON_STATUS = "sysmon_status" ["windows"] ["sysmon"] ["sysmon_status"];
    SYSMON_PROCESS_TERMINATION = "sysmon_process_termination" ["windows"] ["sysmon"] ["process_termination"];
    SYSMON_DRIVER_LOAD = "sysmon_driver_load" ["windows"] ["sysmon"] ["driver_load"];
    SYSMON_IMAGE_LOAD = "sysmon_image_load" ["windows"] ["sysmon"] ["image_load"];
    SYSMON_CREATE_REMOTE_THREAD = "sysmon_create_remote_thread" ["windows"] ["sysmon"] ["create_remote_thread"];
    SYSMON_RAW_ACCESS_THREAD = "sysmon_raw_access_thread" ["windows"] ["sysmon"] ["raw_access_thread"];
    SYSMON_PROCESS_ACCESS = "sysmon_process_access" ["windows"] ["sysmon"] ["process_access"];
    SYSMON_FILE_EVENT = "sysmon_file_event" ["windows"] ["sysmon"] ["file_event"];
    SYSMON_REGISTRY_ADD_DELETE = "sysmon_registry_add_delete" ["windows"] ["sysmon"] ["registry_add" "registry_delete" "registry_event"];
    SYSMON_REGISTRY_SET = "sysmon_registry_set" ["windows"] ["sysmon"] ["registry_set" "registry_event"];
    SYSMON_REGISTRY_RENAME = "sysmon_registry_rename" ["windows"] ["sysmon"] ["registry_rename" "registry_event"];
    SYSMON_CREATE_STREAM_HASH = "sysmon_create_stream_hash" ["windows"] ["sysmon"] ["create_stream_hash"];
    SYSMON_PIPE_CREATED = "sysmon_pipe_created" ["windows"] ["sysmon"] ["pipe_created"];
    SYSMON_WMI_EVENT = "sysmon_wmi_event" ["windows"] ["sysmon"] ["wmi_event"];
    SYSMON_DNS_QUERY = "sysmon_dns_query" ["windows"] ["sysmon"] ["dns_query"];
    SYSMON_FILE_DELETE = "sysmon_file_delete" ["windows"] ["sysmon"] ["file_delete"];
    SYSMON_CLIPBOARD_CHANGE = "sysmon_clipboard_change" ["windows"] ["sysmon"] ["clipboard_change"];
    SYSMON_PROCESS_TAMPERING = "sysmon_process_tampering" ["windows"] ["sysmon"] ["process_tampering"];
    SYSMON_FILE_BLOCK = "sysmon_file_block" ["windows"] ["sysmon"] ["file_block_executable" "file_block"];
    SYSMON_FILE_EXECUTABLE_DETECTED = "sysmon_file_executable_detected" ["windows"] ["sysmon"] ["file_executable_detected"];
    LINUX_SYSMON = "linux_sysmon" ["linux"] ["sysmon"] [];
    LINUX_SYSMON_PROCESS_CREATION = "linux_sysmon_process_creation" ["linux"] ["sysmon"] ["process_creation"];
    LINUX_SYSMON_NETWORK_CONNECTION = "linux_sysmon_network_connection" ["linux"] ["sysmon"] ["network_connection"];
    LINUX_SYSMON_PROCESS_TERMINATION = "linux_sysmon_process_termination" ["linux"] ["sysmon"] ["process_termination"];
    LINUX_SYSMON_RAW_ACCESS = "linux_sysmon_raw_access" ["linux"] ["sysmon"] ["raw_access_thread"];
    LINUX_SYSMON_FILE_EVENT = "linux_sysmon_file_event" ["linux"] ["sysmon"] ["file_event"];
    LINUX_SYSMON_FILE_DELETE = "linux_sysmon_file_delete" ["linux"] ["sysmon"] ["file_delete"];
    SYSMON_ERROR = "sysmon_error" ["windows"] ["sysmon"] ["sysmon_error"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_ids_point_at_them() {
        let mut names: Vec<_> = LOG_SOURCES.iter().map(|source| source.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), LOG_SOURCES.len());
        assert_eq!(SYSMON_DNS_QUERY.get().name, "sysmon_dns_query");
        assert_eq!(LogSourceId(9999).get().name, "unknown");
    }

    #[test]
    fn a_rule_applies_when_each_part_it_gives_is_answered() {
        let sshd = LINUX_SSHD.get();
        assert!(sshd.answers(Some("linux"), Some("auth"), None));
        assert!(sshd.answers(Some("Linux"), None, None));
        assert!(!sshd.answers(Some("linux"), Some("auditd"), None));
        assert!(!sshd.answers(Some("windows"), None, None));
        assert!(UNKNOWN.get().answers(None, None, None));
    }
}
