//! What operators did: written down before evidence is shown, and listed by `noroshi audit`.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use noroshi_archive::audit;
use noroshi_input::files::{Files, RealFiles};
use serde_json::{Value, json};
use tracing::warn;

use super::Outcome;
use super::args::{AuditArgs, SearchOutput};
use super::files::now_ns;
use super::prove::{keys, place};
use super::search::{guarded, time_of};
use crate::audit::{Act, write};
use crate::terminal::{self, Align, Cell, ColorChoice, Table, escape_controls, thousands};

/// Held by whoever appends to the archive, below its directory.
const LOCK: &str = "lock";

/// How long an engine that starts waits for a command that has the archive in hand.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes an act down, and where no engine runs takes it into the tree.
///
/// To be called before anything is shown. Where the archive cannot be written to it is an error, unless `unaudited` says that
/// this is known: a copy, or a mount for reading alone.
pub(crate) fn record(directory: &Path, act: &Act, unaudited: bool) -> anyhow::Result<()> {
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    if let Err(cause) = write(&*files, directory, act, now_ns()) {
        let read_only = matches!(cause.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem);
        if unaudited && read_only {
            eprintln!("note: {} cannot be written to: this leaves no trace in the archive's tree", directory.display());
            return Ok(());
        }
        return Err(anyhow::Error::new(cause).context(format!(
            "what reads evidence is written down first, and that cannot be done in {}; run it as the archive's owner \
             (sudo -u noroshi …), or on a copy with --unaudited",
            directory.join(audit::PENDING).display()
        )));
    }
    // Files of the tree belong to the archive's owner: others leave the act for the engine.
    let is_owner = std::fs::metadata(directory).is_ok_and(|at| at.uid() == rustix::process::geteuid().as_raw());
    if is_owner
        && let Ok(Some(_lock)) = try_lock(&directory.join(LOCK))
        && let Err(cause) = audit::take_up(&files, directory, now_ns)
    {
        eprintln!("warning: this is written down and not in the tree yet: {}", escape_controls(&cause.to_string()));
    }
    Ok(())
}

/// The lock of an archive's directory, waited for a little: a command may just take its act up.
pub(crate) fn lock_archive(directory: &Path) -> anyhow::Result<File> {
    let path = directory.join(LOCK);
    let mut waited = Duration::ZERO;
    loop {
        let locked = try_lock(&path);
        match locked.with_context(|| format!("cannot lock {}", path.display()))? {
            Some(lock) => return Ok(lock),
            None if waited >= PATIENCE => anyhow::bail!(
                "another noroshi writes to the archive {}; stop it, or give this one its own with dir of [archive]",
                directory.display()
            ),
            None => {
                const STEP: Duration = Duration::from_millis(20);
                std::thread::sleep(STEP);
                waited += STEP;
            }
        }
    }
}

/// A lock that the system lets go of however the process ends; `None` = someone else has it.
pub(crate) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(cause)) => {
            // A file system without locks: the operator is told, and trusted.
            warn!(path = %path.display(), "cannot lock: {cause}; take care that only one noroshi writes there");
            Ok(Some(file))
        }
    }
}

/// Lists what was done, as the tree has it.
pub(crate) fn audit(args: &AuditArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let directory = place(&args.place)?;
    let keys = keys(&args.place.key, &directory)?;
    let now = now_ns();
    let since = args.since.as_deref().map(|text| time_of(text, now)).transpose()?;
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let acts = match audit::acts(&files, &directory, &keys) {
        Ok((acts, _)) => acts,
        Err(cause) if cause.is_tampering() => {
            println!("TAMPERED  {}", escape_controls(&cause.to_string()));
            return Ok(Outcome::Findings);
        }
        Err(cause) => return Err(anyhow::Error::msg(cause.to_string())),
    };
    let in_time = |act: &Value| {
        let time = act["time"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        // An act whose time cannot be read is shown whatever is asked for.
        since.is_none_or(|since| time.is_none_or(|time| time.as_nanosecond() >= i128::from(since)))
    };
    let acts: Vec<_> = acts.into_iter().filter(|(_, act)| in_time(act)).collect();
    let document = |(index, act): &(Option<u64>, Value)| {
        let mut act = act.clone();
        act["entry"] = json!(index);
        act
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.output.unwrap_or_else(SearchOutput::for_stdout) {
        SearchOutput::Ndjson => acts.iter().try_for_each(|act| writeln!(out, "{}", document(act)))?,
        SearchOutput::Json => {
            serde_json::to_writer_pretty(&mut out, &acts.iter().map(document).collect::<Vec<_>>())?;
            out.write_all(b"\n")?;
        }
        SearchOutput::Csv => {
            let mut csv = csv::Writer::from_writer(&mut out);
            csv.write_record(["time", "host", "who", "command", "arguments", "records", "entry"])?;
            for (index, act) in &acts {
                let cells = cells(act);
                let entry = index.map_or_else(String::new, |index| index.to_string());
                let row =
                    [&cells.time, &cells.host, &cells.who, &cells.command, &cells.arguments, &cells.records, &entry];
                csv.write_record(row.map(|text| guarded(text)))?;
            }
            csv.flush()?;
        }
        SearchOutput::Table => {
            let mut table = Table::new(&[
                ("ENTRY", Align::Right),
                ("TIME", Align::Left),
                ("WHO", Align::Left),
                ("COMMAND", Align::Left),
                ("RECORDS", Align::Right),
                ("ARGUMENTS", Align::Left),
            ]);
            for (index, act) in &acts {
                let cells = cells(act);
                let entry = index.map_or_else(|| "waits".to_owned(), thousands);
                table.push([
                    Cell::new(entry),
                    Cell::new(escape_controls(&cells.time)),
                    Cell::new(escape_controls(&cells.who)),
                    Cell::new(escape_controls(&cells.command)),
                    Cell::new(escape_controls(&cells.records)),
                    Cell::new(escape_controls(&cells.arguments)),
                ]);
            }
            out.write_all(table.render(terminal::width(), color.for_stdout()).as_bytes())?;
        }
    }
    out.flush()?;
    Ok(Outcome::Done)
}

/// An act as cells of a row.
struct Cells {
    time: String,
    host: String,
    who: String,
    command: String,
    arguments: String,
    records: String,
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cells(act: &Value) -> Cells {
    let who = &act["who"];
    // Who logged in says more than whom they became.
    let name = |names: [&str; 2]| names.into_iter().map(|name| text_of(&who[name])).find(|text| !text.is_empty());
    let user = name(["user", "uid"]).unwrap_or_default();
    let behind = name(["login_user", "sudo_user"]).filter(|behind| *behind != user);
    let arguments = act["arguments"].as_object().into_iter().flatten();
    let arguments: Vec<String> = arguments.map(|(name, value)| format!("{name}={}", text_of(value))).collect();
    Cells {
        time: text_of(&act["time"]),
        host: text_of(&act["host"]),
        who: behind.map_or_else(|| user.clone(), |behind| format!("{behind} as {user}")),
        command: text_of(&act["command"]),
        arguments: arguments.join(" "),
        records: text_of(&act["records"]),
    }
}
