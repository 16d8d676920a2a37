//! Character sets: what the bytes of a record say as UTF-8 text.
//!
//! The decoded text is what decoders read and rules match; the raw record stays what evidence keeps. A
//! record that is UTF-8 already, as nearly all are, is its own text and is not copied.
//!
//! Encodings are those of the WHATWG Encoding Standard (crate `encoding_rs`): `latin-1` means windows-1252,
//! `cp932` Shift_JIS with the extensions of Windows code page 932.

use encoding_rs::{EUC_JP, Encoding, ISO_2022_JP, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The character set of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Charset {
    /// Judged by each record alone, so that a replay reads it the same way: UTF-8 where it is valid; UTF-16 by the NULs beside
    /// its ASCII (a byte order mark alone is too easily written into a log); ISO-2022-JP by its escape sequences; else the guess of `chardetng` among
    /// Shift_JIS, EUC-JP and windows-1252, with [`crate::defect::Defect::CharsetGuessed`].
    #[default]
    Auto,
    /// UTF-8, whatever the bytes.
    Utf8,
    /// Shift_JIS with Microsoft's extensions.
    Cp932,
    /// EUC-JP.
    EucJp,
    /// ISO-2022-JP (RFC 1468).
    Iso2022Jp,
    /// windows-1252, which holds ISO-8859-1.
    Latin1,
    /// UTF-16 of either byte order: by the mark, else by where the NULs of its ASCII stand, else little endian.
    Utf16,
}

/// Which half of a 16-bit unit comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ByteOrder {
    /// The high one.
    Big,
    /// The low one.
    Little,
}

/// Names by which a character set is declared: the first of each is the one told.
const NAMES: &[(Charset, &[&str])] = &[
    (Charset::Auto, &["auto"]),
    (Charset::Utf8, &["utf-8", "utf8", "ascii", "us-ascii"]),
    (Charset::Cp932, &["cp932", "shift_jis", "shift-jis", "sjis", "windows-31j", "ms932"]),
    (Charset::EucJp, &["euc-jp", "eucjp"]),
    (Charset::Iso2022Jp, &["iso-2022-jp"]),
    (Charset::Latin1, &["latin-1", "latin1", "iso-8859-1", "windows-1252", "cp1252"]),
    (Charset::Utf16, &["utf-16", "utf16", "utf-16le", "utf-16be"]),
];

/// Fewest bytes over 0x7F from which a set is guessed: two double-byte characters. From less, a guess is a coin's toss, and in
/// Shift_JIS a stray byte takes the ASCII byte after it along. Whoever writes into a log can still write four: a source whose
/// set is known should declare it.
const GUESS_HIGH_BYTES_MIN: usize = 4;

/// Bytes of a stream by which its byte order is told: sixteen characters, among which a log has some ASCII.
pub const HEAD_BYTES: usize = 32;

/// What one look at a record's bytes tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Some byte is over 0x7F.
    pub(crate) high: bool,
    /// Some byte is NUL.
    pub(crate) nul: bool,
    /// Some byte is ESC.
    escape: bool,
}

impl Look {
    /// Reads every byte.
    #[inline]
    pub(crate) fn at(record: &[u8]) -> Look {
        let (high, nul, escape) = crate::scan::odd_bytes(record);
        Look { high, nul, escape }
    }
}

/// How a record's text was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoded {
    /// The encoding's name in the WHATWG standard.
    pub(crate) name: &'static str,
    /// Bytes that mean nothing in it were replaced by U+FFFD.
    pub(crate) malformed: bool,
    /// The encoding is a guess.
    pub(crate) guessed: bool,
}

impl Charset {
    /// A character set by name, without case.
    ///
    /// # Errors
    /// An unknown name says which are known.
    pub fn parse(name: &str) -> Result<Charset, String> {
        let known = NAMES.iter().find(|(_, names)| names.iter().any(|known| known.eq_ignore_ascii_case(name)));
        known.map(|(charset, _)| *charset).ok_or_else(|| {
            let names: Vec<_> = NAMES.iter().map(|(_, names)| names[0]).collect();
            format!("unknown charset `{name}`; known are {}", names.join(", "))
        })
    }

    /// The byte order of a stream of 16-bit units that begins with `head`, whose lines end in two bytes; `None` = it is a
    /// stream of bytes. Of a source that declares none, it must bear a mark, and some ASCII to prove it, in the first
    /// [`HEAD_BYTES`].
    pub fn wide(self, head: &[u8]) -> Option<ByteOrder> {
        let head = &head[..head.len().min(HEAD_BYTES) & !1];
        let marked = wide_mark(head);
        let encoding = match self {
            Charset::Auto => {
                let marked = marked?;
                let (low, high) = nul_halves(head);
                let proven = if marked == UTF_16LE { low > 3 * high } else { high > 3 * low };
                proven.then_some(marked)?
            }
            Charset::Utf16 => marked.or_else(|| utf16(head)).unwrap_or(UTF_16LE),
            _ => return None,
        };
        Some(if encoding == UTF_16BE { ByteOrder::Big } else { ByteOrder::Little })
    }

    /// How many bytes of a stream's head [`Charset::wide`] has to see, of those that are `here`.
    pub fn head_needed(self, here: &[u8]) -> usize {
        match self {
            Charset::Utf16 => HEAD_BYTES,
            Charset::Auto if here.len() < 2 || wide_mark(here).is_some() => HEAD_BYTES,
            _ => 0,
        }
    }

    /// Writes the text of `record` into `text`; `None` = the record is its own text.
    pub(crate) fn decode(self, record: &[u8], look: Look, text: &mut Vec<u8>) -> Option<Decoded> {
        if !look.high && !look.nul && !look.escape {
            return None;
        }
        let (encoding, guessed) = match self {
            Charset::Utf8 => (bom_alone(record)?, false),
            Charset::Cp932 => (SHIFT_JIS, false),
            Charset::EucJp => (EUC_JP, false),
            Charset::Iso2022Jp => (ISO_2022_JP, false),
            Charset::Latin1 => (WINDOWS_1252, false),
            Charset::Utf16 => (wide_mark(record).or_else(|| utf16(record)).unwrap_or(UTF_16LE), false),
            Charset::Auto => judge(record, look)?,
        };
        let body = Encoding::for_bom(record).filter(|(marked, _)| *marked == encoding).map_or(0, |(_, len)| len);
        text.clear();
        let body = &record[body..];
        let malformed = if guessed && encoding == SHIFT_JIS {
            guess_shift_jis(body, text)
        } else {
            transcode(encoding, body, text)
        };
        // A guess that does not fit was none.
        (!guessed || !malformed).then_some(Decoded { name: encoding.name(), malformed, guessed })
    }
}

/// UTF-8 where the record starts with its mark, which is no part of the text.
fn bom_alone(record: &[u8]) -> Option<&'static Encoding> {
    record.starts_with(b"\xEF\xBB\xBF").then_some(UTF_8)
}

/// The encoding of a record that declares none, and whether it is a guess.
fn judge(record: &[u8], look: Look) -> Option<(&'static Encoding, bool)> {
    if record.starts_with(b"\xEF\xBB\xBF") {
        return Some((UTF_8, false));
    }
    if look.nul {
        return utf16(record).map(|encoding| (encoding, false));
    }
    if !look.high {
        let designates = |tail: &[u8]| matches!(tail, [b'$', b'@' | b'B', ..] | [b'(', b'J', ..]);
        let found = memchr::memchr_iter(0x1B, record).any(|at| designates(&record[at + 1..]));
        return found.then_some((ISO_2022_JP, false));
    }
    // Control characters other than a tab are of no text: what bears them is binary and stays as it is.
    if std::str::from_utf8(record).is_ok() || record.iter().any(|&byte| byte < 0x20 && byte != b'\t' && byte != b'\r') {
        return None;
    }
    if record.iter().filter(|byte| !byte.is_ascii()).count() < GUESS_HIGH_BYTES_MIN {
        return None;
    }
    let mut detector = chardetng::EncodingDetector::new();
    detector.feed(record, true);
    // The name of Japan breaks ties between East Asian encodings: it is where our users are.
    let guess = detector.guess(Some(b"jp"), false);
    [SHIFT_JIS, EUC_JP, WINDOWS_1252].contains(&guess).then_some((guess, true))
}

/// UTF-16 by NULs that stand in one half of a quarter of the 16-bit units or more, and hardly ever in the other: 一 is U+4E00.
fn utf16(record: &[u8]) -> Option<&'static Encoding> {
    let enough = (record.len() / 8).max(2);
    match nul_halves(record) {
        _ if !record.len().is_multiple_of(2) => None,
        (low, high) if low >= enough && low > 3 * high => Some(UTF_16LE),
        (low, high) if high >= enough && high > 3 * low => Some(UTF_16BE),
        _ => None,
    }
}

/// UTF-16 by its byte order mark.
fn wide_mark(head: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_bom(head).map(|(encoding, _)| encoding).filter(|&encoding| encoding != UTF_8)
}

/// How many units have a NUL as their second and as their first byte.
fn nul_halves(record: &[u8]) -> (usize, usize) {
    record
        .chunks_exact(2)
        .fold((0, 0), |(second, first), unit| (second + usize::from(unit[1] == 0), first + usize::from(unit[0] == 0)))
}

/// As [`transcode`] of Shift_JIS, in which a lead byte takes the byte after it along. Of a guess, the letter that is taken from
/// the begin of an ASCII word is written once more behind the character: who can write bytes into a log must not
/// take the first letter of `powershell` from a rule. A true word of Japanese before it has a letter too many then,
/// which [`crate::defect::Defect::CharsetGuessed`] says may be; a declared set is read as it is.
fn guess_shift_jis(bytes: &[u8], text: &mut Vec<u8>) -> bool {
    let (mut at, mut from, mut malformed) = (0, 0, false);
    while at < bytes.len() {
        if !matches!(bytes[at], 0x81..=0x9F | 0xE0..=0xFC) {
            at += 1;
            continue;
        }
        let trail = bytes.get(at + 1).copied().unwrap_or_default();
        at += 2;
        if trail.is_ascii_alphabetic() && bytes.get(at).is_some_and(u8::is_ascii_alphanumeric) {
            malformed |= transcode(SHIFT_JIS, &bytes[from..at], text);
            text.push(trail);
            from = at;
        }
    }
    malformed | transcode(SHIFT_JIS, &bytes[from.min(bytes.len())..], text)
}

/// Adds the UTF-8 of `bytes` to `text`; whether anything was replaced.
fn transcode(encoding: &'static Encoding, bytes: &[u8], text: &mut Vec<u8>) -> bool {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    // Three bytes a byte is the most that any of these makes; the library's own bound says so.
    let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len() * 3 + 16);
    let before = text.len();
    text.resize(before + room, 0);
    let (_, _, written, malformed) = decoder.decode_to_utf8(bytes, &mut text[before..], true);
    text.truncate(before + written);
    malformed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(charset: Charset, record: &[u8]) -> Option<(String, bool, bool)> {
        let mut text = Vec::new();
        let decoded = charset.decode(record, Look::at(record), &mut text)?;
        Some((String::from_utf8(text).expect("it is UTF-8"), decoded.malformed, decoded.guessed))
    }

    /// 表 and ソ end in 0x5C, the backslash, in Shift_JIS.
    const JAPANESE: &str = "user=\"予定表\" path=\"C:\\ソフト\\表示\" result=認証に失敗しました";

    #[test]
    fn declared_sets_read_what_they_wrote() {
        for (charset, encoding) in
            [(Charset::Cp932, SHIFT_JIS), (Charset::EucJp, EUC_JP), (Charset::Iso2022Jp, ISO_2022_JP)]
        {
            let (bytes, _, lost) = encoding.encode(JAPANESE);
            assert!(!lost);
            assert_eq!(text(charset, &bytes), Some((JAPANESE.to_owned(), false, false)), "{charset:?}");
            let (read, malformed, guessed) = text(Charset::Auto, &bytes).expect("it is not UTF-8");
            assert_eq!((read.as_str(), malformed), (JAPANESE, false), "{charset:?}");
            assert_eq!(guessed, charset != Charset::Iso2022Jp);
        }
        assert_eq!(text(Charset::Latin1, b"caf\xE9 ferm\xE9"), Some(("café fermé".to_owned(), false, false)));
    }

    #[test]
    fn a_guess_takes_no_letter_from_an_ascii_word() {
        let (bytes, ..) = SHIFT_JIS.encode("利用者が実行しました: ");
        for lead in [0x83u8, 0x89, 0x95] {
            let record = [&bytes[..], &[lead], b"powershell -enc"].concat();
            let (read, _, guessed) = text(Charset::Auto, &record).expect("it is not UTF-8");
            assert!(guessed && read.contains("powershell"), "{read}");
            let (read, ..) = text(Charset::Cp932, &record).expect("it is not UTF-8");
            assert!(!read.contains("powershell"), "a declared set is read as it is: {read}");
        }
    }

    #[test]
    fn utf_16_of_either_order_with_and_without_a_mark() {
        let units =
            |order: fn(u16) -> [u8; 2], text: &str| -> Vec<u8> { text.encode_utf16().flat_map(order).collect() };
        for order in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
            for mark in ["", "\u{FEFF}"] {
                let record = units(order, &format!("{mark}{JAPANESE}"));
                for charset in [Charset::Auto, Charset::Utf16] {
                    assert_eq!(text(charset, &record), Some((JAPANESE.to_owned(), false, false)));
                }
            }
        }
    }

    #[test]
    fn streams_of_units_are_told_by_their_head() {
        assert_eq!(Charset::Auto.wide(b"\xFF\xFEa\0"), Some(ByteOrder::Little));
        assert_eq!(Charset::Auto.wide(b"\xFE\xFF\0a"), Some(ByteOrder::Big));
        assert_eq!(Charset::Auto.wide(b"\xFF\xFEabcd"), None, "a mark alone proves nothing");
        assert_eq!(Charset::Auto.wide(b"a\0b\0c\0d\0"), None);
        assert_eq!(Charset::Utf16.wide(b"\0a\0b\0c\0d\0"), Some(ByteOrder::Big));
        assert_eq!(Charset::Utf16.wide(b""), Some(ByteOrder::Little));
        assert_eq!(Charset::Utf8.wide(b"\xFF\xFEa\0"), None);
    }

    #[test]
    fn utf_8_and_binary_are_their_own_text() {
        assert_eq!(text(Charset::Auto, JAPANESE.as_bytes()), None);
        assert_eq!(text(Charset::Auto, b"plain"), None);
        assert_eq!(
            text(Charset::Auto, b"\x1b[31mred\x1b[0m"),
            None,
            "an escape sequence of a terminal is none of ours"
        );
        assert_eq!(text(Charset::Auto, b"a\x01\x02\xFF\xFE\x90b"), None);
        assert_eq!(text(Charset::Auto, b"one\0nul"), None);
        assert_eq!(text(Charset::Auto, b"mimik\x89atz"), None, "a stray byte hides no letter");
        assert_eq!(text(Charset::Utf8, b"caf\xE9"), None);
        assert_eq!(text(Charset::Utf8, b"\xEF\xBB\xBFa=1"), Some(("a=1".to_owned(), false, false)));
    }

    #[test]
    fn what_means_nothing_is_told() {
        let (read, malformed, _) = text(Charset::Cp932, b"a\x81\x20b").expect("it has a high byte");
        assert!(malformed && read.contains('\u{FFFD}') && read.ends_with('b'), "{read}");
    }

    #[test]
    fn names() {
        assert_eq!(Charset::parse("Shift_JIS"), Ok(Charset::Cp932));
        assert!(Charset::parse("ebcdic").unwrap_err().contains("iso-2022-jp"));
    }

    proptest! {
        #[test]
        fn any_bytes_make_text_in_every_set(record in prop::collection::vec(any::<u8>(), 0..120)) {
            for (charset, _) in NAMES {
                if let Some((read, _, guessed)) = text(*charset, &record) {
                    prop_assert!(!guessed || *charset == Charset::Auto);
                    prop_assert!(read.len() <= record.len() * 3 + 3);
                }
            }
            let look = Look::at(&record);
            prop_assert_eq!(look.nul, record.contains(&0));
            prop_assert_eq!(look.high, !record.is_ascii());
        }
    }
}
