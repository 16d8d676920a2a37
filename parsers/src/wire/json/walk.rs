//! One pass over a JSON object: every member becomes a field, named by its dotted path.

use super::dialect::{Dialect, EVENT_TYPE, Name};
use super::learned::{Learned, PathId, Place};
use super::{escape, scan};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::{FieldId, FieldType};
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};

/// Deepest nesting that is flattened. EVE and the Windows shapes stay under 8; a deeper value
/// is kept as its raw text with [`Defect::JsonDepth`].
pub(crate) const DEPTH_MAX: usize = 32;

/// Longest path composed. The longest documented one (CloudTrail request parameters) stays under 160
/// bytes; what lies below a longer one is kept as raw text with [`Defect::JsonDepth`].
pub(super) const PATH_BYTES_MAX: usize = 512;

/// How many names without an id are watched for being repeated. Beyond, a repeated name is
/// kept all the same, only not named a defect.
const UNNAMED_WATCHED_MAX: usize = 64;

#[derive(Clone, Copy)]
struct Frame {
    /// The path of the container, if it is kept.
    path: PathId,
    /// Bytes of the path that stand before a member's key, or that name an array's elements.
    path_len: u16,
    array: bool,
    /// Whether an array lies here or above: names repeat by design.
    repeats: bool,
}

pub(super) struct Walker<'w, 'a, 'c, 't> {
    writer: &'w mut EventWriter<'a>,
    context: &'c Context<'c>,
    text: &'t [u8],
    /// Where the text begins in the record; `None` = it is no part of it.
    base: Option<u32>,
    dialect: Dialect,
    /// A value that is written already: where it begins and where it ends.
    skip: (usize, usize),
    prefix_len: usize,
    learned: Box<Learned>,
    /// The number of this document among those that `learned` has seen.
    document: u32,
    /// Fields that the header wrote: a member of the same name is no duplicate.
    fields_before: usize,
    watched: [u32; UNNAMED_WATCHED_MAX],
    watched_len: usize,
    /// Whether a name stands among those watched whose path is not kept.
    watches_unknown: bool,
    saw_event_type: bool,
    /// The last member whose path is kept: what followed it before is guessed to follow again.
    last: PathId,
}

/// The name of the value being read. Sixteen bytes: it is passed for every member, in registers.
#[derive(Clone, Copy)]
struct Member {
    /// The path, if it is kept.
    path: PathId,
    repeats: bool,
    /// Whether the path buffer holds the whole name, where the path is not kept.
    in_path: bool,
    /// Where the key stands in the text, without escapes; no bytes for elements of an array.
    key_at: u32,
    key_len: u32,
    /// How long the whole name is.
    path_len: u32,
}

/// What became of a walk.
pub(super) struct Walked {
    /// Where the object ended; `None` = it breaks off or is malformed.
    pub(super) end: Option<usize>,
    /// Whether a document read as one of Windows has a member [`EVENT_TYPE`].
    pub(super) saw_event_type: bool,
}

impl<'w, 'a, 'c, 't> Walker<'w, 'a, 'c, 't> {
    pub(super) fn new(
        writer: &'w mut EventWriter<'a>,
        context: &'c Context<'c>,
        text: &'t [u8],
        dialect: Dialect,
    ) -> Self {
        let fields_before = writer.fields_len();
        let base = writer.place_of(text);
        let mut learned = context.learned.take().unwrap_or_default();
        let document = learned.begin();
        Walker {
            writer,
            context,
            text,
            base,
            dialect,
            skip: (usize::MAX, 0),
            prefix_len: 0,
            learned,
            document,
            fields_before,
            watched: [0; UNNAMED_WATCHED_MAX],
            watched_len: 0,
            watches_unknown: false,
            saw_event_type: false,
            last: PathId::root(dialect),
        }
    }

    /// Puts every name below `prefix` and a dot.
    pub(super) fn under(mut self, prefix: &[u8]) -> Self {
        let path = &mut self.learned.composed;
        let len = append(path, 0, prefix);
        let len = append(path, len, b".");
        self.prefix_len = if len < PATH_BYTES_MAX { len } else { 0 };
        self
    }

    /// Leaves out the value that lies at `range`.
    pub(super) fn without(mut self, range: std::ops::Range<usize>) -> Self {
        self.skip = (range.start, range.end);
        self
    }

    /// Walks the object that opens at 0. What was read of one that breaks off stays.
    pub(super) fn walk(mut self) -> Walked {
        let end = self.members();
        self.context.learned.set(Some(self.learned));
        Walked { end, saw_event_type: self.saw_event_type }
    }

    fn members(&mut self) -> Option<usize> {
        let text = self.text;
        let path = if self.prefix_len == 0 { PathId::root(self.dialect) } else { PathId::UNKNOWN };
        let mut frame = Frame { path, path_len: self.prefix_len as u16, array: false, repeats: false };
        let mut frames = [frame; DEPTH_MAX];
        let mut depth = 1;
        let mut at = scan::skip_space(text, 1);
        if *text.get(at)? == b'}' {
            return Some(at + 1);
        }
        loop {
            let member = if frame.array {
                let path_len = u32::from(frame.path_len);
                Member { path: frame.path, key_at: 0, key_len: 0, path_len, repeats: true, in_path: true }
            } else {
                let (member, after) = self.key(at, frame)?;
                at = after;
                member
            };
            match *text.get(at)? {
                _ if at == self.skip.0 => at = self.skip.1,
                b'"' => {
                    let stop = scan::plain_end(text, at + 1);
                    if *text.get(stop)? == b'"' {
                        self.put_part(member, at + 1, stop, Kind::Text);
                        at = stop + 1;
                    } else {
                        at = self.escaped(member, at + 1, stop)?;
                    }
                }
                open @ (b'{' | b'[') => {
                    let inside = scan::skip_space(text, at + 1);
                    let empty = *text.get(inside)? == open + 2;
                    let nested_array = open == b'[' && frame.array;
                    // One byte more for the dot below an object.
                    let mut path_len = member.path_len as usize;
                    let deep = depth == DEPTH_MAX || path_len + 1 >= PATH_BYTES_MAX;
                    if empty || nested_array || deep {
                        if deep && !empty {
                            self.writer.defect(Defect::JsonDepth);
                        }
                        let end = scan::container_end(text, at)?;
                        self.put_part(member, at, end, Kind::Json);
                        at = end;
                    } else {
                        let array = open == b'[';
                        if member.path == PathId::UNKNOWN && !member.in_path {
                            let key = self.key_of(member);
                            self.learned.composed[path_len - key.len()..path_len].copy_from_slice(key);
                        }
                        if !array {
                            if member.path == PathId::UNKNOWN {
                                self.learned.composed[path_len] = b'.';
                            }
                            path_len += 1;
                        }
                        frames[depth - 1] = frame;
                        let repeats = array || frame.repeats;
                        frame = Frame { path: member.path, path_len: path_len as u16, array, repeats };
                        depth += 1;
                        at = inside;
                        continue;
                    }
                }
                _ => at = self.literal(at, member)?,
            }
            // After a value: the next one, or the end of this and perhaps of outer containers.
            loop {
                let mut byte = *text.get(at)?;
                if byte <= b' ' {
                    at = scan::skip_space(text, at);
                    byte = *text.get(at)?;
                }
                at += 1;
                if byte == b',' {
                    if *text.get(at)? <= b' ' {
                        at = scan::skip_space(text, at);
                    }
                    break;
                }
                if byte != if frame.array { b']' } else { b'}' } {
                    return None;
                }
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
                frame = frames[depth - 1];
            }
        }
    }

    /// The key at `at` and its colon; the place of the value.
    #[inline(always)]
    fn key(&mut self, at: usize, frame: Frame) -> Option<(Member, usize)> {
        let text = self.text;
        if *text.get(at)? != b'"' {
            return None;
        }
        if let Some((path, key_len)) = self.learned.guess(self.last, frame.path, text, at + 1) {
            self.last = path;
            // Its quote and colon are looked at already.
            let after = at + key_len + 3;
            let blank = text.get(after).is_some_and(|&byte| byte <= b' ');
            let after = if blank { scan::skip_space(text, after) } else { after };
            let member = Member {
                path,
                key_at: at as u32 + 1,
                key_len: key_len as u32,
                path_len: u32::from(frame.path_len) + key_len as u32,
                repeats: frame.repeats,
                in_path: false,
            };
            return Some((member, after));
        }
        self.key_looked_up(at, frame)
    }

    #[inline(never)]
    fn key_looked_up(&mut self, at: usize, frame: Frame) -> Option<(Member, usize)> {
        let text = self.text;
        let path_len = usize::from(frame.path_len);
        let (end, plain) = scan::string_end(text, at + 1)?;
        let key = &text[at + 1..end];
        self.saw_event_type |= self.dialect == Dialect::Windows && key == EVENT_TYPE;
        let (key_at, key_len) = (at as u32 + 1, key.len() as u32);
        let mut at = end + 1;
        if *text.get(at)? != b':' {
            at = scan::skip_space(text, at);
            if *text.get(at)? != b':' {
                return None;
            }
        }
        at += 1;
        if matches!(*text.get(at)?, b' ' | b'\t' | b'\n' | b'\r') {
            at = scan::skip_space(text, at);
        }
        if plain && frame.path != PathId::UNKNOWN {
            let (last, context) = (self.last, self.context);
            if let Some(path) = self.learned.find(last, frame.path, key, self.dialect, context.dictionary) {
                self.last = path;
                let path_len = u32::from(frame.path_len) + key_len;
                return Some((Member { path, key_at, key_len, path_len, repeats: frame.repeats, in_path: false }, at));
            }
        }
        if frame.path != PathId::UNKNOWN && path_len > 0 {
            self.learned.write_prefix(frame.path);
        }
        let path = PathId::UNKNOWN;
        let member = if path_len == 0 && plain {
            Member { path, key_at, key_len, path_len: key_len, repeats: frame.repeats, in_path: false }
        } else {
            let path_len = if plain {
                append(&mut self.learned.composed, path_len, key)
            } else {
                // Bounded by the path, so that a long key costs no more than its own length.
                let span = self.unescape(key);
                append(&mut self.learned.composed, path_len, self.writer.bytes(span))
            };
            // No longer than the record and what is above.
            let path_len = path_len as u32;
            Member { path, key_at: 0, key_len: 0, path_len, repeats: frame.repeats, in_path: true }
        };
        Some((member, at))
    }

    /// A value that is no string and no container.
    #[inline]
    fn literal(&mut self, at: usize, member: Member) -> Option<usize> {
        let text = self.text;
        let (end, kind) = match text[at] {
            b'-' | b'0'..=b'9' => (scan::number_end(text, at)?, Kind::Number),
            b't' if text[at..].starts_with(b"true") => (at + 4, Kind::Bool),
            b'f' if text[at..].starts_with(b"false") => (at + 5, Kind::Bool),
            b'n' if text[at..].starts_with(b"null") => (at + 4, Kind::Null),
            _ => return None,
        };
        self.put_part(member, at, end, kind);
        Some(end)
    }

    /// A string that is plain up to `stop`; the place behind its quote.
    #[inline(never)]
    fn escaped(&mut self, member: Member, at: usize, stop: usize) -> Option<usize> {
        let text = self.text;
        // What is unescaped is never longer than its escapes.
        let (span, end) = if self.writer.arena_has_room(text.len() - at) {
            let write = |out: &mut Vec<u8>, from: usize| {
                let made = escape::unescape_string(text, at, stop, out, from)?;
                Some((made.to, made))
            };
            let (span, made) = self.writer.arena_write(write)?;
            if !made.sound {
                self.writer.defect(Defect::JsonMalformed);
            }
            // Text of a string in a string is not the record's.
            if made.repeats && self.base.is_some() {
                self.writer.repeats(span);
            }
            (span, made.end)
        } else {
            (Span::default(), scan::string_end(text, at)?.0)
        };
        self.put(member, span, Kind::Text);
        Some(end + 1)
    }

    /// A key without its escapes.
    fn unescape(&mut self, raw: &[u8]) -> Span {
        let from = self.writer.arena_start();
        if !escape::unescape(raw, |bytes| self.writer.arena_push(bytes)) {
            self.writer.defect(Defect::JsonMalformed);
        }
        self.writer.arena_end(from)
    }

    /// The key as the document has it.
    fn key_of(&self, member: Member) -> &'t [u8] {
        &self.text[member.key_at as usize..][..member.key_len as usize]
    }

    /// The value between two places.
    #[inline(always)]
    fn put_part(&mut self, member: Member, from: usize, to: usize, kind: Kind) {
        let span = match self.base {
            Some(base) => Span::at(base + from as u32, to - from),
            None => self.writer.span_of(&self.text[from..to]),
        };
        if let Some(path) = self.learned.known(member.path).filter(|path| path.place == Place::Vendor) {
            let id = path.id;
            return self.put_vendor(id, member.repeats, span, kind);
        }
        self.put(member, span, kind);
    }

    #[inline(never)]
    fn put(&mut self, member: Member, value: Span, kind: Kind) {
        let Some(path) = self.learned.known(member.path) else { return self.put_named(member, value, kind) };
        match path.place {
            Place::Vendor => {
                let id = path.id;
                self.put_vendor(id, member.repeats, value, kind);
            }
            Place::Schema => {
                let id = path.id;
                if self.takes_schema(id, member.repeats, value, kind) {
                    put_schema(self.writer, self.context, id, self.learned.text(member.path), value, kind);
                }
            }
            Place::UnnamedVendor | Place::UnnamedRoot => self.put_unnamed(member, value, kind),
        }
    }

    #[inline(always)]
    fn put_vendor(&mut self, id: FieldId, repeats: bool, value: Span, kind: Kind) {
        if self.writer.put_span_again(id, value, kind, true, self.fields_before) && !repeats {
            self.writer.defect(Defect::DuplicateKey);
        }
    }

    /// Whether a member goes under its schema name. An envelope does not take it from the document within; its own is
    /// written under the namespace here.
    #[inline]
    fn takes_schema(&mut self, id: FieldId, repeats: bool, value: Span, kind: Kind) -> bool {
        if self.dialect == Dialect::Envelope && self.writer.view().has(id) {
            self.writer.put_span(id, value, kind, true);
            return false;
        }
        if !repeats && self.written(id) {
            self.writer.defect(Defect::DuplicateKey);
        }
        true
    }

    /// A member whose path is kept and whose name no dictionary holds.
    fn put_unnamed(&mut self, member: Member, value: Span, kind: Kind) {
        let Some(path) = self.learned.known(member.path) else { return };
        let place = path.place;
        let in_key = if member.key_len == 0 { None } else { path.name_in_key() };
        let (seen, hash) = (path.seen == self.document, path.hash);
        if !member.repeats {
            let unknown = self.watches_unknown && self.watched[..self.watched_len].contains(&hash);
            if seen || unknown && unnamed_written(self.writer, self.fields_before, self.learned.name(member.path)) {
                self.writer.defect(Defect::DuplicateKey);
            } else if self.watched_len < UNNAMED_WATCHED_MAX {
                self.learned.see(member.path, self.document);
                self.watched[self.watched_len] = hash;
                self.watched_len += 1;
            }
        }
        let name = match in_key {
            Some(range) => self.writer.span_of(&self.key_of(member)[range]),
            None => {
                let from = self.writer.arena_start();
                self.writer.arena_push(self.learned.name(member.path));
                self.writer.arena_end(from)
            }
        };
        if place == Place::UnnamedVendor {
            self.writer.put_unnamed(name, value, kind);
        } else {
            self.writer.put_unnamed_at_root(name, value, kind);
        }
    }

    /// A member whose path is not kept.
    #[inline(never)]
    fn put_named(&mut self, member: Member, value: Span, kind: Kind) {
        let key = self.key_of(member);
        let path = composed(&self.learned, member, key);
        match self.dialect.name(path, self.context.dictionary) {
            Name::Vendor(id) => self.put_vendor(id, member.repeats, value, kind),
            Name::Schema(id) => {
                if self.takes_schema(id, member.repeats, value, kind) {
                    let path = composed(&self.learned, member, key);
                    put_schema(self.writer, self.context, id, path, value, kind);
                }
            }
            Name::Unnamed { name, vendor } => {
                let span = if member.in_path {
                    let from = self.writer.arena_start();
                    self.writer.arena_push(name);
                    self.writer.arena_end(from)
                } else {
                    self.writer.span_of(name)
                };
                if !member.repeats {
                    let hash = watch_hash(path);
                    if self.watched[..self.watched_len].contains(&hash)
                        && unnamed_written(self.writer, self.fields_before, self.writer.bytes(span))
                    {
                        self.writer.defect(Defect::DuplicateKey);
                    } else if self.watched_len < UNNAMED_WATCHED_MAX {
                        self.watched[self.watched_len] = hash;
                        self.watched_len += 1;
                        self.watches_unknown = true;
                    }
                }
                if vendor {
                    self.writer.put_unnamed(span, value, kind);
                } else {
                    self.writer.put_unnamed_at_root(span, value, kind);
                }
            }
        }
    }

    #[inline]
    fn written(&self, id: FieldId) -> bool {
        self.writer.view().first_index(id).is_some_and(|at| at >= self.fields_before)
    }
}

/// The path of a member that is not kept.
fn composed<'p>(learned: &'p Learned, member: Member, key: &'p [u8]) -> &'p [u8] {
    if member.in_path {
        // Over-long paths keep their first bytes as the name.
        &learned.composed[..PATH_BYTES_MAX.min(member.path_len as usize)]
    } else {
        // At the root, a key is all of the name.
        key
    }
}

/// A member that bears a schema name: written there if its value has the schema's type, else
/// under the vendor's namespace, so that a typed name never holds what is not of its type.
fn put_schema(writer: &mut EventWriter<'_>, context: &Context<'_>, id: FieldId, path: &[u8], value: Span, kind: Kind) {
    let bytes = writer.bytes(value);
    let fits = match (kind, context.dictionary.kind(id)) {
        (Kind::Null | Kind::Json, _) => false,
        (_, FieldType::Ip) => crate::ip::parse(bytes).is_some(),
        (_, FieldType::Long) => crate::number::parse_i64(bytes).is_some(),
        _ => true,
    };
    if !fits {
        let from = writer.arena_start();
        writer.arena_push(path);
        let name = writer.arena_end(from);
        writer.put_unnamed(name, value, kind);
        return;
    }
    let core_port = match id {
        ecs::SOURCE_PORT | ecs::DESTINATION_PORT => {
            crate::number::parse_u64(bytes).and_then(|port| u16::try_from(port).ok())
        }
        _ => None,
    };
    let core_ip = match id {
        ecs::SOURCE_IP | ecs::DESTINATION_IP => crate::ip::parse(bytes),
        _ => None,
    };
    let core = writer.core();
    match id {
        ecs::SOURCE_PORT => core.source_port = core_port,
        ecs::DESTINATION_PORT => core.destination_port = core_port,
        ecs::SOURCE_IP => core.source_ip = core_ip,
        ecs::DESTINATION_IP => core.destination_ip = core_ip,
        _ => {}
    }
    writer.put_span(id, value, kind, false);
}

/// Appends as much as fits; the answer is the length that the whole would have.
#[inline]
fn append(path: &mut [u8; PATH_BYTES_MAX], at: usize, key: &[u8]) -> usize {
    let fits = key.len().min(PATH_BYTES_MAX.saturating_sub(at));
    path[at..at + fits].copy_from_slice(&key[..fits]);
    at + key.len()
}

/// Mixes a name for the watch list; a clash costs a search, never a wrong answer.
pub(super) fn watch_hash(name: &[u8]) -> u32 {
    name.iter().fold(name.len() as u32, |hash, &byte| (hash.rotate_left(5) ^ u32::from(byte)).wrapping_mul(0x9E37_79B9))
}

#[cold]
fn unnamed_written(writer: &EventWriter<'_>, fields_before: usize, name: &[u8]) -> bool {
    let view = writer.view();
    view.fields()[fields_before..].iter().any(|field| field.id == FieldId::UNNAMED && view.own_name(field) == name)
}
