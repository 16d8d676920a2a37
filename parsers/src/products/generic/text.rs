//! What is found in the text of a record that no decoder knows: cells, `Key: value` lists, addresses, users, links.
//!
//! Everything here is a guess that an analyst can check: the event bears the defect `heuristic`. A role (source, user)
//! is given only where a word before the value names it; all else is related, no more.

use super::ids;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};
use crate::products::fields::{mac_of, relate_span};
use crate::products::url;

/// How much text is looked through: what follows is kept in the message.
const TEXT_BYTES_MAX: usize = 8 << 10;

/// Most values taken by heuristics.
const FOUND_MAX: usize = 48;

/// Most cells of one line.
const CELLS_MAX: usize = 128;

/// Longest key of a `Key: value` list.
const KEY_BYTES_MAX: usize = 40;

/// Reads the text; `body` is what follows its stamp, `pairs` says that its pairs are written already.
pub(super) fn read(writer: &mut EventWriter<'_>, text: &[u8], body: &[u8], pairs: bool) {
    let text = &text[..text.len().min(TEXT_BYTES_MAX)];
    let body = &body[..body.len().min(TEXT_BYTES_MAX)];
    if !pairs && put_list(writer, body) == 0 {
        put_cells(writer, text);
    }
    put_words(writer, text);
}

/// `Key: value, Other key: value`; how many there were. Two make a list.
fn put_list(writer: &mut EventWriter<'_>, text: &[u8]) -> usize {
    let separator = match (memchr::memmem::find(text, b", "), memchr::memmem::find(text, b"; ")) {
        (Some(comma), Some(semicolon)) if semicolon < comma => b';',
        (Some(_), _) => b',',
        (None, Some(_)) => b';',
        (None, None) => return 0,
    };
    let pairs = || text.split(move |&byte| byte == separator).filter_map(take_pair);
    let count = pairs().take(3).count();
    if count < 2 {
        return 0;
    }
    for (key, value) in pairs().take(CELLS_MAX) {
        let (name, value) = (writer.span_of(key), writer.span_of(value));
        writer.put_unnamed(name, value, Kind::Text);
    }
    count
}

/// `Key: value`; prose before the last of several colons is read over.
fn take_pair(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let part = part.trim_ascii();
    let mut from = 0;
    let mut found = None;
    while let Some(at) = memchr::memmem::find(&part[from..], b": ") {
        let key = part[from..from + at].trim_ascii();
        let of_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_' | b'-' | b'.' | b'/');
        let fits =
            !key.is_empty() && key.len() <= KEY_BYTES_MAX && key[0].is_ascii_alphabetic() && key.iter().all(of_key);
        if !fits || found.is_some() && from + at > 2 * KEY_BYTES_MAX {
            break;
        }
        found = Some((key, part[from + at + 2..].trim_ascii()));
        from += at + 2;
    }
    let (key, value) = found.or_else(|| {
        // `Key:value` without a blank: one word before the colon.
        let at = memchr::memchr(b':', part)?;
        let (key, value) = (&part[..at], &part[at + 1..]);
        let word = key.len() >= 2
            && key[0].is_ascii_alphabetic()
            && key.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        (word && !value.starts_with(b"/")).then_some((key, value))
    })?;
    let value = unquoted(value);
    (!value.is_empty()).then_some((key, value))
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        _ => value,
    }
}

/// The cells of a line that looks like a table's: quoted values, or many of the same separator.
fn put_cells(writer: &mut EventWriter<'_>, text: &[u8]) {
    let quotes = memchr::memchr_iter(b'"', text).take(4).count();
    let count = |byte| memchr::memchr_iter(byte, text).take(5).count();
    let separator = if text.first() == Some(&b'"') && memchr::memmem::find(text, b"\",\"").is_some()
        || count(b',') >= 5 && !spaced(text)
    {
        b','
    } else if count(b'\t') >= 3 {
        b'\t'
    } else if count(b'|') >= 4 {
        b'|'
    } else if count(b';') >= 5 {
        b';'
    } else if quotes >= 4 {
        b' '
    } else {
        return;
    };
    let mut rest = text;
    let mut number = 0;
    while number < CELLS_MAX && !rest.is_empty() {
        let (cell, after) = take_cell(rest, separator);
        rest = after;
        let cell = cell.trim_ascii();
        number += 1;
        if !cell.is_empty() && cell != b"-" {
            put_cell(writer, number, cell);
        }
    }
}

/// Whether a comma is followed by a blank as prose writes it.
fn spaced(text: &[u8]) -> bool {
    let commas = memchr::memchr_iter(b',', text).take(32).count();
    let blanks = memchr::memchr_iter(b',', text).take(32).filter(|at| text.get(at + 1) == Some(&b' ')).count();
    blanks * 2 > commas
}

/// The next cell: quoted, bracketed where blanks separate, or up to the separator.
fn take_cell(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let close = match text[0] {
        b'"' => b'"',
        b'[' if separator == b' ' => b']',
        _ => 0,
    };
    if close != 0 {
        let mut at = 1;
        while let Some(found) = memchr::memchr(close, &text[at..]) {
            let end = at + found;
            match text.get(end + 1) {
                // A doubled quote stands for one.
                Some(b'"') if close == b'"' && separator != b' ' => at = end + 2,
                Some(&byte) if byte == separator => return (&text[1..end], &text[end + 2..]),
                None => return (&text[1..end], b""),
                Some(_) => at = end + 1,
            }
        }
    }
    let end = memchr::memchr(separator, text).unwrap_or(text.len());
    (&text[..end], text.get(end + 1..).unwrap_or_default())
}

fn put_cell(writer: &mut EventWriter<'_>, number: usize, cell: &[u8]) {
    let from = writer.arena_start();
    writer.arena_push(b"column_");
    let tens = [b'0' + (number / 100 % 10) as u8, b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
    let zeros = tens.iter().take(2).take_while(|&&digit| digit == b'0').count();
    writer.arena_push(&tens[zeros..]);
    let name = writer.arena_end(from);
    let value = writer.span_of(cell);
    writer.put_unnamed(name, value, Kind::Text);
    put_request(writer, value);
}

/// `GET /path HTTP/1.1`: the method, the target, the version.
fn put_request(writer: &mut EventWriter<'_>, cell: Span) {
    let text = writer.bytes(cell);
    let Some(method) = memchr::memchr(b' ', text).filter(|&at| (3..=8).contains(&at)) else { return };
    if !text[..method].iter().all(u8::is_ascii_uppercase) || writer.first(ecs::HTTP_REQUEST_METHOD).is_some() {
        return;
    }
    let Some(version) = memchr::memrchr(b' ', text).filter(|&at| at > method && text[at + 1..].starts_with(b"HTTP/"))
    else {
        return;
    };
    let len = text.len();
    writer.put_span(ecs::HTTP_REQUEST_METHOD, cell.part(0..method), Kind::Text, false);
    writer.put_span(ecs::HTTP_VERSION, cell.part(version + 6..len), Kind::Text, false);
    url::put(writer, cell.part(method + 1..version));
}

/// What a word says of the value behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    None,
    Source,
    Destination,
    User,
    Host,
}

fn role_of(word: &[u8]) -> Role {
    let is = |names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
    if is(&["from", "src", "source", "client", "remote", "peer", "rhost", "clientip", "srcip", "sourceip", "attacker"])
    {
        Role::Source
    } else if is(&["to", "dst", "dest", "destination", "server", "dstip", "target"]) {
        Role::Destination
    } else if is(&["user", "username", "users", "account", "uname", "accountname", "loginname"]) {
        Role::User
    } else if is(&["host", "hostname", "computer", "workstation"]) {
        Role::Host
    } else {
        Role::None
    }
}

/// Whether a byte ends a word.
fn ends(byte: u8) -> bool {
    matches!(byte, 0..=b' ' | b'"' | b'\'' | b'(' | b')' | b'<' | b'>' | b'{' | b'}' | b',' | b';' | b'=' | b'|' | b'`')
}

/// Addresses, users, links, hashes by words and the word before.
fn put_words(writer: &mut EventWriter<'_>, text: &[u8]) {
    let mut role = Role::None;
    let mut found = 0;
    let mut at = 0;
    while at < text.len() && found < FOUND_MAX {
        if ends(text[at]) {
            at += 1;
            continue;
        }
        let len = text[at..].iter().position(|&byte| ends(byte)).unwrap_or(text.len() - at);
        let word = &text[at..at + len];
        // A link holds signs that end other words.
        if let Some(scheme) = memchr::memmem::find(word, b"://") {
            let start = word[..scheme].iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |end| end + 1);
            if scheme - start >= 2 {
                let link = &text[at + start..];
                let end =
                    link.iter().position(|&byte| matches!(byte, 0..=b' ' | b'"' | b'\'' | b'<' | b'>' | b'|' | b'`'));
                let link = &link[..end.unwrap_or(link.len())];
                let link = link.strip_suffix(b",").or_else(|| link.strip_suffix(b")")).unwrap_or(link);
                put_link(writer, link);
                at += start + link.len().max(1);
                (role, found) = (Role::None, found + 1);
                continue;
            }
        }
        at += len;
        let trimmed = trim(word);
        let next = role_of(trimmed);
        if next != Role::None {
            role = next;
            continue;
        }
        found += usize::from(put_word(writer, trimmed, role));
        // `user name X`, `user: X`, `from host X`: the role outlives a sign and a filler.
        if !trimmed.is_empty() && !matches!(trimmed, b"name" | b"ip" | b"IP" | b"address" | b"is" | b"id" | b"host") {
            role = Role::None;
        }
    }
}

fn trim(word: &[u8]) -> &[u8] {
    let mut word = word;
    while let [rest @ .., b'.' | b':' | b'!' | b'?' | b']'] = word {
        word = rest;
    }
    while let [b'[' | b'@' | b'*' | b'#', rest @ ..] = word {
        word = rest;
    }
    word
}

fn put_link(writer: &mut EventWriter<'_>, link: &[u8]) {
    let span = writer.span_of(link);
    if writer.first(ecs::URL_ORIGINAL).is_none() {
        url::put(writer, span);
    } else {
        writer.put_span(ids().link, span, Kind::Text, true);
    }
}

/// Writes a word that is something; whether it was.
fn put_word(writer: &mut EventWriter<'_>, word: &[u8], role: Role) -> bool {
    if word.len() < 2 {
        return false;
    }
    let digits = word.iter().any(u8::is_ascii_digit);
    if digits && word.len() >= 3 && (word.contains(&b'.') || word.contains(&b':')) && put_address(writer, word, role) {
        return true;
    }
    if word.len() == 17 && matches!(word[2], b':' | b'-') || word.len() == 14 && word[4] == b'.' && word[9] == b'.' {
        if let Some(mac) = mac_of(word) {
            writer.put(if role == Role::Destination { ecs::DESTINATION_MAC } else { ecs::SOURCE_MAC }, &mac);
            return true;
        }
    }
    if matches!(word.len(), 32 | 40 | 64 | 128) && word.iter().all(u8::is_ascii_hexdigit) && digits {
        let span = writer.span_of(word);
        relate_span(writer, span, ecs::RELATED_HASH);
        return true;
    }
    if let Some(sign) =
        memchr::memchr(b'@', word).filter(|&sign| sign > 0 && memchr::memchr(b'.', &word[sign..]).is_some())
    {
        if word[sign + 1..].iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')) {
            let span = writer.span_of(word);
            if writer.first(ecs::USER_EMAIL).is_none() {
                writer.put_span(ecs::USER_EMAIL, span, Kind::Text, false);
            }
            relate_span(writer, span, ecs::RELATED_USER);
            return true;
        }
    }
    if is_domain(word) {
        let span = writer.span_of(word);
        relate_span(writer, span, ecs::RELATED_HOSTS);
        return true;
    }
    match role {
        Role::User if is_name(word) => {
            let span = writer.span_of(word);
            if writer.first(ecs::USER_NAME).is_none() {
                writer.put_span(ecs::USER_NAME, span, Kind::Text, false);
            }
            relate_span(writer, span, ecs::RELATED_USER);
            true
        }
        Role::Host if is_name(word) && (digits || word.contains(&b'.') || word.contains(&b'-')) => {
            let span = writer.span_of(word);
            relate_span(writer, span, ecs::RELATED_HOSTS);
            true
        }
        _ => false,
    }
}

/// Whether a word is a name of three labels or more below a top-level domain that is widely used or a country's. Names of
/// files and of packages have other ends or capitals.
fn is_domain(word: &[u8]) -> bool {
    const TOPS: &[&[u8]] = &[
        b"com",
        b"net",
        b"org",
        b"info",
        b"biz",
        b"edu",
        b"gov",
        b"mil",
        b"int",
        b"local",
        b"lan",
        b"corp",
        b"internal",
        b"arpa",
        b"cloud",
        b"dev",
        b"app",
    ];
    let Some(dot) = memchr::memrchr(b'.', word).filter(|_| (8..=253).contains(&word.len())) else { return false };
    let top = &word[dot + 1..];
    let of_name = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    let country = top.len() == 2
        && dot >= 6
        && !matches!(top, b"gz" | b"so" | b"py" | b"js" | b"sh" | b"rs" | b"go" | b"cc" | b"md" | b"db");
    (country || TOPS.contains(&top))
        && word.iter().all(of_name)
        && memchr::memchr_iter(b'.', word).count() >= 2
        && !word.starts_with(b".")
        && memchr::memmem::find(word, b"..").is_none()
        && ![&b"com."[..], b"org.", b"net.", b"io.", b"java.", b"javax."]
            .iter()
            .any(|package| word.starts_with(package))
}

/// Whether a word may be the name of an account: no word of prose that follows "user".
fn is_name(word: &[u8]) -> bool {
    const PROSE: &[&str] = &[
        "is",
        "was",
        "has",
        "had",
        "not",
        "with",
        "for",
        "from",
        "to",
        "in",
        "on",
        "at",
        "by",
        "and",
        "or",
        "of",
        "the",
        "a",
        "an",
        "id",
        "name",
        "logged",
        "login",
        "logout",
        "authentication",
        "authenticated",
        "failed",
        "unknown",
        "does",
        "did",
        "can",
        "cannot",
        "will",
        "session",
        "request",
        "requested",
        "password",
        "account",
        "accounts",
        "access",
        "added",
        "removed",
        "created",
        "deleted",
        "agent",
        "data",
        "group",
        "input",
        "mode",
        "space",
        "table",
        "error",
    ];
    let of_name = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'\\' | b'$' | b'@' | b'+') || *byte >= 0x80
    };
    word.len() <= 128
        && word.iter().all(of_name)
        && word.iter().any(u8::is_ascii_alphanumeric)
        && !PROSE.iter().any(|prose| word.eq_ignore_ascii_case(prose.as_bytes()))
}

/// An address, with a port or without.
fn put_address(writer: &mut EventWriter<'_>, word: &[u8], role: Role) -> bool {
    let word = word.strip_prefix(b"/").unwrap_or(word);
    let (host, port) = match crate::ip::parse(word) {
        Some(_) => (word, &b""[..]),
        None => {
            let Some(at) = word.iter().rposition(|byte| matches!(byte, b':' | b'/' | b'#')) else { return false };
            (&word[..at], &word[at + 1..])
        }
    };
    let host = host.strip_prefix(b"[").unwrap_or(host);
    let host = host.strip_suffix(b"]").unwrap_or(host);
    let Some(ip) = crate::ip::parse(host) else { return false };
    // `1:2` and `::` are no addresses that anyone writes about.
    if ip.is_unspecified() && ip.is_ipv6() || host.len() < 4 {
        return false;
    }
    let (ip_id, port_id) = match role {
        Role::Destination => (ecs::DESTINATION_IP, ecs::DESTINATION_PORT),
        _ => (ecs::SOURCE_IP, ecs::SOURCE_PORT),
    };
    let named = matches!(role, Role::Source | Role::Destination) && writer.first(ip_id).is_none();
    let value = if named { writer.put_addr(ip_id, ip, host) } else { writer.span_of(host) };
    relate_span(writer, value, ecs::RELATED_IP);
    if crate::number::parse_u64(port).is_some_and(|port| port <= 65_535) {
        if named {
            writer.put_port(port_id, port);
        } else {
            put_vendor(writer, ids().port, port);
        }
        put_vendor(writer, ids().address, word);
    }
    true
}

fn put_vendor(writer: &mut EventWriter<'_>, id: FieldId, value: &[u8]) {
    writer.put_vendor(id, value);
}
