//! Handing batches to the engine's one bounded queue, and the signal to stop.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{SendTimeoutError, Sender};
use tokio::sync::watch;

use crate::Clock;
use crate::batch::Batch;
use crate::counters::{DropReason, InputCounters};
use crate::join::Joiner;

/// After a stop was asked for, a full queue is waited for so long before records are dropped, counted.
pub const STOP_DRAIN_S: u64 = 10;

/// How often a wait looks at the stop signal: late enough to cost nothing, soon enough to feel at once.
pub(crate) const STOP_LOOK: Duration = Duration::from_millis(50);

/// Asks inputs to stop: listeners close, what was read is framed, handed over and counted, then the
/// queue's sender is dropped. Cheap to clone; all clones are one signal.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<watch::Sender<Option<Instant>>>);

impl Default for Shutdown {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Shutdown {
    /// Asks for the stop; later calls change nothing.
    pub fn request(&self) {
        self.0.send_if_modified(|at| {
            let first = at.is_none();
            at.get_or_insert_with(Instant::now);
            first
        });
    }

    /// True once the stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// True when the time for a clean stop has run out.
    pub(crate) fn is_overdue(&self) -> bool {
        self.0.borrow().is_some_and(|at| at.elapsed() > Duration::from_secs(STOP_DRAIN_S))
    }

    /// Ends when the stop is asked for.
    pub(crate) async fn requested(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let _ = receiver.wait_for(Option::is_some).await;
    }
}

/// The queue as one input's thread sees it.
#[derive(Clone, Debug)]
pub(crate) struct Outlet {
    pub sender: Sender<Batch>,
    pub counters: Arc<InputCounters>,
    pub shutdown: Shutdown,
    /// What puts lines together on their way; `None` = every line is a record.
    pub joins: Option<Joins>,
}

/// A joiner that the threads of one input share, with the clock it goes by.
#[derive(Clone)]
pub(crate) struct Joins {
    joiner: Arc<Mutex<Joiner>>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Joins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Joins").field("joiner", &self.joiner).finish_non_exhaustive()
    }
}

impl Joins {
    pub(crate) fn new(joiner: Joiner, clock: &Arc<dyn Clock>) -> Self {
        Self { joiner: Arc::new(Mutex::new(joiner)), clock: Arc::clone(clock) }
    }

    fn lock(&self) -> MutexGuard<'_, Joiner> {
        self.joiner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlet {
    /// Hands a batch over, with what is due of the lines held; an empty one hands over these alone. False when
    /// nobody reads the queue any more.
    pub(crate) fn send(&self, batch: Batch) -> bool {
        match &self.joins {
            None => self.hand(batch),
            Some(joins) => {
                let batches = joins.lock().join(batch, joins.clock.now_ns());
                self.hand_all(batches)
            }
        }
    }

    /// Hands over all lines held: their stream has ended.
    pub(crate) fn flush(&self) -> bool {
        let batches = self.joins.as_ref().map(|joins| joins.lock().finish());
        self.hand_all(batches.unwrap_or_default())
    }

    fn hand_all(&self, batches: Vec<Batch>) -> bool {
        let mut read = true;
        for batch in batches {
            read &= self.hand(batch);
        }
        read
    }

    /// Waits while the queue is full: this is the back-pressure. Every record is counted as handed or dropped.
    fn hand(&self, mut batch: Batch) -> bool {
        if batch.is_empty() {
            return true;
        }
        let records = batch.lines();
        loop {
            match self.sender.send_timeout(batch, STOP_LOOK) {
                Ok(()) => {
                    InputCounters::add(&self.counters.handed, records);
                    return true;
                }
                Err(SendTimeoutError::Timeout(back)) if self.shutdown.is_overdue() => {
                    drop(back);
                    self.counters.drop_records(DropReason::QueueFull, records);
                    return true;
                }
                Err(SendTimeoutError::Timeout(back)) => batch = back,
                Err(SendTimeoutError::Disconnected(back)) => {
                    drop(back);
                    self.counters.drop_records(DropReason::ConsumerGone, records);
                    self.shutdown.request();
                    return false;
                }
            }
        }
    }
}
