//! Comma-separated columns (RFC 4180) as devices write them into one log line.
//!
//! A cell is quoted (`"…"` with `""` inside, or the `\"…\"` of relays that escape quotes) or runs to the next comma.
//! A quote that never closes, or that something other than a comma follows, is a byte like any other.

use crate::event::{EventWriter, Span};
use crate::scan::{BLOCK_BYTES, NextPlace, equal_bits};

/// One cell, as a slice of the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Cell<'a> {
    /// What stands between the quotes or commas.
    pub(crate) text: &'a [u8],
    /// Whether doubled quotes are in it.
    escaped: bool,
}

impl Cell<'_> {
    /// The value: in place, or with its doubled quotes undone in the arena.
    #[inline]
    pub(crate) fn span(self, writer: &mut EventWriter<'_>) -> Span {
        if self.escaped { self.unescaped(writer) } else { writer.span_of(self.text) }
    }

    #[cold]
    fn unescaped(self, writer: &mut EventWriter<'_>) -> Span {
        let from = writer.arena_start();
        let mut rest = self.text;
        while let Some(at) = memchr::memchr(b'"', rest) {
            writer.arena_push(&rest[..=at]);
            let doubled = rest.get(at + 1) == Some(&b'"');
            rest = &rest[at + 1 + usize::from(doubled)..];
        }
        writer.arena_push(rest);
        writer.arena_end(from)
    }
}

/// The cells of a text. Linear: once a quote does not close, none is looked for again.
#[derive(Clone, Debug)]
pub(crate) struct Cells<'a> {
    text: &'a [u8],
    /// Where the next cell begins; past the end when there is none.
    at: usize,
    separator: u8,
    separators: NextPlace<'a>,
    /// A quote was opened and never closed.
    pub(crate) unbalanced: bool,
    /// No quote stands further on.
    unquoted: bool,
}

impl<'a> Cells<'a> {
    /// The cells of `text` between commas.
    #[inline]
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Cells::separated(text, b',')
    }

    /// The cells of `text` between `separator`s.
    #[inline]
    pub(crate) fn separated(text: &'a [u8], separator: u8) -> Self {
        Cells { text, at: 0, separator, separators: NextPlace::of(text, separator), unbalanced: false, unquoted: false }
    }

    /// What no cell was taken of yet.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Where the next cell begins.
    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The cells from here on, where none of them is quoted.
    #[inline]
    pub(crate) fn plain(&mut self) -> Option<Plain<'a>> {
        self.unquoted = self.unquoted || self.unbalanced || memchr::memchr(b'"', self.rest()).is_none();
        self.unquoted.then(|| Plain::from(self.text, self.at, self.separator))
    }

    /// Goes on behind what was taken of [`Cells::plain`].
    #[inline]
    pub(crate) fn resume(&mut self, plain: &Plain<'a>) {
        self.at = plain.at;
    }

    /// The end of a quoted cell that begins behind its quote at `from`, and whether quotes stand doubled in it.
    fn quoted(&mut self, from: usize, quote: &[u8]) -> Option<(usize, bool)> {
        let mut at = from;
        let mut escaped = false;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let found = if quote == b"\"" { memchr::memchr(b'"', rest) } else { crate::scan::find(rest, quote) };
            let Some(found) = found else {
                self.unbalanced = true;
                return None;
            };
            let end = at + found;
            match self.text.get(end + quote.len()) {
                None => return Some((end, escaped)),
                Some(&byte) if byte == self.separator => return Some((end, escaped)),
                Some(b'"') if quote == b"\"" => {
                    escaped = true;
                    at = end + 2;
                }
                Some(_) => at = end + quote.len(),
            }
        }
    }
}

/// Cells without quotes, in order: the separators of a block are taken one by one from its bits.
pub(crate) struct Plain<'a> {
    text: &'a [u8],
    /// Where the next cell begins; past the end when there is none.
    at: usize,
    separator: u8,
    base: usize,
    /// The separators of the block at `base` that no cell has ended at yet.
    bits: u64,
}

impl<'a> Plain<'a> {
    #[inline]
    fn from(text: &'a [u8], at: usize, separator: u8) -> Plain<'a> {
        let base = at & !(BLOCK_BYTES - 1);
        let bits = block_bits(text, base, separator) & (u64::MAX << (at - base));
        Plain { text, at, separator, base, bits }
    }

    /// Where the next cell begins.
    #[cfg(test)]
    fn at(&self) -> usize {
        self.at
    }

    /// The bytes of a cell between two places; out of bounds gives none.
    #[inline(always)]
    pub(crate) fn cell(&self, from: usize, end: usize) -> &'a [u8] {
        self.text.get(from..end).unwrap_or_default()
    }

    /// Whether a blank stands at `at`.
    #[inline(always)]
    pub(crate) fn is_blank(&self, at: usize) -> bool {
        self.text.get(at) == Some(&b' ')
    }

    /// Takes the next cells, at most `most`: where each begins, and one place more, behind the separator that ends the last.
    /// How many they are, and a bit for each that is not empty.
    #[inline]
    pub(crate) fn places(&mut self, places: &mut Places, most: usize) -> (usize, u64) {
        let (most, len) = (most.min(PLACES), self.text.len());
        let (mut begin, mut base, mut bits) = (self.at, self.base, self.bits);
        let (mut count, mut filled) = (0, 0);
        places[0] = begin as u32;
        while count < most {
            if bits == 0 {
                if base + BLOCK_BYTES < len {
                    base += BLOCK_BYTES;
                    bits = block_bits(self.text, base, self.separator);
                    continue;
                }
                // The last cell runs to the end.
                if begin <= len {
                    filled |= u64::from(begin < len) << count;
                    count += 1;
                    begin = len + 1;
                    places[count] = begin as u32;
                }
                break;
            }
            let end = base + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            filled |= u64::from(end > begin) << count;
            count += 1;
            begin = end + 1;
            places[count] = begin as u32;
        }
        (self.at, self.base, self.bits) = (begin, base, bits);
        (count, filled)
    }
}

/// Cells that are found at once: a bit each.
pub(crate) const PLACES: usize = 64;

/// Where cells begin, and where one more would.
pub(crate) type Places = [u32; PLACES + 1];

/// Which bytes of the block at `base` are separators.
#[inline]
fn block_bits(text: &[u8], base: usize, separator: u8) -> u64 {
    let rest = text.get(base..).unwrap_or_default();
    match rest.first_chunk() {
        Some(block) => equal_bits(block, separator),
        None => {
            let mut block = [0; BLOCK_BYTES];
            block[..rest.len()].copy_from_slice(rest);
            // What the block was filled up with may equal the separator.
            equal_bits(&block, separator) & ((1 << rest.len()) - 1)
        }
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cell<'a>;

    /// Always in place: a cell that is handed over in memory is waited for twice as long as it takes to find.
    #[inline(always)]
    fn next(&mut self) -> Option<Cell<'a>> {
        let rest = self.text.get(self.at..)?;
        if !self.unbalanced && matches!(rest.first(), Some(b'"' | b'\\')) {
            let quote: &[u8] = if rest[0] == b'"' { b"\"" } else { b"\\\"" };
            if rest.starts_with(quote) {
                let from = self.at + quote.len();
                if let Some((end, escaped)) = self.quoted(from, quote) {
                    self.at = end + quote.len() + 1;
                    return Some(Cell { text: &self.text[from..end], escaped });
                }
            }
        }
        let end = self.separators.from(self.at).unwrap_or(self.text.len());
        let text = &self.text[self.at..end];
        self.at = end + 1;
        Some(Cell { text, escaped: false })
    }
}

#[cfg(test)]
mod twin;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str], unbalanced: bool) {
        let mut event = Event::new();
        event.clear();
        let mut writer = event.writer(text.as_bytes());
        let mut cells = Cells::new(text.as_bytes());
        let mut found = Vec::new();
        for cell in cells.by_ref() {
            let span = cell.span(&mut writer);
            found.push(String::from_utf8_lossy(writer.bytes(span)).into_owned());
        }
        assert_eq!(
            (found.iter().map(String::as_str).collect::<Vec<_>>(), cells.unbalanced),
            (expected.to_vec(), unbalanced)
        );
    }

    #[test]
    fn cells_and_quotes() {
        check("a,,b", &["a", "", "b"], false);
        check("", &[""], false);
        check("a,", &["a", ""], false);
        check(r#""a,b",c"#, &["a,b", "c"], false);
        check(r#""say ""hi"", now",c"#, &[r#"say "hi", now"#, "c"], false);
        check(r#"\"a,b\",c"#, &["a,b", "c"], false);
        check(r#""a"b,c","d""#, &[r#"a"b,c"#, "d"], false);
        check(r#"x"y,z"#, &[r#"x"y"#, "z"], false);
        check(r#"a,"b,c"#, &["a", "\"b", "c"], true);
    }

    proptest! {
        #[test]
        fn plain_cells_are_those_of_the_reader(text in "[a-c ,\u{0}]{0,200}", skip in 0usize..9, room in 1usize..80) {
            let mut cells = Cells::new(text.as_bytes());
            cells.by_ref().take(skip).for_each(drop);
            let mut plain = cells.plain().expect("no quote");
            let mut places = [0; PLACES + 1];
            loop {
                let (count, filled) = plain.places(&mut places, room);
                for at in 0..count {
                    let (from, end) = (places[at] as usize, places[at + 1] as usize - 1);
                    let cell = cells.next().map(|cell| cell.text);
                    prop_assert_eq!(cell, Some(plain.cell(from, end)));
                    prop_assert_eq!(filled >> at & 1 != 0, cell != Some(b""));
                }
                prop_assert_eq!(cells.at, plain.at());
                if count < room.min(PLACES) {
                    break;
                }
            }
            prop_assert!(cells.next().is_none());
        }
    }

    proptest! {
        #[test]
        fn written_cells_read_back(cells in prop::collection::vec("[a-z\", ]{0,8}", 1..8)) {
            let text = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect::<Vec<_>>().join(",");
            let mut event = Event::new();
            event.clear();
            let mut writer = event.writer(text.as_bytes());
            let found: Vec<_> = Cells::new(text.as_bytes())
                .map(|cell| { let span = cell.span(&mut writer); String::from_utf8_lossy(writer.bytes(span)).into_owned() })
                .collect();
            prop_assert_eq!(found, cells);
        }
    }
}
