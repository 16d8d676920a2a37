//! Reading the files that `parse`, `match` and `replay` are given.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use noroshi_input::{Batch, BatchPool, RecordReader};
use noroshi_parsers::charset::Charset;
use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::defect::Defect;
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::Event;
use noroshi_parsers::frame::RECORD_BYTES_MAX;
use noroshi_parsers::join::Join;
use noroshi_parsers::logsource::ProductId;
use noroshi_parsers::products::PRODUCTS;
use noroshi_parsers::products::delimited::ColumnMap;
use noroshi_parsers::time::{DAY_NS, take_iso};
use noroshi_parsers::zone::Zone;

use super::args::ReadArgs;
use crate::config::{Config, CorrelationConfig};
use crate::ordered::ordered;
use crate::pipeline::InputSettings;
use crate::sources::ClockOffsets;

/// Records of each file looked at to learn whether any stamp lacks its year. Where none of so many
/// does, the second pass over the input that finds the newest full stamp is saved.
const PROBE_RECORDS: usize = 10_000;

/// The files of one run, in the order given, with how each is read.
pub(crate) struct Inputs {
    pub(crate) files: Vec<InputFile>,
    pub(crate) workers: usize,
}

pub(crate) struct InputFile {
    pub(crate) path: PathBuf,
    pub(crate) options: Arc<SourceOptions>,
    /// Whether a record that holds several events is split into them.
    pub(crate) split: bool,
    /// How lines are put together to records.
    join: Join,
    /// What is declared of the clocks of its sources.
    pub(crate) clocks: Option<Arc<ClockOffsets>>,
    /// Declared lateness of its sources; of effect where watermarks follow the records.
    lateness_ns: i64,
    /// After so long without an event of a source it holds others back no longer; the same.
    idle_timeout_ns: i64,
}

impl InputFile {
    /// What the engine needs to know of it. Files know no receive time, so nothing in them is future.
    pub(crate) fn settings(&self) -> InputSettings {
        InputSettings {
            name: Arc::from(""),
            options: Arc::clone(&self.options),
            split: self.split,
            declared: crate::sources::Declared {
                lateness_ns: self.lateness_ns,
                allowed_skew_ns: i64::MAX,
                idle_timeout_ns: self.idle_timeout_ns,
            },
            clocks: self.clocks.clone(),
        }
    }
}

/// What a command does where nothing is said.
pub(crate) struct Defaults {
    split: bool,
    /// `None` = as the format says.
    join: Option<Join>,
}

impl Defaults {
    /// One event a line.
    pub(crate) const LINES: Defaults = Defaults { split: false, join: Some(Join::Off) };
    /// Every event there is.
    pub(crate) const EVENTS: Defaults = Defaults { split: true, join: None };
}

/// How the files that match a pattern are read.
struct Declared {
    pattern: glob::Pattern,
    format: Option<ProductId>,
    zone: Zone,
    charset: Charset,
    columns: Option<Arc<ColumnMap>>,
    split: Option<bool>,
    join: Option<Join>,
    as_written: bool,
    calendar: Option<Arc<str>>,
    clocks: Option<Arc<ClockOffsets>>,
    lateness_ns: i64,
    idle_timeout_ns: i64,
}

/// A batch with the number of its file.
pub(crate) struct FileBatch {
    pub(crate) file: usize,
    pub(crate) batch: Batch,
}

/// Seconds as configurations have them, in nanoseconds.
pub(crate) fn seconds_ns(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000_000)
}

/// The clock, read once at the edge.
pub(crate) fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
}

/// The time since this was first asked, by the timer that no clock sets.
pub(crate) fn uptime() -> std::time::Duration {
    use std::time::Instant;
    static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    BEGUN.elapsed()
}

/// The product of a format's name.
pub(crate) fn format_of(name: &str) -> anyhow::Result<ProductId> {
    ProductId::by_name(name).with_context(|| {
        let known: Vec<_> = PRODUCTS.iter().map(|product| product.name).collect();
        format!("unknown format `{name}`; known are {}", known.join(", "))
    })
}

/// The join of a name.
fn join_of(name: &str) -> anyhow::Result<Join> {
    Join::by_name(name).with_context(|| {
        let known: Vec<_> = Join::ALL.iter().map(|(name, _)| *name).collect();
        format!("unknown join `{name}`; known are {}", known.join(", "))
    })
}

/// The zone that a declaration names; the host's where there is none.
pub(crate) fn zone_of(name: Option<&str>) -> anyhow::Result<Zone> {
    match name {
        Some(name) => Zone::parse(name).map_err(anyhow::Error::msg),
        None => Ok(host_zone()),
    }
}

/// The zone of this host, UTC where it has none.
fn host_zone() -> Zone {
    let zone = jiff::tz::TimeZone::try_system().ok();
    zone.and_then(|zone| Zone::parse(zone.iana_name()?).ok()).unwrap_or_default()
}

impl Inputs {
    /// Resolves the arguments. Files that cannot be opened are told when they are read.
    pub(crate) fn new(
        read: &ReadArgs,
        files: &[PathBuf],
        defaults: &Defaults,
        dictionary: &Arc<Dictionary>,
    ) -> anyhow::Result<Self> {
        let mut declared: Vec<Declared> = Vec::new();
        let mut format = None;
        let declared_join = read.join.as_deref().map(join_of).transpose()?;
        let mut zone = zone_of(read.timezone.as_deref())?;
        let mut patience = CorrelationConfig::default();
        let charset =
            read.charset.as_deref().map(Charset::parse).transpose().map_err(anyhow::Error::msg)?.unwrap_or_default();
        if let Some(name) = &read.format {
            format = Some(format_of(name)?);
        }
        let as_written = read.as_written;
        for source in &read.source {
            let (pattern, rest) =
                source.rsplit_once('=').with_context(|| format!("--source `{source}`: write GLOB=format,zone"))?;
            let (name, zone_name) = rest.split_once(',').unwrap_or((rest, ""));
            let pattern = glob::Pattern::new(pattern).with_context(|| format!("--source `{source}`: bad glob"))?;
            let format = if name.is_empty() { format } else { Some(format_of(name)?) };
            let zone = if zone_name.is_empty() { zone.clone() } else { zone_of(Some(zone_name))? };
            declared.push(Declared {
                pattern,
                format,
                zone,
                charset,
                columns: None,
                split: None,
                join: None,
                as_written,
                calendar: None,
                clocks: None,
                lateness_ns: seconds_ns(patience.lateness_s),
                idle_timeout_ns: seconds_ns(patience.source_idle_timeout_s),
            });
        }
        if let Some(path) = &read.config {
            let config = Config::load(path).map_err(|errors| anyhow::anyhow!("{}", crate::config::join(&errors)))?;
            zone = zone_of(config.timezone.as_deref())?;
            patience = config.correlation.clone();
            for input in &config.inputs {
                let format = input.format.as_deref().map(format_of).transpose()?;
                let columns = input.column_map().map_err(anyhow::Error::msg)?.map(Arc::new);
                let zone = if input.timezone.is_some() { zone_of(input.timezone.as_deref())? } else { zone.clone() };
                let clocks = ClockOffsets::of_input(input).map(Arc::new);
                let lateness_ns = seconds_ns(input.lateness_s.unwrap_or(patience.lateness_s));
                let idle_timeout_s = input.source_idle_timeout_s.unwrap_or(patience.source_idle_timeout_s);
                for path in input.paths.iter().flatten() {
                    let pattern = glob::Pattern::new(path)
                        .with_context(|| format!("input `{}`: bad glob `{path}`", input.name))?;
                    let (zone, charset) = (zone.clone(), input.charset());
                    let columns = columns.clone();
                    let join = input.join.as_ref().map(|_| input.join());
                    let as_written = as_written || input.as_written.unwrap_or_default();
                    declared.push(Declared {
                        pattern,
                        format,
                        zone,
                        charset,
                        columns,
                        split: input.split,
                        join,
                        as_written,
                        calendar: input.calendar.as_deref().map(Arc::from),
                        clocks: clocks.clone(),
                        lateness_ns,
                        idle_timeout_ns: seconds_ns(idle_timeout_s),
                    });
                }
            }
        }
        let (mut inputs, mut modes) = (Vec::new(), Vec::new());
        for path in files {
            // A configuration's patterns are whole paths.
            let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            let found = declared.iter().find(|Declared { pattern, .. }| {
                pattern.matches_path(path)
                    || pattern.matches_path(&whole)
                    || path.file_name().is_some_and(|name| pattern.matches(&name.to_string_lossy()))
            });
            let (format, zone, charset) = found
                .map_or((format, zone.clone(), charset), |found| (found.format, found.zone.clone(), found.charset));
            let split = read.split.or(found.and_then(|found| found.split)).unwrap_or(defaults.split);
            let columns = found.and_then(|found| found.columns.clone());
            let as_written = found.map_or(as_written, |found| found.as_written);
            let calendar = found.and_then(|found| found.calendar.clone());
            let options = SourceOptions { format, zone, charset, columns, as_written, calendar, reference_time_ns: 0 };
            inputs.push((path.clone(), options));
            let of_format = || format.map_or_else(Join::default, |format| Join::of_format(format.get().name));
            let join = declared_join.or(found.and_then(|found| found.join)).or(defaults.join).unwrap_or_else(of_format);
            let clocks = found.and_then(|found| found.clocks.clone());
            let (lateness_ns, idle_timeout_ns) = found.map_or_else(
                || (seconds_ns(patience.lateness_s), seconds_ns(patience.source_idle_timeout_s)),
                |found| (found.lateness_ns, found.idle_timeout_ns),
            );
            modes.push((split, join, clocks, lateness_ns, idle_timeout_ns));
        }
        let workers =
            read.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
        let reference = match &read.reference_time {
            Some(text) => {
                let stamp = take_iso(text.as_bytes()).filter(|(_, rest)| rest.is_empty()).map(|(stamp, _)| stamp);
                let stamp = stamp.with_context(|| {
                    format!("--reference-time `{text}`: write RFC 3339, such as 2026-03-01T00:00:00Z")
                })?;
                stamp.civil.at_offset(stamp.offset_s.unwrap_or(0)).context("--reference-time is out of range")?
            }
            None => reference_time(&inputs, workers, dictionary),
        };
        let files = inputs
            .into_iter()
            .zip(modes)
            .map(|((path, mut options), (split, join, clocks, lateness_ns, idle_timeout_ns))| {
                options.reference_time_ns = reference;
                InputFile { path, options: Arc::new(options), split, join, clocks, lateness_ns, idle_timeout_ns }
            })
            .collect();
        Ok(Inputs { files, workers })
    }

    /// A reader over all files in their order. Errors go to `errors` as they occur; what was readable is handed out.
    pub(crate) fn reader<'a>(
        &'a self,
        progress: &'a ProgressBar,
        errors: &'a std::sync::Mutex<Vec<String>>,
    ) -> impl FnMut() -> Option<FileBatch> + Send + 'a {
        let pool = BatchPool::default();
        let mut file = 0;
        let mut open: Option<RecordReader> = None;
        let mut bytes_before = 0;
        let tell = |error: String| errors.lock().expect("no reader panics").push(error);
        move || loop {
            let Some(reader) = &mut open else {
                let input = self.files.get(file)?;
                match open_file(&input.path, input.options.charset, file, &pool) {
                    Ok(reader) => open = Some(reader.joining(input.join)),
                    Err(error) => {
                        tell(error);
                        file += 1;
                    }
                }
                continue;
            };
            match reader.next_batch(0) {
                Ok(Some(batch)) => {
                    progress.set_position(bytes_before + reader.bytes_read());
                    return Some(FileBatch { file, batch });
                }
                Ok(None) => {
                    bytes_before += reader.bytes_read();
                    open = None;
                    file += 1;
                }
                Err(error) => tell(error.to_string()),
            }
        }
    }

    /// A progress bar on standard error, where that is a terminal and the files are worth one.
    pub(crate) fn progress(&self) -> ProgressBar {
        /// Below this a run is over before a bar could be read.
        const WORTH_BYTES: u64 = 32 << 20;
        let bytes: u64 = self
            .files
            .iter()
            .filter_map(|file| std::fs::metadata(&file.path).ok())
            .map(|metadata| metadata.len())
            .sum();
        if bytes < WORTH_BYTES {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}  {binary_bytes_per_sec}  {eta}")
            .expect("a constant");
        ProgressBar::new(bytes).with_style(style)
    }
}

fn open_file(path: &Path, charset: Charset, file: usize, pool: &BatchPool) -> Result<RecordReader, String> {
    let input = u16::try_from(file).unwrap_or(u16::MAX);
    if path == Path::new("-") {
        return Ok(RecordReader::stdin(input, pool).reading(charset, RECORD_BYTES_MAX));
    }
    let reader = RecordReader::open(path, input, pool).map_err(|error| error.to_string())?;
    Ok(reader.reading(charset, RECORD_BYTES_MAX))
}

/// The newest fully dated stamp among the inputs, else the newest modification time.
///
/// A stamp more than a day ahead of the clock is left out: one event dated 2106 must not move
/// every year-less one.
fn reference_time(inputs: &[(PathBuf, SourceOptions)], workers: usize, dictionary: &Arc<Dictionary>) -> i64 {
    let now = now_ns();
    let mut stamps = scan(inputs, 1, PROBE_RECORDS, now, dictionary);
    if stamps.year_lacking {
        stamps = scan(inputs, workers, usize::MAX, now, dictionary);
    }
    let modified = || {
        let times = inputs.iter().filter_map(|(path, _)| std::fs::metadata(path).ok()?.modified().ok());
        times.filter_map(|time| time.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_nanos() as i64).max()
    };
    stamps.newest_ns.or_else(modified).unwrap_or(now)
}

#[derive(Default)]
struct Stamps {
    newest_ns: Option<i64>,
    year_lacking: bool,
}

/// Looks at the stamps of about the first `records` records of each file.
fn scan(
    inputs: &[(PathBuf, SourceOptions)],
    workers: usize,
    records: usize,
    now_ns: i64,
    dictionary: &Arc<Dictionary>,
) -> Stamps {
    let pool = BatchPool::default();
    // A pipe can be read once only, and that is for the run itself.
    let is_file = |path: &Path| std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let mut files = inputs.iter().enumerate().filter(|(_, (path, _))| is_file(path));
    let mut open: Option<(usize, RecordReader, usize)> = None;
    let read = || {
        loop {
            let Some((file, reader, seen)) = &mut open else {
                let (file, (path, options)) = files.next()?;
                // What cannot be read is told when it is read in earnest.
                open = open_file(path, options.charset, file, &pool).ok().map(|reader| (file, reader, 0));
                continue;
            };
            if *seen < records
                && let Ok(Some(batch)) = reader.next_batch(0)
            {
                *seen += batch.records.len();
                return Some((*file, batch));
            }
            open = None;
        }
    };
    let work = |(decoder, event): &mut (Decoder, Event), (file, batch): (usize, Batch)| {
        let mut stamps = Stamps::default();
        for record in &batch.records {
            decoder.decode(batch.record(record), 0, &inputs[file].1, event);
            let year_lacking = event.defects.has(Defect::YearInferred);
            stamps.year_lacking |= year_lacking;
            let full = event.core.time_from_record && !year_lacking;
            if full && event.core.time_ns <= now_ns.saturating_add(DAY_NS) {
                stamps.newest_ns = stamps.newest_ns.max(Some(event.core.time_ns));
            }
        }
        stamps
    };
    let mut all = Stamps::default();
    let merged = ordered(
        workers,
        read,
        || (Decoder::new(Arc::clone(dictionary)), Event::new()),
        work,
        |stamps| {
            all.newest_ns = all.newest_ns.max(stamps.newest_ns);
            all.year_lacking |= stamps.year_lacking;
            Ok::<(), std::convert::Infallible>(())
        },
    );
    let Ok(()) = merged;
    all
}
