//! PostgreSQL's server log in its three shapes: stderr text behind a `log_line_prefix`, csvlog, jsonlog
//! (PostgreSQL documentation, "Error Reporting and Logging"; error codes of its Appendix A).
//!
//! The prefix is the operator's choice: its parts are told by their shape (`[pid-line]`, `user@db`,
//! `user=…,db=…`, `host(port)`), and what is told by none stays in the record.

use std::ops::Range;

use super::fields::{copy, copy_ip, present};
use super::names::vendor_names;
use super::text::{CLIENT, between, put_number, put_user, split, split_last};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::number::{parse_i64, parse_scaled, parse_u64};
use crate::products::{Detect, Product};
use crate::scan;
use crate::time::{Stamp, take_iso};
use crate::wire::csv::Cells;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products, zone};

/// `postgresql`.
pub(crate) static PRODUCT: Product = Product {
    name: "postgresql",
    title: "PostgreSQL server log",
    document: "PostgreSQL 17: Error Reporting and Logging",
    namespace: "postgresql.log",
    module: "postgresql",
    dataset: "postgresql.log",
    names: NAMES,
    detect: &[
        Detect::Line("12", decode),
        Detect::Members(&["error_severity", "session_id", "line_num"], normalise),
        Detect::App(&["postgres", "postgresql", "postmaster"], decode),
        Detect::Shape("12", decode),
    ],
    ..Product::NONE
};

vendor_names! {
    timestamp = "timestamp";
    database = "database";
    client_addr = "client_addr";
    client_port = "client_port";
    session_id = "session_id";
    session_line_number = "session_line_number";
    session_start_time = "session_start_time";
    command_tag = "command_tag";
    virtual_transaction_id = "virtual_transaction_id";
    transaction_id = "transaction_id";
    sql_state_code = "sql_state_code";
    detail = "detail";
    hint = "hint";
    internal_query = "internal_query";
    internal_query_pos = "internal_query_pos";
    context = "context";
    query = "query";
    query_pos = "query_pos";
    location = "location";
    application_name = "application_name";
    backend_type = "backend_type";
    leader_pid = "leader_pid";
    query_id = "query_id";
    query_name = "query_name";
    query_step = "query_step";
    audit_type = "audit.type";
    audit_statement_id = "audit.statement_id";
    audit_substatement_id = "audit.substatement_id";
    audit_class = "audit.class";
    audit_command = "audit.command";
    audit_object_type = "audit.object_type";
    audit_object_name = "audit.object_name";
    audit_statement = "audit.statement";
    audit_parameter = "audit.parameter";
    user = "user";
    dbname = "dbname";
    pid = "pid";
    remote_host = "remote_host";
    remote_port = "remote_port";
    line_num = "line_num";
    session_start = "session_start";
    vxid = "vxid";
    txid = "txid";
    ps = "ps";
    error_severity = "error_severity";
    state_code = "state_code";
    statement = "statement";
    @also
    "internal_position" "cursor_position" "func_name" "file_name" "file_line_num"
}

/// The labels that stand before a message's text, the server's severities and the parts of a report.
static LABELS: &[&[u8]] = &[
    b"LOG",
    b"ERROR",
    b"FATAL",
    b"PANIC",
    b"WARNING",
    b"NOTICE",
    b"INFO",
    b"DEBUG",
    b"DEBUG1",
    b"DEBUG2",
    b"DEBUG3",
    b"DEBUG4",
    b"DEBUG5",
    b"DETAIL",
    b"HINT",
    b"QUERY",
    b"CONTEXT",
    b"LOCATION",
    b"STATEMENT",
    b"BACKTRACE",
];

/// How far from the start the label stands: a prefix with host name, user, database and application, each at its
/// longest (NAMEDATALEN 64, host names 255).
const PREFIX_BYTES_MAX: usize = 640;

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let Some((stamp, name, after)) = stamp(text) else {
        // Behind a syslog header the prefix needs no time: `[3-1] user@db LOG:  …`.
        return !header.appname.is_empty() && report(writer, text, 0);
    };
    if after.first() == Some(&b',') {
        return row(writer, context, text, stamp, name, &after[1..]);
    }
    if !report(writer, text, text.len() - after.len()) {
        return false;
    }
    put_stamp(writer, context, &text[..text.len() - after.len()], stamp, name);
    true
}

/// A stamp and its zone's name at the start: `%t` or `%m`. A zone always follows.
fn stamp(text: &[u8]) -> Option<(Stamp, &[u8], &[u8])> {
    let (stamp, rest) = take_iso(text)?;
    let rest = rest.strip_prefix(b" ")?;
    let of_offset = |byte: &&u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b':');
    let len = match rest.first() {
        Some(b'+' | b'-') => rest.iter().take_while(of_offset).count(),
        _ => rest.iter().take_while(|byte| byte.is_ascii_uppercase()).count(),
    };
    // The prefix of Amazon RDS sets a colon behind the zone.
    let len = len - usize::from(rest[..len].ends_with(b":"));
    let name = &rest[..len];
    let is_name = (2..=6).contains(&len) && name[0].is_ascii_uppercase();
    let is_offset = len >= 3 && !name[0].is_ascii_uppercase();
    (is_name || is_offset).then_some((stamp, name, &rest[len..]))
}

fn put_stamp<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8], stamp: Stamp, name: &'a [u8]) {
    writer.put_vendor(ids().timestamp, text);
    writer.put(ecs::EVENT_TIMEZONE, name);
    context.set_stamp(writer, &Stamp { offset_s: zone::abbreviation(name), ..stamp });
}

fn begin(writer: &mut EventWriter<'_>) {
    let core = writer.core();
    core.product = products::POSTGRESQL;
    core.log_source = logsource::POSTGRESQL;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "database");
}

// ---- text

/// A report behind its prefix, which begins at `from`.
fn report<'a>(writer: &mut EventWriter<'a>, text: &'a [u8], from: usize) -> bool {
    let Some(label) = label(text, from) else { return false };
    begin(writer);
    prefix(writer, text[from..label.start].trim_ascii());
    let level = &text[label.clone()];
    writer.put(ecs::LOG_LEVEL, level);
    let mut body = text[label.end + 1..].trim_ascii_start();
    // With log_error_verbosity = verbose the error code comes first.
    let code = body.get(..5).filter(|code| {
        body[5..].starts_with(b": ")
            && code.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            && code.iter().any(u8::is_ascii_digit)
    });
    let mut failed = false;
    if let Some(code) = code {
        failed = put_code(writer, code);
        body = &body[7..];
    }
    writer.put_str(ecs::EVENT_TYPE, if failed { "error" } else { "info" });
    let message = writer.span_of(body);
    writer.put_span(ecs::MESSAGE, message, Kind::Text, false);
    let id = match level {
        b"DETAIL" => Some(ids().detail),
        b"HINT" => Some(ids().hint),
        b"CONTEXT" => Some(ids().context),
        b"LOCATION" => Some(ids().location),
        b"STATEMENT" => Some(ids().query),
        b"QUERY" => Some(ids().internal_query),
        _ => None,
    };
    match id {
        Some(id) => writer.put_span(id, message, Kind::Text, true),
        None => {
            put_statement(writer, message);
            put_session(writer, message);
        }
    }
    true
}

/// Where the label of the report stands.
fn label(text: &[u8], from: usize) -> Option<Range<usize>> {
    let head = &text[..text.len().min(from + PREFIX_BYTES_MAX)];
    for colon in memchr::memchr_iter(b':', head.get(from..)?) {
        let end = from + colon;
        // Two blanks; some who pass the log on make one of them.
        if !text[end..].starts_with(b": ") {
            continue;
        }
        let len = text[from..end].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if LABELS.contains(&&text[end - len..end]) {
            return Some(end - len..end);
        }
    }
    None
}

fn prefix<'a>(writer: &mut EventWriter<'a>, prefix: &'a [u8]) {
    // Amazon RDS: `%t:%r:%u@%d:[%p]:`, all in one word.
    if let Some(rest) = prefix.strip_prefix(b":").and_then(|rest| rest.strip_suffix(b":")) {
        if let Some((before, pid)) = split_last(rest, b":[") {
            put_process(writer, pid.strip_suffix(b"]").unwrap_or(pid));
            let (peer, names) = split_last(before, b":").unwrap_or((b"", before));
            put_peer(writer, peer);
            put_names(writer, names);
            return;
        }
    }
    for word in prefix.split(|byte| byte.is_ascii_whitespace()) {
        let word = word.strip_suffix(b":").unwrap_or(word);
        if word.is_empty() {
            continue;
        }
        let inner = word.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
        if let Some(inner) = inner.filter(|inner| memchr::memchr(b'@', inner).is_none()) {
            match inner {
                b"local" => put_peer(writer, word),
                _ => put_process(writer, inner),
            }
        } else if memchr::memchr(b'=', word).is_some() {
            word.split(|&byte| byte == b',').for_each(|pair| put_pair(writer, pair));
        } else if word.ends_with(b")") || crate::ip::parse(word).is_some() {
            put_peer(writer, word);
        } else if memchr::memchr(b'@', word).is_some() {
            put_names(writer, word);
        } else if is_session_id(word) && writer.first(ids().session_id).is_none() {
            writer.put_vendor(ids().session_id, word);
        } else if parse_u64(word).is_some() && writer.first(ecs::PROCESS_PID).is_none() {
            writer.put_as(ecs::PROCESS_PID, word, Kind::Number, false);
        }
    }
}

/// `%c`: start time and process id in hexadecimal.
fn is_session_id(word: &[u8]) -> bool {
    split(word, b".").is_some_and(|(start, pid)| {
        start.len() == 8
            && start.iter().all(u8::is_ascii_hexdigit)
            && !pid.is_empty()
            && pid.iter().all(u8::is_ascii_hexdigit)
    })
}

/// `pid`, `pid-line`, or `line-1` behind a process id that was given before.
fn put_process<'a>(writer: &mut EventWriter<'a>, inner: &'a [u8]) {
    let (pid, line) = split(inner, b"-").unwrap_or((inner, b""));
    if parse_u64(pid).is_none() {
        return;
    }
    if writer.first(ecs::PROCESS_PID).is_none() {
        writer.put_as(ecs::PROCESS_PID, pid, Kind::Number, false);
        put_number(writer, ids().session_line_number, line);
    } else {
        put_number(writer, ids().session_line_number, pid);
    }
}

fn put_pair<'a>(writer: &mut EventWriter<'a>, pair: &'a [u8]) {
    let Some((key, value)) = split(pair, b"=") else { return };
    match key {
        b"user" | b"u" => put_name(writer, value),
        b"db" | b"database" | b"d" => put_database(writer, value),
        b"app" | b"application" | b"application_name" | b"a" if !value.is_empty() => {
            writer.put_vendor(ids().application_name, value);
        }
        b"client" | b"host" | b"remote" | b"h" | b"r" => put_peer(writer, value),
        b"pid" | b"p" => put_process(writer, value),
        b"xid" => put_number(writer, ids().transaction_id, value),
        b"code" if !value.is_empty() => writer.put_vendor(ids().sql_state_code, value),
        _ => {}
    }
}

/// `user@db`; a server that knows neither yet writes `[unknown]`.
fn put_names<'a>(writer: &mut EventWriter<'a>, names: &'a [u8]) {
    let Some((user, database)) = split_last(names, b"@") else { return };
    put_name(writer, user);
    put_database(writer, database);
}

fn bare(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name)
}

fn put_name<'a>(writer: &mut EventWriter<'a>, user: &'a [u8]) {
    put_user(writer, ecs::USER_NAME, bare(user));
}

fn put_database<'a>(writer: &mut EventWriter<'a>, database: &'a [u8]) {
    let database = bare(database);
    if !database.is_empty() {
        writer.put_vendor(ids().database, database);
    }
}

/// `host(port)`, `host:port` (csvlog), `host`, `[local]`.
fn put_peer<'a>(writer: &mut EventWriter<'a>, peer: &'a [u8]) {
    let (host, port) = match peer.strip_suffix(b")").and_then(|rest| split_last(rest, b"(")) {
        Some(parts) => parts,
        None => match split_last(peer, b":") {
            Some((host, port)) if parse_u64(port).is_some() && crate::ip::parse(peer).is_none() => (host, port),
            _ => (peer, &b""[..]),
        },
    };
    let host = bare(host);
    if host.is_empty() {
        return;
    }
    writer.put_vendor(ids().client_addr, host);
    super::text::put_end(writer, CLIENT, host);
    if let Some(ip) = crate::ip::parse(host) {
        writer.put_addr(ecs::SOURCE_IP, ip, host);
    }
    if parse_u64(port).is_some() {
        writer.put_as(ids().client_port, port, Kind::Number, true);
        writer.put_port(ecs::SOURCE_PORT, port);
    }
}

/// Writes the error code; whether it is of an error (classes 00 to 02 are success, warning and no data).
fn put_code(writer: &mut EventWriter<'_>, code: &[u8]) -> bool {
    writer.put_vendor(ids().sql_state_code, code);
    !matches!(code.get(..2), None | Some(b"00" | b"01" | b"02"))
}

// ---- csvlog

/// The columns of csvlog in their order; the time is the first.
fn columns() -> [(FieldId, bool); 26] {
    let ids = ids();
    [
        (ids.timestamp, false),
        (ecs::USER_NAME, false),
        (ids.database, false),
        (ecs::PROCESS_PID, true),
        (ids.client_addr, false),
        (ids.session_id, false),
        (ids.session_line_number, true),
        (ids.command_tag, false),
        (ids.session_start_time, false),
        (ids.virtual_transaction_id, false),
        (ids.transaction_id, true),
        (ecs::LOG_LEVEL, false),
        (ids.sql_state_code, false),
        (ecs::MESSAGE, false),
        (ids.detail, false),
        (ids.hint, false),
        (ids.internal_query, false),
        (ids.internal_query_pos, true),
        (ids.context, false),
        (ids.query, false),
        (ids.query_pos, true),
        (ids.location, false),
        (ids.application_name, false),
        (ids.backend_type, false),
        (ids.leader_pid, true),
        (ids.query_id, true),
    ]
}

/// The fewest columns of a csvlog row: release 8.4. 9.0 has 23, 13 has 24, 14 and later 26.
const COLUMNS_MIN: usize = 22;

fn row<'a>(
    writer: &mut EventWriter<'a>,
    context: &Context<'_>,
    text: &'a [u8],
    time: Stamp,
    zone_name: &'a [u8],
    rest: &'a [u8],
) -> bool {
    // Any row may begin with a time; only this one has an error code where it belongs.
    let mut columns = Cells::new(rest);
    let code = columns.nth(11).map(|column| column.text);
    let level = Cells::new(rest).nth(10).map(|column| column.text).unwrap_or_default();
    if !LABELS.contains(&level) || code.is_none_or(|code| code.len() != 5) {
        return false;
    }
    begin(writer);
    put_stamp(writer, context, &text[..text.len() - rest.len() - 1], time, zone_name);
    let table = self::columns();
    let mut count = 1;
    let mut failed = false;
    let mut message = None;
    let mut columns = Cells::new(rest);
    for column in columns.by_ref() {
        let Some(&(id, number)) = table.get(count) else {
            count += 1;
            continue;
        };
        count += 1;
        if column.text.is_empty() {
            continue;
        }
        if id == ecs::USER_NAME {
            put_name(writer, column.text);
        } else if id == ids().client_addr {
            put_peer(writer, column.text);
        } else if id == ids().sql_state_code {
            failed = put_code(writer, column.text);
        } else if id == ecs::LOG_LEVEL {
            writer.put(id, column.text);
        } else if id == ecs::MESSAGE {
            message = Some(column.span(writer));
        } else {
            let span = column.span(writer);
            let kind = if number && parse_i64(column.text).is_some() { Kind::Number } else { Kind::Text };
            writer.put_span(id, span, kind, id.index() >= ecs::COUNT);
        }
    }
    if columns.unbalanced {
        writer.defect(Defect::UnbalancedQuote);
    }
    if count < COLUMNS_MIN || count > table.len() {
        writer.defect(Defect::ColumnCount);
    }
    writer.put_str(ecs::EVENT_TYPE, if failed { "error" } else { "info" });
    if let Some(message) = message {
        put_statement(writer, message);
        // What the row says of a statement is the statement: the rest has columns of its own.
        let text = writer.first_span(ids().query_step).and_then(|_| writer.first_span(ids().query));
        let (span, _) = text.unwrap_or((message, Kind::Text));
        writer.put_span(ecs::MESSAGE, span, Kind::Text, false);
        put_session(writer, message);
    }
    true
}

// ---- jsonlog

/// Normalises an object of jsonlog whose members are written already.
pub(crate) fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    begin(writer);
    if let Some(span) = present(writer, ids.timestamp) {
        let read = stamp(writer.bytes(span)).map(|(stamp, name, _)| (stamp, zone::abbreviation(name), name.len()));
        match read {
            Some((stamp, offset_s, len)) => {
                context.set_stamp(writer, &Stamp { offset_s, ..stamp });
                writer.put_span(ecs::EVENT_TIMEZONE, span.part(span.len() - len..span.len()), Kind::Text, false);
            }
            None => writer.defect(Defect::TimeUnreadable),
        }
    }
    for (from, to) in [
        (ids.user, ecs::USER_NAME),
        (ids.pid, ecs::PROCESS_PID),
        (ids.error_severity, ecs::LOG_LEVEL),
        (ecs::USER_NAME, ecs::RELATED_USER),
    ] {
        copy(writer, from, to);
    }
    for (from, to) in [
        (ids.dbname, ids.database),
        (ids.remote_host, ids.client_addr),
        (ids.remote_port, ids.client_port),
        (ids.line_num, ids.session_line_number),
        (ids.session_start, ids.session_start_time),
        (ids.vxid, ids.virtual_transaction_id),
        (ids.txid, ids.transaction_id),
        (ids.ps, ids.command_tag),
        (ids.state_code, ids.sql_state_code),
        (ids.statement, ids.query),
    ] {
        super::fields::copy_vendor(writer, from, to);
    }
    copy_ip(writer, ids.remote_host, ecs::SOURCE_IP);
    copy_ip(writer, ids.remote_host, ecs::CLIENT_IP);
    if let Some(port) = present(writer, ids.remote_port) {
        writer.put_port_span(ecs::SOURCE_PORT, port);
    }
    let failed =
        writer.first(ids.state_code).is_some_and(|code| !matches!(code.get(..2), None | Some(b"00" | b"01" | b"02")));
    writer.put_str(ecs::EVENT_TYPE, if failed { "error" } else { "info" });
    if let Some((message, _)) = writer.first_span(ecs::MESSAGE) {
        put_statement(writer, message);
        put_session(writer, message);
    }
    true
}

// ---- what messages say

/// How far the name of a prepared statement is looked for; PostgreSQL's identifiers have 63 bytes, portals
/// and statements that drivers name a few more.
const NAME_BYTES_MAX: usize = 160;

/// The words by which the server logs a statement, its phase of the extended protocol among them.
static STEPS: &[&[u8]] =
    &[b"statement", b"execute", b"parse", b"bind", b"execute fetch from", b"fastpath function call"];

/// `duration: 1.5 ms  execute name: text`, either half alone, or a record of pgAudit.
fn put_statement(writer: &mut EventWriter<'_>, message: Span) {
    let ids = ids();
    let text = writer.bytes(message);
    if let Some(row) = text.strip_prefix(b"AUDIT: ") {
        let row = message.part(text.len() - row.len()..text.len());
        return put_audit(writer, row);
    }
    let mut at = 0;
    let mut duration = None;
    if let Some(rest) = text.strip_prefix(b"duration: ") {
        let len = scan::until(rest, b' ');
        if rest[len..].starts_with(b" ms") {
            duration = parse_scaled(&rest[..len], 6);
            at = text.len() - rest.len() + len + 3;
        }
    }
    at += text[at..].iter().take_while(|&&byte| byte == b' ').count();
    let rest = &text[at..];
    let step = STEPS.iter().find_map(|step| {
        let after = rest.strip_prefix(*step)?;
        let name = match after {
            [b':', ..] => 0,
            [b' ', name @ ..] => {
                let name = &name[..name.len().min(NAME_BYTES_MAX)];
                1 + scan::find(name, b": ").filter(|&len| len > 0)?
            }
            _ => return None,
        };
        Some((at + step.len(), name))
    });
    if let Some(duration) = duration {
        writer.put_i64(ecs::EVENT_DURATION, duration);
    }
    let Some((step, name)) = step else { return };
    writer.put_span(ids.query_step, message.part(at..step), Kind::Text, true);
    if name > 1 {
        writer.put_span(ids.query_name, message.part(step + 1..step + name), Kind::Text, true);
    }
    let len = message.len();
    let query = (step + name + 2).min(len)..len;
    writer.put_span(ids.query, message.part(query), Kind::Text, true);
}

/// pgAudit's row: `SESSION,1,1,READ,SELECT,TABLE,public.t,"select …",<none>`.
fn put_audit(writer: &mut EventWriter<'_>, row: Span) {
    let ids = ids();
    let table = [
        ids.audit_type,
        ids.audit_statement_id,
        ids.audit_substatement_id,
        ids.audit_class,
        ids.audit_command,
        ids.audit_object_type,
        ids.audit_object_name,
        ids.audit_statement,
        ids.audit_parameter,
    ];
    let mut at = 0;
    for id in table {
        let text = &writer.bytes(row)[at..];
        let mut columns = Cells::new(text);
        let Some(column) = columns.next() else { break };
        let next = at + text.len() - columns.rest().len();
        let (len, last) = (column.text.len(), columns.rest().is_empty());
        let from = at + (column.text.as_ptr() as usize - text.as_ptr() as usize);
        if len > 0 {
            writer.put_span(id, row.part(from..from + len), Kind::Text, true);
        }
        if last {
            break;
        }
        at = next;
    }
    copy(writer, ids.audit_command, ecs::EVENT_ACTION);
}

/// What is said of connections and of who was let in.
fn put_session(writer: &mut EventWriter<'_>, message: Span) {
    let text = writer.bytes(message);
    let quoted = between(text, b"\"", b"\"").map(|name| {
        let at = scan::find(text, b"\"").unwrap_or_default() + 1;
        at..at + name.len()
    });
    let (action, kind, outcome) = if text.starts_with(b"connection received: ") {
        ("connection-received", "start", "")
    } else if text.starts_with(b"connection authorized: ") || text.starts_with(b"replication connection authorized: ") {
        ("connection-authorized", "start", "success")
    } else if text.starts_with(b"connection authenticated: ") {
        ("connection-authenticated", "start", "success")
    } else if text.starts_with(b"disconnection: ") {
        ("disconnection", "end", "")
    } else if scan::find(text, b"authentication failed for user ").is_some() {
        ("authentication-failed", "denied", "failure")
    } else if text.starts_with(b"no pg_hba.conf entry for ") || text.starts_with(b"pg_hba.conf rejects ") {
        ("connection-rejected", "denied", "failure")
    } else if text.starts_with(b"permission denied for ") {
        ("permission-denied", "denied", "failure")
    } else {
        return;
    };
    writer.put_str(ecs::EVENT_ACTION, action);
    writer.put_str(ecs::EVENT_TYPE, kind);
    if !outcome.is_empty() {
        writer.put_str(ecs::EVENT_OUTCOME, outcome);
    }
    if action != "permission-denied" {
        writer.put_str(ecs::EVENT_CATEGORY, if outcome.is_empty() { "session" } else { "authentication" });
    }
    match action {
        "authentication-failed" => {
            if let Some(name) = quoted.filter(|_| writer.first(ecs::USER_NAME).is_none()) {
                put_part(writer, ecs::USER_NAME, message.part(name));
            }
        }
        "connection-rejected" => {
            for (key, id) in
                [(&b"host \""[..], ecs::SOURCE_IP), (b"user \"", ecs::USER_NAME), (b"database \"", ids().database)]
            {
                put_behind(writer, message, key, b'"', id);
            }
        }
        "permission-denied" => {}
        _ => {
            for (key, id) in [
                (&b"host="[..], ecs::SOURCE_IP),
                (b"port=", ecs::SOURCE_PORT),
                (b"user=", ecs::USER_NAME),
                (b"database=", ids().database),
                (b"application_name=", ids().application_name),
            ] {
                put_behind(writer, message, key, b' ', id);
            }
        }
    }
}

/// The value between `key` and `end` in a message, unless the prefix said it before.
fn put_behind(writer: &mut EventWriter<'_>, message: Span, key: &[u8], end: u8, id: FieldId) {
    if writer.first(id).is_some() {
        return;
    }
    let text = writer.bytes(message);
    let Some(at) = scan::find(text, key).map(|at| at + key.len()) else { return };
    let len = scan::until(&text[at..], end);
    put_part(writer, id, message.part(at..at + len));
}

fn put_part(writer: &mut EventWriter<'_>, id: FieldId, part: Span) {
    match id {
        _ if part.is_empty() => {}
        ecs::SOURCE_IP => {
            if writer.put_if_ip(id, part) {
                super::fields::relate(writer, id, ecs::RELATED_IP);
            }
        }
        ecs::SOURCE_PORT => {
            writer.put_port_span(id, part);
        }
        _ => writer.put_span(id, part, Kind::Text, id.index() >= ecs::COUNT),
    }
    if id == ecs::USER_NAME {
        super::fields::relate(writer, id, ecs::RELATED_USER);
    }
}
