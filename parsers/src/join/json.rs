//! JSON text in pieces: whether it is whole, may go on, or is none.

use memchr::memchr2;

/// Deepest nesting of a document; one bit each tells arrays from objects. Exports nest some ten deep.
const DEPTH_MAX: u32 = 128;

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Expect {
    #[default]
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    /// White space only.
    Nothing,
}

/// What the text is with the piece last fed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fed {
    /// Well formed so far, and not at its end.
    Open,
    /// At its end.
    Whole,
    /// No JSON.
    Broken,
}

/// A reader of JSON's structure (RFC 8259) that can stop after any byte. Linear, no recursion. Literals and numbers
/// are judged by their first byte, escapes not at all: whoever decodes the text will.
#[derive(Clone, Debug, Default)]
pub struct JsonText {
    /// By depth, the outermost lowest: whether it is an array.
    arrays: u128,
    depth: u32,
    expect: Expect,
    in_string: bool,
    /// The string is a member's name.
    in_key: bool,
    escaped: bool,
    in_literal: bool,
    begun: bool,
}

impl JsonText {
    /// Reads on. `ends_line`: a line ends behind the piece, which no string survives (RFC 8259 §7).
    pub fn feed(&mut self, piece: &[u8], ends_line: bool) -> Fed {
        let mut piece = piece;
        if !self.begun {
            self.begun = true;
            piece = piece.strip_prefix(b"\xef\xbb\xbf").unwrap_or(piece);
        }
        if self.read(piece).is_none() || (ends_line && self.in_string) {
            return Fed::Broken;
        }
        if ends_line && self.in_literal {
            self.end_value();
        }
        if self.expect == Expect::Nothing { Fed::Whole } else { Fed::Open }
    }

    fn read(&mut self, piece: &[u8]) -> Option<()> {
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            if self.in_string {
                if std::mem::take(&mut self.escaped) {
                    at += 1;
                    continue;
                }
                let Some(found) = memchr2(b'"', b'\\', &piece[at..]) else { return Some(()) };
                at += found + 1;
                if piece[at - 1] == b'\\' {
                    self.escaped = true;
                } else {
                    self.in_string = false;
                    if self.in_key {
                        self.expect = Expect::Colon;
                    } else {
                        self.end_value();
                    }
                }
                continue;
            }
            if self.in_literal {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.') {
                    at += 1;
                    continue;
                }
                self.end_value();
            }
            let value = matches!(self.expect, Expect::Value | Expect::ValueOrEnd);
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b'"' if value || matches!(self.expect, Expect::Key | Expect::KeyOrEnd) => {
                    self.in_string = true;
                    self.in_key = !value;
                }
                b'{' | b'[' if value => {
                    if self.depth == DEPTH_MAX {
                        return None;
                    }
                    let array = byte == b'[';
                    let bit = 1 << self.depth;
                    self.arrays = if array { self.arrays | bit } else { self.arrays & !bit };
                    self.depth += 1;
                    self.expect = if array { Expect::ValueOrEnd } else { Expect::KeyOrEnd };
                }
                b'}' if !self.in_array() && matches!(self.expect, Expect::KeyOrEnd | Expect::CommaOrEnd) => {
                    self.pop()?;
                }
                b']' if self.in_array() && matches!(self.expect, Expect::ValueOrEnd | Expect::CommaOrEnd) => {
                    self.pop()?;
                }
                b',' if self.expect == Expect::CommaOrEnd => {
                    self.expect = if self.in_array() { Expect::Value } else { Expect::Key };
                }
                b':' if self.expect == Expect::Colon => self.expect = Expect::Value,
                b'0'..=b'9' | b'-' | b't' | b'f' | b'n' if value => self.in_literal = true,
                _ => return None,
            }
            at += 1;
        }
        Some(())
    }

    fn in_array(&self) -> bool {
        self.depth > 0 && self.arrays >> (self.depth - 1) & 1 == 1
    }

    fn pop(&mut self) -> Option<()> {
        self.depth = self.depth.checked_sub(1)?;
        self.end_value();
        Some(())
    }

    fn end_value(&mut self) {
        self.in_literal = false;
        self.expect = if self.depth == 0 { Expect::Nothing } else { Expect::CommaOrEnd };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_serde_on_whole_and_broken_texts_in_any_pieces() {
        let whole = [
            r#"{"a":[1,-2.5e3,true,null,{"b":"x\"]}\\"}],"c":{}}"#,
            "[]",
            "{ \"a\" : [ ] }",
            "[{\"a\":1},\n{\"a\":2}\n]",
            "\u{feff}{}",
        ];
        let broken = [
            r#"{"a" 1}"#,
            "{1:2}",
            "[1 2]",
            "[,1]",
            "{\"a\":1,}",
            "[1,]",
            "{}}",
            "{}{}",
            "[}",
            "{]",
            "{\"a\":x}",
            "[1] x",
        ];
        for (texts, expected) in [(&whole[..], Fed::Whole), (&broken[..], Fed::Broken)] {
            for text in texts {
                let plain = text.trim_start_matches('\u{feff}');
                assert_eq!(serde_json::from_str::<serde_json::Value>(plain).is_ok(), expected == Fed::Whole, "{text}");
                for cut in 0..=text.len() {
                    // The mark is read in one piece: it is the begin of the first.
                    if (1..3).contains(&cut) && plain.len() < text.len() {
                        continue;
                    }
                    let mut json = JsonText::default();
                    let first = json.feed(&text.as_bytes()[..cut], false);
                    let last = if first == Fed::Broken { first } else { json.feed(&text.as_bytes()[cut..], true) };
                    if cut > 0 {
                        assert_eq!(last, expected, "{text} cut at {cut}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_text_without_its_end_is_open_and_a_string_over_two_lines_is_none() {
        for text in ["{", "[1", "{\"a\":", "[{},", "{\"a\":\"b\","] {
            assert_eq!(JsonText::default().feed(text.as_bytes(), true), Fed::Open, "{text}");
        }
        assert_eq!(JsonText::default().feed(b"{\"a\":\"b", true), Fed::Broken);
        assert_eq!(JsonText::default().feed(b"{\"a\":\"b", false), Fed::Open);
        assert_eq!(JsonText::default().feed("[".repeat(200).as_bytes(), true), Fed::Broken);
    }
}
