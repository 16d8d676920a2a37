//! Oracle Database: the audit trail in operating system files, in syslog and as XML, unified audit in syslog, the
//! alert log and the listener's log (Oracle Database Security Guide, "Administering the Audit Trail"; Net Services
//! Administrator's Guide, "Listener Log Audit Trail").

mod listener;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::fields::relate;
use super::names::{id_of, vendor_names};
use super::text::{CLIENT, SERVER, split};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::number::{parse_u64, take_u64};
use crate::products::{Detect, Product};
use crate::time::{Civil, Stamp, month, take_clock, take_fraction, take_iso, take_offset};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products, scan};

/// `oracle`.
pub(crate) static PRODUCT: Product = Product {
    name: "oracle",
    title: "Oracle Database audit, alert and listener log",
    document: "Oracle Database 19c: Security Guide; Net Services Administrator's Guide",
    namespace: "oracle",
    module: "oracle",
    dataset: "oracle.database_audit",
    names: NAMES,
    detect: &[
        Detect::Line("MTWFS<0123", decode),
        Detect::App(&["Oracle Audit", "Oracle Unified Audit"], syslog),
        Detect::Mark(&["LENGTH: ", "LENGTH : "], syslog),
    ],
    ..Product::NONE
};

vendor_names! {
    length = "database_audit.length";
    status = "database_audit.status";
    @also
    "database_audit.action" "database_audit.action_number" "database_audit.client.terminal"
    "database_audit.client.user" "database_audit.client.address" "database_audit.database.id"
    "database_audit.database.user" "database_audit.session_id" "database_audit.userhost" "database_audit.privilege"
    "database_audit.entry.id" "database_audit.statement" "database_audit.result_code" "database_audit.object.schema"
    "database_audit.object.name" "database_audit.os_user" "database_audit.comment" "database_audit.terminal"
    "database_audit.session_cpu" "database_audit.logoff.logical_reads" "database_audit.logoff.physical_reads"
    "database_audit.logoff.logical_writes" "database_audit.logoff.deadlocks" "database_audit.auth.privileges"
    "database_audit.auth.grantee" "database_audit.new_owner" "database_audit.new_name" "database_audit.ses_label"
    "database_audit.type" "database_audit.client_id" "database_audit.statement_id" "database_audit.current_user"
    "database_audit.pdb_guid" "database_audit.instance" "database_audit.audit_type" "database_audit.sql_text"
    "database_audit.sql_bind" "database_audit.extended_timestamp" "database_audit.process"
    "database_audit.transaction_id" "database_audit.scn" "database_audit.proxy_session_id" "database_audit.global_uid"
    "database_audit.policy_name" "listener.program" "listener.service" "listener.command" "listener.return_code"
    "listener.sid" "listener.instance" "listener.version" "alert.code"
}

/// Keys of the audit trail, as each of its shapes spells them, upper case and without blanks, `_`, `$`: what they are
/// called below the namespace.
static KEYS: &[(&str, &str)] = &[
    ("ACTION", "database_audit.action"),
    ("ACTIONNUMBER", "database_audit.action_number"),
    ("AUDITTYPE", "database_audit.audit_type"),
    ("AUTHGRANTEE", "database_audit.auth.grantee"),
    ("AUTHPRIVILEGES", "database_audit.auth.privileges"),
    ("CLIENTADDRESS", "database_audit.client.address"),
    ("CLIENTID", "database_audit.client_id"),
    ("CLIENTTERMINAL", "database_audit.client.terminal"),
    ("CLIENTUSER", "database_audit.client.user"),
    ("COMMENTTEXT", "database_audit.comment"),
    ("CURUSER", "database_audit.current_user"),
    ("DATABASEUSER", "database_audit.database.user"),
    ("DBID", "database_audit.database.id"),
    ("DBUSER", "database_audit.database.user"),
    ("ENTRYID", "database_audit.entry.id"),
    ("EXTENDEDTIMESTAMP", "database_audit.extended_timestamp"),
    ("INSTANCE", "database_audit.instance"),
    ("INSTANCENUMBER", "database_audit.instance"),
    ("LENGTH", "database_audit.length"),
    ("LOGOFFDEAD", "database_audit.logoff.deadlocks"),
    ("LOGOFFLREAD", "database_audit.logoff.logical_reads"),
    ("LOGOFFLWRITE", "database_audit.logoff.logical_writes"),
    ("LOGOFFPREAD", "database_audit.logoff.physical_reads"),
    ("NEWNAME", "database_audit.new_name"),
    ("NEWOWNER", "database_audit.new_owner"),
    ("OBJCREATOR", "database_audit.object.schema"),
    ("OBJECTNAME", "database_audit.object.name"),
    ("OBJECTSCHEMA", "database_audit.object.schema"),
    ("OBJNAME", "database_audit.object.name"),
    ("OSPROCESS", "database_audit.process"),
    ("OSUSER", "database_audit.os_user"),
    ("OSUSERID", "database_audit.os_user"),
    ("PDBGUID", "database_audit.pdb_guid"),
    ("POLICYNAME", "database_audit.policy_name"),
    ("PRIVILEGE", "database_audit.privilege"),
    ("RETCODE", "database_audit.result_code"),
    ("RETURNCODE", "database_audit.result_code"),
    ("SCHEMA", "database_audit.object.schema"),
    ("SCN", "database_audit.scn"),
    ("SESID", "database_audit.session_id"),
    ("SESSIONCPU", "database_audit.session_cpu"),
    ("SESSIONID", "database_audit.session_id"),
    ("SESSTID", "database_audit.ses_label"),
    ("SQLBIND", "database_audit.sql_bind"),
    ("SQLTEXT", "database_audit.sql_text"),
    ("STATEMENT", "database_audit.statement"),
    ("STATEMENTID", "database_audit.statement_id"),
    ("STATUS", "database_audit.status"),
    ("STMTID", "database_audit.statement_id"),
    ("TERMINAL", "database_audit.terminal"),
    ("TRANSACTIONID", "database_audit.transaction_id"),
    ("TYPE", "database_audit.type"),
    ("USERHOST", "database_audit.userhost"),
    ("USERID", "database_audit.database.user"),
];

static IDS: LazyLock<HashMap<&'static [u8], FieldId>> =
    LazyLock::new(|| KEYS.iter().map(|(key, name)| (key.as_bytes(), id_of(name))).collect());

/// Longest key looked up.
const KEY_BYTES_MAX: usize = 32;

/// Upper case without what the shapes write differently.
fn key_id(key: &[u8]) -> Option<FieldId> {
    let mut plain = [0; KEY_BYTES_MAX];
    let mut len = 0;
    for &byte in key {
        if byte.is_ascii_alphanumeric() {
            *plain.get_mut(len)? = byte.to_ascii_uppercase();
            len += 1;
        }
    }
    IDS.get(&plain[..len]).copied()
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    match text.first() {
        Some(b'<') => return xml(writer, context, text),
        Some(b'0'..=b'3') => return listener::decode(writer, context, text) || alert_iso(writer, context, text),
        _ => {}
    }
    let Some((stamp, rest)) = long_date(text) else { return false };
    let rest = rest.trim_ascii_start();
    // A trail's first key is LENGTH since 10.2 and ACTION before; the alert log has text only.
    if !rest.starts_with(b"LENGTH") && !rest.starts_with(b"ACTION") && !rest.starts_with(b"SESSIONID") {
        return alert(writer, context, &stamp, rest);
    }
    if !pairs_begin(rest) {
        return false;
    }
    begin(writer);
    context.set_stamp(writer, &stamp);
    pairs(writer, rest);
    normalise(writer);
    true
}

/// The trail in syslog: the same pairs behind a header of its own.
fn syslog<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let Some(at) = scan::find(text, b"LENGTH") else { return false };
    // The tag of Oracle holds a blank: `Oracle Audit[4711]: LENGTH: …`.
    let named = scan::find(&text[..at], b"Audit[").is_some() || header.appname.starts_with(b"Oracle") || at == 0;
    if !named || !pairs_begin(&text[at..]) {
        return false;
    }
    begin(writer);
    pairs(writer, &text[at..]);
    normalise(writer);
    true
}

fn begin(writer: &mut EventWriter<'_>) {
    let core = writer.core();
    core.product = products::ORACLE;
    core.log_source = logsource::ORACLE;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "database");
}

/// `Wed Oct  7 11:58:08 2020 -04:00`, the offset since release 11.
fn long_date(text: &[u8]) -> Option<(Stamp, &[u8])> {
    let month = month(text.get(4..7)?)?;
    if text[3] != b' ' || !text[..3].iter().all(u8::is_ascii_alphabetic) {
        return None;
    }
    let (day, rest) = take_u64(text[7..].trim_ascii_start())?;
    let (hour, minute, second, rest) = take_clock(rest.strip_prefix(b" ")?)?;
    let (nano, precision, rest) = take_fraction(rest);
    let (year, rest) = take_u64(rest.strip_prefix(b" ")?)?;
    let civil = Civil {
        year: i64::try_from(year).ok().filter(|year| (1970..=9999).contains(year))?,
        month,
        day: u32::try_from(day).ok()?,
        hour,
        minute,
        second,
        nano,
    };
    let (offset_s, rest) = match rest.strip_prefix(b" ").and_then(take_offset) {
        Some((offset, rest)) => (Some(offset), rest),
        None => (None, rest),
    };
    civil.is_valid().then_some((Stamp { civil, offset_s, precision }, rest))
}

/// A pair of the trail.
struct Pair<'a> {
    key: &'a [u8],
    value: &'a [u8],
    /// Whether the value's quote was closed.
    closed: bool,
    /// What follows.
    rest: &'a [u8],
}

/// Whether a key and its quoted value stand at the start.
fn pairs_begin(text: &[u8]) -> bool {
    next_pair(text).is_some()
}

/// `KEY :[7] 'value'` or `KEY:[7] "value"` at the start, the length not always there.
fn next_pair(text: &[u8]) -> Option<Pair<'_>> {
    let colon = memchr::memchr(b':', text)?;
    let key = text[..colon].trim_ascii();
    if key.is_empty() || key.len() > KEY_BYTES_MAX || memchr::memchr2(b'\'', b'"', key).is_some() {
        return None;
    }
    let mut rest = &text[colon + 1..];
    let mut length = None;
    if let Some((digits, after)) = rest.strip_prefix(b"[").and_then(|rest| split(rest, b"]")) {
        length = parse_u64(digits).and_then(|length| usize::try_from(length).ok());
        rest = after;
    }
    let rest = rest.trim_ascii_start();
    let (&quote, rest) = rest.split_first().filter(|(quote, _)| matches!(quote, b'\'' | b'"'))?;
    // The length is right but for values that the server cut; then the quote before the next key ends it.
    let told = length.filter(|&length| rest.get(length) == Some(&quote) && ends_here(&rest[length + 1..]));
    let end = match told {
        Some(length) => length,
        None => {
            let ends = memchr::memchr_iter(quote, rest).take(QUOTES_MAX);
            ends.into_iter().find(|&at| ends_here(&rest[at + 1..])).unwrap_or(rest.len())
        }
    };
    let closed = end < rest.len();
    Some(Pair { key, value: &rest[..end], closed, rest: rest.get(end + 1..).unwrap_or_default() })
}

/// Most quotes within one value that are judged as its end; statements of more are kept to the record's end.
const QUOTES_MAX: usize = 4096;

/// Whether a value may end before `rest`: nothing follows but the next key.
fn ends_here(rest: &[u8]) -> bool {
    let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).take(KEY_BYTES_MAX).count();
    let rest = &rest[blanks..];
    let of_key = |byte: &&u8| byte.is_ascii_uppercase() || matches!(byte, b'$' | b'_' | b' ');
    let key = rest.iter().take(KEY_BYTES_MAX).take_while(of_key).count();
    rest.is_empty() || blanks > 0 && key > 1 && matches!(rest[key..], [b':', b'[' | b' ' | b'\'' | b'"', ..])
}

/// Most pairs of one record; the trail has about forty columns.
const PAIRS_MAX: usize = 128;

fn pairs<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let mut rest = text;
    for _ in 0..PAIRS_MAX {
        let Some(pair) = next_pair(rest) else { break };
        if !pair.closed {
            writer.defect(Defect::UnbalancedQuote);
        }
        put(writer, pair.key, pair.value);
        rest = pair.rest.trim_ascii_start();
    }
    if !rest.is_empty() {
        writer.defect(Defect::MessageMalformed);
    }
}

fn put<'a>(writer: &mut EventWriter<'a>, key: &'a [u8], value: &'a [u8]) {
    if value.is_empty() {
        return;
    }
    match key_id(key) {
        Some(id) if id == ids().length => super::text::put_number(writer, id, value),
        Some(id) => writer.put_vendor(id, value),
        None => {
            let (name, value) = (writer.span_of(key), writer.span_of(value));
            writer.put_unnamed(name, value, Kind::Text);
        }
    }
}

/// What the written pairs mean.
fn normalise(writer: &mut EventWriter<'_>) {
    writer.put_str(ecs::EVENT_ACTION, "database_audit");
    writer.put_str(ecs::EVENT_TYPE, "access");
    let status =
        writer.first(ids().status).or_else(|| writer.first(id("database_audit.result_code"))).unwrap_or_default();
    writer.put_str(ecs::EVENT_OUTCOME, if matches!(status, b"" | b"0") { "success" } else { "failure" });
    super::fields::copy(writer, id("database_audit.database.user"), ecs::SERVER_USER_NAME);
    relate(writer, ecs::SERVER_USER_NAME, ecs::RELATED_USER);
    super::fields::copy(writer, id("database_audit.client.user"), ecs::CLIENT_USER_NAME);
    super::fields::copy(writer, id("database_audit.os_user"), ecs::CLIENT_USER_NAME);
    relate(writer, ecs::CLIENT_USER_NAME, ecs::RELATED_USER);
    super::fields::copy(writer, id("database_audit.database.user"), ecs::USER_NAME);
    super::fields::copy(writer, id("database_audit.privilege"), ecs::USER_ROLES);
    super::fields::copy(writer, id("database_audit.sql_text"), ecs::MESSAGE);
    super::fields::copy(writer, id("database_audit.action"), ecs::MESSAGE);
    for (from, end) in [(id("database_audit.client.address"), CLIENT), (id("database_audit.userhost"), SERVER)] {
        let Some((span, _)) = writer.first_span(from) else { continue };
        writer.put_span(end.address, span, Kind::Text, false);
        if writer.put_if_ip(end.ip, span) {
            relate(writer, end.ip, ecs::RELATED_IP);
        } else {
            writer.put_span(end.domain, span, Kind::Text, false);
            relate(writer, end.domain, ecs::RELATED_HOSTS);
        }
    }
    // A comment of a logon names the peer: `Authenticated by: DATABASE; Client address: (ADDRESS=(…(HOST=…)…))`.
    let host = writer.first_span(id("database_audit.comment")).and_then(|(span, _)| {
        let text = writer.bytes(span);
        let at = scan::find(text, b"(HOST=")? + b"(HOST=".len();
        Some(span.part(at..at + scan::until(&text[at..], b')')))
    });
    if let Some(host) = host.filter(|_| writer.first(ecs::CLIENT_IP).is_none()) {
        if writer.put_if_ip(ecs::CLIENT_IP, host) {
            relate(writer, ecs::CLIENT_IP, ecs::RELATED_IP);
        }
    }
}

fn id(name: &'static str) -> FieldId {
    id_of(name)
}

/// `<AuditRecord><Audit_Type>1</Audit_Type>…</AuditRecord>` (`AUDIT_TRAIL=XML`), flat by its schema.
fn xml<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> bool {
    let Some(at) = scan::find(&text[..text.len().min(512)], b"<AuditRecord>") else { return false };
    begin(writer);
    let mut rest = &text[at + b"<AuditRecord>".len()..];
    for _ in 0..PAIRS_MAX {
        rest = rest.trim_ascii_start();
        if rest.is_empty() || rest.starts_with(b"</AuditRecord>") {
            break;
        }
        let element = rest.strip_prefix(b"<").and_then(|rest| split(rest, b">"));
        let Some((name, after)) = element else {
            writer.defect(Defect::MessageMalformed);
            break;
        };
        if name.ends_with(b"/") {
            rest = after;
            continue;
        }
        let Some((value, after)) = split(after, b"</") else {
            writer.defect(Defect::Truncated);
            put(writer, name, after);
            break;
        };
        put(writer, name, value);
        rest = split(after, b">").map_or(&b""[..], |(_, rest)| rest);
    }
    if let Some((stamp, _)) = writer.first(id("database_audit.extended_timestamp")).and_then(take_iso) {
        context.set_stamp(writer, &stamp);
    }
    normalise(writer);
    true
}

/// The alert log: `Wed Oct 07 11:58:08 2020` and what happened on the lines below.
fn alert<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, stamp: &Stamp, text: &'a [u8]) -> bool {
    let known =
        [&b"ORA-"[..], b"Thread ", b"Starting ORACLE", b"Errors in file", b"ALTER ", b"Completed: ", b"Shutting down"];
    if !known.iter().any(|mark| text.starts_with(mark)) && scan::find(text, b"ORA-").is_none() {
        return false;
    }
    put_alert(writer, text);
    context.set_stamp(writer, stamp);
    true
}

/// The alert log since 12.2: an ISO stamp alone on its line.
fn alert_iso<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> bool {
    let Some((stamp, rest)) = take_iso(text) else { return false };
    if stamp.offset_s.is_none() || rest.first() != Some(&b'\n') {
        return false;
    }
    put_alert(writer, rest.trim_ascii_start());
    context.set_stamp(writer, &stamp);
    true
}

fn put_alert<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    begin(writer);
    writer.put_str(ecs::EVENT_DATASET, "oracle.alert");
    writer.put(ecs::MESSAGE, text);
    let code = scan::find(text, b"ORA-").map(|at| {
        let digits = text[at + 4..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        &text[at..at + 4 + digits]
    });
    match code.filter(|code| code.len() > 4) {
        Some(code) => {
            writer.put_vendor(id("alert.code"), code);
            writer.put(ecs::ERROR_CODE, code);
            writer.put_str(ecs::EVENT_TYPE, "error");
        }
        None => writer.put_str(ecs::EVENT_TYPE, "info"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_ids() {
        assert!(KEYS.iter().all(|(_, name)| id_of(name) != FieldId::UNNAMED));
        assert_eq!(key_id(b"OBJ$CREATOR"), Some(id("database_audit.object.schema")));
        assert_eq!(key_id(b"Os_User"), Some(id("database_audit.os_user")));
    }

    #[test]
    fn a_value_ends_by_its_length_or_before_the_next_key() {
        let pair = next_pair(b"ACTION :[18] 'select 'it' from t'\nSTATUS:[1] '0'").unwrap();
        assert_eq!(
            (pair.key, pair.value, pair.rest),
            (&b"ACTION"[..], &b"select 'it' from t"[..], &b"\nSTATUS:[1] '0'"[..])
        );
        let pair = next_pair(b"USERHOST:[0] 'db1.example.com' STATUS:[1] '0'").unwrap();
        assert_eq!((pair.value, pair.rest), (&b"db1.example.com"[..], &b" STATUS:[1] '0'"[..]));
    }

    #[test]
    fn a_record_of_several_lines() {
        let record = "Mon Mar  2 11:58:08 2026 +09:00\nLENGTH : '201'\nACTION :[0] 'select 'a'\n  from t\n where x'\n\
            DATABASE USER:[3] 'SYS'\nCLIENT USER:[0] ''\nSTATUS:[4] '1017'\nCLIENT ADDRESS:[0] ''\nACTION NUMBER:[1] '3'\n";
        assert_eq!(
            crate::testing::fields(
                record.as_bytes(),
                "UTC",
                "time event.outcome server.user.name client.address database_audit.action database_audit.action_number defects"
            ),
            "time=2026-03-02T02:58:08Z; event.outcome=failure; server.user.name=SYS; \
             database_audit.action=select 'a'\n  from t\n where x; database_audit.action_number=3"
        );
    }
}
