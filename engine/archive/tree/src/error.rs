//! What can go wrong with a tree on disk, and the way out.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use crate::note::NoteError;

/// A step on a tree that failed.
#[derive(Debug)]
pub enum TreeError {
    /// A file operation failed: nothing can be said of the tree's content.
    File {
        /// As in "cannot read".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The directory holds no tree: its checkpoint is not there.
    NoCheckpoint {
        /// Where it would be.
        path: PathBuf,
    },
    /// A tree would be made where one is.
    Exists {
        /// Its checkpoint.
        path: PathBuf,
    },
    /// The checkpoint is not one that the log signed.
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: NoteError,
    },
    /// The content of a file is not what the tree commits to.
    Damaged(Box<Damage>),
    /// The entries given again are not those that were signed.
    Diverged {
        /// Entries at which the signed root is missed.
        size: u64,
    },
    /// An entry is longer than its length can say.
    EntryTooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// An entry, or a tree size, beyond the tree.
    Beyond {
        /// What was asked for.
        asked: u64,
        /// Entries there are.
        size: u64,
    },
    /// The tree does not yet hold all entries that its last checkpoint signs: they must be given again first.
    Behind {
        /// Entries there are.
        size: u64,
        /// Entries signed.
        signed: u64,
    },
}

/// Content that is not what the tree commits to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// What kind.
    pub kind: DamageKind,
    /// The file.
    pub path: PathBuf,
    /// Its bytes that are wrong, as near as can be told.
    pub bytes: Range<u64>,
    /// The entries that can no longer be shown because of it.
    pub entries: Range<u64>,
}

/// Kinds of damage, as `verify` names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DamageKind {
    /// The file is not there.
    Missing,
    /// It has more or fewer bytes than it must.
    Length,
    /// Hashes of a tile are not those its parent commits to.
    Hashes,
    /// An entry does not hash to what its tile says.
    Entry,
    /// Entries and tiles agree with one another and not with the signed root: they were replaced together, or the
    /// checkpoint is of another state.
    Rewritten,
    /// The signed checkpoint is older than one known elsewhere: the tree was put back.
    RolledBack,
    /// The tree is no continuation of a checkpoint known elsewhere: its history was replaced.
    Forked,
}

impl DamageKind {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Length => "length",
            Self::Hashes => "hashes",
            Self::Entry => "entry",
            Self::Rewritten => "rewritten",
            Self::RolledBack => "rolled_back",
            Self::Forked => "forked",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, bytes, entries) = (self.path.display(), &self.bytes, &self.entries);
        match self.kind {
            DamageKind::Missing => write!(f, "`{path}` is missing"),
            DamageKind::Length => write!(f, "`{path}` is cut or lengthened at byte {}", bytes.start),
            DamageKind::Hashes => {
                write!(f, "`{path}` holds other hashes than were signed, bytes {}..{}", bytes.start, bytes.end)
            }
            DamageKind::Entry => {
                write!(f, "`{path}` holds another entry than was signed, bytes {}..{}", bytes.start, bytes.end)
            }
            DamageKind::Rewritten => write!(f, "`{path}` signs another root than that of the entries on disk"),
            DamageKind::RolledBack => {
                write!(f, "`{path}` is older than a checkpoint known elsewhere: the tree was put back")
            }
            DamageKind::Forked => write!(f, "`{path}` is no continuation of a checkpoint known elsewhere"),
        }?;
        write!(f, " (entries {}..{})", entries.start, entries.end)
    }
}

impl TreeError {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File { action, path: path.into(), source }
    }

    /// True when the content was changed, as against a file that cannot be read just now.
    pub fn is_tampering(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Diverged { .. } | Self::Checkpoint { .. } | Self::NoCheckpoint { .. })
    }
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { action, path, source } => {
                let path = path.display();
                write!(f, "cannot {action} `{path}`: {source}\n   = help: correct the cause; nothing was lost by it")
            }
            Self::NoCheckpoint { path } => write!(
                f,
                "no tree: `{}` is missing\n   = help: make one, or restore the checkpoint from a copy or a witness",
                path.display()
            ),
            Self::Exists { path } => {
                write!(f, "a tree is there already: `{}`\n   = help: take another directory", path.display())
            }
            Self::Checkpoint { path, source } => write!(f, "`{}`: {source}", path.display()),
            Self::Damaged(damage) => {
                write!(f, "{damage}\n   = help: keep the directory as it is for the inquiry; restore a copy beside it")
            }
            Self::Diverged { size } => write!(
                f,
                "the entries given again do not give the root signed at {size} entries\n   = help: they were changed after they were signed, or are of another archive"
            ),
            Self::EntryTooLong { bytes } => {
                let max = crate::tile::ENTRY_BYTES_MAX;
                write!(f, "an entry of {bytes} bytes is longer than {max}\n   = help: split it over several entries")
            }
            Self::Beyond { asked, size } => write!(f, "{asked} is beyond the tree of {size} entries"),
            Self::Behind { size, signed } => write!(
                f,
                "the tree holds {size} entries and its checkpoint signs {signed}\n   = help: give the missing entries again before new ones are signed"
            ),
        }
    }
}

impl std::error::Error for TreeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Checkpoint { source, .. } => Some(source),
            _ => None,
        }
    }
}
