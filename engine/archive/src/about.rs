//! What a sealed file tells of itself, in its footer.
//!
//! The same as its line in the catalog, as far as it is known before the file is in the tree. So the tree, which holds the
//! file's digest, holds the catalog's line too, and a catalog that is lost is made anew from the files.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use noroshi_files::Files;
use noroshi_tree::leaf::Manifest;
use serde::{Deserialize, Serialize};

use crate::catalog::Sealed;
use crate::search::scan::SealedFile;

/// Key of the footer's metadata under which it stands, as JSON.
pub const ABOUT: &str = "noroshi.segment";

/// What a sealed file holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) first_sequence: u64,
    pub(crate) end_sequence: u64,
    pub(crate) raw_bytes: u64,
    pub(crate) time_min_ns: i64,
    pub(crate) time_max_ns: i64,
    pub(crate) received_min_ns: i64,
    pub(crate) received_max_ns: i64,
    pub(crate) inputs: BTreeMap<String, u64>,
    pub(crate) kept_ns: Option<i64>,
}

impl About {
    /// As a line of the catalog tells it.
    pub(crate) fn of(sealed: &Sealed) -> Self {
        About {
            first_sequence: sealed.first_sequence,
            end_sequence: sealed.end_sequence,
            raw_bytes: sealed.raw_bytes,
            time_min_ns: sealed.time_min_ns,
            time_max_ns: sealed.time_max_ns,
            received_min_ns: sealed.received_min_ns,
            received_max_ns: sealed.received_max_ns,
            inputs: sealed.inputs.clone(),
            kept_ns: sealed.kept_ns,
        }
    }

    /// Of files rewritten into one. `None` for no files.
    pub(crate) fn of_all(parts: &[Sealed]) -> Option<Self> {
        let mut parts = parts.iter().map(Self::of);
        let mut all = parts.next()?;
        for part in parts {
            all.first_sequence = all.first_sequence.min(part.first_sequence);
            all.end_sequence = all.end_sequence.max(part.end_sequence);
            all.raw_bytes += part.raw_bytes;
            all.time_min_ns = all.time_min_ns.min(part.time_min_ns);
            all.time_max_ns = all.time_max_ns.max(part.time_max_ns);
            all.received_min_ns = all.received_min_ns.min(part.received_min_ns);
            all.received_max_ns = all.received_max_ns.max(part.received_max_ns);
            all.kept_ns = all.kept_ns.max(part.kept_ns);
            for (input, records) in part.inputs {
                *all.inputs.entry(input).or_default() += records;
            }
        }
        Some(all)
    }

    /// As a file tells it; `None` = it was written before files did.
    ///
    /// # Errors
    /// Those of reading the footer.
    pub(crate) fn read(files: &dyn Files, path: &Path) -> io::Result<Option<Self>> {
        let file = SealedFile::open(files, path)?;
        file.metadata(ABOUT).map(|text| serde_json::from_str(text).map_err(io::Error::other)).transpose()
    }

    /// The catalog's line of a file whose manifest is the tree's entry `index`.
    pub(crate) fn sealed(self, manifest: &Manifest, index: u64) -> Sealed {
        let first_leaf = manifest.batches.start;
        // The manifest stands right behind its batches, or was rewritten from others and stands apart.
        let (end_leaf, manifest_leaf) =
            if manifest.batches.end == index { (index + 1, None) } else { (manifest.batches.end, Some(index)) };
        Sealed {
            file: manifest.file.clone(),
            bytes: manifest.bytes,
            sha256: crate::sealer::hex(&manifest.sha256.0),
            rows: manifest.rows,
            first_sequence: self.first_sequence,
            end_sequence: self.end_sequence,
            raw_bytes: self.raw_bytes,
            time_min_ns: self.time_min_ns,
            time_max_ns: self.time_max_ns,
            received_min_ns: self.received_min_ns,
            received_max_ns: self.received_max_ns,
            inputs: self.inputs,
            first_leaf,
            end_leaf,
            manifest_leaf,
            kept_ns: self.kept_ns,
        }
    }
}
