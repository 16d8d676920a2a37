//! How bad an alert is, in words and as ECS's number.

use serde::Deserialize;

/// Severity of an alert. Sigma's levels, `informational` said shorter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth keeping.
    Info,
    /// Worth a look in the week.
    Low,
    /// Worth a look today. What a rule without a level gets.
    #[default]
    Medium,
    /// Now.
    High,
    /// Now, and call.
    Critical,
}

impl Severity {
    /// The severity of a Sigma `level`.
    pub fn of_level(level: &str) -> Self {
        match level {
            "informational" | "info" => Severity::Info,
            "low" => Severity::Low,
            "high" => Severity::High,
            "critical" => Severity::Critical,
            _ => Severity::Medium,
        }
    }

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// `event.severity`: 0–100, so that other products' scales can be placed between.
    pub fn number(self) -> u8 {
        match self {
            Severity::Info => 10,
            Severity::Low => 30,
            Severity::Medium => 50,
            Severity::High => 70,
            Severity::Critical => 90,
        }
    }
}
