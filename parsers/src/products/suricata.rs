//! Suricata EVE (userguide 8, "EVE JSON Format"): alerts, flows and protocol records.
//!
//! Every member keeps its own path below `suricata.eve`; what the schema names stands beside it.

use super::fields::{copy, put_mac, put_path, put_time, relate, relate_span};
use super::names::vendor_names;
use super::url;
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::number::parse_i64;
use crate::products::Product;
use crate::products::fields::present;
use crate::time::take_iso;
use crate::{ecs, logsource, products};

/// `suricata`.
pub(crate) static PRODUCT: Product = Product {
    name: "suricata",
    title: "Suricata EVE",
    document: "Suricata User Guide 8, EVE JSON Format",
    namespace: "suricata.eve",
    module: "suricata",
    dataset: "suricata.eve",
    vendor: "OISF",
    product: "Suricata",
    observer_type: "ids",
    names: NAMES,
    ..Product::NONE
};

vendor_names! {
    timestamp = "timestamp";
    event_type = "event_type";
    host = "host";
    vlan = "vlan";
    src_ip = "src_ip";
    src_port = "src_port";
    dest_ip = "dest_ip";
    dest_port = "dest_port";
    proto = "proto";
    src_mac = "ether.src_mac";
    dest_mac = "ether.dest_mac";
    signature = "alert.signature";
    category = "alert.category";
    severity = "alert.severity";
    metadata_tactic_id = "alert.metadata.mitre_tactic_id";
    metadata_tactic_name = "alert.metadata.mitre_tactic_name";
    metadata_technique_id = "alert.metadata.mitre_technique_id";
    metadata_technique_name = "alert.metadata.mitre_technique_name";
    pkts_toserver = "flow.pkts_toserver";
    pkts_toclient = "flow.pkts_toclient";
    bytes_toserver = "flow.bytes_toserver";
    bytes_toclient = "flow.bytes_toclient";
    flow_start = "flow.start";
    flow_end = "flow.end";
    flow_age = "flow.age";
    flow_state = "flow.state";
    netflow_pkts = "netflow.pkts";
    netflow_bytes = "netflow.bytes";
    netflow_start = "netflow.start";
    netflow_end = "netflow.end";
    netflow_age = "netflow.age";
    http_hostname = "http.hostname";
    http_port = "http.http_port";
    http_url = "http.url";
    http_user_agent = "http.http_user_agent";
    http_refer = "http.http_refer";
    http_method = "http.http_method";
    http_status = "http.status";
    http_length = "http.length";
    dns_type = "dns.type";
    dns_id = "dns.id";
    dns_aa = "dns.aa";
    dns_tc = "dns.tc";
    dns_rd = "dns.rd";
    dns_ra = "dns.ra";
    dns_ad = "dns.ad";
    dns_cd = "dns.cd";
    dns_rrname = "dns.rrname";
    dns_rrtype = "dns.rrtype";
    dns_rcode = "dns.rcode";
    dns_rdata = "dns.rdata";
    dns_answers_rrname = "dns.answers.rrname";
    dns_answers_rrtype = "dns.answers.rrtype";
    dns_answers_ttl = "dns.answers.ttl";
    dns_answers_rdata = "dns.answers.rdata";
    dns_grouped_a = "dns.grouped.A";
    dns_grouped_aaaa = "dns.grouped.AAAA";
    dns_queries_rrname = "dns.queries.rrname";
    dns_queries_rrtype = "dns.queries.rrtype";
    dns_query_type = "dns.query.type";
    dns_query_id = "dns.query.id";
    dns_query_rrname = "dns.query.rrname";
    dns_query_rrtype = "dns.query.rrtype";
    tls_subject = "tls.subject";
    tls_issuerdn = "tls.issuerdn";
    tls_fingerprint = "tls.fingerprint";
    tls_sni = "tls.sni";
    tls_version = "tls.version";
    tls_notbefore = "tls.notbefore";
    tls_notafter = "tls.notafter";
    tls_ja3_hash = "tls.ja3.hash";
    tls_session_resumed = "tls.session_resumed";
    file_filename = "fileinfo.filename";
    file_md5 = "fileinfo.md5";
    file_sha1 = "fileinfo.sha1";
    file_sha256 = "fileinfo.sha256";
    email_from = "email.from";
    email_to = "email.to";
    email_cc = "email.cc";
    email_subject = "email.subject";
    email_attachment = "email.attachment";
    action = "alert.action";
    app_proto = "app_proto";
    community_id = "community_id";
    signature_id = "alert.signature_id";
    smtp_mail_from = "smtp.mail_from";
    tls_ja3s_hash = "tls.ja3s.hash";
    file_size = "fileinfo.size";
    file_mimetype = "fileinfo.mimetype";
    @also
    "flow_id" "in_iface" "ip_v" "icmp_type" "icmp_code" "pkt_src" "pcap_cnt" "tx_id" "app_proto_ts"
    "app_proto_tc" "app_proto_orig" "direction" "ether.src_macs" "ether.dest_macs"
    "alert.gid" "alert.rev" "alert.metadata.created_at" "alert.metadata.updated_at"
    "alert.metadata.affected_product" "alert.metadata.attack_target" "alert.metadata.deployment"
    "alert.metadata.signature_severity" "alert.metadata.tag" "alert.source.ip" "alert.target.ip" "payload"
    "payload_printable" "stream" "packet" "packet_info.linktype" "flow.reason" "flow.alerted" "flow.src_ip"
    "flow.dest_ip" "flow.src_port" "flow.dest_port" "netflow.min_ttl" "netflow.max_ttl" "tcp.tcp_flags"
    "tcp.tcp_flags_ts" "tcp.tcp_flags_tc" "tcp.syn" "tcp.fin" "tcp.rst" "tcp.psh" "tcp.ack" "tcp.state"
    "http.http_content_type" "http.protocol" "http.redirect" "http.xff" "xff" "dns.version" "dns.flags" "dns.qr"
    "dns.opcode" "dns.ttl" "dns.tx_id" "dns.grouped.CNAME" "tls.serial"
    "tls.ja3.string" "tls.ja3s.string" "tls.ja4" "fileinfo.magic"
    "fileinfo.gaps" "fileinfo.state" "fileinfo.stored" "fileinfo.tx_id" "ssh.client.proto_version"
    "ssh.client.software_version" "ssh.server.proto_version" "ssh.server.software_version" "smtp.helo"
    "smtp.rcpt_to" "email.status" "anomaly.type" "anomaly.event" "anomaly.layer"
    "anomaly.app_proto" "stats.uptime" "smb.command" "smb.filename" "smb.share" "ftp.command" "rdp.cookie"
    "krb5.cname" "krb5.realm" "snmp.community" "sip.method" "dhcp.assigned_ip" "dhcp.client_mac" "dhcp.hostname"
}

/// Normalises a JSON record whose members are written already; `false` = it is not of this product.
pub(crate) fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    let Some(event_type) = present(writer, ids.event_type) else { return false };
    writer.core().product = products::SURICATA;
    match present(writer, ids.timestamp).map(|span| take_iso(writer.bytes(span))) {
        Some(Some((stamp, _))) => context.set_stamp(writer, &stamp),
        Some(None) => writer.defect(Defect::TimeUnreadable),
        None => {}
    }
    endpoints(writer, ids);
    let taxonomy = Taxonomy::of(writer.bytes(event_type));
    writer.core().log_source = taxonomy.log_source;
    writer.put_str(ecs::EVENT_KIND, taxonomy.kind);
    for category in taxonomy.categories {
        writer.put_str(ecs::EVENT_CATEGORY, category);
    }
    for kind in taxonomy.types {
        writer.put_str(ecs::EVENT_TYPE, kind);
    }
    if !taxonomy.protocol.is_empty() && writer.first(ecs::NETWORK_PROTOCOL).is_none() {
        writer.put_str(ecs::NETWORK_PROTOCOL, taxonomy.protocol);
    }
    alert(writer, ids);
    flow(writer, ids, taxonomy.flow);
    http(writer, ids, taxonomy.http);
    dns(writer, ids);
    tls(writer, ids);
    file(writer, ids);
    email(writer, ids);
    if writer.first(ids.host).is_some() {
        copy(writer, ids.host, ecs::OBSERVER_HOSTNAME);
    }
    true
}

struct Taxonomy {
    kind: &'static str,
    categories: &'static [&'static str],
    types: &'static [&'static str],
    protocol: &'static str,
    log_source: logsource::LogSourceId,
    flow: bool,
    http: bool,
}

impl Taxonomy {
    fn of(event_type: &[u8]) -> Taxonomy {
        let network: &'static [&'static str] = &["network"];
        let of = |kind, categories, types, protocol| Taxonomy {
            kind,
            categories,
            types,
            protocol,
            log_source: logsource::SURICATA,
            flow: false,
            http: false,
        };
        match event_type {
            b"alert" => Taxonomy {
                log_source: logsource::SURICATA_ALERT,
                ..of("alert", &["network", "intrusion_detection"], &[], "")
            },
            b"drop" => of("event", network, &["denied"], ""),
            b"anomaly" => of("event", network, &[], ""),
            b"flow" => Taxonomy { flow: true, ..of("event", network, &["connection"], "") },
            b"netflow" => of("event", network, &["info"], ""),
            b"http" => Taxonomy {
                log_source: logsource::SURICATA_HTTP,
                http: true,
                ..of("event", &["network", "web"], &["access", "protocol"], "http")
            },
            b"dns" => Taxonomy { log_source: logsource::SURICATA_DNS, ..of("event", network, &["protocol"], "dns") },
            b"tls" => of("event", network, &["protocol"], "tls"),
            b"ssh" => of("event", network, &["protocol"], "ssh"),
            b"smtp" => of("event", network, &["protocol"], "smtp"),
            b"ftp" => of("event", network, &["protocol"], "ftp"),
            b"smb" => of("event", network, &["protocol"], "smb"),
            b"rdp" => of("event", network, &["protocol"], "rdp"),
            b"dhcp" => of("event", network, &["protocol"], "dhcp"),
            b"krb5" => of("event", network, &["protocol"], "krb5"),
            b"snmp" => of("event", network, &["protocol"], "snmp"),
            b"sip" => of("event", network, &["protocol"], "sip"),
            b"stats" => of("metric", network, &[], ""),
            _ => of("event", network, &[], ""),
        }
    }
}

fn endpoints(writer: &mut EventWriter<'_>, ids: &Ids) {
    for (from, ip, address) in [
        (ids.src_ip, ecs::SOURCE_IP, ecs::SOURCE_ADDRESS),
        (ids.dest_ip, ecs::DESTINATION_IP, ecs::DESTINATION_ADDRESS),
    ] {
        let Some(span) = present(writer, from) else { continue };
        if writer.put_ip_span(ip, span) {
            relate(writer, ip, ecs::RELATED_IP);
        }
        writer.put_span(address, span, Kind::Text, false);
    }
    for (from, to) in [(ids.src_port, ecs::SOURCE_PORT), (ids.dest_port, ecs::DESTINATION_PORT)] {
        if let Some(span) = present(writer, from) {
            writer.put_port_span(to, span);
        }
    }
    put_mac(writer, ids.src_mac, ecs::SOURCE_MAC);
    put_mac(writer, ids.dest_mac, ecs::DESTINATION_MAC);
    match writer.first(ids.proto) {
        Some(b"TCP") => writer.put_str(ecs::NETWORK_TRANSPORT, "tcp"),
        Some(b"UDP") => writer.put_str(ecs::NETWORK_TRANSPORT, "udp"),
        Some(b"ICMP") => writer.put_str(ecs::NETWORK_TRANSPORT, "icmp"),
        Some(b"IPv6-ICMP") => writer.put_str(ecs::NETWORK_TRANSPORT, "ipv6-icmp"),
        Some(b"SCTP") => writer.put_str(ecs::NETWORK_TRANSPORT, "sctp"),
        Some(_) => {
            copy(writer, ids.proto, ecs::NETWORK_TRANSPORT);
        }
        None => {}
    }
    // "failed" says that detection gave up, not a protocol.
    if writer.first(ids.app_proto).is_some_and(|name| name != b"failed" && name != b"unknown") {
        copy(writer, ids.app_proto, ecs::NETWORK_PROTOCOL);
    }
    copy(writer, ids.community_id, ecs::NETWORK_COMMUNITY_ID);
    copy(writer, ids.vlan, ecs::NETWORK_VLAN_ID);
}

fn alert(writer: &mut EventWriter<'_>, ids: &Ids) {
    if writer.first(ids.signature_id).is_none() && writer.first(ids.signature).is_none() {
        return;
    }
    match writer.first(ids.action) {
        Some(b"allowed") => writer.put_str(ecs::EVENT_TYPE, "allowed"),
        Some(b"blocked") => writer.put_str(ecs::EVENT_TYPE, "denied"),
        _ => {}
    }
    copy(writer, ids.signature_id, ecs::RULE_ID);
    copy(writer, ids.signature, ecs::RULE_NAME);
    copy(writer, ids.category, ecs::RULE_CATEGORY);
    copy(writer, ids.category, ecs::MESSAGE);
    copy(writer, ids.severity, ecs::EVENT_SEVERITY);
    copy(writer, ids.metadata_tactic_id, ecs::THREAT_TACTIC_ID);
    copy(writer, ids.metadata_tactic_name, ecs::THREAT_TACTIC_NAME);
    copy(writer, ids.metadata_technique_id, ecs::THREAT_TECHNIQUE_ID);
    copy(writer, ids.metadata_technique_name, ecs::THREAT_TECHNIQUE_NAME);
}

fn flow(writer: &mut EventWriter<'_>, ids: &Ids, is_flow: bool) {
    let sum = |writer: &mut EventWriter<'_>, a: FieldId, b: FieldId, to: FieldId| {
        let one = writer.first(a).and_then(parse_i64);
        let two = writer.first(b).and_then(parse_i64);
        if let (Some(one), Some(two)) = (one, two) {
            writer.put_i64(to, one.saturating_add(two));
        }
    };
    if copy(writer, ids.bytes_toserver, ecs::SOURCE_BYTES) {
        copy(writer, ids.bytes_toclient, ecs::DESTINATION_BYTES);
        copy(writer, ids.pkts_toserver, ecs::SOURCE_PACKETS);
        copy(writer, ids.pkts_toclient, ecs::DESTINATION_PACKETS);
        sum(writer, ids.bytes_toserver, ids.bytes_toclient, ecs::NETWORK_BYTES);
        sum(writer, ids.pkts_toserver, ids.pkts_toclient, ecs::NETWORK_PACKETS);
    } else if copy(writer, ids.netflow_bytes, ecs::SOURCE_BYTES) {
        copy(writer, ids.netflow_bytes, ecs::NETWORK_BYTES);
        copy(writer, ids.netflow_pkts, ecs::SOURCE_PACKETS);
        copy(writer, ids.netflow_pkts, ecs::NETWORK_PACKETS);
    }
    let instant = |writer: &EventWriter<'_>, id| {
        let (stamp, _) = take_iso(writer.first(id)?)?;
        stamp.civil.at_offset(stamp.offset_s.unwrap_or(0))
    };
    let start = instant(writer, ids.flow_start).or_else(|| instant(writer, ids.netflow_start));
    let end = instant(writer, ids.flow_end).or_else(|| instant(writer, ids.netflow_end));
    if let Some(start) = start {
        put_time(writer, ecs::EVENT_START, start);
    }
    if let Some(end) = end {
        put_time(writer, ecs::EVENT_END, end);
    }
    let age = writer.first(ids.flow_age).or_else(|| writer.first(ids.netflow_age)).and_then(parse_i64);
    if let Some(age) = age.and_then(|age| age.checked_mul(crate::time::SECOND_NS)) {
        writer.put_i64(ecs::EVENT_DURATION, age);
    }
    if is_flow {
        match writer.first(ids.flow_state) {
            Some(b"new") => writer.put_str(ecs::EVENT_TYPE, "start"),
            Some(b"closed") => writer.put_str(ecs::EVENT_TYPE, "end"),
            _ => {}
        }
    }
}

fn http(writer: &mut EventWriter<'_>, ids: &Ids, is_http: bool) {
    copy(writer, ids.http_method, ecs::HTTP_REQUEST_METHOD);
    copy(writer, ids.http_refer, ecs::HTTP_REQUEST_REFERRER);
    copy(writer, ids.http_length, ecs::HTTP_RESPONSE_BODY_BYTES);
    copy(writer, ids.http_user_agent, ecs::USER_AGENT_ORIGINAL);
    if copy(writer, ids.http_status, ecs::HTTP_RESPONSE_STATUS_CODE) && is_http {
        match writer.first(ids.http_status) {
            Some([b'4' | b'5', ..]) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
            _ => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        }
    }
    if let Some(span) = present(writer, ids.http_hostname) {
        writer.put_span(ecs::URL_DOMAIN, span, Kind::Text, false);
        writer.put_span(ecs::DESTINATION_DOMAIN, span, Kind::Text, false);
        relate_span(writer, span, ecs::RELATED_HOSTS);
    }
    copy(writer, ids.http_port, ecs::URL_PORT);
    if let Some(span) = present(writer, ids.http_url) {
        url::put(writer, span);
    }
}

fn dns(writer: &mut EventWriter<'_>, ids: &Ids) {
    let copy_first = |writer: &mut EventWriter<'_>, froms: [FieldId; 3], to| {
        for from in froms {
            copy(writer, from, to);
        }
    };
    if writer.first(ids.dns_rrname).is_none()
        && writer.first(ids.dns_queries_rrname).is_none()
        && writer.first(ids.dns_query_rrname).is_none()
    {
        return;
    }
    match writer.first(ids.dns_type).or_else(|| writer.first(ids.dns_query_type)) {
        Some(b"query" | b"request") => writer.put_str(ecs::DNS_TYPE, "query"),
        Some(b"answer" | b"response") => writer.put_str(ecs::DNS_TYPE, "answer"),
        _ => {}
    }
    let id = if writer.first(ids.dns_id).is_some() { ids.dns_id } else { ids.dns_query_id };
    copy(writer, id, ecs::DNS_ID);
    copy_first(writer, [ids.dns_rrname, ids.dns_queries_rrname, ids.dns_query_rrname], ecs::DNS_QUESTION_NAME);
    copy_first(writer, [ids.dns_rrtype, ids.dns_queries_rrtype, ids.dns_query_rrtype], ecs::DNS_QUESTION_TYPE);
    copy(writer, ids.dns_rcode, ecs::DNS_RESPONSE_CODE);
    // RFC 1035 §4.1.1, RFC 4035 §3.
    for (flag, name) in [
        (ids.dns_aa, "AA"),
        (ids.dns_tc, "TC"),
        (ids.dns_rd, "RD"),
        (ids.dns_ra, "RA"),
        (ids.dns_ad, "AD"),
        (ids.dns_cd, "CD"),
    ] {
        if writer.first(flag) == Some(b"true") {
            writer.put_str(ecs::DNS_HEADER_FLAGS, name);
        }
    }
    copy_all(writer, ids.dns_answers_rrname, ecs::DNS_ANSWERS_NAME);
    copy_all(writer, ids.dns_answers_rrtype, ecs::DNS_ANSWERS_TYPE);
    copy_all(writer, ids.dns_answers_ttl, ecs::DNS_ANSWERS_TTL);
    copy_all(writer, ids.dns_answers_rdata, ecs::DNS_ANSWERS_DATA);
    copy(writer, ids.dns_rdata, ecs::DNS_ANSWERS_DATA);
    for from in [ids.dns_grouped_a, ids.dns_grouped_aaaa, ids.dns_answers_rdata, ids.dns_rdata] {
        for at in first_of(writer, from)..writer.fields_len() {
            let Some(span) = nth(writer, at, from) else { continue };
            if crate::ip::parse(writer.bytes(span)).is_some()
                && !writer.view().values(ecs::DNS_RESOLVED_IP).any(|other| other == writer.bytes(span))
            {
                writer.put_ip_span(ecs::DNS_RESOLVED_IP, span);
                relate_span(writer, span, ecs::RELATED_IP);
            }
        }
    }
}

/// Where the fields of `id` begin; the number of fields if there is none.
fn first_of(writer: &EventWriter<'_>, id: FieldId) -> usize {
    writer.view().first_index(id).unwrap_or(writer.fields_len())
}

fn nth(writer: &EventWriter<'_>, at: usize, id: FieldId) -> Option<crate::event::Span> {
    writer.view().fields().get(at).filter(|field| field.id == id).map(crate::event::Field::span)
}

/// Writes every value of `from` under `to` as well.
fn copy_all(writer: &mut EventWriter<'_>, from: FieldId, to: FieldId) {
    for at in first_of(writer, from)..writer.fields_len() {
        if let Some(span) = nth(writer, at, from) {
            writer.put_span(to, span, Kind::Text, false);
        }
    }
}

fn tls(writer: &mut EventWriter<'_>, ids: &Ids) {
    copy(writer, ids.tls_subject, ecs::TLS_SERVER_SUBJECT);
    copy(writer, ids.tls_issuerdn, ecs::TLS_SERVER_ISSUER);
    if let Some(span) = present(writer, ids.tls_sni) {
        writer.put_span(ecs::TLS_CLIENT_SERVER_NAME, span, Kind::Text, false);
        copy(writer, ids.tls_sni, ecs::DESTINATION_DOMAIN);
        relate_span(writer, span, ecs::RELATED_HOSTS);
    }
    if let Some(span) = present(writer, ids.tls_version) {
        // "TLS 1.2", "TLSv1", "SSLv3".
        let text = writer.bytes(span);
        let digits = text.iter().position(u8::is_ascii_digit).unwrap_or(text.len());
        let protocol = match text.first_chunk::<3>() {
            Some(b"TLS") => "tls",
            Some(b"SSL") => "ssl",
            _ => "",
        };
        let version = span.part(digits..text.len());
        if !protocol.is_empty() && !version.is_empty() {
            writer.put_span(ecs::TLS_VERSION, version, Kind::Text, false);
            writer.put_str(ecs::TLS_VERSION_PROTOCOL, protocol);
        }
    }
    if let Some(span) = present(writer, ids.tls_fingerprint) {
        /// A SHA-1 as hexadecimal pairs with colons between.
        const PAIRS_BYTES: usize = 59;
        let text = writer.bytes(span);
        if text.len() <= PAIRS_BYTES {
            let mut hash = [0; PAIRS_BYTES];
            let mut len = 0;
            for &byte in text.iter().filter(|&&byte| byte != b':') {
                hash[len] = byte.to_ascii_uppercase();
                len += 1;
            }
            let hash = writer.span_of(&hash[..len]);
            writer.put_span(ecs::TLS_SERVER_HASH_SHA1, hash, Kind::Text, false);
            relate_span(writer, hash, ecs::RELATED_HASH);
        }
    }
    if copy(writer, ids.tls_ja3s_hash, ecs::TLS_SERVER_JA3S) {
        relate(writer, ecs::TLS_SERVER_JA3S, ecs::RELATED_HASH);
    }
    if copy(writer, ids.tls_ja3_hash, ecs::TLS_CLIENT_JA3) {
        relate(writer, ecs::TLS_CLIENT_JA3, ecs::RELATED_HASH);
    }
    for (from, to) in [(ids.tls_notbefore, ecs::TLS_SERVER_NOT_BEFORE), (ids.tls_notafter, ecs::TLS_SERVER_NOT_AFTER)] {
        let stamp = writer.first(from).and_then(take_iso);
        // X.509 validity is UTC (RFC 5280 §4.1.2.5).
        if let Some(time_ns) = stamp.and_then(|(stamp, _)| stamp.civil.at_offset(stamp.offset_s.unwrap_or(0))) {
            put_time(writer, to, time_ns);
        }
    }
    copy(writer, ids.tls_session_resumed, ecs::TLS_RESUMED);
}

fn file(writer: &mut EventWriter<'_>, ids: &Ids) {
    if let Some(span) = present(writer, ids.file_filename) {
        writer.put_span(ecs::FILE_PATH, span, Kind::Text, false);
        put_path(writer, span, ecs::FILE_NAME, None, None);
    }
    copy(writer, ids.file_size, ecs::FILE_SIZE);
    copy(writer, ids.file_mimetype, ecs::FILE_MIME_TYPE);
    for (from, to) in [
        (ids.file_md5, ecs::FILE_HASH_MD5),
        (ids.file_sha1, ecs::FILE_HASH_SHA1),
        (ids.file_sha256, ecs::FILE_HASH_SHA256),
    ] {
        if copy(writer, from, to) {
            relate(writer, to, ecs::RELATED_HASH);
        }
    }
}

fn email(writer: &mut EventWriter<'_>, ids: &Ids) {
    copy(writer, ids.email_from, ecs::EMAIL_FROM_ADDRESS);
    copy(writer, ids.smtp_mail_from, ecs::EMAIL_SENDER_ADDRESS);
    copy_all(writer, ids.email_to, ecs::EMAIL_TO_ADDRESS);
    copy_all(writer, ids.email_cc, ecs::EMAIL_CC_ADDRESS);
    copy(writer, ids.email_subject, ecs::EMAIL_SUBJECT);
    copy_all(writer, ids.email_attachment, ecs::EMAIL_ATTACHMENTS_FILE_NAME);
}

#[cfg(test)]
mod tests;
