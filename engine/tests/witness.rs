//! `noroshi witness` as a process: its key, its answers over HTTP, what it remembers over a kill.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use noroshi::witness::WitnessClient;
use noroshi_input::files::SimulatedDisk;
use noroshi_tests::process::{Engine, run, told};
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{send, until};
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

#[test]
fn the_running_engine_has_its_archive_cosigned_and_tells_a_witness_that_contradicts() {
    let dir = WorkDir::default();
    let made = run(NOROSHI, dir.path(), &["witness", "init", "witness.example.com/w1"], b"");
    let key = String::from_utf8(made.stdout).unwrap();
    // A first run makes the archive, and with it the key that the witness has to know; its stop seals.
    let config = |witness: &str| {
        format!(
            "node = \"siem\"\nstate_dir = \"state\"\n[rules]\npaths = []\n[metrics]\nlisten = \"127.0.0.1:0\"\n[archive]\n{witness}\
             [[input]]\nname = \"tcp\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n[[output]]\ntype = \"file\"\npath = \"alerts.ndjson\"\n"
        )
    };
    let kept = |engine: Engine, records: u64| {
        let mut connection = send::tcp(engine.address("tcp"));
        (0..records).for_each(|n| writeln!(connection, "<13>1 2026-03-02T10:00:00Z h a - - - record {n}").unwrap());
        engine.wait_metric("noroshi_archive_durable_total", "", records);
        engine.terminate().assert_clean();
    };
    dir.write("noroshi.toml", config(""));
    kept(Engine::start(NOROSHI, dir.path(), &[]), 3);
    let state_of_that_day = dir.join("then");
    copy(&dir.join("state/archive"), &state_of_that_day);
    kept(Engine::start(NOROSHI, dir.path(), &[]), 5);

    let (witness, address) = start(&dir, "state/archive/keys/log.pub");
    let witnessed = format!("[[archive.witness]]\nurl = \"{address}\"\nkey = \"{}\"\n", key.trim());
    dir.write("noroshi.toml", config(&witnessed));
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    engine.wait_metric("noroshi_archive_cosigned_leaves", "witness.example.com/w1", 4);
    let checkpoint = || dir.text("state/archive/tree/checkpoint");
    let cosigned = || checkpoint().contains("\n\u{2014} witness.example.com/w1 ").then_some(());
    until("the cosignature stands beside the signature", cosigned, || engine.log());
    assert_eq!(engine.get("/healthz").0, 200);
    engine.terminate().assert_clean();

    // Someone puts the archive back to an earlier day, whole and rightly signed. The witness remembers.
    std::fs::remove_dir_all(dir.join("state/archive")).unwrap();
    copy(&state_of_that_day, &dir.join("state/archive"));
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let line = engine.wait_log("has seen another tree");
    assert!(line.contains("witness.example.com/w1"), "{line}");
    let (status, told) = engine.get("/healthz");
    assert!(status == 503 && told.contains("has seen another tree"), "{told}");
    engine.terminate();
    witness.terminate();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            _ = std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
