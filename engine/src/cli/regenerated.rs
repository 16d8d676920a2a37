//! `noroshi replay --verify`: do the archived records give the alerts that were told?
//!
//! All records of the archive go through the configuration's rules again, in event time. Finals are a function of the events
//! as long as no hit was late or ahead of the clock: an alert of a key for which such hits are listed is not decided, nor
//! one that was told under another set of rules. Indicator alerts in retrospect are those of their events.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use noroshi_archive::Stored;
use noroshi_archive::search::Search;
use noroshi_input::files::RealFiles;
use noroshi_rules::diagnostic::Severity;
use serde_json::Value;

use super::Outcome;
use super::args::ReplayArgs;
use super::replay::finals_of;
use super::run::input_settings;
use super::search::time_of;
use crate::again::batch_of;
use crate::alert::Alert;
use crate::config::{Config, archive_inputs, join};
use crate::detection::{Detection, LoadOptions};
use crate::evidence::hex;
use crate::late;
use crate::terminal::escape_controls;

/// Differences shown; all are counted.
const SHOWN_MAX: usize = 20;

/// What became of one alert.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Verdict {
    Same,
    /// Where the two differ first, and how.
    Differs(String),
    /// Why nobody can say.
    Undecided(String),
}

pub(crate) fn verify(args: &ReplayArgs) -> anyhow::Result<Outcome> {
    let path = args.read.config.clone().unwrap_or_else(|| PathBuf::from("noroshi.toml"));
    let config = Config::load(&path).map_err(|errors| anyhow::Error::msg(join(&errors)))?;
    let ids: Vec<String> = args.files.iter().map(|id| id.to_string_lossy().to_ascii_lowercase()).collect();
    if let Some(wrong) = ids.iter().find(|id| !id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        anyhow::bail!(
            "`{}` is no alert id: with --verify, ids of alerts are given instead of files",
            escape_controls(wrong)
        );
    }
    let since = args.since.as_deref().map(|text| time_of(text, super::files::now_ns())).transpose()?;
    let told = told(&config, args.alerts.as_deref())?;
    let loaded = Detection::load(&config.rules.paths, &config.indicators.paths, &LoadOptions::of(&config));
    if let Some(refused) = loaded.diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error) {
        eprintln!("{}", super::rules::escape_lines(&refused.to_string()));
        return Ok(Outcome::RuleRefused);
    }
    let detection = Arc::new(loaded.detection);
    let made = regenerated(&config, &detection)?;
    let late = late_keys(&config.state_dir.join(late::FILE_NAME));
    let in_question = |id: &str, alert: &Value| {
        let is_asked = ids.is_empty() || ids.iter().any(|asked| id.starts_with(asked.as_str()));
        let time = || alert["last_seen"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        is_asked && since.is_none_or(|since| time().is_none_or(|time| time.as_nanosecond() >= i128::from(since)))
    };
    let mut verdicts: BTreeMap<&str, Verdict> = BTreeMap::new();
    for (id, alert) in told.iter().filter(|(id, alert)| in_question(id, alert)) {
        verdicts.insert(id, judged(alert, made.get(id), &detection.digests, &late));
    }
    for (id, alert) in &made {
        let body = alert.emit(None);
        // What the end of the records closed was still open when it was told of last.
        let is_open = body["noroshi"]["ended"] == "input";
        if !told.contains_key(id) && !is_open && in_question(id, &body) {
            let rule = escape_controls(alert.rule_id()).into_owned();
            verdicts.insert(id, Verdict::Differs(format!("the records give an alert of {rule} that was not told")));
        }
    }
    Ok(tell(&verdicts, &ids))
}

fn tell(verdicts: &BTreeMap<&str, Verdict>, ids: &[String]) -> Outcome {
    let count = |is: fn(&Verdict) -> bool| verdicts.values().filter(|verdict| is(verdict)).count();
    let differing = count(|verdict| matches!(verdict, Verdict::Differs(_)));
    let undecided = count(|verdict| matches!(verdict, Verdict::Undecided(_)));
    let same = verdicts.len() - differing - undecided;
    let notable = verdicts.iter().filter(|(_, verdict)| **verdict != Verdict::Same);
    for (id, verdict) in notable.take(SHOWN_MAX) {
        match verdict {
            Verdict::Differs(how) => println!("differs    {id}  {how}"),
            Verdict::Undecided(why) => println!("undecided  {id}  {why}"),
            Verdict::Same => {}
        }
    }
    println!("{same} alerts are what the archived records give, {differing} differ, {undecided} are undecided");
    let is_missing = |id: &&String| !verdicts.keys().any(|known| known.starts_with(id.as_str()));
    if let Some(id) = ids.iter().find(is_missing) {
        eprintln!("warning: no alert {id} was told or is given by the archive");
        return Outcome::RuleRefused;
    }
    match (differing, undecided) {
        (0, 0) => Outcome::Done,
        (0, _) => Outcome::RuleRefused,
        _ => Outcome::Findings,
    }
}

/// Finals as they were told, by id; the last of each.
fn told(config: &Config, alerts: Option<&Path>) -> anyhow::Result<HashMap<String, Value>> {
    let mut paths: Vec<PathBuf> = alerts.map(Path::to_owned).into_iter().collect();
    if paths.is_empty() {
        let outputs = config.outputs.iter().filter_map(|output| output.path.clone());
        for path in outputs {
            // `path.N` is the oldest.
            let numbered = (1..).map(|number| PathBuf::from(format!("{}.{number}", path.display())));
            let mut rotated: Vec<PathBuf> = numbered.take_while(|path| path.exists()).collect();
            rotated.reverse();
            paths.extend(rotated);
            paths.push(path);
        }
        anyhow::ensure!(
            !paths.is_empty(),
            "no output of the configuration is a file; name the alerts as they were told by --alerts"
        );
    }
    let mut told = HashMap::new();
    for path in paths {
        let at = || format!("cannot read the alerts in {}", path.display());
        let file = std::fs::File::open(&path).with_context(at)?;
        for line in std::io::BufReader::new(file).split(b'\n') {
            let line = line.with_context(at)?;
            let Ok(alert) = serde_json::from_slice::<Value>(&line) else { continue };
            if let (Some(id), "final") =
                (alert["noroshi"]["id"].as_str(), alert["noroshi"]["state"].as_str().unwrap_or(""))
            {
                told.insert(id.to_owned(), alert);
            }
        }
    }
    Ok(told)
}

/// The finals that all records of the archive give.
fn regenerated(config: &Config, detection: &Arc<Detection>) -> anyhow::Result<HashMap<String, Alert>> {
    let inputs = input_settings(config)?;
    let directory = config.archive_dir();
    let search = Search::open(Arc::new(RealFiles), &directory, archive_inputs(&inputs))
        .with_context(|| format!("there is no archive to read in {}", directory.display()))?;
    let names: Vec<String> = inputs.iter().map(|input| input.name.to_string()).collect();
    let (queue, batches) = crossbeam_channel::bounded(4);
    let detection = Arc::new(ArcSwap::new(Arc::clone(detection)));
    let workers = config.workers();
    let (alerts, read) = std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut held: Vec<Stored> = Vec::new();
            let input_of = |stored: &Stored| names.iter().position(|name| *name == stored.input);
            let send = |held: &mut Vec<Stored>| {
                let input = held.first().and_then(input_of);
                let sent = input.is_none_or(|input| queue.send(batch_of(held, input as u16)).is_ok());
                held.clear();
                sent
            };
            let read = search.records_from(0, &mut |stored| {
                let goes_on =
                    held.first().is_none_or(|first| (first.batch, &first.input) == (stored.batch, &stored.input));
                let taken = goes_on || send(&mut held);
                held.push(stored);
                taken
            });
            if !held.is_empty() {
                send(&mut held);
            }
            read
        });
        let alerts = finals_of(inputs, workers, &detection, None, || move || batches.recv().ok());
        (alerts, reader.join())
    });
    let read = read.map_err(|_| anyhow::anyhow!("reading the archive ended by a fault"))?;
    read.context("the archive cannot be read whole; run noroshi verify")?;
    Ok(alerts?.into_iter().map(|alert| (hex(&alert.id), alert)).collect())
}

/// The keys of correlations with hits that entered no window.
fn late_keys(path: &Path) -> HashSet<(String, String)> {
    let mut keys = HashSet::new();
    for path in [PathBuf::from(format!("{}.1", path.display())), path.to_owned()] {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        for row in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            if let (Some(correlation), Some(key)) = (row["correlation"].as_str(), row["key"].as_str()) {
                keys.insert((correlation.to_owned(), key.to_owned()));
            }
        }
    }
    keys
}

fn judged(told: &Value, made: Option<&Alert>, digests: &Value, late: &HashSet<(String, String)>) -> Verdict {
    let of_indicator = !told["threat"]["indicator"].is_null();
    let then = &told["noroshi"]["digests"];
    for name in ["rules", "tables", "config", "indicators"] {
        // What an indicator said is in its alert; of another alert the indicators' digest says nothing.
        if then[name] != digests[name] && (name != "indicators" || of_indicator) {
            return Verdict::Undecided(format!("it was told under another set: {name} had another digest"));
        }
    }
    if told["noroshi"]["ended"] == "reload" {
        return Verdict::Undecided("a reload ended it".to_owned());
    }
    let rule = told["rule"]["id"].as_str().unwrap_or_default();
    let is_late = match made.and_then(|alert| alert.correlated.as_ref()) {
        Some((spec, key)) => late.contains(&(spec.id.clone(), hex(key.bytes()))),
        None => late.iter().any(|(correlation, _)| correlation == rule),
    };
    let verdict = match made {
        None => Verdict::Differs("the archived records do not give it".to_owned()),
        Some(made) => match first_difference(&canonical(told.clone()), &canonical(made.emit(None)), "") {
            None => Verdict::Same,
            Some(place) => Verdict::Differs(place),
        },
    };
    match verdict {
        Verdict::Differs(how) if is_late => Verdict::Undecided(format!("late hits are listed for it; {how}")),
        verdict => verdict,
    }
}

/// What must be equal: all but the provenance, the digests, which were held against each other, and how it was found.
fn canonical(mut alert: Value) -> Value {
    if let Some(noroshi) = alert["noroshi"].as_object_mut() {
        for name in ["provenance", "digests", "retrospective"] {
            noroshi.remove(name);
        }
    }
    alert
}

/// The path of the first value that differs, in the order of what was told, with both values.
fn first_difference(told: &Value, made: &Value, path: &str) -> Option<String> {
    let show = |value: &Value| {
        let text: String = value.to_string().chars().take(200).collect();
        escape_controls(&text).into_owned()
    };
    match (told, made) {
        (Value::Object(told), Value::Object(made)) => {
            let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let null = Value::Null;
            let names = told.keys().chain(made.keys().filter(|name| !told.contains_key(*name)));
            names.into_iter().find_map(|name| {
                first_difference(told.get(name).unwrap_or(&null), made.get(name).unwrap_or(&null), &below(name))
            })
        }
        (Value::Array(told), Value::Array(made)) if told.len() == made.len() => {
            let pairs = told.iter().zip(made).enumerate();
            pairs.into_iter().find_map(|(at, (told, made))| first_difference(told, made, &format!("{path}[{at}]")))
        }
        (told, made) if told == made => None,
        (told, made) => Some(format!("{path}: told {}, the records give {}", show(told), show(made))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_difference_is_named_by_its_place() {
        let told = json!({"a": 1, "noroshi": {"count": 5, "provenance": {"node": "x"}}, "evidence": [{"raw": "one"}]});
        let mut made = told.clone();
        made["noroshi"]["provenance"]["node"] = "y".into();
        assert_eq!(first_difference(&canonical(told.clone()), &canonical(made.clone()), ""), None);
        made["evidence"][0]["raw"] = "\u{1b}[2J".into();
        let found = first_difference(&canonical(told), &canonical(made), "").unwrap();
        assert_eq!(found, "evidence[0].raw: told \"one\", the records give \"\\u001b[2J\"");
    }
}
