//! Many fields one after another: the columns of a wide record.

use super::{Event, EventWriter, Field, Kind, Slot, Span};
use crate::dictionary::FieldId;

/// Writes fields with the event's tables at hand: a record of sixty columns looks them up once, not sixty times.
/// Ends when dropped.
pub(crate) struct Run<'e> {
    fields: &'e mut [Field],
    slots: &'e mut [Slot],
    generation: u16,
    len: usize,
    fields_len: &'e mut usize,
}

impl EventWriter<'_> {
    /// Begins a run. It writes into what room there is.
    #[inline]
    pub(crate) fn run(&mut self) -> Run<'_> {
        let Event { fields, fields_len, slots, generation, .. } = &mut *self.event;
        Run { fields, slots, generation: *generation, len: *fields_len, fields_len }
    }

    /// Where a slice of the record begins in it; `None` = it is of no record.
    #[inline]
    pub(crate) fn place_of(&self, slice: &[u8]) -> Option<u32> {
        self.span_in_record(slice).map(|span| span.at)
    }
}

impl Run<'_> {
    /// Adds a value; `false` = there is no room, and nothing was written ([`EventWriter::put_span`] makes some).
    #[inline(always)]
    pub(crate) fn put(&mut self, id: FieldId, value: Span, kind: Kind, vendor: bool) -> bool {
        let at = self.len;
        let (Some(slot), Some(field)) = (self.slots.get_mut(id.index()), self.fields.get_mut(at)) else {
            return false;
        };
        if slot.generation != self.generation {
            *slot = Slot { generation: self.generation, first: at as u16 };
        }
        *field = Field { id, kind, vendor, name: Span::default(), value };
        self.len = at + 1;
        true
    }

    /// Whether `id` has a value.
    #[inline(always)]
    pub(crate) fn has(&self, id: FieldId) -> bool {
        self.slots.get(id.index()).is_some_and(|slot| slot.generation == self.generation)
    }
}

impl Drop for Run<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        *self.fields_len = self.len;
    }
}
