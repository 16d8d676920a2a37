//! Text against patterns, compiled.
//!
//! Letters compare without case unless the pattern is cased, by simple folding of Unicode
//! ([`crate::fold`]). Bytes are compared as they are where value or pattern leave no other way for letters to meet:
//! ASCII values, and patterns of ASCII without `k` and `s`, which alone have relatives beyond it. The common
//! shapes (equals, prefix, suffix, contains) take paths of their own; everything else goes through [`Wild`].

use noroshi_pattern::Needle;

use crate::fold::{fold, folded};
use crate::pattern::{DASHES, Pattern, Piece};

/// A pattern, ready to match. Literals are folded unless `cased`.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Equals(Literal),
    Prefix(Literal),
    Suffix(Literal),
    /// With what finds it where bytes are compared without case.
    Contains(Literal, Option<Needle>),
    Present,
    Wild(Wild),
}

/// Bytes to compare with.
#[derive(Clone, Debug)]
pub(crate) struct Literal {
    bytes: Box<[u8]>,
    case: Case,
}

/// A pattern in segments between `*`.
#[derive(Clone, Debug)]
pub(crate) struct Wild {
    segments: Box<[Box<[Piece]>]>,
    open_start: bool,
    open_end: bool,
    case: Case,
}

/// How letters compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Case {
    Exact,
    /// Without case; no character beyond ASCII is alike to one of the pattern's.
    Ascii,
    /// Without case, by characters where the value is not ASCII.
    Unicode,
}

impl Case {
    fn of(cased: bool, bytes: &[u8]) -> Case {
        let is_related = |byte: &u8| !byte.is_ascii() || matches!(byte, b'k' | b'K' | b's' | b'S');
        match cased {
            true => Case::Exact,
            false if bytes.iter().any(is_related) => Case::Unicode,
            false => Case::Ascii,
        }
    }

    /// Whether characters, not bytes, must be compared.
    #[inline]
    fn by_characters(self, value: &[u8]) -> bool {
        self == Case::Unicode && !value.is_ascii()
    }
}

impl Literal {
    fn new(bytes: &[u8], cased: bool) -> Self {
        let bytes = if cased { bytes.into() } else { folded(bytes).into_boxed_slice() };
        Literal { case: Case::of(cased, &bytes), bytes }
    }
}

impl Text {
    pub(crate) fn new(pattern: &Pattern) -> Text {
        let cased = pattern.cased;
        match pattern.pieces.as_slice() {
            [] => return Text::Equals(Literal::new(b"", cased)),
            [Piece::Any] => return Text::Present,
            [Piece::Literal(bytes)] => return Text::Equals(Literal::new(bytes, cased)),
            [Piece::Literal(bytes), Piece::Any] => return Text::Prefix(Literal::new(bytes, cased)),
            [Piece::Any, Piece::Literal(bytes)] => return Text::Suffix(Literal::new(bytes, cased)),
            [Piece::Any, Piece::Literal(bytes), Piece::Any] => {
                let literal = Literal::new(bytes, cased);
                let needle = if cased { None } else { Needle::new(&literal.bytes) };
                return Text::Contains(literal, needle);
            }
            _ => {}
        }
        let literals = pattern.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(bytes) => Some(bytes.as_slice()),
            _ => None,
        });
        Text::Wild(Wild {
            segments: pattern
                .pieces
                .split(|piece| *piece == Piece::Any)
                .filter(|segment| !segment.is_empty())
                .map(Into::into)
                .collect(),
            open_start: pattern.pieces.first() == Some(&Piece::Any),
            open_end: pattern.pieces.last() == Some(&Piece::Any),
            case: Case::of(cased, &literals.collect::<Vec<_>>().concat()),
        })
    }

    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        match self {
            Text::Equals(literal) => compare(value, &literal.bytes, literal.case, false, false),
            Text::Prefix(literal) => compare(value, &literal.bytes, literal.case, false, true),
            Text::Suffix(literal) => compare(value, &literal.bytes, literal.case, true, false),
            Text::Contains(literal, Some(needle)) if !literal.case.by_characters(value) => needle.stands_in(value),
            Text::Contains(literal, _) => compare(value, &literal.bytes, literal.case, true, true),
            Text::Present => true,
            Text::Wild(wild) => wild.matches(value),
        }
    }
}

/// Whether `value` is `literal`; or ends in, begins with or holds it, where its start or end is open.
pub(crate) fn fits(value: &[u8], literal: &[u8], cased: bool, open_start: bool, open_end: bool) -> bool {
    let ascii = value.is_ascii() && literal.is_ascii();
    if !(cased || ascii) {
        return compare_characters(value, literal, open_start, open_end);
    }
    compare(value, literal, if cased { Case::Exact } else { Case::Ascii }, open_start, open_end)
}

#[inline]
fn compare(value: &[u8], literal: &[u8], case: Case, open_start: bool, open_end: bool) -> bool {
    if case.by_characters(value) {
        return compare_characters(value, literal, open_start, open_end);
    }
    let cased = case == Case::Exact;
    match (open_start, open_end) {
        (false, false) => same(value, literal, cased),
        (false, true) => value.get(..literal.len()).is_some_and(|head| same(head, literal, cased)),
        (true, false) => value.len().checked_sub(literal.len()).is_some_and(|at| same(&value[at..], literal, cased)),
        (true, true) => contains(value, literal, cased),
    }
}

#[inline(never)]
fn compare_characters(value: &[u8], literal: &[u8], open_start: bool, open_end: bool) -> bool {
    let ends = |at: usize| run(&value[at..], literal).is_some_and(|len| open_end || at + len == value.len());
    if !open_start {
        return ends(0);
    }
    // A character takes four bytes at most on either side.
    let from = if open_end { 0 } else { value.len().saturating_sub(4 * literal.len()) };
    (from..=value.len()).any(|at| !is_inside_character(value, at) && ends(at))
}

/// How many bytes at the start of `value` are `literal`, letters folded.
fn run(value: &[u8], literal: &[u8]) -> Option<usize> {
    let (mut at, mut wanted) = (0, 0);
    while wanted < literal.len() {
        let (want, want_len) = character(&literal[wanted..])?;
        let (have, have_len) = character(&value[at..])?;
        if want != have && folded_number(want) != folded_number(have) {
            return None;
        }
        wanted += want_len;
        at += have_len;
    }
    Some(at)
}

#[inline]
fn folded_number(number: u32) -> u32 {
    char::from_u32(number).map_or(number, |letter| u32::from(fold(letter)))
}

#[inline]
fn same(value: &[u8], literal: &[u8], cased: bool) -> bool {
    if cased { value == literal } else { value.eq_ignore_ascii_case(literal) }
}

fn contains(value: &[u8], literal: &[u8], cased: bool) -> bool {
    if cased {
        return memchr::memmem::find(value, literal).is_some();
    }
    // Looked for by its rarest byte: the first one is a letter that every value is full of.
    let Some((offset, rare)) =
        literal.iter().copied().enumerate().min_by_key(|(_, byte)| COMMONNESS[usize::from(*byte)])
    else {
        return true;
    };
    let Some(last_start) = value.len().checked_sub(literal.len()) else { return false };
    let (lower, upper) = (rare.to_ascii_lowercase(), rare.to_ascii_uppercase());
    let mut at = 0;
    while at <= last_start {
        let window = &value[at + offset..=last_start + offset];
        let found = if lower == upper { memchr::memchr(rare, window) } else { memchr::memchr2(lower, upper, window) };
        let Some(found) = found else { return false };
        at += found;
        if value[at..at + literal.len()].eq_ignore_ascii_case(literal) {
            return true;
        }
        at += 1;
    }
    false
}

/// How often a byte stands in paths and command lines, roughly.
const COMMONNESS: [u8; 256] = {
    let mut table = [2; 256];
    let ranks: [(&[u8], u8); 4] = [(b"etaoinsr0 ", 9), (b"ldcmup\\.-", 7), (b"hfgywvx123456789/:", 5), (b"bk_=\"", 3)];
    let mut rank = 0;
    while rank < ranks.len() {
        let (bytes, common) = ranks[rank];
        let mut at = 0;
        while at < bytes.len() {
            table[bytes[at] as usize] = common;
            table[bytes[at].to_ascii_uppercase() as usize] = common;
            at += 1;
        }
        rank += 1;
    }
    table
};

impl Wild {
    fn matches(&self, value: &[u8]) -> bool {
        let by_characters = self.case.by_characters(value);
        // Each segment takes a fixed number of characters, so the leftmost place of one leaves
        // the most room for the rest; only the ends are anchored.
        let mut at = 0;
        let last = self.segments.len() - 1;
        for (number, segment) in self.segments.iter().enumerate() {
            let anchored_start = number == 0 && !self.open_start;
            let anchored_end = number == last && !self.open_end;
            let starts = if anchored_start { at..at + 1 } else { at..value.len() + 1 };
            let found = starts.into_iter().find_map(|start| {
                let free =
                    matches!(segment[0], Piece::Literal(_)) && !by_characters || !is_inside_character(value, start);
                let end = free.then(|| self.segment_at(segment, value, start, by_characters)).flatten()?;
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
    fn segment_at(&self, segment: &[Piece], value: &[u8], mut at: usize, by_characters: bool) -> Option<usize> {
        for piece in segment {
            match piece {
                Piece::Literal(literal) if by_characters => at += run(&value[at..], literal)?,
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
        // The Kelvin sign is a k, the long s an s, and the final sigma a sigma.
        check("*\u{e9}k", &["\u{e9}K", "\u{e9}\u{212a}"], &["\u{e9}x"]);
        check("task", &["ta\u{17f}\u{212a}", "TASK"], &["ta\u{df}k"]);
        check("task*", &["ta\u{17f}k\u{3042}"], &["\u{3042}task"]);
        check("*task", &["\u{3042}ta\u{17f}k"], &["task\u{3042}"]);
        check("*task*", &["\u{3042}TA\u{17f}k\u{3042}"], &["\u{3042}ta\u{3042}k"]);
        check("\u{3a3}\u{3a3}", &["\u{3c3}\u{3c2}"], &["\u{3c3}"]);
        check("a*\u{17f}?", &["a\u{3042}S\u{3042}"], &["aS"]);
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
