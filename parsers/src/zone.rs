//! The declared zone of a source.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::time::{Civil, DAY_NS, SECOND_NS};

/// The zone that zone-less stamps of a source are in.
pub struct Zone {
    name: String,
    kind: ZoneKind,
    identity: ZoneIdentity,
    /// The last day looked up in a named zone that has one offset throughout: day and offset, 32 bits each.
    last: AtomicU64,
}

/// Equal for zones that give every civil time the same offset; zones that differ in it may do so too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ZoneIdentity(u64);

impl ZoneIdentity {
    fn of(kind: &ZoneKind) -> ZoneIdentity {
        static NAMED: AtomicU32 = AtomicU32::new(1);
        ZoneIdentity(match kind {
            ZoneKind::Fixed(offset) => u64::from(*offset as u32),
            ZoneKind::Named(_) => u64::from(NAMED.fetch_add(1, Ordering::Relaxed)) << 32,
        })
    }
}

/// No day is cached: the day before the epoch with an offset that no zone has.
const NO_DAY: u64 = u64::MAX;

enum ZoneKind {
    Fixed(i32),
    Named(TimeZone),
}

impl Clone for Zone {
    fn clone(&self) -> Self {
        let kind = match &self.kind {
            ZoneKind::Fixed(offset) => ZoneKind::Fixed(*offset),
            ZoneKind::Named(zone) => ZoneKind::Named(zone.clone()),
        };
        Zone { name: self.name.clone(), kind, identity: self.identity, last: AtomicU64::new(NO_DAY) }
    }
}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

impl Default for Zone {
    fn default() -> Self {
        Zone::utc()
    }
}

impl Zone {
    /// Coordinated Universal Time.
    pub fn utc() -> Self {
        Zone::of("UTC", ZoneKind::Fixed(0))
    }

    /// A zone by IANA name (`Asia/Tokyo`), `UTC`, `Z`, or offset (`+09:00`, `-0330`, `GMT+9`, `UTC-0330`: hours and minutes
    /// ahead of UTC, as devices write it and contrary to the sign of `Etc/GMT-9`).
    ///
    /// # Errors
    /// A text that is neither says so, with what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fixed = crate::time::take_offset(text.as_bytes())
            .filter(|(_, rest)| rest.is_empty())
            .or_else(|| Some((named_offset(text)?, &b""[..])));
        let kind = match fixed {
            Some((offset, _)) => ZoneKind::Fixed(offset),
            // What hosts without a zone of their own are set to; looking it up for each stamp would be in vain.
            None if matches!(text, "Etc/UTC" | "Etc/GMT" | "Etc/Zulu" | "Zulu") => ZoneKind::Fixed(0),
            None => ZoneKind::Named(TimeZone::get(text).map_err(|_| {
                format!("unknown time zone `{text}`: use an IANA name such as Asia/Tokyo, or an offset such as +09:00")
            })?),
        };
        Ok(Zone::of(text, kind))
    }

    fn of(name: &str, kind: ZoneKind) -> Zone {
        let identity = ZoneIdentity::of(&kind);
        Zone { name: name.to_owned(), kind, identity, last: AtomicU64::new(NO_DAY) }
    }

    /// What tells it from zones of other offsets.
    #[inline]
    pub(crate) fn identity(&self) -> ZoneIdentity {
        self.identity
    }

    /// The name it was declared by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Seconds east of UTC at a civil time; in a fold the earlier, in a gap the offset before it.
    pub fn offset_s(&self, civil: &Civil) -> i32 {
        match &self.kind {
            ZoneKind::Fixed(offset) => *offset,
            ZoneKind::Named(zone) => {
                let day = civil.seconds().div_euclid(86_400);
                let cached = self.last.load(Ordering::Relaxed);
                if cached >> 32 == u64::from(day as u32) && cached != NO_DAY {
                    return cached as u32 as i32;
                }
                let at = |seconds: i64| {
                    let (year, month, date) = crate::time::civil_from_days(seconds.div_euclid(86_400));
                    let of_day = seconds.rem_euclid(86_400);
                    let local = DateTime::new(
                        year.clamp(-9998, 9998) as i16,
                        month as i8,
                        date as i8,
                        (of_day / 3600) as i8,
                        (of_day / 60 % 60) as i8,
                        (of_day % 60) as i8,
                        0,
                    );
                    local
                        .ok()
                        .and_then(|local| zone.to_ambiguous_zoned(local).compatible().ok())
                        .map_or(0, |zoned| zoned.offset().seconds())
                };
                let offset = at(civil.seconds());
                // A day that begins and ends in the same offset has no change inside that we could miss:
                // no zone changes twice in one day.
                if at(day * 86_400) == offset && at(day * 86_400 + 86_399) == offset {
                    self.last.store(u64::from(day as u32) << 32 | u64::from(offset as u32), Ordering::Relaxed);
                }
                offset
            }
        }
    }

    /// The offset at an instant, for the year of a year-less stamp.
    pub fn offset_at_ns(&self, time_ns: i64) -> i32 {
        match &self.kind {
            ZoneKind::Fixed(offset) => *offset,
            ZoneKind::Named(_) => {
                let (year, month, day) = crate::time::civil_from_days(time_ns.div_euclid(DAY_NS));
                let of_day = (time_ns.rem_euclid(DAY_NS) / SECOND_NS) as u32;
                self.offset_s(&Civil {
                    year,
                    month,
                    day,
                    hour: of_day / 3600,
                    minute: of_day / 60 % 60,
                    second: of_day % 60,
                    nano: 0,
                })
            }
        }
    }
}

/// Reads `GMT+9`, `UTC-03:30`, `GMT-0200`.
fn named_offset(text: &str) -> Option<i32> {
    let text = text.strip_prefix("GMT").or_else(|| text.strip_prefix("UTC"))?;
    let (sign, digits) =
        text.strip_prefix('+').map(|digits| (1, digits)).or_else(|| Some((-1, text.strip_prefix('-')?)))?;
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() > 2 => digits.split_at_checked(digits.len() - 2)?,
        None => (digits, "0"),
    };
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i32>().ok()).flatten();
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    // The widest offsets in use are -12:00 and +14:00.
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Offsets of zone abbreviations, seconds east of UTC: the set that PostgreSQL takes by default
/// (`timezonesets/Default`), where one meaning was chosen for each ambiguous name, and the
/// Asian ones that devices print.
static ABBREVIATIONS: &[(&str, i32)] = &[
    ("ACDT", 37_800),
    ("ACST", 34_200),
    ("ADT", -10_800),
    ("AEDT", 39_600),
    ("AEST", 36_000),
    ("AKDT", -28_800),
    ("AKST", -32_400),
    ("AST", -14_400),
    ("AWST", 28_800),
    ("BRST", -7_200),
    ("BRT", -10_800),
    ("BST", 3_600),
    ("CAT", 7_200),
    ("CDT", -18_000),
    ("CEST", 7_200),
    ("CET", 3_600),
    ("CST", -21_600),
    ("EAT", 10_800),
    ("EDT", -14_400),
    ("EEST", 10_800),
    ("EET", 7_200),
    ("EST", -18_000),
    ("GMT", 0),
    ("HKT", 28_800),
    ("HST", -36_000),
    ("ICT", 25_200),
    ("IST", 7_200),
    ("JST", 32_400),
    ("KST", 32_400),
    ("MDT", -21_600),
    ("MSK", 10_800),
    ("MST", -25_200),
    ("NZDT", 46_800),
    ("NZST", 43_200),
    ("PDT", -25_200),
    ("PHT", 28_800),
    ("PKT", 18_000),
    ("PST", -28_800),
    ("SAST", 7_200),
    ("SGT", 28_800),
    ("TRT", 10_800),
    ("UCT", 0),
    ("UTC", 0),
    ("WAT", 3_600),
    ("WEST", 3_600),
    ("WET", 0),
    ("WIB", 25_200),
    ("Z", 0),
    ("ZULU", 0),
];

/// Seconds east of UTC of a zone's abbreviation as logs print it (`CEST`), or of an offset (`+03`).
pub(crate) fn abbreviation(name: &[u8]) -> Option<i32> {
    if let Ok(at) = ABBREVIATIONS.binary_search_by(|(known, _)| known.as_bytes().cmp(name)) {
        return Some(ABBREVIATIONS[at].1);
    }
    match name {
        [b'+' | b'-', ..] => {
            crate::time::take_offset(name).filter(|(_, rest)| rest.is_empty()).map(|(offset, _)| offset)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn civil(month: u32, day: u32, hour: u32) -> Civil {
        Civil { year: 2026, month, day, hour, minute: 0, second: 0, nano: 0 }
    }

    #[test]
    fn named_zones_follow_their_changes_within_the_day() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        assert_eq!(berlin.offset_s(&civil(1, 1, 0)), 3600);
        assert_eq!(berlin.offset_s(&civil(3, 29, 1)), 3600);
        assert_eq!(berlin.offset_s(&civil(3, 29, 12)), 7200);
        assert_eq!(berlin.offset_s(&civil(3, 29, 1)), 3600, "the cache holds no day with a change");
        assert_eq!(Zone::parse("Asia/Tokyo").unwrap().offset_s(&civil(7, 1, 0)), 32_400);
    }

    #[test]
    fn offsets_and_errors() {
        assert_eq!(Zone::parse("+05:45").unwrap().offset_s(&civil(1, 1, 0)), 20_700);
        for (name, offset) in [("GMT+2", 7200), ("GMT-0200", -7200), ("UTC+05:45", 20_700), ("GMT+14", 50_400)] {
            assert_eq!(Zone::parse(name).unwrap().offset_s(&civil(1, 1, 0)), offset, "{name}");
        }
        assert!(Zone::parse("GMT+99").is_err());
        assert!(Zone::parse("Mars/Olympus").unwrap_err().contains("Asia/Tokyo"));
    }
}
