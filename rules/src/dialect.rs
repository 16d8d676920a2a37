//! Regular expressions as Sigma writes them (PCRE), for an engine that reads them slightly otherwise.
//!
//! The engine runs in linear time and has neither look-around nor back-references: what
//! needs them is refused when the rule loads. Where both dialects accept a text but would
//! read it differently, it is rewritten here, so that a rule never means something else.

use regex::bytes::{Regex, RegexBuilder};

/// Most memory one compiled expression may take. Bounded repetitions of classes explode;
/// the largest expression of the public rules stays under 1 MiB.
pub const SIZE_MAX: usize = 8 << 20;
/// Most memory for the lazy automaton of one expression. A cache that is too small falls
/// back to a slow engine, by a factor of a thousand.
pub const DFA_SIZE_MAX: usize = 16 << 20;

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

/// Compiles an expression.
///
/// # Errors
/// What the engine can't do, in one line.
pub fn compile(source: &str, flags: Flags) -> Result<Regex, String> {
    RegexBuilder::new(&translate(source))
        .case_insensitive(flags.insensitive)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .size_limit(SIZE_MAX)
        .dfa_size_limit(DFA_SIZE_MAX)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim().trim_start_matches("error: ").to_owned()
        })
}

/// Rewrites what PCRE and the engine read differently: `\<` and `\>` (word boundaries
/// here, plain characters there), `[`, `&&`, `--`, `~~` inside a class (set operations here,
/// plain characters there), and `{` or `}` that is no repetition (an error here).
fn translate(source: &str) -> String {
    let mut made = String::with_capacity(source.len() + 8);
    let mut rest = source.char_indices().peekable();
    let mut class: Option<usize> = None;
    while let Some((at, next)) = rest.next() {
        match next {
            '\\' => match rest.next() {
                Some((_, after @ ('<' | '>'))) => made.push(after),
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
        let regex = compile(source, Flags::default()).unwrap_or_else(|error| panic!("{source}: {error}"));
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
        assert!(compile("^b.c", flags).unwrap().is_match(b"a\nB\nC"));
        assert!(!compile("^b.c", Flags::default()).unwrap().is_match(b"a\nB\nC"));
    }

    #[test]
    fn what_the_engine_lacks_is_told_and_bombs_are_bounded() {
        assert!(compile("(?=a)b", Flags::default()).unwrap_err().contains("look-around"));
        assert!(compile(r"(a)\1", Flags::default()).unwrap_err().contains("backreference"));
        assert!(compile("((a{1000}){1000}){1000}", Flags::default()).is_err());
        assert!(compile("(", Flags::default()).is_err());
        assert!(compile("\\", Flags::default()).is_err());
    }
}
