//! Cutting texts at literals and words, and writing the ends and users that they name.

use super::fields::relate_span;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::number::parse_u64;
use crate::scan;

/// What stands before the first `by`, and after it.
pub(crate) fn split<'a>(text: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = scan::find(text, by)?;
    Some((&text[..at], &text[at + by.len()..]))
}

/// What stands before the last `by`, and after it.
pub(crate) fn split_last<'a>(text: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = scan::find_last(text, by)?;
    Some((&text[..at], &text[at + by.len()..]))
}

/// What stands between the first `open` and the next `close` after it.
pub(crate) fn between<'a>(text: &'a [u8], open: &[u8], close: &[u8]) -> Option<&'a [u8]> {
    let (_, rest) = split(text, open)?;
    Some(split(rest, close)?.0)
}

/// The bytes before the next space, and those after the spaces that follow.
pub(crate) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = scan::until(text, b' ');
    (&text[..end], text[end..].trim_ascii_start())
}

/// Writes a value that is not empty under the vendor's name.
pub(crate) fn put_vendor(writer: &mut EventWriter<'_>, id: FieldId, value: &[u8]) {
    if !value.is_empty() {
        writer.put_vendor(id, value);
    }
}

/// Writes a value under the vendor's name as a number where it is one, else as text.
pub(crate) fn put_number(writer: &mut EventWriter<'_>, id: FieldId, value: &[u8]) {
    if !value.is_empty() {
        let kind = if parse_u64(value).is_some() { Kind::Number } else { Kind::Text };
        writer.put_as(id, value, kind, true);
    }
}

/// Writes a user's name and adds it to the users related.
pub(crate) fn put_user(writer: &mut EventWriter<'_>, id: FieldId, name: &[u8]) {
    if !name.is_empty() {
        let span = writer.span_of(name);
        writer.put_span(id, span, Kind::Text, false);
        relate_span(writer, span, ecs::RELATED_USER);
    }
}

/// The names of one end of a connection.
#[derive(Clone, Copy)]
pub(crate) struct End {
    /// As the record wrote it.
    pub(crate) address: FieldId,
    /// Where it is an address.
    pub(crate) ip: FieldId,
    /// Where it is a name.
    pub(crate) domain: FieldId,
    /// Its port.
    pub(crate) port: FieldId,
}

pub(crate) const SOURCE: End =
    End { address: ecs::SOURCE_ADDRESS, ip: ecs::SOURCE_IP, domain: ecs::SOURCE_DOMAIN, port: ecs::SOURCE_PORT };

pub(crate) const CLIENT: End =
    End { address: ecs::CLIENT_ADDRESS, ip: ecs::CLIENT_IP, domain: ecs::CLIENT_DOMAIN, port: ecs::CLIENT_PORT };

pub(crate) const SERVER: End =
    End { address: ecs::SERVER_ADDRESS, ip: ecs::SERVER_IP, domain: ecs::SERVER_DOMAIN, port: ecs::SERVER_PORT };

/// Writes an end that the record names by address or by name, and adds it to the addresses or hosts related.
pub(crate) fn put_end(writer: &mut EventWriter<'_>, end: End, peer: &[u8]) {
    if peer.is_empty() {
        return;
    }
    let span = writer.span_of(peer);
    writer.put_span(end.address, span, Kind::Text, false);
    match crate::ip::parse(peer) {
        Some(ip) => {
            let span = writer.put_addr(end.ip, ip, peer);
            relate_span(writer, span, ecs::RELATED_IP);
        }
        None => {
            writer.put_span(end.domain, span, Kind::Text, false);
            relate_span(writer, span, ecs::RELATED_HOSTS);
        }
    }
}

/// As [`put_end`] with a port behind it.
pub(crate) fn put_end_port(writer: &mut EventWriter<'_>, end: End, peer: &[u8], port: &[u8]) {
    put_end(writer, end, peer);
    if !port.is_empty() {
        writer.put_port(end.port, port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts() {
        assert_eq!(split(b"a: b: c", b": "), Some((&b"a"[..], &b"b: c"[..])));
        assert_eq!(split_last(b"a: b: c", b": "), Some((&b"a: b"[..], &b"c"[..])));
        assert_eq!(split(b"abc", b": "), None);
        assert_eq!(between(b"x [1] [2]", b"[", b"]"), Some(&b"1"[..]));
        assert_eq!(between(b"x [1", b"[", b"]"), None);
        assert_eq!(word(b"one  two three"), (&b"one"[..], &b"two three"[..]));
        assert_eq!(word(b""), (&b""[..], &b""[..]));
    }
}
