//! The configuration of outputs, as the TOML tables `[[output]]` spell it.
//!
//! One flat struct for all types, like that of inputs: unknown keys are refused with line and column,
//! then [`OutputConfig::check`] refuses keys the type has no use for.

use std::collections::BTreeSet;
use std::path::PathBuf;

use noroshi_input::SpecError;
use serde::Deserialize;

use super::SinkError;

/// Size at which the alert file rotates.
pub(crate) const ROTATE_BYTES: u64 = 100 << 20;
/// Closed alert files kept: with the size above about 1 GiB, months of alerts.
pub(crate) const KEEP_FILES: usize = 10;
/// How long a webhook may take to answer.
pub(crate) const TIMEOUT_MS: u64 = 10_000;
/// Alerts in one request: some 300 KiB, below the 1 MiB that common receivers allow.
pub(crate) const BATCH_ALERTS_MAX: usize = 100;
/// How long alerts wait for others to share a request.
pub(crate) const FLUSH_INTERVAL_MS: u64 = 200;

/// What an output is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputType {
    /// Standard output.
    Stdout,
    /// A file that rotates by size.
    File,
    /// HTTP POST.
    Webhook,
}

impl OutputType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::File => "file",
            Self::Webhook => "webhook",
        }
    }
}

/// The body of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookFormat {
    /// One JSON object a line, `application/x-ndjson`.
    #[default]
    Ndjson,
    /// One JSON array, `application/json`.
    JsonArray,
}

/// One `[[output]]` table: the keys of all types.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputConfig {
    /// Name in logs and metrics, and of what was sent to it; the type where it is not given.
    pub name: Option<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub output_type: OutputType,
    /// Alerts queued in memory while they cannot be delivered; more are dropped and counted.
    pub queue_alerts_max: Option<usize>,
    /// How long alerts wait for others to share a write or request.
    pub flush_interval_ms: Option<u64>,

    /// file: where.
    pub path: Option<PathBuf>,
    /// file: size at which it rotates.
    pub rotate_bytes: Option<u64>,
    /// file: closed files kept, as `path.1` (newest) to `path.N`.
    pub keep_files: Option<usize>,

    /// webhook: `https://…`, or `http://…`.
    pub url: Option<String>,
    /// webhook: the form of the body.
    pub format: Option<WebhookFormat>,
    /// webhook: file that holds the value of the Authorization header.
    pub authorization_file: Option<PathBuf>,
    /// webhook: CAs that sign the receiver's certificate, PEM; instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// webhook: how long a request may take.
    pub timeout_ms: Option<u64>,
    /// webhook: alerts in one request.
    pub batch_alerts_max: Option<usize>,
}

impl OutputConfig {
    /// A config of a type with no other key, to be filled in by code.
    pub fn new(output_type: OutputType) -> Self {
        Self {
            name: None,
            output_type,
            queue_alerts_max: None,
            flush_interval_ms: None,
            path: None,
            rotate_bytes: None,
            keep_files: None,
            url: None,
            format: None,
            authorization_file: None,
            ca_file: None,
            timeout_ms: None,
            batch_alerts_max: None,
        }
    }

    /// The name, given or not.
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.output_type.as_str().to_owned())
    }

    /// Every key that is missing, out of range, or without meaning for the type.
    pub fn check(&self) -> Vec<SpecError> {
        let mut errors = Vec::new();
        self.check_types(&mut errors);
        let missing = |key: &'static str, example: &str| SpecError {
            key,
            what: format!("`{key}` is missing"),
            help: format!("type \"{}\" needs it, for example {key} = \"{example}\"", self.output_type.as_str()),
        };
        if self.output_type == OutputType::File && self.path.is_none() {
            errors.push(missing("path", "alerts.ndjson"));
        }
        match &self.url {
            None if self.output_type == OutputType::Webhook => {
                errors.push(missing("url", "https://soc.example/alerts"));
            }
            Some(url) => errors.extend(check_url(url)),
            None => {}
        }
        let ranges: [(&'static str, Option<u64>, u64, u64); 6] = [
            ("queue_alerts_max", self.queue_alerts_max.map(|n| n as u64), 1, 10_000_000),
            ("flush_interval_ms", self.flush_interval_ms, 0, 60_000),
            // A file smaller than that rotates away before anyone has read it.
            ("rotate_bytes", self.rotate_bytes, 64 << 10, 1 << 40),
            ("keep_files", self.keep_files.map(|n| n as u64), 0, 10_000),
            ("timeout_ms", self.timeout_ms, 1, 600_000),
            ("batch_alerts_max", self.batch_alerts_max.map(|n| n as u64), 1, 10_000),
        ];
        for (key, value, least, most) in ranges {
            if let Some(value) = value
                && !(least..=most).contains(&value)
            {
                let help = format!("give a number from {least} to {most}");
                errors.push(SpecError { key, what: format!("`{key}` is {value}"), help });
            }
        }
        errors
    }

    fn check_types(&self, errors: &mut Vec<SpecError>) {
        use OutputType::{File, Webhook};
        let keys = [
            (self.path.is_some(), "path", File),
            (self.rotate_bytes.is_some(), "rotate_bytes", File),
            (self.keep_files.is_some(), "keep_files", File),
            (self.url.is_some(), "url", Webhook),
            (self.format.is_some(), "format", Webhook),
            (self.authorization_file.is_some(), "authorization_file", Webhook),
            (self.ca_file.is_some(), "ca_file", Webhook),
            (self.timeout_ms.is_some(), "timeout_ms", Webhook),
            (self.batch_alerts_max.is_some(), "batch_alerts_max", Webhook),
        ];
        for (_, key, of) in keys.into_iter().filter(|(given, _, of)| *given && *of != self.output_type) {
            errors.push(SpecError {
                key,
                what: format!("`{key}` has no meaning for type \"{}\"", self.output_type.as_str()),
                help: format!("remove it, or use it with type \"{}\"", of.as_str()),
            });
        }
    }
}

/// Scheme and host are there, and no secret is.
fn check_url(url: &str) -> Option<SpecError> {
    let error =
        |what: &str, help: &str| Some(SpecError { key: "url", what: format!("`url` {what}"), help: help.to_owned() });
    let lower = url.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")) else {
        return error("is neither http:// nor https://", "give it as https://host/path");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return error("holds a user name or password", "put `Basic …` into a file and name it as authorization_file");
    }
    if authority.is_empty() || url.parse::<ureq::http::Uri>().is_err() {
        return error("is not a URL", "give it as https://host/path");
    }
    None
}

/// Every error of every config, and names and files given twice.
pub(super) fn check_all(configs: &[OutputConfig]) -> Vec<SinkError> {
    let mut errors = Vec::new();
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for config in configs {
        let output = config.name();
        for error in config.check() {
            errors.push(SinkError::Config { output: output.clone(), error });
        }
        if let Some(path) = &config.path
            && !paths.insert(path)
        {
            // Each cuts what the other has not synced yet.
            let what = format!("two outputs write to `{}`", path.display());
            let help = "give each a `path` of its own".to_owned();
            errors.push(SinkError::Config { output: output.clone(), error: SpecError { key: "path", what, help } });
        }
        if !names.insert(output.clone()) {
            let what = format!("two outputs are named `{output}`");
            let help = "give each a `name` of its own".to_owned();
            errors.push(SinkError::Config { output, error: SpecError { key: "name", what, help } });
        }
    }
    errors
}
