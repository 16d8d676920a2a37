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
    /// Reads `±digits(.digits)?(e±digits)?`, blanks around it aside. A whole number of more than 128 bits
    /// is read as the nearest decimal.
    pub fn parse(text: &[u8]) -> Option<Number> {
        let text = text.trim_ascii();
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
        if !digits.first()?.is_ascii_digit() {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        if let Ok(whole) = text.parse() {
            return Some(Number::Integer(whole));
        }
        if !digits.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-')) {
            return None;
        }
        text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Number::Decimal)
    }

    /// Orders two numbers, exactly.
    pub fn order(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
            // Both are finite, so they always order.
            (Number::Decimal(a), Number::Decimal(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Number::Integer(a), Number::Decimal(b)) => whole_to_decimal(a, b),
            (Number::Decimal(a), Number::Integer(b)) => whole_to_decimal(b, a).reverse(),
        }
    }
}

/// A whole number against a decimal, by the decimal's whole part and then its fraction: no digit of either is lost.
fn whole_to_decimal(whole: i128, decimal: f64) -> Ordering {
    /// 2^127.
    const BEYOND: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;
    if decimal >= BEYOND {
        return Ordering::Less;
    }
    if decimal < -BEYOND {
        return Ordering::Greater;
    }
    let floor = decimal.floor();
    whole.cmp(&(floor as i128)).then(if decimal > floor { Ordering::Less } else { Ordering::Equal })
}

/// Numbers that are added up are whole multiples of a billionth.
pub const NUMBER_UNIT: i128 = 1_000_000_000;
/// Greatest magnitude of such a number.
pub const NUMBER_MAX: i128 = 1_000_000_000_000_000_000 * NUMBER_UNIT;

/// Reads a decimal exactly, in units of [`NUMBER_UNIT`]; digits beyond the ninth decimal place are cut off.
/// `None` for what is no finite number, or above [`NUMBER_MAX`].
pub fn decimal(text: &[u8]) -> Option<i128> {
    let number = Number::parse(text)?;
    let text = text.trim_ascii();
    let scaled = match number {
        Number::Integer(value) => value.checked_mul(NUMBER_UNIT)?,
        // Sensors and spreadsheets write exponents; their values were never exact.
        Number::Decimal(value) if text.iter().any(|byte| matches!(byte, b'e' | b'E')) => {
            (value * NUMBER_UNIT as f64) as i128
        }
        Number::Decimal(_) => {
            let dot = text.iter().position(|byte| *byte == b'.')?;
            let places = &text[dot + 1..text.len().min(dot + 10)];
            let mut digits = Vec::with_capacity(dot + 9);
            digits.extend_from_slice(&text[..dot]);
            digits.extend_from_slice(places);
            digits.resize(dot + 9, b'0');
            std::str::from_utf8(&digits).ok()?.parse::<i128>().ok()?
        }
    };
    (scaled.abs() <= NUMBER_MAX).then_some(scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_what_only_looks_like_one() {
        assert_eq!(Number::parse(b" 42 "), Some(Number::Integer(42)));
        assert_eq!(Number::parse(b"-1.5"), Some(Number::Decimal(-1.5)));
        assert_eq!(Number::parse(b"1e3"), Some(Number::Decimal(1000.0)));
        assert_eq!(Number::parse(b"+007"), Some(Number::Integer(7)));
        for junk in ["", "-", "abc", "0x10", "inf", "NaN", "1.2.3.4", "1e999", "12 34", "+-5", ".5"] {
            assert_eq!(Number::parse(junk.as_bytes()), None, "{junk}");
        }
    }

    #[test]
    fn decimals_are_exact() {
        let cases: [(&str, Option<i128>); 8] = [
            ("12", Some(12 * NUMBER_UNIT)),
            ("-0.1", Some(-NUMBER_UNIT / 10)),
            (" 3.1415926535897 ", Some(3_141_592_653)),
            ("7.", Some(7 * NUMBER_UNIT)),
            ("2.5e3", Some(2500 * NUMBER_UNIT)),
            ("1000000000000000001", None),
            ("99999999999999999999999999999999999999.5", None),
            ("NaN", None),
        ];
        for (text, expected) in cases {
            assert_eq!(decimal(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn large_whole_numbers_stay_exact() {
        let (a, b) = (Number::parse(b"9007199254740993").unwrap(), Number::parse(b"9007199254740992").unwrap());
        assert_eq!(a.order(b), Ordering::Greater);
        assert_eq!(Number::Integer(2).order(Number::Decimal(2.5)), Ordering::Less);
        assert_eq!(Number::Integer(-2).order(Number::Decimal(-2.5)), Ordering::Greater);
        assert_eq!(Number::Decimal(9_007_199_254_740_992.0).order(a), Ordering::Less);
        let huge = Number::parse("9".repeat(50).as_bytes()).unwrap();
        assert_eq!((huge.order(a), a.order(huge)), (Ordering::Greater, Ordering::Less));
    }
}
