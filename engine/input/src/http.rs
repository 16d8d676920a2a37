//! HTTP listeners: Splunk's HEC, Elasticsearch's bulk API, or plain lines; answered when every record is kept, and not before.
//!
//! Here is what all of them share: who may send, how a body is read, the sender's numbers, the wait for the answer. What their requests
//! mean and how they want to be answered is [`crate::hec`]'s and [`crate::bulk`]'s.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::Clock;
use crate::batch::{Origin, Said};
use crate::body::{self, Body, BodyFault, Packing};
use crate::config::HttpConfig;
use crate::counters::InputCounters;
use crate::door::{Door, Io, Visitor};
use crate::handover::{Handover, Parcel};
use crate::patient::Patient;
use crate::producers::{Numbered, Producers};
use crate::receipt::{Answer, BatchNumber, PRODUCER_BYTES_MAX};
use crate::tokens::{Refusal, Tokens};
use crate::{bulk, hec};

/// Seconds from the end of one request to the end of the next one's header, after which the connection is closed.
pub const HEADER_TIMEOUT_S: u64 = 60;

/// Seconds a request waits for its records to be kept. Then its sender is told to come again, while they may still be kept: only a sender that
/// numbers its batches loses nothing and gets nothing twice.
pub const KEPT_TIMEOUT_S: u64 = 60;

/// What a refused sender is told to wait.
const RETRY_AFTER_S: u64 = 1;

/// A connection's read buffer at most, which bounds its header too: eight times what servers commonly take.
const CONNECTION_BUFFER_BYTES_MAX: usize = 64 << 10;

/// On a stop, how long connections have for the answers that are still due.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// The header by which senders number their batches: `PRODUCER/SEQUENCE`.
pub const BATCH_HEADER: &str = "x-noroshi-batch";

/// One listener with what its connections share.
pub(crate) struct HttpInput {
    pub door: Arc<Door>,
    pub config: HttpConfig,
    pub handover: Handover,
    pub tokens: Tokens,
    pub producers: Arc<Producers>,
    pub clock: Arc<dyn Clock>,
    /// The id of the next HEC acknowledgement. Every id below was given for records that were kept before, in an earlier run
    /// too, as it begins with the time.
    pub next_ack: AtomicU64,
}

/// The first id of a run: milliseconds, and room for 1,024 requests in each; exact in JavaScript until the year 2255.
pub(crate) fn first_ack(now_ns: i64) -> u64 {
    u64::try_from(now_ns / 1_000_000).unwrap_or(0) << 10
}

/// Which manners a request is answered by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    /// Splunk's HEC.
    Hec,
    /// Elasticsearch, and everything else.
    Elastic,
}

/// An answer in the making.
#[derive(Debug)]
pub(crate) struct Reply {
    pub status: StatusCode,
    /// JSON.
    pub body: String,
    pub dialect: Dialect,
}

/// A request that was let in and read.
pub(crate) struct Taken<'a> {
    pub body: &'a [u8],
    /// The sender, as far as the connection and its token tell.
    pub sender: &'a Sender,
    /// Its path without the `/` at the end.
    pub path: &'a str,
    pub query: &'a str,
}

/// Who sends a request.
pub(crate) struct Sender {
    visitor: Visitor,
    token: Option<Arc<str>>,
}

impl Sender {
    /// The origin of records of which the sender says so much.
    pub(crate) fn origin(&self, said: Said) -> Arc<Origin> {
        let Visitor { peer, connection, subject, .. } = &self.visitor;
        Arc::new(Origin::Http {
            peer: *peer,
            connection: *connection,
            subject: subject.clone(),
            token: self.token.clone(),
            said: (said != Said::default()).then(|| Box::new(said)),
        })
    }
}

/// Why a request is answered without its records being looked at.
#[derive(Debug)]
pub(crate) enum Refused {
    Token(Refusal),
    Body(BodyFault),
    /// A `Content-Encoding` that is not understood.
    Encoding,
    /// The batch's number is none.
    Number,
    /// A batch of this producer is on its way.
    Busy,
    /// The input stops.
    Stopping,
    /// The records are not kept: why.
    NotKept(Arc<str>),
    /// It is not known in time whether they are.
    NotKeptYet,
}

/// Puts the records of a request into a parcel; gives the answer for when they are kept, or the one that refuses all.
type Fill = fn(&Taken<'_>, &mut Parcel<'_>) -> Result<Reply, Reply>;

impl HttpInput {
    /// Serves until the stop.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) {
        let this = Arc::clone(&self);
        let serve = move |visitor: Visitor, io: Box<dyn Io>| Arc::clone(&this).connection(visitor, io);
        self.door.keep(listener, serve).await;
    }

    async fn connection(self: Arc<Self>, visitor: Visitor, io: Box<dyn Io>) {
        let service = service_fn(|request| {
            let (this, visitor) = (Arc::clone(&self), visitor.clone());
            async move { Ok::<_, Infallible>(this.answer(visitor, request).await) }
        });
        let patience = Duration::from_secs(crate::relp::ANSWER_TIMEOUT_S);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(HEADER_TIMEOUT_S))
            .max_buf_size(CONNECTION_BUFFER_BYTES_MAX)
            .serve_connection(TokioIo::new(Patient::new(io, patience)), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.door.shutdown.requested() => {
                connection.as_mut().graceful_shutdown();
                match tokio::time::timeout(STOP_WAIT, connection).await {
                    Ok(ended) => ended,
                    Err(_) => return,
                }
            }
        };
        if let Err(error) = ended {
            InputCounters::add(&self.handover.counters.connection_errors, 1);
            tracing::debug!(input = %self.door.name, peer = %visitor.peer, %error, "HTTP connection ended");
        }
    }

    async fn answer(&self, visitor: Visitor, request: Request<Incoming>) -> Response<Full<Bytes>> {
        InputCounters::add(&self.handover.counters.requests, 1);
        let (parts, mut body) = request.into_parts();
        let head = parts.method == Method::HEAD;
        let reply = self.route(visitor, &parts, &mut body).await;
        response(reply, head)
    }

    async fn route(&self, visitor: Visitor, parts: &Parts, body: &mut Incoming) -> Reply {
        let path = parts.uri.path().trim_end_matches('/');
        let dialect = if path.starts_with("/services/") { Dialect::Hec } else { Dialect::Elastic };
        if path == "/services/collector/health" || path == "/services/collector/health/1.0" {
            return hec::health(self.handover.in_flight.is_scarce());
        }
        let authorization = parts.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let token = match self.tokens.admit(authorization) {
            Ok(token) => token,
            Err(refusal) => return self.refuse(dialect, Refused::Token(refusal), body).await,
        };
        let sender = Sender { visitor, token };
        let writes = parts.method == Method::POST || parts.method == Method::PUT;
        let fill: Fill = match path {
            "/services/collector" | "/services/collector/event" | "/services/collector/event/1.0" if writes => {
                hec::events
            }
            "/services/collector/raw" | "/services/collector/raw/1.0" if writes => hec::raw,
            "/services/collector/ack" | "/services/collector/ack/1.0" => return self.acks(parts, body).await,
            _ if dialect == Dialect::Hec => return hec::not_found(writes),
            "" if writes => bulk::lines,
            _ if writes && bulk::is_bulk(path) => bulk::items,
            _ => return bulk::other(&parts.method, path),
        };
        let channel = match dialect {
            Dialect::Hec => match hec::channel(parts) {
                Ok(channel) => channel,
                Err(reply) => return reply,
            },
            Dialect::Elastic => None,
        };
        match self.take(&sender, path, parts, body, fill).await {
            Ok(reply) if channel.is_some() => hec::with_ack(self.next_ack.fetch_add(1, Ordering::Relaxed), &reply),
            Ok(reply) => reply,
            Err(refused) => self.refuse(dialect, refused, body).await,
        }
    }

    /// Reads a request, hands its records over and waits until they are kept.
    async fn take(
        &self,
        sender: &Sender,
        path: &str,
        parts: &Parts,
        body: &mut Incoming,
        fill: Fill,
    ) -> Result<Reply, Refused> {
        if self.door.shutdown.is_requested() {
            return Err(Refused::Stopping);
        }
        let header = |name: &str| parts.headers.get(name).map(HeaderValue::as_bytes);
        let number = header(BATCH_HEADER).map(|text| number(text).ok_or(Refused::Number)).transpose()?;
        let packing = Packing::of(header("content-encoding")).ok_or(Refused::Encoding)?;
        let read = body::read(body, packing, self.config.body_bytes_max, &self.handover.in_flight).await;
        let Body { bytes, claim } = read.map_err(Refused::Body)?;
        let mut parcel = self.handover.parcel(number.clone(), self.clock.now_ns());
        let taken = Taken { body: &bytes, sender, path, query: parts.uri.query().unwrap_or_default() };
        let reply = match fill(&taken, &mut parcel) {
            Ok(reply) => reply,
            Err(reply) => {
                InputCounters::add(&self.handover.counters.requests_malformed, 1);
                return Ok(reply);
            }
        };
        drop(bytes);
        match number.as_ref().map_or(Numbered::Fresh, |number| self.producers.begin(number)) {
            Numbered::Fresh => {}
            Numbered::Busy => return Err(Refused::Busy),
            Numbered::Kept => {
                InputCounters::add(&self.handover.counters.batches_repeated, 1);
                return Ok(reply);
            }
        }
        let producers = Arc::clone(&self.producers);
        let answer = parcel.hand_over(claim, move |answer| match (number, answer) {
            (Some(number), Answer::Kept) => producers.kept(&number),
            (Some(number), Answer::Refused(_)) => producers.not_kept(&number),
            (None, _) => {}
        });
        match tokio::time::timeout(Duration::from_secs(KEPT_TIMEOUT_S), answer).await {
            Ok(Ok(Answer::Kept)) => Ok(reply),
            Ok(Ok(Answer::Refused(reason))) => Err(Refused::NotKept(reason)),
            // A receipt always answers; were one to vanish, nothing would be promised either.
            Ok(Err(_)) | Err(_) => Err(Refused::NotKeptYet),
        }
    }

    /// Counts a refusal, reads the sender's breath out and answers in its manners.
    async fn refuse(&self, dialect: Dialect, refused: Refused, body: &mut Incoming) -> Reply {
        let counters = &self.handover.counters;
        let counter = match &refused {
            Refused::Token(_) => &counters.requests_unauthorized,
            Refused::Encoding | Refused::Number => &counters.requests_malformed,
            Refused::Busy | Refused::Stopping | Refused::NotKept(_) | Refused::NotKeptYet => &counters.requests_put_off,
            Refused::Body(fault) => match fault {
                BodyFault::TooLong | BodyFault::Bomb => &counters.requests_too_long,
                BodyFault::Damaged(_) => &counters.requests_malformed,
                BodyFault::NoRoom => &counters.requests_put_off,
                BodyFault::TimedOut | BodyFault::Broken => &counters.requests_broken_off,
            },
        };
        let n = counter.fetch_add(1, Ordering::Relaxed) + 1;
        if n.is_power_of_two() {
            tracing::warn!(input = %self.door.name, ?refused, so_far = n, "HTTP request refused");
        }
        if !matches!(refused, Refused::Body(BodyFault::TimedOut | BodyFault::Broken)) {
            body::drain(body).await;
        }
        match dialect {
            Dialect::Hec => hec::refusal(&refused),
            Dialect::Elastic => bulk::refusal(&refused),
        }
    }

    /// Tells which of the ids asked for stand for records that are kept.
    async fn acks(&self, parts: &Parts, body: &mut Incoming) -> Reply {
        match hec::channel(parts) {
            Ok(Some(_)) => {}
            Ok(None) => return hec::CHANNEL_MISSING.reply(),
            Err(reply) => return reply,
        }
        let bytes = match body::read(body, Packing::Plain, hec::ACKS_BYTES_MAX, &self.handover.in_flight).await {
            Ok(body) => body.bytes,
            Err(fault) => return self.refuse(Dialect::Hec, Refused::Body(fault), body).await,
        };
        hec::acks(&bytes, self.next_ack.load(Ordering::Relaxed))
    }
}

/// `PRODUCER/SEQUENCE`.
fn number(text: &[u8]) -> Option<BatchNumber> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (producer, sequence) = text.rsplit_once('/')?;
    let named = (1..=PRODUCER_BYTES_MAX).contains(&producer.len())
        && producer.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    let digits = !sequence.is_empty() && sequence.bytes().all(|byte| byte.is_ascii_digit());
    (named && digits).then(|| Some(BatchNumber { producer: producer.into(), sequence: sequence.parse().ok()? }))?
}

fn response(reply: Reply, head: bool) -> Response<Full<Bytes>> {
    let Reply { status, body, dialect } = reply;
    let body = if head { Bytes::new() } else { Bytes::from(body) };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if dialect == Dialect::Elastic {
        // Elastic's own clients ask for it before they send.
        headers.insert("x-elastic-product", HeaderValue::from_static("Elasticsearch"));
    }
    if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"noroshi\""));
    }
    response
}

/// The value of a parameter of a query, percent-decoded (RFC 3986 §2.1, `+` for a space).
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))?.1;
    let bytes = value.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |at: usize| bytes.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
                continue;
            }
            (b'+', ..) => decoded.push(b' '),
            (byte, ..) => decoded.push(byte),
        }
        at += 1;
    }
    Some(String::from_utf8_lossy(&decoded).into_owned())
}

/// Reads the tokens that a configuration names.
///
/// # Errors
/// Which key is at fault, what is wrong, and the way out.
pub(crate) fn tokens(config: &HttpConfig) -> Result<Tokens, (&'static str, String, String)> {
    let mut tokens = Tokens::default();
    let help = "one token a line, `NAME TOKEN` or `TOKEN` alone, of 16 characters or more".to_owned();
    if let Some(path) = &config.token_file {
        let read = Tokens::read(path);
        tokens.extend(
            read.map_err(|what| ("token_file", format!("token_file {}: {what}", path.display()), help.clone()))?,
        );
    }
    if let Some(name) = &config.token_env {
        let text =
            std::env::var(name).map_err(|error| ("token_env", format!("token_env {name}: {error}"), help.clone()))?;
        tokens.extend(Tokens::parse(&text).map_err(|what| ("token_env", format!("token_env {name}: {what}"), help))?);
    }
    Ok(tokens)
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
