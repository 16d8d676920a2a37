//! The body of a request: read within time and size, unpacked (gzip, deflate, zstd).
//!
//! Nothing is held that was not claimed: a body that says how long it is claims that at once, one that grows claims as it grows. So
//! a sender learns that there is no room before its records are half taken, and a bomb costs no more than a body may.

use std::io::{self, Read};
use std::time::Duration;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;

use crate::handover::{Claim, Room};

/// Seconds without a byte of a body after which its sender is given up.
pub const BODY_SILENCE_S: u64 = 30;

/// Seconds a whole body may take: 32 MiB over a line of 4 Mbit/s.
pub const BODY_TIMEOUT_S: u64 = 120;

/// How many times longer a body may be unpacked than packed. Repetitive logs reach 60, deflate ends at 1,032; one that is small however far
/// it unpacks ([`RATIO_FREE_BYTES`]) harms nobody.
pub const RATIO_MAX: usize = 250;

/// Up to here no ratio is asked for.
pub const RATIO_FREE_BYTES: usize = 4 << 20;

/// A zstd frame may ask for a window of 2 to this power: what every decoder has to have (RFC 8878 §3.1.1.1.2: 8 MiB).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// What is read and thrown away of a body whose request is refused, so that its sender is still reading when the answer comes.
const DRAIN_BYTES_MAX: usize = 8 << 20;

/// How long that may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Packed bytes from which unpacking leaves its thread's other connections to another thread.
const UNPACK_ASIDE_BYTES: usize = 64 << 10;

/// Bytes unpacked between two looks at the bounds.
const UNPACK_STEP_BYTES: usize = 64 << 10;

/// How a body is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Deflate,
    Zstd,
}

impl Packing {
    /// By `Content-Encoding`; `None` = one that is not understood.
    pub(crate) fn of(encoding: Option<&[u8]>) -> Option<Self> {
        Some(match encoding.map(|encoding| encoding.trim_ascii().to_ascii_lowercase()).as_deref() {
            None | Some(b"" | b"identity") => Self::Plain,
            Some(b"gzip" | b"x-gzip") => Self::Gzip,
            Some(b"deflate") => Self::Deflate,
            Some(b"zstd") => Self::Zstd,
            Some(_) => return None,
        })
    }
}

/// Why a body was not read to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum BodyFault {
    /// Longer than is taken, packed or unpacked.
    TooLong,
    /// Unpacks to more than [`RATIO_MAX`] times its length.
    Bomb,
    /// Not packed as it says, or it ends too soon.
    Damaged(String),
    /// There is no room for it now.
    NoRoom,
    /// It took too long.
    TimedOut,
    /// The connection broke.
    Broken,
}

/// The bytes of a body with the room they take.
#[derive(Debug)]
pub(crate) struct Body {
    pub bytes: Vec<u8>,
    pub claim: Claim,
}

/// Reads a body to its end and unpacks it. On a fault the rest is left unread: [`drain`] it before the answer.
///
/// # Errors
/// Why it was not taken; nothing of it is held then.
pub(crate) async fn read(
    body: &mut Incoming,
    packing: Packing,
    bytes_max: usize,
    room: &Room,
) -> Result<Body, BodyFault> {
    let declared = usize::try_from(body.size_hint().exact().unwrap_or(0)).unwrap_or(usize::MAX);
    if declared > bytes_max {
        return Err(BodyFault::TooLong);
    }
    let mut read = Filling::new(room, declared, bytes_max)?;
    let deadline = Instant::now() + Duration::from_secs(BODY_TIMEOUT_S);
    let silence = Duration::from_secs(BODY_SILENCE_S);
    loop {
        let until = deadline.min(Instant::now() + silence);
        let frame = match tokio::time::timeout_at(until, body.frame()).await {
            Err(_) => return Err(BodyFault::TimedOut),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(BodyFault::Broken),
            Ok(Some(Ok(frame))) => frame,
        };
        if let Ok(data) = frame.into_data() {
            read.take(&data)?;
        }
    }
    if packing == Packing::Plain || read.bytes.is_empty() {
        return Ok(Body { bytes: read.bytes, claim: read.claim });
    }
    let work = || unpack(&read.bytes, packing, bytes_max, room);
    // A few milliseconds a MiB: too long for a thread that others wait on.
    if read.bytes.len() > UNPACK_ASIDE_BYTES { tokio::task::block_in_place(work) } else { work() }
}

/// Reads what is left of a refused body, within bounds.
pub(crate) async fn drain(body: &mut Incoming) {
    let read = async {
        let mut drained = 0;
        while drained < DRAIN_BYTES_MAX {
            match body.frame().await {
                Some(Ok(frame)) => drained += frame.data_ref().map_or(0, |data| data.len()),
                _ => break,
            }
        }
    };
    // Whoever is slower than that learns of the refusal by the end of the connection.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, read).await;
}

/// Bytes that come in, with the room they take.
struct Filling {
    bytes: Vec<u8>,
    claim: Claim,
    bytes_max: usize,
}

impl Filling {
    fn new(room: &Room, declared: usize, bytes_max: usize) -> Result<Self, BodyFault> {
        let claim = room.try_claim(declared).ok_or(BodyFault::NoRoom)?;
        Ok(Self { bytes: Vec::with_capacity(declared), claim, bytes_max })
    }

    fn take(&mut self, more: &[u8]) -> Result<(), BodyFault> {
        let len = self.bytes.len() + more.len();
        if len > self.bytes_max {
            return Err(BodyFault::TooLong);
        }
        let claimed = self.claim.bytes();
        if len > claimed {
            // By doubling, as the vector itself grows.
            let more = len.max(claimed.saturating_mul(2)).min(self.bytes_max) - claimed;
            if !self.claim.grow(more) {
                return Err(BodyFault::NoRoom);
            }
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }
}

/// Unpacks a whole body. `BodyFault::Damaged` also when it ends before it is whole.
fn unpack(packed: &[u8], packing: Packing, bytes_max: usize, room: &Room) -> Result<Body, BodyFault> {
    let damaged = |error: io::Error| BodyFault::Damaged(error.to_string());
    let mut reader: Box<dyn Read + '_> = match packing {
        Packing::Plain => Box::new(packed),
        Packing::Gzip => Box::new(MultiGzDecoder::new(packed)),
        // Zlib's (RFC 1950), as RFC 9110 §8.4.1.2 has it, or bare, as some senders do: the method in the first byte tells.
        Packing::Deflate if packed[0] & 0x0f == 8 => Box::new(ZlibDecoder::new(packed)),
        Packing::Deflate => Box::new(DeflateDecoder::new(packed)),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(damaged)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(damaged)?;
            Box::new(decoder)
        }
    };
    let mut unpacked = Filling::new(room, 0, bytes_max)?;
    let mut step = vec![0; UNPACK_STEP_BYTES];
    loop {
        let read = match reader.read(&mut step) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(damaged(error)),
        };
        unpacked.take(&step[..read])?;
        if unpacked.bytes.len() > RATIO_FREE_BYTES && unpacked.bytes.len() / packed.len() > RATIO_MAX {
            return Err(BodyFault::Bomb);
        }
    }
    Ok(Body { bytes: unpacked.bytes, claim: unpacked.claim })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const MAX: usize = 32 << 20;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(packed: &[u8], packing: Packing) -> Result<Vec<u8>, BodyFault> {
        unpack(packed, packing, MAX, &Room::new(MAX)).map(|body| body.bytes)
    }

    #[test]
    fn every_packing_is_unpacked_and_a_cut_one_is_damaged() {
        let text = b"<13>one\n<13>two\n".repeat(1000);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(&text).unwrap();
        let mut bare = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        bare.write_all(&text).unwrap();
        for (packed, packing) in [
            (gzip(&text), Packing::Gzip),
            (zlib.finish().unwrap(), Packing::Deflate),
            (bare.finish().unwrap(), Packing::Deflate),
            (zstd::encode_all(&text[..], 1).unwrap(), Packing::Zstd),
        ] {
            assert_eq!(unpacked(&packed, packing).as_deref(), Ok(&text[..]), "{packing:?}");
            for cut in [1, packed.len() / 2, packed.len() - 1] {
                assert!(
                    matches!(unpacked(&packed[..cut], packing), Err(BodyFault::Damaged(_))),
                    "{packing:?} at {cut}"
                );
            }
        }
        let two = [gzip(b"one\n"), gzip(b"two\n")].concat();
        assert_eq!(unpacked(&two, Packing::Gzip).as_deref(), Ok(&b"one\ntwo\n"[..]), "members one after the other");
        assert!(matches!(unpacked(b"plain", Packing::Gzip), Err(BodyFault::Damaged(_))));
    }

    #[test]
    fn a_bomb_is_stopped_by_its_ratio_and_by_its_size() {
        let zeros = gzip(&vec![0; RATIO_FREE_BYTES + (1 << 20)]);
        assert_eq!(unpacked(&zeros, Packing::Gzip).map(|bytes| bytes.len()), Err(BodyFault::Bomb));
        assert_eq!(
            unpacked(&gzip(&vec![0; RATIO_FREE_BYTES]), Packing::Gzip).map(|bytes| bytes.len()),
            Ok(RATIO_FREE_BYTES)
        );
        let small = unpack(&gzip(&[0; 5000]), Packing::Gzip, 4096, &Room::new(MAX));
        assert_eq!(small.map(|body| body.bytes.len()), Err(BodyFault::TooLong));
    }

    #[test]
    fn room_is_claimed_before_it_is_used_and_comes_back() {
        let room = Room::new(10_000);
        let body = unpack(&gzip(&[b'x'; 8000]), Packing::Gzip, MAX, &room).expect("there is room");
        assert!(room.try_claim(3000).is_none());
        let none = unpack(&gzip(&[b'x'; 8000]), Packing::Gzip, MAX, &room);
        assert_eq!(none.map(|body| body.bytes), Err(BodyFault::NoRoom));
        drop(body);
        assert!(room.try_claim(10_000).is_some());
    }

    #[test]
    fn encodings_are_known_by_their_names() {
        assert_eq!(Packing::of(None), Some(Packing::Plain));
        assert_eq!(Packing::of(Some(b"GZIP")), Some(Packing::Gzip));
        assert_eq!(Packing::of(Some(b" zstd ")), Some(Packing::Zstd));
        assert_eq!(Packing::of(Some(b"br")), None);
    }
}
