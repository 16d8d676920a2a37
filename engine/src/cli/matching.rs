//! `noroshi match`: files to hits, one JSON object each, in the order of the lines.

use std::sync::{Arc, Mutex};

use noroshi_input::{Origin, RecordFlags, RecordRef};
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::split::elements;
use noroshi_parsers::time::format_rfc3339;
use serde_json::{Value, json};

use super::Outcome;
use super::args::MatchArgs;
use super::files::{Defaults, FileBatch, Inputs};
use super::output::{Printer, report};
use super::rules::{load, tell_given_up};
use crate::detection::Detection;
use crate::ordered::ordered;
use crate::terminal::{ColorChoice, OutputMode};
use crate::worker::Examiner;

pub(crate) fn matching(args: &MatchArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let Some((detection, refused)) = load(&args.rules, &args.read)? else { return Ok(Outcome::RuleRefused) };
    let detection = Arc::new(detection);
    let inputs = Inputs::new(&args.read, &args.files, &Defaults::EVENTS, &Arc::new(Dictionary::new()))?;
    let mut printer = Printer::new(args.output.unwrap_or_else(OutputMode::for_stdout), color);
    let progress = inputs.progress();
    let errors = Mutex::new(Vec::new());
    ordered(
        inputs.workers,
        inputs.reader(&progress, &errors),
        || Examiner::new(Arc::clone(&detection)),
        |examiner, FileBatch { file, batch }| {
            let settings = inputs.files[file].settings();
            let mut lines = Vec::new();
            for group in batch.groups() {
                let [record] = group else {
                    let records: Vec<&[u8]> = group.iter().map(|record| batch.record(record)).collect();
                    examiner.begin_group(records.iter().copied(), 0, &settings);
                    for (at, record) in group.iter().enumerate() {
                        examiner.examine_member(at, &records);
                        for hit in hits(examiner, &detection, records[at], record, batch.origin(record)) {
                            serde_json::to_writer(&mut lines, &hit).expect("JSON values write");
                            lines.push(b'\n');
                        }
                    }
                    continue;
                };
                if record.flags.contains(RecordFlags::PART) && record.part > 0 {
                    continue;
                }
                let mut look = |record: &RecordRef| {
                    let bytes = batch.record(record);
                    examiner.examine(bytes, 0, &settings);
                    for hit in hits(examiner, &detection, bytes, record, batch.origin(record)) {
                        serde_json::to_writer(&mut lines, &hit).expect("JSON values write");
                        lines.push(b'\n');
                    }
                };
                match elements(batch.record(record)).filter(|_| settings.split) {
                    Some(elements) => elements.for_each(|element| look(&record.piece(&element.range))),
                    None => look(record),
                }
            }
            lines
        },
        |lines| printer.lines(&lines),
    )?;
    progress.finish_and_clear();
    tell_given_up(&detection);
    let count = printer.count();
    printer.finish()?;
    let outcome = if (args.rules.fail_on_hit && count > 0) || refused { Outcome::Findings } else { Outcome::Done };
    Ok(report(errors, outcome))
}

fn hits(examiner: &Examiner, detection: &Detection, bytes: &[u8], record: &RecordRef, origin: &Origin) -> Vec<Value> {
    if examiner.hits.is_empty() && examiner.indicator_hits.is_empty() {
        return Vec::new();
    }
    let view = examiner.view(bytes);
    let place = |rule: Value, severity: &str, explain: Value| {
        let file = match origin {
            Origin::File { path, .. } => path.to_string_lossy().into_owned(),
            _ => "-".to_owned(),
        };
        json!({
            "@timestamp": format_rfc3339(view.core().time_ns),
            "file": file,
            "line": record.line,
            "offset": record.offset,
            "rule": rule,
            "severity": severity,
            "explain": explain,
        })
    };
    let mut found = Vec::new();
    for &rule in &examiner.hits {
        let meta = detection.rules.rule(rule);
        let severity = crate::severity::Severity::of_level(meta.level.as_str()).name();
        found.push(place(json!({"id": meta.id, "name": meta.title}), severity, detection.explain(rule, &view).into()));
    }
    for hit in &examiner.indicator_hits {
        let described = detection.indicators.describe(hit.indicator);
        let value = view.fields().get(usize::from(hit.position)).map(|field| view.value(field)).unwrap_or_default();
        let value = String::from_utf8_lossy(value);
        let mut told = place(
            json!({"id": format!("noroshi.indicator.{}", described.kind.as_str()), "name": format!("Known indicator contacted ({})", described.kind.as_str())}),
            detection.grading.severity(described.confidence(), crate::intel::Criticality::default()).name(),
            json!([{"field": detection.dictionary.name(hit.field), "pattern": described.value, "value": value}]),
        );
        told["indicator"] = crate::intel::told(&described).into();
        found.push(told);
    }
    found
}
