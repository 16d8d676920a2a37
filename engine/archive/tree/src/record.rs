//! The hash of a record, and the small tree of a batch over such hashes.

use crate::hash::{Hash, leaf_hash_of_parts};

/// Begins what is hashed of a record, so that no other text of ours can be taken for one.
pub const RECORD_LABEL: &str = "noroshi/record/v1\n";

/// What of a record is evidence: the bytes that came, where, when and after which others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// Name of the input that took it in.
    pub input: &'a str,
    /// Number of the record in its archive, without gaps.
    pub sequence: u64,
    /// When it came, nanoseconds since 1970.
    pub received_ns: i64,
    /// Its bytes, framing taken off, nothing else changed.
    pub raw: &'a [u8],
}

impl Record<'_> {
    /// The record's leaf hash in the tree of its batch: RFC 6962's, over the label, and then, big-endian,
    /// `u32` length of the input's name ‖ name ‖ `u64` sequence ‖ `i64` receive time ‖ `u64` length of the raw bytes ‖ raw bytes.
    ///
    /// The root of a batch is [`Frontier::root`](crate::merkle::Frontier::root) over these, in order of the sequence.
    ///
    /// # Panics
    /// For an input's name of 4 GiB.
    pub fn hash(&self) -> Hash {
        let name_bytes = u32::try_from(self.input.len()).expect("a name is short");
        leaf_hash_of_parts(&[
            RECORD_LABEL.as_bytes(),
            &name_bytes.to_be_bytes(),
            self.input.as_bytes(),
            &self.sequence.to_be_bytes(),
            &self.received_ns.to_be_bytes(),
            &(self.raw.len() as u64).to_be_bytes(),
            self.raw,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: Record<'_> =
        Record { input: "edge", sequence: 7, received_ns: 1_790_000_000_000_000_000, raw: b"deny tcp" };

    #[test]
    fn the_hash_is_over_the_bytes_as_written_down() {
        let mut bytes = b"noroshi/record/v1\n\0\0\0\x04edge".to_vec();
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 7]);
        bytes.extend_from_slice(&1_790_000_000_000_000_000_i64.to_be_bytes());
        bytes.extend_from_slice(b"\0\0\0\0\0\0\0\x08deny tcp");
        assert_eq!(RECORD.hash(), crate::hash::leaf_hash(&bytes));
    }

    #[test]
    fn every_part_counts_and_none_runs_into_the_next() {
        let others = [
            Record { input: "edgedeny", raw: b" tcp", ..RECORD },
            Record { input: "edg", raw: b"edeny tcp", ..RECORD },
            Record { input: "", ..RECORD },
            Record { sequence: 8, ..RECORD },
            Record { received_ns: -1, ..RECORD },
            Record { raw: b"deny tcp\n", ..RECORD },
            Record { raw: b"", ..RECORD },
        ];
        for other in others {
            assert_ne!(other.hash(), RECORD.hash(), "{other:?}");
        }
    }
}
