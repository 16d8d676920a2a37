//! Following files: globs, rotation by rename and by copytruncate, restart from checkpoints.
//!
//! A file is its device and inode and the begin of its content ([`FileIdentity`]), never its name. Each look
//! resolves the globs and compares:
//! - the same file under another name was renamed: reading goes on where it was;
//! - another file under the same name is the rename's successor: the old one, still open, is read to
//!   its end and some time beyond (its writer may not know yet), the new one from its begin;
//! - the same file, shorter than what was read or with another begin, was cut back (copytruncate): it is
//!   read anew from its begin. What was written between the last look and the cut is lost to any reader;
//!   the loss is the writer's method, and it is counted as a truncation.
//!
//! Each look reads every file to its end, so a batch is at most one look old when it is handed over. One
//! thread serves one input; the queue being full stops it, and the files wait on the disk.

use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use noroshi_parsers::frame::Position;

use crate::batch::{BATCH_BYTES, Batch, FileEnd, FileIdentity, Fingerprint, Origin};
use crate::checkpoint::FileCheckpoint;
use crate::config::{FileConfig, From};
use crate::counters::{InputCounters, Tally};
use crate::files::{FileMetadata, Files, ReadFile, directory_of};
use crate::inputs::Start;
use crate::outlet::STOP_LOOK;
use crate::read::LineStream;

/// A file that lost its name is read on for so long after its last growth: loggers reopen their file
/// seconds after logrotate renamed it.
const NAMELESS_GRACE: Duration = Duration::from_secs(10);

/// Files followed at once by one input; each holds a descriptor (the usual limit of a service is 1024
/// unless raised). More are told and left alone.
const FILES_MAX: usize = 8192;

/// Origins in one batch at most; they are numbered by a `u16`.
const BATCH_FILES_MAX: usize = 1024;

/// Most read from one file before the next gets its turn, so that a huge backlog starves no other.
const TURN_BYTES: usize = 8 << 20;

/// One file being followed.
#[derive(Debug)]
struct Followed {
    path: PathBuf,
    identity: FileIdentity,
    origin: Arc<Origin>,
    file: Box<dyn ReadFile>,
    lines: LineStream,
    /// Bytes of the file read so far: where the next read begins.
    read_to: u64,
    /// Since when it has no name among the globs' results, and nothing new came.
    nameless_since: Option<Instant>,
    /// An error of the last read, told once.
    failing: bool,
}

/// The files of one input.
pub(crate) struct Tail {
    start: Start,
    config: FileConfig,
    files: Arc<dyn Files>,
    followed: Vec<Followed>,
    /// Checkpoints whose file was not met yet.
    resume: Vec<FileCheckpoint>,
    /// Paths that could not be opened, told once until they can.
    failing: HashSet<PathBuf>,
    first_look: bool,
}

/// What a look at one file found.
enum Looked {
    Quiet,
    Read,
    /// Nobody takes batches any more.
    ConsumerGone,
}

impl Tail {
    pub(crate) fn new(start: Start, config: FileConfig, files: Arc<dyn Files>, checkpoints: &[FileCheckpoint]) -> Self {
        let patterns: Vec<glob::Pattern> = config.paths.iter().filter_map(|p| glob::Pattern::new(p).ok()).collect();
        let ours = |c: &&FileCheckpoint| patterns.iter().any(|pattern| pattern.matches_path_with(&c.path, OPTIONS));
        let resume = checkpoints.iter().filter(ours).cloned().collect();
        Self { start, config, files, followed: Vec::new(), resume, failing: HashSet::new(), first_look: true }
    }

    /// Follows until the stop.
    pub(crate) fn run(mut self) {
        let poll = Duration::from_millis(self.config.poll_interval_ms);
        loop {
            // Looked at before the files are, so that what was written before the stop is read.
            let stopping = self.start.outlet.shutdown.is_requested();
            let more = match self.look() {
                Looked::ConsumerGone => return,
                Looked::Read => true,
                Looked::Quiet => false,
            };
            if stopping && (!more || self.start.outlet.shutdown.is_overdue()) {
                break;
            }
            let until = Instant::now() + poll;
            while !more && Instant::now() < until && !self.start.outlet.shutdown.is_requested() {
                std::thread::sleep(STOP_LOOK.min(until.saturating_duration_since(Instant::now())));
            }
        }
        self.start.outlet.flush();
        // The unfinished last line of a file stays there: the checkpoint is before it, and the next run
        // reads it whole. Handing it over now would make two records of it.
    }

    /// One look at everything. `Read` when a file has more than its turn allowed.
    fn look(&mut self) -> Looked {
        if self.first_look {
            self.find_renamed();
        }
        self.find();
        self.first_look = false;
        let mut batch = self.start.pool.take(self.start.input);
        let mut more = false;
        for i in 0..self.followed.len() {
            match self.read(i, &mut batch) {
                Looked::ConsumerGone => return Looked::ConsumerGone,
                Looked::Read => more = true,
                Looked::Quiet => {}
            }
        }
        if !self.end_nameless(&mut batch) || !self.start.outlet.send(batch) {
            return Looked::ConsumerGone;
        }
        if more { Looked::Read } else { Looked::Quiet }
    }

    fn counters(&self) -> &InputCounters {
        &self.start.outlet.counters
    }

    /// Compares what the globs find with what is followed.
    fn find(&mut self) {
        let mut seen = vec![false; self.followed.len()];
        let mut paths = Vec::new();
        for pattern in &self.config.paths {
            let Ok(found) = glob::glob_with(pattern, OPTIONS) else { continue };
            let before = paths.len();
            for path in found {
                match path {
                    Ok(path) => paths.push(path),
                    Err(error) => told_once(&self.start, &mut self.failing, error.path(), error.error()),
                }
            }
            // A path without wildcards is expected to exist, and a glob to match something at the start.
            let expected = self.first_look || !pattern.contains(['*', '?', '[']);
            if expected && paths.len() == before {
                let missing = io::Error::from(io::ErrorKind::NotFound);
                told_once(&self.start, &mut self.failing, Path::new(pattern), &missing);
            }
        }
        paths.sort();
        paths.dedup();
        for path in paths {
            let metadata = match self.files.metadata(&path) {
                Ok(metadata) => metadata,
                // It went between the listing and the look: the next look tells.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    told_once(&self.start, &mut self.failing, &path, &error);
                    // Still there, only not to be looked at: what is followed under this name stays.
                    for (i, followed) in self.followed.iter().enumerate() {
                        if i < seen.len() && followed.path == path {
                            seen[i] = true;
                        }
                    }
                    continue;
                }
            };
            if !metadata.is_file {
                continue;
            }
            let same = self.followed.iter().position(|f| same_inode(&f.identity, &metadata));
            match same {
                Some(i) => {
                    // Two names of one file (a link, or a glob met in the middle of a rename) are one file.
                    if i < seen.len() && !seen[i] {
                        seen[i] = true;
                        if self.followed[i].path != path
                            && !self
                                .files
                                .metadata(&self.followed[i].path)
                                .is_ok_and(|m| same_inode(&self.followed[i].identity, &m))
                        {
                            self.renamed(i, path);
                        }
                    }
                }
                None => self.open(path, &metadata),
            }
        }
        for (i, seen) in seen.into_iter().enumerate() {
            if seen {
                self.followed[i].nameless_since = None;
            } else if self.followed[i].nameless_since.is_none() {
                self.lost_its_name(i);
            }
        }
    }

    /// A followed file is not among the globs' results any more.
    fn lost_its_name(&mut self, i: usize) {
        let counters = &self.start.outlet.counters;
        let path = &self.followed[i].path;
        let replaced = self
            .followed
            .iter()
            .enumerate()
            .any(|(j, other)| j != i && other.path == *path && other.nameless_since.is_none());
        if replaced {
            InputCounters::add(&counters.files_rotated, 1);
            tracing::info!(input = %self.start.name, path = %path.display(), "file replaced by a new one of its name; the old one is read to its end");
        } else {
            InputCounters::add(&counters.files_vanished, 1);
            tracing::warn!(input = %self.start.name, path = %path.display(), "file removed or renamed out of sight; read to its end, picked up again when it appears");
        }
        self.followed[i].nameless_since = Some(Instant::now());
    }

    fn renamed(&mut self, i: usize, path: PathBuf) {
        let followed = &mut self.followed[i];
        tracing::info!(input = %self.start.name, from = %followed.path.display(), to = %path.display(), "file renamed; reading goes on");
        InputCounters::add(&self.start.outlet.counters.files_rotated, 1);
        followed.path = path;
        followed.origin = origin(&followed.path, followed.identity);
    }

    /// Opens a file met for the first time, at its checkpoint where there is one.
    fn open(&mut self, path: PathBuf, metadata: &FileMetadata) {
        if self.followed.len() >= FILES_MAX {
            let error = io::Error::other(format!("more than {FILES_MAX} files are followed; narrow the glob"));
            told_once(&self.start, &mut self.failing, &path, &error);
            return;
        }
        let opened = self.files.open(&path).and_then(|mut file| {
            let metadata = file.metadata()?;
            let head = head_of(&mut *file)?;
            Ok((file, metadata, head))
        });
        let (file, opened, head) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                told_once(&self.start, &mut self.failing, &path, &error);
                return;
            }
        };
        if (opened.dev, opened.ino) != (metadata.dev, metadata.ino) {
            return; // replaced between look and open: the next look sees it as it is
        }
        if self.failing.remove(&path) {
            tracing::info!(input = %self.start.name, path = %path.display(), "file is readable again");
        }
        let position = self.begin(&path, &opened, &head);
        let identity = FileIdentity { dev: opened.dev, ino: opened.ino, fingerprint: Fingerprint::of(&head) };
        InputCounters::add(&self.counters().files_opened, 1);
        tracing::info!(input = %self.start.name, path = %path.display(), offset = position.offset, "following file");
        self.follow(path, identity, file, &head, position);
    }

    fn follow(
        &mut self,
        path: PathBuf,
        identity: FileIdentity,
        file: Box<dyn ReadFile>,
        head: &[u8],
        position: Position,
    ) {
        self.followed.push(Followed {
            origin: origin(&path, identity),
            path,
            identity,
            file,
            lines: LineStream::resume(self.config.record_bytes_max, self.config.charset, head, position),
            read_to: position.offset,
            nameless_since: None,
            failing: false,
        });
    }

    /// Where reading a file begins that is met for the first time.
    fn begin(&mut self, path: &Path, metadata: &FileMetadata, head: &[u8]) -> Position {
        let of_inode = self.resume.iter().position(|c| same_inode(&c.identity, metadata));
        if let Some(i) = of_inode {
            let checkpoint = self.resume.swap_remove(i);
            if checkpoint.identity.fingerprint.matches(head) && metadata.len >= checkpoint.offset {
                return Position { offset: checkpoint.offset, line: checkpoint.line };
            }
            InputCounters::add(&self.counters().files_truncated, 1);
            tracing::warn!(input = %self.start.name, path = %path.display(), offset = checkpoint.offset, length = metadata.len,
                "file was cut back or replaced since the checkpoint; read from its begin");
            return Position { offset: 0, line: 1 };
        }
        // The name is known from a checkpoint: this is the successor of the file read then.
        let successor = self.resume.iter().any(|c| c.path == path);
        if self.first_look && !successor && self.config.from == From::End {
            // How many lines come before is not known, so none are numbered.
            return Position { offset: metadata.len, line: u64::from(metadata.len == 0) };
        }
        Position { offset: 0, line: 1 }
    }

    /// At the start: files of checkpoints that were renamed out of the globs since, looked for by inode in
    /// their directory and read first.
    fn find_renamed(&mut self) {
        for checkpoint in std::mem::take(&mut self.resume) {
            let at_path = self.files.metadata(&checkpoint.path);
            if at_path.as_ref().is_ok_and(|m| same_inode(&checkpoint.identity, m)) {
                self.resume.push(checkpoint);
                continue;
            }
            let candidates = self.files.list(directory_of(&checkpoint.path)).unwrap_or_default();
            let found = candidates.into_iter().find_map(|path| {
                let metadata = self.files.metadata(&path).ok()?;
                let fits = same_inode(&checkpoint.identity, &metadata) && metadata.len >= checkpoint.offset;
                let mut file = if fits { self.files.open(&path).ok()? } else { return None };
                let head = head_of(&mut *file).ok()?;
                checkpoint.identity.fingerprint.matches(&head).then_some((path, file, head))
            });
            if let Some((path, file, head)) = found {
                tracing::info!(input = %self.start.name, path = %path.display(), offset = checkpoint.offset,
                    "file was renamed since the checkpoint; reading goes on");
                InputCounters::add(&self.counters().files_opened, 1);
                InputCounters::add(&self.counters().files_rotated, 1);
                let identity = FileIdentity { fingerprint: Fingerprint::of(&head), ..checkpoint.identity };
                let position = Position { offset: checkpoint.offset, line: checkpoint.line };
                self.follow(path, identity, file, &head, position);
            } else {
                InputCounters::add(&self.counters().checkpoints_lost, 1);
                tracing::warn!(input = %self.start.name, path = %checkpoint.path.display(), offset = checkpoint.offset,
                    "the file of this checkpoint is gone; what came after the offset is not read \
                     (look for it compressed, and `noroshi replay` it)");
            }
            // Kept without its inode: whoever has the name now is its successor.
            let identity = FileIdentity::default();
            self.resume.push(FileCheckpoint { identity, ..checkpoint });
        }
    }

    /// Reads one file to its end or for its turn.
    fn read(&mut self, i: usize, batch: &mut Batch) -> Looked {
        let metadata = match self.followed[i].file.metadata() {
            Ok(metadata) => metadata,
            Err(error) => return self.read_failed(i, &error),
        };
        match self.was_cut(i, &metadata) {
            Ok(true) => {
                if !self.begin_anew(i, batch) {
                    return Looked::ConsumerGone;
                }
            }
            Ok(false) => {}
            Err(error) => return self.read_failed(i, &error),
        }
        let mut turn = 0;
        while turn < TURN_BYTES && self.followed[i].read_to < metadata.len {
            let now_ns = self.start.clock.now_ns();
            let index = index_of(batch, &self.followed[i].origin);
            let followed = &mut self.followed[i];
            let mut tally = Tally::default();
            let here = usize::try_from(metadata.len - followed.read_to).unwrap_or(BATCH_BYTES);
            let read = followed
                .file
                .seek(SeekFrom::Start(followed.read_to))
                .and_then(|_| followed.lines.read(&mut *followed.file, here, batch, index, now_ns, &mut tally));
            tally.publish(&self.start.outlet.counters, false);
            match read {
                Ok(0) => break,
                Ok(read) => {
                    turn += read;
                    followed.read_to += read as u64;
                    followed.nameless_since = followed.nameless_since.map(|_| Instant::now());
                    if followed.failing {
                        followed.failing = false;
                        tracing::info!(input = %self.start.name, path = %followed.path.display(), "file can be read again");
                    }
                    note_end(batch, index, followed.lines.position());
                }
                Err(error) => return self.read_failed(i, &error),
            }
            if (batch.bytes.len() >= BATCH_BYTES || batch.origins.len() >= BATCH_FILES_MAX) && !self.hand_over(batch) {
                return Looked::ConsumerGone;
            }
        }
        if turn >= TURN_BYTES { Looked::Read } else { Looked::Quiet }
    }

    fn hand_over(&self, batch: &mut Batch) -> bool {
        let full = std::mem::replace(batch, self.start.pool.take(self.start.input));
        self.start.outlet.send(full)
    }

    fn read_failed(&mut self, i: usize, error: &io::Error) -> Looked {
        InputCounters::add(&self.counters().file_errors, 1);
        let followed = &mut self.followed[i];
        if !followed.failing {
            followed.failing = true;
            tracing::error!(input = %self.start.name, path = %followed.path.display(), offset = followed.read_to, %error,
                "cannot read on; tried again at every look; check the disk and the mount");
        }
        Looked::Quiet
    }

    /// True when the file is shorter than what was read of it, or begins otherwise than it did. Takes a longer
    /// fingerprint while the file is still shorter than one.
    fn was_cut(&mut self, i: usize, metadata: &FileMetadata) -> io::Result<bool> {
        let followed = &mut self.followed[i];
        if metadata.len < followed.read_to {
            return Ok(true);
        }
        let known = followed.identity.fingerprint;
        let grown = usize::from(known.bytes) < Fingerprint::BYTES_MAX && metadata.len > u64::from(known.bytes);
        // Without growth there is nothing new to read, so the begin need not be looked at either.
        if metadata.len == followed.read_to && !grown {
            return Ok(false);
        }
        let head = head_of(&mut *followed.file)?;
        if !known.matches(&head) {
            return Ok(true);
        }
        if grown {
            followed.identity.fingerprint = Fingerprint::of(&head);
            followed.origin = origin(&followed.path, followed.identity);
        }
        Ok(false)
    }

    /// After a cut: what was left of an unfinished line is handed over, then the file is a new one.
    fn begin_anew(&mut self, i: usize, batch: &mut Batch) -> bool {
        InputCounters::add(&self.counters().files_truncated, 1);
        tracing::info!(input = %self.start.name, path = %self.followed[i].path.display(), read_to = self.followed[i].read_to,
            "file was cut back (copytruncate); read from its begin");
        self.finish(i, batch);
        let head = head_of(&mut *self.followed[i].file).unwrap_or_default();
        let followed = &mut self.followed[i];
        followed.identity.fingerprint = Fingerprint::of(&head);
        followed.origin = origin(&followed.path, followed.identity);
        followed.lines = LineStream::new(self.config.record_bytes_max, self.config.charset);
        followed.read_to = 0;
        // Records and ends before and after the cut do not share a batch: their offsets would clash.
        self.hand_over(batch) && self.start.outlet.flush()
    }

    /// Hands over an unfinished last line.
    fn finish(&mut self, i: usize, batch: &mut Batch) {
        if !self.followed[i].lines.has_rest() {
            return;
        }
        let index = index_of(batch, &self.followed[i].origin);
        let followed = &mut self.followed[i];
        let mut tally = Tally::default();
        followed.lines.finish(batch, index, self.start.clock.now_ns(), &mut tally);
        note_end(batch, index, followed.lines.position());
        tally.publish(&self.start.outlet.counters, false);
    }

    /// Lets go of files without a name that have not grown for a while; false when the consumer is gone.
    fn end_nameless(&mut self, batch: &mut Batch) -> bool {
        let mut i = 0;
        while i < self.followed.len() {
            let over = self.followed[i].nameless_since.is_some_and(|since| since.elapsed() >= NAMELESS_GRACE);
            if over {
                self.finish(i, batch);
                let followed = self.followed.remove(i);
                let origin = index_of(batch, &followed.origin);
                let Position { offset, line } = followed.lines.position();
                batch.file_ends.push(FileEnd { origin, offset, line, gone: true });
            } else {
                i += 1;
            }
        }
        batch.bytes.len() < BATCH_BYTES || self.hand_over(batch)
    }
}

/// Globs as shells read them: `*` stops at a slash, hidden files are named explicitly.
const OPTIONS: glob::MatchOptions =
    glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

fn same_inode(identity: &FileIdentity, metadata: &FileMetadata) -> bool {
    (identity.dev, identity.ino) == (metadata.dev, metadata.ino)
}

fn origin(path: &Path, identity: FileIdentity) -> Arc<Origin> {
    Arc::new(Origin::File { path: path.to_owned(), identity })
}

/// The first bytes of a file, as many as a fingerprint takes.
fn head_of(file: &mut dyn ReadFile) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    file.take(Fingerprint::BYTES_MAX as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Index of an origin in a batch; added when it is not the last one there, which is how files take turns.
fn index_of(batch: &mut Batch, origin: &Arc<Origin>) -> u16 {
    if !batch.origins.last().is_some_and(|last| Arc::ptr_eq(last, origin)) {
        batch.origins.push(Arc::clone(origin));
    }
    (batch.origins.len() - 1) as u16
}

fn note_end(batch: &mut Batch, origin: u16, position: Position) {
    let end = FileEnd { origin, offset: position.offset, line: position.line, gone: false };
    match batch.file_ends.last_mut() {
        Some(last) if last.origin == origin => *last = end,
        _ => batch.file_ends.push(end),
    }
}

/// Counts and tells a failing path at the first look that finds it so.
fn told_once(start: &Start, failing: &mut HashSet<PathBuf>, path: &Path, error: &io::Error) {
    if failing.len() < FILES_MAX && failing.insert(path.to_owned()) {
        InputCounters::add(&start.outlet.counters.file_errors, 1);
        let help = match error.kind() {
            io::ErrorKind::NotFound => "it is picked up when it appears",
            io::ErrorKind::PermissionDenied => "give the user noroshi runs as read access; it is picked up then",
            _ => "tried again at every look",
        };
        tracing::warn!(input = %start.name, path = %path.display(), %error, "cannot follow: {help}");
    }
}

#[cfg(test)]
#[path = "tail_tests.rs"]
mod tests;
