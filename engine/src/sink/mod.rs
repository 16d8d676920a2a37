//! Where alerts go: standard output, a file, a webhook; each with its own queue and thread.
//!
//! [`Sinks::send`] hands every alert line to every sink. A line ends delivered (written and synced, or
//! accepted) or dropped with a counted reason, in each sink for itself; a slow or broken one holds up no
//! other. What a sink has delivered it tells [`Sent`], so that a restart that reads input again does not
//! deliver it twice.

mod config;
mod file;
mod stdout;
mod webhook;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use noroshi_input::SpecError;
use noroshi_input::files::Files;

pub use crate::delivery::{DeliveryStatus, DropReason, Failing};
pub use config::{OutputConfig, OutputType, WebhookFormat};

use crate::delivery::{Deliver, Delivery, Failure, Item, Policy, WhenFull};
use crate::metrics::{Exposition, Kind};
use crate::sent::Sent;
use crate::severity::Severity;
use crate::terminal::OutputMode;

/// Alerts queued in memory for one sink. At 2 to 4 KiB each this is some 40 MiB, and a burst of
/// 10,000 alerts already is more than a team reads in a month.
pub const QUEUE_ALERTS_MAX: usize = 10_000;

/// Time between two tries to write to a file that fails: a person who frees space should not wait.
const RETRY: Duration = Duration::from_secs(1);

/// Alerts written between two syncs at most.
const BATCH_ALERTS_MAX: usize = 1024;

/// One alert on its way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertLine {
    /// One JSON object, without newline.
    pub json: String,
    /// The alert's id.
    pub id: [u8; 16],
    /// True in its final state, false while open.
    pub is_final: bool,
    /// How bad.
    pub severity: Severity,
}

/// An alert line in a sink's queue.
pub(crate) type Queued = Arc<AlertLine>;

impl Item for Queued {
    fn weight(&self) -> usize {
        1
    }
}

/// Why a sink could not start.
#[derive(Debug)]
pub enum SinkError {
    /// A key of its table is wrong.
    Config {
        /// Its name.
        output: String,
        /// What is wrong.
        error: SpecError,
    },
    /// A file or thread could not be had.
    Start {
        /// Its name.
        output: String,
        /// What failed, with the way out.
        error: String,
    },
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { output, error } => {
                write!(f, "output `{output}`: {}\n   = help: {}", error.what, error.help)
            }
            Self::Start { output, error } => write!(f, "output `{output}`: {error}"),
        }
    }
}

impl std::error::Error for SinkError {}

/// What [`Sinks::start`] needs beside the configuration.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// The form of alerts on standard output.
    pub stdout_mode: OutputMode,
    /// Colours on standard output.
    pub color: bool,
    /// Columns of a table; `None` asks the terminal at each row, so that it may be resized.
    pub width: Option<usize>,
    /// The record of what was delivered; without it a restart delivers again.
    pub sent: Option<Arc<Sent>>,
    /// The first wait before a retry; a second unless a test is in a hurry.
    pub retry: Duration,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self { stdout_mode: OutputMode::Ndjson, color: false, width: None, sent: None, retry: RETRY }
    }
}

/// A kind of sink: delivers lines, all of a batch or none.
trait Sink: Send + 'static {
    fn deliver(&mut self, lines: &[Queued]) -> Result<(), Failure>;
}

/// A sink that tells [`Sent`] what it has delivered.
struct Acknowledging {
    sink: Box<dyn Sink>,
    name: String,
    sent: Option<Arc<Sent>>,
}

impl Deliver for Acknowledging {
    type Item = Queued;

    fn deliver(&mut self, lines: &[Queued]) -> Result<(), Failure> {
        self.sink.deliver(lines)?;
        if let Some(sent) = &self.sent {
            sent.record(&self.name, lines.iter().map(|line| (line.id, line.is_final)));
        }
        Ok(())
    }
}

struct Running {
    name: String,
    delivery: Delivery<Queued>,
}

/// The sinks of a configuration, running.
pub struct Sinks {
    running: Vec<Running>,
    sent: Option<Arc<Sent>>,
    /// One sender at a time, so that a sequence number means the same line in every sink.
    sending: Mutex<()>,
}

impl fmt::Debug for Sinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sinks").field(&self.status()).finish()
    }
}

impl Sinks {
    /// Checks the configurations and starts their sinks, all or none.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of `configs`.
    pub fn start(
        configs: &[OutputConfig],
        files: &Arc<dyn Files>,
        options: &SinkOptions,
    ) -> Result<Self, Vec<SinkError>> {
        let mut errors = config::check_all(configs);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut prepared = Vec::new();
        for config in configs {
            match prepare(config, files, options) {
                Ok((sink, policy)) => prepared.push((sink, policy)),
                Err(error) => errors.push(SinkError::Start { output: config.name(), error }),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut running = Vec::new();
        for (sink, policy) in prepared {
            let name = policy.name.clone();
            let sink = Acknowledging { sink, name: name.clone(), sent: options.sent.clone() };
            let delivery = Delivery::start(policy, sink).map_err(|error| {
                vec![SinkError::Start { output: name.clone(), error: format!("cannot start a thread: {error}") }]
            })?;
            running.push(Running { name, delivery });
        }
        Ok(Self { running, sent: options.sent.clone(), sending: Mutex::new(()) })
    }

    /// Hands lines to every sink, in order, and gives the sequence number of the last. Waits only while
    /// the queue of a working stdout or file sink is full; a failing sink, and any webhook, drops and
    /// counts beyond its bound. A line that an earlier run has delivered to a sink is left out there.
    pub fn send(&self, lines: Vec<AlertLine>) -> u64 {
        let lines: Vec<Queued> = lines.into_iter().map(Arc::new).collect();
        let _one_at_a_time = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sequence = 0;
        for Running { name, delivery } in &self.running {
            let fresh = |line: &Queued| {
                let before = self.sent.as_ref().is_some_and(|sent| sent.sent_before(name, line.id, line.is_final));
                (!before).then(|| line.clone())
            };
            sequence = delivery.send(lines.iter().map(fresh));
        }
        sequence
    }

    /// Every line up to this sequence number is delivered or dropped in every sink: what a checkpoint of
    /// the input may rely on. What a stop drops never settles: the next run must bring it again.
    /// `u64::MAX` without sinks.
    pub fn settled(&self) -> u64 {
        self.running.iter().map(|r| r.delivery.settled()).min().unwrap_or(u64::MAX)
    }

    /// Waits until [`Sinks::settled`] has reached `sequence`; false when the time ran out.
    pub fn wait_settled(&self, sequence: u64, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        self.running.iter().all(|running| {
            let left = deadline.saturating_duration_since(Instant::now());
            running.delivery.wait_settled(sequence, left)
        })
    }

    /// Waits until everything handed in so far is delivered or dropped; false when the time ran out.
    pub fn flush(&self, timeout: Duration) -> bool {
        let offered = self.running.first().map_or(0, |running| running.delivery.status().offered);
        self.wait_settled(offered, timeout)
    }

    /// The state of each sink.
    pub fn status(&self) -> Vec<DeliveryStatus> {
        self.running.iter().map(|running| running.delivery.status()).collect()
    }

    /// Why the sinks are not healthy, one line each; empty when they are.
    pub fn ailments(&self) -> Vec<String> {
        let failing = |status: DeliveryStatus| {
            let failing = status.failing?;
            let first = failing.error.lines().next().unwrap_or_default();
            Some(format!("output {}: {first} ({} alerts wait)", status.name, status.queued))
        };
        self.status().into_iter().filter_map(failing).chain(self.sent.iter().filter_map(|s| s.ailment())).collect()
    }

    /// Appends the metrics of all sinks.
    pub fn append_metrics(&self, text: &mut Exposition) {
        for status in self.status() {
            let labels = &[("output", status.name.as_str())];
            let counters = [
                ("noroshi_output_alerts_total", "Alert lines handed to the output.", status.offered),
                ("noroshi_output_delivered_total", "Alert lines written and synced, or accepted.", status.delivered),
                ("noroshi_output_duplicates_total", "Alert lines an earlier run had delivered.", status.duplicates),
                ("noroshi_output_retries_total", "Deliveries tried again.", status.retries),
            ];
            for (name, help, value) in counters {
                text.add(name, help, Kind::Counter, labels, value as f64);
            }
            for reason in DropReason::ALL {
                let labels = &[("output", status.name.as_str()), ("reason", reason.as_str())];
                let dropped = status.dropped[reason as usize] as f64;
                text.add("noroshi_output_dropped_total", "Alert lines lost.", Kind::Counter, labels, dropped);
            }
            let queued = status.queued as f64;
            text.add("noroshi_output_queued", "Alert lines waiting.", Kind::Gauge, labels, queued);
            let failing = f64::from(u8::from(status.failing.is_some() || status.closed));
            text.add("noroshi_output_failing", "1 while the output fails.", Kind::Gauge, labels, failing);
        }
    }

    /// Delivers what is queued until `timeout` has passed, drops and counts the rest, and gives the
    /// final state of each sink.
    pub fn stop(&self, timeout: Duration) -> Vec<DeliveryStatus> {
        let deadline = Instant::now() + timeout;
        for running in &self.running {
            running.delivery.begin_stop(deadline);
        }
        self.running.iter().map(|running| running.delivery.stop(deadline)).collect()
    }
}

/// Tells `sent` what the alert files show of the last run's deliveries: a crash between writing a line and
/// recording it would have it written again.
pub fn learn_delivered(configs: &[OutputConfig], files: &dyn Files, sent: &mut Sent) {
    for config in configs.iter().filter(|config| config.output_type == OutputType::File) {
        let Some(path) = &config.path else { continue };
        match file::delivered(path, files) {
            Ok(delivered) => sent.learn(&config.name(), &delivered),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot look for alerts delivered last; some may be written again");
            }
        }
    }
}

/// Opens what a sink needs.
fn prepare(
    config: &OutputConfig,
    files: &Arc<dyn Files>,
    options: &SinkOptions,
) -> Result<(Box<dyn Sink>, Policy), String> {
    let mut policy = Policy {
        name: config.name(),
        queue_weight_max: config.queue_alerts_max.unwrap_or(QUEUE_ALERTS_MAX),
        batch_items_max: BATCH_ALERTS_MAX,
        batch_weight_max: usize::MAX,
        linger: Duration::from_millis(config.flush_interval_ms.unwrap_or(0)),
        retry: options.retry,
        retry_max: options.retry,
        when_full: WhenFull::Wait,
    };
    let sink: Box<dyn Sink> = match config.output_type {
        OutputType::Stdout => Box::new(stdout::StdoutSink::new(std::io::stdout(), options)),
        OutputType::File => Box::new(file::FileSink::open(config, files.clone()).map_err(|e| e.to_string())?),
        OutputType::Webhook => {
            webhook::adjust(&mut policy, config);
            Box::new(webhook::WebhookSink::new(config, files.clone())?)
        }
    };
    Ok((sink, policy))
}

#[cfg(test)]
mod tests;
