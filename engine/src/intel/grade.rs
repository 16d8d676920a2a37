//! What a hit is worth: the confidence in the indicator, and how much hangs on the asset that met it.

use std::net::IpAddr;

use noroshi_parsers::ecs;
use serde::Deserialize;

use super::config::{SeverityTable, holds};
use crate::evidence::Evidence;
use crate::severity::Severity;

/// How much hangs on an asset.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Criticality {
    /// Nobody would miss it for a day.
    Low,
    /// What is declared nowhere.
    #[default]
    Medium,
    /// A business line stands on it.
    High,
    /// The bank stands on it.
    Critical,
}

impl Criticality {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Criticality::Low => "low",
            Criticality::Medium => "medium",
            Criticality::High => "high",
            Criticality::Critical => "critical",
        }
    }
}

/// Confidence × criticality → severity.
#[derive(Debug, Clone)]
pub struct Grading {
    table: SeverityTable,
    default_confidence: u8,
    networks: Vec<((IpAddr, u8), Criticality)>,
    hosts: Vec<(String, Criticality)>,
}

impl Default for Grading {
    fn default() -> Self {
        super::config::grading(&super::config::IndicatorsConfig::default(), &[])
    }
}

/// Confidence from which the second and the third column of the table apply.
const COLUMNS: [u8; 2] = [40, 75];

impl Grading {
    pub(super) fn new(
        table: SeverityTable,
        default_confidence: u8,
        networks: Vec<((IpAddr, u8), Criticality)>,
        hosts: Vec<(String, Criticality)>,
    ) -> Self {
        Grading { table, default_confidence, networks, hosts }
    }

    /// The severity of a hit of a confidence on an asset.
    pub fn severity(&self, confidence: Option<u8>, criticality: Criticality) -> Severity {
        let confidence = confidence.unwrap_or(self.default_confidence);
        let column = COLUMNS.iter().filter(|&&from| confidence >= from).count();
        let row = match criticality {
            Criticality::Low => &self.table.low,
            Criticality::Medium => &self.table.medium,
            Criticality::High => &self.table.high,
            Criticality::Critical => &self.table.critical,
        };
        row[column]
    }

    /// The most critical of the declared assets in a record; medium where there is none.
    pub fn criticality(&self, evidence: &Evidence) -> Criticality {
        const ADDRESSES: [noroshi_parsers::dictionary::FieldId; 4] =
            [ecs::SOURCE_IP, ecs::DESTINATION_IP, ecs::CLIENT_IP, ecs::SERVER_IP];
        const NAMES: [noroshi_parsers::dictionary::FieldId; 3] =
            [ecs::HOST_NAME, ecs::SOURCE_DOMAIN, ecs::DESTINATION_DOMAIN];
        let of_entity = |(id, value): &(noroshi_parsers::dictionary::FieldId, Box<str>)| {
            if ADDRESSES.contains(id) {
                let ip = value.parse::<IpAddr>().ok()?.to_canonical();
                self.networks
                    .iter()
                    .filter(|(network, _)| holds(*network, ip))
                    .map(|(_, criticality)| *criticality)
                    .max()
            } else if NAMES.contains(id) {
                let name = value.to_lowercase();
                let is = |host: &str| match host.strip_prefix('*') {
                    Some(under) => name.ends_with(under),
                    None => name == host,
                };
                self.hosts.iter().filter(|(host, _)| is(host)).map(|(_, criticality)| *criticality).max()
            } else {
                None
            }
        };
        evidence.entities.iter().filter_map(of_entity).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_and_criticality_make_the_severity() {
        let grading = Grading::default();
        for (confidence, criticality, expected) in [
            (Some(10), Criticality::Medium, Severity::Low),
            (Some(74), Criticality::Medium, Severity::Medium),
            (None, Criticality::Medium, Severity::High),
            (Some(90), Criticality::Critical, Severity::Critical),
            (Some(0), Criticality::Low, Severity::Info),
        ] {
            assert_eq!(grading.severity(confidence, criticality), expected, "{confidence:?} {criticality:?}");
        }
    }
}
