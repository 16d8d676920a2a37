//! Linux audit records: `type=X msg=audit(epoch:serial): key=value …`.
//!
//! Each record is an event of its own; the records of one serial are brought together by
//! whoever correlates. Values are untrusted text that the kernel writes either in quotes
//! or, when they hold spaces, quotes or control bytes, as hexadecimal (audit-userspace,
//! `auparse/interpret.c`): those are decoded, because rules speak the text.

mod meaning;
mod syscall;
#[cfg(test)]
mod tests;

use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventView, EventWriter, Kind, Span};
use crate::logsource;
use crate::products;
use crate::products::Product;
use crate::products::names::id_of;
use crate::scan::until;
use crate::wire::syslog::Header;

/// `auditd`.
pub(crate) static PRODUCT: Product = Product {
    name: "auditd",
    title: "Linux audit",
    document: "Linux audit: auditd.conf(5), audit event fields and record types",
    namespace: "auditd.log",
    module: "auditd",
    dataset: "auditd.log",
    names: NAMES,
    ..Product::NONE
};

/// The names below `auditd.log` that rules speak. Others are written without an id.
pub(crate) static NAMES: &[&str] = &[
    "type",
    "node",
    "arch",
    "syscall",
    "success",
    "exit",
    "a0",
    "a1",
    "a2",
    "a3",
    "a4",
    "a5",
    "a6",
    "a7",
    "a8",
    "a9",
    "argc",
    "items",
    "ppid",
    "pid",
    "auid",
    "uid",
    "gid",
    "euid",
    "suid",
    "fsuid",
    "egid",
    "sgid",
    "fsgid",
    "tty",
    "ses",
    "comm",
    "exe",
    "key",
    "subj",
    "name",
    "nametype",
    "inode",
    "dev",
    "mode",
    "ouid",
    "ogid",
    "rdev",
    "cwd",
    "proctitle",
    "op",
    "acct",
    "hostname",
    "addr",
    "terminal",
    "res",
    "unit",
    "cmd",
    "id",
    "path",
    "scontext",
    "tcontext",
    "tclass",
    "permissive",
    "saddr",
    "ARCH",
    "SYSCALL",
    "AUID",
    "UID",
    "GID",
    "EUID",
    "SUID",
    "FSUID",
    "EGID",
    "SGID",
    "FSGID",
    "OUID",
    "OGID",
    "avc.action",
    "avc.request",
    "old",
    "new",
    "family",
    "entries",
    "table",
    "lport",
    "laddr",
    "rport",
    "data",
    "item",
    "objtype",
    "cap_fp",
    "cap_fi",
    "cap_fe",
    "cap_fver",
    "apparmor",
    "operation",
    "profile",
    "requested_mask",
    "denied_mask",
    "sig",
];

/// Most nesting of `msg='…'`: user space records have one level, written by `auditd` itself.
const NESTING_MAX: usize = 2;

/// Longest record type: `INTEGRITY_POLICY_RULE` has 21 bytes, unknown ones come as `UNKNOWN[1329]`.
const TYPE_BYTES_MAX: usize = 40;

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let Some(head) = take_head(header.message) else { return false };
    let core = writer.core();
    core.product = products::AUDITD;
    core.log_source = logsource::LINUX_AUDITD;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put(ecs::MESSAGE, header.message);
    let mut record = Record { context, kind: head.kind, found: Found::default() };
    record.put_vendor(writer, b"type", head.kind, Kind::Text);
    if !head.node.is_empty() {
        record.put_vendor(writer, b"node", head.node, Kind::Text);
        if header.hostname.is_empty() {
            writer.put(ecs::HOST_NAME, head.node);
            writer.put(ecs::HOST_HOSTNAME, head.node);
        }
    }
    match crate::time::parse_epoch(head.stamp) {
        Some((time_ns, precision)) => writer.set_time(time_ns, precision),
        None => writer.defect(Defect::TimeUnreadable),
    }
    if !head.serial.is_empty() {
        writer.put(ecs::EVENT_ID, head.serial);
        writer.put(ecs::EVENT_SEQUENCE, head.serial);
    }
    record.pairs(writer, head.body, 0);
    record.finish(writer);
    if head.kind == b"SYSCALL" && starts_program(&writer.view()) {
        // Arguments and directory are of other records of its group, which lend them.
        writer.core().log_source = logsource::LINUX_AUDITD_PROCESS;
    }
    true
}

/// Whether a system call started a program.
fn starts_program(event: &EventView<'_>) -> bool {
    let first = |name| event.first(id_of(name));
    let call = first("SYSCALL").or_else(|| first("syscall"));
    let meaning = call.and_then(|call| syscall::of(call, first("arch")));
    first("success") == Some(b"yes") && meaning.is_some_and(|meaning| meaning.action == "executed")
}

/// The record's type: `SYSCALL`, ….
pub(crate) fn record_type<'a>(event: &EventView<'a>) -> Option<&'a [u8]> {
    event.first(id_of("type"))
}

/// Which of the records has the file that the event is about: of the paths the first that is no parent directory.
pub(crate) fn path_of<'a>(events: impl Iterator<Item = &'a EventView<'a>>) -> Option<usize> {
    let mut parent = None;
    for (at, event) in events.enumerate().filter(|(_, event)| record_type(event) == Some(b"PATH")) {
        if event.first(id_of("nametype")) != Some(b"PARENT") {
            return Some(at);
        }
        parent.get_or_insert(at);
    }
    parent
}

/// Whether a field is of every record's head.
pub(crate) fn is_of_head(id: FieldId) -> bool {
    id == id_of("type") || id == id_of("node")
}

/// Whether a field tells of a file.
pub(crate) fn is_of_file(id: FieldId) -> bool {
    matches!(id, ecs::FILE_PATH | ecs::FILE_INODE | ecs::FILE_MODE | ecs::FILE_DEVICE | ecs::FILE_UID | ecs::FILE_GID)
}

/// Says what a group's system call did, where its number or name is known.
pub(crate) fn write_action(writer: &mut EventWriter<'_>) {
    let view = writer.view();
    let first = |name| view.first(id_of(name));
    let named = first("SYSCALL").or_else(|| first("syscall"));
    let Some(meaning) = named.and_then(|name| syscall::of(name, first("arch"))) else { return };
    for id in [ecs::EVENT_ACTION, ecs::EVENT_CATEGORY, ecs::EVENT_TYPE] {
        while writer.view().has(id) {
            writer.forget(id);
        }
    }
    meaning.write(writer);
}

/// Where a record stands among those of its node.
pub(crate) struct Place<'a> {
    pub(crate) node: &'a [u8],
    pub(crate) kind: &'a [u8],
    pub(crate) stamp: &'a [u8],
    pub(crate) serial: &'a [u8],
}

/// Reads a record's head alone; `None` = it is none of this product.
pub(crate) fn place(text: &[u8]) -> Option<Place<'_>> {
    take_head(text).map(|Head { node, kind, stamp, serial, .. }| Place { node, kind, stamp, serial })
}

struct Head<'a> {
    node: &'a [u8],
    kind: &'a [u8],
    stamp: &'a [u8],
    serial: &'a [u8],
    body: &'a [u8],
}

/// `[node=N ]type=T msg=audit(STAMP:SERIAL): `, or the kernel's own `type=1400 audit(…): `
/// with any prefix (`audit: `, `dispatched: `).
fn take_head(text: &[u8]) -> Option<Head<'_>> {
    let at = memchr::memmem::find(&text[..text.len().min(256)], b"type=")?;
    let mut node: &[u8] = b"";
    if let Some(after) = memchr::memmem::find(&text[..at], b"node=") {
        node = text[after + 5..at].trim_ascii();
    }
    let rest = &text[at + 5..];
    let len = until(rest, b' ');
    if len == 0 || len > TYPE_BYTES_MAX {
        return None;
    }
    let kind = &rest[..len];
    let rest = rest[len..].trim_ascii_start();
    let rest = rest.strip_prefix(b"msg=").unwrap_or(rest).strip_prefix(b"audit(")?;
    let close = until(&rest[..rest.len().min(64)], b')');
    let inner = rest.get(..close)?;
    let body = rest.get(close + 1..)?;
    let colon = until(inner, b':');
    let (stamp, serial) = (&inner[..colon], inner.get(colon + 1..).unwrap_or(b""));
    let body = body.strip_prefix(b":").unwrap_or(body).trim_ascii_start();
    Some(Head { node, kind, stamp, serial, body })
}

/// Values that mean something only together.
#[derive(Clone, Copy, Default)]
struct Found {
    uid: Option<Span>,
    auid: Option<Span>,
    id: Option<Span>,
    acct: Option<Span>,
    /// Arguments of an EXECVE written so far.
    args: usize,
    hostname: Option<Span>,
    addr: bool,
}

struct Record<'c, 'd> {
    context: &'c Context<'d>,
    kind: &'c [u8],
    found: Found,
}

/// A value of the record: its bytes, and how they were written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Bare,
    Quoted,
}

impl Record<'_, '_> {
    fn pairs(&mut self, writer: &mut EventWriter<'_>, text: &[u8], depth: usize) {
        let mut at = 0;
        while at < text.len() {
            // auditd sets its own (enriched) part apart by a group separator.
            if matches!(text[at], b' ' | 0x1d | b'\t' | b',') {
                at += 1;
                continue;
            }
            let rest = &text[at..];
            if rest.starts_with(b"avc:") {
                at += self.avc(writer, rest);
                continue;
            }
            let key_len = rest.iter().position(|&byte| matches!(byte, b'=' | b' ' | 0x1d)).unwrap_or(rest.len());
            if rest.get(key_len) != Some(&b'=') {
                at += key_len.max(1);
                continue;
            }
            let key = &rest[..key_len];
            let value_at = key_len + 1;
            let (value, written, used) = take_value(writer, key, &rest[value_at..]);
            at += value_at + used;
            if key == b"msg" && depth < NESTING_MAX && value.contains(&b'=') {
                self.pairs(writer, value, depth + 1);
            } else {
                self.pair(writer, key, value, written);
            }
        }
    }

    /// `avc:  denied  { read write } for  …`: returns how many bytes were read.
    fn avc(&self, writer: &mut EventWriter<'_>, text: &[u8]) -> usize {
        let rest = text[4..].trim_ascii_start();
        let action_len = until(rest, b' ');
        let action = &rest[..action_len];
        let behind = rest[action_len..].trim_ascii_start();
        let mut used = text.len() - behind.len();
        self.put_vendor(writer, b"avc.action", action, Kind::Text);
        if let Some(inner) = behind.strip_prefix(b"{") {
            let len = until(inner, b'}');
            self.put_vendor(writer, b"avc.request", inner[..len].trim_ascii(), Kind::Text);
            used += 1 + (len + 1).min(inner.len());
        }
        match action {
            b"granted" => writer.put_str(ecs::EVENT_OUTCOME, "success"),
            b"denied" => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
            _ => {}
        }
        used
    }

    fn put_vendor(&self, writer: &mut EventWriter<'_>, key: &[u8], value: &[u8], kind: Kind) {
        let span = writer.span_of(value);
        self.put_vendor_span(writer, key, span, kind);
    }

    fn put_vendor_span(&self, writer: &mut EventWriter<'_>, key: &[u8], span: Span, kind: Kind) {
        match self.context.dictionary.find(key) {
            Some(id) => writer.put_span(id, span, kind, true),
            None => {
                let name = writer.span_of(key);
                writer.put_unnamed(name, span, kind);
            }
        }
    }

    fn pair(&mut self, writer: &mut EventWriter<'_>, key: &[u8], value: &[u8], written: Written) {
        let execve_argument = self.kind == b"EXECVE" && is_argument(key);
        let encodable = execve_argument
            || matches!(
                key,
                b"proctitle"
                    | b"cmd"
                    | b"exe"
                    | b"comm"
                    | b"name"
                    | b"cwd"
                    | b"acct"
                    | b"path"
                    | b"data"
                    | b"key"
                    | b"vm"
            );
        let span = if encodable && written == Written::Bare {
            decode_hex(writer, value, key == b"proctitle").unwrap_or_else(|| writer.span_of(value))
        } else {
            writer.span_of(value)
        };
        self.put_vendor_span(writer, key, span, Kind::Text);
        if matches!(value, b"?" | b"" | b"(null)" | b"(none)") {
            return;
        }
        if execve_argument {
            if self.found.args == 0 {
                writer.put_span(ecs::PROCESS_EXECUTABLE, span, Kind::Text, false);
            }
            self.found.args += 1;
            writer.put_span(ecs::PROCESS_ARGS, span, Kind::Text, false);
            return;
        }
        let ecs_id = match key {
            b"pid" => ecs::PROCESS_PID,
            b"ppid" => ecs::PROCESS_PARENT_PID,
            b"exe" => ecs::PROCESS_EXECUTABLE,
            b"comm" => ecs::PROCESS_NAME,
            b"cwd" => ecs::PROCESS_WORKING_DIRECTORY,
            b"exit" => ecs::PROCESS_EXIT_CODE,
            b"argc" => ecs::PROCESS_ARGS_COUNT,
            b"proctitle" => ecs::PROCESS_TITLE,
            b"euid" => ecs::USER_EFFECTIVE_ID,
            b"gid" => ecs::USER_GROUP_ID,
            b"ARCH" => ecs::HOST_ARCHITECTURE,
            b"unit" if self.kind.starts_with(b"SERVICE_") => ecs::SERVICE_NAME,
            b"name" if self.kind == b"PATH" => ecs::FILE_PATH,
            b"inode" if self.kind == b"PATH" => ecs::FILE_INODE,
            b"mode" if self.kind == b"PATH" => ecs::FILE_MODE,
            b"dev" if self.kind == b"PATH" => ecs::FILE_DEVICE,
            b"ouid" if self.kind == b"PATH" => ecs::FILE_UID,
            b"ogid" if self.kind == b"PATH" => ecs::FILE_GID,
            b"uid" => {
                self.found.uid.get_or_insert(span);
                return;
            }
            b"auid" => {
                self.found.auid.get_or_insert(span);
                return;
            }
            b"id" => {
                self.found.id.get_or_insert(span);
                return;
            }
            b"acct" | b"user" => {
                self.found.acct.get_or_insert(span);
                return;
            }
            b"hostname" => {
                self.found.hostname = Some(span);
                return;
            }
            b"addr" | b"src" => {
                self.found.addr = true;
                put_address(writer, ecs::SOURCE_ADDRESS, ecs::SOURCE_IP, value);
                return;
            }
            b"dst" => {
                put_address(writer, ecs::DESTINATION_ADDRESS, ecs::DESTINATION_IP, value);
                return;
            }
            b"saddr" => {
                put_socket(writer, value);
                return;
            }
            b"res" | b"success" => {
                let outcome = match value {
                    b"success" | b"yes" | b"1" => "success",
                    b"failed" | b"no" | b"0" => "failure",
                    _ => return,
                };
                writer.put_str(ecs::EVENT_OUTCOME, outcome);
                return;
            }
            b"cmd" => {
                writer.put_span(ecs::PROCESS_COMMAND_LINE, span, Kind::Text, false);
                self.split_arguments(writer, span);
                return;
            }
            _ => return,
        };
        writer.put_span(ecs_id, span, Kind::Text, false);
    }

    /// The arguments of a command that the record has as one text.
    fn split_arguments(&mut self, writer: &mut EventWriter<'_>, command: Span) {
        let len = command.len();
        let mut at = 0;
        while at < len {
            let end = at + until(&writer.bytes(command)[at..], b' ');
            if end > at {
                writer.put_span(ecs::PROCESS_ARGS, command.part(at..end), Kind::Text, false);
                self.found.args += 1;
            }
            at = end + 1;
        }
        writer.put_i64(ecs::PROCESS_ARGS_COUNT, self.found.args as i64);
    }

    fn finish(&self, writer: &mut EventWriter<'_>) {
        let found = &self.found;
        let meaning = meaning::of(self.kind);
        if self.kind == b"EXECVE" && found.args > 0 {
            put_command_line(writer);
        }
        let known = |span: &Option<Span>, writer: &EventWriter<'_>| {
            span.filter(|span| !matches!(writer.bytes(*span), b"4294967295" | b"-1" | b"unset"))
        };
        let auid = known(&found.auid, writer);
        // Who logged in stands behind what a daemon or a set-uid program does for them.
        let by_login = meaning.is_some_and(|meaning| matches!(meaning.categories, ["authentication" | "iam", ..]));
        let user = if by_login { auid.or(found.uid) } else { found.uid.or(auid) };
        if let Some(id) = user {
            writer.put_span(ecs::USER_ID, id, Kind::Text, false);
        }
        let iam = meaning.is_some_and(|meaning| meaning.categories.first() == Some(&"iam"));
        if iam {
            if let Some(uid) = found.uid {
                writer.put_span(ecs::USER_EFFECTIVE_ID, uid, Kind::Text, false);
            }
        }
        if let Some(acct) = found.acct {
            let value = writer.bytes(acct);
            // Failed log-ins of no account at all are written `(unknown)`, or as the id alone.
            if !value.is_empty() && value != b"(unknown)" {
                writer.put_span(ecs::USER_NAME, acct, Kind::Text, false);
                writer.put_span(ecs::RELATED_USER, acct, Kind::Text, false);
                if iam {
                    writer.put_span(ecs::USER_TARGET_NAME, acct, Kind::Text, false);
                } else if by_login {
                    writer.put_span(ecs::USER_EFFECTIVE_NAME, acct, Kind::Text, false);
                }
            }
        }
        if let Some(id) = found.id {
            match self.kind {
                b"ADD_GROUP" | b"DEL_GROUP" | b"GRP_MGMT" => writer.put_span(ecs::GROUP_ID, id, Kind::Text, false),
                b"ADD_USER" | b"DEL_USER" | b"USER_MGMT" => writer.put_span(ecs::USER_TARGET_ID, id, Kind::Text, false),
                b"USER_LOGIN" | b"USER_LOGOUT" => writer.put_span(ecs::USER_EFFECTIVE_ID, id, Kind::Text, false),
                _ => {}
            }
        }
        if let Some(hostname) = found.hostname.filter(|_| !found.addr) {
            if let Some(ip) = crate::ip::parse(writer.bytes(hostname)) {
                put_address_span(writer, ecs::SOURCE_ADDRESS, ecs::SOURCE_IP, hostname, ip);
            }
        }
        match meaning {
            Some(meaning) => meaning.write(writer),
            None => {
                let mut action = [0u8; TYPE_BYTES_MAX];
                action[..self.kind.len()].copy_from_slice(self.kind);
                action[..self.kind.len()].make_ascii_lowercase();
                writer.put(ecs::EVENT_ACTION, &action[..self.kind.len()]);
            }
        }
    }
}

/// `a0`, `a12`, `a8[0]`.
fn is_argument(key: &[u8]) -> bool {
    key.len() > 1
        && key[0] == b'a'
        && key[1].is_ascii_digit()
        && key[1..].iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'[' | b']'))
}

/// A value at the start of `text`: it, how it was written, how many bytes were read.
fn take_value<'t>(writer: &mut EventWriter<'_>, key: &[u8], text: &'t [u8]) -> (&'t [u8], Written, usize) {
    match text.first() {
        Some(&quote @ (b'"' | b'\'')) => {
            let inner = &text[1..];
            // The inner text of `msg='…'` may hold quotes of its own: its end is the last one.
            let end = if quote == b'\'' && key == b"msg" {
                memchr::memrchr(quote, inner)
            } else {
                memchr::memchr(quote, inner)
            };
            match end {
                Some(end) => (&inner[..end], Written::Quoted, end + 2),
                None => {
                    writer.defect(Defect::UnbalancedQuote);
                    (inner, Written::Quoted, text.len())
                }
            }
        }
        Some(b'{') => {
            let len = until(text, b'}');
            (text[1..len].trim_ascii(), Written::Quoted, (len + 1).min(text.len()))
        }
        _ => {
            let mut len = text.iter().position(|&byte| matches!(byte, b' ' | 0x1d)).unwrap_or(text.len());
            // `op=adding group to /etc/group id=…` is the one value with spaces that nobody quotes.
            if key == b"op" {
                while text.get(len) == Some(&b' ') {
                    let next = &text[len + 1..];
                    let word = next.iter().position(|&byte| matches!(byte, b' ' | 0x1d)).unwrap_or(next.len());
                    if word == 0 || next[..word].contains(&b'=') {
                        break;
                    }
                    len += 1 + word;
                }
            }
            (&text[..len], Written::Bare, len)
        }
    }
}

/// Hexadecimal of untrusted text: upper case, whole bytes, and of a text that needed it.
fn decode_hex(writer: &mut EventWriter<'_>, value: &[u8], always: bool) -> Option<Span> {
    if value.len() < 4
        || !value.len().is_multiple_of(2)
        || !value.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
    {
        return None;
    }
    let byte_at = |at: usize| {
        let digit = |byte: u8| if byte <= b'9' { byte - b'0' } else { byte - b'A' + 10 };
        digit(value[at]) << 4 | digit(value[at + 1])
    };
    let needed = (0..value.len()).step_by(2).any(|at| !(0x21..0x7f).contains(&byte_at(at)) || byte_at(at) == b'"');
    if !needed && !always {
        return None;
    }
    let from = writer.arena_start();
    for at in (0..value.len()).step_by(2) {
        // Arguments are set apart by NUL in a process title.
        let byte = byte_at(at);
        writer.arena_push(&[if byte == 0 { b' ' } else { byte }]);
    }
    Some(writer.arena_end(from))
}

/// Most arguments joined into the command line. A record holds 7.5 KiB of them
/// (`MAX_EXECVE_AUDIT_LEN` in the kernel), and real ones have some tens.
const ARGS_JOINED_MAX: usize = 256;

fn put_command_line(writer: &mut EventWriter<'_>) {
    let mut spans = [Span::default(); ARGS_JOINED_MAX];
    let mut count = 0;
    for field in writer.view().all(ecs::PROCESS_ARGS).take(ARGS_JOINED_MAX) {
        spans[count] = field.span();
        count += 1;
    }
    let from = writer.arena_start();
    for (at, &span) in spans[..count].iter().enumerate() {
        if at > 0 {
            writer.arena_push(b" ");
        }
        writer.arena_push_span(span);
    }
    let line = writer.arena_end(from);
    writer.put_span(ecs::PROCESS_COMMAND_LINE, line, Kind::Text, false);
}

fn put_address(writer: &mut EventWriter<'_>, address: FieldId, ip_id: FieldId, value: &[u8]) {
    let span = writer.span_of(value);
    match crate::ip::parse(value) {
        Some(ip) => put_address_span(writer, address, ip_id, span, ip),
        None => writer.put_span(address, span, Kind::Text, false),
    }
}

fn put_address_span(writer: &mut EventWriter<'_>, address: FieldId, ip_id: FieldId, span: Span, ip: std::net::IpAddr) {
    writer.put_span(address, span, Kind::Text, false);
    // An IPv6 address is written anew in its canonical form; IPv4 text is canonical as it stands.
    if ip.is_ipv4() {
        match ip_id {
            ecs::SOURCE_IP => writer.core().source_ip = Some(ip),
            _ => writer.core().destination_ip = Some(ip),
        }
        writer.put_span(ip_id, span, Kind::Text, false);
    } else {
        writer.put_addr(ip_id, ip, b":");
    }
    if let Some((span, kind)) = writer.first_span(ip_id) {
        writer.put_span(ecs::RELATED_IP, span, kind, false);
    }
}

/// `struct sockaddr` in hexadecimal: the peer of a connect or sendto (x86 and ARM write the
/// family little-endian, port and address in network order).
fn put_socket(writer: &mut EventWriter<'_>, value: &[u8]) {
    fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
        let mut out = [0; N];
        for (byte, pair) in out.iter_mut().zip(text.get(..N * 2)?.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(out)
    }
    let Some([family, 0, high, low]) = hex::<4>(value) else { return };
    let ip: std::net::IpAddr = match family {
        2 => match hex::<4>(&value[8..]) {
            Some(octets) => octets.into(),
            None => return,
        },
        10 => match value.get(16..).and_then(hex::<16>) {
            Some(octets) => octets.into(),
            None => return,
        },
        _ => return,
    };
    writer.put_addr(ecs::DESTINATION_IP, ip, b":");
    if let Some((span, kind)) = writer.first_span(ecs::DESTINATION_IP) {
        writer.put_span(ecs::DESTINATION_ADDRESS, span, kind, false);
        writer.put_span(ecs::RELATED_IP, span, kind, false);
    }
    let port = u16::from_be_bytes([high, low]);
    writer.core().destination_port = Some(port);
    writer.put_i64(ecs::DESTINATION_PORT, i64::from(port));
}
