//! Tests inside rule files: records in, and how many alerts of the rule must come out.
//!
//! They stand under `noroshi: tests:` of a rule or correlation, so that other readers of Sigma pass over
//! them. Here they are read and their records written out; running them is left to the engine.

use std::path::Path;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use noroshi_parsers::time::take_iso;

use crate::correlation::parse_span;
use crate::diagnostic::{Diagnostic, Place};
use crate::suggest::nearest;
use crate::yaml::{self, Entry, Kind, Node};

/// Most records one line of a test stands for: floods of real rules need some hundred.
pub const REPEAT_MAX: u64 = 100_000;

/// One test of one rule.
#[derive(Clone, PartialEq, Debug)]
pub struct Case {
    /// The rule's `id`; its title where it has none.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// What the test shows.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The product whose records these are; otherwise detected per record.
    pub format: Option<String>,
    /// Zone of stamps that carry none, and in which tables tell times.
    pub timezone: String,
    /// Inventory tables: name and CSV.
    pub tables: Vec<(String, String)>,
    /// The records.
    pub records: Vec<Template>,
    /// How many alerts of the rule must come of them.
    pub alerts: u64,
}

/// One record, or many that differ in time and number.
#[derive(Clone, PartialEq, Debug)]
pub struct Template {
    /// The text; `{n}` and `{%H:%M:%S}` stand for number and time where it is repeated or has a time.
    pub text: String,
    /// How many records.
    pub repeat: u64,
    /// From one to the next.
    pub every_ns: i64,
    /// Time of the first, in nanoseconds since 1970 UTC.
    pub from_ns: Option<i64>,
}

impl Template {
    /// The records. `{n}` counts from 1; braces around a text that begins with `%` hold a time in the notation of `strftime`.
    ///
    /// # Errors
    /// A notation that is not understood, or a time where no `from` is given.
    pub fn write_out(&self, zone: &TimeZone) -> Result<Vec<String>, String> {
        let mut records = Vec::with_capacity(self.repeat as usize);
        for number in 0..self.repeat {
            let time_ns = self.from_ns.map(|from| from.saturating_add(self.every_ns.saturating_mul(number as i64)));
            let text = if self.from_ns.is_none() && self.repeat == 1 {
                self.text.clone()
            } else {
                fill(&self.text, number + 1, time_ns, zone)?
            };
            records.push(text);
        }
        Ok(records)
    }
}

fn fill(text: &str, number: u64, time_ns: Option<i64>, zone: &TimeZone) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        filled.push_str(before);
        let inner = after[1..].split_once('}');
        match inner {
            Some(("n", behind)) => {
                filled.push_str(&number.to_string());
                rest = behind;
            }
            Some((notation, behind)) if notation.starts_with('%') => {
                let time_ns = time_ns.ok_or("a time stands in the record, and no `from` says which")?;
                let time = Timestamp::from_nanosecond(i128::from(time_ns)).map_err(|cause| cause.to_string())?;
                filled +=
                    &strtime::format(notation, &time.to_zoned(zone.clone())).map_err(|cause| cause.to_string())?;
                rest = behind;
            }
            _ => {
                filled.push('{');
                rest = &after[1..];
            }
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The tests of a file, in its order, and what is wrong with them. A file that is no YAML has none.
pub fn read(file: &Path, text: &str) -> (Vec<Case>, Vec<Diagnostic>) {
    let (mut cases, mut diagnostics) = (Vec::new(), Vec::new());
    for document in &yaml::parse(text).documents {
        cases.extend(of_document(file, document, &mut diagnostics));
    }
    (cases, diagnostics)
}

/// The tests of one document; also refuses keys under `noroshi` that a rule does not have.
pub(crate) fn of_document(file: &Path, document: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Case> {
    let Some(notes) = document.get("noroshi") else { return Vec::new() };
    let title = document.get("title").and_then(Node::text).unwrap_or_default();
    let rule = document.get("id").and_then(Node::text).unwrap_or_else(|| title.clone());
    let mut reader = Reader { file, rule: &rule, diagnostics };
    if let Some(ja) = notes.get("ja") {
        for entry in reader.entries(ja, "ja", &["title", "description"]) {
            reader.text(&entry.value, &entry.key);
        }
    }
    let Some(tests) = notes.get("tests") else { return Vec::new() };
    let Kind::List(items) = &tests.kind else {
        reader.error(tests.place, format!("`tests` is {}, not a list", tests.what()));
        return Vec::new();
    };
    items.iter().filter_map(|item| reader.case(item, &title)).collect()
}

struct Reader<'a> {
    file: &'a Path,
    rule: &'a str,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn error(&mut self, place: Place, message: String) {
        self.diagnostics.push(Diagnostic::error(self.file, place, message).rule(self.rule));
    }

    /// The entries of a mapping, those of unknown keys told and left out.
    fn entries<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Vec<&'n Entry> {
        let Kind::Map(entries) = &node.kind else {
            self.error(node.place, format!("`{what}` is {}, not a mapping", node.what()));
            return Vec::new();
        };
        let mut kept = Vec::new();
        for entry in entries {
            if known.is_empty() || known.contains(&entry.key.as_str()) {
                kept.push(entry);
                continue;
            }
            let told = Diagnostic::error(self.file, entry.place, format!("unknown key `{}` under `{what}`", entry.key));
            let help = nearest(&entry.key, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let help = help.unwrap_or_else(|| format!("known are {}", known.join(", ")));
            self.diagnostics.push(told.rule(self.rule).help(help));
        }
        kept
    }

    fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        let text = node.text();
        if text.is_none() {
            self.error(node.place, format!("`{key}` is {}, not a string", node.what()));
        }
        text
    }

    fn number(&mut self, node: &Node, key: &str) -> Option<u64> {
        let number = node.text().and_then(|text| text.parse().ok());
        if number.is_none() {
            self.error(node.place, format!("`{key}` is no whole number"));
        }
        number
    }

    fn case(&mut self, node: &Node, title: &str) -> Option<Case> {
        const KEYS: [&str; 6] = ["name", "format", "timezone", "tables", "records", "alerts"];
        let mut case = Case {
            rule: self.rule.to_owned(),
            title: title.to_owned(),
            name: String::new(),
            place: node.place,
            format: None,
            timezone: "UTC".to_owned(),
            tables: Vec::new(),
            records: Vec::new(),
            alerts: 1,
        };
        for Entry { key, value, .. } in self.entries(node, "tests", &KEYS) {
            match key.as_str() {
                "name" => case.name = self.text(value, key)?,
                "format" => case.format = Some(self.text(value, key)?),
                "timezone" => case.timezone = self.text(value, key)?,
                "alerts" => case.alerts = self.number(value, key)?,
                "tables" => {
                    for table in self.entries(value, key, &[]) {
                        case.tables.push((table.key.clone(), self.text(&table.value, &table.key)?));
                    }
                }
                _ => case.records = self.records(value)?,
            }
        }
        if case.records.is_empty() {
            self.error(node.place, "the test has no `records`".to_owned());
            return None;
        }
        Some(case)
    }

    /// A text is a record a line; a list holds records, whole or as mappings.
    fn records(&mut self, node: &Node) -> Option<Vec<Template>> {
        let plain = |text: String| Template { text, repeat: 1, every_ns: 0, from_ns: None };
        match &node.kind {
            Kind::List(items) => items
                .iter()
                .map(|item| match item.kind {
                    Kind::Map(_) => self.template(item),
                    _ => self.text(item, "records").map(plain),
                })
                .collect(),
            _ => {
                let text = self.text(node, "records")?;
                Some(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).map(plain).collect())
            }
        }
    }

    fn template(&mut self, node: &Node) -> Option<Template> {
        let mut template = Template { text: String::new(), repeat: 1, every_ns: 0, from_ns: None };
        for Entry { key, value, place } in self.entries(node, "records", &["record", "repeat", "every", "from"]) {
            match key.as_str() {
                "record" => template.text = self.text(value, key)?,
                "repeat" => template.repeat = self.number(value, key)?,
                "every" => {
                    let span = value.text().as_deref().and_then(parse_span);
                    if span.is_none() {
                        self.error(*place, "`every` is no span such as 500ms, 30s, 5m, 1h or 1d".to_owned());
                    }
                    template.every_ns = span?;
                }
                _ => {
                    let time = value.text().as_deref().and_then(instant);
                    if time.is_none() {
                        self.error(*place, "`from` is no time such as 2026-03-02T09:00:00Z".to_owned());
                    }
                    template.from_ns = Some(time?);
                }
            }
        }
        if template.text.is_empty() || template.repeat > REPEAT_MAX {
            self.error(node.place, format!("records need a `record`, and are repeated {REPEAT_MAX} times at most"));
            return None;
        }
        Some(template)
    }
}

fn instant(text: &str) -> Option<i64> {
    let (stamp, rest) = take_iso(text.as_bytes())?;
    if !rest.is_empty() { None } else { stamp.civil.at_offset(stamp.offset_s?) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tests: &str, expected: &[&str]) {
        let text = format!("title: T\nid: i\nnoroshi:\n  tests:\n{tests}");
        let (cases, told) = read(Path::new("r.yml"), &text);
        let told: Vec<String> = told.into_iter().map(|told| told.message).collect();
        let records: Vec<String> = cases
            .iter()
            .flat_map(|case| &case.records)
            .flat_map(|record| record.write_out(&TimeZone::UTC).unwrap_or_else(|cause| vec![cause]))
            .collect();
        assert_eq!([told, records].concat(), expected);
    }

    #[test]
    fn records_are_lines_lists_and_templates() {
        check("  - {name: a, records: \"one\\n\\ntwo {n}\\n\"}", &["one", "two {n}"]);
        check("  - {records: [\"one\\ntwo\", three]}", &["one\ntwo", "three"]);
        let template =
            "{record: '{\"n\":{n},\"t\":\"{%b %e %H:%M:%S}\"}', repeat: 2, every: 90s, from: 2026-03-02T09:00:00Z}";
        check(
            &format!("  - {{records: [{template}]}}"),
            &["{\"n\":1,\"t\":\"Mar  2 09:00:00\"}", "{\"n\":2,\"t\":\"Mar  2 09:01:30\"}"],
        );
        check(
            "  - {records: [{record: '{%H} {n}', repeat: 2}]}",
            &["a time stands in the record, and no `from` says which"],
        );
    }

    #[test]
    fn what_is_no_test_is_told() {
        check("    {}", &["`tests` is a mapping, not a list"]);
        check("  - {name: a}", &["the test has no `records`"]);
        check("  - {record: a}", &["unknown key `record` under `tests`", "the test has no `records`"]);
        check("  - {records: a, alerts: some}", &["`alerts` is no whole number"]);
        check("  - {records: [{record: a, every: often}]}", &["`every` is no span such as 500ms, 30s, 5m, 1h or 1d"]);
        check("  - {records: [{record: a, from: now}]}", &["`from` is no time such as 2026-03-02T09:00:00Z"]);
        check(
            "  - {records: [{record: a, repeat: 200000}]}",
            &["records need a `record`, and are repeated 100000 times at most"],
        );
    }
}
