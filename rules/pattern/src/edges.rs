//! Literals at an end of the value, or that are it: looked up by their outermost bytes.

use crate::grams::{Buckets, GOLDEN, word};
use crate::{At, Literal};

/// How many outermost bytes a literal is looked up by: the greatest of these that it has. A literal of eight bytes
/// or more by eight, so that names that share an ending such as `.exe` are told apart.
const LENGTHS: [usize; 5] = [8, 4, 3, 2, 1];

#[derive(Clone, Debug)]
struct Entry {
    /// The hash whole: most that share a bucket differ here.
    hash: u32,
    literal: u32,
    at: At,
    from: u32,
    len: u32,
}

#[derive(Debug)]
pub(crate) struct Edges {
    /// Which of [`LENGTHS`] any literal at the start, at the end, has.
    starts: u8,
    ends: u8,
    whole: bool,
    buckets: Buckets<u32>,
    entries: Box<[Entry]>,
    bytes: Box<[u8]>,
}

#[derive(Clone, Copy)]
enum Class {
    Start = 1,
    End = 2,
    Whole = 3,
}

#[inline]
fn hash(class: Class, len: usize, word: u64) -> u32 {
    let salt = (class as u32) << 28 ^ (len as u32).wrapping_mul(0x0101_6B2D);
    let mixed =
        (word as u32).wrapping_mul(GOLDEN) ^ ((word >> 32) as u32).wrapping_mul(0x85EB_CA6B).rotate_left(15) ^ salt;
    (mixed ^ mixed >> 15).wrapping_mul(GOLDEN)
}

/// The hash of a value, or of a literal that must be it: its length and both ends.
#[inline]
fn hash_whole(value: &[u8]) -> u32 {
    let tail = &value[value.len().saturating_sub(8)..];
    hash(Class::Whole, value.len(), word(value) ^ word(tail).rotate_left(29))
}

/// The last `len` bytes as a number, folded.
#[inline]
fn tail(value: &[u8], len: usize) -> u64 {
    word(&value[value.len() - len..])
}

impl Edges {
    pub(crate) fn new(literals: &[(u32, &Literal)]) -> Self {
        let (mut entries, mut bytes) = (Vec::with_capacity(literals.len()), Vec::new());
        let (mut starts, mut ends, mut whole) = (0, 0, false);
        for (number, literal) in literals {
            let own = &*literal.bytes;
            let class = LENGTHS.iter().position(|len| own.len() >= *len).unwrap_or(0);
            let len = LENGTHS[class];
            let hash = match literal.at {
                At::Start => {
                    starts |= 1 << class;
                    hash(Class::Start, len, word(&own[..len]))
                }
                At::End => {
                    ends |= 1 << class;
                    hash(Class::End, len, tail(own, len))
                }
                At::Whole | At::Anywhere => {
                    whole = true;
                    hash_whole(own)
                }
            };
            let from = bytes.len() as u32;
            bytes.extend_from_slice(own);
            entries.push(Entry { hash, literal: *number, at: literal.at, from, len: own.len() as u32 });
        }
        let numbers = entries.iter().enumerate().map(|(at, entry)| (entry.hash, at as u32)).collect();
        Edges { starts, ends, whole, buckets: Buckets::new(numbers), entries: entries.into(), bytes: bytes.into() }
    }

    #[inline]
    pub(crate) fn find(&self, value: &[u8], found: &mut impl FnMut(u32)) {
        if self.whole {
            self.look_up(hash_whole(value), value, found);
        }
        for (class, len) in LENGTHS.into_iter().enumerate() {
            if value.len() < len {
                continue;
            }
            if self.starts >> class & 1 != 0 {
                self.look_up(hash(Class::Start, len, word(&value[..len])), value, found);
            }
            if self.ends >> class & 1 != 0 {
                self.look_up(hash(Class::End, len, tail(value, len)), value, found);
            }
        }
    }

    #[inline]
    fn look_up(&self, hash: u32, value: &[u8], found: &mut impl FnMut(u32)) {
        for &at in self.buckets.get(hash) {
            let entry = &self.entries[at as usize];
            let literal = &self.bytes[entry.from as usize..][..entry.len as usize];
            if entry.hash == hash && crate::naive::stands(entry.at, literal, value) {
                found(entry.literal);
            }
        }
    }
}
