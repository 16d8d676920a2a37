//! Which group a Linux audit record belongs to, and when a group is complete.
//!
//! The kernel tells one event in several records of one serial: the system call, its arguments, the paths. User
//! space marks the end by EOE, which does not reach `audit.log`, and the kernel by PROCTITLE, which is the last
//! of a system call (audit-userspace, `auparse`). Everything else ends by time.

use std::sync::LazyLock;

use memchr::memmem;

use crate::products::auditd::{self, Place};

/// How far ahead of a group another event of its node may be before the group is taken for complete.
/// The default of auditd's own `end_of_event_timeout` (auditd.conf(5)).
pub const GROUP_SPAN_NS: i64 = 2_000_000_000;

/// How far into a line the mark is looked for: behind a syslog header, a node's name and the record's type.
const MARK_WITHIN_BYTES: usize = 256;

/// What a record is to its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Others may follow.
    Open,
    /// It completes its group.
    Last,
    /// It comes alone; where its group is open, it belongs to it.
    Single,
}

/// A record of the audit system, as far as its group is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuditRecord<'a> {
    /// `node=`; empty where the record has none.
    pub node: &'a [u8],
    /// `SYSCALL`, …
    pub kind: &'a [u8],
    /// `EPOCH:SERIAL` as written.
    pub id: &'a [u8],
    /// The epoch in nanoseconds.
    pub time_ns: i64,
}

/// Types that come with others of their serial: those of the kernel's event range (1300 to 1399), access
/// vectors, and the few others seen with a SYSCALL record.
const OPEN: &[&[u8]] = &[
    b"SYSCALL",
    b"EXECVE",
    b"CWD",
    b"PATH",
    b"SOCKADDR",
    b"SOCKETCALL",
    b"BPRM_FCAPS",
    b"CAPSET",
    b"MMAP",
    b"OBJ_PID",
    b"FD_PAIR",
    b"IPC",
    b"IPC_SET_PERM",
    b"MQ_OPEN",
    b"MQ_SENDRECV",
    b"MQ_NOTIFY",
    b"MQ_GETSETATTR",
    b"NETFILTER_CFG",
    b"NETFILTER_PKT",
    b"CONFIG_CHANGE",
    b"KERN_MODULE",
    b"FANOTIFY",
    b"TIME_INJOFFSET",
    b"TIME_ADJNTPVAL",
    b"BPF",
    b"EVENT_LISTENER",
    b"URINGOP",
    b"OPENAT2",
    b"DM_CTRL",
    b"DM_EVENT",
    b"FEATURE_CHANGE",
    b"REPLACE",
    b"KERNEL_OTHER",
    b"TTY",
    b"SECCOMP",
    b"AVC",
    b"AVC_PATH",
    b"SELINUX_ERR",
    b"USER_SELINUX_ERR",
    b"MAC_POLICY_LOAD",
    b"MAC_STATUS",
    b"MAC_CONFIG_CHANGE",
    b"MAC_TASK_CONTEXTS",
    b"MAC_OBJ_CONTEXTS",
    b"LOGIN",
    b"ANOM_PROMISCUOUS",
    b"ANOM_LINK",
    b"INTEGRITY_DATA",
    b"INTEGRITY_RULE",
];

impl AuditRecord<'_> {
    /// What it is to its group.
    pub fn part(&self) -> Part {
        match self.kind {
            b"EOE" | b"PROCTITLE" => Part::Last,
            kind if OPEN.contains(&kind) || kind.starts_with(b"UNKNOWN[13") => Part::Open,
            _ => Part::Single,
        }
    }
}

/// Whether a line has the mark of an audit record.
#[inline]
pub fn may_be(line: &[u8]) -> bool {
    static MARK: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"audit("));
    MARK.find(&line[..line.len().min(MARK_WITHIN_BYTES)]).is_some()
}

/// Reads a line's place in its group; `None` = it is no audit record with a serial.
#[inline]
pub fn read(line: &[u8]) -> Option<AuditRecord<'_>> {
    if !may_be(line) {
        return None;
    }
    let Place { node, kind, stamp, serial } = auditd::place(line)?;
    if serial.is_empty() {
        return None;
    }
    let (time_ns, _) = crate::time::parse_epoch(stamp)?;
    let from = stamp.as_ptr() as usize - line.as_ptr() as usize;
    let id = &line[from..from + stamp.len() + 1 + serial.len()];
    Some(AuditRecord { node, kind, id, time_ns })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<(&str, &str, &str, Part)>) {
        let found = read(line.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let found = found.map(|record| (text(record.node), text(record.kind), text(record.id), record.part()));
        let expected = expected.map(|(node, kind, id, part)| (node.to_owned(), kind.to_owned(), id.to_owned(), part));
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn records_tell_their_group() {
        check(
            "type=SYSCALL msg=audit(1772445600.123:456): arch=c000003e",
            Some(("", "SYSCALL", "1772445600.123:456", Part::Open)),
        );
        check(
            "node=web1 type=EOE msg=audit(1772445600.123:456): ",
            Some(("web1", "EOE", "1772445600.123:456", Part::Last)),
        );
        check(
            "<13>Mar  2 10:00:00 web1 audispd: node=web1 type=PROCTITLE msg=audit(1772445600.123:456): proctitle=6C73",
            Some(("web1", "PROCTITLE", "1772445600.123:456", Part::Last)),
        );
        check(
            "type=USER_LOGIN msg=audit(1772445600.123:457): pid=1",
            Some(("", "USER_LOGIN", "1772445600.123:457", Part::Single)),
        );
        check(
            "type=1400 audit(1772445600.123:458): avc:  denied",
            Some(("", "1400", "1772445600.123:458", Part::Single)),
        );
        check(
            "type=UNKNOWN[1334] msg=audit(1772445600.123:459): x=1",
            Some(("", "UNKNOWN[1334]", "1772445600.123:459", Part::Open)),
        );
    }

    #[test]
    fn what_has_no_serial_has_no_group() {
        for line in [
            "",
            "audit(1:2)",
            "type=SYSCALL msg=audit(1772445600.123): a=1",
            "type=SYSCALL msg=audit(x:1): a=1",
            "type=a audit(1",
        ] {
            check(line, None);
        }
    }
}
