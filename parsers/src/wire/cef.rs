//! ArcSight Common Event Format (CEF Implementation Standard, revision 25), versions 0 and 1.
//!
//! `CEF:version|vendor|product|version|class id|name|severity|key=value …`. In the header `\|` and `\\` are
//! escapes; in the extension `\=`, `\\`, `\n`, `\r`. A value runs to the next ` key=`, blanks and all. Keys are kept
//! under their full names (`src` is `sourceAddress`), those of no standard under their own.

mod names;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;
mod vendors;

pub(crate) use names::NAMES;
use names::ids;

use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::number::take_u64;
use crate::products::Product;
use crate::products::fields::{put_lower, put_path, put_time, relate, relate_span};
use crate::products::{targets, url};
use crate::scan::{NextPlace, until};
use crate::time::{
    Civil, Stamp, infer_year, month, parse_epoch, take_clock, take_ctime, take_fraction, take_iso, take_offset,
};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `cef`.
pub(crate) static PRODUCT: Product = Product {
    name: "cef",
    title: "Common Event Format",
    document: "ArcSight Common Event Format Implementation Standard, version 27",
    namespace: "cef.extensions",
    module: "cef",
    dataset: "cef.log",
    names: NAMES,
    ..Product::NONE
};

/// Fields of the header after the version.
const HEADER_FIELDS: usize = 6;

/// Decodes a CEF record; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let Some(text) = header.message.strip_prefix(b"CEF:") else { return false };
    let text = text.trim_ascii_start();
    let Some(bar) = memchr::memchr(b'|', text).filter(|&bar| (1..=3).contains(&bar)) else { return false };
    let ids = ids();
    writer.put_as(ids.version, &text[..bar], Kind::Text, false);
    let core = writer.core();
    core.product = products::CEF;
    core.log_source = logsource::CEF;
    let mut rest = &text[bar + 1..];
    let fields: [FieldId; HEADER_FIELDS] =
        [ids.vendor, ids.product, ids.device_version, ids.class_id, ids.name, ids.severity];
    let mut complete = true;
    for id in fields {
        let (end, escaped) = field_end(rest);
        let value = &rest[..end.unwrap_or(rest.len())];
        let value = if escaped { unescape(writer, value, b"|") } else { writer.span_of(value) };
        writer.put_span(id, value, Kind::Text, false);
        match end {
            Some(end) => rest = &rest[end + 1..],
            None => {
                // Only the severity may end the record: an event without an extension.
                complete &= id == ids.severity;
                rest = &[];
            }
        }
        if !complete {
            break;
        }
    }
    if !complete {
        writer.defect(Defect::MessageMalformed);
    }
    extension(writer, context, rest);
    normalise(writer, context);
    true
}

/// The end of a header field, and whether it holds an escape.
fn field_end(text: &[u8]) -> (Option<usize>, bool) {
    let mut at = 0;
    let mut escaped = false;
    while let Some(found) = memchr::memchr2(b'|', b'\\', text.get(at..).unwrap_or_default()) {
        at += found;
        if text[at] == b'|' {
            return (Some(at), escaped);
        }
        escaped = true;
        at += 2;
    }
    (None, escaped)
}

/// Undoes the escapes of a value: a backslash before itself or one of `special` goes; `\n` and `\r` are line ends
/// in extensions. Any other is kept as written.
fn unescape(writer: &mut EventWriter<'_>, value: &[u8], special: &[u8]) -> Span {
    let from = writer.arena_start();
    let mut rest = value;
    loop {
        let at = until(rest, b'\\');
        // What is kept up to here, what stands for the escape, and what was read.
        let (keep, made, read): (usize, &[u8], usize) = match rest.get(at + 1) {
            Some(b'\\') => (at + 1, b"", at + 2),
            // The byte behind the backslash is no backslash: it begins what is kept next.
            Some(byte) if special.contains(byte) => (at, b"", at + 1),
            Some(b'n') if special == b"=" => (at, b"\n", at + 2),
            Some(b'r') if special == b"=" => (at, b"\r", at + 2),
            Some(_) => (at + 2, b"", at + 2),
            None => (rest.len(), b"", rest.len()),
        };
        writer.arena_push(&rest[..keep]);
        if !made.is_empty() {
            writer.arena_push(made);
        }
        rest = &rest[read..];
        if rest.is_empty() {
            break;
        }
    }
    writer.arena_end(from)
}

/// Longest key of an extension; the longest of the standard is `oldFileModificationTime`.
const KEY_BYTES_MAX: usize = 64;

/// Which bytes a key may have.
static IS_KEY: [bool; 256] = {
    let mut is_key = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let of = byte as u8;
        is_key[byte] = of.is_ascii_alphanumeric() || matches!(of, b'_' | b'.' | b'-' | b'[' | b']');
        byte += 1;
    }
    is_key
};

/// The next `key=` at or after `floor`: where the key begins and where its `=` stands.
#[inline]
fn next_key(text: &[u8], signs: &mut NextPlace<'_>, floor: usize) -> Option<(usize, usize)> {
    let mut at = floor;
    loop {
        let equals = signs.from(at)?;
        let least = floor.max(equals.saturating_sub(KEY_BYTES_MAX + 1));
        let mut key = equals;
        while key > least && IS_KEY[usize::from(text[key - 1])] {
            key -= 1;
        }
        let starts = key == 0 || matches!(text[key - 1], b' ' | b'\t' | b'|');
        let apart = key > floor || floor == 0 || text[floor - 1] == b' ';
        if (1..=KEY_BYTES_MAX).contains(&(equals - key)) && starts && apart {
            return Some((key, equals));
        }
        at = equals + 1;
    }
}

/// One attribute of an extension, as slices of it.
#[derive(Clone, Copy)]
struct Attribute<'a> {
    key: &'a [u8],
    value: &'a [u8],
    /// Whether a backslash stands in the value, or in the blanks behind it.
    escaped: bool,
}

/// The attributes of an extension. Linear: what is looked for far ahead is looked for once.
struct Attributes<'a> {
    text: &'a [u8],
    signs: NextPlace<'a>,
    backslash: Option<usize>,
    /// The next key: where it begins and where its `=` stands.
    current: Option<(usize, usize)>,
}

impl<'a> Attributes<'a> {
    #[inline]
    fn of(text: &'a [u8]) -> Attributes<'a> {
        let mut signs = NextPlace::of(text, b'=');
        let current = next_key(text, &mut signs, 0);
        Attributes { text, signs, backslash: memchr::memchr(b'\\', text), current }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    #[inline]
    fn next(&mut self) -> Option<Attribute<'a>> {
        let text = self.text;
        let (key, equals) = self.current?;
        self.current = next_key(text, &mut self.signs, equals + 1);
        let end = self.current.map_or(text.len(), |(key, _)| key);
        // Looked for again only where the last one lies behind, so that a far one costs once.
        if self.backslash.is_some_and(|at| at <= equals) {
            self.backslash = memchr::memchr(b'\\', &text[equals..]).map(|at| equals + at);
        }
        let escaped = self.backslash.is_some_and(|at| at < end);
        Some(Attribute { key: &text[key..equals], value: text[equals + 1..end].trim_ascii_end(), escaped })
    }
}

fn extension<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) {
    let text = text.trim_ascii();
    let by_id = names::targets();
    let before = writer.fields_len();
    let attributes = Attributes::of(text);
    if attributes.current.is_none() && !text.is_empty() {
        writer.defect(Defect::MessageMalformed);
    }
    for Attribute { key, value, escaped } in attributes {
        let value = if escaped { unescape(writer, value, b"=") } else { writer.span_of(value) };
        let (name, id) = match names::full_name(key) {
            Some((full, id)) => (full.as_bytes(), Some(id)),
            None => (key, context.dictionary.find(key)),
        };
        match id {
            Some(ecs::MESSAGE) => writer.put_span(ecs::MESSAGE, value, Kind::Text, false),
            // A key cannot speak for the schema.
            Some(id) if id.index() >= ecs::COUNT => {
                if writer.view().first_index(id).is_some_and(|at| at >= before) {
                    writer.defect(Defect::DuplicateKey);
                }
                writer.put_span(id, value, Kind::Text, true);
                if let Some(&Some((to, how))) = by_id.get(id.index()) {
                    if !value.is_empty() {
                        targets::put(writer, id, to, how, value);
                    }
                }
            }
            _ => {
                let name = writer.span_of(name);
                writer.put_unnamed(name, value, Kind::Text);
            }
        }
        vendors::put_extension(writer, context, key, value);
    }
}

fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>) {
    let ids = ids();
    writer.put_str(ecs::EVENT_KIND, "event");
    for (from, to) in [
        (ids.vendor, ecs::OBSERVER_VENDOR),
        (ids.product, ecs::OBSERVER_PRODUCT),
        (ids.device_version, ecs::OBSERVER_VERSION),
        (ids.class_id, ecs::EVENT_CODE),
        (ids.name, ecs::MESSAGE),
    ] {
        crate::products::fields::copy(writer, from, to);
    }
    // Elastic's reading of the severity words, which the standard gives as bands of 0 to 10.
    let severity = match writer.first(ids.severity).unwrap_or_default() {
        text if crate::number::parse_u64(text).is_some_and(|number| number <= 10) => {
            crate::number::parse_i64(text).unwrap_or_default()
        }
        text if text.eq_ignore_ascii_case(b"low") => 0,
        text if text.eq_ignore_ascii_case(b"medium") => 4,
        text if text.eq_ignore_ascii_case(b"high") => 7,
        text if text.eq_ignore_ascii_case(b"very-high") => 9,
        _ => -1,
    };
    if severity >= 0 && writer.first(ecs::EVENT_SEVERITY).is_none() {
        writer.put_i64(ecs::EVENT_SEVERITY, severity);
    }
    for (from, to) in [(ids.start, ecs::EVENT_START), (ids.end, ecs::EVENT_END)] {
        if let Some(time_ns) = instant(writer, context, from) {
            put_time(writer, to, time_ns);
        }
    }
    for from in [ids.receipt, ids.end, ids.start] {
        let Some(stamp) = writer.first(from) else { continue };
        let epoch = parse_epoch(stamp);
        if let Some((time_ns, precision)) = epoch {
            writer.set_time(time_ns, precision);
            break;
        }
        let Some(stamp) = read_stamp(stamp, context) else {
            writer.defect(Defect::TimeUnreadable);
            continue;
        };
        context.set_stamp(writer, &stamp);
        break;
    }
    vendors::normalise(writer, ids);
    put_transport(writer, ids.transport);
    match writer.first(ids.direction) {
        Some(b"0") => writer.put_str(ecs::NETWORK_DIRECTION, "inbound"),
        Some(b"1") => writer.put_str(ecs::NETWORK_DIRECTION, "outbound"),
        _ => {}
    }
    if let Some((span, _)) = writer.first_span(ids.request) {
        url::put(writer, span);
    }
    if let Some((span, _)) = writer.first_span(ids.file_path) {
        put_path(writer, span, ecs::FILE_NAME, None, Some(ecs::FILE_EXTENSION));
    }
    put_hash(writer, ids.file_hash);
    for (from, to) in [
        (ecs::SOURCE_IP, ecs::RELATED_IP),
        (ecs::DESTINATION_IP, ecs::RELATED_IP),
        (ecs::SOURCE_NAT_IP, ecs::RELATED_IP),
        (ecs::DESTINATION_NAT_IP, ecs::RELATED_IP),
        (ecs::SOURCE_USER_NAME, ecs::RELATED_USER),
        (ecs::DESTINATION_USER_NAME, ecs::RELATED_USER),
        (ecs::SOURCE_DOMAIN, ecs::RELATED_HOSTS),
        (ecs::DESTINATION_DOMAIN, ecs::RELATED_HOSTS),
        (ecs::OBSERVER_HOSTNAME, ecs::RELATED_HOSTS),
    ] {
        relate(writer, from, to);
    }
}

fn put_transport(writer: &mut EventWriter<'_>, from: FieldId) {
    let Some((span, _)) = writer.first_span(from) else { return };
    let transport = match writer.bytes(span) {
        b"TCP" | b"tcp" | b"6" => "tcp",
        b"UDP" | b"udp" | b"17" => "udp",
        b"ICMP" | b"icmp" | b"1" => "icmp",
        _ => "",
    };
    let number = crate::products::network::transport(writer.bytes(span));
    if !number.is_empty() {
        writer.put_span(ecs::NETWORK_IANA_NUMBER, span, Kind::Text, false);
    }
    if !transport.is_empty() {
        writer.put_str(ecs::NETWORK_TRANSPORT, transport);
    } else if !number.is_empty() {
        writer.put_str(ecs::NETWORK_TRANSPORT, number);
    } else {
        put_lower(writer, ecs::NETWORK_TRANSPORT, span);
    }
}

/// A digest of a file, told by its length.
fn put_hash(writer: &mut EventWriter<'_>, from: FieldId) {
    let Some((span, _)) = writer.first_span(from) else { return };
    let text = writer.bytes(span);
    if !text.iter().all(u8::is_ascii_hexdigit) {
        return;
    }
    let to = match text.len() {
        32 => ecs::FILE_HASH_MD5,
        40 => ecs::FILE_HASH_SHA1,
        64 => ecs::FILE_HASH_SHA256,
        128 => ecs::FILE_HASH_SHA512,
        _ => return,
    };
    writer.put_span(to, span, Kind::Text, false);
    relate_span(writer, span, ecs::RELATED_HASH);
}

fn instant(writer: &mut EventWriter<'_>, context: &Context<'_>, id: FieldId) -> Option<i64> {
    let text = writer.first(id)?;
    if let Some((time_ns, _)) = parse_epoch(text) {
        return Some(time_ns);
    }
    let stamp = read_stamp(text, context)?;
    context.resolve(writer, &stamp)
}

/// A stamp in one of the standard's forms: `MMM dd [yyyy] HH:mm:ss[.SSS] [zone]`, or ISO 8601, or as `ctime` has it.
pub(crate) fn read_stamp(text: &[u8], context: &Context<'_>) -> Option<Stamp> {
    if let Some((stamp, _)) = take_iso(text) {
        return Some(stamp);
    }
    let Some(month) = month(text) else { return take_ctime(text) };
    let (day, rest) = take_u64(text.get(3..)?.trim_ascii_start())?;
    let rest = rest.strip_prefix(b" ")?;
    let (year, rest) = match take_u64(rest) {
        Some((year, after)) if after.first() == Some(&b' ') => (Some(year), &after[1..]),
        _ => (None, rest),
    };
    let (hour, minute, second, rest) = take_clock(rest)?;
    let (nano, precision, rest) = take_fraction(rest);
    let offset_s = rest.strip_prefix(b" ").and_then(take_offset).map(|(offset, _)| offset);
    let day = u32::try_from(day).ok()?;
    let mut civil = Civil { year: i64::try_from(year.unwrap_or(2000)).ok()?, month, day, hour, minute, second, nano };
    if year.is_none() && civil.is_valid() {
        infer_year(&mut civil, offset_s.unwrap_or(0), context.reference_ns());
    }
    (civil.year <= 9999 && civil.is_valid()).then_some(Stamp { civil, offset_s, precision })
}
