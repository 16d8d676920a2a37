//! XML as log records carry it (XML 1.0, Fifth Edition): elements, attributes, text, CDATA, comments.
//!
//! A reader of one pass over bytes in memory, in order, without recursion. It knows no document type: a `<!DOCTYPE`
//! ends the reading, so no entity but the five of the standard and the numeric ones is ever expanded, and nothing is
//! ever fetched. Names are not checked against the grammar, namespaces are not resolved: a prefix is cut off.

use crate::event::{EventWriter, Span};

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Token<'a> {
    /// A tag that opens an element.
    Open {
        /// The element's local name.
        name: &'a [u8],
        /// All between the name and the end of the tag.
        attributes: &'a [u8],
        /// Whether the tag closes the element as well.
        empty: bool,
    },
    /// A tag that closes an element.
    Close {
        /// The element's local name.
        name: &'a [u8],
    },
    /// Text, CDATA sections and comments up to the next tag, as written.
    Content(&'a [u8]),
    /// The text ended between two tokens.
    End,
    /// What follows is no XML that we read.
    Malformed,
}

/// Reads tokens.
pub(crate) struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Reader { text, at: 0 }
    }

    /// What follows the last token.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next token. After [`Token::End`] and [`Token::Malformed`] it stays so.
    #[inline]
    pub(crate) fn next(&mut self) -> Token<'a> {
        let rest = self.rest();
        match rest {
            [] => Token::End,
            [b'<', b'!', b'-' | b'[', ..] => self.content(),
            [b'<', b'!', ..] => Token::Malformed,
            [b'<', b'?', ..] => match memchr::memmem::find(rest, b"?>") {
                Some(end) => {
                    self.at += end + 2;
                    self.next_after_instruction()
                }
                None => Token::Malformed,
            },
            [b'<', ..] => self.tag(),
            _ => self.content(),
        }
    }

    /// As [`Reader::next`]; a run of processing instructions is no reason to recurse.
    #[cold]
    fn next_after_instruction(&mut self) -> Token<'a> {
        while self.rest().starts_with(b"<?") {
            match memchr::memmem::find(self.rest(), b"?>") {
                Some(end) => self.at += end + 2,
                None => return Token::Malformed,
            }
        }
        self.next()
    }

    fn tag(&mut self) -> Token<'a> {
        let rest = self.rest();
        let close = rest.get(1) == Some(&b'/');
        let from = 1 + usize::from(close);
        let mut end = from;
        while rest.get(end).is_some_and(|&byte| !matches!(byte, b'>' | b'/' | b'<') && byte > b' ') {
            end += 1;
        }
        if end == from {
            return Token::Malformed;
        }
        let name = local(&rest[from..end]);
        let Some(tag_end) = tag_end(rest, end) else { return Token::Malformed };
        self.at += tag_end + 1;
        if close {
            return Token::Close { name };
        }
        let empty = rest[tag_end - 1] == b'/';
        Token::Open { name, attributes: &rest[end..tag_end - usize::from(empty)], empty }
    }

    /// Everything before the next tag.
    fn content(&mut self) -> Token<'a> {
        let rest = self.rest();
        let mut at = 0;
        while let Some(found) = memchr::memchr(b'<', &rest[at..]) {
            at += found;
            let ended = match &rest[at..] {
                inner if inner.starts_with(b"<![CDATA[") => memchr::memmem::find(inner, b"]]>").map(|end| end + 3),
                inner if inner.starts_with(b"<!--") => memchr::memmem::find(&inner[4..], b"-->").map(|end| end + 7),
                _ => break,
            };
            // A section that never ends takes all the rest with it.
            at = ended.map_or(rest.len(), |end| at + end);
        }
        let open = memchr::memchr(b'<', &rest[at..]).map_or(rest.len(), |found| at + found);
        if open == 0 {
            return Token::Malformed;
        }
        self.at += open;
        Token::Content(&rest[..open])
    }
}

/// Where a tag's `>` stands: outside of quotes.
#[inline]
fn tag_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *text.get(at)? {
            b'>' => return Some(at),
            quote @ (b'"' | b'\'') => at += 2 + memchr::memchr(quote, &text[at + 1..])?,
            b'<' => return None,
            _ => at += 1,
        }
    }
}

/// A name without its namespace's prefix.
#[inline]
fn local(name: &[u8]) -> &[u8] {
    memchr::memchr(b':', name).filter(|&at| at + 1 < name.len()).map_or(name, |at| &name[at + 1..])
}

/// The attributes of a tag, in order: name and value as written.
pub(crate) fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let text = rest.trim_ascii_start();
        let equals = memchr::memchr(b'=', text)?;
        let name = text[..equals].trim_ascii_end();
        let value = text[equals + 1..].trim_ascii_start();
        let quote = *value.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
        let end = memchr::memchr(quote, &value[1..])?;
        rest = &value[end + 2..];
        Some((name, &value[1..=end]))
    })
}

/// The attribute of that name.
pub(crate) fn attribute<'a>(tag: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    attributes(tag).find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// The text that content or an attribute's value stands for: in place where nothing has to be replaced.
/// An entity that is none of the known ones stays as written.
#[inline]
pub(crate) fn text(writer: &mut EventWriter<'_>, raw: &[u8]) -> Span {
    if memchr::memchr2(b'&', b'<', raw).is_none() {
        return writer.span_of(raw);
    }
    made(writer, raw)
}

fn made(writer: &mut EventWriter<'_>, mut raw: &[u8]) -> Span {
    // A single CDATA section needs no copy either.
    if let Some(inner) = raw.strip_prefix(b"<![CDATA[").and_then(|rest| rest.strip_suffix(b"]]>")) {
        if memchr::memmem::find(inner, b"]]>").is_none() {
            return writer.span_of(inner);
        }
    }
    let from = writer.arena_start();
    while let Some(at) = memchr::memchr2(b'&', b'<', raw) {
        writer.arena_push(&raw[..at]);
        let rest = &raw[at..];
        raw = if let Some(inner) = rest.strip_prefix(b"<![CDATA[") {
            let end = memchr::memmem::find(inner, b"]]>").unwrap_or(inner.len());
            writer.arena_push(&inner[..end]);
            inner.get(end + 3..).unwrap_or_default()
        } else if let Some(inner) = rest.strip_prefix(b"<!--") {
            let end = memchr::memmem::find(inner, b"-->").unwrap_or(inner.len());
            inner.get(end + 3..).unwrap_or_default()
        } else if let Some((char, len)) = entity(rest) {
            writer.arena_push(char.encode_utf8(&mut [0; 4]).as_bytes());
            &rest[len..]
        } else {
            writer.arena_push(&rest[..1]);
            &rest[1..]
        };
    }
    writer.arena_push(raw);
    writer.arena_end(from)
}

/// The character of the reference that `text` begins with, and the bytes it takes.
fn entity(text: &[u8]) -> Option<(char, usize)> {
    /// `&#x10FFFF;` with a few leading zeros.
    const REFERENCE_BYTES_MAX: usize = 16;
    let head = &text[..text.len().min(REFERENCE_BYTES_MAX)];
    let end = memchr::memchr(b';', head)?;
    let char = match head.get(1..end)? {
        b"lt" => '<',
        b"gt" => '>',
        b"amp" => '&',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', hex @ ..] if !hex.is_empty() => number(hex, 16)?,
        [b'#', digits @ ..] if !digits.is_empty() => number(digits, 10)?,
        _ => return None,
    };
    Some((char, end + 1))
}

fn number(digits: &[u8], radix: u32) -> Option<char> {
    let code = digits
        .iter()
        .try_fold(0u32, |code, &byte| code.checked_mul(radix)?.checked_add(char::from(byte).to_digit(radix)?))?;
    char::from_u32(code)
}

#[cfg(test)]
mod twin;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn tokens(text: &str) -> Vec<String> {
        let mut reader = Reader::new(text.as_bytes());
        let mut found = Vec::new();
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        loop {
            let token = reader.next();
            found.push(match token {
                Token::Open { name, attributes, empty } => {
                    format!("{}({}){}", show(name), show(attributes), if empty { "/" } else { "" })
                }
                Token::Close { name } => format!("/{}", show(name)),
                Token::Content(content) => format!("'{}'", show(content)),
                Token::End => return found,
                Token::Malformed => "!".to_owned(),
            });
            if token == Token::Malformed {
                return found;
            }
        }
    }

    #[test]
    fn tokens_in_order() {
        assert_eq!(
            tokens("<?xml version='1.0'?><?a?><e:A x='1>2' y=\"'\"><b/>t<![CDATA[<c>]]>u<!-- </A> --></e:A>"),
            ["A( x='1>2' y=\"'\")", "b()/", "'t<![CDATA[<c>]]>u<!-- </A> -->'", "/A"]
        );
        assert_eq!(tokens("<a><![CDATA[x"), ["a()", "'<![CDATA[x'"]);
    }

    #[test]
    fn what_is_no_xml_ends_the_reading() {
        for text in ["<!DOCTYPE a [<!ENTITY b \"c\">]><a/>", "<>", "<a", "<a b='", "<a <b>", "</", "<?xml"] {
            assert_eq!(tokens(text), ["!"], "{text}");
        }
    }

    #[track_caller]
    fn check_text(raw: &str, expected: &str) {
        let mut event = Event::new();
        event.clear();
        let mut writer = event.writer(raw.as_bytes());
        let span = text(&mut writer, raw.as_bytes());
        assert_eq!(String::from_utf8_lossy(writer.bytes(span)), expected, "{raw}");
    }

    #[test]
    fn references_are_replaced_once() {
        check_text("a &lt;b&gt; &amp;lt; &quot;&apos; &#xD;&#10;&#x6F22;", "a <b> &lt; \"' \r\n漢");
        check_text(
            "&nbsp; & &; &#; &#x; &#xD800; &#99999999999; &lt",
            "&nbsp; & &; &#; &#x; &#xD800; &#99999999999; &lt",
        );
        check_text("a<![CDATA[&lt;<b>]]>&lt;<!-- c -->d", "a&lt;<b><d");
        check_text("<![CDATA[a &amp; b]]>", "a &amp; b");
        check_text("<![CDATA[a", "a");
    }

    #[test]
    fn attributes_by_name() {
        assert_eq!(attribute(b" Name = 'a b' Guid=\"{1}\"", b"Guid"), Some(&b"{1}"[..]));
        assert_eq!(attribute(b" Name='a", b"Name"), None);
        assert_eq!(attribute(b" Name=a", b"Name"), None);
    }
}
