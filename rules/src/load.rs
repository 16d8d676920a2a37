//! Files to a rule set: documents read, filters joined, names resolved.

use std::path::{Path, PathBuf};

use hashbrown::HashMap;
use noroshi_parsers::dictionary::Dictionary;
use sha2::{Digest as _, Sha256};

use crate::case;
use crate::compile::{self, CompiledRule};
use crate::condition::Condition;
use crate::correlation::Correlation;
use crate::diagnostic::Diagnostic;
use crate::legacy;
use crate::lint;
use crate::resolve;
use crate::rule::{Filter, Head, Reader, Rule};
use crate::set::{Loaded, Options, RuleMeta, RuleSet};
use crate::yaml::{self, Kind, Node};

/// What was read, with the files it came from.
#[derive(Default)]
struct Documents {
    rules: Vec<(PathBuf, Rule)>,
    correlations: Vec<(PathBuf, Correlation)>,
    filters: Vec<(PathBuf, Filter)>,
}

pub(crate) fn load(mut files: Vec<(PathBuf, String)>, dictionary: &mut Dictionary, options: &Options) -> Loaded {
    // The order in which a directory is listed must not show.
    files.sort();
    let mut diagnostics = Vec::new();
    let mut documents = Documents::default();
    let mut digests: Vec<[u8; 32]> = Vec::with_capacity(files.len());
    for (file, text) in &files {
        digests.push(Sha256::digest(text.as_bytes()).into());
        read(file, text, options, &mut documents, &mut diagnostics);
    }
    let Documents { rules, correlations, filters } = documents;
    let mut rules = unique(rules, |rule| &rule.head, &mut diagnostics);
    apply_filters(&filters, &mut rules, &mut diagnostics);
    if options.without_exceptions {
        rules.iter_mut().for_each(|(_, rule)| rule.condition = rule.condition.without_exceptions());
    }

    if options.lint {
        lint::lint(&rules, &correlations, &mut diagnostics);
    }
    let (mut definitions, mut compiled, mut meta) = (Vec::new(), Vec::new(), Vec::new());
    for (file, rule) in rules {
        match CompiledRule::new(&rule, dictionary) {
            Ok(made) => {
                meta.push(meta_of(&rule, file));
                compiled.push(made);
                definitions.push(rule);
            }
            Err(compile::DictionaryFull) => diagnostics.push(dictionary_full(&file, &rule.head)),
        }
    }
    let correlations = unique(correlations, |correlation| &correlation.head, &mut diagnostics);
    let correlations = resolve::resolve_all(&correlations, &definitions, &mut meta, dictionary, &mut diagnostics);

    digests.sort_unstable();
    let mut hash = Sha256::new();
    digests.iter().for_each(|digest| hash.update(digest));
    diagnostics.sort_by(|a, b| (&a.file, a.place).cmp(&(&b.file, b.place)));
    let rules =
        RuleSet::new(definitions, compiled, meta, correlations, hash.finalize().into(), options.ignore_logsource);
    Loaded { rules, diagnostics }
}

fn read(file: &Path, text: &str, options: &Options, documents: &mut Documents, diagnostics: &mut Vec<Diagnostic>) {
    let parsed = yaml::parse(text);
    for fault in parsed.faults {
        let mut told = Diagnostic::error(file, fault.place, fault.message);
        told.help = fault.help;
        diagnostics.push(told);
    }
    let written = legacy::join_actions(parsed.documents, |severity, place, message, help| {
        diagnostics.push(Diagnostic { severity, ..Diagnostic::error(file, place, message).help(help) });
    });
    if options.lint {
        written.iter().for_each(|document| drop(case::of_document(file, document, diagnostics)));
    }
    let mut reader = Reader::new(file, &options.placeholders, diagnostics);
    for document in &written {
        if !matches!(document.kind, Kind::Map(_)) {
            reader.refuse_document(document);
        } else if document.get("correlation").is_some() {
            documents.correlations.extend(reader.correlation(document).map(|made| (file.to_path_buf(), made)));
        } else if document.get("filter").is_some() {
            documents.filters.extend(reader.filter(document).map(|made| (file.to_path_buf(), made)));
        } else {
            read_rule(&mut reader, document, documents);
        }
    }
}

/// Reads a rule, which an aggregation of old Sigma makes a rule and a correlation.
fn read_rule(reader: &mut Reader<'_>, document: &Node, documents: &mut Documents) {
    let file = reader.file.to_path_buf();
    match legacy::split_aggregation(document) {
        Ok(None) => documents.rules.extend(reader.rule(document).map(|made| (file, made))),
        Ok(Some((rule, correlation))) => {
            let (rule, correlation) = (reader.rule(&rule), reader.correlation(&correlation));
            if let (Some(rule), Some(correlation)) = (rule, correlation) {
                let note = Diagnostic::note(
                    &file,
                    correlation.head.place,
                    "the aggregation of the condition became a correlation",
                )
                .rule(&correlation.head.id)
                .help("aggregations are of old Sigma: write a `correlation:` document");
                reader.diagnostics.push(note);
                documents.rules.push((file.clone(), rule));
                documents.correlations.push((file, correlation));
            }
        }
        Err(told) => {
            // What else is wrong with the rule is told too.
            reader.begin(document);
            reader.error(told.place, told.message, told.help);
        }
    }
}

/// Refuses documents whose id or name was used before.
fn unique<T>(
    documents: Vec<(PathBuf, T)>,
    head: impl Fn(&T) -> &Head,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<(PathBuf, T)> {
    let mut seen: HashMap<String, (PathBuf, u32)> = HashMap::new();
    let mut kept = Vec::with_capacity(documents.len());
    for (file, document) in documents {
        let own = head(&document);
        let names: Vec<&String> = std::iter::once(&own.id).chain(&own.name).collect();
        if let Some((name, (other, line))) = names.iter().find_map(|name| seen.get_key_value(*name)) {
            let message = format!("the id or name `{name}` is used twice, first in {}:{line}", other.display());
            let told = Diagnostic::error(&file, own.place, message).rule(&own.id);
            diagnostics.push(told.help("give every rule an id of its own; a copied rule needs a new one"));
            continue;
        }
        for name in names {
            seen.insert(name.clone(), (file.clone(), own.place.line));
        }
        kept.push((file, document));
    }
    kept
}

/// Joins each filter to the rules it names: their condition holds and the filter's too.
fn apply_filters(filters: &[(PathBuf, Filter)], rules: &mut [(PathBuf, Rule)], diagnostics: &mut Vec<Diagnostic>) {
    if filters.is_empty() {
        return;
    }
    let mut by_name: HashMap<String, usize> = HashMap::new();
    for (at, (_, rule)) in rules.iter().enumerate() {
        for name in std::iter::once(&rule.head.id).chain(&rule.head.name) {
            by_name.insert(name.clone(), at);
        }
    }
    for (file, filter) in filters {
        let warn = |place, message: &str| Diagnostic::warning(file, place, message).rule(&filter.head.id);
        if !negates(&filter.condition) {
            let message = "the filter's condition affirms its selections: the rules match only where it holds";
            diagnostics
                .push(warn(filter.head.place, message).help("to leave matches out, write `condition: not selection`"));
        }
        if filter.any {
            rules.iter_mut().filter(|(_, rule)| filter.covers(&rule.source)).for_each(|(_, rule)| narrow(rule, filter));
        }
        for (name, place) in &filter.rules {
            match by_name.get(name.as_str()).map(|at| &mut rules[*at].1) {
                None => {
                    let message = format!("the filter names the rule `{name}`, which is not loaded");
                    diagnostics.push(warn(*place, &message));
                }
                Some(rule) if filter.covers(&rule.source) => narrow(rule, filter),
                Some(_) => {
                    let message = format!("the filter names the rule `{name}`, whose log source is not the filter's");
                    let help = "the rule is left as it is; give the filter the rule's `logsource`, or a part of it";
                    diagnostics.push(warn(*place, &message).help(help));
                }
            }
        }
    }
}

/// Joins a filter to a rule.
fn narrow(rule: &mut Rule, filter: &Filter) {
    let shift = rule.selections.len();
    rule.selections.extend(filter.selections.iter().cloned());
    let own = std::mem::replace(&mut rule.condition, Condition::Selection(0));
    rule.condition = Condition::And(vec![own, shifted(&filter.condition, shift)]);
    // The rule means something else now.
    let mut hash = Sha256::new();
    hash.update(rule.head.digest);
    hash.update(filter.head.digest);
    rule.head.digest = hash.finalize().into();
}

fn negates(condition: &Condition) -> bool {
    match condition {
        Condition::Not(_) => true,
        Condition::And(parts) | Condition::Or(parts) => parts.iter().any(negates),
        Condition::Selection(_) | Condition::Of { .. } => false,
    }
}

/// The same condition over selections that stand `shift` places later.
fn shifted(condition: &Condition, shift: usize) -> Condition {
    let all = |parts: &[Condition]| parts.iter().map(|part| shifted(part, shift)).collect();
    match condition {
        Condition::Selection(at) => Condition::Selection(at + shift),
        Condition::And(parts) => Condition::And(all(parts)),
        Condition::Or(parts) => Condition::Or(all(parts)),
        Condition::Not(inner) => Condition::Not(Box::new(shifted(inner, shift))),
        Condition::Of { count, selections } => {
            Condition::Of { count: *count, selections: selections.iter().map(|at| at + shift).collect() }
        }
    }
}

fn meta_of(rule: &Rule, file: PathBuf) -> RuleMeta {
    let head = &rule.head;
    RuleMeta {
        id: head.id.clone(),
        name: head.name.clone(),
        title: head.title.clone(),
        description: head.description.clone(),
        level: head.level,
        tags: head.tags.clone(),
        techniques: head.techniques(),
        ja: head.ja.clone(),
        falsepositives: head.falsepositives.clone(),
        references: head.references.clone(),
        source: rule.source.clone(),
        file,
        line: head.place.line,
        digest: head.digest,
        alerts: true,
    }
}

pub(crate) fn dictionary_full(file: &Path, head: &Head) -> Diagnostic {
    Diagnostic::error(file, head.place, "the rule set names more fields than can be told apart")
        .rule(&head.id)
        .help("load fewer rules")
}
