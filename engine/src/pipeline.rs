//! From batches to alerts: the threads between the inputs and the outputs.
//!
//! A batch gets its sequence number, and with it its detection, when a worker takes it from the
//! queue. Workers run to completion and share nothing; each sends one message per batch to every shard. Shards
//! work the messages off in sequence, so what they see is the order of reading, whatever the
//! number of workers. Nothing flows back:
//!
//! ```text
//! queue ‖ workers ‖ shards ‖ tower ‖ outcomes
//!           └───────────┴────────┘
//! ```
//!
//! `‖` is a bounded channel. The tower runs correlations over correlations; what a shard may commit goes through it,
//! behind the episodes it sent up.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use noroshi_archive::Appender;
use noroshi_correlate::{
    Capture, Depot, Finding, Hit, Refused, RuleCheckpoint, RuleCounters, Shard, ShardConfig, ShardMessage, Tower,
    TowerMessage, WatermarkPolicy,
};
use noroshi_input::{Batch, InputIndex};
use noroshi_parsers::decode::SourceOptions;

use crate::alert::Alert;
use crate::detection::Detection;
use crate::evidence::Shared;
use crate::snapshot::{CAPTURE_STEP_BYTES, Cuts, LAST_CUT, Resumed};
use crate::sources::{ClockOffsets, Declared, Registry};
use crate::worker::{BatchDone, Worker};

/// Messages waiting for one shard. With the empty ones among them a fraction of a second of work.
const SHARD_QUEUE: usize = 256;

/// Outcomes waiting for the collector.
const OUTCOME_QUEUE: usize = 256;

/// How often a shard looks at the clock for sources that fell silent.
const TICK: Duration = Duration::from_millis(200);

/// How often a shard tells its counters and how far back input must be read again. That looks at every
/// key: some 10 ms for a million.
const COUNTERS_EVERY: Duration = Duration::from_secs(2);

/// What the engine knows of one input, by its index.
#[derive(Clone, Debug)]
pub struct InputSettings {
    /// Its name; empty for files named on the command line.
    pub name: Arc<str>,
    /// How its records are read.
    pub options: Arc<SourceOptions>,
    /// Whether a record that holds several events is split into them.
    pub split: bool,
    /// What it declares of its sources.
    pub declared: Declared,
    /// What is added to its records' stamps; `None` = nothing.
    pub clocks: Option<Arc<ClockOffsets>>,
}

/// Is shown each hit on its way to the shards, and how its record was read.
pub type Watch = Arc<dyn Fn(&Hit<Shared>, &InputSettings) + Send + Sync>;

/// What a pipeline is built from.
#[derive(Clone)]
pub struct Settings {
    /// Worker threads.
    pub workers: usize,
    /// Correlation shards.
    pub shards: usize,
    /// By [`Batch::input`]; a batch of a higher index takes the last.
    pub inputs: Arc<[InputSettings]>,
    /// Where watermarks come from: live sources, or the end of all input.
    pub watermarks: WatermarkPolicy,
    /// The clock, nanoseconds since the epoch; `None` in replay, where only event time counts.
    pub clock: Option<fn() -> i64>,
    /// Where the correlations stood when the process stopped, where their state is not there.
    pub resume: Vec<RuleCheckpoint>,
    /// When the state is captured; `None` = never.
    pub cuts: Option<Arc<Cuts>>,
    /// Who looks on, as `explain` does.
    pub watch: Option<Watch>,
    /// Where values go that a rule must remember for long; `None` keeps them in memory.
    pub depot: Option<Arc<dyn Depot>>,
    /// Where records are kept before they are looked into.
    pub archive: Option<Appender>,
}

impl Settings {
    /// Whether the input has an end, at which every window is told, and no clock beside that of its records.
    fn is_replay(&self) -> bool {
        self.clock.is_none()
    }
}

/// What comes out.
pub enum Outcome {
    /// A batch is decoded and matched.
    Batch(BatchDone),
    /// A shard has worked off all messages up to `sequence`, or looked at the clock.
    Shard {
        /// Which; the tower comes after the last.
        shard: usize,
        /// Messages worked off: the sequence numbers below this.
        worked_off: u64,
        /// What it found.
        alerts: Vec<Alert>,
        /// Hits that entered no window: late or future.
        refused: Vec<Refused<Shared>>,
        /// By correlation of the detection it runs; now and then, and at the end.
        counters: Option<Vec<RuleCounters>>,
        /// How far back the input must be read after a crash, told with the counters.
        checkpoint: Option<Vec<RuleCheckpoint>>,
    },
    /// A shard's state behind a batch. Its alerts up to there were told before.
    Captured {
        /// Which; the tower comes after the last.
        shard: usize,
        /// Sequence number of the batch.
        cut: u64,
        /// The state.
        capture: Capture<Shared>,
    },
}

/// One batch with what was decided when it was taken.
pub(crate) struct Task {
    pub(crate) sequence: u64,
    /// Number of its first record in the archive.
    pub(crate) first_record: u64,
    pub(crate) batch: Batch,
    pub(crate) detection: Arc<Detection>,
    /// Whether this is the first batch under that detection.
    pub(crate) fresh: bool,
    /// Whether the state behind it is to be captured.
    pub(crate) cut: bool,
    /// Whether it comes from the archive: kept and counted by the run before.
    pub(crate) again: bool,
}

/// Hands out batches with sequence numbers.
pub(crate) struct TaskQueue {
    batches: Receiver<Batch>,
    detection: Arc<ArcSwap<Detection>>,
    cuts: Option<Arc<Cuts>>,
    archive: Option<Appender>,
    next: Mutex<Next>,
}

struct Next {
    sequence: u64,
    /// What the run before kept and did not work off comes before all else.
    again: Option<Receiver<Batch>>,
    current: Option<Arc<Detection>>,
    /// Inputs whose files' ends are behind what was taken of them.
    trailing: BTreeSet<InputIndex>,
}

impl Next {
    /// Whether to cut behind this batch.
    fn cuts(&mut self, cuts: &Cuts, batch: &Batch) -> bool {
        match batch.ends_trail {
            true => self.trailing.insert(batch.input),
            false => self.trailing.remove(&batch.input),
        };
        cuts.changed();
        self.trailing.is_empty() && cuts.ask()
    }
}

impl TaskQueue {
    /// The next batch; `None` when all senders are gone. Waiting holds the lock: the other workers
    /// have nothing else to do but to wait behind it.
    pub(crate) fn take(&self) -> Option<Task> {
        let mut next = self.next.lock().expect("no holder panics");
        let kept = next.again.as_ref().and_then(|again| again.recv().ok());
        if kept.is_none() {
            next.again = None;
        }
        let again = kept.is_some();
        let (batch, cut) = match (&self.cuts, kept) {
            (_, Some(batch)) => (batch, false),
            (None, _) => (self.batches.recv().ok()?, false),
            (Some(cuts), None) => loop {
                match self.batches.recv_timeout(cuts.every()) {
                    Ok(batch) => {
                        let cut = next.cuts(cuts, &batch);
                        break (batch, cut);
                    }
                    // What came last is kept as well when nothing comes after it.
                    Err(RecvTimeoutError::Timeout) if next.trailing.is_empty() && cuts.ask() => {
                        break (Batch::default(), true);
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return None,
                }
            },
        };
        let detection = self.detection.load_full();
        let fresh = !next.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &detection));
        if fresh {
            next.current = Some(Arc::clone(&detection));
        }
        let sequence = next.sequence;
        next.sequence += 1;
        let records = if again { 0 } else { batch.records.len() };
        let first_record = self.archive.as_ref().map_or(0, |archive| archive.claim(records));
        Some(Task { sequence, first_record, batch, detection, fresh, cut, again })
    }
}

pub(crate) struct ShardTask {
    pub(crate) message: ShardMessage<Shared>,
    /// The detection that `message.rules` came from, where it brings new ones.
    pub(crate) detection: Option<Arc<Detection>>,
}

/// What a shard tells the tower.
struct TowerTask {
    messages: Vec<TowerMessage<Shared>>,
    /// The detection that the shard runs, where it is another than before.
    detection: Option<Arc<Detection>>,
    standing: Option<ShardStanding>,
}

/// How far a shard is, behind all it has sent up.
struct ShardStanding {
    shard: usize,
    worked_off: u64,
    counters: Vec<RuleCounters>,
    checkpoint: Vec<RuleCheckpoint>,
}

/// Running threads.
pub struct Pipeline {
    threads: Vec<JoinHandle<()>>,
    /// The sources seen.
    pub registry: Arc<Registry>,
}

impl Pipeline {
    /// Starts workers and shards on a queue of batches. They end when all senders of `batches` are
    /// gone and everything is worked off; then the returned receiver closes.
    ///
    /// # Panics
    /// When the system cannot start a thread.
    pub fn start(
        settings: &Settings,
        detection: &Arc<ArcSwap<Detection>>,
        batches: Receiver<Batch>,
    ) -> (Self, Receiver<Outcome>) {
        Self::resume(settings, detection, batches, None, None)
    }

    /// The same, going on from the state of a run before, and first with `again`, what the archive holds of it and nobody worked off.
    ///
    /// # Panics
    /// When the system cannot start a thread.
    pub(crate) fn resume(
        settings: &Settings,
        detection: &Arc<ArcSwap<Detection>>,
        batches: Receiver<Batch>,
        resumed: Option<Resumed>,
        again: Option<Receiver<Batch>>,
    ) -> (Self, Receiver<Outcome>) {
        let (resumed_shards, resumed_tower, registry) = match resumed {
            Some(Resumed { shards, tower, registry, .. }) => (shards, Some(tower), registry),
            None => (Vec::new(), None, Registry::default()),
        };
        let mut resumed_shards = resumed_shards.into_iter();
        let registry = Arc::new(registry);
        let (outcome_out, outcome_in) = bounded(OUTCOME_QUEUE);
        let queue = Arc::new(TaskQueue {
            batches,
            detection: Arc::clone(detection),
            cuts: settings.cuts.clone(),
            archive: settings.archive.clone(),
            next: Mutex::new(Next { sequence: 0, again, current: None, trailing: BTreeSet::new() }),
        });
        let mut threads = Vec::new();
        let mut shards = Vec::new();
        let spawn = |name: String, body: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name).spawn(body).expect("the system starts threads")
        };
        let (tower_out, tower_in) = bounded(OUTCOME_QUEUE);
        {
            let (settings, outcome_out, detection) = (settings.clone(), outcome_out.clone(), detection.load_full());
            threads.push(spawn(
                "tower".to_owned(),
                Box::new(move || run_tower(&settings, detection, resumed_tower, &tower_in, &outcome_out)),
            ));
        }
        for at in 0..settings.shards.max(1) {
            let (task_out, task_in) = bounded(SHARD_QUEUE);
            shards.push(task_out);
            let (settings, outcome_out, tower_out) = (settings.clone(), outcome_out.clone(), tower_out.clone());
            let (detection, resumed) = (detection.load_full(), resumed_shards.next());
            threads.push(spawn(
                format!("shard-{at}"),
                Box::new(move || run_shard(at, &settings, detection, resumed, &task_in, &outcome_out, &tower_out)),
            ));
        }
        for at in 0..settings.workers.max(1) {
            let queue = Arc::clone(&queue);
            let mut worker = Worker::new(settings, Arc::clone(&registry), shards.len(), detection.load_full());
            let (shards, outcome_out) = (shards.clone(), outcome_out.clone());
            let body = move || {
                while let Some(task) = queue.take() {
                    let (messages, done) = worker.work(task);
                    for (shard, message) in shards.iter().zip(messages) {
                        if shard.send(message).is_err() {
                            return;
                        }
                    }
                    if outcome_out.send(Outcome::Batch(done)).is_err() {
                        return;
                    }
                }
            };
            threads.push(spawn(format!("worker-{at}"), Box::new(body)));
        }
        (Pipeline { threads, registry }, outcome_in)
    }

    /// Waits until everything is worked off.
    ///
    /// # Errors
    /// The name of a thread that panicked.
    pub fn join(self) -> Result<(), String> {
        let mut failed = Vec::new();
        for thread in self.threads {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                failed.push(name);
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(format!("threads panicked: {}", failed.join(", "))) }
    }
}

fn run_shard(
    at: usize,
    settings: &Settings,
    mut detection: Arc<Detection>,
    resumed: Option<Shard<Shared>>,
    tasks: &Receiver<ShardTask>,
    outcomes: &Sender<Outcome>,
    tower: &Sender<TowerTask>,
) {
    let live = !settings.is_replay();
    let config = ShardConfig {
        shard: at,
        shards: settings.shards.max(1),
        policy: settings.watermarks,
        emit_open: live,
        resume: settings.resume.clone(),
        depot: settings.depot.clone(),
    };
    let mut shard = resumed.unwrap_or_else(|| Shard::new(config, &detection.specs));
    let mut before = Arc::clone(&detection);
    let mut incoming: Vec<(u64, Arc<Detection>)> = Vec::new();
    let mut findings = Vec::new();
    let mut counted = Instant::now();
    let mut told = 0;
    let mut shown = Arc::clone(&detection);
    let mut ended = false;
    while !ended {
        match next_task(tasks, shard.is_capturing()) {
            Ok(task) => {
                if let Some(fresh) = task.detection {
                    incoming.push((task.message.sequence, fresh));
                }
                shard.accept(task.message, &mut findings);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                ended = true;
                if !live {
                    shard.finish(&mut findings);
                }
            }
        }
        // The shard works in sequence; which rules it runs is told by what it has worked off.
        let worked_off = shard.counters().messages;
        incoming.retain(|(sequence, fresh)| {
            let switched = *sequence < worked_off;
            if switched {
                before = std::mem::replace(&mut detection, Arc::clone(fresh));
            }
            !switched
        });
        if let Some(clock) = settings.clock {
            shard.tick(clock(), &mut findings);
        }
        let alerts = alerts_of(&mut findings, &detection, &before);
        let mut refused = Vec::new();
        shard.drain_refused(&mut refused);
        let due = ended || counted.elapsed() >= COUNTERS_EVERY;
        if due {
            counted = Instant::now();
        }
        let is_told = alerts.is_empty() && refused.is_empty() && worked_off == told;
        told = worked_off;
        // The alerts go first: what may be committed is told behind them.
        let outcome = Outcome::Shard { shard: at, worked_off, alerts, refused, counters: None, checkpoint: None };
        if !is_told && outcomes.send(outcome).is_err() {
            return;
        }
        let captured = match settings.cuts.is_some() && ended {
            true => Some((LAST_CUT, shard.capture_now(LAST_CUT))),
            false => shard.capture(CAPTURE_STEP_BYTES),
        };
        if let Some((cut, capture)) = captured
            && outcomes.send(Outcome::Captured { shard: at, cut, capture }).is_err()
        {
            return;
        }
        let mut messages = Vec::new();
        shard.rise(ended && !live, &mut messages);
        let standing = due.then(|| ShardStanding {
            shard: at,
            worked_off,
            counters: shard.rule_counters(),
            checkpoint: if live { shard.checkpoint() } else { Vec::new() },
        });
        if standing.is_none() && messages.is_empty() {
            continue;
        }
        let fresh = (!Arc::ptr_eq(&detection, &shown)).then(|| Arc::clone(&detection));
        shown = Arc::clone(&detection);
        if tower.send(TowerTask { messages, detection: fresh, standing }).is_err() {
            return;
        }
    }
}

/// The next message; while a capture is taken, none rather than waiting for one.
fn next_task<T>(tasks: &Receiver<T>, capturing: bool) -> Result<T, RecvTimeoutError> {
    if !capturing {
        return tasks.recv_timeout(TICK);
    }
    tasks.try_recv().map_err(|none| match none {
        TryRecvError::Empty => RecvTimeoutError::Timeout,
        TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
    })
}

/// The alerts of findings, those of correlations that only feed others left out. A finding of a rule that a reload took away
/// belongs to the detection before.
fn alerts_of(findings: &mut Vec<Finding<Shared>>, detection: &Arc<Detection>, before: &Arc<Detection>) -> Vec<Alert> {
    let of = |detection: &Arc<Detection>, finding: &Finding<Shared>| {
        let found = detection.correlation_of(&finding.spec)?;
        Some(found.rule.alerts.then(|| Alert::of_finding(detection, found, finding)))
    };
    findings
        .drain(..)
        .filter_map(|finding| of(detection, &finding).or_else(|| of(before, &finding)).flatten())
        .collect()
}

fn run_tower(
    settings: &Settings,
    mut detection: Arc<Detection>,
    resumed: Option<Tower<Shared>>,
    tasks: &Receiver<TowerTask>,
    outcomes: &Sender<Outcome>,
) {
    let live = !settings.is_replay();
    let shards = settings.shards.max(1);
    let specs = Arc::clone(&detection.specs);
    let anew = || Tower::new(shards, settings.watermarks, live, settings.resume.clone(), specs);
    let mut tower = resumed.unwrap_or_else(anew);
    let mut before = Arc::clone(&detection);
    let (mut findings, mut refused) = (Vec::new(), Vec::new());
    loop {
        let mut standing = None;
        let mut ended = false;
        match next_task(tasks, tower.is_capturing()) {
            Ok(task) => {
                // Of the shards the first that comes to a new detection tells it.
                if let Some(fresh) = task.detection.filter(|fresh| !Arc::ptr_eq(fresh, &detection)) {
                    if !Arc::ptr_eq(&fresh, &before) {
                        before = std::mem::replace(&mut detection, fresh);
                    }
                }
                task.messages.into_iter().for_each(|message| tower.accept(message, &mut findings));
                standing = task.standing;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => ended = true,
        }
        if let Some(clock) = settings.clock {
            tower.tick(clock(), &mut findings);
        }
        let alerts = alerts_of(&mut findings, &detection, &before);
        tower.drain_refused(&mut refused);
        let counters = (ended || standing.is_some()).then(|| tower.rule_counters());
        if !alerts.is_empty() || !refused.is_empty() || counters.is_some() {
            let refused = std::mem::take(&mut refused);
            let told = Outcome::Shard { shard: shards, worked_off: 0, alerts, refused, counters, checkpoint: None };
            if outcomes.send(told).is_err() {
                return;
            }
        }
        let room = if ended { usize::MAX } else { CAPTURE_STEP_BYTES };
        if let Some((cut, capture)) = tower.capture(room)
            && outcomes.send(Outcome::Captured { shard: shards, cut, capture }).is_err()
        {
            return;
        }
        if let Some(ShardStanding { shard, worked_off, counters, mut checkpoint }) = standing {
            if live {
                checkpoint.extend(tower.checkpoint());
            }
            let told = Outcome::Shard {
                shard,
                worked_off,
                alerts: Vec::new(),
                refused: Vec::new(),
                counters: Some(counters),
                checkpoint: live.then_some(checkpoint),
            };
            if outcomes.send(told).is_err() {
                return;
            }
        }
        if ended {
            return;
        }
    }
}

/// Sends every batch that `read` yields to the pipeline's queue.
pub fn feed(mut read: impl FnMut() -> Option<Batch>, queue: &Sender<Batch>) {
    while let Some(batch) = read() {
        if queue.send(batch).is_err() {
            return;
        }
    }
}
