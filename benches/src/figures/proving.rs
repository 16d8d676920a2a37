//! What it costs to prove records: their hashes, the tree's growth, a proof, a frame's MAC.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use noroshi_files::RealFiles;
use noroshi_tree::hash::{Hash, leaf_hash};
use noroshi_tree::leaf::{Batch, Leaf};
use noroshi_tree::mac::FirstKey;
use noroshi_tree::merkle::{Frontier, verify_inclusion};
use noroshi_tree::record::Record;
use noroshi_tree::{KeyKind, Reader, Signer, Tree};
use sha2::{Digest as _, Sha256};

use super::{SEED, STREAM_BYTES};
use crate::measure::{Case, Pass};
use crate::stream::Stream;

/// Batches of a large tree: three levels of tiles.
const ENTRIES: u64 = 200_000;

/// Proofs a pass.
const PROOFS: u64 = 2_000;

fn root_of_records(stream: &Stream) -> Hash {
    let mut frontier = Frontier::new();
    for (sequence, (raw, _)) in (0_u64..).zip(stream.records()) {
        frontier.push(Record { input: "perimeter", sequence, received_ns: 1_790_000_000_000_000_000, raw }.hash());
    }
    frontier.root()
}

fn batch(index: u64) -> Vec<u8> {
    let leaf = Leaf::Batch(Batch { first_sequence: index * 500, records: 500, root: Hash::of(&index.to_be_bytes()) });
    leaf.encode().expect("a batch is short")
}

/// SHA-256 over the stream's bytes at once: what the hardware gives.
fn sha256_pass(stream: &Arc<Stream>) -> Pass {
    let stream = Arc::clone(stream);
    Box::new(move |watch| {
        std::hint::black_box(watch.time(|| Sha256::digest(std::hint::black_box(&stream.bytes))));
    })
}

pub(super) fn cases() -> Result<Vec<Case>> {
    let stream = Arc::new(Stream::mixed(SEED, STREAM_BYTES));
    let (lines, bytes) = (stream.lines.len() as u64, stream.bytes.len() as u64);
    let root = root_of_records(&stream);
    ensure!(root == root_of_records(&stream), "the same records have two roots");
    let case = |name: &str, unit, count, bytes, measured, note| Case {
        name: name.to_owned(),
        unit,
        count,
        bytes,
        measured,
        without: None,
        baseline_name: "SHA-256 of the stream, a line",
        baseline_count: lines,
        baseline: sha256_pass(&stream),
        note,
    };
    let hashed = Arc::clone(&stream);
    let hashing: Pass = Box::new(move |watch| {
        assert_eq!(watch.time(|| root_of_records(&hashed)), root, "another root");
    });

    let signer = Signer::from_seed("siem.example.com/archive", KeyKind::Note, &[1; 32])?;
    let directory = Arc::new(tempfile::tempdir()?);
    let entries: Arc<Vec<Vec<u8>>> = Arc::new((0..ENTRIES).map(batch).collect());
    let leaf_bytes = entries.iter().map(|entry| entry.len() as u64).sum();
    let grow = |directory: &Path| -> Result<Tree> {
        let mut tree = Tree::create(Arc::new(RealFiles), directory, &signer, 0)?;
        for entry in entries.iter() {
            tree.append(entry)?;
        }
        Ok(tree)
    };
    let mut tree = grow(directory.path())?;
    tree.publish(&signer, 0)?;
    let root = tree.root();
    let growing: Pass = {
        let (signer_seed, entries) = ([1; 32], Arc::clone(&entries));
        let signer = Signer::from_seed("siem.example.com/archive", KeyKind::Note, &signer_seed)?;
        Box::new(move |watch| {
            let directory = tempfile::tempdir().expect("a directory");
            let mut tree = Tree::create(Arc::new(RealFiles), directory.path(), &signer, 0).expect("an empty directory");
            watch.time(|| {
                for entry in entries.iter() {
                    tree.append(entry).expect("room on the disk");
                }
                tree.publish(&signer, 0).expect("room on the disk");
            });
            assert_eq!(tree.root(), root, "another root");
        })
    };
    let reader = Reader::open(Arc::new(RealFiles), directory.path(), std::slice::from_ref(signer.verifier()))?;
    let index = |n: u64| n * 7919 % ENTRIES;
    for n in 0..PROOFS {
        let (leaf, proof) = (leaf_hash(&entries[index(n) as usize]), reader.inclusion_proof(index(n))?);
        ensure!(verify_inclusion(&leaf, index(n), ENTRIES, &proof, &root), "proof {n} does not verify");
    }
    let proving: Pass = Box::new(move |watch| {
        // Held here, so that the tree's files live as long as the pass.
        let _tree = &directory;
        let hashes = watch.time(|| {
            (0..PROOFS).map(|n| reader.inclusion_proof(index(n)).map_or(0, |proof| proof.len())).sum::<usize>()
        });
        assert!(hashes >= PROOFS as usize * 16, "short proofs: {hashes}");
    });
    let maccing: Pass = {
        let entries = Arc::clone(&entries);
        Box::new(move |watch| {
            let mut chain = FirstKey::from_bytes([1; 32]).epoch(0);
            let verifier = FirstKey::from_bytes([1; 32]).epoch(0);
            let last = watch.time(|| entries.iter().map(|entry| chain.mac(entry)).last());
            let first = FirstKey::from_bytes([1; 32]).epoch(0).mac(&entries[0]);
            assert!(last.is_some() && verifier.is_next(&entries[0], &first), "another MAC");
        })
    };
    Ok(vec![
        case("tree/records", "record", lines, bytes, hashing, "hashes and root of a batch".to_owned()),
        case("tree/append", "batch", ENTRIES, leaf_bytes, growing, "written, synced and signed at the end".to_owned()),
        case(
            "tree/proof",
            "proof",
            PROOFS,
            PROOFS * 18 * 32,
            proving,
            format!("of {ENTRIES} batches, verified, from disk"),
        ),
        case("tree/mac", "frame", ENTRIES, leaf_bytes, maccing, "key evolved for each".to_owned()),
    ])
}
