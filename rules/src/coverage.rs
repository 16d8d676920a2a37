//! Rules that can never match: why, by log source and by field.

use hashbrown::HashMap;
use noroshi_parsers::dictionary::FieldId;
use noroshi_parsers::event::EventView;
use noroshi_parsers::logsource::{LOG_SOURCES, LogSourceId};

use crate::compile::{CompiledItem, CompiledSearch, CompiledTest};
use crate::condition::Condition;
use crate::rule::{Item, Rule, RuleSource, Search};
use crate::set::{RuleIndex, RuleSet};
use crate::suggest::nearest;

/// Why a rule can never match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Blind {
    /// A name in its `logsource` is that of no log source understood here.
    UnknownName {
        /// `product`, `service` or `category`.
        part: &'static str,
        /// The name.
        name: String,
        /// The known name it may be a slip of.
        near: Option<&'static str>,
    },
    /// Each name is known, no log source answers to all of them.
    NoSource,
    /// Log sources that would answer are understood, and none of them is there.
    NotThere {
        /// Their names.
        answering: Vec<&'static str>,
    },
    /// Its log source is there, and no event of it had these fields, one of which each match needs.
    NoField {
        /// As the rule writes them.
        fields: Vec<String>,
    },
}

/// What is there: the log sources, and the fields their events had.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    sources: HashMap<LogSourceId, Fields>,
}

/// Ids of fields, a bit each.
#[derive(Clone, Debug, Default)]
struct Fields {
    bits: Vec<u64>,
    /// No event was looked at: any field may be there.
    any: bool,
}

impl Seen {
    /// Notes a log source that may come, with any fields.
    pub fn expect(&mut self, source: LogSourceId) {
        self.sources.entry(source).or_default().any = true;
    }

    /// Notes an event.
    pub fn note(&mut self, event: &EventView<'_>) {
        let fields = self.sources.entry(event.core().log_source).or_default();
        for field in event.fields() {
            let at = field.id.index();
            if fields.bits.len() <= at / 64 {
                fields.bits.resize(at / 64 + 1, 0);
            }
            fields.bits[at / 64] |= 1 << (at % 64);
        }
    }

    /// Joins what another looked at.
    pub fn join(&mut self, other: &Seen) {
        for (source, fields) in &other.sources {
            let own = self.sources.entry(*source).or_default();
            own.any |= fields.any;
            if own.bits.len() < fields.bits.len() {
                own.bits.resize(fields.bits.len(), 0);
            }
            own.bits.iter_mut().zip(&fields.bits).for_each(|(own, other)| *own |= other);
        }
    }

    /// Gives two log sources each other's fields, where both are there: records of one group lend them to each other.
    pub fn share(&mut self, one: LogSourceId, other: LogSourceId) {
        let (Some(fields), Some(others)) = (self.sources.get(&one), self.sources.get(&other)) else { return };
        let both = Seen { sources: HashMap::from_iter([(one, others.clone()), (other, fields.clone())]) };
        self.join(&both);
    }

    /// Names of the log sources there, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.sources.keys().map(|source| source.get().name).collect();
        names.sort_unstable();
        names
    }
}

impl Fields {
    fn has(&self, id: FieldId) -> bool {
        self.any || self.bits.get(id.index() / 64).is_some_and(|bits| bits >> (id.index() % 64) & 1 == 1)
    }
}

impl RuleSet {
    /// The rules that can never match where only `seen` comes in, in the set's order; all log sources that are understood
    /// count as there where it is `None`. No reason is given that could be wrong for another record of the same
    /// log source and fields.
    pub fn blind(&self, seen: Option<&Seen>) -> Vec<(RuleIndex, Blind)> {
        let mut by_source: HashMap<&RuleSource, Vec<LogSourceId>> = HashMap::new();
        for rule in &self.rules {
            by_source.entry(&rule.source).or_insert_with(|| answering(&rule.source));
        }
        let mut found = Vec::new();
        for (at, (rule, compiled)) in self.rules.iter().zip(&self.compiled).enumerate() {
            let answering = &by_source[&rule.source];
            let why = match seen {
                _ if answering.is_empty() => Some(unanswered(&rule.source)),
                Some(seen) => {
                    let needs = of_condition(&rule.condition, &of_selections(rule, &compiled.selections));
                    missing(answering, &needs, seen)
                }
                None => None,
            };
            found.extend(why.map(|why| (RuleIndex(at as u32), why)));
        }
        found
    }
}

fn answering(wanted: &RuleSource) -> Vec<LogSourceId> {
    let answers = |at: &LogSourceId| {
        at.get().answers(wanted.product.as_deref(), wanted.service.as_deref(), wanted.category.as_deref())
    };
    (0..LOG_SOURCES.len()).map(|at| LogSourceId(at as u16)).filter(answers).collect()
}

/// Why no log source answers.
fn unanswered(wanted: &RuleSource) -> Blind {
    type Part = (&'static str, fn(&RuleSource) -> Option<&String>, fn(usize) -> &'static [&'static str]);
    let parts: [Part; 3] = [
        ("product", |wanted| wanted.product.as_ref(), |at| LOG_SOURCES[at].products),
        ("service", |wanted| wanted.service.as_ref(), |at| LOG_SOURCES[at].services),
        ("category", |wanted| wanted.category.as_ref(), |at| LOG_SOURCES[at].categories),
    ];
    for (part, wanted_of, names_of) in parts {
        let Some(name) = wanted_of(wanted) else { continue };
        let known = || (0..LOG_SOURCES.len()).flat_map(names_of).copied();
        if !known().any(|known| known.eq_ignore_ascii_case(name)) {
            return Blind::UnknownName { part, name: name.clone(), near: nearest(name, known()) };
        }
    }
    Blind::NoSource
}

/// Most fields of one rule that are asked for; more would tell nothing more.
const NEEDED_MAX: usize = 64;

/// A field without which the rule can't match: its name and what it may mean.
type Needed = (String, Box<[FieldId]>);

fn missing(answering: &[LogSourceId], needs: &[Needed], seen: &Seen) -> Option<Blind> {
    let there: Vec<&Fields> = answering.iter().filter_map(|source| seen.sources.get(source)).collect();
    if there.is_empty() {
        return Some(Blind::NotThere { answering: answering.iter().map(|source| source.get().name).collect() });
    }
    let lacks = |fields: &Fields, (_, candidates): &Needed| !candidates.iter().any(|id| fields.has(*id));
    // The log source that comes closest tells what is missing.
    let lacking = there.iter().map(|fields| needs.iter().filter(|need| lacks(fields, need)).collect::<Vec<_>>());
    let fewest = lacking.min_by_key(Vec::len)?;
    let fields: Vec<String> = fewest.into_iter().map(|(name, _)| name.clone()).collect();
    (!fields.is_empty()).then_some(Blind::NoField { fields })
}

fn of_selections(rule: &Rule, compiled: &[CompiledSearch]) -> Vec<Vec<Needed>> {
    rule.selections.iter().zip(compiled).map(|(selection, compiled)| of_search(&selection.search, compiled)).collect()
}

fn of_condition(condition: &Condition, selections: &[Vec<Needed>]) -> Vec<Needed> {
    match condition {
        Condition::Selection(at) => selections[*at].clone(),
        Condition::And(parts) => all(parts.iter().map(|part| of_condition(part, selections))),
        Condition::Or(parts) => any(parts.iter().map(|part| of_condition(part, selections))),
        Condition::Not(_) => Vec::new(),
        Condition::Of { count, selections: among } if *count == among.len() => {
            all(among.iter().map(|at| selections[*at].clone()))
        }
        Condition::Of { selections: among, .. } => any(among.iter().map(|at| selections[*at].clone())),
    }
}

fn of_search(search: &Search, compiled: &CompiledSearch) -> Vec<Needed> {
    match (search, compiled) {
        (Search::All(parts), CompiledSearch::All(compiled)) => {
            all(parts.iter().zip(compiled).map(|(part, compiled)| of_search(part, compiled)))
        }
        (Search::Any(parts), CompiledSearch::Any(compiled)) => {
            any(parts.iter().zip(compiled).map(|(part, compiled)| of_search(part, compiled)))
        }
        (Search::Item(item), CompiledSearch::Item(compiled)) => of_item(item, compiled).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn of_item(item: &Item, compiled: &CompiledItem) -> Option<Needed> {
    let field = item.field.as_ref().filter(|_| !item.negated && !compiled.event_time)?;
    let absence = |test: &CompiledTest| matches!(test, CompiledTest::Null | CompiledTest::Exists(false));
    let absent = compiled.values.iter().any(|tests| tests.iter().any(absence));
    (!absent).then(|| (field.clone(), compiled.candidates.clone()))
}

fn all(parts: impl Iterator<Item = Vec<Needed>>) -> Vec<Needed> {
    let mut made: Vec<Needed> = Vec::new();
    for need in parts.flatten() {
        if made.len() < NEEDED_MAX && !made.contains(&need) {
            made.push(need);
        }
    }
    made
}

/// What every branch needs.
fn any(mut parts: impl Iterator<Item = Vec<Needed>>) -> Vec<Needed> {
    let first = parts.next().unwrap_or_default();
    parts.fold(first, |made, part| made.into_iter().filter(|need| part.contains(need)).collect())
}
