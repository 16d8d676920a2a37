//! What is known of an indicator beside its value: who says it, how sure, how long, how it may be shared.

use std::hash::BuildHasher as _;
use std::path::{Path, PathBuf};

use hashbrown::HashTable;

/// How an indicator may be shared (FIRST Traffic Light Protocol 1.0 and 2.0), from the freest to the strictest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Tlp {
    /// TLP 2.0, no limits.
    Clear = 1,
    /// TLP 1.0, the same.
    White,
    /// The community.
    Green,
    /// The organisation and its clients.
    Amber,
    /// TLP 2.0, the organisation alone.
    AmberStrict,
    /// The recipients alone.
    Red,
}

impl Tlp {
    /// All of them.
    pub const ALL: [Tlp; 6] = [Tlp::Clear, Tlp::White, Tlp::Green, Tlp::Amber, Tlp::AmberStrict, Tlp::Red];

    /// As ECS writes it in `threat.indicator.marking.tlp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Tlp::Clear => "CLEAR",
            Tlp::White => "WHITE",
            Tlp::Green => "GREEN",
            Tlp::Amber => "AMBER",
            Tlp::AmberStrict => "AMBER+STRICT",
            Tlp::Red => "RED",
        }
    }

    /// From what people and machines write: `TLP:AMBER+STRICT`, `tlp:white`, `green`.
    pub fn parse(text: &str) -> Option<Tlp> {
        let text = text.trim();
        let word = text.get(..4).filter(|head| head.eq_ignore_ascii_case("tlp:")).map_or(text, |_| &text[4..]);
        let word = word.trim().replace(['_', '-', ' '], "+");
        Self::ALL.into_iter().find(|tlp| tlp.as_str().eq_ignore_ascii_case(&word))
    }
}

/// Where the parts of a row stand in a CSV file: names of columns, where the feed's own are not among the usual ones.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ColumnMap {
    /// The indicator.
    pub value: Option<String>,
    /// Its kind.
    pub kind: Option<String>,
    /// 0 to 100, or a word.
    pub confidence: Option<String>,
    /// Traffic light.
    pub tlp: Option<String>,
    /// From when it holds.
    pub valid_from: Option<String>,
    /// Until when.
    pub valid_until: Option<String>,
    /// Labels, apart by `,` `;` or `|`.
    pub labels: Option<String>,
    /// Names of malware, groups or campaigns, apart likewise.
    pub threats: Option<String>,
    /// Links to reports.
    pub references: Option<String>,
    /// In a sentence.
    pub description: Option<String>,
}

/// What a feed says of all its indicators.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Feed {
    /// Its name on alerts.
    pub name: String,
    /// Confidence of indicators that state none, 0 to 100.
    pub confidence: Option<u8>,
    /// Marking of indicators that carry none.
    pub tlp: Option<Tlp>,
    /// How long an indicator holds that does not say itself, in seconds from when it is valid or, failing that, from when it was read.
    pub lifetime_s: Option<u64>,
    /// Whether a domain stands for what is under it, too.
    pub subdomains: bool,
    /// Whether MISP attributes that are not marked for detection (`to_ids`) are left out.
    pub to_ids_only: bool,
    /// Where CSV files have what.
    pub columns: ColumnMap,
    /// When it was read, seconds since the epoch; 0 where nobody knows.
    pub read_s: u32,
}

impl Default for Feed {
    fn default() -> Self {
        Feed {
            name: String::new(),
            confidence: None,
            tlp: None,
            lifetime_s: None,
            subdomains: true,
            to_ids_only: true,
            columns: ColumnMap::default(),
            read_s: 0,
        }
    }
}

/// Labels, names and links kept of one indicator; feeds rarely have ten.
const LIST_MAX: usize = 32;
/// Longest label, name or link kept; longer ones are cut.
const WORD_BYTES_MAX: usize = 512;
/// Longest description kept; longer ones are cut.
const DESCRIPTION_BYTES_MAX: usize = 2_048;

/// Words of all indicators together: what is said beyond is left out but for labels and names of threats. A million descriptions of a
/// sentence or two have room.
pub(super) const WORDS_BYTES_MAX: usize = 256 << 20;

/// What only some indicators say, in words. Indicators that say the same share it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Details {
    /// The object's own id in its feed.
    pub id: Box<str>,
    /// In a sentence.
    pub description: Box<str>,
    /// What kind of thing.
    pub labels: Vec<Box<str>>,
    /// Names of malware, groups and campaigns.
    pub threats: Vec<Box<str>>,
    /// Links to reports.
    pub references: Vec<Box<str>>,
    /// Further columns of a CSV file that are not empty: name and text.
    pub columns: Vec<(Box<str>, Box<str>)>,
}

/// `text` up to `bytes_max` bytes, on a character's edge.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    let end = (0..=text.len().min(bytes_max)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].trim()
}

impl Details {
    pub(super) fn describe(&mut self, text: &str) {
        if self.description.is_empty() {
            self.description = cut(text, DESCRIPTION_BYTES_MAX).into();
        }
    }

    pub(super) fn label(&mut self, text: &str) {
        keep(&mut self.labels, text);
    }

    pub(super) fn threat(&mut self, text: &str) {
        keep(&mut self.threats, text);
    }

    pub(super) fn reference(&mut self, text: &str) {
        keep(&mut self.references, text);
    }

    pub(super) fn column(&mut self, name: &str, text: &str) {
        self.columns.push((cut(name, WORD_BYTES_MAX).into(), cut(text, DESCRIPTION_BYTES_MAX).into()));
    }

    /// Without what is of one object alone and long.
    pub(super) fn shorten(&mut self) {
        *self = Details {
            labels: std::mem::take(&mut self.labels),
            threats: std::mem::take(&mut self.threats),
            ..Details::default()
        };
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let lists = self.labels.iter().chain(&self.threats).chain(&self.references);
        let columns = self.columns.iter().map(|(name, text)| name.len() + text.len() + 32);
        size_of::<Details>()
            + self.id.len()
            + self.description.len()
            + lists.map(|word| word.len() + 16).sum::<usize>()
            + columns.sum::<usize>()
    }
}

fn keep(list: &mut Vec<Box<str>>, text: &str) {
    let text = cut(text, WORD_BYTES_MAX);
    if !text.is_empty() && list.len() < LIST_MAX && !list.iter().any(|known| **known == *text) {
        list.push(text.into());
    }
}

/// One statement about an indicator, as kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Context {
    pub(super) file: u32,
    /// Over 100 where nobody says.
    pub(super) confidence: u8,
    pub(super) tlp: Option<Tlp>,
    /// Seconds since the epoch; 0 = always.
    pub(super) valid_from_s: u32,
    /// The first second it holds no more; 0 = for ever.
    pub(super) valid_until_s: u32,
    /// Number of its words.
    pub(super) details: u32,
    /// Number of the conjunction that must be complete, from 1; 0 = the indicator alone.
    pub(super) conjunction: u32,
}

impl Context {
    /// Whether it holds at an event's time.
    pub(super) fn holds_at(&self, time_s: i64) -> bool {
        (self.valid_from_s == 0 || i64::from(self.valid_from_s) <= time_s)
            && (self.valid_until_s == 0 || time_s < i64::from(self.valid_until_s))
    }
}

/// Contexts and their words, each distinct one once.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    pub(super) all: Vec<Context>,
    pub(super) details: Vec<Details>,
}

/// Finds equal ones while files are read; gone afterwards.
#[derive(Default)]
pub(super) struct Interner {
    state: foldhash::fast::RandomState,
    contexts: HashTable<u32>,
    details: HashTable<u32>,
    /// Bytes of all words kept.
    pub(super) words_bytes: usize,
}

impl Interner {
    pub(super) fn context(&mut self, contexts: &mut Contexts, context: Context) -> u32 {
        let hash = |context: &Context| self.state.hash_one(context);
        let all = &mut contexts.all;
        let found =
            self.contexts.entry(hash(&context), |&number| all[number as usize] == context, |&n| hash(&all[n as usize]));
        match found {
            hashbrown::hash_table::Entry::Occupied(known) => *known.get(),
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                let number = all.len() as u32;
                vacant.insert(number);
                all.push(context);
                number
            }
        }
    }

    pub(super) fn details(&mut self, contexts: &mut Contexts, details: Details) -> u32 {
        let hash = |details: &Details| self.state.hash_one(details);
        let all = &mut contexts.details;
        let found =
            self.details.entry(hash(&details), |&number| all[number as usize] == details, |&n| hash(&all[n as usize]));
        match found {
            hashbrown::hash_table::Entry::Occupied(known) => *known.get(),
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                let number = all.len() as u32;
                vacant.insert(number);
                self.words_bytes += details.memory_bytes();
                all.push(details);
                number
            }
        }
    }
}

impl Contexts {
    pub(super) fn memory_bytes(&self) -> usize {
        self.all.capacity() * size_of::<Context>() + self.details.iter().map(Details::memory_bytes).sum::<usize>()
    }
}

/// A file of a feed.
#[derive(Debug)]
pub(super) struct FileOf {
    pub(super) path: PathBuf,
    pub(super) feed: String,
}

/// One statement about an indicator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source<'a> {
    /// The feed's name; empty for files that belong to none.
    pub feed: &'a str,
    /// The file.
    pub file: &'a Path,
    /// The line in it, from 1.
    pub line: u32,
    /// 0 to 100, where the indicator or its feed says.
    pub confidence: Option<u8>,
    /// How it may be shared, where the indicator or its feed says.
    pub tlp: Option<Tlp>,
    /// From when it holds, nanoseconds since the epoch.
    pub valid_from_ns: Option<i64>,
    /// The first moment it holds no more, nanoseconds since the epoch.
    pub valid_until_ns: Option<i64>,
    /// Further indicators that must be in the same event.
    pub is_conjunction: bool,
    /// What it says in words.
    pub details: &'a Details,
}

/// Confidence as files write it: a number to 100, a word of STIX's scale "None / Low / Med / High" (STIX 2.1, appendix A) or of MISP's
/// `misp:confidence-level`.
pub(super) fn confidence(text: &str) -> Option<u8> {
    let text = text.trim().trim_end_matches('%');
    if let Ok(number) = text.parse::<f64>() {
        return (0.0..=100.0).contains(&number).then_some(number as u8);
    }
    const WORDS: [(&str, u8); 13] = [
        ("none", 0),
        ("unconfident", 0),
        ("low", 15),
        ("rarely-confident", 25),
        ("med", 50),
        ("medium", 50),
        ("moderate", 50),
        ("fairly-confident", 50),
        ("usually-confident", 75),
        ("high", 85),
        ("very high", 95),
        ("completely-confident", 100),
        ("certain", 100),
    ];
    WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, number)| *number)
}

/// A date or stamp as files write it, in seconds since the epoch: RFC 3339, `2026-03-01` (its midnight), or epoch seconds,
/// milliseconds. UTC where no zone is said.
pub(super) fn stamp_s(text: &str) -> Option<u32> {
    let text = text.trim();
    let seconds = if let Some((stamp, _)) = noroshi_parsers::time::take_iso(text.as_bytes()) {
        stamp.civil.seconds() - i64::from(stamp.offset_s.unwrap_or(0))
    } else if let (10, Some((stamp, _))) =
        (text.len(), noroshi_parsers::time::take_iso(format!("{text}T00:00:00Z").as_bytes()))
    {
        stamp.civil.seconds()
    } else {
        let number: i64 = text.parse().ok()?;
        // Milliseconds have passed this since 1973; seconds will in the year 5138.
        if number >= 100_000_000_000 { number / 1_000 } else { number }
    };
    // Before 1970 is always, and 0 already says so; beyond 2106 is for ever as good as any.
    (seconds > 0).then(|| u32::try_from(seconds).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lights_of_both_versions() {
        for (text, expected) in [
            ("TLP:AMBER+STRICT", Some(Tlp::AmberStrict)),
            ("tlp:amber-strict", Some(Tlp::AmberStrict)),
            ("white", Some(Tlp::White)),
            ("TLP:CLEAR", Some(Tlp::Clear)),
            (" red ", Some(Tlp::Red)),
            ("tlp:ex:chr", None),
            ("", None),
        ] {
            assert_eq!(Tlp::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn stamps_and_confidence_as_feeds_write_them() {
        for (text, expected) in [
            ("2026-03-01T00:00:10.5Z", Some(1_772_323_210)),
            ("2026-03-01T09:00:10+09:00", Some(1_772_323_210)),
            ("2026-03-01", Some(1_772_323_200)),
            ("1772323200", Some(1_772_323_200)),
            ("1772323200123", Some(1_772_323_200)),
            ("9999-12-31T23:59:59Z", Some(u32::MAX)),
            ("1969-12-31", None),
            ("soon", None),
        ] {
            assert_eq!(stamp_s(text), expected, "{text}");
        }
        for (text, expected) in
            [("90", Some(90)), ("75%", Some(75)), ("High", Some(85)), ("101", None), ("-1", None), ("?", None)]
        {
            assert_eq!(confidence(text), expected, "{text}");
        }
    }
}
