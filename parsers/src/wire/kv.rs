//! key=value records with the vendors' quoting dialects.

use crate::decode::Context;
use crate::event::EventWriter;

/// Writes the pairs of `text`; returns how many there were.
pub(crate) fn decode<'a>(_writer: &mut EventWriter<'a>, _context: &Context<'_>, _text: &'a [u8]) -> usize {
    0
}
