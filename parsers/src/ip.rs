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

/// Parses dotted-quad IPv4; leading zeros are refused, as they read as octal elsewhere.
#[inline]
pub fn parse_v4(text: &[u8]) -> Option<Ipv4Addr> {
    if text.len() < 7 || text.len() > 15 {
        return None;
    }
    let mut octets = [0u8; 4];
    let mut at = 0;
    let mut value = 0u32;
    let mut digits = 0;
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            if digits > 0 && value == 0 {
                return None;
            }
            value = value * 10 + u32::from(digit);
            digits += 1;
            if value > 255 {
                return None;
            }
        } else if byte == b'.' && digits > 0 && at < 3 {
            octets[at] = value as u8;
            at += 1;
            value = 0;
            digits = 0;
        } else {
            return None;
        }
    }
    if at != 3 || digits == 0 {
        return None;
    }
    octets[3] = value as u8;
    Some(Ipv4Addr::from(octets))
}

/// Whether an address is of a private network (RFC 1918, RFC 4193).
pub fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

fn parse_v6(text: &[u8]) -> Option<Ipv6Addr> {
    // The longest: eight groups with an embedded IPv4, brackets and an interface name.
    if text.len() < 2 || text.len() > 64 || memchr::memchr(b':', text).is_none() {
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

    proptest! {
        #[test]
        fn v4_agrees_with_the_standard_library(text in "[0-9.]{0,16}") {
            prop_assert_eq!(parse_v4(text.as_bytes()), text.parse().ok());
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
