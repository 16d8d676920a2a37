//! Which rules an event meets at all: by its log source, and by a field that many rules want to be one of few values.
//!
//! Rules for the Windows event log name a service and an event id. An event of one id meets the rules of its id and
//! those that name none; the literals of the others are not even looked for.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use noroshi_parsers::dictionary::FieldId;
use noroshi_parsers::event::{EventView, Kind};

use crate::compile::present;
use crate::fold::fold_into;
use crate::need::{Demand, Need};
use crate::route::Route;
use crate::set::Scratch;

/// Fewest rules told apart by a field: below, the look-up costs more than it spares.
const RULES_MIN: usize = 4;

/// Most rules in all branches of a log source together, in multiples of its rules: each branch repeats the rules that
/// demand nothing of the field.
const REPEATED_MAX: usize = 24;

/// The rules of a log source.
#[derive(Debug)]
pub(crate) struct Branches {
    /// All of them: for an event that has several values where one is looked for.
    whole: u32,
    by_value: Option<ByValue>,
}

#[derive(Debug)]
struct ByValue {
    candidates: Box<[FieldId]>,
    /// By value, folded.
    routes: HashMap<Box<[u8]>, u32, foldhash::fast::RandomState>,
    /// For every other value and none.
    otherwise: u32,
}

/// Routes by list of rules, each built once.
#[derive(Debug, Default)]
pub(crate) struct Router {
    routes: Vec<Route>,
    known: HashMap<Vec<u32>, u32>,
}

impl Router {
    fn route(&mut self, rules: Vec<u32>, needs: &[Need]) -> u32 {
        let routes = &mut self.routes;
        *self.known.entry(rules).or_insert_with_key(|rules| {
            routes.push(Route::new(rules, needs));
            routes.len() as u32 - 1
        })
    }

    /// Builds what the events of one log source need, given what each rule of the set needs and demands.
    pub(crate) fn branches(&mut self, rules: Vec<u32>, needs: &[Need], demands: &[Vec<Demand>]) -> Branches {
        let by_value = self.by_value(&rules, needs, demands);
        Branches { whole: self.route(rules, needs), by_value }
    }

    fn by_value(&mut self, rules: &[u32], needs: &[Need], demands: &[Vec<Demand>]) -> Option<ByValue> {
        let mut counts: HashMap<&[FieldId], usize> = HashMap::new();
        for demand in rules.iter().flat_map(|rule| &demands[*rule as usize]) {
            *counts.entry(&demand.candidates).or_default() += 1;
        }
        let (candidates, count) = counts.into_iter().max_by_key(|(candidates, count)| (*count, *candidates))?;
        if count < RULES_MIN {
            return None;
        }
        let demand = |rule: u32| demands[rule as usize].iter().find(|demand| *demand.candidates == *candidates);
        let values: BTreeSet<&[u8]> = rules
            .iter()
            .filter_map(|rule| demand(*rule))
            .flat_map(|demand| &demand.values)
            .map(|value| &**value)
            .collect();
        let free = rules.iter().filter(|rule| demand(**rule).is_none()).count();
        if (values.len() + 1) * free > REPEATED_MAX * rules.len() {
            return None;
        }
        let of = |value: Option<&[u8]>| -> Vec<u32> {
            let meets = |rule: &&u32| {
                demand(**rule).is_none_or(|demand| value.is_some_and(|value| demand.values.contains(value)))
            };
            rules.iter().filter(meets).copied().collect()
        };
        let otherwise = self.route(of(None), needs);
        let routes = values.iter().map(|value| ((*value).into(), self.route(of(Some(value)), needs))).collect();
        Some(ByValue { candidates: candidates.into(), routes, otherwise })
    }

    /// The routes, when no more are added.
    pub(crate) fn finish(self) -> Vec<Route> {
        self.routes
    }
}

impl Branches {
    /// The route of all rules of the log source.
    pub(crate) fn whole(&self) -> u32 {
        self.whole
    }

    /// The route of `event`.
    #[inline]
    pub(crate) fn of(&self, event: &EventView<'_>, scratch: &mut Scratch) -> u32 {
        let Some(by_value) = &self.by_value else { return self.whole };
        let Some(id) = present(&by_value.candidates, event) else { return by_value.otherwise };
        let mut fields = event.all(id);
        let (Some(field), None) = (fields.next(), fields.next()) else { return self.whole };
        if field.kind == Kind::Null {
            return by_value.otherwise;
        }
        fold_into(event.value(field), &mut scratch.folded);
        by_value.routes.get(scratch.folded.as_slice()).copied().unwrap_or(by_value.otherwise)
    }
}
