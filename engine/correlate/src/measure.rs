//! Windows that slide on in time order: sums, means, percentiles, regular intervals, places.
//!
//! Hits are judged once the watermark has passed them, so each enters once at the end
//! and leaves once at the front; nothing is ever computed anew over a whole window.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::image::{Damaged, ImageReader, ImageWriter, Saved, saved};
use crate::place::too_far;
use crate::sorted::Sorted;
use crate::window::Window;
use crate::{Evidence, Kind, NUMBER_UNIT, RuleSpec};

/// Places of one window that are told apart, the latest of them. A traveller has a handful; a shared account or a
/// flood has its verdict long before.
const PLACES_MAX: usize = 64;

/// What is known of the window that ends at the last hit judged.
#[derive(Debug)]
pub(crate) struct Slide {
    /// Hits up to here have left.
    start: i64,
    /// Hits up to here have entered.
    pub(crate) end: i64,
    known: Known,
}

#[derive(Debug)]
enum Known {
    Numbers {
        sum: i128,
        count: i128,
        /// Ascending; of percentiles only.
        sorted: Sorted,
    },
    /// Number, sum and sum of squares of the intervals between distinct times, in microseconds: with these the
    /// coefficient of variation is compared in whole numbers.
    Intervals { count: i128, sum: i128, squares: i128 },
    /// When each place was last seen.
    Places(HashMap<[u8; 16], i64, FixedState>),
}

saved!(Slide { start, end, known });

impl<E: Clone> Saved<E> for Known {
    fn save(&self, to: &mut ImageWriter<E>) {
        match self {
            Known::Numbers { sum, count, sorted } => {
                to.bytes.push(0);
                to.put(&(*sum, *count));
                to.put(sorted);
            }
            Known::Intervals { count, sum, squares } => {
                to.bytes.push(1);
                to.put(&(*count, (*sum, *squares)));
            }
            Known::Places(places) => {
                to.bytes.push(2);
                to.put(places);
            }
        }
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        Ok(match from.take::<u8>()? {
            0 => Known::Numbers { sum: from.take()?, count: from.take()?, sorted: from.take()? },
            1 => Known::Intervals { count: from.take()?, sum: from.take()?, squares: from.take()? },
            2 => Known::Places(from.take()?),
            _ => return Err(Damaged("a measure is of another kind")),
        })
    }
}

impl Slide {
    /// Whether it is of this kind, and so of these hits.
    pub(crate) fn fits(&self, kind: Kind, hits: usize) -> bool {
        match &self.known {
            Known::Numbers { count, sorted, .. } => {
                let ordered = matches!(kind, Kind::Percentile { .. });
                kind.measures() && *count <= hits as i128 && (!ordered || sorted.len() as i128 == *count)
            }
            Known::Intervals { .. } => matches!(kind, Kind::Beacon { .. }),
            Known::Places(_) => matches!(kind, Kind::Travel { .. }),
        }
    }

    pub(crate) fn new(kind: Kind) -> Slide {
        let known = match kind {
            Kind::Beacon { .. } => Known::Intervals { count: 0, sum: 0, squares: 0 },
            Kind::Travel { .. } => Known::Places(HashMap::with_hasher(FixedState::with_seed(0))),
            _ => Known::Numbers { sum: 0, count: 0, sorted: Sorted::default() },
        };
        Slide { start: i64::MIN, end: i64::MIN, known }
    }

    /// Slides on to the window that ends at `time`, at or after the last one.
    pub(crate) fn advance<E: Evidence>(&mut self, window: &Window<E>, time: i64, spec: &RuleSpec) {
        let start = time.saturating_sub(spec.window());
        let leaving = window.after(self.start)..window.after(start.min(self.end));
        let entering = window.after(self.end.max(start))..window.after(time);
        match &mut self.known {
            Known::Numbers { sum, count, sorted } => {
                let ordered = matches!(spec.kind, Kind::Percentile { .. });
                for hit in window.range(leaving.start, leaving.end) {
                    let number = i128::from_be_bytes(hit.value);
                    *sum -= number;
                    *count -= 1;
                    if ordered {
                        sorted.remove(number);
                    }
                }
                for hit in window.range(entering.start, entering.end) {
                    let number = i128::from_be_bytes(hit.value);
                    *sum += number;
                    *count += 1;
                    if ordered {
                        sorted.insert(number);
                    }
                }
            }
            Known::Intervals { count, sum, squares } => {
                let mut take = |from: i64, to: i64, sign: i128| {
                    let micros = i128::from(to.div_euclid(1000)) - i128::from(from.div_euclid(1000));
                    *count += sign;
                    *sum += sign * micros;
                    *squares += sign * micros * micros;
                };
                // An interval leaves with its first hit.
                let mut at = leaving.start;
                while at < leaving.end {
                    let left = window.get(at).time;
                    at = window.after(left);
                    if at < window.len() && window.get(at).time <= self.end {
                        take(left, window.get(at).time, -1);
                    }
                }
                let mut last = (self.end > start).then_some(self.end);
                for hit in window.range(entering.start, entering.end) {
                    if let Some(last) = last.filter(|&last| last < hit.time) {
                        take(last, hit.time, 1);
                    }
                    last = Some(hit.time);
                }
            }
            Known::Places(places) => {
                for hit in window.range(entering.start, entering.end) {
                    places.insert(hit.value, hit.time);
                    if places.len() > PLACES_MAX
                        && let Some((&place, _)) = places.iter().min_by_key(|(place, seen)| (**seen, **place))
                    {
                        places.remove(&place);
                    }
                }
                places.retain(|_, seen| *seen > start);
            }
        }
        self.start = self.start.max(start);
        self.end = self.end.max(time);
    }

    /// What is measured, if the window satisfies the condition: in units of [`NUMBER_UNIT`] the number, the mean interval in
    /// seconds, the distance in kilometres.
    pub(crate) fn judge(&self, spec: &RuleSpec) -> Option<i128> {
        match &self.known {
            Known::Numbers { count: 0, .. } => None,
            Known::Numbers { sum, count, sorted } => {
                let (number, holds) = match spec.kind {
                    Kind::Average => (sum.div_euclid(*count), spec.condition.holds_ratio(*sum, *count)),
                    Kind::Percentile { percent } => {
                        let number = sorted.get(nearest_rank(sorted.len(), percent))?;
                        (number, spec.condition.holds(number))
                    }
                    _ => (*sum, spec.condition.holds(*sum)),
                };
                holds.then_some(number)
            }
            Known::Intervals { count, sum, squares } => {
                let Kind::Beacon { intervals, variation_permille } = spec.kind else { return None };
                if *count < i128::from(intervals.max(1)) {
                    return None;
                }
                // (σ / µ)² = (n Σd² − (Σd)²) / (Σd)²
                let spread = count * squares - sum * sum;
                let most = i128::from(variation_permille).pow(2) * sum * sum;
                (spread.saturating_mul(1_000_000) <= most).then(|| sum * (NUMBER_UNIT / 1_000_000) / count)
            }
            Known::Places(places) => {
                let Kind::Travel { speed_kmh } = spec.kind else { return None };
                let here = places.iter().filter(|(_, seen)| **seen == self.end);
                let far = here.flat_map(|(here, _)| {
                    let others = places.iter();
                    others.filter_map(|(other, seen)| too_far(here, other, self.end - seen, speed_kmh))
                });
                far.max().map(|km| i128::from(km) * NUMBER_UNIT)
            }
        }
    }

    /// Bytes on the heap, itself included.
    pub(crate) fn bytes(&self) -> usize {
        let known = match &self.known {
            Known::Numbers { sorted, .. } => sorted.bytes(),
            Known::Intervals { .. } => 0,
            Known::Places(places) => places.allocation_size(),
        };
        size_of::<Self>() + known
    }
}

/// Index of the percentile by nearest rank: the ⌈p/100 · n⌉-th smallest of `n` above 0.
fn nearest_rank(n: usize, percent: u8) -> usize {
    (n * usize::from(percent.clamp(1, 100))).div_ceil(100).clamp(1, n) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank_is_the_textbooks() {
        // Of 15, 20, 35, 40, 50 the 30th percentile is 20, the 40th 20, the 50th 35, the 100th 50.
        assert_eq!([1, 30, 40, 50, 100].map(|percent| nearest_rank(5, percent)), [0, 1, 1, 2, 4]);
        assert_eq!(nearest_rank(1, 99), 0);
    }
}
