//! The tree on disk against the arithmetic, through crashes, faults and power cuts.

use std::io::Write as _;

use noroshi_files::{Fault, FaultyFiles, Operation, RealFiles, SimulatedDisk};
use proptest::prelude::*;

use super::*;
use crate::check::check;
use crate::key::KeyKind;
use crate::merkle::{root_of, verify_consistency};
use crate::reader::Reader;
use crate::tile::decode_bundle;

const ORIGIN: &str = "siem.example.com/archive";
const NOW_S: u64 = 1_790_000_000;

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, KeyKind::Note, &[3; 32]).unwrap()
}

fn log() -> Vec<Verifier> {
    vec![signer().verifier().clone()]
}

fn directory() -> &'static Path {
    Path::new("/archive/tree")
}

fn entry(index: u64) -> Vec<u8> {
    let length = usize::try_from(index * 7 % 40).unwrap();
    [format!("entry {index} ").into_bytes(), vec![b'.'; length]].concat()
}

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(|index| leaf_hash(&entry(index))).collect()
}

fn create(files: Arc<dyn Files>) -> Tree {
    Tree::create(files, directory(), &signer(), NOW_S).unwrap()
}

fn open(files: Arc<dyn Files>) -> Result<Tree, TreeError> {
    Tree::open(files, directory(), &log())
}

fn grow(tree: &mut Tree, to: u64) -> Result<(), TreeError> {
    for index in tree.size()..to {
        assert_eq!(tree.append(&entry(index))?, index);
    }
    Ok(())
}

/// A tree of `size` entries, signed, on a new disk.
fn signed(size: u64) -> (Tree, Arc<SimulatedDisk>) {
    let disk = Arc::new(SimulatedDisk::new());
    let mut tree = create(disk.clone());
    grow(&mut tree, size).unwrap();
    tree.publish(&signer(), NOW_S).unwrap();
    (tree, disk)
}

/// The directory holds exactly the first `size` entries.
#[track_caller]
fn check_whole(files: Arc<dyn Files>, size: u64) {
    let mut next = 0;
    let checked = check(files, directory(), &log(), &[], &mut |index, found| {
        assert_eq!((index, found), (next, entry(index).as_slice()));
        next += 1;
    });
    let checked = checked.unwrap();
    assert_eq!((checked.checkpoint.size, next), (size, size));
    assert_eq!(checked.checkpoint.root, root_of(&leaves(size)));
}

#[test]
fn the_root_is_that_of_the_definition_and_survives_reopening_at_every_size() {
    let leaves = leaves(600);
    let (mut tree, disk) = signed(0);
    for size in 0..=600_u64 {
        assert_eq!((tree.size(), tree.root()), (size, root_of(&leaves[..usize::try_from(size).unwrap()])));
        tree.publish(&signer(), NOW_S).unwrap();
        // Opening at each size is what is tested, checking all of it at some is enough.
        tree = open(disk.clone()).unwrap();
        assert!(tree.recovered().is_none());
        if size % 50 == 0 || (254..=258).contains(&size) || (510..=514).contains(&size) {
            check_whole(disk.clone(), size);
        }
        tree.append(&entry(size)).unwrap();
    }
}

#[test]
fn the_third_level_begins_at_65_536() {
    let (mut tree, disk) = signed(0);
    let leaves = leaves(65_800);
    for size in [65_279, 65_280, 65_281, 65_535, 65_536, 65_537, 65_791, 65_792, 65_793] {
        grow(&mut tree, size).unwrap();
        assert_eq!(tree.root(), root_of(&leaves[..usize::try_from(size).unwrap()]), "{size}");
        tree.publish(&signer(), NOW_S).unwrap();
        tree = open(disk.clone()).unwrap();
    }
    check_whole(disk.clone(), 65_793);
    let reader = Reader::open(disk, directory(), &log()).unwrap();
    for index in [0, 255, 256, 65_535, 65_536, 65_791, 65_792] {
        let proof = tree.inclusion_proof(index, tree.size()).unwrap();
        assert_eq!(proof, reader.inclusion_proof(index).unwrap());
        assert!(verify_inclusion(&leaves[usize::try_from(index).unwrap()], index, tree.size(), &proof, &tree.root()));
        assert_eq!((tree.entry(index).unwrap(), reader.entry(index).unwrap()), (entry(index), entry(index)));
    }
    for old in [1, 255, 256, 257, 65_535, 65_536, 65_537, 65_793] {
        let proof = tree.consistency_proof(old, 65_793).unwrap();
        assert_eq!(proof, reader.consistency_proof(old).unwrap());
        let old_root = root_of(&leaves[..usize::try_from(old).unwrap()]);
        assert_eq!((tree.root_at(old).unwrap(), reader.root_at(old).unwrap()), (old_root, old_root));
        assert!(verify_consistency(old, &old_root, 65_793, &tree.root(), &proof));
    }
}

#[test]
fn proofs_of_older_trees_come_from_memory_and_disk_alike() {
    let (mut tree, disk) = signed(300);
    grow(&mut tree, 700).unwrap();
    let leaves = leaves(700);
    let at = |size: u64| root_of(&leaves[..usize::try_from(size).unwrap()]);
    // 300 are on disk, 400 wait for a flush; after it all but the edge is on disk.
    for _ in 0..2 {
        for (index, size) in [(0, 1), (5, 300), (299, 300), (299, 512), (511, 512), (600, 700), (699, 700), (0, 700)] {
            let proof = tree.inclusion_proof(index, size).unwrap();
            assert!(verify_inclusion(&leaves[usize::try_from(index).unwrap()], index, size, &proof, &at(size)));
            assert_eq!(tree.entry(index).unwrap(), entry(index));
        }
        for (old, new) in [(0, 700), (1, 300), (256, 512), (300, 700), (511, 513), (700, 700)] {
            let proof = tree.consistency_proof(old, new).unwrap();
            assert!(verify_consistency(old, &at(old), new, &at(new), &proof), "{old} to {new}");
        }
        tree.flush().unwrap();
    }
    assert!(matches!(tree.entry(700), Err(TreeError::Beyond { asked: 700, size: 700 })));
    assert!(tree.inclusion_proof(700, 700).is_err() && tree.inclusion_proof(0, 701).is_err());
    assert!(tree.consistency_proof(5, 4).is_err() && tree.root_at(701).is_err());
    // The flush promised nothing: the directory opens at what was signed.
    assert_eq!(open(disk).unwrap().size(), 300);
}

#[test]
fn files_are_named_and_filled_as_specified() {
    let directory = tempfile::tempdir().unwrap();
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let mut tree = Tree::create(files, directory.path(), &signer(), NOW_S).unwrap();
    grow(&mut tree, 70_000).unwrap();
    tree.publish(&signer(), NOW_S).unwrap();
    let path = |name: &str| directory.path().join(name);
    let mut names = Vec::new();
    let mut todo = vec![path("tile")];
    while let Some(at) = todo.pop() {
        match std::fs::read_dir(&at) {
            Ok(inside) => todo.extend(inside.map(|entry| entry.unwrap().path())),
            Err(_) => names.push(at.strip_prefix(directory.path()).unwrap().to_str().unwrap().to_owned()),
        }
    }
    names.sort();
    let numbers = |kind: &str| (0..273).map(|n| format!("tile/{kind}/{n:03}")).collect::<Vec<_>>();
    let partial = ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1", "tile/entries/273.p/112", "tile/1/000"];
    let mut expected = [numbers("0"), numbers("entries"), partial.map(str::to_owned).to_vec()].concat();
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(std::fs::metadata(path("tile/0/000")).unwrap().len(), 8192);
    assert_eq!(std::fs::metadata(path("tile/1/001.p/17")).unwrap().len(), 17 * 32);
    let bundle = std::fs::read(path("tile/entries/273.p/112")).unwrap();
    let entries: Vec<_> = decode_bundle(&bundle).map(Result::unwrap).collect();
    assert_eq!((entries.len(), entries[111]), (112, entry(69_999).as_slice()));
    let checkpoint = std::fs::read_to_string(path("checkpoint")).unwrap();
    assert!(checkpoint.starts_with(&format!("{ORIGIN}\n70000\n{}\n\n\u{2014} {ORIGIN} ", tree.root())), "{checkpoint}");
    // A partial tile goes when its full one stands; a partial directory does not stay behind.
    grow(&mut tree, 274 * 256).unwrap();
    tree.publish(&signer(), NOW_S).unwrap();
    assert!(!path("tile/0/273.p").exists() && !path("tile/entries/273.p").exists() && path("tile/0/273").exists());
    assert!(path("tile/1/001.p/17").exists() && path("tile/1/001.p/18").exists());
}

#[test]
fn a_tree_is_made_once_and_needs_its_checkpoint() {
    let (_, disk) = signed(3);
    let again = Tree::create(disk.clone(), directory(), &signer(), NOW_S);
    assert!(matches!(again, Err(TreeError::Exists { .. })));
    let stranger = Signer::from_seed(ORIGIN, KeyKind::Note, &[4; 32]).unwrap();
    let error = Tree::open(disk.clone(), directory(), &[stranger.verifier().clone()]).unwrap_err();
    assert!(matches!(error, TreeError::Checkpoint { .. }) && error.is_tampering());
    disk.remove(&directory().join("checkpoint")).unwrap();
    assert!(matches!(open(disk), Err(TreeError::NoCheckpoint { .. })));
}

#[test]
fn an_entry_has_at_most_65_535_bytes() {
    let (mut tree, disk) = signed(0);
    let longest = vec![7; ENTRY_BYTES_MAX];
    assert_eq!(tree.append(&longest).unwrap(), 0);
    assert_eq!(tree.append(b"").unwrap(), 1);
    assert!(matches!(tree.append(&vec![7; ENTRY_BYTES_MAX + 1]), Err(TreeError::EntryTooLong { bytes: 65_536 })));
    tree.publish(&signer(), NOW_S).unwrap();
    let tree = open(disk).unwrap();
    assert_eq!((tree.size(), tree.entry(0).unwrap(), tree.entry(1).unwrap()), (2, longest, Vec::new()));
}

#[test]
fn a_tree_that_has_not_grown_keeps_its_cosignatures() {
    let (mut tree, disk) = signed(5);
    let witness = Signer::from_seed("witness.example.com", KeyKind::Cosignature, &[9; 32]).unwrap();
    let known = [witness.verifier().clone()];
    let good = crate::note::sign_text(tree.note().text(), &witness, NOW_S);
    let other = crate::note::sign_text("another text\n", &witness, NOW_S);
    assert_eq!(tree.add_cosignatures(&[other], &known).unwrap(), 0);
    assert_eq!(tree.add_cosignatures(std::slice::from_ref(&good), &[]).unwrap(), 0);
    assert_eq!(tree.add_cosignatures(&[good], &known).unwrap(), 1);
    tree.publish(&signer(), NOW_S + 1).unwrap();
    let mut tree = open(disk).unwrap();
    assert_eq!(tree.note().verify(&known).unwrap()[0].time_s, Some(NOW_S));
    grow(&mut tree, 6).unwrap();
    tree.publish(&signer(), NOW_S + 2).unwrap();
    assert_eq!(tree.note().signatures().len(), 1);
}

/// Each file of the edge removed, cut, and with a flipped byte, in turn: the same tree comes back, of itself or from the
/// entries given again.
#[test]
fn a_torn_edge_is_made_again() {
    let size = 65_536 + 256 + 20;
    let (tree, disk) = signed(size);
    let root = tree.root();
    for name in ["tile/0/257.p/20", "tile/1/001.p/1", "tile/2/000.p/1", "tile/entries/257.p/20"] {
        let path = directory().join(name);
        let whole = disk.read(&path).unwrap();
        for (how, bytes) in [
            ("removed", None),
            ("cut", Some(whole[..whole.len() / 2].to_vec())),
            ("empty", Some(Vec::new())),
            ("longer", Some([whole.as_slice(), &[0; 32]].concat())),
            ("flipped", Some([&[whole[0] ^ 1], &whole[1..]].concat())),
            ("flipped late", Some([&whole[..whole.len() - 1], &[whole[whole.len() - 1] ^ 1]].concat())),
        ] {
            match bytes {
                None => disk.remove(&path).unwrap(),
                Some(bytes) => disk.create(&path).unwrap().write_all(&bytes).unwrap(),
            }
            let mut tree = open(disk.clone()).unwrap_or_else(|error| panic!("{name} {how}: {error}"));
            assert!(tree.recovered().is_some(), "{name} {how}");
            if tree.size() < size {
                assert_eq!(tree.size(), size - 20, "{name} {how}");
                assert!(matches!(tree.publish(&signer(), NOW_S), Err(TreeError::Behind { .. })));
                grow(&mut tree, size).unwrap();
            }
            assert_eq!(tree.root(), root, "{name} {how}");
            tree.publish(&signer(), NOW_S).unwrap();
            assert_eq!(disk.read(&path).unwrap(), whole, "{name} {how}");
            assert!(open(disk.clone()).unwrap().recovered().is_none());
        }
    }
}

#[test]
fn entries_given_again_are_held_to_the_signed_root() {
    let (_, disk) = signed(300);
    disk.remove(&directory().join("tile/entries/001.p/44")).unwrap();
    let mut tree = open(disk.clone()).unwrap();
    assert_eq!(tree.size(), 256);
    grow(&mut tree, 299).unwrap();
    assert!(matches!(tree.append(b"another"), Err(TreeError::Diverged { size: 300 })));
    // Nothing more is taken in, written or signed by a tree that has two histories.
    assert!(matches!(tree.append(b"more"), Err(TreeError::Diverged { .. })));
    assert!(tree.flush().is_err() && tree.publish(&signer(), NOW_S).is_err());
    let mut tree = open(disk.clone()).unwrap();
    grow(&mut tree, 301).unwrap();
    tree.publish(&signer(), NOW_S).unwrap();
    check_whole(disk, 301);
}

#[test]
fn a_damaged_full_tile_below_the_edge_is_no_torn_edge() {
    let (_, disk) = signed(65_536 + 5);
    let path = directory().join("tile/1/000");
    disk.create(&path).unwrap().write_all(&[0; 8192]).unwrap();
    // The root still stands in the edge; what lies below is for the check to find.
    assert!(open(disk.clone()).unwrap().recovered().is_none());
    let error = check(disk.clone(), directory(), &log(), &[], &mut |_, _| ()).unwrap_err();
    assert!(error.to_string().contains("tile/1/000"), "{error}");
    // With the edge gone too there is nothing to make it from: what is made does not give the signed root.
    disk.remove(&directory().join("tile/2/000.p/1")).unwrap();
    let mut tree = open(disk).unwrap();
    assert_eq!(tree.size(), 65_536);
    assert!(matches!(grow(&mut tree, 65_541), Err(TreeError::Diverged { size: 65_541 })));
}

/// What a caller does all day, with entries that it still has: appends, flushes, signs.
fn work(tree: &mut Tree) -> Result<(), TreeError> {
    for (to, publish) in [(3, true), (250, false), (257, true), (400, true), (512, false), (520, true), (600, true)] {
        if to > tree.size() {
            grow(tree, to)?;
            tree.flush()?;
        }
        if publish && to >= tree.size() {
            tree.publish(&signer(), NOW_S)?;
        }
    }
    Ok(())
}

/// Every call of every kind of operation fails once, or from then on; either the work goes on with the same tree in memory
/// or the process dies and opens it again. The same entries give the same tree.
#[test]
fn a_fault_at_any_call_loses_nothing() {
    let faults = [
        (Operation::Open, Fault::Io),
        (Operation::Write, Fault::TornWrite),
        (Operation::Write, Fault::NoSpace),
        (Operation::Sync, Fault::Io),
        (Operation::Rename, Fault::Io),
        (Operation::Remove, Fault::Denied),
        (Operation::Metadata, Fault::Io),
        (Operation::List, Fault::Io),
    ];
    let mut struck = 0;
    for (operation, fault) in faults {
        for dies in [false, true] {
            for nth in 1.. {
                let disk = SimulatedDisk::new();
                drop(create(Arc::new(disk.clone())));
                let files = Arc::new(FaultyFiles::new(disk.clone()));
                let mut tree = open(files.clone()).unwrap();
                if dies {
                    files.fail_from(operation, nth, fault);
                } else {
                    files.fail(operation, nth, fault);
                }
                let failed = work(&mut tree).is_err();
                if failed && dies {
                    files.heal();
                    disk.cut_power(nth);
                    let opened = open(files.clone());
                    tree = opened.unwrap_or_else(|error| panic!("{operation:?} {fault:?} call {nth}: {error}"));
                }
                files.heal();
                work(&mut tree).unwrap_or_else(|error| panic!("{operation:?} {fault:?} call {nth}: {error}"));
                assert_eq!(tree.root(), root_of(&leaves(600)));
                check_whole(Arc::new(disk), 600);
                struck += u32::from(failed);
                // Removals never fail the caller: a fixed number of calls is tried for them.
                if !failed && (operation != Operation::Remove && operation != Operation::List || nth > 12) {
                    break;
                }
            }
        }
    }
    assert!(struck > 100, "{struck}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Power cuts at any point of any work, several in a row: what was signed stands, and the rest comes from the caller.
    #[test]
    fn a_power_cut_leaves_a_signed_tree(
        steps in prop::collection::vec((0..300_u64, 0..4_u8), 1..12), seed in any::<u64>(),
    ) {
        let disk = SimulatedDisk::new();
        let mut tree = create(Arc::new(disk.clone()));
        let mut promised = 0;
        for (n, (more, what)) in (0_u64..).zip(steps) {
            let to = tree.size() + more;
            grow(&mut tree, to).unwrap();
            match what {
                0 => tree.flush().unwrap(),
                1 => promised = Checkpoint::parse(tree.publish(&signer(), NOW_S).unwrap().text()).unwrap().size,
                2 => {
                    disk.cut_power(seed.wrapping_add(n));
                    tree = open(Arc::new(disk.clone())).unwrap();
                    prop_assert!(tree.size() >= promised, "{} of {promised}", tree.size());
                    prop_assert!(tree.recovered().is_none());
                }
                _ => (),
            }
        }
        tree.publish(&signer(), NOW_S).unwrap();
        prop_assert_eq!(tree.root(), root_of(&leaves(tree.size())));
        check_whole(Arc::new(disk), tree.size());
    }
}
