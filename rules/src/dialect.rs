//! Regular expressions as Sigma writes them (PCRE), for engines that read them slightly otherwise.
//!
//! Expressions run in linear time. Those that ask for more (look-around, back-references, atomic groups, possessive
//! repetition), which the Sigma specification asks of authors not to write, run by backtracking within bounds:
//! [`STEPS_MAX`] and [`SUBJECT_BYTES_MAX`]. What comes over a bound matches nothing and is counted.
//! Where the dialects accept a text but would read it differently, it is rewritten here, so that a rule never means
//! something else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use regex::bytes::{Regex, RegexBuilder};

/// Most memory one compiled expression may take. Bounded repetitions of classes explode;
/// the largest expression of the public rules stays under 1 MiB.
pub const SIZE_MAX: usize = 8 << 20;
/// Most memory for the lazy automaton of one expression. A cache that is too small falls
/// back to a slow engine, by a factor of a thousand.
pub const DFA_SIZE_MAX: usize = 16 << 20;
/// Most steps back of one search by backtracking, some milliseconds. Expressions written for log lines take hundreds.
pub const STEPS_MAX: usize = 100_000;
/// Longest value searched by backtracking, as each step may read all of it. The longest command line of Windows
/// has 32,767 characters.
pub const SUBJECT_BYTES_MAX: usize = 64 << 10;

/// The sub-modifiers of `re`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// `i`: case does not count.
    pub insensitive: bool,
    /// `m`: `^` and `$` match at lines.
    pub multi_line: bool,
    /// `s`: `.` matches newlines.
    pub dot_all: bool,
}

/// An expression, ready to search.
#[derive(Clone, Debug)]
pub enum Expression {
    /// In linear time, whatever the value.
    Linear(Regex),
    /// By backtracking, within bounds.
    Backtracking(Arc<Backtracking>),
}

/// An expression of the engine that backtracks, and how often it was given up.
#[derive(Debug)]
pub struct Backtracking {
    regex: fancy_regex::Regex,
    given_up: AtomicU64,
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What neither engine can do, in one line.
    pub fn new(source: &str, flags: Flags) -> Result<Expression, String> {
        let translated = translate(source, flags);
        let linear = RegexBuilder::new(&translated)
            .case_insensitive(flags.insensitive)
            .multi_line(flags.multi_line)
            .dot_matches_new_line(flags.dot_all)
            .size_limit(SIZE_MAX)
            .dfa_size_limit(DFA_SIZE_MAX)
            .build();
        let error = match linear {
            Ok(regex) => return Ok(Expression::Linear(regex)),
            Err(error) => error.to_string(),
        };
        if !asks_for_backtracking(source) {
            let last = error.lines().last().unwrap_or_default();
            return Err(last.trim().trim_start_matches("error: ").to_owned());
        }
        let regex = fancy_regex::RegexBuilder::new(&translated)
            .case_insensitive(flags.insensitive)
            .multi_line(flags.multi_line)
            .dot_matches_new_line(flags.dot_all)
            .delegate_size_limit(SIZE_MAX)
            .delegate_dfa_size_limit(DFA_SIZE_MAX)
            .backtrack_limit(STEPS_MAX)
            .build()
            .map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())?;
        Ok(Expression::Backtracking(Arc::new(Backtracking { regex, given_up: AtomicU64::new(0) })))
    }

    /// Whether it is found anywhere in `value`. What is no UTF-8 is no text to an expression that backtracks.
    pub fn is_match(&self, value: &[u8]) -> bool {
        match self {
            Expression::Linear(regex) => regex.is_match(value),
            Expression::Backtracking(bounded) => bounded.is_match(value),
        }
    }

    /// How many searches came over a bound and were given up.
    pub fn given_up(&self) -> u64 {
        match self {
            Expression::Linear(_) => 0,
            Expression::Backtracking(bounded) => bounded.given_up.load(Ordering::Relaxed),
        }
    }
}

impl Backtracking {
    fn is_match(&self, value: &[u8]) -> bool {
        let found = match value.len() {
            ..=SUBJECT_BYTES_MAX => self.regex.is_match(&String::from_utf8_lossy(value)).ok(),
            _ => None,
        };
        if found.is_none() {
            self.given_up.fetch_add(1, Ordering::Relaxed);
        }
        found.unwrap_or(false)
    }
}

/// Whether `source` has what only backtracking can do, as against a slip of the pen.
fn asks_for_backtracking(source: &str) -> bool {
    let mut before_repeats = false;
    let mut rest = source.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'\\' => {
                if matches!(after, [b'1'..=b'9' | b'k' | b'g', ..]) {
                    return true;
                }
                rest = after.get(1..).unwrap_or_default();
                before_repeats = false;
            }
            b'(' => {
                let special: [&[u8]; 5] = [b"?=", b"?!", b"?<=", b"?<!", b"?>"];
                if special.iter().any(|special| after.starts_with(special)) {
                    return true;
                }
                before_repeats = false;
            }
            b'+' if before_repeats => return true,
            b'*' | b'+' | b'?' | b'}' => before_repeats = true,
            _ => before_repeats = false,
        }
    }
    false
}

/// Rewrites what PCRE and the engine read differently: `\<` and `\>` (word boundaries
/// here, plain characters there), `[`, `&&`, `--`, `~~` inside a class (set operations here,
/// plain characters there), `{` or `}` that is no repetition (an error here), and `$` and `\Z`, which allow for one
/// newline behind them there and not here.
pub(crate) fn translate(source: &str, flags: Flags) -> String {
    // With flags inside the expression `$` may mean the end of a line; it is left alone then.
    let ends = !flags.multi_line && !source.contains("(?");
    let mut made = String::with_capacity(source.len() + 8);
    let mut rest = source.char_indices().peekable();
    let mut class: Option<usize> = None;
    while let Some((at, next)) = rest.next() {
        match next {
            '\\' => match rest.next() {
                Some((_, after @ ('<' | '>'))) => made.push(after),
                Some((_, 'Z')) if class.is_none() => made.push_str(r"(?:\n?\z)"),
                Some((_, 'h')) => made.push_str(if class.is_none() { r"[\t\x20\x{a0}]" } else { r"\t\x20\x{a0}" }),
                // The braces of `\p{…}` and `\x{…}` belong to the escape.
                Some((after_at, after @ ('p' | 'P' | 'x' | 'u' | 'U')))
                    if source[after_at + after.len_utf8()..].starts_with('{') =>
                {
                    made.push('\\');
                    made.push(after);
                    for (_, inner) in rest.by_ref() {
                        made.push(inner);
                        if inner == '}' {
                            break;
                        }
                    }
                }
                Some((_, after)) => {
                    made.push('\\');
                    made.push(after);
                }
                None => made.push('\\'),
            },
            '[' if class.is_none() => {
                made.push('[');
                if rest.peek().is_some_and(|(_, after)| *after == '^') {
                    rest.next();
                    made.push('^');
                }
                // A bracket right at the start is a member.
                if rest.peek().is_some_and(|(_, after)| *after == ']') {
                    rest.next();
                    made.push_str("\\]");
                }
                class = Some(made.len());
            }
            '[' if source[at..].starts_with("[:") && source[at..].contains(":]") => {
                for (inner_at, inner) in std::iter::once((at, next)).chain(rest.by_ref()) {
                    made.push(inner);
                    if inner == ']' && source[..inner_at].ends_with(':') {
                        break;
                    }
                }
            }
            '[' => made.push_str("\\["),
            ']' if class.is_some() => {
                class = None;
                made.push(']');
            }
            '&' | '~' if class.is_some() => {
                made.push('\\');
                made.push(next);
            }
            '-' if class.is_some() && source[at + 1..].starts_with('-') => made.push_str("\\-"),
            '{' if class.is_none() && !is_repetition(&source[at..]) => made.push_str("\\{"),
            '}' if class.is_none() && !closes_repetition(&source[..at]) => made.push_str("\\}"),
            '$' if class.is_none() && ends => made.push_str(r"(?:\n?\z)"),
            other => made.push(other),
        }
    }
    made
}

/// Whether `text`, which starts with `{`, is `{n}`, `{n,}` or `{n,m}`.
fn is_repetition(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(inner, _)| inner) else {
        return false;
    };
    let (low, high) = inner.split_once(',').unwrap_or((inner, ""));
    !low.is_empty() && low.bytes().chain(high.bytes()).all(|byte| byte.is_ascii_digit())
}

/// Whether a `}` after `text` ends a repetition.
fn closes_repetition(text: &str) -> bool {
    text.rfind('{').is_some_and(|open| {
        let inner = &text[open + 1..];
        inner.starts_with(|first: char| first.is_ascii_digit())
            && inner.bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
            && inner.matches(',').count() <= 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, matches: &[&str], misses: &[&str]) {
        let regex = Expression::new(source, Flags::default()).unwrap_or_else(|error| panic!("{source}: {error}"));
        for text in matches {
            assert!(regex.is_match(text.as_bytes()), "{source} should match {text}");
        }
        for text in misses {
            assert!(!regex.is_match(text.as_bytes()), "{source} should not match {text}");
        }
    }

    #[test]
    fn what_two_dialects_read_differently_is_read_as_pcre() {
        check(r"\<a\>", &["x<a>"], &["a"]);
        check(r"[a&&b]", &["&", "a", "b"], &["c"]);
        check(r"^[[a]$", &["[", "a"], &["]", "b"]);
        check(r"[]a]", &["]", "a"], &["b"]);
        check(r"${env:x}", &[], &["x"]);
        check(r"\$\{jndi", &["${jndi"], &["jndi"]);
        check(r"{[0-9]}", &["{7}"], &["7"]);
        check(r"a{2}$", &["aa"], &["a"]);
        check(r"a{2,}[{]b}", &["aa{b}"], &["a{b}"]);
        check(r"^[[:digit:]]+$", &["12"], &["a"]);
        check(r"\x{41}\p{Lu}", &["AB"], &["Ab"]);
        check(r"[+--]", &["+", "-"], &["a"]);
    }

    #[test]
    fn flags_apply() {
        let flags = Flags { insensitive: true, multi_line: true, dot_all: true };
        assert!(Expression::new("^b.c", flags).unwrap().is_match(b"a\nB\nC"));
        assert!(!Expression::new("^b.c", Flags::default()).unwrap().is_match(b"a\nB\nC"));
    }

    #[test]
    fn ends_allow_for_one_newline() {
        check("foo$", &["foo", "foo\n"], &["foo\n\n", "foo\nx", "foox"]);
        check(r"^a$|\$b", &["a", "x$b"], &["ab", "b"]);
        check(r"foo\Z", &["foo", "foo\n"], &["foox"]);
        check(r"[$]\h", &["$\t", "$ "], &["$x"]);
        let lines = Flags { multi_line: true, ..Flags::default() };
        assert!(Expression::new("a$", lines).unwrap().is_match(b"a\nb"));
    }

    #[test]
    fn what_looks_around_or_back_runs_within_bounds() {
        check(r"(?<!not )evil", &["is evil"], &["not evil"]);
        check(r"cmd(?=\.exe)", &["cmd.exe"], &["cmd.com"]);
        check(r"^(..)-\1$", &["ab-ab", "ab-ab\n"], &["ab-ba"]);
        check(r"^(?>a+)b", &["aab"], &["aac"]);
        check(r"a++b", &["aab"], &["b"]);
        let hard = Expression::new(r"^(?:(a+)+)+(?<!b)c\1$", Flags::default()).unwrap();
        assert!(!hard.is_match(&[b'a'; 4_000]));
        assert_eq!(hard.given_up(), 1);
        assert!(!hard.is_match(&vec![b'a'; SUBJECT_BYTES_MAX + 1]));
        assert_eq!(hard.given_up(), 2);
        let flags = Flags { insensitive: true, ..Flags::default() };
        assert!(Expression::new("(?=X)x", flags).unwrap().is_match(b"x"));
    }

    #[test]
    fn slips_are_told_and_bombs_are_bounded() {
        let told = |source: &str| Expression::new(source, Flags::default()).unwrap_err();
        assert!(!told("((a{1000}){1000}){1000}").is_empty());
        assert!(told("(").contains("unclosed group"));
        assert!(!told("\\").is_empty());
        assert!(!told("(?=a").is_empty());
    }
}
