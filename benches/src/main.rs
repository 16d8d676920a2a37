//! `noroshi-gen`: writes streams, indicator lists and rule sets, and plays the demo scenario.

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use noroshi_benches::demo::feed::{self, FeedOptions};
use noroshi_benches::demo::{INDICATORS_CSV, scenario};
use noroshi_benches::generate::indicators::{self, ListForm};
use noroshi_benches::generate::{Extent, Format, Generator, Options, sigma};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Generates log streams with planted truth. Same seed, same bytes.
#[derive(Parser)]
#[command(name = "noroshi-gen", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    stream: Stream,
}

#[derive(Subcommand)]
enum Command {
    /// Writes the demo scenario to files: all.log, one file a channel, indicators.csv, truth.json
    Demo(Demo),
    /// Plays the demo scenario live over sockets and into a file, then ends
    Feed(Feed),
}

#[derive(Args)]
struct Demo {
    /// Same seed, same scenario
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Event time of the start (RFC 3339)
    #[arg(long, default_value = "2026-03-02T09:00:00Z")]
    now_start: jiff::Timestamp,
    /// Lines in all
    #[arg(long, default_value_t = scenario::LINES)]
    lines: u64,
    /// Event time the scenario spans
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Directory to write to
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args)]
struct Feed {
    /// Same seed, same scenario
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Receiver of syslog datagrams
    #[arg(long)]
    udp: Option<SocketAddr>,
    /// Receiver of two TCP connections: octet-counted syslog, and JSON lines
    #[arg(long)]
    tcp: Option<SocketAddr>,
    /// File that proxy and web lines are appended to
    #[arg(long)]
    file: Option<PathBuf>,
    /// Length of the run
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Lines in all
    #[arg(long, default_value_t = scenario::LINES)]
    lines: u64,
    /// Event time of the start (RFC 3339; default: now)
    #[arg(long)]
    base_time: Option<jiff::Timestamp>,
    /// Event time that passes in one second of the run
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
}

/// A stream of log lines, an indicator list and a rule set: each is made when its size is given.
#[derive(Args)]
struct Stream {
    /// Same seed, same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Size of the stream; K, M and G are powers of 1,000. Whole lines, never more
    #[arg(long, value_parser = parse_size, conflicts_with = "lines")]
    bytes: Option<u64>,
    /// Lines of the stream
    #[arg(long, value_parser = parse_size)]
    lines: Option<u64>,
    /// One format alone instead of the mix
    #[arg(long)]
    format: Option<Format>,
    /// Event time of the first line (RFC 3339)
    #[arg(long, default_value = "2026-03-02T00:00:00Z")]
    start: jiff::Timestamp,
    /// Events in a second of event time
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    events_per_s: u64,
    /// Where the stream goes (default: stdout)
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where its truth goes (JSON)
    #[arg(long)]
    truth: Option<PathBuf>,
    /// Indicators to list; the planted ones are among them
    #[arg(long, value_parser = parse_size, requires = "indicators_out")]
    indicators: Option<u64>,
    /// Where the list goes
    #[arg(long)]
    indicators_out: Option<PathBuf>,
    /// How the list is written
    #[arg(long, default_value = "csv")]
    indicators_form: ListForm,
    /// Sigma rules to write; half of them, at most 18, hit planted lines
    #[arg(long, requires = "rules_out")]
    rules: Option<usize>,
    /// Directory of the rules; `rules.json` beside them names what each must hit
    #[arg(long)]
    rules_out: Option<PathBuf>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::Demo(args)) => demo(&args),
        Some(Command::Feed(args)) => feed(&args),
        None => stream(&cli.stream),
    }
}

fn nanoseconds(time: jiff::Timestamp) -> Result<u64> {
    u64::try_from(time.as_nanosecond()).context("the time is before 1970")
}

fn demo(args: &Demo) -> Result<()> {
    fs::create_dir_all(&args.out).with_context(|| format!("creating {}", args.out.display()))?;
    let options = FeedOptions {
        seed: args.seed,
        lines: args.lines,
        seconds: args.seconds,
        base_ns: nanoseconds(args.now_start)?,
        scale: 1.0,
        udp: None,
        tcp: None,
        file: None,
    };
    let open = |name: &str| create(&args.out.join(name)).map(BufWriter::new);
    let (mut all, mut udp, mut tcp, mut file) =
        (open("all.log")?, open("udp.log")?, open("tcp.log")?, open("file.log")?);
    let script = scenario::Script::new(args.seed);
    let mut line = Vec::new();
    for (number, play) in scenario::plays(args.seed, args.lines).iter().enumerate() {
        line.clear();
        script.write(&mut line, number as u64, play, options.time_ns(play));
        line.push(b'\n');
        all.write_all(&line)?;
        match play.channel {
            scenario::Channel::Udp => udp.write_all(&line)?,
            scenario::Channel::TcpCounted | scenario::Channel::TcpLines => tcp.write_all(&line)?,
            scenario::Channel::File => file.write_all(&line)?,
        }
    }
    for out in [&mut all, &mut udp, &mut tcp, &mut file] {
        out.flush()?;
    }
    fs::write(args.out.join("indicators.csv"), INDICATORS_CSV)?;
    fs::write(args.out.join("truth.json"), serde_json::to_vec_pretty(&scenario::expected())?)?;
    Ok(())
}

fn feed(args: &Feed) -> Result<()> {
    if args.udp.is_none() && args.tcp.is_none() && args.file.is_none() {
        bail!("nowhere to send to: give --udp, --tcp or --file");
    }
    let options = FeedOptions {
        seed: args.seed,
        lines: args.lines,
        seconds: args.seconds,
        base_ns: nanoseconds(args.base_time.unwrap_or_else(jiff::Timestamp::now))?,
        scale: args.scale,
        udp: args.udp,
        tcp: args.tcp,
        file: args.file.clone(),
    };
    let report = feed::feed(&options).context("feeding the scenario")?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

fn stream(args: &Stream) -> Result<()> {
    if let (Some(count), Some(path)) = (args.indicators, &args.indicators_out) {
        let mut out = BufWriter::new(create(path)?);
        indicators::write_list(args.seed, count, args.indicators_form, &mut out)?;
        out.flush()?;
    }
    if let (Some(count), Some(directory)) = (args.rules, &args.rules_out) {
        write_rules(args.seed, count, directory)?;
    }
    let extent = match (args.lines, args.bytes) {
        (Some(lines), _) => Extent::Lines(lines),
        (None, Some(bytes)) => Extent::Bytes(bytes),
        (None, None) if args.indicators.is_some() || args.rules.is_some() => return Ok(()),
        (None, None) => bail!("nothing to make: give --bytes, --lines, --indicators or --rules"),
    };
    let start_ns = nanoseconds(args.start)?;
    let generator =
        Generator::new(Options { seed: args.seed, format: args.format, start_ns, events_per_s: args.events_per_s });
    let truth = match &args.out {
        Some(path) => {
            let mut file = create(path)?;
            generator.write(extent, &mut file).with_context(|| format!("writing {}", path.display()))?
        }
        None => match generator.write(extent, &mut io::stdout()) {
            // The reader has seen enough (`| head`).
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        },
    };
    if let Some(path) = &args.truth {
        let mut out = BufWriter::new(create(path)?);
        serde_json::to_writer_pretty(&mut out, &truth)?;
        out.flush()?;
    }
    eprintln!(
        "{} lines, {} bytes, mean {:.1} bytes, {} planted, {} look-alikes, {} odd, {} distinct keys, sha256 {}",
        truth.lines,
        truth.bytes,
        truth.mean_line_bytes,
        truth.planted_total(),
        truth.look_alikes,
        truth.odd.values().sum::<u64>(),
        truth.distinct.users + truth.distinct.inside + truth.distinct.outside,
        truth.sha256
    );
    Ok(())
}

fn write_rules(seed: u64, count: usize, directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))?;
    let mut index = serde_json::Map::new();
    for rule in sigma::rules(seed, count) {
        let path = directory.join(&rule.file);
        fs::write(&path, &rule.yaml).with_context(|| format!("writing {}", path.display()))?;
        index.insert(rule.id, rule.hits.map_or(serde_json::Value::Null, |kind| kind.name().into()));
    }
    let path = directory.join("rules.json");
    fs::write(&path, serde_json::to_vec_pretty(&index)?).with_context(|| format!("writing {}", path.display()))
}

fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("creating {}", path.display()))
}

/// `500M` → 500,000,000.
fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1_000),
        Some((at, 'm' | 'M')) => (&text[..at], 1_000_000),
        Some((at, 'g' | 'G')) => (&text[..at], 1_000_000_000),
        _ => (text, 1),
    };
    let number: u64 = digits.parse().map_err(|_| format!("`{text}` is no size; write for example 500M"))?;
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too large"))
}
