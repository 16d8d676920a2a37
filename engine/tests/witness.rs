//! `noroshi witness` as a process: its key, its answers over HTTP, what it remembers over a kill.

use std::path::Path;
use std::sync::Arc;

use noroshi::witness::WitnessClient;
use noroshi_input::files::SimulatedDisk;
use noroshi_tests::process::{Engine, run, told};
use noroshi_tests::work_dir::WorkDir;
use noroshi_tree::{KeyKind, Reader, Signer, Tree, Verifier};

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

fn log() -> Signer {
    Signer::from_seed("siem.example.com/archive", KeyKind::Note, &[1; 32]).unwrap()
}

/// A tree of so many entries, in memory.
fn tree(size: u64) -> (Tree, Reader) {
    let disk = Arc::new(SimulatedDisk::new());
    let mut tree = Tree::create(disk.clone(), Path::new("/t"), &log(), 0).unwrap();
    for index in 0..size {
        tree.append(&index.to_be_bytes()).unwrap();
    }
    tree.publish(&log(), 0).unwrap();
    let reader = Reader::open(disk, Path::new("/t"), &[log().verifier().clone()]).unwrap();
    (tree, reader)
}

fn start(dir: &WorkDir, key: &str) -> (Engine, String) {
    let args = ["witness", "run", "--listen", "127.0.0.1:0", "--log", key];
    let engine = Engine::spawn_command(NOROSHI, dir.path(), &args);
    let line = engine.wait_log("witnessing");
    let address = line.rsplit("address=").next().unwrap().trim().to_owned();
    (engine, format!("http://{address}"))
}

#[test]
fn a_witness_cosigns_growth_and_remembers_it_over_a_kill() {
    let dir = WorkDir::default();
    let made = run(NOROSHI, dir.path(), &["witness", "init", "witness.example.com/w1"], b"");
    assert!(made.status.success(), "{}", told(&made));
    let key = String::from_utf8(made.stdout).unwrap();
    let verifier = Verifier::parse(&key).unwrap();
    assert_eq!((verifier.name(), verifier.kind()), ("witness.example.com/w1", KeyKind::Cosignature));
    // Its key is never written over.
    let again = run(NOROSHI, dir.path(), &["witness", "init", "witness.example.com/w1"], b"");
    assert_eq!(again.status.code(), Some(3), "{}", told(&again));

    let log_key = log().verifier().to_string();
    let (engine, address) = start(&dir, &log_key);
    let (mut small, reader) = tree(5);
    let line = WitnessClient::new(&address, verifier.clone()).cosign(&reader).unwrap();
    assert_eq!(small.add_cosignatures(&[line], std::slice::from_ref(&verifier)).unwrap(), 1);
    engine.kill();

    dir.write("log.key", &log_key);
    let (engine, address) = start(&dir, "log.key");
    assert!(engine.log().contains("size=5"), "{}", engine.log());
    let mut client = WitnessClient::new(&address, verifier);
    client.cosign(&tree(300).1).unwrap();
    let error = client.cosign(&tree(5).1).unwrap_err();
    assert!(error.is_tampering() && error.to_string().contains("300"), "{error}");
    let ended = engine.terminate();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), key.as_str()), "{}", ended.stderr);
}

#[test]
fn a_witness_that_could_cosign_nothing_does_not_start() {
    let dir = WorkDir::default();
    let check = |args: &[&str], what: &str| {
        let output = run(NOROSHI, dir.path(), &[&["witness"], args].concat(), b"");
        let text = told(&output);
        assert!(output.status.code() == Some(3) && text.contains(what), "{args:?}: {text}");
    };
    let log_key = log().verifier().to_string();
    check(&["run", "--log", &log_key], "noroshi witness init --dir witness NAME");
    check(&["init", "two words"], "cannot name a key");
    let made = run(NOROSHI, dir.path(), &["witness", "init", "w"], b"");
    let own = String::from_utf8(made.stdout).unwrap();
    check(&["run"], "no --log is given");
    check(&["run", "--log", own.trim()], "this key cosigns");
    check(&["run", "--log", &log_key[..log_key.len() - 4]], "not a key");
    check(&["run", "--log", "missing.key"], "cannot read the key file missing.key");
    check(&["run", "--log", &log_key, "--listen", "192.0.2.1:8470"], "cannot listen on 192.0.2.1:8470");
}
