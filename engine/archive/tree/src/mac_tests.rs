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

/// What a check of these frames comes to.
fn check(first: &FirstKey, saved: &TailState, epoch: u64, frames: &[(Vec<u8>, FrameMac)]) -> Result<(), TailFault> {
    let mut check = TailCheck::new(first, saved, epoch);
    for (message, mac) in frames {
        check.frame(message, mac, false)?;
    }
    check.finish()
}

fn state(chain: &KeyChain, ended: &[Ended]) -> TailState {
    TailState { chain: chain.clone(), ended: ended.to_vec() }
}

/// Computed once with Python's hmac and hashlib from the formulas of the module's text.
#[test]
fn keys_and_macs_are_those_of_the_formulas() {
    let mut chain = first().epoch(0);
    let hex = |mac: FrameMac| mac.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!(hex(chain.mac(b"one")), "bcaa1d46e560507c26edb1b02c1c52bcc2aaecd8e6a17802006bd8e528cb13b1");
    assert_eq!(hex(chain.mac(b"two")), "4f050f40981931b58b18eedf7ba937673bd3e9f94126461a95167445df7e5ff3");
    assert_eq!(hex(chain.end().mac), "56f57009596b7b6e5351d10f47e2cf6bed760ea31053bf0c801bb71452f63e2e");
    assert_eq!(hex(chain.mac(b"")), "25939bc478d88d31f1a07e18fccea4c44d4c8594108bdbfd6debd3f0b445e989");
}

#[test]
fn a_closed_segment_is_whole_or_told() {
    let mut chain = first().epoch(0);
    let (mut closed, mut ended) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        closed.push(segment(&mut chain, 5));
        ended.push(chain.end());
    }
    let saved = state(&chain, &ended);
    for (epoch, frames) in (0..).zip(&closed) {
        assert_eq!(check(&first(), &saved, epoch, frames), Ok(()));
        for cut in 0..5 {
            let fault = check(&first(), &saved, epoch, &frames[..cut]);
            assert_eq!(fault, Err(TailFault::Truncated { frames: cut as u64, counted: 5 }));
            let mut fewer = saved.clone();
            fewer.ended[epoch as usize].frames = cut as u64;
            assert_eq!(check(&first(), &fewer, epoch, &frames[..cut]), Err(TailFault::State), "the count is held too");
        }
        assert_eq!(check(&first(), &state(&chain, &[]), epoch, frames), Err(TailFault::Strange));
        assert!(check(&first(), &saved, epoch + 1, frames).is_err());
        assert!(check(&FirstKey::from_bytes([8; 32]), &saved, epoch, frames).is_err());
    }
    let frames = &closed[1];
    for at in 0..5 {
        let index = at as u64;
        let mut bad = frames.clone();
        bad[at].0[0] ^= 1;
        assert_eq!(check(&first(), &saved, 1, &bad), Err(TailFault::Frame { index }));
        bad.clone_from(frames);
        bad[at].1[31] ^= 1;
        assert_eq!(check(&first(), &saved, 1, &bad), Err(TailFault::Frame { index }));
        bad.clone_from(frames);
        bad.remove(at);
        assert!(check(&first(), &saved, 1, &bad).is_err());
        bad.clone_from(frames);
        bad.insert(at, frames[at].clone());
        assert!(check(&first(), &saved, 1, &bad).is_err());
        bad.clone_from(frames);
        bad.swap(at, (at + 1) % 5);
        assert!(check(&first(), &saved, 1, &bad).is_err());
    }
}

/// The intruder has the saved state and every file, and cuts the tail or writes it anew.
#[test]
fn a_tail_cut_or_rewritten_after_the_intrusion_shows() {
    let disk = SimulatedDisk::new();
    disk.create_directory(Path::new("/a")).unwrap();
    let path = Path::new("/a/tail.state");
    let mut chain = first().epoch(4);
    let mut frames = segment(&mut chain, 20);
    state(&chain, &[]).save(&disk, path).unwrap();
    // Frames behind the last save are good, and may be missing after a crash.
    let behind = b"frame 4 20".to_vec();
    frames.push((behind.clone(), chain.mac(&behind)));
    let saved = || TailState::load(&disk, path).unwrap();
    assert_eq!((saved().chain.epoch(), saved().chain.index()), (4, 20));
    assert_eq!(check(&first(), &saved(), 4, &frames), Ok(()));
    assert_eq!(check(&first(), &saved(), 4, &frames[..20]), Ok(()));
    for cut in 0..20 {
        let fault = check(&first(), &saved(), 4, &frames[..cut]);
        assert_eq!(fault, Err(TailFault::Truncated { frames: cut as u64, counted: 20 }));
        // The count put back to the cut: the key of that place is gone, the one at hand is of another.
        let mut forged = saved();
        forged.chain.index = cut as u64;
        assert_eq!(check(&first(), &forged, 4, &frames[..cut]), Err(TailFault::State));
        // Frames written anew with the keys at hand.
        let mut anew = frames[..cut].to_vec();
        let mut keys = forged.chain.clone();
        anew.extend(segment(&mut keys, 3));
        assert_eq!(check(&first(), &forged, 4, &anew), Err(TailFault::State));
        assert_eq!(check(&first(), &saved(), 4, &anew), Err(TailFault::Frame { index: cut as u64 }));
    }
    // A later epoch than the state's is one begun since; an earlier one ought to be closed.
    assert_eq!(check(&first(), &saved(), 3, &[]), Err(TailFault::Strange));
    assert_eq!(check(&first(), &saved(), 5, &[]), Ok(()));
    let mut other = saved();
    other.chain.next_epoch[0] ^= 1;
    assert_eq!(check(&first(), &other, 4, &frames), Err(TailFault::State));
}

/// The power went while frames were written that nobody had been told of: some are torn, later ones are whole.
#[test]
fn what_a_crash_tore_behind_the_count_is_no_forgery() {
    let mut chain = first().epoch(0);
    let mut frames = segment(&mut chain, 3);
    let saved = state(&chain, &[]);
    frames.extend(segment(&mut chain, 6));
    let verdict = |torn: std::ops::Range<usize>| {
        let mut check = TailCheck::new(&first(), &saved, 0);
        for (at, (message, mac)) in frames.iter().enumerate().filter(|(at, _)| !torn.contains(at)) {
            check.frame(message, mac, at > 0 && at == torn.end)?;
        }
        check.finish()
    };
    for from in 3..9 {
        for to in from..=9 {
            assert_eq!(verdict(from..to), Ok(()), "{from}..{to}");
        }
    }
    // Of what was counted nothing may be torn.
    assert_eq!(verdict(2..4), Err(TailFault::Frame { index: 2 }));
    let mut check = TailCheck::new(&first(), &saved, 0);
    frames[..3].iter().for_each(|(message, mac)| check.frame(message, mac, false).unwrap());
    assert!(check.is_behind_counted());
    assert_eq!(check.frame(b"forged", &[0; 32], true), Err(TailFault::Frame { index: 3 }));
}

#[test]
fn a_state_goes_on_where_it_was_saved_and_holds_no_older_key() {
    let disk = SimulatedDisk::new();
    disk.create_directory(Path::new("/a")).unwrap();
    let path = Path::new("/a/tail.state");
    let (mut chain, mut ended) = (first().epoch(0), Vec::new());
    let mut texts = Vec::new();
    for _ in 0..3 {
        state(&chain, &ended).save(&disk, path).unwrap();
        texts.push(String::from_utf8(disk.read(path).unwrap()).unwrap());
        let again = TailState::load(&disk, path).unwrap();
        assert_eq!(again.ended, ended);
        let mut again = again.chain;
        assert_eq!(again.mac(b"x"), chain.mac(b"x"));
        ended.push(chain.end());
        assert_eq!((&again.end(), again.mac(b"y")), (&ended[ended.len() - 1], chain.mac(b"y")));
    }
    let keys: std::collections::HashSet<_> = texts
        .iter()
        .flat_map(|text| text.lines().filter(|line| line.starts_with("key ") || line.starts_with("next ")))
        .collect();
    assert_eq!(keys.len(), 6, "every key is in one state alone");
    for (at, byte) in texts[2].bytes().enumerate() {
        let mut bad = texts[2].clone().into_bytes();
        bad[at] = if byte == b'!' { b'?' } else { b'!' };
        assert!(TailState::parse(&bad).is_none(), "byte {at}");
        let is_line = at > 0 && bad[at - 1] == b'\n' && texts[2][..at].lines().count() >= 5;
        assert!(is_line || TailState::parse(&bad[..at]).is_none(), "cut at {at}");
    }
    for wrong in ["epoch 99999999999", "epoch 0"] {
        assert!(TailState::parse(texts[2].replace("epoch 2", wrong).as_bytes()).is_none(), "an end of a later epoch");
    }
}

#[test]
fn a_save_is_whole_private_and_repeatable() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tail.state");
    let files = FaultyFiles::new(RealFiles);
    let mut chain = first().epoch(0);
    let save = |chain: &KeyChain| state(chain, &[]).save(&files, &path);
    let load = || TailState::load(&files, &path).unwrap().chain.index();
    save(&chain).unwrap();
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
        assert!(save(&chain).is_err());
        let found = load();
        assert!(found == chain.index() || found + 1 == chain.index());
        save(&chain).unwrap();
        assert_eq!(load(), chain.index());
    }
    let missing = TailState::load(&files, &directory.path().join("none")).unwrap_err();
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
