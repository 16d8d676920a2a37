//! The planted truth: what a bench must find in a stream before its time counts.

use super::indicators::Indicator;
use super::scene::Seen;
use super::{Chunk, Class};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Lines and bytes of one part of the stream, newlines included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Where the lines of a planted kind are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// How many there are.
    pub count: u64,
    /// Their line numbers, from 1.
    pub lines: Vec<u64>,
    /// The byte offsets of their first bytes.
    pub offsets: Vec<u64>,
}

/// Distinct members drawn from each Zipf-distributed population (of the whole last chunk, if it was cut).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distinct {
    /// User names.
    pub users: u64,
    /// Inside addresses.
    pub inside: u64,
    /// Outside addresses.
    pub outside: u64,
}

/// Everything known about a generated stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The seed.
    pub seed: u64,
    /// The single format, or `mixed`.
    pub format: String,
    /// Event time of the first line, nanoseconds since 1970.
    pub start_ns: u64,
    /// Event time of the last line.
    pub end_ns: u64,
    /// All lines.
    pub lines: u64,
    /// All bytes.
    pub bytes: u64,
    /// `bytes / lines`.
    pub mean_line_bytes: f64,
    /// SHA-256 of the stream.
    pub sha256: String,
    /// Lines and bytes of each format.
    pub formats: BTreeMap<String, Tally>,
    /// Odd lines of each kind.
    pub odd: BTreeMap<String, u64>,
    /// Lines that carry a value one step away from an indicator; none may be a hit.
    pub look_alikes: u64,
    /// Planted lines of each kind.
    pub planted: BTreeMap<String, Places>,
    /// Contacts of each planted indicator, by value.
    pub indicators: BTreeMap<String, u64>,
    /// Distinct keys.
    pub distinct: Distinct,
}

impl Truth {
    /// Adds the first `lines` lines of a chunk that was written behind what is already counted.
    pub(crate) fn add(&mut self, chunk: &Chunk, lines: usize, indicators: &[Indicator]) {
        let mut at = 0;
        for line in &chunk.lines[..lines] {
            let bytes = u64::from(line.end) - at;
            let tally = self.formats.entry(line.format.name().to_owned()).or_default();
            tally.lines += 1;
            tally.bytes += bytes;
            self.lines += 1;
            match line.class {
                Class::Plain => {}
                Class::LookAlike => self.look_alikes += 1,
                Class::Odd(oddity) => *self.odd.entry(oddity.name().to_owned()).or_default() += 1,
                Class::Planted(kind, indicator) => {
                    let places = self.planted.entry(kind.name()).or_default();
                    places.count += 1;
                    places.lines.push(self.lines);
                    places.offsets.push(self.bytes);
                    if let Some(indicator) = indicator {
                        *self.indicators.entry(indicators[indicator].value.clone()).or_default() += 1;
                    }
                }
            }
            at = u64::from(line.end);
            self.bytes += bytes;
        }
    }

    /// Computes what needs the whole stream.
    pub(crate) fn finish(&mut self, seen: &Seen) {
        self.mean_line_bytes = if self.lines == 0 { 0.0 } else { self.bytes as f64 / self.lines as f64 };
        self.distinct =
            Distinct { users: seen.users.count(), inside: seen.inside.count(), outside: seen.outside.count() };
    }

    /// All planted lines.
    #[must_use]
    pub fn planted_total(&self) -> u64 {
        self.planted.values().map(|places| places.count).sum()
    }
}
