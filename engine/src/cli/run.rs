//! `noroshi run`: the engine, from its start to its clean stop.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use crossbeam_channel::bounded;
use noroshi_archive::search::Search;
use noroshi_archive::{Archive, Watcher};
use noroshi_correlate::{Depot, WatermarkPolicy};
use noroshi_input::files::{Files, RealFiles};
use noroshi_input::{
    BatchNumber, CheckpointStore, Clock, FileCheckpoint, Inputs, Producers, Running, Shutdown, SystemClock,
};
use noroshi_parsers::decode::SourceOptions;
use noroshi_remember::ValueDepot;
use noroshi_rules::diagnostic::Severity as Level;
use noroshi_tree::Verifier;
use tracing::{error, info, warn};

use super::Outcome;
use super::args::RunArgs;
use super::audit::{lock_archive, try_lock};
use super::files::{format_of, now_ns, seconds_ns, zone_of};
use super::rules::escape_lines;
use crate::again::left_over;
use crate::audit::{Act, Acts};
use crate::collector::{Collector, CollectorCounters, Outputs, still_there};
use crate::config::{Config, archive_inputs, join};
use crate::copy::{self, Copying};
use crate::cosign::{self, Cosigning, WitnessAddress};
use crate::detection::{Detection, LoadOptions, Watch};
use crate::intel::{Poller, keep_good};
use crate::late::{self, LateList};
use crate::ledger::Ledger;
use crate::ledger::minutes::MinuteFile;
use crate::metrics::{Exposition, Kind, Metrics};
use crate::pipeline::{InputSettings, Pipeline, Settings};
use crate::reload::{Reloader, Reloading, Reloads};
use crate::resume::ResumeStore;
use crate::retro::{self, RetroHunt};
use crate::sent::Sent;
use crate::sink::{SinkOptions, Sinks, learn_delivered};
use crate::skew::Skews;
use crate::snapshot::keeper::{self, Keeper};
use crate::snapshot::store::SnapshotStore;
use crate::snapshot::{self, Cuts, FilePlace};
use crate::sources::{ClockOffsets, Declared, Registry};
use crate::spool::Spool;
use crate::standing::{self, Standing};
use crate::terminal::{self, ColorChoice, OutputMode};

const SECOND_NS: i64 = 1_000_000_000;

pub(crate) fn run(args: &RunArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let mut config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(errors) => {
            eprintln!("error: {}", escape_lines(&join(&errors)));
            return Ok(Outcome::Usage);
        }
    };
    override_by(&mut config, args);
    start_log(&config.log.level);
    config.notes().iter().for_each(|note| info!("{note}"));
    let options = LoadOptions::of(&config);
    // Before the files are read, so that no change falls between.
    let watch = Watch::new(&config);
    let loaded = Detection::load(&config.rules.paths, &config.indicators.paths, &options);
    for diagnostic in &loaded.diagnostics {
        eprintln!("{}", escape_lines(&diagnostic.to_string()));
    }
    if loaded.diagnostics.iter().any(|diagnostic| diagnostic.severity == Level::Error) && !args.keep_going {
        eprintln!(
            "error: refused rules or indicators stop the start; mend them, or start without them by --keep-going"
        );
        return Ok(Outcome::RuleRefused);
    }
    if config.inputs.is_empty() {
        anyhow::bail!("{}: no [[input]] is configured, so nothing would ever be read", args.config.display());
    }
    keep_good(&options.intel, &loaded.feeds).iter().for_each(|told| warn!("{told}"));
    let mode = args.output.unwrap_or_else(OutputMode::for_stdout);
    Engine::start(config, loaded.detection, options, args.keep_going, mode, color)?.serve(watch)
}

fn override_by(config: &mut Config, args: &RunArgs) {
    if args.node.is_some() {
        config.node.clone_from(&args.node);
    }
    if let Some(workers) = args.workers {
        config.engine.workers = workers;
    }
    if let Some(state_dir) = &args.state_dir {
        config.state_dir.clone_from(state_dir);
    }
    if args.metrics_listen.is_some() {
        config.metrics.listen = args.metrics_listen;
    }
}

pub(super) fn start_log(level: &str) {
    use std::io::IsTerminal as _;
    let filter = tracing_subscriber::EnvFilter::try_from_env("NOROSHI_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}

/// Everything that runs.
struct Engine {
    config: Config,
    reloading: Reloading,
    inputs: Running,
    shutdown: Shutdown,
    pipeline: Pipeline,
    collector: std::thread::JoinHandle<Collector>,
    sinks: Arc<Sinks>,
    spool: Arc<Spool>,
    archive: Option<Archive>,
    cosigning: Option<Cosigning>,
    copying: Option<Copying>,
    retro: Option<RetroHunt>,
    ledger: Arc<Ledger>,
    poller: Poller,
    runtime: tokio::runtime::Runtime,
    started: Instant,
    color: bool,
    acts: Option<Acts>,
    standing: Standing,
    /// Held while the process lives; the system lets go of it however that ends.
    /// Writes remembered values; ends with the engine.
    _writing: noroshi_remember::Writing,
    _locks: (std::fs::File, Option<std::fs::File>),
}

impl Engine {
    fn start(
        config: Config,
        detection: Detection,
        options: LoadOptions,
        keep_going: bool,
        mode: OutputMode,
        color: ColorChoice,
    ) -> anyhow::Result<Self> {
        let (started, run_ns) = (Instant::now(), now_ns());
        let files: Arc<dyn Files> = Arc::new(RealFiles);
        let state_dir = &config.state_dir;
        std::fs::create_dir_all(state_dir).with_context(|| {
            format!(
                "cannot create the state directory {}; name another with state_dir or --state-dir",
                state_dir.display()
            )
        })?;
        let lock = lock_state(state_dir)?;
        warn_if_open(state_dir);
        info!(
            rules = detection.rules.len(), correlations = detection.correlations.len(),
            indicators = detection.indicators.len(), digest = %detection.digest_text(), "detection loaded"
        );
        let checkpoints = CheckpointStore::new(Arc::clone(&files), state_dir.join("checkpoints.json"));
        let positions = checkpoints.load().with_context(|| {
            format!("{} is damaged; move it away to read all files from their begin", checkpoints.path().display())
        })?;
        let resume = ResumeStore::new(Arc::clone(&files), state_dir.join("correlations.json"));
        let store = SnapshotStore::new(Arc::clone(&files), state_dir.join("snapshot"));
        let cuts = match config.engine.snapshot_interval_ms {
            0 => None,
            every => Some(Arc::new(Cuts::new(Duration::from_millis(every)))),
        };
        let input_names: Vec<String> = config.inputs.iter().map(|input| input.name.clone()).collect();
        let values = ValueDepot::open(Arc::clone(&files), state_dir.join("values"))
            .with_context(|| format!("cannot open {}", state_dir.join("values").display()))?;
        let depot = cuts.is_some().then(|| Arc::new(values.clone()) as Arc<dyn Depot>);
        let taken_up = match cuts {
            Some(_) => snapshot::take_up(&store, &detection, config.shards(), &input_names, depot.as_ref()),
            None => {
                values.keep(std::iter::empty());
                // A later run must not go on from a state that this one leaves behind.
                store.remove().with_context(|| format!("cannot remove {}", store.path().display()))?;
                None
            }
        };
        let (places, taken_up) = taken_up.unzip();
        let places = known_places(places.unwrap_or_default(), positions);
        let resumed = if places.is_empty() || taken_up.is_some() { Vec::new() } else { resume.load() };
        let (mut sent, load) = Sent::open(state_dir.join("sent"), Arc::clone(&files)).map_err(anyhow::Error::msg)?;
        if load.damaged > 0 {
            warn!(damaged = load.damaged, "the record of sent alerts was torn; some alerts may be sent again");
        }
        learn_delivered(&config.outputs, &*files, &mut sent);
        let color = color.for_stdout();
        let sink_options = SinkOptions {
            stdout_mode: mode,
            color,
            width: Some(terminal::width()),
            sent: Some(Arc::new(sent)),
            ..SinkOptions::default()
        };
        let sinks = Sinks::start(&config.outputs, &files, &sink_options).map_err(|errors| {
            anyhow::Error::msg(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\nerror: "))
        })?;
        let sinks = Arc::new(sinks);
        let spool_dir = config.spool.dir.clone().unwrap_or_else(|| state_dir.join("spool"));
        let spool = Spool::open(&spool_dir, config.spool.rotate_bytes, config.spool.keep_files, Arc::clone(&files))
            .map_err(anyhow::Error::msg)?;
        let spool = Arc::new(spool);
        let inputs = input_settings(&config)?;
        let settings = config.archive_settings(&inputs);
        let archive_lock = settings.as_ref().map(|settings| open_archive_directory(&*files, &settings.directory));
        let archive_lock = archive_lock.transpose()?;
        let acts = settings.as_ref().map(|settings| Acts {
            files: Arc::clone(&files),
            directory: settings.directory.clone(),
            clock: now_ns,
        });
        let again = match &config.archive {
            // A directory that cannot be read has its error told by the archive itself.
            Some(_) => Search::open(Arc::clone(&files), &config.archive_dir(), archive_inputs(&inputs))
                .ok()
                .and_then(|kept| left_over(kept, taken_up.as_ref().and_then(|state| state.archived), &inputs)),
            None => None,
        };
        let archive = settings.map(|settings| Archive::open(Arc::clone(&files), settings));
        let archive = archive.transpose().map_err(anyhow::Error::msg)?;
        if let Some(acts) = &acts {
            acts.tell(&Act::new("run").with("digests", detection.digests.clone()));
        }
        let archived = archive.as_ref().map_or(0, |archive| archive.appender().claim(0));
        let settings = Settings {
            workers: config.workers(),
            shards: config.shards(),
            inputs,
            watermarks: WatermarkPolicy::Live,
            clock: Some(now_ns),
            resume: resumed,
            cuts: cuts.clone(),
            watch: None,
            depot,
            archive: archive.as_ref().map(Archive::appender),
        };
        // Before anything is received: a port that is taken must not cost records.
        let metrics = Arc::new(Metrics::default());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        if let Some(listen) = config.metrics.listen {
            let server =
                metrics.serve(listen, config.metrics.allow_remote, runtime.handle()).map_err(anyhow::Error::msg)?;
            info!(address = %server.local_address(), "metrics");
            // Served until the runtime ends.
            std::mem::forget(server);
        }
        let detection = Arc::new(ArcSwap::from_pointee(detection));
        let (queue, batches) = bounded(config.engine.queue_batches.max(1));
        let (pipeline, outcomes) = Pipeline::resume(&settings, &detection, batches, taken_up, again);
        let shutdown = Shutdown::default();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let positions: Vec<_> = places.iter().map(|place| place.read_to.clone()).collect();
        let producers = Arc::new(Producers::known(
            archive
                .iter()
                .flat_map(Archive::numbered)
                .map(|kept| BatchNumber { producer: kept.producer.as_str().into(), sequence: kept.sequence }),
        ));
        let inputs = Inputs::start_knowing(&config.inputs, &positions, &queue, &clock, &shutdown, &producers).map_err(
            |errors| anyhow::Error::msg(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\nerror: ")),
        )?;
        drop(queue);
        let ledger = Arc::new(Ledger::default());
        let input_ledgers =
            inputs.counters().map(|(name, counters)| ledger.add_input(name, Arc::clone(counters))).collect();
        let counters = Arc::new(CollectorCounters::default());
        let skews = Arc::new(Mutex::new(Skews::default()));
        let (found, retrospective) = bounded(retro::QUEUE_PARCELS);
        let outputs = Outputs {
            sinks: Arc::clone(&sinks),
            spool: Arc::clone(&spool),
            ledger: Arc::clone(&ledger),
            inputs: input_ledgers,
            checkpoints,
            resume,
            counters: Arc::clone(&counters),
            minutes: MinuteFile::open(state_dir, run_ns, Arc::clone(&files)).map_err(anyhow::Error::msg)?,
            late: LateList::open(state_dir.join(late::FILE_NAME), Arc::clone(&files)).map_err(anyhow::Error::msg)?,
            skews: Arc::clone(&skews),
            registry: Arc::clone(&pipeline.registry),
            node: config.node().into(),
            archive: archive.as_ref().map(Archive::watcher),
            archived,
            retrospective,
            clock: now_ns,
        };
        let known = still_there(&*files, &places);
        let keeper = match &cuts {
            None => None,
            Some(cuts) => Some(Keeper::start(
                keeper::Parts {
                    store,
                    cuts: Arc::clone(cuts),
                    sinks: Arc::clone(&sinks),
                    spool: Arc::clone(&spool),
                    registry: Arc::clone(&pipeline.registry),
                    inputs: input_names,
                    clock: now_ns,
                    values: values.clone(),
                },
                settings.shards,
            )?),
        };
        let collector = Collector::new(outputs, settings.shards, known, keeper);
        let collector = std::thread::Builder::new().name("collector".into()).spawn(move || collector.run(&outcomes))?;
        let poller = Poller::start(&config.feeds, state_dir, || now_ns() / SECOND_NS)?;
        let feeds = poller.feeds.clone();
        metrics.add_source(move |text| Poller::append_metrics(&feeds, text));
        let reloads = Arc::new(Reloads::default());
        if let Some(cuts) = cuts {
            let checked = Arc::clone(&cuts);
            metrics.add_check(move || checked.ailment().into_iter().collect());
            metrics.add_source(move |text| cuts.append_metrics(text));
        }
        let writing = values.start()?;
        let ailing = values.clone();
        metrics.add_check(move || ailing.ailment().into_iter().collect());
        metrics.add_source(move |text| expose_values(&values, text));
        expose_skews(&metrics, &skews, &pipeline.registry, &config);
        expose(&metrics, &ledger, &sinks, &spool, &counters, &detection, &reloads, &pipeline.registry);
        if let Some(archive) = &archive {
            expose_archive(&metrics, &archive.watcher());
        }
        let standing = Standing {
            files: Arc::clone(&files),
            path: state_dir.join(standing::FILE_NAME),
            node: config.node(),
            run_ns,
            ledger: Arc::clone(&ledger),
            sinks: Arc::clone(&sinks),
            spool: Arc::clone(&spool),
            archive: archive.as_ref().map(Archive::watcher),
            detection: Arc::clone(&detection),
            last: (run_ns, Vec::new()),
            failing: false,
        };
        let cosigning =
            archive.as_ref().map(|archive| start_cosigning(&config, &files, archive)).transpose()?.flatten();
        if let Some(cosigning) = &cosigning {
            metrics.add_check(cosigning.ailments());
            metrics.add_source(cosigning.figures());
        }
        let copying = start_copying(&config, &files)?;
        if let Some(copying) = &copying {
            metrics.add_check(copying.ailments());
            metrics.add_source(copying.figures());
        }
        let retro = match (&archive, config.retro_hunt_days()) {
            (Some(archive), days) if days > 0 => {
                let parts = retro::Parts {
                    files: Arc::clone(&files),
                    directory: config.archive_dir(),
                    known: state_dir.join("hunted-indicators"),
                    archive_inputs: archive_inputs(&settings.inputs),
                    inputs: Arc::clone(&settings.inputs),
                    archive: archive.watcher(),
                    days,
                    alerts: found,
                    clock: now_ns,
                };
                Some(RetroHunt::start(parts, detection.load_full())?)
            }
            _ => None,
        };
        if let Some(retro) = &retro {
            let standing = Arc::clone(&retro.standing);
            metrics.add_source(move |text| standing.append_metrics(text));
        }
        let reloading = Reloading::start(Reloader {
            rules: config.rules.paths.clone(),
            indicators: config.indicators.paths.clone(),
            options,
            keep_going,
            detection,
            acts: acts.clone(),
            counts: reloads,
            told: retro.as_ref().map(RetroHunt::told),
        })?;
        Ok(Engine {
            config,
            reloading,
            inputs,
            shutdown,
            pipeline,
            collector,
            sinks,
            spool,
            archive,
            cosigning,
            copying,
            retro,
            ledger,
            poller,
            runtime,
            started,
            color,
            acts,
            standing,
            _writing: writing,
            _locks: (lock, archive_lock),
        })
    }

    /// Waits for the end of all inputs or a signal, reloads meanwhile, then stops cleanly.
    fn serve(mut self, mut watch: Watch) -> anyhow::Result<Outcome> {
        let wait = async {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut hangup = signal(SignalKind::hangup())?;
            let every = match self.config.rules.reload_interval_s {
                0 => Duration::from_secs(u64::from(u32::MAX)),
                seconds => Duration::from_secs(seconds),
            };
            let mut look = tokio::time::interval(every);
            look.tick().await;
            // Inputs that end by themselves (standard input) are noticed so often.
            let mut ended = tokio::time::interval(Duration::from_millis(200));
            let mut tell = tokio::time::interval(standing::EVERY);
            info!("running");
            loop {
                tokio::select! {
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                    _ = hangup.recv() => self.reloading.ask("SIGHUP"),
                    _ = look.tick() => if watch.changed() { self.reloading.ask("changed files") },
                    _ = tell.tick() => self.standing.write(now_ns(), false),
                    _ = ended.tick() => if self.inputs.is_finished() { break },
                }
            }
            anyhow::Ok(())
        };
        self.runtime.block_on(wait)?;
        self.stop()
    }

    /// What was read is finished, written and counted.
    fn stop(mut self) -> anyhow::Result<Outcome> {
        info!("stopping: no more is read");
        let timeout = Duration::from_secs(self.config.engine.stop_timeout_s);
        let deadline = Instant::now() + timeout;
        let left = || deadline.saturating_duration_since(Instant::now());
        // An output that takes nothing (a pipe that nobody reads) must not hold the threads below for ever.
        let sinks = Arc::clone(&self.sinks);
        std::thread::spawn(move || {
            std::thread::sleep(timeout);
            sinks.stop(Duration::ZERO);
        });
        self.poller.stop();
        if let Some(cosigning) = self.cosigning {
            cosigning.stop();
        }
        if let Some(copying) = self.copying {
            copying.stop();
        }
        // What it found is told with the rest.
        if let Some(retro) = self.retro {
            retro.stop();
        }
        self.shutdown.request();
        self.inputs.join();
        let worked_off = self.pipeline.join();
        let collector = self.collector.join().map_err(|_| anyhow::anyhow!("the collector panicked"))?;
        let spool = self.spool.flush(left());
        self.sinks.flush(left());
        collector.finish();
        let mut clean = spool.is_ok();
        if let Some(archive) = self.archive {
            let watcher = archive.watcher();
            if let Some(acts) = &self.acts {
                acts.tell(&Act::new("stop"));
            }
            if let Err(cause) = archive.stop() {
                clean = false;
                error!("{cause}; what is not sealed is sealed at the next start");
            }
            for ailment in watcher.status().ailments {
                clean = false;
                error!("{ailment}");
            }
        }
        if let Err(cause) = worked_off {
            clean = false;
            error!("{cause}; what they had in hand shows as in flight");
        }
        for status in self.sinks.stop(left()) {
            let dropped = status.dropped_total();
            if dropped > 0 {
                clean = false;
                error!(output = %status.name, dropped, "alerts could not be delivered");
            }
        }
        self.spool.stop(left());
        self.ledger.tick(now_ns());
        self.standing.write(now_ns(), true);
        let elapsed = self.started.elapsed();
        eprint!("{}", self.ledger.summary(elapsed, terminal::width(), self.color));
        self.config.notes().iter().for_each(|note| eprintln!("note: {note}"));
        let balance = self.ledger.balance();
        if !balance.is_settled() {
            clean = false;
            error!(?balance, "the ledger does not balance");
        }
        Ok(if clean { Outcome::Done } else { Outcome::Findings })
    }
}

/// The places that a snapshot tells, and for files that it did not know yet what was committed of them since.
fn known_places(mut places: Vec<FilePlace>, committed: Vec<FileCheckpoint>) -> Vec<FilePlace> {
    for checkpoint in committed {
        let same = |place: &FilePlace| {
            let (known, other) = (&place.read_to.identity, &checkpoint.identity);
            (known.dev, known.ino) == (other.dev, other.ino)
        };
        if !places.iter().any(same) {
            places.push(FilePlace { read_to: checkpoint.clone(), max_event_time_ns: i64::MIN, settled_to: checkpoint });
        }
    }
    places
}

/// Two engines on one state directory would cut each other's files.
fn lock_state(state_dir: &Path) -> anyhow::Result<std::fs::File> {
    let path = state_dir.join("lock");
    let locked = try_lock(&path)
        .with_context(|| format!("cannot write to {}; give the user that runs noroshi the right", path.display()))?;
    locked.with_context(|| {
        format!(
            "another noroshi runs on the state directory {}; stop it, or give this one its own with state_dir or --state-dir",
            state_dir.display()
        )
    })
}

/// A directory that was there keeps the rights its operator gave it, and he is told of them.
fn warn_if_open(directory: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = std::fs::metadata(directory) else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = directory.display();
        warn!(mode = %format!("{mode:03o}"), "{path} is open to other users, and records lie in it; chmod 700 {path}");
    }
}

/// The archive's directory, made when absent, and its lock.
fn open_archive_directory(files: &dyn Files, directory: &Path) -> anyhow::Result<std::fs::File> {
    files.create_directory(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    warn_if_open(directory);
    lock_archive(directory)
}

pub(crate) fn input_settings(config: &Config) -> anyhow::Result<Arc<[InputSettings]>> {
    let zone = zone_of(config.timezone.as_deref())?;
    config
        .inputs
        .iter()
        .map(|input| {
            let options = SourceOptions {
                format: input.format.as_deref().map(format_of).transpose()?,
                zone: if input.timezone.is_some() { zone_of(input.timezone.as_deref())? } else { zone.clone() },
                charset: input.charset(),
                columns: input.column_map().map_err(anyhow::Error::msg)?.map(Arc::new),
                as_written: input.as_written.unwrap_or_default(),
                calendar: input.calendar.as_deref().map(Arc::from),
                reference_time_ns: 0,
            };
            let declared = Declared {
                lateness_ns: seconds_ns(input.lateness_s.unwrap_or(config.correlation.lateness_s)),
                allowed_skew_ns: seconds_ns(input.allowed_skew_s.unwrap_or(config.correlation.allowed_skew_s)),
                idle_timeout_ns: seconds_ns(
                    input.source_idle_timeout_s.unwrap_or(config.correlation.source_idle_timeout_s),
                ),
            };
            Ok(InputSettings {
                name: input.name.as_str().into(),
                options: Arc::new(options),
                split: input.split.unwrap_or(true),
                declared,
                clocks: ClockOffsets::of_input(input).map(Arc::new),
            })
        })
        .collect()
}

/// Sources told of whose clocks are off; the worst first.
const SKEWS_TOLD_MAX: usize = 100;

fn expose_skews(metrics: &Metrics, skews: &Arc<Mutex<Skews>>, registry: &Arc<Registry>, config: &Config) {
    let (skews, registry) = (Arc::clone(skews), Arc::clone(registry));
    let inputs: Vec<String> = config.inputs.iter().map(|input| input.name.clone()).collect();
    metrics.add_source(move |text: &mut Exposition| {
        let found = skews.lock().expect("no holder panics").found();
        if found.is_empty() {
            return;
        }
        let rows = registry.rows();
        for skew in found.iter().take(SKEWS_TOLD_MAX) {
            let Some(row) = rows.iter().find(|row| row.id == skew.source.0) else { continue };
            let input = inputs.get(usize::from(row.input)).map_or("", String::as_str);
            let device = String::from_utf8_lossy(&row.device);
            let labels = &[("input", input), ("device", &*device)];
            let help = "What to add to the stamps of a source whose clock is off (clock_offsets_s of its input).";
            text.add("noroshi_source_clock_offset_seconds", help, Kind::Gauge, labels, skew.offset_s() as f64);
        }
    });
}

/// The thread that has the tree cosigned, where witnesses are configured.
fn start_cosigning(config: &Config, files: &Arc<dyn Files>, archive: &Archive) -> anyhow::Result<Option<Cosigning>> {
    let witnesses = config.archive.iter().flat_map(|archive| &archive.witness);
    let witnesses =
        witnesses.map(|witness| Ok(WitnessAddress { url: witness.url.clone(), verifier: witness.verifier()? }));
    let witnesses = witnesses.collect::<Result<Vec<_>, String>>().map_err(anyhow::Error::msg)?;
    if witnesses.is_empty() {
        return Ok(None);
    }
    let directory = config.archive_dir();
    let log = tree_key(&**files, &directory)?;
    let tree = directory.join(noroshi_archive::TREE);
    let parts = cosign::Parts { files: Arc::clone(files), tree, log, witnesses, archive: archive.watcher() };
    Ok(Some(Cosigning::start(parts)?))
}

/// The thread that copies what is sealed, where a place is configured.
fn start_copying(config: &Config, files: &Arc<dyn Files>) -> anyhow::Result<Option<Copying>> {
    let Some(copy) = config.archive.as_ref().and_then(|archive| archive.copy.clone()) else { return Ok(None) };
    let directory = config.archive_dir();
    let log = tree_key(&**files, &directory)?;
    let parts = copy::Parts { files: Arc::clone(files), directory, log, config: copy, clock: now_ns };
    Ok(Some(Copying::start(parts)?))
}

/// The key that the archive's tree is verified by.
fn tree_key(files: &dyn Files, directory: &Path) -> anyhow::Result<Verifier> {
    let key = noroshi_archive::verifier_path(directory);
    let text = files.read(&key).with_context(|| format!("cannot read {}", key.display()))?;
    Verifier::parse(String::from_utf8_lossy(&text).trim())
        .map_err(|error| anyhow::anyhow!("{}: {error}", key.display()))
}

/// The archive's figures and ailments.
fn expose_values(values: &ValueDepot, text: &mut Exposition) {
    let counters = values.counters();
    for (name, help, kind, value) in [
        ("noroshi_values_runs", "Files of remembered values in use.", Kind::Gauge, counters.runs),
        (
            "noroshi_values_resident_bytes",
            "Memory that filters and tables of contents of remembered values take.",
            Kind::Gauge,
            counters.resident_bytes,
        ),
        (
            "noroshi_values_failures_total",
            "Writes of remembered values that failed; the values stay in memory.",
            Kind::Counter,
            counters.failed,
        ),
        ("noroshi_values_waiting", "Writes of remembered values that wait.", Kind::Gauge, counters.waiting),
    ] {
        text.add(name, help, kind, &[], value as f64);
    }
}

fn expose_archive(metrics: &Metrics, watcher: &Watcher) {
    let (one, two) = (watcher.clone(), watcher.clone());
    metrics.add_check(move || two.status().ailments);
    metrics.add_source(move |text| {
        let status = one.status();
        for (name, help, kind, value) in [
            ("noroshi_archive_records_total", "Records handed to the archive.", Kind::Counter, status.records_taken),
            ("noroshi_archive_durable_total", "Records of them on disk.", Kind::Counter, status.records_durable),
            (
                "noroshi_archive_unsynced",
                "Records handed to the archive and not yet on disk.",
                Kind::Gauge,
                status.records_taken.saturating_sub(status.records_durable),
            ),
            ("noroshi_archive_syncs_total", "Syncs of write-ahead segments.", Kind::Counter, status.syncs),
            ("noroshi_archive_failures_total", "Writes and syncs that failed.", Kind::Counter, status.failures),
            ("noroshi_archive_written_bytes_total", "Bytes written ahead.", Kind::Counter, status.bytes_written),
            ("noroshi_archive_segments_sealed_total", "Segments sealed.", Kind::Counter, status.segments_sealed),
            ("noroshi_archive_records_sealed_total", "Records sealed.", Kind::Counter, status.records_sealed),
            ("noroshi_archive_raw_bytes_sealed_total", "Their bytes.", Kind::Counter, status.raw_bytes_sealed),
            ("noroshi_archive_sealed_bytes_total", "Their bytes as Parquet.", Kind::Counter, status.bytes_sealed),
            (
                "noroshi_archive_damaged_bytes_total",
                "Bytes that could not be read back.",
                Kind::Counter,
                status.damaged_bytes,
            ),
            (
                "noroshi_archive_segments_purged_total",
                "Segments removed because they are kept no longer.",
                Kind::Counter,
                status.segments_purged,
            ),
            ("noroshi_archive_purged_bytes_total", "Their bytes.", Kind::Counter, status.bytes_purged),
            (
                "noroshi_archive_segments_replaced_total",
                "Small segments that became parts of larger ones.",
                Kind::Counter,
                status.segments_replaced,
            ),
            (
                "noroshi_archive_segments_held",
                "Segments that would be removed, were they not held.",
                Kind::Gauge,
                status.segments_held,
            ),
            ("noroshi_archive_segments_waiting", "Segments not sealed yet.", Kind::Gauge, status.segments_waiting),
        ] {
            text.add(name, help, kind, &[], value as f64);
        }
    });
}

#[expect(clippy::too_many_arguments, reason = "one place wires every source of metrics")]
fn expose(
    metrics: &Metrics,
    ledger: &Arc<Ledger>,
    sinks: &Arc<Sinks>,
    spool: &Arc<Spool>,
    counters: &Arc<CollectorCounters>,
    detection: &Arc<ArcSwap<Detection>>,
    reloads: &Arc<Reloads>,
    registry: &Arc<Registry>,
) {
    use std::sync::atomic::Ordering::Relaxed;
    let one = Arc::clone(ledger);
    metrics.add_source(move |text| one.append_metrics(text));
    let (one, two) = (Arc::clone(sinks), Arc::clone(sinks));
    metrics.add_source(move |text| one.append_metrics(text));
    metrics.add_check(move || two.ailments());
    let (one, two) = (Arc::clone(spool), Arc::clone(spool));
    metrics.add_source(move |text| one.append_metrics(text));
    metrics.add_check(move || two.ailment().into_iter().collect());
    let (counters, detection, reloads) = (Arc::clone(counters), Arc::clone(detection), Arc::clone(reloads));
    let registry = Arc::clone(registry);
    metrics.add_source(move |text: &mut Exposition| {
        let detection = detection.load();
        let digest = detection.digest_text();
        text.add("noroshi_detection_info", "The rule set in force.", Kind::Gauge, &[("digest", &digest)], 1.0);
        for (list, held) in detection.indicators.held() {
            let help = "Hits of indicators that a known-good list held back.";
            text.add("noroshi_indicator_hits_held_total", help, Kind::Counter, &[("list", list)], held as f64);
        }
        let (sources, overflowed) = registry.counts();
        for (name, help, kind, value) in [
            ("noroshi_rules", "Detection rules loaded.", Kind::Gauge, detection.rules.len() as u64),
            (
                "noroshi_rule_searches_given_up_total",
                "Searches of regular expressions that came over their bounds and found nothing for it.",
                Kind::Counter,
                detection.rules.given_up().map(|(_, searches)| searches).sum(),
            ),
            ("noroshi_correlations", "Correlations loaded.", Kind::Gauge, detection.correlations.len() as u64),
            ("noroshi_indicators", "Indicators loaded.", Kind::Gauge, detection.indicators.len() as u64),
            (
                "noroshi_indicator_hits_expired_total",
                "Hits of indicators that were not valid at the event's time.",
                Kind::Counter,
                detection.indicators.expired(),
            ),
            ("noroshi_reloads_total", "Reloads done.", Kind::Counter, reloads.done.load(Relaxed)),
            ("noroshi_reloads_refused_total", "Reloads refused.", Kind::Counter, reloads.refused.load(Relaxed)),
            ("noroshi_batches_total", "Batches done.", Kind::Counter, counters.batches.load(Relaxed)),
            ("noroshi_late_hits_total", "Hits later than the lateness.", Kind::Counter, counters.late.load(Relaxed)),
            (
                "noroshi_future_hits_total",
                "Hits ahead of their receive time.",
                Kind::Counter,
                counters.future.load(Relaxed),
            ),
            ("noroshi_keyless_hits_total", "Hits without a group key.", Kind::Counter, counters.keyless.load(Relaxed)),
            (
                "noroshi_alerts_repeated_total",
                "Final alerts that repeated one told before.",
                Kind::Counter,
                counters.repeated.load(Relaxed),
            ),
            (
                "noroshi_late_unlisted_total",
                "Late and future hits that the list had no room for.",
                Kind::Counter,
                counters.unlisted.load(Relaxed),
            ),
            ("noroshi_sources", "Sources known.", Kind::Gauge, sources as u64),
            (
                "noroshi_sources_overflowed_total",
                "Look-ups of devices that share the overflow source.",
                Kind::Counter,
                overflowed,
            ),
        ] {
            text.add(name, help, kind, &[], value as f64);
        }
        let rules = counters.rules.lock().expect("no holder panics");
        for (correlation, counters) in detection.correlations.iter().zip(rules.iter()) {
            let labels = &[("correlation", correlation.rule.id.as_str())];
            for (name, help, kind, value) in [
                ("noroshi_correlation_hits_total", "Hits taken into windows.", Kind::Counter, counters.hits as f64),
                ("noroshi_correlation_late_total", "Hits that were late.", Kind::Counter, counters.late as f64),
                ("noroshi_correlation_future_total", "Hits that were future.", Kind::Counter, counters.future as f64),
                ("noroshi_correlation_keys", "Keys with state.", Kind::Gauge, counters.keys_live as f64),
                ("noroshi_correlation_state_bytes", "State held.", Kind::Gauge, counters.state_bytes as f64),
                (
                    "noroshi_correlation_values_on_disk",
                    "Remembered values on disk.",
                    Kind::Gauge,
                    counters.shelved as f64,
                ),
                (
                    "noroshi_correlation_values_laid_total",
                    "Remembered values written to disk.",
                    Kind::Counter,
                    counters.laid as f64,
                ),
                (
                    "noroshi_correlation_values_recalled_total",
                    "Remembered values read back from disk.",
                    Kind::Counter,
                    counters.recalled as f64,
                ),
                (
                    "noroshi_correlation_values_unread_total",
                    "Hits whose value the disk could not be asked for.",
                    Kind::Counter,
                    counters.unread as f64,
                ),
                (
                    "noroshi_correlation_evicted_total",
                    "Hits evicted over budget.",
                    Kind::Counter,
                    counters.evicted_hits as f64,
                ),
                (
                    "noroshi_correlation_completeness_percent",
                    "Hits not evicted.",
                    Kind::Gauge,
                    f64::from(counters.completeness_percent()),
                ),
            ] {
                text.add(name, help, kind, labels, value);
            }
        }
    });
}
