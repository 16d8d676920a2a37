//! `noroshi test`: the tests inside rule files.
//!
//! Each test runs its records through all rules given, as `replay` does, with the tables it brings
//! along, and counts the alerts of the rule it stands under.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;
use noroshi_input::{BatchPool, Origin, RecordReader};
use noroshi_parsers::charset::Charset;
use noroshi_parsers::decode::SourceOptions;
use noroshi_parsers::frame::RECORD_BYTES_MAX;
use noroshi_parsers::join::Join;
use noroshi_parsers::zone::Zone;
use noroshi_rules::case::{self, Case};
use noroshi_rules::diagnostic::{Diagnostic, Severity};
use serde_json::json;

use super::Outcome;
use super::args::TestArgs;
use super::files::format_of;
use super::output::Printer;
use super::replay::finals_of;
use super::rules::escape_lines;
use crate::alert::Alert;
use crate::detection::{Detection, LoadOptions, WARMUP_REPLAY_NS, rule_files};
use crate::pipeline::InputSettings;
use crate::sources::Declared;
use crate::terminal::{ColorChoice, OutputMode, escape_controls};

/// What year-less stamps of tests are judged by: they are of 2026. A test must not depend on the day it is run.
const REFERENCE_NS: i64 = 1_798_675_200 * 1_000_000_000;

pub(crate) fn testing(args: &TestArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let mut told = Vec::new();
    let files = rule_files(&args.rules, &mut told);
    let mut cases = Vec::new();
    for (path, text) in &files {
        let (found, diagnostics) = case::read(path, text);
        cases.extend(found.into_iter().map(|case| (path.clone(), case)));
        told.extend(diagnostics);
    }
    let mut loads = Loads { files: &files, last: None };
    let set = loads.detection(&[], &Zone::default());
    told.extend(set.told.iter().cloned());
    for diagnostic in &told {
        eprintln!("{}", escape_lines(&diagnostic.to_string()));
    }
    if told.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Ok(Outcome::RuleRefused);
    }
    let untested = match args.all_tested {
        true => untested(&set.detection.load(), &cases),
        false => Vec::new(),
    };
    let mode = args.output.unwrap_or_else(OutputMode::for_stdout);
    let mut printer = (mode != OutputMode::Table).then(|| Printer::new(mode, color));
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for (path, case) in &cases {
        if args.only.as_deref().is_some_and(|only| !named(path, case, only)) {
            continue;
        }
        let result = run(case, &mut loads);
        let ok = matches!(&result, Ok(alerts) if alerts.len() as u64 == case.alerts);
        passed += usize::from(ok);
        failed += usize::from(!ok);
        let place = format!("{}:{}", path.display(), case.place.line);
        if let Some(printer) = &mut printer {
            printer.object(&json!({
                "rule": case.rule, "title": case.title, "test": case.name, "place": place, "passed": ok,
                "expected": case.alerts, "alerts": result.as_ref().map(Vec::len).ok(),
                "error": result.as_ref().err(),
            }))?;
        } else if !ok {
            let message = match &result {
                Ok(alerts) => format!("{} alerts came, {} were expected", alerts.len(), case.alerts),
                Err(cause) => cause.clone(),
            };
            let text = format!("failed: {}: {}: {message}\n  --> {place}", case.title, case.name);
            println!("{}", escape_lines(&text));
        }
    }
    if let Some(printer) = printer {
        printer.finish()?;
    } else {
        for (title, place) in &untested {
            println!("untested: {}\n  --> {}", escape_controls(title), escape_controls(place));
        }
        println!("{passed} tests passed, {failed} failed; {} rules without a test", untested.len());
    }
    Ok(if failed + untested.len() > 0 { Outcome::Findings } else { Outcome::Done })
}

fn named(path: &Path, case: &Case, only: &str) -> bool {
    case.rule == only || case.title.contains(only) || path.to_string_lossy().contains(only)
}

/// Rules and correlations that raise alerts and that no test expects one of.
fn untested(detection: &Detection, cases: &[(PathBuf, Case)]) -> Vec<(String, String)> {
    let tested: BTreeSet<&str> =
        cases.iter().filter(|(_, case)| case.alerts > 0).map(|(_, case)| case.rule.as_str()).collect();
    let rules = detection.rules.rules().filter(|(_, meta)| meta.alerts);
    let rules = rules.map(|(_, meta)| (&meta.id, &meta.title, &meta.file, meta.line));
    let correlations = detection.correlations.iter().map(|correlation| &correlation.rule);
    let correlations = correlations.map(|rule| (&rule.id, &rule.title, &rule.file, rule.line));
    rules
        .chain(correlations)
        .filter(|(id, ..)| !tested.contains(id.as_str()))
        .map(|(_, title, file, line)| (title.clone(), format!("{}:{line}", file.display())))
        .collect()
}

/// Rule sets by the tables they were loaded with; the last is kept, as neighbours mostly bring the same.
struct Loads<'a> {
    files: &'a [(PathBuf, String)],
    last: Option<Loaded>,
}

struct Loaded {
    tables: Vec<(String, String)>,
    zone: Zone,
    detection: Arc<ArcSwap<Detection>>,
    told: Vec<Diagnostic>,
}

impl Loads<'_> {
    fn detection(&mut self, tables: &[(String, String)], zone: &Zone) -> &Loaded {
        let same = |last: &Loaded| last.tables == tables && last.zone.name() == zone.name();
        if !self.last.as_ref().is_some_and(same) {
            let options = LoadOptions { zone: zone.clone(), warmup_ns_max: WARMUP_REPLAY_NS, ..LoadOptions::default() };
            let files = tables.iter().map(|(name, text)| (PathBuf::from(format!("{name}.csv")), text.clone()));
            let loaded = Detection::of_texts(self.files.to_vec(), files.collect(), &[], &options, Vec::new());
            // That a table is not there is no fault of the rules when a test brings it along.
            let told = loaded.diagnostics.into_iter().filter(|told| told.severity == Severity::Error).collect();
            let detection = Arc::new(ArcSwap::from_pointee(loaded.detection));
            self.last = Some(Loaded { tables: tables.to_vec(), zone: zone.clone(), detection, told });
        }
        self.last.as_ref().expect("just set")
    }
}

/// The alerts of the test's rule.
fn run(case: &Case, loads: &mut Loads<'_>) -> Result<Vec<Alert>, String> {
    let zone = Zone::parse(&case.timezone)?;
    let shown = TimeZone::get(&case.timezone).or_else(|_| {
        let offset = jiff::fmt::strtime::parse("%:z", &case.timezone).ok().and_then(|parsed| parsed.offset());
        offset.map(TimeZone::fixed).ok_or_else(|| format!("unknown time zone `{}`", case.timezone))
    })?;
    let format = case.format.as_deref().map(format_of).transpose().map_err(|cause| cause.to_string())?;
    let loaded = loads.detection(&case.tables, &zone);
    if let Some(error) = loaded.told.first() {
        return Err(error.to_string());
    }
    let mut text = String::new();
    for template in &case.records {
        for record in template.write_out(&shown)? {
            text += &record;
            text.push('\n');
        }
    }
    let join = format.map_or_else(Join::default, |format| Join::of_format(format.get().name));
    let options = SourceOptions { format, zone, reference_time_ns: REFERENCE_NS, ..SourceOptions::default() };
    let open = || {
        let records = Box::new(Cursor::new(text.into_bytes()));
        let reader = RecordReader::from_reader(records, Origin::Stdin, 0, &BatchPool::default());
        let mut reader = reader.reading(Charset::default(), RECORD_BYTES_MAX).joining(join);
        // Records in memory can be read, and a batch is at most one record's bound longer than they are.
        move || reader.next_batch(0).ok().flatten()
    };
    let declared = Declared { lateness_ns: 0, allowed_skew_ns: i64::MAX, idle_timeout_ns: i64::MAX };
    let options = Arc::new(options);
    let input = InputSettings { name: Arc::from(""), options, split: true, declared, clocks: None };
    let inputs = Arc::from([input]);
    let mut alerts = finals_of(inputs, 1, &loaded.detection, None, open).map_err(|cause| cause.to_string())?;
    alerts.retain(|alert| alert.rule_id() == case.rule);
    alerts.sort_by_cached_key(|alert| (alert.order(), alert.canonical()));
    alerts.dedup_by(|one, other| one.id == other.id);
    Ok(alerts)
}
