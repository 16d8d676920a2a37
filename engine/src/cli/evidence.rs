//! `noroshi evidence pack` and `verify`: records frozen with their proofs, for whoever has no access to the archive.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use noroshi_archive::pack::{self, Against, Contents, Packed, RECORDS_MAX, Read};
use noroshi_archive::search::query::{self, Filter, Pattern, Query, Test};
use noroshi_archive::search::{Control, Search};
use noroshi_input::files::{Files, RealFiles, directory_of};
use noroshi_parsers::time::format_rfc3339;
use serde_json::{Map, Value, json};

use super::args::{EvidencePackArgs, EvidenceVerifyArgs};
use super::files::now_ns;
use super::prove::key_of;
use super::search::{act_of, config_of, open, place, time_of, wrong_query};
use super::{Outcome, audit};
use crate::audit::{host, who};
use crate::config::Config;
use crate::detection::{Detection, LoadOptions};
use crate::evidence::hex;
use crate::sink::OutputType;
use crate::terminal::{OutputMode, escape_controls, thousands};

/// Fewest and most characters of an alert's id, as `explain` takes them.
const ID_CHARS: std::ops::RangeInclusive<usize> = 8..=32;

/// How far around an alert its records are looked for: their stamps may have been corrected by a declared clock, never by more.
const AROUND_NS: i64 = 25 * 3600 * 1_000_000_000;

/// Characters of a record by which it is looked for where the alert does not show it whole.
const PART_CHARS: usize = 512;

/// An alert, and which records it shows.
struct Alerted {
    alert: Value,
    id: String,
    since: i64,
    until: i64,
}

pub(crate) fn pack(args: &EvidencePackArgs) -> anyhow::Result<Outcome> {
    let directory = place(&args.archive)?;
    anyhow::ensure!(
        !args.out.exists(),
        "{} is there already; evidence is not written over, name another file",
        args.out.display()
    );
    // The archive may be named without a configuration; then rules and alerts have to be named too.
    let config = match (&args.archive.archive, &args.archive.config) {
        (Some(_), None) => None,
        (_, path) => Some(config_of(path.as_deref())?),
    };
    let what = args.what.clone();
    let is_id = ID_CHARS.contains(&what.len()) && what.bytes().all(|byte| byte.is_ascii_hexdigit());
    let alerted = is_id.then(|| alerted(args, &what.to_ascii_lowercase(), config.as_ref())).transpose()?;
    let search = open(&args.archive)?;
    let now = now_ns();
    let limits = |since: i64, until: i64| -> anyhow::Result<(i64, i64)> {
        let time = |text: &Option<String>, or| text.as_deref().map_or(Ok(or), |text| time_of(text, now));
        Ok((time(&args.archive.since, since)?, time(&args.archive.until, until)?))
    };
    let mut sequences = BTreeSet::new();
    let mut told = Map::new();
    let mut act = act_of("evidence pack", &args.archive);
    match &alerted {
        Some(alerted) => {
            let shown = records_of(&search, alerted, limits(alerted.since, alerted.until)?)?;
            sequences.extend(shown.sequences);
            tell_alerted(alerted, &shown.missing, &mut told);
            told.insert("asked".into(), json!({"alert": alerted.id}));
            act = act.with("alert", alerted.id.clone());
        }
        None => {
            sequences.extend(matching(&search, &what, limits(i64::MIN, i64::MAX)?)?);
            told.insert(
                "asked".into(),
                json!({"query": what, "since": args.archive.since, "until": args.archive.until}),
            );
            act = act.with("query", what);
        }
    }
    if let Some(also) = &args.also {
        let (since, until) = alerted.as_ref().map_or((i64::MIN, i64::MAX), |alerted| (alerted.since, alerted.until));
        sequences.extend(matching(&search, also, limits(since, until)?)?);
        told["asked"]["also"] = also.clone().into();
        act = act.with("also", also.clone());
    }
    anyhow::ensure!(!sequences.is_empty(), "no record of the archive is asked for by this; nothing is packed");
    told.insert(
        "gathered".into(),
        json!({"time": format_rfc3339(now), "by": who(), "host": host(), "version": env!("CARGO_PKG_VERSION")}),
    );
    let rules = match (&config, &alerted) {
        (Some(config), Some(alerted)) => rules_of(config, &alerted.alert, &mut told)?,
        (Some(config), None) => {
            told.insert("digests".into(), json!({"config": hex(&config.digest)}));
            Vec::new()
        }
        (None, _) => Vec::new(),
    };
    let notes = (!args.note.is_empty()).then(|| args.note.join("\n") + "\n");
    let contents = Contents {
        alert: alerted.map(|alerted| alerted.alert),
        notes,
        rules,
        told,
        time_s: (now / 1_000_000_000).max(0) as u64,
    };
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let mut beside = args.out.clone().into_os_string();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let packed = write(&files, &directory, &search, &sequences, &contents, &beside).and_then(|packed| {
        let act = act.with("sha256", packed.sha256.clone()).records(packed.records);
        audit::record(&directory, &act, args.archive.unaudited)?;
        files.rename(&beside, &args.out).with_context(|| format!("cannot write {}", args.out.display()))?;
        files.sync_directory(directory_of(&args.out))?;
        Ok(packed)
    });
    if packed.is_err() {
        let _ = files.remove(&beside);
    }
    let packed = packed?;
    println!(
        "{}: {} records, {} events, {} bytes, sha256 {}",
        escape_controls(&args.out.to_string_lossy()),
        thousands(packed.records as u64),
        thousands(packed.events as u64),
        thousands(packed.bytes),
        packed.sha256
    );
    if !packed.unsealed.is_empty() {
        eprintln!(
            "warning: {} of the records are not sealed yet and therefore not proven; pack them again in some minutes",
            thousands(packed.unsealed.len() as u64)
        );
    }
    Ok(Outcome::Done)
}

fn write(
    files: &Arc<dyn Files>,
    directory: &Path,
    search: &Search,
    sequences: &BTreeSet<u64>,
    contents: &Contents,
    beside: &Path,
) -> anyhow::Result<Packed> {
    // What an attempt that was cut short has left.
    let _ = files.remove(beside);
    let mut out = files.create_private(beside).with_context(|| format!("cannot write {}", beside.display()))?;
    let packed = pack::write(files, directory, search, sequences, contents, &mut out)
        .with_context(|| format!("cannot pack evidence of {}", directory.display()))?;
    out.sync()?;
    Ok(packed)
}

/// The records that a query finds.
fn matching(search: &Search, text: &str, time_ns: (i64, i64)) -> anyhow::Result<BTreeSet<u64>> {
    let query = query::parse(text).map_err(|error| wrong_query(text, &error))?;
    anyhow::ensure!(query.stats.is_none(), "a pack holds records, not figures of them; leave `| stats` out");
    let limit = query.limit;
    let found = run(search, Query { fields: vec!["noroshi.sequence".into()], ..query }, time_ns)?;
    let sequences: BTreeSet<u64> = found.iter().filter_map(sequence_of).collect();
    anyhow::ensure!(
        sequences.len() <= RECORDS_MAX || limit.is_some(),
        "more than {} records; narrow the query, its time, or add `| limit N`",
        thousands(RECORDS_MAX as u64)
    );
    Ok(sequences)
}

fn run(search: &Search, query: Query, time_ns: (i64, i64)) -> anyhow::Result<Vec<Value>> {
    let query = Query { limit: query.limit.or(Some(RECORDS_MAX + 1)), ..query };
    let found = search.run(&query, time_ns, Control { cancelled: &AtomicBool::new(false), progress: &|_, _| {} });
    // A part of the records is no evidence of the whole.
    anyhow::ensure!(found.errors.is_empty(), "{}", escape_controls(&found.errors.join("\n")));
    Ok(found.rows)
}

fn sequence_of(row: &Value) -> Option<u64> {
    row["noroshi"]["sequence"].as_u64()
}

/// The alert of that id, by the files it was told in.
fn alerted(args: &EvidencePackArgs, id: &str, config: Option<&Config>) -> anyhow::Result<Alerted> {
    let places = match (&args.alerts, config) {
        (Some(path), _) => vec![path.clone()],
        (None, Some(config)) => config.outputs.iter().filter_map(alert_file).flatten().collect(),
        (None, None) => Vec::new(),
    };
    anyhow::ensure!(!places.is_empty(), "no file of alerts is configured; name one by --alerts");
    for path in &places {
        if let Some(alert) = told_in(path, id)? {
            let time = |name: &str| alert[name].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
            let ns = |name: &str| time(name).and_then(|time| i64::try_from(time.as_nanosecond()).ok());
            let (first, last) = (ns("first_seen").unwrap_or(i64::MIN), ns("last_seen").unwrap_or(i64::MAX));
            let id = alert["noroshi"]["id"].as_str().unwrap_or(id).to_owned();
            return Ok(Alerted {
                alert,
                id,
                since: first.saturating_sub(AROUND_NS),
                until: last.saturating_add(AROUND_NS),
            });
        }
    }
    let places: Vec<_> = places.iter().map(|path| path.display().to_string()).collect();
    anyhow::bail!("no alert {id} in {}; name the file it was told in by --alerts", places.join(", "))
}

/// A file of alerts and those it was rotated to, the newest first.
fn alert_file(output: &crate::sink::OutputConfig) -> Option<Vec<PathBuf>> {
    let path = output.path.as_ref().filter(|_| output.output_type == OutputType::File)?;
    let rotated = (1..).map(|number| PathBuf::from(format!("{}.{number}", path.display())));
    Some(std::iter::once(path.clone()).chain(rotated).take_while(|path| path.exists()).collect())
}

/// The last alert of that id in a file; of an id that several begin with, an error.
fn told_in(path: &Path, id: &str) -> anyhow::Result<Option<Value>> {
    let at = || format!("cannot read the alerts in {}", path.display());
    let mut found: Option<Value> = None;
    for line in io::BufReader::new(std::fs::File::open(path).with_context(at)?).split(b'\n') {
        let line = line.with_context(at)?;
        if memchr::memmem::find(&line, id.as_bytes()).is_none() {
            continue;
        }
        let Ok(alert) = serde_json::from_slice::<Value>(&line) else { continue };
        let own = &alert["noroshi"]["id"];
        if own.as_str().is_some_and(|own| own.starts_with(id)) {
            let same = found.as_ref().is_none_or(|found| &found["noroshi"]["id"] == own);
            anyhow::ensure!(same, "several alerts begin with {id}; give more of the id");
            found = Some(alert);
        }
    }
    Ok(found)
}

/// Where the records that an alert shows stand in the archive.
struct Shown {
    sequences: BTreeSet<u64>,
    /// Those that are not there, by their number in the alert.
    missing: Vec<usize>,
}

/// Finds the records that an alert shows, by their bytes.
fn records_of(search: &Search, alerted: &Alerted, time_ns: (i64, i64)) -> anyhow::Result<Shown> {
    let evidence = alerted.alert["evidence"].as_array().cloned().unwrap_or_default();
    let is_part = |told: &Value| told["raw_capped_at"].is_u64() || told["element"].is_u64();
    let raw = |told: &Value| told["raw"].as_str().unwrap_or_default().to_owned();
    let mut whole: Vec<String> =
        evidence.iter().filter(|told| !is_part(told)).map(|told| raw(told).to_lowercase()).collect();
    whole.sort();
    whole.dedup();
    let mut filters = vec![Filter::Field("event.original".into(), Test::OneOf(whole))];
    for told in evidence.iter().filter(|told| is_part(told)) {
        // What is no text is shown with a sign for it, which the record does not have.
        let part: String =
            raw(told).chars().take(PART_CHARS).take_while(|&c| c != char::REPLACEMENT_CHARACTER).collect();
        let pattern = Pattern::new(&part, false, false).map_err(|cause| anyhow::anyhow!("{}", cause.message))?;
        filters.push(Filter::Text(pattern));
    }
    let fields = ["noroshi.sequence", "@timestamp", "event.original"].map(str::to_owned).to_vec();
    let query = Query { filter: Some(Filter::Any(filters)), fields, ..Query::default() };
    let rows = run(search, query, time_ns)?;
    let mut of_text: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in &rows {
        of_text.entry(row["event"]["original"].as_str().unwrap_or_default()).or_default().push(row);
    }
    let mut shown = Shown { sequences: BTreeSet::new(), missing: Vec::new() };
    for (at, told) in evidence.iter().enumerate() {
        let raw = raw(told);
        let of_record: Vec<&Value> = if told["element"].is_u64() {
            of_text.iter().filter(|(text, _)| text.contains(&raw)).flat_map(|(_, rows)| rows.iter().copied()).collect()
        } else if is_part(told) {
            of_text
                .iter()
                .filter(|(text, _)| text.starts_with(&raw))
                .flat_map(|(_, rows)| rows.iter().copied())
                .collect()
        } else {
            of_text.get(raw.as_str()).cloned().unwrap_or_default()
        };
        // Records of the same bytes: the one of that time, where one is.
        let same_time = |row: &&&Value| row["@timestamp"] == told["time"];
        let exact: Vec<&Value> = of_record.iter().filter(same_time).copied().collect();
        let taken = if exact.is_empty() { &of_record } else { &exact };
        if taken.is_empty() {
            shown.missing.push(at);
        }
        shown.sequences.extend(taken.iter().filter_map(|row| sequence_of(row)));
    }
    Ok(shown)
}

/// How much of the alert is in the pack, for the manifest and for whoever packs it.
fn tell_alerted(alerted: &Alerted, missing: &[usize], told: &mut Map<String, Value>) {
    let shown = alerted.alert["evidence"].as_array().map_or(0, Vec::len);
    let count = alerted.alert["noroshi"]["count"].as_u64().unwrap_or(shown as u64);
    if !missing.is_empty() {
        eprintln!(
            "warning: {} of the {shown} records that the alert shows are not in the archive: came in before it was kept, or purged",
            missing.len()
        );
    }
    if count > shown as u64 {
        eprintln!(
            "note: the alert counts {} records and shows {shown}; --also QUERY adds the others",
            thousands(count)
        );
    }
    told.insert("alert_evidence".into(), json!({"count": count, "shown": shown, "missing": missing}));
}

/// The files of an alert's rule and of the rules it counts, and what is known of the set they are of.
fn rules_of(config: &Config, alert: &Value, told: &mut Map<String, Value>) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let detection = Detection::load(&config.rules.paths, &[], &LoadOptions::of(config)).detection;
    let mut wanted: Vec<String> = alert["rule"]["id"].as_str().map(str::to_owned).into_iter().collect();
    let mut seen: BTreeSet<String> = wanted.iter().cloned().collect();
    let mut paths: BTreeSet<PathBuf> = BTreeSet::new();
    while let Some(id) = wanted.pop() {
        paths.extend(detection.rules.rules().filter(|(_, rule)| rule.id == id).map(|(_, rule)| rule.file.clone()));
        for correlation in detection.correlations.iter().filter(|correlation| correlation.rule.id == id) {
            paths.insert(correlation.rule.file.clone());
            wanted.extend(correlation.parts.iter().map(|part| part.id.clone()).filter(|id| seen.insert(id.clone())));
        }
    }
    let now = &detection.digests["rules"];
    let then = &alert["noroshi"]["digests"]["rules"];
    if now != then {
        eprintln!("note: the rules are not those of the time of the alert any more; the pack says so");
    }
    told.insert(
        "digests".into(),
        json!({"alert": alert["noroshi"]["digests"], "rules_now": now, "rules_are_the_alerts": now == then, "config": hex(&config.digest)}),
    );
    let read = |path: PathBuf| -> anyhow::Result<(String, Vec<u8>)> {
        let text = std::fs::read(&path).with_context(|| format!("cannot read the rule {}", path.display()))?;
        Ok((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text))
    };
    paths.into_iter().map(read).collect()
}

/// Reads a pack and holds it to keys; `Err` only for keys that are none.
pub(crate) fn read(path: &Path, key: &[String], witness: &[String]) -> anyhow::Result<Read> {
    let keys = |given: &[String]| given.iter().map(|key| key_of(key)).collect::<anyhow::Result<Vec<_>>>();
    let against = Against { keys: keys(key)?, witnesses: keys(witness)? };
    Ok(match std::fs::File::open(path) {
        Ok(file) => pack::read(io::BufReader::new(file), &against),
        Err(cause) => Read { undecided: vec![format!("cannot read {}: {cause}", path.display())], ..Read::default() },
    })
}

/// 0 verified, 1 changed or not proven by the key, 2 undecidable.
pub(crate) fn verify(args: &EvidenceVerifyArgs) -> anyhow::Result<Outcome> {
    let read = read(&args.pack, &args.key, &args.witness)?;
    let (word, outcome) = match (read.faults.is_empty(), read.undecided.is_empty()) {
        (false, _) => ("tampered", Outcome::Findings),
        (true, false) => ("undecidable", Outcome::RuleRefused),
        (true, true) => ("verified", Outcome::Done),
    };
    if args.output.unwrap_or_else(OutputMode::for_stdout) == OutputMode::Table {
        table(&read, word, args.key.is_empty());
    } else {
        let fault =
            |fault: &pack::Fault| json!({"member": fault.member, "sequence": fault.sequence, "message": fault.told});
        let checkpoint = read.checkpoint.as_ref();
        let told = json!({
            "verdict": word,
            "faults": read.faults.iter().map(fault).collect::<Vec<_>>(),
            "undecided": read.undecided,
            "members": read.members, "proven": read.proven, "events": read.events,
            "tree": checkpoint.map(|c| json!({"origin": c.origin, "size": c.size, "root": c.root.to_string()})),
            "key": read.key.as_ref().map(ToString::to_string),
            "key_given": !args.key.is_empty(),
            "witnessed": read.witnessed.iter().map(|(name, time_s)| json!({"name": name, "time": time_of_s(*time_s)})).collect::<Vec<_>>(),
            "asked": read.manifest["asked"], "gathered": read.manifest["gathered"],
        });
        println!("{told}");
    }
    Ok(outcome)
}

fn time_of_s(time_s: u64) -> String {
    format_rfc3339(i64::try_from(time_s).unwrap_or(i64::MAX).saturating_mul(1_000_000_000))
}

/// The verdict for people. What the pack says of itself is shown only where it holds.
fn table(read: &Read, word: &str, is_own_key: bool) {
    for fault in &read.faults {
        println!("TAMPERED  {}", escape_controls(&fault.to_string()));
    }
    for told in &read.undecided {
        println!("UNDECIDED {}", escape_controls(told));
    }
    if read.faults.is_empty() && read.manifest.is_object() {
        let gathered = &read.manifest["gathered"];
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let by = ["login_user", "sudo_user", "user", "uid"].into_iter().map(|name| &gathered["by"][name]);
        let by = by.into_iter().find(|value| !value.is_null()).map_or_else(String::new, text);
        for (name, value) in [
            ("asked", read.manifest["asked"].to_string()),
            ("gathered", format!("{} on {} by {by}", text(&gathered["time"]), text(&gathered["host"]))),
            ("alert", read.alert.as_ref().map_or_else(String::new, |alert| text(&alert["rule"]["name"]))),
        ] {
            if !value.is_empty() {
                println!("{name:<9} {}", escape_controls(&value));
            }
        }
        if read.manifest["digests"]["rules_are_the_alerts"] == false {
            println!("note      the rules in the pack are those of its making, not of the time of the alert");
        }
    }
    for (name, time_s) in &read.witnessed {
        println!("witnessed by `{}` at {}", escape_controls(name), time_of_s(*time_s));
    }
    let tree = read.checkpoint.as_ref().map_or_else(String::new, |checkpoint| {
        format!(", to the tree `{}` of {} entries", escape_controls(&checkpoint.origin), thousands(checkpoint.size))
    });
    println!(
        "{word}: {} records proven{tree}; {} events, {} members",
        thousands(read.proven as u64),
        thousands(read.events as u64),
        thousands(read.members as u64)
    );
    if is_own_key && word == "verified" {
        println!(
            "held to the key inside it, which shows that it agrees with itself; --key with the archive's own key shows more"
        );
    }
}
