//! One record in, one event out: header, detection, product.
//!
//! Decoding never fails. A record that no decoder knows is still an event: its
//! header fields and whatever safe heuristics find, with [`Defect::UnknownFormat`].

use std::cell::Cell;
use std::sync::Arc;

use crate::charset::{Charset, Look};
use crate::defect::Defect;
use crate::dictionary::Dictionary;
use crate::ecs;
use crate::event::{Event, EventWriter, TimePrecision};
use crate::logsource::ProductId;
use crate::products::delimited::ColumnMap;
use crate::time::Stamp;
use crate::wire::json::Learned;
use crate::wire::successors::Successors;
use crate::wire::syslog::LastStamp;
use crate::zone::Zone;

/// Longest record decoded. RFC 5425 asks for 8,192 bytes; Windows XML events reach 60 KiB, cloud audit
/// records more. A longer record is kept whole as raw parts with [`Defect::Oversize`], never cut away.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// How the records of one source are to be read.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// A product by name; `None` = detected per record.
    pub format: Option<ProductId>,
    /// The zone of stamps that carry none.
    pub zone: Zone,
    /// What the bytes are.
    pub charset: Charset,
    /// What the columns of its rows are, for the formats that need telling: `csv`, `flow_csv`, `badge_csv`.
    pub columns: Option<Arc<ColumnMap>>,
    /// Read only what the record itself writes: each value once, under the first name that its product gives it, with typed
    /// time. No constants, no sets of related values, no second names: what a relay or a collector keeps.
    pub as_written: bool,
    /// The working calendar that its days are told by; the engine's business, no decoder reads it.
    pub calendar: Option<Arc<str>>,
    /// What year-less stamps are judged by where the receive time is not known, and what stands
    /// in for a missing time; nanoseconds since the epoch.
    pub reference_time_ns: i64,
}

/// What decoders may ask besides the record: names, zone, reference time.
pub struct Context<'a> {
    /// Names to ids.
    pub dictionary: &'a Dictionary,
    /// The source's options.
    pub options: &'a SourceOptions,
    /// When the record was read; 0 = not known.
    pub receive_time_ns: i64,
    /// The order in which names came before.
    pub(crate) successors: &'a Successors,
    /// The last stamp without a year.
    pub(crate) last_stamp: &'a Cell<LastStamp>,
    /// What the members of JSON documents are called, and the room to read them; taken while one is read.
    pub(crate) learned: &'a Cell<Option<Box<Learned>>>,
    /// Room for a document that stands escaped in another's string.
    pub(crate) scratch: &'a Cell<Vec<u8>>,
}

impl Context<'_> {
    /// The time by which missing years are judged: the receive time, else the declared reference.
    #[inline]
    pub fn reference_ns(&self) -> i64 {
        if self.receive_time_ns != 0 { self.receive_time_ns } else { self.options.reference_time_ns }
    }

    /// Sets the event time from a stamp, taking the source's zone where it has none.
    #[inline]
    pub fn set_stamp(&self, writer: &mut EventWriter<'_>, stamp: &Stamp) {
        if let Some(time_ns) = self.resolve(writer, stamp) {
            writer.set_time(time_ns, stamp.precision);
        }
    }

    /// The instant of a stamp; defects name what was assumed.
    #[inline]
    pub fn resolve(&self, writer: &mut EventWriter<'_>, stamp: &Stamp) -> Option<i64> {
        let offset = match stamp.offset_s {
            Some(offset) => offset,
            None => {
                writer.defect(Defect::ZoneAssumed);
                self.options.zone.offset_s(&stamp.civil)
            }
        };
        let time_ns = stamp.civil.at_offset(offset);
        if time_ns.is_none() {
            writer.defect(Defect::TimeUnreadable);
        }
        time_ns
    }
}

/// What the sender of a record says of it beside the record: a shipper's metadata (Splunk HEC's `time` and `host`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stated<'a> {
    /// Its time, nanoseconds since 1970 UTC; 0 = nothing.
    pub time_ns: i64,
    /// The host it is of; empty = nothing.
    pub host: &'a str,
}

impl Stated<'_> {
    /// Takes over what the record itself does not tell. The defect of a missing time stays.
    #[inline]
    pub fn complete(&self, event: &mut Event, record: &[u8]) {
        if self.time_ns != 0 && !event.core.time_from_record {
            event.core.time_ns = self.time_ns;
        }
        if !self.host.is_empty() && !event.view(record).has(ecs::HOST_NAME) {
            event.writer(b"").put(ecs::HOST_NAME, self.host.as_bytes());
        }
    }
}

/// Decodes records into events. One a worker: it owns scratch.
pub struct Decoder {
    dictionary: Arc<Dictionary>,
    successors: Successors,
    last_stamp: Cell<LastStamp>,
    learned: Cell<Option<Box<Learned>>>,
    scratch: Cell<Vec<u8>>,
}

impl Decoder {
    /// A decoder that resolves names by `dictionary`.
    pub fn new(dictionary: Arc<Dictionary>) -> Self {
        let successors = Successors::new(&dictionary);
        Decoder {
            dictionary,
            successors,
            last_stamp: Cell::default(),
            learned: Cell::default(),
            scratch: Cell::default(),
        }
    }

    /// Fills `event` from one record. Whatever can't be understood is left in the raw
    /// record and named in the event's defects.
    pub fn decode(&mut self, record: &[u8], receive_time_ns: i64, options: &SourceOptions, event: &mut Event) {
        event.clear();
        event.set_as_written(options.as_written);
        let raw = &record[..record.len().min(RECORD_BYTES_MAX)];
        let look = Look::at(raw);
        // The event keeps the text for its readers; for as long as it is written, it is ours.
        let mut text = event.take_text();
        let decoded = options.charset.decode(raw, look, &mut text);
        let shown = if decoded.is_some() { &text[..] } else { raw };
        let context = Context {
            dictionary: &self.dictionary,
            options,
            receive_time_ns,
            successors: &self.successors,
            last_stamp: &self.last_stamp,
            learned: &self.learned,
            scratch: &self.scratch,
        };
        let mut writer = event.writer(shown);
        match decoded {
            Some(decoded) => {
                writer.core().charset = decoded.name;
                if decoded.guessed {
                    writer.defect(Defect::CharsetGuessed);
                }
                if decoded.malformed {
                    writer.defect(Defect::CharsetMalformed);
                }
            }
            None => {
                if look.nul {
                    writer.defect(Defect::Nul);
                }
                if look.high && std::str::from_utf8(raw).is_err() {
                    writer.defect(Defect::InvalidUtf8);
                }
            }
        }
        if raw.len() < record.len() {
            writer.defect(Defect::Oversize);
        }
        writer.core().receive_time_ns = receive_time_ns;
        crate::detect::decode(&mut writer, &context);
        if let Some(log_source) = crate::logsource::endpoint::of(&writer.view()) {
            writer.core().log_source = log_source;
        }
        if !writer.core().time_from_record {
            let reference = context.reference_ns();
            let core = writer.core();
            core.time_ns = reference;
            core.time_precision = TimePrecision::Nano;
            writer.defect(Defect::TimeMissing);
        }
        event.give_text(text, decoded.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs;

    #[test]
    fn text_is_read_and_the_raw_record_kept() {
        let (record, _, _) = encoding_rs::SHIFT_JIS.encode("<13>Mar 12 08:15:02 web01 sudo: 表計課 : user NOT in sudoers ; TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/bin/ソ");
        let dictionary = Arc::new(Dictionary::new());
        let mut decoder = Decoder::new(Arc::clone(&dictionary));
        let mut event = Event::new();
        for charset in [Charset::Cp932, Charset::Auto] {
            let options = SourceOptions { charset, ..SourceOptions::default() };
            decoder.decode(&record, 0, &options, &mut event);
            let view = event.view(&record);
            assert_eq!(view.original(), &record[..]);
            assert_eq!(view.first(ecs::USER_NAME), Some("表計課".as_bytes()));
            assert_eq!(event.defects.has(Defect::CharsetGuessed), charset == Charset::Auto);
            let document = crate::document::to_json(event.view(&record), &dictionary);
            assert_eq!(document["noroshi"]["charset"], "Shift_JIS");
            let kept = document["noroshi"]["original_base64"].as_str().expect("the record is kept");
            use base64::Engine as _;
            assert_eq!(base64::engine::general_purpose::STANDARD.decode(kept).unwrap(), &record[..]);
        }
        // The text of the record before is not the text of this one.
        decoder.decode(b"plain", 0, &SourceOptions::default(), &mut event);
        assert_eq!(event.view(b"plain").text(), b"plain");
    }
}
