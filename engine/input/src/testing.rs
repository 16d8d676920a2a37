//! What the tests of this crate share: inputs at work, and waiting for what they bring.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::{
    Batch, BatchNumber, Clock, FileCheckpoint, InputCounters, InputSpec, Inputs, Receipt, RecordFlags, Running,
    Shutdown,
};

/// Far beyond what any test needs, so that only a fault reaches it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A clock that stands still.
pub(crate) struct Still;

impl Clock for Still {
    fn now_ns(&self) -> i64 {
        1_700_000_000_000_000_000
    }
}

/// A record copied out of its batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Got {
    pub text: String,
    pub flags: RecordFlags,
    pub part: u32,
    pub offset: u64,
    pub line: u64,
    pub origin: Arc<crate::Origin>,
    pub stated_time_ns: i64,
}

impl Got {
    fn of(batch: &Batch, record: &crate::RecordRef) -> Self {
        Self {
            text: String::from_utf8_lossy(batch.record(record)).into_owned(),
            flags: record.flags,
            part: record.part,
            offset: record.offset,
            line: record.line,
            origin: Arc::clone(batch.origin(record)),
            stated_time_ns: record.stated_time_ns,
        }
    }
}

/// Inputs at work and everything they brought so far.
pub(crate) struct Bench {
    pub running: Option<Running>,
    pub receiver: Option<Receiver<Batch>>,
    pub shutdown: Shutdown,
    pub got: Vec<Got>,
    pub checkpoints: Vec<FileCheckpoint>,
}

impl Bench {
    pub(crate) fn start(specs: &[InputSpec]) -> Self {
        Self::resume(specs, &[])
    }

    pub(crate) fn resume(specs: &[InputSpec], checkpoints: &[FileCheckpoint]) -> Self {
        let (sender, receiver) = bounded(2);
        let shutdown = Shutdown::default();
        let clock: Arc<dyn Clock> = Arc::new(Still);
        let running = Inputs::start(specs, checkpoints, &sender, &clock, &shutdown).expect("inputs start");
        Self { running: Some(running), receiver: Some(receiver), shutdown, got: Vec::new(), checkpoints: Vec::new() }
    }

    pub(crate) fn address(&self, input: usize) -> SocketAddr {
        let bound = self.running.as_ref().expect("runs").bound();
        bound.iter().find(|b| usize::from(b.input) == input).expect("bound").address
    }

    pub(crate) fn counters(&self) -> Arc<InputCounters> {
        Arc::clone(self.running.as_ref().expect("runs").counters_of(0))
    }

    fn take(&mut self, batch: &Batch) {
        for record in &batch.records {
            assert_eq!(record.receive_time_ns, Still.now_ns());
            self.got.push(Got::of(batch, record));
        }
        for checkpoint in batch.checkpoints() {
            self.checkpoints
                .retain(|c| (c.identity.dev, c.identity.ino) != (checkpoint.identity.dev, checkpoint.identity.ino));
            self.checkpoints.push(checkpoint);
        }
    }

    /// Takes batches until `n` records came.
    #[track_caller]
    pub(crate) fn wait(&mut self, n: usize) {
        self.wait_until(|bench| bench.got.len() >= n);
        assert_eq!(self.got.len(), n, "{:?}", self.texts());
    }

    /// Takes batches until the condition holds.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !holds(self) {
            assert!(Instant::now() < deadline, "waited in vain; got {:?}", self.texts());
            match self.receiver.as_ref().expect("reads").recv_timeout(Duration::from_millis(5)) {
                Ok(batch) => self.take(&batch),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => assert!(holds(self), "the inputs ended; got {:?}", self.texts()),
            }
        }
    }

    /// Stops the inputs, takes the rest, and checks the conservation law.
    pub(crate) fn stop(&mut self) -> Vec<Arc<InputCounters>> {
        self.shutdown.request();
        let running = self.running.take().expect("runs");
        let joiner = std::thread::spawn(move || running.join());
        let receiver = self.receiver.take().expect("reads");
        while let Ok(batch) = receiver.recv_timeout(DEADLINE) {
            self.take(&batch);
        }
        let counters = joiner.join().expect("joined");
        let mut handed = 0;
        for counters in &counters {
            assert_conserved(counters);
            handed += count(counters, "handed");
        }
        assert_eq!(handed, self.got.len() as u64, "every record handed over was received here");
        counters
    }

    pub(crate) fn texts(&self) -> Vec<&str> {
        self.got.iter().map(|got| &got.text[..got.text.len().min(60)]).collect()
    }
}

pub(crate) fn count(counters: &InputCounters, name: &str) -> u64 {
    let found = counters.snapshot().into_iter().find(|(n, _)| *n == name);
    found.unwrap_or_else(|| panic!("no counter {name}")).1
}

#[track_caller]
pub(crate) fn assert_conserved(counters: &InputCounters) {
    let (records, handed) = (count(counters, "records"), count(counters, "handed"));
    assert_eq!(records, handed + counters.dropped(), "received = handed + dropped: {:?}", counters.snapshot());
}

/// What is done with a batch that somebody waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Its sender is told that it is kept.
    Keep,
    /// Its sender is told to send it again.
    Refuse,
    /// Its sender waits.
    Hold,
}

#[derive(Debug)]
struct Kept {
    mode: Mode,
    got: Vec<Got>,
    batches: usize,
    numbers: Vec<BatchNumber>,
    held: Vec<Receipt>,
}

/// One input at work, and what stands for the engine behind it: takes every batch and answers for it.
pub(crate) struct Keeper {
    running: Running,
    shutdown: Shutdown,
    state: Arc<Mutex<Kept>>,
    taking: std::thread::JoinHandle<()>,
}

impl Keeper {
    pub(crate) fn start(specs: &[InputSpec]) -> Self {
        let (sender, receiver) = bounded::<Batch>(2);
        let shutdown = Shutdown::default();
        let clock: Arc<dyn Clock> = Arc::new(Still);
        let running = Inputs::start(specs, &[], &sender, &clock, &shutdown).expect("inputs start");
        let kept = Kept { mode: Mode::Keep, got: Vec::new(), batches: 0, numbers: Vec::new(), held: Vec::new() };
        let state = Arc::new(Mutex::new(kept));
        let taking = std::thread::spawn({
            let state = Arc::clone(&state);
            move || {
                for mut batch in receiver {
                    let mut state = state.lock().unwrap();
                    state.batches += 1;
                    state.numbers.extend(batch.number.clone());
                    state.got.extend(batch.records.iter().map(|record| Got::of(&batch, record)));
                    let receipt = batch.take_receipt().expect("somebody waits");
                    match state.mode {
                        Mode::Keep => receipt.kept(),
                        Mode::Refuse => receipt.refused("the disk is full"),
                        Mode::Hold => state.held.push(receipt),
                    }
                }
            }
        });
        Self { running, shutdown, state, taking }
    }

    fn state(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.bound()[0].address
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.state().mode = mode;
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.state().got.clone()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.state().got.iter().map(|got| got.text.clone()).collect()
    }

    pub(crate) fn batches(&self) -> usize {
        self.state().batches
    }

    pub(crate) fn numbers(&self) -> Vec<BatchNumber> {
        self.state().numbers.clone()
    }

    #[track_caller]
    fn wait(&self, what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !holds() {
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until so many batches are held.
    #[track_caller]
    pub(crate) fn wait_held(&self, n: usize) {
        self.wait("batches to hold", || self.state().held.len() >= n);
    }

    /// Waits until a counter has a value.
    #[track_caller]
    pub(crate) fn wait_count(&self, name: &str, value: u64) {
        self.wait(name, || count(self.running.counters_of(0), name) == value);
    }

    /// Waits until a counter has moved and stands still: the sender is held back.
    #[track_caller]
    pub(crate) fn wait_still(&self, name: &str) {
        let last = std::cell::Cell::new((0, Instant::now()));
        self.wait(name, || {
            let now = count(self.running.counters_of(0), name);
            if now != last.get().0 {
                last.set((now, Instant::now()));
            }
            now > 0 && last.get().1.elapsed() > Duration::from_millis(200)
        });
    }

    /// Tells all senders that wait that their batches are kept.
    pub(crate) fn release(&self) {
        let held = std::mem::take(&mut self.state().held);
        held.into_iter().for_each(Receipt::kept);
    }

    /// The same for the batch that came last.
    pub(crate) fn release_last(&self) {
        let last = self.state().held.pop();
        last.expect("one is held").kept();
    }

    pub(crate) fn request_stop(&self) {
        self.shutdown.request();
    }

    /// Stops the input and checks the conservation law.
    pub(crate) fn stop(self) -> Arc<InputCounters> {
        self.shutdown.request();
        let counters = self.running.join().remove(0);
        self.taking.join().expect("all taken");
        assert_conserved(&counters);
        assert_eq!(count(&counters, "handed"), self.state.lock().unwrap().got.len() as u64);
        counters
    }
}
