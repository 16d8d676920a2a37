//! SQL over the archive, by DataFusion: the table `events` is what the archive holds, sealed or not.
//!
//! Nothing can be changed by it: statements other than queries are refused, and no function reads another file. What a query needs
//! of memory is bounded; what it needs beyond goes to a directory that is named, or the query is refused.

mod events;
mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{Expr, SQLOptions, SessionConfig, SessionContext, ident, lit};
use futures::StreamExt as _;
use noroshi_archive::schema::name;
use noroshi_archive::search::Search;

use events::Events;
pub(crate) use values::{columns, row};

/// Name of the table.
const TABLE: &str = "events";

/// Most bytes that queries spill: what a sort of a few hundred million rows takes.
const SPILL_BYTES_MAX: u64 = 100 << 30;

/// Rows at once: as in the archive's own searches.
const BATCH_ROWS: usize = 8192;

/// How often a query begins anew because files were rewritten under it.
const ATTEMPTS_MAX: usize = 3;

/// Longest statement. Beyond, it is a file given by mistake.
const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// What a query may use.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Bytes of memory for sorting, grouping, joining, and the result.
    pub(crate) memory_bytes: usize,
    /// Where to what does not fit may go; absent = nowhere.
    pub(crate) spill: Option<PathBuf>,
    /// Rows of the result that are wanted.
    pub(crate) rows: usize,
}

/// What a query found.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) batches: Vec<RecordBatch>,
    /// The columns' names, as they are shown.
    pub(crate) columns: Vec<String>,
    /// Whether there are more rows than were wanted.
    pub(crate) is_cut: bool,
    /// Whether it was interrupted.
    pub(crate) is_interrupted: bool,
    /// Files that are left out, and why.
    pub(crate) warnings: Vec<String>,
}

/// Runs a query over the events of `time_ns` (start included, end not), until it ends or `interrupted` does.
///
/// # Errors
/// What is wrong with the statement, what it lacks, or which file cannot be read; with the way out.
pub(crate) async fn query(
    open: &dyn Fn() -> anyhow::Result<Search>,
    statement: &str,
    time_ns: (i64, i64),
    limits: &Limits,
    interrupted: impl Future<Output = ()>,
) -> anyhow::Result<Answer> {
    if statement.len() > STATEMENT_BYTES_MAX {
        anyhow::bail!("the statement is longer than 1 MiB\n   = help: give the SQL itself, not a file of data");
    }
    let mut interrupted = std::pin::pin!(interrupted);
    let mut attempt = 1;
    loop {
        let search = open()?;
        match once(&search, statement, time_ns, limits, interrupted.as_mut()).await {
            // A segment was rewritten into a larger one, or purged, since the catalog was read.
            Err(error) if attempt < ATTEMPTS_MAX && is_gone(&error) => attempt += 1,
            answer => return answer.map_err(|error| told(&error, limits)),
        }
    }
}

async fn once(
    search: &Search,
    statement: &str,
    time_ns: (i64, i64),
    limits: &Limits,
    mut interrupted: std::pin::Pin<&mut impl Future<Output = ()>>,
) -> Result<Answer, DataFusionError> {
    let context = session(limits)?;
    let (events, warnings) = Events::of(search, &context)?;
    let all = context.read_table(Arc::new(events))?;
    let within = within(time_ns).map_or(Ok(all.clone()), |within| all.filter(within))?;
    context.register_table(TABLE, within.into_view())?;
    let only_queries = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let frame = context.sql_with_options(statement, only_queries).await?;
    let columns = columns(frame.schema().as_arrow());
    let mut stream = frame.execute_stream().await?;
    let held = MemoryConsumer::new("result").register(&context.runtime_env().memory_pool);
    let mut answer = Answer { batches: Vec::new(), columns, is_cut: false, is_interrupted: false, warnings };
    let mut rows = 0;
    loop {
        let next = tokio::select! {
            biased;
            () = &mut interrupted => {
                answer.is_interrupted = true;
                return Ok(answer);
            }
            next = stream.next() => next,
        };
        let Some(batch) = next.transpose()? else { return Ok(answer) };
        let wanted = batch.num_rows().min(limits.rows - rows);
        if wanted > 0 {
            let batch = batch.slice(0, wanted);
            held.try_grow(batch.get_array_memory_size())?;
            answer.batches.push(batch);
            rows += wanted;
        }
        if wanted < batch.num_rows() {
            answer.is_cut = true;
            return Ok(answer);
        }
    }
}

fn session(limits: &Limits) -> Result<SessionContext, DataFusionError> {
    let spill = match &limits.spill {
        Some(directory) => DiskManagerMode::Directories(vec![directory.clone()]),
        None => DiskManagerMode::Disabled,
    };
    let mut disk = DiskManagerBuilder::default().with_mode(spill);
    if limits.spill.is_some() {
        disk.set_max_temp_directory_size(SPILL_BYTES_MAX);
    }
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(limits.memory_bytes)))
        .with_disk_manager_builder(disk)
        .build_arc()?;
    let config = SessionConfig::new()
        .with_information_schema(true)
        .with_batch_size(BATCH_ROWS)
        // Only what passes a filter is decoded of the other columns.
        .set_bool("datafusion.execution.parquet.pushdown_filters", true)
        .set_bool("datafusion.execution.parquet.reorder_filters", true);
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// Events of so long; `None` = all.
fn within((from, to): (i64, i64)) -> Option<Expr> {
    let moment = |ns| lit(ScalarValue::TimestampNanosecond(Some(ns), Some("UTC".into())));
    let from = (from > i64::MIN).then(|| ident(name::TIME).gt_eq(moment(from)));
    let to = (to < i64::MAX).then(|| ident(name::TIME).lt(moment(to)));
    match (from, to) {
        (Some(from), Some(to)) => Some(from.and(to)),
        (from, to) => from.or(to),
    }
}

fn is_gone(error: &DataFusionError) -> bool {
    use datafusion::object_store::Error;
    let root = error.find_root();
    matches!(root, DataFusionError::ObjectStore(cause) if matches!(**cause, Error::NotFound { .. }))
        || root.to_string().contains("No such file or directory")
}

/// What went wrong, for the operator.
fn told(error: &DataFusionError, limits: &Limits) -> anyhow::Error {
    const NAMES: &str =
        "names with dots stand in double quotes: \"user.name\", texts in single ones; `DESCRIBE events` lists them";
    let root = error.find_root();
    let text = root.strip_backtrace();
    let (what, help) = match root {
        DataFusionError::ResourcesExhausted(_) => {
            let held = format!("the query needs more than {} bytes of memory", limits.memory_bytes);
            let help = match limits.spill {
                Some(_) => "narrow it by time or columns, or give it more by --memory",
                None => {
                    "narrow it by time or columns, give it more by --memory, or a directory to go on in by --spill DIR"
                }
            };
            (held, help)
        }
        DataFusionError::Plan(said) if said.contains("not supported: ") => {
            let what = said.split_once("not supported: ").map_or("this", |(_, what)| what);
            let help = "begin with SELECT, WITH, EXPLAIN or DESCRIBE";
            (format!("{what} is refused: the archive is read, never changed"), help)
        }
        DataFusionError::SQL(cause, _) => (cause.to_string(), NAMES),
        // What follows the first line is the list of all columns.
        DataFusionError::SchemaError(..) => (text.lines().next().unwrap_or_default().to_owned(), NAMES),
        DataFusionError::Plan(said) | DataFusionError::NotImplemented(said) => (said.clone(), NAMES),
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => {
            let help = "`noroshi verify` names what is damaged; date and hour in WHERE leave files out";
            (format!("the archive cannot be read: {text}"), help)
        }
        _ => (text.clone(), "the statement asks for what its values do not allow"),
    };
    anyhow::anyhow!("{what}\n   = help: {help}")
}

/// A directory to spill to that can be used.
///
/// # Errors
/// Where it cannot be made.
pub(crate) fn spill_directory(directory: &Path) -> anyhow::Result<PathBuf> {
    use anyhow::Context as _;
    std::fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    Ok(directory.to_owned())
}
