//! Values that a rule must know of for weeks and is seldom asked for: laid down outside memory, and looked up there.
//!
//! A value that came in the last minutes is in memory, with all that decides. Once the watermark has passed it, one time is
//! all that is left of it: when it came last. Such rows go to a [`Shelf`] in rounds. A round copies the older half of a
//! rule's values out, a few thousand a message; when the shelf says that they are on disk, and not before, they are taken out
//! of memory, as slowly. So a disk that fails loses nothing, what a shelf names is whole, and a value is at every
//! moment in memory or on the shelf. A hit whose value memory does not know asks the shelf, and takes the row back.
//!
//! Where a value is makes no difference to any finding: that is what `tests/remembered.rs` holds.

use std::fmt::Debug;

use sha2::{Digest, Sha256};

use crate::{Damaged, Key, RuleSpec};

/// Values looked at between two messages: some hundred microseconds, so that no hit waits for a round.
pub(crate) const STEP_VALUES: usize = 2048;
/// Values looked at to find the time before which half of them came last.
pub(crate) const SAMPLE: usize = 1024;
/// A round is worth its file where at least one in so many values can go.
pub(crate) const WORTH_ONE_IN: usize = 4;
/// Event time until a round is tried again that was not worth it.
pub(crate) const AGAIN_NS: i64 = 1_000_000_000;
/// Share of a partition's budget that values may take in memory before a round is due: the rest is for what comes while
/// the disk is busy, and for hits that are not decided.
const RESIDENT_SHARE: usize = 4;

/// Whose value it is, as one number: the key's partition, then 15 bytes of SHA-256 over key and value. Nobody makes two
/// of them the same on purpose, and they are spread evenly.
pub type ValueId = [u8; 16];

/// A value, and the latest time at which it came.
pub type Row = (ValueId, i64);

/// A shelf could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread;

/// What became of the rows that were laid down last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Laid {
    /// Not known yet.
    Underway,
    /// They survive a power cut and are found.
    Kept,
    /// They could not be written: they are nowhere but with the caller.
    Refused,
}

/// Where shelves are.
pub trait Depot: Debug + Send + Sync {
    /// An empty shelf for a rule in one of so many shards.
    fn open(&self, rule: &RuleSpec, shard: usize, shards: usize) -> Box<dyn Shelf>;

    /// Bytes that a rule may hold in one partition before values are laid down.
    fn resident_bytes_max(&self, rule: &RuleSpec) -> usize {
        rule.state_bytes_max / RESIDENT_SHARE
    }
}

/// The values of one rule that are not in memory.
pub trait Shelf: Debug + Send {
    /// The latest time that was laid down for a value.
    ///
    /// # Errors
    /// When the shelf cannot be read.
    fn find(&self, id: &ValueId) -> Result<Option<i64>, Unread>;

    /// Takes rows in any order. Of two rows of one value, here or before, the later time counts.
    fn lay(&mut self, rows: Vec<Row>);

    /// To be called now and then: what became of the last rows; [`Laid::Kept`] and [`Laid::Refused`] are told once. Rows of
    /// before `forgotten` need not be found any more.
    fn tend(&mut self, forgotten: i64) -> Laid;

    /// Rows on the shelf; a value may have several.
    fn rows(&self) -> u64;

    /// What of it a snapshot must name, to be given to [`Shelf::take_up`].
    fn name(&self) -> Vec<u8>;

    /// Adds what a shelf named, of this or of another shard.
    ///
    /// # Errors
    /// When it is not there as it was named.
    fn take_up(&mut self, named: &[u8]) -> Result<(), Damaged>;
}

/// The row of a key's value.
pub(crate) fn value_id(key: &Key, value: &[u8; 16]) -> ValueId {
    let mut sha = Sha256::new();
    // The value is of fixed length, so no two pairs are written the same.
    sha.update(value);
    sha.update(key.bytes());
    let digest: [u8; 32] = sha.finalize().into();
    let mut id = [0; 16];
    id[0] = key.partition();
    id[1..].copy_from_slice(&digest[..15]);
    id
}

/// How far a round has come.
#[derive(Debug)]
pub(crate) enum Round {
    Resting,
    /// Copies out what came last at or before a time.
    Collecting {
        before: i64,
        at: Cursor,
        rows: Vec<Row>,
    },
    /// The shelf is writing.
    Laying {
        before: i64,
    },
    /// Takes out of memory what came last at or before a time.
    Clearing {
        before: i64,
        at: Cursor,
    },
}

/// A place among the keys of a rule.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    pub(crate) place: usize,
    pub(crate) slot: u32,
}

/// What was laid down, and asked for again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) laid: u64,
    pub(crate) recalled: u64,
    pub(crate) unread: u64,
    pub(crate) refused: u64,
}

/// The memory of one rule beyond memory.
#[derive(Debug)]
pub(crate) struct Remembered {
    /// None where there is nowhere to lay anything down: then rounds only forget.
    pub(crate) shelf: Option<Box<dyn Shelf>>,
    pub(crate) resident_bytes_max: usize,
    pub(crate) round: Round,
    /// A partition holds more than it may.
    pub(crate) wanted: bool,
    /// No round before this watermark.
    pub(crate) rest_to: i64,
    /// What is older than the horizon is taken out of memory at this watermark.
    pub(crate) sweep_at: i64,
    pub(crate) traffic: Traffic,
    /// Rows in the round that is being laid down.
    pub(crate) laying: u64,
}

impl Remembered {
    pub(crate) fn new() -> Remembered {
        Remembered {
            shelf: None,
            resident_bytes_max: usize::MAX,
            round: Round::Resting,
            wanted: false,
            rest_to: i64::MIN,
            sweep_at: i64::MIN,
            traffic: Traffic::default(),
            laying: 0,
        }
    }

    /// When the value came last, where the shelf knows of it.
    pub(crate) fn recall(&mut self, key: &Key, value: &[u8; 16]) -> Result<Option<i64>, Unread> {
        let Some(shelf) = self.shelf.as_ref().filter(|shelf| shelf.rows() > 0) else { return Ok(None) };
        let found = shelf.find(&value_id(key, value));
        match found {
            Ok(Some(_)) => self.traffic.recalled += 1,
            Ok(None) => {}
            Err(Unread) => self.traffic.unread += 1,
        }
        found
    }
}

/// The time at or before which about half of the sampled times lie.
pub(crate) fn middle(times: &mut [i64]) -> Option<i64> {
    let at = times.len().checked_sub(1)? / 2;
    Some(*times.select_nth_unstable(at).1)
}
