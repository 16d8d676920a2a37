//! A file through the whole pipeline: events a second, and the memory it takes.
//!
//! The run is a process of its own, so that its greatest resident memory is that of the engine alone. Its
//! alerts are compared with the planted truth before its time counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use arc_swap::ArcSwap;
use crossbeam_channel::bounded;
use noroshi::alert::Alert;
use noroshi::detection::{Detection, LoadOptions};
use noroshi::pipeline::{self, InputSettings, Outcome, Pipeline, Settings};
use noroshi::reload::{Reloader, Reloading, Reloads};
use noroshi::sources::Declared;
use noroshi_correlate::WatermarkPolicy;
use noroshi_input::{BatchPool, RecordReader};
use noroshi_parsers::decode::SourceOptions;
use serde::{Deserialize, Serialize};

use super::data::{Data, prepare};
use crate::figures::SEED;
use crate::generate::sigma;
use crate::measure::{Stopwatch, median, memory, process_cpu};
use crate::stream::split;

/// Workers of the run.
pub const WORKERS: usize = 2;

/// Batches waiting for the workers, as in `replay`.
const QUEUE_BATCHES: usize = 16;

/// What a run took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndToEnd {
    /// Events.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
    /// Alerts, all of them planted.
    pub alerts: u64,
    /// Seconds to load rules and indicators.
    pub load_s: f64,
    /// Seconds from the first byte read to the last alert.
    pub wall_s: f64,
    /// CPU seconds of the same.
    pub cpu_s: f64,
    /// Greatest resident memory, loading included.
    pub rss_bytes: u64,
    /// Nanoseconds a line of the memchr split of the same bytes.
    pub split_ns: f64,
}

impl EndToEnd {
    /// Events a second of wall time.
    #[must_use]
    pub fn per_s(&self) -> f64 {
        self.lines as f64 / self.wall_s
    }

    /// Events a second if both cores had been free: by CPU time.
    #[must_use]
    pub fn per_s_free(&self) -> f64 {
        self.lines as f64 / self.cpu_s * WORKERS as f64
    }

    /// Speed by CPU time as a part of the split's.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.split_ns / (self.cpu_s * 1e9 / self.lines as f64)
    }
}

/// Runs `noroshi-bench replay` on `bytes` of the mixed stream.
///
/// # Errors
/// When the run fails or its alerts are not the planted truth.
pub fn measure(directory: &Path, bytes: u64) -> Result<EndToEnd> {
    prepare(directory, bytes)?;
    let program = std::env::current_exe().context("the path of this program")?;
    let output = Command::new(program)
        .arg("replay")
        .arg(directory)
        .arg(bytes.to_string())
        .stderr(Stdio::inherit())
        .output()
        .context("starting the run")?;
    ensure!(output.status.success(), "the run failed: {}", output.status);
    serde_json::from_slice(&output.stdout).context("reading what the run told")
}

/// The run itself, in this process.
///
/// # Errors
/// When its alerts are not the planted truth.
pub fn replay(directory: &Path, bytes: u64) -> Result<EndToEnd> {
    let data = prepare(directory, bytes)?;
    let split_ns = split_of(&data)?;
    let before = Instant::now();
    let loaded = Detection::load(
        std::slice::from_ref(&data.rules),
        std::slice::from_ref(&data.indicators),
        &LoadOptions::default(),
    );
    if let Some(refused) =
        loaded.diagnostics.iter().find(|diagnostic| diagnostic.severity == noroshi_rules::Severity::Error)
    {
        bail!("a rule or indicator was refused: {refused}");
    }
    let load_s = before.elapsed().as_secs_f64();
    let detection = Arc::new(ArcSwap::from_pointee(loaded.detection));
    let Pass { alerts, wall_s, cpu_s } = pass(&data, &detection)?;
    check(&data, &alerts)?;
    Ok(EndToEnd {
        lines: data.truth.lines,
        bytes: data.truth.bytes,
        alerts: alerts.len() as u64,
        load_s,
        wall_s,
        cpu_s,
        rss_bytes: memory("VmHWM"),
        split_ns,
    })
}

/// Once through the stream.
struct Pass {
    alerts: Vec<Alert>,
    wall_s: f64,
    cpu_s: f64,
}

fn pass(data: &Data, detection: &Arc<ArcSwap<Detection>>) -> Result<Pass> {
    let options = SourceOptions { reference_time_ns: data.truth.end_ns as i64, ..SourceOptions::default() };
    let declared = Declared { lateness_ns: 0, allowed_skew_ns: i64::MAX, idle_timeout_ns: i64::MAX };
    let settings = Settings {
        depot: None,
        workers: WORKERS,
        shards: 1,
        inputs: Arc::new([InputSettings {
            name: Arc::from(""),
            options: Arc::new(options),
            split: true,
            declared,
            clocks: None,
        }]),
        watermarks: WatermarkPolicy::EndOfInput,
        clock: None,
        resume: Vec::new(),
        cuts: None,
        watch: None,
        archive: None,
    };
    let (queue, batches) = bounded(QUEUE_BATCHES);
    let (before, cpu_before) = (Instant::now(), process_cpu());
    let (running, outcomes) = Pipeline::start(&settings, detection, batches);
    let mut reader = RecordReader::open(&data.stream, 0, &BatchPool::default())?;
    let mut records = 0;
    let mut alerts: Vec<Alert> = Vec::new();
    let failed = std::thread::scope(|scope| {
        let feeder = scope.spawn(move || {
            let mut failed = None;
            pipeline::feed(
                || match reader.next_batch(0) {
                    Ok(batch) => batch,
                    Err(error) => {
                        failed = Some(error);
                        None
                    }
                },
                &queue,
            );
            failed
        });
        for outcome in outcomes {
            match outcome {
                Outcome::Batch(done) => {
                    records += done.batch.records.len() as u64;
                    alerts.extend(done.alerts);
                }
                Outcome::Shard { alerts: found, .. } => alerts.extend(found),
                Outcome::Captured { .. } => {}
            }
        }
        feeder.join().expect("reading does not panic")
    });
    running.join().map_err(anyhow::Error::msg)?;
    let (wall_s, cpu_s) = (before.elapsed().as_secs_f64(), (process_cpu() - cpu_before).as_secs_f64());
    if let Some(error) = failed {
        bail!("{error}");
    }
    ensure!(records == data.truth.lines, "{records} records were read, {} are in the file", data.truth.lines);
    Ok(Pass { alerts, wall_s, cpu_s })
}

/// What loading anew takes from a stream that has both cores to itself otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Reloaded {
    /// Events a second while nothing is loaded.
    pub quiet_per_s: f64,
    /// Events a second while one set after the other is loaded and put in force.
    pub loading_per_s: f64,
    /// Sets put in force in each pass under load, in the mean.
    pub reloads: f64,
}

/// Passes over the stream in turns, with and without loading; their medians.
///
/// # Errors
/// When the alerts of any pass are not the planted truth.
pub fn reloads(directory: &Path, bytes: u64, turns: usize) -> Result<Reloaded> {
    let data = prepare(directory, bytes)?;
    let options = LoadOptions::default();
    let (rules, indicators) = (vec![data.rules.clone()], vec![data.indicators.clone()]);
    let detection = Arc::new(ArcSwap::from_pointee(Detection::load(&rules, &indicators, &options).detection));
    let counts = Arc::new(Reloads::default());
    let (mut quiet, mut loading) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        let run = pass(&data, &detection)?;
        check(&data, &run.alerts)?;
        quiet.push(data.truth.lines as f64 / run.wall_s);
        let reloading = Reloading::start(Reloader {
            rules: rules.clone(),
            indicators: indicators.clone(),
            options: options.clone(),
            keep_going: false,
            acts: None,
            detection: Arc::clone(&detection),
            counts: Arc::clone(&counts),
            told: None,
        })?;
        let is_over = AtomicBool::new(false);
        let run = std::thread::scope(|scope| {
            scope.spawn(|| {
                // One after the other; the last is over before the next pass begins.
                while !is_over.load(Ordering::Relaxed) {
                    let before = counts.done.load(Ordering::Relaxed);
                    reloading.ask("bench");
                    while counts.done.load(Ordering::Relaxed) == before {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
            });
            let run = pass(&data, &detection);
            is_over.store(true, Ordering::Relaxed);
            run
        })?;
        check(&data, &run.alerts)?;
        loading.push(data.truth.lines as f64 / run.wall_s);
    }
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        median(&values)
    };
    Ok(Reloaded {
        quiet_per_s: middle(quiet),
        loading_per_s: middle(loading),
        reloads: counts.done.load(Ordering::Relaxed) as f64 / turns.max(1) as f64,
    })
}

fn split_of(data: &Data) -> Result<f64> {
    // More than this of the file tells nothing new.
    const SPLIT_BYTES_MAX: u64 = 256 << 20;
    let mut file = File::open(&data.stream)?.take(SPLIT_BYTES_MAX);
    let mut buffer = vec![0; crate::figures::STREAM_BYTES];
    let (mut watch, mut lines) = (Stopwatch::new(), 0);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(watch.spent().as_nanos() as f64 / lines.max(1) as f64);
        }
        lines += watch.time(|| split(std::hint::black_box(&buffer[..read]))).0;
    }
}

/// Every planted kind and indicator was hit as often as it was planted, and nothing else was hit.
fn check(data: &Data, alerts: &[Alert]) -> Result<()> {
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    let mut contacts: BTreeSet<String> = BTreeSet::new();
    for alert in alerts {
        let told = alert.emit(None);
        let name = match told["threat"]["indicator"]["name"].as_str() {
            Some(indicator) => {
                // A line that holds an indicator in two fields is one contact.
                if !contacts.insert(told["noroshi"]["id"].to_string()) {
                    continue;
                }
                format!("indicator {indicator}")
            }
            None => format!("rule {}", told["rule"]["id"].as_str().unwrap_or_default()),
        };
        *found.entry(name).or_default() += 1;
    }
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for rule in sigma::rules(SEED, super::data::RULES) {
        let planted = rule.hits.and_then(|kind| data.truth.planted.get(&kind.name())).map_or(0, |places| places.count);
        if planted > 0 {
            expected.insert(format!("rule {}", rule.id), planted);
        }
    }
    for (value, count) in &data.truth.indicators {
        let value = value.strip_prefix("http://").unwrap_or(value);
        expected.insert(format!("indicator {value}"), *count);
    }
    let names: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    let wrong: Vec<String> = names
        .into_iter()
        .filter(|name| found.get(*name) != expected.get(*name))
        .map(|name| {
            let count = |of: &BTreeMap<String, u64>| of.get(name).copied().unwrap_or(0);
            format!("{name}: {} alerts, {} planted", count(&found), count(&expected))
        })
        .collect();
    ensure!(wrong.is_empty(), "the alerts are not the planted truth:\n  {}", wrong.join("\n  "));
    Ok(())
}
