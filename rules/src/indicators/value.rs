//! Values in the form they are compared in, from files and from events alike.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::IndicatorKind;

/// Longest web address compared. Feeds stay below it, and longer ones of events are no indicators then.
pub(super) const URL_BYTES_MAX: usize = 2_048;
/// Longest domain name (RFC 1035 §2.3.4, without the root).
pub(super) const DOMAIN_BYTES_MAX: usize = 253;
/// Longest text of other kinds compared: names, paths, user agents.
pub(super) const TEXT_BYTES_MAX: usize = 4_096;

/// The bytes of an address and how many they are.
#[inline]
pub(super) fn octets(ip: IpAddr) -> ([u8; 16], usize) {
    match ip {
        IpAddr::V4(ip) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&ip.octets());
            (bytes, 4)
        }
        IpAddr::V6(ip) => (ip.octets(), 16),
    }
}

/// The key of the network of `prefix` bits that holds an address: the prefix, then the
/// address with the other bits cleared.
pub(super) fn network_key(octets: &[u8], prefix: u8) -> ([u8; 17], usize) {
    let mut key = [0; 17];
    key[0] = prefix;
    for (at, byte) in octets.iter().enumerate() {
        let bits = usize::from(prefix).saturating_sub(at * 8).min(8);
        key[at + 1] = byte & !(0xFFu16 >> bits) as u8;
    }
    (key, octets.len() + 1)
}

/// The kind of a digest of so many hexadecimal digits.
#[inline]
pub(super) fn digest(digits: usize) -> Option<IndicatorKind> {
    match digits {
        32 => Some(IndicatorKind::Md5),
        40 => Some(IndicatorKind::Sha1),
        64 => Some(IndicatorKind::Sha256),
        128 => Some(IndicatorKind::Sha512),
        _ => None,
    }
}

/// A digest in hexadecimal; its kind by its length.
#[inline]
pub(super) fn hash<'a>(text: &[u8], buffer: &'a mut [u8; 64]) -> Option<(IndicatorKind, &'a [u8])> {
    let kind = digest(text.len())?;
    let mut bad = 0;
    for (byte, pair) in buffer.iter_mut().zip(text.chunks_exact(2)) {
        let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
        bad |= high | low;
        *byte = high << 4 | low & 15;
    }
    (bad < 16).then(|| (kind, &buffer[..text.len() / 2]))
}

/// Hexadecimal digits by byte; 255 where it is none.
const DIGITS: [u8; 256] = {
    let mut digits = [255; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        digits[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// Whether it is a domain name of at least two labels.
pub(super) fn is_domain(text: &[u8]) -> bool {
    let mut label = 0;
    let mut labels = 1;
    for &byte in text {
        match byte {
            b'.' if label == 0 => return false,
            b'.' => {
                labels += 1;
                label = 0;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | 0x80.. => label += 1,
            _ => return false,
        }
    }
    labels >= 2 && label > 0 && text.len() <= DOMAIN_BYTES_MAX
}

/// A host name without the root's dot, in lower case where it goes beyond ASCII (hashes fold only ASCII).
#[inline]
pub(super) fn name(text: &[u8]) -> Cow<'_, [u8]> {
    let text = text.strip_suffix(b".").unwrap_or(text);
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    match std::str::from_utf8(text) {
        // Names beyond ASCII are rare; only they pay for an allocation.
        Ok(text) => Cow::Owned(text.to_lowercase().into_bytes()),
        Err(_) => Cow::Borrowed(text),
    }
}

/// The parts of a web address that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    /// Empty for `http` and `https`, which are one.
    pub(super) scheme: &'a [u8],
    /// As it stands, without user and port.
    pub(super) host: &'a [u8],
    /// Empty where it is the default.
    pub(super) port: &'a [u8],
    /// Path and query, normalised; begins with `/`.
    pub(super) tail: &'a [u8],
}

/// The parts of a web address: without user, default port and fragment; an empty path is `/`. `None` for paths and whatever else has
/// no host. `room` holds a tail that is not as it stands.
#[inline]
pub(super) fn url<'a>(text: &'a [u8], room: &'a mut Vec<u8>) -> Option<Url<'a>> {
    let colon = memchr::memchr(b':', text)?;
    let (scheme, rest) = (&text[..colon], text[colon + 1..].strip_prefix(b"//")?);
    if scheme.is_empty()
        || text.len() > URL_BYTES_MAX
        || !scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    {
        return None;
    }
    let web = scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https");
    let end = memchr::memchr3(b'/', b'?', b'#', rest).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let authority = &authority[memchr::memrchr(b'@', authority).map_or(0, |at| at + 1)..];
    let (host, port) = split_port(authority);
    if host.is_empty() {
        return None;
    }
    let port = if web && (port == b"80" || port == b"443") { b"" } else { port };
    let host = host.strip_suffix(b".").unwrap_or(host);
    Some(Url { scheme: if web { b"" } else { scheme }, host, port, tail: tail_of(tail, room) })
}

/// Path and query in the form compared: no fragment; dot segments and needless percent signs resolved (RFC 3986 §6.2.2).
#[inline]
pub(super) fn tail_of<'a>(tail: &'a [u8], room: &'a mut Vec<u8>) -> &'a [u8] {
    let tail = &tail[..memchr::memchr(b'#', tail).unwrap_or(tail.len())];
    if tail.is_empty() {
        return b"/";
    }
    // Pairs are looked at to the end, so that it is done many at a time.
    let has_dots = tail.iter().zip(&tail[1..]).fold(false, |has, (a, b)| has | (*a == b'/') & (*b == b'.'));
    if tail[0] == b'/' && !has_dots && memchr::memchr(b'%', tail).is_none() {
        return tail;
    }
    unquote(tail, room);
    without_dots(room);
    room
}

/// Percent signs resolved where the character needs none, their digits in upper case elsewhere.
fn unquote(tail: &[u8], plain: &mut Vec<u8>) {
    plain.clear();
    if tail[0] != b'/' {
        plain.push(b'/');
    }
    let mut at = 0;
    while at < tail.len() {
        let digits = tail.get(at + 1..at + 3).map(|pair| (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]));
        match (tail[at], digits) {
            (b'%', Some((high @ 0..16, low @ 0..16))) => {
                let byte = high << 4 | low;
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                    plain.push(byte);
                } else {
                    plain.extend(tail[at..at + 3].iter().map(u8::to_ascii_uppercase));
                }
                at += 3;
            }
            (byte, _) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
}

/// Resolves `.` and `..` in the path, in place: what is written never overtakes what is read.
fn without_dots(plain: &mut Vec<u8>) {
    let query = memchr::memchr(b'?', plain).unwrap_or(plain.len());
    let (mut read, mut written) = (0, 0);
    while read < query {
        let end = plain[read + 1..query].iter().position(|&byte| byte == b'/').map_or(query, |at| read + 1 + at);
        match &plain[read + 1..end] {
            dots @ (b"." | b"..") => {
                if dots.len() == 2 {
                    written = memchr::memrchr(b'/', &plain[..written]).unwrap_or(0);
                }
                if end == query {
                    plain[written] = b'/';
                    written += 1;
                }
            }
            _ => {
                plain.copy_within(read..end, written);
                written += end - read;
            }
        }
        read = end;
    }
    plain.copy_within(query.., written);
    plain.truncate(plain.len() - (query - written));
}

impl Url<'_> {
    /// As it is kept and shown: `evil.com:8080/path?query`, other schemes in front.
    pub(super) fn key(&self, key: &mut Vec<u8>) {
        key.clear();
        if !self.scheme.is_empty() {
            key.extend(self.scheme.iter().map(u8::to_ascii_lowercase));
            key.extend_from_slice(b"://");
        }
        key.extend(self.host.iter().map(u8::to_ascii_lowercase));
        if !self.port.is_empty() {
            key.push(b':');
            key.extend_from_slice(self.port);
        }
        key.extend_from_slice(self.tail);
    }
}

/// Host and port; the brackets of an IPv6 address belong to neither port nor question.
pub(super) fn split_port(authority: &[u8]) -> (&[u8], &[u8]) {
    if authority.first() == Some(&b'[') {
        let end = memchr::memchr(b']', authority).map_or(authority.len(), |at| at + 1);
        let (host, rest) = authority.split_at(end);
        return (host, rest.strip_prefix(b":").unwrap_or_default());
    }
    match memchr::memrchr(b':', authority) {
        Some(at) if authority[at + 1..].iter().all(u8::is_ascii_digit) => (&authority[..at], &authority[at + 1..]),
        _ => (authority, b""),
    }
}

/// Text of the other kinds in the form compared; `key` is replaced. False where it is none of that kind.
pub(super) fn text(kind: IndicatorKind, text: &[u8], key: &mut Vec<u8>) -> bool {
    key.clear();
    let text = text.trim_ascii();
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        return false;
    }
    match kind {
        IndicatorKind::Email => {
            let text = text.strip_prefix(b"<").and_then(|inner| inner.strip_suffix(b">")).unwrap_or(text);
            let Some(at) = memchr::memrchr(b'@', text) else { return false };
            if at == 0 || at + 1 == text.len() || text.iter().any(|byte| byte.is_ascii_whitespace()) {
                return false;
            }
            lower(text, key);
        }
        // A whole path keeps its separators; Windows compares names without regard to case, and feeds write either.
        IndicatorKind::FileName => lower(text, key),
        IndicatorKind::RegistryKey => {
            if memchr::memchr(b'\\', text).is_none() {
                return false;
            }
            registry(text, key);
        }
        IndicatorKind::UserAgent => key.extend_from_slice(text),
        IndicatorKind::Ja3 | IndicatorKind::Imphash => {
            let mut buffer = [0; 64];
            let Some((IndicatorKind::Md5, digest)) = hash(text, &mut buffer) else { return false };
            key.extend_from_slice(digest);
        }
        IndicatorKind::Ja4 => {
            // `t13d1516h2_8daaf6152771_02713d6af862`: three parts (FoxIO, JA4 details).
            if text.len() < 10 || text.iter().filter(|&&byte| byte == b'_').count() < 2 {
                return false;
            }
            lower(text, key);
        }
        IndicatorKind::Certificate => {
            // Also as openssl prints it, with colons.
            key.extend(text.iter().copied().filter(|&byte| byte != b':'));
            let mut buffer = [0; 64];
            let Some((_, digest)) = hash(key, &mut buffer) else { return false };
            key.clear();
            key.extend_from_slice(digest);
        }
        IndicatorKind::Asn => {
            let digits = if text.len() > 2 && text[..2].eq_ignore_ascii_case(b"as") { &text[2..] } else { text };
            let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok());
            let Some(number) = number.filter(|&number| number > 0) else { return false };
            key.extend_from_slice(&number.to_be_bytes());
        }
        IndicatorKind::CryptoAddress => {
            if text.len() < 20 || !text.iter().all(|byte| byte.is_ascii_alphanumeric()) {
                return false;
            }
            // Base58 tells case apart; bech32 and hexadecimal do not.
            let folds = [&b"bc1"[..], b"tb1", b"ltc1", b"0x"]
                .iter()
                .any(|head| text.get(..head.len()).is_some_and(|start| start.eq_ignore_ascii_case(head)));
            if folds { lower(text, key) } else { key.extend_from_slice(text) }
        }
        IndicatorKind::Cve => {
            key.extend(text.iter().map(u8::to_ascii_uppercase));
            let Some((year, number)) = key.strip_prefix(b"CVE-").and_then(|rest| rest.split_at_checked(4)) else {
                return false;
            };
            let number = number.strip_prefix(b"-").unwrap_or_default();
            if !year.iter().all(u8::is_ascii_digit) || number.len() < 4 || !number.iter().all(u8::is_ascii_digit) {
                return false;
            }
        }
        _ => return false,
    }
    true
}

fn lower(text: &[u8], key: &mut Vec<u8>) {
    match std::str::from_utf8(text) {
        Ok(text) if !text.is_ascii() => {
            for folded in text.chars().flat_map(char::to_lowercase) {
                key.extend_from_slice(folded.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        _ => key.extend(text.iter().map(u8::to_ascii_lowercase)),
    }
}

/// Hives in one form: Windows writes them long, short, or as the kernel names them.
fn registry(text: &[u8], key: &mut Vec<u8>) {
    const HIVES: [(&[u8], &[u8]); 10] = [
        (b"hkey_local_machine\\", b"hklm\\"),
        (b"hkey_current_user\\", b"hkcu\\"),
        (b"hkey_users\\", b"hku\\"),
        (b"hkey_classes_root\\", b"hkcr\\"),
        (b"hkey_current_config\\", b"hkcc\\"),
        (b"\\registry\\machine\\", b"hklm\\"),
        (b"\\registry\\user\\", b"hku\\"),
        (b"registry\\machine\\", b"hklm\\"),
        (b"registry\\user\\", b"hku\\"),
        (b"computer\\hkey_local_machine\\", b"hklm\\"),
    ];
    lower(text.strip_suffix(b"\\").unwrap_or(text), key);
    if let Some((long, short)) = HIVES.into_iter().find(|(long, _)| key.starts_with(long)) {
        key.splice(..long.len(), short.iter().copied());
    }
}

/// A key as text.
pub(super) fn show(kind: IndicatorKind, key: &[u8]) -> String {
    let ip = |bytes: &[u8]| match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(bytes), _) => Ipv4Addr::from(bytes).to_string(),
        (_, Ok(bytes)) => Ipv6Addr::from(bytes).to_string(),
        _ => String::new(),
    };
    match kind {
        IndicatorKind::Ip => ip(key),
        IndicatorKind::Cidr => format!("{}/{}", ip(&key[1..]), key[0]),
        IndicatorKind::Asn => {
            key.try_into().map(|bytes| format!("AS{}", u32::from_be_bytes(bytes))).unwrap_or_default()
        }
        IndicatorKind::Md5
        | IndicatorKind::Sha1
        | IndicatorKind::Sha256
        | IndicatorKind::Sha512
        | IndicatorKind::Imphash
        | IndicatorKind::Ja3
        | IndicatorKind::Certificate => key.iter().map(|byte| format!("{byte:02x}")).collect(),
        _ => String::from_utf8_lossy(key).into_owned(),
    }
}

/// Makes a defanged value whole.
pub(super) fn refang(text: &str) -> Cow<'_, str> {
    const MARKS: [(&str, &str); 12] = [
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("[dot]", "."),
        ("(dot)", "."),
        ("[:]", ":"),
        ("[://]", "://"),
        ("[/]", "/"),
        ("[@]", "@"),
        ("[at]", "@"),
        ("(at)", "@"),
        ("\\.", "."),
    ];
    let mut text = Cow::Borrowed(text);
    if text.bytes().any(|byte| matches!(byte, b'[' | b'(' | b'{' | b'\\')) {
        for (mark, whole) in MARKS {
            // A backslash before a dot is a path's in a path.
            let in_path =
                mark == "\\." && text.bytes().filter(|&byte| byte == b'\\').count() > text.matches("\\.").count();
            if !in_path && text.contains(mark) {
                text = Cow::Owned(text.replace(mark, whole));
            }
        }
    }
    let head = text.get(..4).unwrap_or_default();
    if head.eq_ignore_ascii_case("hxxp") || head.eq_ignore_ascii_case("h**p") || head.eq_ignore_ascii_case("htxp") {
        return Cow::Owned(format!("http{}", &text[4..]));
    }
    if text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("fxp")) && text[3..].starts_with("://") {
        return Cow::Owned(format!("ftp{}", &text[3..]));
    }
    text
}
