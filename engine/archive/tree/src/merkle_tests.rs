//! Known answers, and the definition of RFC 6962 §2.1 written down word for word as the oracle.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// MTH(D[n]) as RFC 6962 §2.1 defines it.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves.len()));
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

fn naive_split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// PATH(m, D[n]) of §2.1.1.
fn naive_path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = naive_split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, other) = if m < k { (naive_path(m, left), right) } else { (naive_path(m - k, right), left) };
    path.push(naive_root(other));
    path
}

/// SUBPROOF(m, D[n], b) of §2.1.2.
fn naive_subproof(m: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let k = naive_split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, other) =
        if m <= k { (naive_subproof(m, left, whole), right) } else { (naive_subproof(m - k, right, false), left) };
    proof.push(naive_root(other));
    proof
}

fn leaves(n: usize) -> Vec<Hash> {
    (0..n).map(|i| leaf_hash(format!("entry {i}").as_bytes())).collect()
}

/// Looks nodes up in a list of leaves, each by its definition.
fn nodes(leaves: &[Hash]) -> impl FnMut(u32, u64) -> Result<Hash, Infallible> + '_ {
    |height, index| {
        let from = usize::try_from(index << height).unwrap();
        Ok(naive_root(&leaves[from..from + (1 << height)]))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The eight entries and roots that Certificate Transparency's implementations test themselves with.
#[test]
fn roots_are_those_other_implementations_know() {
    let entries: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (n, root) in roots.iter().enumerate() {
        assert_eq!(hex(&root_of_entries(entries[..=n].iter().copied()).0), *root, "{} entries", n + 1);
    }
    assert_eq!(root_of(&[]), Hash::EMPTY_ROOT);
}

#[test]
fn the_edge_has_the_root_of_the_definition_at_every_size() {
    let leaves = leaves(600);
    let mut frontier = Frontier::new();
    for n in 0..=leaves.len() {
        assert_eq!(frontier.root(), naive_root(&leaves[..n]), "{n} entries");
        let Ok(again) = Frontier::of_size(n as u64, nodes(&leaves));
        assert_eq!((again.size(), again.root()), (n as u64, frontier.root()));
        if let Some(leaf) = leaves.get(n) {
            frontier.push(*leaf);
        }
    }
}

#[test]
fn the_nodes_told_are_those_of_the_definition() {
    let leaves = leaves(70);
    let mut frontier = Frontier::new();
    for (n, leaf) in leaves.iter().enumerate() {
        let mut told = Vec::new();
        frontier.push_telling(*leaf, |height, hash| told.push((height, hash)));
        let heights = 0..=(n + 1).trailing_zeros();
        let expected: Vec<_> = heights.map(|h| (h, naive_root(&leaves[n + 1 - (1 << h)..=n]))).collect();
        assert_eq!(told, expected, "entry {n}");
    }
}

#[test]
fn proofs_are_those_of_the_definition_and_verify() {
    for size in (1..=40).chain([63, 64, 65, 100, 127, 128, 129]) {
        let leaves = leaves(size);
        let root = naive_root(&leaves);
        let n = size as u64;
        for index in 0..size {
            let Ok(proof) = inclusion_proof(index as u64, n, &mut nodes(&leaves));
            assert_eq!(proof, naive_path(index, &leaves), "entry {index} of {size}");
            assert_eq!(proof, inclusion_proof_of(&leaves, index as u64));
            assert!(verify_inclusion(&leaves[index], index as u64, n, &proof, &root));
        }
        for old in 1..=size {
            let Ok(proof) = consistency_proof(old as u64, n, &mut nodes(&leaves));
            assert_eq!(proof, naive_subproof(old, &leaves, true), "{old} to {size}");
            assert!(verify_consistency(old as u64, &naive_root(&leaves[..old]), n, &root, &proof));
        }
        let Ok(from_nothing) = consistency_proof(0, n, &mut nodes(&leaves));
        assert!(from_nothing.is_empty() && verify_consistency(0, &Hash::EMPTY_ROOT, n, &root, &[]));
    }
}

/// No other index, size, leaf, root or path passes: exhaustive over all trees to 34 entries.
#[test]
fn a_proof_shows_one_entry_of_one_tree() {
    for size in 1..=34_u64 {
        let leaves = leaves(usize::try_from(size).unwrap());
        let root = naive_root(&leaves);
        for index in 0..size {
            let leaf = leaves[usize::try_from(index).unwrap()];
            let proof = inclusion_proof_of(&leaves, index);
            for other in (0..size + 3).filter(|&o| o != index) {
                assert!(!verify_inclusion(&leaf, other, size, &proof, &root), "{index} as {other} of {size}");
            }
            for bit in [0, 100, 255] {
                assert!(!verify_inclusion(&flipped(&leaf, bit), index, size, &proof, &root));
                assert!(!verify_inclusion(&leaf, index, size, &proof, &flipped(&root, bit)));
            }
            for at in 0..proof.len() {
                let mut bad = proof.clone();
                bad[at] = flipped(&bad[at], 7);
                assert!(!verify_inclusion(&leaf, index, size, &bad, &root));
                bad.remove(at);
                assert!(!verify_inclusion(&leaf, index, size, &bad, &root));
            }
            let longer = [proof.as_slice(), &[root]].concat();
            assert!(!verify_inclusion(&leaf, index, size, &longer, &root));
        }
    }
}

fn flipped(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = hash.0;
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash(bytes)
}

#[test]
fn a_consistency_proof_shows_one_pair_of_trees() {
    for new in 2..=34_u64 {
        let leaves = leaves(usize::try_from(new).unwrap());
        let root = naive_root(&leaves);
        for old in 1..=new {
            let old_root = naive_root(&leaves[..usize::try_from(old).unwrap()]);
            let Ok(proof) = consistency_proof(old, new, &mut nodes(&leaves));
            assert!(!verify_consistency(old, &flipped(&old_root, 3), new, &root, &proof));
            assert!(!verify_consistency(old, &old_root, new, &flipped(&root, 3), &proof));
            assert!(!verify_consistency(old, &root, old - 1, &old_root, &proof));
            for at in 0..proof.len() {
                let mut bad = proof.clone();
                bad[at] = flipped(&bad[at], 200);
                assert!(!verify_consistency(old, &old_root, new, &root, &bad), "{old} to {new}, hash {at}");
                bad.remove(at);
                assert!(!verify_consistency(old, &old_root, new, &root, &bad));
            }
            let longer = [proof.as_slice(), &[root]].concat();
            assert!(!verify_consistency(old, &old_root, new, &root, &longer));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_proofs_of_any_size_are_refused_without_panic(
        index in any::<u64>(), old in any::<u64>(), new in any::<u64>(), bytes in any::<[u8; 32]>(), length in 0..70_usize,
    ) {
        let hash = Hash(bytes);
        let proof = vec![hash; length];
        prop_assert!(!verify_inclusion(&hash, index, new, &proof, &Hash::EMPTY_ROOT));
        prop_assert!(!verify_consistency(old, &Hash::EMPTY_ROOT, new, &hash, &proof) || old == 0);
    }
}
