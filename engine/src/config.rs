//! The configuration: TOML, unknown keys refused, units in names.
//!
//! An environment variable overrides the file and a flag overrides both, for the few keys
//! that differ by host; everything else is the file's. Secrets are never in it, only paths of files
//! that hold them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use noroshi_input::{InputSpec, InputType};
use noroshi_rules::rule::Placeholders;
use noroshi_tree::{KeyKind, Verifier};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::copy::CopyConfig;
use crate::intel::{AssetConfig, FeedConfig, IndicatorsConfig};
use crate::keeping::RetentionConfig;
use crate::pipeline::InputSettings;
use crate::sink::OutputConfig;

/// Everything `noroshi run` is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of this node on alerts; the host's name where it is not given.
    pub node: Option<String>,
    /// Where state lives: checkpoints, the spool, what was sent.
    #[serde(default = "default_state_dir")]
    pub state_dir: PathBuf,
    /// Zone of stamps without one, where the input declares none.
    pub timezone: Option<String>,
    /// Threads and queues.
    #[serde(default)]
    pub engine: EngineConfig,
    /// Which rules.
    #[serde(default)]
    pub rules: RulesConfig,
    /// Which indicators.
    #[serde(default)]
    pub indicators: IndicatorsConfig,
    /// Feeds of indicators.
    #[serde(default, rename = "feed")]
    pub feeds: Vec<FeedConfig>,
    /// What hosts and networks are worth.
    #[serde(default, rename = "asset")]
    pub assets: Vec<AssetConfig>,
    /// Which inventories.
    #[serde(default)]
    pub tables: TablesConfig,
    /// Lateness and budgets.
    #[serde(default)]
    pub correlation: CorrelationConfig,
    /// Where records come from.
    #[serde(default, rename = "input")]
    pub inputs: Vec<InputSpec>,
    /// Where alerts go.
    #[serde(default, rename = "output")]
    pub outputs: Vec<OutputConfig>,
    /// Metrics and health.
    #[serde(default)]
    pub metrics: MetricsConfig,
    /// The raw spool of what was not understood.
    #[serde(default)]
    pub spool: SpoolConfig,
    /// Where every record is kept; absent = nowhere.
    pub archive: Option<ArchiveConfig>,
    /// The engine's own log, on standard error.
    #[serde(default)]
    pub log: LogConfig,
    /// SHA-256 of the file's text.
    #[serde(skip)]
    pub digest: [u8; 32],
}

/// `[engine]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Worker threads; 0 = one a core.
    pub workers: usize,
    /// Correlation shards; 0 = half the workers, at least one. Changes no result.
    pub shards: usize,
    /// Batches (up to 256 KiB each) between inputs and workers.
    pub queue_batches: usize,
    /// How long a clean stop may take.
    pub stop_timeout_s: u64,
    /// How often the state of the correlations is kept over a restart; 0 = never.
    pub snapshot_interval_ms: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        // 64 batches: 8 MiB at most, and at 400,000 events/s some 80 ms of slack.
        EngineConfig {
            workers: 0,
            shards: 0,
            queue_batches: 64,
            stop_timeout_s: 30,
            // What a crash costs: ten seconds of logs read again from files, ten seconds of windows over sockets.
            snapshot_interval_ms: 10_000,
        }
    }
}

/// `[rules]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    /// Files and directories of Sigma rules.
    pub paths: Vec<PathBuf>,
    /// Let every rule see every event.
    pub ignore_logsource: bool,
    /// How often the files are looked at for changes; 0 = only on SIGHUP.
    pub reload_interval_s: u64,
    /// Files and directories of lists for the placeholders of rules: text files and CSV tables.
    pub lists: Vec<PathBuf>,
    /// `[rules.placeholders]`: lists written out.
    pub placeholders: Placeholders,
}

impl Default for RulesConfig {
    fn default() -> Self {
        RulesConfig {
            paths: Vec::new(),
            ignore_logsource: false,
            reload_interval_s: 2,
            lists: Vec::new(),
            placeholders: Placeholders::new(),
        }
    }
}

/// `[tables]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TablesConfig {
    /// Directory of CSV, JSON, YAML or MaxMind files, each a table.
    pub path: Option<PathBuf>,
    /// Zone in which the tables tell times of day; the configuration's where it is not given.
    pub timezone: Option<String>,
    /// Calendar of working days, of inputs that name none; `japan` where the zone is Tokyo's, else `weekdays`.
    pub calendar: Option<String>,
}

impl TablesConfig {
    /// The zone, for people: the host's where none is named.
    ///
    /// # Errors
    /// The name is no zone.
    pub fn zone(&self, config: &Config) -> anyhow::Result<noroshi_parsers::zone::Zone> {
        crate::cli::zone_of(self.timezone.as_deref().or(config.timezone.as_deref()))
    }
}

/// `[correlation]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorrelationConfig {
    /// Declared lateness of sources whose input declares none.
    pub lateness_s: u64,
    /// How far ahead of its receive time an event may be; beyond, it is future.
    pub allowed_skew_s: u64,
    /// A source silent for so long holds the windows of others open no longer.
    pub source_idle_timeout_s: u64,
    /// State of one rule; over it the keys least likely to complete go.
    pub state_bytes_max: usize,
}

impl Default for CorrelationConfig {
    fn default() -> Self {
        CorrelationConfig {
            lateness_s: 60,
            allowed_skew_s: 300,
            source_idle_timeout_s: 300,
            state_bytes_max: 256 << 20,
        }
    }
}

/// `[metrics]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// Address of `/metrics` and `/healthz`; absent = not served.
    pub listen: Option<SocketAddr>,
    /// Allow an address that is not loopback.
    pub allow_remote: bool,
}

/// `[spool]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpoolConfig {
    /// Directory; absent = `spool` in the state directory.
    pub dir: Option<PathBuf>,
    /// Size at which a file is closed and the next begun.
    pub rotate_bytes: u64,
    /// Closed files kept; the oldest goes, counted.
    pub keep_files: usize,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        // 16 × 64 MiB: a bound of 1 GiB that an operator can find room for without asking.
        SpoolConfig { dir: None, rotate_bytes: 64 << 20, keep_files: 16 }
    }
}

/// `[archive]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveConfig {
    /// Directory; absent = `archive` in the state directory.
    pub dir: Option<PathBuf>,
    /// Bytes at which a write-ahead segment is closed and sealed as Parquet.
    pub segment_bytes: u64,
    /// Age at which one is.
    pub segment_age_s: u64,
    /// How far back new indicators are hunted in the archive; 0 = they are not.
    pub retro_hunt_days: u32,
    /// Who cosigns the tree.
    pub witness: Vec<WitnessConfig>,
    /// How long what is sealed is kept.
    pub retention: RetentionConfig,
    /// Where what is sealed is copied to; absent = nowhere.
    pub copy: Option<CopyConfig>,
}

/// `[[archive.witness]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// Where it is asked, `http://witness.example.com:8470`.
    pub url: String,
    /// Its verifier key, as `noroshi witness init` printed it.
    pub key: String,
}

impl WitnessConfig {
    /// Its key, read.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verifier(&self) -> Result<Verifier, String> {
        let verifier = Verifier::parse(self.key.trim()).map_err(|error| error.to_string())?;
        match verifier.kind() {
            KeyKind::Cosignature => Ok(verifier),
            KeyKind::Note => Err("this is the key of an archive, not of a witness".to_owned()),
        }
    }
}

impl Default for ArchiveConfig {
    fn default() -> Self {
        ArchiveConfig {
            dir: None,
            segment_bytes: noroshi_archive::SEGMENT_BYTES,
            segment_age_s: noroshi_archive::SEGMENT_AGE_S,
            retro_hunt_days: 90,
            witness: Vec::new(),
            retention: RetentionConfig::default(),
            copy: None,
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// error, warn, info, debug or trace.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig { level: "info".into() }
    }
}

fn default_state_dir() -> PathBuf {
    "/var/lib/noroshi".into()
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// Line from 1; 0 where the file has none to blame.
    pub line: usize,
    /// Column from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  --> {}", self.message, self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.help.is_empty() {
            write!(f, "\n   = help: {}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Errors, one after the other.
pub fn join(errors: &[ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl Config {
    /// Reads and checks a file; relative paths in it are taken from its directory.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(path: &Path) -> Result<Self, Vec<ConfigError>> {
        let error = |message: String, help: &str| ConfigError {
            file: path.to_owned(),
            line: 0,
            column: 0,
            message,
            help: help.into(),
        };
        let text = std::fs::read_to_string(path).map_err(|cause| {
            vec![error(format!("cannot read the configuration: {cause}"), "noroshi init writes one to start from")]
        })?;
        let mut config = Self::parse(&text, path)?;
        config.resolve_paths(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Parses and checks the text of a configuration.
    ///
    /// # Errors
    /// Everything that is wrong, at once; a syntax error or unknown key ends the reading.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Vec<ConfigError>> {
        let mut config: Config = toml::from_str(text).map_err(|cause| {
            let at = cause.span().map_or(0, |span| span.start);
            let before = text.get(..at).unwrap_or_default();
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            let message = cause.message().trim_end().to_owned();
            let help =
                if message.contains("unknown field") { "noroshi init prints every key with its meaning" } else { "" };
            vec![ConfigError {
                file: path.to_owned(),
                line: before.matches('\n').count() + 1,
                column: before[line_start..].chars().count() + 1,
                message,
                help: help.into(),
            }]
        })?;
        config.digest = Sha256::digest(text.as_bytes()).into();
        let errors = config.errors(text, path);
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }

    fn errors(&self, text: &str, path: &Path) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        // The place of a table is found by its value: good enough to jump to, and serde keeps no more.
        let mut blame = |needle: &str, message: String, help: &str| {
            let line = text.lines().position(|line| line.contains(needle)).map_or(0, |at| at + 1);
            let file = path.to_owned();
            errors.push(ConfigError { file, line, column: usize::from(line > 0), message, help: help.into() });
        };
        let mut names = std::collections::HashSet::new();
        for input in &self.inputs {
            let quoted = format!("\"{}\"", input.name);
            if !names.insert(&input.name) {
                blame(
                    &quoted,
                    format!("two inputs are named `{}`", input.name),
                    "the name tells them apart in the ledger and on alerts",
                );
            }
            for cause in input.kind().err().into_iter().flatten() {
                blame(&quoted, format!("input `{}`: {}: {}", input.name, cause.key, cause.what), &cause.help);
            }
            if let Some(name) = &input.format {
                if let Err(cause) = crate::cli::format_of(name) {
                    blame(
                        name,
                        format!("input `{}`: {cause}", input.name),
                        "leave `format` out to have it found per record",
                    );
                }
            }
            if let Some(Err(cause)) = input.timezone.as_deref().map(noroshi_parsers::zone::Zone::parse) {
                blame(input.timezone.as_deref().unwrap_or_default(), format!("input `{}`: {cause}", input.name), "");
            }
        }
        let mut feeds = std::collections::HashSet::new();
        for feed in &self.feeds {
            if !feeds.insert(&feed.name) {
                let message = format!("two feeds are named `{}`", feed.name);
                blame(&feed.name, message, "the name tells them apart on alerts and on disk");
            }
        }
        let wrong =
            self.feeds.iter().flat_map(FeedConfig::check).chain(self.assets.iter().flat_map(AssetConfig::check));
        for wrong in wrong {
            blame(&wrong.word, wrong.what, wrong.help);
        }
        for output in &self.outputs {
            for cause in output.check() {
                blame("[[output]]", format!("output `{}`: {}: {}", output.name(), cause.key, cause.what), &cause.help);
            }
        }
        if let Some(Err(cause)) = self.tables.timezone.as_deref().map(noroshi_parsers::zone::Zone::parse) {
            blame(self.tables.timezone.as_deref().unwrap_or_default(), format!("tables: {cause}"), "");
        }
        if let Some(Err(cause)) = self.timezone.as_deref().map(noroshi_parsers::zone::Zone::parse) {
            blame(self.timezone.as_deref().unwrap_or_default(), cause, "");
        }
        if let Some(listen) =
            self.metrics.listen.filter(|listen| !listen.ip().is_loopback() && !self.metrics.allow_remote)
        {
            blame(
                "listen",
                format!("metrics on {listen} would be open to the network"),
                "listen on 127.0.0.1, or set allow_remote = true",
            );
        }
        if self.log.level.parse::<tracing::Level>().is_err() {
            blame(
                &self.log.level,
                format!("unknown log level `{}`", self.log.level),
                "error, warn, info, debug or trace",
            );
        }
        if self.archive.as_ref().is_some_and(|archive| !(1 << 20..=1 << 30).contains(&archive.segment_bytes)) {
            blame(
                "segment_bytes",
                "archive.segment_bytes is not between 1 MiB and 1 GiB".into(),
                "a segment is sealed in memory: 64 MiB is the default",
            );
        }
        if self.archive.as_ref().is_some_and(|archive| archive.segment_age_s == 0) {
            blame("segment_age_s", "archive.segment_age_s is 0".into(), "300 is the default");
        }
        for witness in self.archive.iter().flat_map(|archive| &archive.witness) {
            if !witness.url.starts_with("http://") && !witness.url.starts_with("https://") {
                blame(&witness.url, format!("`{}` is no address of a witness", witness.url), "http://HOST:PORT");
            }
            if let Err(why) = witness.verifier() {
                blame(
                    &witness.key,
                    format!("the key of the witness at {}: {why}", witness.url),
                    "`noroshi witness init` prints it",
                );
            }
        }
        if let Some(archive) = &self.archive {
            let names: Vec<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
            for wrong in archive.retention.check(&names, archive.segment_bytes) {
                blame(&wrong.word, wrong.what, &wrong.help);
            }
            for wrong in archive.copy.iter().flat_map(CopyConfig::check) {
                blame(&wrong.word, wrong.what, &wrong.help);
            }
        }
        if self.spool.rotate_bytes < 1 << 16 {
            blame(
                "rotate_bytes",
                "spool.rotate_bytes is under 64 KiB".into(),
                "one record alone may be 1 MiB; 64 MiB is the default",
            );
        }
        errors
    }

    fn resolve_paths(&mut self, base: &Path) {
        let absolute = |path: &mut PathBuf| {
            if path.is_relative() {
                *path = base.join(&*path);
            }
        };
        absolute(&mut self.state_dir);
        let outputs = self.outputs.iter_mut();
        outputs
            .flat_map(|output| [&mut output.path, &mut output.authorization_file, &mut output.ca_file])
            .flatten()
            .for_each(absolute);
        self.archive.iter_mut().filter_map(|archive| archive.dir.as_mut()).for_each(absolute);
        let copies = self.archive.iter_mut().filter_map(|archive| archive.copy.as_mut());
        copies.flat_map(|copy| [&mut copy.credentials_file, &mut copy.ca_file]).flatten().for_each(absolute);
        self.rules.paths.iter_mut().chain(&mut self.spool.dir).chain(&mut self.tables.path).for_each(absolute);
        self.indicators.paths.iter_mut().chain(&mut self.indicators.known_good).for_each(absolute);
        for feed in &mut self.feeds {
            feed.paths.iter_mut().chain(&mut feed.authorization_file).chain(&mut feed.ca_file).for_each(absolute);
        }
        for input in &mut self.inputs {
            [&mut input.certificate_file, &mut input.key_file, &mut input.client_ca_file, &mut input.token_file]
                .into_iter()
                .flatten()
                .for_each(absolute);
            // Whole: a record's file is part of its alert's id, however the configuration was named.
            let whole = std::path::absolute(base.join(".")).unwrap_or_else(|_| base.to_owned());
            for path in input.paths.iter_mut().flatten() {
                if Path::new(path).is_relative() {
                    *path = whole.join(&*path).to_string_lossy().into_owned();
                }
            }
        }
    }

    /// Where the archive is, or would be.
    pub fn archive_dir(&self) -> PathBuf {
        let dir = self.archive.as_ref().and_then(|archive| archive.dir.clone());
        dir.unwrap_or_else(|| self.state_dir.join("archive"))
    }

    /// How far back new indicators are hunted; 0 = not.
    pub fn retro_hunt_days(&self) -> u32 {
        self.archive.as_ref().map_or(0, |archive| archive.retro_hunt_days)
    }

    /// How the archive is kept, if one is.
    pub fn archive_settings(&self, inputs: &[InputSettings]) -> Option<noroshi_archive::Settings> {
        let archive = self.archive.as_ref()?;
        Some(noroshi_archive::Settings {
            directory: self.archive_dir(),
            segment_bytes: archive.segment_bytes,
            segment_age: Duration::from_secs(archive.segment_age_s),
            inputs: archive_inputs(inputs),
            node: self.node(),
            clock: crate::cli::now_ns,
            uptime: crate::cli::uptime,
            retention: archive.retention.retention(),
        })
    }

    /// What an operator should know of a configuration that is in order, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        if self.archive.is_some() {
            return Vec::new();
        }
        let answers = |input: &&InputSpec| matches!(input.input_type, InputType::Relp | InputType::Http);
        let told = |input: &InputSpec| {
            format!(
                "input `{}`: acknowledged means worked off and handed to the outputs, not on disk: no archive is configured",
                input.name
            )
        };
        self.inputs.iter().filter(answers).map(told).collect()
    }

    /// Name of this node.
    pub fn node(&self) -> String {
        self.node.clone().unwrap_or_else(|| {
            let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
        })
    }

    /// Worker threads.
    pub fn workers(&self) -> usize {
        match self.engine.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        }
    }

    /// Correlation shards.
    pub fn shards(&self) -> usize {
        match self.engine.shards {
            0 => (self.workers() / 2).max(1),
            shards => shards.min(noroshi_correlate::PARTITIONS),
        }
    }
}

/// How the archive reads the records of each input.
pub fn archive_inputs(inputs: &[InputSettings]) -> BTreeMap<String, noroshi_archive::InputOptions> {
    let of = |input: &InputSettings| noroshi_archive::InputOptions {
        options: Arc::clone(&input.options),
        split: input.split,
        correction: input.clocks.clone().map(|clocks| -> noroshi_archive::Correction {
            Arc::new(move |event, record| clocks.correct(event, record))
        }),
    };
    inputs.iter().map(|input| (input.name.to_string(), of(input))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let errors = Config::parse(text, Path::new("noroshi.toml")).expect_err("is refused");
        assert_eq!(join(&errors), expected);
    }

    #[test]
    fn the_template_is_valid_and_complete() {
        let config = Config::parse(include_str!("cli/noroshi.toml"), Path::new("noroshi.toml"))
            .unwrap_or_else(|errors| panic!("{}", join(&errors)));
        assert!(config.inputs.len() >= 3 && !config.outputs.is_empty());
    }

    #[test]
    fn unknown_keys_are_refused_with_their_place() {
        check(
            "[engine]\nworkerz = 2\n",
            "unknown field `workerz`, expected one of `workers`, `shards`, `queue_batches`, `stop_timeout_s`, `snapshot_interval_ms`\n  --> noroshi.toml:2:1\n   = help: noroshi init prints every key with its meaning",
        );
    }

    #[test]
    fn all_errors_come_at_once() {
        let errors = Config::parse(
            "timezone = \"Mars/Olympus\"\n[metrics]\nlisten = \"0.0.0.0:9464\"\n[[input]]\nname = \"a\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nformat = \"asa9\"\n",
            Path::new("noroshi.toml"),
        )
        .expect_err("is refused");
        let lines: Vec<_> = errors.iter().map(|error| error.line).collect();
        assert_eq!(lines, [8, 1, 3]);
    }
}
