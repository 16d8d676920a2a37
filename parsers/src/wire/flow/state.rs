//! What is remembered of exporters: templates, samplers, sequence numbers; all bounded.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// Exporters remembered. A bank has hundreds of routers; the address of a datagram is the sender's to choose. Over it
/// the one that was silent longest is forgotten, and has to send its templates again.
pub(super) const EXPORTERS_MAX: usize = 4096;

/// Templates of one exporter. Ids above 255 are free for data (RFC 7011 §3.4.1), devices use a few dozen. Over it
/// the one refreshed longest ago goes.
pub(super) const TEMPLATES_MAX: usize = 512;

/// Fields of all templates of one exporter: 64 templates with the 256 fields of the widest.
pub(super) const EXPORTER_FIELDS_MAX: usize = 16 << 10;

/// Fields of all templates of all exporters, 12 bytes each: 12 MiB. Over it the exporter goes that was silent longest.
pub(super) const FIELDS_MAX: usize = 1 << 20;

/// Fields of one template. The widest seen in the field stay under 100; a datagram has room for 16,000.
pub(super) const TEMPLATE_FIELDS_MAX: usize = 256;

/// Samplers of one exporter whose rate is remembered.
const SAMPLERS_MAX: usize = 64;

/// What a [`super::FlowDecoder`] counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FlowCounters {
    /// Datagrams given.
    pub datagrams: u64,
    /// Records emitted, of every type.
    pub records: u64,
    /// Datagrams that break their protocol.
    pub malformed: u64,
    /// Templates learnt or refreshed.
    pub templates: u64,
    /// Templates refused: without fields, too wide, without length.
    pub templates_refused: u64,
    /// Templates forgotten because their exporter has too many.
    pub templates_evicted: u64,
    /// Exporters forgotten because there are too many, or because their templates are too wide together.
    pub exporters_evicted: u64,
    /// Data sets whose template was not known.
    pub no_template: u64,
    /// What exporters sent and did not arrive, by their sequence numbers: datagrams of NetFlow 9 and sFlow,
    /// flows of NetFlow 5 and IPFIX.
    pub lost: u64,
    /// Sequence numbers that went back: the exporter began anew, or datagrams overtook each other.
    pub sequence_resets: u64,
    /// Datagrams with more records than are read one by one.
    pub records_capped: u64,
}

/// Who an exporter is (RFC 7011 §8: templates belong to a transport session and its observation domain). The port is
/// no part of it: devices that restart send from another and keep their templates.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key {
    pub(super) peer: IpAddr,
    pub(super) version: u16,
    pub(super) domain: u32,
}

/// One field of a template.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FieldSpec {
    pub(super) element: u16,
    /// 0 = the registry of IANA.
    pub(super) enterprise: u32,
    /// [`VARIABLE`] = told in each record.
    pub(super) len: u16,
}

/// The length of a field whose records tell theirs (RFC 7011 §7).
pub(super) const VARIABLE: u16 = u16::MAX;

/// What a template says of its records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Template {
    pub(super) fields: Box<[FieldSpec]>,
    /// How many of the fields say what the others are about; 0 = the records are flows.
    pub(super) scopes: usize,
    /// Whether the records are options.
    pub(super) options: bool,
    /// The shortest record.
    pub(super) len_min: usize,
    refreshed: u64,
}

impl Template {
    pub(super) fn new(fields: Vec<FieldSpec>, scopes: usize, options: bool) -> Self {
        let len_min = fields.iter().map(|field| if field.len == VARIABLE { 1 } else { usize::from(field.len) }).sum();
        Template { fields: fields.into(), scopes, options, len_min, refreshed: 0 }
    }
}

#[derive(Default)]
pub(super) struct Exporter {
    templates: HashMap<u16, Template>,
    /// Ids of the templates, by when they were refreshed.
    by_age: BTreeMap<u64, u16>,
    fields: usize,
    /// Sampler and one in how many it takes.
    samplers: Vec<(u64, u64)>,
    /// The sequence number that comes next.
    next: Option<u32>,
    seen: u64,
}

impl Exporter {
    pub(super) fn template(&self, id: u16) -> Option<&Template> {
        self.templates.get(&id)
    }

    /// One in how many packets the sampler takes; of several, none is the default.
    pub(super) fn sampling(&self, sampler: Option<u64>) -> Option<u64> {
        match sampler {
            Some(sampler) => self.samplers.iter().find(|(id, _)| *id == sampler).map(|(_, rate)| *rate),
            None if self.samplers.len() == 1 => Some(self.samplers[0].1),
            None => None,
        }
    }

    pub(super) fn set_sampling(&mut self, sampler: u64, rate: u64) {
        if let Some(known) = self.samplers.iter_mut().find(|(id, _)| *id == sampler) {
            known.1 = rate;
        } else {
            if self.samplers.len() >= SAMPLERS_MAX {
                self.samplers.remove(0);
            }
            self.samplers.push((sampler, rate));
        }
    }

    /// Compares a sequence number with the one expected; `units` are what this datagram counts for.
    pub(super) fn sequence(&mut self, counters: &mut FlowCounters, sequence: u32, units: Option<u32>) {
        if let Some(next) = self.next {
            let ahead = sequence.wrapping_sub(next);
            if ahead != 0 && ahead < LOST_MAX {
                counters.lost += u64::from(ahead);
            } else if ahead != 0 {
                counters.sequence_resets += 1;
            }
        }
        self.next = units.map(|units| sequence.wrapping_add(units));
    }

    fn remove(&mut self, id: u16) -> Option<usize> {
        let template = self.templates.remove(&id)?;
        self.by_age.remove(&template.refreshed);
        self.fields -= template.fields.len();
        Some(template.fields.len())
    }
}

/// A gap wider than this is no loss but a new beginning: at a million flows a second, 16 s of them.
const LOST_MAX: u32 = 1 << 24;

/// All exporters of a socket.
#[derive(Default)]
pub(super) struct Exporters {
    by_key: HashMap<Key, Exporter>,
    by_age: BTreeMap<u64, Key>,
    fields: usize,
    /// Counts what happens, so that ages are told apart.
    tick: u64,
    pub(super) counters: FlowCounters,
}

impl Exporters {
    /// The state of an exporter, and the counters.
    pub(super) fn get(&mut self, key: Key) -> (&mut Exporter, &mut FlowCounters) {
        self.tick += 1;
        let seen = self.tick;
        if !self.by_key.contains_key(&key) && self.by_key.len() >= EXPORTERS_MAX {
            self.forget_oldest(None);
        }
        let exporter = self.by_key.entry(key).or_default();
        self.by_age.remove(&exporter.seen);
        exporter.seen = seen;
        self.by_age.insert(seen, key);
        (exporter, &mut self.counters)
    }

    fn forget_oldest(&mut self, but: Option<Key>) -> bool {
        let oldest = self.by_age.iter().find(|(_, key)| Some(**key) != but).map(|(&seen, &key)| (seen, key));
        let Some((seen, key)) = oldest else { return false };
        self.by_age.remove(&seen);
        if let Some(exporter) = self.by_key.remove(&key) {
            self.fields -= exporter.fields;
        }
        self.counters.exporters_evicted += 1;
        true
    }

    /// Learns a template, or refreshes it.
    pub(super) fn learn(&mut self, key: Key, id: u16, template: Template) {
        self.get(key);
        self.tick += 1;
        let tick = self.tick;
        let count = template.fields.len();
        let refused = count == 0 || count > TEMPLATE_FIELDS_MAX || template.len_min == 0;
        let Some(exporter) = self.by_key.get_mut(&key) else { return };
        if refused {
            self.counters.templates_refused += 1;
            return;
        }
        if let Some(freed) = exporter.remove(id) {
            self.fields -= freed;
        }
        while exporter.templates.len() >= TEMPLATES_MAX || exporter.fields + count > EXPORTER_FIELDS_MAX {
            let Some((_, &oldest)) = exporter.by_age.first_key_value() else { break };
            self.fields -= exporter.remove(oldest).unwrap_or_default();
            self.counters.templates_evicted += 1;
        }
        exporter.by_age.insert(tick, id);
        exporter.fields += count;
        exporter.templates.insert(id, Template { refreshed: tick, ..template });
        self.fields += count;
        self.counters.templates += 1;
        while self.fields > FIELDS_MAX && self.forget_oldest(Some(key)) {}
    }

    /// Forgets a template that its exporter withdrew.
    pub(super) fn withdraw(&mut self, key: Key, id: u16) {
        if let Some(freed) = self.by_key.get_mut(&key).and_then(|exporter| exporter.remove(id)) {
            self.fields -= freed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn key(n: u32) -> Key {
        Key { peer: IpAddr::V4(Ipv4Addr::from(n)), version: 9, domain: 1 }
    }

    fn wide(fields: usize) -> Template {
        Template::new(vec![FieldSpec { element: 1, enterprise: 0, len: 4 }; fields], 0, false)
    }

    #[test]
    fn a_flood_of_templates_evicts_the_oldest_of_that_exporter_alone() {
        let mut exporters = Exporters::default();
        exporters.learn(key(1), 300, wide(3));
        exporters.learn(key(2), 256, wide(3));
        for id in 0..60_000u16 {
            exporters.learn(key(2), id.wrapping_add(256), wide(4));
        }
        let (flooded, counters) = exporters.get(key(2));
        assert_eq!(flooded.templates.len(), TEMPLATES_MAX);
        assert_eq!(flooded.by_age.len(), TEMPLATES_MAX);
        assert!(flooded.template(256).is_none() && flooded.template(60_255).is_some());
        assert!(counters.templates_evicted > 59_000);
        assert!(exporters.get(key(1)).0.template(300).is_some(), "another exporter's stay");
    }

    #[test]
    fn wide_templates_are_bounded_by_their_fields() {
        let mut exporters = Exporters::default();
        for id in 256..1000 {
            exporters.learn(key(1), id, wide(TEMPLATE_FIELDS_MAX));
        }
        assert!(exporters.get(key(1)).0.fields <= EXPORTER_FIELDS_MAX);
        exporters.learn(key(1), 2000, wide(TEMPLATE_FIELDS_MAX + 1));
        exporters.learn(key(1), 2001, wide(0));
        assert_eq!(exporters.counters.templates_refused, 2);
    }

    #[test]
    fn forged_exporters_are_bounded_and_all_their_fields_too() {
        let mut exporters = Exporters::default();
        for n in 0..EXPORTERS_MAX as u32 + 50 {
            for id in 0..8 {
                exporters.learn(key(n), 256 + id, wide(100));
            }
        }
        assert!(exporters.by_key.len() <= EXPORTERS_MAX);
        assert_eq!(exporters.by_age.len(), exporters.by_key.len());
        assert!(exporters.fields <= FIELDS_MAX);
        let told: usize = exporters.by_key.values().map(|exporter| exporter.fields).sum();
        assert_eq!(told, exporters.fields);
        assert!(exporters.counters.exporters_evicted >= 50);
        assert!(exporters.by_key.contains_key(&key(EXPORTERS_MAX as u32 + 49)));
    }

    #[test]
    fn gaps_are_counted_and_a_new_beginning_is_none() {
        let (mut exporter, mut counters) = (Exporter::default(), FlowCounters::default());
        exporter.sequence(&mut counters, 10, Some(1));
        exporter.sequence(&mut counters, 11, Some(1));
        exporter.sequence(&mut counters, 15, Some(1));
        assert_eq!((counters.lost, counters.sequence_resets), (3, 0));
        exporter.sequence(&mut counters, 0, Some(1));
        assert_eq!((counters.lost, counters.sequence_resets), (3, 1));
        exporter.next = Some(u32::MAX);
        exporter.sequence(&mut counters, 1, None);
        assert_eq!(counters.lost, 5, "the number wraps");
        exporter.sequence(&mut counters, 900, Some(1));
        assert_eq!(counters.lost, 5, "what an unread set held is not known");
    }
}
