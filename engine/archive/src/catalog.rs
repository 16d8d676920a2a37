//! Which sealed segments there are, and what each spans.
//!
//! `catalog.ndjson`: one line a change, appended and synced before what it replaces is removed. The tree holds each line's
//! file by its digest; the catalog is what a search reads first, to leave out the files that cannot matter. What it says
//! stands in the tree and in the files too: a damaged one is made anew from them (`mend`).

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use noroshi_files::{Files, replace_durably};
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
    /// Number of its manifest's leaf, where others were rewritten into this file; otherwise it is the last of its leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_leaf: Option<u64>,
    /// When it was sealed, in the archive's own time (`age`); of rewritten files the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_ns: Option<i64>,
}

impl Sealed {
    /// Index of its manifest in the tree.
    pub fn manifest_index(&self) -> u64 {
        self.manifest_leaf.unwrap_or(self.end_leaf.saturating_sub(1))
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    /// What lines that are no more told: the first line of a catalog that was written anew.
    Head { end_sequence: u64, end_leaf: u64 },
    /// A segment was sealed.
    Sealed(Sealed),
    /// Files were rewritten into one, as the tree's entry `leaf` says.
    Replaced { leaf: u64, files: Vec<String>, by: Sealed },
    /// Files are no more, as the tree's entry `leaf` says.
    Purged { leaf: u64, files: Vec<String> },
}

/// The catalog as it stands.
#[derive(Clone, Default, Debug)]
pub struct Catalog {
    segments: Vec<Sealed>,
    end_sequence: u64,
    end_leaf: u64,
    /// Lines that cannot be read, or are not as they were written.
    pub damaged_lines: usize,
    /// Whether the last line is one of them: a crash may have torn it.
    pub is_torn: bool,
    /// Lines of the file.
    pub lines: usize,
    /// Files that were taken out, by the tree's entry that says so.
    pub gone: BTreeMap<String, u64>,
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

    /// The catalog that these bytes of its file make.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut catalog = Self::default();
        let mut segments: Vec<Option<Sealed>> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for text in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            catalog.lines += 1;
            let line = decoded(text);
            catalog.is_torn = line.is_none();
            let Some(line) = line else {
                catalog.damaged_lines += 1;
                continue;
            };
            let (added, gone) = catalog.told(line);
            for file in gone {
                if let Some(at) = places.remove(&file) {
                    segments[at] = None;
                }
            }
            if let Some(sealed) = added {
                // A segment that was sealed again after a crash replaces itself.
                if let Some(before) = places.insert(sealed.file.clone(), segments.len()) {
                    segments[before] = None;
                }
                segments.push(Some(sealed));
            }
        }
        catalog.segments = segments.into_iter().flatten().collect();
        catalog
    }

    /// Takes note of a line: the segment it adds, the files it takes out.
    fn told(&mut self, line: Line) -> (Option<Sealed>, Vec<String>) {
        let (added, gone, end_leaf) = match line {
            Line::Head { end_sequence, end_leaf } => {
                self.end_sequence = self.end_sequence.max(end_sequence);
                (None, Vec::new(), end_leaf)
            }
            Line::Sealed(sealed) => {
                let end_leaf = sealed.end_leaf;
                (Some(sealed), Vec::new(), end_leaf)
            }
            Line::Replaced { leaf, files, by } => {
                self.gone.extend(files.iter().map(|file| (file.clone(), leaf)));
                (Some(by), files, leaf + 1)
            }
            Line::Purged { leaf, files } => {
                self.gone.extend(files.iter().map(|file| (file.clone(), leaf)));
                (None, files, leaf + 1)
            }
        };
        self.end_leaf = self.end_leaf.max(end_leaf);
        if let Some(sealed) = &added {
            self.end_sequence = self.end_sequence.max(sealed.end_sequence);
        }
        (added, gone)
    }

    fn apply(&mut self, line: Line) {
        self.lines += 1;
        let (added, gone) = self.told(line);
        let again = added.as_ref().map(|sealed| sealed.file.as_str());
        self.segments.retain(|segment| !gone.contains(&segment.file) && Some(segment.file.as_str()) != again);
        self.segments.extend(added);
    }

    /// A catalog of these segments.
    pub(crate) fn of(segments: Vec<Sealed>, end_sequence: u64, end_leaf: u64) -> Self {
        Catalog { segments, end_sequence, end_leaf, ..Self::default() }
    }

    #[cfg(test)]
    pub(crate) fn parse_for_test(bytes: &[u8]) -> (Vec<Sealed>, u64) {
        let catalog = Self::parse(bytes);
        (catalog.segments, catalog.end_sequence)
    }

    /// The segments, as they were sealed.
    pub fn segments(&self) -> &[Sealed] {
        &self.segments
    }

    /// Records below this number are sealed, or were.
    pub fn end_sequence(&self) -> u64 {
        self.end_sequence
    }

    /// Leaves below this number are told by the catalog.
    pub fn end_leaf(&self) -> u64 {
        self.end_leaf
    }

    /// Adds a segment, durably.
    ///
    /// # Errors
    /// Those of the write; nothing is added then.
    pub fn append(&mut self, files: &dyn Files, directory: &Path, sealed: Sealed) -> io::Result<()> {
        self.write(files, directory, Line::Sealed(sealed))
    }

    /// Puts one segment in the place of others, durably, before their files are removed. `leaf` is the tree's entry for it.
    ///
    /// # Errors
    /// Those of the write; nothing is changed then.
    pub(crate) fn replace(
        &mut self,
        files: &dyn Files,
        directory: &Path,
        by: Sealed,
        gone: Vec<String>,
        leaf: u64,
    ) -> io::Result<()> {
        self.write(files, directory, Line::Replaced { leaf, files: gone, by })
    }

    /// Takes segments out, durably, before their files are removed. `leaf` is the tree's entry for it.
    ///
    /// # Errors
    /// Those of the write; nothing is taken out then.
    pub(crate) fn purge(
        &mut self,
        files: &dyn Files,
        directory: &Path,
        gone: Vec<String>,
        leaf: u64,
    ) -> io::Result<()> {
        self.write(files, directory, Line::Purged { leaf, files: gone })
    }

    fn write(&mut self, files: &dyn Files, directory: &Path, line: Line) -> io::Result<()> {
        write_line(files, directory, &line)?;
        self.apply(line);
        Ok(())
    }

    /// Writes the catalog anew, without the lines that say nothing of what is there.
    ///
    /// # Errors
    /// Those of the write; the old one stands then.
    pub(crate) fn rewrite(&mut self, files: &dyn Files, directory: &Path) -> io::Result<()> {
        let mut text = encoded(&Line::Head { end_sequence: self.end_sequence, end_leaf: self.end_leaf })?;
        text.push(b'\n');
        for sealed in &self.segments {
            text.extend(encoded(&Line::Sealed(sealed.clone()))?);
            text.push(b'\n');
        }
        replace_durably(files, &directory.join(CATALOG), &text)?;
        (self.lines, self.damaged_lines, self.is_torn) = (self.segments.len() + 1, 0, false);
        self.gone.clear();
        Ok(())
    }

    /// Where a segment's file lies.
    pub fn path(directory: &Path, sealed: &Sealed) -> PathBuf {
        directory.join(&sealed.file)
    }
}

/// What a line's checksum stands behind, as its last member: of a segment that is long gone nothing else would hold its line.
const SUM: &[u8] = b",\"sum\":";

fn encoded(line: &Line) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(line).map_err(io::Error::other)?;
    let sum = crc32fast::hash(&text);
    text.pop();
    text.extend_from_slice(SUM);
    text.extend_from_slice(format!("{sum}}}").as_bytes());
    Ok(text)
}

/// A line; `None` = it cannot be read or is not as it was written. Lines of early versions have no checksum.
fn decoded(text: &[u8]) -> Option<Line> {
    let Some(at) = memchr::memmem::rfind(text, SUM) else { return serde_json::from_slice(text).ok() };
    let plain = [&text[..at], b"}"].concat();
    let is_right = format!("{}}}", crc32fast::hash(&plain)).as_bytes() == &text[at + SUM.len()..];
    is_right.then(|| serde_json::from_slice(&plain).ok()).flatten()
}

fn write_line(files: &dyn Files, directory: &Path, line: &Line) -> io::Result<()> {
    let path = directory.join(CATALOG);
    let mut text = encoded(line)?;
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
            manifest_leaf: None,
            kept_ns: None,
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
        catalog.purge(&disk, directory, vec!["a".into()], 3).unwrap();
        let read = Catalog::read(&disk, directory).unwrap();
        assert_eq!(read.segments(), catalog.segments());
        assert_eq!((read.segments().len(), read.damaged_lines, read.end_sequence(), read.end_leaf()), (2, 1, 3, 4));
    }

    #[test]
    fn what_is_gone_leaves_its_numbers() {
        let disk = SimulatedDisk::new();
        let directory = Path::new("/a");
        disk.create_directory(directory).unwrap();
        let mut catalog = Catalog::default();
        ["a", "b", "c"]
            .iter()
            .zip(0..)
            .for_each(|(file, at)| catalog.append(&disk, directory, sealed(file, at)).unwrap());
        catalog
            .replace(&disk, directory, Sealed { end_sequence: 2, ..sealed("a-b", 0) }, vec!["a".into(), "b".into()], 4)
            .unwrap();
        let read = Catalog::read(&disk, directory).unwrap();
        assert_eq!(read.segments().iter().map(|sealed| &*sealed.file).collect::<Vec<_>>(), ["c", "a-b"]);
        assert_eq!((read.segments(), read.gone.get("b")), (catalog.segments(), Some(&4)));
        catalog.purge(&disk, directory, vec!["c".into(), "a-b".into()], 5).unwrap();
        for _ in 0..2 {
            let read = Catalog::read(&disk, directory).unwrap();
            assert_eq!((read.segments().len(), read.end_sequence(), read.end_leaf()), (0, 3, 6));
            catalog.rewrite(&disk, directory).unwrap();
        }
    }

    #[test]
    fn no_byte_of_a_line_changes_unseen() {
        let disk = SimulatedDisk::new();
        let directory = Path::new("/a");
        disk.create_directory(directory).unwrap();
        Catalog::default().append(&disk, directory, sealed("a", 0)).unwrap();
        let bytes = disk.read(&directory.join(CATALOG)).unwrap();
        let good = Catalog::parse(&bytes);
        for (at, bit) in (0..bytes.len() - 1).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let read = Catalog::parse(&flipped);
            assert!(read.damaged_lines > 0 || read.segments() != good.segments(), "byte {at}, bit {bit}");
        }
    }
}
