//! `[archive.retention]`: how long records are kept.

use std::collections::BTreeMap;
use std::time::Duration;

use noroshi_archive::{Limits, Retention};
use serde::Deserialize;

/// Longest age that can be set: beyond a thousand years it is a slip of the finger.
const AGE_DAYS_MAX: u64 = 365_000;

/// `[archive.retention]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// Age of records at which they go; absent = never.
    pub age_days: Option<u64>,
    /// Bytes of sealed files that one input may take; absent = any.
    pub bytes_max: Option<u64>,
    /// Bytes of all sealed files together; the oldest go. Absent = any.
    pub total_bytes_max: Option<u64>,
    /// Inputs with limits of their own.
    pub inputs: BTreeMap<String, LimitsConfig>,
}

/// Limits of one input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Age of records at which they go; absent = as for all.
    pub age_days: Option<u64>,
    /// Bytes of sealed files that it may take; absent = as for all.
    pub bytes_max: Option<u64>,
    /// The input is no more, and what it brought is still kept.
    pub retired: bool,
}

/// Something wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// A word that stands where the mistake is.
    pub(crate) word: String,
    pub(crate) what: String,
    pub(crate) help: String,
}

impl RetentionConfig {
    /// Everything wrong with it, beside inputs of these names and segments of so many bytes.
    pub(crate) fn check(&self, inputs: &[&str], segment_bytes: u64) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut limits = |place: &str, word: &str, age_days: Option<u64>, bytes: Option<u64>, key: &str| {
            if let Some(days) = age_days.filter(|days| !(1..=AGE_DAYS_MAX).contains(days)) {
                wrong.push(Wrong {
                    word: word.into(),
                    what: format!("{place}.age_days is {days}"),
                    help: format!("1 to {AGE_DAYS_MAX}; leave it out to keep records for ever"),
                });
            }
            let least = segment_bytes.saturating_mul(2);
            if let Some(bytes) = bytes.filter(|bytes| *bytes < least) {
                wrong.push(Wrong {
                    word: word.into(),
                    what: format!("{place}.{key} is {bytes}, less than two segments"),
                    help: format!("{least} at least, or smaller segments by archive.segment_bytes"),
                });
            }
        };
        limits("archive.retention", "[archive.retention]", self.age_days, self.bytes_max, "bytes_max");
        limits("archive.retention", "total_bytes_max", None, self.total_bytes_max, "total_bytes_max");
        for (name, of_input) in &self.inputs {
            let place = format!("archive.retention.inputs.{name}");
            limits(&place, name, of_input.age_days, of_input.bytes_max, "bytes_max");
        }
        for (name, of_input) in &self.inputs {
            let is_there = inputs.contains(&name.as_str());
            if !is_there && !of_input.retired {
                wrong.push(Wrong {
                    word: name.clone(),
                    what: format!("archive.retention names the input `{name}`, which is not configured"),
                    help: format!("configured are {}; for one that was removed, set retired = true", inputs.join(", ")),
                });
            }
            if is_there && of_input.retired {
                wrong.push(Wrong {
                    word: name.clone(),
                    what: format!("archive.retention calls the input `{name}` retired, and it is configured"),
                    help: "take `retired` out".into(),
                });
            }
        }
        wrong
    }

    /// As the archive takes it.
    pub(crate) fn retention(&self) -> Retention {
        let limits = |age_days: Option<u64>, bytes| {
            let age = age_days.map(|days| Duration::from_secs(days.saturating_mul(86_400)));
            Limits { age, bytes }
        };
        let inputs = self.inputs.iter();
        Retention {
            default: limits(self.age_days, self.bytes_max),
            inputs: inputs.map(|(name, own)| (name.clone(), limits(own.age_days, own.bytes_max))).collect(),
            total_bytes: self.total_bytes_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let config: RetentionConfig = toml::from_str(text).unwrap();
        let wrong = config.check(&["dns", "firewall"], 1000);
        let told: Vec<_> = wrong.iter().map(|wrong| format!("{}; {}", wrong.what, wrong.help)).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn mistakes_are_told_before_anything_is_removed() {
        check("", &[]);
        check("age_days = 365\ntotal_bytes_max = 2000\n[inputs]\ndns = { age_days = 30, bytes_max = 5000 }", &[]);
        check("age_days = 0", &["archive.retention.age_days is 0; 1 to 365000; leave it out to keep records for ever"]);
        check(
            "total_bytes_max = 1999",
            &[
                "archive.retention.total_bytes_max is 1999, less than two segments; 2000 at least, or smaller segments by archive.segment_bytes",
            ],
        );
        check(
            "inputs.fierwall.age_days = 3650",
            &[
                "archive.retention names the input `fierwall`, which is not configured; configured are dns, firewall; for one that was removed, set retired = true",
            ],
        );
        check("inputs.old = { age_days = 90, retired = true }", &[]);
        check(
            "inputs.old.age_days = 90",
            &[
                "archive.retention names the input `old`, which is not configured; configured are dns, firewall; for one that was removed, set retired = true",
            ],
        );
        check(
            "inputs.dns.retired = true",
            &["archive.retention calls the input `dns` retired, and it is configured; take `retired` out"],
        );
        let refused = toml::from_str::<RetentionConfig>("age_day = 1").unwrap_err().to_string();
        assert!(refused.contains("expected one of `age_days`, `bytes_max`, `total_bytes_max`, `inputs`"), "{refused}");
    }
}
