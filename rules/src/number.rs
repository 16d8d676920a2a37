//! Decimal numbers as text: what `lt`, `lte`, `gt` and `gte` compare.

use std::cmp::Ordering;

/// Longest text taken for a number; the widest decimal of 128 bits has 40 characters.
const TEXT_BYTES_MAX: usize = 64;

/// A number. Whole numbers are exact.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    /// A whole number.
    Integer(i128),
    /// A decimal fraction or one with an exponent; finite.
    Decimal(f64),
}

impl Number {
    /// Reads `-?digits(.digits)?(e±digits)?`, blanks around it aside.
    pub fn parse(text: &[u8]) -> Option<Number> {
        let text = text.trim_ascii();
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        if !digits.first()?.is_ascii_digit() {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        if digits.iter().all(u8::is_ascii_digit) {
            return text.parse().ok().map(Number::Integer);
        }
        if !digits.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-')) {
            return None;
        }
        text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Number::Decimal)
    }

    /// Orders two numbers. A whole number against a decimal is compared as decimals.
    pub fn order(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
            // Both are finite, so they always order.
            (a, b) => a.approximate().partial_cmp(&b.approximate()).unwrap_or(Ordering::Equal),
        }
    }

    fn approximate(self) -> f64 {
        match self {
            Number::Integer(value) => value as f64,
            Number::Decimal(value) => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_what_only_looks_like_one() {
        assert_eq!(Number::parse(b" 42 "), Some(Number::Integer(42)));
        assert_eq!(Number::parse(b"-1.5"), Some(Number::Decimal(-1.5)));
        assert_eq!(Number::parse(b"1e3"), Some(Number::Decimal(1000.0)));
        for junk in ["", "-", "abc", "0x10", "inf", "NaN", "1.2.3.4", "1e999", "12 34", "+5", ".5"] {
            assert_eq!(Number::parse(junk.as_bytes()), None, "{junk}");
        }
    }

    #[test]
    fn large_whole_numbers_stay_exact() {
        let (a, b) = (Number::parse(b"9007199254740993").unwrap(), Number::parse(b"9007199254740992").unwrap());
        assert_eq!(a.order(b), Ordering::Greater);
        assert_eq!(Number::Integer(2).order(Number::Decimal(2.5)), Ordering::Less);
    }
}
