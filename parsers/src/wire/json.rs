//! JSON records (RFC 8259): every member kept as a field, by its dotted path.
//!
//! Strings without escapes are spans in place; arrays of scalars repeat their name, arrays of
//! objects repeat the flattened paths; an array within an array and an empty container are
//! kept as raw text. Nothing is lost: what breaks off keeps what was read.

pub(crate) mod dialect;
pub(crate) mod escape;
mod learned;
pub(crate) mod scan;
mod select;
#[cfg(test)]
mod twin;
pub(crate) mod unwrap;
mod walk;

pub(crate) use learned::Learned;
pub use select::{Member, PATHS_MAX, Picked, Selector};

use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::EventWriter;
use dialect::Dialect;

/// Writes every member of the JSON object in `text`; `None` = it is no JSON object at all,
/// else whose document it is.
pub(crate) fn decode(writer: &mut EventWriter<'_>, context: &Context<'_>, text: &[u8]) -> Option<Dialect> {
    if !is_object(text) {
        return None;
    }
    // Events of Windows are long: the walk sees as well what a search for the members of others would.
    if Dialect::may_be_windows(text) {
        let before = writer.mark();
        let walked = walk::Walker::new(writer, context, text, Dialect::Windows).walk();
        if !walked.saw_event_type {
            close(writer, text, walked.end);
            return Some(Dialect::Windows);
        }
        writer.rewind(&before);
    }
    let dialect = Dialect::of(text);
    decode_as(writer, context, text, dialect);
    Some(dialect)
}

/// Whether a JSON object may begin here.
pub(crate) fn is_object(text: &[u8]) -> bool {
    text.first() == Some(&b'{') && matches!(text.get(scan::skip_space(text, 1)), Some(b'"' | b'}'))
}

/// Writes every member of the object in `text` as that of a document of `dialect`.
pub(crate) fn decode_as(writer: &mut EventWriter<'_>, context: &Context<'_>, text: &[u8], dialect: Dialect) {
    let walked = walk::Walker::new(writer, context, text, dialect).walk();
    close(writer, text, walked.end);
}

/// Writes the members of a document whose value at `inner` is written already.
pub(crate) fn decode_envelope(
    writer: &mut EventWriter<'_>,
    context: &Context<'_>,
    text: &[u8],
    inner: std::ops::Range<usize>,
) {
    let walked = walk::Walker::new(writer, context, text, Dialect::Envelope).without(inner).walk();
    close(writer, text, walked.end);
}

/// Writes the members of the JSON object that the value of `id` is, below that member's own name:
/// `Message` with `{"a":1}` gives `Message.a`. The first value only; `false` = it is no object.
pub(crate) fn decode_value(writer: &mut EventWriter<'_>, context: &Context<'_>, id: FieldId) -> bool {
    let Some(value) = writer.first(id).filter(|value| is_object(value)) else { return false };
    let mut text = context.scratch.take();
    text.clear();
    text.extend_from_slice(value);
    // Not `Generic`: the names are the vendor's, and below a name of the vendor's.
    let walked = walk::Walker::new(writer, context, &text, Dialect::Suricata)
        .under(context.dictionary.name(id).as_bytes())
        .walk();
    close(writer, &text, walked.end);
    context.scratch.set(text);
    true
}

fn close(writer: &mut EventWriter<'_>, text: &[u8], end: Option<usize>) {
    // A file that is one array, an object a line, leaves the comma behind each.
    let last = |end: usize| matches!(text[end..].trim_ascii(), b"" | b"," | b"]");
    if !end.is_some_and(last) {
        writer.defect(Defect::JsonMalformed);
    }
}

#[cfg(test)]
mod tests;
