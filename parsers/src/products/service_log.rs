//! Logs of services in the layouts of their logging libraries: Kafka, RabbitMQ, ActiveMQ, Keycloak and WildFly.
//!
//! A stamp, a level, who speaks, and the text, in the places that each product's default configuration gives them
//! (Kafka `log4j.properties`; RabbitMQ "Logging", default text format; ActiveMQ `log4j2.properties`; WildFly and Keycloak
//! "Configuring logging", default pattern).

use super::fields::{put_lower, relate, relate_span};
use super::names::vendor_names;
use super::text::{split, split_last, word};
use super::{Detect, Product, url};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::logsource::ProductId;
use crate::time::{Stamp, take_iso};
use crate::wire::syslog::Header;
use crate::{ecs, products};

/// `kafka`.
pub(crate) static KAFKA: Product = Product {
    name: "kafka",
    title: "Apache Kafka and ZooKeeper",
    document: "Apache Kafka: config/log4j.properties",
    namespace: "kafka.log",
    module: "kafka",
    dataset: "kafka.log",
    names: NAMES,
    detect: &[Detect::Line("[", read_kafka), Detect::Shape("[", read_kafka)],
    ..Product::NONE
};

/// `rabbitmq`.
pub(crate) static RABBITMQ: Product = Product {
    name: "rabbitmq",
    title: "RabbitMQ",
    document: "RabbitMQ: Logging, text format",
    namespace: "rabbitmq.log",
    module: "rabbitmq",
    dataset: "rabbitmq.log",
    detect: &[Detect::Line("0123456789", read_rabbitmq)],
    ..Product::NONE
};

/// `activemq`.
pub(crate) static ACTIVEMQ: Product = Product {
    name: "activemq",
    title: "Apache ActiveMQ",
    document: "Apache ActiveMQ: conf/log4j2.properties",
    namespace: "activemq.log",
    module: "activemq",
    dataset: "activemq.log",
    detect: &[Detect::Line("0123456789TDIWEF", read_activemq)],
    ..Product::NONE
};

/// `keycloak`.
pub(crate) static KEYCLOAK: Product = Product {
    name: "keycloak",
    title: "Keycloak and WildFly",
    document: "Keycloak Server Guide: Configuring logging; Server Administration Guide: auditing; WildFly logging",
    namespace: "keycloak",
    module: "keycloak",
    dataset: "keycloak.log",
    detect: &[Detect::Line("0123456789", read_keycloak)],
    ..Product::NONE
};

vendor_names! {
    class = "class";
    component = "component";
    pid = "pid";
    caller = "caller";
    thread = "thread";
    event_type = "event_type";
    redirect = "login.redirect_uri";
    login_type = "login.type";
    operation = "admin.operation";
    resource_type = "admin.resource.type";
    resource_path = "admin.resource.path";
    @also
    "realm.id" "client.id" "login.auth_method" "login.auth_type" "login.code_id" "login.auth_session_parent_id" "login.auth_session_tab_id"
}

/// The levels of Java's and Erlang's libraries.
fn is_level(word: &[u8]) -> bool {
    [
        &b"TRACE"[..],
        b"DEBUG",
        b"INFO",
        b"WARN",
        b"WARNING",
        b"ERROR",
        b"FATAL",
        b"NOTICE",
        b"CRITICAL",
        b"ALERT",
        b"EMERGENCY",
    ]
    .iter()
    .any(|level| word.eq_ignore_ascii_case(level))
}

/// The class of Java that logs: dotted, no blanks.
fn is_class(text: &[u8]) -> bool {
    text.contains(&b'.') && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$'))
}

/// What is said of every record: whose it is, when, how grave.
fn begin<'a>(
    writer: &mut EventWriter<'a>,
    context: &Context<'_>,
    product: ProductId,
    stamp: Option<&Stamp>,
    level: &'a [u8],
    message: &'a [u8],
) {
    writer.core().product = product;
    if let Some(stamp) = stamp {
        context.set_stamp(writer, stamp);
    }
    let level = writer.span_of(level);
    put_lower(writer, ecs::LOG_LEVEL, level);
    if !message.is_empty() {
        writer.put(ecs::MESSAGE, message);
    }
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_TYPE, "info");
}

/// `[stamp] LEVEL [component] text (class)`.
fn read_kafka<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let Some(text) = header.message.strip_prefix(b"[") else { return false };
    let Some((stamp, rest)) = take_iso(text) else { return false };
    let Some(rest) = rest.strip_prefix(b"] ") else { return false };
    if let Some(rest) = rest.strip_prefix(b"[") {
        return read_bracketed(writer, context, &stamp, rest);
    }
    let (level, rest) = word(rest);
    let Some((body, class)) = rest.trim_ascii_end().strip_suffix(b")").and_then(|rest| split_last(rest, b"(")) else {
        return false;
    };
    if !is_level(level) || !is_class(class) {
        return false;
    }
    is_kafka(class) && put_kafka(writer, context, &stamp, level, class, body)
}

/// The layout is log4j's own; the classes are Kafka's.
fn is_kafka(class: &[u8]) -> bool {
    [&b"kafka."[..], b"org.apache.kafka.", b"org.apache.zookeeper.", b"org.I0Itec.zkclient."]
        .iter()
        .any(|package| class.starts_with(package))
        || class == b"state.change.logger"
}

/// `LEVEL ] [thread] [class] - [component] text`, as distributions have it.
fn read_bracketed<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, stamp: &Stamp, text: &'a [u8]) -> bool {
    let Some((level, rest)) = split(text, b"] [") else { return false };
    let Some((thread, rest)) = split(rest, b"] [") else { return false };
    let Some((class, body)) = split(rest, b"] - ") else { return false };
    let level = level.trim_ascii();
    if !is_level(level) || !is_kafka(class) {
        return false;
    }
    put_kafka(writer, context, stamp, level, class, body);
    writer.put(ecs::PROCESS_THREAD_NAME, thread);
    true
}

fn put_kafka<'a>(
    writer: &mut EventWriter<'a>,
    context: &Context<'_>,
    stamp: &Stamp,
    level: &'a [u8],
    class: &'a [u8],
    body: &'a [u8],
) -> bool {
    let component = body.strip_prefix(b"[").and_then(|body| split(body, b"]"));
    let (component, body) = match component {
        Some((component, [b':' | b',', after @ ..])) => (component, after),
        Some((component, after)) => (component, after),
        None => (&b"unknown"[..], body),
    };
    begin(writer, context, products::KAFKA, Some(stamp), level, body.trim_ascii());
    writer.put_vendor(ids().class, class);
    writer.put_vendor(ids().component, component);
    writer.put(ecs::LOG_LOGGER, class);
    true
}

/// `stamp [level] <0.229.0> text`.
fn read_rabbitmq<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let Some((stamp, rest)) = take_iso(header.message) else { return false };
    let Some((level, rest)) = rest.strip_prefix(b" [").and_then(|rest| split(rest, b"] ")) else { return false };
    let (pid, text) = word(rest);
    let of_pid = pid.strip_prefix(b"<").and_then(|pid| pid.strip_suffix(b">"));
    let numbered =
        of_pid.is_some_and(|pid| !pid.is_empty() && pid.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.'));
    if !is_level(level) || !numbered {
        return false;
    }
    begin(writer, context, products::RABBITMQ, Some(&stamp), level, text);
    writer.put_vendor(ids().pid, pid);
    true
}

/// `stamp | LEVEL | text | class | thread`, and of the audit `stamp | LEVEL | user called … | thread` with the stamp left out
/// by older versions.
fn read_activemq<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let (stamp, rest) = match take_iso(header.message) {
        Some((stamp, rest)) => {
            let Some(rest) = rest.strip_prefix(b" | ") else { return false };
            (Some(stamp), rest)
        }
        None => (None, header.message),
    };
    let Some((level, rest)) = split(rest, b"|") else { return false };
    let level = level.trim_ascii();
    let Some((rest, thread)) = split_last(rest.trim_ascii(), b" | ") else { return false };
    if !is_level(level) {
        return false;
    }
    let by = ids();
    // The audit names who did it first.
    let (who, told) = word(rest);
    let audited = told.starts_with(b"called ") || told.starts_with(b"requested ");
    if audited && split_last(rest, b" | ").is_none() {
        begin(writer, context, products::ACTIVEMQ, stamp.as_ref(), level, told);
        writer.put_str(ecs::EVENT_DATASET, "activemq.audit");
        let user = writer.span_of(who);
        writer.put_span(ecs::USER_NAME, user, Kind::Text, false);
        relate_span(writer, user, ecs::RELATED_USER);
        let from = split_last(told, b" from ").map(|(_, from)| word(from).0);
        if let Some(from) = from.filter(|from| crate::ip::parse(from).is_some()) {
            writer.put_ip(ecs::SOURCE_IP, from);
            relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
        }
        writer.put_vendor(by.thread, thread);
        return true;
    }
    let Some((text, caller)) = split_last(rest, b" | ") else { return false };
    if stamp.is_none() {
        return false;
    }
    begin(writer, context, products::ACTIVEMQ, stamp.as_ref(), level, text.trim_ascii());
    writer.put_vendor(by.caller, caller);
    writer.put_vendor(by.thread, thread);
    true
}

/// The members of a Keycloak event, and the names they take.
static EVENT_KEYS: &[(&[u8], Option<FieldId>, &str)] = &[
    (b"type", None, "login.type"),
    (b"operationType", None, "admin.operation"),
    (b"realmId", None, "realm.id"),
    (b"clientId", None, "client.id"),
    (b"userId", Some(ecs::USER_ID), ""),
    (b"username", Some(ecs::USER_NAME), ""),
    (b"ipAddress", Some(ecs::SOURCE_ADDRESS), ""),
    (b"error", Some(ecs::EVENT_CODE), ""),
    (b"resourceType", None, "admin.resource.type"),
    (b"resourcePath", None, "admin.resource.path"),
    (b"redirect_uri", None, "login.redirect_uri"),
    (b"auth_method", None, "login.auth_method"),
    (b"auth_type", None, "login.auth_type"),
    (b"code_id", None, "login.code_id"),
    (b"authSessionParentId", None, "login.auth_session_parent_id"),
    (b"authSessionTabId", None, "login.auth_session_tab_id"),
];

/// `stamp LEVEL  [class] (thread) text`: the text of an event is `type=…, realmId=…`, since version 21 with quotes.
fn read_keycloak<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let Some((stamp, rest)) = take_iso(header.message) else { return false };
    let Some(rest) = rest.strip_prefix(b" ") else { return false };
    let (level, rest) = word(rest);
    let Some((class, rest)) = rest.strip_prefix(b"[").and_then(|rest| split(rest, b"] (")) else { return false };
    let Some((thread, text)) = split(rest, b") ") else { return false };
    if !is_level(level) || !is_class(class) {
        return false;
    }
    let event = class == b"org.keycloak.events";
    begin(writer, context, products::KEYCLOAK, Some(&stamp), level, if event { b"" } else { text });
    writer.put(ecs::LOG_LOGGER, class);
    writer.put(ecs::PROCESS_THREAD_NAME, thread);
    if event {
        put_event(writer, text);
    }
    true
}

fn put_event<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let mut rest = text;
    while let Some((key, after)) = split(rest, b"=") {
        let quoted = after.strip_prefix(b"\"");
        let (value, next) = match quoted {
            Some(after) => split(after, b"\"").unwrap_or_else(|| {
                writer.defect(Defect::UnbalancedQuote);
                (after, b"")
            }),
            // A comma within a value is one that no key follows; values of events hold none.
            None => split(after, b", ").unwrap_or((after, b"")),
        };
        rest = next.strip_prefix(b", ").unwrap_or(next);
        if matches!(value, b"" | b"null") {
            continue;
        }
        let span = writer.span_of(value);
        match EVENT_KEYS.iter().find(|row| row.0 == key) {
            Some((_, Some(id), _)) => writer.put_span(*id, span, Kind::Text, false),
            Some((_, None, name)) => {
                writer.put_span(crate::products::names::id_of(name), span, Kind::Text, true);
            }
            None => {
                let name = writer.span_of(key);
                writer.put_unnamed(name, span, Kind::Text);
            }
        }
    }
    put_event_meaning(writer);
}

fn put_event_meaning(writer: &mut EventWriter<'_>) {
    let by = ids();
    if let Some((address, _)) = writer.first_span(ecs::SOURCE_ADDRESS) {
        if writer.put_if_ip(ecs::SOURCE_IP, address) {
            relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
        }
    }
    relate(writer, ecs::USER_ID, ecs::RELATED_USER);
    relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
    if let Some((operation, _)) = writer.first_span(by.operation) {
        put_admin(writer, operation);
        return;
    }
    writer.put_str(ecs::EVENT_CATEGORY, "authentication");
    let Some((action, _)) = writer.first_span(by.login_type) else { return };
    writer.put_span(ecs::EVENT_ACTION, action, Kind::Text, false);
    writer.put_str_vendor(by.event_type, "login");
    let (kind, outcome) = match writer.bytes(action) {
        b"LOGIN" => (Some("start"), "success"),
        b"LOGOUT" => (Some("end"), "success"),
        other if other.ends_with(b"_ERROR") => (None, "failure"),
        _ => (None, "success"),
    };
    if let Some(kind) = kind {
        writer.put_str(ecs::EVENT_TYPE, kind);
    }
    writer.put_str(ecs::EVENT_OUTCOME, outcome);
    if let Some((uri, _)) = writer.first_span(by.redirect) {
        url::put(writer, uri);
        relate(writer, ecs::URL_DOMAIN, ecs::RELATED_HOSTS);
    }
}

/// An administrator's change: `CREATE` of a `USER`.
fn put_admin(writer: &mut EventWriter<'_>, operation: Span) {
    let by = ids();
    writer.put_str(ecs::EVENT_CATEGORY, "iam");
    writer.put_str(ecs::EVENT_TYPE, "admin");
    writer.put_str_vendor(by.event_type, "admin");
    match writer.bytes(operation) {
        b"CREATE" => writer.put_str(ecs::EVENT_TYPE, "creation"),
        b"UPDATE" | b"ACTION" => writer.put_str(ecs::EVENT_TYPE, "change"),
        b"DELETE" => writer.put_str(ecs::EVENT_TYPE, "deletion"),
        _ => {}
    }
    let Some((resource, _)) = writer.first_span(by.resource_type) else { return };
    let from = writer.arena_start();
    writer.arena_push_span(operation);
    writer.arena_push(b"-");
    writer.arena_push_span(resource);
    let action = writer.arena_end(from);
    writer.put_span(ecs::EVENT_ACTION, action, Kind::Text, false);
    writer.put_span(ecs::EVENT_CODE, action, Kind::Text, false);
    let Some((path, _)) = writer.first_span(by.resource_path) else { return };
    let text = writer.bytes(path);
    let (kind, id) = match split(text, b"/") {
        Some((kind, id)) => (kind, id),
        None => return,
    };
    let end = crate::scan::until(id, b'/');
    let at = kind.len() + 1;
    let (user, group) = (kind == b"users", kind == b"groups");
    let id = path.part(at..at + end);
    if user {
        writer.put_span(ecs::USER_TARGET_ID, id, Kind::Text, false);
        relate_span(writer, id, ecs::RELATED_USER);
    } else if group {
        writer.put_span(ecs::GROUP_ID, id, Kind::Text, false);
    }
}
