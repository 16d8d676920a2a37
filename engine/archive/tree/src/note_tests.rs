//! Notes against the known answers of other implementations, and against everything that is almost a note.

use std::sync::Arc;

use noroshi_files::{Files, RealFiles};

use super::*;
use crate::key::KeyError;

// The example of Go's `golang.org/x/mod/sumdb/note`: key, text and signature.
const PRIVATE: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const LINE: &str =
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn witness() -> Signer {
    Signer::from_seed("witness.example.com/w1", KeyKind::Cosignature, &[7; 32]).unwrap()
}

#[test]
fn a_known_key_signs_the_known_signature() {
    let signer = Signer::parse(PRIVATE).unwrap();
    assert_eq!(signer.verifier().to_string(), PUBLIC);
    let note = Note::sign(TEXT.to_owned(), &signer, 0).unwrap();
    assert_eq!(note.to_string(), format!("{TEXT}\n{LINE}"));
    assert_eq!(Note::parse(note.to_string().as_bytes()).unwrap(), note);
    let known = [Verifier::parse(PUBLIC).unwrap()];
    assert_eq!(note.verify(&known).unwrap(), [Signed { by: &known[0], time_s: None }]);
    assert!(!format!("{signer:?}").contains("AYEK"));
}

#[test]
fn every_changed_character_of_a_key_is_told() {
    for key in [PRIVATE, PUBLIC] {
        for at in 0..key.len() {
            let mut bad = key.as_bytes().to_vec();
            bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
            let bad = String::from_utf8(bad).unwrap();
            assert!(Signer::parse(&bad).is_err() && Verifier::parse(&bad).is_err(), "{bad}");
        }
        assert!(Verifier::parse(&key[..key.len() - 1]).is_err() && Verifier::parse("").is_err());
    }
}

#[test]
fn a_cosignature_says_when_and_over_what() {
    let (log, witness) = (Signer::parse(PRIVATE).unwrap(), witness());
    let mut note = Note::sign(TEXT.to_owned(), &log, 0).unwrap();
    assert!(note.add(sign_text(TEXT, &witness, 1_790_000_000)));
    let known = [log.verifier().clone(), witness.verifier().clone()];
    let times: Vec<_> = note.verify(&known).unwrap().iter().map(|s| s.time_s).collect();
    assert_eq!(times, [None, Some(1_790_000_000)]);
    // A later cosignature takes the place of the older one.
    assert!(note.add(sign_text(TEXT, &witness, 1_790_000_060)));
    assert_eq!((note.signatures().len(), note.verify(&known).unwrap()[1].time_s), (2, Some(1_790_000_060)));
    // The same key of the other kind is another key.
    let plain = Signer::from_seed("witness.example.com/w1", KeyKind::Note, &[7; 32]).unwrap();
    assert_ne!(plain.verifier().id(), witness.verifier().id());
}

#[test]
fn every_flipped_bit_of_a_note_fails() {
    let (log, witness) = (Signer::parse(PRIVATE).unwrap(), witness());
    let mut note = Note::sign("example.com/log\n3\nAAAA\n".to_owned(), &log, 0).unwrap();
    note.add(sign_text(note.text(), &witness, 1_790_000_000));
    let known = [log.verifier().clone(), witness.verifier().clone()];
    let whole = note.to_string().into_bytes();
    assert_eq!(Note::parse(&whole).unwrap().verify(&known).unwrap().len(), 2);
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bad = whole.clone();
            bad[at] ^= 1 << bit;
            let both = Note::parse(&bad).ok().and_then(|note| note.verify(&known).ok().map(|s| s.len()));
            assert_ne!(both, Some(2), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn signatures_of_unknown_keys_are_ignored_and_those_of_known_ones_are_not() {
    let known = [Verifier::parse(PUBLIC).unwrap()];
    let stranger = Signer::from_seed("PeterNeumann", KeyKind::Note, &[1; 32]).unwrap();
    let by_stranger = Note::sign(TEXT.to_owned(), &stranger, 0).unwrap();
    assert_eq!(by_stranger.verify(&known), Err(NoteError::Unsigned));
    let both = format!("{by_stranger}{LINE}");
    assert_eq!(Note::parse(both.as_bytes()).unwrap().verify(&known).unwrap().len(), 1);
    // A forged signature beside a good one of another key spoils the note.
    let mut forged = by_stranger.signatures()[0].clone();
    forged.id = known[0].id();
    let forged = format!("{TEXT}\n{LINE}{forged}");
    let error = Note::parse(forged.as_bytes()).unwrap().verify(&known).unwrap_err();
    assert_eq!(error, NoteError::Forged { name: "PeterNeumann".to_owned() });
}

#[test]
fn what_is_almost_a_note_is_refused() {
    let good = format!("{TEXT}\n{LINE}");
    assert!(Note::parse(good.as_bytes()).is_ok());
    let many = format!("{TEXT}\n{}", LINE.repeat(SIGNATURES_MAX + 1));
    for bad in [
        String::new(),
        TEXT.to_owned(),
        format!("{TEXT}\n"),
        format!("{TEXT}{LINE}"),
        format!("{TEXT}\n{}", LINE.trim_end()),
        format!("{TEXT}\n{LINE}\n"),
        format!("{TEXT}\n{LINE}x"),
        good.replace('—', "-"),
        good.replace("AM=", "AM"),
        good.replace("PeterNeumann x0", "Peter Neumann x0"),
        good.replace("PeterNeumann x0", "Peter+Neumann x0"),
        good.replace("PeterNeumann x0", " x0"),
        good.replace("problem", "pro\tblem"),
        good.replace('\n', "\r\n"),
        format!("{TEXT}\n— a AAAA\n"),
        format!("{TEXT}\n— a AAAAAA==\n"),
        many,
    ] {
        assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
    assert!(Note::parse(&[good.as_bytes(), b"\xff"].concat()).is_err());
    assert!(Note::parse(&vec![b'a'; NOTE_BYTES_MAX + 1]).is_err());
    let sixteen = format!("{TEXT}\n{}", LINE.repeat(16));
    assert_eq!(Note::parse(sixteen.as_bytes()).unwrap().signatures().len(), 16);
    let signer = Signer::parse(PRIVATE).unwrap();
    for bad in ["", "no newline", "a\u{7}\n"] {
        assert!(Note::sign(bad.to_owned(), &signer, 0).is_err(), "{bad:?}");
    }
}

#[test]
fn a_text_may_have_empty_lines_and_lines_like_signatures() {
    let signer = Signer::parse(PRIVATE).unwrap();
    let text = format!("one\n\n{LINE}\ntwo\n");
    let note = Note::sign(text.clone(), &signer, 0).unwrap();
    let read = Note::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!((read.text(), read.signatures().len()), (text.as_str(), 1));
    assert!(read.verify(&[signer.verifier().clone()]).is_ok());
}

#[test]
fn a_key_file_is_for_its_owner_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.key");
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let signer = Signer::generate("siem.example.com/archive", KeyKind::Note).unwrap();
    signer.save(&*files, &path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Signer::load(&*files, &path).unwrap().verifier(), signer.verifier());
    let again = Signer::generate("siem.example.com/archive", KeyKind::Note).unwrap();
    assert_ne!(again.verifier(), signer.verifier());
    assert!(matches!(again.save(&*files, &path), Err(KeyError::File { .. })));
    assert_eq!(Signer::load(&*files, &path).unwrap().verifier(), signer.verifier());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = Signer::load(&*files, &path).unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
    for name in ["", "two words", "a+b", "tab\t", "no\u{2003}space"] {
        assert!(matches!(Signer::generate(name, KeyKind::Note), Err(KeyError::Name { .. })), "{name:?}");
    }
}
