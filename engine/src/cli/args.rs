//! What the command line accepts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::terminal::{ColorChoice, OutputMode};

/// Log monitoring and correlation engine, the core of a SIEM.
#[derive(Parser, Debug)]
#[command(name = "noroshi", version, about, propagate_version = true, max_term_width = 110)]
#[command(
    after_help = "Exit codes: 0 ok; 1 findings (--fail-on-hit) or warnings; 2 a rule was refused; 3 config or usage error."
)]
pub(crate) struct Arguments {
    /// Colours in what is printed; NO_COLOR and pipes turn them off.
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto, global = true)]
    pub color: ColorChoice,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Write a commented noroshi.toml to start from.
    Init(InitArgs),
    /// Read the configured inputs and raise alerts until stopped.
    Run(RunArgs),
    /// Turn log lines into ECS events: one JSON object a line, nothing skipped.
    Parse(ParseArgs),
    /// Match rules and indicators against files: one JSON object a hit.
    Match(MatchArgs),
    /// Run files through rules and correlations in event time: one JSON object an alert.
    Replay(ReplayArgs),
    /// Run the tests inside rule files: records in, alerts out.
    Test(TestArgs),
    /// Check config, rules and indicators; tell every error at once.
    Check(CheckArgs),
    /// Tell part by part why a rule matches an event or does not, with the actual values.
    Explain(ExplainArgs),
    /// Look at rules as a set.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Search the archive: `source.ip:192.0.2.0/24 AND "failed" | stats count by user.name`.
    Search(SearchArgs),
    /// Ask the archive in SQL: `SELECT "user.name", count(*) FROM events GROUP BY 1` (builds with the feature `sql`).
    Query(QueryArgs),
    /// Look for indicators in what the archive holds.
    Hunt(HuntArgs),
    /// Keep what a query finds, whatever the retention says.
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Make the archive ready before its first start.
    #[command(subcommand)]
    Archive(ArchiveCommand),
    /// Show that the archive is what was sealed: exit code 0 verified, 1 tampered, 2 undecidable.
    Verify(VerifyArgs),
    /// Write the proof that a record was kept, for someone without access to the archive.
    Prove(ProveArgs),
    /// Verify such a proof: needs no archive.
    VerifyProof(VerifyProofArgs),
    /// Tell by input and minute what was received, parsed, lost and why, late, and not yet synced.
    Ledger(LedgerArgs),
    /// Tell how a running engine stands, or the last one stood: inputs, archive, spool, outputs.
    Stats(StatsArgs),
    /// Freeze records with their proofs into one file, and verify such a file where the archive is not.
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// List who searched, proved, exported or changed rules, as the archive's tree has it.
    Audit(AuditArgs),
    /// Indicators: list them, look one up, import a file, count.
    Intel(IntelArgs),
    /// List the products whose records are understood, with the documents followed and the fields each yields.
    Sources(SourcesArgs),
    /// On another host, cosign that an archive only ever grows.
    #[command(subcommand)]
    Witness(WitnessCommand),
    /// Print a shell completion script.
    Completions {
        /// bash, zsh, fish, elvish or powershell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff).
    Man,
}

#[derive(Subcommand, Debug)]
pub(crate) enum HoldCommand {
    /// Hold every segment with a record that the query finds: `noroshi hold add 'user.name:sato' --reason 'case 2026-17'`.
    Add(HoldAddArgs),
    /// List the holds in force.
    List(HoldListArgs),
    /// Let go of a hold; what only it held goes as the retention says.
    Release(HoldReleaseArgs),
}

/// Which archive.
#[derive(Args, Debug)]
pub(crate) struct ArchivePlace {
    /// The configuration that names the archive [default: noroshi.toml].
    #[arg(long, short, env = "NOROSHI_CONFIG")]
    pub config: Option<PathBuf>,
    /// The archive's directory, where it is not the configuration's.
    #[arg(long, value_name = "DIR")]
    pub archive: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct HoldAddArgs {
    /// What is held, as for a search, without `|`; empty = everything.
    #[arg(allow_hyphen_values = true)]
    pub query: String,
    /// Why: the case, the order, who asked.
    #[arg(long)]
    pub reason: String,
    /// Events from so long ago on (1d, 12h, 30m), or from a time (RFC 3339).
    #[arg(long, value_name = "T")]
    pub since: Option<String>,
    /// Events before so long ago, or before a time.
    #[arg(long, value_name = "T")]
    pub until: Option<String>,
    #[command(flatten)]
    pub place: ArchivePlace,
}

#[derive(Args, Debug)]
pub(crate) struct HoldListArgs {
    /// Those that were released too.
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub place: ArchivePlace,
    /// How they are printed.
    #[arg(long, value_enum)]
    pub output: Option<OutputMode>,
}

#[derive(Args, Debug)]
pub(crate) struct HoldReleaseArgs {
    /// Its number, as `hold list` shows it.
    pub id: u64,
    /// Why.
    #[arg(long)]
    pub reason: String,
    #[command(flatten)]
    pub place: ArchivePlace,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ArchiveCommand {
    /// Make the first key of the open tail and show it, once: with it `verify` tells whether what is not sealed yet was changed.
    Init(ArchivePlace),
}

#[derive(Subcommand, Debug)]
pub(crate) enum WitnessCommand {
    /// Make the witness's key and print its public half, which archives and auditors are given.
    Init(WitnessInitArgs),
    /// Serve the witness until stopped: POST /add-checkpoint, as c2sp.org/tlog-witness has it.
    Run(WitnessRunArgs),
}

#[derive(Args, Debug)]
pub(crate) struct WitnessInitArgs {
    /// Name of the witness: a host and a path, such as witness.example.com/w1.
    pub name: String,
    /// Where its key and what it remembers are kept.
    #[arg(long, default_value = "witness")]
    pub dir: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct WitnessRunArgs {
    /// Where its key and what it remembers are kept.
    #[arg(long, default_value = "witness")]
    pub dir: PathBuf,
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:8470")]
    pub listen: std::net::SocketAddr,
    /// Verifier key of an archive, or a file that holds it; once for each.
    #[arg(long, value_name = "KEY")]
    pub log: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// Where to write it.
    #[arg(default_value = "noroshi.toml")]
    pub path: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    pub force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The configuration.
    #[arg(long, short, env = "NOROSHI_CONFIG", default_value = "noroshi.toml")]
    pub config: PathBuf,
    /// Name of this node on alerts; over NOROSHI_NODE and the file.
    #[arg(long, env = "NOROSHI_NODE")]
    pub node: Option<String>,
    /// Worker threads; over NOROSHI_WORKERS and the file.
    #[arg(long, env = "NOROSHI_WORKERS")]
    pub workers: Option<usize>,
    /// Directory of state, spool and checkpoints; over NOROSHI_STATE_DIR and the file.
    #[arg(long, env = "NOROSHI_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Where metrics are served; over NOROSHI_METRICS_LISTEN and the file.
    #[arg(long, env = "NOROSHI_METRICS_LISTEN")]
    pub metrics_listen: Option<std::net::SocketAddr>,
    /// How alerts go to standard output where that is an output.
    #[arg(long, value_enum)]
    pub output: Option<OutputMode>,
    /// Load what is sound and leave refused rules out.
    #[arg(long)]
    pub keep_going: bool,
}

/// How the lines of files are to be read.
#[derive(Args, Debug, Default, Clone)]
pub(crate) struct ReadArgs {
    /// Format of every file; otherwise detected per record.
    #[arg(long, value_name = "NAME")]
    pub format: Option<String>,
    /// Zone of stamps that carry none: an IANA name or an offset [default: the host's].
    #[arg(long, value_name = "TZ", allow_hyphen_values = true)]
    pub timezone: Option<String>,
    /// Character set of the files: auto, utf-8, cp932, euc-jp, iso-2022-jp, latin-1 or utf-16 [default: auto, judged per record].
    #[arg(long, value_name = "NAME")]
    pub charset: Option<String>,
    /// Keep only what each record writes, every value once: no schema names beside the vendor's, nothing made of values,
    /// sentences whole.
    #[arg(long)]
    pub as_written: bool,
    /// What year-less stamps are judged by, RFC 3339 [default: the newest full stamp of the inputs, else the newest file's modification time].
    #[arg(long, value_name = "T")]
    pub reference_time: Option<String>,
    /// Format and zone of the files that match a glob: GLOB=format,zone; either may be empty.
    #[arg(long, value_name = "GLOB=FORMAT,ZONE")]
    pub source: Vec<String>,
    /// Take formats and zones from the file inputs of this configuration instead.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "timezone", "charset", "source"])]
    pub config: Option<PathBuf>,
    /// How lines are put together to records: auto, json, java, postgresql, mysql_slow, oracle, documents or none
    /// [default: as the format says, else documents; parse: none; without a value: auto].
    #[arg(long, value_name = "KIND", num_args = 0..=1, default_missing_value = "auto", require_equals = true)]
    pub join: Option<String>,
    /// Take each event of a record that holds several (`Records: […]`, an array, objects back to back) by itself
    /// [default: true; parse: false].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub split: Option<bool>,
    /// Worker threads [default: one a core].
    #[arg(long, env = "NOROSHI_WORKERS")]
    pub workers: Option<usize>,
}

#[derive(Args, Debug)]
pub(crate) struct SourcesArgs {
    /// Only those whose name or title holds this.
    pub name: Option<String>,
    /// How they are listed.
    #[arg(long, value_enum)]
    pub output: Option<SourcesOutput>,
}

/// The forms of a list of products.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
pub(crate) enum SourcesOutput {
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// Columns for a terminal.
    Table,
    /// A table for documents.
    Markdown,
}

impl SourcesOutput {
    /// Columns on a terminal, lines elsewhere.
    pub(crate) fn for_stdout() -> Self {
        match OutputMode::for_stdout() {
            OutputMode::Table => Self::Table,
            _ => Self::Ndjson,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct ParseArgs {
    #[command(flatten)]
    pub read: ReadArgs,
    /// Tell how this one line is read: the decoder and product chosen, the bytes each field came from, every defect.
    #[arg(long, value_name = "LINE", conflicts_with = "files")]
    pub explain: Option<String>,
    /// How events are printed.
    #[arg(long, value_enum)]
    pub output: Option<OutputMode>,
    /// Files (.gz and .zst too), or - for standard input.
    #[arg(default_value = "-")]
    pub files: Vec<PathBuf>,
}

/// Which rules and indicators to load.
#[derive(Args, Debug, Default, Clone)]
pub(crate) struct RuleArgs {
    /// Rule files, or directories of them.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub rules: Vec<PathBuf>,
    /// Indicators (plain lists, CSV, STIX, MISP), or directories of them.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub indicators: Vec<PathBuf>,
    /// Lists for the placeholders of rules: NAME.txt is %NAME%, TABLE.csv has %TABLE.COLUMN%; or directories of them.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub lists: Vec<PathBuf>,
    /// Known-good lists (MISP warning lists or plain), or directories of them: what they know raises nothing.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub known_good: Vec<PathBuf>,
    /// Directory of inventory tables: each CSV, JSON, YAML or MaxMind file is a table, named by its stem.
    #[arg(long, value_name = "DIR")]
    pub tables: Option<PathBuf>,
    /// Let every rule see every event, whatever its logsource says.
    #[arg(long)]
    pub ignore_logsource: bool,
    /// Load what is sound and leave refused rules out; refused rules then exit with 1.
    #[arg(long)]
    pub keep_going: bool,
    /// Exit with 1 when there is a hit or an alert.
    #[arg(long)]
    pub fail_on_hit: bool,
}

#[derive(Args, Debug)]
pub(crate) struct MatchArgs {
    #[command(flatten)]
    pub rules: RuleArgs,
    #[command(flatten)]
    pub read: ReadArgs,
    /// How hits are printed.
    #[arg(long, value_enum)]
    pub output: Option<OutputMode>,
    /// Files (.gz and .zst too), or - for standard input.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub rules: RuleArgs,
    #[command(flatten)]
    pub read: ReadArgs,
    /// How alerts are printed.
    #[arg(long, value_enum)]
    pub output: Option<OutputMode>,
    /// Let watermarks follow the records in the order given, by the lateness_s of --config (60 s without): what comes later enters no
    /// window, as in a run, and memory holds windows instead of the whole input.
    #[arg(long, conflicts_with = "verify")]
    pub live: bool,
    /// Do the archived records of the configuration give the alerts that were told? Exit code 0 they do, 1 not, 2 undecidable.
    #[arg(long)]
    pub verify: bool,
    /// --verify: alerts whose last record is from so long ago on (1d, 12h), or from a time.
    #[arg(long, value_name = "T", requires = "verify")]
    pub since: Option<String>,
    /// --verify: the alerts as they were told (NDJSON) [default: the file outputs of the configuration].
    #[arg(long, value_name = "FILE", requires = "verify")]
    pub alerts: Option<PathBuf>,
    /// Files (.gz and .zst too), or - for standard input; with --verify ids of alerts, all without any.
    #[arg(required_unless_present = "verify")]
    pub files: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct IntelArgs {
    #[command(subcommand)]
    pub command: IntelCommand,
}

/// Where indicators are.
#[derive(Args, Debug)]
pub(crate) struct IntelFrom {
    /// The configuration: its indicators, feeds and known-good lists.
    #[arg(long, short)]
    pub config: Option<PathBuf>,
    /// Indicators (plain lists, CSV, STIX, MISP), or directories of them.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub indicators: Vec<PathBuf>,
    /// Known-good lists, or directories of them.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub known_good: Vec<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum IntelCommand {
    /// Every indicator with all its sources say.
    List {
        #[command(flatten)]
        from: IntelFrom,
        /// Only of this kind: ip, domain, url, sha256 …
        #[arg(long)]
        kind: Option<String>,
        /// Only of this feed.
        #[arg(long)]
        feed: Option<String>,
        /// At most so many.
        #[arg(long)]
        limit: Option<usize>,
        /// How they are printed.
        #[arg(long, value_enum)]
        output: Option<OutputMode>,
    },
    /// What is known of values; exits with 1 when one is not known.
    Lookup {
        #[command(flatten)]
        from: IntelFrom,
        /// Addresses, names, URLs, digests …, defanged or not.
        #[arg(required = true)]
        values: Vec<String>,
        /// How they are printed.
        #[arg(long, value_enum)]
        output: Option<OutputMode>,
    },
    /// Check files and add them to a configured feed; a running engine takes them up.
    Import {
        /// The configuration that has the feed.
        #[arg(long, short)]
        config: PathBuf,
        /// The feed's name.
        #[arg(long)]
        feed: String,
        /// Files: STIX, MISP, CSV or plain lists.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// How many indicators there are, by kind and feed.
    Stats {
        #[command(flatten)]
        from: IntelFrom,
        /// How they are printed.
        #[arg(long, value_enum)]
        output: Option<OutputMode>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The configuration, with the rules and indicators it names.
    #[arg(long, short)]
    pub config: Option<PathBuf>,
    /// Rule files, or directories of them.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub rules: Vec<PathBuf>,
    /// Indicator lists, or directories of them.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub indicators: Vec<PathBuf>,
    /// Lists for the placeholders of rules: NAME.txt is %NAME%, TABLE.csv has %TABLE.COLUMN%; or directories of them.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub lists: Vec<PathBuf>,
    /// Directory of inventory tables: each CSV file is a table, named by its stem.
    #[arg(long, value_name = "DIR")]
    pub tables: Option<PathBuf>,
    /// Judge as `run --keep-going` would start: refused rules are told and left out, and exit with 1.
    #[arg(long)]
    pub keep_going: bool,
    /// How diagnostics are printed.
    #[arg(long, value_enum)]
    pub output: Option<OutputMode>,
}

#[derive(Args, Debug)]
pub(crate) struct TestArgs {
    /// Rule files, or directories of them.
    #[arg(required = true)]
    pub rules: Vec<PathBuf>,
    /// Only tests of rules whose id, title or file holds this.
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Refuse rules that could raise alerts and have no test.
    #[arg(long)]
    pub all_tested: bool,
    /// How results are printed.
    #[arg(long, value_enum)]
    pub output: Option<OutputMode>,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// An alert's `noroshi.id`, or its first 8 characters or more: why it was raised.
    #[arg(value_name = "ALERT-ID", required_unless_present = "rule")]
    pub alert: Option<String>,
    /// The records it came of (.gz and .zst too), or - for standard input.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The alerts as they were told (NDJSON): what was told then is held against what the files say now.
    #[arg(long, value_name = "FILE", requires = "alert")]
    pub alerts: Option<PathBuf>,
    /// The list of late and future hits (late.ndjson of the state directory): those of the alert's rule and key are shown.
    #[arg(long, value_name = "FILE", requires = "alert")]
    pub late: Option<PathBuf>,
    /// Most records, near misses, exceptions and late hits shown of each.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub show: usize,
    /// A rule file; or with --rules the id, name or title of a rule there: why it matches an event or does not.
    #[arg(long, value_name = "FILE|ID", requires = "event", conflicts_with = "alert")]
    pub rule: Option<String>,
    /// A file that holds the event, - for standard input, or the record itself.
    #[arg(long, value_name = "FILE|RECORD", requires = "rule")]
    pub event: Option<String>,
    /// Which event of the file, from 1.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub line: u64,
    #[command(flatten)]
    pub rules: RuleArgs,
    #[command(flatten)]
    pub read: ReadArgs,
    /// How it is printed.
    #[arg(long, value_enum)]
    pub output: Option<OutputMode>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum RulesCommand {
    /// List the rules that can never match, each with the reason: what is configured (--config) or what files hold.
    Coverage(CoverageArgs),
}

#[derive(Args, Debug)]
pub(crate) struct CoverageArgs {
    /// Rule files, or directories of them; with --config those of the configuration too.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub rules: Vec<PathBuf>,
    #[command(flatten)]
    pub read: ReadArgs,
    /// How rules are printed.
    #[arg(long, value_enum)]
    pub output: Option<OutputMode>,
    /// Records as they come in (.gz and .zst too): rules are held against their log sources and fields.
    pub files: Vec<PathBuf>,
}

/// Which archive, and which time of it.
#[derive(Args, Debug)]
pub(crate) struct ArchiveArgs {
    /// The configuration that names the archive [default: noroshi.toml].
    #[arg(long, short, env = "NOROSHI_CONFIG")]
    pub config: Option<PathBuf>,
    /// The archive's directory, where it is not the configuration's.
    #[arg(long, value_name = "DIR")]
    pub archive: Option<PathBuf>,
    /// Events from so long ago on (1d, 12h, 30m), or from a time (RFC 3339).
    #[arg(long, value_name = "T")]
    pub since: Option<String>,
    /// Events before so long ago, or before a time.
    #[arg(long, value_name = "T")]
    pub until: Option<String>,
    /// Go on where the archive cannot be written to, so that this is not written down in it: a copy, a mount for reading.
    #[arg(long)]
    pub unaudited: bool,
}

/// How found rows are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum SearchOutput {
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// A table for people.
    Table,
    /// Comma-separated values; no cell begins as a formula.
    Csv,
}

impl SearchOutput {
    /// A table where people look, NDJSON where programs read.
    pub(crate) fn for_stdout() -> Self {
        match OutputMode::for_stdout() {
            OutputMode::Table => Self::Table,
            _ => Self::Ndjson,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct SearchArgs {
    /// Which events, and what to make of them (docs/ARCHIVE.md).
    #[arg(required = true, allow_hyphen_values = true)]
    pub query: String,
    #[command(flatten)]
    pub archive: ArchiveArgs,
    /// How rows are printed.
    #[arg(long, value_enum)]
    pub output: Option<SearchOutput>,
    /// Tell what was read and what was ruled out unread.
    #[arg(long)]
    pub explain: bool,
    /// Search an evidence pack instead; it is verified first.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["archive", "unaudited"])]
    pub pack: Option<PathBuf>,
    /// Verifier keys that the pack is held to, written out or in files [default: the one inside].
    #[arg(long, value_name = "KEY|FILE", requires = "pack")]
    pub key: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct QueryArgs {
    /// One query over the table `events` (docs/ARCHIVE.md).
    #[arg(required = true)]
    pub sql: String,
    #[command(flatten)]
    pub archive: ArchiveArgs,
    /// How rows are printed.
    #[arg(long, value_enum)]
    pub output: Option<SearchOutput>,
    /// Memory for sorting, grouping, joining and the result, in bytes; K, M and G stand for powers of 1024.
    #[arg(long, value_name = "BYTES", default_value = "1G", value_parser = bytes_of)]
    pub memory: usize,
    /// Directory for what does not fit in memory: evidence lies there meanwhile [default: such a query is refused].
    #[arg(long, value_name = "DIR")]
    pub spill: Option<PathBuf>,
}

/// A number of bytes: `4096`, `512M`, `2G`.
fn bytes_of(text: &str) -> Result<usize, String> {
    let unit = |suffix: char| match suffix.to_ascii_uppercase() {
        'K' => Some(10),
        'M' => Some(20),
        'G' => Some(30),
        _ => None,
    };
    let (number, shift) = match text.char_indices().last() {
        Some((at, suffix)) if !suffix.is_ascii_digit() => (&text[..at], unit(suffix)),
        _ => (text, Some(0)),
    };
    let bytes = shift.and_then(|shift| number.parse::<usize>().ok()?.checked_mul(1 << shift));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "give a number of bytes, such as 512M or 2G".into())
}

#[derive(Args, Debug)]
pub(crate) struct HuntArgs {
    /// Indicators: addresses and ranges, names, URLs, hashes, accounts; or files with one a line.
    #[arg(long, value_name = "FILE|VALUE", num_args = 1.., required = true)]
    pub ioc: Vec<String>,
    #[command(flatten)]
    pub archive: ArchiveArgs,
    /// Most rows shown, the newest.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Exit with 1 when anything is found.
    #[arg(long)]
    pub fail_on_hit: bool,
    /// How rows are printed.
    #[arg(long, value_enum)]
    pub output: Option<SearchOutput>,
    /// Tell what was read and what was ruled out unread.
    #[arg(long)]
    pub explain: bool,
}

/// Which archive, and by which keys it is believed.
#[derive(Args, Debug)]
pub(crate) struct PlaceArgs {
    /// The configuration that names the archive [default: noroshi.toml].
    #[arg(long, short, env = "NOROSHI_CONFIG")]
    pub config: Option<PathBuf>,
    /// The archive's directory, where it is not the configuration's.
    #[arg(long, value_name = "DIR")]
    pub archive: Option<PathBuf>,
    /// Verifier keys, written out or in files [default: keys/log.pub beside the archive, which whoever owns the host can change].
    #[arg(long, value_name = "KEY|FILE")]
    pub key: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Checkpoints kept elsewhere, which the tree must continue: shows that it was not put back to an earlier day.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Vec<PathBuf>,
    /// Hold each record to the tree too, not the files alone: independent of the files' format, and slower.
    #[arg(long)]
    pub records: bool,
    /// The archive's first key, as `archive init` showed it, or - for standard input: holds what is not sealed yet to its MACs.
    #[arg(long, value_name = "FILE")]
    pub first_key: Option<PathBuf>,
    /// How the verdict is printed.
    #[arg(long, value_enum)]
    pub output: Option<OutputMode>,
}

#[derive(Args, Debug)]
pub(crate) struct ProveArgs {
    /// Go on where the archive cannot be written to, so that this is not written down in it: a copy, a mount for reading.
    #[arg(long)]
    pub unaudited: bool,
    /// The record's `noroshi.sequence`.
    #[arg(value_name = "SEQUENCE")]
    pub sequence: u64,
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Where the proof is written [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct LedgerArgs {
    /// The configuration that names the state directory [default: noroshi.toml].
    #[arg(long, short, env = "NOROSHI_CONFIG")]
    pub config: Option<PathBuf>,
    /// The state directory, where it is not the configuration's.
    #[arg(long, env = "NOROSHI_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Minutes of receipt from so long ago on (1d, 1h, 30m), or from a time (RFC 3339).
    #[arg(long, value_name = "T", default_value = "1h")]
    pub since: String,
    /// Only this input.
    #[arg(long, value_name = "NAME")]
    pub input: Option<String>,
    /// How minutes are printed.
    #[arg(long, value_enum)]
    pub output: Option<SearchOutput>,
}

#[derive(Args, Debug)]
pub(crate) struct StatsArgs {
    /// The configuration [default: noroshi.toml].
    #[arg(long, short, env = "NOROSHI_CONFIG")]
    pub config: Option<PathBuf>,
    /// The state directory, where it is not the configuration's.
    #[arg(long, env = "NOROSHI_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// The archive's directory, where it is not the configuration's.
    #[arg(long, value_name = "DIR")]
    pub archive: Option<PathBuf>,
    /// How it is printed.
    #[arg(long, value_enum)]
    pub output: Option<OutputMode>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum EvidenceCommand {
    /// Freeze the records of an alert or a query: proofs, alert, rules, notes and a signed manifest.
    Pack(EvidencePackArgs),
    /// Verify a pack, offline: exit code 0 verified, 1 changed, 2 undecidable.
    Verify(EvidenceVerifyArgs),
}

#[derive(Args, Debug)]
pub(crate) struct EvidencePackArgs {
    /// An alert's `noroshi.id`, or its first 8 characters or more; or a query as of `search`.
    #[arg(value_name = "ALERT-ID|QUERY", required = true, allow_hyphen_values = true)]
    pub what: String,
    /// The pack: a .tar.zst file that is not there yet.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// What there is to say about it; once for each.
    #[arg(long, value_name = "TEXT")]
    pub note: Vec<String>,
    /// Records that this query finds too, around the alert where --since and --until do not say otherwise.
    #[arg(long, value_name = "QUERY")]
    pub also: Option<String>,
    /// The alerts as they were told (NDJSON) [default: the file outputs of the configuration].
    #[arg(long, value_name = "FILE")]
    pub alerts: Option<PathBuf>,
    #[command(flatten)]
    pub archive: ArchiveArgs,
}

#[derive(Args, Debug)]
pub(crate) struct EvidenceVerifyArgs {
    /// The pack.
    #[arg(value_name = "FILE")]
    pub pack: PathBuf,
    /// Verifier keys of the archive, written out or in files [default: the one inside, which shows only that the pack agrees with itself].
    #[arg(long, value_name = "KEY|FILE")]
    pub key: Vec<String>,
    /// Verifier keys of witnesses that must all have cosigned.
    #[arg(long, value_name = "KEY|FILE")]
    pub witness: Vec<String>,
    /// How the verdict is printed.
    #[arg(long, value_enum)]
    pub output: Option<OutputMode>,
}

#[derive(Args, Debug)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Acts from so long ago on (1d, 12h, 30m), or from a time (RFC 3339).
    #[arg(long, value_name = "T")]
    pub since: Option<String>,
    /// How they are printed.
    #[arg(long, value_enum)]
    pub output: Option<SearchOutput>,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyProofArgs {
    /// The proof.
    #[arg(value_name = "FILE")]
    pub proof: PathBuf,
    /// Verifier keys of the archive, written out or in files.
    #[arg(long, value_name = "KEY|FILE", required = true)]
    pub key: Vec<String>,
    /// Verifier keys of witnesses that must all have cosigned.
    #[arg(long, value_name = "KEY|FILE")]
    pub witness: Vec<String>,
}
