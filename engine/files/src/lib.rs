//! File access through one small trait, so that tests can make any step fail.
//!
//! The archive, checkpoints, the alert file and the spool write through [`Files`]; [`RealFiles`] is the operating
//! system, [`FaultyFiles`] wraps any other and injects short writes, EIO and ENOSPC at a chosen call, and
//! [`SimulatedDisk`] is a disk in memory whose power can be cut: what was not synced may be gone.

mod faulty;
mod real;
mod simulated;

use std::fmt::Debug;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

pub use faulty::{Fault, FaultyFiles, Operation};
pub use real::RealFiles;
pub use simulated::SimulatedDisk;

/// What [`Files::metadata`] tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileMetadata {
    /// Length in bytes.
    pub len: u64,
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Names the inode has; 0 for a file that was removed while open.
    pub links: u64,
    /// True for a regular file.
    pub is_file: bool,
    /// Permission bits.
    pub mode: u32,
}

/// A file open for reading.
pub trait ReadFile: Read + Seek + Send + Sync + Debug {
    /// Reads at a place, without moving the one of [`Read`]; 0 bytes = the file ends there.
    ///
    /// # Errors
    /// Those of `pread`.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// What the open file is now, whatever its name.
    ///
    /// # Errors
    /// Those of `fstat`.
    fn metadata(&self) -> io::Result<FileMetadata>;
}

/// A file open for writing.
pub trait WriteFile: Write + Send + Debug {
    /// Makes what was written durable (`fsync`). After an error nothing can be assumed of what was
    /// written since the last success: the writer must stop using the file.
    ///
    /// # Errors
    /// Those of `fsync`.
    fn sync(&mut self) -> io::Result<()>;
    /// Length of the file now, in bytes.
    ///
    /// # Errors
    /// Those of `fstat`.
    fn len(&self) -> io::Result<u64>;
    /// True for a file of no bytes.
    ///
    /// # Errors
    /// Those of `fstat`.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts the file to `len` bytes and goes on writing there: how a torn tail is removed.
    ///
    /// # Errors
    /// Those of `ftruncate`.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// The operations on files the engine needs. Every error carries no path: the caller adds it.
pub trait Files: Send + Sync + Debug {
    /// Opens for reading.
    ///
    /// # Errors
    /// Those of `open`.
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>>;
    /// Creates, or cuts to nothing, for writing.
    ///
    /// # Errors
    /// Those of `open`.
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>>;
    /// Creates for the owner alone (mode 0600): for keys. Fails with `AlreadyExists` where the name stands.
    ///
    /// # Errors
    /// Those of `open`.
    fn create_private(&self, path: &Path) -> io::Result<Box<dyn WriteFile>>;
    /// Opens for appending; created when absent.
    ///
    /// # Errors
    /// Those of `open`.
    fn append(&self, path: &Path) -> io::Result<Box<dyn WriteFile>>;
    /// Renames within one file system, replacing `to`.
    ///
    /// # Errors
    /// Those of `rename`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// Those of `unlink`.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// What a path is, links followed.
    ///
    /// # Errors
    /// Those of `stat`.
    fn metadata(&self, path: &Path) -> io::Result<FileMetadata>;
    /// The entries of a directory, sorted.
    ///
    /// # Errors
    /// Those of `readdir`.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;
    /// Creates a directory and those above it, for the owner alone (mode 0700); one that stands is left as it is.
    ///
    /// # Errors
    /// Those of `mkdir`.
    fn create_directory(&self, directory: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    ///
    /// # Errors
    /// Those of `rmdir`.
    fn remove_directory(&self, directory: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in a directory durable.
    ///
    /// # Errors
    /// Those of `fsync`.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;

    /// Reads a small file whole.
    ///
    /// # Errors
    /// Those of `open` and `read`.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The directory of a path, `.` for a bare name.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Replaces `path` by `bytes` so that a crash leaves the old or the new content: written to `path` +
/// `.new`, synced, renamed, directory synced.
///
/// # Errors
/// That of the first step that failed; the old content then still stands, unless it was the last
/// step, when either may.
pub fn replace_durably(files: &dyn Files, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let beside = PathBuf::from(name);
    let written = files.create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync()
    });
    let renamed = written.and_then(|()| files.rename(&beside, path));
    if renamed.is_err() {
        // The first error is the one to tell; a leftover is overwritten by the next attempt.
        let _ = files.remove(&beside);
    }
    renamed?;
    files.sync_directory(directory_of(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_the_call_it_was_planned_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let files = FaultyFiles::new(RealFiles);
        files.fail(Operation::Write, 2, Fault::TornWrite);
        let mut file = files.append(&path).unwrap();
        file.write_all(b"whole\n").unwrap();
        let error = file.write_all(b"torn!!").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
        assert_eq!(file.len().unwrap(), 9);
        file.truncate(6).unwrap();
        file.write_all(b"again\n").unwrap();
        file.sync().unwrap();
        assert_eq!(files.read(&path).unwrap(), b"whole\nagain\n");
    }

    #[test]
    fn a_disk_that_stays_full_heals_when_told() {
        let dir = tempfile::tempdir().unwrap();
        let files = FaultyFiles::new(RealFiles);
        files.fail_from(Operation::Write, 1, Fault::NoSpace);
        let mut file = files.create(&dir.path().join("a")).unwrap();
        for _ in 0..3 {
            assert!(file.write(b"x").is_err());
        }
        files.heal();
        assert_eq!(file.write(b"x").unwrap(), 1);
    }

    #[test]
    fn list_is_sorted_and_directory_of_a_bare_name_is_here() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a", "c"] {
            RealFiles.create(&dir.path().join(name)).unwrap();
        }
        let listed = RealFiles.list(dir.path()).unwrap();
        assert_eq!(listed, ["a", "b", "c"].map(|n| dir.path().join(n)));
        assert_eq!(directory_of(Path::new("x")), Path::new("."));
    }
}
