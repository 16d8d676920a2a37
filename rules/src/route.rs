//! The rules that an event of one kind could meet, and which of them it could match.
//!
//! Per field: whole values, beginnings, ends and insides are looked up by one finder over the literals that
//! rules need there ([`crate::literals`]). The work is that of the event's fields, whatever the number of rules.

use hashbrown::HashMap;
use noroshi_parsers::dictionary::FieldId;
use noroshi_parsers::event::{EventView, Kind, Span};
use noroshi_pattern::{At, Literal};

use crate::literals::Literals;
use crate::need::{self, Need, Where};
use crate::set::Scratch;

/// Rule numbers.
type Rules = Box<[u32]>;

/// All literals that concern one field.
#[derive(Debug)]
struct Slot {
    candidates: Box<[FieldId]>,
    present: Rules,
    literals: Option<Literals>,
}

/// A field feeds this slot, as one of its candidates.
#[derive(Clone, Copy, Debug)]
struct Feed {
    slot: u32,
    /// Its rank among the slot's candidates.
    rank: u32,
}

/// The rules of one kind of event.
#[derive(Debug)]
pub(crate) struct Route {
    /// Rules that need nothing.
    always: Rules,
    slots: Box<[Slot]>,
    /// By field id: one more than the place in `feeds`; nothing is fed by 0.
    by_field: Box<[u16]>,
    feeds: Box<[Box<[Feed]>]>,
    /// Literals looked for anywhere in the record.
    keywords: Option<Literals>,
}

#[derive(Default)]
struct Gathered {
    present: Vec<u32>,
    literals: HashMap<Literal, Vec<u32>>,
}

/// A value this long is searched for keywords where it lies, not copied.
const ALONE_BYTES_MIN: usize = 256;

/// Most long values that are known to have been searched; others are searched again.
const LONG_MAX: usize = 8;

/// Stands between the values searched for keywords. Text has no such byte, nor have literals but a few encoded ones: what
/// one of these finds across two values is ruled out when the rule is evaluated.
const BETWEEN_VALUES: u8 = 0xFF;

impl Route {
    /// Builds the route of `rules`, given what each rule of the set needs.
    pub(crate) fn new(rules: &[u32], needs: &[Need]) -> Self {
        let mut always = Vec::new();
        let mut gathered: HashMap<&[FieldId], Gathered> = HashMap::new();
        for &rule in rules {
            let Some(literals) = &needs[rule as usize] else {
                always.push(rule);
                continue;
            };
            for need::Literal { candidates, at, bytes } in literals {
                let slot = gathered.entry(candidates).or_default();
                let at = match at {
                    Where::Present => {
                        slot.present.push(rule);
                        continue;
                    }
                    // The literals of keywords may stand anywhere.
                    _ if candidates.is_empty() => At::Anywhere,
                    Where::Equals => At::Whole,
                    Where::Prefix => At::Start,
                    Where::Suffix => At::End,
                    Where::Contains => At::Anywhere,
                };
                slot.literals.entry(Literal { at, bytes: bytes.clone() }).or_default().push(rule);
            }
        }
        let mut finder = |literals| {
            Literals::new(literals).unwrap_or_else(|rules| {
                always.extend(rules);
                None
            })
        };
        let keywords = gathered.remove(&[] as &[FieldId]).and_then(|words| finder(words.literals));
        let mut list: Vec<_> = gathered.into_iter().collect();
        list.sort_by(|a, b| a.0.cmp(b.0));
        let mut fed: HashMap<FieldId, Vec<Feed>> = HashMap::new();
        let mut slots = Vec::with_capacity(list.len());
        for (candidates, mut found) in list {
            for (rank, id) in candidates.iter().enumerate() {
                fed.entry(*id).or_default().push(Feed { slot: slots.len() as u32, rank: rank as u32 });
            }
            found.present.dedup();
            slots.push(Slot {
                candidates: candidates.into(),
                present: found.present.into(),
                literals: finder(found.literals),
            });
        }
        let mut by_field = vec![0_u16; fed.keys().map(|id| id.index() + 1).max().unwrap_or(0)];
        let mut feeds = Vec::with_capacity(fed.len());
        for (id, list) in fed {
            feeds.push(list.into());
            // A dictionary numbers its fields in sixteen bits.
            by_field[id.index()] = feeds.len() as u16;
        }
        always.sort_unstable();
        always.dedup();
        Route { always: always.into(), slots: slots.into(), by_field: by_field.into(), feeds: feeds.into(), keywords }
    }

    /// How many rules every event meets.
    pub(crate) fn always_len(&self) -> usize {
        self.always.len()
    }

    /// Marks the rules `event` could match.
    pub(crate) fn candidates(&self, event: &EventView<'_>, scratch: &mut Scratch) {
        let Scratch { folded: buffer, keywords: text, finder, marks } = scratch;
        marks.add(&self.always);
        for field in event.fields() {
            let Some(feeds) = self.by_field.get(field.id.index()).and_then(|at| at.checked_sub(1)) else { continue };
            // Null is there, but has no value.
            let value = (field.kind != Kind::Null).then(|| event.value(field));
            for feed in &self.feeds[usize::from(feeds)] {
                let slot = &self.slots[feed.slot as usize];
                // The first candidate that is there is the one compared.
                if slot.candidates[..feed.rank as usize].iter().any(|earlier| event.has(*earlier)) {
                    continue;
                }
                marks.add(&slot.present);
                let Some(value) = value else { continue };
                if let Some(literals) = &slot.literals {
                    literals.find(value, finder, |rules| marks.add(rules));
                }
            }
        }
        let Some(literals) = &self.keywords else { return };
        literals.find(event.text(), finder, |rules| marks.add(rules));
        // Values that lie in the record were searched with it. Of the others the short ones are searched together.
        text.clear();
        let (mut long, mut long_len) = ([Span::default(); LONG_MAX], 0);
        for field in
            event.fields().iter().filter(|field| field.span().in_record().is_none() && field.kind != Kind::Null)
        {
            let span = field.span();
            if span.len() >= ALONE_BYTES_MIN {
                // A message often has two names, and is the record's own but for its escapes.
                if long[..long_len].contains(&span) || literals.text_is_enough() && event.repeats_text(span) {
                    continue;
                }
                if let Some(next) = long.get_mut(long_len) {
                    (*next, long_len) = (span, long_len + 1);
                }
                literals.find(event.value(field), finder, |rules| marks.add(rules));
                continue;
            }
            let value = event.value(field);
            text.push(BETWEEN_VALUES);
            text.extend_from_slice(literals.readable(value, buffer));
        }
        literals.find_readable(text, finder, |rules| marks.add(rules));
    }
}
