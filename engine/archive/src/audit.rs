//! Acts of operators on their way into the tree.
//!
//! What reads evidence runs beside the engine, and only the engine appends to the tree. So an act is first written, synced, to
//! `audit/pending/<id>.act`, and taken into the tree by whoever holds the archive: a running engine within a second, else
//! the next one. A crash at any step takes an act in once and loses none: before an act is appended its file is renamed
//! to tell the index it is going to have, and a file that tells one is in the tree if the entry there says the same.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_files::Files;
use noroshi_tree::check::{Checked, check};
use noroshi_tree::leaf::{Audit, Leaf};
use noroshi_tree::tile::ENTRY_BYTES_MAX;
use noroshi_tree::{TreeError, Verifier};
use serde_json::Value;
use tracing::error;

use crate::log::{Log, SIGNING_KEY, TREE};

/// Where acts wait for the tree, below the archive's directory.
pub const PENDING: &str = "audit/pending";

/// Longest id of an act: a time, a process and a number.
const ID_BYTES_MAX: usize = 64;

/// Acts taken up at once, so that sealing never waits long for a flood of them.
const AT_ONCE_MAX: usize = 256;

/// Whether an act's id can name its file: letters, digits and dashes.
fn is_id(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether an act fits into an entry of the tree.
pub fn fits(act: &Value) -> bool {
    Audit::new(act.clone()).is_ok_and(|audit| Leaf::Audit(audit).encode().is_ok())
}

/// Writes an act down, durably, for the tree to take up. Its `id` names the file and has to be one that no other act has.
///
/// `owned` is called with every file and directory that was made, before it has its name: where the caller runs as another
/// user than the archive, it hands them over.
///
/// # Errors
/// Those of writing; an act that is no entry of a tree is refused. Nothing waits for the tree then.
pub fn write(
    files: &dyn Files,
    directory: &Path,
    act: &Value,
    owned: &dyn Fn(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let refused = |told: &str| io::Error::new(io::ErrorKind::InvalidInput, told.to_owned());
    let id = act["id"].as_str().filter(|id| is_id(id)).ok_or_else(|| refused("an act needs an id"))?;
    let audit = Audit::new(act.clone()).map_err(|cause| refused(&cause.to_string()))?;
    let entry = Leaf::Audit(audit).encode().map_err(|cause| refused(&cause.to_string()))?;
    let pending = directory.join(PENDING);
    for made in [pending.parent().unwrap_or(directory), &pending] {
        if files.metadata(made).is_err() {
            files.create_directory(made)?;
            owned(made)?;
        }
    }
    let (path, beside) = (pending.join(format!("{id}.act")), pending.join(format!("{id}.new")));
    let written = (|| {
        let mut file = files.create_private(&beside)?;
        file.write_all(&entry)?;
        file.sync()?;
        owned(&beside)?;
        files.rename(&beside, &path)?;
        files.sync_directory(&pending)
    })();
    if written.is_err() {
        // The first error is the one to tell.
        let _ = files.remove(&beside);
    }
    written
}

/// A file of an act.
struct Waiting {
    path: PathBuf,
    id: String,
    /// The index it was to have, when it was to be appended before.
    index: Option<u64>,
}

fn waiting(files: &dyn Files, directory: &Path) -> io::Result<Vec<Waiting>> {
    let paths = match files.list(&directory.join(PENDING)) {
        Ok(paths) => paths,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let of = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".act")?;
        let (id, index) = match name.split_once('@') {
            Some((id, index)) => (id, Some(index.parse().ok()?)),
            None => (name, None),
        };
        let id = is_id(id).then(|| id.to_owned())?;
        Some(Waiting { path, id, index })
    };
    Ok(paths.into_iter().filter_map(of).collect())
}

/// How many acts wait to be taken up; nought where that cannot be told.
pub(crate) fn waiting_acts(files: &dyn Files, directory: &Path) -> usize {
    waiting(files, directory).map_or(0, |acts| acts.len())
}

/// The entry that a file holds; the outer error is the disk's, the inner tells why it is none.
fn entry_of(files: &dyn Files, waiting: &Waiting) -> io::Result<Result<Vec<u8>, String>> {
    let metadata = files.metadata(&waiting.path)?;
    if !metadata.is_file || metadata.len > ENTRY_BYTES_MAX as u64 {
        return Ok(Err("it is no file that an entry fits into".into()));
    }
    let bytes = files.read(&waiting.path)?;
    Ok(match Leaf::parse(&bytes) {
        Ok(Leaf::Audit(audit)) if audit.value()["id"] == waiting.id.as_str() => Ok(bytes),
        Ok(_) => Err("it is no act of its name".into()),
        Err(cause) => Err(cause.to_string()),
    })
}

/// Takes what waits into the tree and signs it; how many acts.
///
/// # Errors
/// The step that failed. What was not taken up waits on.
pub(crate) fn take_up_into(log: &mut Log, files: &dyn Files, directory: &Path) -> io::Result<usize> {
    let found = waiting(files, directory)?;
    if found.is_empty() {
        return Ok(0);
    }
    // What an attempt before has appended and could not sign stands in memory alone: signed first, so that an entry that is
    // there is there for good.
    log.sign_appended()?;
    let pending = directory.join(PENDING);
    let (mut due, mut done) = (Vec::new(), Vec::new());
    for act in found.into_iter().take(AT_ONCE_MAX) {
        let entry = match entry_of(files, &act)? {
            Ok(entry) => entry,
            Err(why) => {
                let beside = act.path.with_extension("refused");
                error!("{}: {why}; it is kept as {}", act.path.display(), beside.display());
                files.rename(&act.path, &beside)?;
                continue;
            }
        };
        match act.index {
            Some(index) if log.entry(index)?.as_deref() == Some(entry.as_slice()) => done.push(act.path),
            _ => due.push((act, entry)),
        }
    }
    let mut named = false;
    for (index, (act, _)) in (log.size()..).zip(&mut due) {
        let path = pending.join(format!("{}@{index}.act", act.id));
        if act.index != Some(index) {
            files.rename(&act.path, &path)?;
            named = true;
        }
        act.path = path;
    }
    if named {
        files.sync_directory(&pending)?;
    }
    for (_, entry) in &due {
        log.append_entry(entry)?;
    }
    log.sign_appended()?;
    let taken = due.len();
    for path in due.into_iter().map(|(act, _)| act.path).chain(done) {
        files.remove(&path)?;
    }
    Ok(taken)
}

/// Takes what waits into the tree of an archive that no engine runs on: the caller holds its lock. `None` where there is
/// no tree yet or its key is not here.
///
/// # Errors
/// Those of opening and writing the tree.
pub fn take_up(files: &Arc<dyn Files>, directory: &Path, clock: fn() -> i64) -> io::Result<Option<usize>> {
    let there = |name: &str| files.metadata(&directory.join(name)).is_ok();
    if !there(SIGNING_KEY) || !there(&format!("{TREE}/checkpoint")) {
        return Ok(None);
    }
    // The node's name is of no matter: the key is there, and has its own.
    let mut log = Log::open(files, directory, "", clock)?;
    take_up_into(&mut log, &**files, directory).map(Some)
}

/// An act and where it stands in the tree; `None` = it waits to be taken up.
pub type Placed = (Option<u64>, Value);

/// Every act, as the tree has them and then what waits; with it the tree, every entry of which was held to its signed root.
///
/// # Errors
/// A tree that is not what was signed, or cannot be read.
pub fn acts(
    files: &Arc<dyn Files>,
    directory: &Path,
    keys: &[Verifier],
) -> Result<(Vec<Placed>, Option<Checked>), TreeError> {
    let mut found: Vec<Placed> = Vec::new();
    // Before the tree: what is taken up in between is in both, and shown once.
    let pending = waiting(&**files, directory).map_err(|source| TreeError::File {
        action: "list",
        path: directory.join(PENDING),
        source,
    })?;
    let pending: Vec<Vec<u8>> = pending.iter().filter_map(|act| entry_of(&**files, act).ok()?.ok()).collect();
    let checked = check(Arc::clone(files), &directory.join(TREE), keys, &[], &mut |index, entry| {
        if let Ok(Leaf::Audit(audit)) = Leaf::parse(entry) {
            found.push((Some(index), audit.value().clone()));
        }
    });
    let checked = match checked {
        Ok(checked) => Some(checked),
        Err(TreeError::NoCheckpoint { .. }) => None,
        Err(error) => return Err(error),
    };
    for entry in pending {
        let Ok(Leaf::Audit(audit)) = Leaf::parse(&entry) else { continue };
        let id = &audit.value()["id"];
        if !found.iter().any(|(_, act)| &act["id"] == id) {
            found.push((None, audit.value().clone()));
        }
    }
    Ok((found, checked))
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
