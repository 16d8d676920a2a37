//! Everything that can be done to a directory is found, and named.

use std::io::Write as _;
use std::path::PathBuf;

use noroshi_files::SimulatedDisk;

use super::*;
use crate::key::{KeyKind, Signer};
use crate::tree::Tree;

const ORIGIN: &str = "siem.example.com/archive";

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, KeyKind::Note, &[3; 32]).unwrap()
}

fn directory() -> &'static Path {
    Path::new("/tree")
}

/// A signed tree whose entries are `what` and their number.
fn tree(what: &str, size: u64) -> Arc<SimulatedDisk> {
    let disk = Arc::new(SimulatedDisk::new());
    let mut tree = Tree::create(disk.clone(), directory(), &signer(), 0).unwrap();
    for index in 0..size {
        tree.append(format!("{what}{index}").as_bytes()).unwrap();
    }
    tree.publish(&signer(), 0).unwrap();
    disk
}

fn run(disk: &Arc<SimulatedDisk>, known: &[Checkpoint]) -> Result<Checked, TreeError> {
    check(disk.clone(), directory(), &[signer().verifier().clone()], known, &mut |_, _| ())
}

#[track_caller]
fn damage(disk: &Arc<SimulatedDisk>, known: &[Checkpoint]) -> Damage {
    match run(disk, known) {
        Err(TreeError::Damaged(damage)) => *damage,
        other => panic!("{other:?}"),
    }
}

fn write(disk: &SimulatedDisk, path: &Path, bytes: &[u8]) {
    disk.create(path).unwrap().write_all(bytes).unwrap();
}

fn files_of(size: u64) -> Vec<PathBuf> {
    let mut names = vec!["checkpoint".to_owned()];
    for index in 0..size.div_ceil(TILE_WIDTH) {
        for kind in [Kind::Level(0), Kind::Entries] {
            names.push(Tile { kind, index, width: width_in(kind, index, size) }.path());
        }
    }
    if size >= TILE_WIDTH {
        names.push(Tile { kind: Kind::Level(1), index: 0, width: size / TILE_WIDTH }.path());
    }
    names.into_iter().map(|name| directory().join(name)).collect()
}

#[test]
fn a_whole_tree_tells_every_entry_and_byte() {
    for size in [0, 1, 255, 256, 257, 600] {
        let disk = tree("e", size);
        let mut told = Vec::new();
        let log = [signer().verifier().clone()];
        let checked = check(disk.clone(), directory(), &log, &[], &mut |index, entry| {
            told.push((index, String::from_utf8(entry.to_vec()).unwrap()));
        });
        let checked = checked.unwrap();
        assert_eq!(told, (0..size).map(|index| (index, format!("e{index}"))).collect::<Vec<_>>());
        let tiles: u64 = files_of(size).iter().skip(1).map(|path| disk.metadata(path).unwrap().len).sum();
        assert!(checked.bytes >= tiles, "{} of {tiles}", checked.bytes);
    }
}

/// One bit of every byte of every file of a tree with full and partial tiles on two levels.
#[test]
fn every_flipped_byte_is_found_and_named() {
    let size = 300;
    let disk = tree("e", size);
    for path in files_of(size) {
        let whole = disk.read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 1 << (at % 8);
            write(&disk, &path, &bad);
            match run(&disk, &[]) {
                Err(TreeError::Checkpoint { path: named, .. }) => {
                    assert_eq!((&named, named.ends_with("checkpoint")), (&path, true));
                }
                Err(TreeError::Damaged(damage)) => {
                    assert_eq!(damage.path, path, "byte {at}: {damage}");
                    assert!(damage.bytes.contains(&(at as u64)), "byte {at}: {damage}");
                    // A flipped length takes the rest of the bundle along; all else is one hash or entry.
                    let narrow = damage.kind == DamageKind::Length || damage.bytes.end - damage.bytes.start <= 32;
                    assert!(narrow, "byte {at}: {damage}");
                }
                other => panic!("{path:?} byte {at}: {other:?}"),
            }
        }
        write(&disk, &path, &whole);
    }
    run(&disk, &[]).unwrap();
}

#[test]
fn every_cut_lengthened_or_missing_file_is_found_and_named() {
    let size = 600;
    let disk = tree("e", size);
    for path in files_of(size) {
        let whole = disk.read(&path).unwrap();
        let cuts = (0..whole.len()).step_by(if whole.len() > 500 { 97 } else { 1 });
        let bad = cuts
            .map(|cut| whole[..cut].to_vec())
            .chain([1, 32, 9000].map(|more| [whole.clone(), vec![0; more]].concat()));
        for bytes in bad {
            write(&disk, &path, &bytes);
            let error = run(&disk, &[]).unwrap_err();
            assert!(error.is_tampering(), "{error}");
            assert!(error.to_string().contains(path.to_str().unwrap()), "{} bytes of {path:?}: {error}", bytes.len());
        }
        disk.remove(&path).unwrap();
        let error = run(&disk, &[]).unwrap_err();
        assert!(error.is_tampering() && error.to_string().contains(path.to_str().unwrap()), "{error}");
        write(&disk, &path, &whole);
    }
    run(&disk, &[]).unwrap();
}

#[test]
fn swapped_files_and_entries_are_found() {
    let disk = tree("e", 600);
    for kind in ["0", "entries"] {
        let [a, b] = ["000", "001"].map(|n| directory().join(format!("tile/{kind}/{n}")));
        let (first, second) = (disk.read(&a).unwrap(), disk.read(&b).unwrap());
        write(&disk, &a, &second);
        write(&disk, &b, &first);
        assert_eq!(damage(&disk, &[]).path, a);
        write(&disk, &a, &first);
        write(&disk, &b, &second);
    }
    // Two entries of one length change places.
    let path = directory().join("tile/entries/000");
    let whole = disk.read(&path).unwrap();
    let mut swapped = whole;
    swapped[2..4].copy_from_slice(b"e1");
    swapped[6..8].copy_from_slice(b"e0");
    write(&disk, &path, &swapped);
    let damage = damage(&disk, &[]);
    assert_eq!((damage.kind, damage.bytes, damage.entries), (DamageKind::Entry, 0..4, 0..1));
}

/// Entries and all tiles replaced together: the signed root remains.
#[test]
fn a_rewritten_tree_is_found_by_its_checkpoint() {
    for size in [5, 256, 300] {
        let (disk, other) = (tree("e", size), tree("x", size));
        for path in files_of(size).iter().skip(1) {
            write(&disk, path, &other.read(path).unwrap());
        }
        assert_eq!(damage(&disk, &[]).kind, DamageKind::Rewritten, "{size}");
        // The lower part alone: found where the two meet.
        let disk = tree("e", size);
        for path in files_of(size).iter().skip(1).take(2) {
            write(&disk, path, &other.read(path).unwrap());
        }
        assert!(run(&disk, &[]).unwrap_err().is_tampering());
    }
}

#[test]
fn a_tree_put_back_or_replaced_is_found_by_a_checkpoint_kept_elsewhere() {
    let (early, late, forked) = (tree("e", 300), tree("e", 600), tree("x", 600));
    let [at_300, at_600] = [&early, &late].map(|disk| run(disk, &[]).unwrap().checkpoint);
    let both = [at_300.clone(), at_600];
    run(&late, &both).unwrap();
    run(&early, std::slice::from_ref(&at_300)).unwrap();
    let back = damage(&early, &both);
    assert_eq!((back.kind, back.entries), (DamageKind::RolledBack, 300..600));
    let fork = damage(&forked, &both);
    assert_eq!((fork.kind, fork.entries), (DamageKind::Forked, 0..300));
    let elsewhere = Checkpoint { origin: "other.example.com".to_owned(), ..at_300 };
    assert_eq!(damage(&late, &[elsewhere]).kind, DamageKind::Forked);
}
