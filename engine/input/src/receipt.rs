//! Receipts: what a sender waits for that is to be told when its records are kept.
//!
//! RELP and HTTP answer every record or request. A [`Batch`](crate::Batch) of theirs carries a receipt; whoever makes the
//! batch durable resolves it, and the sender is answered then and not before. Inputs that cannot answer (UDP, plain
//! TCP, files) carry none and pay nothing.
//!
//! A request may be spread over several batches. Each carries a share of one receipt; the sender is told "kept"
//! when every share was, and "refused" as soon as the last is resolved and any was refused. A share that is dropped
//! unresolved counts as refused: a panic, a stop or a forgotten path can lose an answer, never make a false one.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// What the sender is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Every record is kept.
    Kept,
    /// At least one is not; the sender is to send all of them again. Why, for its log.
    Refused(Arc<str>),
}

/// The reason told for a share that nobody resolved.
const FORGOTTEN: &str = "the records were dropped on their way";

type Told = Box<dyn FnOnce(Answer) + Send>;

/// What all shares of a receipt have in common. The sender is told when the last of them is gone.
struct Waiting {
    refused: OnceLock<Arc<str>>,
    /// `None` only while being dropped. `Sync` because nothing but the drop takes it.
    told: std::sync::Mutex<Option<Told>>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let told = self.told.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let answer = self.refused.take().map_or(Answer::Kept, Answer::Refused);
        if let Some(told) = told {
            told(answer);
        }
    }
}

/// One share of a sender's wait. Resolve it with [`Receipt::kept`] or [`Receipt::refused`].
#[must_use = "a receipt that is dropped tells the sender that its records are lost"]
pub struct Receipt {
    waiting: Arc<Waiting>,
    resolved: bool,
}

impl Receipt {
    /// A receipt with one share. `told` is called once, on the thread that resolves the last share, so it must not block.
    pub fn new(told: impl FnOnce(Answer) + Send + 'static) -> Self {
        let told: Told = Box::new(told);
        let waiting = Waiting { refused: OnceLock::new(), told: std::sync::Mutex::new(Some(told)) };
        Self { waiting: Arc::new(waiting), resolved: false }
    }

    /// Another share of the same receipt: both have to be kept.
    pub fn share(&self) -> Self {
        Self { waiting: Arc::clone(&self.waiting), resolved: false }
    }

    /// The records of this share are kept: from here on a crash must not lose them.
    pub fn kept(mut self) {
        self.resolved = true;
    }

    /// They are not, and the sender has to send them again. Of several reasons the first is told.
    pub fn refused(mut self, reason: &str) {
        self.resolved = true;
        let _ = self.waiting.refused.set(reason.into());
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if !self.resolved {
            let _ = self.waiting.refused.set(FORGOTTEN.into());
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("resolved", &self.resolved).finish_non_exhaustive()
    }
}

/// The number a sender gave to a batch of its own (`X-Noroshi-Batch: producer/sequence`), so that it is kept once however often
/// it is sent. Such a request is one [`Batch`](crate::Batch), whatever its size: kept whole with its number, or not at all.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BatchNumber {
    /// Who numbers: [`PRODUCER_BYTES_MAX`] printable ASCII characters at most, no `/`.
    pub producer: Arc<str>,
    /// Grows with every batch of that producer; gaps are allowed.
    pub sequence: u64,
}

/// Longest name of a producer: a host name (RFC 1035 allows 253) or a UUID with room to spare.
pub const PRODUCER_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::BatchPool;

    fn receipt() -> (Receipt, mpsc::Receiver<Answer>) {
        let (sender, receiver) = mpsc::channel();
        (Receipt::new(move |answer| sender.send(answer).expect("somebody listens")), receiver)
    }

    #[test]
    fn every_share_has_to_be_kept() {
        let (first, told) = receipt();
        let second = first.share();
        first.kept();
        assert!(told.try_recv().is_err(), "one share is open");
        second.kept();
        assert_eq!(told.try_recv(), Ok(Answer::Kept));
    }

    #[test]
    fn the_first_refusal_is_told_when_all_is_resolved() {
        let (first, told) = receipt();
        let (second, third) = (first.share(), first.share());
        second.refused("disk full");
        first.kept();
        assert!(told.try_recv().is_err());
        third.refused("too late");
        assert_eq!(told.try_recv(), Ok(Answer::Refused("disk full".into())));
    }

    #[test]
    fn a_batch_that_is_dropped_on_its_way_is_refused_once() {
        let (receipt, told) = receipt();
        let pool = BatchPool::default();
        let mut batch = pool.take(0);
        batch.carry(receipt);
        drop(batch);
        assert_eq!(told.try_recv(), Ok(Answer::Refused(FORGOTTEN.into())));
        assert!(told.try_recv().is_err(), "told once");
        let mut next = pool.take(0);
        assert!(next.take_receipt().is_none() && next.number.is_none(), "used buffers carry no receipt");
    }

    #[test]
    fn a_receipt_taken_from_its_batch_outlives_it() {
        let (receipt, told) = receipt();
        let mut batch = BatchPool::default().take(0);
        batch.carry(receipt);
        let taken = batch.take_receipt().expect("carried");
        drop(batch);
        taken.kept();
        assert_eq!(told.try_recv(), Ok(Answer::Kept));
    }
}
