//! Internet addresses as text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Parses an address: dotted-quad IPv4 without leading zeros, or IPv6 with an
/// optional zone (`%eth0`, dropped) and optional brackets. An IPv4-mapped IPv6
/// address stays IPv6.
#[inline]
pub fn parse(text: &[u8]) -> Option<IpAddr> {
    match parse_v4(text) {
        Some(ip) => Some(IpAddr::V4(ip)),
        None => parse_v6(text).map(IpAddr::V6),
    }
}

/// Parses dotted-quad IPv4; leading zeros are refused, as they read as octal elsewhere. All bytes at once, in a register, without the
/// branches on how many digits there are, was tried: 5 ns slower.
#[inline]
pub fn parse_v4(text: &[u8]) -> Option<Ipv4Addr> {
    if text.len() < 7 || text.len() > 15 {
        return None;
    }
    let (a, at) = octet(text, 0)?;
    let (b, at) = octet(text, after_dot(text, at)?)?;
    let (c, at) = octet(text, after_dot(text, at)?)?;
    let (d, at) = octet(text, after_dot(text, at)?)?;
    (at == text.len()).then(|| Ipv4Addr::new(a, b, c, d))
}

#[inline(always)]
fn after_dot(text: &[u8], at: usize) -> Option<usize> {
    (text.get(at) == Some(&b'.')).then_some(at + 1)
}

/// One to three digits at `from`: their value and where they end. Straight on, no loop: an octet's digits
/// are the only branches that a text leaves open.
#[inline(always)]
fn octet(text: &[u8], from: usize) -> Option<(u8, usize)> {
    let digit = |at: usize| text.get(at).map_or(u8::MAX, |byte| byte.wrapping_sub(b'0'));
    let (first, second) = (digit(from), digit(from + 1));
    if first > 9 {
        return None;
    }
    if second > 9 {
        return Some((first, from + 1));
    }
    if first == 0 {
        return None;
    }
    let value = first * 10 + second;
    let third = digit(from + 2);
    if third > 9 {
        return Some((value, from + 2));
    }
    // A fourth digit is no dot, nor the end.
    u8::try_from(u32::from(value) * 10 + u32::from(third)).ok().map(|value| (value, from + 3))
}

/// Bytes of a text in which [`written`] looks: addresses stand near the start of what programs say.
const WRITTEN_WITHIN_BYTES: usize = 8 << 10;
/// Most addresses that [`written`] finds.
pub const WRITTEN_MAX: usize = 16;

/// The addresses that a text writes, in its order and each once: `from 192.0.2.1:22`, `ip:192.0.2.1`, `[2001:db8::1]`,
/// `UDP/192.0.2.1/5060`. Neither `0.0.0.0` nor `::`, nor what is part of a longer number or name.
pub fn written(text: &[u8]) -> Vec<IpAddr> {
    let text = &text[..text.len().min(WRITTEN_WITHIN_BYTES)];
    let mut found = Vec::new();
    let joins = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
    let mut at = 0;
    while at < text.len() && found.len() < WRITTEN_MAX {
        let len = text[at..].iter().take_while(|byte| joins(byte)).count();
        let of_word =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        let (before, after) = (at.checked_sub(1).and_then(|at| text.get(at)), text.get(at + len));
        // A colon sets apart what follows: `192.0.2.1:22:tls`. Shorter than `1.2.3.4`, only `a::b` is one.
        if len >= 4 && (!of_word(after) || text[at + len - 1] == b':') {
            let inside_word = of_word(before);
            if let Some(address) = address_in(&text[at..at + len], inside_word)
                && !is_network_or_version(address)
                && !found.contains(&address)
            {
                found.push(address);
            }
        }
        at += len + 1;
    }
    found
}

/// Nobody's address: `0.0.0.0`, `::`, and what ends in 0, which is a network or the version of a browser (`106.0.0.0`).
fn is_network_or_version(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[3] == 0,
        IpAddr::V6(address) => address.is_unspecified(),
    }
}

/// The address of a run of digits, dots and colons, with what may stand around it: a port, a label's colon, a full stop.
fn address_in(run: &[u8], inside_word: bool) -> Option<IpAddr> {
    let trimmed = run.strip_suffix(b".").unwrap_or(run);
    let dots = trimmed.iter().filter(|byte| **byte == b'.').count();
    if dots == 3 {
        // `ip:192.0.2.1`, `::ffff:192.0.2.1`, `192.0.2.1:22`.
        let mapped = trimmed.get(..7).is_some_and(|head| head.eq_ignore_ascii_case(b"::ffff:"));
        let bare = if mapped { &trimmed[7..] } else { trimmed };
        let mut parts = bare.split(|byte| *byte == b':');
        let part = parts.find(|part| part.contains(&b'.'))?;
        let whole = part.as_ptr() == trimmed.as_ptr();
        return parse_v4(part).filter(|_| !(inside_word && whole)).map(IpAddr::V4);
    }
    let colons = trimmed.iter().filter(|byte| **byte == b':').count();
    if !trimmed.iter().any(u8::is_ascii_digit) {
        // `cafe::add` is a name in a program.
        return None;
    }
    // A clock (`12:30:45`) has two colons and a MAC five: an IPv6 address has seven, or is shortened.
    let is_shortened = trimmed.windows(2).any(|pair| pair == b"::");
    (!inside_word && (colons == 7 || is_shortened && colons > 1)).then(|| parse_v6(trimmed).map(IpAddr::V6)).flatten()
}

/// Whether an address is of a private network (RFC 1918, RFC 4193).
pub fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

fn parse_v6(text: &[u8]) -> Option<Ipv6Addr> {
    // The longest: eight groups with an embedded IPv4, brackets and an interface name. The first group ends soon.
    if text.len() < 2 || text.len() > 64 || !text[..text.len().min(6)].contains(&b':') {
        return None;
    }
    let text = text.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(text);
    let text = text.split(|&byte| byte == b'%').next()?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_found_however_a_text_writes_them() {
        let check = |text: &str, expected: &str| {
            let found: Vec<String> = written(text.as_bytes()).iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{text}");
        };
        check("refused connect from host.example.com (192.0.2.7)", "192.0.2.7");
        check("Login failed - username:suzuki ip:192.0.2.7 url:", "192.0.2.7");
        check("[192.0.2.7:45164:HTTP2-41] and (192.0.2.8[192.0.2.8]).", "192.0.2.7 192.0.2.8");
        check("RemoteAddress=\"IPV4/UDP/192.0.2.7/54784\",", "192.0.2.7");
        check("host=::ffff:192.0.2.7 port=22, then 2001:db8::5, [2001:DB8::6]:22", "192.0.2.7 2001:db8::5 2001:db8::6");
        check("from 192.0.2.7. Then 192.0.2.8", "192.0.2.7 192.0.2.8");
        for none in [
            "at 12:30:45.123",
            "00:50:56:00:00:01",
            "version 1.2.3",
            "v1.2.3.4-5",
            "1.2.3.4.5",
            "0.0.0.0 ::",
            "std::fs::a",
            "cafe::add",
            "Chrome/106.0.0.0",
            "release-1.2.3.4",
        ] {
            check(none, "");
        }
    }

    proptest! {
        #[test]
        fn v4_agrees_with_the_standard_library(text in "[0-9.]{0,16}") {
            prop_assert_eq!(parse_v4(text.as_bytes()), text.parse().ok());
        }

        #[test]
        fn v4_near_misses_agree_with_the_standard_library(
            text in "([0-9]{1,3}|[12][0-9]{2}|0|[0-9]{4}|)(\\.([0-9]{1,3}|0|0[0-9])){2,4}",
            at in 0usize..15,
            byte in prop::option::of(any::<u8>()),
        ) {
            let mut text = text.into_bytes();
            if let (Some(slot), Some(byte)) = (text.get_mut(at), byte) {
                *slot = byte;
            }
            prop_assert_eq!(parse_v4(&text), std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()));
        }
    }

    #[test]
    fn brackets_zones_and_junk() {
        assert_eq!(parse(b"[2001:db8::1]"), "2001:db8::1".parse().ok());
        assert_eq!(parse(b"fe80::1%eth0"), "fe80::1".parse().ok());
        for junk in ["", ":", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "host", "::g", "1.2.3.4 "] {
            assert_eq!(parse(junk.as_bytes()), None, "{junk}");
        }
    }
}
