//! `noroshi replay`: files through rules and correlations in event time.
//!
//! Every hit of the input is known before the watermark moves, so nothing is late and the
//! alerts are a function of the lines alone. Finals only, in the order of their times. With `--live` the
//! watermark follows the records instead, as it does in a run.

use std::sync::Arc;
use std::sync::Mutex;

use arc_swap::ArcSwap;
use crossbeam_channel::bounded;
use noroshi_correlate::WatermarkPolicy;
use noroshi_input::Batch;
use noroshi_parsers::dictionary::Dictionary;

use super::Outcome;
use super::args::ReplayArgs;
use super::files::{Defaults, InputFile, Inputs};
use super::output::{Printer, report};
use super::rules::load;
use crate::alert::Alert;
use crate::detection::Detection;
use crate::pipeline::{self, InputSettings, Pipeline, Settings, Watch};
use crate::terminal::{ColorChoice, OutputMode, thousands};

/// Batches waiting for the workers: enough to keep them busy, little enough to stay in the cache.
const QUEUE_BATCHES: usize = 16;

pub(crate) fn replay(args: &ReplayArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let Some((detection, refused)) = load(&args.rules, &args.read)? else { return Ok(Outcome::RuleRefused) };
    let inputs = Inputs::new(&args.read, &args.files, &Defaults::EVENTS, &Arc::new(Dictionary::new()))?;
    let progress = inputs.progress();
    let errors = Mutex::new(Vec::new());
    let watermarks = if args.live { WatermarkPolicy::Live } else { WatermarkPolicy::EndOfInput };
    let replayed = replayed(&inputs, &Arc::new(detection), watermarks, &progress, &errors, None)?;
    let mut alerts = replayed.alerts;
    progress.finish_and_clear();
    if replayed.late > 0 {
        eprintln!(
            "warning: {} hits came later than declared and entered no window: give their input a larger lateness_s (--config), or leave --live out",
            thousands(replayed.late as u64)
        );
    }
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
    replayed(inputs, detection, WatermarkPolicy::EndOfInput, progress, errors, watch).map(|replayed| replayed.alerts)
}

/// What came of a replay.
pub(super) struct Replayed {
    /// The final alerts, in no order.
    pub(super) alerts: Vec<Alert>,
    /// Hits that were late where watermarks follow the records.
    pub(super) late: usize,
}

fn replayed(
    inputs: &Inputs,
    detection: &Arc<Detection>,
    watermarks: WatermarkPolicy,
    progress: &indicatif::ProgressBar,
    errors: &Mutex<Vec<String>>,
    watch: Option<Watch>,
) -> anyhow::Result<Replayed> {
    let files = inputs.files.iter().map(InputFile::settings).collect();
    let detection = Arc::new(ArcSwap::new(Arc::clone(detection)));
    let read = || {
        let mut read = inputs.reader(progress, errors);
        move || read().map(|next| next.batch)
    };
    replayed_of(files, inputs.workers, watermarks, &detection, watch, read)
}

/// The final alerts over the batches that the reader made by `open` gives, in no order; nothing is late.
pub(super) fn finals_of<R: FnMut() -> Option<Batch>>(
    inputs: Arc<[InputSettings]>,
    workers: usize,
    detection: &Arc<ArcSwap<Detection>>,
    watch: Option<Watch>,
    open: impl FnOnce() -> R + Send,
) -> anyhow::Result<Vec<Alert>> {
    replayed_of(inputs, workers, WatermarkPolicy::EndOfInput, detection, watch, open).map(|replayed| replayed.alerts)
}

fn replayed_of<R: FnMut() -> Option<Batch>>(
    inputs: Arc<[InputSettings]>,
    workers: usize,
    watermarks: WatermarkPolicy,
    detection: &Arc<ArcSwap<Detection>>,
    watch: Option<Watch>,
    open: impl FnOnce() -> R + Send,
) -> anyhow::Result<Replayed> {
    let settings = Settings {
        depot: None,
        workers,
        shards: (workers / 2).max(1),
        inputs,
        watermarks,
        clock: None,
        archive: None,
        resume: Vec::new(),
        cuts: None,
        watch,
    };
    let (queue, batches) = bounded(QUEUE_BATCHES);
    let (pipeline, outcomes) = Pipeline::start(&settings, detection, batches);
    let replayed = std::thread::scope(|scope| {
        scope.spawn(move || pipeline::feed(open(), &queue));
        let mut replayed = Replayed { alerts: Vec::new(), late: 0 };
        for outcome in outcomes {
            match outcome {
                // A replay keeps no state over its end.
                pipeline::Outcome::Captured { .. } => {}
                pipeline::Outcome::Batch(done) => replayed.alerts.extend(done.alerts),
                pipeline::Outcome::Shard { alerts: found, refused, .. } => {
                    replayed.late += refused.len();
                    replayed.alerts.extend(found.into_iter().filter(|alert| alert.is_final));
                }
            }
        }
        replayed
    });
    pipeline.join().map_err(anyhow::Error::msg)?;
    Ok(replayed)
}
