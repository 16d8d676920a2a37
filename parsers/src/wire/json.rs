//! JSON records (RFC 8259): every member kept as a field, by its dotted path.
//!
//! Strings without escapes are spans in place; arrays of scalars repeat their name, arrays of
//! objects repeat the flattened paths; an array within an array and an empty container are
//! kept as raw text. Nothing is lost: what breaks off keeps what was read.

pub(crate) mod dialect;
mod escape;
pub(crate) mod scan;
mod select;
mod walk;

pub use select::{Member, PATHS_MAX, Picked, Selector};

use crate::decode::Context;
use crate::defect::Defect;
use crate::event::EventWriter;
use dialect::Dialect;

/// Writes every member of the JSON object in `text`; `None` = it is no JSON object at all,
/// else whose document it is.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> Option<Dialect> {
    let first = scan::skip_space(text, 1);
    if text.first() != Some(&b'{') || !matches!(text.get(first), Some(b'"' | b'}')) {
        return None;
    }
    let dialect = Dialect::of(text);
    let end = walk::Walker::new(writer, context, text, dialect).walk();
    if end.is_none_or(|end| scan::skip_space(text, end) < text.len()) {
        writer.defect(Defect::JsonMalformed);
    }
    Some(dialect)
}

#[cfg(test)]
mod tests;
