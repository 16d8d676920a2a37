//! Values with wildcards: `*`, `?` and their escapes (Sigma rules specification 2.1, "Escaping").

/// One piece of a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// These bytes; never empty, never two in a row.
    Literal(Vec<u8>),
    /// `?`: exactly one character.
    One,
    /// `*`: any characters, also none; never two in a row.
    Any,
    /// One of the characters that begin a Windows command line flag, [`DASHES`].
    Dash,
}

/// What the `windash` modifier takes for one another.
pub const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// A value with wildcards.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pattern {
    /// In order.
    pub pieces: Vec<Piece>,
    /// Whether letters' case counts.
    pub cased: bool,
}

impl Pattern {
    /// Exactly these bytes.
    pub fn literal(bytes: impl Into<Vec<u8>>) -> Self {
        let mut pattern = Pattern::default();
        pattern.push_bytes(&bytes.into());
        pattern
    }

    /// Reads wildcards and escapes. A backslash before `*`, `?` or a backslash escapes
    /// it; any other backslash is itself.
    pub fn parse(text: &str) -> Self {
        let mut pattern = Pattern::default();
        let mut rest = text.chars().peekable();
        let mut buffer = [0; 4];
        while let Some(next) = rest.next() {
            match next {
                '*' => pattern.push(Piece::Any),
                '?' => pattern.push(Piece::One),
                '\\' => {
                    let escaped = rest.next_if(|after| matches!(after, '*' | '?' | '\\')).unwrap_or('\\');
                    pattern.push_bytes(escaped.encode_utf8(&mut buffer).as_bytes());
                }
                other => pattern.push_bytes(other.encode_utf8(&mut buffer).as_bytes()),
            }
        }
        pattern
    }

    /// Appends a piece, keeping the invariants of [`Piece`].
    pub fn push(&mut self, piece: Piece) {
        match piece {
            Piece::Any if self.pieces.last() == Some(&Piece::Any) => {}
            Piece::Literal(bytes) => self.push_bytes(&bytes),
            other => self.pieces.push(other),
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(Piece::Literal(last)) => last.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::Literal(bytes.to_vec())),
        }
    }

    /// The bytes, if there is no wildcard.
    pub fn as_literal(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [] => Some(b""),
            [Piece::Literal(bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// Every way of writing it: one for each choice of its dashes. The inner `None`: it has wildcards. The outer:
    /// there are more than `most`.
    pub fn writings(&self, most: usize) -> Option<Option<Vec<Vec<u8>>>> {
        let mut made = vec![Vec::new()];
        for piece in &self.pieces {
            match piece {
                Piece::Literal(bytes) => made.iter_mut().for_each(|one| one.extend_from_slice(bytes)),
                Piece::Dash if made.len() * DASHES.len() > most => return None,
                Piece::Dash => {
                    let with = |one: &Vec<u8>, dash: &char| {
                        [one.as_slice(), dash.encode_utf8(&mut [0; 4]).as_bytes()].concat()
                    };
                    made = made.iter().flat_map(|one| DASHES.iter().map(move |dash| with(one, dash))).collect();
                }
                Piece::One | Piece::Any => return Some(None),
            }
        }
        Some(Some(made))
    }

    /// Puts `*` before.
    pub fn open_start(&mut self) {
        if self.pieces.first() != Some(&Piece::Any) {
            self.pieces.insert(0, Piece::Any);
        }
    }

    /// Puts `*` after.
    pub fn open_end(&mut self) {
        self.push(Piece::Any);
    }

    /// Takes every dash or slash that begins a flag (not after a letter, digit or `_`, but
    /// before one) for any of [`DASHES`].
    #[must_use]
    pub fn with_dashes(self) -> Self {
        let mut made = Pattern { pieces: Vec::new(), cased: self.cased };
        let mut before = None;
        for piece in self.pieces {
            let Piece::Literal(bytes) = piece else {
                before = None;
                made.push(piece);
                continue;
            };
            let text = String::from_utf8_lossy(&bytes);
            let mut rest = text.chars().peekable();
            let mut buffer = [0; 4];
            while let Some(next) = rest.next() {
                let word = |c: char| c.is_alphanumeric() || c == '_';
                let flag =
                    DASHES.contains(&next) && !before.is_some_and(word) && rest.peek().copied().is_some_and(word);
                if flag {
                    made.push(Piece::Dash);
                } else {
                    made.push_bytes(next.encode_utf8(&mut buffer).as_bytes());
                }
                before = Some(next);
            }
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(pattern: &Pattern) -> String {
        pattern
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(bytes) => format!("[{}]", String::from_utf8_lossy(bytes)),
                Piece::One => "?".into(),
                Piece::Any => "*".into(),
                Piece::Dash => "~".into(),
            })
            .collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(show(&Pattern::parse(text)), expected, "{text}");
    }

    #[test]
    fn escapes_are_those_of_the_specification() {
        check(r"C:\Windows\cmd.exe", r"[C:\Windows\cmd.exe]");
        check(r"a\\b", r"[a\b]");
        check(r"a\*b", "[a*b]");
        check(r"a\?b", "[a?b]");
        check(r"a\\*b", r"[a\]*[b]");
        check(r"a\\\*b", r"[a\*b]");
        check(r"\\\", r"[\\]");
        check(r"\\\\", r"[\\]");
        check("prog?.exe", "[prog]?[.exe]");
        check("**", "*");
        check("", "");
        check(r"\", r"[\]");
    }

    #[test]
    fn dashes_begin_flags_only() {
        assert_eq!(show(&Pattern::parse("cmd -enc x-y /c a/b -").with_dashes()), "[cmd ]~[enc x-y ]~[c a/b -]");
        assert_eq!(show(&Pattern::parse("*-a").with_dashes()), "*~[a]");
        assert_eq!(show(&Pattern::parse("\u{2014}a").with_dashes()), "~[a]");
    }
}
