//! The event time of a line, in the forms the formats write. Always UTC.

use super::put::{Pad, Piece};
use jiff::{Timestamp, tz::TimeZone};

/// Nanoseconds since 1970 with the text forms of the whole second, kept until the second changes.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    /// Nanoseconds since 1970.
    pub(crate) ns: u64,
    second: u64,
    /// `2026-11-23T10:00:00`, without zone.
    pub(crate) iso: String,
    /// `Nov 23 10:00:00`, the day right-aligned (RFC 3164 §4.1.2).
    pub(crate) bsd: String,
    /// `Nov 23 2026 10:00:00`, as Cisco ASA's `logging timestamp`.
    pub(crate) asa: String,
    /// `23/Nov/2026:10:00:00 +0000`, as `%t` of the common log format.
    pub(crate) clf: String,
    /// `23-Nov-2026 10:00:00`, as BIND's log channel prints it.
    pub(crate) bind: String,
}

impl Stamp {
    pub(crate) fn at(ns: u64) -> Self {
        let mut stamp = Stamp {
            ns,
            second: u64::MAX,
            iso: String::new(),
            bsd: String::new(),
            asa: String::new(),
            clf: String::new(),
            bind: String::new(),
        };
        stamp.set(ns);
        stamp
    }

    /// Moves to another time; the text forms are made anew only when the second changed.
    pub(crate) fn set(&mut self, ns: u64) {
        self.ns = ns;
        let second = ns / 1_000_000_000;
        if second == self.second {
            return;
        }
        self.second = second;
        let civil = Timestamp::from_second(i64::try_from(second).unwrap_or(i64::MAX))
            .unwrap_or(Timestamp::MAX)
            .to_zoned(TimeZone::UTC);
        self.iso = civil.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        self.bsd = civil.strftime("%b %e %H:%M:%S").to_string();
        self.asa = civil.strftime("%b %d %Y %H:%M:%S").to_string();
        self.clf = civil.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
        self.bind = civil.strftime("%d-%b-%Y %H:%M:%S").to_string();
    }

    pub(crate) fn date(&self) -> &str {
        &self.iso[..10]
    }

    pub(crate) fn time(&self) -> &str {
        &self.iso[11..]
    }

    pub(crate) fn second(&self) -> u64 {
        self.second
    }

    pub(crate) fn ms(&self) -> Pad {
        Pad(self.ns / 1_000_000 % 1_000, 3)
    }

    pub(crate) fn us(&self) -> Pad {
        Pad(self.ns / 1_000 % 1_000_000, 6)
    }

    /// `2026-11-23T10:00:00.123Z`.
    pub(crate) fn iso_ms(&self) -> IsoMs<'_> {
        IsoMs(self)
    }
}

/// [`Stamp::iso_ms`] as a piece.
pub(crate) struct IsoMs<'s>(&'s Stamp);

impl Piece for IsoMs<'_> {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.iso.as_bytes());
        out.push(b'.');
        self.0.ms().put(out);
        out.push(b'Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_instant() {
        // 2026-03-05T07:08:09.012345678Z
        let stamp = Stamp::at(1_772_694_489_012_345_678);
        assert_eq!(stamp.iso, "2026-03-05T07:08:09");
        assert_eq!(stamp.bsd, "Mar  5 07:08:09");
        assert_eq!(stamp.asa, "Mar 05 2026 07:08:09");
        assert_eq!(stamp.clf, "05/Mar/2026:07:08:09 +0000");
        assert_eq!(stamp.bind, "05-Mar-2026 07:08:09");
        let mut out = Vec::new();
        stamp.iso_ms().put(&mut out);
        assert_eq!(out, b"2026-03-05T07:08:09.012Z");
    }
}
