//! A table of values that a capture can hold on to while it goes on changing.
//!
//! Small ones are one table. A great one is spread over 256 by a byte of the value, each with a few thousand of a million:
//! a capture holds on to them as they are, and one that is changed meanwhile is copied first. None of them takes long to
//! copy or to grow.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::image::{Damaged, ImageReader, ImageWriter, Saved};

/// Values from which on they are spread.
const SPREAD_FROM: usize = 8192;
/// Tables that they are spread over: as many as a byte has values.
const TABLES: usize = 256;

/// What values are known by: 16 bytes of which each is evenly spread.
pub(crate) type Value = [u8; 16];
type Table<V> = HashMap<Value, V, FixedState>;

/// Values, each with something.
#[derive(Debug)]
pub(crate) struct Spread<V> {
    /// One, or [`TABLES`].
    tables: Vec<Part<V>>,
    len: usize,
    /// Bytes of all tables: they are asked for with every hit.
    allocated: usize,
}

#[derive(Debug)]
enum Part<V> {
    Own(Table<V>),
    /// A capture may still read it.
    Held(Arc<Table<V>>),
}

fn empty<V>() -> Table<V> {
    HashMap::with_hasher(FixedState::with_seed(0))
}

impl<V: Clone> Part<V> {
    fn table(&self) -> &Table<V> {
        match self {
            Part::Own(table) => table,
            Part::Held(table) => table,
        }
    }

    /// To be changed: what a capture still reads is copied.
    fn own(&mut self) -> &mut Table<V> {
        if let Part::Held(held) = self {
            let held = std::mem::replace(held, Arc::new(empty()));
            *self = Part::Own(Arc::try_unwrap(held).unwrap_or_else(|held| Table::clone(&held)));
        }
        match self {
            Part::Own(table) => table,
            Part::Held(_) => unreachable!("replaced above"),
        }
    }

    fn hold(&mut self) -> Arc<Table<V>> {
        if let Part::Own(table) = self {
            *self = Part::Held(Arc::new(std::mem::replace(table, empty())));
        }
        match self {
            Part::Held(table) => Arc::clone(table),
            Part::Own(_) => unreachable!("replaced above"),
        }
    }
}

impl<V: Clone> Spread<V> {
    pub(crate) fn new() -> Spread<V> {
        Spread { tables: vec![Part::Own(empty())], len: 0, allocated: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn part(&mut self, value: &Value) -> &mut Table<V> {
        // The last byte: the first of a value may be what keys are spread by.
        let at = if self.tables.len() == 1 { 0 } else { usize::from(value[15]) };
        self.tables[at].own()
    }

    pub(crate) fn get_mut(&mut self, value: &Value) -> Option<&mut V> {
        self.part(value).get_mut(value)
    }

    pub(crate) fn insert(&mut self, value: Value, with: V) {
        if self.tables.len() == 1 && self.len >= SPREAD_FROM {
            let all = std::mem::replace(self.tables[0].own(), empty());
            self.tables = (0..TABLES).map(|_| Part::Own(empty())).collect();
            all.into_iter().for_each(|(value, with)| _ = self.part(&value).insert(value, with));
            self.count();
        }
        let table = self.part(&value);
        let before = table.allocation_size();
        let is_new = table.insert(value, with).is_none();
        let grown = table.allocation_size() - before;
        self.len += usize::from(is_new);
        self.allocated += grown;
    }

    /// Looks at every table anew.
    fn count(&mut self) {
        self.len = self.tables.iter().map(|part| part.table().len()).sum();
        self.allocated = self.tables.iter().map(|part| part.table().allocation_size()).sum();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Value, &V)> {
        self.tables.iter().flat_map(|part| part.table().iter())
    }

    /// Keeps the values for which the answer is yes.
    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(&V) -> bool) {
        for part in &mut self.tables {
            let table = part.own();
            table.retain(|_, with| is_kept(with));
            table.shrink_to_fit();
        }
        self.count();
        if self.tables.len() > 1 && self.len < SPREAD_FROM / 4 {
            let mut all = empty();
            self.tables.iter_mut().for_each(|part| all.extend(part.own().drain()));
            self.tables = vec![Part::Own(all)];
            self.count();
        }
    }

    /// Bytes on the heap, those behind what stands with the values left out.
    pub(crate) fn bytes(&self) -> usize {
        self.allocated + self.tables.len() * size_of::<Part<V>>()
    }

    /// The values of this moment, where they are many.
    pub(crate) fn hold(&mut self) -> Option<HeldValues<V>> {
        (self.tables.len() > 1)
            .then(|| HeldValues { tables: self.tables.iter_mut().map(Part::hold).collect(), len: self.len })
    }
}

impl<E: Clone, V: Clone + Saved<E>> Saved<E> for Spread<V> {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.length(self.len);
        for (value, with) in self.iter() {
            to.put(value);
            to.put(with);
        }
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let mut spread = Spread::new();
        for _ in 0..from.length()? {
            spread.insert(from.take()?, from.take()?);
        }
        Ok(spread)
    }
}

/// Values as they were when a capture took them: to be written instead of [`Spread`]'s own image.
#[derive(Debug)]
pub(crate) struct HeldValues<V> {
    tables: Vec<Arc<Table<V>>>,
    len: usize,
}

impl<V: Clone> HeldValues<V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What stands before the values in an image.
    pub(crate) fn begin<E: Clone>(&self, to: &mut ImageWriter<E>) {
        to.length(self.len);
    }

    /// Writes tables until about so many bytes are written, and takes them off `room`; true once all are.
    pub(crate) fn go_on<E: Clone>(&mut self, to: &mut ImageWriter<E>, room: &mut usize) -> bool
    where
        V: Saved<E>,
    {
        while *room > 0
            && let Some(table) = self.tables.pop()
        {
            let before = to.bytes.len();
            for (value, with) in table.iter() {
                to.put(value);
                to.put(with);
            }
            *room = room.saturating_sub(to.bytes.len() - before);
        }
        self.tables.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn value(number: u64) -> Value {
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (u128::from(number) << 64 | u128::from(spread ^ spread >> 32)).to_be_bytes()
    }

    fn told(spread: &Spread<i64>) -> BTreeMap<Value, i64> {
        spread.iter().map(|(value, with)| (*value, *with)).collect()
    }

    fn written(held: &mut HeldValues<i64>) -> (BTreeMap<Value, i64>, usize) {
        let (mut to, mut steps) = (ImageWriter::<()>::default(), 1);
        held.begin(&mut to);
        while !held.go_on(&mut to, &mut 5000) {
            steps += 1;
        }
        (told(&ImageReader::<()>::new(&to.bytes, &[]).take().unwrap()), steps)
    }

    #[test]
    fn it_is_what_a_table_is_and_a_capture_sees_the_moment_alone() {
        let (mut spread, mut list) = (Spread::new(), BTreeMap::new());
        assert!(spread.is_empty() && spread.hold().is_none());
        for number in 0..30_000u64 {
            spread.insert(value(number), number as i64);
            list.insert(value(number), number as i64);
            if number % 3 == 0 {
                let other = value(number / 2);
                *spread.get_mut(&other).expect("it was put there") += 1;
                *list.get_mut(&other).expect("it was put there") += 1;
            }
            if number % 5000 == 0 {
                assert_eq!((told(&spread), spread.len()), (list.clone(), list.len()));
                let allocated: usize = spread.tables.iter().map(|part| part.table().allocation_size()).sum();
                assert_eq!(spread.allocated, allocated);
            }
        }
        assert!(spread.get_mut(&value(40_000)).is_none());
        let mut held = spread.hold().expect("they are many");
        assert_eq!(held.len(), 30_000);
        let before = list.clone();
        spread.retain(|with| with % 7 == 0);
        list.retain(|_, with| *with % 7 == 0);
        assert_eq!((told(&spread), spread.len()), (list.clone(), list.len()));
        let (seen, steps) = written(&mut held);
        assert!(seen == before && steps > 50, "{steps} steps");
        spread.retain(|with| *with < 700);
        assert!(spread.tables.len() == 1 && spread.len() < 110 && spread.bytes() < 16_384);
    }
}
