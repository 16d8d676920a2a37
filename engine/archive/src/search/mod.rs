//! Searches over the archive: sealed segments and what is not sealed yet.
//!
//! The catalog leaves out files by time; a file's statistics and Bloom filters leave out row groups; of the rest only the
//! columns of the filter are decoded, and the others where a row passes. Rows come newest first and no more are held than are
//! asked for.

mod aggregate;
pub(crate) mod filter;
pub mod query;
pub(crate) mod rows;
pub(crate) mod scan;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use noroshi_files::Files;
use noroshi_parsers::dictionary::Dictionary;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use serde_json::Value;

use crate::archive::WAL;
use crate::catalog::{Catalog, Sealed};
use crate::compact::conformed;
use crate::schema::name;
use crate::seal::{Decoding, InputOptions};
use crate::wal::{self, Segment};
use aggregate::Groups;
pub use aggregate::{GROUPS_MAX, VALUES_MAX};
use query::{Filter, Query};
use scan::SealedFile;

/// Rows shown where the query does not say how many.
pub const ROWS_DEFAULT: usize = 10_000;

/// An archive open for searches. It changes nothing and needs no engine.
#[derive(Debug)]
pub struct Search {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) directory: PathBuf,
    pub(crate) segments: Vec<Sealed>,
    /// What is not sealed yet.
    pub(crate) open: Vec<Segment>,
    pub(crate) sealed_until: u64,
    pub(crate) inputs: BTreeMap<String, InputOptions>,
}

/// What a search looked at.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Effort {
    /// Sealed files there are.
    pub files: u64,
    /// Left out by the catalog's times, or because enough newer rows were found.
    pub files_skipped: u64,
    /// Row groups of the files looked at.
    pub row_groups: u64,
    /// Left out by statistics and Bloom filters.
    pub row_groups_skipped: u64,
    /// Rows whose filter columns were decoded.
    pub rows_scanned: u64,
    /// Rows not sealed yet, decoded for this search.
    pub rows_unsealed: u64,
    /// Rows that passed.
    pub rows_matched: u64,
    /// Files that could not be read; told beside.
    pub files_unreadable: u64,
}

impl Effort {
    fn add(&mut self, other: &Effort) {
        self.files += other.files;
        self.files_skipped += other.files_skipped;
        self.row_groups += other.row_groups;
        self.row_groups_skipped += other.row_groups_skipped;
        self.rows_scanned += other.rows_scanned;
        self.rows_unsealed += other.rows_unsealed;
        self.rows_matched += other.rows_matched;
        self.files_unreadable += other.files_unreadable;
    }
}

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// Rows as nested documents, or groups as flat objects.
    pub rows: Vec<Value>,
    /// Whether more would have been found.
    pub is_cut: bool,
    /// What it took.
    pub effort: Effort,
    /// Files that could not be read, and why.
    pub errors: Vec<String>,
}

/// When to stop and whom to tell how far it is.
#[derive(Clone, Copy)]
pub struct Control<'c> {
    /// Ends the search with what was found, when set.
    pub cancelled: &'c AtomicBool,
    /// Told after each file: how many are done, of how many.
    pub progress: &'c (dyn Fn(usize, usize) + Sync),
}

/// Rows held, newest first; equal times by their records' numbers.
struct Newest {
    rows: BTreeMap<(std::cmp::Reverse<i64>, u64, u32), Value>,
    limit: usize,
    is_cut: bool,
}

impl Newest {
    /// Whether a row of that time would be held.
    fn takes(&self, time_ns: i64) -> bool {
        self.rows.len() < self.limit || self.rows.keys().next_back().is_some_and(|last| last.0.0 <= time_ns)
    }

    fn push(&mut self, time_ns: i64, sequence: u64, document: Value) {
        if !self.takes(time_ns) {
            self.is_cut = true;
            return;
        }
        let mut element = 0;
        while self.rows.contains_key(&(std::cmp::Reverse(time_ns), sequence, element)) {
            element += 1;
        }
        self.rows.insert((std::cmp::Reverse(time_ns), sequence, element), document);
        if self.rows.len() > self.limit {
            self.rows.pop_last();
            self.is_cut = true;
        }
    }
}

enum Sink {
    Rows(Newest),
    Groups(Groups),
}

/// Takes the rows of a batch. Documents are made while others may take theirs.
fn take(sink: &Mutex<Sink>, batch: &RecordBatch) {
    let held = || sink.lock().unwrap_or_else(PoisonError::into_inner);
    let row_of = |row| (rows::time_of(batch, row), rows::sequence_of(batch, row));
    let mut wanted = Vec::new();
    match &mut *held() {
        Sink::Groups(groups) => return groups.take(batch),
        Sink::Rows(newest) => {
            wanted.extend((0..batch.num_rows()).filter(|&row| newest.takes(row_of(row).0)));
            newest.is_cut |= wanted.len() < batch.num_rows();
        }
    }
    let documents: Vec<Value> = wanted.iter().map(|&row| rows::document(batch, row)).collect();
    if let Sink::Rows(newest) = &mut *held() {
        for (row, document) in wanted.into_iter().zip(documents) {
            let (time_ns, sequence) = row_of(row);
            newest.push(time_ns, sequence, document);
        }
    }
}

impl Search {
    /// Opens the archive in `directory`. `inputs` tells how the records that are not sealed yet are read.
    ///
    /// # Errors
    /// Those of reading the catalog and the write-ahead segments.
    pub fn open(files: Arc<dyn Files>, directory: &Path, inputs: BTreeMap<String, InputOptions>) -> io::Result<Self> {
        // First what is not sealed, then the catalog: a segment that is sealed in between is in both, and counts once.
        let mut open = Vec::new();
        for (_, path) in wal::segments(&*files, &directory.join(WAL))? {
            match Segment::read(&*files, &path) {
                Ok(segment) => open.push(segment),
                // Sealed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let catalog = Catalog::read(&*files, directory)?;
        Ok(Search {
            files,
            directory: directory.to_owned(),
            sealed_until: catalog.end_sequence(),
            segments: catalog.segments().to_vec(),
            open,
            inputs,
        })
    }

    /// The archive's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The sealed files, as the catalog tells them.
    pub fn sealed(&self) -> &[Sealed] {
        &self.segments
    }

    /// Whether a sealed file is there and as long as it was sealed; what it holds is not looked at.
    ///
    /// # Errors
    /// Those of `stat`.
    pub fn is_whole(&self, sealed: &Sealed) -> io::Result<bool> {
        Ok(self.files.metadata(&Catalog::path(&self.directory, sealed))?.len == sealed.bytes)
    }

    /// The rows that are not sealed yet, with all columns, in the order of event time.
    ///
    /// # Errors
    /// What of them cannot be read.
    pub fn unsealed_rows(&self) -> io::Result<Vec<RecordBatch>> {
        if self.open.is_empty() {
            return Ok(Vec::new());
        }
        let dictionary = Arc::new(Dictionary::new());
        let mut decoding = Decoding::new(&dictionary, &self.inputs);
        for segment in &self.open {
            let unsealed = segment.frames().filter(|frame| frame.first_sequence >= self.sealed_until);
            unsealed.for_each(|frame| decoding.frame(&frame));
        }
        let (batches, _) = decoding.finish().map_err(io::Error::other)?;
        batches.iter().map(conformed).collect()
    }

    /// Runs a query over the events of `time_ns` (start included, end not).
    pub fn run(&self, query: &Query, time_ns: (i64, i64), control: Control<'_>) -> Found {
        let filter = query.filter.clone().map(Arc::new);
        let limit = query.limit.unwrap_or(ROWS_DEFAULT);
        let mut columns = BTreeSet::from([name::TIME, name::SEQUENCE]);
        let by_time = query.sort.as_ref().is_none_or(|(field, descending)| field == name::TIME && *descending);
        let sink = match &query.stats {
            Some(stats) => {
                let fields =
                    stats.calls.iter().filter_map(|call| call.field()).chain(stats.by.iter().map(String::as_str));
                columns.extend(fields.map(filter::column_of));
                Sink::Groups(Groups::new(stats.clone()))
            }
            None => {
                if query.fields.is_empty() {
                    columns = scan::all_columns();
                } else {
                    columns.extend(query.fields.iter().map(|field| filter::column_of(field)));
                    columns.extend(query.sort.iter().map(|(field, _)| filter::column_of(field)));
                }
                let limit = if by_time { limit } else { query::LIMIT_MAX };
                Sink::Rows(Newest { rows: BTreeMap::new(), limit, is_cut: false })
            }
        };
        let sink = Mutex::new(sink);
        let mut effort = Effort { files: self.segments.len() as u64, ..Effort::default() };
        let mut errors = Vec::new();
        self.open_segments(filter.as_deref(), time_ns, &sink, &mut effort, &mut errors);
        let mut segments: Vec<&Sealed> = self
            .segments
            .iter()
            .filter(|segment| segment.time_max_ns >= time_ns.0 && segment.time_min_ns < time_ns.1)
            .collect();
        effort.files_skipped = (self.segments.len() - segments.len()) as u64;
        segments.sort_by_key(|segment| std::cmp::Reverse((segment.time_max_ns, segment.first_sequence)));
        // So many at once as there are threads: when enough newer rows are found the older files are not opened.
        let mut done = 0;
        for wave in segments.chunks(rayon::current_num_threads().max(1)) {
            let cancelled = control.cancelled.load(Ordering::Relaxed);
            let enough = match &*sink.lock().unwrap_or_else(PoisonError::into_inner) {
                Sink::Rows(newest) => wave.first().is_some_and(|first| !newest.takes(first.time_max_ns)),
                Sink::Groups(_) => false,
            };
            if cancelled || enough {
                effort.files_skipped += (segments.len() - done) as u64;
                if let Sink::Rows(newest) = &mut *sink.lock().unwrap_or_else(PoisonError::into_inner) {
                    newest.is_cut = true;
                }
                break;
            }
            let opened: Vec<_> =
                wave.par_iter().map(|segment| self.ruled(segment, filter.as_deref(), time_ns)).collect();
            let mut parts = Vec::new();
            let mut unreadable = |segment: &Sealed, cause: &io::Error, effort: &mut Effort| {
                effort.files_unreadable += 1;
                errors.push(format!("cannot read {}: {cause}; the rest is searched", segment.file));
            };
            for (segment, (of_file, ruled)) in wave.iter().zip(&opened) {
                effort.add(of_file);
                match ruled {
                    // It is kept no longer.
                    Ok(None) => {}
                    Ok(Some((file, left))) => parts.extend(left.iter().map(|&row_group| (*segment, file, row_group))),
                    Err(cause) => unreadable(segment, cause, &mut effort),
                }
            }
            let looked: Vec<_> = parts
                .par_iter()
                .map(|&(segment, file, row_group)| {
                    let part = Part { file, row_group, time_ns, cancelled: control.cancelled };
                    (segment, part.look(filter.as_ref(), &columns, &sink))
                })
                .collect();
            for (segment, (of_part, looked)) in looked {
                effort.add(&of_part);
                if let Err(cause) = looked {
                    unreadable(segment, &cause, &mut effort);
                }
            }
            done += wave.len();
            (control.progress)(done, segments.len());
        }
        let (mut rows, is_cut) = match sink.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Sink::Rows(newest) => (newest.rows.into_values().collect::<Vec<_>>(), newest.is_cut),
            Sink::Groups(groups) => groups.finish(),
        };
        let mut is_cut = is_cut;
        if let Some((field, descending)) = &query.sort
            && (query.stats.is_some() || !by_time)
        {
            aggregate::sort(&mut rows, field, *descending, query.stats.is_some());
        }
        if rows.len() > limit {
            rows.truncate(limit);
            is_cut = true;
        }
        Found { rows, is_cut, effort, errors }
    }

    fn open_segments(
        &self,
        filter: Option<&Filter>,
        time_ns: (i64, i64),
        sink: &Mutex<Sink>,
        effort: &mut Effort,
        errors: &mut Vec<String>,
    ) {
        let batches = match self.unsealed_rows() {
            Ok(batches) => batches,
            Err(cause) => {
                errors.push(format!("cannot read what is not sealed yet: {cause}"));
                return;
            }
        };
        for batch in batches {
            effort.rows_unsealed += batch.num_rows() as u64;
            let within = |row| (time_ns.0..time_ns.1).contains(&rows::time_of(&batch, row));
            let mut keep: Vec<bool> = (0..batch.num_rows()).map(within).collect();
            if let Some(filter) = filter {
                let passes = filter::evaluate(filter, &batch);
                keep.iter_mut().zip(passes.values()).for_each(|(keep, passes)| *keep &= passes);
            }
            if let Ok(kept) = arrow_select::filter::filter_record_batch(&batch, &keep.into()) {
                effort.rows_matched += kept.num_rows() as u64;
                take(sink, &kept);
            }
        }
    }

    /// Opens a file and rules row groups out by what it says of them; the numbers of the others.
    fn ruled(
        &self,
        segment: &Sealed,
        filter: Option<&Filter>,
        time_ns: (i64, i64),
    ) -> (Effort, io::Result<Option<Ruled>>) {
        let mut effort = Effort::default();
        let opened = (|| {
            let Some(mut file) = SealedFile::of(&*self.files, &self.directory, segment)? else { return Ok(None) };
            let mut left = Vec::new();
            for row_group in 0..file.row_groups() {
                effort.row_groups += 1;
                let known = file.known(row_group);
                let in_time = filter::Known::numbers(&known, name::TIME)
                    .is_none_or(|(least, most)| most >= time_ns.0 && least < time_ns.1);
                if in_time && filter.is_none_or(|filter| filter::may_pass(filter, &known)) {
                    left.push(row_group);
                } else {
                    effort.row_groups_skipped += 1;
                }
            }
            if !left.is_empty() {
                file.index_pages()?;
            }
            Ok(Some((file, left)))
        })();
        (effort, opened)
    }
}

/// A file and the row groups of it that are left.
type Ruled = (SealedFile, Vec<usize>);

/// A row group that may hold what is looked for.
struct Part<'s> {
    file: &'s SealedFile,
    row_group: usize,
    time_ns: (i64, i64),
    cancelled: &'s AtomicBool,
}

impl Part<'_> {
    fn look(
        &self,
        filter: Option<&Arc<Filter>>,
        columns: &BTreeSet<&'static str>,
        sink: &Mutex<Sink>,
    ) -> (Effort, io::Result<()>) {
        let mut effort = Effort::default();
        if self.cancelled.load(Ordering::Relaxed) {
            effort.row_groups_skipped += 1;
            return (effort, Ok(()));
        }
        effort.rows_scanned += self.file.rows(self.row_group);
        let looked = self.file.read(self.row_group, self.time_ns, filter, columns, |batch| {
            effort.rows_matched += batch.num_rows() as u64;
            take(sink, &batch);
            Ok(())
        });
        (effort, looked)
    }
}
