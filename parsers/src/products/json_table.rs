//! JSON products as tables: which member goes to which name of the schema, and how.
//!
//! A product of JSON records needs no code of its own where a [`JsonTable`] says it. To add one:
//!
//! 1. In a file of its own, declare a `Product`, list the rows, and write a reader of one line:
//!    ```ignore
//!    pub(crate) static PRODUCT: Product = Product {
//!        name: "acme_audit",
//!        namespace: "acme.audit",
//!        module: "acme",
//!        dataset: "acme.audit",
//!        json: &[&TABLE],                                   // gives the table's members ids
//!        detect: &[Detect::Members(&["acmeEventId", "actor.login"], read)],
//!        ..Product::NONE
//!    };
//!
//!    static TABLE: JsonTable = JsonTable::new(Spec {
//!        product: products::ACME_AUDIT,
//!        time: &[("when", Clock::Millis)],                  // the first that can be read is the event's time
//!        constants: &[(ecs::EVENT_KIND, "event")],
//!        rows: &[
//!            ("acmeEventId", ecs::EVENT_ID, Text),
//!            ("actor.login", ecs::USER_NAME, User),         // and related.user
//!            ("client.addr", ecs::SOURCE_IP, Ip),           // and related.ip
//!            ("took_ms", ecs::EVENT_DURATION, Duration(1_000_000)),
//!            ("result", ecs::EVENT_OUTCOME, Map(&[("ok", "success"), ("error", "failure")])),
//!            ("verb", ecs::EVENT_ACTION, Means(&[("login", &[(ecs::EVENT_CATEGORY, "authentication"),
//!                                                            (ecs::EVENT_TYPE, "start")])])),
//!        ],
//!        ..Spec::NONE
//!    });
//!
//!    fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
//!        TABLE.apply(writer, context)                       // what a table cannot say stands behind this
//!    }
//!    ```
//! 2. Add a `mod` line and a row in `products!` (`products/mod.rs`), a row in `logsource.rs` where Sigma names
//!    the source, and golden lines in `testdata/acme_audit/1.in`.
//!
//! Members are named by their dotted path; those of an array of objects repeat it
//! (`target[].id` is `target.id`, once per element), and scalars in an array repeat the array's own. Rows are tried in
//! order, and the first row that gives a name a value keeps it (arrays of the schema collect). A value of `null`,
//! an empty one, `-` and a container count as absent. Records within another's envelope (EventBridge,
//! `Records[]`, a string of a shipper's) come unwrapped. `{name, value}` lists have [`Pairs`], JSON in a
//! string [`crate::wire::json::decode_value`].
//!
//! Names resolve once; applying a table allocates nothing.

use std::sync::OnceLock;

use super::fields::{copy_vendor, put_mac_span, put_path, put_slug, put_time, relate_span};
use super::names::id_of;
use super::url;
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span, TimePrecision};
use crate::logsource::{self, LogSourceId, ProductId};
use crate::number::{parse_i64, parse_u64, take_u64};
use crate::products;
use crate::time::{SECOND_NS, parse_epoch, take_fraction, take_iso, take_us};

/// Most values of one member that are related to an event or kept in a set. Beyond, they keep the vendor's name only:
/// keeping sets free of doubles would grow with the square of an array's length.
const SET_MAX: usize = 64;

/// Constants that a value stands for, by the schema's names.
pub(crate) type Constants = &'static [(FieldId, &'static str)];

/// One line of a table: member, schema name, how.
pub(crate) type Row = (&'static str, FieldId, How);

/// How a time is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(dead_code)]
pub(crate) enum Clock {
    /// ISO 8601; where it has no zone, the source's.
    Iso,
    /// ISO 8601; where it has no zone, UTC, as the vendor says.
    IsoUtc,
    /// Since the epoch, the unit by the number of digits.
    Epoch,
    /// Seconds since the epoch, perhaps with a fraction.
    Seconds,
    /// Milliseconds since the epoch.
    Millis,
    /// Microseconds since the epoch.
    Micros,
    /// Nanoseconds since the epoch.
    Nanos,
}

/// How a value goes to its schema name.
#[derive(Clone, Copy)]
#[allow(dead_code)]
pub(crate) enum How {
    /// As text.
    Text,
    /// Every value of the member, each once.
    Set,
    /// As text, ASCII letters lowered.
    Lower,
    /// A phrase as the schema writes actions: small letters, hyphens between its words.
    Slug,
    /// If it is an address; `related.ip` with it.
    Ip,
    /// Every value that is an address, and `related.ip`.
    Ips,
    /// An address or a host's name as text; the address also under the first name and `related.ip`, the host's
    /// under the second and `related.hosts`.
    Address(FieldId, FieldId),
    /// `address:port` or `address`: the port goes to the name given.
    IpPort(FieldId),
    /// As text, and `related.user`.
    User,
    /// As text, and `related.hosts`.
    Host,
    /// As text, and `related.hash`.
    Hash,
    /// If it is a port.
    Port,
    /// If it is a whole number.
    Number,
    /// As a hardware address.
    Mac,
    /// As an instant.
    Time(Clock),
    /// A number of units, of so many nanoseconds each.
    Duration(i64),
    /// `url.original` and its parts; the schema name gets the whole too.
    Url,
    /// A path: the schema name gets the whole, `file.name`, `file.directory` and `file.extension` its parts.
    FilePath,
    /// What stands before the last `@`, and `related.user`.
    LocalPart,
    /// As [`How::LocalPart`] for a name that is no user's.
    LocalName,
    /// What stands behind the last `@`.
    MailDomain,
    /// One of the vendor's words as one of the schema's; others are left out.
    Map(&'static [(&'static str, &'static str)]),
    /// The value as text, and the constants that it stands for.
    Means(&'static [(&'static str, Constants)]),
    /// The constants that the value stands for alone.
    OnlyMeans(&'static [(&'static str, Constants)]),
    /// This, wherever the member says anything.
    Constant(&'static str),
}

/// A list of named values (`[{"name": …, "value": …}]`), whose rows are by the names in it.
pub(crate) struct Pairs {
    /// The member that names.
    pub name: &'static str,
    /// The members that hold values, whichever an element has.
    pub values: &'static [&'static str],
    /// What the named values are.
    pub rows: &'static [Row],
}

/// What a table says.
pub(crate) struct Spec {
    /// Whose record it is.
    pub product: ProductId,
    /// The log source it answers to, until the reader says another.
    pub log_source: LogSourceId,
    /// Whether every member's name is the vendor's, so that one that looks like a name of the schema is not.
    pub own: bool,
    /// What holds for every record.
    pub constants: Constants,
    /// Members that hold the event's time: the first that can be read is it.
    pub time: &'static [(&'static str, Clock)],
    /// Members to names.
    pub rows: &'static [Row],
    /// Lists of named values.
    pub pairs: &'static [Pairs],
    /// Members to the other names that detection rules know them by: written beside, as the vendor's.
    pub aliases: &'static [(&'static str, &'static str)],
    /// Members that the reader or rules speak of and no row does.
    pub also: &'static [&'static str],
}

impl Spec {
    /// What a table leaves out.
    pub(crate) const NONE: Spec = Spec {
        product: products::UNKNOWN,
        log_source: logsource::UNKNOWN,
        own: true,
        constants: &[],
        time: &[],
        rows: &[],
        pairs: &[],
        aliases: &[],
        also: &[],
    };
}

/// A row whose member has an id.
struct Resolved {
    member: FieldId,
    to: FieldId,
    how: How,
    /// The values of [`How::Means`] in order.
    order: Box<[u16]>,
}

struct ResolvedPairs {
    name: FieldId,
    values: Box<[FieldId]>,
    /// By name.
    rows: Box<[(&'static str, Resolved)]>,
}

struct Ids {
    time: Box<[(FieldId, Clock)]>,
    rows: Box<[Resolved]>,
    pairs: Box<[ResolvedPairs]>,
    aliases: Box<[(FieldId, FieldId)]>,
}

/// A product's table. See the module's text.
pub(crate) struct JsonTable {
    spec: Spec,
    ids: OnceLock<Ids>,
}

impl JsonTable {
    /// A table of what `spec` says.
    pub(crate) const fn new(spec: Spec) -> JsonTable {
        JsonTable { spec, ids: OnceLock::new() }
    }

    /// The vendor names that it speaks of.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let spec = &self.spec;
        let pairs = spec.pairs.iter().flat_map(|pairs| std::iter::once(pairs.name).chain(pairs.values.iter().copied()));
        spec.also
            .iter()
            .copied()
            .chain(spec.time.iter().map(|&(name, _)| name))
            .chain(spec.rows.iter().map(|&(name, ..)| name))
            .chain(pairs)
            .chain(spec.aliases.iter().flat_map(|&(name, alias)| [name, alias]))
    }

    /// Writes what the table says of the record whose members are written already. Always `true`, for the
    /// reader to end with.
    pub(crate) fn apply(&self, writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
        let ids = self.ids.get_or_init(|| self.resolve());
        if self.spec.own {
            writer.own_all();
        }
        let core = writer.core();
        core.product = self.spec.product;
        core.log_source = self.spec.log_source;
        self.set_time(writer, context, ids);
        for row in &ids.rows {
            row.apply(writer, context);
        }
        for pairs in &ids.pairs {
            pairs.apply(writer, context);
        }
        put_constants(writer, self.spec.constants);
        for &(member, alias) in &ids.aliases {
            copy_vendor(writer, member, alias);
        }
        true
    }

    fn set_time(&self, writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids) {
        let mut seen = false;
        for &(member, clock) in &ids.time {
            let Some(span) = value(writer, member) else { continue };
            seen = true;
            if let Some((time_ns, precision)) = read_time(writer, context, span, clock) {
                return writer.set_time(time_ns, precision);
            }
        }
        if seen {
            writer.defect(Defect::TimeUnreadable);
        }
    }

    fn resolve(&self) -> Ids {
        let spec = &self.spec;
        let pairs = |pairs: &Pairs| {
            let mut rows: Vec<_> = pairs.rows.iter().map(|row| (row.0, Resolved::new(FieldId::UNNAMED, row))).collect();
            rows.sort_by_key(|&(name, _)| name);
            ResolvedPairs {
                name: declared(pairs.name),
                values: pairs.values.iter().map(|name| declared(name)).collect(),
                rows: rows.into(),
            }
        };
        Ids {
            time: spec.time.iter().map(|&(name, clock)| (declared(name), clock)).collect(),
            rows: spec.rows.iter().map(|row| Resolved::new(declared(row.0), row)).collect(),
            pairs: spec.pairs.iter().map(pairs).collect(),
            aliases: spec.aliases.iter().map(|&(name, alias)| (declared(name), declared(alias))).collect(),
        }
    }
}

/// The id of a member that a product declared by naming the table in its `json`; of another no event would ever hold a value.
fn declared(name: &str) -> FieldId {
    let id = id_of(name);
    debug_assert!(id != FieldId::UNNAMED, "{name}: the table is in no product's `json`");
    id
}

impl Resolved {
    /// Of a list of named values no member is asked: the row is found by the name.
    fn new(member: FieldId, &(_, to, how): &Row) -> Resolved {
        let meanings: &[(&str, Constants)] = match how {
            How::Means(meanings) | How::OnlyMeans(meanings) => meanings,
            _ => &[],
        };
        let mut order: Box<[u16]> = (0..meanings.len() as u16).collect();
        order.sort_by_key(|&at| meanings[usize::from(at)].0);
        Resolved { member, to, how, order }
    }

    #[inline]
    fn apply(&self, writer: &mut EventWriter<'_>, context: &Context<'_>) {
        if !writer.view().has(self.member) {
            return;
        }
        if !matches!(self.how, How::Set | How::Ips) {
            if let Some(span) = value(writer, self.member) {
                self.put(writer, context, span);
            }
            return;
        }
        let end = writer.fields_len();
        let mut at = writer.view().first_index(self.member).unwrap_or(end);
        let mut count = 0;
        while at < end && count < SET_MAX {
            let field = writer.view().fields()[at];
            at += 1;
            if field.id == self.member && says(writer, field.span(), field.kind) {
                count += 1;
                self.put(writer, context, field.span());
            }
        }
    }

    /// Writes one value that says something.
    fn put(&self, writer: &mut EventWriter<'_>, context: &Context<'_>, span: Span) {
        match self.how {
            How::Set => return put_in_set(writer, self.to, span),
            How::Ips => {
                if writer.put_if_ip(self.to, span) {
                    relate_last(writer, ecs::RELATED_IP);
                }
                return;
            }
            How::OnlyMeans(meanings) => return put_constants(writer, self.meaning(meanings, writer.bytes(span))),
            How::Means(meanings) => put_constants(writer, self.meaning(meanings, writer.bytes(span))),
            _ => {}
        }
        if has_own(writer, self.to) {
            return;
        }
        put_as(writer, context, span, self.to, self.how);
    }

    fn meaning(&self, meanings: &'static [(&'static str, Constants)], value: &[u8]) -> Constants {
        self.order
            .binary_search_by_key(&value, |&at| meanings[usize::from(at)].0.as_bytes())
            .map_or(&[], |found| meanings[usize::from(self.order[found])].1)
    }
}

impl ResolvedPairs {
    fn apply(&self, writer: &mut EventWriter<'_>, context: &Context<'_>) {
        let Some(name_at) = writer.view().first_index(self.name) else { return };
        let value_at = self.values.iter().filter_map(|&id| writer.view().first_index(id)).min();
        let Some(value_at) = value_at else { return };
        // Every element has the two in the same order.
        let name_first = name_at < value_at;
        let end = writer.fields_len();
        let (mut name, mut last) = (None, None);
        for at in name_at.min(value_at)..end {
            let field = writer.view().fields()[at];
            if field.id == self.name {
                name = Some(field.span());
                if let (false, Some(value)) = (name_first, last.take()) {
                    self.put(writer, context, field.span(), value);
                }
            } else if self.values.contains(&field.id) && says(writer, field.span(), field.kind) {
                last = Some(field.span());
                if let (true, Some(name)) = (name_first, name) {
                    self.put(writer, context, name, field.span());
                }
            }
        }
    }

    fn put(&self, writer: &mut EventWriter<'_>, context: &Context<'_>, name: Span, value: Span) {
        let text = writer.bytes(name);
        let from = self.rows.partition_point(|&(other, _)| other.as_bytes() < text);
        let to = from + self.rows[from..].iter().take_while(|&&(other, _)| other.as_bytes() == text).count();
        for (_, row) in &self.rows[from..to] {
            row.put(writer, context, value);
        }
    }
}

/// Whether a value says something.
#[inline]
pub(crate) fn says(writer: &EventWriter<'_>, span: Span, kind: Kind) -> bool {
    !matches!(kind, Kind::Null | Kind::Json) && !matches!(writer.bytes(span), b"" | b"-")
}

/// The first value of a member that says something.
#[inline]
pub(crate) fn value(writer: &EventWriter<'_>, member: FieldId) -> Option<Span> {
    let view = writer.view();
    let first = view.first_field(member)?;
    if says(writer, first.span(), first.kind) {
        return Some(first.span());
    }
    view.all(member).skip(1).find(|field| says(writer, field.span(), field.kind)).map(|field| field.span())
}

/// Whether a name of the schema has a value, one of the vendor's own of the same name aside.
#[inline]
pub(crate) fn has_own(writer: &EventWriter<'_>, id: FieldId) -> bool {
    let view = writer.view();
    match view.first_field(id) {
        None => false,
        Some(first) => !first.vendor || view.all(id).any(|field| !field.vendor),
    }
}

/// Writes constants: to an array of the schema each once, to another name where it has no value.
#[inline]
pub(crate) fn put_constants(writer: &mut EventWriter<'_>, constants: Constants) {
    for &(id, text) in constants {
        put_constant(writer, id, text);
    }
}

/// Writes one constant as [`put_constants`] does.
pub(crate) fn put_constant(writer: &mut EventWriter<'_>, id: FieldId, text: &'static str) {
    let array = ecs::FIELDS.get(id.index()).is_some_and(|field| field.array);
    let written = if array { in_set(writer, id, text.as_bytes()) } else { has_own(writer, id) };
    if !written {
        writer.put_str(id, text);
    }
}

fn in_set(writer: &EventWriter<'_>, id: FieldId, text: &[u8]) -> bool {
    let view = writer.view();
    view.all(id).any(|field| !field.vendor && view.value(field) == text)
}

fn put_in_set(writer: &mut EventWriter<'_>, id: FieldId, span: Span) {
    if id == ecs::RELATED_IP {
        if writer.put_if_ip(id, span) {
            forget_double(writer, id);
        }
        return;
    }
    if !in_set(writer, id, writer.bytes(span)) {
        writer.put_span(id, span, Kind::Text, false);
    }
}

/// Takes the last field back where a field before it says the same.
fn forget_double(writer: &mut EventWriter<'_>, id: FieldId) {
    let view = writer.view();
    let Some((last, before)) = view.fields().split_last() else { return };
    let text = view.value(last);
    let double = before.iter().any(|field| field.id == id && !field.vendor && view.value(field) == text);
    if double {
        writer.forget_last();
    }
}

/// Adds the value written last to the set `related`.
fn relate_last(writer: &mut EventWriter<'_>, related: FieldId) {
    let span = writer.view().fields().last().map(|field| field.span());
    if let Some(span) = span {
        relate_span(writer, span, related);
    }
}

/// Writes a value to a name of the schema that has none; see [`How`]. Not for sets and meanings.
pub(crate) fn put_as(writer: &mut EventWriter<'_>, context: &Context<'_>, span: Span, to: FieldId, how: How) {
    let related = match how {
        How::User => Some(ecs::RELATED_USER),
        How::Host => Some(ecs::RELATED_HOSTS),
        How::Hash => Some(ecs::RELATED_HASH),
        _ => None,
    };
    match how {
        How::Text | How::Means(_) | How::User | How::Host | How::Hash => {
            writer.put_span(to, span, Kind::Text, false);
            if let Some(related) = related {
                relate_span(writer, span, related);
            }
        }
        How::Lower => put_lower(writer, to, span),
        How::Slug => put_slug(writer, to, span),
        How::Ip => {
            if writer.put_if_ip(to, span) {
                relate_last(writer, ecs::RELATED_IP);
            }
        }
        How::Address(ip, domain) => {
            writer.put_span(to, span, Kind::Text, false);
            if writer.put_if_ip(ip, span) {
                relate_last(writer, ecs::RELATED_IP);
            } else {
                writer.put_span(domain, span, Kind::Text, false);
                relate_span(writer, span, ecs::RELATED_HOSTS);
            }
        }
        How::IpPort(port) => put_ip_port(writer, span, to, port),
        How::Port => {
            writer.put_port_span(to, span);
        }
        How::Number => put_number(writer, to, span),
        How::Mac => put_mac_span(writer, span, to),
        How::Time(clock) => {
            if let Some((time_ns, _)) = read_time(writer, context, span, clock) {
                put_time(writer, to, time_ns);
            }
        }
        How::Duration(unit_ns) => {
            if let Some(duration) = read_duration(writer.bytes(span), unit_ns) {
                writer.put_i64(to, duration);
            }
        }
        How::Url => {
            if to != ecs::URL_ORIGINAL {
                writer.put_span(to, span, Kind::Text, false);
            }
            if !has_own(writer, ecs::URL_ORIGINAL) {
                url::put(writer, span);
            }
        }
        How::FilePath => {
            writer.put_span(to, span, Kind::Text, false);
            put_path(writer, span, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
        }
        How::LocalPart | How::LocalName => {
            let text = writer.bytes(span);
            let part = span.part(0..memchr::memrchr(b'@', text).unwrap_or(text.len()));
            if !part.is_empty() {
                writer.put_span(to, part, Kind::Text, false);
                if matches!(how, How::LocalPart) {
                    relate_span(writer, part, ecs::RELATED_USER);
                }
            }
        }
        How::MailDomain => {
            if let Some(at) = memchr::memrchr(b'@', writer.bytes(span)) {
                let part = span.part(at + 1..span.len());
                if !part.is_empty() {
                    writer.put_span(to, part, Kind::Text, false);
                }
            }
        }
        How::Map(words) => {
            let text = writer.bytes(span);
            if let Some(&(_, word)) = words.iter().find(|&&(word, _)| word.as_bytes() == text) {
                put_constant(writer, to, word);
            }
        }
        How::Constant(text) => put_constant(writer, to, text),
        How::Set | How::Ips | How::OnlyMeans(_) => put_in_set(writer, to, span),
    }
}

/// As [`put_as`], unless the name has a value.
pub(crate) fn put_as_new(writer: &mut EventWriter<'_>, context: &Context<'_>, span: Span, to: FieldId, how: How) {
    if !has_own(writer, to) {
        put_as(writer, context, span, to, how);
    }
}

/// Longest text that is lowered; what is longer is no word of a vendor's.
const LOWER_BYTES_MAX: usize = 256;

fn put_lower(writer: &mut EventWriter<'_>, to: FieldId, span: Span) {
    let mut lower = [0; LOWER_BYTES_MAX];
    let text = writer.bytes(span);
    match lower.get_mut(..text.len()).filter(|_| text.iter().any(u8::is_ascii_uppercase)) {
        None => writer.put_span(to, span, Kind::Text, false),
        Some(lower) => {
            lower.copy_from_slice(text);
            lower.make_ascii_lowercase();
            writer.put_as(to, lower, Kind::Text, false);
        }
    }
}

/// `192.0.2.1`, `192.0.2.1:443`, `[2001:db8::1]:443`, `2001:db8::1`.
fn put_ip_port(writer: &mut EventWriter<'_>, span: Span, to: FieldId, port: FieldId) {
    let text = writer.bytes(span);
    let (host, port_from) = match text.first() {
        Some(b'[') => match memchr::memchr(b']', text) {
            Some(end) => (span.part(1..end), (text.get(end + 1) == Some(&b':')).then_some(end + 2)),
            None => return,
        },
        // One colon parts a port; several are an address.
        _ => match (memchr::memchr(b':', text), memchr::memrchr(b':', text)) {
            (Some(first), Some(last)) if first == last => (span.part(0..first), Some(first + 1)),
            _ => (span, None),
        },
    };
    if !writer.put_if_ip(to, host) {
        return;
    }
    relate_last(writer, ecs::RELATED_IP);
    if let Some(from) = port_from {
        let part = span.part(from..span.len());
        if parse_u64(writer.bytes(part)).is_some_and(|port| port <= 65_535) && !has_own(writer, port) {
            writer.put_port_span(port, part);
        }
    }
}

fn put_number(writer: &mut EventWriter<'_>, to: FieldId, span: Span) {
    let text = writer.bytes(span);
    let whole = text.strip_suffix(b".0").unwrap_or(text);
    if parse_i64(whole).is_some() {
        let whole = span.part(0..whole.len());
        writer.put_span(to, whole, Kind::Number, false);
    }
}

/// A decimal number of units as nanoseconds, to the nanosecond.
fn read_duration(text: &[u8], unit_ns: i64) -> Option<i64> {
    let (whole, rest) = take_u64(text)?;
    let whole = i64::try_from(whole).ok()?.checked_mul(unit_ns)?;
    if rest.is_empty() {
        return Some(whole);
    }
    let (billionths, _, rest) = take_fraction(rest);
    let fraction = i64::from(billionths) * (unit_ns / 1000) / (SECOND_NS / 1000);
    rest.is_empty().then(|| whole.checked_add(fraction))?
}

/// An instant and how precise it is.
pub(crate) fn read_time(
    writer: &mut EventWriter<'_>,
    context: &Context<'_>,
    span: Span,
    clock: Clock,
) -> Option<(i64, TimePrecision)> {
    let text = writer.bytes(span);
    let scaled = |unit_ns, precision| {
        let time_ns = parse_i64(text)?.checked_mul(unit_ns)?;
        Some((time_ns, precision))
    };
    match clock {
        Clock::Iso | Clock::IsoUtc => {
            let Some((mut stamp, _)) = take_iso(text).or_else(|| take_us(text)) else { return parse_epoch(text) };
            if clock == Clock::IsoUtc {
                stamp.offset_s = stamp.offset_s.or(Some(0));
            }
            context.resolve(writer, &stamp).map(|time_ns| (time_ns, stamp.precision))
        }
        Clock::Epoch => parse_epoch(text),
        Clock::Seconds => {
            let (whole, rest) = take_u64(text)?;
            let (nano, precision, rest) = take_fraction(rest);
            let time_ns = i64::try_from(whole).ok()?.checked_mul(SECOND_NS)?.checked_add(i64::from(nano))?;
            rest.is_empty().then_some((time_ns, precision))
        }
        Clock::Millis => scaled(1_000_000, TimePrecision::Milli),
        Clock::Micros => scaled(1000, TimePrecision::Micro),
        Clock::Nanos => scaled(1, TimePrecision::Nano),
    }
}

#[cfg(test)]
mod tests;
