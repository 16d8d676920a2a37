//! A correlation document as written (Sigma correlation rules specification 2.1).
//!
//! The kinds `event_count` and `value_count` are read; the others are refused by name. Ours
//! beyond the specification: `ms` in time spans, and the keys under `noroshi:`.

use crate::diagnostic::Place;
use crate::modifier::Comparison;
use crate::rule::{Head, Reader};
use crate::suggest::nearest;
use crate::yaml::{Kind, Node, Scalar};

/// Longest time span: ten years. Longer ones are slips, and nanoseconds must not overflow.
pub const SPAN_NS_MAX: i64 = 10 * 366 * 86_400 * 1_000_000_000;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Counted {
    /// Hits.
    Events,
    /// Distinct values of a field.
    Values,
}

impl Counted {
    /// The name in rule files.
    pub fn as_str(self) -> &'static str {
        match self {
            Counted::Events => "event_count",
            Counted::Values => "value_count",
        }
    }
}

/// What a count must satisfy: one bound, or two that make a range.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct CountCondition {
    /// All of these must hold; never empty.
    pub bounds: Vec<(Comparison, u64)>,
}

impl CountCondition {
    /// Whether `count` satisfies all bounds.
    pub fn holds(&self, count: u64) -> bool {
        self.bounds.iter().all(|(comparison, bound)| comparison.holds(count.cmp(bound)))
    }

    /// Whether more hits can never undo it: only `gt` and `gte` bounds.
    pub fn is_monotone(&self) -> bool {
        self.bounds.iter().all(|(comparison, _)| matches!(comparison, Comparison::Gt | Comparison::Gte))
    }
}

/// A field name given for one rule under an alias.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AliasField {
    /// Id or name of the rule.
    pub rule: String,
    /// The field in that rule's events.
    pub field: String,
}

/// A correlation.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// What it says of itself.
    pub head: Head,
    /// What is counted.
    pub counted: Counted,
    /// Ids or names of the rules whose hits it counts, with their places.
    pub rules: Vec<(String, Place)>,
    /// Aliases: name, then the field for each rule.
    pub aliases: Vec<(String, Vec<AliasField>)>,
    /// Fields or aliases that make the key.
    pub group_by: Vec<String>,
    /// The field whose values are counted; with [`Counted::Values`].
    pub field: Option<String>,
    /// The window.
    pub window_ns: i64,
    /// The bound.
    pub condition: CountCondition,
    /// Whether the rules raise alerts of their own too.
    pub generate: bool,
    /// `noroshi.lateness`.
    pub lateness_ns: Option<i64>,
    /// `noroshi.max_episode`.
    pub max_episode_ns: Option<i64>,
}

const OTHER_KINDS: [&str; 6] =
    ["temporal", "temporal_ordered", "value_sum", "value_avg", "value_percentile", "value_median"];
const KEYS: [&str; 8] = ["type", "rules", "aliases", "group-by", "timespan", "condition", "generate", "field"];

impl Reader<'_> {
    /// Reads a correlation document. `None`: refused, see the diagnostics.
    pub fn correlation(&mut self, document: &Node) -> Option<Correlation> {
        let head = self.begin(document);
        let node = document.get("correlation")?;
        let Kind::Map(entries) = &node.kind else {
            self.error(node.place, format!("`correlation` is {}, not a mapping", node.what()), None);
            return None;
        };
        for entry in entries.iter().filter(|entry| !KEYS.contains(&entry.key.as_str())) {
            let help = nearest(&entry.key, KEYS).map(|near| format!("did you mean `{near}`?"));
            self.error(entry.place, format!("unknown key `{}` in the correlation", entry.key), help);
        }
        let counted = self.counted(node);
        let rules = self.placed_strings(node, "rules");
        if rules.is_empty() {
            self.error(node.place, "the correlation names no rules", Some("list ids or names under `rules`".into()));
        }
        let aliases = self.aliases(node);
        let group_by = self.strings(node, "group-by");
        let window_ns = self.window(node);
        let (condition, field) = self.count_condition(node, counted);
        let generate = self.generate(document, node);
        let (lateness_ns, max_episode_ns) = self.extensions(document);
        if !self.is_sound() {
            return None;
        }
        Some(Correlation {
            head,
            counted: counted?,
            rules,
            aliases,
            group_by,
            field,
            window_ns: window_ns?,
            condition: condition?,
            generate,
            lateness_ns,
            max_episode_ns,
        })
    }

    fn counted(&mut self, node: &Node) -> Option<Counted> {
        let Some(kind) = node.get("type") else {
            self.error(node.place, "the correlation has no `type`", Some("use event_count or value_count".into()));
            return None;
        };
        let name = kind.text().unwrap_or_default();
        match name.as_str() {
            "event_count" => return Some(Counted::Events),
            "value_count" => return Some(Counted::Values),
            other if OTHER_KINDS.contains(&other) => self.error(
                kind.place,
                format!("the correlation type `{other}` is not supported"),
                Some("event_count and value_count are".into()),
            ),
            other => {
                let help = nearest(other, ["event_count", "value_count"].into_iter().chain(OTHER_KINDS)).map_or_else(
                    || "use event_count or value_count".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                self.error(kind.place, format!("unknown correlation type `{other}`"), Some(help));
            }
        }
        None
    }

    fn aliases(&mut self, node: &Node) -> Vec<(String, Vec<AliasField>)> {
        let Some(aliases) = node.get("aliases") else { return Vec::new() };
        let Kind::Map(entries) = &aliases.kind else {
            self.error(aliases.place, format!("`aliases` is {}, not a mapping", aliases.what()), None);
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in entries {
            let Kind::Map(fields) = &entry.value.kind else {
                self.error(
                    entry.value.place,
                    format!("the alias `{}` is {}, not a mapping of rule to field", entry.key, entry.value.what()),
                    None,
                );
                continue;
            };
            let mut alias = Vec::new();
            for field in fields {
                match field.value.text() {
                    Some(text) => alias.push(AliasField { rule: field.key.clone(), field: text }),
                    None => self.error(
                        field.value.place,
                        format!("the alias `{}` gives no field for `{}`", entry.key, field.key),
                        None,
                    ),
                }
            }
            found.push((entry.key.clone(), alias));
        }
        found
    }

    fn window(&mut self, node: &Node) -> Option<i64> {
        let Some(span) = node.get("timespan").or_else(|| node.get("timeframe")) else {
            self.error(node.place, "the correlation has no `timespan`", Some("write it as 30s, 5m, 1h or 1d".into()));
            return None;
        };
        self.span(span, "timespan")
    }

    fn span(&mut self, node: &Node, what: &str) -> Option<i64> {
        let text = node.text().unwrap_or_default();
        let span_ns = parse_span(&text);
        if span_ns.is_none() {
            self.error(
                node.place,
                format!("`{text}` is not a {what}"),
                Some("write a whole number above 0 and a unit: 500ms, 30s, 5m, 1h or 1d".into()),
            );
        }
        span_ns
    }

    fn count_condition(&mut self, node: &Node, counted: Option<Counted>) -> (Option<CountCondition>, Option<String>) {
        let Some(condition) = node.get("condition") else {
            self.error(node.place, "the correlation has no `condition`", Some("write for example `gte: 10`".into()));
            return (None, None);
        };
        let Kind::Map(entries) = &condition.kind else {
            self.error(
                condition.place,
                format!("`condition` is {}, not a mapping", condition.what()),
                Some("write for example `gte: 10`".into()),
            );
            return (None, None);
        };
        let mut bounds = Vec::new();
        let mut field = None;
        for entry in entries {
            let comparison = match entry.key.as_str() {
                "gt" => Comparison::Gt,
                "gte" => Comparison::Gte,
                "lt" => Comparison::Lt,
                "lte" => Comparison::Lte,
                "eq" => Comparison::Eq,
                "field" => {
                    if matches!(entry.value.kind, Kind::List(_)) {
                        self.error(
                            entry.value.place,
                            "counting over several fields is not supported",
                            Some("give one field".into()),
                        );
                    }
                    field = entry.value.text();
                    continue;
                }
                other => {
                    let help = nearest(other, ["gt", "gte", "lt", "lte", "eq", "field"])
                        .map(|near| format!("did you mean `{near}`?"));
                    self.error(entry.place, format!("unknown key `{other}` in the condition"), help);
                    continue;
                }
            };
            match &entry.value.kind {
                Kind::Scalar(Scalar::Integer(value, _)) if u64::try_from(*value).is_ok() => {
                    bounds.push((comparison, *value as u64));
                }
                _ => self.error(entry.value.place, format!("`{}` takes a whole number", entry.key), None),
            }
        }
        field = field.or_else(|| self.string(node, "field"));
        if bounds.is_empty() && self.is_sound() {
            self.error(condition.place, "the condition gives no bound", Some("write for example `gte: 10`".into()));
        }
        match (counted, &field) {
            (Some(Counted::Values), None) => {
                self.error(
                    condition.place,
                    "a value_count needs the `field` whose values it counts",
                    Some("add `field:` to the condition".into()),
                );
            }
            (Some(Counted::Events), Some(_)) => {
                self.error(
                    condition.place,
                    "an event_count takes no `field`",
                    Some("use the type value_count to count values".into()),
                );
            }
            _ => {}
        }
        bounds.sort_unstable();
        ((!bounds.is_empty()).then_some(CountCondition { bounds }), field)
    }

    fn generate(&mut self, document: &Node, node: &Node) -> bool {
        let Some(generate) = node.get("generate").or_else(|| document.get("generate")) else { return false };
        match generate.kind {
            Kind::Scalar(Scalar::Bool(value)) => value,
            _ => {
                self.error(generate.place, "`generate` takes true or false", None);
                false
            }
        }
    }

    fn extensions(&mut self, document: &Node) -> (Option<i64>, Option<i64>) {
        let Some(node) = document.get("noroshi") else { return (None, None) };
        let Kind::Map(entries) = &node.kind else {
            self.error(node.place, format!("`noroshi` is {}, not a mapping", node.what()), None);
            return (None, None);
        };
        let (mut lateness_ns, mut max_episode_ns) = (None, None);
        for entry in entries {
            match entry.key.as_str() {
                "lateness" => lateness_ns = self.span(&entry.value, "lateness"),
                "max_episode" => max_episode_ns = self.span(&entry.value, "max_episode"),
                other => {
                    let help =
                        nearest(other, ["lateness", "max_episode"]).map(|near| format!("did you mean `{near}`?"));
                    self.error(entry.place, format!("unknown key `{other}` under `noroshi`"), help);
                }
            }
        }
        (lateness_ns, max_episode_ns)
    }
}

/// A time span: a whole number and `ms`, `s`, `m`, `h` or `d`.
pub fn parse_span(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit_ns: i64 = match &text[digits..] {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    };
    let span_ns = text[..digits].parse::<i64>().ok()?.checked_mul(unit_ns)?;
    (span_ns > 0 && span_ns <= SPAN_NS_MAX).then_some(span_ns)
}
