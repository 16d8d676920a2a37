//! `noroshi ledger` and `noroshi stats`: was anything lost, and how does the engine stand. Both read files of the state
//! directory; no engine needs to run.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use noroshi_archive::catalog::Catalog;
use noroshi_input::files::{Files, RealFiles};
use noroshi_parsers::time::format_rfc3339;
use serde_json::{Value, json};

use super::Outcome;
use super::args::{LedgerArgs, SearchOutput, StatsArgs};
use super::files::now_ns;
use super::search::{config_of, guarded, time_of};
use crate::ledger::{Counts, MinuteRow, Reason, minutes};
use crate::standing;
use crate::terminal::{self, Align, Cell, ColorChoice, OutputMode, Table, escape_controls, thousands};

/// An engine that has not told how it stands for so long does not run.
const SILENCE_NS: i64 = 3 * standing::EVERY.as_nanos() as i64;

const MINUTE_NS: i64 = 60_000_000_000;

pub(crate) fn ledger(args: &LedgerArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let state_dir = state_dir(args.config.as_deref(), args.state_dir.as_deref())?;
    let since = time_of(&args.since, now_ns())?;
    // Before the file: what is written in between is in both, and counts once.
    let open = standing::read(&state_dir).unwrap_or_default();
    let open = open["minutes"].as_array().cloned().unwrap_or_default();
    let (rows, damaged) = minutes::read(&state_dir, since, &open)
        .map_err(|(path, cause)| anyhow::Error::new(cause).context(format!("cannot read {}", path.display())))?;
    if damaged > 0 {
        eprintln!("warning: {damaged} lines of the ledger cannot be read");
    }
    let rows: Vec<MinuteRow> =
        rows.into_iter().filter(|row| args.input.as_ref().is_none_or(|input| *input == row.input)).collect();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let document = |row: &MinuteRow| {
        let mut document = minutes::document(row, 0);
        document.as_object_mut().map(|row| row.remove("run"));
        document
    };
    match args.output.unwrap_or_else(SearchOutput::for_stdout) {
        SearchOutput::Ndjson => rows.iter().try_for_each(|row| writeln!(out, "{}", document(row)))?,
        SearchOutput::Json => {
            serde_json::to_writer_pretty(&mut out, &rows.iter().map(document).collect::<Vec<_>>())?;
            out.write_all(b"\n")?;
        }
        SearchOutput::Csv => csv(&rows, &mut out)?,
        SearchOutput::Table => out.write_all(table(&rows, color).as_bytes())?,
    }
    out.flush()?;
    Ok(Outcome::Done)
}

fn csv(rows: &[MinuteRow], out: &mut dyn io::Write) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    let reasons = Reason::ALL.map(|reason| format!("dropped_{}", reason.as_str()));
    let heads = ["minute", "input", "received", "parsed", "unparsed_kept", "defects"].map(str::to_owned);
    let tail = ["late", "future", "hits", "unsynced"].map(str::to_owned);
    csv.write_record(heads.iter().chain(&reasons).chain(&tail))?;
    for row in rows {
        let Counts { received, parsed, unparsed_kept, defects, late, future, hits, dropped } = row.counts;
        let numbers = [received, parsed, unparsed_kept, defects].into_iter().chain(dropped);
        let numbers = numbers.chain([late, future, hits, row.unsynced]).map(|number| number.to_string());
        let names = [format_rfc3339(row.minute.saturating_mul(MINUTE_NS)), guarded(&row.input)];
        csv.write_record(names.into_iter().chain(numbers))?;
    }
    csv.flush()?;
    Ok(())
}

/// Losses by reason, such as `3 kernel_udp, 1 spool_full`.
fn losses(counts: &Counts) -> String {
    let of = Reason::ALL.iter().zip(counts.dropped).filter(|(_, records)| *records > 0);
    of.map(|(reason, records)| format!("{} {}", thousands(records), reason.as_str())).collect::<Vec<_>>().join(", ")
}

fn table(rows: &[MinuteRow], color: ColorChoice) -> String {
    let heads =
        ["MINUTE", "INPUT", "RECEIVED", "PARSED", "KEPT RAW", "DEFECTS", "LATE", "FUTURE", "UNSYNCED", "DROPPED"];
    let align = |head: &str| if matches!(head, "MINUTE" | "INPUT" | "DROPPED") { Align::Left } else { Align::Right };
    let mut table = Table::new(&heads.map(|head| (head, align(head))));
    let bad = anstyle::Style::new().fg_color(Some(anstyle::AnsiColor::Red.into()));
    let mut push = |name: String, input: &str, counts: &Counts, unsynced: u64| {
        table.push([
            Cell::new(name),
            Cell::new(escape_controls(input)),
            Cell::new(thousands(counts.received)),
            Cell::new(thousands(counts.parsed)),
            Cell::new(thousands(counts.unparsed_kept)),
            Cell::new(thousands(counts.defects)),
            Cell::new(thousands(counts.late)),
            Cell::new(thousands(counts.future)),
            Cell::new(thousands(unsynced)),
            Cell::new(losses(counts)).style(bad),
        ]);
    };
    let mut total = Counts::default();
    for row in rows {
        push(format_rfc3339(row.minute.saturating_mul(MINUTE_NS)), &row.input, &row.counts, row.unsynced);
        total = total.plus(&row.counts);
    }
    let unsynced = rows.iter().map(|row| row.unsynced).max().unwrap_or(0);
    push("total".to_owned(), "", &total, unsynced);
    table.render(terminal::width(), color.for_stdout())
}

fn state_dir(config: Option<&Path>, state_dir: Option<&Path>) -> anyhow::Result<std::path::PathBuf> {
    match state_dir {
        Some(state_dir) => Ok(state_dir.to_owned()),
        None => Ok(config_of(config)?.state_dir),
    }
}

pub(crate) fn stats(args: &StatsArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let config = config_of(args.config.as_deref())?;
    let state_dir = args.state_dir.clone().unwrap_or_else(|| config.state_dir.clone());
    let path = state_dir.join(standing::FILE_NAME);
    let standing = standing::read(&state_dir).with_context(|| format!("cannot read {}", path.display()))?;
    let told_ns = standing["time"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let told_ns = told_ns.and_then(|time| i64::try_from(time.as_nanosecond()).ok());
    let silent = told_ns.is_none_or(|told| now_ns().saturating_sub(told) > SILENCE_NS);
    let state = match (&standing, standing["ended"] == true, silent) {
        (Value::Null, ..) => "never ran",
        (_, true, _) => "stopped",
        (_, false, true) => "silent",
        (_, false, false) => "running",
    };
    let directory = args.archive.clone().unwrap_or_else(|| match &args.state_dir {
        Some(state_dir) if config.archive.as_ref().is_none_or(|archive| archive.dir.is_none()) => {
            state_dir.join("archive")
        }
        _ => config.archive_dir(),
    });
    let on_disk = on_disk(&directory)?;
    let spool_dir = config.spool.dir.unwrap_or_else(|| state_dir.join("spool"));
    let spool_bytes = bytes_below(&spool_dir);
    match args.output.unwrap_or_else(OutputMode::for_stdout) {
        OutputMode::Table => print!("{}", told(&standing, state, &on_disk, spool_bytes, color)),
        mode => {
            let mut document = standing;
            if !document.is_object() {
                document = json!({});
            }
            document.as_object_mut().map(|document| document.remove("minutes"));
            document["state"] = state.into();
            document["archive_on_disk"] = on_disk;
            document["spool_bytes_on_disk"] = spool_bytes.into();
            if mode == OutputMode::Json { println!("{document:#}") } else { println!("{document}") }
        }
    }
    Ok(Outcome::Done)
}

/// What the archive's files say; `Null` where there is none.
fn on_disk(directory: &Path) -> anyhow::Result<Value> {
    if !directory.is_dir() {
        return Ok(Value::Null);
    }
    let catalog = Catalog::read(&RealFiles, directory)
        .with_context(|| format!("cannot read the catalog of {}", directory.display()))?;
    let segments = catalog.segments();
    let sum = |of: fn(&noroshi_archive::catalog::Sealed) -> u64| segments.iter().map(of).sum::<u64>();
    let (raw, sealed) = (sum(|s| s.raw_bytes), sum(|s| s.bytes));
    let time = |ns: Option<i64>| ns.map(format_rfc3339);
    Ok(json!({
        "directory": directory.display().to_string(), "segments": segments.len(), "rows": sum(|s| s.rows),
        "raw_bytes": raw, "sealed_bytes": sealed, "unsealed_bytes": bytes_below(&directory.join("wal")),
        "tree_bytes": bytes_below(&directory.join("tree")),
        "first_event": time(segments.iter().map(|s| s.time_min_ns).min()),
        "last_event": time(segments.iter().map(|s| s.time_max_ns).max()),
        "acts_waiting": RealFiles.list(&directory.join(noroshi_archive::audit::PENDING)).map_or(0, |acts| acts.len()),
        "records_until": catalog.end_sequence(),
    }))
}

/// Bytes of the files below a directory; one that cannot be read has none.
fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

fn text_of(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.as_u64().map_or_else(|| other.to_string(), thousands),
    };
    escape_controls(&text).into_owned()
}

/// Bytes as people read them.
fn size(bytes: &Value) -> String {
    let mut bytes = bytes.as_u64().unwrap_or(0) as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if bytes < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{bytes:.1} {unit}") };
        }
        bytes /= 1024.0;
    }
    format!("{bytes:.1} TiB")
}

fn told(standing: &Value, state: &str, on_disk: &Value, spool_bytes: u64, color: ColorChoice) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let since = if state == "never ran" { String::new() } else { format!(", told {}", text_of(&standing["time"])) };
    let _ = writeln!(
        text,
        "engine    {state}{since}, started {}, node {}",
        text_of(&standing["started"]),
        text_of(&standing["node"])
    );
    let _ = writeln!(
        text,
        "looks for {} rules, {} correlations, {} indicators; {} alerts",
        text_of(&standing["rules"]),
        text_of(&standing["correlations"]),
        text_of(&standing["indicators"]),
        text_of(&standing["alerts"])
    );
    let heads =
        ["INPUT", "RECEIVED", "PER S", "PARSED", "KEPT RAW", "DEFECTS", "DROPPED", "IN FLIGHT", "LATE", "UNSYNCED"];
    let mut table = Table::new(&heads.map(|head| (head, if head == "INPUT" { Align::Left } else { Align::Right })));
    for input in standing["inputs"].as_array().into_iter().flatten() {
        let dropped: u64 = input["dropped"].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
        let mut cells: Vec<String> = ["name", "received", "received_per_s", "parsed", "unparsed_kept", "defects"]
            .map(|name| text_of(&input[name]))
            .to_vec();
        cells.push(thousands(dropped));
        cells.extend(["in_flight", "late", "unsynced"].map(|name| text_of(&input[name])));
        table.push(cells.into_iter().map(Cell::new));
    }
    if !table.is_empty() {
        text += &table.render(terminal::width(), color.for_stdout());
    }
    if on_disk.is_object() {
        let ratio =
            on_disk["sealed_bytes"].as_f64().unwrap_or(0.0) / on_disk["raw_bytes"].as_f64().unwrap_or(1.0).max(1.0);
        let _ = writeln!(
            text,
            "archive   {} segments, {} events, {} of {} raw ({ratio:.2}), {} not sealed; {} to {}; {} acts wait",
            text_of(&on_disk["segments"]),
            text_of(&on_disk["rows"]),
            size(&on_disk["sealed_bytes"]),
            size(&on_disk["raw_bytes"]),
            size(&on_disk["unsealed_bytes"]),
            text_of(&on_disk["first_event"]),
            text_of(&on_disk["last_event"]),
            text_of(&on_disk["acts_waiting"])
        );
    }
    let archive = &standing["archive"];
    if archive.is_object() {
        let taken = archive["taken"].as_u64().unwrap_or(0);
        let behind = taken.saturating_sub(archive["durable"].as_u64().unwrap_or(0));
        let waiting = text_of(&archive["segments_waiting"]);
        let _ = writeln!(text, "behind    {} records to sync, {waiting} segments to seal", thousands(behind));
    }
    let spool = &standing["spool"];
    let _ = writeln!(
        text,
        "spool     {} on disk, {} records wait, {} dropped",
        size(&spool_bytes.into()),
        text_of(&spool["queued"]),
        text_of(&spool["dropped"])
    );
    for output in standing["outputs"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "output    {}: {} delivered, {} wait, {} dropped, {} retries",
            text_of(&output["name"]),
            text_of(&output["delivered"]),
            text_of(&output["queued"]),
            text_of(&output["dropped"]),
            text_of(&output["retries"])
        );
    }
    let ailments = [&standing["ailments"], &archive["ailments"]];
    for ailment in ailments.into_iter().filter_map(Value::as_array).flatten() {
        let _ = writeln!(text, "AILMENT   {}", text_of(ailment));
    }
    text
}
