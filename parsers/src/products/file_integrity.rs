//! File integrity reports: Wazuh and OSSEC (syscheck) as JSON alerts and as syslog, AIDE's and Tripwire's by line.

#[cfg(test)]
mod tests;

use super::fields::{put_path, relate_span};
use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Spec};
use super::names::vendor_names;
use crate::decode::Context;
use crate::event::{EventWriter, Kind, Span};
use crate::products::{Detect, Product};
use crate::time::take_iso;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `wazuh_fim`.
pub(crate) static WAZUH: Product = Product {
    name: "wazuh_fim",
    title: "Wazuh and OSSEC file integrity monitoring",
    document: "Wazuh: syscheck alert fields; OSSEC: syslog output",
    namespace: "wazuh",
    module: "wazuh",
    dataset: "wazuh.fim",
    vendor: "Wazuh",
    product: "Wazuh",
    names: NAMES,
    json: &[&SYSCHECK],
    detect: &[
        Detect::Members(&["syscheck.path", "rule.id"], read_syscheck),
        Detect::Mark(&["Alert Level: "], decode_ossec),
    ],
    ..Product::NONE
};

/// `file_integrity`.
pub(crate) static REPORT: Product = Product {
    name: "file_integrity",
    title: "AIDE and Tripwire reports",
    document: "AIDE manual: report format; Tripwire: twprint(8), syslog reports",
    namespace: "file_integrity",
    module: "file_integrity",
    dataset: "file_integrity.report",
    detect: &[
        Detect::Line("fdlLDbcsp?", decode_aide),
        Detect::Shape("fdlLDbcsp?", decode_aide),
        Detect::Line("acrASEFDL", decode_words),
        Detect::Shape("acrMARSEFDL", decode_words),
        Detect::Mark(&["TWReport "], decode_words),
    ],
    ..Product::NONE
};

vendor_names! {
    alert_level = "rule.level";
    location = "location";
    flags = "flags";
    added = "added";
    removed = "removed";
    changed = "changed";
    @also
    "rule.groups" "agent.ip" "manager.name" "decoder.name" "syscheck.mode" "syscheck.changed_attributes"
    "syscheck.size_before" "syscheck.perm_before" "syscheck.uid_before" "syscheck.gid_before" "syscheck.md5_before"
    "syscheck.sha1_before" "syscheck.sha256_before" "syscheck.uname_before" "syscheck.gname_before"
    "syscheck.mtime_before" "syscheck.inode_before" "syscheck.attrs_after" "syscheck.win_perm_after" "syscheck.diff"
    "syscheck.tags"
}

static SYSCHECK: JsonTable = JsonTable::new(Spec {
    product: products::WAZUH_FIM,
    log_source: logsource::FILE_INTEGRITY,
    time: &[("timestamp", Clock::Iso)],
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "file")],
    rows: &[
        ("id", ecs::EVENT_ID, Text),
        ("full_log", ecs::MESSAGE, Text),
        ("rule.id", ecs::RULE_ID, Text),
        ("rule.level", ecs::EVENT_SEVERITY, Number),
        ("rule.description", ecs::RULE_DESCRIPTION, Text),
        ("agent.id", ecs::AGENT_ID, Text),
        ("agent.name", ecs::HOST_NAME, Host),
        ("agent.ip", ecs::HOST_IP, Ip),
        ("syscheck.path", ecs::FILE_PATH, FilePath),
        (
            "syscheck.event",
            ecs::EVENT_ACTION,
            Means(&[
                ("added", &[(ecs::EVENT_TYPE, "creation")]),
                ("modified", &[(ecs::EVENT_TYPE, "change")]),
                ("deleted", &[(ecs::EVENT_TYPE, "deletion")]),
            ]),
        ),
        ("syscheck.size_after", ecs::FILE_SIZE, Number),
        ("syscheck.perm_after", ecs::FILE_MODE, Text),
        ("syscheck.uid_after", ecs::FILE_UID, Text),
        ("syscheck.gid_after", ecs::FILE_GID, Text),
        ("syscheck.uname_after", ecs::FILE_OWNER, Text),
        ("syscheck.gname_after", ecs::FILE_GROUP, Text),
        ("syscheck.inode_after", ecs::FILE_INODE, Text),
        ("syscheck.mtime_after", ecs::FILE_MTIME, Time(Clock::Iso)),
        ("syscheck.md5_after", ecs::FILE_HASH_MD5, Hash),
        ("syscheck.sha1_after", ecs::FILE_HASH_SHA1, Hash),
        ("syscheck.sha256_after", ecs::FILE_HASH_SHA256, Hash),
        ("syscheck.audit.user.name", ecs::USER_NAME, User),
        ("syscheck.audit.user.id", ecs::USER_ID, Text),
        ("syscheck.audit.process.name", ecs::PROCESS_EXECUTABLE, Text),
        ("syscheck.audit.process.id", ecs::PROCESS_PID, Number),
    ],
    ..Spec::NONE
});

fn read_syscheck(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    SYSCHECK.apply(writer, context)
}

/// Sentences in which OSSEC names the file, and the event's type. A quoted path follows each.
static SENTENCES: &[(&[u8], &str, &str)] = &[
    (b"Integrity checksum changed for: '", "modified", "change"),
    (b"New file '", "added", "creation"),
    (b"File '", "modified", "change"),
];

/// `Alert Level: 7; Rule: 550 - Integrity checksum changed.; Location: (agent) address->syscheck; …; text`
fn decode_ossec<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    let Some(at) = memchr::memmem::find(text, b"Alert Level: ") else { return false };
    let mut parts = split(&text[at..], b"; ");
    let level = parts.next().and_then(|part| part.strip_prefix(b"Alert Level: "));
    let rule = parts.next().and_then(|part| part.strip_prefix(b"Rule: "));
    let location = parts.next().and_then(|part| part.strip_prefix(b"Location: "));
    let (Some(level), Some(rule), Some(location)) = (level, rule, location) else { return false };
    let ids = ids();
    let core = writer.core();
    core.product = products::WAZUH_FIM;
    core.log_source = logsource::FILE_INTEGRITY;
    writer.put_str(ecs::EVENT_KIND, "alert");
    writer.put_vendor(ids.alert_level, level);
    if crate::number::parse_u64(level).is_some() {
        writer.put_as(ecs::EVENT_SEVERITY, level, Kind::Number, false);
    }
    let dash = memchr::memmem::find(rule, b" - ");
    writer.put(ecs::RULE_ID, &rule[..dash.unwrap_or(rule.len())]);
    if let Some(dash) = dash {
        writer.put(ecs::RULE_DESCRIPTION, &rule[dash + 3..]);
    }
    writer.put_vendor(ids.location, location);
    let agent = location.strip_prefix(b"(").and_then(|rest| memchr::memchr(b')', rest).map(|end| &rest[..end]));
    if let Some(agent) = agent {
        writer.put(ecs::AGENT_NAME, agent);
    }
    if !location.ends_with(b"syscheck") {
        // An alert of another of its parts.
        writer.put(ecs::MESSAGE, text);
        return true;
    }
    writer.put_str(ecs::EVENT_CATEGORY, "file");
    for &(sentence, action, kind) in SENTENCES {
        let Some(from) = memchr::memmem::find(text, sentence).map(|at| at + sentence.len()) else { continue };
        let Some(len) = memchr::memchr(b'\'', &text[from..]) else { continue };
        let deleted = text[from + len..].starts_with(b"' was deleted");
        writer.put_str(ecs::EVENT_ACTION, if deleted { "deleted" } else { action });
        writer.put_str(ecs::EVENT_TYPE, if deleted { "deletion" } else { kind });
        let path = writer.span_of(&text[from..from + len]);
        put_file(writer, path);
        break;
    }
    for (before, id) in [
        (&b"New md5sum is : '"[..], ecs::FILE_HASH_MD5),
        (b"New sha1sum is : '", ecs::FILE_HASH_SHA1),
        (b"New sha256sum is : '", ecs::FILE_HASH_SHA256),
    ] {
        let Some(from) = memchr::memmem::find(text, before).map(|at| at + before.len()) else { continue };
        if let Some(len) = memchr::memchr(b'\'', &text[from..]) {
            let hash = writer.span_of(&text[from..from + len]);
            writer.put_span(id, hash, Kind::Text, false);
            relate_span(writer, hash, ecs::RELATED_HASH);
        }
    }
    writer.put(ecs::MESSAGE, text);
    true
}

fn split<'a>(text: &'a [u8], separator: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let at = memchr::memmem::find(text, separator);
        rest = at.map(|at| &text[at + separator.len()..]);
        Some(at.map_or(text, |at| &text[..at]))
    })
}

fn put_file(writer: &mut EventWriter<'_>, path: Span) {
    writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
    put_path(writer, path, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
}

/// What AIDE's first letter says of the file.
fn file_type(letter: u8) -> &'static str {
    match letter {
        b'd' => "dir",
        b'l' | b'L' => "symlink",
        b'f' => "file",
        b'b' | b'c' | b'D' => "device",
        b's' => "socket",
        b'p' => "fifo",
        _ => "",
    }
}

/// `YlZbpugamcinHAXSEC: /path`: the type of the file, then a sign or letter for each attribute that changed.
fn decode_aide<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    let Some(colon) = text[..text.len().min(32)].iter().position(|&byte| byte == b':') else { return false };
    let (flags, rest) = text.split_at(colon);
    let Some(path) = rest.strip_prefix(b": ").filter(|path| path.starts_with(b"/")) else { return false };
    // The link's name, the size, then a letter for each attribute, which prose does not look like.
    let sound = flags.len() >= 11
        && b" .l+-:!".contains(&flags[1])
        && b" .=<>+-:!".contains(&flags[2])
        && flags[3..].iter().all(|byte| b" .+-:!bpugamcinHAXSECl".contains(byte));
    if !sound {
        return false;
    }
    let (action, kind) = match (flags[1], flags[2]) {
        (b'+', b'+') => ("added", "creation"),
        (b'-', b'-') => ("removed", "deletion"),
        _ => ("changed", "change"),
    };
    begin(writer, action, kind);
    writer.put_vendor(ids().flags, flags);
    let kind = file_type(flags[0]);
    if !kind.is_empty() {
        writer.put_str(ecs::FILE_TYPE, kind);
    }
    let path = writer.span_of(path);
    put_file(writer, path);
    true
}

fn begin(writer: &mut EventWriter<'_>, action: &'static str, kind: &'static str) {
    let core = writer.core();
    core.product = products::FILE_INTEGRITY;
    core.log_source = logsource::FILE_INTEGRITY;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "file");
    writer.put_str(ecs::EVENT_ACTION, action);
    writer.put_str(ecs::EVENT_TYPE, kind);
}

/// Words that stand before a path: AIDE up to 0.15 (`added: /path`), Tripwire (`Modified: "/path"`).
static WORDS: &[(&[u8], &str, &str)] = &[
    (b"added: ", "added", "creation"),
    (b"changed: ", "changed", "change"),
    (b"removed: ", "removed", "deletion"),
    (b"Added: ", "added", "creation"),
    (b"Modified: ", "changed", "change"),
    (b"Removed: ", "removed", "deletion"),
    (b"File: ", "changed", "change"),
    (b"Directory: ", "changed", "change"),
    (b"Link: ", "changed", "change"),
];

/// Lines that begin with a word of the report.
fn decode_words<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    for &(word, action, kind) in WORDS {
        let Some(path) = text.strip_prefix(word).map(<[u8]>::trim_ascii) else { continue };
        let path = path.strip_prefix(b"\"").and_then(|path| path.strip_suffix(b"\"")).unwrap_or(path);
        if !path.starts_with(b"/") {
            return false;
        }
        begin(writer, action, kind);
        let path = writer.span_of(path);
        put_file(writer, path);
        return true;
    }
    if let Some(rest) = text.strip_prefix(b"Start timestamp: ").or_else(|| text.strip_prefix(b"End timestamp: ")) {
        // `2026-03-01 08:09:10 +0000 (AIDE 0.17.4)`
        let Some((stamp, after)) = take_iso(rest).filter(|(_, after)| memchr::memmem::find(after, b"AIDE").is_some())
        else {
            return false;
        };
        let started = text.starts_with(b"Start");
        begin(writer, if started { "report-started" } else { "report-ended" }, "info");
        let offset_s =
            stamp.offset_s.or_else(|| crate::time::take_offset(after.trim_ascii_start()).map(|(offset, _)| offset));
        context.set_stamp(writer, &crate::time::Stamp { offset_s, ..stamp });
        writer.put(ecs::MESSAGE, text);
        return true;
    }
    summary(writer, text)
}

/// `Integrity Check Report Complete: TWReport host 20260301 V:3 S:100 A:1 R:1 C:1`
fn summary<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let Some(at) = memchr::memmem::find(&text[..text.len().min(128)], b"TWReport ") else { return false };
    begin(writer, "report", "info");
    let mut words = text[at + 9..].split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    if let Some(host) = words.next() {
        writer.put(ecs::HOST_NAME, host);
    }
    let ids = ids();
    for word in words {
        let id = match word.get(..2) {
            Some(b"A:") => ids.added,
            Some(b"R:") => ids.removed,
            Some(b"C:") => ids.changed,
            _ => continue,
        };
        writer.put_as(id, &word[2..], Kind::Number, true);
    }
    writer.put(ecs::MESSAGE, text);
    true
}
