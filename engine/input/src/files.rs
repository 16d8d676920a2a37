//! File access through one small trait, so that tests can make any step fail.
//!
//! Checkpoints, the alert file and the spool write through [`Files`]; [`RealFiles`] is the operating
//! system, [`FaultyFiles`] wraps it and injects short writes, EIO and ENOSPC at a chosen call.

use std::fmt::Debug;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

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
}

impl FileMetadata {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            len: metadata.len(),
            dev: metadata.dev(),
            ino: metadata.ino(),
            links: metadata.nlink(),
            is_file: metadata.is_file(),
        }
    }
}

/// A file open for reading.
pub trait ReadFile: Read + Seek + Send + Debug {
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

/// The operating system's files.
#[derive(Clone, Copy, Default, Debug)]
pub struct RealFiles;

#[derive(Debug)]
struct RealRead(fs::File);

impl Read for RealRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for RealRead {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl ReadFile for RealRead {
    fn metadata(&self) -> io::Result<FileMetadata> {
        self.0.metadata().map(|m| FileMetadata::of(&m))
    }
}

#[derive(Debug)]
struct RealWrite(fs::File);

impl Write for RealWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl WriteFile for RealWrite {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|m| m.len())
    }
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)?;
        self.0.seek(SeekFrom::Start(len)).map(drop)
    }
}

impl Files for RealFiles {
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        Ok(Box::new(RealRead(fs::File::open(path)?)))
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        Ok(Box::new(RealWrite(fs::File::create(path)?)))
    }
    fn append(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        Ok(Box::new(RealWrite(fs::OpenOptions::new().create(true).append(true).open(path)?)))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
    fn metadata(&self, path: &Path) -> io::Result<FileMetadata> {
        fs::metadata(path).map(|m| FileMetadata::of(&m))
    }
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(directory)?.map(|entry| entry.map(|e| e.path()));
        let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    }
    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        fs::File::open(directory)?.sync_all()
    }
}

/// A step that can be made to fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// `open`, `create`, `append`.
    Open,
    /// A read of an open file.
    Read,
    /// A write to an open file.
    Write,
    /// A sync of a file or directory.
    Sync,
    /// A rename.
    Rename,
    /// A removal.
    Remove,
    /// A look at a path or an open file.
    Metadata,
    /// The listing of a directory.
    List,
}

/// How it fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// EIO.
    Io,
    /// ENOSPC.
    NoSpace,
    /// A write takes one byte only, which is no error; every other operation fails with EIO.
    ShortWrite,
    /// A write takes half of its bytes to the disk, then tells ENOSPC: a torn record.
    TornWrite,
    /// EACCES.
    Denied,
}

impl Fault {
    fn error(self) -> io::Error {
        io::Error::from_raw_os_error(match self {
            Self::Io | Self::ShortWrite => libc::EIO,
            Self::NoSpace | Self::TornWrite => libc::ENOSPC,
            Self::Denied => libc::EACCES,
        })
    }
}

#[derive(Debug)]
struct Planned {
    operation: Operation,
    /// Calls of this operation until it fails, that one included.
    calls: u64,
    /// Fails from then on, until [`FaultyFiles::heal`].
    for_ever: bool,
    fault: Fault,
}

type Plan = std::sync::Arc<Mutex<Vec<Planned>>>;

fn strike(plan: &Plan, operation: Operation) -> Option<Fault> {
    let mut plan = plan.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut struck = None;
    plan.retain_mut(|planned| {
        if planned.operation != operation {
            return true;
        }
        planned.calls = planned.calls.saturating_sub(1);
        if planned.calls > 0 {
            return true;
        }
        struck = Some(planned.fault);
        planned.for_ever
    });
    struck
}

fn check(plan: &Plan, operation: Operation) -> io::Result<()> {
    strike(plan, operation).map_or(Ok(()), |fault| Err(fault.error()))
}

/// Files that fail where a test says so, and are those of `F` otherwise.
#[derive(Debug)]
pub struct FaultyFiles<F> {
    inner: F,
    plan: Plan,
}

impl<F: Files> FaultyFiles<F> {
    /// Wraps `inner`; nothing fails yet.
    pub fn new(inner: F) -> Self {
        Self { inner, plan: Plan::default() }
    }

    /// Makes the `nth` call of `operation` from now (1 is the next) fail, once.
    pub fn fail(&self, operation: Operation, nth: u64, fault: Fault) {
        self.plan(Planned { operation, calls: nth.max(1), for_ever: false, fault });
    }

    /// Makes every call of `operation` fail from the `nth` on.
    pub fn fail_from(&self, operation: Operation, nth: u64, fault: Fault) {
        self.plan(Planned { operation, calls: nth.max(1), for_ever: true, fault });
    }

    /// Forgets every planned fault: the disk works again.
    pub fn heal(&self) {
        self.plan.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }

    fn plan(&self, planned: Planned) {
        self.plan.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(planned);
    }
}

#[derive(Debug)]
struct FaultyRead {
    inner: Box<dyn ReadFile>,
    plan: Plan,
}

impl Read for FaultyRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        check(&self.plan, Operation::Read)?;
        self.inner.read(buffer)
    }
}

impl Seek for FaultyRead {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

impl ReadFile for FaultyRead {
    fn metadata(&self) -> io::Result<FileMetadata> {
        check(&self.plan, Operation::Metadata)?;
        self.inner.metadata()
    }
}

#[derive(Debug)]
struct FaultyWrite {
    inner: Box<dyn WriteFile>,
    plan: Plan,
}

impl Write for FaultyWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match strike(&self.plan, Operation::Write) {
            None => self.inner.write(bytes),
            Some(Fault::ShortWrite) => self.inner.write(&bytes[..bytes.len().min(1)]),
            Some(fault) => {
                if fault == Fault::TornWrite {
                    self.inner.write_all(&bytes[..bytes.len() / 2])?;
                }
                Err(fault.error())
            }
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl WriteFile for FaultyWrite {
    fn sync(&mut self) -> io::Result<()> {
        check(&self.plan, Operation::Sync)?;
        self.inner.sync()
    }
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.inner.truncate(len)
    }
}

impl<F: Files> Files for FaultyFiles<F> {
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        check(&self.plan, Operation::Open)?;
        Ok(Box::new(FaultyRead { inner: self.inner.open(path)?, plan: self.plan.clone() }))
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        check(&self.plan, Operation::Open)?;
        Ok(Box::new(FaultyWrite { inner: self.inner.create(path)?, plan: self.plan.clone() }))
    }
    fn append(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        check(&self.plan, Operation::Open)?;
        Ok(Box::new(FaultyWrite { inner: self.inner.append(path)?, plan: self.plan.clone() }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        check(&self.plan, Operation::Rename)?;
        self.inner.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        check(&self.plan, Operation::Remove)?;
        self.inner.remove(path)
    }
    fn metadata(&self, path: &Path) -> io::Result<FileMetadata> {
        check(&self.plan, Operation::Metadata)?;
        self.inner.metadata(path)
    }
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        check(&self.plan, Operation::List)?;
        self.inner.list(directory)
    }
    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        check(&self.plan, Operation::Sync)?;
        self.inner.sync_directory(directory)
    }
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
