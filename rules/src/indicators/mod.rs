//! Indicators of compromise, looked up on typed fields.
//!
//! An indicator is not searched for in text: addresses are compared with addresses, names
//! with names on label boundaries, so `5.1.2.3` is not in `45.1.2.3` and `evil.com` is not in
//! `notevil.com`, but `a.evil.com` is under `evil.com`. A value that is no indicator costs one hash, computed where the value
//! stands, and one word of a filter. Everything else is asked only of a value that is one: whether it holds at the event's time, whether
//! its companions are there, whether a known-good list holds it back.

mod builder;
mod context;
mod fields;
mod hash;
mod kind;
mod known_good;
mod network;
mod raw;
mod read;
mod table;
#[cfg(test)]
mod tests;
mod value;

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use noroshi_parsers::dictionary::{Dictionary, FieldId};
use noroshi_parsers::ecs;
use noroshi_parsers::event::{EventView, Kind};

use crate::diagnostic::Diagnostic;
use builder::Term;
use context::{Context, Contexts, FileOf};
use fields::Class;
use hash::Seeds;
use known_good::KnownGood;
use network::Networks;
use raw::Piece;
use table::Table;

pub use builder::{Builder, Mark, Summary};
pub use context::{ColumnMap, Details, Feed, Source, Tlp};
pub use kind::IndicatorKind;

/// Most indicators of one set; numbers are 32 bits wide with room to spare.
pub const INDICATORS_MAX: usize = 50_000_000;

/// An indicator, by its place in the set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IndicatorIndex(pub u32);

/// An event holds an indicator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IndicatorHit {
    /// Which indicator.
    pub indicator: IndicatorIndex,
    /// Where in the event; [`FieldId::UNNAMED`] is the text of the record.
    pub field: FieldId,
    /// Which of the event's fields that is, as [`EventView::fields`] counts them; none of them where it is the text.
    pub position: u16,
    /// What it is.
    pub kind: IndicatorKind,
}

/// What is known of an indicator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description<'a> {
    /// Normalised: lower case, refanged, addresses canonical, web addresses without `http(s)://`.
    pub value: String,
    /// What it is.
    pub kind: IndicatorKind,
    /// Who says so: at least one.
    pub sources: Vec<Source<'a>>,
}

impl Description<'_> {
    /// The highest confidence that any source states.
    pub fn confidence(&self) -> Option<u8> {
        self.sources.iter().filter_map(|source| source.confidence).max()
    }

    /// The strictest marking of any source.
    pub fn tlp(&self) -> Option<Tlp> {
        self.sources.iter().filter_map(|source| source.tlp).max()
    }

    /// What ECS calls it in `threat.indicator.type`.
    pub fn ecs_type(&self) -> &'static str {
        self.kind.ecs_type(self.value.contains(':'))
    }
}

/// An immutable set of indicators.
#[derive(Debug)]
pub struct Indicators {
    table: Table,
    networks: Networks,
    conjunctions: Vec<Vec<Term>>,
    seeds: Seeds,
    /// By field id.
    classes: Vec<Class>,
    /// By field id, for all there may be: whether there is a class.
    is_of_use: Box<[bool; 1 << 16]>,
    contexts: Contexts,
    files: Vec<FileOf>,
    known_good: KnownGood,
    /// Whether the text of records is searched besides their fields.
    scan_records: bool,
    /// Hits of indicators that no source holds valid at the event's time.
    expired: AtomicU64,
    digest: [u8; 32],
}

/// Room for values that are not compared as they stand.
#[derive(Default)]
struct Scratch {
    key: Vec<u8>,
    tail: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
    static PIECE: RefCell<Vec<u8>> = RefCell::default();
    static LOOKS: RefCell<Looks> = RefCell::default();
}

/// What a look among the indicators is for.
trait Sink {
    /// Whether the address or name at `value` needs no further look: it was noted. Asked of the bytes' place, not of what they are: a
    /// decoder puts one text under several names.
    fn is_noted(&self, value: &[u8]) -> bool;

    /// Notes that everything was asked of the address or name at `value`.
    fn note(&mut self, value: &[u8]);

    /// The indicator of `hash` that `is` one looks for, if any, stands at `at`.
    fn look(&mut self, at: At<'_>, table: &Table, kind: IndicatorKind, hash: u64, is: impl FnMut(u32) -> bool);

    /// A network holds the address at `at`.
    fn network(&mut self, at: At<'_>, number: u32);
}

/// Hits, as they are found.
impl Sink for Vec<IndicatorHit> {
    fn is_noted(&self, _: &[u8]) -> bool {
        false
    }

    fn note(&mut self, _: &[u8]) {}

    #[inline]
    fn look(&mut self, at: At<'_>, table: &Table, kind: IndicatorKind, hash: u64, is: impl FnMut(u32) -> bool) {
        if let Some(found) = table.find(kind, hash, is) {
            at.hit(found, kind, self);
        }
    }

    fn network(&mut self, at: At<'_>, number: u32) {
        at.hit(number, IndicatorKind::Cidr, self);
    }
}

/// The hashes of an event, on their way to be asked of the filters: what these will read is fetched as soon as a hash is known, for most of
/// it is outside the nearer caches.
#[derive(Default)]
pub struct Looks {
    hashes: Vec<(IndicatorKind, u64)>,
    /// Places of the fields that are looked up, the first `count` of them; room for as many as an event ever had fields.
    positions: Vec<u16>,
    count: usize,
    /// Addresses and names that were looked up, by where they lie.
    noted: Vec<(usize, usize)>,
    /// A network holds an address.
    hit: bool,
}

/// Most addresses and names noted: more are looked up again, each once for each field.
const NOTED_MAX: usize = 16;

impl Sink for Looks {
    #[inline]
    fn is_noted(&self, value: &[u8]) -> bool {
        let place = (value.as_ptr() as usize, value.len());
        self.noted.contains(&place)
    }

    #[inline]
    fn note(&mut self, value: &[u8]) {
        if self.noted.len() < NOTED_MAX {
            self.noted.push((value.as_ptr() as usize, value.len()));
        }
    }

    #[inline]
    fn look(&mut self, _: At<'_>, table: &Table, kind: IndicatorKind, hash: u64, _: impl FnMut(u32) -> bool) {
        table.prefetch(kind, hash);
        self.hashes.push((kind, hash));
    }

    fn network(&mut self, _: At<'_>, _: u32) {
        self.hit = true;
    }
}

/// What is being looked at: the event, and where in it.
#[derive(Clone, Copy)]
struct At<'a> {
    event: &'a EventView<'a>,
    field: FieldId,
    position: u16,
}

impl Indicators {
    /// Reads files (name and content) that belong to no feed. Lines that are no indicator are
    /// told and skipped.
    pub fn load(mut files: Vec<(PathBuf, String)>) -> (Indicators, Vec<Diagnostic>) {
        files.sort();
        let mut builder = Builder::new();
        for (path, text) in files {
            builder.read(&path, &Feed::default(), &mut text.as_bytes());
        }
        builder.finish()
    }

    /// How many indicators there are.
    pub fn len(&self) -> usize {
        self.table.entries.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// SHA-256 over the files' contents, whatever their order and names.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Bytes held, near enough.
    pub fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
            + self.networks.memory_bytes()
            + self.contexts.memory_bytes()
            + self.known_good.memory_bytes()
    }

    /// Looks also at the names that products give to facts ECS has no field for, such as JA4.
    pub fn bind(&mut self, dictionary: &mut Dictionary) {
        for (name, class) in fields::VENDOR {
            let class = fields::useful(class, |kind| self.table.has(kind));
            // A name nobody looks for needs no id.
            let Some(id) = (class != Class::None).then(|| dictionary.intern(name)).flatten() else { continue };
            if self.classes.len() <= id.index() {
                self.classes.resize(id.index() + 1, Class::None);
            }
            self.classes[id.index()] = class;
            self.is_of_use[id.index()] = true;
        }
    }

    /// Appends what `event` holds to `hits`: each indicator once for each field. Allocates nothing else.
    pub fn lookup(&self, event: &EventView<'_>, hits: &mut Vec<IndicatorHit>) {
        LOOKS.with_borrow_mut(|looks| {
            self.begin(event, looks);
            self.finish(event, looks, hits);
        });
    }

    /// The first half of [`Indicators::lookup`]: hashes what could be an indicator and has the rest of memory fetch what tells. Something else
    /// may be done before [`Indicators::finish`], which must be given the same event.
    pub fn begin(&self, event: &EventView<'_>, looks: &mut Looks) {
        looks.hashes.clear();
        looks.noted.clear();
        looks.hit = false;
        looks.count = 0;
        if !self.is_empty() {
            self.gather(event, looks);
        }
    }

    /// The second half: appends the hits.
    pub fn finish(&self, event: &EventView<'_>, looks: &Looks, hits: &mut Vec<IndicatorHit>) {
        let from = hits.len();
        // One look in two hundred is let through by a filter, and a slot tells it at once: what comes here is a hit, and is found field
        // by field.
        let may_hit = |&(kind, hash): &(IndicatorKind, u64)| {
            self.table.may_hold(kind, hash) && self.table.find_slot(hash, |_| true).is_some()
        };
        if looks.hit || looks.hashes.iter().any(may_hit) {
            self.fields(event, &looks.positions[..looks.count], hits);
        }
        if self.scan_records && !self.is_empty() {
            self.scan(event, event.text(), hits);
        }
        if hits.len() > from {
            self.settle(event, from, hits);
        }
    }

    /// The hashes of everything in `event` that could be an indicator, each value once.
    fn gather(&self, event: &EventView<'_>, looks: &mut Looks) {
        let fields = event.fields();
        let mut positions = std::mem::take(&mut looks.positions);
        if positions.len() < fields.len() {
            positions.resize(fields.len(), 0);
        }
        // Which fields are of use changes from one to the next: writing each down and counting those of use has no branch to be
        // foreseen wrong.
        let mut count = 0;
        for (position, field) in fields.iter().enumerate() {
            // Bounded by FIELDS_MAX of the event.
            positions[count] = position as u16;
            count += usize::from(self.is_of_use[field.id.index()]);
        }
        for &position in &positions[..count] {
            self.field(event, position, looks);
        }
        looks.positions = positions;
        looks.count = count;
    }

    /// Looks up the fields at `positions`.
    #[cold]
    fn fields(&self, event: &EventView<'_>, positions: &[u16], hits: &mut Vec<IndicatorHit>) {
        for &position in positions {
            self.field(event, position, hits);
        }
    }

    /// Looks up the field at `position`.
    #[inline]
    fn field(&self, event: &EventView<'_>, position: u16, hits: &mut impl Sink) {
        let field = &event.fields()[usize::from(position)];
        if field.kind == Kind::Null {
            return;
        }
        let at = At { event, field: field.id, position };
        self.value(at, self.classes[field.id.index()], event.value(field), hits);
    }

    /// Looks up everything in a text that could be an indicator; hits have no field.
    fn scan(&self, event: &EventView<'_>, text: &[u8], hits: &mut Vec<IndicatorHit>) {
        let at = At { event, field: FieldId::UNNAMED, position: u16::MAX };
        PIECE.with_borrow_mut(|room| {
            self.pieces(text, room, |piece, bytes| match piece {
                Piece::Host => self.value(at, Class::Host, bytes, hits),
                Piece::Url => self.url(at, Class::Url, bytes, hits),
                Piece::Digest => self.value(at, Class::Hash, bytes, hits),
                Piece::Text(kind) => self.text(at, Class::Text(kind), bytes, hits),
            });
        });
    }

    /// The indicators in a text, whatever field it might be of: names and addresses on their own boundaries, defanged ones made whole.
    pub fn scan_text(&self, text: &[u8]) -> Vec<IndicatorIndex> {
        let event = noroshi_parsers::event::Event::new();
        let mut hits = Vec::new();
        self.scan(&event.view(text), text, &mut hits);
        hits.sort_unstable();
        hits.dedup_by_key(|hit| hit.indicator);
        hits.into_iter().map(|hit| hit.indicator).collect()
    }

    #[inline]
    fn value(&self, at: At<'_>, class: Class, value: &[u8], hits: &mut impl Sink) {
        match class {
            Class::None => {}
            Class::Ip => {
                self.ip(at, value, hits);
            }
            Class::Host => {
                if !self.ip(at, value, hits) {
                    self.host(at, value, hits);
                }
            }
            Class::Hash => {
                if let Some(kind) = value::digest(value.len()).filter(|kind| self.table.has(*kind)) {
                    let is = |number| {
                        value::hash(value, &mut [0; 64])
                            .is_some_and(|(kind, digest)| self.table.entries.is(number, kind, digest))
                    };
                    hits.look(at, &self.table, kind, self.seeds.digest(kind, value), is);
                }
            }
            Class::Url | Class::UrlPath => self.url(at, class, value, hits),
            _ => self.text(at, class, value, hits),
        }
    }

    /// Whether it is an address; or one or a name that was looked up.
    #[inline]
    fn ip(&self, at: At<'_>, value: &[u8], hits: &mut impl Sink) -> bool {
        if hits.is_noted(value) {
            return true;
        }
        let Some(ip) = noroshi_parsers::ip::parse(value) else { return false };
        let (octets, len) = value::octets(ip.to_canonical());
        let octets = &octets[..len];
        let is = |number| self.table.entries.is(number, IndicatorKind::Ip, octets);
        if self.table.has(IndicatorKind::Ip) {
            hits.look(at, &self.table, IndicatorKind::Ip, self.seeds.ip(octets), is);
        }
        let network = match (octets.first_chunk::<4>(), octets.first_chunk::<16>()) {
            (_, Some(octets)) => self.networks.find_v6(u128::from_be_bytes(*octets)),
            (Some(octets), _) => self.networks.find_v4(u32::from_be_bytes(*octets)),
            _ => None,
        };
        if let Some(found) = network {
            hits.network(at, found);
        }
        hits.note(value);
        true
    }

    /// A host name and its parents, down to two labels: no indicator is shorter. The answer is the hash of the whole.
    #[inline]
    fn host(&self, at: At<'_>, value: &[u8], hits: &mut impl Sink) -> u64 {
        let name = value::name(value);
        hits.note(value);
        if name.len() > value::DOMAIN_BYTES_MAX {
            return 0;
        }
        let entries = &self.table.entries;
        // A name that is none (`a..evil.com`) is under nothing; asked only of candidates.
        let is = |number, kind, start: usize| {
            value::is_domain(&name) && entries.is(number, kind, &name[start..].to_ascii_lowercase())
        };
        let has_domains = self.table.has(IndicatorKind::Domain);
        let whole = self.seeds.name(&name, |start, hash| {
            if has_domains {
                let kind = IndicatorKind::Domain;
                hits.look(at, &self.table, kind, hash, |number| is(number, kind, start));
            }
        });
        if self.table.has(IndicatorKind::Hostname) {
            let kind = IndicatorKind::Hostname;
            hits.look(at, &self.table, kind, Seeds::alone(whole), |number| is(number, kind, 0));
        }
        whole
    }

    fn url(&self, at: At<'_>, class: Class, value: &[u8], hits: &mut impl Sink) {
        SCRATCH.with_borrow_mut(|Scratch { key, tail }| {
            // What begins with a slash has no host.
            let url = match (value.first() != Some(&b'/')).then(|| value::url(value, tail)).flatten() {
                Some(url) => {
                    // An address, or a name that `url.domain` has as well, is hashed and no more.
                    let is_told = self.ip(at, url.host, hits);
                    let host = if is_told {
                        self.seeds.name(&value::name(url.host), |_, _| {})
                    } else {
                        self.host(at, url.host, hits)
                    };
                    Some((url, host))
                }
                // A server's own log says path and host apart; the host is looked up where it stands.
                None if self.table.has(IndicatorKind::Url) => Self::composed(at, class, value, tail)
                    .map(|url| (url, self.seeds.name(&value::name(url.host), |_, _| {}))),
                None => None,
            };
            let Some((url, host)) = url else { return };
            let hash = self.seeds.url(host, url.scheme, url.port, url.tail);
            let is = |number| {
                url.key(key);
                self.table.entries.is(number, IndicatorKind::Url, key)
            };
            if self.table.has(IndicatorKind::Url) {
                hits.look(at, &self.table, IndicatorKind::Url, hash, is);
            }
        });
    }

    /// The web address that a path makes with the event's `url.domain`.
    fn composed<'a>(at: At<'a>, class: Class, path: &'a [u8], tail: &'a mut Vec<u8>) -> Option<value::Url<'a>> {
        let whole_is_there =
            class == Class::UrlPath && (at.event.has(ecs::URL_ORIGINAL) || at.event.has(ecs::URL_FULL));
        if path.first() != Some(&b'/') || path.len() > value::URL_BYTES_MAX || whole_is_there {
            return None;
        }
        let (host, port) = value::split_port(at.event.first(ecs::URL_DOMAIN)?);
        let port = if port.is_empty() { at.event.first(ecs::URL_PORT).unwrap_or_default() } else { port };
        let port = if port == b"80" || port == b"443" { b"" } else { port };
        Some(value::Url { scheme: b"", host, port, tail: value::tail_of(path, tail) })
    }

    fn text(&self, at: At<'_>, class: Class, value: &[u8], hits: &mut impl Sink) {
        SCRATCH.with_borrow_mut(|Scratch { key, .. }| {
            let kind = match class {
                Class::Text(kind) => kind,
                Class::Certificate => IndicatorKind::Certificate,
                Class::Registry => IndicatorKind::RegistryKey,
                _ => IndicatorKind::FileName,
            };
            if !value::text(kind, value, key) {
                return;
            }
            self.exact(at, kind, key, hits);
            match class {
                // A value of the key, and the name at the end of the path.
                Class::Registry => {
                    if let Some(end) = memchr::memrchr(b'\\', key) {
                        self.exact(at, kind, &key[..end], hits);
                    }
                }
                Class::FilePath => {
                    if let Some(end) = memchr::memrchr2(b'\\', b'/', key) {
                        self.exact(at, kind, &key[end + 1..], hits);
                    }
                }
                _ => {}
            }
        });
    }

    #[inline]
    fn exact(&self, at: At<'_>, kind: IndicatorKind, key: &[u8], hits: &mut impl Sink) {
        if !self.table.has(kind) {
            return;
        }
        let is = |number| self.table.entries.is(number, kind, key);
        hits.look(at, &self.table, kind, self.seeds.text(kind, key), is);
    }

    /// What remains of the hits from `from` on: each indicator once for each field, valid at the event's time, complete, and on no
    /// known-good list.
    #[cold]
    fn settle(&self, event: &EventView<'_>, from: usize, hits: &mut Vec<IndicatorHit>) {
        hits[from..].sort_unstable();
        let found: Vec<IndicatorHit> = hits.drain(from..).collect();
        let has = |indicator: u32| found.binary_search_by_key(&indicator, |hit| hit.indicator.0).is_ok();
        let time_s = event.core().time_ns.div_euclid(1_000_000_000);
        for hit in &found {
            let last = hits[from..].last();
            if last.is_some_and(|last| (last.indicator, last.field) == (hit.indicator, hit.field)) {
                // Equal values under one name, as in arrays, are one finding.
                continue;
            }
            // What a field said already the text says again.
            let same = |other: &IndicatorHit| other.indicator == hit.indicator && other.field != FieldId::UNNAMED;
            if hit.field == FieldId::UNNAMED && found.iter().any(same) {
                continue;
            }
            let mut expired = false;
            let speaks = self.table.sources(hit.indicator.0).any(|(context, _)| {
                let context = &self.contexts.all[context as usize];
                let holds = context.holds_at(time_s);
                expired |= !holds;
                holds && self.is_complete(context, event, has)
            });
            if !speaks {
                self.expired.fetch_add(u64::from(expired), Ordering::Relaxed);
                continue;
            }
            match self.held_by(hit, event) {
                Some(list) => self.known_good.count(list),
                None => hits.push(*hit),
            }
        }
    }

    fn is_complete(&self, context: &Context, event: &EventView<'_>, has: impl Fn(u32) -> bool) -> bool {
        let Some(number) = context.conjunction.checked_sub(1) else { return true };
        let core = event.core();
        self.conjunctions[number as usize].iter().all(|term| match *term {
            Term::Indicator(indicator) => has(indicator),
            Term::SourcePort(port) => core.source_port == Some(port),
            Term::DestinationPort(port) => core.destination_port == Some(port),
        })
    }

    /// The known-good list that knows the indicator, or what was observed of it.
    fn held_by(&self, hit: &IndicatorHit, event: &EventView<'_>) -> Option<u32> {
        if self.known_good.is_empty() {
            return None;
        }
        let indicator = self.value_of(hit.indicator);
        self.known_good.find(hit.kind, &indicator).or_else(|| {
            let observed = event.fields().get(usize::from(hit.position)).map(|field| event.value(field))?;
            let observed = std::str::from_utf8(observed).ok()?;
            match hit.kind {
                IndicatorKind::Cidr => self.known_good.find(IndicatorKind::Ip, observed),
                // The host of a web address is looked up by itself.
                IndicatorKind::Domain if !observed.contains('/') => self.known_good.find(hit.kind, observed),
                _ => None,
            }
        })
    }

    fn value_of(&self, indicator: IndicatorIndex) -> String {
        let entry = &self.table.entries.all[indicator.0 as usize];
        value::show(entry.kind(), self.table.entries.key(entry, &mut [0; 4]))
    }

    /// What is known of an indicator.
    ///
    /// # Panics
    /// If `indicator` is of another set.
    pub fn describe(&self, indicator: IndicatorIndex) -> Description<'_> {
        let entry = &self.table.entries.all[indicator.0 as usize];
        let ns = |seconds: u32| (seconds != 0).then(|| i64::from(seconds) * 1_000_000_000);
        let source = |(context, line)| {
            let context = &self.contexts.all[context as usize];
            let file = &self.files[context.file as usize];
            Source {
                feed: &file.feed,
                file: &file.path,
                line,
                confidence: (context.confidence <= 100).then_some(context.confidence),
                tlp: context.tlp,
                valid_from_ns: ns(context.valid_from_s),
                // The last second there is stands for no end.
                valid_until_ns: ns(context.valid_until_s).filter(|_| context.valid_until_s != u32::MAX),
                is_conjunction: context.conjunction != 0,
                details: &self.contexts.details[context.details as usize],
            }
        };
        Description {
            value: self.value_of(indicator),
            kind: entry.kind(),
            sources: self.table.sources(indicator.0).map(source).collect(),
        }
    }

    /// Every indicator, in the order read.
    pub fn iter(&self) -> impl Iterator<Item = IndicatorIndex> + use<> {
        (0..self.len() as u32).map(IndicatorIndex)
    }

    /// How many indicators there are of each kind, those without any left out.
    pub fn count_by_kind(&self) -> Vec<(IndicatorKind, usize)> {
        let mut counts = [0; kind::KINDS_COUNT];
        self.table.entries.all.iter().for_each(|entry| counts[entry.kind() as usize] += 1);
        let counted = IndicatorKind::ALL.into_iter().map(|kind| (kind, counts[kind as usize]));
        counted.filter(|(_, count)| *count > 0).collect()
    }

    /// The indicators that a value is, or is under, as an event would hit them; validity, companions and known-good lists aside. With the
    /// known-good list that would hold each back.
    pub fn find(&self, text: &str) -> Vec<(IndicatorIndex, Option<&str>)> {
        let text = value::refang(text.trim());
        let dictionary_free = noroshi_parsers::event::Event::new();
        let view = dictionary_free.view(b"");
        let at = At { event: &view, field: FieldId::UNNAMED, position: 0 };
        let mut hits = Vec::new();
        let value = text.as_bytes();
        let classes = [Class::Host, Class::Url, Class::Hash, Class::Certificate, Class::FilePath, Class::Registry];
        for class in classes {
            self.value(at, class, value, &mut hits);
        }
        let texts = IndicatorKind::ALL
            .into_iter()
            .filter(|kind| !matches!(kind, IndicatorKind::FileName | IndicatorKind::RegistryKey));
        for kind in texts {
            self.text(at, Class::Text(kind), value, &mut hits);
        }
        let (mut key, mut room) = (Vec::new(), Vec::new());
        // A network or a web address without scheme, as indicators themselves are written.
        if let Some((kind, hash)) = builder::normal_form(&text, None, true, self.seeds, &mut key, &mut room) {
            let is = |number| self.table.entries.is(number, kind, &key);
            self.table.find(kind, hash, is).into_iter().for_each(|found| at.hit(found, kind, &mut hits));
        }
        hits.sort_unstable();
        hits.dedup_by_key(|hit| hit.indicator);
        hits.into_iter()
            .map(|hit| {
                let held = self.known_good.find(hit.kind, &self.value_of(hit.indicator));
                (hit.indicator, held.map(|list| self.known_good.name(list)))
            })
            .collect()
    }

    /// Known-good lists by name, with the hits they held back.
    pub fn held(&self) -> impl Iterator<Item = (&str, u64)> {
        self.known_good.held()
    }

    /// Hits of indicators that no source held valid at the event's time.
    pub fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }

    /// Goes on counting where the set before stood.
    pub fn go_on_from(&self, before: &Indicators) {
        self.known_good.go_on_from(&before.known_good);
        self.expired.fetch_add(before.expired(), Ordering::Relaxed);
    }
}

impl At<'_> {
    #[cold]
    fn hit(&self, found: u32, kind: IndicatorKind, hits: &mut Vec<IndicatorHit>) {
        let Self { field, position, .. } = *self;
        hits.push(IndicatorHit { indicator: IndicatorIndex(found), field, position, kind });
    }
}
