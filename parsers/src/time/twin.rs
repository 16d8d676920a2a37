//! The naive twins of the stamps: RFC 3339, ISO 8601, Apache's `%t` and epochs, read by words, the calendar by `jiff`.

use jiff::civil::DateTime;
use proptest::prelude::*;

use super::*;
use crate::testing::hold;

fn digits(text: &str, count: usize) -> Option<u32> {
    let digits = text.get(..count)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The longest text at the start that is UTF-8.
fn utf8(text: &[u8]) -> &str {
    text.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}

/// Hour, minute, second.
type Clock = (u32, u32, u32);

/// What `hh:mm:ss[.fraction]` says, seconds of the day and nanoseconds apart, and what follows.
fn clock(text: &str) -> Option<(Clock, u32, TimePrecision, &str)> {
    let (hour, minute, second) = (digits(text, 2)?, digits(text.get(3..)?, 2)?, digits(text.get(6..)?, 2)?);
    (text.get(2..3)? == ":" && text.get(5..6)? == ":").then_some(())?;
    let rest = &text[8..];
    let count = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => fraction.bytes().take_while(u8::is_ascii_digit).count(),
        None => 0,
    };
    if count == 0 {
        return Some(((hour, minute, second), 0, TimePrecision::Second, rest));
    }
    let fraction = &rest[1..=count];
    let nano = format!("{:0<9}", &fraction[..count.min(9)]).parse().ok()?;
    let precision = match count {
        1..=3 => TimePrecision::Milli,
        4..=6 => TimePrecision::Micro,
        _ => TimePrecision::Nano,
    };
    Some(((hour, minute, second), nano, precision, &rest[count + 1..]))
}

/// Seconds east of UTC, and what follows.
fn zone(text: &str) -> Option<(i32, &str)> {
    for name in ["Z", "z", "UTC", "GMT"] {
        if let Some(rest) = text.strip_prefix(name) {
            return Some((0, rest));
        }
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let hours = digits(rest, 2)?;
    let (minutes, rest) = match rest[2..].bytes().next() {
        Some(b':') => (digits(&rest[3..], 2)?, &rest[5..]),
        Some(byte) if byte.is_ascii_digit() => (digits(&rest[2..], 2)?, &rest[4..]),
        _ => (0, &rest[2..]),
    };
    (hours < 24 && minutes < 60).then_some((sign * (hours * 3600 + minutes * 60) as i32, rest))
}

/// Seconds since 1970 of a date and time in UTC: by the calendar of another's; 24:00 and second 60 run over.
fn seconds(year: u32, month: u32, day: u32, (hour, minute, second): Clock, nano: u32) -> Option<i64> {
    let runs_over = hour == 24 && minute == 0 && second == 0 && nano == 0;
    (hour < 24 || runs_over).then_some(())?;
    (minute < 60 && second <= 60).then_some(())?;
    let day = DateTime::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?, 0, 0, 0, 0).ok()?;
    let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    Some(midnight + i64::from(hour * 3600 + minute * 60 + second))
}

type Read = (i64, u32, Option<i32>, TimePrecision, usize);

fn read(stamp: Option<(Stamp, &[u8])>) -> Option<Read> {
    stamp.map(|(stamp, rest)| (stamp.civil.seconds(), stamp.civil.nano, stamp.offset_s, stamp.precision, rest.len()))
}

fn iso(record: &[u8]) -> Option<Read> {
    let text = utf8(record);
    let dash = text.get(4..5).filter(|dash| *dash == "-" || *dash == "/")?;
    (text.get(7..8)? == dash && ["T", "t", " "].contains(&text.get(10..11)?)).then_some(())?;
    let (year, month, day) = (digits(text, 4)?, digits(&text[5..], 2)?, digits(&text[8..], 2)?);
    let (time, nano, precision, rest) = clock(&text[11..])?;
    let seconds = seconds(year, month, day, time, nano)?;
    let (offset, rest) = zone(rest).map_or((None, rest), |(offset, rest)| (Some(offset), rest));
    Some((seconds, nano, offset, precision, record.len() - (text.len() - rest.len())))
}

fn clf(record: &[u8]) -> Option<Read> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let text = utf8(record);
    (text.get(2..3)? == "/" && text.get(6..7)? == "/" && text.get(11..12)? == ":").then_some(())?;
    let name = text.get(3..6)?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|month| *month == name)? as u32 + 1;
    let (time, nano, precision, rest) = clock(text.get(12..)?)?;
    let seconds = seconds(digits(&text[7..], 4)?, month, digits(text, 2)?, time, nano)?;
    let zoned = rest.strip_prefix(' ').and_then(zone);
    let (offset, rest) = zoned.map_or((None, rest), |(offset, rest)| (Some(offset), rest));
    Some((seconds, nano, offset, precision, record.len() - (text.len() - rest.len())))
}

fn epoch(text: &[u8]) -> Option<(i64, TimePrecision)> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = match text.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = is_number(whole) && fraction.is_none_or(is_number);
    let value: i128 = whole.parse().ok().filter(|_| fits)?;
    let (unit, mut precision) = match (whole.len(), fraction) {
        (9..=11, _) => (1_000_000_000, TimePrecision::Second),
        (12..=14, None) => (1_000_000, TimePrecision::Milli),
        (15..=17, None) => (1000, TimePrecision::Micro),
        (18..=19, None) => (1, TimePrecision::Nano),
        _ => return None,
    };
    let mut nano = 0;
    if let Some(fraction) = fraction {
        nano = format!("{:0<9}", &fraction[..fraction.len().min(9)]).parse().ok()?;
        precision = match fraction.len() {
            1..=3 => TimePrecision::Milli,
            4..=6 => TimePrecision::Micro,
            _ => TimePrecision::Nano,
        };
    }
    Some((i64::try_from(value * unit + nano).ok()?, precision))
}

#[track_caller]
fn check(text: &[u8]) {
    assert_eq!(read(take_iso(text)), iso(text), "{}", text.escape_ascii());
    assert_eq!(read(take_clf(text)), clf(text), "{}", text.escape_ascii());
    assert_eq!(parse_epoch(text), epoch(text), "{}", text.escape_ascii());
}

#[test]
fn golden_records_and_damaged_ones_read_as_the_twins_do() {
    let mut stamps = 0;
    hold(b":-/.,TZ+ 0", |record| {
        // A stamp begins with a digit that stands behind none, an epoch is a word.
        for from in (0..record.len()).filter(|&at| record[at].is_ascii_digit()) {
            if from > 0 && record[from - 1].is_ascii_digit() {
                continue;
            }
            let text = &record[from..];
            check(text);
            stamps += usize::from(take_iso(text).is_some());
            let word = text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(text.len());
            check(&text[..word]);
        }
    });
    assert!(stamps > 10_000, "only {stamps} stamps");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn stamps_read_as_the_twins_do(
        text in "([0-9]{3,4}[-/][0-2][0-9][-/][0-3][0-9][Tt ]|[0-3][0-9]/(Jan|feb|MAR|Dex)/[0-9]{4}:)[0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.,][0-9]{0,11})? ?(Z|z|UTC|GMT|[+-][0-9:]{0,6}|)[ a-z]{0,2}"
    ) {
        check(text.as_bytes());
    }

    #[test]
    fn epochs_read_as_the_twin_does(text in "[0-9]{8,20}([.,][0-9]{0,11})?x?") {
        check(text.as_bytes());
    }

    #[test]
    fn instants_are_written_as_another_writes_them(time_ns in any::<i64>()) {
        let written = format_rfc3339(time_ns);
        let read: jiff::Timestamp = written.parse().unwrap();
        prop_assert_eq!(read.as_nanosecond(), i128::from(time_ns), "{}", written);
    }

    #[test]
    fn days_are_those_of_another_calendar(days in -700_000i64..2_900_000) {
        let (year, month, day) = civil_from_days(days);
        let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
        let expected = (i64::from(date.year()), date.month() as u32, date.day() as u32);
        prop_assert_eq!((year, month, day), expected);
        prop_assert_eq!(days_from_civil(year, month, day), days);
    }
}
