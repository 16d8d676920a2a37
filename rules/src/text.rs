//! Text against patterns, compiled.
//!
//! Letters compare without case unless the pattern is cased: ASCII letters always, others
//! only in patterns that have any. The common shapes (equals, prefix, suffix, contains) of
//! ASCII patterns take a path of their own; everything else goes through [`Wild`].

use crate::pattern::{DASHES, Pattern, Piece};

/// A pattern, ready to match. Literals are lower-case unless `cased`.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Equals { literal: Box<[u8]>, cased: bool },
    Prefix { literal: Box<[u8]>, cased: bool },
    Suffix { literal: Box<[u8]>, cased: bool },
    Contains { literal: Box<[u8]>, cased: bool },
    Present,
    Wild(Wild),
}

/// A pattern in segments between `*`.
#[derive(Clone, Debug)]
pub(crate) struct Wild {
    segments: Box<[Box<[Piece]>]>,
    open_start: bool,
    open_end: bool,
    case: Case,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Case {
    Exact,
    Ascii,
    Unicode,
}

impl Text {
    pub(crate) fn new(pattern: &Pattern) -> Text {
        let cased = pattern.cased;
        if pattern.pieces == [Piece::Any] {
            return Text::Present;
        }
        if cased || !pattern.is_unicode() {
            let own = |bytes: &[u8]| if cased { bytes.into() } else { bytes.to_ascii_lowercase().into_boxed_slice() };
            match pattern.pieces.as_slice() {
                [] => return Text::Equals { literal: Box::default(), cased },
                [Piece::Literal(bytes)] => return Text::Equals { literal: own(bytes), cased },
                [Piece::Literal(bytes), Piece::Any] => return Text::Prefix { literal: own(bytes), cased },
                [Piece::Any, Piece::Literal(bytes)] => return Text::Suffix { literal: own(bytes), cased },
                [Piece::Any, Piece::Literal(bytes), Piece::Any] => {
                    return Text::Contains { literal: own(bytes), cased };
                }
                _ => {}
            }
        }
        let case = match (cased, pattern.is_unicode()) {
            (true, _) => Case::Exact,
            (false, true) => Case::Unicode,
            (false, false) => Case::Ascii,
        };
        Text::Wild(Wild {
            segments: pattern
                .pieces
                .split(|piece| *piece == Piece::Any)
                .filter(|segment| !segment.is_empty())
                .map(Into::into)
                .collect(),
            open_start: pattern.pieces.first() == Some(&Piece::Any),
            open_end: pattern.pieces.last() == Some(&Piece::Any),
            case,
        })
    }

    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        match self {
            Text::Equals { literal, cased } => same(value, literal, *cased),
            Text::Prefix { literal, cased } => {
                value.get(..literal.len()).is_some_and(|head| same(head, literal, *cased))
            }
            Text::Suffix { literal, cased } => {
                value.len().checked_sub(literal.len()).is_some_and(|at| same(&value[at..], literal, *cased))
            }
            Text::Contains { literal, cased } => contains(value, literal, *cased),
            Text::Present => true,
            Text::Wild(wild) => wild.matches(value),
        }
    }
}

#[inline]
pub(crate) fn same(value: &[u8], literal: &[u8], cased: bool) -> bool {
    if cased { value == literal } else { value.eq_ignore_ascii_case(literal) }
}

pub(crate) fn contains(value: &[u8], literal: &[u8], cased: bool) -> bool {
    if cased {
        return memchr::memmem::find(value, literal).is_some();
    }
    let Some(first) = literal.first() else { return true };
    let Some(last_start) = value.len().checked_sub(literal.len()) else { return false };
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    let mut at = 0;
    while at <= last_start {
        let Some(found) = memchr::memchr2(lower, upper, &value[at..=last_start]) else { return false };
        at += found;
        if value[at..at + literal.len()].eq_ignore_ascii_case(literal) {
            return true;
        }
        at += 1;
    }
    false
}

impl Wild {
    fn matches(&self, value: &[u8]) -> bool {
        // Letters beyond ASCII fold among themselves.
        if self.case == Case::Unicode && value.is_ascii() {
            return false;
        }
        // Each segment takes a fixed number of characters, so the leftmost place of one leaves
        // the most room for the rest; only the ends are anchored.
        let mut at = 0;
        let last = self.segments.len() - 1;
        for (number, segment) in self.segments.iter().enumerate() {
            let anchored_start = number == 0 && !self.open_start;
            let anchored_end = number == last && !self.open_end;
            let starts = if anchored_start { at..at + 1 } else { at..value.len() + 1 };
            let found = starts.into_iter().find_map(|start| {
                let free = matches!(segment[0], Piece::Literal(_)) || !is_inside_character(value, start);
                let end = free.then(|| self.segment_at(segment, value, start)).flatten()?;
                (!anchored_end || end == value.len()).then_some(end)
            });
            match found {
                Some(end) => at = end,
                None => return false,
            }
        }
        true
    }

    /// Where `segment` ends if it stands at `at`.
    fn segment_at(&self, segment: &[Piece], value: &[u8], mut at: usize) -> Option<usize> {
        for piece in segment {
            match piece {
                Piece::Literal(literal) if self.case == Case::Unicode => {
                    let mut wanted = 0;
                    while wanted < literal.len() {
                        let (want, wanted_len) = character(&literal[wanted..])?;
                        let (have, have_len) = character(&value[at..])?;
                        if fold(want) != fold(have) {
                            return None;
                        }
                        wanted += wanted_len;
                        at += have_len;
                    }
                }
                Piece::Literal(literal) => {
                    let there = value.get(at..at + literal.len())?;
                    if !same(there, literal, self.case == Case::Exact) {
                        return None;
                    }
                    at += literal.len();
                }
                Piece::One => at += character(&value[at..])?.1,
                Piece::Dash => {
                    let (have, len) = character(&value[at..])?;
                    if !DASHES.iter().any(|dash| u32::from(*dash) == have) {
                        return None;
                    }
                    at += len;
                }
                Piece::Any => return None,
            }
        }
        Some(at)
    }
}

/// Numbers from here on stand for bytes that are no UTF-8.
const INVALID: u32 = 0x11_0000;

/// The character at the start of `bytes` and its length; a byte that begins none is a
/// character of its own.
#[inline]
fn character(bytes: &[u8]) -> Option<(u32, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((u32::from(first), 1));
    }
    let len = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return Some((INVALID + u32::from(first), 1)),
    };
    match bytes.get(..len).map(std::str::from_utf8) {
        Some(Ok(text)) => text.chars().next().map(|found| (u32::from(found), len)),
        _ => Some((INVALID + u32::from(first), 1)),
    }
}

/// Whether `at` lies within a valid character of `value`.
fn is_inside_character(value: &[u8], at: usize) -> bool {
    (1..=3).any(|back| {
        at.checked_sub(back).is_some_and(|start| {
            at < value.len() && value[start] >= 0xC2 && character(&value[start..]).is_some_and(|(_, len)| len > back)
        })
    })
}

/// Lower case of one character where that is one character of the same kind: ASCII letters
/// fold among themselves only, so that prefilters on ASCII stay true.
fn fold(character: u32) -> u32 {
    let Some(found) = char::from_u32(character) else { return character };
    if found.is_ascii() {
        return u32::from(found.to_ascii_lowercase());
    }
    let mut lower = found.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) if !one.is_ascii() => u32::from(one),
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, matches: &[&str], misses: &[&str]) {
        let text = Text::new(&Pattern::parse(pattern));
        for value in matches {
            assert!(text.matches(value.as_bytes()), "{pattern} should match {value}");
        }
        for value in misses {
            assert!(!text.matches(value.as_bytes()), "{pattern} should not match {value}");
        }
    }

    #[test]
    fn shapes() {
        check("cmd.exe", &["CMD.exe"], &["cmd.exe ", "xcmd.exe", ""]);
        check("cmd*", &["CMD.exe", "cmd"], &["acmd", "cm"]);
        check("*cmd", &["ACMD", "cmd"], &["cmda", "md"]);
        check("*cmd*", &["xCmDx", "ccmd"], &["cm d", ""]);
        check("", &[""], &["x"]);
        check("*", &["", "x"], &[]);
        check("a*b*c", &["abc", "AxxBxxC", "abbc"], &["ab", "acb", "xabc", "abcx"]);
        check("*a*a*", &["aa", "xaxax"], &["a", "xa"]);
        check("a*a", &["aa", "axa"], &["a"]);
    }

    #[test]
    fn a_question_mark_is_one_character_not_one_byte() {
        check("a?c", &["abc", "a\u{3042}c"], &["ac", "abbc"]);
        check("a*??", &["abb"], &["a\u{3042}"]);
        check("*?", &["x"], &[""]);
        check("?*", &["x", "\u{e9}"], &[""]);
        let invalid = Text::new(&Pattern::parse("a?c"));
        assert!(invalid.matches(b"a\xffc") && !invalid.matches(b"a\xff\xffc"));
    }

    #[test]
    fn letters_beyond_ascii_fold_in_patterns_that_have_them() {
        check("\u{c9}cole*", &["\u{e9}COLE normale"], &["ecole"]);
        check("*\u{3042}*", &["x\u{3042}y"], &["xy"]);
        // The Kelvin sign lower-cases to an ASCII letter; it stays itself.
        check("*\u{e9}k", &["\u{e9}K"], &["\u{e9}\u{212a}"]);
    }

    #[test]
    fn cased_and_dashed() {
        let mut cased = Pattern::parse("Ab*");
        cased.cased = true;
        assert!(Text::new(&cased).matches(b"Abc") && !Text::new(&cased).matches(b"abc"));
        let dashed = Text::new(&Pattern::parse("* -enc*").with_dashes());
        for value in ["x -enc", "x /ENC y", "x \u{2013}enc", "x \u{2015}enc"] {
            assert!(dashed.matches(value.as_bytes()), "{value}");
        }
        assert!(!dashed.matches(b"x +enc"));
    }
}
