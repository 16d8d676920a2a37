//! Where the correlations stood at the last checkpoint, kept beside the positions of the files.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use noroshi_correlate::RuleCheckpoint;
use noroshi_input::files::{Files, replace_durably};
use serde_json::{Value, json};

use crate::evidence::hex;

/// The file that holds them.
pub(crate) struct ResumeStore {
    files: Arc<dyn Files>,
    path: PathBuf,
}

impl ResumeStore {
    pub(crate) fn new(files: Arc<dyn Files>, path: PathBuf) -> Self {
        ResumeStore { files, path }
    }

    /// Writes them, whole or not at all.
    pub(crate) fn save(&self, checkpoints: &[RuleCheckpoint]) -> io::Result<()> {
        let rows: Vec<Value> = checkpoints
            .iter()
            .map(|checkpoint| {
                json!({
                    "definition": hex(&checkpoint.definition_digest),
                    "settled_ns": checkpoint.settled_ns,
                    "complete_after_ns": checkpoint.complete_after_ns,
                    "start_ns": checkpoint.start_ns,
                })
            })
            .collect();
        replace_durably(&*self.files, &self.path, json!({"version": 1, "correlations": rows}).to_string().as_bytes())
    }

    /// Reads them back; none on a first start. A damaged file is told and read as none: finals may be told
    /// again and are dropped by (id, state).
    pub(crate) fn load(&self) -> Vec<RuleCheckpoint> {
        let bytes = match self.files.read(&self.path) {
            Ok(bytes) => bytes,
            Err(cause) => {
                if cause.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(path = %self.path.display(), "cannot read where the correlations stood: {cause}");
                }
                return Vec::new();
            }
        };
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let rows = value["correlations"].as_array();
        if rows.is_none() {
            tracing::warn!(path = %self.path.display(), "damaged; the correlations start anew");
        }
        rows.into_iter().flatten().filter_map(row).collect()
    }
}

fn row(row: &Value) -> Option<RuleCheckpoint> {
    let text = row["definition"].as_str()?;
    let mut definition_digest = [0; 32];
    for (at, byte) in definition_digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(RuleCheckpoint {
        definition_digest,
        settled_ns: row["settled_ns"].as_i64()?,
        complete_after_ns: row["complete_after_ns"].as_i64()?,
        // Absent in files of before there were rules that remember.
        start_ns: row["start_ns"].as_i64().unwrap_or(i64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use noroshi_input::files::RealFiles;

    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_damage_is_survived() {
        let dir = tempfile::tempdir().unwrap();
        let store = ResumeStore::new(Arc::new(RealFiles), dir.path().join("correlations.json"));
        assert!(store.load().is_empty());
        let checkpoint =
            RuleCheckpoint { definition_digest: [0xab; 32], settled_ns: -1, complete_after_ns: i64::MIN, start_ns: 7 };
        store.save(&[checkpoint]).unwrap();
        assert_eq!(store.load(), [checkpoint]);
        std::fs::write(dir.path().join("correlations.json"), b"{\"correl").unwrap();
        assert!(store.load().is_empty());
    }
}
