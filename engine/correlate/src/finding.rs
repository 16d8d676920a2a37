//! A finding: one episode of one rule and key, open while it may still change, final at the watermark.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{Key, RuleSpec, SourceId};

/// Distinct sources named by a finding; the smallest ids are kept, so the choice does not depend on arrival.
pub const SOURCES_MAX: usize = 64;

/// Whether the finding may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The condition holds on what has been seen.
    Open,
    /// Nothing in time can change it any more.
    Final,
}

/// What ended a final episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The watermark passed last + W.
    Watermark,
    /// The input ended.
    Input,
    /// It reached `max_episode`; another episode follows.
    MaxEpisode,
    /// The rule was changed or removed.
    Reload,
    /// The rule's budget was spent and the key's state given up.
    Evicted,
}

/// Evidence of one member of an episode.
#[derive(Clone, Debug)]
pub struct Member<E> {
    /// Event time.
    pub time_ns: i64,
    /// Content digest.
    pub digest: [u8; 16],
    /// Where the event came from.
    pub source: SourceId,
    /// Which of the correlation's rules was hit.
    pub part: u16,
    /// The hit's payload.
    pub evidence: E,
}

/// Steps a finding tells: a page of a timeline. The earliest are kept, so the choice does not depend on arrival.
pub const STEPS_MAX: usize = 64;

/// What one rule, or one episode of a correlation, brought to a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which of the correlation's rules.
    pub part: u16,
    /// The id of the episode, where it is one ([`finding_id`]); else the digest of the first hit.
    pub digest: [u8; 16],
    /// Time of its first hit.
    pub first_ns: i64,
    /// Time of its last hit.
    pub last_ns: i64,
    /// How many hits.
    pub count: u64,
}

/// Number of distinct values over the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueCount {
    /// How many.
    pub number: u64,
    /// Above [`crate::VALUES_EXACT_MAX`] it is an estimate.
    pub approximate: bool,
}

/// A correlation that fired.
#[derive(Clone, Debug)]
pub struct Finding<E> {
    /// Index of the rule in the rule set in force (of the set left behind, if `ended` is `Reload`).
    pub rule: u32,
    /// The rule.
    pub spec: Arc<RuleSpec>,
    /// Group key.
    pub key: Key,
    /// Open or final.
    pub state: State,
    /// First 16 bytes of SHA-256 over rule id, definition digest, key and trigger time.
    pub id: [u8; 16],
    /// Open ids this finding replaces: they depend on arrival, so they are no part of the canonical form.
    pub supersedes: Vec<[u8; 16]>,
    /// Time of the earliest member.
    pub first_ns: i64,
    /// Time of the first hit at which the condition held.
    pub trigger_ns: i64,
    /// Time of the last hit at which the condition held.
    pub last_ns: i64,
    /// Number of members.
    pub count: u64,
    /// Distinct values over the members, for `value_count`; distinct rules, for `temporal`.
    pub value_count: Option<ValueCount>,
    /// What the kind measures over the window of the trigger, in units of [`crate::NUMBER_UNIT`].
    pub measured: Option<i128>,
    /// What was to be expected by the key's history, in the same units.
    pub expected: Option<i128>,
    /// What the members were, rule by rule and episode by episode, at most [`STEPS_MAX`]; for risk and for correlations of correlations.
    pub steps: Vec<Step>,
    /// There were more steps than are told.
    pub steps_more: bool,
    /// First members, at most `evidence_max`.
    pub evidence_first: Vec<Member<E>>,
    /// Last members that are not already among the first, at most `evidence_max`.
    pub evidence_last: Vec<Member<E>>,
    /// Sources of the members, ascending, at most [`SOURCES_MAX`].
    pub sources: Vec<SourceId>,
    /// There were more sources than are named.
    pub sources_more: bool,
    /// What ended it; only when final.
    pub ended: Option<Ended>,
    /// Completeness in percent, when state that may have mattered was evicted.
    pub incomplete: Option<u8>,
    /// Findings with this id sent before this one (provenance).
    pub updates: u32,
    /// The rule's state is complete since this event time; `i64::MIN` from the start.
    pub complete_since_ns: i64,
}

impl<E> Finding<E> {
    /// Everything that must not depend on arrival, in one fixed encoding. Opens have one too, but only finals are promised equal.
    #[must_use]
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160 + self.key.bytes().len() + 32 * self.evidence_first.len() * 2);
        put(&mut out, self.spec.id.as_bytes());
        out.extend_from_slice(&self.spec.definition_digest);
        put(&mut out, self.key.bytes());
        out.push(self.state as u8);
        out.extend_from_slice(&self.id);
        for time in [self.first_ns, self.trigger_ns, self.last_ns] {
            out.extend_from_slice(&time.to_be_bytes());
        }
        out.extend_from_slice(&self.count.to_be_bytes());
        let values = self.value_count.unwrap_or(ValueCount { number: u64::MAX, approximate: false });
        out.extend_from_slice(&values.number.to_be_bytes());
        out.push(u8::from(values.approximate));
        out.extend_from_slice(&self.measured.unwrap_or(i128::MIN).to_be_bytes());
        out.extend_from_slice(&self.expected.unwrap_or(i128::MIN).to_be_bytes());
        for members in [&self.evidence_first, &self.evidence_last] {
            out.extend_from_slice(&(members.len() as u64).to_be_bytes());
            for member in members {
                out.extend_from_slice(&member.time_ns.to_be_bytes());
                out.extend_from_slice(&member.digest);
                out.extend_from_slice(&member.source.0.to_be_bytes());
                out.extend_from_slice(&member.part.to_be_bytes());
            }
        }
        out.extend_from_slice(&(self.steps.len() as u64).to_be_bytes());
        for step in &self.steps {
            out.extend_from_slice(&step.part.to_be_bytes());
            out.extend_from_slice(&step.digest);
            for number in [step.first_ns as u64, step.last_ns as u64, step.count] {
                out.extend_from_slice(&number.to_be_bytes());
            }
        }
        out.push(u8::from(self.steps_more));
        out.extend_from_slice(&(self.sources.len() as u64).to_be_bytes());
        for source in &self.sources {
            out.extend_from_slice(&source.0.to_be_bytes());
        }
        out.push(u8::from(self.sources_more));
        out.push(self.ended.map_or(u8::MAX, |ended| ended as u8));
        out.push(self.incomplete.unwrap_or(u8::MAX));
        out
    }

    /// Canonical order of findings: trigger, then rule id, then key, then opens before finals.
    #[must_use]
    pub fn canonical_order(&self, other: &Finding<E>) -> std::cmp::Ordering {
        (self.trigger_ns, &self.spec.id, self.key.bytes(), self.state).cmp(&(
            other.trigger_ns,
            &other.spec.id,
            other.key.bytes(),
            other.state,
        ))
    }
}

/// The id of the episode of this rule and key with this trigger.
#[must_use]
pub fn finding_id(rule_id: &str, definition_digest: &[u8; 32], key: &Key, trigger_ns: i64) -> [u8; 16] {
    let mut buffer = Vec::with_capacity(56 + rule_id.len() + key.bytes().len());
    put(&mut buffer, rule_id.as_bytes());
    buffer.extend_from_slice(definition_digest);
    put(&mut buffer, key.bytes());
    buffer.extend_from_slice(&trigger_ns.to_be_bytes());
    let digest = Sha256::digest(&buffer);
    let mut id = [0u8; 16];
    id.copy_from_slice(&digest[..16]);
    id
}

/// Bytes with their length before them, so that neighbours cannot trade bytes.
fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(bytes);
}
