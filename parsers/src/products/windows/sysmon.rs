//! Sysmon, by event id (manifest of Sysmon 15).

use super::names::Ids;
use super::{put_command_line, put_executable, put_pid, taxonomy};
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};
use crate::products::fields::{copy, copy_ip, present, put_path, relate_span};

pub(super) fn normalise(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    if let Some(meaning) = taxonomy::find(taxonomy::SYSMON, event_id) {
        super::put_meaning(writer, meaning);
    }
    let rule = present(writer, ids.rule_name);
    if let Some(rule) = rule {
        writer.put_span(ecs::RULE_NAME, rule, Kind::Text, false);
    }
    user(writer, ids);
    match event_id {
        // The process that acts is named by Source here, the one acted upon by Target.
        8 | 10 => {
            copy(writer, ids.source_process_guid, ecs::PROCESS_ENTITY_ID);
            copy(writer, ids.source_process_guid_lower, ecs::PROCESS_ENTITY_ID);
            put_pid(writer, ids.source_process_id, ecs::PROCESS_PID);
            put_executable(writer, ids.source_image, ecs::PROCESS_EXECUTABLE, ecs::PROCESS_NAME);
            if event_id == 10 {
                copy(writer, ids.source_thread_id, ecs::PROCESS_THREAD_ID);
            }
        }
        _ => {
            copy(writer, ids.process_guid, ecs::PROCESS_ENTITY_ID);
            put_pid(writer, ids.process_id, ecs::PROCESS_PID);
            put_executable(writer, ids.image, ecs::PROCESS_EXECUTABLE, ecs::PROCESS_NAME);
        }
    }
    match event_id {
        1 => process_creation(writer, ids),
        3 => network(writer, ids),
        6 | 7 => image(writer, ids, event_id),
        9 => {
            if let Some(path) = present(writer, ids.device) {
                writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
                put_path(writer, path, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), None);
            }
        }
        2 | 11 | 15 | 23 | 26..=29 => file(writer, ids, event_id),
        12..=14 => registry(writer, ids, event_id),
        17 | 18 => {
            copy(writer, ids.pipe_name, ecs::FILE_NAME);
        }
        20 => {
            if let Some(path) = present(writer, ids.destination) {
                writer.put_span(ecs::PROCESS_EXECUTABLE, path, Kind::Text, false);
                put_path(writer, path, ecs::PROCESS_NAME, None, None);
            }
        }
        22 => dns(writer, ids),
        25 => {
            copy(writer, ids.type_, ecs::MESSAGE);
        }
        _ => {}
    }
}

/// `DOMAIN\name`.
fn user(writer: &mut EventWriter<'_>, ids: &Ids) {
    copy(writer, ecs::WINLOG_USER_IDENTIFIER, ecs::USER_ID);
    if let Some(span) = present(writer, ids.user).or_else(|| present(writer, ids.source_user)) {
        super::put_account(writer, span);
    }
}

fn process_creation(writer: &mut EventWriter<'_>, ids: &Ids) {
    let (args, count) = (ecs::PROCESS_ARGS, ecs::PROCESS_ARGS_COUNT);
    put_command_line(writer, ids.command_line, ecs::PROCESS_COMMAND_LINE, args, count);
    copy(writer, ids.current_directory, ecs::PROCESS_WORKING_DIRECTORY);
    copy(writer, ids.parent_process_guid, ecs::PROCESS_PARENT_ENTITY_ID);
    put_pid(writer, ids.parent_process_id, ecs::PROCESS_PARENT_PID);
    put_executable(writer, ids.parent_image, ecs::PROCESS_PARENT_EXECUTABLE, ecs::PROCESS_PARENT_NAME);
    let (args, count) = (ecs::PROCESS_PARENT_ARGS, ecs::PROCESS_PARENT_ARGS_COUNT);
    put_command_line(writer, ids.parent_command_line, ecs::PROCESS_PARENT_COMMAND_LINE, args, count);
    copy(writer, ids.company, ecs::PROCESS_PE_COMPANY);
    copy(writer, ids.description, ecs::PROCESS_PE_DESCRIPTION);
    copy(writer, ids.file_version, ecs::PROCESS_PE_FILE_VERSION);
    copy(writer, ids.original_file_name, ecs::PROCESS_PE_ORIGINAL_FILE_NAME);
    copy(writer, ids.product, ecs::PROCESS_PE_PRODUCT);
    hashes(
        writer,
        ids,
        ecs::PROCESS_HASH_MD5,
        ecs::PROCESS_HASH_SHA1,
        ecs::PROCESS_HASH_SHA256,
        ecs::PROCESS_PE_IMPHASH,
    );
}

/// `MD5=…,SHA256=…,IMPHASH=…`, or the names apart as some shippers split them.
fn hashes(writer: &mut EventWriter<'_>, ids: &Ids, md5: FieldId, sha1: FieldId, sha256: FieldId, imphash: FieldId) {
    for (from, to) in [(ids.md5, md5), (ids.sha1, sha1), (ids.sha256, sha256), (ids.imphash, imphash)] {
        copy(writer, from, to);
    }
    let Some(span) = present(writer, ids.hashes).or_else(|| present(writer, ids.hash)) else { return };
    let mut at = 0;
    while at < span.len() {
        let rest = &writer.bytes(span)[at..];
        let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
        if let Some(equals) = memchr::memchr(b'=', &rest[..end]) {
            let to = match &rest[..equals] {
                b"MD5" => Some(md5),
                b"SHA1" => Some(sha1),
                b"SHA256" => Some(sha256),
                b"IMPHASH" => Some(imphash),
                _ => None,
            };
            // Sysmon writes zeros where it could not hash.
            let zero = rest[equals + 1..end].iter().all(|&byte| byte == b'0');
            if let Some(to) = to.filter(|_| !zero) {
                let value = lower(writer, span.part(at + equals + 1..at + end));
                if writer.first(to).is_none() {
                    writer.put_span(to, value, Kind::Text, false);
                }
                relate_span(writer, value, ecs::RELATED_HASH);
            }
        }
        at += end + 1;
    }
}

/// Hashes are compared in lower case.
fn lower(writer: &mut EventWriter<'_>, span: Span) -> Span {
    /// The longest digest that Sysmon writes (SHA-256) in hexadecimal.
    const HEX_MAX: usize = 64;
    let text = writer.bytes(span);
    if text.len() > HEX_MAX || !text.iter().any(u8::is_ascii_uppercase) {
        return span;
    }
    let mut lowered = [0; HEX_MAX];
    let lowered = &mut lowered[..text.len()];
    lowered.copy_from_slice(text);
    lowered.make_ascii_lowercase();
    writer.span_of(lowered)
}

fn network(writer: &mut EventWriter<'_>, ids: &Ids) {
    copy_ip(writer, ids.source_ip, ecs::SOURCE_IP);
    copy_ip(writer, ids.destination_ip, ecs::DESTINATION_IP);
    for (from, to) in [(ids.source_port, ecs::SOURCE_PORT), (ids.destination_port, ecs::DESTINATION_PORT)] {
        if let Some(span) = present(writer, from) {
            writer.put_port_span(to, span);
        }
    }
    copy(writer, ids.source_hostname, ecs::SOURCE_DOMAIN);
    copy(writer, ids.destination_hostname, ecs::DESTINATION_DOMAIN);
    copy(writer, ids.protocol, ecs::NETWORK_TRANSPORT);
    if !copy(writer, ids.destination_port_name, ecs::NETWORK_PROTOCOL) {
        copy(writer, ids.source_port_name, ecs::NETWORK_PROTOCOL);
    }
    match writer.first(ids.source_is_ipv6) {
        Some(b"true") => writer.put_str(ecs::NETWORK_TYPE, "ipv6"),
        Some(b"false") => writer.put_str(ecs::NETWORK_TYPE, "ipv4"),
        _ => {}
    }
    match writer.first(ids.initiated) {
        Some(b"true") => writer.put_str(ecs::NETWORK_DIRECTION, "egress"),
        Some(b"false") => writer.put_str(ecs::NETWORK_DIRECTION, "ingress"),
        _ => {}
    }
}

fn image(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    let Some(path) = present(writer, ids.image_loaded) else { return };
    writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
    put_path(writer, path, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
    copy(writer, ids.signature, ecs::FILE_CODE_SIGNATURE_SUBJECT_NAME);
    copy(writer, ids.signature_status, ecs::FILE_CODE_SIGNATURE_STATUS);
    if event_id == 7 {
        writer.put_span(ecs::DLL_PATH, path, Kind::Text, false);
        put_path(writer, path, ecs::DLL_NAME, None, None);
        copy(writer, ids.signature, ecs::DLL_CODE_SIGNATURE_SUBJECT_NAME);
        copy(writer, ids.signature_status, ecs::DLL_CODE_SIGNATURE_STATUS);
        copy(writer, ids.original_file_name, ecs::DLL_PE_ORIGINAL_FILE_NAME);
        copy(writer, ids.company, ecs::DLL_PE_COMPANY);
        hashes(writer, ids, ecs::DLL_HASH_MD5, ecs::DLL_HASH_SHA1, ecs::DLL_HASH_SHA256, ecs::DLL_PE_IMPHASH);
    }
    hashes(writer, ids, ecs::FILE_HASH_MD5, ecs::FILE_HASH_SHA1, ecs::FILE_HASH_SHA256, ecs::FILE_PE_IMPHASH);
}

fn file(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    if matches!(event_id, 27 | 28) {
        writer.put_str(ecs::EVENT_OUTCOME, "failure");
    }
    if let Some(path) = present(writer, ids.target_filename) {
        writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
        put_path(writer, path, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
    }
    if event_id == 23 || event_id == 26 {
        // Elastic puts the hashes of a deleted file to the process that deleted it, too.
        let (md5, sha1, sha256) = (ecs::PROCESS_HASH_MD5, ecs::PROCESS_HASH_SHA1, ecs::PROCESS_HASH_SHA256);
        hashes(writer, ids, md5, sha1, sha256, ecs::PROCESS_PE_IMPHASH);
    }
    if event_id != 2 && event_id != 11 {
        hashes(writer, ids, ecs::FILE_HASH_MD5, ecs::FILE_HASH_SHA1, ecs::FILE_HASH_SHA256, ecs::FILE_PE_IMPHASH);
    }
}

fn registry(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    let Some(path) = present(writer, ids.target_object) else { return };
    let text = writer.bytes(path);
    let hive = memchr::memchr(b'\\', text);
    let last = memchr::memrchr(b'\\', text);
    writer.put_span(ecs::REGISTRY_PATH, path, Kind::Text, false);
    if let (Some(hive), Some(last)) = (hive, last) {
        writer.put_span(ecs::REGISTRY_HIVE, path.part(0..hive), Kind::Text, false);
        writer.put_span(ecs::REGISTRY_KEY, path.part(hive + 1..path.len()), Kind::Text, false);
        writer.put_span(ecs::REGISTRY_VALUE, path.part(last + 1..path.len()), Kind::Text, false);
    }
    if event_id != 13 {
        return;
    }
    let Some(details) = present(writer, ids.details) else { return };
    // `DWORD (0x00000001)`, `QWORD (0x…-0x…)`, `Binary Data`, or the string itself.
    let text = writer.bytes(details);
    let word = |prefix: &[u8]| {
        let digits = text.strip_prefix(prefix)?.strip_suffix(b")")?;
        let hex = digits.strip_prefix(b"0x").unwrap_or(digits);
        // A QWORD is written as two halves.
        hex.split(|&byte| byte == b'-')
            .flat_map(|half| half.strip_prefix(b"0x").unwrap_or(half))
            .try_fold(0u64, |value, &byte| Some(value.checked_mul(16)? | u64::from(char::from(byte).to_digit(16)?)))
    };
    if let Some(value) = word(b"DWORD (") {
        writer.put_str(ecs::REGISTRY_DATA_TYPE, "SZ_DWORD");
        writer.put_i64(ecs::REGISTRY_DATA_STRINGS, value as i64);
    } else if let Some(value) = word(b"QWORD (") {
        writer.put_str(ecs::REGISTRY_DATA_TYPE, "SZ_QWORD");
        writer.put_i64(ecs::REGISTRY_DATA_STRINGS, value as i64);
    } else if text == b"Binary Data" {
        writer.put_str(ecs::REGISTRY_DATA_TYPE, "REG_BINARY");
        writer.put_span(ecs::REGISTRY_DATA_STRINGS, details, Kind::Text, false);
    } else {
        writer.put_str(ecs::REGISTRY_DATA_TYPE, "REG_SZ");
        writer.put_span(ecs::REGISTRY_DATA_STRINGS, details, Kind::Text, false);
    }
}

/// Most answers taken of one query.
const ANSWERS_MAX: usize = 64;

fn dns(writer: &mut EventWriter<'_>, ids: &Ids) {
    writer.put_str(ecs::NETWORK_PROTOCOL, "dns");
    if let Some(name) = present(writer, ids.query_name) {
        writer.put_span(ecs::DNS_QUESTION_NAME, name, Kind::Text, false);
        relate_span(writer, name, ecs::RELATED_HOSTS);
    }
    put_answers(writer, ids);
}

/// `QueryResults`: answers ended by `;`, an address as such, any other as `type:  N data`.
pub(super) fn put_answers(writer: &mut EventWriter<'_>, ids: &Ids) {
    let Some(results) = present(writer, ids.query_results) else { return };
    let mut at = 0;
    for _ in 0..ANSWERS_MAX {
        if at >= results.len() {
            break;
        }
        let rest = &writer.bytes(results)[at..];
        let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
        let answer = &rest[..end];
        if let Some(typed) = answer.strip_prefix(b"type:") {
            let typed = typed.trim_ascii_start();
            let digits = typed.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let kind = record_type(&typed[..digits]);
            let data = typed[digits..].trim_ascii();
            let from = at
                + (answer.len() - typed.len())
                + digits
                + (typed[digits..].len() - typed[digits..].trim_ascii_start().len());
            let data = results.part(from..from + data.len());
            if !data.is_empty() {
                writer.put_span(ecs::DNS_ANSWERS_DATA, data, Kind::Text, false);
                writer.put_str(ecs::DNS_ANSWERS_TYPE, kind);
                relate_span(writer, data, ecs::RELATED_HOSTS);
            }
        } else if let Some(ip) = crate::ip::parse(answer) {
            let ip = ip.to_canonical();
            // An IPv4 address is the tail of the mapped form that Windows writes.
            let text = answer.strip_prefix(b"::ffff:").filter(|_| ip.is_ipv4());
            let span = match text {
                Some(text) => results.part(at + end - text.len()..at + end),
                None => results.part(at..at + end),
            };
            writer.put_span(ecs::DNS_ANSWERS_DATA, span, Kind::Text, false);
            writer.put_str(ecs::DNS_ANSWERS_TYPE, if ip.is_ipv4() { "A" } else { "AAAA" });
            writer.put_ip_span(ecs::DNS_RESOLVED_IP, span);
            relate_span(writer, span, ecs::RELATED_IP);
        }
        at += end + 1;
    }
}

/// DNS record types by number (IANA DNS Parameters).
pub(super) fn record_type(number: &[u8]) -> &'static str {
    match number {
        b"1" => "A",
        b"2" => "NS",
        b"5" => "CNAME",
        b"6" => "SOA",
        b"12" => "PTR",
        b"15" => "MX",
        b"16" => "TXT",
        b"28" => "AAAA",
        b"33" => "SRV",
        b"43" => "DS",
        b"46" => "RRSIG",
        b"47" => "NSEC",
        b"48" => "DNSKEY",
        b"65" => "HTTPS",
        b"255" => "ANY",
        _ => "OTHER",
    }
}
