//! When a row holds: days of the week, working days or holidays, and a time of day.

use super::calendar::Calendar;

/// Which columns say when a row holds.
pub struct ShiftColumns {
    /// Days of the week.
    pub days: Option<usize>,
    /// From when.
    pub from: Option<usize>,
    /// Until when, that minute included.
    pub to: Option<usize>,
}

impl ShiftColumns {
    /// By their headers: a time of day needs both ends.
    pub fn of(names: &[String]) -> Option<ShiftColumns> {
        let named = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        let days = named(&["dow", "days", "weekdays", "day_of_week"]);
        let times = named(&["from", "time_from", "start"]).zip(named(&["to", "until", "time_to", "end"]));
        (days.is_some() || times.is_some()).then(|| ShiftColumns {
            days,
            from: times.map(|(from, _)| from),
            to: times.map(|(_, to)| to),
        })
    }
}

/// When a row holds, in local time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shift {
    /// Bit 0 is Monday; then [`WORKDAYS`], [`HOLIDAYS`] and [`NO_HOLIDAYS`].
    days: u16,
    /// Minutes of the day.
    from: u16,
    /// The last minute; below `from`, it is of the next day.
    to: u16,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const ALL_DAYS: u16 = 0x7f;
/// The working days of the calendar.
const WORKDAYS: u16 = 1 << 7;
/// Its holidays.
const HOLIDAYS: u16 = 1 << 8;
/// Holidays are taken off the other days.
const NO_HOLIDAYS: u16 = 1 << 9;
const DAY_MINUTES: u16 = 24 * 60;

impl Shift {
    /// Reads days (`Mon-Fri`, `Tue;Thu;!holiday`, `workday`, empty for all), and two times of day (`22:00`; empty for the whole day).
    ///
    /// # Errors
    /// What can't be read.
    pub fn parse([days, from, to]: [&str; 3]) -> Result<Shift, String> {
        let from = if from.is_empty() { 0 } else { minutes(from)? };
        let to = if to.is_empty() { DAY_MINUTES - 1 } else { minutes(to)? };
        Ok(Shift { days: read_days(days)?, from, to: to.min(DAY_MINUTES - 1) })
    }

    /// Whether it holds at a local time, in seconds since the epoch, by the calendar of who asks.
    pub fn holds(&self, local_s: i64, calendar: &Calendar) -> bool {
        let day = local_s.div_euclid(86_400);
        let minute = (local_s.rem_euclid(86_400) / 60) as u16;
        let has = |bit: u16| self.days & bit != 0;
        let is_day = |day: i64| {
            let is_holiday = || calendar.holiday(day).is_some();
            has(1 << weekday(day)) && !(has(NO_HOLIDAYS) && is_holiday())
                || has(WORKDAYS) && calendar.is_workday(day)
                || has(HOLIDAYS) && is_holiday()
        };
        if self.from <= self.to {
            return is_day(day) && (self.from..=self.to).contains(&minute);
        }
        // Past midnight it is still the shift of the day before.
        (is_day(day) && minute >= self.from) || (is_day(day - 1) && minute <= self.to)
    }
}

/// Monday is 0; the epoch was a Thursday.
pub fn weekday(day: i64) -> usize {
    (day + 3).rem_euclid(7) as usize
}

/// The day's name in three letters, lower-case.
pub fn weekday_name(day: i64) -> &'static str {
    DAYS[weekday(day)]
}

fn minutes(text: &str) -> Result<u16, String> {
    let wrong = || format!("`{text}` is no time of day such as 22:00");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let minute = minute.split(':').next().unwrap_or_default();
    let (hour, minute): (u16, u16) = (hour.parse().map_err(|_| wrong())?, minute.parse().map_err(|_| wrong())?);
    let time = hour * 60 + minute;
    if minute < 60 && hour < 25 && time <= DAY_MINUTES { Ok(time) } else { Err(wrong()) }
}

fn read_days(text: &str) -> Result<u16, String> {
    let mut days = 0;
    for part in text.split([';', ',', ' ', '|', '/']).filter(|part| !part.is_empty()) {
        let day = |name: &str| {
            let name = name.trim().to_ascii_lowercase();
            let known = DAYS.iter().position(|day| name.starts_with(day) && !name.is_empty());
            known.ok_or_else(|| format!("`{name}` is no day of the week such as Mon"))
        };
        let special = match part.to_ascii_lowercase().as_str() {
            "workday" | "workdays" => WORKDAYS,
            "holiday" | "holidays" => HOLIDAYS,
            "!holiday" | "!holidays" => NO_HOLIDAYS,
            _ => 0,
        };
        if special != 0 {
            days |= special;
            continue;
        }
        match part.split_once('-') {
            None => days |= 1 << day(part)?,
            Some((first, last)) => {
                let (first, last) = (day(first)?, day(last)?);
                (0..=(last + 7 - first) % 7).for_each(|more| days |= 1 << ((first + more) % 7));
            }
        }
    }
    Ok(if days & !NO_HOLIDAYS == 0 { days | ALL_DAYS } else { days })
}

#[cfg(test)]
mod tests {
    use super::super::calendar::{Calendars, JAPAN};
    use super::*;

    /// 2026-03-02 is a Monday.
    const MONDAY: i64 = 20_514;

    #[track_caller]
    fn check(days: &str, from: &str, to: &str, expected: &[(i64, u32)]) {
        check_week(MONDAY, days, from, to, expected);
    }

    #[track_caller]
    fn check_week(monday: i64, days: &str, from: &str, to: &str, expected: &[(i64, u32)]) {
        let calendars = Calendars::new(None).unwrap();
        let shift = Shift::parse([days, from, to]).unwrap();
        let at = |day: i64, hour: u32| (monday + day) * 86_400 + i64::from(hour) * 3600;
        let held: Vec<(i64, u32)> = (0..7)
            .flat_map(|day| (0..24).step_by(6).map(move |hour| (day, hour)))
            .filter(|&(d, h)| shift.holds(at(d, h), calendars.of(Some(JAPAN))))
            .collect();
        assert_eq!(held, expected, "{days} {from} {to}");
    }

    #[test]
    fn days_and_times_of_day() {
        check("Tue;Thu", "10:00", "16:00", &[(1, 12), (3, 12)]);
        check("Sat-Mon", "", "06:00", &[(0, 0), (0, 6), (5, 0), (5, 6), (6, 0), (6, 6)]);
        check("wed", "22:00", "06:00", &[(3, 0), (3, 6)]);
        check("friday", "18:00", "24:00", &[(4, 18)]);
        assert_eq!(weekday_name(MONDAY), "mon");
    }

    /// 2026-09-21 is a Monday of three holidays.
    #[test]
    fn working_days_and_holidays_are_those_of_the_calendar() {
        let check = |days: &str, expected: &[i64]| {
            let noon: Vec<(i64, u32)> = expected.iter().map(|&day| (day, 12)).collect();
            check_week(MONDAY + 203, days, "12:00", "13:00", &noon);
        };
        check("workday", &[3, 4]);
        check("holiday", &[0, 1, 2]);
        check("Sat;holiday", &[0, 1, 2, 5]);
        check("Tue;Thu;!holiday", &[3]);
        check("!holiday", &[3, 4, 5, 6]);
        // The night after the last holiday is still its own.
        check_week(
            MONDAY + 203,
            "holidays",
            "18:00",
            "06:00",
            &[(0, 18), (1, 0), (1, 6), (1, 18), (2, 0), (2, 6), (2, 18), (3, 0), (3, 6)],
        );
    }

    #[test]
    fn what_is_no_time_is_told() {
        for (days, from, to) in [("Moon", "", ""), ("", "25:00", "26:00"), ("", "10", "12"), ("Mon-", "", "")] {
            assert!(Shift::parse([days, from, to]).unwrap_err().contains("is no "), "{days} {from} {to}");
        }
    }
}
