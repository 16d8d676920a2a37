//! Ends of connections as the ASA writes them.

use crate::dictionary::same;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};
use crate::products::fields::relate_span;
use crate::scan::until;

/// Which end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Source,
    Destination,
}

/// `interface:address/port (mapped-address/mapped-port)(user)`; absent parts are empty.
#[derive(Clone, Copy, Default)]
pub(super) struct Endpoint<'t> {
    interface: &'t [u8],
    address: &'t [u8],
    port: &'t [u8],
    nat_address: &'t [u8],
    nat_port: &'t [u8],
    identity: &'t [u8],
}

/// The bytes that end the word of an endpoint.
static ENDS: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < ENDING.len() {
        table[ENDING[at] as usize] = true;
        at += 1;
    }
    table
};

const ENDING: &[u8] = b" (,;)";

#[inline]
pub(super) fn word_end(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += until_below_dash_or_semicolon(&text[at..]);
        match text.get(at) {
            Some(&byte) if !ENDS[usize::from(byte)] => at += 1,
            _ => return at,
        }
    }
}

/// How many bytes stand before the first that may end a word: below `-`, or a semicolon.
#[inline]
fn until_below_dash_or_semicolon(text: &[u8]) -> usize {
    const LOW: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let mut at = 0;
    while let Some(chunk) = text[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let semicolon = word ^ (LOW * 0x3B);
        // The lowest byte found is exact, and it is the one asked for.
        let hits = ((word.wrapping_sub(LOW * 0x2D) & !word) | (semicolon.wrapping_sub(LOW) & !semicolon)) & HIGH;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + text[at..].iter().take_while(|&&byte| byte >= b'-' && byte != b';').count()
}

/// The bytes in the parentheses at the start, and what follows.
fn parenthesised(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"(")?;
    let end = until(inner, b')');
    Some((&inner[..end], inner.get(end + 1..)?))
}

fn address_and_port(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().rposition(|&byte| byte == b'/') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, b""),
    }
}

/// Reads an endpoint at the start of `text` into `endpoint`; returns what follows.
pub(super) fn take<'t>(text: &'t [u8], endpoint: &mut Endpoint<'t>) -> Option<&'t [u8]> {
    let len = word_end(text);
    if len == 0 {
        return None;
    }
    let word = &text[..len];
    let mut rest = &text[len..];
    // A text's full stop or colon, not part of the address.
    let (word, rest_at) = match word {
        [inner @ .., b'.' | b':'] if rest.is_empty() || word.ends_with(b":") => (inner, len - 1),
        _ => (word, len),
    };
    if rest_at != len {
        rest = &text[rest_at..];
    }
    *endpoint = Endpoint::default();
    let (host, port) = address_and_port(word);
    endpoint.port = port;
    let colon = until(host, b':');
    // IPv6 has colons of its own: an interface is what stands before an address.
    let bare_v6 = colon < host.len()
        && until(&host[colon + 1..], b':') < host.len() - colon - 1
        && crate::ip::parse(host).is_some();
    if colon < host.len() && !bare_v6 {
        (endpoint.interface, endpoint.address) = (&host[..colon], &host[colon + 1..]);
    } else {
        endpoint.address = host;
    }
    if let Some((identity, after)) = parenthesised(rest) {
        endpoint.identity = identity;
        rest = after;
    }
    if let Some((mapped, after)) = rest.strip_prefix(b" ").and_then(parenthesised) {
        // `(type 3, code 1)` and the closing user's `(name)` are no mapped address.
        let (address, port) = address_and_port(mapped);
        if until(mapped, b' ') == mapped.len() && (!port.is_empty() || crate::ip::parse(address).is_some()) {
            (endpoint.nat_address, endpoint.nat_port) = (address, port);
            rest = after;
            if let Some((identity, after)) = parenthesised(rest) {
                endpoint.identity = identity;
                rest = after;
            }
        }
    }
    Some(rest)
}

/// `interface/address(port)(identity)`.
pub(super) fn take_acl<'t>(text: &'t [u8], endpoint: &mut Endpoint<'t>) -> Option<&'t [u8]> {
    let len = word_end(text);
    let word = &text[..len];
    let slash = word.iter().position(|&byte| byte == b'/')?;
    *endpoint = Endpoint { interface: &word[..slash], address: &word[slash + 1..], ..Endpoint::default() };
    let mut rest = &text[len..];
    if let Some((port, after)) = parenthesised(rest) {
        endpoint.port = port;
        rest = after;
    }
    if let Some((identity, after)) = parenthesised(rest) {
        endpoint.identity = identity;
        rest = after;
    }
    Some(rest)
}

/// `address:port`.
pub(super) fn take_colon<'t>(text: &'t [u8], endpoint: &mut Endpoint<'t>) -> Option<&'t [u8]> {
    let len = word_end(text);
    let at = text[..len].iter().rposition(|&byte| byte == b':')?;
    *endpoint = Endpoint { address: &text[..at], port: &text[at + 1..len], ..Endpoint::default() };
    Some(&text[len..])
}

impl Endpoint<'_> {
    /// Writes the interface and the user alone.
    pub(super) fn write_outer(&self, writer: &mut EventWriter<'_>, side: Side) {
        Endpoint { interface: self.interface, identity: self.identity, ..Endpoint::default() }.write(writer, side);
    }

    pub(super) fn write(&self, writer: &mut EventWriter<'_>, side: Side) {
        if !self.interface.is_empty() {
            let id = match side {
                Side::Source => ecs::OBSERVER_INGRESS_INTERFACE_NAME,
                Side::Destination => ecs::OBSERVER_EGRESS_INTERFACE_NAME,
            };
            writer.put(id, self.interface);
        }
        put_address(writer, side, self.address);
        if self.port.first().is_some_and(u8::is_ascii_digit) {
            let id = match side {
                Side::Source => ecs::SOURCE_PORT,
                Side::Destination => ecs::DESTINATION_PORT,
            };
            // Five digits at most are a port; the guide's samples exceed 65535, and so do some texts.
            if !writer.put_port(id, self.port) && self.port.iter().all(u8::is_ascii_digit) {
                writer.put(id, self.port);
            }
        } else if !self.port.is_empty() {
            writer.put(ecs::NETWORK_PROTOCOL, self.port);
        }
        if !self.nat_address.is_empty() {
            let nat_address = if self.nat_address == self.address { &b""[..] } else { self.nat_address };
            let nat_port = if self.nat_port == self.port { &b""[..] } else { self.nat_port };
            put_nat(writer, side, nat_address, nat_port);
        }
        if !self.identity.is_empty() && self.identity.contains(&b'\\') {
            // `LOCAL\name, 16:security-group`
            let user =
                self.identity.split(|&byte| byte == b',').find(|part| part.contains(&b'\\')).unwrap_or(self.identity);
            put_user(writer, side, user.trim_ascii());
        }
    }
}

/// Writes the mapped address where it differs from the real one.
pub(super) fn put_nat(writer: &mut EventWriter<'_>, side: Side, address: &[u8], port: &[u8]) {
    let (ip_id, port_id) = match side {
        Side::Source => (ecs::SOURCE_NAT_IP, ecs::SOURCE_NAT_PORT),
        Side::Destination => (ecs::DESTINATION_NAT_IP, ecs::DESTINATION_NAT_PORT),
    };
    if !address.is_empty() {
        if let Some(ip) = crate::ip::parse(address) {
            let span = writer.put_addr(ip_id, ip, address);
            put_related_ip(writer, span);
        }
    }
    if !port.is_empty() {
        writer.put_port(port_id, port);
    }
}

/// An address, or the name that the ASA's `names` command put in its place.
pub(super) fn put_address(writer: &mut EventWriter<'_>, side: Side, value: &[u8]) {
    if value.is_empty() {
        return;
    }
    let (ip_id, address_id, domain_id) = match side {
        Side::Source => (ecs::SOURCE_IP, ecs::SOURCE_ADDRESS, ecs::SOURCE_DOMAIN),
        Side::Destination => (ecs::DESTINATION_IP, ecs::DESTINATION_ADDRESS, ecs::DESTINATION_DOMAIN),
    };
    match crate::ip::parse(value) {
        Some(ip) => {
            let span = writer.put_addr(ip_id, ip, value);
            writer.put_span(address_id, span, Kind::Text, false);
            put_related_ip(writer, span);
        }
        None => {
            let span = writer.span_of(value);
            writer.put_span(address_id, span, Kind::Text, false);
            writer.put_span(domain_id, span, Kind::Text, false);
            relate_span(writer, span, ecs::RELATED_HOSTS);
        }
    }
}

pub(super) fn put_related_ip(writer: &mut EventWriter<'_>, span: Span) {
    let value = writer.bytes(span);
    if !writer.view().values(ecs::RELATED_IP).any(|other| same(other, value)) {
        writer.put_span(ecs::RELATED_IP, span, Kind::Text, false);
    }
}

pub(super) fn put_related_user(writer: &mut EventWriter<'_>, name: &[u8]) {
    if !name.is_empty() && !writer.view().values(ecs::RELATED_USER).any(|other| other == name) {
        writer.put(ecs::RELATED_USER, name);
    }
}

/// `domain\name` as domain and name; `LOCAL` is the ASA's own list, no domain.
pub(super) fn local_user(value: &[u8]) -> (&[u8], &[u8]) {
    match value.iter().rposition(|&byte| byte == b'\\') {
        Some(at) => {
            let domain = value[..at].strip_suffix(b"\\").unwrap_or(&value[..at]);
            (domain.strip_prefix(b"LOCAL\\").unwrap_or(domain), &value[at + 1..])
        }
        None => (b"", value),
    }
}

/// A user by `DOMAIN\name`, `name@domain` or name alone.
pub(super) fn put_user(writer: &mut EventWriter<'_>, side: Side, value: &[u8]) {
    let value = value.strip_prefix(b"'").and_then(|value| value.strip_suffix(b"'")).unwrap_or(value);
    if value.is_empty() {
        return;
    }
    let (name_id, domain_id, email_id) = match side {
        Side::Source => (ecs::SOURCE_USER_NAME, ecs::SOURCE_USER_DOMAIN, ecs::SOURCE_USER_EMAIL),
        Side::Destination => (ecs::DESTINATION_USER_NAME, ecs::DESTINATION_USER_DOMAIN, ecs::DESTINATION_USER_EMAIL),
    };
    let (mut domain, mut name) = local_user(value);
    if domain.is_empty() {
        if let Some(at) = name.iter().position(|&byte| byte == b'@').filter(|&at| at > 0) {
            writer.put(email_id, name);
            let host = writer.span_of(&name[at + 1..]);
            relate_span(writer, host, ecs::RELATED_HOSTS);
            (name, domain) = (&name[..at], &name[at + 1..]);
        }
    }
    writer.put(name_id, name);
    writer.put(ecs::USER_NAME, name);
    put_related_user(writer, name);
    if !domain.is_empty() {
        writer.put(domain_id, domain);
    }
}
