//! One decoded record: ids and spans, nothing owned.
//!
//! An [`Event`] is scratch that a worker reuses for every record: a run of
//! fields, each an id and a [`Span`] into the record or into the side arena
//! (values that had to be unescaped or made), plus a few typed columns. Look-ups
//! by id are one table access. It never allocates once warm.

mod arena;
mod run;

use std::net::IpAddr;

use arena::Arena;

use crate::defect::{Defect, Defects};
use crate::dictionary::FieldId;
use crate::logsource::{LogSourceId, ProductId};

/// Most fields one event keeps. The widest documented record we decode (CloudTrail
/// with full request parameters) stays under 600; beyond, the rest stays in the raw
/// record and [`Defect::FieldsCapped`] says so.
pub const FIELDS_MAX: usize = 2048;

/// Most bytes one event's arena holds: as much as the longest record, unescaped,
/// plus room for composed names. Beyond it values are dropped with [`Defect::FieldsCapped`].
pub const ARENA_BYTES_MAX: usize = 4 << 20;

/// Bytes within a record, within the event's arena, or of a constant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    at: u32,
    len: u32,
}

/// Set in [`Span::at`] where the value is not in the record.
const IN_ARENA: u32 = 1 << 31;

/// Set besides where the value is one of the event's constants: its number stands above
/// [`CONSTANT_BITS`], an offset into it below.
const IS_CONSTANT: u32 = 1 << 30;

/// Bits of the offset into a constant. No constant is that long: [`EventWriter::put_str`] copies those that are.
const CONSTANT_BITS: u32 = 14;

/// Most constants one event refers to; what comes after is copied. Few events write more than twenty.
const CONSTANTS_MAX: usize = FIELDS_MAX;

// Offsets and numbers must stay clear of the two flags.
const _: () = assert!(ARENA_BYTES_MAX < IS_CONSTANT as usize);
const _: () = assert!(CONSTANTS_MAX << CONSTANT_BITS < IS_CONSTANT as usize);

impl Span {
    /// `len` bytes of the record from `at` on.
    #[inline]
    pub(crate) fn at(at: u32, len: usize) -> Span {
        Span { at, len: len as u32 }
    }

    /// How many bytes.
    #[inline]
    pub fn len(self) -> usize {
        self.len as usize
    }

    /// Whether it covers nothing.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// A part of it; out of bounds gives nothing.
    #[inline]
    pub fn part(self, range: std::ops::Range<usize>) -> Span {
        if range.start > range.end || range.end > self.len() {
            return Span::default();
        }
        Span { at: self.at + range.start as u32, len: (range.end - range.start) as u32 }
    }

    /// Whether it is a word of the decoder's own, which no byte of the record says.
    pub fn is_constant(self) -> bool {
        self.at & IN_ARENA != 0 && self.at & IS_CONSTANT != 0
    }

    /// The place in the record, or `None` for a made value in the arena.
    pub fn in_record(self) -> Option<std::ops::Range<usize>> {
        (self.at & IN_ARENA == 0).then(|| self.at as usize..self.at as usize + self.len())
    }
}

/// What a value was in the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// A number as a JSON literal.
    Number,
    /// `true` or `false` as a JSON literal.
    Bool,
    /// JSON `null`.
    Null,
    /// A nested JSON array or object kept whole, as its raw text.
    Json,
}

/// One field of an event.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Which name, or [`FieldId::UNNAMED`].
    pub id: FieldId,
    /// What the value was.
    pub kind: Kind,
    /// Whether the name is the vendor's own: written below the product's namespace.
    pub vendor: bool,
    name: Span,
    value: Span,
}

impl Field {
    /// Where the value lies.
    pub fn span(&self) -> Span {
        self.value
    }

    /// Whether it was taken back by [`EventWriter::forget`] and says nothing.
    pub fn is_forgotten(&self) -> bool {
        self.id == FieldId::UNNAMED && !self.vendor && self.name.is_empty()
    }
}

/// How precise an event's time is. Order comparisons use the coarser of two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum TimePrecision {
    /// Whole seconds (RFC 3164, CLF).
    #[default]
    Second,
    /// Milliseconds.
    Milli,
    /// Microseconds.
    Micro,
    /// Nanoseconds.
    Nano,
}

/// The typed columns of an event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Core {
    /// Event time, nanoseconds since the Unix epoch; the receive (or reference) time
    /// where the record has none, with [`Defect::TimeMissing`].
    pub time_ns: i64,
    /// When the record was read, nanoseconds since the Unix epoch; 0 = not known (files).
    pub receive_time_ns: i64,
    /// The encoding that the record was decoded from, by its name in the WHATWG Encoding Standard; empty where the record
    /// is its own text.
    pub charset: &'static str,
    /// Digits that the stamp carried.
    pub time_precision: TimePrecision,
    /// Whether `time_ns` came from the record.
    pub time_from_record: bool,
    /// The product whose decoder filled the event.
    pub product: ProductId,
    /// The Sigma log source it answers to.
    pub log_source: LogSourceId,
    /// Syslog severity 0–7 where the header has one, else 255.
    pub syslog_severity: u8,
    /// Syslog facility 0–23 where the header has one, else 255.
    pub syslog_facility: u8,
    /// `source.ip`.
    pub source_ip: Option<IpAddr>,
    /// `destination.ip`.
    pub destination_ip: Option<IpAddr>,
    /// `source.port`.
    pub source_port: Option<u16>,
    /// `destination.port`.
    pub destination_port: Option<u16>,
}

/// Four bytes, so that the slots of some ten thousand names stay in the nearest cache.
#[derive(Clone, Copy, Default)]
struct Slot {
    generation: u16,
    first: u16,
}

// Any place among the fields is told by a slot.
const _: () = assert!(FIELDS_MAX <= u16::MAX as usize);

/// A reusable event. See the module's text.
#[derive(Default)]
pub struct Event {
    /// The fields, the first `fields_len` of them: written in place, so that one comparison
    /// bounds them and the path of a field calls nothing.
    fields: Vec<Field>,
    fields_len: usize,
    arena: Arena,
    /// The record as UTF-8, where `transcoded`: spans refer to it then, else to the record.
    text: Vec<u8>,
    transcoded: bool,
    /// Constants the fields refer to: cheaper to point at than to copy, and most events write ten.
    constants: Vec<&'static [u8]>,
    constants_len: usize,
    /// Where the fields of a document begin, behind those of the header that carried it.
    document_from: usize,
    /// By field id: where its first value stands, if `generation` is the current one.
    slots: Vec<Slot>,
    generation: u16,
    /// Whether only what the record writes is kept.
    as_written: bool,
    /// What was odd.
    pub defects: Defects,
    /// The typed columns.
    pub core: Core,
}

impl Event {
    /// An empty event; it grows to its working size over the first records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the record before; keeps the memory.
    pub fn clear(&mut self) {
        self.fields_len = 0;
        self.arena.truncate(0);
        self.transcoded = false;
        self.constants_len = 0;
        self.document_from = 0;
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.slots.fill(Slot::default());
            self.generation = 1;
        }
        self.defects = Defects::default();
        self.core = Core { syslog_severity: 255, syslog_facility: 255, ..Core::default() };
    }

    /// Whether from now on only what a record writes is kept, as [`crate::decode::SourceOptions::as_written`] asks.
    pub(crate) fn set_as_written(&mut self, as_written: bool) {
        self.as_written = as_written;
    }

    /// Starts writing the fields of `record`.
    pub fn writer<'a>(&'a mut self, record: &'a [u8]) -> EventWriter<'a> {
        EventWriter { record, event: self }
    }

    /// Reads the event back, beside the record it was decoded from.
    #[inline]
    pub fn view<'a>(&'a self, record: &'a [u8]) -> EventView<'a> {
        EventView { text: if self.transcoded { &self.text } else { record }, record, event: self }
    }

    /// The buffer for a record's text, to be given back by [`Event::give_text`].
    pub(crate) fn take_text(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text)
    }

    /// Takes the buffer back; from now on it is the record's text, if it was `transcoded`.
    pub(crate) fn give_text(&mut self, text: Vec<u8>, transcoded: bool) {
        self.text = text;
        self.transcoded = transcoded;
    }

    /// Takes the parts in registers: a `Field` passed by reference is written in
    /// halves and read back whole, and that stall cost more than everything else here.
    #[inline]
    fn push(&mut self, id: FieldId, kind: Kind, vendor: bool, name: Span, value: Span) {
        let at = self.fields_len;
        let (Some(slot), Some(field)) = (self.slots.get_mut(id.index()), self.fields.get_mut(at)) else {
            return self.push_grown(id, kind, vendor, name, value);
        };
        if slot.generation != self.generation {
            *slot = Slot { generation: self.generation, first: at as u16 };
        }
        *field = Field { id, kind, vendor, name, value };
        self.fields_len = at + 1;
    }

    /// As [`Event::push`] where there is no room yet.
    #[cold]
    #[inline(never)]
    fn push_grown(&mut self, id: FieldId, kind: Kind, vendor: bool, name: Span, value: Span) {
        let room = self.fields.len();
        if self.fields_len >= FIELDS_MAX {
            self.defects.add(Defect::FieldsCapped);
            return;
        }
        if self.fields_len == room {
            let none = Field { id: FieldId::UNNAMED, kind, vendor, name: Span::default(), value: Span::default() };
            self.fields.resize((room * 2).clamp(64, FIELDS_MAX), none);
        }
        if id.index() >= self.slots.len() {
            self.slots.resize((id.index() + 1).next_power_of_two(), Slot::default());
        }
        self.push(id, kind, vendor, name, value);
    }
}

/// Writes the fields of one record.
///
/// Values are passed as slices: one that lies in the record becomes a span, any
/// other is copied to the arena.
pub struct EventWriter<'a> {
    record: &'a [u8],
    event: &'a mut Event,
}

impl<'a> EventWriter<'a> {
    /// The raw record. Its slices outlive the writer's borrows.
    #[inline]
    pub fn record(&self) -> &'a [u8] {
        self.record
    }

    /// The typed columns.
    #[inline]
    pub fn core(&mut self) -> &mut Core {
        &mut self.event.core
    }

    /// Names an oddity.
    #[inline]
    pub fn defect(&mut self, defect: Defect) {
        self.event.defects.add(defect);
    }

    /// Whether values are made of others: constants, sums, sets, second names. Not where a record is kept as written.
    #[inline]
    pub fn derives(&self) -> bool {
        !self.event.as_written
    }

    /// Adds a text value under an ECS (or otherwise final) name.
    #[inline]
    pub fn put(&mut self, id: FieldId, value: &[u8]) {
        self.put_as(id, value, Kind::Text, false);
    }

    /// Adds a constant, where values are made.
    #[inline]
    pub fn put_str(&mut self, id: FieldId, value: &'static str) {
        if self.event.as_written {
            return;
        }
        let span = self.constant(value);
        self.event.push(id, Kind::Text, false, Span::default(), span);
    }

    /// Adds a constant under the vendor's own name, where values are made.
    pub fn put_str_vendor(&mut self, id: FieldId, value: &'static str) {
        if self.event.as_written {
            return;
        }
        let span = self.constant(value);
        self.event.push(id, Kind::Text, true, Span::default(), span);
    }

    /// Where a constant's bytes lie from now on.
    #[inline]
    fn constant(&mut self, value: &'static str) -> Span {
        let number = self.event.constants_len;
        let Some(constant) = self.event.constants.get_mut(number).filter(|_| value.len() >> CONSTANT_BITS == 0) else {
            return self.constant_grown(value);
        };
        *constant = value.as_bytes();
        self.event.constants_len = number + 1;
        Span { at: IN_ARENA | IS_CONSTANT | (number as u32) << CONSTANT_BITS, len: value.len() as u32 }
    }

    /// As [`EventWriter::constant`] where there is no room yet.
    #[cold]
    #[inline(never)]
    fn constant_grown(&mut self, value: &'static str) -> Span {
        let room = self.event.constants.len();
        if self.event.constants_len < room || room == CONSTANTS_MAX {
            return self.copied(value.as_bytes());
        }
        self.event.constants.resize((room * 2).clamp(64, CONSTANTS_MAX), b"");
        self.constant(value)
    }

    /// Adds a text value under the vendor's own name.
    #[inline]
    pub fn put_vendor(&mut self, id: FieldId, value: &[u8]) {
        self.put_as(id, value, Kind::Text, true);
    }

    /// Adds a value with everything said.
    #[inline]
    pub fn put_as(&mut self, id: FieldId, value: &[u8], kind: Kind, vendor: bool) {
        match self.span_in_record(value) {
            Some(value) => self.event.push(id, kind, vendor, Span::default(), value),
            None => self.put_copied(id, value, kind, vendor),
        }
    }

    #[inline(never)]
    fn put_copied(&mut self, id: FieldId, value: &[u8], kind: Kind, vendor: bool) {
        let value = self.copied(value);
        self.event.push(id, kind, vendor, Span::default(), value);
    }

    /// Adds a value by span: of the record, or made by [`EventWriter::arena_end`].
    #[inline]
    pub fn put_span(&mut self, id: FieldId, value: Span, kind: Kind, vendor: bool) {
        self.event.push(id, kind, vendor, Span::default(), value);
    }

    /// As [`EventWriter::put_span`]; says whether the field at `since` or one behind it has the name already.
    #[inline]
    pub(crate) fn put_span_again(&mut self, id: FieldId, value: Span, kind: Kind, vendor: bool, since: usize) -> bool {
        let event = &mut *self.event;
        let at = event.fields_len;
        let (Some(slot), Some(field)) = (event.slots.get_mut(id.index()), event.fields.get_mut(at)) else {
            event.push_grown(id, kind, vendor, Span::default(), value);
            return false;
        };
        let again = slot.generation == event.generation;
        if !again {
            *slot = Slot { generation: event.generation, first: at as u16 };
        }
        *field = Field { id, kind, vendor, name: Span::default(), value };
        event.fields_len = at + 1;
        again && usize::from(slot.first) >= since
    }

    /// Adds a value whose name no dictionary holds. Vendor names only.
    #[inline]
    pub fn put_unnamed(&mut self, name: Span, value: Span, kind: Kind) {
        self.event.push(FieldId::UNNAMED, kind, true, name, value);
    }

    /// Adds a value whose name no dictionary holds, at the root: a name that a shipper
    /// which speaks the schema added to it.
    #[inline]
    pub fn put_unnamed_at_root(&mut self, name: Span, value: Span, kind: Kind) {
        self.event.push(FieldId::UNNAMED, kind, false, name, value);
    }

    /// Adds an address in canonical form (RFC 5952 for IPv6), and the typed column
    /// for `source.ip` and `destination.ip`. Anything else is left out with
    /// [`Defect::AddressInvalid`]; the answer says which.
    pub fn put_ip(&mut self, id: FieldId, value: &[u8]) -> bool {
        let Some(ip) = crate::ip::parse(value) else {
            self.defect(Defect::AddressInvalid);
            return false;
        };
        self.put_addr(id, ip, value);
        true
    }

    /// Adds an address that is parsed already; `text` is how the record wrote it. Returns where its text lies.
    #[inline]
    pub fn put_addr(&mut self, id: FieldId, ip: IpAddr, text: &[u8]) -> Span {
        match id {
            crate::ecs::SOURCE_IP => self.event.core.source_ip = Some(ip),
            crate::ecs::DESTINATION_IP => self.event.core.destination_ip = Some(ip),
            _ => {}
        }
        // IPv4 text that parses is canonical: leading zeros are refused. IPv6 text has no dot so early.
        let dotted = text.first_chunk::<4>().is_some_and(|head| head[1] == b'.' || head[2] == b'.' || head[3] == b'.');
        let span = if ip.is_ipv4() && dotted { self.span_of(text) } else { self.made_addr(ip) };
        self.put_span(id, span, Kind::Text, false);
        span
    }

    #[cold]
    fn made_addr(&mut self, ip: IpAddr) -> Span {
        use std::fmt::Write as _;
        let from = self.arena_start();
        let _ = write!(self.event.arena, "{ip}");
        self.arena_end(from)
    }

    /// Adds an address that is written somewhere already. An IPv4-mapped IPv6 address (RFC 4291
    /// §2.5.5.2) is written as the IPv4 address it stands for. What is none is a [`Defect::AddressInvalid`].
    pub fn put_ip_span(&mut self, id: FieldId, span: Span) -> bool {
        let put = self.put_if_ip(id, span);
        if !put {
            self.defect(Defect::AddressInvalid);
        }
        put
    }

    /// As [`EventWriter::put_ip_span`] for a value that need not be an address: no defect.
    pub fn put_if_ip(&mut self, id: FieldId, span: Span) -> bool {
        let Some(ip) = crate::ip::parse(self.bytes(span)) else { return false };
        if ip.is_ipv4() {
            match id {
                crate::ecs::SOURCE_IP => self.event.core.source_ip = Some(ip),
                crate::ecs::DESTINATION_IP => self.event.core.destination_ip = Some(ip),
                _ => {}
            }
            self.put_span(id, span, Kind::Text, false);
        } else {
            self.put_addr(id, ip.to_canonical(), b":");
        }
        true
    }

    /// Adds a port that is written somewhere already, as [`EventWriter::put_port`].
    pub fn put_port_span(&mut self, id: FieldId, span: Span) -> bool {
        let text = self.bytes(span);
        let Some(port) = crate::number::parse_u64(text).and_then(|port| u16::try_from(port).ok()) else {
            self.defect(Defect::NumberInvalid);
            return false;
        };
        match id {
            crate::ecs::SOURCE_PORT => self.event.core.source_port = Some(port),
            crate::ecs::DESTINATION_PORT => self.event.core.destination_port = Some(port),
            _ => {}
        }
        self.put_span(id, span, Kind::Number, false);
        true
    }

    /// Adds a port with its typed column; out of range is a [`Defect::NumberInvalid`].
    pub fn put_port(&mut self, id: FieldId, value: &[u8]) -> bool {
        let Some(port) = crate::number::parse_u64(value).and_then(|port| u16::try_from(port).ok()) else {
            self.defect(Defect::NumberInvalid);
            return false;
        };
        match id {
            crate::ecs::SOURCE_PORT => self.event.core.source_port = Some(port),
            crate::ecs::DESTINATION_PORT => self.event.core.destination_port = Some(port),
            _ => {}
        }
        self.put(id, value);
        true
    }

    /// Adds an integer that was computed, where values are made.
    pub fn put_i64(&mut self, id: FieldId, value: i64) {
        if self.event.as_written {
            return;
        }
        // A sign and nineteen digits.
        let mut text = [0u8; 20];
        let mut at = text.len();
        let mut rest = value.unsigned_abs();
        while rest >= 10 {
            at -= 2;
            text[at..at + 2].copy_from_slice(&crate::number::PAIRS[(rest % 100) as usize]);
            rest /= 100;
        }
        // The first digit where their count is odd, and the only one of a number below ten.
        if rest > 0 || value == 0 {
            at -= 1;
            text[at] = b'0' + rest as u8;
        }
        if value < 0 {
            at -= 1;
            text[at] = b'-';
        }
        let span = self.copied(&text[at..]);
        self.put_span(id, span, Kind::Number, false);
    }

    /// Sets the event time from the record.
    #[inline]
    pub fn set_time(&mut self, time_ns: i64, precision: TimePrecision) {
        let core = &mut self.event.core;
        core.time_ns = time_ns;
        core.time_precision = precision;
        core.time_from_record = true;
    }

    /// The span of a slice: in place if it lies in the record, else copied to the arena.
    #[inline]
    pub fn span_of(&mut self, value: &[u8]) -> Span {
        self.span_in_record(value).unwrap_or_else(|| self.copied(value))
    }

    #[inline]
    fn span_in_record(&self, value: &[u8]) -> Option<Span> {
        let at = (value.as_ptr() as usize).wrapping_sub(self.record.as_ptr() as usize);
        // A slice that begins in the record is of it, and no length wraps an address around.
        (at.saturating_add(value.len()) <= self.record.len()).then_some(Span { at: at as u32, len: value.len() as u32 })
    }

    #[inline(never)]
    fn copied(&mut self, value: &[u8]) -> Span {
        let from = self.arena_start();
        self.arena_push(value);
        self.arena_end(from)
    }

    /// Begins a made value; follow with [`EventWriter::arena_push`] and [`EventWriter::arena_end`].
    #[inline]
    pub fn arena_start(&self) -> u32 {
        self.event.arena.len() as u32
    }

    /// Appends to the value being made. Over [`ARENA_BYTES_MAX`] nothing is appended.
    #[inline]
    pub fn arena_push(&mut self, bytes: &[u8]) {
        if self.event.arena.len() + bytes.len() > ARENA_BYTES_MAX {
            self.event.defects.add(Defect::FieldsCapped);
            return;
        }
        self.event.arena.push(bytes);
    }

    /// Makes a value of two parts with a byte between them.
    #[inline]
    pub fn arena_joined(&mut self, first: &[u8], between: u8, second: &[u8]) -> Span {
        let from = self.arena_start();
        let arena = &mut self.event.arena;
        if arena.len() + first.len() + 1 + second.len() > ARENA_BYTES_MAX {
            self.event.defects.add(Defect::FieldsCapped);
        } else {
            arena.push(first);
            arena.push(&[between]);
            arena.push(second);
        }
        self.arena_end(from)
    }

    /// Appends a slice of the arena (a name's prefix made before) to the value being made.
    pub fn arena_push_span(&mut self, span: Span) {
        let at = (span.at & !IN_ARENA) as usize;
        if span.at & IN_ARENA == 0 {
            let bytes = &self.record[at..at + span.len()];
            self.arena_push(bytes);
        } else if span.at & IS_CONSTANT != 0 {
            let bytes = constant_bytes(&self.event.constants, span);
            self.arena_push(bytes);
        } else if self.event.arena.len() + span.len() <= ARENA_BYTES_MAX {
            self.event.arena.push_within(at..at + span.len());
        } else {
            self.event.defects.add(Defect::FieldsCapped);
        }
    }

    /// Ends the value begun at `from`.
    #[inline]
    pub fn arena_end(&self, from: u32) -> Span {
        Span { at: from | IN_ARENA, len: self.event.arena.len() as u32 - from }
    }

    /// The bytes of a span.
    #[inline]
    pub fn bytes(&self, span: Span) -> &[u8] {
        resolve(self.record, self.event, span)
    }

    /// The event as it stands.
    #[inline]
    pub fn view(&self) -> EventView<'_> {
        EventView { text: self.record, record: self.record, event: self.event }
    }

    /// The first value of `id` written so far.
    #[inline]
    pub fn first(&self, id: FieldId) -> Option<&[u8]> {
        self.view().first(id)
    }

    /// The first value of `id` as a span, so that it can be put again under another name.
    #[inline]
    pub fn first_span(&self, id: FieldId) -> Option<(Span, Kind)> {
        self.view().first_field(id).map(|field| (field.value, field.kind))
    }

    /// Takes the first value of `id` back: what a header said of the sender is not of the record's subject.
    pub fn forget(&mut self, id: FieldId) {
        let Some(at) = self.view().first_index(id) else { return };
        let rest = &self.event.fields[at + 1..self.event.fields_len];
        let next = rest.iter().position(|field| field.id == id).map(|further| at + 1 + further);
        self.event.slots[id.index()] =
            next.map_or_else(Slot::default, |next| Slot { generation: self.event.generation, first: next as u16 });
        let field = &mut self.event.fields[at];
        *field = Field {
            id: FieldId::UNNAMED,
            kind: Kind::Null,
            vendor: false,
            name: Span::default(),
            value: Span::default(),
        };
    }

    /// Says that a document begins here: what was written before is of the header that carried it.
    pub fn begin_document(&mut self) {
        self.event.document_from = self.event.fields_len;
    }

    /// Says of every field of the document written so far that its name is the vendor's own: a document's member
    /// may bear a name of the schema and mean something else.
    pub fn own_all(&mut self) {
        let document = self.event.document_from.min(self.event.fields_len)..self.event.fields_len;
        self.event.fields[document].iter_mut().for_each(|field| field.vendor = true);
    }

    /// Gives the first field of `from` the name `to`: the host of a header turns out to be the observer. Looks through
    /// the fields written so far, so it stands before those of a wide record.
    pub fn rename(&mut self, from: FieldId, to: FieldId) -> bool {
        let event = &mut *self.event;
        let Some(at) = event.slots.get(from.index()).filter(|slot| slot.generation == event.generation) else {
            return false;
        };
        let at = at.first as usize;
        if to.index() >= event.slots.len() {
            event.slots.resize((to.index() + 1).next_power_of_two(), Slot::default());
        }
        event.fields[at].id = to;
        let next = event.fields[at + 1..event.fields_len].iter().position(|field| field.id == from);
        event.slots[from.index()] = match next {
            Some(next) => Slot { generation: event.generation, first: (at + 1 + next) as u16 },
            None => Slot::default(),
        };
        let slot = &mut event.slots[to.index()];
        if slot.generation != event.generation || slot.first as usize > at {
            *slot = Slot { generation: event.generation, first: at as u16 };
        }
        true
    }

    /// Puts another value in the place of the first of `id`; adds it where there is none.
    pub fn replace(&mut self, id: FieldId, value: Span) {
        match self.view().first_index(id) {
            Some(at) => self.event.fields[at].value = value,
            None => self.put_span(id, value, Kind::Text, false),
        }
    }

    /// How many fields are written.
    pub fn fields_len(&self) -> usize {
        self.event.fields_len
    }

    /// Takes back the field that was written last.
    pub fn forget_last(&mut self) {
        let mark = Mark { fields_len: self.event.fields_len.saturating_sub(1), ..self.mark() };
        self.rewind(&mark);
    }

    /// The event as it stands, to go back to with [`EventWriter::rewind`].
    pub fn mark(&self) -> Mark {
        let event = &*self.event;
        Mark {
            fields_len: event.fields_len,
            arena_len: event.arena.len(),
            constants_len: event.constants_len,
            defects: event.defects,
            core: event.core,
        }
    }

    /// Forgets everything written since `mark`: what was tried fitted nothing.
    pub fn rewind(&mut self, mark: &Mark) {
        let event = &mut *self.event;
        for field in &event.fields[mark.fields_len.min(event.fields_len)..event.fields_len] {
            let slot = &mut event.slots[field.id.index()];
            if slot.first as usize >= mark.fields_len {
                // Zero is never the current generation.
                *slot = Slot::default();
            }
        }
        event.fields_len = event.fields_len.min(mark.fields_len);
        event.arena.truncate(mark.arena_len);
        event.constants_len = event.constants_len.min(mark.constants_len);
        event.defects = mark.defects;
        event.core = mark.core;
    }
}

/// A state of an event while it is written. Of use only for the event it was taken of.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    fields_len: usize,
    arena_len: usize,
    constants_len: usize,
    defects: Defects,
    core: Core,
}

#[inline]
fn resolve<'a>(record: &'a [u8], event: &'a Event, span: Span) -> &'a [u8] {
    let at = (span.at & !IN_ARENA) as usize;
    let from = if span.at & IN_ARENA == 0 {
        record
    } else if span.at & IS_CONSTANT == 0 {
        event.arena.as_slice()
    } else {
        return constant_bytes(&event.constants, span);
    };
    from.get(at..at + span.len()).unwrap_or_default()
}

fn constant_bytes(constants: &[&'static [u8]], span: Span) -> &'static [u8] {
    let (number, offset) =
        ((span.at & !(IN_ARENA | IS_CONSTANT)) >> CONSTANT_BITS, span.at & ((1 << CONSTANT_BITS) - 1));
    let constant = constants.get(number as usize).copied().unwrap_or_default();
    constant.get(offset as usize..offset as usize + span.len()).unwrap_or_default()
}

/// An event beside its record, for reading.
#[derive(Clone, Copy)]
pub struct EventView<'a> {
    text: &'a [u8],
    record: &'a [u8],
    event: &'a Event,
}

impl<'a> EventView<'a> {
    /// The raw record, byte for byte.
    #[inline]
    pub fn original(&self) -> &'a [u8] {
        self.record
    }

    /// The record as text: what decoders read and rules search. UTF-8 unless it is the record itself.
    #[inline]
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The typed columns.
    #[inline]
    pub fn core(&self) -> &'a Core {
        &self.event.core
    }

    /// What was odd.
    pub fn defects(&self) -> Defects {
        self.event.defects
    }

    /// Every field, in the order written.
    #[inline]
    pub fn fields(&self) -> &'a [Field] {
        &self.event.fields[..self.event.fields_len]
    }

    /// The value of a field of this event.
    #[inline]
    pub fn value(&self, field: &Field) -> &'a [u8] {
        resolve(self.text, self.event, field.value)
    }

    /// Whether every run of the value at `span` that is ASCII without `"`, `\`, `/` and control characters, case aside,
    /// stands in [`EventView::text`] as well. True only for long values that were unescaped: a search of both may leave
    /// them out.
    #[inline]
    pub fn repeats_text(&self, span: Span) -> bool {
        self.event.arena.is_repeated(span)
    }

    /// The name of an unnamed field; empty for those with an id (ask the dictionary).
    pub fn own_name(&self, field: &Field) -> &'a [u8] {
        resolve(self.text, self.event, field.name)
    }

    /// The first field of `id`.
    #[inline]
    pub fn first_field(&self, id: FieldId) -> Option<&'a Field> {
        let slot = self.event.slots.get(id.index())?;
        (slot.generation == self.event.generation).then(|| &self.event.fields[slot.first as usize])
    }

    /// Where the first field of `id` stands among [`EventView::fields`].
    #[inline]
    pub fn first_index(&self, id: FieldId) -> Option<usize> {
        let slot = self.event.slots.get(id.index())?;
        (slot.generation == self.event.generation).then_some(slot.first as usize)
    }

    /// The first value of `id`.
    #[inline]
    pub fn first(&self, id: FieldId) -> Option<&'a [u8]> {
        self.first_field(id).map(|field| self.value(field))
    }

    /// Whether `id` has any value.
    #[inline]
    pub fn has(&self, id: FieldId) -> bool {
        self.first_field(id).is_some()
    }

    /// All fields of `id`, in the order written.
    pub fn all(&self, id: FieldId) -> impl Iterator<Item = &'a Field> + use<'a> {
        let first = self.event.slots.get(id.index()).filter(|slot| slot.generation == self.event.generation);
        let rest = first.map_or(&[][..], |slot| &self.fields()[slot.first as usize..]);
        rest.iter().filter(move |field| field.id == id)
    }

    /// All values of `id`.
    pub fn values(&self, id: FieldId) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let view = *self;
        self.all(id).map(move |field| view.value(field))
    }
}
