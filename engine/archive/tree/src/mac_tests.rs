//! The tail of a host that was taken over: what can be done to it shows.

use noroshi_files::{Fault, FaultyFiles, Operation, RealFiles, SimulatedDisk};

use super::*;

fn first() -> FirstKey {
    FirstKey::from_bytes([7; 32])
}

/// A segment of `n` frames, its end, and the chain behind it.
fn segment(chain: &mut KeyChain, n: usize) -> Vec<(Vec<u8>, FrameMac)> {
    let frames = (0..n).map(|i| format!("frame {} {i}", chain.epoch()).into_bytes()).collect::<Vec<_>>();
    frames.into_iter().map(|frame| (frame.clone(), chain.mac(&frame))).collect()
}

fn each(frames: &[(Vec<u8>, FrameMac)]) -> impl Iterator<Item = (&[u8], FrameMac)> {
    frames.iter().map(|(message, mac)| (message.as_slice(), *mac))
}

/// Computed once with Python's hmac and hashlib from the formulas of the module's text.
#[test]
fn keys_and_macs_are_those_of_the_formulas() {
    let mut chain = first().epoch(0);
    let hex = |mac: FrameMac| mac.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!(hex(chain.mac(b"one")), "bcaa1d46e560507c26edb1b02c1c52bcc2aaecd8e6a17802006bd8e528cb13b1");
    assert_eq!(hex(chain.mac(b"two")), "4f050f40981931b58b18eedf7ba937673bd3e9f94126461a95167445df7e5ff3");
    assert_eq!(hex(chain.end()), "56f57009596b7b6e5351d10f47e2cf6bed760ea31053bf0c801bb71452f63e2e");
    assert_eq!(hex(chain.mac(b"")), "25939bc478d88d31f1a07e18fccea4c44d4c8594108bdbfd6debd3f0b445e989");
}

#[test]
fn a_closed_segment_is_whole_or_told() {
    let mut chain = first().epoch(0);
    let mut closed = Vec::new();
    for _ in 0..3 {
        let frames = segment(&mut chain, 5);
        closed.push((frames, chain.end()));
    }
    for (epoch, (frames, end)) in (0..).zip(&closed) {
        assert_eq!(verify_closed(&first(), epoch, each(frames), Some(end)), Ok(5));
        for cut in 0..5 {
            let fault = verify_closed(&first(), epoch, each(&frames[..cut]), Some(end));
            assert_eq!(fault, Err(TailFault::Truncated { frames: cut as u64, counted: None }));
        }
        assert!(verify_closed(&first(), epoch, each(frames), None).is_err());
        assert!(verify_closed(&first(), epoch + 1, each(frames), Some(end)).is_err());
        assert!(verify_closed(&FirstKey::from_bytes([8; 32]), epoch, each(frames), Some(end)).is_err());
    }
    let (frames, end) = &closed[1];
    for at in 0..5 {
        let index = at as u64;
        let mut bad = frames.clone();
        bad[at].0[0] ^= 1;
        assert_eq!(verify_closed(&first(), 1, each(&bad), Some(end)), Err(TailFault::Frame { index }));
        bad.clone_from(frames);
        bad[at].1[31] ^= 1;
        assert_eq!(verify_closed(&first(), 1, each(&bad), Some(end)), Err(TailFault::Frame { index }));
        bad.clone_from(frames);
        bad.remove(at);
        assert!(verify_closed(&first(), 1, each(&bad), Some(end)).is_err());
        bad.clone_from(frames);
        bad.insert(at, frames[at].clone());
        assert!(verify_closed(&first(), 1, each(&bad), Some(end)).is_err());
        bad.clone_from(frames);
        bad.swap(at, (at + 1) % 5);
        assert!(verify_closed(&first(), 1, each(&bad), Some(end)).is_err());
    }
}

/// The intruder has the saved state and every file, and cuts the tail or writes it anew.
#[test]
fn a_tail_cut_or_rewritten_after_the_intrusion_shows() {
    let disk = SimulatedDisk::new();
    disk.create_directory(Path::new("/a")).unwrap();
    let path = Path::new("/a/mac.state");
    let mut chain = first().epoch(4);
    let mut frames = segment(&mut chain, 20);
    chain.save(&disk, path).unwrap();
    // Frames behind the last save are good, and may be missing after a crash.
    let behind = b"frame 4 20".to_vec();
    frames.push((behind.clone(), chain.mac(&behind)));
    let saved = || KeyChain::load(&disk, path).unwrap();
    assert_eq!((saved().epoch(), saved().index()), (4, 20));
    assert_eq!(verify_open(&first(), &saved(), 4, each(&frames)), Ok(21));
    assert_eq!(verify_open(&first(), &saved(), 4, each(&frames[..20])), Ok(20));
    for cut in 0..20 {
        let fault = verify_open(&first(), &saved(), 4, each(&frames[..cut]));
        assert_eq!(fault, Err(TailFault::Truncated { frames: cut as u64, counted: Some(20) }));
        // The count put back to the cut: the key of that place is gone, the one at hand is of another.
        let mut forged = saved();
        forged.index = cut as u64;
        assert_eq!(verify_open(&first(), &forged, 4, each(&frames[..cut])), Err(TailFault::State));
        // Frames written anew with the keys at hand.
        let mut anew = frames[..cut].to_vec();
        let mut forged = saved();
        forged.index = cut as u64;
        anew.extend(segment(&mut forged, 3));
        assert_eq!(verify_open(&first(), &forged, 4, each(&anew)), Err(TailFault::Frame { index: cut as u64 }));
    }
    // A later epoch than the state's is one begun since; an earlier one ought to be closed.
    assert!(matches!(verify_open(&first(), &saved(), 3, each(&[])), Err(TailFault::Truncated { .. })));
    assert_eq!(verify_open(&first(), &saved(), 5, each(&[])), Ok(0));
    let mut other = saved();
    other.next_epoch[0] ^= 1;
    assert_eq!(verify_open(&first(), &other, 4, each(&frames)), Err(TailFault::State));
}

#[test]
fn a_state_goes_on_where_it_was_saved_and_holds_no_older_key() {
    let disk = SimulatedDisk::new();
    disk.create_directory(Path::new("/a")).unwrap();
    let path = Path::new("/a/mac.state");
    let mut chain = first().epoch(0);
    let mut texts = Vec::new();
    for _ in 0..3 {
        chain.save(&disk, path).unwrap();
        texts.push(String::from_utf8(disk.read(path).unwrap()).unwrap());
        let mut again = KeyChain::load(&disk, path).unwrap();
        assert_eq!(again.mac(b"x"), chain.mac(b"x"));
        assert_eq!((again.end(), again.mac(b"y")), (chain.end(), chain.mac(b"y")));
    }
    let keys: std::collections::HashSet<_> =
        texts.iter().flat_map(|text| text.lines().filter(|line| line.len() > 40)).collect();
    assert_eq!(keys.len(), 6, "every key is in one state alone");
    for (at, byte) in texts[0].bytes().enumerate() {
        let mut bad = texts[0].clone().into_bytes();
        bad[at] = if byte == b'!' { b'?' } else { b'!' };
        assert!(KeyChain::parse(&bad).is_none(), "byte {at}");
        assert!(KeyChain::parse(&bad[..at]).is_none());
    }
    assert!(KeyChain::parse(texts[0].replace("epoch 0", "epoch 99999999999").as_bytes()).is_none());
}

#[test]
fn a_save_is_whole_private_and_repeatable() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mac.state");
    let files = FaultyFiles::new(RealFiles);
    let mut chain = first().epoch(0);
    chain.save(&files, &path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for (operation, nth) in [
        (Operation::Open, 1),
        (Operation::Write, 1),
        (Operation::Sync, 1),
        (Operation::Rename, 1),
        (Operation::Sync, 2),
    ] {
        chain.mac(b"x");
        files.fail(operation, nth, Fault::Io);
        assert!(chain.save(&files, &path).is_err());
        let found = KeyChain::load(&files, &path).unwrap().index();
        assert!(found == chain.index() || found + 1 == chain.index());
        chain.save(&files, &path).unwrap();
        assert_eq!(KeyChain::load(&files, &path).unwrap().index(), chain.index());
    }
    let missing = KeyChain::load(&files, &directory.path().join("none")).unwrap_err();
    assert!(matches!(missing, MacError::File { .. }));
}

#[test]
fn a_first_key_is_typed_without_mistakes() {
    let key = FirstKey::generate().unwrap();
    let text = key.to_text();
    let mut again = FirstKey::parse(&format!("  {}\n", text.as_str())).unwrap().epoch(1);
    assert_eq!(again.mac(b"x"), key.epoch(1).mac(b"x"));
    assert!(!format!("{key:?} {again:?}").contains(text.rsplit('+').next().unwrap()));
    for at in 0..text.len() {
        let mut bad = text.as_bytes().to_vec();
        bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
        assert!(FirstKey::parse(std::str::from_utf8(&bad).unwrap()).is_err(), "character {at}");
    }
    assert!(FirstKey::parse("").is_err() && FirstKey::parse(&text[..text.len() - 1]).is_err());
}
