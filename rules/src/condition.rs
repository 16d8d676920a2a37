//! The condition of a detection: grammar and tree (Sigma rules specification 2.1, "Condition").
//!
//! ```text
//! or         = and { "or" and }
//! and        = not { "and" not }
//! not        = { "not" } primary
//! primary    = "(" or ")" | quantity "of" ( "them" | pattern ) | identifier
//! quantity   = "1" | "any" | "all" | number
//! ```
//!
//! Names are resolved against the detection's selections, so what comes out can be
//! evaluated as it is. The pipe aggregations of old Sigma are refused.

use std::ops::Range;

use nom::branch::alt;
use nom::bytes::complete::{take_while, take_while1};
use nom::character::complete::{char, multispace0};
use nom::combinator::{map, recognize};
use nom::{IResult, Parser};

use crate::suggest::nearest;

/// Deepest nesting of brackets and negations; the tree is walked by recursion.
pub const DEPTH_MAX: usize = 64;
/// Most words in one condition.
pub const WORDS_MAX: usize = 4_096;

/// A condition over selections, which are numbers into the detection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// The selection matches.
    Selection(usize),
    /// All of these hold.
    And(Vec<Condition>),
    /// One of these holds.
    Or(Vec<Condition>),
    /// This does not hold.
    Not(Box<Condition>),
    /// At least `count` of the selections match.
    Of {
        /// How many must match.
        count: usize,
        /// Which may.
        selections: Vec<usize>,
    },
}

impl Condition {
    /// The condition without what it excepts: a `not` beside something affirmed is left out. One that affirms nothing stays whole.
    pub(crate) fn without_exceptions(&self) -> Condition {
        match self {
            Condition::And(parts) if parts.iter().any(|part| !matches!(part, Condition::Not(_))) => {
                let affirmed = parts.iter().filter(|part| !matches!(part, Condition::Not(_)));
                Condition::And(affirmed.map(Condition::without_exceptions).collect())
            }
            Condition::Or(parts) => Condition::Or(parts.iter().map(Condition::without_exceptions).collect()),
            other => other.clone(),
        }
    }
}

/// Why a condition was refused; `at` is a byte range of its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Which part.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Token<'a> {
    Open,
    Close,
    Pipe,
    Word(&'a str),
    /// A character that has no place in a condition.
    Stray(char),
}

fn token(text: &str) -> IResult<&str, Token<'_>> {
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '*' | '?' | '.' | '@' | '$' | '/');
    alt((
        map(char('('), |_| Token::Open),
        map(char(')'), |_| Token::Close),
        map(char('|'), |_| Token::Pipe),
        map(take_while1(word), Token::Word),
        map(recognize((nom::character::complete::anychar, take_while(|_| false))), |stray: &str| {
            Token::Stray(stray.chars().next().unwrap_or(' '))
        }),
    ))
    .parse(text)
}

fn tokens(text: &str) -> Result<Vec<(Token<'_>, Range<usize>)>, Fault> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = multispace0::<_, nom::error::Error<&str>>(rest).map_or(rest, |(rest, _)| rest);
        let from = text.len() - rest.len();
        let Ok((after, token)) = token(rest) else { return Ok(found) };
        let to = text.len() - after.len();
        if token == Token::Pipe {
            // What follows is another language; `parse` refuses it as a whole.
            found.push((token, from..to));
            return Ok(found);
        }
        if let Token::Stray(stray) = token {
            let help = matches!(stray, '&' | '!').then(|| "write `and`, `or`, `not`".to_owned());
            return Err(Fault { at: from..to, message: format!("`{stray}` has no place in a condition"), help });
        }
        if found.len() >= WORDS_MAX {
            return Err(Fault {
                at: from..to,
                message: format!("more than {WORDS_MAX} words in the condition"),
                help: None,
            });
        }
        found.push((token, from..to));
        rest = after;
    }
}

/// Parses a condition over the named selections.
///
/// # Errors
/// The first thing that is wrong, with its place in `text`.
pub fn parse(text: &str, selections: &[&str]) -> Result<Condition, Fault> {
    let tokens = tokens(text)?;
    if let Some((_, at)) = tokens.iter().find(|(token, _)| *token == Token::Pipe) {
        return Err(Fault {
            at: at.start..text.len(),
            message: format!("the aggregation `{}` is not supported in a condition", text[at.start..].trim()),
            help: Some("Sigma 2 moved aggregations to correlation rules: write a `correlation:` document of type event_count or value_count that names this rule".into()),
        });
    }
    let mut reader = Reader { text, tokens: &tokens, at: 0, depth: 0, selections };
    let condition = reader.or()?;
    match reader.tokens.get(reader.at) {
        None => Ok(condition),
        Some((Token::Close, at)) => Err(Fault { at: at.clone(), message: "`)` closes nothing".into(), help: None }),
        Some((_, at)) => Err(Fault {
            at: at.clone(),
            message: format!("expected `and`, `or` or the end, found `{}`", &text[at.clone()]),
            help: None,
        }),
    }
}

struct Reader<'a> {
    text: &'a str,
    tokens: &'a [(Token<'a>, Range<usize>)],
    at: usize,
    depth: usize,
    selections: &'a [&'a str],
}

impl<'a> Reader<'a> {
    fn word(&self) -> Option<&'a str> {
        match self.tokens.get(self.at) {
            Some((Token::Word(word), _)) => Some(word),
            _ => None,
        }
    }

    fn takes(&mut self, keyword: &str) -> bool {
        let found = self.word().is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn here(&self) -> Range<usize> {
        self.tokens.get(self.at).map_or(self.text.len()..self.text.len(), |(_, at)| at.clone())
    }

    fn fault<T>(&self, at: Range<usize>, message: impl Into<String>, help: Option<String>) -> Result<T, Fault> {
        Err(Fault { at, message: message.into(), help })
    }

    fn or(&mut self) -> Result<Condition, Fault> {
        let mut any = vec![self.and()?];
        while self.takes("or") {
            any.push(self.and()?);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Condition::Or(any) })
    }

    fn and(&mut self) -> Result<Condition, Fault> {
        let mut all = vec![self.not()?];
        while self.takes("and") {
            all.push(self.not()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Condition::And(all) })
    }

    fn not(&mut self) -> Result<Condition, Fault> {
        let at = self.here();
        if !self.takes("not") {
            return self.primary();
        }
        self.deeper(at)?;
        let inner = self.not()?;
        self.depth -= 1;
        Ok(Condition::Not(Box::new(inner)))
    }

    fn deeper(&mut self, at: Range<usize>) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.fault(at, format!("nested more than {DEPTH_MAX} levels deep"), None);
        }
        Ok(())
    }

    fn primary(&mut self) -> Result<Condition, Fault> {
        let at = self.here();
        match self.tokens.get(self.at) {
            None => self.fault(at, "the condition ends where a selection is expected", None),
            Some((Token::Open, _)) => {
                self.at += 1;
                self.deeper(at.clone())?;
                let inner = self.or()?;
                self.depth -= 1;
                if !matches!(self.tokens.get(self.at), Some((Token::Close, _))) {
                    return self.fault(at, "`(` is not closed", None);
                }
                self.at += 1;
                Ok(inner)
            }
            Some((Token::Word(word), _)) => {
                self.at += 1;
                if self.word().is_some_and(|next| next.eq_ignore_ascii_case("of")) {
                    self.at += 1;
                    return self.of(word, &at);
                }
                self.identifier(word, at)
            }
            Some(_) => {
                let found = &self.text[at.clone()];
                self.fault(at, format!("expected a selection, found `{found}`"), None)
            }
        }
    }

    fn identifier(&self, word: &str, at: Range<usize>) -> Result<Condition, Fault> {
        if let Some(found) = self.selections.iter().position(|name| *name == word) {
            return Ok(Condition::Selection(found));
        }
        if word.contains(['*', '?']) {
            return self.fault(
                at,
                format!("the pattern `{word}` stands alone"),
                Some(format!("write `1 of {word}` or `all of {word}`")),
            );
        }
        let help = nearest(word, self.selections.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        self.fault(at, format!("the condition names `{word}`, which the detection doesn't define"), help)
    }

    fn of(&mut self, quantity: &str, quantity_at: &Range<usize>) -> Result<Condition, Fault> {
        let at = self.here();
        let Some(pattern) = self.word() else {
            return self.fault(at, "expected `them` or a pattern after `of`", None);
        };
        self.at += 1;
        let selections: Vec<usize> = if pattern.eq_ignore_ascii_case("them") {
            (0..self.selections.len()).filter(|at| !self.selections[*at].starts_with('_')).collect()
        } else {
            (0..self.selections.len()).filter(|at| glob(pattern.as_bytes(), self.selections[*at].as_bytes())).collect()
        };
        if selections.is_empty() {
            let help = nearest(pattern.trim_end_matches('*'), self.selections.iter().copied())
                .map(|near| format!("did you mean `{near}`?"));
            return self.fault(at, format!("`{pattern}` fits no selection of the detection"), help);
        }
        let count = if quantity.eq_ignore_ascii_case("all") {
            selections.len()
        } else if quantity.eq_ignore_ascii_case("any") {
            1
        } else {
            match quantity.parse::<usize>() {
                Ok(count) if count >= 1 => count,
                _ => {
                    let help = Some("write `1 of`, `all of` or a number".to_owned());
                    return self.fault(quantity_at.clone(), format!("`{quantity} of` is not a quantity"), help);
                }
            }
        };
        if count > selections.len() {
            return self.fault(
                quantity_at.clone(),
                format!("`{count} of {pattern}` can never hold: it fits {} selections", selections.len()),
                None,
            );
        }
        Ok(Condition::Of { count, selections })
    }
}

/// Whether `name` fits `pattern`, where `*` stands for any characters.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut back) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p, n));
                p += 1;
            }
            Some(byte) if *byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((star, from)) = back else { return false };
                p = star + 1;
                n = from + 1;
                back = Some((star, n));
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["sel", "selection_a", "selection_b", "filter_main_x", "_hidden", "keywords"];

    fn show(condition: &Condition) -> String {
        let list =
            |items: &[Condition], word: &str| format!("({})", items.iter().map(show).collect::<Vec<_>>().join(word));
        match condition {
            Condition::Selection(at) => NAMES[*at].into(),
            Condition::And(items) => list(items, " & "),
            Condition::Or(items) => list(items, " | "),
            Condition::Not(inner) => format!("!{}", show(inner)),
            Condition::Of { count, selections } => {
                format!("{count}of[{}]", selections.iter().map(|at| NAMES[*at]).collect::<Vec<_>>().join(","))
            }
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        match parse(text, NAMES) {
            Ok(condition) => assert_eq!(show(&condition), expected, "{text}"),
            Err(fault) => assert_eq!(format!("{}: {}", &text[fault.at], fault.message), expected, "{text}"),
        }
    }

    #[test]
    fn precedence_is_not_and_or() {
        check("sel", "sel");
        check("sel or selection_a and not selection_b", "(sel | (selection_a & !selection_b))");
        check("(sel or selection_a) and selection_b", "((sel | selection_a) & selection_b)");
        check("not not sel", "!!sel");
        check("not sel and keywords", "(!sel & keywords)");
        check("SEL or sel", "SEL: the condition names `SEL`, which the detection doesn't define");
        check("sel AND NOT keywords", "(sel & !keywords)");
        check("((sel))", "sel");
    }

    #[test]
    fn quantities_and_patterns() {
        check("1 of selection_*", "1of[selection_a,selection_b]");
        check("all of selection_*", "2of[selection_a,selection_b]");
        check("2 of sel*", "2of[sel,selection_a,selection_b]");
        check("1 of *_main_*", "1of[filter_main_x]");
        check("any of selection_*", "1of[selection_a,selection_b]");
        check("all of them", "5of[sel,selection_a,selection_b,filter_main_x,keywords]");
        check("1 of _hidden", "1of[_hidden]");
        check("sel and not 1 of filter_*", "(sel & !1of[filter_main_x])");
        check("3 of selection_*", "3: `3 of selection_*` can never hold: it fits 2 selections");
        check("0 of them", "0: `0 of` is not a quantity");
        check("most of them", "most: `most of` is not a quantity");
        check("1 of nothing_*", "nothing_*: `nothing_*` fits no selection of the detection");
    }

    #[test]
    fn faults_name_their_words() {
        check("sel | count() > 5", "| count() > 5: the aggregation `| count() > 5` is not supported in a condition");
        check("(sel", "(: `(` is not closed");
        check("sel)", "): `)` closes nothing");
        check("sel keywords", "keywords: expected `and`, `or` or the end, found `keywords`");
        check("sel and", ": the condition ends where a selection is expected");
        check("", ": the condition ends where a selection is expected");
        check("selection_*", "selection_*: the pattern `selection_*` stands alone");
        check("sel & keywords", "&: `&` has no place in a condition");
        check("1 of (sel)", "(: expected `them` or a pattern after `of`");
        let deep = format!("{}sel{}", "(".repeat(100), ")".repeat(100));
        assert!(parse(&deep, NAMES).unwrap_err().message.contains("levels deep"));
        assert!(parse(&"not ".repeat(100), NAMES).unwrap_err().message.contains("levels deep"));
    }

    #[test]
    fn exceptions_are_what_is_denied_beside_what_is_affirmed() {
        let without = |text: &str| show(&parse(text, NAMES).unwrap().without_exceptions());
        assert_eq!(without("sel and not 1 of filter_* and keywords"), "(sel & keywords)");
        assert_eq!(without("sel or (selection_a and not selection_b)"), "(sel | (selection_a))");
        assert_eq!(without("not sel"), "!sel");
        assert_eq!(without("not sel and not keywords"), "(!sel & !keywords)");
    }

    #[test]
    fn a_slip_in_a_name_is_guessed() {
        assert_eq!(parse("selection_c", NAMES).unwrap_err().help.as_deref(), Some("did you mean `selection_a`?"));
    }
}
