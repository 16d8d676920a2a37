//! What was odd about a record.
//!
//! A hostile or broken record is a value, not an error: whatever could not be
//! understood stays in the raw record and is named here.

use std::fmt;

macro_rules! defects {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)*) => {
        /// One oddity of a record.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Defect { $($(#[doc = $doc])+ $variant,)* }

        impl Defect {
            /// Every defect, in the order of their bits.
            pub const ALL: &'static [Defect] = &[$(Defect::$variant,)*];

            /// The name in `noroshi.defects`.
            pub fn name(self) -> &'static str {
                match self { $(Defect::$variant => $name,)* }
            }

            /// What it says, for people: one sentence or two.
            pub fn meaning(self) -> &'static str {
                match self { $(Defect::$variant => concat!($($doc,)+).trim_ascii(),)* }
            }
        }
    };
}

defects! {
    /// No decoder knew the record; only heuristics were applied.
    UnknownFormat = "unknown_format",
    /// The record was empty.
    Empty = "empty",
    /// The record carries no time; the receive or reference time stands in.
    TimeMissing = "time_missing",
    /// A time was present and could not be read.
    TimeUnreadable = "time_unreadable",
    /// The stamp had no year; one was inferred from the reference time.
    YearInferred = "year_inferred",
    /// The stamp had no zone; the source's declared zone was taken.
    ZoneAssumed = "zone_assumed",
    /// The record is not valid UTF-8.
    InvalidUtf8 = "invalid_utf8",
    /// The source declares no character set and the record is no UTF-8: the set is a guess.
    CharsetGuessed = "charset_guessed",
    /// Bytes that mean nothing in the record's character set; U+FFFD stands in the text for them.
    CharsetMalformed = "charset_malformed",
    /// NUL bytes in the record.
    Nul = "nul",
    /// Longer than the decode bound; kept whole as raw parts, the first decoded.
    Oversize = "oversize",
    /// More fields than the bound; the rest stays in the raw record.
    FieldsCapped = "fields_capped",
    /// A quote was opened and never closed.
    UnbalancedQuote = "unbalanced_quote",
    /// JSON that does not parse to its end.
    JsonMalformed = "json_malformed",
    /// JSON nested deeper than the bound.
    JsonDepth = "json_depth",
    /// XML that does not parse to its end.
    XmlMalformed = "xml_malformed",
    /// XML nested deeper than the bound.
    XmlDepth = "xml_depth",
    /// A syslog header that breaks RFC 3164 and RFC 5424.
    HeaderMalformed = "header_malformed",
    /// The syslog priority is over 191.
    PriorityInvalid = "priority_invalid",
    /// Structured data that breaks RFC 5424 §6.3.
    StructuredDataMalformed = "structured_data_malformed",
    /// A value that must be an address is none.
    AddressInvalid = "address_invalid",
    /// A value that must be a number is none, or overflows.
    NumberInvalid = "number_invalid",
    /// The message has its product's mark but not its documented shape.
    MessageMalformed = "message_malformed",
    /// The record ends before its format says it may.
    Truncated = "truncated",
    /// A key occurs more than once.
    DuplicateKey = "duplicate_key",
    /// The source was told to speak a format that this record is not.
    FormatMismatch = "format_mismatch",
    /// A number of columns that fits no documented version.
    ColumnCount = "column_count",
    /// More events in one record than are told apart; the rest is kept whole.
    SplitCapped = "split_capped",
    /// A record of several lines that went on beyond the bound of lines, bytes or time: what came until then.
    JoinCut = "join_cut",
    /// Fields were found in the text by heuristics, not by a format.
    Heuristic = "heuristic",
    /// A fault of ours while the record was worked on; it is kept raw.
    WorkFailed = "work_failed",
}

/// A set of [`Defect`]s.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Defects(u64);

impl Defects {
    /// The set of one.
    pub fn of(defect: Defect) -> Self {
        Defects(1 << defect as u8)
    }

    /// Adds one.
    #[inline]
    pub fn add(&mut self, defect: Defect) {
        self.0 |= 1 << defect as u8;
    }

    /// Whether `defect` is in the set.
    pub fn has(self, defect: Defect) -> bool {
        self.0 & 1 << defect as u8 != 0
    }

    /// Whether nothing was odd.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in declaration order.
    pub fn iter(self) -> impl Iterator<Item = Defect> {
        Defect::ALL.iter().copied().filter(move |&defect| self.has(defect))
    }
}

impl fmt::Debug for Defects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Defect::name)).finish()
    }
}
