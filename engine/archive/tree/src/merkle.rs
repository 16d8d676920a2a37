//! The Merkle tree of RFC 6962 §2.1 as arithmetic: roots, proofs and their verification, no files.
//!
//! A node is named by its height and its index at that height: height 0 are the entries, the node
//! `(h, i)` spans the entries `i << h .. (i + 1) << h`. Proofs are made from such nodes, whoever holds
//! them; verification needs hashes alone and follows RFC 9162 §2.1.3.2 and §2.1.4.2, which give the
//! algorithms that RFC 6962 leaves to the reader.

use crate::hash::{Hash, leaf_hash, node_hash};

/// Hashes in the longest proof: a tree of 2^64 - 1 entries has 64 heights below its root.
pub const PROOF_HASHES_MAX: usize = 64;

/// The right edge of a growing tree: the roots of the perfect subtrees its size is made of.
///
/// Appending costs one node hash on average, the root at most 64.
#[derive(Clone, Default, Debug)]
pub struct Frontier {
    size: u64,
    /// One for each set bit of `size`, the largest subtree first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// A tree of no entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends an entry by its leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        self.push_telling(leaf, |_, _| ());
    }

    /// As [`Frontier::push`], and tells each node that is complete with it, by height, the leaf first.
    pub fn push_telling(&mut self, leaf: Hash, mut made: impl FnMut(u32, Hash)) {
        made(0, leaf);
        let mut node = leaf;
        for height in 1..=self.size.trailing_ones() {
            let left = self.peaks.pop().expect("a peak for each set bit of the size");
            node = node_hash(&left, &node);
            made(height, node);
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root of the tree as it is.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(&last) = peaks.next() else { return Hash::EMPTY_ROOT };
        peaks.fold(last, |right, left| node_hash(left, &right))
    }

    /// The edge of a tree of `size` entries, its nodes looked up.
    ///
    /// # Errors
    /// That of the first look-up that failed.
    pub fn of_size<E>(size: u64, mut node: impl FnMut(u32, u64) -> Result<Hash, E>) -> Result<Self, E> {
        let heights = (0..u64::BITS).rev().filter(|height| size >> height & 1 == 1);
        let peaks = heights.map(|height| node(height, (size >> height) - 1)).collect::<Result<_, E>>()?;
        Ok(Self { size, peaks })
    }
}

/// The root over entries given by their leaf hashes.
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// The root over whole entries.
pub fn root_of_entries<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Hash {
    let mut frontier = Frontier::new();
    for entry in entries {
        frontier.push(leaf_hash(entry));
    }
    frontier.root()
}

/// The largest power of two below `n`, for `n` of 2 or more: where RFC 6962 splits a tree.
fn split(n: u64) -> u64 {
    debug_assert!(n >= 2);
    1 << (u64::BITS - 1 - (n - 1).leading_zeros())
}

/// The root over the entries `from..to`, a range that RFC 6962's splitting makes: one that ends the
/// tree, or a perfect subtree.
fn range_root<E>(from: u64, to: u64, node: &mut impl FnMut(u32, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    let count = to - from;
    if count.is_power_of_two() {
        let height = count.trailing_zeros();
        debug_assert_eq!(from % count, 0);
        return node(height, from >> height);
    }
    let middle = from + split(count);
    let left = range_root(from, middle, node)?;
    Ok(node_hash(&left, &range_root(middle, to, node)?))
}

/// The root of the first `size` entries of a larger tree, by its nodes.
///
/// # Errors
/// That of the first look-up that failed.
pub fn root_at<E>(size: u64, node: &mut impl FnMut(u32, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    if size == 0 { Ok(Hash::EMPTY_ROOT) } else { range_root(0, size, node) }
}

/// The inclusion proof of RFC 6962 §2.1.1, the leaf's sibling first. `index` is below `size`.
///
/// # Errors
/// That of the first look-up that failed.
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    node: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    assert!(index < size, "entry {index} of a tree of {size}");
    let (mut from, mut to) = (0, size);
    let mut siblings = Vec::new();
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            siblings.push((middle, to));
            to = middle;
        } else {
            siblings.push((from, middle));
            from = middle;
        }
    }
    siblings.into_iter().rev().map(|(from, to)| range_root(from, to, node)).collect()
}

/// The consistency proof of RFC 6962 §2.1.2 from the tree of `old` entries to that of `new`; empty where
/// `old` is 0 or equals `new`. `old` is at most `new`.
///
/// # Errors
/// That of the first look-up that failed.
pub fn consistency_proof<E>(
    old: u64,
    new: u64,
    node: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    assert!(old <= new, "a tree of {old} entries from one of {new}");
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut from, mut to) = (0, new);
    let mut parts = Vec::new();
    while to != old {
        let middle = from + split(to - from);
        if old <= middle {
            parts.push((middle, to));
            to = middle;
        } else {
            parts.push((from, middle));
            from = middle;
        }
    }
    // The old tree itself is known to the verifier; a part of it is not.
    if from != 0 {
        parts.push((from, to));
    }
    parts.into_iter().rev().map(|(from, to)| range_root(from, to, node)).collect()
}

/// [`inclusion_proof`] over a tree held as its leaf hashes: for the small tree of a batch.
pub fn inclusion_proof_of(leaves: &[Hash], index: u64) -> Vec<Hash> {
    let mut node = |height: u32, index: u64| {
        let from = usize::try_from(index << height).expect("within the slice");
        Ok::<_, std::convert::Infallible>(root_of(&leaves[from..from + (1 << height)]))
    };
    let Ok(proof) = inclusion_proof(index, leaves.len() as u64, &mut node);
    proof
}

/// True when `proof` shows that the entry with hash `leaf` is the entry `index` of the tree of `size` entries
/// with `root` (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // A node without a right sibling stands for its parent too.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// True when `proof` shows that the tree of `old_size` entries with `old_root` is a prefix of the tree of `new_size`
/// entries with `new_root` (RFC 9162 §2.1.4.2). The empty tree, of the empty root, is a prefix of every tree.
pub fn verify_consistency(old_size: u64, old_root: &Hash, new_size: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return proof.is_empty() && *old_root == Hash::EMPTY_ROOT;
    }
    // Where the old tree is perfect, its own root begins the path and is not told again.
    let (first, rest) = if old_size.is_power_of_two() {
        (*old_root, proof)
    } else {
        let Some((first, rest)) = proof.split_first() else { return false };
        (*first, rest)
    };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (first, first);
    for part in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old = node_hash(part, &old);
            new = node_hash(part, &new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, part);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old == *old_root && new == *new_root
}

#[cfg(test)]
#[path = "merkle_tests.rs"]
mod tests;
