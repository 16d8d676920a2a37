//! One pass over a JSON object: every member becomes a field, named by its dotted path.

use super::dialect::{Dialect, Name};
use super::{escape, scan};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::{FieldId, FieldType, same};
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

#[derive(Clone, Copy, Default)]
struct Frame {
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
    dialect: Dialect,
    /// A value that is written already: where it begins and where it ends.
    skip: (usize, usize),
    prefix_len: usize,
    path: [u8; PATH_BYTES_MAX],
    /// Fields that the header wrote: a member of the same name is no duplicate.
    fields_before: usize,
    watched: [u32; UNNAMED_WATCHED_MAX],
    watched_len: usize,
    /// The last member that has an id: what followed it before is guessed to follow again.
    last: FieldId,
}

/// The name of the value being read. Kept small: it is passed for every member.
#[derive(Clone, Copy)]
struct Member<'t> {
    /// The key where the path buffer does not hold it: at the root, and where it was guessed.
    key: &'t [u8],
    /// The id where it was guessed, else [`FieldId::UNNAMED`].
    guessed: FieldId,
    /// How long the whole name is.
    path_len: usize,
    repeats: bool,
    /// Whether the path buffer holds the whole name.
    in_path: bool,
}

impl<'w, 'a, 'c, 't> Walker<'w, 'a, 'c, 't> {
    pub(super) fn new(
        writer: &'w mut EventWriter<'a>,
        context: &'c Context<'c>,
        text: &'t [u8],
        dialect: Dialect,
    ) -> Self {
        let fields_before = writer.fields_len();
        Walker {
            writer,
            context,
            text,
            dialect,
            skip: (usize::MAX, 0),
            prefix_len: 0,
            path: [0; PATH_BYTES_MAX],
            fields_before,
            watched: [0; UNNAMED_WATCHED_MAX],
            watched_len: 0,
            last: FieldId::UNNAMED,
        }
    }

    /// Puts every name below `prefix` and a dot.
    pub(super) fn under(mut self, prefix: &[u8]) -> Self {
        let len = append(&mut self.path, 0, prefix);
        let len = append(&mut self.path, len, b".");
        self.prefix_len = if len < PATH_BYTES_MAX { len } else { 0 };
        self
    }

    /// Leaves out the value that lies at `range`.
    pub(super) fn without(mut self, range: std::ops::Range<usize>) -> Self {
        self.skip = (range.start, range.end);
        self
    }

    /// Walks the object that opens at 0. `None` = it breaks off or is malformed; what was read stays.
    pub(super) fn walk(&mut self) -> Option<usize> {
        let text = self.text;
        let mut frames = [Frame::default(); DEPTH_MAX];
        frames[0].path_len = self.prefix_len as u16;
        let mut depth = 1;
        let mut at = scan::skip_space(text, 1);
        if *text.get(at)? == b'}' {
            return Some(at + 1);
        }
        loop {
            let frame = frames[depth - 1];
            let member = if frame.array {
                Member {
                    key: &[],
                    guessed: FieldId::UNNAMED,
                    path_len: usize::from(frame.path_len),
                    repeats: true,
                    in_path: true,
                }
            } else {
                let (member, after) = self.key(at, frame)?;
                at = after;
                member
            };
            match *text.get(at)? {
                _ if at == self.skip.0 => at = self.skip.1,
                open @ (b'{' | b'[') => {
                    let inside = scan::skip_space(text, at + 1);
                    let empty = *text.get(inside)? == open + 2;
                    let nested_array = open == b'[' && frame.array;
                    // One byte more for the dot below an object.
                    let deep = depth == DEPTH_MAX || member.path_len + 1 >= PATH_BYTES_MAX;
                    if empty || nested_array || deep {
                        if deep && !empty {
                            self.writer.defect(Defect::JsonDepth);
                        }
                        let end = scan::container_end(text, at)?;
                        self.put_slice(member, &text[at..end], Kind::Json);
                        at = end;
                    } else {
                        let mut path_len = member.path_len;
                        if !member.in_path {
                            self.path[path_len - member.key.len()..path_len].copy_from_slice(member.key);
                        }
                        if open == b'{' {
                            self.path[path_len] = b'.';
                            path_len += 1;
                        }
                        let array = open == b'[';
                        frames[depth] = Frame { path_len: path_len as u16, array, repeats: array || frame.repeats };
                        depth += 1;
                        at = inside;
                        continue;
                    }
                }
                _ => at = self.scalar(at, member)?,
            }
            // After a value: the next one, or the end of this and perhaps of outer containers.
            loop {
                if *text.get(at)? <= b' ' {
                    at = scan::skip_space(text, at);
                }
                let close = if frames[depth - 1].array { b']' } else { b'}' };
                match *text.get(at)? {
                    b',' => {
                        at += 1;
                        if *text.get(at)? <= b' ' {
                            at = scan::skip_space(text, at);
                        }
                        break;
                    }
                    byte if byte == close => {
                        at += 1;
                        depth -= 1;
                        if depth == 0 {
                            return Some(at);
                        }
                    }
                    _ => return None,
                }
            }
        }
    }

    /// The key at `at` and its colon; the place of the value.
    #[inline]
    fn key(&mut self, at: usize, frame: Frame) -> Option<(Member<'t>, usize)> {
        let text = self.text;
        if *text.get(at)? != b'"' {
            return None;
        }
        let path_len = usize::from(frame.path_len);
        if let Some((guessed, key)) = self.guess(at + 1, path_len) {
            // Its quote and colon are looked at already.
            let after = at + key.len() + 3;
            let path_len = path_len + key.len();
            let member = Member { key, guessed, path_len, repeats: frame.repeats, in_path: false };
            let blank = text.get(after).is_some_and(|&byte| byte <= b' ');
            return Some((member, if blank { scan::skip_space(text, after) } else { after }));
        }
        let (end, plain) = scan::string_end(text, at + 1)?;
        let key = &text[at + 1..end];
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
        let guessed = FieldId::UNNAMED;
        let member = if path_len == 0 && plain {
            Member { key, guessed, path_len: key.len(), repeats: frame.repeats, in_path: false }
        } else {
            let path_len = if plain {
                append(&mut self.path, path_len, key)
            } else {
                // Bounded by the path, so that a long key costs no more than its own length.
                let span = self.unescape(key);
                append(&mut self.path, path_len, self.writer.bytes(span))
            };
            Member { key: &[], guessed, path_len, repeats: frame.repeats, in_path: true }
        };
        Some((member, at))
    }

    /// The member that followed the last one before, if it stands here again.
    #[inline]
    fn guess(&self, at: usize, path_len: usize) -> Option<(FieldId, &'t [u8])> {
        if !self.dialect.names_are_paths() {
            return None;
        }
        let (id, name) = self.context.successors.after(self.last, self.context.dictionary)?;
        let (prefix, key) = name.split_at_checked(path_len).filter(|_| name.len() < PATH_BYTES_MAX)?;
        let end = at + key.len();
        let found = self.text.get(at..end)?;
        let here = self.text.get(end..end + 2)? == b"\":" && same(found, key) && same(prefix, &self.path[..path_len]);
        here.then_some((id, found))
    }

    #[inline]
    fn scalar(&mut self, at: usize, member: Member<'t>) -> Option<usize> {
        let text = self.text;
        let (end, kind) = match text[at] {
            b'"' => {
                let (end, plain) = scan::string_end(text, at + 1)?;
                let value = &text[at + 1..end];
                if plain {
                    self.put_slice(member, value, Kind::Text);
                } else {
                    let span = self.unescape(value);
                    self.put(member, span, Kind::Text);
                }
                return Some(end + 1);
            }
            b'-' | b'0'..=b'9' => (scan::number_end(text, at)?, Kind::Number),
            b't' if text[at..].starts_with(b"true") => (at + 4, Kind::Bool),
            b'f' if text[at..].starts_with(b"false") => (at + 5, Kind::Bool),
            b'n' if text[at..].starts_with(b"null") => (at + 4, Kind::Null),
            _ => return None,
        };
        self.put_slice(member, &text[at..end], kind);
        Some(end)
    }

    fn unescape(&mut self, raw: &[u8]) -> Span {
        let from = self.writer.arena_start();
        if !self.writer.arena_append(raw.len(), |arena| escape::unescape_into(raw, arena)).unwrap_or(true) {
            self.writer.defect(Defect::JsonMalformed);
        }
        self.writer.arena_end(from)
    }

    #[inline]
    fn put_slice(&mut self, member: Member<'t>, value: &[u8], kind: Kind) {
        let span = self.writer.span_of(value);
        self.put(member, span, kind);
    }

    #[inline]
    fn put(&mut self, member: Member<'t>, value: Span, kind: Kind) {
        if member.guessed != FieldId::UNNAMED {
            self.last = member.guessed;
            if self.dialect.is_own() || member.guessed.index() >= ecs::COUNT {
                return self.put_vendor(member.guessed, member.repeats, value, kind);
            }
            let from = member.path_len - member.key.len();
            self.path[from..member.path_len].copy_from_slice(member.key);
        }
        self.put_named(member, value, kind);
    }

    #[inline]
    fn put_vendor(&mut self, id: FieldId, repeats: bool, value: Span, kind: Kind) {
        if !repeats && self.written(id) {
            self.writer.defect(Defect::DuplicateKey);
        }
        self.writer.put_span(id, value, kind, true);
    }

    fn put_named(&mut self, member: Member<'t>, value: Span, kind: Kind) {
        // A key that is all of the name lies in the record.
        let whole = !member.in_path && member.key.len() == member.path_len;
        let path = if whole {
            member.key
        } else {
            // Over-long paths keep their first bytes as the name.
            &self.path[..member.path_len.min(PATH_BYTES_MAX)]
        };
        match self.dialect.name(path, self.context.dictionary) {
            Name::Vendor(id) => {
                note(&mut self.last, self.dialect, self.context, id);
                self.put_vendor(id, member.repeats, value, kind);
            }
            Name::Schema(id) if self.dialect == Dialect::Envelope && self.writer.view().has(id) => {
                note(&mut self.last, self.dialect, self.context, id);
                self.writer.put_span(id, value, kind, true);
            }
            Name::Schema(id) => {
                note(&mut self.last, self.dialect, self.context, id);
                if !member.repeats && self.written(id) {
                    self.writer.defect(Defect::DuplicateKey);
                }
                put_schema(self.writer, self.context, id, path, value, kind);
            }
            Name::Unnamed { name, vendor } => {
                let span = if whole {
                    self.writer.span_of(name)
                } else {
                    let from = self.writer.arena_start();
                    self.writer.arena_push(name);
                    self.writer.arena_end(from)
                };
                if !member.repeats {
                    let hash = watch_hash(path);
                    let watched = &self.watched[..self.watched_len];
                    if watched.contains(&hash) && unnamed_written(self.writer, self.fields_before, span) {
                        self.writer.defect(Defect::DuplicateKey);
                    } else if self.watched_len < UNNAMED_WATCHED_MAX {
                        self.watched[self.watched_len] = hash;
                        self.watched_len += 1;
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

/// Notes that the member `id` followed `last`.
#[inline]
fn note(last: &mut FieldId, dialect: Dialect, context: &Context<'_>, id: FieldId) {
    // The elements of an array follow themselves.
    if dialect.names_are_paths() && id != *last {
        context.successors.note(*last, id);
        *last = id;
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
fn watch_hash(name: &[u8]) -> u32 {
    name.iter().fold(name.len() as u32, |hash, &byte| (hash.rotate_left(5) ^ u32::from(byte)).wrapping_mul(0x9E37_79B9))
}

#[cold]
fn unnamed_written(writer: &EventWriter<'_>, fields_before: usize, name: Span) -> bool {
    let view = writer.view();
    let name = writer.bytes(name);
    view.fields()[fields_before..].iter().any(|field| field.id == FieldId::UNNAMED && view.own_name(field) == name)
}
