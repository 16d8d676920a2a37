//! `noroshi replay`: files through rules and correlations in event time.
//!
//! Every hit of the input is known before the watermark moves, so nothing is late and the
//! alerts are a function of the lines alone. Finals only, in the order of their times.

use std::sync::Arc;
use std::sync::Mutex;

use arc_swap::ArcSwap;
use crossbeam_channel::bounded;
use noroshi_correlate::WatermarkPolicy;
use noroshi_input::Batch;
use noroshi_parsers::decode::SourceOptions;
use noroshi_parsers::dictionary::Dictionary;

use super::Outcome;
use super::args::ReplayArgs;
use super::files::{Defaults, Inputs};
use super::output::{Printer, report};
use super::rules::load;
use crate::alert::Alert;
use crate::detection::Detection;
use crate::pipeline::{self, InputSettings, Pipeline, Settings, Watch};
use crate::sources::Declared;
use crate::terminal::{ColorChoice, OutputMode};

/// Batches waiting for the workers: enough to keep them busy, little enough to stay in the cache.
const QUEUE_BATCHES: usize = 16;

pub(crate) fn replay(args: &ReplayArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let Some((detection, refused)) = load(&args.rules, &args.read)? else { return Ok(Outcome::RuleRefused) };
    let inputs = Inputs::new(&args.read, &args.files, &Defaults::EVENTS, &Arc::new(Dictionary::new()))?;
    let progress = inputs.progress();
    let errors = Mutex::new(Vec::new());
    let mut alerts = alerts_of(&inputs, &Arc::new(detection), &progress, &errors, None)?;
    progress.finish_and_clear();
    alerts.sort_by_cached_key(|alert| (alert.order(), alert.canonical()));
    // The records of one audit event are one, also where they came too far apart to be one group.
    alerts.dedup_by(|one, other| one.id == other.id);
    let mut printer = Printer::new(args.output.unwrap_or_else(OutputMode::for_stdout), color);
    for alert in &alerts {
        printer.object(&alert.emit(None))?;
    }
    printer.finish()?;
    let outcome = match (args.rules.fail_on_hit && !alerts.is_empty()) || refused {
        true => Outcome::Findings,
        false => Outcome::Done,
    };
    Ok(report(errors, outcome))
}

/// The final alerts over the files, in no order. `watch` is shown every hit of correlations.
pub(crate) fn alerts_of(
    inputs: &Inputs,
    detection: &Arc<Detection>,
    progress: &indicatif::ProgressBar,
    errors: &Mutex<Vec<String>>,
    watch: Option<Watch>,
) -> anyhow::Result<Vec<Alert>> {
    let files = inputs.files.iter().map(|file| (Arc::clone(&file.options), file.split)).collect();
    let detection = Arc::new(ArcSwap::new(Arc::clone(detection)));
    let read = || {
        let mut read = inputs.reader(progress, errors);
        move || read().map(|next| next.batch)
    };
    finals(files, inputs.workers, &detection, watch, read)
}

/// The final alerts over the batches that the reader made by `open` gives, in no order. `inputs` says how the records
/// of each input are read, and whether those that hold several events are split.
pub(super) fn finals<R: FnMut() -> Option<Batch>>(
    inputs: Vec<(Arc<SourceOptions>, bool)>,
    workers: usize,
    detection: &Arc<ArcSwap<Detection>>,
    watch: Option<Watch>,
    open: impl FnOnce() -> R + Send,
) -> anyhow::Result<Vec<Alert>> {
    // Replay knows no receive time: lateness, skew and idleness are of no effect.
    let declared = Declared { lateness_ns: 0, allowed_skew_ns: i64::MAX, idle_timeout_ns: i64::MAX };
    let inputs = inputs
        .into_iter()
        .map(|(options, split)| InputSettings { name: Arc::from(""), options, split, declared, clocks: None })
        .collect();
    finals_of(inputs, workers, detection, watch, open)
}

/// The same for inputs with names and clocks.
pub(super) fn finals_of<R: FnMut() -> Option<Batch>>(
    inputs: Arc<[InputSettings]>,
    workers: usize,
    detection: &Arc<ArcSwap<Detection>>,
    watch: Option<Watch>,
    open: impl FnOnce() -> R + Send,
) -> anyhow::Result<Vec<Alert>> {
    let settings = Settings {
        depot: None,
        workers,
        shards: (workers / 2).max(1),
        inputs,
        watermarks: WatermarkPolicy::EndOfInput,
        clock: None,
        archive: None,
        resume: Vec::new(),
        cuts: None,
        watch,
    };
    let (queue, batches) = bounded(QUEUE_BATCHES);
    let (pipeline, outcomes) = Pipeline::start(&settings, detection, batches);
    let alerts = std::thread::scope(|scope| {
        scope.spawn(move || pipeline::feed(open(), &queue));
        let mut alerts = Vec::new();
        for outcome in outcomes {
            match outcome {
                // A replay keeps no state over its end.
                pipeline::Outcome::Captured { .. } => {}
                pipeline::Outcome::Batch(done) => alerts.extend(done.alerts),
                pipeline::Outcome::Shard { alerts: found, .. } => {
                    alerts.extend(found.into_iter().filter(|alert| alert.is_final));
                }
            }
        }
        alerts
    });
    pipeline.join().map_err(anyhow::Error::msg)?;
    Ok(alerts)
}
