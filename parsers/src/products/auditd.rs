use crate::decode::Context;
use crate::event::EventWriter;
use crate::wire::syslog::Header;

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(_writer: &mut EventWriter<'a>, _context: &Context<'_>, _header: &Header<'a>) -> bool {
    false
}
