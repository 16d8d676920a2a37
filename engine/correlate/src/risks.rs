//! What the distinct rules and episodes in a window are worth.
//!
//! Within a window all hits of one single-event rule are one episode, because neighbours of an episode are less
//! than the window apart; so a rule counts once, at the age of its latest hit, and an episode of a correlation counts by
//! itself. More hits can only make a worth greater: a later hit is younger.

use std::collections::VecDeque;

use crate::{Condition, Worth};

/// Times of the hits of each rule or episode, ascending, each once.
#[derive(Debug, Default)]
pub(crate) struct Risks {
    /// Sorted by value.
    entries: Vec<Entry>,
    times: usize,
}

#[derive(Debug)]
struct Entry {
    value: [u8; 16],
    part: u16,
    times: VecDeque<i64>,
}

/// Names a rule, or an episode of a correlation.
pub(crate) fn risk_value(part: u16, episode: Option<&[u8; 16]>) -> [u8; 16] {
    let mut value = episode.copied().unwrap_or_default();
    value[14..].copy_from_slice(&part.to_be_bytes());
    value
}

impl Risks {
    /// Takes a hit in; tells the next hit of the same value, from which on no window changes.
    pub(crate) fn insert(&mut self, value: [u8; 16], part: u16, time: i64) -> Option<i64> {
        let place = self.entries.binary_search_by(|entry| entry.value.cmp(&value));
        let at = place.unwrap_or_else(|at| {
            self.entries.insert(at, Entry { value, part, times: VecDeque::with_capacity(1) });
            at
        });
        let times = &mut self.entries[at].times;
        let next = match times.back() {
            Some(&last) if last >= time => times.partition_point(|&known| known < time),
            _ => times.len(),
        };
        let found = times.get(next).copied();
        if found != Some(time) {
            times.insert(next, time);
            self.times += 1;
        }
        found
    }

    /// Sum of the scores in the window that ends at `time`, if it is enough; or if techniques or sources are.
    pub(crate) fn judge(&self, time: i64, span: i64, worth: &Worth, condition: &Condition) -> Option<i128> {
        let start = time.saturating_sub(span);
        let (mut sum, mut techniques, mut sources) = (0i128, Vec::new(), Vec::new());
        for entry in &self.entries {
            let before = entry.times.partition_point(|&known| known <= time);
            let Some(&latest) = before.checked_sub(1).and_then(|at| entry.times.get(at)) else { continue };
            if latest <= start {
                continue;
            }
            sum += i128::from(worth.score_at(entry.part, time - latest));
            if let Some(part) = worth.parts.get(usize::from(entry.part)) {
                techniques.extend_from_slice(&part.techniques);
                sources.extend_from_slice(&part.sources);
            }
        }
        let enough = !condition.terms().is_empty() && condition.holds(sum);
        let holds = enough || reaches(techniques, worth.techniques_min) || reaches(sources, worth.sources_min);
        holds.then_some(sum)
    }

    /// Forgets hits up to this time.
    pub(crate) fn forget(&mut self, to: i64) {
        let mut forgotten = 0;
        self.entries.retain_mut(|entry| {
            while entry.times.front().is_some_and(|&time| time <= to) {
                entry.times.pop_front();
                forgotten += 1;
            }
            !entry.times.is_empty()
        });
        self.times -= forgotten;
    }

    /// Bytes on the heap, itself included.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.entries.capacity() * size_of::<Entry>() + 2 * self.times * size_of::<i64>()
    }
}

/// Whether so many of the numbers are distinct; 0 is never reached.
fn reaches(mut numbers: Vec<u16>, least: u32) -> bool {
    if least == 0 || numbers.len() < least as usize {
        return false;
    }
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len() >= least as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Op, PartWorth};

    #[test]
    fn scores_halve_count_once_and_leave_the_window() {
        let part = |score, technique| PartWorth { score, techniques: [technique].into(), sources: [0].into() };
        let worth =
            Worth { parts: vec![part(40, 1), part(9, 2)], half_life_ns: Some(10), techniques_min: 2, sources_min: 0 };
        let mut risks = Risks::default();
        for (part, time) in [(0, 5), (0, 8), (1, 20)] {
            risks.insert(risk_value(part, None), part, time);
        }
        let sum = |risks: &Risks, time, span| risks.judge(time, span, &worth, &Condition::new(vec![(Op::Gte, 1)]));
        // 40 at 8, halved once at 20; 9 whole.
        assert_eq!(sum(&risks, 20, 100), Some(29));
        assert_eq!(sum(&risks, 20, 12), Some(9));
        let never = Condition::new(Vec::new());
        assert_eq!((risks.judge(20, 100, &worth, &never), risks.judge(8, 100, &worth, &never)), (Some(29), None));
        risks.forget(8);
        assert_eq!(sum(&risks, 20, 100), Some(9));
        assert_eq!(worth.score_at(0, i64::MAX), 0);
    }
}
