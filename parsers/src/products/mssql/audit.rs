//! SQL Server Audit in the Windows log: event 33205, one text of `key:value` lines.
//!
//! The event is Windows' own and stays so; the audit record goes below `sqlserver.audit` and decides time,
//! action, outcome and user.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::number::parse_i64;
use crate::products::names::id_of;
use crate::time::take_iso;
use crate::{ecs, scan};

/// The event of every audit record.
pub(crate) const EVENT_ID: u32 = 33_205;

/// Audit actions by code (`sys.dm_audit_actions`), in byte order.
static ACTIONS: &[(&str, &str)] = &[
    ("ACDO", "DATABASE OBJECT ACCESS GROUP"),
    ("ACO", "SCHEMA OBJECT ACCESS GROUP"),
    ("ADBO", "BULK ADMIN"),
    ("AL", "ALTER"),
    ("ALCN", "ALTER CONNECTION"),
    ("ALRS", "ALTER RESOURCES"),
    ("ALSS", "ALTER SERVER STATE"),
    ("ALST", "ALTER SETTINGS"),
    ("ALTR", "ALTER TRACE"),
    ("APRL", "ADD MEMBER"),
    ("AS", "ACCESS"),
    ("AUSC", "AUDIT SESSION CHANGED"),
    ("AUSF", "AUDIT SHUTDOWN ON FAILURE"),
    ("AUTH", "AUTHENTICATE"),
    ("BA", "BACKUP"),
    ("BAL", "BACKUP LOG"),
    ("CCLG", "CHANGE LOGIN CREDENTIAL"),
    ("CMLG", "CREDENTIAL MAP TO LOGIN"),
    ("CO", "CONNECT"),
    ("CP", "CHECKPOINT"),
    ("CR", "CREATE"),
    ("D", "DENY"),
    ("DABO", "DATABASE BULK ADMIN"),
    ("DAGL", "FAILED DATABASE AUTHENTICATION GROUP"),
    ("DBAF", "DATABASE AUTHENTICATION FAILED"),
    ("DBAS", "DATABASE AUTHENTICATION SUCCEEDED"),
    ("DBCC", "DBCC"),
    ("DBL", "DATABASE LOGOUT"),
    ("DL", "DELETE"),
    ("DPRL", "DROP MEMBER"),
    ("DR", "DROP"),
    ("DWC", "DENY WITH CASCADE"),
    ("EX", "EXECUTE"),
    ("FT", "FULLTEXT"),
    ("G", "GRANT"),
    ("GWG", "GRANT WITH GRANT"),
    ("IMP", "IMPERSONATE"),
    ("IN", "INSERT"),
    ("LGB", "BROKER LOGIN"),
    ("LGBM", "DATABASE MIRRORING LOGIN"),
    ("LGDA", "DISABLE"),
    ("LGEA", "ENABLE"),
    ("LGIF", "LOGIN FAILED"),
    ("LGIS", "LOGIN SUCCEEDED"),
    ("LGNM", "NO CREDENTIAL MAP TO LOGIN"),
    ("LGO", "LOGOUT"),
    ("NMLG", "NO CREDENTIAL MAP TO LOGIN"),
    ("OP", "OPEN"),
    ("OPDB", "DATABASE OPERATION"),
    ("PWC", "CHANGE PASSWORD"),
    ("PWCS", "CHANGE OWN PASSWORD"),
    ("PWEX", "PASSWORD EXPIRATION"),
    ("PWMC", "MUST CHANGE PASSWORD"),
    ("PWPL", "PASSWORD POLICY"),
    ("PWR", "RESET PASSWORD"),
    ("PWRS", "RESET OWN PASSWORD"),
    ("PWU", "UNLOCK ACCOUNT"),
    ("R", "REVOKE"),
    ("RC", "RECEIVE"),
    ("RF", "REFERENCES"),
    ("RS", "RESTORE"),
    ("RWC", "REVOKE WITH CASCADE"),
    ("RWG", "REVOKE WITH GRANT"),
    ("SL", "SELECT"),
    ("SN", "SEND"),
    ("SPLN", "SHOW PLAN"),
    ("SUQN", "SUBSCRIBE QUERY NOTIFICATION"),
    ("SVCN", "SERVER CONTINUE"),
    ("SVPD", "SERVER PAUSED"),
    ("SVSD", "SERVER SHUTDOWN"),
    ("SVSR", "SERVER STARTED"),
    ("TASA", "TRACE AUDIT START"),
    ("TASP", "TRACE AUDIT STOP"),
    ("TO", "TAKE OWNERSHIP"),
    ("TRO", "TRANSFER"),
    ("TXBG", "TRANSACTION BEGIN"),
    ("TXCM", "TRANSACTION COMMIT"),
    ("TXRB", "TRANSACTION ROLLBACK"),
    ("UDAU", "USER DEFINED AUDIT"),
    ("UP", "UPDATE"),
    ("USAF", "CHANGE USERS LOGIN AUTO"),
    ("USLG", "CHANGE USERS LOGIN"),
    ("VDST", "VIEW DATABASE STATE"),
    ("VSST", "VIEW SERVER STATE"),
    ("VWCT", "VIEW CHANGETRACKING"),
    ("XA", "EXTERNAL ACCESS ASSEMBLY"),
    ("XU", "UNSAFE ASSEMBLY"),
];

/// Kinds of objects by code (`sys.dm_audit_class_type_map`), the commonest, in byte order.
static CLASSES: &[(&str, &str)] = &[
    ("A", "AUDIT"),
    ("AR", "APPLICATION ROLE"),
    ("DA", "DATABASE AUDIT SPECIFICATION"),
    ("DB", "DATABASE"),
    ("F", "FOREIGN KEY CONSTRAINT"),
    ("FN", "SCALAR FUNCTION"),
    ("IF", "INLINE FUNCTION"),
    ("LX", "LOGIN"),
    ("P", "STORED PROCEDURE"),
    ("RL", "ROLE"),
    ("S", "SYSTEM TABLE"),
    ("SA", "SERVER AUDIT SPECIFICATION"),
    ("SC", "SCHEMA"),
    ("SG", "SERVER ROLE"),
    ("SL", "SQL LOGIN"),
    ("SQ", "SQL USER"),
    ("SR", "SERVER"),
    ("SU", "SQL USER"),
    ("TF", "TABLE FUNCTION"),
    ("TR", "TRIGGER"),
    ("U", "TABLE"),
    ("US", "USER"),
    ("V", "VIEW"),
    ("WL", "WINDOWS LOGIN"),
    ("WU", "WINDOWS USER"),
    ("X", "EXTENDED STORED PROCEDURE"),
];

/// Keys whose values are numbers or flags.
static TYPED: &[&str] = &[
    "affected_rows",
    "duration_milliseconds",
    "is_column_permission",
    "response_rows",
    "sequence_number",
    "succeeded",
];

const PREFIX: &str = "sqlserver.audit.";

static IDS: LazyLock<HashMap<&'static [u8], FieldId>> = LazyLock::new(|| {
    let own = super::NAMES.iter().filter_map(|name| Some((name.strip_prefix(PREFIX)?.as_bytes(), id_of(name))));
    own.collect()
});

/// Where the audit record stands: the event's first inserted string.
static PARAM: LazyLock<FieldId> = LazyLock::new(|| id_of("param1"));
static DATA: LazyLock<FieldId> = LazyLock::new(|| id_of("Data"));

fn named(table: &'static [(&str, &str)], code: &[u8]) -> Option<&'static str> {
    table.binary_search_by(|(known, _)| known.as_bytes().cmp(code)).ok().map(|at| table[at].1)
}

/// Writes the audit record of a Windows event; `false` = it has none.
pub(crate) fn put(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let Some((record, _)) = writer.first_span(*PARAM).or_else(|| writer.first_span(*DATA)) else { return false };
    if !writer.bytes(record).starts_with(b"audit_schema_version:") {
        return false;
    }
    let mut at = 0;
    let len = record.len();
    while at < len {
        let text = &writer.bytes(record)[at..];
        let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
        let line = record.part(at..at + end);
        at += end + 1;
        put_line(writer, line);
    }
    normalise(writer, context);
    true
}

fn put_line(writer: &mut EventWriter<'_>, line: Span) {
    let text = writer.bytes(line);
    let Some(colon) = memchr::memchr(b':', text) else { return };
    let blanks = text.len() - text.trim_ascii_end().len();
    let value = line.part(colon + 1..text.len() - blanks.min(text.len() - colon - 1));
    let key = &text[..colon];
    if value.is_empty() {
        return;
    }
    let Some(&id) = IDS.get(key) else {
        let name = line.part(0..colon);
        let from = writer.arena_start();
        writer.arena_push(PREFIX.as_bytes());
        writer.arena_push_span(name);
        let name = writer.arena_end(from);
        writer.put_unnamed_at_root(name, value, Kind::Text);
        return;
    };
    let code = writer.bytes(value);
    let meaning = match key {
        b"action_id" => named(ACTIONS, code),
        b"class_type" => named(CLASSES, code),
        _ => None,
    };
    let kind = match code {
        _ if !TYPED.iter().any(|typed| typed.as_bytes() == key) => Kind::Text,
        b"true" | b"false" => Kind::Bool,
        _ if parse_i64(code).is_some() => Kind::Number,
        _ => Kind::Text,
    };
    match meaning {
        Some(meaning) => writer.put_str(id, meaning),
        None => writer.put_span(id, value, kind, false),
    }
}

fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>) {
    let id = |key: &str| IDS.get(key.as_bytes()).copied().unwrap_or(FieldId::UNNAMED);
    let stamp = writer.first(id("event_time")).and_then(take_iso);
    if let Some((mut stamp, _)) = stamp {
        // Audit records are written in UTC.
        stamp.offset_s = Some(0);
        context.set_stamp(writer, &stamp);
    }
    if let Some(duration) = writer.first(id("duration_milliseconds")).and_then(parse_i64) {
        writer.put_i64(ecs::EVENT_DURATION, duration.saturating_mul(1_000_000));
    }
    let failed = writer.first(id("succeeded")) == Some(b"false");
    let action = writer.first(id("action_id")).unwrap_or_default();
    let is_login =
        action.starts_with(b"LOGIN ") || action == b"LOGOUT" || action.starts_with(b"DATABASE AUTHENTICATION ");
    let is_iam = action.ends_with(b" PASSWORD") || action.ends_with(b" MEMBER") || action == b"UNLOCK ACCOUNT";
    put_action(writer, id("action_id"));
    writer.put_str(ecs::EVENT_CATEGORY, "database");
    if is_login {
        writer.put_str(ecs::EVENT_CATEGORY, "authentication");
    }
    if is_iam {
        writer.put_str(ecs::EVENT_CATEGORY, "iam");
    }
    writer.put_str(ecs::EVENT_TYPE, if failed { "error" } else { "access" });
    if writer.first(ecs::EVENT_OUTCOME).is_none() {
        writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
    }
    put_user(writer, id("server_principal_name"), id("statement"));
    crate::products::fields::copy(writer, ecs::WINLOG_PROCESS_PID, ecs::PROCESS_PID);
    crate::products::fields::copy(writer, ecs::WINLOG_PROCESS_THREAD_ID, ecs::PROCESS_THREAD_ID);
    if let Some((sid, _)) = writer.first_span(id("server_principal_sid")) {
        writer.put_span(ecs::USER_ID, sid, Kind::Text, false);
    }
    if let Some((client, _)) = writer.first_span(id("client_ip")) {
        writer.put_if_ip(ecs::SOURCE_IP, client);
        crate::products::fields::relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
    }
}

/// `LOGIN FAILED` as `login-failed`.
fn put_action(writer: &mut EventWriter<'_>, action: FieldId) {
    /// The longest of [`ACTIONS`].
    const ACTION_BYTES_MAX: usize = 40;
    let Some(text) = writer.first(action).filter(|text| text.len() <= ACTION_BYTES_MAX) else { return };
    let mut lowered = [0; ACTION_BYTES_MAX];
    let len = text.len();
    for (to, &byte) in lowered.iter_mut().zip(text) {
        *to = if byte == b' ' { b'-' } else { byte.to_ascii_lowercase() };
    }
    writer.put(ecs::EVENT_ACTION, &lowered[..len]);
}

/// `DOMAIN\user` of the principal; a login that failed has none and names the user in its statement.
fn put_user(writer: &mut EventWriter<'_>, principal: FieldId, statement: FieldId) {
    let mut user = writer.first_span(principal).map(|(span, _)| span).unwrap_or_default();
    if user.is_empty() {
        let Some((statement, _)) = writer.first_span(statement) else { return };
        let text = writer.bytes(statement);
        let Some(at) = scan::find(text, b"for user '").map(|at| at + b"for user '".len()) else { return };
        user = statement.part(at..at + scan::until(&text[at..], b'\''));
    }
    let text = writer.bytes(user);
    let slash = memchr::memchr(b'\\', text);
    let name = slash.map_or(0, |slash| slash + 1)..text.len();
    if let Some(slash) = slash {
        writer.put_span(ecs::USER_DOMAIN, user.part(0..slash), Kind::Text, false);
    }
    let name = user.part(name);
    if !name.is_empty() {
        writer.put_span(ecs::USER_NAME, name, Kind::Text, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_have_ids() {
        assert!(ACTIONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(CLASSES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(TYPED.iter().all(|key| IDS.contains_key(key.as_bytes())));
        assert_ne!(*PARAM, FieldId::UNNAMED);
    }
}
