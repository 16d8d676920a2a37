//! Checkpoints (c2sp.org/tlog-checkpoint): the size and root of a tree, as the text of a signed note.

use std::fmt;

use crate::hash::{Hash, parse_decimal};
use crate::key::Verifier;
use crate::note::{Note, NoteError, Signed};

/// The state of a tree at one size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Which tree: the name of the key that signs it.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// Further lines, opaque; none in the checkpoints written here, for nobody could audit them.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// Reads a note's text.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let malformed = |what| NoteError::Malformed { what };
        let body = text.strip_suffix('\n').ok_or(malformed("the checkpoint does not end with a newline"))?;
        let mut lines = body.split('\n');
        let origin = lines.next().filter(|line| !line.is_empty()).ok_or(malformed("the checkpoint has no origin"))?;
        let size =
            lines.next().and_then(parse_decimal).ok_or(malformed("the checkpoint has no size as plain decimal"))?;
        let root = lines.next().and_then(Hash::parse).ok_or(malformed("the checkpoint has no root of 32 bytes"))?;
        let extensions: Vec<_> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return Err(malformed("the checkpoint has an empty line"));
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions })
    }

    /// Reads a note that one of `log` must have signed.
    ///
    /// # Errors
    /// [`NoteError`]; an origin other than the name of the key that signed is [`NoteError::Malformed`].
    pub fn of_note<'v>(note: &Note, log: &'v [Verifier]) -> Result<(Self, Vec<Signed<'v>>), NoteError> {
        let signed = note.verify(log)?;
        let checkpoint = Self::parse(note.text())?;
        if signed.iter().all(|signed| signed.by.name() != checkpoint.origin) {
            return Err(NoteError::Malformed { what: "the origin is another than the name of the key that signed" });
        }
        Ok((checkpoint, signed))
    }
}

impl fmt::Display for Checkpoint {
    /// The text that is signed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

    #[test]
    fn the_text_is_read_and_written_one_way() {
        for text in [
            format!("example.com/behind-the-sofa\n20852163\n{ROOT}\n"),
            format!("example.com/a\n0\n{ROOT}\nextension one\n— two\n"),
        ] {
            assert_eq!(Checkpoint::parse(&text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_no_checkpoints() {
        for bad in [
            String::new(),
            "\n".to_owned(),
            "a\n1\n".to_owned(),
            format!("\n1\n{ROOT}\n"),
            format!("a\n01\n{ROOT}\n"),
            format!("a\n-1\n{ROOT}\n"),
            format!("a\n\n{ROOT}\n"),
            format!("a\n1\n{}\n", &ROOT[..40]),
            format!("a\n1\n{ROOT}"),
            format!("a\n1\n{ROOT}\n\n"),
            format!("a\n1\n{ROOT}\n\nx\n"),
            format!("a\r\n1\r\n{ROOT}\r\n"),
        ] {
            assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
        }
    }
}
