//! The naive twins of the columns: by blanks and by single bytes (W3C Extended Log File Format, tab- and pipe-separated
//! exports), by commas (RFC 4180 with blanks around).

use proptest::prelude::*;

use super::{COLUMNS_MAX, Columns};
use crate::testing::hold;

fn blank(text: &[u8]) -> Vec<&[u8]> {
    text.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect()
}

/// The columns, and whether a quote was never closed. What stands between a closing quote and the comma says nothing.
fn comma(text: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let (mut columns, mut unbalanced) = (Vec::new(), false);
    let mut bytes = text.iter().copied().peekable();
    loop {
        while bytes.next_if_eq(&b' ').is_some() {}
        let mut column = Vec::new();
        if bytes.next_if_eq(&b'"').is_some() {
            loop {
                match bytes.next() {
                    Some(b'"') if bytes.peek() == Some(&b'"') => {
                        bytes.next();
                        column.extend_from_slice(b"\"\"");
                    }
                    Some(b'"') => break,
                    Some(byte) => column.push(byte),
                    None => {
                        unbalanced = true;
                        break;
                    }
                }
            }
            while bytes.next_if(|&byte| byte != b',').is_some() {}
        } else {
            while let Some(byte) = bytes.next_if(|&byte| byte != b',') {
                column.push(byte);
            }
            column = column.trim_ascii().to_vec();
        }
        columns.push(column);
        if bytes.next().is_none() {
            return (columns, unbalanced);
        }
    }
}

#[track_caller]
fn check(text: &[u8]) {
    let capped = |count: usize| count.min(COLUMNS_MAX);
    let expected = blank(text);
    assert_eq!(Columns::by_blank(text).all(), &expected[..capped(expected.len())], "{}", text.escape_ascii());
    for separator in [b'\t', b'|', b','] {
        let expected: Vec<_> = text.split(|&byte| byte == separator).collect();
        let found = Columns::by_byte(text, separator);
        assert_eq!(found.all(), &expected[..capped(expected.len())], "{}", text.escape_ascii());
        assert_eq!(found.capped, expected.len() > COLUMNS_MAX);
    }
    let (expected, unbalanced) = comma(text);
    let found = Columns::by_comma(text);
    assert_eq!(found.all(), &expected[..capped(expected.len())], "{}", text.escape_ascii());
    assert!(found.capped || found.unbalanced == unbalanced, "{}", text.escape_ascii());
}

#[test]
fn golden_records_and_damaged_ones_read_as_the_twins_do() {
    hold(b" ,\"\t|", check);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_reads_as_the_twins_do(text in "[ab \",\\t|]{0,40}") {
        check(text.as_bytes());
    }
}
