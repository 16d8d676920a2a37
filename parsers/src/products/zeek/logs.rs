//! The logs of the default scripts: what tells each, what it is, and which of its fields have names of the schema.

use super::Ids;
use super::details as by;
use crate::dictionary::FieldId;
use crate::ecs::{self, *};
use crate::event::EventWriter;
use crate::logsource;
use crate::products;
use crate::products::json_table::How::*;
use crate::products::json_table::{Clock, How, JsonTable, Spec};
use crate::products::names::id_of;

/// One log.
pub(super) struct Log {
    /// Zeek's name of it.
    pub path: &'static str,
    /// Lists of members, each of which shows this log and none before it in the table.
    marks: &'static [&'static [&'static str]],
    pub table: JsonTable,
    /// `network.protocol`, where its records do not say it.
    pub protocol: &'static str,
    /// `network.transport`, likewise.
    pub transport: &'static str,
    /// What a table cannot say.
    pub details: fn(&mut EventWriter<'_>, &Ids),
}

const OUTCOME: How = Map(&[("true", "success"), ("false", "failure")]);
const WHEN: How = Time(Clock::Seconds);

macro_rules! logs {
    ($($path:literal $dataset:literal $source:ident $kind:literal [$($category:literal)*] [$($type:literal)*]
        $protocol:literal $transport:literal if $([$($mark:literal)+])* $(=> $details:ident)?
        { $($row:expr),* $(,)? })*) => {
        pub(super) static LOGS: &[&Log] = &[$({
            static LOG: Log = Log {
                path: $path,
                marks: &[$(&[$($mark),+]),*],
                table: JsonTable::new(Spec {
                    product: products::ZEEK,
                    log_source: logsource::$source,
                    own: false,
                    constants: &[
                        (EVENT_DATASET, concat!("zeek.", $dataset)),
                        (EVENT_KIND, $kind),
                        $((EVENT_CATEGORY, $category),)*
                        $((EVENT_TYPE, $type),)*
                    ],
                    rows: &[$($row),*],
                    ..Spec::NONE
                }),
                protocol: $protocol,
                transport: $transport,
                details: logs!(@details $($details)?),
            };
            &LOG
        }),*];
    };
    (@details) => { |_, _| {} };
    (@details $details:ident) => { by::$details };
}

// Log, data stream of Elastic's integration, log source, kind, categories, types, protocol, transport, marks, rows.
// The more specific stand first: `sip` has all that shows `http`.
logs! {
    "conn" "connection" ZEEK_CONN "event" ["network"] [] "" "" if ["conn_state"] => conn {
        ("service", NETWORK_PROTOCOL, Lower),
        ("orig_ip_bytes", SOURCE_BYTES, Number),
        ("resp_ip_bytes", DESTINATION_BYTES, Number),
        ("orig_pkts", SOURCE_PACKETS, Number),
        ("resp_pkts", DESTINATION_PACKETS, Number),
        ("orig_l2_addr", SOURCE_MAC, Mac),
        ("resp_l2_addr", DESTINATION_MAC, Mac),
        ("vlan", NETWORK_VLAN_ID, Text),
        ("inner_vlan", NETWORK_INNER_VLAN_ID, Text),
    }
    "dns" "dns" ZEEK_DNS "event" ["network"] ["connection" "protocol" "info"] "dns" "udp" if ["trans_id" "AA"] => dns {
        ("trans_id", DNS_ID, Text),
        ("query", DNS_QUESTION_NAME, Text),
        ("qtype_name", DNS_QUESTION_TYPE, Text),
        ("rcode_name", DNS_RESPONSE_CODE, Text),
    }
    "sip" "sip" ZEEK "event" ["network"] ["connection" "protocol"] "sip" "udp"
        if ["trans_depth" "request_path"] ["trans_depth" "call_id"] => status
    {
        ("method", EVENT_ACTION, Text),
        ("uri", URL_FULL, Text),
        ("user_agent", USER_AGENT_ORIGINAL, Text),
    }
    "smtp" "smtp" ZEEK_SMTP "event" ["network"] ["connection" "protocol"] "smtp" "tcp"
        if ["trans_depth" "helo"] ["trans_depth" "last_reply"] ["trans_depth" "mailfrom"] ["trans_depth" "is_webmail"]
    {
        ("from", EMAIL_FROM_ADDRESS, Set),
        ("mailfrom", EMAIL_SENDER_ADDRESS, Text),
        ("to", EMAIL_TO_ADDRESS, Set),
        ("cc", EMAIL_CC_ADDRESS, Set),
        ("reply_to", EMAIL_REPLY_TO_ADDRESS, Set),
        ("subject", EMAIL_SUBJECT, Text),
        ("msg_id", EMAIL_MESSAGE_ID, Text),
        ("user_agent", EMAIL_X_MAILER, Text),
        ("tls", TLS_ESTABLISHED, Text),
    }
    "http" "http" ZEEK_HTTP "event" ["network" "web"] ["connection" "protocol" "info"] "" "tcp"
        if ["trans_depth" "request_body_len"] ["trans_depth" "method"] => http
    {
        ("method", HTTP_REQUEST_METHOD, Text),
        ("method", EVENT_ACTION, Text),
        ("host", URL_DOMAIN, Text),
        ("username", USER_NAME, User),
        ("username", URL_USERNAME, Text),
        ("password", URL_PASSWORD, Text),
        ("referrer", HTTP_REQUEST_REFERRER, Text),
        ("version", HTTP_VERSION, Text),
        ("user_agent", USER_AGENT_ORIGINAL, Text),
        ("request_body_len", HTTP_REQUEST_BODY_BYTES, Number),
        ("response_body_len", HTTP_RESPONSE_BODY_BYTES, Number),
        ("status_code", HTTP_RESPONSE_STATUS_CODE, Number),
        ("resp_mime_types", HTTP_RESPONSE_MIME_TYPE, Text),
    }
    "ssl" "ssl" ZEEK_SSL "event" ["network"] ["connection" "protocol"] "" "tcp"
        if ["established" "resumed"] ["established" "cipher"] => ssl
    {
        ("cipher", TLS_CIPHER, Text),
        ("curve", TLS_CURVE, Text),
        ("server_name", TLS_CLIENT_SERVER_NAME, Text),
        ("resumed", TLS_RESUMED, Text),
        ("established", TLS_ESTABLISHED, Text),
        ("next_protocol", TLS_NEXT_PROTOCOL, Text),
        ("subject", TLS_SERVER_SUBJECT, Text),
        ("issuer", TLS_SERVER_ISSUER, Text),
        ("client_subject", TLS_CLIENT_SUBJECT, Text),
        ("client_issuer", TLS_CLIENT_ISSUER, Text),
        ("not_valid_before", TLS_SERVER_NOT_BEFORE, WHEN),
        ("not_valid_after", TLS_SERVER_NOT_AFTER, WHEN),
        ("ja3", TLS_CLIENT_JA3, Hash),
        ("ja3s", TLS_SERVER_JA3S, Hash),
        ("resp_certificate_sha1", TLS_SERVER_HASH_SHA1, Text),
    }
    "files" "files" ZEEK_FILES "event" ["file"] ["info"] "" "" if ["fuid" "seen_bytes"] ["fuid" "tx_hosts"] {
        ("conn_uids", EVENT_ID, Text),
        ("tx_hosts", SERVER_IP, Ip),
        ("rx_hosts", CLIENT_IP, Ip),
        ("mime_type", FILE_MIME_TYPE, Text),
        ("filename", FILE_NAME, Text),
        ("total_bytes", FILE_SIZE, Number),
        ("md5", FILE_HASH_MD5, Hash),
        ("sha1", FILE_HASH_SHA1, Hash),
        ("sha256", FILE_HASH_SHA256, Hash),
    }
    "x509" "x509" ZEEK_X509 "event" [] ["info"] "" "" if ["certificate.serial"] ["certificate.subject"] {
        ("id", EVENT_ID, Text),
        ("certificate.subject", X509_SUBJECT_DISTINGUISHED_NAME, Text),
        ("certificate.issuer", X509_ISSUER_DISTINGUISHED_NAME, Text),
        ("certificate.serial", X509_SERIAL_NUMBER, Text),
        ("certificate.not_valid_before", X509_NOT_BEFORE, WHEN),
        ("certificate.not_valid_after", X509_NOT_AFTER, WHEN),
        ("san.dns", X509_ALTERNATIVE_NAMES, Set),
    }
    "ssh" "ssh" ZEEK_SSH "event" ["network"] ["connection" "protocol"] "ssh" "tcp" if ["auth_attempts"] ["host_key_alg"] {
        ("auth_success", EVENT_OUTCOME, OUTCOME),
    }
    "smb_cmd" "smb_cmd" ZEEK "event" ["network"] ["connection" "protocol"] "smb" "tcp"
        if ["command" "tree_service"] ["command" "tree"] ["command" "sub_command"] ["command" "argument" "status"] => smb_status
    {
        ("command", EVENT_ACTION, Text),
        ("username", USER_NAME, User),
    }
    "irc" "irc" ZEEK "event" ["network"] ["connection" "protocol" "info"] "irc" "tcp"
        if ["command" "value"] ["command" "nick"] ["command" "addl"]
    {
        ("command", EVENT_ACTION, Text),
        ("user", USER_NAME, User),
        ("dcc_file_name", FILE_NAME, Text),
        ("dcc_file_size", FILE_SIZE, Number),
        ("dcc_mime_type", FILE_MIME_TYPE, Text),
    }
    "ftp" "ftp" ZEEK_FTP "event" ["network"] ["connection" "protocol" "info"] "ftp" "tcp"
        if ["command" "reply_code"] ["command" "user"] ["command" "arg"]
    {
        ("command", EVENT_ACTION, Text),
        ("user", USER_NAME, User),
        ("file_size", FILE_SIZE, Number),
        ("mime_type", FILE_MIME_TYPE, Text),
    }
    "kerberos" "kerberos" ZEEK_KERBEROS "event" ["network" "authentication"] ["connection" "protocol" "access"] "kerberos" "tcp"
        if ["request_type"] => kerberos
    {
        ("request_type", EVENT_ACTION, Text),
        ("success", EVENT_OUTCOME, OUTCOME),
        ("error_msg", ERROR_MESSAGE, Text),
        ("cert.client_subject", TLS_CLIENT_SUBJECT, Text),
        ("client_cert_subject", TLS_CLIENT_SUBJECT, Text),
        ("cert.server_subject", TLS_SERVER_SUBJECT, Text),
        ("server_cert_subject", TLS_SERVER_SUBJECT, Text),
    }
    "dhcp" "dhcp" ZEEK_DHCP "event" ["network"] ["connection" "protocol" "info"] "dhcp" "udp"
        if ["msg_types"] ["assigned_ip" "lease_time"] ["assigned_addr" "lease_time"] => dhcp
    {
        ("client_addr", CLIENT_ADDRESS, Text),
        ("client_addr", SOURCE_IP, Ip),
        ("client_addr", SOURCE_ADDRESS, Text),
        ("server_addr", SERVER_ADDRESS, Text),
        ("server_addr", DESTINATION_IP, Ip),
        ("server_addr", DESTINATION_ADDRESS, Text),
        ("mac", CLIENT_MAC, Mac),
        ("uids", EVENT_ID, Text),
    }
    "ntlm" "ntlm" ZEEK_NTLM "event" ["network" "authentication"] ["connection" "info"] "ntlm" "tcp"
        if ["server_nb_computer_name"] ["domainname" "hostname"] ["domainname" "username"]
    {
        ("username", USER_NAME, User),
        ("domainname", USER_DOMAIN, Text),
        ("success", EVENT_OUTCOME, OUTCOME),
    }
    "rdp" "rdp" ZEEK_RDP "event" ["network"] ["protocol" "info"] "rdp" "tcp"
        if ["security_protocol"] ["cookie" "cert_count"] ["cookie" "result"]
    {
        ("ssl", TLS_ESTABLISHED, Text),
    }
    "smb_files" "smb_files" ZEEK_SMB_FILES "event" ["network" "file"] ["connection" "protocol"] "smb" "tcp"
        if ["times.modified"] ["action" "name" "size"] ["action" "path" "name"] => smb_files
    {
        ("action", EVENT_ACTION, Means(&[
            ("SMB::FILE_READ", &[(EVENT_TYPE, "access")]),
            ("SMB::FILE_WRITE", &[(EVENT_TYPE, "change")]),
            ("SMB::FILE_OPEN", &[(EVENT_TYPE, "info")]),
            ("SMB::FILE_CLOSE", &[(EVENT_TYPE, "info")]),
            ("SMB::FILE_DELETE", &[(EVENT_TYPE, "deletion")]),
            ("SMB::FILE_RENAME", &[(EVENT_TYPE, "change")]),
            ("SMB::FILE_SET_ATTRIBUTE", &[(EVENT_TYPE, "change")]),
            ("SMB::PRINT_READ", &[(EVENT_TYPE, "access")]),
            ("SMB::PRINT_WRITE", &[(EVENT_TYPE, "change")]),
            ("SMB::PRINT_OPEN", &[(EVENT_TYPE, "info")]),
            ("SMB::PRINT_CLOSE", &[(EVENT_TYPE, "info")]),
        ])),
        ("name", FILE_NAME, Text),
        ("size", FILE_SIZE, Number),
        ("times.modified", FILE_MTIME, WHEN),
        ("times.accessed", FILE_ACCESSED, WHEN),
        ("times.created", FILE_CREATED, WHEN),
        ("times.changed", FILE_CTIME, WHEN),
    }
    "smb_mapping" "smb_mapping" ZEEK_SMB_MAPPING "event" ["network"] ["connection" "protocol"] "smb" "tcp" if ["share_type"] {}
    "dce_rpc" "dce_rpc" ZEEK_DCE_RPC "event" ["network"] ["connection" "protocol" "info"] "dce_rpc" "tcp"
        if ["named_pipe"] ["endpoint" "operation"]
    {
        ("operation", EVENT_ACTION, Text),
    }
    "signatures" "signature" ZEEK "alert" ["network"] [] "" "" if ["note" "sig_id"] {
        ("sig_id", RULE_ID, Text),
        ("event_msg", RULE_DESCRIPTION, Text),
        ("note", RULE_NAME, Text),
    }
    "notice" "notice" ZEEK_NOTICE "alert" ["intrusion_detection"] ["info"] "" "" if ["note" "msg"] ["note" "actions"] => notice {
        ("note", RULE_NAME, Text),
        ("msg", RULE_DESCRIPTION, Text),
        ("file_mime_type", FILE_MIME_TYPE, Text),
        ("peer_descr", OBSERVER_NAME, Text),
    }
    "weird" "weird" ZEEK_WEIRD "event" ["network"] ["info"] "" "" if ["name" "notice"] {}
    "intel" "intel" ZEEK_INTEL "enrichment" ["threat"] ["indicator"] "" "" if ["seen.indicator"] => intel {
        ("file_mime_type", FILE_MIME_TYPE, Text),
    }
    "snmp" "snmp" ZEEK "event" ["network"] ["connection" "protocol"] "snmp" "udp" if ["get_requests"] ["community"] {
        ("duration", EVENT_DURATION, Duration(1_000_000_000)),
    }
    "socks" "socks" ZEEK "event" ["network"] ["connection" "protocol"] "socks" "tcp"
        if ["bound_p"] ["request_p"] ["bound.host"] => socks
    {
        ("user", USER_NAME, User),
    }
    "tunnel" "tunnel" ZEEK "event" ["network"] ["connection"] "" "" if ["tunnel_type"] {
        ("action", EVENT_ACTION, Text),
    }
    "syslog" "syslog" ZEEK "event" [] [] "syslog" "udp" if ["facility" "severity"] {
        ("facility", LOG_SYSLOG_FACILITY_NAME, Text),
        ("severity", LOG_SYSLOG_SEVERITY_NAME, Text),
        ("message", MESSAGE, Text),
    }
    "mysql" "mysql" ZEEK "event" ["network" "database"] ["connection" "protocol" "info"] "mysql" "tcp" if ["cmd" "arg"] ["cmd" "success"] {
        ("cmd", EVENT_ACTION, Text),
        ("success", EVENT_OUTCOME, OUTCOME),
    }
    "modbus" "modbus" ZEEK "event" ["network"] ["connection" "protocol"] "modbus" "tcp" if ["func"] => modbus {
        ("func", EVENT_ACTION, Text),
    }
    "dnp3" "dnp3" ZEEK "event" ["network"] ["connection" "protocol" "info"] "dnp3" "tcp" if ["fc_request"] ["fc_reply"] {
        ("fc_request", EVENT_ACTION, Lower),
        ("fc_reply", EVENT_ACTION, Lower),
    }
    "radius" "radius" ZEEK "event" ["network" "authentication"] ["connection" "info"] "radius" "udp"
        if ["username" "result"] ["framed_addr"] ["mac" "result"]
    {
        ("username", USER_NAME, User),
        ("result", EVENT_OUTCOME, Map(&[("success", "success"), ("failed", "failure"), ("failure", "failure")])),
    }
    "pe" "pe" ZEEK "event" ["file"] ["info"] "" "" if ["uses_aslr"] ["compile_ts"] {
        ("id", EVENT_ID, Text),
    }
    "ocsp" "ocsp" ZEEK "event" [] [] "" "tcp" if ["certStatus"] {
        ("id", EVENT_ID, Text),
    }
    "ntp" "ntp" ZEEK "event" ["network"] ["connection" "protocol" "info"] "ntp" "udp" if ["stratum" "mode"] {}
    "rfb" "rfb" ZEEK_RFB "event" ["network"] ["connection" "info"] "rfb" "tcp" if ["authentication_method"] ["client_major_version"] {}
    "dpd" "dpd" ZEEK "event" ["network"] ["connection" "info"] "" "" if ["analyzer" "failure_reason"] {}
    "capture_loss" "capture_loss" ZEEK "metric" [] ["info"] "" "" if ["percent_lost"] {}
    "stats" "stats" ZEEK "metric" [] [] "" "" if ["pkts_proc"] {}
    "software" "software" ZEEK "event" ["network" "file"] ["info"] "" "" if ["software_type"] {
        ("host", HOST_IP, Ips),
    }
    "known_certs" "known_certs" ZEEK "event" ["network" "file"] ["info"] "" "" if ["port_num" "issuer_subject"] {
        ("host", HOST_IP, Ips),
        ("host", SERVER_IP, Ip),
        ("port_num", SERVER_PORT, Port),
        ("subject", TLS_SERVER_SUBJECT, Text),
        ("issuer_subject", TLS_SERVER_ISSUER, Text),
    }
    "known_services" "known_services" ZEEK "event" ["network" "host"] ["info"] "" "" if ["port_num" "port_proto"] {
        ("host", HOST_IP, Ips),
        ("host", SERVER_IP, Ip),
        ("port_num", SERVER_PORT, Port),
        ("port_proto", NETWORK_TRANSPORT, Text),
    }
    "reporter" "reporter" ZEEK "event" [] ["info"] "" "" if ["level" "message" "location"] {
        ("level", LOG_LEVEL, Text),
        ("message", MESSAGE, Text),
    }
    "traceroute" "traceroute" ZEEK "event" ["network"] ["info"] "" "" if {}
    "known_hosts" "known_hosts" ZEEK "event" ["network" "host"] ["info"] "" "" if {
        ("host", HOST_IP, Ips),
    }
    // Any other log of a connection.
    "" "log" ZEEK "event" ["network"] ["info"] "" "" if ["uid" "id.orig_h"] {}
}

/// The log of a name.
pub(super) fn by_path(path: &[u8]) -> Option<&'static Log> {
    LOGS.iter().find(|log| log.path.as_bytes() == path).copied()
}

/// The log that a JSON record's members show.
pub(super) fn of_members(writer: &EventWriter<'_>, ids: &Ids) -> Option<&'static Log> {
    /// Of each log the lists of marks, by id.
    static MARKS: std::sync::LazyLock<Vec<Vec<Vec<FieldId>>>> = std::sync::LazyLock::new(|| {
        let ids = |names: &&[&str]| names.iter().map(|name| id_of(name)).collect();
        LOGS.iter().map(|log| log.marks.iter().map(ids).collect()).collect()
    });
    let view = writer.view();
    if let Some(path) = view.first(ids.log_path) {
        return by_path(path).or_else(|| by_path(b""));
    }
    if let Some(log) = view.first(ids.stream).and_then(by_path) {
        return Some(log);
    }
    let shown = MARKS.iter().position(|lists| lists.iter().any(|list| list.iter().all(|&id| view.has(id))));
    if let Some(at) = shown {
        return Some(LOGS[at]);
    }
    // Those that have too little to show: the time, addresses, and nothing else.
    let members = view.fields().iter().filter(|field| field.id.index() >= ecs::COUNT || field.vendor).count();
    let is_ip = |id| view.first(id).is_some_and(|text| crate::ip::parse(text).is_some());
    match members {
        2 if is_ip(ids.host) => by_path(b"known_hosts"),
        4 if is_ip(ids.src) && is_ip(ids.dst) && view.has(ids.proto) => by_path(b"traceroute"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_rows_have_ids() {
        for log in LOGS {
            for name in log.marks.iter().flat_map(|list| list.iter().copied()).chain(log.table.names()) {
                assert_ne!(id_of(name), FieldId::UNNAMED, "{}: {name}", log.path);
            }
        }
    }
}
