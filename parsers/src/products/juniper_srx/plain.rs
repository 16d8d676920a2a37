//! Plain messages: the sessions of RT_FLOW in words, and the packets of filters.

use super::{ids, targets};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::number::parse_u64;
use crate::products::kv_table;
use crate::scan::until;

/// Reads what is known of `tag`; any other message has no fields.
pub(super) fn read<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, tag: &[u8], body: &'a [u8]) {
    if tag.starts_with(b"RT_FLOW_SESSION_") || tag.starts_with(b"APPTRACK_SESSION_") {
        if read_session(writer, context, body).is_none() {
            writer.defect(Defect::MessageMalformed);
        }
    } else if tag.starts_with(b"PFE_FW_SYSLOG_IP") && read_packet(writer, body).is_none() {
        writer.defect(Defect::MessageMalformed);
    }
}

/// The next word and what follows.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let len = until(text, b' ');
    (len > 0).then(|| (&text[..len], text.get(len + 1..).unwrap_or_default()))
}

fn put<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, key: &'static str, value: &'a [u8]) {
    let value = writer.span_of(value);
    kv_table::put(writer, context, targets(), key.as_bytes(), value);
}

/// `address/port->address/port` under the keys of structured messages.
fn put_pair<'a>(
    writer: &mut EventWriter<'a>,
    context: &Context<'_>,
    text: &'a [u8],
    keys: [&'static str; 4],
) -> Option<()> {
    let arrow = crate::scan::find(text, b"->")?;
    for (end, address, port) in [(&text[..arrow], keys[0], keys[1]), (&text[arrow + 2..], keys[2], keys[3])] {
        let slash = until(end, b'/');
        put(writer, context, address, &end[..slash]);
        put(writer, context, port, end.get(slash + 1..)?);
    }
    Some(())
}

/// `session created SRC->DST [tag] service NAT->NAT [tag] nat rules protocol policy zone zone id …`,
/// `session closed REASON: …`, `session denied SRC->DST service protocol(type) policy zone zone …`.
fn read_session<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, body: &'a [u8]) -> Option<()> {
    let rest = if let Some(rest) = body.strip_prefix(b"session closed ") {
        // The reason may hold blanks; the first pair ends it.
        let arrow = crate::scan::find(rest, b"->")?;
        let from = memchr::memrchr(b' ', &rest[..arrow]).map_or(0, |at| at + 1);
        let reason = rest[..from].trim_ascii();
        put(writer, context, "reason", reason.strip_suffix(b":").unwrap_or(reason));
        &rest[from..]
    } else {
        body.strip_prefix(b"session created ").or_else(|| body.strip_prefix(b"session denied "))?
    };
    let (pair, rest) = word(rest)?;
    let ends = ["source-address", "source-port", "destination-address", "destination-port"];
    put_pair(writer, context, pair, ends)?;
    let mut rest = skip_tag(rest);
    let (service, after) = word(rest)?;
    put(writer, context, "service-name", service);
    rest = after;
    let (translated, after) = word(rest)?;
    if crate::scan::find(translated, b"->").is_some() {
        let ends = ["nat-source-address", "nat-source-port", "nat-destination-address", "nat-destination-port"];
        put_pair(writer, context, translated, ends)?;
        rest = skip_tag(after);
        // Names of rules, and in later releases their types, up to the protocol's number.
        let mut names = 0;
        loop {
            let (name, after) = word(rest)?;
            if parse_u64(name).is_some() && names > 1 {
                break;
            }
            names += 1;
            rest = after;
            if names > NAT_WORDS_MAX {
                return None;
            }
        }
    }
    // `6`, or `1(8)` with the type of ICMP.
    let (protocol, after) = word(rest)?;
    put(writer, context, "protocol-id", &protocol[..until(protocol, b'(')]);
    rest = after;
    for key in ["policy-name", "source-zone-name", "destination-zone-name"] {
        let (value, after) = word(rest)?;
        put(writer, context, key, value);
        rest = after;
    }
    let (session, after) = word(rest)?;
    if parse_u64(session).is_some() {
        put(writer, context, "session-id-32", session);
        rest = after;
        read_counts(writer, context, rest);
    }
    Some(())
}

/// Most words that name the rules of translation: two types of two words, two names.
const NAT_WORDS_MAX: usize = 8;

/// `0x0`, the tag of a connection, which earlier releases leave out.
fn skip_tag(text: &[u8]) -> &[u8] {
    match word(text) {
        Some((tag, rest)) if tag.starts_with(b"0x") => rest,
        _ => text,
    }
}

/// `packets(bytes) packets(bytes) seconds` of a session that ended.
fn read_counts<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> Option<()> {
    let mut rest = text;
    for (packets, bytes) in [("packets-from-client", "bytes-from-client"), ("packets-from-server", "bytes-from-server")]
    {
        let (count, after) = word(rest)?;
        let open = until(count, b'(');
        let inside = count.get(open + 1..)?.strip_suffix(b")")?;
        parse_u64(&count[..open])?;
        put(writer, context, packets, &count[..open]);
        put(writer, context, bytes, inside);
        rest = after;
    }
    let (elapsed, _) = word(rest)?;
    put(writer, context, "elapsed-time", elapsed);
    Some(())
}

/// `FW: reth5.175 A pim 192.0.2.1 192.0.2.2 0 0 (1 packets)`: A, D and R stand for accept, discard and reject.
fn read_packet<'a>(writer: &mut EventWriter<'a>, body: &'a [u8]) -> Option<()> {
    let rest = body.strip_prefix(b"FW: ").unwrap_or(body);
    let (interface, rest) = word(rest)?;
    let (verdict, rest) = word(rest)?;
    let (protocol, rest) = word(rest)?;
    let (source, rest) = word(rest)?;
    let (destination, rest) = word(rest)?;
    let (source_port, rest) = word(rest)?;
    let (destination_port, rest) = word(rest)?;
    writer.put(ecs::OBSERVER_INGRESS_INTERFACE_NAME, interface);
    writer.put(ecs::NETWORK_TRANSPORT, protocol);
    writer.put_str(ecs::EVENT_TYPE, if verdict == b"A" { "allowed" } else { "denied" });
    let put_end = |writer: &mut EventWriter<'a>, ip: FieldId, port: FieldId, address: &'a [u8], number: &'a [u8]| {
        writer.put_ip(ip, address);
        writer.put_port(port, number);
    };
    put_end(writer, ecs::SOURCE_IP, ecs::SOURCE_PORT, source, source_port);
    put_end(writer, ecs::DESTINATION_IP, ecs::DESTINATION_PORT, destination, destination_port);
    let packets = rest.trim_ascii_start().strip_prefix(b"(").map(|rest| &rest[..until(rest, b' ')]);
    if let Some(packets) = packets.filter(|packets| parse_u64(packets).is_some()) {
        writer.put_vendor(ids().packets, packets);
        writer.put_as(ecs::SOURCE_PACKETS, packets, Kind::Number, false);
    }
    Some(())
}
