//! `noroshi explain ALERT-ID FILE…`: why an alert was raised, from the records it came of.
//!
//! The files are replayed. For a correlation: the hits of its key from first to last, the near misses of the same rule and key, and what
//! its rules excepted around it. For a single event: the rule against the record, part by part. Held against the alert as it was told,
//! where that is given: what came too late to be in it shows as the difference.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::BufRead as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anstyle::Style;
use anyhow::Context as _;
use noroshi_correlate::{Hit, Key, Measure, NearMiss, NearMisses, Op, RuleSpec, near_misses};
use noroshi_input::Origin;
use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::event::Event;
use noroshi_parsers::time::format_rfc3339;
use noroshi_rules::RuleIndex;
use noroshi_rules::tree::Branch;
use serde_json::{Value, json};

use super::Outcome;
use super::args::ExplainArgs;
use super::files::{Defaults, Inputs};
use super::output::report;
use super::replay::alerts_of;
use super::rules::{load, options};
use super::verdict;
use crate::alert::Alert;
use crate::detection::{Correlation, Detection, decimal_text};
use crate::evidence::{Evidence, Shared, hex};
use crate::pipeline::{InputSettings, Watch};
use crate::sources::ClockOffsets;
use crate::terminal::{Align, Cell, ColorChoice, OutputMode, Table, escape_controls, styled, thousands, width};

/// Fewest characters of an id: of a million alerts, two share the first eight once in four thousand tries.
const ID_CHARS_MIN: usize = 8;

/// Hits of one key kept for the explanation, and exceptions around it. Millions stand for a flood, of which a person reads the first; the
/// answer says when it is reached.
const KEPT_MAX: usize = 1 << 20;

pub(crate) fn explain(args: &ExplainArgs, id: &str, color: ColorChoice) -> anyhow::Result<Outcome> {
    let is_id = (ID_CHARS_MIN..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    anyhow::ensure!(
        is_id,
        "`{}` is no alert id: give noroshi.id of the alert, {ID_CHARS_MIN} to 32 hexadecimal digits",
        escape_controls(id)
    );
    anyhow::ensure!(!args.files.is_empty(), "name the files whose records the alert came of");
    let id = id.to_ascii_lowercase();
    let told = args.alerts.as_deref().map(|path| recorded(path, &id)).transpose()?.flatten();
    let Some((detection, _)) = load(&args.rules, &args.read)? else { return Ok(Outcome::RuleRefused) };
    let detection = Arc::new(detection);
    let inputs = Inputs::new(&args.read, &args.files, &Defaults::EVENTS, &Arc::clone(&detection.dictionary))?;
    let errors = Mutex::new(Vec::new());
    let progress = inputs.progress();
    let alerts = alerts_of(&inputs, &detection, &progress, &errors, None)?;
    let alert = find(alerts, &id, told.as_ref())?;
    let body = alert.emit(None);
    let mut document = json!({ "alert": body });
    let mut text = head(&body, color);
    if let Some(told) = &told {
        document["recorded"] = told.clone();
        text += &difference(told, &body);
    }
    let steps = body["noroshi"]["explain"][0]["timeline"].as_array();
    if let Some(steps) = steps {
        text += &timeline(steps, color);
    } else if let Some((spec, key)) = &alert.correlated {
        let mut looked =
            Looked { detection: &detection, inputs: &inputs, errors: &errors, spec, key, progress: &progress };
        let found = looked.find(args, &alert)?;
        found.tell(args.show, &mut document, &mut text, color);
    } else {
        single(&detection, &inputs, &body, &mut document, &mut text, color);
    }
    progress.finish_and_clear();
    match args.output.unwrap_or_else(OutputMode::for_stdout) {
        OutputMode::Table => print!("{text}"),
        OutputMode::Json => println!("{document:#}"),
        OutputMode::Ndjson => println!("{document}"),
    }
    Ok(report(errors, Outcome::Done))
}

/// The last alert of that id in a file of alerts as they were told.
fn recorded(path: &Path, id: &str) -> anyhow::Result<Option<Value>> {
    let at = || format!("--alerts {}", path.display());
    let file = std::fs::File::open(path).with_context(at)?;
    let mut found = None;
    for line in std::io::BufReader::new(file).split(b'\n') {
        let line = line.with_context(at)?;
        if memchr::memmem::find(&line, id.as_bytes()).is_none() {
            continue;
        }
        let Ok(alert) = serde_json::from_slice::<Value>(&line) else { continue };
        if alert["noroshi"]["id"].as_str().is_some_and(|own| own.starts_with(id)) {
            found = Some(alert);
        }
    }
    if found.is_none() {
        eprintln!("warning: {} holds no alert {id}", escape_controls(&path.to_string_lossy()));
    }
    Ok(found)
}

/// The alert of that id. Where there is none but it was told once: the one of the same rule and key that shares its time.
fn find(alerts: Vec<Alert>, id: &str, told: Option<&Value>) -> anyhow::Result<Alert> {
    let total = alerts.len();
    let of_key = |alert: &Alert| {
        let (Some(told), body) = (told, alert.emit(None)) else { return false };
        let group = |alert: &Value| alert["noroshi"]["explain"][0]["group"].clone();
        let span = |name: &str| (told[name].as_str().map(str::to_owned), body[name].as_str().map(str::to_owned));
        let ((told_first, first), (told_last, last)) = (span("first_seen"), span("last_seen"));
        told["rule"]["id"] == body["rule"]["id"]
            && group(told) == group(&body)
            && first <= told_last
            && told_first <= last
    };
    let (mut exact, others): (Vec<Alert>, Vec<Alert>) =
        alerts.into_iter().partition(|alert| hex(&alert.id).starts_with(id));
    exact.dedup_by(|one, other| one.id == other.id);
    match exact.len() {
        0 => others.into_iter().find(of_key).with_context(|| {
            format!(
                "none of the {total} alerts that these rules raise over these files is {id}; an id depends on the rule, the key and \
                 the records: give the rules, tables and files of its time, and --alerts with the file it was told in"
            )
        }),
        1 => Ok(exact.remove(0)),
        many => anyhow::bail!("{many} alerts begin with {id}; give more of the id"),
    }
}

fn text_of(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    escape_controls(&text).into_owned()
}

/// What the alert says of itself.
fn head(alert: &Value, color: ColorChoice) -> String {
    let bold = |text: &str| styled(text, Style::new().bold(), color.for_stdout());
    let ours = &alert["noroshi"];
    let mut made = format!("{}  {}\n", bold(&text_of(&alert["rule"]["name"])), text_of(&alert["rule"]["id"]));
    let ended = ours["ended"].as_str().map_or_else(String::new, |ended| format!(", ended by {ended}"));
    let _ = writeln!(
        made,
        "alert {}, {}, {}{ended}",
        text_of(&ours["id"]),
        text_of(&alert["severity"]),
        text_of(&ours["state"])
    );
    let why = &ours["explain"][0];
    if let Some(group) = why["group"].as_object() {
        let parts = group.iter().map(|(name, value)| format!("{} = {}", escape_controls(name), text_of(value)));
        let key =
            if group.is_empty() { "one for the whole rule".to_owned() } else { parts.collect::<Vec<_>>().join(", ") };
        let _ = writeln!(made, "key          {key}");
        let seconds = why["window_ns"].as_i64().unwrap_or(0) as f64 / 1e9;
        let condition = text_of(&why["condition"]);
        let _ = writeln!(made, "asks for     {} {condition} within {seconds} s", text_of(&why["kind"]));
        let _ = writeln!(made, "held first   {}", text_of(&why["trigger"]));
        for (name, label) in [("distinct", "distinct"), ("distinct_rules", "rules seen"), ("measured", "measured")] {
            if !why[name].is_null() {
                let _ = writeln!(made, "{label:<12} {}", text_of(&why[name]));
            }
        }
        let _ = writeln!(made, "members      {}", text_of(&ours["count"]));
    }
    let _ = writeln!(made, "first, last  {}, {}", text_of(&alert["first_seen"]), text_of(&alert["last_seen"]));
    made
}

/// What was told then against what the files say.
fn difference(told: &Value, now: &Value) -> String {
    let mut made = String::new();
    let mut differ = |name: &str, then: &Value, now: &Value| {
        if then != now {
            let _ = writeln!(made, "  {name}: told as {}, by the files {}", text_of(then), text_of(now));
        }
    };
    let (then, ours) = (&told["noroshi"], &now["noroshi"]);
    differ("id (the first time at which it held)", &then["id"], &ours["id"]);
    differ("state", &then["state"], &ours["state"]);
    differ("members", &then["count"], &ours["count"]);
    for name in ["first_seen", "last_seen", "severity"] {
        differ(name, &told[name], &now[name]);
    }
    for digest in ["rules", "tables", "indicators"] {
        differ(&format!("digest of {digest}"), &then["digests"][digest], &ours["digests"][digest]);
    }
    if made.is_empty() {
        return "as told      the files give the same alert\n".to_owned();
    }
    let members = |alert: &Value| alert["noroshi"]["count"].as_u64().unwrap_or(0);
    if members(now) > members(told) {
        let _ = writeln!(
            made,
            "  {} more records are members now: they came too late for the alert, or after it was told",
            members(now) - members(told)
        );
    }
    format!("as told      the alert of its time was another\n{made}")
}

/// The alerts and hits that a correlation over correlations was raised by. Each alert's id can be explained in its turn.
fn timeline(steps: &[Value], color: ColorChoice) -> String {
    let mut table =
        Table::new(&[("TIME", Align::Left), ("RULE", Align::Left), ("SCORE", Align::Right), ("ALERT", Align::Left)]);
    let cell = |value: &Value| Cell::new(if value.is_null() { String::new() } else { text_of(value) });
    for step in steps {
        let rule = if step["name"].is_null() { &step["rule"] } else { &step["name"] };
        table.push([cell(&step["time"]), cell(rule), cell(&step["score"]), cell(&step["alert"])]);
    }
    let color = color.for_stdout();
    format!("\n{}\n{}", styled("Raised by", Style::new().bold(), color), table.render(width(), color))
}

/// A single event: the rule against its record. An indicator says all in the alert.
fn single(
    detection: &Detection,
    inputs: &Inputs,
    body: &Value,
    document: &mut Value,
    text: &mut String,
    color: ColorChoice,
) {
    let evidence = &body["evidence"][0];
    let (raw, path) = (evidence["raw"].as_str().unwrap_or_default(), evidence["file"].as_str().unwrap_or("-"));
    let _ = writeln!(text, "record       {}:{}\n{}\n", escape_controls(path), evidence["line"], escape_controls(raw));
    let rule = detection.rules.rules().find(|(_, meta)| body["rule"]["id"] == meta.id.as_str()).map(|(rule, _)| rule);
    let Some(rule) = rule else {
        let why = &body["noroshi"]["explain"][0];
        let _ = writeln!(
            text,
            "{} = {} is the indicator {} of {}, confidence {}",
            text_of(&why["field"]),
            text_of(&why["value"]),
            text_of(&why["pattern"]),
            text_of(&why["source"]),
            why["confidence"]
        );
        return;
    };
    if !evidence["raw_capped_at"].is_null() {
        let _ = writeln!(
            text,
            "the record is longer than what alerts keep; look at it with: noroshi explain --rule … --event FILE --line N"
        );
        return;
    }
    let file = inputs.files.iter().find(|file| file.path.to_string_lossy() == path).unwrap_or(&inputs.files[0]);
    let mut event = Event::new();
    Decoder::new(Arc::clone(&detection.dictionary)).decode(raw.as_bytes(), 0, &file.options, &mut event);
    file.clocks.iter().for_each(|clocks| clocks.correct(&mut event, raw.as_bytes()));
    detection.joins.enrich(&mut event, raw.as_bytes(), file.options.calendar.as_deref());
    let view = event.view(raw.as_bytes());
    let verdict = detection.rules.verdict(rule, &view, &detection.dictionary);
    let (meta, source) = (detection.rules.rule(rule), view.core().log_source.get());
    document["verdict"] = verdict::document(meta, source, &verdict);
    *text += &verdict::told(meta, source, &verdict, color.for_stdout());
}

/// A hit that was seen, and how its record was read.
struct Seen {
    hit: Hit<Shared>,
    options: Arc<SourceOptions>,
    clocks: Option<Arc<ClockOffsets>>,
}

/// Where to look for the hits of a correlation's key.
struct Looked<'a> {
    detection: &'a Arc<Detection>,
    inputs: &'a Inputs,
    errors: &'a Mutex<Vec<String>>,
    progress: &'a indicatif::ProgressBar,
    spec: &'a RuleSpec,
    key: &'a Key,
}

/// What was found of a correlation's key.
struct Found {
    /// Hits from the alert's first to its last, in order of time.
    between: Vec<Seen>,
    /// Hits of the key in all files.
    total: usize,
    near: NearMisses,
    /// What the rules excepted, with the reasons.
    excepted: Vec<(Seen, Vec<String>)>,
    excepted_total: usize,
    rule_ids: Vec<String>,
    cut: bool,
    /// Hits of the rule and key around the alert that entered no window, as the engine listed them.
    late: Option<Vec<Value>>,
}

impl Looked<'_> {
    fn find(&mut self, args: &ExplainArgs, alert: &Alert) -> anyhow::Result<Found> {
        let (mut hits, cut) = self.hits(self.detection)?;
        hits.sort_by_key(|seen| (seen.hit.time_ns, seen.hit.digest));
        let near = near_misses(self.spec, &hits.iter().map(|seen| &seen.hit).collect::<Vec<_>>(), args.show);
        let total = hits.len();
        let known: HashSet<[u8; 16]> = hits.iter().map(|seen| seen.hit.digest).collect();
        let correlation = self.detection.correlation_of(self.spec);
        let rule_ids =
            correlation.map(|found| found.parts.iter().map(|part| part.id.clone()).collect()).unwrap_or_default();
        hits.retain(|seen| (alert.first_ns..=alert.last_ns).contains(&seen.hit.time_ns));
        let mut excepted = Vec::new();
        let mut excepted_total = 0;
        let rules = correlation.map(base_rules).unwrap_or_default();
        if rules.iter().any(|&(_, rule)| self.detection.rules.has_exceptions(rule)) {
            let loose = without_exceptions(args)?;
            let (mut more, _) = self.hits(&Arc::new(loose))?;
            let around =
                alert.first_ns.saturating_sub(self.spec.window_ns)..=alert.last_ns.saturating_add(self.spec.window_ns);
            more.retain(|seen| around.contains(&seen.hit.time_ns) && !known.contains(&seen.hit.digest));
            more.sort_by_key(|seen| (seen.hit.time_ns, seen.hit.digest));
            more.dedup_by(|one, other| one.hit.digest == other.hit.digest);
            excepted_total = more.len();
            more.truncate(args.show);
            excepted.extend(more.into_iter().map(|seen| {
                let rule = rules.iter().find(|(part, _)| *part == seen.hit.part);
                let reasons = rule.map(|&(_, rule)| self.reasons(rule, &seen));
                (seen, reasons.unwrap_or_default())
            }));
        }
        let late = args.late.as_deref().map(|path| self.late(path, alert)).transpose()?;
        Ok(Found { between: hits, total, near, excepted, excepted_total, rule_ids, cut, late })
    }

    /// Listed hits of the rule and key, less than the window from the alert: in time, they would have been members, or have moved
    /// its begin or end.
    fn late(&self, path: &Path, alert: &Alert) -> anyhow::Result<Vec<Value>> {
        let at = || format!("--late {}", path.display());
        let (id, key) = (self.spec.id.as_str(), hex(self.key.bytes()));
        let window_ns = self.spec.window_ns;
        let around = alert.first_ns.saturating_sub(window_ns)..=alert.last_ns.saturating_add(window_ns);
        let mut found = Vec::new();
        let file = std::fs::File::open(path).with_context(at)?;
        for line in std::io::BufReader::new(file).split(b'\n') {
            let line = line.with_context(at)?;
            if memchr::memmem::find(&line, key.as_bytes()).is_none() {
                continue;
            }
            let Ok(row) = serde_json::from_slice::<Value>(&line) else { continue };
            let is_around = row["time_ns"].as_i64().is_some_and(|time_ns| around.contains(&time_ns));
            if row["correlation"] == id && row["key"] == key.as_str() && is_around && found.len() < KEPT_MAX {
                found.push(row);
            }
        }
        found.sort_by_key(|row| row["time_ns"].as_i64());
        Ok(found)
    }

    /// The hits of the key under a detection.
    fn hits(&self, detection: &Arc<Detection>) -> anyhow::Result<(Vec<Seen>, bool)> {
        let Some(index) = detection.specs.iter().position(|spec| spec.id == self.spec.id) else {
            return Ok((Vec::new(), false));
        };
        let seen = Arc::new(Mutex::new((Vec::new(), false)));
        let (to, key) = (Arc::clone(&seen), self.key.clone());
        let watch: Watch = Arc::new(move |hit: &Hit<Shared>, settings: &InputSettings| {
            if hit.rule as usize != index || hit.key.bytes() != key.bytes() {
                return;
            }
            let mut to = to.lock().expect("no holder panics");
            if to.0.len() < KEPT_MAX {
                let (options, clocks) = (Arc::clone(&settings.options), settings.clocks.clone());
                to.0.push(Seen { hit: hit.clone(), options, clocks });
            } else {
                to.1 = true;
            }
        });
        // What cannot be read was told the first time.
        let errors = Mutex::new(Vec::new());
        self.progress.set_position(0);
        alerts_of(self.inputs, detection, self.progress, &errors, Some(watch))?;
        if self.errors.lock().expect("no holder panics").is_empty() {
            *self.errors.lock().expect("no holder panics") = errors.into_inner().expect("no holder panics");
        }
        let mut seen = seen.lock().expect("no holder panics");
        Ok((std::mem::take(&mut seen.0), seen.1))
    }

    /// The parts of the rule that except the record, by their names.
    fn reasons(&self, rule: RuleIndex, seen: &Seen) -> Vec<String> {
        let raw = &seen.hit.evidence.0.raw;
        let mut event = Event::new();
        Decoder::new(Arc::clone(&self.detection.dictionary)).decode(raw, 0, &seen.options, &mut event);
        seen.clocks.iter().for_each(|clocks| clocks.correct(&mut event, raw));
        self.detection.joins.enrich(&mut event, raw, seen.options.calendar.as_deref());
        let verdict = self.detection.rules.verdict(rule, &event.view(raw), &self.detection.dictionary);
        let mut reasons = Vec::new();
        exceptions(&verdict.root, &mut reasons);
        reasons
    }
}

/// The same rules, loaded so that they except nothing.
fn without_exceptions(args: &ExplainArgs) -> anyhow::Result<Detection> {
    let mut options = options(&args.rules, &args.read)?;
    options.without_exceptions = true;
    Ok(Detection::load(&args.rules.rules, &[], &options).detection)
}

/// The rules of events by their place in the correlation.
fn base_rules(correlation: &Correlation) -> Vec<(u16, RuleIndex)> {
    correlation.rule.rules.iter().map(|referenced| (referenced.part, referenced.rule)).collect()
}

/// The selections below a `not` that fails.
fn exceptions(part: &Branch, reasons: &mut Vec<String>) {
    if part.label == "not" && !part.holds {
        let mut below: Vec<&Branch> = part.parts.iter().collect();
        while let Some(part) = below.pop().filter(|part| part.holds) {
            match part.label.strip_prefix("selection ") {
                Some(name) => reasons.push(name.to_owned()),
                None => below.extend(part.parts.iter().filter(|part| part.holds)),
            }
        }
    } else {
        part.parts.iter().for_each(|part| exceptions(part, reasons));
    }
}

fn place(evidence: &Evidence) -> (String, u64) {
    match &*evidence.origin {
        Origin::File { path, .. } => (path.to_string_lossy().into_owned(), evidence.line),
        _ => ("-".to_owned(), evidence.line),
    }
}

fn comparison(op: Op) -> &'static str {
    match op {
        Op::Gt => "gt",
        Op::Gte => "gte",
        Op::Lt => "lt",
        Op::Lte => "lte",
        Op::Eq => "eq",
    }
}

/// A number of what is measured, and of what.
fn amount(measure: Measure, number: i128) -> String {
    match measure {
        Measure::Number => decimal_text(number),
        _ => number.to_string(),
    }
}

fn measure_name(measure: Measure) -> &'static str {
    match measure {
        Measure::Hits => "hits",
        Measure::Values => "distinct values",
        Measure::Rules => "distinct rules",
        Measure::Steps => "steps in order",
        Measure::Number => "measured",
        Measure::Intervals => "intervals",
    }
}

impl Found {
    fn tell(&self, show: usize, document: &mut Value, text: &mut String, color: ColorChoice) {
        let rule_of = |hit: &Hit<Shared>| self.rule_ids.get(usize::from(hit.part)).cloned().unwrap_or_default();
        let hit_value = |seen: &Seen| {
            let evidence = &seen.hit.evidence.0;
            let (file, line) = place(evidence);
            json!({"time": format_rfc3339(seen.hit.time_ns), "rule": rule_of(&seen.hit), "file": file, "line": line,
                "raw": String::from_utf8_lossy(&evidence.raw)})
        };
        document["hits"] = self.between.iter().take(show).map(hit_value).collect();
        document["hits_total"] = json!({"between": self.between.len(), "of_key": self.total, "cut": self.cut});
        let misses = self.near.closest.iter().map(|miss| {
            let NearMiss { time_ns, have, op, wanted, measure } = *miss;
            json!({"time": format_rfc3339(time_ns), "measure": measure_name(measure), "had": amount(measure, have),
                "wanted": format!("{} {}", comparison(op), amount(measure, wanted)), "short": amount(measure, miss.short())})
        });
        document["near_misses"] = misses.collect();
        document["near_miss_stretches"] = self.near.stretches.into();
        let excepted = self.excepted.iter().map(|(seen, reasons)| {
            let mut told = hit_value(seen);
            told["excepted_by"] = reasons.clone().into();
            told
        });
        document["excepted"] = excepted.collect();
        document["excepted_total"] = self.excepted_total.into();
        if let Some(late) = &self.late {
            document["late"] = late.iter().take(show).cloned().collect();
            document["late_total"] = late.len().into();
        }

        let (width, color) = (width(), color.for_stdout());
        let title = |text: &str| styled(text, Style::new().bold(), color);
        let row = |seen: &Seen, told: String| {
            let evidence = &seen.hit.evidence.0;
            let (file, line) = place(evidence);
            [
                Cell::new(format_rfc3339(seen.hit.time_ns)),
                Cell::new(escape_controls(&told)),
                Cell::new(escape_controls(&format!("{file}:{line}"))),
                Cell::new(escape_controls(&String::from_utf8_lossy(&evidence.raw))),
            ]
        };
        let columns =
            |second| [("TIME", Align::Left), (second, Align::Left), ("WHERE", Align::Left), ("RECORD", Align::Left)];
        let number = |number: usize| thousands(number as u64);
        let shown =
            |all: usize, shown: usize| if all > shown { format!(", the first {shown} shown") } else { String::new() };
        let heading = format!(
            "Hits of this key from first to last: {}{}; in all files {}",
            number(self.between.len()),
            shown(self.between.len(), show),
            number(self.total)
        );
        let _ = writeln!(text, "\n{}", title(&heading));
        let mut table = Table::new(&columns("RULE"));
        self.between.iter().take(show).for_each(|seen| table.push(row(seen, rule_of(&seen.hit))));
        *text += &table.render(width, color);
        if self.cut {
            let _ = writeln!(text, "the key has more hits than are looked at ({KEPT_MAX})");
        }

        let stretches = self.near.stretches;
        let heading = format!(
            "Near misses of this rule and key: {}{}",
            number(stretches),
            shown(stretches, self.near.closest.len())
        );
        let _ = writeln!(text, "\n{}", title(&heading));
        let mut table = Table::new(&[
            ("TIME", Align::Left),
            ("HAD", Align::Right),
            ("WANTED", Align::Left),
            ("SHORT", Align::Right),
        ]);
        for miss in &self.near.closest {
            table.push([
                Cell::new(format_rfc3339(miss.time_ns)),
                Cell::new(format!("{} {}", amount(miss.measure, miss.have), measure_name(miss.measure))),
                Cell::new(format!("{} {}", comparison(miss.op), amount(miss.measure, miss.wanted))),
                Cell::new(amount(miss.measure, miss.short())),
            ]);
        }
        if !table.is_empty() {
            *text += &table.render(width, color);
        }
        if self.near.cut {
            *text += "later windows were not looked at\n";
        }

        let heading = format!(
            "Excepted by the rules around it: {}{}",
            number(self.excepted_total),
            shown(self.excepted_total, self.excepted.len())
        );
        let _ = writeln!(text, "\n{}", title(&heading));
        let mut table = Table::new(&columns("EXCEPTED BY"));
        self.excepted.iter().for_each(|(seen, reasons)| table.push(row(seen, reasons.join(", "))));
        if !table.is_empty() {
            *text += &table.render(width, color);
        }

        let Some(late) = &self.late else { return };
        let heading =
            format!("Late or future hits around it, in no window: {}{}", number(late.len()), shown(late.len(), show));
        let _ = writeln!(text, "\n{}", title(&heading));
        let mut table = Table::new(&[
            ("TIME", Align::Left),
            ("VERDICT", Align::Left),
            ("RECEIVED", Align::Left),
            ("WATERMARK", Align::Left),
            ("RECORD", Align::Left),
        ]);
        for row in late.iter().take(show) {
            let cell = |name: &str| Cell::new(if row[name].is_null() { String::new() } else { text_of(&row[name]) });
            table.push([cell("time"), cell("verdict"), cell("received"), cell("watermark"), cell("raw")]);
        }
        if !table.is_empty() {
            *text += &table.render(width, color);
        }
    }
}
