//! Decimal numbers as text.

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

/// The digits at the start of `text`: their value and the rest.
#[inline]
pub fn take_u64(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    Some((parse_u64(&text[..digits])?, &text[digits..]))
}

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
    }
}
