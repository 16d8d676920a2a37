//! Who numbers its batches, and how far each has come: a batch that is sent again is kept once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::receipt::BatchNumber;

/// Producers remembered: the hosts of a bank's data centres. Beyond, the one not heard of for longest is forgotten, counted;
/// a batch of its that is then sent again is kept again.
pub const PRODUCERS_MAX: usize = 4096;

/// What is known of a batch that is about to be taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Numbered {
    /// It is new, and its producer now waits for it.
    Fresh,
    /// It was kept before.
    Kept,
    /// A batch of this producer is on its way; the sender is to come again.
    Busy,
}

#[derive(Debug)]
struct Producer {
    kept: Option<u64>,
    on_its_way: bool,
    heard: u64,
}

#[derive(Default, Debug)]
struct Table {
    producers: HashMap<Arc<str>, Producer>,
    heard: u64,
}

/// The newest sequence kept of every producer. A producer sends its batches one after the other, each with a greater number than the
/// one before: a number at or below the newest kept was kept. Of one that sends two at a time the second is told to wait.
#[derive(Default, Debug)]
pub struct Producers {
    table: Mutex<Table>,
    forgotten: AtomicU64,
}

impl Producers {
    /// A table that knows what was kept before this run.
    pub fn known(kept: impl IntoIterator<Item = BatchNumber>) -> Self {
        let producers = Self::default();
        kept.into_iter().for_each(|number| producers.kept(&number));
        producers
    }

    /// A panic elsewhere leaves the table whole: every change is made in one step.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks a batch up, and takes note of it when it is new: then [`Producers::kept`] or [`Producers::not_kept`] is due.
    pub fn begin(&self, number: &BatchNumber) -> Numbered {
        let mut table = self.lock();
        let producer = table.hear(&number.producer, &self.forgotten);
        if producer.kept.is_some_and(|kept| number.sequence <= kept) {
            Numbered::Kept
        } else if std::mem::replace(&mut producer.on_its_way, true) {
            Numbered::Busy
        } else {
            Numbered::Fresh
        }
    }

    /// The batch is kept.
    pub fn kept(&self, number: &BatchNumber) {
        let mut table = self.lock();
        let producer = table.hear(&number.producer, &self.forgotten);
        producer.kept = producer.kept.max(Some(number.sequence));
        producer.on_its_way = false;
    }

    /// It is not, and will be sent again.
    pub fn not_kept(&self, number: &BatchNumber) {
        self.lock().hear(&number.producer, &self.forgotten).on_its_way = false;
    }

    /// Producers forgotten because there were too many.
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }
}

impl Table {
    fn hear(&mut self, name: &Arc<str>, forgotten: &AtomicU64) -> &mut Producer {
        self.heard += 1;
        if self.producers.len() >= PRODUCERS_MAX && !self.producers.contains_key(name) {
            // One with a batch on its way stays; there are fewer of them than connections.
            let idle = self.producers.iter().filter(|(_, producer)| !producer.on_its_way);
            let oldest = idle.min_by_key(|(_, producer)| producer.heard).map(|(name, _)| Arc::clone(name));
            if let Some(oldest) = oldest {
                self.producers.remove(&oldest);
                forgotten.fetch_add(1, Ordering::Relaxed);
            }
        }
        let heard = self.heard;
        let producer =
            self.producers.entry(Arc::clone(name)).or_insert(Producer { kept: None, on_its_way: false, heard });
        producer.heard = heard;
        producer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(producer: &str, sequence: u64) -> BatchNumber {
        BatchNumber { producer: producer.into(), sequence }
    }

    #[test]
    fn a_batch_sent_again_is_known_once_it_was_kept() {
        let producers = Producers::known([number("a", 7)]);
        assert_eq!(producers.begin(&number("a", 7)), Numbered::Kept);
        assert_eq!(producers.begin(&number("a", 8)), Numbered::Fresh);
        assert_eq!(producers.begin(&number("a", 8)), Numbered::Busy, "sent again before it was answered");
        assert_eq!(producers.begin(&number("b", 8)), Numbered::Fresh, "another producer");
        producers.not_kept(&number("a", 8));
        assert_eq!(producers.begin(&number("a", 8)), Numbered::Fresh);
        producers.kept(&number("a", 8));
        assert_eq!(producers.begin(&number("a", 8)), Numbered::Kept);
        assert_eq!(producers.begin(&number("a", 10)), Numbered::Fresh, "gaps are allowed");
    }

    #[test]
    fn a_flood_of_producers_forgets_the_oldest_and_counts_it() {
        let producers = Producers::default();
        assert_eq!(producers.begin(&number("waits", 0)), Numbered::Fresh);
        for n in 0..PRODUCERS_MAX as u64 + 10 {
            producers.kept(&number(&format!("p{n}"), 1));
        }
        assert_eq!(producers.lock().producers.len(), PRODUCERS_MAX);
        assert_eq!(producers.forgotten(), 11);
        assert_eq!(producers.begin(&number("waits", 0)), Numbered::Busy, "one that waits is not forgotten");
        assert_eq!(producers.begin(&number("p0", 1)), Numbered::Fresh);
    }
}
