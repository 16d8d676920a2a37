//! What is looked for: rules, correlations, indicators and tables under one dictionary, immutable.
//!
//! Loaded whole and swapped whole. A file that cannot be read is a diagnostic like a
//! rule that cannot be understood, so that a broken set is refused before it runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_correlate::{
    Condition, FeedSet, Key, Kind, Link, Metric, NUMBER_UNIT, Op, PartWorth, RuleSpec, Season, Worth, number_value,
    rare_value,
};
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::EventView;
use noroshi_parsers::logsource::LOG_SOURCES;
use noroshi_parsers::zone::Zone;
use noroshi_rules::correlated::{CorrelatedRule, CorrelationRule};
use noroshi_rules::correlation::{self, CorrelationKind};
use noroshi_rules::diagnostic::{Diagnostic, Place};
use noroshi_rules::indicators::Indicators;
use noroshi_rules::key;
use noroshi_rules::number;
use noroshi_rules::rule::Placeholders;
use noroshi_rules::{Options, RuleIndex, RuleSet};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::evidence::{first_16, hex};
use crate::intel::{self, Grading, IntelOptions};
use crate::tables::calendar::of_zone;
use crate::tables::join::Joins;
use crate::tables::{self, Tables};

/// Largest rule file read; the rules' own bound is far below.
pub const FILE_BYTES_MAX: u64 = 1 << 30;

/// How a detection is loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Every rule meets every event.
    pub ignore_logsource: bool,
    /// State of one correlation rule, all shards together.
    pub state_bytes_max: usize,
    /// SHA-256 of the configuration; zero where there is none.
    pub config_digest: [u8; 32],
    /// Directory of inventory tables.
    pub tables: Option<PathBuf>,
    /// Zone in which tables tell times.
    pub zone: Zone,
    /// Calendar of events whose source names none; `None`: the zone's.
    pub calendar: Option<String>,
    /// Calendars that sources name.
    pub calendars: Vec<String>,
    /// Nothing is new for so long, unless the rule or its horizon says less.
    pub warmup_ns_max: i64,
    /// Values of placeholders that the configuration names itself.
    pub placeholders: Placeholders,
    /// Files and directories of more ([`crate::lists`]).
    pub lists: Vec<PathBuf>,
    /// Whether what is odd about sound rules is told too.
    pub lint: bool,
    /// Whether what rules except is met as well.
    pub without_exceptions: bool,
    /// Feeds, known-good lists, and what a hit is worth.
    pub intel: IntelOptions,
}

/// Default warm-up of `new_value`: a week sees every day of the week.
pub const WARMUP_NS: i64 = 7 * 86_400 * 1_000_000_000;
/// The same for `replay`, which is often given a few days.
pub const WARMUP_REPLAY_NS: i64 = 2 * 86_400 * 1_000_000_000;

impl Default for LoadOptions {
    fn default() -> Self {
        LoadOptions {
            ignore_logsource: false,
            state_bytes_max: 256 << 20,
            config_digest: [0; 32],
            tables: None,
            zone: Zone::default(),
            calendar: None,
            calendars: Vec::new(),
            warmup_ns_max: WARMUP_NS,
            placeholders: Placeholders::new(),
            lists: Vec::new(),
            lint: false,
            without_exceptions: false,
            intel: IntelOptions::default(),
        }
    }
}

impl LoadOptions {
    /// As a configuration says.
    pub fn of(config: &Config) -> Self {
        LoadOptions {
            ignore_logsource: config.rules.ignore_logsource,
            state_bytes_max: config.correlation.state_bytes_max,
            config_digest: config.digest,
            tables: config.tables.path.clone(),
            // A zone that is none is told by the configuration's own check.
            zone: config.tables.zone(config).unwrap_or_default(),
            calendar: config.tables.calendar.clone(),
            calendars: config.inputs.iter().filter_map(|input| input.calendar.clone()).collect(),
            warmup_ns_max: WARMUP_NS,
            placeholders: config.rules.placeholders.clone(),
            lists: config.rules.lists.clone(),
            lint: false,
            without_exceptions: false,
            intel: IntelOptions::of(&config.indicators, &config.feeds, &config.assets, &config.state_dir),
        }
    }
}

/// What [`Detection::load`] made of the paths.
pub struct Loaded {
    /// The sound part.
    pub detection: Detection,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// Feeds by name: how many indicators were read, and whether they are what the feed gave before.
    pub feeds: Vec<(String, usize, bool)>,
}

/// A correlation as the engine runs it.
#[derive(Debug)]
pub struct Correlation {
    /// As the rule file says.
    pub rule: CorrelationRule,
    /// As the shards run it.
    pub spec: Arc<RuleSpec>,
    /// Its rules and correlations, by part.
    pub parts: Vec<Part>,
}

/// A rule or correlation that a correlation counts.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What a hit is worth to a risk.
    pub score: u32,
    /// Techniques, without their sub-techniques' numbers.
    pub techniques: Vec<String>,
    /// Log sources: product, or else service or category.
    pub sources: Vec<String>,
    /// Whether it is a correlation.
    pub is_correlation: bool,
}

impl Correlation {
    /// The condition as the rule file says it: `gte 10`.
    pub fn condition_text(&self) -> String {
        let measures = self.rule.kind.bounds_decimals();
        let bounds = self.rule.condition.bounds.iter().map(|&(comparison, bound)| {
            let bound = if measures { decimal_text(bound) } else { bound.to_string() };
            format!("{} {bound}", comparison.as_str())
        });
        let terms = self.rule.kind.terms_text().into_iter().chain(bounds).collect::<Vec<_>>();
        // Of a risk each is enough.
        terms.join(if matches!(self.rule.kind, CorrelationKind::Risk { .. }) { " or " } else { " and " })
    }
}

/// An immutable set of rules, correlations and indicators.
pub struct Detection {
    /// Names to ids, for decoders and rules alike.
    pub dictionary: Arc<Dictionary>,
    /// Single-event rules.
    pub rules: RuleSet,
    /// Indicators.
    pub indicators: Indicators,
    /// What a hit of one is worth.
    pub grading: Grading,
    /// What tables say of events.
    pub joins: Joins,
    /// Correlations, by the number that hits carry.
    pub correlations: Vec<Correlation>,
    /// The same for the shards.
    pub specs: Arc<Vec<RuleSpec>>,
    /// `noroshi.digests` of its alerts.
    pub digests: Value,
    /// By rule: the correlations that count it, and its place among their rules.
    referring: Vec<Vec<(u32, usize)>>,
}

/// Scratch for the keys of one hit.
#[derive(Default)]
pub struct KeyScratch {
    /// The keys.
    pub keys: Vec<Key>,
    /// The counted values, as digests.
    pub digests: Vec<Option<[u8; 16]>>,
    raw: Vec<key::Key>,
    values: Vec<Vec<u8>>,
    entities: Vec<Vec<u8>>,
}

impl Detection {
    /// Loads every rule file (`.yml`, `.yaml`) and indicator list below the paths.
    pub fn load(rule_paths: &[PathBuf], indicator_paths: &[PathBuf], options: &LoadOptions) -> Loaded {
        let mut diagnostics = Vec::new();
        let rule_files = rule_files(rule_paths, &mut diagnostics);
        let table_files =
            read_files(options.tables.as_slice(), &mut diagnostics, |path| is_one_of(path, tables::ENDINGS));
        Self::of_texts(rule_files, table_files, indicator_paths, options, diagnostics)
    }

    /// The same of rule files and tables that were read already (path and text); `diagnostics` is what that told.
    pub(crate) fn of_texts(
        rule_files: Vec<(PathBuf, String)>,
        table_files: Vec<(PathBuf, String)>,
        indicator_paths: &[PathBuf],
        options: &LoadOptions,
        mut diagnostics: Vec<Diagnostic>,
    ) -> Loaded {
        let mut tables = Tables::new(table_files, options.zone.clone(), &mut diagnostics);
        let databases = files_below(options.tables.as_slice(), &mut diagnostics, |path| is_one_of(path, &["mmdb"]));
        tables.add_databases(read_each(databases, &mut diagnostics, read_bytes), &mut diagnostics);
        let calendar = options.calendar.as_deref().unwrap_or_else(|| of_zone(options.zone.name()));
        let named = options.calendars.iter().map(|name| tables.calendars.check(name));
        let wrong: Vec<String> = named.chain([tables.calendars.check(calendar)]).filter_map(Result::err).collect();
        let place = Place { line: 1, column: 1 };
        diagnostics.extend(wrong.into_iter().map(|told| {
            let help = "name one of these in the configuration, or add its days to the table `holidays`";
            Diagnostic::error(options.tables.as_deref().unwrap_or(Path::new("tables")), place, told).help(help)
        }));
        tables.calendars.make_default(calendar);
        let mut dictionary = Dictionary::new();
        let mut placeholders = options.placeholders.clone();
        crate::lists::read(&options.lists, &mut placeholders, &mut diagnostics);
        let rule_options = Options {
            ignore_logsource: options.ignore_logsource,
            placeholders,
            lint: options.lint,
            without_exceptions: options.without_exceptions,
        };
        let indicator_paths: Vec<PathBuf> = indicator_paths.iter().chain(&tables.indicators).cloned().collect();
        // Neither needs anything of the other, and each takes half a second where it is large.
        let (loaded, found) = std::thread::scope(|scope| {
            let found = scope.spawn(|| intel::load(&indicator_paths, &options.intel));
            let loaded = RuleSet::load(rule_files, &mut dictionary, &rule_options);
            (loaded, found.join())
        });
        let found = found.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        diagnostics.extend(loaded.diagnostics);
        for rule in loaded.rules.correlations().iter().filter(|rule| rule.lateness_ns.is_some()) {
            let message = "`noroshi.lateness` of a rule is not run yet; the sources' own lateness applies";
            let place = Place { line: rule.line, column: 1 };
            let help = "declare lateness_s on the inputs that feed it, and remove the key";
            diagnostics.push(Diagnostic::error(&rule.file, place, message).help(help).rule(&rule.id));
        }
        for rule in loaded.rules.correlations() {
            if matches!(rule.kind, CorrelationKind::Travel { .. }) && !tables.has_geo() {
                let place = Place { line: rule.line, column: 1 };
                let message =
                    "a travel correlation needs to know where addresses are, and no table does; it never fires";
                let help = "load a directory of tables with a geo.csv (cidr,country) in it";
                diagnostics.push(Diagnostic::note(&rule.file, place, message).help(help).rule(&rule.id));
            }
        }
        diagnostics.extend(found.diagnostics);
        let mut indicators = found.indicators;
        indicators.bind(&mut dictionary);
        let detection = Self::new(dictionary, loaded.rules, indicators, tables, options);
        Loaded { detection, diagnostics, feeds: found.feeds }
    }

    fn new(
        mut dictionary: Dictionary,
        rules: RuleSet,
        indicators: Indicators,
        tables: Tables,
        options: &LoadOptions,
    ) -> Self {
        let mut referring = vec![Vec::new(); rules.len()];
        let mut correlations = Vec::new();
        for (at, rule) in rules.correlations().iter().enumerate() {
            for (position, referenced) in rule.rules.iter().enumerate() {
                referring[referenced.rule.index()].push((at as u32, position));
            }
            let parts = parts_of(rule, &rules);
            let spec = Arc::new(spec_of(rule, &rules, &parts, options));
            correlations.push(Correlation { spec, rule: rule.clone(), parts });
        }
        let specs = Arc::new(correlations.iter().map(|correlation| (*correlation.spec).clone()).collect());
        let mut digests = json!({ "rules": hex(&rules.digest()), "indicators": hex(&indicators.digest()) });
        if options.config_digest != [0; 32] {
            digests["config"] = hex(&options.config_digest).into();
        }
        if tables.digest != [0; 32] {
            digests["tables"] = hex(&tables.digest).into();
        }
        let joins = Joins::new(Arc::new(tables), &mut dictionary);
        let grading = options.intel.grading.clone();
        Detection {
            dictionary: Arc::new(dictionary),
            rules,
            indicators,
            grading,
            joins,
            correlations,
            specs,
            digests,
            referring,
        }
    }

    /// The correlations that count hits of `rule`, with its place among their rules.
    #[inline]
    pub fn referring(&self, rule: RuleIndex) -> &[(u32, usize)] {
        &self.referring[rule.index()]
    }

    /// The keys of a hit of a correlation's rule, and the values it counts (one `None` where it counts hits).
    /// No key or no value: the hit takes no part. The answer is how many keys and values did not come to be.
    pub fn keys(&self, correlation: u32, position: usize, event: &EventView<'_>, scratch: &mut KeyScratch) -> u64 {
        let KeyScratch { keys, raw, values, entities, digests } = scratch;
        keys.clear();
        digests.clear();
        let rule = &self.correlations[correlation as usize].rule;
        let referenced = &rule.rules[position];
        let outcome = key::extract(referenced, event, raw);
        let mut left_out = outcome.excess as u64 + u64::from(outcome.missing.is_some());
        if referenced.value.is_none() {
            digests.push(None);
        } else {
            let outcome = key::extract_values(referenced, event, values);
            left_out += outcome.excess as u64 + u64::from(outcome.missing.is_some());
            if let CorrelationKind::Travel { .. } = rule.kind {
                let places = values.iter().filter_map(|value| self.joins.tables().place(value));
                digests.extend(places.map(Some));
                left_out += (values.len() - digests.len()) as u64;
            } else if let CorrelationKind::Rare { .. } = rule.kind {
                // Without an entity every hit is of the same one.
                key::extract_entities(referenced, event, entities);
                let has_entity = referenced.entity.is_some();
                left_out += u64::from(has_entity && entities.is_empty());
                if !has_entity {
                    entities.push(Vec::new());
                }
                let pairs = values.iter().flat_map(|value| entities.iter().map(move |entity| (value, entity)));
                digests.extend(pairs.take(key::VALUES_MAX).map(|(value, entity)| Some(rare_value(value, entity))));
            } else if rule.kind.measures() {
                // What is no number is left out as if it were missing.
                let numbers = values.iter().map(|value| number::decimal(value));
                digests.extend(numbers.flatten().map(|number| Some(number_value(number))));
                left_out += (values.len() - digests.len()) as u64;
            } else {
                digests.extend(values.iter().map(|value| Some(first_16(&Sha256::digest(value)))));
            }
        }
        for key in raw.iter() {
            let parts: Vec<&[u8]> = key::parts(key).collect();
            keys.push(Key::new(&parts));
        }
        left_out
    }

    /// Why a rule hit an event: field, pattern and value of each part.
    pub fn explain(&self, rule: RuleIndex, event: &EventView<'_>) -> Vec<Value> {
        let meta = self.rules.rule(rule);
        let parts = self.rules.explain(rule, event);
        parts
            .into_iter()
            .map(|part| {
                json!({
                    "rule": meta.id, "selection": part.selection, "field": part.field,
                    "operator": part.operator, "pattern": part.pattern, "value": part.value,
                })
            })
            .collect()
    }

    /// The correlation that a finding is of, if this detection has it.
    pub fn correlation_of(&self, spec: &RuleSpec) -> Option<&Correlation> {
        self.correlations.iter().find(|correlation| {
            correlation.spec.id == spec.id && correlation.spec.definition_digest == spec.definition_digest
        })
    }

    /// Longest window of any correlation: what a checkpoint trails by, beside the lateness.
    pub fn window_ns_max(&self) -> i64 {
        self.specs.iter().map(RuleSpec::reach_ns).max().unwrap_or(0)
    }

    /// The digest of the rule set, short, for logs.
    pub fn digest_text(&self) -> String {
        hex(&self.rules.digest()[..8])
    }
}

/// What a correlation is made of, by part.
fn parts_of(rule: &CorrelationRule, rules: &RuleSet) -> Vec<Part> {
    let none = Part {
        id: String::new(),
        title: String::new(),
        score: 0,
        techniques: vec![],
        sources: vec![],
        is_correlation: false,
    };
    let mut parts = vec![none; rule.rules.len() + rule.chains.len()];
    for referenced in &rule.rules {
        let meta = rules.rule(referenced.rule);
        let source = [&meta.source.product, &meta.source.service, &meta.source.category].into_iter().flatten().next();
        parts[usize::from(referenced.part)] = Part {
            id: meta.id.clone(),
            title: meta.title.clone(),
            score: referenced.score,
            techniques: main_techniques(&meta.techniques),
            sources: source.cloned().into_iter().collect(),
            is_correlation: false,
        };
    }
    for chain in &rule.chains {
        // Circles are refused, so this ends; chains are a few levels high.
        let below = &rules.correlations()[chain.correlation];
        let members = parts_of(below, rules);
        let own = main_techniques(&below.techniques);
        let theirs = || members.iter().flat_map(|part| part.techniques.iter().cloned()).collect();
        parts[usize::from(chain.part)] = Part {
            id: below.id.clone(),
            title: below.title.clone(),
            score: chain.score,
            techniques: if own.is_empty() { distinct(theirs()) } else { own },
            sources: distinct(members.iter().flat_map(|part| part.sources.iter().cloned()).collect()),
            is_correlation: true,
        };
    }
    parts
}

/// Techniques without the numbers of sub-techniques: guessing and spraying are one step of an attack.
fn main_techniques(techniques: &[String]) -> Vec<String> {
    let main = |technique: &String| technique.split('.').next().unwrap_or_default().to_owned();
    distinct(techniques.iter().map(main).collect())
}

fn distinct(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

/// The worth of the parts of a risk: names become numbers.
fn worth_of(parts: &[Part], techniques_min: u32, sources_min: u32, half_life_ns: i64) -> Worth {
    let all = |of: fn(&Part) -> &[String]| distinct(parts.iter().flat_map(|part| of(part).iter().cloned()).collect());
    let (techniques, sources) = (all(|part| &part.techniques), all(|part| &part.sources));
    let numbers = |names: &[String], known: &[String]| {
        names.iter().filter_map(|name| known.binary_search(name).ok()).map(|at| at as u16).collect()
    };
    Worth {
        parts: parts
            .iter()
            .map(|part| PartWorth {
                score: part.score,
                techniques: numbers(&part.techniques, &techniques),
                sources: numbers(&part.sources, &sources),
            })
            .collect(),
        half_life_ns: (half_life_ns > 0).then_some(half_life_ns),
        techniques_min,
        sources_min,
    }
}

fn spec_of(rule: &CorrelationRule, rules: &RuleSet, parts: &[Part], options: &LoadOptions) -> RuleSpec {
    let mut feeds = FeedSet::default();
    for (at, source) in LOG_SOURCES.iter().enumerate() {
        let class = crate::sources::class_of(noroshi_parsers::logsource::LogSourceId(at as u16));
        let feeding = |referenced: &CorrelatedRule| {
            let wanted = &rules.rule(referenced.rule).source;
            options.ignore_logsource
                || source.answers(wanted.product.as_deref(), wanted.service.as_deref(), wanted.category.as_deref())
        };
        if rule.rules.iter().any(feeding) {
            feeds.insert(class);
        }
    }
    use noroshi_rules::modifier::Comparison;
    let terms = rule.condition.bounds.iter().map(|&(comparison, bound)| {
        let op = match comparison {
            Comparison::Gt => Op::Gt,
            Comparison::Gte => Op::Gte,
            Comparison::Lt => Op::Lt,
            Comparison::Lte => Op::Lte,
            Comparison::Eq => Op::Eq,
        };
        (op, bound)
    });
    RuleSpec {
        id: rule.id.clone(),
        definition_digest: rule.definition_digest,
        kind: match rule.kind {
            CorrelationKind::EventCount => Kind::EventCount,
            CorrelationKind::ValueCount => Kind::ValueCount,
            CorrelationKind::Temporal => Kind::Temporal,
            CorrelationKind::TemporalOrdered => Kind::TemporalOrdered { parts: parts.len() as u16 },
            CorrelationKind::ValueSum => Kind::Sum,
            CorrelationKind::ValueAvg => Kind::Average,
            CorrelationKind::ValuePercentile(percent) => Kind::Percentile { percent },
            CorrelationKind::Absence => Kind::Absence,
            CorrelationKind::Silence => Kind::Silence,
            CorrelationKind::NewValue { horizon_ns, warmup_ns } => {
                Kind::NewValue { horizon_ns, warmup_ns: warmup_ns.unwrap_or(horizon_ns.min(options.warmup_ns_max)) }
            }
            CorrelationKind::Beacon { intervals, variation_permille } => Kind::Beacon { intervals, variation_permille },
            CorrelationKind::Travel { speed_kmh } => Kind::Travel { speed_kmh },
            CorrelationKind::Risk { .. } => Kind::Risk,
            CorrelationKind::Volume(metric) => Kind::Volume { bucket_ns: rule.window_ns, metric: metric_of(metric) },
            CorrelationKind::Baseline { metric, deviation_permille, horizon_ns, history, season } => Kind::Baseline {
                bucket_ns: rule.window_ns,
                metric: metric_of(metric),
                deviation_permille,
                horizon_ns,
                history_min: history,
                season: match season {
                    correlation::Season::None => Season::None,
                    correlation::Season::Day => Season::Day,
                    correlation::Season::Week => Season::Week,
                },
            },
            CorrelationKind::Rare { horizon_ns, warmup_ns, times, share_millionths } => Kind::Rare {
                horizon_ns,
                warmup_ns: warmup_ns.unwrap_or(horizon_ns.min(options.warmup_ns_max)),
                times,
                share_millionths,
            },
        },
        condition: Condition::new(terms.collect()),
        // Neighbouring buckets make one episode.
        window_ns: if rule.kind.metric().is_some() { rule.window_ns.saturating_mul(2) } else { rule.window_ns },
        max_episode_ns: rule.max_episode_ns.unwrap_or(noroshi_correlate::MAX_EPISODE_NS),
        feeds,
        state_bytes_max: match rule.group_by.is_empty() {
            // One key, one partition.
            true => options.state_bytes_max,
            false => options.state_bytes_max / noroshi_correlate::PARTITIONS,
        },
        evidence_max: noroshi_correlate::EVIDENCE_MAX,
        links: rule
            .chains
            .iter()
            .map(|chain| Link {
                child: chain.correlation as u32,
                part: chain.part,
                key: chain.key.clone(),
                value: chain.value,
            })
            .collect(),
        calendar: rule.calendar.as_deref().map_or_else(Arc::default, calendar_of),
        risk: match rule.kind {
            CorrelationKind::Risk { techniques, sources, half_life_ns } => {
                Some(Arc::new(worth_of(parts, techniques, sources, half_life_ns)))
            }
            _ => None,
        },
    }
}

fn metric_of(metric: correlation::Metric) -> Metric {
    match metric {
        correlation::Metric::Count => Metric::Count,
        correlation::Metric::Sum => Metric::Sum,
        correlation::Metric::Distinct => Metric::Distinct,
    }
}

/// When the clocks of a zone change, from 1970 to 2100: looked for by the day, then by the quarter of an hour.
fn calendar_of(name: &str) -> Arc<[(i64, i32)]> {
    const QUARTER_NS: i64 = 900 * 1_000_000_000;
    const DAY_QUARTERS: i64 = 96;
    const DAYS: i64 = 131 * 365;
    // A name that is none was refused with the rule.
    let zone = Zone::parse(name).unwrap_or_default();
    let offset = |quarter: i64| zone.offset_at_ns(quarter * QUARTER_NS);
    let mut changes = vec![(0, offset(0))];
    for day in 1..DAYS {
        let known = changes[changes.len() - 1].1;
        let end = day * DAY_QUARTERS;
        if offset(end) != known {
            let quarter = (end - DAY_QUARTERS..=end).find(|&quarter| offset(quarter) != known).unwrap_or(end);
            changes.push((quarter * QUARTER_NS, offset(quarter)));
        }
    }
    changes.into()
}

/// A number in units of [`NUMBER_UNIT`] as a decimal without needless zeros.
pub fn decimal_text(number: i128) -> String {
    let (whole, rest) = (number.unsigned_abs() / NUMBER_UNIT as u128, number.unsigned_abs() % NUMBER_UNIT as u128);
    let sign = if number < 0 { "-" } else { "" };
    let text = format!("{sign}{whole}.{rest:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// The rule files below the paths, with their texts.
pub(crate) fn rule_files(paths: &[PathBuf], diagnostics: &mut Vec<Diagnostic>) -> Vec<(PathBuf, String)> {
    read_files(paths, diagnostics, |path| matches!(extension(path), "yml" | "yaml"))
}

fn is_one_of(path: &Path, endings: &[&str]) -> bool {
    endings.iter().any(|ending| extension(path).eq_ignore_ascii_case(ending))
}

/// The text of the files below the paths, sorted.
fn read_files(
    paths: &[PathBuf],
    diagnostics: &mut Vec<Diagnostic>,
    wanted: impl Fn(&Path) -> bool + Copy,
) -> Vec<(PathBuf, String)> {
    let files = files_below(paths, diagnostics, wanted);
    read_each(files, diagnostics, read)
}

/// The files below the paths, sorted; a path that is a file itself is taken whatever its name.
fn files_below(
    paths: &[PathBuf],
    diagnostics: &mut Vec<Diagnostic>,
    wanted: impl Fn(&Path) -> bool + Copy,
) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, true, wanted, &mut files, diagnostics, 0);
    }
    files.sort();
    files.dedup();
    files
}

fn read_each<T>(
    files: Vec<PathBuf>,
    diagnostics: &mut Vec<Diagnostic>,
    read: impl Fn(&Path) -> Result<T, String>,
) -> Vec<(PathBuf, T)> {
    let of = |path: PathBuf| match read(&path) {
        Ok(read) => Some((path, read)),
        Err(cause) => {
            diagnostics.push(unreadable(&path, &cause));
            None
        }
    };
    files.into_iter().filter_map(of).collect()
}

fn read(path: &Path) -> Result<String, String> {
    String::from_utf8(read_bytes(path)?)
        .map_err(|cause| format!("not UTF-8 at byte {}", cause.utf8_error().valid_up_to()))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::metadata(path).map_err(|cause| cause.to_string())?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!("it is {bytes} bytes long, over the bound of {FILE_BYTES_MAX}"));
    }
    std::fs::read(path).map_err(|cause| cause.to_string())
}

fn unreadable(path: &Path, cause: &str) -> Diagnostic {
    Diagnostic::error(path, Place { line: 1, column: 1 }, format!("cannot read the file: {cause}"))
        .help("check the path and who may read it")
}

/// Whether a directory is a checkout of the public Sigma rules: there, `rules` and its like are to be run.
fn is_checkout(path: &Path) -> bool {
    path.join("rules").is_dir() && (path.join("unsupported").is_dir() || path.join("deprecated").is_dir())
}

/// Whether a directory of such a checkout holds no rules to run as they are: rules set aside by their authors, rules that
/// need values of one's own, and what belongs to the repository itself. Named by themselves they are read.
fn is_set_aside(name: &str) -> bool {
    !name.starts_with("rules") || name == "rules-placeholder"
}

/// Deepest directory below a named path. Rule trees are four deep; a loop of links has no end.
const DEPTH_MAX: usize = 32;

fn collect(
    path: &Path,
    named: bool,
    wanted: impl Fn(&Path) -> bool + Copy,
    files: &mut Vec<PathBuf>,
    diagnostics: &mut Vec<Diagnostic>,
    depth: usize,
) {
    if depth > DEPTH_MAX {
        diagnostics.push(unreadable(path, "directories nest too deep"));
        return;
    }
    if !path.is_dir() {
        if named || wanted(path) {
            files.push(path.to_owned());
        }
        return;
    }
    let is_checkout = is_checkout(path);
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(cause) => {
            diagnostics.push(unreadable(path, &cause.to_string()));
            return;
        }
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Editors' and version control's own files are no rules.
        let left_out = name.starts_with('.') || is_checkout && is_set_aside(&name);
        if !left_out {
            collect(&entry.path(), false, wanted, files, diagnostics, depth + 1);
        }
    }
}

/// Looks for changes of rule and indicator files by name, size and time of change.
pub struct Watch {
    paths: Vec<PathBuf>,
    seen: Vec<(PathBuf, u64, std::time::SystemTime)>,
    /// The last look found a change.
    moving: bool,
}

impl Watch {
    /// Notes the files as they are now.
    pub fn new(config: &Config) -> Self {
        let intel = IntelOptions::of(&config.indicators, &config.feeds, &config.assets, &config.state_dir);
        let named = config.rules.paths.iter().chain(&config.rules.lists).chain(&config.indicators.paths);
        let paths = named.chain(&config.tables.path).chain(intel.watched()).cloned().collect();
        let mut watch = Watch { paths, seen: Vec::new(), moving: false };
        watch.seen = watch.look();
        watch
    }

    /// Whether anything changed, and has been at rest since the last look: half an indicator list is a valid
    /// one, so a file must not be read while it is being written.
    pub fn changed(&mut self) -> bool {
        let now = self.look();
        let moved = self.seen != now;
        self.seen = now;
        std::mem::replace(&mut self.moving, moved) && !moved
    }

    fn look(&self) -> Vec<(PathBuf, u64, std::time::SystemTime)> {
        let mut files = Vec::new();
        for path in &self.paths {
            collect(path, true, |_| true, &mut files, &mut Vec::new(), 0);
        }
        files.sort();
        files
            .into_iter()
            .filter_map(|path| {
                let metadata = std::fs::metadata(&path).ok()?;
                Some((path, metadata.len(), metadata.modified().ok()?))
            })
            .collect()
    }
}
