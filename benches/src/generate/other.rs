//! DNS server log, CEF, application syslog with structured data, and application JSON.

use super::put::{Guid, Hex, Piece, put};
use super::scene::Scene;
use super::world::WORDS;

pub(crate) fn write_bind(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let domain = scene.domain();
    let kind = scene.rng.pick(&["A", "A", "AAAA", "MX", "PTR"]);
    query(out, scene, &domain, kind);
}

/// A line of BIND's `queries` category (BIND 9 ARM, with `print-time`, `print-category` and `print-severity`).
pub(crate) fn query(out: &mut Vec<u8>, scene: &mut Scene<'_>, name: &dyn Piece, kind: &str) {
    let (client, port, object) = (scene.inside(), scene.port(), scene.rng.draw());
    put!(out; scene.stamp.bind, ".", scene.stamp.ms(), " queries: info: client @0x", Hex(object, 12), " ", client, "#", port, " (");
    name.put(out);
    put!(out; "): query: ");
    name.put(out);
    put!(out; " IN ", kind, " +E(0)K (10.0.0.53)");
}

/// A CEF line of an endpoint product (ArcSight Common Event Format, version 0).
fn cef(out: &mut Vec<u8>, scene: &mut Scene<'_>, id: u64, name: &str, severity: u64, file: &str) {
    let (host, user, inside) = (scene.workstation(), scene.user(), scene.inside());
    put!(out; "<134>", scene.stamp.bsd, " edr-manager CEF:0|Example|Endpoint Guard|4.2|", id, "|", name, "|", severity, "|rt=", scene.stamp.ns / 1_000_000, " dvchost=", host,
        " src=", inside, " suser=", user, " fname=", file, " filePath=C:\\\\Users\\\\", user, "\\\\Downloads\\\\", file, " act=", if severity > 7 { "quarantined" } else { "allowed" },
        " externalId=", scene.serial, " msg=policy staff\\=default applied");
}

pub(crate) fn write_cef(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (name, number) = (scene.rng.pick(&WORDS), scene.rng.below(100_000));
    let mut file = Vec::new();
    put!(&mut file; name, number, ".pdf");
    cef(out, scene, 100, "File opened", 2, &String::from_utf8(file).unwrap_or_default());
}

/// The CEF line of a detected malicious file.
pub(crate) fn cef_malware(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    cef(out, scene, 300, "Malware detected", 9, "invoice.pdf.exe");
}

pub(crate) fn write_rfc5424(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (user, from, service) = (scene.user(), scene.inside(), scene.rng.pick(&WORDS));
    let (pid, ms) = (scene.rng.range(300, 60_000), scene.rng.size(12));
    put!(out; "<165>1 ", scene.stamp.iso, ".", scene.stamp.us(), "Z ", scene.server(), ".example.com ", service, "d ", pid,
        " TXN [origin@32473 ip=\"", from, "\" software=\"", service, "d\"][req@32473 id=\"", Hex(scene.rng.draw(), 12), "\" user=\"", user,
        "\" status=\"200\" ms=\"", ms, "\"] request ", scene.serial, " completed");
}

fn json(out: &mut Vec<u8>, scene: &mut Scene<'_>, level: &str, action: &str, message: &str) {
    let (user, from, service) = (scene.user(), scene.inside(), scene.rng.pick(&WORDS));
    let (one, two) = (scene.rng.draw(), scene.rng.draw());
    put!(out; "{\"timestamp\":\"", scene.stamp.iso_ms(), "\",\"level\":\"", level, "\",\"service\":\"", service, "\",\"action\":\"", action, "\",\"trace\":\"", Guid(one, two),
        "\",\"user\":\"", user, "\",\"client_ip\":\"", from, "\",\"method\":\"POST\",\"path\":\"/api/v1/", service, "/", one % 100_000, "\",\"status\":200,\"duration_ms\":", two % 900,
        ",\"message\":\"", message, "\"}");
}

pub(crate) fn write_json(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    json(out, scene, "info", "request", "request completed");
}

/// An application grants its highest role.
pub(crate) fn json_superadmin(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    json(out, scene, "warn", "role.grant", "role superadmin granted outside change window");
}
