//! Hits that entered no window, kept for `explain`: those that came too late, and those ahead of the clock.
//!
//! A bounded file of JSON lines in the state directory, written once a second. What does not fit is counted.

use std::path::PathBuf;
use std::sync::Arc;

use noroshi_correlate::{Refusal, Refused};
use noroshi_input::Origin;
use noroshi_input::files::Files;
use noroshi_parsers::time::format_rfc3339;
use serde_json::{Value, json};

use crate::durable::{DurableFile, FileError, Rotation, Tail};
use crate::evidence::{Shared, hex};

/// Size at which the file is closed and the one before dropped: of 16 MiB together some fifty thousand hits.
const ROTATE_BYTES: u64 = 8 << 20;

/// Hits listed a second; a source with a wrong clock must not write without end.
const LISTED_MAX: usize = 1000;

/// Bytes of a record that the list shows.
const RAW_BYTES_MAX: usize = 1024;

/// The name of the list in the state directory.
pub(crate) const FILE_NAME: &str = "late.ndjson";

/// The list.
pub(crate) struct LateList {
    file: DurableFile,
    pending: Vec<u8>,
    listed: usize,
    failing: bool,
}

impl LateList {
    pub(crate) fn open(path: PathBuf, files: Arc<dyn Files>) -> Result<LateList, FileError> {
        let rotation = Rotation { rotate_bytes: ROTATE_BYTES, keep_files: 1 };
        let file = DurableFile::open(path, Tail::Lines, Some(rotation), files)?;
        Ok(LateList { file, pending: Vec::new(), listed: 0, failing: false })
    }

    /// Takes a hit in; false where there were too many in this second.
    pub(crate) fn add(&mut self, refused: &Refused<Shared>) -> bool {
        if self.listed == LISTED_MAX {
            return false;
        }
        self.listed += 1;
        self.pending.extend_from_slice(row(refused).to_string().as_bytes());
        self.pending.push(b'\n');
        true
    }

    /// A second is over: what was taken in is written. A list that cannot be written loses that second, and says so once.
    pub(crate) fn write(&mut self) {
        self.listed = 0;
        if self.pending.is_empty() {
            return;
        }
        let written = self.file.append(&self.pending);
        self.pending.clear();
        if let (Err(error), false) = (&written, self.failing) {
            tracing::warn!("late hits are counted, but not listed: {error}");
        }
        self.failing = written.is_err();
    }
}

fn row(refused: &Refused<Shared>) -> Value {
    let group = refused.key.values().map(|value| String::from_utf8_lossy(value).into_owned());
    let mut row = json!({
        "time": format_rfc3339(refused.time_ns),
        "time_ns": refused.time_ns,
        "verdict": match refused.refusal { Refusal::Late => "late", Refusal::Future => "future" },
        "correlation": refused.spec.id,
        "group": group.collect::<Vec<_>>(),
        "key": hex(refused.key.bytes()),
        "watermark": format_rfc3339(refused.watermark_ns),
    });
    if let Some(Shared(evidence)) = &refused.evidence {
        let raw = &evidence.raw[..evidence.raw.len().min(RAW_BYTES_MAX)];
        row["raw"] = String::from_utf8_lossy(raw).into();
        row["received"] = format_rfc3339(evidence.receive_time_ns).into();
        row["input"] = (*evidence.input).into();
        if let Origin::File { path, .. } = &*evidence.origin {
            row["file"] = path.to_string_lossy().into();
            row["line"] = evidence.line.into();
        }
    }
    row
}
