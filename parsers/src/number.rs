//! Decimal numbers as text.

/// The numbers below a hundred as two digits.
pub(crate) static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut at = 0;
    while at < pairs.len() {
        pairs[at] = [b'0' + (at / 10) as u8, b'0' + (at % 10) as u8];
        at += 1;
    }
    pairs
};

/// Parses an unsigned decimal of 1 to 19 digits, nothing else.
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    let mut value = 0u64;
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

/// Parses an optionally negative decimal.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-") {
        Some(rest) => parse_u64(rest).and_then(|value| 0i64.checked_sub_unsigned(value)),
        None => parse_u64(text).and_then(|value| i64::try_from(value).ok()),
    }
}

/// Parses an unsigned decimal with an optional fraction, times ten to `places`: `parse_scaled(b"2.5", 3)` is
/// 2500. Digits of the fraction past `places` are dropped. `None` where it is no number or overflows.
pub fn parse_scaled(text: &[u8], places: u32) -> Option<i64> {
    let (whole, rest) = take_u64(text)?;
    let fraction = match rest {
        [] => &[][..],
        [b'.', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => digits,
        _ => return None,
    };
    let mut value = i64::try_from(whole).ok()?;
    for at in 0..places as usize {
        let digit = fraction.get(at).map_or(0, |byte| byte - b'0');
        value = value.checked_mul(10)?.checked_add(i64::from(digit))?;
    }
    Some(value)
}

/// The digits at the start of `text`: their value and the rest.
#[inline]
pub fn take_u64(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    Some((parse_u64(&text[..digits])?, &text[digits..]))
}

#[cfg(test)]
mod twin;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        assert_eq!(parse_u64(b""), None);
        assert_eq!(parse_u64(b"9999999999999999999"), Some(9_999_999_999_999_999_999));
        assert_eq!(parse_u64(b"99999999999999999999"), None);
        assert_eq!(parse_i64(b"-5"), Some(-5));
        assert_eq!(parse_i64(b"--5"), None);
        assert_eq!(take_u64(b"12ab"), Some((12, &b"ab"[..])));
        assert_eq!(take_u64(b"ab"), None);
        assert_eq!(parse_scaled(b"2474.307", 6), Some(2_474_307_000));
        assert_eq!(parse_scaled(b"0.1234567899", 9), Some(123_456_789));
        assert_eq!(parse_scaled(b"7", 0), Some(7));
        assert_eq!(parse_scaled(b"99999999999.", 9), None);
        assert_eq!(parse_scaled(b"1.x", 3), None);
        assert_eq!(parse_scaled(b".5", 3), None);
    }
}
