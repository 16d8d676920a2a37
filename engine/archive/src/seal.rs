//! A write-ahead segment becomes a Parquet file.
//!
//! Records are decoded again, as their input says, so that nothing of the way of an event waits for the archive. Rows are
//! sorted by event time. An ECS column that no row of a segment has a value for is not in its file. The file is written beside its name, synced and renamed; whoever finds it under its name finds it whole.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{Array as _, RecordBatch};
use noroshi_files::{Files, WriteFile, directory_of};
use noroshi_parsers::decode::{Decoder, SourceOptions, Stated};
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::Event;
use noroshi_parsers::frame::FrameFlags;
use noroshi_parsers::join::group::{self, Member};
use noroshi_parsers::split;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use sha2::{Digest as _, Sha256};

use crate::about::{ABOUT, About};
use crate::columns::{self, Columns, RowHead, Taken};
use crate::frame::{Entry, Frame, GROUPED_WITH_NEXT};
use crate::schema::{self, name};

/// Rows of one row group at most: enough for dictionaries and compression to pay, few enough that a hunt that finds a Bloom
/// filter's answer in one decodes little.
const ROW_GROUP_ROWS: usize = 1 << 16;

/// Rows of one page: what late materialisation reads for one row.
const PAGE_ROWS: usize = 4096;

/// Distinct values that a Bloom filter of a row group is sized for, at one wrong answer in a hundred: 16 to 32 KiB each.
const BLOOM_VALUES: u64 = 16_384;

/// Level of zstd: beyond 3 sealing costs more than the disk saved.
const ZSTD_LEVEL: i32 = 3;

/// Key of the footer's metadata under which the columns stand that are not in the file because no row has a value for them.
pub(crate) const EMPTY: &str = "noroshi.empty";

/// Puts right what an input declares of its records once they are decoded, such as clocks that are off.
pub type Correction = Arc<dyn Fn(&mut Event, &[u8]) + Send + Sync>;

/// How an input's records are read.
#[derive(Clone, Default)]
pub struct InputOptions {
    /// As the engine reads them.
    pub options: Arc<SourceOptions>,
    /// Whether a record that holds several events is split.
    pub split: bool,
    /// What is put right of each event before rules see it.
    pub correction: Option<Correction>,
}

impl fmt::Debug for InputOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let corrected = self.correction.is_some();
        let Self { options, split, .. } = self;
        f.debug_struct("InputOptions")
            .field("options", options)
            .field("split", split)
            .field("corrected", &corrected)
            .finish()
    }
}

/// What a sealed file spans.
#[derive(Clone, Debug)]
pub(crate) struct Spans {
    pub(crate) rows: u64,
    pub(crate) raw_bytes: u64,
    pub(crate) time_ns: (i64, i64),
    pub(crate) received_ns: (i64, i64),
    pub(crate) inputs: BTreeMap<String, u64>,
}

/// Decodes frames to rows.
pub(crate) struct Decoding<'a> {
    decoder: Decoder,
    event: Event,
    /// Events of a group, and how many fields are of their own records.
    members: Vec<(Event, usize)>,
    columns: Columns,
    inputs: &'a BTreeMap<String, InputOptions>,
    fallback: InputOptions,
    taken: Vec<Taken>,
    spans: Spans,
}

impl<'a> Decoding<'a> {
    pub(crate) fn new(dictionary: &Arc<Dictionary>, inputs: &'a BTreeMap<String, InputOptions>) -> Self {
        Decoding {
            decoder: Decoder::new(Arc::clone(dictionary)),
            event: Event::new(),
            members: Vec::new(),
            columns: Columns::new(Arc::clone(dictionary)),
            inputs,
            fallback: InputOptions::default(),
            taken: Vec::new(),
            spans: Spans {
                rows: 0,
                raw_bytes: 0,
                time_ns: (i64::MAX, i64::MIN),
                received_ns: (i64::MAX, i64::MIN),
                inputs: BTreeMap::new(),
            },
        }
    }

    pub(crate) fn frame(&mut self, frame: &Frame<'_>) {
        let settings = self.inputs.get(frame.input).unwrap_or(&self.fallback).clone();
        match self.spans.inputs.get_mut(frame.input) {
            Some(count) => *count += frame.entries.len() as u64,
            None => {
                self.spans.inputs.insert(frame.input.to_owned(), frame.entries.len() as u64);
            }
        }
        let records: Vec<_> = frame.records().collect();
        for group in records.chunk_by(|(_, entry, _), _| entry.marks & GROUPED_WITH_NEXT != 0) {
            for (_, entry, record) in group {
                let received = entry.receive_time_ns;
                let span = &mut self.spans;
                span.raw_bytes += record.len() as u64;
                span.received_ns = (span.received_ns.0.min(received), span.received_ns.1.max(received));
            }
            match group {
                [one] => self.record(frame, *one, &settings),
                group => self.group(frame, group, &settings),
            }
        }
    }

    /// The records of one audit event, each lent the others' fields, as rules see them.
    fn group(&mut self, frame: &Frame<'_>, group: &[(u64, &Entry, &[u8])], settings: &InputOptions) {
        let (first, received) = group.first().map_or((0, 0), |(sequence, entry, _)| (*sequence, entry.receive_time_ns));
        if self.members.len() < group.len() {
            self.members.resize_with(group.len(), || (Event::new(), 0));
        }
        for ((_, _, record), (event, own)) in group.iter().zip(&mut self.members) {
            self.decoder.decode(record, received, &settings.options, event);
            if let Some(correct) = &settings.correction {
                correct(event, record);
            }
            *own = event.view(record).fields().len();
        }
        for (at, &(sequence, entry, record)) in group.iter().enumerate() {
            // What is lent to one is not lent on: it goes by how many fields are a record's own.
            std::mem::swap(&mut self.event, &mut self.members[at].0);
            let others = group.iter().zip(&self.members).enumerate().filter(|(other, _)| *other != at);
            let others =
                others.map(|(_, ((_, _, record), (event, own)))| Member { view: event.view(record), own: *own });
            group::lend(&mut self.event, self.members[at].1, others);
            let head = RowHead { group: Some(first), ..head_of(frame, sequence, entry, record) };
            self.push(&head, record);
            std::mem::swap(&mut self.event, &mut self.members[at].0);
        }
    }

    fn record(&mut self, frame: &Frame<'_>, record: (u64, &Entry, &[u8]), settings: &InputOptions) {
        let (sequence, entry, record) = record;
        let head = head_of(frame, sequence, entry, record);
        if FrameFlags::from_bits(entry.flags).contains(FrameFlags::PART) && entry.part > 0 {
            // Only the first part of an overlong record is decoded.
            return self.row(&head, b"", settings);
        }
        let elements = if settings.split { split::elements(record) } else { None };
        let Some(elements) = elements else { return self.row(&head, record, settings) };
        let mut first = true;
        for element in elements {
            let raw = std::mem::take(&mut first).then_some(record);
            let head = RowHead { element: Some(element.index), raw, ..head };
            self.row(&head, &record[element.range], settings);
        }
        if first {
            self.row(&head, record, settings);
        }
    }

    fn row(&mut self, head: &RowHead<'_>, record: &[u8], settings: &InputOptions) {
        self.decoder.decode(record, head.entry.receive_time_ns, &settings.options, &mut self.event);
        Stated { time_ns: head.entry.stated_time_ns, host: head.host }.complete(&mut self.event, record);
        if let Some(correct) = &settings.correction {
            correct(&mut self.event, record);
        }
        self.push(head, record);
    }

    fn push(&mut self, head: &RowHead<'_>, record: &[u8]) {
        let view = self.event.view(record);
        let time = view.core().time_ns;
        self.spans.time_ns = (self.spans.time_ns.0.min(time), self.spans.time_ns.1.max(time));
        self.spans.rows += 1;
        self.columns.push(head, view);
        if self.columns.rows() >= ROW_GROUP_ROWS {
            self.taken.push(self.columns.take());
        }
    }

    /// All rows, sorted by event time, with the columns that have a value, and what they span.
    pub(crate) fn finish(mut self) -> Result<(Vec<RecordBatch>, Spans), arrow_schema::ArrowError> {
        if self.columns.rows() > 0 {
            self.taken.push(self.columns.take());
        }
        Ok((sorted(columns::batches(self.taken)?)?, self.spans))
    }
}

fn head_of<'r>(frame: &'r Frame<'_>, sequence: u64, entry: &'r Entry, record: &'r [u8]) -> RowHead<'r> {
    let origin = frame.origins.get(usize::from(entry.origin)).copied().unwrap_or_default();
    RowHead {
        sequence,
        element: None,
        input: frame.input,
        origin: origin.text,
        host: origin.host,
        said: origin.said,
        batch: frame.first_sequence,
        group: None,
        entry,
        raw: Some(record),
    }
}

fn times(batch: &RecordBatch) -> &[i64] {
    batch.column(0).as_primitive::<TimestampNanosecondType>().values()
}

/// Without the ECS columns that no row has a value for.
fn pruned(batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, arrow_schema::ArrowError> {
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let schema = first.schema();
    let is_empty = |at: usize| batches.iter().all(|batch| batch.column(at).null_count() == batch.num_rows());
    let is_ecs = |name: &str| schema::columns().iter().any(|column| column.name == name);
    let fields = schema.fields().iter().enumerate();
    let kept: Vec<usize> =
        fields.filter(|(at, field)| !(is_empty(*at) && is_ecs(field.name()))).map(|(at, _)| at).collect();
    batches.iter().map(|batch| batch.project(&kept)).collect()
}

/// Rows of batches of one schema in the order of event time; of equal times in the order of reading.
pub(crate) fn sorted(batches: Vec<RecordBatch>) -> Result<Vec<RecordBatch>, arrow_schema::ArrowError> {
    let is_sorted = batches.iter().flat_map(times).is_sorted();
    if is_sorted {
        return Ok(batches);
    }
    let batches = pruned(&batches)?;
    let mut order: Vec<(i64, (usize, usize))> = Vec::new();
    for (at, batch) in batches.iter().enumerate() {
        order.extend(times(batch).iter().enumerate().map(|(row, time)| (*time, (at, row))));
    }
    order.sort_by_key(|(time, _)| *time);
    let order: Vec<(usize, usize)> = order.into_iter().map(|(_, place)| place).collect();
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    order.chunks(ROW_GROUP_ROWS).map(|rows| arrow_select::interleave::interleave_record_batch(&batches, rows)).collect()
}

/// Counts and digests what goes through.
struct Digesting {
    file: Box<dyn WriteFile>,
    digest: Sha256,
    bytes: u64,
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn properties() -> WriterProperties {
    let zstd = ZstdLevel::try_new(ZSTD_LEVEL).expect("a level of zstd");
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(zstd))
        .set_created_by(format!("noroshi {}", env!("CARGO_PKG_VERSION")))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(vec![parquet::file::metadata::SortingColumn {
            column_idx: 0,
            descending: false,
            nulls_first: false,
        }]));
    let path = |parts: &[&str]| ColumnPath::from(parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
    for related in schema::RELATED {
        let column = path(&[related.name, "list", "element"]);
        properties = properties
            .set_column_bloom_filter_enabled(column.clone(), true)
            .set_column_bloom_filter_max_ndv(column.clone(), BLOOM_VALUES)
            .set_column_bloom_filter_fpp(column, 0.01);
    }
    // Neither repeats nor is compared: no dictionary, no statistics.
    let raw = path(&[name::RAW]);
    let values = path(&[name::FIELDS, "key_value", "value"]);
    for column in [raw, values] {
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    for column in [name::TIME, name::RECEIVED, name::SEQUENCE, name::OFFSET, name::BATCH, name::LINE] {
        let column = path(&[column]);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
    }
    properties.build()
}

/// A file that is whole and synced, and not yet in its place.
pub(crate) struct Written {
    pub(crate) bytes: u64,
    pub(crate) digest: [u8; 32],
    /// Where it lies: under a name that no reader takes for a segment's.
    pub(crate) beside: PathBuf,
    place: PathBuf,
}

impl Written {
    /// Puts it in its place, durably.
    pub(crate) fn put(&self, files: &dyn Files) -> io::Result<()> {
        files.rename(&self.beside, &self.place)?;
        files.sync_directory(directory_of(&self.place))
    }

    /// Gives it up.
    pub(crate) fn discard(&self, files: &dyn Files) {
        // A leftover is overwritten by the next attempt.
        let _ = files.remove(&self.beside);
    }
}

/// Writes the rows beside `path`, durably, with what the file tells of itself if it is a segment.
pub(crate) fn write(
    files: &dyn Files,
    path: &Path,
    batches: &[RecordBatch],
    about: Option<&About>,
) -> io::Result<Written> {
    files.create_directory(directory_of(path))?;
    let beside = path.with_extension("parquet.new");
    let about = about.map(serde_json::to_string).transpose().map_err(io::Error::other)?;
    let batches = pruned(batches).map_err(io::Error::other)?;
    let schema = batches.first().map_or_else(schema::schema, RecordBatch::schema);
    let is_there = |name: &str| schema.field_with_name(name).is_ok();
    let empty: Vec<&str> = schema::columns().iter().map(|column| column.name).filter(|name| !is_there(name)).collect();
    let empty = empty.join(" ");
    let file = Digesting { file: files.create(&beside)?, digest: Sha256::new(), bytes: 0 };
    let written = (|| {
        let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties()))?;
        for batch in &batches {
            writer.write(batch)?;
        }
        writer.append_key_value_metadata(KeyValue::new(EMPTY.to_owned(), empty));
        if about.is_some() {
            writer.append_key_value_metadata(KeyValue::new(ABOUT.to_owned(), about));
        }
        writer.into_inner()
    })();
    let finished = written.map_err(as_io).and_then(|mut file| {
        file.file.sync()?;
        let (bytes, digest) = (file.bytes, file.digest.finalize().into());
        Ok(Written { bytes, digest, beside: beside.clone(), place: path.to_owned() })
    });
    if finished.is_err() {
        // The first error is the one to tell; a leftover is overwritten by the next attempt.
        let _ = files.remove(&beside);
    }
    finished
}

/// The error of the disk where there is one below.
pub(crate) fn as_io(error: parquet::errors::ParquetError) -> io::Error {
    match error {
        parquet::errors::ParquetError::External(below) => match below.downcast::<io::Error>() {
            Ok(below) => *below,
            Err(below) => io::Error::other(below),
        },
        other => io::Error::other(other),
    }
}
