//! What happens to what the pipeline yields: spool, ledger, sinks, checkpoints.
//!
//! Outcomes of workers are taken in the order of reading. A followed file's checkpoint is committed only over
//! records whose batch is worked off by every shard, whose unparsed records are in the spool, whose
//! alerts every sink has settled, and behind which no window reaches: hits after
//! [`RuleCheckpoint::complete_after_ns`] must be read again after a crash.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use noroshi_correlate::{Refusal, Refused, RuleCheckpoint, RuleCounters};
use noroshi_input::{Batch, CheckpointStore, FileCheckpoint, Origin, RecordRef};
use tracing::{debug, error, warn};

use crate::alert::{Alert, Provenance};
use crate::evidence::hex;
use crate::ledger::{InputLedger, Ledger};
use crate::pipeline::Outcome;
use crate::resume::ResumeStore;
use crate::sink::{AlertLine, Sinks};
use crate::spool::{Spool, SpoolEntry};
use crate::worker::BatchDone;

/// How often the ledger's minutes are written up and checkpoints are committed.
const TICK: Duration = Duration::from_secs(1);

/// Positions remembered of one file between its begin and the committed place. Over it every second one goes: a
/// checkpoint then trails by a little more, which costs re-reading, not correctness.
const POSITIONS_MAX: usize = 4096;

/// Late and future hits told in the log each second; all are counted.
const REFUSED_TOLD_MAX: usize = 5;

/// Figures that only the collector knows, for metrics.
#[derive(Debug, Default)]
pub(crate) struct CollectorCounters {
    /// Hits that entered no window for being late, by the rules' sum.
    pub(crate) late: AtomicU64,
    /// The same for hits ahead of their receive time.
    pub(crate) future: AtomicU64,
    /// Hits without a group key, or beyond the keys of one hit.
    pub(crate) keyless: AtomicU64,
    /// Batches done.
    pub(crate) batches: AtomicU64,
    /// Sums of the shards' counters, by correlation.
    pub(crate) rules: std::sync::Mutex<Vec<RuleCounters>>,
}

/// Everything the collector writes to.
pub(crate) struct Outputs {
    pub(crate) sinks: Arc<Sinks>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) inputs: Vec<Arc<InputLedger>>,
    pub(crate) checkpoints: CheckpointStore,
    pub(crate) resume: ResumeStore,
    pub(crate) counters: Arc<CollectorCounters>,
    pub(crate) node: Arc<str>,
    pub(crate) clock: fn() -> i64,
}

/// One place of a file that may become its checkpoint.
struct Position {
    sequence: u64,
    /// The sinks' number after the alerts of its batch.
    alerts: u64,
    /// Records handed to the spool up to here.
    spooled: u64,
    offset: u64,
    line: u64,
    /// Greatest event time of any record before it.
    max_event_time_ns: i64,
}

struct File {
    checkpoint: FileCheckpoint,
    positions: VecDeque<Position>,
    max_event_time_ns: i64,
}

pub(crate) struct Collector {
    outputs: Outputs,
    next: u64,
    waiting: BTreeMap<u64, BatchDone>,
    /// By shard: messages worked off.
    worked_off: Vec<u64>,
    rule_counters: Vec<Vec<RuleCounters>>,
    rule_checkpoints: Vec<Vec<RuleCheckpoint>>,
    files: HashMap<(PathBuf, u64, u64), File>,
    alerts_sequence: u64,
    sinks_sequence: u64,
    spooled: u64,
    committed: Vec<FileCheckpoint>,
    refused_told: usize,
}

impl Collector {
    pub(crate) fn new(outputs: Outputs, shards: usize) -> Self {
        Collector {
            outputs,
            next: 0,
            waiting: BTreeMap::new(),
            worked_off: vec![0; shards.max(1)],
            rule_counters: vec![Vec::new(); shards.max(1)],
            rule_checkpoints: vec![Vec::new(); shards.max(1)],
            files: HashMap::new(),
            alerts_sequence: 0,
            sinks_sequence: 0,
            spooled: 0,
            committed: Vec::new(),
            refused_told: 0,
        }
    }

    /// Takes outcomes until the pipeline ends.
    pub(crate) fn run(mut self, outcomes: &Receiver<Outcome>) {
        let mut ticked = Instant::now();
        loop {
            match outcomes.recv_timeout(TICK) {
                Ok(outcome) => self.take(outcome),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.tick();
            }
        }
        self.tick();
    }

    /// After the sinks and the spool are settled: the last checkpoint.
    fn tick(&mut self) {
        self.outputs.ledger.tick((self.outputs.clock)());
        if self.refused_told > REFUSED_TOLD_MAX {
            warn!("{} more late or future hits in the last second", self.refused_told - REFUSED_TOLD_MAX);
        }
        self.refused_told = 0;
        self.commit();
    }

    fn take(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Batch(done) => {
                self.waiting.insert(done.sequence, done);
                while let Some(done) = self.waiting.remove(&self.next) {
                    self.next += 1;
                    self.batch(done);
                }
            }
            Outcome::Shard { shard, worked_off, alerts, refused, counters, checkpoint } => {
                self.worked_off[shard] = worked_off;
                self.send(alerts);
                self.refused(&refused);
                if let Some(counters) = counters {
                    self.rule_counters[shard] = counters;
                    *self.outputs.counters.rules.lock().expect("no holder panics") = sum(&self.rule_counters);
                }
                if let Some(checkpoint) = checkpoint {
                    self.rule_checkpoints[shard] = checkpoint;
                }
            }
        }
    }

    fn batch(&mut self, done: BatchDone) {
        let at = usize::from(done.batch.input);
        let counters = &self.outputs.counters;
        counters.batches.fetch_add(1, Ordering::Relaxed);
        counters.keyless.fetch_add(done.keyless, Ordering::Relaxed);
        let input = Arc::clone(&self.outputs.inputs[at]);
        if !done.unparsed.is_empty() {
            let entries: Vec<_> = done
                .unparsed
                .iter()
                .map(|unparsed| {
                    let record = &unparsed.record;
                    let part = record.flags.contains(noroshi_input::RecordFlags::PART);
                    SpoolEntry {
                        input: Arc::clone(&input),
                        receive_time_ns: record.receive_time_ns,
                        origin: origin_text(done.batch.origin(record)),
                        offset: record.offset,
                        raw: done.batch.record(record).to_vec(),
                        defects: unparsed.defects.iter().map(noroshi_parsers::defect::Defect::name).collect(),
                        part: part.then_some(record.part),
                    }
                })
                .collect();
            self.spooled += entries.len() as u64;
            // The spool takes the entries over whatever it answers; its ailment shows in /healthz.
            if let Err(cause) = self.outputs.spool.append(&entries) {
                debug!("spool: {cause}");
            }
        }
        input.parsed(done.parsed);
        input.hits(done.hits);
        self.send(done.alerts);
        for gone in done.batch.gone() {
            self.files.retain(|(_, dev, ino), _| (*dev, *ino) != (gone.dev, gone.ino));
        }
        for checkpoint in done.batch.checkpoints() {
            let (identity, offset, line) = (checkpoint.identity, checkpoint.offset, checkpoint.line);
            let key = (checkpoint.path.clone(), identity.dev, identity.ino);
            let file = self.files.entry(key).or_insert_with(|| File {
                checkpoint: begin_of(&done.batch, &checkpoint),
                positions: VecDeque::new(),
                max_event_time_ns: i64::MIN,
            });
            file.checkpoint.identity = identity;
            file.max_event_time_ns = file.max_event_time_ns.max(done.max_event_time_ns);
            if file.positions.len() >= POSITIONS_MAX {
                let mut keep = false;
                file.positions.retain(|_| {
                    keep = !keep;
                    keep
                });
            }
            file.positions.push_back(Position {
                sequence: done.sequence,
                alerts: self.sinks_sequence,
                spooled: self.spooled,
                offset,
                line,
                max_event_time_ns: file.max_event_time_ns,
            });
        }
    }

    fn send(&mut self, alerts: Vec<Alert>) {
        if alerts.is_empty() {
            return;
        }
        let emitted_ns = (self.outputs.clock)();
        let count = alerts.len() as u64;
        let lines = alerts
            .iter()
            .map(|alert| {
                self.alerts_sequence += 1;
                let provenance = Provenance {
                    emitted_ns,
                    sequence: self.alerts_sequence,
                    node: Arc::clone(&self.outputs.node),
                    lossy: alert.received_from_ns != 0
                        && self.outputs.ledger.lossy_between(alert.received_from_ns, emitted_ns),
                };
                AlertLine {
                    json: alert.emit(Some(&provenance)).to_string(),
                    id: alert.id,
                    is_final: alert.is_final,
                    severity: alert.severity,
                }
            })
            .collect();
        self.outputs.ledger.alerts(count);
        self.sinks_sequence = self.outputs.sinks.send(lines);
    }

    fn refused(&mut self, refused: &[Refused]) {
        for one in refused {
            let (counter, word) = match one.refusal {
                Refusal::Late => (&self.outputs.counters.late, "late"),
                Refusal::Future => (&self.outputs.counters.future, "future"),
            };
            counter.fetch_add(1, Ordering::Relaxed);
            self.refused_told += 1;
            if self.refused_told <= REFUSED_TOLD_MAX {
                let time = noroshi_parsers::time::format_rfc3339(one.time_ns);
                warn!(correlation = one.rule, source = one.source.0, %time, content = hex(&one.digest), "{word} hit: counted, in no window");
            }
        }
    }

    /// Commits what may be committed of each file.
    fn commit(&mut self) {
        if self.files.is_empty() {
            return;
        }
        // A shard that has rules and told no checkpoint yet holds everything back.
        let rules = self.rule_counters.iter().map(Vec::len).max().unwrap_or(0);
        if self.rule_checkpoints.iter().any(|checkpoints| checkpoints.len() < rules) {
            return;
        }
        let resume = least(&self.rule_checkpoints);
        let complete_after_ns = resume.iter().map(|checkpoint| checkpoint.complete_after_ns).min().unwrap_or(i64::MAX);
        let worked_off = self.worked_off.iter().copied().min().unwrap_or(0);
        let settled = self.outputs.sinks.settled();
        let spooled = self.outputs.spool.settled();
        for file in self.files.values_mut() {
            while let Some(position) = file.positions.front() {
                let passed = position.sequence < worked_off
                    && position.alerts <= settled
                    && position.spooled <= spooled
                    && position.max_event_time_ns <= complete_after_ns;
                if !passed {
                    break;
                }
                file.checkpoint.offset = position.offset;
                file.checkpoint.line = position.line;
                file.positions.pop_front();
            }
        }
        let checkpoints: Vec<_> = self.files.values().map(|file| file.checkpoint.clone()).collect();
        if checkpoints == self.committed {
            return;
        }
        // What the rules had told comes first: a crash between the two repeats, and repeats are dropped by (id, state).
        let saved = self.outputs.resume.save(&resume).and_then(|()| self.outputs.checkpoints.save(&checkpoints));
        match saved {
            Ok(()) => self.committed = checkpoints,
            Err(cause) => error!(
                path = %self.outputs.checkpoints.path().display(),
                "cannot save checkpoints: {cause}; free space or mend the disk: until then a restart reads more again"
            ),
        }
    }
}

/// The checkpoint of a file that was not seen before: before its first record of the batch, as nothing of it is
/// committed yet.
fn begin_of(batch: &Batch, end: &FileCheckpoint) -> FileCheckpoint {
    let is_of = |record: &&RecordRef| {
        matches!(&**batch.origin(record), Origin::File { path, identity }
            if *path == end.path && (identity.dev, identity.ino) == (end.identity.dev, end.identity.ino))
    };
    match batch.records.iter().find(is_of) {
        Some(first) => FileCheckpoint { offset: first.offset, line: first.line, ..end.clone() },
        None => end.clone(),
    }
}

/// Where a record came from, for the spool.
fn origin_text(origin: &Origin) -> String {
    match origin {
        Origin::File { path, .. } => path.display().to_string(),
        Origin::Stdin => "stdin".to_owned(),
        Origin::Udp { peer, .. } | Origin::Tcp { peer, .. } | Origin::Tls { peer, .. } => peer.to_string(),
    }
}

fn sum(shards: &[Vec<RuleCounters>]) -> Vec<RuleCounters> {
    let longest = shards.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest)
        .map(|at| {
            let mut of_rule = shards.iter().filter_map(|counters| counters.get(at));
            let mut total = of_rule.next().copied().unwrap_or_default();
            of_rule.for_each(|counters| total.add(counters));
            total
        })
        .collect()
}

/// Of several shards the least of both numbers, by rule.
fn least(shards: &[Vec<RuleCheckpoint>]) -> Vec<RuleCheckpoint> {
    let mut least = shards.first().cloned().unwrap_or_default();
    for checkpoint in shards.iter().skip(1).flatten() {
        if let Some(known) = least.iter_mut().find(|known| known.definition_digest == checkpoint.definition_digest) {
            known.settled_ns = known.settled_ns.min(checkpoint.settled_ns);
            known.complete_after_ns = known.complete_after_ns.min(checkpoint.complete_after_ns);
        }
    }
    least
}
