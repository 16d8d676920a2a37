//! Files that grow by batches, each batch whole and synced or not there at all.
//!
//! The alert file, the spool and the record of sent alerts are such files. After a failed write or sync
//! nothing is assumed about what reached the disk: the file is opened anew, cut back to the last synced
//! length, and the batch written again by the caller's retry. So a retry neither tears nor doubles a line.

use std::fmt;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_input::files::{FileMetadata, Files, WriteFile, directory_of};

/// How much of a file's end is read to find its last whole line. An alert with its evidence stays far
/// below; a spooled record of 1 MiB is at most 6 MiB of JSON escapes and its base64.
const TAIL_BYTES_MAX: u64 = 8 << 20;

/// A step on a file that failed.
#[derive(Debug)]
pub struct FileError {
    /// What was tried, as in "cannot write to".
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(f, "cannot {} `{path}`: {}\n   = help: {}", self.action, self.source, self.help())
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl FileError {
    fn help(&self) -> String {
        let directory = directory_of(&self.path).display();
        match self.source.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => {
                format!(
                    "the disk is full: free space in `{directory}` (`df {directory}`), or lower rotate_bytes or keep_files"
                )
            }
            Some(libc::EIO) => {
                format!("the disk fails: look at `dmesg`, then move `{directory}` to a sound disk")
            }
            Some(libc::EACCES | libc::EPERM) => {
                format!("give the user that runs noroshi the right to write in `{directory}`")
            }
            Some(libc::EROFS) => format!("`{directory}` is mounted read-only: remount it, or configure another path"),
            Some(libc::ENOENT) => format!("create the directory `{directory}`"),
            Some(libc::EISDIR) => "give the path of a file, not of a directory".to_owned(),
            _ => "correct the cause; it is tried again each second".to_owned(),
        }
    }
}

/// What the end of a file must look like; a crash may have left it torn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tail {
    /// JSON objects, one a line.
    Lines,
    /// Records of so many bytes.
    Records(u64),
}

/// Sizes and numbers of a file that rotates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rotation {
    /// A batch that would make the file longer begins a new one; one batch may be longer.
    pub rotate_bytes: u64,
    /// Closed files kept as `path.1` (newest) to `path.N`.
    pub keep_files: usize,
}

/// Counts of a file that rotates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct RotationCounts {
    /// Times a new file was begun.
    pub rotations: u64,
    /// Files removed because more than `keep_files` were there.
    pub removed_files: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Rotations that failed; the file then grows on.
    pub failures: u64,
}

/// A file that grows by whole, synced batches.
#[derive(Debug)]
pub(crate) struct DurableFile {
    path: PathBuf,
    files: Arc<dyn Files>,
    tail: Tail,
    rotation: Option<Rotation>,
    counts: RotationCounts,
    open: Option<Open>,
    /// Where to cut when opening again after a failed batch: which file, and its last synced length.
    cut: Option<(u64, u64, u64)>,
}

#[derive(Debug)]
struct Open {
    file: Box<dyn WriteFile>,
    metadata: FileMetadata,
    /// Bytes that are synced; nothing is beyond them between calls.
    durable_len: u64,
    /// The last line lacks its end and is not ours to cut.
    newline_due: bool,
}

impl DurableFile {
    /// Opens or creates `path`, and cuts what a crash left torn.
    ///
    /// # Errors
    /// The step that failed.
    pub(crate) fn open(
        path: PathBuf,
        tail: Tail,
        rotation: Option<Rotation>,
        files: Arc<dyn Files>,
    ) -> Result<Self, FileError> {
        let counts = RotationCounts::default();
        let mut file = Self { path, files, tail, rotation, counts, open: None, cut: None };
        file.open = Some(file.reopen()?);
        Ok(file)
    }

    pub(crate) fn counts(&self) -> RotationCounts {
        self.counts
    }

    /// Bytes of the current file that are synced.
    pub(crate) fn len(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.durable_len)
    }

    /// Forgets the open file: the next batch opens what the path then is.
    pub(crate) fn close(&mut self) {
        self.open = None;
        self.cut = None;
    }

    /// Appends `batch` and syncs it.
    ///
    /// # Errors
    /// The step that failed; then nothing of the batch counts as written.
    pub(crate) fn append(&mut self, batch: &[u8]) -> Result<(), FileError> {
        self.follow_path();
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.reopen()?,
        };
        self.cut = None;
        if let Some(rotation) = self.rotation
            && open.metadata.is_file
            && open.durable_len > 0
            && open.durable_len + batch.len() as u64 > rotation.rotate_bytes
        {
            match self.rotate(rotation.keep_files) {
                Ok(()) => {
                    self.counts.rotations += 1;
                    drop(open);
                    open = self.reopen()?;
                }
                Err(error) => {
                    // A line kept in a file too long is better than a line lost.
                    if self.counts.failures == 0 {
                        tracing::warn!("{error}");
                    }
                    self.counts.failures += 1;
                }
            }
        }
        match write_batch(&mut open, batch) {
            Ok(()) => {
                self.open = Some(open);
                Ok(())
            }
            Err(source) => {
                if open.metadata.is_file {
                    self.cut = Some((open.metadata.dev, open.metadata.ino, open.durable_len));
                }
                Err(self.error("write to", source))
            }
        }
    }

    /// Lets go of a file that was renamed or removed by others: lines written to it would be lost.
    fn follow_path(&mut self) {
        let Some(open) = &self.open else { return };
        let same = match self.files.metadata(&self.path) {
            Ok(now) => (now.dev, now.ino) == (open.metadata.dev, open.metadata.ino) && now.len >= open.durable_len,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        };
        if !same && open.metadata.is_file {
            self.open = None;
        }
    }

    fn reopen(&self) -> Result<Open, FileError> {
        let mut file = self.files.append(&self.path).map_err(|e| self.error("open", e))?;
        let metadata = self.files.metadata(&self.path).map_err(|e| self.error("open", e))?;
        if !metadata.is_file {
            return Ok(Open { file, metadata, durable_len: 0, newline_due: false });
        }
        let mut len = metadata.len;
        let mut newline_due = false;
        match self.cut {
            Some((dev, ino, durable_len)) if (dev, ino) == (metadata.dev, metadata.ino) => len = len.min(durable_len),
            _ => (len, newline_due) = self.whole_len(len)?,
        }
        if len < metadata.len {
            let torn_bytes = metadata.len - len;
            tracing::warn!(path = %self.path.display(), torn_bytes, "cut what was not written whole");
            file.truncate(len).map_err(|e| self.error("cut the torn end of", e))?;
            file.sync().map_err(|e| self.error("cut the torn end of", e))?;
        }
        if metadata.len == 0 {
            self.files.sync_directory(directory_of(&self.path)).map_err(|e| self.error("create", e))?;
        }
        Ok(Open { file, metadata, durable_len: len, newline_due })
    }

    /// The length without a torn end, and whether the last line lacks its end though it is not ours.
    fn whole_len(&self, len: u64) -> Result<(u64, bool), FileError> {
        let begin = match self.tail {
            Tail::Records(bytes) => return Ok((len - len % bytes, false)),
            Tail::Lines => len.saturating_sub(TAIL_BYTES_MAX),
        };
        let mut end = Vec::new();
        let mut read = || -> io::Result<()> {
            let mut file = self.files.open(&self.path)?;
            file.seek(SeekFrom::Start(begin))?;
            file.take(len - begin).read_to_end(&mut end).map(drop)
        };
        read().map_err(|e| self.error("read", e))?;
        let whole = memchr::memrchr(b'\n', &end).map_or(0, |at| at + 1);
        let torn = &end[whole..];
        let ours = torn.first() == Some(&b'{') && (whole > 0 || begin == 0);
        Ok(match (torn.is_empty(), ours) {
            (true, _) => (len, false),
            (false, true) => (begin + whole as u64, false),
            (false, false) => (len, true),
        })
    }

    fn numbered(&self, number: usize) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }

    /// Makes room for `path.1`. A gap in the numbers, which an interrupted rotation leaves, is filled
    /// before anything is removed, so that trying again costs no file.
    fn rotate(&mut self, keep_files: usize) -> Result<(), FileError> {
        let mut gap = 1;
        while gap <= keep_files && self.exists(&self.numbered(gap))? {
            gap += 1;
        }
        if gap > keep_files {
            // More than are kept are there when `keep_files` was lowered.
            let mut beyond = keep_files.max(1);
            while self.exists(&self.numbered(beyond))? {
                self.remove(&self.numbered(beyond))?;
                beyond += 1;
            }
            gap = keep_files;
        }
        if keep_files == 0 {
            self.remove(&self.path.clone())?;
        }
        for to in (1..=gap).rev() {
            let from = if to == 1 { self.path.clone() } else { self.numbered(to - 1) };
            self.files.rename(&from, &self.numbered(to)).map_err(|e| self.error("rotate", e))?;
        }
        self.files.sync_directory(directory_of(&self.path)).map_err(|e| self.error("rotate", e))
    }

    fn exists(&self, path: &Path) -> Result<bool, FileError> {
        match self.files.metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.error("rotate", error)),
        }
    }

    fn remove(&mut self, path: &Path) -> Result<(), FileError> {
        let bytes = self.files.metadata(path).map_or(0, |m| m.len);
        self.files.remove(path).map_err(|e| self.error("rotate", e))?;
        self.counts.removed_files += 1;
        self.counts.removed_bytes += bytes;
        Ok(())
    }

    fn error(&self, action: &'static str, source: io::Error) -> FileError {
        FileError { action, path: self.path.clone(), source }
    }
}

fn write_batch(open: &mut Open, batch: &[u8]) -> io::Result<()> {
    if open.newline_due {
        open.file.write_all(b"\n")?;
    }
    open.file.write_all(batch)?;
    if open.metadata.is_file {
        open.file.sync()?;
    }
    open.durable_len += batch.len() as u64 + u64::from(open.newline_due);
    open.newline_due = false;
    Ok(())
}

#[cfg(test)]
mod tests {
    use noroshi_input::files::{Fault, FaultyFiles, Operation, RealFiles};

    use super::*;

    const ROTATION: Rotation = Rotation { rotate_bytes: 10, keep_files: 2 };

    fn open(path: &Path, files: &Arc<FaultyFiles<RealFiles>>) -> Result<DurableFile, FileError> {
        DurableFile::open(path.to_owned(), Tail::Lines, Some(ROTATION), files.clone())
    }

    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap_or_default()
    }

    struct Place {
        _dir: tempfile::TempDir,
        path: PathBuf,
        files: Arc<FaultyFiles<RealFiles>>,
    }

    fn place() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.ndjson");
        Place { _dir: dir, path, files: Arc::new(FaultyFiles::new(RealFiles)) }
    }

    fn numbered(path: &Path, number: usize) -> PathBuf {
        PathBuf::from(format!("{}.{number}", path.display()))
    }

    #[test]
    fn torn_tail_is_cut_at_the_last_whole_line() {
        for (found, kept) in [
            ("", ""),
            ("{}\n", "{}\n"),
            ("{}\n{\"a\":", "{}\n"),
            ("{\"a\":", ""),
            // Not what we write: kept, and closed by a newline.
            ("notes", "notes\n"),
        ] {
            let Place { path, files, _dir } = place();
            std::fs::write(&path, found).unwrap();
            let mut file = open(&path, &files).unwrap();
            file.append(b"{}\n").unwrap();
            assert_eq!(text(&path), format!("{kept}{{}}\n"), "found {found:?}");
            assert_eq!(file.len(), text(&path).len() as u64);
        }
    }

    #[test]
    fn a_retry_neither_tears_nor_doubles_whatever_failed() {
        let faults = [
            (Operation::Write, Fault::NoSpace),
            (Operation::Write, Fault::TornWrite),
            (Operation::Write, Fault::Io),
            (Operation::Sync, Fault::Io),
            (Operation::Open, Fault::Denied),
            (Operation::Metadata, Fault::Io),
        ];
        for (operation, fault) in faults {
            for nth in 1..=3 {
                let Place { path, files, _dir } = place();
                let mut file = DurableFile::open(path.clone(), Tail::Lines, None, files.clone()).unwrap();
                file.append(b"{1}\n").unwrap();
                files.fail(operation, nth, fault);
                let batches: [&[u8]; 3] = [b"{2}\n{3}\n", b"{4}\n", b"{5}\n"];
                for batch in batches {
                    let tries = (0..4).take_while(|_| file.append(batch).is_err()).count();
                    assert!(tries <= 1, "{operation:?} {fault:?}: one fault costs one retry");
                }
                assert_eq!(text(&path), "{1}\n{2}\n{3}\n{4}\n{5}\n", "{operation:?} {fault:?} {nth}");
            }
        }
    }

    #[test]
    fn short_writes_are_completed() {
        let Place { path, files, _dir } = place();
        let mut file = open(&path, &files).unwrap();
        files.fail(Operation::Write, 1, Fault::ShortWrite);
        file.append(b"{1}\n").unwrap();
        assert_eq!(text(&path), "{1}\n");
    }

    #[test]
    fn files_rotate_and_the_oldest_goes() {
        let Place { path, files, _dir } = place();
        let mut file = open(&path, &files).unwrap();
        for number in 0..10 {
            file.append(format!("{{{number}}}\n").as_bytes()).unwrap();
        }
        assert_eq!(text(&path), "{8}\n{9}\n");
        assert_eq!(text(&numbered(&path, 1)), "{6}\n{7}\n");
        assert_eq!(text(&numbered(&path, 2)), "{4}\n{5}\n");
        assert!(!numbered(&path, 3).exists());
        let expected = RotationCounts { rotations: 4, removed_files: 2, removed_bytes: 16, failures: 0 };
        assert_eq!(file.counts(), expected);
    }

    #[test]
    fn an_interrupted_rotation_costs_no_file() {
        for nth in 1..=2 {
            let Place { path, files, _dir } = place();
            let mut file = open(&path, &files).unwrap();
            for number in 0..4 {
                file.append(format!("{{{number}}}\n").as_bytes()).unwrap();
            }
            // Only `.1` is there: two renames are due, and one of them fails.
            files.fail(Operation::Rename, nth, Fault::Io);
            file.append(b"{4}\n").unwrap();
            assert_eq!(file.counts().failures, 1);
            assert_eq!(text(&path), "{2}\n{3}\n{4}\n", "kept in a file too long");
            file.append(b"{5}\n").unwrap();
            assert_eq!(text(&path), "{5}\n");
            assert_eq!(text(&numbered(&path, 1)), "{2}\n{3}\n{4}\n");
            assert_eq!(text(&numbered(&path, 2)), "{0}\n{1}\n");
            assert_eq!(file.counts().removed_files, 0);
        }
    }

    #[test]
    fn files_beyond_a_lowered_number_go_at_the_next_rotation() {
        let Place { path, files, _dir } = place();
        for number in 1..=5 {
            std::fs::write(numbered(&path, number), "{}\n").unwrap();
        }
        let mut file = open(&path, &files).unwrap();
        file.append(b"{123456}\n").unwrap();
        file.append(b"{7}\n").unwrap();
        assert!((1..=2).all(|n| numbered(&path, n).exists()) && (3..=5).all(|n| !numbered(&path, n).exists()));
        assert_eq!(file.counts().removed_files, 4);
    }

    #[test]
    fn a_file_renamed_or_removed_by_others_is_begun_anew() {
        let Place { path, files, _dir } = place();
        let mut file = open(&path, &files).unwrap();
        file.append(b"{1}\n").unwrap();
        let moved = numbered(&path, 99);
        std::fs::rename(&path, &moved).unwrap();
        file.append(b"{2}\n").unwrap();
        std::fs::remove_file(&path).unwrap();
        file.append(b"{3}\n").unwrap();
        assert_eq!((text(&moved).as_str(), text(&path).as_str()), ("{1}\n", "{3}\n"));
    }

    #[test]
    fn errors_say_where_what_and_the_way_out() {
        let check = |errno: i32, expected: &str| {
            let source = io::Error::from_raw_os_error(errno);
            let path = PathBuf::from("/var/lib/noroshi/alerts.ndjson");
            assert_eq!(FileError { action: "write to", path, source }.to_string(), expected);
        };
        check(
            libc::ENOSPC,
            "cannot write to `/var/lib/noroshi/alerts.ndjson`: No space left on device (os error 28)\n   = help: the \
             disk is full: free space in `/var/lib/noroshi` (`df /var/lib/noroshi`), or lower rotate_bytes or keep_files",
        );
        check(
            libc::EIO,
            "cannot write to `/var/lib/noroshi/alerts.ndjson`: Input/output error (os error 5)\n   = help: the disk \
             fails: look at `dmesg`, then move `/var/lib/noroshi` to a sound disk",
        );
    }

    #[test]
    fn a_directory_is_refused_with_the_way_out() {
        let Place { path, files, _dir } = place();
        std::fs::create_dir(&path).unwrap();
        let error = open(&path, &files).unwrap_err().to_string();
        assert!(error.ends_with("= help: give the path of a file, not of a directory"), "{error}");
    }

    #[test]
    fn devices_take_lines_without_sync_and_rotation() {
        let files = Arc::new(FaultyFiles::new(RealFiles));
        let mut null = open(Path::new("/dev/null"), &files).unwrap();
        for _ in 0..10 {
            null.append(b"{123456789}\n").unwrap();
        }
        let mut full = open(Path::new("/dev/full"), &files).unwrap();
        for _ in 0..2 {
            assert_eq!(full.append(b"{}\n").unwrap_err().source.raw_os_error(), Some(libc::ENOSPC));
        }
    }
}
