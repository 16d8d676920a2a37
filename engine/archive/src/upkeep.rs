//! What is done with segments after they are sealed: small ones are rewritten into larger ones, those that are kept no longer
//! are removed.
//!
//! Both go the same way: what is to be done is said in the tree, signed and durable, then in the catalog, and then files are
//! removed. A crash between two of the steps leaves the tree ahead of the catalog or the catalog ahead of the directory;
//! [`Sealer::catch_up`] does the rest before anything else is begun. No file is removed of which the tree does not say so.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use noroshi_files::{Files, directory_of};
use noroshi_tree::leaf::{Leaf, Manifest, Purged, Replaced};
use tracing::{error, info};

use crate::about::About;
use crate::age::Age;
use crate::hold::Holds;
use crate::retention::Retention;
use crate::sealer::Sealer;
use crate::verify::digest;

/// How often it is looked whether anything was sealed since, while nothing waits to be.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often it is looked what has expired, though nothing was sealed since.
const LOOK_UNCHANGED: Duration = Duration::from_secs(60);

/// How often while sealing never ends: a disk must not fill up because of much to do.
const LOOK_WHEN_BUSY: Duration = Duration::from_secs(60);

/// How often after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Files of one purge: their names fit well into an entry of 64 KiB.
const FILES_AT_ONCE: usize = 256;

/// What others may see of the upkeep.
#[derive(Debug, Default)]
pub(crate) struct UpkeepStanding {
    failing: Mutex<Option<String>>,
    damaged: Mutex<BTreeSet<String>>,
    pub(crate) purged: AtomicU64,
    pub(crate) purged_bytes: AtomicU64,
    pub(crate) replaced: AtomicU64,
    pub(crate) held: AtomicU64,
}

impl UpkeepStanding {
    /// What is wrong, for people.
    pub(crate) fn ailments(&self) -> Vec<String> {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        let damaged = damaged
            .iter()
            .map(|file| format!("{file} is not what was sealed; it is left as it is, `noroshi verify` tells more"));
        failing.into_iter().chain(damaged).collect()
    }
}

/// How sealed segments are looked after.
#[derive(Debug)]
pub(crate) struct Upkeep {
    pub(crate) retention: Retention,
    pub(crate) age: Age,
    pub(crate) holds: Holds,
    /// Bytes of records that a segment should hold.
    pub(crate) segment_bytes: u64,
    /// Whose doing purges are, in the tree.
    pub(crate) who: String,
    pub(crate) clock: fn() -> i64,
    pub(crate) uptime: fn() -> Duration,
    /// Entries of the tree below this are in the catalog.
    walked: u64,
    /// Files that are to be removed, as the tree and the catalog say.
    left_over: BTreeSet<String>,
    /// Segments that are not rewritten: a later version wrote them, or they came out otherwise.
    pub(crate) left_alone: BTreeSet<String>,
    due: Duration,
    /// Lines of the catalog when nothing more was to be done, and when that was.
    settled: Option<(usize, Duration)>,
}

impl Upkeep {
    pub(crate) fn new(
        retention: Retention,
        age: Age,
        segment_bytes: u64,
        who: String,
        clock: fn() -> i64,
        uptime: fn() -> Duration,
    ) -> Self {
        Upkeep {
            retention,
            age,
            holds: Holds::default(),
            segment_bytes,
            who,
            clock,
            uptime,
            walked: 0,
            left_over: BTreeSet::new(),
            left_alone: BTreeSet::new(),
            due: Duration::ZERO,
            settled: None,
        }
    }

    /// The catalog is as the tree was with so many entries.
    pub(crate) fn told(&mut self, entries: u64) {
        self.walked = self.walked.max(entries);
    }

    /// These files are to be removed.
    pub(crate) fn leave_over(&mut self, files: impl IntoIterator<Item = String>) {
        self.left_over.extend(files);
    }
}

impl Sealer {
    /// How long until it is to be looked.
    pub(crate) fn upkeep_due(&self) -> Duration {
        self.upkeep.due.saturating_sub((self.upkeep.uptime)()).min(LOOK_EVERY)
    }

    /// Looks after what is sealed: one step.
    pub(crate) fn look_after(&mut self) {
        let now = (self.upkeep.uptime)();
        if now < self.upkeep.due {
            return;
        }
        let unchanged = |&(lines, at): &(usize, Duration)| lines == self.catalog.lines && now < at + LOOK_UNCHANGED;
        if self.upkeep.settled.as_ref().is_some_and(unchanged) {
            self.upkeep.due = now + LOOK_EVERY;
            return;
        }
        let (patience, failing) = match self.step() {
            Ok(true) => (Duration::ZERO, None),
            Ok(false) => {
                self.upkeep.settled = Some((self.catalog.lines, now));
                (LOOK_EVERY, None)
            }
            Err(cause) => {
                let told = format!("cannot look after the sealed segments: {cause}; it is tried again");
                (RETRY_AFTER, Some(told))
            }
        };
        self.upkeep.due = now + patience;
        let mut standing = self.standing.upkeep.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(told), None) = (&failing, &*standing) {
            error!("{told}");
        }
        *standing = failing;
    }

    /// Looks after what is sealed although more waits to be.
    pub(crate) fn look_after_when_busy(&mut self) {
        if (self.upkeep.uptime)() >= self.upkeep.due + LOOK_WHEN_BUSY {
            self.look_after();
        }
    }

    /// One purge or one rewrite; whether there may be more to do.
    pub(crate) fn step(&mut self) -> io::Result<bool> {
        self.catch_up()?;
        self.remove_left_over()?;
        self.upkeep.age.save_when_due(&*self.files, &self.directory)?;
        Ok(self.purge()? || self.compact()?)
    }

    /// Keeps the archive's time at the end of a run.
    pub(crate) fn save_age(&mut self) {
        if let Err(cause) = self.upkeep.age.save(&*self.files, &self.directory) {
            error!("cannot keep the archive's time in {}: {cause}", self.directory.display());
        }
    }

    /// Tells the catalog what the tree says and it does not: what an attempt before has left undone.
    pub(crate) fn catch_up(&mut self) -> io::Result<()> {
        // What was appended and could not be signed stands in memory alone.
        self.log.sign_appended()?;
        self.upkeep.told(self.catalog.end_leaf());
        let mut manifests: BTreeMap<String, (u64, Manifest)> = BTreeMap::new();
        for index in self.upkeep.walked..self.log.size() {
            match self.log.leaf(index)? {
                Some(Leaf::Manifest(manifest)) => {
                    manifests.insert(manifest.file.clone(), (index, manifest));
                }
                Some(Leaf::Replaced(replaced)) => {
                    let by = manifests.remove(&replaced.by);
                    self.tell_replaced(index, replaced, by)?;
                }
                Some(Leaf::Purged(purged)) => {
                    purged.files.iter().for_each(|file| _ = manifests.remove(file));
                    self.tell_purged(index, purged)?;
                }
                Some(Leaf::Batch(_) | Leaf::Audit(_)) | None => {}
            }
        }
        for (index, manifest) in manifests.into_values() {
            let is_told = self.catalog.segments().iter().any(|segment| segment.file == manifest.file);
            // A file that is not what the tree says is sealed anew: its records still stand in their write-ahead segment.
            if !is_told
                && self.is_good(&manifest)?
                && let Some(about) = About::read(&*self.files, &self.directory.join(&manifest.file))?
            {
                self.catalog.append(&*self.files, &self.directory, about.sealed(&manifest, index))?;
            }
        }
        self.upkeep.told(self.log.size());
        Ok(())
    }

    fn tell_replaced(&mut self, leaf: u64, replaced: Replaced, by: Option<(u64, Manifest)>) -> io::Result<()> {
        let is_listed = self.catalog.segments().iter().any(|segment| replaced.files.contains(&segment.file));
        if is_listed {
            let missing =
                || io::Error::other(format!("the tree says nothing of {}; run `noroshi verify`", replaced.by));
            let (index, manifest) = by.ok_or_else(missing)?;
            let about = About::read(&*self.files, &self.directory.join(&manifest.file))?;
            let about = about.filter(|_| self.is_good(&manifest).unwrap_or(false)).ok_or_else(|| {
                io::Error::other(format!("{} is not what was sealed; run `noroshi verify`", manifest.file))
            })?;
            let gone = replaced.files.clone();
            self.catalog.replace(&*self.files, &self.directory, about.sealed(&manifest, index), gone, leaf)?;
        }
        self.upkeep.leave_over(replaced.files);
        Ok(())
    }

    fn tell_purged(&mut self, leaf: u64, purged: Purged) -> io::Result<()> {
        if self.catalog.segments().iter().any(|segment| purged.files.contains(&segment.file)) {
            self.catalog.purge(&*self.files, &self.directory, purged.files.clone(), leaf)?;
        }
        self.upkeep.leave_over(purged.files);
        Ok(())
    }

    /// Whether a file is what its manifest says.
    pub(crate) fn is_good(&self, manifest: &Manifest) -> io::Result<bool> {
        match digest(&*self.files, &self.directory.join(&manifest.file)) {
            Ok((bytes, digest)) => Ok(bytes == manifest.bytes && digest == manifest.sha256.0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes what the tree and the catalog say is gone.
    pub(crate) fn remove_left_over(&mut self) -> io::Result<()> {
        let mut directories = BTreeSet::new();
        while let Some(file) = self.upkeep.left_over.first().cloned() {
            let path = self.directory.join(&file);
            if !self.catalog.segments().iter().any(|segment| segment.file == file) {
                match self.files.remove(&path) {
                    Ok(()) => _ = directories.insert(directory_of(&path).to_owned()),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            self.upkeep.left_over.remove(&file);
        }
        for directory in directories {
            self.files.sync_directory(&directory)?;
            remove_empty(&*self.files, &directory);
        }
        Ok(())
    }

    /// Removes segments that are kept no longer. Whether there were any.
    fn purge(&mut self) -> io::Result<bool> {
        if self.upkeep.retention.is_empty() {
            return Ok(false);
        }
        let Upkeep { retention, age, holds, .. } = &mut self.upkeep;
        let (files, directory, catalog) = (&*self.files, &self.directory, &self.catalog);
        holds.reread(files, directory, catalog)?;
        let now_ns = age.now();
        let mut held = 0;
        let expired = retention.expired(catalog.segments(), now_ns, age.begun(), &mut |segment| {
            let is_held = holds.hold(files, directory, segment);
            held += u64::from(is_held);
            is_held
        });
        self.standing.upkeep.held.store(held, Ordering::Relaxed);
        let Some(first) = expired.first() else { return Ok(false) };
        let policy = first.policy.clone();
        let gone: Vec<_> = expired.iter().filter(|one| one.policy == policy).take(FILES_AT_ONCE).collect();
        let purged = Purged {
            files: gone.iter().map(|one| one.segment.file.clone()).collect(),
            sequences: gone.iter().map(|one| one.segment.first_sequence).min().unwrap_or_default()
                ..gone.iter().map(|one| one.segment.end_sequence).max().unwrap_or_default(),
            policy,
            who: self.upkeep.who.clone(),
            time_ns: (self.upkeep.clock)(),
        };
        let bytes: u64 = gone.iter().map(|one| one.segment.bytes).sum();
        let leaf = self.log.append(&[Leaf::Purged(purged.clone())])?.start;
        let (count, policy) = (purged.files.len() as u64, purged.policy.clone());
        self.tell_purged(leaf, purged)?;
        self.upkeep.told(leaf + 1);
        self.standing.upkeep.purged.fetch_add(count, Ordering::Relaxed);
        self.standing.upkeep.purged_bytes.fetch_add(bytes, Ordering::Relaxed);
        info!(segments = count, bytes, policy, "segments are kept no longer and are removed");
        self.remove_left_over()?;
        Ok(true)
    }

    /// Leaves a segment alone from now on, and tells so.
    pub(crate) fn is_damaged(&self, file: &str) {
        let mut damaged = self.standing.upkeep.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if damaged.insert(file.to_owned()) {
            error!("{file} is not what was sealed; it is left as it is, `noroshi verify` tells more");
        }
    }

    /// Whether a segment is left alone.
    pub(crate) fn is_left_alone(&self, file: &str) -> bool {
        self.standing.upkeep.damaged.lock().unwrap_or_else(PoisonError::into_inner).contains(file)
    }
}

/// Removes the directories of an hour and a day that hold nothing any more. One that holds something stays.
fn remove_empty(files: &dyn Files, directory: &Path) {
    let day = directory_of(directory);
    for empty in [directory, day] {
        if !files.list(empty).is_ok_and(|entries| entries.is_empty()) || files.remove_directory(empty).is_err() {
            return;
        }
        let _ = files.sync_directory(directory_of(empty));
    }
}

#[cfg(test)]
#[path = "upkeep_tests.rs"]
mod tests;
