//! dnsmasq: DNS queries and replies (`log-queries`, with `extra` too), and its DHCP server (dnsmasq(8); `src/cache.c`,
//! `src/rfc2131.c`).

use super::fields::{put_mac, relate_span};
use super::names::vendor_names;
use super::text::{CLIENT, SERVER, SOURCE, put_end, put_end_port, put_vendor, split, word};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::number::parse_u64;
use crate::products::{Detect, Product};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `dnsmasq`.
pub(crate) static PRODUCT: Product = Product {
    name: "dnsmasq",
    title: "dnsmasq and Pi-hole DNS and DHCP",
    document: "dnsmasq(8): log-queries, log-dhcp",
    namespace: "dnsmasq.log",
    module: "dnsmasq",
    dataset: "dnsmasq.log",
    vendor: "dnsmasq",
    product: "dnsmasq",
    names: NAMES,
    detect: &[Detect::App(&["dnsmasq", "dnsmasq-dhcp", "dnsmasq-tftp", "pihole-FTL"], decode)],
    ..Product::NONE
};

vendor_names! {
    serial = "serial";
    requestor = "requestor";
    source = "answer_source";
    message = "message";
    client_mac = "client_mac";
    client_name = "client_name";
    interface = "interface";
    xid = "xid";
    query = "query";
    record_type = "record_type";
    answer = "answer";
}

/// Decodes a message of dnsmasq; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    writer.core().product = products::DNSMASQ;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put(ecs::MESSAGE, text);
    let known = if header.appname == b"dnsmasq-dhcp" { put_dhcp(writer, text) } else { put_dns(writer, text) };
    if !known {
        writer.put_str(ecs::EVENT_TYPE, "info");
        put_vendor(writer, ids().message, text);
    }
    true
}

fn put_dns<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    writer.core().log_source = logsource::DNS_SERVER;
    let ids = ids();
    let mut rest = text;
    // `log-queries=extra`: a number of the query, and who asked.
    let (serial, after) = word(rest);
    if parse_u64(serial).is_some() {
        let (peer, behind) = word(after);
        if let Some((address, port)) = split(peer, b"/").filter(|(_, port)| parse_u64(port).is_some()) {
            writer.put_as(ids.serial, serial, Kind::Number, true);
            put_vendor(writer, ids.requestor, peer);
            put_asking(writer, address, port);
            rest = behind;
        }
    }
    let (what, after) = word(rest);
    if let Some((verb, kind)) = what.strip_suffix(b"]").and_then(|what| split(what, b"[")) {
        if !matches!(verb, b"query" | b"dnssec-query" | b"dnssec-retry" | b"auth" | b"forwarded") {
            return false;
        }
        let (name, rest) = word(after);
        put_name(writer, name);
        let kind = writer.span_of(kind);
        writer.put_span(ecs::DNS_QUESTION_TYPE, kind, Kind::Text, false);
        writer.put_span(ids.record_type, kind, Kind::Text, true);
        writer.put_str(ecs::DNS_TYPE, "query");
        begin_dns(writer, "dns-query");
        if let Some(peer) = rest.strip_prefix(b"from ") {
            if writer.first(ecs::CLIENT_IP).is_none() {
                put_asking(writer, word(peer).0, b"");
            }
        } else if let Some(server) = rest.strip_prefix(b"to ") {
            put_asked(writer, word(server).0);
        }
        return true;
    }
    if what == b"forwarded" {
        let (name, rest) = word(after);
        put_name(writer, name);
        put_asked(writer, rest.strip_prefix(b"to ").unwrap_or(rest));
        begin_dns(writer, "dns-forward");
        return true;
    }
    // `reply NAME is ANSWER`, `/etc/hosts NAME is …`, `gravity blocked NAME is …`, `cached NAME is <CNAME>`.
    let Some((before, data)) = split(rest, b" is ") else { return false };
    let Some((source, name)) = super::text::split_last(before, b" ") else { return false };
    put_vendor(writer, ids.source, source);
    put_name(writer, name);
    writer.put_str(ecs::DNS_TYPE, "answer");
    let data = data.trim_ascii_end();
    let code = match data {
        b"NXDOMAIN" | b"NXDOMAIN-IPv4" | b"NXDOMAIN-IPv6" => "NXDOMAIN",
        b"SERVFAIL" => "SERVFAIL",
        b"REFUSED" => "REFUSED",
        _ => "NOERROR",
    };
    let blocked = source.ends_with(b"blocked") || source.ends_with(b"denied") || source.ends_with(b"blacklisted");
    if source != b"validation" {
        writer.put_str(ecs::DNS_RESPONSE_CODE, code);
    }
    let span = writer.span_of(data);
    writer.put_span(ecs::DNS_ANSWERS_DATA, span, Kind::Text, false);
    writer.put_span(ids.answer, span, Kind::Text, true);
    if let Some(ip) = crate::ip::parse(data) {
        let span = writer.put_addr(ecs::DNS_RESOLVED_IP, ip, data);
        relate_span(writer, span, ecs::RELATED_IP);
    }
    begin_dns(writer, if blocked { "dns-blocked" } else { "dns-response" });
    if blocked {
        writer.put_str(ecs::EVENT_TYPE, "denied");
    }
    writer.put_str(ecs::EVENT_OUTCOME, if code == "NOERROR" { "success" } else { "failure" });
    true
}

fn begin_dns(writer: &mut EventWriter<'_>, action: &'static str) {
    writer.put_str(ecs::EVENT_ACTION, action);
    writer.put_str(ecs::EVENT_TYPE, "protocol");
    writer.put_str(ecs::NETWORK_PROTOCOL, "dns");
}

fn put_asking<'a>(writer: &mut EventWriter<'a>, address: &'a [u8], port: &'a [u8]) {
    put_end_port(writer, CLIENT, address, port);
    put_end_port(writer, SOURCE, address, port);
}

/// `192.0.2.53`, or with a port `192.0.2.53#5353`.
fn put_asked<'a>(writer: &mut EventWriter<'a>, server: &'a [u8]) {
    let (address, port) = split(server, b"#").unwrap_or((server, b""));
    let port = if parse_u64(port).is_some() { port } else { b"" };
    put_end_port(writer, SERVER, address.trim_ascii(), port);
    if let Some(ip) = crate::ip::parse(address) {
        writer.put_addr(ecs::DESTINATION_IP, ip, address);
    }
}

fn put_name<'a>(writer: &mut EventWriter<'a>, name: &'a [u8]) {
    if name.is_empty() {
        return;
    }
    let span = writer.span_of(name);
    writer.put_span(ecs::DNS_QUESTION_NAME, span, Kind::Text, false);
    writer.put_span(ids().query, span, Kind::Text, true);
    relate_span(writer, span, ecs::RELATED_HOSTS);
}

/// `1234 DHCPACK(br0) 192.0.2.5 00:00:5e:00:53:01 name`
fn put_dhcp<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    static MESSAGES: &[(&[u8], &str, &str)] = &[
        (b"DHCPACK", "dhcpack", "allowed"),
        (b"DHCPADVERTISE", "dhcpadvertise", "protocol"),
        (b"DHCPCONFIRM", "dhcpconfirm", "protocol"),
        (b"DHCPDECLINE", "dhcpdecline", "denied"),
        (b"DHCPDISCOVER", "dhcpdiscover", "start"),
        (b"DHCPINFORM", "dhcpinform", "info"),
        (b"DHCPNAK", "dhcpnak", "denied"),
        (b"DHCPOFFER", "dhcpoffer", "protocol"),
        (b"DHCPRELEASE", "dhcprelease", "end"),
        (b"DHCPREPLY", "dhcpreply", "allowed"),
        (b"DHCPREQUEST", "dhcprequest", "protocol"),
        (b"DHCPSOLICIT", "dhcpsolicit", "start"),
    ];
    writer.core().log_source = logsource::DHCP;
    writer.put_str(ecs::NETWORK_PROTOCOL, "dhcp");
    let ids = ids();
    let (first, after) = word(text);
    let (xid, rest) = if parse_u64(first).is_some() { (first, after) } else { (&b""[..], text) };
    put_vendor(writer, ids.xid, xid);
    let (what, rest) = word(rest);
    let Some((kind, interface)) = what.strip_suffix(b")").and_then(|what| split(what, b"(")) else { return false };
    let Some((_, action, meaning)) = MESSAGES.iter().find(|(name, _, _)| *name == kind) else { return false };
    writer.put_str(ecs::EVENT_ACTION, action);
    writer.put_str(ecs::EVENT_TYPE, "connection");
    writer.put_str(ecs::EVENT_TYPE, meaning);
    match *meaning {
        "allowed" => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        "denied" => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        _ => {}
    }
    put_vendor(writer, ids.interface, interface);
    writer.put(ecs::OBSERVER_INGRESS_INTERFACE_NAME, interface);
    let (mut part, mut rest) = word(rest);
    if crate::ip::parse(part).is_some() && part.iter().filter(|&&byte| byte == b':').count() != 5 {
        put_end(writer, CLIENT, part);
        (part, rest) = word(rest);
    }
    if !part.is_empty() {
        writer.put_vendor(ids.client_mac, part);
        put_mac(writer, ids.client_mac, ecs::CLIENT_MAC);
        put_mac(writer, ids.client_mac, ecs::SOURCE_MAC);
    }
    let (name, reason) = word(rest);
    if *meaning == "denied" {
        // Behind a refusal stands its reason, not a name.
        put_vendor(writer, ids.message, rest);
        if !rest.is_empty() {
            writer.put(ecs::EVENT_REASON, rest);
        }
    } else if !name.is_empty() && reason.is_empty() {
        let span = writer.span_of(name);
        writer.put_span(ids.client_name, span, Kind::Text, true);
        if writer.first(ecs::CLIENT_DOMAIN).is_none() {
            writer.put_span(ecs::CLIENT_DOMAIN, span, Kind::Text, false);
        }
        relate_span(writer, span, ecs::RELATED_HOSTS);
    } else {
        put_vendor(writer, ids.message, rest);
    }
    true
}
