//! Sums, means and percentiles over a window that slides on in time order.
//!
//! Hits are judged once the watermark has passed them, so each enters once at the end
//! and leaves once at the front; nothing is ever computed anew over a whole window.

use crate::window::Window;
use crate::{Evidence, Kind, RuleSpec};

/// What is known of the window that ends at the last hit judged.
#[derive(Debug)]
pub(crate) struct Slide {
    /// Hits up to here have left.
    start: i64,
    /// Hits up to here have entered.
    pub(crate) end: i64,
    sum: i128,
    count: i128,
    /// Ascending; of percentiles only.
    sorted: Vec<i128>,
}

impl Slide {
    pub(crate) fn new() -> Slide {
        Slide { start: i64::MIN, end: i64::MIN, sum: 0, count: 0, sorted: Vec::new() }
    }

    /// Slides on to the window that ends at `time`, at or after the last one.
    pub(crate) fn advance<E: Evidence>(&mut self, window: &Window<E>, time: i64, spec: &RuleSpec) {
        let start = time.saturating_sub(spec.window());
        let ordered = matches!(spec.kind, Kind::Percentile { .. });
        for hit in window.range(window.after(self.start), window.after(start.min(self.end))) {
            let number = i128::from_be_bytes(hit.value);
            self.sum -= number;
            self.count -= 1;
            if ordered && let Ok(at) = self.sorted.binary_search(&number) {
                self.sorted.remove(at);
            }
        }
        for hit in window.range(window.after(self.end.max(start)), window.after(time)) {
            let number = i128::from_be_bytes(hit.value);
            self.sum += number;
            self.count += 1;
            if ordered {
                self.sorted.insert(self.sorted.partition_point(|&known| known < number), number);
            }
        }
        self.start = self.start.max(start);
        self.end = self.end.max(time);
    }

    /// The number if the window satisfies the condition.
    pub(crate) fn judge(&self, spec: &RuleSpec) -> Option<i128> {
        if self.count == 0 {
            return None;
        }
        let (number, holds) = match spec.kind {
            Kind::Average => (self.sum.div_euclid(self.count), spec.condition.holds_ratio(self.sum, self.count)),
            Kind::Percentile { percent } => {
                let number = self.sorted[nearest_rank(self.sorted.len(), percent)];
                (number, spec.condition.holds(number))
            }
            _ => (self.sum, spec.condition.holds(self.sum)),
        };
        holds.then_some(number)
    }

    /// Bytes on the heap, itself included.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.sorted.capacity() * size_of::<i128>()
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
