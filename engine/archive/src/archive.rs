//! The archive of one engine: what it takes in, and how it stands.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded, unbounded};
use noroshi_files::Files;
use noroshi_parsers::dictionary::Dictionary;
use noroshi_tree::{Signature, Verifier};

use crate::age::Age;
use crate::audit;
use crate::catalog::Catalog;
use crate::commit::{Committer, QUEUE_FRAMES, Rotation, Standing, Submission, Told};
use crate::frame::{FrameWriter, Numbered};
use crate::log::Log;
use crate::mend;
use crate::numbered;
use crate::retention::Retention;
use crate::seal::InputOptions;
use crate::sealer::{SEGMENTS, Sealer, SealerStanding};
use crate::tail::Tail;
use crate::upkeep::Upkeep;
use crate::wal::{self, Segment};

/// Where write-ahead segments lie, below the archive's directory.
pub(crate) const WAL: &str = "wal";

/// How an archive is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its directory; made, for the owner alone, when absent.
    pub directory: PathBuf,
    /// Bytes at which a write-ahead segment is closed and sealed.
    pub segment_bytes: u64,
    /// Age at which one is.
    pub segment_age: Duration,
    /// How the records of each input are read.
    pub inputs: BTreeMap<String, InputOptions>,
    /// The name that the tree is signed under.
    pub node: String,
    /// The time, nanoseconds since 1970 UTC.
    pub clock: fn() -> i64,
    /// The time since some moment, by a timer that nobody sets.
    pub uptime: fn() -> Duration,
    /// How long sealed segments are kept.
    pub retention: Retention,
}

/// Default of [`Settings::segment_bytes`]: some 200,000 records, which seal in under 200 MB of memory.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// Default of [`Settings::segment_age`], in seconds.
pub const SEGMENT_AGE_S: u64 = 300;

/// What went wrong with the archive, and where.
#[derive(Debug)]
pub struct ArchiveError {
    /// What was to be done.
    pub action: &'static str,
    /// With which file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.action, self.path.display(), self.source)
    }
}

impl std::error::Error for ArchiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// How the archive stands.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Records handed in.
    pub records_taken: u64,
    /// Records that are on disk.
    pub records_durable: u64,
    /// Syncs of write-ahead segments.
    pub syncs: u64,
    /// Failed attempts to write or sync.
    pub failures: u64,
    /// Bytes written to write-ahead segments.
    pub bytes_written: u64,
    /// Segments sealed in this run.
    pub segments_sealed: u64,
    /// Records in them.
    pub records_sealed: u64,
    /// Their bytes as records.
    pub raw_bytes_sealed: u64,
    /// Their bytes as Parquet.
    pub bytes_sealed: u64,
    /// Bytes of write-ahead segments that could not be read back.
    pub damaged_bytes: u64,
    /// Segments that wait to be sealed.
    pub segments_waiting: u64,
    /// Acts of operators taken into the tree.
    pub acts: u64,
    /// Segments removed because they are kept no longer.
    pub segments_purged: u64,
    /// Their bytes.
    pub bytes_purged: u64,
    /// Small segments that became parts of larger ones.
    pub segments_replaced: u64,
    /// Segments that would be removed, were they not held.
    pub segments_held: u64,
    /// Why nothing is taken in or sealed.
    pub ailments: Vec<String>,
}

/// An archive that takes records in.
#[derive(Debug)]
pub struct Archive {
    appender: Appender,
    numbered: Vec<Numbered>,
    committing: JoinHandle<()>,
    sealing: JoinHandle<()>,
}

/// Hands frames to the archive. Cheap to clone.
#[derive(Clone)]
pub struct Appender {
    submissions: Sender<Submission>,
    standing: Arc<Standing>,
    sealer: Arc<SealerStanding>,
    next_sequence: Arc<AtomicU64>,
}

impl fmt::Debug for Appender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appender").field("next_sequence", &self.next_sequence).finish_non_exhaustive()
    }
}

/// Looks at how the archive stands. It keeps nothing running.
#[derive(Clone, Debug)]
pub struct Watcher {
    standing: Arc<Standing>,
    sealer: Arc<SealerStanding>,
}

impl Archive {
    /// Opens the archive, or makes it. What a run before left unsealed is sealed in the background.
    ///
    /// # Errors
    /// The step that failed.
    pub fn open(files: Arc<dyn Files>, settings: Settings) -> Result<Self, ArchiveError> {
        let (segment_bytes, segment_age) = (settings.segment_bytes, settings.segment_age);
        let directory = settings.directory.clone();
        let wal_directory = directory.join(WAL);
        let sealing = sealer(&files, settings)?;
        let sealer = Arc::clone(&sealing.standing);
        let standing = Arc::new(Standing::default());
        let (left, next_sequence) = recover(&*files, &wal_directory, sealing.catalog.end_sequence())?;
        let mut known = sealing.numbers.clone();
        for path in &left {
            let segment = Segment::read(&*files, path).map_err(error("read", path))?;
            for frame in segment.frames() {
                known.note(&frame);
            }
        }
        let (submissions, submitted) = bounded(QUEUE_FRAMES);
        let (closed, to_seal) = unbounded();
        let rotation = Rotation { bytes: segment_bytes, age: segment_age };
        let tail = Tail::open(&files, &directory, &left).map_err(error("go on with the open tail in", &directory))?;
        // What the keys on disk do not count yet is sealed when they do.
        let (left, over) =
            if tail.as_ref().is_none_or(Tail::is_saved) { (left, Vec::new()) } else { (Vec::new(), left) };
        let committer = Committer::new(files, wal_directory, rotation, Arc::clone(&standing), closed, (tail, over));
        let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
            let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(body);
            spawned.map_err(error("start the thread of", &directory))
        };
        let committing = spawn("archive-commit", Box::new(move || committer.run(&submitted)))?;
        let sealing = spawn("archive-seal", Box::new(move || sealing.run(left, &to_seal)))?;
        let next_sequence = Arc::new(AtomicU64::new(next_sequence));
        let appender = Appender { submissions, standing, sealer, next_sequence };
        Ok(Archive { appender, numbered: known.numbers().collect(), committing, sealing })
    }

    /// What workers append with.
    pub fn appender(&self) -> Appender {
        self.appender.clone()
    }

    /// Whom to ask how it stands.
    pub fn watcher(&self) -> Watcher {
        self.appender.watcher()
    }

    /// The newest batch of each producer that was kept before this run.
    pub fn numbered(&self) -> &[Numbered] {
        &self.numbered
    }

    /// Ends taking in: what was handed in is written and sealed. All other appenders must be gone.
    ///
    /// # Errors
    /// The name of a thread that panicked.
    pub fn stop(self) -> Result<(), String> {
        let Archive { appender, committing, sealing, .. } = self;
        appender.standing.stop();
        drop(appender);
        committing.join().map_err(|_| "archive-commit panicked".to_owned())?;
        sealing.join().map_err(|_| "archive-seal panicked".to_owned())
    }
}

impl Appender {
    /// Numbers for so many records: the first of them. To be asked for in the order of the batches.
    pub fn claim(&self, records: usize) -> u64 {
        self.next_sequence.fetch_add(records as u64, Ordering::Relaxed)
    }

    /// Hands in the frame of the batch of number `order`, `None` for one without records. Every order from 0 on must come
    /// once, in any sequence. Waits while the archive is behind. `told` is called once the frame is on disk, or will never be.
    pub fn submit(&self, order: u64, first_sequence: u64, frame: Option<FrameWriter>, told: Option<Told>) {
        let (frame, records) = frame.map(FrameWriter::finish).unwrap_or_default();
        let submission = Submission { order, first_sequence, frame, records, told };
        if let Err(failed) = self.submissions.send(submission)
            && let Some(told) = failed.0.told
        {
            told(Err("the archive has stopped"));
        }
    }

    /// Batches below this number are on disk.
    pub fn durable(&self) -> u64 {
        self.standing.durable()
    }

    /// Waits until the batches below `order` are on disk; `false` = the time ran out.
    pub fn wait_durable(&self, order: u64, timeout: Duration) -> bool {
        self.standing.wait_durable(order, timeout)
    }

    /// How the archive stands.
    pub fn status(&self) -> Status {
        self.watcher().status()
    }

    /// Whom to ask that later.
    pub fn watcher(&self) -> Watcher {
        Watcher { standing: Arc::clone(&self.standing), sealer: Arc::clone(&self.sealer) }
    }
}

impl Watcher {
    /// Batches below this number are on disk.
    pub fn durable(&self) -> u64 {
        self.standing.durable()
    }

    /// Waits until the batches below `order` are on disk; `false` = the time ran out.
    pub fn wait_durable(&self, order: u64, timeout: Duration) -> bool {
        self.standing.wait_durable(order, timeout)
    }

    /// Hands in what a witness gave over the tree's checkpoint.
    pub fn cosigned(&self, line: Signature, witness: Verifier) {
        self.sealer.cosigned(line, witness);
    }

    /// How the archive stands.
    pub fn status(&self) -> Status {
        let (standing, sealer) = (&self.standing, &self.sealer);
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Status {
            records_taken: of(&standing.records_taken),
            records_durable: of(&standing.records_durable),
            syncs: of(&standing.syncs),
            failures: of(&standing.failures),
            bytes_written: of(&standing.bytes_written),
            segments_sealed: of(&sealer.segments),
            records_sealed: of(&sealer.records),
            raw_bytes_sealed: of(&sealer.raw_bytes),
            bytes_sealed: of(&sealer.sealed_bytes),
            damaged_bytes: of(&sealer.damaged_bytes),
            segments_waiting: of(&sealer.waiting),
            acts: of(&sealer.acts),
            segments_purged: of(&sealer.upkeep.purged),
            bytes_purged: of(&sealer.upkeep.purged_bytes),
            segments_replaced: of(&sealer.upkeep.replaced),
            segments_held: of(&sealer.upkeep.held),
            ailments: [standing.failing(), standing.keys_failing(), sealer.failing(), sealer.acts_failing()]
                .into_iter()
                .flatten()
                .chain(sealer.upkeep.ailments())
                .collect(),
        }
    }
}

fn error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ArchiveError {
    let path = path.to_owned();
    move |source| ArchiveError { action, path, source }
}

/// What seals segments and looks after them, as an engine before left it.
pub(crate) fn sealer(files: &Arc<dyn Files>, settings: Settings) -> Result<Sealer, ArchiveError> {
    let Settings { directory, segment_bytes, segment_age: _, inputs, node, clock, uptime, retention } = settings;
    for made in [&directory, &directory.join(WAL), &directory.join(SEGMENTS), &directory.join(audit::PENDING)] {
        files.create_directory(made).map_err(error("create directory", made))?;
    }
    let catalog = Catalog::read(&**files, &directory).map_err(error("read the catalog in", &directory))?;
    let log = Log::open(files, &directory, &node, clock).map_err(error("open the tree in", &directory))?;
    let numbers = numbered::Table::read(&**files, &directory).map_err(error("read the producers in", &directory))?;
    let mended = mend::mend(files, &directory, &log, catalog);
    let (catalog, left_over) = mended.map_err(error("make good the catalog in", &directory))?;
    let age = Age::open(&**files, &directory, &catalog, clock(), uptime);
    let age = age.map_err(error("read the archive's time in", &directory))?;
    let mut upkeep = Upkeep::new(retention, age, segment_bytes, format!("noroshi on {node}"), clock, uptime);
    upkeep.leave_over(left_over);
    let mut sealer = Sealer {
        files: Arc::clone(files),
        directory: directory.clone(),
        catalog,
        log,
        numbers,
        inputs,
        standing: Arc::default(),
        dictionary: Arc::new(Dictionary::new()),
        upkeep,
    };
    sealer.catch_up().map_err(error("go on with the catalog in", &directory))?;
    Ok(sealer)
}

/// The segments that wait to be sealed, and the number of the next record.
fn recover(files: &dyn Files, directory: &Path, sealed: u64) -> Result<(Vec<PathBuf>, u64), ArchiveError> {
    let mut left = wal::segments(files, directory).map_err(error("list", directory))?;
    let mut next = sealed;
    // The last with a frame in it tells where to go on; one without any holds nothing that was acknowledged.
    while let Some((_, path)) = left.last() {
        let segment = Segment::read(files, path).map_err(error("read", path))?;
        if let Some(end) = segment.end_sequence() {
            next = next.max(end);
            break;
        }
        files.remove(path).map_err(error("remove", path))?;
        left.pop();
    }
    Ok((left.into_iter().map(|(_, path)| path).collect(), next))
}
