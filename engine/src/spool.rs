//! The raw spool: records nobody could parse, kept whole on disk.
//!
//! One JSON object a line, in a file that rotates by size. A record counts as kept (in the
//! [`InputLedger`] it came by) only after its batch is synced. While the disk fails, records wait in
//! memory up to a bound, and are counted as dropped beyond it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use noroshi_input::files::Files;
use noroshi_parsers::time::format_rfc3339;
use serde_json::{Map, Value, json};

pub use crate::durable::FileError;

use crate::delivery::{Deliver, Delivery, DeliveryStatus, DropReason, Failure, Item, Policy, WhenFull};
use crate::durable::{DurableFile, Rotation, RotationCounts, Tail};
use crate::ledger::{InputLedger, Reason};
use crate::metrics::{Exposition, Kind};

/// Bytes of lines that wait in memory for the disk. A tenth of the 400 MB budget; at 1 % odd records of
/// 310 bytes and 400,000 a second it is half a minute.
pub const SPOOL_PENDING_BYTES_MAX: usize = 40 << 20;

/// Bytes written between two syncs: some milliseconds of a disk's time.
const BATCH_BYTES: usize = 1 << 20;

/// Time between two tries to write to a disk that fails.
const RETRY: Duration = Duration::from_secs(1);

/// Name of the current file; closed ones have `.1` (newest) and so on.
pub const SPOOL_FILE: &str = "unparsed.ndjson";

/// One record to keep.
#[derive(Clone, Debug)]
pub struct SpoolEntry {
    /// The input it came by, where it is counted.
    pub input: Arc<InputLedger>,
    /// When it was read, in nanoseconds since 1970 UTC.
    pub receive_time_ns: i64,
    /// The file or the sender.
    pub origin: String,
    /// Offset in the file or stream.
    pub offset: u64,
    /// The bytes, as they came.
    pub raw: Vec<u8>,
    /// What is odd, by defect name.
    pub defects: Vec<&'static str>,
    /// Which part of a record longer than the limit, from 0.
    pub part: Option<u32>,
    /// How many records as received it accounts for.
    pub records: u64,
}

impl SpoolEntry {
    /// The line, without newline: `event.original` is text, with what is not UTF-8 replaced; then
    /// `original_base64` holds the exact bytes.
    fn line(&self) -> String {
        let text = String::from_utf8_lossy(&self.raw);
        let exact = matches!(text, std::borrow::Cow::Borrowed(_));
        let mut line = Map::new();
        line.insert("receive_time".into(), format_rfc3339(self.receive_time_ns).into());
        line.insert("input".into(), self.input.name().into());
        line.insert("origin".into(), self.origin.as_str().into());
        line.insert("offset".into(), self.offset.into());
        line.insert("event".into(), json!({ "original": text }));
        if !exact {
            line.insert("original_base64".into(), STANDARD.encode(&self.raw).into());
        }
        line.insert("defects".into(), self.defects.clone().into());
        if let Some(part) = self.part {
            line.insert("part".into(), part.into());
        }
        Value::Object(line).to_string()
    }
}

struct Line {
    text: String,
    input: Arc<InputLedger>,
    records: u64,
    receive_time_ns: i64,
}

impl Item for Line {
    fn weight(&self) -> usize {
        self.text.len()
    }

    fn dropped(&self, _: DropReason) {
        self.input.dropped_at(Reason::SpoolFull, self.records, self.receive_time_ns);
    }
}

struct Writer {
    file: DurableFile,
    batch: Vec<u8>,
    counts: Arc<Mutex<RotationCounts>>,
}

impl Deliver for Writer {
    type Item = Line;

    fn deliver(&mut self, lines: &[Line]) -> Result<(), Failure> {
        self.batch.clear();
        for line in lines {
            self.batch.extend_from_slice(line.text.as_bytes());
            self.batch.push(b'\n');
        }
        let written = self.file.append(&self.batch);
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = self.file.counts();
        written.map_err(|error| Failure::Retry {
            error: format!("unparsed records wait: {error}"),
            after: Duration::ZERO,
        })?;
        for line in lines {
            line.input.unparsed_kept(line.records);
        }
        Ok(())
    }
}

/// The spool fails: what waits in memory is written when it works again; beyond the bound records are
/// dropped and counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpoolError {
    /// What failed, with its place and the way out.
    pub error: String,
    /// Records that wait in memory.
    pub queued: u64,
    /// Records dropped so far.
    pub dropped: u64,
}

impl fmt::Display for SpoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} records wait, {} dropped)", self.error, self.queued, self.dropped)
    }
}

impl std::error::Error for SpoolError {}

/// The raw spool. On disk it takes `rotate_bytes × (keep_files + 1)` at most, up to one batch; the oldest
/// file is removed and counted.
pub struct Spool {
    delivery: Delivery<Line>,
    counts: Arc<Mutex<RotationCounts>>,
    path: PathBuf,
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").field("path", &self.path).field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Spool {
    /// Opens the spool in `dir`, which is created when absent.
    ///
    /// # Errors
    /// The step that failed.
    pub fn open(dir: &Path, rotate_bytes: u64, keep_files: usize, files: Arc<dyn Files>) -> Result<Self, FileError> {
        let pending = SPOOL_PENDING_BYTES_MAX;
        Self::open_bounded(dir, Rotation { rotate_bytes, keep_files }, files, pending, RETRY)
    }

    fn open_bounded(
        dir: &Path,
        rotation: Rotation,
        files: Arc<dyn Files>,
        pending_bytes_max: usize,
        retry: Duration,
    ) -> Result<Self, FileError> {
        let path = dir.join(SPOOL_FILE);
        let error = |action, source| FileError { action, path: path.clone(), source };
        std::fs::create_dir_all(dir).map_err(|e| error("create the directory of", e))?;
        let file = DurableFile::open(path.clone(), Tail::Lines, Some(rotation), files)?;
        let counts = Arc::new(Mutex::new(file.counts()));
        let policy = Policy {
            name: "spool".to_owned(),
            queue_weight_max: pending_bytes_max,
            batch_items_max: usize::MAX,
            batch_weight_max: BATCH_BYTES.min(usize::try_from(rotation.rotate_bytes).unwrap_or(usize::MAX)),
            linger: Duration::ZERO,
            retry,
            retry_max: retry,
            when_full: WhenFull::Wait,
        };
        let writer = Writer { file, batch: Vec::new(), counts: counts.clone() };
        let delivery = Delivery::start(policy, writer).map_err(|e| error("start the writer of", e))?;
        Ok(Self { delivery, counts, path })
    }

    /// Takes records over; each is counted as kept once it is synced. Waits only while the memory bound
    /// is reached and the disk works.
    ///
    /// # Errors
    /// When the disk fails at this moment. The entries are taken over all the same: they wait, or are
    /// counted as dropped beyond the bound.
    pub fn append(&self, entries: &[SpoolEntry]) -> Result<(), SpoolError> {
        self.delivery.send(entries.iter().map(|entry| {
            Some(Line {
                text: entry.line(),
                input: entry.input.clone(),
                records: entry.records,
                receive_time_ns: entry.receive_time_ns,
            })
        }));
        self.check()
    }

    fn check(&self) -> Result<(), SpoolError> {
        let status = self.status();
        let dropped = status.dropped_total();
        match status.failing {
            Some(failing) => Err(SpoolError { error: failing.error, queued: status.queued, dropped }),
            None => Ok(()),
        }
    }

    /// Waits until everything handed in so far is kept or counted as dropped.
    ///
    /// # Errors
    /// When the time ran out: what fails, if something does.
    pub fn flush(&self, timeout: Duration) -> Result<(), SpoolError> {
        if self.delivery.wait_settled(self.status().offered, timeout) {
            return Ok(());
        }
        self.check()?;
        let error = format!("`{}` is slow: not everything was written in time", self.path.display());
        let status = self.status();
        Err(SpoolError { error, queued: status.queued, dropped: status.dropped_total() })
    }

    /// How many of the records handed in first are all kept or dropped: what a checkpoint of the input
    /// may rely on. Not `offered - queued`: beyond the bound it is the newest that are dropped.
    pub fn settled(&self) -> u64 {
        self.delivery.settled()
    }

    /// The state of its queue; the counts are records.
    pub fn status(&self) -> DeliveryStatus {
        self.delivery.status()
    }

    /// Why it is not healthy, in one line.
    pub fn ailment(&self) -> Option<String> {
        let error = self.check().err()?;
        let first = error.error.lines().next().unwrap_or_default().to_owned();
        Some(format!("spool: {first} ({} records wait, {} dropped)", error.queued, error.dropped))
    }

    /// Bytes of closed files removed to keep the bound.
    pub fn removed_bytes(&self) -> u64 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).removed_bytes
    }

    /// The current file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends its metrics.
    pub fn append_metrics(&self, text: &mut Exposition) {
        let status = self.status();
        let counts = *self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let values = [
            ("noroshi_spool_kept_total", "Unparsed records kept on disk.", Kind::Counter, status.delivered),
            ("noroshi_spool_dropped_total", "Unparsed records lost.", Kind::Counter, status.dropped_total()),
            ("noroshi_spool_queued", "Unparsed records waiting in memory.", Kind::Gauge, status.queued),
            ("noroshi_spool_rotations_total", "Files begun.", Kind::Counter, counts.rotations),
            (
                "noroshi_spool_removed_bytes_total",
                "Bytes removed to keep the bound.",
                Kind::Counter,
                counts.removed_bytes,
            ),
            ("noroshi_spool_failing", "1 while the disk fails.", Kind::Gauge, u64::from(status.failing.is_some())),
        ];
        for (name, help, kind, value) in values {
            text.add(name, help, kind, &[], value as f64);
        }
    }

    /// Writes what waits until `timeout` has passed; the rest is counted as dropped.
    pub fn stop(&self, timeout: Duration) -> DeliveryStatus {
        self.delivery.stop(Instant::now() + timeout)
    }
}

#[cfg(test)]
mod tests {
    use noroshi_input::files::{Fault, FaultyFiles, Operation, RealFiles};

    use super::*;
    use crate::ledger::Ledger;

    const WAIT: Duration = Duration::from_secs(20);

    fn entry(input: &Arc<InputLedger>, raw: &[u8]) -> SpoolEntry {
        SpoolEntry {
            input: input.clone(),
            receive_time_ns: 1_767_225_600_000_000_000,
            origin: "192.0.2.7:514".to_owned(),
            offset: 7,
            raw: raw.to_vec(),
            defects: vec!["no_format"],
            part: None,
            records: 1,
        }
    }

    fn bounded(dir: &Path, files: &Arc<FaultyFiles<RealFiles>>, pending_bytes_max: usize) -> Spool {
        let rotation = Rotation { rotate_bytes: 1 << 20, keep_files: 2 };
        let retry = Duration::from_millis(1);
        Spool::open_bounded(dir, rotation, files.clone(), pending_bytes_max, retry).unwrap()
    }

    #[test]
    fn a_record_is_kept_with_its_exact_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::default();
        let input = ledger.add_input("fw", Arc::default());
        let spool = Spool::open(dir.path(), 1 << 20, 2, Arc::new(RealFiles)).unwrap();
        let mut part = entry(&input, b"\xff\0odd");
        part.part = Some(3);
        spool.append(&[entry(&input, "狼煙 \"x\"\n".as_bytes()), part]).unwrap();
        spool.flush(WAIT).unwrap();
        let kept = std::fs::read_to_string(dir.path().join(SPOOL_FILE)).unwrap();
        let lines: Vec<&str> = kept.lines().collect();
        assert_eq!(
            lines[0],
            "{\"receive_time\":\"2026-01-01T00:00:00Z\",\"input\":\"fw\",\"origin\":\"192.0.2.7:514\",\"offset\":7,\
             \"event\":{\"original\":\"狼煙 \\\"x\\\"\\n\"},\"defects\":[\"no_format\"]}"
        );
        let second: Value = serde_json::from_str(lines[1]).unwrap();
        assert_eq!(STANDARD.decode(second["original_base64"].as_str().unwrap()).unwrap(), b"\xff\0odd");
        assert_eq!((lines.len(), second["part"].as_u64()), (2, Some(3)));
        assert_eq!(input.balance().unparsed_kept, 2);
    }

    #[test]
    fn a_full_disk_loses_nothing_below_the_bound() {
        let dir = tempfile::tempdir().unwrap();
        let files = Arc::new(FaultyFiles::new(RealFiles));
        let input = Ledger::default().add_input("fw", Arc::default());
        let spool = bounded(dir.path(), &files, 1 << 20);
        files.fail_from(Operation::Write, 1, Fault::TornWrite);
        let _ = spool.append(&[entry(&input, b"one")]);
        assert!(spool.delivery.wait_failing(WAIT));
        let error = spool.append(&[entry(&input, b"two")]).unwrap_err();
        assert_eq!((error.queued, error.dropped), (2, 0));
        assert!(error.error.contains("No space left on device"), "{error}");
        assert_eq!(input.balance().unparsed_kept, 0, "nothing counts as kept before it is synced");
        files.heal();
        spool.flush(WAIT).unwrap();
        assert_eq!(input.balance().unparsed_kept, 2);
        let kept = std::fs::read_to_string(dir.path().join(SPOOL_FILE)).unwrap();
        assert_eq!(kept.lines().count(), 2, "no torn and no doubled line: {kept}");
        assert_eq!(spool.ailment(), None);
    }

    #[test]
    fn beyond_the_bound_records_are_dropped_and_their_minute_is_lossy() {
        let dir = tempfile::tempdir().unwrap();
        let files = Arc::new(FaultyFiles::new(RealFiles));
        let ledger = Ledger::default();
        let input = ledger.add_input("fw", Arc::default());
        let spool = bounded(dir.path(), &files, 600);
        files.fail_from(Operation::Sync, 1, Fault::Io);
        let _ = spool.append(&[entry(&input, b"one")]);
        assert!(spool.delivery.wait_failing(WAIT));
        let entries: Vec<SpoolEntry> = (0..10).map(|_| entry(&input, b"more")).collect();
        let error = spool.append(&entries).unwrap_err();
        assert_eq!(error.queued + error.dropped, 11);
        assert!(error.dropped >= 7, "{error}");
        assert_eq!(spool.settled(), 0, "the oldest still wait");
        assert_eq!(input.balance().dropped["spool_full"], error.dropped);
        let minute = entries[0].receive_time_ns;
        assert!(ledger.lossy_between(minute, minute));
        files.heal();
        spool.flush(WAIT).unwrap();
        let status = spool.stop(WAIT);
        assert!(status.is_balanced() && status.queued == 0);
        assert_eq!(input.balance().unparsed_kept, error.queued);
    }

    #[test]
    fn the_oldest_file_goes_and_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let input = Ledger::default().add_input("fw", Arc::default());
        let spool = Spool::open(dir.path(), 4096, 2, Arc::new(RealFiles)).unwrap();
        for number in 0..40 {
            spool.append(&[entry(&input, format!("{number} {}", "x".repeat(800)).as_bytes())]).unwrap();
            spool.flush(WAIT).unwrap();
        }
        let sizes: Vec<u64> =
            std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).collect();
        assert_eq!(sizes.len(), 3);
        assert!(sizes.iter().sum::<u64>() <= 3 * 4096);
        let kept: u64 = sizes.iter().sum();
        let line = std::fs::read_to_string(spool.path()).unwrap().lines().next().unwrap().len() as u64 + 1;
        // The first ten numbers have one digit, so their lines are a byte shorter.
        assert_eq!(spool.removed_bytes() + kept, 40 * line - 10);
    }
}
