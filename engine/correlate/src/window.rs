//! The hits of one key in time order, and how many distinct values each window holds.
//!
//! All hits of one time have the same window (its end is included), so what is
//! known about a window is kept at the last hit of its time only.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::chains::Chains;
use crate::hits::{HeldHits, Hits};
use crate::image::{Damaged, ImageReader, ImageWriter, Saved};
use crate::risks::Risks;
use crate::{Evidence, Hit, Key, Kind, Raised, SourceId};

/// From this many hits on, the times of each value are indexed; below, a scan is cheaper than a table.
const INDEX_FROM: usize = 32;

/// One hit as state keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Record<E> {
    pub(crate) time: i64,
    pub(crate) digest: [u8; 16],
    pub(crate) value: [u8; 16],
    pub(crate) source: SourceId,
    /// Distinct values in the window that ends here; kept at the last hit of a time.
    pub(crate) distinct: u32,
    /// The condition holds for the window that ends here; kept at the last hit of a time.
    pub(crate) matched: bool,
    /// Another hit of the same time has the same value.
    repeat: bool,
    /// Which of the correlation's rules was hit.
    pub(crate) part: u16,
    /// Given up once the hit can be neither a first nor a last member.
    pub(crate) evidence: Option<E>,
}

impl<E> Record<E> {
    /// The key of a hit, and what state keeps of it.
    pub(crate) fn of(hit: Hit<E>, value: [u8; 16]) -> (Key, Record<E>) {
        let record = Record {
            time: hit.time_ns,
            digest: hit.digest,
            value,
            source: hit.source,
            distinct: 0,
            matched: false,
            repeat: false,
            part: hit.part,
            evidence: Some(hit.evidence),
        };
        (hit.key, record)
    }

    /// An episode of another correlation as a hit.
    pub(crate) fn of_raised(raised: &Raised<E>, part: u16, value: [u8; 16]) -> Record<E>
    where
        E: Clone,
    {
        Record {
            time: raised.time_ns,
            digest: raised.id,
            value,
            source: raised.source,
            distinct: 0,
            matched: false,
            repeat: false,
            part,
            evidence: raised.evidence.clone(),
        }
    }

    /// Time, then content: arrival has no say.
    pub(crate) fn order(&self) -> (i64, &[u8; 16], SourceId, &[u8; 16], u16) {
        (self.time, &self.digest, self.source, &self.value, self.part)
    }
}

/// What a saved record has beside its time, content and source.
mod has {
    pub(super) const MATCHED: u8 = 1;
    pub(super) const REPEAT: u8 = 1 << 1;
    pub(super) const VALUE: u8 = 1 << 2;
    pub(super) const DISTINCT: u8 = 1 << 3;
    pub(super) const PART: u8 = 1 << 4;
    pub(super) const EVIDENCE: u8 = 1 << 5;
    pub(super) const ALL: u8 = (1 << 6) - 1;
}

/// Most records have neither a value nor a part: a million lone hits are a third smaller for leaving them out.
impl<E: Evidence> Saved<E> for Record<E> {
    fn save(&self, to: &mut ImageWriter<E>) {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = bit(self.matched, has::MATCHED)
            | bit(self.repeat, has::REPEAT)
            | bit(self.value != [0; 16], has::VALUE)
            | bit(self.distinct != 0, has::DISTINCT)
            | bit(self.part != 0, has::PART)
            | bit(self.evidence.is_some(), has::EVIDENCE);
        to.bytes.push(flags);
        to.put(&self.time);
        to.put(&self.digest);
        to.put(&self.source);
        if flags & has::VALUE != 0 {
            to.put(&self.value);
        }
        if flags & has::DISTINCT != 0 {
            to.put(&self.distinct);
        }
        if flags & has::PART != 0 {
            to.put(&self.part);
        }
        if let Some(evidence) = &self.evidence {
            to.evidence(evidence);
        }
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let flags: u8 = from.take()?;
        if flags & !has::ALL != 0 {
            return Err(Damaged("a record is of another layout"));
        }
        let has = |bit: u8| flags & bit != 0;
        Ok(Record {
            time: from.take()?,
            digest: from.take()?,
            source: from.take()?,
            value: if has(has::VALUE) { from.take()? } else { [0; 16] },
            distinct: if has(has::DISTINCT) { from.take()? } else { 0 },
            matched: has(has::MATCHED),
            repeat: has(has::REPEAT),
            part: if has(has::PART) { from.take()? } else { 0 },
            evidence: if has(has::EVIDENCE) { Some(from.evidence()?) } else { None },
        })
    }
}

/// Times at which a value occurs, ascending, each once. Most values occur once or twice in a window.
#[derive(Debug)]
#[allow(clippy::box_collection)] // unboxed, each value would take a third more: few have a list
enum Times {
    Few { count: u8, times: [i64; FEW_TIMES] },
    Many(Box<VecDeque<i64>>),
}

/// Times of a value that need no list.
const FEW_TIMES: usize = 3;

/// The nearest times before and after a time, and whether the time itself is there.
type Near = (Option<i64>, bool, Option<i64>);

impl Times {
    fn one(time: i64) -> Times {
        Times::Few { count: 1, times: [time; FEW_TIMES] }
    }

    fn near(&self, time: i64) -> Near {
        let mut found = (None, false, None);
        match self {
            Times::Few { count, times } => {
                times[..usize::from(*count)].iter().for_each(|&known| near(known, time, &mut found));
            }
            Times::Many(times) => {
                let at = times.partition_point(|&known| known < time);
                let nearest = at.saturating_sub(1)..(at + 2).min(times.len());
                times.range(nearest).for_each(|&known| near(known, time, &mut found));
            }
        }
        found
    }

    /// Adds a time that is not there.
    fn insert(&mut self, time: i64) {
        match self {
            Times::Few { count, times } if usize::from(*count) < FEW_TIMES => {
                let mut at = usize::from(*count);
                while at > 0 && times[at - 1] > time {
                    times[at] = times[at - 1];
                    at -= 1;
                }
                times[at] = time;
                *count += 1;
            }
            Times::Few { times, .. } => {
                let mut list = VecDeque::with_capacity(2 * FEW_TIMES);
                list.extend(*times);
                *self = Times::Many(Box::new(list));
                self.insert(time);
            }
            Times::Many(times) => {
                let at = times.partition_point(|&known| known < time);
                times.insert(at, time);
            }
        }
    }

    /// Removes the earliest; false if none is left.
    fn pop_front(&mut self) -> bool {
        match self {
            Times::Few { count, times } => {
                times.copy_within(1.., 0);
                *count -= 1;
                *count > 0
            }
            Times::Many(times) => {
                times.pop_front();
                !times.is_empty()
            }
        }
    }

    /// Times in a list.
    fn listed(&self) -> usize {
        match self {
            Times::Few { .. } => 0,
            Times::Many(times) => times.len(),
        }
    }
}

fn near(known: i64, time: i64, found: &mut Near) {
    match known.cmp(&time) {
        std::cmp::Ordering::Less => found.0 = Some(known),
        std::cmp::Ordering::Equal => found.1 = true,
        std::cmp::Ordering::Greater => found.2 = found.2.or(Some(known)),
    }
}

type ValueTimes = HashMap<[u8; 16], Times, FixedState>;

/// Where an insertion put a hit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    /// Index of the hit.
    pub(crate) at: usize,
    /// Index of the last hit of its time.
    pub(crate) last: usize,
}

/// The hits of a key, sorted.
#[derive(Debug)]
pub(crate) struct Window<E> {
    hits: Hits<E>,
    values: Option<Box<ValueTimes>>,
    evidence_bytes: usize,
    /// Times held in `Times::Many`, for the budget.
    times_listed: usize,
    /// Greatest time removed from the front.
    trimmed_to: i64,
    /// About where the window of the last hit begins: it goes on from there.
    inside: usize,
    /// Times by rule; of ordered rules only.
    pub(crate) chains: Option<Box<Chains>>,
    /// Times by rule and episode; of risk only.
    pub(crate) risks: Option<Box<Risks>>,
}

/// Indices are left out: [`Window::relink`] draws them up again, the values' at the next hit.
impl<E: Evidence> Saved<E> for Window<E> {
    fn save(&self, to: &mut ImageWriter<E>) {
        self.begin_save(to);
        self.hits.iter().for_each(|hit| to.put(hit));
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let trimmed_to = from.take()?;
        let mut window = Window { trimmed_to, hits: from.take::<VecDeque<_>>()?.into(), ..Window::new() };
        let evidence = window.hits.iter().filter_map(|hit| hit.evidence.as_ref());
        window.evidence_bytes = evidence.map(Evidence::bytes).sum();
        let in_order = window.hits.iter().zip(window.hits.iter().skip(1)).all(|(a, b)| a.order() <= b.order());
        if in_order { Ok(window) } else { Err(Damaged("hits are out of order")) }
    }
}

impl<E: Evidence> Window<E> {
    /// What stands before the hits in an image.
    pub(crate) fn begin_save(&self, to: &mut ImageWriter<E>) {
        to.put(&self.trimmed_to);
        to.length(self.hits.len());
    }

    /// The hits of this moment, where they are many: to be written behind [`Window::begin_save`], instead of [`Saved::save`].
    pub(crate) fn hold(&mut self) -> Option<HeldHits<E>> {
        self.hits.hold()
    }

    /// After loading: what the kind looks up in its hits.
    pub(crate) fn relink(&mut self, kind: Kind) {
        match kind {
            Kind::TemporalOrdered { parts } => {
                let mut chains = Box::new(Chains::new(parts));
                self.hits.iter().for_each(|hit| chains.insert(hit.part, hit.time));
                self.chains = Some(chains);
            }
            Kind::Risk => {
                let mut risks = Box::<Risks>::default();
                self.hits.iter().for_each(|hit| _ = risks.insert(hit.value, hit.part, hit.time));
                self.risks = Some(risks);
            }
            _ => {}
        }
    }

    pub(crate) fn new() -> Window<E> {
        Window {
            hits: Hits::new(),
            values: None,
            evidence_bytes: 0,
            times_listed: 0,
            trimmed_to: i64::MIN,
            inside: 0,
            chains: None,
            risks: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.hits.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }

    pub(crate) fn get(&self, at: usize) -> &Record<E> {
        &self.hits[at]
    }

    pub(crate) fn first_time(&self) -> Option<i64> {
        self.hits.front().map(|hit| hit.time)
    }

    pub(crate) fn last_time(&self) -> Option<i64> {
        self.hits.back().map(|hit| hit.time)
    }

    /// Index of the first hit after the given time.
    pub(crate) fn after(&self, time: i64) -> usize {
        if self.last_time().is_none_or(|last| last <= time) {
            return self.hits.len();
        }
        self.hits.partition_point(|hit| hit.time <= time)
    }

    /// The same, from a place that is not far before it.
    fn after_from(&self, from: usize, time: i64) -> usize {
        let mut at = from.min(self.hits.len());
        if at.checked_sub(1).is_some_and(|before| self.hits[before].time > time) {
            return self.after(time);
        }
        while self.hits.get(at).is_some_and(|hit| hit.time <= time) {
            at += 1;
        }
        at
    }

    /// Whether the hit is the last of its time.
    pub(crate) fn is_last_of_time(&self, at: usize) -> bool {
        self.hits.get(at + 1).is_none_or(|next| next.time != self.hits[at].time)
    }

    pub(crate) fn set_matched(&mut self, at: usize) {
        self.hits[at].matched = true;
    }

    pub(crate) fn range(&self, from: usize, to: usize) -> impl Iterator<Item = &Record<E>> {
        self.hits.range(from..to)
    }

    /// Gives up the evidence of a hit.
    pub(crate) fn drop_evidence(&mut self, at: usize) {
        if self.hits[at].evidence.is_some()
            && let Some(evidence) = self.hits[at].evidence.take()
        {
            self.evidence_bytes -= evidence.bytes();
        }
    }

    /// Puts a hit in its place.
    pub(crate) fn insert(&mut self, mut hit: Record<E>) -> Placed {
        let at = match self.hits.back() {
            Some(back) if back.order() > hit.order() => self.hits.partition_point(|known| known.order() <= hit.order()),
            _ => self.hits.len(),
        };
        self.evidence_bytes += hit.evidence.as_ref().map_or(0, Evidence::bytes);
        let mut last = at;
        while self.hits.get(last).is_some_and(|known| known.time == hit.time) {
            last += 1;
        }
        // What is known of the window moves to the new last hit of the time.
        if last == at && at > 0 && self.hits[at - 1].time == hit.time {
            hit.matched = self.hits[at - 1].matched;
            hit.distinct = self.hits[at - 1].distinct;
        }
        self.hits.insert(at, hit);
        Placed { at, last }
    }

    /// Removes the earliest hit.
    pub(crate) fn pop_front(&mut self) -> Option<Record<E>> {
        let hit = self.hits.pop_front()?;
        self.trimmed_to = hit.time;
        self.inside = self.inside.saturating_sub(1);
        if self.hits.front().is_none_or(|next| next.time > hit.time) {
            self.chains.as_mut().into_iter().for_each(|chains| chains.forget(hit.time));
            self.risks.as_mut().into_iter().for_each(|risks| risks.forget(hit.time));
        }
        self.evidence_bytes -= hit.evidence.as_ref().map_or(0, Evidence::bytes);
        if let Some(values) = &mut self.values
            && !hit.repeat
        {
            if let hashbrown::hash_map::Entry::Occupied(mut occupied) = values.entry(hit.value) {
                let listed = occupied.get().listed();
                let left = occupied.get_mut().pop_front();
                self.times_listed = self.times_listed + occupied.get().listed() - listed;
                if !left {
                    occupied.remove();
                }
            }
        }
        Some(hit)
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        let values = self.values.as_ref().map_or(0, |values| values.allocation_size() + 8 * self.times_listed);
        let chains = self.chains.as_ref().map_or(0, |chains| chains.bytes());
        let risks = self.risks.as_ref().map_or(0, |risks| risks.bytes());
        self.hits.bytes() + self.evidence_bytes + values + chains + risks
    }

    /// Inserts a hit and keeps every window's number of distinct values right.
    ///
    /// Appending costs O(log n) amortised. A hit that comes before others costs a walk over those within `span` after it.
    pub(crate) fn insert_counting(&mut self, mut hit: Record<E>, span: i64) -> Placed {
        let (time, value) = (hit.time, hit.value);
        if self.hits.len() >= INDEX_FROM && self.values.is_none() {
            self.index();
        }
        let (previous, present, next) = match self.values {
            None => self.neighbours(&value, time),
            // Known from here on: whether a value leaves a window is not changed by a hit behind it.
            Some(_) => self.learn(value, time),
        };
        hit.repeat = present;
        let placed = self.insert(hit);
        let last = placed.last;
        if present {
            return placed;
        }
        let first_of_time = last == 0 || self.hits[last - 1].time != time;
        if first_of_time {
            self.hits[last].distinct = self.distinct_without(last, span);
        }
        // Windows that end in here did not hold the value before.
        let from = previous.map_or(time, |previous| previous.saturating_add(span).max(time));
        let until = next.map_or(i64::MAX, |next| next).min(time.saturating_add(span));
        let mut at = last;
        while let Some(known) = self.hits.get(at)
            && known.time < until
        {
            if known.time >= from && self.is_last_of_time(at) {
                self.hits[at].distinct += 1;
            }
            at += 1;
        }
        placed
    }

    /// Distinct values in the window of the hit at `at`, itself left out, from what its predecessor knows.
    fn distinct_without(&mut self, at: usize, span: i64) -> u32 {
        let Some(before) = at.checked_sub(1).map(|before| &self.hits[before]) else { return 0 };
        let start = self.hits[at].time.saturating_sub(span);
        if before.time <= start {
            return 0;
        }
        if self.trimmed_to > before.time.saturating_sub(span) {
            // Hits that the predecessor counted are gone; they are in no window from here on.
            let mut seen: hashbrown::HashSet<_, FixedState> = hashbrown::HashSet::default();
            seen.extend(self.hits.range(self.after(start)..at).map(|hit| hit.value));
            return seen.len() as u32;
        }
        let mut distinct = before.distinct;
        let (before_time, is_last) = (before.time, at + 1 == self.hits.len());
        let mut leaving = match is_last {
            true => self.after_from(self.inside, before_time.saturating_sub(span)),
            false => self.after(before_time.saturating_sub(span)),
        };
        while self.hits[leaving].time <= start {
            let hit = &self.hits[leaving];
            if !hit.repeat && self.neighbours(&hit.value, hit.time).2.is_none_or(|next| next > before_time) {
                distinct -= 1;
            }
            leaving += 1;
        }
        if is_last {
            self.inside = leaving;
        }
        distinct
    }

    /// The nearest times at which the value occurs before and after a time, and whether it occurs at that time.
    fn neighbours(&self, value: &[u8; 16], time: i64) -> Near {
        match &self.values {
            None => {
                let mut found = (None, false, None);
                let same = self.hits.iter().filter(|hit| hit.value == *value);
                same.for_each(|hit| near(hit.time, time, &mut found));
                found
            }
            Some(values) => values.get(value).map_or((None, false, None), |times| times.near(time)),
        }
    }

    fn index(&mut self) {
        self.values = Some(Box::new(HashMap::with_hasher(FixedState::with_seed(0))));
        for at in 0..self.hits.len() {
            let hit = &self.hits[at];
            if !hit.repeat {
                let (value, time) = (hit.value, hit.time);
                self.learn(value, time);
            }
        }
    }

    /// Notes a time of a value; tells what was near it before.
    fn learn(&mut self, value: [u8; 16], time: i64) -> Near {
        let Some(values) = &mut self.values else { return (None, false, None) };
        match values.entry(value) {
            hashbrown::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(Times::one(time));
                (None, false, None)
            }
            hashbrown::hash_map::Entry::Occupied(mut occupied) => {
                let found = occupied.get().near(time);
                if !found.1 {
                    let listed = occupied.get().listed();
                    occupied.get_mut().insert(time);
                    self.times_listed = self.times_listed + occupied.get().listed() - listed;
                }
                found
            }
        }
    }
}
