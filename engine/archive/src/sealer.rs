//! The thread that seals closed segments, one after the other.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use noroshi_files::Files;
use noroshi_parsers::dictionary::Dictionary;
use noroshi_tree::leaf::Manifest;
use noroshi_tree::{Signature, Verifier};
use tracing::{error, info, warn};

use crate::about::About;
use crate::audit;
use crate::catalog::Catalog;
use crate::log::{Log, Roots, hash_of};
use crate::numbered;
use crate::seal::{self, Decoding, InputOptions};
use crate::upkeep::{Upkeep, UpkeepStanding};
use crate::wal::Segment;

/// How often sealing is tried again after a failure. What waits is safe in its write-ahead segment.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// How often acts of operators are looked for: what was done shows in the tree within this time.
const LOOK_FOR_ACTS: Duration = Duration::from_secs(1);

/// Where sealed files lie, below the archive's directory.
pub(crate) const SEGMENTS: &str = "segments";

/// What others may see of the sealer.
#[derive(Debug, Default)]
pub(crate) struct SealerStanding {
    failing: Mutex<Option<String>>,
    acts_failing: Mutex<Option<String>>,
    /// What witnesses gave and is not in the checkpoint yet.
    cosignatures: Mutex<Vec<(Signature, Verifier)>>,
    pub(crate) segments: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) raw_bytes: AtomicU64,
    pub(crate) sealed_bytes: AtomicU64,
    pub(crate) damaged_bytes: AtomicU64,
    pub(crate) waiting: AtomicU64,
    pub(crate) acts: AtomicU64,
    pub(crate) upkeep: UpkeepStanding,
}

impl SealerStanding {
    pub(crate) fn failing(&self) -> Option<String> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why acts of operators wait.
    pub(crate) fn acts_failing(&self) -> Option<String> {
        self.acts_failing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hands a witness's cosignature in.
    pub(crate) fn cosigned(&self, line: Signature, witness: Verifier) {
        self.cosignatures.lock().unwrap_or_else(PoisonError::into_inner).push((line, witness));
    }

    fn fails(&self, why: Option<String>) {
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

pub(crate) struct Sealer {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) directory: PathBuf,
    pub(crate) catalog: Catalog,
    pub(crate) log: Log,
    pub(crate) numbers: numbered::Table,
    pub(crate) inputs: BTreeMap<String, InputOptions>,
    pub(crate) standing: Arc<SealerStanding>,
    pub(crate) dictionary: Arc<Dictionary>,
    pub(crate) upkeep: Upkeep,
}

impl Sealer {
    /// Seals `left` from the run before, then what is closed, until no more comes. Looks after what is sealed meanwhile.
    pub(crate) fn run(mut self, left: Vec<PathBuf>, closed: &Receiver<PathBuf>) {
        self.seal_all(left, closed);
        self.save_age();
    }

    fn seal_all(&mut self, left: Vec<PathBuf>, closed: &Receiver<PathBuf>) {
        let mut queue = VecDeque::from(left);
        let mut ended = false;
        loop {
            self.standing.waiting.store(queue.len() as u64, Ordering::Relaxed);
            self.take_up_acts();
            self.take_up_cosignatures();
            let Some(path) = queue.front() else {
                match closed.recv_timeout(self.upkeep_due().min(LOOK_FOR_ACTS)) {
                    Ok(path) => queue.push_back(path),
                    Err(RecvTimeoutError::Timeout) => self.look_after(),
                    Err(RecvTimeoutError::Disconnected) => return self.take_up_acts(),
                }
                continue;
            };
            match self.seal(path) {
                Ok(()) => {
                    if self.standing.failing().is_some() {
                        info!("sealing works again");
                        self.standing.fails(None);
                    }
                    queue.pop_front();
                    self.look_after_when_busy();
                }
                Err(cause) => {
                    let told = format!("cannot seal {}: {cause}; it waits and is tried again", path.display());
                    if self.standing.failing().is_none() {
                        error!("{told}");
                    }
                    self.standing.fails(Some(told));
                    if ended {
                        // What is left is sealed at the next start.
                        return;
                    }
                    match closed.recv_timeout(RETRY_AFTER) {
                        Ok(path) => queue.push_back(path),
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Disconnected) => ended = true,
                    }
                }
            }
        }
    }

    /// What operators did goes into the tree. What cannot be taken up waits; sealing goes on.
    fn take_up_acts(&mut self) {
        let failing = match audit::take_up_into(&mut self.log, &*self.files, &self.directory) {
            Ok(taken) => {
                self.standing.acts.fetch_add(taken as u64, Ordering::Relaxed);
                None
            }
            Err(cause) => Some(format!(
                "cannot take acts up from {}: {cause}; they wait and it is tried again",
                self.directory.join(audit::PENDING).display()
            )),
        };
        let mut standing = self.standing.acts_failing.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(told), None) = (&failing, &*standing) {
            error!("{told}");
        }
        *standing = failing;
    }

    /// What witnesses gave goes beside the tree's signature. One over a checkpoint that another has replaced since is of no more use.
    fn take_up_cosignatures(&mut self) {
        let waiting = std::mem::take(&mut *self.standing.cosignatures.lock().unwrap_or_else(PoisonError::into_inner));
        for (line, witness) in waiting {
            let name = witness.name().to_owned();
            if let Err(cause) = self.log.add_cosignature(line, witness) {
                // The witness is asked again for the next checkpoint.
                error!("cannot add the cosignature of {name}: {cause}");
            }
        }
    }

    pub(crate) fn seal(&mut self, path: &Path) -> io::Result<()> {
        let segment = match Segment::read(&*self.files, path) {
            Ok(segment) => segment,
            // Sealed before, by an attempt that failed at its very end.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        // What an attempt before has brought into the tree needs only to be told.
        self.catch_up()?;
        let sealed_before = self.catalog.end_sequence();
        let mut decoding = Decoding::new(&self.dictionary, &self.inputs);
        let mut roots = Roots::default();
        let mut sequences: Option<(u64, u64)> = None;
        for frame in segment.frames().filter(|frame| frame.first_sequence >= sealed_before) {
            let (first, end) = (frame.sequences().start, frame.sequences().end);
            sequences = Some(sequences.map_or((first, end), |before| (before.0.min(first), before.1.max(end))));
            decoding.frame(&frame);
            roots.frame(&frame);
        }
        if let Some((first_sequence, end_sequence)) = sequences.filter(|(first, end)| first < end) {
            let (batches, spans) = decoding.finish().map_err(io::Error::other)?;
            let file = file_of(first_sequence, spans.received_ns.0);
            let about = About {
                first_sequence,
                end_sequence,
                raw_bytes: spans.raw_bytes,
                time_min_ns: spans.time_ns.0,
                time_max_ns: spans.time_ns.1,
                received_min_ns: spans.received_ns.0,
                received_max_ns: spans.received_ns.1,
                inputs: spans.inputs,
                kept_ns: Some(self.upkeep.age.now()),
            };
            let written = seal::write(&*self.files, &self.directory.join(&file), &batches, Some(&about))?;
            written.put(&*self.files)?;
            let (bytes, digest) = (written.bytes, written.digest);
            let batches = roots.finish();
            let records = batches.iter().map(|batch| batch.records).sum();
            let mut manifest = Manifest { file, bytes, sha256: hash_of(digest), batches: 0..0, rows: spans.rows };
            let leaves = self.log.sealed(&batches, manifest.clone())?;
            manifest.batches = leaves.start..leaves.end - 1;
            let sealed = about.sealed(&manifest, leaves.end - 1);
            let raw_bytes = sealed.raw_bytes;
            self.catalog.append(&*self.files, &self.directory, sealed)?;
            self.upkeep.told(leaves.end);
            self.standing.segments.fetch_add(1, Ordering::Relaxed);
            self.standing.records.fetch_add(records, Ordering::Relaxed);
            self.standing.raw_bytes.fetch_add(raw_bytes, Ordering::Relaxed);
            self.standing.sealed_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        let mut numbers = self.numbers.clone();
        if segment.frames().map(|frame| numbers.note(&frame)).fold(false, |new, noted| new | noted) {
            numbers.write(&*self.files, &self.directory)?;
            self.numbers = numbers;
        }
        self.dispose(path, &segment)
    }

    /// A segment that is sealed goes; one with damage in it is kept beside, for whoever wants to look.
    fn dispose(&self, path: &Path, segment: &Segment) -> io::Result<()> {
        let damaged: usize = segment.damaged.iter().map(ExactSizeIterator::len).sum();
        if segment.torn_bytes > 0 {
            warn!(
                "{}: {} bytes at the end were torn; none of them were acknowledged",
                path.display(),
                segment.torn_bytes
            );
        }
        if damaged == 0 {
            return self.files.remove(path);
        }
        self.standing.damaged_bytes.fetch_add(damaged as u64, Ordering::Relaxed);
        let beside = path.with_extension("wal.damaged");
        error!(
            "{}: {damaged} bytes of {} are damaged, at {:?}; what is readable is sealed, the file is kept as {}",
            path.display(),
            segment.len(),
            segment.damaged,
            beside.display()
        );
        self.files.rename(path, &beside)
    }
}

/// The file of a segment: partitioned by the UTC date and hour of receipt, which the sender does not choose.
fn file_of(first_sequence: u64, received_ns: i64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(received_ns)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let time = time.to_zoned(jiff::tz::TimeZone::UTC);
    format!("{SEGMENTS}/date={}/hour={:02}/{first_sequence:020}.parquet", time.date(), time.hour())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
