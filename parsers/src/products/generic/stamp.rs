//! Stamps of logs without a header: found near the start, in the forms that programs write.

use crate::decode::Context;
use crate::event::{EventWriter, Span, TimePrecision};
use crate::number::take_u64;
use crate::time::{self, Civil, Stamp, parse_epoch, take_clf, take_clock, take_fraction, take_iso, take_offset};
use crate::wire::syslog;

/// How far into a record a stamp is looked for: behind a process id, a level, a few quoted cells.
const STAMP_WITHIN_BYTES: usize = 160;

/// Seconds since the epoch that a bare number is taken for a time: 2000-01-01 to 2100-01-01.
const EPOCH_S: std::ops::Range<i64> = 946_684_800..4_102_444_800;

/// Finds the first stamp, sets the event time from it and answers where it begins and ends.
pub(super) fn find(writer: &mut EventWriter<'_>, context: &Context<'_>, text: &[u8]) -> Option<(usize, usize)> {
    let within = text.len().min(STAMP_WITHIN_BYTES);
    let mut number = None;
    for at in 0..within {
        let opens = at == 0
            || matches!(text[at - 1], b' ' | b'\t' | b'"' | b'\'' | b'[' | b'(' | b'<' | b',' | b';' | b'|' | b'=');
        if !opens || !text[at].is_ascii_alphanumeric() {
            continue;
        }
        let rest = &text[at..];
        if let Some((stamp, year, after)) = take(rest) {
            let (stamp, after) = with_zone(stamp, after);
            set_stamp(writer, context, &stamp, year);
            return Some((at, text.len() - after.len()));
        }
        // A number may be an id: a date counts for more.
        if number.is_none() {
            number = take_epoch(rest).map(|found| (at, found));
        }
    }
    let (at, (time_ns, precision, len)) = number?;
    writer.set_time(time_ns, precision);
    Some((at, at + len))
}

/// Whether a value is a time and nothing else that could be one.
pub(super) fn is_time(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphanumeric) && (parse_epoch(text).is_some() || take(text).is_some())
}

/// Sets the event time from a value that [`is_time`].
pub(super) fn set(writer: &mut EventWriter<'_>, context: &Context<'_>, value: Span) {
    let text = writer.bytes(value);
    if let Some((time_ns, precision)) = parse_epoch(text) {
        writer.set_time(time_ns, precision);
    } else if let Some((stamp, year, after)) = take(text) {
        let (stamp, _) = with_zone(stamp, after);
        set_stamp(writer, context, &stamp, year);
    }
}

fn set_stamp(writer: &mut EventWriter<'_>, context: &Context<'_>, stamp: &Stamp, year: bool) {
    match year {
        true => context.set_stamp(writer, stamp),
        false => syslog::set_yearless(writer, context, stamp.civil, stamp.offset_s, stamp.precision),
    }
}

/// A stamp at the start, whether it has a year, and what follows.
fn take(text: &[u8]) -> Option<(Stamp, bool, &[u8])> {
    if text[0].is_ascii_digit() {
        let dated = take_gin(text)
            .or_else(|| take_iso(text))
            .or_else(|| take_clf(text))
            .or_else(|| take_compact(text))
            .or_else(|| take_numeric(text));
        return match dated {
            // `10:38:49,719` is a fraction of three digits or six; a longer run is the next cell of a line.
            Some((mut stamp, rest)) => {
                let digits =
                    text[..text.len() - rest.len()].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
                let before = text.get((text.len() - rest.len()).wrapping_sub(digits + 1));
                if before == Some(&b',') && !matches!(digits, 3 | 6) {
                    (stamp.civil.nano, stamp.precision) = (0, TimePrecision::Second);
                    return Some((stamp, true, &text[text.len() - rest.len() - digits - 1..]));
                }
                Some((stamp, true, rest))
            }
            None => take_day_first(text),
        };
    }
    // `Mon, ` or `Mon ` before the date.
    let text = match text {
        [_, _, _, b',', b' ', rest @ ..] => return take_day_first(rest),
        [_, _, _, b' ', rest @ ..] if time::month(text).is_none() => rest,
        _ => text,
    };
    take_month_first(text)
}

fn stamp_of(year: Option<u64>, month: u32, day: u32, clock: &[u8]) -> Option<(Stamp, bool, &[u8])> {
    let (mut hour, minute, second, rest) = take_clock(clock).or_else(|| take_short_clock(clock))?;
    let (nano, precision, mut rest) = take_fraction(rest);
    if let [b' ', half @ (b'A' | b'P' | b'a' | b'p'), b'M' | b'm', after @ ..] = rest {
        if (1..=12).contains(&hour) {
            hour = hour % 12 + if matches!(half, b'P' | b'p') { 12 } else { 0 };
            rest = after;
        }
    }
    // A leap year, so that 29 February passes until the year is known.
    let civil = Civil { year: year.map_or(2000, |year| year as i64), month, day, hour, minute, second, nano };
    let valid = civil.is_valid() && year.is_none_or(|year| (1970..2262).contains(&year));
    valid.then_some((Stamp { civil, offset_s: None, precision }, year.is_some(), rest))
}

/// `h:mm:ss` with one digit for the hour.
fn take_short_clock(text: &[u8]) -> Option<(u32, u32, u32, &[u8])> {
    let &[
        h @ b'0'..=b'9',
        b':',
        m1 @ b'0'..=b'9',
        m2 @ b'0'..=b'9',
        b':',
        s1 @ b'0'..=b'9',
        s2 @ b'0'..=b'9',
        ref rest @ ..,
    ] = text
    else {
        return None;
    };
    let two = |tens: u8, ones: u8| u32::from(tens - b'0') * 10 + u32::from(ones - b'0');
    Some((u32::from(h - b'0'), two(m1, m2), two(s1, s2), rest))
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}

/// `Dec 27 11:19:18`, `Dec 27 2018 11:19:18`, `Dec 27, 2018 11:19:18 AM`, `Dec 27 11:19:18 2018`.
fn take_month_first(text: &[u8]) -> Option<(Stamp, bool, &[u8])> {
    let month = time::month(text)?;
    let rest = text[3..].strip_prefix(b" ").map(skip_blanks)?;
    let (day, rest) =
        take_u64(&rest[..rest.len().min(2)]).map(|(day, left)| (day, &rest[rest.len().min(2) - left.len()..]))?;
    let rest = skip_blanks(rest.strip_prefix(b",").unwrap_or(rest));
    let (year, rest) = match take_u64(rest) {
        Some((year, after)) if rest.len() - after.len() == 4 && after.first() == Some(&b' ') => {
            (Some(year), skip_blanks(after))
        }
        _ => (None, rest),
    };
    let (mut stamp, dated, rest) = stamp_of(year, month, day as u32, rest)?;
    if let (false, [b' ', digits @ ..]) = (dated, rest) {
        if let Some((year, after)) = take_u64(&digits[..digits.len().min(5)]) {
            if digits.len().min(5) - after.len() == 4 && (1970..2262).contains(&year) {
                stamp.civil.year = year as i64;
                return Some((stamp, true, &digits[4..]));
            }
        }
    }
    Some((stamp, dated, rest))
}

/// `27 Dec 2018 11:19:18`, `27-Dec-2018 11:19:18`, `30 May 12:57:24`.
fn take_day_first(text: &[u8]) -> Option<(Stamp, bool, &[u8])> {
    let digits = text.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    let (day, rest) = take_u64(&text[..digits]).map(|(day, _)| (day, &text[digits..]))?;
    let sign = *rest.first().filter(|sign| matches!(sign, b' ' | b'-' | b'/' | b'.'))?;
    let month = time::month(&rest[1..])?;
    let rest = rest.get(4..)?;
    let rest = rest.strip_prefix(&[sign]).or_else(|| rest.strip_prefix(b" "))?;
    match take_u64(rest) {
        Some((year, after))
            if rest.len() - after.len() == 4 && matches!(after.first(), Some(b' ' | b':' | b'T' | b',')) =>
        {
            stamp_of(Some(year), month, day as u32, skip_blanks(&after[1..]))
        }
        _ => stamp_of(None, month, day as u32, rest),
    }
}

/// `24.01.2023 10:38:49`, `01/24/2023 10:38:49 AM`: by dots and dashes the day comes first, by slashes the month, unless
/// that is no month.
fn take_numeric(text: &[u8]) -> Option<(Stamp, &[u8])> {
    let (first, rest) =
        take_u64(&text[..text.len().min(3)]).map(|(value, left)| (value, &text[text.len().min(3) - left.len()..]))?;
    let sign = *rest.first().filter(|sign| matches!(sign, b'.' | b'/' | b'-'))?;
    let rest = &rest[1..];
    let (second, rest) =
        take_u64(&rest[..rest.len().min(3)]).map(|(value, left)| (value, &rest[rest.len().min(3) - left.len()..]))?;
    let rest = rest.strip_prefix(&[sign])?;
    let (year, after) =
        take_u64(&rest[..rest.len().min(5)]).map(|(value, left)| (value, rest.len().min(5) - left.len()))?;
    // Two digits of a year are common by slashes, and a version by dots.
    let year = match after {
        4 => year,
        2 if sign == b'/' => 2000 + year,
        _ => return None,
    };
    let clock = rest[after..].strip_prefix(b" ").or_else(|| rest[after..].strip_prefix(b", "))?;
    let (month, day) = if sign == b'/' && first <= 12 { (first, second) } else { (second, first) };
    stamp_of(Some(year), month as u32, day as u32, skip_blanks(clock)).map(|(stamp, _, rest)| (stamp, rest))
}

/// `2023/01/24 - 10:38:49`, as the web framework Gin writes it.
fn take_gin(text: &[u8]) -> Option<(Stamp, &[u8])> {
    let clock =
        text.get(10..).and_then(|rest| rest.strip_prefix(b" - ")).filter(|_| text[4] == b'/' && text[7] == b'/')?;
    let number = |part: &[u8]| take_u64(part).filter(|(_, left)| left.is_empty()).map(|(value, _)| value);
    let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?);
    stamp_of(Some(year), month as u32, day as u32, clock).map(|(stamp, _, rest)| (stamp, rest))
}

/// `20230124 10:38:49`, `20230124T103849`, `230124 10:38:49`.
fn take_compact(text: &[u8]) -> Option<(Stamp, &[u8])> {
    let digits = text.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
    let (value, _) = take_u64(&text[..digits])?;
    let (year, month, day) = match digits {
        8 => (value / 10_000, value / 100 % 100, value % 100),
        6 => (2000 + value / 10_000, value / 100 % 100, value % 100),
        _ => return None,
    };
    let rest = text[digits..].strip_prefix(b"T").or_else(|| text[digits..].strip_prefix(b" ")).map(skip_blanks)?;
    if let Some((stamp, _, rest)) = stamp_of(Some(year), month as u32, day as u32, rest) {
        return Some((stamp, rest));
    }
    let (clock, after) = rest.split_at_checked(6)?;
    let (clock, _) = take_u64(clock).filter(|(_, left)| left.is_empty())?;
    let (nano, precision, after) = take_fraction(after);
    let part = |value: u64| (value % 100) as u32;
    let civil = Civil {
        year: year as i64,
        month: month as u32,
        day: day as u32,
        hour: part(clock / 10_000),
        minute: part(clock / 100),
        second: part(clock),
        nano,
    };
    (civil.is_valid() && digits == 8).then_some((Stamp { civil, offset_s: None, precision }, after))
}

fn take_epoch(text: &[u8]) -> Option<(i64, TimePrecision, usize)> {
    let len = text.iter().take(32).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let token = &text[..len];
    let whole = memchr::memchr(b'.', token).unwrap_or(len);
    if !matches!(whole, 10 | 13 | 16 | 19)
        || text.get(len).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_'))
    {
        return None;
    }
    let (time_ns, precision) = parse_epoch(token)?;
    EPOCH_S.contains(&(time_ns / time::SECOND_NS)).then_some((time_ns, precision, len))
}

/// A zone set apart by a blank.
fn with_zone(mut stamp: Stamp, rest: &[u8]) -> (Stamp, &[u8]) {
    if stamp.offset_s.is_some() {
        return (stamp, rest);
    }
    if let Some((offset, after)) = take_offset(rest) {
        stamp.offset_s = Some(offset);
        return (stamp, after);
    }
    let (offset, after) = syslog::take_zone(rest);
    match offset {
        Some(_) => {
            stamp.offset_s = offset;
            (stamp, after)
        }
        None => (stamp, rest),
    }
}
