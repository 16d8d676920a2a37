//! The MAC of the open tail ([`noroshi_tree::mac`]), as the commit thread keeps it.
//!
//! An archive has it where [`init`] made its first key. Each frame gets its MAC as it is written. Behind each sync the keys
//! go on, and at most once a second they replace those on disk. A segment that is over is counted there before it is sealed:
//! until its file is gone a shorter one shows.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use noroshi_files::Files;
use noroshi_tree::mac::{Ended, FirstKey, KeyChain, MacError, TailState};
use tracing::{error, info};

use crate::archive::WAL;
use crate::frame;
use crate::wal::{self, Segment};

/// Where the keys of frames to come lie, below the archive's directory. Not for backups: who finds an older one can rewrite
/// the frames since.
pub const TAIL_STATE: &str = "keys/tail.state";

/// How often the keys on disk are replaced at most: each replacement is a sync, and what was written since can be rewritten by
/// who takes over the host.
const SAVE_AFTER: Duration = Duration::from_secs(1);

/// Why an archive gets no first key.
#[derive(Debug)]
pub enum InitError {
    /// It has one.
    Stands(PathBuf),
    /// Records wait to be sealed that have no MAC.
    Unsealed(PathBuf),
    /// The keys cannot be written.
    Mac(MacError),
    /// A directory cannot be made or read.
    File(PathBuf, io::Error),
}

impl std::fmt::Display for InitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stands(path) => write!(
                f,
                "`{}` is there: this archive has a first key\n   = help: was it lost, let the engine seal all and stop it, move that file away and run this again",
                path.display()
            ),
            Self::Unsealed(path) => write!(
                f,
                "records wait in `{}` to be sealed\n   = help: start the engine and stop it, then run this again",
                path.display()
            ),
            Self::Mac(error) => error.fmt(f),
            Self::File(path, error) => write!(f, "cannot use `{}`: {error}", path.display()),
        }
    }
}

impl std::error::Error for InitError {}

/// Gives the archive in `directory`, made when absent, a first key, which is not kept: it is to be shown and kept elsewhere.
/// No engine may be running on it.
///
/// # Errors
/// [`InitError`].
pub fn init(files: &dyn Files, directory: &Path) -> Result<FirstKey, InitError> {
    let path = directory.join(TAIL_STATE);
    let of = |path: &Path| {
        let path = path.to_owned();
        move |error| InitError::File(path, error)
    };
    let keys = noroshi_files::directory_of(&path);
    for made in [directory, keys, &directory.join(WAL)] {
        files.create_directory(made).map_err(of(made))?;
    }
    if files.metadata(&path).is_ok() {
        return Err(InitError::Stands(path));
    }
    let wal = directory.join(WAL);
    if !wal::segments(files, &wal).map_err(of(&wal))?.is_empty() {
        return Err(InitError::Unsealed(wal));
    }
    let first = FirstKey::generate().map_err(InitError::Mac)?;
    let state = TailState { chain: first.epoch(0), ended: Vec::new() };
    state.save(files, &path).map_err(InitError::Mac)?;
    Ok(first)
}

/// Whether the archive in `directory` was given a first key.
pub fn is_held(files: &dyn Files, directory: &Path) -> bool {
    files.metadata(&directory.join(TAIL_STATE)).is_ok()
}

/// The keys from the next frame on.
pub(crate) struct Tail {
    files: Arc<dyn Files>,
    path: PathBuf,
    /// From the next frame that is written on.
    next: KeyChain,
    /// From the next frame on that is not known to be on disk.
    synced: KeyChain,
    /// Segments that are over, with their files.
    ended: Vec<(Ended, PathBuf)>,
    /// When the keys on disk were last replaced, or that was tried; `None` = not in this run.
    tried: Option<Instant>,
    is_saved: bool,
}

impl Tail {
    /// The keys as the run before left them, for the segments it `left`. `None` = the archive has no first key.
    ///
    /// # Errors
    /// Keys that are there and cannot be used, segments that cannot be read.
    pub(crate) fn open(files: &Arc<dyn Files>, directory: &Path, left: &[PathBuf]) -> io::Result<Option<Self>> {
        let path = directory.join(TAIL_STATE);
        if !is_held(&**files, directory) {
            if left.is_empty() {
                info!("the open tail carries no MAC; `noroshi archive init` gives a new archive the key for one");
            }
            return Ok(None);
        }
        let TailState { chain, ended } = TailState::load(&**files, &path).map_err(io::Error::other)?;
        let mut segments = Vec::new();
        for path in left {
            segments.extend(wal::epoch_of(&**files, path)?.map(|epoch| (epoch, path)));
        }
        segments.sort_by_key(|(epoch, _)| *epoch);
        // One that is sealed and gone needs no count.
        let of = |ended: Ended| {
            let (_, path) = segments.iter().find(|(epoch, _)| *epoch == ended.epoch)?;
            Some((ended, (*path).clone()))
        };
        let ended = ended.into_iter().filter_map(of).collect();
        let (next, synced) = (chain.clone(), chain);
        let mut tail = Tail { files: Arc::clone(files), path, next, synced, ended, tried: None, is_saved: true };
        for (epoch, path) in &segments {
            // Those before are over and counted; reading them would hold up the start.
            if *epoch == tail.next.epoch() {
                tail.catch_up(path, &Segment::read(&**files, path)?);
            }
        }
        if tail.next.index() > 0 {
            let (epoch, frames) = (tail.next.epoch(), tail.next.index());
            error!("the write-ahead segment of epoch {epoch} is gone, and {frames} frames were written to it");
            tail.begin_next();
        }
        Ok(Some(tail))
    }

    /// Ends a segment that a crash left open, behind the frames that are whole.
    fn catch_up(&mut self, path: &Path, segment: &Segment) {
        let counted = self.next.index();
        let whole = segment.placed().take_while(|placed| !placed.is_behind_damage);
        let mut frames = 0;
        for placed in whole {
            frames += 1;
            if frames <= counted {
                // Their keys are gone; only the first key tells of them.
                continue;
            }
            if !placed.held.is_some_and(|(message, mac)| self.next.is_next(message, mac)) {
                error!(
                    "{}: bytes {}..{} are a frame that this archive did not write; `noroshi verify --first-key` tells more",
                    path.display(),
                    placed.place.start,
                    placed.place.end
                );
                break;
            }
            self.next.advance();
        }
        if frames < counted {
            error!(
                "{}: {frames} whole frames are there and {counted} were written; `noroshi verify --first-key` tells more",
                path.display()
            );
        }
        self.synced = self.next.clone();
        self.end(path.to_owned());
    }

    /// The epoch that a new segment is of.
    pub(crate) fn epoch(&self) -> u64 {
        self.next.epoch()
    }

    /// Puts its MAC behind a frame that is about to be written; one that has its MAC is written once more.
    pub(crate) fn hold(&mut self, frame: &mut Vec<u8>) {
        if frame::held(frame).is_none() {
            frame::hold(frame, |message| self.next.mac(message));
        }
    }

    /// All that was written is on disk.
    pub(crate) fn synced(&mut self) {
        self.synced = self.next.clone();
        self.is_saved = false;
    }

    /// The segment in `path` is over, behind what is known to be on disk. What was written to it beyond goes into another.
    pub(crate) fn end(&mut self, path: PathBuf) {
        let ended = self.begin_next();
        self.ended.push((ended, path));
    }

    fn begin_next(&mut self) -> Ended {
        let ended = self.synced.end();
        self.next = self.synced.clone();
        (self.is_saved, self.tried) = (false, None);
        ended
    }

    /// Whether the keys on disk are those at hand.
    pub(crate) fn is_saved(&self) -> bool {
        self.is_saved
    }

    /// Replaces the keys on disk if there are newer ones and it is time. `None` = nothing was tried.
    pub(crate) fn save_if_due(&mut self) -> Option<Result<(), MacError>> {
        if self.is_saved || self.tried.is_some_and(|tried| tried.elapsed() < SAVE_AFTER) {
            return None;
        }
        self.tried = Some(Instant::now());
        let is_sealed = |path: &Path| {
            let found = self.files.metadata(path);
            found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        self.ended.retain(|(_, path)| !is_sealed(path));
        let ended = self.ended.iter().map(|(ended, _)| ended.clone()).collect();
        let saved = TailState { chain: self.synced.clone(), ended }.save(&*self.files, &self.path);
        self.is_saved = saved.is_ok();
        Some(saved)
    }
}
