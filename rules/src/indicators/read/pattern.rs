//! STIX patterns (STIX 2.1 §9, Patterning) as far as single events can answer them.
//!
//! A pattern becomes alternatives, each a list of comparisons that must hold in one event. What needs several events, negation or text
//! matching is refused by name, never read as something simpler.

/// Longest pattern read.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting of brackets.
const DEPTH_MAX: usize = 32;
/// Most alternatives that one pattern may stand for: products of lists grow fast.
const ALTERNATIVES_MAX: usize = 10_000;

/// One comparison: an object path equals a value, or lies in a network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Comparison {
    /// As written, without quotes around its parts: `file:hashes.SHA-256`.
    pub(super) path: String,
    /// The value compared with.
    pub(super) value: String,
}

/// Comparisons that must all hold.
pub(super) type All = Vec<Comparison>;

/// The alternatives of a pattern. `Err`: what it needs that is not supported, or where it can't be read.
pub(super) fn parse(text: &str) -> Result<Vec<All>, String> {
    if text.len() > PATTERN_BYTES_MAX {
        return Err(format!("the pattern is over {PATTERN_BYTES_MAX} bytes long"));
    }
    let mut parser = Parser { rest: text, token: Token::End, depth: 0 };
    parser.advance()?;
    let alternatives = parser.observations()?;
    match parser.token {
        Token::End => Ok(alternatives),
        Token::Word(word @ ("WITHIN" | "REPEATS" | "START" | "STOP")) => Err(format!("the qualifier {word}")),
        Token::Word("FOLLOWEDBY") => Err("FOLLOWEDBY: an order of several events".into()),
        _ => Err(parser.unreadable()),
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token<'a> {
    /// A keyword, a number or an object path.
    Word(&'a str),
    /// A string, its escapes resolved.
    Text(String),
    /// A bracket, an operator or a comma.
    Mark(&'static str),
    End,
}

struct Parser<'a> {
    rest: &'a str,
    token: Token<'a>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<(), String> {
        self.rest = self.rest.trim_start();
        const MARKS: [&str; 14] = ["!=", "<>", "<=", ">=", "==", "=", "<", ">", "[", "]", "(", ")", ",", ";"];
        if self.rest.is_empty() {
            self.token = Token::End;
        } else if let Some(mark) = MARKS.into_iter().find(|mark| self.rest.starts_with(mark)) {
            self.rest = &self.rest[mark.len()..];
            self.token = Token::Mark(mark);
        } else if self.rest.starts_with('\'') {
            let (text, rest) = quoted(self.rest).ok_or("a string that does not end")?;
            self.rest = rest;
            self.token = Token::Text(text);
        } else if self.rest.get(..2) == Some("t'") {
            return Err("a comparison of times".into());
        } else if matches!(self.rest.get(..2), Some("h'" | "b'")) {
            return Err("a comparison of binary data".into());
        } else {
            let end = word_end(self.rest)?;
            if end == 0 {
                return Err(self.unreadable());
            }
            let (word, rest) = self.rest.split_at(end);
            self.rest = rest;
            self.token = Token::Word(word);
        }
        Ok(())
    }

    fn unreadable(&self) -> String {
        let near: String = self.rest.chars().take(20).collect();
        if near.is_empty() {
            "the pattern ends early or goes on too long".into()
        } else {
            format!("what stands before `{near}` can't be read")
        }
    }

    fn is(&self, word: &str) -> bool {
        matches!(&self.token, Token::Word(found) if *found == word)
    }

    fn take(&mut self, mark: &'static str) -> Result<bool, String> {
        let found = self.token == Token::Mark(mark);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, mark: &'static str) -> Result<(), String> {
        if self.take(mark)? { Ok(()) } else { Err(self.unreadable()) }
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("brackets nest deeper than {DEPTH_MAX}"));
        }
        let answer = inner(self);
        self.depth -= 1;
        answer
    }

    /// Observations joined by OR; AND and FOLLOWEDBY between them mean several events.
    fn observations(&mut self) -> Result<Vec<All>, String> {
        let mut alternatives = self.observation()?;
        loop {
            if self.is("OR") {
                self.advance()?;
                alternatives.extend(self.observation()?);
                bounded(alternatives.len())?;
            } else if self.is("AND") {
                return Err("AND of observations: several events".into());
            } else {
                return Ok(alternatives);
            }
        }
    }

    fn observation(&mut self) -> Result<Vec<All>, String> {
        if self.take("(")? {
            let inner = self.deeper(Self::observations)?;
            self.expect(")")?;
            return Ok(inner);
        }
        self.expect("[")?;
        let inner = self.deeper(Self::any)?;
        self.expect("]")?;
        Ok(inner)
    }

    fn any(&mut self) -> Result<Vec<All>, String> {
        let mut alternatives = self.all()?;
        while self.is("OR") {
            self.advance()?;
            alternatives.extend(self.all()?);
            bounded(alternatives.len())?;
        }
        Ok(alternatives)
    }

    fn all(&mut self) -> Result<Vec<All>, String> {
        let mut alternatives = self.one()?;
        while self.is("AND") {
            self.advance()?;
            let with = self.one()?;
            bounded(alternatives.len().saturating_mul(with.len()))?;
            let joined =
                alternatives.iter().flat_map(|one| with.iter().map(move |other| [one.as_slice(), other].concat()));
            alternatives = joined.collect();
        }
        Ok(alternatives)
    }

    fn one(&mut self) -> Result<Vec<All>, String> {
        if self.take("(")? {
            let inner = self.deeper(Self::any)?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.is("EXISTS") {
            return Err("EXISTS".into());
        }
        let Token::Word(path) = self.token else { return Err(self.unreadable()) };
        if !path.contains(':') {
            return Err(self.unreadable());
        }
        let path = path.replace('\'', "");
        self.advance()?;
        if self.is("NOT") {
            return Err("NOT".into());
        }
        match self.token.clone() {
            Token::Mark("=" | "==") => {
                self.advance()?;
                Ok(vec![vec![Comparison { path, value: self.constant()? }]])
            }
            Token::Word("ISSUBSET") => {
                self.advance()?;
                let value = self.constant()?;
                let value = if value.contains('/') {
                    value
                } else {
                    format!("{value}/{}", if value.contains(':') { 128 } else { 32 })
                };
                Ok(vec![vec![Comparison { path, value }]])
            }
            Token::Word("IN") => {
                self.advance()?;
                self.expect("(")?;
                let mut alternatives = Vec::new();
                loop {
                    alternatives.push(vec![Comparison { path: path.clone(), value: self.constant()? }]);
                    bounded(alternatives.len())?;
                    if !self.take(",")? {
                        break;
                    }
                }
                self.expect(")")?;
                Ok(alternatives)
            }
            Token::Word(operator @ ("LIKE" | "MATCHES" | "ISSUPERSET")) => Err(format!("the operator {operator}")),
            Token::Mark(operator @ ("!=" | "<>" | "<" | ">" | "<=" | ">=")) => Err(format!("the operator {operator}")),
            _ => Err(self.unreadable()),
        }
    }

    fn constant(&mut self) -> Result<String, String> {
        let value = match std::mem::replace(&mut self.token, Token::End) {
            Token::Text(text) => text,
            Token::Word(word) if !word.contains(':') => word.to_owned(),
            _ => return Err(self.unreadable()),
        };
        self.advance()?;
        Ok(value)
    }
}

fn bounded(alternatives: usize) -> Result<(), String> {
    if alternatives > ALTERNATIVES_MAX { Err(format!("more than {ALTERNATIVES_MAX} alternatives")) } else { Ok(()) }
}

/// A string literal at the start, and what follows it. A backslash makes a quote or a backslash plain.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// Where a keyword, number or object path ends; parts of a path may be quoted (`file:hashes.'SHA-256'`).
fn word_end(text: &str) -> Result<usize, String> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut index = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\'' if at > 0 && bytes[at - 1] == b'.' => {
                let (_, rest) = quoted(&text[at..]).ok_or("a string that does not end")?;
                at = text.len() - rest.len();
            }
            // `protocols[*]`, `values[0]`: part of a path, unlike the bracket of an observation.
            b'[' if text[..at].contains(':') => {
                index += 1;
                at += 1;
            }
            b']' if index > 0 => {
                index -= 1;
                at += 1;
            }
            b'*' if index > 0 => at += 1,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':' | b'+' => at += 1,
            _ => break,
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: &str) {
        let told = match parse(pattern) {
            Ok(alternatives) => {
                let one = |all: &All| {
                    all.iter().map(|one| format!("{}={}", one.path, one.value)).collect::<Vec<_>>().join(" & ")
                };
                alternatives.iter().map(one).collect::<Vec<_>>().join(" | ")
            }
            Err(cause) => format!("refused: {cause}"),
        };
        assert_eq!(told, expected, "{pattern}");
    }

    #[test]
    fn alternatives_and_companions() {
        check("[ipv4-addr:value = '203.0.113.5']", "ipv4-addr:value=203.0.113.5");
        check(
            "[file:hashes.'SHA-256' = 'aa' AND file:name = 'it\\'s\\\\x.exe']",
            "file:hashes.SHA-256=aa & file:name=it's\\x.exe",
        );
        check(
            "[url:value='a' OR url:value='b'] OR ([domain-name:value = 'c'])",
            "url:value=a | url:value=b | domain-name:value=c",
        );
        check("[domain-name:value IN ('a', 'b')]", "domain-name:value=a | domain-name:value=b");
        check("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", "ipv4-addr:value=198.51.100.0/24");
        check(
            "[network-traffic:dst_ref.value = '203.0.113.5' AND network-traffic:dst_port = 443]",
            "network-traffic:dst_ref.value=203.0.113.5 & network-traffic:dst_port=443",
        );
        check("[(a:b = '1' OR a:b = '2') AND a:c[*].d = '3']", "a:b=1 & a:c[*].d=3 | a:b=2 & a:c[*].d=3");
        check("[a:b = '1' OR a:c = '2' AND a:d = '3']", "a:b=1 | a:c=2 & a:d=3");
    }

    #[test]
    fn what_one_event_cannot_answer_is_refused_by_name() {
        check("[a:b = '1'] AND [a:b = '2']", "refused: AND of observations: several events");
        check("[a:b = '1'] FOLLOWEDBY [a:b = '2']", "refused: FOLLOWEDBY: an order of several events");
        check("[a:b = '1'] REPEATS 5 TIMES", "refused: the qualifier REPEATS");
        check("[a:b = '1'] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z'", "refused: the qualifier START");
        check("[a:b LIKE '%x']", "refused: the operator LIKE");
        check("[a:b != 'x']", "refused: the operator !=");
        check("[a:b NOT = 'x']", "refused: NOT");
        check("[EXISTS a:b]", "refused: EXISTS");
        check("[a:b = t'2026-01-01T00:00:00Z']", "refused: a comparison of times");
    }

    #[test]
    fn broken_and_hostile_patterns_end_with_a_reason() {
        for broken in [
            "",
            "[",
            "[a:b =",
            "[a:b = 'x",
            "a:b = 'x'",
            "[a:b = 'x']]",
            "[b = 'x']",
            "[a:b = 'x' AND]",
            "[a:b IN ()]",
            "[é:b = 'x']",
            "]",
        ] {
            assert!(parse(broken).is_err(), "{broken}");
        }
        assert!(parse(&format!("[{}a:b = 'x'", "(".repeat(100_000))).is_err());
        let wide = format!("[{}]", vec!["(a:b = '1' OR a:b = '2')"; 40].join(" AND "));
        assert_eq!(parse(&wide).unwrap_err(), "more than 10000 alternatives");
    }
}
