//! pfSense and OPNsense: the packet filter's log (`filterlog`, "Raw Filter Log Format") and the daemons around it.

use super::fields::{put_mac_span, put_network_type, relate, relate_span};
use super::names::vendor_names;
use super::network::transport;
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::number::{parse_u64, take_u64};
use crate::products::{Detect, Product};
use crate::scan;
use crate::wire::csv::Cells;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `pfsense`.
pub(crate) static PRODUCT: Product = Product {
    name: "pfsense",
    title: "pfSense and OPNsense",
    document: "pfSense documentation: Raw Filter Log Format",
    namespace: "pfsense",
    module: "pfsense",
    dataset: "pfsense.log",
    vendor: "netgate",
    observer_type: "firewall",
    names: NAMES,
    detect: &[Detect::App(
        &[
            "filterlog",
            "unbound",
            "openvpn",
            "charon",
            "ipsec",
            "php-fpm",
            "php",
            "audit",
            "dhclient",
            "dhcp6c",
            "dhcpd",
        ],
        decode,
    )],
    ..Product::NONE
};

vendor_names! {
    rule_number = "rule_number";
    sub_rule = "sub_rule_number";
    anchor = "anchor";
    tos = "ip.tos";
    ecn = "ip.ecn";
    ttl = "ip.ttl";
    id = "ip.id";
    offset = "ip.offset";
    flags = "ip.flags";
    flow_label = "ip.flow_label";
    data_length = "data_length";
    tcp_flags = "tcp.flags";
    tcp_seq = "tcp.seq";
    tcp_ack = "tcp.ack";
    tcp_window = "tcp.window";
    tcp_urg = "tcp.urg";
    tcp_options = "tcp.options";
    icmp_type = "icmp.type";
    icmp_id = "icmp.id";
    icmp_seq = "icmp.seq";
    icmp_rest = "icmp.parameter";
    carp_type = "carp.type";
    carp_ttl = "carp.ttl";
    carp_vhid = "carp.vhid";
    carp_version = "carp.version";
    carp_advskew = "carp.advskew";
    carp_advbase = "carp.advbase";
    via = "dhcp.hostname";
}

/// Decodes a record of the packet filter or of a daemon; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let read = match header.appname {
        b"filterlog" => decode_filter,
        b"unbound" => decode_unbound,
        b"openvpn" => decode_openvpn,
        b"charon" | b"ipsec" => decode_ipsec,
        b"php-fpm" | b"php" | b"audit" => decode_login,
        b"dhclient" | b"dhcp6c" | b"dhcpd" => decode_dhcp,
        _ => return false,
    };
    read(writer, context, header)
}

/// What every record of the firewall has.
fn begin<'a>(writer: &mut EventWriter<'a>, header: &Header<'a>, log_source: crate::logsource::LogSourceId) {
    writer.rename(ecs::HOST_NAME, ecs::OBSERVER_NAME);
    let core = writer.core();
    core.product = products::PFSENSE;
    core.log_source = log_source;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put(ecs::EVENT_PROVIDER, header.appname);
    writer.put(ecs::MESSAGE, header.message);
}

/// Writes an end's address in its three places.
fn put_end<'a>(writer: &mut EventWriter<'a>, text: &'a [u8], ids: &[FieldId], addresses: &[FieldId]) -> bool {
    let Some(ip) = crate::ip::parse(text) else { return false };
    for &id in ids {
        let span = writer.put_addr(id, ip, text);
        relate_span(writer, span, ecs::RELATED_IP);
    }
    for &id in addresses {
        writer.put(id, text);
    }
    true
}

/// `igb1.12`: an interface, and behind the dot its VLAN.
fn put_interface<'a>(writer: &mut EventWriter<'a>, name: &'a [u8], is_out: bool) {
    let (interface, vlan_id) = if is_out {
        (ecs::OBSERVER_EGRESS_INTERFACE_NAME, ecs::OBSERVER_EGRESS_VLAN_ID)
    } else {
        (ecs::OBSERVER_INGRESS_INTERFACE_NAME, ecs::OBSERVER_INGRESS_VLAN_ID)
    };
    writer.put(interface, name);
    let vlan = memchr::memrchr(b'.', name).map(|at| &name[at + 1..]).filter(|vlan| parse_u64(vlan).is_some());
    if let Some(vlan) = vlan {
        writer.put(vlan_id, vlan);
        writer.put(ecs::NETWORK_VLAN_ID, vlan);
    }
}

// ---- filterlog

/// The packet filter's columns.
fn decode_filter<'a>(writer: &mut EventWriter<'a>, _: &Context<'_>, header: &Header<'a>) -> bool {
    let mut cells = Cells::new(header.message).map(|cell| cell.text);
    let rule = cells.next().unwrap_or_default();
    if parse_u64(rule).is_none() {
        return false;
    }
    begin(writer, header, logsource::PFSENSE_FILTER);
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::EVENT_TYPE, "connection");
    let ids = ids();
    writer.put_vendor(ids.rule_number, rule);
    for id in [ids.sub_rule, ids.anchor] {
        put_own(writer, id, cells.next());
    }
    put(writer, ecs::RULE_ID, cells.next());
    let interface = cells.next().unwrap_or_default();
    put(writer, ecs::EVENT_REASON, cells.next());
    let action = cells.next().unwrap_or_default();
    writer.put(ecs::EVENT_ACTION, action);
    match action {
        b"block" | b"reject" => writer.put_str(ecs::EVENT_TYPE, "denied"),
        b"pass" | b"rdr" | b"nat" | b"binat" => writer.put_str(ecs::EVENT_TYPE, "allowed"),
        _ => {}
    }
    let direction = cells.next().unwrap_or_default();
    match direction {
        b"in" => writer.put_str(ecs::NETWORK_DIRECTION, "inbound"),
        b"out" => writer.put_str(ecs::NETWORK_DIRECTION, "outbound"),
        _ => {}
    }
    put_interface(writer, interface, direction == b"out");
    let version = cells.next().unwrap_or_default();
    let is_v4 = match version {
        b"4" => true,
        b"6" => false,
        _ => {
            writer.defect(Defect::ColumnCount);
            return true;
        }
    };
    writer.put_str(ecs::NETWORK_TYPE, if is_v4 { "ipv4" } else { "ipv6" });
    let (name, number) = if is_v4 {
        for id in [ids.tos, ids.ecn, ids.ttl, ids.id, ids.offset, ids.flags] {
            put_own(writer, id, cells.next());
        }
        let number = cells.next();
        (cells.next(), number)
    } else {
        for id in [ids.tos, ids.flow_label, ids.ttl] {
            put_own(writer, id, cells.next());
        }
        let name = cells.next();
        (name, cells.next())
    };
    let (name, number) = (name.unwrap_or_default(), number.unwrap_or_default());
    writer.put(ecs::NETWORK_IANA_NUMBER, number);
    put_transport(writer, name, number);
    if let Some(length) = cells.next().filter(|length| parse_u64(length).is_some()) {
        writer.put_as(ecs::NETWORK_BYTES, length, Kind::Number, false);
    }
    let source = cells.next().unwrap_or_default();
    let destination = cells.next();
    put_end(writer, source, &[ecs::SOURCE_IP], &[ecs::SOURCE_ADDRESS]);
    match destination {
        Some(text) => {
            put_end(writer, text, &[ecs::DESTINATION_IP], &[ecs::DESTINATION_ADDRESS]);
        }
        None => {
            writer.defect(Defect::ColumnCount);
            return true;
        }
    }
    put_payload(writer, ids, name, &mut cells);
    true
}

fn put<'a>(writer: &mut EventWriter<'a>, id: FieldId, cell: Option<&'a [u8]>) {
    if let Some(cell) = cell.filter(|cell| !cell.is_empty()) {
        writer.put(id, cell);
    }
}

fn put_own<'a>(writer: &mut EventWriter<'a>, id: FieldId, cell: Option<&'a [u8]>) {
    if let Some(cell) = cell.filter(|cell| !cell.is_empty()) {
        writer.put_vendor(id, cell);
    }
}

fn put_transport<'a>(writer: &mut EventWriter<'a>, name: &'a [u8], number: &[u8]) {
    // CARP has the number of VRRP.
    let known = if name.eq_ignore_ascii_case(b"carp") { "carp" } else { transport(number) };
    if known.is_empty() {
        let span = writer.span_of(name);
        super::fields::put_lower(writer, ecs::NETWORK_TRANSPORT, span);
    } else {
        writer.put_str(ecs::NETWORK_TRANSPORT, known);
    }
}

/// The columns of the protocol.
fn put_payload<'a>(writer: &mut EventWriter<'a>, ids: &Ids, name: &[u8], cells: &mut impl Iterator<Item = &'a [u8]>) {
    let own: &[FieldId] = if name.eq_ignore_ascii_case(b"tcp") || name.eq_ignore_ascii_case(b"udp") {
        for id in [ecs::SOURCE_PORT, ecs::DESTINATION_PORT] {
            if let Some(port) = cells.next() {
                writer.put_port(id, port);
            }
        }
        if name.len() == 3 && name[0].eq_ignore_ascii_case(&b'u') {
            &[ids.data_length]
        } else {
            &[ids.data_length, ids.tcp_flags, ids.tcp_seq, ids.tcp_ack, ids.tcp_window, ids.tcp_urg, ids.tcp_options]
        }
    } else if name.eq_ignore_ascii_case(b"carp") {
        &[ids.carp_type, ids.carp_ttl, ids.carp_vhid, ids.carp_version, ids.carp_advskew, ids.carp_advbase]
    } else if name.len() >= 4 && name[..4].eq_ignore_ascii_case(b"icmp") {
        &[ids.icmp_type, ids.icmp_id, ids.icmp_seq, ids.icmp_rest]
    } else {
        &[]
    };
    for &id in own {
        put_own(writer, id, cells.next());
    }
}

// ---- daemons

/// The text after `mark`, up to the next `stop` byte.
fn after<'a>(text: &'a [u8], mark: &[u8], stop: u8) -> Option<&'a [u8]> {
    let rest = &text[scan::find(text, mark)? + mark.len()..];
    Some(&rest[..scan::until(rest, stop)])
}

/// `[pid:thread] info: 192.0.2.1 name. A IN`, as `log-queries` of Unbound writes.
fn decode_unbound<'a>(writer: &mut EventWriter<'a>, _: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let Some(at) = text.first().filter(|&&byte| byte == b'[').and_then(|_| memchr::memchr(b']', text)) else {
        return false;
    };
    begin(writer, header, logsource::PFSENSE_DNS);
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::NETWORK_PROTOCOL, "dns");
    let rest = text[at + 1..].trim_ascii_start();
    let colon = scan::until(rest, b':');
    writer.put(ecs::LOG_LEVEL, &rest[..colon]);
    let mut words =
        rest.get(colon + 1..).unwrap_or_default().split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let (client, name, kind, class) = (words.next(), words.next(), words.next(), words.next());
    let (Some(client), Some(name), Some(kind), Some(class)) = (client, name, kind, class) else { return true };
    if !put_end(writer, client, &[ecs::CLIENT_IP, ecs::SOURCE_IP], &[ecs::CLIENT_ADDRESS, ecs::SOURCE_ADDRESS]) {
        return true;
    }
    writer.put_str(ecs::EVENT_TYPE, "connection");
    writer.put_str(ecs::DNS_TYPE, "question");
    writer.put(ecs::DNS_QUESTION_NAME, name.strip_suffix(b".").unwrap_or(name));
    writer.put(ecs::DNS_QUESTION_TYPE, kind);
    writer.put(ecs::DNS_QUESTION_CLASS, class);
    relate(writer, ecs::DNS_QUESTION_NAME, ecs::RELATED_HOSTS);
    put_network_type(writer);
    true
}

/// `192.0.2.1:1194 …`, `user 'x' authenticated`, `user 'x' could not authenticate.`
fn decode_openvpn<'a>(writer: &mut EventWriter<'a>, _: &Context<'_>, header: &Header<'a>) -> bool {
    begin(writer, header, logsource::PFSENSE);
    let text = header.message;
    writer.put_str(ecs::NETWORK_PROTOCOL, "openvpn");
    let user = text.strip_prefix(b"user '").map(|rest| &rest[..scan::until(rest, b'\'')]);
    if let Some(user) = user.filter(|user| !user.is_empty()) {
        writer.put_str(ecs::EVENT_CATEGORY, "authentication");
        writer.put(ecs::USER_NAME, user);
        relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
        let failed = scan::find(text, b"not auth").is_some() || scan::find(text, b"fail").is_some();
        writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
    }
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    // `name/192.0.2.1:1194 …` once the client has told its name.
    let word = &text[..scan::until(text, b' ')];
    let slash = memchr::memchr(b'/', word);
    let peer = slash.map_or(word, |at| &word[at + 1..]);
    let colon = memchr::memrchr(b':', peer);
    if let Some(colon) = colon.filter(|&colon| parse_u64(&peer[colon + 1..]).is_some()) {
        if put_end(writer, &peer[..colon], &[ecs::SOURCE_IP], &[ecs::SOURCE_ADDRESS]) {
            writer.put_port(ecs::SOURCE_PORT, &peer[colon + 1..]);
            writer.put_str(ecs::EVENT_TYPE, "connection");
            if let Some(name) = slash.filter(|&at| at > 0).map(|at| &word[..at]) {
                writer.put(ecs::USER_NAME, name);
                relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
            }
            put_network_type(writer);
        }
    }
    writer.put_str(ecs::EVENT_TYPE, "info");
    true
}

/// strongSwan: `14[NET] <con|1> sending packet: from 192.0.2.1[500] to 192.0.2.2[500] (464 bytes)`.
fn decode_ipsec<'a>(writer: &mut EventWriter<'a>, _: &Context<'_>, header: &Header<'a>) -> bool {
    begin(writer, header, logsource::PFSENSE);
    let text = header.message;
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::NETWORK_PROTOCOL, "ipsec");
    for (mark, ip, port, address) in [
        (&b" from "[..], ecs::SOURCE_IP, ecs::SOURCE_PORT, ecs::SOURCE_ADDRESS),
        (b" to ", ecs::DESTINATION_IP, ecs::DESTINATION_PORT, ecs::DESTINATION_ADDRESS),
    ] {
        let Some(end) = after(text, mark, b' ') else { continue };
        let open = scan::until(end, b'[');
        if put_end(writer, &end[..open], &[ip], &[address]) {
            if let Some(number) = end.get(open + 1..).and_then(|rest| rest.strip_suffix(b"]")) {
                writer.put_port(port, number);
            }
        }
    }
    if writer.first(ecs::SOURCE_IP).is_some() {
        writer.put_str(ecs::EVENT_TYPE, "connection");
        put_network_type(writer);
    }
    let bytes = text.strip_suffix(b" bytes)").and_then(|text| memchr::memrchr(b'(', text).map(|at| &text[at + 1..]));
    if let Some(bytes) = bytes.filter(|bytes| parse_u64(bytes).is_some()) {
        writer.put_as(ecs::NETWORK_BYTES, bytes, Kind::Number, false);
    }
    true
}

/// Logins to the web configurator: `… for user 'x' from: 192.0.2.1 (Local Database)`.
fn decode_login<'a>(writer: &mut EventWriter<'a>, _: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    // A PHP elsewhere writes no page's name first, nor who logged in where.
    let is_login = scan::find(text, b" for user '").is_some() && scan::find(text, b" from: ").is_some();
    let is_page = text.starts_with(b"/") && scan::find(text, b".php: ").is_some();
    if !is_login && !is_page {
        return false;
    }
    begin(writer, header, logsource::PFSENSE);
    if !is_login {
        writer.put_str(ecs::EVENT_CATEGORY, "configuration");
        return true;
    }
    writer.put_str(ecs::EVENT_CATEGORY, "authentication");
    writer.put_str(ecs::EVENT_TYPE, "start");
    let failed = scan::find(text, b"error").is_some() || scan::find(text, b"Unable").is_some();
    writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
    if let Some(user) = after(text, b" for user '", b'\'') {
        writer.put(ecs::USER_NAME, user);
        relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
    }
    if let Some(address) = after(text, b" from: ", b' ') {
        put_end(writer, address, &[ecs::SOURCE_IP], &[ecs::SOURCE_ADDRESS]);
        put_network_type(writer);
    }
    true
}

/// `DHCPREQUEST for 192.0.2.5 (192.0.2.1) from 00:11:… (name) via eth0.60`, and DHCPv6's replies.
fn decode_dhcp<'a>(writer: &mut EventWriter<'a>, _: &Context<'_>, header: &Header<'a>) -> bool {
    begin(writer, header, logsource::PFSENSE_DHCP);
    let ids = ids();
    let text = header.message;
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    for kind in ["connection", "protocol", "info"] {
        writer.put_str(ecs::EVENT_TYPE, kind);
    }
    writer.put_str(ecs::NETWORK_TRANSPORT, "udp");
    let client: (&[FieldId], &[FieldId]) =
        (&[ecs::CLIENT_IP, ecs::SOURCE_IP], &[ecs::CLIENT_ADDRESS, ecs::SOURCE_ADDRESS]);
    let is_v4 = text.starts_with(b"DHCP") || header.appname == b"dhclient";
    if !is_v4 {
        decode_dhcp6(writer, header, client);
        return true;
    }
    writer.put_str(ecs::NETWORK_PROTOCOL, "dhcp");
    if !text.starts_with(b"DHCP") {
        return true;
    }
    writer.put(ecs::EVENT_ACTION, &text[..scan::until(text, b' ')]);
    for mark in [&b" for "[..], b" on ", b" of "] {
        if let Some(address) = after(text, mark, b' ') {
            if put_end(writer, address, client.0, client.1) {
                break;
            }
        }
    }
    // The server stands in brackets behind the address asked for, the client's name behind its own.
    if let Some(server) = after(text, b" (", b')') {
        put_end(
            writer,
            server,
            &[ecs::DESTINATION_IP, ecs::SERVER_IP],
            &[ecs::DESTINATION_ADDRESS, ecs::SERVER_ADDRESS],
        );
    }
    for mark in [&b" from "[..], b" to "] {
        if let Some(mac) = after(text, mark, b' ') {
            let mac = writer.span_of(mac);
            put_mac_span(writer, mac, ecs::CLIENT_MAC);
            put_mac_span(writer, mac, ecs::SOURCE_MAC);
        }
    }
    let name = scan::find_last(text, b" (").map(|at| &text[at + 2..]).map(|rest| &rest[..scan::until(rest, b')')]);
    if let Some(name) = name.filter(|name| crate::ip::parse(name).is_none() && !name.is_empty()) {
        writer.put_vendor(ids.via, name);
        writer.put(ecs::CLIENT_DOMAIN, name);
    }
    if let Some(interface) = after(text, b" via ", b' ') {
        put_interface(writer, interface.strip_suffix(b":").unwrap_or(interface), false);
    }
    put_network_type(writer);
    true
}

/// `Sending Reply to fe80::1 port 546`, `Request message from fe80::1 port 546`.
fn decode_dhcp6<'a>(writer: &mut EventWriter<'a>, header: &Header<'a>, client: (&[FieldId], &[FieldId])) {
    let text = header.message;
    let action = [
        (&b"remove an address"[..], "remove-an-address"),
        (b"add an address", "add-an-address"),
        (b"Sending Advertise", "sending-advertise"),
        (b"Sending Reply", "sending-reply"),
        (b"Solicit message", "solicit-message"),
        (b"Request message", "request-message"),
        (b"Renew message", "renew-message"),
        (b"Rebind message", "rebind-message"),
        (b"Release message", "release-message"),
        (b"Confirm message", "confirm-message"),
        (b"Information-request message", "information-request-message"),
        (b"Reply NA", "reply-na"),
        (b"Advertise NA", "advertise-na"),
    ];
    let action = action.iter().find(|(words, _)| text.starts_with(words));
    // The server says what it is for both versions alike.
    let is_v6 = action.is_some() || header.appname == b"dhcp6c";
    writer.put_str(ecs::NETWORK_PROTOCOL, if is_v6 { "dhcpv6" } else { "dhcp" });
    if let Some((_, action)) = action {
        writer.put_str(ecs::EVENT_ACTION, action);
    }
    if let Some(interface) = after(text, b" on ", b' ').filter(|_| header.appname == b"dhcp6c") {
        put_interface(writer, interface, false);
    }
    for mark in [&b" to "[..], b" from ", b" address "] {
        let Some(address) = after(text, mark, b' ').map(|word| &word[..scan::until(word, b'/')]) else { continue };
        if put_end(writer, address, client.0, client.1) {
            if let Some((_, rest)) = after(text, b" port ", b' ').and_then(take_u64) {
                let port =
                    after(text, b" port ", b' ').map(|text| &text[..text.len() - rest.len()]).unwrap_or_default();
                writer.put_port(ecs::CLIENT_PORT, port);
                writer.put_port(ecs::SOURCE_PORT, port);
            }
            put_network_type(writer);
            return;
        }
    }
}
