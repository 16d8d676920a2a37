//! A Sigma rule as written: head, log source, detection (Sigma rules specification 2.1).
//!
//! Reading is all or nothing: a rule with anything wrong or not supported in it gives
//! diagnostics and no rule, because half a rule is a detection nobody asked for.

use std::collections::BTreeMap;
use std::path::Path;

use ipnet::IpNet;
use sha2::{Digest as _, Sha256};

use crate::condition::{self, Condition};
use crate::diagnostic::{Diagnostic, Place};
use crate::dialect::{Expression, Flags};
use crate::modifier::{Chain, Comparison, Operator};
use crate::number::Number;
use crate::part::Part;
use crate::pattern::Pattern;
use crate::suggest::nearest;
use crate::taxonomy;
use crate::yaml::{Kind, Node, Scalar};

/// Most selections of one rule: conditions name at most 4,096 words, and public rules have a dozen.
pub const SELECTIONS_MAX: usize = 4_096;

/// How grave a match is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub enum Level {
    /// For enrichment only.
    Informational,
    /// Notable, rarely an incident.
    Low,
    /// To be reviewed; also what a rule without a level is taken for.
    #[default]
    Medium,
    /// To be reviewed promptly.
    High,
    /// An incident.
    Critical,
}

const LEVELS: [(&str, Level); 5] = [
    ("informational", Level::Informational),
    ("low", Level::Low),
    ("medium", Level::Medium),
    ("high", Level::High),
    ("critical", Level::Critical),
];

impl Level {
    /// The name in rule files.
    pub fn as_str(self) -> &'static str {
        LEVELS[self as usize].0
    }
}

/// What every document says about itself.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Head {
    /// `title`.
    pub title: String,
    /// `id`; made from the digest where the file gives none.
    pub id: String,
    /// `name`, by which correlations may refer to the rule.
    pub name: Option<String>,
    /// `status`.
    pub status: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `level`.
    pub level: Level,
    /// `tags`.
    pub tags: Vec<String>,
    /// `references`.
    pub references: Vec<String>,
    /// `falsepositives`.
    pub falsepositives: Vec<String>,
    /// `fields`.
    pub fields: Vec<String>,
    /// `author`.
    pub author: Option<String>,
    /// `noroshi.ja`: what it is called and says in Japanese.
    pub ja: Option<Translation>,
    /// `noroshi.verified`: the day its threshold was held against records.
    pub verified: Option<String>,
    /// Where the document starts.
    pub place: Place,
    /// SHA-256 of the document's content; layout, comments, tests and Japanese texts do not count.
    pub digest: [u8; 32],
}

/// What a rule is called and says in another language.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Translation {
    /// Its title.
    pub title: Option<String>,
    /// Its description.
    pub description: Option<String>,
}

/// `noroshi.ja` of a document; what is wrong with it is told by [`crate::case`].
fn translation(document: &Node) -> Option<Translation> {
    let ja = document.get("noroshi")?.get("ja")?;
    let text = |key: &str| ja.get(key).and_then(Node::text).filter(|text| !text.is_empty());
    Some(Translation { title: text("title"), description: text("description") })
}

/// The document without what tells people about it and what tests it: neither changes which events it hits.
fn definition(document: &Node) -> Node {
    let mut bare = document.clone();
    if let Kind::Map(entries) = &mut bare.kind
        && let Some(at) = entries.iter().position(|entry| entry.key == "noroshi")
        && let Kind::Map(notes) = &mut entries[at].value.kind
    {
        notes.retain(|note| !matches!(note.key.as_str(), "ja" | "tests" | "verified"));
        if notes.is_empty() {
            entries.remove(at);
        }
    }
    bare
}

impl Head {
    /// ATT&CK technique ids from `attack.t…` tags, upper-case, in order, once each.
    pub fn techniques(&self) -> Vec<String> {
        let mut found = Vec::new();
        for tag in &self.tags {
            let Some(technique) = tag.to_ascii_lowercase().strip_prefix("attack.t").map(str::to_owned) else {
                continue;
            };
            if technique.starts_with(|first: char| first.is_ascii_digit()) {
                let id = format!("T{technique}");
                if !found.contains(&id) {
                    found.push(id);
                }
            }
        }
        found
    }
}

/// `logsource`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct RuleSource {
    /// `product`, lower case.
    pub product: Option<String>,
    /// `service`, lower case.
    pub service: Option<String>,
    /// `category`, lower case.
    pub category: Option<String>,
}

/// One comparison.
#[derive(Clone, Debug)]
pub enum Test {
    /// Text with wildcards.
    Text(Pattern),
    /// The field is absent, or one of its values is null.
    Null,
    /// The field is there, or is not.
    Exists(bool),
    /// A regular expression, found anywhere.
    Regex {
        /// As written.
        source: String,
        /// The flags.
        flags: Flags,
        /// Compiled.
        expression: Expression,
    },
    /// An address in a network.
    Cidr(IpNet),
    /// A number.
    Compare(Comparison, Number),
    /// A part of a date.
    Part(Part, Comparison, Number),
    /// Another field's value.
    FieldRef {
        /// The other field.
        field: String,
        /// Whether more may stand before it.
        open_start: bool,
        /// Whether more may stand after it.
        open_end: bool,
        /// Whether letters' case counts.
        cased: bool,
    },
}

/// One value of the rule; it may stand for several (encodings, placeholders).
#[derive(Clone, Debug)]
pub struct Value {
    /// As the rule writes it.
    pub source: String,
    /// One of these must hold.
    pub alternatives: Vec<Test>,
}

/// A field, or the whole record, against values.
#[derive(Clone, Debug)]
pub struct Item {
    /// The field's name; `None` for keywords.
    pub field: Option<String>,
    /// The modifiers as written, `|` between them.
    pub modifiers: String,
    /// Where it stands.
    pub place: Place,
    /// Whether all values must match.
    pub all: bool,
    /// Whether the whole is negated.
    pub negated: bool,
    /// The values.
    pub values: Vec<Value>,
}

/// What a selection asks for.
#[derive(Clone, Debug)]
pub enum Search {
    /// One item.
    Item(Item),
    /// All of these (a mapping).
    All(Vec<Search>),
    /// One of these (a list).
    Any(Vec<Search>),
}

/// A named selection.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Its name in the condition.
    pub name: String,
    /// Where it is defined.
    pub place: Place,
    /// What it asks for.
    pub search: Search,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it says of itself.
    pub head: Head,
    /// Where it applies.
    pub source: RuleSource,
    /// The selections, in the file's order.
    pub selections: Vec<Selection>,
    /// Over the selections.
    pub condition: Condition,
}

/// A `filter` document: it narrows the rules it names.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What it says of itself.
    pub head: Head,
    /// Ids or names of the rules, with their places.
    pub rules: Vec<(String, Place)>,
    /// Whether it is for every rule of its log source (`rules: any`).
    pub any: bool,
    /// The log source it is for: rules of others are left alone.
    pub source: RuleSource,
    /// Its selections.
    pub selections: Vec<Selection>,
    /// Joined to the rule's condition by `and`.
    pub condition: Condition,
}

impl Filter {
    /// Whether a rule of this log source is meant: each part that the filter gives is the rule's.
    pub fn covers(&self, rule: &RuleSource) -> bool {
        let part = |own: &Option<String>, other: &Option<String>| own.is_none() || own == other;
        part(&self.source.product, &rule.product)
            && part(&self.source.service, &rule.service)
            && part(&self.source.category, &rule.category)
    }
}

/// Values for `%name%` placeholders, by name without the percent signs.
pub type Placeholders = BTreeMap<String, Vec<String>>;

/// Reads documents of one file and collects what is wrong.
pub struct Reader<'a> {
    /// The file's name in diagnostics.
    pub file: &'a Path,
    /// Values for `expand`.
    pub placeholders: &'a Placeholders,
    /// What was found so far.
    pub diagnostics: &'a mut Vec<Diagnostic>,
    rule: Option<String>,
    pub(crate) errors: usize,
}

impl<'a> Reader<'a> {
    /// A reader for the documents of `file`.
    pub fn new(file: &'a Path, placeholders: &'a Placeholders, diagnostics: &'a mut Vec<Diagnostic>) -> Self {
        Reader { file, placeholders, diagnostics, rule: None, errors: 0 }
    }

    pub(crate) fn error(&mut self, place: Place, message: impl Into<String>, help: Option<String>) {
        let mut told = Diagnostic::error(self.file, place, message);
        told.rule.clone_from(&self.rule);
        told.help = help;
        self.diagnostics.push(told);
        self.errors += 1;
    }

    pub(crate) fn warn(&mut self, place: Place, message: impl Into<String>, help: Option<String>) {
        let mut told = Diagnostic::warning(self.file, place, message);
        told.rule.clone_from(&self.rule);
        told.help = help;
        self.diagnostics.push(told);
    }

    /// Begins a document: its errors are counted and its rule is named from here on.
    pub(crate) fn begin(&mut self, document: &Node) -> Head {
        self.errors = 0;
        self.rule = ["id", "name", "title"].iter().find_map(|key| document.get(key)?.text());
        self.head(document)
    }

    /// Tells that a document is no rule at all.
    pub(crate) fn refuse_document(&mut self, document: &Node) {
        self.rule = None;
        self.error(document.place, format!("the document is {}, not a rule", document.what()), None);
    }

    /// Whether the document begun last is without errors.
    pub(crate) fn is_sound(&self) -> bool {
        self.errors == 0
    }

    fn head(&mut self, document: &Node) -> Head {
        let mut hash = Sha256::new();
        definition(document).digest_into(&mut |part| hash.update(part));
        let digest: [u8; 32] = hash.finalize().into();
        let title = self.string(document, "title").unwrap_or_default();
        if title.is_empty() && document.get("title").is_none_or(|node| node.what() == "null") {
            self.error(
                document.place,
                "the rule has no `title`",
                Some("say in a few words what the rule finds".into()),
            );
        }
        let id = self
            .string(document, "id")
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| digest[..16].iter().map(|byte| format!("{byte:02x}")).collect());
        Head {
            title,
            id,
            name: self.string(document, "name"),
            status: self.status(document),
            description: self.string(document, "description"),
            level: self.level(document),
            tags: self.strings(document, "tags"),
            references: self.strings(document, "references"),
            falsepositives: self.strings(document, "falsepositives"),
            fields: self.strings(document, "fields"),
            author: self.string(document, "author"),
            ja: translation(document),
            verified: self.verified(document),
            place: document.place,
            digest,
        }
    }

    fn verified(&mut self, document: &Node) -> Option<String> {
        let node = document.get("noroshi")?.get("verified")?;
        let date = node.text().unwrap_or_default();
        if Part::Day.read(date.as_bytes()).is_none() {
            let help = Some("write the day as YYYY-MM-DD".to_owned());
            self.error(node.place, format!("`verified` takes a date, not `{date}`"), help);
        }
        Some(date)
    }

    pub(crate) fn string(&mut self, node: &Node, key: &str) -> Option<String> {
        let value = node.get(key)?;
        let text = value.text();
        if text.is_none() && value.what() != "null" {
            self.error(value.place, format!("`{key}` is {}, not a string", value.what()), None);
        }
        text
    }

    pub(crate) fn strings(&mut self, node: &Node, key: &str) -> Vec<String> {
        self.placed_strings(node, key).into_iter().map(|(text, _)| text).collect()
    }

    pub(crate) fn placed_strings(&mut self, node: &Node, key: &str) -> Vec<(String, Place)> {
        let Some(value) = node.get(key) else { return Vec::new() };
        let items = match &value.kind {
            Kind::List(items) => items.as_slice(),
            Kind::Scalar(Scalar::Null) => &[],
            _ => std::slice::from_ref(value),
        };
        let mut found = Vec::with_capacity(items.len());
        for item in items {
            match item.text() {
                Some(text) => found.push((text, item.place)),
                None if item.what() == "null" => {}
                None => self.error(item.place, format!("`{key}` holds {}, not a string", item.what()), None),
            }
        }
        found
    }

    fn status(&mut self, document: &Node) -> Option<String> {
        const KNOWN: [&str; 5] = ["stable", "test", "experimental", "deprecated", "unsupported"];
        let status = self.string(document, "status")?;
        let place = document.get("status").map_or(document.place, |node| node.place);
        if status == "unsupported" {
            self.warn(place, "the author marks the rule `unsupported`", None);
        } else if !KNOWN.contains(&status.as_str()) {
            let help = nearest(&status, KNOWN).map(|near| format!("did you mean `{near}`?"));
            self.warn(place, format!("unknown status `{status}`"), help);
        }
        Some(status)
    }

    fn level(&mut self, document: &Node) -> Level {
        let Some(text) = self.string(document, "level") else { return Level::default() };
        if let Some((_, level)) = LEVELS.iter().find(|(name, _)| *name == text) {
            return *level;
        }
        let names = LEVELS.map(|(name, _)| name);
        let help = nearest(&text, names)
            .map_or_else(|| format!("use one of {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
        let place = document.get("level").map_or(document.place, |node| node.place);
        self.error(place, format!("unknown level `{text}`"), Some(help));
        Level::default()
    }

    fn source(&mut self, document: &Node) -> RuleSource {
        let Some(node) = document.get("logsource") else {
            self.error(document.place, "the rule has no `logsource`", Some("give product, service or category".into()));
            return RuleSource::default();
        };
        if !matches!(node.kind, Kind::Map(_)) {
            self.error(node.place, format!("`logsource` is {}, not a mapping", node.what()), None);
            return RuleSource::default();
        }
        let mut part =
            |key: &str| self.string(node, key).map(|text| text.to_lowercase()).filter(|text| !text.is_empty());
        let source = RuleSource { product: part("product"), service: part("service"), category: part("category") };
        if source == RuleSource::default() {
            self.warn(
                node.place,
                "`logsource` names no product, service or category: the rule meets every event",
                None,
            );
        }
        taxonomy::meant(source)
    }

    /// Reads a detection rule. `None`: refused, see the diagnostics.
    pub fn rule(&mut self, document: &Node) -> Option<Rule> {
        let head = self.begin(document);
        if let Some(taxonomy) = document.get("taxonomy") {
            let name = taxonomy.text().unwrap_or_default();
            if !matches!(name.as_str(), "" | "sigma" | "ecs") {
                self.error(
                    taxonomy.place,
                    format!("the taxonomy `{name}` is not supported"),
                    Some("use Sigma or ECS field names".into()),
                );
            }
        }
        let source = self.source(document);
        let Some(detection) = document.entry("detection") else {
            let help = match &document.kind {
                Kind::Map(entries) => nearest("detection", entries.iter().map(|entry| entry.key.as_str()))
                    .map(|near| format!("rename `{near}` to `detection`")),
                _ => None,
            };
            self.error(document.place, "the rule has no `detection`", help);
            return None;
        };
        let (selections, condition) = self.detection(&detection.value, "detection", &["condition", "timeframe"])?;
        if let Some(timeframe) = detection.value.entry("timeframe") {
            self.warn(
                timeframe.place,
                "`timeframe` has no effect in a detection",
                Some("use a correlation with `timespan`".into()),
            );
        }
        self.is_sound().then_some(Rule { head, source, selections, condition })
    }

    /// Reads a filter document. `None`: refused.
    pub fn filter(&mut self, document: &Node) -> Option<Filter> {
        let head = self.begin(document);
        let source = self.source(document);
        let node = document.get("filter")?;
        if !matches!(node.kind, Kind::Map(_)) {
            self.error(node.place, format!("`filter` is {}, not a mapping", node.what()), None);
            return None;
        }
        let mut rules = self.placed_strings(node, "rules");
        if rules.is_empty() {
            let help = "list ids or names under `filter.rules`, or write `any` for every rule of the log source";
            self.error(node.place, "the filter names no rules", Some(help.into()));
        }
        let any = matches!(rules.as_slice(), [(name, _)] if name == "any");
        if any {
            rules.clear();
        }
        let (selections, condition) = self.detection(node, "filter", &["condition", "rules"])?;
        self.is_sound().then_some(Filter { head, rules, any, source, selections, condition })
    }

    fn detection(&mut self, node: &Node, what: &str, reserved: &[&str]) -> Option<(Vec<Selection>, Condition)> {
        let Kind::Map(entries) = &node.kind else {
            self.error(node.place, format!("`{what}` is {}, not a mapping", node.what()), None);
            return None;
        };
        if entries.len() > SELECTIONS_MAX {
            let message = format!("`{what}` has {} selections, {SELECTIONS_MAX} are the most", entries.len());
            self.error(node.place, message, Some("split the rule".into()));
            return None;
        }
        let mut selections = Vec::new();
        for entry in entries.iter().filter(|entry| !reserved.contains(&entry.key.as_str())) {
            if let Some(search) = self.search(&entry.value, &entry.key) {
                selections.push(Selection { name: entry.key.clone(), place: entry.place, search });
            }
        }
        let Some(written) = node.entry("condition") else {
            self.error(
                node.place,
                format!("the {what} has no `condition`"),
                Some("say which selections must match".into()),
            );
            return None;
        };
        // Names resolve against all keys, so that one bad selection is not told twice.
        let names: Vec<&str> =
            entries.iter().map(|entry| entry.key.as_str()).filter(|key| !reserved.contains(key)).collect();
        let texts = match &written.value.kind {
            Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(&written.value),
        };
        let mut any = Vec::new();
        for text in texts {
            let Kind::Scalar(Scalar::Text(expression)) = &text.kind else {
                self.error(text.place, format!("`condition` is {}, not a string", text.what()), None);
                continue;
            };
            match condition::parse(expression, &names) {
                Ok(condition) => any.push(condition),
                Err(fault) => {
                    let offset = expression.get(..fault.at.start).map_or(0, |before| before.chars().count());
                    let place = Place { line: text.place.line, column: text.place.column + offset as u32 };
                    self.error(place, fault.message, fault.help);
                }
            }
        }
        let condition = match any.len() {
            0 => {
                if self.is_sound() {
                    self.error(written.place, "the `condition` is empty", None);
                }
                return None;
            }
            1 => any.remove(0),
            _ => Condition::Or(any),
        };
        Some((selections, condition))
    }

    fn search(&mut self, node: &Node, name: &str) -> Option<Search> {
        match &node.kind {
            Kind::Map(entries) => {
                if entries.is_empty() {
                    self.error(node.place, format!("the selection `{name}` is empty"), None);
                    return None;
                }
                let items =
                    entries.iter().map(|entry| self.item(&entry.key, entry.place, &entry.value).map(Search::Item));
                items.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>().map(Search::All)
            }
            Kind::List(items) => {
                if items.is_empty() {
                    self.error(node.place, format!("the selection `{name}` is empty"), None);
                    return None;
                }
                let is_keyword = |item: &&Node| matches!(item.kind, Kind::Scalar(_));
                let mut any = Vec::new();
                let words: Vec<&Node> = items.iter().filter(is_keyword).collect();
                if !words.is_empty() {
                    any.push(self.values(None, "", node.place, &Chain::default(), &words).map(Search::Item));
                }
                for item in items.iter().filter(|item| !is_keyword(item)) {
                    if matches!(item.kind, Kind::List(_)) {
                        self.error(
                            item.place,
                            format!("the selection `{name}` holds a list within a list"),
                            Some("write one list".into()),
                        );
                    } else {
                        any.push(self.search(item, name));
                    }
                }
                any.into_iter().collect::<Option<Vec<_>>>().map(Search::Any)
            }
            Kind::Scalar(Scalar::Null) => {
                self.error(node.place, format!("the selection `{name}` is empty"), None);
                None
            }
            Kind::Scalar(_) => self.values(None, "", node.place, &Chain::default(), &[node]).map(Search::Item),
        }
    }

    fn item(&mut self, key: &str, place: Place, value: &Node) -> Option<Item> {
        let (field, modifiers) = key.split_once('|').unwrap_or((key, ""));
        let names = (!modifiers.is_empty()).then(|| modifiers.split('|')).into_iter().flatten();
        let chain = match Chain::parse(names) {
            Ok(chain) => chain,
            Err(fault) => {
                self.error(place, fault.message, fault.help);
                return None;
            }
        };
        let field = (!field.is_empty()).then_some(field);
        if field.is_none() && !matches!(chain.operator, None | Some(Operator::Regex(_))) {
            self.error(place, format!("`|{modifiers}` needs a field name"), None);
            return None;
        }
        match &value.kind {
            Kind::List(items) if items.is_empty() => {
                self.error(value.place, format!("`{key}` has an empty list of values"), None);
                None
            }
            Kind::List(items) => self.values(field, modifiers, place, &chain, &items.iter().collect::<Vec<_>>()),
            Kind::Map(_) => {
                self.error(value.place, format!("`{key}` holds a mapping where a value is expected"), None);
                None
            }
            Kind::Scalar(_) => self.values(field, modifiers, place, &chain, &[value]),
        }
    }

    fn values(
        &mut self,
        field: Option<&str>,
        modifiers: &str,
        place: Place,
        chain: &Chain,
        nodes: &[&Node],
    ) -> Option<Item> {
        let before = self.errors;
        let mut values = Vec::with_capacity(nodes.len());
        for node in nodes {
            let source = node.text().unwrap_or_else(|| "null".into());
            match self.tests(field.is_none(), chain, node) {
                Ok(alternatives) => values.push(Value { source, alternatives }),
                Err((message, help)) => self.error(node.place, message, help),
            }
        }
        (self.errors == before).then(|| Item {
            field: field.map(str::to_owned),
            modifiers: modifiers.to_owned(),
            place,
            all: chain.all,
            negated: chain.negated,
            values,
        })
    }
}
