//! The ledger's minutes on disk, for `noroshi ledger`: a line an input and minute, written when the minute is over.
//!
//! A crash costs the account of its minute. Lines of one minute add up: an engine that was started anew goes on in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_input::files::Files;
use noroshi_parsers::time::format_rfc3339;
use serde_json::{Value, json};
use tracing::warn;

use super::{Counts, MINUTE_NS, MINUTE_ROWS_MAX, MinuteRow, Reason};
use crate::durable::{DurableFile, FileError, Rotation, Tail};

/// The file's name in the state directory.
pub const FILE_NAME: &str = "ledger.ndjson";

/// Size at which the file is closed, and closed files kept: of 64 MiB together some hundred days of two busy inputs.
const ROTATION: Rotation = Rotation { rotate_bytes: 16 << 20, keep_files: 3 };

/// The minutes being written.
pub(crate) struct MinuteFile {
    file: DurableFile,
    /// Which run of the engine: its start.
    run_ns: i64,
    waiting: Vec<MinuteRow>,
    failing: bool,
}

impl MinuteFile {
    pub(crate) fn open(state_dir: &Path, run_ns: i64, files: Arc<dyn Files>) -> Result<Self, FileError> {
        let file = DurableFile::open(state_dir.join(FILE_NAME), Tail::Lines, Some(ROTATION), files)?;
        Ok(MinuteFile { file, run_ns, waiting: Vec::new(), failing: false })
    }

    /// Takes rows of minutes that are over. Where they cannot be written they wait for the next; the oldest go beyond
    /// [`MINUTE_ROWS_MAX`].
    pub(crate) fn take(&mut self, rows: Vec<MinuteRow>) {
        if rows.is_empty() {
            return;
        }
        self.waiting.extend(rows);
        let beyond = self.waiting.len().saturating_sub(MINUTE_ROWS_MAX);
        self.waiting.drain(..beyond);
        let mut text = Vec::new();
        for row in &self.waiting {
            text.extend_from_slice(document(row, self.run_ns).to_string().as_bytes());
            text.push(b'\n');
        }
        match self.file.append(&text) {
            Ok(()) => {
                self.waiting.clear();
                self.failing = false;
            }
            Err(cause) => {
                if !self.failing {
                    warn!("the minutes of the ledger wait: {cause}");
                }
                self.failing = true;
            }
        }
    }
}

/// A row as it is written and shown.
pub fn document(row: &MinuteRow, run_ns: i64) -> Value {
    let Counts { received, parsed, unparsed_kept, defects, late, future, hits, dropped } = row.counts;
    let dropped: serde_json::Map<String, Value> = Reason::ALL
        .iter()
        .zip(dropped)
        .filter(|(_, records)| *records > 0)
        .map(|(reason, records)| (reason.as_str().to_owned(), records.into()))
        .collect();
    json!({
        "minute": format_rfc3339(row.minute.saturating_mul(MINUTE_NS)), "input": row.input, "run": run_ns.to_string(),
        "received": received, "parsed": parsed, "unparsed_kept": unparsed_kept, "defects": defects, "dropped": dropped,
        "late": late, "future": future, "hits": hits, "unsynced": row.unsynced,
    })
}

/// A row that was written, and of which run; `None` = the line is no row.
fn parse(line: &Value) -> Option<(MinuteRow, String)> {
    let minute: jiff::Timestamp = line["minute"].as_str()?.parse().ok()?;
    let minute = i64::try_from(minute.as_nanosecond()).ok()?.div_euclid(MINUTE_NS);
    let of = |name: &str| line[name].as_u64().unwrap_or(0);
    let dropped = Reason::ALL.map(|reason| line["dropped"][reason.as_str()].as_u64().unwrap_or(0));
    let counts = Counts {
        received: of("received"),
        parsed: of("parsed"),
        unparsed_kept: of("unparsed_kept"),
        defects: of("defects"),
        late: of("late"),
        future: of("future"),
        hits: of("hits"),
        dropped,
    };
    let (input, run) = (line["input"].as_str()?.to_owned(), line["run"].as_str()?.to_owned());
    Some((MinuteRow { minute, input, counts, unsynced: of("unsynced") }, run))
}

/// What is on disk of the minutes from `since_ns` on, by minute and input, and the lines that are none. `open` are rows that a
/// running engine has told and not yet written.
///
/// # Errors
/// The file that cannot be read.
pub fn read(
    state_dir: &Path,
    since_ns: i64,
    open: &[Value],
) -> Result<(Vec<MinuteRow>, usize), (PathBuf, std::io::Error)> {
    let since = since_ns.div_euclid(MINUTE_NS);
    let mut damaged = 0;
    let mut of_runs: BTreeMap<(i64, String, String), MinuteRow> = BTreeMap::new();
    let path = state_dir.join(FILE_NAME);
    let rotated = (1..=ROTATION.keep_files).rev().map(|number| PathBuf::from(format!("{}.{number}", path.display())));
    for path in rotated.chain([path.clone()]) {
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err((path, error)),
        };
        for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line).ok().as_ref().and_then(parse) {
                None => damaged += 1,
                Some((row, run)) => {
                    let key = (row.minute, row.input.clone(), run);
                    let same = of_runs.entry(key).or_insert_with(|| MinuteRow {
                        counts: Counts::default(),
                        unsynced: 0,
                        ..row.clone()
                    });
                    same.counts = same.counts.plus(&row.counts);
                    same.unsynced = same.unsynced.max(row.unsynced);
                }
            }
        }
    }
    // Written meanwhile, a row is whole there.
    for (row, run) in open.iter().filter_map(parse) {
        of_runs.entry((row.minute, row.input.clone(), run)).or_insert(row);
    }
    let mut rows: Vec<MinuteRow> = Vec::new();
    for row in of_runs.into_values().filter(|row| row.minute >= since) {
        match rows.last_mut() {
            Some(last) if (last.minute, &last.input) == (row.minute, &row.input) => {
                last.counts = last.counts.plus(&row.counts);
                last.unsynced = last.unsynced.max(row.unsynced);
            }
            _ => rows.push(row),
        }
    }
    Ok((rows, damaged))
}

#[cfg(test)]
mod tests {
    use noroshi_input::files::{Fault, FaultyFiles, Operation, RealFiles};

    use super::*;

    fn row(minute: i64, input: &str, received: u64) -> MinuteRow {
        let mut dropped = [0; Reason::ALL.len()];
        dropped[Reason::KernelUdp as usize] = 1;
        let counts = Counts { received, dropped, ..Counts::default() };
        MinuteRow { minute, input: input.to_owned(), counts, unsynced: received }
    }

    #[test]
    fn minutes_are_read_as_they_were_written_over_runs_and_failures() {
        let dir = tempfile::tempdir().unwrap();
        let files = Arc::new(FaultyFiles::new(RealFiles));
        let mut first = MinuteFile::open(dir.path(), 1, files.clone()).unwrap();
        first.take(vec![row(10, "fw", 5), row(10, "web", 2)]);
        files.fail_from(Operation::Write, 1, Fault::NoSpace);
        first.take(vec![row(11, "fw", 6)]);
        files.heal();
        first.take(vec![row(12, "fw", 7)]);
        let mut second = MinuteFile::open(dir.path(), 2, files).unwrap();
        second.take(vec![row(12, "fw", 1)]);
        // Open rows: one that was written meanwhile, and one that was not.
        let open = [document(&row(12, "fw", 1), 2), document(&row(13, "fw", 4), 2)];
        std::fs::OpenOptions::new()
            .append(true)
            .open(dir.path().join(FILE_NAME))
            .and_then(|mut file| std::io::Write::write_all(&mut file, b"{\"minute\":\"torn"))
            .unwrap();
        let (rows, damaged) = read(dir.path(), 11 * MINUTE_NS + 5, &open).unwrap();
        let told: Vec<_> =
            rows.iter().map(|row| (row.minute, row.counts.received, row.counts.dropped_total())).collect();
        assert_eq!((told, damaged), (vec![(11, 6, 1), (12, 8, 2), (13, 4, 1)], 1));
        let (all, _) = read(dir.path(), 0, &[]).unwrap();
        assert_eq!(all[..2], [row(10, "fw", 5), row(10, "web", 2)]);
    }
}
