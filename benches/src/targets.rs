//! The targets of `targets.toml`, and what falls short of them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// `targets.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// What the absolute figures are for.
    pub server: Server,
    /// How the gate judges.
    pub gate: Gate,
    /// By name of the figure.
    pub figure: BTreeMap<String, Target>,
}

/// The server that the absolute figures are for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its class.
    pub class: String,
}

/// How the gate judges.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The gate fails below `ratio` times this.
    pub margin: f64,
    /// The gate fails above latency and memory times this.
    pub excess: f64,
}

/// What one figure should be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Units a second on the named server.
    pub per_s: Option<f64>,
    /// Gigabytes (10⁹) a second on the named server.
    pub gb_per_s: Option<f64>,
    /// Nanoseconds a unit on the named server.
    pub ns: Option<f64>,
    /// Speed as a part of the baseline's, on any machine.
    pub ratio: Option<f64>,
    /// Greatest resident memory.
    pub rss_mb: Option<f64>,
    /// Greatest 99th percentile.
    pub p99_ms: Option<f64>,
}

impl Targets {
    /// Reads a file's text.
    ///
    /// # Errors
    /// Says what is wrong where.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("targets.toml")
    }

    /// The target of a figure; none at all where the file names none.
    #[must_use]
    pub fn of(&self, name: &str) -> Target {
        self.figure.get(name).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_sound_and_its_margin_lets_a_halved_speed_fail() {
        let targets = Targets::parse(include_str!("../targets.toml")).expect("targets.toml reads");
        assert!((0.5..0.9).contains(&targets.gate.margin), "a margin below a half lets a halved speed pass");
        assert!(targets.figure.values().all(|target| target.ratio.is_none_or(|ratio| ratio > 0.0)));
        assert_eq!(targets.of("end_to_end").rss_mb, Some(400.0));
        assert!(Targets::parse("[figure.x]\nper_second = 1").is_err());
    }
}
