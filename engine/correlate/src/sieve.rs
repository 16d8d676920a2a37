//! Kinds whose result is a set of hits: no answer in time, a value not seen before or seldom seen, a bucket of too much.
//!
//! A sieve stands before the windows of its rule. It holds hits back until the watermark has decided
//! them, and lets through those that the definition names; these then make episodes as if counted by an
//! `event_count` of one. What is decided already is not held: a hit that was answered, or whose value is
//! known, leaves nothing behind but a time, and of the times only those that bear witness.

use crate::buckets::{Buckets, Likenesses};
use crate::image::{Damaged, ImageReader, ImageWriter, Saved};
use crate::partition::{Entry, Held, Partition, Partitions, Rest, next_of};
use crate::rare::Rare;
use crate::remembered::{AGAIN_NS, Cursor, Laid, Remembered, Round, SAMPLE, STEP_VALUES, Traffic, WORTH_ONE_IN};
use crate::remembered::{middle, value_id};
use crate::seen::Seen;
use crate::timers::Timers;
use crate::window::Record;
use crate::{Depot, Evidence, Key, Kind, PARTITIONS, RuleSpec};

/// The sieve of one rule.
#[derive(Debug)]
pub(crate) struct Sieve<E> {
    partitions: Partitions<Kept<E>, E>,
    timers: Timers,
    /// Earliest event time of the rule's sources: nothing is new before it has been covered for long enough.
    pub(crate) start: i64,
    likenesses: Likenesses,
    remembered: Remembered,
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

impl<E: Evidence> Held<E> for Kept<E> {
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
            Kept::Seen(seen) => seen.len(),
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

    fn hold(&mut self) -> Option<(ImageWriter<E>, Rest<E>)> {
        let Kept::Seen(seen) = self else { return None };
        let values = seen.hold_values()?;
        let mut to = ImageWriter::default();
        to.bytes.push(1);
        seen.begin_save(&mut to);
        values.begin(&mut to);
        Some((to, Rest::Seen(values)))
    }

    fn shed(&mut self) -> Option<(usize, i64)> {
        match self {
            Kept::Rare(rare) => rare.shed(),
            _ => None,
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

impl<E: Evidence> Kept<E> {
    /// Whether there is nothing left to hold the key for.
    fn is_spent(&self, spec: &RuleSpec) -> bool {
        match self {
            Kept::Seen(seen) => seen.is_empty(),
            other => other.deadline(spec) == i64::MAX,
        }
    }
}

impl<E: Evidence> Sieve<E> {
    /// The sieve of a rule of a kind that needs one.
    pub(crate) fn of(spec: &RuleSpec) -> Option<Box<Sieve<E>>> {
        spec.kind.is_sieved().then(|| {
            let partitions = (0..PARTITIONS).map(|_| None).collect();
            let (timers, likenesses) = (Timers::new(spec.window()), Likenesses::default());
            let remembered = Remembered::new();
            Box::new(Sieve { partitions, timers, start: i64::MAX, likenesses, remembered })
        })
    }

    /// Gives the values that are remembered for long a place outside memory.
    pub(crate) fn open(&mut self, depot: &dyn Depot, spec: &RuleSpec, shard: usize, shards: usize) {
        if let Kind::NewValue { .. } = spec.kind {
            self.remembered.shelf = Some(depot.open(spec, shard, shards));
            self.remembered.resident_bytes_max = depot.resident_bytes_max(spec);
        }
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
            Kept::Seen(seen) => {
                let (key, remembered, time) = (&entry.key, &mut self.remembered, record.time);
                if seen.insert(record, |value| remembered.recall(key, value)).is_err() {
                    // What it was compared with is not known: as if memory had given it up.
                    lost.push(Lost { place, hits: 1, last: time });
                }
            }
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
        self.remembered.wanted |= partition.bytes > self.remembered.resident_bytes_max;
        while partition.bytes > spec.state_bytes_max {
            let Some((hits, last)) = partition.give_up() else { break };
            lost.push(Lost { place, hits: hits as u64, last });
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
            let spent = entry.state.is_spent(spec);
            partition.bytes = partition.bytes + grown - bytes;
            if spent {
                partition.remove(slot);
            } else if again < i64::MAX {
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
    pub(crate) fn go_on(&mut self, next: &mut usize, room: &mut usize) -> Option<(u8, Vec<ImageWriter<E>>)> {
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
        let partition = self.partitions[usize::from(place)].get_or_insert_with(|| Box::new(Partition::new()));
        for slot in partition.restore(from, fits)? {
            let timer_at = partition.get(slot).map_or(i64::MAX, |entry| entry.timer_at);
            if timer_at < i64::MAX {
                self.timers.push(timer_at, place, slot);
            }
        }
        Ok(())
    }

    /// Goes on with what keeps remembered values out of memory, by a step, behind a message.
    pub(crate) fn tend(&mut self, watermark: i64, spec: &RuleSpec) {
        let Kind::NewValue { horizon_ns, .. } = spec.kind else { return };
        if watermark == i64::MIN {
            return;
        }
        let forgotten = watermark.saturating_sub(horizon_ns);
        let laid = self.remembered.shelf.as_mut().map_or(Laid::Underway, |shelf| shelf.tend(forgotten));
        let mut room = STEP_VALUES;
        self.remembered.round = match std::mem::replace(&mut self.remembered.round, Round::Resting) {
            Round::Resting => self.begin_round(watermark, horizon_ns),
            Round::Collecting { before, mut at, mut rows } => {
                let done = self.walk(&mut at, &mut room, |entry, room| {
                    let Kept::Seen(seen) = &entry.state else { return };
                    *room = room.saturating_sub(seen.len());
                    let old = seen.latest().filter(|(_, last)| (forgotten..=before).contains(last));
                    rows.extend(old.map(|(value, last)| (value_id(&entry.key, value), last)));
                });
                match (done, &mut self.remembered.shelf) {
                    (false, _) => Round::Collecting { before, at, rows },
                    (true, Some(shelf)) if !rows.is_empty() => {
                        self.remembered.laying = rows.len() as u64;
                        shelf.lay(rows);
                        Round::Laying { before }
                    }
                    (true, _) => Round::Clearing { before, at: Cursor::default() },
                }
            }
            Round::Laying { before } => match laid {
                Laid::Underway => Round::Laying { before },
                Laid::Kept => {
                    self.remembered.traffic.laid += self.remembered.laying;
                    Round::Clearing { before, at: Cursor::default() }
                }
                Laid::Refused => {
                    self.remembered.traffic.refused += 1;
                    self.remembered.rest_to = watermark.saturating_add(AGAIN_NS);
                    Round::Resting
                }
            },
            Round::Clearing { before, mut at } => match self.clear(before, &mut at, &mut room) {
                false => Round::Clearing { before, at },
                true => Round::Resting,
            },
        };
    }

    fn begin_round(&mut self, watermark: i64, horizon: i64) -> Round {
        let Remembered { wanted, rest_to, sweep_at, shelf, .. } = &mut self.remembered;
        let at = Cursor::default();
        if *wanted && shelf.is_some() && watermark >= *rest_to {
            // Few keys of many partitions, or many values of one key: of each some.
            let live = self.partitions.iter().flatten().filter(|partition| partition.len() > 0).count();
            let each = SAMPLE.div_ceil(live.max(1));
            let mut sample = Vec::with_capacity(SAMPLE + live);
            for partition in self.partitions.iter().flatten() {
                let values = partition.entries().filter_map(|entry| match &entry.state {
                    Kept::Seen(seen) => Some(seen.latest().map(|(_, last)| last)),
                    _ => None,
                });
                sample.extend(values.flatten().take(each));
            }
            let before = middle(&mut sample).unwrap_or(i64::MAX).min(watermark.saturating_sub(1));
            let old = sample.iter().filter(|&&last| last <= before).count();
            if old > 0 && old * WORTH_ONE_IN >= sample.len() {
                *wanted = false;
                return Round::Collecting { before, at, rows: Vec::new() };
            }
            *rest_to = watermark.saturating_add(AGAIN_NS);
        }
        if watermark >= *sweep_at {
            let first = *sweep_at == i64::MIN;
            // Not at each value's own time: that would be a walk for every one of them.
            *sweep_at = watermark.saturating_add((horizon / 8).max(1));
            if !first {
                return Round::Clearing { before: watermark.saturating_sub(horizon).saturating_sub(1), at };
            }
        }
        Round::Resting
    }

    /// Shows keys from a place on; true once all were shown.
    fn walk(&self, at: &mut Cursor, room: &mut usize, mut show: impl FnMut(&Entry<Kept<E>>, &mut usize)) -> bool {
        while let Some(partition) = self.partitions.get(at.place) {
            let slots = partition.as_ref().map_or(0, |partition| partition.slot_count());
            while at.slot < slots {
                if *room == 0 {
                    return false;
                }
                *room -= 1;
                let entry = partition.as_ref().and_then(|partition| partition.get(at.slot));
                at.slot += 1;
                entry.into_iter().for_each(|entry| show(entry, room));
            }
            *at = Cursor { place: at.place + 1, slot: 0 };
        }
        true
    }

    /// Takes values out of memory from a place on; true once all were looked at.
    fn clear(&mut self, before: i64, at: &mut Cursor, room: &mut usize) -> bool {
        while let Some(partition) = self.partitions.get_mut(at.place) {
            if let Some(partition) = partition {
                while at.slot < partition.slot_count() {
                    if *room == 0 {
                        return false;
                    }
                    *room -= 1;
                    let slot = at.slot;
                    at.slot += 1;
                    let Some(Entry { state: Kept::Seen(seen), .. }) = partition.get(slot) else { continue };
                    *room = room.saturating_sub(seen.len());
                    if !seen.latest().any(|(_, last)| last <= before) {
                        continue;
                    }
                    let Some(entry) = partition.get_mut(slot) else { continue };
                    let bytes = entry.bytes();
                    let Kept::Seen(seen) = &mut entry.state else { continue };
                    seen.clear(before);
                    let (spent, grown) = (seen.is_empty(), entry.bytes());
                    partition.bytes = partition.bytes + grown - bytes;
                    if spent {
                        partition.remove(slot);
                    }
                }
            }
            *at = Cursor { place: at.place + 1, slot: 0 };
        }
        true
    }

    /// What was laid down and asked for again, and the rows on the shelf.
    pub(crate) fn traffic(&self) -> (Traffic, u64) {
        (self.remembered.traffic, self.remembered.shelf.as_ref().map_or(0, |shelf| shelf.rows()))
    }

    /// What a snapshot must name of what is not in memory.
    pub(crate) fn shelf_name(&self) -> Vec<u8> {
        self.remembered.shelf.as_ref().map_or_else(Vec::new, |shelf| shelf.name())
    }

    /// Takes up what a snapshot named.
    pub(crate) fn take_up(&mut self, named: &[u8]) -> Result<(), Damaged> {
        match &mut self.remembered.shelf {
            _ if named.is_empty() => Ok(()),
            Some(shelf) => shelf.take_up(named),
            None => Err(Damaged("there is no place for values that were laid down")),
        }
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
pub(crate) fn thin(times: &mut Vec<i64>, at: usize, span: i64) {
    let mut middle = at + 1;
    for _ in 0..3 {
        if middle > 0 && middle + 1 < times.len() && times[middle + 1] - times[middle - 1] <= span {
            times.remove(middle);
        }
        let Some(before) = middle.checked_sub(1) else { break };
        middle = before;
    }
}
