//! What has been copied, over a restart: `copied.json` in the archive's directory.
//!
//! Segments are copied in the order of their manifests in the tree, tiles in the order they fill up: two numbers say what the
//! copy holds. A file that is gone or damaged costs a copy from the begin and nothing else: the same objects are put again.

use std::io;
use std::path::{Path, PathBuf};

use noroshi_input::files::{Files, replace_durably};
use serde::{Deserialize, Serialize};

/// Its name.
const FILE_NAME: &str = "copied.json";

/// Longest file read: the list of missed segments is bounded, at a hundred bytes each.
const BYTES_MAX: u64 = 1 << 20;

/// Segments that are remembered as missed. More of them are a lost disk, and `noroshi verify` tells all.
pub(super) const MISSED_MAX: usize = 1000;

/// What has been copied.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct State {
    /// Where to. Of another place nothing is known.
    pub(super) place: String,
    /// Segments whose manifests stand before this leaf are copied, or missed.
    pub(super) manifests: u64,
    /// Full bundles of entries copied, with the tiles that they fill.
    pub(super) bundles: u64,
    /// Leaves of the checkpoint that is copied; all that it needs is.
    pub(super) leaves: u64,
    /// SHA-256 of that checkpoint, in hex; a cosignature changes it.
    pub(super) checkpoint: String,
    /// SHA-256 of the catalog that is copied, in hex.
    pub(super) catalog: String,
    /// Segments that were not what was sealed.
    pub(super) missed: Vec<String>,
}

fn path(directory: &Path) -> PathBuf {
    directory.join(FILE_NAME)
}

impl State {
    /// Reads what is known of a place; nothing where the file is absent, damaged or tells of another.
    ///
    /// # Errors
    /// Those of reading a file that is there.
    pub(super) fn load(files: &dyn Files, directory: &Path, place: &str) -> io::Result<Self> {
        let fresh = || State { place: place.to_owned(), ..State::default() };
        let path = path(directory);
        let bytes = match files.metadata(&path) {
            Ok(metadata) if metadata.len <= BYTES_MAX => files.read(&path)?,
            Ok(_) => return Ok(fresh()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(fresh()),
            Err(error) => return Err(error),
        };
        let state: Option<State> = serde_json::from_slice(&bytes).ok();
        Ok(state.filter(|state| state.place == place).unwrap_or_else(fresh))
    }

    /// Writes it, durably.
    ///
    /// # Errors
    /// Those of the write; the old one stands then.
    pub(super) fn save(&self, files: &dyn Files, directory: &Path) -> io::Result<()> {
        replace_durably(files, &path(directory), &serde_json::to_vec(self).map_err(io::Error::other)?)
    }
}
