//! Requests in the manner of Elasticsearch: `_bulk`, and what shippers ask before they send ("Bulk index or delete documents" and the info,
//! licence and template APIs in Elastic's reference). Also plain lines.
//!
//! Records are added, never changed: `create` and `index` are one, `update` and `delete` are refused item by item. What shippers
//! set up (templates, pipelines, policies) is accepted and means nothing here.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use noroshi_parsers::frame::{BulkAction, BulkItem, BulkItems, JsonText};
use serde_json::{Value, json};

use crate::batch::{Origin, Said};
use crate::body::{BodyFault, RATIO_MAX};
use crate::handover::Parcel;
use crate::http::{BATCH_HEADER, Dialect, Refused, Reply, Taken, parameter};
use crate::receipt::PRODUCER_BYTES_MAX;
use crate::tokens::Refusal;

/// The version told to shippers. They go by it which requests they may make; of this one every shipper of the last years
/// sends bulk requests without types.
const VERSION: &str = "8.11.0";

/// Longest index name (Elasticsearch's own bound).
const INDEX_BYTES_MAX: usize = 255;

fn reply(status: StatusCode, body: String) -> Reply {
    Reply { status, body, dialect: Dialect::Elastic }
}

/// An error as Elasticsearch tells it.
fn error(status: StatusCode, kind: &str, reason: &str) -> Reply {
    let cause = json!({"type": kind, "reason": reason});
    let body = json!({"error": {"root_cause": [cause], "type": kind, "reason": reason}, "status": status.as_u16()});
    reply(status, body.to_string())
}

/// `/_bulk`, `/INDEX/_bulk`, and with a type as older shippers send.
pub(crate) fn is_bulk(path: &str) -> bool {
    path.strip_suffix("/_bulk").is_some_and(|before| before.matches('/').count() <= 2)
}

/// The index in the path of a bulk request.
fn index_of(path: &str) -> Option<&str> {
    path.strip_prefix('/')?.split_once('/').map(|(index, _)| index)
}

/// The items of a bulk request: each document a record, byte for byte.
pub(crate) fn items(taken: &Taken<'_>, parcel: &mut Parcel<'_>) -> Result<Reply, Reply> {
    let filter = parameter(taken.query, "filter_path").unwrap_or_default();
    // Asked for errors and states alone, the answer is a fifth as long.
    let brief = filter.contains("items.*.status");
    let default = index_of(taken.path).map(str::as_bytes);
    let mut last: Option<(Vec<u8>, Arc<Origin>)> = None;
    let mut body = String::with_capacity(64 + taken.body.len() / 8);
    body.push_str("{\"took\":0,\"errors\":     ,\"items\":[");
    let errors_at = "{\"took\":0,\"errors\":".len();
    let (mut first, mut errors) = (true, false);
    for item in BulkItems::new(taken.body) {
        let item = item.map_err(|fault| {
            let reason = format!("Malformed action/metadata line [{}], expected {}", fault.line, fault.expected);
            error(StatusCode::BAD_REQUEST, "illegal_argument_exception", &reason)
        })?;
        let BulkItem { action, index, id, source } = item;
        let index = index.map(|index| index.text()).or_else(|| default.map(Into::into)).unwrap_or_default();
        if !std::mem::take(&mut first) {
            body.push(',');
        }
        let fault = match action {
            _ if index.len() > INDEX_BYTES_MAX => Some("invalid_index_name_exception"),
            BulkAction::Update | BulkAction::Delete => Some("illegal_argument_exception"),
            BulkAction::Create | BulkAction::Index if source.is_empty() => Some("document_parsing_exception"),
            BulkAction::Create | BulkAction::Index => None,
        };
        errors |= fault.is_some();
        tell(&mut body, action, brief, &index, id, fault);
        if fault.is_some() {
            continue;
        }
        let origin = match &last {
            Some((other, origin)) if **other == *index => Arc::clone(origin),
            _ => {
                let named = (!index.is_empty()).then(|| String::from_utf8_lossy(&index).into());
                let origin = taken.sender.origin(Said { index: named, ..Said::default() });
                last = Some((index.into_owned(), Arc::clone(&origin)));
                origin
            }
        };
        parcel.add(source, &origin, 0);
    }
    if first {
        return Err(error(StatusCode::BAD_REQUEST, "parse_exception", "request body is required"));
    }
    body.push_str("]}");
    body.replace_range(errors_at..errors_at + 5, if errors { "true " } else { "false" });
    Ok(reply(StatusCode::OK, body))
}

/// Appends what became of an item.
fn tell(
    body: &mut String,
    action: BulkAction,
    brief: bool,
    index: &[u8],
    id: Option<JsonText<'_>>,
    fault: Option<&str>,
) {
    use std::fmt::Write as _;
    let _ = write!(body, "{{\"{}\":{{", action.name());
    if !brief {
        let text = |bytes: &[u8]| Value::from(String::from_utf8_lossy(bytes)).to_string();
        let _ = write!(body, "\"_index\":{},", text(index));
        if let Some(id) = id {
            let _ = write!(body, "\"_id\":{},", text(&id.text()));
        }
    }
    let _ = match fault {
        None if brief => write!(body, "\"status\":201}}}}"),
        None => write!(body, "\"result\":\"created\",\"status\":201}}}}"),
        Some(kind) => {
            let reason = match kind {
                "document_parsing_exception" => "the document is empty",
                "invalid_index_name_exception" => "the name of the index is too long",
                _ => "records are added, never changed: only create and index are taken",
            };
            write!(body, "\"status\":400,\"error\":{{\"type\":\"{kind}\",\"reason\":\"{reason}\"}}}}}}")
        }
    };
}

/// Lines as they come, each a record.
pub(crate) fn lines(taken: &Taken<'_>, parcel: &mut Parcel<'_>) -> Result<Reply, Reply> {
    let origin = taken.sender.origin(Said::default());
    parcel.lines(taken.body, &origin, 0);
    Ok(reply(StatusCode::OK, json!({"records": parcel.records()}).to_string()))
}

/// What shippers ask and set up.
pub(crate) fn other(method: &Method, path: &str) -> Reply {
    let reads = method == Method::GET || method == Method::HEAD;
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let body = match first {
        "" if reads => json!({
            "name": "noroshi",
            "cluster_name": "noroshi",
            "cluster_uuid": "noroshi",
            "version": {
                "number": VERSION,
                "build_flavor": "default",
                "lucene_version": "9.8.0",
                "minimum_wire_compatibility_version": "7.17.0",
                "minimum_index_compatibility_version": "7.0.0",
            },
            "tagline": "You Know, for Search",
        }),
        "_license" if reads => {
            json!({"license": {"status": "active", "uid": "noroshi", "type": "basic", "mode": "basic"}})
        }
        "_xpack" if reads => json!({
            "license": {"status": "active", "uid": "noroshi", "type": "basic", "mode": "basic"},
            "features": {"ilm": {"available": true, "enabled": true}, "security": {"available": true, "enabled": true}},
        }),
        "_cluster" if reads => {
            json!({"cluster_name": "noroshi", "status": "green", "timed_out": false, "number_of_nodes": 1})
        }
        "_nodes" if reads => json!({"cluster_name": "noroshi", "nodes": {}}),
        // Already there, whatever it is; a shipper that finds it sets nothing up.
        "_index_template"
        | "_component_template"
        | "_template"
        | "_ilm"
        | "_ingest"
        | "_data_stream"
        | "_alias"
        | "_cat"
            if reads =>
        {
            json!({})
        }
        "_index_template" | "_component_template" | "_template" | "_ilm" | "_ingest" | "_data_stream" | "_alias" => {
            json!({"acknowledged": true})
        }
        _ if reads => {
            return error(StatusCode::NOT_FOUND, "index_not_found_exception", "nothing is served here but _bulk");
        }
        _ => {
            let reason = "send records to /_bulk, /services/collector or, line by line, to /";
            return error(StatusCode::METHOD_NOT_ALLOWED, "illegal_argument_exception", reason);
        }
    };
    reply(StatusCode::OK, body.to_string())
}

pub(crate) fn refusal(refused: &Refused) -> Reply {
    use StatusCode as S;
    let number = format!(
        "{BATCH_HEADER}: PRODUCER/SEQUENCE, a name of up to {PRODUCER_BYTES_MAX} characters and a whole number"
    );
    let bomb = format!("unpacks to more than {RATIO_MAX} times its length");
    let (status, kind, reason): (S, &str, &str) = match refused {
        Refused::Token(Refusal::Missing) => {
            (S::UNAUTHORIZED, "security_exception", "missing authentication credentials")
        }
        Refused::Token(Refusal::Unreadable) => {
            (S::UNAUTHORIZED, "security_exception", "unable to read the credentials")
        }
        Refused::Token(Refusal::Unknown) => (S::FORBIDDEN, "security_exception", "the token is not known here"),
        Refused::Body(BodyFault::NoRoom) => {
            (S::TOO_MANY_REQUESTS, "es_rejected_execution_exception", "too much is in flight; come again")
        }
        Refused::Busy => {
            (S::TOO_MANY_REQUESTS, "es_rejected_execution_exception", "a batch of this producer is on its way")
        }
        Refused::Stopping => (S::SERVICE_UNAVAILABLE, "unavailable", "shutting down"),
        Refused::NotKept(reason) => (S::SERVICE_UNAVAILABLE, "unavailable", reason),
        Refused::NotKeptYet => (S::SERVICE_UNAVAILABLE, "unavailable", "not kept in time"),
        Refused::Encoding => {
            (S::UNSUPPORTED_MEDIA_TYPE, "illegal_argument_exception", "Content-Encoding is gzip, deflate, zstd or none")
        }
        Refused::Number => (S::BAD_REQUEST, "illegal_argument_exception", &number),
        Refused::Body(BodyFault::TooLong) => {
            (S::PAYLOAD_TOO_LARGE, "content_too_long_exception", "the body is longer than body_bytes_max")
        }
        Refused::Body(BodyFault::Bomb) => (S::PAYLOAD_TOO_LARGE, "content_too_long_exception", &bomb),
        Refused::Body(BodyFault::Damaged(reason)) => (S::BAD_REQUEST, "parse_exception", reason),
        Refused::Body(BodyFault::Broken) => (S::BAD_REQUEST, "parse_exception", "the connection broke off"),
        Refused::Body(BodyFault::TimedOut) => (S::REQUEST_TIMEOUT, "timeout_exception", "the body took too long"),
    };
    error(status, kind, reason)
}
