//! Noroshi remember: what rules must know of for weeks, on disk instead of in memory.
//!
//! A [`ValueDepot`] is a directory of *runs*: files of (value, latest time), sorted, written once, synced and never changed.
//! Each rule has a shelf of them in each shard. Of a run a filter and a table of contents stay in memory, some two
//! bytes a value; a value that is there costs a read of one block, one that is not costs none.
//!
//! - **Writing** is off the path of events: rows are sorted, written and merged by one thread ([`ValueDepot::start`]).
//! - **Forgetting**: a horizon is cut into eight generations. Runs of one generation are merged with each other, never with
//!   those of another, so that a run is dropped whole when the last of its values is beyond the horizon.
//! - **Restarts**: a snapshot names runs by number. As they never change, going back to it is opening them. A file is
//!   removed only when neither the last snapshot that was kept names it nor a shelf holds it ([`ValueDepot::keep`]).
//! - **Faults**: rows that cannot be written stay in memory; a merge that fails leaves its runs as they are; a block that
//!   cannot be read, or is damaged, is told to the one who asked.
//!
//! A B-tree in one file would take a page written and synced for nearly each value, as digests come in no order, and could
//! not go back to where a snapshot stood without keeping both; sorted runs are written once and in sequence.

mod run;
mod shelf;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::JoinHandle;

use noroshi_correlate::{Depot, Kind, Row, RuleSpec, Shelf, shard_of};
use noroshi_files::Files;

use run::{Run, RunWriter};

const EXTENSION: &str = "run";

/// What a job comes to: `None` where nothing was left to write.
type Done = Arc<OnceLock<io::Result<Option<Arc<Run>>>>>;

/// Work for the writer.
#[derive(Debug)]
struct Job {
    what: What,
    rule: [u8; 32],
    done: Done,
}

#[derive(Debug)]
enum What {
    Write(Vec<Row>),
    /// One run out of several, with what is of partitions of this shard and not forgotten.
    Merge {
        runs: Vec<Arc<Run>>,
        forgotten: i64,
        shard: usize,
        shards: usize,
    },
}

/// Which files are in use.
#[derive(Debug, Default)]
struct InUse {
    writing: BTreeSet<u64>,
    open: BTreeMap<u64, Weak<Run>>,
}

#[derive(Debug)]
struct Inner {
    files: Arc<dyn Files>,
    directory: PathBuf,
    next: AtomicU64,
    in_use: Mutex<InUse>,
    jobs: Mutex<VecDeque<Job>>,
    wake: Condvar,
    stopping: AtomicBool,
    failed: AtomicU64,
    ailment: Mutex<Option<String>>,
}

/// A directory of remembered values. Clones are the same.
#[derive(Clone, Debug)]
pub struct ValueDepot {
    inner: Arc<Inner>,
}

/// What a depot holds and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DepotCounters {
    /// Runs that shelves hold.
    pub runs: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of filters and tables of contents in memory.
    pub resident_bytes: u64,
    /// Writes and merges that failed.
    pub failed: u64,
    /// Writes and merges that wait.
    pub waiting: u64,
}

/// The thread that writes; it ends, after what it is at, when this is dropped.
#[derive(Debug)]
pub struct Writing {
    depot: ValueDepot,
    thread: Option<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:016x}.{EXTENSION}"))
    }

    /// The run of a number: one that is open already, or the file.
    fn run(&self, number: u64, rule: &[u8; 32]) -> io::Result<Arc<Run>> {
        if let Some(open) = lock(&self.in_use).open.get(&number).and_then(Weak::upgrade) {
            return Ok(open);
        }
        let run = Arc::new(Run::open(&*self.files, &self.path(number), number, rule)?);
        lock(&self.in_use).open.insert(number, Arc::downgrade(&run));
        Ok(run)
    }

    fn add(&self, what: What, rule: [u8; 32]) -> Done {
        let done = Done::default();
        lock(&self.jobs).push_back(Job { what, rule, done: Arc::clone(&done) });
        self.wake.notify_one();
        done
    }

    fn work(&self, job: Job) {
        let Job { what, rule, done } = job;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.in_use).writing.insert(number);
        let path = self.path(number);
        let result = match what {
            What::Write(rows) => self.write(rows, rule, number, &path),
            What::Merge { runs, forgotten, shard, shards } => {
                let mine = |row: &Row| row.1 >= forgotten && shard_of(row.0[0], shards) == shard;
                self.merge(&runs, mine, rule, number, &path)
            }
        };
        let result = result.map(|run| run.map(Arc::new));
        *lock(&self.ailment) = result.as_ref().err().map(|cause| format!("{}: {cause}", path.display()));
        let mut in_use = lock(&self.in_use);
        if let Ok(Some(run)) = &result {
            in_use.open.insert(number, Arc::downgrade(run));
        }
        in_use.writing.remove(&number);
        drop(in_use);
        if let Err(cause) = &result {
            self.failed.fetch_add(1, Ordering::Relaxed);
            // A leftover is removed with the next snapshot where this fails; a full disk needs the room now.
            let _ = self.files.remove(&path);
            tracing::error!(
                path = %path.display(),
                "cannot write remembered values: {cause}; they stay where they were: free space or mend the disk"
            );
        }
        let _ = done.set(result);
    }

    fn write(&self, mut rows: Vec<Row>, rule: [u8; 32], number: u64, path: &Path) -> io::Result<Option<Run>> {
        rows.sort_unstable();
        let mut writer = RunWriter::create(&*self.files, path, rule, rows.len())?;
        for (at, row) in rows.iter().enumerate() {
            // Of one value the latest time counts, which is the last.
            if rows.get(at + 1).is_none_or(|next| next.0 != row.0) {
                writer.push(*row)?;
            }
        }
        let run = writer.end(&*self.files, path, number)?;
        self.files.sync_directory(&self.directory)?;
        Ok(Some(run))
    }

    fn merge(
        &self,
        runs: &[Arc<Run>],
        mine: impl Fn(&Row) -> bool,
        rule: [u8; 32],
        number: u64,
        path: &Path,
    ) -> io::Result<Option<Run>> {
        let most = runs.iter().map(|run| run.rows() as usize).sum();
        let mut writer = RunWriter::create(&*self.files, path, rule, most)?;
        let mut scans: Vec<_> = runs.iter().map(|run| run.scan()).collect();
        let mut heads = scans.iter_mut().map(run::Scan::next).collect::<io::Result<Vec<_>>>()?;
        let mut written = 0u64;
        while let Some(least) = heads.iter().flatten().map(|row| row.0).min() {
            let mut time = i64::MIN;
            for (head, scan) in heads.iter_mut().zip(&mut scans) {
                if let Some(row) = head.filter(|row| row.0 == least) {
                    time = time.max(row.1);
                    *head = scan.next()?;
                }
            }
            if mine(&(least, time)) {
                writer.push((least, time))?;
                written += 1;
            }
        }
        if written == 0 {
            drop(writer);
            self.files.remove(path)?;
            return Ok(None);
        }
        let run = writer.end(&*self.files, path, number)?;
        self.files.sync_directory(&self.directory)?;
        Ok(Some(run))
    }
}

impl ValueDepot {
    /// The depot in a directory, which is made where it is not there. Nothing is written until [`ValueDepot::start`], or
    /// [`ValueDepot::work_off`].
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(files: Arc<dyn Files>, directory: PathBuf) -> io::Result<ValueDepot> {
        files.create_directory(&directory)?;
        let last = files.list(&directory)?.iter().filter_map(|path| number_of(path)).max();
        Ok(ValueDepot {
            inner: Arc::new(Inner {
                files,
                directory,
                next: AtomicU64::new(last.map_or(0, |last| last.saturating_add(1))),
                in_use: Mutex::default(),
                jobs: Mutex::default(),
                wake: Condvar::new(),
                stopping: AtomicBool::new(false),
                failed: AtomicU64::new(0),
                ailment: Mutex::default(),
            }),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    /// Starts the thread that writes.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(&self) -> io::Result<Writing> {
        let inner = Arc::clone(&self.inner);
        let body = move || {
            loop {
                let mut jobs = lock(&inner.jobs);
                while jobs.is_empty() && !inner.stopping.load(Ordering::Acquire) {
                    jobs = inner.wake.wait(jobs).unwrap_or_else(PoisonError::into_inner);
                }
                if inner.stopping.load(Ordering::Acquire) {
                    return;
                }
                let job = jobs.pop_front();
                drop(jobs);
                job.into_iter().for_each(|job| inner.work(job));
            }
        };
        let thread = std::thread::Builder::new().name("remember".into()).spawn(body)?;
        Ok(Writing { depot: self.clone(), thread: Some(thread) })
    }

    /// Does what waits, in this thread.
    pub fn work_off(&self) {
        loop {
            let job = lock(&self.inner.jobs).pop_front();
            match job {
                Some(job) => self.inner.work(job),
                None => return,
            }
        }
    }

    /// A snapshot that names these is in its place: files that neither it nor a shelf needs are removed.
    pub fn keep<'a>(&self, named: impl Iterator<Item = &'a [u8]>) {
        let named: BTreeSet<u64> = named.flat_map(shelf::numbers).collect();
        let found = match self.inner.files.list(&self.inner.directory) {
            Ok(found) => found,
            Err(cause) => {
                tracing::warn!(path = %self.inner.directory.display(), "cannot list remembered values: {cause}");
                return;
            }
        };
        let mut in_use = lock(&self.inner.in_use);
        in_use.open.retain(|_, run| run.strong_count() > 0);
        for path in found {
            let Some(number) = number_of(&path) else { continue };
            if named.contains(&number) || in_use.writing.contains(&number) || in_use.open.contains_key(&number) {
                continue;
            }
            if let Err(cause) = self.inner.files.remove(&path) {
                tracing::warn!(path = %path.display(), "cannot remove values that nobody remembers: {cause}");
            }
        }
    }

    /// Why the last write or merge failed, if it did: values stay in memory, and rules may come to their budget.
    #[must_use]
    pub fn ailment(&self) -> Option<String> {
        lock(&self.inner.ailment).as_ref().map(|cause| format!("remembered values cannot be written: {cause}"))
    }

    /// What it holds and did.
    #[must_use]
    pub fn counters(&self) -> DepotCounters {
        let in_use = lock(&self.inner.in_use);
        let mut counters = DepotCounters {
            failed: self.inner.failed.load(Ordering::Relaxed),
            waiting: lock(&self.inner.jobs).len() as u64,
            ..DepotCounters::default()
        };
        for run in in_use.open.values().filter_map(Weak::upgrade) {
            counters.runs += 1;
            counters.rows += run.rows();
            counters.resident_bytes += run.resident_bytes();
        }
        counters
    }
}

impl Depot for ValueDepot {
    fn open(&self, rule: &RuleSpec, shard: usize, shards: usize) -> Box<dyn Shelf> {
        let horizon = match rule.kind {
            Kind::NewValue { horizon_ns, .. } | Kind::Rare { horizon_ns, .. } => horizon_ns,
            _ => i64::MAX,
        };
        Box::new(shelf::RunShelf::new(Arc::clone(&self.inner), rule.definition_digest, horizon, shard, shards))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.depot.inner.stopping.store(true, Ordering::Release);
        // Under the lock, so that a thread about to wait sees it.
        drop(lock(&self.depot.inner.jobs));
        self.depot.inner.wake.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of remembered values panicked; what was laid down before is whole");
        }
    }
}

fn number_of(path: &Path) -> Option<u64> {
    let named = path.extension().is_some_and(|extension| extension == EXTENSION);
    let stem = path.file_stem().filter(|_| named)?.to_str()?;
    u64::from_str_radix(stem, 16).ok()
}
