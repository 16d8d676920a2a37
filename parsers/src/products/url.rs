//! A URL's parts (RFC 3986 §3), each a span of it.

use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};

/// Writes `url.original` and the parts that the URL has. A part written before stays alone.
pub(crate) fn put(writer: &mut EventWriter<'_>, url: Span) {
    put_parts(writer, url, false);
}

/// As [`put`] for a URL that may begin with its authority, as firewalls write it: `www.example.com:8080/a?b`.
pub(crate) fn put_any(writer: &mut EventWriter<'_>, url: Span) {
    let rooted = writer.bytes(url).first() == Some(&b'/');
    put_parts(writer, url, !rooted);
}

fn put_parts(writer: &mut EventWriter<'_>, url: Span, bare: bool) {
    writer.put_span(ecs::URL_ORIGINAL, url, Kind::Text, false);
    if !writer.derives() {
        return;
    }
    let text = writer.bytes(url);
    let len = text.len();
    let mut path_from = 0;
    let mut scheme = 0..0;
    let mut user = 0..0;
    let mut password = 0..0;
    let mut host = 0..0;
    let mut port = 0..0;
    let colon = memchr::memchr(b':', &text[..len.min(SCHEME_BYTES_MAX)]);
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let colon =
        colon.filter(|&colon| colon > 0 && text[colon..].starts_with(b"://") && text[..colon].iter().all(is_scheme));
    let authority = colon.map(|colon| colon + 3).or(bare.then_some(0));
    if let Some(from) = authority {
        scheme = 0..colon.unwrap_or_default();
        let authority = &text[from..];
        let to = from + authority.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(authority.len());
        path_from = to;
        let mut at = from;
        if let Some(sign) = memchr::memrchr(b'@', &text[from..to]) {
            let end = from + sign;
            let split = memchr::memchr(b':', &text[from..end]).map_or(end, |colon| from + colon);
            user = from..split;
            password = (split + 1).min(end)..end;
            at = end + 1;
        }
        // A bracketed IPv6 address holds colons of its own.
        let after_host = if text.get(at) == Some(&b'[') {
            memchr::memchr(b']', &text[at..to]).map_or(to, |end| at + end + 1)
        } else {
            memchr::memrchr(b':', &text[at..to]).map_or(to, |colon| at + colon)
        };
        host = at..after_host;
        port = (after_host + 1).min(to)..to;
    }
    let tail = &text[path_from..];
    let fragment = memchr::memchr(b'#', tail).map(|at| path_from + at);
    let before = fragment.unwrap_or(len);
    let query = memchr::memchr(b'?', &text[path_from..before]).map(|at| path_from + at);
    let path = path_from..query.unwrap_or(before);
    let name = memchr::memrchr(b'/', &text[path.clone()]).map_or(path.start, |at| path.start + at + 1);
    let dot = memchr::memrchr(b'.', &text[name..path.end]).filter(|&dot| dot > 0).map(|dot| name + dot + 1);
    // What is not a path (`*`, an authority of CONNECT) has no parts.
    let has_path = text.get(path.start) == Some(&b'/');
    let port_is_number = crate::number::parse_u64(&text[port.clone()]).is_some();
    if authority.is_some() {
        put_part(writer, ecs::URL_SCHEME, url, scheme);
        put_part(writer, ecs::URL_USERNAME, url, user);
        put_part(writer, ecs::URL_PASSWORD, url, password);
        put_part(writer, ecs::URL_DOMAIN, url, host);
        if port_is_number {
            put_part(writer, ecs::URL_PORT, url, port);
        }
    }
    if has_path {
        put_part(writer, ecs::URL_PATH, url, path.clone());
        put_part(writer, ecs::URL_EXTENSION, url, dot.map_or(0..0, |dot| dot..path.end));
    }
    if let Some(query) = query {
        put_part(writer, ecs::URL_QUERY, url, query + 1..before);
    }
    if let Some(fragment) = fragment {
        put_part(writer, ecs::URL_FRAGMENT, url, fragment + 1..len);
    }
}

#[inline]
fn put_part(writer: &mut EventWriter<'_>, id: FieldId, url: Span, part: std::ops::Range<usize>) {
    if !part.is_empty() && writer.first(id).is_none() {
        writer.put_span(id, url.part(part), Kind::Text, false);
    }
}

/// Writes host and port of the authority that a CONNECT names (RFC 9110 §9.3.6).
pub(crate) fn put_authority(writer: &mut EventWriter<'_>, authority: Span) {
    if !writer.derives() {
        return;
    }
    let text = writer.bytes(authority);
    let Some(colon) = memchr::memrchr(b':', text).filter(|&colon| colon > 0) else { return };
    if crate::number::parse_u64(&text[colon + 1..]).is_none() || writer.first(ecs::URL_DOMAIN).is_some() {
        return;
    }
    writer.put_span(ecs::URL_DOMAIN, authority.part(0..colon), Kind::Text, false);
    writer.put_span(ecs::URL_PORT, authority.part(colon + 1..authority.len()), Kind::Text, false);
}

/// The span of `text` with `+` read as a blank and, where `percent`, `%hh` as the byte it stands for
/// (application/x-www-form-urlencoded). In place where there is neither.
pub(crate) fn form_decoded(writer: &mut EventWriter<'_>, text: &[u8], percent: bool) -> Span {
    let plain = |byte: &u8| *byte != b'+' && !(percent && *byte == b'%');
    if text.iter().all(plain) {
        return writer.span_of(text);
    }
    let from = writer.arena_start();
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.iter().take_while(|byte| plain(byte)).count();
        writer.arena_push(&rest[..run]);
        rest = &rest[run..];
        let Some(&first) = rest.first() else { break };
        let hex = |at: usize| rest.get(at).and_then(|&byte| (byte as char).to_digit(16)).map(|digit| digit as u8);
        match (first, hex(1), hex(2)) {
            (b'+', ..) => {
                writer.arena_push(b" ");
                rest = &rest[1..];
            }
            (_, Some(high), Some(low)) => {
                writer.arena_push(&[high << 4 | low]);
                rest = &rest[3..];
            }
            _ => {
                writer.arena_push(&[first]);
                rest = &rest[1..];
            }
        }
    }
    writer.arena_end(from)
}

/// Longest scheme looked for; the longest registered with IANA is under 40 bytes.
const SCHEME_BYTES_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[track_caller]
    fn check(url: &str, expected: &[(crate::dictionary::FieldId, &str)]) {
        let mut event = Event::new();
        event.clear();
        let mut writer = event.writer(url.as_bytes());
        let span = writer.span_of(url.as_bytes());
        put(&mut writer, span);
        let view = event.view(url.as_bytes());
        let found: Vec<_> =
            view.fields().iter().skip(1).map(|f| (f.id, std::str::from_utf8(view.value(f)).unwrap())).collect();
        assert_eq!(found, expected, "{url}");
    }

    #[test]
    fn forms_are_decoded() {
        for (text, expected) in [("a", "a"), ("a+b", "a b"), ("%41%zz%4", "A%zz%4"), ("%2", "%2"), ("a%20b+c", "a b c")]
        {
            let mut event = Event::new();
            event.clear();
            let mut writer = event.writer(text.as_bytes());
            let span = form_decoded(&mut writer, text.as_bytes(), true);
            assert_eq!(writer.bytes(span), expected.as_bytes(), "{text}");
        }
    }

    #[test]
    fn urls_without_a_scheme() {
        for (url, expected) in [
            (
                "www.example.com:8080/a?b",
                [(ecs::URL_DOMAIN, "www.example.com"), (ecs::URL_PATH, "/a"), (ecs::URL_QUERY, "b")],
            ),
            (
                "http://example.com/a?b",
                [(ecs::URL_DOMAIN, "example.com"), (ecs::URL_PATH, "/a"), (ecs::URL_QUERY, "b")],
            ),
        ] {
            let mut event = Event::new();
            event.clear();
            let mut writer = event.writer(url.as_bytes());
            let span = writer.span_of(url.as_bytes());
            put_any(&mut writer, span);
            for (id, value) in expected {
                assert_eq!(event.view(url.as_bytes()).first(id), Some(value.as_bytes()), "{url}");
            }
        }
    }

    #[test]
    fn parts() {
        check(
            "https://u:p@www.example.com:8443/a/b.tar.gz?q=1?2#top",
            &[
                (ecs::URL_SCHEME, "https"),
                (ecs::URL_USERNAME, "u"),
                (ecs::URL_PASSWORD, "p"),
                (ecs::URL_DOMAIN, "www.example.com"),
                (ecs::URL_PORT, "8443"),
                (ecs::URL_PATH, "/a/b.tar.gz"),
                (ecs::URL_EXTENSION, "gz"),
                (ecs::URL_QUERY, "q=1?2"),
                (ecs::URL_FRAGMENT, "top"),
            ],
        );
        check("/x?", &[(ecs::URL_PATH, "/x")]);
        check(
            "http://[2001:db8::1]:80",
            &[(ecs::URL_SCHEME, "http"), (ecs::URL_DOMAIN, "[2001:db8::1]"), (ecs::URL_PORT, "80")],
        );
        check("*", &[]);
        check("www.example.com:443", &[]);
        check("/?u=http://other/", &[(ecs::URL_PATH, "/"), (ecs::URL_QUERY, "u=http://other/")]);
        check("http://h@", &[(ecs::URL_SCHEME, "http"), (ecs::URL_USERNAME, "h")]);
    }
}
