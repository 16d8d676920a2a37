//! A product's document within another's: what forwarders and event buses put around a record.
//!
//! EventBridge puts it in `detail`, Splunk's collector in `event`, Kinesis and Event Hubs in `Records` and
//! `records`, Filebeat and syslog relays as text in `message`. The wrapped document is read as if it stood
//! alone; the envelope's own members follow it. Of an array the first element is taken: splitting
//! arrays into records is done before decoding; others that follow, of a batch within a string, are a
//! [`Defect::SplitCapped`].

use std::ops::Range;

use super::{decode_envelope, escape, is_object, scan};
use crate::decode::Context;
use crate::defect::Defect;
use crate::event::EventWriter;

/// Members that hold another's document, in the order in which they are tried.
const WRAPPERS: &[&str] = &[
    "o365audit",
    "detail",
    "Records",
    "records",
    "data",
    "event",
    "result",
    "_source",
    "original",
    "message",
    "Message",
    "logEvents",
    "log",
    "body",
    "payload",
    "Payload",
    "_raw",
    "raw",
    "msg",
];

/// Documents tried of one record. Each costs a walk; two envelopes around a document are seen, four are not.
const TRIES_MAX: usize = 6;

/// Envelopes around envelopes that are opened.
const DEPTH_MAX: usize = 3;

/// A member of an object that holds a document.
struct Wrapped {
    /// The object, or the string's content.
    range: Range<usize>,
    string: bool,
    /// Whether others follow it in an array: splitting tells them apart, what is within a string it doesn't see.
    more: bool,
}

/// Reads a document and says whether a product knew it; `None` = it is no object.
type Read = fn(&mut EventWriter<'_>, &Context<'_>, &[u8]) -> Option<bool>;

/// Whether any member of the object may hold a document.
pub(crate) fn has_wrapped(text: &[u8]) -> bool {
    let mut found = [const { None }; WRAPPERS.len()];
    let _ = find(text, &mut found);
    found.iter().any(Option::is_some)
}

/// Looks for a document that a product knows within `text`, writes it, and the envelope behind it.
/// `false` = there is none; what was written is to be rewound.
pub(crate) fn unwrap(writer: &mut EventWriter<'_>, context: &Context<'_>, text: &[u8], read: Read) -> bool {
    let mut tries = 0;
    let Some(range) = within(writer, context, text, read, 1, &mut tries) else { return false };
    decode_envelope(writer, context, text, range);
    crate::products::generic::put_envelope(writer);
    true
}

/// Where in `text` the document lies that was read.
fn within(
    writer: &mut EventWriter<'_>,
    context: &Context<'_>,
    text: &[u8],
    read: Read,
    depth: usize,
    tries: &mut usize,
) -> Option<Range<usize>> {
    let mut found = [const { None }; WRAPPERS.len()];
    let _ = find(text, &mut found);
    for Wrapped { range, string, more } in found.into_iter().flatten() {
        if *tries == TRIES_MAX {
            return None;
        }
        *tries += 1;
        let raw = text.get(range.clone())?;
        if string {
            let mut unescaped = context.scratch.take();
            unescaped.clear();
            escape::unescape(raw, |bytes| unescaped.extend_from_slice(bytes));
            let object = unescaped.trim_ascii();
            let known = is_known(writer, context, object, read)
                || depth < DEPTH_MAX && within(writer, context, object, read, depth + 1, tries).is_some();
            context.scratch.set(unescaped);
            if known {
                // The quotes with it: a value is left out whole.
                return Some(range.start - 1..range.end + 1);
            }
            continue;
        }
        if is_known(writer, context, raw, read) {
            if more {
                writer.defect(Defect::SplitCapped);
            }
            return Some(range);
        }
        if depth < DEPTH_MAX {
            if let Some(inner) = within(writer, context, raw, read, depth + 1, tries) {
                if more {
                    writer.defect(Defect::SplitCapped);
                }
                return Some(range.start + inner.start..range.start + inner.end);
            }
        }
    }
    None
}

fn is_known(writer: &mut EventWriter<'_>, context: &Context<'_>, text: &[u8], read: Read) -> bool {
    let before = writer.mark();
    if read(writer, context, text) == Some(true) {
        return true;
    }
    writer.rewind(&before);
    false
}

/// Notes the members of the object in `text` that hold documents. `None` = it breaks off; what was found stays.
fn find(text: &[u8], found: &mut [Option<Wrapped>; WRAPPERS.len()]) -> Option<()> {
    if !is_object(text) {
        return None;
    }
    let mut at = scan::skip_space(text, 1);
    while *text.get(at)? == b'"' {
        let (end, _) = scan::string_end(text, at + 1)?;
        let key = &text[at + 1..end];
        at = scan::skip_space(text, end + 1);
        if *text.get(at)? != b':' {
            return None;
        }
        at = scan::skip_space(text, at + 1);
        let from = at;
        let (wrapped, end) = match *text.get(at)? {
            b'"' => {
                let (end, _) = scan::string_end(text, at + 1)?;
                let document = text[at + 1..end].trim_ascii_start().starts_with(b"{");
                (document.then_some(Wrapped { range: at + 1..end, string: true, more: false }), end + 1)
            }
            b'{' => {
                let end = scan::container_end(text, at)?;
                (Some(Wrapped { range: from..end, string: false, more: false }), end)
            }
            b'[' => {
                let end = scan::container_end(text, at)?;
                let first = scan::skip_space(text, at + 1);
                let element = if text.get(first) == Some(&b'{') { scan::container_end(text, first) } else { None };
                let more = |end| text.get(scan::skip_space(text, end)) == Some(&b',');
                (element.map(|end| Wrapped { range: first..end, string: false, more: more(end) }), end)
            }
            _ => (None, at + text[at..].iter().position(|byte| matches!(byte, b',' | b'}'))?),
        };
        if let Some(number) = WRAPPERS.iter().position(|name| name.as_bytes() == key) {
            if found[number].is_none() {
                found[number] = wrapped;
            }
        }
        at = scan::skip_space(text, end);
        if *text.get(at)? != b',' {
            return Some(());
        }
        at = scan::skip_space(text, at + 1);
    }
    Some(())
}
