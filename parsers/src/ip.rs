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

const ONES: u128 = u128::from_le_bytes([1; 16]);
const HIGHS: u128 = u128::from_le_bytes([0x80; 16]);
const DOTS: u128 = u128::from_le_bytes([b'.'; 16]);
const ZEROS: u128 = u128::from_le_bytes([b'0'; 16]);

/// Parses dotted-quad IPv4; leading zeros are refused, as they read as octal elsewhere.
///
/// The whole text in one register: how long an octet is differs from record to record, and a
/// loop over bytes pays for each of those guesses.
#[inline]
pub fn parse_v4(text: &[u8]) -> Option<Ipv4Addr> {
    let len = text.len();
    if !(7..=15).contains(&len) {
        return None;
    }
    let word = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(head), Some(tail)) => {
            // The tail's bytes past the eighth, without those that the head has already.
            let tail = (u64::from_le_bytes(*tail) >> 1) >> ((16 - len) * 8 - 1);
            u128::from(u64::from_le_bytes(*head)) | u128::from(tail) << 64
        }
        _ => {
            let mut bytes = [0; 16];
            bytes[..len].copy_from_slice(text);
            u128::from_le_bytes(bytes)
        }
    };
    let outside = !0u128 << (len * 8);
    // Digits become their values; with what is outside cleared and a dot's high bit set, any other byte shows.
    let values = (word ^ ZEROS) & !outside;
    let not_digit = ((values & !HIGHS) + ONES * 0x76) | values;
    let not_dot = (((word ^ DOTS) & !HIGHS) + ONES * 0x7F) | (word ^ DOTS);
    let dots = !not_dot & HIGHS & !outside;
    if (not_digit & HIGHS & !outside) != dots {
        return None;
    }
    let first = dots.trailing_zeros() / 8;
    let rest = dots & dots.wrapping_sub(1);
    let second = rest.trailing_zeros() / 8;
    let rest = rest & rest.wrapping_sub(1);
    let third = rest.trailing_zeros() / 8;
    if rest == 0 || rest & rest.wrapping_sub(1) != 0 {
        return None;
    }
    let mut valid = true;
    let mut octet = |from: u32, to: u32| {
        let len = to.wrapping_sub(from);
        valid &= len.wrapping_sub(1) < 3;
        // Right-aligned in three bytes: hundreds, tens, ones.
        let digits = ((values >> (from * 8)) as u32) << ((3u32.wrapping_sub(len) & 3) * 8);
        let (hundreds, tens, ones) = (digits & 0xFF, digits >> 8 & 0xFF, digits >> 16 & 0xFF);
        let value = hundreds * 100 + tens * 10 + ones;
        // A number of two or three digits is at least that long in value.
        valid &= value < 256 && value >= [0, 0, 10, 100][(len & 3) as usize];
        value as u8
    };
    let octets = [octet(0, first), octet(first + 1, second), octet(second + 1, third), octet(third + 1, len as u32)];
    valid.then(|| Ipv4Addr::from(octets))
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
