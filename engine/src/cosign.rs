//! The thread that has the archive's tree cosigned: as soon as the tree has grown each witness is asked.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use noroshi_archive::Watcher;
use noroshi_input::files::Files;
use noroshi_tree::{Reader, Verifier};
use tracing::{error, info, warn};

use crate::metrics::{Exposition, Kind};
use crate::witness::WitnessClient;

/// How often is looked whether the tree has grown. It does when a segment is sealed, and when an operator has done something.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks that pass before a witness that failed is asked again: a minute.
const LOOKS_AFTER_FAILURE: u32 = 30;

/// A witness as it is configured.
#[derive(Clone, Debug)]
pub(crate) struct WitnessAddress {
    /// `http://witness.example.com:8470`.
    pub(crate) url: String,
    /// Its key.
    pub(crate) verifier: Verifier,
}

/// How one witness stands.
#[derive(Clone, Default, Debug)]
struct Standing {
    name: String,
    /// Leaves of the last checkpoint it cosigned.
    cosigned: u64,
    failures: u64,
    /// It has seen another tree than ours: told until the engine is restarted.
    contradicts: Option<String>,
    away: bool,
    /// Looks to pass before it is asked again.
    pause: u32,
}

/// What the thread works with.
pub(crate) struct Parts {
    pub(crate) files: Arc<dyn Files>,
    /// Where the tree lies.
    pub(crate) tree: PathBuf,
    /// The key that it is verified by.
    pub(crate) log: Verifier,
    pub(crate) witnesses: Vec<WitnessAddress>,
    pub(crate) archive: Watcher,
}

/// The thread, until it is stopped.
#[derive(Debug)]
pub(crate) struct Cosigning {
    stop: Sender<()>,
    thread: JoinHandle<()>,
    standings: Arc<Mutex<Vec<Standing>>>,
}

impl Cosigning {
    /// Starts asking.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(parts: Parts) -> std::io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let named =
            |witness: &WitnessAddress| Standing { name: witness.verifier.name().to_owned(), ..Standing::default() };
        let standings = Arc::new(Mutex::new(parts.witnesses.iter().map(named).collect::<Vec<_>>()));
        let seen = Arc::clone(&standings);
        let thread = std::thread::Builder::new().name("cosign".into()).spawn(move || {
            let client = |witness: &WitnessAddress| WitnessClient::new(&witness.url, witness.verifier.clone());
            let mut clients: Vec<WitnessClient> = parts.witnesses.iter().map(client).collect();
            loop {
                for (at, client) in clients.iter_mut().enumerate() {
                    ask(&parts, client, &seen, at);
                }
                // A sender that is gone is the stop.
                if !matches!(stopped.recv_timeout(LOOK_EVERY), Err(crossbeam_channel::RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        })?;
        Ok(Cosigning { stop, thread, standings })
    }

    /// Stops; an exchange that is under way is not waited for.
    pub(crate) fn stop(self) {
        drop(self.stop);
        if self.thread.is_finished() {
            // A panic was told by itself.
            let _ = self.thread.join();
        }
    }

    /// What witnesses contradict: a line each.
    pub(crate) fn ailments(&self) -> impl Fn() -> Vec<String> + Send + Sync + use<> {
        let standings = Arc::clone(&self.standings);
        move || {
            let standings = standings.lock().unwrap_or_else(PoisonError::into_inner);
            standings.iter().filter_map(|standing| standing.contradicts.clone()).collect()
        }
    }

    /// The figures of each witness.
    pub(crate) fn figures(&self) -> impl Fn(&mut Exposition) + Send + Sync + use<> {
        let standings = Arc::clone(&self.standings);
        move |text| {
            for standing in standings.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                let label = [("witness", &*standing.name)];
                let told = "Leaves of the archive's tree that the witness has cosigned.";
                text.add("noroshi_archive_cosigned_leaves", told, Kind::Gauge, &label, standing.cosigned as f64);
                let told = "Exchanges with the witness that failed.";
                text.add(
                    "noroshi_archive_witness_failures_total",
                    told,
                    Kind::Counter,
                    &label,
                    standing.failures as f64,
                );
            }
        }
    }
}

/// One exchange with one witness, if there is anything new for it.
fn ask(parts: &Parts, client: &mut WitnessClient, standings: &Mutex<Vec<Standing>>, at: usize) {
    let standing = |change: &mut dyn FnMut(&mut Standing)| {
        change(&mut standings.lock().unwrap_or_else(PoisonError::into_inner)[at]);
    };
    let mut before = Standing::default();
    standing(&mut |standing| before = standing.clone());
    if before.pause > 0 {
        return standing(&mut |standing| standing.pause -= 1);
    }
    let url = &parts.witnesses[at].url;
    let reader = match Reader::open(Arc::clone(&parts.files), &parts.tree, std::slice::from_ref(&parts.log)) {
        Ok(reader) => reader,
        Err(cause) => {
            standing(&mut |standing| standing.pause = LOOKS_AFTER_FAILURE);
            return warn!("cannot read the tree in {}: {cause}; no witness is asked", parts.tree.display());
        }
    };
    let size = reader.checkpoint().size;
    if size == before.cosigned || size == 0 {
        return;
    }
    match client.cosign(&reader) {
        Ok(line) => {
            parts.archive.cosigned(line, parts.witnesses[at].verifier.clone());
            if before.away {
                info!(witness = before.name, "the witness answers again");
            }
            standing(&mut |standing| (standing.cosigned, standing.away) = (size, false));
        }
        Err(cause) if cause.is_tampering() => {
            let told = format!(
                "the witness {} at {url} has seen another tree: {cause}; keep this host as it is and compare with noroshi verify",
                before.name
            );
            if before.contradicts.is_none() {
                error!("{told}");
            }
            standing(&mut |standing| {
                standing.failures += 1;
                standing.pause = LOOKS_AFTER_FAILURE;
                standing.contradicts = Some(told.clone());
            });
        }
        Err(cause) => {
            if !before.away {
                warn!(
                    witness = before.name,
                    "cannot have the tree cosigned at {url}: {cause}; it is asked again each minute"
                );
            }
            standing(&mut |standing| {
                standing.failures += 1;
                standing.pause = LOOKS_AFTER_FAILURE;
                standing.away = true;
            });
        }
    }
}
