//! Proofs as text files: that a record, or an entry, stood in a tree when its checkpoint was signed. Verified offline, against keys alone.
//!
//! Three parts, an empty line between: the record with its way to the root of its batch (absent when the entry itself is
//! what is shown), the entry, and from there to the end a proof as c2sp.org/tlog-proof has it, which other tools verify too:
//!
//! ```text
//! noroshi/proof/v1
//! input "edge"
//! sequence 1007
//! received_ns 1790000000000000000
//! raw <base64>
//! <hashes to the batch's root, the sibling first>
//!
//! noroshi/batch/v1
//! …
//!
//! c2sp.org/tlog-proof@v1
//! index 73894
//! <hashes to the checkpoint's root>
//!
//! siem.example.com/archive
//! …
//! ```

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::Checkpoint;
use crate::error::TreeError;
use crate::hash::{Hash, leaf_hash, parse_decimal};
use crate::key::{KeyKind, Verifier};
use crate::leaf::{Leaf, LeafError, quoted};
use crate::merkle::{PROOF_HASHES_MAX, inclusion_proof_of, verify_inclusion};
use crate::note::{Note, NoteError};
use crate::reader::Reader;
use crate::record::Record;

/// Longest proof read: a record of 1 MiB in base64, an entry, and a note of many signatures.
pub const PROOF_BYTES_MAX: usize = 4 << 20;

const HEADER: &str = "noroshi/proof/v1";
const TLOG_HEADER: &str = "c2sp.org/tlog-proof@v1";

/// A proof, not yet verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    record: Option<RecordPart>,
    /// The entry's text, its last newline included.
    leaf: String,
    index: u64,
    path: Vec<Hash>,
    note: Note,
}

/// A record and its way to the root of its batch.
#[derive(Clone, PartialEq, Eq, Debug)]
struct RecordPart {
    input: String,
    sequence: u64,
    received_ns: i64,
    raw: Vec<u8>,
    path: Vec<Hash>,
}

impl RecordPart {
    fn record(&self) -> Record<'_> {
        Record { input: &self.input, sequence: self.sequence, received_ns: self.received_ns, raw: &self.raw }
    }
}

/// Whom a proof is held to.
#[derive(Clone, Default, Debug)]
pub struct Policy {
    /// Keys of the tree; one must have signed the checkpoint.
    pub log: Vec<Verifier>,
    /// Keys of witnesses that are believed.
    pub witnesses: Vec<Verifier>,
    /// How many of them must have cosigned.
    pub quorum: usize,
}

/// What a proof has shown.
#[derive(Debug)]
pub struct Shown<'p> {
    /// The record, when it is one.
    pub record: Option<Record<'p>>,
    /// The entry.
    pub leaf: Leaf,
    /// Its index in the tree.
    pub index: u64,
    /// The signed state of the tree.
    pub checkpoint: Checkpoint,
    /// Witnesses that saw this state, and when, seconds since 1970.
    pub witnessed: Vec<(String, u64)>,
}

/// Why a proof shows nothing.
#[derive(Debug)]
pub enum ProofError {
    /// The text is no proof.
    Malformed {
        /// How.
        what: &'static str,
    },
    /// The entry is none that this version reads.
    Leaf(LeafError),
    /// The checkpoint is not signed as the policy asks.
    Note(NoteError),
    /// The record is not one of the batch.
    Record,
    /// The entry is not in the tree at this index.
    Entry,
    /// Too few witnesses cosigned.
    Quorum {
        /// How many of the policy's did.
        have: usize,
        /// How many must.
        need: usize,
    },
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { what } => write!(f, "not a proof: {what}"),
            Self::Leaf(error) => write!(f, "{error}"),
            Self::Note(error) => write!(f, "{error}"),
            Self::Record => write!(
                f,
                "the record is not the one that was kept\n   = help: its bytes, input, number or receive time, or the proof, were changed"
            ),
            Self::Entry => write!(
                f,
                "the entry is not in the tree that was signed\n   = help: the entry, its index or the proof were changed"
            ),
            Self::Quorum { have, need } => write!(
                f,
                "{have} of the given witnesses cosigned, {need} must\n   = help: give the verifier keys of the witnesses, or make the proof anew once they have cosigned"
            ),
        }
    }
}

impl std::error::Error for ProofError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Leaf(error) => Some(error),
            Self::Note(error) => Some(error),
            _ => None,
        }
    }
}

fn malformed(what: &'static str) -> ProofError {
    ProofError::Malformed { what }
}

impl Proof {
    /// Proves an entry of a tree at its checkpoint.
    ///
    /// # Errors
    /// Those of [`Reader::entry`] and [`Reader::inclusion_proof`].
    ///
    /// # Panics
    /// For an entry that [`Leaf::encode`] did not make.
    pub fn of_entry(reader: &Reader, index: u64) -> Result<Self, TreeError> {
        let leaf = String::from_utf8(reader.entry(index)?).expect("entries are texts");
        let path = reader.inclusion_proof(index)?;
        Ok(Self { record: None, leaf, index, path, note: reader.note().clone() })
    }

    /// Proves a record: the entry at `index` is the batch whose records hash to `hashes`, and the record is its `place`-th,
    /// from 0.
    ///
    /// # Errors
    /// Those of [`Proof::of_entry`].
    ///
    /// # Panics
    /// When `place` is beyond `hashes`.
    pub fn of_record(
        reader: &Reader,
        index: u64,
        record: &Record<'_>,
        place: u64,
        hashes: &[Hash],
    ) -> Result<Self, TreeError> {
        let record = RecordPart {
            input: record.input.to_owned(),
            sequence: record.sequence,
            received_ns: record.received_ns,
            raw: record.raw.to_vec(),
            path: inclusion_proof_of(hashes, place),
        };
        Ok(Self { record: Some(record), ..Self::of_entry(reader, index)? })
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// [`ProofError::Malformed`], [`ProofError::Note`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(malformed("it is longer than 4 MiB"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
        let mut parts = text.splitn(4, "\n\n");
        let (Some(record), Some(leaf), Some(tlog), Some(note)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("it has fewer than four parts"));
        };
        let record = parse_record(record)?;
        let mut lines = tlog.split('\n');
        if lines.next() != Some(TLOG_HEADER) {
            return Err(malformed("the third part is no tlog-proof"));
        }
        let index = lines.next().and_then(|line| parse_decimal(line.strip_prefix("index ")?));
        let index = index.ok_or(malformed("the tlog-proof has no index"))?;
        let path = parse_hashes(lines)?;
        let note = Note::parse(note.as_bytes()).map_err(ProofError::Note)?;
        let proof = Self { record, leaf: format!("{leaf}\n"), index, path, note };
        if proof.to_string() == text {
            Ok(proof)
        } else {
            Err(malformed("it is not written as this version writes it"))
        }
    }

    /// Verifies the proof: the record is in the batch, the entry in the tree, the tree signed and witnessed as the policy asks.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, policy: &Policy) -> Result<Shown<'_>, ProofError> {
        let (checkpoint, _) = Checkpoint::of_note(&self.note, &policy.log).map_err(ProofError::Note)?;
        let hash = leaf_hash(self.leaf.as_bytes());
        if !verify_inclusion(&hash, self.index, checkpoint.size, &self.path, &checkpoint.root) {
            return Err(ProofError::Entry);
        }
        let leaf = Leaf::parse(self.leaf.as_bytes()).map_err(ProofError::Leaf)?;
        let record = match &self.record {
            None => None,
            Some(part) => {
                let Leaf::Batch(batch) = leaf else { return Err(malformed("the entry of a record is no batch")) };
                let place = part.sequence.checked_sub(batch.first_sequence).ok_or(ProofError::Record)?;
                if !verify_inclusion(&part.record().hash(), place, batch.records, &part.path, &batch.root) {
                    return Err(ProofError::Record);
                }
                Some(part.record())
            }
        };
        let witnessed = match self.note.verify(&policy.witnesses) {
            Ok(signed) => signed,
            Err(NoteError::Unsigned) => Vec::new(),
            Err(error) => return Err(ProofError::Note(error)),
        };
        let cosigned = witnessed.iter().filter(|signed| signed.by.kind() == KeyKind::Cosignature);
        let witnessed: Vec<_> = cosigned.filter_map(|s| Some((s.by.name().to_owned(), s.time_s?))).collect();
        if witnessed.len() < policy.quorum {
            return Err(ProofError::Quorum { have: witnessed.len(), need: policy.quorum });
        }
        Ok(Shown { record, leaf, index: self.index, checkpoint, witnessed })
    }
}

fn parse_record(part: &str) -> Result<Option<RecordPart>, ProofError> {
    let mut lines = part.split('\n');
    if lines.next() != Some(HEADER) {
        return Err(malformed("its first line is not noroshi/proof/v1"));
    }
    let Some(input) = lines.next() else { return Ok(None) };
    let mut next = |name: &str| lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let input = input.strip_prefix("input ").and_then(|text| serde_json::from_str::<String>(text).ok());
    let input = input.ok_or(malformed("the record has no input"))?;
    let sequence = next("sequence").and_then(parse_decimal).ok_or(malformed("the record has no sequence"))?;
    let received = next("received_ns").and_then(|text| text.parse::<i64>().ok());
    let received_ns = received.ok_or(malformed("the record has no receive time"))?;
    let raw =
        next("raw").and_then(|text| STANDARD.decode(text).ok()).ok_or(malformed("the record has no raw bytes"))?;
    Ok(Some(RecordPart { input, sequence, received_ns, raw, path: parse_hashes(lines)? }))
}

fn parse_hashes<'t>(lines: impl Iterator<Item = &'t str>) -> Result<Vec<Hash>, ProofError> {
    let mut hashes = Vec::new();
    for line in lines {
        if hashes.len() == PROOF_HASHES_MAX {
            return Err(malformed("it has more hashes than a tree has heights"));
        }
        hashes.push(Hash::parse(line).ok_or(malformed("a hash is not base64 of 32 bytes"))?);
    }
    Ok(hashes)
}

impl fmt::Display for Proof {
    /// The proof's file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(RecordPart { input, sequence, received_ns, raw, path }) = &self.record {
            writeln!(f, "input {}\nsequence {sequence}\nreceived_ns {received_ns}", quoted(input))?;
            writeln!(f, "raw {}", STANDARD.encode(raw))?;
            path.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        }
        write!(f, "\n{}\n{TLOG_HEADER}\nindex {}\n", self.leaf, self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
