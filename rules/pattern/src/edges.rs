//! Literals at an end of the value, or that are it: looked up by their outermost bytes.

use crate::grams::{Buckets, FOLD, GOLDEN};
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
    /// By the first byte, and behind it by the last one: which of [`LENGTHS`] the literals have that begin, or end, with it.
    classes: [u8; 2 * BYTES],
    /// Which lengths literals have that are the whole value, longer ones as the last bit.
    lengths: u64,
    buckets: Buckets<u32>,
    entries: Box<[Entry]>,
    bytes: Box<[u8]>,
}

/// Bytes told apart at an edge: by the bits that a letter's two cases share, so that both tables lie in one cache line.
const BYTES: usize = 32;

#[inline]
fn of_byte(byte: u8) -> usize {
    usize::from(byte) % BYTES
}

#[inline]
fn length_bit(len: usize) -> u64 {
    1 << len.min(63)
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

/// Both ends of a value as numbers: eight bytes of either, or all there are.
#[derive(Clone, Copy)]
struct Ends {
    len: usize,
    /// The first byte is the lowest.
    first: u64,
    /// The last byte is the highest.
    last: u64,
}

impl Ends {
    #[inline]
    fn of(value: &[u8]) -> Ends {
        let len = value.len();
        if let (Some(first), Some(last)) = (value.first_chunk(), value.last_chunk()) {
            return Ends { len, first: u64::from_le_bytes(*first), last: u64::from_le_bytes(*last) };
        }
        let first = if let (Some(head), Some(tail)) = (value.first_chunk(), value.last_chunk()) {
            u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << (8 * (len - 4))
        } else {
            value.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        Ends { len, first, last: if len == 0 { 0 } else { first << (8 * (8 - len)) } }
    }

    /// The first `len` bytes, folded. There are as many, and one at least.
    #[inline]
    fn head(self, len: usize) -> u64 {
        self.first & u64::MAX >> (8 * (8 - len)) | FOLD
    }

    /// The last `len` bytes, folded. There are as many, and one at least.
    #[inline]
    fn tail(self, len: usize) -> u64 {
        self.last >> (8 * (8 - len)) | FOLD
    }

    /// The hash of a value, or of a literal that must be it: its length and both ends.
    #[inline]
    fn whole(self) -> u32 {
        hash(Class::Whole, self.len, (self.first | FOLD) ^ (self.last | FOLD).rotate_left(29))
    }
}

impl Edges {
    pub(crate) fn new(literals: &[(u32, &Literal)]) -> Self {
        let (mut entries, mut bytes) = (Vec::with_capacity(literals.len()), Vec::new());
        let (mut classes, mut lengths) = ([0; 2 * BYTES], 0);
        for (number, literal) in literals {
            let own = &*literal.bytes;
            let class = LENGTHS.iter().position(|len| own.len() >= *len).unwrap_or(0);
            let len = LENGTHS[class];
            let hash = match literal.at {
                At::Start => {
                    classes[of_byte(own[0])] |= 1 << class;
                    hash(Class::Start, len, Ends::of(own).head(len))
                }
                At::End => {
                    classes[BYTES + of_byte(own[own.len() - 1])] |= 1 << class;
                    hash(Class::End, len, Ends::of(own).tail(len))
                }
                At::Whole | At::Anywhere => {
                    lengths |= length_bit(own.len());
                    Ends::of(own).whole()
                }
            };
            let from = bytes.len() as u32;
            bytes.extend_from_slice(own);
            entries.push(Entry { hash, literal: *number, at: literal.at, from, len: own.len() as u32 });
        }
        let numbers = entries.iter().enumerate().map(|(at, entry)| (entry.hash, at as u32)).collect();
        Edges { classes, lengths, buckets: Buckets::new(numbers), entries: entries.into(), bytes: bytes.into() }
    }

    #[inline]
    pub(crate) fn find(&self, value: &[u8], found: &mut impl FnMut(u32)) {
        let ends = Ends::of(value);
        if self.lengths & length_bit(ends.len) != 0 {
            self.look_up(ends.whole(), value, found);
        }
        let (Some(&first), Some(&last)) = (value.first(), value.last()) else { return };
        // Most values begin and end with bytes that few literals do.
        self.find_class(self.classes[of_byte(first)], value, found, |len| hash(Class::Start, len, ends.head(len)));
        self.find_class(self.classes[BYTES + of_byte(last)], value, found, |len| hash(Class::End, len, ends.tail(len)));
    }

    #[inline]
    fn find_class(&self, mut classes: u8, value: &[u8], found: &mut impl FnMut(u32), hash: impl Fn(usize) -> u32) {
        while classes != 0 {
            let len = LENGTHS[classes.trailing_zeros() as usize];
            classes &= classes - 1;
            if len <= value.len() {
                self.look_up(hash(len), value, found);
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
