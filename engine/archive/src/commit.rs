//! Group commit: frames in order into a segment, synced, then told.
//!
//! Workers hand in frames under the order number of their batch; one thread writes them in that order, syncs the file once
//! for all that came meanwhile, and only then tells whoever waits. Nothing is told before it is on disk.
//!
//! A write that fails is taken back and tried again, and the senders wait behind it. After a sync that failed nothing can
//! be assumed of the file: it is left as it is and never synced or told of again. Where the disk was full, the frames
//! not yet told go into a new file once there is room; after any other error nothing more is taken in until the engine is
//! started anew.
//!
//! Where the archive has a first key, each frame gets its MAC ([`Tail`]) here, and a segment that is over goes to be sealed
//! once the keys on disk count it.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use noroshi_files::{Files, WriteFile};
use tracing::{error, info};

use crate::frame;
use crate::tail::Tail;
use crate::wal;

/// Frames handed in and not yet taken up. With a batch in each, some 8 MiB; then the workers wait.
pub(crate) const QUEUE_FRAMES: usize = 64;

/// Bytes written between two syncs at most: what a fast disk takes in a tenth of a second.
const COMMIT_BYTES: usize = 32 << 20;

/// How long a frame that nobody waits for may stay unsynced, so that a trickle does not cost a sync each.
const COMMIT_AFTER: Duration = Duration::from_millis(50);

/// How often a disk that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Told when a frame is on disk, or why it is not.
pub type Told = Box<dyn FnOnce(Result<(), &str>) + Send>;

/// A frame on its way to the disk.
pub(crate) struct Submission {
    pub(crate) order: u64,
    pub(crate) first_sequence: u64,
    /// Empty for a batch without records.
    pub(crate) frame: Vec<u8>,
    pub(crate) records: u32,
    pub(crate) told: Option<Told>,
}

/// What others may see of the commit thread.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Orders below this are on disk.
    durable: Mutex<u64>,
    changed: Condvar,
    /// Why nothing is taken in, while it is so.
    failing: Mutex<Option<String>>,
    /// Why the keys on disk are not those at hand, while it is so.
    keys_failing: Mutex<Option<String>>,
    stopping: AtomicBool,
    pub(crate) records_durable: AtomicU64,
    pub(crate) records_taken: AtomicU64,
    pub(crate) bytes_written: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) failures: AtomicU64,
}

impl Standing {
    pub(crate) fn durable(&self) -> u64 {
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait_durable(&self, order: u64, timeout: Duration) -> bool {
        let durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(durable, timeout, |durable| *durable < order);
        *waited.unwrap_or_else(PoisonError::into_inner).0 >= order
    }

    pub(crate) fn failing(&self) -> Option<String> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the keys of the open tail cannot be replaced.
    pub(crate) fn keys_failing(&self) -> Option<String> {
        self.keys_failing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn fails(&self, why: Option<String>) {
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// When a segment is closed and the next begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rotation {
    pub(crate) bytes: u64,
    pub(crate) age: Duration,
}

struct Open {
    file: Box<dyn WriteFile>,
    path: PathBuf,
    /// Bytes of whole frames.
    len: u64,
    since: Instant,
    /// Whether any frame of it was told.
    told: bool,
}

pub(crate) struct Committer {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) directory: PathBuf,
    pub(crate) rotation: Rotation,
    pub(crate) standing: Arc<Standing>,
    /// Where closed segments go.
    pub(crate) closed: Sender<PathBuf>,
    /// The MACs of frames; `None` = the archive has no first key.
    tail: Option<Tail>,
    /// Segments that are over, and go to be sealed when the keys on disk count them.
    over: Vec<PathBuf>,
    open: Option<Open>,
    next: u64,
    waiting: BTreeMap<u64, Submission>,
    /// Taken in order and not yet told; the first `written` of them stand in the open file.
    untold: Vec<Submission>,
    written: usize,
    untold_since: Instant,
}

/// What is to be done about a failure.
enum Failed {
    /// Try again: the file is as it was before.
    Again(io::Error),
    /// The file is not to be trusted; another may be.
    NewFile(io::Error),
    /// Nothing is to be trusted.
    Ended(io::Error),
}

impl Committer {
    pub(crate) fn new(
        files: Arc<dyn Files>,
        directory: PathBuf,
        rotation: Rotation,
        standing: Arc<Standing>,
        closed: Sender<PathBuf>,
        (tail, over): (Option<Tail>, Vec<PathBuf>),
    ) -> Self {
        Committer {
            files,
            directory,
            rotation,
            standing,
            closed,
            tail,
            over,
            open: None,
            next: 0,
            waiting: BTreeMap::new(),
            untold: Vec::new(),
            written: 0,
            untold_since: Instant::now(),
        }
    }

    /// Works until the last sender is gone.
    pub(crate) fn run(mut self, submissions: &Receiver<Submission>) {
        self.save_keys();
        loop {
            let patience = if self.untold.is_empty() {
                Duration::from_secs(1)
            } else {
                COMMIT_AFTER.saturating_sub(self.untold_since.elapsed())
            };
            let ended = match submissions.recv_timeout(patience) {
                Ok(submission) => {
                    self.take(submission);
                    // What came meanwhile shares the sync.
                    while self.untold_bytes() < COMMIT_BYTES
                        && let Ok(more) = submissions.try_recv()
                    {
                        self.take(more);
                    }
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            let waited_for = self.untold.iter().any(|submission| submission.told.is_some());
            let due = ended || waited_for || self.untold_since.elapsed() >= COMMIT_AFTER;
            let due = due || self.untold_bytes() >= COMMIT_BYTES;
            if due && !self.untold.is_empty() && !self.commit_at_last() {
                return self.refuse_all(submissions);
            }
            self.rotate(ended);
            self.save_keys();
            if ended {
                return;
            }
        }
    }

    fn take(&mut self, submission: Submission) {
        self.standing.records_taken.fetch_add(u64::from(submission.records), Ordering::Relaxed);
        self.waiting.insert(submission.order, submission);
        while let Some(submission) = self.waiting.remove(&self.next) {
            self.next += 1;
            if self.untold.is_empty() {
                self.untold_since = Instant::now();
            }
            self.untold.push(submission);
        }
    }

    fn untold_bytes(&self) -> usize {
        self.untold.iter().map(|submission| submission.frame.len()).sum()
    }

    /// Commits, however long it takes. `false` = nothing can be committed any more.
    fn commit_at_last(&mut self) -> bool {
        loop {
            let failed = match self.commit() {
                Ok(()) => {
                    if self.standing.failing().is_some() {
                        info!("the archive's disk works again");
                        self.standing.fails(None);
                    }
                    self.tell();
                    return true;
                }
                Err(failed) => failed,
            };
            self.standing.failures.fetch_add(1, Ordering::Relaxed);
            let place = self.directory.display().to_string();
            let (cause, way_out, again) = match failed {
                Failed::Again(cause) => (cause, "the records wait and are written once it works", true),
                Failed::NewFile(cause) => {
                    self.abandon();
                    (cause, "the records wait and go into a new file once there is room", true)
                }
                Failed::Ended(cause) => {
                    self.abandon();
                    (cause, "nothing more is taken in; check the disk, then start again", false)
                }
            };
            let told = format!("cannot write to {place}: {cause}; {way_out}");
            if self.standing.failing().is_none() {
                error!("{told}");
            }
            self.standing.fails(Some(told));
            if !again || self.standing.is_stopping() {
                return false;
            }
            std::thread::sleep(RETRY_AFTER);
        }
    }

    fn commit(&mut self) -> Result<(), Failed> {
        while self.written < self.untold.len() {
            if !self.untold[self.written].frame.is_empty() {
                if self.open.is_none() {
                    let first_sequence = self.untold[self.written].first_sequence;
                    self.open = Some(self.begin(first_sequence).map_err(Failed::Again)?);
                }
                let submission = &mut self.untold[self.written];
                if let Some(tail) = &mut self.tail {
                    tail.hold(&mut submission.frame);
                }
                let open = self.open.as_mut().expect("just opened");
                if let Err(cause) = open.file.write_all(&submission.frame) {
                    // A part of a frame may stand there.
                    return Err(match open.file.truncate(open.len) {
                        Ok(()) => Failed::Again(cause),
                        Err(_) => Failed::NewFile(cause),
                    });
                }
                open.len += submission.frame.len() as u64;
                self.standing.bytes_written.fetch_add(submission.frame.len() as u64, Ordering::Relaxed);
            }
            self.written += 1;
        }
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        self.standing.syncs.fetch_add(1, Ordering::Relaxed);
        open.file.sync().map_err(|cause| match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Failed::NewFile(cause),
            _ => Failed::Ended(cause),
        })
    }

    /// A new segment whose name is durable.
    fn begin(&self, first_sequence: u64) -> io::Result<Open> {
        let path = wal::path_of(&self.directory, first_sequence);
        if self.files.metadata(&path).is_ok() {
            return Err(io::Error::new(ErrorKind::AlreadyExists, format!("{} stands already", path.display())));
        }
        let head = wal::head(self.tail.as_ref().map(Tail::epoch));
        let mut file = self.files.create(&path)?;
        let written = file.write_all(&head).and_then(|()| file.sync());
        if let Err(cause) = written.and_then(|()| self.files.sync_directory(&self.directory)) {
            // Its name must be free for the next attempt.
            self.files.remove(&path)?;
            return Err(cause);
        }
        Ok(Open { file, path, len: head.len() as u64, since: Instant::now(), told: false })
    }

    /// Leaves the open file: what of it was told is sealed from it, the rest is written anew.
    fn abandon(&mut self) {
        self.written = 0;
        let Some(open) = self.open.take() else { return };
        let is_gone = !open.told && self.files.remove(&open.path).is_ok();
        if let Some(tail) = &mut self.tail {
            self.untold.iter_mut().for_each(|submission| frame::let_go(&mut submission.frame));
            tail.end(open.path.clone());
        }
        if is_gone {
            // Should the name come back after a power cut, its frames are sealed once: by their numbers.
            let _ = self.files.sync_directory(&self.directory);
        } else {
            // A sealer that finds frames of it twice takes them once: by their numbers.
            self.over.push(open.path);
        }
        self.save_keys();
    }

    fn tell(&mut self) {
        let standing = &self.standing;
        let records: u64 = self.untold.iter().map(|submission| u64::from(submission.records)).sum();
        standing.records_durable.fetch_add(records, Ordering::Relaxed);
        *standing.durable.lock().unwrap_or_else(PoisonError::into_inner) = self.next;
        standing.changed.notify_all();
        for submission in self.untold.drain(..) {
            if let Some(told) = submission.told {
                told(Ok(()));
            }
        }
        self.written = 0;
        if let Some(open) = &mut self.open {
            open.told = true;
        }
        if let Some(tail) = &mut self.tail {
            tail.synced();
        }
    }

    fn rotate(&mut self, ended: bool) {
        let due = |open: &Open| open.len >= self.rotation.bytes || open.since.elapsed() >= self.rotation.age;
        if self.untold.is_empty()
            && let Some(open) = self.open.take_if(|open| ended || due(open))
        {
            if let Some(tail) = &mut self.tail {
                tail.end(open.path.clone());
            }
            self.over.push(open.path);
        }
    }

    /// Replaces the keys on disk where it is time, and hands over the segments that they count.
    fn save_keys(&mut self) {
        if let Some(tail) = &mut self.tail {
            if let Some(saved) = tail.save_if_due() {
                let failing = saved.err().map(|error| format!("{error}; segments are sealed once it works"));
                let mut told = self.standing.keys_failing.lock().unwrap_or_else(PoisonError::into_inner);
                if let (Some(failing), None) = (&failing, &*told) {
                    error!("{failing}");
                }
                *told = failing;
            }
            // What is not counted yet is counted in a later attempt.
            if !tail.is_saved() {
                return;
            }
        }
        for path in self.over.drain(..) {
            let _ = self.closed.send(path);
        }
    }

    /// Nothing is kept any more: all who wait are told so, until the last sender is gone.
    fn refuse_all(mut self, submissions: &Receiver<Submission>) {
        let why = self.standing.failing().unwrap_or_else(|| "the archive has stopped".to_owned());
        for submission in self.untold.drain(..).chain(std::mem::take(&mut self.waiting).into_values()) {
            if let Some(told) = submission.told {
                told(Err(&why));
            }
        }
        // Taking in is stopped by leaving the queue full; at the stop it is emptied, so that the workers can end.
        while !self.standing.is_stopping() {
            std::thread::sleep(RETRY_AFTER);
        }
        for submission in submissions {
            if let Some(told) = submission.told {
                told(Err(&why));
            }
        }
    }
}
