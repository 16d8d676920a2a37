//! Alerts to a webhook: POST of batches, tried again with growing pauses.
//!
//! Accepted is what the receiver answers with 2xx. 408, 429, 5xx and broken connections are tried again;
//! any other answer is the receiver's last word, and the alerts are counted as refused. Neither the path
//! of the URL, which often is the secret, nor the Authorization header is ever told.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use noroshi_input::files::Files;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::config::{BATCH_ALERTS_MAX, FLUSH_INTERVAL_MS, TIMEOUT_MS};
use super::{OutputConfig, Queued, Sink, WebhookFormat};
use crate::delivery::{Failure, Policy, WhenFull};
use crate::durable::FileError;

/// The longest pause between two tries: a receiver that is back is noticed within a minute.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The longest pause a receiver may ask for by Retry-After.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Longest Authorization header; common receivers take 8 KiB of headers in all.
const AUTHORIZATION_BYTES_MAX: usize = 4096;

/// Bounds and times where a webhook differs from a file: requests are shared, and a receiver that is
/// away must not hold up the engine.
pub(super) fn adjust(policy: &mut Policy, config: &OutputConfig) {
    policy.batch_items_max = config.batch_alerts_max.unwrap_or(BATCH_ALERTS_MAX);
    policy.linger = Duration::from_millis(config.flush_interval_ms.unwrap_or(FLUSH_INTERVAL_MS));
    policy.retry_max = RETRY_MAX.max(policy.retry);
    policy.when_full = WhenFull::Drop;
}

pub(super) struct WebhookSink {
    agent: ureq::Agent,
    config: OutputConfig,
    files: Arc<dyn Files>,
    url: String,
    /// Scheme, host and port: what may be told.
    shown: String,
}

impl WebhookSink {
    pub(super) fn new(config: &OutputConfig, files: Arc<dyn Files>) -> Result<Self, String> {
        let url = config.url.clone().unwrap_or_default();
        let shown = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let shown = shown.split(['?', '#']).next().unwrap_or_default().to_owned();
        let mut tls = TlsConfig::builder();
        if let Some(path) = &config.ca_file {
            let pem = files
                .read(path)
                .map_err(|source| FileError { action: "read", path: path.clone(), source }.to_string())?;
            let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if certificates.is_empty() {
                return Err(format!(
                    "`{}` holds no certificate\n   = help: give a PEM file with `BEGIN CERTIFICATE`",
                    path.display()
                ));
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_millis(config.timeout_ms.unwrap_or(TIMEOUT_MS))))
            .http_status_as_error(false)
            // A redirect would carry evidence and secret to a host nobody configured.
            .max_redirects(0)
            // What the engine talks to stands in its configuration, not in its environment.
            .proxy(None)
            .user_agent(concat!("noroshi/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.build())
            .build()
            .new_agent();
        let sink = Self { agent, config: config.clone(), files, url, shown };
        sink.authorization()?;
        Ok(sink)
    }

    /// The header's value, read anew for each request: a secret may be changed without a restart.
    fn authorization(&self) -> Result<Option<String>, String> {
        let Some(path) = &self.config.authorization_file else { return Ok(None) };
        let bytes = self
            .files
            .read(path)
            .map_err(|source| FileError { action: "read", path: path.clone(), source }.to_string())?;
        let value = String::from_utf8(bytes).unwrap_or_default();
        let value = value.trim();
        let sound = !value.is_empty()
            && value.len() <= AUTHORIZATION_BYTES_MAX
            && value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !sound {
            return Err(format!(
                "`{}` does not hold one line of printable ASCII\n   = help: write the header's value into it, \
                 for example `Bearer …`",
                path.display()
            ));
        }
        Ok(Some(value.to_owned()))
    }

    fn body(&self, lines: &[Queued]) -> (&'static str, Vec<u8>) {
        let mut body = Vec::with_capacity(lines.iter().map(|line| line.json.len() + 1).sum::<usize>() + 2);
        let array = self.config.format == Some(WebhookFormat::JsonArray);
        for (index, line) in lines.iter().enumerate() {
            if array {
                body.push(if index == 0 { b'[' } else { b',' });
            }
            body.extend_from_slice(line.json.as_bytes());
            if !array {
                body.push(b'\n');
            }
        }
        if array {
            body.push(b']');
        }
        (if array { "application/json" } else { "application/x-ndjson" }, body)
    }

    fn retry(&self, what: impl std::fmt::Display, after: Duration) -> Failure {
        let help = "alerts wait in memory and are sent when the receiver answers";
        Failure::Retry { error: format!("cannot send alerts to {}: {what}\n   = help: {help}", self.shown), after }
    }
}

impl Sink for WebhookSink {
    fn deliver(&mut self, lines: &[Queued]) -> Result<(), Failure> {
        let (content_type, body) = self.body(lines);
        let mut request = self.agent.post(&self.url).header("Content-Type", content_type);
        match self.authorization() {
            Ok(Some(value)) => request = request.header("Authorization", value),
            Ok(None) => {}
            Err(error) => return Err(Failure::Retry { error, after: Duration::ZERO }),
        }
        let response = match request.send(&body[..]) {
            Ok(response) => response,
            Err(error) => return Err(self.retry(told(&error), Duration::ZERO)),
        };
        let status = response.status();
        let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let after = seconds.map_or(Duration::ZERO, Duration::from_secs).min(RETRY_AFTER_MAX);
        match status.as_u16() {
            200..=299 => Ok(()),
            408 | 429 | 500..=599 => Err(self.retry(format_args!("it answered {status}"), after)),
            413 => Err(Failure::TooLarge { error: format!("{} answered {status} to one alert", self.shown) }),
            code => {
                let help = match code {
                    300..=399 => "give the URL it redirects to",
                    401 | 403 => "correct what is in authorization_file",
                    404 | 405 | 410 => "correct the URL",
                    _ => "look into the receiver's log",
                };
                Err(Failure::Refused { error: format!("{} answered {status}\n   = help: {help}", self.shown) })
            }
        }
    }
}

/// The error without the URL, whose path may be the secret.
fn told(error: &ureq::Error) -> String {
    match error {
        ureq::Error::BadUri(_) => "the URL is not valid".to_owned(),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        other => other.to_string(),
    }
}
