//! The rules of one log source, and which of them an event could match.
//!
//! Per field: whole values by hash, beginnings and ends by walking a trie from either side,
//! everything inside by one automaton over all literals. The work is that of the event's
//! fields, whatever the number of rules.

use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, Anchored, Input, StartKind};
use hashbrown::HashMap;
use noroshi_parsers::dictionary::FieldId;
use noroshi_parsers::event::{EventView, Kind};

use crate::fold::fold_into;
use crate::need::{Literal, Need, Where};
use crate::set::Scratch;

/// Rule numbers.
type Rules = Box<[u32]>;

/// Which slots a field feeds, as (slot, rank among the slot's candidates).
type Feeds = Box<[(u32, u32)]>;

/// Literals of one kind with the rules that need them.
#[derive(Debug)]
struct Finder {
    automaton: AhoCorasick,
    rules: Box<[Rules]>,
    anchored: bool,
}

impl Finder {
    /// `None`: no literals, or more than the automaton can hold (the caller asks for less then).
    fn new(literals: Vec<(Box<[u8]>, Vec<u32>)>, anchored: bool) -> Result<Option<Self>, Vec<u32>> {
        if literals.is_empty() {
            return Ok(None);
        }
        let kind = if anchored { StartKind::Anchored } else { StartKind::Unanchored };
        let (bytes, rules): (Vec<_>, Vec<_>) = literals.into_iter().unzip();
        let built = AhoCorasick::builder().start_kind(kind).build(&bytes);
        match built {
            Ok(automaton) => {
                Ok(Some(Finder { automaton, rules: rules.into_iter().map(Into::into).collect(), anchored }))
            }
            Err(_) => Err(rules.into_iter().flatten().collect()),
        }
    }

    fn find(&self, haystack: &[u8], mut found: impl FnMut(&[u32])) {
        let anchored = if self.anchored { Anchored::Yes } else { Anchored::No };
        let mut state = OverlappingState::start();
        loop {
            // The automaton was built for this kind of search, so it can't refuse it.
            let input = Input::new(haystack).anchored(anchored);
            if self.automaton.try_find_overlapping(input, &mut state).is_err() {
                return;
            }
            match state.get_match() {
                Some(hit) => found(&self.rules[hit.pattern().as_usize()]),
                None => return,
            }
        }
    }
}

/// All literals that concern one field.
#[derive(Debug, Default)]
struct Slot {
    candidates: Box<[FieldId]>,
    present: Vec<u32>,
    equals: HashMap<Box<[u8]>, Vec<u32>, foldhash::fast::RandomState>,
    prefix: Option<Finder>,
    /// Over reversed values.
    suffix: Option<Finder>,
    suffix_bytes_max: usize,
    contains: Option<Finder>,
}

/// The rules of one log source.
#[derive(Debug)]
pub(crate) struct Route {
    /// Rules that need nothing.
    always: Rules,
    slots: Box<[Slot]>,
    /// By field id.
    by_field: Box<[Feeds]>,
    /// Literals looked for anywhere in the record.
    keywords: Option<Finder>,
}

#[derive(Default)]
struct Gathered {
    present: Vec<u32>,
    equals: HashMap<Box<[u8]>, Vec<u32>>,
    prefix: HashMap<Box<[u8]>, Vec<u32>>,
    suffix: HashMap<Box<[u8]>, Vec<u32>>,
    contains: HashMap<Box<[u8]>, Vec<u32>>,
}

fn sorted(literals: HashMap<Box<[u8]>, Vec<u32>>) -> Vec<(Box<[u8]>, Vec<u32>)> {
    let mut list: Vec<_> = literals.into_iter().collect();
    list.sort_unstable();
    list.iter_mut().for_each(|(_, rules)| rules.dedup());
    list
}

impl Route {
    /// Builds the route of `rules`, given what each rule of the set needs.
    pub(crate) fn new(rules: &[u32], needs: &[Need]) -> Self {
        let mut always = Vec::new();
        let mut gathered: HashMap<Box<[FieldId]>, Gathered> = HashMap::new();
        for &rule in rules {
            let Some(literals) = &needs[rule as usize] else {
                always.push(rule);
                continue;
            };
            for Literal { candidates, at, bytes } in literals {
                let slot = gathered.entry(candidates.clone()).or_default();
                match at {
                    Where::Present => slot.present.push(rule),
                    Where::Equals => slot.equals.entry(bytes.clone()).or_default().push(rule),
                    Where::Prefix => slot.prefix.entry(bytes.clone()).or_default().push(rule),
                    Where::Suffix => slot.suffix.entry(bytes.iter().rev().copied().collect()).or_default().push(rule),
                    Where::Contains => slot.contains.entry(bytes.clone()).or_default().push(rule),
                }
            }
        }
        let mut overflow = Vec::new();
        let mut finder = |literals, anchored| {
            Finder::new(sorted(literals), anchored).unwrap_or_else(|rules| {
                overflow.extend(rules);
                None
            })
        };
        // Keywords have no candidates. Their literals may stand anywhere.
        let keywords =
            gathered.remove(&Box::default() as &Box<[FieldId]>).and_then(|words| finder(words.contains, false));
        let mut list: Vec<_> = gathered.into_iter().collect();
        list.sort_by(|a, b| a.0.cmp(&b.0));
        let mut by_field: Vec<Vec<(u32, u32)>> = Vec::new();
        let mut slots = Vec::with_capacity(list.len());
        for (candidates, mut found) in list {
            for (rank, id) in candidates.iter().enumerate() {
                if by_field.len() <= id.index() {
                    by_field.resize_with(id.index() + 1, Vec::new);
                }
                by_field[id.index()].push((slots.len() as u32, rank as u32));
            }
            found.present.dedup();
            slots.push(Slot {
                candidates,
                present: found.present,
                equals: found.equals.into_iter().collect(),
                prefix: finder(found.prefix, true),
                suffix_bytes_max: found.suffix.keys().map(|bytes| bytes.len()).max().unwrap_or(0),
                suffix: finder(found.suffix, true),
                contains: finder(found.contains, false),
            });
        }
        always.extend(overflow);
        always.sort_unstable();
        always.dedup();
        Route {
            always: always.into(),
            slots: slots.into(),
            by_field: by_field.into_iter().map(Into::into).collect(),
            keywords,
        }
    }

    /// How many rules every event meets.
    pub(crate) fn always_len(&self) -> usize {
        self.always.len()
    }

    /// Marks the rules `event` could match.
    pub(crate) fn candidates(&self, event: &EventView<'_>, scratch: &mut Scratch) {
        let Scratch { lower, reversed, marks, .. } = scratch;
        marks.add(&self.always);
        for field in event.fields() {
            let Some(feeds) = self.by_field.get(field.id.index()) else { continue };
            let mut lowered = false;
            for &(slot, rank) in feeds {
                let slot = &self.slots[slot as usize];
                // The first candidate that is there is the one compared.
                if slot.candidates[..rank as usize].iter().any(|earlier| event.has(*earlier)) {
                    continue;
                }
                marks.add(&slot.present);
                // Null is there, but has no value.
                if field.kind == Kind::Null {
                    continue;
                }
                if !lowered {
                    fold_into(event.value(field), lower);
                    lowered = true;
                }
                if let Some(rules) = slot.equals.get(lower.as_slice()) {
                    marks.add(rules);
                }
                if let Some(finder) = &slot.prefix {
                    finder.find(lower, |rules| marks.add(rules));
                }
                if let Some(finder) = &slot.suffix {
                    reversed.clear();
                    reversed.extend(lower.iter().rev().take(slot.suffix_bytes_max));
                    finder.find(reversed, |rules| marks.add(rules));
                }
                if let Some(finder) = &slot.contains {
                    finder.find(lower, |rules| marks.add(rules));
                }
            }
        }
        let Some(finder) = &self.keywords else { return };
        let mut search = |value: &[u8]| {
            fold_into(value, lower);
            finder.find(lower, |rules| marks.add(rules));
        };
        search(event.text());
        // Values that lie in the record were searched with it.
        for field in
            event.fields().iter().filter(|field| field.span().in_record().is_none() && field.kind != Kind::Null)
        {
            search(event.value(field));
        }
    }
}
