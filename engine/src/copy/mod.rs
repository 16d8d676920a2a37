//! The copy of what is sealed: segments, the tree and the catalog go to S3-compatible storage, where an object lock keeps them
//! from whoever owns this host.
//!
//! One thread looks whether the tree has grown and works off what the catalog tells and the copy lacks (`round`). The catalog
//! is the queue: nothing waits in memory, and intake knows nothing of it. What fails is tried again, less and less often.

mod config;
mod round;
mod s3;
mod sign;
mod state;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use noroshi_input::files::Files;
use noroshi_tree::Verifier;
use tracing::{error, info, warn};

pub use config::{CopyConfig, LockMode};
use round::{Copier, Ended, Progress};
use s3::S3;

use crate::metrics::{Exposition, Kind};

/// How often is looked whether there is more to copy.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The longest pause between two tries: a server that is back is noticed within five minutes.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// Tries that fail one after the other before `/healthz` tells: half a minute.
const FAILURES_TOLD: u32 = 5;

/// What the thread works with.
pub(crate) struct Parts {
    pub(crate) files: Arc<dyn Files>,
    /// The archive's directory.
    pub(crate) directory: PathBuf,
    /// The key that its tree is verified by.
    pub(crate) log: Verifier,
    pub(crate) config: CopyConfig,
    /// Nanoseconds since 1970, for signatures and the end of locks.
    pub(crate) clock: fn() -> i64,
}

/// How the copy stands.
#[derive(Clone, Default, Debug)]
struct Standing {
    progress: Progress,
    failures: u64,
    /// Failures since the last success.
    in_a_row: u32,
    /// The last of them.
    failed: Option<String>,
}

/// The thread, until it is stopped.
#[derive(Debug)]
pub(crate) struct Copying {
    stop: Sender<()>,
    thread: JoinHandle<()>,
    standing: Arc<Mutex<Standing>>,
    place: String,
}

impl Copying {
    /// Starts copying.
    ///
    /// # Errors
    /// A CA file that cannot be used, or when the thread cannot be started.
    pub(crate) fn start(parts: Parts) -> io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let place = parts.config.place();
        let store = S3::new(&parts.config, Arc::clone(&parts.files), parts.clock).map_err(io::Error::other)?;
        let mut copier = Copier::open(parts.files, &parts.directory, parts.log, &place)?;
        let standing = Arc::new(Mutex::new(Standing { progress: copier.progress.clone(), ..Standing::default() }));
        let seen = Arc::clone(&standing);
        let thread = std::thread::Builder::new().name("copy".into()).spawn(move || {
            loop {
                let ended = copier.round(&mut |object| store.put(object), &mut |progress| {
                    locked(&seen).progress.clone_from(progress);
                    // A sender that is gone is the stop.
                    stopped.try_recv() == Err(TryRecvError::Disconnected)
                });
                if is_stopped(&stopped, tell(&seen, ended)) {
                    return;
                }
            }
        })?;
        Ok(Copying { stop, thread, standing, place })
    }

    /// Stops; what is under way is not waited for, and copied again at the next start.
    pub(crate) fn stop(self) {
        drop(self.stop);
        if self.thread.is_finished() {
            // A panic was told by itself.
            let _ = self.thread.join();
        }
    }

    /// What is wrong with the copy: a line each.
    pub(crate) fn ailments(&self) -> impl Fn() -> Vec<String> + Send + Sync + use<> {
        let (standing, place) = (Arc::clone(&self.standing), self.place.clone());
        move || ailments(&locked(&standing), &place)
    }

    /// Its figures.
    pub(crate) fn figures(&self) -> impl Fn(&mut Exposition) + Send + Sync + use<> {
        let standing = Arc::clone(&self.standing);
        move |text| {
            let Standing { progress, failures, .. } = locked(&standing).clone();
            for (name, help, kind, value) in [
                (
                    "noroshi_archive_copy_behind_segments",
                    "Sealed segments that the copy lacks.",
                    Kind::Gauge,
                    progress.behind_segments,
                ),
                ("noroshi_archive_copy_behind_bytes", "Their bytes.", Kind::Gauge, progress.behind_bytes),
                ("noroshi_archive_copied_segments_total", "Segments copied.", Kind::Counter, progress.copied_segments),
                ("noroshi_archive_copied_bytes_total", "Bytes copied.", Kind::Counter, progress.copied_bytes),
                (
                    "noroshi_archive_copy_leaves",
                    "Leaves of the tree that the copy holds whole.",
                    Kind::Gauge,
                    progress.leaves,
                ),
                (
                    "noroshi_archive_copy_missed_segments",
                    "Segments that were not copied because they are not what was sealed.",
                    Kind::Gauge,
                    progress.missed.len() as u64,
                ),
                ("noroshi_archive_copy_failures_total", "Tries that failed.", Kind::Counter, failures),
            ] {
                text.add(name, help, kind, &[], value as f64);
            }
        }
    }
}

fn locked(standing: &Mutex<Standing>) -> std::sync::MutexGuard<'_, Standing> {
    standing.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_stopped(stopped: &Receiver<()>, pause: Duration) -> bool {
    !matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
}

/// Takes note of how a round ended; the pause until the next.
fn tell(standing: &Mutex<Standing>, ended: Ended) -> Duration {
    let mut standing = locked(standing);
    match ended {
        Ended::Done => {
            if standing.in_a_row > 0 {
                info!("the archive is copied again");
            }
            (standing.in_a_row, standing.failed) = (0, None);
            LOOK_EVERY
        }
        Ended::Again => LOOK_EVERY,
        Ended::Failed { told, after } => {
            if standing.in_a_row == 0 {
                warn!("cannot copy the archive: {told}; it is tried again");
            } else if standing.in_a_row + 1 == FAILURES_TOLD {
                error!("the archive is still not copied: {told}");
            }
            standing.failures += 1;
            standing.in_a_row = standing.in_a_row.saturating_add(1);
            standing.failed = Some(told);
            pause_after(standing.in_a_row).max(after).min(PAUSE_MAX)
        }
    }
}

/// 1 s, 2 s, 4 s …
fn pause_after(failures: u32) -> Duration {
    Duration::from_secs(1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX)).min(PAUSE_MAX)
}

fn ailments(standing: &Standing, place: &str) -> Vec<String> {
    let mut told = Vec::new();
    if standing.in_a_row >= FAILURES_TOLD
        && let Some(failed) = &standing.failed
    {
        let Progress { behind_segments, behind_bytes, .. } = standing.progress;
        told.push(format!(
            "the copy of the archive in {place} is {behind_segments} segments ({behind_bytes} bytes) behind: {failed}"
        ));
    }
    told.extend(
        standing
            .progress
            .missed
            .iter()
            .map(|file| format!("{file} is not what was sealed and is not copied; `noroshi verify` tells more of it")),
    );
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_five_minutes_and_a_server_may_ask_for_longer_ones() {
        assert_eq!([1, 2, 5, 9, 10, 80].map(|n| pause_after(n).as_secs()), [1, 2, 16, 256, 300, 300]);
        let standing = Mutex::new(Standing::default());
        let failed = |after| Ended::Failed { told: "it answered 503".into(), after: Duration::from_secs(after) };
        assert_eq!(tell(&standing, failed(20)).as_secs(), 20);
        for _ in 2..FAILURES_TOLD {
            tell(&standing, failed(0));
        }
        assert_eq!(ailments(&locked(&standing), "s3"), Vec::<String>::new());
        assert_eq!(tell(&standing, failed(9999)).as_secs(), 300);
        let told = ailments(&locked(&standing), "s3://bucket");
        assert_eq!(told, ["the copy of the archive in s3://bucket is 0 segments (0 bytes) behind: it answered 503"]);
        assert_eq!((tell(&standing, Ended::Done), locked(&standing).failures), (LOOK_EVERY, 5));
        assert_eq!(ailments(&locked(&standing), "s3"), Vec::<String>::new());
    }
}
