//! Alerts in a file: NDJSON, rotated by size, each batch synced before its lines count as sent.

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
