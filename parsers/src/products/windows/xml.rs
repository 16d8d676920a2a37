//! Windows events as XML: the form in which the event log itself renders them (Windows Event Schema, `Event`
//! element), bare or behind a syslog header.
//!
//! Writes the fields under the names that the JSON shapes use and hands on to the same normaliser.

use super::names::{Ids, ids, params};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::wire::syslog::Header;
use crate::wire::xml::{self, Reader, Token};
use crate::{ecs, logsource, products};

/// Deepest nesting that is read. The event schema nests four deep, providers' own data a few more; what lies
/// deeper is left in the raw record with [`Defect::XmlDepth`].
const DEPTH_MAX: usize = 32;

/// Longest name composed of nested elements; a longer one keeps its first bytes.
const PATH_BYTES_MAX: usize = 256;

/// The parts of an event that the schema defines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Section {
    System,
    EventData,
    UserData,
    Rendering,
    Other,
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_start();
    let text = match text.strip_prefix(b"<?xml") {
        Some(rest) => memchr::memmem::find(rest, b"?>").map_or(text, |at| rest[at + 2..].trim_ascii_start()),
        None => text,
    };
    if !text.starts_with(b"<Event") || !matches!(text.get(6), Some(b'>' | b' ' | b'\t' | b'\r' | b'\n')) {
        return false;
    }
    // Other XML calls its root so, too; the schema's first element tells.
    if memchr::memmem::find(&text[..text.len().min(512)], b"<System>").is_none() {
        return false;
    }
    Walker::new(writer, context).walk(text);
    if !super::normalise(writer, context) {
        // Cut off before it said which event it is.
        writer.defect(Defect::MessageMalformed);
        super::set_time(writer, context, ids(), false);
        writer.put_str(ecs::EVENT_KIND, "event");
        let core = writer.core();
        core.product = products::WINDOWS;
        core.log_source = logsource::WINDOWS;
    }
    true
}

#[derive(Clone, Copy, Default)]
struct Frame {
    /// Bytes of the path before this element's name.
    path_from: u16,
    /// Whether a value of this element is written.
    written: bool,
}

struct Walker<'w, 'a, 'c> {
    writer: &'w mut EventWriter<'a>,
    context: &'c Context<'c>,
    ids: &'static Ids,
    path: [u8; PATH_BYTES_MAX],
    path_len: usize,
    /// How many data had no name.
    unnamed: usize,
    /// Fields that stood before the section began.
    fields_before: usize,
}

impl<'w, 'a, 'c> Walker<'w, 'a, 'c> {
    fn new(writer: &'w mut EventWriter<'a>, context: &'c Context<'c>) -> Self {
        Walker { writer, context, ids: ids(), path: [0; PATH_BYTES_MAX], path_len: 0, unnamed: 0, fields_before: 0 }
    }

    fn walk(&mut self, text: &'a [u8]) {
        let mut reader = Reader::new(text);
        let mut frames = [Frame::default(); DEPTH_MAX];
        let mut depth = 0;
        // Elements below the deepest that is read.
        let mut deeper = 0usize;
        let mut section = Section::Other;
        loop {
            match reader.next() {
                Token::Open { empty, .. } if depth == DEPTH_MAX => {
                    self.writer.defect(Defect::XmlDepth);
                    deeper += usize::from(!empty);
                }
                Token::Open { name, attributes, empty } => {
                    match depth {
                        0 => {}
                        1 => section = self.section(name),
                        _ => {
                            frames[depth - 1].written = true;
                            frames[depth] = Frame { path_from: self.path_len as u16, written: false };
                            self.open(section, depth, name, attributes);
                        }
                    }
                    if empty {
                        self.close(section, depth, frames[depth]);
                    } else {
                        depth += 1;
                    }
                    if depth == 0 {
                        break;
                    }
                }
                Token::Close { .. } if deeper > 0 => deeper -= 1,
                Token::Close { .. } => {
                    if depth <= 1 {
                        depth = 0;
                        break;
                    }
                    depth -= 1;
                    self.close(section, depth, frames[depth]);
                }
                Token::Content(raw) => {
                    // Blanks between elements are no value; in a datum they are.
                    let datum = section == Section::EventData && depth == 3 && !frames[2].written;
                    if depth > 1 && deeper == 0 && (datum || !raw.trim_ascii().is_empty()) {
                        let value = xml::text(self.writer, raw);
                        frames[depth - 1].written = true;
                        self.put(section, value);
                    }
                }
                Token::End => break,
                Token::Malformed => {
                    self.writer.defect(Defect::XmlMalformed);
                    return;
                }
            }
        }
        if depth != 0 || !reader.rest().trim_ascii().is_empty() {
            self.writer.defect(Defect::XmlMalformed);
        }
    }

    fn section(&mut self, name: &[u8]) -> Section {
        self.path_len = 0;
        self.fields_before = self.writer.fields_len();
        match name {
            b"System" => Section::System,
            b"EventData" => Section::EventData,
            b"UserData" => Section::UserData,
            b"RenderingInfo" => Section::Rendering,
            _ => {
                // What the schema names rarely keeps its section's name before its own.
                self.append(name);
                Section::Other
            }
        }
    }

    /// Begins an element below a section: its name, and the attributes that bear values.
    fn open(&mut self, section: Section, depth: usize, name: &'a [u8], attributes: &'a [u8]) {
        match section {
            Section::EventData if depth == 2 => match xml::attribute(attributes, b"Name") {
                Some(name) if !name.is_empty() => self.append(name),
                _ if name == b"Data" => {
                    self.unnamed += 1;
                    self.append(b"Data");
                }
                _ => self.append(name),
            },
            // Below the user data stands one element of the provider's own.
            Section::UserData if depth == 2 => {
                self.writer.put_vendor(self.ids.xml_name, name);
                self.path_len = 0;
            }
            _ => {
                if self.path_len > 0 {
                    self.append(b".");
                }
                self.append(name);
                if !attributes.is_empty() {
                    self.attributes(section, attributes);
                }
            }
        }
    }

    fn attributes(&mut self, section: Section, attributes: &'a [u8]) {
        for (name, raw) in xml::attributes(attributes) {
            if name.starts_with(b"xmlns") || name.starts_with(b"xml:") {
                continue;
            }
            let len = self.path_len;
            self.append(b".");
            self.append(name);
            let value = xml::text(self.writer, raw);
            self.put(section, value);
            self.path_len = len;
        }
    }

    /// Data with a name bear it once.
    fn watch_repeated(&mut self) {
        let path = &self.path[..self.path_len];
        if path == b"Data" {
            return;
        }
        let first = self.context.dictionary.find(path).and_then(|id| self.writer.view().first_index(id));
        if first.is_some_and(|at| at >= self.fields_before) {
            self.writer.defect(Defect::DuplicateKey);
        }
    }

    /// Ends an element: one without any value has the empty one.
    fn close(&mut self, section: Section, depth: usize, frame: Frame) {
        if depth < 2 {
            return;
        }
        if !frame.written && section == Section::EventData {
            let value = self.writer.span_of(b"");
            self.put(section, value);
        }
        self.path_len = usize::from(frame.path_from);
    }

    fn append(&mut self, name: &[u8]) {
        let fits = name.len().min(PATH_BYTES_MAX - self.path_len);
        self.path[self.path_len..self.path_len + fits].copy_from_slice(&name[..fits]);
        self.path_len += fits;
    }

    fn put(&mut self, section: Section, value: Span) {
        let path = &self.path[..self.path_len];
        if path.is_empty() {
            return;
        }
        match section {
            Section::System => {
                let name = match path {
                    b"Provider.Name" => b"Provider_Name",
                    _ => path,
                };
                put_named(self.writer, self.context, name, value);
            }
            Section::Rendering => match rendered(path) {
                Some(Rendered::Schema(id)) => self.writer.put_span(id, value, Kind::Text, false),
                Some(Rendered::Message) => self.writer.put_span(self.ids.message, value, Kind::Text, true),
                // The channel and the provider are told by the system part.
                None => {}
            },
            Section::EventData | Section::UserData => {
                if section == Section::EventData {
                    self.watch_repeated();
                }
                let path = &self.path[..self.path_len];
                if section == Section::EventData && path == b"Data" {
                    if let Some(&id) = self.unnamed.checked_sub(1).and_then(|at| params().get(at)) {
                        self.writer.put_span(id, value, Kind::Text, true);
                    }
                }
                put_named(self.writer, self.context, path, value);
            }
            Section::Other => match path {
                b"ProcessingErrorData.ErrorCode" => self.writer.put_span(ecs::ERROR_CODE, value, Kind::Text, false),
                _ => put_named(self.writer, self.context, path, value),
            },
        }
    }
}

fn put_named(writer: &mut EventWriter<'_>, context: &Context<'_>, name: &[u8], value: Span) {
    match context.dictionary.find(name) {
        Some(id) => writer.put_span(id, value, Kind::Text, true),
        None => {
            let name = writer.span_of(name);
            writer.put_unnamed(name, value, Kind::Text);
        }
    }
}

enum Rendered {
    Schema(FieldId),
    Message,
}

/// What the collector rendered in its own language.
fn rendered(path: &[u8]) -> Option<Rendered> {
    Some(Rendered::Schema(match path {
        b"Message" => return Some(Rendered::Message),
        b"Level" => ecs::WINLOG_LEVEL,
        b"Task" => ecs::WINLOG_TASK,
        b"Opcode" => ecs::WINLOG_OPCODE,
        b"Keywords.Keyword" => ecs::WINLOG_KEYWORDS,
        _ => return None,
    }))
}
