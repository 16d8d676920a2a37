//! One rule in one shard: its keys in partitions, its timers, its watermark, its counters.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::capture::{PartCapture, RuleCapture};
use crate::counters::completeness;
use crate::image::{Damaged, ImageReader, ImageWriter};
use crate::key_state::{Frame, KeyState};
use crate::partition::{Entry, Held, Partition, Partitions, next_of};
use crate::risks::risk_value;
use crate::shard::{AHEAD, warm};
use crate::sieve::{Lost, Passed, Sieve};
use crate::timers::Timers;
use crate::window::Record;
use crate::{
    Depot, Ended, Evidence, Finding, Hit, Key, Kind, Link, Op, PARTITIONS, Raised, RuleCheckpoint, RuleCounters,
    RuleSpec,
};

/// An open finding is told anew at most this often per key.
const UPDATE_INTERVAL_NS: i64 = 1_000_000_000;

/// A rule with what is derived from it once.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) spec: Arc<RuleSpec>,
    pub(crate) monotone: bool,
    /// Least count that satisfies a monotone condition; a window always holds its own hit.
    pub(crate) need: i128,
    /// Windows that end before this time are not judged: after a restart they may lack hits.
    pub(crate) judge_from: i64,
    /// Event time after which the input is read again.
    read_from: i64,
    /// Episodes with last + W before this were told as final before the restart.
    settled: i64,
    /// A correlation is made of its episodes.
    pub(crate) raises: bool,
}

impl Compiled {
    fn new(spec: Arc<RuleSpec>, resume: Option<&RuleCheckpoint>) -> Compiled {
        let needs = spec.condition.terms().iter().map(|&(op, number)| match op {
            Op::Gt => number.saturating_add(1),
            _ => number,
        });
        let need = match spec.kind {
            Kind::TemporalOrdered { parts } => parts.into(),
            _ => needs.max().unwrap_or(1),
        };
        let from = resume.map_or(i64::MIN, |resume| resume.complete_after_ns);
        Compiled {
            monotone: match spec.kind {
                Kind::TemporalOrdered { .. } => true,
                kind if kind.is_sieved() => true,
                kind => !kind.slides() && spec.condition.is_monotone(),
            },
            // One hit may be worth enough.
            need: if spec.kind == Kind::Risk || spec.kind.is_sieved() { 1 } else { need.max(1) },
            judge_from: if from == i64::MIN { from } else { from.saturating_add(spec.reach()) },
            read_from: from,
            settled: resume.map_or(i64::MIN, |resume| resume.settled_ns),
            raises: false,
            spec,
        }
    }

    /// Whether something of an episode is kept, or told upwards, once the watermark has passed its trigger.
    pub(crate) fn fixes(&self) -> bool {
        self.raises || self.spec.kind == Kind::Risk || self.spec.kind.bucket().is_some()
    }

    /// The input must be read again from here to find a run again that began at `chain`, and to know that it did.
    pub(crate) fn reread_from(&self, chain: i64) -> i64 {
        let known = if self.raises { self.spec.window() } else { 0 };
        chain.saturating_sub(self.spec.reach()).saturating_sub(known)
    }

    /// Whether a run that begins here began here: after a restart it may go on from before.
    pub(crate) fn is_whole(&self, chain: i64) -> bool {
        self.judge_from == i64::MIN || chain >= self.judge_from.saturating_add(self.spec.window())
    }

    /// Whether an episode with this last hit was told as final before the restart.
    pub(crate) fn was_settled(&self, last: i64) -> bool {
        last.saturating_add(self.spec.window()) < self.settled
    }
}

/// Receive time, partition, slot.
type Due = Reverse<(i64, u8, u32)>;

/// The state of one rule.
#[derive(Debug)]
pub(crate) struct RuleState<E> {
    pub(crate) rule: Compiled,
    index: u32,
    partitions: Partitions<KeyState<E>, E>,
    /// What decides which hits count at all, for the kinds that need it.
    sieve: Option<Box<Sieve<E>>>,
    timers: Timers,
    /// Keys whose open finding is due, by receive time.
    due: BinaryHeap<Due>,
    emit_open: bool,
    pub(crate) watermark: i64,
    counters: RuleCounters,
    complete_since: i64,
    /// Earliest event time of what feeds the rule; `i64::MAX` before anything has.
    pub(crate) start: i64,
    /// Episodes for the correlations above, not fetched yet.
    pub(crate) raised: Vec<Raised<E>>,
    capture: Option<Box<Capturing<E>>>,
}

/// A capture that is being taken.
#[derive(Debug)]
struct Capturing<E> {
    rule: RuleCapture<E>,
    /// Partitions of the sieve before this are captured.
    next_sieved: usize,
    /// The same of the windows'.
    next: usize,
}

impl<E: Evidence> RuleState<E> {
    pub(crate) fn new(
        spec: &RuleSpec,
        index: u32,
        complete_since: i64,
        emit_open: bool,
        resume: Option<&RuleCheckpoint>,
    ) -> RuleState<E> {
        let mut sieve = Sieve::of(spec);
        if let (Some(sieve), Some(resume)) = (&mut sieve, resume) {
            sieve.start = resume.start_ns;
        }
        RuleState {
            sieve,
            rule: Compiled::new(Arc::new(spec.clone()), resume),
            index,
            partitions: (0..PARTITIONS).map(|_| None).collect(),
            timers: Timers::new(spec.window()),
            due: BinaryHeap::new(),
            emit_open,
            watermark: i64::MIN,
            counters: RuleCounters::default(),
            complete_since,
            start: resume.map_or(i64::MAX, |resume| resume.start_ns),
            raised: Vec::new(),
            capture: None,
        }
    }

    /// Begins to capture the state of this moment, and what `more` adds to it; [`RuleState::go_on`] is then due until it
    /// gives the capture.
    pub(crate) fn begin_capture(&mut self, more: impl FnOnce(&mut ImageWriter<E>)) {
        let mut to = ImageWriter::<E>::default();
        let Compiled { judge_from, read_from, settled, .. } = self.rule;
        for number in [judge_from, read_from, settled, self.watermark, self.complete_since, self.start] {
            to.put(&number);
        }
        let RuleCounters { hits, late, future, no_value, evicted_keys, evicted_hits, opens, finals, .. } =
            self.counters;
        for number in [hits, late, future, no_value, evicted_keys, evicted_hits, opens, finals] {
            to.put(&number);
        }
        if let Some(sieve) = &mut self.sieve {
            sieve.begin_capture(&mut to);
        }
        more(&mut to);
        for partition in &mut self.partitions {
            // Most rules never saw a key in most partitions.
            if let Some(partition) = partition.as_mut().filter(|partition| !partition.is_blank()) {
                partition.begin_capture();
            }
        }
        let spec = &self.rule.spec;
        let (definition_digest, id) = (spec.definition_digest, spec.id.as_str().into());
        let shelf = self.sieve.as_ref().map_or_else(Vec::new, |sieve| sieve.shelf_name());
        let rule = RuleCapture { definition_digest, id, head: to.bytes, parts: Vec::new(), shelf };
        self.capture = Some(Box::new(Capturing { rule, next_sieved: 0, next: 0 }));
    }

    /// Goes on with the capture until so many bytes are written; gives it once it is whole.
    pub(crate) fn go_on(&mut self, room: &mut usize) -> Option<RuleCapture<E>> {
        let capturing = self.capture.as_mut()?;
        let parts = &mut capturing.rule.parts;
        if let Some(sieve) = &mut self.sieve {
            while let Some((place, images)) = sieve.go_on(&mut capturing.next_sieved, room) {
                let part = |ImageWriter { bytes, evidence }| PartCapture { place, sieved: true, bytes, evidence };
                parts.extend(images.into_iter().map(part));
            }
            if capturing.next_sieved < PARTITIONS {
                return None;
            }
        }
        while let Some((place, images)) = next_of(&mut self.partitions, &mut capturing.next, room) {
            let part = |ImageWriter { bytes, evidence }| PartCapture { place, sieved: false, bytes, evidence };
            parts.extend(images.into_iter().map(part));
        }
        if capturing.next < PARTITIONS {
            return None;
        }
        self.capture.take().map(|capturing| capturing.rule)
    }

    /// A new state takes up one capture of its definition: the partitions that are `mine`, and the counters where they
    /// `count` here. Of several captures of one moment each is taken up.
    pub(crate) fn restore(
        &mut self,
        capture: &RuleCapture<E>,
        counts: bool,
        mine: impl Fn(u8) -> bool,
        more: impl FnOnce(&mut ImageReader<'_, E>) -> Result<(), Damaged>,
    ) -> Result<(), Damaged> {
        let mut from = ImageReader::<E>::new(&capture.head, &[]);
        (self.rule.judge_from, self.rule.read_from, self.rule.settled) = (from.take()?, from.take()?, from.take()?);
        // Shards may have looked at the clock at different moments: what one has settled the others do next.
        self.watermark = self.watermark.max(from.take()?);
        self.complete_since = from.take()?;
        self.start = self.start.min(from.take()?);
        let mut counted = RuleCounters::default();
        let RuleCounters { hits, late, future, no_value, evicted_keys, evicted_hits, opens, finals, .. } = &mut counted;
        for number in [hits, late, future, no_value, evicted_keys, evicted_hits, opens, finals] {
            *number = from.take()?;
        }
        if counts {
            self.counters.add(&counted);
        }
        if let Some(sieve) = &mut self.sieve {
            sieve.restore(&mut from)?;
            // Whatever shard laid them down: rows of other partitions are asked for by nobody here.
            sieve.take_up(&capture.shelf)?;
        }
        more(&mut from)?;
        from.end()?;
        for part in capture.parts.iter().filter(|part| mine(part.place)) {
            let mut from = ImageReader::new(&part.bytes, &part.evidence);
            if part.sieved {
                let sieve = self.sieve.as_mut().ok_or(Damaged("the rule's kind has no sieve"))?;
                sieve.restore_partition(part.place, &mut from, self.rule.spec.kind)?;
                continue;
            }
            let kind = self.rule.spec.kind;
            let partition = self.partitions[usize::from(part.place)].get_or_insert_with(|| Box::new(Partition::new()));
            for slot in partition.restore(&mut from, |state: &mut KeyState<E>| state.relink(kind))? {
                let Some(entry) = partition.get(slot) else { continue };
                self.timers.push(entry.timer_at, part.place, slot);
                if let KeyState::Many(many) = &entry.state
                    && many.due
                {
                    self.due.push(Reverse((many.emit_from, part.place, slot)));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// The same state under a new rule set: the definition is the same, budgets and place may differ.
    pub(crate) fn adopt(&mut self, spec: &RuleSpec, index: u32) {
        self.rule.spec = Arc::new(spec.clone());
        self.index = index;
    }

    pub(crate) fn count_refused(&mut self, future: bool) {
        match future {
            true => self.counters.future += 1,
            false => self.counters.late += 1,
        }
    }

    /// Where the key's state most likely is.
    pub(crate) fn guess(&self, key: &Key) -> Option<&Option<Entry<KeyState<E>>>> {
        self.partitions[usize::from(key.partition())].as_ref()?.guess(key)
    }

    /// Takes in a hit that is neither late nor future.
    pub(crate) fn observe(&mut self, hit: Hit<E>, now_ns: i64, out: &mut Vec<Finding<E>>) {
        let value = match (self.rule.spec.kind, hit.value) {
            (Kind::Temporal, _) => u128::from(hit.part).to_be_bytes(),
            (Kind::Risk, _) => risk_value(hit.part, None),
            (kind, _) if !kind.needs_value() => [0; 16],
            (_, Some(value)) => value,
            (_, None) => {
                self.counters.no_value += 1;
                return;
            }
        };
        let (key, record) = Record::of(hit, value);
        self.admit(key, record, now_ns, out);
    }

    /// Takes in an episode of another correlation, neither late nor without a value that is needed.
    pub(crate) fn observe_raised(&mut self, raised: &Raised<E>, link: &Link, now_ns: i64, out: &mut Vec<Finding<E>>) {
        let values: Vec<&[u8]> = raised.key.values().collect();
        let of = |at: &u16| values.get(usize::from(*at)).copied();
        let Some(parts) = link.key.iter().map(of).collect::<Option<Vec<_>>>() else { return };
        let named = link.value.as_ref().and_then(of);
        let value = match self.rule.spec.kind {
            Kind::Temporal => Some(u128::from(link.part).to_be_bytes()),
            Kind::Risk => Some(risk_value(link.part, Some(&raised.id))),
            kind if kind.needs_value() => named.and_then(|value| kind.value_of(value)),
            _ => Some([0; 16]),
        };
        match value {
            Some(value) => {
                let record = Record::of_raised(raised, link.part, value);
                self.admit(Key::new(&parts), record, now_ns, out);
            }
            None => self.counters.no_value += 1,
        }
    }

    fn admit(&mut self, key: Key, record: Record<E>, now_ns: i64, out: &mut Vec<Finding<E>>) {
        self.counters.hits += 1;
        let Some(sieve) = &mut self.sieve else {
            self.take(key, record, now_ns, out);
            return;
        };
        let mut lost = Vec::new();
        sieve.insert(key, record, &self.rule.spec, &mut lost);
        lost.into_iter().for_each(|lost| self.lose(lost));
    }

    /// Hits that the budget took before they were decided: findings of their partition may lack them.
    fn lose(&mut self, lost: Lost) {
        self.counters.evicted_keys += 1;
        self.counters.evicted_hits += lost.hits;
        let partition = self.partitions[usize::from(lost.place)].get_or_insert_with(|| Box::new(Partition::new()));
        partition.hits += lost.hits;
        partition.evicted_hits += lost.hits;
        partition.evicted_to = partition.evicted_to.max(lost.last);
    }

    /// Up to where hits that count are known.
    pub(crate) fn decided(&self) -> i64 {
        if self.watermark == i64::MIN { i64::MIN } else { self.watermark.saturating_sub(self.rule.spec.lag()) }
    }

    /// Takes in a hit that counts.
    fn take(&mut self, key: Key, record: Record<E>, now_ns: i64, out: &mut Vec<Finding<E>>) {
        let decided = self.decided();
        let rule = &self.rule;
        let place = key.partition();
        let partition = self.partitions[usize::from(place)].get_or_insert_with(|| Box::new(Partition::new()));
        partition.hits += 1;
        let slot = match partition.find(&key) {
            Some(slot) => slot,
            None if rule.need > 1 || !rule.monotone => {
                let state = KeyState::One(record);
                let timer_at = state.deadline(rule);
                let slot = partition.add(Entry { key, state, timer_at });
                self.timers.push(timer_at, place, slot);
                self.keep_budget(place, out);
                return;
            }
            None => {
                let state = KeyState::empty();
                partition.add(Entry { key, state, timer_at: i64::MAX })
            }
        };
        let Some(entry) = partition.get_mut(slot) else { return };
        let bytes = entry.bytes();
        let Some(record) = entry.state.hold(record, rule, decided) else {
            // Its timer stands, or is too early and put right when it comes.
            let grown = entry.bytes();
            partition.bytes = partition.bytes + grown - bytes;
            self.keep_budget(place, out);
            return;
        };
        let many = entry.state.grow(rule);
        let news = many.insert(record, rule, decided);
        if news && self.emit_open && !many.due {
            many.due = true;
            self.due.push(Reverse((many.emit_from.max(now_ns), place, slot)));
        }
        let deadline = entry.state.deadline(rule);
        if deadline < entry.timer_at {
            entry.timer_at = deadline;
            self.timers.push(deadline, place, slot);
        }
        let grown = entry.bytes();
        partition.bytes = partition.bytes + grown - bytes;
        self.keep_budget(place, out);
    }

    /// Gives up keys until the partition is within its budget.
    fn keep_budget(&mut self, place: u8, out: &mut Vec<Finding<E>>) {
        let Some(partition) = &mut self.partitions[usize::from(place)] else { return };
        while partition.bytes > self.rule.spec.state_bytes_max {
            let Some(mut entry) = partition.evict() else { break };
            self.counters.evicted_keys += 1;
            self.counters.evicted_hits += entry.state.hits() as u64;
            if let KeyState::Many(many) = &mut entry.state {
                let frame = Frame {
                    rule_index: self.index,
                    rule: &self.rule,
                    key: &entry.key,
                    complete_since: self.complete_since,
                    evicted: evicted(partition),
                };
                let told = out.len();
                many.end(Ended::Evicted, &frame, out, &mut self.raised);
                self.counters.finals += (out.len() - told) as u64;
            }
        }
    }

    /// Gives what is remembered for long a place outside memory.
    pub(crate) fn open(&mut self, depot: &dyn Depot, shard: usize, shards: usize) {
        if let Some(sieve) = &mut self.sieve {
            sieve.open(depot, &self.rule.spec, shard, shards);
        }
    }

    /// Goes on with what keeps remembered values out of memory, by a step.
    pub(crate) fn tend(&mut self) {
        if let Some(sieve) = &mut self.sieve {
            sieve.tend(self.watermark, &self.rule.spec);
        }
    }

    /// Notes the earliest event time of the rule's sources.
    pub(crate) fn begin(&mut self, start: i64) {
        self.start = self.start.min(start);
        if let Some(sieve) = &mut self.sieve {
            sieve.start = sieve.start.min(start);
        }
    }

    /// Moves the rule's watermark on and tells the finals it settles, in canonical order.
    pub(crate) fn advance(&mut self, watermark: i64, now_ns: i64, out: &mut Vec<Finding<E>>) {
        if watermark <= self.watermark {
            return;
        }
        let told = out.len();
        if let Some(sieve) = &mut self.sieve {
            let mut passed: Vec<Passed<E>> = Vec::new();
            sieve.strain(watermark, self.rule.judge_from, &self.rule.spec, &mut passed);
            passed.into_iter().for_each(|(key, record)| self.take(key, record, now_ns, out));
        }
        self.watermark = watermark;
        // What is settled is due again later than now at the earliest, so several can be read ahead.
        let mut due = Vec::with_capacity(AHEAD);
        loop {
            due.extend(
                std::iter::from_fn(|| self.timers.pop(watermark.saturating_sub(self.rule.spec.lag()))).take(AHEAD),
            );
            if due.is_empty() {
                break;
            }
            let mut slots = [None; AHEAD];
            for (&(_, place, slot), known) in due.iter().zip(&mut slots) {
                *known = self.partitions[usize::from(place)].as_ref().and_then(|partition| partition.slot(slot));
            }
            warm(&slots);
            for (deadline, place, slot) in due.drain(..) {
                self.settle(deadline, place, slot, now_ns, out);
            }
        }
        out[told..].sort_by(Finding::canonical_order);
        self.counters.finals += (out.len() - told) as u64;
    }

    fn settle(&mut self, deadline: i64, place: u8, slot: u32, now_ns: i64, out: &mut Vec<Finding<E>>) {
        let decided = self.decided();
        let Some(partition) = &mut self.partitions[usize::from(place)] else { return };
        let evicted = evicted(partition);
        let Some(entry) = partition.get_mut(slot) else { return };
        if entry.timer_at != deadline {
            return;
        }
        let rule = &self.rule;
        if !matches!(&entry.state, KeyState::Many(_)) && rule.monotone {
            let again = entry.state.deadline(rule);
            if again <= decided {
                partition.remove(slot);
            } else {
                entry.timer_at = again;
                self.timers.push(again, place, slot);
            }
            return;
        }
        let bytes = entry.bytes();
        let many = entry.state.grow(rule);
        let frame =
            Frame { rule_index: self.index, rule, key: &entry.key, complete_since: self.complete_since, evicted };
        let news = many.settle(decided, &frame, out, &mut self.raised);
        let spent = many.is_spent();
        if news && self.emit_open && !many.due && !spent {
            many.due = true;
            self.due.push(Reverse((many.emit_from.max(now_ns), place, slot)));
        }
        entry.timer_at = entry.state.deadline(rule).max(decided.saturating_add(1));
        let again = entry.timer_at;
        let left = entry.bytes();
        partition.bytes = partition.bytes + left - bytes;
        if spent {
            partition.remove(slot);
        } else if again > decided {
            self.timers.push(again, place, slot);
        }
    }

    /// Tells the open findings that are due.
    pub(crate) fn tell_open(&mut self, now_ns: i64, out: &mut Vec<Finding<E>>) {
        let told = out.len();
        while let Some(&Reverse((due, place, slot))) = self.due.peek()
            && due <= now_ns
        {
            self.due.pop();
            let Some(partition) = &mut self.partitions[usize::from(place)] else { continue };
            let evicted = evicted(partition);
            let Some(entry) = partition.get_mut(slot) else { continue };
            let bytes = entry.bytes();
            let KeyState::Many(many) = &mut entry.state else { continue };
            if !many.due || many.emit_from > now_ns {
                continue;
            }
            many.due = false;
            many.emit_from = now_ns.saturating_add(UPDATE_INTERVAL_NS);
            let frame = Frame {
                rule_index: self.index,
                rule: &self.rule,
                key: &entry.key,
                complete_since: self.complete_since,
                evicted,
            };
            many.tell_open(&frame, out);
            let grown = entry.bytes();
            partition.bytes = partition.bytes + grown - bytes;
        }
        out[told..].sort_by(Finding::canonical_order);
        self.counters.opens += (out.len() - told) as u64;
    }

    /// Ends every running episode and forgets the keys.
    pub(crate) fn end(&mut self, ended: Ended, out: &mut Vec<Finding<E>>) {
        let told = out.len();
        if let Some(mut sieve) = self.sieve.take() {
            let mut passed: Vec<Passed<E>> = Vec::new();
            if ended == Ended::Input {
                sieve.finish(self.watermark, self.rule.judge_from, &self.rule.spec, &mut passed);
            }
            passed.into_iter().for_each(|(key, record)| self.take(key, record, i64::MIN, out));
        }
        for partition in self.partitions.iter_mut().flatten() {
            let evicted = evicted(partition);
            for mut entry in partition.drain() {
                let frame = Frame {
                    rule_index: self.index,
                    rule: &self.rule,
                    key: &entry.key,
                    complete_since: self.complete_since,
                    evicted,
                };
                entry.state.grow(&self.rule).end(ended, &frame, out, &mut self.raised);
            }
        }
        self.timers.clear();
        self.due.clear();
        out[told..].sort_by(Finding::canonical_order);
        self.counters.finals += (out.len() - told) as u64;
    }

    pub(crate) fn counters(&self) -> RuleCounters {
        let partitions = || self.partitions.iter().flatten();
        let (sieved_keys, sieved_bytes) = self.sieve.as_ref().map_or((0, 0), |sieve| sieve.size());
        let (traffic, shelved) = self.sieve.as_ref().map_or_else(Default::default, |sieve| sieve.traffic());
        RuleCounters {
            keys_live: sieved_keys + partitions().map(|partition| partition.len() as u64).sum::<u64>(),
            state_bytes: sieved_bytes + partitions().map(|partition| partition.bytes as u64).sum::<u64>(),
            shelved,
            laid: traffic.laid,
            recalled: traffic.recalled,
            unread: traffic.unread,
            lay_refused: traffic.refused,
            watermark_ns: self.watermark,
            complete_since_ns: self.complete_since,
            ..self.counters
        }
    }

    /// How far back the input must be read to start again.
    pub(crate) fn checkpoint(&self) -> RuleCheckpoint {
        let entries = self.partitions.iter().flatten().flat_map(|partition| partition.entries());
        let chains = entries.filter_map(|entry| match &entry.state {
            KeyState::One(_) | KeyState::Few(_) => None,
            KeyState::Many(many) => many.episodes().first().map(|episode| episode.chain),
        });
        let earliest = chains.min().unwrap_or(i64::MAX).min(self.decided());
        RuleCheckpoint {
            definition_digest: self.rule.spec.definition_digest,
            // Until the input read again is caught up with, the earlier checkpoint knows more.
            settled_ns: self.decided().max(self.rule.settled),
            // Windows are judged from the first trigger on, and reach back W.
            complete_after_ns: match self.watermark {
                i64::MIN => self.rule.read_from,
                _ => self.rule.reread_from(earliest),
            },
            start_ns: self.sieve.as_ref().map_or(i64::MAX, |sieve| sieve.start),
        }
    }
}

fn evicted<E: Evidence>(partition: &Partition<KeyState<E>, E>) -> Option<(i64, u8)> {
    let lost = partition.evicted_hits > 0;
    lost.then(|| (partition.evicted_to, completeness(partition.hits, partition.evicted_hits)))
}
