//! Windows events as Snare sends them: one line of syslog, columns between tabs (Snare for Windows, "event output
//! format"). Relays that escape control characters write `#011` for the tab.

use super::names::ids;
use super::put_account;
use crate::decode::Context;
use crate::defect::Defect;
use crate::ecs;
use crate::event::{EventWriter, Kind, TimePrecision};
use crate::number::parse_u64;
use crate::time::{self, Civil, Stamp, take_clock};
use crate::wire::syslog::Header;

/// What every record bears behind its header.
pub(super) const MARK: &str = "MSWinEventLog";

/// How far into a record the mark is looked for: behind a priority, a stamp and a host's name.
const MARK_WITHIN_BYTES: usize = 400;

/// Columns behind the mark: criticality, log, counter, time, id, source, user, kind of SID, type of event, computer,
/// category, data, text, and a counter or checksum.
const COLUMNS: usize = 14;

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, _header: &Header<'a>) -> bool {
    let record = writer.record();
    let head = &record[..record.len().min(MARK_WITHIN_BYTES)];
    let Some(at) = memchr::memmem::find(head, MARK.as_bytes()) else { return false };
    let rest = &record[at + MARK.len()..];
    let separator: &[u8] = if rest.starts_with(b"#011") { b"#011" } else { b"\t" };
    let Some(mut rest) = rest.strip_prefix(separator) else { return false };
    let mut columns = [&b""[..]; COLUMNS];
    let mut len = 0;
    while len < COLUMNS {
        let end = memchr::memmem::find(rest, separator);
        columns[len] = &rest[..end.unwrap_or(rest.len())];
        len += 1;
        match end {
            Some(end) => rest = &rest[end + separator.len()..],
            None => break,
        }
    }
    let [_, log, counter, date, event_id, source, user, _, kind, computer, category, _, text, _] = columns;
    if parse_u64(event_id).is_none() {
        return false;
    }
    let ids = ids();
    for (id, value) in [
        (ids.channel, log),
        (ids.record_number, counter),
        (ids.event_id, event_id),
        (ids.provider_name, source),
        (ids.computer, computer),
        (ids.category, category),
        (ids.message, text.trim_ascii_end()),
    ] {
        if !value.is_empty() {
            writer.put_vendor(id, value);
        }
    }
    match kind {
        b"Success Audit" => writer.put_str(ecs::WINLOG_KEYWORDS, "Audit Success"),
        b"Failure Audit" => writer.put_str(ecs::WINLOG_KEYWORDS, "Audit Failure"),
        b"Error" => writer.put_str(ecs::WINLOG_LEVEL, "error"),
        b"Warning" => writer.put_str(ecs::WINLOG_LEVEL, "warning"),
        b"Information" => writer.put_str(ecs::WINLOG_LEVEL, "information"),
        _ => {}
    }
    if !super::normalise(writer, context) {
        return false;
    }
    match stamp(date) {
        Some(stamp) => context.set_stamp(writer, &stamp),
        None => writer.defect(Defect::TimeUnreadable),
    }
    if !matches!(user, b"" | b"N/A" | b"Unknown User") {
        let account = writer.span_of(user);
        writer.put_span(ids.user, account, Kind::Text, true);
        put_account(writer, account);
        crate::products::fields::relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
    }
    if len < COLUMNS - 1 {
        writer.defect(Defect::ColumnCount);
    }
    true
}

/// `Mon Mar 01 08:09:10 2026`, in the host's zone.
fn stamp(text: &[u8]) -> Option<Stamp> {
    let rest = text.get(4..)?;
    let month = time::month(rest)?;
    let rest = rest.get(3..)?.trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let day = u32::try_from(parse_u64(&rest[..digits])?).ok()?;
    let (hour, minute, second, rest) = take_clock(rest[digits..].trim_ascii_start())?;
    let year = i64::try_from(parse_u64(rest.trim_ascii())?).ok().filter(|year| (1970..2262).contains(year))?;
    let civil = Civil { year, month, day, hour, minute, second, nano: 0 };
    civil.is_valid().then_some(Stamp { civil, offset_s: None, precision: TimePrecision::Second })
}
