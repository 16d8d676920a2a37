//! The listener's log: `time * connect data * address * event * service * return code`.

use super::{begin, id};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::number::{parse_u64, take_u64};
use crate::products::text::{SOURCE, between, put_end_port, put_user, put_vendor, split};
use crate::time::{Civil, Stamp, month, take_clock};
use crate::{ecs, scan};

/// Decodes a line of the listener's log; `false` = it is none.
pub(super) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> bool {
    let Some((civil, rest)) = date(text) else { return false };
    let Some(rest) = rest.strip_prefix(b" * ") else { return false };
    if rest.first() != Some(&b'(') && !rest.starts_with(b"service_") && !rest.starts_with(b"<unknown") {
        return false;
    }
    begin(writer);
    writer.put_str(ecs::EVENT_DATASET, "oracle.listener");
    context.set_stamp(writer, &Stamp { civil, offset_s: None, precision: Default::default() });
    writer.put(ecs::MESSAGE, rest);
    let (connect, rest) =
        if rest.first() == Some(&b'(') { split(rest, b" * ").unwrap_or((rest, b"")) } else { (&b""[..], rest) };
    let (address, rest) =
        if rest.first() == Some(&b'(') { split(rest, b" * ").unwrap_or((rest, b"")) } else { (&b""[..], rest) };
    let (event, rest) = split(rest, b" * ").unwrap_or((rest, b""));
    let (service, code) = crate::products::text::split_last(rest, b" * ").unwrap_or((b"", rest));
    writer.put(ecs::EVENT_ACTION, event);
    put_vendor(writer, id("listener.service"), service);
    put_code(writer, code);
    if event == b"establish" {
        writer.put_str(ecs::EVENT_CATEGORY, "network");
        writer.put_str(ecs::EVENT_TYPE, "connection");
        writer.put_str(ecs::EVENT_TYPE, "start");
    } else {
        writer.put_str(ecs::EVENT_TYPE, "info");
    }
    for (key, name) in [
        (&b"(PROGRAM="[..], "listener.program"),
        (b"(COMMAND=", "listener.command"),
        (b"(SID=", "listener.sid"),
        (b"(INSTANCE_NAME=", "listener.instance"),
        (b"(VERSION=", "listener.version"),
    ] {
        if let Some(value) = value(connect, key) {
            put_vendor(writer, id(name), value);
        }
    }
    if service.is_empty() {
        if let Some(service) = value(connect, b"(SERVICE_NAME=") {
            put_vendor(writer, id("listener.service"), service);
        }
    }
    if let Some(user) = value(connect, b"(USER=") {
        put_user(writer, ecs::SOURCE_USER_NAME, user);
    }
    let named = value(connect, b"(HOST=").unwrap_or_default();
    match value(address, b"(HOST=") {
        Some(host) => {
            put_end_port(writer, SOURCE, host, value(address, b"(PORT=").unwrap_or_default());
            if !named.is_empty() && crate::ip::parse(named).is_none() {
                writer.put(ecs::SOURCE_DOMAIN, named);
                writer.put(ecs::RELATED_HOSTS, named);
            }
        }
        None => put_end_port(writer, SOURCE, named, b""),
    }
    if let Some(protocol) = value(address, b"(PROTOCOL=").filter(|protocol| protocol.eq_ignore_ascii_case(b"tcp")) {
        writer.put_str(ecs::NETWORK_TRANSPORT, if protocol.is_empty() { "" } else { "tcp" });
    }
    true
}

/// The value of a parameter that says something.
fn value<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let value = between(text, key, b")")?;
    (!value.is_empty() && scan::find(value, b"(").is_none()).then_some(value)
}

fn put_code<'a>(writer: &mut EventWriter<'a>, code: &'a [u8]) {
    let Some(number) = parse_u64(code.trim_ascii()) else { return };
    writer.put_as(id("listener.return_code"), code.trim_ascii(), Kind::Number, true);
    writer.put_str(ecs::EVENT_OUTCOME, if number == 0 { "success" } else { "failure" });
    if number != 0 {
        writer.put(ecs::ERROR_CODE, code.trim_ascii());
    }
}

/// `22-MAR-2026 10:00:00`
fn date(text: &[u8]) -> Option<(Civil, &[u8])> {
    let (day, rest) = take_u64(text)?;
    let rest = rest.strip_prefix(b"-")?;
    let month = month(rest.get(..3)?)?;
    let (year, rest) = take_u64(rest[3..].strip_prefix(b"-")?)?;
    let (hour, minute, second, rest) = take_clock(rest.strip_prefix(b" ")?)?;
    let year = i64::try_from(year).ok().filter(|year| (1970..=9999).contains(year))?;
    let civil = Civil { year, month, day: u32::try_from(day).ok()?, hour, minute, second, nano: 0 };
    civil.is_valid().then_some((civil, rest))
}
