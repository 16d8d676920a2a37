//! The archive's tree: what is appended to it when a segment is sealed, and the key that signs it.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_files::Files;
use noroshi_tree::leaf::{Batch, Leaf, Manifest};
use noroshi_tree::merkle::Frontier;
use noroshi_tree::record::Record;
use noroshi_tree::{Hash, KeyKind, Signature, Signer, Tree, Verifier};
use tracing::warn;

use crate::frame::Frame;

/// Where the tree lies, below the archive's directory.
pub const TREE: &str = "tree";

/// Where the signing key lies, below the archive's directory.
pub const SIGNING_KEY: &str = "keys/log.key";

/// Where the key to verify by lies: to be copied to where the archive's host cannot change it.
pub const VERIFIER_KEY: &str = "keys/log.pub";

/// Records of one leaf at most: a proof carries twelve hashes for it, and a day of 400,000 records a second eight million leaves.
const LEAF_RECORDS: u64 = 4096;

/// The roots of the records of a segment, in leaves of consecutive records.
#[derive(Default)]
pub(crate) struct Roots {
    done: Vec<Batch>,
    first: u64,
    frontier: Frontier,
}

impl Roots {
    pub(crate) fn frame(&mut self, frame: &Frame<'_>) {
        for (sequence, entry, raw) in frame.records() {
            let follows = self.first + self.frontier.size() == sequence;
            if self.frontier.size() >= LEAF_RECORDS || !follows {
                self.close();
            }
            if self.frontier.size() == 0 {
                self.first = sequence;
            }
            let record = Record { input: frame.input, sequence, received_ns: entry.receive_time_ns, raw };
            self.frontier.push(record.hash());
        }
    }

    fn close(&mut self) {
        let frontier = std::mem::replace(&mut self.frontier, Frontier::new());
        if frontier.size() > 0 {
            let (first_sequence, records, root) = (self.first, frontier.size(), frontier.root());
            self.done.push(Batch { first_sequence, records, root });
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Batch> {
        self.close();
        self.done
    }
}

/// The tree and its signer.
pub(crate) struct Log {
    tree: Tree,
    signer: Signer,
    clock: fn() -> i64,
}

/// The origin of a node's tree, as signed notes want names: no spaces and no plus signs.
fn origin_of(node: &str) -> String {
    let plain: String = node.chars().map(|c| if c.is_ascii_graphic() && c != '+' { c } else { '-' }).collect();
    format!("noroshi/{plain}")
}

impl Log {
    /// Opens the tree in `directory`, or makes it with a new key.
    pub(crate) fn open(files: &Arc<dyn Files>, directory: &Path, node: &str, clock: fn() -> i64) -> io::Result<Self> {
        let key = directory.join(SIGNING_KEY);
        let tree_directory = directory.join(TREE);
        if files.metadata(&key).is_err() {
            if files.metadata(&tree_directory.join("checkpoint")).is_ok() {
                let told = format!("the key {} that signed the tree is gone; put it back", key.display());
                return Err(io::Error::new(io::ErrorKind::NotFound, told));
            }
            if let Some(parent) = key.parent() {
                files.create_directory(parent)?;
            }
            let signer = Signer::generate(&origin_of(node), KeyKind::Note).map_err(io::Error::other)?;
            signer.save(&**files, &key).map_err(io::Error::other)?;
        }
        let signer = Signer::load(&**files, &key).map_err(io::Error::other)?;
        let public = directory.join(VERIFIER_KEY);
        if files.metadata(&public).is_err() {
            let text = format!("{}\n", signer.verifier());
            noroshi_files::replace_durably(&**files, &public, text.as_bytes())?;
        }
        let tree = if files.metadata(&tree_directory.join("checkpoint")).is_ok() {
            Tree::open(Arc::clone(files), &tree_directory, std::slice::from_ref(signer.verifier()))
        } else {
            Tree::create(Arc::clone(files), &tree_directory, &signer, (clock() / 1_000_000_000).max(0) as u64)
        };
        let tree = tree.map_err(io::Error::other)?;
        if let Some(damage) = tree.recovered() {
            warn!("the tree was torn at its edge and is made good: {damage}");
        }
        Ok(Log { tree, signer, clock })
    }

    /// Appends what was sealed and signs the tree; the leaves' numbers, the manifest's is the last.
    pub(crate) fn sealed(&mut self, batches: &[Batch], mut manifest: Manifest) -> io::Result<Range<u64>> {
        let first = self.tree.size();
        manifest.batches = first..first + batches.len() as u64;
        let mut leaves: Vec<Leaf> = batches.iter().map(|batch| Leaf::Batch(*batch)).collect();
        leaves.push(Leaf::Manifest(manifest));
        self.append(&leaves)
    }

    /// Appends entries and signs the tree; their numbers. After an error they may stand in the tree all the same: whoever
    /// appends looks at what is there before ([`Log::leaf`]).
    pub(crate) fn append(&mut self, leaves: &[Leaf]) -> io::Result<Range<u64>> {
        let entries = leaves.iter().map(Leaf::encode).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
        let first = self.tree.size();
        for entry in &entries {
            self.append_entry(entry)?;
        }
        self.sign_appended()?;
        Ok(first..self.tree.size())
    }

    /// Entries of the tree, those included that are not signed yet.
    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The entry at an index; `None` beyond the last.
    pub(crate) fn entry(&self, index: u64) -> io::Result<Option<Vec<u8>>> {
        if index >= self.tree.size() {
            return Ok(None);
        }
        self.tree.entry(index).map(Some).map_err(io::Error::other)
    }

    /// The entry at an index, read; `None` also for one of a kind that a later version knows.
    pub(crate) fn leaf(&self, index: u64) -> io::Result<Option<Leaf>> {
        Ok(self.entry(index)?.and_then(|entry| Leaf::parse(&entry).ok()))
    }

    /// Appends an entry; [`Log::sign_appended`] makes it durable.
    pub(crate) fn append_entry(&mut self, entry: &[u8]) -> io::Result<u64> {
        self.tree.append(entry).map_err(io::Error::other)
    }

    /// Signs the tree with all that was appended to it.
    pub(crate) fn sign_appended(&mut self) -> io::Result<()> {
        let time_s = ((self.clock)() / 1_000_000_000).max(0) as u64;
        self.tree.publish(&self.signer, time_s).map_err(io::Error::other)?;
        Ok(())
    }

    /// Adds what a witness gave to the checkpoint, if it is over that.
    pub(crate) fn add_cosignature(&mut self, line: Signature, witness: Verifier) -> io::Result<()> {
        self.tree.add_cosignatures(&[line], &[witness]).map(drop).map_err(io::Error::other)
    }

    /// The key that the tree is verified by.
    pub(crate) fn verifier(&self) -> &Verifier {
        self.signer.verifier()
    }
}

/// A digest as the tree holds it.
pub(crate) fn hash_of(digest: [u8; 32]) -> Hash {
    Hash(digest)
}

/// The archive's verifier key.
pub fn verifier_path(directory: &Path) -> PathBuf {
    directory.join(VERIFIER_KEY)
}
