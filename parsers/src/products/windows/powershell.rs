//! PowerShell: `Windows PowerShell` (engine and provider life cycle, pipelines) and
//! `Microsoft-Windows-PowerShell/Operational` (modules, script blocks). Microsoft's about_Logging_Windows.

use super::names::{Ids, params};
use super::put_command_line;
use super::taxonomy::Meaning;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};
use crate::number::parse_u64;
use crate::products::fields::{copy, present, put_path};
use crate::products::names::id_of;

macro_rules! rows {
    ($($id:literal $action:literal $kind:literal;)*) => {
        &[$(Meaning { id: $id, action: $action, categories: &["process"], types: &[$kind] },)*]
    };
}

/// Actions are the names of the events' tasks. Sorted by id.
static MEANINGS: &[Meaning] = rows! {
    400 "Engine Lifecycle" "start";
    403 "Engine Lifecycle" "end";
    500 "Command Lifecycle" "start";
    501 "Command Lifecycle" "end";
    600 "Provider Lifecycle" "info";
    800 "Pipeline Execution Details" "info";
    4100 "Executing Pipeline" "info";
    4101 "Executing Pipeline" "info";
    4102 "Executing Pipeline" "info";
    4103 "Executing Pipeline" "info";
    4104 "Execute a Remote Command" "info";
    4105 "Starting Command" "start";
    4106 "Stopping Command" "end";
    40961 "PowerShell Console Startup" "info";
    40962 "PowerShell Console Startup" "info";
    53504 "PowerShell Named Pipe IPC" "info";
};

/// Keys of the details, without blanks and in lower case, and the names they get.
static KEYS: &[(&str, &str)] = &[
    ("commandline", "CommandLine"),
    ("commandname", "CommandName"),
    ("commandpath", "CommandPath"),
    ("commandtype", "CommandType"),
    ("connecteduser", "ConnectedUser"),
    ("detailsequence", "DetailSequence"),
    ("detailtotal", "DetailTotal"),
    ("engineversion", "EngineVersion"),
    ("hostapplication", "HostApplication"),
    ("hostid", "HostId"),
    ("hostname", "HostName"),
    ("hostversion", "HostVersion"),
    ("newenginestate", "NewEngineState"),
    ("newproviderstate", "NewProviderState"),
    ("pipelineid", "PipelineId"),
    ("previousenginestate", "PreviousEngineState"),
    ("providername", "ProviderName"),
    ("runspaceid", "RunspaceId"),
    ("scriptname", "ScriptName"),
    ("sequencenumber", "SequenceNumber"),
    ("severity", "Severity"),
    ("shellid", "ShellId"),
    ("user", "User"),
    ("userid", "UserId"),
];

/// The longest of [`KEYS`].
const KEY_BYTES_MAX: usize = 24;

pub(super) fn normalise(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    match MEANINGS.binary_search_by_key(&event_id, |meaning| meaning.id) {
        Ok(at) => super::put_meaning(writer, &MEANINGS[at]),
        Err(_) => {
            writer.put_str(ecs::EVENT_CATEGORY, "process");
            writer.put_str(ecs::EVENT_TYPE, "info");
        }
    }
    if let Some(details) = details(writer, ids) {
        pairs(writer, details);
    }
    if let Some(span) = present(writer, ids.sequence_number).filter(|&span| parse_u64(writer.bytes(span)).is_some()) {
        writer.put_span(ecs::EVENT_SEQUENCE, span, Kind::Number, false);
    }
    copy(writer, ids.host_id, ecs::PROCESS_ENTITY_ID);
    copy(writer, ids.host_name, ecs::PROCESS_TITLE);
    let (args, count) = (ecs::PROCESS_ARGS, ecs::PROCESS_ARGS_COUNT);
    put_command_line(writer, ids.host_application, ecs::PROCESS_COMMAND_LINE, args, count);
    copy(writer, ecs::WINLOG_USER_IDENTIFIER, ecs::USER_ID);
    let user = [ids.connected_user, ids.user_id_lower, ids.user].into_iter().find_map(|id| present(writer, id));
    if let Some(user) = user {
        super::put_account(writer, user);
    }
    if let Some(path) = present(writer, ids.path).or_else(|| present(writer, ids.script_name)) {
        writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
        put_path(writer, path, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
    }
}

/// The value that holds the details: `ContextInfo`, or one of the data without a name.
fn details(writer: &EventWriter<'_>, ids: &Ids) -> Option<Span> {
    if let Some(span) = present(writer, ids.context_info) {
        return Some(span);
    }
    let of_engine = |span: &Span| memchr::memmem::find(writer.bytes(*span), b"HostVersion=").is_some();
    let numbered = params()[..3].iter().filter_map(|&id| present(writer, id)).find(of_engine);
    numbered.or_else(|| writer.view().all(ids.data).take(3).map(|field| field.span()).find(of_engine))
}

/// Lines of `key=value` or `key = value`. A line without a key that we know belongs to the value before: a host
/// application may span lines.
fn pairs(writer: &mut EventWriter<'_>, details: Span) {
    let mut at = 0;
    // Name and extent of the value being read.
    let mut open: Option<(FieldId, usize, usize)> = None;
    while at < details.len() {
        let rest = &writer.bytes(details)[at..];
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        let text_end = at + line.trim_ascii_end().len();
        match key(line) {
            Some((id, from)) => {
                put(writer, details, open);
                open = Some((id, at + from, text_end.max(at + from)));
            }
            None => {
                if let Some((_, _, to)) = open.as_mut().filter(|_| !line.trim_ascii().is_empty()) {
                    *to = text_end;
                }
            }
        }
        at += end + 1;
    }
    put(writer, details, open);
}

fn put(writer: &mut EventWriter<'_>, details: Span, pair: Option<(FieldId, usize, usize)>) {
    let Some((id, from, to)) = pair.filter(|(_, from, to)| from < to) else { return };
    if writer.first(id).is_none() {
        writer.put_span(id, details.part(from..to), Kind::Text, true);
    }
}

/// The name of a line's key, and where its value begins.
fn key(line: &[u8]) -> Option<(FieldId, usize)> {
    static IDS: std::sync::LazyLock<Vec<FieldId>> =
        std::sync::LazyLock::new(|| KEYS.iter().map(|(_, name)| id_of(name)).collect());
    let equals = memchr::memchr(b'=', &line[..line.len().min(64)])?;
    let mut folded = [0; KEY_BYTES_MAX];
    let mut len = 0;
    for byte in line[..equals].iter().filter(|byte| !byte.is_ascii_whitespace()) {
        *folded.get_mut(len)? = byte.to_ascii_lowercase();
        len += 1;
    }
    let at = KEYS.binary_search_by(|(key, _)| key.as_bytes().cmp(&folded[..len])).ok()?;
    let blanks = line[equals + 1..].len() - line[equals + 1..].trim_ascii_start().len();
    Some((IDS[at], equals + 1 + blanks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(MEANINGS.is_sorted_by_key(|meaning| meaning.id));
        assert!(KEYS.is_sorted());
        assert!(KEYS.iter().all(|(key, name)| key.len() <= KEY_BYTES_MAX && id_of(name) != FieldId::UNNAMED));
    }
}
