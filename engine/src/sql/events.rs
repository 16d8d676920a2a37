//! The table `events`: the sealed files that the catalog tells, and the records that are not sealed yet.
//!
//! Columns are those of docs/ARCHIVE.md, with `date` and `hour` of receipt as other readers of the directories have them. Each
//! file's times and numbers are known from the catalog, so that files are ruled out unopened.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::cast::AsArray as _;
use datafusion::arrow::array::types::TimestampNanosecondType;
use datafusion::arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DataFusionError, Result, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::object_store::local::LocalFileSystem;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;
use datafusion::prelude::SessionContext;
use noroshi_archive::catalog::Sealed;
use noroshi_archive::schema::{name, schema};
use noroshi_archive::search::Search;

const HOUR_NS: i64 = 3_600_000_000_000;

/// Where the session finds the archive's files: below its directory and nowhere else.
const STORE: &str = "archive://segments";

/// The table.
#[derive(Debug)]
pub(super) struct Events {
    columns: TableSchema,
    files: Vec<PartitionedFile>,
    unsealed: Vec<RecordBatch>,
    store: ObjectStoreUrl,
}

fn partitions() -> Vec<FieldRef> {
    vec![Arc::new(Field::new("date", DataType::Date32, false)), Arc::new(Field::new("hour", DataType::Int64, false))]
}

/// UTC day and hour of a time.
fn date_and_hour(time_ns: i64) -> (i32, i64) {
    let hours = time_ns.div_euclid(HOUR_NS);
    (i32::try_from(hours.div_euclid(24)).unwrap_or_default(), hours.rem_euclid(24))
}

impl Events {
    /// The table of an archive as it stands now, and what is left out of it.
    pub(super) fn of(search: &Search, context: &SessionContext) -> Result<(Self, Vec<String>)> {
        let store = ObjectStoreUrl::parse(STORE)?;
        let below = LocalFileSystem::new_with_prefix(search.directory())?;
        context.register_object_store(store.as_ref(), Arc::new(below));
        let columns = TableSchema::builder(schema()).with_table_partition_cols(partitions()).build();
        let mut warnings = Vec::new();
        let mut files = Vec::new();
        for sealed in search.sealed() {
            match search.is_whole(sealed) {
                Ok(true) => files.push(partitioned(sealed, columns.file_schema())),
                Ok(false) => {
                    let told = "is not as long as it was sealed and is left out; `noroshi verify` tells more";
                    warnings.push(format!("{} {told}", sealed.file));
                }
                Err(cause) => warnings.push(format!("cannot read {}: {cause}; the rest is searched", sealed.file)),
            }
        }
        let unsealed = search.unsealed_rows().map_err(DataFusionError::from)?;
        let unsealed = unsealed.iter().map(|batch| dated(batch, columns.table_schema())).collect::<Result<_>>()?;
        Ok((Events { columns, files, unsealed, store }, warnings))
    }

    fn sealed(&self, state: &dyn Session, projection: Option<&Vec<usize>>) -> Result<Arc<dyn ExecutionPlan>> {
        let options = state.config_options().execution.parquet.clone();
        let mut source = ParquetSource::new(self.columns.clone());
        source = source.with_pushdown_filters(options.pushdown_filters).with_reorder_filters(options.reorder_filters);
        let threads = state.config_options().execution.target_partitions.max(1);
        let groups = FileGroup::new(self.files.clone()).split_files(threads);
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// A sealed file, with what the catalog tells of it.
fn partitioned(sealed: &Sealed, columns: &SchemaRef) -> PartitionedFile {
    let (date, hour) = date_and_hour(sealed.received_min_ns);
    let mut known = Statistics::new_unknown(columns);
    known.num_rows = Precision::Exact(usize::try_from(sealed.rows).unwrap_or(usize::MAX));
    let time = |ns| ScalarValue::TimestampNanosecond(Some(ns), Some("UTC".into()));
    let number = |number: u64| ScalarValue::Int64(i64::try_from(number).ok());
    let ranges = [
        (name::TIME, time(sealed.time_min_ns), time(sealed.time_max_ns)),
        (name::RECEIVED, time(sealed.received_min_ns), time(sealed.received_max_ns)),
        (name::SEQUENCE, number(sealed.first_sequence), number(sealed.end_sequence.saturating_sub(1))),
    ];
    for (column, least, most) in ranges {
        if let Ok(at) = columns.index_of(column) {
            let column = &mut known.column_statistics[at];
            column.null_count = Precision::Exact(0);
            (column.min_value, column.max_value) = (Precision::Exact(least), Precision::Exact(most));
        }
    }
    PartitionedFile::new(sealed.file.clone(), sealed.bytes)
        .with_partition_values(vec![ScalarValue::Date32(Some(date)), ScalarValue::Int64(Some(hour))])
        .with_statistics(Arc::new(known))
}

/// Rows that are not sealed yet, with the columns that the directories give to those that are.
fn dated(batch: &RecordBatch, columns: &SchemaRef) -> Result<RecordBatch> {
    let received = batch.column_by_name(name::RECEIVED).map(|column| column.as_primitive::<TimestampNanosecondType>());
    let received = received.ok_or_else(|| DataFusionError::Internal("event.created is missing".into()))?;
    let (dates, hours): (Vec<i32>, Vec<i64>) = received.values().iter().map(|&ns| date_and_hour(ns)).unzip();
    let added: [ArrayRef; 2] = [Arc::new(Date32Array::from(dates)), Arc::new(Int64Array::from(hours))];
    let all = batch.columns().iter().cloned().chain(added).collect();
    Ok(RecordBatch::try_new(Arc::clone(columns), all)?)
}

#[async_trait]
impl TableProvider for Events {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.columns.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    // Filters reach the files by DataFusion's own pass over the plan; it keeps them above as well.
    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let unsealed = || -> Result<Arc<dyn ExecutionPlan>> {
            let batches = std::slice::from_ref(&self.unsealed);
            Ok(MemorySourceConfig::try_new_exec(batches, self.schema(), projection.cloned())?)
        };
        match (self.files.is_empty(), self.unsealed.is_empty()) {
            (false, true) => self.sealed(state, projection),
            (true, _) => unsealed(),
            (false, false) => UnionExec::try_new(vec![self.sealed(state, projection)?, unsealed()?]),
        }
    }
}
