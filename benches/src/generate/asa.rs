//! Cisco ASA lines (Cisco Secure Firewall ASA Series Syslog Messages), with `logging timestamp` and a host name.

use super::put::{Hex, Pad, Piece, put};
use super::scene::Scene;
use super::world;
use std::net::IpAddr;

pub(crate) fn write(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    match scene.rng.below(100) {
        0..26 => {
            let remote = scene.outside_v4();
            built(out, scene, remote);
        }
        26..50 => teardown(out, scene, "302014"),
        50..62 => built_udp(out, scene),
        62..74 => teardown(out, scene, "302016"),
        74..84 => {
            let (from, port) = (scene.stranger(), scene.rng.pick(&["23", "445", "3389", "8080"]));
            let to = world::public(scene.rng.below(254));
            deny(out, scene, from, to, port);
        }
        84..88 => no_connection(out, scene),
        88..92 => aaa(out, scene),
        92..95 => vpn_address(out, scene),
        95..97 => vpn_end(out, scene),
        _ => login_permitted(out, scene),
    }
}

fn header(out: &mut Vec<u8>, scene: &mut Scene<'_>, severity: u64, id: &str) {
    put!(out; "<", 160 + severity, ">", scene.stamp.asa, " fw-edge-0", scene.rng.range(1, 4), " : %ASA-", severity, "-", id, ": ");
}

/// A length of time as ASA prints it, `0:02:17`.
struct Duration(u64);

impl Piece for Duration {
    fn put(&self, out: &mut Vec<u8>) {
        put!(out; self.0 / 3600, ":", Pad(self.0 / 60 % 60, 2), ":", Pad(self.0 % 60, 2));
    }
}

/// 302013: an outbound TCP connection to `remote`.
pub(crate) fn built(out: &mut Vec<u8>, scene: &mut Scene<'_>, remote: IpAddr) {
    let (inside, port) = (scene.inside(), scene.port());
    header(out, scene, 6, "302013");
    put!(out; "Built outbound TCP connection ", scene.serial, " for outside:", remote, "/443 (", remote, "/443) to inside:", inside, "/", port,
        " (", world::public(port), "/", port, ")");
}

fn built_udp(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (inside, remote, port) = (scene.inside(), scene.outside_v4(), scene.port());
    header(out, scene, 6, "302015");
    put!(out; "Built outbound UDP connection ", scene.serial, " for outside:", remote, "/53 (", remote, "/53) to inside:", inside, "/", port,
        " (", world::public(port), "/", port, ")");
}

fn teardown(out: &mut Vec<u8>, scene: &mut Scene<'_>, id: &str) {
    let (inside, remote, port) = (scene.inside(), scene.outside_v4(), scene.port());
    let (seconds, bytes) = (scene.rng.below(4_000), scene.rng.size(22));
    let tcp = id == "302014";
    header(out, scene, 6, id);
    put!(out; "Teardown ", if tcp { "TCP" } else { "UDP" }, " connection ", scene.serial, " for outside:", remote, if tcp { "/443" } else { "/53" },
        " to inside:", inside, "/", port, " duration ", Duration(seconds), " bytes ", bytes);
    if tcp {
        put!(out; " ", scene.rng.pick(&["TCP FINs", "TCP FINs", "TCP Reset-I", "TCP Reset-O", "SYN Timeout"]));
    }
}

/// 106023: a packet denied by the outside access list.
pub(crate) fn deny(out: &mut Vec<u8>, scene: &mut Scene<'_>, from: IpAddr, to: IpAddr, port: &str) {
    let source_port = scene.port();
    header(out, scene, 4, "106023");
    put!(out; "Deny tcp src outside:", from, "/", source_port, " dst dmz:", to, "/", port,
        " by access-group \"outside_access_in\" [0x", Hex(0x3d9b_1e4f, 8), ", 0x0]");
}

fn no_connection(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (from, port) = (scene.stranger(), scene.port());
    let to = world::public(scene.rng.below(254));
    if scene.rng.per_mille(500) {
        header(out, scene, 2, "106001");
        put!(out; "Inbound TCP connection denied from ", from, "/", port, " to ", to, "/", scene.rng.pick(&["23", "445", "3389"]),
            " flags SYN  on interface outside");
    } else {
        header(out, scene, 6, "106015");
        put!(out; "Deny TCP (no connection) from ", from, "/", port, " to ", to, "/443 flags RST  on interface outside");
    }
}

fn aaa(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (user, from) = (scene.anyone(), scene.stranger());
    match scene.rng.below(10) {
        0..5 => {
            header(out, scene, 6, "113004");
            put!(out; "AAA user authentication Successful : server =  10.0.0.20 : user = ", user);
        }
        5..6 => {
            header(out, scene, 6, "113005");
            put!(out; "AAA user authentication Rejected : reason = AAA failure : server = 10.0.0.20 : user = ", user, " : user IP = ", from);
        }
        6..8 => {
            header(out, scene, 6, "113008");
            put!(out; "AAA transaction status ACCEPT : user = ", user);
        }
        _ => {
            header(out, scene, 6, "113039");
            put!(out; "Group <Staff> User <", user, "> IP <", from, "> AnyConnect parent session started.");
        }
    }
}

fn vpn_address(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (user, from, inside) = (scene.user(), scene.outside_v4(), scene.inside());
    header(out, scene, 4, "722051");
    put!(out; "Group <Staff> User <", user, "> IP <", from, "> IPv4 Address <", inside, "> IPv6 address <::> assigned to session");
}

fn vpn_end(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (user, from) = (scene.user(), scene.outside_v4());
    let (seconds, sent, received) = (scene.rng.below(30_000), scene.rng.size(30), scene.rng.size(28));
    header(out, scene, 4, "113019");
    put!(out; "Group = Staff, Username = ", user, ", IP = ", from, ", Session disconnected. Session Type: AnyConnect-Parent, Duration: ",
        Pad(seconds / 3600, 1), "h:", Pad(seconds / 60 % 60, 2), "m:", Pad(seconds % 60, 2), "s, Bytes xmt: ", sent, ", Bytes rcv: ", received,
        ", Reason: User Requested");
}

fn login_permitted(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (from, port) = (scene.inside(), scene.port());
    header(out, scene, 6, "605005");
    put!(out; "Login permitted from ", from, "/", port, " to inside:10.0.0.2/ssh for user \"netadmin\"");
}

/// 605004: a login at the firewall denied.
pub(crate) fn login_denied(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (from, port) = (scene.stranger(), scene.port());
    header(out, scene, 6, "605004");
    put!(out; "Login denied from ", from, "/", port, " to outside:192.0.2.1/ssh for user \"admin\"");
}
