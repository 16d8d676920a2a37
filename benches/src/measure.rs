//! How time is taken: CPU time of the thread, measured and baseline in turns.
//!
//! CPU time leaves out what other processes take; turns of a fraction of a second leave out that a
//! machine is slower now than before. What neither leaves out is told beside a figure: the load.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::{Deserialize, Serialize};

/// Adds up the CPU time of the parts that count.
#[derive(Debug, Default)]
pub struct Stopwatch {
    spent: Duration,
}

impl Stopwatch {
    /// At zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `work` and adds the CPU time this thread took for it.
    pub fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = thread_cpu();
        let done = work();
        self.spent += thread_cpu().saturating_sub(before);
        done
    }

    /// What was added up.
    #[must_use]
    pub fn spent(&self) -> Duration {
        self.spent
    }
}

/// CPU time of this thread.
#[must_use]
pub fn thread_cpu() -> Duration {
    duration(clock_gettime(ClockId::ThreadCPUTime))
}

/// CPU time of all threads of this process.
#[must_use]
pub fn process_cpu() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

fn duration(time: Timespec) -> Duration {
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// One pass over the data; prepares what it needs outside the watch.
pub type Pass = Box<dyn FnMut(&mut Stopwatch)>;

/// Something to be timed. Its answer was checked when it was built.
pub struct Case {
    /// As in `targets.toml`.
    pub name: String,
    /// What one unit is: `line`, `event`, `observe`.
    pub unit: &'static str,
    /// Units of one pass.
    pub count: u64,
    /// Bytes of one pass.
    pub bytes: u64,
    /// What is measured.
    pub measured: Pass,
    /// The part of `measured` that is not meant: taken off.
    pub without: Option<Pass>,
    /// What `baseline` does.
    pub baseline_name: &'static str,
    /// Units of one pass of `baseline`.
    pub baseline_count: u64,
    /// What it is measured against.
    pub baseline: Pass,
    /// What else is to be told: `113 bytes a key`.
    pub note: String,
}

/// A measured figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// As in `targets.toml`.
    pub name: String,
    /// What one unit is.
    pub unit: String,
    /// Nanoseconds of CPU a unit, median.
    pub ns: f64,
    /// Bytes a unit.
    pub bytes: f64,
    /// What the baseline is.
    pub baseline_name: String,
    /// Nanoseconds a unit of the baseline, median.
    pub baseline_ns: f64,
    /// Speed as a part of the baseline's: median over the turns.
    pub ratio: f64,
    /// Least and greatest `ns`.
    pub ns_range: (f64, f64),
    /// Turns.
    pub samples: usize,
    /// What else is to be told.
    pub note: String,
}

impl Figure {
    /// Units a second.
    #[must_use]
    pub fn per_s(&self) -> f64 {
        1e9 / self.ns
    }

    /// Gigabytes (10⁹) a second.
    #[must_use]
    pub fn gb_per_s(&self) -> f64 {
        self.bytes / self.ns
    }
}

/// Nanoseconds a unit of one turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turn {
    /// What is measured.
    pub measured: f64,
    /// What is taken off.
    pub without: f64,
    /// The baseline.
    pub baseline: f64,
}

impl Case {
    /// Times baseline, without and measured once, in this order.
    pub fn turn(&mut self) -> Turn {
        let time = |pass: &mut Pass, count: u64| {
            let mut watch = Stopwatch::new();
            pass(&mut watch);
            watch.spent().as_nanos() as f64 / count.max(1) as f64
        };
        Turn {
            baseline: time(&mut self.baseline, self.baseline_count),
            without: self.without.as_mut().map_or(0.0, |pass| time(pass, self.count)),
            measured: time(&mut self.measured, self.count),
        }
    }

    /// Takes turns until `budget` is spent, at least five; the first, which warms the caches, does not count.
    pub fn run(&mut self, budget: Duration) -> Figure {
        const TURNS_MIN: usize = 5;
        self.turn();
        let from = std::time::Instant::now();
        let mut turns = Vec::new();
        while turns.len() < TURNS_MIN || from.elapsed() < budget {
            turns.push(self.turn());
        }
        self.figure(&turns)
    }

    /// The medians of turns.
    #[must_use]
    pub fn figure(&self, turns: &[Turn]) -> Figure {
        // A part taken off can outweigh the whole by noise alone; a hundredth of a nanosecond keeps ratios finite.
        let net = |turn: &Turn| (turn.measured - turn.without).max(0.01);
        let sorted = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values
        };
        let ns = sorted(turns.iter().map(net).collect());
        Figure {
            name: self.name.clone(),
            unit: self.unit.to_owned(),
            ns: median(&ns),
            bytes: self.bytes as f64 / self.count.max(1) as f64,
            baseline_name: self.baseline_name.to_owned(),
            baseline_ns: median(&sorted(turns.iter().map(|turn| turn.baseline).collect())),
            ratio: median(&sorted(turns.iter().map(|turn| turn.baseline / net(turn)).collect())),
            ns_range: (ns.first().copied().unwrap_or_default(), ns.last().copied().unwrap_or_default()),
            samples: turns.len(),
            note: self.note.clone(),
        }
    }
}

/// The middle of sorted values.
#[must_use]
pub fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// A line of `/proc/self/status` in bytes, such as `VmHWM`; 0 where there is no such file.
#[must_use]
pub fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios() {
        let case = Case {
            name: "a".into(),
            unit: "line",
            count: 10,
            bytes: 100,
            measured: Box::new(|_| ()),
            without: None,
            baseline_name: "b",
            baseline_count: 10,
            baseline: Box::new(|_| ()),
            note: String::new(),
        };
        let turn = |measured, without, baseline| Turn { measured, without, baseline };
        let figure = case.figure(&[turn(30.0, 10.0, 2.0), turn(50.0, 10.0, 2.0), turn(40.0, 0.0, 1.0)]);
        assert_eq!((figure.ns, figure.baseline_ns, figure.ratio), (40.0, 2.0, 0.05));
        assert_eq!((figure.per_s(), figure.gb_per_s()), (25e6, 0.25));
    }

    #[test]
    fn the_watch_counts_work_and_not_waiting() {
        let mut watch = Stopwatch::new();
        let before = std::time::Instant::now();
        let sum = watch.time(|| (0..2_000_000_u64).fold(0, |sum: u64, n| sum.rotate_left(3) ^ std::hint::black_box(n)));
        assert!(sum != 1 && watch.spent() > Duration::ZERO && watch.spent() <= before.elapsed());
        assert!(memory("VmHWM") > 1 << 20 || !std::path::Path::new("/proc/self/status").exists());
    }
}
