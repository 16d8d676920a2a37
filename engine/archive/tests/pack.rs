//! Evidence packs: whole ones are verified and searched, and whatever is changed in one is found and named.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use noroshi_archive::pack::{self, Against, Contents, Packed, Read};
use noroshi_archive::search::query::parse;
use noroshi_archive::search::{Control, Search};
use noroshi_archive::tree::note::sign_text;
use noroshi_archive::tree::{KeyKind, Note, Signer, Verifier};
use noroshi_archive::{Appender, Archive, Entry, FrameWriter, InputOptions, SIGNING_KEY, Settings};
use noroshi_files::{Files, SimulatedDisk};
use serde_json::{Map, json};

/// 2026-03-02T10:00:00Z.
const NOON: i64 = 1_772_445_600_000_000_000;

const DIRECTORY: &str = "/archive";

fn settings() -> Settings {
    Settings {
        directory: DIRECTORY.into(),
        segment_bytes: 1 << 20,
        segment_age: Duration::from_secs(3600),
        inputs: inputs(),
        node: "test node".into(),
        clock: || NOON,
        uptime: || std::time::Duration::ZERO,
        retention: noroshi_archive::Retention::default(),
    }
}

fn inputs() -> BTreeMap<String, InputOptions> {
    BTreeMap::from([("fw".to_owned(), InputOptions { split: true, ..InputOptions::default() })])
}

fn submit(appender: &Appender, order: u64, records: &[Vec<u8>]) {
    let first = appender.claim(records.len());
    let mut frame = FrameWriter::new(first, "fw", None, ["192.0.2.9:514".into()].into_iter());
    for (at, record) in records.iter().enumerate() {
        frame.push(record, &Entry { receive_time_ns: NOON + at as i64, lines: 1, ..Entry::default() });
    }
    appender.submit(order, first, Some(frame), None);
    assert!(appender.wait_durable(order + 1, Duration::from_secs(20)));
}

fn sshd(number: usize) -> Vec<u8> {
    format!("<86>Mar  2 10:00:07 web1 sshd[{number}]: Failed password for root from 203.0.113.{number} port 22 ssh2")
        .into_bytes()
}

/// A disk with an archive of six sealed records, one of them no text and one with two events.
fn archive() -> (SimulatedDisk, Arc<dyn Files>) {
    let disk = SimulatedDisk::new();
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    disk.create_directory(Path::new("/archive/keys")).unwrap();
    let signer = Signer::from_seed("noroshi/test-node", KeyKind::Note, &[7; 32]).unwrap();
    signer.save(&disk, &Path::new(DIRECTORY).join(SIGNING_KEY)).unwrap();
    let archive = Archive::open(Arc::clone(&files), settings()).unwrap();
    let appender = archive.appender();
    let mut records: Vec<Vec<u8>> = (0..4).map(sshd).collect();
    records.push(b"no text \xff\x00".to_vec());
    records.push(br#"[{"user":"sato","action":"a"},{"user":"sato","action":"b"}]"#.to_vec());
    submit(&appender, 0, &records);
    drop(appender);
    archive.stop().unwrap();
    (disk, files)
}

fn key() -> Verifier {
    Signer::from_seed("noroshi/test-node", KeyKind::Note, &[7; 32]).unwrap().verifier().clone()
}

fn contents() -> Contents {
    let told = json!({"by": {"uid": 0}, "asked": {"query": "x"}});
    Contents {
        alert: Some(json!({"noroshi": {"id": "00ff"}})),
        notes: Some("seen by both of us\n".into()),
        rules: vec![("../root login.yml".into(), b"title: x\n".to_vec())],
        told: told.as_object().cloned().unwrap_or_else(Map::new),
        time_s: 1_772_445_700,
    }
}

fn write(files: &Arc<dyn Files>, sequences: &[u64]) -> (Vec<u8>, Packed) {
    let search = Search::open(Arc::clone(files), Path::new(DIRECTORY), inputs()).unwrap();
    let sequences: BTreeSet<u64> = sequences.iter().copied().collect();
    let mut out = Vec::new();
    let packed = pack::write(files, Path::new(DIRECTORY), &search, &sequences, &contents(), &mut out).unwrap();
    (out, packed)
}

fn read(bytes: &[u8]) -> Read {
    pack::read(bytes, &Against { keys: vec![key()], witnesses: Vec::new() })
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    zstd::decode_all(bytes).unwrap()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// Name, where its bytes begin in the tar, and the bytes.
fn members(tar: &[u8]) -> Vec<(String, usize, Vec<u8>)> {
    let mut archive = tar::Archive::new(tar);
    let member = |mut entry: tar::Entry<'_, &[u8]>| {
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().display().to_string(), entry.raw_file_position() as usize, content)
    };
    archive.entries().unwrap().map(|entry| member(entry.unwrap())).collect()
}

fn tar_of(members: &[(&str, &[u8], tar::EntryType)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes, kind) in members {
        let mut header = tar::Header::new_ustar();
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        if *kind == tar::EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn a_pack_is_verified_without_the_archive_and_searched() {
    let (disk, files) = archive();
    let (bytes, told) = write(&files, &[1, 3, 4, 5]);
    assert_eq!((told.records, told.events, told.unsealed.len(), told.bytes), (4, 5, 0, bytes.len() as u64));
    assert_eq!(write(&files, &[1, 3, 4, 5]).0, bytes, "the same pack byte for byte");
    let read = read(&bytes);
    assert!(read.faults.is_empty() && read.undecided.is_empty(), "{:?} {:?}", read.faults, read.undecided);
    assert_eq!((read.proven, read.events), (4, 5));
    assert_eq!(read.manifest["asked"]["query"], "x");
    assert_eq!(read.alert.as_ref().unwrap()["noroshi"]["id"], "00ff");
    let names: Vec<String> = members(&unpacked(&bytes)).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names[..5], ["checkpoint", "log.pub", "alert.json", "notes.txt", "rules/0000-.._root_login.yml"]);
    assert_eq!(names[5], "proofs/00000000000000000001.txt");
    assert_eq!(names[names.len() - 4..], ["records.ndjson", "records.parquet", "manifest.json", "manifest.note"]);
    let search = pack::search(&read.parquet).unwrap();
    let run = |query: &str| {
        let control = Control { cancelled: &AtomicBool::new(false), progress: &|_, _| {} };
        search.run(&parse(query).unwrap(), (i64::MIN, i64::MAX), control).rows
    };
    assert_eq!(run("source.ip:203.0.113.3").len(), 1);
    assert_eq!(run("source.ip:203.0.113.2").len(), 0, "not in the pack");
    assert_eq!(run("| stats count")[0]["count"], 5);

    let other = Signer::from_seed("noroshi/test-node", KeyKind::Note, &[8; 32]).unwrap().verifier().clone();
    let of_other = pack::read(&*bytes, &Against { keys: vec![other], witnesses: Vec::new() });
    assert_eq!(of_other.faults[0].member, "checkpoint");
    let alone = pack::read(&*bytes, &Against::default());
    assert!(alone.faults.is_empty() && alone.key == Some(key()));
    let witness = Signer::from_seed("witness.example.com/w1", KeyKind::Cosignature, &[9; 32]).unwrap();
    let witnesses = vec![witness.verifier().clone()];
    let against = Against { keys: vec![key()], witnesses };
    let unwitnessed = pack::read(&*bytes, &against);
    assert!(unwitnessed.faults[0].told.contains("did not cosign"), "{:?}", unwitnessed.faults);
    // Once the witness has cosigned the tree's state, packs carry it.
    let checkpoint = Path::new(DIRECTORY).join("tree/checkpoint");
    let mut note = Note::parse(&disk.read(&checkpoint).unwrap()).unwrap();
    assert!(note.add(sign_text(note.text(), &witness, 1_772_445_800)));
    disk.create(&checkpoint).unwrap().write_all(note.to_string().as_bytes()).unwrap();
    let witnessed = pack::read(&*write(&files, &[1]).0, &against);
    assert!(witnessed.faults.is_empty(), "{:?}", witnessed.faults);
    assert_eq!(witnessed.witnessed, [("witness.example.com/w1".to_owned(), 1_772_445_800)]);
}

#[test]
fn what_is_not_sealed_yet_is_told() {
    let (_disk, files) = archive();
    let archive = Archive::open(Arc::clone(&files), settings()).unwrap();
    let appender = archive.appender();
    submit(&appender, 0, &[sshd(40), sshd(41)]);
    let (bytes, told) = write(&files, &[0, 7]);
    assert_eq!(told.unsealed, BTreeSet::from([7]));
    let read = read(&bytes);
    assert_eq!((read.faults.len(), read.undecided.len(), read.proven, read.events), (0, 1, 1, 2));
    drop(appender);
    archive.stop().unwrap();
    let (bytes, told) = write(&files, &[0, 7]);
    assert!(told.unsealed.is_empty() && self::read(&bytes).undecided.is_empty());
}

#[test]
fn every_changed_member_is_found_and_named() {
    let (_disk, files) = archive();
    let (bytes, _) = write(&files, &[0, 4, 5]);
    let tar = unpacked(&bytes);
    assert!(read(&packed(&tar)).faults.is_empty());
    for (name, begin, content) in members(&tar) {
        let step = (content.len() / 40).max(1);
        for at in (0..content.len()).step_by(step).chain([content.len() - 1]) {
            let mut changed = tar.clone();
            changed[begin + at] ^= 0x04;
            let faults = read(&packed(&changed)).faults;
            // What the signature signs is the manifest, and a key that is another signs nothing.
            let named = faults.iter().any(|fault| fault.member == name)
                || (name == "log.pub" && !faults.is_empty())
                || (name == "manifest.note" && faults[0].member == "manifest.json");
            assert!(named, "byte {at} of {name}: {faults:?}");
        }
        let mut cut = tar.clone();
        cut.truncate(begin + content.len() / 2);
        assert!(!read(&packed(&cut)).faults.is_empty(), "cut in {name}");
    }
    // Headers: every byte but those that nothing is made of.
    for (name, begin, _) in members(&tar) {
        for at in [0, 99, 100, 124, 135, 148, 156, 257] {
            let mut changed = tar.clone();
            changed[begin - 512 + at] ^= 0x11;
            assert!(!read(&packed(&changed)).faults.is_empty(), "byte {at} of the header of {name}");
        }
    }
    // The compressed bytes.
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x20;
        // A bit that nothing is unpacked from changes nothing of what is said.
        let is_same = || zstd::decode_all(&*changed).is_ok_and(|unpacked| unpacked == tar);
        assert!(!read(&changed).faults.is_empty() || is_same(), "byte {at} of the pack");
    }
}

#[test]
fn members_that_were_left_out_added_or_moved_are_found() {
    let (_disk, files) = archive();
    let (bytes, _) = write(&files, &[0, 1, 2]);
    let tar = unpacked(&bytes);
    let members = members(&tar);
    let plain: Vec<(&str, &[u8], tar::EntryType)> =
        members.iter().map(|(name, _, content)| (name.as_str(), content.as_slice(), tar::EntryType::Regular)).collect();
    assert!(read(&packed(&tar_of(&plain))).faults.is_empty());
    for at in 0..plain.len() {
        let mut without = plain.clone();
        let (name, ..) = without.remove(at);
        let faults = read(&packed(&tar_of(&without))).faults;
        assert!(faults.iter().any(|fault| fault.member == name) || name == "log.pub" || name == "checkpoint", "{name}");
        assert!(!faults.is_empty(), "{name}");
        let mut twice = plain.clone();
        twice.insert(at, plain[at]);
        let faults = read(&packed(&tar_of(&twice))).faults;
        assert!(faults.iter().any(|fault| fault.member == plain[at].0 && fault.told.contains("second member")));
    }
    for (name, kind, expected) in [
        ("../../etc/cron.d/x", tar::EntryType::Regular, "no plain one"),
        ("/etc/passwd", tar::EntryType::Regular, "no plain one"),
        ("a//b", tar::EntryType::Regular, "no plain one"),
        ("a\u{1b}[2Jb", tar::EntryType::Regular, "no plain one"),
        ("rules/x.yml", tar::EntryType::Symlink, "no plain file"),
        ("rules/x.yml", tar::EntryType::Link, "no plain file"),
        ("rules", tar::EntryType::Directory, "no plain file"),
        ("dev", tar::EntryType::Char, "no plain file"),
        ("long", tar::EntryType::GNULongName, "no plain file"),
        ("pax", tar::EntryType::XHeader, "no plain file"),
        ("rules/9999-x.yml", tar::EntryType::Regular, "the manifest does not have it"),
    ] {
        let mut with = plain.clone();
        with.insert(3, (name, b"", kind));
        let faults = read(&packed(&tar_of(&with))).faults;
        assert!(faults.iter().any(|fault| fault.told.contains(expected)), "{name} {kind:?}: {faults:?}");
        assert!(faults.iter().all(|fault| !fault.member.contains('\u{1b}')));
    }
    let mut behind = plain.clone();
    behind.push(("rules/x.yml", b"", tar::EntryType::Regular));
    assert!(read(&packed(&tar_of(&behind))).faults[0].told.contains("behind the signature"));
    let trailing = [tar_of(&plain), b"more".to_vec()].concat();
    assert!(read(&packed(&trailing)).faults[0].told.contains("belong to no member"));
    assert!(!read(b"").faults.is_empty() && !read(b"no pack at all").faults.is_empty());
}

#[test]
fn a_bomb_is_not_unpacked() {
    // A header that says a terabyte, and none of it there.
    let mut header = tar::Header::new_ustar();
    header.set_path("checkpoint").unwrap();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(1 << 40);
    header.set_cksum();
    let faults = read(&packed(header.as_bytes())).faults;
    assert!(faults[0].told.contains("are the most"), "{faults:?}");
}

#[test]
fn the_pack_of_another_archive_does_not_pass_for_this_one() {
    let (_disk, files) = archive();
    let (bytes, _) = write(&files, &[0]);
    let tar = unpacked(&bytes);
    // Records of a pack exchanged against those of another one under the same key: the manifest is another.
    let (other, _) = write(&files, &[1]);
    let (mine, theirs) = (members(&tar), members(&unpacked(&other)));
    for name in ["records.ndjson", "records.parquet", "manifest.json", "manifest.note"] {
        let take = |(mine_name, _, content): &(String, usize, Vec<u8>)| {
            let other = theirs.iter().find(|(other, ..)| other == name && mine_name == name);
            (mine_name.clone(), other.map_or_else(|| content.clone(), |(_, _, other)| other.clone()))
        };
        let mixed: Vec<(String, Vec<u8>)> = mine.iter().map(take).collect();
        let mixed: Vec<(&str, &[u8], tar::EntryType)> =
            mixed.iter().map(|(name, content)| (name.as_str(), content.as_slice(), tar::EntryType::Regular)).collect();
        let faults = read(&packed(&tar_of(&mixed))).faults;
        assert!(!faults.is_empty(), "{name}");
    }
}

#[test]
fn a_mutilated_pack_says_the_same_or_does_not_pass() {
    let (_disk, files) = archive();
    let (bytes, _) = write(&files, &[0, 4, 5]);
    let tar = unpacked(&bytes);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for round in 0..400 {
        let mut changed = tar.clone();
        for _ in 0..=random(3) {
            let at = random(changed.len());
            match random(4) {
                0 => changed[at] = random(256) as u8,
                1 => changed.truncate(at.max(1)),
                2 => {
                    let from = random(changed.len());
                    let piece: Vec<u8> = changed[from..].iter().take(random(2000)).copied().collect();
                    changed.splice(at..at, piece);
                }
                _ => drop(changed.drain(at..(at + 1 + random(600)).min(changed.len()))),
            }
            if changed.is_empty() {
                changed.push(0);
            }
        }
        // Bytes that fill a block up belong to no member; whatever passes says the same.
        let said = |tar: &[u8]| members(tar).into_iter().map(|(name, _, content)| (name, content)).collect::<Vec<_>>();
        if read(&packed(&changed)).faults.is_empty() {
            assert!(said(&changed) == said(&tar), "round {round}");
        }
    }
}
