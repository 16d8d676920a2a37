//! The tree: entries appended in memory, made durable as tiles, signed as checkpoints.
//!
//! What was promised to others is the checkpoint; tiles are written before it and never change. So a crash at any
//! step leaves the state of some checkpoint that was signed, and a caller who keeps its entries until they are [signed](Tree::signed)
//! gives those behind it again: the same entries make the same tree, byte for byte.
//!
//! Only the right edge is held in memory: at most 255 hashes a level and 255 entries.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_files::{Files, replace_durably};

use crate::checkpoint::Checkpoint;
use crate::disk::{CHECKPOINT, Disk, Place, Writing, width_in};
use crate::error::{Damage, DamageKind, TreeError};
use crate::hash::{Hash, leaf_hash};
use crate::key::{Signer, Verifier};
use crate::merkle::{self, Frontier, verify_inclusion};
use crate::note::{Note, NoteError, Signature};
use crate::tile::{
    ENTRY_BYTES_MAX, Kind, TILE_HEIGHT, TILE_WIDTH, Tile, decode_bundle, decode_tile, encode_entry, encode_tile,
    node_in_tile,
};

/// Bytes of full tiles and bundles held until a flush. More than this and [`Tree::append`] flushes by itself, so that a caller
/// who gives back a day of entries needs no more memory than one who signs each second.
pub const PENDING_BYTES_MAX: usize = 8 << 20;

/// An append-only Merkle tree in a directory, with one writer.
#[derive(Debug)]
pub struct Tree {
    disk: Disk,
    note: Note,
    /// What `note` says.
    signed: Checkpoint,
    frontier: Frontier,
    edge: Edge,
    /// Full tiles and bundles that no flush has made durable yet.
    pending: Vec<(Tile, Vec<u8>)>,
    pending_bytes: usize,
    /// Size whose tiles are durable; `None` when the edge on disk is not to be trusted and is to be written anew.
    flushed: Option<u64>,
    known_directories: BTreeSet<PathBuf>,
    /// Directories of partial tiles whose full tile stands; removed when it succeeds.
    superseded: Vec<PathBuf>,
    recovered: Option<Box<Damage>>,
    /// Entries given again did not give the signed root: nothing more is taken in or signed.
    diverged: bool,
}

/// The partial tiles at the right edge of the tree, and the partial bundle.
#[derive(Clone, Default, Debug)]
struct Edge {
    /// Fewer than 256 hashes a level.
    levels: Vec<Vec<Hash>>,
    /// The entries of level 0, encoded, and where each begins.
    bundle: Vec<u8>,
    begins: Vec<u32>,
}

impl Edge {
    /// Adds a node that is complete at a height of whole tiles; the tile, when it is full with it.
    fn push(&mut self, level: usize, hash: Hash) -> Option<Vec<Hash>> {
        if self.levels.len() <= level {
            self.levels.resize(level + 1, Vec::new());
        }
        let hashes = &mut self.levels[level];
        hashes.push(hash);
        (hashes.len() as u64 == TILE_WIDTH).then(|| std::mem::take(hashes))
    }

    /// The hashes of the bundle's entries.
    fn leaves(&self) -> Vec<Hash> {
        decode_bundle(&self.bundle).map_while(Result::ok).map(leaf_hash).collect()
    }
}

impl Tree {
    /// Makes a tree of no entries and signs it. Its origin is the signer's name.
    ///
    /// # Errors
    /// [`TreeError::Exists`] where there is one, [`TreeError::File`].
    pub fn create(files: Arc<dyn Files>, directory: &Path, signer: &Signer, time_s: u64) -> Result<Self, TreeError> {
        let disk = Disk { files, directory: directory.to_owned() };
        match disk.read_checkpoint() {
            Err(TreeError::NoCheckpoint { .. }) => (),
            Ok(_) => return Err(TreeError::Exists { path: disk.path(CHECKPOINT) }),
            Err(error) => return Err(error),
        }
        disk.files.create_directory(directory).map_err(|e| TreeError::file("create directory", directory, e))?;
        let origin = signer.verifier().name().to_owned();
        let signed = Checkpoint { origin, size: 0, root: Hash::EMPTY_ROOT, extensions: Vec::new() };
        let note = signed_note(&disk, &signed, signer, time_s)?;
        write_checkpoint(&disk, &note)?;
        Ok(Self::at(disk, note, signed, Frontier::new(), Edge::default()))
    }

    fn at(disk: Disk, note: Note, signed: Checkpoint, frontier: Frontier, edge: Edge) -> Self {
        Self {
            flushed: Some(frontier.size()),
            known_directories: BTreeSet::from([disk.directory.clone()]),
            disk,
            note,
            signed,
            frontier,
            edge,
            pending: Vec::new(),
            pending_bytes: 0,
            superseded: Vec::new(),
            recovered: None,
            diverged: false,
        }
    }

    /// Opens the tree at its last checkpoint, which one of `log` must have signed.
    ///
    /// The tiles at the edge are checked against the signed root. Where they are torn or missing, the edge is made again
    /// from what stands below it; where the last entries are gone too, the tree opens at the last full bundle,
    /// [`Tree::size`] is below [`Tree::signed`], and the entries between must be given again: they are held to the signed
    /// root. [`Tree::recovered`] tells.
    ///
    /// # Errors
    /// [`TreeError::NoCheckpoint`], [`TreeError::Checkpoint`], [`TreeError::Damaged`] when full tiles do not give the
    /// root, [`TreeError::File`].
    pub fn open(files: Arc<dyn Files>, directory: &Path, log: &[Verifier]) -> Result<Self, TreeError> {
        let disk = Disk { files, directory: directory.to_owned() };
        let (note, signed) = read_checkpoint(&disk, log)?;
        let damage = match load_edge(&disk, signed.size) {
            Ok(edge) => match check_edge(&disk, &edge, &signed) {
                Ok(frontier) => return Ok(Self::at(disk, note, signed, frontier, edge)),
                Err(damage) => damage,
            },
            Err(TreeError::Damaged(damage)) => damage,
            Err(error) => return Err(error),
        };
        let (edge, size) = rebuild_edge(&disk, &signed)?;
        let frontier = frontier_of(&edge.levels, size);
        // The full tiles alone must lead to the signed root too, or the fault is not at the edge.
        if size == signed.size && frontier.root() != signed.root {
            return Err(TreeError::Damaged(damage));
        }
        let mut tree = Self::at(disk, note, signed, frontier, edge);
        tree.flushed = None;
        tree.recovered = Some(damage);
        Ok(tree)
    }

    /// Entries appended.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Root over them.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The last signed state. Entries below its size need never be given again, unless [`Tree::size`] is smaller.
    pub fn signed(&self) -> &Checkpoint {
        &self.signed
    }

    /// The last checkpoint as a note, with the cosignatures added to it.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What [`Tree::open`] found wrong at the edge and made good.
    pub fn recovered(&self) -> Option<&Damage> {
        self.recovered.as_deref()
    }

    /// Appends an entry and returns its index. Nothing is durable until [`Tree::flush`], nothing promised until [`Tree::publish`].
    ///
    /// # Errors
    /// [`TreeError::EntryTooLong`]; [`TreeError::Diverged`] when an entry given again is not the one that was signed; that
    /// of a flush, which runs when [`PENDING_BYTES_MAX`] wait. Except for the second the entry was not appended and may
    /// be given again.
    pub fn append(&mut self, entry: &[u8]) -> Result<u64, TreeError> {
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(TreeError::EntryTooLong { bytes: entry.len() });
        }
        self.check_diverged()?;
        if self.pending_bytes >= PENDING_BYTES_MAX {
            self.flush()?;
        }
        let index = self.size();
        self.edge.begins.push(u32::try_from(self.edge.bundle.len()).expect("a bundle is below 17 MiB"));
        encode_entry(&mut self.edge.bundle, entry);
        let (edge, pending, pending_bytes) = (&mut self.edge, &mut self.pending, &mut self.pending_bytes);
        self.frontier.push_telling(leaf_hash(entry), |height, hash| {
            if height % TILE_HEIGHT != 0 {
                return;
            }
            let level = height / TILE_HEIGHT;
            let Some(full) = edge.push(level as usize, hash) else { return };
            let place = index >> (height + TILE_HEIGHT);
            let kind = Kind::Level(u8::try_from(level).expect("heights are below 64"));
            pending.push((Tile::full(kind, place), encode_tile(&full)));
            *pending_bytes += pending.last().map_or(0, |(_, bytes)| bytes.len());
            if level == 0 {
                edge.begins.clear();
                let bundle = std::mem::take(&mut edge.bundle);
                *pending_bytes += bundle.len();
                pending.push((Tile::full(Kind::Entries, place), bundle));
            }
        });
        self.diverged = self.size() == self.signed.size && self.root() != self.signed.root;
        self.check_diverged()?;
        Ok(index)
    }

    fn check_diverged(&self) -> Result<(), TreeError> {
        if self.diverged { Err(TreeError::Diverged { size: self.signed.size }) } else { Ok(()) }
    }

    /// Makes every tile and bundle of the tree as it is durable. A crash later still opens at the last checkpoint:
    /// only [`Tree::publish`] moves that.
    ///
    /// # Errors
    /// [`TreeError::File`]: nothing is lost, the next flush writes it again.
    pub fn flush(&mut self) -> Result<(), TreeError> {
        self.check_diverged()?;
        let size = self.size();
        if self.flushed == Some(size) {
            return Ok(());
        }
        let mut writing = Writing::new(&self.disk, &mut self.known_directories);
        for (tile, bytes) in &self.pending {
            writing.put(&tile.path(), bytes)?;
        }
        for (level, hashes) in self.edge.levels.iter().enumerate().filter(|(_, hashes)| !hashes.is_empty()) {
            let height = TILE_HEIGHT * u32::try_from(level).expect("below 8");
            let same = self.flushed.is_some_and(|flushed| flushed >> height == size >> height);
            let kind = Kind::Level(u8::try_from(level).expect("below 8"));
            let tile = Tile { kind, index: size >> height >> TILE_HEIGHT, width: hashes.len() as u64 };
            if !same {
                writing.put(&tile.path(), &encode_tile(hashes))?;
            }
        }
        if !self.edge.begins.is_empty() {
            let tile = Tile { kind: Kind::Entries, index: size / TILE_WIDTH, width: self.edge.begins.len() as u64 };
            writing.put(&tile.path(), &self.edge.bundle)?;
        }
        writing.finish()?;
        self.superseded.extend(self.pending.drain(..).map(|(tile, _)| self.disk.path(&tile.partial_directory())));
        self.pending_bytes = 0;
        self.flushed = Some(size);
        self.sweep();
        Ok(())
    }

    /// Removes partial tiles that a durable full one has superseded. A failure costs disk space alone, and is tried again.
    fn sweep(&mut self) {
        let files = &self.disk.files;
        self.superseded.retain(|directory| {
            let Ok(partials) = files.list(directory) else { return files.metadata(directory).is_ok() };
            let removed = partials.iter().all(|partial| files.remove(partial).is_ok());
            !(removed && files.remove_directory(directory).is_ok())
        });
    }

    /// Flushes, then signs the tree as it is and puts the checkpoint in place: a promise to others. A tree that has not grown
    /// keeps its checkpoint and the cosignatures on it.
    ///
    /// Entries must be durable wherever the caller takes them from after a crash before this is called, or the log
    /// could sign two histories. `time_s` (seconds since 1970) is used by cosigning keys alone: a plain checkpoint tells no time.
    ///
    /// # Errors
    /// [`TreeError::Behind`]; [`TreeError::Diverged`]; [`TreeError::File`], after which the old or the new checkpoint stands and the call may be repeated.
    ///
    /// # Panics
    /// When the signer's name is not the tree's origin.
    pub fn publish(&mut self, signer: &Signer, time_s: u64) -> Result<&Note, TreeError> {
        assert_eq!(signer.verifier().name(), self.signed.origin, "a tree is signed under its own name");
        let size = self.size();
        if size < self.signed.size {
            return Err(TreeError::Behind { size, signed: self.signed.size });
        }
        self.flush()?;
        if size > self.signed.size {
            let next = Checkpoint { size, root: self.root(), ..self.signed.clone() };
            let note = signed_note(&self.disk, &next, signer, time_s)?;
            write_checkpoint(&self.disk, &note)?;
            (self.signed, self.note) = (next, note);
        }
        Ok(&self.note)
    }

    /// Adds cosignatures to the last checkpoint. Those that none of `witnesses` made over it are left out; how many were added.
    ///
    /// # Errors
    /// [`TreeError::File`].
    pub fn add_cosignatures(&mut self, lines: &[Signature], witnesses: &[Verifier]) -> Result<usize, TreeError> {
        let mut note = self.note.clone();
        let valid = |line: &&Signature| note_of(self.note.text(), line).verify(witnesses).is_ok();
        let added = lines.iter().filter(valid).filter(|line| note.add((*line).clone())).count();
        if added > 0 {
            write_checkpoint(&self.disk, &note)?;
            self.note = note;
        }
        Ok(added)
    }

    /// The entry at an index, checked against its tile.
    ///
    /// # Errors
    /// [`TreeError::Beyond`], [`TreeError::Damaged`], [`TreeError::File`].
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, TreeError> {
        let size = self.size();
        if index >= size {
            return Err(TreeError::Beyond { asked: index, size });
        }
        let at = usize::try_from(index % TILE_WIDTH).expect("below 256");
        if index / TILE_WIDTH == size / TILE_WIDTH {
            let from = self.edge.begins[at] as usize;
            let to = self.edge.begins.get(at + 1).map_or(self.edge.bundle.len(), |&to| to as usize);
            return Ok(self.edge.bundle[from + 2..to].to_vec());
        }
        let tile = Tile::full(Kind::Entries, index / TILE_WIDTH);
        if let Some((_, bytes)) = self.pending.iter().find(|(pending, _)| *pending == tile) {
            let entry = decode_bundle(bytes).nth(at).and_then(Result::ok);
            return Ok(entry.expect("bundles in memory are whole").to_vec());
        }
        entry_of(&self.disk, index, size, &self.node(0, index)?)
    }

    /// Shows that the entry at `index` is in the tree of the first `size` entries.
    ///
    /// # Errors
    /// [`TreeError::Beyond`], [`TreeError::Damaged`], [`TreeError::File`].
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, TreeError> {
        if size > self.size() || index >= size {
            return Err(TreeError::Beyond { asked: index.max(size), size: self.size() });
        }
        let proof = merkle::inclusion_proof(index, size, &mut |height, index| self.node(height, index))?;
        if size == self.size() && !verify_inclusion(&self.node(0, index)?, index, size, &proof, &self.root()) {
            return Err(proof_damaged(&self.disk, index, size));
        }
        Ok(proof)
    }

    /// Shows that the tree of the first `old` entries is a prefix of that of the first `new`.
    ///
    /// # Errors
    /// [`TreeError::Beyond`], [`TreeError::Damaged`], [`TreeError::File`].
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, TreeError> {
        if new > self.size() || old > new {
            return Err(TreeError::Beyond { asked: old.max(new), size: self.size() });
        }
        merkle::consistency_proof(old, new, &mut |height, index| self.node(height, index))
    }

    /// The root of the tree of the first `size` entries.
    ///
    /// # Errors
    /// [`TreeError::Beyond`], [`TreeError::Damaged`], [`TreeError::File`].
    pub fn root_at(&self, size: u64) -> Result<Hash, TreeError> {
        if size > self.size() {
            return Err(TreeError::Beyond { asked: size, size: self.size() });
        }
        merkle::root_at(size, &mut |height, index| self.node(height, index))
    }

    /// A node from the edge, from what waits for a flush, or from disk.
    fn node(&self, height: u32, index: u64) -> Result<Hash, TreeError> {
        let place = Place::of(height, index);
        let size = self.size();
        let (kind, width) = (Kind::Level(place.level), width_in(Kind::Level(place.level), place.tile, size));
        if width < TILE_WIDTH {
            let hashes = self.edge.levels.get(usize::from(place.level)).map_or(&[][..], Vec::as_slice);
            return node_in_tile(hashes, place.at, place.height)
                .ok_or(TreeError::Beyond { asked: index << height, size });
        }
        let tile = Tile::full(kind, place.tile);
        let pending = self.pending.iter().find(|(pending, _)| *pending == tile);
        let hashes = match pending {
            Some((_, bytes)) => decode_tile(bytes).expect("tiles in memory are whole"),
            None => self.disk.tile(tile)?,
        };
        Ok(node_in_tile(&hashes, place.at, place.height).expect("a full tile has every node"))
    }
}

/// A proof that the tiles give and that leads to another root: some tile on the way was changed, which one is for a full
/// check to say.
pub(crate) fn proof_damaged(disk: &Disk, index: u64, size: u64) -> TreeError {
    let path = disk.path("tile");
    TreeError::Damaged(Box::new(Damage { kind: DamageKind::Hashes, path, bytes: 0..0, entries: index..size }))
}

/// Reads one entry and holds it to its leaf hash.
pub(crate) fn entry_of(disk: &Disk, index: u64, size: u64, leaf: &Hash) -> Result<Vec<u8>, TreeError> {
    let place = index / TILE_WIDTH;
    let bundle =
        disk.bundle(Tile { kind: Kind::Entries, index: place, width: width_in(Kind::Entries, place, size) })?;
    let at = usize::try_from(index % TILE_WIDTH).expect("below 256");
    let entry = bundle.entries().nth(at).expect("as many as its width").to_vec();
    if leaf_hash(&entry) == *leaf {
        return Ok(entry);
    }
    let bytes = u64::from(bundle.begins[at])..u64::from(bundle.begins[at + 1]);
    let damage = Damage { kind: DamageKind::Entry, path: bundle.path, bytes, entries: index..index + 1 };
    Err(TreeError::Damaged(Box::new(damage)))
}

/// Reads and verifies the checkpoint of a directory.
pub(crate) fn read_checkpoint(disk: &Disk, log: &[Verifier]) -> Result<(Note, Checkpoint), TreeError> {
    let bytes = disk.read_checkpoint()?;
    let error = |source| TreeError::Checkpoint { path: disk.path(CHECKPOINT), source };
    let note = Note::parse(&bytes).map_err(error)?;
    let (checkpoint, _) = Checkpoint::of_note(&note, log).map_err(error)?;
    Ok((note, checkpoint))
}

fn signed_note(disk: &Disk, checkpoint: &Checkpoint, signer: &Signer, time_s: u64) -> Result<Note, TreeError> {
    Note::sign(checkpoint.to_string(), signer, time_s)
        .map_err(|source| TreeError::Checkpoint { path: disk.path(CHECKPOINT), source })
}

fn write_checkpoint(disk: &Disk, note: &Note) -> Result<(), TreeError> {
    let path = disk.path(CHECKPOINT);
    replace_durably(&*disk.files, &path, note.to_string().as_bytes()).map_err(|e| TreeError::file("write", path, e))
}

/// A note of one signature, to verify it alone.
fn note_of(text: &str, signature: &Signature) -> Note {
    Note::parse(format!("{text}\n{signature}").as_bytes())
        .unwrap_or_else(|_: NoteError| unreachable!("text and line are of notes"))
}

/// The partial tiles and the partial bundle of a tree of `size`.
fn load_edge(disk: &Disk, size: u64) -> Result<Edge, TreeError> {
    let mut edge = Edge { levels: load_levels(disk, size)?, ..Edge::default() };
    load_bundle(disk, size, &mut edge)?;
    Ok(edge)
}

/// The partial tiles of a tree of `size`, as stored.
pub(crate) fn load_levels(disk: &Disk, size: u64) -> Result<Vec<Vec<Hash>>, TreeError> {
    let mut levels = Vec::new();
    let mut nodes = size;
    for level in 0.. {
        if nodes == 0 {
            break;
        }
        let tile = Tile { kind: Kind::Level(level), index: nodes / TILE_WIDTH, width: nodes % TILE_WIDTH };
        levels.push(if tile.width == 0 { Vec::new() } else { disk.tile(tile)? });
        nodes /= TILE_WIDTH;
    }
    Ok(levels)
}

/// The partial tiles of a tree of `size`, from the partial bundle and the full tiles below each.
pub(crate) fn rebuild_levels(disk: &Disk, size: u64) -> Result<Vec<Vec<Hash>>, TreeError> {
    let mut edge = Edge::default();
    load_bundle(disk, size, &mut edge)?;
    let mut levels = rebuild_upper(disk, size)?;
    levels[0] = edge.leaves();
    Ok(levels)
}

/// The partial tiles above level 0, from the full tiles below each; level 0 is left empty.
fn rebuild_upper(disk: &Disk, size: u64) -> Result<Vec<Vec<Hash>>, TreeError> {
    let mut levels = vec![Vec::new()];
    let mut nodes = size / TILE_WIDTH;
    for below in 0.. {
        if nodes == 0 {
            break;
        }
        let width = nodes % TILE_WIDTH;
        let hashes = (nodes - width..nodes).map(|index| {
            let hashes = disk.tile(Tile::full(Kind::Level(below), index))?;
            Ok(node_in_tile(&hashes, 0, TILE_HEIGHT).expect("a full tile has every node"))
        });
        levels.push(hashes.collect::<Result<Vec<_>, TreeError>>()?);
        nodes /= TILE_WIDTH;
    }
    Ok(levels)
}

fn load_bundle(disk: &Disk, size: u64, edge: &mut Edge) -> Result<(), TreeError> {
    if !size.is_multiple_of(TILE_WIDTH) {
        let tile = Tile { kind: Kind::Entries, index: size / TILE_WIDTH, width: size % TILE_WIDTH };
        let mut bundle = disk.bundle(tile)?;
        bundle.begins.pop();
        (edge.bundle, edge.begins) = (bundle.bytes, bundle.begins);
    }
    Ok(())
}

/// The frontier of an edge that gives the signed root and whose entries are those of its hashes.
fn check_edge(disk: &Disk, edge: &Edge, signed: &Checkpoint) -> Result<Frontier, Box<Damage>> {
    let frontier = frontier_of(&edge.levels, signed.size);
    let entries = signed.size - signed.size % TILE_WIDTH..signed.size;
    let damage = |kind| Box::new(Damage { kind, path: disk.path("tile"), bytes: 0..0, entries: entries.clone() });
    if frontier.root() != signed.root {
        return Err(damage(DamageKind::Hashes));
    }
    if edge.leaves() != edge.levels.first().map_or(&[][..], Vec::as_slice) {
        return Err(damage(DamageKind::Entry));
    }
    Ok(frontier)
}

/// The frontier that partial tiles make. Each level's width is its part of the size.
pub(crate) fn frontier_of(levels: &[Vec<Hash>], size: u64) -> Frontier {
    let Ok(frontier) = Frontier::of_size(size, |height, index| {
        let place = Place::of(height, index);
        let hashes = &levels[usize::from(place.level)];
        Ok::<_, std::convert::Infallible>(node_in_tile(hashes, place.at, place.height).expect("widths are the size's"))
    });
    frontier
}

/// Makes the edge again from full tiles and the partial bundle; where that bundle is gone or its entries do not lead to the
/// signed root, that of the tree of full bundles alone, whose size is returned.
fn rebuild_edge(disk: &Disk, signed: &Checkpoint) -> Result<(Edge, u64), TreeError> {
    let mut edge = Edge { levels: rebuild_upper(disk, signed.size)?, ..Edge::default() };
    match load_bundle(disk, signed.size, &mut edge) {
        Ok(()) => edge.levels[0] = edge.leaves(),
        Err(TreeError::Damaged(_)) => (),
        Err(error) => return Err(error),
    }
    let width = signed.size % TILE_WIDTH;
    let whole = edge.levels[0].len() as u64 == width;
    if width == 0 || whole && frontier_of(&edge.levels, signed.size).root() == signed.root {
        return Ok((edge, signed.size));
    }
    let levels = std::mem::take(&mut edge.levels);
    edge = Edge { levels, ..Edge::default() };
    edge.levels[0].clear();
    Ok((edge, signed.size - width))
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
