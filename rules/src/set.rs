//! The rule set: loaded whole, immutable, evaluated by many threads.

use std::path::PathBuf;

use hashbrown::HashMap;
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::EventView;
use noroshi_parsers::logsource::{LOG_SOURCES, LogSource, LogSourceId};

use crate::compile::CompiledRule;
use crate::correlated::CorrelationRule;
use crate::diagnostic::Diagnostic;
use crate::full_scan;
use crate::literals::FindScratch;
use crate::load;
use crate::need::{self, Demand, Need};
use crate::route::Route;
use crate::router::{Branches, Router};
use crate::rule::{Level, Placeholders, Rule, RuleSource, Translation};

/// A rule, by its place in the set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleIndex(pub u32);

impl RuleIndex {
    /// The number as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// How rules are loaded.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Every rule meets every event, whatever its `logsource` says.
    pub ignore_logsource: bool,
    /// Values for the placeholders of `expand`.
    pub placeholders: Placeholders,
    /// Whether what is odd about sound rules is told too, as `check` does.
    pub lint: bool,
    /// Whether what rules except (`and not filter`) is met as well. Ids and digests stay: it is for finding out what
    /// was excepted.
    pub without_exceptions: bool,
}

/// What the rest of the engine needs to know of a rule.
#[derive(Clone, Debug)]
pub struct RuleMeta {
    /// `id`, or one made from the digest.
    pub id: String,
    /// `name`.
    pub name: Option<String>,
    /// `title`.
    pub title: String,
    /// `description`.
    pub description: Option<String>,
    /// `level`.
    pub level: Level,
    /// `tags`.
    pub tags: Vec<String>,
    /// ATT&CK techniques of the tags, as `T1059.001`.
    pub techniques: Vec<String>,
    /// `noroshi.ja`.
    pub ja: Option<Translation>,
    /// `falsepositives`.
    pub falsepositives: Vec<String>,
    /// `references`.
    pub references: Vec<String>,
    /// `logsource`.
    pub source: RuleSource,
    /// The file it is from.
    pub file: PathBuf,
    /// The line its document starts in.
    pub line: u32,
    /// SHA-256 of its definition.
    pub digest: [u8; 32],
    /// Whether a hit is an alert of its own. False for rules that only feed correlations.
    pub alerts: bool,
}

/// What [`RuleSet::load`] made of the files.
#[derive(Debug)]
pub struct Loaded {
    /// The sound rules.
    pub rules: RuleSet,
    /// Errors name what was refused; warnings name what was loaded and is odd.
    pub diagnostics: Vec<Diagnostic>,
}

/// An immutable, compiled set of rules.
#[derive(Debug)]
pub struct RuleSet {
    pub(crate) rules: Vec<Rule>,
    pub(crate) compiled: Vec<CompiledRule>,
    pub(crate) meta: Vec<RuleMeta>,
    pub(crate) correlations: Vec<CorrelationRule>,
    pub(crate) digest: [u8; 32],
    routes: Vec<Route>,
    branches: Vec<Branches>,
    /// By log source: which of the branches are its own.
    by_source: Vec<u32>,
    ignore_logsource: bool,
}

/// Scratch of one thread, reused for every event.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) folded: Vec<u8>,
    pub(crate) keywords: Vec<u8>,
    pub(crate) finder: FindScratch,
    pub(crate) marks: Marks,
}

impl Scratch {
    /// Empty; it grows to its working size over the first events.
    pub fn new() -> Self {
        Self::default()
    }
}

/// A set of rule numbers that forgets in no time.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    generation: u32,
    stamps: Vec<u32>,
    marked: Vec<u32>,
}

impl Marks {
    fn begin(&mut self, rules: usize) {
        self.marked.clear();
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.stamps.fill(0);
            self.generation = 1;
        }
        if self.stamps.len() < rules {
            self.stamps.resize(rules, 0);
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, rules: &[u32]) {
        for &rule in rules {
            let stamp = &mut self.stamps[rule as usize];
            if *stamp != self.generation {
                *stamp = self.generation;
                self.marked.push(rule);
            }
        }
    }
}

impl RuleSet {
    /// Loads the rules of `files` (name and content). What is wrong is in the diagnostics;
    /// the rules that are sound are in the set. The same contents give the same set
    /// in whatever order the files come, rule numbers aside.
    pub fn load(files: Vec<(PathBuf, String)>, dictionary: &mut Dictionary, options: &Options) -> Loaded {
        load::load(files, dictionary, options)
    }

    pub(crate) fn new(
        rules: Vec<Rule>,
        compiled: Vec<CompiledRule>,
        meta: Vec<RuleMeta>,
        correlations: Vec<CorrelationRule>,
        digest: [u8; 32],
        ignore_logsource: bool,
    ) -> Self {
        let needs: Vec<Need> =
            rules.iter().zip(&compiled).map(|(rule, compiled)| need::of_rule(rule, compiled)).collect();
        let demands: Vec<Vec<Demand>> =
            rules.iter().zip(&compiled).map(|(rule, compiled)| need::demands(rule, compiled)).collect();
        // Many rules name the same log source, and many log sources meet the same rules.
        let mut wanted: HashMap<&RuleSource, Vec<u32>> = HashMap::new();
        for (rule, at) in rules.iter().zip(0..) {
            wanted.entry(&rule.source).or_default().push(at);
        }
        let mut router = Router::default();
        let mut branches = Vec::new();
        let mut known: HashMap<Vec<u32>, u32> = HashMap::new();
        let of_source = |source: &LogSource| {
            let applies = |wanted: &RuleSource| {
                ignore_logsource
                    || source.answers(wanted.product.as_deref(), wanted.service.as_deref(), wanted.category.as_deref())
            };
            let meeting = wanted.iter().filter(|(wanted, _)| applies(wanted)).flat_map(|(_, rules)| rules);
            let mut list: Vec<u32> = meeting.copied().collect();
            list.sort_unstable();
            if let Some(&at) = known.get(&list) {
                return at;
            }
            branches.push(router.branches(list.clone(), &needs, &demands));
            let at = branches.len() as u32 - 1;
            known.insert(list, at);
            at
        };
        let by_source = LOG_SOURCES.iter().map(of_source).collect();
        drop(wanted);
        let routes = router.finish();
        RuleSet { rules, compiled, meta, correlations, digest, routes, branches, by_source, ignore_logsource }
    }

    /// How many detection rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What is known of a rule.
    ///
    /// # Panics
    /// If `rule` is of another set.
    pub fn rule(&self, rule: RuleIndex) -> &RuleMeta {
        &self.meta[rule.index()]
    }

    /// All rules.
    pub fn rules(&self) -> impl Iterator<Item = (RuleIndex, &RuleMeta)> {
        self.meta.iter().enumerate().map(|(at, meta)| (RuleIndex(at as u32), meta))
    }

    /// The correlations.
    pub fn correlations(&self) -> &[CorrelationRule] {
        &self.correlations
    }

    /// SHA-256 over the files' contents, whatever their order and names.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// How many rules an event of `source` is always evaluated against, because they name
    /// no literal it could be spared by.
    pub fn always_evaluated(&self, source: LogSourceId) -> usize {
        self.branches(source).map_or(0, |branches| self.routes[branches.whole() as usize].always_len())
    }

    fn branches(&self, source: LogSourceId) -> Option<&Branches> {
        let at = self.by_source.get(usize::from(source.0)).or_else(|| self.by_source.first())?;
        self.branches.get(*at as usize)
    }

    /// Appends the rules that `event` matches to `hits`, in the set's order. Allocates
    /// nothing for an event that matches nothing, once `scratch` is warm.
    pub fn evaluate(&self, event: &EventView<'_>, scratch: &mut Scratch, hits: &mut Vec<RuleIndex>) {
        let Some(branches) = self.branches(event.core().log_source) else { return };
        let route = &self.routes[branches.of(event, scratch) as usize];
        scratch.marks.begin(self.rules.len());
        route.candidates(event, scratch);
        let marked = &mut scratch.marks.marked;
        marked.sort_unstable();
        for &rule in marked.iter() {
            if self.compiled[rule as usize].matches(event) {
                hits.push(RuleIndex(rule));
            }
        }
    }

    /// Whether the rule's condition excepts something from what it looks for.
    pub fn has_exceptions(&self, rule: RuleIndex) -> bool {
        let condition = &self.rules[rule.index()].condition;
        condition.without_exceptions() != *condition
    }

    /// Rules with expressions that search by backtracking, and how many searches of each came over a bound and found
    /// nothing for it.
    pub fn given_up(&self) -> impl Iterator<Item = (RuleIndex, u64)> {
        let of = |(at, compiled): (usize, &CompiledRule)| (RuleIndex(at as u32), compiled.given_up());
        self.compiled.iter().enumerate().map(of).filter(|(_, searches)| *searches > 0)
    }

    /// How many rules the last [`RuleSet::evaluate`] with `scratch` looked at closely.
    pub fn candidates_len(scratch: &Scratch) -> usize {
        scratch.marks.marked.len()
    }

    /// The slow twin of [`RuleSet::evaluate`]: reads every definition anew, shares nothing with it.
    pub fn full_scan(&self, event: &EventView<'_>, dictionary: &Dictionary, hits: &mut Vec<RuleIndex>) {
        let source = event.core().log_source.get();
        for (at, rule) in self.rules.iter().enumerate() {
            let wanted = &rule.source;
            let applies = self.ignore_logsource
                || source.answers(wanted.product.as_deref(), wanted.service.as_deref(), wanted.category.as_deref());
            if applies && full_scan::matches(rule, event, dictionary) {
                hits.push(RuleIndex(at as u32));
            }
        }
    }
}
