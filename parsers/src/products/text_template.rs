//! The texts of messages as templates.
//!
//! `Built {direction} {transport} connection` is literal text and captures. A capture runs
//! up to the next literal; an endpoint capture reads exactly what an endpoint is. From
//! `~` on a text may end or differ: what was captured before counts.
//!
//! Written for the messages of the ASA, whose vendor names the fixed captures use; IOS, wireless controllers, Meraki and
//! Linux daemons word theirs with the same captures.

mod endpoint;
#[cfg(test)]
pub(in crate::products) mod twin;

use crate::dictionary::{FieldId, FieldType};
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::products::fields::{mac_of, transport_of};
use crate::products::names::id_of;
use crate::scan::{find, starts_with, until};

use self::endpoint::{Endpoint, Side};
use super::cisco_asa::ids;

/// Most captures of one template; compilation asserts it.
const CAPTURES_MAX: usize = 16;

/// Most endpoints of one template; compilation asserts it.
const ENDPOINTS_MAX: usize = 2;

/// What a capture means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Capture {
    /// Read over.
    Ignored,
    /// An ECS name; addresses and users by their own rules.
    Ecs(FieldId),
    /// A name below `cisco.asa`.
    Vendor(FieldId),
    /// `interface:address/port (mapped/port)(user)`.
    Endpoint(Role),
    /// `interface/address(port)(user)` of access-list hits.
    AclEndpoint(Side),
    /// `address:port` of IKEv2.
    ColonEndpoint(Side),
    /// As `Endpoint`, of which only interface and user count: the addresses stand elsewhere.
    Outer(Side),
    /// What is left of the text is the reason; it is read on besides.
    Rest,
    /// The global address of an ICMP connection.
    Global,
    Direction,
    Transport,
    IanaNumber,
    /// `permitted`, `denied`, `est-allowed`.
    Verdict,
    Interface,
    Duration,
    Bytes,
    /// `TCP FINs from outside (user)`.
    Closing,
    /// `(user) type 8 code 0`.
    IcmpTail,
    /// Who administers the device: `user.name` and `server.user.name`.
    Admin,
    /// `reason = x : server = y : user = z`.
    Pairs,
    Url,
}

/// Which side an endpoint is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Is(Side),
    /// The first of a `Built` text: the destination where the direction is outbound.
    First,
    /// The second.
    Second,
}

enum Step {
    Literal(Box<[u8]>),
    Capture(Capture),
    Optional,
}

/// A compiled text.
pub(in crate::products) struct Template(Vec<Step>);

impl Template {
    pub(in crate::products) fn compile(text: &str) -> Template {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let at = rest.find(['{', '~']).unwrap_or(rest.len());
            if at > 0 {
                steps.push(Step::Literal(rest.as_bytes()[..at].into()));
                rest = &rest[at..];
            } else if let Some(after) = rest.strip_prefix('~') {
                steps.push(Step::Optional);
                rest = after;
            } else {
                let end = rest.find('}').expect("a template's brace is closed");
                steps.push(Step::Capture(capture_of(&rest[1..end])));
                rest = &rest[end + 1..];
            }
        }
        let captures = steps.iter().filter(|step| matches!(step, Step::Capture(_))).count();
        assert!(captures <= CAPTURES_MAX, "more captures than CAPTURES_MAX in `{text}`");
        let endpoints = steps.iter().filter(|step| {
            matches!(
                step,
                Step::Capture(
                    Capture::Endpoint(_) | Capture::Outer(_) | Capture::AclEndpoint(_) | Capture::ColonEndpoint(_)
                )
            )
        });
        assert!(endpoints.count() <= ENDPOINTS_MAX, "more endpoints than ENDPOINTS_MAX in `{text}`");
        Template(steps)
    }

    /// Fills `captures` from `text`; whether it is of this form. Nothing is written yet.
    pub(in crate::products) fn matches<'t>(&self, text: &'t [u8], captures: &mut Captures<'t>) -> bool {
        captures.len = 0;
        captures.ends = 0;
        let mut rest = text;
        let mut optional = false;
        let mut steps = self.0.iter().peekable();
        while let Some(step) = steps.next() {
            match step {
                Step::Optional => optional = true,
                Step::Literal(literal) => {
                    if !starts_with(rest, literal) {
                        return optional;
                    }
                    rest = &rest[literal.len()..];
                }
                Step::Capture(Capture::Rest) => {
                    captures.found[captures.len] = Found { capture: Capture::Rest, value: rest, endpoint: 0 };
                    captures.len += 1;
                }
                Step::Capture(capture) => {
                    let endpoint = &mut captures.endpoints[captures.ends.min(ENDPOINTS_MAX - 1)];
                    let taken = match capture {
                        Capture::Endpoint(_) | Capture::Outer(_) => endpoint::take(rest, endpoint),
                        Capture::AclEndpoint(_) => endpoint::take_acl(rest, endpoint),
                        Capture::ColonEndpoint(_) => endpoint::take_colon(rest, endpoint),
                        _ => None,
                    };
                    let (value, after) = match taken {
                        Some(after) => {
                            captures.ends += 1;
                            (&rest[..rest.len() - after.len()], after)
                        }
                        None => {
                            let len = match steps.peek() {
                                Some(Step::Literal(literal)) => match find(rest, literal) {
                                    Some(len) => len,
                                    None => return optional,
                                },
                                // The optional tail begins with its literal, or there is none.
                                Some(Step::Optional) => match self.literal_after_optional(capture) {
                                    Some(literal) => find(rest, literal).unwrap_or(rest.len()),
                                    None => rest.len(),
                                },
                                _ => rest.len(),
                            };
                            (&rest[..len], &rest[len..])
                        }
                    };
                    let endpoint = if taken.is_some() { captures.ends as u8 } else { 0 };
                    captures.found[captures.len] = Found { capture: *capture, value, endpoint };
                    captures.len += 1;
                    rest = after;
                }
            }
        }
        true
    }

    fn literal_after_optional(&self, capture: &Capture) -> Option<&[u8]> {
        let at = self.0.iter().position(|step| matches!(step, Step::Capture(other) if other == capture))?;
        match self.0.get(at + 2) {
            Some(Step::Literal(literal)) => Some(literal),
            _ => None,
        }
    }
}

fn capture_of(name: &str) -> Capture {
    match name {
        "_" => Capture::Ignored,
        "src" => Capture::Endpoint(Role::Is(Side::Source)),
        "dst" => Capture::Endpoint(Role::Is(Side::Destination)),
        "first" => Capture::Endpoint(Role::First),
        "second" => Capture::Endpoint(Role::Second),
        "acl_src" => Capture::AclEndpoint(Side::Source),
        "acl_dst" => Capture::AclEndpoint(Side::Destination),
        "outer_src" => Capture::Outer(Side::Source),
        "outer_dst" => Capture::Outer(Side::Destination),
        "rest" => Capture::Rest,
        "ike_src" => Capture::ColonEndpoint(Side::Source),
        "ike_dst" => Capture::ColonEndpoint(Side::Destination),
        "global" => Capture::Global,
        "direction" => Capture::Direction,
        "transport" => Capture::Transport,
        "iana" => Capture::IanaNumber,
        "verdict" => Capture::Verdict,
        "interface" => Capture::Interface,
        "duration" => Capture::Duration,
        "bytes" => Capture::Bytes,
        "closing" => Capture::Closing,
        "icmp_tail" => Capture::IcmpTail,
        "admin" => Capture::Admin,
        "pairs" => Capture::Pairs,
        "url" => Capture::Url,
        "connection" => Capture::Vendor(ids().connection_id),
        "reason" => Capture::Ecs(ecs::EVENT_REASON),
        _ => {
            let (name, vendor) = name.strip_prefix('+').map_or((name, false), |name| (name, true));
            let id = id_of(name);
            assert!(id != FieldId::UNNAMED, "a template captures the unknown name `{name}`");
            if vendor { Capture::Vendor(id) } else { Capture::Ecs(id) }
        }
    }
}

#[derive(Clone, Copy)]
struct Found<'t> {
    capture: Capture,
    value: &'t [u8],
    /// One more than its place among the endpoints; 0 = none was read.
    endpoint: u8,
}

/// What a text held.
pub(in crate::products) struct Captures<'t> {
    found: [Found<'t>; CAPTURES_MAX],
    len: usize,
    endpoints: [Endpoint<'t>; ENDPOINTS_MAX],
    ends: usize,
}

impl Captures<'_> {
    pub(in crate::products) fn new() -> Self {
        Captures {
            found: [Found { capture: Capture::Ignored, value: b"", endpoint: 0 }; CAPTURES_MAX],
            len: 0,
            endpoints: [Endpoint::default(); ENDPOINTS_MAX],
            ends: 0,
        }
    }
}

impl Captures<'_> {
    /// Writes the captures; `allowed` or `denied` where the text says so.
    pub(in crate::products) fn write(&self, writer: &mut EventWriter<'_>) -> Option<&'static str> {
        let found = &self.found[..self.len];
        let outbound = found.iter().any(|one| one.capture == Capture::Direction && one.value == b"outbound");
        let mut verdict = None;
        for &Found { capture, value, endpoint } in found {
            let value = value.trim_ascii();
            let none = Endpoint::default();
            let endpoint = endpoint.checked_sub(1).map_or(&none, |at| &self.endpoints[usize::from(at)]);
            match capture {
                Capture::Ignored => {}
                Capture::Endpoint(role) => {
                    let side = match role {
                        Role::Is(side) => side,
                        Role::First if outbound => Side::Destination,
                        Role::Second if outbound => Side::Source,
                        Role::First => Side::Source,
                        Role::Second => Side::Destination,
                    };
                    endpoint.write(writer, side);
                }
                Capture::AclEndpoint(side) | Capture::ColonEndpoint(side) => endpoint.write(writer, side),
                Capture::Outer(side) => endpoint.write_outer(writer, side),
                Capture::Rest => put_ecs(writer, ecs::EVENT_REASON, value),
                Capture::Global => {
                    let address = &value[..until(value, b'/')];
                    endpoint::put_nat(writer, Side::Source, address, b"");
                }
                Capture::Direction => put_word(writer, ecs::NETWORK_DIRECTION, value),
                Capture::Transport => put_transport(writer, value),
                Capture::IanaNumber => writer.put(ecs::NETWORK_IANA_NUMBER, value),
                Capture::Verdict => {
                    verdict = Some(if matches!(value, b"denied" | b"deny") { "denied" } else { "allowed" });
                }
                Capture::Interface => {
                    writer.put(ecs::OBSERVER_INGRESS_INTERFACE_NAME, value.strip_suffix(b".").unwrap_or(value));
                }
                Capture::Duration => put_duration(writer, value),
                Capture::Bytes => writer.put(ecs::NETWORK_BYTES, value),
                Capture::Closing => put_closing(writer, value),
                Capture::IcmpTail => put_icmp_tail(writer, value),
                Capture::Admin => {
                    if !value.is_empty() {
                        endpoint::put_related_user(writer, value);
                        writer.put(ecs::USER_NAME, value);
                        writer.put(ecs::SERVER_USER_NAME, value);
                    }
                }
                Capture::Pairs => put_pairs(writer, value),
                Capture::Url => put_url(writer, value),
                Capture::Ecs(id) => put_ecs(writer, id, value),
                Capture::Vendor(id) => {
                    let value = bare(value);
                    if !value.is_empty() {
                        writer.put_vendor(id, value);
                    }
                }
            }
        }
        verdict
    }
}

/// Without the `<…>` of newer versions.
fn bare(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"<").and_then(|value| value.strip_suffix(b">")).unwrap_or(value)
}

fn put_ecs(writer: &mut EventWriter<'_>, id: FieldId, value: &[u8]) {
    let value = bare(value);
    if value.is_empty() {
        return;
    }
    match id {
        ecs::SOURCE_ADDRESS => {
            endpoint::put_address(writer, Side::Source, bare(value.strip_suffix(b".").unwrap_or(value)));
        }
        ecs::DESTINATION_ADDRESS => {
            endpoint::put_address(writer, Side::Destination, value.strip_suffix(b".").unwrap_or(value));
        }
        ecs::SOURCE_USER_NAME => endpoint::put_user(writer, Side::Source, value),
        ecs::DESTINATION_USER_NAME => endpoint::put_user(writer, Side::Destination, value),
        ecs::USER_NAME => {
            endpoint::put_related_user(writer, value);
            writer.put(id, value);
        }
        ecs::SOURCE_PORT | ecs::DESTINATION_PORT => {
            writer.put_port(id, value);
        }
        ecs::SOURCE_MAC | ecs::DESTINATION_MAC | ecs::CLIENT_MAC | ecs::SERVER_MAC | ecs::HOST_MAC => {
            match mac_of(value) {
                Some(mac) => writer.put(id, &mac),
                None => writer.defect(crate::defect::Defect::AddressInvalid),
            }
        }
        _ if crate::ecs::FIELDS[id.index()].kind == FieldType::Ip => {
            if let Some(ip) = crate::ip::parse(value) {
                let span = writer.put_addr(id, ip, value);
                endpoint::put_related_ip(writer, span);
            } else {
                writer.defect(crate::defect::Defect::AddressInvalid);
            }
        }
        _ => writer.put(id, value),
    }
}

fn put_word(writer: &mut EventWriter<'_>, id: FieldId, value: &[u8]) {
    match value {
        b"inbound" | b"Inbound" => writer.put_str(id, "inbound"),
        b"outbound" | b"Outbound" => writer.put_str(id, "outbound"),
        _ => writer.put(id, value),
    }
}

fn put_transport(writer: &mut EventWriter<'_>, value: &[u8]) {
    // The probe that opens an inline set's connection.
    let value = value.strip_prefix(b"Probe ").unwrap_or(value);
    if let Some((name, number)) = transport_of(value) {
        writer.put_str(ecs::NETWORK_TRANSPORT, name);
        writer.put_str(ecs::NETWORK_IANA_NUMBER, number);
    } else if value.iter().all(u8::is_ascii_digit) && !value.is_empty() {
        writer.put(ecs::NETWORK_IANA_NUMBER, value);
    } else if !value.is_empty() {
        writer.put(ecs::NETWORK_TRANSPORT, value);
    }
}

/// `h:mm:ss` or `0h:01m:52s` (days as `1d 2h:…`), with start and end beside it: the message
/// is written when the connection ends.
fn put_duration(writer: &mut EventWriter<'_>, value: &[u8]) {
    let mut seconds: u64 = 0;
    let mut part = 0u64;
    let mut digits = 0;
    for &byte in value {
        match byte {
            b'0'..=b'9' if digits < 9 => {
                part = part * 10 + u64::from(byte - b'0');
                digits += 1;
            }
            b':' => {
                seconds = (seconds + part) * 60;
                (part, digits) = (0, 0);
            }
            b'd' => {
                // Multiplied up by the two colons that follow.
                seconds = part * 24;
                (part, digits) = (0, 0);
            }
            b'h' | b'm' | b's' | b' ' => {}
            _ => {
                writer.defect(crate::defect::Defect::NumberInvalid);
                return;
            }
        }
    }
    let duration_ns = (seconds + part).saturating_mul(1_000_000_000).min(i64::MAX as u64) as i64;
    writer.put_i64(ecs::EVENT_DURATION, duration_ns);
    if writer.core().time_from_record {
        let end_ns = writer.core().time_ns;
        for (id, time_ns) in [(ecs::EVENT_START, end_ns.saturating_sub(duration_ns)), (ecs::EVENT_END, end_ns)] {
            let mut text = [0u8; 32];
            let len = crate::time::write_rfc3339(time_ns, &mut text);
            writer.put(id, &text[..len]);
        }
    }
}

fn put_closing(writer: &mut EventWriter<'_>, value: &[u8]) {
    let mut reason = value;
    if let Some(at) = reason.iter().rposition(|&byte| byte == b'(').filter(|_| reason.ends_with(b")")) {
        let user = &reason[at + 1..reason.len() - 1];
        endpoint::put_related_user(writer, endpoint::local_user(user).1);
        writer.put(ecs::USER_NAME, endpoint::local_user(user).1);
        reason = reason[..at].trim_ascii_end();
    }
    if let Some(at) = find(reason, b" from ") {
        writer.put_vendor(ids().termination_initiator, &reason[at + 6..]);
        reason = &reason[..at];
    }
    if !reason.is_empty() {
        writer.put(ecs::EVENT_REASON, reason);
    }
}

fn put_icmp_tail(writer: &mut EventWriter<'_>, value: &[u8]) {
    let mut words = value.split(|&byte| matches!(byte, b' ' | b',')).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        match word {
            b"type" => {
                if let Some(value) = words.next() {
                    writer.put_vendor(ids().icmp_type, value);
                }
            }
            b"code" => {
                if let Some(value) = words.next() {
                    writer.put_vendor(ids().icmp_code, value);
                }
            }
            _ => {
                if let Some(user) = word.strip_prefix(b"(").and_then(|word| word.strip_suffix(b")")) {
                    endpoint::put_related_user(writer, user);
                    writer.put(ecs::USER_NAME, user);
                    writer.put(ecs::SOURCE_USER_NAME, user);
                }
            }
        }
    }
}

/// The AAA messages' `key = value`, set apart by colons and commas with a space on either side.
fn put_pairs(writer: &mut EventWriter<'_>, text: &[u8]) {
    let mut from = 0;
    let mut at = 0;
    loop {
        let ends = at >= text.len();
        let parts = !ends
            && matches!(text[at], b':' | b',')
            && (text.get(at + 1) == Some(&b' ') || (at > 0 && text[at - 1] == b' '));
        if ends || parts {
            let part = &text[from..at];
            if let Some(equals) = part.iter().position(|&byte| byte == b'=') {
                put_pair(writer, part[..equals].trim_ascii(), part[equals + 1..].trim_ascii());
            }
            from = at + 1;
        }
        if ends {
            return;
        }
        at += 1;
    }
}

fn put_pair(writer: &mut EventWriter<'_>, key: &[u8], value: &[u8]) {
    if value.is_empty() {
        return;
    }
    match key {
        b"server" => endpoint::put_address(writer, Side::Destination, value),
        b"user" | b"User" | b"Username" => endpoint::put_user(writer, Side::Source, value),
        b"user IP" | b"IP" => endpoint::put_address(writer, Side::Source, value),
        b"reason" => {
            writer.put_vendor(ids().rejection_reason, value);
            writer.put(ecs::EVENT_REASON, value);
        }
        b"Group" => writer.put(ecs::SOURCE_USER_GROUP_NAME, value),
        _ => {}
    }
}

/// `http://host:port/path?query` into its parts (RFC 3986 §3).
fn put_url(writer: &mut EventWriter<'_>, value: &[u8]) {
    let value = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    if value.is_empty() {
        return;
    }
    writer.put(ecs::URL_ORIGINAL, value);
    let Some(at) = find(value, b"://") else {
        if value[0] == b'/' {
            writer.put(ecs::URL_PATH, &value[..until(value, b'?')]);
        }
        return;
    };
    writer.put(ecs::URL_SCHEME, &value[..at]);
    let rest = &value[at + 3..];
    let authority = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority);
    let host = authority.iter().rposition(|&byte| byte == b'@').map_or(authority, |at| &authority[at + 1..]);
    let port = host.iter().rposition(|&byte| byte == b':').filter(|&at| {
        host[at + 1..].iter().all(u8::is_ascii_digit) && !host[..at].contains(&b':') && at + 1 < host.len()
    });
    writer.put(ecs::URL_DOMAIN, &host[..port.unwrap_or(host.len())]);
    if let Some(at) = port {
        writer.put(ecs::URL_PORT, &host[at + 1..]);
    }
    let path_end = path.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(path.len());
    if path_end > 0 {
        writer.put_as(ecs::URL_PATH, &path[..path_end], Kind::Text, false);
    }
    if path.get(path_end) == Some(&b'?') {
        let query = &path[path_end + 1..];
        let end = until(query, b'#');
        writer.put(ecs::URL_QUERY, &query[..end]);
    }
}
