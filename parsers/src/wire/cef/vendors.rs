//! What vendors mean by the custom fields of the standard: their labels, by Elastic's CEF integration, and the
//! dictionaries of their own.

use super::names::{self, Ids};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};
use crate::logsource;
use crate::number::parse_i64;
use crate::products::fields::{copy, relate};
use crate::products::{self, cisco_secure_email, fortigate, targets, trend_micro_deep_security};
use crate::scan;
use crate::time::SECOND_NS;

/// FortiOS puts this before the keys that the standard has none for (Log Message Reference, "CEF support").
const FORTIGATE_PREFIX: &[u8] = b"FTNTFGT";

/// A key of a vendor's own as the vendor's other formats read it.
#[inline]
pub(super) fn put_extension(writer: &mut EventWriter<'_>, context: &Context<'_>, key: &[u8], value: Span) {
    let Some(name) = key.strip_prefix(FORTIGATE_PREFIX) else { return };
    let Some(id) = context.dictionary.find(name) else { return };
    if let Some(&Some((to, how))) = fortigate::targets().get(id.index()) {
        if !value.is_empty() {
            targets::put(writer, id, to, how, value);
        }
    }
}

/// How a labelled value is taken.
#[derive(Clone, Copy)]
enum As {
    Text,
    Seconds,
}

/// Labels in lower case, and the schema names of their values.
static LABELS: &[(&[u8], FieldId, As)] = &[
    (b"ruleid", ecs::RULE_ID, As::Text),
    (b"rule id", ecs::RULE_ID, As::Text),
    (b"rule name", ecs::RULE_NAME, As::Text),
    (b"rule", ecs::RULE_NAME, As::Text),
    (b"policy", ecs::RULE_NAME, As::Text),
    (b"application rule name", ecs::RULE_NAME, As::Text),
    (b"threat prevention rule name", ecs::RULE_NAME, As::Text),
    (b"dlp rule name", ecs::RULE_NAME, As::Text),
    (b"rule uid", ecs::RULE_UUID, As::Text),
    (b"category", ecs::RULE_CATEGORY, As::Text),
    (b"matched category", ecs::RULE_CATEGORY, As::Text),
    (b"url category", ecs::RULE_CATEGORY, As::Text),
    (b"user group", ecs::USER_GROUP_NAME, As::Text),
    (b"vlan id", ecs::NETWORK_VLAN_ID, As::Text),
    (b"email subject", ecs::EMAIL_SUBJECT, As::Text),
    (b"virtual system", FieldId::UNNAMED, As::Text),
    (b"source zone", ecs::OBSERVER_INGRESS_ZONE, As::Text),
    (b"destination zone", ecs::OBSERVER_EGRESS_ZONE, As::Text),
    (b"sessionid", FieldId::UNNAMED, As::Text),
    (b"elapsed time in seconds", ecs::EVENT_DURATION, As::Seconds),
    (b"duration in seconds", ecs::EVENT_DURATION, As::Seconds),
];

/// Reads the labels, and what single vendors do otherwise; sets the log source.
pub(super) fn normalise(writer: &mut EventWriter<'_>, ids: &Ids) {
    for (label, value) in [
        (ids.s1_label, ids.s1),
        (ids.s2_label, ids.s2),
        (ids.s3_label, ids.s3),
        (ids.s4_label, ids.s4),
        (ids.s5_label, ids.s5),
        (ids.s6_label, ids.s6),
        (ids.n1_label, ids.n1),
        (ids.n2_label, ids.n2),
        (ids.n3_label, ids.n3),
    ] {
        let Some((span, _)) = writer.first_span(value).filter(|(span, _)| !span.is_empty()) else { continue };
        let known =
            writer.first(label).and_then(|label| LABELS.iter().find(|(text, ..)| label.eq_ignore_ascii_case(text)));
        let Some(&(_, to, how)) = known.filter(|row| row.1 != FieldId::UNNAMED) else { continue };
        if writer.first(to).is_some() {
            continue;
        }
        match how {
            As::Text => writer.put_span(to, span, Kind::Text, false),
            As::Seconds => {
                if let Some(ns) = parse_i64(writer.bytes(span)).and_then(|s| s.checked_mul(SECOND_NS)) {
                    writer.put_i64(to, ns);
                }
            }
        }
    }
    let vendor = writer.first(ids.vendor).unwrap_or_default();
    let product = writer.first(ids.product).unwrap_or_default();
    let log_source = if vendor.eq_ignore_ascii_case(b"check point") {
        check_point(writer, ids);
        logsource::CHECKPOINT_FIREWALL
    } else if writer.first(ids.class_id) == Some(b"ESA_CONSOLIDATED_LOG_EVENT") {
        consolidated_mail(writer, ids);
        logsource::UNKNOWN
    } else if vendor.eq_ignore_ascii_case(b"forcepoint") {
        copy(writer, ids.application, ecs::NETWORK_APPLICATION);
        logsource::CEF_FIREWALL
    } else if trend_micro_deep_security::is_deep_security(vendor, product) {
        trend_micro_deep_security::put_taxonomy(writer, ids.class_id, ids.name);
        logsource::TREND_MICRO
    } else if vendor.eq_ignore_ascii_case(b"fortinet") {
        let kind = writer.first(ids.category).unwrap_or_default();
        if kind.starts_with(b"traffic") {
            logsource::FORTIGATE_TRAFFIC
        } else if kind.starts_with(b"utm") {
            logsource::FORTIGATE_UTM
        } else {
            logsource::FORTIGATE_EVENT
        }
    } else if vendor.eq_ignore_ascii_case(b"palo alto networks") {
        match writer.first(ids.name).unwrap_or_default() {
            b"TRAFFIC" => logsource::PANOS_TRAFFIC,
            b"THREAT" => logsource::PANOS_THREAT,
            b"SYSTEM" => logsource::PANOS_SYSTEM,
            _ => logsource::PANOS_OTHER,
        }
    } else if [&b"irewall"[..], b"FIREWALL", b"UTM", b"NGFW", b"ASA"]
        .iter()
        .any(|mark| scan::find(product, mark).is_some())
    {
        logsource::CEF_FIREWALL
    } else {
        return;
    };
    writer.core().log_source = log_source;
}

/// The consolidated events of Cisco's mail gateway (AsyncOS User Guide, "Consolidated Event Logs"): one a message.
fn consolidated_mail(writer: &mut EventWriter<'_>, ids: &Ids) {
    for (key, to) in [(b"suser", ecs::EMAIL_FROM_ADDRESS), (b"duser", ecs::EMAIL_TO_ADDRESS)] {
        if let Some((_, id)) = names::full_name(key) {
            copy(writer, id, to);
        }
    }
    writer.core().product = products::CISCO_SECURE_EMAIL;
    let own = cisco_secure_email::ids();
    copy(writer, own.cef_device, ecs::HOST_ID);
    relate(writer, own.cef_helo_ip, ecs::RELATED_IP);
    let mid = own.cef_mid;
    copy(writer, mid, ecs::EMAIL_LOCAL_ID);
    copy(writer, mid, ecs::EMAIL_MESSAGE_ID);
    if let Some((span, _)) = writer.first_span(ecs::MESSAGE) {
        let len = span.len();
        let quoted = matches!(writer.bytes(span), [b'\'', .., b'\''] | [b'"', .., b'"']);
        let subject = if quoted { span.part(1..len - 1) } else { span };
        writer.put_span(ecs::EMAIL_SUBJECT, subject, Kind::Text, false);
    }
    if let Some(inbound) = writer.first(ids.direction).map(|direction| direction == b"0") {
        writer.put_str(ecs::EMAIL_DIRECTION, if inbound { "inbound" } else { "outbound" });
    }
    writer.put_str(ecs::EVENT_CATEGORY, "email");
    writer.put_str(ecs::EVENT_TYPE, "info");
}

/// Check Point's Log Exporter in CEF.
fn check_point(writer: &mut EventWriter<'_>, ids: &Ids) {
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    copy(writer, ids.rule_uid, ecs::RULE_UUID);
    copy(writer, ids.inzone, ecs::OBSERVER_INGRESS_ZONE);
    copy(writer, ids.outzone, ecs::OBSERVER_EGRESS_ZONE);
    copy(writer, ids.ifname, ecs::OBSERVER_INGRESS_INTERFACE_NAME);
    copy(writer, ids.dns_domain, ecs::DNS_QUESTION_NAME);
    let severity = match writer.first(ids.cp_severity).unwrap_or_default() {
        b"Informational" => 0,
        b"Low" => 1,
        b"Medium" => 2,
        b"High" => 3,
        b"Very-High" | b"Critical" => 4,
        _ => return,
    };
    writer.put_i64(ecs::EVENT_SEVERITY, severity);
}
