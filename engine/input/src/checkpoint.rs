//! File checkpoints: how far each followed file may be considered done.
//!
//! The engine decides what to commit, because a checkpoint trails the input by the longest window and
//! lateness; this store makes it durable. A checkpoint file is replaced whole: written beside, synced,
//! renamed, directory synced, so a crash leaves the old or the new one, never a torn one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::batch::FileIdentity;
use crate::files::{Files, replace_durably};

/// Version of the file's layout; a file of another version is refused, not guessed at.
const VERSION: u32 = 1;

/// How far one file may be considered done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileCheckpoint {
    /// Its path when the checkpoint was taken.
    pub path: PathBuf,
    /// Which file it was.
    pub identity: FileIdentity,
    /// Offset of the first byte not done.
    pub offset: u64,
    /// Number of the record there, from 1; 0 when unknown.
    pub line: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    files: Vec<FileCheckpoint>,
}

/// Keeps checkpoints in one JSON file.
#[derive(Clone, Debug)]
pub struct CheckpointStore {
    files: Arc<dyn Files>,
    path: PathBuf,
}

impl CheckpointStore {
    /// A store at `path`; its directory must exist.
    pub fn new(files: Arc<dyn Files>, path: impl Into<PathBuf>) -> Self {
        Self { files, path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoints of the last save; none when nothing was ever saved.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a checkpoint file of this version. Going on without it would read everything again or
    /// skip records, so that is the operator's decision: the message names the file.
    pub fn load(&self) -> io::Result<Vec<FileCheckpoint>> {
        let text = match self.files.read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.at_path(&error, "check its permissions")),
        };
        let help = "move it away to read the followed files anew from where `from` says";
        let stored: Stored = serde_json::from_slice(&text).map_err(|error| self.at_path(&error.into(), help))?;
        if stored.version != VERSION {
            let what = io::Error::new(
                io::ErrorKind::InvalidData,
                format!("layout version {} where {VERSION} is known", stored.version),
            );
            return Err(self.at_path(&what, help));
        }
        Ok(stored.files)
    }

    /// Replaces the stored checkpoints.
    ///
    /// # Errors
    /// When a step of the durable replacement fails; the previous checkpoints then still stand.
    pub fn save(&self, checkpoints: &[FileCheckpoint]) -> io::Result<()> {
        let stored = Stored { version: VERSION, files: checkpoints.to_vec() };
        let mut text = serde_json::to_vec_pretty(&stored)?;
        text.push(b'\n');
        replace_durably(&*self.files, &self.path, &text)
            .map_err(|error| self.at_path(&error, "free space or fix the disk; the previous checkpoints still stand"))
    }

    fn at_path(&self, error: &io::Error, help: &str) -> io::Error {
        io::Error::new(error.kind(), format!("checkpoints {}: {error}; {help}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Fingerprint;
    use crate::files::{Fault, FaultyFiles, Operation, RealFiles};

    fn checkpoint(offset: u64) -> FileCheckpoint {
        let fingerprint = Fingerprint::of(b"begin");
        let identity = FileIdentity { dev: 1, ino: u64::MAX, fingerprint };
        FileCheckpoint { path: "/var/log/a.log".into(), identity, offset, line: 3 }
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let store = CheckpointStore::new(Arc::new(RealFiles), dir.path().join("checkpoints.json"));
        assert_eq!(store.load().unwrap(), []);
        store.save(&[checkpoint(1), checkpoint(2)]).unwrap();
        store.save(&[checkpoint(3)]).unwrap();
        assert_eq!(store.load().unwrap(), [checkpoint(3)]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_failed_save_at_any_step_leaves_the_old_checkpoints() {
        for fault in [Fault::Io, Fault::ShortWrite, Fault::NoSpace] {
            for operation in [Operation::Open, Operation::Write, Operation::Sync, Operation::Rename] {
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join("checkpoints.json");
                CheckpointStore::new(Arc::new(RealFiles), &path).save(&[checkpoint(1)]).unwrap();
                let faulty = Arc::new(FaultyFiles::new(RealFiles));
                faulty.fail(operation, 1, fault);
                let store = CheckpointStore::new(faulty, &path);
                let saved = store.save(&[checkpoint(2)]);
                if operation == Operation::Write && fault == Fault::ShortWrite {
                    saved.unwrap(); // a short write is no error: the rest is written
                    assert_eq!(store.load().unwrap(), [checkpoint(2)]);
                } else {
                    assert!(saved.unwrap_err().to_string().contains("checkpoints.json"));
                    assert_eq!(store.load().unwrap(), [checkpoint(1)]);
                }
            }
        }
    }

    #[test]
    fn a_torn_or_foreign_file_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoints.json");
        let store = CheckpointStore::new(Arc::new(RealFiles), &path);
        for text in ["{\"version\":1,\"files\":[", "{\"version\":2,\"files\":[]}", "", "\u{0}"] {
            std::fs::write(&path, text).unwrap();
            let error = store.load().unwrap_err().to_string();
            assert!(error.contains("checkpoints.json") && error.contains("move it away"), "{error}");
        }
    }
}
