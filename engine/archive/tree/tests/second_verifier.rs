//! The verifier in Python, written from the specifications alone, against what the program writes: the two must agree on
//! good trees and proofs and on every kind of change to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use noroshi_files::{Files, RealFiles};
use noroshi_tree::check::check;
use noroshi_tree::leaf::{Audit, Batch, Leaf};
use noroshi_tree::merkle::root_of;
use noroshi_tree::note::sign_text;
use noroshi_tree::proof::{Policy, Proof};
use noroshi_tree::record::Record;
use noroshi_tree::{Hash, KeyKind, Reader, Signer, Tree};

const NOW_S: u64 = 1_790_000_000;
const RECEIVED_NS: i64 = 1_790_000_000_000_000_000;

fn log() -> Signer {
    Signer::from_seed("siem.example.com/archive", KeyKind::Note, &[3; 32]).unwrap()
}

fn witness() -> Signer {
    Signer::from_seed("witness.example.com/w1", KeyKind::Cosignature, &[4; 32]).unwrap()
}

/// Exit status and output of the Python program; `None`, told, where there is no Python.
fn python(arguments: &[&str]) -> Option<(i32, String)> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/verifier/verify_tree.py");
    match Command::new("python3").arg(program).args(arguments).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned()))
        }
        Err(error) => {
            eprintln!("skipped: python3 cannot be run ({error}), so nothing was compared");
            None
        }
    }
}

fn raw(sequence: u64) -> String {
    format!("<134>fw1: deny tcp 198.51.100.{} \u{72fc}\u{7159}\n\n{sequence}", sequence % 250)
}

fn hash(sequence: u64) -> Hash {
    Record { input: "edge \"1\"", sequence, received_ns: RECEIVED_NS, raw: raw(sequence).as_bytes() }.hash()
}

/// An archive of `entries` batches of three records, the last an audited act, cosigned.
fn archive(directory: &Path, entries: u64) -> Tree {
    let mut tree = Tree::create(Arc::new(RealFiles), directory, &log(), NOW_S).unwrap();
    for index in 0..entries - 1 {
        let first_sequence = index * 3;
        let root = root_of(&[0, 1, 2].map(|at| hash(first_sequence + at)));
        tree.append(&Leaf::Batch(Batch { first_sequence, records: 3, root }).encode().unwrap()).unwrap();
    }
    let act = Audit::new(serde_json::json!({"who": "ito", "act": "search", "query": "user.name:\"\u{4f50}\u{85e4}\""}));
    tree.append(&Leaf::Audit(act.unwrap()).encode().unwrap()).unwrap();
    tree.publish(&log(), NOW_S).unwrap();
    let line = sign_text(tree.note().text(), &witness(), NOW_S + 1);
    tree.add_cosignatures(&[line], &[witness().verifier().clone()]).unwrap();
    tree
}

/// What both say of a directory: 0 verified, 1 tampered.
#[track_caller]
fn both(directory: &Path, known: &[&Path], expected: i32, what: &str) -> bool {
    let key = log().verifier().to_string();
    let texts = known.iter().map(|path| noroshi_tree::Note::parse(&fs::read(path).unwrap()).unwrap());
    let checkpoints: Vec<_> = texts.map(|note| noroshi_tree::Checkpoint::parse(note.text()).unwrap()).collect();
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let ours = match check(files, directory, &[log().verifier().clone()], &checkpoints, &mut |_, _| ()) {
        Ok(_) => 0,
        Err(error) if error.is_tampering() => 1,
        Err(error) => panic!("{what}: {error}"),
    };
    assert_eq!(ours, expected, "{what}");
    let mut arguments = vec!["tree", directory.to_str().unwrap(), key.as_str()];
    arguments.extend(known.iter().map(|path| path.to_str().unwrap()));
    let Some((theirs, text)) = python(&arguments) else { return false };
    assert_eq!(theirs, expected, "{what}: {text}");
    true
}

#[test]
fn both_verify_the_same_trees() {
    for entries in [1, 2, 255, 256, 257, 700] {
        let directory = tempfile::tempdir().unwrap();
        let tree = archive(directory.path(), entries);
        if !both(directory.path(), &[], 0, "whole") {
            return;
        }
        let (_, text) = python(&["tree", directory.path().to_str().unwrap(), &log().verifier().to_string()]).unwrap();
        assert_eq!(text, format!("verified: {entries} entries, root {}\n", tree.root()));
    }
}

#[test]
fn both_find_what_was_done_to_a_tree() {
    let directory = tempfile::tempdir().unwrap();
    archive(directory.path(), 300);
    for name in
        ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"]
    {
        let path = directory.path().join(name);
        let whole = fs::read(&path).unwrap();
        for at in [0, 1, whole.len() / 3, whole.len() - 2, whole.len() - 1] {
            let mut bad = whole.clone();
            bad[at] ^= 0x04;
            fs::write(&path, &bad).unwrap();
            if !both(directory.path(), &[], 1, &format!("{name} byte {at}")) {
                return;
            }
        }
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        both(directory.path(), &[], 1, &format!("{name} cut"));
        fs::remove_file(&path).unwrap();
        if name != "checkpoint" {
            both(directory.path(), &[], 1, &format!("{name} missing"));
        }
        fs::write(&path, &whole).unwrap();
    }
    both(directory.path(), &[], 0, "put right");
}

#[test]
fn both_find_a_tree_put_back_by_a_checkpoint_kept_elsewhere() {
    let [early, late] = [300, 301].map(|entries| {
        let directory = tempfile::tempdir().unwrap();
        archive(directory.path(), entries);
        directory
    });
    let paths: Vec<PathBuf> = [&early, &late].map(|directory| directory.path().join("checkpoint")).into();
    if both(early.path(), &[&paths[0]], 0, "its own") {
        both(early.path(), &[&paths[1]], 1, "put back");
        // Its 300th entry is an act where the earlier one has a batch: the history is another.
        both(late.path(), &[&paths[0]], 1, "forked");
    }
}

#[test]
fn both_verify_proofs_and_nothing_that_was_changed_in_them() {
    let directory = tempfile::tempdir().unwrap();
    archive(directory.path(), 300);
    let (key, cosigner) = (log().verifier().to_string(), witness().verifier().to_string());
    let reader = Reader::open(Arc::new(RealFiles), directory.path(), &[log().verifier().clone()]).unwrap();
    let policy =
        Policy { log: vec![log().verifier().clone()], witnesses: vec![witness().verifier().clone()], quorum: 1 };
    let path = directory.path().join("proof");
    for sequence in [0, 100, 896] {
        let (batch, place) = (sequence / 3, sequence % 3);
        let text = raw(sequence);
        let record = Record { input: "edge \"1\"", sequence, received_ns: RECEIVED_NS, raw: text.as_bytes() };
        let hashes = [0, 1, 2].map(|at| hash(batch * 3 + at));
        let proof = Proof::of_record(&reader, batch, &record, place, &hashes).unwrap().to_string();
        fs::write(&path, &proof).unwrap();
        let Some(verified) = python(&["proof", path.to_str().unwrap(), &key, &cosigner]) else { return };
        assert_eq!(verified.0, 0, "{}", verified.1);
        for at in (0..proof.len()).step_by(83) {
            let mut bad = proof.clone().into_bytes();
            bad[at] ^= 1;
            let ours = Proof::parse(&bad).is_ok_and(|proof| proof.verify(&policy).is_ok());
            fs::write(&path, &bad).unwrap();
            let (status, said) = python(&["proof", path.to_str().unwrap(), &key, &cosigner]).unwrap();
            assert_eq!((ours, status), (false, 1), "byte {at}: {said}");
        }
    }
    fs::write(&path, Proof::of_entry(&reader, 299).unwrap().to_string()).unwrap();
    let (status, said) = python(&["proof", path.to_str().unwrap(), &key]).unwrap();
    assert_eq!((status, said.contains("noroshi/audit/v1")), (0, true), "{said}");
    // Without a key, with another's, with one mistyped.
    let stranger = Signer::from_seed("siem.example.com/archive", KeyKind::Note, &[5; 32]).unwrap();
    assert_eq!(python(&["proof", path.to_str().unwrap(), &stranger.verifier().to_string()]).unwrap().0, 1);
    assert_eq!(python(&["proof", path.to_str().unwrap(), &key[1..]]).unwrap().0, 2);
    assert_eq!(python(&["proof", path.to_str().unwrap()]).unwrap().0, 2);
}
