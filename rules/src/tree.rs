//! A rule against one event, part by part: what holds, what does not, and the actual values at each leaf.
//!
//! For the author who asks why a rule did or did not match. [`crate::explain`] says the same of hits only, in the few
//! words an alert has room for.

use noroshi_parsers::dictionary::{Dictionary, FieldId};
use noroshi_parsers::event::{EventView, Field, Kind};
use serde_json::{Value as Json, json};

use crate::compile::{CompiledItem, CompiledSearch, present};
use crate::condition::Condition;
use crate::explain::excerpt;
use crate::rule::{Item, Rule, Search, Test};
use crate::set::{RuleIndex, RuleSet};

/// Most values of one field that are shown.
pub const VALUES_MAX: usize = 16;

/// A rule against an event.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// Whether the event's log source is among those the rule asks for.
    pub applies: bool,
    /// Whether the condition holds, the log source aside.
    pub holds: bool,
    /// The condition.
    pub root: Branch,
}

/// What a part of a rule is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PartKind {
    /// Made of others: `and`, `not`, a selection.
    #[default]
    Group,
    /// A field against values.
    Field,
    /// Keywords against the whole record.
    Keywords,
    /// One value.
    Value,
}

/// One part of a rule.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Branch {
    /// What it is.
    pub kind: PartKind,
    /// Its words: `and`, `not`, `selection x`, `Image|endswith`, or a value as the rule writes it.
    pub label: String,
    /// Whether it holds.
    pub holds: bool,
    /// The field of the event that was meant. At a value: the field another one was compared with, or that a keyword
    /// was found in.
    pub field: Option<String>,
    /// Its values, each cut as those of alerts are; `None` where the event has no such field.
    pub values: Option<Vec<String>>,
    /// What it is made of.
    pub parts: Vec<Branch>,
}

impl Branch {
    /// The same as JSON: `part`, `holds`, and where they say something `field`, `values`, `parts`.
    pub fn to_json(&self) -> Json {
        let mut made = json!({"part": self.label, "holds": self.holds});
        if let Some(field) = &self.field {
            made["field"] = field.as_str().into();
        }
        if let Some(values) = &self.values {
            made["values"] = values.clone().into();
        }
        if !self.parts.is_empty() {
            made["parts"] = self.parts.iter().map(Branch::to_json).collect();
        }
        made
    }
}

impl RuleSet {
    /// Evaluates every part of `rule`, also those that decide nothing.
    ///
    /// # Panics
    /// If `rule` is of another set.
    pub fn verdict(&self, rule: RuleIndex, event: &EventView<'_>, dictionary: &Dictionary) -> Verdict {
        let (definition, compiled) = (&self.rules[rule.index()], &self.compiled[rule.index()]);
        let tree = Tree { definition, selections: &compiled.selections, event, dictionary };
        let wanted = &definition.source;
        let source = event.core().log_source.get();
        Verdict {
            applies: source.answers(wanted.product.as_deref(), wanted.service.as_deref(), wanted.category.as_deref()),
            holds: compiled.matches(event),
            root: tree.condition(&definition.condition),
        }
    }
}

struct Tree<'a> {
    definition: &'a Rule,
    selections: &'a [CompiledSearch],
    event: &'a EventView<'a>,
    dictionary: &'a Dictionary,
}

impl Tree<'_> {
    fn condition(&self, condition: &Condition) -> Branch {
        let all = |parts: &[Condition]| parts.iter().map(|part| self.condition(part)).collect::<Vec<_>>();
        let made = |label: &str, holds, parts| Branch { label: label.into(), holds, parts, ..Branch::default() };
        match condition {
            Condition::Selection(at) => self.selection(*at),
            Condition::And(parts) => {
                let parts = all(parts);
                made("and", parts.iter().all(|part| part.holds), parts)
            }
            Condition::Or(parts) => {
                let parts = all(parts);
                made("or", parts.iter().any(|part| part.holds), parts)
            }
            Condition::Not(inner) => {
                let inner = self.condition(inner);
                made("not", !inner.holds, vec![inner])
            }
            Condition::Of { count, selections } => {
                let parts: Vec<Branch> = selections.iter().map(|at| self.selection(*at)).collect();
                let found = parts.iter().filter(|part| part.holds).count();
                made(&format!("at least {count} of {} ({found} hold)", parts.len()), found >= *count, parts)
            }
        }
    }

    fn selection(&self, at: usize) -> Branch {
        let selection = &self.definition.selections[at];
        let inner = self.search(&selection.search, &self.selections[at]);
        let parts = match inner.kind {
            PartKind::Group if inner.label == "all" || inner.parts.len() == 1 => inner.parts,
            _ => vec![inner.clone()],
        };
        Branch { label: format!("selection {}", selection.name), holds: inner.holds, parts, ..Branch::default() }
    }

    fn search(&self, definition: &Search, compiled: &CompiledSearch) -> Branch {
        let (label, definitions, all) = match (definition, compiled) {
            (Search::All(definitions), CompiledSearch::All(all)) => ("all", definitions, all),
            (Search::Any(definitions), CompiledSearch::Any(all)) => ("any", definitions, all),
            (Search::Item(definition), CompiledSearch::Item(compiled)) => return self.item(definition, compiled),
            _ => return Branch::default(),
        };
        let parts = definitions.iter().zip(all).map(|(one, compiled)| self.search(one, compiled)).collect();
        Branch { label: label.into(), holds: compiled.matches(self.event), parts, ..Branch::default() }
    }

    fn item(&self, definition: &Item, compiled: &CompiledItem) -> Branch {
        let bar = if definition.modifiers.is_empty() { "" } else { "|" };
        let name = definition.field.as_deref().unwrap_or("keywords");
        let holds = compiled.matches(self.event);
        let kind = if compiled.keyword { PartKind::Keywords } else { PartKind::Field };
        let mut made =
            Branch { kind, label: format!("{name}{bar}{}", definition.modifiers), holds, ..Branch::default() };
        if !compiled.keyword {
            let id = present(&compiled.candidates, self.event);
            made.field = id.map(|id| self.dictionary.name(id).to_owned());
            made.values = id.map(|id| self.values(id));
        }
        for (value, tests) in definition.values.iter().zip(&compiled.values) {
            let witness = tests.iter().find_map(|test| compiled.witness(test, self.event));
            let mut leaf = Branch {
                kind: PartKind::Value,
                label: value.source.clone(),
                holds: tests.iter().any(|test| compiled.test(test, self.event)),
                ..Branch::default()
            };
            if let Some((field, bytes)) = witness.filter(|_| compiled.keyword) {
                leaf.field = Some(field.map_or("the record", |field| self.dictionary.name(field.id)).to_owned());
                leaf.values = Some(vec![excerpt(bytes, &value.source)]);
            }
            for test in &value.alternatives {
                if let Test::FieldRef { field, .. } = test {
                    leaf.field = Some(field.clone());
                    leaf.values = self.referred(field);
                }
            }
            made.parts.push(leaf);
        }
        made
    }

    /// The values of another field of the event.
    fn referred(&self, name: &str) -> Option<Vec<String>> {
        let names = crate::taxonomy::candidates(name, &self.definition.source);
        let ids: Vec<FieldId> = names.iter().filter_map(|name| self.dictionary.find(name.as_bytes())).collect();
        present(&ids, self.event).map(|id| self.values(id))
    }

    fn values(&self, id: FieldId) -> Vec<String> {
        let show = |field: &Field| match field.kind {
            Kind::Null => "null".to_owned(),
            _ => crate::explain::shown(self.event.value(field)),
        };
        self.event.all(id).take(VALUES_MAX).map(show).collect()
    }
}
