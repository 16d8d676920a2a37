//! Windows events as XML and in their JSON shapes: Winlogbeat and Elastic Agent (`winlog.*`, nested or dotted),
//! NXLog (flat), the tree of an EVTX dump (`Event.System.*`).
//!
//! All shapes yield the same event. Event data stand by their bare names (`CommandLine`),
//! which is how Sigma speaks them; `EventID`, `Channel`, `Provider_Name` and `Computer` answer beside the
//! `winlog.*` names.

mod describe;
mod dns_server;
mod names;
mod others;
mod powershell;
mod rarer;
mod security;
mod snare;
mod sysmon;
mod taxonomy;
mod xml;

pub(crate) use names::NAMES;
use names::{Ids, ids};

use super::fields::{copy, copy_vendor, present, relate};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::{Dictionary, FieldId};
use crate::event::{EventWriter, Kind, Span, TimePrecision};
use crate::number::parse_u64;
use crate::products::{Detect, Product};
use crate::time::{Stamp, parse_epoch, take_iso};
use crate::{ecs, logsource, products};

/// `windows`.
pub(crate) static PRODUCT: Product = Product {
    name: "windows",
    title: "Windows event log as XML, JSON or Snare's text",
    document: "Windows Event Schema; Winlogbeat, NXLog and Snare field references",
    namespace: "winlog.event_data",
    module: "windows",
    dataset: "windows.forwarded",
    names: NAMES,
    detect: &[
        Detect::Line("<", xml::decode),
        Detect::Shape("<", xml::decode),
        Detect::Line("M", snare::decode),
        Detect::App(&[snare::MARK], snare::decode),
        Detect::Mark(&[snare::MARK], snare::decode),
    ],
    ..Product::NONE
};

/// `sysmon`.
pub(crate) static SYSMON: Product = Product {
    name: "sysmon",
    title: "Microsoft Sysmon",
    document: "Sysinternals Sysmon",
    namespace: "winlog.event_data",
    module: "windows",
    dataset: "windows.sysmon_operational",
    ..Product::NONE
};

/// The part of a member's path that is the event's own name, if the path leads into event data or
/// the system part; whether it is of the system part.
#[inline]
pub(crate) fn own_name(path: &[u8]) -> Option<(&[u8], bool)> {
    let data = |name| Some((text_of(name), false));
    match path.first()? {
        b'w' => path
            .strip_prefix(b"winlog.event_data.")
            .or_else(|| path.strip_prefix(b"winlog.user_data."))
            .map(|name| (name, false)),
        b'E' => {
            let rest = path.strip_prefix(b"Event.").unwrap_or(path);
            if let Some(name) = rest.strip_prefix(b"EventData.") {
                data(name)
            } else if let Some(name) = rest.strip_prefix(b"System.") {
                Some((name, true))
            } else if let Some(name) = rest.strip_prefix(b"UserData.") {
                // Below the user data stands one element of the provider's own.
                data(memchr::memchr(b'.', name).map_or(name, |at| &name[at + 1..]))
            } else {
                path.strip_prefix(b"Event.").map(|name| (name, false))
            }
        }
        b'S' => path.strip_prefix(b"System.").map(|name| (name, true)),
        b'U' => path
            .strip_prefix(b"UserData.")
            .and_then(|name| data(memchr::memchr(b'.', name).map_or(name, |at| &name[at + 1..]))),
        b'e' if path == b"event.code" => Some((b"EventID", false)),
        b'e' if path == b"event.provider" => Some((b"Provider_Name", false)),
        b'e' => path.strip_prefix(b"event_data.").map(|name| (name, false)),
        _ => None,
    }
}

/// The id of a name below `win` of a Wazuh alert, which writes every name with a small first letter and some
/// of the system part in words of its own.
pub(crate) fn wazuh_name(path: &[u8], dictionary: &Dictionary) -> Option<FieldId> {
    /// The longest name of event data in use is half of it.
    const NAME_BYTES_MAX: usize = 64;
    if let Some(name) = path.strip_prefix(b"system.") {
        let name: &[u8] = match name {
            b"providerName" => b"Provider_Name",
            b"providerGuid" => b"Provider.Guid",
            b"eventSourceName" => b"Provider.EventSourceName",
            b"systemTime" => b"TimeCreated.SystemTime",
            b"processID" => b"Execution.ProcessID",
            b"threadID" => b"Execution.ThreadID",
            b"userID" => b"Security.UserID",
            b"severityValue" => b"Severity",
            name => name,
        };
        return capital(name, &mut [0; NAME_BYTES_MAX], dictionary);
    }
    let name = path.strip_prefix(b"eventdata.").or_else(|| path.strip_prefix(b"eventData."))?;
    capital(name, &mut [0; NAME_BYTES_MAX], dictionary)
}

fn capital(name: &[u8], room: &mut [u8], dictionary: &Dictionary) -> Option<FieldId> {
    let written = room.get_mut(..name.len())?;
    written.copy_from_slice(name);
    written.first_mut()?.make_ascii_uppercase();
    dictionary.find(written).or_else(|| dictionary.find(name))
}

/// An XML element's text stands under its name alone.
fn text_of(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".#text").or_else(|| name.strip_suffix(b".$")).unwrap_or(name)
}

/// A name of the system part as XML-to-JSON converters write it, under the one we keep.
pub(crate) fn system_name(name: &[u8]) -> &[u8] {
    match text_of(name) {
        b"Provider.#attributes.Name" | b"Provider.@Name" | b"Provider.Name" => b"Provider_Name",
        b"Provider.#attributes.Guid" | b"Provider.@Guid" => b"Provider.Guid",
        b"TimeCreated.#attributes.SystemTime" | b"TimeCreated.@SystemTime" => b"TimeCreated.SystemTime",
        b"Execution.#attributes.ProcessID" | b"Execution.@ProcessID" => b"Execution.ProcessID",
        b"Execution.#attributes.ThreadID" | b"Execution.@ThreadID" => b"Execution.ThreadID",
        b"Security.#attributes.UserID" | b"Security.@UserID" => b"Security.UserID",
        b"Correlation.#attributes.ActivityID" | b"Correlation.@ActivityID" => b"Correlation.ActivityID",
        name => name,
    }
}

/// Normalises a JSON record whose members are written already; `false` = it is not of this product.
pub(crate) fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    same(writer, ids.event_id, ecs::WINLOG_EVENT_ID, ecs::EVENT_CODE);
    let Some(event_id) = writer.first(ecs::EVENT_CODE).and_then(parse_u64).and_then(|id| u32::try_from(id).ok()) else {
        return false;
    };
    copy_vendor(writer, ids.source_name, ids.provider_name);
    // Sysmon for Linux by way of syslog: the agent leaves the provider among the data.
    copy_vendor(writer, ids.event_data_provider, ids.provider_name);
    same(writer, ids.provider_name, ecs::WINLOG_PROVIDER_NAME, ecs::EVENT_PROVIDER);
    if let Some(span) = present(writer, ids.channel).or_else(|| present(writer, ecs::WINLOG_CHANNEL)) {
        fill(writer, span, ids.channel, ecs::WINLOG_CHANNEL);
    }
    let channel = writer.first(ecs::WINLOG_CHANNEL).unwrap_or_default();
    let provider = writer.first(ecs::WINLOG_PROVIDER_NAME).unwrap_or_default();
    if channel.is_empty() && provider.is_empty() {
        return false;
    }
    let log_source = taxonomy::log_source(channel, provider, event_id);
    let services = log_source.get().services;
    let of = Of::services(services);
    forget_sender(writer);
    system_part(writer, ids, of);
    set_time(writer, context, ids, of == Of::Sysmon);
    if event_id == super::mssql::AUDIT_EVENT_ID {
        super::mssql::put_audit(writer, context);
    }
    writer.put_str(ecs::EVENT_KIND, "event");
    put_origin(writer, log_source, of);
    match of {
        Of::Sysmon => sysmon::normalise(writer, ids, event_id),
        Of::Security => {
            security::normalise(writer, ids, event_id);
            describe::normalise(writer, ids, event_id);
        }
        Of::PowerShell => powershell::normalise(writer, ids, event_id),
        Of::DnsServer => dns_server::normalise(writer, ids, event_id),
        Of::Others => {
            rarer::normalise(writer, event_id);
            others::normalise(writer, ids, event_id);
        }
    }
    copy(writer, ids.message, ecs::MESSAGE);
    if writer.first(ecs::USER_ID).is_none() && writer.first(ecs::USER_NAME).is_none() {
        copy(writer, ecs::WINLOG_USER_IDENTIFIER, ecs::USER_ID);
        if copy(writer, ecs::WINLOG_USER_NAME, ecs::USER_NAME) {
            copy(writer, ecs::WINLOG_USER_DOMAIN, ecs::USER_DOMAIN);
        }
    }
    relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
    relate(writer, ecs::USER_TARGET_NAME, ecs::RELATED_USER);
    relate(writer, ecs::USER_EFFECTIVE_NAME, ecs::RELATED_USER);
    let core = writer.core();
    core.log_source = log_source;
    core.product = if of == Of::Sysmon { products::SYSMON } else { products::WINDOWS };
    true
}

/// A relay's syslog header names the relay and its program, not the subject of the event. They stay under `log.syslog`.
fn forget_sender(writer: &mut EventWriter<'_>) {
    for (header, subjects) in [
        (ecs::LOG_SYSLOG_HOSTNAME, &[ecs::HOST_NAME, ecs::HOST_HOSTNAME, ecs::HOST_IP][..]),
        (ecs::LOG_SYSLOG_APPNAME, &[ecs::PROCESS_NAME]),
        (ecs::LOG_SYSLOG_PROCID, &[ecs::PROCESS_PID]),
    ] {
        for &subject in subjects {
            if writer.first(subject).is_some() && writer.first(subject) == writer.first(header) {
                writer.forget(subject);
            }
        }
    }
}

/// Whose events a channel holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Sysmon,
    Security,
    PowerShell,
    DnsServer,
    Others,
}

impl Of {
    fn services(services: &[&str]) -> Of {
        match services.first() {
            Some(&"sysmon") => Of::Sysmon,
            Some(&"security") => Of::Security,
            Some(&("powershell" | "powershell-classic")) => Of::PowerShell,
            Some(&("dns-server-analytic" | "dns-server-audit")) => Of::DnsServer,
            _ => Of::Others,
        }
    }
}

/// Module and data set by channel, and the operating system.
fn put_origin(writer: &mut EventWriter<'_>, log_source: logsource::LogSourceId, of: Of) {
    let (module, dataset) = match (of, log_source) {
        (Of::Sysmon, _) if log_source.get().products.contains(&"linux") => ("sysmon_linux", "sysmon_linux.log"),
        (Of::Sysmon, _) => ("sysmon", "windows.sysmon_operational"),
        (Of::Security, _) => ("security", "system.security"),
        (Of::PowerShell, _) if log_source.get().services.contains(&"powershell-classic") => {
            ("powershell", "windows.powershell")
        }
        (Of::PowerShell, _) => ("powershell", "windows.powershell_operational"),
        (_, logsource::WINDOWS_SYSTEM) => ("system", "system.system"),
        (_, logsource::WINDOWS_APPLICATION) => ("system", "system.application"),
        (_, logsource::WINDOWS_DEFENDER | logsource::WINDOWS_DEFENDER_THREAT) => {
            ("windows", "windows.windows_defender")
        }
        (_, logsource::WINDOWS_DNS_SERVER_ANALYTIC) => ("microsoft_dnsserver", "microsoft_dnsserver.analytical"),
        (_, logsource::WINDOWS_DNS_SERVER_AUDIT) => ("microsoft_dnsserver", "microsoft_dnsserver.audit"),
        _ => ("windows", "windows.forwarded"),
    };
    writer.put_str(ecs::EVENT_MODULE, module);
    writer.put_str(ecs::EVENT_DATASET, dataset);
    let system = if module == "sysmon_linux" { "linux" } else { "windows" };
    writer.put_str(ecs::HOST_OS_TYPE, system);
    if system == "windows" {
        writer.put_str(ecs::HOST_OS_FAMILY, system);
    } else {
        copy(writer, ecs::WINLOG_COMPUTER_NAME, ecs::HOST_HOSTNAME);
    }
}

/// Makes one value answer to a vendor name and two schema names, whichever the record gave.
fn same(writer: &mut EventWriter<'_>, vendor: FieldId, winlog: FieldId, event: FieldId) {
    let Some(span) = present(writer, winlog).or_else(|| present(writer, vendor)).or_else(|| present(writer, event))
    else {
        return;
    };
    fill(writer, span, vendor, winlog);
    if writer.first(event).is_none() {
        writer.put_span(event, span, Kind::Text, false);
    }
}

fn fill(writer: &mut EventWriter<'_>, span: Span, vendor: FieldId, schema: FieldId) {
    if writer.first(vendor).is_none() {
        writer.put_span(vendor, span, Kind::Text, true);
    }
    if writer.first(schema).is_none() {
        writer.put_span(schema, span, Kind::Text, false);
    }
}

fn system_part(writer: &mut EventWriter<'_>, ids: &Ids, of: Of) {
    put_keywords(writer, ids);
    put_task(writer, ids, of);
    for from in [ids.computer, ids.computer_name, ids.hostname] {
        copy(writer, from, ecs::WINLOG_COMPUTER_NAME);
    }
    copy_vendor(writer, ecs::WINLOG_COMPUTER_NAME, ids.computer);
    copy(writer, ecs::WINLOG_COMPUTER_NAME, ecs::HOST_NAME);
    for (from, to) in [
        (ids.provider_guid, ecs::WINLOG_PROVIDER_GUID),
        (ids.nxlog_provider_guid, ecs::WINLOG_PROVIDER_GUID),
        (ids.event_record_id, ecs::WINLOG_RECORD_ID),
        (ids.record_number, ecs::WINLOG_RECORD_ID),
        (ids.record_id, ecs::WINLOG_RECORD_ID),
        (ids.execution_process_id, ecs::WINLOG_PROCESS_PID),
        (ids.nxlog_execution_process_id, ecs::WINLOG_PROCESS_PID),
        (ids.execution_thread_id, ecs::WINLOG_PROCESS_THREAD_ID),
        (ids.nxlog_thread_id, ecs::WINLOG_PROCESS_THREAD_ID),
        (ids.security_user_id, ecs::WINLOG_USER_IDENTIFIER),
        (ids.user_id, ecs::WINLOG_USER_IDENTIFIER),
        (ids.correlation_activity_id, ecs::WINLOG_ACTIVITY_ID),
        (ids.activity_id, ecs::WINLOG_ACTIVITY_ID),
        (ids.task, ecs::WINLOG_TASK),
        (ids.opcode, ecs::WINLOG_OPCODE),
        (ids.keywords, ecs::WINLOG_KEYWORDS),
    ] {
        copy(writer, from, to);
    }
    if writer.first(ecs::WINLOG_USER_IDENTIFIER).is_some() && present(writer, ids.user_id).is_some() {
        // NXLog resolves the user of the system part beside its SID.
        copy(writer, ids.account_name, ecs::WINLOG_USER_NAME);
        copy(writer, ids.account_type, ecs::WINLOG_USER_TYPE);
    }
    let level = match writer.first(ids.level).or_else(|| writer.first(ids.severity)) {
        Some(b"1" | b"CRITICAL") => "critical",
        Some(b"2" | b"ERROR") => "error",
        Some(b"3" | b"WARNING") => "warning",
        Some(b"0" | b"4" | b"INFO") => "information",
        Some(b"5" | b"DEBUG") => "verbose",
        _ => "",
    };
    if writer.first(ecs::WINLOG_LEVEL).is_none() && !level.is_empty() {
        writer.put_str(ecs::WINLOG_LEVEL, level);
    }
    copy(writer, ecs::WINLOG_LEVEL, ecs::LOG_LEVEL);
}

/// The event's time: of Sysmon its own UTC stamp, else when the event log took it, else what the
/// shipper wrote.
fn set_time(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids, of_sysmon: bool) {
    let sysmon = if of_sysmon { present(writer, ids.utc_time) } else { None };
    let utc = sysmon.or_else(|| present(writer, ids.system_time)).or_else(|| present(writer, ids.winlog_time_created));
    if let Some((stamp, _)) = utc.and_then(|span| take_iso(writer.bytes(span))) {
        // These are UTC by definition, whether they say so or not.
        if let Some(time_ns) = stamp.civil.at_offset(stamp.offset_s.unwrap_or(0)) {
            writer.set_time(time_ns, stamp.precision);
            return;
        }
    }
    for id in [ids.event_time, ids.time_created, ids.time_generated, ecs::TIMESTAMP] {
        let Some(span) = present(writer, id) else { continue };
        match read_time(writer.bytes(span)) {
            Some(Time::Stamp(stamp)) => return context.set_stamp(writer, &stamp),
            Some(Time::Epoch(time_ns, precision)) => return writer.set_time(time_ns, precision),
            None => writer.defect(Defect::TimeUnreadable),
        }
    }
}

enum Time {
    Stamp(Stamp),
    Epoch(i64, TimePrecision),
}

fn read_time(text: &[u8]) -> Option<Time> {
    if let Some((stamp, _)) = take_iso(text) {
        return Some(Time::Stamp(stamp));
    }
    // PowerShell's ConvertTo-Json writes /Date(milliseconds)/.
    let digits = text.strip_prefix(b"/Date(").and_then(|rest| rest.strip_suffix(b")/")).unwrap_or(text);
    parse_epoch(digits).map(|(time_ns, precision)| Time::Epoch(time_ns, precision))
}

/// Writes the taxonomy of an event.
fn put_meaning(writer: &mut EventWriter<'_>, meaning: &'static taxonomy::Meaning) {
    writer.put_str(ecs::EVENT_ACTION, meaning.action);
    for category in meaning.categories {
        writer.put_str(ecs::EVENT_CATEGORY, category);
    }
    for kind in meaning.types {
        writer.put_str(ecs::EVENT_TYPE, kind);
    }
}

/// `DOMAIN\name`, or a name alone.
fn put_account(writer: &mut EventWriter<'_>, account: Span) {
    let (domain, name) = match memchr::memchr(b'\\', writer.bytes(account)) {
        Some(at) => (Some(account.part(0..at)), account.part(at + 1..account.len())),
        None => (None, account),
    };
    if writer.first(ecs::USER_NAME).is_some() {
        return;
    }
    writer.put_span(ecs::USER_NAME, name, Kind::Text, false);
    if let Some(domain) = domain.filter(|domain| !domain.is_empty()) {
        writer.put_span(ecs::USER_DOMAIN, domain, Kind::Text, false);
    }
}

/// `user.*` from the account that acted.
fn subject(writer: &mut EventWriter<'_>, ids: &Ids) {
    copy(writer, ids.subject_user_sid, ecs::USER_ID);
    if copy(writer, ids.subject_user_name, ecs::USER_NAME) {
        copy(writer, ids.subject_domain_name, ecs::USER_DOMAIN);
    }
    copy(writer, ids.subject_logon_id, ecs::WINLOG_LOGON_ID);
}

/// Keywords that the schema reserves, by bit (`winmeta.xml`).
const AUDIT_FAILURE: u64 = 0x10 << 48;
const AUDIT_SUCCESS: u64 = 0x20 << 48;
const CLASSIC: u64 = 0x80 << 48;

/// The keywords as a mask: hexadecimal in XML, a signed decimal in NXLog's JSON.
fn keyword_mask(text: &[u8]) -> Option<u64> {
    let Some(hex) = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X")) else {
        return crate::number::parse_i64(text).map(i64::cast_unsigned).or_else(|| parse_u64(text));
    };
    let digits = (1..=16).contains(&hex.len());
    hex.iter()
        .try_fold(0u64, |value, &byte| Some(value << 4 | u64::from(char::from(byte).to_digit(16)?)))
        .filter(|_| digits)
}

/// The keywords by name, where the record has them as a mask alone.
fn put_keywords(writer: &mut EventWriter<'_>, ids: &Ids) {
    if writer.first(ecs::WINLOG_KEYWORDS).is_some() {
        return;
    }
    let Some(mask) = present(writer, ids.keywords).and_then(|span| keyword_mask(writer.bytes(span))) else { return };
    for (bit, name) in [(AUDIT_FAILURE, "Audit Failure"), (AUDIT_SUCCESS, "Audit Success"), (CLASSIC, "Classic")] {
        if mask & bit != 0 {
            writer.put_str(ecs::WINLOG_KEYWORDS, name);
        }
    }
}

/// The audit category of a Security event, which the record numbers.
fn put_task(writer: &mut EventWriter<'_>, ids: &Ids, of: Of) {
    if of != Of::Security || writer.first(ecs::WINLOG_TASK).is_some() {
        return;
    }
    let number = present(writer, ids.task).and_then(|span| describe::number(writer.bytes(span)));
    if let Some(task) = number.and_then(describe::task) {
        writer.put_str(ecs::WINLOG_TASK, task);
    }
}

/// The audit result that the keywords or the shipper tell.
fn outcome_of(writer: &EventWriter<'_>) -> Option<&'static str> {
    let ids = ids();
    let view = writer.view();
    let keywords = view.all(ecs::WINLOG_KEYWORDS).take(8).map(|field| view.value(field));
    for text in view.first(ids.winlog_outcome).into_iter().chain(keywords).chain(view.first(ids.event_type)) {
        match text {
            b"success" | b"Audit Success" | b"AUDIT_SUCCESS" => return Some("success"),
            b"failure" | b"Audit Failure" | b"AUDIT_FAILURE" => return Some("failure"),
            _ => {}
        }
        if let Some(mask) = keyword_mask(text).filter(|mask| mask & (AUDIT_FAILURE | AUDIT_SUCCESS) != 0) {
            return Some(if mask & AUDIT_FAILURE == 0 { "success" } else { "failure" });
        }
    }
    None
}

fn put_outcome(writer: &mut EventWriter<'_>) {
    if let Some(outcome) = outcome_of(writer) {
        writer.put_str(ecs::EVENT_OUTCOME, outcome);
    }
}

/// A process id as Windows writes it, decimal or hexadecimal, as a decimal.
fn put_pid(writer: &mut EventWriter<'_>, from: FieldId, to: FieldId) {
    let Some(span) = present(writer, from) else { return };
    let text = writer.bytes(span);
    let hex = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X"));
    match hex {
        None if parse_u64(text).is_some() => writer.put_span(to, span, Kind::Number, false),
        Some(digits) if (1..=8).contains(&digits.len()) => {
            let value = digits
                .iter()
                .try_fold(0i64, |value, &byte| Some(value << 4 | i64::from(char::from(byte).to_digit(16)?)));
            match value {
                Some(value) => writer.put_i64(to, value),
                None => writer.defect(Defect::NumberInvalid),
            }
        }
        _ => writer.defect(Defect::NumberInvalid),
    }
}

/// An executable with its name.
fn put_executable(writer: &mut EventWriter<'_>, from: FieldId, executable: FieldId, name: FieldId) {
    if let Some(span) = present(writer, from) {
        writer.put_span(executable, span, Kind::Text, false);
        super::fields::put_path(writer, span, name, None, None);
    }
}

/// Most arguments kept one by one. The command line itself is kept whole beside them.
const ARGS_MAX: usize = 64;

/// A command line and its arguments, split at blanks outside double quotes.
fn put_command_line(writer: &mut EventWriter<'_>, from: FieldId, whole: FieldId, args: FieldId, count: FieldId) {
    let Some(span) = present(writer, from) else { return };
    writer.put_span(whole, span, Kind::Text, false);
    let len = span.len();
    let mut at = 0;
    let mut n = 0;
    while at < len && n < ARGS_MAX {
        let text = writer.bytes(span);
        if text[at] == b' ' || text[at] == b'\t' {
            at += 1;
            continue;
        }
        let quoted = text[at] == b'"';
        let from = at + usize::from(quoted);
        let rest = &text[from..];
        let end = if quoted { memchr::memchr(b'"', rest) } else { memchr::memchr2(b' ', b'\t', rest) };
        let end = from + end.unwrap_or(rest.len());
        writer.put_span(args, span.part(from..end), Kind::Text, false);
        n += 1;
        at = end + 1;
    }
    writer.put_i64(count, n as i64);
}

#[cfg(test)]
mod tests;
