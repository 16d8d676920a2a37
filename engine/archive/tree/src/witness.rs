//! A witness: checks, on another host, that a tree only ever grows, and cosigns what it saw (c2sp.org/tlog-witness).
//!
//! It remembers the last checkpoint it cosigned of each tree, durably before it answers: who replaces a tree's history
//! afterwards must do without its cosignature. It holds no records and asks for none.
//!
//! Here are the request, the decision and the answer, and the tree's side of the exchange; sockets are the caller's.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_files::{Files, replace_durably};

use crate::checkpoint::Checkpoint;
use crate::error::TreeError;
use crate::hash::{Hash, parse_decimal};
use crate::key::{KeyKind, Signer, Verifier};
use crate::merkle::verify_consistency;
use crate::note::{NOTE_BYTES_MAX, Note, NoteError, Signature, sign_text};
use crate::reader::Reader;

/// Hashes in the longest request, as tlog-witness bounds it.
pub const REQUEST_HASHES_MAX: usize = 63;

/// Longest request read: its hashes and a note.
pub const REQUEST_BYTES_MAX: usize = NOTE_BYTES_MAX + 64 * 45;

/// Path of the request below a witness's address.
pub const ADD_CHECKPOINT: &str = "/add-checkpoint";

/// A checkpoint on its way to a witness, with the proof that it continues the one of `old_size`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddCheckpoint {
    /// Size of the last checkpoint that the witness is thought to have cosigned.
    pub old_size: u64,
    /// Consistency proof from there.
    pub proof: Vec<Hash>,
    /// The new checkpoint.
    pub note: Note,
}

impl AddCheckpoint {
    /// Reads a request's body.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(body: &[u8]) -> Result<Self, NoteError> {
        let malformed = |what| NoteError::Malformed { what };
        if body.len() > REQUEST_BYTES_MAX {
            return Err(malformed("the request is longer than a checkpoint and its proof"));
        }
        let body = std::str::from_utf8(body).map_err(|_| malformed("the request is not UTF-8"))?;
        let (head, note) =
            body.split_once("\n\n").ok_or(malformed("the request has no checkpoint behind an empty line"))?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|line| parse_decimal(line.strip_prefix("old ")?));
        let old_size = old_size.ok_or(malformed("the request does not begin with the old size"))?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == REQUEST_HASHES_MAX {
                return Err(malformed("the proof has more than 63 hashes"));
            }
            proof.push(Hash::parse(line).ok_or(malformed("a hash of the proof is not base64 of 32 bytes"))?);
        }
        Ok(Self { old_size, proof, note: Note::parse(note.as_bytes())? })
    }
}

impl fmt::Display for AddCheckpoint {
    /// The request's body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

/// Why a witness does not cosign.
#[derive(Debug)]
pub enum Refusal {
    /// It knows no tree of this origin.
    UnknownOrigin,
    /// None of the tree's keys signed it, or one is said to have and has not.
    NotSigned(NoteError),
    /// The request contradicts itself or is none.
    BadRequest(NoteError),
    /// The old size is not that of the last checkpoint cosigned.
    Conflict {
        /// That size.
        size: u64,
    },
    /// A second tree of the size cosigned: its operator signed two histories.
    Fork {
        /// The size.
        size: u64,
    },
    /// The proof does not show that the tree continues the one cosigned.
    Inconsistent,
    /// What it saw cannot be kept, so nothing is cosigned.
    State(WitnessError),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOrigin => write!(f, "no tree of this origin is witnessed here"),
            Self::NotSigned(error) | Self::BadRequest(error) => write!(f, "{error}"),
            Self::Conflict { size } => write!(f, "the last checkpoint cosigned has {size} entries"),
            Self::Fork { size } => write!(f, "another tree of {size} entries was cosigned before"),
            Self::Inconsistent => write!(f, "the proof does not show that the tree continues the one cosigned before"),
            Self::State(error) => write!(f, "{error}"),
        }
    }
}

/// A witness's own state is unusable.
#[derive(Debug)]
pub enum WitnessError {
    /// A file operation failed.
    File {
        /// As in "cannot read".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What it remembers of a tree is not what it cosigned.
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it shows.
        source: NoteError,
    },
    /// The key signs notes and does not cosign.
    Key,
}

impl fmt::Display for WitnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { action, path, source } => {
                let path = path.display();
                write!(f, "cannot {action} `{path}`: {source}\n   = help: nothing is cosigned until it can be kept")
            }
            Self::Damaged { path, source } => {
                let path = path.display();
                write!(
                    f,
                    "`{path}` is not what this witness cosigned: {source}\n   = help: keep it for the inquiry; restore it from a copy, or begin anew with another key"
                )
            }
            Self::Key => {
                write!(f, "the key signs notes\n   = help: make a key that cosigns: the two say different things")
            }
        }
    }
}

impl std::error::Error for WitnessError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Damaged { source, .. } => Some(source),
            Self::Key => None,
        }
    }
}

/// What is sent back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Its content type.
    pub content_type: &'static str,
    /// Its body.
    pub body: String,
}

/// The witness of some trees, with one file for each in a directory.
#[derive(Debug)]
pub struct Witness {
    files: Arc<dyn Files>,
    directory: PathBuf,
    signer: Signer,
    logs: Vec<Verifier>,
    /// Last checkpoint cosigned, by origin.
    seen: BTreeMap<String, Checkpoint>,
}

impl Witness {
    /// Opens the witness of the trees that `logs` sign; several keys of one name are one tree.
    ///
    /// # Errors
    /// [`WitnessError`]. What it remembers must bear its own cosignature.
    pub fn open(
        files: Arc<dyn Files>,
        directory: &Path,
        signer: Signer,
        logs: Vec<Verifier>,
    ) -> Result<Self, WitnessError> {
        if signer.verifier().kind() != KeyKind::Cosignature {
            return Err(WitnessError::Key);
        }
        let file = |action, path: &Path, source| WitnessError::File { action, path: path.to_owned(), source };
        files.create_directory(directory).map_err(|e| file("create directory", directory, e))?;
        let mut seen = BTreeMap::new();
        for origin in logs.iter().map(Verifier::name) {
            let path = state_path(directory, origin);
            let bytes = match files.read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(file("read", &path, error)),
            };
            let damaged = |source| WitnessError::Damaged { path: path.clone(), source };
            let note = Note::parse(&bytes).map_err(damaged)?;
            note.verify(std::slice::from_ref(signer.verifier())).map_err(damaged)?;
            let checkpoint = Checkpoint::parse(note.text()).map_err(damaged)?;
            if checkpoint.origin != origin {
                return Err(damaged(NoteError::Malformed { what: "it is of another tree" }));
            }
            seen.insert(origin.to_owned(), checkpoint);
        }
        Ok(Self { files, directory: directory.to_owned(), signer, logs, seen })
    }

    /// The key that verifies what this witness cosigns.
    pub fn verifier(&self) -> &Verifier {
        self.signer.verifier()
    }

    /// The last checkpoints cosigned, by origin.
    pub fn seen(&self) -> impl Iterator<Item = &Checkpoint> {
        self.seen.values()
    }

    /// Cosigns a checkpoint that continues the last one, and remembers it durably first. Seconds since 1970 are the
    /// caller's, and go into the cosignature.
    ///
    /// A second history signed for the size cosigned is kept as `<name>.fork`: the two notes together convict its signer.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn add_checkpoint(&mut self, request: &AddCheckpoint, time_s: u64) -> Result<Signature, Refusal> {
        let new = Checkpoint::parse(request.note.text()).map_err(Refusal::BadRequest)?;
        let keys: Vec<_> = self.logs.iter().filter(|log| log.name() == new.origin).cloned().collect();
        if keys.is_empty() {
            return Err(Refusal::UnknownOrigin);
        }
        request.note.verify(&keys).map_err(Refusal::NotSigned)?;
        if request.old_size > new.size {
            return Err(Refusal::BadRequest(NoteError::Malformed { what: "the old size is beyond the checkpoint's" }));
        }
        let nothing = Checkpoint { size: 0, root: Hash::EMPTY_ROOT, ..new.clone() };
        let last = self.seen.get(&new.origin).unwrap_or(&nothing);
        if request.old_size != last.size {
            return Err(Refusal::Conflict { size: last.size });
        }
        if new.size == last.size && new.root != last.root {
            let size = last.size;
            self.keep_fork(&new.origin, &request.note)?;
            return Err(Refusal::Fork { size });
        }
        if !verify_consistency(last.size, &last.root, new.size, &new.root, &request.proof) {
            return Err(Refusal::Inconsistent);
        }
        let line = sign_text(request.note.text(), &self.signer, time_s);
        let mut note = request.note.clone();
        if !note.add(line.clone()) {
            return Err(Refusal::BadRequest(NoteError::Malformed { what: "it has no room for a cosignature" }));
        }
        self.write(&state_path(&self.directory, &new.origin), &note)?;
        self.seen.insert(new.origin.clone(), new);
        Ok(line)
    }

    fn keep_fork(&self, origin: &str, note: &Note) -> Result<(), Refusal> {
        let path = state_path(&self.directory, origin).with_extension("fork");
        // The first is the evidence; later ones add nothing and may not grow the directory.
        if self.files.metadata(&path).is_ok() { Ok(()) } else { self.write(&path, note) }
    }

    fn write(&self, path: &Path, note: &Note) -> Result<(), Refusal> {
        let written = replace_durably(&*self.files, path, note.to_string().as_bytes());
        written.map_err(|source| Refusal::State(WitnessError::File { action: "write", path: path.to_owned(), source }))
    }

    /// Answers a request's body as tlog-witness asks.
    pub fn answer(&mut self, body: &[u8], time_s: u64) -> Reply {
        const PLAIN: &str = "text/plain; charset=utf-8";
        let decided = AddCheckpoint::parse(body).map_err(Refusal::BadRequest);
        match decided.and_then(|request| self.add_checkpoint(&request, time_s)) {
            Ok(line) => Reply { status: 200, content_type: PLAIN, body: line.to_string() },
            Err(Refusal::Conflict { size } | Refusal::Fork { size }) => {
                Reply { status: 409, content_type: "text/x.tlog.size", body: format!("{size}\n") }
            }
            Err(refusal) => {
                let status = match refusal {
                    Refusal::UnknownOrigin => 404,
                    Refusal::NotSigned(_) => 403,
                    Refusal::Inconsistent => 422,
                    Refusal::State(_) => 500,
                    _ => 400,
                };
                Reply { status, content_type: PLAIN, body: format!("{refusal}\n") }
            }
        }
    }
}

/// A file name that no origin can choose: the hash of the origin.
fn state_path(directory: &Path, origin: &str) -> PathBuf {
    let mut name = String::new();
    for byte in Hash::of(origin.as_bytes()).0 {
        write!(name, "{byte:02x}").expect("a string takes any text");
    }
    directory.join(name).with_extension("checkpoint")
}

/// Why a witness gave no cosignature.
#[derive(Debug)]
pub enum CosignError<E> {
    /// It could not be asked.
    Send(E),
    /// The proof could not be made.
    Tree(TreeError),
    /// It has seen a longer history than there is here: this tree was put back, or another host signs with its key.
    Ahead {
        /// Entries it has seen.
        size: u64,
        /// Entries there are.
        here: u64,
    },
    /// It has seen another history of the same length.
    Fork {
        /// Entries.
        size: u64,
    },
    /// It refused with this status.
    Refused {
        /// HTTP status.
        status: u16,
        /// What it said, escaped and cut.
        what: String,
    },
    /// Its answer holds no cosignature of its key over this checkpoint.
    Answer,
}

impl<E> CosignError<E> {
    /// True when the witness's word is against this tree, as against a witness that cannot answer.
    pub fn is_tampering(&self) -> bool {
        match self {
            Self::Ahead { .. } | Self::Fork { .. } | Self::Refused { status: 422, .. } => true,
            Self::Tree(error) => error.is_tampering(),
            Self::Send(_) | Self::Refused { .. } | Self::Answer => false,
        }
    }
}

impl<E: fmt::Display> fmt::Display for CosignError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(error) => write!(f, "the witness cannot be asked: {error}"),
            Self::Tree(error) => write!(f, "{error}"),
            Self::Ahead { size, here } => write!(
                f,
                "the witness has seen {size} entries and there are {here}\n   = help: the archive was put back to an earlier state, or another host uses its key: inquire before going on"
            ),
            Self::Fork { size } => write!(
                f,
                "the witness has seen another history of {size} entries\n   = help: the archive was replaced, or another host uses its key: inquire before going on"
            ),
            Self::Refused { status, what } => write!(f, "the witness refused with {status}: {what}"),
            Self::Answer => write!(
                f,
                "the witness's answer is no cosignature of its key\n   = help: compare the verifier key configured with the one it shows at its start"
            ),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for CosignError<E> {}

/// The tree's side: asks one witness, and remembers what it has seen.
#[derive(Clone, Debug)]
pub struct Asker {
    witness: Verifier,
    known_size: u64,
}

impl Asker {
    /// Asks the witness with this key. What it has seen is learnt from it.
    pub fn new(witness: Verifier) -> Self {
        Self { witness, known_size: 0 }
    }

    /// Has the witness cosign a tree's checkpoint. `send` posts a body to its [`ADD_CHECKPOINT`] and returns status and body; it
    /// is called once, or twice where the witness has seen another size than thought.
    ///
    /// # Errors
    /// [`CosignError`].
    pub fn cosign<E>(
        &mut self,
        reader: &Reader,
        mut send: impl FnMut(String) -> Result<(u16, Vec<u8>), E>,
    ) -> Result<Signature, CosignError<E>> {
        let here = reader.checkpoint().size;
        let mut first = true;
        loop {
            let old_size = self.known_size.min(here);
            let proof = reader.consistency_proof(old_size).map_err(CosignError::Tree)?;
            let request = AddCheckpoint { old_size, proof, note: reader.note().clone() };
            let (status, body) = send(request.to_string()).map_err(CosignError::Send)?;
            match status {
                200 => {
                    let line = self.cosignature(reader.note(), &body).ok_or(CosignError::Answer)?;
                    self.known_size = here;
                    return Ok(line);
                }
                409 => {
                    let text = std::str::from_utf8(&body).ok().and_then(|body| body.strip_suffix('\n'));
                    let size = text.and_then(parse_decimal).ok_or(CosignError::Answer)?;
                    if size > here {
                        return Err(CosignError::Ahead { size, here });
                    }
                    if size == old_size {
                        return Err(CosignError::Fork { size });
                    }
                    self.known_size = size;
                    if !std::mem::take(&mut first) {
                        return Err(CosignError::Refused {
                            status,
                            what: "its state changes: is another host asking?".to_owned(),
                        });
                    }
                }
                _ => {
                    let what = String::from_utf8_lossy(&body).chars().take(200).flat_map(char::escape_debug).collect();
                    return Err(CosignError::Refused { status, what });
                }
            }
        }
    }

    /// The line of an answer that is this witness's over the note; others are ignored.
    fn cosignature(&self, note: &Note, body: &[u8]) -> Option<Signature> {
        let lines = std::str::from_utf8(body).ok()?.lines();
        let mut lines = lines.filter_map(|line| Signature::parse(line).ok());
        lines.find(|line| {
            let alone = Note::parse(format!("{}\n{line}", note.text()).as_bytes());
            alone.is_ok_and(|note| note.verify(std::slice::from_ref(&self.witness)).is_ok())
        })
    }
}

#[cfg(test)]
#[path = "witness_tests.rs"]
mod tests;
