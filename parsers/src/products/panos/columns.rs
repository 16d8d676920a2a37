//! The columns of each log type, in the order of "Syslog Field Descriptions" (PAN-OS Administrator's Guide, 11.1).
//!
//! Newer releases append columns, so the columns of PAN-OS 6 to 11 are prefixes of one another, except where a
//! comment says otherwise. Names are the guide's own in short form; those that Elastic's integration renames bear
//! the names given there.

use std::sync::LazyLock;

use crate::ecs;
use crate::products::csv_table::{Column, Resolved, SKIP, col, own, resolve};
use crate::products::targets::To;

/// Stands first in every type: version mark, receive time, serial number, type, subtype, version, generated time.
const HEAD: [Column; 7] = [
    SKIP,
    own("received_time"),
    col("serial", ecs::OBSERVER_SERIAL_NUMBER, To::Text),
    own("type"),
    own("sub_type"),
    own("config_version"),
    own("generated_time"),
];

/// The session of TRAFFIC, THREAT and tunnel logs: addresses to action.
const SESSION: [Column; 24] = [
    col("src", ecs::SOURCE_IP, To::Ip),
    col("dst", ecs::DESTINATION_IP, To::Ip),
    own("natsrc"),
    own("natdst"),
    col("ruleset", ecs::RULE_NAME, To::Text),
    own("srcuser"),
    own("dstuser"),
    col("app", ecs::NETWORK_APPLICATION, To::Text),
    own("virtual_sys"),
    col("from", ecs::OBSERVER_INGRESS_ZONE, To::Text),
    col("to", ecs::OBSERVER_EGRESS_ZONE, To::Text),
    col("inbound_if", ecs::OBSERVER_INGRESS_INTERFACE_NAME, To::Text),
    col("outbound_if", ecs::OBSERVER_EGRESS_INTERFACE_NAME, To::Text),
    own("log_profile"),
    own("logged_time"),
    own("flow_id"),
    own("repeat_count"),
    col("sport", ecs::SOURCE_PORT, To::Port),
    col("dport", ecs::DESTINATION_PORT, To::Port),
    own("natsport"),
    own("natdport"),
    own("flags"),
    own("proto"),
    own("action"),
];

const DEVICE_GROUPS: [Column; 6] = [
    own("device_group_hierarchy1"),
    own("device_group_hierarchy2"),
    own("device_group_hierarchy3"),
    own("device_group_hierarchy4"),
    own("vsys_name"),
    own("device_name"),
];

/// Device-ID of both ends, PAN-OS 10.0 and later.
const DEVICE_ID: [Column; 16] = [
    own("src_category"),
    own("src_profile"),
    own("src_model"),
    own("src_vendor"),
    own("src_osfamily"),
    own("src_osversion"),
    col("src_host", ecs::SOURCE_DOMAIN, To::Text),
    col("src_mac", ecs::SOURCE_MAC, To::Mac),
    own("dst_category"),
    own("dst_profile"),
    own("dst_model"),
    own("dst_vendor"),
    own("dst_osfamily"),
    own("dst_osversion"),
    col("dst_host", ecs::DESTINATION_DOMAIN, To::Text),
    col("dst_mac", ecs::DESTINATION_MAC, To::Mac),
];

/// What is known of the application.
const APPLICATION: [Column; 9] = [
    own("subcategory_of_app"),
    own("category_of_app"),
    own("technology_of_app"),
    own("risk_of_app"),
    own("characteristic_of_app"),
    own("container_of_app"),
    own("tunneled_app"),
    own("is_saas_of_app"),
    own("sanctioned_state_of_app"),
];

const TRAFFIC_A: [Column; 16] = [
    col("bytes", ecs::NETWORK_BYTES, To::Number),
    col("bytes_sent", ecs::SOURCE_BYTES, To::Number),
    col("bytes_received", ecs::DESTINATION_BYTES, To::Number),
    col("packets", ecs::NETWORK_PACKETS, To::Number),
    own("start"),
    own("elapsed"),
    own("category"),
    SKIP,
    own("sequence_number"),
    own("action_flags"),
    own("srcloc"),
    own("dstloc"),
    SKIP,
    col("pkts_sent", ecs::SOURCE_PACKETS, To::Number),
    col("pkts_received", ecs::DESTINATION_PACKETS, To::Number),
    col("session_end_reason", ecs::EVENT_REASON, To::Text),
];

const TRAFFIC_B: [Column; 22] = [
    own("action_source"),
    own("src_uuid"),
    own("dst_uuid"),
    own("tunnelid"),
    own("monitortag"),
    own("parent_session_id"),
    own("parent_start_time"),
    own("tunnel_type"),
    own("assoc_id"),
    own("chunks"),
    own("chunks_sent"),
    own("chunks_received"),
    col("rule_uuid", ecs::RULE_UUID, To::Text),
    own("http2_connection"),
    own("link_change_count"),
    own("policy_id"),
    own("link_switches"),
    own("sdwan_cluster"),
    own("sdwan_device_type"),
    own("sdwan_cluster_type"),
    own("sdwan_site"),
    own("dynusergroup_name"),
];

const TRAFFIC_C: [Column; 13] = [
    own("container_id"),
    own("pod_namespace"),
    own("pod_name"),
    own("src_edl"),
    own("dst_edl"),
    own("hostid"),
    own("serialnumber"),
    own("src_dag"),
    own("dst_dag"),
    own("session_owner"),
    own("high_res_timestamp"),
    own("nsdsai_sst"),
    own("nsdsai_sd"),
];

/// The forwarded client of a proxy, before the Device-ID columns.
const XFF: [Column; 1] = [own("xff_ip")];

const TRAFFIC_END: [Column; 3] = [own("offloaded"), own("flow_type"), own("cluster_name")];

const THREAT_A: [Column; 23] = [
    own("misc"),
    own("threatid"),
    own("category"),
    own("severity"),
    own("direction"),
    own("sequence_number"),
    own("action_flags"),
    own("srcloc"),
    own("dstloc"),
    SKIP,
    own("contenttype"),
    own("pcap_id"),
    own("filedigest"),
    own("cloud"),
    own("url_idx"),
    col("user_agent", ecs::USER_AGENT_ORIGINAL, To::Text),
    own("filetype"),
    own("xff"),
    col("referer", ecs::HTTP_REQUEST_REFERRER, To::Text),
    col("sender", ecs::EMAIL_FROM_ADDRESS, To::Set),
    col("subject", ecs::EMAIL_SUBJECT, To::Text),
    col("recipient", ecs::EMAIL_TO_ADDRESS, To::Set),
    own("reportid"),
];

const THREAT_B: [Column; 20] = [
    SKIP,
    own("src_uuid"),
    own("dst_uuid"),
    col("http_method", ecs::HTTP_REQUEST_METHOD, To::Text),
    own("tunnelid"),
    own("monitortag"),
    own("parent_session_id"),
    own("parent_start_time"),
    own("tunnel_type"),
    own("threat_category"),
    own("contentver"),
    SKIP,
    own("assoc_id"),
    own("payload_protocol_id"),
    own("http_headers"),
    own("url_category_list"),
    col("rule_uuid", ecs::RULE_UUID, To::Text),
    own("http2_connection"),
    own("dynusergroup_name"),
    own("xff_ip"),
];

const THREAT_C: [Column; 15] = [
    own("container_id"),
    own("pod_namespace"),
    own("pod_name"),
    own("src_edl"),
    own("dst_edl"),
    own("hostid"),
    own("serialnumber"),
    own("domain_edl"),
    own("src_dag"),
    own("dst_dag"),
    own("partial_hash"),
    own("high_res_timestamp"),
    own("reason"),
    own("justification"),
    own("nsdsai_sst"),
];

const THREAT_END: [Column; 3] = [own("cloud_reportid"), own("cluster_name"), own("flow_type")];

const SYSTEM_A: [Column; 10] = [
    own("virtual_sys"),
    col("eventid", ecs::EVENT_CODE, To::Text),
    own("object"),
    SKIP,
    SKIP,
    own("module"),
    own("severity"),
    own("opaque"),
    own("sequence_number"),
    own("action_flags"),
];

const SYSTEM_END: [Column; 3] = [SKIP, SKIP, own("high_res_timestamp")];

const CONFIG_A: [Column; 7] =
    [own("host"), own("virtual_sys"), own("cmd"), own("admin"), own("client"), own("result"), own("path")];

/// Sent since PAN-OS 8; before, the sequence number follows the path.
const CONFIG_DETAIL: [Column; 2] = [own("before_change_detail"), own("after_change_detail")];

const SEQUENCE: [Column; 2] = [own("sequence_number"), own("action_flags")];

const CONFIG_END: [Column; 4] = [own("dg_id"), own("comment"), SKIP, own("high_res_timestamp")];

const USERID_A: [Column; 13] = [
    own("virtual_sys"),
    col("src", ecs::SOURCE_IP, To::Ip),
    own("srcuser"),
    own("datasourcename"),
    col("eventid", ecs::EVENT_CODE, To::Text),
    own("repeat_count"),
    own("timeout"),
    col("sport", ecs::SOURCE_PORT, To::Port),
    col("dport", ecs::DESTINATION_PORT, To::Port),
    own("datasource"),
    own("datasourcetype"),
    own("sequence_number"),
    own("action_flags"),
];

const USERID_END: [Column; 11] = [
    own("vsys_id"),
    own("factortype"),
    own("factorcompletiontime"),
    own("factorno"),
    own("ugflags"),
    own("userbysource"),
    own("tag_name"),
    own("high_res_timestamp"),
    own("origindatasource"),
    SKIP,
    own("cluster_name"),
];

const HIPMATCH_A: [Column; 12] = [
    own("srcuser"),
    own("virtual_sys"),
    own("machinename"),
    col("os", ecs::HOST_OS_FAMILY, To::Text),
    col("src", ecs::SOURCE_IP, To::Ip),
    own("matchname"),
    own("repeat_count"),
    own("matchtype"),
    SKIP,
    SKIP,
    own("sequence_number"),
    own("action_flags"),
];

const HIPMATCH_END: [Column; 7] = [
    own("vsys_id"),
    own("srcipv6"),
    col("hostid", ecs::HOST_ID, To::Text),
    own("serialnumber"),
    col("mac", ecs::HOST_MAC, To::Mac),
    own("high_res_timestamp"),
    own("cluster_name"),
];

const GLOBALPROTECT_A: [Column; 35] = [
    own("virtual_sys"),
    col("eventid", ecs::EVENT_CODE, To::Text),
    own("stage"),
    own("auth_method"),
    own("tunnel_type"),
    own("srcuser"),
    own("srcregion"),
    own("machinename"),
    own("public_ip"),
    own("public_ipv6"),
    own("private_ip"),
    own("private_ipv6"),
    col("hostid", ecs::HOST_ID, To::Text),
    own("serialnumber"),
    own("client_ver"),
    col("client_os", ecs::HOST_OS_FAMILY, To::Text),
    col("client_os_ver", ecs::HOST_OS_FULL, To::Text),
    own("repeat_count"),
    col("reason", ecs::EVENT_REASON, To::Text),
    col("error", ecs::ERROR_MESSAGE, To::Text),
    own("opaque"),
    own("status"),
    own("location"),
    own("login_duration"),
    own("connect_method"),
    col("error_code", ecs::ERROR_CODE, To::Text),
    own("portal"),
    own("sequence_number"),
    own("action_flags"),
    own("high_res_timestamp"),
    own("selection_type"),
    own("response_time"),
    own("priority"),
    own("attempted_gateways"),
    own("gateway"),
];

const GLOBALPROTECT_END: [Column; 2] = [own("vsys_id"), own("cluster_name")];

const DECRYPTION_A: [Column; 42] = [
    own("tunnel_type"),
    SKIP,
    SKIP,
    own("src_uuid"),
    own("dst_uuid"),
    col("rule_uuid", ecs::RULE_UUID, To::Text),
    own("hs_stage_c2f"),
    own("hs_stage_f2s"),
    own("tls_version"),
    own("tls_keyxchg"),
    col("tls_enc", ecs::TLS_CIPHER, To::Text),
    own("tls_auth"),
    own("policy_name"),
    col("ec_curve", ecs::TLS_CURVE, To::Text),
    own("err_index"),
    own("root_status"),
    own("chain_status"),
    own("proxy_type"),
    col("cert_serial", ecs::X509_SERIAL_NUMBER, To::Text),
    own("fingerprint"),
    own("notbefore"),
    own("notafter"),
    own("cert_ver"),
    own("cert_size"),
    own("cn_len"),
    own("issuer_len"),
    own("rootcn_len"),
    own("sni_len"),
    own("cert_flags"),
    col("cn", ecs::X509_SUBJECT_COMMON_NAME, To::Set),
    col("issuer_cn", ecs::X509_ISSUER_COMMON_NAME, To::Set),
    own("root_cn"),
    col("sni", ecs::TLS_CLIENT_SERVER_NAME, To::Text),
    col("error", ecs::ERROR_MESSAGE, To::Text),
    own("container_id"),
    own("pod_namespace"),
    own("pod_name"),
    own("src_edl"),
    own("dst_edl"),
    own("src_dag"),
    own("dst_dag"),
    own("high_res_timestamp"),
];

const DECRYPTION_END: [Column; 1] = [own("vsys_id")];

const AUTHENTICATION_A: [Column; 17] = [
    own("virtual_sys"),
    col("src", ecs::SOURCE_IP, To::Ip),
    own("srcuser"),
    own("normalize_user"),
    own("object"),
    own("authpolicy"),
    own("repeat_count"),
    own("authid"),
    own("vendor"),
    own("log_profile"),
    own("serverprofile"),
    own("desc"),
    own("clienttype"),
    own("event"),
    own("factorno"),
    own("sequence_number"),
    own("action_flags"),
];

const AUTHENTICATION_END: [Column; 17] = [
    own("vsys_id"),
    own("authproto"),
    col("rule_uuid", ecs::RULE_UUID, To::Text),
    own("high_res_timestamp"),
    own("src_category"),
    own("src_profile"),
    own("src_model"),
    own("src_vendor"),
    own("src_osfamily"),
    own("src_osversion"),
    own("src_host"),
    col("src_mac", ecs::SOURCE_MAC, To::Mac),
    own("region"),
    SKIP,
    col("user_agent", ecs::USER_AGENT_ORIGINAL, To::Text),
    own("sessionid"),
    own("cluster_name"),
];

const CORRELATION_A: [Column; 5] =
    [col("src", ecs::SOURCE_IP, To::Ip), own("srcuser"), own("virtual_sys"), own("category"), own("severity")];

const CORRELATION_END: [Column; 4] = [own("vsys_id"), own("objectname"), own("object_id"), own("evidence")];

const TUNNEL_A: [Column; 5] =
    [own("severity"), own("sequence_number"), own("action_flags"), own("srcloc"), own("dstloc")];

const TUNNEL_END: [Column; 42] = [
    own("tunnelid"),
    own("monitortag"),
    own("parent_session_id"),
    own("parent_start_time"),
    own("tunnel_type"),
    col("bytes", ecs::NETWORK_BYTES, To::Number),
    col("bytes_sent", ecs::SOURCE_BYTES, To::Number),
    col("bytes_received", ecs::DESTINATION_BYTES, To::Number),
    col("packets", ecs::NETWORK_PACKETS, To::Number),
    col("pkts_sent", ecs::SOURCE_PACKETS, To::Number),
    col("pkts_received", ecs::DESTINATION_PACKETS, To::Number),
    own("max_encap"),
    own("unknown_proto"),
    own("strict_check"),
    own("tunnel_fragment"),
    own("sessions_created"),
    own("sessions_closed"),
    col("session_end_reason", ecs::EVENT_REASON, To::Text),
    own("action_source"),
    own("start"),
    own("elapsed"),
    own("tunnel_insp_rule"),
    own("remote_user_ip"),
    own("remote_user_id"),
    col("rule_uuid", ecs::RULE_UUID, To::Text),
    own("pcap_id"),
    own("dynusergroup_name"),
    own("src_edl"),
    own("dst_edl"),
    own("high_res_timestamp"),
    own("nsdsai_sd"),
    own("nsdsai_sst"),
    own("pdu_session_id"),
    own("subcategory_of_app"),
    own("category_of_app"),
    own("technology_of_app"),
    own("risk_of_app"),
    own("characteristic_of_app"),
    own("container_of_app"),
    own("is_saas_of_app"),
    own("sanctioned_state_of_app"),
    own("cluster_name"),
];

const IPTAG_A: [Column; 11] = [
    own("virtual_sys"),
    col("src", ecs::SOURCE_IP, To::Ip),
    own("tag_name"),
    col("event_id", ecs::EVENT_CODE, To::Text),
    own("repeat_count"),
    own("timeout"),
    own("datasourcename"),
    own("datasource_type"),
    own("datasource_subtype"),
    own("sequence_number"),
    own("action_flags"),
];

const IPTAG_END: [Column; 3] = [own("vsys_id"), own("high_res_timestamp"), own("cluster_name")];

const SCTP_HEAD: [Column; 25] = [
    col("src", ecs::SOURCE_IP, To::Ip),
    col("dst", ecs::DESTINATION_IP, To::Ip),
    SKIP,
    SKIP,
    col("ruleset", ecs::RULE_NAME, To::Text),
    SKIP,
    SKIP,
    SKIP,
    own("virtual_sys"),
    col("from", ecs::OBSERVER_INGRESS_ZONE, To::Text),
    col("to", ecs::OBSERVER_EGRESS_ZONE, To::Text),
    col("inbound_if", ecs::OBSERVER_INGRESS_INTERFACE_NAME, To::Text),
    col("outbound_if", ecs::OBSERVER_EGRESS_INTERFACE_NAME, To::Text),
    own("log_profile"),
    SKIP,
    own("flow_id"),
    own("repeat_count"),
    col("sport", ecs::SOURCE_PORT, To::Port),
    col("dport", ecs::DESTINATION_PORT, To::Port),
    SKIP,
    SKIP,
    SKIP,
    SKIP,
    own("proto"),
    own("action"),
];

const SCTP_END: [Column; 27] = [
    own("sequence_number"),
    SKIP,
    own("assoc_id"),
    own("ppid"),
    own("severity"),
    own("sctp_chunk_type"),
    SKIP,
    own("verif_tag_1"),
    own("verif_tag_2"),
    own("sctp_cause_code"),
    own("diam_app_id"),
    own("diam_cmd_code"),
    own("diam_avp_code"),
    own("stream_id"),
    col("assoc_end_reason", ecs::EVENT_REASON, To::Text),
    own("op_code"),
    own("sccp_calling_ssn"),
    own("sccp_calling_gt"),
    own("sctp_filter"),
    own("chunks"),
    own("chunks_sent"),
    own("chunks_received"),
    col("packets", ecs::NETWORK_PACKETS, To::Number),
    col("pkts_sent", ecs::SOURCE_PACKETS, To::Number),
    col("pkts_received", ecs::DESTINATION_PACKETS, To::Number),
    col("rule_uuid", ecs::RULE_UUID, To::Text),
    own("high_res_timestamp"),
];

const GTP_HEAD: [Column; 44] = [
    col("src", ecs::SOURCE_IP, To::Ip),
    col("dst", ecs::DESTINATION_IP, To::Ip),
    SKIP,
    SKIP,
    col("ruleset", ecs::RULE_NAME, To::Text),
    SKIP,
    SKIP,
    col("app", ecs::NETWORK_APPLICATION, To::Text),
    own("virtual_sys"),
    col("from", ecs::OBSERVER_INGRESS_ZONE, To::Text),
    col("to", ecs::OBSERVER_EGRESS_ZONE, To::Text),
    col("inbound_if", ecs::OBSERVER_INGRESS_INTERFACE_NAME, To::Text),
    col("outbound_if", ecs::OBSERVER_EGRESS_INTERFACE_NAME, To::Text),
    own("log_profile"),
    SKIP,
    own("flow_id"),
    SKIP,
    col("sport", ecs::SOURCE_PORT, To::Port),
    col("dport", ecs::DESTINATION_PORT, To::Port),
    SKIP,
    SKIP,
    SKIP,
    own("proto"),
    own("action"),
    own("event_type"),
    own("msisdn"),
    own("apn"),
    own("rat"),
    own("msg_type"),
    own("end_ip_adr"),
    own("teid1"),
    own("teid2"),
    own("gtp_interface"),
    own("cause_code"),
    own("severity"),
    own("mcc"),
    own("mnc"),
    own("area_code"),
    own("cell_id"),
    col("event_code", ecs::EVENT_CODE, To::Text),
    SKIP,
    SKIP,
    own("srcloc"),
    own("dstloc"),
];

const GTP_END: [Column; 37] = [
    SKIP,
    SKIP,
    SKIP,
    SKIP,
    SKIP,
    SKIP,
    SKIP,
    own("tunnelid"),
    own("monitortag"),
    SKIP,
    SKIP,
    SKIP,
    SKIP,
    SKIP,
    SKIP,
    SKIP,
    SKIP,
    SKIP,
    SKIP,
    own("start"),
    own("elapsed"),
    own("tunnel_insp_rule"),
    own("remote_user_ip"),
    own("remote_user_id"),
    col("rule_uuid", ecs::RULE_UUID, To::Text),
    own("pcap_id"),
    own("high_res_timestamp"),
    own("nsdsai_sst"),
    own("nsdsai_sd"),
    own("subcategory_of_app"),
    own("category_of_app"),
    own("technology_of_app"),
    own("risk_of_app"),
    own("characteristic_of_app"),
    own("container_of_app"),
    own("is_saas_of_app"),
    own("sanctioned_state_of_app"),
];

/// CLI and web requests, which have no other header than these.
const AUDIT: [Column; 8] = [
    col("serial", ecs::OBSERVER_SERIAL_NUMBER, To::Text),
    own("generated_time"),
    own("type"),
    own("config_version"),
    own("cmd_source"),
    own("object"),
    own("cmd"),
    own("result"),
];

/// A log type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Type {
    Traffic,
    Threat,
    System,
    Config,
    ConfigShort,
    UserId,
    HipMatch,
    GlobalProtect,
    Decryption,
    Authentication,
    Correlation,
    Tunnel,
    Sctp,
    Gtp,
    IpTag,
    Audit,
}

impl Type {
    /// By the fourth column of a record.
    pub(super) fn of(name: &[u8]) -> Option<Type> {
        Some(match name {
            b"TRAFFIC" => Type::Traffic,
            b"THREAT" => Type::Threat,
            b"SYSTEM" => Type::System,
            b"CONFIG" => Type::Config,
            b"USERID" => Type::UserId,
            b"HIPMATCH" => Type::HipMatch,
            b"GLOBALPROTECT" => Type::GlobalProtect,
            b"DECRYPTION" => Type::Decryption,
            b"AUTHENTICATION" => Type::Authentication,
            b"CORRELATION" => Type::Correlation,
            b"SCTP" => Type::Sctp,
            b"GTP" => Type::Gtp,
            // Tunnel inspection logs bear START or END where the others have their name.
            b"START" | b"END" | b"TUNNEL" => Type::Tunnel,
            b"IPTAG" | b"IP-TAG" => Type::IpTag,
            _ => return None,
        })
    }

    /// The columns behind the type column, and the fewest that a record of PAN-OS 6 or later has in all.
    pub(super) fn columns(self) -> (&'static Resolved, usize) {
        static BY_TYPE: LazyLock<Vec<Resolved>> = LazyLock::new(|| {
            let with_head = |parts: &[&[Column]]| {
                let mut columns = resolve(&[&HEAD[4..]]);
                columns.extend(resolve(parts));
                columns
            };
            vec![
                with_head(&[
                    &SESSION,
                    &TRAFFIC_A,
                    &DEVICE_GROUPS,
                    &TRAFFIC_B,
                    &XFF,
                    &DEVICE_ID,
                    &TRAFFIC_C,
                    &APPLICATION,
                    &TRAFFIC_END,
                ]),
                with_head(&[
                    &SESSION,
                    &THREAT_A,
                    &DEVICE_GROUPS,
                    &THREAT_B,
                    &DEVICE_ID,
                    &THREAT_C,
                    &APPLICATION,
                    &THREAT_END,
                ]),
                with_head(&[&SYSTEM_A, &DEVICE_GROUPS, &SYSTEM_END]),
                with_head(&[&CONFIG_A, &CONFIG_DETAIL, &SEQUENCE, &DEVICE_GROUPS, &CONFIG_END]),
                with_head(&[&CONFIG_A, &SEQUENCE, &DEVICE_GROUPS, &CONFIG_END]),
                with_head(&[&USERID_A, &DEVICE_GROUPS, &USERID_END]),
                with_head(&[&HIPMATCH_A, &DEVICE_GROUPS, &HIPMATCH_END]),
                with_head(&[&GLOBALPROTECT_A, &DEVICE_GROUPS, &GLOBALPROTECT_END]),
                with_head(&[
                    &SESSION,
                    &DECRYPTION_A,
                    &DEVICE_ID,
                    &SEQUENCE,
                    &DEVICE_GROUPS,
                    &DECRYPTION_END,
                    &APPLICATION,
                ]),
                with_head(&[&AUTHENTICATION_A, &DEVICE_GROUPS, &AUTHENTICATION_END]),
                with_head(&[&CORRELATION_A, &DEVICE_GROUPS, &CORRELATION_END]),
                with_head(&[&SESSION, &TUNNEL_A, &DEVICE_GROUPS, &TUNNEL_END]),
                with_head(&[&SCTP_HEAD, &DEVICE_GROUPS, &SCTP_END]),
                with_head(&[&GTP_HEAD, &GTP_END]),
                with_head(&[&IPTAG_A, &DEVICE_GROUPS, &IPTAG_END]),
                resolve(&[&AUDIT[3..]]),
            ]
        });
        static FEWEST: [usize; 16] = [46, 40, 17, 23, 16, 20, 19, 34, 75, 24, 21, 60, 58, 62, 24, 8];
        (&BY_TYPE[self as usize], FEWEST[self as usize])
    }
}

/// Every table, for the names of the product's row.
pub(super) const TABLES: &[&[Column]] = &[
    &HEAD,
    &SESSION,
    &TRAFFIC_A,
    &DEVICE_GROUPS,
    &TRAFFIC_B,
    &XFF,
    &DEVICE_ID,
    &TRAFFIC_C,
    &APPLICATION,
    &TRAFFIC_END,
    &THREAT_A,
    &THREAT_B,
    &THREAT_C,
    &THREAT_END,
    &SYSTEM_A,
    &SYSTEM_END,
    &CONFIG_A,
    &CONFIG_DETAIL,
    &SEQUENCE,
    &CONFIG_END,
    &USERID_A,
    &USERID_END,
    &HIPMATCH_A,
    &HIPMATCH_END,
    &GLOBALPROTECT_A,
    &GLOBALPROTECT_END,
    &DECRYPTION_A,
    &DECRYPTION_END,
    &AUTHENTICATION_A,
    &AUTHENTICATION_END,
    &CORRELATION_A,
    &CORRELATION_END,
    &TUNNEL_A,
    &TUNNEL_END,
    &SCTP_HEAD,
    &SCTP_END,
    &GTP_HEAD,
    &GTP_END,
    &IPTAG_A,
    &IPTAG_END,
    &AUDIT,
];

/// The columns before the type, by id.
pub(super) fn head() -> &'static Resolved {
    static RESOLVED: LazyLock<Resolved> = LazyLock::new(|| resolve(&[&HEAD[..4]]));
    &RESOLVED
}

/// As [`head`] for audit records.
pub(super) fn audit_head() -> &'static Resolved {
    static RESOLVED: LazyLock<Resolved> = LazyLock::new(|| resolve(&[&AUDIT[..3]]));
    &RESOLVED
}
