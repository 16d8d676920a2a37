//! The formats of the stream and their shares.

use super::{asa, auditd, fortigate, linux, other, scene::Scene, single, suricata, sysmon, web, windows};
use serde::{Deserialize, Serialize};

/// A wire format of one product, as one line a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Format {
    /// FortiGate key=value with a PRI header.
    Fortigate,
    /// Cisco ASA syslog.
    Asa,
    /// Windows Security as Winlogbeat JSON.
    Winlogbeat,
    /// Sysmon as Winlogbeat JSON.
    Sysmon,
    /// Windows Security as flat NXLog JSON.
    Nxlog,
    /// Suricata EVE JSON.
    Eve,
    /// Squid's native access log.
    Squid,
    /// The combined log format of nginx and Apache.
    Nginx,
    /// Linux services over RFC 3164: sshd, sudo, su, CRON, systemd.
    Rfc3164,
    /// The same services over RFC 5424, without structured data.
    LinuxRfc5424,
    /// Linux kernel netfilter log over RFC 3164.
    Iptables,
    /// auditd records.
    Auditd,
    /// BIND 9 query log.
    Bind,
    /// CEF over RFC 3164.
    Cef,
    /// Applications over RFC 5424 with structured data.
    Rfc5424,
    /// Applications as JSON lines.
    Json,
    /// PAN-OS traffic as CSV behind an RFC 3164 header.
    Panos,
    /// AWS CloudTrail records.
    Cloudtrail,
    /// FortiGate sessions in 24 fields.
    FortigateBrief,
}

impl Format {
    /// Every format that the mixed stream holds, with its share of the mixed stream in per mille and the group the share belongs to.
    pub const MIX: [(Format, u64, &'static str); 16] = [
        (Format::Fortigate, 110, "firewall"),
        (Format::Asa, 140, "firewall"),
        (Format::Winlogbeat, 100, "windows"),
        (Format::Sysmon, 70, "windows"),
        (Format::Nxlog, 30, "windows"),
        (Format::Eve, 150, "eve"),
        (Format::Squid, 65, "web"),
        (Format::Nginx, 85, "web"),
        (Format::Rfc3164, 60, "linux"),
        (Format::LinuxRfc5424, 20, "linux"),
        (Format::Iptables, 30, "linux"),
        (Format::Auditd, 40, "linux"),
        (Format::Bind, 35, "other"),
        (Format::Cef, 20, "other"),
        (Format::Rfc5424, 25, "other"),
        (Format::Json, 20, "other"),
    ];

    /// The format at a draw of `0..1000`.
    #[must_use]
    pub fn of_draw(mut draw: u64) -> Format {
        for (format, share, _) in Self::MIX {
            if draw < share {
                return format;
            }
            draw -= share;
        }
        Format::Json
    }

    /// Writes one ordinary line of this format, without a newline.
    pub(crate) fn write(self, out: &mut Vec<u8>, scene: &mut Scene<'_>) {
        match self {
            Format::Fortigate => fortigate::write(out, scene),
            Format::Asa => asa::write(out, scene),
            Format::Winlogbeat => windows::write(out, scene),
            Format::Sysmon => sysmon::write(out, scene),
            Format::Nxlog => windows::write_flat(out, scene),
            Format::Eve => suricata::write(out, scene),
            Format::Squid => web::write_squid(out, scene),
            Format::Nginx => web::write_nginx(out, scene),
            Format::Rfc3164 => linux::write_rfc3164(out, scene),
            Format::LinuxRfc5424 => linux::write_rfc5424(out, scene),
            Format::Iptables => linux::write_iptables(out, scene),
            Format::Auditd => auditd::write(out, scene),
            Format::Bind => other::write_bind(out, scene),
            Format::Cef => other::write_cef(out, scene),
            Format::Rfc5424 => other::write_rfc5424(out, scene),
            Format::Json => other::write_json(out, scene),
            Format::Panos => single::write_panos(out, scene),
            Format::Cloudtrail => single::write_cloudtrail(out, scene),
            Format::FortigateBrief => single::write_fortigate_brief(out, scene),
        }
    }

    /// The name used on the command line and in the truth.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Fortigate => "fortigate",
            Format::Asa => "asa",
            Format::Winlogbeat => "winlogbeat",
            Format::Sysmon => "sysmon",
            Format::Nxlog => "nxlog",
            Format::Eve => "eve",
            Format::Squid => "squid",
            Format::Nginx => "nginx",
            Format::Rfc3164 => "rfc3164",
            Format::LinuxRfc5424 => "linux_rfc5424",
            Format::Iptables => "iptables",
            Format::Auditd => "auditd",
            Format::Bind => "bind",
            Format::Cef => "cef",
            Format::Rfc5424 => "rfc5424",
            Format::Json => "json",
            Format::Panos => "panos",
            Format::Cloudtrail => "cloudtrail",
            Format::FortigateBrief => "fortigate_brief",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_the_stated_ones() {
        let of =
            |group: &str| -> u64 { Format::MIX.iter().filter(|entry| entry.2 == group).map(|entry| entry.1).sum() };
        assert_eq!(["firewall", "windows", "eve", "web", "linux", "other"].map(of), [250, 200, 150, 150, 150, 100]);
    }
}
