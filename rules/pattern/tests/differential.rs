//! Each back end against the specification: on chosen cases, on random ones, on hostile ones.

use noroshi_pattern::{AnyOf, At, Finder, Grams, Literal, Needle, naive};
use proptest::prelude::*;

const PLACES: [At; 4] = [At::Anywhere, At::Start, At::End, At::Whole];

fn by<F: Finder>(literals: &[Literal], values: &[&[u8]]) -> Vec<Vec<u32>> {
    let finder = F::build(literals).unwrap_or_else(|error| panic!("{error}: {literals:?}"));
    let mut scratch = F::Scratch::default();
    let one = |value: &&[u8]| {
        let mut found = Vec::new();
        finder.find(value, &mut scratch, |literal| found.push(literal));
        found.sort_unstable();
        found
    };
    values.iter().map(one).collect()
}

#[track_caller]
fn agree(literals: &[Literal], values: &[&[u8]]) {
    let expected: Vec<Vec<u32>> = values.iter().map(|value| naive::find(literals, value)).collect();
    assert_eq!(by::<Grams>(literals, values), expected, "in Rust: {literals:?} in {values:?}");
    let any = AnyOf::new(literals);
    for (value, found) in values.iter().zip(&expected) {
        assert_eq!(any.stands_in(value), !found.is_empty(), "any of {literals:?} in {value:?}");
    }
    for literal in literals.iter().filter(|literal| literal.at == At::Anywhere) {
        let Some(needle) = Needle::new(&literal.bytes) else { continue };
        for value in values {
            assert_eq!(needle.stands_in(value), literal.stands_in(value), "{literal:?} in {value:?}");
        }
    }
    #[cfg(feature = "hyperscan")]
    assert_eq!(
        by::<noroshi_pattern::Hyperscan>(literals, values),
        expected,
        "by Hyperscan: {literals:?} in {values:?}"
    );
}

/// Each text at each place.
fn everywhere(texts: &[&str]) -> Vec<Literal> {
    texts.iter().flat_map(|text| PLACES.map(|at| Literal::new(at, text.as_bytes()))).collect()
}

#[test]
fn case_does_not_count_and_ends_do() {
    let literals = everywhere(&["\\PowerShell.exe", "cmd", "a", "ab", "-enc"]);
    let values: &[&[u8]] =
        &[b"C:\\x\\POWERSHELL.EXE", b"cmd", b"CMD /c", b"x cmd", b"A", b"aB", b"powershell.exe -ENC", b"", b"-en"];
    agree(&literals, values);
    let names = by::<Grams>(&[Literal::new(At::End, *b".EXE"), Literal::new(At::Whole, *b"Cmd.Exe")], &[b"CMD.exe"]);
    assert_eq!(names, [[0, 1]]);
}

#[test]
fn nothing_is_a_literal_too() {
    agree(&everywhere(&[""]), &[b"", b"x"]);
    agree(&[], &[b"", b"x"]);
}

#[test]
fn literals_of_every_length_up_to_three_words_at_every_offset() {
    let text = b"abcdefghijklmnopqrstuvwxyz";
    for len in 1..=24 {
        let literals: Vec<Literal> = PLACES.map(|at| Literal::new(at, &text[..len])).into();
        let values: Vec<Vec<u8>> = (0..12)
            .flat_map(|before| {
                (0..3).map(move |after| [&vec![b'.'; before][..], &text[..len], &vec![b'.'; after]].concat())
            })
            .collect();
        agree(&literals, &values.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
}

#[test]
fn characters_that_differ_in_the_bit_of_case_alone_are_told_apart() {
    let texts = ["[x]", "{x}", "@abc@", "`abc`", "^^^^", "~~~~", "\\\\\\\\\\", "|||||", "\u{c9}\u{e9}t\u{e9}"];
    let values: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
    agree(&everywhere(&texts), &values);
    agree(&everywhere(&["\0\0\0\0", "    "]), &[b"\0\0\0\0", b"    ", b" \0 \0 "]);
    agree(&[Literal::new(At::Anywhere, [0xE9, 0xFF]), Literal::new(At::End, [0xC9])], &[&[0xE9, 0xFF, 0xC9]]);
}

#[test]
fn many_literals_of_one_kin_are_told_apart() {
    let texts: Vec<String> = (0..3_000).map(|n| format!("\\windows\\system32\\tool{n:04}.exe")).collect();
    let literals = everywhere(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    agree(&literals, &[b"C:\\Windows\\System32\\tool0042.exe", b"\\windows\\system32\\TOOL2999.EXE", b"tool0042.exe"]);
}

#[test]
fn a_value_of_repetitions_names_each_literal_once() {
    let texts: Vec<String> = (1..40).map(|len| "a".repeat(len)).chain(["aaaaaaab".into(), "baaaaaaa".into()]).collect();
    let literals = everywhere(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    let long = "aA".repeat(10_000);
    agree(&literals, &[long.as_bytes(), &long.as_bytes()[..39], b"aaaaaaa"]);
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[abAB]{0,12}".prop_map(String::into_bytes),
        2 => "[a-c\\\\/. -]{0,20}".prop_map(String::into_bytes),
        1 => "[ab\u{e9}\u{c9}\u{212a}k\n\r\u{0}]{0,9}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..10),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn both_say_what_the_specification_says(
        literals in prop::collection::vec((prop::sample::select(PLACES.to_vec()), text()), 0..12),
        values in prop::collection::vec(prop::collection::vec(text(), 1..5), 1..8),
    ) {
        let mut literals: Vec<Literal> = literals.into_iter().map(|(at, bytes)| Literal::new(at, bytes)).collect();
        let mut values: Vec<Vec<u8>> = values.into_iter().map(|parts| parts.concat()).collect();
        // Values that are literals with something around them are the ones that matter.
        values.extend(literals.iter().flat_map(|literal| [literal.bytes.to_vec(), [b"x", &*literal.bytes].concat()]));
        literals.dedup();
        agree(&literals, &values.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }

    #[test]
    fn few_literals_in_long_values_are_found_by_their_pairs_as_by_their_pieces(
        literals in prop::collection::vec("[a-cK-M:_~{]{4,14}", 1..6),
        around in prop::collection::vec(prop_oneof![4 => "[a-m \\\\.]{0,90}", 1 => "[K-M:_~{]{0,60}"], 3..9),
        picks in prop::collection::vec((any::<prop::sample::Index>(), 0..3_usize), 3..9),
    ) {
        let mut value = vec![b'-'; 128];
        for (text, (pick, cut)) in around.iter().zip(&picks) {
            let literal = pick.get(&literals);
            value.extend_from_slice(text.as_bytes());
            value.extend_from_slice(&literal.as_bytes()[..literal.len() - cut.saturating_sub(1)]);
        }
        let upper = value.to_ascii_uppercase();
        let literals: Vec<Literal> = literals.iter().map(|text| Literal::new(At::Anywhere, text.as_bytes())).collect();
        agree(&literals, &[&value, &upper, &value[1..]]);
    }
}
