//! Correlations over correlations: the stage above the shards.
//!
//! Episodes of a correlation are hits of those made of it, at the time of their trigger. Their keys may belong to any
//! shard, so they do not go back: one tower takes what all shards send up. A shard sends an episode once its
//! rule's watermark has passed the trigger, which then stands, and tells with every message how far each rule has come. What is
//! above a rule is never ahead of it, so whatever the shards' speed no episode comes too late.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::capture::Capture;
use crate::image::{Damaged, ImageWriter};
use crate::rule_state::RuleState;
use crate::shard::{Capturing, children_first};
use crate::{
    Ended, Evidence, Finding, Hit, Raised, Refusal, Refused, RuleCheckpoint, RuleCounters, RuleSpec, Upward,
    WatermarkPolicy,
};

/// What one shard sends up with one message of its own.
#[derive(Clone, Debug)]
pub struct TowerMessage<E> {
    /// Which shard.
    pub shard: usize,
    /// Episodes and hits, in the order in which they came to be.
    pub upward: Vec<Upward<E>>,
    /// How far each rule has come, by its index: no episode before this is still to be sent.
    pub decided: Vec<i64>,
    /// Earliest event time of the sources below each rule; `i64::MAX` where none has spoken.
    pub starts: Vec<i64>,
    /// A new rule set: indices are its own from this message on.
    pub rules: Option<Arc<Vec<RuleSpec>>>,
    /// Receive time.
    pub now_ns: i64,
    /// The state behind this message of every shard is to be captured, under this number.
    pub cut: Option<u64>,
    /// The shard has sent all.
    pub ended: bool,
}

impl<E> TowerMessage<E> {
    /// Whether the tower waits here for the other shards.
    fn is_border(&self) -> bool {
        self.rules.is_some() || self.cut.is_some()
    }
}

/// What the tower knows of a shard.
#[derive(Debug)]
struct Below<E> {
    decided: Vec<i64>,
    starts: Vec<i64>,
    /// Messages behind a new rule set or a cut that another shard has not come to.
    ahead: VecDeque<TowerMessage<E>>,
    ended: bool,
}

/// What must be read again for an episode that is held: by its time, the earliest event time.
type Origins = BTreeMap<i64, i64>;

/// The correlations made of correlations, all keys of them.
#[derive(Debug)]
pub struct Tower<E> {
    specs: Arc<Vec<RuleSpec>>,
    /// By rule; `None` for those that run in the shards.
    rules: Vec<Option<RuleState<E>>>,
    /// Rules of the tower, children before their parents.
    order: Vec<u32>,
    /// By rule: who is made of it, with the place among the parent's links.
    parents: Vec<Vec<(u32, u32)>>,
    origins: Vec<Origins>,
    below: Vec<Below<E>>,
    policy: WatermarkPolicy,
    emit_open: bool,
    resume: Vec<RuleCheckpoint>,
    refused: Vec<Refused<E>>,
    now_ns: i64,
    ended: bool,
    capture: Option<Capturing<E>>,
}

impl<E: Evidence> Tower<E> {
    /// A tower over so many shards, without state.
    #[must_use]
    pub fn new(
        shards: usize,
        policy: WatermarkPolicy,
        emit_open: bool,
        resume: Vec<RuleCheckpoint>,
        specs: Arc<Vec<RuleSpec>>,
    ) -> Tower<E> {
        let below = || Below { decided: Vec::new(), starts: Vec::new(), ahead: VecDeque::new(), ended: false };
        let mut tower = Tower {
            specs: Arc::default(),
            rules: Vec::new(),
            order: Vec::new(),
            parents: Vec::new(),
            origins: Vec::new(),
            below: (0..shards.max(1)).map(|_| below()).collect(),
            policy,
            emit_open,
            resume,
            refused: Vec::new(),
            now_ns: i64::MIN,
            ended: false,
            capture: None,
        };
        tower.load(specs, i64::MIN, &mut Vec::new());
        tower
    }

    /// A tower that goes on from a capture. Rules that were not there start anew, after `since`.
    ///
    /// # Errors
    /// When the capture is not what was taken.
    pub fn restore(
        shards: usize,
        policy: WatermarkPolicy,
        emit_open: bool,
        specs: &Arc<Vec<RuleSpec>>,
        capture: &Capture<E>,
        since: i64,
    ) -> Result<Tower<E>, Damaged> {
        let mut tower = Tower::new(shards, policy, emit_open, Vec::new(), Arc::clone(specs));
        for (at, spec) in specs.iter().enumerate() {
            let Some(state) = &mut tower.rules[at] else { continue };
            *state = RuleState::new(spec, at as u32, since, emit_open, None);
            state.rule.raises = !tower.parents[at].is_empty();
            if let Some(known) = capture.of(spec) {
                let origins = &mut tower.origins[at];
                state.restore(
                    known,
                    true,
                    |_| true,
                    |from| {
                        *origins = from.take()?;
                        Ok(())
                    },
                )?;
            }
        }
        Ok(tower)
    }

    /// Goes on with the capture that a cut asked for, by about `room` bytes; gives it once it is whole, with the cut's
    /// number. To be called between messages, until [`Tower::is_capturing`] says no.
    pub fn capture(&mut self, mut room: usize) -> Option<(u64, Capture<E>)> {
        let capturing = self.capture.as_mut()?;
        if !capturing.go_on(self.rules.iter_mut().flatten(), &mut room) {
            return None;
        }
        self.capture.take().map(Capturing::end)
    }

    /// Whether a capture is being taken.
    #[must_use]
    pub fn is_capturing(&self) -> bool {
        self.capture.is_some()
    }

    fn begin_capture(&mut self, cut: u64) {
        for (rule, origins) in self.rules.iter_mut().zip(&self.origins) {
            rule.iter_mut().for_each(|rule| rule.begin_capture(|to: &mut ImageWriter<E>| to.put(origins)));
        }
        self.capture = Some(Capturing::new(cut, Vec::new()));
    }

    /// Takes a message in; findings are added to `out`.
    pub fn accept(&mut self, message: TowerMessage<E>, out: &mut Vec<Finding<E>>) {
        let Some(below) = self.below.get_mut(message.shard) else { return };
        if message.is_border() || !below.ahead.is_empty() {
            below.ahead.push_back(message);
            self.catch_up(out);
        } else {
            self.process(message, out);
            self.follow(out);
        }
    }

    /// Takes up a new rule set, or captures, once every shard has come to it. All come to the same borders in the same
    /// order.
    fn catch_up(&mut self, out: &mut Vec<Finding<E>>) {
        while self.below.iter().all(|below| below.ahead.front().is_some_and(TowerMessage::is_border)) {
            let first = self.below[0].ahead.front_mut();
            let (rules, cut) = first.map_or((None, None), |first| (first.rules.take(), first.cut));
            if let Some(rules) = rules {
                self.end_capture();
                let since = self.below.iter().flat_map(|below| &below.decided).copied().max().unwrap_or(i64::MIN);
                self.load(rules, since, out);
            }
            if let Some(cut) = cut {
                // What a shard sends with a cut it sent before it.
                for at in 0..self.below.len() {
                    if let Some(message) = self.below[at].ahead.pop_front() {
                        self.process(message, out);
                    }
                }
                self.follow(out);
                self.begin_capture(cut);
            }
            for at in 0..self.below.len() {
                if let Some(first) = self.below[at].ahead.front_mut().filter(|_| cut.is_none()) {
                    first.rules = None;
                }
                while self.below[at].ahead.front().is_some_and(|next| !next.is_border()) {
                    let Some(message) = self.below[at].ahead.pop_front() else { break };
                    self.process(message, out);
                }
            }
            self.follow(out);
        }
    }

    /// Takes a capture to its end before something changes that it does not see.
    fn end_capture(&mut self) {
        let mut room = usize::MAX;
        if let Some(capturing) = &mut self.capture {
            capturing.go_on(self.rules.iter_mut().flatten(), &mut room);
        }
    }

    /// Receive time goes on without a message.
    pub fn tick(&mut self, now_ns: i64, out: &mut Vec<Finding<E>>) {
        self.now_ns = self.now_ns.max(now_ns);
        for rule in self.rules.iter_mut().flatten() {
            rule.tell_open(self.now_ns, out);
            rule.tend();
        }
    }

    /// All shards have ended, and the input with them: what still runs is told as final.
    fn finish(&mut self, out: &mut Vec<Finding<E>>) {
        self.end_capture();
        for at in self.order.clone() {
            self.advance(at, out);
            if let Some(rule) = &mut self.rules[at as usize] {
                rule.end(Ended::Input, out);
            }
            self.lift(at, out);
        }
    }

    fn process(&mut self, message: TowerMessage<E>, out: &mut Vec<Finding<E>>) {
        self.now_ns = self.now_ns.max(message.now_ns);
        for upward in message.upward {
            match upward {
                Upward::Hit(hit) => self.hit(hit, out),
                Upward::Episode(raised) => self.take(&raised, out),
            }
        }
        let below = &mut self.below[message.shard];
        below.decided = message.decided;
        below.starts = message.starts;
        below.ended |= message.ended;
    }

    /// Follows the watermarks of the shards.
    fn follow(&mut self, out: &mut Vec<Finding<E>>) {
        let ended = self.below.iter().all(|below| below.ended);
        if ended && !self.ended {
            self.ended = true;
            self.finish(out);
            return;
        }
        if self.policy == WatermarkPolicy::Live {
            for at in self.order.clone() {
                self.advance(at, out);
            }
        }
        self.tick(self.now_ns, out);
    }

    /// Moves a rule on to where the last of the shards stands.
    fn advance(&mut self, at: u32, out: &mut Vec<Finding<E>>) {
        let least = |of: fn(&Below<E>) -> &[i64], none| {
            self.below.iter().map(|below| of(below).get(at as usize).copied().unwrap_or(none)).min().unwrap_or(none)
        };
        let watermark = least(|below| &below.decided, i64::MIN);
        let start = least(|below| &below.starts, i64::MAX);
        let Some(rule) = &mut self.rules[at as usize] else { return };
        rule.begin(start);
        // Told as what is decided; the rule's own lag was taken off below.
        rule.advance(
            watermark.saturating_add(if watermark == i64::MIN { 0 } else { rule.rule.spec.lag() }),
            self.now_ns,
            out,
        );
        self.lift(at, out);
    }

    /// Gives a rule's episodes to its parents.
    fn lift(&mut self, at: u32, out: &mut Vec<Finding<E>>) {
        let raised = match &mut self.rules[at as usize] {
            Some(rule) => std::mem::take(&mut rule.raised),
            None => return,
        };
        raised.iter().for_each(|raised| self.take(raised, out));
    }

    fn take(&mut self, raised: &Raised<E>, out: &mut Vec<Finding<E>>) {
        let Some(parents) = self.parents.get(raised.rule as usize) else { return };
        for &(parent, link) in parents {
            let Some(rule) = &mut self.rules[parent as usize] else { continue };
            if raised.time_ns < rule.watermark {
                // Only a correlation whose sources spoke for the first time after the others.
                rule.count_refused(false);
                let Raised { source, time_ns, id, .. } = *raised;
                if self.refused.len() < crate::REFUSED_MAX {
                    self.refused.push(Refused {
                        spec: Arc::clone(&rule.rule.spec),
                        key: raised.key.clone(),
                        refusal: Refusal::Late,
                        source,
                        time_ns,
                        digest: id,
                        watermark_ns: rule.watermark,
                        evidence: raised.evidence.clone(),
                    });
                }
                continue;
            }
            if self.policy == WatermarkPolicy::Live {
                let from = self.origins[parent as usize].entry(raised.time_ns).or_insert(raised.from_ns);
                *from = raised.from_ns.min(*from);
            }
            let link = &self.specs[parent as usize].links[link as usize];
            rule.observe_raised(raised, link, self.now_ns, out);
        }
    }

    fn hit(&mut self, hit: Hit<E>, out: &mut Vec<Finding<E>>) {
        // Whether it is late was judged by the shard, when its record was read.
        if let Some(Some(rule)) = self.rules.get_mut(hit.rule as usize) {
            rule.observe(hit, self.now_ns, out);
        }
    }

    /// State belongs to a definition.
    fn load(&mut self, specs: Arc<Vec<RuleSpec>>, since: i64, out: &mut Vec<Finding<E>>) {
        let mut old: Vec<_> = self.rules.drain(..).zip(self.origins.drain(..)).collect();
        for (spec, index) in specs.iter().zip(0..) {
            let same = |(state, _): &(Option<RuleState<E>>, Origins)| {
                let known = state.as_ref().map(|state| &state.rule.spec);
                known.is_some_and(|known| known.definition_digest == spec.definition_digest && known.id == spec.id)
            };
            let kept = old.iter().position(same).map(|at| std::mem::take(&mut old[at]));
            let (state, origins) = match kept {
                _ if !spec.is_upper() => (None, Origins::new()),
                Some((Some(mut state), origins)) => {
                    state.adopt(spec, index);
                    (Some(state), origins)
                }
                _ => {
                    let of = |known: &&RuleCheckpoint| known.definition_digest == spec.definition_digest;
                    let resume = self.resume.iter().find(of);
                    let since = resume.map_or(since, |resume| resume.complete_after_ns);
                    (Some(RuleState::new(spec, index, since, self.emit_open, resume)), Origins::new())
                }
            };
            self.rules.push(state);
            self.origins.push(origins);
        }
        // Only what was there at the start goes on from before.
        self.resume.clear();
        for mut gone in old.into_iter().filter_map(|(state, _)| state) {
            gone.end(Ended::Reload, out);
        }
        self.order = children_first(&specs).into_iter().filter(|&at| specs[at as usize].is_upper()).collect();
        self.parents = vec![Vec::new(); specs.len()];
        for (parent, spec) in (0..).zip(specs.iter()) {
            for (link, at) in spec.links.iter().zip(0..) {
                if let Some(parents) = self.parents.get_mut(link.child as usize) {
                    parents.push((parent, at));
                }
            }
        }
        for (rule, parents) in self.rules.iter_mut().zip(&self.parents) {
            rule.iter_mut().for_each(|rule| rule.rule.raises = !parents.is_empty());
        }
        self.specs = specs;
    }

    /// Moves the list of late episodes to `list`.
    pub fn drain_refused(&mut self, list: &mut Vec<Refused<E>>) {
        list.append(&mut self.refused);
    }

    /// Counters by rule, to be added to the shards': nothing is counted twice.
    #[must_use]
    pub fn rule_counters(&self) -> Vec<RuleCounters> {
        let none = RuleCounters { watermark_ns: i64::MAX, complete_since_ns: i64::MIN, ..RuleCounters::default() };
        self.rules.iter().map(|rule| rule.as_ref().map_or(none, RuleState::counters)).collect()
    }

    /// How far back the input must be read to start again: of its own rules, and of those whose episodes they hold.
    /// Of several checkpoints of one rule take the least of each number.
    pub fn checkpoint(&mut self) -> Vec<RuleCheckpoint> {
        let mut found = Vec::new();
        // By rule: episodes and hits after this must be found again, for itself and for what is above it.
        let mut needed = vec![i64::MAX; self.specs.len()];
        for &at in self.order.iter().rev() {
            let at = at as usize;
            let Some(rule) = &self.rules[at] else { continue };
            let mut own = rule.checkpoint();
            if rule.watermark == i64::MIN && rule.counters().keys_live == 0 && needed[at] == i64::MAX {
                // Nothing has fed it: it has no state, and asks for nothing.
                continue;
            }
            own.complete_after_ns = own.complete_after_ns.min(needed[at]);
            // What is before is in no window any more, here and above.
            self.origins[at] = self.origins[at].split_off(&own.complete_after_ns);
            let from = self.origins[at].values().copied().min().unwrap_or(i64::MAX);
            for link in &rule.rule.spec.links {
                let needed = &mut needed[link.child as usize];
                *needed = from.min(*needed);
            }
            found.push(own);
        }
        for (spec, &complete_after_ns) in self.specs.iter().zip(&needed) {
            if !spec.is_upper() && complete_after_ns != i64::MAX {
                let (settled_ns, start_ns) = (i64::MAX, i64::MAX);
                let definition_digest = spec.definition_digest;
                found.push(RuleCheckpoint { definition_digest, settled_ns, complete_after_ns, start_ns });
            }
        }
        found
    }
}
