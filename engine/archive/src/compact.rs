//! Small segments of one hour become one.
//!
//! A quiet archive closes a segment every few minutes, and a search pays for each file that it opens. Once an hour is over its small
//! segments are rewritten into one of the size that segments should have: the same rows, sorted by time again. Batches
//! and records keep their places in the tree, so every proof stays good; the new file has a manifest of its own, and an entry
//! says which files it replaces.
//!
//! Nothing is rewritten that is not what was sealed, or the archive's own key would sign a change of someone else. And the
//! new file is read back and its records are held to the tree before the old ones go.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use noroshi_tree::leaf::{Batch, Leaf, Manifest, Replaced};
use tracing::{error, info};

use crate::about::About;
use crate::catalog::{Catalog, Sealed};
use crate::log::hash_of;
use crate::schema;
use crate::seal;
use crate::sealer::Sealer;
use crate::search::scan::{SealedFile, all_columns};
use crate::verify::records;

/// A segment with less than this part of the bytes that one should have is small.
const SMALL_PART: u64 = 2;

/// Entries of others that may stand in the tree between two segments that become one.
const GAP_ENTRIES_MAX: u64 = 64;

/// Segments that become one at most.
const PARTS_MAX: usize = 256;

/// The directory of a segment, which tells its hour.
fn hour_of(sealed: &Sealed) -> &str {
    sealed.file.rsplit_once('/').map_or("", |(hour, _)| hour)
}

impl Sealer {
    /// Rewrites the small segments of an hour that is over. Whether there were any.
    pub(crate) fn compact(&mut self) -> io::Result<bool> {
        let Some(parts) = self.small_ones()? else { return Ok(false) };
        for part in &parts {
            let manifest = self.log.leaf(part.manifest_index())?;
            let is_good = match manifest {
                Some(Leaf::Manifest(manifest)) => manifest.file == part.file && self.is_good(&manifest)?,
                _ => false,
            };
            if !is_good {
                self.is_damaged(&part.file);
                return Ok(true);
            }
        }
        let (Some(about), Some(first)) = (About::of_all(&parts), parts.first()) else { return Ok(false) };
        let rows = match self.rows_of(&parts)? {
            Ok(rows) => rows,
            Err(unfit) => {
                info!("{unfit} has not the columns of this version; it is left as it is");
                self.upkeep.left_alone.insert(unfit);
                return Ok(true);
            }
        };
        let file = format!("{}/{:020}-{:020}.parquet", hour_of(first), about.first_sequence, about.end_sequence);
        let written = seal::write(&*self.files, &self.directory.join(&file), &rows, Some(&about))?;
        let written_rows = rows.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
        drop(rows);
        let batches = parts.iter().map(|part| part.first_leaf).min().unwrap_or_default()
            ..parts.iter().map(|part| part.end_leaf).max().unwrap_or_default();
        let manifest = Manifest {
            file,
            bytes: written.bytes,
            sha256: hash_of(written.digest),
            batches,
            rows: parts.iter().map(|part| part.rows).sum(),
        };
        let held = if written_rows == manifest.rows {
            self.held_to_the_tree(&written.beside, &manifest)
        } else {
            Ok(Err(format!("{written_rows} rows of {}", manifest.rows)))
        };
        if !matches!(held, Ok(Ok(_))) {
            written.discard(&*self.files);
        }
        if let Err(told) = held? {
            error!("{} would not hold what the segments hold that it is made of: {told}; they stay", manifest.file);
            self.upkeep.left_alone.extend(parts.into_iter().map(|part| part.file));
            return Ok(true);
        }
        written.put(&*self.files)?;
        let gone: Vec<String> = parts.iter().map(|part| part.file.clone()).collect();
        let replaced = Replaced { by: manifest.file.clone(), files: gone.clone() };
        let leaves = self.log.append(&[Leaf::Manifest(manifest.clone()), Leaf::Replaced(replaced)])?;
        let sealed = about.sealed(&manifest, leaves.start);
        self.catalog.replace(&*self.files, &self.directory, sealed, gone.clone(), leaves.start + 1)?;
        self.upkeep.told(leaves.end);
        self.standing.upkeep.replaced.fetch_add(gone.len() as u64, Ordering::Relaxed);
        let before: u64 = parts.iter().map(|part| part.bytes).sum();
        info!(file = manifest.file, segments = gone.len(), bytes = manifest.bytes, before, "small segments became one");
        self.upkeep.leave_over(gone);
        self.remove_left_over()?;
        Ok(true)
    }

    /// Small segments of one hour, neighbours in the tree, that fit into one.
    fn small_ones(&self) -> io::Result<Option<Vec<Sealed>>> {
        let segments = self.catalog.segments();
        // Hours sort as their names do.
        let Some(newest) = segments.iter().map(hour_of).max() else { return Ok(None) };
        let mut hours: BTreeMap<&str, Vec<&Sealed>> = BTreeMap::new();
        for segment in segments.iter().filter(|segment| hour_of(segment) < newest) {
            hours.entry(hour_of(segment)).or_default().push(segment);
        }
        for mut hour in hours.into_values().filter(|hour| hour.len() > 1) {
            hour.sort_by_key(|segment| segment.first_leaf);
            let mut run: Vec<&Sealed> = Vec::new();
            let mut bytes = 0;
            for segment in hour {
                let is_small = segment.raw_bytes < self.upkeep.segment_bytes / SMALL_PART
                    && !self.is_left_alone(&segment.file)
                    && !self.upkeep.left_alone.contains(&segment.file);
                let fits = is_small && bytes + segment.raw_bytes <= self.upkeep.segment_bytes && run.len() < PARTS_MAX;
                let follows = match run.last() {
                    Some(last) => fits && self.are_neighbours(last, segment)?,
                    None => is_small,
                };
                if !follows {
                    if run.len() > 1 {
                        break;
                    }
                    run.clear();
                    bytes = 0;
                }
                if is_small {
                    run.push(segment);
                    bytes += segment.raw_bytes;
                }
            }
            if run.len() > 1 {
                return Ok(Some(run.into_iter().cloned().collect()));
            }
        }
        Ok(None)
    }

    /// Whether no records of other segments stand in the tree between two: a manifest tells one range of batches.
    fn are_neighbours(&self, one: &Sealed, next: &Sealed) -> io::Result<bool> {
        let between = one.end_leaf..next.first_leaf;
        if one.end_leaf > next.first_leaf || between.end - between.start > GAP_ENTRIES_MAX {
            return Ok(false);
        }
        for index in between {
            if matches!(self.log.leaf(index)?, Some(Leaf::Batch(_)) | None) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All rows of the segments, sorted by time; the inner error names one that has not the columns of this version.
    fn rows_of(&self, parts: &[Sealed]) -> io::Result<Result<Vec<RecordBatch>, String>> {
        let mut rows = Vec::new();
        for part in parts {
            let file = SealedFile::open(&*self.files, &Catalog::path(&self.directory, part))?;
            let ours = schema::schema();
            let there = file.schema();
            let known = there.fields().iter().all(|field| ours.field_with_name(field.name()).is_ok());
            let whole =
                ours.fields().iter().all(|field| field.is_nullable() || there.field_with_name(field.name()).is_ok());
            if !known || !whole {
                return Ok(Err(part.file.clone()));
            }
            for row_group in 0..file.row_groups() {
                file.read(row_group, (i64::MIN, i64::MAX), None, &all_columns(), |batch| {
                    rows.push(conformed(&batch)?);
                    Ok(())
                })?;
            }
        }
        seal::sorted(rows).map(Ok).map_err(io::Error::other)
    }

    fn held_to_the_tree(&self, path: &std::path::Path, manifest: &Manifest) -> io::Result<Result<u64, String>> {
        let mut batches: BTreeMap<u64, Batch> = BTreeMap::new();
        for index in manifest.batches.clone() {
            if let Some(Leaf::Batch(batch)) = self.log.leaf(index)? {
                batches.insert(index, batch);
            }
        }
        records(&*self.files, path, manifest, &batches)
    }
}

/// The batch with all columns of today: those that its file has not are empty.
pub(crate) fn conformed(batch: &RecordBatch) -> io::Result<RecordBatch> {
    let schema = schema::schema();
    let column = |field: &Arc<arrow_schema::Field>| -> ArrayRef {
        match batch.column_by_name(field.name()) {
            Some(column) => Arc::clone(column),
            None => new_null_array(field.data_type(), batch.num_rows()),
        }
    };
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(Arc::clone(&schema), columns).map_err(io::Error::other)
}
