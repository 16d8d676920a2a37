//! Cisco Identity Services Engine: `CISE_category id segments segment stamp sequence code LEVEL Class: text, key=value, …`.
//!
//! Cisco ISE Syslogs: the header of remote messages, the escapes (`\,` within values), the categories and the
//! attributes. A message of several segments has its text in segment 0; the others go on with attributes.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use super::fields::{copy, copy_ip, put_lower, put_mac, relate, relate_span};
use super::names::vendor_names;
use super::targets::{self, Target, To};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};
use crate::logsource;
use crate::products::{self, Detect, Product};
use crate::time::{take_iso, take_offset};
use crate::wire::syslog::Header;

/// `cisco_ise`.
pub(crate) static PRODUCT: Product = Product {
    name: "cisco_ise",
    title: "Cisco Identity Services Engine",
    document: "Cisco ISE Syslogs",
    namespace: "cisco_ise.log",
    module: "cisco_ise",
    dataset: "cisco_ise.log",
    vendor: "Cisco",
    product: "ISE",
    observer_type: "nac",
    names: NAMES,
    detect: &[Detect::Mark(&["CISE_"], decode)],
    ..Product::NONE
};

vendor_names! {
    category = "category.name";
    message_id = "message.id";
    message_text = "message.description";
    sequence = "message.sequence";
    segment_total = "segment.total";
    segment_number = "segment.number";
    device_ip = "Device IP Address";
    nas_ip = "NAS-IP-Address";
    admin_ip = "AdminIPAddress";
    user_name = "UserName";
    user_name_dashed = "User-Name";
    user = "User";
    guest_user = "GuestUserName";
    original_user = "OriginalUserName";
    admin_name = "AdminName";
    framed_ip = "Framed-IP-Address";
    ip_address = "IpAddress";
    remote_address = "Remote-Address";
    ad_ip = "AD-IP-Address";
    ad_hostname = "AD-Hostname";
    psn_host = "PsnHostName";
    protocol = "Protocol";
    alarm_nad = "NAD Address";
    alarm_nas = "NAS IP Address";
    alarm_device = "Network device IP";
    alarm_station = "Calling Station Id";
    @also
    "Failure Reason"
    "Server"
    "FailureReason"
    "EPMacAddress"
    "EndPointMACAddress"
    "Calling-Station-ID"
    "ConfigVersionId" "AdminInterface" "AdminSession" "OperationMessageText" "ObjectType" "ObjectName" "ObjectInternalID"
    "AcsSessionID" "CPMSessionID" "SelectedAccessService" "SelectedAuthorizationProfiles" "Step" "StepData"
    "NetworkDeviceName" "NetworkDeviceGroups" "Device Port" "DestinationIPAddress" "DestinationPort" "NAS-Port"
    "NAS-Port-Id" "NAS-Port-Type" "NAS-Identifier" "Called-Station-ID" "Service-Type" "Class" "Acct-Status-Type"
    "Acct-Session-Id" "Acct-Session-Time" "Acct-Input-Octets" "Acct-Output-Octets" "Acct-Input-Packets"
    "Acct-Output-Packets" "Acct-Terminate-Cause" "AuthenticationMethod" "AuthenticationIdentityStore"
    "AuthenticationStatus" "AuthorizationPolicyMatchedRule" "AuthorizationFailureReason" "IdentityGroup" "PortalName"
    "PostureStatus" "EndPointMatchedProfile" "CmdSet" "Privilege-Level" "Authen-Method" "Type" "Service" "Port"
    "RequestLatency" "ResponseTime" "Location" "Device Type" "IPSEC" "Model Name" "Software Version"
    "Network Device Profile" "NetworkDeviceProfileName" "NetworkDeviceProfileId" "DTLSSupport" "LoggerName"
    "UserType" "EapTunnel" "EapAuthentication" "TLSCipher" "TLSVersion" "AD-Domain" "AD-Admin" "AD-Domain-Controller"
    "AD-Error-Details" "AD-Forest" "AD-Site" "AD-Log-Id" "Error Message" "Message" "Cause" "Network Device Name"
    "Response" "AVPair" "cisco-av-pair" "OperationID" "OperationType" "OperationStatus" "Details" "Status"
}

static TARGETS: &[Target] = &[
    ("Device IP Address", ecs::CLIENT_IP, To::Ip),
    ("AdminIPAddress", ecs::CLIENT_IP, To::Ip),
    ("Device Port", ecs::CLIENT_PORT, To::Number),
    ("DestinationIPAddress", ecs::DESTINATION_IP, To::Ip),
    ("DestinationPort", ecs::DESTINATION_PORT, To::Port),
    ("AdminName", ecs::CLIENT_USER_NAME, To::Text),
    ("FailureReason", ecs::EVENT_REASON, To::Text),
    ("Failure Reason", ecs::EVENT_REASON, To::Text),
    ("Calling-Station-ID", ecs::SOURCE_MAC, To::Mac),
    ("EndPointMACAddress", ecs::SOURCE_MAC, To::Mac),
    ("EPMacAddress", ecs::SOURCE_MAC, To::Mac),
    ("Server", ecs::SERVER_ADDRESS, To::Text),
    ("TLSCipher", ecs::TLS_CIPHER, To::Text),
    ("TLSVersion", ecs::TLS_VERSION, To::Text),
    ("Acct-Input-Octets", ecs::SOURCE_BYTES, To::Number),
    ("Acct-Output-Octets", ecs::DESTINATION_BYTES, To::Number),
    ("Acct-Input-Packets", ecs::SOURCE_PACKETS, To::Number),
    ("Acct-Output-Packets", ecs::DESTINATION_PACKETS, To::Number),
];

static BY_ID: LazyLock<Vec<Option<(FieldId, To)>>> = LazyLock::new(|| targets::by_id(TARGETS));

/// What a logging category means, by its name without `CISE_`.
type Meaning = (&'static str, &'static [&'static str], &'static [&'static str], &'static str);

static CATEGORIES: &[Meaning] = &[
    ("AAA_Audit", &["authentication"], &["info"], ""),
    ("AAA_Diagnostics", &["authentication"], &["info"], ""),
    ("AD_Connector", &["authentication"], &["info"], ""),
    ("Accounting", &["network", "session"], &["info"], ""),
    ("Administrative_and_Operational_Audit", &["iam"], &["info"], ""),
    ("Administrator_Authentication_and_Authorization", &["authentication", "iam"], &["admin", "info"], ""),
    ("Authentication_Flow_Diagnostics", &["iam", "authentication"], &["info"], ""),
    ("Distributed_Management", &["configuration"], &["info"], ""),
    ("Failed_Attempts", &["authentication"], &["info", "end"], "failure"),
    ("Guest", &["configuration"], &["info"], ""),
    ("Identity_Stores_Diagnostics", &["iam", "authentication"], &["info"], ""),
    ("Internal_Operations_Diagnostics", &["configuration"], &["info"], ""),
    ("Licensing", &["configuration"], &["info"], ""),
    ("MyDevices", &["configuration"], &["info"], ""),
    ("Passed_Authentications", &["authentication"], &["info"], "success"),
    ("Policy_Diagnostics", &["configuration"], &["info"], ""),
    ("Posture_and_Client_Provisioning_Audit", &["host"], &["info"], ""),
    ("Posture_and_Client_Provisioning_Diagnostics", &["host"], &["info"], ""),
    ("Profiler", &["host"], &["info"], ""),
    ("RADIUS_Accounting", &["network", "session", "configuration"], &["info"], ""),
    ("RADIUS_Diagnostics", &["authentication", "network"], &["info"], ""),
    ("System_Diagnostics", &["host"], &["info"], ""),
    ("System_Statistics", &["host"], &["info"], ""),
    ("TACACS_Accounting", &["configuration"], &["info"], ""),
    ("TACACS_Diagnostics", &["authentication", "network"], &["info"], ""),
    ("Threat_Centric_NAC", &["configuration"], &["info"], ""),
];

/// The messages of the administrative audit that say more than their category, by code.
static CODES: &[(u64, u64, Meaning)] = &[
    (51000, 51000, ("", &["iam", "authentication"], &["admin", "info"], "failure")),
    (51001, 51001, ("", &["iam", "authentication"], &["admin", "info"], "success")),
    (51002, 51003, ("", &["iam", "authentication"], &["admin", "info"], "success")),
    (51004, 51025, ("", &["iam", "authentication"], &["admin", "info"], "failure")),
    (52000, 52000, ("", &["iam", "configuration"], &["creation", "info"], "success")),
    (52001, 52001, ("", &["iam", "configuration"], &["change", "info"], "success")),
    (52002, 52002, ("", &["iam", "configuration"], &["deletion", "info"], "success")),
    (52003, 52099, ("", &["iam", "configuration"], &["change", "info"], "")),
    (60060, 60068, ("", &["process"], &["info", "start"], "")),
    (60077, 60077, ("", &["iam", "authentication"], &["info"], "failure")),
    (60080, 60080, ("", &["iam", "authentication"], &["user", "info"], "success")),
    (60081, 60081, ("", &["iam", "authentication"], &["user", "info"], "failure")),
    (60115, 60116, ("", &["iam", "authentication"], &["user", "info"], "success")),
    (60134, 60134, ("", &["iam", "network"], &["info"], "failure")),
    (60455, 60457, ("", &["process"], &["info", "start"], "")),
    (61025, 61025, ("", &["network"], &["connection", "info", "start"], "")),
    (61026, 61026, ("", &["network"], &["connection", "info", "end"], "")),
    (61077, 61077, ("", &["iam", "authentication"], &["info"], "success")),
];

fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    // Some relays take the category for the tag.
    let (category, rest) = match header.appname {
        tag if tag.starts_with(b"CISE_") => (tag, header.message),
        _ if header.message.starts_with(b"CISE_") => word(header.message),
        _ => return false,
    };
    let (id, after_id) = word(rest);
    let (total, after_total) = word(after_id);
    let (number, text) = word(after_total);
    let numbered = is_number(id) && is_number(total) && is_number(number);
    if !numbered && category != b"CISE_Alarm" {
        return false;
    }
    let core = writer.core();
    core.product = products::CISCO_ISE;
    core.log_source = logsource::CISCO_ISE;
    writer.put_vendor(ids().category, category);
    writer.put_str(ecs::EVENT_KIND, "event");
    if !header.hostname.is_empty() {
        let host = writer.span_of(header.hostname);
        relate_span(
            writer,
            host,
            if crate::ip::parse(header.hostname).is_some() { ecs::RELATED_IP } else { ecs::RELATED_HOSTS },
        );
    }
    let mut code = 0;
    if numbered {
        writer.put_vendor(ids().message_id, id);
        writer.put_as(ids().segment_total, total, Kind::Number, true);
        writer.put_as(ids().segment_number, number, Kind::Number, true);
        writer.put(ecs::MESSAGE, text);
        let attributes = match first_segment(writer, context, text) {
            Some((number, attributes)) => {
                code = number;
                attributes
            }
            None => {
                if number == b"0" {
                    writer.defect(Defect::MessageMalformed);
                }
                text
            }
        };
        put_attributes(writer, context, attributes, b',');
    } else {
        put_alarm(writer, context, rest);
    }
    let name = category.strip_prefix(b"CISE_").unwrap_or(category);
    put_meaning(writer, name, code);
    put_ends(writer);
    true
}

/// `stamp zone sequence code LEVEL Class: text`; the code, and the attributes behind the text.
fn first_segment<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> Option<(u64, &'a [u8])> {
    let (mut stamp, rest) = take_iso(text)?;
    let rest = rest.trim_ascii_start();
    let rest = match take_offset(rest) {
        Some((offset, rest)) => {
            stamp.offset_s = Some(offset);
            rest.trim_ascii_start()
        }
        None => rest,
    };
    let (sequence, rest) = word(rest);
    let (code, rest) = word(rest);
    let (level, rest) = word(rest);
    let number = crate::number::parse_u64(code)?;
    if !is_number(sequence) {
        return None;
    }
    context.set_stamp(writer, &stamp);
    writer.put_vendor(ids().sequence, sequence);
    writer.put(ecs::EVENT_CODE, code);
    put_lowered(writer, ecs::LOG_LEVEL, level);
    let end = end_of_value(rest, b',');
    let description = rest[..end].trim_ascii_end();
    writer.put_vendor(ids().message_text, description);
    let class = memchr::memchr(b':', description).unwrap_or(description.len());
    put_lowered(writer, ecs::EVENT_ACTION, &description[..class]);
    Some((number, rest.get(end + 1..).unwrap_or_default()))
}

fn put_lowered(writer: &mut EventWriter<'_>, id: FieldId, text: &[u8]) {
    if !text.is_empty() {
        let span = writer.span_of(text);
        put_lower(writer, id, span);
    }
}

/// `LEVEL: Name : key=value; key=value`.
fn put_alarm<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) {
    let (level, rest) = match memchr::memchr(b':', text) {
        Some(at) if at < 16 => (&text[..at], text[at + 1..].trim_ascii_start()),
        _ => (&b""[..], text),
    };
    put_lowered(writer, ecs::LOG_LEVEL, level);
    let end = memchr::memchr(b':', rest).unwrap_or(rest.len());
    writer.put(ecs::EVENT_ACTION, rest[..end].trim_ascii_end());
    let attributes = rest.get(end + 1..).unwrap_or_default().trim_ascii();
    writer.put(ecs::MESSAGE, if attributes.is_empty() { rest } else { attributes });
    put_attributes(writer, context, attributes, b';');
    relate(writer, ecs::SERVER_ADDRESS, ecs::RELATED_HOSTS);
    let ids = ids();
    for id in [ids.alarm_nad, ids.alarm_nas, ids.alarm_device] {
        copy_ip(writer, id, ecs::CLIENT_IP);
        relate_address(writer, id);
    }
    put_mac(writer, ids.alarm_station, ecs::SOURCE_MAC);
}

/// Where a value ends: at a separator that no backslash escapes and that no brace or bracket at the value's
/// start holds.
fn end_of_value(text: &[u8], separator: u8) -> usize {
    let close = match text.first() {
        Some(b'{') => b'}',
        Some(b'[') => b']',
        _ => 0,
    };
    let mut at = 0;
    if close != 0 {
        // The closing sign is the one before a separator or the end.
        while let Some(found) = memchr::memchr(close, &text[at..]) {
            at += found + 1;
            match text[at..].trim_ascii_start().first() {
                None => return text.len(),
                Some(&byte) if byte == separator => return at + memchr::memchr(separator, &text[at..]).unwrap_or(0),
                Some(_) => {}
            }
        }
        at = 0;
    }
    while let Some(found) = memchr::memchr2(separator, b'\\', &text[at..]) {
        at += found;
        if text[at] == separator {
            return at;
        }
        at = (at + 2).min(text.len());
    }
    text.len()
}

fn put_attributes<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8], separator: u8) {
    let mut rest = text;
    // An opening sign that never closes is looked for once: what follows it is read as it stands.
    let mut unclosed = false;
    while !rest.is_empty() {
        rest = rest.trim_ascii_start();
        let key_end = match memchr::memchr2(b'=', separator, rest) {
            Some(at) if rest[at] == b'=' => at,
            Some(at) => {
                rest = &rest[at + 1..];
                continue;
            }
            None => return,
        };
        let key = rest[..key_end].trim_ascii_end();
        let behind = rest[key_end + 1..].trim_ascii_start();
        let braced = !unclosed && matches!(behind.first(), Some(b'{' | b'['));
        let end = if braced || !matches!(behind.first(), Some(b'{' | b'[')) {
            end_of_value(behind, separator)
        } else {
            memchr::memchr(separator, behind).unwrap_or(behind.len())
        };
        unclosed |= braced && !matches!(behind[..end].trim_ascii_end().last(), Some(b'}' | b']'));
        put_attribute(writer, context, key, behind[..end].trim_ascii_end());
        rest = behind.get(end + 1..).unwrap_or_default();
    }
}

fn put_attribute<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, key: &'a [u8], value: &'a [u8]) {
    if key.is_empty() || value.is_empty() || value == b"N/A" {
        return;
    }
    match key {
        b"Response" | b"OperationMessageText" | b"CmdSet" if matches!(value[0], b'{' | b'[') => {
            put_nested(writer, key, value);
        }
        b"AVPair" | b"cisco-av-pair" => put_pair(writer, key, value),
        _ => {
            let value = unescaped(writer, value);
            match context.dictionary.find(key).filter(|id| id.index() >= ecs::COUNT) {
                Some(id) => {
                    writer.put_span(id, value, Kind::Text, true);
                    if let Some(&Some((to, how))) = BY_ID.get(id.index()) {
                        targets::put(writer, id, to, how, value);
                    }
                }
                None => {
                    let name = writer.span_of(key);
                    writer.put_unnamed(name, value, Kind::Text);
                }
            }
        }
    }
}

/// A value without the backslashes before the signs that the format itself uses.
fn unescaped(writer: &mut EventWriter<'_>, value: &[u8]) -> Span {
    let signs = |byte: &u8| matches!(byte, b',' | b';' | b'=' | b'{' | b'}' | b'\\');
    if !value.windows(2).any(|pair| pair[0] == b'\\' && signs(&pair[1])) {
        return writer.span_of(value);
    }
    let from = writer.arena_start();
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let kept = usize::from(!rest.get(at + 1).is_some_and(signs));
        writer.arena_push(&rest[..at + kept]);
        let taken = rest.get(at + 1..(at + 2).min(rest.len())).unwrap_or_default();
        writer.arena_push(taken);
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    writer.arena_push(rest);
    writer.arena_end(from)
}

/// `{name=value; name=value; }` and `[ CmdAV=… CmdArgAV=… ]`.
fn put_nested<'a>(writer: &mut EventWriter<'a>, key: &'a [u8], value: &'a [u8]) {
    let inner = value[1..].strip_suffix(b"}").or_else(|| value[1..].strip_suffix(b"]")).unwrap_or(&value[1..]);
    for part in inner.split(|&byte| byte == b';') {
        let part = part.trim_ascii();
        if !part.is_empty() {
            put_pair(writer, key, part);
        }
    }
}

/// `name=value` within an attribute: the attribute's name before it.
fn put_pair<'a>(writer: &mut EventWriter<'a>, key: &'a [u8], pair: &'a [u8]) {
    let name_end = memchr::memchr(b'=', pair).filter(|&at| at > 0 && at < 64);
    let (name, value) = match name_end {
        Some(at) => {
            let from = writer.arena_start();
            writer.arena_push(key);
            writer.arena_push(b".");
            writer.arena_push(pair[..at].trim_ascii());
            (writer.arena_end(from), pair[at + 1..].trim_ascii())
        }
        None => (writer.span_of(key), pair),
    };
    let value = unescaped(writer, value);
    writer.put_unnamed(name, value, Kind::Text);
}

fn put_meaning(writer: &mut EventWriter<'_>, category: &[u8], code: u64) {
    let by_code = CODES.iter().find(|(from, to, _)| (*from..=*to).contains(&code)).map(|(.., meaning)| meaning);
    let by_category = || CATEGORIES.iter().find(|(name, ..)| name.as_bytes() == category);
    let Some((_, categories, types, outcome)) = by_code.or_else(by_category) else { return };
    if code == 0 {
        return;
    }
    categories.iter().for_each(|category| writer.put_str(ecs::EVENT_CATEGORY, category));
    types.iter().for_each(|kind| writer.put_str(ecs::EVENT_TYPE, kind));
    if !outcome.is_empty() {
        writer.put_str(ecs::EVENT_OUTCOME, outcome);
    }
}

fn relate_address(writer: &mut EventWriter<'_>, id: FieldId) {
    if writer.first(id).and_then(crate::ip::parse).is_some() {
        relate(writer, id, ecs::RELATED_IP);
    }
}

/// Users, addresses and hosts by the names that the categories have for them.
fn put_ends(writer: &mut EventWriter<'_>) {
    let ids = ids();
    copy_ip(writer, ids.nas_ip, ecs::CLIENT_IP);
    for id in [ids.user_name, ids.user_name_dashed, ids.user, ids.guest_user, ids.original_user] {
        copy(writer, id, ecs::USER_NAME);
    }
    relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
    relate(writer, ids.admin_name, ecs::RELATED_USER);
    for id in [ids.framed_ip, ids.ip_address, ids.remote_address] {
        copy_ip(writer, id, ecs::SOURCE_IP);
    }
    for id in [ids.device_ip, ids.nas_ip, ids.admin_ip, ids.framed_ip, ids.ip_address, ids.remote_address, ids.ad_ip] {
        relate_address(writer, id);
    }
    relate_address(writer, ecs::DESTINATION_IP);
    relate(writer, ids.ad_hostname, ecs::RELATED_HOSTS);
    relate(writer, ids.psn_host, ecs::RELATED_HOSTS);
    if let Some((protocol, _)) = writer.first_span(ids.protocol) {
        put_lower(writer, ecs::NETWORK_PROTOCOL, protocol);
    }
}
