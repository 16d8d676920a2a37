//! How far event time has come: one watermark per source, the least of them per rule.
//!
//! Every shard holds the same table and feeds it the same advances in the same
//! order, so all shards agree without talking to each other.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::image::{Damaged, ImageReader, ImageWriter, Saved, saved};
use crate::{FEED_CLASSES_MAX, FeedSet, SourceAdvance, SourceId};

/// Sources (per feed class) tracked one by one; the rest share one slot per class. A bank's log collectors see some
/// thousand devices; a spoofed flood of senders must not make every batch scan millions.
pub const TRACKED_SOURCES_MAX: usize = 16_384;

/// What moves the watermarks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatermarkPolicy {
    /// Events move them; receive time only decides which sources are idle.
    #[default]
    Live,
    /// Files replayed in any order: nothing moves until the input ends, so nothing is late.
    EndOfInput,
}

#[derive(Clone, Debug)]
struct Source {
    event_time_max: i64,
    lateness_ns: i64,
    idle_timeout_ns: i64,
    seen_ns: i64,
}

saved!(Source { event_time_max, lateness_ns, idle_timeout_ns, seen_ns });

impl Source {
    fn watermark(&self) -> i64 {
        self.event_time_max.saturating_sub(self.lateness_ns.max(0))
    }

    fn idle_from(&self) -> i64 {
        self.seen_ns.saturating_add(self.idle_timeout_ns.max(0))
    }

    /// The clock of an idle source runs on with the receive clock, from where it stood: right for a source
    /// whose own clock is wrong as well.
    fn watermark_while_idle(&self, now_ns: i64) -> i64 {
        self.watermark().saturating_add(now_ns.saturating_sub(self.idle_from()).max(0))
    }
}

/// The sources of one feed class with their least watermark.
#[derive(Debug)]
struct Class {
    sources: Vec<Source>,
    /// Least watermark of the sources that are not idle.
    active: Option<i64>,
    /// Receive time at which the next source becomes idle.
    idle_next: i64,
    changed: bool,
    /// Earliest event time of a clock that was set.
    start: i64,
}

/// What follows from the sources is worked out at the next refresh.
impl<E: Clone> Saved<E> for Class {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.put(&self.sources);
        to.put(&self.start);
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        Ok(Class { sources: from.take()?, active: None, idle_next: i64::MAX, changed: true, start: from.take()? })
    }
}

/// The progress of all sources.
#[derive(Debug)]
pub(crate) struct SourceTable {
    slots: HashMap<(SourceId, u16), u32, FixedState>,
    classes: Vec<Option<Class>>,
    overflow: u64,
    now_ns: i64,
    event_time_max: i64,
    /// Taken up from a capture: the time until the process was there again is nobody's silence.
    resumed: bool,
}

impl<E: Clone> Saved<E> for SourceTable {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.put(&self.slots);
        to.put(&self.classes);
        to.put(&self.overflow);
        to.put(&self.now_ns);
        to.put(&self.event_time_max);
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let table = SourceTable {
            slots: from.take()?,
            classes: from.take()?,
            overflow: from.take()?,
            now_ns: from.take()?,
            event_time_max: from.take()?,
            resumed: true,
        };
        let stands = |(_, class): &(SourceId, u16), slot: u32| {
            let class = table.classes.get(usize::from(*class))?.as_ref()?;
            class.sources.get(slot as usize)
        };
        if table.slots.iter().all(|(name, slot)| stands(name, *slot).is_some()) {
            Ok(table)
        } else {
            Err(Damaged("a source has no place"))
        }
    }
}

/// Event times before 2001 are those of clocks that were never set; a history does not begin with them.
const CLOCK_SET_NS: i64 = 978_307_200 * 1_000_000_000;

/// Stands for all sources beyond the bound.
const OVERFLOW: SourceId = SourceId(u32::MAX);

impl SourceTable {
    pub(crate) fn new() -> SourceTable {
        SourceTable {
            slots: HashMap::with_hasher(FixedState::with_seed(0)),
            classes: Vec::new(),
            overflow: 0,
            now_ns: i64::MIN,
            event_time_max: i64::MIN,
            resumed: false,
        }
    }

    /// Advances of sources beyond [`TRACKED_SOURCES_MAX`].
    pub(crate) fn overflow(&self) -> u64 {
        self.overflow
    }

    /// Greatest event time of any source.
    pub(crate) fn event_time_max(&self) -> i64 {
        self.event_time_max
    }

    /// Greatest receive time.
    pub(crate) fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// Moves receive time on.
    pub(crate) fn observe_now(&mut self, now_ns: i64) {
        if self.resumed && now_ns > self.now_ns {
            self.resumed = false;
            if self.now_ns != i64::MIN {
                let away = now_ns.saturating_sub(self.now_ns);
                let sources = self.classes.iter_mut().flatten().flat_map(|class| &mut class.sources);
                sources.for_each(|source| source.seen_ns = source.seen_ns.saturating_add(away));
                self.now_ns = now_ns;
            }
        }
        self.now_ns = self.now_ns.max(now_ns);
    }

    /// Moves a source on.
    pub(crate) fn advance(&mut self, advance: &SourceAdvance) {
        let class = advance.class.min(FEED_CLASSES_MAX - 1);
        let mut name = (advance.source, class);
        if self.slots.len() >= TRACKED_SOURCES_MAX && !self.slots.contains_key(&name) {
            self.overflow += 1;
            name = (OVERFLOW, class);
        }
        self.event_time_max = self.event_time_max.max(advance.max_event_time_ns);
        let class = usize::from(class);
        if self.classes.len() <= class {
            self.classes.resize_with(class + 1, || None);
        }
        let class = self.classes[class].get_or_insert_with(|| Class {
            sources: Vec::new(),
            active: None,
            idle_next: i64::MAX,
            changed: true,
            start: i64::MAX,
        });
        let slot = *self.slots.entry(name).or_insert(class.sources.len() as u32) as usize;
        let new = Source {
            event_time_max: advance.max_event_time_ns,
            lateness_ns: advance.lateness_ns,
            idle_timeout_ns: advance.idle_timeout_ns,
            seen_ns: self.now_ns,
        };
        class.changed = true;
        if advance.min_event_time_ns >= CLOCK_SET_NS {
            class.start = class.start.min(advance.min_event_time_ns);
        }
        match class.sources.get_mut(slot) {
            None => class.sources.push(new),
            // The overflow slot takes the largest lateness of those that share it.
            Some(known) if name.0 == OVERFLOW => {
                known.event_time_max = known.event_time_max.max(new.event_time_max);
                known.lateness_ns = known.lateness_ns.max(new.lateness_ns);
                known.idle_timeout_ns = known.idle_timeout_ns.max(new.idle_timeout_ns);
                known.seen_ns = new.seen_ns;
            }
            Some(known) => {
                let event_time_max = known.event_time_max.max(new.event_time_max);
                *known = Source { event_time_max, ..new };
            }
        }
    }

    /// Recomputes what advances and receive time have changed; false if nothing can have moved.
    pub(crate) fn refresh(&mut self) -> bool {
        let now_ns = self.now_ns;
        let mut moved = false;
        for class in self.classes.iter_mut().flatten() {
            // Without an active source the class runs on with the receive clock.
            moved |= class.active.is_none();
            if !class.changed && now_ns <= class.idle_next {
                continue;
            }
            class.changed = false;
            class.active = None;
            class.idle_next = i64::MAX;
            for source in class.sources.iter().filter(|source| now_ns <= source.idle_from()) {
                let watermark = source.watermark();
                class.active = Some(class.active.map_or(watermark, |least| least.min(watermark)));
                class.idle_next = class.idle_next.min(source.idle_from());
            }
            moved = true;
        }
        moved
    }

    /// The watermark of a rule with these feeds, as of the last `refresh`; `i64::MIN` before a source has spoken.
    pub(crate) fn watermark(&self, feeds: &FeedSet) -> i64 {
        let mine = || self.classes.iter().enumerate().filter(|(class, _)| feeds.contains(*class as u16));
        let active = mine().filter_map(|(_, class)| class.as_ref()?.active).min();
        active.unwrap_or_else(|| {
            let idle = mine().filter_map(|(_, class)| class.as_ref()).flat_map(|class| &class.sources);
            idle.map(|source| source.watermark_while_idle(self.now_ns)).max().unwrap_or(i64::MIN)
        })
    }

    /// Earliest event time of the sources that feed a rule; `i64::MAX` before one has spoken.
    pub(crate) fn start(&self, feeds: &FeedSet) -> i64 {
        let classes = self.classes.iter().enumerate().filter(|(class, _)| feeds.contains(*class as u16));
        classes.filter_map(|(_, class)| Some(class.as_ref()?.start)).min().unwrap_or(i64::MAX)
    }

    /// Greatest event time of the sources that feed a rule: its watermark when the input ends.
    pub(crate) fn watermark_at_end(&self, feeds: &FeedSet) -> i64 {
        let classes = self.classes.iter().enumerate().filter(|(class, _)| feeds.contains(*class as u16));
        let sources = classes.filter_map(|(_, class)| class.as_ref()).flat_map(|class| &class.sources);
        sources.map(|source| source.event_time_max).max().unwrap_or(i64::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advance(source: u32, class: u16, max_event_time_ns: i64) -> SourceAdvance {
        SourceAdvance {
            source: SourceId(source),
            class,
            lateness_ns: 10,
            idle_timeout_ns: 100,
            min_event_time_ns: max_event_time_ns,
            max_event_time_ns,
        }
    }

    #[test]
    fn the_least_source_of_the_feeds_decides() {
        let mut table = SourceTable::new();
        let feeds = FeedSet::new(&[1, 2]);
        assert_eq!(table.watermark(&feeds), i64::MIN);
        table.observe_now(0);
        for (source, class, time) in [(1, 1, 500), (2, 2, 300), (3, 3, 50), (1, 1, 400)] {
            table.advance(&advance(source, class, time));
        }
        assert!(table.refresh());
        assert_eq!(table.watermark(&feeds), 290);
        assert_eq!(table.watermark(&FeedSet::new(&[1])), 490);
        assert_eq!(table.watermark_at_end(&feeds), 500);
        assert_eq!(table.event_time_max(), 500);
    }

    #[test]
    fn an_idle_source_stops_holding_others_back_and_the_last_runs_with_the_clock() {
        let mut table = SourceTable::new();
        let feeds = FeedSet::new(&[1]);
        table.observe_now(0);
        table.advance(&advance(1, 1, 100));
        table.observe_now(60);
        table.advance(&advance(2, 1, 1000));
        table.refresh();
        assert_eq!(table.watermark(&feeds), 90);
        table.observe_now(101);
        assert!(table.refresh());
        assert_eq!(table.watermark(&feeds), 990);
        table.observe_now(200);
        table.refresh();
        assert_eq!(table.watermark(&feeds), 990 + 40);
    }

    #[test]
    fn sources_beyond_the_bound_share_a_slot() {
        let mut table = SourceTable::new();
        table.observe_now(0);
        for source in 0..TRACKED_SOURCES_MAX as u32 + 500 {
            table.advance(&advance(source, 0, 1000 + i64::from(source)));
        }
        assert_eq!(table.overflow(), 500);
        assert_eq!(table.slots.len(), TRACKED_SOURCES_MAX + 1);
        table.refresh();
        assert_eq!(table.watermark(&FeedSet::new(&[0])), 990);
    }
}
