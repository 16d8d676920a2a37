//! The entries that an archive puts into its tree: typed, versioned texts.
//!
//! Each is a header line `noroshi/<kind>/v1` and lines `name value` in a fixed order, every line ended by a newline. Numbers are
//! plain decimals, hashes base64, strings JSON strings (RFC 8259 §7), so that an auditor reads an entry with eyes or with ten
//! lines of any language. There is one spelling: what reads but would be written otherwise is refused.

use std::fmt;
use std::ops::Range;

use serde_json::Value;

use crate::hash::{Hash, parse_decimal};
use crate::tile::ENTRY_BYTES_MAX;

/// An entry of an archive's tree.
#[derive(Clone, PartialEq, Debug)]
pub enum Leaf {
    /// Records were kept.
    Batch(Batch),
    /// A file of records was sealed.
    Manifest(Manifest),
    /// Files were rewritten into one (compaction).
    Replaced(Replaced),
    /// Files were removed (retention).
    Purged(Purged),
    /// Someone did something worth telling.
    Audit(Audit),
}

/// Consecutive records: the record at place `i` of the batch's tree has the sequence `first_sequence + i`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Sequence of the first record.
    pub first_sequence: u64,
    /// Records, one or more.
    pub records: u64,
    /// RFC 6962 root over their [hashes](crate::record::Record::hash).
    pub root: Hash,
}

/// A sealed file: what it is, and which batches' records it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// Path below the archive's directory.
    pub file: String,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// Indices in this tree of the batches whose records it holds; entries of other kinds may stand between them.
    pub batches: Range<u64>,
    /// Records in it.
    pub rows: u64,
}

/// Files whose records now stand in another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replaced {
    /// Path of the new file, whose manifest is an earlier entry.
    pub by: String,
    /// Paths of the files it takes the place of.
    pub files: Vec<String>,
}

/// Files that were removed for good. Their manifests and the roots of their batches stay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purged {
    /// Paths of the files.
    pub files: Vec<String>,
    /// Sequences of the records that were in them: from the first to behind the last.
    pub sequences: Range<u64>,
    /// The rule that asked for it, as the operator named it.
    pub policy: String,
    /// Who ran it.
    pub who: String,
    /// When, nanoseconds since 1970.
    pub time_ns: i64,
}

/// An audited act as a JSON object.
#[derive(Clone, PartialEq, Debug)]
pub struct Audit(Value);

impl Audit {
    /// Takes an object as an audit entry.
    ///
    /// # Errors
    /// [`LeafError::Malformed`] unless it is an object whose numbers are all integers of at most 2^53 - 1: of others RFC 8785
    /// and readers in other languages make different texts. Nested deeper than [`AUDIT_DEPTH_MAX`] it is refused too.
    pub fn new(value: Value) -> Result<Self, LeafError> {
        if !value.is_object() {
            return Err(LeafError::Malformed { what: "an audit entry is a JSON object" });
        }
        check_canonical(&value, 0)?;
        Ok(Self(value))
    }

    /// What was done.
    pub fn value(&self) -> &Value {
        &self.0
    }
}

/// Deepest nesting of an audit entry; an act is a flat object, with a list or two in it.
pub const AUDIT_DEPTH_MAX: usize = 16;

/// Why bytes are no entry of this kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LeafError {
    /// The bytes break the format.
    Malformed {
        /// How.
        what: &'static str,
    },
    /// A header that this version does not know: an entry of a later one, or none of ours.
    Unknown {
        /// The header, escaped and cut.
        header: String,
    },
    /// It does not fit into an entry.
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
}

impl fmt::Display for LeafError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { what } => write!(f, "not an entry of an archive: {what}"),
            Self::Unknown { header } => write!(
                f,
                "unknown entry `{header}`\n   = help: a later version of noroshi may have written it: use that one"
            ),
            Self::TooLong { bytes } => write!(
                f,
                "an entry of {bytes} bytes is longer than {ENTRY_BYTES_MAX}\n   = help: tell the files in several entries"
            ),
        }
    }
}

impl std::error::Error for LeafError {}

fn malformed(what: &'static str) -> LeafError {
    LeafError::Malformed { what }
}

impl Leaf {
    /// The entry's bytes.
    ///
    /// # Errors
    /// [`LeafError::TooLong`] beyond [`ENTRY_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, LeafError> {
        let bytes = self.to_string().into_bytes();
        if bytes.len() > ENTRY_BYTES_MAX { Err(LeafError::TooLong { bytes: bytes.len() }) } else { Ok(bytes) }
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// [`LeafError::Unknown`], [`LeafError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafError> {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
        let body = text.strip_suffix('\n').ok_or(malformed("its last line has no end"))?;
        let mut lines = Lines { rest: body.split('\n').peekable() };
        let header = lines.rest.next().unwrap_or_default();
        let leaf = match header {
            "noroshi/batch/v1" => Self::Batch(Batch {
                first_sequence: lines.number("first_sequence")?,
                records: lines.number("records")?,
                root: lines.hash("root")?,
            }),
            "noroshi/manifest/v1" => Self::Manifest(Manifest {
                file: lines.string("file")?,
                bytes: lines.number("bytes")?,
                sha256: lines.hash("sha256")?,
                batches: lines.range("batches")?,
                rows: lines.number("rows")?,
            }),
            "noroshi/replaced/v1" => {
                Self::Replaced(Replaced { by: lines.string("by")?, files: lines.strings("file")? })
            }
            "noroshi/purged/v1" => Self::Purged(Purged {
                sequences: lines.range("sequences")?,
                policy: lines.string("policy")?,
                who: lines.string("who")?,
                time_ns: lines.signed("time_ns")?,
                files: lines.strings("file")?,
            }),
            "noroshi/audit/v1" => {
                let line = lines.rest.next().ok_or(malformed("its JSON is missing"))?;
                Self::Audit(Audit::new(
                    serde_json::from_str(line).map_err(|_| malformed("its second line is not JSON"))?,
                )?)
            }
            _ => {
                let header = header.chars().take(64).flat_map(char::escape_debug).collect();
                return Err(LeafError::Unknown { header });
            }
        };
        // Whatever was read leniently shows here: spaces, escapes, key order, surplus lines, ranges that run backwards.
        if leaf.to_string() != text {
            return Err(malformed("it is not written as this version writes it"));
        }
        Ok(leaf)
    }

    /// The kind, as in its header.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Batch(_) => "batch",
            Self::Manifest(_) => "manifest",
            Self::Replaced(_) => "replaced",
            Self::Purged(_) => "purged",
            Self::Audit(_) => "audit",
        }
    }
}

impl fmt::Display for Leaf {
    /// The entry's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "noroshi/{}/v1", self.kind())?;
        let files = |f: &mut fmt::Formatter<'_>, files: &[String]| {
            files.iter().try_for_each(|file| writeln!(f, "file {}", quoted(file)))
        };
        match self {
            Self::Batch(Batch { first_sequence, records, root }) => {
                writeln!(f, "first_sequence {first_sequence}\nrecords {records}\nroot {root}")
            }
            Self::Manifest(Manifest { file, bytes, sha256, batches, rows }) => {
                writeln!(f, "file {}\nbytes {bytes}\nsha256 {sha256}", quoted(file))?;
                writeln!(f, "batches {} {}\nrows {rows}", batches.start, batches.end)
            }
            Self::Replaced(replaced) => {
                writeln!(f, "by {}", quoted(&replaced.by))?;
                files(f, &replaced.files)
            }
            Self::Purged(purged) => {
                let Range { start, end } = purged.sequences;
                writeln!(f, "sequences {start} {end}\npolicy {}", quoted(&purged.policy))?;
                writeln!(f, "who {}\ntime_ns {}", quoted(&purged.who), purged.time_ns)?;
                files(f, &purged.files)
            }
            Self::Audit(Audit(value)) => {
                let mut text = String::new();
                write_canonical(value, &mut text);
                writeln!(f, "{text}")
            }
        }
    }
}

/// A string as JSON: no line break, quote or control character stands for itself.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The lines behind the header, taken in their order.
struct Lines<'t> {
    rest: std::iter::Peekable<std::str::Split<'t, char>>,
}

impl<'t> Lines<'t> {
    fn value(&mut self, name: &str) -> Result<&'t str, LeafError> {
        let value = self.rest.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.ok_or(malformed("a line is missing or out of order"))
    }

    fn number(&mut self, name: &str) -> Result<u64, LeafError> {
        parse_decimal(self.value(name)?).ok_or(malformed("a number is not a plain decimal"))
    }

    fn signed(&mut self, name: &str) -> Result<i64, LeafError> {
        self.value(name)?.parse().map_err(|_| malformed("a number is not a plain decimal"))
    }

    fn hash(&mut self, name: &str) -> Result<Hash, LeafError> {
        Hash::parse(self.value(name)?).ok_or(malformed("a hash is not base64 of 32 bytes"))
    }

    fn range(&mut self, name: &str) -> Result<Range<u64>, LeafError> {
        let parts = self.value(name)?.split_once(' ');
        let range = parts.and_then(|(from, to)| Some(parse_decimal(from)?..parse_decimal(to)?));
        range.filter(|range| range.start <= range.end).ok_or(malformed("a range is not two plain decimals in order"))
    }

    fn string(&mut self, name: &str) -> Result<String, LeafError> {
        serde_json::from_str(self.value(name)?).map_err(|_| malformed("a string is not a JSON string"))
    }

    fn strings(&mut self, name: &str) -> Result<Vec<String>, LeafError> {
        let mut strings = Vec::new();
        while self.rest.peek().is_some() {
            strings.push(self.string(name)?);
        }
        Ok(strings)
    }
}

/// Largest integer that every JSON reader keeps (RFC 7493 §2.2).
const INTEGER_MAX: u64 = (1 << 53) - 1;

fn check_canonical(value: &Value, depth: usize) -> Result<(), LeafError> {
    if depth > AUDIT_DEPTH_MAX {
        return Err(malformed("an audit entry is nested too deeply"));
    }
    match value {
        Value::Number(number) => {
            let small = number.as_i64().is_some_and(|n| n.unsigned_abs() <= INTEGER_MAX);
            if small {
                Ok(())
            } else {
                Err(malformed("a number of an audit entry is no integer below 2^53: write it as a string"))
            }
        }
        Value::Array(items) => items.iter().try_for_each(|item| check_canonical(item, depth + 1)),
        Value::Object(members) => members.values().try_for_each(|member| check_canonical(member, depth + 1)),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

/// JSON as RFC 8785 writes it, for values without fractions: members sorted by UTF-16 units, no space.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&quoted(name));
                out.push(':');
                write_canonical(member, out);
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
#[path = "leaf_tests.rs"]
mod tests;
