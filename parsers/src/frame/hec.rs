//! Bodies of Splunk's HTTP Event Collector: JSON objects back to back, each with one event and what the sender says of it
//! ("Format events for HTTP Event Collector" in Splunk's documentation).
//!
//! Objects are found by brackets and quotes alone and never copied: an event that is an object is the record as the sender wrote it,
//! one that is a string is what the string says.

use std::borrow::Cow;

use crate::time::parse_epoch;
use crate::wire::json::{escape, scan};

/// The content of a JSON string, as written between its quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct JsonText<'a> {
    raw: &'a [u8],
    /// Without escapes.
    plain: bool,
}

impl<'a> JsonText<'a> {
    /// What it says.
    pub fn text(&self) -> Cow<'a, [u8]> {
        if self.plain {
            return Cow::Borrowed(self.raw);
        }
        let mut text = Vec::new();
        self.append_to(&mut text);
        Cow::Owned(text)
    }

    /// Appends what it says.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        if self.plain {
            out.extend_from_slice(self.raw);
        } else {
            // An escape that is none stays as written: what is odd in a record is told when it is decoded.
            escape::unescape(self.raw, |bytes| out.extend_from_slice(bytes));
        }
    }

    /// As written, escapes and all.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }
}

/// An event: text, or a JSON value byte for byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HecEvent<'a> {
    /// A string.
    Text(JsonText<'a>),
    /// An object, an array, a number, `true` or `false`.
    Json(&'a [u8]),
}

/// One event with what its sender says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HecEnvelope<'a> {
    /// The event.
    pub event: HecEvent<'a>,
    /// Its time, nanoseconds since 1970 UTC; `None` where none is given that can be read.
    pub time_ns: Option<i64>,
    /// The host it is of.
    pub host: Option<JsonText<'a>>,
    /// The file, socket or service it is of.
    pub source: Option<JsonText<'a>>,
    /// What kind of source that is.
    pub sourcetype: Option<JsonText<'a>>,
    /// Where Splunk would file it.
    pub index: Option<JsonText<'a>>,
    /// Further fields: a JSON object, as written.
    pub fields: Option<&'a [u8]>,
}

/// What is wrong with an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HecFault {
    /// Not a JSON object, or one that breaks off.
    InvalidData,
    /// It has no `event`.
    EventMissing,
    /// Its `event` is an empty string.
    EventBlank,
    /// Its `fields` are not an object of plain values.
    FieldsInvalid,
}

/// The events of a body, in their order. After a fault there is no next. Objects may also stand in an array.
#[derive(Clone, Debug)]
pub struct HecEnvelopes<'a> {
    body: &'a [u8],
    at: usize,
    within_array: bool,
}

impl<'a> HecEnvelopes<'a> {
    /// The events of `body`.
    pub fn new(body: &'a [u8]) -> Self {
        let at = scan::skip_space(body, if body.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 });
        let within_array = body.get(at) == Some(&b'[');
        Self { body, at: at + usize::from(within_array), within_array }
    }

    fn envelope(&mut self) -> Result<HecEnvelope<'a>, HecFault> {
        let body = self.body;
        let (mut event, mut time_ns, mut fields) = (None, None, None);
        let (mut host, mut source, mut sourcetype, mut index) = (None, None, None, None);
        if body.get(self.at) != Some(&b'{') {
            return Err(HecFault::InvalidData);
        }
        let mut at = scan::skip_space(body, self.at + 1);
        let mut first = true;
        while first || body.get(at) != Some(&b'}') {
            if !first {
                if body.get(at) != Some(&b',') {
                    return Err(HecFault::InvalidData);
                }
                at = scan::skip_space(body, at + 1);
            } else if body.get(at) == Some(&b'}') {
                break;
            }
            first = false;
            let (key, value_at) = key(body, at).ok_or(HecFault::InvalidData)?;
            let (value, end) = value(body, value_at).ok_or(HecFault::InvalidData)?;
            match key {
                b"event" => event = Some(value),
                b"time" => time_ns = value.epoch_ns(),
                b"host" => host = value.text(),
                b"source" => source = value.text(),
                b"sourcetype" => sourcetype = value.text(),
                b"index" => index = value.text(),
                b"fields" => fields = Some(value),
                _ => {}
            }
            at = scan::skip_space(body, end);
        }
        self.at = at + 1;
        let event = match event {
            None | Some(Value::Other(b"null")) => return Err(HecFault::EventMissing),
            Some(Value::Text(JsonText { raw: [], .. })) => return Err(HecFault::EventBlank),
            Some(Value::Text(text)) => HecEvent::Text(text),
            Some(Value::Container(json) | Value::Other(json)) => HecEvent::Json(json),
        };
        let fields = match fields {
            None | Some(Value::Other(b"null")) => None,
            Some(Value::Container(json)) if json.first() == Some(&b'{') => Some(json),
            Some(_) => return Err(HecFault::FieldsInvalid),
        };
        Ok(HecEnvelope { event, time_ns, host, source, sourcetype, index, fields })
    }
}

impl<'a> Iterator for HecEnvelopes<'a> {
    type Item = Result<HecEnvelope<'a>, HecFault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.at = scan::skip_space(self.body, self.at);
        if self.within_array {
            match self.body.get(self.at) {
                Some(b',') => self.at = scan::skip_space(self.body, self.at + 1),
                Some(b']') => {
                    self.within_array = false;
                    self.at = scan::skip_space(self.body, self.at + 1);
                }
                _ => {}
            }
        }
        if self.at >= self.body.len() {
            return None;
        }
        let envelope = self.envelope();
        if envelope.is_err() {
            self.at = self.body.len();
        }
        Some(envelope)
    }
}

/// A JSON value, as far as a wrapper is interested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value<'a> {
    Text(JsonText<'a>),
    Container(&'a [u8]),
    Other(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(super) fn text(self) -> Option<JsonText<'a>> {
        match self {
            Value::Text(text) if !text.raw.is_empty() => Some(text),
            Value::Text(_) | Value::Container(_) => None,
            Value::Other(b"null") => None,
            Value::Other(raw) => Some(JsonText { raw, plain: true }),
        }
    }

    fn epoch_ns(self) -> Option<i64> {
        match self {
            Value::Text(text) => parse_epoch(text.raw),
            Value::Other(raw) => parse_epoch(raw),
            Value::Container(_) => None,
        }
        .map(|(time_ns, _)| time_ns)
    }
}

/// The key at `at`, as written, and where its value begins.
pub(super) fn key(text: &[u8], at: usize) -> Option<(&[u8], usize)> {
    if text.get(at) != Some(&b'"') {
        return None;
    }
    let (end, _) = scan::string_end(text, at + 1)?;
    let colon = scan::skip_space(text, end + 1);
    (text.get(colon) == Some(&b':')).then(|| (&text[at + 1..end], scan::skip_space(text, colon + 1)))
}

/// The value at `at`, and where it ends.
pub(super) fn value(text: &[u8], at: usize) -> Option<(Value<'_>, usize)> {
    match text.get(at)? {
        b'"' => {
            let (end, plain) = scan::string_end(text, at + 1)?;
            Some((Value::Text(JsonText { raw: &text[at + 1..end], plain }), end + 1))
        }
        b'{' | b'[' => {
            let end = scan::container_end(text, at)?;
            Some((Value::Container(&text[at..end]), end))
        }
        b't' | b'f' | b'n' => {
            let word = [&b"true"[..], b"false", b"null"].into_iter().find(|word| text[at..].starts_with(word))?;
            Some((Value::Other(&text[at..at + word.len()]), at + word.len()))
        }
        _ => {
            let end = scan::number_end(text, at)?;
            Some((Value::Other(&text[at..end]), end))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(body: &str) -> Vec<Result<String, HecFault>> {
        let text = |text: Option<JsonText>| text.map(|text| String::from_utf8_lossy(&text.text()).into_owned());
        HecEnvelopes::new(body.as_bytes())
            .map(|envelope| {
                let HecEnvelope { event, time_ns, host, source, sourcetype, index, fields } = envelope?;
                let event = match event {
                    HecEvent::Text(text) => format!("text {}", String::from_utf8_lossy(&text.text())),
                    HecEvent::Json(json) => format!("json {}", String::from_utf8_lossy(json)),
                };
                let rest = [
                    time_ns.map(|time_ns| time_ns.to_string()),
                    text(host),
                    text(source),
                    text(sourcetype),
                    text(index),
                    fields.map(|fields| String::from_utf8_lossy(fields).into_owned()),
                ];
                Ok(rest.into_iter().flatten().fold(event, |told, part| told + " | " + &part))
            })
            .collect()
    }

    #[track_caller]
    fn check(body: &str, expected: &[&str]) {
        let expected: Vec<Result<String, HecFault>> = expected.iter().map(|text| Ok((*text).to_owned())).collect();
        assert_eq!(told(body), expected, "{body}");
    }

    #[test]
    fn events_back_to_back_come_as_they_were_written() {
        check(
            "{\"event\":\"one\"}{\"event\": {\"a\" : [1, \"}\"]} }\r\n\n{\"event\":[1]}{\"event\":1.5}{\"event\":false}",
            &["text one", "json {\"a\" : [1, \"}\"]}", "json [1]", "json 1.5", "json false"],
        );
        check("[{\"event\":\"one\"}, {\"event\":\"two\"}]", &["text one", "text two"]);
        check("\u{feff} {\"event\":\"one\"}", &["text one"]);
        check("", &[]);
        check(" \n", &[]);
    }

    #[test]
    fn what_the_sender_says_of_an_event_stays_beside_it() {
        check(
            r#"{"time":1772445600.5,"host":"web1","source":"/var/log/a","sourcetype":"st","index":"main","fields":{"env":"prod"},"x":[{}],"event":"a \"b\"\n\u72fc"}"#,
            &["text a \"b\"\n\u{72fc} | 1772445600500000000 | web1 | /var/log/a | st | main | {\"env\":\"prod\"}"],
        );
        check(r#"{"time":"1772445600","event":"a","host":""}"#, &["text a | 1772445600000000000"]);
        check(r#"{"time":1772445600123,"event":"a","host":null,"fields":null}"#, &["text a | 1772445600123000000"]);
        check(r#"{"time":"yesterday","event":"a"}"#, &["text a"]);
    }

    #[test]
    fn the_first_fault_ends_a_body() {
        let fault = |body: &str| told(body).pop().expect("something");
        for body in [
            "x",
            "{\"event\":\"a\"} tail",
            "{\"event\":\"a\"",
            "{\"event\":\"a\",}",
            "{\"event\" \"a\"}",
            "{\"event\":{\"a\":1}",
            "{\"event\":nul}",
            "{\"event\":'a'}",
            "{,\"event\":1}",
            "[1]",
        ] {
            assert_eq!(fault(body), Err(HecFault::InvalidData), "{body}");
        }
        assert_eq!(fault("{}"), Err(HecFault::EventMissing));
        assert_eq!(fault("{\"event\":null}"), Err(HecFault::EventMissing));
        assert_eq!(fault("{\"event\":\"\"}"), Err(HecFault::EventBlank));
        assert_eq!(fault("{\"event\":\"a\",\"fields\":[1]}"), Err(HecFault::FieldsInvalid));
        assert_eq!(told("{\"event\":\"a\"}{\"host\":\"b\"}{\"event\":\"c\"}").len(), 2, "nothing after a fault");
    }

    proptest! {
        #[test]
        fn any_bytes_end(body in proptest::collection::vec(prop_oneof![Just(b'{'), Just(b'}'), Just(b'"'), Just(b':'), Just(b'['), Just(b'\\'), any::<u8>()], 0..120)) {
            let mut n = 0;
            for envelope in HecEnvelopes::new(&body) {
                n += 1;
                if let Ok(HecEnvelope { event: HecEvent::Text(text), .. }) = envelope {
                    let mut out = Vec::new();
                    text.append_to(&mut out);
                    prop_assert!(out.len() <= text.raw().len());
                    prop_assert_eq!(&text.text()[..], &out[..]);
                }
            }
            prop_assert!(n <= body.len());
        }
    }
}
