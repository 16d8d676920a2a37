//! The rows of records, by the records' numbers: from sealed segments and from what is not sealed yet.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch, new_null_array};
use arrow_select::filter::filter_record_batch;
use noroshi_parsers::dictionary::Dictionary;

use super::RAW_BYTES_MAX;
use crate::catalog::Catalog;
use crate::schema;
use crate::seal::{Decoding, sorted};
use crate::search::scan::{SealedFile, all_columns};
use crate::search::{Search, rows};

/// Every row of these records, in the order of event time.
///
/// # Errors
/// Those of reading; more bytes than a pack holds.
pub(super) fn rows_of(search: &Search, sequences: &BTreeSet<u64>) -> io::Result<Vec<RecordBatch>> {
    let mut gathered = Gathered { sequences, batches: Vec::new(), bytes: 0 };
    let columns = all_columns();
    for sealed in &search.segments {
        if sequences.range(sealed.first_sequence..sealed.end_sequence).next().is_none() {
            continue;
        }
        let file = SealedFile::open(&*search.files, &Catalog::path(&search.directory, sealed))?;
        for row_group in 0..file.row_groups() {
            file.read(row_group, (i64::MIN, i64::MAX), None, &columns, |batch| gathered.take(&batch))?;
        }
    }
    let dictionary = Arc::new(Dictionary::new());
    let mut decoding = Decoding::new(&dictionary, &search.inputs);
    for segment in &search.open {
        let wanted = segment.frames().filter(|frame| {
            frame.first_sequence >= search.sealed_until && sequences.range(frame.sequences()).next().is_some()
        });
        wanted.for_each(|frame| decoding.frame(&frame));
    }
    let (unsealed, _) = decoding.finish().map_err(io::Error::other)?;
    for batch in unsealed {
        gathered.take(&batch)?;
    }
    sorted(gathered.batches).map_err(io::Error::other)
}

struct Gathered<'s> {
    sequences: &'s BTreeSet<u64>,
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl Gathered<'_> {
    fn take(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let keep = |row| self.sequences.contains(&rows::sequence_of(batch, row));
        let keep: BooleanArray = (0..batch.num_rows()).map(|row| Some(keep(row))).collect();
        if keep.true_count() == 0 {
            return Ok(());
        }
        let kept = filter_record_batch(batch, &keep).map_err(io::Error::other)?;
        self.bytes += kept.get_array_memory_size();
        // Columns take some four times the records themselves.
        if self.bytes > 4 * RAW_BYTES_MAX {
            let told = format!("the records are more than {} MiB; narrow the query or its time", RAW_BYTES_MAX >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, told));
        }
        self.batches.push(as_written_now(&kept)?);
        Ok(())
    }
}

/// A batch with the columns of this version in their order: a file of an earlier one may have fewer.
fn as_written_now(batch: &RecordBatch) -> io::Result<RecordBatch> {
    let schema = schema::schema();
    let column = |field: &Arc<arrow_schema::Field>| match batch.column_by_name(field.name()) {
        Some(column) if column.data_type() == field.data_type() => Arc::clone(column),
        _ => new_null_array(field.data_type(), batch.num_rows()),
    };
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(schema, columns).map_err(io::Error::other)
}
