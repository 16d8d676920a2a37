//! The naive twins of the syslog header: RFC 5424 §6 and RFC 3164 §4.1, production by production. What a grammar derives
//! is read by the decoder as the grammar says; what devices send in its stead has tests of its own.

use jiff::Timestamp;
use jiff::civil::DateTime;
use proptest::prelude::*;

use super::{Header, PRODUCTS_OWN, decode};
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::Event;
use crate::testing::{hold, with_context};

/// What a header says.
#[derive(PartialEq, Eq, Debug, Default)]
struct Read {
    priority: String,
    /// Nanoseconds since 1970; none where the stamp is nil.
    time_ns: Option<i64>,
    hostname: String,
    appname: String,
    procid: String,
    msgid: String,
    /// `SD-ID.PARAM-NAME` and the value without escapes.
    params: Vec<(String, Vec<u8>)>,
    message: Vec<u8>,
}

/// What is left to derive.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn literal(&mut self, what: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(what.as_bytes())?;
        Some(())
    }

    fn begins(&self, what: &str) -> bool {
        self.0.starts_with(what.as_bytes())
    }

    /// The longest run of bytes that are `of`, of a length within `len`.
    fn run(&mut self, len: std::ops::RangeInclusive<usize>, of: impl Fn(u8) -> bool) -> Option<&'a str> {
        let count = self.0.iter().take_while(|&&byte| of(byte)).count();
        let (run, rest) = self.0.split_at(count);
        self.0 = rest;
        std::str::from_utf8(run).ok().filter(|_| len.contains(&count))
    }

    fn digits(&mut self, count: usize) -> Option<&'a str> {
        let (run, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        std::str::from_utf8(run).ok().filter(|run| run.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

/// `PRI = "<" PRIVAL ">"`, `PRIVAL = 1*3DIGIT ; range 0 .. 191`.
fn priority(rest: &mut Rest<'_>) -> Option<String> {
    rest.literal("<")?;
    let value = rest.run(1..=3, |byte| byte.is_ascii_digit())?;
    rest.literal(">")?;
    value.parse::<u8>().ok().filter(|value| *value <= 191)?;
    Some(value.to_owned())
}

/// `TIMESTAMP`, with the stamp's text read by another's parser.
fn timestamp_5424(rest: &mut Rest<'_>) -> Option<Option<i64>> {
    if rest.begins("- ") {
        rest.0 = &rest.0[1..];
        return Some(None);
    }
    let text = rest.0;
    rest.digits(4)?;
    for (sign, digits) in [("-", 2), ("-", 2), ("T", 2), (":", 2), (":", 2)] {
        rest.literal(sign)?;
        rest.digits(digits)?;
    }
    if rest.begins(".") {
        rest.literal(".")?;
        rest.run(1..=6, |byte| byte.is_ascii_digit())?;
    }
    if rest.literal("Z").is_none() {
        rest.0 = rest.0.strip_prefix(b"+").or_else(|| rest.0.strip_prefix(b"-"))?;
        rest.digits(2)?;
        rest.literal(":")?;
        rest.digits(2)?;
    }
    let stamp = std::str::from_utf8(&text[..text.len() - rest.0.len()]).ok()?;
    // "TIME-SECOND = 2DIGIT ; 00-59".
    (&stamp[17..19] < "60").then_some(())?;
    let time = stamp.parse::<Timestamp>().ok()?;
    Some(Some(i64::try_from(time.as_nanosecond()).ok()?))
}

/// `NILVALUE / 1*nPRINTUSASCII` and a space.
fn word(rest: &mut Rest<'_>, max: usize) -> Option<String> {
    let word = rest.run(1..=max, |byte| (33..=126).contains(&byte))?;
    rest.literal(" ")?;
    // A sender that writes its document where the header should go on is none of the standard's.
    let document = ["{\"", "CEF:", "LEEF:"].iter().any(|mark| word.starts_with(mark));
    (!document).then(|| if word == "-" { String::new() } else { word.to_owned() })
}

fn sd_name<'a>(rest: &mut Rest<'a>) -> Option<&'a str> {
    rest.run(1..=32, |byte| (33..=126).contains(&byte) && !b"=]\"".contains(&byte))
}

fn structured_data(rest: &mut Rest<'_>) -> Option<Vec<(String, Vec<u8>)>> {
    let mut params = Vec::new();
    if rest.begins("-") {
        rest.literal("-")?;
        return Some(params);
    }
    loop {
        rest.literal("[")?;
        let id = sd_name(rest)?;
        // These hold a product's whole record, which its own decoder reads.
        if PRODUCTS_OWN.iter().any(|own| id.as_bytes().starts_with(own)) {
            return None;
        }
        if rest.begins("]") {
            params.push((id.to_owned(), Vec::new()));
        }
        while rest.begins(" ") {
            rest.literal(" ")?;
            let name = sd_name(rest)?;
            rest.literal("=\"")?;
            params.push((format!("{id}.{name}"), param_value(rest)?));
        }
        rest.literal("]")?;
        if !rest.begins("[") {
            return Some(params);
        }
    }
}

/// `"`, `\` and `]` are escaped by a backslash; one before anything else is itself.
fn param_value(rest: &mut Rest<'_>) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    loop {
        match rest.0 {
            [b'"', after @ ..] => {
                rest.0 = after;
                return Some(value);
            }
            [b']', ..] | [] => return None,
            [b'\\', escaped @ (b'"' | b'\\' | b']'), after @ ..] => {
                value.push(*escaped);
                rest.0 = after;
            }
            // A backslash that is itself takes the next byte along, whatever it is.
            [b'\\', next, after @ ..] => {
                value.extend_from_slice(&[b'\\', *next]);
                rest.0 = after;
            }
            [byte, after @ ..] => {
                value.push(*byte);
                rest.0 = after;
            }
        }
    }
}

/// A collector's framing may leave a line end.
fn without_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

fn rfc_5424(record: &[u8]) -> Option<Read> {
    let mut rest = Rest(without_line_end(record));
    let priority = priority(&mut rest)?;
    // `NONZERO-DIGIT 0*2DIGIT`; no version has three digits.
    let version = rest.run(1..=2, |byte| byte.is_ascii_digit())?;
    (!version.starts_with('0')).then_some(())?;
    rest.literal(" ")?;
    let time_ns = timestamp_5424(&mut rest)?;
    rest.literal(" ")?;
    let (hostname, appname) = (word(&mut rest, 255)?, word(&mut rest, 48)?);
    let (procid, msgid) = (word(&mut rest, 128)?, word(&mut rest, 32)?);
    let params = structured_data(&mut rest)?;
    if !rest.0.is_empty() {
        rest.literal(" ")?;
    }
    let message = rest.0.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest.0).to_vec();
    Some(Read { priority, time_ns, hostname, appname, procid, msgid, params, message })
}

/// `<PRI>Mmm dd hh:mm:ss HOSTNAME TAG[pid]: CONTENT`, judged as of 2026-03-15T12:00:00Z.
fn rfc_3164(record: &[u8]) -> Option<Read> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut rest = Rest(without_line_end(record));
    let priority = priority(&mut rest)?;
    let month = MONTHS.iter().position(|month| rest.begins(month))? as i8 + 1;
    rest.0 = &rest.0[3..];
    rest.literal(" ")?;
    // A day below ten has a space before it.
    let padded = rest.literal(" ").is_some();
    let day: i8 = rest.digits(if padded { 1 } else { 2 })?.parse().ok().filter(|day| padded || *day > 9)?;
    rest.literal(" ")?;
    let hour: i8 = rest.digits(2)?.parse().ok()?;
    rest.literal(":")?;
    let minute: i8 = rest.digits(2)?.parse().ok()?;
    rest.literal(":")?;
    let second: i8 = rest.digits(2)?.parse().ok()?;
    rest.literal(" ")?;
    let of_year = |year| DateTime::new(year, month, day, hour, minute, second, 0).ok();
    let limit = DateTime::new(2026, 3, 16, 12, 0, 0, 0).ok()?;
    let time = (2016..=2026).rev().find_map(|year| of_year(year).filter(|time| *time <= limit))?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    // "HOSTNAME … MUST NOT contain any embedded spaces". One of capitals or digits may be a zone or a year, as devices
    // write them.
    let hostname = rest.run(1..=255, |byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))?;
    let address = hostname.parse::<std::net::Ipv4Addr>().is_ok();
    (address || hostname.starts_with(|first: char| first.is_ascii_lowercase())).then_some(())?;
    rest.literal(" ")?;
    // "The TAG is a string of ABNF alphanumeric characters that MUST NOT exceed 32 characters."
    let appname = rest.run(1..=32, |byte| byte.is_ascii_alphanumeric())?;
    appname.starts_with(|first: char| first.is_ascii_lowercase()).then_some(())?;
    let mut procid = "";
    if rest.literal("[").is_some() {
        procid = rest.run(1..=10, |byte| byte.is_ascii_digit())?;
        rest.literal("]")?;
    }
    rest.literal(": ")?;
    Some(Read {
        priority,
        time_ns: Some(i64::try_from(time.as_nanosecond()).ok()?),
        hostname: hostname.to_owned(),
        appname: appname.to_owned(),
        procid: procid.to_owned(),
        message: rest.0.to_vec(),
        ..Read::default()
    })
}

/// What the decoder reads.
fn fast(record: &[u8]) -> Read {
    with_context(|context| {
        let mut event = Event::new();
        event.clear();
        let mut writer = event.writer(record);
        let header: Header<'_> = decode(&mut writer, context);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let read = Read {
            hostname: text(header.hostname),
            appname: text(header.appname),
            procid: text(header.procid),
            msgid: text(header.msgid),
            message: header.message.to_vec(),
            ..Read::default()
        };
        let view = event.view(record);
        let params = view.fields().iter().filter(|field| field.vendor).map(|field| {
            let name = match field.id {
                FieldId::UNNAMED => text(view.own_name(field)),
                id => context.dictionary.name(id).to_owned(),
            };
            (name, view.value(field).to_vec())
        });
        Read {
            priority: view.first(ecs::LOG_SYSLOG_PRIORITY).map(text).unwrap_or_default(),
            time_ns: view.core().time_from_record.then_some(view.core().time_ns),
            params: params.collect(),
            ..read
        }
    })
}

#[track_caller]
fn check(record: &[u8]) -> usize {
    let expected = rfc_5424(record).or_else(|| rfc_3164(record));
    if let Some(expected) = &expected {
        assert_eq!(fast(record), *expected, "{}", record.escape_ascii());
    }
    usize::from(expected.is_some())
}

#[test]
fn golden_records_and_damaged_ones_read_as_the_grammars_say() {
    let (mut records, mut all) = (0, 0);
    hold(b"<>[]\"\\= -:", |record| {
        all += 1;
        records += check(record);
    });
    assert!(records > 1500, "only {records} of {all} records are of the grammars");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn what_rfc_5424_derives_is_read_so(
        priority in 0u8..=191,
        stamp in "(-|20(2[0-9])-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]))",
        words in "(-|[!-~]{1,12}) (-|[a-z/]{1,9}) (-|[0-9]{1,5}) (-|[A-Z]{1,6})",
        data in "(-|(\\[[a-z@0-9]{1,6}( [a-zA-Z.]{1,4}=\"([a-z =\\[]|\\\\[\"\\]\\\\n]){0,6}\"){0,3}\\]){1,3})",
        message in "( (\u{feff})?[ -~é漢]{0,20})?",
    ) {
        let record = format!("<{priority}>1 {stamp} {words} {data}{message}");
        check(record.as_bytes());
    }

    #[test]
    fn what_rfc_3164_derives_is_read_so(
        priority in 0u8..=191,
        stamp in "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ( [1-9]|[12][0-9]|3[01]) ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]",
        host in "([a-z][a-zA-Z0-9.-]{0,12}|(192\\.0\\.2\\.[1-9]))",
        tag in "[a-z][a-zA-Z0-9]{0,11}(\\[[0-9]{1,7}\\])?",
        content in "[ -~é漢]{0,30}",
    ) {
        let record = format!("<{priority}>{stamp} {host} {tag}: {content}");
        let read = check(record.as_bytes());
        // 29 February is there in leap years alone, 31 June never.
        prop_assert!(read == 1 || stamp.contains("Feb") || stamp.contains(" 31 "), "{}", record);
    }
}
