//! What is odd about rules that are sound: told by `check`, loaded all the same.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use noroshi_parsers::dictionary::{Dictionary, FieldId};
use noroshi_parsers::logsource::LOG_SOURCES;

use crate::condition::Condition;
use crate::correlation::Correlation;
use crate::diagnostic::Diagnostic;
use crate::rule::{Item, Rule, Search};
use crate::suggest;
use crate::taxonomy;

/// Shortest field name that is taken for a slip of another: short ones are each other's neighbours.
const NAME_BYTES_MIN: usize = 5;

/// Tells what is odd about the rules and correlations.
pub(crate) fn lint(
    rules: &[(PathBuf, Rule)],
    correlations: &[(PathBuf, Correlation)],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut names = Names::new();
    for (file, rule) in rules {
        unused_selections(file, rule, diagnostics);
        // Records of no known product name their fields as they like.
        let any_names = LOG_SOURCES[0].answers(
            rule.source.product.as_deref(),
            rule.source.service.as_deref(),
            rule.source.category.as_deref(),
        );
        for selection in &rule.selections {
            each_item(&selection.search, &mut |item| {
                if !any_names {
                    unknown_field(file, rule, item, &mut names, diagnostics);
                }
                single_all(file, rule, item, diagnostics);
            });
        }
    }
    for (file, correlation) in correlations {
        unverified(file, correlation, diagnostics);
    }
}

/// A selection that the condition never asks for decides nothing.
fn unused_selections(file: &Path, rule: &Rule, diagnostics: &mut Vec<Diagnostic>) {
    let mut used = vec![false; rule.selections.len()];
    mark(&rule.condition, &mut used);
    for (selection, _) in rule.selections.iter().zip(&used).filter(|(_, used)| !**used) {
        let message = format!("the condition never asks for the selection `{}`", selection.name);
        let told = Diagnostic::warning(file, selection.place, message).rule(&rule.head.id);
        diagnostics.push(told.help("name it in the condition, or remove it"));
    }
}

fn mark(condition: &Condition, used: &mut [bool]) {
    match condition {
        Condition::Selection(at) => used[*at] = true,
        Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| mark(part, used)),
        Condition::Not(inner) => mark(inner, used),
        Condition::Of { selections, .. } => selections.iter().for_each(|at| used[*at] = true),
    }
}

fn each_item(search: &Search, look: &mut impl FnMut(&Item)) {
    match search {
        Search::Item(item) => look(item),
        Search::All(parts) | Search::Any(parts) => parts.iter().for_each(|part| each_item(part, look)),
    }
}

/// Names that some record is known to have, or that stand for such.
struct Names {
    exact: BTreeSet<String>,
    /// Without case: the name as it is.
    lower: HashMap<String, String>,
    /// What was found of names asked for: rules name the same fields over and over.
    found: HashMap<String, Option<String>>,
}

impl Names {
    fn new() -> Self {
        let dictionary = Dictionary::new();
        let own = (0..dictionary.len()).map(|at| dictionary.name(FieldId(at as u16)).to_owned());
        let exact: BTreeSet<String> = own.chain(taxonomy::names().map(str::to_owned)).collect();
        let lower = exact.iter().map(|name| (name.to_lowercase(), name.clone())).collect();
        Names { exact, lower, found: HashMap::new() }
    }

    /// The name that `field` is a slip of.
    fn meant(&mut self, field: &str) -> Option<String> {
        if let Some(found) = self.found.get(field) {
            return found.clone();
        }
        let found = self.search(field).map(str::to_owned);
        self.found.insert(field.to_owned(), found.clone());
        found
    }

    fn search(&self, field: &str) -> Option<&str> {
        if field.len() < NAME_BYTES_MIN || self.exact.contains(field) {
            return None;
        }
        if let Some(meant) = self.lower.get(&field.to_lowercase()) {
            return Some(meant);
        }
        // One letter more, less or other.
        let near = |name: &&String| name.len().abs_diff(field.len()) <= 1 && suggest::distance(name, field) == 1;
        self.exact.iter().find(near).map(String::as_str)
    }
}

/// Names of vendors are without number, so a name is doubted only where it is nearly that of another.
fn unknown_field(file: &Path, rule: &Rule, item: &Item, names: &mut Names, diagnostics: &mut Vec<Diagnostic>) {
    let Some(field) = &item.field else { return };
    let Some(meant) = names.meant(field) else { return };
    let told = Diagnostic::warning(file, item.place, format!("unknown field `{field}`")).rule(&rule.head.id);
    diagnostics.push(told.help(format!("did you mean `{meant}`?")));
}

/// Sigma modifiers appendix 2.1: single values are not allowed to have `all`.
fn single_all(file: &Path, rule: &Rule, item: &Item, diagnostics: &mut Vec<Diagnostic>) {
    if item.all && item.values.len() == 1 {
        let told = Diagnostic::warning(file, item.place, "`all` over a single value has no effect").rule(&rule.head.id);
        diagnostics.push(told.help("remove `all`, or give a list"));
    }
}

/// A threshold that nobody held against records is a guess.
fn unverified(file: &Path, correlation: &Correlation, diagnostics: &mut Vec<Diagnostic>) {
    if correlation.head.verified.is_none() {
        let message = "the threshold has no date of verification";
        let told = Diagnostic::warning(file, correlation.head.place, message).rule(&correlation.head.id);
        diagnostics.push(told.help(
            "replay it over records of your own, then write `noroshi:` with `verified: YYYY-MM-DD`, the day you did",
        ));
    }
}
