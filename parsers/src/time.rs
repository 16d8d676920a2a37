//! Stamps to nanoseconds since the Unix epoch.
//!
//! Hand-written because a stamp is read from every record: the generic parsers
//! of date libraries cost more than all other fields of a syslog line together.
//! The proleptic Gregorian arithmetic is that of RFC 3339 Appendix B; leap second
//! 60 reads as the first instant of the next minute, 24:00:00 as the next midnight
//! (ISO 8601-1 §4.2.3).

use crate::event::TimePrecision;
use crate::number::take_u64;

/// Nanoseconds in a second.
pub const SECOND_NS: i64 = 1_000_000_000;
/// Nanoseconds in a day.
pub const DAY_NS: i64 = 86_400 * SECOND_NS;

/// Years by which 32-bit calendar arithmetic is shifted, a multiple of the Gregorian cycle of 400.
const SHIFT_YEARS: i64 = 400 * 20;
/// The same in days, and those from 0000-03-01 to the epoch.
const SHIFT_DAYS: i64 = 719_468 + 146_097 * 20;

/// Days since 1970-01-01 of a civil date.
#[inline]
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    // In 32 bits wherever a stamp can lie; Neri and Schneider, "Euclidean affine functions and their application to
    // calendar algorithms" (2023), §5, shifted by 82 times 400 years so that nothing is negative.
    if let Some(year @ 1..=32_000) = u32::try_from(year + SHIFT_YEARS).ok().filter(|_| (1..=12).contains(&month)) {
        let early = month <= 2;
        let year = year - u32::from(early);
        let month = if early { month + 12 } else { month };
        let century = year / 100;
        let days = 1461 * year / 4 - century + century / 4 + (979 * month - 2919) / 32 + day;
        return i64::from(days) - 1 - SHIFT_DAYS;
    }
    // March-based year, so that the leap day comes last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = i64::from((153 * ((month + 9) % 12) + 2) / 5 + day - 1);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The civil date of a day since 1970-01-01: year, month, day.
#[inline]
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    // As in `days_from_civil`; 10,000,000 days are 27,000 years.
    if let Ok(days @ 0..10_000_000) = u32::try_from(days.saturating_add(SHIFT_DAYS)) {
        let quarters = 4 * days + 3;
        let century = quarters / 146_097;
        let of_century = quarters % 146_097 / 4;
        let product = 2_939_745 * u64::from(4 * of_century + 3);
        let year = 100 * century + (product >> 32) as u32;
        let of_year = product as u32 / 2_939_745 / 4;
        let months = 2141 * of_year + 197_913;
        let (month, day) = (months >> 16, (months & 0xFFFF) / 2141 + 1);
        let late = of_year >= 306;
        let month = if late { month - 12 } else { month };
        return (i64::from(year + u32::from(late)) - SHIFT_YEARS, month, day);
    }
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * month_index + 2) / 5 + 1) as u32;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(is_leap(year)),
        _ => 31,
    }
}

/// A civil date and time of day without a zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Civil {
    /// Year, four digits.
    pub year: i64,
    /// 1–12.
    pub month: u32,
    /// 1–31.
    pub day: u32,
    /// 0–24; 24 only as 24:00:00.
    pub hour: u32,
    /// 0–59.
    pub minute: u32,
    /// 0–60.
    pub second: u32,
    /// Below one second.
    pub nano: u32,
}

impl Civil {
    /// Whether the date and time exist.
    #[inline]
    pub fn is_valid(&self) -> bool {
        (1..=12).contains(&self.month)
            && self.day >= 1
            && (self.day <= 28 || self.day <= days_in_month(self.year, self.month))
            && self.minute <= 59
            && self.second <= 60
            && (self.hour <= 23 || (self.hour == 24 && self.minute == 0 && self.second == 0 && self.nano == 0))
    }

    /// Seconds since the epoch, were the zone UTC.
    #[inline]
    pub fn seconds(&self) -> i64 {
        days_from_civil(self.year, self.month, self.day) * 86_400
            + i64::from(self.hour * 3600 + self.minute * 60 + self.second)
    }

    /// The instant at an offset from UTC. `None` outside the 64-bit range (years 1677–2262).
    #[inline]
    pub fn at_offset(&self, offset_s: i32) -> Option<i64> {
        (self.seconds() - i64::from(offset_s)).checked_mul(SECOND_NS)?.checked_add(i64::from(self.nano))
    }
}

#[inline]
fn two(text: &[u8], at: usize) -> Option<u32> {
    let tens = text.get(at)?.wrapping_sub(b'0');
    let ones = text.get(at + 1)?.wrapping_sub(b'0');
    (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// `hh:mm:ss` at the start.
#[inline]
pub fn take_clock(text: &[u8]) -> Option<(u32, u32, u32, &[u8])> {
    let (hour, minute, second) = (two(text, 0)?, two(text, 3)?, two(text, 6)?);
    (text[2] == b':' && text[5] == b':').then(|| (hour, minute, second, &text[8..]))
}

/// A fraction `.ddd` or `,ddd` at the start, if there is one: nanoseconds and precision.
/// Digits past the ninth are read over.
#[inline]
pub fn take_fraction(text: &[u8]) -> (u32, TimePrecision, &[u8]) {
    let [b'.' | b',', digits @ ..] = text else { return (0, TimePrecision::Second, text) };
    let mut nano = 0u32;
    let mut count = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if count < 9 {
            nano = nano * 10 + u32::from(digit);
        }
        count += 1;
    }
    let precision = match count {
        0 => return (0, TimePrecision::Second, text),
        1..=3 => TimePrecision::Milli,
        4..=6 => TimePrecision::Micro,
        _ => TimePrecision::Nano,
    };
    for _ in count..9 {
        nano *= 10;
    }
    (nano, precision, &digits[count..])
}

/// A zone at the start: `Z`, `UTC`, `±hh:mm`, `±hhmm`, `±hh`. Seconds east of UTC.
#[inline]
pub fn take_offset(text: &[u8]) -> Option<(i32, &[u8])> {
    match text {
        [b'Z' | b'z', rest @ ..] => Some((0, rest)),
        [b'U', b'T', b'C', rest @ ..] | [b'G', b'M', b'T', rest @ ..] => Some((0, rest)),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let hours = two(rest, 0)?;
            let (minutes, rest) = match rest.get(2) {
                Some(b':') => (two(rest, 3)?, &rest[5..]),
                Some(byte) if byte.is_ascii_digit() => (two(rest, 2)?, &rest[4..]),
                _ => (0, &rest[2..]),
            };
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = (hours * 3600 + minutes * 60) as i32;
            Some((if *sign == b'-' { -seconds } else { seconds }, rest))
        }
        _ => None,
    }
}

/// A stamp as read: when the zone was missing the caller supplies one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The civil part.
    pub civil: Civil,
    /// Seconds east of UTC, where the stamp says so.
    pub offset_s: Option<i32>,
    /// Digits it carried.
    pub precision: TimePrecision,
}

/// An ISO 8601 / RFC 3339 stamp at the start: `2026-03-01T08:09:10.123Z`, with `T` or one
/// space, `.` or `,`, the zone optional. Date separators `-` or `/`.
#[inline]
pub fn take_iso(text: &[u8]) -> Option<(Stamp, &[u8])> {
    if text.len() < 19
        || !matches!(text[4], b'-' | b'/')
        || text[7] != text[4]
        || !matches!(text[10], b'T' | b't' | b' ')
    {
        return None;
    }
    let year = two(text, 0)? * 100 + two(text, 2)?;
    let (month, day) = (two(text, 5)?, two(text, 8)?);
    let (hour, minute, second, rest) = take_clock(&text[11..])?;
    let (nano, precision, rest) = take_fraction(rest);
    let civil = Civil { year: i64::from(year), month, day, hour, minute, second, nano };
    if !civil.is_valid() {
        return None;
    }
    let (offset_s, rest) = match take_offset(rest) {
        Some((offset, rest)) => (Some(offset), rest),
        None => (None, rest),
    };
    Some((Stamp { civil, offset_s, precision }, rest))
}

/// A stamp as C's `ctime` writes it, the day padded or not: `Mon Mar  2 08:00:18 2026`.
pub fn take_ctime(text: &[u8]) -> Option<Stamp> {
    /// `Wed Sep 30 23:59:59 2026` has 24 bytes.
    const STAMP_BYTES_MAX: usize = 32;
    let text = text.get(..text.len().min(STAMP_BYTES_MAX))?;
    let mut words = text.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).skip(1);
    let (name, day, clock, year) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (hour, minute, second, rest) = take_clock(clock)?;
    let ((day, after_day), (year, after_year)) = (take_u64(day)?, take_u64(year)?);
    if !rest.is_empty() || !after_day.is_empty() || !after_year.is_empty() || !(1000..=9999).contains(&year) {
        return None;
    }
    let day = u32::try_from(day).ok()?;
    let civil = Civil { year: year as i64, month: month(name)?, day, hour, minute, second, nano: 0 };
    civil.is_valid().then_some(Stamp { civil, offset_s: None, precision: TimePrecision::Second })
}

/// A stamp as .NET writes it for the United States at the start: `8/22/2022 6:07:16 PM`, a zone behind it optional.
pub fn take_us(text: &[u8]) -> Option<(Stamp, &[u8])> {
    let (month, rest) = take_u64(text)?;
    let (day, rest) = take_u64(rest.strip_prefix(b"/")?)?;
    let (year, rest) = take_u64(rest.strip_prefix(b"/")?)?;
    let (hour, rest) = take_u64(rest.strip_prefix(b" ")?)?;
    let (minute, second) = (two(rest, 1)?, two(rest, 4)?);
    if rest[0] != b':' || rest[3] != b':' || !(1..=12).contains(&hour) || !(1000..=9999).contains(&year) {
        return None;
    }
    let (nano, precision, rest) = take_fraction(&rest[6..]);
    let (late, rest) = match rest {
        [b' ', b'A', b'M', rest @ ..] => (0, rest),
        [b' ', b'P', b'M', rest @ ..] => (12, rest),
        _ => return None,
    };
    let hour = hour as u32 % 12 + late;
    let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    let civil = Civil { year: year as i64, month, day, hour, minute, second, nano };
    if !civil.is_valid() {
        return None;
    }
    let (offset_s, rest) = match rest.strip_prefix(b" ").and_then(take_offset) {
        Some((offset, rest)) => (Some(offset), rest),
        None => (None, rest),
    };
    Some((Stamp { civil, offset_s, precision }, rest))
}

/// Where a month stands by the second and third letter of its name: no two share a place.
const fn month_slot(second: u8, third: u8) -> usize {
    (second as usize + third as usize * MONTH_FACTOR) % 32
}

const MONTH_FACTOR: usize = 1;

/// A month by its English abbreviation, any case.
#[inline]
pub fn month(text: &[u8]) -> Option<u32> {
    let &[a, b, c, ..] = text else { return None };
    const fn word(a: u8, b: u8, c: u8) -> u32 {
        u32::from_le_bytes([a | 0x20, b | 0x20, c | 0x20, 0])
    }
    // By the last two letters, which differ: the month, and its name to compare with.
    static BY_HASH: [(u32, u32); 32] = {
        let names = b"janfebmaraprmayjunjulaugsepoctnovdec";
        let mut table = [(0, 0); 32];
        let mut month = 0;
        while month < 12 {
            let at = 3 * month;
            table[month_slot(names[at + 1], names[at + 2])] =
                (word(names[at], names[at + 1], names[at + 2]), month as u32 + 1);
            month += 1;
        }
        table
    };
    let (name, month) = BY_HASH[month_slot(b | 0x20, c | 0x20)];
    (name == word(a, b, c)).then_some(month)
}

/// A Common Log Format stamp at the start: `10/Oct/2000:13:55:36 -0700`.
pub fn take_clf(text: &[u8]) -> Option<(Stamp, &[u8])> {
    if text.len() < 20 || text[2] != b'/' || text[6] != b'/' || text[11] != b':' {
        return None;
    }
    let civil_day = two(text, 0)?;
    let month = month(&text[3..6])?;
    let year = two(text, 7)? * 100 + two(text, 9)?;
    let (hour, minute, second, rest) = take_clock(&text[12..])?;
    let (nano, precision, rest) = take_fraction(rest);
    let civil = Civil { year: i64::from(year), month, day: civil_day, hour, minute, second, nano };
    if !civil.is_valid() {
        return None;
    }
    let (offset_s, rest) = match rest.strip_prefix(b" ").and_then(take_offset) {
        Some((offset, rest)) => (Some(offset), rest),
        None => (None, rest),
    };
    Some((Stamp { civil, offset_s, precision }, rest))
}

/// Epoch seconds with an optional fraction, or epoch ms/µs/ns by number of digits
/// (9–11 s, 12–14 ms, 15–17 µs, 18–19 ns), alone in `text`.
pub fn parse_epoch(text: &[u8]) -> Option<(i64, TimePrecision)> {
    let (whole, rest) = take_u64(text)?;
    let digits = text.len() - rest.len();
    let whole = i64::try_from(whole).ok()?;
    if rest.is_empty() {
        return Some(match digits {
            9..=11 => (whole.checked_mul(SECOND_NS)?, TimePrecision::Second),
            12..=14 => (whole.checked_mul(1_000_000)?, TimePrecision::Milli),
            15..=17 => (whole.checked_mul(1000)?, TimePrecision::Micro),
            18..=19 => (whole, TimePrecision::Nano),
            _ => return None,
        });
    }
    let (nano, precision, rest) = take_fraction(rest);
    (rest.is_empty() && (9..=11).contains(&digits))
        .then(|| Some((whole.checked_mul(SECOND_NS)?.checked_add(i64::from(nano))?, precision)))?
}

/// The latest year that puts a year-less stamp no more than 24 h after the reference
/// time; 29 February: the latest leap year that does.
#[inline]
pub fn infer_year(civil: &mut Civil, offset_s: i32, reference_ns: i64) {
    let limit_s = reference_ns.saturating_add(DAY_NS).div_euclid(SECOND_NS).saturating_add(i64::from(offset_s));
    let (year, month, day) = civil_from_days(limit_s.div_euclid(86_400));
    let of_day = limit_s.rem_euclid(86_400) as u32;
    let second = civil.hour * 3600 + civil.minute * 60 + civil.second;
    // Within a year, order by month, day and second is order in time.
    civil.year = year - i64::from((civil.month, civil.day, second) > (month, day, of_day));
    if civil.month == 2 && civil.day == 29 {
        // Eight years lie between leap years around most centuries.
        while !is_leap(civil.year) {
            civil.year -= 1;
        }
    }
}

/// Writes an instant as RFC 3339 UTC: no fraction, or 3, 6 or 9 digits. Returns the length;
/// the longest text takes 30 bytes (years 1677–2262).
pub fn write_rfc3339(time_ns: i64, out: &mut [u8; 32]) -> usize {
    fn digits(out: &mut [u8], mut value: u64) {
        for byte in out.iter_mut().rev() {
            *byte = b'0' + (value % 10) as u8;
            value /= 10;
        }
    }
    let seconds = time_ns.div_euclid(SECOND_NS);
    let nano = time_ns.rem_euclid(SECOND_NS) as u64;
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400) as u64;
    out[..20].copy_from_slice(b"0000-00-00T00:00:00Z");
    digits(&mut out[..4], year as u64);
    digits(&mut out[5..7], u64::from(month));
    digits(&mut out[8..10], u64::from(day));
    digits(&mut out[11..13], of_day / 3600);
    digits(&mut out[14..16], of_day / 60 % 60);
    digits(&mut out[17..19], of_day % 60);
    let (count, fraction) = match nano {
        0 => return 20,
        _ if nano.is_multiple_of(1_000_000) => (3, nano / 1_000_000),
        _ if nano.is_multiple_of(1000) => (6, nano / 1000),
        _ => (9, nano),
    };
    out[19] = b'.';
    digits(&mut out[20..20 + count], fraction);
    out[20 + count] = b'Z';
    21 + count
}

/// As [`write_rfc3339`], as a string.
pub fn format_rfc3339(time_ns: i64) -> String {
    let mut out = [0; 32];
    let len = write_rfc3339(time_ns, &mut out);
    String::from_utf8_lossy(&out[..len]).into_owned()
}

#[cfg(test)]
mod twin;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_of_c() {
        for (text, expected) in [
            ("Mon Mar  2 08:00:18 2026", Some("2026-03-02T08:00:18Z")),
            ("Fri May 31 17:35:42 2019", Some("2019-05-31T17:35:42Z")),
            ("Mon Feb 30 08:00:18 2026", None),
            ("Mon Mar  2 08:00:18", None),
            ("Mon Mar  2 08:00:18 26", None),
            ("", None),
        ] {
            let time_ns = take_ctime(text.as_bytes()).and_then(|stamp| stamp.civil.at_offset(0));
            assert_eq!(time_ns.map(format_rfc3339).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn stamps_of_the_united_states() {
        for (text, expected) in [
            ("8/22/2022 6:07:16 PM", Some("2022-08-22T18:07:16Z")),
            ("11/3/2020 12:06:42 AM +00:00", Some("2020-11-03T00:06:42Z")),
            ("11/3/2020 12:06:42 PM -01:00", Some("2020-11-03T13:06:42Z")),
            ("13/3/2020 12:06:42 PM", None),
            ("11/3/2020 13:06:42 PM", None),
            ("11/3/2020 1:06", None),
            ("1/1/1 1:1:1 AM", None),
        ] {
            let read = take_us(text.as_bytes());
            let time_ns = read.and_then(|(stamp, _)| stamp.civil.at_offset(stamp.offset_s.unwrap_or(0)));
            assert_eq!(time_ns.map(format_rfc3339).as_deref(), expected, "{text}");
        }
    }
    use proptest::prelude::*;

    #[track_caller]
    fn iso(text: &str) -> String {
        let (stamp, rest) = take_iso(text.as_bytes()).expect("reads");
        format!(
            "{} {:?} rest={:?}",
            format_rfc3339(stamp.civil.at_offset(stamp.offset_s.unwrap_or(0)).unwrap()),
            stamp.precision,
            std::str::from_utf8(rest).unwrap()
        )
    }

    #[test]
    fn iso_forms() {
        assert_eq!(iso("2026-03-01T08:09:10Z"), "2026-03-01T08:09:10Z Second rest=\"\"");
        assert_eq!(iso("2026-03-01 08:09:10,5+09:00 x"), "2026-02-28T23:09:10.500Z Milli rest=\" x\"");
        assert_eq!(iso("2026/03/01T08:09:10.123456789-0330"), "2026-03-01T11:39:10.123456789Z Nano rest=\"\"");
        assert_eq!(iso("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00Z Second rest=\"\"");
        assert_eq!(iso("2026-03-01T24:00:00Z"), "2026-03-02T00:00:00Z Second rest=\"\"");
        for bad in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-03-01T25:00:00Z",
            "2026-03-01",
            "",
            "2026-03-01T08:0x:10Z",
        ] {
            assert!(take_iso(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn year_rolls_over_at_new_year() {
        let reference = take_iso(b"2026-01-01T00:00:00Z").unwrap().0.civil.at_offset(0).unwrap();
        let year = |month, day, reference| {
            let mut civil = Civil { year: 0, month, day, hour: 12, minute: 0, second: 0, nano: 0 };
            infer_year(&mut civil, 0, reference);
            civil.year
        };
        assert_eq!(year(12, 31, reference), 2025);
        assert_eq!(year(1, 1, reference), 2026);
        assert_eq!(year(1, 2, reference), 2025, "more than 24 h ahead belongs to the year before");
        assert_eq!(year(2, 29, reference), 2024, "29 February takes the latest leap year");
    }

    #[test]
    fn epochs_by_length() {
        assert_eq!(parse_epoch(b"1700000000"), Some((1_700_000_000 * SECOND_NS, TimePrecision::Second)));
        assert_eq!(parse_epoch(b"1700000000123"), Some((1_700_000_000_123_000_000, TimePrecision::Milli)));
        assert_eq!(parse_epoch(b"1700000000.5"), Some((1_700_000_000_500_000_000, TimePrecision::Milli)));
        assert_eq!(parse_epoch(b"17"), None);
        assert_eq!(parse_epoch(b"1700000000x"), None);
    }

    #[test]
    fn clf() {
        let (stamp, rest) = take_clf(b"10/Oct/2000:13:55:36 -0700] x").unwrap();
        assert_eq!(format_rfc3339(stamp.civil.at_offset(stamp.offset_s.unwrap()).unwrap()), "2000-10-10T20:55:36Z");
        assert_eq!(rest, b"] x");
    }

    #[test]
    fn calendar_arithmetic_counts_every_day() {
        let mut days = days_from_civil(1600, 1, 1);
        for year in 1600..2400 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!((days_from_civil(year, month, day), civil_from_days(days)), (days, (year, month, day)));
                    days += 1;
                }
            }
        }
        for days in (-5_000_000..20_000_000).step_by(9973) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days, "past what 32 bits hold on either side");
        }
        assert_eq!(civil_from_days(-719_528), (0, 1, 1));
    }

    #[test]
    fn months_by_name_in_any_case() {
        for (at, name) in
            ["Jan", "FEB", "mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"].iter().enumerate()
        {
            assert_eq!(month(name.as_bytes()), Some(at as u32 + 1));
        }
        for name in ["Jam", "xan", "de", "", "\0\0\0"] {
            assert_eq!(month(name.as_bytes()), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn the_year_inferred_is_the_latest_that_fits(
            reference_s in 0i64..4_000_000_000,
            day_of_leap_year in 0i64..366,
            second in 0u32..86_400,
            offset_s in -50_400i32..50_400,
        ) {
            let (_, month, day) = civil_from_days(days_from_civil(2000, 1, 1) + day_of_leap_year);
            let mut civil =
                Civil { year: 0, month, day, hour: second / 3600, minute: second / 60 % 60, second: second % 60, nano: 0 };
            infer_year(&mut civil, offset_s, reference_s * SECOND_NS);
            let limit_s = reference_s + 86_400;
            let fits = |civil: &Civil| civil.is_valid() && civil.seconds() - i64::from(offset_s) <= limit_s;
            prop_assert!(fits(&civil), "{:?}", civil);
            for later in 1..=8 {
                let next = Civil { year: civil.year + later, ..civil };
                prop_assert!(!fits(&next), "{:?}", next);
            }
        }

        #[test]
        fn civil_round_trips(days in -200_000i64..200_000) {
            let (year, month, day) = civil_from_days(days);
            prop_assert_eq!(days_from_civil(year, month, day), days);
        }

        #[test]
        fn formats_read_back(time_ns in 0i64..4_000_000_000_000_000_000) {
            let text = format_rfc3339(time_ns);
            let (stamp, rest) = take_iso(text.as_bytes()).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(stamp.civil.at_offset(0), Some(time_ns));
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (take_iso(&bytes), take_clf(&bytes), parse_epoch(&bytes), take_offset(&bytes), month(&bytes));
        }
    }
}
