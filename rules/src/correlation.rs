//! A correlation document as written (Sigma correlation rules specification 2.1).
//!
//! All kinds of the specification are read. Ours beyond it: the kinds absence, silence, new_value,
//! beacon and travel, `ms` in time spans, and the keys under `noroshi:`.

use noroshi_parsers::zone::Zone;

use crate::diagnostic::Place;
use crate::modifier::Comparison;
use crate::number::{NUMBER_UNIT, decimal};
use crate::rule::{Head, Reader};
use crate::suggest::nearest;
use crate::yaml::{Kind, Node, Scalar};

/// Longest time span: ten years. Longer ones are slips, and nanoseconds must not overflow.
pub const SPAN_NS_MAX: i64 = 10 * 366 * 86_400 * 1_000_000_000;
/// Longest window: its hits are held for all of it.
pub const WINDOW_NS_MAX: i64 = 30 * 86_400 * 1_000_000_000;

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
    /// A hit of the first rule that no hit of another answers within the span. Ours.
    Absence,
    /// A hit that no other follows within the span. Ours.
    Silence,
    /// A value that the key has not had before. Ours.
    NewValue {
        /// How far back is remembered.
        horizon_ns: i64,
        /// For how long nothing is new; `None` takes the lesser of the horizon and a default.
        warmup_ns: Option<i64>,
    },
    /// Hits at regular intervals. Ours.
    Beacon {
        /// Least number of intervals.
        intervals: u32,
        /// Greatest coefficient of variation, in thousandths.
        variation_permille: u32,
    },
    /// What a key does in a bucket of time. Ours.
    Volume(Metric),
    /// The same against the key's own history. Ours.
    Baseline {
        /// What is measured.
        metric: Metric,
        /// How many deviations above the expected, in thousandths.
        deviation_permille: u32,
        /// How far back is compared with.
        horizon_ns: i64,
        /// Fewest buckets that make a history.
        history: u32,
        /// Which buckets are alike.
        season: Season,
    },
    /// Values that few have or that come seldom. Ours.
    Rare {
        /// How far back is counted.
        horizon_ns: i64,
        /// For how long nothing is rare; `None` takes the lesser of the horizon and a default.
        warmup_ns: Option<i64>,
        /// Fewer times than this; 0 = never.
        times: u32,
        /// A lesser share of the entities than this, in millionths; 0 = never.
        share_millionths: u32,
    },
    /// Scores of the distinct rules and episodes that hit an entity, added up. Ours.
    Risk {
        /// So many techniques are enough; 0 = never.
        techniques: u32,
        /// So many log sources are enough; 0 = never.
        sources: u32,
        /// A score is halved for every such span that has gone by; 0 keeps it.
        half_life_ns: i64,
    },
    /// Addresses in places too far apart for the time between them. Ours.
    Travel {
        /// Greatest speed believed.
        speed_kmh: u32,
    },
}

/// What is measured of a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Metric {
    /// Hits.
    Count,
    /// The sum of the field's numbers.
    Sum,
    /// Distinct values of the field.
    Distinct,
}

/// Which buckets of a history are alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Season {
    /// All.
    None,
    /// Those of one hour of the day.
    Day,
    /// Those of one hour of the week.
    Week,
}

/// How far back a baseline compares unless told: four weeks give four buckets of the same hour of the week.
pub const BASELINE_NS: i64 = 28 * 86_400 * 1_000_000_000;
/// Fewest like buckets that tell what is usual.
pub const BASELINE_HISTORY: u32 = 3;
/// Deviations that are not chance: a normal distribution exceeds four once in thirty thousand.
pub const BASELINE_DEVIATION_PERMILLE: u32 = 4000;
/// Shortest bucket of a baseline, and most buckets of its horizon: each is looked at for every bucket.
const BASELINE_BUCKET_NS_MIN: i64 = 60 * 1_000_000_000;
const BASELINE_BUCKETS_MAX: i64 = 100_000;

/// How far back `new_value` remembers unless told: two weeks hold what is done every week.
pub const HORIZON_NS: i64 = 14 * 86_400 * 1_000_000_000;
/// Fewest intervals that tell a rhythm from chance.
pub const BEACON_INTERVALS: u32 = 8;
/// Implants add a tenth of jitter and more; people and crowds vary by more than their mean.
pub const BEACON_VARIATION_PERMILLE: u32 = 200;
/// A little above the cruising speed of airliners.
pub const TRAVEL_KMH: u32 = 1000;

/// The names in rule files; the percentile of `value_percentile` is in its condition.
const KINDS: [(&str, CorrelationKind); 17] = [
    ("event_count", CorrelationKind::EventCount),
    ("value_count", CorrelationKind::ValueCount),
    ("temporal", CorrelationKind::Temporal),
    ("temporal_ordered", CorrelationKind::TemporalOrdered),
    ("value_sum", CorrelationKind::ValueSum),
    ("value_avg", CorrelationKind::ValueAvg),
    ("value_percentile", CorrelationKind::ValuePercentile(0)),
    ("value_median", CorrelationKind::ValuePercentile(50)),
    ("absence", CorrelationKind::Absence),
    ("silence", CorrelationKind::Silence),
    ("new_value", CorrelationKind::NewValue { horizon_ns: HORIZON_NS, warmup_ns: None }),
    ("beacon", CorrelationKind::Beacon { intervals: BEACON_INTERVALS, variation_permille: BEACON_VARIATION_PERMILLE }),
    ("volume", CorrelationKind::Volume(Metric::Count)),
    (
        "baseline",
        CorrelationKind::Baseline {
            metric: Metric::Count,
            deviation_permille: BASELINE_DEVIATION_PERMILLE,
            horizon_ns: BASELINE_NS,
            history: BASELINE_HISTORY,
            season: Season::Week,
        },
    ),
    ("rare", CorrelationKind::Rare { horizon_ns: HORIZON_NS, warmup_ns: None, times: 0, share_millionths: 0 }),
    ("risk", CorrelationKind::Risk { techniques: 0, sources: 0, half_life_ns: 0 }),
    ("travel", CorrelationKind::Travel { speed_kmh: TRAVEL_KMH }),
];

/// What the hits of a rule are worth, with this id, name, level and tags: as it is named, else by the tag that says most, else
/// by its level. Nothing where none is told.
pub fn score_of(scores: &[(String, u32, Place)], id: &str, name: Option<&str>, level: &str, tags: &[String]) -> u32 {
    let said = |key: &str| scores.iter().find(|(known, ..)| known == key).map(|(_, score, _)| *score);
    let named = said(id).or_else(|| name.and_then(said));
    let tagged = || tags.iter().filter_map(|tag| said(tag)).max();
    named.or_else(tagged).or_else(|| said(level)).unwrap_or(0)
}

/// Whether a name under `scores` is a level or looks like a tag; else it is a rule.
pub(crate) fn is_level_or_tag(name: &str) -> bool {
    LEVELS.contains(&name) || name.contains('.')
}

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
            CorrelationKind::NewValue { .. } => Some("whose values it remembers"),
            CorrelationKind::Rare { .. } => Some("whose values are rare or not"),
            CorrelationKind::Volume(Metric::Sum) | CorrelationKind::Baseline { metric: Metric::Sum, .. } => {
                Some("whose numbers it adds up")
            }
            CorrelationKind::Volume(Metric::Distinct) | CorrelationKind::Baseline { metric: Metric::Distinct, .. } => {
                Some("whose values it counts")
            }
            CorrelationKind::Travel { .. } => Some("that holds the address"),
            CorrelationKind::EventCount
            | CorrelationKind::Temporal
            | CorrelationKind::TemporalOrdered
            | CorrelationKind::Absence
            | CorrelationKind::Silence
            | CorrelationKind::Risk { .. }
            | CorrelationKind::Volume(Metric::Count)
            | CorrelationKind::Baseline { metric: Metric::Count, .. }
            | CorrelationKind::Beacon { .. } => None,
        }
    }

    /// The keys of the condition beside the bounds, or in their place.
    fn condition_keys(self) -> &'static [&'static str] {
        match self {
            CorrelationKind::EventCount | CorrelationKind::Temporal => &["gt", "gte", "lt", "lte", "eq"],
            CorrelationKind::ValueCount | CorrelationKind::ValueSum | CorrelationKind::ValueAvg => {
                &["gt", "gte", "lt", "lte", "eq", "field"]
            }
            CorrelationKind::ValuePercentile(_) => &["gt", "gte", "lt", "lte", "eq", "field", "percentile"],
            CorrelationKind::TemporalOrdered | CorrelationKind::Absence | CorrelationKind::Silence => &[],
            CorrelationKind::NewValue { .. } => &["field", "horizon", "warmup"],
            CorrelationKind::Beacon { .. } => &["intervals", "variation"],
            CorrelationKind::Volume(_) => &["gt", "gte", "lt", "lte", "eq", "field", "metric"],
            CorrelationKind::Baseline { .. } => {
                &["gt", "gte", "field", "metric", "deviation", "horizon", "history", "season"]
            }
            CorrelationKind::Rare { .. } => &["field", "entity", "times", "share", "horizon", "warmup"],
            CorrelationKind::Risk { .. } => &["gt", "gte", "techniques", "sources", "half_life"],
            CorrelationKind::Travel { .. } => &["field", "speed_kmh"],
        }
    }

    /// Whether it asks for more of a hit than who and when: an episode of another correlation is not enough.
    pub(crate) fn needs_event(self) -> bool {
        self.measures()
            || matches!(self, CorrelationKind::Travel { .. } | CorrelationKind::Rare { .. })
            || self.metric() == Some(Metric::Distinct)
    }

    /// Whether the condition must bound a number.
    fn is_bounded(self) -> bool {
        match self {
            // Techniques or sources may be enough.
            CorrelationKind::Risk { techniques: 0, sources: 0, .. } => true,
            CorrelationKind::Risk { .. } => false,
            _ => self.condition_keys().contains(&"gte"),
        }
    }

    /// What the condition says beside bounds, for people: `variation 0.2`.
    pub fn terms_text(self) -> Vec<String> {
        match self {
            CorrelationKind::ValuePercentile(percent) => vec![format!("percentile {percent}")],
            CorrelationKind::NewValue { horizon_ns, .. } => vec![format!("horizon {} s", horizon_ns / 1_000_000_000)],
            CorrelationKind::Beacon { intervals, variation_permille } => {
                vec![format!("intervals {intervals}"), format!("variation {}", f64::from(variation_permille) / 1000.0)]
            }
            CorrelationKind::Baseline { deviation_permille, horizon_ns, .. } => vec![
                format!("deviation {}", f64::from(deviation_permille) / 1000.0),
                format!("horizon {} s", horizon_ns / 1_000_000_000),
            ],
            CorrelationKind::Rare { horizon_ns, times, share_millionths, .. } => {
                let times = (times > 0).then(|| format!("fewer than {times} times"));
                let share = f64::from(share_millionths) / 10_000.0;
                let share = (share > 0.0).then(|| format!("fewer than {share} % of the entities"));
                let rare = times.into_iter().chain(share).collect::<Vec<_>>().join(" or ");
                vec![rare, format!("horizon {} s", horizon_ns / 1_000_000_000)]
            }
            CorrelationKind::Risk { techniques, sources, .. } => {
                let terms = [("techniques", i64::from(techniques)), ("sources", sources.into())];
                let told = terms.into_iter().filter(|(_, number)| *number > 0);
                told.map(|(name, number)| format!("{name} {number}")).collect()
            }
            CorrelationKind::Travel { speed_kmh } => vec![format!("speed_kmh {speed_kmh}")],
            _ => Vec::new(),
        }
    }

    /// What is measured of buckets, for the kinds that have them.
    pub fn metric(self) -> Option<Metric> {
        match self {
            CorrelationKind::Volume(metric) | CorrelationKind::Baseline { metric, .. } => Some(metric),
            _ => None,
        }
    }

    /// Whether the field's values are numbers.
    pub fn measures(self) -> bool {
        self.metric() == Some(Metric::Sum) || self.is_sigma_measure()
    }

    /// Whether the bounds are decimals in units of [`NUMBER_UNIT`].
    pub fn bounds_decimals(self) -> bool {
        self.metric().is_some() || self.measures()
    }

    fn is_sigma_measure(self) -> bool {
        matches!(self, CorrelationKind::ValueSum | CorrelationKind::ValueAvg | CorrelationKind::ValuePercentile(_))
    }
}

/// What a correlation's number must satisfy: one bound, or two that make a range.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct CountCondition {
    /// All of these must hold; none where the kind has no bound. Where the kind measures, in units of [`NUMBER_UNIT`].
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
    /// The field whose values have the rare ones.
    pub entity: Option<String>,
    /// The window; of buckets, their span.
    pub window_ns: i64,
    /// Where the hours of a baseline are told, as a time zone's name.
    pub calendar: Option<String>,
    /// The bound.
    pub condition: CountCondition,
    /// What hits of rules are worth to a risk: by level, tag, rule id or name.
    pub scores: Vec<(String, u32, Place)>,
    /// Whether the rules raise alerts of their own too.
    pub generate: bool,
    /// `noroshi.lateness`.
    pub lateness_ns: Option<i64>,
    /// `noroshi.max_episode`.
    pub max_episode_ns: Option<i64>,
}

/// In an alias: the field for every rule that the alias does not name.
pub(crate) const ANY_RULE: &str = "any";

const KEYS: [&str; 10] = [
    "type",
    "rules",
    "aliases",
    "group-by",
    "timespan",
    "condition",
    "generate",
    "field",
    "scores",
    "calendar_timezone",
];

/// What hits are worth to a risk that doesn't say: what an analyst would look at is 40, three such open an incident
/// of 100. Levels that nobody looks at alone are worth nothing.
const SCORES: [(&str, u32); 4] = [("low", 5), ("medium", 15), ("high", 40), ("critical", 80)];
/// Greatest score of a hit.
const SCORE_MAX: u32 = 1_000_000;
/// `level` in rule files, from the least.
pub(crate) const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];

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
        if kind == Some(CorrelationKind::Absence) && rules.len() == 1 {
            let help = "name first the rule whose hits wait, then those that answer them";
            self.error(node.place, "an absence needs two rules", Some(help.into()));
        }
        let is_risk = matches!(kind, Some(CorrelationKind::Risk { .. }));
        if rules.is_empty() && !is_risk {
            self.error(node.place, "the correlation names no rules", Some("list ids or names under `rules`".into()));
        }
        let aliases = self.aliases(node);
        let group_by = self.strings(node, "group-by");
        let window_ns = self.window(node);
        let (kind, condition, [field, entity]) = self.condition_of(node, kind, rules.len());
        if is_risk && group_by.is_empty() {
            let help = "name whose risk it is: group-by: [user.name], or host.name, or source.ip";
            self.error(node.place, "a risk has no `group-by`", Some(help.into()));
        }
        let scores = self.scores(node, is_risk);
        // A risk is told beside what it is made of, unless it says otherwise.
        let generate = match node.get("generate").or_else(|| document.get("generate")) {
            None if is_risk => true,
            _ => self.generate(document, node),
        };
        let (lateness_ns, max_episode_ns) = self.extensions(document);
        let calendar = self.string(node, "calendar_timezone");
        if calendar.is_some() && !matches!(kind, Some(CorrelationKind::Baseline { .. })) {
            let help = Some("leave it out: only hours of a baseline are told in a time zone".into());
            self.error(node.place, "only a baseline takes `calendar_timezone`", help);
        }
        if let Some(Err(cause)) = calendar.as_deref().map(Zone::parse) {
            self.error(
                node.place,
                format!("`calendar_timezone`: {cause}"),
                Some("write for example Asia/Tokyo".into()),
            );
        }
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
            entity,
            window_ns: window_ns?,
            condition: condition?,
            calendar,
            scores,
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

    /// `scores` of a risk: names with whole numbers.
    fn scores(&mut self, node: &Node, is_risk: bool) -> Vec<(String, u32, Place)> {
        let Some(scores) = node.get("scores") else {
            let own = SCORES.iter().filter(|_| is_risk);
            return own.map(|(level, score)| ((*level).to_owned(), *score, node.place)).collect();
        };
        if !is_risk {
            self.error(scores.place, "only a risk takes `scores`", Some("set `type: risk`, or leave them out".into()));
            return Vec::new();
        }
        let Kind::Map(entries) = &scores.kind else {
            let help = "write for example `scores: {medium: 15, high: 40, critical: 80}`";
            self.error(scores.place, format!("`scores` is {}, not a mapping", scores.what()), Some(help.into()));
            return Vec::new();
        };
        let mut found = Vec::new();
        for entry in entries {
            let score = self.whole(&format!("scores.{}", entry.key), &entry.value, 0, SCORE_MAX);
            found.extend(score.map(|score| (entry.key.clone(), score, entry.place)));
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
                let texts = match &field.value.kind {
                    Kind::List(items) => items.iter().map(Node::text).collect::<Option<Vec<_>>>(),
                    _ => field.value.text().map(|text| vec![text]),
                };
                match texts.filter(|texts| !texts.is_empty()) {
                    Some(texts) => {
                        alias.extend(texts.into_iter().map(|text| AliasField { rule: field.key.clone(), field: text }));
                    }
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
        let window_ns = self.span(span, "timespan")?;
        if window_ns > WINDOW_NS_MAX {
            let help = "what must be known of for longer is a `horizon` of new_value, rare or baseline";
            let message =
                format!("a `timespan` of {} is longer than a window may be, 30d", span.text().unwrap_or_default());
            self.error(span.place, message, Some(help.into()));
            return None;
        }
        Some(window_ns)
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

    /// The condition of a correlation of so many rules, its field and entity, and the kind with what the condition says of it.
    fn condition_of(
        &mut self,
        node: &Node,
        kind: Option<CorrelationKind>,
        rules: usize,
    ) -> (Option<CorrelationKind>, Option<CountCondition>, [Option<String>; 2]) {
        let condition = node.get("condition");
        let (Some(kind), false) = (kind, condition.is_some_and(|node| !matches!(node.kind, Kind::Map(_)))) else {
            if let Some(condition) = condition.filter(|node| !matches!(node.kind, Kind::Map(_))) {
                self.error(
                    condition.place,
                    format!("`condition` is {}, not a mapping", condition.what()),
                    Some("write for example `gte: 10`".into()),
                );
            }
            return (kind, None, [None, None]);
        };
        let entries = match condition.map(|node| &node.kind) {
            Some(Kind::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        let place = condition.map_or(node.place, |node| node.place);
        let keys = kind.condition_keys();
        let (mut kind, mut bounds, mut field, mut entity) = (kind, Vec::new(), None, None);
        for entry in entries {
            let key = entry.key.as_str();
            if !keys.contains(&key) && key != "field" {
                let help = match keys {
                    [] => format!("a {} takes no condition", kind.as_str()),
                    _ => match nearest(key, keys.iter().copied()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("a {} takes {}", kind.as_str(), keys.join(", ")),
                    },
                };
                self.error(entry.place, format!("unknown key `{key}` in the condition"), Some(help));
            } else if key == "entity" {
                entity = entry.value.text();
            } else if key == "field" {
                if matches!(entry.value.kind, Kind::List(_)) {
                    let help = Some("give one field".into());
                    self.error(entry.value.place, "counting over several fields is not supported", help);
                }
                field = entry.value.text();
            } else if let Some(comparison) = comparison(key) {
                bounds.extend(self.bound(kind, key, &entry.value).map(|bound| (comparison, bound)));
            } else {
                self.term(&mut kind, key, &entry.value);
            }
        }
        field = field.or_else(|| self.string(node, "field"));
        // A field is there to be added up, unless something else is said of it.
        let says_metric = condition.is_some_and(|condition| condition.get("metric").is_some());
        if let (CorrelationKind::Volume(metric) | CorrelationKind::Baseline { metric, .. }, false, Some(_)) =
            (&mut kind, says_metric, &field)
        {
            *metric = Metric::Sum;
        }
        self.check_rare_and_baseline(node, place, kind, entity.is_some());
        if bounds.is_empty() && kind == CorrelationKind::Temporal {
            bounds.push((Comparison::Gte, rules as i128));
        }
        if bounds.is_empty() && kind.is_bounded() && self.is_sound() {
            let what =
                if condition.is_some() { "the condition gives no bound" } else { "the correlation has no `condition`" };
            self.error(place, what, Some("write for example `gte: 10`".into()));
        }
        if kind == CorrelationKind::ValuePercentile(0) && self.is_sound() {
            let help = Some("add for example `percentile: 95` to the condition".into());
            self.error(place, "the condition doesn't say which percentile", help);
        }
        match (kind.field_for(), &field) {
            (Some(what), None) => self.error(
                place,
                format!("a {} needs the `field` {what}", kind.as_str()),
                Some("add `field:` to the condition".into()),
            ),
            (None, Some(_)) => self.error(
                place,
                format!("a {} takes no `field`", kind.as_str()),
                Some("use the type value_count to count values".into()),
            ),
            _ => {}
        }
        bounds.sort_unstable();
        (Some(kind), Some(CountCondition { bounds }), [field, entity])
    }

    /// What must hold of several keys of a condition at once.
    fn check_rare_and_baseline(&mut self, node: &Node, place: Place, kind: CorrelationKind, has_entity: bool) {
        match kind {
            CorrelationKind::Rare { times, share_millionths, .. } => {
                if times == 0 && share_millionths == 0 {
                    let help = "write `times: 3` (seen fewer times than 3), or `share: 0.01` (less than 1 % have it)";
                    self.error(place, "the condition doesn't say what is rare", Some(help.into()));
                }
                if share_millionths > 0 && !has_entity {
                    let help = "add for example `entity: host.name`: the share is of its values";
                    self.error(place, "a `share` needs the `entity` that it is of", Some(help.into()));
                }
            }
            CorrelationKind::Baseline { horizon_ns, .. } => {
                let Some(bucket_ns) = node.get("timespan").and_then(Node::text).and_then(|text| parse_span(&text))
                else {
                    return;
                };
                if bucket_ns < BASELINE_BUCKET_NS_MIN || horizon_ns / bucket_ns > BASELINE_BUCKETS_MAX {
                    let help = format!(
                        "a bucket lasts a minute or longer, and the horizon {BASELINE_BUCKETS_MAX} of them at most"
                    );
                    self.error(place, "the buckets of the baseline are too short", Some(help));
                } else if horizon_ns < bucket_ns {
                    self.error(place, "the horizon is shorter than one bucket", Some("give it some weeks".into()));
                }
            }
            _ => {}
        }
    }

    fn bound(&mut self, kind: CorrelationKind, key: &str, node: &Node) -> Option<i128> {
        let bound = match &node.kind {
            _ if kind.bounds_decimals() => node.text().and_then(|text| decimal(text.as_bytes())),
            Kind::Scalar(Scalar::Integer(value, _)) => u64::try_from(*value).ok().map(i128::from),
            _ => None,
        };
        if bound.is_none() {
            let what = if kind.bounds_decimals() { "number" } else { "whole number" };
            self.error(node.place, format!("`{key}` takes a {what}"), None);
        }
        bound
    }

    /// What a condition says beside bounds.
    fn term(&mut self, kind: &mut CorrelationKind, key: &str, node: &Node) {
        match kind {
            CorrelationKind::ValuePercentile(percent) => *percent = self.whole(key, node, 1, 100).unwrap_or(50) as u8,
            CorrelationKind::NewValue { horizon_ns, .. } if key == "horizon" => {
                *horizon_ns = self.span(node, "horizon").unwrap_or(HORIZON_NS);
            }
            CorrelationKind::NewValue { warmup_ns, .. } => *warmup_ns = self.span(node, "warmup"),
            CorrelationKind::Beacon { intervals, .. } if key == "intervals" => {
                *intervals = self.whole(key, node, 2, 1_000_000).unwrap_or(BEACON_INTERVALS);
            }
            CorrelationKind::Beacon { variation_permille, .. } => {
                *variation_permille = self.fraction(key, node, 10, 1000).unwrap_or(BEACON_VARIATION_PERMILLE);
            }
            CorrelationKind::Volume(metric) | CorrelationKind::Baseline { metric, .. } if key == "metric" => {
                let known = [("count", Metric::Count), ("sum", Metric::Sum), ("distinct", Metric::Distinct)];
                *metric = self.one_of(key, node, &known).unwrap_or(Metric::Count);
            }
            CorrelationKind::Baseline { season, .. } if key == "season" => {
                let known = [("week", Season::Week), ("day", Season::Day), ("none", Season::None)];
                *season = self.one_of(key, node, &known).unwrap_or(Season::Week);
            }
            CorrelationKind::Baseline { history, .. } if key == "history" => {
                *history = self.whole(key, node, 1, 100_000).unwrap_or(BASELINE_HISTORY);
            }
            CorrelationKind::Baseline { horizon_ns, .. } if key == "horizon" => {
                *horizon_ns = self.span(node, "horizon").unwrap_or(BASELINE_NS);
            }
            CorrelationKind::Baseline { deviation_permille, .. } => {
                *deviation_permille = self.fraction(key, node, 1000, 1000).unwrap_or(BASELINE_DEVIATION_PERMILLE);
            }
            CorrelationKind::Rare { times, .. } if key == "times" => {
                *times = self.whole(key, node, 1, 1000).unwrap_or(1);
            }
            CorrelationKind::Rare { share_millionths, .. } if key == "share" => {
                *share_millionths = self.fraction(key, node, 1, 1_000_000).unwrap_or(1);
            }
            CorrelationKind::Rare { horizon_ns, .. } if key == "horizon" => {
                *horizon_ns = self.span(node, "horizon").unwrap_or(HORIZON_NS);
            }
            CorrelationKind::Rare { warmup_ns, .. } => *warmup_ns = self.span(node, "warmup"),
            CorrelationKind::Risk { techniques, .. } if key == "techniques" => {
                *techniques = self.whole(key, node, 1, 1000).unwrap_or(1);
            }
            CorrelationKind::Risk { sources, .. } if key == "sources" => {
                *sources = self.whole(key, node, 1, 1000).unwrap_or(1);
            }
            CorrelationKind::Risk { half_life_ns, .. } => *half_life_ns = self.span(node, "half_life").unwrap_or(0),
            CorrelationKind::Travel { speed_kmh } => {
                *speed_kmh = self.whole(key, node, 1, 100_000).unwrap_or(TRAVEL_KMH);
            }
            _ => {}
        }
    }

    fn one_of<T: Copy>(&mut self, key: &str, node: &Node, known: &[(&str, T)]) -> Option<T> {
        let text = node.text().unwrap_or_default();
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            self.error(node.place, format!("`{key}` takes one of {}, not `{text}`", names.join(", ")), None);
        }
        found
    }

    /// A decimal from 0 to `most`, in parts of one.
    fn fraction(&mut self, key: &str, node: &Node, most: i128, parts: i128) -> Option<u32> {
        let decimal = node.text().and_then(|text| decimal(text.as_bytes()));
        let found = decimal.filter(|number| (0..=most * NUMBER_UNIT).contains(number));
        if found.is_none() {
            self.error(node.place, format!("`{key}` takes a number from 0 to {most}, such as 0.2"), None);
        }
        found.and_then(|number| u32::try_from(number * parts / NUMBER_UNIT).ok())
    }

    fn whole(&mut self, key: &str, node: &Node, least: u32, most: u32) -> Option<u32> {
        let number = match &node.kind {
            Kind::Scalar(Scalar::Integer(value, _)) => u32::try_from(*value).ok(),
            _ => None,
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.error(node.place, format!("`{key}` takes a whole number from {least} to {most}"), None);
        }
        number
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
                // Read with the head, and by [`crate::case`].
                "verified" | "ja" | "tests" => {}
                "max_episode" => max_episode_ns = self.span(&entry.value, "max_episode"),
                other => {
                    let help = nearest(other, ["lateness", "max_episode", "verified", "ja", "tests"])
                        .map(|near| format!("did you mean `{near}`?"));
                    self.error(entry.place, format!("unknown key `{other}` under `noroshi`"), help);
                }
            }
        }
        (lateness_ns, max_episode_ns)
    }
}

fn comparison(key: &str) -> Option<Comparison> {
    Some(match key {
        "gt" => Comparison::Gt,
        "gte" => Comparison::Gte,
        "lt" => Comparison::Lt,
        "lte" => Comparison::Lte,
        "eq" => Comparison::Eq,
        _ => return None,
    })
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
