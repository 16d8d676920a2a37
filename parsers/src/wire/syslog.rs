//! Syslog headers: RFC 5424, RFC 3164 and what devices send in their stead.

use crate::decode::Context;
use crate::event::EventWriter;

/// The header of a record, as spans of it. A part that is absent is empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Header<'a> {
    /// HOSTNAME.
    pub hostname: &'a [u8],
    /// APP-NAME, or the TAG of RFC 3164 without brackets and colon.
    pub appname: &'a [u8],
    /// PROCID, or the number in the brackets of an RFC 3164 tag.
    pub procid: &'a [u8],
    /// MSGID.
    pub msgid: &'a [u8],
    /// What follows the header.
    pub message: &'a [u8],
    /// Whether there was any header: priority, stamp or both.
    pub present: bool,
}

/// Reads the header, writes its fields and the event time, and returns what is left.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>) -> Header<'a> {
    Header { message: writer.record(), ..Header::default() }
}
