//! Parts of dates: what `minute`, `hour`, `day`, `week`, `month` and `year` compare (Sigma modifiers appendix 2.1,
//! "Time Modifiers").
//!
//! The part is read from the date as it is written: the appendix asks for no conversion of zones. A number that is
//! seconds, milliseconds, microseconds or nanoseconds since the epoch has no zone of its own and is read in UTC.

use noroshi_parsers::time::{self, Civil};

/// A part of a date.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Part {
    /// 0–59.
    Minute,
    /// 0–23.
    Hour,
    /// Of the month, 1–31.
    Day,
    /// Of the year, 1–53 (ISO 8601: weeks begin on Monday, the first has the year's first Thursday).
    Week,
    /// 1–12.
    Month,
    /// The number of the year.
    Year,
}

/// Longest text taken for a date; the longest that is one has 38 characters.
const DATE_BYTES_MAX: usize = 64;

impl Part {
    /// The part of this name.
    pub fn of(name: &str) -> Option<Part> {
        const PARTS: [Part; 6] = [Part::Minute, Part::Hour, Part::Day, Part::Week, Part::Month, Part::Year];
        PARTS.into_iter().find(|part| part.as_str() == name)
    }

    /// The name in rule files.
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Minute => "minute",
            Part::Hour => "hour",
            Part::Day => "day",
            Part::Week => "week",
            Part::Month => "month",
            Part::Year => "year",
        }
    }

    /// The numbers it can be.
    pub fn range(self) -> std::ops::RangeInclusive<i128> {
        match self {
            Part::Minute => 0..=59,
            Part::Hour => 0..=23,
            Part::Day => 1..=31,
            Part::Week => 1..=53,
            Part::Month => 1..=12,
            Part::Year => 0..=9999,
        }
    }

    /// This part of the date that `text` is; `None` if it is none, or has no such part.
    pub fn read(self, text: &[u8]) -> Option<i128> {
        let text = text.trim_ascii();
        if text.len() > DATE_BYTES_MAX {
            return None;
        }
        if let Some(civil) = date(text) {
            return (!matches!(self, Part::Minute | Part::Hour)).then(|| self.of_civil(&civil));
        }
        let stamp = [time::take_iso, time::take_clf, time::take_us].into_iter().find_map(|take| {
            let (stamp, rest) = take(text)?;
            rest.trim_ascii().is_empty().then_some(stamp.civil)
        });
        stamp.map(|civil| self.of_civil(&civil)).or_else(|| self.of_time(time::parse_epoch(text)?.0))
    }

    /// This part of an instant, in UTC.
    pub fn of_time(self, time_ns: i64) -> Option<i128> {
        let seconds = time_ns.div_euclid(1_000_000_000);
        let (year, month, day) = time::civil_from_days(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400) as u32;
        let (hour, minute) = (of_day / 3600, of_day / 60 % 60);
        Some(self.of_civil(&Civil { year, month, day, hour, minute, second: 0, nano: 0 }))
    }

    fn of_civil(self, civil: &Civil) -> i128 {
        match self {
            Part::Minute => civil.minute.into(),
            // 24:00:00 ends the day that it is written with.
            Part::Hour => (civil.hour % 24).into(),
            Part::Day => civil.day.into(),
            Part::Week => week(civil).into(),
            Part::Month => civil.month.into(),
            Part::Year => civil.year.into(),
        }
    }
}

/// `2026-03-01` or `2026/03/01`, alone.
fn date(text: &[u8]) -> Option<Civil> {
    if text.len() != 10 || !matches!(text[4], b'-' | b'/') {
        return None;
    }
    let mut stamp = [0; 19];
    stamp[..10].copy_from_slice(text);
    stamp[10..].copy_from_slice(b"T00:00:00");
    time::take_iso(&stamp).map(|(stamp, _)| stamp.civil)
}

/// The week of ISO 8601: that of the year its Thursday lies in.
fn week(civil: &Civil) -> i64 {
    let days = time::days_from_civil(civil.year, civil.month, civil.day);
    // The epoch was a Thursday; Monday is 0.
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    let (year, _, _) = time::civil_from_days(thursday);
    (thursday - time::days_from_civil(year, 1, 1)) / 7 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: [Option<i128>; 6]) {
        let parts = ["minute", "hour", "day", "week", "month", "year"].map(|name| Part::of(name).unwrap());
        assert_eq!(parts.map(|part| part.read(text.as_bytes())), expected, "{text}");
    }

    #[test]
    fn parts_are_read_as_written() {
        let some = |parts: [i128; 6]| parts.map(Some);
        check("2026-03-01T23:59:58+09:00", some([59, 23, 1, 9, 3, 2026]));
        check("2026-03-01 08:09:10.123", some([9, 8, 1, 9, 3, 2026]));
        check("2026/12/31 08:09:10", some([9, 8, 31, 53, 12, 2026]));
        check("01/Mar/2026:08:09:10 +0000", some([9, 8, 1, 9, 3, 2026]));
        check("1772352550", some([9, 8, 1, 9, 3, 2026]));
        check("1772352550123", some([9, 8, 1, 9, 3, 2026]));
        check("2026-03-01", [None, None, Some(1), Some(9), Some(3), Some(2026)]);
        for junk in ["", "March", "2026-13-01", "2026-03-01T25:00:00Z", "2026-03-01T08:09:10Z and more", "42"] {
            check(junk, [None; 6]);
        }
    }

    #[test]
    fn weeks_belong_to_the_year_of_their_thursday() {
        for (date, expected) in [
            ("2021-01-03", 53),
            ("2021-01-04", 1),
            ("2024-12-30", 1),
            ("2020-12-31", 53),
            ("2023-01-01", 52),
            ("2026-01-01", 1),
        ] {
            assert_eq!(Part::Week.read(date.as_bytes()), Some(expected), "{date}");
        }
    }
}
