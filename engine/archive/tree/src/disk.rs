//! Tiles and bundles as files below a directory: read with their lengths checked, written so that a name never stands
//! for half a file.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_files::{Files, directory_of};

use crate::error::{Damage, DamageKind, TreeError};
use crate::hash::{HASH_BYTES, Hash};
use crate::tile::{Kind, TILE_HEIGHT, TILE_WIDTH, Tile, decode_bundle, decode_tile, node_in_tile};

/// Name of the checkpoint in a tree's directory.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// Longest tile or bundle: 256 entries, each behind its length.
const FILE_BYTES_MAX: u64 = TILE_WIDTH * (2 + crate::tile::ENTRY_BYTES_MAX as u64);

/// A tree's directory.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) directory: PathBuf,
}

/// The entries that a tile of the level or a bundle spans, beginning at `index`, for a tree of `size`.
pub(crate) fn entries_of(tile: Tile, size: u64) -> std::ops::Range<u64> {
    let height = match tile.kind {
        Kind::Level(level) => TILE_HEIGHT * u32::from(level),
        Kind::Entries => 0,
    };
    let first = tile.index.saturating_mul(TILE_WIDTH);
    let at = |place: u64| place.saturating_mul(1_u64.checked_shl(height).unwrap_or(u64::MAX)).min(size);
    at(first)..at(first.saturating_add(tile.width))
}

/// Width of the tile or bundle at a place in a tree of `size` entries; 0 where there is none.
pub(crate) fn width_in(kind: Kind, index: u64, size: u64) -> u64 {
    let nodes = match kind {
        Kind::Level(level) => size.checked_shr(TILE_HEIGHT * u32::from(level)).unwrap_or(0),
        Kind::Entries => size,
    };
    nodes.saturating_sub(index.saturating_mul(TILE_WIDTH)).min(TILE_WIDTH)
}

impl Disk {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn damaged(&self, kind: DamageKind, tile: Tile, path: PathBuf, bytes: std::ops::Range<u64>) -> TreeError {
        TreeError::Damaged(Box::new(Damage { kind, path, bytes, entries: entries_of(tile, u64::MAX) }))
    }

    /// Reads the file of a tile that must be there: by its own name, or, when it has grown since, as the beginning of
    /// the full one. Returns the path that was read.
    pub(crate) fn read(&self, tile: Tile) -> Result<(PathBuf, Vec<u8>), TreeError> {
        let exact = self.path(&tile.path());
        for path in [exact.clone(), self.path(&tile.full_path())] {
            match self.files.metadata(&path) {
                Ok(metadata) if metadata.len > FILE_BYTES_MAX => {
                    return Err(self.damaged(DamageKind::Length, tile, path, FILE_BYTES_MAX..metadata.len));
                }
                Ok(_) => {
                    let bytes = self.files.read(&path).map_err(|e| TreeError::file("read", &path, e))?;
                    return Ok((path, bytes));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => (),
                Err(error) => return Err(TreeError::file("read", path, error)),
            }
        }
        Err(self.damaged(DamageKind::Missing, tile, exact, 0..0))
    }

    /// The hashes of a tile, as many as its width.
    pub(crate) fn tile(&self, tile: Tile) -> Result<Vec<Hash>, TreeError> {
        let (path, bytes) = self.read(tile)?;
        let length = bytes.len() as u64;
        let (wanted, full) = (tile.width * HASH_BYTES as u64, TILE_WIDTH * HASH_BYTES as u64);
        if length != wanted && length != full {
            return Err(self.damaged(DamageKind::Length, tile, path, wanted.min(length)..wanted.max(length)));
        }
        let mut hashes = decode_tile(&bytes).unwrap_or_default();
        hashes.truncate(usize::try_from(tile.width).unwrap_or(usize::MAX));
        Ok(hashes)
    }

    /// The bytes of a bundle's entries, as many as its width, and where each begins; the end last.
    pub(crate) fn bundle(&self, tile: Tile) -> Result<Bundle, TreeError> {
        let (path, mut bytes) = self.read(tile)?;
        let is_full_file = path == self.path(&tile.full_path());
        let mut begins = vec![0_u32];
        let mut torn = None;
        for entry in decode_bundle(&bytes).take(usize::try_from(TILE_WIDTH).expect("256") + 1) {
            match entry {
                Ok(entry) => {
                    let at = begins[begins.len() - 1] as usize + 2 + entry.len();
                    begins.push(u32::try_from(at).expect("a bundle is below 17 MiB"));
                }
                Err(error) => torn = Some(error.at),
            }
        }
        let entries = begins.len() as u64 - 1;
        let wanted = if is_full_file { TILE_WIDTH } else { tile.width };
        if torn.is_some() || entries != wanted {
            // Surplus begins where the last wanted entry ends; of a cut one, the entry that is cut.
            let from =
                torn.unwrap_or_else(|| begins[usize::try_from(wanted.min(entries)).expect("256 at most")] as usize);
            let to = bytes.len().max(from + 1);
            return Err(self.damaged(DamageKind::Length, tile, path, from as u64..to as u64));
        }
        begins.truncate(usize::try_from(tile.width).expect("256 at most") + 1);
        bytes.truncate(begins[begins.len() - 1] as usize);
        Ok(Bundle { path, bytes, begins })
    }

    /// Reads the checkpoint's bytes.
    pub(crate) fn read_checkpoint(&self) -> Result<Vec<u8>, TreeError> {
        let path = self.path(CHECKPOINT);
        self.files.read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => TreeError::NoCheckpoint { path },
            _ => TreeError::file("read", path, error),
        })
    }
}

/// The nodes of a tree of `size` entries for one proof: each tile is read once.
pub(crate) struct Nodes<'d> {
    disk: &'d Disk,
    size: u64,
    /// A proof asks for at most two tiles a level.
    tiles: Vec<(Tile, Vec<Hash>)>,
}

impl<'d> Nodes<'d> {
    pub(crate) fn new(disk: &'d Disk, size: u64) -> Self {
        Self { disk, size, tiles: Vec::new() }
    }

    pub(crate) fn get(&mut self, height: u32, index: u64) -> Result<Hash, TreeError> {
        let place = Place::of(height, index);
        let kind = Kind::Level(place.level);
        let tile = Tile { kind, index: place.tile, width: width_in(kind, place.tile, self.size) };
        let at = match self.tiles.iter().position(|(held, _)| *held == tile) {
            Some(at) => at,
            None => {
                self.tiles.push((tile, self.disk.tile(tile)?));
                self.tiles.len() - 1
            }
        };
        let node = node_in_tile(&self.tiles[at].1, place.at, place.height);
        node.ok_or(TreeError::Beyond { asked: index << height, size: self.size })
    }
}

/// A bundle as read.
pub(crate) struct Bundle {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    /// Where each entry's length begins; the end of the last entry last.
    pub(crate) begins: Vec<u32>,
}

impl Bundle {
    pub(crate) fn entries(&self) -> impl Iterator<Item = &[u8]> {
        self.begins.windows(2).map(|pair| &self.bytes[pair[0] as usize + 2..pair[1] as usize])
    }
}

/// Where a node lies: the tile, and the run of hashes in it that the node is the root over.
pub(crate) struct Place {
    pub(crate) level: u8,
    pub(crate) tile: u64,
    /// First hash of the run.
    pub(crate) at: usize,
    /// The run is `1 << height` hashes long.
    pub(crate) height: u32,
}

impl Place {
    pub(crate) fn of(height: u32, index: u64) -> Self {
        let inner = height % TILE_HEIGHT;
        let at = (index << inner) % TILE_WIDTH;
        Self {
            level: u8::try_from(height / TILE_HEIGHT).expect("heights are below 64"),
            tile: index >> (TILE_HEIGHT - inner),
            at: usize::try_from(at).expect("below 256"),
            height: inner,
        }
    }
}

/// Files being put in place: each is written beside its name, synced and renamed; their directories are synced
/// together at the end. Until [`Writing::finish`] has succeeded nothing is durable.
pub(crate) struct Writing<'d> {
    disk: &'d Disk,
    /// Directories known to stand durably; grows with each success.
    known: &'d mut BTreeSet<PathBuf>,
    touched: BTreeSet<PathBuf>,
}

impl<'d> Writing<'d> {
    pub(crate) fn new(disk: &'d Disk, known: &'d mut BTreeSet<PathBuf>) -> Self {
        Self { disk, known, touched: BTreeSet::new() }
    }

    pub(crate) fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), TreeError> {
        let path = self.disk.path(name);
        let directory = directory_of(&path).to_owned();
        let files = &self.disk.files;
        if !self.known.contains(&directory) {
            files.create_directory(&directory).map_err(|e| TreeError::file("create directory", &directory, e))?;
            // A new directory is as durable as the names above it are.
            let above = directory.ancestors().skip(1).take_while(|above| above.starts_with(&self.disk.directory));
            self.touched.extend(above.map(Path::to_owned));
        }
        let mut beside = path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let written = files.create(&beside).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync()
        });
        let renamed = written.and_then(|()| files.rename(&beside, &path));
        if renamed.is_err() {
            // The first error is the one to tell; a leftover is overwritten by the next attempt.
            let _ = files.remove(&beside);
        }
        renamed.map_err(|e| TreeError::file("write", path, e))?;
        self.touched.insert(directory);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), TreeError> {
        for directory in self.touched.iter().rev() {
            let files = &self.disk.files;
            files.sync_directory(directory).map_err(|e| TreeError::file("sync directory", directory, e))?;
        }
        self.known.extend(self.touched);
        Ok(())
    }
}
