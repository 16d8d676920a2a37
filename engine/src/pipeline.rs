//! From batches to alerts: the threads between the inputs and the outputs.
//!
//! A batch gets its sequence number, and with it its detection, when a worker takes it from the
//! queue. Workers run to completion and share nothing; each sends one message per batch to every shard. Shards
//! work the messages off in sequence, so what they see is the order of reading, whatever the
//! number of workers. Nothing flows back:
//!
//! ```text
//! queue ‖ workers ‖ shards ‖ outcomes
//!           └───────────────┘
//! ```
//!
//! `‖` is a bounded channel.

use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use noroshi_correlate::{Refused, RuleCheckpoint, RuleCounters, Shard, ShardConfig, ShardMessage, WatermarkPolicy};
use noroshi_input::Batch;
use noroshi_parsers::decode::SourceOptions;

use crate::alert::Alert;
use crate::detection::Detection;
use crate::evidence::Shared;
use crate::sources::{Declared, Registry};
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
}

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
    /// Where the correlations stood when the process stopped.
    pub resume: Vec<RuleCheckpoint>,
}

/// What comes out.
pub enum Outcome {
    /// A batch is decoded and matched.
    Batch(BatchDone),
    /// A shard has worked off all messages up to `sequence`, or looked at the clock.
    Shard {
        /// Which.
        shard: usize,
        /// Messages worked off: the sequence numbers below this.
        worked_off: u64,
        /// What it found.
        alerts: Vec<Alert>,
        /// Hits that entered no window: late or future.
        refused: Vec<Refused>,
        /// By correlation of the detection it runs; now and then, and at the end.
        counters: Option<Vec<RuleCounters>>,
        /// How far back the input must be read after a crash, told with the counters.
        checkpoint: Option<Vec<RuleCheckpoint>>,
    },
}

/// One batch with what was decided when it was taken.
pub(crate) struct Task {
    pub(crate) sequence: u64,
    pub(crate) batch: Batch,
    pub(crate) detection: Arc<Detection>,
    /// Whether this is the first batch under that detection.
    pub(crate) fresh: bool,
}

/// Hands out batches with sequence numbers.
pub(crate) struct TaskQueue {
    batches: Receiver<Batch>,
    detection: Arc<ArcSwap<Detection>>,
    next: Mutex<Next>,
}

struct Next {
    sequence: u64,
    current: Option<Arc<Detection>>,
}

impl TaskQueue {
    /// The next batch; `None` when all senders are gone. Waiting holds the lock: the other workers
    /// have nothing else to do but to wait behind it.
    pub(crate) fn take(&self) -> Option<Task> {
        let mut next = self.next.lock().expect("no holder panics");
        let batch = self.batches.recv().ok()?;
        let detection = self.detection.load_full();
        let fresh = !next.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &detection));
        if fresh {
            next.current = Some(Arc::clone(&detection));
        }
        let sequence = next.sequence;
        next.sequence += 1;
        Some(Task { sequence, batch, detection, fresh })
    }
}

pub(crate) struct ShardTask {
    pub(crate) message: ShardMessage<Shared>,
    /// The detection that `message.rules` came from, where it brings new ones.
    pub(crate) detection: Option<Arc<Detection>>,
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
        let registry = Arc::new(Registry::default());
        let (outcome_out, outcome_in) = bounded(OUTCOME_QUEUE);
        let queue = Arc::new(TaskQueue {
            batches,
            detection: Arc::clone(detection),
            next: Mutex::new(Next { sequence: 0, current: None }),
        });
        let mut threads = Vec::new();
        let mut shards = Vec::new();
        let spawn = |name: String, body: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name).spawn(body).expect("the system starts threads")
        };
        for at in 0..settings.shards.max(1) {
            let (task_out, task_in) = bounded(SHARD_QUEUE);
            shards.push(task_out);
            let (settings, outcome_out) = (settings.clone(), outcome_out.clone());
            let detection = detection.load_full();
            threads.push(spawn(
                format!("shard-{at}"),
                Box::new(move || run_shard(at, &settings, detection, &task_in, &outcome_out)),
            ));
        }
        for at in 0..settings.workers.max(1) {
            let queue = Arc::clone(&queue);
            let mut worker =
                Worker::new(settings.inputs.clone(), Arc::clone(&registry), shards.len(), detection.load_full());
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
    tasks: &Receiver<ShardTask>,
    outcomes: &Sender<Outcome>,
) {
    let live = settings.watermarks == WatermarkPolicy::Live;
    let config = ShardConfig {
        shard: at,
        shards: settings.shards.max(1),
        policy: settings.watermarks,
        emit_open: live,
        resume: settings.resume.clone(),
    };
    let mut shard = Shard::new(config, &detection.specs);
    let mut before = Arc::clone(&detection);
    let mut incoming: Vec<(u64, Arc<Detection>)> = Vec::new();
    let mut findings = Vec::new();
    let mut counted = Instant::now();
    let mut told = 0;
    let mut ended = false;
    while !ended {
        match tasks.recv_timeout(TICK) {
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
        let alerts: Vec<_> = findings
            .drain(..)
            .filter_map(|finding| {
                // A finding of a rule that a reload took away belongs to the detection before.
                let of = |detection: &Arc<Detection>| {
                    detection.correlation_of(&finding.spec).map(|found| Alert::of_finding(detection, found, &finding))
                };
                of(&detection).or_else(|| of(&before))
            })
            .collect();
        let mut refused = Vec::new();
        shard.drain_refused(&mut refused);
        let due = ended || counted.elapsed() >= COUNTERS_EVERY;
        if due {
            counted = Instant::now();
        } else if alerts.is_empty() && refused.is_empty() && worked_off == told {
            continue;
        }
        told = worked_off;
        let counters = due.then(|| shard.rule_counters());
        let checkpoint = (due && live).then(|| shard.checkpoint());
        if outcomes.send(Outcome::Shard { shard: at, worked_off, alerts, refused, counters, checkpoint }).is_err() {
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
