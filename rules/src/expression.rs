//! What must stand in a text for a regular expression to match it.
//!
//! From the syntax tree comes a set of literals one of which is part of every match. It may be weaker than the
//! truth, never stronger. Literals are of ASCII, in lower case: the finders they are for take ASCII letters
//! without case, and values that have another character which folds to an ASCII letter are rewritten before.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::dialect::{self, Flags};
use crate::fold::fold;

/// Most texts that a part of an expression may stand for and still be taken for all of them together.
const TEXTS_MAX: usize = 48;

/// Longest text that is put together from parts. More makes nothing rarer.
const TEXT_BYTES_MAX: usize = 64;

/// Most characters of a class that is taken for each of them: `[-/]`, a letter in both cases.
const CLASS_MAX: usize = 6;

type Texts = Vec<Vec<u8>>;

/// The literals of an expression, none of them empty. `None`: it has none, or is not understood.
pub(crate) fn of_regex(source: &str, flags: Flags) -> Option<Texts> {
    let parsed = ParserBuilder::new()
        .utf8(false)
        .case_insensitive(flags.insensitive)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .build()
        .parse(&dialect::translate(source, flags))
        .ok()?;
    let found = part(&parsed);
    let texts = rarer(found.whole, found.within)?;
    // Where one is part of another, looking for the one finds both.
    let spare = |text: &[u8]| {
        texts.iter().any(|other| other != text && text.windows(other.len()).any(|window| window == other.as_slice()))
    };
    Some(texts.iter().filter(|text| !spare(text)).cloned().collect())
}

/// What is known of a part of an expression.
struct Part {
    /// The only texts it matches.
    whole: Option<Texts>,
    /// Texts one of which is in whatever it matches.
    within: Option<Texts>,
}

const UNKNOWN: Part = Part { whole: None, within: None };

/// A character folded, where that is ASCII.
fn ascii_fold(letter: char) -> Option<u8> {
    u8::try_from(fold(letter)).ok().filter(u8::is_ascii)
}

fn part(hir: &Hir) -> Part {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Part { whole: Some(vec![Vec::new()]), within: None },
        HirKind::Literal(literal) => literal_part(&literal.0),
        HirKind::Class(class) => Part { whole: class_texts(class), within: None },
        HirKind::Capture(capture) => part(&capture.sub),
        HirKind::Repetition(repetition) => {
            let inner = part(&repetition.sub);
            match (repetition.min, repetition.max) {
                (1, Some(1)) => inner,
                (0, Some(1)) => {
                    Part { whole: inner.whole.and_then(|texts| joined(texts, vec![Vec::new()])), within: None }
                }
                (0, _) => UNKNOWN,
                _ => Part { whole: None, within: rarer(inner.whole, inner.within) },
            }
        }
        HirKind::Concat(parts) => concatenation(parts),
        HirKind::Alternation(parts) => {
            let (mut whole, mut within) = (Some(Vec::new()), Some(Vec::new()));
            for one in parts.iter().map(part) {
                whole = whole.and_then(|texts| joined(texts, one.whole.clone()?));
                within = within.and_then(|texts| joined(texts, rarer(one.whole, one.within)?));
            }
            Part { whole, within }
        }
    }
}

fn literal_part(bytes: &[u8]) -> Part {
    if bytes.is_ascii() {
        return Part { whole: Some(vec![bytes.to_ascii_lowercase()]), within: None };
    }
    let runs = bytes.split(|byte| !byte.is_ascii()).max_by_key(|run| run.len());
    Part { whole: None, within: runs.filter(|run| !run.is_empty()).map(|run| vec![run.to_ascii_lowercase()]) }
}

fn class_texts(class: &Class) -> Option<Texts> {
    let mut letters: Vec<u8> = Vec::new();
    match class {
        Class::Unicode(class) => {
            for range in class.ranges() {
                for letter in (range.start()..=range.end()).take(CLASS_MAX * 2 + 1) {
                    letters.push(ascii_fold(letter)?);
                }
            }
        }
        Class::Bytes(class) => {
            for range in class.ranges() {
                for byte in (range.start()..=range.end()).take(CLASS_MAX * 2 + 1) {
                    letters.push(Some(byte.to_ascii_lowercase()).filter(u8::is_ascii)?);
                }
            }
        }
    }
    letters.sort_unstable();
    letters.dedup();
    (!letters.is_empty() && letters.len() <= CLASS_MAX)
        .then(|| letters.into_iter().map(|letter| vec![letter]).collect())
}

fn concatenation(parts: &[Hir]) -> Part {
    // What stands next to one another is put together as long as it is certain.
    let (mut run, mut certain, mut within): (Texts, bool, Option<Texts>) = (vec![Vec::new()], true, None);
    for one in parts.iter().map(part) {
        if let Some(texts) = &one.whole {
            if let Some(product) = product(&run, texts) {
                run = product;
                continue;
            }
        }
        within = rarer(rarer(Some(std::mem::replace(&mut run, vec![Vec::new()])), within), one.within);
        certain = false;
        if let Some(texts) = one.whole {
            run = texts;
        }
    }
    if certain {
        return Part { whole: Some(run), within: None };
    }
    Part { whole: None, within: rarer(Some(run), within) }
}

fn product(before: &Texts, after: &Texts) -> Option<Texts> {
    let longest = |texts: &Texts| texts.iter().map(Vec::len).max().unwrap_or(0);
    if before.len() * after.len() > TEXTS_MAX || longest(before) + longest(after) > TEXT_BYTES_MAX {
        return None;
    }
    Some(before.iter().flat_map(|head| after.iter().map(move |tail| [&head[..], tail].concat())).collect())
}

fn joined(mut some: Texts, others: Texts) -> Option<Texts> {
    some.extend(others);
    some.sort_unstable();
    some.dedup();
    (some.len() <= TEXTS_MAX).then_some(some)
}

/// Of two sets that are both needed the one whose least text is longer; a set with an empty text needs nothing.
fn rarer(one: Option<Texts>, other: Option<Texts>) -> Option<Texts> {
    let least = |texts: &Option<Texts>| {
        texts.as_ref().map_or(0, |texts| {
            let least = texts.iter().map(Vec::len).min().unwrap_or(0);
            // Three bytes that must be there say more than four of which any of forty may.
            if least == 0 { 0 } else { (8 * least).saturating_sub(3 * texts.len().ilog2() as usize).max(1) }
        })
    };
    let chosen = if least(&one) >= least(&other) { one } else { other };
    chosen.filter(|texts| !texts.is_empty() && texts.iter().all(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        let found = of_regex(source, Flags::default()).unwrap_or_default();
        let mut found: Vec<String> = found.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn what_every_match_has() {
        check("abc", &["abc"]);
        check("^ABC$", &["abc"]);
        check("a+bcd.*ef", &["bcd"]);
        check("(?:foo|ba[rz])x", &["barx", "bazx", "foox"]);
        check("x(?:abc)?yz", &["xabcyz", "xyz"]);
        check("(abc){2,}", &["abc"]);
        check("[^a]{3}", &[]);
        check("(?:abc)?", &[]);
        check("abc|d*", &[]);
        check("[0-9a-f]{40,}\\.tunnel\\.", &[".tunnel."]);
        check("(?i)kiss", &["kiss"]);
        check("(?i)caf\u{e9}s", &["caf"]);
        check("\\bcmd\\b.{0,5}[-/]c", &["cmd"]);
        check(
            "(?:a|b|c|d|e|f)(?:a|b|c|d|e|f)(?:a|b|c|d|e|f)long",
            &["along", "blong", "clong", "dlong", "elong", "flong"],
        );
        check("(unclosed", &[]);
    }
}
