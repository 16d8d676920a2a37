//! FortiGate key=value lines (FortiOS Log Message Reference: traffic 13, IPS 16384, web filter 13056, event 32001/32002).

use super::put::{Guid, Hex, put};
use super::scene::Scene;
use super::world;
use std::net::IpAddr;

/// Names of the services behind the usual ports, as FortiGate's service objects spell them.
const SERVICES: [(u64, &str); 8] = [
    (443, "HTTPS"),
    (80, "HTTP"),
    (53, "DNS"),
    (22, "SSH"),
    (25, "SMTP"),
    (123, "NTP"),
    (3389, "RDP"),
    (8443, "tcp/8443"),
];

pub(crate) fn write(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    match if scene.plain_variant { 0 } else { scene.rng.below(100) } {
        0..85 => {
            let remote = scene.outside_v4();
            traffic(out, scene, remote);
        }
        85..92 => web_filter(out, scene),
        92..96 => ips(out, scene, "medium", "Web.Client.Header.Anomaly", 10_251),
        _ => admin_login(out, scene, true),
    }
}

fn header(out: &mut Vec<u8>, scene: &Scene<'_>, pri: &str, unit: u64) {
    put!(out; "<", pri, ">date=", scene.stamp.date(), " time=", scene.stamp.time(),
        " devname=\"FGT-DC-0", unit, "\" devid=\"FG200FTK2290000", unit,
        "\" eventtime=", scene.stamp.ns, " tz=\"+0000\"");
}

/// A forward traffic line of 36 fields from an inside address to `remote`.
pub(crate) fn traffic(out: &mut Vec<u8>, scene: &mut Scene<'_>, remote: IpAddr) {
    let (sent, received) = (scene.rng.size(20), scene.rng.size(24));
    let denied = scene.rng.per_mille(40);
    let inside = if denied { scene.anywhere_inside() } else { scene.inside() };
    session(out, scene, inside, remote, sent, received, denied);
}

/// A forward traffic line with the given volumes.
pub(crate) fn session(
    out: &mut Vec<u8>,
    scene: &mut Scene<'_>,
    inside: IpAddr,
    remote: IpAddr,
    sent: u64,
    received: u64,
    denied: bool,
) {
    let (port, service) = SERVICES[scene.rng.below(20).saturating_sub(12) as usize];
    let (source_port, unit, policy) = (scene.port(), scene.rng.range(1, 4), scene.rng.range(1, 60));
    let proto = if port == 53 || port == 123 { 17_u64 } else { 6 };
    let (action, level, pri, policy) = match (denied, proto) {
        (true, _) => ("deny", "warning", "188", 0),
        (false, 6) => {
            (scene.rng.pick(&["close", "close", "client-rst", "server-rst", "timeout"]), "notice", "189", policy)
        }
        (false, _) => ("accept", "notice", "189", policy),
    };
    let (sent, received) = if denied { (0, 0) } else { (sent, received) };
    header(out, scene, pri, unit);
    put!(out; " logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"", level, "\" vd=\"root\" srcip=", inside,
        " srcport=", source_port, " srcintf=\"port1\" srcintfrole=\"lan\" dstip=", remote, " dstport=", port,
        " dstintf=\"wan1\" dstintfrole=\"wan\" srccountry=\"Reserved\" dstcountry=\"Reserved\" sessionid=",
        1_000_000 + scene.serial, " proto=", proto, " action=\"", action, "\" policyid=", policy,
        " policytype=\"policy\" poluuid=\"", Guid(policy ^ 0x5c0e_7b1a, 0x3d9b_1e4f), "\" service=\"", service,
        "\" trandisp=\"snat\" transip=", world::public(unit), " transport=", source_port,
        " duration=", scene.rng.range(1, 600), " sentbyte=", sent, " rcvdbyte=", received,
        " sentpkt=", sent / 900 + u64::from(!denied), " rcvdpkt=", received / 1_200 + u64::from(!denied));
}

fn web_filter(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (user, inside, remote, domain) = (scene.anyone(), scene.anywhere_inside(), scene.outside_v4(), scene.domain());
    let (source_port, unit) = (scene.port(), scene.rng.range(1, 4));
    header(out, scene, "188", unit);
    put!(out; " logid=\"0316013056\" type=\"utm\" subtype=\"webfilter\" eventtype=\"ftgd_blk\" level=\"warning\" vd=\"root\" policyid=12 sessionid=",
        1_000_000 + scene.serial, " user=\"", user, "\" srcip=", inside, " srcport=", source_port,
        " srcintf=\"port1\" srcintfrole=\"lan\" dstip=", remote,
        " dstport=443 dstintf=\"wan1\" dstintfrole=\"wan\" proto=6 service=\"HTTPS\" hostname=\"", domain,
        "\" profile=\"staff\" action=\"blocked\" reqtype=\"direct\" url=\"https://", domain, "/", Hex(scene.rng.draw(), 8),
        "\" sentbyte=", scene.rng.size(12), " rcvdbyte=0 direction=\"outgoing\" msg=\"URL belongs to a denied category in policy\" method=\"domain\" cat=26 catdesc=\"Malicious Websites\"");
}

/// An IPS signature line from an outside address to a public one of ours.
pub(crate) fn ips(out: &mut Vec<u8>, scene: &mut Scene<'_>, severity: &str, attack: &str, attack_id: u64) {
    let (remote, source_port, unit) = (scene.stranger(), scene.port(), scene.rng.range(1, 4));
    header(out, scene, "185", unit);
    put!(out; " logid=\"0419016384\" type=\"utm\" subtype=\"ips\" eventtype=\"signature\" level=\"alert\" vd=\"root\" severity=\"", severity,
        "\" srcip=", remote, " srccountry=\"Reserved\" dstip=", world::public(scene.rng.below(254)),
        " srcintf=\"wan1\" srcintfrole=\"wan\" dstintf=\"dmz\" dstintfrole=\"dmz\" sessionid=", 1_000_000 + scene.serial,
        " action=\"dropped\" proto=6 service=\"HTTP\" policyid=7 attack=\"", attack, "\" srcport=", source_port,
        " dstport=80 direction=\"outgoing\" attackid=", attack_id, " profile=\"dmz\" incidentserialno=", 50_000_000 + scene.serial,
        " msg=\"web_app: ", attack, "\"");
}

/// An administrator's login at the firewall: event log 32001 (successful) or 32002 (failed).
pub(crate) fn admin_login(out: &mut Vec<u8>, scene: &mut Scene<'_>, successful: bool) {
    let (from, unit) = (if successful { scene.inside() } else { scene.stranger() }, scene.rng.range(1, 4));
    header(out, scene, if successful { "190" } else { "185" }, unit);
    put!(out; " logid=\"", if successful { "0100032001" } else { "0100032002" },
        "\" type=\"event\" subtype=\"system\" level=\"", if successful { "information" } else { "alert" },
        "\" vd=\"root\" logdesc=\"", if successful { "Admin login successful" } else { "Admin login failed" },
        "\" sn=\"", scene.serial, "\" user=\"netadmin\" ui=\"https(", from, ")\" method=\"https\" srcip=", from,
        " dstip=10.0.0.1 action=\"login\" status=\"", if successful { "success" } else { "failed" },
        "\" reason=\"", if successful { "none" } else { "passwd_invalid" },
        "\" msg=\"Administrator netadmin login ", if successful { "successful" } else { "failed" },
        " from https(", from, ")\"");
}
