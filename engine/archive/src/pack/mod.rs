//! Evidence packs: records frozen with the proof that they were kept, to be looked at where the archive is not.
//!
//! A pack is one `.tar.zst` whose members come in this order:
//!
//! | member | content |
//! |---|---|
//! | `checkpoint` | the signed state of the tree that every proof leads to |
//! | `log.pub` | the key that verifies it: to be compared with a copy from elsewhere |
//! | `alert.json`, `notes.txt`, `rules/…` | where the pack has them |
//! | `proofs/<sequence>.txt` | from the record's bytes to the checkpoint, one a record |
//! | `records.ndjson` | the records and their events, for people and scripts |
//! | `records.parquet` | the same as the archive's segments have it: what a search over the pack reads |
//! | `manifest.json` | what was asked for, by whom, when; every member before it with its size and SHA-256 |
//! | `manifest.note` | the SHA-256 of the manifest, signed by the archive's key |
//!
//! The proofs bind the records' bytes, numbers, inputs and receive times; that the events are what this version made of those bytes,
//! and that the alert and the rules are those of the archive's host, the signature on the manifest vouches for.

mod gather;
mod read;
mod write;

pub use read::{Against, Fault, Read, read, search};
pub use write::{Contents, Packed, write};

/// Most records of a pack: an inquiry's, not an archive's. Each costs the verifier a signature check and some kilobytes.
pub const RECORDS_MAX: usize = 100_000;

/// Most bytes of records of a pack, held in memory while it is written.
pub const RAW_BYTES_MAX: usize = 256 << 20;

/// Most members read from a pack: as many proofs, and rules and notes beside them.
pub const MEMBERS_MAX: usize = RECORDS_MAX + 10_000;

/// Longest member read.
pub const MEMBER_BYTES_MAX: u64 = 1 << 30;

/// Most bytes that a pack may unpack to.
pub const UNPACKED_BYTES_MAX: u64 = 4 << 30;

/// Longest name of a member: what a plain header of tar holds.
const NAME_BYTES_MAX: usize = 99;

const CHECKPOINT: &str = "checkpoint";
const LOG_KEY: &str = "log.pub";
const ALERT: &str = "alert.json";
const NOTES: &str = "notes.txt";
const RULES: &str = "rules/";
const PROOFS: &str = "proofs/";
const RECORDS: &str = "records.ndjson";
const PARQUET: &str = "records.parquet";
const MANIFEST: &str = "manifest.json";
const SIGNATURE: &str = "manifest.note";

/// First line of the manifest's signature: no text that begins so is a checkpoint, whose second line is a number.
const FORMAT: &str = "noroshi/evidence/v1";

/// The text that is signed.
fn signed_text(manifest_sha256: &str) -> String {
    format!("{FORMAT}\nmanifest.json sha256 {manifest_sha256}\n")
}

fn proof_name(sequence: u64) -> String {
    format!("{PROOFS}{sequence:020}.txt")
}
