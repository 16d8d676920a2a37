//! The file of a snapshot.
//!
//! ```text
//! magic, manifest (length, JSON), captures (number, then each: evidence, state; the tower's last), SHA-256 of all before
//! ```

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_correlate::{Capture, SourceId};
use noroshi_input::files::{Files, WriteFile, directory_of};
use noroshi_parsers::dictionary::Dictionary;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::bytes::{bytes, number, put_bytes, put_number};
use super::evidence::{Numbers, Reader, Writer};
use super::{FilePlace, Refused};
use crate::evidence::{Shared, hex};
use crate::sources::{Registry, SourceRow, classes_digest};

const MAGIC: &[u8] = b"noroshi state snapshot\n";
/// Of the layout of file and state. Raised with every change of either: state is worth reading again, not guessing at.
const VERSION: u32 = 5;
/// Bytes of the digest at the end.
const DIGEST_BYTES: usize = 32;

/// What a snapshot says of itself, and of what is not correlations' state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) version: u32,
    /// When it was written; for people.
    pub(crate) written_ns: i64,
    /// Which numbers classes of sources have.
    pub(crate) classes: String,
    /// Names of the inputs, by the numbers that sources have of them.
    pub(crate) inputs: Vec<String>,
    pub(crate) files: Vec<FilePlace>,
    pub(crate) sources: Vec<SourceRow>,
    /// Records of the archive below this number are in the state; `None` = there was no archive.
    #[serde(default)]
    pub(crate) archived: Option<u64>,
}

impl Manifest {
    pub(crate) fn new(written_ns: i64, inputs: &[String], files: Vec<FilePlace>, registry: &Registry) -> Manifest {
        let (classes, inputs) = (hex(&classes_digest()), inputs.to_vec());
        Manifest { version: VERSION, written_ns, classes, inputs, files, sources: registry.rows(), archived: None }
    }
}

/// A snapshot as it was found.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) manifest: Manifest,
    pub(crate) shards: Vec<Capture<Shared>>,
    pub(crate) tower: Capture<Shared>,
}

impl Snapshot {
    /// The sources it knows, under the numbers that the inputs have now. Those of inputs that are gone have none.
    pub(crate) fn registry(&self, inputs: &[String]) -> Registry {
        let of = |row: &SourceRow| {
            let name = self.manifest.inputs.get(usize::from(row.input))?;
            let input = inputs.iter().position(|known| known == name)? as u16;
            Some(SourceRow { input, ..row.clone() })
        };
        let next = self.manifest.sources.iter().map(|row| row.id + 1).max().unwrap_or(0);
        Registry::restored(self.manifest.sources.iter().filter_map(of), SourceId(next))
    }
}

/// Where the snapshot is kept.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotStore {
    files: Arc<dyn Files>,
    path: PathBuf,
    /// Where the next is written before it takes its place.
    beside: PathBuf,
}

impl SnapshotStore {
    pub(crate) fn new(files: Arc<dyn Files>, path: PathBuf) -> SnapshotStore {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        SnapshotStore { files, path, beside: beside.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a snapshot beside the last, and syncs it; [`SnapshotStore::commit`] puts it in its place. Tells its bytes.
    pub(crate) fn write(
        &self,
        manifest: &Manifest,
        captures: &[Capture<Shared>],
        dictionary: &Dictionary,
    ) -> io::Result<u64> {
        let written = self.files.create(&self.beside).and_then(|file| {
            let mut out = Digesting { out: BufWriter::with_capacity(1 << 20, file), sha: Sha256::new(), bytes: 0 };
            put(&mut out, manifest, captures, dictionary)?;
            out.end()
        });
        if written.is_err() {
            // The first error is the one to tell; a leftover is overwritten by the next attempt. A full disk needs the room.
            let _ = self.files.remove(&self.beside);
        }
        written
    }

    /// Puts what was written in the place of the last snapshot.
    pub(crate) fn commit(&self) -> io::Result<()> {
        self.files.rename(&self.beside, &self.path)?;
        self.files.sync_directory(directory_of(&self.path))
    }

    /// Removes the snapshot: what goes on without keeping it up must not find it later.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match self.files.remove(&self.path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
            Err(_) => Ok(()),
            Ok(()) => self.files.sync_directory(directory_of(&self.path)),
        }
    }

    /// The last snapshot; `None` where there was never one.
    pub(crate) fn load(&self, dictionary: &Dictionary) -> Result<Option<Snapshot>, Refused> {
        match self.files.read(&self.path) {
            Ok(bytes) => read(&bytes, dictionary).map(Some),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Refused::Unreadable(cause)),
        }
    }
}

fn put(
    out: &mut dyn Write,
    manifest: &Manifest,
    captures: &[Capture<Shared>],
    dictionary: &Dictionary,
) -> io::Result<()> {
    out.write_all(MAGIC)?;
    put_bytes(out, &serde_json::to_vec(manifest)?)?;
    put_number(out, captures.len() as u64)?;
    let mut writer = Writer::new(dictionary);
    for capture in captures {
        let numbers = Numbers::of(capture.evidence());
        put_number(out, numbers.list().len() as u64)?;
        for shared in numbers.list() {
            writer.put(out, &shared.0)?;
        }
        capture.write(out, |shared| numbers.number(shared))?;
    }
    Ok(())
}

fn read(file: &[u8], dictionary: &Dictionary) -> Result<Snapshot, Refused> {
    let (content, digest) = file.split_last_chunk::<DIGEST_BYTES>().ok_or(Refused::Damaged("it ends too early"))?;
    let mut rest = content.strip_prefix(MAGIC).ok_or(Refused::Damaged("it is another kind of file"))?;
    if Sha256::digest(content)[..] != digest[..] {
        return Err(Refused::Damaged("its digest is not that of its content"));
    }
    let from = &mut rest;
    let told: serde_json::Value =
        serde_json::from_slice(bytes(from)?).map_err(|_| Refused::Damaged("its manifest is none"))?;
    if told["version"] != VERSION {
        return Err(Refused::Foreign(format!("layout {}, known is {VERSION}", told["version"])));
    }
    let manifest: Manifest =
        serde_json::from_value(told).map_err(|_| Refused::Damaged("its manifest lacks something"))?;
    if manifest.classes != hex(&classes_digest()) {
        return Err(Refused::Foreign("it knows other log sources".to_owned()));
    }
    let mut reader = Reader::new(dictionary);
    let mut captures = Vec::new();
    for _ in 0..number(from)? {
        let mut evidence = Vec::new();
        for _ in 0..number(from)? {
            evidence.push(reader.take(from)?);
        }
        captures.push(Capture::read(from, &evidence)?);
    }
    let tower = captures.pop().ok_or(Refused::Damaged("it holds no state"))?;
    if !from.is_empty() {
        return Err(Refused::Damaged("it goes on after its end"));
    }
    Ok(Snapshot { manifest, shards: captures, tower })
}

/// Adds up the digest of what is written.
struct Digesting {
    out: BufWriter<Box<dyn WriteFile>>,
    sha: Sha256,
    bytes: u64,
}

impl Digesting {
    fn end(mut self) -> io::Result<u64> {
        let digest = self.sha.finalize_reset();
        self.out.write_all(&digest)?;
        let mut file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync()?;
        Ok(self.bytes + DIGEST_BYTES as u64)
    }
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sha.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
