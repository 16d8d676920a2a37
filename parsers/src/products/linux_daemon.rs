//! Common Linux daemons in syslog: what their messages say of units, addresses, users and mails.
//!
//! Sources: the message texts in the sources and manuals of systemd, the kernel, dhclient, chrony, ntpd, NetworkManager,
//! Postfix, rsyslogd and snapd. One row a text, by the program's name; a text without a row is left to the generic reader.

use foldhash::{HashMap, HashMapExt as _};
use std::sync::LazyLock;

use super::text_template::{Captures, Template};
use crate::decode::Context;
use crate::ecs;
use crate::event::EventWriter;
use crate::logsource;
use crate::products::{self, Detect, Product};
use crate::wire::syslog::Header;

/// `linux_daemon`.
pub(crate) static PRODUCT: Product = Product {
    name: "linux_daemon",
    title: "Common Linux daemons",
    document: "systemd, Linux kernel, ISC dhclient, chrony, ntpd, NetworkManager, Postfix, rsyslog, snapd: sources and manuals",
    namespace: "system.syslog",
    module: "system",
    dataset: "system.syslog",
    names: NAMES,
    detect: &[Detect::App(PROGRAMS, decode)],
    ..Product::NONE
};

/// The names below `system.syslog`. Templates look theirs up when they compile.
static NAMES: &[&str] = &[
    "unit",
    "state",
    "interface",
    "queue_id",
    "relay",
    "dsn",
    "delay",
    "size",
    "nrcpt",
    "device",
    "offset",
    "snap",
    "old_state",
    "lease_seconds",
    "helo",
    "victim.pid",
    "victim.name",
];

static PROGRAMS: &[&str] = &[
    "systemd",
    "kernel",
    "dhclient",
    "chronyd",
    "ntpd",
    "NetworkManager",
    "postfix/smtp",
    "postfix/smtpd",
    "postfix/qmgr",
    "postfix/cleanup",
    "postfix/local",
    "postfix/lmtp",
    "postfix/anvil",
    "rsyslogd",
    "snapd",
    "systemd-resolved",
    "systemd-networkd",
    "systemd-timesyncd",
    "anacron",
];

/// Program, action, category, types, outcome, text.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str], &'static str, &'static str);

const DELIVERY: &str = "{+queue_id}: to=<{email.to.address}>, relay={+relay}, delay={+delay}, delays={_}, dsn={+dsn}, status={+state} ({reason})";

static ROWS: &[Row] = &[
    ("systemd", "service-started", "process", &["start"], "success", "Started {+unit} - {_}"),
    ("systemd", "service-started", "process", &["start"], "success", "Started {+unit}"),
    ("systemd", "service-started", "process", &["start"], "success", "Finished {+unit} - {_}"),
    ("systemd", "service-started", "process", &["start"], "success", "Finished {+unit}"),
    ("systemd", "service-starting", "process", &["info"], "", "Starting {+unit} - {_}"),
    ("systemd", "service-starting", "process", &["info"], "", "Starting {+unit}"),
    ("systemd", "service-stopped", "process", &["end"], "success", "Stopped {+unit} - {_}"),
    ("systemd", "service-stopped", "process", &["end"], "success", "Stopped {+unit}"),
    ("systemd", "service-stopping", "process", &["info"], "", "Stopping {+unit} - {_}"),
    ("systemd", "service-stopping", "process", &["info"], "", "Stopping {+unit}"),
    ("systemd", "service-failed", "process", &["error"], "failure", "Failed to start {+unit} - {_}"),
    ("systemd", "service-failed", "process", &["error"], "failure", "Failed to start {+unit}"),
    ("systemd", "service-failed", "process", &["error"], "failure", "{+unit}: Failed with result '{reason}'"),
    (
        "systemd",
        "service-exited",
        "process",
        &["end"],
        "failure",
        "{+unit}: Main process exited, code={+state}, status={reason}",
    ),
    ("systemd", "service-exited", "process", &["end"], "success", "{+unit}: Succeeded"),
    ("systemd", "service-exited", "process", &["end"], "success", "{+unit}: Deactivated successfully"),
    (
        "kernel",
        "process-killed",
        "process",
        &["end"],
        "",
        "{_}ut of memory: Killed process {+victim.pid} ({+victim.name})",
    ),
    (
        "kernel",
        "process-killed",
        "process",
        &["end"],
        "",
        "{_}ut of memory: Kill process {+victim.pid} ({+victim.name})",
    ),
    ("kernel", "link-state-changed", "network", &["info", "change"], "", "{_}: {+interface}: Link is {+state} "),
    ("kernel", "device-attached", "host", &["info"], "", "{_}usb {+device}: New USB device found, idVendor={_}"),
    ("kernel", "device-detached", "host", &["info"], "", "{_}usb {+device}: USB disconnect, device number {_}"),
    (
        "kernel",
        "promiscuous-mode",
        "network",
        &["info", "change"],
        "",
        "{_}device {+interface} {+state} promiscuous mode",
    ),
    (
        "dhclient",
        "dhcp-request",
        "network",
        &["info", "protocol"],
        "",
        "DHCPREQUEST of {client.ip} on {+interface} to {server.ip} port {server.port}",
    ),
    (
        "dhclient",
        "dhcp-request",
        "network",
        &["info", "protocol"],
        "",
        "DHCPREQUEST for {client.ip} on {+interface} to {server.ip} port {server.port}",
    ),
    (
        "dhclient",
        "dhcp-discover",
        "network",
        &["info", "protocol"],
        "",
        "DHCPDISCOVER on {+interface} to {server.ip} port {server.port}",
    ),
    ("dhclient", "dhcp-ack", "network", &["info", "protocol"], "success", "DHCPACK of {client.ip} from {server.ip}"),
    ("dhclient", "dhcp-ack", "network", &["info", "protocol"], "success", "DHCPACK from {server.ip}"),
    ("dhclient", "dhcp-offer", "network", &["info", "protocol"], "", "DHCPOFFER of {client.ip} from {server.ip}"),
    ("dhclient", "dhcp-nak", "network", &["info", "protocol"], "failure", "DHCPNAK from {server.ip}"),
    (
        "dhclient",
        "dhcp-bound",
        "network",
        &["info"],
        "success",
        "bound to {client.ip} -- renewal in {+lease_seconds} seconds",
    ),
    ("chronyd", "time-source-selected", "host", &["info", "change"], "", "Selected source {server.address} ("),
    ("chronyd", "time-source-selected", "host", &["info", "change"], "", "Selected source {server.address}"),
    ("chronyd", "time-stepped", "host", &["info", "change"], "", "System clock was stepped by {+offset} seconds"),
    ("chronyd", "time-wrong", "host", &["info"], "", "System clock wrong by {+offset} seconds"),
    ("ntpd", "time-synchronised", "host", &["info", "change"], "", "synchronized to {server.address}, stratum {_}"),
    (
        "systemd-timesyncd",
        "time-synchronised",
        "host",
        &["info"],
        "",
        "{_}ynchronized to time server {server.ip}:{server.port} (",
    ),
    (
        "NetworkManager",
        "device-state-changed",
        "network",
        &["info", "change"],
        "",
        "{_}device ({+interface}): state change: {+old_state} -> {+state} (reason '{reason}'",
    ),
    (
        "NetworkManager",
        "link-state-changed",
        "network",
        &["info", "change"],
        "",
        "{_}device ({+interface}): link {+state}",
    ),
    ("NetworkManager", "dhcp-bound", "network", &["info"], "success", "{_}dhcp4 ({+interface}):   address {client.ip}"),
    ("postfix/smtp", "mail-delivery", "email", &["info"], "", DELIVERY),
    ("postfix/local", "mail-delivery", "email", &["info"], "", DELIVERY),
    ("postfix/lmtp", "mail-delivery", "email", &["info"], "", DELIVERY),
    ("postfix/smtpd", "connection-started", "network", &["start"], "", "connect from {source.domain}[{source.ip}]"),
    ("postfix/smtpd", "connection-ended", "network", &["end"], "", "disconnect from {source.domain}[{source.ip}]"),
    ("postfix/smtpd", "mail-received", "email", &["info"], "", "{+queue_id}: client={source.domain}[{source.ip}]"),
    (
        "postfix/smtpd",
        "mail-rejected",
        "email",
        &["info", "denied"],
        "failure",
        "NOQUEUE: reject: RCPT from {source.domain}[{source.ip}]: {reason}; from=<{email.from.address}> to=<{email.to.address}> proto={network.protocol} helo=<{+helo}>",
    ),
    (
        "postfix/smtpd",
        "logon-failed",
        "authentication",
        &["info"],
        "failure",
        "warning: {source.domain}[{source.ip}]: SASL {_} authentication failed: {reason}",
    ),
    (
        "postfix/qmgr",
        "mail-queued",
        "email",
        &["info"],
        "",
        "{+queue_id}: from=<{email.from.address}>, size={+size}, nrcpt={+nrcpt} ({+state})",
    ),
    ("postfix/qmgr", "mail-removed", "email", &["info"], "", "{+queue_id}: removed"),
    ("postfix/cleanup", "mail-accepted", "email", &["info"], "", "{+queue_id}: message-id=<{email.message_id}>"),
    ("snapd", "snap-changed", "package", &["info", "change"], "", "{_}Installed \"{+snap}\" snap"),
    (
        "rsyslogd",
        "log-service-changed",
        "process",
        &["info"],
        "",
        "[origin software=\"rsyslogd\" swVersion=\"{_}\" x-pid=\"{_}] {+state}",
    ),
    ("rsyslogd", "log-messages-lost", "process", &["info"], "", "imjournal: {_} messages lost due to rate-limiting"),
];

/// A row with its compiled text.
type Compiled = (&'static Row, Template);

static BY_PROGRAM: LazyLock<HashMap<&'static [u8], Vec<Compiled>>> = LazyLock::new(|| {
    let mut rows: HashMap<_, Vec<_>> = HashMap::new();
    for row in ROWS {
        rows.entry(row.0.as_bytes()).or_default().push((row, Template::compile(row.5)));
    }
    rows
});

/// Decodes a message of one of the programs; `false` = its text has no row.
fn decode<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let Some(rows) = BY_PROGRAM.get(header.appname) else { return false };
    let text = header.message;
    if !writer.derives() {
        put_product(writer, header);
        writer.put(ecs::MESSAGE, text);
        return true;
    }
    // Units are named before a full stop, or before three.
    let mut sentence = text;
    while let [rest @ .., b'.'] = sentence {
        sentence = rest;
    }
    let mut captures = Captures::new();
    let Some(((_, action, category, types, outcome, _), _)) =
        rows.iter().find(|(_, template)| template.matches(sentence, &mut captures))
    else {
        return false;
    };
    put_product(writer, header);
    writer.put(ecs::MESSAGE, text);
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_ACTION, action);
    writer.put_str(ecs::EVENT_CATEGORY, category);
    types.iter().for_each(|name| writer.put_str(ecs::EVENT_TYPE, name));
    if !outcome.is_empty() {
        writer.put_str(ecs::EVENT_OUTCOME, outcome);
    }
    captures.write(writer);
    true
}

fn put_product(writer: &mut EventWriter<'_>, header: &Header<'_>) {
    let core = writer.core();
    core.product = products::LINUX_DAEMON;
    core.log_source = match header.appname {
        b"kernel" => logsource::LINUX_KERNEL,
        _ => logsource::LINUX_SYSLOG,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_as_the_naive_twin_reads_them() {
        let mut read = 0;
        crate::testing::hold(b" :.'[]", |record| {
            let at = record.windows(2).position(|pair| pair == b": ").map_or(0, |at| at + 2);
            let rows = ROWS
                .iter()
                .filter(|row| record[..at].ends_with(format!("{}: ", row.0).as_bytes()) || row.0 == "kernel");
            let texts = rows.filter_map(|row| BY_PROGRAM.get(row.0.as_bytes())).flatten();
            read += texts.filter(|(_, text)| crate::products::text_template::twin::check(text, &record[at..])).count();
        });
        assert!(read > 100, "only {read} texts are of their rows");
    }

    #[test]
    fn every_row_is_of_a_program_that_is_asked_for() {
        for (program, .., text) in ROWS {
            assert!(PROGRAMS.contains(program), "{program}: {text}");
        }
        assert!(!BY_PROGRAM.is_empty());
    }
}
