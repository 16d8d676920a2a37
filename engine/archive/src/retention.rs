//! Which sealed segments are kept no longer.
//!
//! A segment holds the records of all inputs that came in the same minutes, and goes as a whole: once each of the inputs
//! in it has passed its age or its bytes. So it lives as long as the longest-lived of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::catalog::Sealed;

/// How long records are kept. Nothing is removed where nothing is set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Retention {
    /// For inputs without limits of their own, and for what these leave open.
    pub default: Limits,
    /// By input.
    pub inputs: BTreeMap<String, Limits>,
    /// Bytes of all sealed files together; beyond, the oldest go, whatever is in them.
    pub total_bytes: Option<u64>,
}

/// How long the records of one input are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// Longest age, in the archive's own time (`age`); `None` = no age is too old.
    pub age: Option<Duration>,
    /// Most bytes of sealed files, each input's share by its records; `None` = any.
    pub bytes: Option<u64>,
}

/// A segment that is kept no longer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Expired<'c> {
    pub(crate) segment: &'c Sealed,
    /// Which limits it has passed, for people.
    pub(crate) policy: String,
}

/// Limits named in one entry of the tree; of further ones their number is told.
const REASONS_MAX: usize = 8;

impl Retention {
    /// Whether anything could ever expire.
    pub(crate) fn is_empty(&self) -> bool {
        let limited = |limits: &Limits| limits.age.is_some() || limits.bytes.is_some();
        self.total_bytes.is_none() && !limited(&self.default) && !self.inputs.values().any(limited)
    }

    fn limits(&self, input: &str) -> Limits {
        let own = self.inputs.get(input).copied().unwrap_or_default();
        Limits { age: own.age.or(self.default.age), bytes: own.bytes.or(self.default.bytes) }
    }

    /// The segments whose limits are passed, oldest first. `now_ns` is the archive's time, `begun_ns` the stamp of segments
    /// that have none. A segment that is `held` is left out, and its bytes count for no total: a hold must not push out what is
    /// newer. `held` is asked only of segments that would go.
    pub(crate) fn expired<'c>(
        &self,
        segments: &'c [Sealed],
        now_ns: i64,
        begun_ns: i64,
        held: &mut dyn FnMut(&Sealed) -> bool,
    ) -> Vec<Expired<'c>> {
        let mut order: Vec<&Sealed> = segments.iter().collect();
        order.sort_by_key(|segment| (segment.end_sequence, segment.first_sequence));
        let mut by_limits: BTreeMap<&str, String> = BTreeMap::new();
        let mut used: BTreeMap<&str, u64> = BTreeMap::new();
        for segment in order.iter().rev() {
            if let Some(policy) = self.passed(segment, now_ns, begun_ns, &mut used) {
                by_limits.insert(&segment.file, policy);
            }
        }
        let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
        let mut excess = self.total_bytes.map_or(0, |most| bytes.saturating_sub(most));
        let mut expired = Vec::new();
        for segment in order {
            let policy = match by_limits.remove(segment.file.as_str()) {
                Some(policy) => policy,
                None if excess > 0 => format!("more than {} bytes in all", self.total_bytes.unwrap_or_default()),
                None => continue,
            };
            excess = excess.saturating_sub(segment.bytes);
            if !held(segment) {
                expired.push(Expired { segment, policy });
            }
        }
        expired
    }

    /// Which limits the segment has passed, if each of its inputs has passed one. `used` is what newer segments hold of each.
    fn passed<'c>(
        &self,
        segment: &'c Sealed,
        now_ns: i64,
        begun_ns: i64,
        used: &mut BTreeMap<&'c str, u64>,
    ) -> Option<String> {
        let records: u64 = segment.inputs.values().sum::<u64>().max(1);
        let age_ns = now_ns.saturating_sub(segment.kept_ns.unwrap_or(begun_ns));
        let mut reasons = BTreeSet::new();
        let mut all = !segment.inputs.is_empty();
        for (input, of_input) in &segment.inputs {
            let share = u128::from(segment.bytes) * u128::from(*of_input) / u128::from(records);
            let held = used.entry(input).or_default();
            *held = held.saturating_add(u64::try_from(share).unwrap_or(u64::MAX));
            let limits = self.limits(input);
            let too_old =
                limits.age.filter(|age| i128::from(age_ns) > i128::try_from(age.as_nanos()).unwrap_or(i128::MAX));
            let too_many = limits.bytes.filter(|bytes| *held > *bytes);
            match (too_old, too_many) {
                (Some(age), _) => _ = reasons.insert(format!("{input}: older than {}", days(age))),
                (None, Some(bytes)) => _ = reasons.insert(format!("{input}: more than {bytes} bytes")),
                (None, None) => all = false,
            }
        }
        let told = reasons.len();
        let mut policy = reasons.into_iter().take(REASONS_MAX).collect::<Vec<_>>().join("; ");
        if told > REASONS_MAX {
            policy.push_str(&format!("; and {} more", told - REASONS_MAX));
        }
        all.then_some(policy)
    }
}

fn days(age: Duration) -> String {
    const DAY_S: u64 = 86_400;
    match age.as_secs() {
        seconds if seconds % DAY_S == 0 => format!("{} days", seconds / DAY_S),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const DAY_NS: i64 = 86_400_000_000_000;

    fn segment(number: u64, kept_day: i64, inputs: &[(&str, u64)]) -> Sealed {
        Sealed {
            file: format!("f{number}"),
            bytes: 100,
            sha256: String::new(),
            rows: 10,
            first_sequence: number * 10,
            end_sequence: number * 10 + 10,
            raw_bytes: 0,
            time_min_ns: 0,
            time_max_ns: 0,
            // The clock of that time was a thousand years wrong, either way: nothing looks at it.
            received_min_ns: i64::MIN,
            received_max_ns: i64::MAX,
            inputs: inputs.iter().map(|(input, records)| ((*input).to_owned(), *records)).collect(),
            first_leaf: number,
            end_leaf: number + 1,
            manifest_leaf: None,
            kept_ns: (kept_day >= 0).then_some(kept_day * DAY_NS),
        }
    }

    #[track_caller]
    fn check(retention: &Retention, segments: &[Sealed], held: &[&str], expected: &[(&str, &str)]) {
        let mut hold = |segment: &Sealed| held.contains(&segment.file.as_str());
        let expired = retention.expired(segments, 100 * DAY_NS, 95 * DAY_NS, &mut hold);
        let told: Vec<_> = expired.iter().map(|e| (e.segment.file.as_str(), e.policy.as_str())).collect();
        assert_eq!(told, expected);
    }

    fn days(days: u32) -> Limits {
        Limits { age: Some(DAY * days), bytes: None }
    }

    #[test]
    fn a_segment_goes_once_all_its_inputs_are_too_old() {
        let segments = [
            segment(0, 60, &[("dns", 5), ("fw", 5)]),
            segment(1, 70, &[("dns", 5)]),
            segment(2, 70, &[("dns", 5), ("fw", 5)]),
            segment(3, 99, &[("dns", 5)]),
            segment(4, -1, &[("dns", 5)]),
        ];
        check(&Retention::default(), &segments, &[], &[]);
        let mut retention = Retention { default: days(35), ..Retention::default() };
        retention.inputs.insert("dns".into(), days(7));
        let both = "dns: older than 7 days; fw: older than 35 days";
        check(&retention, &segments, &[], &[("f0", both), ("f1", "dns: older than 7 days")]);
        check(&retention, &segments, &["f0"], &[("f1", "dns: older than 7 days")]);
        retention.default = Limits::default();
        check(&retention, &segments, &[], &[("f1", "dns: older than 7 days")]);
        // One without a stamp is as old as the count.
        retention.inputs.insert("dns".into(), days(4));
        check(&retention, &segments[4..], &[], &[("f4", "dns: older than 4 days")]);
    }

    #[test]
    fn the_oldest_go_when_there_is_too_much() {
        let segments: Vec<Sealed> = (0..5).map(|number| segment(number, 99, &[("dns", 1), ("fw", 3)])).collect();
        let total = Retention { total_bytes: Some(300), ..Retention::default() };
        let told = "more than 300 bytes in all";
        check(&total, &segments, &[], &[("f0", told), ("f1", told)]);
        check(&total, &segments, &["f0"], &[("f1", told)]);
        let of_input = Limits { age: None, bytes: Some(60) };
        let mut retention = Retention { default: of_input, ..Retention::default() };
        // 25 and 75 bytes a segment.
        let both = "dns: more than 60 bytes; fw: more than 60 bytes";
        check(&retention, &segments, &[], &[("f0", both), ("f1", both), ("f2", both)]);
        retention.inputs.insert("fw".into(), Limits { age: None, bytes: Some(400) });
        check(&retention, &segments, &[], &[]);
    }
}
