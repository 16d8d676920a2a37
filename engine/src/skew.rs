//! How far the clocks of sources are off, as far as their records show it.
//!
//! A record arrives after it was written, by the way it took: the least delay of a minute is the way and the error of the clock. Of
//! the last half hour of minutes the median is taken, so that neither one odd stamp nor one stalled minute tells. A delay that
//! stays the same to seconds is a clock or a zone; one that moves is a queue, a batch upload or a backlog. Nothing is corrected
//! by an estimate: what is found is shown, with the line of configuration that would correct it.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use noroshi_correlate::SourceId;

/// Minutes looked back on.
const MINUTES_MAX: usize = 30;

/// Fewest minutes with records that make an estimate.
const MINUTES_MIN: usize = 10;

/// Clocks kept by the network are within a second; syslog relays and pollers add some.
const TELLING_NS: i64 = 30 * SECOND_NS;

/// Zones reach fourteen hours, a date a day further. What is older is a file that is read late.
const BELIEVED_NS: i64 = 39 * 3600 * SECOND_NS;

/// The middle half of the minutes lies within this: more is a queue, not a clock.
const SPREAD_NS: i64 = 5 * SECOND_NS;

/// Sources looked at: as many as move watermarks of their own.
const SOURCES_MAX: usize = noroshi_correlate::TRACKED_SOURCES_MAX;

const SECOND_NS: i64 = 1_000_000_000;
const MINUTE_NS: i64 = 60 * SECOND_NS;

/// The least delays of one source by minute.
#[derive(Debug)]
struct Delays {
    minute: i64,
    least_ns: i64,
    before: VecDeque<i64>,
    told: bool,
}

/// The delays of all sources.
#[derive(Debug, Default)]
pub(crate) struct Skews {
    sources: HashMap<SourceId, Delays, FixedState>,
}

/// A clock that is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Skew {
    pub(crate) source: SourceId,
    /// How far its clock is behind; below 0 it is ahead.
    pub(crate) behind_ns: i64,
}

impl Skew {
    /// What to add to its stamps, in seconds.
    pub(crate) fn offset_s(self) -> i64 {
        (self.behind_ns + SECOND_NS / 2).div_euclid(SECOND_NS)
    }

    /// Zones differ by quarters of an hour: such an error is more likely a zone than a clock.
    pub(crate) fn may_be_zone(self) -> bool {
        let quarter = 15 * MINUTE_NS;
        let off = self.behind_ns.rem_euclid(quarter);
        self.behind_ns.abs() >= quarter - MINUTE_NS / 2 && off.min(quarter - off) <= MINUTE_NS / 2
    }
}

impl Skews {
    /// Takes in the least delays of a batch, by source.
    pub(crate) fn observe(&mut self, delays: &[(SourceId, i64)], now_ns: i64) {
        let minute = now_ns.div_euclid(MINUTE_NS);
        for &(source, delay_ns) in delays {
            if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
                continue;
            }
            let anew = || Delays { minute, least_ns: i64::MAX, before: VecDeque::new(), told: false };
            let known = self.sources.entry(source).or_insert_with(anew);
            if known.minute != minute {
                if known.before.len() == MINUTES_MAX {
                    known.before.pop_front();
                }
                known.before.push_back(known.least_ns);
                (known.minute, known.least_ns) = (minute, i64::MAX);
            }
            known.least_ns = known.least_ns.min(delay_ns);
        }
    }

    /// Sources whose clocks are off, the worst first.
    pub(crate) fn found(&self) -> Vec<Skew> {
        let found = self.sources.iter().filter_map(|(&source, delays)| {
            let behind_ns = delays.steady()?;
            (TELLING_NS..=BELIEVED_NS).contains(&behind_ns.saturating_abs()).then_some(Skew { source, behind_ns })
        });
        let mut found: Vec<Skew> = found.collect();
        found.sort_by_key(|skew| (std::cmp::Reverse(skew.behind_ns.saturating_abs()), skew.source));
        found
    }

    /// Of these those that were not asked for before.
    pub(crate) fn news(&mut self) -> Vec<Skew> {
        let mut news = self.found();
        news.retain(|skew| {
            let told = self.sources.get_mut(&skew.source).map(|delays| &mut delays.told);
            told.is_some_and(|told| !std::mem::replace(told, true))
        });
        news
    }
}

impl Delays {
    /// The median of the minutes, where it is steady.
    fn steady(&self) -> Option<i64> {
        if self.before.len() < MINUTES_MIN {
            return None;
        }
        let mut sorted: Vec<i64> = self.before.iter().copied().collect();
        sorted.sort_unstable();
        let at = |quarter: usize| sorted[(sorted.len() - 1) * quarter / 4];
        (at(3).saturating_sub(at(1)) <= SPREAD_NS).then(|| at(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [i64; 0] = [];

    /// So many minutes of delays in milliseconds, several a minute.
    fn found(delay_ms: impl Fn(i64) -> i64, minutes: i64) -> Vec<i64> {
        let mut skews = Skews::default();
        for tick in 0..minutes * 6 {
            let now_ns = tick * 10 * SECOND_NS;
            skews.observe(&[(SourceId(4), delay_ms(tick) * 1_000_000)], now_ns);
        }
        skews.found().iter().map(|skew| skew.offset_s()).collect()
    }

    #[test]
    fn a_steady_error_is_found_whichever_way_and_a_right_clock_is_not() {
        assert_eq!(found(|tick| 540_000 + tick % 5 * 900, 20), [540]);
        assert_eq!(found(|tick| -32_400_000 + tick % 3 * 100, 20), [-32_400]);
        assert_eq!(found(|tick| 200 + tick % 7 * 500, 20), NONE);
        assert_eq!(found(|_| 540_000, 9), NONE, "too soon to say");
    }

    #[test]
    fn queues_backlogs_old_files_and_single_odd_stamps_are_no_clocks() {
        assert_eq!(found(|tick| 600_000 - tick * 5_000 % 600_000, 30), NONE, "an upload every ten minutes");
        assert_eq!(found(|tick| 7_200_000 - tick * 20_000, 30), NONE, "a backlog that is caught up with");
        assert_eq!(found(|_| 90 * 86_400_000, 30), NONE, "a file of last quarter");
        assert_eq!(
            found(|tick| if tick % 60 == 0 { -4_000_000 } else { 100 }, 30),
            NONE,
            "a stamp ahead every ten minutes"
        );
    }

    #[test]
    fn each_is_news_once_and_a_zone_looks_like_one() {
        let mut skews = Skews::default();
        for minute in 0..15 {
            skews.observe(&[(SourceId(1), 9 * 3600 * SECOND_NS), (SourceId(2), 400 * SECOND_NS)], minute * MINUTE_NS);
        }
        let news = skews.news();
        assert_eq!(
            news.iter().map(|skew| (skew.source.0, skew.may_be_zone())).collect::<Vec<_>>(),
            [(1, true), (2, false)]
        );
        assert_eq!((skews.news(), skews.found().len()), (vec![], 2));
    }
}
