//! Signed notes (c2sp.org/signed-note) and their signatures, cosignatures with a time included.
//!
//! A note is a text, an empty line, and signature lines. Reading is strict, for a note that two programs read
//! differently proves nothing: one spelling, no control characters, base64 as RFC 4648 §4 writes it.

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::{KeyKind, Signer, Verifier, is_key_name};

/// Longest note read. A checkpoint with sixteen post-quantum signatures stays below 100 KiB.
pub const NOTE_BYTES_MAX: usize = 1 << 20;

/// Most signatures read from a note; signed-note asks for at least 16.
pub const SIGNATURES_MAX: usize = 64;

const SIGNATURE_BEGIN: &str = "\u{2014} ";

/// A signature line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// Name of the key.
    pub name: String,
    /// Id of the key.
    pub id: u32,
    /// What the algorithm of the key makes of the text.
    pub bytes: Vec<u8>,
}

impl Signature {
    /// Reads one line, without its newline.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let malformed = |what| NoteError::Malformed { what };
        let line = line
            .strip_prefix(SIGNATURE_BEGIN)
            .ok_or(malformed("a signature line begins with an em dash and a space"))?;
        let (name, signature) = line.split_once(' ').ok_or(malformed("a signature line is a name and base64"))?;
        if !is_key_name(name) {
            return Err(malformed("the name of a signature is empty, too long, or has a space or a plus"));
        }
        let bytes = STANDARD.decode(signature).map_err(|_| malformed("a signature is not base64"))?;
        let Some((id, bytes)) = bytes.split_first_chunk::<4>().filter(|(_, bytes)| !bytes.is_empty()) else {
            return Err(malformed("a signature is shorter than its key id"));
        };
        Ok(Self { name: name.to_owned(), id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.to_be_bytes().as_slice(), &self.bytes].concat();
        writeln!(f, "{SIGNATURE_BEGIN}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// Why a note is not to be believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoteError {
    /// The bytes are no note.
    Malformed {
        /// What is wrong with them.
        what: &'static str,
    },
    /// A signature of a known key is not over this text.
    Forged {
        /// Name of the key.
        name: String,
    },
    /// No known key signed it.
    Unsigned,
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { what } => write!(f, "not a signed note: {what}"),
            Self::Forged { name } => write!(
                f,
                "the signature of `{name}` is not over this text\n   = help: the text or the signature was changed after signing"
            ),
            Self::Unsigned => write!(
                f,
                "no known key signed this\n   = help: give the verifier key of the one that should have signed it"
            ),
        }
    }
}

impl std::error::Error for NoteError {}

/// A key that signed, and when it says it did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signed<'v> {
    /// The key.
    pub by: &'v Verifier,
    /// Seconds since 1970 that a cosignature names; plain signatures name none.
    pub time_s: Option<u64>,
}

/// A text with its signatures, not verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// Signs a text, which ends in a newline and has no control character else.
    ///
    /// `time_s` is seconds since 1970 for a cosigning key; a plain signature does not hold it.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] for another text.
    pub fn sign(text: String, signer: &Signer, time_s: u64) -> Result<Self, NoteError> {
        check_text(&text)?;
        let signatures = vec![sign_text(&text, signer, time_s)];
        Ok(Self { text, signatures })
    }

    /// Reads a note.
    ///
    /// # Errors
    /// [`NoteError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let malformed = |what| NoteError::Malformed { what };
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(malformed("it is longer than 1 MiB"));
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
        let empty_line = whole.rfind("\n\n").ok_or(malformed("no empty line stands before signatures"))?;
        let (text, lines) = (&whole[..=empty_line], &whole[empty_line + 2..]);
        check_text(text)?;
        let lines = lines.strip_suffix('\n').ok_or(malformed("its last line has no end, or it has no signatures"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == SIGNATURES_MAX {
                return Err(malformed("it has more than 64 signatures"));
            }
            signatures.push(Signature::parse(line)?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// What was signed, its last newline included. To be ignored until [`Note::verify`] has passed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signatures, of unknown keys too.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature, in place of an older one of the same key. False, and nothing added, where
    /// the note holds [`SIGNATURES_MAX`] already.
    pub fn add(&mut self, signature: Signature) -> bool {
        let same = |s: &&mut Signature| s.name == signature.name && s.id == signature.id;
        if let Some(older) = self.signatures.iter_mut().find(same) {
            *older = signature;
        } else if self.signatures.len() < SIGNATURES_MAX {
            self.signatures.push(signature);
        } else {
            return false;
        }
        true
    }

    /// The known keys that signed, each once, in the order of the note. Signatures of others are ignored.
    ///
    /// # Errors
    /// [`NoteError::Forged`] when a known key's signature is not over this text, [`NoteError::Unsigned`] when there is
    /// none of a known key.
    pub fn verify<'v>(&self, known: &'v [Verifier]) -> Result<Vec<Signed<'v>>, NoteError> {
        let mut signed: Vec<Signed<'v>> = Vec::new();
        for signature in &self.signatures {
            let Some(by) = known.iter().find(|v| v.id() == signature.id && v.name() == signature.name) else {
                continue;
            };
            let time_s = verify_text(&self.text, by, &signature.bytes)
                .ok_or_else(|| NoteError::Forged { name: signature.name.clone() })?;
            if !signed.iter().any(|s| s.by == by) {
                signed.push(Signed { by, time_s });
            }
        }
        if signed.is_empty() { Err(NoteError::Unsigned) } else { Ok(signed) }
    }
}

impl fmt::Display for Note {
    /// The note as it is sent and stored.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| write!(f, "{signature}"))
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let malformed = |what| NoteError::Malformed { what };
    if !text.ends_with('\n') {
        return Err(malformed("its text does not end with a newline"));
    }
    // Of the controls, signed-note names those below U+0020.
    if text.bytes().any(|b| b < 0x20 && b != b'\n') {
        return Err(malformed("its text has a control character"));
    }
    Ok(())
}

/// Signs a note's text: the signature line, with its time where the key cosigns.
pub fn sign_text(text: &str, signer: &Signer, time_s: u64) -> Signature {
    let verifier = signer.verifier();
    let bytes = match verifier.kind() {
        KeyKind::Note => signer.sign_bytes(text.as_bytes()).to_vec(),
        KeyKind::Cosignature => {
            let signature = signer.sign_bytes(&cosigned(text, time_s));
            [time_s.to_be_bytes().as_slice(), &signature].concat()
        }
    };
    Signature { name: verifier.name().to_owned(), id: verifier.id(), bytes }
}

/// The time of a signature that is over the text (`None` within for a plain one); `None` for any other.
#[expect(clippy::option_option, reason = "whether it verifies, and whether it has a time, are two questions")]
fn verify_text(text: &str, by: &Verifier, bytes: &[u8]) -> Option<Option<u64>> {
    match by.kind() {
        KeyKind::Note => by.verify(text.as_bytes(), bytes).then_some(None),
        KeyKind::Cosignature => {
            let (time, signature) = bytes.split_first_chunk::<8>()?;
            let time_s = u64::from_be_bytes(*time);
            // tlog-cosignature keeps times within what signed clocks can tell.
            let sane = i64::try_from(time_s).is_ok();
            (sane && by.verify(&cosigned(text, time_s), signature)).then_some(Some(time_s))
        }
    }
}

/// The message of a `cosignature/v1`: two lines of header, then the note's text.
fn cosigned(text: &str, time_s: u64) -> Vec<u8> {
    let mut message = String::with_capacity(text.len() + 48);
    write!(message, "cosignature/v1\ntime {time_s}\n{text}").expect("a string takes any text");
    message.into_bytes()
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
