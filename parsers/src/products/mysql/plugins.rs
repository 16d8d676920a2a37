//! Audit logs of MySQL in XML, the old style (one element, all in attributes) and the new (an element a value), each record
//! on one line (MySQL Reference Manual, "Audit Log File Formats"); and MariaDB's audit plugin, comma-separated (MariaDB
//! Server Documentation, "MariaDB Audit Plugin - Log Format").

use super::audit;
use crate::decode::Context;
use crate::defect::Defect;
use crate::event::{EventWriter, Kind, Span, TimePrecision};
use crate::number::{parse_i64, parse_u64};
use crate::products::fields::relate_span;
use crate::products::names::vendor_names;
use crate::products::{Detect, Product};
use crate::time::{Civil, Stamp, take_clock, take_iso};
use crate::wire::syslog::Header;
use crate::wire::xml::{self, Reader, Token};
use crate::{ecs, logsource, products, scan};

/// `mysql_audit_xml`.
pub(crate) static XML: Product = Product {
    name: "mysql_audit_xml",
    title: "MySQL audit log in XML",
    document: "MySQL 8.4 Reference Manual: Audit Log File Formats, new-style and old-style XML",
    namespace: "mysqlenterprise.audit",
    module: "mysql_enterprise",
    dataset: "mysql_enterprise.audit",
    names: NAMES,
    detect: &[Detect::Line("< \t", read_xml), Detect::Shape("<", read_xml)],
    ..Product::NONE
};

/// `mariadb_audit`.
pub(crate) static MARIADB: Product = Product {
    name: "mariadb_audit",
    title: "MariaDB Audit Plugin",
    document: "MariaDB Server Documentation: MariaDB Audit Plugin, log format",
    namespace: "mariadb.audit",
    module: "mariadb",
    dataset: "mariadb.audit",
    detect: &[Detect::Line("2", read_plugin), Detect::App(&["mysql-server_auditing"], read_plugin)],
    ..Product::NONE
};

vendor_names! {
    user = "USER";
    name = "NAME";
    timestamp = "TIMESTAMP";
    status = "STATUS";
    host = "HOST";
    ip = "IP";
    command = "COMMAND_CLASS";
    sql = "SQLTEXT";
    version = "MYSQL_VERSION";
    server_id = "SERVER_ID";
    os = "OS_VERSION";
    server_host = "server_host";
    connection = "connection_id";
    query = "query_id";
    operation = "operation";
    database = "database";
    object = "object";
    code = "return_code";
    @also
    "RECORD_ID" "CONNECTION_ID" "STATUS_CODE" "OS_LOGIN" "CONNECTION_TYPE" "PRIV_USER" "PROXY_USER" "DB" "VERSION"
    "STARTUP_OPTIONS" "TABLE" "OS_USER"
}

/// Most values of one record: the widest has some twenty.
const VALUES_MAX: usize = 64;

/// Reads a record of either style; `false` = it is none.
fn read_xml<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii();
    if !text.starts_with(b"<AUDIT_RECORD") {
        return false;
    }
    let mut reader = Reader::new(text);
    let Token::Open { name: b"AUDIT_RECORD", attributes, empty } = reader.next() else { return false };
    let core = writer.core();
    core.product = products::MYSQL_AUDIT_XML;
    core.log_source = logsource::MYSQL;
    for (name, raw) in xml::attributes(attributes).take(VALUES_MAX) {
        put_value(writer, context, name, raw);
    }
    if !empty && !read_elements(writer, context, &mut reader) {
        writer.defect(Defect::XmlMalformed);
    }
    put_record(writer, context);
    true
}

/// `<NAME>Query</NAME>…</AUDIT_RECORD>`; whether they end so.
fn read_elements<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, reader: &mut Reader<'a>) -> bool {
    let (mut open, mut content) = (&b""[..], &b""[..]);
    // Blanks between two elements are content too.
    for _ in 0..VALUES_MAX * 4 {
        match reader.next() {
            Token::Open { empty: true, .. } => {}
            Token::Open { name, .. } => (open, content) = (name, b""),
            Token::Content(text) => content = text,
            Token::Close { name: b"AUDIT_RECORD" } => return true,
            Token::Close { name } if name == open => {
                put_value(writer, context, name, content);
                (open, content) = (b"", b"");
            }
            Token::Close { .. } | Token::End | Token::Malformed => return false,
        }
    }
    false
}

fn put_value<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, name: &'a [u8], raw: &'a [u8]) {
    if raw.is_empty() {
        return;
    }
    let value = xml::text(writer, raw);
    match context.dictionary.find(name).filter(|id| id.index() >= ecs::COUNT) {
        Some(id) => writer.put_span(id, value, Kind::Text, true),
        None => {
            let name = writer.span_of(name);
            writer.put_unnamed(name, value, Kind::Text);
        }
    }
}

fn put_record(writer: &mut EventWriter<'_>, context: &Context<'_>) {
    let ids = ids();
    match writer.first(ids.timestamp).map(take_iso) {
        // `2026-03-02T08:00:00 UTC`
        Some(Some((mut stamp, _))) => {
            stamp.offset_s = stamp.offset_s.or(Some(0));
            context.set_stamp(writer, &stamp);
        }
        Some(None) => writer.defect(Defect::TimeUnreadable),
        None => {}
    }
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "database");
    if let Some((name, _)) = writer.first_span(ids.name) {
        put_action(writer, name);
    }
    match writer.first(ids.name) {
        Some(b"Connect") => put_connection(writer, "start"),
        Some(b"Quit") => put_connection(writer, "end"),
        Some(b"Audit" | b"NoAudit") => {}
        _ => writer.put_str(ecs::EVENT_TYPE, "access"),
    }
    match writer.first(ids.status).and_then(parse_i64) {
        Some(0) => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        Some(_) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        None => writer.put_str(ecs::EVENT_OUTCOME, "unknown"),
    }
    // `root[root] @ localhost [192.0.2.7]`
    if let Some((user, _)) = writer.first_span(ids.user) {
        let text = writer.bytes(user);
        let len = scan::until(text, b'[').min(scan::until(text, b' '));
        put_user(writer, user.part(0..len));
    }
    if let Some((host, _)) = writer.first_span(ids.host) {
        put_client(writer, host);
    }
    if let Some((ip, _)) = writer.first_span(ids.ip) {
        put_client(writer, ip);
    }
    for (from, to) in [
        (ids.sql, ecs::MESSAGE),
        (ids.version, ecs::SERVICE_VERSION),
        (ids.server_id, ecs::SERVICE_ID),
        (ids.os, ecs::HOST_OS_FULL),
    ] {
        crate::products::fields::copy(writer, from, to);
    }
    if let Some(change) = writer.first(ids.command).and_then(audit::account_change) {
        put_account(writer, change);
    }
}

fn put_action(writer: &mut EventWriter<'_>, name: Span) {
    /// `Prepare`, `Init DB`, `TableDelete`: the longest of MySQL's has twenty bytes.
    const NAME_BYTES_MAX: usize = 64;
    let text = writer.bytes(name);
    let mut action = [0; NAME_BYTES_MAX];
    let Some(action) = action.get_mut(..text.len()) else { return };
    action.copy_from_slice(text);
    action.make_ascii_lowercase();
    action.iter_mut().filter(|byte| matches!(byte, b' ' | b'_')).for_each(|byte| *byte = b'-');
    let from = writer.arena_start();
    writer.arena_push(b"mysql-");
    writer.arena_push(action);
    let action = writer.arena_end(from);
    writer.put_span(ecs::EVENT_ACTION, action, Kind::Text, false);
}

fn put_connection(writer: &mut EventWriter<'_>, kind: &'static str) {
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    for kind in ["access", "connection", kind] {
        writer.put_str(ecs::EVENT_TYPE, kind);
    }
}

fn put_account(writer: &mut EventWriter<'_>, change: &'static str) {
    writer.put_str(ecs::EVENT_CATEGORY, "iam");
    if !change.is_empty() {
        writer.put_str(ecs::EVENT_TYPE, "user");
        writer.put_str(ecs::EVENT_TYPE, change);
    }
}

fn put_user(writer: &mut EventWriter<'_>, user: Span) {
    if !user.is_empty() && writer.derives() {
        writer.put_span(ecs::USER_NAME, user, Kind::Text, false);
        writer.put_span(ecs::SERVER_USER_NAME, user, Kind::Text, false);
        relate_span(writer, user, ecs::RELATED_USER);
    }
}

/// An address, or a host's name.
fn put_client(writer: &mut EventWriter<'_>, client: Span) {
    if client.is_empty() || !writer.derives() {
        return;
    }
    if writer.put_if_ip(ecs::CLIENT_IP, client) {
        writer.put_if_ip(ecs::SOURCE_IP, client);
        relate_span(writer, client, ecs::RELATED_IP);
    } else {
        writer.put_span(ecs::CLIENT_DOMAIN, client, Kind::Text, false);
        relate_span(writer, client, ecs::RELATED_HOSTS);
    }
}

/// `[20260302 08:00:00,]server,user,host,connection,query,operation,database,object,code`; what is logged to syslog has no time.
fn read_plugin<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let (stamp, rest) = match take_stamp(text) {
        Some((stamp, rest)) => (Some(stamp), rest),
        None if !header.appname.is_empty() => (None, text),
        None => return false,
    };
    let mut cells = [&b""[..]; 7];
    let mut rest = rest;
    for cell in &mut cells {
        let Some(comma) = memchr::memchr(b',', rest) else { return false };
        (*cell, rest) = (&rest[..comma], &rest[comma + 1..]);
    }
    let [server, user, host, connection, query, operation, database] = cells;
    let Some(meaning) = meaning_of(operation) else { return false };
    if parse_u64(connection).is_none() {
        return false;
    }
    let Some(comma) = memchr::memrchr(b',', rest) else { return false };
    let (object, code) = (&rest[..comma], &rest[comma + 1..]);
    let ids = ids();
    let core = writer.core();
    core.product = products::MARIADB_AUDIT;
    core.log_source = logsource::MYSQL;
    if let Some(stamp) = stamp {
        context.set_stamp(writer, &stamp);
    }
    for (id, value) in [
        (ids.server_host, server),
        (ids.connection, connection),
        (ids.query, query),
        (ids.operation, operation),
        (ids.database, database),
        (ids.object, object),
        (ids.code, code),
    ] {
        if !value.is_empty() {
            writer.put_vendor(id, value);
        }
    }
    if stamp.is_some() && !server.is_empty() {
        writer.put(ecs::HOST_NAME, server);
    }
    let user = writer.span_of(user);
    put_user(writer, user);
    let host = writer.span_of(host);
    put_client(writer, host);
    let operation = writer.span_of(operation);
    put_action(writer, operation);
    if let Some(statement) = object.strip_prefix(b"'") {
        match statement.strip_suffix(b"'") {
            Some(statement) => put_statement(writer, statement),
            None => {
                writer.defect(Defect::UnbalancedQuote);
                writer.put(ecs::MESSAGE, statement);
            }
        }
    }
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "database");
    match meaning {
        Meaning::Session(kind) => {
            writer.put_str(ecs::EVENT_CATEGORY, "authentication");
            put_connection(writer, kind);
        }
        Meaning::Access(kind) => writer.put_str(ecs::EVENT_TYPE, kind),
    }
    match parse_u64(code) {
        Some(0) => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        Some(_) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        None => {}
    }
    true
}

/// The plugin writes `\'`, `\\`, `\n`, `\r` and `\t` where a statement has the byte.
fn put_statement(writer: &mut EventWriter<'_>, statement: &[u8]) {
    if memchr::memchr(b'\\', statement).is_none() {
        return writer.put(ecs::MESSAGE, statement);
    }
    let from = writer.arena_start();
    let mut rest = statement;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        writer.arena_push(&rest[..at]);
        let byte = match rest.get(at + 1) {
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(&byte) => byte,
            None => b'\\',
        };
        writer.arena_push(&[byte]);
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    writer.arena_push(rest);
    let statement = writer.arena_end(from);
    writer.put_span(ecs::MESSAGE, statement, Kind::Text, false);
}

enum Meaning {
    Session(&'static str),
    Access(&'static str),
}

fn meaning_of(operation: &[u8]) -> Option<Meaning> {
    Some(match operation {
        b"CONNECT" | b"FAILED_CONNECT" | b"PROXY_CONNECT" | b"CHANGEUSER" => Meaning::Session("start"),
        b"DISCONNECT" => Meaning::Session("end"),
        b"WRITE" | b"ALTER" | b"RENAME" => Meaning::Access("change"),
        b"CREATE" => Meaning::Access("creation"),
        b"DROP" => Meaning::Access("deletion"),
        b"READ" | b"QUERY" | b"QUERY_DDL" | b"QUERY_DML" | b"QUERY_DML_NO_SELECT" | b"QUERY_DCL" | b"TABLE" => {
            Meaning::Access("access")
        }
        _ => return None,
    })
}

/// `20260302 08:00:00,`
fn take_stamp(text: &[u8]) -> Option<(Stamp, &[u8])> {
    let (date, rest) = text.split_at_checked(8)?;
    let date = parse_u64(date)?;
    let (hour, minute, second, rest) = take_clock(rest.strip_prefix(b" ")?)?;
    let rest = rest.strip_prefix(b",")?;
    let part = |value: u64| u32::try_from(value).unwrap_or_default();
    let (month, day) = (part(date / 100 % 100), part(date % 100));
    let civil = Civil { year: (date / 10_000) as i64, month, day, hour, minute, second, nano: 0 };
    civil.is_valid().then_some((Stamp { civil, offset_s: None, precision: TimePrecision::Second }, rest))
}
