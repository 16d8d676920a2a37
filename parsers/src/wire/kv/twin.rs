//! The naive twin of [`super::Pairs`]: one byte at a time, one state, no table and no search.

use proptest::prelude::*;

use super::{KEY_BYTES_MAX, Pairs};
use crate::testing::hold;

/// Key, value, whether the value holds escapes, and where the pair ends.
type Read = (Vec<u8>, Vec<u8>, bool, usize);

fn blank(byte: u8) -> bool {
    byte <= 0x20
}

fn of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.@/#".contains(&byte)
}

/// Where a pair may begin, where one is read over, and within which part of one we are.
enum State {
    Between,
    Key(usize),
    Over,
    Bare { key: (usize, usize), from: usize },
    Quoted { key: (usize, usize), from: usize, quote: u8, escaped: bool },
}

/// The pairs, and whether a quote was never closed.
fn twin(text: &[u8], separator: u8) -> (Vec<Read>, bool) {
    let apart = |byte: u8| blank(byte) || byte == separator;
    let (mut pairs, mut unbalanced) = (Vec::new(), false);
    let mut state = State::Between;
    let mut at = 0;
    let pair = |key: (usize, usize), from: usize, to: usize, escaped, end| {
        (text[key.0..key.1].to_vec(), text[from..to].to_vec(), escaped, end)
    };
    while at < text.len() {
        let byte = text[at];
        state = match state {
            State::Between if apart(byte) => State::Between,
            State::Between if of_key(byte) => State::Key(at),
            State::Between => State::Over,
            State::Over if apart(byte) => State::Between,
            State::Over => State::Over,
            // A byte of a key that is the separator as well goes on with the key.
            State::Key(from) if of_key(byte) => State::Key(from),
            State::Key(from) if byte == b'=' && at - from <= KEY_BYTES_MAX => {
                let key = (from, at);
                match text.get(at + 1) {
                    Some(&quote) if quote == b'"' || quote == b'\'' => {
                        at += 1;
                        State::Quoted { key, from: at + 1, quote, escaped: false }
                    }
                    _ => State::Bare { key, from: at + 1 },
                }
            }
            State::Key(_) if apart(byte) => State::Between,
            State::Key(_) => State::Over,
            State::Bare { key, from } if apart(byte) => {
                pairs.push(pair(key, from, at, false, at));
                State::Between
            }
            State::Bare { key, from } => State::Bare { key, from },
            State::Quoted { key, from, quote, escaped } if byte == quote => {
                pairs.push(pair(key, from, at, escaped, at + 1));
                State::Between
            }
            State::Quoted { key, from, quote, escaped } if byte == b'\\' => {
                let takes = match text.get(at + 1) {
                    Some(b'\\') => true,
                    Some(&next) if next == quote => !another_pair(&text[at + 2..]),
                    _ => false,
                };
                at += usize::from(takes);
                State::Quoted { key, from, quote, escaped: escaped || takes }
            }
            quoted @ State::Quoted { .. } => quoted,
        };
        at += 1;
    }
    match state {
        State::Bare { key, from } => pairs.push(pair(key, from, text.len(), false, text.len())),
        State::Quoted { key, from, escaped, .. } => {
            unbalanced = true;
            pairs.push(pair(key, from, text.len(), escaped, text.len()));
        }
        State::Between | State::Key(_) | State::Over => {}
    }
    (pairs, unbalanced)
}

/// Whether the end follows, or a blank and `key=`.
fn another_pair(rest: &[u8]) -> bool {
    if rest.is_empty() {
        return true;
    }
    let equals = rest.iter().skip(1).position(|&byte| byte == b'=').map(|at| at + 1);
    blank(rest[0])
        && equals.is_some_and(|equals| {
            (1..=KEY_BYTES_MAX).contains(&(equals - 1)) && rest[1..equals].iter().all(|&byte| of_key(byte))
        })
}

/// What separates pairs, by the first of them: what its value, read up to a blank, ends with, is followed by, or holds
/// before another key.
fn separator(text: &[u8]) -> u8 {
    let (pairs, _) = twin(text, b' ');
    let Some(&(.., end)) = pairs.first() else { return b' ' };
    let head = &text[..end];
    for separator in [b',', b';', b'|'] {
        let ends = head.trim_ascii_end().last() == Some(&separator);
        let follows = text.get(end) == Some(&separator);
        let inside = head.iter().position(|&byte| byte == separator).is_some_and(|at| {
            let key = head[at + 1..].split(|&byte| byte == b'=').next().unwrap_or_default();
            !key.is_empty() && key.iter().all(|&byte| of_key(byte)) && head.get(at + 1 + key.len()) == Some(&b'=')
        });
        if ends || follows || inside {
            return separator;
        }
    }
    b' '
}

fn fast(mut pairs: Pairs<'_>) -> (Vec<Read>, bool) {
    let mut read = Vec::new();
    while let Some(pair) = pairs.next() {
        read.push((pair.key.to_vec(), pair.value.to_vec(), pair.escaped, pairs.at));
    }
    (read, pairs.unbalanced)
}

#[track_caller]
fn check(text: &[u8]) {
    assert_eq!(fast(Pairs::by_space(text)), twin(text, b' '), "{}", text.escape_ascii());
    for separator in [b',', b';', b'|'] {
        let pairs = Pairs { text, at: 0, separator, unbalanced: false };
        assert_eq!(fast(pairs), twin(text, separator), "by {}: {}", char::from(separator), text.escape_ascii());
    }
}

/// A reader that is told the next key and one that is not read the same.
fn check_guessed(text: &[u8]) {
    let (expected, _) = twin(text, b' ');
    let mut pairs = Pairs::by_space(text);
    for (key, value, escaped, _) in expected {
        let pair = pairs.next_if(&key).or_else(|| pairs.next()).expect("the twin has one");
        assert_eq!((pair.key, pair.value, pair.escaped), (&key[..], &value[..], escaped), "{}", text.escape_ascii());
    }
}

#[test]
fn golden_records_and_damaged_ones_read_as_the_twin_does() {
    let mut records = 0;
    hold(b"= \"'\\,;|", |record| {
        check(record);
        records += usize::from(twin(record, b' ').0.len() > 3);
    });
    assert!(records > 1000, "only {records} records hold pairs");
}

#[test]
fn a_guessed_key_changes_nothing() {
    hold(b"= \"", check_guessed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_reads_as_the_twin_does(text in "[ab=\"' \\\\,;|\\t1]{0,40}") {
        check(text.as_bytes());
        check_guessed(text.as_bytes());
    }

    #[test]
    fn pairs_read_as_the_twin_does(text in "([a-c._]{1,3}=(\"[a-c \\\\\"',;|=]{0,5}\"|'[a-c \\\\\"']{0,4}'|[a-c\"\\\\:,;|]{0,5})[ ,;|]{0,2}){0,6}") {
        check(text.as_bytes());
        check_guessed(text.as_bytes());
    }

    #[test]
    fn the_separator_is_the_one_that_the_twin_finds(text in "[a-c]{0,2}=?(\"[a-c ,;]{0,4}\"?|[a-c,;|=]{0,6})[ ,;|]{0,2}[a-c=,;| ]{0,12}") {
        prop_assert_eq!(Pairs::new(text.as_bytes()).separator, separator(text.as_bytes()), "{}", text);
    }
}
