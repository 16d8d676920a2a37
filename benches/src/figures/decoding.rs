//! Framing and decoding of each format: as the record writes it, with typed time and every value a span; and as a full
//! event, with everything that is made of those values in the schema.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::defect::Defect;
use noroshi_parsers::dictionary::{Dictionary, FieldId};
use noroshi_parsers::event::{Event, EventView, TimePrecision};
use noroshi_parsers::frame::{Framer, Framing};
use noroshi_parsers::logsource::ProductId;
use noroshi_parsers::wire::json::Selector;
use noroshi_parsers::{ecs, products};
use serde_json::Value;

use super::{SEED, STREAM_BYTES, split_pass};
use crate::generate::Format;
use crate::measure::Case;
use crate::stream::{Line, Stream};

/// What is read of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// What it writes (`as_written`).
    Written,
    /// The full event.
    Event,
}

impl Depth {
    fn name(self) -> &'static str {
        if self == Depth::Written { "decode" } else { "normalise" }
    }
}

/// Formats with the products their records may be of, and the fewest values that a record writes.
const WRITTEN: [(&str, Format, &[ProductId], usize); 8] = [
    ("rfc3164", Format::Rfc3164, &[products::LINUX_AUTH, products::LINUX_DAEMON, products::SYSLOG], 4),
    ("rfc5424", Format::Rfc5424, &[products::SYSLOG], 11),
    ("fortigate", Format::Fortigate, &[products::FORTIGATE], 20),
    ("asa", Format::Asa, &[products::CISCO_ASA], 5),
    ("iptables", Format::Iptables, &[products::NETFILTER], 12),
    ("nginx", Format::Nginx, &[products::NGINX, products::ACCESS_LOG], 6),
    ("squid", Format::Squid, &[products::SQUID], 8),
    ("eve", Format::Eve, &[products::SURICATA], 12),
];

/// Formats with the products their records may be of, and the fewest fields of an event.
const EVENTS: [(&str, Format, &[ProductId], usize); 15] = [
    ("rfc3164", Format::Rfc3164, &[products::LINUX_AUTH, products::LINUX_DAEMON, products::SYSLOG], 6),
    ("rfc5424", Format::Rfc5424, &[products::SYSLOG], 12),
    ("fortigate", Format::Fortigate, &[products::FORTIGATE], 36),
    ("asa", Format::Asa, &[products::CISCO_ASA], 8),
    ("iptables", Format::Iptables, &[products::NETFILTER], 12),
    ("nginx", Format::Nginx, &[products::NGINX, products::ACCESS_LOG], 7),
    ("squid", Format::Squid, &[products::SQUID], 9),
    ("eve", Format::Eve, &[products::SURICATA], 12),
    ("winlogbeat", Format::Winlogbeat, &[products::WINDOWS], 15),
    ("sysmon", Format::Sysmon, &[products::SYSMON], 12),
    ("auditd", Format::Auditd, &[products::AUDITD], 4),
    ("cef", Format::Cef, &[products::CEF], 15),
    ("panos", Format::Panos, &[products::PANOS], 50),
    ("cloudtrail", Format::Cloudtrail, &[products::AWS_CLOUDTRAIL], 35),
    ("fortigate_brief", Format::FortigateBrief, &[products::FORTIGATE], 24),
];

/// Records whose every member is compared with a second reading.
const COMPARED: usize = 2_000;

/// Farthest a decoded time may be from the generator's: stamps of whole seconds, and records of one audit
/// event that share the first one's stamp.
const TIME_OFF_NS: i64 = 1_500_000_000;

/// How streams are read: UTC, with the end of the stream as the reference for years.
pub(super) fn options(stream: &Stream) -> SourceOptions {
    SourceOptions { reference_time_ns: stream.end_ns(), ..SourceOptions::default() }
}

/// Framing and decoding of a whole stream; how many events, and how many fields in all.
pub(super) fn decode(
    bytes: &[u8],
    decoder: &mut Decoder,
    options: &SourceOptions,
    event: &mut Event,
    mut each: impl FnMut(EventView<'_>),
) -> usize {
    let mut records = 0;
    Framer::new(Framing::NEWLINE).frame(bytes, false, |frame| {
        let record = &bytes[frame.start..frame.end];
        decoder.decode(record, 0, options, event);
        each(event.view(record));
        records += 1;
    });
    records
}

pub(super) fn cases() -> Result<Vec<Case>> {
    let written = WRITTEN.iter().map(|row| case(Depth::Written, row));
    let events = EVENTS.iter().map(|row| case(Depth::Event, row));
    written.chain([picking()]).chain(events).collect()
}

/// Members of an EVE record that rules name: those of every record, and those of some.
const PICKED: [&str; 12] = [
    "timestamp",
    "event_type",
    "src_ip",
    "src_port",
    "dest_ip",
    "dest_port",
    "proto",
    "alert.signature",
    "alert.severity",
    "dns.rrname",
    "http.hostname",
    "tls.sni",
];

/// Framing, and twelve members of each EVE record by path, the others skipped.
fn picking() -> Result<Case> {
    let stream = Arc::new(Stream::single(SEED, Format::Eve, STREAM_BYTES));
    let selector = Selector::new(&PICKED).context("twelve paths are not too many")?;
    let mut found = 0;
    for (number, (record, _)) in stream.records().enumerate() {
        let picked = selector.pick(record);
        found += picked.iter().flatten().count();
        let value: Value = if number < COMPARED { serde_json::from_slice(record)? } else { continue };
        for (path, member) in PICKED.iter().zip(&picked) {
            let wanted = path.split('.').try_fold(&value, |at, key| at.get(key)).map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            let text = member.map(|member| {
                let mut text = Vec::new();
                member.unescape(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            });
            ensure!(text == wanted, "{path} is {text:?}, not {wanted:?}: {}", String::from_utf8_lossy(record));
        }
    }
    let (data, count) = (Arc::clone(&stream), stream.lines.len());
    Ok(Case {
        name: "decode/eve_12_members".to_owned(),
        unit: "line",
        count: count as u64,
        bytes: stream.bytes.len() as u64,
        measured: Box::new(move |watch| {
            let mut total = 0;
            watch.time(|| {
                let bytes = std::hint::black_box(&data.bytes);
                Framer::new(Framing::NEWLINE).frame(bytes, false, |frame| {
                    let picked = selector.pick(&bytes[frame.start..frame.end]);
                    total += std::hint::black_box(&picked).iter().flatten().count();
                })
            });
            assert_eq!(total, found, "the answer changed while it was timed");
        }),
        without: None,
        baseline_name: "memchr split",
        baseline_count: count as u64,
        baseline: split_pass(&stream),
        note: format!(
            "{:.0} B, {:.1} members found",
            stream.bytes.len() as f64 / count as f64,
            found as f64 / count as f64
        ),
    })
}

fn case(depth: Depth, &(name, format, products, fields_min): &(&str, Format, &[ProductId], usize)) -> Result<Case> {
    let name = format!("{}/{name}", depth.name());
    let stream = Arc::new(Stream::single(SEED, format, STREAM_BYTES));
    let dictionary = Arc::new(Dictionary::new());
    let options = SourceOptions { as_written: depth == Depth::Written, ..options(&stream) };
    let fields = check(&stream, &dictionary, &options, products, fields_min).with_context(|| name.clone())?;
    let count = stream.lines.len();
    let data = Arc::clone(&stream);
    let (mut decoder, mut event) = (Decoder::new(dictionary), Event::new());
    Ok(Case {
        name,
        unit: "line",
        count: count as u64,
        bytes: stream.bytes.len() as u64,
        measured: Box::new(move |watch| {
            let mut total = 0;
            let records = watch.time(|| {
                let bytes = std::hint::black_box(&data.bytes);
                decode(bytes, &mut decoder, &options, &mut event, |view| total += view.fields().len())
            });
            assert_eq!((records, total), (count, fields), "the answer changed while it was timed");
        }),
        without: None,
        baseline_name: "memchr split",
        baseline_count: count as u64,
        baseline: split_pass(&stream),
        note: format!("{:.0} B, {:.1} fields", stream.bytes.len() as f64 / count as f64, fields as f64 / count as f64),
    })
}

/// Compares the events of a stream with its truth; the number of fields in all.
fn check(
    stream: &Stream,
    dictionary: &Arc<Dictionary>,
    options: &SourceOptions,
    products: &[ProductId],
    fields_min: usize,
) -> Result<usize> {
    let (mut decoder, mut event) = (Decoder::new(Arc::clone(dictionary)), Event::new());
    let mut fields = 0;
    for (number, (record, line)) in stream.records().enumerate() {
        decoder.decode(record, 0, options, &mut event);
        let view = event.view(record);
        fields += view.fields().len();
        let wrong = sound(view, line, products, fields_min)
            .and_then(|()| if number < COMPARED { members(view, line.format, dictionary) } else { Ok(()) });
        wrong.with_context(|| format!("line {}: {}", number + 1, String::from_utf8_lossy(record)))?;
    }
    Ok(fields)
}

fn sound(view: EventView<'_>, line: &Line, products: &[ProductId], fields_min: usize) -> Result<()> {
    let core = view.core();
    ensure!(products.contains(&core.product), "read as {}", core.product.get().name);
    ensure!(core.time_from_record, "no time was read");
    let off = core.time_ns - line.time_ns;
    ensure!(off.abs() < TIME_OFF_NS, "the time is {off} ns off");
    ensure!(
        core.time_precision > TimePrecision::Second || core.time_ns % 1_000_000_000 == 0,
        "a fraction of a second that the record does not have"
    );
    for defect in
        [Defect::InvalidUtf8, Defect::Nul, Defect::JsonMalformed, Defect::MessageMalformed, Defect::FieldsCapped]
    {
        ensure!(!view.defects().has(defect), "defect {}", defect.name());
    }
    let fields = view.fields().len();
    ensure!(fields >= fields_min, "{fields} fields, at least {fields_min} are there");
    Ok(())
}

/// Every member by a second, slow reading of the record.
fn members(view: EventView<'_>, format: Format, dictionary: &Dictionary) -> Result<()> {
    let record = view.original();
    match format {
        Format::Eve | Format::Winlogbeat | Format::Sysmon | Format::Cloudtrail => {
            let value: Value = serde_json::from_slice(record)?;
            leaves(&value, &mut |text| {
                ensure!(
                    view.fields().iter().any(|field| view.value(field) == text.as_bytes()),
                    "the member value `{text}` is not kept"
                );
                Ok(())
            })
        }
        Format::Panos => {
            let columns: Vec<&[u8]> = record.split(|&byte| byte == b',').collect();
            for (column, id) in
                [(7, ecs::SOURCE_IP), (8, ecs::DESTINATION_IP), (24, ecs::SOURCE_PORT), (32, ecs::SOURCE_BYTES)]
            {
                expect(view, id, columns.get(column).copied())?;
            }
            Ok(())
        }
        Format::Fortigate | Format::FortigateBrief => pairs(record, b'"', |key, value| {
            let held =
                view.fields().iter().any(|field| name(view, field, dictionary) == key && view.value(field) == value);
            ensure!(held, "{}={} is not kept", String::from_utf8_lossy(key), String::from_utf8_lossy(value));
            Ok(())
        }),
        Format::Iptables => {
            for (key, id) in [("SRC=", ecs::SOURCE_IP), ("DST=", ecs::DESTINATION_IP), ("SPT=", ecs::SOURCE_PORT)] {
                expect(view, id, word_after(record, key))?;
            }
            Ok(())
        }
        Format::Nginx => {
            expect(view, ecs::SOURCE_IP, record.split(|&byte| byte == b' ').next())?;
            expect(view, ecs::USER_AGENT_ORIGINAL, record.rsplit(|&byte| byte == b'"').nth(1))?;
            expect(view, ecs::HTTP_RESPONSE_STATUS_CODE, word_after(record, "HTTP/1.1\" "))
        }
        Format::Squid => {
            let words: Vec<&[u8]> = record.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect();
            expect(view, ecs::SOURCE_IP, words.get(2).copied())?;
            expect(view, ecs::HTTP_REQUEST_METHOD, words.get(5).copied())?;
            expect(view, ecs::SOURCE_USER_NAME, words.get(7).copied())
        }
        Format::Asa => expect(view, ecs::EVENT_CODE, word_after(record, "%ASA-").map(|word| &word[2..word.len() - 1])),
        Format::Rfc3164 | Format::Rfc5424 => {
            let host = if format == Format::Rfc5424 { 2 } else { 3 };
            let words: Vec<&[u8]> = record.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect();
            expect(view, ecs::HOST_NAME, words.get(host).copied())?;
            ensure!(view.core().syslog_severity < 8, "no priority was read");
            Ok(())
        }
        Format::Cef => {
            expect(view, ecs::SOURCE_IP, word_after(record, " src="))?;
            expect(view, ecs::SOURCE_USER_NAME, word_after(record, " suser="))
        }
        Format::Auditd => {
            ensure!(
                view.fields().iter().any(|field| Some(view.value(field)) == word_after(record, "type=")),
                "the record's type is not kept"
            );
            Ok(())
        }
        _ => bail!("no second reading of {}", format.name()),
    }
}

fn name<'a>(view: EventView<'a>, field: &noroshi_parsers::event::Field, dictionary: &'a Dictionary) -> &'a [u8] {
    if field.id == FieldId::UNNAMED { view.own_name(field) } else { dictionary.name(field.id).as_bytes() }
}

/// Whether the field has the value; of a record as written, whether some field has.
fn expect(view: EventView<'_>, id: FieldId, wanted: Option<&[u8]>) -> Result<()> {
    let wanted = wanted.context("the record does not hold what the generator writes")?;
    let wanted = if wanted == b"-" { None } else { Some(wanted) };
    let derived = view.has(ecs::EVENT_KIND);
    let found = if derived {
        view.first(id)
    } else {
        view.fields().iter().map(|field| view.value(field)).find(|value| wanted.is_none_or(|wanted| *value == wanted))
    };
    let found = found.filter(|_| derived || wanted.is_some());
    let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    ensure!(found == wanted, "field {id:?} is {:?}, expected {:?}", text(found), text(wanted));
    Ok(())
}

/// The word that follows a mark.
fn word_after<'a>(record: &'a [u8], mark: &str) -> Option<&'a [u8]> {
    let at = memchr::memmem::find(record, mark.as_bytes())? + mark.len();
    record[at..].split(|byte| byte.is_ascii_whitespace()).next()
}

/// `key=value` pairs, values in quotes or up to a blank.
fn pairs(record: &[u8], quote: u8, mut each: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
    let mut rest = record;
    while let Some(equals) = memchr::memchr(b'=', rest) {
        let key = rest[..equals].rsplit(|&byte| byte == b' ' || byte == b'>').next().unwrap_or_default();
        let after = &rest[equals + 1..];
        let (value, end) = match after.first() {
            Some(&first) if first == quote => {
                let end = memchr::memchr(quote, &after[1..]).context("an open quote")?;
                (&after[1..=end], end + 2)
            }
            _ => {
                let end = memchr::memchr(b' ', after).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        each(key, value)?;
        rest = &after[end..];
    }
    Ok(())
}

/// Every scalar of a document, as text.
fn leaves(value: &Value, each: &mut impl FnMut(&str) -> Result<()>) -> Result<()> {
    match value {
        Value::Object(members) => members.values().try_for_each(|member| leaves(member, each)),
        Value::Array(items) => items.iter().try_for_each(|item| leaves(item, each)),
        Value::String(text) => each(text),
        other => each(&other.to_string()),
    }
}
