//! A proof shows one record of one archive, and nothing that was changed in it passes.

use std::path::Path;
use std::sync::Arc;

use noroshi_files::SimulatedDisk;
use proptest::prelude::*;

use super::*;
use crate::key::Signer;
use crate::leaf::Batch;
use crate::merkle::root_of;
use crate::note::sign_text;
use crate::tree::Tree;

const NOW_S: u64 = 1_790_000_000;

fn log() -> Signer {
    Signer::from_seed("siem.example.com/archive", KeyKind::Note, &[3; 32]).unwrap()
}

fn witness() -> Signer {
    Signer::from_seed("witness.example.com/w1", KeyKind::Cosignature, &[4; 32]).unwrap()
}

fn policy(quorum: usize) -> Policy {
    Policy { log: vec![log().verifier().clone()], witnesses: vec![witness().verifier().clone()], quorum }
}

fn raw(sequence: u64) -> Vec<u8> {
    format!("<134>Jan  1 00:00:00 fw1 deny tcp 192.0.2.{}\n\n\u{0}", sequence % 250).into_bytes()
}

fn record(sequence: u64, raw: &[u8]) -> Record<'_> {
    Record { input: "edge \"1\"", sequence, received_ns: 1_790_000_000_000_000_000 + sequence.cast_signed(), raw }
}

fn hashes(batch: u64) -> Vec<Hash> {
    (batch * 10..batch * 10 + 10).map(|sequence| record(sequence, &raw(sequence)).hash()).collect()
}

/// An archive of `batches` batches of ten records, cosigned.
fn archive(batches: u64) -> Reader {
    let disk = Arc::new(SimulatedDisk::new());
    let directory = Path::new("/tree");
    let mut tree = Tree::create(disk.clone(), directory, &log(), NOW_S).unwrap();
    for batch in 0..batches {
        let leaf = Leaf::Batch(Batch { first_sequence: batch * 10, records: 10, root: root_of(&hashes(batch)) });
        tree.append(&leaf.encode().unwrap()).unwrap();
    }
    tree.publish(&log(), NOW_S).unwrap();
    let line = sign_text(tree.note().text(), &witness(), NOW_S + 1);
    tree.add_cosignatures(&[line], &policy(1).witnesses).unwrap();
    Reader::open(disk, directory, &policy(1).log).unwrap()
}

fn prove(reader: &Reader, sequence: u64) -> Proof {
    let (batch, place) = (sequence / 10, sequence % 10);
    Proof::of_record(reader, batch, &record(sequence, &raw(sequence)), place, &hashes(batch)).unwrap()
}

#[test]
fn a_record_is_shown_and_read_back() {
    let reader = archive(300);
    for sequence in [0, 9, 10, 2559, 2560, 2995, 2999] {
        let text = prove(&reader, sequence).to_string();
        let proof = Proof::parse(text.as_bytes()).unwrap();
        assert_eq!(proof.to_string(), text);
        let policy = policy(1);
        let shown = proof.verify(&policy).unwrap();
        assert_eq!(shown.record, Some(record(sequence, &raw(sequence))));
        assert_eq!((shown.index, shown.leaf.kind(), shown.checkpoint.size), (sequence / 10, "batch", 300));
        assert_eq!(shown.witnessed, [("witness.example.com/w1".to_owned(), NOW_S + 1)]);
    }
    let entry = Proof::of_entry(&reader, 7).unwrap();
    let entry = Proof::parse(entry.to_string().as_bytes()).unwrap();
    assert!(entry.verify(&policy(1)).unwrap().record.is_none());
}

/// Each byte of the text in turn: whatever still verifies says exactly the same.
#[test]
fn every_flipped_byte_fails() {
    let reader = archive(21);
    let text = prove(&reader, 157).to_string();
    let policy = policy(1);
    for at in 0..text.len() {
        for bit in [0, 1, 5] {
            let mut bad = text.clone().into_bytes();
            bad[at] ^= 1 << bit;
            let Ok(proof) = Proof::parse(&bad) else { continue };
            assert!(proof.verify(&policy).is_err(), "byte {at} bit {bit}: {}", String::from_utf8_lossy(&bad));
        }
    }
}

#[test]
fn a_proof_fails_for_its_own_reason() {
    let reader = archive(21);
    let good = prove(&reader, 157);
    let policy = policy(1);
    let with = |change: fn(&mut Proof)| {
        let mut proof = good.clone();
        change(&mut proof);
        proof.verify(&policy).unwrap_err()
    };
    assert!(matches!(with(|p| p.index = 14), ProofError::Entry));
    assert!(matches!(with(|p| p.index = u64::MAX), ProofError::Entry));
    assert!(matches!(with(|p| p.path.clear()), ProofError::Entry));
    assert!(matches!(with(|p| p.leaf = p.leaf.replace("records 10", "records 11")), ProofError::Entry));
    assert!(matches!(with(|p| p.record.as_mut().unwrap().sequence += 1), ProofError::Record));
    assert!(matches!(with(|p| p.record.as_mut().unwrap().sequence = 0), ProofError::Record));
    assert!(matches!(with(|p| p.record.as_mut().unwrap().received_ns += 1), ProofError::Record));
    assert!(matches!(with(|p| p.record.as_mut().unwrap().input.push('x')), ProofError::Record));
    assert!(matches!(with(|p| p.record.as_mut().unwrap().raw.push(b'x')), ProofError::Record));
    assert!(matches!(with(|p| p.record.as_mut().unwrap().path.clear()), ProofError::Record));
    let stranger = Policy { log: vec![witness().verifier().clone()], ..policy.clone() };
    assert!(good.verify(&stranger).is_err());
    let unknown = Policy { witnesses: Vec::new(), ..policy.clone() };
    assert!(matches!(good.verify(&unknown), Err(ProofError::Quorum { have: 0, need: 1 })));
    let none_needed = Policy { quorum: 0, ..unknown };
    assert!(good.verify(&none_needed).unwrap().witnessed.is_empty());
    // The log's own key is no witness, whoever lists it as one.
    let own = Policy { witnesses: policy.log.clone(), ..policy.clone() };
    assert!(matches!(good.verify(&own), Err(ProofError::Quorum { have: 0, need: 1 })));
}

/// The third part alone is what tlog-proof specifies.
#[test]
fn the_end_is_a_proof_that_others_read() {
    let reader = archive(21);
    let text = prove(&reader, 157).to_string();
    let tlog = &text[text.find(TLOG_HEADER).unwrap()..];
    let (head, note) = tlog.split_once("\n\n").unwrap();
    let lines: Vec<_> = head.lines().collect();
    assert_eq!(lines[..2], ["c2sp.org/tlog-proof@v1", "index 15"]);
    let path: Vec<_> = lines[2..].iter().map(|line| Hash::parse(line).unwrap()).collect();
    let checkpoint = Checkpoint::parse(Note::parse(note.as_bytes()).unwrap().text()).unwrap();
    let leaf = leaf_hash(&reader.entry(15).unwrap());
    assert!(verify_inclusion(&leaf, 15, 21, &path, &checkpoint.root));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in any::<prop::sample::Index>()) {
        let text = prove(&archive(3), 17).to_string().into_bytes();
        let at = cut.index(text.len());
        for bad in [bytes.clone(), [&text[..at], &bytes, &text[at..]].concat(), text[..at].to_vec()] {
            if let Ok(proof) = Proof::parse(&bad) {
                let _ = proof.verify(&policy(1));
            }
        }
    }
}
