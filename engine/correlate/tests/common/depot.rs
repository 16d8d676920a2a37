//! A depot in memory, as slow and as broken as a test wants it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use noroshi_correlate::{Damaged, Depot, Laid, Row, RuleSpec, Shelf, Unread, ValueId};

type Runs = Arc<Mutex<BTreeMap<u64, BTreeMap<ValueId, i64>>>>;

/// Runs by number, kept for ever: what a snapshot names is there.
#[derive(Debug)]
pub struct MemoryDepot {
    runs: Runs,
    numbers: Arc<AtomicU64>,
    /// Calls of `tend` until rows are down.
    pub slow: u32,
    /// One in so many rounds is refused; 0 = none.
    pub refuses: u64,
    /// Bytes of a partition that stay in memory.
    pub resident: usize,
    /// Rows that were laid down.
    pub laid: Arc<AtomicU64>,
}

impl MemoryDepot {
    pub fn new(resident: usize, slow: u32, refuses: u64) -> MemoryDepot {
        MemoryDepot { runs: Runs::default(), numbers: Arc::default(), slow, refuses, resident, laid: Arc::default() }
    }
}

impl Depot for MemoryDepot {
    fn open(&self, _: &RuleSpec, _: usize, _: usize) -> Box<dyn Shelf> {
        let (runs, numbers, laid) = (Arc::clone(&self.runs), Arc::clone(&self.numbers), Arc::clone(&self.laid));
        let (slow, refuses) = (self.slow, self.refuses);
        Box::new(MemoryShelf { runs, numbers, laid, slow, refuses, mine: Vec::new(), underway: None })
    }

    fn resident_bytes_max(&self, _: &RuleSpec) -> usize {
        self.resident
    }
}

#[derive(Debug)]
struct MemoryShelf {
    runs: Runs,
    numbers: Arc<AtomicU64>,
    laid: Arc<AtomicU64>,
    slow: u32,
    refuses: u64,
    mine: Vec<u64>,
    underway: Option<(u32, Vec<Row>)>,
}

impl Shelf for MemoryShelf {
    fn find(&self, id: &ValueId) -> Result<Option<i64>, Unread> {
        let runs = self.runs.lock().unwrap();
        Ok(self.mine.iter().filter_map(|number| runs[number].get(id)).copied().max())
    }

    fn lay(&mut self, rows: Vec<Row>) {
        assert!(self.underway.is_none(), "one at a time");
        self.underway = Some((self.slow, rows));
    }

    fn tend(&mut self, forgotten: i64) -> Laid {
        // What nobody asks for any more is not found any more.
        let mut runs = self.runs.lock().unwrap();
        self.mine.retain(|number| runs[number].values().any(|&last| last >= forgotten));
        match self.underway.take() {
            Some((0, rows)) => {
                let number = self.numbers.fetch_add(1, Ordering::Relaxed);
                if self.refuses > 0 && number.is_multiple_of(self.refuses) {
                    return Laid::Refused;
                }
                self.laid.fetch_add(rows.len() as u64, Ordering::Relaxed);
                runs.insert(number, rows.into_iter().collect());
                self.mine.push(number);
                Laid::Kept
            }
            Some((left, rows)) => {
                self.underway = Some((left - 1, rows));
                Laid::Underway
            }
            None => Laid::Underway,
        }
    }

    fn rows(&self) -> u64 {
        let runs = self.runs.lock().unwrap();
        self.mine.iter().map(|number| runs[number].len() as u64).sum()
    }

    fn name(&self) -> Vec<u8> {
        self.mine.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    fn take_up(&mut self, named: &[u8]) -> Result<(), Damaged> {
        for number in named.as_chunks::<8>().0 {
            let number = u64::from_le_bytes(*number);
            assert!(self.runs.lock().unwrap().contains_key(&number));
            if !self.mine.contains(&number) {
                self.mine.push(number);
            }
        }
        Ok(())
    }
}
