//! Values in the form they are compared in, from files and from events alike.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::IndicatorKind;

/// Longest web address compared. Feeds stay below it, and longer ones of events are no
/// indicators then; the buffer is on the stack and cleared for every address.
pub(super) const URL_BYTES_MAX: usize = 2_048;
/// Longest domain name (RFC 1035 §2.3.4, without the root).
pub(super) const DOMAIN_BYTES_MAX: usize = 253;

/// A key being made, on the stack.
pub(super) struct KeyBuffer<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> KeyBuffer<N> {
    pub(super) fn new() -> Self {
        KeyBuffer { bytes: [0; N], len: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Replaces the content by a key shorter than any web address.
    pub(super) fn set(&mut self, key: &[u8]) {
        self.len = 0;
        self.push(key);
    }

    /// Appends; false if there is no room.
    fn push(&mut self, bytes: &[u8]) -> bool {
        let Some(room) = self.bytes.get_mut(self.len..self.len + bytes.len()) else { return false };
        room.copy_from_slice(bytes);
        self.len += bytes.len();
        true
    }

    fn push_lower(&mut self, bytes: &[u8]) -> bool {
        let from = self.len;
        let pushed = self.push(bytes);
        self.bytes[from..self.len].make_ascii_lowercase();
        pushed
    }
}

/// The bytes of an address and how many they are.
pub(super) fn octets(ip: IpAddr) -> ([u8; 16], usize) {
    match ip {
        IpAddr::V4(ip) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&ip.octets());
            (bytes, 4)
        }
        IpAddr::V6(ip) => (ip.octets(), 16),
    }
}

/// The key of the network of `prefix` bits that holds an address: the prefix, then the
/// address with the other bits cleared.
pub(super) fn network_key(octets: &[u8], prefix: u8) -> ([u8; 17], usize) {
    let mut key = [0; 17];
    key[0] = prefix;
    for (at, byte) in octets.iter().enumerate() {
        let bits = usize::from(prefix).saturating_sub(at * 8).min(8);
        key[at + 1] = byte & !(0xFFu16 >> bits) as u8;
    }
    (key, octets.len() + 1)
}

/// A digest in hexadecimal.
pub(super) fn hash<'a>(text: &[u8], buffer: &'a mut [u8; 64]) -> Option<(IndicatorKind, &'a [u8])> {
    let kind = match text.len() {
        32 => IndicatorKind::Md5,
        40 => IndicatorKind::Sha1,
        64 => IndicatorKind::Sha256,
        128 => IndicatorKind::Sha512,
        _ => return None,
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    for (at, pair) in text.chunks_exact(2).enumerate() {
        buffer[at] = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some((kind, &buffer[..text.len() / 2]))
}

/// A domain name of at least two labels: lower case, without the root's dot.
pub(super) fn domain<'a, const N: usize>(text: &[u8], buffer: &'a mut KeyBuffer<N>) -> Option<&'a [u8]> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    if text.len() > DOMAIN_BYTES_MAX || !is_domain(text) {
        return None;
    }
    buffer.len = 0;
    if text.is_ascii() {
        if !buffer.push_lower(text) {
            return None;
        }
    } else {
        // Names beyond ASCII are rare; only they pay for an allocation.
        let lower = std::str::from_utf8(text).ok()?.to_lowercase();
        if !buffer.push(lower.as_bytes()) {
            return None;
        }
    }
    Some(buffer.bytes())
}

fn is_domain(text: &[u8]) -> bool {
    let mut label = 0;
    let mut labels = 1;
    for &byte in text {
        match byte {
            b'.' if label == 0 => return false,
            b'.' => {
                labels += 1;
                label = 0;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | 0x80.. => label += 1,
            _ => return false,
        }
    }
    labels >= 2 && label > 0
}

/// Puts a web address into `buffer`, and says where its host stands there: without
/// `http://` or `https://`, user, default port and fragment; host in lower case, an empty path
/// as `/`. `None` for paths and whatever else has no host.
pub(super) fn url<const N: usize>(text: &[u8], buffer: &mut KeyBuffer<N>) -> Option<Range<usize>> {
    buffer.len = 0;
    let split = memchr::memmem::find(text, b"://")?;
    let (scheme, rest) = (&text[..split], &text[split + 3..]);
    if scheme.is_empty()
        || !scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    {
        return None;
    }
    let web = scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https");
    let scheme_ok = web || (buffer.push_lower(scheme) && buffer.push(b"://"));
    if !scheme_ok {
        return None;
    }
    let rest = &rest[..memchr::memchr(b'#', rest).unwrap_or(rest.len())];
    let authority_end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority_end);
    let authority = &authority[memchr::memrchr(b'@', authority).map_or(0, |at| at + 1)..];
    let (host, port) = split_port(authority);
    if host.is_empty() {
        return None;
    }
    let from = buffer.len;
    let host_ok = buffer.push_lower(host);
    let host_range = from..buffer.len;
    let default = port.is_empty() || web && (port == b"80" || port == b"443");
    let port_ok = default || (buffer.push(b":") && buffer.push(port));
    let slash_ok = tail.first() == Some(&b'/') || buffer.push(b"/");
    (host_ok && port_ok && slash_ok && buffer.push(tail)).then_some(host_range)
}

/// Host and port; the brackets of an IPv6 address belong to neither port nor question.
pub(super) fn split_port(authority: &[u8]) -> (&[u8], &[u8]) {
    if authority.first() == Some(&b'[') {
        let end = memchr::memchr(b']', authority).map_or(authority.len(), |at| at + 1);
        let (host, rest) = authority.split_at(end);
        return (host, rest.strip_prefix(b":").unwrap_or_default());
    }
    match memchr::memrchr(b':', authority) {
        Some(at) if authority[at + 1..].iter().all(u8::is_ascii_digit) => (&authority[..at], &authority[at + 1..]),
        _ => (authority, b""),
    }
}

/// A key as text.
pub(super) fn show(kind: IndicatorKind, key: &[u8]) -> String {
    let ip = |bytes: &[u8]| match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(bytes), _) => Ipv4Addr::from(bytes).to_string(),
        (_, Ok(bytes)) => Ipv6Addr::from(bytes).to_string(),
        _ => String::new(),
    };
    match kind {
        IndicatorKind::Ip => ip(key),
        IndicatorKind::Cidr => format!("{}/{}", ip(&key[1..]), key[0]),
        IndicatorKind::Domain | IndicatorKind::Url => String::from_utf8_lossy(key).into_owned(),
        _ => key.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
