//! A correlation whose names are resolved: rules by index, fields by id.

use std::path::PathBuf;

use crate::compile::Candidates;
use crate::correlation::{CorrelationKind, CountCondition};
use crate::rule::{Level, Translation};
use crate::set::RuleIndex;

/// How values of a part compare beyond exact text. Addresses are canonical in every part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Normal {
    /// Exact.
    Exact,
    /// Lower case: host and domain names, MAC addresses.
    Lower,
    /// Lower case for Windows, directories and clouds, exact elsewhere.
    User,
}

/// One part of a group key, or the field whose values are counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyPart {
    /// The field's or alias's name in the correlation.
    pub name: String,
    /// The fields it may mean in events of this rule, in the order they are tried.
    pub candidates: Candidates,
    /// Where an event has none of them, the addresses that its text writes stand in: the key [`crate::key::ADDRESS`].
    pub written: bool,
    /// How values compare.
    pub normal: Normal,
}

/// A rule whose hits a correlation counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CorrelatedRule {
    /// The rule.
    pub rule: RuleIndex,
    /// The group key in its events, in the order of `group-by`.
    pub key: Vec<KeyPart>,
    /// The counted or measured field in its events.
    pub value: Option<KeyPart>,
    /// The entity in its events, for rare values.
    pub entity: Option<KeyPart>,
    /// Its place among the correlation's rules and correlations, in the file's order.
    pub part: u16,
    /// What a hit is worth to a risk.
    pub score: u32,
}

/// A correlation whose episodes a correlation counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CorrelatedChain {
    /// Its place among the correlations of the set.
    pub correlation: usize,
    /// The group key: places in its `group-by`.
    pub key: Box<[u16]>,
    /// Place in its `group-by` of the counted field.
    pub value: Option<u16>,
    /// Its place among the correlation's rules and correlations, in the file's order.
    pub part: u16,
    /// What an episode is worth to a risk.
    pub score: u32,
}

/// A correlation, ready to run.
#[derive(Clone, Debug)]
pub struct CorrelationRule {
    /// `id`, or one made from the digest.
    pub id: String,
    /// `title`.
    pub title: String,
    /// `description`.
    pub description: Option<String>,
    /// `level`.
    pub level: Level,
    /// `tags`.
    pub tags: Vec<String>,
    /// ATT&CK techniques of the tags.
    pub techniques: Vec<String>,
    /// `noroshi.ja`.
    pub ja: Option<Translation>,
    /// `falsepositives`.
    pub falsepositives: Vec<String>,
    /// `references`.
    pub references: Vec<String>,
    /// The file it is from.
    pub file: PathBuf,
    /// The line its document starts in.
    pub line: u32,
    /// What is looked for.
    pub kind: CorrelationKind,
    /// The bound.
    pub condition: CountCondition,
    /// The rules, once each, in the file's order.
    pub rules: Vec<CorrelatedRule>,
    /// The correlations among them.
    pub chains: Vec<CorrelatedChain>,
    /// Whether an episode is an alert of its own. False for correlations that only feed others.
    pub alerts: bool,
    /// The names of the key's parts.
    pub group_by: Vec<String>,
    /// The name of the counted or measured field.
    pub field: Option<String>,
    /// The window; of buckets, their span.
    pub window_ns: i64,
    /// Where the hours of a baseline are told, as a time zone's name.
    pub calendar: Option<String>,
    /// Whether the rules raise alerts of their own too.
    pub generate: bool,
    /// `noroshi.lateness`, over the sources' own.
    pub lateness_ns: Option<i64>,
    /// `noroshi.max_episode`, over the default.
    pub max_episode_ns: Option<i64>,
    /// SHA-256 over its definition and those of its rules: state belongs to this.
    pub definition_digest: [u8; 32],
}
