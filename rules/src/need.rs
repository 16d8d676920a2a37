//! What an event must have for a rule to be worth evaluating.
//!
//! From a rule's condition comes a set of literals of which at least one is found in every
//! event the rule matches. It may let too much through, it never leaves a match out:
//! negations and absences ask for nothing, an `or` asks for what all its branches ask for
//! together, an `and` for what its rarest member asks for.

use std::collections::BTreeSet;

use crate::compile::{Candidates, CompiledItem, CompiledRule, CompiledSearch, CompiledTest};
use crate::condition::Condition;
use crate::expression;
use crate::fold;
use crate::pattern::{Pattern, Piece};
use crate::rule::{Item, Rule, Search, Test};

/// Where a literal must stand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Where {
    Equals,
    Prefix,
    Suffix,
    Contains,
    /// The field must have a value; no literal.
    Present,
}

/// One thing an event may have.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Literal {
    /// The field; empty for anywhere in the record.
    pub(crate) candidates: Candidates,
    pub(crate) at: Where,
    /// Folded.
    pub(crate) bytes: Box<[u8]>,
}

/// What a rule needs: one of these, or nothing at all.
pub(crate) type Need = Option<Vec<Literal>>;

/// Longest literal that counts for more than a shorter one.
const WEIGHT_BYTES_MAX: usize = 24;

/// Shortest literal of a regular expression that is looked for.
const REGEX_LITERAL_MIN: usize = 3;

/// A number says less than a single letter anywhere.
const WEIGHT_NUMBER: usize = 2;

/// How rare it is, roughly: the length of its least literal, less for many of them.
fn weight(need: &Need) -> usize {
    let Some(literals) = need else { return 0 };
    let least = literals.iter().map(|literal| match literal.at {
        // Event ids, ports and types have few values, which most events have.
        _ if literal.at != Where::Present && literal.bytes.iter().all(u8::is_ascii_digit) => {
            WEIGHT_NUMBER + literal.bytes.len().min(WEIGHT_BYTES_MAX)
        }
        Where::Present => 1,
        Where::Contains => 4 + 8 * literal.bytes.len().min(WEIGHT_BYTES_MAX),
        Where::Equals | Where::Prefix | Where::Suffix => 16 + 8 * literal.bytes.len().min(WEIGHT_BYTES_MAX),
    });
    let least = least.min().unwrap_or(0);
    least.saturating_sub(4 * literals.len().ilog2() as usize).max(1)
}

/// Of several needs that all hold, the rarest.
fn rarest(needs: impl Iterator<Item = Need>) -> Need {
    needs.max_by_key(weight).flatten()
}

/// Of several needs one of which holds, all together.
fn together(needs: impl Iterator<Item = Need>) -> Need {
    let mut all = Vec::new();
    for need in needs {
        all.extend(need?);
    }
    (!all.is_empty()).then_some(all)
}

/// What `rule` needs. `compiled` is the same rule, for its ids.
pub(crate) fn of_rule(rule: &Rule, compiled: &CompiledRule) -> Need {
    let selections: Vec<Need> = rule
        .selections
        .iter()
        .zip(&compiled.selections)
        .map(|(selection, search)| of_search(&selection.search, search))
        .collect();
    of_condition(&rule.condition, &selections)
}

fn of_condition(condition: &Condition, selections: &[Need]) -> Need {
    match condition {
        Condition::Selection(at) => selections[*at].clone(),
        Condition::And(all) => rarest(all.iter().map(|one| of_condition(one, selections))),
        Condition::Or(any) => together(any.iter().map(|one| of_condition(one, selections))),
        Condition::Not(_) => None,
        Condition::Of { count, selections: among } if *count == among.len() => {
            rarest(among.iter().map(|at| selections[*at].clone()))
        }
        Condition::Of { selections: among, .. } => together(among.iter().map(|at| selections[*at].clone())),
    }
}

fn of_search(search: &Search, compiled: &CompiledSearch) -> Need {
    match (search, compiled) {
        (Search::Item(item), CompiledSearch::Item(compiled)) => of_item(item, compiled),
        (Search::All(all), CompiledSearch::All(compiled)) => {
            rarest(all.iter().zip(compiled).map(|(one, compiled)| of_search(one, compiled)))
        }
        (Search::Any(any), CompiledSearch::Any(compiled)) => {
            together(any.iter().zip(compiled).map(|(one, compiled)| of_search(one, compiled)))
        }
        _ => None,
    }
}

fn of_item(item: &Item, compiled: &CompiledItem) -> Need {
    if item.negated {
        return None;
    }
    let values = item.values.iter().zip(&compiled.values).map(|(value, tests)| {
        together(
            value.alternatives.iter().zip(tests).map(|(test, compiled_test)| of_test(test, compiled_test, compiled)),
        )
    });
    if item.all { rarest(values) } else { together(values) }
}

fn of_test(test: &Test, compiled: &CompiledTest, item: &CompiledItem) -> Need {
    let literal = |at, bytes: Vec<u8>| Literal { candidates: item.candidates.clone(), at, bytes: bytes.into() };
    let found = match (test, compiled) {
        (Test::Null | Test::Exists(false), _) => return None,
        (Test::Part(..), _) if item.event_time => return None,
        (Test::Text(pattern), _) => of_pattern(pattern),
        (Test::Regex { source, flags, .. }, _) => {
            let texts = expression::of_regex(source, *flags);
            // Below this length most values have it.
            let texts = texts.filter(|texts| texts.iter().all(|text| text.len() >= REGEX_LITERAL_MIN));
            if let Some(texts) = texts {
                return Some(texts.into_iter().map(|text| literal(Where::Contains, text)).collect());
            }
            None
        }
        _ => None,
    };
    match found {
        // A keyword without a literal may stand anywhere: nothing to ask for.
        None if item.keyword => None,
        Some((at, bytes)) => Some(vec![literal(at, bytes)]),
        None => Some(vec![literal(Where::Present, Vec::new())]),
    }
}

/// The longest literal of a pattern and where it stands, folded.
fn of_pattern(pattern: &Pattern) -> Option<(Where, Vec<u8>)> {
    let Some(last) = pattern.pieces.len().checked_sub(1) else { return Some((Where::Equals, Vec::new())) };
    let literals = pattern.pieces.iter().enumerate().filter_map(|(number, piece)| {
        let Piece::Literal(bytes) = piece else { return None };
        let at = match (number == 0, number == last) {
            (true, true) => Where::Equals,
            (true, false) => Where::Prefix,
            (false, true) => Where::Suffix,
            (false, false) => Where::Contains,
        };
        Some((at, bytes))
    });
    literals.rev().max_by_key(|(_, bytes)| bytes.len()).map(|(at, bytes)| (at, fold::folded(bytes)))
}

/// Values one of which a field must be for a rule to match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Demand {
    /// The field.
    pub(crate) candidates: Candidates,
    /// Folded, not empty.
    pub(crate) values: BTreeSet<Box<[u8]>>,
}

/// Most values of one demand: beyond, a rule is no longer told by them.
const DEMAND_VALUES_MAX: usize = 64;

/// What fields `rule` demands to be one of few values, in whatever event it matches: the event ids of a service.
pub(crate) fn demands(rule: &Rule, compiled: &CompiledRule) -> Vec<Demand> {
    let selections: Vec<Vec<Demand>> = rule
        .selections
        .iter()
        .zip(&compiled.selections)
        .map(|(selection, search)| search_demands(&selection.search, search))
        .collect();
    condition_demands(&rule.condition, &selections)
}

fn condition_demands(condition: &Condition, selections: &[Vec<Demand>]) -> Vec<Demand> {
    match condition {
        Condition::Selection(at) => selections[*at].clone(),
        Condition::And(all) => all.iter().flat_map(|one| condition_demands(one, selections)).collect(),
        Condition::Or(any) => either(any.iter().map(|one| condition_demands(one, selections))),
        Condition::Not(_) => Vec::new(),
        Condition::Of { count, selections: among } if *count == among.len() => {
            among.iter().flat_map(|at| selections[*at].clone()).collect()
        }
        Condition::Of { count: 0, .. } => Vec::new(),
        Condition::Of { selections: among, .. } => either(among.iter().map(|at| selections[*at].clone())),
    }
}

fn search_demands(search: &Search, compiled: &CompiledSearch) -> Vec<Demand> {
    match (search, compiled) {
        (Search::Item(item), CompiledSearch::Item(compiled)) => item_demand(item, compiled).into_iter().collect(),
        (Search::All(all), CompiledSearch::All(compiled)) => {
            all.iter().zip(compiled).flat_map(|(one, compiled)| search_demands(one, compiled)).collect()
        }
        (Search::Any(any), CompiledSearch::Any(compiled)) => {
            either(any.iter().zip(compiled).map(|(one, compiled)| search_demands(one, compiled)))
        }
        _ => Vec::new(),
    }
}

/// What all branches demand, one of which holds: the same field, the values of each.
fn either(branches: impl Iterator<Item = Vec<Demand>>) -> Vec<Demand> {
    branches
        .reduce(|mut common, other| {
            common.retain_mut(|demand| {
                let same = other.iter().find(|one| one.candidates == demand.candidates);
                demand.values.extend(same.into_iter().flat_map(|one| one.values.iter().cloned()));
                same.is_some() && demand.values.len() <= DEMAND_VALUES_MAX
            });
            common
        })
        .unwrap_or_default()
}

fn item_demand(item: &Item, compiled: &CompiledItem) -> Option<Demand> {
    if item.negated || compiled.keyword || (item.all && item.values.len() > 1) {
        return None;
    }
    let tests = item.values.iter().flat_map(|value| &value.alternatives);
    let values: Option<BTreeSet<Box<[u8]>>> = tests
        .map(|test| match test {
            Test::Text(pattern) => match of_pattern(pattern) {
                Some((Where::Equals, bytes)) if !bytes.is_empty() => Some(bytes.into_boxed_slice()),
                _ => None,
            },
            _ => None,
        })
        .collect();
    values
        .filter(|values| !values.is_empty() && values.len() <= DEMAND_VALUES_MAX)
        .map(|values| Demand { candidates: compiled.candidates.clone(), values })
}
