//! Who sends: the sources whose watermarks decide when a window is complete.
//!
//! A source is (input, sending device, family of formats); a family is what Sigma calls a product.
//! The device is the host that the record names, else the peer. Each input has
//! room for [`SOURCES_PER_INPUT_MAX`] of them, as the host name is the sender's to choose; the
//! overflow shares one.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::Mutex;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use noroshi_correlate::{SourceAdvance, SourceId};
use noroshi_input::{InputSpec, Origin};
use noroshi_parsers::ecs;
use noroshi_parsers::event::{Event, EventView};
use noroshi_parsers::logsource::{LOG_SOURCES, LogSourceId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Sources of one input. A collector for a few thousand hosts; each costs under 200 bytes in every worker and shard.
pub const SOURCES_PER_INPUT_MAX: usize = 4096;

/// Entries of one worker's cache before it is begun anew: 4 inputs' worth.
const CACHE_MAX: usize = 4 * SOURCES_PER_INPUT_MAX;

/// The feed class of a log source: all log sources of one Sigma product share it.
pub fn class_of(log_source: LogSourceId) -> u16 {
    let products = log_source.get().products;
    LOG_SOURCES.iter().position(|other| other.products == products).unwrap_or(0) as u16
}

/// Feed classes by log source, computed once.
pub fn classes() -> Vec<u16> {
    (0..LOG_SOURCES.len()).map(|at| class_of(LogSourceId(at as u16))).collect()
}

/// Stands for the classes' numbers: another version that counts its log sources otherwise has another digest.
pub(crate) fn classes_digest() -> [u8; 32] {
    let mut sha = Sha256::new();
    for name in LOG_SOURCES.iter().flat_map(|source| source.products.iter().copied().chain(["\n"])) {
        sha.update(name);
        sha.update([0]);
    }
    sha.finalize().into()
}

/// A source as it is kept over a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceRow {
    pub(crate) id: u32,
    pub(crate) input: u16,
    pub(crate) class: u16,
    pub(crate) device: Box<[u8]>,
}

/// Numbers for sources, shared by the workers.
#[derive(Debug, Default)]
pub struct Registry {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    ids: HashMap<(u16, u16, Box<[u8]>), SourceId, FixedState>,
    per_input: HashMap<u16, usize, FixedState>,
    overflowed: u64,
    /// The next number.
    next: u32,
}

impl Registry {
    /// Sources known from before; `next` is the first number that nobody has.
    pub(crate) fn restored(rows: impl Iterator<Item = SourceRow>, next: SourceId) -> Registry {
        let mut known = Known { next: next.0, ..Known::default() };
        for SourceRow { id, input, class, device } in rows {
            *known.per_input.entry(input).or_default() += 1;
            known.ids.insert((input, class, device), SourceId(id));
        }
        Registry { known: Mutex::new(known) }
    }

    /// What [`Registry::restored`] takes, by number.
    pub(crate) fn rows(&self) -> Vec<SourceRow> {
        let known = self.known.lock().expect("no holder panics");
        let row = |((input, class, device), id): (&(u16, u16, Box<[u8]>), &SourceId)| SourceRow {
            id: id.0,
            input: *input,
            class: *class,
            device: device.clone(),
        };
        let mut rows: Vec<_> = known.ids.iter().map(row).collect();
        rows.sort_unstable_by_key(|row| row.id);
        rows
    }

    fn id(&self, input: u16, class: u16, device: &[u8]) -> SourceId {
        let mut known = self.known.lock().expect("no holder panics");
        if let Some(&id) = known.ids.get(&(input, class, Box::from(device)) as &(u16, u16, Box<[u8]>)) {
            return id;
        }
        let count = known.per_input.entry(input).or_default();
        let device: Box<[u8]> = if *count < SOURCES_PER_INPUT_MAX {
            *count += 1;
            device.into()
        } else {
            known.overflowed += 1;
            Box::from(&b"\0overflow"[..])
        };
        if let Some(&id) = known.ids.get(&(input, class, device.clone())) {
            return id;
        }
        let id = SourceId(known.next);
        known.next += 1;
        known.ids.insert((input, class, device), id);
        id
    }

    /// How many sources there are, and how many devices had to share the overflow.
    pub fn counts(&self) -> (usize, u64) {
        let known = self.known.lock().expect("no holder panics");
        (known.ids.len(), known.overflowed)
    }
}

/// What an input declares of its sources.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// How far out of order.
    pub lateness_ns: i64,
    /// How far ahead of the receive time.
    pub allowed_skew_ns: i64,
    /// How long silence holds others back.
    pub idle_timeout_ns: i64,
}

/// What is added to the stamps of an input's records.
#[derive(Clone, Debug, Default)]
pub struct ClockOffsets {
    all_ns: i64,
    by_host: HashMap<Box<[u8]>, i64, FixedState>,
}

impl ClockOffsets {
    /// What an input's configuration declares; `None` = nothing.
    #[must_use]
    pub fn of_input(input: &InputSpec) -> Option<ClockOffsets> {
        let none = BTreeMap::new();
        ClockOffsets::of(input.clock_offset_s, input.clock_offsets_s.as_ref().unwrap_or(&none))
    }

    /// Offsets in seconds: of all, and of the hosts that have their own; `None` where there are none.
    #[must_use]
    pub fn of(all_s: Option<i64>, by_host_s: &BTreeMap<String, i64>) -> Option<ClockOffsets> {
        let ns = |seconds: i64| seconds.saturating_mul(1_000_000_000);
        let by_host = by_host_s.iter().map(|(host, &seconds)| (Box::from(host.as_bytes()), ns(seconds)));
        let offsets = ClockOffsets { all_ns: ns(all_s.unwrap_or(0)), by_host: by_host.collect() };
        (offsets.all_ns != 0 || !offsets.by_host.is_empty()).then_some(offsets)
    }

    /// Puts an event's time right, where the record told one.
    pub fn correct(&self, event: &mut Event, record: &[u8]) {
        if !event.core.time_from_record {
            return;
        }
        let of_host = match self.by_host.is_empty() {
            true => None,
            false => event.view(record).first(ecs::HOST_NAME).and_then(|host| self.by_host.get(host)).copied(),
        };
        event.core.time_ns = event.core.time_ns.saturating_add(of_host.unwrap_or(self.all_ns));
    }
}

struct Slot {
    id: SourceId,
    input: u16,
    class: u16,
    min_ns: i64,
    max_ns: i64,
    touched: bool,
    /// Least time from an event to its receipt in the batch; `i64::MAX` = none.
    delay_ns: i64,
}

/// One worker's view: who sent what in this batch.
pub struct Tracker {
    cache: HashMap<(u16, u16, u64), u32, FixedState>,
    by_id: HashMap<u32, u32, FixedState>,
    slots: Vec<Slot>,
    touched: Vec<u32>,
    timed: Vec<u32>,
    hasher: FixedState,
    classes: Vec<u16>,
}

impl Default for Tracker {
    fn default() -> Self {
        Tracker {
            cache: HashMap::default(),
            by_id: HashMap::default(),
            slots: Vec::new(),
            touched: Vec::new(),
            timed: Vec::new(),
            hasher: FixedState::default(),
            classes: classes(),
        }
    }
}

impl Tracker {
    /// Notes an event's source. Returns its number and whether the event is future.
    #[inline]
    pub fn note(
        &mut self,
        registry: &Registry,
        event: EventView<'_>,
        input: u16,
        origin: &Origin,
        declared: &Declared,
    ) -> (SourceId, bool) {
        let core = event.core();
        let class = self.classes.get(usize::from(core.log_source.0)).copied().unwrap_or(0);
        let host = event.first(ecs::HOST_NAME).filter(|host| !host.is_empty());
        let mut address = [0u8; 16];
        let device = match host {
            Some(host) => host,
            None => peer(origin, &mut address),
        };
        let key = (input, class, self.hasher.hash_one(device));
        let at = match self.cache.get(&key) {
            Some(&at) => at,
            None => {
                if self.cache.len() >= CACHE_MAX {
                    // Slots of this batch stay; only the way to them is found anew.
                    self.cache.clear();
                }
                let id = registry.id(input, class, device);
                let slots = &mut self.slots;
                let at = *self.by_id.entry(id.0).or_insert_with(|| {
                    slots.push(Slot {
                        id,
                        input,
                        class,
                        min_ns: i64::MAX,
                        max_ns: i64::MIN,
                        touched: false,
                        delay_ns: i64::MAX,
                    });
                    slots.len() as u32 - 1
                });
                self.cache.insert(key, at);
                at
            }
        };
        let slot = &mut self.slots[at as usize];
        if core.time_from_record && core.receive_time_ns != 0 {
            if slot.delay_ns == i64::MAX {
                self.timed.push(at);
            }
            let delay_ns = core.receive_time_ns.saturating_sub(core.time_ns).min(i64::MAX - 1);
            slot.delay_ns = slot.delay_ns.min(delay_ns);
        }
        let future =
            core.receive_time_ns != 0 && core.time_ns > core.receive_time_ns.saturating_add(declared.allowed_skew_ns);
        if !future {
            if !slot.touched {
                slot.touched = true;
                (slot.min_ns, slot.max_ns) = (core.time_ns, core.time_ns);
                self.touched.push(at);
            } else {
                slot.min_ns = slot.min_ns.min(core.time_ns);
                slot.max_ns = slot.max_ns.max(core.time_ns);
            }
        }
        (slot.id, future)
    }

    /// What the batch moved; forgets it.
    pub fn advances(&mut self, declared: impl Fn(u16) -> Declared) -> Vec<SourceAdvance> {
        let mut advances = Vec::with_capacity(self.touched.len());
        for at in self.touched.drain(..) {
            let slot = &mut self.slots[at as usize];
            slot.touched = false;
            let declared = declared(slot.input);
            advances.push(SourceAdvance {
                source: slot.id,
                class: slot.class,
                lateness_ns: declared.lateness_ns,
                idle_timeout_ns: declared.idle_timeout_ns,
                min_event_time_ns: slot.min_ns,
                max_event_time_ns: slot.max_ns,
            });
        }
        advances
    }
}

impl Tracker {
    /// The least delays of the batch, by source; forgets them.
    pub fn delays(&mut self) -> Vec<(SourceId, i64)> {
        let slots = &mut self.slots;
        let taken = self.timed.drain(..).map(|at| {
            let slot = &mut slots[at as usize];
            (slot.id, std::mem::replace(&mut slot.delay_ns, i64::MAX))
        });
        taken.collect()
    }
}

fn peer<'a>(origin: &'a Origin, address: &'a mut [u8; 16]) -> &'a [u8] {
    match origin {
        Origin::File { path, .. } => path.as_os_str().as_encoded_bytes(),
        Origin::Stdin => b"-",
        _ => {
            *address = match origin.peer().map(|peer| peer.ip()) {
                Some(IpAddr::V4(ip)) => ip.to_ipv6_mapped().octets(),
                Some(IpAddr::V6(ip)) => ip.octets(),
                None => [0; 16],
            };
            address
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_host_names_shares_the_overflow_and_bounds_memory() {
        let registry = Registry::default();
        let mut tracker = Tracker::default();
        let declared = Declared { lateness_ns: 0, allowed_skew_ns: 5, idle_timeout_ns: 0 };
        let mut event = Event::new();
        let mut last = SourceId(0);
        for n in 0..SOURCES_PER_INPUT_MAX + 100 {
            event.clear();
            let host = format!("host-{n}");
            event.writer(b"").put(ecs::HOST_NAME, host.as_bytes());
            event.core.time_ns = n as i64;
            (last, _) = tracker.note(&registry, event.view(b""), 0, &Origin::Stdin, &declared);
        }
        assert_eq!(registry.counts(), (SOURCES_PER_INPUT_MAX + 1, 100));
        let advances = tracker.advances(|_| declared);
        assert_eq!(advances.len(), SOURCES_PER_INPUT_MAX + 1);
        assert_eq!(
            advances.iter().find(|advance| advance.source == last).map(|advance| advance.max_event_time_ns),
            Some(SOURCES_PER_INPUT_MAX as i64 + 99)
        );
    }

    #[test]
    fn a_future_event_moves_no_watermark() {
        let registry = Registry::default();
        let mut tracker = Tracker::default();
        let declared = Declared { lateness_ns: 0, allowed_skew_ns: 5, idle_timeout_ns: 0 };
        let mut event = Event::new();
        event.clear();
        event.core.receive_time_ns = 100;
        event.core.time_ns = 106;
        let (_, future) = tracker.note(&registry, event.view(b""), 0, &Origin::Stdin, &declared);
        assert!(future && tracker.advances(|_| declared).is_empty());
        event.core.time_ns = 105;
        let (_, future) = tracker.note(&registry, event.view(b""), 0, &Origin::Stdin, &declared);
        assert!(!future && tracker.advances(|_| declared).len() == 1);
    }

    #[test]
    fn a_fixed_offset_corrects_the_hosts_it_names_and_the_others_by_the_input() {
        let hosts = BTreeMap::from([("fw".to_owned(), -5)]);
        let offsets = ClockOffsets::of(Some(60), &hosts).expect("there are some");
        let mut event = Event::new();
        let mut time_of = |host: &[u8], from_record: bool| {
            event.clear();
            event.writer(b"").put(ecs::HOST_NAME, host);
            (event.core.time_ns, event.core.time_from_record) = (1_000_000_000_000, from_record);
            offsets.correct(&mut event, b"");
            event.core.time_ns / 1_000_000_000
        };
        assert_eq!((time_of(b"fw", true), time_of(b"web", true), time_of(b"fw", false)), (995, 1060, 1000));
        assert!(ClockOffsets::of(None, &BTreeMap::new()).is_none());
    }

    #[test]
    fn the_least_delay_of_a_batch_is_told_once_future_or_not() {
        let (registry, mut tracker) = (Registry::default(), Tracker::default());
        let declared = Declared { lateness_ns: 0, allowed_skew_ns: 5, idle_timeout_ns: 0 };
        let mut event = Event::new();
        for time_ns in [70, 130, 90] {
            event.clear();
            (event.core.receive_time_ns, event.core.time_ns, event.core.time_from_record) = (100, time_ns, true);
            tracker.note(&registry, event.view(b""), 0, &Origin::Stdin, &declared);
        }
        assert_eq!(tracker.delays().iter().map(|(_, delay)| *delay).collect::<Vec<_>>(), [-30]);
        assert!(tracker.delays().is_empty());
    }
}
