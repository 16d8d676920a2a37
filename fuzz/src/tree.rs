//! Fuzzes what a tree reads of others: `NOROSHI_FUZZ_TARGET` is `note`, `proof`, `bundle`, `leaf` or `witness`.
//!
//! Nothing may panic, nothing but what was signed may verify, and what is read is written again byte for byte.
#![no_main]

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use noroshi_files::SimulatedDisk;
use noroshi_tree::hash::leaf_hash;
use noroshi_tree::leaf::Leaf;
use noroshi_tree::proof::{Policy, Proof};
use noroshi_tree::tile::{decode_bundle, decode_tile, encode_entry, encode_tile};
use noroshi_tree::witness::{AddCheckpoint, Witness};
use noroshi_tree::{Checkpoint, KeyKind, Note, Signer};

enum Target {
    Note,
    Proof,
    Bundle,
    Leaf,
    Witness,
}

static TARGET: LazyLock<Target> = LazyLock::new(|| match std::env::var("NOROSHI_FUZZ_TARGET").as_deref() {
    Ok("proof") => Target::Proof,
    Ok("bundle") => Target::Bundle,
    Ok("leaf") => Target::Leaf,
    Ok("witness") => Target::Witness,
    _ => Target::Note,
});

/// A key of no seed: nothing it signed is among the inputs.
static LOG: LazyLock<Signer> =
    LazyLock::new(|| Signer::from_seed("siem.example.com/archive", KeyKind::Note, &[0xa5; 32]).expect("a name"));

thread_local! {
    static WITNESS: RefCell<Witness> = RefCell::new({
        let key = Signer::from_seed("witness.example.com", KeyKind::Cosignature, &[0x5a; 32]).expect("a name");
        let logs = vec![LOG.verifier().clone()];
        Witness::open(Arc::new(SimulatedDisk::new()), Path::new("/w"), key, logs).expect("an empty disk")
    });
}

fuzz_target!(|bytes: &[u8]| {
    match &*TARGET {
        Target::Note => note(bytes),
        Target::Proof => proof(bytes),
        Target::Bundle => bundle(bytes),
        Target::Leaf => leaf(bytes),
        Target::Witness => witness(bytes),
    }
});

fn note(bytes: &[u8]) {
    let Ok(note) = Note::parse(bytes) else { return };
    assert_eq!(note.to_string().as_bytes(), bytes);
    assert!(note.verify(std::slice::from_ref(LOG.verifier())).is_err());
    if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
        assert_eq!(checkpoint.to_string(), note.text());
    }
}

fn proof(bytes: &[u8]) {
    let Ok(proof) = Proof::parse(bytes) else { return };
    assert_eq!(proof.to_string().as_bytes(), bytes);
    let policy = Policy { log: vec![LOG.verifier().clone()], ..Policy::default() };
    assert!(proof.verify(&policy).is_err());
}

fn bundle(bytes: &[u8]) {
    let mut again = Vec::new();
    for entry in decode_bundle(bytes) {
        match entry {
            Ok(entry) => encode_entry(&mut again, entry),
            Err(torn) => {
                assert_eq!(torn.at, again.len());
                again.extend_from_slice(&bytes[torn.at..]);
            }
        }
    }
    assert_eq!(again, bytes);
    if let Some(hashes) = decode_tile(bytes) {
        assert_eq!(encode_tile(&hashes), bytes);
    }
}

fn leaf(bytes: &[u8]) {
    if let Ok(leaf) = Leaf::parse(bytes) {
        assert_eq!(leaf_hash(leaf.to_string().as_bytes()), leaf_hash(bytes));
    }
}

fn witness(bytes: &[u8]) {
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_string().as_bytes(), bytes);
    }
    let reply = WITNESS.with_borrow_mut(|witness| witness.answer(bytes, 1));
    assert!(matches!(reply.status, 400 | 403 | 404), "{reply:?}");
}
