//! Records that carry several events: where each of them lies.
//!
//! Cloud services deliver batches: a CloudTrail file or an S3 notification is `{"Records":[…]}`, Azure's
//! diagnostic logs are `{"records":[…]}`, a CloudWatch subscription is `{"logEvents":[…]}`, an export is one array,
//! and a collector that speaks Splunk's HEC is sent objects back to back. Each element is an event of its own,
//! found by brackets alone and never copied; how it is decoded is its own matter.
//!
//! What is one event is told apart by its first key, its last bytes, or one search for `}{`, so that the
//! records of other products pay next to nothing.

use std::ops::Range;

use memchr::memmem;

use crate::defect::Defect;
use crate::wire::json::scan;

/// Most events of one record. CloudTrail closes a file at 50 MB, and its smallest events have
/// some 600 bytes. What comes after is kept whole as one record with [`Defect::SplitCapped`].
pub const ELEMENTS_MAX: u32 = 100_000;

/// Most bytes of a record that is read whole to be split: a CloudTrail file with room to spare. A longer one is
/// read in parts, like any record over its input's limit.
pub const DOCUMENT_BYTES_MAX: usize = 64 << 20;

/// Members of a wrapper looked at for the one that holds the events. CloudWatch's comes sixth.
const MEMBERS_MAX: usize = 16;

/// One event of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Element {
    /// Where it lies in the record.
    pub range: Range<usize>,
    /// Which one, from 0.
    pub index: u32,
    /// Set on what lies beyond [`ELEMENTS_MAX`].
    pub defect: Option<Defect>,
}

/// The events of a record, in their order. Whatever does not end as an element should is the last
/// one, whole.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    record: &'a [u8],
    at: usize,
    index: u32,
    /// Elements of an array, with commas between; else objects back to back.
    array: bool,
    max: u32,
}

/// The events of `record`; `None` = it is one event itself.
#[inline]
pub fn elements(record: &[u8]) -> Option<Elements<'_>> {
    elements_up_to(record, ELEMENTS_MAX)
}

fn elements_up_to(record: &[u8], max: u32) -> Option<Elements<'_>> {
    let at = begin(record);
    let (at, array) = match record.get(at)? {
        b'{' => match wrapped(record, at) {
            Some(at) => (at, true),
            None => (back_to_back(record, at)?, false),
        },
        b'[' => (array_of_objects(record, at).filter(|_| ends_with_container(record, at))?, true),
        b'<' => (behind_header(record, at)?, true),
        _ => return None,
    };
    Some(Elements { record, at, index: 0, array, max })
}

/// How far a syslog header and its tag reach. RFC 5424 has no bound; a header of a relay takes under 300 bytes.
const HEADER_BYTES_MAX: usize = 512;

/// Where the elements begin of a wrapper that a relay put behind a syslog header. The last bytes tell first, so that a
/// record of text pays for two comparisons.
fn behind_header(record: &[u8], at: usize) -> Option<usize> {
    let tail = record.trim_ascii_end().strip_suffix(b"}")?.trim_ascii_end();
    if tail.last() != Some(&b']') {
        return None;
    }
    let head = &record[at..record.len().min(at + HEADER_BYTES_MAX)];
    let object = at + memchr::memchr(b'{', head)?;
    let (key, value) = first_key(record, object)?;
    if is_events_key(key) { array_of_objects(record, value) } else { None }
}

/// Whether a record that begins so may hold several events, whatever follows: a record over the limit
/// of its input is then read whole.
pub fn may_hold_several(head: &[u8]) -> bool {
    let at = begin(head);
    match head.get(at) {
        Some(b'[') => array_of_objects(head, at).is_some(),
        Some(b'{') => first_key(head, at).is_some_and(|(key, _)| {
            is_events_key(key) || matches!(key, b"messageType" | b"logEvents") || key.starts_with(b"@odata.")
        }),
        _ => false,
    }
}

/// Behind a byte order mark and white space.
fn begin(record: &[u8]) -> usize {
    scan::skip_space(record, if record.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 })
}

/// Keys that wrap events wherever such a wrapper comes from.
fn is_events_key(key: &[u8]) -> bool {
    matches!(key, b"Records" | b"records" | b"Events")
}

/// The key at the begin of the object at `at`, and where its value begins.
fn first_key(text: &[u8], at: usize) -> Option<(&[u8], usize)> {
    key_at(text, scan::skip_space(text, at + 1))
}

fn key_at(text: &[u8], at: usize) -> Option<(&[u8], usize)> {
    if text.get(at) != Some(&b'"') {
        return None;
    }
    let (end, _) = scan::string_end(text, at + 1)?;
    let colon = scan::skip_space(text, end + 1);
    (text.get(colon) == Some(&b':')).then(|| (&text[at + 1..end], scan::skip_space(text, colon + 1)))
}

/// Where the elements begin of an array at `at` whose first element is an object.
fn array_of_objects(text: &[u8], at: usize) -> Option<usize> {
    if text.get(at) != Some(&b'[') {
        return None;
    }
    let inside = scan::skip_space(text, at + 1);
    (text.get(inside) == Some(&b'{')).then_some(inside)
}

/// Nothing but white space comes behind the array; one that never ends is taken too, for its whole elements.
fn ends_with_container(text: &[u8], at: usize) -> bool {
    scan::container_end(text, at).is_none_or(|end| scan::skip_space(text, end) == text.len())
}

/// Where the events of a wrapper begin.
fn wrapped(record: &[u8], at: usize) -> Option<usize> {
    let (key, value) = first_key(record, at)?;
    if is_events_key(key) {
        return array_of_objects(record, value);
    }
    // The array stands last behind what the wrapper says of itself.
    let tail = record.trim_ascii_end().strip_suffix(b"}")?.trim_ascii_end();
    if tail.last() != Some(&b']') {
        return None;
    }
    let odata = key.starts_with(b"@odata.");
    let (mut key, mut value) = (key, value);
    for _ in 0..MEMBERS_MAX {
        if is_events_key(key) || key == b"logEvents" || (odata && key == b"value") {
            return array_of_objects(record, value);
        }
        let end = match record.get(value)? {
            b'"' => scan::string_end(record, value + 1)?.0 + 1,
            // An object beside the array: an event with a list in it, not a wrapper.
            b'{' => return None,
            b'[' => scan::container_end(record, value)?,
            _ => value + memchr::memchr2(b',', b'}', &record[value..])?,
        };
        let comma = scan::skip_space(record, end);
        if record.get(comma) != Some(&b',') {
            return None;
        }
        (key, value) = key_at(record, scan::skip_space(record, comma + 1))?;
    }
    None
}

/// Whether another object comes behind the one at `at`.
fn back_to_back(record: &[u8], at: usize) -> Option<usize> {
    memmem::find(record, b"}{")?;
    let end = scan::container_end(record, at)?;
    (record.get(end) == Some(&b'{')).then_some(at)
}

impl Elements<'_> {
    fn rest(&mut self, defect: Option<Defect>) -> Option<Element> {
        let range = self.at..self.record.trim_ascii_end().len().max(self.at);
        self.at = self.record.len();
        let element = Element { range, index: self.index, defect };
        (!element.range.is_empty()).then_some(element)
    }
}

impl Iterator for Elements<'_> {
    type Item = Element;

    fn next(&mut self) -> Option<Element> {
        let record = self.record;
        let first = *record.get(self.at)?;
        if self.index == self.max {
            return self.rest(Some(Defect::SplitCapped));
        }
        let end = match first {
            b'{' | b'[' => scan::container_end(record, self.at),
            b'"' => scan::string_end(record, self.at + 1).map(|(end, _)| end + 1),
            _ if self.array => memchr::memchr3(b',', b']', b'\n', &record[self.at..])
                .map(|len| self.at + len)
                .filter(|&end| end > self.at),
            _ => None,
        };
        let Some(end) = end else { return self.rest(None) };
        let element = Element { range: self.at..end, index: self.index, defect: None };
        self.index += 1;
        self.at = scan::skip_space(record, end);
        if self.array {
            match record.get(self.at) {
                Some(b',') => self.at = scan::skip_space(record, self.at + 1),
                // The array ends; what the wrapper says behind it is its own.
                Some(b']') => self.at = record.len(),
                // Broken: the rest is told whole.
                _ => {}
            }
        }
        Some(element)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(record: &str, expected: &[&str]) {
        let found: Vec<String> = elements(record.as_bytes()).map_or_else(Vec::new, |elements| {
            elements
                .enumerate()
                .map(|(at, element)| {
                    assert_eq!(element.index as usize, at);
                    String::from_utf8_lossy(&record.as_bytes()[element.range]).into_owned()
                })
                .collect()
        });
        assert_eq!(found, expected, "{record}");
    }

    #[test]
    fn wrappers_give_their_elements_byte_for_byte() {
        check(r#"{"Records":[{"a":1}, {"b":"]}"}]}"#, &[r#"{"a":1}"#, r#"{"b":"]}"}"#]);
        check("{\n  \"records\" : [\n    {\"a\": 1},\n    { }\n  ]\n}\n", &["{\"a\": 1}", "{ }"]);
        check(r#"{"Events":[{"a":[{"b":2}]}],"NextToken":"x"}"#, &[r#"{"a":[{"b":2}]}"#]);
        check(
            r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","message":"m"},{"id":"2"}]}"#,
            &[r#"{"id":"1","message":"m"}"#, r#"{"id":"2"}"#],
        );
        check(
            r#"{"@odata.context":"u","@odata.count":2,"value":[{"id":1},{"id":2}]}"#,
            &[r#"{"id":1}"#, r#"{"id":2}"#],
        );
        check("\u{feff}[{\"a\":1},{\"a\":2}]\n", &[r#"{"a":1}"#, r#"{"a":2}"#]);
        check(
            r#"{"event":"a}{","time":1}{"event":{"b":2}} {"event":3}"#,
            &[r#"{"event":"a}{","time":1}"#, r#"{"event":{"b":2}}"#, r#"{"event":3}"#],
        );
    }

    #[test]
    fn one_event_stays_one() {
        for record in [
            "",
            "{}",
            "[]",
            "[1,2]",
            "[ERROR] x",
            "[{\"a\":1}] started",
            r#"{"a":"}{"}"#,
            r#"{"Records":[]}"#,
            r#"{"Records":"none"}"#,
            r#"{"records":[1,2]}"#,
            r#"{"actor":{"id":1},"records":[{"x":1}]}"#,
            r#"{"event":"x","parameters":[{"name":"a"}]}"#,
            r#"{"value":[{"id":1}]}"#,
        ] {
            check(record, &[]);
        }
    }

    #[test]
    fn a_broken_batch_gives_its_whole_elements_and_the_rest() {
        check(r#"{"Records":[{"a":1},{"b":2"#, &[r#"{"a":1}"#, r#"{"b":2"#]);
        check(r#"{"Records":[{"a":1} {"b":2}]}"#, &[r#"{"a":1}"#, r#"{"b":2}"#]);
        check(r#"[{"a":1},7,"x",null,[2]]"#, &[r#"{"a":1}"#, "7", r#""x""#, "null", "[2]"]);
        check(r#"{"a":1}{"b":2}tail "#, &[r#"{"a":1}"#, r#"{"b":2}"#, "tail"]);
        check(r#"[{"a":1},]"#, &[r#"{"a":1}"#, "]"]);
    }

    #[test]
    fn beyond_the_bound_the_rest_is_one_record() {
        let record = br#"[{"a":1},{"a":2},{"a":3}]"#;
        let found: Vec<_> = elements_up_to(record, 2).expect("an array").collect();
        assert_eq!(found.len(), 3);
        assert_eq!(&record[found[2].range.clone()], br#"{"a":3}]"#);
        assert_eq!(found[2].defect, Some(Defect::SplitCapped));
        assert!(found[..2].iter().all(|element| element.defect.is_none()));
    }

    #[test]
    fn elements_never_overlap_and_stay_in_order_whatever_the_bytes() {
        let text = br#"{"Records":[{"a":[1,{"b":"x\"]"}]},{"c":null}, [ ] ,"s",{"d":{}}],"n":1}{"e":2}"#;
        for cut in 0..text.len() {
            for flip in [0u8, 1, 0x20, 0x80] {
                let mut record = text.to_vec();
                record[cut] ^= flip;
                for record in [&record[..], &record[cut..], &record[..cut]] {
                    let mut before = 0;
                    for element in elements(record).into_iter().flatten() {
                        assert!(element.range.start >= before && element.range.end <= record.len());
                        assert!(!element.range.is_empty());
                        before = element.range.end;
                    }
                }
            }
        }
    }

    #[test]
    fn a_wrapper_behind_a_relay_s_header_is_opened() {
        let found = |record: &str| -> Vec<String> {
            elements(record.as_bytes()).into_iter().flatten().map(|one| record[one.range].to_owned()).collect()
        };
        let record = r#"<13>Mar  1 08:09:10 relay aws: {"Records":[{"a":1},{"b":[2]}]}"#;
        assert_eq!(found(record), [r#"{"a":1}"#, r#"{"b":[2]}"#]);
        for one in [
            r#"<13>Mar  1 08:09:10 relay aws: {"Recorded":[{"a":1},{"b":[2]}]}"#,
            r#"<13>Mar  1 08:09:10 relay aws: {"Records":[1,2]}"#,
            r#"<13>Mar  1 08:09:10 relay aws: {"Records":[{"a":1}]} and more"#,
            "<13>Mar  1 08:09:10 relay text]}",
        ] {
            assert!(elements(one.as_bytes()).is_none(), "{one}");
        }
        let far = format!("<13>{}{{\"Records\":[{{\"a\":1}}]}}", "x".repeat(HEADER_BYTES_MAX));
        assert!(elements(far.as_bytes()).is_none());
    }

    #[test]
    fn heads_tell_what_may_hold_several() {
        for head in ["{\"Records\":[{", "[\n {\"a\"", "{\"messageType\":\"DATA_MESSAGE\"", "\u{feff}{ \"records\" :"] {
            assert!(may_hold_several(head.as_bytes()), "{head}");
        }
        for head in ["", "{", "[1,2", "{\"timestamp\":1", "xxxx", "{\"records"] {
            assert!(!may_hold_several(head.as_bytes()), "{head}");
        }
    }
}
