//! Rules and indicators loaded anew while events go on, by a thread of their own that takes only what no worker wants.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use noroshi_rules::diagnostic::Severity;
use tracing::{error, info, warn};

use crate::audit::{Act, Acts};
use crate::cli::escape_lines;
use crate::detection::{Detection, LoadOptions};
use crate::intel::keep_good;

/// How much the thread that loads yields to others (`nice`): where workers take all there is it gets some 3 % of a core, where they do
/// not it is as fast as any.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 15;

/// How long the set before is held for its last user, so that no worker spends time on letting go of it. A worker without events keeps
/// it longer, and then lets go of it itself.
const LET_GO: Duration = Duration::from_secs(1);

/// What a load is made of, and where it goes.
pub struct Reloader {
    /// Rule files and directories.
    pub rules: Vec<PathBuf>,
    /// Indicator files and directories of no feed.
    pub indicators: Vec<PathBuf>,
    /// How they are loaded.
    pub options: LoadOptions,
    /// Whether a set with refused rules is taken without them.
    pub keep_going: bool,
    /// The set in force.
    pub detection: Arc<ArcSwap<Detection>>,
    /// Where it is written down, if there is an archive.
    pub acts: Option<Acts>,
    /// What became of it.
    pub counts: Arc<Reloads>,
    /// Told of each set in force, once nobody uses the one before.
    pub told: Option<Told>,
}

/// Whom to tell of a set in force.
pub type Told = Box<dyn Fn(Arc<Detection>) + Send>;

/// Counts of reloads, for metrics.
#[derive(Default)]
pub struct Reloads {
    /// Sets put in force.
    pub done: AtomicU64,
    /// Sets that were not, for what they held was not sound.
    pub refused: AtomicU64,
}

/// The thread that reloads.
pub struct Reloading {
    asked: Sender<&'static str>,
}

impl Reloading {
    /// Starts the thread. It ends when this is dropped and what it is at is done.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(reloader: Reloader) -> std::io::Result<Self> {
        let (asked, requests) = bounded(1);
        std::thread::Builder::new().name("reload".into()).spawn(move || {
            yield_to_others();
            reloader.serve(&requests);
        })?;
        Ok(Reloading { asked })
    }

    /// Has everything loaded, for a reason that is told. Asked again during a load, it is done once more after it.
    pub fn ask(&self, why: &'static str) {
        if let Err(TrySendError::Disconnected(_)) = self.asked.try_send(why) {
            error!(why, "the thread that reloads has ended by a fault; restart to take up changes");
        }
    }
}

/// Every thread that this one starts yields as well.
pub(crate) fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(cause) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS) {
        warn!("working at full priority: {cause}");
    }
}

impl Reloader {
    fn serve(&self, requests: &Receiver<&'static str>) {
        for why in requests {
            if let Some(before) = self.reload(why) {
                let mut waited = Duration::ZERO;
                while Arc::strong_count(&before) > 1 && waited < LET_GO {
                    const STEP: Duration = Duration::from_millis(10);
                    std::thread::sleep(STEP);
                    waited += STEP;
                }
                if let Some(told) = &self.told {
                    told(self.detection.load_full());
                }
            }
        }
    }

    /// Writes down which set was in force and which is; `None` = what was asked for was refused.
    fn tell(&self, why: &str, before: &Detection, after: Option<&Detection>) {
        let Some(acts) = &self.acts else { return };
        let act = Act::new("reload").with("why", why).with("before", before.digests.clone());
        acts.tell(&act.with("after", after.map(|after| after.digests.clone())).with("refused", after.is_none()));
    }

    /// All or nothing: an invalid set is refused whole and the old one stays. The answer is the set before, where it was replaced.
    fn reload(&self, why: &str) -> Option<Arc<Detection>> {
        let loaded = Detection::load(&self.rules, &self.indicators, &self.options);
        let before = self.detection.load_full();
        let refused = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
        if refused > 0 && !self.keep_going {
            for diagnostic in &loaded.diagnostics {
                eprintln!("{}", escape_lines(&diagnostic.to_string()));
            }
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            self.tell(why, &before, None);
            error!(why, refused, digest = %before.digest_text(), "reload refused; the set before stays");
            return None;
        }
        if refused > 0 {
            let refusals = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
            refusals.for_each(|diagnostic| eprintln!("{}", escape_lines(&diagnostic.to_string())));
            warn!(why, refused, "refused rules or indicators are left out of what is loaded, as --keep-going asks");
        }
        for diagnostic in loaded.diagnostics.iter().filter(|told| told.message.starts_with("feed `")) {
            warn!("{}", escape_lines(&diagnostic.message));
        }
        keep_good(&self.options.intel, &loaded.feeds).iter().for_each(|told| warn!("{told}"));
        let after = Arc::new(loaded.detection);
        after.indicators.go_on_from(&before.indicators);
        self.detection.store(Arc::clone(&after));
        // Who reads of it finds it in force.
        info!(
            why, rules = after.rules.len(), correlations = after.correlations.len(), indicators = after.indicators.len(),
            before = %before.digest_text(), digest = %after.digest_text(), "reloaded"
        );
        self.tell(why, &before, Some(&after));
        self.counts.done.fetch_add(1, Ordering::Relaxed);
        Some(before)
    }
}
