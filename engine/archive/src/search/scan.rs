//! Parquet files read for a search: only the row groups, columns and pages that can matter.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use bytes::Bytes;
use noroshi_files::{Files, ReadFile};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowFilter,
};
use parquet::bloom_filter::Sbbf;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::Statistics;

use super::filter::{self, Known};
use super::query::Filter;
use crate::catalog::{Catalog, Sealed};
use crate::schema::{self, name};
use crate::seal::{EMPTY, as_io};

/// Rows decoded at once.
const BATCH_ROWS: usize = 8192;

/// A file behind the trait, as the reader of Parquet wants it.
#[derive(Clone)]
pub(crate) struct Chunks {
    file: Arc<dyn ReadFile>,
    len: u64,
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.len
    }
}

pub(crate) struct ChunkAt {
    chunks: Chunks,
    at: u64,
}

impl Read for ChunkAt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.chunks.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl ChunkReader for Chunks {
    type T = ChunkAt;

    fn get_read(&self, start: u64) -> ParquetResult<ChunkAt> {
        Ok(ChunkAt { chunks: self.clone(), at: start })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.len) {
            return Err(parquet::errors::ParquetError::EOF(format!("{length} bytes at {start} of {}", self.len)));
        }
        let mut bytes = vec![0; length];
        let mut read = 0;
        while read < length {
            match self.file.read_at(&mut bytes[read..], start + read as u64)? {
                0 => {
                    return Err(parquet::errors::ParquetError::EOF(format!(
                        "the file ends at {}",
                        start + read as u64
                    )));
                }
                more => read += more,
            }
        }
        Ok(bytes.into())
    }
}

/// Bloom filters by row group and leaf. `None` = there is none, or it cannot be read.
type Filters = HashMap<(usize, usize), Option<Arc<Sbbf>>>;

/// A sealed file that is open.
pub(crate) struct SealedFile {
    chunks: Chunks,
    metadata: ArrowReaderMetadata,
    /// By path of the leaf: its number.
    leaves: HashMap<String, usize>,
    /// Bloom filters that were read.
    filters: Mutex<Filters>,
    /// Columns that are not there because no row has a value for them.
    empty: BTreeSet<String>,
    /// The numbers of the records that are read; `None` = all.
    only: Option<Range<u64>>,
}

/// How often a catalog is read anew for a segment that is rewritten again and again.
const REREADS_MAX: usize = 5;

impl SealedFile {
    /// Opens a segment as it stands now: its file or, where that was rewritten into another since the catalog was read, the
    /// segment's rows of that other. `None` = it is kept no longer.
    ///
    /// # Errors
    /// Those of reading; `NotFound` for a file that is gone although the catalog tells it.
    pub(crate) fn of(files: &dyn Files, directory: &Path, segment: &Sealed) -> io::Result<Option<Self>> {
        let numbers = segment.first_sequence..segment.end_sequence;
        let mut name = segment.file.clone();
        for _ in 0..REREADS_MAX {
            match Self::open(files, &directory.join(&name)) {
                Ok(file) if name == segment.file => return Ok(Some(file)),
                Ok(file) => return Ok(Some(SealedFile { only: Some(numbers), ..file })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let catalog = Catalog::read(files, directory)?;
                    let holds =
                        |other: &&Sealed| other.first_sequence <= numbers.start && numbers.end <= other.end_sequence;
                    match catalog.segments().iter().find(holds) {
                        Some(other) if other.file == name => return Err(error),
                        Some(other) => name.clone_from(&other.file),
                        None => return Ok(None),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("it is rewritten again and again"))
    }

    /// Reads what the file says of its row groups. Its page index is read by [`SealedFile::index_pages`]: most files are ruled
    /// out without.
    pub(crate) fn open(files: &dyn Files, path: &Path) -> io::Result<Self> {
        let file: Arc<dyn ReadFile> = files.open(path)?.into();
        let chunks = Chunks { len: file.metadata()?.len, file };
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
        let metadata = ArrowReaderMetadata::load(&chunks, options).map_err(as_io)?;
        let schema = metadata.parquet_schema();
        let leaves = (0..schema.num_columns()).map(|at| (schema.column(at).path().string(), at)).collect();
        let mut file =
            SealedFile { chunks, metadata, only: None, leaves, filters: Mutex::default(), empty: BTreeSet::new() };
        file.empty = file.metadata(EMPTY).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        Ok(file)
    }

    /// Reads where each page lies, so that of a column only pages with rows that passed are decoded.
    pub(crate) fn index_pages(&mut self) -> io::Result<()> {
        let metadata = (**self.metadata.metadata()).clone();
        let mut reader = ParquetMetaDataReader::new_with_metadata(metadata)
            .with_column_index_policy(PageIndexPolicy::Skip)
            .with_offset_index_policy(PageIndexPolicy::Optional);
        reader.read_page_indexes(&self.chunks).map_err(as_io)?;
        let metadata = Arc::new(reader.finish().map_err(as_io)?);
        self.metadata = ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new()).map_err(as_io)?;
        Ok(())
    }

    pub(crate) fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    pub(crate) fn rows(&self, row_group: usize) -> u64 {
        self.metadata.metadata().row_group(row_group).num_rows().max(0) as u64
    }

    /// What the footer tells under `key`.
    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        let told = self.metadata.metadata().file_metadata().key_value_metadata()?;
        told.iter().find(|told| told.key == key)?.value.as_deref()
    }

    /// Its columns.
    pub(crate) fn schema(&self) -> &arrow_schema::Schema {
        self.metadata.schema()
    }

    fn has(&self, column: &str) -> bool {
        self.metadata.schema().field_with_name(column).is_ok()
    }

    /// Whether a row within `time_ns` passes. Ends at the first.
    pub(crate) fn any(&self, filter: Option<&Arc<Filter>>, time_ns: (i64, i64)) -> io::Result<bool> {
        for row_group in 0..self.row_groups() {
            let known = self.known(row_group);
            let in_time = known.numbers(name::TIME).is_none_or(|(least, most)| most >= time_ns.0 && least < time_ns.1);
            if !in_time || filter.is_some_and(|filter| !filter::may_pass(filter, &known)) {
                continue;
            }
            let mut any = false;
            let looked = self.read(row_group, time_ns, filter, &BTreeSet::from([name::TIME]), |batch| {
                any |= batch.num_rows() > 0;
                if any { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
            });
            if any {
                return Ok(true);
            }
            looked?;
        }
        Ok(false)
    }

    pub(crate) fn known(&self, row_group: usize) -> KnownGroup<'_> {
        KnownGroup { file: self, row_group }
    }

    fn mask(&self, columns: &BTreeSet<&'static str>) -> ProjectionMask {
        let schema = self.metadata.parquet_schema();
        let roots = schema.root_schema().get_fields().iter().enumerate();
        let wanted = roots.filter(|(_, root)| columns.contains(root.name())).map(|(at, _)| at);
        ProjectionMask::roots(schema, wanted)
    }

    /// The rows of a row group within `time_ns` (start included, end not) that pass, with these columns. What of the other
    /// columns' pages holds no row that passes is not decoded.
    pub(crate) fn read(
        &self,
        row_group: usize,
        time_ns: (i64, i64),
        filter: Option<&Arc<Filter>>,
        columns: &BTreeSet<&'static str>,
        mut each: impl FnMut(RecordBatch) -> io::Result<()>,
    ) -> io::Result<()> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.chunks.clone(), self.metadata.clone());
        let mut predicates: Vec<Box<dyn parquet::arrow::arrow_reader::ArrowPredicate>> = Vec::new();
        let known = self.known(row_group).numbers(name::TIME);
        if known.is_none_or(|(least, most)| least < time_ns.0 || most >= time_ns.1) {
            let mask = self.mask(&BTreeSet::from([name::TIME]));
            predicates.push(Box::new(ArrowPredicateFn::new(mask, move |batch| {
                let within = |row| (time_ns.0..time_ns.1).contains(&super::rows::time_of(&batch, row));
                Ok((0..batch.num_rows()).map(within).collect::<Vec<bool>>().into())
            })));
        }
        if let Some(only) = self.only.clone() {
            let mask = self.mask(&BTreeSet::from([name::SEQUENCE]));
            predicates.push(Box::new(ArrowPredicateFn::new(mask, move |batch| {
                let wanted = |row| only.contains(&super::rows::sequence_of(&batch, row));
                Ok((0..batch.num_rows()).map(wanted).collect::<Vec<bool>>().into())
            })));
        }
        if let Some(filter) = filter {
            let mut needed = BTreeSet::new();
            filter::columns_of(filter, &mut needed);
            if !needed.iter().any(|column| self.has(column)) {
                // No column at all cannot be read.
                needed.insert(name::TIME);
            }
            let filter = Arc::clone(filter);
            predicates.push(Box::new(ArrowPredicateFn::new(self.mask(&needed), move |batch| {
                Ok(filter::evaluate(&filter, &batch))
            })));
        }
        let reader = builder
            .with_row_groups(vec![row_group])
            .with_projection(self.mask(columns))
            .with_row_filter(RowFilter::new(predicates))
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(as_io)?;
        for batch in reader {
            each(batch.map_err(io::Error::other)?)?;
        }
        Ok(())
    }
}

/// What a file tells of one of its row groups without its rows.
pub(crate) struct KnownGroup<'f> {
    file: &'f SealedFile,
    row_group: usize,
}

impl KnownGroup<'_> {
    /// The Bloom filter of a column, read once.
    fn bloom(&self, leaf: usize) -> Option<Arc<Sbbf>> {
        let mut filters = self.file.filters.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || {
            let chunk = self.file.metadata.metadata().row_group(self.row_group).column(leaf);
            Sbbf::read_from_column_chunk(chunk, &self.file.chunks).ok().flatten().map(Arc::new)
        };
        filters.entry((self.row_group, leaf)).or_insert_with(read).clone()
    }
}

impl Known for KnownGroup<'_> {
    fn may_hold(&self, related: &'static str, value: &str) -> bool {
        let leaf = self.file.leaves.get(&format!("{related}.list.element"));
        // A filter that is absent or unreadable rules nothing out.
        leaf.and_then(|&leaf| self.bloom(leaf)).is_none_or(|filter| filter.check(&value))
    }

    fn is_empty(&self, column: &str) -> bool {
        let nulls = || {
            let group = self.file.metadata.metadata().row_group(self.row_group);
            let nulls = group.column(*self.file.leaves.get(column)?).statistics()?.null_count_opt()?;
            Some(nulls == group.num_rows().max(0) as u64)
        };
        self.file.empty.contains(column) || nulls().unwrap_or(false)
    }

    fn numbers(&self, column: &str) -> Option<(i64, i64)> {
        let at = *self.file.leaves.get(column)?;
        match self.file.metadata.metadata().row_group(self.row_group).column(at).statistics()? {
            Statistics::Int64(statistics) => Some((*statistics.min_opt()?, *statistics.max_opt()?)),
            _ => None,
        }
    }
}

/// All columns.
pub(crate) fn all_columns() -> BTreeSet<&'static str> {
    schema::schema().fields().iter().map(|field| filter::column_of(field.name())).collect()
}
