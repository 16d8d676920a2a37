//! `noroshi search` and `noroshi hunt`: what the archive holds.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use noroshi_archive::search::query::{self, Filter, Query, Test};
use noroshi_archive::search::{Control, Effort, Found, Search};
use noroshi_input::files::RealFiles;
use serde_json::Value;

use super::args::{ArchiveArgs, HuntArgs, SearchArgs, SearchOutput};
use super::files::now_ns;
use super::run::input_settings;
use super::{Outcome, audit, evidence};
use crate::audit::Act;
use crate::config::{Config, archive_inputs, join};
use crate::terminal::{self, Align, Cell, ColorChoice, Table, escape_controls, thousands};

/// Rows of a table for people, where the query does not say how many: more than a screen, less than a flood.
pub(crate) const TABLE_ROWS: usize = 200;

pub(crate) fn search(args: &SearchArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let text = &args.query;
    let mut query = query::parse(text).map_err(|error| wrong_query(text, &error))?;
    let output = args.output.unwrap_or_else(SearchOutput::for_stdout);
    if query.limit.is_none() && query.stats.is_none() && output == SearchOutput::Table {
        query.limit = Some(TABLE_ROWS);
    }
    let found = match &args.pack {
        Some(path) => {
            let Some(search) = open_pack(path, &args.key)? else { return Ok(Outcome::Findings) };
            run(&search, &args.archive, &query)?
        }
        None => {
            let found = run(&open(&args.archive)?, &args.archive, &query)?;
            let act = act_of("search", &args.archive).with("query", text.clone()).records(found.rows.len());
            audit::record(&place(&args.archive)?, &act, args.archive.unaudited)?;
            found
        }
    };
    show(&found, &query, output, color)?;
    tell(&found, args.explain, query.stats.is_some());
    Ok(Outcome::Done)
}

pub(crate) fn hunt(args: &HuntArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let mut values = Vec::new();
    for ioc in &args.ioc {
        let path = Path::new(ioc);
        if path.is_file() {
            let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            let text = String::from_utf8_lossy(&text).into_owned();
            values.extend(
                text.lines()
                    .map(str::trim)
                    .filter(|line| !line.is_empty() && !line.starts_with('#'))
                    .map(str::to_owned),
            );
        } else {
            values.push(ioc.clone());
        }
    }
    if values.is_empty() {
        anyhow::bail!("no indicator was given; --ioc takes values, or files with one a line");
    }
    let filter = hunted(&values);
    let query = Query { filter: Some(filter), limit: args.limit, ..Query::default() };
    let mut found = run(&open(&args.archive)?, &args.archive, &query)?;
    for row in &mut found.rows {
        if let Value::Object(row) = row {
            noroshi_parsers::document::place(row, "noroshi.retrospective", true.into());
        }
    }
    let act = act_of("hunt", &args.archive).with("ioc", values).records(found.rows.len());
    audit::record(&place(&args.archive)?, &act, args.archive.unaudited)?;
    let output = args.output.unwrap_or_else(SearchOutput::for_stdout);
    show(&found, &query, output, color)?;
    tell(&found, args.explain, false);
    Ok(if args.fail_on_hit && !found.rows.is_empty() { Outcome::Findings } else { Outcome::Done })
}

/// Rows with any of the indicators: addresses, names, hashes and accounts where related values stand; a URL wherever a
/// record's text has it.
fn hunted(values: &[String]) -> Filter {
    let mut exact = Vec::new();
    let mut parts = Vec::new();
    for value in values {
        let value = refanged(value);
        if let Some((address, bits)) = value.split_once('/')
            && let (Ok(address), Ok(bits)) = (address.parse(), bits.parse())
        {
            parts.push(Filter::Field("related.ip".into(), Test::Within(address, bits)));
            continue;
        }
        if value.contains("://") {
            // A proxy names the host in a column; a record that only quotes the URL does not.
            parts.extend(query::Pattern::new(&value, false, false).ok().map(Filter::Text));
            continue;
        }
        let value = value.parse::<std::net::IpAddr>().map_or(value.to_lowercase(), |address| address.to_string());
        exact.push(value.trim_end_matches('.').to_owned());
    }
    exact.sort();
    exact.dedup();
    if !exact.is_empty() {
        for field in ["related.ip", "related.hosts", "related.hash", "related.user"] {
            parts.push(Filter::Field(field.into(), Test::OneOf(exact.clone())));
        }
    }
    Filter::Any(parts)
}

/// As reports write indicators so that nobody clicks them: `hxxp`, `[.]`, `(.)`.
fn refanged(value: &str) -> String {
    let plain = value.trim().replace("[.]", ".").replace("(.)", ".").replace("[:]", ":");
    match plain.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("hxxp") => format!("http{}", &plain[4..]),
        _ => plain,
    }
}

pub(crate) fn wrong_query(text: &str, error: &query::QueryError) -> anyhow::Error {
    let mark = text.get(..error.at).map_or(0, terminal::display_width);
    let text = escape_controls(text);
    anyhow::anyhow!(
        "{}\n  {text}\n  {}^\n  = help: field:value AND \"text\" | stats count by field",
        error.message,
        " ".repeat(mark)
    )
}

/// The rows of a pack that holds; what is wrong with another is told.
fn open_pack(path: &Path, keys: &[String]) -> anyhow::Result<Option<Search>> {
    let read = evidence::read(path, keys, &[])?;
    let wrong = read.faults.iter().map(ToString::to_string);
    for told in wrong.chain(read.undecided) {
        eprintln!("{}: {}", path.display(), escape_controls(&told));
    }
    if !read.faults.is_empty() || read.parquet.is_empty() {
        eprintln!("error: what a pack says that was changed is not shown");
        return Ok(None);
    }
    let search = noroshi_archive::pack::search(&read.parquet);
    search.with_context(|| format!("cannot read {}", path.display())).map(Some)
}

/// An act that asks for a time.
pub(crate) fn act_of(command: &'static str, args: &ArchiveArgs) -> Act {
    Act::new(command).with("since", args.since.clone()).with("until", args.until.clone())
}

/// The archive's directory, by the flag or by the configuration.
pub(crate) fn place(args: &ArchiveArgs) -> anyhow::Result<PathBuf> {
    match &args.archive {
        Some(directory) => Ok(directory.clone()),
        None => Ok(config_of(args.config.as_deref())?.archive_dir()),
    }
}

pub(crate) fn config_of(path: Option<&Path>) -> anyhow::Result<Config> {
    Config::load(path.unwrap_or(Path::new("noroshi.toml"))).map_err(|errors| anyhow::Error::msg(join(&errors)))
}

/// Where the archive is and how its inputs are read, from the configuration or from the flag alone.
pub(crate) fn open(args: &ArchiveArgs) -> anyhow::Result<Search> {
    let (directory, inputs) = match (&args.archive, &args.config) {
        (Some(directory), None) => (directory.clone(), archive_inputs(&[])),
        (directory, config) => {
            let config = config_of(config.as_deref())?;
            let inputs = archive_inputs(&input_settings(&config)?);
            (directory.clone().unwrap_or_else(|| config.archive_dir()), inputs)
        }
    };
    Search::open(Arc::new(RealFiles), &directory, inputs).with_context(|| {
        format!(
            "there is no archive to read in {}; name it by --archive, or a configuration with [archive] by --config",
            directory.display()
        )
    })
}

fn run(search: &Search, args: &ArchiveArgs, query: &Query) -> anyhow::Result<Found> {
    let now = now_ns();
    let since = args.since.as_deref().map_or(Ok(i64::MIN), |text| time_of(text, now))?;
    let until = args.until.as_deref().map_or(Ok(i64::MAX), |text| time_of(text, now))?;
    let bar = if io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} files, {elapsed}") {
        bar.set_style(style);
    }
    let cancelled = cancelled_by_interrupt();
    let progress = |done: usize, of: usize| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    };
    let found = search.run(query, (since, until), Control { cancelled, progress: &progress });
    bar.finish_and_clear();
    Ok(found)
}

/// Set by Ctrl-C: what was found until then is shown. A second one ends the process.
fn cancelled_by_interrupt() -> &'static AtomicBool {
    static CANCELLED: AtomicBool = AtomicBool::new(false);
    std::thread::spawn(|| {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if CANCELLED.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
            }
        });
    });
    &CANCELLED
}

/// A moment: so long ago (`90d`, `1h`, `15m`), or RFC 3339.
pub(crate) fn time_of(text: &str, now_ns: i64) -> anyhow::Result<i64> {
    let ago_s = text.split_at_checked(text.len().saturating_sub(1)).and_then(|(number, unit)| {
        let unit_s = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return None,
        };
        number.parse::<u32>().ok().map(|number| i64::from(number) * unit_s)
    });
    if let Some(ago_s) = ago_s {
        return Ok(now_ns.saturating_sub(ago_s.saturating_mul(1_000_000_000)));
    }
    let date = text.parse::<jiff::civil::Date>().ok().and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok());
    let time = date.map_or_else(|| text.parse::<jiff::Timestamp>(), |date| Ok(date.timestamp()));
    let time = time.map_err(|_| {
        anyhow::anyhow!(
            "`{}` is no time; write 1d, 12h or 30m for so long ago, or 2026-03-02T09:00:00Z",
            escape_controls(text)
        )
    })?;
    Ok(i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX))
}

fn show(found: &Found, query: &Query, output: SearchOutput, color: ColorChoice) -> io::Result<()> {
    let rows = found.rows.iter().map(|row| shown(row, query));
    print_rows(rows, &names(query), query.stats.is_some(), output, color)
}

/// Prints rows in the form asked for; `names` are the columns of a table or CSV. The members of a `flat` row are columns, dots in
/// their names and all.
pub(crate) fn print_rows<'r>(
    rows: impl Iterator<Item = Cow<'r, Value>>,
    names: &[String],
    flat: bool,
    output: SearchOutput,
    color: ColorChoice,
) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match output {
        SearchOutput::Ndjson => {
            for row in rows {
                writeln!(out, "{row}")?;
            }
        }
        SearchOutput::Json => {
            serde_json::to_writer_pretty(&mut out, &rows.collect::<Vec<_>>())?;
            out.write_all(b"\n")?;
        }
        SearchOutput::Csv => {
            let mut csv = csv::Writer::from_writer(&mut out);
            csv.write_record(names.iter().map(|name| guarded(name)))?;
            for row in rows {
                csv.write_record(names.iter().map(|name| guarded(&text_of(&row, name, flat))))?;
            }
            csv.flush()?;
        }
        SearchOutput::Table => {
            let rows: Vec<_> = rows.collect();
            let is_number = |name: &str| flat && rows.iter().any(|row| row[name].is_number());
            let columns: Vec<(&str, Align)> = names
                .iter()
                .map(|name| (name.as_str(), if is_number(name) { Align::Right } else { Align::Left }))
                .collect();
            let mut table = Table::new(&columns);
            for row in &rows {
                table.push(names.iter().map(|name| Cell::new(text_of(row, name, flat))));
            }
            out.write_all(table.render(terminal::width(), color.for_stdout()).as_bytes())?;
        }
    }
    out.flush()
}

/// A row as it was asked for: whole, or some of its fields.
fn shown<'r>(row: &'r Value, query: &Query) -> Cow<'r, Value> {
    if query.fields.is_empty() || query.stats.is_some() {
        return Cow::Borrowed(row);
    }
    let mut picked = serde_json::Map::new();
    for name in &query.fields {
        if let Some(value) = member(row, name) {
            noroshi_parsers::document::place(&mut picked, name, value.clone());
        }
    }
    Cow::Owned(Value::Object(picked))
}

/// The columns of a table or CSV.
fn names(query: &Query) -> Vec<String> {
    match &query.stats {
        Some(stats) => stats.by.iter().cloned().chain(stats.calls.iter().map(ToString::to_string)).collect(),
        None if query.fields.is_empty() => {
            ["@timestamp", "host.name", "event.dataset", "event.original"].map(str::to_owned).to_vec()
        }
        None => query.fields.clone(),
    }
}

fn member<'v>(row: &'v Value, name: &str) -> Option<&'v Value> {
    let mut at = row;
    for part in name.split('.') {
        match at.get(part) {
            Some(next) => at = next,
            None => return row.get(name),
        }
    }
    Some(at)
}

fn text_of(row: &Value, name: &str, flat: bool) -> String {
    let value = if flat { row.get(name) } else { member(row, name) };
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(values)) => {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            values.iter().map(text).collect::<Vec<_>>().join(", ")
        }
        Some(other) => other.to_string(),
    }
}

/// A cell that no spreadsheet takes for a formula (OWASP, "CSV injection"): log text begins as it likes.
pub(crate) fn guarded(text: &str) -> String {
    match text.as_bytes().first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r') if text.parse::<f64>().is_err() => format!("'{text}"),
        _ => text.to_owned(),
    }
}

fn tell(found: &Found, explain: bool, is_groups: bool) {
    for error in &found.errors {
        eprintln!("warning: {}", escape_controls(error));
    }
    if explain {
        let Effort {
            files,
            files_skipped,
            row_groups,
            row_groups_skipped,
            rows_scanned,
            rows_unsealed,
            rows_matched,
            ..
        } = found.effort;
        eprintln!(
            "{} of {} files read; of their {} row groups {} ruled out unread; {} rows scanned, {} not sealed yet; {} matched",
            thousands(files - files_skipped),
            thousands(files),
            thousands(row_groups),
            thousands(row_groups_skipped),
            thousands(rows_scanned),
            thousands(rows_unsealed),
            thousands(rows_matched)
        );
    }
    if found.is_cut {
        let what = if is_groups { "groups" } else { "rows" };
        eprintln!(
            "{} {what} shown, there are more; add `| limit N`, or narrow the search",
            thousands(found.rows.len() as u64)
        );
    }
}
