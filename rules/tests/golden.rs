//! Golden cases of the Sigma specification: `golden/<topic>.yml`, each with its citation, evaluated by the fast path
//! and by the full scan.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::Event;
use noroshi_rules::rule::Placeholders;
use noroshi_rules::yaml::{self, Kind, Node};
use noroshi_rules::{Options, RuleSet, Scratch};

/// A rule with the events it must hit and must miss; or a part of why it must be refused.
struct Case {
    name: String,
    detection: String,
    /// Where the rule applies; `None` is everywhere.
    logsource: Option<String>,
    lists: Placeholders,
    hits: Vec<String>,
    misses: Vec<String>,
    refused: Option<String>,
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.kind) {
        Some(Kind::List(items)) => items,
        _ => &[],
    }
}

fn texts(node: Option<&Node>) -> Vec<String> {
    items(node).iter().map(|item| item.text().expect("a string")).collect()
}

fn cases(path: &Path) -> Vec<Case> {
    let parsed = yaml::parse(&std::fs::read_to_string(path).unwrap());
    assert!(parsed.faults.is_empty(), "{}: {:?}", path.display(), parsed.faults);
    let read = |node: &Node| {
        let text = |key: &str| node.get(key).and_then(Node::text);
        let lists = match node.get("lists").map(|node| &node.kind) {
            Some(Kind::Map(entries)) => {
                entries.iter().map(|entry| (entry.key.clone(), texts(Some(&entry.value)))).collect()
            }
            _ => Placeholders::new(),
        };
        let case = Case {
            name: text("case").expect("a name"),
            detection: text("rule").expect("a detection"),
            logsource: text("logsource"),
            lists,
            hits: texts(node.get("hits")),
            misses: texts(node.get("misses")),
            refused: text("refused"),
        };
        assert!(text("spec").is_some_and(|spec| !spec.is_empty()), "{} cites nothing", case.name);
        let told = (case.refused.is_some(), case.hits.is_empty(), case.misses.is_empty());
        assert!(matches!(told, (true, true, true) | (false, false, false)), "{} says too little", case.name);
        case
    };
    parsed
        .documents
        .iter()
        .flat_map(|document| match &document.kind {
            Kind::List(list) => list.iter().map(read).collect::<Vec<_>>(),
            _ => panic!("{} is no list", path.display()),
        })
        .collect()
}

/// What is wrong with a case; empty where all is as it says.
fn faults(case: &Case) -> Vec<String> {
    let detection: String = case.detection.lines().map(|line| format!("    {line}\n")).collect();
    let source = case.logsource.as_deref().unwrap_or("{product: test}");
    let text = format!("title: t\nid: i\nlogsource: {source}\ndetection:\n{detection}");
    let mut dictionary = Dictionary::new();
    let options =
        Options { ignore_logsource: case.logsource.is_none(), placeholders: case.lists.clone(), ..Options::default() };
    let loaded = RuleSet::load(vec![(PathBuf::from("case.yml"), text)], &mut dictionary, &options);
    if let Some(expected) = &case.refused {
        let told: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
        let right = loaded.rules.is_empty() && told.iter().any(|told| told.contains(expected.as_str()));
        return if right { Vec::new() } else { vec![format!("{}: not refused as expected: {told:?}", case.name)] };
    }
    if loaded.rules.is_empty() {
        return vec![format!("{}: refused: {:?}", case.name, loaded.diagnostics)];
    }
    let dictionary = Arc::new(dictionary);
    let mut decoder = Decoder::new(Arc::clone(&dictionary));
    let (mut event, mut scratch) = (Event::new(), Scratch::new());
    let mut found = Vec::new();
    for (record, expected) in
        case.hits.iter().map(|record| (record, true)).chain(case.misses.iter().map(|record| (record, false)))
    {
        decoder.decode(record.as_bytes(), 0, &SourceOptions::default(), &mut event);
        let view = event.view(record.as_bytes());
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        loaded.rules.evaluate(&view, &mut scratch, &mut fast);
        loaded.rules.full_scan(&view, &dictionary, &mut slow);
        for (path, hits) in [("fast", fast), ("full scan", slow)] {
            if hits.is_empty() == expected {
                found.push(format!("{}: {path} says {} of {record}", case.name, !expected));
            }
        }
    }
    found
}

#[test]
fn every_case_is_as_the_specification_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let cases: Vec<Case> = files.iter().flat_map(|file| cases(file)).collect();
    let names: HashSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "two cases have the same name");
    assert!(cases.len() >= 120, "{} cases", cases.len());
    let found: Vec<String> = cases.iter().flat_map(faults).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
