//! The loss ledger: every record received is accounted for.
//!
//! `received = parsed + unparsed_kept + dropped(reason) + in_flight`, per input and in total, kernel
//! drops included; after a clean stop `in_flight` is nought. Losses are remembered by the minute of
//! receipt, so that an alert raised on a lossy minute can say so.

pub mod minutes;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use noroshi_input::InputCounters;

use crate::metrics::{Exposition, Kind};
use crate::terminal::{Align, Cell, Table, thousands};

/// Minutes remembered: a day, the longest a window and its lateness usually reach back.
pub const MINUTES_MAX: usize = 24 * 60;

/// Rows of minutes and inputs remembered: a day of 90 busy inputs, 12 MiB at most.
pub const MINUTE_ROWS_MAX: usize = 1 << 17;

const MINUTE_NS: i64 = 60_000_000_000;

/// Why a received record is not in the engine's hands any more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// The queue to the workers stayed full through the time for a clean stop.
    QueueFull,
    /// Nobody read the queue any more.
    ConsumerGone,
    /// The kernel's socket buffer was full (UDP).
    KernelUdp,
    /// The disk of the spool failed, and its memory bound was reached.
    SpoolFull,
    /// The time for a clean stop ran out in a worker.
    Stopped,
    /// A worker failed on it.
    WorkerFailed,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 6] =
        [Self::QueueFull, Self::ConsumerGone, Self::KernelUdp, Self::SpoolFull, Self::Stopped, Self::WorkerFailed];

    /// The name in metrics, tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::ConsumerGone => "consumer_gone",
            Self::KernelUdp => "kernel_udp",
            Self::SpoolFull => "spool_full",
            Self::Stopped => "stopped",
            Self::WorkerFailed => "worker_failed",
        }
    }
}

/// Where received records are at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Balance {
    /// Records received, those included that the kernel dropped before us.
    pub received: u64,
    /// Records that became events.
    pub parsed: u64,
    /// Records not understood, kept on disk.
    pub unparsed_kept: u64,
    /// Records lost, by reason; no reason with nought.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Records between input and outcome.
    pub in_flight: u64,
    /// Outcomes beyond what was received: always nought, or something is counted twice.
    pub surplus: u64,
}

impl Balance {
    /// The sum over all reasons.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// The law of conservation holds.
    pub fn holds(&self) -> bool {
        let outcomes = self.parsed + self.unparsed_kept + self.dropped_total();
        self.surplus == 0 && self.received == outcomes + self.in_flight
    }

    /// It holds, and nothing is in flight: the state after a clean stop.
    pub fn is_settled(&self) -> bool {
        self.holds() && self.in_flight == 0
    }

    fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.parsed += other.parsed;
        self.unparsed_kept += other.unparsed_kept;
        self.in_flight += other.in_flight;
        self.surplus += other.surplus;
        for (reason, count) in &other.dropped {
            *self.dropped.entry(reason).or_default() += count;
        }
    }
}

/// Losses by minute of receipt.
#[derive(Default, Debug)]
struct Losses {
    minutes: BTreeMap<i64, u64>,
    /// The newest lossy minute that is not remembered any more.
    forgotten: Option<i64>,
}

impl Losses {
    fn add(&mut self, minute: i64, count: u64) {
        *self.minutes.entry(minute).or_default() += count;
        while self.minutes.len() > MINUTES_MAX {
            let oldest = self.minutes.pop_first().map(|(minute, _)| minute);
            self.forgotten = self.forgotten.max(oldest);
        }
    }

    fn between(&self, from_minute: i64, to_minute: i64) -> bool {
        from_minute <= to_minute
            && (self.minutes.range(from_minute..=to_minute).next().is_some()
                || self.forgotten.is_some_and(|forgotten| from_minute <= forgotten))
    }
}

/// The account of one input. Workers and the spool add to it; all counters only grow.
#[derive(Debug)]
pub struct InputLedger {
    name: String,
    counters: Arc<InputCounters>,
    parsed: AtomicU64,
    unparsed_kept: AtomicU64,
    dropped: [AtomicU64; Reason::ALL.len()],
    /// Of `dropped`, how many are marked in their minute already.
    marked: AtomicU64,
    hits: AtomicU64,
    late: AtomicU64,
    future: AtomicU64,
    defects: AtomicU64,
    unsynced: AtomicU64,
    losses: Arc<Mutex<Losses>>,
}

impl InputLedger {
    /// The input's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the input counts.
    pub fn counters(&self) -> &Arc<InputCounters> {
        &self.counters
    }

    /// Counts records that became events.
    pub fn parsed(&self, records: u64) {
        self.parsed.fetch_add(records, Ordering::Release);
    }

    /// Counts records not understood that are kept on disk, synced.
    pub fn unparsed_kept(&self, records: u64) {
        self.unparsed_kept.fetch_add(records, Ordering::Release);
    }

    /// Counts records lost; their minute becomes lossy at the next [`Ledger::tick`].
    pub fn dropped(&self, reason: Reason, records: u64) {
        self.dropped[reason as usize].fetch_add(records, Ordering::Release);
    }

    /// Counts records lost that were received at a known time, and marks that minute.
    pub fn dropped_at(&self, reason: Reason, records: u64, receive_time_ns: i64) {
        // Marked first, so that a tick in between finds no loss without its minute.
        lock(&self.losses).add(receive_time_ns.div_euclid(MINUTE_NS), records);
        self.marked.fetch_add(records, Ordering::Release);
        self.dropped[reason as usize].fetch_add(records, Ordering::Release);
    }

    /// Counts hits of rules and indicators.
    pub fn hits(&self, hits: u64) {
        self.hits.fetch_add(hits, Ordering::Relaxed);
    }

    /// Counts hits too late for a window.
    pub fn late(&self, hits: u64) {
        self.late.fetch_add(hits, Ordering::Relaxed);
    }

    /// Counts hits from the future.
    pub fn future(&self, hits: u64) {
        self.future.fetch_add(hits, Ordering::Relaxed);
    }

    /// Counts events that were understood and have a defect.
    pub fn defects(&self, events: u64) {
        self.defects.fetch_add(events, Ordering::Relaxed);
    }

    /// Tells how many records are worked off and not yet synced by the archive.
    pub fn unsynced(&self, records: u64) {
        self.unsynced.store(records, Ordering::Relaxed);
    }

    /// Records that the archive has not synced, as last told.
    pub fn unsynced_now(&self) -> u64 {
        self.unsynced.load(Ordering::Relaxed)
    }

    /// All counters at this moment; they only grow. Outcomes are read before what was received.
    pub fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (hits, late, future, defects) = (of(&self.hits), of(&self.late), of(&self.future), of(&self.defects));
        let balance = self.balance();
        let dropped = Reason::ALL.map(|reason| balance.dropped.get(reason.as_str()).copied().unwrap_or(0));
        let Balance { received, parsed, unparsed_kept, .. } = balance;
        Counts { received, parsed, unparsed_kept, defects, late, future, hits, dropped }
    }

    fn dropped_by(&self, reason: Reason) -> u64 {
        let own = self.dropped[reason as usize].load(Ordering::Acquire);
        let counter = match reason {
            Reason::QueueFull => &self.counters.dropped_queue_full,
            Reason::ConsumerGone => &self.counters.dropped_consumer_gone,
            Reason::KernelUdp => &self.counters.kernel_drops,
            Reason::SpoolFull | Reason::Stopped | Reason::WorkerFailed => return own,
        };
        own + counter.load(Ordering::Acquire)
    }

    /// The account at this moment. Outcomes are read before what was received, so that a record on its
    /// way meanwhile shows as in flight, never as surplus.
    pub fn balance(&self) -> Balance {
        let parsed = self.parsed.load(Ordering::Acquire);
        let unparsed_kept = self.unparsed_kept.load(Ordering::Acquire);
        let dropped: BTreeMap<&'static str, u64> = Reason::ALL
            .into_iter()
            .map(|reason| (reason.as_str(), self.dropped_by(reason)))
            .filter(|(_, count)| *count > 0)
            .collect();
        let kernel = dropped.get(Reason::KernelUdp.as_str()).copied().unwrap_or_default();
        let received = self.counters.records.load(Ordering::Acquire) + kernel;
        let outcomes = parsed + unparsed_kept + dropped.values().sum::<u64>();
        Balance {
            received,
            parsed,
            unparsed_kept,
            dropped,
            in_flight: received.saturating_sub(outcomes),
            surplus: outcomes.saturating_sub(received),
        }
    }
}

/// What became of records, in one minute or since the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Records received.
    pub received: u64,
    /// Records parsed.
    pub parsed: u64,
    /// Records kept unparsed.
    pub unparsed_kept: u64,
    /// Events that were understood and have a defect.
    pub defects: u64,
    /// Hits too late for a window.
    pub late: u64,
    /// Hits from the future.
    pub future: u64,
    /// Hits of rules and indicators.
    pub hits: u64,
    /// Records lost, by [`Reason::ALL`].
    pub dropped: [u64; Reason::ALL.len()],
}

impl Counts {
    /// The sum over all reasons.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    fn each(&self, other: &Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Counts {
            received: with(self.received, other.received),
            parsed: with(self.parsed, other.parsed),
            unparsed_kept: with(self.unparsed_kept, other.unparsed_kept),
            defects: with(self.defects, other.defects),
            late: with(self.late, other.late),
            future: with(self.future, other.future),
            hits: with(self.hits, other.hits),
            dropped: std::array::from_fn(|at| with(self.dropped[at], other.dropped[at])),
        }
    }

    /// What came since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        self.each(before, u64::saturating_sub)
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.each(other, u64::saturating_add)
    }
}

/// What one input did in one minute of receipt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MinuteRow {
    /// Minutes since 1970 UTC.
    pub minute: i64,
    /// The input.
    pub input: String,
    /// What it counted in it.
    pub counts: Counts,
    /// Most records at once that the archive had not synced.
    pub unsynced: u64,
}

#[derive(Default, Debug)]
struct Ticks {
    last_ns: Option<i64>,
    rows: VecDeque<MinuteRow>,
    /// Of the rows, the first so many were given out as finished.
    given: usize,
    /// What each input's counters showed at the last tick.
    seen: Vec<Counts>,
    /// The losses of each input that its last tick had marked.
    lost: Vec<u64>,
}

/// The accounts of all inputs.
#[derive(Default, Debug)]
pub struct Ledger {
    inputs: Mutex<Vec<Arc<InputLedger>>>,
    losses: Arc<Mutex<Losses>>,
    ticks: Mutex<Ticks>,
    alerts: AtomicU64,
}

/// A panic elsewhere leaves the numbers whole: each change is made in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// Opens the account of an input.
    pub fn add_input(&self, name: &str, counters: Arc<InputCounters>) -> Arc<InputLedger> {
        let input = Arc::new(InputLedger {
            name: name.to_owned(),
            counters,
            parsed: AtomicU64::new(0),
            unparsed_kept: AtomicU64::new(0),
            dropped: Default::default(),
            marked: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            late: AtomicU64::new(0),
            future: AtomicU64::new(0),
            defects: AtomicU64::new(0),
            unsynced: AtomicU64::new(0),
            losses: self.losses.clone(),
        });
        lock(&self.inputs).push(input.clone());
        input
    }

    /// The accounts, in the order they were opened.
    pub fn inputs(&self) -> Vec<Arc<InputLedger>> {
        lock(&self.inputs).clone()
    }

    /// Counts alerts.
    pub fn alerts(&self, alerts: u64) {
        self.alerts.fetch_add(alerts, Ordering::Relaxed);
    }

    /// Alerts counted.
    pub fn alerts_total(&self) -> u64 {
        self.alerts.load(Ordering::Relaxed)
    }

    /// The sum over all inputs.
    pub fn balance(&self) -> Balance {
        let mut total = Balance::default();
        for input in self.inputs() {
            total.add(&input.balance());
        }
        total
    }

    /// Writes what happened since the last tick into the minutes, and marks minutes with losses. To be
    /// called about once a second; a loss noticed at a tick marks every minute since the tick before.
    pub fn tick(&self, now_ns: i64) {
        let inputs = self.inputs();
        let mut ticks = lock(&self.ticks);
        let minute = now_ns.div_euclid(MINUTE_NS);
        let since = ticks.last_ns.map_or(minute, |last_ns| last_ns.div_euclid(MINUTE_NS).min(minute));
        ticks.seen.resize(inputs.len(), Counts::default());
        ticks.lost.resize(inputs.len(), 0);
        for (index, input) in inputs.iter().enumerate() {
            // Read before the losses: one marked in between is then marked twice, never not at all.
            let marked = input.marked.load(Ordering::Acquire);
            let now = input.counts();
            let seen = std::mem::replace(&mut ticks.seen[index], now);
            let lost = now.dropped_total().saturating_sub(marked);
            let fresh = lost.saturating_sub(ticks.lost[index]);
            ticks.lost[index] = ticks.lost[index].max(lost);
            if fresh > 0 {
                let mut losses = lock(&self.losses);
                // A stopped clock or suspended host must not make a loop over years of minutes.
                for minute in since.max(minute - MINUTES_MAX as i64)..=minute {
                    losses.add(minute, fresh);
                }
            }
            let unsynced = input.unsynced_now();
            if now != seen || unsynced > 0 {
                ticks.add_row(minute, input, &now.since(&seen), unsynced);
            }
        }
        ticks.last_ns = Some(now_ns);
    }

    /// True when records received from the minute of `from_ns` to that of `to_ns` were lost. A range
    /// that reaches back before what is remembered is lossy if anything was lost then or later forgotten.
    pub fn lossy_between(&self, from_ns: i64, to_ns: i64) -> bool {
        lock(&self.losses).between(from_ns.div_euclid(MINUTE_NS), to_ns.div_euclid(MINUTE_NS))
    }

    /// The minutes remembered, oldest first; an input without traffic in a minute has no row.
    pub fn minutes(&self) -> Vec<MinuteRow> {
        lock(&self.ticks).rows.iter().cloned().collect()
    }

    /// The rows of minutes that are over, each given once; with `all` those of this minute too.
    pub fn finished(&self, now_ns: i64, all: bool) -> Vec<MinuteRow> {
        let mut ticks = lock(&self.ticks);
        let (minute, given) = (now_ns.div_euclid(MINUTE_NS), ticks.given);
        let rows = ticks.rows.iter().skip(given);
        let finished: Vec<MinuteRow> = rows.take_while(|row| all || row.minute != minute).cloned().collect();
        ticks.given += finished.len();
        finished
    }

    /// The rows that [`Ledger::finished`] has not given.
    pub fn unfinished(&self) -> Vec<MinuteRow> {
        let ticks = lock(&self.ticks);
        ticks.rows.iter().skip(ticks.given).cloned().collect()
    }

    /// Holds the ledger to its law.
    ///
    /// # Panics
    /// When an input's account does not balance.
    #[track_caller]
    pub fn assert_balanced(&self) {
        for input in self.inputs() {
            let balance = input.balance();
            assert!(balance.holds(), "input {} does not balance: {balance:?}", input.name);
        }
    }

    /// Holds the ledger to the state after a clean stop: balanced, and nothing in flight.
    ///
    /// # Panics
    /// When an input's account is not settled.
    #[track_caller]
    pub fn assert_settled(&self) {
        for input in self.inputs() {
            let balance = input.balance();
            assert!(balance.is_settled(), "input {} is not settled: {balance:?}", input.name);
        }
    }

    /// The table for the end of a run: one row an input and the total, then rates.
    pub fn summary(&self, elapsed: Duration, width: usize, color: bool) -> String {
        let heads = ["input", "received", "parsed", "kept raw", "dropped", "in flight", "hits"];
        let columns = heads.map(|head| (head, if head == "input" { Align::Left } else { Align::Right }));
        let mut table = Table::new(&columns);
        let bad = anstyle::Style::new().fg_color(Some(anstyle::AnsiColor::Red.into()));
        let mut push = |name: &str, balance: &Balance, hits: u64| {
            let alarm = |count: u64| {
                let cell = Cell::new(thousands(count));
                if count > 0 { cell.style(bad) } else { cell }
            };
            table.push([
                Cell::new(name),
                Cell::new(thousands(balance.received)),
                Cell::new(thousands(balance.parsed)),
                Cell::new(thousands(balance.unparsed_kept)),
                alarm(balance.dropped_total()),
                alarm(balance.in_flight),
                Cell::new(thousands(hits)),
            ]);
        };
        let inputs = self.inputs();
        let mut total = Balance::default();
        let mut hits = 0;
        for input in &inputs {
            let balance = input.balance();
            let input_hits = input.hits.load(Ordering::Relaxed);
            push(&input.name, &balance, input_hits);
            total.add(&balance);
            hits += input_hits;
        }
        if inputs.len() > 1 {
            push("total", &total, hits);
        }
        let mut text = table.render(width, color);
        for (reason, count) in &total.dropped {
            text.push_str(&format!("dropped {reason}: {}\n", thousands(*count)));
        }
        let seconds = elapsed.as_secs_f64().max(0.001);
        let rate = thousands((total.received as f64 / seconds) as u64);
        let law = if total.holds() { "received = parsed + kept raw + dropped + in flight" } else { "NOT BALANCED" };
        text.push_str(&format!(
            "{} alerts in {seconds:.1} s, {rate} records/s; {law}\n",
            thousands(self.alerts_total())
        ));
        text
    }

    /// Appends the metrics of all inputs.
    pub fn append_metrics(&self, text: &mut Exposition) {
        for input in self.inputs() {
            let labels = &[("input", input.name.as_str())];
            for (name, value) in input.counters.snapshot() {
                let (kind, ending) =
                    if name == "connections_open" { (Kind::Gauge, "") } else { (Kind::Counter, "_total") };
                let help = format!("Counted by the input: {}.", name.replace('_', " "));
                text.add(&format!("noroshi_input_{name}{ending}"), &help, kind, labels, value as f64);
            }
            let balance = input.balance();
            let counters = [
                ("noroshi_records_received_total", "Records received, kernel drops included.", balance.received),
                ("noroshi_records_parsed_total", "Records that became events.", balance.parsed),
                ("noroshi_records_unparsed_kept_total", "Records kept raw on disk.", balance.unparsed_kept),
                ("noroshi_hits_total", "Hits of rules and indicators.", input.hits.load(Ordering::Relaxed)),
                ("noroshi_events_late_total", "Events too late for a window.", input.late.load(Ordering::Relaxed)),
                ("noroshi_events_future_total", "Events from the future.", input.future.load(Ordering::Relaxed)),
            ];
            for (name, help, value) in counters {
                text.add(name, help, Kind::Counter, labels, value as f64);
            }
            for reason in Reason::ALL {
                let labels = &[("input", input.name.as_str()), ("reason", reason.as_str())];
                let dropped = input.dropped_by(reason) as f64;
                text.add("noroshi_records_dropped_total", "Records lost.", Kind::Counter, labels, dropped);
            }
            let in_flight = balance.in_flight as f64;
            text.add("noroshi_records_in_flight", "Records between input and outcome.", Kind::Gauge, labels, in_flight);
            let surplus = balance.surplus as f64;
            text.add(
                "noroshi_ledger_surplus",
                "Outcomes beyond what was received; 0 or a defect.",
                Kind::Gauge,
                labels,
                surplus,
            );
        }
        let alerts = self.alerts_total() as f64;
        text.add("noroshi_alerts_total", "Alerts raised, updates included.", Kind::Counter, &[], alerts);
    }
}

impl Ticks {
    fn add_row(&mut self, minute: i64, input: &InputLedger, counts: &Counts, unsynced: u64) {
        let same = |row: &&mut MinuteRow| row.input == input.name;
        let open = self.rows.len() - self.given;
        let now = self.rows.iter_mut().rev().take(open).take_while(|row| row.minute == minute).find(same);
        if let Some(row) = now {
            row.counts = row.counts.plus(counts);
            row.unsynced = row.unsynced.max(unsynced);
        } else {
            self.rows.push_back(MinuteRow { minute, input: input.name.clone(), counts: *counts, unsynced });
        }
        let too_old = |row: &MinuteRow| row.minute <= minute - MINUTES_MAX as i64;
        while self.rows.len() > MINUTE_ROWS_MAX || self.rows.front().is_some_and(too_old) {
            self.rows.pop_front();
            self.given = self.given.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
