//! Alerts in a file: NDJSON, rotated by size, each batch synced before its lines count as sent.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use noroshi_input::files::Files;

use super::config::{KEEP_FILES, ROTATE_BYTES};
use super::{OutputConfig, Queued, Sink};
use crate::delivery::Failure;
use crate::durable::{DurableFile, FileError, Rotation, Tail};

pub(super) struct FileSink {
    file: DurableFile,
    batch: Vec<u8>,
}

impl FileSink {
    pub(super) fn open(config: &OutputConfig, files: Arc<dyn Files>) -> Result<Self, FileError> {
        let rotation = Rotation {
            rotate_bytes: config.rotate_bytes.unwrap_or(ROTATE_BYTES),
            keep_files: config.keep_files.unwrap_or(KEEP_FILES),
        };
        let path = config.path.clone().unwrap_or_default();
        let file = DurableFile::open(path, Tail::Lines, Some(rotation), files)?;
        Ok(Self { file, batch: Vec::new() })
    }
}

impl Sink for FileSink {
    fn deliver(&mut self, lines: &[Queued]) -> Result<(), Failure> {
        self.batch.clear();
        for line in lines {
            self.batch.extend_from_slice(line.json.as_bytes());
            self.batch.push(b'\n');
        }
        self.file
            .append(&self.batch)
            .map_err(|error| Failure::Retry { error: format!("alerts wait: {error}"), after: Duration::ZERO })
    }
}

/// The end of an alert file that is looked at for deliveries which [`crate::sent::Sent`] lacks: more than one
/// batch of alerts of the usual 2 to 4 KiB, as only the last batch before a crash can be in doubt.
const DELIVERED_BYTES_MAX: u64 = 8 << 20;

/// Ids and states of the alerts at the end of an alert file. The file is synced first, because what is
/// told as delivered is never written again.
pub(super) fn delivered(path: &Path, files: &dyn Files) -> io::Result<Vec<([u8; 16], bool)>> {
    if !files.metadata(path)?.is_file {
        return Ok(Vec::new());
    }
    files.append(path)?.sync()?;
    let mut file = files.open(path)?;
    let from = file.metadata()?.len.saturating_sub(DELIVERED_BYTES_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    // A line cut at either end is no JSON.
    Ok(bytes.split(|&byte| byte == b'\n').filter_map(delivery).collect())
}

fn delivery(line: &[u8]) -> Option<([u8; 16], bool)> {
    let alert: serde_json::Value = serde_json::from_slice(line).ok()?;
    let text = alert["noroshi"]["id"].as_str()?;
    let mut id = [0; 16];
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some((id, alert["noroshi"]["state"] == "final"))
}
