//! JSON feeds, taken apart while they are read: a bundle of two gigabytes is never in memory, only one of its objects.

use std::io::BufRead;

use serde_json::{Map, Value};

use super::super::builder::{Builder, Summary};
use super::super::context::Feed;
use super::misp::Misp;
use super::stix::Stix;
use super::{Refused, Teller};

/// Longest piece held: an object of a bundle, or one MISP event. The largest public events are near 30 MB.
pub(super) const PIECE_BYTES_MAX: usize = 64 << 20;
/// Longest member looked at whole to tell what a document is.
const MEMBER_BYTES_MAX: usize = 1 << 16;
/// Members of a document that are kept to tell what it is.
const MEMBERS_MAX: usize = 64;

/// Where a piece of a document stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Spot<'a> {
    /// The value of a member of the outermost object.
    Member(&'a str),
    /// An element of the outermost array, or of the array that is a streamed member.
    Element,
    /// The outermost object is over.
    End,
}

pub(super) fn read(
    feed: &Feed,
    input: impl BufRead,
    builder: &mut Builder,
    teller: &mut Teller<'_>,
    summary: &mut Summary,
) -> Result<(), Refused> {
    let mut pieces = Pieces { input, line: 1, piece: Vec::new() };
    let (mut misp, mut stix) = (Misp::default(), Stix::default());
    let mut members = Map::new();
    let mut known = false;
    pieces.each(|spot, piece, line| {
        let broken = |cause: serde_json::Error| Refused {
            line: line + cause.line().saturating_sub(1),
            message: format!("the JSON is broken: {cause}"),
            help: "fetch the feed again",
        };
        match spot {
            Spot::Member("Event") => {
                known = true;
                misp.event(&serde_json::from_slice(piece).map_err(broken)?, line, feed, builder, teller, summary);
            }
            Spot::Member("Attribute" | "response") => {
                known = true;
                let value: Value = serde_json::from_slice(piece).map_err(broken)?;
                let event = if value.is_array() { serde_json::json!({ "Attribute": value }) } else { value };
                misp.event(&event, line, feed, builder, teller, summary);
            }
            Spot::Member(name) => {
                // Read whatever it is, so that what is broken is known as such.
                let value: Value = serde_json::from_slice(piece).map_err(broken)?;
                known |= name == "type" && value == "bundle";
                if piece.len() <= MEMBER_BYTES_MAX && members.len() < MEMBERS_MAX {
                    members.insert(name.to_owned(), value);
                } else if name == "list" {
                    members.insert(name.to_owned(), Value::Null);
                }
            }
            Spot::Element => {
                known = true;
                let value: Value = serde_json::from_slice(piece).map_err(broken)?;
                if let Some(event) = value.get("Event") {
                    misp.event(event, line, feed, builder, teller, summary);
                } else {
                    stix.object(&value, line, feed, builder, teller, summary);
                }
            }
            Spot::End => {
                let members = std::mem::take(&mut members);
                if members.contains_key("list") && members.contains_key("matching_attributes") {
                    return Err(Refused {
                        line: 1,
                        message: "this is a warning list, not a feed of indicators".into(),
                        help: "name it under `known_good` in [indicators]",
                    });
                }
                known |= members.is_empty();
                if members.get("pattern").is_some() {
                    known = true;
                    stix.object(&Value::Object(members), line, feed, builder, teller, summary);
                }
            }
        }
        Ok(())
    })?;
    if !known {
        return Err(Refused {
            line: 1,
            message: "the JSON is neither a STIX bundle nor a MISP event".into(),
            help: "give a bundle with `objects`, an `Event`, or a list of either",
        });
    }
    misp.finish(teller);
    stix.finish(feed, builder, teller, summary);
    Ok(())
}

/// Members whose arrays are handed on element by element.
const STREAMED: [&str; 2] = ["objects", "response"];

struct Pieces<R> {
    input: R,
    /// The line being read, from 1.
    line: usize,
    piece: Vec<u8>,
}

impl<R: BufRead> Pieces<R> {
    /// Hands on every piece of the documents in the input, which may be several on end.
    fn each(&mut self, mut take: impl FnMut(Spot<'_>, &[u8], usize) -> Result<(), Refused>) -> Result<(), Refused> {
        while let Some(begin) = self.peek()? {
            match begin {
                b'[' => self.elements(&mut take)?,
                b'{' => self.members(&mut take)?,
                other => return Err(self.unexpected(other)),
            }
        }
        Ok(())
    }

    fn members(&mut self, take: &mut impl FnMut(Spot<'_>, &[u8], usize) -> Result<(), Refused>) -> Result<(), Refused> {
        self.input.consume(1);
        let mut first = true;
        loop {
            match self.some()? {
                b'}' => {
                    self.input.consume(1);
                    return take(Spot::End, b"", self.line);
                }
                b',' if !first => self.input.consume(1),
                b'"' if first => {}
                other => return Err(self.unexpected(other)),
            }
            first = false;
            if self.some()? != b'"' {
                let other = self.some()?;
                return Err(self.unexpected(other));
            }
            self.value()?;
            let name: String = serde_json::from_slice(&self.piece)
                .map_err(|cause| self.refused(format!("the JSON is broken: {cause}")))?;
            match self.some()? {
                b':' => self.input.consume(1),
                other => return Err(self.unexpected(other)),
            }
            if self.some()? == b'[' && STREAMED.contains(&name.as_str()) {
                self.elements(take)?;
            } else {
                let line = self.line;
                self.value()?;
                take(Spot::Member(&name), &self.piece, line)?;
            }
        }
    }

    fn elements(
        &mut self,
        take: &mut impl FnMut(Spot<'_>, &[u8], usize) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        self.input.consume(1);
        let mut first = true;
        loop {
            match self.some()? {
                b']' => {
                    self.input.consume(1);
                    return Ok(());
                }
                b',' if !first => {
                    self.input.consume(1);
                    self.some()?;
                }
                _ if first => {}
                other => return Err(self.unexpected(other)),
            }
            first = false;
            let line = self.line;
            self.value()?;
            take(Spot::Element, &self.piece, line)?;
        }
    }

    /// The next byte that is no blank; it stays. `None` at the end.
    fn peek(&mut self) -> Result<Option<u8>, Refused> {
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(cause) => return Err(refused(self.line, format!("cannot read the file: {cause}"))),
            };
            if buffer.is_empty() {
                return Ok(None);
            }
            let blanks =
                buffer.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).unwrap_or(buffer.len());
            self.line += memchr::memchr_iter(b'\n', &buffer[..blanks]).count();
            let next = buffer.get(blanks).copied();
            self.input.consume(blanks);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// As [`Pieces::peek`] where there must be more.
    fn some(&mut self) -> Result<u8, Refused> {
        self.peek()?.ok_or_else(|| self.refused("the document ends early".into()))
    }

    /// Reads one value into `piece`: to the end of a string or of the outermost bracket, else to what can't belong to a word.
    fn value(&mut self) -> Result<(), Refused> {
        self.piece.clear();
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(cause) => return Err(refused(self.line, format!("cannot read the file: {cause}"))),
            };
            if buffer.is_empty() {
                return Err(refused(self.line, "the document ends early".into()));
            }
            let mut end = None;
            for (at, &byte) in buffer.iter().enumerate() {
                if in_string {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' => escaped = true,
                        b'"' => {
                            in_string = false;
                            if depth == 0 {
                                end = Some(at + 1);
                                break;
                            }
                        }
                        _ => {}
                    }
                    continue;
                }
                match byte {
                    b'"' => in_string = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth == 0 => {
                        end = Some(at);
                        break;
                    }
                    b'}' | b']' => {
                        depth -= 1;
                        if depth == 0 {
                            end = Some(at + 1);
                            break;
                        }
                    }
                    b',' | b' ' | b'\n' | b'\r' | b'\t' | b':' if depth == 0 => {
                        end = Some(at);
                        break;
                    }
                    _ => {}
                }
            }
            let used = end.unwrap_or(buffer.len());
            if self.piece.len() + used > PIECE_BYTES_MAX {
                let message = format!("one object is over {PIECE_BYTES_MAX} bytes long");
                return Err(refused(self.line, message));
            }
            self.line += memchr::memchr_iter(b'\n', &buffer[..used]).count();
            self.piece.extend_from_slice(&buffer[..used]);
            self.input.consume(used);
            if end.is_some() {
                return Ok(());
            }
        }
    }

    fn unexpected(&self, byte: u8) -> Refused {
        self.refused(format!("the JSON is broken: unexpected `{}`", char::from(byte).escape_default()))
    }

    fn refused(&self, message: String) -> Refused {
        refused(self.line, message)
    }
}

fn refused(line: usize, message: String) -> Refused {
    Refused { line, message, help: "fetch the feed again" }
}

/// The text of a member that may be of any type.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The texts of a member that should be a list of texts.
pub(super) fn texts<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    list(object, name).iter().filter_map(Value::as_str)
}

/// A member that should be a list.
pub(super) fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
