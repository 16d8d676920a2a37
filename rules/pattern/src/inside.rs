//! Short literals anywhere in the value: looked up by the rarest piece that each has. [`crate::sparse`] has the longer ones.

use hashbrown::HashMap;

use crate::Once;
use crate::grams::{Buckets, FOLD, GOLDEN};

/// Bytes of the pieces that literals are found by.
pub(crate) const GRAM: usize = 4;

/// By hash of four bytes: whether any literal has them as its piece. The sizes are constants, so that no look is
/// checked against a length; the greatest is that of the second nearest cache's share.
#[derive(Debug)]
enum Filter {
    Small(Box<[u8; 1 << 12]>),
    Medium(Box<[u8; 1 << 14]>),
    Large(Box<[u8; 1 << 16]>),
}

/// One look in so many is in vain, whatever the value says.
const FILTER_BYTES_EACH: usize = 24;

fn filled<const SIZE: usize>(entries: &[(u32, Entry)]) -> Box<[u8; SIZE]> {
    let mut filter = Box::new([0; SIZE]);
    for (hash, _) in entries {
        filter[place::<SIZE>(*hash)] = 1;
    }
    filter
}

/// Of a hash, as many of its upper bits as a filter of `SIZE` bytes, a power of two, has places.
#[inline]
fn place<const SIZE: usize>(hash: u32) -> usize {
    (hash >> (32 - SIZE.trailing_zeros())) as usize
}

/// A piece of a literal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) gram: u32,
    pub(crate) literal: u32,
    /// Where the literal's bytes are.
    pub(crate) from: u32,
    pub(crate) len: u32,
    /// How far the piece is behind the literal's begin.
    pub(crate) back: u32,
}

impl Entry {
    /// Tells the literal, the first time that it stands in `value` with this piece at `at`.
    #[inline]
    pub(crate) fn verify(
        &self,
        gram: u32,
        bytes: &[u8],
        value: &[u8],
        at: usize,
        seen: &mut impl Once,
        found: &mut impl FnMut(u32),
    ) {
        if self.gram != gram || seen.had(self.literal) {
            return;
        }
        let Some(begin) = at.checked_sub(self.back as usize) else { return };
        let literal = &bytes[self.from as usize..][..self.len as usize];
        if crate::naive::stands(crate::At::Start, literal, &value[begin..]) && seen.take(self.literal) {
            found(self.literal);
        }
    }
}

#[derive(Debug)]
pub(crate) struct Inside {
    filter: Option<Filter>,
    buckets: Buckets<Entry>,
    /// Literals of two and three bytes, by the same means.
    short: [Option<Buckets<Entry>>; 2],
    /// Literals of one byte.
    single: Box<[(u8, u32)]>,
    bytes: Box<[u8]>,
}

#[inline]
pub(crate) fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(GOLDEN)
}

#[inline]
pub(crate) fn gram(bytes: &[u8; GRAM]) -> u32 {
    u32::from_le_bytes(*bytes) | FOLD as u32
}

/// Two or three bytes, told apart from the longer by nothing but the table they are in.
#[inline]
fn short_gram(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(byte | 0x20))
}

/// How often a byte stands in logs, roughly: letters of words and paths most, then digits, then marks.
pub(crate) fn commonness(byte: u8) -> u32 {
    match byte | 0x20 {
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 10,
        b'l' | b'd' | b'c' | b'm' | b'u' | b'p' | b'w' | b'x' => 8,
        b'\\' | b'|' | b' ' | b'.' | b'/' | b'h' | b'f' | b'g' | b'y' | b'v' => 7,
        b'0'..=b'9' | b':' | b'-' | b'"' => 5,
        b'b' | b'k' | b'_' | b'=' => 4,
        _ => 2,
    }
}

/// What stands in paths and command lines of most machines, whatever goes on there.
const ORDINARY: [&[u8]; 12] = [
    b"c:\\windows\\system32\\",
    b"c:\\program files (x86)\\",
    b"\\syswow64\\",
    b"c:\\users\\administrator\\appdata\\local\\temp\\",
    b".exe\" -",
    b".exe /",
    b".dll,",
    b"microsoft corporation",
    b"powershell.exe",
    b"https://www.",
    b"http://",
    b"/usr/bin/",
];

/// Set in what [`literals_by_piece`] says of a piece of [`ORDINARY`].
const IS_ORDINARY: u32 = 1 << 31;

/// How often a piece is looked up in vain, roughly: less where it is in few literals, not ordinary, of rare bytes.
pub(crate) fn cost(piece: &[u8; GRAM], literals_with: &HashMap<u32, u32>) -> u32 {
    let bytes: u32 = piece.iter().map(|byte| commonness(*byte)).sum();
    let told = literals_with.get(&gram(piece)).copied().unwrap_or(1);
    bytes + 8 * (told & !IS_ORDINARY).max(1).ilog2() + 40 * u32::from(told & IS_ORDINARY != 0)
}

/// Where the piece of a literal begins that is looked for.
pub(crate) fn rarest(literal: &[u8], literals_with: &HashMap<u32, u32>) -> usize {
    let pieces = literal.windows(GRAM).filter_map(|window| window.first_chunk());
    pieces.map(|piece| cost(piece, literals_with)).enumerate().min_by_key(|(_, cost)| *cost).map_or(0, |(at, _)| at)
}

/// In how many literals each piece is, and whether it is ordinary.
pub(crate) fn literals_by_piece(literals: &[(u32, &[u8])]) -> HashMap<u32, u32> {
    let mut literals_with: HashMap<u32, u32> = HashMap::new();
    for (_, literal) in literals {
        let mut own: Vec<u32> = literal.windows(GRAM).filter_map(|window| window.first_chunk()).map(gram).collect();
        own.sort_unstable();
        own.dedup();
        for piece in own {
            *literals_with.entry(piece).or_default() += 1;
        }
    }
    for piece in ORDINARY.iter().flat_map(|text| text.windows(GRAM)).filter_map(|window| window.first_chunk()) {
        if let Some(told) = literals_with.get_mut(&gram(piece)) {
            *told |= IS_ORDINARY;
        }
    }
    literals_with
}

impl Inside {
    /// `literals` are not empty.
    pub(crate) fn new(literals: &[(u32, &[u8])], literals_with: &HashMap<u32, u32>) -> Self {
        let (mut entries, mut short, mut single, mut bytes) =
            (Vec::new(), [Vec::new(), Vec::new()], Vec::new(), Vec::new());
        for &(number, literal) in literals {
            let (from, len) = (bytes.len() as u32, literal.len() as u32);
            bytes.extend_from_slice(literal);
            let entry = |gram, back: usize| (hash(gram), Entry { gram, literal: number, from, len, back: back as u32 });
            match literal.len() {
                0 => {}
                1 => single.push((literal[0], number)),
                2 | 3 => short[literal.len() - 2].push(entry(short_gram(literal), 0)),
                _ => {
                    let at = rarest(literal, literals_with);
                    let piece = literal[at..].first_chunk().map_or(0, gram);
                    entries.push(entry(piece, at));
                }
            }
        }
        let filter = (!entries.is_empty()).then(|| match entries.len() * FILTER_BYTES_EACH {
            0..=0x1000 => Filter::Small(filled(&entries)),
            0x1001..=0x4000 => Filter::Medium(filled(&entries)),
            _ => Filter::Large(filled(&entries)),
        });
        Inside {
            filter,
            buckets: Buckets::new(entries),
            short: short.map(|entries| (!entries.is_empty()).then(|| Buckets::new(entries))),
            single: single.into(),
            bytes: bytes.into(),
        }
    }

    #[inline]
    pub(crate) fn find(&self, value: &[u8], seen: &mut impl Once, found: &mut impl FnMut(u32)) {
        match &self.filter {
            Some(Filter::Small(filter)) => self.find_long(filter, value, seen, found),
            Some(Filter::Medium(filter)) => self.find_long(filter, value, seen, found),
            Some(Filter::Large(filter)) => self.find_long(filter, value, seen, found),
            None => {}
        }
        for (buckets, len) in self.short.iter().zip([2, 3]) {
            let Some(buckets) = buckets else { continue };
            for (at, window) in value.windows(len).enumerate() {
                let gram = short_gram(window);
                for entry in buckets.get(hash(gram)) {
                    entry.verify(gram, &self.bytes, value, at, seen, found);
                }
            }
        }
        for &(byte, literal) in &self.single {
            if value.iter().any(|own| own.eq_ignore_ascii_case(&byte)) {
                found(literal);
            }
        }
    }

    /// Five pieces begin in each eight bytes: one load and one branch for them all.
    #[inline]
    fn find_long<const SIZE: usize>(
        &self,
        filter: &[u8; SIZE],
        value: &[u8],
        seen: &mut impl Once,
        found: &mut impl FnMut(u32),
    ) {
        const STEP: usize = 8 - GRAM + 1;
        let passes = |piece: u64| filter[place::<SIZE>(hash(piece as u32))];
        let mut at = 0;
        while let Some(eight) = value.get(at..at + 8).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*eight) | FOLD;
            let any = passes(word) | passes(word >> 8) | passes(word >> 16) | passes(word >> 24) | passes(word >> 32);
            if any != 0 {
                for number in 0..STEP {
                    let piece = (word >> (8 * number)) as u32;
                    if passes(piece.into()) != 0 {
                        self.look_up(piece, value, at + number, seen, found);
                    }
                }
            }
            at += STEP;
        }
        while let Some(four) = value.get(at..at + GRAM).and_then(|rest| rest.first_chunk::<GRAM>()) {
            let piece = gram(four);
            if passes(piece.into()) != 0 {
                self.look_up(piece, value, at, seen, found);
            }
            at += 1;
        }
    }

    #[inline(never)]
    fn look_up(&self, gram: u32, value: &[u8], at: usize, seen: &mut impl Once, found: &mut impl FnMut(u32)) {
        for entry in self.buckets.get(hash(gram)) {
            entry.verify(gram, &self.bytes, value, at, seen, found);
        }
    }
}
