//! Which name followed which, the last time.
//!
//! A source writes its members in one order, record after record. The name that followed the last one
//! before is compared in place where the next is expected; only when it is another is the name looked up. A
//! wrong guess costs one comparison, never a wrong answer.

use std::cell::Cell;

use crate::dictionary::{Dictionary, FieldId};

/// The memory of one decoder.
pub(crate) struct Successors {
    next: Vec<Cell<u16>>,
}

impl Successors {
    /// Knows nothing yet.
    pub(crate) fn new(dictionary: &Dictionary) -> Self {
        Successors { next: vec![Cell::new(0); dictionary.len()] }
    }

    /// The name that followed `id`, and its id; [`FieldId::UNNAMED`] stands for the start of a record.
    #[inline]
    pub(crate) fn after<'d>(&self, id: FieldId, dictionary: &'d Dictionary) -> Option<(FieldId, &'d [u8])> {
        let next = FieldId(self.next.get(id.index())?.get());
        (next != FieldId::UNNAMED).then(|| (next, dictionary.name(next).as_bytes()))
    }

    /// Notes that `next` followed `id`.
    #[inline]
    pub(crate) fn note(&self, id: FieldId, next: FieldId) {
        if let Some(slot) = self.next.get(id.index()) {
            slot.set(next.0);
        }
    }
}
