//! Correlations with their names resolved: rules and other correlations by place, fields by id.
//!
//! A correlation may be made of correlations; those come first, and a circle is refused. A risk that names no rules takes
//! all that are worth something, so it is resolved last.

use std::path::PathBuf;

use hashbrown::HashMap;
use noroshi_parsers::dictionary::Dictionary;
use sha2::{Digest as _, Sha256};

use crate::compile::{self, Candidates};
use crate::correlated::{CorrelatedChain, CorrelatedRule, CorrelationRule, KeyPart};
use crate::correlation::{ANY_RULE, Correlation, CorrelationKind, LEVELS, is_level_or_tag, score_of};
use crate::diagnostic::{Diagnostic, Place};
use crate::key;
use crate::load::dictionary_full;
use crate::rule::{Head, Rule};
use crate::set::{RuleIndex, RuleMeta};
use crate::suggest::nearest;

/// Most rules named by one correlation: a kill chain has a dozen steps, and each costs every key a little.
const PARTS_MAX: usize = 64;
/// Most correlations above one another: each level waits for the one below.
const LEVELS_MAX: usize = 8;

/// What a name in `rules` stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Rule(usize),
    Correlation(usize),
}

/// How far a correlation is resolved.
enum Progress {
    Waiting,
    /// On the way down to it.
    Begun,
    Refused,
    Done(Box<CorrelationRule>),
}

pub(crate) fn resolve_all(
    correlations: &[(PathBuf, Correlation)],
    rules: &[Rule],
    meta: &mut [RuleMeta],
    dictionary: &mut Dictionary,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<CorrelationRule> {
    let mut by_name: HashMap<&str, Named> = HashMap::new();
    let of_rules = rules.iter().enumerate().map(|(at, rule)| (&rule.head, Named::Rule(at)));
    let of_correlations = correlations.iter().enumerate().map(|(at, (_, made))| (&made.head, Named::Correlation(at)));
    for (head, named) in of_rules.chain(of_correlations) {
        for name in std::iter::once(&head.id).chain(&head.name) {
            by_name.entry(name).or_insert(named);
        }
    }
    let mut resolver = Resolver {
        documents: correlations,
        by_name: &by_name,
        rules,
        made: correlations.iter().map(|_| Progress::Waiting).collect(),
        path: Vec::new(),
        dictionary,
        diagnostics,
    };
    let selects = |at: &usize| correlations[*at].1.rules.is_empty();
    (0..correlations.len()).filter(|at| !selects(at)).for_each(|at| resolver.visit(at));

    // Only correlations that are kept decide whether their rules alert on their own.
    let (mut of_rules, mut of_chains): (HashMap<usize, bool>, HashMap<usize, bool>) = Default::default();
    for made in resolver.made.iter().filter_map(Progress::done) {
        // A risk is told beside what it is made of.
        if made.generate && matches!(made.kind, CorrelationKind::Risk { .. }) {
            continue;
        }
        made.rules.iter().for_each(|rule| *of_rules.entry(rule.rule.index()).or_default() |= made.generate);
        made.chains.iter().for_each(|chain| *of_chains.entry(chain.correlation).or_default() |= made.generate);
    }
    for (&rule, &generate) in &of_rules {
        meta[rule].alerts = generate;
    }
    for (at, made) in resolver.made.iter_mut().enumerate() {
        if let Progress::Done(made) = made {
            made.alerts = of_chains.get(&at).copied().unwrap_or(true);
        }
    }
    (0..correlations.len()).filter(selects).for_each(|at| resolver.visit(at));

    // Places among all documents become places among those that are kept.
    let mut kept = 0;
    let places: Vec<usize> = resolver
        .made
        .iter()
        .map(|made| {
            let place = kept;
            kept += usize::from(made.done().is_some());
            place
        })
        .collect();
    let done = resolver.made.into_iter().filter_map(|made| match made {
        Progress::Done(made) => Some(*made),
        _ => None,
    });
    done.map(|mut made| {
        made.chains.iter_mut().for_each(|chain| chain.correlation = places[chain.correlation]);
        made
    })
    .collect()
}

impl Progress {
    fn done(&self) -> Option<&CorrelationRule> {
        match self {
            Progress::Done(made) => Some(made),
            _ => None,
        }
    }
}

struct Resolver<'a> {
    documents: &'a [(PathBuf, Correlation)],
    by_name: &'a HashMap<&'a str, Named>,
    rules: &'a [Rule],
    /// By document.
    made: Vec<Progress>,
    /// Documents on the way down.
    path: Vec<usize>,
    dictionary: &'a mut Dictionary,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Resolver<'_> {
    fn visit(&mut self, at: usize) {
        if !matches!(self.made[at], Progress::Waiting) {
            return;
        }
        self.made[at] = Progress::Begun;
        self.path.push(at);
        let documents = self.documents;
        let mut sound = true;
        for (name, place) in &documents[at].1.rules {
            let Some(&Named::Correlation(child)) = self.by_name.get(name.as_str()) else { continue };
            if let Some(from) = self.path.iter().position(|&above| above == child) {
                let round = self.path[from..].iter().chain([&child]).map(|&at| documents[at].1.head.id.as_str());
                let message =
                    format!("the correlations go round in a circle: {}", round.collect::<Vec<_>>().join(" → "));
                let help = "take one of the references out: an episode cannot be made of itself";
                self.refuse(at, *place, message, Some(help.into()));
                sound = false;
            } else if self.path.len() >= LEVELS_MAX {
                let message = format!("more than {LEVELS_MAX} correlations stand above one another");
                self.refuse(at, *place, message, Some("let the upper ones name rules of the lower ones".into()));
                sound = false;
            } else if documents[child].1.rules.is_empty() {
                let message = format!("`{name}` is a risk over all rules, which no correlation can be made of");
                self.refuse(at, *place, message, Some("list the rules of the risk, or leave it out".into()));
                sound = false;
            } else {
                self.visit(child);
            }
        }
        self.path.pop();
        let made = if sound { self.resolve(at) } else { None };
        self.made[at] = made.map_or(Progress::Refused, |made| Progress::Done(Box::new(made)));
    }

    fn refuse(&mut self, at: usize, place: Place, message: String, help: Option<String>) {
        let (file, correlation) = &self.documents[at];
        let mut told = Diagnostic::error(file, place, message).rule(&correlation.head.id);
        told.help = help;
        self.diagnostics.push(told);
    }

    fn resolve(&mut self, at: usize) -> Option<CorrelationRule> {
        let (file, correlation) = &self.documents[at];
        let before = self.diagnostics.len();
        let parts = if correlation.rules.is_empty() { self.selected(at) } else { self.named(at) };
        self.check_scores(at);
        if self.diagnostics.len() == before && !correlation.rules.is_empty() {
            self.check_aliases(at);
        }
        if self.diagnostics.len() > before {
            return None;
        }
        let mut hash = Sha256::new();
        hash.update(correlation.head.digest);
        let (mut resolved, mut chains) = (Vec::new(), Vec::new());
        for (&named, part) in parts.iter().zip(0u16..) {
            match named {
                Named::Rule(rule) => {
                    let head = &self.rules[rule].head;
                    hash.update(head.digest);
                    let score = self.score(correlation, head);
                    let key = correlation.group_by.iter().map(|name| self.part(at, name, rule));
                    let key = key.collect::<Option<Vec<_>>>()?;
                    let value = match &correlation.field {
                        Some(name) => Some(self.part(at, name, rule)?),
                        None => None,
                    };
                    let entity = match &correlation.entity {
                        Some(name) => Some(self.part(at, name, rule)?),
                        None => None,
                    };
                    let rule = RuleIndex(rule as u32);
                    resolved.push(CorrelatedRule { rule, key, value, entity, part, score });
                }
                Named::Correlation(child) => {
                    hash.update(self.made[child].done()?.definition_digest);
                    let score = self.score(correlation, &self.documents[child].1.head);
                    let key = correlation.group_by.iter().map(|name| self.place_in(at, name, child));
                    let key = key.collect::<Option<Box<[u16]>>>()?;
                    let value = match &correlation.field {
                        Some(name) => Some(self.place_in(at, name, child)?),
                        None => None,
                    };
                    chains.push(CorrelatedChain { correlation: child, key, value, part, score });
                }
            }
        }
        let head = &correlation.head;
        Some(CorrelationRule {
            id: head.id.clone(),
            title: head.title.clone(),
            description: head.description.clone(),
            level: head.level,
            tags: head.tags.clone(),
            techniques: head.techniques(),
            ja: head.ja.clone(),
            falsepositives: head.falsepositives.clone(),
            references: head.references.clone(),
            file: file.clone(),
            line: head.place.line,
            kind: correlation.kind,
            condition: correlation.condition.clone(),
            rules: resolved,
            chains,
            alerts: true,
            group_by: correlation.group_by.clone(),
            field: correlation.field.clone(),
            window_ns: correlation.window_ns,
            calendar: correlation.calendar.clone(),
            generate: correlation.generate,
            lateness_ns: correlation.lateness_ns,
            max_episode_ns: correlation.max_episode_ns,
            definition_digest: hash.finalize().into(),
        })
    }

    fn score(&self, correlation: &Correlation, head: &Head) -> u32 {
        score_of(&correlation.scores, &head.id, head.name.as_deref(), head.level.as_str(), &head.tags)
    }

    /// What a risk without rules takes: whatever is worth something, but other such risks. A correlation that is not grouped by what the risk is grouped by has no part in it.
    fn selected(&mut self, at: usize) -> Vec<Named> {
        let documents = self.documents;
        let (_, correlation) = &documents[at];
        let rules = self.rules.iter().enumerate().filter(|(_, rule)| self.score(correlation, &rule.head) > 0);
        let mut parts: Vec<Named> = rules.map(|(at, _)| Named::Rule(at)).collect();
        for (child, (_, document)) in documents.iter().enumerate() {
            let joins = |name: &String| self.find_in(correlation, name, child).is_some();
            let is_there = self.made[child].done().is_some() && !document.rules.is_empty();
            if is_there && self.score(correlation, &document.head) > 0 && correlation.group_by.iter().all(joins) {
                parts.push(Named::Correlation(child));
            }
        }
        if parts.is_empty() {
            let help = "give scores to levels, tags or rules that are loaded";
            self.refuse(
                at,
                correlation.head.place,
                "nothing that is loaded is worth a score".into(),
                Some(help.into()),
            );
        }
        parts.truncate(usize::from(u16::MAX));
        parts
    }

    /// The rules and correlations that a correlation names.
    fn named(&mut self, at: usize) -> Vec<Named> {
        let correlation = &self.documents[at].1;
        let mut parts: Vec<Named> = Vec::new();
        for (name, place) in &correlation.rules {
            let Some(&named) = self.by_name.get(name.as_str()) else {
                let help = nearest(name, self.by_name.keys().copied()).map_or_else(
                    || "load the file it is in; if that rule was refused, this one is too".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("the correlation names the rule `{name}`, which is not loaded");
                self.refuse(at, *place, message, Some(help));
                continue;
            };
            if parts.contains(&named) {
                if matches!(correlation.kind, CorrelationKind::Temporal | CorrelationKind::TemporalOrdered) {
                    let message = format!("the rule `{name}` is named twice");
                    let help = "a hit stands in one place of the order; write a second rule for a second place";
                    self.refuse(at, *place, message, Some(help.into()));
                }
                continue;
            }
            if let Named::Correlation(child) = named {
                if self.made[child].done().is_none() {
                    let message = format!("the correlation names the correlation `{name}`, which is refused");
                    self.refuse(at, *place, message, Some("mend that one first".into()));
                } else if correlation.kind.needs_event() {
                    let message = format!(
                        "`{name}` is a correlation, whose episodes bring no {}",
                        match correlation.kind {
                            CorrelationKind::Travel { .. } => "addresses with a place",
                            _ => "numbers",
                        }
                    );
                    let help = format!("a {} takes detection rules only", correlation.kind.as_str());
                    self.refuse(at, *place, message, Some(help));
                } else {
                    for name in correlation.group_by.iter().chain(&correlation.field) {
                        self.check_joins(at, *place, name, child);
                    }
                }
            }
            parts.push(named);
        }
        if parts.len() > PARTS_MAX {
            let message = format!("the correlation names {} rules, {PARTS_MAX} are the most", parts.len());
            let help = "name fewer, or join some by a condition".to_owned();
            self.refuse(at, correlation.head.place, message, Some(help));
        }
        parts
    }

    fn check_joins(&mut self, at: usize, place: Place, name: &str, child: usize) {
        let (correlation, below) = (&self.documents[at].1, &self.documents[child].1);
        if self.find_in(correlation, name, child).is_some() {
            return;
        }
        let message = format!("`{}` is not grouped by `{name}`, so its episodes have none", below.head.id);
        let help = match below.group_by.as_slice() {
            [] => format!("add `{name}` to its `group-by`"),
            own => format!("it is grouped by {}: add `{name}` to them, or give an alias", own.join(", ")),
        };
        self.refuse(at, place, message, Some(help));
    }

    /// Names under `scores` are levels, tags, or rules that are loaded.
    fn check_scores(&mut self, at: usize) {
        let correlation = &self.documents[at].1;
        for (name, _, place) in &correlation.scores {
            if is_level_or_tag(name) || self.by_name.contains_key(name.as_str()) {
                continue;
            }
            let known = LEVELS.into_iter().chain(self.by_name.keys().copied());
            let help = nearest(name, known).map_or_else(
                || {
                    format!(
                        "write a level ({}), a tag such as attack.t1110, or the id or name of a rule",
                        LEVELS.join(", ")
                    )
                },
                |near| format!("did you mean `{near}`?"),
            );
            self.refuse(at, *place, format!("the scores name `{name}`, which is not loaded"), Some(help));
        }
    }

    /// Every alias gives a field for every rule, and names no rule beside.
    fn check_aliases(&mut self, at: usize) {
        let correlation = &self.documents[at].1;
        for (alias, fields) in &correlation.aliases {
            for field in fields.iter().filter(|field| field.rule != ANY_RULE) {
                let known = correlation.rules.iter().any(|(name, _)| self.same_rule(name, &field.rule));
                if !known {
                    let help = nearest(&field.rule, correlation.rules.iter().map(|(name, _)| name.as_str()));
                    let help = help.map(|near| format!("did you mean `{near}`?"));
                    self.refuse(
                        at,
                        correlation.head.place,
                        format!("the alias `{alias}` names `{}`, which the correlation doesn't", field.rule),
                        help,
                    );
                }
            }
            for (name, place) in &correlation.rules {
                if !fields.iter().any(|field| field.rule == ANY_RULE || self.same_rule(name, &field.rule)) {
                    let help = Some(format!("add `{name}: <field>` to the alias"));
                    self.refuse(at, *place, format!("the alias `{alias}` gives no field for the rule `{name}`"), help);
                }
            }
        }
    }

    fn same_rule(&self, a: &str, b: &str) -> bool {
        a == b || self.by_name.get(a).is_some_and(|named| self.by_name.get(b) == Some(named))
    }

    /// A group-by name or counted field in the events of one rule.
    fn part(&mut self, at: usize, name: &str, rule: usize) -> Option<KeyPart> {
        let correlation = &self.documents[at].1;
        let rule = &self.rules[rule];
        let fields = meant(correlation, name, &rule.head);
        let mut candidates = Vec::new();
        for field in &fields {
            match compile::resolve(field, &rule.source, self.dictionary) {
                Ok(found) => candidates.extend(found),
                Err(compile::DictionaryFull) => {
                    self.diagnostics.push(dictionary_full(&self.documents[at].0, &correlation.head));
                    return None;
                }
            }
        }
        let candidates: Candidates = candidates.into();
        let normal = key::normal_of(fields[0], &candidates, self.dictionary);
        let written = fields.contains(&key::ADDRESS);
        Some(KeyPart { name: name.to_owned(), candidates, written, normal })
    }

    /// Place of a name in the group key of a correlation.
    fn place_in(&self, at: usize, name: &str, child: usize) -> Option<u16> {
        self.find_in(&self.documents[at].1, name, child)
    }

    fn find_in(&self, correlation: &Correlation, name: &str, child: usize) -> Option<u16> {
        let below = &self.documents[child].1;
        let mut fields = meant(correlation, name, &below.head).into_iter();
        let place = fields.find_map(|field| below.group_by.iter().position(|own| own == field))?;
        u16::try_from(place).ok()
    }
}

/// The fields that a name stands for in the events of one rule: its alias's, or itself.
fn meant<'a>(correlation: &'a Correlation, name: &'a str, head: &Head) -> Vec<&'a str> {
    let Some((_, fields)) = correlation.aliases.iter().find(|(alias, _)| alias == name) else { return vec![name] };
    let of = |wanted: &dyn Fn(&str) -> bool| {
        fields.iter().filter(|field| wanted(&field.rule)).map(|field| field.field.as_str()).collect::<Vec<_>>()
    };
    let own = of(&|rule| head.id == rule || head.name.as_deref() == Some(rule));
    let own = if own.is_empty() { of(&|rule| rule == ANY_RULE) } else { own };
    if own.is_empty() { vec![name] } else { own }
}
