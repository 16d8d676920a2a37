//! Files that fail where a test says so.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::{FileMetadata, Files, ReadFile, WriteFile};

/// A step that can be made to fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// `open`, `create`, `append`, and the making of a directory.
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
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        check(&self.plan, Operation::Read)?;
        self.inner.read_at(buffer, offset)
    }
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
    fn create_private(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        check(&self.plan, Operation::Open)?;
        Ok(Box::new(FaultyWrite { inner: self.inner.create_private(path)?, plan: self.plan.clone() }))
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
    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        check(&self.plan, Operation::Open)?;
        self.inner.create_directory(directory)
    }
    fn remove_directory(&self, directory: &Path) -> io::Result<()> {
        check(&self.plan, Operation::Remove)?;
        self.inner.remove_directory(directory)
    }
    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        check(&self.plan, Operation::Sync)?;
        self.inner.sync_directory(directory)
    }
}
