//! The naive twin of the access logs: `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"` (Apache HTTP Server 2.4, "Log
//! Files"; nginx, `combined`), a character at a time. What it derives is read by the decoder as it says; the servers' own
//! variants have tests of their own.

use jiff::fmt::strtime;
use proptest::prelude::*;

use super::decode;
use crate::ecs;
use crate::event::Event;
use crate::testing::{hold, with_context};
use crate::wire::syslog::Header;

/// What a line says: what it does not say is empty.
#[derive(PartialEq, Eq, Debug, Default)]
struct Read {
    host: String,
    user: String,
    time_ns: i128,
    method: String,
    target: String,
    version: String,
    status: String,
    bytes: String,
    referrer: String,
    agent: String,
}

fn said(text: &str) -> String {
    if text == "-" { String::new() } else { text.to_owned() }
}

/// The content of a quoted string at the start, as written, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('"')?.chars();
    let mut content = String::new();
    loop {
        match chars.next()? {
            '"' => return Some((content, chars.as_str())),
            '\\' => {
                content.push('\\');
                content.push(chars.next()?);
            }
            char => content.push(char),
        }
    }
}

fn twin(line: &str) -> Option<Read> {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|char| char.is_ascii_graphic());
    let (host, rest) = line.split_once(' ')?;
    let (ident, rest) = rest.split_once(' ')?;
    let (user, rest) = rest.split_once(' ')?;
    // An address or a name of letters; no bracket opens before the stamp.
    let named = host.parse::<std::net::IpAddr>().is_ok()
        || host.chars().all(|char| char.is_ascii_alphanumeric() || ".-".contains(char)) && is_word(host);
    let words = [ident, user].iter().all(|word| is_word(word) && !word.contains(['[', '"']));
    (named && words).then_some(())?;
    let (stamp, rest) = rest.strip_prefix('[')?.split_once(']')?;
    (stamp.len() == 26).then_some(())?;
    let time = strtime::parse("%d/%b/%Y:%H:%M:%S %z", stamp).ok()?.to_timestamp().ok()?;
    let (request, rest) = quoted(rest.strip_prefix(' ')?)?;
    let mut words = request.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?.strip_prefix("HTTP/")?);
    let of_request = words.next().is_none() && !target.is_empty() && target != "-" && !method.is_empty();
    (of_request && method.len() <= 20 && method.chars().all(|char| char.is_ascii_uppercase())).then_some(())?;
    let rest = rest.strip_prefix(' ')?;
    let (status, rest) = rest.split_once(' ')?;
    let digits = |text: &str| text.chars().all(|char| char.is_ascii_digit());
    (status.len() == 3 && digits(status)).then_some(())?;
    let (bytes, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    (bytes == "-" || digits(bytes) && (1..=19).contains(&bytes.len())).then_some(())?;
    let (mut referrer, mut agent) = (String::new(), String::new());
    if !rest.is_empty() {
        let (first, rest) = quoted(rest)?;
        let (second, rest) = quoted(rest.strip_prefix(' ')?)?;
        // Behind these a server may log what it likes.
        (rest.is_empty() || rest.starts_with(' ')).then_some(())?;
        (referrer, agent) = (said(&first), said(&second));
    }
    Some(Read {
        host: host.to_owned(),
        user: if user == "\"\"" { String::new() } else { said(user) },
        time_ns: time.as_nanosecond(),
        method: method.to_owned(),
        target: target.to_owned(),
        version: version.to_owned(),
        status: status.to_owned(),
        bytes: said(bytes),
        referrer,
        agent,
    })
}

fn fast(record: &[u8]) -> Option<Read> {
    with_context(|context| {
        let mut event = Event::new();
        event.clear();
        let header = Header { message: record, ..Header::default() };
        decode(&mut event.writer(record), context, &header).then_some(())?;
        let view = event.view(record);
        let text = |id| String::from_utf8_lossy(view.first(id).unwrap_or_default()).into_owned();
        Some(Read {
            host: text(ecs::SOURCE_ADDRESS),
            user: text(ecs::USER_NAME),
            time_ns: view.core().time_ns.into(),
            method: text(ecs::HTTP_REQUEST_METHOD),
            target: text(ecs::URL_ORIGINAL),
            version: text(ecs::HTTP_VERSION),
            status: text(ecs::HTTP_RESPONSE_STATUS_CODE),
            bytes: text(ecs::HTTP_RESPONSE_BODY_BYTES),
            referrer: text(ecs::HTTP_REQUEST_REFERRER),
            agent: text(ecs::USER_AGENT_ORIGINAL),
        })
    })
}

#[track_caller]
fn check(record: &[u8]) -> bool {
    let expected = std::str::from_utf8(record).ok().and_then(twin);
    if let Some(expected) = &expected {
        assert_eq!(fast(record).as_ref(), Some(expected), "{}", record.escape_ascii());
    }
    expected.is_some()
}

#[test]
fn golden_records_and_damaged_ones_read_as_the_twin_does() {
    let mut records = 0;
    hold(b" \"[]:-\\", |record| {
        let behind = record.windows(2).position(|pair| pair == b": ").map_or(&b""[..], |at| &record[at + 2..]);
        records += usize::from(check(record)) + usize::from(check(behind));
    });
    assert!(records > 50, "only {records} lines are of the format");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_the_format_derives_is_read_so(
        host in "(192\\.0\\.2\\.[0-9]|2001:db8::[1-9]|[a-z]{1,5}\\.example\\.com)",
        user in "(-|[a-z.@]{1,8})",
        stamp in "[012][1-8]/(Jan|Mar|Dec)/20[0-9]{2}:[01][0-9]:[0-5][0-9]:[0-5][0-9] [+-]0[0-9]30",
        request in "(GET|POST|PROPFIND) /[a-z0-9/?&=%.;\\[\\]-]{0,20} HTTP/(1\\.[01]|2\\.0)",
        status in "[1-5][0-9]{2}",
        bytes in "(-|[0-9]{1,9})",
        combined in "( \"(-|https?://[a-z./]{1,9}|[a-z \\[]{0,5}(\\\\\")?)\" \"[ -!#-\\[\\]-~é]{1,20}\")?",
    ) {
        let line = format!("{host} - {user} [{stamp}] \"{request}\" {status} {bytes}{combined}");
        check(line.as_bytes());
    }
}
