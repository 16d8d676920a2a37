//! The language of searches: what is typed becomes a filter and what to make of the rows it lets through.
//!
//! ```text
//! query   := filter [ "|" command ]*
//! filter  := all-of [ OR all-of ]*          all-of := not [ [AND] not ]*        not := [ NOT | - ] part
//! part    := ( filter ) | field : test | text
//! test    := value | ( value [ OR value ]* ) | [ low TO high ] | < > <= >= value | *
//! value   := word or "quoted", with * and ? as wildcards outside quotes; an address range as 192.0.2.0/24
//! command := stats CALL [, CALL]* [ by field [, field]* ] | sort [-]field | limit N | fields field [, field]*
//! CALL    := count | min(field) | max(field) | sum(field) | avg(field) | distinct(field)
//! ```
//!
//! Words stand for text in the record, case ignored; a field's test is about its whole value, case ignored.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};

/// Longest query taken.
pub const QUERY_BYTES_MAX: usize = 64 << 10;

/// Deepest nesting of parentheses and NOT.
pub const DEPTH_MAX: usize = 64;

/// Most rows that `limit` may ask for: they are held in memory until sorted.
pub const LIMIT_MAX: usize = 1_000_000;

/// Which rows.
#[derive(Clone, Debug)]
pub enum Filter {
    /// All of them; of none: every row.
    All(Vec<Filter>),
    /// Any of them.
    Any(Vec<Filter>),
    /// Not it.
    Not(Box<Filter>),
    /// The record's text has it.
    Text(Pattern),
    /// A value of the field passes the test.
    Field(String, Test),
}

/// What a value must be.
#[derive(Clone, Debug)]
pub enum Test {
    /// There is one.
    Exists,
    /// It is this text.
    Is(Pattern),
    /// It is any of these, in lower case, sorted.
    OneOf(Vec<String>),
    /// It is a number or text in between.
    Between(Option<Bound>, Option<Bound>),
    /// It is an address in this range.
    Within(IpAddr, u8),
    /// Code says so. No row group is ruled out by it.
    Passes(Predicate),
}

/// Says whether a value's bytes pass.
pub type Passing = dyn Fn(&[u8]) -> bool + Send + Sync;

/// A test that no query can spell.
#[derive(Clone)]
pub struct Predicate(pub Arc<Passing>);

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Predicate")
    }
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// As it was typed.
    pub text: String,
    /// As a number, where it is one.
    pub number: Option<f64>,
    /// Whether the end belongs to the range.
    pub inclusive: bool,
}

/// A text with wildcards, case ignored.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// In lower case, where there are no wildcards.
    pub exact: Option<String>,
    regex: Regex,
}

impl Pattern {
    /// Whether it stands in `bytes`, or is the whole of them, as it was made.
    pub fn is_match(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(bytes)
    }

    /// Where in `bytes` it first stands from `at` on: begin and end.
    pub(crate) fn find_at(&self, bytes: &[u8], at: usize) -> Option<(usize, usize)> {
        self.regex.find_at(bytes, at).map(|found| (found.start(), found.end()))
    }

    /// A pattern for the whole of a value, or for a part of a text.
    ///
    /// # Errors
    /// When it grows too large for the engine of regular expressions.
    pub fn new(text: &str, wildcards: bool, whole: bool) -> Result<Self, QueryError> {
        let mut expression = String::from(if whole { r"\A" } else { "" });
        let mut has_wildcard = false;
        let mut literal = String::new();
        for character in text.chars() {
            match character {
                '*' | '?' if wildcards => {
                    has_wildcard = true;
                    expression.push_str(&regex::escape(&std::mem::take(&mut literal)));
                    expression.push_str(if character == '*' { ".*?" } else { "." });
                }
                other => literal.push(other),
            }
        }
        expression.push_str(&regex::escape(&literal));
        if whole {
            expression.push_str(r"\z");
        }
        let regex = RegexBuilder::new(&expression).case_insensitive(true).dot_matches_new_line(true).build();
        let regex =
            regex.map_err(|error| QueryError { at: 0, message: format!("the pattern is too large: {error}") })?;
        Ok(Pattern { exact: (!has_wildcard).then(|| text.to_lowercase()), regex })
    }
}

/// What is made of the rows.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which rows; `None` = every one.
    pub filter: Option<Filter>,
    /// Counted instead of shown.
    pub stats: Option<Stats>,
    /// By which field, and whether from the greatest on; rows: by time from the newest on.
    pub sort: Option<(String, bool)>,
    /// How many at most.
    pub limit: Option<usize>,
    /// Which fields are shown, where not all.
    pub fields: Vec<String>,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// The figures.
    pub calls: Vec<Call>,
    /// For each value of these.
    pub by: Vec<String>,
}

/// A figure of a group of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Rows.
    Count,
    /// Least number.
    Min(String),
    /// Greatest number.
    Max(String),
    /// Sum of the numbers.
    Sum(String),
    /// Their mean.
    Average(String),
    /// Distinct values.
    Distinct(String),
}

impl Call {
    /// The field it is of.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Count => None,
            Self::Min(field) | Self::Max(field) | Self::Sum(field) | Self::Average(field) | Self::Distinct(field) => {
                Some(field)
            }
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Count => return f.write_str("count"),
            Self::Min(_) => "min",
            Self::Max(_) => "max",
            Self::Sum(_) => "sum",
            Self::Average(_) => "avg",
            Self::Distinct(_) => "distinct",
        };
        write!(f, "{name}({})", self.field().unwrap_or_default())
    }
}

/// What is wrong with a query, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryError {
    /// Byte from the begin of the query.
    pub at: usize,
    /// What is wrong, and the way out.
    pub message: String,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.message, self.at)
    }
}

impl std::error::Error for QueryError {}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(char),
}

struct Parser<'q> {
    text: &'q str,
    tokens: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
}

/// Reads a query.
///
/// # Errors
/// What is wrong with it, and where.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(QueryError {
            at: QUERY_BYTES_MAX,
            message: format!("a query has {QUERY_BYTES_MAX} bytes at most"),
        });
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens, at: 0, depth: 0 };
    let mut query = Query::default();
    if !parser.is_end() && !parser.is_sign('|') {
        query.filter = Some(parser.any()?);
    }
    while parser.take_sign('|') {
        parser.command(&mut query)?;
    }
    if !parser.is_end() {
        return Err(parser.wrong("this stands behind the end of the query"));
    }
    Ok(query)
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, QueryError> {
    let mut tokens = Vec::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            _ if character.is_whitespace() => {}
            '"' => {
                let mut quoted = String::new();
                loop {
                    match characters.next() {
                        Some((_, '"')) => break,
                        Some((_, '\\')) => match characters.next() {
                            Some((_, escaped @ ('"' | '\\'))) => quoted.push(escaped),
                            Some((_, other)) => quoted.extend(['\\', other]),
                            None => return Err(QueryError { at, message: "the quote is not closed".into() }),
                        },
                        Some((_, other)) => quoted.push(other),
                        None => return Err(QueryError { at, message: "the quote is not closed".into() }),
                    }
                }
                tokens.push((at, Token::Quoted(quoted)));
            }
            '(' | ')' | '[' | ']' | '|' | ',' | '<' | '>' | '=' => tokens.push((at, Token::Sign(character))),
            ':' => tokens.push((at, Token::Sign(':'))),
            '-' if matches!(characters.peek(), Some((_, '"' | '('))) => tokens.push((at, Token::Sign('-'))),
            _ => {
                let mut word = String::from(character);
                // A colon ends a field's name once; in a value (an IPv6 address, a time) it is part of it.
                let is_value = matches!(tokens.last(), Some((_, Token::Sign(':' | '<' | '>' | '=' | '['))))
                    || matches!(tokens.last(), Some((_, Token::Word(word))) if word == "TO");
                while let Some(&(_, next)) = characters.peek() {
                    let ends =
                        next.is_whitespace() || matches!(next, '(' | ')' | '[' | ']' | '|' | ',' | '"' | '<' | '>');
                    if ends || (next == ':' && !is_value) {
                        break;
                    }
                    word.push(next);
                    characters.next();
                }
                tokens.push((at, Token::Word(word)));
            }
        }
    }
    Ok(tokens)
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn is_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    fn is_sign(&self, sign: char) -> bool {
        self.peek() == Some(&Token::Sign(sign))
    }

    fn take_sign(&mut self, sign: char) -> bool {
        let is = self.is_sign(sign);
        self.at += usize::from(is);
        is
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Word(there)) if there == word);
        self.at += usize::from(is);
        is
    }

    fn wrong(&self, message: impl Into<String>) -> QueryError {
        let at = self.tokens.get(self.at).map_or(self.text.len(), |(at, _)| *at);
        QueryError { at, message: message.into() }
    }

    fn any(&mut self) -> Result<Filter, QueryError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong(format!("a query nests {DEPTH_MAX} deep at most")));
        }
        let mut parts = vec![self.all()?];
        while self.take_word("OR") {
            parts.push(self.all()?);
        }
        self.depth -= 1;
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Any(parts) })
    }

    fn all(&mut self) -> Result<Filter, QueryError> {
        let mut parts = vec![self.not()?];
        loop {
            let said = self.take_word("AND");
            let ends = match self.peek() {
                None | Some(Token::Sign(')' | '|')) => true,
                Some(Token::Word(word)) => word == "OR",
                _ => false,
            };
            if ends {
                if said {
                    return Err(self.wrong("something must follow AND"));
                }
                break;
            }
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) })
    }

    fn not(&mut self) -> Result<Filter, QueryError> {
        let mut negated = false;
        while self.take_word("NOT") || self.take_sign('-') {
            negated = !negated;
        }
        if let Some((_, Token::Word(word))) = self.tokens.get_mut(self.at)
            && word.len() > 1
            && word.starts_with('-')
        {
            word.remove(0);
            negated = !negated;
        }
        let part = self.part()?;
        Ok(if negated { Filter::Not(Box::new(part)) } else { part })
    }

    fn part(&mut self) -> Result<Filter, QueryError> {
        if self.take_sign('(') {
            let inner = self.any()?;
            if !self.take_sign(')') {
                return Err(self.wrong("a closing parenthesis is missing"));
            }
            return Ok(inner);
        }
        let (text, wildcards) = match self.peek() {
            Some(Token::Word(word)) if matches!(word.as_str(), "AND" | "OR" | "TO") => {
                return Err(self.wrong(format!("`{word}` stands where a term should; quote it to look for the word")));
            }
            Some(Token::Word(word)) => (word.clone(), true),
            Some(Token::Quoted(text)) => (text.clone(), false),
            _ => return Err(self.wrong("a field, a word or a parenthesis should stand here")),
        };
        self.at += 1;
        if self.take_sign(':') {
            return self.test(text);
        }
        let pattern = Pattern::new(&text, wildcards, false).map_err(|error| self.wrong(error.message))?;
        Ok(Filter::Text(pattern))
    }

    fn test(&mut self, field: String) -> Result<Filter, QueryError> {
        if self.take_sign('(') {
            let mut tests = Vec::new();
            loop {
                tests.push(Filter::Field(field.clone(), self.value()?));
                if self.take_sign(')') {
                    return Ok(Filter::Any(tests));
                }
                if !self.take_word("OR") {
                    return Err(self.wrong("values in parentheses are joined by OR"));
                }
            }
        }
        if self.take_sign('[') {
            let low = self.bound(true)?;
            if !self.take_word("TO") {
                return Err(self.wrong("a range is written [low TO high]"));
            }
            let high = self.bound(true)?;
            if !self.take_sign(']') {
                return Err(self.wrong("the range is not closed by `]`"));
            }
            return Ok(Filter::Field(field, Test::Between(low, high)));
        }
        for sign in ['<', '>'] {
            if self.take_sign(sign) {
                let inclusive = self.take_sign('=');
                let bound = self.bound(inclusive)?;
                let test = if sign == '<' { Test::Between(None, bound) } else { Test::Between(bound, None) };
                return Ok(Filter::Field(field, test));
            }
        }
        Ok(Filter::Field(field, self.value()?))
    }

    fn value(&mut self) -> Result<Test, QueryError> {
        let (text, wildcards) = match self.peek() {
            Some(Token::Word(word)) => (word.clone(), true),
            Some(Token::Quoted(text)) => (text.clone(), false),
            _ => return Err(self.wrong("a value should stand here")),
        };
        self.at += 1;
        if wildcards && text == "*" {
            return Ok(Test::Exists);
        }
        if let Some((address, bits)) = text.split_once('/').filter(|_| wildcards)
            && let (Ok(address), Ok(bits)) = (address.parse::<IpAddr>(), bits.parse::<u8>())
        {
            let most = if address.is_ipv4() { 32 } else { 128 };
            if bits > most {
                return Err(self.wrong(format!("a range of this kind of address has {most} bits at most")));
            }
            return Ok(Test::Within(address, bits));
        }
        // An address is looked for as it is held.
        let text = text.parse::<IpAddr>().map_or(text, |address| address.to_string());
        Ok(Test::Is(Pattern::new(&text, wildcards, true).map_err(|error| self.wrong(error.message))?))
    }

    fn bound(&mut self, inclusive: bool) -> Result<Option<Bound>, QueryError> {
        let text = match self.peek() {
            Some(Token::Word(word)) if word == "*" => None,
            Some(Token::Word(text) | Token::Quoted(text)) => Some(text.clone()),
            _ => return Err(self.wrong("a number or text should stand here")),
        };
        self.at += 1;
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        Ok(text.map(|text| Bound { number: number(&text), text, inclusive }))
    }

    fn command(&mut self, query: &mut Query) -> Result<(), QueryError> {
        if self.take_word("stats") {
            query.stats = Some(self.stats()?);
        } else if self.take_word("sort") {
            let name = self.name()?;
            let (name, descending) = match name.strip_prefix('-') {
                Some(rest) => (rest.to_owned(), true),
                None => (name, false),
            };
            let name = if self.is_sign('(') { self.call_of(&name)?.to_string() } else { name };
            query.sort = Some((name, descending));
        } else if self.take_word("limit") {
            let place = self.wrong("");
            let number = self.name()?.parse::<usize>().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
            let message = format!("limit takes a number from 1 to {LIMIT_MAX}");
            query.limit = Some(number.ok_or(QueryError { message, ..place })?);
        } else if self.take_word("fields") {
            query.fields = self.names()?;
        } else {
            return Err(self.wrong("a command is stats, sort, limit or fields"));
        }
        Ok(())
    }

    fn stats(&mut self) -> Result<Stats, QueryError> {
        let mut stats = Stats { calls: Vec::new(), by: Vec::new() };
        loop {
            let name = self.name()?;
            stats.calls.push(self.call_of(&name)?);
            if !self.take_sign(',') {
                break;
            }
        }
        if self.take_word("by") {
            stats.by = self.names()?;
        }
        Ok(stats)
    }

    fn call_of(&mut self, name: &str) -> Result<Call, QueryError> {
        if name == "count" && !self.is_sign('(') {
            return Ok(Call::Count);
        }
        let place = self.wrong("");
        if !self.take_sign('(') {
            return Err(self.wrong(format!("`{name}` takes a field in parentheses")));
        }
        if name == "count" && self.take_sign(')') {
            return Ok(Call::Count);
        }
        let field = self.name()?;
        if !self.take_sign(')') {
            return Err(self.wrong("a closing parenthesis is missing"));
        }
        match name {
            "min" => Ok(Call::Min(field)),
            "max" => Ok(Call::Max(field)),
            "sum" => Ok(Call::Sum(field)),
            "avg" => Ok(Call::Average(field)),
            "distinct" => Ok(Call::Distinct(field)),
            _ => Err(QueryError {
                message: format!("there is no `{name}`; there are count, min, max, sum, avg and distinct"),
                ..place
            }),
        }
    }

    fn names(&mut self) -> Result<Vec<String>, QueryError> {
        let mut names = vec![self.name()?];
        while self.take_sign(',') {
            names.push(self.name()?);
        }
        Ok(names)
    }

    fn name(&mut self) -> Result<String, QueryError> {
        match self.peek() {
            Some(Token::Word(name) | Token::Quoted(name)) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.wrong("a name should stand here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The filter in words.
    fn told(filter: &Filter) -> String {
        let joined = |parts: &[Filter], by: &str| parts.iter().map(told).collect::<Vec<_>>().join(by);
        match filter {
            Filter::All(parts) => format!("({})", joined(parts, " & ")),
            Filter::Any(parts) => format!("({})", joined(parts, " | ")),
            Filter::Not(part) => format!("!{}", told(part)),
            Filter::Text(pattern) => format!("'{}'", pattern.exact.as_deref().unwrap_or(pattern.regex.as_str())),
            Filter::Field(name, Test::Exists) => format!("{name}?"),
            Filter::Field(name, Test::Is(pattern)) => {
                format!("{name}={}", pattern.exact.as_deref().unwrap_or(pattern.regex.as_str()))
            }
            Filter::Field(name, Test::Within(address, bits)) => format!("{name} in {address}/{bits}"),
            Filter::Field(name, Test::Between(low, high)) => {
                let bound = |bound: &Option<Bound>| {
                    bound
                        .as_ref()
                        .map_or(String::new(), |b| format!("{}{}", b.text, if b.inclusive { "=" } else { "" }))
                };
                format!("{name}[{}..{}]", bound(low), bound(high))
            }
            Filter::Field(name, Test::Passes(_)) => format!("{name} passes"),
            Filter::Field(name, Test::OneOf(values)) => format!("{name} of {}", values.len()),
        }
    }

    #[track_caller]
    fn check(query: &str, expected: &str) {
        let told = match parse(query) {
            Ok(query) => query.filter.as_ref().map(told).unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected, "{query}");
    }

    #[test]
    fn filters() {
        check("source.ip:192.0.2.7", "source.ip=192.0.2.7");
        check("source.ip:192.0.2.0/24 AND NOT \"Failed Password\"", "(source.ip in 192.0.2.0/24 & !'failed password')");
        check("a:1 b:2 OR c:(x OR \"y z\")", "((a=1 & b=2) | (c=x | c=y z))");
        check("-user.name:root (a:* OR b:x*y?)", r"(!user.name=root & (a? | b=\Ax.*?y.\z))");
        check(
            "destination.port:[1 TO 1023] source.bytes:>=5000 x:<3",
            "(destination.port[1=..1023=] & source.bytes[5000=..] & x[..3])",
        );
        check("source.ip:2001:DB8::1", "source.ip=2001:db8::1");
        check("-\"a b\" -(c:1 OR d)", "(!'a b' & !(c=1 | 'd'))");
        check("", "");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        check("a:(x", "values in parentheses are joined by OR (at byte 4)");
        check("(a:1", "a closing parenthesis is missing (at byte 4)");
        check("a AND", "something must follow AND (at byte 5)");
        check("OR b", "`OR` stands where a term should; quote it to look for the word (at byte 0)");
        check("\"open", "the quote is not closed (at byte 0)");
        check("a:1 | top 3", "a command is stats, sort, limit or fields (at byte 6)");
        check(
            "a:1 | stats median(x)",
            "there is no `median`; there are count, min, max, sum, avg and distinct (at byte 18)",
        );
        check("x:10.0.0.0/33", "a range of this kind of address has 32 bits at most (at byte 13)");
        check(&"(".repeat(100), "a query nests 64 deep at most (at byte 64)");
    }

    #[test]
    fn commands() {
        let query =
            parse("event.outcome:failure | stats count, distinct(source.ip) by user.name | sort -count | limit 5")
                .unwrap();
        let stats = query.stats.unwrap();
        assert_eq!(stats.calls.iter().map(ToString::to_string).collect::<Vec<_>>(), ["count", "distinct(source.ip)"]);
        assert_eq!(stats.by, ["user.name"]);
        assert_eq!((query.sort, query.limit), (Some(("count".into(), true)), Some(5)));
        let query = parse("| fields @timestamp, user.name | sort user.name").unwrap();
        assert_eq!(query.fields, ["@timestamp", "user.name"]);
        let query = parse("| stats sum(source.bytes) by host.name | sort -sum(source.bytes)").unwrap();
        assert_eq!(query.sort, Some(("sum(source.bytes)".into(), true)));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z:()\\[\\]|,<>=*?\"\\\\ -]{0,60}") {
            let _ = parse(&text);
        }
    }
}
