//! `noroshi hold`: what no retention removes.

use std::path::PathBuf;

use anyhow::Context as _;
use noroshi_archive::catalog::Catalog;
use noroshi_archive::hold::{self, Hold, NewHold, Released};
use noroshi_input::files::{Files, RealFiles};
use noroshi_parsers::time::format_rfc3339;
use serde_json::{Value, json};

use super::Outcome;
use super::args::{ArchivePlace, HoldAddArgs, HoldCommand, HoldListArgs, HoldReleaseArgs};
use super::audit::record;
use super::files::now_ns;
use super::search::{time_of, wrong_query};
use crate::audit::{self, Act};
use crate::config::{Config, join};
use crate::terminal::{self, Align, Cell, ColorChoice, OutputMode, Table, thousands};

pub(crate) fn hold(command: &HoldCommand, color: ColorChoice) -> anyhow::Result<Outcome> {
    match command {
        HoldCommand::Add(args) => add(args),
        HoldCommand::List(args) => list(args, color),
        HoldCommand::Release(args) => release(args),
    }
}

fn add(args: &HoldAddArgs) -> anyhow::Result<Outcome> {
    let (query, directory, now) = (args.query.clone(), place(&args.place)?, now_ns());
    noroshi_archive::search::query::parse(&query).map_err(|error| wrong_query(&query, &error))?;
    reason_given(&args.reason)?;
    let time = |text: &Option<String>| text.as_deref().map(|text| time_of(text, now)).transpose();
    let act = Act::new("hold add").with("query", query.clone()).with("reason", args.reason.clone());
    let act = act.with("since", args.since.clone()).with("until", args.until.clone());
    record(&directory, &act, false)?;
    let new = NewHold {
        query,
        time_ns: (time(&args.since)?, time(&args.until)?),
        reason: args.reason.clone(),
        who: who(),
        added_ns: now,
    };
    let added = hold::add(&RealFiles, &directory, new).with_context(|| cannot("add a hold", &directory))?;
    // After it stands: what an engine removes from now on, it removes with the hold in sight.
    let catalog = Catalog::read(&RealFiles, &directory)?;
    let held = added.segments(&RealFiles, &directory, &catalog)?;
    println!(
        "hold {}: {} of {} sealed segments held, {} bytes; what comes in and is found by it is held too",
        added.id,
        thousands(held.len() as u64),
        thousands(catalog.segments().len() as u64),
        thousands(held.iter().map(|segment| segment.bytes).sum())
    );
    Ok(Outcome::Done)
}

fn list(args: &HoldListArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let directory = place(&args.place)?;
    let mut holds = hold::list(&RealFiles, &directory).with_context(|| cannot("read the holds", &directory))?;
    if !args.all {
        holds.retain(|hold| hold.released.is_none());
    }
    if args.output.unwrap_or_else(OutputMode::for_stdout) != OutputMode::Table {
        holds.iter().for_each(|hold| println!("{}", told(hold)));
        return Ok(Outcome::Done);
    }
    let columns = ["ID", "QUERY", "SINCE", "UNTIL", "REASON", "ADDED", "RELEASED"];
    let mut table = Table::new(&columns.map(|name| (name, if name == "ID" { Align::Right } else { Align::Left })));
    let time = |time: Option<i64>| time.map_or_else(String::new, format_rfc3339);
    for hold in &holds {
        let released = hold.released.as_ref();
        let released = released.map(|by| format!("{}, {}: {}", format_rfc3339(by.at_ns), by.who, by.reason));
        table.push([
            Cell::new(hold.id.to_string()),
            Cell::new(&hold.query),
            Cell::new(time(hold.since_ns)),
            Cell::new(time(hold.until_ns)),
            Cell::new(&hold.reason),
            Cell::new(format!("{}, {}", format_rfc3339(hold.added_ns), hold.who)),
            Cell::new(released.unwrap_or_default()),
        ]);
    }
    print!("{}", table.render(terminal::width(), color.for_stdout()));
    Ok(Outcome::Done)
}

fn release(args: &HoldReleaseArgs) -> anyhow::Result<Outcome> {
    let directory = place(&args.place)?;
    reason_given(&args.reason)?;
    let act = Act::new("hold release").with("id", args.id).with("reason", args.reason.clone());
    record(&directory, &act, false)?;
    let released = Released { reason: args.reason.clone(), who: who(), at_ns: now_ns() };
    let hold = hold::release(&RealFiles, &directory, args.id, released)
        .with_context(|| cannot("release the hold", &directory))?;
    println!("hold {} is released; what only it held is kept as long as the retention says", hold.id);
    Ok(Outcome::Done)
}

fn reason_given(reason: &str) -> anyhow::Result<()> {
    anyhow::ensure!(!reason.trim().is_empty(), "give the reason: the case, the order, who asked");
    Ok(())
}

fn told(hold: &Hold) -> Value {
    let time = |time: Option<i64>| time.map(format_rfc3339);
    json!({
        "id": hold.id,
        "query": hold.query,
        "since": time(hold.since_ns),
        "until": time(hold.until_ns),
        "reason": hold.reason,
        "who": hold.who,
        "added": format_rfc3339(hold.added_ns),
        "released": hold.released.as_ref().map(|released| {
            json!({"reason": released.reason, "who": released.who, "at": format_rfc3339(released.at_ns)})
        }),
    })
}

/// The archive's directory, by the flag or by the configuration; one that is there.
fn place(args: &ArchivePlace) -> anyhow::Result<PathBuf> {
    let directory = match &args.archive {
        Some(directory) => directory.clone(),
        None => {
            let path = args.config.clone().unwrap_or_else(|| PathBuf::from("noroshi.toml"));
            Config::load(&path).map_err(|errors| anyhow::Error::msg(join(&errors)))?.archive_dir()
        }
    };
    RealFiles
        .metadata(&directory.join(noroshi_archive::TREE))
        .with_context(|| format!("there is no archive in {}; name it by --archive or --config", directory.display()))?;
    Ok(directory)
}

fn cannot(what: &str, directory: &std::path::Path) -> String {
    format!("cannot {what} in {}", directory.join(hold::HOLDS).display())
}

/// Who runs this, for people: the login that `sudo` does not change, else the user.
fn who() -> String {
    let who = audit::who();
    let names = ["login_user", "sudo_user", "user"].into_iter().filter_map(|key| who[key].as_str());
    let uid = who["uid"].to_string();
    names.take(1).last().map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"))
}
