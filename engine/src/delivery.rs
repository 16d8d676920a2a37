//! One bounded queue before one thread that delivers batches and tries again.
//!
//! Alert sinks and the spool share it. It promises that every item offered ends in exactly one of two
//! ways: delivered, or dropped with a counted reason ([`DropReason`]); until then it is queued. What
//! delivering means (a line synced to disk, a request accepted) is the [`Deliver`]er's.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Why an item was not delivered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DropReason {
    /// The queue was full while delivering failed, or the queue does not wait.
    QueueFull,
    /// The receiver refused it for good.
    Refused,
    /// The receiver is gone (a closed pipe).
    Closed,
    /// The time for a clean stop ran out.
    Stopped,
}

impl DropReason {
    /// All reasons, in the order of [`DeliveryStatus::dropped`].
    pub const ALL: [Self; 4] = [Self::QueueFull, Self::Refused, Self::Closed, Self::Stopped];

    /// The name in metrics and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Refused => "refused",
            Self::Closed => "closed",
            Self::Stopped => "stopped",
        }
    }
}

/// Something to deliver.
pub(crate) trait Item: Send + Sync + 'static {
    /// What it counts against the queue's bound.
    fn weight(&self) -> usize;
    /// Told once for an item that will not be delivered. Must not block: the queue is locked.
    fn dropped(&self, _reason: DropReason) {}
}

/// How a delivery failed. None of the items counts as delivered.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Try the same items again, after the given time at least.
    Retry { error: String, after: Duration },
    /// Too many at once: try half of them; one alone is refused.
    TooLarge { error: String },
    /// These will never be accepted; others may.
    Refused { error: String },
    /// Nothing will be accepted any more.
    Closed { error: String },
}

/// Delivers items: all of a batch or none.
pub(crate) trait Deliver: Send + 'static {
    /// What is delivered.
    type Item: Item;
    /// Delivers `items`, in order. After [`Failure::Retry`] it is called again with the same items.
    fn deliver(&mut self, items: &[Self::Item]) -> Result<(), Failure>;
}

/// What [`Delivery::send`] does when the queue is full and delivering works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WhenFull {
    /// Waits for room: back-pressure. While delivering fails it drops instead.
    Wait,
    /// Drops.
    Drop,
}

/// Bounds and times of a queue.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// For messages and metrics.
    pub name: String,
    /// Weight queued at most, items in delivery included. One item is always let into an empty queue.
    pub queue_weight_max: usize,
    /// Items delivered at once.
    pub batch_items_max: usize,
    /// Weight delivered at once; one item may exceed it.
    pub batch_weight_max: usize,
    /// How long a batch that is not full waits for more.
    pub linger: Duration,
    /// The first wait before a retry; doubled each time up to `retry_max`.
    pub retry: Duration,
    /// The longest wait before a retry.
    pub retry_max: Duration,
    /// What to do when full.
    pub when_full: WhenFull,
}

/// The state of a queue at one moment: `offered = delivered + duplicates + dropped + queued`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryStatus {
    /// Name of the sink.
    pub name: String,
    /// Items handed in.
    pub offered: u64,
    /// Items delivered.
    pub delivered: u64,
    /// Items left out because an earlier run had delivered them.
    pub duplicates: u64,
    /// Items dropped, by [`DropReason::ALL`].
    pub dropped: [u64; 4],
    /// Items waiting or in delivery now.
    pub queued: u64,
    /// Deliveries tried again.
    pub retries: u64,
    /// Set while delivering fails.
    pub failing: Option<Failing>,
    /// The last refusal, if any.
    pub refused: Option<String>,
    /// True once the receiver is gone.
    pub closed: bool,
}

impl DeliveryStatus {
    /// The sum over all reasons.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// True when nothing is unaccounted for.
    pub fn is_balanced(&self) -> bool {
        self.offered == self.delivered + self.duplicates + self.dropped_total() + self.queued
    }
}

/// Delivering fails and is being retried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failing {
    /// The last error, with its place and the way out.
    pub error: String,
    /// Since when.
    pub since: Instant,
}

struct InWork<T> {
    items: Arc<Vec<T>>,
    sequences: Vec<u64>,
    /// Items before this are settled.
    settled: usize,
}

struct State<T> {
    queue: VecDeque<(u64, T)>,
    in_work: Option<InWork<T>>,
    weight: usize,
    counts: DeliveryStatus,
    /// What [`State::settled`] stays at once a stop has dropped something: a restart must be able to
    /// bring it again.
    frozen: Option<u64>,
    /// Since when the queue stops, and until when it may still deliver.
    deadline: Option<Instant>,
    /// The thread has ended, or must not settle anything any more.
    ended: bool,
}

impl<T: Item> State<T> {
    fn queued(&self) -> u64 {
        let in_work = self.in_work.as_ref().map_or(0, |w| w.items.len() - w.settled);
        (self.queue.len() + in_work) as u64
    }

    /// Every item with a sequence number up to this one is settled, and none of them by a stop.
    fn settled(&self) -> u64 {
        if let Some(frozen) = self.frozen {
            return frozen;
        }
        let in_work = self.in_work.as_ref().and_then(|w| w.sequences.get(w.settled));
        match in_work.or_else(|| self.queue.front().map(|(sequence, _)| sequence)) {
            Some(oldest) => oldest - 1,
            None => self.counts.offered,
        }
    }

    fn drop_item(&mut self, item: &T, reason: DropReason) {
        self.counts.dropped[reason as usize] += 1;
        item.dropped(reason);
    }

    /// Settles the next `count` items in work.
    fn settle(&mut self, count: usize, dropped: Option<DropReason>) {
        let Some(mut work) = self.in_work.take() else { return };
        let items = work.items.clone();
        for item in &items[work.settled..work.settled + count] {
            self.weight -= item.weight();
            match dropped {
                Some(reason) => self.drop_item(item, reason),
                None => self.counts.delivered += 1,
            }
        }
        work.settled += count;
        if work.settled < items.len() {
            self.in_work = Some(work);
        }
    }

    fn drop_all(&mut self, reason: DropReason) {
        if reason == DropReason::Stopped && self.queued() > 0 {
            self.frozen = Some(self.settled());
        }
        if let Some(work) = &self.in_work {
            let left = work.items.len() - work.settled;
            self.settle(left, Some(reason));
        }
        while let Some((_, item)) = self.queue.pop_front() {
            self.weight -= item.weight();
            self.drop_item(&item, reason);
        }
    }

    fn take_batch(&mut self, policy: &Policy) -> Arc<Vec<T>> {
        let (mut items, mut sequences, mut weight) = (Vec::new(), Vec::new(), 0);
        while let Some((sequence, item)) = self.queue.pop_front() {
            let full = items.len() >= policy.batch_items_max || weight + item.weight() > policy.batch_weight_max;
            if full && !items.is_empty() {
                self.queue.push_front((sequence, item));
                break;
            }
            weight += item.weight();
            sequences.push(sequence);
            items.push(item);
        }
        let items = Arc::new(items);
        self.in_work = Some(InWork { items: items.clone(), sequences, settled: 0 });
        items
    }
}

struct Shared<T> {
    policy: Policy,
    state: Mutex<State<T>>,
    /// Items came, or the queue stops.
    ready: Condvar,
    /// Items were settled, delivering began to fail, or the thread ended.
    settled: Condvar,
}

impl<T> Shared<T> {
    /// A panic elsewhere leaves the counts whole: every change is made in one step.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue and its thread. Dropping it without [`Delivery::stop`] stops it at once.
pub(crate) struct Delivery<T: Item> {
    shared: Arc<Shared<T>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<T: Item> Delivery<T> {
    pub(crate) fn start(policy: Policy, deliver: impl Deliver<Item = T>) -> std::io::Result<Self> {
        let counts = DeliveryStatus {
            name: policy.name.clone(),
            offered: 0,
            delivered: 0,
            duplicates: 0,
            dropped: [0; 4],
            queued: 0,
            retries: 0,
            failing: None,
            refused: None,
            closed: false,
        };
        let state = State {
            queue: VecDeque::new(),
            in_work: None,
            weight: 0,
            counts,
            frozen: None,
            deadline: None,
            ended: false,
        };
        let shared =
            Arc::new(Shared { policy, state: Mutex::new(state), ready: Condvar::new(), settled: Condvar::new() });
        let thread = std::thread::Builder::new().name(format!("out-{}", shared.policy.name)).spawn({
            let shared = shared.clone();
            move || {
                run(&shared, deliver);
                shared.lock().ended = true;
                shared.settled.notify_all();
            }
        })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Hands items in, in order; `None` stands for one that was delivered before. Gives the sequence
    /// number of the last.
    pub(crate) fn send(&self, items: impl IntoIterator<Item = Option<T>>) -> u64 {
        let policy = &self.shared.policy;
        let mut state = self.shared.lock();
        for item in items {
            state.counts.offered += 1;
            let sequence = state.counts.offered;
            let Some(item) = item else {
                state.counts.duplicates += 1;
                continue;
            };
            let weight = item.weight();
            let refusal = loop {
                if state.counts.closed {
                    break Some(DropReason::Closed);
                }
                if state.deadline.is_some() || state.ended {
                    break Some(DropReason::Stopped);
                }
                if state.weight == 0 || state.weight + weight <= policy.queue_weight_max {
                    break None;
                }
                if policy.when_full == WhenFull::Drop || state.counts.failing.is_some() {
                    break Some(DropReason::QueueFull);
                }
                self.shared.ready.notify_all();
                state = self.shared.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
            };
            match refusal {
                Some(reason) => {
                    if state.counts.dropped[reason as usize] == 0 {
                        tracing::error!(output = %policy.name, reason = reason.as_str(), "output drops lines from now on");
                    }
                    if reason == DropReason::Stopped && state.frozen.is_none() {
                        state.counts.offered -= 1;
                        state.frozen = Some(state.settled());
                        state.counts.offered += 1;
                    }
                    state.drop_item(&item, reason);
                }
                None => {
                    state.weight += weight;
                    state.queue.push_back((sequence, item));
                }
            }
        }
        let last = state.counts.offered;
        drop(state);
        self.shared.ready.notify_all();
        last
    }

    pub(crate) fn status(&self) -> DeliveryStatus {
        let state = self.shared.lock();
        let mut status = state.counts.clone();
        status.queued = state.queued();
        status
    }

    /// Every item up to this sequence number is delivered or dropped, and none of them by a stop.
    pub(crate) fn settled(&self) -> u64 {
        self.shared.lock().settled()
    }

    /// Waits until `sequence` is settled; false when the time ran out.
    pub(crate) fn wait_settled(&self, sequence: u64, timeout: Duration) -> bool {
        self.wait(timeout, |state| state.settled() >= sequence)
    }

    /// Waits until delivering fails or everything is settled; true when it fails.
    #[cfg(test)]
    pub(crate) fn wait_failing(&self, timeout: Duration) -> bool {
        self.wait(timeout, |state| state.counts.failing.is_some())
    }

    fn wait(&self, timeout: Duration, mut until: impl FnMut(&State<T>) -> bool) -> bool {
        let (_state, waited) = self
            .shared
            .settled
            .wait_timeout_while(self.shared.lock(), timeout, |state| !until(state))
            .unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    /// Lets no more items in, and gives the thread until `deadline` to deliver what is queued.
    pub(crate) fn begin_stop(&self, deadline: Instant) {
        let mut state = self.shared.lock();
        state.deadline = Some(state.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
        drop(state);
        self.shared.ready.notify_all();
        self.shared.settled.notify_all();
    }

    /// [`Delivery::begin_stop`], then waits. What is not delivered by then is dropped and counted, even
    /// when the thread hangs in a write: it is then left behind and what it does later counts no more.
    pub(crate) fn stop(&self, deadline: Instant) -> DeliveryStatus {
        self.begin_stop(deadline);
        // The thread keeps the deadline itself unless it hangs: a moment more for its last step.
        let grace = Duration::from_millis(100);
        let left = deadline.saturating_duration_since(Instant::now()) + grace;
        let ended = self.wait(left, |state| state.ended);
        let mut state = self.shared.lock();
        state.drop_all(DropReason::Stopped);
        state.ended = true;
        drop(state);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (true, Some(thread)) = (ended, thread) {
            // A panic of the thread has been told by the panic hook; its items are counted above.
            let _ = thread.join();
        }
        self.status()
    }
}

impl<T: Item> Drop for Delivery<T> {
    fn drop(&mut self) {
        self.begin_stop(Instant::now());
    }
}

/// The thread: batches until the queue stops.
fn run<T: Item>(shared: &Shared<T>, mut deliver: impl Deliver<Item = T>) {
    while let Some(items) = next_batch(shared) {
        let mut at = 0;
        let mut count = items.len();
        let mut backoff = shared.policy.retry;
        while at < items.len() {
            count = count.min(items.len() - at);
            let result = deliver.deliver(&items[at..at + count]);
            let mut state = shared.lock();
            if state.ended {
                return;
            }
            match result {
                Ok(()) => {
                    state.settle(count, None);
                    recovered(&mut state);
                    backoff = shared.policy.retry;
                    at += count;
                }
                Err(Failure::TooLarge { .. }) if count > 1 => {
                    count = count.div_ceil(2);
                    continue;
                }
                Err(Failure::TooLarge { error } | Failure::Refused { error }) => {
                    tracing::error!(output = %state.counts.name, lines = count, "output refused lines: {error}");
                    state.counts.refused = Some(error);
                    state.settle(count, Some(DropReason::Refused));
                    recovered(&mut state);
                    at += count;
                }
                Err(Failure::Closed { error }) => {
                    tracing::warn!(output = %state.counts.name, "output is closed: {error}");
                    state.counts.closed = true;
                    state.drop_all(DropReason::Closed);
                    return;
                }
                Err(Failure::Retry { error, after }) => {
                    failed(&mut state, error);
                    shared.settled.notify_all();
                    if !wait_retry(shared, state, after.max(backoff)) {
                        return;
                    }
                    backoff = (backoff * 2).min(shared.policy.retry_max);
                    continue;
                }
            }
            drop(state);
            shared.settled.notify_all();
        }
    }
}

fn failed<T: Item>(state: &mut State<T>, error: String) {
    state.counts.retries += 1;
    let since = match &state.counts.failing {
        Some(failing) => failing.since,
        None => {
            tracing::error!(output = %state.counts.name, queued = state.queued(), "{error}");
            Instant::now()
        }
    };
    state.counts.failing = Some(Failing { error, since });
}

fn recovered<T: Item>(state: &mut State<T>) {
    if let Some(failing) = state.counts.failing.take() {
        let failed_s = failing.since.elapsed().as_secs();
        tracing::warn!(output = %state.counts.name, failed_s, queued = state.queued(), "output works again");
    }
}

/// The next batch, once there is one and it has lingered; `None` when the queue stops and is empty, or
/// its time has run out.
fn next_batch<T: Item>(shared: &Shared<T>) -> Option<Arc<Vec<T>>> {
    let policy = &shared.policy;
    let mut state = shared.lock();
    while state.queue.is_empty() {
        if state.deadline.is_some() {
            return None;
        }
        state = shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    if !policy.linger.is_zero() {
        let not_full = |state: &mut State<T>| {
            state.deadline.is_none()
                && state.queue.len() < policy.batch_items_max
                && state.weight < policy.batch_weight_max.min(policy.queue_weight_max)
        };
        state =
            shared.ready.wait_timeout_while(state, policy.linger, not_full).unwrap_or_else(PoisonError::into_inner).0;
    }
    if state.ended || state.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
        state.drop_all(DropReason::Stopped);
        return None;
    }
    Some(state.take_batch(policy))
}

/// Waits before a retry, at most until the deadline of a stop, whose begin ends the wait; false when
/// the time has run out and all was dropped.
fn wait_retry<'a, T: Item>(shared: &'a Shared<T>, state: MutexGuard<'a, State<T>>, after: Duration) -> bool {
    let was_stopping = state.deadline.is_some();
    let until = Instant::now() + after;
    let until = state.deadline.map_or(until, |deadline| until.min(deadline));
    let left = until.saturating_duration_since(Instant::now());
    let (mut state, _) = shared
        .ready
        .wait_timeout_while(state, left, |state| !state.ended && state.deadline.is_some() == was_stopping)
        .unwrap_or_else(PoisonError::into_inner);
    let over = state.deadline.is_some_and(|deadline| Instant::now() >= deadline);
    if over {
        state.drop_all(DropReason::Stopped);
    }
    !over && !state.ended
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

    use super::*;

    const WAIT: Duration = Duration::from_secs(20);

    #[derive(Clone)]
    struct Number {
        number: u32,
        dropped: Sender<(u32, DropReason)>,
    }

    impl Item for Number {
        fn weight(&self) -> usize {
            1
        }
        fn dropped(&self, reason: DropReason) {
            let _ = self.dropped.send((self.number, reason));
        }
    }

    /// A receiver whose every answer is given by the test.
    struct Scripted {
        called: Sender<Vec<u32>>,
        answer: Receiver<Result<(), Failure>>,
    }

    impl Deliver for Scripted {
        type Item = Number;
        fn deliver(&mut self, items: &[Number]) -> Result<(), Failure> {
            let _ = self.called.send(items.iter().map(|item| item.number).collect());
            self.answer.recv().unwrap_or_else(|_| Err(Failure::Closed { error: "the test is over".to_owned() }))
        }
    }

    struct Bench {
        delivery: Arc<Delivery<Number>>,
        called: Receiver<Vec<u32>>,
        answer: Sender<Result<(), Failure>>,
        dropped: Receiver<(u32, DropReason)>,
        drop_sender: Sender<(u32, DropReason)>,
    }

    fn bench(queue_weight_max: usize, when_full: WhenFull) -> Bench {
        let (called_out, called) = unbounded();
        let (answer, answer_in) = bounded(100);
        let (drop_sender, dropped) = unbounded();
        let policy = Policy {
            name: "test".to_owned(),
            queue_weight_max,
            batch_items_max: 4,
            batch_weight_max: usize::MAX,
            linger: Duration::ZERO,
            retry: Duration::from_millis(1),
            retry_max: Duration::from_millis(4),
            when_full,
        };
        let delivery = Delivery::start(policy, Scripted { called: called_out, answer: answer_in }).unwrap();
        Bench { delivery: Arc::new(delivery), called, answer, dropped, drop_sender }
    }

    impl Bench {
        fn numbers(&self, numbers: std::ops::Range<u32>) -> Vec<Option<Number>> {
            numbers.map(|number| Some(Number { number, dropped: self.drop_sender.clone() })).collect()
        }
        fn called(&self) -> Vec<u32> {
            self.called.recv_timeout(WAIT).unwrap()
        }
        fn answer(&self, answer: Result<(), Failure>) {
            self.answer.send(answer).unwrap();
        }
    }

    fn retry() -> Result<(), Failure> {
        Err(Failure::Retry { error: "away".to_owned(), after: Duration::ZERO })
    }

    #[test]
    fn the_same_items_are_tried_again_until_they_are_delivered() {
        let bench = bench(10, WhenFull::Wait);
        let last = bench.delivery.send(bench.numbers(0..1));
        assert_eq!(bench.called(), [0]);
        bench.answer(retry());
        assert_eq!(bench.called(), [0]);
        assert!(bench.delivery.wait_failing(WAIT));
        bench.answer(Ok(()));
        assert!(bench.delivery.wait_settled(last, WAIT));
        let status = bench.delivery.status();
        assert_eq!((status.delivered, status.retries, status.queued, status.failing), (1, 1, 0, None));
    }

    #[test]
    fn a_failing_receiver_costs_items_beyond_the_bound_only() {
        let bench = bench(3, WhenFull::Wait);
        bench.delivery.send(bench.numbers(0..1));
        bench.called();
        bench.answer(retry());
        assert!(bench.delivery.wait_failing(WAIT));
        bench.delivery.send(bench.numbers(1..6));
        let status = bench.delivery.status();
        assert_eq!((status.queued, status.dropped), (3, [3, 0, 0, 0]));
        assert!(status.is_balanced());
        let dropped: Vec<_> = bench.dropped.try_iter().collect();
        assert_eq!(dropped, [3, 4, 5].map(|number| (number, DropReason::QueueFull)));
        for _ in 0..2 {
            bench.answer(Ok(()));
        }
        assert!(bench.delivery.wait_settled(6, WAIT));
        assert_eq!(bench.delivery.status().delivered, 3);
    }

    #[test]
    fn a_full_queue_of_a_working_receiver_holds_the_sender_back() {
        let bench = bench(2, WhenFull::Wait);
        let sending = std::thread::spawn({
            let (delivery, numbers) = (bench.delivery.clone(), bench.numbers(0..6));
            move || delivery.send(numbers)
        });
        let mut seen = Vec::new();
        while seen.len() < 6 {
            seen.extend(bench.called());
            assert!(bench.delivery.status().queued <= 2);
            bench.answer(Ok(()));
        }
        assert_eq!(sending.join().unwrap(), 6);
        assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
        assert!(bench.delivery.wait_settled(6, WAIT));
        assert_eq!(bench.delivery.status().dropped_total(), 0);
    }

    #[test]
    fn a_queue_that_does_not_wait_drops() {
        let bench = bench(2, WhenFull::Drop);
        bench.delivery.send(bench.numbers(0..5));
        let status = bench.delivery.status();
        assert_eq!((status.queued, status.dropped), (2, [3, 0, 0, 0]));
    }

    #[test]
    fn what_is_too_large_is_halved_and_refused_alone() {
        let bench = bench(10, WhenFull::Wait);
        let too_large = || Err(Failure::TooLarge { error: "413".to_owned() });
        bench.delivery.send(bench.numbers(0..1));
        bench.called();
        bench.delivery.send(bench.numbers(1..5));
        bench.answer(Ok(()));
        for (called, answer) in [
            (vec![1, 2, 3, 4], too_large()),
            (vec![1, 2], too_large()),
            (vec![1], too_large()),
            (vec![2], Ok(())),
            (vec![3], Ok(())),
            (vec![4], Ok(())),
        ] {
            assert_eq!(bench.called(), called);
            bench.answer(answer);
        }
        assert!(bench.delivery.wait_settled(5, WAIT));
        let status = bench.delivery.status();
        assert_eq!((status.delivered, status.dropped, status.refused.as_deref()), (4, [0, 1, 0, 0], Some("413")));
    }

    #[test]
    fn settled_waits_for_the_oldest() {
        let bench = bench(10, WhenFull::Wait);
        bench.delivery.send([None]);
        assert_eq!(bench.delivery.settled(), 1, "a duplicate is settled at once");
        bench.delivery.send(bench.numbers(0..1));
        bench.called();
        bench.delivery.send([None, None]);
        assert_eq!(bench.delivery.settled(), 1);
        bench.answer(Ok(()));
        assert!(bench.delivery.wait_settled(4, WAIT));
        let status = bench.delivery.status();
        assert_eq!((status.offered, status.duplicates, status.delivered), (4, 3, 1));
    }

    #[test]
    fn a_clean_stop_delivers_what_is_queued() {
        let bench = bench(10, WhenFull::Wait);
        bench.delivery.send(bench.numbers(0..6));
        for _ in 0..6 {
            bench.answer(Ok(()));
        }
        let status = bench.delivery.stop(Instant::now() + WAIT);
        assert_eq!((status.delivered, status.queued, status.dropped_total()), (6, 0, 0));
        bench.delivery.send(bench.numbers(6..7));
        assert_eq!(bench.delivery.status().dropped, [0, 0, 0, 1], "after the stop nothing is taken");
        assert_eq!(bench.delivery.settled(), 6, "what comes after it is for the next run");
    }

    #[test]
    fn a_stop_tries_a_failing_receiver_once_more_and_counts_what_is_lost() {
        let bench = bench(10, WhenFull::Wait);
        bench.delivery.send(bench.numbers(0..2));
        bench.called();
        bench.answer(Err(Failure::Retry { error: "away".to_owned(), after: Duration::from_secs(3600) }));
        assert!(bench.delivery.wait_failing(WAIT));
        bench.answer(Ok(()));
        bench.answer(Ok(()));
        let status = bench.delivery.stop(Instant::now() + WAIT);
        assert_eq!(status.delivered, 2, "the begin of the stop ends the wait for the retry");

        let bench = self::bench(10, WhenFull::Wait);
        bench.delivery.send(bench.numbers(0..3));
        let hanging = bench.called().len();
        let status = bench.delivery.stop(Instant::now());
        assert_eq!((status.queued, status.dropped), (0, [0, 0, 0, 3]), "{hanging} of them hang in a write");
        assert!(status.is_balanced());
        assert_eq!(bench.delivery.settled(), 0, "a checkpoint must let the next run bring them again");
        bench.answer(Ok(()));
        assert_eq!(bench.dropped.try_iter().count(), 3);
    }

    #[test]
    fn a_closed_receiver_lets_everything_go() {
        let bench = bench(10, WhenFull::Wait);
        bench.delivery.send(bench.numbers(0..2));
        bench.called();
        bench.answer(Err(Failure::Closed { error: "pipe".to_owned() }));
        assert!(bench.delivery.wait_settled(2, WAIT));
        bench.delivery.send(bench.numbers(2..3));
        let status = bench.delivery.status();
        assert_eq!((status.closed, status.dropped), (true, [0, 0, 3, 0]));
    }
}
