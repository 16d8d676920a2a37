//! Brings the parts of a cut together, and writes them once what was told up to it is out.
//!
//! The writing is a thread of its own: neither a shard nor the collector waits for a disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use noroshi_correlate::Capture;
use noroshi_parsers::dictionary::Dictionary;
use noroshi_remember::ValueDepot;

use super::store::{Manifest, SnapshotStore};
use super::{Cuts, FilePlace, LAST_CUT};
use crate::evidence::Shared;
use crate::sink::Sinks;
use crate::sources::Registry;
use crate::spool::Spool;

/// How often a writer looks whether the outputs have caught up.
const LOOK: Duration = Duration::from_millis(5);

/// How long the last snapshot of a clean stop waits for outputs that were given their time already.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// What a snapshot is written from and to.
pub(crate) struct Parts {
    pub(crate) store: SnapshotStore,
    pub(crate) cuts: Arc<Cuts>,
    pub(crate) sinks: Arc<Sinks>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) registry: Arc<Registry>,
    /// Names of the inputs, by number.
    pub(crate) inputs: Vec<String>,
    pub(crate) clock: fn() -> i64,
    /// Where values are that a snapshot names instead of holding them.
    pub(crate) values: ValueDepot,
}

/// Where the files were at a cut.
pub(crate) struct Places {
    pub(crate) files: Vec<FilePlace>,
    /// Records handed to the spool up to it.
    pub(crate) spooled: u64,
    /// Number of the archive's next record behind it; `None` = there is no archive.
    pub(crate) archived: Option<u64>,
}

/// What has come of one cut.
#[derive(Default)]
struct Assembly {
    places: Option<Places>,
    captures: BTreeMap<usize, Capture<Shared>>,
}

struct Job {
    places: Places,
    /// The tower's last.
    captures: Vec<Capture<Shared>>,
    /// The sinks' number: what was told up to the cut is not beyond it.
    alerts: u64,
    is_last: bool,
}

/// Takes the parts of cuts.
pub(crate) struct Keeper {
    shards: usize,
    assembling: BTreeMap<u64, Assembly>,
    jobs: Sender<Job>,
    writer: JoinHandle<()>,
    stopping: Arc<AtomicBool>,
}

impl Keeper {
    /// Starts the writer.
    pub(crate) fn start(parts: Parts, shards: usize) -> std::io::Result<Keeper> {
        let stopping = Arc::new(AtomicBool::new(false));
        let (jobs, waiting) = bounded::<Job>(1);
        let stop = Arc::clone(&stopping);
        let body = move || {
            // Which fields there are does not change with the rules: those of evidence are the schema's own.
            let dictionary = Dictionary::new();
            for job in waiting {
                parts.write(job, &dictionary, &stop);
            }
        };
        let writer = std::thread::Builder::new().name("snapshot".into()).spawn(body)?;
        Ok(Keeper { shards: shards.max(1), assembling: BTreeMap::new(), jobs, writer, stopping })
    }

    /// The batch of a cut is done with.
    pub(crate) fn places(&mut self, cut: u64, places: Places, alerts: u64) {
        self.assembling.entry(cut).or_default().places = Some(places);
        self.complete(cut, alerts);
    }

    /// A shard has captured its state behind a cut; the tower comes after the last. `alerts` is the number of the last
    /// alert that was handed on.
    pub(crate) fn captured(&mut self, cut: u64, from: usize, capture: Capture<Shared>, alerts: u64) {
        self.assembling.entry(cut).or_default().captures.insert(from, capture);
        self.complete(cut, alerts);
    }

    fn complete(&mut self, cut: u64, alerts: u64) {
        let is_whole = |one: &Assembly| one.places.is_some() && one.captures.len() > self.shards;
        if !self.assembling.get(&cut).is_some_and(is_whole) {
            return;
        }
        let whole = self.assembling.remove(&cut);
        // A cut before this one that is not whole never will be.
        self.assembling.retain(|&other, _| other > cut);
        let Some(Assembly { places: Some(places), captures }) = whole else { return };
        let captures = captures.into_values().collect();
        // There is one cut at a time, so the writer is free; at a stop it gives up what it has.
        let _ = self.jobs.send(Job { places, captures, alerts, is_last: cut == LAST_CUT });
    }

    /// The pipeline has ended and the outputs had their time: writes the last snapshot where all parts of it came.
    pub(crate) fn finish(mut self, places: Places, alerts: u64) {
        self.stopping.store(true, Ordering::Release);
        self.places(LAST_CUT, places, alerts);
        drop(self.jobs);
        if self.writer.join().is_err() {
            tracing::error!("the writer of snapshots panicked; the snapshot before stays good");
        }
    }
}

impl Parts {
    fn write(&self, job: Job, dictionary: &Dictionary, stopping: &AtomicBool) {
        let began = Instant::now();
        let Job { places: Places { files, spooled, archived }, captures, alerts, is_last } = job;
        let manifest = Manifest { archived, ..Manifest::new((self.clock)(), &self.inputs, files, &self.registry) };
        let result = self.store.write(&manifest, &captures, dictionary).map_err(|cause| cause.to_string());
        let named: Vec<Vec<u8>> = captures.iter().flat_map(Capture::shelves).map(<[u8]>::to_vec).collect();
        // The state is on the disk: what it was captured from may go while outputs are waited for.
        drop(captures);
        let took = began.elapsed();
        let result = result.and_then(|bytes| {
            let patience = Instant::now() + LAST_PATIENCE;
            while self.sinks.settled() < alerts || self.spool.settled() < spooled {
                let gives_up = if is_last { Instant::now() >= patience } else { stopping.load(Ordering::Acquire) };
                if gives_up {
                    return Err("outputs did not take what was told before it".to_owned());
                }
                std::thread::sleep(LOOK);
            }
            self.store.commit().map_err(|cause| cause.to_string())?;
            self.values.keep(named.iter().map(Vec::as_slice));
            Ok(bytes)
        });
        if let Err(cause) = &result {
            let path = self.store.path().display();
            if is_last || !stopping.load(Ordering::Acquire) {
                tracing::error!(
                    %path,
                    "cannot write a state snapshot: {cause}; the one before stays good: free space or mend the disk, until then a restart reads more again"
                );
            }
        }
        self.cuts.done(took, result);
    }
}
