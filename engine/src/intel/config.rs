//! `[indicators]`, `[[feed]]` and `[[asset]]` of the configuration.

use std::net::IpAddr;
use std::path::PathBuf;

use noroshi_rules::indicators::{ColumnMap, Feed, Tlp};
use serde::Deserialize;

use super::grade::{Criticality, Grading};
use crate::severity::Severity;

/// `[indicators]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IndicatorsConfig {
    /// Files that belong to no feed, and directories of them.
    pub paths: Vec<PathBuf>,
    /// Known-good lists (MISP warning lists or plain lists), and directories of them.
    pub known_good: Vec<PathBuf>,
    /// Whether the text of records is searched, too: defanged and embedded values that no decoder made a field of.
    pub scan_records: bool,
    /// Confidence of indicators that nobody states one for, 0 to 100.
    pub default_confidence: u8,
    /// Severity by an asset's criticality and the confidence.
    pub severity: SeverityTable,
}

impl Default for IndicatorsConfig {
    fn default() -> Self {
        IndicatorsConfig {
            paths: Vec::new(),
            known_good: Vec::new(),
            scan_records: false,
            default_confidence: 75,
            severity: SeverityTable::default(),
        }
    }
}

/// A row for each criticality: severity at a confidence under 40, under 75, and from 75 on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeverityTable {
    /// Assets nobody would miss for a day.
    pub low: [Severity; 3],
    /// What is declared nowhere.
    pub medium: [Severity; 3],
    /// Assets a business line stands on.
    pub high: [Severity; 3],
    /// Assets the bank stands on.
    pub critical: [Severity; 3],
}

impl Default for SeverityTable {
    fn default() -> Self {
        use Severity::{Critical, High, Info, Low, Medium};
        SeverityTable {
            low: [Info, Low, Medium],
            medium: [Low, Medium, High],
            high: [Medium, High, Critical],
            critical: [High, Critical, Critical],
        }
    }
}

/// One `[[asset]]` table: what some hosts and networks are worth.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetConfig {
    /// Networks and addresses.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Host names, whole or `*.example.com`.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// How much hangs on them.
    pub criticality: Criticality,
}

/// One `[[feed]]` table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedConfig {
    /// Name on alerts, in metrics and of its directory in the state directory.
    pub name: String,
    /// Files, and directories of them, watched for changes.
    #[serde(default)]
    pub paths: Vec<PathBuf>,
    /// A document that is polled; or the root of a MISP feed, or of a TAXII API.
    pub url: Option<String>,
    /// How the URL is spoken to.
    #[serde(rename = "type", default)]
    pub kind: FeedType,
    /// taxii: id of the collection.
    pub collection: Option<String>,
    /// How often it is polled.
    #[serde(default = "default_interval_s")]
    pub interval_s: u64,
    /// Confidence of indicators that state none, 0 to 100.
    pub confidence: Option<u8>,
    /// Marking of indicators that carry none.
    pub tlp: Option<String>,
    /// How long an indicator holds that does not say itself.
    pub lifetime_days: Option<u32>,
    /// Whether a domain stands for what is under it.
    #[serde(default = "yes")]
    pub subdomains: bool,
    /// Whether MISP attributes that are not marked for detection are left out.
    #[serde(default = "yes")]
    pub to_ids_only: bool,
    /// CSV: names of columns.
    #[serde(default)]
    pub columns: Columns,
    /// File that holds the value of the Authorization header.
    pub authorization_file: Option<PathBuf>,
    /// CAs that sign the server's certificate, PEM; instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// Speak plain HTTP, too.
    #[serde(default)]
    pub allow_http: bool,
    /// Networks that may be connected to although they are loopback, link-local or of a cloud's metadata; or, after a redirect, private.
    #[serde(default)]
    pub allow_networks: Vec<String>,
    /// Longest document taken.
    #[serde(default = "default_bytes_max")]
    pub bytes_max: u64,
    /// How long one request may take.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: u64,
}

/// How a feed's URL is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedType {
    /// One document: a list, CSV, a STIX bundle or MISP events.
    #[default]
    Document,
    /// A MISP feed: `manifest.json` and one file an event.
    Misp,
    /// A TAXII 2.1 collection.
    Taxii,
}

/// Names of a CSV file's columns.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    value: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    confidence: Option<String>,
    tlp: Option<String>,
    valid_from: Option<String>,
    valid_until: Option<String>,
    labels: Option<String>,
    threats: Option<String>,
    references: Option<String>,
    description: Option<String>,
}

fn default_interval_s() -> u64 {
    3_600
}

fn default_timeout_s() -> u64 {
    300
}

fn default_bytes_max() -> u64 {
    4 << 30
}

fn yes() -> bool {
    true
}

/// What is wrong with a table, and the way out.
pub struct Wrong {
    /// The word to blame.
    pub word: String,
    /// What is wrong.
    pub what: String,
    /// The way out.
    pub help: &'static str,
}

impl FeedConfig {
    /// Everything that is wrong.
    pub fn check(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut blame = |word: &str, what: String, help| wrong.push(Wrong { word: word.to_owned(), what, help });
        let named = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(named) {
            blame(
                &self.name,
                format!("feed `{}`: the name is also a directory's", self.name),
                "use letters, digits, `-` and `_`",
            );
        }
        let twofold = match (&self.url, self.paths.is_empty()) {
            (None, true) => Some(("has neither `paths` nor `url`", "say where it comes from")),
            (Some(_), false) => Some(("has `paths` and `url`", "make two feeds of it")),
            _ => None,
        };
        if let Some((what, help)) = twofold {
            blame(&self.name, format!("feed `{}` {what}", self.name), help);
        }
        if let Some(url) = &self.url {
            let uri = url.parse::<ureq::http::Uri>().ok();
            let scheme = uri.as_ref().and_then(|uri| uri.scheme_str()).unwrap_or_default();
            if scheme != "https" && scheme != "http" || uri.as_ref().is_none_or(|uri| uri.host().is_none()) {
                blame(url, format!("feed `{}`: `url` is no web address", self.name), "give it as https://host/path");
            } else if uri
                .as_ref()
                .and_then(|uri| uri.authority())
                .is_some_and(|authority| authority.as_str().contains('@'))
            {
                blame(
                    url,
                    format!("feed `{}`: `url` holds a user name or password", self.name),
                    "put `Basic …` into a file and name it as authorization_file",
                );
            } else if scheme == "http" && !self.allow_http {
                blame(
                    url,
                    format!("feed `{}`: `url` is not https", self.name),
                    "anyone on the way could change the feed; set allow_http = true to take it all the same",
                );
            }
        }
        if (self.kind == FeedType::Taxii) != self.collection.is_some() {
            blame(
                &self.name,
                format!("feed `{}`: a `collection` is what type \"taxii\" needs, and only that", self.name),
                "give both, or neither",
            );
        }
        if self.kind != FeedType::Document && self.url.is_none() {
            blame(
                &self.name,
                format!("feed `{}`: the type needs a `url`", self.name),
                "files are read as what they are; leave `type` out",
            );
        }
        if self.interval_s < 10 {
            blame(
                "interval_s",
                format!("feed `{}`: interval_s is under 10", self.name),
                "servers refuse whoever asks so often; 3600 is the default",
            );
        }
        if self.confidence.is_some_and(|confidence| confidence > 100) {
            blame("confidence", format!("feed `{}`: confidence is over 100", self.name), "give a number from 0 to 100");
        }
        if let Some(tlp) = self.tlp.as_deref().filter(|tlp| Tlp::parse(tlp).is_none()) {
            blame(
                tlp,
                format!("feed `{}`: unknown marking `{tlp}`", self.name),
                "clear, white, green, amber, amber+strict or red",
            );
        }
        for network in &self.allow_networks {
            if parse_network(network).is_none() {
                blame(network, format!("feed `{}`: `{network}` is no network", self.name), "give it as 192.0.2.0/24");
            }
        }
        wrong
    }

    /// As the reader of indicators takes it.
    pub fn feed(&self) -> Feed {
        let columns = self.columns.clone();
        Feed {
            name: self.name.clone(),
            confidence: self.confidence,
            tlp: self.tlp.as_deref().and_then(Tlp::parse),
            lifetime_s: self.lifetime_days.map(|days| u64::from(days) * 86_400),
            subdomains: self.subdomains,
            to_ids_only: self.to_ids_only,
            columns: ColumnMap {
                value: columns.value,
                kind: columns.kind,
                confidence: columns.confidence,
                tlp: columns.tlp,
                valid_from: columns.valid_from,
                valid_until: columns.valid_until,
                labels: columns.labels,
                threats: columns.threats,
                references: columns.references,
                description: columns.description,
            },
            read_s: 0,
        }
    }
}

impl AssetConfig {
    /// Everything that is wrong.
    pub fn check(&self) -> Vec<Wrong> {
        let bad = self.networks.iter().filter(|network| parse_network(network).is_none());
        let blame = |network: &String| Wrong {
            word: network.clone(),
            what: format!("[[asset]]: `{network}` is no network"),
            help: "give it as 192.0.2.0/24, or one address",
        };
        let mut wrong: Vec<Wrong> = bad.map(blame).collect();
        if self.networks.is_empty() && self.hosts.is_empty() {
            let what = "[[asset]] has neither `networks` nor `hosts`".into();
            wrong.push(Wrong { word: "[[asset]]".into(), what, help: "say what it is about" });
        }
        wrong
    }
}

/// The table in the form it is asked.
pub(super) fn grading(indicators: &IndicatorsConfig, assets: &[AssetConfig]) -> Grading {
    let mut networks = Vec::new();
    let mut hosts = Vec::new();
    for asset in assets {
        networks.extend(asset.networks.iter().filter_map(|text| Some((parse_network(text)?, asset.criticality))));
        hosts.extend(asset.hosts.iter().map(|host| (host.to_lowercase(), asset.criticality)));
    }
    Grading::new(indicators.severity.clone(), indicators.default_confidence.min(100), networks, hosts)
}

/// A network, or one address as a network of its own: the address and how many bits of it count.
pub(super) fn parse_network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let ip: IpAddr = address.trim().parse().ok()?;
    let bits = if ip.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(bits);
    (prefix <= bits).then_some((ip, prefix))
}

/// Whether a network holds an address.
pub(super) fn holds((network, prefix): (IpAddr, u8), ip: IpAddr) -> bool {
    match (network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            u32::from(network) & mask == u32::from(ip) & mask
        }
        (IpAddr::V6(network), IpAddr::V6(ip)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            u128::from(network) & mask == u128::from(ip) & mask
        }
        _ => false,
    }
}
