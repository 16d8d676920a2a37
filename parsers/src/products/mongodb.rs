//! MongoDB: the server log in text (before 4.4) and JSON (since 4.4), and the audit log of Enterprise and Atlas.

use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::{EVENT_CATEGORY, EVENT_KIND, EVENT_TYPE};
use crate::event::EventWriter;
use crate::time::take_iso;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `mongodb`.
pub(crate) static PRODUCT: Product = Product {
    name: "mongodb",
    title: "MongoDB log and audit log",
    document: "MongoDB Manual: Log Messages; System Event Audit Messages",
    namespace: "mongodb.log",
    module: "mongodb",
    dataset: "mongodb.log",
    names: NAMES,
    json: &[&LOG, &AUDIT],
    detect: &[
        Detect::Line("0123456789", decode),
        Detect::Members(&["t.$date", "s", "c", "msg"], read_log),
        Detect::Members(&["atype", "ts.$date"], read_audit),
        Detect::App(&["mongod", "mongos", "mongod.27017"], decode_syslog),
    ],
    ..Product::NONE
};

vendor_names! {
    component = "component";
    context = "context";
    result = "result";
    @also
    "s" "c" "ctx" "id" "msg" "attr" "svc" "attr.client" "attr.connectionId" "attr.connectionCount" "attr.uuid"
    "attr.mechanism" "attr.error" "attr.command" "attr.durationMillis" "attr.planSummary" "local.port" "users.db"
    "roles.db" "roles.role" "uuid.$binary" "param.ns" "param.command" "param.args" "param.db" "param.mechanism"
    "param.roles" "param.customData" "t.$date" "ts.$date"
}

/// The severity letters of the text and JSON forms; `D` stands with its level.
fn is_severity(text: &[u8]) -> bool {
    matches!(text, [b'F' | b'E' | b'W' | b'I' | b'D' | b'-'] | [b'D', b'1'..=b'5'])
}

/// `timestamp severity component [context] message`; `false` = it is none.
fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    if text.get(10) != Some(&b'T') {
        return false;
    }
    let Some((stamp, rest)) = take_iso(text) else { return false };
    if !entry(writer, rest.trim_ascii_start()) {
        return false;
    }
    context.set_stamp(writer, &stamp);
    true
}

/// As [`decode`] behind a syslog header, which has the time.
fn decode_syslog<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    decode(writer, context, header) || entry(writer, header.message.trim_ascii_end())
}

fn entry<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let token = |text: &'a [u8]| -> Option<(&'a [u8], &'a [u8])> {
        let end = memchr::memchr(b' ', text)?;
        Some((&text[..end], text[end..].trim_ascii_start()))
    };
    let Some((severity, rest)) = token(text).filter(|(severity, _)| is_severity(severity)) else { return false };
    let Some((component, rest)) = token(rest) else { return false };
    let named = component == b"-" || component.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    let Some(inner) = rest.strip_prefix(b"[").filter(|_| named && component.len() <= 24) else { return false };
    let Some(end) = memchr::memchr(b']', inner) else { return false };
    let core = writer.core();
    core.product = products::MONGODB;
    core.log_source = logsource::MONGODB;
    writer.put(ecs::LOG_LEVEL, severity);
    writer.put_vendor(ids().component, component);
    writer.put_vendor(ids().context, &inner[..end]);
    let message = inner[end + 1..].trim_ascii_start();
    writer.put(ecs::MESSAGE, message);
    put_taxonomy(writer, matches!(severity, b"E" | b"F"));
    true
}

fn put_taxonomy(writer: &mut EventWriter<'_>, error: bool) {
    writer.put_str(EVENT_KIND, "event");
    writer.put_str(EVENT_CATEGORY, "database");
    writer.put_str(EVENT_TYPE, if error { "error" } else { "info" });
}

static LOG: JsonTable = JsonTable::new(Spec {
    product: products::MONGODB,
    log_source: logsource::MONGODB,
    time: &[("t.$date", Clock::IsoUtc)],
    rows: &[
        ("s", ecs::LOG_LEVEL, Text),
        ("msg", ecs::MESSAGE, Text),
        ("attr.remote", ecs::SOURCE_IP, IpPort(ecs::SOURCE_PORT)),
        ("attr.principalName", ecs::USER_NAME, User),
        ("attr.user.user", ecs::USER_NAME, User),
        ("attr.error", ecs::ERROR_MESSAGE, Text),
        ("attr.durationMillis", ecs::EVENT_DURATION, Duration(1_000_000)),
    ],
    ..Spec::NONE
});

fn read_log(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    LOG.apply(writer, context);
    let error = matches!(writer.first(ecs::LOG_LEVEL), Some(b"E" | b"F"));
    put_taxonomy(writer, error);
    true
}

/// What the audited actions are, by the manual's table of them.
const ACTIONS: &[(&str, super::json_table::Constants)] = &[
    ("authenticate", &[(EVENT_CATEGORY, "authentication"), (EVENT_TYPE, "start")]),
    ("logout", &[(EVENT_CATEGORY, "authentication"), (EVENT_TYPE, "end")]),
    ("clientMetadata", &[(EVENT_CATEGORY, "network"), (EVENT_TYPE, "connection")]),
    ("authCheck", &[(EVENT_CATEGORY, "database"), (EVENT_TYPE, "access")]),
    ("createUser", &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "user"), (EVENT_TYPE, "creation")]),
    ("updateUser", &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "user"), (EVENT_TYPE, "change")]),
    ("dropUser", &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "user"), (EVENT_TYPE, "deletion")]),
    ("dropAllUsersFromDatabase", &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "user"), (EVENT_TYPE, "deletion")]),
    ("grantRolesToUser", &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "user"), (EVENT_TYPE, "change")]),
    ("revokeRolesFromUser", &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "user"), (EVENT_TYPE, "change")]),
    ("createRole", &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "creation")]),
    ("updateRole", &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "change")]),
    ("dropRole", &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "deletion")]),
    ("createCollection", &[(EVENT_CATEGORY, "database"), (EVENT_TYPE, "creation")]),
    ("createDatabase", &[(EVENT_CATEGORY, "database"), (EVENT_TYPE, "creation")]),
    ("createIndex", &[(EVENT_CATEGORY, "database"), (EVENT_TYPE, "creation")]),
    ("dropCollection", &[(EVENT_CATEGORY, "database"), (EVENT_TYPE, "deletion")]),
    ("dropDatabase", &[(EVENT_CATEGORY, "database"), (EVENT_TYPE, "deletion")]),
    ("dropIndex", &[(EVENT_CATEGORY, "database"), (EVENT_TYPE, "deletion")]),
    ("shutdown", &[(EVENT_CATEGORY, "process"), (EVENT_TYPE, "end")]),
    ("startup", &[(EVENT_CATEGORY, "process"), (EVENT_TYPE, "start")]),
];

static AUDIT: JsonTable = JsonTable::new(Spec {
    product: products::MONGODB,
    log_source: logsource::MONGODB_AUDIT,
    constants: &[(EVENT_KIND, "event"), (ecs::EVENT_DATASET, "mongodb.audit")],
    time: &[("ts.$date", Clock::IsoUtc)],
    rows: &[
        ("atype", ecs::EVENT_ACTION, Means(ACTIONS)),
        ("remote.ip", ecs::SOURCE_IP, Ip),
        ("remote.port", ecs::SOURCE_PORT, Port),
        ("local.ip", ecs::DESTINATION_IP, Ip),
        ("local.port", ecs::DESTINATION_PORT, Port),
        ("users.user", ecs::USER_NAME, User),
        ("param.user", ecs::USER_NAME, User),
        ("param.user", ecs::RELATED_USER, Set),
        ("result", ecs::ERROR_CODE, Text),
    ],
    ..Spec::NONE
});

fn read_audit(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    AUDIT.apply(writer, context);
    match writer.first(ids().result) {
        Some(b"0") => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        Some(_) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        None => {}
    }
    true
}
