//! `noroshi explain --rule R --event E`: a rule against one event, part by part, for hits and for misses.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anstyle::{AnsiColor, Style};
use anyhow::Context as _;
use indicatif::ProgressBar;
use noroshi_input::RecordFlags;
use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::Event;
use noroshi_parsers::logsource::LogSource;
use noroshi_parsers::split::elements;
use noroshi_rules::diagnostic::Severity;
use noroshi_rules::rule::RuleSource;
use noroshi_rules::tree::{Branch, PartKind, Verdict};
use noroshi_rules::{RuleIndex, RuleMeta};
use serde_json::{Value, json};

use super::Outcome;
use super::args::ExplainArgs;
use super::files::{Defaults, FileBatch, InputFile, Inputs};
use super::output::Printer;
use super::rules::{escape_lines, options};
use crate::detection::Detection;
use crate::terminal::{ColorChoice, OutputMode, escape_controls, styled};

pub(crate) fn verdict(args: &ExplainArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let (Some(rule), Some(event)) = (&args.rule, &args.event) else {
        anyhow::bail!("name an alert, or a rule (--rule) and an event (--event)");
    };
    let (detection, rules) = load(args, rule)?;
    let (record, source) = event_of(args, event, &detection.dictionary)?;
    let mut event = Event::new();
    Decoder::new(Arc::clone(&detection.dictionary)).decode(&record, 0, &source, &mut event);
    let view = event.view(&record);
    let mode = args.output.unwrap_or_else(OutputMode::for_stdout);
    let mut printer = Printer::new(mode, color);
    for rule in rules {
        let meta = detection.rules.rule(rule);
        let verdict = detection.rules.verdict(rule, &view, &detection.dictionary);
        let source = view.core().log_source.get();
        match mode {
            OutputMode::Table => print!("{}", told(meta, source, &verdict, color.for_stdout())),
            _ => printer.object(&document(meta, source, &verdict))?,
        }
    }
    printer.finish()?;
    Ok(Outcome::Done)
}

/// The rules asked for: those of the file that `--rule` names, or one of `--rules` by id, name or title.
fn load(args: &ExplainArgs, rule: &str) -> anyhow::Result<(Detection, Vec<RuleIndex>)> {
    let is_file = args.rules.rules.is_empty();
    let paths = if is_file { vec![PathBuf::from(rule)] } else { args.rules.rules.clone() };
    let loaded = Detection::load(&paths, &[], &options(&args.rules, &args.read)?);
    let is_asked =
        |meta: &RuleMeta| is_file || meta.id == rule || meta.name.as_deref() == Some(rule) || meta.title == rule;
    let rules: Vec<RuleIndex> =
        loaded.detection.rules.rules().filter(|(_, meta)| is_asked(meta)).map(|(rule, _)| rule).collect();
    if rules.is_empty() {
        for diagnostic in loaded.diagnostics.iter().filter(|told| told.severity == Severity::Error) {
            eprintln!("{}", escape_lines(&diagnostic.to_string()));
        }
        let way_out = "--rule takes a rule file, or with --rules PATH the id, name or title of a rule there";
        anyhow::bail!("no rule `{}` was loaded; {way_out}", escape_controls(rule));
    }
    Ok((loaded.detection, rules))
}

/// The record to look at: of the file named, or the text itself.
fn event_of(
    args: &ExplainArgs,
    event: &str,
    dictionary: &Arc<Dictionary>,
) -> anyhow::Result<(Vec<u8>, Arc<SourceOptions>)> {
    let is_file = event == "-" || Path::new(event).is_file();
    let path = if is_file { PathBuf::from(event) } else { PathBuf::from("-") };
    let inputs = Inputs::new(&args.read, &[path], &Defaults::EVENTS, dictionary)?;
    let InputFile { options, split, .. } = &inputs.files[0];
    if !is_file {
        return Ok((event.as_bytes().to_vec(), Arc::clone(options)));
    }
    let (progress, errors) = (ProgressBar::hidden(), Mutex::new(Vec::new()));
    let mut read = inputs.reader(&progress, &errors);
    let mut left = args.line.max(1);
    while let Some(FileBatch { batch, .. }) = read() {
        for record in
            batch.records.iter().filter(|record| !record.flags.contains(RecordFlags::PART) || record.part == 0)
        {
            let bytes = batch.record(record);
            let pieces = match elements(bytes).filter(|_| *split) {
                Some(elements) => elements.map(|element| bytes[element.range].to_vec()).collect(),
                None => vec![bytes.to_vec()],
            };
            for piece in pieces {
                left -= 1;
                if left == 0 {
                    return Ok((piece, Arc::clone(options)));
                }
            }
        }
    }
    drop(read);
    let error = errors.into_inner().expect("no reader panics").into_iter().next();
    let missing = format!("{event} has no event {}", args.line);
    error.map_or_else(|| Err(anyhow::anyhow!(missing)), |error| Err(anyhow::anyhow!(error))).context("--event")
}

fn asked(source: &RuleSource) -> String {
    let parts = [("product", &source.product), ("service", &source.service), ("category", &source.category)];
    let given: Vec<String> =
        parts.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?))).collect();
    if given.is_empty() { "any".into() } else { given.join(", ") }
}

pub(super) fn document(meta: &RuleMeta, source: &LogSource, verdict: &Verdict) -> Value {
    json!({
        "rule": {"id": meta.id, "name": meta.title, "file": meta.file.to_string_lossy(), "line": meta.line},
        "logsource": {"asked": asked(&meta.source), "event": source.name, "applies": verdict.applies},
        "matches": verdict.applies && verdict.holds,
        "condition": verdict.root.to_json(),
    })
}

pub(super) fn told(meta: &RuleMeta, source: &LogSource, verdict: &Verdict, color: bool) -> String {
    let mut made = String::new();
    let plain = |text: &str| escape_controls(text).into_owned();
    let _ = writeln!(
        made,
        "{} ({})  {}:{}",
        plain(&meta.title),
        plain(&meta.id),
        plain(&meta.file.to_string_lossy()),
        meta.line
    );
    let applies = if verdict.applies { "applies" } else { "does not apply" };
    let _ =
        writeln!(made, "log source: asks for {}; the event is {}: {applies}", plain(&asked(&meta.source)), source.name);
    let matches = if verdict.applies && verdict.holds { "matches" } else { "does not match" };
    let _ = writeln!(made, "the rule {matches}\n");
    branch(&verdict.root, 0, color, &mut made);
    made
}

/// One part a line, what it is made of below it.
fn branch(part: &Branch, depth: usize, color: bool, made: &mut String) {
    let (word, shade) = if part.holds { ("true ", AnsiColor::Green) } else { ("false", AnsiColor::Red) };
    let word = styled(word, Style::new().fg_color(Some(shade.into())), color);
    let _ = write!(made, "{word}  {}{}", "  ".repeat(depth), escape_controls(&part.label));
    // A single value stands beside its field.
    let beside = match part.parts.as_slice() {
        [only] if only.kind == PartKind::Value => Some(only),
        _ => None,
    };
    if let Some(only) = beside {
        let _ = write!(made, ": {}", escape_controls(&only.label));
    }
    for told in std::iter::once(part).chain(beside) {
        if let Some(values) = &told.values {
            let values: Vec<String> = values.iter().map(|value| format!("\"{}\"", escape_controls(value))).collect();
            let field = escape_controls(told.field.as_deref().unwrap_or_default());
            let _ = write!(made, "   [{field} = {}]", values.join(", "));
        } else if told.kind == PartKind::Field || told.field.is_some() {
            made.push_str("   [not there]");
        }
    }
    made.push('\n');
    for inner in part.parts.iter().filter(|_| beside.is_none()) {
        branch(inner, depth + 1, color, made);
    }
}
