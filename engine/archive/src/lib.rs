//! The archive: every record on disk before it is acknowledged, sealed as Parquet, proven and searched.
//!
//! Frames of records go into a write-ahead segment ([`Appender`]) and are synced together; a closed segment is sealed: its
//! records are decoded and written as one Parquet file beside their raw bytes, and told in the [`catalog`]. docs/ARCHIVE.md
//! is the layout for whoever reads the files without us.

mod about;
mod age;
mod archive;
pub mod audit;
pub mod catalog;
mod columns;
mod commit;
mod compact;
mod frame;
pub mod hold;
mod log;
mod mend;
mod numbered;
pub mod pack;
mod prove;
mod retention;
pub mod schema;
mod seal;
mod sealer;
pub mod search;
mod stored;
mod tail;
mod unsealed;
mod upkeep;
pub mod verify;
mod wal;

pub use about::ABOUT;
pub use archive::{Appender, Archive, ArchiveError, SEGMENT_AGE_S, SEGMENT_BYTES, Settings, Status, Watcher};
pub use commit::Told;
pub use frame::{Entry, FrameOrigin, FrameWriter, Numbered, Transport};
pub use log::{SIGNING_KEY, TREE, VERIFIER_KEY, verifier_path};
pub use noroshi_tree as tree;
pub use prove::Prover;
pub use retention::{Limits, Retention};
pub use seal::{Correction, InputOptions};
pub use stored::{Hunted, Stored};
pub use tail::{InitError, TAIL_STATE, init, is_held};
