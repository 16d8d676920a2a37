//! Is the archive what was sealed?
//!
//! The tree is held to its signed root, each file to its manifest in the tree, the catalog to both, and where it is asked
//! for each record to the root of its batch. Needs the verifier key alone; changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, TimestampNanosecondType};
use noroshi_files::Files;
use noroshi_tree::check;
use noroshi_tree::leaf::{Batch, Leaf, Manifest};
use noroshi_tree::merkle::root_of;
use noroshi_tree::proof::Proof;
use noroshi_tree::record::Record;
use noroshi_tree::{Checkpoint, Hash, Reader, Verifier};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use sha2::{Digest as _, Sha256};

use crate::archive::WAL;
use crate::catalog::{Catalog, Sealed};
use crate::log::TREE;
use crate::schema::name;
use crate::sealer::SEGMENTS;
use crate::search::scan::SealedFile;
use crate::wal::{self, Segment};

/// Bytes read at once while a file is digested.
const READ_BYTES: usize = 1 << 20;

/// What was found of an archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The file, below the archive's directory.
    pub file: String,
    /// Its bytes that are wrong, as near as can be told.
    pub bytes: Range<u64>,
    /// What kind, in a word.
    pub kind: &'static str,
    /// In a sentence.
    pub told: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: bytes {}..{}: {}: {}", self.file, self.bytes.start, self.bytes.end, self.kind, self.told)
    }
}

/// How a verification ended.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What was changed; the first bad segment first. Empty = nothing that could be looked at.
    pub tampered: Vec<Fault>,
    /// What could not be decided, and why.
    pub undecided: Vec<String>,
    /// What is odd and no tampering.
    pub notes: Vec<String>,
    /// Sealed files held to their manifests.
    pub files: u64,
    /// Bytes of the files and of the tree read.
    pub bytes: u64,
    /// Records held to the roots of their batches.
    pub records: u64,
    /// Bytes that wait to be sealed, which only the write-ahead segments' own checks speak for.
    pub unsealed_bytes: u64,
    /// The signed state.
    pub checkpoint: Option<Checkpoint>,
}

/// What to hold an archive to.
#[derive(Clone, Debug, Default)]
pub struct Against {
    /// Keys of which one must have signed the tree.
    pub keys: Vec<Verifier>,
    /// Checkpoints kept elsewhere, which the tree must continue.
    pub known: Vec<Checkpoint>,
    /// Whether each record is held to its batch too.
    pub records: bool,
}

/// Verifies the archive in `directory`.
pub fn verify(files: &Arc<dyn Files>, directory: &Path, against: &Against) -> Verdict {
    let mut verdict = Verdict::default();
    let mut batches: BTreeMap<u64, Batch> = BTreeMap::new();
    let mut manifests: BTreeMap<String, Manifest> = BTreeMap::new();
    let mut gone: BTreeSet<String> = BTreeSet::new();
    let mut unknown = 0_u64;
    let checked =
        check::check(Arc::clone(files), &directory.join(TREE), &against.keys, &against.known, &mut |index, entry| {
            match Leaf::parse(entry) {
                Ok(Leaf::Batch(batch)) => {
                    batches.insert(index, batch);
                }
                // The last manifest of a name is the one that counts: a segment sealed again after a crash.
                Ok(Leaf::Manifest(manifest)) => {
                    gone.remove(&manifest.file);
                    manifests.insert(manifest.file.clone(), manifest);
                }
                Ok(Leaf::Replaced(replaced)) => gone.extend(replaced.files),
                Ok(Leaf::Purged(purged)) => gone.extend(purged.files),
                Ok(Leaf::Audit(_)) => {}
                Err(_) => unknown += 1,
            }
        });
    match checked {
        Ok(checked) => {
            verdict.bytes += checked.bytes;
            verdict.checkpoint = Some(checked.checkpoint);
        }
        Err(error) => {
            if let noroshi_tree::TreeError::Damaged(damage) = &error {
                let file = below(directory, &damage.path);
                let kind = damage.kind.name();
                verdict.tampered.push(Fault { file, bytes: damage.bytes.clone(), kind, told: error.to_string() });
            } else if error.is_tampering() {
                let file = format!("{TREE}/checkpoint");
                verdict.tampered.push(Fault { file, bytes: 0..0, kind: "checkpoint", told: error.to_string() });
            } else {
                verdict.undecided.push(error.to_string());
            }
            return verdict;
        }
    }
    if unknown > 0 {
        verdict.notes.push(format!("{unknown} entries of the tree are of a later version and were not understood"));
    }
    manifests.retain(|file, _| !gone.contains(file));
    let listed: Vec<&Manifest> = manifests.values().collect();
    let looked: Vec<_> =
        listed.par_iter().map(|manifest| file(files, directory, manifest, &batches, against)).collect();
    for looked in looked {
        match looked {
            Ok((bytes, records)) => {
                verdict.files += 1;
                verdict.bytes += bytes;
                verdict.records += records;
            }
            Err(Looked::Tampered(fault)) => verdict.tampered.push(fault),
            Err(Looked::Undecided(told)) => verdict.undecided.push(told),
        }
    }
    catalog(files, directory, &manifests, &mut verdict);
    strangers(files, directory, &manifests, &gone, &mut verdict);
    unsealed(files, directory, &mut verdict);
    match crate::audit::waiting_acts(&**files, directory) {
        0 => {}
        acts => verdict.notes.push(format!("{acts} acts of operators are not in the tree yet")),
    }
    verdict
}

fn below(directory: &Path, path: &Path) -> String {
    path.strip_prefix(directory).unwrap_or(path).display().to_string()
}

enum Looked {
    Tampered(Fault),
    Undecided(String),
}

/// Holds a file to its manifest, and its records to their batches; its bytes and records.
fn file(
    files: &Arc<dyn Files>,
    directory: &Path,
    manifest: &Manifest,
    batches: &BTreeMap<u64, Batch>,
    against: &Against,
) -> Result<(u64, u64), Looked> {
    let path = directory.join(&manifest.file);
    let wrong = |bytes: Range<u64>, kind, told: String| {
        Looked::Tampered(Fault { file: manifest.file.clone(), bytes, kind, told })
    };
    let (bytes, digest) = match digest(&**files, &path) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(wrong(0..manifest.bytes, "missing", "the sealed file is gone".into()));
        }
        Err(error) => return Err(Looked::Undecided(format!("cannot read {}: {error}", manifest.file))),
    };
    if bytes < manifest.bytes {
        return Err(wrong(bytes..manifest.bytes, "length", "the file was cut".into()));
    }
    if bytes > manifest.bytes {
        return Err(wrong(manifest.bytes..bytes, "length", "bytes were added to the file".into()));
    }
    if Hash(digest) != manifest.sha256 {
        return Err(wrong(0..bytes, "content", "the file's bytes are not those that were sealed".into()));
    }
    if !against.records {
        return Ok((bytes, 0));
    }
    match records(&**files, &path, manifest, batches) {
        Ok(Ok(records)) => Ok((bytes, records)),
        Ok(Err(told)) => Err(wrong(0..bytes, "records", told)),
        Err(error) => Err(Looked::Undecided(format!("cannot read the records of {}: {error}", manifest.file))),
    }
}

fn digest(files: &dyn Files, path: &Path) -> io::Result<(u64, [u8; 32])> {
    let file = files.open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut at = 0;
    loop {
        match file.read_at(&mut buffer, at)? {
            0 => return Ok((at, digest.finalize().into())),
            read => {
                digest.update(&buffer[..read]);
                at += read as u64;
            }
        }
    }
}

/// The records of a file against the roots of its batches.
fn records(
    files: &dyn Files,
    path: &Path,
    manifest: &Manifest,
    batches: &BTreeMap<u64, Batch>,
) -> io::Result<Result<u64, String>> {
    let hashes = hashes_of(files, path)?;
    let mut counted = 0;
    for (index, batch) in batches.range(manifest.batches.clone()) {
        let range = batch.first_sequence..batch.first_sequence + batch.records;
        let leaves: Vec<Hash> = hashes.range(range).map(|(_, hash)| *hash).collect();
        if leaves.len() as u64 != batch.records || root_of(&leaves) != batch.root {
            return Ok(Err(format!("its records are not those of the tree's entry {index}")));
        }
        counted += batch.records;
    }
    if counted != hashes.len() as u64 {
        return Ok(Err(format!("it holds {} records, the tree tells of {counted}", hashes.len())));
    }
    Ok(Ok(counted))
}

/// The hash of each record of a sealed file, by its number.
pub(crate) fn hashes_of(files: &dyn Files, path: &Path) -> io::Result<BTreeMap<u64, Hash>> {
    let mut hashes = BTreeMap::new();
    each_record(files, path, &mut |record| {
        hashes.insert(record.sequence, record.hash());
    })?;
    Ok(hashes)
}

/// Shows each record of a sealed file, in the order of event time.
pub(crate) fn each_record(files: &dyn Files, path: &Path, each: &mut dyn FnMut(&Record<'_>)) -> io::Result<()> {
    let file = SealedFile::open(files, path)?;
    let columns = BTreeSet::from([name::TIME, name::RECEIVED, name::SEQUENCE, name::INPUT, name::RAW]);
    for row_group in 0..file.row_groups() {
        file.read(row_group, (i64::MIN, i64::MAX), None, &columns, |batch| {
            let column = |name: &str| batch.column_by_name(name).ok_or_else(|| io::Error::other("a column is missing"));
            let (raw, input) = (column(name::RAW)?.as_binary::<i32>(), column(name::INPUT)?.as_string::<i32>());
            let sequence = column(name::SEQUENCE)?.as_primitive::<Int64Type>();
            let received = column(name::RECEIVED)?.as_primitive::<TimestampNanosecondType>();
            for row in (0..batch.num_rows()).filter(|&row| !raw.is_null(row)) {
                each(&Record {
                    input: input.value(row),
                    sequence: sequence.value(row) as u64,
                    received_ns: received.value(row),
                    raw: raw.value(row),
                });
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// A search believes the catalog: what it leaves out or tells wrongly would be hidden.
fn catalog(files: &Arc<dyn Files>, directory: &Path, manifests: &BTreeMap<String, Manifest>, verdict: &mut Verdict) {
    let catalog = match Catalog::read(&**files, directory) {
        Ok(catalog) => catalog,
        Err(error) => return verdict.undecided.push(format!("cannot read the catalog: {error}")),
    };
    let mut fault = |kind, told: String| {
        verdict.tampered.push(Fault { file: crate::catalog::CATALOG.into(), bytes: 0..0, kind, told });
    };
    let told: BTreeMap<&str, _> = catalog.segments().iter().map(|sealed| (sealed.file.as_str(), sealed)).collect();
    for (file, manifest) in manifests {
        match told.get(file.as_str()) {
            None => fault("missing", format!("{file} is sealed and not in the catalog: searches pass it over")),
            Some(sealed) => {
                let same = sealed.bytes == manifest.bytes
                    && sealed.rows == manifest.rows
                    && sealed.sha256 == crate::sealer::hex(&manifest.sha256.0);
                if !same {
                    fault("content", format!("{file} is told otherwise than it was sealed"));
                }
            }
        }
    }
    for file in told.keys().filter(|file| !manifests.contains_key(**file)) {
        fault("added", format!("{file} is in the catalog and was never sealed"));
    }
    if catalog.damaged_lines > 0 {
        verdict.notes.push(format!("{} lines of the catalog cannot be read", catalog.damaged_lines));
    }
}

/// Files that the archive did not write.
fn strangers(
    files: &Arc<dyn Files>,
    directory: &Path,
    manifests: &BTreeMap<String, Manifest>,
    gone: &BTreeSet<String>,
    verdict: &mut Verdict,
) {
    let mut waiting = vec![directory.join(SEGMENTS)];
    while let Some(at) = waiting.pop() {
        let Ok(entries) = files.list(&at) else { continue };
        for path in entries {
            let name = below(directory, &path);
            if files.metadata(&path).is_ok_and(|metadata| !metadata.is_file) {
                waiting.push(path);
            } else if gone.contains(&name) {
                verdict.notes.push(format!("{name} was to be removed and is still there"));
            } else if !manifests.contains_key(&name) {
                verdict.notes.push(format!("{name} is no file of the archive; searches do not see it"));
            }
        }
    }
}

fn unsealed(files: &Arc<dyn Files>, directory: &Path, verdict: &mut Verdict) {
    let Ok(segments) = wal::segments(&**files, &directory.join(WAL)) else { return };
    for (_, path) in segments {
        match Segment::read(&**files, &path) {
            Ok(segment) => {
                verdict.unsealed_bytes += segment.len() as u64;
                for damaged in &segment.damaged {
                    verdict.tampered.push(Fault {
                        file: below(directory, &path),
                        bytes: damaged.start as u64..damaged.end as u64,
                        kind: "frame",
                        told: "a frame that waits to be sealed is damaged".into(),
                    });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => verdict.undecided.push(format!("cannot read {}: {error}", below(directory, &path))),
        }
    }
}

/// Proves that a record was kept: from its bytes to the signed tree.
///
/// # Errors
/// What is missing for it: the record, its file, a sound tree.
pub fn prove(files: &Arc<dyn Files>, directory: &Path, keys: &[Verifier], sequence: u64) -> io::Result<Proof> {
    let catalog = Catalog::read(&**files, directory)?;
    let holds = |sealed: &&Sealed| (sealed.first_sequence..sealed.end_sequence).contains(&sequence);
    let Some(sealed) = catalog.segments().iter().find(holds) else {
        let told = format!("record {sequence} is in no sealed segment; what is not sealed yet is within minutes");
        return Err(io::Error::new(io::ErrorKind::NotFound, told));
    };
    let mut hashes = BTreeMap::new();
    let mut found: Option<(String, i64, Vec<u8>)> = None;
    each_record(&**files, &Catalog::path(directory, sealed), &mut |record| {
        hashes.insert(record.sequence, record.hash());
        if record.sequence == sequence {
            found = Some((record.input.to_owned(), record.received_ns, record.raw.to_vec()));
        }
    })?;
    let missing = || io::Error::new(io::ErrorKind::NotFound, format!("record {sequence} is not in {}", sealed.file));
    let (input, received_ns, raw) = found.ok_or_else(missing)?;
    let reader = Reader::open(Arc::clone(files), &directory.join(TREE), keys).map_err(io::Error::other)?;
    for index in sealed.first_leaf..sealed.end_leaf {
        let entry = reader.entry(index).map_err(io::Error::other)?;
        let Ok(Leaf::Batch(batch)) = Leaf::parse(&entry) else { continue };
        let range = batch.first_sequence..batch.first_sequence + batch.records;
        if range.contains(&sequence) {
            let record = Record { input: &input, sequence, received_ns, raw: &raw };
            let of_batch: Vec<Hash> = hashes.range(range.clone()).map(|(_, hash)| *hash).collect();
            if of_batch.len() as u64 != batch.records || root_of(&of_batch) != batch.root {
                return Err(io::Error::other(format!(
                    "the records of {} are not those of the tree's entry {index}; run `noroshi verify`",
                    sealed.file
                )));
            }
            return Proof::of_record(&reader, index, &record, sequence - range.start, &of_batch)
                .map_err(io::Error::other);
        }
    }
    Err(missing())
}
