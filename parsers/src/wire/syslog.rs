//! Syslog headers: RFC 5424, RFC 3164 and what devices send in their stead.
//!
//! RFC 3164 describes what was seen on the wire, not a format: priority, year, host
//! name and tag are all absent somewhere. Each part is read where it is and the
//! rest goes on as message; a part that is there and broken is a defect.

pub(crate) mod device;
mod last_stamp;
#[cfg(test)]
mod twin;

pub(crate) use last_stamp::LastStamp;

use crate::decode::Context;
use crate::defect::Defect;
use crate::ecs;
use crate::event::{EventWriter, Kind, TimePrecision};
use crate::scan::until;
use crate::time::{self, Civil, Stamp};
use crate::wire::json::scan::find_either;

/// The header of a record, as spans of it. A part that is absent is empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Header<'a> {
    /// HOSTNAME.
    pub hostname: &'a [u8],
    /// APP-NAME, or the TAG of RFC 3164 without brackets and colon.
    pub appname: &'a [u8],
    /// PROCID, or the number in the brackets of an RFC 3164 tag.
    pub procid: &'a [u8],
    /// MSGID.
    pub msgid: &'a [u8],
    /// What follows the header.
    pub message: &'a [u8],
    /// Whether there was any header: priority, stamp or both.
    pub present: bool,
}

/// Longest tag looked for. RFC 3164 §4.1.3 allows 32; container and unit names exceed it.
const TAG_BYTES_MAX: usize = 128;

/// Most bytes of structured data read. RFC 5424 sets none; RFC 5425 asks receivers for
/// 8 KiB messages. What follows stays in the message.
const STRUCTURED_DATA_BYTES_MAX: usize = 64 << 10;

/// RFC 5424 §6.2.1 table 2, by severity, as ECS and most tools spell them.
static SEVERITIES: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"];

/// RFC 5424 §6.2.1 table 1, by facility, in the names of `syslog.conf`.
static FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

static DIGITS: [&str; 24] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
    "21", "22", "23",
];

/// Reads the header, writes its fields and the event time, and returns what is left.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>) -> Header<'a> {
    let record = writer.record();
    decode_text(writer, context, record)
}

/// As [`decode`], of a record that a shipper put into its envelope. `record` must lie in the writer's.
pub(crate) fn decode_text<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, record: &'a [u8]) -> Header<'a> {
    let record = trim_line_end(record);
    let mut header = Header { message: record, ..Header::default() };
    let mut rest = record;
    if record.first() == Some(&b'<') {
        match take_priority(record) {
            Some((priority, text, after)) => {
                header.present = true;
                put_priority(writer, priority, text);
                rest = after;
            }
            None => {
                writer.defect(Defect::HeaderMalformed);
                rest = after_broken_priority(record);
            }
        }
    }
    if rest.first().is_some_and(u8::is_ascii_digit) && read_5424(writer, context, rest, &mut header) {
        return header;
    }
    read_3164(writer, context, rest, &mut header);
    put_names(writer, &header);
    header
}

fn trim_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

/// `<digits>` at the start: the number, its text, what follows. Ten digits at most, so
/// that a counter run wild is still read over.
#[inline]
fn take_priority(record: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let mut value = 0u64;
    for (at, &byte) in record.iter().enumerate().skip(1).take(11) {
        match byte {
            b'0'..=b'9' => value = value * 10 + u64::from(byte - b'0'),
            b'>' if at > 1 => return Some((value, &record[1..at], &record[at + 1..])),
            _ => return None,
        }
    }
    None
}

/// What follows `<…>` where that was meant for a priority: empty, or digits without bound.
fn after_broken_priority(record: &[u8]) -> &[u8] {
    let digits = record[1..].iter().take(32).take_while(|byte| byte.is_ascii_digit()).count();
    match &record[1 + digits..] {
        [b'>', rest @ ..] => rest,
        _ => record,
    }
}

fn put_priority(writer: &mut EventWriter<'_>, priority: u64, text: &[u8]) {
    writer.put(ecs::LOG_SYSLOG_PRIORITY, text);
    if priority > 191 {
        writer.defect(Defect::PriorityInvalid);
        return;
    }
    put_severity(writer, priority as usize / 8, priority as usize % 8);
}

fn put_severity(writer: &mut EventWriter<'_>, facility: usize, severity: usize) {
    let core = writer.core();
    core.syslog_facility = facility as u8;
    core.syslog_severity = severity as u8;
    if !writer.derives() {
        return;
    }
    writer.put_str(ecs::LOG_SYSLOG_FACILITY_CODE, DIGITS[facility]);
    writer.put_str(ecs::LOG_SYSLOG_FACILITY_NAME, FACILITIES[facility]);
    writer.put_str(ecs::LOG_SYSLOG_SEVERITY_CODE, DIGITS[severity]);
    writer.put_str(ecs::LOG_SYSLOG_SEVERITY_NAME, SEVERITIES[severity]);
}

/// `log.level` from the severity, where no product gave one.
pub(crate) fn put_level(writer: &mut EventWriter<'_>) {
    if writer.core().syslog_severity < 8 && !writer.view().has(ecs::LOG_LEVEL) {
        if let Some((name, kind)) = writer.first_span(ecs::LOG_SYSLOG_SEVERITY_NAME) {
            writer.put_span(ecs::LOG_LEVEL, name, kind, false);
        }
    }
}

#[inline]
fn put_names(writer: &mut EventWriter<'_>, header: &Header<'_>) {
    if !header.hostname.is_empty() {
        let name = writer.span_of(header.hostname);
        writer.put_span(ecs::LOG_SYSLOG_HOSTNAME, name, Kind::Text, false);
    }
    if !header.hostname.is_empty() && writer.derives() {
        let name = writer.span_of(header.hostname);
        writer.put_span(ecs::HOST_NAME, name, Kind::Text, false);
        writer.put_span(ecs::HOST_HOSTNAME, name, Kind::Text, false);
        let first = header.hostname[0];
        if first.is_ascii_digit() || first == b'[' || until(header.hostname, b':') < header.hostname.len() {
            if let Some(ip) = crate::ip::parse(header.hostname) {
                writer.put_addr(ecs::HOST_IP, ip, header.hostname);
            }
        }
    }
    if !header.appname.is_empty() {
        let name = writer.span_of(header.appname);
        writer.put_span(ecs::LOG_SYSLOG_APPNAME, name, Kind::Text, false);
        if writer.derives() {
            writer.put_span(ecs::PROCESS_NAME, name, Kind::Text, false);
        }
    }
    if !header.procid.is_empty() {
        let id = writer.span_of(header.procid);
        writer.put_span(ecs::LOG_SYSLOG_PROCID, id, Kind::Text, false);
        if writer.derives() && header.procid.iter().all(u8::is_ascii_digit) {
            writer.put_span(ecs::PROCESS_PID, id, Kind::Number, false);
        }
    }
}

// ---- RFC 5424

/// The bytes before the next space, and those after it.
#[inline]
fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = until(text, b' ');
    Some((&text[..at], text.get(at + 1..)?))
}

#[inline]
fn nil(text: &[u8]) -> &[u8] {
    if text == b"-" { b"" } else { text }
}

/// RFC 5424 §6 from VERSION on; `false` = this is none, nothing written.
fn read_5424<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8], header: &mut Header<'a>) -> bool {
    let version_len = if text.get(1) == Some(&b' ') {
        1
    } else if text.get(2) == Some(&b' ') && text[1].is_ascii_digit() {
        2
    } else {
        return false;
    };
    if text[0] == b'0' {
        return false;
    }
    let version = &text[..version_len];
    let rest = &text[version_len + 1..];
    let mut rest = match rest {
        [b'-', b' ', rest @ ..] => {
            writer.put(ecs::LOG_SYSLOG_VERSION, version);
            rest
        }
        // Seconds since the epoch with a fraction, as Meraki sends: then host and message, no more.
        [b'0'..=b'9', ..] => match &time::take_iso(rest) {
            Some((stamp, [b' ', rest @ ..])) => {
                writer.put(ecs::LOG_SYSLOG_VERSION, version);
                context.set_stamp(writer, stamp);
                rest
            }
            _ => return read_epoch(writer, version, rest, header),
        },
        _ => return false,
    };
    header.present = true;
    let parts = [&mut header.hostname, &mut header.appname, &mut header.procid, &mut header.msgid];
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 && begins_document(rest) {
            writer.defect(Defect::HeaderMalformed);
            break;
        }
        match token(rest) {
            Some((value, after)) => {
                *part = nil(value);
                rest = after;
            }
            None => {
                writer.defect(Defect::HeaderMalformed);
                break;
            }
        }
    }
    put_names(writer, header);
    if !header.msgid.is_empty() {
        writer.put(ecs::LOG_SYSLOG_MSGID, header.msgid);
    }
    rest = match rest {
        [b'-', b' ', rest @ ..] => rest,
        [b'-'] => b"",
        _ if begins_document(rest) => rest,
        [b'[', ..] => match structured_data(writer, context, rest) {
            Some(after) => after.strip_prefix(b" ").unwrap_or(after),
            None => {
                writer.defect(Defect::StructuredDataMalformed);
                rest
            }
        },
        _ => {
            writer.defect(Defect::StructuredDataMalformed);
            rest
        }
    };
    header.message = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest);
    true
}

/// Whether a document begins where the header should go on: some senders (CyberArk's Vault) write host and document.
fn begins_document(text: &[u8]) -> bool {
    text.starts_with(b"{\"") || text.starts_with(b"CEF:") || text.starts_with(b"LEEF:")
}

fn read_epoch<'a>(writer: &mut EventWriter<'a>, version: &'a [u8], text: &'a [u8], header: &mut Header<'a>) -> bool {
    let Some((stamp, rest)) = token(text) else { return false };
    let Some((time_ns, precision)) = time::parse_epoch(stamp) else { return false };
    writer.set_time(time_ns, precision);
    writer.put(ecs::LOG_SYSLOG_VERSION, version);
    header.present = true;
    let (hostname, rest) = token(rest).unwrap_or((b"", rest));
    header.hostname = hostname;
    header.message = rest;
    put_names(writer, header);
    true
}

/// SD-ELEMENTs (RFC 5424 §6.3) as vendor fields `SD-ID.PARAM-NAME`; what follows them, or
/// `None` where they break off. Elements before the break are kept.
fn structured_data<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> Option<&'a [u8]> {
    let all = text;
    let text = &text[..text.len().min(STRUCTURED_DATA_BYTES_MAX)];
    let mut at = 0;
    while text.get(at) == Some(&b'[') {
        let id_from = at + 1;
        let id_end = find_either(text, id_from, b' ', b']')?;
        let id = &text[id_from..id_end];
        if PRODUCTS_OWN.iter().any(|element| id.starts_with(element)) {
            return Some(&all[at..]);
        }
        if find_either(id, 0, b'"', b'=').is_some() {
            return id.windows(2).any(|pair| pair == b":\"").then_some(&all[at..]);
        }
        at = id_end;
        if id.is_empty() {
            return None;
        }
        let known = context.dictionary.may_hold_below(id);
        if text[at] == b']' {
            let name = writer.span_of(id);
            let value = writer.span_of(&text[at..at]);
            writer.put_unnamed(name, value, Kind::Text);
        }
        while text[at] == b' ' {
            while text.get(at) == Some(&b' ') {
                at += 1;
            }
            if text.get(at) == Some(&b']') {
                break;
            }
            let name_len = until(&text[at..], b'=');
            let name = &text[at..at + name_len];
            at += name_len;
            let named = !name.is_empty() && find_either(name, 0, b' ', b']').is_none() && until(name, b'"') == name_len;
            if !named || text.get(at + 1) != Some(&b'"') {
                return None;
            }
            at += 2;
            let from = at;
            let mut escaped = false;
            loop {
                at = find_either(text, at, b'"', b'\\')?;
                if text[at] == b'"' {
                    break;
                }
                escaped = true;
                at += 2;
            }
            put_param(writer, context, (id, known), name, &text[from..at], escaped);
            at += 1;
            if at >= text.len() {
                return None;
            }
        }
        if text[at] != b']' {
            return None;
        }
        at += 1;
    }
    Some(&all[at..])
}

/// Elements that hold the whole record of a product, whose decoder reads them: those of Junos, and of Check Point's Log
/// Exporter. The latter's other dialect is `[key:"value"; …]`.
static PRODUCTS_OWN: [&[u8]; 2] = [b"junos@", b"Fields@1.3.6.1.4.1.2620"];

fn put_param<'a>(
    writer: &mut EventWriter<'a>,
    context: &Context<'_>,
    (id, id_known): (&[u8], bool),
    name: &[u8],
    value: &'a [u8],
    escaped: bool,
) {
    let name = writer.arena_joined(id, b'.', name);
    let known = if id_known { context.dictionary.find(writer.bytes(name)) } else { None };
    let value = if escaped {
        let from = writer.arena_start();
        let mut rest = value;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            writer.arena_push(&rest[..at]);
            // Only these three are escapes; before anything else the backslash stands for itself (§6.3.3).
            let kept = usize::from(matches!(rest.get(at + 1), Some(b'"' | b'\\' | b']')));
            writer.arena_push(&rest[at + kept..(at + 2).min(rest.len())]);
            rest = &rest[(at + 2).min(rest.len())..];
        }
        writer.arena_push(rest);
        writer.arena_end(from)
    } else {
        writer.span_of(value)
    };
    match known {
        Some(id) => writer.put_span(id, value, Kind::Text, true),
        None => writer.put_unnamed(name, value, Kind::Text),
    }
}

// ---- RFC 3164

/// How a stamp was written: tells how far what follows may be trusted to be a host name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Bsd,
    Iso,
    /// ISO with a space between date and time: application logs, which have no host name.
    IsoSpaced,
}

fn read_3164<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8], header: &mut Header<'a>) {
    let had_priority = header.present;
    let mut rest = text;
    if matches!(rest.first(), Some(b'0'..=b'9' | b':' | b'*' | b'.')) && device::read(writer, context, rest, header) {
        return;
    }
    if had_priority && rest.first().is_some_and(u8::is_ascii_digit) {
        rest = cisco_sequence(writer, rest);
    }
    let Some((form, after)) = take_stamp(writer, context, rest) else {
        if device::read(writer, context, rest, header) {
            return;
        }
        header.message = text;
        // A tag without a stamp is trusted where a priority or a process id vouches for it.
        if let Some((tag, procid, message)) = take_tag(rest) {
            if had_priority || (!procid.is_empty() && procid.iter().all(u8::is_ascii_digit)) {
                header.present = true;
                (header.appname, header.procid, header.message) = (tag, procid, message);
            }
        }
        return;
    };
    if form == Form::IsoSpaced && !had_priority {
        return;
    }
    header.present = true;
    let Some(after) = after.strip_prefix(b" ") else {
        // `stamp: message`, without a host.
        let after = skip_spaces(after.strip_prefix(b":").unwrap_or(after));
        set_tag(writer, header, after);
        return;
    };
    let after = skip_spaces(after);
    // `stamp : %ASA-…`
    if let Some(after) = after.strip_prefix(b": ") {
        set_tag(writer, header, skip_spaces(after));
        return;
    }
    let (first, behind) = token(after).unwrap_or((after, b""));
    match host_of(first, behind, form == Form::Iso && !had_priority) {
        Some(host) => {
            header.hostname = host;
            let behind = skip_spaces(behind);
            let behind = behind.strip_prefix(b": ").map_or(behind, skip_spaces);
            if !read_inner(writer, context, behind, header) {
                set_tag(writer, header, behind);
            }
        }
        None => set_tag(writer, header, after),
    }
}

/// A second header behind a relay's: the device's own priority, stamp and name, or what a Cisco device writes.
/// `false` = there is none, nothing was written.
#[inline]
fn read_inner<'a>(
    writer: &mut EventWriter<'a>,
    context: &Context<'_>,
    text: &'a [u8],
    header: &mut Header<'a>,
) -> bool {
    match text.first() {
        Some(b'0'..=b'9' | b'*' | b'.') => {
            device::read(writer, context, text, header) || inner_stamp(writer, context, text, header)
        }
        Some(b'A' | b'D' | b'F' | b'J' | b'M' | b'N' | b'O' | b'S') if text.get(3) == Some(&b' ') => {
            time::month(text).is_some()
                && (device::read(writer, context, text, header) || inner_stamp(writer, context, text, header))
        }
        Some(b'<') => take_priority(text).is_some_and(|(_, _, rest)| inner_stamp(writer, context, rest, header)),
        _ => false,
    }
}

#[cold]
fn inner_stamp<'a>(
    writer: &mut EventWriter<'a>,
    context: &Context<'_>,
    text: &'a [u8],
    header: &mut Header<'a>,
) -> bool {
    // `-` for a version and `1 ` before an ISO stamp: RFC 5424 behind RFC 3164.
    let text = text.strip_prefix(b"1 ").unwrap_or(text);
    let Some((form, after)) = take_stamp(writer, context, text) else { return false };
    if form == Form::IsoSpaced {
        return false;
    }
    let after = skip_spaces(after.strip_prefix(b":").unwrap_or(after));
    let (first, behind) = token(after).unwrap_or((after, b""));
    match host_of(first, behind, false) {
        Some(host) => {
            header.hostname = host;
            set_tag(writer, header, skip_spaces(behind));
        }
        None => set_tag(writer, header, after),
    }
    true
}

#[inline]
fn skip_spaces(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = text {
        text = rest;
    }
    text
}

/// `000123: ` before the stamp: IOS's `service sequence-numbers`.
fn cisco_sequence<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> &'a [u8] {
    let digits = text.iter().take(11).take_while(|byte| byte.is_ascii_digit()).count();
    match &text[digits..] {
        [b':', b' ', rest @ ..] if digits <= 10 => {
            let number = text[..digits].iter().position(|&byte| byte != b'0').unwrap_or(digits - 1);
            writer.put_as(ecs::EVENT_SEQUENCE, &text[number..digits], Kind::Number, false);
            skip_spaces(rest)
        }
        _ => text,
    }
}

/// The bytes that a host name or an address may have; names of other scripts are sent as they are.
static OF_HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] =
            (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'.' | b'-' | b'_' | b':') || byte >= 0x80;
        byte += 1;
    }
    table
};

/// Whether the first word after a stamp is a host name, and which.
#[inline]
fn host_of<'a>(first: &'a [u8], behind: &[u8], may_be_level: bool) -> Option<&'a [u8]> {
    let (&head, &last) = (first.first()?, first.last()?);
    if head == b'%' {
        return None;
    }
    if last == b':' {
        // `host: %ASA-…`; any other word with a colon is a tag.
        return (skip_spaces(behind).first() == Some(&b'%') && first.len() > 1).then(|| &first[..first.len() - 1]);
    }
    if may_be_level
        && matches!(first, b"INFO" | b"WARN" | b"WARNING" | b"ERROR" | b"DEBUG" | b"TRACE" | b"FATAL" | b"NOTICE")
    {
        return None;
    }
    if behind.is_empty() {
        return None;
    }
    first
        .iter()
        .all(|&byte| OF_HOST[usize::from(byte)])
        .then_some(first)
        .filter(|_| !first.starts_with(b"CEF:") && !first.starts_with(b"LEEF:"))
}

fn set_tag<'a>(writer: &mut EventWriter<'a>, header: &mut Header<'a>, text: &'a [u8]) {
    // A tag of two words may be a facility and the tag proper.
    let tag = take_tag(text).filter(|(tag, ..)| !tag.contains(&b' ') || facility_word(text).is_none());
    match tag {
        Some((tag, procid, message)) => (header.appname, header.procid, header.message) = (tag, procid, message),
        None => match facility_word(text) {
            Some((facility, severity, rest)) => {
                if writer.core().syslog_severity == 255 {
                    put_severity(writer, facility, severity);
                }
                header.message = rest;
                if let Some((tag, procid, message)) = take_tag(rest) {
                    (header.appname, header.procid, header.message) = (tag, procid, message);
                }
            }
            None => header.message = text,
        },
    }
}

/// `user.info ` where the tag should be, as some collectors' templates write it.
fn facility_word(text: &[u8]) -> Option<(usize, usize, &[u8])> {
    if !text.first()?.is_ascii_lowercase() {
        return None;
    }
    // `authpriv.informational` is the longest.
    let (word, rest) = token(&text[..text.len().min(24)]).map(|(word, _)| (word, &text[word.len() + 1..]))?;
    let dot = word.iter().position(|&byte| byte == b'.')?;
    let facility = FACILITIES.iter().position(|name| name.as_bytes() == &word[..dot])?;
    let severity = match &word[dot + 1..] {
        b"emerg" | b"panic" => 0,
        b"crit" => 2,
        b"err" => 3,
        b"warn" => 4,
        b"info" => 6,
        other => SEVERITIES.iter().position(|name| name.as_bytes() == other)?,
    };
    Some((facility, severity, rest))
}

/// `tag: `, `tag[pid]: ` at the start: tag, pid, message. `None` = the text has no tag.
#[inline]
fn take_tag(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    if matches!(text.first()?, b'%' | b'[' | b'{' | b'<' | b'"' | b':' | b' ') {
        return None;
    }
    for (at, &byte) in text.iter().take(TAG_BYTES_MAX).enumerate() {
        match byte {
            b':' => {
                return match &text[at + 1..] {
                    [b' ', message @ ..] => Some((bare(&text[..at]), b"", message)),
                    message @ ([] | [b'[', ..]) => Some((bare(&text[..at]), b"", message)),
                    // `a:b` inside a word: no end of a tag.
                    _ if text.starts_with(b"CEF:") || text.starts_with(b"LEEF:") => None,
                    _ => continue,
                };
            }
            b'[' => return take_pid(text, at),
            b' ' => return spaced_tag(text, at),
            b'=' | b'"' | b',' | b'|' | b'<' | b'{' => return None,
            _ => {}
        }
    }
    None
}

/// RHEL 5's `sshd(pam_unix)` names its module beside the program.
#[inline]
fn bare(tag: &[u8]) -> &[u8] {
    if tag.last() == Some(&b')') {
        if let Some(at) = tag.iter().position(|&byte| byte == b'(').filter(|&at| at > 0) {
            if !tag[at..].contains(&b'[') {
                return &tag[..at];
            }
        }
    }
    tag
}

#[inline]
fn take_pid(text: &[u8], open: usize) -> Option<(&[u8], &[u8], &[u8])> {
    let within = &text[open..text.len().min(open + TAG_BYTES_MAX)];
    let len = until(within, b']');
    if len == within.len() {
        return None;
    }
    let close = open + len;
    let (tag, procid) = (&text[..open], &text[open + 1..close]);
    match &text[close + 1..] {
        [b':', b' ', message @ ..] => Some((bare(tag), procid, message)),
        [b':', message @ ..] => Some((bare(tag), procid, message)),
        [b' ', b'(', ..] => {
            // launchd: `com.apple.xpc.launchd[1] (com.example.job[22]): …` speaks for the job named last.
            let end = close + text[close..].iter().take(TAG_BYTES_MAX).position(|&byte| byte == b':')?;
            let message = &text[end + 1..];
            (text[end - 1] == b')').then(|| (&text[..end], &b""[..], message.strip_prefix(b" ").unwrap_or(message)))
        }
        [b' ', message @ ..] if !procid.is_empty() && procid.iter().all(u8::is_ascii_digit) => {
            Some((bare(tag), procid, message))
        }
        _ => None,
    }
}

/// `Two Words[pid]: `, as macOS names programs. Without a process id, words before a colon
/// are prose.
fn spaced_tag(text: &[u8], from: usize) -> Option<(&[u8], &[u8], &[u8])> {
    for (at, &byte) in text.iter().enumerate().take(TAG_BYTES_MAX).skip(from) {
        match byte {
            b'[' => {
                let tag = take_pid(text, at)?;
                let pid_closes = text[at..].iter().position(|&byte| byte == b']').map(|len| at + len + 1)?;
                return (text.get(pid_closes) == Some(&b':') && tag.1.iter().all(u8::is_ascii_digit)).then_some(tag);
            }
            b' ' | b'.' | b'-' | b'_' | b'(' | b')' => {}
            byte if byte.is_ascii_alphanumeric() => {}
            _ => return None,
        }
    }
    None
}

/// A stamp at the start, with the event time set from it: its form and what follows.
#[inline]
fn take_stamp<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> Option<(Form, &'a [u8])> {
    // `*` = the clock was never set, `.` = synchronised once, not now (IOS `service timestamps`).
    let text = match text {
        [b'*' | b'.', rest @ ..] => rest,
        _ => text,
    };
    let &first = text.first()?;
    if first.is_ascii_digit() {
        if let Some((mut stamp, mut rest)) = time::take_iso(text) {
            let form = if text[10] == b' ' { Form::IsoSpaced } else { Form::Iso };
            if form == Form::IsoSpaced && stamp.offset_s.is_none() {
                (stamp.offset_s, rest) = take_zone(rest);
            }
            if !matches!(rest, [] | [b' ' | b':', ..]) {
                return None;
            }
            context.set_stamp(writer, &stamp);
            return Some((form, rest));
        }
        // `2020 Jan  1 10:00:00`
        let (year, rest) = crate::number::take_u64(&text[..text.len().min(5)])
            .filter(|(year, rest)| (1970..2262).contains(year) && *rest == b" ")
            .map(|(year, _)| (year, &text[5..]))?;
        return take_bsd(writer, context, rest, Some(year as i64)).map(|rest| (Form::Bsd, rest));
    }
    if !first.is_ascii_alphabetic() || text.len() < 14 {
        return None;
    }
    if text[3] == b' ' && time::month(text).is_some() {
        return take_bsd(writer, context, text, None).map(|rest| (Form::Bsd, rest));
    }
    // `Mon Jan  1 10:00:00 2020`
    let weekday = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"].iter().any(|day| text.starts_with(*day));
    if weekday && text[3] == b' ' && time::month(&text[4..]).is_some() {
        return take_bsd(writer, context, &text[4..], None).map(|rest| (Form::Bsd, rest));
    }
    None
}

/// `Mmm dd [yyyy] hh:mm:ss[.fraction] [yyyy] [zone]`.
#[inline]
fn take_bsd<'a>(
    writer: &mut EventWriter<'a>,
    context: &Context<'_>,
    text: &'a [u8],
    year: Option<i64>,
) -> Option<&'a [u8]> {
    if year.is_none() {
        if context.last_stamp.get().again(writer, context, text) {
            return Some(&text[PLAIN_BSD_BYTES..]);
        }
        if let Some(civil) = plain_bsd(text) {
            set_yearless(writer, context, civil, None, TimePrecision::Second);
            context.last_stamp.set(LastStamp::of(writer, context, text));
            return Some(&text[PLAIN_BSD_BYTES..]);
        }
    }
    let month = time::month(text)?;
    let rest = skip_spaces(text.get(3..)?.strip_prefix(b" ")?);
    let (day, rest) = match rest {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', b' ', rest @ ..] => (u32::from(a - b'0') * 10 + u32::from(b - b'0'), rest),
        [a @ b'0'..=b'9', b' ', rest @ ..] => (u32::from(a - b'0'), rest),
        _ => return None,
    };
    let rest = skip_spaces(rest);
    let (year, rest) = match (year, take_year(rest)) {
        (None, Some((year, [b' ', rest @ ..]))) => (Some(year), rest),
        _ => (year, rest),
    };
    let Some((hour, minute, second, rest)) = time::take_clock(rest) else {
        writer.defect(Defect::TimeUnreadable);
        return None;
    };
    let (nano, precision, rest) = time::take_fraction(rest);
    let (year, rest) = match year {
        Some(_) => (year, rest),
        None => match rest.strip_prefix(b" ").and_then(take_year) {
            Some((year, rest @ ([] | [b' ' | b':', ..]))) => (Some(year), rest),
            _ => (None, rest),
        },
    };
    let (offset_s, rest) = take_zone(rest);
    let civil = Civil { year: year.unwrap_or(UNKNOWN_YEAR), month, day, hour, minute, second, nano };
    if !civil.is_valid() {
        writer.defect(Defect::TimeUnreadable);
        return Some(rest);
    }
    match year {
        Some(_) => context.set_stamp(writer, &Stamp { civil, offset_s, precision }),
        None => set_yearless(writer, context, civil, offset_s, precision),
    }
    Some(rest)
}

/// A leap year, so that 29 February passes until the year is known.
const UNKNOWN_YEAR: i64 = 2000;

/// Length of `Mmm dd hh:mm:ss`.
const PLAIN_BSD_BYTES: usize = 15;

/// `Mmm dd hh:mm:ss ` before a small letter, which begins neither a year nor a zone: what nearly all senders
/// write. `None` = read it with care.
#[inline]
fn plain_bsd(text: &[u8]) -> Option<Civil> {
    let (stamp, [b' ', b'a'..=b'z', ..]) = text.split_first_chunk::<PLAIN_BSD_BYTES>()? else { return None };
    if stamp[3] != b' ' || stamp[6] != b' ' || stamp[9] != b':' || stamp[12] != b':' {
        return None;
    }
    let digit = |at: usize| u32::from(stamp[at].wrapping_sub(b'0'));
    let tens_of_day = if stamp[4] == b' ' { 0 } else { digit(4) };
    let [ones_of_day, h, our, m, inute, s, econd] = [5, 7, 8, 10, 11, 13, 14].map(digit);
    if [tens_of_day, ones_of_day, h, our, m, inute, s, econd].iter().any(|&digit| digit > 9) {
        return None;
    }
    let civil = Civil {
        year: UNKNOWN_YEAR,
        month: time::month(stamp)?,
        day: tens_of_day * 10 + ones_of_day,
        hour: h * 10 + our,
        minute: m * 10 + inute,
        second: s * 10 + econd,
        nano: 0,
    };
    civil.is_valid().then_some(civil)
}

pub(crate) fn set_yearless(
    writer: &mut EventWriter<'_>,
    context: &Context<'_>,
    mut civil: Civil,
    offset_s: Option<i32>,
    precision: TimePrecision,
) {
    writer.defect(Defect::YearInferred);
    let reference_ns = context.reference_ns();
    let offset = offset_s.unwrap_or_else(|| context.options.zone.offset_at_ns(reference_ns));
    time::infer_year(&mut civil, offset, reference_ns);
    context.set_stamp(writer, &Stamp { civil, offset_s, precision });
}

#[inline]
fn take_year(text: &[u8]) -> Option<(i64, &[u8])> {
    let digits: &[u8; 4] = text.first_chunk()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let year = digits.iter().fold(0, |year, byte| year * 10 + i64::from(byte - b'0'));
    (1970..2262).contains(&year).then(|| (year, &text[4..]))
}

/// A zone after a BSD clock: an offset, `UTC`, or an abbreviation that names one offset only.
/// An abbreviation that is ambiguous (`IST`, `CST` before a host) leaves the zone to the source.
#[inline]
pub(crate) fn take_zone(text: &[u8]) -> (Option<i32>, &[u8]) {
    // Nothing, or a host name, is what mostly follows.
    let (spaced, name) = match text {
        [b' ', name @ ..] => (true, name),
        [b'Z' | b'+' | b'-', ..] => (false, text),
        _ => return (None, text),
    };
    match name {
        [b'+' | b'-', b'0'..=b'9', ..] | [b'Z', ..] => match time::take_offset(name) {
            Some((offset, rest @ ([] | [b' ' | b':', ..]))) => (Some(offset), rest),
            _ => (None, text),
        },
        [b'A'..=b'Z', b'A'..=b'Z', b'A'..=b'Z', ..] if spaced => {
            let len = name.iter().take(6).take_while(|byte| byte.is_ascii_uppercase()).count();
            let rest = &name[len..];
            match (zone_hours(&name[..len]), rest) {
                (Some(0), [b'+' | b'-', ..]) => match time::take_offset(rest) {
                    Some((offset, rest @ ([] | [b' ' | b':', ..]))) => (Some(offset), rest),
                    _ => (None, text),
                },
                (Some(hours), [] | [b' ' | b':', ..]) => (Some(hours * 3600), rest),
                // Before a colon and a space it can be no host.
                (None, [b':', b' ', ..]) if len <= 5 && rest[2..].starts_with(b"%") => (None, rest),
                _ => (None, text),
            }
        }
        // Written small it is a zone only before the colon of a device's header.
        [b'a'..=b'z', b'a'..=b'z', b'a'..=b'z', ..] if spaced => {
            let len = name.iter().take(6).take_while(|byte| byte.is_ascii_lowercase()).count();
            match (zone_hours(&name[..len]), &name[len..]) {
                (Some(hours), rest @ ([] | [b':', ..])) => (Some(hours * 3600), rest),
                _ => (None, text),
            }
        }
        _ => (None, text),
    }
}

/// Hours east of UTC of a zone's abbreviation, any case. Those that stand for several zones are left out.
fn zone_hours(name: &[u8]) -> Option<i32> {
    const ZONES: [(&[u8], i32); 27] = [
        (b"UTC", 0),
        (b"GMT", 0),
        (b"WET", 0),
        (b"WEST", 1),
        (b"CET", 1),
        (b"MEZ", 1),
        (b"CEST", 2),
        (b"MESZ", 2),
        (b"EET", 2),
        (b"SAST", 2),
        (b"EEST", 3),
        (b"MSK", 3),
        (b"HKT", 8),
        (b"SGT", 8),
        (b"AWST", 8),
        (b"JST", 9),
        (b"KST", 9),
        (b"AEST", 10),
        (b"AEDT", 11),
        (b"NZST", 12),
        (b"NZDT", 13),
        (b"EDT", -4),
        (b"EST", -5),
        (b"CDT", -5),
        (b"MDT", -6),
        (b"MST", -7),
        (b"PDT", -7),
    ];
    if name.eq_ignore_ascii_case(b"PST") {
        return Some(-8);
    }
    ZONES.iter().find(|(zone, _)| name.eq_ignore_ascii_case(zone)).map(|(_, hours)| *hours)
}
