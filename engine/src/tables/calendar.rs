//! Working days: weekends, the holidays of Japan, and a bank's own.
//!
//! A calendar names the days on which nobody is expected to work. Two are built in: `japan`, the
//! national holidays by the Act on National Holidays (Act No. 178 of 1948, as amended to 2018), and `japan-banks`, which adds the days on
//! which banks are closed by Article 5 of the Order for Enforcement of the Banking Act (31 December to 3 January). A table
//! `holidays` (`date`, `name`, `calendar`, `work`) adds to them, takes away from them, or makes calendars of
//! other names. Saturdays and Sundays are free in each, unless the table says otherwise.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Unit;
use jiff::civil::{Date, Weekday, date};

use super::Table;
use super::shift::weekday;

/// The first year whose holidays are known: amendments moved days of the years before.
pub const YEAR_FIRST: i16 = 2020;
/// The last year for which the equinoxes are computed; they are proclaimed a year ahead, and the formula has not missed one.
pub const YEAR_LAST: i16 = 2099;

/// Saturdays and Sundays alone.
pub const WEEKDAYS: &str = "weekdays";
/// National holidays of Japan.
pub const JAPAN: &str = "japan";
/// The same, and the days around New Year on which banks are closed.
pub const JAPAN_BANKS: &str = "japan-banks";
/// The calendars there are without a table.
pub const BUILT_IN: [&str; 3] = [WEEKDAYS, JAPAN, JAPAN_BANKS];

/// The name of the table that adds to calendars.
pub const TABLE: &str = "holidays";

/// A day that is not like others of its weekday.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Special {
    name: Cow<'static, str>,
    /// Worked all the same.
    work: bool,
}

/// One calendar.
#[derive(Clone, Debug)]
pub struct Calendar {
    name: String,
    /// By day since the epoch.
    days: HashMap<i64, Special>,
}

impl Calendar {
    fn new(name: &str) -> Calendar {
        let mut calendar = Calendar { name: name.to_owned(), days: HashMap::new() };
        if name == JAPAN || name == JAPAN_BANKS {
            (YEAR_FIRST..=YEAR_LAST).for_each(|year| calendar.add_japan(year));
        }
        if name == JAPAN_BANKS {
            let closed =
                (YEAR_FIRST..=YEAR_LAST).flat_map(|year| [date(year, 1, 2), date(year, 1, 3), date(year, 12, 31)]);
            for day in closed {
                calendar.add(day, "年末年始休業");
            }
        }
        calendar
    }

    fn add(&mut self, day: Date, name: &'static str) {
        self.days.entry(number(day)).or_insert(Special { name: name.into(), work: false });
    }

    /// The holidays of a year: named days, then the substitutes of those on Sundays (Article 3 (2)), then single days between
    /// two of them (Article 3 (3)).
    fn add_japan(&mut self, year: i16) {
        let named = japan(year);
        for &(day, name) in &named {
            self.add(day, name);
        }
        for &(day, _) in named.iter().filter(|(day, _)| day.weekday() == Weekday::Sunday) {
            let next = day.series(jiff::Span::new().days(1)).find(|day| !self.days.contains_key(&number(*day)));
            if let Some(next) = next {
                self.add(next, "振替休日");
            }
        }
        for &(day, _) in &named {
            let (between, after) = (number(day) + 1, number(day) + 2);
            let is_named = named.iter().any(|(other, _)| number(*other) == after);
            if is_named && !self.days.contains_key(&between) {
                self.days.insert(between, Special { name: "国民の休日".into(), work: false });
            }
        }
    }

    /// The holiday of a day since the epoch.
    pub fn holiday(&self, day: i64) -> Option<&str> {
        self.days.get(&day).filter(|special| !special.work).map(|special| &*special.name)
    }

    /// Whether people work on a day since the epoch.
    pub fn is_workday(&self, day: i64) -> bool {
        self.days.get(&day).map_or(weekday(day) < 5, |special| special.work)
    }
}

/// The named holidays of a year.
fn japan(year: i16) -> Vec<(Date, &'static str)> {
    let monday =
        |month: i8, nth: i8| date(year, month, 1).nth_weekday_of_month(nth, Weekday::Monday).expect("four a month");
    // Parts in a million of a day; the mean equinox of 1980 and its yearly shift, leap days taken off.
    let years = i32::from(year) - 1980;
    let equinox = |of_1980: i32| ((of_1980 + 242_194 * years) / 1_000_000 - years / 4) as i8;
    // Moved for the Olympic Games by Act No. 57 of 2018 and No. 68 of 2020.
    let (marine, mountain, sports) = match year {
        2020 => (date(2020, 7, 23), date(2020, 8, 10), date(2020, 7, 24)),
        2021 => (date(2021, 7, 22), date(2021, 8, 8), date(2021, 7, 23)),
        _ => (monday(7, 3), date(year, 8, 11), monday(10, 2)),
    };
    vec![
        (date(year, 1, 1), "元日"),
        (monday(1, 2), "成人の日"),
        (date(year, 2, 11), "建国記念の日"),
        (date(year, 2, 23), "天皇誕生日"),
        (date(year, 3, equinox(20_843_100)), "春分の日"),
        (date(year, 4, 29), "昭和の日"),
        (date(year, 5, 3), "憲法記念日"),
        (date(year, 5, 4), "みどりの日"),
        (date(year, 5, 5), "こどもの日"),
        (marine, "海の日"),
        (mountain, "山の日"),
        (monday(9, 3), "敬老の日"),
        (date(year, 9, equinox(23_248_800)), "秋分の日"),
        (sports, "スポーツの日"),
        (date(year, 11, 3), "文化の日"),
        (date(year, 11, 23), "勤労感謝の日"),
    ]
}

/// Days since the epoch.
fn number(day: Date) -> i64 {
    day.since((Unit::Day, date(1970, 1, 1))).map_or(0, |span| i64::from(span.get_days()))
}

/// All calendars.
#[derive(Clone, Debug)]
pub struct Calendars {
    list: Vec<Calendar>,
    /// The one of events whose source names none.
    default: usize,
}

impl Default for Calendars {
    fn default() -> Self {
        Calendars { list: vec![Calendar::new(WEEKDAYS)], default: 0 }
    }
}

impl Calendars {
    /// The built-in ones, changed and added to by the table `holidays`.
    ///
    /// # Errors
    /// The row (from 0) that can't be read, and what is wrong with it.
    pub fn new(table: Option<&Table>) -> Result<Calendars, (usize, String)> {
        let mut list: Vec<Calendar> = BUILT_IN.iter().map(|name| Calendar::new(name)).collect();
        let Some(table) = table else { return Ok(Calendars { list, default: 0 }) };
        let column = |known: &[&str]| table.columns.iter().position(|column| known.contains(&column.name.as_str()));
        let dates = column(&["date", "day"]).ok_or((0, format!("a table `{TABLE}` needs a column `date`")))?;
        let (names, calendars, work) =
            (column(&["name", "holiday"]), column(&["calendar"]), column(&["work", "workday"]));
        let cell = |row: usize, column: Option<usize>| column.map_or("", |column| table.cell(row, column).trim());
        // Those of a row for every calendar must be there before it is read.
        for row in 0..table.rows {
            let name = cell(row, calendars).to_lowercase();
            if !name.is_empty() && !list.iter().any(|calendar| calendar.name == name) {
                list.push(Calendar { name, days: HashMap::new() });
            }
        }
        for row in 0..table.rows {
            let text = table.cell(row, dates).trim();
            let day = read_date(text).ok_or_else(|| (row, format!("`{text}` is no date such as 2026-01-02")))?;
            let work = match cell(row, work).to_ascii_lowercase().as_str() {
                "" | "no" | "false" | "0" => false,
                "yes" | "true" | "1" => true,
                other => return Err((row, format!("`{other}` in column `work` is neither `yes` nor `no`"))),
            };
            let name = Some(cell(row, names)).filter(|name| !name.is_empty()).unwrap_or("holiday").to_owned();
            let calendar = cell(row, calendars).to_lowercase();
            for found in list.iter_mut().filter(|found| calendar.is_empty() || found.name == calendar) {
                found.days.insert(number(day), Special { name: name.clone().into(), work });
            }
        }
        Ok(Calendars { list, default: 0 })
    }

    /// Makes one the calendar of events whose source names none; a name that none bears changes nothing.
    pub fn make_default(&mut self, name: &str) {
        self.default = self.find(name).unwrap_or(self.default);
    }

    /// Refuses a name that no calendar bears.
    ///
    /// # Errors
    /// The names there are.
    pub fn check(&self, name: &str) -> Result<(), String> {
        let names = || self.list.iter().map(|calendar| calendar.name.as_str()).collect::<Vec<_>>().join(", ");
        self.find(name).map(drop).ok_or_else(|| format!("unknown calendar `{name}`; there are {}", names()))
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.list.iter().position(|calendar| calendar.name.eq_ignore_ascii_case(name))
    }

    /// The calendar of a source; where it names none, or one that a reload took away, the default.
    pub fn of(&self, name: Option<&str>) -> &Calendar {
        &self.list[name.and_then(|name| self.find(name)).unwrap_or(self.default)]
    }
}

/// The calendar of a zone, where nobody names one.
pub fn of_zone(zone: &str) -> &'static str {
    if matches!(zone, "Asia/Tokyo" | "Japan") { JAPAN } else { WEEKDAYS }
}

/// `2026-01-02`, also `2026/1/2` as the Cabinet Office writes it.
fn read_date(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, ['-', '/']);
    let mut next = || parts.next()?.parse::<i16>().ok();
    let (year, month, day) = (next()?, next()?, next()?);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use noroshi_parsers::zone::Zone;

    use super::super::Tables;
    use super::*;

    fn calendars(table: &str) -> Calendars {
        let mut diagnostics = Vec::new();
        let tables =
            Tables::new(vec![(PathBuf::from("holidays.csv"), table.to_owned())], Zone::utc(), &mut diagnostics);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        Calendars::new(tables.tables.first()).unwrap()
    }

    /// The holidays of a year as `MM-DD`.
    fn of_year(year: i16) -> String {
        let calendar = Calendar::new(JAPAN);
        let days = date(year, 1, 1).series(jiff::Span::new().days(1)).take_while(|day| day.year() == year);
        let days = days.filter(|day| calendar.holiday(number(*day)).is_some());
        days.map(|day| day.strftime("%m-%d").to_string()).collect::<Vec<_>>().join(" ")
    }

    /// The days as the Cabinet Office lists them.
    #[test]
    fn holidays_of_japan_are_those_proclaimed() {
        let fixed = "05-03 05-04 05-05";
        let of = |before: &str, after: &str| format!("{before} {fixed} {after}");
        let known = [
            (2020, of("01-01 01-13 02-11 02-23 02-24 03-20 04-29", "05-06 07-23 07-24 08-10 09-21 09-22 11-03 11-23")),
            (2021, of("01-01 01-11 02-11 02-23 03-20 04-29", "07-22 07-23 08-08 08-09 09-20 09-23 11-03 11-23")),
            (
                2024,
                of(
                    "01-01 01-08 02-11 02-12 02-23 03-20 04-29",
                    "05-06 07-15 08-11 08-12 09-16 09-22 09-23 10-14 11-03 11-04 11-23",
                ),
            ),
            (
                2025,
                of(
                    "01-01 01-13 02-11 02-23 02-24 03-20 04-29",
                    "05-06 07-21 08-11 09-15 09-23 10-13 11-03 11-23 11-24",
                ),
            ),
            (2026, of("01-01 01-12 02-11 02-23 03-20 04-29", "05-06 07-20 08-11 09-21 09-22 09-23 10-12 11-03 11-23")),
            (2027, of("01-01 01-11 02-11 02-23 03-21 03-22 04-29", "07-19 08-11 09-20 09-23 10-11 11-03 11-23")),
            (2028, of("01-01 01-10 02-11 02-23 03-20 04-29", "07-17 08-11 09-18 09-22 10-09 11-03 11-23")),
        ];
        for (year, expected) in known {
            assert_eq!(of_year(year), expected, "{year}");
        }
    }

    #[test]
    fn a_holiday_is_no_workday_and_a_bank_is_closed_at_new_year() {
        let calendars = Calendars::new(None).unwrap();
        let told = |name: &str, year: i16, month: i8, day: i8| {
            let (calendar, day) = (calendars.of(Some(name)), number(date(year, month, day)));
            (calendar.holiday(day).unwrap_or_default().to_owned(), calendar.is_workday(day))
        };
        // A Monday, a substitute on a Wednesday, a Friday, a Saturday without a name.
        assert_eq!(told(JAPAN, 2026, 1, 12), ("成人の日".into(), false));
        assert_eq!(told(JAPAN, 2026, 5, 6), ("振替休日".into(), false));
        assert_eq!(told(JAPAN, 2026, 9, 22), ("国民の休日".into(), false));
        assert_eq!(told(JAPAN, 2026, 1, 2), (String::new(), true));
        assert_eq!(told(JAPAN_BANKS, 2026, 1, 2), ("年末年始休業".into(), false));
        assert_eq!(told(JAPAN_BANKS, 2026, 1, 1), ("元日".into(), false));
        assert_eq!(told(WEEKDAYS, 2026, 1, 12), (String::new(), true));
        assert_eq!(told(JAPAN, 2026, 1, 10), (String::new(), false));
    }

    #[test]
    fn a_table_adds_days_and_calendars() {
        let calendars = calendars(
            "date,name,calendar,work\n2026-06-15,Founding day,,\n2026/7/4,Independence Day,Branch,\n2026-06-20,Migration,japan,yes\n",
        );
        let of = |name: &str, month: i8, day: i8| {
            let (calendar, day) = (calendars.of(Some(name)), number(date(2026, month, day)));
            (calendar.holiday(day).is_some(), calendar.is_workday(day))
        };
        assert_eq!(
            (of(JAPAN, 6, 15), of("branch", 6, 15), of(WEEKDAYS, 6, 15)),
            ((true, false), (true, false), (true, false))
        );
        assert_eq!(
            (of("branch", 7, 4), of(JAPAN, 7, 20), of("branch", 7, 20)),
            ((true, false), (true, false), (false, true))
        );
        // A Saturday that is worked.
        assert_eq!((of(JAPAN, 6, 20), of(WEEKDAYS, 6, 20)), ((false, true), (false, false)));
        assert_eq!(calendars.check("BRANCH"), Ok(()));
        assert_eq!(
            calendars.check("mars").unwrap_err(),
            "unknown calendar `mars`; there are weekdays, japan, japan-banks, branch"
        );
    }

    #[test]
    fn dates_are_read_strictly() {
        for (text, read) in
            [("2026-01-02", true), ("2026/1/2", true), ("2026-02-30", false), ("2.1.2026", false), ("", false)]
        {
            assert_eq!(read_date(text).is_some(), read, "{text}");
        }
    }
}
