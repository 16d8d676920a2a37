//! Moving written values to other names: no copy, a second field over the same span.

use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};
use crate::number::PAIRS;

/// The first value of `id` that says something: not null, not empty, not the `-` by which
/// Windows and web servers write "none".
#[inline]
pub(crate) fn present(writer: &EventWriter<'_>, id: FieldId) -> Option<Span> {
    let (span, kind) = writer.first_span(id)?;
    (!matches!(kind, Kind::Null | Kind::Json) && !matches!(writer.bytes(span), b"" | b"-")).then_some(span)
}

/// Writes the first value of `from` under `to` as well, unless `to` has one. The two may be one name, the
/// vendor's and the schema's (`dns.id` of EVE).
#[inline]
pub(crate) fn copy(writer: &mut EventWriter<'_>, from: FieldId, to: FieldId) -> bool {
    // Most of the names that a product asks for are in few of its records.
    writer.derives() && writer.view().has(from) && copy_present(writer, from, to)
}

#[inline(never)]
fn copy_present(writer: &mut EventWriter<'_>, from: FieldId, to: FieldId) -> bool {
    let Some(span) = present(writer, from) else { return false };
    if from != to && writer.first(to).is_some() {
        return false;
    }
    writer.put_span(to, span, Kind::Text, false);
    true
}

/// Writes the first value of `from` under the vendor's name `to` as well, unless `to` has one.
#[inline]
pub(crate) fn copy_vendor(writer: &mut EventWriter<'_>, from: FieldId, to: FieldId) {
    if !writer.derives() || !writer.view().has(from) {
        return;
    }
    if let Some(span) = present(writer, from) {
        if writer.first(to).is_none() {
            writer.put_span(to, span, Kind::Text, true);
        }
    }
}

/// Writes an address and its place among `related.ip`.
pub(crate) fn copy_ip(writer: &mut EventWriter<'_>, from: FieldId, to: FieldId) -> bool {
    if !writer.derives() {
        return false;
    }
    let Some(span) = present(writer, from) else { return false };
    if writer.first(to).is_some() || !writer.put_if_ip(to, span) {
        return false;
    }
    relate(writer, to, ecs::RELATED_IP);
    true
}

/// Adds the first value of `from` to the set `related`.
#[inline]
pub(crate) fn relate(writer: &mut EventWriter<'_>, from: FieldId, related: FieldId) {
    if !writer.derives() || !writer.view().has(from) {
        return;
    }
    if let Some(span) = present(writer, from) {
        relate_span(writer, span, related);
    }
}

/// Adds a value to the set `related`.
pub(crate) fn relate_span(writer: &mut EventWriter<'_>, span: Span, related: FieldId) {
    if !writer.derives() {
        return;
    }
    let value = writer.bytes(span);
    if value.is_empty() || writer.view().values(related).any(|other| other == value) {
        return;
    }
    writer.put_span(related, span, Kind::Text, false);
}

/// Writes the parts of a Windows or POSIX path: its last part under `name`, what stands before under
/// `directory`, what follows the last dot under `extension`, each where an id is given.
pub(crate) fn put_path(
    writer: &mut EventWriter<'_>,
    path: Span,
    name: FieldId,
    directory: Option<FieldId>,
    extension: Option<FieldId>,
) {
    if !writer.derives() {
        return;
    }
    let text = writer.bytes(path);
    let at = memchr::memrchr2(b'\\', b'/', text);
    let start = at.map_or(0, |at| at + 1);
    let dot = memchr::memrchr(b'.', &text[start..]).filter(|&dot| dot > 0).map(|dot| start + dot + 1);
    let len = text.len();
    if start < len && writer.first(name).is_none() {
        writer.put_span(name, path.part(start..len), Kind::Text, false);
    }
    if let (Some(id), Some(at)) = (directory, at) {
        writer.put_span(id, path.part(0..at), Kind::Text, false);
    }
    if let (Some(id), Some(dot)) = (extension, dot.filter(|&dot| dot < len)) {
        writer.put_span(id, path.part(dot..len), Kind::Text, false);
    }
}

/// Writes a hardware address in the schema's form, `AA-BB-CC-DD-EE-FF`.
pub(crate) fn put_mac(writer: &mut EventWriter<'_>, from: FieldId, to: FieldId) {
    if let Some(span) = present(writer, from) {
        put_mac_span(writer, span, to);
    }
}

/// As [`put_mac`] for text of the record.
pub(crate) fn put_mac_text(writer: &mut EventWriter<'_>, text: &[u8], to: FieldId) {
    let span = writer.span_of(text);
    put_mac_span(writer, span, to);
}

/// As [`put_mac`] for a value that is written somewhere.
pub(crate) fn put_mac_span(writer: &mut EventWriter<'_>, span: Span, to: FieldId) {
    if !writer.derives() {
        return;
    }
    if let Some(text) = mac_of(writer.bytes(span)) {
        writer.put_as(to, &text, Kind::Text, false);
    }
}

/// A hardware address of six bytes in the schema's form; `None` = it is none.
pub(crate) fn mac_of(text: &[u8]) -> Option<[u8; 17]> {
    let mut digits = [0u8; 12];
    let mut len = 0;
    for &byte in text {
        match byte {
            b':' | b'-' | b'.' => {}
            _ if byte.is_ascii_hexdigit() && len < digits.len() => {
                digits[len] = byte.to_ascii_uppercase();
                len += 1;
            }
            _ => return None,
        }
    }
    if len != digits.len() {
        return None;
    }
    let mut text = [b'-'; 17];
    for (at, pair) in digits.chunks_exact(2).enumerate() {
        text[at * 3..at * 3 + 2].copy_from_slice(pair);
    }
    Some(text)
}

/// Writes an account name: the domain of `domain\user` and `user@domain` apart. The answer is the name, where it is
/// not among the values of `name` already.
pub(crate) fn put_user(writer: &mut EventWriter<'_>, user: Span, name: FieldId, domain: FieldId) -> Option<Span> {
    let text = writer.bytes(user);
    let len = text.len();
    let (user, of) = if let Some(at) = memchr::memchr(b'\\', text).filter(|&at| at + 1 < len) {
        // Some writers escape the backslash.
        let from = at + 1 + usize::from(text[at + 1] == b'\\' && at + 2 < len);
        (user.part(from..len), user.part(0..at))
    } else if let Some(at) = memchr::memrchr(b'@', text).filter(|&at| at > 0 && at + 1 < len) {
        (user.part(0..at), user.part(at + 1..len))
    } else {
        (user, Span::default())
    };
    let text = writer.bytes(user);
    if text.is_empty() || writer.view().values(name).any(|other| other == text) {
        return None;
    }
    writer.put_span(name, user, Kind::Text, false);
    if !of.is_empty() && writer.first(domain).is_none() {
        writer.put_span(domain, of, Kind::Text, false);
    }
    Some(user)
}

/// Writes an instant as RFC 3339 UTC with nine digits of fraction where it has any.
pub(crate) fn put_time(writer: &mut EventWriter<'_>, id: FieldId, time_ns: i64) {
    if !writer.derives() {
        return;
    }
    let seconds = time_ns.div_euclid(crate::time::SECOND_NS);
    let (year, month, day) = crate::time::civil_from_days(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400) as u32;
    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    let mut pair = |at: usize, value: u32| {
        text[at..at + 2].copy_from_slice(&PAIRS[value as usize]);
    };
    // An i64 of nanoseconds spans the years 1677 to 2262.
    pair(0, year as u32 / 100);
    pair(2, year as u32 % 100);
    pair(5, month);
    pair(8, day);
    pair(11, of_day / 3600);
    pair(14, of_day / 60 % 60);
    pair(17, of_day % 60);
    let nano = time_ns.rem_euclid(crate::time::SECOND_NS) as u32;
    let len = match nano {
        0 => 19,
        _ if nano.is_multiple_of(1_000_000) => 23,
        _ if nano.is_multiple_of(1000) => 26,
        _ => 29,
    };
    if nano != 0 {
        pair(27, nano % 100);
        pair(25, nano / 100 % 100);
        pair(23, nano / 10_000 % 100);
        pair(21, nano / 1_000_000 % 100);
        text[20] = b'0' + (nano / 100_000_000) as u8;
    }
    text[len] = b'Z';
    writer.put_as(id, &text[..=len], Kind::Text, false);
}

/// The schema's name and IANA's number of a transport by the name that devices print, any case.
pub(crate) fn transport_of(name: &[u8]) -> Option<(&'static str, &'static str)> {
    static TRANSPORTS: [(&str, &str, &str); 19] = [
        ("tcp", "tcp", "6"),
        ("udp", "udp", "17"),
        ("icmp", "icmp", "1"),
        ("icmpv6", "ipv6-icmp", "58"),
        ("icmp6", "ipv6-icmp", "58"),
        ("ipv6-icmp", "ipv6-icmp", "58"),
        ("icmp-v6", "ipv6-icmp", "58"),
        ("gre", "gre", "47"),
        ("sctp", "sctp", "132"),
        ("esp", "esp", "50"),
        ("ah", "ah", "51"),
        ("ahp", "ah", "51"),
        ("igmp", "igmp", "2"),
        ("ospf", "ospf", "89"),
        ("eigrp", "eigrp", "88"),
        ("pim", "pim", "103"),
        ("vrrp", "vrrp", "112"),
        ("ipinip", "ipip", "4"),
        ("dccp", "dccp", "33"),
    ];
    let found = TRANSPORTS.iter().find(|(printed, ..)| name.eq_ignore_ascii_case(printed.as_bytes()))?;
    Some((found.1, found.2))
}

/// Writes every value of `from` that is a digest under the name for its length, and relates it. One in capitals is
/// written in small letters, as the schema has them.
pub(crate) fn put_digests(
    writer: &mut EventWriter<'_>,
    from: FieldId,
    md5: Option<FieldId>,
    sha1: Option<FieldId>,
    sha256: Option<FieldId>,
) {
    if !writer.derives() {
        return;
    }
    /// Most digests read of one member.
    const DIGESTS_MAX: usize = 16;
    let end = writer.fields_len();
    let Some(first) = writer.view().first_index(from) else { return };
    let mut left = DIGESTS_MAX;
    for at in first..end {
        let field = writer.view().fields()[at];
        if field.id != from || left == 0 {
            continue;
        }
        left -= 1;
        let text = writer.bytes(field.span());
        let to = match text.len() {
            32 => md5,
            40 => sha1,
            64 => sha256,
            _ => continue,
        };
        if !text.iter().all(u8::is_ascii_hexdigit) {
            continue;
        }
        let mut lowered = [0; 64];
        let lowered = &mut lowered[..text.len()];
        lowered.copy_from_slice(text);
        lowered.make_ascii_lowercase();
        let digest = if lowered == text { field.span() } else { writer.span_of(lowered) };
        if let Some(to) = to.filter(|&to| writer.first(to).is_none()) {
            writer.put_span(to, digest, Kind::Text, false);
        }
        relate_span(writer, digest, ecs::RELATED_HASH);
    }
}

/// The schema's name of a transport by IANA's number.
pub(crate) fn transport_number(number: &[u8]) -> Option<&'static str> {
    Some(match number {
        b"1" => "icmp",
        b"2" => "igmp",
        b"4" => "ipip",
        b"6" => "tcp",
        b"17" => "udp",
        b"33" => "dccp",
        b"47" => "gre",
        b"50" => "esp",
        b"51" => "ah",
        b"58" => "ipv6-icmp",
        b"88" => "eigrp",
        b"89" => "ospf",
        b"103" => "pim",
        b"112" => "vrrp",
        b"132" => "sctp",
        _ => return None,
    })
}

/// `network.direction` by which of the ends are private, or the host itself.
pub(crate) fn put_direction(writer: &mut EventWriter<'_>) {
    let core = writer.core();
    let (Some(source), Some(destination)) = (core.source_ip, core.destination_ip) else { return };
    let inside = |ip: std::net::IpAddr| crate::ip::is_private(ip) || ip.to_canonical().is_loopback();
    let direction = match (inside(source), inside(destination)) {
        (true, true) => "internal",
        (true, false) => "outbound",
        (false, true) => "inbound",
        (false, false) => "external",
    };
    writer.put_str(ecs::NETWORK_DIRECTION, direction);
}

/// `network.type` by the source's address, else the destination's.
pub(crate) fn put_network_type(writer: &mut EventWriter<'_>) {
    let core = writer.core();
    let Some(ip) = core.source_ip.or(core.destination_ip) else { return };
    writer.put_str(ecs::NETWORK_TYPE, if ip.is_ipv4() { "ipv4" } else { "ipv6" });
}

/// Writes short text in lower case; text longer than [`LOWERED_BYTES_MAX`] as it is.
pub(crate) fn put_lower(writer: &mut EventWriter<'_>, to: FieldId, span: Span) {
    if !writer.derives() {
        return;
    }
    let text = writer.bytes(span);
    if text.len() > LOWERED_BYTES_MAX || !text.iter().any(u8::is_ascii_uppercase) {
        writer.put_span(to, span, Kind::Text, false);
        return;
    }
    let mut lowered = [0; LOWERED_BYTES_MAX];
    let lowered = &mut lowered[..text.len()];
    lowered.copy_from_slice(text);
    lowered.make_ascii_lowercase();
    writer.put(to, lowered);
}

/// Longest name lowered: a host name of DNS (253 bytes) fits.
const LOWERED_BYTES_MAX: usize = 256;

/// Writes a phrase as the schema writes actions: in small letters, hyphens for all between its words.
pub(crate) fn put_slug(writer: &mut EventWriter<'_>, to: FieldId, span: Span) {
    /// Longest action; the schema's reference lists none over 60 bytes. A longer phrase is written as it is.
    const ACTION_BYTES_MAX: usize = 128;
    let text = writer.bytes(span);
    if text.len() > ACTION_BYTES_MAX {
        writer.put_span(to, span, Kind::Text, false);
        return;
    }
    let mut slug = [0; ACTION_BYTES_MAX];
    let mut len = 0;
    for &byte in text {
        let byte = match byte {
            b' ' | b'/' | b',' | b'(' | b')' => b'-',
            other => other.to_ascii_lowercase(),
        };
        if byte != b'-' || len > 0 && slug[len - 1] != b'-' {
            slug[len] = byte;
            len += 1;
        }
    }
    while len > 0 && slug[len - 1] == b'-' {
        len -= 1;
    }
    writer.put(to, &slug[..len]);
}

/// Splits `DOMAIN\\user` (and leaves `user@domain` whole, as the user signs in so).
pub(crate) fn put_account(writer: &mut EventWriter<'_>, account: Span, name: FieldId, domain: FieldId) {
    let text = writer.bytes(account);
    let len = text.len();
    match memchr::memchr(b'\\', text).filter(|&at| at + 1 < len) {
        Some(at) => {
            if at > 0 {
                writer.put_span(domain, account.part(0..at), Kind::Text, false);
            }
            writer.put_span(name, account.part(at + 1..len), Kind::Text, false);
        }
        None => writer.put_span(name, account, Kind::Text, false),
    }
    relate(writer, name, ecs::RELATED_USER);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn put_time_agrees_with_the_formatter(time_ns in any::<i64>()) {
            let mut event = Event::new();
            event.clear();
            put_time(&mut event.writer(b""), ecs::EVENT_START, time_ns);
            let written = event.view(b"").first(ecs::EVENT_START).map(|text| String::from_utf8_lossy(text).into_owned());
            prop_assert_eq!(written, Some(crate::time::format_rfc3339(time_ns)));
        }
    }

    proptest! {
        #[test]
        fn computed_numbers_agree_with_the_formatter(value in any::<i64>()) {
            for value in [value, value >> 40, 0, i64::MIN, i64::MAX] {
                let mut event = Event::new();
                event.clear();
                event.writer(b"").put_i64(ecs::EVENT_DURATION, value);
                let text = value.to_string();
                prop_assert_eq!(event.view(b"").first(ecs::EVENT_DURATION), Some(text.as_bytes()));
            }
        }
    }

    #[test]
    fn hardware_addresses() {
        for (record, expected) in [
            ("00:1b:17:00:01:18", Some("00-1B-17-00-01-18")),
            ("001b.1700.0118", Some("00-1B-17-00-01-18")),
            ("00:1b:17", None),
            ("none", None),
        ] {
            let mut event = Event::new();
            event.clear();
            let mut writer = event.writer(record.as_bytes());
            writer.put(ecs::MESSAGE, record.as_bytes());
            put_mac(&mut writer, ecs::MESSAGE, ecs::SOURCE_MAC);
            assert_eq!(event.view(record.as_bytes()).first(ecs::SOURCE_MAC), expected.map(str::as_bytes));
        }
    }
}
