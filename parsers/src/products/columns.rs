//! Columns of a record, each in place: no copy, no allocation.

/// Most columns told apart. The widest documented layout read by columns is under 60; what follows stays in
/// the raw record.
pub(crate) const COLUMNS_MAX: usize = 96;

/// The columns of one record.
pub(crate) struct Columns<'a> {
    list: [&'a [u8]; COLUMNS_MAX],
    len: usize,
    /// Whether there were more than [`COLUMNS_MAX`].
    pub(crate) capped: bool,
    /// Whether a quote was opened and never closed.
    pub(crate) unbalanced: bool,
}

impl<'a> Columns<'a> {
    fn none() -> Self {
        Columns { list: [b""; COLUMNS_MAX], len: 0, capped: false, unbalanced: false }
    }

    fn push(&mut self, column: &'a [u8]) -> bool {
        let Some(slot) = self.list.get_mut(self.len) else {
            self.capped = true;
            return false;
        };
        *slot = column;
        self.len += 1;
        true
    }

    /// Columns between runs of blanks.
    pub(crate) fn by_blank(text: &'a [u8]) -> Self {
        let mut columns = Columns::none();
        let mut at = 0;
        loop {
            while text.get(at) == Some(&b' ') {
                at += 1;
            }
            if at >= text.len() {
                return columns;
            }
            let end = memchr::memchr(b' ', &text[at..]).map_or(text.len(), |end| at + end);
            if !columns.push(&text[at..end]) {
                return columns;
            }
            at = end;
        }
    }

    /// Columns between single bytes; empty ones count.
    pub(crate) fn by_byte(text: &'a [u8], separator: u8) -> Self {
        let mut columns = Columns::none();
        let mut from = 0;
        for end in memchr::memchr_iter(separator, text) {
            if !columns.push(&text[from..end]) {
                return columns;
            }
            from = end + 1;
        }
        columns.push(&text[from..]);
        columns
    }

    /// Columns between commas (RFC 4180), without the quotes and blanks around them. A doubled quote
    /// within quotes stays doubled.
    pub(crate) fn by_comma(text: &'a [u8]) -> Self {
        let mut columns = Columns::none();
        let mut at = 0;
        loop {
            while text.get(at) == Some(&b' ') {
                at += 1;
            }
            let (column, end) = if text.get(at) == Some(&b'"') {
                let mut close = at + 1;
                loop {
                    match memchr::memchr(b'"', text.get(close..).unwrap_or_default()) {
                        Some(quote) if text.get(close + quote + 1) == Some(&b'"') => close += quote + 2,
                        Some(quote) => {
                            close += quote;
                            break;
                        }
                        None => {
                            columns.unbalanced = true;
                            close = text.len();
                            break;
                        }
                    }
                }
                let end = memchr::memchr(b',', text.get(close..).unwrap_or_default()).map(|comma| close + comma);
                (&text[at + 1..close], end)
            } else {
                let end = memchr::memchr(b',', &text[at..]).map(|comma| at + comma);
                (text[at..end.unwrap_or(text.len())].trim_ascii(), end)
            };
            if !columns.push(column) {
                return columns;
            }
            match end {
                Some(end) => at = end + 1,
                None => return columns,
            }
        }
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The column at `at`; empty where there is none.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> &'a [u8] {
        self.list[..self.len].get(at).copied().unwrap_or_default()
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[&'a [u8]] {
        &self.list[..self.len]
    }
}

#[cfg(test)]
mod twin;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(columns: &Columns<'_>, expected: &[&str]) {
        let found: Vec<_> = columns.all().iter().map(|column| String::from_utf8_lossy(column).into_owned()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn blanks_bytes_and_quotes() {
        check(&Columns::by_blank(b"  a bc   d "), &["a", "bc", "d"]);
        check(&Columns::by_byte(b"a\t\tb\t", b'\t'), &["a", "", "b", ""]);
        check(&Columns::by_comma(b"a , \"b, \"\"c\"\"\" ,,d"), &["a", "b, \"\"c\"\"", "", "d"]);
        check(&Columns::by_comma(b""), &[""]);
        let open = Columns::by_comma(b"a,\"b,c");
        check(&open, &["a", "b,c"]);
        assert!(open.unbalanced);
        let wide = "x,".repeat(COLUMNS_MAX + 1);
        assert!(Columns::by_comma(wide.as_bytes()).capped);
    }
}
