//! A witness cosigns growth and nothing else, and forgets nothing over a crash.

use std::convert::Infallible;

use noroshi_files::{Fault, FaultyFiles, Operation, SimulatedDisk};

use super::*;
use crate::tree::Tree;

const NOW_S: u64 = 1_790_000_000;
const ORIGIN: &str = "siem.example.com/archive";

fn log() -> Signer {
    Signer::from_seed(ORIGIN, KeyKind::Note, &[3; 32]).unwrap()
}

fn key() -> Signer {
    Signer::from_seed("witness.example.com/w1", KeyKind::Cosignature, &[4; 32]).unwrap()
}

fn witness(disk: &SimulatedDisk) -> Witness {
    let logs = vec![log().verifier().clone()];
    Witness::open(Arc::new(disk.clone()), Path::new("/witness"), key(), logs).unwrap()
}

/// The tree of the first `size` entries beginning with `what`, as it was when it was signed.
fn reader(what: &str, size: u64) -> Reader {
    let disk = Arc::new(SimulatedDisk::new());
    let mut tree = Tree::create(disk.clone(), Path::new("/tree"), &log(), NOW_S).unwrap();
    for index in 0..size {
        tree.append(format!("{what}{index}").as_bytes()).unwrap();
    }
    tree.publish(&log(), NOW_S).unwrap();
    Reader::open(disk, Path::new("/tree"), &[log().verifier().clone()]).unwrap()
}

fn request(reader: &Reader, old_size: u64) -> AddCheckpoint {
    AddCheckpoint { old_size, proof: reader.consistency_proof(old_size).unwrap(), note: reader.note().clone() }
}

fn status(witness: &mut Witness, request: &AddCheckpoint) -> u16 {
    witness.answer(request.to_string().as_bytes(), NOW_S).status
}

#[test]
fn a_growing_tree_is_cosigned_over_restarts() {
    let disk = SimulatedDisk::new();
    let mut old_size = 0;
    for (n, size) in [0, 1, 5, 5, 256, 300, 301].into_iter().enumerate() {
        let reader = reader("e", size);
        let reply = witness(&disk).answer(request(&reader, old_size).to_string().as_bytes(), NOW_S + n as u64);
        assert_eq!((reply.status, reply.content_type), (200, "text/plain; charset=utf-8"), "{}", reply.body);
        let note = Note::parse(format!("{}{}", reader.note(), reply.body).as_bytes()).unwrap();
        let known = [key().verifier().clone()];
        assert_eq!(note.verify(&known).unwrap()[0].time_s, Some(NOW_S + n as u64));
        old_size = size;
        disk.cut_power(n as u64);
        assert_eq!(witness(&disk).seen().map(|c| c.size).collect::<Vec<_>>(), [size]);
    }
}

#[test]
fn what_does_not_continue_is_refused_as_specified() {
    let disk = SimulatedDisk::new();
    let mut witness = witness(&disk);
    let (at_5, at_9, at_300) = (reader("e", 5), reader("e", 9), reader("e", 300));
    assert_eq!(status(&mut witness, &request(&at_9, 0)), 200);
    // Not the size last cosigned: the answer tells which is.
    for old_size in [0, 8, 10, 300] {
        let reply = witness.answer(request(&at_300, old_size).to_string().as_bytes(), NOW_S);
        assert_eq!(
            (reply.status, reply.content_type, reply.body.as_str()),
            (409, "text/x.tlog.size", "9\n"),
            "{old_size}"
        );
    }
    assert_eq!(status(&mut witness, &request(&at_5, 5)), 409);
    // The old size beyond the checkpoint's own.
    let beyond = AddCheckpoint { old_size: 9, ..request(&at_5, 0) };
    assert_eq!(status(&mut witness, &beyond), 400);
    // Another history of the same size, and one that continues another.
    assert_eq!(status(&mut witness, &request(&reader("x", 9), 9)), 409);
    assert_eq!(status(&mut witness, &request(&reader("x", 300), 9)), 422);
    // A proof with a changed, missing or surplus hash.
    let good = request(&at_300, 9);
    for change in [
        |p: &mut Vec<Hash>| p[0].0[0] ^= 1,
        |p: &mut Vec<Hash>| p.truncate(p.len() - 1),
        |p: &mut Vec<Hash>| p.push(p[0]),
    ] {
        let mut bad = good.clone();
        change(&mut bad.proof);
        assert_eq!(status(&mut witness, &bad), 422);
    }
    assert_eq!(status(&mut witness, &AddCheckpoint { proof: good.proof.clone(), ..request(&at_9, 9) }), 422);
    // Of another origin, unsigned, forged.
    let stranger = Signer::from_seed("other.example.com", KeyKind::Note, &[9; 32]).unwrap();
    let text = at_300.note().text().replace(ORIGIN, "other.example.com");
    let note = Note::sign(text, &stranger, 0).unwrap();
    assert_eq!(status(&mut witness, &AddCheckpoint { note, ..good.clone() }), 404);
    let note = Note::sign(at_300.note().text().to_owned(), &stranger, 0).unwrap();
    assert_eq!(status(&mut witness, &AddCheckpoint { note, ..good.clone() }), 403);
    let forged = good.to_string().replace("\n300\n", "\n301\n");
    assert_eq!(witness.answer(forged.as_bytes(), NOW_S).status, 403);
    // After all of this the tree goes on.
    assert_eq!(status(&mut witness, &good), 200);
    assert_eq!(status(&mut witness, &request(&at_300, 300)), 200);
}

#[test]
fn a_checkpoint_of_nothing_has_the_root_of_nothing() {
    let disk = SimulatedDisk::new();
    let text = format!("{ORIGIN}\n0\n{}\n", Hash::of(b"x"));
    let note = Note::sign(text, &log(), 0).unwrap();
    let reply =
        witness(&disk).answer(AddCheckpoint { old_size: 0, proof: Vec::new(), note }.to_string().as_bytes(), NOW_S);
    assert_eq!(reply.status, 409);
}

#[test]
fn a_second_history_is_kept_as_evidence() {
    let disk = SimulatedDisk::new();
    let mut witness = witness(&disk);
    let (honest, forked) = (reader("e", 9), reader("x", 9));
    assert_eq!(status(&mut witness, &request(&honest, 0)), 200);
    assert_eq!(status(&mut witness, &request(&forked, 9)), 409);
    assert_eq!(status(&mut witness, &request(&reader("y", 9), 9)), 409);
    let path = state_path(Path::new("/witness"), ORIGIN);
    let kept = Note::parse(&disk.read(&path.with_extension("fork")).unwrap()).unwrap();
    assert_eq!(&kept, forked.note());
    assert!(disk.read(&path).unwrap().starts_with(honest.note().text().as_bytes()));
}

#[test]
fn other_bodies_are_no_requests() {
    let disk = SimulatedDisk::new();
    let mut witness = witness(&disk);
    let good = request(&reader("e", 9), 0).to_string();
    let hash = Hash::EMPTY_ROOT;
    for bad in [
        String::new(),
        "old 0\n".to_owned(),
        good.replace("old 0", "old 00"),
        good.replace("old 0", "old -1"),
        good.replace("old 0\n", ""),
        good.replace("old 0\n", "old 0\n\n"),
        good.replace("old 0\n", "old 0\nnot a hash\n"),
        good.replace("old 0\n", &format!("old 0\n{}", format!("{hash}\n").repeat(64))),
        good.replace("\n9\n", "\n09\n"),
    ] {
        let reply = witness.answer(bad.as_bytes(), NOW_S);
        assert_eq!(reply.status, 400, "{bad:?}");
    }
    assert_eq!(witness.answer(&vec![b'a'; REQUEST_BYTES_MAX + 1], NOW_S).status, 400);
    assert_eq!(witness.answer(good.as_bytes(), NOW_S).status, 200);
}

#[test]
fn nothing_is_cosigned_that_is_not_kept() {
    for (operation, nth) in [
        (Operation::Open, 1),
        (Operation::Write, 1),
        (Operation::Sync, 1),
        (Operation::Rename, 1),
        (Operation::Sync, 2),
    ] {
        let disk = SimulatedDisk::new();
        let files = Arc::new(FaultyFiles::new(disk.clone()));
        let logs = vec![log().verifier().clone()];
        let mut witness = Witness::open(files.clone(), Path::new("/witness"), key(), logs).unwrap();
        assert_eq!(status(&mut witness, &request(&reader("e", 5), 0)), 200);
        files.fail(operation, nth, Fault::Io);
        assert_eq!(status(&mut witness, &request(&reader("e", 9), 5)), 500, "{operation:?}");
        // It may be asked again, and it may have been kept without being cosigned; either way it goes on.
        assert_eq!(status(&mut witness, &request(&reader("e", 9), 5)), 200);
    }
}

#[test]
fn a_changed_memory_is_told_and_not_used() {
    let disk = SimulatedDisk::new();
    assert_eq!(status(&mut witness(&disk), &request(&reader("e", 9), 0)), 200);
    let path = state_path(Path::new("/witness"), ORIGIN);
    let older = String::from_utf8(disk.read(&path).unwrap()).unwrap().replace("\n9\n", "\n8\n");
    replace_durably(&disk, &path, older.as_bytes()).unwrap();
    let logs = vec![log().verifier().clone()];
    let error = Witness::open(Arc::new(disk.clone()), Path::new("/witness"), key(), logs.clone()).unwrap_err();
    assert!(matches!(error, WitnessError::Damaged { .. }), "{error}");
    let plain = Signer::from_seed("witness.example.com/w1", KeyKind::Note, &[4; 32]).unwrap();
    assert!(matches!(Witness::open(Arc::new(disk), Path::new("/witness"), plain, logs), Err(WitnessError::Key)));
}

#[test]
fn the_asker_learns_what_the_witness_has_seen() {
    let disk = SimulatedDisk::new();
    let mut witness = witness(&disk);
    let mut asker = Asker::new(key().verifier().clone());
    let mut asked = 0;
    let mut ask = |asker: &mut Asker, reader: &Reader| {
        asker.cosign(reader, |body| {
            asked += 1;
            let reply = witness.answer(body.as_bytes(), NOW_S);
            Ok::<_, Infallible>((reply.status, reply.body.into_bytes()))
        })
    };
    for size in [3, 9, 9, 300] {
        ask(&mut asker, &reader("e", size)).unwrap();
    }
    // One that has restarted, and learns.
    let mut fresh = Asker::new(key().verifier().clone());
    let line = ask(&mut fresh, &reader("e", 600)).unwrap();
    assert_eq!(line.name, "witness.example.com/w1");
    let error = ask(&mut fresh, &reader("e", 300)).unwrap_err();
    assert!(matches!(error, CosignError::Ahead { size: 600, here: 300 }) && error.is_tampering());
    let error = ask(&mut fresh, &reader("x", 600)).unwrap_err();
    assert!(matches!(error, CosignError::Fork { size: 600 }) && error.is_tampering());
    let error = ask(&mut fresh, &reader("x", 700)).unwrap_err();
    assert!(matches!(error, CosignError::Refused { status: 422, .. }) && error.is_tampering());
    let mut stranger = Asker::new(log().verifier().clone());
    assert!(matches!(ask(&mut stranger, &reader("e", 700)), Err(CosignError::Answer)));
    assert_eq!(asked, 4 + 2 + 1 + 1 + 1 + 2);
}

#[test]
fn a_witness_that_never_settles_or_lies_is_left() {
    let reader = reader("e", 300);
    let mut asker = Asker::new(key().verifier().clone());
    let mut sizes = [7, 9, 11].into_iter();
    let answer =
        asker.cosign(&reader, |_| Ok::<_, Infallible>((409, format!("{}\n", sizes.next().unwrap()).into_bytes())));
    assert!(matches!(answer, Err(CosignError::Refused { status: 409, .. })));
    for (status, body) in
        [(200, &b"\xff"[..]), (200, b""), (409, b"x\n"), (409, b"9"), (200, "— a AAAAAAAA\n".as_bytes())]
    {
        let answer = asker.cosign(&reader, |_| Ok::<_, Infallible>((status, body.to_vec())));
        assert!(matches!(answer, Err(CosignError::Answer)), "{status} {body:?}");
    }
    let answer = asker.cosign(&reader, |_| Ok::<_, Infallible>((500, b"\x1b[2J".to_vec())));
    let text = answer.unwrap_err().to_string();
    assert!(text.contains("500") && !text.contains('\u{1b}'), "{text}");
}
