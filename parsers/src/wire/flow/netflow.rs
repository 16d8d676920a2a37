//! NetFlow 5 and 7 (Cisco "NetFlow Export Datagram Formats"), NetFlow 9 (RFC 3954) and IPFIX (RFC 7011).

use std::net::SocketAddr;

use super::elements::{self, Type, number};
use super::json::{self, Object};
use super::octets::{Octets, unsigned};
use super::state::{Exporter, Exporters, FieldSpec, Key, TEMPLATE_FIELDS_MAX, Template, VARIABLE};
use super::{Out, RECORDS_PER_DATAGRAM_MAX, Sender};
use crate::time::SECOND_NS;

const MILLI_NS: i64 = 1_000_000;

/// The enterprise under which a biflow's reverse direction is sent (RFC 5103).
const REVERSE: u32 = 29_305;

const fn field(element: u16, len: u16) -> FieldSpec {
    FieldSpec { element, enterprise: 0, len }
}

/// A record of NetFlow 5, as a template would say it.
static V5: [FieldSpec; 20] = [
    field(8, 4),
    field(12, 4),
    field(15, 4),
    field(10, 2),
    field(14, 2),
    field(2, 4),
    field(1, 4),
    field(number::FIRST_SWITCHED, 4),
    field(number::LAST_SWITCHED, 4),
    field(7, 2),
    field(11, 2),
    field(number::PADDING, 1),
    field(6, 1),
    field(4, 1),
    field(5, 1),
    field(16, 2),
    field(17, 2),
    field(9, 1),
    field(13, 1),
    field(number::PADDING, 2),
];

/// A record of NetFlow 7 ends in the address of the router that was passed by.
const V7_ROUTER: FieldSpec = field(43, 4);

/// Decodes one datagram; `None` = it breaks its protocol before any record.
pub(super) fn decode(exporters: &mut Exporters, out: &mut Out<'_>, peer: SocketAddr, datagram: &[u8]) -> Option<()> {
    let mut octets = Octets(datagram);
    match octets.u16()? {
        version @ (5 | 7) => fixed(exporters, out, peer, version, octets),
        9 => v9(exporters, out, peer, octets),
        10 => ipfix(exporters, out, peer, octets, datagram.len()),
        _ => None,
    }
}

fn seconds_ns(seconds: u32) -> i64 {
    i64::from(seconds) * SECOND_NS
}

/// NetFlow 5 and 7: a header of 24 octets and records of one shape.
fn fixed(
    exporters: &mut Exporters,
    out: &mut Out<'_>,
    peer: SocketAddr,
    version: u16,
    mut octets: Octets<'_>,
) -> Option<()> {
    let count = octets.u16()?;
    let uptime_ms = octets.u32()?;
    let (seconds, nanos) = (octets.u32()?, octets.u32()?);
    let sequence = octets.u32()?;
    let engine = octets.u16()?;
    let sampling = octets.u16()?;
    let sender = Sender {
        peer,
        version,
        domain: if version == 5 { engine.into() } else { 0 },
        sequence,
        export_ns: Some(seconds_ns(seconds) + i64::from(nanos.min(999_999_999))),
        uptime_ms: Some(uptime_ms),
    };
    let (exporter, counters) = exporters.get(sender.key());
    exporter.sequence(counters, sequence, Some(count.into()));
    // Two bits of mode, fourteen of interval.
    let rate = if version == 5 { u64::from(sampling & 0x3fff) } else { 0 };
    if rate > 1 {
        exporter.set_sampling(0, rate);
    }
    let mut fields = [V7_ROUTER; V5.len() + 1];
    fields[..V5.len()].copy_from_slice(&V5);
    let fields = if version == 5 { &fields[..V5.len()] } else { &fields[..] };
    let len = if version == 5 { 48 } else { 52 };
    let mut read = 0;
    for _ in 0..count {
        let Some(record) = octets.take(len) else { break };
        flow(out, &sender, Some(exporter), None, fields, 0, record);
        read += 1;
    }
    // Fewer records than were announced, or something behind them.
    if read < count || !octets.is_empty() {
        counters.malformed += 1;
        if !octets.is_empty() {
            out.raw("netflow_malformed", &sender, None, octets.0);
        }
    }
    Some(())
}

fn v9(exporters: &mut Exporters, out: &mut Out<'_>, peer: SocketAddr, mut octets: Octets<'_>) -> Option<()> {
    let _count = octets.u16()?;
    let uptime_ms = octets.u32()?;
    let seconds = octets.u32()?;
    let sequence = octets.u32()?;
    let domain = octets.u32()?;
    let sender =
        Sender { peer, version: 9, domain, sequence, export_ns: Some(seconds_ns(seconds)), uptime_ms: Some(uptime_ms) };
    let (exporter, counters) = exporters.get(sender.key());
    exporter.sequence(counters, sequence, Some(1));
    sets(exporters, out, &sender, octets);
    Some(())
}

fn ipfix(
    exporters: &mut Exporters,
    out: &mut Out<'_>,
    peer: SocketAddr,
    mut octets: Octets<'_>,
    whole: usize,
) -> Option<()> {
    let length = usize::from(octets.u16()?);
    let seconds = octets.u32()?;
    let sequence = octets.u32()?;
    let domain = octets.u32()?;
    if !(16..=whole).contains(&length) {
        return None;
    }
    let body = Octets(octets.take(length - 16)?);
    let sender = Sender { peer, version: 10, domain, sequence, export_ns: Some(seconds_ns(seconds)), uptime_ms: None };
    let flows = sets(exporters, out, &sender, body);
    let (exporter, counters) = exporters.get(sender.key());
    exporter.sequence(counters, sequence, flows);
    if !octets.is_empty() {
        counters.malformed += 1;
        out.raw("netflow_malformed", &sender, None, octets.0);
    }
    Some(())
}

/// The sets of a datagram. How many data records there were, where all could be read.
fn sets(exporters: &mut Exporters, out: &mut Out<'_>, sender: &Sender, mut octets: Octets<'_>) -> Option<u32> {
    let mut records = Some(0u32);
    let mut left = RECORDS_PER_DATAGRAM_MAX;
    while !octets.is_empty() {
        let whole = octets.0;
        let head = octets.u16().zip(octets.u16());
        let body = head.and_then(|(id, length)| Some((id, octets.take(usize::from(length).checked_sub(4)?)?)));
        let Some((id, body)) = body else {
            // Fewer than four octets of zeros are padding.
            if whole.len() >= 4 || whole.iter().any(|&octet| octet != 0) {
                exporters.counters.malformed += 1;
                out.raw("netflow_malformed", sender, None, whole);
            }
            return None;
        };
        let is_v9 = sender.version == 9;
        match id {
            0 if is_v9 => templates(exporters, sender, Octets(body)),
            1 if is_v9 => options_templates_v9(exporters, sender, Octets(body)),
            2 if !is_v9 => templates(exporters, sender, Octets(body)),
            3 if !is_v9 => options_templates(exporters, sender, Octets(body)),
            256.. => {
                let read = data(exporters, out, sender, id, body, &mut left);
                records = records.zip(read).map(|(sum, read)| sum.saturating_add(read));
            }
            _ => {
                exporters.counters.malformed += 1;
                out.raw("netflow_malformed", sender, Some(id), body);
            }
        }
    }
    records
}

/// `count` field specifiers; of IPFIX with an enterprise where the first bit says so.
fn specs(octets: &mut Octets<'_>, count: usize, ipfix: bool) -> Option<Vec<FieldSpec>> {
    // Not more than the octets have room for, whatever the count says.
    let mut specs = Vec::with_capacity(count.min(octets.len() / 4).min(TEMPLATE_FIELDS_MAX + 1));
    for _ in 0..count {
        let (element, len) = (octets.u16()?, octets.u16()?);
        let enterprise = if ipfix && element & 0x8000 != 0 { octets.u32()? } else { 0 };
        let element = if ipfix { element & 0x7fff } else { element };
        // One more than is allowed is enough to be refused by.
        if specs.len() <= TEMPLATE_FIELDS_MAX {
            specs.push(FieldSpec { element, enterprise, len });
        }
    }
    Some(specs)
}

fn templates(exporters: &mut Exporters, sender: &Sender, mut octets: Octets<'_>) {
    let ipfix = sender.version != 9;
    while octets.len() >= 4 {
        let (Some(id), Some(count)) = (octets.u16(), octets.u16()) else { return };
        if count == 0 && ipfix {
            exporters.withdraw(sender.key(), id);
            continue;
        }
        if id < 256 {
            return; // Padding.
        }
        let Some(fields) = specs(&mut octets, count.into(), ipfix) else {
            exporters.counters.templates_refused += 1;
            return;
        };
        exporters.learn(sender.key(), id, Template::new(fields, 0, false));
    }
}

/// RFC 7011 §3.4.2.2.
fn options_templates(exporters: &mut Exporters, sender: &Sender, mut octets: Octets<'_>) {
    while octets.len() >= 4 {
        let (Some(id), Some(count)) = (octets.u16(), octets.u16()) else { return };
        if count == 0 {
            exporters.withdraw(sender.key(), id);
            continue;
        }
        if id < 256 {
            return;
        }
        let Some(scopes) = octets.u16() else { return };
        let Some(fields) = specs(&mut octets, count.into(), true) else {
            exporters.counters.templates_refused += 1;
            return;
        };
        let scopes = usize::from(scopes).min(fields.len());
        exporters.learn(sender.key(), id, Template::new(fields, scopes, true));
    }
}

/// RFC 3954 §6.1: lengths in octets, and scopes with numbers of their own.
fn options_templates_v9(exporters: &mut Exporters, sender: &Sender, mut octets: Octets<'_>) {
    while octets.len() >= 6 {
        let head = octets.u16().zip(octets.u16()).zip(octets.u16());
        let Some(((id, scope_len), option_len)) = head else { return };
        if id < 256 {
            return;
        }
        let (scopes, options) = (usize::from(scope_len) / 4, usize::from(option_len) / 4);
        let fields = specs(&mut octets, scopes, false).zip(specs(&mut octets, options, false));
        let Some((mut fields, options)) = fields else {
            exporters.counters.templates_refused += 1;
            return;
        };
        let scopes = fields.len();
        fields.extend(options);
        exporters.learn(sender.key(), id, Template::new(fields, scopes, true));
    }
}

/// The records of a data set; how many, where they could be read.
fn data(
    exporters: &mut Exporters,
    out: &mut Out<'_>,
    sender: &Sender,
    id: u16,
    body: &[u8],
    left: &mut usize,
) -> Option<u32> {
    let key: Key = sender.key();
    let (exporter, counters) = exporters.get(key);
    let Some(template) = exporter.template(id).cloned() else {
        counters.no_template += 1;
        out.raw("netflow_no_template", sender, Some(id), body);
        return None;
    };
    let mut octets = Octets(body);
    let mut records = 0;
    while octets.len() >= template.len_min {
        if *left == 0 {
            counters.records_capped += 1;
            out.raw("netflow_undecoded", sender, Some(id), octets.0);
            return None;
        }
        *left -= 1;
        let Some(len) = record_len(&template.fields, octets.0) else {
            // A variable length that points out of the set.
            counters.malformed += 1;
            out.raw("netflow_malformed", sender, Some(id), octets.0);
            return None;
        };
        let record = octets.take(len)?;
        if template.options {
            options(out, sender, exporter, id, &template, record);
        } else {
            flow(out, sender, Some(exporter), Some(id), &template.fields, 0, record);
        }
        records += 1;
    }
    Some(records)
}

/// How long the record at the start is.
fn record_len(fields: &[FieldSpec], octets: &[u8]) -> Option<usize> {
    let mut rest = Octets(octets);
    for field in fields {
        value(field, &mut rest)?;
    }
    Some(octets.len() - rest.len())
}

/// The octets of a field (RFC 7011 §7: one octet of length, or 255 and two more).
fn value<'a>(field: &FieldSpec, octets: &mut Octets<'a>) -> Option<&'a [u8]> {
    let len = match field.len {
        VARIABLE => match octets.u8()? {
            255 => octets.u16()?.into(),
            len => len.into(),
        },
        len => len.into(),
    };
    octets.take(len)
}

/// What of a record decides its times and its sampling.
#[derive(Default)]
struct Known {
    start_ns: Option<i64>,
    end_ns: Option<i64>,
    first_ms: Option<u64>,
    last_ms: Option<u64>,
    boot_ns: Option<i64>,
    duration_ms: Option<u64>,
    sampler: Option<u64>,
    interval: Option<u64>,
}

impl Known {
    fn note(&mut self, sender: &Sender, element: u16, octets: &[u8]) {
        if octets.len() > 8 {
            return;
        }
        let value = unsigned(octets);
        let signed = i64::try_from(value).ok();
        let delta = || Some(sender.export_ns? - signed?.checked_mul(1000)?);
        match element {
            number::FIRST_SWITCHED => self.first_ms = Some(value),
            number::LAST_SWITCHED => self.last_ms = Some(value),
            number::START_SECONDS => self.start_ns = signed.and_then(|seconds| seconds.checked_mul(SECOND_NS)),
            number::END_SECONDS => self.end_ns = signed.and_then(|seconds| seconds.checked_mul(SECOND_NS)),
            number::START_MILLIS => self.start_ns = signed.and_then(|ms| ms.checked_mul(MILLI_NS)),
            number::END_MILLIS => self.end_ns = signed.and_then(|ms| ms.checked_mul(MILLI_NS)),
            number::START_MICROS | number::START_NANOS => self.start_ns = ntp_ns(octets),
            number::END_MICROS | number::END_NANOS => self.end_ns = ntp_ns(octets),
            number::START_DELTA => self.start_ns = delta(),
            number::END_DELTA => self.end_ns = delta(),
            number::SYSTEM_INIT => self.boot_ns = signed.and_then(|ms| ms.checked_mul(MILLI_NS)),
            number::DURATION_MILLIS => self.duration_ms = Some(value),
            number::SAMPLER_ID | number::SELECTOR_ID => self.sampler = Some(value),
            number::SAMPLING_INTERVAL | number::SAMPLER_RANDOM_INTERVAL | number::SAMPLING_PACKET_INTERVAL => {
                self.interval = Some(value);
            }
            _ => {}
        }
    }

    fn times(&self, sender: &Sender) -> Option<(i64, i64)> {
        let uptime = |ms: u64| {
            let (boot_ns, ms) = match (self.boot_ns, sender.export_ns, sender.uptime_ms) {
                (Some(boot_ns), ..) => (boot_ns, i64::try_from(ms).ok()?),
                (None, Some(export_ns), Some(now_ms)) => {
                    // The uptime of 32 bits wraps after 49 days: what is ahead of now was before the wrap.
                    let wrapped = i64::from(ms > u64::from(now_ms)) << 32;
                    (export_ns - i64::from(now_ms) * MILLI_NS, i64::try_from(ms).ok()? - wrapped)
                }
                _ => return None,
            };
            boot_ns.checked_add(ms.checked_mul(MILLI_NS)?)
        };
        let start = self.start_ns.or_else(|| self.first_ms.and_then(uptime));
        let end = self.end_ns.or_else(|| self.last_ms.and_then(uptime));
        let duration = self.duration_ms.and_then(|ms| i64::try_from(ms).ok()?.checked_mul(MILLI_NS));
        match (start, end, duration) {
            (Some(start), Some(end), _) => Some((start, end)),
            (Some(start), None, Some(duration)) => Some((start, start.checked_add(duration)?)),
            (None, Some(end), Some(duration)) => Some((end.checked_sub(duration)?, end)),
            _ => None,
        }
    }
}

/// Seconds since 1900 and a fraction, 32 bits each.
fn ntp_ns(octets: &[u8]) -> Option<i64> {
    /// From 1900 to 1970.
    const NTP_EPOCH_S: i64 = 2_208_988_800;
    if octets.len() != 8 {
        return None;
    }
    let value = unsigned(octets);
    let seconds = (value >> 32) as i64 - NTP_EPOCH_S;
    let nanos = ((value & 0xffff_ffff) * SECOND_NS as u64) >> 32;
    seconds.checked_mul(SECOND_NS)?.checked_add(nanos as i64)
}

/// Writes a flow record.
fn flow(
    out: &mut Out<'_>,
    sender: &Sender,
    exporter: Option<&Exporter>,
    template: Option<u16>,
    fields: &[FieldSpec],
    scopes: usize,
    record: &[u8],
) {
    out.begin("netflow_flow", sender);
    if let Some(template) = template {
        out.object.unsigned("template_id", template.into());
    }
    let known = put_fields(out.object, sender, fields, scopes, record);
    if known.interval.is_none() {
        if let Some(rate) = exporter.and_then(|exporter| exporter.sampling(known.sampler)) {
            out.object.unsigned("sampling_interval", rate);
        }
    }
    out.end(record, known.times(sender));
}

/// Writes an options record, and learns what it says of samplers.
fn options(out: &mut Out<'_>, sender: &Sender, exporter: &mut Exporter, id: u16, template: &Template, record: &[u8]) {
    out.begin("netflow_options", sender);
    out.object.unsigned("template_id", id.into());
    let known = put_fields(out.object, sender, &template.fields, template.scopes, record);
    if let Some(rate) = known.interval.filter(|&rate| rate > 0) {
        exporter.set_sampling(known.sampler.unwrap_or_default(), rate);
    }
    out.end(record, None);
}

/// Scopes of NetFlow 9 (RFC 3954 §6.1).
static SCOPES_V9: [&str; 6] =
    ["scope_none", "scope_system", "scope_interface", "scope_line_card", "scope_cache", "scope_template"];

fn put_fields(object: &mut Object, sender: &Sender, fields: &[FieldSpec], scopes: usize, record: &[u8]) -> Known {
    let mut known = Known::default();
    let mut octets = Octets(record);
    for (at, field) in fields.iter().enumerate() {
        let Some(octets) = value(field, &mut octets) else { break };
        if at < scopes && sender.version == 9 {
            match SCOPES_V9.get(usize::from(field.element)) {
                Some(name) => object.member(name, |out| put_unsigned(out, octets)),
                None => object.numbered("scope_", field.element.into(), None, |out| out.hex(octets)),
            }
            continue;
        }
        if field.enterprise == 0 {
            known.note(sender, field.element, octets);
        }
        put_field(object, field, octets);
    }
    known
}

fn put_field(object: &mut Object, field: &FieldSpec, octets: &[u8]) {
    let element = elements::of(field.element);
    match (field.enterprise, element) {
        (0, _) if field.element == number::PADDING => {}
        (0, Some(element)) => object.member(element.name, |out| put_value(out, element.kind, octets)),
        (0, None) => object.numbered("element_", field.element.into(), None, |out| put_unknown(out, octets)),
        (REVERSE, Some(element)) => {
            object.prefixed("reverse_", element.name, |out| put_value(out, element.kind, octets));
        }
        (enterprise, _) => {
            object.numbered("enterprise_", enterprise, Some(field.element), |out| put_unknown(out, octets));
        }
    }
}

/// An element whose type is not known: its octets.
fn put_unknown(out: &mut json::Value<'_>, octets: &[u8]) {
    out.hex(octets);
}

fn put_unsigned(out: &mut json::Value<'_>, octets: &[u8]) {
    if octets.len() > 8 { out.hex(octets) } else { out.unsigned(unsigned(octets)) }
}

fn put_value(out: &mut json::Value<'_>, kind: Type, octets: &[u8]) {
    let fits = match kind {
        Type::Unsigned => (1..=8).contains(&octets.len()),
        Type::Float => matches!(octets.len(), 4 | 8),
        Type::Boolean => octets.len() == 1,
        Type::Mac => octets.len() == 6,
        Type::Ipv4 => octets.len() == 4,
        Type::Ipv6 => octets.len() == 16,
        Type::Seconds => octets.len() == 4,
        Type::Millis | Type::Ntp => octets.len() == 8,
        Type::String | Type::Octets => true,
    };
    if !fits {
        return out.hex(octets);
    }
    match kind {
        Type::Unsigned => out.unsigned(unsigned(octets)),
        Type::Float => match octets {
            &[a, b, c, d] => out.float(f32::from_be_bytes([a, b, c, d]).into()),
            _ => out.float(f64::from_bits(unsigned(octets))),
        },
        // RFC 7011 §6.1.5: 1 is true, 2 is false.
        Type::Boolean => out.boolean(octets == [1]),
        Type::Mac => match octets.try_into() {
            Ok(octets) => out.mac(octets),
            Err(_) => out.hex(octets),
        },
        Type::Ipv4 | Type::Ipv6 => match json::address(octets) {
            Some(ip) => out.ip(ip),
            None => out.hex(octets),
        },
        Type::String => {
            // Fixed lengths are filled up with NUL.
            let end = octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
            out.string(&octets[..end]);
        }
        Type::Octets => out.octets(octets),
        Type::Seconds => out.time(unsigned(octets) as i64 * SECOND_NS),
        Type::Millis => match i64::try_from(unsigned(octets)).ok().and_then(|ms| ms.checked_mul(MILLI_NS)) {
            Some(time_ns) => out.time(time_ns),
            None => out.hex(octets),
        },
        Type::Ntp => match ntp_ns(octets) {
            Some(time_ns) => out.time(time_ns),
            None => out.hex(octets),
        },
    }
}
