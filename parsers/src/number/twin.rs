//! The naive twins of numbers and addresses: the standard library's parsers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::ip;
use crate::testing::hold;

fn plain(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text).ok().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// As the documentation of [`ip::parse`] says: brackets and a zone may stand around an IPv6 address.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Some(IpAddr::V4(ip));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.split('%').next()?.parse::<Ipv6Addr>().ok().filter(|_| text.len() <= 64).map(IpAddr::V6)
}

/// A decimal times ten to `places`, what is behind cut off.
fn scaled(text: &[u8], places: usize) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fits =
        (1..=19).contains(&whole.len()) && (whole.to_owned() + fraction).bytes().all(|byte| byte.is_ascii_digit());
    let kept: String = fraction.chars().chain("0".repeat(places).chars()).take(places).collect();
    (whole.to_owned() + &kept).parse().ok().filter(|_| fits)
}

#[track_caller]
fn check(text: &[u8]) {
    let shown = text.escape_ascii().to_string();
    let number = plain(text).filter(|text| text.len() <= 19).and_then(|text| text.parse().ok());
    assert_eq!(parse_u64(text), number, "{shown}");
    let signed = plain(text.strip_prefix(b"-").unwrap_or(text)).filter(|digits| digits.len() <= 19);
    let signed = signed.and_then(|_| std::str::from_utf8(text).ok()?.parse().ok());
    assert_eq!(parse_i64(text), signed, "{shown}");
    for places in [0, 3, 9] {
        assert_eq!(parse_scaled(text, places), scaled(text, places as usize), "{shown} by {places}");
    }
    assert_eq!(ip::parse(text), address(text), "{shown}");
}

#[test]
fn words_of_golden_records_and_damaged_ones_read_as_the_twins_do() {
    let (mut numbers, mut addresses) = (0, 0);
    let mut seen = std::collections::HashSet::new();
    hold(b".:-%[]0", |record| {
        for word in record.split(|byte| b" \"',;=/()<>|\t".contains(byte)) {
            if seen.contains(word) {
                continue;
            }
            check(word);
            seen.insert(word.to_vec());
            numbers += usize::from(parse_u64(word).is_some());
            addresses += usize::from(ip::parse(word).is_some());
        }
    });
    assert!(numbers > 1000 && addresses > 500, "{numbers} numbers, {addresses} addresses");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn numbers_read_as_the_twins_do(text in "-?[0-9]{0,21}(\\.[0-9x]{0,12})?") {
        check(text.as_bytes());
    }

    #[test]
    fn addresses_read_as_the_twin_does(text in "\\[?([0-9a-fA-F]{0,5}:){0,9}([0-9a-f]{0,4}|[0-9]{1,3}(\\.[0-9]{1,3}){3})(%[a-z0-9]{0,3})?\\]?") {
        check(text.as_bytes());
    }
}
