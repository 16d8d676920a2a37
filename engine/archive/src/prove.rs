//! Proofs of many records, all at one signed state of the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_files::Files;
use noroshi_tree::leaf::Leaf;
use noroshi_tree::merkle::root_of;
use noroshi_tree::proof::Proof;
use noroshi_tree::record::Record;
use noroshi_tree::{Hash, Reader, Verifier};

use crate::catalog::{Catalog, Sealed};
use crate::log::TREE;
use crate::search::scan::SealedFile;
use crate::verify::each_record_of;

/// An archive as its checkpoint was when opened.
#[derive(Debug)]
pub struct Prover {
    files: Arc<dyn Files>,
    directory: PathBuf,
    segments: Vec<Sealed>,
    reader: Reader,
}

/// What is kept of a record that is to be proven while its file is read.
struct Kept {
    input: String,
    received_ns: i64,
    raw: Vec<u8>,
}

impl Prover {
    /// Opens the archive in `directory`, whose tree one of `keys` signed.
    ///
    /// # Errors
    /// Those of reading the catalog and the tree's checkpoint.
    pub fn open(files: &Arc<dyn Files>, directory: &Path, keys: &[Verifier]) -> io::Result<Self> {
        // The tree has the leaves of whatever the catalog tells, so it is read after it.
        let mut segments = Catalog::read(&**files, directory)?.segments().to_vec();
        segments.sort_by_key(|sealed| sealed.first_sequence);
        let reader = Reader::open(Arc::clone(files), &directory.join(TREE), keys).map_err(io::Error::other)?;
        Ok(Prover { files: Arc::clone(files), directory: directory.to_owned(), segments, reader })
    }

    /// The tree, at the state that every proof is of.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Proves records by their numbers, in ascending order file by file. What is in no sealed segment comes back.
    ///
    /// # Errors
    /// Those of reading; records that are not those of their batch; those of `each`.
    pub fn prove(
        &self,
        sequences: &BTreeSet<u64>,
        each: &mut dyn FnMut(u64, &Proof) -> io::Result<()>,
    ) -> io::Result<BTreeSet<u64>> {
        let mut left = sequences.clone();
        for sealed in &self.segments {
            let wanted: BTreeSet<u64> = left.range(sealed.first_sequence..sealed.end_sequence).copied().collect();
            if wanted.is_empty() {
                continue;
            }
            for sequence in self.prove_in(sealed, &wanted, each)? {
                left.remove(&sequence);
            }
        }
        Ok(left)
    }

    fn prove_in(
        &self,
        sealed: &Sealed,
        wanted: &BTreeSet<u64>,
        each: &mut dyn FnMut(u64, &Proof) -> io::Result<()>,
    ) -> io::Result<Vec<u64>> {
        let mut hashes: BTreeMap<u64, Hash> = BTreeMap::new();
        let mut kept: BTreeMap<u64, Kept> = BTreeMap::new();
        let Some(file) = SealedFile::of(&*self.files, &self.directory, sealed)? else { return Ok(Vec::new()) };
        each_record_of(&file, &mut |record| {
            hashes.insert(record.sequence, record.hash());
            if wanted.contains(&record.sequence) {
                let (input, raw) = (record.input.to_owned(), record.raw.to_vec());
                kept.insert(record.sequence, Kept { input, received_ns: record.received_ns, raw });
            }
        })?;
        let mut proven = Vec::new();
        for index in sealed.first_leaf..sealed.end_leaf {
            let entry = self.reader.entry(index).map_err(io::Error::other)?;
            let Ok(Leaf::Batch(batch)) = Leaf::parse(&entry) else { continue };
            let range = batch.first_sequence..batch.first_sequence.saturating_add(batch.records);
            let mut of_batch: Option<Vec<Hash>> = None;
            for (&sequence, Kept { input, received_ns, raw }) in kept.range(range.clone()) {
                if of_batch.is_none() {
                    let leaves: Vec<Hash> = hashes.range(range.clone()).map(|(_, hash)| *hash).collect();
                    if leaves.len() as u64 != batch.records || root_of(&leaves) != batch.root {
                        return Err(io::Error::other(format!(
                            "the records of {} are not those of the tree's entry {index}; run `noroshi verify`",
                            sealed.file
                        )));
                    }
                    of_batch = Some(leaves);
                }
                let leaves = of_batch.as_deref().unwrap_or_default();
                let record = Record { input, sequence, received_ns: *received_ns, raw };
                let proof = Proof::of_record(&self.reader, index, &record, sequence - range.start, leaves);
                each(sequence, &proof.map_err(io::Error::other)?)?;
                proven.push(sequence);
            }
        }
        Ok(proven)
    }
}
