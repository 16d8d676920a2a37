//! Keys of signed notes (c2sp.org/signed-note): their names, texts and files.
//!
//! A verifier key is `<name>+<key id>+<base64>`, a signing key `PRIVATE+KEY+` before the same shape: the texts that Go's
//! note tools read and write. The key id is the beginning of SHA-256(name ‖ newline ‖ type ‖ public key), so the same
//! key signs checkpoints and cosigns under two ids.

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use noroshi_files::{Files, directory_of};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use zeroize::Zeroizing;

use crate::hash::Hash;

/// Longest key name taken in. The texts set no limit; a name is a host and a path.
pub const KEY_NAME_BYTES_MAX: usize = 255;

const SEED_BYTES: usize = 32;
const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";

/// What a signature is made over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyKind {
    /// Ed25519 over the note's text: type 0x01 of signed-note. What a log signs with.
    Note,
    /// `cosignature/v1`, Ed25519 over the text behind a header and the time: type 0x04 (c2sp.org/tlog-cosignature). What
    /// a witness signs with.
    Cosignature,
}

impl KeyKind {
    fn byte(self) -> u8 {
        match self {
            Self::Note => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Self::Note, Self::Cosignature].into_iter().find(|kind| kind.byte() == byte)
    }
}

/// A key that cannot be used. Never holds what the key says.
#[derive(Debug)]
pub enum KeyError {
    /// The text is no key.
    Text {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A name that signed-note forbids.
    Name {
        /// The name, escaped.
        name: String,
    },
    /// The file cannot be read or written.
    File {
        /// As in "cannot read".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others than the owner may read the file.
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system gave no random bytes.
    Random,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { what } => write!(f, "not a key: {what}\n   = help: give the whole line as it was shown"),
            Self::Name { name } => write!(
                f,
                "`{name}` cannot name a key\n   = help: take a host and a path, such as `siem.example.com/archive`: no space, no `+`"
            ),
            Self::File { action, path, source } => {
                let path = path.display();
                write!(f, "cannot {action} key file `{path}`: {source}\n   = help: ")?;
                match source.kind() {
                    io::ErrorKind::NotFound => write!(f, "make it, or give the path of the key"),
                    io::ErrorKind::AlreadyExists => {
                        write!(f, "a key is never overwritten: move the old one away first")
                    }
                    _ => write!(f, "give the user that runs noroshi the right to it"),
                }
            }
            Self::Exposed { path, mode } => {
                let path = path.display();
                write!(f, "key file `{path}` is open to others (mode {mode:03o})\n   = help: chmod 600 `{path}`")
            }
            Self::Random => {
                write!(f, "the system gave no random bytes\n   = help: see why getrandom(2) fails on this host")
            }
        }
    }
}

impl std::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// True for a name that a signature line can carry: not empty, no Unicode space, no `+`, no control character.
pub fn is_key_name(name: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
    (1..=KEY_NAME_BYTES_MAX).contains(&name.len()) && name.chars().all(plain)
}

fn named(name: &str) -> Result<&str, KeyError> {
    if is_key_name(name) { Ok(name) } else { Err(KeyError::Name { name: name.escape_debug().to_string() }) }
}

fn key_id(name: &str, kind: KeyKind, public: &[u8; 32]) -> u32 {
    let bytes = [name.as_bytes(), b"\n", &[kind.byte()], public].concat();
    let [a, b, c, d, ..] = Hash::of(&bytes).0;
    u32::from_be_bytes([a, b, c, d])
}

/// `<name>+<id>+<base64 of kind and key>`, taken apart.
struct Parts<'t> {
    name: &'t str,
    id: u32,
    kind: KeyKind,
    key: Zeroizing<[u8; 32]>,
}

fn parse_parts(text: &str) -> Result<Parts<'_>, KeyError> {
    let error = |what| KeyError::Text { what };
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(error("a key is a name, an id and base64, each behind a `+`"));
    };
    let lower_hex = id.len() == 8 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let id = lower_hex.then(|| u32::from_str_radix(id, 16).ok()).flatten();
    let id = id.ok_or(error("the id is not eight lower-case hexadecimal digits"))?;
    let bytes = Zeroizing::new(STANDARD.decode(key).map_err(|_| error("its last part is not base64"))?);
    let [kind, key @ ..] = bytes.as_slice() else { return Err(error("its last part is empty")) };
    let kind = KeyKind::of(*kind).ok_or(error("its type is neither 0x01 (Ed25519) nor 0x04 (cosignature/v1)"))?;
    let key = <[u8; 32]>::try_from(key).map_err(|_| error("an Ed25519 key is 32 bytes"))?;
    Ok(Parts { name: named(name)?, id, kind, key: Zeroizing::new(key) })
}

/// The public half: checks signatures of one name and kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verifier {
    name: String,
    id: u32,
    kind: KeyKind,
    public: [u8; 32],
}

impl Verifier {
    /// Reads a verifier key.
    ///
    /// # Errors
    /// [`KeyError::Text`] for what is none, a wrong id included; [`KeyError::Name`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let Parts { name, id, kind, key: public } = parse_parts(text.trim_end_matches('\n'))?;
        if key_id(name, kind, &public) != id {
            return Err(KeyError::Text { what: "its id is not that of its name and key: a character was changed" });
        }
        Ok(Self { name: name.to_owned(), id, kind, public: *public })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What it signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// True when `signature` is this key's Ed25519 signature over `message` (RFC 8032).
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(message, signature).is_ok()
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.kind.byte()], self.public.as_slice()].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id, STANDARD.encode(key))
    }
}

/// The private half. Its secret is in no `Debug` output and is wiped when dropped.
pub struct Signer {
    verifier: Verifier,
    seed: Zeroizing<[u8; SEED_BYTES]>,
    pair: Ed25519KeyPair,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier)
    }
}

impl Signer {
    /// A new key from the system's random bytes.
    ///
    /// # Errors
    /// [`KeyError::Name`], [`KeyError::Random`].
    pub fn generate(name: &str, kind: KeyKind) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        SystemRandom::new().fill(seed.as_mut_slice()).map_err(|_| KeyError::Random)?;
        Self::from_seed(name, kind, &seed)
    }

    /// The key of a seed (RFC 8032 §5.1.5): the same seed is the same key.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn from_seed(name: &str, kind: KeyKind, seed: &[u8; SEED_BYTES]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| KeyError::Text { what: "an Ed25519 seed is 32 bytes" })?;
        let public = pair.public_key().as_ref().try_into().expect("an Ed25519 public key is 32 bytes");
        let name = named(name)?.to_owned();
        let verifier = Verifier { id: key_id(&name, kind, &public), name, kind, public };
        Ok(Self { verifier, seed: Zeroizing::new(*seed), pair })
    }

    /// Reads a signing key's text.
    ///
    /// # Errors
    /// [`KeyError::Text`], [`KeyError::Name`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim_end_matches('\n');
        let parts = text
            .strip_prefix(PRIVATE_PREFIX)
            .ok_or(KeyError::Text { what: "a signing key begins with PRIVATE+KEY+" })?;
        let Parts { name, id, kind, key: seed } = parse_parts(parts)?;
        let signer = Self::from_seed(name, kind, &seed)?;
        if signer.verifier.id != id {
            return Err(KeyError::Text { what: "its id is not that of its name and key: a character was changed" });
        }
        Ok(signer)
    }

    /// Reads a key file, which none but its owner may have access to.
    ///
    /// # Errors
    /// [`KeyError::File`], [`KeyError::Exposed`] and those of [`Signer::parse`].
    pub fn load(files: &dyn Files, path: &Path) -> Result<Self, KeyError> {
        let file = |source| KeyError::File { action: "read", path: path.to_owned(), source };
        let mode = files.metadata(path).map_err(file)?.mode;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        let bytes = Zeroizing::new(files.read(path).map_err(file)?);
        Self::parse(std::str::from_utf8(&bytes).map_err(|_| KeyError::Text { what: "it is not UTF-8" })?)
    }

    /// Writes a new key file of mode 0600, durably. A file that is there is never replaced.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn save(&self, files: &dyn Files, path: &Path) -> Result<(), KeyError> {
        let key = Zeroizing::new([&[self.verifier.kind.byte()], self.seed.as_slice()].concat());
        let key = Zeroizing::new(STANDARD.encode(key.as_slice()));
        let (name, id) = (&self.verifier.name, self.verifier.id);
        let text = Zeroizing::new(format!("{PRIVATE_PREFIX}{name}+{id:08x}+{}\n", key.as_str()));
        let written = files.create_private(path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync()?;
            files.sync_directory(directory_of(path))
        });
        written.map_err(|source| KeyError::File { action: "write", path: path.to_owned(), source })
    }

    /// The public half.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    pub(crate) fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().expect("an Ed25519 signature is 64 bytes")
    }
}
