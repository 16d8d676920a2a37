//! Redis and Valkey server log (`serverLog` in `server.c`): `pid:role date time level message`, without role before
//! release 3, without process id before 2.4.

use super::names::vendor_names;
use super::text::{split, word};
use crate::decode::Context;
use crate::event::{EventWriter, Kind, TimePrecision};
use crate::number::{parse_u64, take_u64};
use crate::products::{Detect, Product};
use crate::time::{Civil, Stamp, infer_year, month, parse_epoch, take_clock, take_fraction};
use crate::wire::syslog::Header;
use crate::{defect::Defect, ecs, logsource, products};

/// `redis`.
pub(crate) static PRODUCT: Product = Product {
    name: "redis",
    title: "Redis server log",
    document: "Redis: redis.conf, loglevel and logfile",
    namespace: "redis.log",
    module: "redis",
    dataset: "redis.log",
    names: NAMES,
    detect: &[Detect::Line("0123456789[", decode), Detect::App(&["redis", "redis-server", "valkey-server"], decode)],
    ..Product::NONE
};

vendor_names! {
    role = "role";
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let (pid, role, rest) = process(text);
    if let Some((time, rest)) = rest.strip_prefix(b"(").and_then(|rest| split(rest, b") ")) {
        // A signal handler may not format a date: `4961:signal-handler (1496141561) …`.
        let (Some((time_ns, precision)), b"signal-handler") = (parse_epoch(time), role) else { return false };
        begin(writer, pid);
        writer.set_time(time_ns, precision);
        writer.put(ecs::MESSAGE, rest);
        return true;
    }
    let Some((civil, precision, has_year, rest)) = date(rest) else { return false };
    let level = match rest {
        [b'.', b' ', ..] => "debug",
        [b'-', b' ', ..] => "verbose",
        [b'*', b' ', ..] => "notice",
        [b'#', b' ', ..] => "warning",
        _ => return false,
    };
    begin(writer, pid);
    writer.put_str(ecs::LOG_LEVEL, level);
    let role = match role {
        b"M" => "master",
        b"S" => "slave",
        b"C" => "child",
        b"X" => "sentinel",
        _ => "",
    };
    if !role.is_empty() {
        let span = writer.span_of(role.as_bytes());
        writer.put_span(ids().role, span, Kind::Text, true);
    }
    writer.put(ecs::MESSAGE, &rest[2..]);
    let mut civil = civil;
    if !has_year {
        let offset_s = context.options.zone.offset_s(&civil);
        infer_year(&mut civil, offset_s, context.reference_ns());
        writer.defect(Defect::YearInferred);
    }
    context.set_stamp(writer, &Stamp { civil, offset_s: None, precision });
    true
}

fn begin<'a>(writer: &mut EventWriter<'a>, pid: &'a [u8]) {
    let core = writer.core();
    core.product = products::REDIS;
    core.log_source = logsource::REDIS;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "database");
    writer.put_str(ecs::EVENT_TYPE, "info");
    if !pid.is_empty() && writer.first(ecs::PROCESS_PID).is_none() {
        writer.put_as(ecs::PROCESS_PID, pid, Kind::Number, false);
    }
}

/// `pid:role `, `[pid] `, or neither.
fn process(text: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (first, rest) = word(text);
    if let Some(pid) = first.strip_prefix(b"[").and_then(|pid| pid.strip_suffix(b"]")) {
        if parse_u64(pid).is_some() {
            return (pid, b"", rest);
        }
    }
    match split(first, b":") {
        Some((pid, role)) if parse_u64(pid).is_some() => (pid, role, rest),
        _ => (b"", b"", text),
    }
}

/// `27 Dec 2018 11:19:18.874 `, the year and the fraction not always there.
fn date(text: &[u8]) -> Option<(Civil, TimePrecision, bool, &[u8])> {
    let (day, rest) = take_u64(text)?;
    let rest = rest.strip_prefix(b" ")?;
    let month = month(rest.get(..3)?)?;
    let rest = rest[3..].strip_prefix(b" ")?;
    let (year, rest) = match take_u64(rest) {
        Some((year @ 1970..=9999, after)) if after.first() == Some(&b' ') => (Some(year), &after[1..]),
        _ => (None, rest),
    };
    let (hour, minute, second, rest) = take_clock(rest)?;
    let (nano, precision, rest) = take_fraction(rest);
    // A leap year stands in, so that 29 February is a day of it.
    let civil = Civil {
        year: year.map_or(2000, |year| year as i64),
        month,
        day: u32::try_from(day).ok()?,
        hour,
        minute,
        second,
        nano,
    };
    civil.is_valid().then_some((civil, precision, year.is_some(), rest.strip_prefix(b" ")?))
}
