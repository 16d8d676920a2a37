//! GitLab's own logs as JSON: API, Rails production, application, authentication and audit (GitLab Docs, "Log system").

use super::fields::{copy, relate};
use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Row, Spec, put_constants};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::scan::find;
use crate::{ecs, products};

/// `gitlab`.
pub(crate) static PRODUCT: Product = Product {
    name: "gitlab",
    title: "GitLab",
    document: "GitLab Docs: Log system",
    namespace: "gitlab",
    module: "gitlab",
    dataset: "gitlab.application",
    names: NAMES,
    json: &[&REQUEST, &APPLICATION],
    detect: &[
        Detect::Members(&["time", "correlation_id", "db_count", "duration_s", "method"], read_request),
        Detect::Members(&["severity", "time", "correlation_id"], read_application),
        Detect::Members(&["severity", "time", "meta.caller_id"], read_application),
        Detect::Members(&["severity", "time", "pid", "worker_id"], read_application),
        Detect::Members(&["severity", "time", "message", "connection_name"], read_application),
    ],
    ..Product::NONE
};

vendor_names! {
    message = "message";
    controller = "controller";
    feature = "meta.feature_category";
    db_count = "db_count";
    severity = "severity";
    user = "meta.user";
    user_id = "meta.user_id";
    author = "author_name";
    env = "env";
    @also
    "duration_s" "db_duration_s" "view_duration_s" "cpu_s" "mem_bytes" "route" "worker_id" "meta.client_id"
    "meta.project" "meta.root_namespace" "meta.root_caller_id" "redis_calls" "redis_duration_s" "format" "params.key"
    "params.value" "request_urgency" "target_duration_s" "matched" "author_id" "entity_id" "entity_type" "target_id"
    "target_type" "target_details" "with" "queue_duration_s" "exception.class" "exception.message"
    "connection_name" "memwd_handler_class"
}

const REQUESTS: &[Row] = &[
    ("correlation_id", ecs::EVENT_ID, Text),
    ("action", ecs::EVENT_ACTION, Text),
    ("meta.caller_id", ecs::EVENT_PROVIDER, Text),
    ("duration_s", ecs::EVENT_DURATION, Duration(1_000_000_000)),
    ("severity", ecs::LOG_LEVEL, Text),
    ("method", ecs::HTTP_REQUEST_METHOD, Text),
    ("status", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
    ("path", ecs::URL_PATH, Text),
    ("host", ecs::URL_DOMAIN, Text),
    ("location", ecs::URL_FULL, Text),
    ("pid", ecs::PROCESS_PID, Number),
    ("worker_id", ecs::PROCESS_NAME, Text),
    ("meta.remote_ip", ecs::SOURCE_IP, Ip),
    ("remote_ip", ecs::SOURCE_IP, Ip),
    ("user_id", ecs::USER_ID, Text),
    ("meta.user_id", ecs::USER_ID, Text),
    ("username", ecs::USER_NAME, User),
    ("meta.user", ecs::USER_NAME, User),
    ("ua", ecs::USER_AGENT_ORIGINAL, Text),
];

static REQUEST: JsonTable = JsonTable::new(Spec {
    product: products::GITLAB,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_TYPE, "info")],
    time: &[("time", Clock::IsoUtc)],
    rows: REQUESTS,
    ..Spec::NONE
});

static APPLICATION: JsonTable = JsonTable::new(Spec {
    product: products::GITLAB,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_TYPE, "info")],
    time: &[("created_at", Clock::IsoUtc), ("time", Clock::IsoUtc)],
    rows: &[
        ("correlation_id", ecs::EVENT_ID, Text),
        ("meta.remote_ip", ecs::SOURCE_IP, Ip),
        ("remote_ip", ecs::SOURCE_IP, Ip),
        ("ip", ecs::SOURCE_IP, Ip),
        ("author_name", ecs::USER_NAME, User),
        ("author_id", ecs::USER_ID, Text),
        ("meta.user", ecs::USER_NAME, User),
        ("meta.user_id", ecs::USER_ID, Text),
        ("user_id", ecs::USER_ID, Text),
        ("pid", ecs::PROCESS_PID, Number),
        ("message", ecs::MESSAGE, Text),
        ("severity", ecs::LOG_LEVEL, Text),
        ("request_method", ecs::HTTP_REQUEST_METHOD, Text),
        ("status", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("path", ecs::URL_PATH, Text),
        ("exception.message", ecs::ERROR_MESSAGE, Text),
        ("exception.class", ecs::ERROR_TYPE, Text),
        (
            "severity",
            ecs::EVENT_SEVERITY,
            OnlyMeans(&[
                ("DEBUG", &[(ecs::EVENT_SEVERITY, "0")]),
                ("INFO", &[(ecs::EVENT_SEVERITY, "1")]),
                ("WARN", &[(ecs::EVENT_SEVERITY, "2")]),
                ("ERROR", &[(ecs::EVENT_SEVERITY, "3")]),
                ("FATAL", &[(ecs::EVENT_SEVERITY, "4")]),
                ("UNKNOWN", &[(ecs::EVENT_SEVERITY, "5")]),
            ]),
        ),
    ],
    ..Spec::NONE
});

/// A request to the API or to a Rails controller.
fn read_request(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    REQUEST.apply(writer, context);
    let queried = !matches!(writer.first(ids.db_count), None | Some(b"0"));
    let feature = writer.first(ids.feature).unwrap_or_default();
    let controller = writer.first(ids.controller).unwrap_or_default();
    if controller.is_empty() {
        writer.put_str(ecs::EVENT_DATASET, "gitlab.api");
        writer.put_str(ecs::EVENT_CATEGORY, "api");
        if queried {
            writer.put_str(ecs::EVENT_CATEGORY, "database");
        }
    } else if feature == b"system_access" || find(controller, b"Sessions").is_some() {
        writer.put_str(ecs::EVENT_CATEGORY, "authentication");
    } else {
        writer.put_str(ecs::EVENT_CATEGORY, if queried { "database" } else { "web" });
    }
    true
}

/// Texts that begin so, or end so, and what they tell of.
static TEXTS: &[(&[u8], Constants)] = &[
    (
        b"Successful Login:",
        &[(ecs::EVENT_CATEGORY, "authentication"), (ecs::EVENT_OUTCOME, "success"), (ecs::EVENT_TYPE, "info")],
    ),
    (
        b"Failed Login:",
        &[(ecs::EVENT_CATEGORY, "authentication"), (ecs::EVENT_OUTCOME, "failure"), (ecs::EVENT_TYPE, "info")],
    ),
];

/// A record of the application, of its authentication limits or of its audit.
fn read_application(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    // Words that GitLab writes and another's JSON with a time and a severity does not.
    if !matches!(writer.first(ids.severity), Some(b"DEBUG" | b"INFO" | b"WARN" | b"ERROR" | b"FATAL" | b"UNKNOWN")) {
        return false;
    }
    let message = writer.first(ids.message).unwrap_or_default();
    let web = writer.view().has(ids.author) || writer.view().has(ids.env);
    let told = TEXTS.iter().find(|(text, _)| message.starts_with(text)).map(|&(_, constants)| constants);
    let change = if find(message, b" created a new ").is_some() || message.ends_with(b" was created") {
        Some("creation")
    } else if message.ends_with(b" was deleted") {
        Some("deletion")
    } else {
        None
    };
    let silent = message.is_empty();
    let said = |field: &[u8]| -> Option<(usize, usize)> {
        let from = find(message, field)? + field.len();
        Some((from, from + message[from..].iter().take_while(|byte| !matches!(byte, b' ' | b',')).count()))
    };
    // `Successful Login: username=root ip=192.0.2.1 method=standard admin=true`
    let named = [(&b"username="[..], ecs::USER_NAME), (b" ip=", ecs::SOURCE_IP)].map(|(field, to)| (said(field), to));
    let text = writer.first_span(ids.message).map(|(span, _)| span);
    APPLICATION.apply(writer, context);
    match told {
        Some(constants) => put_constants(writer, constants),
        None if web => writer.put_str(ecs::EVENT_CATEGORY, "web"),
        None if silent => {}
        None => writer.put_str(ecs::EVENT_CATEGORY, "configuration"),
    }
    if let Some(change) = change {
        writer.put_str(ecs::EVENT_TYPE, change);
    }
    for (range, to) in named {
        if let (Some((from, end)), Some(text)) = (range, text) {
            put_said(writer, text.part(from..end), to);
        }
    }
    for (from, address) in [(ecs::SOURCE_IP, ecs::SOURCE_ADDRESS), (ecs::SOURCE_IP, ecs::CLIENT_IP)] {
        copy(writer, from, address);
    }
    copy(writer, ecs::SOURCE_IP, ecs::CLIENT_ADDRESS);
    relate(writer, ids.user_id, ecs::RELATED_USER);
    relate(writer, ids.user, ecs::RELATED_USER);
    true
}

fn put_said(writer: &mut EventWriter<'_>, value: crate::event::Span, to: FieldId) {
    if value.is_empty() || writer.first(to).is_some() {
        return;
    }
    if to == ecs::SOURCE_IP {
        writer.put_if_ip(to, value);
        relate(writer, to, ecs::RELATED_IP);
    } else {
        writer.put_span(to, value, Kind::Text, false);
        relate(writer, to, ecs::RELATED_USER);
    }
}
