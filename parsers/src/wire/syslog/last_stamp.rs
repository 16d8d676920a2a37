//! The last stamp without a year, and the time it was found to be.
//!
//! A source writes many records in one second: reading its stamp and judging its year again would give the same. What is
//! remembered holds only where the year is beyond doubt; the reading with care is the oracle.

use super::PLAIN_BSD_BYTES;
use crate::decode::Context;
use crate::defect::Defect;
use crate::event::{EventWriter, TimePrecision};
use crate::time;
use crate::zone::ZoneIdentity;

/// The last plain stamp and what it was: records of one second follow one another.
#[derive(Clone, Copy, Default)]
pub(crate) struct LastStamp {
    text: [u8; PLAIN_BSD_BYTES + 1],
    zone: ZoneIdentity,
    time_ns: i64,
}

/// How long before the time by which years are judged a stamp's year is beyond doubt: it would have to lie more than a
/// day ahead to be of this year, or most of a year back to be of the next.
const YEAR_CERTAIN_NS: std::ops::Range<i64> = 0..300 * time::DAY_NS;

impl LastStamp {
    pub(super) fn of(writer: &mut EventWriter<'_>, context: &Context<'_>, text: &[u8]) -> LastStamp {
        let text = text.first_chunk().copied().filter(|_| writer.core().time_from_record);
        LastStamp {
            text: text.unwrap_or_default(),
            zone: context.options.zone.identity(),
            time_ns: writer.core().time_ns,
        }
    }

    /// Sets the time again where `text` begins as it did then.
    #[inline]
    pub(super) fn again(&self, writer: &mut EventWriter<'_>, context: &Context<'_>, text: &[u8]) -> bool {
        let age_ns = context.reference_ns().wrapping_sub(self.time_ns);
        // What a plain stamp is depends on two bytes behind it.
        let same = text.first_chunk() == Some(&self.text)
            && text.get(PLAIN_BSD_BYTES + 1).is_some_and(u8::is_ascii_lowercase)
            && context.options.zone.identity() == self.zone;
        if !same || !YEAR_CERTAIN_NS.contains(&age_ns) {
            return false;
        }
        writer.defect(Defect::YearInferred);
        writer.defect(Defect::ZoneAssumed);
        writer.set_time(self.time_ns, TimePrecision::Second);
        true
    }
}
