//! Feeds that are polled: asked for what is new, checked, and put in place of what was there when they are sound.
//!
//! What was fetched lies in files below the state directory, so that a start needs no network; the engine sees that
//! they changed as it sees any other file. A document that is broken, or holds nothing where there was something, is not put in place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use noroshi_rules::indicators::Builder;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{info, warn};

use super::config::{FeedConfig, FeedType};
use super::fetch::Client;
use super::taxii;
use crate::metrics::{Exposition, Kind};

/// First pause after a failure; it doubles up to the feed's interval.
const RETRY_S: u64 = 30;
/// Events of a MISP feed; the largest public one has some 2,000.
const EVENTS_MAX: usize = 100_000;
/// Longest table of contents or event of a MISP feed.
const MISP_BYTES_MAX: u64 = 64 << 20;

/// How a feed is doing.
#[derive(Debug, Default)]
pub struct FeedStatus {
    /// Its name.
    pub name: String,
    polls: AtomicU64,
    failures: AtomicU64,
    kept: AtomicU64,
    indicators: AtomicU64,
    fetched_s: AtomicI64,
}

/// What is remembered between two polls, and over restarts.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// What it was fetched from: of another address nothing is remembered.
    url: String,
    etag: String,
    last_modified: String,
    /// taxii: when the newest object known was added.
    pub(super) added_after: String,
    /// Indicators of the last sound document.
    indicators: u64,
}

/// What a poll came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Polled {
    /// Nothing new.
    Unchanged,
    /// In place, with so many indicators.
    Taken(u64),
    /// Not put in place, and why.
    Kept(String),
}

/// Threads that poll, one a feed.
pub struct Poller {
    /// Every polled feed.
    pub feeds: Vec<Arc<FeedStatus>>,
    /// Dropped to stop.
    stop: Option<Sender<()>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Poller {
    /// Begins to poll every feed that has a URL. `now_s` tells the time.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn start(feeds: &[FeedConfig], state_dir: &Path, now_s: fn() -> i64) -> std::io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let mut poller = Poller { feeds: Vec::new(), stop: Some(stop), threads: Vec::new() };
        for config in feeds.iter().filter(|config| config.url.is_some()) {
            let status = Arc::new(FeedStatus { name: config.name.clone(), ..FeedStatus::default() });
            poller.feeds.push(Arc::clone(&status));
            let (config, stopped) = (config.clone(), stopped.clone());
            let directory = state_dir.join("feeds").join(&config.name);
            let thread = std::thread::Builder::new().name(format!("feed {}", config.name));
            poller.threads.push(thread.spawn(move || run(&config, &directory, &status, &stopped, now_s))?);
        }
        Ok(poller)
    }

    /// Tells every feed's counts.
    pub fn append_metrics(feeds: &[Arc<FeedStatus>], text: &mut Exposition) {
        for status in feeds {
            let labels = &[("feed", status.name.as_str())];
            for (name, help, kind, value) in [
                ("noroshi_feed_polls_total", "Polls of a feed.", Kind::Counter, status.polls.load(Relaxed) as f64),
                (
                    "noroshi_feed_failures_total",
                    "Polls that failed.",
                    Kind::Counter,
                    status.failures.load(Relaxed) as f64,
                ),
                (
                    "noroshi_feed_kept_total",
                    "Documents not put in place, as they were empty or broken.",
                    Kind::Counter,
                    status.kept.load(Relaxed) as f64,
                ),
                (
                    "noroshi_feed_indicators",
                    "Indicators of the last sound document.",
                    Kind::Gauge,
                    status.indicators.load(Relaxed) as f64,
                ),
                (
                    "noroshi_feed_fetched_timestamp_seconds",
                    "When the feed last answered soundly.",
                    Kind::Gauge,
                    status.fetched_s.load(Relaxed) as f64,
                ),
            ] {
                text.add(name, help, kind, labels, value);
            }
        }
    }

    /// Stops polling. A request under way is left to its own end.
    pub fn stop(mut self) {
        drop(self.stop.take());
        self.threads.into_iter().filter(std::thread::JoinHandle::is_finished).for_each(|thread| drop(thread.join()));
    }
}

fn run(config: &FeedConfig, directory: &Path, status: &FeedStatus, stopped: &Receiver<()>, now_s: fn() -> i64) {
    let mut pause_s = RETRY_S;
    loop {
        status.polls.fetch_add(1, Relaxed);
        let wait_s = match poll(config, directory) {
            Ok((polled, state)) => {
                status.indicators.store(state.indicators, Relaxed);
                match polled {
                    Polled::Unchanged => status.fetched_s.store(now_s(), Relaxed),
                    Polled::Taken(indicators) => {
                        status.fetched_s.store(now_s(), Relaxed);
                        info!(feed = %status.name, indicators, "feed fetched");
                    }
                    Polled::Kept(why) => {
                        status.kept.fetch_add(1, Relaxed);
                        warn!(feed = %status.name, "the feed's new document is not taken: {}; the one before stays", shown(&why));
                    }
                }
                pause_s = RETRY_S;
                config.interval_s
            }
            Err(cause) => {
                status.failures.fetch_add(1, Relaxed);
                warn!(feed = %status.name, retry_in_s = pause_s, "the feed cannot be fetched: {}", shown(&cause));
                let wait_s = pause_s.min(config.interval_s);
                pause_s = pause_s.saturating_mul(2);
                wait_s
            }
        };
        match stopped.recv_timeout(Duration::from_secs(wait_s)) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return,
        }
    }
}

/// What a server said, fit for a log.
fn shown(text: &str) -> String {
    crate::terminal::escape_controls(&text.chars().take(300).collect::<String>()).into_owned()
}

/// Asks once. The answer is what it came to, and what is remembered.
pub(super) fn poll(config: &FeedConfig, directory: &Path) -> Result<(Polled, State), String> {
    let told = |cause: std::io::Error| format!("{}: {cause}", directory.display());
    let client = Client::new(config)?;
    let fetched = directory.join("fetched");
    std::fs::create_dir_all(&fetched).map_err(told)?;
    let url = config.url.clone().unwrap_or_default();
    let remembered = directory.join("state.json");
    let known = std::fs::read(&remembered).ok().and_then(|bytes| serde_json::from_slice::<State>(&bytes).ok());
    let mut state = known.filter(|state| state.url == url).unwrap_or_else(|| State { url, ..State::default() });
    let polled = match config.kind {
        FeedType::Document => document(&client, config, &fetched, &mut state),
        FeedType::Misp => misp(&client, config, &fetched, &mut state),
        FeedType::Taxii => taxii::poll(&client, config, &fetched, &mut state),
    }?;
    if matches!(polled, Polled::Taken(_)) {
        let bytes = serde_json::to_vec(&state).map_err(|cause| cause.to_string())?;
        put(&remembered, &bytes).map_err(told)?;
    }
    Ok((polled, state))
}

fn document(client: &Client, config: &FeedConfig, fetched: &Path, state: &mut State) -> Result<Polled, String> {
    let headers = [("If-None-Match", state.etag.as_str()), ("If-Modified-Since", state.last_modified.as_str())];
    // Where the files were removed the whole is asked for.
    let there = std::fs::read_dir(fetched).is_ok_and(|mut entries| entries.next().is_some());
    let answer = client.get(&state.url, if there { &headers } else { &[] })?;
    if answer.status == 304 {
        return Ok(Polled::Unchanged);
    }
    let answer = answer.ok()?;
    let (etag, last_modified) = (answer.header("ETag"), answer.header("Last-Modified"));
    let part = fetched.join(".part");
    download(answer, &part, config.bytes_max)?;
    let name = format!("feed.{}", extension(&state.url, &part));
    let polled = replace(config, &part, &fetched.join(&name), state)?;
    if matches!(polled, Polled::Taken(_)) {
        (state.etag, state.last_modified) = (etag, last_modified);
        remove_others(fetched, &BTreeSet::from([name])).map_err(|cause| cause.to_string())?;
    }
    Ok(polled)
}

fn download(answer: super::fetch::Answer, part: &Path, bytes_max: u64) -> Result<(), String> {
    let told = |cause: std::io::Error| format!("{}: {cause}", part.display());
    let mut file = File::create(part).map_err(told)?;
    answer.write_to(&mut file, bytes_max)?;
    file.sync_all().map_err(told)
}

/// Puts a fetched file in place if it is sound.
pub(super) fn replace(config: &FeedConfig, part: &Path, whole: &Path, state: &mut State) -> Result<Polled, String> {
    let (taken, why) = judge(config, part, whole)?;
    let why = why.or_else(|| (taken == 0 && state.indicators > 0).then(|| "it holds no indicator".to_owned()));
    if let Some(why) = why {
        let _ = std::fs::remove_file(part);
        return Ok(Polled::Kept(why));
    }
    std::fs::rename(part, whole).map_err(|cause| format!("{}: {cause}", whole.display()))?;
    state.indicators = taken;
    Ok(Polled::Taken(taken))
}

/// How many indicators a file would give, and why it is not sound.
fn judge(config: &FeedConfig, part: &Path, whole: &Path) -> Result<(u64, Option<String>), String> {
    let mut builder = Builder::new();
    let mut file = File::open(part).map_err(|cause| format!("{}: {cause}", part.display()))?;
    let summary = builder.read(whole, &config.feed(), &mut file);
    let told = builder.roll_back(&Builder::new().mark());
    let why = (!summary.whole).then(|| told.last().map_or_else(String::new, |told| told.message.clone()));
    Ok((summary.taken as u64, why))
}

/// As what a document is kept: by its address, else by how it begins.
fn extension(url: &str, part: &Path) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let named = ["csv", "txt", "json"]
        .into_iter()
        .find(|extension| path.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case(extension)));
    let mut head = Vec::new();
    let begun = File::open(part).and_then(|file| file.take(512).read_to_end(&mut head));
    let json = begun.is_ok() && matches!(head.trim_ascii_start().first(), Some(b'{' | b'['));
    named.unwrap_or(if json { "json" } else { "txt" })
}

/// A MISP feed: the table of contents, and the events that are new in it (MISP feed format, `manifest.json`).
fn misp(client: &Client, config: &FeedConfig, fetched: &Path, state: &mut State) -> Result<Polled, String> {
    let told = |cause: std::io::Error| format!("{}: {cause}", fetched.display());
    let root = state.url.trim_end_matches('/').to_owned();
    let answer = client.get(&format!("{root}/manifest.json"), &[("If-None-Match", &state.etag)])?;
    if answer.status == 304 {
        return Ok(Polled::Unchanged);
    }
    let answer = answer.ok()?;
    let etag = answer.header("ETag");
    let mut text = Vec::new();
    answer.write_to(&mut text, MISP_BYTES_MAX)?;
    let manifest: BTreeMap<String, Value> = match serde_json::from_slice(&text) {
        Ok(manifest) => manifest,
        Err(cause) => return Ok(Polled::Kept(format!("manifest.json is broken: {cause}"))),
    };
    // Its names become names of files.
    let is_name = |name: &String| name.len() == 36 && name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let events: BTreeMap<&String, &Value> =
        manifest.iter().filter(|(name, _)| is_name(name)).take(EVENTS_MAX).collect();
    if events.is_empty() && state.indicators > 0 {
        return Ok(Polled::Kept("manifest.json lists no event".into()));
    }
    let before = std::fs::read(fetched.join("manifest.json")).ok();
    let before: BTreeMap<String, Value> =
        before.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let mut names = BTreeSet::from(["manifest.json".to_owned()]);
    let mut taken = 0;
    for (name, entry) in &events {
        let file = format!("{name}.json");
        let whole = fetched.join(&file);
        let same = before.get(*name).is_some_and(|known| known["timestamp"] == entry["timestamp"]);
        if !same || !whole.exists() {
            let part = fetched.join(".part");
            download(client.get(&format!("{root}/{file}"), &[])?.ok()?, &part, MISP_BYTES_MAX)?;
            if let (_, Some(why)) = judge(config, &part, &whole)? {
                return Ok(Polled::Kept(format!("{file}: {why}")));
            }
            std::fs::rename(&part, &whole).map_err(told)?;
        }
        taken += judge(config, &whole, &whole)?.0;
        names.insert(file);
    }
    put(&fetched.join("manifest.json"), &text).map_err(told)?;
    remove_others(fetched, &names).map_err(told)?;
    state.etag = etag;
    state.indicators = taken;
    Ok(Polled::Taken(taken))
}

fn remove_others(directory: &Path, names: &BTreeSet<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)?.flatten() {
        if !names.contains(entry.file_name().to_string_lossy().as_ref()) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes a file whole or not at all.
pub(super) fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part: PathBuf = path.with_extension("part");
    let mut file = File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&part, path)
}
