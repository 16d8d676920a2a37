//! What is planted in the stream: lines that rules or indicators must hit, and lines that only look like it.

use super::format::Format;
use super::indicators::{Indicator, IndicatorKind, PLANTED_PER_KIND};
use super::put::put;
use super::scene::Scene;
use super::sysmon::{Hashes, hex_text};
use super::world::User;
use super::{asa, auditd, fortigate, linux, other, suricata, sysmon, web, windows, world};
use std::net::{IpAddr, Ipv4Addr};

/// A kind of planted line. Each line is hit by exactly one rule or indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Contact with an indicator; the number is its place in [`IndicatorKind::ALL`].
    Contact(u8),
    /// FortiGate IPS: `subtype="ips" severity="critical" attack="Http.Header.Remote.Code.Execution"`.
    FortigateIpsCritical,
    /// FortiGate: `logid="0100032002" action="login" status="failed"`.
    FortigateAdminLoginFailed,
    /// ASA 605004: login denied.
    AsaLoginDenied,
    /// Windows 4720.
    WindowsUserCreated,
    /// Windows 4732 into Administrators (`TargetSid` S-1-5-32-544).
    WindowsLocalAdmin,
    /// Sysmon 1: `sekurlsa::logonpasswords` in the command line.
    SysmonCredentialTool,
    /// Sysmon 1: PowerShell with `-EncodedCommand`.
    SysmonEncodedPowershell,
    /// Sysmon 1: rundll32 with `comsvcs.dll` and `MiniDump`.
    SysmonLsassDump,
    /// EVE alert of severity 1.
    EveAlertSevere,
    /// Squid GET of an `.hta` file.
    SquidScriptDownload,
    /// A request path with `../../etc/passwd`.
    WebTraversal,
    /// A query with `union+select`.
    WebSqlInjection,
    /// sshd: `Failed password for root`.
    SshRootFailed,
    /// sudo: `user NOT in sudoers`.
    SudoRefused,
    /// auditd EXECVE with `a0="nc" a1="-e"`.
    AuditReverseShell,
    /// A DNS query for a label of 48 hexadecimal digits under tunnel.example.net.
    DnsTunnel,
    /// CEF `Malware detected`, severity 9.
    CefMalware,
    /// Application JSON with `"action":"role.grant"`.
    JsonSuperadmin,
}

const IP: Kind = Kind::Contact(0);
const CIDR: Kind = Kind::Contact(1);
const DOMAIN: Kind = Kind::Contact(2);
const URL: Kind = Kind::Contact(3);
const MD5: Kind = Kind::Contact(4);
const SHA1: Kind = Kind::Contact(5);
const SHA256: Kind = Kind::Contact(6);

impl Kind {
    /// The name in the truth.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Kind::Contact(kind) => format!("ioc_{}", IndicatorKind::ALL[usize::from(kind)].name()),
            Kind::FortigateIpsCritical => "fortigate_ips_critical".into(),
            Kind::FortigateAdminLoginFailed => "fortigate_admin_login_failed".into(),
            Kind::AsaLoginDenied => "asa_login_denied".into(),
            Kind::WindowsUserCreated => "windows_user_created".into(),
            Kind::WindowsLocalAdmin => "windows_local_admin".into(),
            Kind::SysmonCredentialTool => "sysmon_credential_tool".into(),
            Kind::SysmonEncodedPowershell => "sysmon_encoded_powershell".into(),
            Kind::SysmonLsassDump => "sysmon_lsass_dump".into(),
            Kind::EveAlertSevere => "eve_alert_severe".into(),
            Kind::SquidScriptDownload => "squid_script_download".into(),
            Kind::WebTraversal => "web_traversal".into(),
            Kind::WebSqlInjection => "web_sql_injection".into(),
            Kind::SshRootFailed => "ssh_root_failed".into(),
            Kind::SudoRefused => "sudo_refused".into(),
            Kind::AuditReverseShell => "audit_reverse_shell".into(),
            Kind::DnsTunnel => "dns_tunnel".into(),
            Kind::CefMalware => "cef_malware".into(),
            Kind::JsonSuperadmin => "json_superadmin".into(),
        }
    }
}

/// The kinds a format can carry; formats of the background alone carry none.
pub(crate) fn kinds(format: Format) -> &'static [Kind] {
    match format {
        Format::Fortigate => &[IP, Kind::FortigateIpsCritical, Kind::FortigateAdminLoginFailed],
        Format::Asa => &[IP, CIDR, Kind::AsaLoginDenied],
        Format::Winlogbeat => &[IP, Kind::WindowsUserCreated, Kind::WindowsLocalAdmin],
        Format::Sysmon => &[
            DOMAIN,
            MD5,
            SHA1,
            SHA256,
            Kind::SysmonCredentialTool,
            Kind::SysmonEncodedPowershell,
            Kind::SysmonLsassDump,
        ],
        Format::Eve => &[IP, DOMAIN, MD5, SHA256, Kind::EveAlertSevere, Kind::DnsTunnel],
        Format::Squid => &[DOMAIN, URL, Kind::SquidScriptDownload],
        Format::Nginx => &[IP, Kind::WebTraversal, Kind::WebSqlInjection],
        Format::Rfc3164 => &[IP, Kind::SshRootFailed, Kind::SudoRefused],
        Format::Iptables => &[IP, CIDR],
        Format::Auditd => &[Kind::AuditReverseShell],
        Format::Cef => &[Kind::CefMalware],
        Format::Json => &[Kind::JsonSuperadmin],
        Format::Bind | Format::Nxlog | Format::LinuxRfc5424 | Format::Rfc5424 => &[],
        // Measured alone, and with nothing to find.
        Format::Panos | Format::Cloudtrail | Format::FortigateBrief => &[],
    }
}

/// Writes a planted line of `format` and returns its kind and the planted indicator it contacts.
/// `None` when the format carries nothing; then nothing was written.
pub(crate) fn write(
    out: &mut Vec<u8>,
    scene: &mut Scene<'_>,
    format: Format,
    indicators: &[Indicator],
) -> Option<(Kind, Option<usize>)> {
    let kinds = kinds(format);
    if kinds.is_empty() {
        return None;
    }
    let kind = kinds[scene.rng.below(kinds.len() as u64) as usize];
    let Kind::Contact(class) = kind else {
        breach(out, scene, kind);
        return Some((kind, None));
    };
    // The kernel writes IPv6 packets in another form: netfilter lines take the six IPv4 indicators alone.
    let choices = if format == Format::Iptables && kind == IP { 6 } else { PLANTED_PER_KIND as u64 };
    let chosen = usize::from(class) * PLANTED_PER_KIND + scene.rng.below(choices) as usize;
    let indicator = &indicators[chosen];
    match indicator.kind {
        IndicatorKind::Ip => {
            let address = indicator.value.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            contact_ip(out, scene, format, address);
        }
        IndicatorKind::Cidr => {
            let octet = (chosen % PLANTED_PER_KIND) as u8;
            let address = IpAddr::from([100, 96, octet, scene.rng.range(1, 254) as u8]);
            contact_ip(out, scene, format, address);
        }
        IndicatorKind::Domain => {
            let subdomain = scene.rng.per_mille(500);
            let name = if subdomain {
                format!("cdn{}.{}", scene.rng.below(90), indicator.value)
            } else {
                indicator.value.clone()
            };
            contact_domain(out, scene, format, &name);
        }
        IndicatorKind::Url => web::get(out, scene, &indicator.value),
        IndicatorKind::Md5 | IndicatorKind::Sha1 | IndicatorKind::Sha256 => {
            contact_hash(out, scene, format, indicator.kind, indicator.value.clone());
        }
    }
    Some((kind, Some(chosen)))
}

/// Writes a line with a value one step away from a planted indicator: `198.19.7.101` for `198.19.7.10`,
/// `notNAME` and `NAME.example.net` for NAME, the path of a URL at another host, a hash with one digit changed.
/// False when the format has no place for one; then nothing was written.
pub(crate) fn write_look_alike(
    out: &mut Vec<u8>,
    scene: &mut Scene<'_>,
    format: Format,
    indicators: &[Indicator],
) -> bool {
    let contacts = kinds(format).iter().filter(|kind| matches!(kind, Kind::Contact(_))).count() as u64;
    if contacts == 0 {
        return false;
    }
    let Kind::Contact(class) = kinds(format)[scene.rng.below(contacts) as usize] else { return false };
    let number = scene.rng.below(PLANTED_PER_KIND as u64) as usize;
    let indicator = &indicators[usize::from(class) * PLANTED_PER_KIND + number];
    let octet = number as u8;
    match indicator.kind {
        IndicatorKind::Ip => {
            // Planted last octets are 10 to 15: one more digit gives 100 to 159, planted nowhere.
            let last = (10 + octet % 6) * 10 + scene.rng.below(10) as u8;
            contact_ip(out, scene, format, IpAddr::from([198, 19, 7 + octet % 6 * 3, last]));
        }
        IndicatorKind::Cidr => {
            let address = IpAddr::from([100, 96, 10 + octet * 10, scene.rng.range(1, 254) as u8]);
            contact_ip(out, scene, format, address);
        }
        IndicatorKind::Domain => {
            let prefixed = scene.rng.per_mille(500);
            let name =
                if prefixed { format!("not{}", indicator.value) } else { format!("{}.example.net", indicator.value) };
            contact_domain(out, scene, format, &name);
        }
        IndicatorKind::Url => {
            let path = indicator.value.splitn(4, '/').nth(3).unwrap_or_default();
            web::get(out, scene, &format!("http://www.example.org/{path}"));
        }
        IndicatorKind::Md5 | IndicatorKind::Sha1 | IndicatorKind::Sha256 => {
            let (head, last) = indicator.value.split_at(indicator.value.len() - 1);
            let changed = format!("{head}{}", if last == "0" { '1' } else { '0' });
            contact_hash(out, scene, format, indicator.kind, changed);
        }
    }
    true
}

fn contact_ip(out: &mut Vec<u8>, scene: &mut Scene<'_>, format: Format, address: IpAddr) {
    match format {
        Format::Fortigate => fortigate::traffic(out, scene, address),
        Format::Asa if scene.rng.per_mille(500) => asa::built(out, scene, address),
        Format::Asa => {
            let to = world::public(scene.rng.below(254));
            asa::deny(out, scene, address, to, "445");
        }
        Format::Winlogbeat => {
            let user = scene.user();
            windows::logon_failed(out, scene, user, address);
        }
        Format::Nginx => web::request(out, scene, address, "/login", "200", "curl/8.14.1"),
        Format::Rfc3164 => {
            let host = scene.server();
            linux::ssh_password(out, scene, host, "backup", address, false);
        }
        Format::Iptables => linux::blocked(out, scene, address),
        _ => suricata::flow(out, scene, address),
    }
}

fn contact_domain(out: &mut Vec<u8>, scene: &mut Scene<'_>, format: Format, name: &str) {
    match format {
        Format::Sysmon => sysmon::dns(out, scene, &name),
        Format::Squid => web::connect(out, scene, &name),
        _ if scene.rng.per_mille(500) => suricata::tls(out, scene, &name),
        _ => suricata::dns(out, scene, &name),
    }
}

fn contact_hash(out: &mut Vec<u8>, scene: &mut Scene<'_>, format: Format, kind: IndicatorKind, value: String) {
    let mut hashes = Hashes::draw(scene);
    match kind {
        IndicatorKind::Md5 => hashes.md5 = value,
        IndicatorKind::Sha1 => hashes.sha1 = value,
        _ => hashes.sha256 = value,
    }
    if format == Format::Eve {
        suricata::fileinfo(out, scene, &hashes);
    } else {
        sysmon::process(
            out,
            scene,
            r"C:\\Users\\Public\\setup.exe",
            r"C:\\Users\\Public\\setup.exe /S",
            r"C:\\Windows\\explorer.exe",
            &hashes,
        );
    }
}

/// Writes the line of a kind that a rule must hit.
fn breach(out: &mut Vec<u8>, scene: &mut Scene<'_>, kind: Kind) {
    match kind {
        Kind::FortigateIpsCritical => {
            fortigate::ips(out, scene, "critical", "Http.Header.Remote.Code.Execution", 51_006);
        }
        Kind::FortigateAdminLoginFailed => fortigate::admin_login(out, scene, false),
        Kind::AsaLoginDenied => asa::login_denied(out, scene),
        Kind::WindowsUserCreated => {
            let by = scene.user();
            windows::user_created(out, scene, "svc-update", by);
        }
        Kind::WindowsLocalAdmin => {
            let (member, by) = (scene.user(), scene.user());
            windows::member_added(
                out,
                scene,
                &member,
                u64::from(member.0) + 1_100,
                by,
                "Administrators",
                "S-1-5-32-544",
            );
        }
        Kind::SysmonCredentialTool => {
            process(out, scene, r"C:\\Users\\Public\\m.exe", "m.exe privilege::debug sekurlsa::logonpasswords exit");
        }
        Kind::SysmonEncodedPowershell => process(
            out,
            scene,
            r"C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
            "powershell.exe -NoProfile -WindowStyle Hidden -EncodedCommand SQBFAFgA",
        ),
        Kind::SysmonLsassDump => process(
            out,
            scene,
            r"C:\\Windows\\System32\\rundll32.exe",
            r"rundll32.exe C:\\Windows\\System32\\comsvcs.dll, MiniDump 668 C:\\Temp\\l.dmp full",
        ),
        Kind::EveAlertSevere => {
            let from = scene.stranger();
            suricata::alert(out, scene, from, 2_900_900, "MALWARE Beacon to known controller", 1);
        }
        Kind::SquidScriptDownload => {
            let (domain, page) = (scene.domain(), scene.rng.draw());
            let mut url = Vec::new();
            put!(&mut url; "http://", domain, "/update/", page % 100_000, ".hta");
            web::get(out, scene, &String::from_utf8(url).unwrap_or_default());
        }
        Kind::WebTraversal => {
            let client = scene.stranger();
            web::request(out, scene, client, "/download?file=../../../../etc/passwd", "400", "curl/8.14.1");
        }
        Kind::WebSqlInjection => {
            let client = scene.stranger();
            web::request(
                out,
                scene,
                client,
                "/item?id=1+union+select+user,password+from+accounts--",
                "500",
                "curl/8.14.1",
            );
        }
        Kind::SshRootFailed => {
            // One attacker for ten minutes of event time, so that a threshold by source address holds too.
            let attacker = IpAddr::from([203, 0, 113, 1 + (scene.stamp.second() / 600 % 250) as u8]);
            let host = scene.server();
            linux::ssh_password(out, scene, host, "root", attacker, false);
        }
        Kind::SudoRefused => {
            let (host, user): (_, User) = (scene.server(), scene.user());
            linux::sudo_refused(out, scene, host, user);
        }
        Kind::AuditReverseShell => auditd::reverse_shell(out, scene),
        Kind::DnsTunnel => {
            let name = format!("{}.tunnel.example.net", hex_text(&mut scene.rng, 48));
            suricata::dns(out, scene, &name);
        }
        Kind::CefMalware => other::cef_malware(out, scene),
        Kind::JsonSuperadmin => other::json_superadmin(out, scene),
        Kind::Contact(_) => {}
    }
}

fn process(out: &mut Vec<u8>, scene: &mut Scene<'_>, image: &str, command: &str) {
    let hashes = Hashes::draw(scene);
    sysmon::process(out, scene, image, command, r"C:\\Windows\\System32\\cmd.exe", &hashes);
}
