//! A write-ahead segment: frames one behind the other, read back after a crash.
//!
//! A segment is `wal/<first sequence, 20 digits>.wal`: a [head](head) and frames. Only its writer knows how far it is
//! synced; what a reader finds is judged by the frames' checksums. Behind a damaged place the next valid frame is looked
//! for: what could not be acknowledged may be torn anywhere, and nothing readable is given up.

use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use noroshi_files::Files;

use noroshi_tree::mac::FrameMac;

use crate::frame::{self, Frame, HEAD_BYTES, MAGIC_PREFIX};

/// What a segment of frames without MACs begins with.
pub(crate) const HEAD: [u8; 16] = *b"noroshi-wal\n\x02\0\0\0";

/// What one of frames with MACs begins with; its epoch follows, in 64 bits.
const HEAD_HELD: [u8; 16] = *b"noroshi-wal\n\x03\0\0\0";

/// Bytes of that head with its epoch.
const HEAD_HELD_BYTES: usize = HEAD_HELD.len() + 8;

/// What a segment begins with: of frames with MACs of `epoch`, or of frames without.
pub(crate) fn head(epoch: Option<u64>) -> Vec<u8> {
    match epoch {
        None => HEAD.to_vec(),
        Some(epoch) => [&HEAD_HELD[..], &epoch.to_le_bytes()].concat(),
    }
}

/// Length of the head that `bytes` begin with, and its epoch.
fn parse_head(bytes: &[u8]) -> (usize, Option<u64>) {
    match bytes.strip_prefix(&HEAD_HELD).and_then(|rest| rest.first_chunk()) {
        Some(epoch) => (HEAD_HELD_BYTES, Some(u64::from_le_bytes(*epoch))),
        None if bytes.starts_with(&HEAD) => (HEAD.len(), None),
        None => (0, None),
    }
}

/// Bytes that room is made for before a file is read: what its metadata says may be a hole.
const READ_AHEAD_MAX: u64 = 256 << 20;

/// The extension of segments.
pub(crate) const EXTENSION: &str = "wal";

/// Where a segment that begins with record `first_sequence` lies.
pub(crate) fn path_of(directory: &Path, first_sequence: u64) -> PathBuf {
    directory.join(format!("{first_sequence:020}.{EXTENSION}"))
}

/// The first sequence by a segment's name; `None` = no segment of ours.
pub(crate) fn first_sequence_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".wal")?;
    (name.len() == 20).then(|| name.parse().ok()).flatten()
}

/// The segments in `directory`, by their first sequence; files of other names are left alone.
///
/// # Errors
/// Those of `readdir`.
pub(crate) fn segments(files: &dyn Files, directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found: Vec<_> =
        files.list(directory)?.into_iter().filter_map(|path| Some((first_sequence_of(&path)?, path))).collect();
    found.sort();
    Ok(found)
}

/// The epoch in a segment's head; `None` = its frames have no MACs, or its head is damaged.
///
/// # Errors
/// Those of `open` and `read`.
pub(crate) fn epoch_of(files: &dyn Files, path: &Path) -> io::Result<Option<u64>> {
    let mut head = Vec::new();
    files.open(path)?.take(HEAD_HELD_BYTES as u64).read_to_end(&mut head)?;
    Ok(parse_head(&head).1)
}

/// A frame and its place.
#[derive(Debug)]
pub(crate) struct Placed<'a> {
    /// Its bytes in the file.
    pub(crate) place: Range<usize>,
    /// What its MAC is over, and the MAC; `None` = it has none.
    pub(crate) held: Option<(&'a [u8], &'a FrameMac)>,
    /// Whether the bytes before it are no frame.
    pub(crate) is_behind_damage: bool,
    /// What it holds.
    pub(crate) frame: Frame<'a>,
}

/// A segment's bytes and what stands in them.
#[derive(Debug)]
pub(crate) struct Segment {
    bytes: Vec<u8>,
    /// Where frames lie, their MACs included.
    places: Vec<Range<usize>>,
    /// The epoch of its MACs; `None` = it has none, or its head is damaged.
    pub(crate) epoch: Option<u64>,
    /// What is no frame, with valid frames behind it.
    pub(crate) damaged: Vec<Range<usize>>,
    /// Bytes at the end that are no whole frame: what was being written when the power went.
    pub(crate) torn_bytes: usize,
}

impl Segment {
    /// Reads a segment whole.
    ///
    /// # Errors
    /// Those of `read`. Damage is none.
    pub(crate) fn read(files: &dyn Files, path: &Path) -> io::Result<Self> {
        let mut file = files.open(path)?;
        // Read into one piece: growing would copy it twice over.
        let len = file.metadata()?.len.min(READ_AHEAD_MAX);
        let mut bytes = Vec::with_capacity(len as usize + 1);
        file.read_to_end(&mut bytes)?;
        Ok(Self::scan(bytes))
    }

    pub(crate) fn scan(bytes: Vec<u8>) -> Self {
        let (mut places, mut damaged) = (Vec::new(), Vec::new());
        let (mut at, epoch) = parse_head(&bytes);
        let mut lost_from = None;
        while at < bytes.len() {
            if let Some((_, len)) = Frame::parse(&bytes[at..]) {
                if let Some(from) = lost_from.take() {
                    damaged.push(from..at);
                }
                places.push(at..at + len);
                at += len;
                continue;
            }
            lost_from.get_or_insert(at);
            let rest = &bytes[at + 1..];
            match memchr::memmem::find(rest, &MAGIC_PREFIX) {
                Some(next) if rest.len() - next >= HEAD_BYTES => at += 1 + next,
                _ => break,
            }
        }
        let torn_bytes = lost_from.map_or(0, |from| bytes.len() - from);
        Segment { bytes, places, epoch, damaged, torn_bytes }
    }

    /// Its frames.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.places.iter().filter_map(|place| Some(Frame::parse(&self.bytes[place.clone()])?.0))
    }

    /// Its frames with their places.
    pub(crate) fn placed(&self) -> impl Iterator<Item = Placed<'_>> {
        let placed = |place: &Range<usize>| {
            let bytes = &self.bytes[place.clone()];
            let is_behind_damage = self.damaged.binary_search_by_key(&place.start, |damaged| damaged.end).is_ok();
            let frame = Frame::parse(bytes)?.0;
            Some(Placed { place: place.clone(), held: frame::held(bytes), is_behind_damage, frame })
        };
        self.places.iter().filter_map(placed)
    }

    /// The number after its last record; `None` = no frame.
    pub(crate) fn end_sequence(&self) -> Option<u64> {
        let last = Frame::parse(&self.bytes[self.places.last()?.clone()])?.0;
        Some(last.sequences().end)
    }

    /// Bytes of the file.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Entry, FrameWriter};

    fn frame(first: u64, text: &str) -> Vec<u8> {
        let mut writer = FrameWriter::new(first, "in", None, ["o".into()].into_iter());
        writer.push(text.as_bytes(), &Entry::default());
        writer.finish().0
    }

    /// Frames with MACs: a flip in a MAC is not the checksum's business, one in a frame costs that frame.
    #[test]
    fn frames_with_macs_stand_behind_a_head_with_their_epoch() {
        let held = |first, text: &str| {
            let mut bytes = frame(first, text);
            frame::hold(&mut bytes, |message| [message.len() as u8; 32]);
            bytes
        };
        let whole = [head(Some(7)), held(1, "a"), held(2, "b"), held(3, "c")].concat();
        let one = held(1, "a").len();
        let segment = Segment::scan(whole.clone());
        assert_eq!(
            (segment.epoch, segment.damaged.len(), segment.torn_bytes, segment.len()),
            (Some(7), 0, 0, whole.len())
        );
        let begin = HEAD_HELD_BYTES + one;
        for placed in segment.placed() {
            let (message, mac) = placed.held.unwrap();
            assert_eq!((message.len() + 32, mac), (placed.place.len(), &[message.len() as u8; 32]));
            assert!(!placed.is_behind_damage);
        }
        for at in begin..begin + one - 32 {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            let found = Segment::scan(flipped);
            assert_eq!(texts(&found), ["a", "c"], "byte {at}");
            assert_eq!((found.damaged.len(), &found.damaged[0]), (1, &(begin..begin + one)), "byte {at}");
            assert_eq!(found.placed().map(|placed| placed.is_behind_damage).collect::<Vec<_>>(), [false, true]);
        }
        // A frame whose MAC is cut is torn.
        let torn = Segment::scan(whole[..whole.len() - 1].to_vec());
        assert_eq!((texts(&torn).len(), torn.torn_bytes), (2, one - 1));
    }

    fn texts(segment: &Segment) -> Vec<String> {
        let of = |frame: Frame<'_>| {
            frame.records().map(|(_, _, record)| String::from_utf8_lossy(record).into_owned()).collect::<Vec<_>>()
        };
        segment.frames().flat_map(of).collect()
    }

    #[test]
    fn a_torn_tail_is_cut_and_a_damaged_frame_costs_only_itself() {
        let whole: Vec<u8> = [HEAD.to_vec(), frame(1, "a"), frame(2, "b"), frame(3, "c")].concat();
        let one = frame(1, "a").len();
        let segment = Segment::scan(whole.clone());
        assert_eq!(
            (texts(&segment), segment.end_sequence(), segment.torn_bytes),
            (vec!["a".into(), "b".into(), "c".into()], Some(4), 0)
        );
        let torn = Segment::scan(whole[..whole.len() - 5].to_vec());
        assert_eq!((texts(&torn), torn.torn_bytes, torn.damaged.len()), (vec!["a".into(), "b".into()], one - 5, 0));
        for at in HEAD.len() + one..HEAD.len() + 2 * one {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            let found = Segment::scan(flipped);
            assert_eq!(texts(&found), ["a", "c"], "byte {at}");
            assert_eq!((found.damaged.len(), &found.damaged[0]), (1, &(HEAD.len() + one..HEAD.len() + 2 * one)));
        }
    }

    #[test]
    fn only_names_of_segments_are_segments() {
        let path = path_of(Path::new("/x"), 42);
        assert_eq!(first_sequence_of(&path), Some(42));
        for name in ["/x/42.wal", "/x/0000000000000000004x.wal", "/x/00000000000000000042.wal.new", "/x/notes"] {
            assert_eq!(first_sequence_of(Path::new(name)), None, "{name}");
        }
    }
}
