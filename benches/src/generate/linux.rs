//! Linux services over syslog (RFC 3164 and RFC 5424) and the kernel's netfilter log.

use super::put::{Hex, Pad, Piece, put};
use super::scene::Scene;
use super::world::{self, Server, User};
use std::net::IpAddr;

/// A message of a service: its tag, process id (0 = none), facility × 8 + severity, and text.
struct Message {
    pri: u64,
    tag: &'static str,
    pid: u64,
    text: Vec<u8>,
}

/// An ordinary message of sshd, sudo, CRON, systemd or PAM.
fn ordinary(scene: &mut Scene<'_>) -> Message {
    let (user, port) = (scene.user(), scene.port());
    let pid = scene.rng.range(300, 400_000);
    let mut text = Vec::with_capacity(160);
    let (pri, tag, pid) = match scene.rng.below(100) {
        0..6 => {
            let (from, key) = (scene.inside(), scene.rng.draw());
            put!(&mut text; "Accepted publickey for ", user, " from ", from, " port ", port, " ssh2: ED25519 SHA256:", Hex(key, 16), Hex(key.rotate_left(9), 16), "k9xWq3ZpL0a");
            (38_u64, "sshd", pid)
        }
        6..20 => {
            let from = scene.inside();
            put!(&mut text; "Connection closed by authenticating user ", user, " ", from, " port ", port, " [preauth]");
            (38, "sshd", pid)
        }
        20..24 => {
            let (user, from) = (scene.anyone(), scene.stranger());
            put!(&mut text; "Failed password for ", user, " from ", from, " port ", port, " ssh2");
            (38, "sshd", pid)
        }
        24..26 => {
            let (user, from) = (scene.anyone(), scene.stranger());
            put!(&mut text; "Failed password for invalid user ", user, " from ", from, " port ", port, " ssh2");
            (38, "sshd", pid)
        }
        26..42 => {
            put!(&mut text; "pam_unix(sshd:session): session opened for user ", user, "(uid=", 1_000 + u64::from(user.0), ") by ", user, "(uid=0)");
            (86, "sshd", pid)
        }
        42..50 => {
            put!(&mut text; user, " : TTY=pts/", port % 8, " ; PWD=/home/", user, " ; USER=root ; COMMAND=/usr/bin/systemctl status ", scene.rng.pick(&world::WORDS), "d");
            (85, "sudo", 0)
        }
        50..74 => {
            put!(&mut text; "(", user, ") CMD (/usr/local/bin/rotate --job ", scene.serial, " --quiet)");
            (78, "CRON", pid)
        }
        74..92 => {
            put!(&mut text; "Started session-", scene.serial, ".scope - Session ", scene.serial, " of User ", user, ".");
            (30, "systemd", 1)
        }
        _ => {
            put!(&mut text; "pam_unix(cron:session): session closed for user ", user, " after job ", scene.serial);
            (86, "CRON", pid)
        }
    };
    Message { pri, tag, pid, text }
}

fn bsd(out: &mut Vec<u8>, scene: &mut Scene<'_>, host: Server, message: &Message) {
    put!(out; "<", message.pri, ">", scene.stamp.bsd, " ", host, " ", message.tag);
    if message.pid > 0 {
        put!(out; "[", message.pid, "]");
    }
    put!(out; ": ");
    out.extend_from_slice(&message.text);
}

pub(crate) fn write_rfc3164(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let message = ordinary(scene);
    let host = scene.server();
    bsd(out, scene, host, &message);
}

pub(crate) fn write_rfc5424(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let message = ordinary(scene);
    put!(out; "<", message.pri, ">1 ", scene.stamp.iso, ".", scene.stamp.us(), "+00:00 ", scene.server(), " ", message.tag, " ");
    match message.pid {
        0 => out.push(b'-'),
        pid => pid.put(out),
    }
    put!(out; " - - ");
    out.extend_from_slice(&message.text);
}

/// sshd's answer to a password: refused or accepted.
pub(crate) fn ssh_password(
    out: &mut Vec<u8>,
    scene: &mut Scene<'_>,
    host: Server,
    user: &str,
    from: IpAddr,
    accepted: bool,
) {
    let mut text = Vec::with_capacity(100);
    put!(&mut text; if accepted { "Accepted" } else { "Failed" }, " password for ", user, " from ", from, " port ", scene.port(), " ssh2");
    let pid = scene.rng.range(300, 400_000);
    bsd(out, scene, host, &Message { pri: 38, tag: "sshd", pid, text });
}

/// sudo refuses a user who is not in sudoers (`sudo(8)`, logged at alert).
pub(crate) fn sudo_refused(out: &mut Vec<u8>, scene: &mut Scene<'_>, host: Server, user: User) {
    let mut text = Vec::with_capacity(120);
    put!(&mut text; user, " : user NOT in sudoers ; TTY=pts/", scene.rng.below(8), " ; PWD=/home/", user, " ; USER=root ; COMMAND=/usr/bin/cat /etc/shadow");
    bsd(out, scene, host, &Message { pri: 81, tag: "sudo", pid: 0, text });
}

/// sudo after three wrong passwords.
pub(crate) fn sudo_wrong_password(out: &mut Vec<u8>, scene: &mut Scene<'_>, host: Server, user: &str) {
    let mut text = Vec::with_capacity(120);
    put!(&mut text; user, " : 3 incorrect password attempts ; TTY=pts/", scene.rng.below(8), " ; PWD=/home/", user, " ; USER=root ; COMMAND=/usr/bin/bash");
    bsd(out, scene, host, &Message { pri: 81, tag: "sudo", pid: 0, text });
}

pub(crate) fn write_iptables(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let from = scene.stranger();
    blocked(out, scene, from);
}

/// A packet from `from` that the gateway's rules blocked.
pub(crate) fn blocked(out: &mut Vec<u8>, scene: &mut Scene<'_>, from: IpAddr) {
    let (port, id, ttl) = (scene.port(), scene.rng.below(65_536), scene.rng.range(40, 128));
    let uptime = scene.stamp.ns / 1_000 % 10_000_000_000_000;
    put!(out; "<4>", scene.stamp.bsd, " gw-0", scene.rng.range(1, 3), " kernel: [", uptime / 1_000_000, ".", Pad(uptime % 1_000_000, 6),
        "] [UFW BLOCK] IN=eth0 OUT= MAC=02:00:5e:10:00:01:02:00:5e:20:00:02:08:00 SRC=", from, " DST=", world::public(id),
        " LEN=60 TOS=0x00 PREC=0x00 TTL=", ttl, " ID=", id, " DF PROTO=TCP SPT=", port, " DPT=", scene.rng.pick(&["22", "23", "445", "3389", "8080"]),
        " WINDOW=64240 RES=0x00 SYN URGP=0");
}
