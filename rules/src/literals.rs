//! Literals with the rules that need them, looked for in values as these are written.

use hashbrown::HashMap;
#[cfg(doc)]
use noroshi_parsers::event::EventView;
use noroshi_pattern::{Finder as _, Literal, Selected};

use crate::fold::fold_into;

/// Scratch of one thread for finding literals.
#[derive(Debug, Default)]
pub(crate) struct FindScratch {
    finder: <Selected as noroshi_pattern::Finder>::Scratch,
    folded: Vec<u8>,
}

/// Literals with the rules that need them.
#[derive(Debug)]
pub(crate) struct Literals {
    finder: Selected,
    /// By literal.
    rules: Box<[Box<[u32]>]>,
    /// Whether any literal has more than ASCII.
    beyond: bool,
    /// Whether any literal has what may be escaped where a text is written: more than ASCII, `"`, `\`, `/`, a control
    /// character.
    escaped: bool,
}

impl Literals {
    /// Of folded literals. The rules come back where the finder can't hold the literals; the caller asks for less then.
    pub(crate) fn new(literals: HashMap<Literal, Vec<u32>>) -> Result<Option<Self>, Vec<u32>> {
        if literals.is_empty() {
            return Ok(None);
        }
        let mut list: Vec<_> = literals.into_iter().collect();
        list.sort_unstable();
        list.iter_mut().for_each(|(_, rules)| rules.dedup());
        let (literals, rules): (Vec<_>, Vec<_>) = list.into_iter().unzip();
        let beyond = literals.iter().any(|literal| !literal.bytes.is_ascii());
        let escaped = |byte: &u8| !byte.is_ascii() || *byte < b' ' || matches!(byte, b'"' | b'\\' | b'/');
        let escaped = literals.iter().any(|literal| literal.bytes.iter().any(escaped));
        match Selected::build(&literals) {
            Ok(finder) => {
                let rules = rules.into_iter().map(Into::into).collect();
                Ok(Some(Literals { finder, rules, beyond, escaped }))
            }
            Err(_) => Err(rules.into_iter().flatten().collect()),
        }
    }

    /// Calls `found` with the rules of each literal that stands in `value`, case aside.
    #[inline]
    pub(crate) fn find(&self, value: &[u8], scratch: &mut FindScratch, mut found: impl FnMut(&[u32])) {
        let value = self.readable(value, &mut scratch.folded);
        self.finder.find(value, &mut scratch.finder, |literal| found(&self.rules[literal as usize]));
    }

    /// Whether an event's text is enough where a value repeats it ([`EventView::repeats_text`]).
    #[inline]
    pub(crate) fn text_is_enough(&self) -> bool {
        !self.escaped
    }

    /// As [`Literals::find`] for what [`Literals::readable`] gave.
    #[inline]
    pub(crate) fn find_readable(&self, value: &[u8], scratch: &mut FindScratch, mut found: impl FnMut(&[u32])) {
        self.finder.find(value, &mut scratch.finder, |literal| found(&self.rules[literal as usize]));
    }

    /// `value` so that its letters and those of the literals meet. The finder itself takes ASCII letters without case,
    /// so that most values are read where they lie.
    #[inline]
    pub(crate) fn readable<'a>(&self, value: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
        if value.is_ascii() { value } else { self.readable_beyond(value, buffer) }
    }

    #[inline(never)]
    fn readable_beyond<'a>(&self, value: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
        // Of the characters beyond ASCII these two alone fold to it: without literals beyond, the rest is of no interest.
        const FOLDING: [(&[u8], u8); 2] = [("\u{17F}".as_bytes(), b's'), ("\u{212A}".as_bytes(), b'k')];
        if self.beyond {
            fold_into(value, buffer);
            return buffer;
        }
        if !FOLDING.iter().any(|(letter, _)| memchr::memmem::find(value, letter).is_some()) {
            return value;
        }
        buffer.clear();
        let mut rest = value;
        while let Some(first) = rest.first() {
            let found = FOLDING.iter().find(|(letter, _)| rest.starts_with(letter));
            let (taken, byte) = found.map_or((1, *first), |(letter, byte)| (letter.len(), *byte));
            buffer.push(byte);
            rest = &rest[taken..];
        }
        buffer
    }
}
