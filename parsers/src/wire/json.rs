//! JSON records: every member kept as a field, by its dotted path.

use crate::decode::Context;
use crate::event::EventWriter;

/// Writes every member of the JSON object in `text`; `false` = it is no JSON object at all.
pub(crate) fn decode<'a>(_writer: &mut EventWriter<'a>, _context: &Context<'_>, _text: &'a [u8]) -> bool {
    false
}

/// Time and common names of a JSON record of no known product.
pub(crate) fn normalise_generic(_writer: &mut EventWriter<'_>, _context: &Context<'_>) {}
