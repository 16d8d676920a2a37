//! Letters without case: simple case folding of Unicode (CaseFolding.txt, statuses C and S).
//!
//! One character folds to one character, so positions can be counted in characters on either side.
//! Bytes that are no UTF-8 fold to themselves. ASCII takes a path of its own.

/// The three pairs that fold together although neither is the other's lower or upper case (status S).
const PAIRS: [(char, char); 3] = [('\u{1FD3}', '\u{390}'), ('\u{1FE3}', '\u{3B0}'), ('\u{FB05}', '\u{FB06}')];

/// The character that `letter` and its variants of case have in common.
///
/// Folding is lower case after upper case where both are single characters: that joins the final and
/// the medial sigma, the long s and s, the Kelvin sign and k. The dotless i is a letter of its own
/// (status T is for Turkic texts only).
#[inline]
pub(crate) fn fold(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    // Ideographs, kana and Hangul have no case; they are most of what is not ASCII in some logs.
    if matches!(letter, '\u{131}' | '\u{2E80}'..='\u{A63F}' | '\u{AC00}'..='\u{FAFF}') {
        return letter;
    }
    if let Some((_, folded)) = PAIRS.iter().find(|(one, _)| *one == letter) {
        return *folded;
    }
    let one = |mut letters: std::char::ToUppercase| letters.next().filter(|_| letters.next().is_none());
    let upper = one(letter.to_uppercase()).unwrap_or(letter);
    let mut lower = upper.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(folded), None) => folded,
        _ => letter,
    }
}

/// Replaces `out` by `value` folded.
#[inline]
pub(crate) fn fold_into(value: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend(value.iter().map(u8::to_ascii_lowercase));
    if !out.is_ascii() {
        fold_rest(value, out);
    }
}

/// As [`fold_into`] for a value that has more than ASCII.
#[inline(never)]
fn fold_rest(value: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut buffer = [0; 4];
    for chunk in value.utf8_chunks() {
        for letter in chunk.valid().chars() {
            out.extend_from_slice(fold(letter).encode_utf8(&mut buffer).as_bytes());
        }
        out.extend_from_slice(chunk.invalid());
    }
}

/// `value` folded.
pub(crate) fn folded(value: &[u8]) -> Vec<u8> {
    let mut made = Vec::with_capacity(value.len());
    fold_into(value, &mut made);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_of_case_meet() {
        for (one, other) in [
            ("STRASSE", "strasse"),
            ("\u{c9}COLE", "\u{e9}cole"),
            ("\u{3a3}\u{3c2}\u{3c3}", "\u{3c3}\u{3c3}\u{3c3}"),
            ("\u{212a}\u{17f}", "ks"),
            ("\u{1e9e}", "\u{df}"),
            ("\u{b5}", "\u{3bc}"),
            ("\u{ff21}", "\u{ff41}"),
            ("\u{10400}", "\u{10428}"),
        ] {
            assert_eq!(folded(one.as_bytes()), folded(other.as_bytes()), "{one} {other}");
        }
        for apart in ["\u{131}", "\u{130}", "\u{df}", "\u{65e5}", "\u{3042}"] {
            assert_eq!(folded(apart.as_bytes()), apart.as_bytes(), "{apart}");
        }
        assert_eq!(folded(b"A\xffB\xc3"), b"a\xffb\xc3");
    }

    /// The regular expression engine carries the table of the standard; both must say the same of
    /// every character that has a case at all.
    #[test]
    fn agrees_with_the_table_of_the_expression_engine() {
        // Letters of the newest editions of the standard are left out: the two tables are of different years.
        let cased = (0..=0xA7CA_u32)
            .chain(0xAB30..=0x1_6E7F)
            .filter_map(char::from_u32)
            .filter(|letter| fold(*letter) != *letter || letter.to_uppercase().next() != Some(*letter));
        let mut differ = Vec::new();
        for letter in cased {
            let alike = |other: char| {
                let regex = regex::Regex::new(&format!("(?i)^\\x{{{:x}}}$", u32::from(letter))).unwrap();
                regex.is_match(other.encode_utf8(&mut [0; 4]))
            };
            let upper = letter.to_uppercase().next().unwrap_or(letter);
            for other in [fold(letter), upper] {
                if alike(other) != (fold(other) == fold(letter)) {
                    differ.push((letter, other));
                }
            }
        }
        assert_eq!(differ, []);
    }
}
