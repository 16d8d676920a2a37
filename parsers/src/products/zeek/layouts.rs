//! The tab-separated form. `#fields` names the columns once a file; a record on its own is told by how many it has
//! and what they hold. The layouts are those of the default scripts, of the releases 3 to 7.

use std::sync::LazyLock;

use super::logs::{self, Log};
use super::{finish, ids};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::products;
use crate::products::columns::Columns;
use crate::products::names::id_of;
use crate::time::{parse_epoch, take_iso};
use crate::wire::syslog::Header;

/// The connection's four columns.
const ID: &str = "id.orig_h:a id.orig_p:p id.resp_h:a id.resp_p:p";

/// Log and columns. Behind the colon: `t` the time stamp, `u` a connection's id, `a` address, `p` port, `n` number, `b` truth,
/// `s` text, `v` set or vector.
static LAYOUTS: &[(&str, &str)] = &[
    (
        "conn",
        "ts:t uid:u %id proto:s service:s duration:n orig_bytes:n resp_bytes:n conn_state:s local_orig:b \
         local_resp:b missed_bytes:n history:s orig_pkts:n orig_ip_bytes:n resp_pkts:n resp_ip_bytes:n \
         tunnel_parents:v",
    ),
    (
        "conn",
        "ts:t uid:u %id proto:s service:s duration:n orig_bytes:n resp_bytes:n conn_state:s local_orig:b \
         local_resp:b missed_bytes:n history:s orig_pkts:n orig_ip_bytes:n resp_pkts:n resp_ip_bytes:n \
         tunnel_parents:v ip_proto:n",
    ),
    (
        "dns",
        "ts:t uid:u %id proto:s trans_id:n rtt:n query:s qclass:n qclass_name:s qtype:n qtype_name:s rcode:n \
         rcode_name:s AA:b TC:b RD:b RA:b Z:n answers:v TTLs:v rejected:b",
    ),
    (
        "dns",
        "ts:t uid:u %id proto:s trans_id:n query:s qclass:n qclass_name:s qtype:n qtype_name:s rcode:n rcode_name:s \
         AA:b TC:b RD:b RA:b Z:n answers:v TTLs:v rejected:b",
    ),
    (
        "http",
        "ts:t uid:u %id trans_depth:n method:s host:s uri:s referrer:s version:s user_agent:s origin:s \
         request_body_len:n response_body_len:n status_code:n status_msg:s info_code:n info_msg:s tags:v username:s \
         password:s proxied:v orig_fuids:v orig_filenames:v orig_mime_types:v resp_fuids:v resp_filenames:v \
         resp_mime_types:v",
    ),
    (
        "http",
        "ts:t uid:u %id trans_depth:n method:s host:s uri:s referrer:s version:s user_agent:s request_body_len:n \
         response_body_len:n status_code:n status_msg:s info_code:n info_msg:s tags:v username:s password:s \
         proxied:v orig_fuids:v orig_filenames:v orig_mime_types:v resp_fuids:v resp_filenames:v resp_mime_types:v",
    ),
    (
        "ssl",
        "ts:t uid:u %id version:s cipher:s curve:s server_name:s resumed:b last_alert:s next_protocol:s \
         established:b ssl_history:s cert_chain_fps:v client_cert_chain_fps:v sni_matches_cert:b",
    ),
    (
        "ssl",
        "ts:t uid:u %id version:s cipher:s curve:s server_name:s resumed:b last_alert:s next_protocol:s \
         established:b ssl_history:s cert_chain_fps:v client_cert_chain_fps:v sni_matches_cert:b \
         validation_status:s",
    ),
    (
        "ssl",
        "ts:t uid:u %id version:s cipher:s curve:s server_name:s resumed:b last_alert:s next_protocol:s \
         established:b ssl_history:s cert_chain_fps:v client_cert_chain_fps:v subject:s issuer:s client_subject:s \
         client_issuer:s sni_matches_cert:b",
    ),
    (
        "ssl",
        "ts:t uid:u %id version:s cipher:s curve:s server_name:s resumed:b last_alert:s next_protocol:s \
         established:b cert_chain_fuids:v client_cert_chain_fuids:v subject:s issuer:s client_subject:s \
         client_issuer:s",
    ),
    (
        "ssl",
        "ts:t uid:u %id version:s cipher:s curve:s server_name:s resumed:b last_alert:s next_protocol:s \
         established:b cert_chain_fuids:v client_cert_chain_fuids:v subject:s issuer:s client_subject:s \
         client_issuer:s validation_status:s",
    ),
    (
        "files",
        "ts:t fuid:s tx_hosts:v rx_hosts:v conn_uids:v source:s depth:n analyzers:v mime_type:s filename:s \
         duration:n local_orig:b is_orig:b seen_bytes:n total_bytes:n missing_bytes:n overflow_bytes:n timedout:b \
         parent_fuid:s md5:s sha1:s sha256:s extracted:s extracted_cutoff:b extracted_size:n",
    ),
    (
        "files",
        "ts:t fuid:s uid:u %id source:s depth:n analyzers:v mime_type:s filename:s duration:n local_orig:b \
         is_orig:b seen_bytes:n total_bytes:n missing_bytes:n overflow_bytes:n timedout:b parent_fuid:s md5:s \
         sha1:s sha256:s extracted:s extracted_cutoff:b extracted_size:n",
    ),
    (
        "x509",
        "ts:t id:s certificate.version:n certificate.serial:s certificate.subject:s certificate.issuer:s \
         certificate.not_valid_before:n certificate.not_valid_after:n certificate.key_alg:s certificate.sig_alg:s \
         certificate.key_type:s certificate.key_length:n certificate.exponent:s certificate.curve:s san.dns:v \
         san.uri:v san.email:v san.ip:v basic_constraints.ca:b basic_constraints.path_len:n",
    ),
    (
        "x509",
        "ts:t fingerprint:s certificate.version:n certificate.serial:s certificate.subject:s certificate.issuer:s \
         certificate.not_valid_before:n certificate.not_valid_after:n certificate.key_alg:s certificate.sig_alg:s \
         certificate.key_type:s certificate.key_length:n certificate.exponent:s certificate.curve:s san.dns:v \
         san.uri:v san.email:v san.ip:v basic_constraints.ca:b basic_constraints.path_len:n host_cert:b \
         client_cert:b",
    ),
    ("weird", "ts:t uid:u %id name:s addl:s notice:b peer:s"),
    ("weird", "ts:t uid:u %id name:s addl:s notice:b peer:s source:s"),
    (
        "notice",
        "ts:t uid:u %id fuid:s file_mime_type:s file_desc:s proto:s note:s msg:s sub:s src:a dst:a p:p n:n \
         peer_descr:s actions:v suppress_for:n remote_location.country_code:s remote_location.region:s \
         remote_location.city:s remote_location.latitude:n remote_location.longitude:n",
    ),
    (
        "notice",
        "ts:t uid:u %id fuid:s file_mime_type:s file_desc:s proto:s note:s msg:s sub:s src:a dst:a p:p n:n \
         peer_descr:s actions:v email_dest:v suppress_for:n remote_location.country_code:s remote_location.region:s \
         remote_location.city:s remote_location.latitude:n remote_location.longitude:n",
    ),
    (
        "smtp",
        "ts:t uid:u %id trans_depth:n helo:s mailfrom:s rcptto:v date:s from:s to:v cc:v reply_to:s msg_id:s \
         in_reply_to:s subject:s x_originating_ip:s first_received:s second_received:s last_reply:s path:v \
         user_agent:s tls:b fuids:v is_webmail:b",
    ),
    (
        "smtp",
        "ts:t uid:u %id trans_depth:n helo:s mailfrom:s rcptto:v date:s from:s to:v cc:v reply_to:s msg_id:s \
         in_reply_to:s subject:s x_originating_ip:s first_received:s second_received:s last_reply:s path:v \
         user_agent:s tls:b fuids:v",
    ),
    (
        "ssh",
        "ts:t uid:u %id version:n auth_success:b auth_attempts:n direction:s client:s server:s cipher_alg:s \
         mac_alg:s compression_alg:s kex_alg:s host_key_alg:s host_key:s",
    ),
    (
        "ftp",
        "ts:t uid:u %id user:s password:s command:s arg:s mime_type:s file_size:n reply_code:n reply_msg:s \
         data_channel.passive:b data_channel.orig_h:a data_channel.resp_h:a data_channel.resp_p:p fuid:s",
    ),
    (
        "rdp",
        "ts:t uid:u %id cookie:s result:s security_protocol:s client_channels:v keyboard_layout:s client_build:s \
         client_name:s client_dig_product_id:s desktop_width:n desktop_height:n requested_color_depth:s cert_type:s \
         cert_count:n cert_permanent:b encryption_level:s encryption_method:s",
    ),
    (
        "kerberos",
        "ts:t uid:u %id request_type:s client:s service:s success:b error_msg:s from:n till:n cipher:s \
         forwardable:b renewable:b client_cert_subject:s client_cert_fuid:s server_cert_subject:s \
         server_cert_fuid:s",
    ),
    (
        "ntlm",
        "ts:t uid:u %id username:s hostname:s domainname:s server_nb_computer_name:s server_dns_computer_name:s \
         server_tree_name:s success:b",
    ),
    (
        "smb_files",
        "ts:t uid:u %id fuid:s action:s path:s name:s size:n prev_name:s times.modified:n times.accessed:n \
         times.created:n times.changed:n",
    ),
    ("smb_mapping", "ts:t uid:u %id path:s service:s native_file_system:s share_type:s"),
    (
        "smb_cmd",
        "ts:t uid:u %id command:s sub_command:s argument:s status:s rtt:n version:s username:s tree:s \
         tree_service:s",
    ),
    ("dce_rpc", "ts:t uid:u %id rtt:n named_pipe:s endpoint:s operation:s"),
    (
        "dhcp",
        "ts:t uids:v client_addr:a server_addr:a mac:s host_name:s client_fqdn:s domain:s requested_addr:a \
         assigned_addr:a lease_time:n client_message:s server_message:s msg_types:v duration:n",
    ),
    (
        "radius",
        "ts:t uid:u %id username:s mac:s framed_addr:a tunnel_client:s connect_info:s reply_msg:s result:s ttl:n",
    ),
    (
        "sip",
        "ts:t uid:u %id trans_depth:n method:s uri:s date:s request_from:s request_to:s response_from:s \
         response_to:s reply_to:s call_id:s seq:s subject:s request_path:v response_path:v user_agent:s \
         status_code:n status_msg:s warning:s request_body_len:n response_body_len:n content_type:s",
    ),
    (
        "snmp",
        "ts:t uid:u %id duration:n version:s community:s get_requests:n get_bulk_requests:n get_responses:n \
         set_requests:n display_string:s up_since:n",
    ),
    (
        "socks",
        "ts:t uid:u %id version:n user:s password:s status:s request.host:a request.name:s request_p:p bound.host:a \
         bound.name:s bound_p:p",
    ),
    (
        "software",
        "ts:t host:a host_p:p software_type:s name:s version.major:n version.minor:n version.minor2:n \
         version.minor3:n version.addl:s unparsed_version:s",
    ),
    ("tunnel", "ts:t uid:u %id tunnel_type:s action:s"),
    ("syslog", "ts:t uid:u %id proto:s facility:s severity:s message:s"),
    ("dpd", "ts:t uid:u %id proto:s analyzer:s failure_reason:s"),
    ("dpd", "ts:t uid:u %id proto:s analyzer:s failure_reason:s packet_segment:s"),
    (
        "intel",
        "ts:t uid:u %id seen.indicator:s seen.indicator_type:s seen.where:s seen.node:s matched:v sources:v fuid:s \
         file_mime_type:s file_desc:s",
    ),
    (
        "signatures",
        "ts:t uid:u src_addr:a src_port:p dst_addr:a dst_port:p note:s sig_id:s event_msg:s sub_msg:s sig_count:n \
         host_count:n",
    ),
    ("modbus", "ts:t uid:u %id func:s exception:s"),
    ("modbus", "ts:t uid:u %id tid:n unit:n func:s pdu_type:s exception:s"),
    ("dnp3", "ts:t uid:u %id fc_request:s fc_reply:s iin:n"),
    (
        "irc",
        "ts:t uid:u %id nick:s user:s command:s value:s addl:s dcc_file_name:s dcc_file_size:n dcc_mime_type:s \
         fuid:s",
    ),
    ("mysql", "ts:t uid:u %id cmd:s arg:s success:b rows:n response:s"),
    (
        "pe",
        "ts:t id:s machine:s compile_ts:n os:s subsystem:s is_exe:b is_64bit:b uses_aslr:b uses_dep:b \
         uses_code_integrity:b uses_seh:b has_import_table:b has_export_table:b has_cert_table:b has_debug_data:b \
         section_names:v",
    ),
    (
        "ntp",
        "ts:t uid:u %id version:n mode:n stratum:n poll:n precision:n root_delay:n root_disp:n ref_id:s ref_time:n \
         org_time:n rec_time:n xmt_time:n num_exts:n",
    ),
    (
        "rfb",
        "ts:t uid:u %id client_major_version:s client_minor_version:s server_major_version:s server_minor_version:s \
         authentication_method:s auth:b share_flag:b desktop_name:s width:n height:n",
    ),
    ("capture_loss", "ts:t ts_delta:n peer:s gaps:n acks:n percent_lost:n"),
    ("known_services", "ts:t host:a port_num:p port_proto:s service:v"),
    ("known_certs", "ts:t host:a port_num:p subject:s issuer_subject:s serial:s"),
    (
        "ocsp",
        "ts:t id:s hashAlgorithm:s issuerNameHash:s issuerKeyHash:s serialNumber:s certStatus:s revoketime:n \
         revokereason:s thisUpdate:n nextUpdate:n",
    ),
    ("traceroute", "ts:t src:a dst:a proto:s"),
    ("known_hosts", "ts:t host:a"),
];

struct Layout {
    log: &'static Log,
    columns: Vec<(FieldId, u8)>,
}

fn layouts() -> &'static [Layout] {
    static PARSED: LazyLock<Vec<Layout>> = LazyLock::new(|| {
        let column = |text: &str| {
            let (name, kind) = text.split_once(':').expect("a column has a type");
            (id_of(name), kind.as_bytes()[0])
        };
        LAYOUTS
            .iter()
            .map(|(path, columns)| Layout {
                log: logs::by_path(path.as_bytes()).expect("a layout is of a log"),
                columns: columns.replace("%id", ID).split_whitespace().map(column).collect(),
            })
            .collect()
    });
    &PARSED
}

/// Whether a column holds what its type says. `-` is no value, `(empty)` an empty one.
fn fits(kind: u8, value: &[u8]) -> bool {
    if matches!(value, b"-" | b"(empty)") {
        return kind != b't';
    }
    match kind {
        b't' => time(value).is_some(),
        // Since Bro 2.3 ids of connections begin with a C.
        b'u' => value.first() == Some(&b'C') && value.len() >= 8 && value.iter().all(u8::is_ascii_alphanumeric),
        b'a' => crate::ip::parse(value).is_some(),
        b'p' => value.len() <= 5 && value.iter().all(u8::is_ascii_digit),
        b'n' => value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e')),
        b'b' => matches!(value, b"T" | b"F"),
        _ => true,
    }
}

/// Epoch seconds with a fraction, or ISO 8601 (`LogAscii::json_timestamps` has its like for both forms).
fn time(value: &[u8]) -> Option<i64> {
    if let Some((time_ns, _)) = parse_epoch(value) {
        return Some(time_ns);
    }
    let (stamp, _) = take_iso(value)?;
    stamp.civil.at_offset(stamp.offset_s.unwrap_or(0))
}

/// `#separator`, `#fields` and the other lines about a file.
pub(super) fn decode_directive<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    let end = memchr::memchr2(b'\t', b' ', text).unwrap_or(text.len());
    let known: &[&[u8]] = &[
        b"#separator",
        b"#set_separator",
        b"#empty_field",
        b"#unset_field",
        b"#path",
        b"#open",
        b"#close",
        b"#fields",
        b"#types",
    ];
    if !known.contains(&&text[..end]) {
        return false;
    }
    writer.core().product = products::ZEEK;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put(ecs::MESSAGE, text);
    true
}

/// Decodes a record of this product; `false` = it is none.
pub(super) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.strip_suffix(b"\r").unwrap_or(header.message);
    /// Longest time stamp: ISO 8601 with microseconds.
    const STAMP_BYTES_MAX: usize = 32;
    let Some(end) = memchr::memchr(b'\t', &text[..text.len().min(STAMP_BYTES_MAX)]) else { return false };
    let Some(time_ns) = time(&text[..end]) else { return false };
    let columns = Columns::by_byte(text, b'\t');
    let fitting = layouts().iter().find(|layout| {
        layout.columns.len() == columns.len()
            && layout.columns.iter().zip(columns.all()).all(|(&(_, kind), value)| fits(kind, value))
    });
    let Some(layout) = fitting else { return of_connection(writer, context, &columns, time_ns) };
    for (&(id, kind), &value) in layout.columns.iter().zip(columns.all()) {
        match (kind, value) {
            (_, b"-" | b"(empty)") => {}
            (b'b', _) => writer.put_as(id, if value == b"T" { b"true" } else { b"false" }, Kind::Bool, true),
            (b'n' | b'p' | b't', _) => writer.put_as(id, value, Kind::Number, true),
            (b'v', _) => {
                for part in value.split(|&byte| byte == b',') {
                    put_text(writer, id, part);
                }
            }
            _ => put_text(writer, id, value),
        }
    }
    debug_assert_eq!(layout.columns[0].0, ids().ts);
    writer.set_time(time_ns, super::PRECISION);
    finish(writer, context, layout.log);
    true
}

/// A log in a layout of the site's own: the connection it is of, and the other columns as they stand.
fn of_connection<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, columns: &Columns<'a>, time_ns: i64) -> bool {
    let ids = ids();
    let head = [ids.ts, ids.uid, ids.orig_h, ids.orig_p, ids.resp_h, ids.resp_p];
    let Some(log) = logs::by_path(b"") else { return false };
    if columns.len() <= head.len() || !columns.all().iter().zip(b"tuapap").all(|(value, &kind)| fits(kind, value)) {
        return false;
    }
    writer.defect(Defect::ColumnCount);
    for (&id, value) in head.iter().zip(columns.all()) {
        writer.put_vendor(id, value);
    }
    for value in columns.all().iter().skip(head.len()).filter(|value| !matches!(**value, b"-" | b"(empty)")) {
        put_text(writer, ids.extra, value);
    }
    writer.set_time(time_ns, super::PRECISION);
    finish(writer, context, log);
    true
}

/// Text with its escapes read: `\xhh` stands for what would break the columns.
fn put_text<'a>(writer: &mut EventWriter<'a>, id: FieldId, text: &'a [u8]) {
    if memchr::memchr(b'\\', text).is_none() {
        writer.put_vendor(id, text);
        return;
    }
    let from = writer.arena_start();
    let mut rest = text;
    loop {
        let run = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        writer.arena_push(&rest[..run]);
        rest = &rest[run..];
        let hex = |at: usize| rest.get(at).and_then(|&byte| (byte as char).to_digit(16)).map(|digit| digit as u8);
        match (rest, hex(2), hex(3)) {
            ([], ..) => break,
            ([b'\\', b'x', ..], Some(high), Some(low)) => {
                writer.arena_push(&[high << 4 | low]);
                rest = &rest[4..];
            }
            ([b'\\', b'\\', ..], ..) => {
                writer.arena_push(b"\\");
                rest = &rest[2..];
            }
            _ => {
                writer.arena_push(&rest[..1]);
                rest = &rest[1..];
            }
        }
    }
    let value = writer.arena_end(from);
    writer.put_span(id, value, Kind::Text, true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_name_known_logs_and_names() {
        for layout in layouts() {
            for (id, kind) in &layout.columns {
                assert_ne!(*id, FieldId::UNNAMED, "{}", layout.log.path);
                assert!(b"tuapnbsv".contains(kind), "{}", layout.log.path);
            }
            assert_eq!(layout.columns[0], (ids().ts, b't'), "{}", layout.log.path);
        }
    }
}
