//! The archive: how small it is, how fast searches over it are, beside DuckDB on the same files, and what a record
//! costs from a TCP socket into a sealed segment.
//!
//! The archive is a day of the mixed stream, received when it happened. Each answer is compared with one that was counted
//! while the stream was made, by other code, before its time counts.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use memchr::memmem;
use noroshi_archive::search::query::parse;
use noroshi_archive::search::{Control, Effort, Search};
use noroshi_archive::{Archive, Entry, FrameWriter, InputOptions, SEGMENT_BYTES, Settings};
use noroshi_files::RealFiles;
use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::dictionary::{Dictionary, FieldId};
use noroshi_parsers::ecs;
use noroshi_parsers::event::{Event, EventView, Kind};
use noroshi_parsers::time::format_rfc3339;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::data::prepare;
use super::latency::Running;
use crate::figures::SEED;
use crate::generate::indicators::{self, IndicatorKind};
use crate::generate::{Generator, LINES_PER_CHUNK, Options};
use crate::measure::{median, process_cpu};

const INPUT: &str = "bench";
const DAY_S: u64 = 86_400;
const SECOND_NS: i64 = 1_000_000_000;
const HOUR_NS: i64 = 3_600_000_000_000;
/// Records of one frame: about the 256 KiB of a batch.
const FRAME_RECORDS: usize = 700;
/// Segments that may wait to be sealed, so that the disk holds no second copy of the stream.
const WAITING_MAX: u64 = 6;
/// A text of some sentences of the stream, in lower case; the search ignores case.
const TEXT: &[u8] = b"invalid user";
/// Raw bytes that the full text is looked for in.
const TEXT_RAW_BYTES: u64 = 2_000_000_000;
/// Of the raw text so much is compressed by `zstd -3`, for comparison.
const ZSTD_BYTES: usize = 256 << 20;
/// An address of no record.
const ABSENT: &str = "2001:db8:ffff::99";
/// Each search is timed so often; the median counts.
const TURNS: usize = 7;
/// Bytes of the stream that are sent over TCP.
const TCP_BYTES: u64 = 256_000_000;

/// What was counted while the stream was made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Counted {
    records: u64,
    raw_bytes: u64,
    zstd_ratio: f64,
    indicator: String,
    indicator_events: u64,
    /// The hour of the aggregate.
    hour_from_ns: i64,
    failures: BTreeMap<String, u64>,
    /// Until when the full text is looked for.
    text_until_ns: i64,
    text_raw_bytes: u64,
    text_records: u64,
    build_s: f64,
}

/// One measured figure.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What it is.
    pub name: String,
    /// In `unit`.
    pub value: f64,
    /// What it should be: at most, or at least.
    pub target: f64,
    /// Whether more is better.
    pub more: bool,
    /// Of value and target.
    pub unit: &'static str,
    /// Beside it: how it came to be.
    pub note: String,
}

/// Builds the archive if it is not there, and measures it.
///
/// # Errors
/// When an answer is wrong, or something cannot be read.
pub fn measure(directory: &Path, records: u64, python: Option<&Path>) -> Result<Vec<Measured>> {
    let place = directory.join(format!("archive-{records}"));
    let told = place.join("counted.json");
    let counted: Counted = match fs::read(&told).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
        Some(counted) => counted,
        None => {
            if place.exists() {
                fs::remove_dir_all(&place)?;
            }
            let counted = build(&place, records)?;
            fs::write(&told, serde_json::to_vec_pretty(&counted)?)?;
            counted
        }
    };
    let bytes = bytes_below(&place.join("segments"))?;
    let ratio = bytes as f64 / counted.raw_bytes as f64;
    let mut rows = vec![Measured {
        name: "size beside the raw bytes".into(),
        value: ratio,
        target: 0.45,
        more: false,
        unit: "x",
        note: format!(
            "{:.0} MB of {:.0} MB; zstd -3 of the text alone {:.3} x, so {:.2} of it; {} records, built in {:.0} s",
            bytes as f64 / 1e6,
            counted.raw_bytes as f64 / 1e6,
            counted.zstd_ratio,
            ratio / counted.zstd_ratio,
            counted.records,
            counted.build_s
        ),
    }];
    let searches = searches(&counted);
    let beside = python.map(|python| duckdb(python, &place, &searches)).transpose()?;
    for (at, search) in searches.iter().enumerate() {
        let mut row = search.time(&place)?;
        if let Some(beside) = &beside {
            ensure!(
                beside[at].answer == search.expected.to_string(),
                "{}: DuckDB says {}, expected {}",
                search.name,
                beside[at].answer,
                search.expected
            );
            row.note += &format!("; DuckDB {:.3} s, {:.1} times as long", beside[at].s, beside[at].s / row.value);
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Records a second of two CPUs from TCP into sealed segments, without rules and with.
///
/// # Errors
/// When the binary does not take all records.
pub fn intake(directory: &Path, binary: &Path) -> Result<Vec<Measured>> {
    [(false, 300_000.0), (true, 200_000.0)]
        .into_iter()
        .map(|(rules, target)| {
            let (records, cpu_s) = through_tcp(directory, binary, rules)?;
            Ok(Measured {
                name: format!("TCP into sealed segments, {}", if rules { "with rules" } else { "no rules" }),
                value: records as f64 / cpu_s * 2.0,
                target,
                more: true,
                unit: "records per 2 CPU-seconds",
                note: format!("{records} records, {cpu_s:.2} CPU-seconds of the engine"),
            })
        })
        .collect()
}

fn bytes_below(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { bytes_below(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

fn settings(directory: &Path) -> Settings {
    Settings {
        directory: directory.to_owned(),
        segment_bytes: SEGMENT_BYTES,
        segment_age: Duration::from_secs(3600),
        inputs: inputs(),
        node: "bench".into(),
        clock: || 1_772_409_600_000_000_000,
        uptime: || std::time::Duration::ZERO,
        retention: noroshi_archive::Retention::default(),
    }
}

fn inputs() -> BTreeMap<String, InputOptions> {
    BTreeMap::from([(INPUT.to_owned(), InputOptions::default())])
}

fn build(place: &Path, records: u64) -> Result<Counted> {
    let begun = Instant::now();
    let options = Options { events_per_s: (records / DAY_S).max(1), ..Options::mixed(SEED) };
    let start_ns = options.start_ns as i64;
    let generator = Generator::new(options);
    let is_address = |one: &indicators::Indicator| one.kind == IndicatorKind::Ip;
    let indicator = indicators::planted(SEED).into_iter().find(is_address).context("an address is planted")?.value;
    let hour_from_ns = start_ns + 10 * HOUR_NS;
    let mut counted = Counted { indicator, hour_from_ns, text_until_ns: i64::MAX, ..Counted::default() };
    let archive = Archive::open(Arc::new(RealFiles), settings(place))?;
    let appender = archive.appender();
    let mut compressed = zstd::Encoder::new(Vec::new(), 3)?;
    let (mut order, mut sample) = (0, 0);
    let dictionary = Arc::new(Dictionary::new());
    let ahead = rayon::current_num_threads() as u64;
    for from in (0..records.div_ceil(LINES_PER_CHUNK)).step_by(ahead as usize) {
        let chunks: Vec<_> = (from..from + ahead)
            .into_par_iter()
            .map(|index| {
                let chunk = generator.chunk(index);
                let first = index * LINES_PER_CHUNK;
                let truth =
                    Truth::of(&chunk.bytes, |line| generator.time_ns(first + line) as i64, &counted, &dictionary);
                (first, chunk, truth)
            })
            .collect();
        for (first, chunk, truth) in chunks {
            if counted.records >= records {
                break;
            }
            if sample < ZSTD_BYTES {
                compressed.write_all(&chunk.bytes)?;
                sample += chunk.bytes.len();
            }
            truth.add_to(&mut counted);
            let lines: Vec<&[u8]> = lines(&chunk.bytes).collect();
            for (at, part) in lines.chunks(FRAME_RECORDS).enumerate() {
                let sequence = appender.claim(part.len());
                let mut frame = FrameWriter::new(sequence, INPUT, None, ["192.0.2.10:40022".into()].into_iter());
                for (line, record) in part.iter().enumerate() {
                    let serial = first + (at * FRAME_RECORDS + line) as u64;
                    let receive_time_ns = generator.time_ns(serial) as i64;
                    frame.push(record, &Entry { receive_time_ns, lines: 1, ..Entry::default() });
                }
                appender.submit(order, sequence, Some(frame), None);
                order += 1;
            }
            if counted.text_until_ns == i64::MAX && counted.raw_bytes >= TEXT_RAW_BYTES {
                // Of whole seconds, so that every engine means the same moment.
                counted.text_until_ns = generator.time_ns(first + LINES_PER_CHUNK) as i64 / SECOND_NS * SECOND_NS;
            }
        }
        while appender.status().segments_waiting > WAITING_MAX {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    drop(appender);
    archive.stop().map_err(anyhow::Error::msg)?;
    counted.zstd_ratio = compressed.finish()?.len() as f64 / sample as f64;
    counted.build_s = begun.elapsed().as_secs_f64();
    Ok(counted)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|&byte| byte == b'\n')
}

/// What is true of one chunk, found without the archive's code: by decoding each line and looking at its text.
#[derive(Default)]
struct Truth {
    records: u64,
    raw_bytes: u64,
    indicator_events: u64,
    failures: BTreeMap<String, u64>,
    text_records: u64,
}

impl Truth {
    fn of(bytes: &[u8], time: impl Fn(u64) -> i64, counted: &Counted, dictionary: &Arc<Dictionary>) -> Self {
        let mut truth = Truth::default();
        let (mut decoder, mut event) = (Decoder::new(Arc::clone(dictionary)), Event::new());
        let options = SourceOptions::default();
        let text = memmem::Finder::new(TEXT);
        for (at, line) in lines(bytes).enumerate() {
            truth.records += 1;
            truth.raw_bytes += line.len() as u64;
            decoder.decode(line, time(at as u64), &options, &mut event);
            let view = event.view(line);
            let addresses =
                [ecs::SOURCE_IP, ecs::DESTINATION_IP, ecs::CLIENT_IP, ecs::SERVER_IP, ecs::HOST_IP, ecs::RELATED_IP];
            let named = |id| own(view, id).any(|value| value == counted.indicator);
            truth.indicator_events += u64::from(addresses.into_iter().any(named));
            let hour = counted.hour_from_ns..counted.hour_from_ns + HOUR_NS;
            if hour.contains(&view.core().time_ns) && own(view, ecs::EVENT_OUTCOME).any(|value| value == "failure") {
                *truth.failures.entry(own(view, ecs::USER_NAME).next().unwrap_or_default()).or_default() += 1;
            }
            let in_time = view.core().time_ns < counted.text_until_ns;
            truth.text_records += u64::from(in_time && text.find(&line.to_ascii_lowercase()).is_some());
        }
        truth
    }

    fn add_to(self, counted: &mut Counted) {
        counted.records += self.records;
        counted.raw_bytes += self.raw_bytes;
        counted.indicator_events += self.indicator_events;
        self.failures.into_iter().for_each(|(user, count)| *counted.failures.entry(user).or_default() += count);
        counted.text_records += self.text_records;
        if counted.text_until_ns == i64::MAX {
            counted.text_raw_bytes = counted.raw_bytes;
        }
    }
}

fn own<'e>(view: EventView<'e>, id: FieldId) -> impl Iterator<Item = String> + 'e {
    let fields = view.all(id).filter(|field| !field.vendor && field.kind != Kind::Null);
    fields.map(move |field| String::from_utf8_lossy(view.value(field)).into_owned())
}

/// A search with what it must find.
struct Timed {
    name: &'static str,
    target_s: f64,
    query: String,
    time_ns: (i64, i64),
    expected: u64,
    /// Groups that must come out, where it is an aggregate.
    groups: usize,
    sql: String,
    note: String,
}

fn searches(counted: &Counted) -> Vec<Timed> {
    let Counted { indicator, hour_from_ns, text_until_ns, .. } = counted;
    let all = (i64::MIN, i64::MAX);
    let hour = (*hour_from_ns, hour_from_ns + HOUR_NS);
    let stamp = |ns: i64| format!("'{}'::TIMESTAMPTZ_NS", format_rfc3339(ns.clamp(0, i64::MAX / 2)));
    let within =
        |(from, until): (i64, i64)| format!("\"@timestamp\" >= {} AND \"@timestamp\" < {}", stamp(from), stamp(until));
    let text = String::from_utf8_lossy(TEXT);
    vec![
        Timed {
            name: "exact indicator, its rows whole",
            target_s: 0.5,
            query: format!("related.ip:{indicator} | limit 1000000"),
            time_ns: all,
            expected: counted.indicator_events,
            groups: 0,
            sql: format!("SELECT * FROM segments WHERE list_contains(\"related.ip\", '{indicator}')"),
            note: String::new(),
        },
        Timed {
            name: "absent indicator",
            target_s: 0.05,
            query: format!("related.ip:{ABSENT}"),
            time_ns: all,
            expected: 0,
            groups: 0,
            sql: format!("SELECT * FROM segments WHERE list_contains(\"related.ip\", '{ABSENT}')"),
            note: String::new(),
        },
        Timed {
            name: "one hour, filtered, by user",
            target_s: 0.1,
            query: "event.outcome:failure | stats count by user.name".into(),
            time_ns: hour,
            expected: counted.failures.values().sum(),
            groups: counted.failures.len(),
            sql: format!(
                "SELECT \"user.name\", count(*) FROM segments WHERE \"event.outcome\" = 'failure' AND {} GROUP BY 1",
                within(hour)
            ),
            note: String::new(),
        },
        Timed {
            name: "full text",
            target_s: 5.0,
            query: format!("\"{text}\" | stats count"),
            time_ns: (i64::MIN, *text_until_ns),
            expected: counted.text_records,
            groups: 1,
            sql: format!(
                "SELECT count(*) FROM segments WHERE contains(lower(\"event.original\"::VARCHAR), '{text}') AND {}",
                within((i64::MIN, *text_until_ns))
            ),
            note: format!("{:.2} GB of records", counted.text_raw_bytes as f64 / 1e9),
        },
    ]
}

impl Timed {
    fn time(&self, place: &Path) -> Result<Measured> {
        let query = parse(&self.query)?;
        let never = AtomicBool::new(false);
        let (mut walls, mut cpus, mut effort) = (Vec::new(), Vec::new(), Effort::default());
        // The first fills the page cache.
        for turn in 0..=TURNS {
            let (begun, cpu) = (Instant::now(), process_cpu());
            let search = Search::open(Arc::new(RealFiles), place, inputs())?;
            let found = search.run(&query, self.time_ns, Control { cancelled: &never, progress: &|_, _| {} });
            if turn > 0 {
                walls.push(begun.elapsed().as_secs_f64());
                cpus.push((process_cpu() - cpu).as_secs_f64());
            }
            ensure!(found.errors.is_empty(), "{}: {:?}", self.name, found.errors);
            let number = match self.groups {
                0 => found.rows.len() as u64,
                groups => {
                    ensure!(found.rows.len() == groups, "{}: {} groups of {groups}", self.name, found.rows.len());
                    found.rows.iter().filter_map(|row| row["count"].as_u64()).sum()
                }
            };
            ensure!(number == self.expected, "{}: found {number}, expected {}", self.name, self.expected);
            effort = found.effort;
        }
        walls.sort_by(f64::total_cmp);
        cpus.sort_by(f64::total_cmp);
        let note = format!(
            "{} found; {} of {} row groups ruled out, {} rows scanned; {:.3} CPU-seconds; {}",
            self.expected,
            effort.row_groups_skipped,
            effort.row_groups,
            effort.rows_scanned,
            median(&cpus),
            self.note
        );
        Ok(Measured {
            name: self.name.into(),
            value: median(&walls),
            target: self.target_s,
            more: false,
            unit: "s",
            note: note.trim_end_matches("; ").to_owned(),
        })
    }
}

/// What DuckDB says, and how long it took.
#[derive(Deserialize)]
struct Beside {
    answer: String,
    s: f64,
}

const DUCKDB: &str = include_str!("archive_duckdb.py");

fn duckdb(python: &Path, place: &Path, searches: &[Timed]) -> Result<Vec<Beside>> {
    let asked: Vec<_> = searches.iter().map(|search| (search.sql.as_str(), search.groups)).collect();
    let output = Command::new(python)
        .args(["-c", DUCKDB])
        .arg(place.join("segments/**/*.parquet"))
        .arg(rayon::current_num_threads().to_string())
        .arg(serde_json::to_string(&asked)?)
        .output()
        .with_context(|| format!("running {}", python.display()))?;
    ensure!(output.status.success(), "DuckDB: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn through_tcp(directory: &Path, binary: &Path, rules: bool) -> Result<(u64, f64)> {
    let data = prepare(directory, TCP_BYTES)?;
    let work = directory.join("archive-intake");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let looked_for = match rules {
        true => format!("[rules]\npaths = [{:?}]\n[indicators]\npaths = [{:?}]\n", data.rules, data.indicators),
        false => String::new(),
    };
    let config = format!(
        "node = \"bench\"\nstate_dir = {:?}\ntimezone = \"UTC\"\n[engine]\nworkers = 2\n{looked_for}[archive]\n\
         [[input]]\nname = \"tcp\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n\
         [[output]]\ntype = \"file\"\npath = {:?}\n[metrics]\nlisten = \"127.0.0.1:0\"\n",
        work.join("state"),
        work.join("alerts.ndjson"),
    );
    fs::write(work.join("noroshi.toml"), config)?;
    let mut engine = Running::start(binary, &work)?;
    let (address, metrics) = (engine.address("listening")?, engine.address("metrics")?);
    let loaded = engine.cpu_s()?;
    let mut socket = TcpStream::connect(address)?;
    let mut stream = fs::File::open(&data.stream)?;
    std::io::copy(&mut stream, &mut socket)?;
    drop(socket);
    // Empty lines are no records.
    let mut text = Vec::new();
    fs::File::open(&data.stream)?.read_to_end(&mut text)?;
    let sent = lines(&text).filter(|line| !line.is_empty() && *line != b"\r").count() as u64;
    drop(text);
    let deadline = Instant::now() + Duration::from_secs(300);
    let kept = loop {
        let kept = metric(metrics, "noroshi_archive_durable_total")?;
        if kept >= sent {
            break kept;
        }
        ensure!(Instant::now() < deadline, "{kept} of {sent} records are kept; see {}", work.join("log").display());
        std::thread::sleep(Duration::from_millis(50));
    };
    let spent = engine.stop()? - loaded;
    ensure!(fs::read_dir(work.join("state/archive/wal"))?.next().is_none(), "something was not sealed");
    fs::remove_dir_all(&work)?;
    Ok((kept, spent))
}

fn metric(address: std::net::SocketAddr, name: &str) -> Result<u64> {
    let mut socket = TcpStream::connect(address)?;
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    socket.read_to_string(&mut text)?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
    Ok(value.with_context(|| format!("no metric {name}"))? as u64)
}

/// The rows as text, one line each; whether all targets are met.
#[must_use]
pub fn table(rows: &[Measured]) -> (String, bool) {
    use std::fmt::Write as _;
    let mut text = String::new();
    let mut all = true;
    for row in rows {
        let met = if row.more { row.value >= row.target } else { row.value <= row.target };
        all &= met;
        let sign = if row.more { "at least" } else { "at most" };
        let _ = writeln!(
            text,
            "{}  {:38} {:>10.3} {} ({sign} {}; {:.2} of it)\n      {}",
            if met { "met " } else { "MISS" },
            row.name,
            row.value,
            row.unit,
            row.target,
            row.value / row.target,
            row.note
        );
    }
    (text, all)
}

/// Removes what [`measure`] built.
///
/// # Errors
/// What the file system returns.
pub fn remove(directory: &Path, records: u64) -> Result<()> {
    let place: PathBuf = directory.join(format!("archive-{records}"));
    if !place.exists() {
        bail!("{} is not there", place.display());
    }
    Ok(fs::remove_dir_all(place)?)
}
