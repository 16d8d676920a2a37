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
use noroshi_tree::mac::FirstKey;
use noroshi_tree::merkle::root_of;
use noroshi_tree::proof::Proof;
use noroshi_tree::record::Record;
use noroshi_tree::{Checkpoint, Hash, Reader, Verifier};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use sha2::{Digest as _, Sha256};

use crate::about::About;
use crate::archive::WAL;
use crate::catalog::{CATALOG, Catalog, Sealed};
use crate::log::TREE;
use crate::schema::name;
use crate::sealer::SEGMENTS;
use crate::search::scan::SealedFile;
use crate::unsealed::unsealed;
use crate::wal;

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
    /// Bytes that wait to be sealed.
    pub unsealed_bytes: u64,
    /// Frames of them held to their MACs; for the others only their own checksums speak.
    pub tail_frames: u64,
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
    /// What the frames of the open tail are held to.
    pub first_key: Option<Arc<FirstKey>>,
}

/// What the tree tells of files.
#[derive(Default)]
struct Told {
    batches: BTreeMap<u64, Batch>,
    /// Those that there must be, with the index of their manifests.
    manifests: BTreeMap<String, (u64, Manifest)>,
    /// Those that were replaced or purged, by the entry that says so.
    gone: BTreeMap<String, u64>,
    /// What is wrong between entries.
    faults: Vec<Fault>,
    unknown: u64,
}

impl Told {
    fn entry(&mut self, index: u64, entry: &[u8]) {
        match Leaf::parse(entry) {
            Ok(Leaf::Batch(batch)) => _ = self.batches.insert(index, batch),
            // The last manifest of a name is the one that counts: a segment sealed again after a crash.
            Ok(Leaf::Manifest(manifest)) => {
                self.gone.remove(&manifest.file);
                self.manifests.insert(manifest.file.clone(), (index, manifest));
            }
            Ok(Leaf::Replaced(replaced)) => {
                let by = self.manifests.get(&replaced.by).map(|(_, by)| by.batches.clone());
                for file in replaced.files {
                    if let Some((_, manifest)) = self.manifests.remove(&file) {
                        let of = &manifest.batches;
                        let is_kept = by.as_ref().is_some_and(|by| by.start <= of.start && of.end <= by.end);
                        if !is_kept {
                            let told = format!(
                                "entry {index} of the tree replaces it by {}, which does not hold its records",
                                replaced.by
                            );
                            self.faults.push(Fault {
                                file: file.clone(),
                                bytes: 0..manifest.bytes,
                                kind: "replaced",
                                told,
                            });
                        }
                    }
                    self.gone.insert(file, index);
                }
            }
            Ok(Leaf::Purged(purged)) => {
                for file in purged.files {
                    self.manifests.remove(&file);
                    self.gone.insert(file, index);
                }
            }
            Ok(Leaf::Audit(_)) => {}
            Err(_) => self.unknown += 1,
        }
    }
}

/// How often an archive is looked at anew that was written to meanwhile.
const ATTEMPTS_MAX: usize = 5;

/// Verifies the archive in `directory`. An engine may write to it meanwhile: what looks wrong is looked at again once the tree
/// has gone on.
pub fn verify(files: &Arc<dyn Files>, directory: &Path, against: &Against) -> Verdict {
    let state = || files.read(&directory.join(TREE).join("checkpoint")).ok();
    for _ in 1..ATTEMPTS_MAX {
        let before = state();
        let verdict = verify_once(files, directory, against);
        if verdict.tampered.is_empty() || before == state() {
            return verdict;
        }
    }
    verify_once(files, directory, against)
}

fn verify_once(files: &Arc<dyn Files>, directory: &Path, against: &Against) -> Verdict {
    let mut verdict = Verdict::default();
    let mut told = Told::default();
    // Before the tree: what the catalog tells the tree has told before.
    let before = Catalog::read(&**files, directory);
    let checked =
        check::check(Arc::clone(files), &directory.join(TREE), &against.keys, &against.known, &mut |index, entry| {
            told.entry(index, entry);
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
    if told.unknown > 0 {
        let unknown = told.unknown;
        verdict.notes.push(format!("{unknown} entries of the tree are of a later version and were not understood"));
    }
    let before = match before {
        Ok(catalog) => catalog,
        Err(error) => {
            verdict.undecided.push(format!("cannot read the catalog: {error}"));
            Catalog::default()
        }
    };
    verdict.tampered.append(&mut told.faults);
    let lines: BTreeMap<&str, &Sealed> =
        before.segments().iter().map(|sealed| (sealed.file.as_str(), sealed)).collect();
    let listed: Vec<&Manifest> = told.manifests.values().map(|(_, manifest)| manifest).collect();
    let looked: Vec<_> = listed
        .par_iter()
        .map(|manifest| {
            file(files, directory, manifest, &told.batches, lines.get(manifest.file.as_str()).copied(), against)
        })
        .collect();
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
    let sealed = told.batches.values().map(|batch| batch.first_sequence.saturating_add(batch.records)).max();
    let sealed = sealed.unwrap_or(0).max(before.end_sequence());
    let open = unsealed(files, directory, against.first_key.as_deref(), sealed, &mut verdict);
    let is_there = |file: &str| files.metadata(&directory.join(file)).is_ok();
    catalog(&before, &told, &open, &is_there, &mut verdict);
    strangers(files, directory, &told, &mut verdict);
    match crate::audit::waiting_acts(&**files, directory) {
        0 => {}
        acts => verdict.notes.push(format!("{acts} acts of operators are not in the tree yet")),
    }
    verdict
}

pub(crate) fn below(directory: &Path, path: &Path) -> String {
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
    line: Option<&Sealed>,
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
    if let (Some(line), Ok(Some(about))) = (line, About::read(&**files, &path))
        && About::of(line) != about
    {
        let told = format!("{} is told otherwise than the file tells of itself", manifest.file);
        return Err(Looked::Tampered(Fault { file: CATALOG.into(), bytes: 0..0, kind: "content", told }));
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

/// Length and SHA-256 of a file.
pub(crate) fn digest(files: &dyn Files, path: &Path) -> io::Result<(u64, [u8; 32])> {
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
pub(crate) fn records(
    files: &dyn Files,
    path: &Path,
    manifest: &Manifest,
    batches: &BTreeMap<u64, Batch>,
) -> io::Result<Result<u64, String>> {
    let hashes = hashes_of(files, path)?;
    let mut counted = 0;
    // An attempt to seal that a crash cut short may have left the same batch twice.
    let mut seen = BTreeSet::new();
    for (index, batch) in batches.range(manifest.batches.clone()) {
        let range = batch.first_sequence..batch.first_sequence + batch.records;
        let leaves: Vec<Hash> = hashes.range(range).map(|(_, hash)| *hash).collect();
        if leaves.len() as u64 != batch.records || root_of(&leaves) != batch.root {
            return Ok(Err(format!("its records are not those of the tree's entry {index}")));
        }
        if seen.insert(batch.first_sequence) {
            counted += batch.records;
        }
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
    each_record_of(&SealedFile::open(files, path)?, each)
}

/// Shows each record of an open file, in the order of event time.
pub(crate) fn each_record_of(file: &SealedFile, each: &mut dyn FnMut(&Record<'_>)) -> io::Result<()> {
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
fn catalog(
    catalog: &Catalog,
    told: &Told,
    open: &BTreeSet<u64>,
    is_there: &dyn Fn(&str) -> bool,
    verdict: &mut Verdict,
) {
    let (tampered, notes) = (&mut verdict.tampered, &mut verdict.notes);
    let mut fault = |kind, told: String| tampered.push(Fault { file: CATALOG.into(), bytes: 0..0, kind, told });
    let lines: BTreeMap<&str, &Sealed> =
        catalog.segments().iter().map(|sealed| (sealed.file.as_str(), sealed)).collect();
    for (file, (index, manifest)) in &told.manifests {
        let first = told.batches.range(manifest.batches.clone()).next().map(|(_, batch)| batch.first_sequence);
        match lines.get(file.as_str()) {
            // Its records still stand where searches find them.
            None if first.is_some_and(|first| open.contains(&first)) => {
                notes.push(format!("{file} is sealed, and the catalog does not tell it yet; the engine does the rest"));
            }
            // The entry of what it replaces comes right behind its own.
            None if told
                .gone
                .iter()
                .any(|(old, by)| *by == *index + 1 && lines.contains_key(old.as_str()) && is_there(old)) =>
            {
                notes.push(format!(
                    "{file} takes the place of others, and the catalog does not tell it yet; the engine does the rest"
                ));
            }
            None => fault(
                "missing",
                format!(
                    "{file} is sealed and not in the catalog: searches pass it over; move the catalog away and start the engine, it is made anew"
                ),
            ),
            Some(sealed) => {
                let place = (sealed.manifest_index(), sealed.first_leaf..sealed.end_leaf);
                // The manifest is the last of its leaves, or stands apart.
                let end = manifest.batches.end + u64::from(sealed.manifest_leaf.is_none());
                let same = sealed.bytes == manifest.bytes
                    && sealed.rows == manifest.rows
                    && sealed.sha256 == crate::sealer::hex(&manifest.sha256.0)
                    && place == (*index, manifest.batches.start..end);
                if !same {
                    fault("content", format!("{file} is told otherwise than it was sealed"));
                }
            }
        }
    }
    for file in lines.keys().filter(|file| !told.manifests.contains_key(**file)) {
        match told.gone.get(*file) {
            // The catalog tells it before the file is removed.
            Some(_) if is_there(file) => notes.push(format!(
                "{file} was replaced or purged, and the catalog does not tell it yet; the engine does the rest"
            )),
            Some(_) => {
                fault(
                    "content",
                    format!("{file} was replaced or purged, and the catalog tells it as if it were there"),
                );
            }
            None => fault("added", format!("{file} is in the catalog and was never sealed")),
        }
    }
    for (file, leaf) in &catalog.gone {
        if told.gone.get(file) != Some(leaf) {
            fault("removed", format!("{file} is told to be gone by entry {leaf} of the tree, which does not say so"));
        }
    }
    let entries = verdict.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size);
    if catalog.end_leaf() > entries {
        fault("content", format!("it tells of {} entries of the tree, which has {entries}", catalog.end_leaf()));
    }
    if catalog.damaged_lines == 1 && catalog.is_torn {
        notes.push("the last line of the catalog is torn; the engine mends it at its next start".into());
    } else if catalog.damaged_lines > 0 {
        fault(
            "content",
            format!(
                "{} lines cannot be read or were changed; at its next start the engine makes them anew",
                catalog.damaged_lines
            ),
        );
    }
}

/// Files that the archive did not write.
fn strangers(files: &Arc<dyn Files>, directory: &Path, told: &Told, verdict: &mut Verdict) {
    let mut waiting = vec![directory.join(SEGMENTS)];
    while let Some(at) = waiting.pop() {
        let Ok(entries) = files.list(&at) else { continue };
        for path in entries {
            let name = below(directory, &path);
            if files.metadata(&path).is_ok_and(|metadata| !metadata.is_file) {
                waiting.push(path);
            } else if told.gone.contains_key(&name) {
                verdict.notes.push(format!("{name} was to be removed and is still there; the engine removes it"));
            } else if !told.manifests.contains_key(&name) {
                verdict.notes.push(format!("{name} is no file of the archive; searches do not see it"));
            }
        }
    }
    for path in files.list(&directory.join(WAL)).unwrap_or_default() {
        if wal::first_sequence_of(&path).is_none() {
            verdict
                .notes
                .push(format!("{} is not read; a damaged segment is kept under such a name", below(directory, &path)));
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
