//! YAML documents as trees that know their places.
//!
//! Built from the parser's events, so that every node keeps line and column and
//! hostile files meet bounds before memory: aliases are counted by what they expand
//! to. Plain scalars are typed by the core schema of YAML 1.2 (§10.3.2).

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::diagnostic::Place;

/// Longest rule file read. The largest public rule is under 100 KiB; whole packs in one
/// file stay under this.
pub const FILE_BYTES_MAX: usize = 4 << 20;
/// Deepest nesting, aliases expanded. Sigma needs 6; trees are walked by recursion.
pub const DEPTH_MAX: usize = 48;
/// Most nodes of one file, aliases expanded: what stops "billion laughs" files.
pub const NODES_MAX: usize = 400_000;
/// Most aliases of one file.
pub const ALIASES_MAX: usize = 1_000;

/// A typed scalar; numbers keep their text as written.
#[derive(Clone, PartialEq, Debug)]
pub enum Scalar {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128, String),
    /// A decimal number.
    Float(f64, String),
    /// Anything else, and everything quoted.
    Text(String),
}

/// A key of a mapping with its value.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub value: Node,
}

/// What a node is.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    /// A scalar.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the file's order, keys unique.
    Map(Vec<Entry>),
}

/// A node of a document.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// Where it starts.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

impl Node {
    /// The value under `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry under `key`.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// A scalar's text as written; `None` for null, lists and mappings.
    pub fn text(&self) -> Option<String> {
        match &self.kind {
            Kind::Scalar(Scalar::Text(text) | Scalar::Integer(_, text) | Scalar::Float(_, text)) => Some(text.clone()),
            Kind::Scalar(Scalar::Bool(value)) => Some(value.to_string()),
            _ => None,
        }
    }

    /// The word for what this is, for messages.
    pub fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(Scalar::Null) => "null",
            Kind::Scalar(Scalar::Bool(_)) => "a boolean",
            Kind::Scalar(Scalar::Integer(..) | Scalar::Float(..)) => "a number",
            Kind::Scalar(Scalar::Text(_)) => "a string",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// Feeds a canonical form of the tree: equal for files that differ in layout,
    /// comments, quoting or key order only.
    pub fn digest_into(&self, sink: &mut impl FnMut(&[u8])) {
        let mut text = |tag: u8, text: &str| {
            sink(&[tag]);
            sink(&(text.len() as u64).to_le_bytes());
            sink(text.as_bytes());
        };
        match &self.kind {
            Kind::Scalar(Scalar::Null) => text(b'0', ""),
            Kind::Scalar(Scalar::Bool(value)) => text(b'b', if *value { "1" } else { "0" }),
            Kind::Scalar(Scalar::Integer(_, value) | Scalar::Float(_, value)) => text(b'n', value),
            Kind::Scalar(Scalar::Text(value)) => text(b't', value),
            Kind::List(items) => {
                sink(b"l");
                sink(&(items.len() as u64).to_le_bytes());
                items.iter().for_each(|item| item.digest_into(sink));
            }
            Kind::Map(entries) => {
                sink(b"m");
                sink(&(entries.len() as u64).to_le_bytes());
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_by(|a, b| a.key.cmp(&b.key));
                for entry in sorted {
                    sink(&(entry.key.len() as u64).to_le_bytes());
                    sink(entry.key.as_bytes());
                    entry.value.digest_into(sink);
                }
            }
        }
    }
}

/// Why a file could not be read as YAML.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
}

/// What a file holds: its documents, and what is wrong with it. A fault ends the
/// reading; the documents before it stand.
#[derive(Default, Debug)]
pub struct Parsed {
    /// The documents that are not empty.
    pub documents: Vec<Node>,
    /// Faults, in the order found.
    pub faults: Vec<Fault>,
}

/// Reads all documents of a file.
pub fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    if text.len() > FILE_BYTES_MAX {
        parsed.faults.push(Fault {
            place: Place { line: 1, column: 1 },
            message: format!("the file is {} bytes long, more than the {FILE_BYTES_MAX} allowed", text.len()),
            help: Some("split it into several files".into()),
        });
        return parsed;
    }
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut builder = Builder::default();
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                if let Err(fault) = builder.take(event, &span, &mut parsed) {
                    parsed.faults.push(fault);
                    return parsed;
                }
            }
            Err(error) => {
                let marker = error.marker();
                parsed.faults.push(Fault {
                    place: Place { line: marker.line() as u32, column: marker.col() as u32 + 1 },
                    message: format!("not valid YAML: {}", error.info()),
                    help: None,
                });
                return parsed;
            }
        }
    }
    parsed
}

/// A collection that is still open.
struct Frame {
    anchor: usize,
    place: Place,
    /// Nodes and height of what is inside so far.
    size: Size,
    items: Vec<Node>,
    entries: Vec<Entry>,
    /// Lines of the keys so far, where there are many.
    lines: HashMap<String, u32>,
    key: Option<(String, Place)>,
    map: bool,
}

/// Mappings of more keys than this look them up by hash; almost all have fewer.
const KEYS_LISTED_MAX: usize = 32;

impl Frame {
    /// The line a key was given in before.
    fn line_of(&mut self, key: &str) -> Option<u32> {
        if self.entries.len() <= KEYS_LISTED_MAX {
            return self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.place.line);
        }
        let noted = self.lines.len();
        self.lines.extend(self.entries[noted..].iter().map(|entry| (entry.key.clone(), entry.place.line)));
        self.lines.get(key).copied()
    }
}

#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    height: usize,
}

#[derive(Default)]
struct Builder {
    frames: Vec<Frame>,
    anchors: HashMap<usize, (Node, Size)>,
    nodes: usize,
    aliases: usize,
}

fn place(span: &Span) -> Place {
    Place { line: span.start.line() as u32, column: span.start.col() as u32 + 1 }
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Span, parsed: &mut Parsed) -> Result<(), Fault> {
        let at = place(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let as_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
                let scalar = if as_text { Scalar::Text(text.into_owned()) } else { typed(&text) };
                let node = Node { place: at, kind: Kind::Scalar(scalar) };
                self.finish(node, anchor, Size { nodes: 1, height: 1 }, 1, parsed)
            }
            Event::SequenceStart(anchor, _) => self.open(anchor, at, false),
            Event::MappingStart(anchor, _) => self.open(anchor, at, true),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(frame) = self.frames.pop() else { return Ok(()) };
                let kind = if frame.map { Kind::Map(frame.entries) } else { Kind::List(frame.items) };
                let size = Size { nodes: frame.size.nodes + 1, height: frame.size.height + 1 };
                self.finish(Node { place: frame.place, kind }, frame.anchor, size, 1, parsed)
            }
            Event::Alias(anchor) => {
                self.aliases += 1;
                if self.aliases > ALIASES_MAX {
                    return Err(fault(at, format!("more than {ALIASES_MAX} aliases"), "write the values out"));
                }
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return Err(fault(at, "an alias refers to what contains it", "write the value out"));
                };
                let (size, room) = (*size, NODES_MAX.saturating_sub(self.nodes));
                if size.nodes > room {
                    return Err(fault(
                        at,
                        format!("aliases expand to more than {NODES_MAX} values"),
                        "write the values out",
                    ));
                }
                let node = node.clone();
                self.finish(node, 0, size, size.nodes, parsed)
            }
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, anchor: usize, place: Place, map: bool) -> Result<(), Fault> {
        if self.frames.len() >= DEPTH_MAX {
            return Err(fault(place, format!("nested more than {DEPTH_MAX} levels deep"), "flatten the structure"));
        }
        self.frames.push(Frame {
            anchor,
            place,
            size: Size::default(),
            items: Vec::new(),
            entries: Vec::new(),
            lines: HashMap::new(),
            key: None,
            map,
        });
        Ok(())
    }

    /// Puts a finished node into its parent. `added` is what it adds to the count: one, or
    /// for an alias all that it expands to.
    fn finish(
        &mut self,
        node: Node,
        anchor: usize,
        size: Size,
        added: usize,
        parsed: &mut Parsed,
    ) -> Result<(), Fault> {
        self.nodes += added;
        if self.nodes > NODES_MAX {
            return Err(fault(node.place, format!("more than {NODES_MAX} values in one file"), "split the file"));
        }
        if self.frames.len() + size.height > DEPTH_MAX {
            return Err(fault(
                node.place,
                format!("nested more than {DEPTH_MAX} levels deep"),
                "flatten the structure",
            ));
        }
        if anchor != 0 {
            // A copy of an anchored value is kept for its aliases, and it counts.
            self.nodes += size.nodes;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(frame) = self.frames.last_mut() else {
            if !matches!(node.kind, Kind::Scalar(Scalar::Null)) {
                parsed.documents.push(node);
            }
            return Ok(());
        };
        frame.size.nodes += size.nodes;
        frame.size.height = frame.size.height.max(size.height);
        if !frame.map {
            frame.items.push(node);
            return Ok(());
        }
        match frame.key.take() {
            None => {
                let Some(key) = node.text().or_else(|| (node.what() == "null").then(String::new)) else {
                    return Err(fault(
                        node.place,
                        format!("{} can't be a key", node.what()),
                        "use a plain string as the key",
                    ));
                };
                if let Some(first) = frame.line_of(&key) {
                    return Err(fault(
                        node.place,
                        format!("the key `{key}` is given twice, first in line {first}"),
                        "YAML keys are unique: join the two, or use a list of mappings",
                    ));
                }
                frame.key = Some((key, node.place));
            }
            Some((key, place)) => frame.entries.push(Entry { key, place, value: node }),
        }
        Ok(())
    }
}

fn fault(place: Place, message: impl Into<String>, help: &str) -> Fault {
    Fault { place, message: message.into(), help: Some(help.into()) }
}

/// Types a plain scalar by the core schema of YAML 1.2 (§10.3.2).
fn typed(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.len() <= 38 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        if let Ok(value) = text.parse::<i128>() {
            return Scalar::Integer(value, text.into());
        }
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(value) = text.strip_prefix(prefix).and_then(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| i128::from_str_radix(digits, radix).ok())?
        }) {
            return Scalar::Integer(value, text.into());
        }
    }
    let decimal = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    if decimal {
        if let Some(value) = text.parse::<f64>().ok().filter(|value| value.is_finite()) {
            return Scalar::Float(value, text.into());
        }
    }
    Scalar::Text(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(text: &str) -> String {
        let parsed = parse(text);
        let fault = parsed.faults.first().expect("a fault");
        format!("{}:{} {}", fault.place.line, fault.place.column, fault.message)
    }

    #[test]
    fn nodes_know_their_places_and_documents_are_apart() {
        let parsed = parse("a: 1\nb:\n  - x\n  - 'y'\n---\n---\nc: ~\n");
        assert!(parsed.faults.is_empty());
        assert_eq!(parsed.documents.len(), 2);
        let list = parsed.documents[0].get("b").unwrap();
        let Kind::List(items) = &list.kind else { panic!() };
        assert_eq!(items[1].place, Place { line: 4, column: 5 });
        assert_eq!(parsed.documents[0].entry("b").unwrap().place, Place { line: 2, column: 1 });
        assert_eq!(parsed.documents[1].get("c").unwrap().kind, Kind::Scalar(Scalar::Null));
    }

    #[test]
    fn scalars_are_typed_by_the_core_schema() {
        assert_eq!(typed("4625"), Scalar::Integer(4625, "4625".into()));
        assert_eq!(typed("-7"), Scalar::Integer(-7, "-7".into()));
        assert_eq!(typed("0x17"), Scalar::Integer(23, "0x17".into()));
        assert_eq!(typed("1.5"), Scalar::Float(1.5, "1.5".into()));
        for text in ["yes", "1.2.3.4", "0x", "2020-01-01", "1e999", "-", ".", "12a", "0xzz"] {
            assert_eq!(typed(text), Scalar::Text(text.into()), "{text}");
        }
    }

    #[test]
    fn bombs_meet_bounds() {
        let mut laughs = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for n in 1..9 {
            let before = format!("*a{}", n - 1);
            laughs += &format!("a{n}: &a{n} [{}]\n", vec![before; 10].join(","));
        }
        assert!(fault_of(&laughs).contains("expand to more than") || fault_of(&laughs).contains("values in one file"));
        assert!(fault_of(&"[".repeat(DEPTH_MAX + 1)).contains("levels deep"));
        assert!(!fault_of(&"[".repeat(50_000)).is_empty());
        assert!(fault_of("a: &a [*a]").contains("refers to what contains it"));
        let aliases = format!("a: &a x\nb: [{}]", vec!["*a"; ALIASES_MAX + 1].join(","));
        assert!(fault_of(&aliases).contains("aliases"));
        assert!(fault_of(&"x".repeat(FILE_BYTES_MAX + 1)).contains("bytes long"));
    }

    #[test]
    fn many_keys_are_told_apart_in_no_time() {
        let mut text: String = (0..150_000).map(|key| format!("k{key}: 1\n")).collect();
        assert!(parse(&text).faults.is_empty());
        text += "k77: 2\n";
        assert_eq!(fault_of(&text), "150001:1 the key `k77` is given twice, first in line 78");
    }

    #[test]
    fn a_key_given_twice_is_told_with_both_lines() {
        assert_eq!(fault_of("a: 1\nb: 2\na: 3\n"), "3:1 the key `a` is given twice, first in line 1");
        assert!(fault_of("? [x]\n: y\n").contains("can't be a key"));
        assert!(fault_of("a: 'x\n").contains("not valid YAML"));
    }

    #[test]
    fn digests_see_content_not_layout() {
        let digest = |text: &str| {
            let mut bytes = Vec::new();
            parse(text).documents[0].digest_into(&mut |part| bytes.extend_from_slice(part));
            bytes
        };
        assert_eq!(digest("a: 1 # note\nb: [x, 'y']"), digest("b:\n- 'x'\n- y\na: 1"));
        assert_ne!(digest("a: 1"), digest("a: '1'"));
        assert_ne!(digest("a: [b, c]"), digest("a: [c, b]"));
    }
}
