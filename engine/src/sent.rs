//! The record of alerts already sent, so that a restart that reads input again drops duplicates.
//!
//! A file of fixed records (alert id, output, state), each with a check, appended and synced after the
//! output has delivered the line. A crash between the two delivers a line twice, never none.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use noroshi_input::Fingerprint;
use noroshi_input::files::{Files, replace_durably};

use crate::durable::{DurableFile, FileError, Tail};

/// Deliveries remembered. Checkpoints trail by the longest window and lateness, so only alerts of that
/// time can come again: a day of six deliveries a second. In memory 16 MiB, on disk at most 24 MiB,
/// as the file is cut back to the newest when it holds twice as many.
pub const SENT_ALERTS_MAX: usize = 1 << 19;

/// Deliveries that wait in memory while the record cannot be written (24 bytes each); the oldest beyond
/// it are forgotten, which costs a duplicate after a crash, not an alert.
const PENDING_MAX: usize = 1 << 16;

const RECORD_BYTES: usize = 24;
const MAGIC: &[u8; RECORD_BYTES] = b"noroshi sent alerts v1\n\n";

/// Which delivery: alert and output. The output's name enters as a hash, for records of one length.
type Key = ([u8; 16], u32);

/// What was found at the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SentLoad {
    /// Deliveries remembered.
    pub deliveries: usize,
    /// Records that did not pass their check.
    pub damaged: usize,
}

struct Log {
    file: DurableFile,
    pending: VecDeque<[u8; RECORD_BYTES]>,
    ailment: Option<String>,
}

/// The record of alerts already sent.
pub struct Sent {
    path: PathBuf,
    files: Arc<dyn Files>,
    bound: usize,
    /// What earlier runs delivered; the value is true when the final state was.
    before: HashMap<Key, bool>,
    log: Mutex<Log>,
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sent").field("path", &self.path).field("before", &self.before.len()).finish_non_exhaustive()
    }
}

/// FNV-1a over the name: stored on disk, so it must mean the same for ever.
fn hash(bytes: &[u8]) -> u32 {
    let hash = Fingerprint::of(bytes).hash;
    (hash ^ (hash >> 32)) as u32
}

fn encode(key: Key, is_final: bool) -> [u8; RECORD_BYTES] {
    let mut record = [0; RECORD_BYTES];
    record[..16].copy_from_slice(&key.0);
    record[16..20].copy_from_slice(&key.1.to_le_bytes());
    record[20] = if is_final { b'f' } else { b'o' };
    let check = hash(&record[..21]).to_le_bytes();
    record[21..].copy_from_slice(&check[..3]);
    record
}

fn decode(record: &[u8]) -> Option<(Key, bool)> {
    let id = record[..16].try_into().ok()?;
    let output = u32::from_le_bytes(record[16..20].try_into().ok()?);
    let is_final = record[20] == b'f';
    let sound = encode((id, output), is_final) == record;
    sound.then_some(((id, output), is_final))
}

impl Sent {
    /// Opens or creates the record at `path`.
    ///
    /// # Errors
    /// When it cannot be read or written, or is another kind of file.
    pub fn open(path: impl Into<PathBuf>, files: Arc<dyn Files>) -> Result<(Self, SentLoad), FileError> {
        Self::open_bounded(path.into(), files, SENT_ALERTS_MAX)
    }

    fn open_bounded(path: PathBuf, files: Arc<dyn Files>, bound: usize) -> Result<(Self, SentLoad), FileError> {
        let mut file = DurableFile::open(path.clone(), Tail::Records(RECORD_BYTES as u64), None, files.clone())?;
        let (mut before, mut load) = (HashMap::new(), SentLoad::default());
        if file.len() == 0 {
            file.append(MAGIC)?;
        } else {
            let error = |action, source| FileError { action, path: path.clone(), source };
            let bytes = files.read(&path).map_err(|e| error("read", e))?;
            let Some(records) = bytes.strip_prefix(MAGIC) else {
                let what = "it is not a record of sent alerts; move it away, and the next start makes a new one";
                return Err(error("use", std::io::Error::new(std::io::ErrorKind::InvalidData, what)));
            };
            let records = records.chunks_exact(RECORD_BYTES);
            let old = records.len().saturating_sub(bound);
            for record in records.skip(old) {
                match decode(record) {
                    Some((key, is_final)) => *before.entry(key).or_insert(false) |= is_final,
                    None => load.damaged += 1,
                }
            }
        }
        load.deliveries = before.len();
        let log = Mutex::new(Log { file, pending: VecDeque::new(), ailment: None });
        Ok((Self { path, files, bound, before, log }, load))
    }

    /// Takes up deliveries of the run before that the output itself shows and this record may lack: a crash
    /// falls between a delivery and its record as well.
    pub fn learn(&mut self, output: &str, delivered: &[([u8; 16], bool)]) {
        let unknown: Vec<_> =
            delivered.iter().copied().filter(|&(id, is_final)| !self.sent_before(output, id, is_final)).collect();
        for &(id, is_final) in &unknown {
            *self.before.entry((id, hash(output.as_bytes()))).or_insert(false) |= is_final;
        }
        if !unknown.is_empty() {
            self.record(output, unknown);
        }
    }

    /// True when an earlier run delivered this alert to `output` in this state, or finally. Deliveries
    /// of this run do not count: updates of an open alert share its id and state.
    pub fn sent_before(&self, output: &str, id: [u8; 16], is_final: bool) -> bool {
        match self.before.get(&(id, hash(output.as_bytes()))) {
            Some(&was_final) => was_final || !is_final,
            None => false,
        }
    }

    /// Remembers deliveries to `output`. When the disk fails they wait in memory for the next call.
    pub fn record(&self, output: &str, delivered: impl IntoIterator<Item = ([u8; 16], bool)>) {
        let output = hash(output.as_bytes());
        let mut log = self.lock();
        log.pending.extend(delivered.into_iter().map(|(id, is_final)| encode((id, output), is_final)));
        let excess = log.pending.len().saturating_sub(PENDING_MAX);
        log.pending.drain(..excess);
        let batch: Vec<u8> = log.pending.iter().flatten().copied().collect();
        let written = log.file.append(&batch).and_then(|()| {
            log.pending.clear();
            self.compact(&mut log)
        });
        if let (Err(error), None) = (&written, &log.ailment) {
            tracing::error!("sent alerts may be sent again after a crash: {error}");
        }
        log.ailment = written.err().map(|error| error.to_string());
    }

    /// Why the record is not healthy, in one line.
    pub fn ailment(&self) -> Option<String> {
        self.lock().ailment.as_ref()?.lines().next().map(|line| format!("record of sent alerts: {line}"))
    }

    /// Cuts the file back to the newest when it holds twice the bound.
    fn compact(&self, log: &mut Log) -> Result<(), FileError> {
        if log.file.len() <= ((2 * self.bound + 1) * RECORD_BYTES) as u64 {
            return Ok(());
        }
        let rewrite = || {
            let bytes = self.files.read(&self.path)?;
            let newest = bytes.len().saturating_sub(self.bound * RECORD_BYTES);
            replace_durably(&*self.files, &self.path, &[MAGIC, &bytes[newest..]].concat())
        };
        rewrite().map_err(|source| FileError { action: "shorten", path: self.path.clone(), source })?;
        log.file.close();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use noroshi_input::files::{Fault, FaultyFiles, Operation, RealFiles};

    use super::*;

    fn open(path: &Path) -> (Sent, SentLoad) {
        Sent::open(path, Arc::new(RealFiles)).unwrap()
    }

    #[test]
    fn a_restart_knows_what_was_sent_by_output_and_state() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sent");
        let (sent, load) = open(&path);
        assert_eq!(load, SentLoad::default());
        sent.record("file", [([1; 16], false), ([2; 16], false), ([2; 16], true)]);
        sent.record("hook", [([3; 16], true)]);
        assert!(!sent.sent_before("file", [1; 16], false), "updates within a run pass");
        let (sent, load) = open(&path);
        assert_eq!(load, SentLoad { deliveries: 3, damaged: 0 });
        assert!(sent.sent_before("file", [1; 16], false));
        assert!(!sent.sent_before("file", [1; 16], true), "its final state is still to come");
        assert!(sent.sent_before("file", [2; 16], true));
        assert!(sent.sent_before("hook", [3; 16], false), "open after final is stale");
        assert!(!sent.sent_before("file", [3; 16], true), "each output for itself");
    }

    #[test]
    fn what_the_output_shows_is_learnt_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sent");
        let (mut sent, _) = open(&path);
        sent.learn("file", &[([1; 16], false), ([2; 16], true)]);
        for sent in [sent, open(&path).0] {
            assert!(sent.sent_before("file", [1; 16], false) && !sent.sent_before("file", [1; 16], true));
            assert!(sent.sent_before("file", [2; 16], true) && !sent.sent_before("hook", [2; 16], true));
        }
        let (mut sent, load) = open(&path);
        sent.learn("file", &[([1; 16], false), ([2; 16], true)]);
        assert_eq!(open(&path).1, load, "what is known is not written again");
    }

    #[test]
    fn torn_tail_is_cut_at_last_whole_record() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sent");
        open(&path).0.record("file", [([1; 16], true), ([2; 16], true)]);
        let whole = std::fs::read(&path).unwrap();
        for torn in 1..RECORD_BYTES {
            std::fs::write(&path, &whole[..whole.len() - torn]).unwrap();
            let (sent, load) = open(&path);
            assert_eq!(load, SentLoad { deliveries: 1, damaged: 0 });
            sent.record("file", [([3; 16], true)]);
            assert_eq!(open(&path).1, SentLoad { deliveries: 2, damaged: 0 });
        }
    }

    #[test]
    fn a_damaged_record_is_counted_and_its_neighbours_stand() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sent");
        open(&path).0.record("file", [([1; 16], true), ([2; 16], true), ([3; 16], true)]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[2 * RECORD_BYTES + 5] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let (sent, load) = open(&path);
        assert_eq!(load, SentLoad { deliveries: 2, damaged: 1 });
        assert!(sent.sent_before("file", [1; 16], true) && sent.sent_before("file", [3; 16], true));
    }

    #[test]
    fn another_kind_of_file_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sent");
        let notes = b"notes of an operator, 48 bytes long, kept whole\n";
        std::fs::write(&path, notes).unwrap();
        let error = Sent::open(&path, Arc::new(RealFiles)).unwrap_err().to_string();
        assert!(error.contains("it is not a record of sent alerts"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), notes);
    }

    #[test]
    fn the_file_is_cut_back_to_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sent");
        let (sent, _) = Sent::open_bounded(path.clone(), Arc::new(RealFiles), 10).unwrap();
        for id in 0..=20 {
            sent.record("file", [([id; 16], true)]);
        }
        assert_eq!(std::fs::metadata(&path).unwrap().len(), (11 * RECORD_BYTES) as u64);
        sent.record("file", [([21; 16], true)]);
        let (sent, load) = Sent::open_bounded(path, Arc::new(RealFiles), 10).unwrap();
        assert_eq!(load.deliveries, 10);
        assert!(!sent.sent_before("file", [11; 16], true));
        assert!((12..=21).all(|id| sent.sent_before("file", [id; 16], true)));
    }

    #[test]
    fn a_full_disk_keeps_deliveries_for_the_next_try() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sent");
        let files = Arc::new(FaultyFiles::new(RealFiles));
        let (sent, _) = Sent::open(&path, files.clone()).unwrap();
        files.fail(Operation::Write, 1, Fault::TornWrite);
        sent.record("file", [([1; 16], true)]);
        assert!(sent.ailment().unwrap().contains("No space left on device"));
        sent.record("file", [([2; 16], true)]);
        assert_eq!(sent.ailment(), None);
        assert_eq!(open(&path).1, SentLoad { deliveries: 2, damaged: 0 });
    }
}
