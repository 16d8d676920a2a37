//! What happens to what the pipeline yields: spool, ledger, sinks, checkpoints.
//!
//! Outcomes of workers are taken in the order of reading. A followed file's checkpoint is committed only over
//! records whose batch is worked off by every shard and in the archive, if there is one, whose unparsed records are in the spool, whose
//! alerts every sink has settled, and behind which no window reaches: hits after
//! [`RuleCheckpoint::complete_after_ns`] must be read again after a crash. What is to be committed is
//! therefore one standing: what all shards said at one moment of theirs, saved only when the alerts they had
//! told by then are out.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use noroshi_archive::Watcher;
use noroshi_correlate::{Refusal, Refused, RuleCheckpoint, RuleCounters};
use noroshi_input::files::{Files, directory_of};
use noroshi_input::{Batch, CheckpointStore, FileCheckpoint, FileIdentity, Origin, Receipt, RecordRef};
use tracing::{debug, error, warn};

use crate::alert::{Alert, Provenance};
use crate::evidence::Shared;
use crate::evidence::hex;
use crate::late::LateList;
use crate::ledger::minutes::MinuteFile;
use crate::ledger::{InputLedger, Ledger};
use crate::pipeline::Outcome;
use crate::resume::ResumeStore;
use crate::sink::{AlertLine, Sinks};
use crate::skew::Skews;
use crate::snapshot::FilePlace;
use crate::snapshot::keeper::{Keeper, Places};
use crate::sources::Registry;
use crate::spool::{Spool, SpoolEntry};
use crate::worker::BatchDone;

/// How often the ledger's minutes are written up and checkpoints are committed.
const TICK: Duration = Duration::from_secs(1);

/// How often the spool is looked at while a sender waits for what was handed to it.
const RECEIPT_LOOK: Duration = Duration::from_millis(1);

/// Positions remembered of one file between its begin and the committed place. Over it every second one goes: a
/// checkpoint then trails by a little more, which costs re-reading, not correctness.
const POSITIONS_MAX: usize = 4096;

/// How long the state waits for the archive's disk. A snapshot that is passed over is made up for by the next.
const ARCHIVE_PATIENCE: Duration = Duration::from_secs(5);

/// Late and future hits told in the log each second; all are counted.
const REFUSED_TOLD_MAX: usize = 5;

/// Ids of final alerts remembered, so that records which are equal in every byte and nanosecond make one alert.
/// Repeats come close together (a relay that sends twice): a few seconds of alerts even in a flood.
const RECENT_ALERTS_MAX: usize = 1 << 16;

/// Figures that only the collector knows, for metrics.
#[derive(Debug, Default)]
pub(crate) struct CollectorCounters {
    /// Hits that entered no window for being late, by the rules' sum.
    pub(crate) late: AtomicU64,
    /// The same for hits ahead of their receive time.
    pub(crate) future: AtomicU64,
    /// Hits without a group key, or beyond the keys of one hit.
    pub(crate) keyless: AtomicU64,
    /// Final alerts that repeated one told before.
    pub(crate) repeated: AtomicU64,
    /// Late and future hits that the list had no room for.
    pub(crate) unlisted: AtomicU64,
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
    pub(crate) late: LateList,
    pub(crate) minutes: MinuteFile,
    pub(crate) skews: Arc<Mutex<Skews>>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) node: Arc<str>,
    pub(crate) archive: Option<Watcher>,
    /// Number of the archive's next record when the run began.
    pub(crate) archived: u64,
    /// What is found in the archive, beside the stream.
    pub(crate) retrospective: Receiver<Vec<Alert>>,
    pub(crate) clock: fn() -> i64,
}

/// One place of a file that may become its checkpoint.
struct Position {
    sequence: u64,
    /// Records handed to the spool up to here.
    spooled: u64,
    /// Which content the offset is of: a file that was cut back keeps its name and inode.
    identity: FileIdentity,
    offset: u64,
    line: u64,
    /// Greatest event time of any record before it.
    max_event_time_ns: i64,
}

struct File {
    checkpoint: FileCheckpoint,
    /// Everything before is in a batch that was worked off by a worker.
    read_to: FileCheckpoint,
    positions: VecDeque<Position>,
    max_event_time_ns: i64,
    /// It is read no more; forgotten once everything of it is committed.
    gone: bool,
}

/// What one shard said of its correlations, all of one moment.
struct Standing {
    /// Messages worked off at that moment.
    worked_off: u64,
    rules: Vec<RuleCheckpoint>,
    /// The least `complete_after_ns` of the rules that any source has fed. The others have no state, so
    /// nothing has to be read again for them.
    complete_after_ns: i64,
}

/// A commit that waits for the outputs.
struct Candidate {
    /// The sinks' number when it was made: its correlations had told no alert beyond.
    alerts: u64,
    resume: Vec<RuleCheckpoint>,
    files: Vec<FileCheckpoint>,
}

/// A sender that waits until its batch is worked off and what nobody understood of it is in the spool.
struct Awaited {
    receipt: Receipt,
    /// Records handed to the spool up to its last; 0 when all were understood.
    spooled: u64,
    /// What the spool had dropped before.
    dropped: u64,
}

pub(crate) struct Collector {
    outputs: Outputs,
    next: u64,
    waiting: BTreeMap<u64, BatchDone>,
    rule_counters: Vec<Vec<RuleCounters>>,
    /// By shard; `None` until it has told.
    standings: Vec<Option<Standing>>,
    /// By device and inode.
    files: BTreeMap<(u64, u64), File>,
    alerts_sequence: u64,
    sinks_sequence: u64,
    spooled: u64,
    /// Number of the archive's next record behind the last batch.
    archived: u64,
    /// In the order of reading, which is also the order of the answers.
    receipts: VecDeque<Awaited>,
    candidate: Option<Candidate>,
    committed: Vec<FileCheckpoint>,
    recent: HashSet<[u8; 16]>,
    recent_order: VecDeque<[u8; 16]>,
    refused_told: usize,
    /// Batches that were worked off and may not be synced by the archive: sequence, input, records.
    unsynced: VecDeque<(u64, usize, u64)>,
    /// Where the state is kept over a restart.
    keeper: Option<Keeper>,
}

impl Collector {
    /// A collector that keeps the places of the run before, `known`, until their files are read on.
    pub(crate) fn new(outputs: Outputs, shards: usize, known: Vec<FilePlace>, keeper: Option<Keeper>) -> Self {
        let file = |place: FilePlace| {
            let FilePlace { read_to, max_event_time_ns, settled_to: checkpoint } = place;
            let position = Position {
                sequence: 0,
                spooled: 0,
                identity: read_to.identity,
                offset: read_to.offset,
                line: read_to.line,
                max_event_time_ns,
            };
            let positions = if read_to == checkpoint { VecDeque::new() } else { [position].into() };
            let key = (checkpoint.identity.dev, checkpoint.identity.ino);
            (key, File { checkpoint, read_to, positions, max_event_time_ns, gone: false })
        };
        let archived = outputs.archived;
        Collector {
            outputs,
            next: 0,
            waiting: BTreeMap::new(),
            // The tower's come after the shards'.
            rule_counters: vec![Vec::new(); shards.max(1) + 1],
            standings: (0..shards.max(1)).map(|_| None).collect(),
            files: known.into_iter().map(file).collect(),
            alerts_sequence: 0,
            sinks_sequence: 0,
            spooled: 0,
            archived,
            receipts: VecDeque::new(),
            candidate: None,
            committed: Vec::new(),
            recent: HashSet::new(),
            recent_order: VecDeque::new(),
            refused_told: 0,
            unsynced: VecDeque::new(),
            keeper,
        }
    }

    /// Takes outcomes until the pipeline ends; then [`Collector::finish`] is due.
    pub(crate) fn run(mut self, outcomes: &Receiver<Outcome>) -> Self {
        let mut ticked = Instant::now();
        loop {
            let wait = if self.receipts.is_empty() { TICK } else { RECEIPT_LOOK };
            match outcomes.recv_timeout(wait) {
                Ok(outcome) => self.take(outcome),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.answer();
            self.take_retrospective();
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.tick();
            }
        }
        self.take_retrospective();
        self
    }

    fn take_retrospective(&mut self) {
        while let Ok(alerts) = self.outputs.retrospective.try_recv() {
            self.send(alerts);
        }
    }

    /// After the sinks and the spool are settled: the last answers and the last checkpoint.
    pub(crate) fn finish(mut self) {
        self.answer();
        self.tick();
        let last = self.outputs.ledger.finished((self.outputs.clock)(), true);
        self.outputs.minutes.take(last);
        let Some(keeper) = self.keeper.take() else { return };
        if self.is_kept(self.next) {
            keeper.finish(self.places(), self.sinks_sequence);
        } else {
            error!(
                "the last state is not saved: not all that was read is in the archive; it is read again at the next start"
            );
        }
    }

    /// How far every file was read.
    fn places(&self) -> Places {
        let place = |file: &File| FilePlace {
            read_to: file.read_to.clone(),
            max_event_time_ns: file.max_event_time_ns,
            settled_to: file.checkpoint.clone(),
        };
        let archived = self.outputs.archive.as_ref().map(|_| self.archived);
        Places { files: self.files.values().map(place).collect(), spooled: self.spooled, archived }
    }

    /// Answers the senders whose records are worked off and, where nobody understood them, spooled. Nothing else of them is
    /// on disk: that takes an archive.
    fn answer(&mut self) {
        let spool = &self.outputs.spool;
        while let Some(first) = self.receipts.front() {
            if first.spooled > 0 && spool.settled() < first.spooled {
                return;
            }
            let Some(Awaited { receipt, spooled, dropped }) = self.receipts.pop_front() else { return };
            if spooled > 0 && spool.status().dropped_total() > dropped {
                receipt.refused("the disk of the spool fails");
            } else {
                receipt.kept();
            }
        }
    }

    fn tick(&mut self) {
        self.tell_unsynced();
        let now_ns = (self.outputs.clock)();
        self.outputs.ledger.tick(now_ns);
        self.outputs.minutes.take(self.outputs.ledger.finished(now_ns, false));
        if self.refused_told > REFUSED_TOLD_MAX {
            warn!("{} more late or future hits in the last second", self.refused_told - REFUSED_TOLD_MAX);
        }
        self.refused_told = 0;
        self.outputs.late.write();
        self.tell_skews();
        self.commit();
    }

    /// Tells each input how many of its records are worked off and not on the archive's disk.
    fn tell_unsynced(&mut self) {
        let Some(archive) = &self.outputs.archive else { return };
        let durable = archive.durable();
        while self.unsynced.front().is_some_and(|(sequence, ..)| *sequence < durable) {
            self.unsynced.pop_front();
        }
        let mut records = vec![0; self.outputs.inputs.len()];
        for (_, input, count) in &self.unsynced {
            records[*input] += count;
        }
        self.outputs.inputs.iter().zip(records).for_each(|(input, records)| input.unsynced(records));
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
            Outcome::Captured { shard, cut, capture } => {
                if let Some(keeper) = &mut self.keeper {
                    keeper.captured(cut, shard, capture, self.sinks_sequence);
                }
            }
            Outcome::Shard { shard, worked_off, alerts, refused, counters, checkpoint } => {
                self.send(alerts);
                self.refused(&refused);
                let Some(counters) = counters else { return };
                if let Some(rules) = checkpoint {
                    // What the tower needs comes after the rules themselves.
                    let fed = |at: usize| counters.get(at).is_none_or(|rule| rule.watermark_ns != i64::MIN);
                    let fed = rules.iter().enumerate().filter(|(at, _)| fed(*at));
                    let complete_after_ns = fed.map(|(_, rule)| rule.complete_after_ns).min().unwrap_or(i64::MAX);
                    self.standings[shard] = Some(Standing { worked_off, rules, complete_after_ns });
                }
                self.rule_counters[shard] = counters;
                *self.outputs.counters.rules.lock().expect("no holder panics") = sum(&self.rule_counters);
            }
        }
    }

    fn batch(&mut self, mut done: BatchDone) {
        let receipt = done.batch.take_receipt();
        let awaits_spool = receipt.is_some() && !done.unparsed.is_empty();
        let dropped = if awaits_spool { self.outputs.spool.status().dropped_total() } else { 0 };
        let at = usize::from(done.batch.input);
        let counters = &self.outputs.counters;
        counters.batches.fetch_add(1, Ordering::Relaxed);
        counters.keyless.fetch_add(done.keyless, Ordering::Relaxed);
        let input = Arc::clone(&self.outputs.inputs[at]);
        self.archived = self.archived.max(done.archived);
        // What comes again is in the archive, whoever understands it, and stands in no figure of this run.
        if !done.unparsed.is_empty() && !done.again {
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
                        records: u64::from(record.lines),
                    }
                })
                .collect();
            self.spooled += entries.len() as u64;
            // The spool takes the entries over whatever it answers; its ailment shows in /healthz.
            if let Err(cause) = self.outputs.spool.append(&entries) {
                debug!("spool: {cause}");
            }
        }
        if !done.delays.is_empty() {
            self.outputs.skews.lock().expect("no holder panics").observe(&done.delays, done.batch.receive_time_ns);
        }
        self.send(done.alerts);
        // Only now: until its alerts are handed on, a record is in flight.
        input.hits(done.hits);
        if !done.again {
            input.defects(done.defects);
            if self.outputs.archive.is_some() {
                self.unsynced.push_back((done.sequence, at, done.parsed + done.unparsed.len() as u64));
            }
            input.parsed(done.parsed);
        }
        if let Some(receipt) = receipt {
            self.receipts.push_back(Awaited { receipt, spooled: if awaits_spool { self.spooled } else { 0 }, dropped });
        }
        for gone in done.batch.gone() {
            if let Some(file) = self.files.get_mut(&(gone.dev, gone.ino)) {
                file.gone = true;
            }
        }
        for checkpoint in done.batch.checkpoints() {
            let (identity, offset, line) = (checkpoint.identity, checkpoint.offset, checkpoint.line);
            let file = self.files.entry((identity.dev, identity.ino)).or_insert_with(|| File {
                checkpoint: begin_of(&done.batch, &checkpoint),
                read_to: checkpoint.clone(),
                positions: VecDeque::new(),
                max_event_time_ns: i64::MIN,
                gone: false,
            });
            file.checkpoint.path.clone_from(&checkpoint.path);
            file.read_to = checkpoint;
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
                spooled: self.spooled,
                identity,
                offset,
                line,
                max_event_time_ns: file.max_event_time_ns,
            });
        }
        // A place in the state is read on from after a crash: what lies before it must be kept.
        if done.cut && self.is_kept(done.sequence + 1) {
            let places = self.places();
            if let Some(keeper) = &mut self.keeper {
                keeper.places(done.sequence, places, self.sinks_sequence);
            }
        }
    }

    /// Whether the batches below `sequence` are in the archive, if there is one; waits a little for it.
    fn is_kept(&self, sequence: u64) -> bool {
        self.outputs.archive.as_ref().is_none_or(|archive| archive.wait_durable(sequence, ARCHIVE_PATIENCE))
    }

    /// Whether a final alert is told for the first time, as far as is remembered.
    fn is_first(&mut self, alert: &Alert) -> bool {
        if !alert.is_final {
            return true;
        }
        if !self.recent.insert(alert.id) {
            self.outputs.counters.repeated.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        self.recent_order.push_back(alert.id);
        if self.recent_order.len() > RECENT_ALERTS_MAX
            && let Some(oldest) = self.recent_order.pop_front()
        {
            self.recent.remove(&oldest);
        }
        true
    }

    fn send(&mut self, mut alerts: Vec<Alert>) {
        alerts.retain(|alert| self.is_first(alert));
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

    /// Tells of clocks that are off, each once, with the line that would correct it.
    fn tell_skews(&self) {
        let news = self.outputs.skews.lock().expect("no holder panics").news();
        if news.is_empty() {
            return;
        }
        let rows = self.outputs.registry.rows();
        for skew in news {
            let Some(row) = rows.iter().find(|row| row.id == skew.source.0) else { continue };
            let (input, device) =
                (self.outputs.inputs.get(usize::from(row.input)), String::from_utf8_lossy(&row.device));
            let offset_s = skew.offset_s();
            let behind = if offset_s > 0 { "behind" } else { "ahead" };
            let zone = if skew.may_be_zone() { "; or is its time zone another than declared (timezone)?" } else { "" };
            warn!(
                input = input.map_or("", |input| input.name()), %device, seconds = offset_s.abs(),
                "the clock of this source is {behind}: mend it, or write `clock_offsets_s = {{ {:?} = {offset_s} }}` under its [[input]]{zone}",
                device
            );
        }
    }

    fn refused(&mut self, refused: &[Refused<Shared>]) {
        for one in refused {
            if !self.outputs.late.add(one) {
                self.outputs.counters.unlisted.fetch_add(1, Ordering::Relaxed);
            }
            let (counter, word) = match one.refusal {
                Refusal::Late => (&self.outputs.counters.late, "late"),
                Refusal::Future => (&self.outputs.counters.future, "future"),
            };
            counter.fetch_add(1, Ordering::Relaxed);
            // An episode of a correlation is of no input.
            let name = one.evidence.as_ref().map_or("", |evidence| &*evidence.0.input);
            if let Some(input) = self.outputs.inputs.iter().find(|input| input.name() == name) {
                match one.refusal {
                    Refusal::Late => input.late(1),
                    Refusal::Future => input.future(1),
                }
            }
            self.refused_told += 1;
            if self.refused_told <= REFUSED_TOLD_MAX {
                let time = noroshi_parsers::time::format_rfc3339(one.time_ns);
                warn!(correlation = one.spec.id, source = one.source.0, %time, content = hex(&one.digest), "{word} hit: counted, in no window");
            }
        }
    }

    /// Commits what may be committed of each file.
    fn commit(&mut self) {
        // What waited for the outputs first, then what came to be since.
        for _ in 0..2 {
            if self.candidate.is_none() {
                self.candidate = self.candidate();
            }
            let Some(candidate) = &self.candidate else { return };
            if candidate.alerts > self.outputs.sinks.settled() {
                return;
            }
            if candidate.files != self.committed {
                // What the rules had told comes first: a crash between the two repeats, and repeats are dropped by
                // (id, state).
                let Outputs { resume, checkpoints, .. } = &self.outputs;
                let saved = resume.save(&candidate.resume).and_then(|()| checkpoints.save(&candidate.files));
                if let Err(cause) = saved {
                    error!(
                        path = %checkpoints.path().display(),
                        "cannot save checkpoints: {cause}; free space or mend the disk: until then a restart reads more again"
                    );
                    return;
                }
            }
            self.committed = self.candidate.take().map(|candidate| candidate.files).unwrap_or_default();
        }
    }

    /// How far every file may be committed, as far as shards and spool are concerned; `None` while a shard has
    /// not told, or no file was read.
    fn candidate(&mut self) -> Option<Candidate> {
        let standings: Vec<&Standing> = self.standings.iter().map(Option::as_ref).collect::<Option<_>>()?;
        if self.files.is_empty() {
            return None;
        }
        let worked_off = standings.iter().map(|standing| standing.worked_off).min().unwrap_or(0);
        let complete_after_ns = standings.iter().map(|standing| standing.complete_after_ns).min().unwrap_or(i64::MAX);
        let resume = least(&standings);
        let spooled = self.outputs.spool.settled();
        let durable = self.outputs.archive.as_ref().map_or(u64::MAX, Watcher::durable);
        for file in self.files.values_mut() {
            while let Some(position) = file.positions.front() {
                let passed = position.sequence < worked_off
                    && position.sequence < durable
                    && position.spooled <= spooled
                    && position.max_event_time_ns <= complete_after_ns;
                if !passed {
                    break;
                }
                file.checkpoint.identity = position.identity;
                file.checkpoint.offset = position.offset;
                file.checkpoint.line = position.line;
                file.positions.pop_front();
            }
        }
        let files = self.files.values().map(|file| file.checkpoint.clone()).collect();
        // Hits of a file that is gone may still stand in open windows; it may be there under another name.
        self.files.retain(|_, file| !(file.gone && file.positions.is_empty()));
        Some(Candidate { alerts: self.sinks_sequence, resume, files })
    }
}

/// Of the places that were loaded those whose file is still in its directory, under whatever name.
pub(crate) fn still_there(files: &dyn Files, places: &[FilePlace]) -> Vec<FilePlace> {
    let is_there = |place: &&FilePlace| {
        let checkpoint = &place.read_to;
        let same = |path: &Path| {
            let identity = &checkpoint.identity;
            files.metadata(path).is_ok_and(|there| (there.dev, there.ino) == (identity.dev, identity.ino))
        };
        same(&checkpoint.path)
            || files.list(directory_of(&checkpoint.path)).is_ok_and(|paths| paths.iter().any(|path| same(path)))
    };
    places.iter().filter(is_there).cloned().collect()
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

/// Where a record came from, for the spool and the archive.
pub(crate) fn origin_text(origin: &Origin) -> String {
    match origin {
        Origin::File { path, .. } => path.display().to_string(),
        Origin::Stdin => "stdin".to_owned(),
        _ => origin.peer().map(|peer| peer.to_string()).unwrap_or_default(),
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

/// Of several shards the least of each number, by rule.
fn least(shards: &[&Standing]) -> Vec<RuleCheckpoint> {
    let mut least: Vec<RuleCheckpoint> = Vec::new();
    for checkpoint in shards.iter().flat_map(|standing| &standing.rules) {
        match least.iter_mut().find(|known| known.definition_digest == checkpoint.definition_digest) {
            Some(known) => {
                known.settled_ns = known.settled_ns.min(checkpoint.settled_ns);
                known.complete_after_ns = known.complete_after_ns.min(checkpoint.complete_after_ns);
                known.start_ns = known.start_ns.min(checkpoint.start_ns);
            }
            None => least.push(*checkpoint),
        }
    }
    least
}
