//! Retro-hunt: indicators that are new are looked for in what the archive holds already.
//!
//! An indicator is new when it was in no set whose hunt came to its end; which those are is kept by their digests, so that a hunt
//! which a stop cut short begins again at the next start, and what a feed brought meanwhile is hunted with it. Bloom filters and
//! columns name the records that may hold one; these are decoded and examined as when they came in, and what hits becomes an
//! alert with the time and the id of its event. One that was told live is not told again.
//!
//! One thread that yields to all others, one hunt at a time. What is loaded meanwhile is hunted next.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use noroshi_archive::search::query::{Filter, Predicate, Test};
use noroshi_archive::search::{Control, Search};
use noroshi_archive::{InputOptions, Stored, Watcher};
use noroshi_input::files::{Files, replace_durably};
use noroshi_input::{Batch, RecordFlags, RecordRef};
use noroshi_parsers::split;
use noroshi_rules::IndicatorIndex;
use noroshi_rules::indicators::{Description, IndicatorKind};
use sha2::{Digest as _, Sha256};
use tracing::{info, warn};

use crate::again::batch_of;
use crate::alert::Alert;
use crate::detection::Detection;
use crate::evidence::Evidence;
use crate::metrics::{Exposition, Kind};
use crate::pipeline::InputSettings;
use crate::reload::yield_to_others;
use crate::worker::Examiner;

/// Alerts of one hunt at most: an indicator that every second record holds is told by its first thousands, newest first, and the
/// log says that there are more.
const ALERTS_MAX: usize = 10_000;

/// Alerts on their way to the outputs, in parcels.
pub(crate) const QUEUE_PARCELS: usize = 16;

/// How long a hunt waits for records that are on their way to the disk.
const SETTLE: Duration = Duration::from_secs(10);

const DAY_NS: i64 = 86_400_000_000_000;

/// What a digest of the known ones begins with.
const MAGIC: &[u8] = b"noroshi hunted indicators v1\n";

/// What is hunted, where, and whom it is told.
pub(crate) struct Parts {
    pub(crate) files: Arc<dyn Files>,
    /// The archive's directory.
    pub(crate) directory: PathBuf,
    /// Where it is kept what was hunted.
    pub(crate) known: PathBuf,
    pub(crate) inputs: Arc<[InputSettings]>,
    pub(crate) archive_inputs: BTreeMap<String, InputOptions>,
    pub(crate) archive: Watcher,
    pub(crate) days: u32,
    pub(crate) alerts: Sender<Vec<Alert>>,
    pub(crate) clock: fn() -> i64,
}

/// How it goes.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    running: AtomicBool,
    hunts: AtomicU64,
    indicators: AtomicU64,
    passed_over: AtomicU64,
    files: AtomicU64,
    files_done: AtomicU64,
    records: AtomicU64,
    alerts: AtomicU64,
    cut: AtomicU64,
}

/// The thread that hunts.
pub(crate) struct RetroHunt {
    asked: Arc<Mutex<Option<Arc<Detection>>>>,
    wake: Sender<()>,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    pub(crate) standing: Arc<Standing>,
}

impl RetroHunt {
    /// Starts the thread and hunts what is new in `detection`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(parts: Parts, detection: Arc<Detection>) -> io::Result<Self> {
        let standing = Arc::new(Standing::default());
        let stopping = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(Mutex::new(Some(detection)));
        let (wake, woken) = bounded(1);
        let hunter = Hunter { parts, standing: Arc::clone(&standing), stopping: Arc::clone(&stopping) };
        let next = Arc::clone(&asked);
        let thread = std::thread::Builder::new().name("retro-hunt".into()).spawn(move || {
            yield_to_others();
            hunter.serve(&next, &woken);
        })?;
        Ok(RetroHunt { asked, wake, stopping, thread, standing })
    }

    /// Whom a reload tells of the set in force.
    pub(crate) fn told(&self) -> crate::reload::Told {
        let (asked, wake) = (Arc::clone(&self.asked), self.wake.clone());
        Box::new(move |detection| {
            *asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(detection);
            // A full queue has woken it already.
            let _ = wake.try_send(());
        })
    }

    /// Ends it. A hunt that is cut short begins again at the next start.
    pub(crate) fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        drop(self.wake);
        if self.thread.join().is_err() {
            warn!("the thread that hunts new indicators has ended by a fault; they are hunted at the next start");
        }
    }
}

struct Hunter {
    parts: Parts,
    standing: Arc<Standing>,
    stopping: Arc<AtomicBool>,
}

impl Hunter {
    fn serve(&self, asked: &Mutex<Option<Arc<Detection>>>, woken: &Receiver<()>) {
        let mut known = self.load();
        loop {
            let next = asked.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(detection) = next {
                self.standing.running.store(true, Ordering::Relaxed);
                self.take_up(detection, &mut known);
                self.standing.running.store(false, Ordering::Relaxed);
            } else if woken.recv_timeout(Duration::from_millis(200))
                == Err(crossbeam_channel::RecvTimeoutError::Disconnected)
            {
                return;
            }
            if self.stopping.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// Hunts what is new in a set; then its indicators are known.
    fn take_up(&self, detection: Arc<Detection>, known: &mut Option<HashSet<u64>>) {
        let count = detection.indicators.len() as u32;
        let mut all = HashSet::with_capacity(count as usize);
        let mut new = Vec::new();
        for index in (0..count).map(IndicatorIndex) {
            let described = detection.indicators.describe(index);
            let digest = digest_of(&described);
            all.insert(digest);
            if known.as_ref().is_some_and(|known| !known.contains(&digest)) {
                new.push((index, described.kind, described.value));
            }
        }
        // Without a record of what was hunted this is the first set of all: what it holds was looked for from the first record on.
        let ended = new.is_empty() || self.hunt(detection, &new);
        if ended && known.as_ref() != Some(&all) {
            if let Err(cause) = self.save(&all) {
                warn!(path = %self.parts.known.display(), "cannot keep which indicators were hunted: {cause}; they are hunted again after a restart");
            }
            *known = Some(all);
        }
    }

    /// Whether it came to its end.
    fn hunt(&self, detection: Arc<Detection>, new: &[(IndicatorIndex, IndicatorKind, String)]) -> bool {
        let Standing { hunts, indicators, passed_over, alerts, files, files_done, .. } = &*self.standing;
        let plan = Plan::of(new);
        hunts.fetch_add(1, Ordering::Relaxed);
        indicators.fetch_add(new.len() as u64, Ordering::Relaxed);
        passed_over.fetch_add(plan.passed_over, Ordering::Relaxed);
        self.wait_for_disk();
        let Parts { days, clock, directory, archive_inputs, .. } = &self.parts;
        let since = clock().saturating_sub(i64::from(*days).saturating_mul(DAY_NS));
        info!(indicators = new.len(), days, passed_over = plan.passed_over, "new indicators are hunted in the archive");
        let mut look = Look {
            examiner: Examiner::new(detection),
            new: new.iter().map(|(index, ..)| *index).collect(),
            told: HashSet::new(),
            inputs: &self.parts.inputs,
        };
        let (mut records, mut unreadable) = (0, 0);
        for filter in plan.filters {
            let search = match Search::open(Arc::clone(&self.parts.files), directory, archive_inputs.clone()) {
                Ok(search) => search,
                Err(cause) => {
                    warn!("cannot hunt in the archive: {cause}; new indicators are hunted again at the next start");
                    return false;
                }
            };
            let progress = |done: usize, of: usize| {
                files.store(of as u64, Ordering::Relaxed);
                files_done.store(done as u64, Ordering::Relaxed);
            };
            let control = Control { cancelled: &self.stopping, progress: &progress };
            let hunted = search.hunt(&Arc::new(filter), (since, i64::MAX), control, &mut |found| {
                let mut parcel = Vec::new();
                for stored in &found {
                    look.examine(stored, &mut parcel);
                }
                self.standing.records.fetch_add(found.len() as u64, Ordering::Relaxed);
                alerts.fetch_add(parcel.len() as u64, Ordering::Relaxed);
                // The queue's other end is gone when the engine ends: then the hunt begins again at the next start.
                let taken = parcel.is_empty() || self.parts.alerts.send(parcel).is_ok();
                taken && look.told.len() < ALERTS_MAX && !self.stopping.load(Ordering::Relaxed)
            });
            records += hunted.records;
            unreadable += hunted.files_unreadable;
            if self.stopping.load(Ordering::Relaxed) {
                info!("the hunt for new indicators is cut short; it begins again at the next start");
                return false;
            }
        }
        if look.told.len() >= ALERTS_MAX {
            self.standing.cut.fetch_add(1, Ordering::Relaxed);
            warn!(
                alerts = look.told.len(),
                "a hunt for new indicators was ended at its bound; `noroshi hunt` finds the rest"
            );
        }
        info!(
            indicators = new.len(),
            records,
            alerts = look.told.len(),
            unreadable,
            "the hunt for new indicators is over"
        );
        true
    }

    /// Waits until what was handed to the archive by now is on disk: a record examined by the set before is found there.
    fn wait_for_disk(&self) {
        let taken = self.parts.archive.status().records_taken;
        const STEP: Duration = Duration::from_millis(20);
        let mut waited = Duration::ZERO;
        while self.parts.archive.status().records_durable < taken
            && waited < SETTLE
            && !self.stopping.load(Ordering::Relaxed)
        {
            std::thread::sleep(STEP);
            waited += STEP;
        }
    }

    /// The digests of what was hunted; `None` = nothing is known of that.
    fn load(&self) -> Option<HashSet<u64>> {
        let bytes = match self.parts.files.read(&self.parts.known) {
            Ok(bytes) => bytes,
            Err(cause) => {
                if cause.kind() != io::ErrorKind::NotFound {
                    warn!(path = %self.parts.known.display(), "cannot read which indicators were hunted: {cause}");
                }
                return None;
            }
        };
        let Some(digests) = bytes.strip_prefix(MAGIC).filter(|digests| digests.len().is_multiple_of(8)) else {
            warn!(path = %self.parts.known.display(), "damaged; what is loaded now counts as hunted");
            return None;
        };
        let (digests, _) = digests.as_chunks::<8>();
        Some(digests.iter().map(|digest| u64::from_le_bytes(*digest)).collect())
    }

    fn save(&self, known: &HashSet<u64>) -> io::Result<()> {
        let mut digests: Vec<u64> = known.iter().copied().collect();
        digests.sort_unstable();
        let mut bytes = MAGIC.to_vec();
        digests.iter().for_each(|digest| bytes.extend_from_slice(&digest.to_le_bytes()));
        replace_durably(&*self.parts.files, &self.parts.known, &bytes)
    }
}

/// Stands for an indicator: of a million two are equal once in 37 million sets.
fn digest_of(described: &Description<'_>) -> u64 {
    let mut sha = Sha256::new();
    sha.update(described.kind.as_str());
    sha.update([0]);
    sha.update(&described.value);
    u64::from_le_bytes(*sha.finalize().first_chunk().expect("a SHA-256 has 32 bytes"))
}

/// Where in the archive new indicators may stand. It may name too many records, never too few of those whose columns hold one.
struct Plan {
    /// One pass each: first what Bloom filters rule out, then what is looked for in a column.
    filters: Vec<Filter>,
    /// Indicators of kinds that no column is looked through for.
    passed_over: u64,
}

impl Plan {
    fn of(new: &[(IndicatorIndex, IndicatorKind, String)]) -> Self {
        let (mut addresses, mut hosts, mut users, mut hashes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut networks, mut domains) = (Vec::new(), HashSet::new());
        let mut passed_over = 0;
        for (_, kind, value) in new {
            match kind {
                IndicatorKind::Ip => addresses.push(value.clone()),
                IndicatorKind::Cidr => networks.extend(range_of(value)),
                IndicatorKind::Domain => drop(domains.insert(value.clone())),
                IndicatorKind::Hostname => hosts.push(value.clone()),
                IndicatorKind::Url => {
                    // Its host stands in a column of its own; the examination compares the whole.
                    let host = host_of(value);
                    if host.parse::<IpAddr>().is_ok() {
                        addresses.push(host.to_owned());
                    } else {
                        hosts.push(host.to_owned());
                    }
                }
                IndicatorKind::Email => users.push(value.clone()),
                IndicatorKind::Md5
                | IndicatorKind::Sha1
                | IndicatorKind::Sha256
                | IndicatorKind::Ja3
                | IndicatorKind::Certificate => hashes.push(value.clone()),
                _ => passed_over += 1,
            }
        }
        let one_of = |field: &str, mut values: Vec<String>| {
            values.sort_unstable();
            values.dedup();
            (!values.is_empty()).then(|| Filter::Field(field.to_owned(), Test::OneOf(values)))
        };
        let exact: Vec<Filter> = [
            // A name may stand for an address, and the host of a URL in a field of addresses.
            one_of("related.ip", addresses.clone()),
            one_of("related.hosts", hosts.into_iter().chain(addresses).collect()),
            one_of("related.user", users),
            one_of("related.hash", hashes),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut filters = Vec::new();
        if !exact.is_empty() {
            filters.push(Filter::Any(exact));
        }
        if !networks.is_empty() {
            let networks = merged(networks);
            let is_in = move |value: &[u8]| {
                let Some(address) = noroshi_parsers::ip::parse(value) else { return false };
                let number = number_of(address.to_canonical());
                let at = networks.partition_point(|&(first, _)| first <= number);
                at > 0 && number <= networks[at - 1].1
            };
            filters.push(Filter::Field("related.ip".into(), Test::Passes(Predicate(Arc::new(is_in)))));
        }
        if !domains.is_empty() {
            let is_under = move |value: &[u8]| {
                let name = std::str::from_utf8(value).unwrap_or_default().trim_end_matches('.');
                let parents = name.match_indices('.').map(|(at, _)| &name[at + 1..]);
                std::iter::once(name).chain(parents).any(|name| domains.contains(name))
            };
            filters.push(Filter::Field("related.hosts".into(), Test::Passes(Predicate(Arc::new(is_under)))));
        }
        Plan { filters, passed_over }
    }
}

/// The host of a web address as indicators hold it: without `http(s)://`.
fn host_of(url: &str) -> &str {
    let behind = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = &behind[..behind.find(['/', '?', '#']).unwrap_or(behind.len())];
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(v6) = host.strip_prefix('[') {
        return v6.split_once(']').map_or(v6, |(v6, _)| v6);
    }
    host.split_once(':').map_or(host, |(host, _)| host)
}

/// An address as a number in the range of IPv6, IPv4 mapped into it.
fn number_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn range_of(network: &str) -> Option<(u128, u128)> {
    let (address, bits) = network.split_once('/')?;
    let (address, bits) = (address.parse::<IpAddr>().ok()?, bits.parse::<u32>().ok()?);
    let free = if address.is_ipv4() { 32_u32 } else { 128 }.checked_sub(bits)?;
    let mask = 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
    let first = number_of(address) & !mask;
    Some((first, first | mask))
}

/// Ranges in order, without overlaps.
fn merged(mut ranges: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    ranges.sort_unstable();
    let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut().filter(|before| first <= before.1) {
            Some(before) => before.1 = before.1.max(last),
            None => merged.push((first, last)),
        }
    }
    merged
}

/// Examines records as when they came in, for new indicators alone.
struct Look<'a> {
    examiner: Examiner,
    new: HashSet<IndicatorIndex>,
    /// Alerts told by this hunt: passes overlap.
    told: HashSet<[u8; 16]>,
    inputs: &'a [InputSettings],
}

impl Look<'_> {
    fn examine(&mut self, stored: &Stored, alerts: &mut Vec<Alert>) {
        let inputs = self.inputs;
        let Some((input, settings)) = inputs.iter().enumerate().find(|(_, input)| *input.name == stored.input) else {
            // Of an input that is configured no more nobody knows how it was read.
            return;
        };
        let batch = batch_of(std::slice::from_ref(stored), input as u16);
        let record = batch.records[0];
        if record.flags.contains(RecordFlags::PART) && record.part > 0 {
            return;
        }
        match settings.split.then(|| split::elements(batch.record(&record))).flatten() {
            None => self.event(&batch, &record, None, settings, alerts),
            Some(elements) => {
                for element in elements {
                    let piece = record.piece(&element.range);
                    self.event(&batch, &piece, Some(element.index), settings, alerts);
                }
            }
        }
    }

    fn event(
        &mut self,
        batch: &Batch,
        record: &RecordRef,
        element: Option<u32>,
        settings: &InputSettings,
        alerts: &mut Vec<Alert>,
    ) {
        let bytes = batch.record(record);
        self.examiner.examine_said(bytes, record, batch.origin(record).said(), settings);
        let hits: Vec<_> =
            self.examiner.indicator_hits.iter().filter(|hit| self.new.contains(&hit.indicator)).copied().collect();
        if hits.is_empty() {
            return;
        }
        let (view, detection) = (self.examiner.view(bytes), &self.examiner.detection);
        let evidence = Arc::new(Evidence::of(view, batch, record, element, &settings.name));
        for hit in hits {
            let field = detection.dictionary.name(hit.field);
            let value = view.fields().get(usize::from(hit.position)).map(|field| view.value(field)).unwrap_or_default();
            let alert = Alert::of_indicator(detection, hit.indicator, field, value, &evidence).retrospective();
            if self.told.len() < ALERTS_MAX && self.told.insert(alert.id) {
                alerts.push(alert);
            }
        }
    }
}

impl Standing {
    pub(crate) fn append_metrics(&self, text: &mut Exposition) {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        for (name, help, kind, value) in [
            (
                "noroshi_retro_hunt_running",
                "Whether new indicators are being hunted in the archive.",
                Kind::Gauge,
                f64::from(u8::from(self.running.load(Ordering::Relaxed))),
            ),
            ("noroshi_retro_hunts_total", "Hunts begun.", Kind::Counter, of(&self.hunts)),
            ("noroshi_retro_hunts_cut_total", "Hunts ended at their bound of alerts.", Kind::Counter, of(&self.cut)),
            ("noroshi_retro_hunt_indicators_total", "New indicators hunted.", Kind::Counter, of(&self.indicators)),
            (
                "noroshi_retro_hunt_passed_over_total",
                "New indicators of kinds that are not hunted in the archive.",
                Kind::Counter,
                of(&self.passed_over),
            ),
            ("noroshi_retro_hunt_files", "Files of the pass under way.", Kind::Gauge, of(&self.files)),
            ("noroshi_retro_hunt_files_done", "Files of it that are done.", Kind::Gauge, of(&self.files_done)),
            ("noroshi_retro_hunt_records_total", "Archived records examined.", Kind::Counter, of(&self.records)),
            ("noroshi_retro_hunt_alerts_total", "Alerts that came of it.", Kind::Counter, of(&self.alerts)),
        ] {
            text.add(name, help, kind, &[], value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(kind: IndicatorKind, values: &[&str]) -> Plan {
        let new: Vec<_> = values.iter().map(|value| (IndicatorIndex(0), kind, (*value).to_owned())).collect();
        Plan::of(&new)
    }

    #[track_caller]
    fn check(kind: IndicatorKind, listed: &[&str], found: &[&str], missed: &[&str]) {
        let Plan { filters, .. } = plan(kind, listed);
        let passes = |value: &str| match &filters[0] {
            Filter::Field(_, Test::Passes(predicate)) => (predicate.0)(value.as_bytes()),
            other => panic!("{other:?}"),
        };
        found.iter().for_each(|value| assert!(passes(value), "{value}"));
        missed.iter().for_each(|value| assert!(!passes(value), "{value}"));
    }

    #[test]
    fn networks_and_domains_are_found_by_their_members() {
        let networks = ["192.0.2.0/25", "192.0.2.64/26", "2001:db8::/33", "198.51.100.7/32"];
        let members = ["192.0.2.0", "192.0.2.127", "2001:db8::1", "::ffff:192.0.2.5", "198.51.100.7"];
        check(IndicatorKind::Cidr, &networks, &members, &["192.0.2.128", "2001:db8:8000::", "198.51.100.8", "text"]);
        let missed = ["notevil.example", "example", "evil.example.org", ""];
        check(
            IndicatorKind::Domain,
            &["evil.example"],
            &["evil.example", "a.b.evil.example", "evil.example."],
            &missed,
        );
    }

    #[test]
    fn the_host_of_a_web_address() {
        for (url, host) in [
            ("evil.example/a?b", "evil.example"),
            ("http://u:p@evil.example:8080/x", "evil.example"),
            ("[2001:db8::1]:80/x", "2001:db8::1"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(host_of(url), host);
        }
        assert_eq!(plan(IndicatorKind::Asn, &["64496"]).passed_over, 1);
    }
}
