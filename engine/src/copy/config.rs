//! `[archive.copy]`: where sealed segments are copied to.

use std::path::PathBuf;

use serde::Deserialize;

use crate::keeping::Wrong;

/// Longest retention that S3 takes: a hundred years.
const RETAIN_DAYS_MAX: u32 = 36_500;

/// Longest prefix: a key has 1,024 bytes at most, and the archive's own names take up to a hundred.
const PREFIX_BYTES_MAX: usize = 512;

/// What an object lock does (S3 Object Lock).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockMode {
    /// Who has the right to may lift it.
    Governance,
    /// Nobody may, the account's owner included.
    Compliance,
}

impl LockMode {
    /// As the header has it.
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }
}

/// `[archive.copy]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyConfig {
    /// `https://s3.ap-northeast-1.amazonaws.com`.
    pub endpoint: String,
    /// Region that requests are signed for.
    #[serde(default = "default_region")]
    pub region: String,
    /// The bucket; it must be there.
    pub bucket: String,
    /// What keys begin with, without the slash behind it.
    #[serde(default)]
    pub prefix: String,
    /// File with `aws_access_key_id` and `aws_secret_access_key`, as AWS tools write it; absent = the environment's
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    pub credentials_file: Option<PathBuf>,
    /// CAs that sign the server's certificate, PEM; instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// What the lock does; absent = objects are not locked.
    pub mode: Option<LockMode>,
    /// Days for which an object is locked.
    pub retain_days: Option<u32>,
    /// Allow an endpoint without TLS.
    #[serde(default)]
    pub allow_http: bool,
}

fn default_region() -> String {
    "us-east-1".into()
}

impl CopyConfig {
    /// The place, as it may be told: it holds no secret.
    pub(crate) fn place(&self) -> String {
        let endpoint = self.endpoint.trim_end_matches('/');
        match self.prefix.as_str() {
            "" => format!("{endpoint}/{}", self.bucket),
            prefix => format!("{endpoint}/{}/{prefix}", self.bucket),
        }
    }

    /// Everything wrong with it.
    pub(crate) fn check(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut blame = |word: &str, what: String, help: &str| {
            wrong.push(Wrong { word: word.to_owned(), what, help: help.into() });
        };
        let lower = self.endpoint.to_ascii_lowercase();
        let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
        let authority = rest.map(|rest| rest.trim_end_matches('/')).unwrap_or_default();
        if authority.is_empty()
            || authority.contains(['/', '?', '#', '@'])
            || self.endpoint.parse::<ureq::http::Uri>().is_err()
        {
            blame(
                "endpoint",
                format!("archive.copy.endpoint `{}` is no address of a server", self.endpoint),
                "give scheme, host and port alone, for example https://s3.ap-northeast-1.amazonaws.com",
            );
        } else if lower.starts_with("http://") && !self.allow_http {
            blame(
                "endpoint",
                "archive.copy.endpoint has no TLS: records would be readable on their way".into(),
                "give it as https://…, or set allow_http = true",
            );
        }
        let in_bucket = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.bytes().all(in_bucket) {
            blame(
                "bucket",
                format!("archive.copy.bucket `{}` is no name of a bucket", self.bucket),
                "3 to 63 small letters, digits, hyphens and dots",
            );
        }
        let is_part = |part: &str| {
            !part.is_empty()
                && !part.bytes().all(|byte| byte == b'.')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte))
        };
        if !self.prefix.is_empty() && (self.prefix.len() > PREFIX_BYTES_MAX || !self.prefix.split('/').all(is_part)) {
            blame(
                "prefix",
                format!("archive.copy.prefix `{}` cannot stand before keys", self.prefix),
                "letters, digits, - _ . and = in parts between slashes, none at its begin and end",
            );
        }
        match (self.mode, self.retain_days) {
            (Some(_), Some(days)) if !(1..=RETAIN_DAYS_MAX).contains(&days) => {
                blame("retain_days", format!("archive.copy.retain_days is {days}"), "1 to 36500");
            }
            (Some(_), None) => blame(
                "mode",
                "archive.copy.mode is given and retain_days is not".into(),
                "say for how many days objects are locked",
            ),
            (None, Some(_)) => blame(
                "retain_days",
                "archive.copy.retain_days is given and mode is not".into(),
                "say whether the lock is `governance` or `compliance`",
            ),
            _ => {}
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &str, expected: &[&str]) {
        let text = format!("bucket = \"siem-archive\"\n{lines}");
        let config: CopyConfig = toml::from_str(&text).unwrap();
        let told: Vec<_> = config.check().iter().map(|wrong| format!("{}; {}", wrong.what, wrong.help)).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn mistakes_are_told_before_anything_is_sent() {
        check(
            "endpoint = \"https://s3.example.com\"\nprefix = \"tokyo/siem-1\"\nmode = \"compliance\"\nretain_days = 2555",
            &[],
        );
        check(
            "endpoint = \"http://192.0.2.1:9000\"",
            &[
                "archive.copy.endpoint has no TLS: records would be readable on their way; give it as https://…, or set allow_http = true",
            ],
        );
        check("endpoint = \"http://192.0.2.1:9000/\"\nallow_http = true", &[]);
        for endpoint in ["s3.example.com", "https://", "https://key:secret@s3.example.com", "https://s3.example.com/b"]
        {
            let told = format!(
                "archive.copy.endpoint `{endpoint}` is no address of a server; give scheme, host and port alone, for example https://s3.ap-northeast-1.amazonaws.com"
            );
            check(&format!("endpoint = \"{endpoint}\""), &[&told]);
        }
        let told = |prefix: &str| {
            format!(
                "archive.copy.prefix `{prefix}` cannot stand before keys; letters, digits, - _ . and = in parts between slashes, none at its begin and end"
            )
        };
        for prefix in ["/a", "a/", "a/../b", "a b"] {
            check(&format!("endpoint = \"https://s3.example.com\"\nprefix = \"{prefix}\""), &[&told(prefix)]);
        }
        check(
            "endpoint = \"https://s3.example.com\"\nmode = \"governance\"",
            &["archive.copy.mode is given and retain_days is not; say for how many days objects are locked"],
        );
        check(
            "endpoint = \"https://s3.example.com\"\nretain_days = 1",
            &[
                "archive.copy.retain_days is given and mode is not; say whether the lock is `governance` or `compliance`",
            ],
        );
        check(
            "endpoint = \"https://s3.example.com\"\nretain_days = 0\nmode = \"governance\"",
            &["archive.copy.retain_days is 0; 1 to 36500"],
        );
    }
}
