//! The runs of one rule in one shard, and when they are merged.

use std::sync::Arc;

use noroshi_correlate::{Damaged, Laid, Row, Shelf, Unread, ValueId};

use crate::run::Run;
use crate::{Done, Inner, What};

/// A horizon is cut into so many generations: what is beyond it stays on disk an eighth longer at most, and a look asks
/// few runs.
const GENERATIONS: i64 = 8;
/// Runs of one size that are merged: each row is written some four times on its way into its generation.
const FAN: usize = 4;
/// Runs of the generation that is being filled at most; beyond, all are merged whatever their size.
const FILLING_MAX: usize = 12;

/// The numbers of runs that a shelf named.
pub(crate) fn numbers(named: &[u8]) -> impl Iterator<Item = u64> {
    named.as_chunks::<8>().0.iter().map(|number| u64::from_le_bytes(*number))
}

/// The shelf of one rule in one shard.
#[derive(Debug)]
pub(crate) struct RunShelf {
    depot: Arc<Inner>,
    rule: [u8; 32],
    generation_ns: i64,
    shard: usize,
    shards: usize,
    /// Newest first. Rows of one run came later than those of the next, so the first that knows a value knows it best.
    runs: Vec<Arc<Run>>,
    laying: Option<Done>,
    /// The numbers of the runs that are being merged.
    merging: Option<(Vec<u64>, Done)>,
    rows: u64,
}

impl RunShelf {
    pub(crate) fn new(depot: Arc<Inner>, rule: [u8; 32], horizon: i64, shard: usize, shards: usize) -> RunShelf {
        let generation_ns = (horizon / GENERATIONS).max(1);
        let (runs, laying, merging) = (Vec::new(), None, None);
        RunShelf { depot, rule, generation_ns, shard, shards, runs, laying, merging, rows: 0 }
    }

    fn changed(&mut self) {
        self.runs.sort_by_key(|run| std::cmp::Reverse((run.newest(), run.number)));
        self.rows = self.runs.iter().map(|run| run.rows()).sum();
    }

    fn generation(&self, run: &Run) -> i64 {
        run.newest().div_euclid(self.generation_ns)
    }

    /// The runs to merge next.
    fn due(&self) -> Option<&[Arc<Run>]> {
        let filling = self.generation(self.runs.first()?);
        let filled = self.runs.partition_point(|run| self.generation(run) == filling);
        let (current, past) = self.runs.split_at(filled);
        // A generation that is over becomes one run.
        let mut past = past.chunk_by(|a, b| self.generation(a) == self.generation(b));
        if let Some(several) = past.find(|runs| runs.len() > 1) {
            return Some(several);
        }
        if current.len() > FILLING_MAX {
            return Some(current);
        }
        // Runs of about one size, or smaller: like carrying when one counts.
        (0..current.len()).find_map(|from| {
            let mut rows = 0;
            let alike = current[from..].iter().take_while(|run| {
                let fits = rows == 0 || run.rows() <= 2 * rows;
                rows += run.rows();
                fits
            });
            let several = &current[from..from + alike.count()];
            (several.len() >= FAN).then_some(several)
        })
    }

    /// Takes up a merge that is done; true where it came to something. One that failed is due again with the next run.
    fn follow_merge(&mut self) -> bool {
        let Some((numbers, done)) = &self.merging else { return false };
        let Some(result) = done.get() else { return false };
        let merged = result.as_ref().ok().cloned();
        if let Some(merged) = &merged {
            self.runs.retain(|run| !numbers.contains(&run.number));
            self.runs.extend(merged.clone());
        }
        self.merging = None;
        merged.is_some()
    }
}

impl Shelf for RunShelf {
    fn find(&self, id: &ValueId) -> Result<Option<i64>, Unread> {
        for run in &self.runs {
            match run.find(id) {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(_) => return Err(Unread),
            }
        }
        Ok(None)
    }

    fn lay(&mut self, rows: Vec<Row>) {
        self.laying = Some(self.depot.add(What::Write(rows), self.rule));
    }

    fn tend(&mut self, forgotten: i64) -> Laid {
        let before = self.runs.len();
        self.runs.retain(|run| run.newest() >= forgotten);
        let mut changed = self.runs.len() != before;
        changed |= self.follow_merge();
        let laid = match self.laying.as_ref().and_then(|laying| laying.get()) {
            None => Laid::Underway,
            Some(Ok(run)) => {
                self.runs.extend(run.clone());
                changed = true;
                Laid::Kept
            }
            Some(Err(_)) => Laid::Refused,
        };
        if laid != Laid::Underway {
            self.laying = None;
        }
        if changed {
            self.changed();
        }
        if changed
            && self.merging.is_none()
            && let Some(runs) = self.due()
        {
            let (runs, shard, shards) = (runs.to_vec(), self.shard, self.shards);
            let numbers = runs.iter().map(|run| run.number).collect();
            self.merging = Some((numbers, self.depot.add(What::Merge { runs, forgotten, shard, shards }, self.rule)));
        }
        laid
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn name(&self) -> Vec<u8> {
        self.runs.iter().flat_map(|run| run.number.to_le_bytes()).collect()
    }

    fn take_up(&mut self, named: &[u8]) -> Result<(), Damaged> {
        for number in numbers(named) {
            if self.runs.iter().any(|run| run.number == number) {
                continue;
            }
            match self.depot.run(number, &self.rule) {
                Ok(run) => self.runs.push(run),
                Err(cause) => {
                    let path = self.depot.path(number);
                    tracing::error!(path = %path.display(), "cannot take up remembered values: {cause}");
                    return Err(Damaged::values());
                }
            }
        }
        self.changed();
        Ok(())
    }
}
