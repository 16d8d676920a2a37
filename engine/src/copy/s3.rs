//! Objects put to S3-compatible storage: one signed PUT each, with the digest of what is sent and until when it is locked.
//!
//! Digest and lock are under the signature ([`sign`](super::sign)), and the server holds the body to the digest. An object is put
//! whole: a segment is a few dozen megabytes, S3 takes 5 GiB.

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use noroshi_input::files::Files;
use ureq::SendBody;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::config::CopyConfig;
use super::round::{Body, Object, Refused, hex};
use super::sign::{Credentials, Signed, escaped_path};
use crate::terminal::escape_controls;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a server may take to answer once it has everything.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The slowest line that a copy is for, in bytes a second; what takes longer is given up and tried again.
const SLOWEST_BYTES_S: u64 = 64 << 10;

/// Longest answer read: errors are a few hundred bytes of XML.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Longest file of credentials.
const CREDENTIALS_BYTES_MAX: usize = 64 << 10;

/// The longest pause a server may ask for by Retry-After.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// A bucket that objects are put to.
pub(super) struct S3 {
    agent: ureq::Agent,
    files: Arc<dyn Files>,
    config: CopyConfig,
    clock: fn() -> i64,
}

impl S3 {
    /// # Errors
    /// A CA file that cannot be read.
    pub(super) fn new(config: &CopyConfig, files: Arc<dyn Files>, clock: fn() -> i64) -> Result<Self, String> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = &config.ca_file {
            let pem = files.read(path).map_err(|cause| format!("cannot read {}: {cause}", path.display()))?;
            let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if certificates.is_empty() {
                return Err(format!(
                    "{} holds no certificate; give a PEM file with `BEGIN CERTIFICATE`",
                    path.display()
                ));
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
        }
        let agent = ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .timeout_recv_body(Some(ANSWER_TIMEOUT))
            .http_status_as_error(false)
            // A redirect would carry records to a host nobody configured.
            .max_redirects(0)
            // What the engine talks to stands in its configuration, not in its environment.
            .proxy(None)
            .user_agent(concat!("noroshi/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.build())
            .build()
            .new_agent();
        Ok(S3 { agent, files, config: config.clone(), clock })
    }

    /// Read anew for each object: a secret may be changed without a restart.
    fn credentials(&self) -> Result<Credentials, String> {
        let Some(path) = &self.config.credentials_file else {
            let found = credentials_of(&|name| std::env::var(name.to_ascii_uppercase()).ok());
            return found.ok_or_else(|| {
                "the environment has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; set them, or name a file by credentials_file"
                    .to_owned()
            });
        };
        let bytes = self.files.read(path).map_err(|cause| format!("cannot read {}: {cause}", path.display()))?;
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(CREDENTIALS_BYTES_MAX)]);
        credentials_in(&text).ok_or_else(|| {
            format!("{} has no lines `aws_access_key_id = …` and `aws_secret_access_key = …`", path.display())
        })
    }

    /// Puts an object and waits for the server to have it.
    pub(super) fn put(&self, object: &Object) -> Result<(), Refused> {
        let name = &object.name;
        let refused = |told: String, after| Refused { told: format!("{name}: {told}"), after };
        let credentials = self.credentials().map_err(|told| Refused { told, after: Duration::ZERO })?;
        let now_ns = (self.clock)();
        let endpoint = self.config.endpoint.trim_end_matches('/');
        let host = endpoint.split_once("://").map_or(endpoint, |(_, host)| host);
        let path = match self.config.prefix.as_str() {
            "" => escaped_path(&format!("/{}/{name}", self.config.bucket)),
            prefix => escaped_path(&format!("/{}/{prefix}/{name}", self.config.bucket)),
        };
        // The second is what servers ask for beside a lock.
        let mut headers = vec![
            ("x-amz-checksum-sha256", STANDARD.encode(object.sha256)),
            ("x-amz-sdk-checksum-algorithm", "SHA256".to_owned()),
        ];
        if let (Some(mode), Some(days), true) = (self.config.mode, self.config.retain_days, object.is_locked) {
            headers.push(("x-amz-object-lock-mode", mode.header().to_owned()));
            headers.push(("x-amz-object-lock-retain-until-date", in_days(now_ns, days)));
        }
        let signed = Signed {
            method: "PUT",
            host: &host.to_ascii_lowercase(),
            path: &path,
            headers: &headers,
            payload: &hex(&object.sha256),
            region: &self.config.region,
        };
        headers = signed.headers(&credentials, &moment(now_ns));
        let (mut body, bytes): (Box<dyn Read>, u64) = match &object.body {
            Body::Bytes(bytes) => (Box::new(Cursor::new(bytes)), bytes.len() as u64),
            Body::File(path, bytes) => {
                let file = self.files.open(path);
                let file = file.map_err(|cause| refused(format!("cannot read it: {cause}"), Duration::ZERO))?;
                (Box::new(file), *bytes)
            }
        };
        let mut request = self.agent.put(format!("{endpoint}{path}")).header("Content-Length", bytes.to_string());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let sending = ANSWER_TIMEOUT + Duration::from_secs(bytes / SLOWEST_BYTES_S);
        let request = request.config().timeout_send_body(Some(sending)).build();
        let answer = request.send(SendBody::from_reader(&mut body));
        let mut answer = answer.map_err(|cause| refused(told(&cause), Duration::ZERO))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let after = after.map_or(Duration::ZERO, Duration::from_secs).min(RETRY_AFTER_MAX);
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().unwrap_or_default();
        Err(refused(format!("the server answered {}", said(status.as_u16(), &body)), after))
    }
}

/// What went wrong on the way.
fn told(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => {
            "the server takes no connection".into()
        }
        ureq::Error::Io(cause) => format!("the connection broke: {cause}"),
        ureq::Error::Timeout(_) => "the server takes too long".into(),
        ureq::Error::HostNotFound => "the server's name is not known".into(),
        ureq::Error::BadUri(_) => "the endpoint is no address".into(),
        other => other.to_string(),
    }
}

/// An S3 error: its code and message out of the XML, and what can be done about the usual ones.
fn said(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once("</")?;
        Some(escape_controls(&value.chars().take(300).collect::<String>()).to_string())
    };
    let (code, message) = (element("Code").unwrap_or_default(), element("Message").unwrap_or_default());
    let help = match code.as_str() {
        "NoSuchBucket" => "; make the bucket first, with object lock",
        "AccessDenied" => "; the credentials need s3:PutObject, and s3:PutObjectRetention for a lock",
        "InvalidRequest" if message.contains("Lock") => {
            "; make a bucket with object lock, or take `mode` and `retain_days` out of [archive.copy]"
        }
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" => "; look at the credentials and the region",
        "RequestTimeTooSkewed" => "; the clock of this host is wrong",
        _ => "",
    };
    [&*status.to_string(), &*code, &*message]
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join(" ")
        + help
}

/// The first profile's key in a file as AWS tools write it.
fn credentials_in(text: &str) -> Option<Credentials> {
    credentials_of(&|wanted| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.to_owned())
        })
    })
}

fn credentials_of(named: &dyn Fn(&str) -> Option<String>) -> Option<Credentials> {
    let value = |name| Some(named(name)?.trim().to_owned()).filter(|value| !value.is_empty());
    Some(Credentials {
        key: value("aws_access_key_id")?,
        secret: value("aws_secret_access_key")?,
        token: value("aws_session_token"),
    })
}

/// When a request is signed: `20260302T100000Z`.
fn moment(now_ns: i64) -> String {
    let time = Timestamp::from_nanosecond(now_ns.into()).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// So many days later, to the second, as the header wants it.
fn in_days(now_ns: i64, days: u32) -> String {
    let second = now_ns.div_euclid(1_000_000_000).saturating_add(i64::from(days) * 86_400);
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_tell_what_the_server_said_and_the_way_out() {
        let check = |status, body: &str, expected: &str| assert_eq!(said(status, body.as_bytes()), expected);
        check(503, "", "503");
        check(503, "<html>busy</html>", "503");
        check(
            404,
            "<?xml version='1.0'?><Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>",
            "404 NoSuchBucket The specified bucket does not exist; make the bucket first, with object lock",
        );
        check(
            400,
            "<Error><Code>InvalidRequest</Code><Message>Bucket is missing Object Lock Configuration</Message></Error>",
            "400 InvalidRequest Bucket is missing Object Lock Configuration; make a bucket with object lock, or take `mode` and `retain_days` out of [archive.copy]",
        );
        assert!(!said(500, b"<Code>\x1b[2J</Code>").contains('\x1b'));
    }

    #[test]
    fn credentials_are_read_as_aws_tools_write_them() {
        let read =
            credentials_in("# siem\n[default]\naws_access_key_id = AKIA1\naws_secret_access_key=s/e=c\n").unwrap();
        assert_eq!((&*read.key, &*read.secret, read.token), ("AKIA1", "s/e=c", None));
        let read = credentials_in("AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\naws_session_token = t\n").unwrap();
        assert_eq!((&*read.key, read.token.as_deref()), ("a", Some("t")));
        assert!(credentials_in("aws_access_key_id = a\naws_secret_access_key =\n").is_none());
    }

    #[test]
    fn a_lock_ends_so_many_days_later() {
        assert_eq!(moment(1_772_445_600_123_456_789), "20260302T100000Z");
        assert_eq!(in_days(1_772_445_600_123_456_789, 365), "2027-03-02T10:00:00Z");
        assert_eq!(in_days(i64::MAX, 36_500), "2362-03-18T23:47:16Z");
    }
}
