//! key=value records with the vendors' quoting dialects.

use crate::decode::Context;
use crate::event::EventWriter;

/// Writes the pairs of `text`; returns how many there were.
pub(crate) fn decode<'a>(_writer: &mut EventWriter<'a>, _context: &Context<'_>, _text: &'a [u8]) -> usize {
    0
}

/// Time and common names of a key=value record of no known product.
pub(crate) fn normalise_generic(_writer: &mut EventWriter<'_>, _context: &Context<'_>) {}
