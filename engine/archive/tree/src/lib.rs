//! Tamper evidence: an append-only Merkle tree on disk that can be shown, to someone who does not trust the host, to hold what
//! it held.
//!
//! The tree is laid out as c2sp.org/tlog-tiles has it, hashed as RFC 6962 §2.1 has it, and signed as c2sp.org/tlog-checkpoint and
//! c2sp.org/signed-note have it, so that tools of others read it. It knows nothing of what its entries say to the archive around
//! it, and no clock: time is passed in.
//!
//! - [`hash`], [`merkle`]: hashes, roots and proofs as arithmetic
//! - [`tile`]: names and bytes of tiles and bundles
//! - [`tree`]: appending, with one writer; [`reader`]: proofs by others
//! - [`check`]: the whole directory against the signed root
//! - [`key`], [`note`], [`checkpoint`]: keys, signed notes, signed tree states
//! - [`record`], [`leaf`], [`proof`]: what an archive puts in, and how it is shown to have been there
//! - [`witness`]: another host that sees to it that the tree only grows
//! - [`mac`]: what is not signed yet

pub mod check;
pub mod checkpoint;
mod disk;
pub mod error;
pub mod hash;
pub mod key;
pub mod leaf;
pub mod mac;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod reader;
pub mod record;
pub mod tile;
pub mod tree;
pub mod witness;

pub use checkpoint::Checkpoint;
pub use error::{Damage, DamageKind, TreeError};
pub use hash::Hash;
pub use key::{KeyKind, Signer, Verifier};
pub use note::{Note, Signature};
pub use reader::Reader;
pub use tree::Tree;
