//! Records given back as they were taken in: for hunts that look at them anew, and for those that work them once more.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, Int64Type, TimestampNanosecondType};
use arrow_array::{Array as _, RecordBatch};
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::frame::FrameFlags;

use crate::catalog::Sealed;
use crate::frame::{Entry, Frame, GROUPED_WITH_NEXT, JOIN_CUT, Transport};
use crate::schema::name;
use crate::seal::Decoding;
use crate::search::filter;
use crate::search::query::{Bound, Filter, Test};
use crate::search::rows;
use crate::search::scan::SealedFile;
use crate::search::{Control, Search};

/// A record as it was taken in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// Its number in the archive.
    pub sequence: u64,
    /// Number of the first record of the batch it was read with.
    pub batch: u64,
    /// Name of the input.
    pub input: String,
    /// Path of the file, or address of the sender.
    pub origin: String,
    /// What its sender says of it beside the record, as JSON.
    pub said: Option<String>,
    /// What the input told of it; the index of its origin is not kept. Of the flags only [`FrameFlags::PART`] is kept once it is sealed.
    pub entry: Entry,
    /// Its bytes.
    pub raw: Vec<u8>,
}

/// What a hunt came to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Hunted {
    /// Files there are in the time.
    pub files: u64,
    /// Row groups in them.
    pub row_groups: u64,
    /// Ruled out by statistics and Bloom filters.
    pub row_groups_skipped: u64,
    /// Records handed over.
    pub records: u64,
    /// Files that could not be read.
    pub files_unreadable: u64,
}

/// What of a sealed row a record is made of.
const COLUMNS: [&str; 15] = [
    name::STATED,
    name::SAID,
    name::DEFECTS,
    name::RECEIVED,
    name::SEQUENCE,
    name::INPUT,
    name::ORIGIN,
    name::OFFSET,
    name::TRANSPORT,
    name::BATCH,
    name::GROUP,
    name::LINE,
    name::LINES,
    name::PART,
    name::RAW,
];

impl Search {
    /// Hands over, file by file on the calling thread, the records that have an event in `time_ns` (start included, end not) which
    /// passes: whole, each once. What is not sealed comes first, then the newest file. Ends early when `each` answers false or the
    /// control says so.
    pub fn hunt(
        &self,
        filter: &Arc<Filter>,
        time_ns: (i64, i64),
        control: Control<'_>,
        each: &mut dyn FnMut(Vec<Stored>) -> bool,
    ) -> Hunted {
        let mut hunted = Hunted::default();
        let ended = || control.cancelled.load(std::sync::atomic::Ordering::Relaxed);
        let mut segments: Vec<&Sealed> = self
            .segments
            .iter()
            .filter(|segment| segment.time_max_ns >= time_ns.0 && segment.time_min_ns < time_ns.1)
            .collect();
        segments.sort_by_key(|segment| std::cmp::Reverse((segment.time_max_ns, segment.first_sequence)));
        hunted.files = segments.len() as u64;
        let open = self.open_with(filter, time_ns);
        hunted.records += open.len() as u64;
        if !open.is_empty() && !each(open) {
            return hunted;
        }
        for (done, segment) in segments.iter().enumerate() {
            if ended() {
                return hunted;
            }
            match self.hunt_file(segment, filter, time_ns, &mut hunted, each) {
                Ok(true) => {}
                Ok(false) => return hunted,
                Err(cause) => {
                    tracing::warn!("cannot read {}: {cause}; the rest is hunted in", segment.file);
                    hunted.files_unreadable += 1;
                }
            }
            (control.progress)(done + 1, segments.len());
        }
        hunted
    }

    fn hunt_file(
        &self,
        segment: &Sealed,
        filter: &Arc<Filter>,
        time_ns: (i64, i64),
        hunted: &mut Hunted,
        each: &mut dyn FnMut(Vec<Stored>) -> bool,
    ) -> io::Result<bool> {
        let Some(mut file) = SealedFile::of(&*self.files, &self.directory, segment)? else { return Ok(true) };
        let mut indexed = false;
        for row_group in 0..file.row_groups() {
            hunted.row_groups += 1;
            if !filter::may_pass(filter, &file.known(row_group)) {
                hunted.row_groups_skipped += 1;
                continue;
            }
            if !std::mem::replace(&mut indexed, true) {
                file.index_pages()?;
            }
            let mut wanted = BTreeSet::new();
            let columns = BTreeSet::from([name::TIME, name::SEQUENCE]);
            file.read(row_group, time_ns, Some(filter), &columns, |batch| {
                wanted.extend((0..batch.num_rows()).map(|row| rows::sequence_of(&batch, row)));
                Ok(())
            })?;
            if wanted.is_empty() {
                continue;
            }
            // The bytes stand beside the first of a record's events only, which may be of another time.
            let records = records_of(&file, &wanted)?;
            hunted.records += records.len() as u64;
            if !each(records) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Records that are not sealed and pass.
    fn open_with(&self, filter: &Arc<Filter>, time_ns: (i64, i64)) -> Vec<Stored> {
        let mut decoding = Decoding::new(&Arc::new(Dictionary::new()), &self.inputs);
        self.unsealed(|frame| decoding.frame(frame));
        let Ok((batches, _)) = decoding.finish() else { return Vec::new() };
        let mut wanted = BTreeSet::new();
        for batch in &batches {
            let passes = filter::evaluate(filter, batch);
            let within =
                |&row: &usize| passes.value(row) && (time_ns.0..time_ns.1).contains(&rows::time_of(batch, row));
            wanted.extend((0..batch.num_rows()).filter(within).map(|row| rows::sequence_of(batch, row)));
        }
        let mut records = Vec::new();
        if !wanted.is_empty() {
            self.unsealed(|frame| records.extend(stored_in(frame).filter(|stored| wanted.contains(&stored.sequence))));
        }
        records
    }

    fn unsealed(&self, mut each: impl FnMut(&Frame<'_>)) {
        for segment in &self.open {
            segment.frames().filter(|frame| frame.first_sequence >= self.sealed_until).for_each(|frame| each(&frame));
        }
    }

    /// The numbers of the records there are: from the first that is still kept on.
    pub fn sequences(&self) -> Range<u64> {
        let first = self.segments.iter().map(|segment| segment.first_sequence).min().unwrap_or(self.sealed_until);
        let mut end = self.sealed_until;
        self.unsealed(|frame| end = end.max(frame.sequences().end));
        first..end
    }

    /// Records below this number are sealed.
    pub fn sealed_until(&self) -> u64 {
        self.sealed_until
    }

    /// Hands over every record from number `from` on, in order, until `each` answers false.
    ///
    /// # Errors
    /// Those of reading a sealed file: records would be missing.
    pub fn records_from(&self, from: u64, each: &mut dyn FnMut(Stored) -> bool) -> io::Result<()> {
        let mut segments: Vec<&Sealed> = self.segments.iter().filter(|segment| segment.end_sequence > from).collect();
        segments.sort_by_key(|segment| segment.first_sequence);
        for segment in segments {
            let Some(file) = SealedFile::of(&*self.files, &self.directory, segment)? else { continue };
            let mut records = BTreeMap::new();
            for row_group in 0..file.row_groups() {
                file.read(row_group, (i64::MIN, i64::MAX), None, &COLUMNS.into(), |batch| {
                    take(&batch, |sequence| sequence >= from, &mut records);
                    Ok(())
                })?;
            }
            group(&mut records);
            if !records.into_values().all(|(stored, _)| each(stored)) {
                return Ok(());
            }
        }
        let mut goes_on = true;
        self.unsealed(|frame| {
            let later = stored_in(frame).filter(|stored| stored.sequence >= from);
            later.for_each(|stored| goes_on = goes_on && each(stored));
        });
        Ok(())
    }
}

/// The records of these numbers.
fn records_of(file: &SealedFile, wanted: &BTreeSet<u64>) -> io::Result<Vec<Stored>> {
    let bound = |sequence: Option<&u64>| {
        let text = sequence.copied().unwrap_or_default().to_string();
        Some(Bound { number: text.parse().ok(), text, inclusive: true })
    };
    let between = Test::Between(bound(wanted.first()), bound(wanted.last()));
    let mut texts: Vec<String> = wanted.iter().map(u64::to_string).collect();
    texts.sort_unstable();
    let of = |test| Filter::Field(name::SEQUENCE.to_owned(), test);
    let filter = Arc::new(Filter::All(vec![of(between), of(Test::OneOf(texts))]));
    let mut records = BTreeMap::new();
    for row_group in 0..file.row_groups() {
        if filter::may_pass(&filter, &file.known(row_group)) {
            file.read(row_group, (i64::MIN, i64::MAX), Some(&filter), &COLUMNS.into(), |batch| {
                take(&batch, |_| true, &mut records);
                Ok(())
            })?;
        }
    }
    group(&mut records);
    Ok(records.into_values().map(|(stored, _)| stored).collect())
}

/// Marks each record whose next is of the same group.
fn group(records: &mut BTreeMap<u64, (Stored, Option<u64>)>) {
    let groups: BTreeMap<u64, u64> =
        records.iter().filter_map(|(&sequence, (_, group))| Some((sequence, (*group)?))).collect();
    for (sequence, (stored, group)) in records {
        if group.is_some() && groups.get(&(sequence + 1)) == group.as_ref() {
            stored.entry.marks |= GROUPED_WITH_NEXT;
        }
    }
}

/// Takes the records of a batch's rows, with the group of each; rows of later events hold none.
fn take(batch: &RecordBatch, wanted: impl Fn(u64) -> bool, records: &mut BTreeMap<u64, (Stored, Option<u64>)>) {
    let column = |name: &str| batch.column_by_name(name);
    let text = |name: &str, row: usize| {
        let texts = column(name)?.as_string_opt::<i32>()?;
        (!texts.is_null(row)).then(|| texts.value(row).to_owned())
    };
    let long = |name: &str, row: usize| {
        let numbers = column(name)?.as_primitive_opt::<Int64Type>()?;
        (!numbers.is_null(row)).then(|| numbers.value(row) as u64)
    };
    let int = |name: &str, row: usize| {
        let numbers = column(name)?.as_primitive_opt::<Int32Type>()?;
        (!numbers.is_null(row)).then(|| numbers.value(row) as u32)
    };
    let Some(raw) = column(name::RAW).and_then(|column| column.as_binary_opt::<i32>()) else { return };
    let time = |name: &str, row: usize| {
        let times = column(name)?.as_primitive_opt::<TimestampNanosecondType>()?;
        (!times.is_null(row)).then(|| times.value(row))
    };
    for row in 0..batch.num_rows() {
        let sequence = rows::sequence_of(batch, row);
        if raw.is_null(row) || !wanted(sequence) {
            continue;
        }
        let part = int(name::PART, row);
        let entry = Entry {
            receive_time_ns: time(name::RECEIVED, row).unwrap_or(0),
            origin: 0,
            flags: if part.is_some() { FrameFlags::PART.bits() } else { 0 },
            marks: if is_cut(batch, row) { JOIN_CUT } else { 0 },
            transport: Transport::of_name(&text(name::TRANSPORT, row).unwrap_or_default()),
            part: part.unwrap_or(0),
            lines: int(name::LINES, row).unwrap_or(1),
            offset: long(name::OFFSET, row).unwrap_or(0),
            line: long(name::LINE, row).unwrap_or(0),
            stated_time_ns: time(name::STATED, row).unwrap_or(0),
        };
        let stored = Stored {
            sequence,
            batch: long(name::BATCH, row).unwrap_or(sequence),
            input: text(name::INPUT, row).unwrap_or_default(),
            origin: text(name::ORIGIN, row).unwrap_or_default(),
            said: text(name::SAID, row),
            entry,
            raw: raw.value(row).to_vec(),
        };
        records.insert(sequence, (stored, long(name::GROUP, row)));
    }
}

fn is_cut(batch: &RecordBatch, row: usize) -> bool {
    let name = noroshi_parsers::defect::Defect::JoinCut.name().as_bytes();
    rows::Values::of(batch, name::DEFECTS).any(row, |defect| defect == name)
}

/// The records of a frame.
fn stored_in<'f>(frame: &'f Frame<'_>) -> impl Iterator<Item = Stored> + 'f {
    frame.records().map(|(sequence, entry, raw)| {
        let origin = frame.origins.get(usize::from(entry.origin)).copied().unwrap_or_default();
        Stored {
            sequence,
            batch: frame.first_sequence,
            input: frame.input.to_owned(),
            origin: origin.text.to_owned(),
            said: (!origin.said.is_empty()).then(|| origin.said.to_owned()),
            entry: Entry { origin: 0, ..*entry },
            raw: raw.to_vec(),
        }
    })
}
