//! Kinds whose result is a set of hits: no answer in time, a value not seen before or seldom seen, a bucket of too much.
//!
//! A sieve stands before the windows of its rule. It holds hits back until the watermark has decided
//! them, and lets through those that the definition names; these then make episodes as if counted by an
//! `event_count` of one. What is decided already is not held: a hit that was answered, or whose value is
//! known, leaves nothing behind but a time, and of the times only those that bear witness.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::buckets::{Buckets, Likenesses};
use crate::image::{Damaged, ImageReader, ImageWriter, Saved};
use crate::partition::{Entry, Held, Partition, Partitions, next_of};
use crate::rare::Rare;
use crate::timers::Timers;
use crate::window::Record;
use crate::{Evidence, Key, Kind, PARTITIONS, RuleSpec};

/// The sieve of one rule.
#[derive(Debug)]
pub(crate) struct Sieve<E> {
    partitions: Partitions<Kept<E>, E>,
    timers: Timers,
    /// Earliest event time of the rule's sources: nothing is new before it has been covered for long enough.
    pub(crate) start: i64,
    likenesses: Likenesses,
}

/// What is held of one key.
#[derive(Debug)]
enum Kept<E> {
    Awaiting(Awaiting<E>),
    Seen(Box<Seen<E>>),
    Buckets(Box<Buckets<E>>),
    Rare(Box<Rare<E>>),
}

/// A hit that was let through, with its key.
pub(crate) type Passed<E> = (Key, Record<E>);

/// What the budget took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    pub(crate) place: u8,
    pub(crate) hits: u64,
    pub(crate) last: i64,
}

impl<E: Evidence> Held for Kept<E> {
    fn bytes(&self) -> usize {
        match self {
            Kept::Awaiting(awaiting) => awaiting.bytes(),
            Kept::Seen(seen) => seen.bytes(),
            Kept::Buckets(buckets) => buckets.bytes(),
            Kept::Rare(rare) => rare.bytes(),
        }
    }

    fn hits(&self) -> usize {
        match self {
            Kept::Awaiting(awaiting) => awaiting.waiting.len().max(1),
            Kept::Seen(seen) => seen.values.len(),
            Kept::Buckets(buckets) => buckets.hits(),
            Kept::Rare(rare) => rare.hits(),
        }
    }

    fn last_time(&self) -> i64 {
        match self {
            Kept::Awaiting(awaiting) => awaiting.last,
            Kept::Seen(seen) => seen.last,
            Kept::Buckets(buckets) => buckets.last,
            Kept::Rare(rare) => rare.last,
        }
    }
}

impl<E: Evidence> Saved<E> for Kept<E> {
    fn save(&self, to: &mut ImageWriter<E>) {
        match self {
            Kept::Awaiting(awaiting) => {
                to.bytes.push(0);
                to.put(awaiting);
            }
            Kept::Seen(seen) => {
                to.bytes.push(1);
                to.put(seen);
            }
            Kept::Buckets(buckets) => {
                to.bytes.push(2);
                to.put(buckets);
            }
            Kept::Rare(rare) => {
                to.bytes.push(3);
                to.put(rare);
            }
        }
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        Ok(match from.take::<u8>()? {
            0 => Kept::Awaiting(from.take()?),
            1 => Kept::Seen(from.take()?),
            2 => Kept::Buckets(from.take()?),
            3 => Kept::Rare(from.take()?),
            _ => return Err(Damaged("a key's state is of another kind")),
        })
    }
}

impl<E: Evidence> Kept<E> {
    fn fits(&self, kind: Kind) -> bool {
        match self {
            Kept::Awaiting(_) => matches!(kind, Kind::Absence | Kind::Silence),
            Kept::Seen(_) => matches!(kind, Kind::NewValue { .. }),
            Kept::Buckets(_) => kind.bucket().is_some(),
            Kept::Rare(_) => matches!(kind, Kind::Rare { .. }),
        }
    }

    fn deadline(&self, spec: &RuleSpec) -> i64 {
        match self {
            Kept::Awaiting(awaiting) => awaiting.deadline(spec.window()),
            Kept::Seen(seen) => seen.deadline(),
            Kept::Buckets(buckets) => buckets.deadline(spec),
            Kept::Rare(rare) => rare.deadline(spec.kind),
        }
    }
}

impl<E: Evidence> Sieve<E> {
    /// The sieve of a rule of a kind that needs one.
    pub(crate) fn of(spec: &RuleSpec) -> Option<Box<Sieve<E>>> {
        spec.kind.is_sieved().then(|| {
            let partitions = (0..PARTITIONS).map(|_| None).collect();
            let (timers, likenesses) = (Timers::new(spec.window()), Likenesses::default());
            Box::new(Sieve { partitions, timers, start: i64::MAX, likenesses })
        })
    }

    /// Takes in a hit that is neither late nor future, and tells what the budget took for it.
    pub(crate) fn insert(&mut self, key: Key, record: Record<E>, spec: &RuleSpec, lost: &mut Vec<Lost>) {
        let place = key.partition();
        let partition = self.partitions[usize::from(place)].get_or_insert_with(|| Box::new(Partition::new()));
        let slot = partition.find(&key).unwrap_or_else(|| {
            let state = match spec.kind {
                Kind::NewValue { horizon_ns, .. } => Kept::Seen(Box::new(Seen::new(record.time, horizon_ns))),
                Kind::Volume { .. } | Kind::Baseline { .. } => Kept::Buckets(Box::new(Buckets::new())),
                Kind::Rare { .. } => Kept::Rare(Box::new(Rare::new())),
                _ => Kept::Awaiting(Awaiting::new()),
            };
            partition.add(Entry { key, state, timer_at: i64::MAX })
        });
        let Some(entry) = partition.get_mut(slot) else { return };
        let bytes = entry.bytes();
        match &mut entry.state {
            Kept::Seen(seen) => seen.insert(record),
            Kept::Rare(rare) => rare.insert(record),
            Kept::Buckets(buckets) => {
                if let Kind::Volume { bucket_ns, metric } | Kind::Baseline { bucket_ns, metric, .. } = spec.kind {
                    buckets.insert(record, bucket_ns, metric);
                }
            }
            Kept::Awaiting(awaiting) => {
                let (asks, answers) = (spec.kind == Kind::Silence || record.part == 0, record.part > 0);
                awaiting.insert(record, asks, answers || spec.kind == Kind::Silence, spec.window());
            }
        }
        let deadline = entry.state.deadline(spec);
        if deadline < entry.timer_at {
            entry.timer_at = deadline;
            self.timers.push(deadline, place, slot);
        }
        let grown = entry.bytes();
        partition.bytes = partition.bytes + grown - bytes;
        while partition.bytes > spec.state_bytes_max {
            let Some(entry) = partition.evict() else { break };
            lost.push(Lost { place, hits: entry.state.hits() as u64, last: entry.state.last_time() });
        }
    }

    /// Lets through what the watermark has decided.
    pub(crate) fn strain(&mut self, watermark: i64, judge_from: i64, spec: &RuleSpec, out: &mut Vec<Passed<E>>) {
        let from = self.pass_from(judge_from, spec);
        while let Some((deadline, place, slot)) = self.timers.pop(watermark) {
            let Some(partition) = &mut self.partitions[usize::from(place)] else { continue };
            let Some(entry) = partition.get_mut(slot).filter(|entry| entry.timer_at == deadline) else { continue };
            let bytes = entry.bytes();
            let key = &entry.key;
            let pass = |record: Record<E>| {
                if record.time >= from {
                    out.push((key.clone(), record));
                }
            };
            match &mut entry.state {
                Kept::Awaiting(awaiting) => awaiting.strain(watermark, spec.window(), pass),
                Kept::Seen(seen) => seen.strain(watermark, false, pass),
                Kept::Rare(rare) => rare.strain(watermark, false, spec.kind, pass),
                Kept::Buckets(buckets) => {
                    buckets.strain(watermark, false, spec, (self.start, &mut self.likenesses), pass);
                }
            }
            // What is left is looked at again, later than now.
            entry.timer_at = entry.state.deadline(spec).max(watermark.saturating_add(1));
            let (again, grown) = (entry.timer_at, entry.bytes());
            let spent = entry.state.deadline(spec) == i64::MAX;
            partition.bytes = partition.bytes + grown - bytes;
            if spent {
                partition.remove(slot);
            } else {
                self.timers.push(again, place, slot);
            }
        }
        out.sort_by(|(_, a), (_, b)| a.order().cmp(&b.order()));
    }

    /// The input ended: hits at the watermark itself are decided where nothing after them matters. The state is given up.
    pub(crate) fn finish(&mut self, watermark: i64, judge_from: i64, spec: &RuleSpec, out: &mut Vec<Passed<E>>) {
        let from = self.pass_from(judge_from, spec);
        let (start, mut likenesses) = (self.start, Likenesses::default());
        for entry in self.drain() {
            let pass = |record: Record<E>| {
                if record.time >= from {
                    out.push((entry.key.clone(), record));
                }
            };
            match entry.state {
                Kept::Seen(mut seen) => seen.strain(watermark, true, pass),
                Kept::Rare(mut rare) => rare.strain(watermark, true, spec.kind, pass),
                // What there is of them is all there will be.
                Kept::Buckets(mut buckets) => buckets.strain(watermark, true, spec, (start, &mut likenesses), pass),
                // What lies beyond the end is not known.
                Kept::Awaiting(_) => {}
            }
        }
        out.sort_by(|(_, a), (_, b)| a.order().cmp(&b.order()));
    }

    /// Hits before this are not let through: what was known before them is not known here.
    fn pass_from(&self, judge_from: i64, spec: &RuleSpec) -> i64 {
        match spec.kind {
            Kind::NewValue { warmup_ns, .. } | Kind::Rare { warmup_ns, .. } => {
                judge_from.max(self.start.saturating_add(warmup_ns))
            }
            _ => judge_from,
        }
    }

    /// Begins to capture the keys, and writes out what is of all of them.
    pub(crate) fn begin_capture(&mut self, to: &mut ImageWriter<E>) {
        to.put(&self.start);
        to.put(&self.likenesses);
        self.partitions.iter_mut().flatten().for_each(|partition| partition.begin_capture());
    }

    /// The next capture of a partition, as [`Partition::go_on`]; `next` is the first that may not be done.
    pub(crate) fn go_on(&mut self, next: &mut usize, room: &mut usize) -> Option<(u8, ImageWriter<E>)> {
        next_of(&mut self.partitions, next, room)
    }

    /// Takes up what is of all keys.
    pub(crate) fn restore(&mut self, from: &mut ImageReader<'_, E>) -> Result<(), Damaged> {
        self.start = self.start.min(from.take()?);
        self.likenesses = from.take()?;
        Ok(())
    }

    /// Takes up the keys of a partition.
    pub(crate) fn restore_partition(
        &mut self,
        place: u8,
        from: &mut ImageReader<'_, E>,
        kind: Kind,
    ) -> Result<(), Damaged> {
        let fits = |kept: &mut Kept<E>| match kept.fits(kind) {
            true => Ok(()),
            false => Err(Damaged("a key's state is not of the rule's kind")),
        };
        let partition = Partition::restore(from, fits)?;
        for (slot, entry) in partition.slots() {
            self.timers.push(entry.timer_at, place, slot);
        }
        self.partitions[usize::from(place)] = Some(Box::new(partition));
        Ok(())
    }

    fn drain(&mut self) -> impl Iterator<Item = Entry<Kept<E>>> {
        self.timers.clear();
        self.partitions.iter_mut().flatten().flat_map(|partition| partition.drain())
    }

    /// Keys, and the bytes they take.
    pub(crate) fn size(&self) -> (u64, u64) {
        let partitions = self.partitions.iter().flatten();
        partitions.fold((0, 0), |(keys, bytes), one| (keys + one.len() as u64, bytes + one.bytes as u64))
    }
}

/// Hits that nothing has answered yet, and the times of answers that hits still to come may have.
#[derive(Debug)]
struct Awaiting<E> {
    /// In order.
    waiting: Vec<Record<E>>,
    /// Ascending, each once.
    answers: Vec<i64>,
    evidence_bytes: usize,
    last: i64,
}

impl<E: Evidence> Saved<E> for Awaiting<E> {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.put(&self.waiting);
        to.put(&self.answers);
        to.put(&self.last);
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let waiting: Vec<Record<E>> = from.take()?;
        let evidence_bytes = waiting.iter().filter_map(|record| record.evidence.as_ref()).map(Evidence::bytes).sum();
        Ok(Awaiting { waiting, answers: from.take()?, evidence_bytes, last: from.take()? })
    }
}

impl<E: Evidence> Awaiting<E> {
    fn new() -> Awaiting<E> {
        Awaiting { waiting: Vec::new(), answers: Vec::new(), evidence_bytes: 0, last: i64::MIN }
    }

    fn insert(&mut self, record: Record<E>, asks: bool, answers: bool, window: i64) {
        let time = record.time;
        self.last = self.last.max(time);
        if answers {
            self.answer(time, window);
        }
        let next = self.answers.partition_point(|&answer| answer <= time);
        let answered = self.answers.get(next).is_some_and(|answer| answer - time <= window);
        if asks && !answered {
            let at = self.waiting.partition_point(|known| known.order() <= record.order());
            self.evidence_bytes += record.evidence.as_ref().map_or(0, Evidence::bytes);
            self.waiting.insert(at, record);
        }
    }

    /// Hits in [time − W, time) are answered.
    fn answer(&mut self, time: i64, window: i64) {
        let from = self.waiting.partition_point(|known| known.time < time.saturating_sub(window));
        let to = self.waiting.partition_point(|known| known.time < time);
        for record in self.waiting.drain(from..to.max(from)) {
            self.evidence_bytes -= record.evidence.as_ref().map_or(0, Evidence::bytes);
        }
        if let Err(at) = self.answers.binary_search(&time) {
            self.answers.insert(at, time);
            thin(&mut self.answers, at, window);
        }
    }

    fn strain(&mut self, watermark: i64, window: i64, mut pass: impl FnMut(Record<E>)) {
        let decided = self.waiting.partition_point(|known| known.time.saturating_add(window) < watermark);
        for record in self.waiting.drain(..decided) {
            self.evidence_bytes -= record.evidence.as_ref().map_or(0, Evidence::bytes);
            pass(record);
        }
        // Hits still to come are not before the watermark, and are answered after it.
        let past = self.answers.partition_point(|&answer| answer <= watermark);
        self.answers.drain(..past);
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
    }

    fn deadline(&self, window: i64) -> i64 {
        let waiting =
            self.waiting.first().map_or(i64::MAX, |first| first.time.saturating_add(window).saturating_add(1));
        let answers = self.answers.last().copied().unwrap_or(i64::MAX);
        waiting.min(answers)
    }

    fn bytes(&self) -> usize {
        self.waiting.capacity() * size_of::<Record<E>>()
            + self.answers.capacity() * size_of::<i64>()
            + self.evidence_bytes
    }
}

/// Of three times that lie within `span`, the middle one says nothing that its neighbours don't: leaves it out.
fn thin(times: &mut Vec<i64>, at: usize, span: i64) {
    let mut middle = at + 1;
    for _ in 0..3 {
        if middle > 0 && middle + 1 < times.len() && times[middle + 1] - times[middle - 1] <= span {
            times.remove(middle);
        }
        let Some(before) = middle.checked_sub(1) else { break };
        middle = before;
    }
}

/// When each value of a key was seen.
#[derive(Debug)]
struct Seen<E> {
    horizon: i64,
    values: HashMap<[u8; 16], Times, FixedState>,
    /// Hits whose value was not seen in the horizon before, as far as is known.
    new: BTreeMap<(i64, [u8; 16]), Vec<Record<E>>>,
    /// Times beyond one a value, and hits held, for the budget.
    times: usize,
    held: usize,
    last: i64,
    /// Values not seen for the horizon are forgotten at this watermark.
    sweep_at: i64,
}

/// Times at which a value was seen, ascending. Most values are seen once, or again and again within the horizon.
#[derive(Debug)]
enum Times {
    One(i64),
    Many(Vec<i64>),
}

impl Times {
    fn as_slice(&self) -> &[i64] {
        match self {
            Times::One(time) => std::slice::from_ref(time),
            Times::Many(times) => times,
        }
    }
}

impl<E: Clone> Saved<E> for Times {
    fn save(&self, to: &mut ImageWriter<E>) {
        let times = self.as_slice();
        to.length(times.len());
        times.iter().for_each(|time| to.put(time));
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let times: Vec<i64> = from.take()?;
        match times[..] {
            [] => Err(Damaged("a value was never seen")),
            [time] => Ok(Times::One(time)),
            _ => Ok(Times::Many(times)),
        }
    }
}

impl<E: Evidence> Saved<E> for Seen<E> {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.put(&self.horizon);
        to.put(&self.values);
        to.put(&self.new);
        to.put(&self.last);
        to.put(&self.sweep_at);
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let mut seen = Seen {
            horizon: from.take()?,
            values: from.take()?,
            new: from.take()?,
            times: 0,
            held: 0,
            last: from.take()?,
            sweep_at: from.take()?,
        };
        seen.times = seen.values.values().map(|times| times.as_slice().len() - 1).sum();
        seen.held = seen.new.values().flatten().map(held_bytes).sum();
        Ok(seen)
    }
}

impl<E: Evidence> Seen<E> {
    fn new(time: i64, horizon: i64) -> Seen<E> {
        Seen {
            horizon,
            values: HashMap::with_hasher(FixedState::with_seed(0)),
            new: BTreeMap::new(),
            times: 0,
            held: 0,
            last: time,
            sweep_at: time.saturating_add(horizon).saturating_add(1),
        }
    }

    fn insert(&mut self, record: Record<E>) {
        let (time, value, horizon) = (record.time, record.value, self.horizon);
        self.last = self.last.max(time);
        let times = match self.values.entry(value) {
            hashbrown::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(Times::One(time));
                self.hold(record);
                return;
            }
            hashbrown::hash_map::Entry::Occupied(occupied) => occupied.into_mut(),
        };
        let known = times.as_slice();
        let at = known.partition_point(|&known| known < time);
        let seen_before = at.checked_sub(1).is_some_and(|before| time - known[before] <= horizon);
        // Hits that were taken for new have seen their value by this one.
        let later = known[at..].iter().copied().filter(|&later| later > time && later - time <= horizon);
        let no_longer: Vec<i64> = later.collect();
        if known.get(at) != Some(&time) {
            let before = known.len();
            let mut list = match std::mem::replace(times, Times::One(time)) {
                Times::One(known) => vec![known],
                Times::Many(list) => list,
            };
            list.insert(at, time);
            thin(&mut list, at, horizon);
            self.times = self.times + list.len() - before;
            *times = Times::Many(list);
        }
        for later in no_longer {
            if let Some(gone) = self.new.remove(&(later, value)) {
                self.held -= gone.iter().map(held_bytes).sum::<usize>();
            }
        }
        if !seen_before {
            self.hold(record);
        }
    }

    fn hold(&mut self, record: Record<E>) {
        self.held += held_bytes(&record);
        let same = self.new.entry((record.time, record.value)).or_default();
        let at = same.partition_point(|known| known.order() <= record.order());
        same.insert(at, record);
    }

    fn strain(&mut self, watermark: i64, inclusive: bool, mut pass: impl FnMut(Record<E>)) {
        while let Some(first) = self.new.first_entry()
            && (first.key().0 < watermark || (inclusive && first.key().0 == watermark))
        {
            for record in first.remove() {
                self.held -= held_bytes(&record);
                pass(record);
            }
        }
        if watermark < self.sweep_at {
            return;
        }
        let forgotten = watermark.saturating_sub(self.horizon);
        self.values.retain(|_, times| times.as_slice().last().is_some_and(|&last| last >= forgotten));
        self.values.shrink_to_fit();
        self.times = self.values.values().map(|times| times.as_slice().len() - 1).sum();
        self.sweep_at = match self.values.values().filter_map(|times| times.as_slice().last()).min() {
            // Not at each value's own time: a key of many values would be swept for every one of them.
            Some(oldest) => {
                (oldest + self.horizon + 1).max(watermark.saturating_add(self.horizon / 8).saturating_add(1))
            }
            None => i64::MAX,
        };
    }

    fn deadline(&self) -> i64 {
        let new = self.new.first_key_value().map_or(i64::MAX, |((time, _), _)| time.saturating_add(1));
        if self.values.is_empty() { i64::MAX } else { new.min(self.sweep_at) }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.values.allocation_size() + 16 * self.times + self.held
    }
}

fn held_bytes<E: Evidence>(record: &Record<E>) -> usize {
    // The record, and its share of the tree.
    size_of::<Record<E>>() + 64 + record.evidence.as_ref().map_or(0, Evidence::bytes)
}
