//! One round of copying: what the copy lacks of an archive as it stands now, each thing before what needs it.
//!
//! Segments go first, then tiles and the catalog, and the checkpoint last: whoever fetches the copy finds under its checkpoint a
//! whole archive that `noroshi verify` takes. The round works on one state of catalog and tree that belong together; what is
//! sealed meanwhile is the next round's.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use noroshi_archive::catalog::{CATALOG, Catalog, Sealed};
use noroshi_archive::{TREE, VERIFIER_KEY};
use noroshi_input::files::Files;
use noroshi_tree::leaf::Leaf;
use noroshi_tree::tile::{Kind, TILE_WIDTH, Tile};
use noroshi_tree::{Reader, TreeError, Verifier};
use sha2::{Digest as _, Sha256};
use tracing::{error, info};

use super::state::{MISSED_MAX, State};

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// Bundles between two saves of the state: what a crash copies again.
const SAVE_EVERY: u64 = 256;

/// The tree's checkpoint, below the archive's directory.
const CHECKPOINT: &str = "tree/checkpoint";

/// What an object holds.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Bytes(Vec<u8>),
    /// A file of so many bytes.
    File(PathBuf, u64),
}

/// Something to be put.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// Its name below the prefix: that of the file below the archive's directory.
    pub(super) name: String,
    pub(super) body: Body,
    pub(super) sha256: [u8; 32],
    /// Whether it is to be locked. The catalog is not: all it says stands in the tree and in the segments.
    pub(super) is_locked: bool,
}

/// Why an object was not put.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refused {
    pub(super) told: String,
    /// What the server asks to wait.
    pub(super) after: Duration,
}

/// How a round ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// The copy holds what the archive held when the round began.
    Done,
    /// The archive changed in between, or the engine stops.
    Again,
    /// Something failed; `after` is what the server asks to wait.
    Failed { told: String, after: Duration },
}

/// How far the copy is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Progress {
    pub(super) behind_segments: u64,
    pub(super) behind_bytes: u64,
    pub(super) copied_segments: u64,
    pub(super) copied_bytes: u64,
    pub(super) leaves: u64,
    pub(super) missed: Vec<String>,
}

/// Puts an object.
pub(super) type Put<'p> = dyn FnMut(&Object) -> Result<(), Refused> + 'p;

/// Is told how far the copy is, and answers whether to stop.
pub(super) type Tell<'t> = dyn FnMut(&Progress) -> bool + 't;

/// Why a round does not go on.
enum Halt {
    Again,
    Failed(Refused),
}

impl From<Refused> for Halt {
    fn from(refused: Refused) -> Self {
        Halt::Failed(refused)
    }
}

fn failed(told: String) -> Halt {
    Halt::Failed(Refused { told, after: Duration::ZERO })
}

/// An archive whose catalog and tree belong together.
struct Snapshot {
    catalog: Catalog,
    catalog_bytes: Vec<u8>,
    checkpoint: Vec<u8>,
    leaves: u64,
}

/// What copies one archive to one place.
#[derive(Debug)]
pub(super) struct Copier {
    files: Arc<dyn Files>,
    directory: PathBuf,
    log: Verifier,
    state: State,
    /// Segments that were missed before the start: they are looked at once more.
    retry: BTreeSet<String>,
    pub(super) progress: Progress,
}

impl Copier {
    /// Goes on where the last run was.
    ///
    /// # Errors
    /// Those of reading the state.
    pub(super) fn open(files: Arc<dyn Files>, directory: &Path, log: Verifier, place: &str) -> io::Result<Self> {
        let state = State::load(&*files, directory, place)?;
        let progress = Progress { leaves: state.leaves, missed: state.missed.clone(), ..Progress::default() };
        let retry = state.missed.iter().cloned().collect();
        Ok(Copier { files, directory: directory.to_owned(), log, state, retry, progress })
    }

    /// Copies what is lacking.
    pub(super) fn round(&mut self, put: &mut Put<'_>, tell: &mut Tell<'_>) -> Ended {
        let ended = match self.work(put, tell) {
            Ok(()) => Ended::Done,
            Err(Halt::Again) => Ended::Again,
            Err(Halt::Failed(Refused { told, after })) => Ended::Failed { told, after },
        };
        tell(&self.progress);
        ended
    }

    fn work(&mut self, put: &mut Put<'_>, tell: &mut Tell<'_>) -> Result<(), Halt> {
        let Some(checkpoint) = self.read(CHECKPOINT)? else { return Err(Halt::Again) };
        if hex(&digest_of(&checkpoint)) == self.state.checkpoint && self.retry.is_empty() {
            return Ok(());
        }
        let snapshot = self.snapshot()?;
        self.segments(&snapshot.catalog, put, tell)?;
        self.tiles(snapshot.leaves, put, tell)?;
        let catalog = hex(&digest_of(&snapshot.catalog_bytes));
        if catalog != self.state.catalog {
            self.put_bytes(CATALOG, snapshot.catalog_bytes, false, put)?;
        }
        if self.state.leaves == 0
            && let Some(key) = self.read(VERIFIER_KEY)?
        {
            self.put_bytes(VERIFIER_KEY, key, true, put)?;
        }
        let checkpoint = hex(&digest_of(&snapshot.checkpoint));
        self.put_bytes(CHECKPOINT, snapshot.checkpoint, true, put)?;
        (self.state.catalog, self.state.checkpoint, self.state.leaves) = (catalog, checkpoint, snapshot.leaves);
        self.save()?;
        self.progress.leaves = snapshot.leaves;
        Ok(())
    }

    /// A small file; `None` = it is not there.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Halt> {
        match self.files.read(&self.directory.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(format!("cannot read {name}: {error}"))),
        }
    }

    /// First the catalog: what it tells the tree has told before. What the tree tells beyond it must be no change of files, or
    /// the catalog is about to be written.
    fn snapshot(&self) -> Result<Snapshot, Halt> {
        let catalog_bytes = self.read(CATALOG)?.unwrap_or_default();
        let catalog = Catalog::parse(&catalog_bytes);
        let of_tree = |cause: TreeError| failed(format!("the tree cannot be read: {cause}"));
        let tree = self.directory.join(TREE);
        let reader = Reader::open(Arc::clone(&self.files), &tree, std::slice::from_ref(&self.log)).map_err(of_tree)?;
        let leaves = reader.checkpoint().size;
        for index in catalog.end_leaf()..leaves {
            let entry = reader.entry(index).map_err(of_tree)?;
            if matches!(Leaf::parse(&entry), Ok(Leaf::Manifest(_) | Leaf::Replaced(_) | Leaf::Purged(_))) {
                return Err(Halt::Again);
            }
        }
        if leaves < catalog.end_leaf() {
            return Err(failed("the catalog tells more than the tree; run `noroshi verify`".into()));
        }
        Ok(Snapshot { catalog, catalog_bytes, checkpoint: reader.note().to_string().into_bytes(), leaves })
    }

    fn segments(&mut self, catalog: &Catalog, put: &mut Put<'_>, tell: &mut Tell<'_>) -> Result<(), Halt> {
        let is_kept = |file: &String| catalog.segments().iter().any(|segment| segment.file == *file);
        self.state.missed.retain(is_kept);
        self.retry.retain(is_kept);
        let mut pending: Vec<&Sealed> = catalog
            .segments()
            .iter()
            .filter(|segment| segment.manifest_index() >= self.state.manifests || self.retry.contains(&segment.file))
            .collect();
        pending.sort_by_key(|segment| segment.manifest_index());
        self.progress.behind_segments = pending.len() as u64;
        self.progress.behind_bytes = pending.iter().map(|segment| segment.bytes).sum();
        self.progress.missed.clone_from(&self.state.missed);
        for segment in pending {
            if tell(&self.progress) {
                return Err(Halt::Again);
            }
            self.segment(segment, put)?;
            self.state.manifests = self.state.manifests.max(segment.manifest_index() + 1);
            self.save()?;
            self.retry.remove(&segment.file);
            self.progress.behind_segments -= 1;
            self.progress.behind_bytes -= segment.bytes;
            self.progress.missed.clone_from(&self.state.missed);
        }
        Ok(())
    }

    fn segment(&mut self, segment: &Sealed, put: &mut Put<'_>) -> Result<(), Halt> {
        let path = Catalog::path(&self.directory, segment);
        let digest = match digest(&*self.files, &path) {
            Ok((bytes, digest)) => {
                Some(digest).filter(|digest| bytes == segment.bytes && hex(digest) == segment.sha256)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(format!("cannot read {}: {error}", segment.file))),
        };
        self.state.missed.retain(|file| *file != segment.file);
        let Some(sha256) = digest else {
            // Rewritten or removed since the catalog was read, or damaged.
            let now = Catalog::parse(&self.read(CATALOG)?.unwrap_or_default());
            if !now.segments().contains(segment) {
                return Err(Halt::Again);
            }
            error!("{} is not what was sealed and is not copied; `noroshi verify` tells more", segment.file);
            if self.state.missed.len() < MISSED_MAX {
                self.state.missed.push(segment.file.clone());
            }
            return Ok(());
        };
        let body = Body::File(path, segment.bytes);
        put(&Object { name: segment.file.clone(), body, sha256, is_locked: true })?;
        info!(bytes = segment.bytes, "{} is copied", segment.file);
        self.progress.copied_segments += 1;
        self.progress.copied_bytes += segment.bytes;
        Ok(())
    }

    /// The tiles and bundles of a tree of so many leaves: those that are full in the order in which they became so, then those
    /// that are not.
    fn tiles(&mut self, leaves: u64, put: &mut Put<'_>, tell: &mut Tell<'_>) -> Result<(), Halt> {
        while self.state.bundles < leaves / TILE_WIDTH {
            let index = self.state.bundles;
            self.tile(Tile::full(Kind::Entries, index), put)?;
            self.tile(Tile::full(Kind::Level(0), index), put)?;
            let (mut level, mut at) = (0, index);
            while at % TILE_WIDTH == TILE_WIDTH - 1 {
                (level, at) = (level + 1, at / TILE_WIDTH);
                self.tile(Tile::full(Kind::Level(level), at), put)?;
            }
            self.state.bundles += 1;
            if self.state.bundles.is_multiple_of(SAVE_EVERY) {
                self.save()?;
            }
            if tell(&self.progress) {
                return Err(Halt::Again);
            }
        }
        for tile in partial_tiles(leaves) {
            self.tile(tile, put)?;
        }
        Ok(())
    }

    /// Puts a tile, or the full one that has taken its place.
    fn tile(&self, tile: Tile, put: &mut Put<'_>) -> Result<(), Halt> {
        for tile in [tile, Tile::full(tile.kind, tile.index)] {
            let name = format!("{TREE}/{}", tile.path());
            if let Some(bytes) = self.read(&name)? {
                return self.put_bytes(&name, bytes, true, put);
            }
        }
        Err(failed(format!("{TREE}/{} is gone; run `noroshi verify`", tile.path())))
    }

    fn put_bytes(&self, name: &str, bytes: Vec<u8>, is_locked: bool, put: &mut Put<'_>) -> Result<(), Halt> {
        let sha256 = digest_of(&bytes);
        put(&Object { name: name.to_owned(), body: Body::Bytes(bytes), sha256, is_locked }).map_err(Halt::Failed)
    }

    fn save(&self) -> Result<(), Halt> {
        let saved = self.state.save(&*self.files, &self.directory);
        saved.map_err(|error| failed(format!("cannot write down what is copied: {error}")))
    }
}

/// The tiles and the bundle of a tree that are not full.
fn partial_tiles(leaves: u64) -> Vec<Tile> {
    let tile = |kind, nodes: u64| Tile { kind, index: nodes / TILE_WIDTH, width: nodes % TILE_WIDTH };
    let mut tiles = vec![tile(Kind::Entries, leaves)];
    let (mut level, mut nodes) = (0, leaves);
    while nodes > 0 {
        tiles.push(tile(Kind::Level(level), nodes));
        (level, nodes) = (level + 1, nodes / TILE_WIDTH);
    }
    tiles.retain(|tile| tile.width > 0);
    tiles
}

/// Length and SHA-256 of a file.
fn digest(files: &dyn Files, path: &Path) -> io::Result<(u64, [u8; 32])> {
    let file = files.open(path)?;
    let (mut digest, mut buffer, mut at) = (Sha256::new(), vec![0; READ_BYTES], 0);
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

fn digest_of(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(super) fn hex(digest: &[u8; 32]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[path = "round_tests.rs"]
mod tests;
