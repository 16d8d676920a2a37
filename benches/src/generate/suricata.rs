//! Suricata EVE JSON: flow, dns (version 2), http, tls, alert, fileinfo (Suricata User Guide, "Eve JSON Format").

use super::put::{Hex, Piece, put};
use super::scene::Scene;
use super::sysmon::{Hashes, hex_text};
use super::world::{self, WORDS};
use std::net::IpAddr;

/// What a line tells beside addresses and ports.
struct Head {
    event: &'static str,
    proto: &'static str,
    source: IpAddr,
    source_port: u64,
    target: IpAddr,
    target_port: u64,
}

pub(crate) fn write(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    match scene.rng.below(100) {
        0..35 => {
            let remote = scene.outside();
            flow(out, scene, remote);
        }
        35..65 => {
            let domain = scene.domain();
            dns(out, scene, &domain);
        }
        65..77 => http(out, scene),
        77..90 => {
            let domain = scene.domain();
            tls(out, scene, &domain);
        }
        90..95 => {
            let hashes = Hashes::draw(scene);
            fileinfo(out, scene, &hashes);
        }
        _ => {
            let from = scene.stranger();
            let place = scene.rng.below(3);
            let (id, name) = [
                (2_900_001_u64, "POLICY Outdated client software in User-Agent"),
                (2_900_002, "INFO Unusual port for HTTP"),
                (2_900_003, "SCAN Inbound probe to closed port"),
            ][place as usize];
            alert(out, scene, from, id, name, 3);
        }
    }
}

fn open(out: &mut Vec<u8>, scene: &mut Scene<'_>, head: &Head) {
    put!(out; "{\"timestamp\":\"", scene.stamp.iso, ".", scene.stamp.us(), "+0000\",\"flow_id\":", scene.rng.draw() >> 12,
        ",\"in_iface\":\"eth1\",\"event_type\":\"", head.event, "\",\"src_ip\":\"", head.source, "\",\"src_port\":", head.source_port,
        ",\"dest_ip\":\"", head.target, "\",\"dest_port\":", head.target_port, ",\"proto\":\"", head.proto, "\"");
}

fn outbound(scene: &mut Scene<'_>, event: &'static str, target: IpAddr, target_port: u64) -> Head {
    Head { event, proto: "TCP", source: scene.inside(), source_port: scene.port(), target, target_port }
}

/// A finished TCP flow from inside to `remote`.
pub(crate) fn flow(out: &mut Vec<u8>, scene: &mut Scene<'_>, remote: IpAddr) {
    let head = outbound(scene, "flow", remote, 443);
    let (up, down, age) = (scene.rng.size(20), scene.rng.size(24), scene.rng.below(300));
    open(out, scene, &head);
    put!(out; ",\"app_proto\":\"tls\",\"flow\":{\"pkts_toserver\":", up / 900 + 3, ",\"pkts_toclient\":", down / 1_200 + 3, ",\"bytes_toserver\":", up,
        ",\"bytes_toclient\":", down, ",\"start\":\"", scene.stamp.iso, ".", scene.stamp.us(), "+0000\",\"end\":\"", scene.stamp.iso, ".", scene.stamp.us(),
        "+0000\",\"age\":", age, ",\"state\":\"closed\",\"reason\":\"timeout\",\"alerted\":false},\"tcp\":{\"tcp_flags\":\"1b\",\"syn\":true,\"fin\":true,\"psh\":true,\"ack\":true,\"state\":\"closed\"}}");
}

/// A query for `name`.
pub(crate) fn dns(out: &mut Vec<u8>, scene: &mut Scene<'_>, name: &dyn Piece) {
    let source = scene.inside();
    dns_from(out, scene, source, name);
}

/// A query of `source` for `name`.
pub(crate) fn dns_from(out: &mut Vec<u8>, scene: &mut Scene<'_>, source: IpAddr, name: &dyn Piece) {
    let resolver: IpAddr = IpAddr::from([10, 0, 0, 53]);
    let head =
        Head { event: "dns", proto: "UDP", source, source_port: scene.port(), target: resolver, target_port: 53 };
    let id = scene.rng.below(65_536);
    open(out, scene, &head);
    put!(out; ",\"dns\":{\"type\":\"query\",\"id\":", id, ",\"rrname\":\"");
    name.put(out);
    put!(out; "\",\"rrtype\":\"", scene.rng.pick(&["A", "A", "AAAA", "HTTPS"]), "\",\"tx_id\":0,\"opcode\":0}}");
}

fn http(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (remote, domain) = (scene.outside(), scene.domain());
    let head = outbound(scene, "http", remote, 80);
    let (word, page) = (scene.rng.pick(&WORDS), scene.rng.draw());
    open(out, scene, &head);
    put!(out; ",\"tx_id\":0,\"http\":{\"hostname\":\"", domain, "\",\"url\":\"/", word, "/", Hex(page, 6),
        "\",\"http_user_agent\":\"Mozilla/5.0 (Windows NT 10.0; Win64; x64)\",\"http_content_type\":\"text/html\",\"http_method\":\"GET\",\"protocol\":\"HTTP/1.1\",\"status\":200,\"length\":",
        scene.rng.size(17), "}}");
}

/// A TLS handshake for the server name `name`.
pub(crate) fn tls(out: &mut Vec<u8>, scene: &mut Scene<'_>, name: &dyn Piece) {
    let remote = scene.outside();
    let head = outbound(scene, "tls", remote, 443);
    let (serial, ja3) = (scene.rng.draw(), scene.rng.below(40));
    let fingerprint = hex_text(&mut scene.rng, 40);
    open(out, scene, &head);
    put!(out; ",\"tls\":{\"subject\":\"CN=");
    name.put(out);
    put!(out; "\",\"issuerdn\":\"C=XX, O=Example Trust, CN=Example Issuing CA 3\",\"serial\":\"", Hex(serial, 16), "\",\"fingerprint\":\"", fingerprint, "\",\"sni\":\"");
    name.put(out);
    put!(out; "\",\"version\":\"TLS 1.3\",\"ja3\":{\"hash\":\"", Hex(super::rng::mix(ja3), 16), Hex(super::rng::mix(ja3 + 99), 16), "\"}}}");
}

/// A file seen in HTTP, with its hashes.
pub(crate) fn fileinfo(out: &mut Vec<u8>, scene: &mut Scene<'_>, hashes: &Hashes) {
    let (remote, domain) = (scene.outside(), scene.domain());
    let (inside, port) = (scene.inside(), scene.port());
    let head =
        Head { event: "fileinfo", proto: "TCP", source: remote, source_port: 80, target: inside, target_port: port };
    let (page, size) = (scene.rng.draw(), scene.rng.size(22));
    open(out, scene, &head);
    put!(out; ",\"http\":{\"hostname\":\"", domain, "\",\"url\":\"/files/", Hex(page, 6), ".zip\",\"http_method\":\"GET\",\"protocol\":\"HTTP/1.1\",\"status\":200,\"length\":", size,
        "},\"app_proto\":\"http\",\"fileinfo\":{\"filename\":\"/files/", Hex(page, 6), ".zip\",\"gaps\":false,\"state\":\"CLOSED\",\"md5\":\"", hashes.md5.as_str(),
        "\",\"sha1\":\"", hashes.sha1.as_str(), "\",\"sha256\":\"", hashes.sha256.as_str(), "\",\"stored\":false,\"size\":", size, ",\"tx_id\":0}}");
}

/// An alert for traffic from `from` to a public address of ours.
pub(crate) fn alert(out: &mut Vec<u8>, scene: &mut Scene<'_>, from: IpAddr, id: u64, signature: &str, severity: u64) {
    let target = world::public(scene.rng.below(254));
    let head = Head { event: "alert", proto: "TCP", source: from, source_port: scene.port(), target, target_port: 80 };
    let page = scene.rng.draw();
    open(out, scene, &head);
    put!(out; ",\"alert\":{\"action\":\"allowed\",\"gid\":1,\"signature_id\":", id, ",\"rev\":2,\"signature\":\"", signature, "\",\"category\":\"",
        if severity == 1 { "A Network Trojan was detected" } else { "Misc activity" }, "\",\"severity\":", severity,
        "},\"http\":{\"hostname\":\"www.example.com\",\"url\":\"/", Hex(page, 6),
        "\",\"http_user_agent\":\"client/1.0\",\"http_method\":\"GET\",\"protocol\":\"HTTP/1.1\",\"status\":404,\"length\":0},\"app_proto\":\"http\",\"flow\":{\"pkts_toserver\":4,\"pkts_toclient\":3,\"bytes_toserver\":",
        scene.rng.size(12), ",\"bytes_toclient\":", scene.rng.size(12), ",\"start\":\"", scene.stamp.iso, ".", scene.stamp.us(), "+0000\"}}");
}
