use std::collections::BTreeMap;

use noroshi_files::SimulatedDisk;
use noroshi_tree::{KeyKind, Signer};
use serde_json::json;

use super::*;

const DIRECTORY: &str = "/archive";

fn clock() -> i64 {
    1_772_445_600_000_000_000
}

fn act(number: usize) -> Value {
    json!({"id": format!("1772445600-7-{number}"), "command": "search", "records": number})
}

fn write_down(disk: &SimulatedDisk, number: usize) -> io::Result<()> {
    write(disk, Path::new(DIRECTORY), &act(number), &|_| Ok(()))
}

fn open(disk: &SimulatedDisk) -> io::Result<Log> {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    Log::open(&files, Path::new(DIRECTORY), "node", clock)
}

/// The acts in the tree by id, and how often each stands there; every entry held to the signed root.
fn taken(disk: &SimulatedDisk, signer: &Signer) -> BTreeMap<String, usize> {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let (acts, checked) = acts(&files, Path::new(DIRECTORY), &[signer.verifier().clone()]).unwrap();
    assert!(checked.is_some());
    let mut taken = BTreeMap::new();
    for (index, act) in acts {
        assert!(index.is_some(), "nothing waits: {act}");
        *taken.entry(act["id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    taken
}

/// A disk with an archive's tree on it, whose key is known.
fn disk() -> (SimulatedDisk, Signer) {
    let disk = SimulatedDisk::new();
    disk.create_directory(&Path::new(DIRECTORY).join("keys")).unwrap();
    let signer = Signer::from_seed("noroshi/node", KeyKind::Note, &[7; 32]).unwrap();
    signer.save(&disk, &Path::new(DIRECTORY).join(SIGNING_KEY)).unwrap();
    open(&disk).unwrap();
    (disk, signer)
}

#[test]
fn an_act_is_taken_up_once_wherever_the_power_goes() {
    let mut cuts = 0;
    for operations in 0.. {
        let (disk, signer) = disk();
        let written: Vec<usize> = (0..3).filter(|&number| write_down(&disk, number).is_ok()).collect();
        disk.cut_power_after(operations, operations);
        let _ = open(&disk).and_then(|mut log| take_up_into(&mut log, &disk, Path::new(DIRECTORY)));
        if !disk.restore_power() {
            assert_eq!(taken(&disk, &signer).len(), 3);
            break;
        }
        cuts += 1;
        // A second run in between, cut as well.
        disk.cut_power_after(operations / 2, operations + 1000);
        let _ = open(&disk).and_then(|mut log| take_up_into(&mut log, &disk, Path::new(DIRECTORY)));
        disk.restore_power();
        let mut log = open(&disk).unwrap();
        take_up_into(&mut log, &disk, Path::new(DIRECTORY)).unwrap();
        let taken = taken(&disk, &signer);
        let expected: BTreeMap<String, usize> =
            written.iter().map(|&number| (act(number)["id"].as_str().unwrap().to_owned(), 1)).collect();
        assert_eq!(taken, expected, "power cut at operation {operations}");
        assert!(disk.list(&Path::new(DIRECTORY).join(PENDING)).unwrap().is_empty());
    }
    assert!(cuts > 10, "only {cuts} operations were cut");
}

#[test]
fn what_was_written_down_survives_the_power() {
    for operations in 0..12 {
        let (disk, signer) = disk();
        disk.cut_power_after(operations, operations);
        let kept = write_down(&disk, 1).is_ok();
        disk.cut_power(operations);
        disk.restore_power();
        let mut log = open(&disk).unwrap();
        take_up_into(&mut log, &disk, Path::new(DIRECTORY)).unwrap();
        let taken = taken(&disk, &signer);
        // What was not acknowledged may be there or not.
        assert!(taken.len() <= 1 && (taken.len() == 1 || !kept), "cut at operation {operations}: {taken:?}");
    }
}

#[test]
fn files_that_are_no_acts_are_kept_aside() {
    let (disk, signer) = disk();
    write_down(&disk, 1).unwrap();
    let pending = Path::new(DIRECTORY).join(PENDING);
    let other = Leaf::Audit(Audit::new(json!({"id": "other"})).unwrap()).encode().unwrap();
    for (name, bytes) in [
        ("1.act", b"{}".to_vec()),
        ("2.act", vec![b'x'; ENTRY_BYTES_MAX + 1]),
        ("3.act", other),
        ("4@x.act", b"not ours".to_vec()),
        ("notes", b"not ours".to_vec()),
    ] {
        disk.create(&pending.join(name)).unwrap().write_all(&bytes).unwrap();
    }
    let mut log = open(&disk).unwrap();
    assert_eq!(take_up_into(&mut log, &disk, Path::new(DIRECTORY)).unwrap(), 1);
    assert_eq!(taken(&disk, &signer).len(), 1);
    let left: Vec<_> = disk.list(&pending).unwrap();
    let names: Vec<_> = left.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["1.refused", "2.refused", "3.refused", "4@x.act", "notes"]);
    for bad in [json!({"command": "search"}), json!({"id": "../x"}), json!({"id": ""}), json!({"id": "a", "n": 0.5})] {
        assert!(write(&disk, Path::new(DIRECTORY), &bad, &|_| Ok(())).is_err(), "{bad}");
    }
}
