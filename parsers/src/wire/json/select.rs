//! A few members of a JSON object, by path, without keeping the others.
//!
//! The full walk is the oracle: for a well-formed object a [`Selector`] finds under each path what
//! the walk writes first under that name. What no path leads into is skipped by its brackets and quotes.

use super::scan;
use super::walk::{DEPTH_MAX, PATH_BYTES_MAX};
use crate::dictionary::same;
use crate::event::Kind;
use crate::scan::NextPlace;

/// Most paths of one selector: they are tracked in one word.
pub const PATHS_MAX: usize = 16;

/// The bytes of a number, `true`, `false` and `null`.
static OF_SCALAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'+' | b'.');
        byte += 1;
    }
    table
};

/// Lengths of keys that are told apart.
const LENGTHS: usize = 32;

/// The paths to look for.
#[derive(Clone, Debug)]
pub struct Selector {
    paths: Vec<Box<[u8]>>,
    /// By first byte of a key at the root: which paths it may begin.
    by_first: Box<[u16; 256]>,
    /// By the length of a key at the root, those that long or longer together.
    by_len: [u16; LENGTHS],
    all: u16,
}

/// A member that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member<'a> {
    /// What the value is.
    pub kind: Kind,
    /// The value as the record writes it, a string without its quotes.
    pub raw: &'a [u8],
    /// Whether a string holds escapes; [`Member::unescape`] undoes them.
    pub escaped: bool,
}

impl Member<'_> {
    /// Appends the value, escapes undone.
    pub fn unescape(&self, out: &mut Vec<u8>) {
        if self.escaped {
            super::escape::unescape(self.raw, |bytes| out.extend_from_slice(bytes));
        } else {
            out.extend_from_slice(self.raw);
        }
    }
}

/// How the ends of strings are found.
trait Strings {
    /// The place of the quote that closes the string whose content starts at `at`; `None` = the text ends first.
    fn end(&mut self, at: usize) -> Option<usize>;
    /// The end of the object or array that opens at `at`; `None` = the text ends first.
    fn container_end(&self, at: usize) -> Option<usize>;
    /// Whether the content of a string means what it says.
    fn plain(&self, content: &[u8]) -> bool;
}

impl Strings for NextPlace<'_> {
    #[inline]
    fn end(&mut self, at: usize) -> Option<usize> {
        self.from(at)
    }

    #[inline]
    fn container_end(&self, at: usize) -> Option<usize> {
        scan::plain_container_end(self.text(), at)
    }

    #[inline]
    fn plain(&self, _: &[u8]) -> bool {
        true
    }
}

/// Any text.
struct Escaped<'t>(&'t [u8]);

impl Strings for Escaped<'_> {
    #[inline]
    fn end(&mut self, at: usize) -> Option<usize> {
        scan::string_end(self.0, at).map(|(end, _)| end)
    }

    #[inline]
    fn container_end(&self, at: usize) -> Option<usize> {
        scan::container_end(self.0, at)
    }

    #[inline]
    fn plain(&self, content: &[u8]) -> bool {
        memchr::memchr(b'\\', content).is_none()
    }
}

/// What was found, by the order of the selector's paths.
pub type Picked<'a> = [Option<Member<'a>>; PATHS_MAX];

#[derive(Clone, Copy)]
struct Frame {
    /// Which paths lead here, not found yet when it was entered.
    paths: u16,
    /// How many bytes of those paths are matched, the dot included.
    matched: u16,
    array: bool,
}

impl Selector {
    /// A selector of dotted paths; `None` = more than [`PATHS_MAX`], an empty one, or one longer than
    /// the full walk composes.
    pub fn new(paths: &[&str]) -> Option<Selector> {
        let fits = |path: &&str| (1..=PATH_BYTES_MAX).contains(&path.len());
        if paths.len() > PATHS_MAX || !paths.iter().all(fits) {
            return None;
        }
        let (mut by_first, mut by_len) = (Box::new([0u16; 256]), [0; LENGTHS]);
        for (at, path) in paths.iter().enumerate() {
            // A key may itself hold dots.
            let ends = path.match_indices('.').map(|(dot, _)| dot).chain([path.len()]);
            ends.for_each(|len| by_len[len.min(LENGTHS - 1)] |= 1 << at);
            by_first[usize::from(path.as_bytes()[0])] |= 1 << at;
        }
        let all = ((1u32 << paths.len()) - 1) as u16;
        Some(Selector { paths: paths.iter().map(|path| path.as_bytes().into()).collect(), by_first, by_len, all })
    }

    /// Looks the paths up in the object that `text` begins with. Stops when all are found, or where
    /// the text breaks off; what was found stays.
    pub fn pick<'a>(&self, text: &'a [u8]) -> Picked<'a> {
        let mut picked = [None; PATHS_MAX];
        if text.first() == Some(&b'{') {
            // Where nothing is escaped, every quote begins or ends a string.
            let _ = match memchr::memchr(b'\\', text) {
                None => self.walk(text, &mut NextPlace::of(text, b'"'), &mut picked),
                Some(_) => self.walk(text, &mut Escaped(text), &mut picked),
            };
        }
        picked
    }

    fn walk<'a>(&self, text: &'a [u8], strings: &mut impl Strings, picked: &mut Picked<'a>) -> Option<()> {
        let mut missing = self.all;
        let mut frames = [Frame { paths: 0, matched: 0, array: false }; DEPTH_MAX];
        frames[0].paths = self.all;
        let mut depth = 1;
        let mut at = scan::skip_space(text, 1);
        if *text.get(at)? == b'}' {
            return Some(());
        }
        loop {
            let frame = frames[depth - 1];
            // Which paths end at this value, and which lead on into it.
            let (ends, leads, matched) = if frame.array {
                let (ends, leads) = self.at_element(frame);
                (ends & missing, leads & missing, usize::from(frame.matched))
            } else {
                if *text.get(at)? != b'"' {
                    return None;
                }
                let end = strings.end(at + 1)?;
                let key = &text[at + 1..end];
                at = end + 1;
                if *text.get(at)? != b':' {
                    at = scan::skip_space(text, at);
                    if *text.get(at)? != b':' {
                        return None;
                    }
                }
                at += 1;
                if *text.get(at)? <= b' ' {
                    at = scan::skip_space(text, at);
                }
                let candidates = if depth == 1 {
                    match key.first() {
                        Some(b'\\') | None => missing,
                        Some(&first) if strings.plain(key) => {
                            self.by_first[usize::from(first)] & self.by_len[key.len().min(LENGTHS - 1)] & missing
                        }
                        Some(&first) => self.by_first[usize::from(first)] & missing,
                    }
                } else {
                    frame.paths & missing
                };
                if candidates == 0 {
                    (0, 0, 0)
                } else if strings.plain(key) {
                    self.at_key(candidates, usize::from(frame.matched), key)
                } else {
                    let mut unescaped = Vec::with_capacity(key.len());
                    super::escape::unescape(key, |bytes| unescaped.extend_from_slice(bytes));
                    self.at_key(candidates, usize::from(frame.matched), &unescaped)
                }
            };
            match *text.get(at)? {
                b'"' => {
                    let end = strings.end(at + 1)?;
                    if ends != 0 {
                        let raw = &text[at + 1..end];
                        let member = Member { kind: Kind::Text, raw, escaped: !strings.plain(raw) };
                        missing = take(picked, missing, ends, member)?;
                    }
                    at = end + 1;
                }
                open @ (b'{' | b'[') => {
                    let inside = scan::skip_space(text, at + 1);
                    let empty = *text.get(inside)? == open + 2;
                    let array = open == b'[';
                    let whole = empty || (array && frame.array) || depth == DEPTH_MAX;
                    if !whole && (leads != 0 || (array && ends != 0)) {
                        // The elements of an array stand under the array's own name.
                        let paths = if array { ends | leads } else { leads };
                        let matched = if array { matched } else { matched + 1 };
                        frames[depth] = Frame { paths, matched: matched as u16, array };
                        depth += 1;
                        at = inside;
                        continue;
                    }
                    let end = strings.container_end(at)?;
                    if whole && ends != 0 {
                        let member = Member { kind: Kind::Json, raw: &text[at..end], escaped: false };
                        missing = take(picked, missing, ends, member)?;
                    }
                    at = end;
                }
                first => {
                    let mut end = at;
                    while OF_SCALAR[usize::from(*text.get(end)?)] {
                        end += 1;
                    }
                    if end == at {
                        return None;
                    }
                    if ends != 0 {
                        let kind = match first {
                            b't' | b'f' => Kind::Bool,
                            b'n' => Kind::Null,
                            _ => Kind::Number,
                        };
                        missing = take(picked, missing, ends, Member { kind, raw: &text[at..end], escaped: false })?;
                    }
                    at = end;
                }
            }
            loop {
                if matches!(*text.get(at)?, b' ' | b'\t' | b'\n' | b'\r') {
                    at = scan::skip_space(text, at);
                }
                match *text.get(at)? {
                    b',' => {
                        at += 1;
                        if *text.get(at)? <= b' ' {
                            at = scan::skip_space(text, at);
                        }
                        break;
                    }
                    b'}' | b']' => {
                        at += 1;
                        depth -= 1;
                        if depth == 0 {
                            return Some(());
                        }
                    }
                    _ => return None,
                }
            }
        }
    }

    /// Of the paths that `candidates` are, from `matched` on: which end with `key`, which go on below it.
    #[inline]
    fn at_key(&self, mut candidates: u16, matched: usize, key: &[u8]) -> (u16, u16, usize) {
        let (mut ends, mut leads) = (0, 0);
        while candidates != 0 {
            let at = candidates.trailing_zeros() as usize;
            candidates &= candidates - 1;
            let path = &self.paths[at];
            let end = matched + key.len();
            if !path.get(matched..end).is_some_and(|part| same(part, key)) {
                continue;
            }
            match path.get(end) {
                None => ends |= 1 << at,
                Some(b'.') => leads |= 1 << at,
                Some(_) => {}
            }
        }
        (ends, leads, matched + key.len())
    }

    /// The same for an element of an array: no key of its own.
    #[inline]
    fn at_element(&self, frame: Frame) -> (u16, u16) {
        let (mut ends, mut leads) = (0, 0);
        let mut candidates = frame.paths;
        while candidates != 0 {
            let at = candidates.trailing_zeros() as usize;
            candidates &= candidates - 1;
            if self.paths[at].len() == usize::from(frame.matched) {
                ends |= 1 << at;
            } else {
                leads |= 1 << at;
            }
        }
        (ends, leads)
    }
}

/// Notes a member for the paths that end here; `None` = nothing is missing any more.
#[inline]
fn take<'a>(picked: &mut Picked<'a>, missing: u16, mut ends: u16, member: Member<'a>) -> Option<u16> {
    let missing = missing & !ends;
    while ends != 0 {
        picked[ends.trailing_zeros() as usize] = Some(member);
        ends &= ends - 1;
    }
    (missing != 0).then_some(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, paths: &[&str], expected: &[Option<&str>]) {
        let picked = Selector::new(paths).unwrap().pick(text.as_bytes());
        let found: Vec<_> = picked[..paths.len()]
            .iter()
            .map(|member| member.map(|member| std::str::from_utf8(member.raw).unwrap()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn members_by_path() {
        let text = r#"{"a":1,"skip":{"a":"}","b":[1,{"x":"\""}]},"b":{"c":"x","d":[{"e":2},{"e":3}]},"f.g":null,"h":[],"i":[7,8]}"#;
        check(text, &["a", "b.c", "b.d.e", "f.g"], &[Some("1"), Some("x"), Some("2"), Some("null")]);
        check(
            text,
            &["h", "i", "skip.b", "skip.b.x", "b", "none"],
            &[Some("[]"), Some("7"), Some("1"), Some("\\\""), None, None],
        );
        check(r#"{"a":1,"a":2}"#, &["a"], &[Some("1")]);
        check(r#"{"\u0061":1}"#, &["a"], &[Some("1")]);
        check(r#"{"a":1,"b":"#, &["a", "b"], &[Some("1"), None]);
        check("[1]", &["a"], &[None]);
    }

    #[test]
    fn too_many_paths_are_refused() {
        assert!(Selector::new(&["x"; PATHS_MAX + 1]).is_none());
        assert!(Selector::new(&[""]).is_none());
        assert!(Selector::new(&["x"; PATHS_MAX]).is_some());
    }
}
