//! `noroshi query`: SQL over the archive.

use super::Outcome;
use super::args::QueryArgs;
use crate::terminal::ColorChoice;

/// A build without DataFusion, which takes longer to compile than all the rest.
#[cfg(not(feature = "sql"))]
pub(crate) fn query(_args: &QueryArgs, _color: ColorChoice) -> anyhow::Result<Outcome> {
    anyhow::bail!(
        "this build has no SQL\n   = help: `noroshi search` has most of it; the container image has SQL, and a build with `cargo build --release -p noroshi --features sql`"
    )
}

#[cfg(feature = "sql")]
pub(crate) fn query(args: &QueryArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    use super::args::SearchOutput;
    use super::files::now_ns;
    use super::search::{TABLE_ROWS, act_of, open, place, print_rows, time_of};
    use crate::sql;
    use crate::terminal::{escape_controls, thousands};
    use std::borrow::Cow;

    let now = now_ns();
    let since = args.archive.since.as_deref().map_or(Ok(i64::MIN), |text| time_of(text, now))?;
    let until = args.archive.until.as_deref().map_or(Ok(i64::MAX), |text| time_of(text, now))?;
    let output = args.output.unwrap_or_else(SearchOutput::for_stdout);
    let limits = sql::Limits {
        memory_bytes: args.memory,
        spill: args.spill.as_deref().map(sql::spill_directory).transpose()?,
        rows: if output == SearchOutput::Table { TABLE_ROWS } else { usize::MAX },
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let open = || open(&args.archive);
    let interrupted = async {
        // Where the signal cannot be had Ctrl-C ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let answer = runtime.block_on(sql::query(&open, &args.sql, (since, until), &limits, interrupted));
    // What is under way on other threads is not waited for.
    runtime.shutdown_background();
    let answer = answer.map_err(|error| anyhow::Error::msg(super::escape_lines(&error.to_string())))?;
    let rows: usize = answer.batches.iter().map(|batch| batch.num_rows()).sum();
    let act = act_of("query", &args.archive).with("sql", args.sql.clone()).records(rows);
    super::audit::record(&place(&args.archive)?, &act, args.archive.unaudited)?;
    let documents = answer
        .batches
        .iter()
        .flat_map(|batch| (0..batch.num_rows()).map(|row| Cow::Owned(sql::row(batch, row, &answer.columns))));
    print_rows(documents, &answer.columns, true, output, color)?;
    for warning in &answer.warnings {
        eprintln!("warning: {}", escape_controls(warning));
    }
    let shown = thousands(rows as u64);
    if answer.is_interrupted {
        eprintln!("interrupted: {shown} rows were found until then");
        return Ok(Outcome::Findings);
    }
    if answer.is_cut {
        eprintln!("{shown} rows shown, there are more; --output csv or ndjson has them all");
    }
    Ok(Outcome::Done)
}
