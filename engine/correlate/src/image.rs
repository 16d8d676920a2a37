//! State as bytes: what a snapshot holds of a structure, and how it is read back.
//!
//! Numbers are little-endian and of fixed length, lengths are LEB128. Evidence stays outside: the bytes hold its place
//! in a list beside them, so that taking a capture copies no record and who stores it can share what is shared. What can be
//! worked out again (indices, sums of bytes) is left out. Reading trusts nothing: a length is compared
//! with what is left before anything is reserved for it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;

use foldhash::fast::FixedState;

use crate::SourceId;

/// State that cannot be read: not what was written, or of another layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged(pub(crate) &'static str);

impl Damaged {
    /// Values that were laid down are not there, or not as they were.
    #[must_use]
    pub fn values() -> Damaged {
        Damaged("values that it names cannot be read")
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the saved state cannot be read: {}", self.0)
    }
}

impl std::error::Error for Damaged {}

/// Takes state in.
#[derive(Clone, Debug)]
pub(crate) struct ImageWriter<E> {
    pub(crate) bytes: Vec<u8>,
    pub(crate) evidence: Vec<E>,
}

impl<E> Default for ImageWriter<E> {
    fn default() -> Self {
        ImageWriter { bytes: Vec::new(), evidence: Vec::new() }
    }
}

impl<E: Clone> ImageWriter<E> {
    pub(crate) fn put(&mut self, value: &impl Saved<E>) {
        value.save(self);
    }

    pub(crate) fn length(&mut self, length: usize) {
        let mut length = length as u64;
        while length >= 0x80 {
            self.bytes.push((length as u8) | 0x80);
            length >>= 7;
        }
        self.bytes.push(length as u8);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn evidence(&mut self, evidence: &E) {
        self.length(self.evidence.len());
        self.evidence.push(evidence.clone());
    }

    /// Adds what was written by itself, to a writer that has no evidence yet.
    pub(crate) fn append(&mut self, other: ImageWriter<E>) {
        debug_assert!(self.evidence.is_empty(), "evidence is told by its number");
        self.bytes.extend_from_slice(&other.bytes);
        self.evidence = other.evidence;
    }
}

/// Gives state back.
#[derive(Clone, Debug)]
pub(crate) struct ImageReader<'a, E> {
    rest: &'a [u8],
    evidence: &'a [E],
}

impl<'a, E: Clone> ImageReader<'a, E> {
    pub(crate) fn new(bytes: &'a [u8], evidence: &'a [E]) -> Self {
        ImageReader { rest: bytes, evidence }
    }

    pub(crate) fn take<T: Saved<E>>(&mut self) -> Result<T, Damaged> {
        T::load(self)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(Damaged("it ends too early"))?;
        self.rest = rest;
        Ok(*head)
    }

    fn varint(&mut self) -> Result<u64, Damaged> {
        let mut value = 0u64;
        for (at, &byte) in self.rest.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f).checked_shl(7 * at as u32).unwrap_or(0);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        Err(Damaged("a number has no end"))
    }

    /// How many elements follow; each takes at least one byte.
    pub(crate) fn length(&mut self) -> Result<usize, Damaged> {
        let length = self.varint()?;
        let fits = usize::try_from(length).ok().filter(|&length| length <= self.rest.len());
        fits.ok_or(Damaged("a list is longer than what holds it"))
    }

    pub(crate) fn raw(&mut self) -> Result<&'a [u8], Damaged> {
        let length = self.length()?;
        let (head, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn evidence(&mut self) -> Result<E, Damaged> {
        let at = self.varint()?;
        let found = usize::try_from(at).ok().and_then(|at| self.evidence.get(at));
        found.cloned().ok_or(Damaged("a record is missing"))
    }

    /// Bytes not read yet.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn end(&self) -> Result<(), Damaged> {
        if self.rest.is_empty() { Ok(()) } else { Err(Damaged("it goes on after its end")) }
    }
}

/// What can be kept in an image.
pub(crate) trait Saved<E: Clone>: Sized {
    fn save(&self, to: &mut ImageWriter<E>);
    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged>;
}

macro_rules! saved_numbers {
    ($($number:ty)*) => {$(
        impl<E: Clone> Saved<E> for $number {
            fn save(&self, to: &mut ImageWriter<E>) {
                to.bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
                Ok(<$number>::from_le_bytes(from.array()?))
            }
        }
    )*};
}
saved_numbers!(u8 u16 u32 u64 i64 i128);

/// Field by field, in the order given, which is the layout.
macro_rules! saved {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl<E: Clone> crate::image::Saved<E> for $name {
            crate::image::saved!(@body E, $name { $($field),* });
        }
    };
    ($name:ident<E> { $($field:ident),* $(,)? }) => {
        impl<E: crate::Evidence> crate::image::Saved<E> for $name<E> {
            crate::image::saved!(@body E, $name { $($field),* });
        }
    };
    (@body $e:ident, $name:ident { $($field:ident),* }) => {
        fn save(&self, to: &mut crate::image::ImageWriter<$e>) {
            $(to.put(&self.$field);)*
        }
        fn load(from: &mut crate::image::ImageReader<'_, $e>) -> Result<Self, crate::image::Damaged> {
            Ok($name { $($field: from.take()?),* })
        }
    };
}
pub(crate) use saved;

impl<E: Clone> Saved<E> for usize {
    fn save(&self, to: &mut ImageWriter<E>) {
        (*self as u64).save(to);
    }
    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        usize::try_from(from.take::<u64>()?).map_err(|_| Damaged("a number is too great"))
    }
}

impl<E: Clone> Saved<E> for bool {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.bytes.push(u8::from(*self));
    }
    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        match from.take::<u8>()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Damaged("a flag is neither set nor clear")),
        }
    }
}

impl<E: Clone> Saved<E> for [u8; 16] {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.bytes.extend_from_slice(self);
    }
    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        from.array()
    }
}

impl<E: Clone> Saved<E> for SourceId {
    fn save(&self, to: &mut ImageWriter<E>) {
        self.0.save(to);
    }
    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        Ok(SourceId(from.take()?))
    }
}

impl<E: Clone, A: Saved<E>, B: Saved<E>> Saved<E> for (A, B) {
    fn save(&self, to: &mut ImageWriter<E>) {
        self.0.save(to);
        self.1.save(to);
    }
    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        Ok((from.take()?, from.take()?))
    }
}

impl<E: Clone, T: Saved<E>> Saved<E> for Option<T> {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.put(&self.is_some());
        self.iter().for_each(|value| value.save(to));
    }
    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        if from.take()? { from.take().map(Some) } else { Ok(None) }
    }
}

impl<E: Clone, T: Saved<E>> Saved<E> for Box<T> {
    fn save(&self, to: &mut ImageWriter<E>) {
        (**self).save(to);
    }
    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        from.take().map(Box::new)
    }
}

/// Elements one by one; no more are reserved for than bytes are left.
fn list<E: Clone, T: Saved<E>, L: FromIterator<T>>(from: &mut ImageReader<'_, E>) -> Result<L, Damaged> {
    (0..from.length()?).map(|_| from.take()).collect()
}

macro_rules! saved_lists {
    ($($list:ident)*) => {$(
        impl<E: Clone, T: Saved<E>> Saved<E> for $list<T> {
            fn save(&self, to: &mut ImageWriter<E>) {
                to.length(self.len());
                self.iter().for_each(|value| value.save(to));
            }
            fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
                list(from)
            }
        }
    )*};
}
saved_lists!(Vec VecDeque);

impl<E: Clone, T: Saved<E> + Eq + Hash> Saved<E> for hashbrown::HashSet<T, FixedState> {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.length(self.len());
        self.iter().for_each(|value| value.save(to));
    }
    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let mut set = hashbrown::HashSet::with_hasher(FixedState::with_seed(0));
        for _ in 0..from.length()? {
            set.insert(from.take()?);
        }
        Ok(set)
    }
}

impl<E: Clone, K: Saved<E> + Eq + Hash, V: Saved<E>> Saved<E> for hashbrown::HashMap<K, V, FixedState> {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.length(self.len());
        for (key, value) in self {
            key.save(to);
            value.save(to);
        }
    }
    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let length = from.length()?;
        // Keys are of fixed length: what is there bounds how many there can be.
        let room = length.min(from.rest.len() / size_of::<K>().max(1));
        let mut map = hashbrown::HashMap::with_capacity_and_hasher(room, FixedState::with_seed(0));
        for _ in 0..length {
            map.insert(from.take()?, from.take()?);
        }
        Ok(map)
    }
}

impl<E: Clone, K: Saved<E> + Ord, V: Saved<E>> Saved<E> for BTreeMap<K, V> {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.length(self.len());
        for (key, value) in self {
            key.save(to);
            value.save(to);
        }
    }
    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        (0..from.length()?).map(|_| Ok((from.take()?, from.take()?))).collect()
    }
}

/// Sorted, so that equal tables make equal bytes.
impl<E: Clone, K: Saved<E> + Ord + Hash + Copy, V: Saved<E>> Saved<E> for HashMap<K, V> {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.length(self.len());
        let mut rows: Vec<_> = self.iter().collect();
        rows.sort_unstable_by_key(|(key, _)| **key);
        for (key, value) in rows {
            key.save(to);
            value.save(to);
        }
    }
    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        (0..from.length()?).map(|_| Ok((from.take()?, from.take()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Sample = (Vec<(i64, u16)>, (Option<bool>, (BTreeMap<u32, i128>, hashbrown::HashSet<[u8; 16], FixedState>)));

    #[test]
    fn what_was_put_in_comes_out_and_nothing_else_is_taken_for_it() {
        let mut set = hashbrown::HashSet::with_hasher(FixedState::with_seed(0));
        set.insert([7; 16]);
        let sample: Sample = (vec![(-1, 2); 200], (Some(true), ([(9, i128::MIN)].into(), set)));
        let mut to = ImageWriter::<()>::default();
        to.put(&sample);
        to.raw(b"end");
        let mut from = ImageReader::<()>::new(&to.bytes, &[]);
        assert_eq!(from.take::<Sample>().unwrap(), sample);
        assert_eq!((from.raw().unwrap(), from.end()), (&b"end"[..], Ok(())));
        for cut in 0..to.bytes.len() - 4 {
            assert!(ImageReader::<()>::new(&to.bytes[..cut], &[]).take::<Sample>().is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_length_that_nothing_stands_behind_reserves_nothing() {
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0];
        assert!(ImageReader::<()>::new(&huge, &[]).take::<Vec<u8>>().is_err());
        assert!(ImageReader::<()>::new(&[0xff; 20], &[]).take::<Vec<u8>>().is_err());
        assert!(ImageReader::<()>::new(&[3], &[(); 3]).evidence().is_err());
    }
}
