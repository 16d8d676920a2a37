//! Odd lines: an ordinary line spoilt the way transports and devices spoil them.

use super::rng::Rng;

/// How a line is odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oddity {
    /// Cut at a random byte.
    Truncated,
    /// Bytes that are no UTF-8 in the second half.
    InvalidUtf8,
    /// NUL bytes in the second half.
    Nul,
    /// A quote too many.
    UnbalancedQuote,
    /// A number of 40 digits in place of one in the second half.
    HugeNumber,
    /// Nothing before the newline.
    Empty,
    /// Continued by 16 to 64 KiB.
    VeryLong,
}

/// Spoils the line that starts at `start`. Only the second half is touched where a header could be hit:
/// a stamp in the year 9999 is a test of the clock rules, not of the decoders.
pub(crate) fn spoil(out: &mut Vec<u8>, start: usize, rng: &mut Rng) -> Oddity {
    let length = out.len() - start;
    let half = start + length / 2;
    let place = half + rng.below((out.len() - half).max(1) as u64) as usize;
    match rng.below(1_000) {
        0..300 => {
            out.truncate(start + 1 + rng.below(length.max(2) as u64 - 1) as usize);
            Oddity::Truncated
        }
        300..500 => {
            out.splice(place..place, [0xFF, 0xC3, 0x28]);
            Oddity::InvalidUtf8
        }
        500..650 => {
            out.splice(place..place, [0, 0]);
            Oddity::Nul
        }
        650..800 => {
            out.insert(place, b'"');
            Oddity::UnbalancedQuote
        }
        800..945 => {
            let digits = out[half..].iter().position(u8::is_ascii_digit).map_or(out.len(), |at| half + at);
            let end = out[digits..].iter().position(|byte| !byte.is_ascii_digit()).map_or(out.len(), |at| digits + at);
            out.splice(digits..end, [b'9'; 40]);
            Oddity::HugeNumber
        }
        945..995 => {
            out.truncate(start);
            Oddity::Empty
        }
        _ => {
            let more = rng.range(16 << 10, 64 << 10) as usize;
            // Fresh letters throughout: a repeated block would flatter compression and caches.
            for _ in 0..more / 8 {
                out.extend(rng.draw().to_le_bytes().map(|byte| b'a' + byte % 26));
            }
            Oddity::VeryLong
        }
    }
}

impl Oddity {
    /// The name in the truth.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Oddity::Truncated => "truncated",
            Oddity::InvalidUtf8 => "invalid_utf8",
            Oddity::Nul => "nul",
            Oddity::UnbalancedQuote => "unbalanced_quote",
            Oddity::HugeNumber => "huge_number",
            Oddity::Empty => "empty",
            Oddity::VeryLong => "very_long",
        }
    }
}
