//! State over a restart: what the correlations hold, with the places of the files it belongs to, in one file.
//!
//! A snapshot is a cut through the engine between two batches: the state of every shard and of the tower behind
//! the batch, how far each file was read by then, and the numbers of the sources. It is written beside the last one, synced and
//! renamed, so that there is one at any time, whole; and only once the alerts told up to the cut and the records kept raw
//! are settled, so that what comes after it comes again. A SHA-256 at the end tells damage.
//!
//! - [`Cuts`] says when; `keeper` brings the parts together and writes; `store` is the file.
//! - A snapshot that cannot be taken up is refused with its reason, and files are read again from behind
//!   every running window (`resume`), as without one.

mod bytes;
mod evidence;
pub(crate) mod keeper;
pub(crate) mod store;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use noroshi_correlate::{Damaged, Depot, Shard, ShardConfig, Tower, WatermarkPolicy};
use noroshi_input::FileCheckpoint;
use serde::{Deserialize, Serialize};

use crate::detection::Detection;
use crate::evidence::Shared;
use crate::metrics::{Exposition, Kind};
use crate::sources::Registry;
use store::{Snapshot, SnapshotStore};

/// The number of the cut behind the last batch of all.
pub(crate) const LAST_CUT: u64 = u64::MAX;

/// Bytes of state written out by a shard between two messages: some hundred microseconds, so that no hit waits.
pub(crate) const CAPTURE_STEP_BYTES: usize = 128 << 10;

/// At most this share of the time goes into writing snapshots: after one that took long the next waits longer.
const WRITING_SHARE: u32 = 10;

/// How long the state may go without a snapshot, in intervals, before that is an ailment. Inputs may hold back a cut for
/// some seconds, a slow output for longer.
const OVERDUE_INTERVALS: u32 = 12;

/// Why a snapshot cannot be taken up.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It cannot be read.
    Unreadable(std::io::Error),
    /// Its digest is not that of its bytes, or they are none of ours.
    Damaged(&'static str),
    /// Another version of noroshi wrote it.
    Foreign(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Unreadable(cause) => write!(f, "it cannot be read: {cause}"),
            Refused::Damaged(what) => write!(f, "it is damaged: {what}"),
            Refused::Foreign(what) => write!(f, "another version of noroshi wrote it: {what}"),
        }
    }
}

impl From<Damaged> for Refused {
    fn from(_: Damaged) -> Refused {
        Refused::Damaged("its state cannot be read")
    }
}

/// How far one file was read at a cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilePlace {
    /// Everything before is in the state, nothing after.
    pub(crate) read_to: FileCheckpoint,
    /// Greatest event time of any record before.
    pub(crate) max_event_time_ns: i64,
    /// Where to read from without the state.
    pub(crate) settled_to: FileCheckpoint,
}

/// What the shards and the tower go on from.
pub struct Resumed {
    /// As many as there are shards.
    pub(crate) shards: Vec<Shard<Shared>>,
    pub(crate) tower: Tower<Shared>,
    pub(crate) registry: Registry,
    /// Records of the archive below this number are in it; `None` = there was no archive.
    pub(crate) archived: Option<u64>,
}

/// Builds shards and tower from a snapshot.
pub(crate) fn resume(
    snapshot: &Snapshot,
    detection: &Detection,
    shards: usize,
    inputs: &[String],
    depot: Option<&Arc<dyn Depot>>,
) -> Result<Resumed, Refused> {
    let registry = snapshot.registry(inputs);
    let shards = shards.max(1);
    let of_shard = |shard| {
        let policy = WatermarkPolicy::Live;
        let config = ShardConfig { shard, shards, policy, emit_open: true, resume: Vec::new(), depot: depot.cloned() };
        Shard::restore(config, &detection.specs, &snapshot.shards)
    };
    let restored: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..shards).map(|shard| scope.spawn(move || of_shard(shard))).collect();
        running.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    let restored = restored.into_iter().map(|shard| match shard {
        Ok(shard) => shard.map_err(Refused::from),
        Err(_) => Err(Refused::Damaged("taking its state up failed")),
    });
    let restored = restored.collect::<Result<Vec<_>, _>>()?;
    let policy = WatermarkPolicy::Live;
    let since = restored.iter().map(Shard::event_time_max).max().unwrap_or(i64::MIN);
    let tower = Tower::restore(shards, policy, true, &detection.specs, &snapshot.tower, since)?;
    Ok(Resumed { shards: restored, tower, registry, archived: snapshot.manifest.archived })
}

/// Takes up the last snapshot of a state directory: where its files were read to, and its state. `None` where there is none, or
/// none that can be taken up, which is told.
pub(crate) fn take_up(
    store: &SnapshotStore,
    detection: &Detection,
    shards: usize,
    inputs: &[String],
    depot: Option<&Arc<dyn Depot>>,
) -> Option<(Vec<FilePlace>, Resumed)> {
    let began = Instant::now();
    let taken = store.load(&detection.dictionary).and_then(|found| {
        let Some(snapshot) = found else { return Ok(None) };
        let resumed = resume(&snapshot, detection, shards, inputs, depot)?;
        Ok(Some((snapshot.manifest.files, resumed)))
    });
    match taken {
        Ok(taken) => {
            if taken.is_some() {
                tracing::info!(took_ms = began.elapsed().as_millis() as u64, "state of the run before taken up");
            }
            taken
        }
        Err(refused) => {
            tracing::warn!(
                path = %store.path().display(),
                "the state snapshot is not taken up: {refused}; files are read again from behind their running windows, \
                 windows over sockets start anew"
            );
            None
        }
    }
}

/// When the state is cut, and how that went.
#[derive(Debug)]
pub struct Cuts {
    every: Duration,
    start: Instant,
    /// Milliseconds since the start.
    next_ms: AtomicU64,
    busy: AtomicBool,
    dirty_since_ms: AtomicU64,
    written: Mutex<Written>,
}

/// What became of the snapshots.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) snapshots: u64,
    pub(crate) failed: u64,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
    /// Why the last one was not written.
    pub(crate) ailment: Option<String>,
}

/// Nothing has changed since the last cut.
const CLEAN: u64 = u64::MAX;

impl Cuts {
    /// A cut so often, where there is anything new.
    #[must_use]
    pub fn new(every: Duration) -> Cuts {
        Cuts {
            every,
            start: Instant::now(),
            next_ms: AtomicU64::new(every.as_millis() as u64),
            busy: AtomicBool::new(false),
            dirty_since_ms: AtomicU64::new(CLEAN),
            written: Mutex::new(Written::default()),
        }
    }

    fn now_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// How often.
    pub(crate) fn every(&self) -> Duration {
        self.every
    }

    /// A batch was taken: there is something new to keep.
    pub(crate) fn changed(&self) {
        if self.dirty_since_ms.load(Ordering::Relaxed) == CLEAN {
            self.dirty_since_ms.store(self.now_ms(), Ordering::Relaxed);
        }
    }

    /// Whether to cut here; then [`Cuts::done`] is due. Asked by one thread at a time.
    pub(crate) fn ask(&self) -> bool {
        let due = self.dirty_since_ms.load(Ordering::Relaxed) != CLEAN
            && !self.busy.load(Ordering::Acquire)
            && self.now_ms() >= self.next_ms.load(Ordering::Relaxed);
        if due {
            self.busy.store(true, Ordering::Release);
            self.dirty_since_ms.store(CLEAN, Ordering::Relaxed);
        }
        due
    }

    /// The cut is written, or given up.
    pub(crate) fn done(&self, took: Duration, result: Result<u64, String>) {
        let mut written = self.written.lock().expect("no holder panics");
        written.took = took;
        match result {
            Ok(bytes) => {
                written.snapshots += 1;
                written.bytes = bytes;
                written.ailment = None;
            }
            Err(cause) => {
                written.failed += 1;
                written.ailment = Some(cause);
                // What was cut is not kept: there is still something new.
                self.changed();
            }
        }
        drop(written);
        let wait = self.every.max(took * WRITING_SHARE);
        self.next_ms.store(self.now_ms() + wait.as_millis() as u64, Ordering::Relaxed);
        self.busy.store(false, Ordering::Release);
    }

    pub(crate) fn written(&self) -> Written {
        self.written.lock().expect("no holder panics").clone()
    }

    /// How long the state has changed without a snapshot of it.
    pub(crate) fn unkept(&self) -> Duration {
        match self.dirty_since_ms.load(Ordering::Relaxed) {
            CLEAN => Duration::ZERO,
            since => Duration::from_millis(self.now_ms().saturating_sub(since)),
        }
    }

    pub(crate) fn append_metrics(&self, text: &mut Exposition) {
        let Written { snapshots, failed, bytes, took, .. } = self.written();
        for (name, help, kind, value) in [
            ("noroshi_snapshots_total", "State snapshots written.", Kind::Counter, snapshots as f64),
            ("noroshi_snapshots_failed_total", "State snapshots that were not written.", Kind::Counter, failed as f64),
            ("noroshi_snapshot_bytes", "Size of the last state snapshot.", Kind::Gauge, bytes as f64),
            (
                "noroshi_snapshot_write_seconds",
                "How long writing the last state snapshot took.",
                Kind::Gauge,
                took.as_secs_f64(),
            ),
            (
                "noroshi_snapshot_unkept_seconds",
                "How long the state has changed without a snapshot of it.",
                Kind::Gauge,
                self.unkept().as_secs_f64(),
            ),
        ] {
            text.add(name, help, kind, &[], value);
        }
    }

    /// Why it is not healthy, in one line.
    pub(crate) fn ailment(&self) -> Option<String> {
        let Written { ailment, took, .. } = self.written();
        let overdue =
            self.unkept() > (self.every.max(took * WRITING_SHARE) * OVERDUE_INTERVALS).max(Duration::from_secs(60));
        let late =
            || overdue.then(|| format!("none for {} s; a restart reads that much again", self.unkept().as_secs()));
        Some(format!("state snapshot: {}", ailment.or_else(late)?))
    }
}

#[cfg(test)]
mod tests;
