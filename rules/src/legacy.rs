//! Old Sigma in today's terms: `action` documents (Sigma 1, "Rule Collections") and aggregations in conditions
//! (obsolete since the correlation rules specification 2.0, "Expression of Relationships").
//!
//! Works on documents before they are read as rules, so that what comes out is checked like everything else.
//! Each rewriting is told in a note.

use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::yaml::{Entry, Kind, Node, Scalar};

/// Most values of a file's documents after `global` parts are joined to each: what stops a large part times many
/// documents.
pub(crate) const NODES_MAX: usize = 2_000_000;

/// Carries out the `action` documents of a file: `global` parts are joined to the documents after them until a
/// `reset`, and `repeat` is the document before with changes.
pub(crate) fn join_actions(documents: Vec<Node>, mut tell: impl FnMut(Severity, Place, String, &str)) -> Vec<Node> {
    if !documents.iter().any(|document| document.entry("action").is_some()) {
        return documents;
    }
    let mut made: Vec<Node> = Vec::with_capacity(documents.len());
    let (mut global, mut previous): (Option<Node>, Option<Node>) = (None, None);
    let (mut nodes, mut told) = (0, false);
    for mut document in documents {
        let action = take(&mut document, "action");
        if let Some(entry) = &action {
            let name = entry.value.text().unwrap_or_default();
            match name.as_str() {
                "global" => {
                    if !told {
                        let message = "`action: global` documents are of old Sigma; each rule was given their parts";
                        tell(Severity::Note, entry.place, message.into(), "write each rule in full");
                    }
                    told = true;
                    global = Some(match global.take() {
                        Some(before) => joined(before, document),
                        None => document,
                    });
                    continue;
                }
                "reset" => {
                    global = None;
                    if is_bare(&document) {
                        continue;
                    }
                }
                "repeat" => match previous.clone() {
                    Some(before) => document = joined(before, document),
                    None => {
                        let message = "`action: repeat` has no document before it to repeat";
                        tell(Severity::Error, entry.place, message.into(), "write the rule in full");
                        continue;
                    }
                },
                other => {
                    let message = format!("unknown action `{other}`");
                    tell(Severity::Error, entry.place, message, "old Sigma knew global, reset and repeat");
                    continue;
                }
            }
        }
        if let Some(global) = &global {
            // An id of the global part would be that of every rule: only a document's own counts.
            let own = document.entry("id").is_some();
            document = joined(global.clone(), document);
            if !own {
                take(&mut document, "id");
            }
        }
        nodes += size(&document);
        if nodes > NODES_MAX {
            let message = format!("the parts of `action: global` make more than {NODES_MAX} values");
            tell(Severity::Error, document.place, message, "split the file");
            return made;
        }
        previous = Some(document.clone());
        made.push(document);
    }
    made
}

fn take(document: &mut Node, key: &str) -> Option<Entry> {
    let Kind::Map(entries) = &mut document.kind else { return None };
    let at = entries.iter().position(|entry| entry.key == key)?;
    Some(entries.remove(at))
}

fn is_bare(document: &Node) -> bool {
    matches!(&document.kind, Kind::Map(entries) if entries.is_empty())
}

fn size(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Scalar(_) => 0,
        Kind::List(items) => items.iter().map(size).sum(),
        Kind::Map(entries) => entries.iter().map(|entry| size(&entry.value)).sum(),
    }
}

/// `over` laid upon `base`: mappings are joined key by key, anything else is replaced. The place is that of `over`.
fn joined(base: Node, over: Node) -> Node {
    match (base.kind, over.kind) {
        (Kind::Map(mut entries), Kind::Map(changes)) => {
            for change in changes {
                match entries.iter_mut().find(|entry| entry.key == change.key) {
                    Some(entry) => {
                        let before = std::mem::replace(&mut entry.value, null(change.place));
                        entry.value = joined(before, change.value);
                    }
                    None => entries.push(change),
                }
            }
            Node { place: over.place, kind: Kind::Map(entries) }
        }
        (_, kind) => Node { place: over.place, kind },
    }
}

fn null(place: Place) -> Node {
    Node { place, kind: Kind::Scalar(Scalar::Null) }
}

fn text(place: Place, text: impl Into<String>) -> Node {
    Node { place, kind: Kind::Scalar(Scalar::Text(text.into())) }
}

fn list(place: Place, items: Vec<Node>) -> Node {
    Node { place, kind: Kind::List(items) }
}

fn map(place: Place, entries: Vec<(&str, Node)>) -> Node {
    let entry = |(key, value): (&str, Node)| Entry { key: key.into(), place, value };
    Node { place, kind: Kind::Map(entries.into_iter().map(entry).collect()) }
}

/// An aggregation of old Sigma: `count(field) by group > 5`.
#[derive(PartialEq, Debug)]
struct Aggregation<'a> {
    /// `count`, `sum` …
    function: &'a str,
    field: Option<&'a str>,
    group: Option<&'a str>,
    comparison: &'static str,
    bound: &'a str,
}

/// Reads an aggregation, the words behind the pipe.
///
/// # Errors
/// What is wrong with it.
fn aggregation(text: &str) -> Result<Aggregation<'_>, String> {
    let text = text.trim();
    let (function, rest) = text.split_at(text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let shape = || format!("`| {text}` is not written as `| count(field) by group > number`");
    let inner = rest.trim_start().strip_prefix('(').ok_or_else(shape)?;
    let (field, rest) = inner.split_once(')').ok_or_else(shape)?;
    let rest = rest.trim_start();
    let sign = rest.find(['<', '>', '=']).ok_or_else(shape)?;
    let (group, rest) = rest.split_at(sign);
    let group = match group.trim() {
        "" => None,
        group => match group.split_once(char::is_whitespace) {
            Some((by, name)) if by.eq_ignore_ascii_case("by") => Some(name.trim()),
            _ => return Err(shape()),
        },
    };
    let (comparison, bound) = [(">=", "gte"), ("<=", "lte"), ("==", "eq"), (">", "gt"), ("<", "lt"), ("=", "eq")]
        .into_iter()
        .find_map(|(sign, name)| Some((name, rest.strip_prefix(sign)?.trim())))
        .ok_or_else(shape)?;
    if bound.is_empty() || !bound.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(shape());
    }
    let field = Some(field.trim()).filter(|field| !field.is_empty());
    Ok(Aggregation { function, field, group, comparison, bound })
}

/// A rule whose condition ends in an aggregation, as a rule and a correlation that counts it. The correlation keeps the
/// id, so alerts come under the name they had. `Ok(None)`: there is no aggregation.
///
/// # Errors
/// Why it has no such form.
pub(crate) fn split_aggregation(document: &Node) -> Result<Option<(Node, Node)>, Box<Diagnostic>> {
    let condition = document.get("detection").and_then(|detection| detection.get("condition"));
    let Some(Node { place, kind: Kind::Scalar(Scalar::Text(condition)) }) = condition else { return Ok(None) };
    let Some((selections, behind)) = condition.split_once('|') else { return Ok(None) };
    let at = Place { line: place.line, column: place.column + selections.chars().count() as u32 };
    let refuse =
        |message: String, help: &str| Box::new(Diagnostic::error(std::path::Path::new(""), at, message).help(help));
    let modern = "write a `correlation:` document that names this rule";
    if behind.trim_start().starts_with("near") {
        return Err(refuse(
            format!("the aggregation `|{behind}` is not supported"),
            "`near` became the correlation type temporal: make each part a rule and name them in one",
        ));
    }
    let found = aggregation(behind).map_err(|message| refuse(message, modern))?;
    let kind = match (found.function, found.field) {
        ("count", None) => "event_count",
        ("count", Some(_)) => "value_count",
        ("sum", Some(_)) => "value_sum",
        ("avg", Some(_)) => "value_avg",
        (other, _) => {
            return Err(refuse(format!("the aggregation `{other}` is not supported in a condition"), modern));
        }
    };
    let Some(timeframe) = document.get("detection").and_then(|detection| detection.get("timeframe")) else {
        return Err(refuse(
            "the aggregation has no `timeframe`: over which time it counts is not said".into(),
            "add `timeframe: 5m` to the detection, or write a correlation with `timespan`",
        ));
    };
    let (mut rule, mut correlation) = (document.clone(), document.clone());
    let id = document.get("id").and_then(Node::text).unwrap_or_else(|| digest(document));
    let counted = format!("{id}.counted");
    set(&mut rule, "id", text(*place, &counted));
    // What is odd about the head is told of the correlation.
    for key in ["name", "status"] {
        take(&mut rule, key);
    }
    if let Kind::Map(entries) = &mut rule.kind {
        if let Some(detection) = entries.iter_mut().find(|entry| entry.key == "detection") {
            take(&mut detection.value, "timeframe");
            set(&mut detection.value, "condition", text(*place, selections.trim_end()));
        }
    }
    let bound = Scalar::Integer(found.bound.parse().unwrap_or(i128::MAX), found.bound.into());
    let mut bounds = vec![(found.comparison, Node { place: at, kind: Kind::Scalar(bound) })];
    bounds.extend(found.field.map(|field| ("field", text(at, field))));
    let mut parts = vec![("type", text(at, kind)), ("rules", list(at, vec![text(at, counted)]))];
    parts.extend(
        found.group.map(|group| ("group-by", list(at, group.split(',').map(|name| text(at, name.trim())).collect()))),
    );
    parts.extend([("timespan", timeframe.clone()), ("condition", map(at, bounds))]);
    for key in ["detection", "logsource", "fields", "taxonomy"] {
        take(&mut correlation, key);
    }
    set(&mut correlation, "id", text(*place, id));
    set(&mut correlation, "correlation", map(at, parts));
    Ok(Some((rule, correlation)))
}

fn set(document: &mut Node, key: &str, value: Node) {
    let place = value.place;
    take(document, key);
    if let Kind::Map(entries) = &mut document.kind {
        entries.push(Entry { key: key.into(), place, value });
    }
}

/// An id made from the content, for documents without one.
fn digest(document: &Node) -> String {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    document.digest_into(&mut |part| hash.update(part));
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, expected: (&str, Option<&str>, Option<&str>, &str, &str)) {
        let found = aggregation(written).unwrap();
        assert_eq!((found.function, found.field, found.group, found.comparison, found.bound), expected);
    }

    #[test]
    fn aggregations_are_read() {
        check("count() > 5", ("count", None, None, "gt", "5"));
        check(" count(User) by Host >= 10 ", ("count", Some("User"), Some("Host"), "gte", "10"));
        check("count( ) by src_ip<5", ("count", None, Some("src_ip"), "lt", "5"));
        check("sum(bytes) by a,b == 1", ("sum", Some("bytes"), Some("a,b"), "eq", "1"));
        for slip in ["", "count", "count(", "count()", "count() > x", "count() of b > 1", "count() by > 1", "count() >"]
        {
            assert!(aggregation(slip).is_err(), "{slip}");
        }
    }
}
