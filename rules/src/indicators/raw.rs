//! Values looked for in the text of a record: what no decoder has put into a field, defanged forms with them.
//!
//! Text is not searched for indicators; it is searched for what could be one. Every dot stands in a run of the characters of names and
//! addresses, every long run of hexadecimal digits may be a digest, and each such run is looked up once as a field's value would be. So
//! the cost is that of the text, whatever the number of indicators.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{IndicatorKind, Indicators, value};

// Making a finder costs as much as searching a short record.
static DOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("dot"));
static CVE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("CVE-"));

/// Longest run looked up as a name; longer ones are read over.
const RUN_BYTES_MAX: usize = value::DOMAIN_BYTES_MAX + 2;
/// Longest scheme of a web address.
const SCHEME_BYTES_MAX: usize = 10;
/// Longest part before the `@` of a mail address (RFC 5321 §4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;

/// Characters of names and addresses.
const NAME: u8 = 1;
/// Hexadecimal digits.
const HEX: u8 = 2;
/// What ends a web address in running text.
const END: u8 = 4;
/// Characters before the `@` of a mail address.
const LOCAL: u8 = 8;
/// Letters and digits.
const ALNUM: u8 = 16;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        let mut class = 0;
        if byte.is_ascii_alphanumeric() {
            class |= NAME | LOCAL | ALNUM;
        }
        if matches!(byte, b'.' | b'-' | b'_') || byte >= 0x80 {
            class |= NAME | LOCAL;
        }
        if matches!(byte, b'+' | b'%' | b'=' | b'\'' | b'!' | b'#' | b'&' | b'*') {
            class |= LOCAL;
        }
        if byte.is_ascii_hexdigit() {
            class |= HEX;
        }
        if byte <= b' '
            || byte == 0x7F
            || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`' | b'|' | b'{' | b'}' | b'^')
        {
            class |= END;
        }
        classes[at] = class;
        at += 1;
    }
    classes
};

#[inline]
fn is(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

/// Where the run of a class around `at` begins and ends, not before `from`.
#[inline]
fn run(text: &[u8], at: usize, from: usize, class: u8) -> (usize, usize) {
    let mut begin = at;
    while begin > from && is(text[begin - 1], class) {
        begin -= 1;
    }
    let mut end = at + 1;
    while end < text.len() && is(text[end], class) {
        end += 1;
    }
    (begin, end)
}

/// A piece of a record, and the kinds it is to be looked up as.
pub(super) enum Piece {
    /// A name or an address.
    Host,
    /// A web address.
    Url,
    /// A digest.
    Digest,
    /// Text of one kind.
    Text(IndicatorKind),
}

impl Indicators {
    /// Calls `look` with everything in `text` that could be an indicator of this set, each piece once. `room` holds values made whole.
    pub(super) fn pieces(&self, text: &[u8], room: &mut Vec<u8>, mut look: impl FnMut(Piece, &[u8])) {
        let has = |kind: IndicatorKind| self.table.has(kind);
        let hosts = has(IndicatorKind::Domain)
            || has(IndicatorKind::Hostname)
            || has(IndicatorKind::Ip)
            || has(IndicatorKind::Cidr);
        let urls = has(IndicatorKind::Url);
        if hosts || urls || has(IndicatorKind::Email) {
            let mut done = 0;
            while let Some(dot) = memchr::memchr(b'.', &text[done..]).map(|before| done + before) {
                let (begin, end) = run(text, dot, done, NAME);
                done = end;
                // `evil[.]example`: the run ends at the bracket on either side of the dot.
                if begin == dot && end == dot + 1 {
                    if let Some(defanged_end) = defanged(text, dot, room) {
                        look(if memchr::memchr(b'/', room).is_some() { Piece::Url } else { Piece::Host }, room);
                        done = defanged_end;
                    }
                    continue;
                }
                if end - begin > RUN_BYTES_MAX {
                    continue;
                }
                let name = trimmed(&text[begin..end]);
                if is_number(name) {
                    continue;
                }
                if urls && begin >= 4 && &text[begin - 3..begin] == b"://" {
                    self.web(text, begin, end, room, &mut look);
                } else if hosts {
                    look(Piece::Host, name);
                }
                if has(IndicatorKind::Email) && begin > 0 && text[begin - 1] == b'@' {
                    let floor = (begin - 1).saturating_sub(LOCAL_BYTES_MAX);
                    let before = text[floor..begin - 1].iter().rev().take_while(|&&byte| is(byte, LOCAL)).count();
                    if before > 0 {
                        look(Piece::Text(IndicatorKind::Email), &text[begin - 1 - before..begin + name.len()]);
                    }
                }
            }
            self.marked(text, room, &mut look);
        }
        if has(IndicatorKind::Ip) || has(IndicatorKind::Cidr) {
            colons(text, &mut look);
        }
        let digests = [IndicatorKind::Md5, IndicatorKind::Sha1, IndicatorKind::Sha256, IndicatorKind::Sha512];
        if digests.into_iter().any(has) {
            // A digest covers one of every 32 places.
            strides(text, 32, HEX, |digits| {
                if matches!(digits.len(), 32 | 40 | 64 | 128) {
                    look(Piece::Digest, digits);
                }
            });
        }
        if has(IndicatorKind::CryptoAddress) {
            strides(text, 20, ALNUM, |word| look(Piece::Text(IndicatorKind::CryptoAddress), word));
        }
        if has(IndicatorKind::Cve) {
            for at in CVE.find_iter(text) {
                let end = text[at..]
                    .iter()
                    .position(|&byte| !byte.is_ascii_alphanumeric() && byte != b'-')
                    .map_or(text.len(), |len| at + len);
                look(Piece::Text(IndicatorKind::Cve), &text[at..end.min(at + 24)]);
            }
        }
    }

    /// A web address whose host is the run from `begin` to `end`: whole, then without what a sentence puts behind it.
    fn web(&self, text: &[u8], begin: usize, end: usize, room: &mut Vec<u8>, look: &mut impl FnMut(Piece, &[u8])) {
        let colon = begin - 3;
        let floor = colon.saturating_sub(SCHEME_BYTES_MAX);
        let scheme = text[floor..colon]
            .iter()
            .rposition(|byte| !byte.is_ascii_alphanumeric())
            .map_or(floor, |at| floor + at + 1);
        let ceiling = text.len().min(end + value::URL_BYTES_MAX);
        let stop = text[end..ceiling].iter().position(|&byte| is(byte, END)).map_or(ceiling, |len| end + len);
        let whole = &text[scheme..stop];
        let told = whole.len()
            - whole
                .iter()
                .rev()
                .take_while(|byte| matches!(byte, b'.' | b',' | b';' | b':' | b')' | b']' | b'!' | b'?'))
                .count();
        room.clear();
        if whole.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"hxxp")) {
            room.extend_from_slice(b"http");
            room.extend_from_slice(&whole[4..]);
        } else {
            room.extend_from_slice(whole);
        }
        look(Piece::Url, room);
        if told < whole.len() {
            room.truncate(room.len() - (whole.len() - told));
            look(Piece::Url, room);
        }
    }

    /// `evil[dot]example` and `evil(dot)example`, which may hold no dot at all.
    fn marked(&self, text: &[u8], room: &mut Vec<u8>, look: &mut impl FnMut(Piece, &[u8])) {
        let mut done = 0;
        for at in DOT.find_iter(text) {
            let brackets = at.checked_sub(1).map(|before| (text[before], text.get(at + 3).copied()));
            if at >= done && matches!(brackets, Some((b'[', Some(b']')) | (b'(', Some(b')')))) {
                if let Some(end) = defanged(text, at, room) {
                    look(if memchr::memchr(b'/', room).is_some() { Piece::Url } else { Piece::Host }, room);
                    done = end;
                }
            }
        }
    }
}

/// Whether it is digits and dots and no address: a fraction, a version. The last label of a name has a letter.
#[inline]
fn is_number(name: &[u8]) -> bool {
    name.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.')) && noroshi_parsers::ip::parse_v4(name).is_none()
}

/// Without the dots and dashes of a sentence around it.
fn trimmed(run: &[u8]) -> &[u8] {
    let begin = run.iter().position(|byte| !matches!(byte, b'.' | b'-')).unwrap_or(run.len());
    let end = run.iter().rposition(|byte| !matches!(byte, b'.' | b'-')).map_or(begin, |at| at + 1);
    &run[begin..end]
}

/// The defanged value around a bracketed dot at `at`, made whole in `room`, and where it ends. `None` where no bracket is.
fn defanged(text: &[u8], at: usize, room: &mut Vec<u8>) -> Option<usize> {
    let open = *text.get(at.checked_sub(1)?)?;
    if !matches!(open, b'[' | b'(' | b'{') {
        return None;
    }
    let part = |byte: u8| is(byte, NAME) || matches!(byte, b'[' | b']' | b'(' | b')' | b'{' | b'}' | b':' | b'/');
    let floor = at.saturating_sub(RUN_BYTES_MAX);
    let begin = text[floor..at].iter().rposition(|&byte| !part(byte)).map_or(floor, |before| floor + before + 1);
    let ceiling = text.len().min(at + value::URL_BYTES_MAX);
    let end = text[at..ceiling].iter().position(|&byte| is(byte, END) || byte == b',').map_or(ceiling, |len| at + len);
    let told = std::str::from_utf8(&text[begin..end]).ok()?;
    let told = told.trim_start_matches(['[', '(', '{']).trim_end_matches([',', ';', '.', ')']);
    let whole = value::refang(told);
    room.clear();
    room.extend_from_slice(whole.as_bytes());
    // What follows a name in a sentence is none of it.
    if !whole.contains('/') {
        let name = room.iter().position(|&byte| !is(byte, NAME)).unwrap_or(room.len());
        room.truncate(name);
    }
    Some(end)
}

/// IPv6 addresses: runs of hexadecimal digits and colons with `::`, or seven colons.
fn colons(text: &[u8], look: &mut impl FnMut(Piece, &[u8])) {
    let part = |byte: u8| is(byte, HEX) || byte == b':';
    let mut done = 0;
    for colon in memchr::memchr_iter(b':', text) {
        if colon < done {
            continue;
        }
        // Most colons stand between a name and its value. Of an address the first has a digit before and behind it, or a colon behind.
        let behind = text.get(colon + 1).copied().unwrap_or_default();
        if behind != b':' && !(is(behind, HEX) && colon > done && is(text[colon - 1], HEX)) {
            continue;
        }
        let mut begin = colon;
        while begin > done && part(text[begin - 1]) {
            begin -= 1;
        }
        let mut end = colon + 1;
        let (mut count, mut double) = (1, false);
        while end < text.len() && (part(text[end]) || text[end] == b'.') {
            count += usize::from(text[end] == b':');
            double |= text[end] == b':' && text[end - 1] == b':';
            end += 1;
        }
        done = end;
        // A colon or a dot of the sentence is none of the address.
        while end > begin
            && (text[end - 1] == b'.' || text[end - 1] == b':' && (end - begin < 2 || text[end - 2] != b':'))
        {
            end -= 1;
        }
        let joined = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|&byte| is(byte, NAME));
        if joined(begin.checked_sub(1)) || joined(Some(end)) && text[end] != b'.' {
            continue;
        }
        if (double || count == 7) && (3..=45).contains(&(end - begin)) {
            look(Piece::Host, &text[begin..end]);
        }
    }
}

/// Runs of a class at least as long as `stride`: each covers a place that is a multiple of it.
fn strides(text: &[u8], stride: usize, class: u8, mut take: impl FnMut(&[u8])) {
    let mut at = stride - 1;
    let mut done = 0;
    // It reaches half as far at least to one of the sides.
    let (half, quarter) = (stride / 2, stride / 4);
    let is_at = |at: usize| text.get(at).is_some_and(|&byte| is(byte, class));
    while at < text.len() {
        let to_a_side = || is_at(at - quarter) && is_at(at - half) || is_at(at + quarter) && is_at(at + half);
        if at >= done && is(text[at], class) && to_a_side() {
            let (begin, end) = run(text, at, done, class);
            done = end;
            if end - begin >= stride {
                take(&text[begin..end]);
            }
        }
        at += stride;
    }
}
