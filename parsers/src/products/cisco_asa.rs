//! Cisco ASA and what speaks its messages (FTD, PIX, FWSM): `%ASA-level-id: text`.
//!
//! The texts are those of the Cisco Secure Firewall ASA Series Syslog Messages guide, one
//! row a message id in [`messages`]. An id without a row still gives its severity, id and
//! text; a row whose text differs gives [`Defect::MessageMalformed`] besides.

mod messages;
mod rarer;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;

use std::sync::LazyLock;

use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::EventWriter;
use crate::logsource;
use crate::products;
use crate::products::cisco_ftd;
use crate::products::names::id_of;
use crate::products::text_template::Captures;
use crate::products::{Detect, Product};
use crate::wire::syslog::Header;

/// `cisco_asa`.
pub(crate) static PRODUCT: Product = Product {
    name: "cisco_asa",
    title: "Cisco ASA",
    document: "Cisco Secure Firewall ASA Series Syslog Messages",
    namespace: "cisco.asa",
    module: "cisco_asa",
    dataset: "cisco_asa.log",
    vendor: "Cisco",
    product: "asa",
    observer_type: "firewall",
    names: NAMES,
    detect: &[Detect::Mark(&["%PIX-", "%FWSM-"], decode)],
    ..Product::NONE
};

/// The names below `cisco.asa`. Templates look theirs up when they compile.
pub(crate) static NAMES: &[&str] = &[
    "message_id",
    "suffix",
    "connection_id",
    "icmp_type",
    "icmp_code",
    "tcp_flags",
    "termination_initiator",
    "hit_count",
    "command_line_arguments",
    "application",
    "aaa_type",
    "rejection_reason",
    "group_policy",
    "tunnel_group",
    "tunnel_type",
    "session_type",
    "session_id",
    "peer_type",
    "assigned_ip",
    "pool_name",
    "pool_address",
    "connections_in_use",
    "connections_most_used",
    "connection_type",
    "device_type",
    "filter_action",
    "privilege.old",
    "privilege.new",
    "burst.object",
    "burst.id",
    "burst.current_rate",
    "burst.configured_rate",
    "burst.avg_rate",
    "burst.configured_avg_rate",
    "burst.cumulative_count",
];

/// The ids of the names that are written outside of templates.
pub(super) struct Ids {
    message_id: FieldId,
    suffix: FieldId,
    pub(super) connection_id: FieldId,
    pub(super) icmp_type: FieldId,
    pub(super) icmp_code: FieldId,
    pub(super) termination_initiator: FieldId,
    pub(super) rejection_reason: FieldId,
}

pub(super) fn ids() -> &'static Ids {
    static IDS: LazyLock<Ids> = LazyLock::new(|| Ids {
        message_id: id_of("message_id"),
        suffix: id_of("suffix"),
        connection_id: id_of("connection_id"),
        icmp_type: id_of("icmp_type"),
        icmp_code: id_of("icmp_code"),
        termination_initiator: id_of("termination_initiator"),
        rejection_reason: id_of("rejection_reason"),
    });
    &IDS
}

/// The levels of the ASA's `logging` commands, by number, in the words of RFC 5424.
static LEVELS: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notification", "informational", "debug"];

/// `%ASA-[suffix-]level-id: text`.
struct Mark<'a> {
    /// Whether a Threat Defense wrote it.
    ftd: bool,
    suffix: &'a [u8],
    level: &'a [u8],
    id: &'a [u8],
    text: &'a [u8],
}

fn take_mark(message: &[u8]) -> Option<Mark<'_>> {
    let mut from = 0;
    let (ftd, mark) = loop {
        let at = from + memchr::memchr(b'%', &message[from..])?;
        let rest = &message[at + 1..];
        match rest {
            [b'A', b'S', b'A', b'-', rest @ ..] | [b'P', b'I', b'X', b'-', rest @ ..] => break (false, rest),
            [b'F', b'T', b'D', b'-', rest @ ..] => break (true, rest),
            [b'F', b'W', b'S', b'M', b'-', rest @ ..] => break (false, rest),
            [b'N', b'G', b'I', b'P', b'S', b'-', rest @ ..] => break (true, rest),
            _ => from = at + 1,
        }
    };
    // `%ASA-session-3-106102:` carries the class of the message; some versions leave it empty.
    let class = mark.iter().take(32).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let suffix = &mark[..class];
    let mark = &mark[class..];
    let mark = mark.strip_prefix(b"-").unwrap_or(mark);
    let [level @ b'0'..=b'7', b'-', rest @ ..] = mark else { return None };
    debug_assert!(level.is_ascii_digit());
    let digits = rest.iter().take(8).take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    // The colon is missing from texts that a console cut out.
    let text = match &rest[digits..] {
        [b':' | b' ', text @ ..] => text,
        _ => return None,
    };
    Some(Mark { ftd, suffix, level: &mark[..1], id: &rest[..digits], text: text.trim_ascii() })
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let Some(mark) = take_mark(header.message) else { return false };
    // The engine that a Threat Defense shares with the ASA signs with either's name; who declares the source knows.
    let ftd = mark.ftd || context.options.format == Some(products::CISCO_FTD);
    let core = writer.core();
    (core.product, core.log_source) = match ftd {
        false => (products::CISCO_ASA, logsource::CISCO_ASA),
        true => (products::CISCO_FTD, logsource::CISCO_FTD),
    };
    let id = crate::number::parse_u64(mark.id).map_or(0, |id| id as u32);
    let security_event = ftd && (430_001..=430_005).contains(&id);
    writer.put(ecs::EVENT_CODE, mark.id);
    if writer.derives() {
        writer.put_vendor(ids().message_id, mark.id);
    }
    writer.put(ecs::EVENT_SEVERITY, mark.level);
    writer.put_str(ecs::LOG_LEVEL, LEVELS[usize::from(mark.level[0] - b'0')]);
    if !mark.suffix.is_empty() {
        writer.put_vendor(ids().suffix, mark.suffix);
    }
    put_host(writer, header);
    if security_event {
        if !cisco_ftd::decode(writer, context, id, mark.text) {
            writer.defect(Defect::MessageMalformed);
        }
        if !writer.view().has(ecs::MESSAGE) {
            writer.put(ecs::MESSAGE, mark.text);
        }
        return true;
    }
    writer.put(ecs::MESSAGE, mark.text);
    if !writer.derives() {
        return true;
    }
    writer.put_str(ecs::EVENT_KIND, "event");
    let Some(row) = messages::find(id) else {
        writer.put_str(ecs::EVENT_CATEGORY, "network");
        if ftd {
            writer.put_str(ecs::EVENT_TYPE, "info");
            writer.put_str(ecs::EVENT_ACTION, "firewall-rule");
        }
        return true;
    };
    let mut captures = Captures::new();
    let verdict = if row.templates.iter().any(|template| template.matches(mark.text, &mut captures)) {
        captures.write(writer)
    } else {
        writer.defect(Defect::MessageMalformed);
        None
    };
    row.meaning.write(writer, verdict, ftd);
    true
}

/// The header's host is the device itself.
pub(super) fn put_host(writer: &mut EventWriter<'_>, header: &Header<'_>) {
    if !header.hostname.is_empty() && writer.derives() {
        let name = writer.span_of(header.hostname);
        for id in [ecs::OBSERVER_HOSTNAME, ecs::OBSERVER_NAME, ecs::RELATED_HOSTS] {
            writer.put_span(id, name, crate::event::Kind::Text, false);
        }
    }
}
