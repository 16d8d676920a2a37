//! A correlation shard: owns the keys of its partitions, takes messages in read order, tells findings.
//!
//! A pure state machine. Batches are numbered when they are read; the shard
//! processes them in that order whatever the workers' speed, so the number of
//! workers changes nothing. Watermarks move at batch boundaries: whether a hit
//! is late is judged by the watermarks before its batch.

use std::sync::Arc;

use crate::capture::{Capture, RuleCapture};
use crate::image::{Damaged, ImageReader, ImageWriter};
use crate::key_state::KeyState;
use crate::partition::Entry;
use crate::reorder::Reorder;
use crate::rule_state::RuleState;
use crate::watermark::SourceTable;
use crate::{
    Depot, Ended, Evidence, FeedSet, Finding, Hit, Refusal, Refused, RuleCheckpoint, RuleCounters, RuleSpec,
    ShardCounters, ShardMessage, SourceAdvance, TowerMessage, Upward, WatermarkPolicy, shard_of,
};

/// Late and future hits listed between two drains; further ones are counted only. A source with a wrong clock must not
/// fill memory with a list of its own making.
pub const REFUSED_MAX: usize = 65_536;

/// Hits looked up ahead: enough misses in flight to hide each other, few enough to stay in the first-level cache.
pub(crate) const AHEAD: usize = 32;
/// Event times are taken within these bounds (1823 to 2226), so that adding a window never runs off the clock.
const TIME_MIN: i64 = i64::MIN / 2;
const TIME_MAX: i64 = i64::MAX - (1 << 60);

/// What a shard is told at its start.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Which shard this is.
    pub shard: usize,
    /// How many there are.
    pub shards: usize,
    /// What moves the watermarks.
    pub policy: WatermarkPolicy,
    /// Whether open findings are wanted.
    pub emit_open: bool,
    /// Where the rules stood when the process stopped; empty on a first start.
    pub resume: Vec<RuleCheckpoint>,
    /// Where values go that a rule must remember for long; `None` keeps them in memory.
    pub depot: Option<Arc<dyn Depot>>,
}

impl Default for ShardConfig {
    fn default() -> ShardConfig {
        ShardConfig {
            shard: 0,
            shards: 1,
            policy: WatermarkPolicy::Live,
            emit_open: true,
            resume: Vec::new(),
            depot: None,
        }
    }
}

/// A correlation shard.
#[derive(Debug)]
pub struct Shard<E> {
    config: ShardConfig,
    rules: Vec<RuleState<E>>,
    sources: SourceTable,
    reorder: Reorder<ShardMessage<E>>,
    refused: Vec<Refused<E>>,
    counters: ShardCounters,
    /// Rules, children before the correlations made of them.
    order: Vec<u32>,
    /// What goes up to the tower.
    upward: Vec<Upward<E>>,
    /// The same from before a reload, whose indices are others.
    before: Vec<TowerMessage<E>>,
    /// A rule set that the tower was not told of.
    fresh: Option<Arc<Vec<RuleSpec>>>,
    capture: Option<Capturing<E>>,
}

/// A capture that is being taken.
#[derive(Debug)]
pub(crate) struct Capturing<E> {
    cut: u64,
    sources: Vec<u8>,
    rules: Vec<RuleCapture<E>>,
}

impl<E: Evidence> Capturing<E> {
    pub(crate) fn new(cut: u64, sources: Vec<u8>) -> Capturing<E> {
        Capturing { cut, sources, rules: Vec::new() }
    }

    /// Goes on with the rules that are not captured yet; true once all are.
    pub(crate) fn go_on<'a>(&mut self, rules: impl Iterator<Item = &'a mut RuleState<E>>, room: &mut usize) -> bool
    where
        E: 'a,
    {
        for rule in rules.skip(self.rules.len()) {
            match rule.go_on(room) {
                Some(rule) => self.rules.push(rule),
                None => return false,
            }
        }
        true
    }

    pub(crate) fn end(self) -> (u64, Capture<E>) {
        (self.cut, Capture { sources: self.sources, rules: self.rules })
    }
}

impl<E: Evidence> Shard<E> {
    /// A shard without state, for the given rule set.
    #[must_use]
    pub fn new(config: ShardConfig, rules: &[RuleSpec]) -> Shard<E> {
        let states = rules.iter().zip(0..).map(|(spec, index)| {
            let resume = config.resume.iter().find(|known| known.definition_digest == spec.definition_digest);
            let since = resume.map_or(i64::MIN, |resume| resume.complete_after_ns);
            RuleState::new(spec, index, since, config.emit_open, resume)
        });
        let mut shard = Shard {
            rules: states.collect(),
            config,
            sources: SourceTable::new(),
            reorder: Reorder::new(),
            refused: Vec::new(),
            counters: ShardCounters::default(),
            order: Vec::new(),
            upward: Vec::new(),
            before: Vec::new(),
            fresh: None,
            capture: None,
        };
        shard.link(rules);
        for at in 0..shard.rules.len() {
            shard.open(at);
        }
        shard
    }

    fn open(&mut self, at: usize) {
        if let Some(depot) = &self.config.depot {
            self.rules[at].open(&**depot, self.config.shard, self.config.shards);
        }
    }

    /// A shard that goes on from the captures of all shards at one moment, whatever their number. Rules that were not
    /// there start anew.
    ///
    /// # Errors
    /// When a capture is not what was taken.
    pub fn restore(config: ShardConfig, rules: &[RuleSpec], captures: &[Capture<E>]) -> Result<Shard<E>, Damaged> {
        let mut shard = Shard::new(config, rules);
        if let Some(first) = captures.first() {
            let mut from = ImageReader::<E>::new(&first.sources, &[]);
            shard.sources = from.take()?;
            from.end()?;
        }
        let (mine, shards) = (shard.config.shard, shard.config.shards);
        let since = shard.sources.event_time_max();
        for (state, spec) in shard.rules.iter_mut().zip(rules) {
            *state = RuleState::new(spec, state.index(), since, shard.config.emit_open, None);
            if let Some(depot) = &shard.config.depot {
                state.open(&**depot, mine, shards);
            }
            for (at, capture) in captures.iter().enumerate() {
                if let Some(known) = capture.of(spec) {
                    let counts = at % shards.max(1) == mine;
                    state.restore(known, counts, |place| shard_of(place, shards) == mine, |_| Ok(()))?;
                }
            }
        }
        shard.link(rules);
        Ok(shard)
    }

    /// What it was told at its start.
    #[must_use]
    pub fn config(&self) -> &ShardConfig {
        &self.config
    }

    /// Greatest event time of any source; `i64::MIN` before one has spoken.
    #[must_use]
    pub fn event_time_max(&self) -> i64 {
        self.sources.event_time_max()
    }

    /// Goes on with the capture that a message with [`ShardMessage::cut`] asked for, by about `room` bytes; gives it once it
    /// is whole, with the sequence number of that message. To be called between messages, until
    /// [`Shard::is_capturing`] says no.
    pub fn capture(&mut self, mut room: usize) -> Option<(u64, Capture<E>)> {
        let capturing = self.capture.as_mut()?;
        if !capturing.go_on(self.rules.iter_mut(), &mut room) {
            return None;
        }
        self.capture.take().map(Capturing::end)
    }

    /// Whether a capture is being taken.
    #[must_use]
    pub fn is_capturing(&self) -> bool {
        self.capture.is_some()
    }

    /// Captures the state behind all messages worked off, at once, under a number of the caller's, and asks the tower for
    /// the same. One that was being taken is given up.
    pub fn capture_now(&mut self, cut: u64) -> Capture<E> {
        self.begin_capture(cut);
        let mut room = usize::MAX;
        if let Some(capturing) = &mut self.capture {
            capturing.go_on(self.rules.iter_mut(), &mut room);
        }
        let capture = self.capture.take().map(Capturing::end);
        capture.map_or(Capture { sources: Vec::new(), rules: Vec::new() }, |(_, capture)| capture)
    }

    fn begin_capture(&mut self, cut: u64) {
        // What was raised so far goes up before the tower is asked.
        let mut before = Vec::new();
        self.rise(false, &mut before);
        let mut asked = self.cut(false);
        asked.cut = Some(cut);
        before.push(asked);
        self.before = before;
        let mut sources = ImageWriter::<E>::default();
        sources.put(&self.sources);
        self.rules.iter_mut().for_each(|rule| rule.begin_capture(|_| {}));
        self.capture = Some(Capturing::new(cut, sources.bytes));
    }

    /// Takes a capture to its end before something changes that it does not see.
    fn end_capture(&mut self) {
        let mut room = usize::MAX;
        if let Some(capturing) = &mut self.capture {
            capturing.go_on(self.rules.iter_mut(), &mut room);
        }
    }

    /// Notes which rules correlations are made of.
    fn link(&mut self, specs: &[RuleSpec]) {
        self.order = children_first(specs);
        self.rules.iter_mut().for_each(|rule| rule.rule.raises = false);
        for link in specs.iter().flat_map(|spec| &spec.links) {
            if let Some(child) = self.rules.get_mut(link.child as usize) {
                child.rule.raises = true;
            }
        }
    }

    /// Takes a message in; findings of this and of the messages that waited for it are added to `out`.
    pub fn accept(&mut self, message: ShardMessage<E>, out: &mut Vec<Finding<E>>) {
        if !self.reorder.push(message.sequence, message) {
            self.counters.repeated += 1;
        }
        while let Some(message) = self.reorder.pop() {
            self.process(message, out);
        }
    }

    /// Receive time goes on without a message: sources become idle, updates become due.
    pub fn tick(&mut self, now_ns: i64, out: &mut Vec<Finding<E>>) {
        self.sources.observe_now(now_ns);
        self.follow_watermarks(out);
        self.rules.iter_mut().for_each(RuleState::tend);
    }

    /// The input ended: the watermark becomes the greatest event time, and what still runs is told as final.
    pub fn finish(&mut self, out: &mut Vec<Finding<E>>) {
        while let Some((missing, message)) = self.reorder.pop_past_gap() {
            self.counters.missing += missing;
            self.process(message, out);
        }
        self.end_capture();
        let now_ns = self.sources.now_ns();
        for at in self.order.clone() {
            self.begin(at);
            let watermark = self.watermark_of(at, |sources, feeds| sources.watermark_at_end(feeds));
            let rule = &mut self.rules[at as usize];
            rule.advance(watermark, now_ns, out);
            rule.end(Ended::Input, out);
        }
    }

    /// The watermark of a rule: the least of its sources' and of what its correlations have decided.
    fn watermark_of(&self, at: u32, of: impl Fn(&SourceTable, &FeedSet) -> i64) -> i64 {
        let spec = &self.rules[at as usize].rule.spec;
        if !spec.is_upper() {
            return of(&self.sources, &spec.feeds);
        }
        let own = (!spec.feeds.is_empty()).then(|| of(&self.sources, &spec.feeds));
        let children = spec.links.iter().filter_map(|link| Some(self.rules.get(link.child as usize)?.decided()));
        // What no source has fed holds nobody back.
        own.into_iter().chain(children).filter(|&one| one != i64::MIN).min().unwrap_or(i64::MIN)
    }

    /// Notes the earliest event time below a rule.
    fn begin(&mut self, at: u32) {
        let spec = &self.rules[at as usize].rule.spec;
        let own = self.sources.start(&spec.feeds);
        let children = spec.links.iter().filter_map(|link| Some(self.rules.get(link.child as usize)?.start));
        let start = children.fold(own, i64::min);
        self.rules[at as usize].begin(start);
    }

    /// Adds to `out` what goes up to the tower since the last call, and how far each rule has come. Nothing where no
    /// correlation is made of others.
    pub fn rise(&mut self, ended: bool, out: &mut Vec<TowerMessage<E>>) {
        out.append(&mut self.before);
        if self.fresh.is_some() || self.rules.iter().any(|rule| rule.rule.spec.is_upper()) {
            let message = self.cut(ended);
            out.push(message);
        }
    }

    fn cut(&mut self, ended: bool) -> TowerMessage<E> {
        let mut upward = std::mem::take(&mut self.upward);
        for rule in &mut self.rules {
            upward.extend(rule.raised.drain(..).map(Upward::Episode));
        }
        TowerMessage {
            shard: self.config.shard,
            upward,
            decided: self.rules.iter().map(RuleState::decided).collect(),
            starts: self.rules.iter().map(|rule| rule.start).collect(),
            rules: self.fresh.take(),
            now_ns: self.sources.now_ns(),
            cut: None,
            ended,
        }
    }

    fn process(&mut self, message: ShardMessage<E>, out: &mut Vec<Finding<E>>) {
        self.counters.messages += 1;
        // Where receipt is not known, it goes on with the events.
        let events = || message.sources.iter().map(|advance| advance.max_event_time_ns.clamp(TIME_MIN, TIME_MAX));
        self.sources.observe_now(match message.receive_time_ns {
            0 => events().fold(self.sources.event_time_max(), i64::max),
            known => known,
        });
        if let Some(rules) = &message.rules {
            self.reload(rules, out);
        }
        let mut hits = message.hits.into_iter();
        while !hits.as_slice().is_empty() {
            let ahead = hits.as_slice();
            self.warm(&ahead[..ahead.len().min(AHEAD)]);
            hits.by_ref().take(AHEAD).for_each(|hit| self.observe(hit, out));
        }
        for &advance in &message.sources {
            let max_event_time_ns = advance.max_event_time_ns.clamp(TIME_MIN, TIME_MAX);
            self.sources.advance(&SourceAdvance { max_event_time_ns, ..advance });
        }
        self.follow_watermarks(out);
        self.rules.iter_mut().for_each(RuleState::tend);
        if message.cut {
            self.begin_capture(message.sequence);
        }
    }

    /// Looks the keys of the next hits up without using the answer. With a million keys nearly every look-up misses
    /// the cache; the misses of independent reads overlap, those of one insertion after the other do not. So all
    /// entries are looked for before the first is read, and all are read before what they point to.
    fn warm(&self, hits: &[Hit<E>]) {
        let mut slots = [None; AHEAD];
        for (hit, slot) in hits.iter().zip(&mut slots) {
            *slot = self.rules.get(hit.rule as usize).and_then(|rule| rule.guess(&hit.key));
        }
        // What a hit points to was made by another thread, and is compared with what an entry points to.
        let keys = hits.iter().fold(0, |sum, hit| sum ^ hit.key.touch());
        std::hint::black_box(keys);
        warm(&slots);
    }

    fn observe(&mut self, mut hit: Hit<E>, out: &mut Vec<Finding<E>>) {
        let mine = shard_of(hit.key.partition(), self.config.shards) == self.config.shard;
        let Some(rule) = self.rules.get_mut(hit.rule as usize).filter(|_| mine) else {
            self.counters.misrouted += 1;
            return;
        };
        hit.time_ns = hit.time_ns.clamp(TIME_MIN, TIME_MAX);
        if !hit.future && hit.time_ns >= rule.watermark {
            if rule.rule.spec.is_upper() {
                self.upward.push(Upward::Hit(hit));
                return;
            }
            rule.observe(hit, self.sources.now_ns(), out);
            return;
        }
        rule.count_refused(hit.future);
        if self.refused.len() == REFUSED_MAX {
            self.counters.refused_unlisted += 1;
            return;
        }
        let refusal = if hit.future { Refusal::Future } else { Refusal::Late };
        let (spec, watermark_ns) = (Arc::clone(&rule.rule.spec), rule.watermark);
        let Hit { source, time_ns, digest, key, evidence, .. } = hit;
        self.refused.push(Refused {
            spec,
            key,
            refusal,
            source,
            time_ns,
            digest,
            watermark_ns,
            evidence: Some(evidence),
        });
    }

    fn follow_watermarks(&mut self, out: &mut Vec<Finding<E>>) {
        let now_ns = self.sources.now_ns();
        if self.config.policy == WatermarkPolicy::Live && self.sources.refresh() {
            for at in 0..self.order.len() {
                let at = self.order[at];
                self.begin(at);
                let watermark = self.watermark_of(at, SourceTable::watermark);
                self.rules[at as usize].advance(watermark, now_ns, out);
            }
        }
        for rule in &mut self.rules {
            rule.tell_open(now_ns, out);
        }
    }

    /// State belongs to a definition: an unchanged rule keeps it, a changed or new one starts anew.
    fn reload(&mut self, specs: &Arc<Vec<RuleSpec>>, out: &mut Vec<Finding<E>>) {
        self.end_capture();
        let mut before = Vec::new();
        self.rise(false, &mut before);
        self.before = before;
        self.fresh = Some(Arc::clone(specs));
        let mut old: Vec<Option<RuleState<E>>> = self.rules.drain(..).map(Some).collect();
        let since = self.sources.event_time_max();
        for (spec, index) in specs.iter().zip(0..) {
            let same = |state: &Option<RuleState<E>>| {
                let known = state.as_ref().map(|state| &state.rule.spec);
                known.is_some_and(|known| known.definition_digest == spec.definition_digest && known.id == spec.id)
            };
            let kept = old.iter().position(same).and_then(|at| old[at].take());
            let fresh = kept.is_none();
            self.rules.push(match kept {
                Some(mut state) => {
                    state.adopt(spec, index);
                    state
                }
                None => RuleState::new(spec, index, since, self.config.emit_open, None),
            });
            if fresh {
                self.open(self.rules.len() - 1);
            }
        }
        self.link(specs);
        for mut gone in old.into_iter().flatten() {
            gone.end(Ended::Reload, out);
        }
    }

    /// Moves the list of late and future hits to `list`.
    pub fn drain_refused(&mut self, list: &mut Vec<Refused<E>>) {
        list.append(&mut self.refused);
    }

    /// Counters of each rule, in the order of the rule set.
    #[must_use]
    pub fn rule_counters(&self) -> Vec<RuleCounters> {
        self.rules.iter().map(RuleState::counters).collect()
    }

    /// Counters of the shard.
    #[must_use]
    pub fn counters(&self) -> ShardCounters {
        ShardCounters {
            waiting: self.reorder.waiting() as u64,
            sources_overflow: self.sources.overflow(),
            ..self.counters
        }
    }

    /// How far back the input must be read to start again without a snapshot, for each rule. Looks at every key.
    #[must_use]
    pub fn checkpoint(&self) -> Vec<RuleCheckpoint> {
        self.rules.iter().map(RuleState::checkpoint).collect()
    }
}

/// Reads entries, then what they point to.
pub(crate) fn warm<E: Evidence>(slots: &[Option<&Option<Entry<KeyState<E>>>>]) {
    let entries = || slots.iter().flatten().filter_map(|slot| slot.as_ref());
    std::hint::black_box(entries().fold(0, |sum, entry| sum ^ entry.touch()));
    let behind = |entry: &Entry<KeyState<E>>| entry.state.touch() ^ i64::from(entry.key.touch());
    std::hint::black_box(entries().fold(0, |sum, entry| sum ^ behind(entry)));
}

/// Indices of the rules, those that correlations are made of before them. What goes round in a circle comes as it comes.
pub(crate) fn children_first(specs: &[RuleSpec]) -> Vec<u32> {
    let mut order = Vec::with_capacity(specs.len());
    let mut begun = vec![false; specs.len()];
    for root in 0..specs.len() as u32 {
        // A rule is done once all its links are: `(rule, next link)`.
        let mut path = vec![(root, 0)];
        while let Some((rule, next)) = path.pop() {
            if next == 0 && std::mem::replace(&mut begun[rule as usize], true) {
                continue;
            }
            match specs[rule as usize].links.get(next) {
                Some(link) => {
                    path.push((rule, next + 1));
                    if (link.child as usize) < specs.len() && !begun[link.child as usize] {
                        path.push((link.child, 0));
                    }
                }
                None => order.push(rule),
            }
        }
    }
    order
}
