//! A forward-secure MAC over the open tail: frames that no signed checkpoint covers yet.
//!
//! Each frame has a key of its own, made from the one before by a one-way function, and the one before is erased. Who
//! takes over the host learns the keys of frames to come and not those of frames written: those can be cut away, which shows,
//! and cannot be rewritten. The first key is shown once, at the beginning, and kept elsewhere; with it everything is verified again.
//!
//! ```text
//! E(0)      = the first key                         E(e+1)    = HMAC-SHA256(E(e), "noroshi/mac/v1 epoch")
//! F(e, 0)   = HMAC-SHA256(E(e), "noroshi/mac/v1 frames")
//! F(e, i+1) = HMAC-SHA256(F(e, i), "noroshi/mac/v1 next")
//! frame i   : HMAC-SHA256(F(e, i), "noroshi/mac/v1 frame" ‖ u64 e ‖ u64 i ‖ message)
//! end       : HMAC-SHA256(F(e, n), "noroshi/mac/v1 end" ‖ u64 e ‖ u64 n)
//! ```
//!
//! An epoch is a segment of the tail, so that verifying one late in an archive's life walks the segments before it and not
//! their frames. What it cannot show: frames rewritten by someone who held the host already when they were written, or who
//! has an older [saved state](TailState::save) from a backup or from blocks of the disk that the file system has not used again.

use std::cmp::Ordering;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use noroshi_files::{Files, directory_of};
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::hash::{Hash, parse_decimal};

/// Bytes of a frame's MAC.
pub const MAC_BYTES: usize = 32;

/// Most epochs walked to reach a segment: at one a second for 68 years, eight minutes of work. Beyond it the number
/// is no epoch but a hostile file.
pub const EPOCHS_MAX: u64 = 1 << 31;

const KEY_PREFIX: &str = "noroshi-first-key-v1";
const STATE_HEADER: &str = "noroshi/mac-state/v1";

type Key = Zeroizing<[u8; 32]>;

/// A frame's MAC.
pub type FrameMac = [u8; MAC_BYTES];

fn hmac(key: &Key, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

fn derive(key: &Key, label: &str) -> Key {
    Zeroizing::new(hmac(key, &[label.as_bytes()]).finalize().into_bytes().into())
}

/// A state or first key that cannot be used.
#[derive(Debug)]
pub enum MacError {
    /// The text is no first key, or one with a changed character.
    FirstKey,
    /// The file is no saved state.
    State {
        /// The file.
        path: PathBuf,
    },
    /// A file operation failed.
    File {
        /// As in "cannot read".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The system gave no random bytes.
    Random,
}

impl fmt::Display for MacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstKey => {
                write!(f, "not a first key\n   = help: give the whole line that was shown when the archive was made")
            }
            Self::State { path } => write!(
                f,
                "`{}` is no saved state of the tail's key\n   = help: it was changed or cut: keep it for the inquiry and verify with the first key",
                path.display()
            ),
            Self::File { action, path, source } => write!(
                f,
                "cannot {action} `{}`: {source}\n   = help: give the user that runs noroshi the right to it",
                path.display()
            ),
            Self::Random => {
                write!(f, "the system gave no random bytes\n   = help: see why getrandom(2) fails on this host")
            }
        }
    }
}

impl std::error::Error for MacError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// The key that everything follows from. Shown once, kept off the host, wiped when dropped.
pub struct FirstKey(Key);

impl fmt::Debug for FirstKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirstKey(…)")
    }
}

impl FirstKey {
    /// A new key from the system's random bytes.
    ///
    /// # Errors
    /// [`MacError::Random`].
    pub fn generate() -> Result<Self, MacError> {
        let mut key = Key::default();
        SystemRandom::new().fill(key.as_mut_slice()).map_err(|_| MacError::Random)?;
        Ok(Self(key))
    }

    /// The key of these bytes: for tests and known answers.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The line to be shown: a prefix, eight digits that tell a typing mistake, the key.
    pub fn to_text(&self) -> Zeroizing<String> {
        let key = Zeroizing::new(STANDARD.encode(self.0.as_slice()));
        Zeroizing::new(format!("{KEY_PREFIX}+{:08x}+{}", self.check(), key.as_str()))
    }

    /// Reads the line.
    ///
    /// # Errors
    /// [`MacError::FirstKey`].
    pub fn parse(text: &str) -> Result<Self, MacError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(KEY_PREFIX), Some(check), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(MacError::FirstKey);
        };
        let bytes = Zeroizing::new(STANDARD.decode(key).map_err(|_| MacError::FirstKey)?);
        let key = Self(Zeroizing::new(bytes.as_slice().try_into().map_err(|_| MacError::FirstKey)?));
        if format!("{:08x}", key.check()) == check { Ok(key) } else { Err(MacError::FirstKey) }
    }

    /// Tells a typing mistake; 32 bits of a hash say nothing of the key.
    fn check(&self) -> u32 {
        let labelled = Zeroizing::new([b"noroshi/mac/v1 check".as_slice(), self.0.as_slice()].concat());
        let [a, b, c, d, ..] = Hash::of(&labelled).0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The chain at the beginning of an epoch. Takes about a second for four million epochs.
    ///
    /// # Panics
    /// Beyond [`EPOCHS_MAX`].
    pub fn epoch(&self, epoch: u64) -> KeyChain {
        assert!(epoch <= EPOCHS_MAX, "epoch {epoch}");
        let mut key = self.0.clone();
        for _ in 0..epoch {
            key = derive(&key, "noroshi/mac/v1 epoch");
        }
        KeyChain::begin(epoch, &key)
    }
}

/// The keys from one frame on, without those before.
#[derive(Clone)]
pub struct KeyChain {
    epoch: u64,
    /// E(epoch + 1).
    next_epoch: Key,
    index: u64,
    /// F(epoch, index).
    frame: Key,
}

impl fmt::Debug for KeyChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyChain(epoch {}, index {})", self.epoch, self.index)
    }
}

impl KeyChain {
    fn begin(epoch: u64, key: &Key) -> Self {
        let next_epoch = derive(key, "noroshi/mac/v1 epoch");
        Self { epoch, next_epoch, index: 0, frame: derive(key, "noroshi/mac/v1 frames") }
    }

    /// Number of the segment.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Frames of the segment so far.
    pub fn index(&self) -> u64 {
        self.index
    }

    fn frame_hmac(&self, message: &[u8]) -> Hmac<Sha256> {
        hmac(&self.frame, &[b"noroshi/mac/v1 frame", &self.epoch.to_be_bytes(), &self.index.to_be_bytes(), message])
    }

    fn end_hmac(&self) -> Hmac<Sha256> {
        hmac(&self.frame, &[b"noroshi/mac/v1 end", &self.epoch.to_be_bytes(), &self.index.to_be_bytes()])
    }

    /// Goes on behind the next frame.
    pub fn advance(&mut self) {
        // The old key is wiped as it is replaced.
        self.frame = derive(&self.frame, "noroshi/mac/v1 next");
        self.index += 1;
    }

    /// The MAC of the next frame; its key is erased. `message` is what must not change: the frame's bytes, or a hash over them.
    pub fn mac(&mut self, message: &[u8]) -> FrameMac {
        let mac = self.frame_hmac(message).finalize().into_bytes().into();
        self.advance();
        mac
    }

    /// True when `mac` is that of the next frame.
    pub fn is_next(&self, message: &[u8], mac: &FrameMac) -> bool {
        self.frame_hmac(message).verify_slice(mac).is_ok()
    }

    /// Ends the segment and begins the next.
    pub fn end(&mut self) -> Ended {
        let mac = self.end_hmac().finalize().into_bytes().into();
        let ended = Ended { epoch: self.epoch, frames: self.index, mac };
        *self = Self::begin(self.epoch + 1, &self.next_epoch);
        ended
    }
}

/// A segment that is over: its frames, and the MAC that says there are no fewer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Its number.
    pub epoch: u64,
    /// Its frames.
    pub frames: u64,
    /// Its end.
    pub mac: FrameMac,
}

/// What is kept of the tail's keys: from a frame on, and the segments that are over and wait to be sealed.
#[derive(Clone, Debug)]
pub struct TailState {
    /// The keys from the next frame on.
    pub chain: KeyChain,
    /// Segments that are over.
    pub ended: Vec<Ended>,
}

impl TailState {
    /// Writes the state durably in place of the one before, for the owner alone. To be called behind the sync of the frames it
    /// counts, never before, or a power cut looks like a cut tail; each second is often enough: until then who takes over the
    /// host may rewrite the frames since the last save.
    ///
    /// # Errors
    /// [`MacError::File`]: the old state may still stand, and the call may be repeated.
    pub fn save(&self, files: &dyn Files, path: &Path) -> Result<(), MacError> {
        let chain = &self.chain;
        let [next, key] = [&chain.next_epoch, &chain.frame].map(|key| Zeroizing::new(STANDARD.encode(key.as_slice())));
        let mut text = Zeroizing::new(format!(
            "{STATE_HEADER}\nepoch {}\nnext {}\nindex {}\nkey {}\n",
            chain.epoch,
            next.as_str(),
            chain.index,
            key.as_str()
        ));
        for Ended { epoch, frames, mac } in &self.ended {
            text.push_str(&format!("ended {epoch} {frames} {}\n", STANDARD.encode(mac)));
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let written = match files.remove(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => files.create_private(&beside),
        };
        let written = written.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync()?;
            files.rename(&beside, path)?;
            files.sync_directory(directory_of(path))
        });
        written.map_err(|source| MacError::File { action: "write", path: path.to_owned(), source })
    }

    /// Reads a saved state.
    ///
    /// # Errors
    /// [`MacError::File`], [`MacError::State`].
    pub fn load(files: &dyn Files, path: &Path) -> Result<Self, MacError> {
        let bytes =
            files.read(path).map_err(|source| MacError::File { action: "read", path: path.to_owned(), source })?;
        let bytes = Zeroizing::new(bytes);
        Self::parse(&bytes).ok_or_else(|| MacError::State { path: path.to_owned() })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.split('\n');
        if lines.next()? != STATE_HEADER {
            return None;
        }
        let mut next = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let epoch = next("epoch").and_then(parse_decimal).filter(|epoch| *epoch < EPOCHS_MAX - EPOCHS_AHEAD_MAX)?;
        let next_epoch = parse_key(next("next")?)?;
        let index = next("index").and_then(parse_decimal)?;
        let frame = parse_key(next("key")?)?;
        let ended = |line: &str| {
            let mut parts = line.strip_prefix("ended ")?.split(' ');
            let mut next = || parts.next();
            let (of, frames) = (parse_decimal(next()?)?, parse_decimal(next()?)?);
            let mac = *parse_key(next()?)?;
            (next().is_none() && of < epoch).then_some(Ended { epoch: of, frames, mac })
        };
        let ended = lines.map(ended).collect::<Option<Vec<_>>>()?;
        Some(Self { chain: KeyChain { epoch, next_epoch, index, frame }, ended })
    }
}

fn parse_key(text: &str) -> Option<Key> {
    let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

/// What is wrong with a tail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TailFault {
    /// This frame, from 0, is not the one that was written; or one before it was taken out or put in.
    Frame {
        /// Its number.
        index: u64,
    },
    /// The segment ends before the frames that were counted.
    Truncated {
        /// Frames there are.
        frames: u64,
        /// Frames there must be.
        counted: u64,
    },
    /// Of an epoch that is over and was not counted, or far ahead: it was put here, or its head was changed.
    Strange,
    /// The saved state does not follow from the first key: it was forged, or is of another archive.
    State,
}

impl fmt::Display for TailFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame { index } => write!(f, "frame {index} is not the one that was written"),
            Self::Truncated { frames, counted } => write!(f, "{frames} frames are there and {counted} were written"),
            Self::Strange => write!(f, "the segment is of an epoch that was not counted"),
            Self::State => write!(f, "the saved state does not follow from the first key"),
        }
    }
}

/// What is known of an epoch beside its frames.
enum Counted<'s> {
    Ended(&'s Ended),
    Saved(&'s KeyChain),
    /// Begun since the last save.
    Nothing,
    Strange,
}

/// Frames that a crash tore one behind the other at most: what goes to the disk between two syncs.
const TORN_FRAMES_MAX: u64 = 1 << 16;

/// Segments begun since the keys were last saved at most: while that fails they wait, and the disk is full before.
const EPOCHS_AHEAD_MAX: u64 = 1 << 16;

/// Holds a segment's frames to the first key, one after the other.
pub struct TailCheck<'s> {
    chain: KeyChain,
    counted: Counted<'s>,
    is_met: bool,
}

impl<'s> TailCheck<'s> {
    /// Begins with the segment of `epoch`, by what `saved` knows of it.
    pub fn new(first: &FirstKey, saved: &'s TailState, epoch: u64) -> Self {
        let ended = saved.ended.iter().find(|ended| ended.epoch == epoch);
        let counted = match (ended, epoch.cmp(&saved.chain.epoch)) {
            (Some(ended), _) => Counted::Ended(ended),
            (None, Ordering::Equal) => Counted::Saved(&saved.chain),
            (None, Ordering::Greater) if epoch - saved.chain.epoch <= EPOCHS_AHEAD_MAX => Counted::Nothing,
            (None, _) => Counted::Strange,
        };
        // No way is walked to where a changed number points.
        let chain = first.epoch(if matches!(counted, Counted::Strange) { 0 } else { epoch });
        let is_met = matches!(counted, Counted::Nothing);
        Self { chain, counted, is_met }
    }

    /// Whether all frames that were counted have come by: what is torn from here on may be a crash's doing.
    pub fn is_behind_counted(&self) -> bool {
        self.is_met || self.counted().is_some_and(|counted| self.chain.index >= counted)
    }

    fn counted(&self) -> Option<u64> {
        match &self.counted {
            Counted::Ended(ended) => Some(ended.frames),
            Counted::Saved(saved) => Some(saved.index),
            Counted::Nothing | Counted::Strange => None,
        }
    }

    /// At the frame behind those that were counted the key must be the one that is known, or its end.
    fn meet(&mut self) -> Result<(), TailFault> {
        if self.is_met || self.counted() != Some(self.chain.index) {
            return Ok(());
        }
        let is_right = match &self.counted {
            Counted::Ended(ended) => self.chain.end_hmac().verify_slice(&ended.mac).is_ok(),
            Counted::Saved(saved) => follows(&self.chain, saved),
            Counted::Nothing | Counted::Strange => false,
        };
        self.is_met = is_right;
        if is_right { Ok(()) } else { Err(TailFault::State) }
    }

    /// The next frame; `behind_damage` = bytes between it and the one before are no frame. Behind those that were counted
    /// torn frames take their place in the chain.
    ///
    /// # Errors
    /// [`TailFault`]; the segment is not looked at further.
    pub fn frame(&mut self, message: &[u8], mac: &FrameMac, behind_damage: bool) -> Result<(), TailFault> {
        if let Counted::Strange = self.counted {
            return Err(TailFault::Strange);
        }
        self.meet()?;
        let index = self.chain.index;
        if behind_damage && self.is_met {
            let mut ahead = self.chain.clone();
            while !ahead.is_next(message, mac) {
                if ahead.index - index >= TORN_FRAMES_MAX {
                    return Err(TailFault::Frame { index });
                }
                ahead.advance();
            }
            self.chain = ahead;
        } else if !self.chain.is_next(message, mac) {
            return Err(TailFault::Frame { index });
        }
        self.chain.advance();
        Ok(())
    }

    /// No more frames: none of those counted may be missing.
    ///
    /// # Errors
    /// [`TailFault`].
    pub fn finish(mut self) -> Result<(), TailFault> {
        self.meet()?;
        match (self.is_met, self.counted()) {
            (true, _) => Ok(()),
            (false, Some(counted)) => Err(TailFault::Truncated { frames: self.chain.index, counted }),
            (false, None) => Err(TailFault::Strange),
        }
    }
}

/// Compared without telling by its time where the first difference is.
fn follows(expected: &KeyChain, saved: &KeyChain) -> bool {
    let differences = |a: &Key, b: &Key| a.iter().zip(b.iter()).fold(0, |all, (a, b)| all | (a ^ b));
    differences(&expected.frame, &saved.frame) | differences(&expected.next_epoch, &saved.next_epoch) == 0
}

#[cfg(test)]
#[path = "mac_tests.rs"]
mod tests;
