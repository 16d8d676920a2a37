//! A correlation document as written (Sigma correlation rules specification 2.1).
//!
//! All kinds of the specification are read. Ours beyond it: `ms` in time spans, and the keys
//! under `noroshi:`.

use crate::diagnostic::Place;
use crate::modifier::Comparison;
use crate::number::decimal;
use crate::rule::{Head, Reader};
use crate::suggest::nearest;
use crate::yaml::{Kind, Node, Scalar};

/// Longest time span: ten years. Longer ones are slips, and nanoseconds must not overflow.
pub const SPAN_NS_MAX: i64 = 10 * 366 * 86_400 * 1_000_000_000;

/// What a correlation looks for in the hits of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CorrelationKind {
    /// A number of hits.
    EventCount,
    /// A number of distinct values of a field.
    ValueCount,
    /// Hits of all rules, or of as many as the condition says, in any order.
    Temporal,
    /// Hits of all rules in their order.
    TemporalOrdered,
    /// The sum of a field's numbers.
    ValueSum,
    /// Their mean.
    ValueAvg,
    /// A percentile of them, 1 to 100, by nearest rank.
    ValuePercentile(u8),
}

/// The names in rule files; the percentile of `value_percentile` is in its condition.
const KINDS: [(&str, CorrelationKind); 8] = [
    ("event_count", CorrelationKind::EventCount),
    ("value_count", CorrelationKind::ValueCount),
    ("temporal", CorrelationKind::Temporal),
    ("temporal_ordered", CorrelationKind::TemporalOrdered),
    ("value_sum", CorrelationKind::ValueSum),
    ("value_avg", CorrelationKind::ValueAvg),
    ("value_percentile", CorrelationKind::ValuePercentile(0)),
    ("value_median", CorrelationKind::ValuePercentile(50)),
];

impl CorrelationKind {
    /// The name in rule files.
    pub fn as_str(self) -> &'static str {
        let same = |known: CorrelationKind| std::mem::discriminant(&known) == std::mem::discriminant(&self);
        KINDS.iter().find(|(_, kind)| same(*kind)).map_or("", |(name, _)| name)
    }

    /// Whether a `field` is needed, and what for.
    fn field_for(self) -> Option<&'static str> {
        match self {
            CorrelationKind::ValueCount => Some("whose values it counts"),
            CorrelationKind::ValueSum => Some("whose numbers it adds up"),
            CorrelationKind::ValueAvg | CorrelationKind::ValuePercentile(_) => Some("whose numbers it looks at"),
            CorrelationKind::EventCount | CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => None,
        }
    }

    /// Whether the field's values are numbers, and the bounds decimals in units of [`NUMBER_UNIT`].
    pub fn measures(self) -> bool {
        matches!(self, CorrelationKind::ValueSum | CorrelationKind::ValueAvg | CorrelationKind::ValuePercentile(_))
    }
}

/// What a correlation's number must satisfy: one bound, or two that make a range.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct CountCondition {
    /// All of these must hold; never empty. Where the kind measures, in units of [`NUMBER_UNIT`].
    pub bounds: Vec<(Comparison, i128)>,
}

impl CountCondition {
    /// Whether `count` satisfies all bounds.
    pub fn holds(&self, count: i128) -> bool {
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
    /// What is looked for.
    pub kind: CorrelationKind,
    /// Ids or names of the rules whose hits it takes, with their places, in the file's order.
    pub rules: Vec<(String, Place)>,
    /// Aliases: name, then the field for each rule.
    pub aliases: Vec<(String, Vec<AliasField>)>,
    /// Fields or aliases that make the key.
    pub group_by: Vec<String>,
    /// The field whose values are counted or measured.
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
        let kind = self.kind(node);
        let rules = self.placed_strings(node, "rules");
        if rules.is_empty() {
            self.error(node.place, "the correlation names no rules", Some("list ids or names under `rules`".into()));
        }
        let aliases = self.aliases(node);
        let group_by = self.strings(node, "group-by");
        let window_ns = self.window(node);
        let (kind, condition, field) = self.count_condition(node, kind, rules.len());
        let generate = self.generate(document, node);
        let (lateness_ns, max_episode_ns) = self.extensions(document);
        if !self.is_sound() {
            return None;
        }
        Some(Correlation {
            head,
            kind: kind?,
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

    fn kind(&mut self, node: &Node) -> Option<CorrelationKind> {
        let names = || KINDS.iter().map(|(name, _)| *name);
        let Some(kind) = node.get("type") else {
            let help = format!("use one of {}", names().collect::<Vec<_>>().join(", "));
            self.error(node.place, "the correlation has no `type`", Some(help));
            return None;
        };
        let name = kind.text().unwrap_or_default();
        let found = KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
        if found.is_none() {
            let help = nearest(&name, names()).map_or_else(
                || format!("use one of {}", names().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.error(kind.place, format!("unknown correlation type `{name}`"), Some(help));
        }
        found
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

    /// The condition of a correlation of so many rules, its field, and the kind with what the condition says of it.
    fn count_condition(
        &mut self,
        node: &Node,
        kind: Option<CorrelationKind>,
        rules: usize,
    ) -> (Option<CorrelationKind>, Option<CountCondition>, Option<String>) {
        let all = CountCondition { bounds: vec![(Comparison::Gte, rules as i128)] };
        let Some(condition) = node.get("condition") else {
            if let Some(CorrelationKind::Temporal | CorrelationKind::TemporalOrdered) = kind {
                return (kind, Some(all), None);
            }
            self.error(node.place, "the correlation has no `condition`", Some("write for example `gte: 10`".into()));
            return (kind, None, None);
        };
        let Kind::Map(entries) = &condition.kind else {
            self.error(
                condition.place,
                format!("`condition` is {}, not a mapping", condition.what()),
                Some("write for example `gte: 10`".into()),
            );
            return (kind, None, None);
        };
        if kind == Some(CorrelationKind::TemporalOrdered) {
            self.error(
                condition.place,
                "a temporal_ordered takes no `condition`: all rules must hit in their order",
                Some("remove it, or use the type temporal to ask for some of the rules".into()),
            );
        }
        let measures = kind.is_some_and(CorrelationKind::measures);
        let (mut bounds, mut field, mut percent) = (Vec::new(), None, None);
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
                "percentile" if matches!(kind, Some(CorrelationKind::ValuePercentile(_))) => {
                    percent = self.percent(&entry.value);
                    continue;
                }
                other => {
                    let help = nearest(other, ["gt", "gte", "lt", "lte", "eq", "field", "percentile"])
                        .map(|near| format!("did you mean `{near}`?"));
                    self.error(entry.place, format!("unknown key `{other}` in the condition"), help);
                    continue;
                }
            };
            let bound = match &entry.value.kind {
                _ if measures => entry.value.text().and_then(|text| decimal(text.as_bytes())),
                Kind::Scalar(Scalar::Integer(value, _)) => u64::try_from(*value).ok().map(i128::from),
                _ => None,
            };
            let what = if measures { "number" } else { "whole number" };
            match bound {
                Some(bound) => bounds.push((comparison, bound)),
                None => self.error(entry.value.place, format!("`{}` takes a {what}", entry.key), None),
            }
        }
        field = field.or_else(|| self.string(node, "field"));
        if bounds.is_empty() && self.is_sound() {
            self.error(condition.place, "the condition gives no bound", Some("write for example `gte: 10`".into()));
        }
        let kind = match (kind, percent) {
            (Some(CorrelationKind::ValuePercentile(_)), Some(percent)) => {
                Some(CorrelationKind::ValuePercentile(percent))
            }
            (Some(CorrelationKind::ValuePercentile(0)), None) if self.is_sound() => {
                let help = Some("add for example `percentile: 95` to the condition".into());
                self.error(condition.place, "the condition doesn't say which percentile", help);
                None
            }
            (kind, _) => kind,
        };
        if let Some(made) = kind {
            match (made.field_for(), &field) {
                (Some(what), None) => self.error(
                    condition.place,
                    format!("a {} needs the `field` {what}", made.as_str()),
                    Some("add `field:` to the condition".into()),
                ),
                (None, Some(_)) => self.error(
                    condition.place,
                    format!("a {} takes no `field`", made.as_str()),
                    Some("use the type value_count to count values".into()),
                ),
                _ => {}
            }
        }
        bounds.sort_unstable();
        (kind, (!bounds.is_empty()).then_some(CountCondition { bounds }), field)
    }

    fn percent(&mut self, node: &Node) -> Option<u8> {
        let percent = match &node.kind {
            Kind::Scalar(Scalar::Integer(value, _)) => {
                u8::try_from(*value).ok().filter(|value| (1..=100).contains(value))
            }
            _ => None,
        };
        if percent.is_none() {
            self.error(node.place, "`percentile` takes a whole number from 1 to 100", None);
        }
        percent
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
