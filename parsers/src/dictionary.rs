//! Field names and their ids.
//!
//! A name is resolved to a [`FieldId`] once, when a rule compiles or a decoder
//! is built; on the path of an event only ids travel. The ECS names of
//! [`crate::ecs`] come first and have constant ids; vendor names and the names
//! that rules speak are interned after them.

use std::fmt;

use crate::ecs;

/// A field name, by number. Ids below [`ecs::COUNT`] are the constants of
/// [`crate::ecs`]; the rest belong to one [`Dictionary`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub u16);

impl FieldId {
    /// A field whose name is in no dictionary; it carries its name as a span.
    pub const UNNAMED: FieldId = FieldId(0);

    /// The id as an index.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Debug for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldId({})", self.0)
    }
}

/// How a field's value is written in ECS JSON and compared by default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldType {
    /// Exact text.
    Keyword,
    /// Prose.
    Text,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A 64-bit integer; text that is none is written as text.
    Long,
    /// A decimal number.
    Float,
    /// `true` or `false`.
    Boolean,
    /// A point in time, RFC 3339.
    Date,
}

/// Most names one dictionary holds. Ids are 16 bits wide; a rule set that names
/// more fields than this is refused by [`Dictionary::intern`].
pub const NAMES_MAX: usize = 60_000;

struct Entry {
    name: Box<str>,
    kind: FieldType,
    array: bool,
}

/// Names ↔ ids. Append-only: an id, once given, keeps its meaning.
pub struct Dictionary {
    entries: Vec<Entry>,
    /// Open addressing, linear probing, at most half full; 0 is empty. The upper half of a slot is of the name's hash,
    /// so that another name is passed over without a look at its bytes.
    table: Vec<u32>,
    /// A bit for the hash of what stands before each dot of each name.
    sections: Box<[u64; SECTION_WORDS]>,
}

/// Words of the filter of sections: 65,536 bits, of which the names of the products and of 3,000 rules set one in twenty.
const SECTION_WORDS: usize = 1024;

impl Default for Dictionary {
    fn default() -> Self {
        Self::new()
    }
}

impl Dictionary {
    /// A dictionary of the ECS names and every vendor name the products declare.
    pub fn new() -> Self {
        let mut dictionary = Dictionary {
            entries: Vec::with_capacity(4096),
            table: vec![0; 8192],
            sections: Box::new([0; SECTION_WORDS]),
        };
        for (at, field) in ecs::FIELDS.iter().enumerate() {
            debug_assert_eq!(at, dictionary.entries.len());
            dictionary.add(field.name, field.kind, field.array);
        }
        for name in crate::products::vendor_names() {
            let _ = dictionary.intern(name);
        }
        dictionary
    }

    /// The id of `name`, added as a keyword if it is new.
    ///
    /// Returns `None` when [`NAMES_MAX`] names are in use.
    pub fn intern(&mut self, name: &str) -> Option<FieldId> {
        if let Some(id) = self.find(name.as_bytes()) {
            return Some(id);
        }
        if self.entries.len() >= NAMES_MAX {
            return None;
        }
        Some(self.add(name, FieldType::Keyword, false))
    }

    fn add(&mut self, name: &str, kind: FieldType, array: bool) -> FieldId {
        let id = FieldId(u16::try_from(self.entries.len()).expect("bounded by NAMES_MAX"));
        for (dot, _) in name.match_indices('.') {
            let (word, bit) = section(&name.as_bytes()[..dot]);
            self.sections[word] |= bit;
        }
        self.entries.push(Entry { name: name.into(), kind, array });
        if self.entries.len() * 2 > self.table.len() {
            let grown = self.table.len() * 2;
            self.table.clear();
            self.table.resize(grown, 0);
            for at in 1..self.entries.len() {
                self.place(at);
            }
        } else if id != FieldId::UNNAMED {
            self.place(id.index());
        }
        id
    }

    fn place(&mut self, at: usize) {
        let mask = self.table.len() - 1;
        let hash = hash(self.entries[at].name.as_bytes());
        let mut slot = hash & mask;
        while self.table[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.table[slot] = at as u32 | tag(hash);
    }

    /// The id of `name`, if any rule, product or ECS knows it.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<FieldId> {
        let mask = self.table.len() - 1;
        let hash = hash(name);
        let (tag, mut slot) = (tag(hash), hash & mask);
        loop {
            let held = self.table[slot];
            if held == 0 {
                return None;
            }
            let at = held as u16;
            if held & TAG == tag && same(self.entries[usize::from(at)].name.as_bytes(), name) {
                return Some(FieldId(at));
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Whether some name may begin with `section_name` and a dot; `false` is certain.
    #[inline]
    pub(crate) fn may_hold_below(&self, section_name: &[u8]) -> bool {
        let (word, bit) = section(section_name);
        self.sections[word] & bit != 0
    }

    /// The name of `id`; empty for [`FieldId::UNNAMED`] and ids of another dictionary.
    pub fn name(&self, id: FieldId) -> &str {
        self.entries.get(id.index()).map_or("", |entry| &entry.name)
    }

    /// How values of `id` are typed.
    #[inline]
    pub fn kind(&self, id: FieldId) -> FieldType {
        self.entries.get(id.index()).map_or(FieldType::Keyword, |entry| entry.kind)
    }

    /// Whether ECS writes `id` as an array always.
    pub fn is_array(&self, id: FieldId) -> bool {
        self.entries.get(id.index()).is_some_and(|entry| entry.array)
    }

    /// How many ids are given; ids are below this.
    #[expect(clippy::len_without_is_empty, reason = "never empty: the ECS names are always in")]
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Whether two names are equal. Names are short: words compared in place cost half of a call to memcmp.
#[inline]
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (mut one, mut other) = (one, other);
    if let (Some(last), Some(other_last)) = (one.last_chunk::<8>(), other.last_chunk::<8>()) {
        while let (Some((head, rest)), Some((other_head, other_rest))) =
            (one.split_first_chunk::<8>(), other.split_first_chunk::<8>())
        {
            if head != other_head {
                return false;
            }
            (one, other) = (rest, other_rest);
        }
        // What is left of a name of eight bytes or more lies within its last eight.
        return last == other_last;
    }
    if let (Some(head), Some(other_head), Some(last), Some(other_last)) =
        (one.first_chunk::<4>(), other.first_chunk::<4>(), one.last_chunk::<4>(), other.last_chunk::<4>())
    {
        return head == other_head && last == other_last;
    }
    one.iter().zip(other).all(|(one, other)| one == other)
}

/// Where the bit of a section stands.
#[inline]
fn section(name: &[u8]) -> (usize, u64) {
    let hash = hash(name);
    (hash / 64 % SECTION_WORDS, 1 << (hash % 64))
}

/// The bits of a slot that are of the hash.
const TAG: u32 = 0xFFFF_0000;

/// The part of a hash that a slot keeps: above those that choose the slot.
#[inline]
fn tag(hash: usize) -> u32 {
    (hash >> 16) as u32 & TAG
}

/// Mixes length, head and tail of a name. Names are short and the table is
/// read-only on the path of an event, so an attacker's keys can make one probe
/// chain long only by guessing names that are already in it.
#[inline]
pub(crate) fn hash(name: &[u8]) -> usize {
    let len = name.len();
    let (head, tail) = if let (Some(head), Some(tail)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
    } else if let (Some(head), Some(tail)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail)))
    } else {
        let mut head = 0u64;
        for &byte in name {
            head = head << 8 | u64::from(byte);
        }
        (head, 0)
    };
    let mut mixed = head.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ tail.rotate_left(29).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    // The middle of long dotted names tells many of them apart.
    if len > 16 {
        if let Some(middle) = name[len / 2 - 4..].first_chunk::<8>() {
            mixed ^= u64::from_le_bytes(*middle).wrapping_mul(0xA076_1D64_78BD_642F);
        }
    }
    mixed ^= (len as u64).wrapping_mul(0xE703_7ED1_A0B4_28DB);
    (mixed ^ (mixed >> 32)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecs_constants_and_names_agree() {
        let dictionary = Dictionary::new();
        assert_eq!(dictionary.name(ecs::SOURCE_IP), "source.ip");
        for (at, field) in ecs::FIELDS.iter().enumerate().skip(1) {
            assert_eq!(dictionary.find(field.name.as_bytes()), Some(FieldId(at as u16)), "{}", field.name);
        }
        assert_eq!(dictionary.find(b""), None);
        assert_eq!(dictionary.find(b"source.ipx"), None);
    }

    #[test]
    fn sections_hold_every_name() {
        let mut dictionary = Dictionary::new();
        dictionary.intern("origin@32473.ip");
        for at in 0..dictionary.len() {
            for (dot, _) in dictionary.entries[at].name.match_indices('.') {
                assert!(dictionary.may_hold_below(dictionary.entries[at].name[..dot].as_bytes()));
            }
        }
        let misses = (0..1000).filter(|at| dictionary.may_hold_below(format!("element@{at}").as_bytes())).count();
        assert!(misses < 100, "{misses} of 1000 unknown sections pass the filter");
    }

    #[test]
    fn names_that_differ_in_any_byte_are_not_the_same() {
        for len in 0..40 {
            let one: Vec<u8> = (0..len).map(|at| at as u8).collect();
            assert!(same(&one, &one));
            for at in 0..one.len() {
                let mut other = one.clone();
                other[at] ^= 1;
                assert!(!same(&one, &other), "{at} of {len}");
            }
            assert!(!same(&one, &one[..one.len().saturating_sub(1)]) || len == 0);
        }
    }

    #[test]
    fn ids_survive_growth() {
        let mut dictionary = Dictionary::new();
        let first = dictionary.intern("made.up").unwrap();
        for n in 0..20_000 {
            dictionary.intern(&format!("field_{n}"));
        }
        assert_eq!(dictionary.find(b"made.up"), Some(first));
        assert_eq!(dictionary.intern("field_77"), dictionary.find(b"field_77"));
        assert_eq!(dictionary.find(b"source.ip"), Some(ecs::SOURCE_IP));
    }

    #[test]
    fn a_full_dictionary_refuses_instead_of_wrapping() {
        let mut dictionary = Dictionary::new();
        let mut refused = false;
        for n in 0..NAMES_MAX + 10 {
            refused |= dictionary.intern(&format!("x{n}")).is_none();
        }
        assert!(refused && dictionary.len() == NAMES_MAX);
    }
}
