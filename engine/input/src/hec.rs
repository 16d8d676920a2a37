//! Requests in the manner of Splunk's HTTP Event Collector, with its codes and texts ("HTTP Event Collector REST API endpoints" and
//! "Troubleshoot HTTP Event Collector" in Splunk's documentation).
//!
//! A request is answered when its records are kept, also one with a channel: the acknowledgement it is given an id for is
//! then true from the first time it is asked for.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::http::request::Parts;
use noroshi_parsers::frame::{HecEnvelope, HecEnvelopes, HecEvent, HecFault, JsonText};
use serde::Deserialize;

use crate::batch::{Origin, Said};
use crate::body::BodyFault;
use crate::handover::Parcel;
use crate::http::{Dialect, Refused, Reply, Taken, parameter};
use crate::tokens::Refusal;

/// Longest request for acknowledgements: some 50,000 ids.
pub(crate) const ACKS_BYTES_MAX: usize = 1 << 20;

/// Longest value kept of what a sender says of its events, and longest `fields`.
const SAID_BYTES_MAX: usize = 1024;
const FIELDS_BYTES_MAX: usize = 8 << 10;

/// One of the answers that Splunk's documentation lists.
pub(crate) struct Code {
    status: u16,
    code: u32,
    text: &'static str,
}

const fn code(status: u16, code: u32, text: &'static str) -> Code {
    Code { status, code, text }
}

const SUCCESS: Code = code(200, 0, "Success");
const TOKEN_MISSING: Code = code(401, 2, "Token is required");
const AUTHORIZATION_INVALID: Code = code(401, 3, "Invalid authorization");
const TOKEN_INVALID: Code = code(403, 4, "Invalid token");
const NO_DATA: Code = code(400, 5, "No data");
const DATA_INVALID: Code = code(400, 6, "Invalid data format");
// Splunk says 503; senders of all kinds put off at 429, with Retry-After.
const BUSY: Code = code(429, 9, "Server is busy");
const NOT_KEPT: Code = code(503, 9, "Server is busy");
/// The request names no channel where it has to.
pub(crate) const CHANNEL_MISSING: Code = code(400, 10, "Data channel is missing");
const CHANNEL_INVALID: Code = code(400, 11, "Invalid data channel");
const EVENT_MISSING: Code = code(400, 12, "Event field is required");
const EVENT_BLANK: Code = code(400, 13, "Event field cannot be blank");
const FIELDS_INVALID: Code = code(400, 15, "Error in handling indexed fields");
const HEALTHY: Code = code(200, 17, "HEC is healthy");
const QUEUES_FULL: Code = code(503, 18, "HEC is unhealthy, queues are full");
const STOPPING: Code = code(503, 23, "Server is shutting down");

impl Code {
    fn with(&self, more: &str) -> Reply {
        let Code { status, code, text } = self;
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Reply { status, body: format!("{{\"text\":\"{text}\",\"code\":{code}{more}}}"), dialect: Dialect::Hec }
    }

    pub(crate) fn reply(&self) -> Reply {
        self.with("")
    }
}

/// Events in envelopes: all of a body's or none.
pub(crate) fn events(taken: &Taken<'_>, parcel: &mut Parcel<'_>) -> Result<Reply, Reply> {
    let mut last: Option<(HecEnvelope<'_>, Arc<Origin>)> = None;
    for (number, envelope) in HecEnvelopes::new(taken.body).enumerate() {
        let envelope = envelope.map_err(|fault| {
            let code = match fault {
                HecFault::InvalidData => DATA_INVALID,
                HecFault::EventMissing => EVENT_MISSING,
                HecFault::EventBlank => EVENT_BLANK,
                HecFault::FieldsInvalid => FIELDS_INVALID,
            };
            code.with(&format!(",\"invalid-event-number\":{number}"))
        })?;
        let origin = match &last {
            Some((other, origin)) if says_the_same(other, &envelope) => Arc::clone(origin),
            _ => {
                let text = |text: Option<JsonText<'_>>| text.map(|text| cut(&text.text(), SAID_BYTES_MAX));
                let HecEnvelope { host, source, sourcetype, index, fields, .. } = envelope;
                let origin = taken.sender.origin(Said {
                    host: text(host),
                    source: text(source),
                    sourcetype: text(sourcetype),
                    index: text(index),
                    fields: fields.map(|fields| cut(fields, FIELDS_BYTES_MAX)),
                });
                last = Some((envelope, Arc::clone(&origin)));
                origin
            }
        };
        let time_ns = envelope.time_ns.unwrap_or_default();
        match envelope.event {
            HecEvent::Json(json) => parcel.add(json, &origin, time_ns),
            HecEvent::Text(text) => parcel.write(|bytes| text.append_to(bytes), &origin, time_ns),
        }
    }
    if parcel.records() == 0 { Err(NO_DATA.reply()) } else { Ok(SUCCESS.reply()) }
}

fn says_the_same(one: &HecEnvelope<'_>, other: &HecEnvelope<'_>) -> bool {
    fn said<'a>(envelope: &HecEnvelope<'a>) -> [Option<&'a [u8]>; 5] {
        let HecEnvelope { event: _, time_ns: _, host, source, sourcetype, index, fields } = *envelope;
        let raw = |text: Option<JsonText<'a>>| text.map(|text| text.raw());
        [raw(host), raw(source), raw(sourcetype), raw(index), fields]
    }
    said(one) == said(other)
}

fn cut(bytes: &[u8], max: usize) -> Box<str> {
    String::from_utf8_lossy(&bytes[..bytes.len().min(max)]).into()
}

/// Lines as they come; what is said of them stands in the query.
pub(crate) fn raw(taken: &Taken<'_>, parcel: &mut Parcel<'_>) -> Result<Reply, Reply> {
    let said = |name| {
        parameter(taken.query, name)
            .filter(|value| !value.is_empty())
            .map(|value| cut(value.as_bytes(), SAID_BYTES_MAX))
    };
    let origin = taken.sender.origin(Said {
        host: said("host"),
        source: said("source"),
        sourcetype: said("sourcetype"),
        index: said("index"),
        fields: None,
    });
    let time = parameter(taken.query, "time");
    let time_ns =
        time.and_then(|time| noroshi_parsers::time::parse_epoch(time.as_bytes())).map_or(0, |(time_ns, _)| time_ns);
    parcel.lines(taken.body, &origin, time_ns);
    if parcel.records() == 0 { Err(NO_DATA.reply()) } else { Ok(SUCCESS.reply()) }
}

/// The channel a request names by header or query: a GUID.
pub(crate) fn channel(parts: &Parts) -> Result<Option<String>, Reply> {
    let header = parts
        .headers
        .get("x-splunk-request-channel")
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let Some(channel) = header.or_else(|| parameter(parts.uri.query().unwrap_or_default(), "channel")) else {
        return Ok(None);
    };
    let is_guid = channel.len() == 36
        && channel
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() });
    if is_guid { Ok(Some(channel)) } else { Err(CHANNEL_INVALID.reply()) }
}

/// A reply with the id of its acknowledgement, if it is a success.
pub(crate) fn with_ack(id: u64, reply: &Reply) -> Reply {
    match (reply.status, reply.body.strip_suffix('}')) {
        (StatusCode::OK, Some(open)) => {
            Reply { status: reply.status, body: format!("{open},\"ackId\":{id}}}"), dialect: reply.dialect }
        }
        _ => Reply { status: reply.status, body: reply.body.clone(), dialect: reply.dialect },
    }
}

#[derive(Deserialize)]
struct Acks {
    acks: Vec<u64>,
}

/// Which of the ids asked for are acknowledged: those given so far, `next` the first that was not.
pub(crate) fn acks(body: &[u8], next: u64) -> Reply {
    let Ok(Acks { acks }) = serde_json::from_slice(body) else { return DATA_INVALID.reply() };
    let told: Vec<String> = acks.iter().map(|id| format!("\"{id}\":{}", *id < next)).collect();
    Reply { status: StatusCode::OK, body: format!("{{\"acks\":{{{}}}}}", told.join(",")), dialect: Dialect::Hec }
}

pub(crate) fn health(scarce: bool) -> Reply {
    if scarce { QUEUES_FULL.reply() } else { HEALTHY.reply() }
}

/// A path below `/services/` that is none of ours.
pub(crate) fn not_found(writes: bool) -> Reply {
    let status = if writes { StatusCode::NOT_FOUND } else { StatusCode::METHOD_NOT_ALLOWED };
    let body = "{\"text\":\"The requested URL was not found on this server.\",\"code\":404}".to_owned();
    Reply { status, body, dialect: Dialect::Hec }
}

pub(crate) fn refusal(refused: &Refused) -> Reply {
    match refused {
        Refused::Token(Refusal::Missing) => TOKEN_MISSING.reply(),
        Refused::Token(Refusal::Unreadable) => AUTHORIZATION_INVALID.reply(),
        Refused::Token(Refusal::Unknown) => TOKEN_INVALID.reply(),
        Refused::Busy | Refused::Body(BodyFault::NoRoom) => BUSY.reply(),
        Refused::NotKept(_) | Refused::NotKeptYet => NOT_KEPT.reply(),
        Refused::Stopping => STOPPING.reply(),
        Refused::Encoding | Refused::Number | Refused::Body(BodyFault::Damaged(_) | BodyFault::Broken) => {
            DATA_INVALID.reply()
        }
        Refused::Body(BodyFault::TooLong | BodyFault::Bomb) => code(413, 6, "Request entity too large").reply(),
        Refused::Body(BodyFault::TimedOut) => code(408, 6, "Request timed out").reply(),
    }
}
