//! Why a rule matched: which field, which pattern, which value.

use noroshi_parsers::dictionary::FieldId;
use noroshi_parsers::event::EventView;

use crate::compile::{CompiledItem, CompiledSearch, present};
use crate::condition::Condition;
use crate::rule::{Item, Search, Test};
use crate::set::{RuleIndex, RuleSet};

/// Longest value shown; the event keeps the whole.
pub const VALUE_BYTES_MAX: usize = 512;
/// Most reasons of one rule.
pub const REASONS_MAX: usize = 64;

/// One reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explain {
    /// The selection's name.
    pub selection: String,
    /// The field's name in the rule; `None` for keywords.
    pub field: Option<String>,
    /// Which field of the event it meant; `None` for the raw record and for absent fields.
    pub id: Option<FieldId>,
    /// The modifiers, as the rule writes them; empty for plain equality.
    pub operator: String,
    /// The value of the rule, as it writes it.
    pub pattern: String,
    /// The value of the event, cut after [`VALUE_BYTES_MAX`] bytes; `None` where absence matched.
    pub value: Option<String>,
}

impl RuleSet {
    /// Why `rule` matches `event`: the parts of the condition that are affirmed and hold.
    /// Empty if it does not match, or by absences of whole selections only.
    pub fn explain(&self, rule: RuleIndex, event: &EventView<'_>) -> Vec<Explain> {
        let (definition, compiled) = (&self.rules[rule.index()], &self.compiled[rule.index()]);
        let mut affirmed = vec![false; definition.selections.len()];
        affirm(&definition.condition, &mut affirmed);
        let mut reasons = Vec::new();
        if !compiled.matches(event) {
            return reasons;
        }
        for (at, selection) in definition.selections.iter().enumerate() {
            if affirmed[at] && compiled.selections[at].matches(event) {
                search(&selection.name, &selection.search, &compiled.selections[at], event, &mut reasons);
            }
        }
        reasons.truncate(REASONS_MAX);
        reasons
    }
}

/// Marks the selections that stand under no negation.
fn affirm(condition: &Condition, affirmed: &mut [bool]) {
    match condition {
        Condition::Selection(at) => affirmed[*at] = true,
        Condition::And(all) | Condition::Or(all) => all.iter().for_each(|one| affirm(one, affirmed)),
        Condition::Not(_) => {}
        Condition::Of { selections, .. } => selections.iter().for_each(|at| affirmed[*at] = true),
    }
}

fn search(
    name: &str,
    definition: &Search,
    compiled: &CompiledSearch,
    event: &EventView<'_>,
    reasons: &mut Vec<Explain>,
) {
    match (definition, compiled) {
        (Search::Item(definition), CompiledSearch::Item(compiled)) => item(name, definition, compiled, event, reasons),
        (Search::All(definitions), CompiledSearch::All(all)) | (Search::Any(definitions), CompiledSearch::Any(all)) => {
            for (definition, compiled) in definitions.iter().zip(all) {
                if compiled.matches(event) {
                    search(name, definition, compiled, event, reasons);
                }
            }
        }
        _ => {}
    }
}

fn item(name: &str, definition: &Item, compiled: &CompiledItem, event: &EventView<'_>, reasons: &mut Vec<Explain>) {
    let reason = |pattern: String, id, value| Explain {
        selection: name.to_owned(),
        field: definition.field.clone(),
        id,
        operator: definition.modifiers.clone(),
        pattern,
        value,
    };
    if definition.negated {
        let patterns: Vec<&str> = definition.values.iter().map(|value| value.source.as_str()).collect();
        let id = present(&compiled.candidates, event);
        reasons.push(reason(patterns.join(", "), id, id.and_then(|id| event.first(id)).map(shown)));
        return;
    }
    for (value, tests) in definition.values.iter().zip(&compiled.values) {
        let witness = tests.iter().find_map(|test| compiled.witness(test, event));
        if let Some((field, bytes)) = witness {
            let around = match (field, value.alternatives.first()) {
                (None, Some(Test::Text(_))) => excerpt(bytes, &value.source),
                _ => shown(bytes),
            };
            reasons.push(reason(value.source.clone(), field.map(|field| field.id), Some(around)));
        } else if value.alternatives.iter().any(|test| matches!(test, Test::Null | Test::Exists(_))) {
            let id = present(&compiled.candidates, event);
            let holds = value.alternatives.iter().any(|test| match test {
                Test::Exists(wanted) => *wanted == id.is_some(),
                Test::Null => compiled.is_null(event),
                _ => false,
            });
            if holds {
                reasons.push(reason(value.source.clone(), id, None));
            }
        }
    }
}

/// A value as text, cut.
pub(crate) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(VALUE_BYTES_MAX)]).into_owned()
}

/// The part of a raw record around a keyword.
pub(crate) fn excerpt(record: &[u8], keyword: &str) -> String {
    let word = keyword.trim_matches('*').to_ascii_lowercase();
    let lower = record.to_ascii_lowercase();
    let at = memchr::memmem::find(&lower, word.as_bytes()).unwrap_or(0);
    let from = at.saturating_sub(VALUE_BYTES_MAX / 4);
    shown(&record[from..])
}
