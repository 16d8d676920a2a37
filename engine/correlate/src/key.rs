//! The group key of a hit: canonical bytes, a stable hash, and the fixed partition it belongs to.
//!
//! The hash depends on the bytes alone, never on the process, so partitions mean
//! the same on every node and after every restart.

/// Number of fixed key partitions; shards own partitions, so the number of shards changes no result.
pub const PARTITIONS: usize = 256;

/// Group key: length-prefixed normalised values in the order of `group-by`.
///
/// The length prefixes keep `("ab", "c")` and `("a", "bc")` apart. No values is
/// the one key of a rule without `group-by`.
#[derive(Clone, Debug)]
pub struct Key {
    bytes: Bytes,
    hash: u64,
}

/// Bytes that a key holds itself: most addresses, users and hosts. Beside it they would cost a cache miss each time two
/// keys are compared, and an allocation for each hit.
const OWN_BYTES: usize = 22;

/// Which of the two follows from the length alone.
#[derive(Clone, Debug)]
enum Bytes {
    Own { length: u8, bytes: [u8; OWN_BYTES] },
    Apart(Box<[u8]>),
}

impl Bytes {
    fn of(bytes: &[u8]) -> Bytes {
        let mut own = [0; OWN_BYTES];
        match own.get_mut(..bytes.len()) {
            Some(begin) => {
                begin.copy_from_slice(bytes);
                Bytes::Own { length: bytes.len() as u8, bytes: own }
            }
            None => Bytes::Apart(bytes.into()),
        }
    }

    fn as_slice(&self) -> &[u8] {
        match self {
            Bytes::Own { length, bytes } => &bytes[..usize::from(*length).min(OWN_BYTES)],
            Bytes::Apart(bytes) => bytes,
        }
    }
}

impl Key {
    /// Builds the key of the given normalised values.
    #[must_use]
    pub fn new(values: &[&[u8]]) -> Key {
        if let [value] = values
            && value.len() < OWN_BYTES
        {
            let mut bytes = [0; OWN_BYTES];
            bytes[0] = value.len() as u8;
            bytes[1..=value.len()].copy_from_slice(value);
            return Key::of_bytes(&bytes[..=value.len()]);
        }
        let mut bytes = Vec::with_capacity(values.iter().map(|value| value.len() + 2).sum());
        for value in values {
            push_length(&mut bytes, value.len());
            bytes.extend_from_slice(value);
        }
        Key::of_bytes(&bytes)
    }

    /// The key with these canonical bytes.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Key {
        Key { bytes: Bytes::of(bytes), hash: stable_hash(bytes) }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.bytes {
            Bytes::Own { .. } => 0,
            Bytes::Apart(bytes) => bytes.len(),
        }
    }

    /// Reads what a comparison will read beside the key itself, so that it is in the cache by then.
    pub(crate) fn touch(&self) -> u8 {
        match &self.bytes {
            Bytes::Own { length, .. } => *length,
            Bytes::Apart(bytes) => bytes.first().copied().unwrap_or(0),
        }
    }

    /// The canonical bytes: what ids are made of.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// The values the key was made of, in order.
    pub fn values(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (length, used) = read_length(rest)?;
            let value = rest.get(used..used + length)?;
            rest = &rest[used + length..];
            Some(value)
        })
    }

    /// Stable 64-bit hash of the canonical bytes.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The partition this key belongs to.
    #[must_use]
    pub fn partition(&self) -> u8 {
        partition_of(self)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        // What is not used of a key's own bytes is zero, so all of them can be compared at once.
        self.hash == other.hash
            && match (&self.bytes, &other.bytes) {
                (Bytes::Own { length, bytes }, Bytes::Own { length: others, bytes: other }) => {
                    length == others && bytes == other
                }
                (Bytes::Apart(bytes), Bytes::Apart(other)) => bytes == other,
                _ => false,
            }
    }
}

impl Eq for Key {}

/// The partition of a key: a middle byte of its hash, because hash tables use the lowest bits for the place and the
/// highest for the tag, and both must differ within a partition.
#[must_use]
pub fn partition_of(key: &Key) -> u8 {
    (key.hash >> 40) as u8
}

/// The shard that owns a partition among `shards` (0 counts as 1).
#[must_use]
pub fn shard_of(partition: u8, shards: usize) -> usize {
    usize::from(partition) % shards.max(1)
}

/// LEB128: one byte for the usual lengths.
fn push_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push((length as u8 & 0x7f) | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

fn read_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0usize;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((length, at + 1));
        }
    }
    None
}

/// 64-bit multiply-and-fold hash with constant seeds: same bytes, same hash, on every build and platform.
pub(crate) fn stable_hash(bytes: &[u8]) -> u64 {
    const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
    const FACTOR: u64 = 0xd6e8_feb8_6659_fd93;
    let mut state = SEED ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0u8; 8];
        word.copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word), FACTOR);
    }
    let mut word = [0u8; 8];
    word[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    state = fold(state ^ u64::from_le_bytes(word), FACTOR ^ SEED);
    // The finaliser of MurmurHash3: folding alone leaves the top byte of short keys uneven.
    state ^= state >> 33;
    state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
    state ^= state >> 33;
    state = state.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    state ^ (state >> 33)
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuples_never_collide_and_read_back() {
        let long = vec![b'x'; 300];
        let key = Key::new(&[b"ab", b"c", &long, b""]);
        assert_eq!(key.values().collect::<Vec<_>>(), [b"ab".as_slice(), b"c", &long, b""]);
        assert_ne!(Key::new(&[b"ab", b"c"]), Key::new(&[b"a", b"bc"]));
        assert_ne!(Key::new(&[]), Key::new(&[b""]));
    }

    #[test]
    fn keys_are_alike_whatever_their_length_and_wherever_they_are_held() {
        let text = [b'a'; 40];
        for length in 0..40 {
            let (key, again) = (Key::new(&[&text[..length]]), Key::of_bytes(Key::new(&[&text[..length]]).bytes()));
            assert_eq!((&key, key.hash(), key.values().next()), (&again, again.hash(), Some(&text[..length])));
            assert_eq!(key.heap_bytes(), if length < OWN_BYTES { 0 } else { length + 1 });
            assert!((0..40).all(|other| (Key::new(&[&text[..other]]) == key) == (other == length)));
            let two = Key::new(&[&text[..length], b"b"]);
            assert_eq!(two.values().collect::<Vec<_>>(), [&text[..length], b"b"]);
        }
        assert_eq!(size_of::<Key>(), 32);
    }

    #[test]
    fn partitions_are_even_and_the_hash_is_fixed() {
        let mut filled = [0u32; PARTITIONS];
        for n in 0..256_000u32 {
            filled[usize::from(Key::new(&[n.to_string().as_bytes()]).partition())] += 1;
        }
        assert!(filled.iter().all(|&n| (700..1300).contains(&n)), "{filled:?}");
        assert_eq!(Key::new(&[b"192.0.2.1", b"root"]).hash(), 0x16f2_cad0_70ca_9a09);
    }
}
