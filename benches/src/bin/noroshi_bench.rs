//! `noroshi-bench`: measured against target. `make bench` and `make bench-gate` call it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use noroshi_benches::figures::GROUPS;
use noroshi_benches::measure::Figure;
use noroshi_benches::report::{Row, csv, table};
use noroshi_benches::run::{archive, end_to_end, latency};
use noroshi_benches::targets::Targets;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bytes of the whole run, and of its short form.
const FULL_BYTES: u64 = 1_000_000_000;
const GATE_BYTES: u64 = 64_000_000;
/// Time for the turns of one figure in the gate.
const GATE_BUDGET: Duration = Duration::from_millis(700);
/// A figure that falls short is measured so often before the gate fails: noise passes, a halved speed stays.
const GATE_TRIES: usize = 3;
/// How long the socket is under load.
const FULL_LATENCY_S: u64 = 15;
const GATE_LATENCY_S: u64 = 4;

/// Measured against target.
#[derive(Parser)]
#[command(name = "noroshi-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Times everything shortly; fails where a ratio of targets.toml is missed by more than the margin
    Gate(Where),
    /// Runs the 1 GB file and the socket, and prints them beside what `cargo bench` wrote
    Full(Full),
    /// Times groups or single figures with no verdict
    Figures {
        /// Part of a name, such as decode/eve; all without it
        only: Option<String>,
        /// Seconds for each
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
    },
    /// What loading rules and indicators anew takes from a stream meanwhile, in turns with passes without
    Reload {
        /// Directory of the generated data
        #[arg(long)]
        data: PathBuf,
        /// Bytes of the stream
        #[arg(long, default_value_t = 256_000_000)]
        bytes: u64,
        /// Passes of each kind
        #[arg(long, default_value_t = 7)]
        turns: usize,
    },
    /// Builds an archive of a day, searches it, beside DuckDB where a Python has it, and times TCP into sealed segments
    Archive {
        /// Directory of the generated data
        #[arg(long)]
        data: PathBuf,
        /// Records of the archive: 10,000,000 take 6 GB of disk while it is built
        #[arg(long, default_value_t = 10_000_000)]
        records: u64,
        /// The noroshi binary; without it nothing is sent over TCP
        #[arg(long)]
        noroshi: Option<PathBuf>,
        /// A Python that has `duckdb`
        #[arg(long)]
        python: Option<PathBuf>,
        /// Removes the archive afterwards
        #[arg(long)]
        remove: bool,
    },
    /// The run that `full` and `gate` start as a process of its own
    #[command(hide = true)]
    Replay { directory: PathBuf, bytes: u64 },
}

#[derive(clap::Args)]
struct Where {
    /// Directory of the generated data
    #[arg(long)]
    data: PathBuf,
    /// The noroshi binary
    #[arg(long)]
    noroshi: PathBuf,
    /// targets.toml
    #[arg(long)]
    targets: PathBuf,
}

#[derive(clap::Args)]
struct Full {
    #[command(flatten)]
    at: Where,
    /// Directory to write a record of the run to
    #[arg(long)]
    record: Option<PathBuf>,
    /// The state of the sources, for the record
    #[arg(long, default_value = "unknown")]
    commit: String,
    /// What /proc/loadavg said before the run, for the record
    #[arg(long, default_value = "unknown")]
    load_before: String,
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    match Cli::parse().command {
        Task::Gate(at) => gate(&at),
        Task::Full(full) => complete(&full).map(|()| ExitCode::SUCCESS),
        Task::Figures { only, seconds } => figures(only.as_deref(), seconds).map(|()| ExitCode::SUCCESS),
        Task::Reload { data, bytes, turns } => {
            let run = end_to_end::reloads(&data, bytes, turns)?;
            println!(
                "{:.0} events/s alone, {:.0} with {:.1} reloads in the pass: {:+.1} %",
                run.quiet_per_s,
                run.loading_per_s,
                run.reloads,
                (run.loading_per_s / run.quiet_per_s - 1.0) * 100.0
            );
            Ok(ExitCode::SUCCESS)
        }
        Task::Archive { data, records, noroshi, python, remove } => {
            let mut rows = archive::measure(&data, records, python.as_deref())?;
            if let Some(noroshi) = &noroshi {
                rows.extend(archive::intake(&data, noroshi)?);
            }
            if remove {
                archive::remove(&data, records)?;
            }
            let (text, all) = archive::table(&rows);
            print!("{text}");
            Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Task::Replay { directory, bytes } => {
            println!("{}", serde_json::to_string(&end_to_end::replay(&directory, bytes)?)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn targets(path: &Path) -> Result<Targets> {
    Targets::parse(&fs::read_to_string(path).with_context(|| path.display().to_string())?)
}

fn gate(at: &Where) -> Result<ExitCode> {
    let targets = targets(&at.targets)?;
    let mut rows = Vec::new();
    for (name, group) in GROUPS {
        eprintln!("{name}: checking the answers, then timing");
        for mut case in group().with_context(|| format!("{name}: a wrong answer is not timed"))? {
            let mut row = Row::of_figure(&case.run(GATE_BUDGET), &targets);
            for _ in 1..GATE_TRIES {
                if row.passes {
                    break;
                }
                row = Row::of_figure(&case.run(GATE_BUDGET), &targets);
            }
            rows.push(row);
        }
    }
    eprintln!("end to end: {} MB", GATE_BYTES / 1_000_000);
    let mut run = Row::of_end_to_end(&end_to_end::measure(&at.data, GATE_BYTES)?, &targets);
    for _ in 1..GATE_TRIES {
        if run.iter().all(|row| row.passes) {
            break;
        }
        run = Row::of_end_to_end(&end_to_end::measure(&at.data, GATE_BYTES)?, &targets);
    }
    rows.extend(run);
    eprintln!("socket to alert: {GATE_LATENCY_S} s at {} events/s", latency::RATE);
    let mut row = Row::of_latency(&latency::measure(&at.data, &at.noroshi, GATE_LATENCY_S)?, &targets);
    for _ in 1..GATE_TRIES {
        if row.passes {
            break;
        }
        row = Row::of_latency(&latency::measure(&at.data, &at.noroshi, GATE_LATENCY_S)?, &targets);
    }
    rows.push(row);
    print!("{}", table(&rows));
    let failed: Vec<&str> = rows.iter().filter(|row| !row.passes).map(|row| row.name.as_str()).collect();
    if failed.is_empty() {
        println!("the gate is passed; targets are for {}", targets.server.class);
        return Ok(ExitCode::SUCCESS);
    }
    println!("error: far below what benches/targets.toml records, {GATE_TRIES} times in a row: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn complete(full: &Full) -> Result<()> {
    let targets = targets(&full.at.targets)?;
    let path = full.at.data.join("figures.json");
    let text = fs::read_to_string(&path).with_context(|| format!("{}: run `cargo bench` first", path.display()))?;
    let figures: Vec<Figure> = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let mut rows: Vec<Row> = figures.iter().map(|figure| Row::of_figure(figure, &targets)).collect();
    eprintln!("end to end: {} MB, three runs", FULL_BYTES / 1_000_000);
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(end_to_end::measure(&full.at.data, FULL_BYTES)?);
    }
    runs.sort_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
    rows.extend(Row::of_end_to_end(&runs[1], &targets));
    eprintln!("socket to alert: {FULL_LATENCY_S} s at {} events/s", latency::RATE);
    rows.push(Row::of_latency(&latency::measure(&full.at.data, &full.at.noroshi, FULL_LATENCY_S)?, &targets));
    print!("{}", table(&rows));
    println!("targets are for {}", targets.server.class);
    if let Some(directory) = &full.record {
        let conditions = conditions(&full.commit, &full.load_before);
        let date = jiff::Zoned::now().strftime("%Y-%m-%d").to_string();
        let class = conditions.iter().find(|(name, _)| name == "cpu").map_or("host", |(_, cpu)| cpu.as_str());
        let class: String =
            class.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
        let path = directory.join(format!("{date}-{}.csv", class.trim_matches('-')));
        fs::create_dir_all(directory)?;
        fs::write(&path, csv(&rows, &conditions))?;
        println!("recorded in {}", path.display());
    }
    Ok(())
}

/// What a figure depends on beside the code.
fn conditions(commit: &str, load_before: &str) -> Vec<(String, String)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown").to_owned()
    };
    let rustc = Command::new("rustc").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let memory = read("/proc/meminfo").lines().next().unwrap_or_default().replace("MemTotal:", "").trim().to_owned();
    vec![
        ("commit".to_owned(), commit.to_owned()),
        ("date".to_owned(), jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("cpu".to_owned(), field("model name")),
        ("cpu family and model".to_owned(), format!("{} {}", field("cpu family"), field("model\t"))),
        ("cores".to_owned(), std::thread::available_parallelism().map_or(0, usize::from).to_string()),
        ("memory".to_owned(), memory),
        ("load before (1, 5, 15 min)".to_owned(), load_before.to_owned()),
        (
            "load at the end (1, 5, 15 min; the run itself makes 1 to 3)".to_owned(),
            read("/proc/loadavg").trim().to_owned(),
        ),
        ("rustc".to_owned(), String::from_utf8_lossy(&rustc).trim().to_owned()),
        (
            "times".to_owned(),
            "medians of CPU time, one thread; end_to_end by wall time, median of three runs".to_owned(),
        ),
    ]
}

fn figures(only: Option<&str>, seconds: f64) -> Result<()> {
    for (name, group) in GROUPS {
        if only.is_some_and(|only| !only.starts_with(name) && !name.starts_with(only)) {
            continue;
        }
        for mut case in group().with_context(|| name.to_owned())? {
            if only.is_some_and(|only| !case.name.starts_with(only)) {
                continue;
            }
            let figure = case.run(Duration::from_secs_f64(seconds));
            println!(
                "{:24} {:8.1} ns/{} ({:.1} to {:.1})  {:6.2} M/s  {:5.2} GB/s  {:.4} of {} at {:.2} ns  {}",
                figure.name,
                figure.ns,
                figure.unit,
                figure.ns_range.0,
                figure.ns_range.1,
                figure.per_s() / 1e6,
                figure.gb_per_s(),
                figure.ratio,
                figure.baseline_name,
                figure.baseline_ns,
                figure.note
            );
        }
    }
    Ok(())
}
