//! Zeek's names: the fields of its default logs.

use crate::products::names::vendor_names;

vendor_names! {
    ts = "ts";
    uid = "uid";
    orig_h = "id.orig_h";
    orig_p = "id.orig_p";
    resp_h = "id.resp_h";
    resp_p = "id.resp_p";
    flat_orig_h = "id_orig_h";
    flat_orig_p = "id_orig_p";
    flat_resp_h = "id_resp_h";
    flat_resp_p = "id_resp_p";
    stream = "@stream";
    src_addr = "src_addr";
    src_port = "src_port";
    dst_addr = "dst_addr";
    dst_port = "dst_port";
    src = "src";
    dst = "dst";
    p = "p";
    proto = "proto";
    community_id = "community_id";
    log_path = "_path";
    duration = "duration";
    orig_ip_bytes = "orig_ip_bytes";
    resp_ip_bytes = "resp_ip_bytes";
    orig_pkts = "orig_pkts";
    resp_pkts = "resp_pkts";
    conn_state = "conn_state";
    local_orig = "local_orig";
    local_resp = "local_resp";
    qclass_name = "qclass_name";
    aa = "AA";
    tc = "TC";
    rd = "RD";
    ra = "RA";
    answers = "answers";
    rcode = "rcode";
    rtt = "rtt";
    host = "host";
    uri = "uri";
    status_code = "status_code";
    version = "version";
    client = "client";
    status = "status";
    path = "path";
    name = "name";
    dropped = "dropped";
    indicator = "seen.indicator";
    indicator_type = "seen.indicator_type";
    exception = "exception";
    extra = "extra";
    @also
    "TTLs" "Z" "_node_name" "_system_name" "_write_ts" "acks" "action" "actions" "active_tcp_conns" "addl"
    "analyzer" "analyzers" "arg" "argument" "assigned_addr" "assigned_ip" "auth" "auth_attempts" "auth_success"
    "authentication_method" "base_object" "basic_constraints.ca" "basic_constraints.path_len" "bound.host"
    "bound.name" "bound_p" "bytes_recv" "call_id" "capture_password" "cc" "cert.client_subject"
    "cert.client_subject_fuid" "cert.server_subject" "certStatus" "cert_chain_fps" "cert_chain_fuids" "cert_count"
    "cert_permanent" "cert_type" "certificate.curve" "certificate.exponent" "certificate.issuer"
    "certificate.key_alg" "certificate.key_length" "certificate.key_type" "certificate.not_valid_after"
    "certificate.not_valid_before" "certificate.serial" "certificate.sig_alg" "certificate.subject"
    "certificate.version" "cipher" "cipher_alg" "client_addr" "client_build" "client_cert" "client_cert_chain_fps"
    "client_cert_chain_fuids" "client_cert_fuid" "client_cert_subject" "client_channels" "client_dig_product_id"
    "client_fqdn" "client_issuer" "client_major_version" "client_message" "client_minor_version" "client_name"
    "client_subject" "cmd" "command" "community" "compile_ts" "compression_alg" "conn_uids" "connect_info"
    "content_type" "cookie" "curve" "data_channel.orig_h" "data_channel.passive" "data_channel.resp_h"
    "data_channel.resp_p" "date" "dcc_file_name" "dcc_file_size" "dcc_mime_type" "depth" "desktop_height"
    "desktop_name" "desktop_width" "direction" "display_string" "dns_requests" "domain" "domainname" "email_dest"
    "encryption_level" "encryption_method" "endpoint" "error_msg" "established" "event_msg" "events_proc"
    "events_queued" "extracted" "extracted_cutoff" "extracted_size" "facility" "failure_reason" "fc_reply"
    "fc_request" "file_desc" "file_mime_type" "file_size" "filename" "files" "fingerprint" "first_received"
    "forwardable" "framed_addr" "from" "fuid" "fuids" "func" "gaps" "get_bulk_requests" "get_requests"
    "get_responses" "has_cert_table" "has_debug_data" "has_export_table" "has_import_table" "hashAlgorithm" "height"
    "helo" "history" "host_cert" "host_count" "host_key" "host_key_alg" "host_name" "host_p" "hostname" "icmp_conns"
    "id" "iin" "in_reply_to" "info_code" "info_msg" "inner_vlan" "ip_proto" "is_64bit" "is_exe" "is_orig"
    "is_webmail" "issuer" "issuerKeyHash" "issuerNameHash" "issuer_subject" "ja3" "ja3s" "ja4" "kex_alg"
    "keyboard_layout" "last_alert" "last_reply" "lease_time" "level" "location" "mac" "mac_alg" "machine" "mailfrom"
    "matched" "md5" "mem" "message" "message_id" "method" "mime_type" "missed_bytes" "missing_bytes" "mode" "msg"
    "msg_id" "msg_types" "n" "named_pipe" "native_file_system" "nextUpdate" "next_protocol" "nick" "not_valid_after"
    "not_valid_before" "note" "notice" "num_exts" "opcode" "operation" "org_time" "orig_bytes" "orig_filenames"
    "orig_fuids" "orig_l2_addr" "orig_mime_types" "origin" "os" "overflow_bytes" "packet_segment" "parent_fuid"
    "password" "password_seen" "pdu_type" "peer" "peer_descr" "percent_lost" "pkt_lag" "pkts_dropped" "pkts_link"
    "pkts_proc" "poll" "port_num" "port_proto" "precision" "prev_name" "proxied" "qclass" "qtype" "qtype_name"
    "query" "rcode_name" "rcptto" "rec_time" "ref_id" "ref_time" "referenced_file.action" "referenced_file.name"
    "referenced_file.path" "referenced_file.size" "referrer" "rejected" "remote_location.city"
    "remote_location.country_code" "remote_location.latitude" "remote_location.longitude" "remote_location.region"
    "renewable" "reply_code" "reply_msg" "reply_to" "request.host" "request.name" "request_body_len" "request_from"
    "request_p" "request_path" "request_to" "request_type" "requested_addr" "requested_color_depth" "resp_bytes"
    "resp_certificate_sha1" "resp_filenames" "resp_fuids" "resp_l2_addr" "resp_mime_types" "response"
    "response_body_len" "response_from" "response_path" "response_to" "result" "resumed" "revokereason" "revoketime"
    "root_delay" "root_disp" "rows" "rx_hosts" "san.dns" "san.email" "san.ip" "san.uri" "second_received"
    "section_names" "security_protocol" "seen.host" "seen.node" "seen.where" "seen_bytes" "seq" "serial"
    "serialNumber" "server" "server_addr" "server_cert_fuid" "server_cert_subject" "server_dns_computer_name"
    "server_major_version" "server_message" "server_minor_version" "server_name" "server_nb_computer_name"
    "server_tree_name" "service" "set_requests" "severity" "sha1" "sha256" "share_flag" "share_type" "sig_count"
    "sig_id" "size" "sni_matches_cert" "software_type" "source" "sources" "speculative_service" "ssl" "ssl_history"
    "status_msg" "stratum" "sub" "sub_command" "sub_msg" "sub_rule" "subject" "subsystem" "success" "suppress_for"
    "tags" "tcp_conns" "thisUpdate" "tid" "till" "timedout" "times.accessed" "times.changed" "times.created"
    "times.modified" "tls" "to" "total_bytes" "trans_depth" "trans_id" "tree" "tree_service" "ts_delta" "ttl"
    "tunnel_client" "tunnel_parents" "tunnel_type" "tx_hosts" "udp_conns" "uids" "unit" "unparsed_version"
    "up_since" "user" "user_agent" "username" "uses_aslr" "uses_code_integrity" "uses_dep" "uses_seh"
    "validation_status" "value" "version.addl" "version.major" "version.minor" "version.minor2" "version.minor3"
    "vlan" "warning" "width" "x_originating_ip" "xmt_time"
}
