//! A tree read by others than its writer: at its checkpoint, from disk alone.

use std::path::Path;
use std::sync::Arc;

use noroshi_files::Files;

use crate::checkpoint::Checkpoint;
use crate::disk::{Disk, Nodes};
use crate::error::TreeError;
use crate::hash::Hash;
use crate::key::Verifier;
use crate::merkle::{self, verify_inclusion};
use crate::note::Note;
use crate::tree::{entry_of, proof_damaged, read_checkpoint};

/// A tree as its checkpoint was when opened. The writer may go on meanwhile: what a checkpoint signs does not change.
#[derive(Debug)]
pub struct Reader {
    disk: Disk,
    note: Note,
    checkpoint: Checkpoint,
}

impl Reader {
    /// Opens a tree's directory, its checkpoint signed by one of `log`.
    ///
    /// # Errors
    /// [`TreeError::NoCheckpoint`], [`TreeError::Checkpoint`], [`TreeError::File`].
    pub fn open(files: Arc<dyn Files>, directory: &Path, log: &[Verifier]) -> Result<Self, TreeError> {
        let disk = Disk { files, directory: directory.to_owned() };
        let (note, checkpoint) = read_checkpoint(&disk, log)?;
        Ok(Self { disk, note, checkpoint })
    }

    /// The signed state.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The checkpoint as a note, with its cosignatures.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// The entry at an index, held to the tile and not yet to the root: that is what a proof is for.
    ///
    /// # Errors
    /// [`TreeError::Beyond`], [`TreeError::Damaged`], [`TreeError::File`].
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, TreeError> {
        let size = self.checkpoint.size;
        if index >= size {
            return Err(TreeError::Beyond { asked: index, size });
        }
        entry_of(&self.disk, index, size, &Nodes::new(&self.disk, size).get(0, index)?)
    }

    /// Shows that the entry at `index` is in the signed tree. The proof was verified.
    ///
    /// # Errors
    /// [`TreeError::Beyond`], [`TreeError::Damaged`], [`TreeError::File`].
    pub fn inclusion_proof(&self, index: u64) -> Result<Vec<Hash>, TreeError> {
        let size = self.checkpoint.size;
        if index >= size {
            return Err(TreeError::Beyond { asked: index, size });
        }
        let mut nodes = Nodes::new(&self.disk, size);
        let proof = merkle::inclusion_proof(index, size, &mut |height, index| nodes.get(height, index))?;
        if !verify_inclusion(&nodes.get(0, index)?, index, size, &proof, &self.checkpoint.root) {
            return Err(proof_damaged(&self.disk, index, size));
        }
        Ok(proof)
    }

    /// Shows that the tree of the first `old` entries is a prefix of the signed one.
    ///
    /// # Errors
    /// [`TreeError::Beyond`], [`TreeError::Damaged`], [`TreeError::File`].
    pub fn consistency_proof(&self, old: u64) -> Result<Vec<Hash>, TreeError> {
        let size = self.checkpoint.size;
        if old > size {
            return Err(TreeError::Beyond { asked: old, size });
        }
        let mut nodes = Nodes::new(&self.disk, size);
        merkle::consistency_proof(old, size, &mut |height, index| nodes.get(height, index))
    }

    /// The root of the tree of the first `size` entries, as the tiles have it.
    ///
    /// # Errors
    /// [`TreeError::Beyond`], [`TreeError::Damaged`], [`TreeError::File`].
    pub fn root_at(&self, size: u64) -> Result<Hash, TreeError> {
        let whole = self.checkpoint.size;
        if size > whole {
            return Err(TreeError::Beyond { asked: size, size: whole });
        }
        let mut nodes = Nodes::new(&self.disk, whole);
        merkle::root_at(size, &mut |height, index| nodes.get(height, index))
    }
}
