//! Which sealed segments there are, and what each spans.
//!
//! `catalog.ndjson`: one line a change, appended and synced before what it replaces is removed. The tree holds each line's
//! file by its digest; the catalog is what a search reads first, to leave out the files that cannot matter.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use noroshi_files::Files;
use serde::{Deserialize, Serialize};

/// The catalog's file in the archive's directory.
pub const CATALOG: &str = "catalog.ndjson";

/// A sealed segment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// The Parquet file, below the archive's directory.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// Rows: events, not records.
    pub rows: u64,
    /// Number of the first record.
    pub first_sequence: u64,
    /// Number after the last record.
    pub end_sequence: u64,
    /// Bytes of the records themselves.
    pub raw_bytes: u64,
    /// Least event time, nanoseconds since 1970 UTC.
    pub time_min_ns: i64,
    /// Greatest event time.
    pub time_max_ns: i64,
    /// Least receive time.
    pub received_min_ns: i64,
    /// Greatest receive time.
    pub received_max_ns: i64,
    /// Records by input.
    pub inputs: BTreeMap<String, u64>,
    /// Number of its first leaf in the tree.
    pub first_leaf: u64,
    /// Number after its last leaf.
    pub end_leaf: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Sealed(Sealed),
    /// Files that are no more, and why.
    Removed {
        files: Vec<String>,
        reason: String,
    },
}

/// The catalog as it stands.
#[derive(Clone, Default, Debug)]
pub struct Catalog {
    segments: Vec<Sealed>,
    /// Lines that could not be read: all but a torn last one are damage.
    pub damaged_lines: usize,
}

impl Catalog {
    /// Reads the catalog in `directory`; one that is not there is empty.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read(files: &dyn Files, directory: &Path) -> io::Result<Self> {
        match files.read(&directory.join(CATALOG)) {
            Ok(bytes) => Ok(Self::parse(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    fn parse(bytes: &[u8]) -> Self {
        let mut catalog = Self::default();
        for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(Line::Sealed(sealed)) => catalog.add(sealed),
                Ok(Line::Removed { files, .. }) => catalog.segments.retain(|segment| !files.contains(&segment.file)),
                Err(_) => catalog.damaged_lines += 1,
            }
        }
        catalog
    }

    fn add(&mut self, sealed: Sealed) {
        // A segment that was sealed again after a crash replaces itself.
        self.segments.retain(|segment| segment.file != sealed.file);
        self.segments.push(sealed);
    }

    /// The segments, as they were sealed.
    pub fn segments(&self) -> &[Sealed] {
        &self.segments
    }

    /// Records below this number are sealed.
    pub fn end_sequence(&self) -> u64 {
        self.segments.iter().map(|segment| segment.end_sequence).max().unwrap_or(0)
    }

    /// Leaves below this number are told by the catalog.
    pub fn end_leaf(&self) -> u64 {
        self.segments.iter().map(|segment| segment.end_leaf).max().unwrap_or(0)
    }

    /// Adds a segment, durably.
    ///
    /// # Errors
    /// Those of the write; nothing is added then.
    pub fn append(&mut self, files: &dyn Files, directory: &Path, sealed: Sealed) -> io::Result<()> {
        write_line(files, directory, &Line::Sealed(sealed.clone()))?;
        self.add(sealed);
        Ok(())
    }

    /// Takes segments out, durably, before their files are removed.
    ///
    /// # Errors
    /// Those of the write; nothing is taken out then.
    pub fn remove(&mut self, files: &dyn Files, directory: &Path, gone: &[String], reason: &str) -> io::Result<()> {
        write_line(files, directory, &Line::Removed { files: gone.to_vec(), reason: reason.to_owned() })?;
        self.segments.retain(|segment| !gone.contains(&segment.file));
        Ok(())
    }

    /// Where a segment's file lies.
    pub fn path(directory: &Path, sealed: &Sealed) -> PathBuf {
        directory.join(&sealed.file)
    }
}

fn write_line(files: &dyn Files, directory: &Path, line: &Line) -> io::Result<()> {
    let path = directory.join(CATALOG);
    let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
    text.push(b'\n');
    let mut file = files.append(&path)?;
    let len = file.len()?;
    if len > 0 {
        // What a crash tore off must not swallow the next line.
        let before = files.open(&path)?;
        let mut last = [0];
        if before.read_at(&mut last, len - 1)? == 1 && last[0] != b'\n' {
            file.write_all(b"\n")?;
        }
    }
    let written = file.write_all(&text).and_then(|()| file.sync());
    if let Err(error) = written {
        let _ = file.truncate(len);
        return Err(error);
    }
    files.sync_directory(directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_files::SimulatedDisk;

    fn sealed(file: &str, first: u64) -> Sealed {
        Sealed {
            file: file.into(),
            bytes: 1,
            sha256: String::new(),
            rows: 1,
            first_sequence: first,
            end_sequence: first + 1,
            raw_bytes: 1,
            time_min_ns: 0,
            time_max_ns: 0,
            received_min_ns: 0,
            received_max_ns: 0,
            inputs: BTreeMap::new(),
            first_leaf: first,
            end_leaf: first + 1,
        }
    }

    #[test]
    fn a_torn_line_costs_no_other() {
        let disk = SimulatedDisk::new();
        let directory = Path::new("/a");
        disk.create_directory(directory).unwrap();
        let mut catalog = Catalog::default();
        catalog.append(&disk, directory, sealed("a", 0)).unwrap();
        disk.append(&directory.join(CATALOG)).unwrap().write_all(b"{\"kind\":\"sea").unwrap();
        catalog.append(&disk, directory, sealed("b", 1)).unwrap();
        catalog.append(&disk, directory, sealed("c", 2)).unwrap();
        catalog.remove(&disk, directory, &["a".into()], "retention").unwrap();
        let read = Catalog::read(&disk, directory).unwrap();
        assert_eq!(read.segments(), catalog.segments());
        assert_eq!((read.segments().len(), read.damaged_lines, read.end_sequence()), (2, 1, 3));
    }
}
