//! DHCP servers: ISC dhcpd (dhcpd(8), `server/dhcp.c`), the same with what Infoblox NIOS adds to it, its DHCPv6
//! messages, and Kea (Kea Messages Manual).

mod kea;

pub(crate) use kea::PRODUCT as KEA;

use super::fields::{put_mac, relate_span};
use super::names::vendor_names;
use super::text::{CLIENT, SERVER, put_end, put_number, put_vendor, split, word};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::number::parse_u64;
use crate::products::{Detect, Product};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products, scan};

/// `isc_dhcp`.
pub(crate) static PRODUCT: Product = Product {
    name: "isc_dhcp",
    title: "ISC DHCP server",
    document: "ISC DHCP 4.4: dhcpd(8)",
    namespace: "dhcpd.log",
    module: "dhcpd",
    dataset: "dhcpd.log",
    vendor: "ISC",
    product: "DHCP",
    names: NAMES,
    detect: &[Detect::App(&["dhcpd", "dhcpdv6", "dhcpd6"], decode)],
    ..Product::NONE
};

vendor_names! {
    message = "dhcp.message";
    client_hostname = "dhcp.client_hostname";
    client_mac = "dhcp.client_mac";
    interface = "dhcp.interface.name";
    interface_ip = "dhcp.interface.ip";
    relay_name = "dhcp.relay.interface.name";
    relay_ip = "dhcp.relay.interface.ip";
    lease_duration = "dhcp.lease.duration";
    offered_duration = "dhcp.offered_duration";
    lease_message = "dhcp.lease.message";
    trans_id = "dhcp.trans_id";
    uid = "dhcp.uid";
    duid = "dhcp.duid";
    iaid = "dhcp.iaid";
    network = "dhcp.network";
    link_address = "dhcp.link_address";
    peer_address = "dhcp.peer_address";
    validity = "dhcp.validation_second";
    kind = "type";
    forward_name = "dhcp.dns.name";
    forward_address = "dhcp.dns.address";
}

/// The messages of the protocol as dhcpd writes them (RFC 2132 §9.6, RFC 4388): their schema type.
static MESSAGES: &[(&[u8], &str, &str)] = &[
    (b"BOOTREPLY", "bootreply", "protocol"),
    (b"BOOTREQUEST", "bootrequest", "protocol"),
    (b"DHCPACK", "dhcpack", "allowed"),
    (b"DHCPDECLINE", "dhcpdecline", "denied"),
    (b"DHCPDISCOVER", "dhcpdiscover", "start"),
    (b"DHCPEXPIRE", "dhcpexpire", "end"),
    (b"DHCPFORCERENEW", "dhcpforcerenew", "protocol"),
    (b"DHCPINFORM", "dhcpinform", "info"),
    (b"DHCPLEASEACTIVE", "dhcpleaseactive", "info"),
    (b"DHCPLEASEQUERY", "dhcpleasequery", "info"),
    (b"DHCPLEASEUNASSIGNED", "dhcpleaseunassigned", "info"),
    (b"DHCPLEASEUNKNOWN", "dhcpleaseunknown", "info"),
    (b"DHCPNAK", "dhcpnak", "denied"),
    (b"DHCPOFFER", "dhcpoffer", "protocol"),
    (b"DHCPRELEASE", "dhcprelease", "end"),
    (b"DHCPREQUEST", "dhcprequest", "protocol"),
    (b"RELEASE", "release", "end"),
];

/// Decodes a message of dhcpd; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    // pfSense runs dhcpd too, and sends its messages without a host name.
    if header.present && header.hostname.is_empty() {
        return false;
    }
    put(writer, header.message);
    true
}

/// Writes what a message of dhcpd says.
pub(crate) fn put<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let core = writer.core();
    core.product = products::ISC_DHCP;
    core.log_source = logsource::DHCP;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::NETWORK_PROTOCOL, "dhcp");
    writer.put(ecs::MESSAGE, text);
    let (first, rest) = word(text);
    if let Ok(at) = MESSAGES.binary_search_by(|(name, _, _)| name.cmp(&first)) {
        writer.put_str(ecs::EVENT_ACTION, MESSAGES[at].1);
        writer.put_str(ecs::EVENT_TYPE, "connection");
        writer.put_str(ecs::EVENT_TYPE, MESSAGES[at].2);
        let outcome = match MESSAGES[at].0 {
            b"DHCPACK" => "success",
            b"DHCPNAK" | b"DHCPDECLINE" => "failure",
            _ => "",
        };
        if !outcome.is_empty() {
            writer.put_str(ecs::EVENT_OUTCOME, outcome);
        }
        return put_v4(writer, rest);
    }
    writer.put_str(ecs::EVENT_TYPE, "info");
    if !put_v6(writer, text) && !put_forward_map(writer, text) {
        put_vendor(writer, ids().message, text);
    }
}

/// What a word announces: the next one is of this kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Nothing,
    /// The address, or the client's hardware address.
    Client,
    Interface,
    Relay,
    Number(FieldId),
    Text(FieldId),
}

/// Most words of one message; those documented have about twenty.
const WORDS_MAX: usize = 64;

/// `on ADDRESS to MAC (name) via INTERFACE relay … : what went wrong`
fn put_v4<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let ids = ids();
    let mut rest = text;
    let mut next = Next::Nothing;
    let mut requested = false;
    let mut seen_mac = false;
    for _ in 0..WORDS_MAX {
        let (mut part, after) = word(rest);
        if part.is_empty() {
            break;
        }
        rest = after;
        let ends = part.len() > 1 && part.ends_with(b":");
        if ends {
            part = &part[..part.len() - 1];
        }
        if let Some(inner) = part.strip_prefix(b"(") {
            // A name may hold blanks; its parenthesis closes somewhere.
            let inner = match inner.strip_suffix(b")") {
                Some(inner) => inner,
                None => inner,
            };
            put_parenthesis(writer, ids, inner, requested, seen_mac);
        } else {
            next = match (next, part) {
                (Next::Client, _) => {
                    if crate::ip::parse(part).is_some() {
                        put_end(writer, CLIENT, part);
                        requested = true;
                    } else {
                        put_hardware(writer, ids, part);
                        seen_mac = true;
                    }
                    Next::Nothing
                }
                (Next::Interface, _) => {
                    match crate::ip::parse(part) {
                        Some(_) => writer.put_vendor(ids.interface_ip, part),
                        None => {
                            writer.put_vendor(ids.interface, part);
                            writer.put(ecs::OBSERVER_INGRESS_INTERFACE_NAME, part);
                        }
                    }
                    Next::Nothing
                }
                (Next::Relay, _) => {
                    let id = if crate::ip::parse(part).is_some() { ids.relay_ip } else { ids.relay_name };
                    writer.put_vendor(id, part);
                    Next::Nothing
                }
                (Next::Number(id), _) => {
                    put_number(writer, id, part);
                    Next::Nothing
                }
                (Next::Text(id), _) => {
                    writer.put_vendor(id, part);
                    Next::Nothing
                }
                (_, b"on" | b"for" | b"of" | b"from" | b"to") => Next::Client,
                (_, b"via") => Next::Interface,
                (_, b"relay") => Next::Relay,
                (_, b"lease-duration") => Next::Number(ids.lease_duration),
                (_, b"offered-duration") => Next::Number(ids.offered_duration),
                (_, b"TransID") => {
                    of_infoblox(writer);
                    Next::Text(ids.trans_id)
                }
                (_, b"uid") => {
                    of_infoblox(writer);
                    Next::Text(ids.uid)
                }
                _ => Next::Nothing,
            };
            if next == Next::Number(ids.lease_duration) {
                of_infoblox(writer);
            }
        }
        if ends {
            // Behind the colon stands what the server made of it.
            put_vendor(writer, ids.message, rest);
            if let Some(network) = rest.strip_prefix(b"network ").and_then(|rest| split(rest, b":")) {
                put_vendor(writer, ids.network, network.0);
            }
            if !rest.is_empty() && writer.first(ecs::EVENT_OUTCOME).is_none() {
                writer.put_str(ecs::EVENT_OUTCOME, "failure");
            }
            if !rest.is_empty() {
                writer.put(ecs::EVENT_REASON, rest);
            }
            break;
        }
    }
}

/// Only NIOS adds transaction, durations and client id.
fn of_infoblox(writer: &mut EventWriter<'_>) {
    let core = writer.core();
    if core.product != products::INFOBLOX {
        core.product = products::INFOBLOX;
        writer.put_as(ids().kind, b"DHCP", Kind::Text, true);
    }
}

/// The client's name, the server's address, or the state of the lease.
fn put_parenthesis<'a>(writer: &mut EventWriter<'a>, ids: &Ids, inner: &'a [u8], requested: bool, seen_mac: bool) {
    if inner.is_empty() {
        return;
    }
    if crate::ip::parse(inner).is_some() {
        put_end(writer, SERVER, inner);
    } else if matches!(inner, b"RENEW" | b"found" | b"not" | b"abandoned" | b"REBIND") {
        writer.put_vendor(ids.lease_message, inner);
    } else if requested && !seen_mac && inner.iter().filter(|&&byte| byte == b':').count() == 5 {
        put_hardware(writer, ids, inner);
    } else {
        let span = writer.span_of(inner);
        writer.put_span(ids.client_hostname, span, Kind::Text, true);
        if writer.first(ecs::CLIENT_DOMAIN).is_none() {
            writer.put_span(ecs::CLIENT_DOMAIN, span, Kind::Text, false);
        }
        relate_span(writer, span, ecs::RELATED_HOSTS);
    }
}

fn put_hardware<'a>(writer: &mut EventWriter<'a>, ids: &Ids, address: &'a [u8]) {
    writer.put_vendor(ids.client_mac, address);
    put_mac(writer, ids.client_mac, ecs::CLIENT_MAC);
    put_mac(writer, ids.client_mac, ecs::SOURCE_MAC);
}

/// dhcpd in its IPv6 mode: `Solicit message from ADDRESS port 547 …`, `Advertise NA: address …`.
fn put_v6<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let ids = ids();
    static KINDS: &[(&[u8], &str)] = &[
        (b"Solicit", "solicit"),
        (b"Advertise", "advertise"),
        (b"Request", "request"),
        (b"Confirm", "confirm"),
        (b"Renew", "renew"),
        (b"Rebind", "rebind"),
        (b"Reply", "reply"),
        (b"Release", "release"),
        (b"Decline", "decline"),
        (b"Information-request", "information-request"),
        (b"Relay-forward", "relay-forward"),
        (b"Relay-reply", "relay-reply"),
    ];
    let body = [&b"Encapsulated "[..], b"Encapsulating ", b"Sending ", b"Picking "]
        .iter()
        .find_map(|mark| text.strip_prefix(*mark))
        .unwrap_or(text);
    let (first, rest) = word(body);
    let Some((_, action)) = KINDS.iter().find(|(kind, _)| *kind == first) else { return false };
    if !rest.starts_with(b"message ")
        && !rest.starts_with(b"NA: ")
        && !rest.starts_with(b"PD: ")
        && !rest.starts_with(b"TA: ")
    {
        return false;
    }
    writer.put_str(ecs::EVENT_ACTION, action);
    writer.put_str(ecs::NETWORK_TYPE, "ipv6");
    writer.put_str(ecs::EVENT_TYPE, "protocol");
    for (mark, id) in [
        (&b"client DUID "[..], ids.duid),
        (b"client with duid ", ids.duid),
        (b"transaction ID ", ids.trans_id),
        (b"iaid = ", ids.iaid),
        (b"link address ", ids.link_address),
        (b"peer address ", ids.peer_address),
    ] {
        if let Some((_, value)) = split(rest, mark) {
            let value = word(value).0;
            put_vendor(writer, id, value.strip_suffix(b",").unwrap_or(value));
        }
    }
    if let Some((_, seconds)) = split(rest, b"valid for ") {
        put_number(writer, ids.validity, word(seconds).0);
    }
    for mark in [&b"message from "[..], b"address ", b" to "] {
        let Some((_, address)) = split(rest, mark) else { continue };
        let address = word(address).0;
        let address = address.strip_suffix(b",").unwrap_or(address);
        if crate::ip::parse(address).is_none() {
            continue;
        }
        put_end(writer, CLIENT, address);
        if let Some((_, port)) = split(rest, b" port ") {
            let digits = port.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if parse_u64(&port[..digits]).is_some() {
                writer.put_port(ecs::CLIENT_PORT, &port[..digits]);
            }
        }
        break;
    }
    true
}

/// `Added new forward map from ws1.example.com to 192.0.2.7`, and the failures of it.
fn put_forward_map<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let Some((before, rest)) = split(text, b" map from ") else { return false };
    if !before.ends_with(b"forward") && !before.ends_with(b"reverse") {
        return false;
    }
    let ids = ids();
    let (name, rest) = split(rest, b" to ").unwrap_or((rest, b""));
    let address = &rest[..scan::until(rest, b':')];
    put_vendor(writer, ids.forward_name, name);
    put_vendor(writer, ids.forward_address, address);
    writer.put_str(ecs::EVENT_ACTION, "dns-update");
    let failed = before.starts_with(b"Unable") || before.starts_with(b"Can't");
    writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
    if crate::ip::parse(address).is_some() {
        put_end(writer, CLIENT, address);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_sorted() {
        assert!(MESSAGES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
