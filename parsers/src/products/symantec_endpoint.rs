//! Symantec Endpoint Security: events of the Integrated Cyber Defense schema as JSON (Broadcom TechDocs: "Symantec Endpoint
//! Security: Event Detection Types and Descriptions", ICDm event export; ICD Schema Reference).

use super::fields::{put_digests, put_path, relate};
use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::{EVENT_CATEGORY as C, EVENT_TYPE as T};
use crate::event::{EventWriter, Kind};
use crate::{ecs, products};

/// `symantec_endpoint`.
pub(crate) static PRODUCT: Product = Product {
    name: "symantec_endpoint",
    title: "Symantec Endpoint Security",
    document: "Broadcom TechDocs: Symantec ICD Schema Reference; Endpoint Security event export",
    namespace: "ses",
    module: "symantec_endpoint_security",
    dataset: "symantec_endpoint_security.event",
    vendor: "Symantec",
    product: "Endpoint Security",
    observer_type: "edr",
    names: NAMES,
    json: &[&TABLE],
    detect: &[
        Detect::Members(&["type_id", "category_id", "product_uid", "customer_uid"], read),
        Detect::Members(&["type_id", "device_uid", "feature_name", "severity_id"], read),
        Detect::Members(&["type_id", "device_uid", "product_name", "severity_id"], read),
    ],
};

vendor_names! {
    cybox_md5 = "cybox.files.md5";
    cybox_sha1 = "cybox.files.sha1";
    cybox_sha256 = "cybox.files.sha2";
    file_md5 = "file.md5";
    file_sha1 = "file.sha1";
    file_sha256 = "file.sha2";
    actor_md5 = "actor.file.md5";
    actor_sha1 = "actor.file.sha1";
    actor_sha256 = "actor.file.sha2";
    parent_sha256 = "parent.file.sha2";
    @also
    "feature_name" "message_id" "policy.name" "product_name" "product_ver" "connection.direction_id" "stic_hw_uid" "status_id"
    "device_os_type_id" "log_name" "timezone" "attacks.technique_name" "threat.id" "threat.type_id" "id"
}

/// What a type of event is about.
macro_rules! about {
    ($($category:literal)*; $($kind:literal)*) => {
        &[$((C, $category),)* $((T, $kind)),*] as Constants
    };
}

/// Ids of operating systems to the schema's types.
static OS_TYPES: &[(&str, &str)] =
    &[("100", "windows"), ("200", "linux"), ("201", "android"), ("300", "macos"), ("301", "ios")];

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::SYMANTEC_ENDPOINT,
    constants: &[(ecs::EVENT_KIND, "event")],
    time: &[("time", Clock::IsoUtc), ("device_time", Clock::Millis), ("log_time", Clock::IsoUtc)],
    rows: &[
        (
            "type_id",
            C,
            OnlyMeans(&[
                ("2", about!("configuration"; "info")),
                ("3", about!("configuration"; "info")),
                ("5", about!("file"; "info")),
                ("20", about!("session"; "info")),
                ("21", about!("iam"; "info")),
                ("22", about!("configuration"; "info")),
                ("8000", about!("session"; "info")),
                ("8001", about!("process"; "info" "start" "end")),
                ("8002", about!("library"; "info")),
                ("8003", about!("file"; "info")),
                ("8004", about!("file"; "info")),
                ("8005", about!("registry"; "access")),
                ("8006", about!("registry"; "access")),
                ("8007", about!("network"; "connection")),
                ("8009", about!("driver"; "info")),
                ("8016", about!("host"; "start")),
                ("8027", about!("process"; "info")),
                ("8030", about!("host"; "info")),
                ("8031", about!("file" "malware"; "info")),
                ("8032", about!("registry"; "access")),
                ("8033", about!("registry"; "access")),
                ("8038", about!("network" "intrusion_detection"; "info")),
                ("8040", about!("network"; "connection")),
                ("8061", about!("configuration"; "change")),
            ]),
        ),
        ("severity_id", ecs::EVENT_SEVERITY, Number),
        ("uuid", ecs::EVENT_ID, Text),
        ("event_id", ecs::EVENT_CODE, Text),
        ("device_end_time", ecs::EVENT_END, Time(Clock::Millis)),
        ("end_time", ecs::EVENT_END, Time(Clock::IsoUtc)),
        ("start_time", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("reason", ecs::EVENT_REASON, Text),
        ("seq_num", ecs::EVENT_SEQUENCE, Number),
        ("message", ecs::MESSAGE, Text),
        ("log_level", ecs::LOG_LEVEL, Text),
        ("status_id", ecs::EVENT_OUTCOME, Map(&[("1", "success"), ("2", "failure")])),
        ("device_name", ecs::HOST_HOSTNAME, Host),
        ("device_name", ecs::SOURCE_ADDRESS, Text),
        ("device_uid", ecs::HOST_ID, Text),
        ("device_ip", ecs::HOST_IP, Ips),
        ("device_ip", ecs::SOURCE_IP, Ip),
        ("device_mac", ecs::SOURCE_MAC, Mac),
        ("device_domain", ecs::CLIENT_DOMAIN, Text),
        ("device_domain_uid", ecs::SOURCE_DOMAIN, Text),
        ("device_os_name", ecs::HOST_OS_NAME, Text),
        ("device_os_build", ecs::HOST_OS_VERSION, Text),
        ("device_os_ver", ecs::HOST_OS_VERSION, Text),
        ("device_os_type_id", ecs::HOST_OS_TYPE, Map(OS_TYPES)),
        ("device_public_ip", ecs::HOST_IP, Ips),
        ("device_public_ip", ecs::RELATED_IP, Set),
        ("device_gateway", ecs::RELATED_IP, Set),
        ("device_proxy_ip", ecs::RELATED_IP, Set),
        ("device_networks.ipv4", ecs::RELATED_IP, Set),
        ("device_networks.ipv6", ecs::RELATED_IP, Set),
        ("device_networks.gateway_ip", ecs::RELATED_IP, Set),
        ("container.networks.ipv4", ecs::RELATED_IP, Set),
        ("container.networks.ipv6", ecs::RELATED_IP, Set),
        ("container.networks.gateway_ip", ecs::RELATED_IP, Set),
        ("cybox.emails.sender_ip", ecs::RELATED_IP, Set),
        ("cybox.ipv4s", ecs::RELATED_IP, Set),
        ("cybox.ipv6s", ecs::RELATED_IP, Set),
        ("logging_device_ip", ecs::RELATED_IP, Set),
        ("proxy_device_ip", ecs::RELATED_IP, Set),
        ("collector_device_ip", ecs::RELATED_IP, Set),
        ("connection.dst_ip", ecs::DESTINATION_IP, Ip),
        ("connection.dst_port", ecs::DESTINATION_PORT, Port),
        ("connection.dst_name", ecs::DESTINATION_DOMAIN, Host),
        ("connection.src_ip", ecs::RELATED_IP, Set),
        ("connection.src_port", ecs::SOURCE_PORT, Port),
        ("connection.protocol_id", ecs::NETWORK_IANA_NUMBER, Text),
        ("connection.url.text", ecs::URL_ORIGINAL, Url),
        ("collector_device_ip", ecs::DESTINATION_IP, Ip),
        ("user.name", ecs::USER_NAME, User),
        ("user_name", ecs::USER_NAME, User),
        ("user_name", ecs::RELATED_USER, Set),
        ("user.uid", ecs::USER_ID, User),
        ("user_uid", ecs::USER_ID, User),
        ("user_uid", ecs::RELATED_USER, Set),
        ("impersonator_user_uid", ecs::RELATED_USER, Set),
        ("sessions.user.name", ecs::RELATED_USER, Set),
        ("sessions.user.uid", ecs::RELATED_USER, Set),
        ("user.domain", ecs::USER_DOMAIN, Text),
        ("actor.user.name", ecs::USER_NAME, User),
        ("actor.user.domain", ecs::USER_DOMAIN, Text),
        ("actor.user.name", ecs::RELATED_USER, Set),
        ("actor.user.uid", ecs::RELATED_USER, Set),
        ("cybox.emails.header_from", ecs::EMAIL_FROM_ADDRESS, Set),
        ("cybox.emails.header_to", ecs::EMAIL_TO_ADDRESS, Set),
        ("cybox.emails.header_subject", ecs::EMAIL_SUBJECT, Set),
        ("email.header_from", ecs::EMAIL_FROM_ADDRESS, Set),
        ("email.header_to", ecs::EMAIL_TO_ADDRESS, Set),
        ("email.header_subject", ecs::EMAIL_SUBJECT, Set),
        (
            "cybox.emails.direction_id",
            ecs::EMAIL_DIRECTION,
            Map(&[("0", "unknown"), ("1", "inbound"), ("2", "outbound"), ("3", "internal")]),
        ),
        ("file.name", ecs::FILE_NAME, Set),
        ("file.path", ecs::FILE_PATH, Set),
        ("file.size", ecs::FILE_SIZE, Set),
        ("file.mime_type", ecs::FILE_MIME_TYPE, Set),
        ("cybox.files.name", ecs::FILE_NAME, Set),
        ("cybox.files.path", ecs::FILE_PATH, Set),
        ("cybox.files.size", ecs::FILE_SIZE, Set),
        ("cybox.files.mime_type", ecs::FILE_MIME_TYPE, Set),
        ("cybox.files.src_name", ecs::RELATED_HOSTS, Set),
        ("file.src_name", ecs::RELATED_HOSTS, Set),
        ("cybox.urls.text", ecs::URL_FULL, Set),
        ("cybox.urls.path", ecs::URL_PATH, Set),
        ("cybox.urls.port", ecs::URL_PORT, Set),
        ("cybox.urls.query", ecs::URL_QUERY, Set),
        ("cybox.urls.scheme", ecs::URL_SCHEME, Set),
        ("cybox.domains", ecs::RELATED_HOSTS, Set),
        ("process.pid", ecs::PROCESS_PID, Number),
        ("process.uid", ecs::PROCESS_ENTITY_ID, Text),
        ("process.cmd_line", ecs::PROCESS_COMMAND_LINE, Text),
        ("process.file.path", ecs::PROCESS_EXECUTABLE, Text),
        ("process.file.name", ecs::PROCESS_NAME, Text),
        ("actor.pid", ecs::PROCESS_PID, Number),
        ("actor.uid", ecs::PROCESS_ENTITY_ID, Text),
        ("actor.cmd_line", ecs::PROCESS_COMMAND_LINE, Text),
        ("actor.file.path", ecs::PROCESS_EXECUTABLE, Text),
        ("actor.file.name", ecs::PROCESS_NAME, Text),
        ("parent.pid", ecs::PROCESS_PARENT_PID, Number),
        ("parent.uid", ecs::PROCESS_PARENT_ENTITY_ID, Text),
        ("parent.cmd_line", ecs::PROCESS_PARENT_COMMAND_LINE, Text),
        ("parent.file.path", ecs::PROCESS_PARENT_EXECUTABLE, Text),
        ("parent.file.name", ecs::PROCESS_PARENT_NAME, Text),
        ("reg_key.path", ecs::REGISTRY_PATH, Text),
        ("reg_value.path", ecs::REGISTRY_PATH, Text),
        ("reg_value.name", ecs::REGISTRY_VALUE, Text),
        ("reg_value.data", ecs::REGISTRY_DATA_STRINGS, Set),
        ("policy.rules.name", ecs::RULE_NAME, Text),
        ("policy.rules.uid", ecs::RULE_ID, Text),
        ("policy.rules.desc", ecs::RULE_DESCRIPTION, Text),
        ("rule_name", ecs::RULE_NAME, Text),
        ("threat.name", ecs::THREAT_INDICATOR_NAME, Text),
        ("threat.cve_uid", ecs::VULNERABILITY_ID, Set),
        ("attacks.technique_uid", ecs::THREAT_TECHNIQUE_ID, Set),
        ("attacks.technique_name", ecs::THREAT_TECHNIQUE_NAME, Set),
        ("attacks.tactic_uids", ecs::THREAT_TACTIC_ID, Set),
    ],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    let ids = ids();
    for (md5, sha1, sha256) in
        [(ids.file_md5, ids.file_sha1, ids.file_sha256), (ids.cybox_md5, ids.cybox_sha1, ids.cybox_sha256)]
    {
        put_digests(writer, md5, Some(ecs::FILE_HASH_MD5), None, None);
        put_digests(writer, sha1, None, Some(ecs::FILE_HASH_SHA1), None);
        put_digests(writer, sha256, None, None, Some(ecs::FILE_HASH_SHA256));
    }
    put_digests(writer, ids.actor_md5, Some(ecs::PROCESS_HASH_MD5), None, None);
    put_digests(writer, ids.actor_sha1, None, Some(ecs::PROCESS_HASH_SHA1), None);
    put_digests(writer, ids.actor_sha256, None, None, Some(ecs::PROCESS_HASH_SHA256));
    put_digests(writer, ids.parent_sha256, None, None, Some(ecs::PROCESS_PARENT_HASH_SHA256));
    if let Some((path, Kind::Text)) = writer.first_span(ecs::PROCESS_EXECUTABLE) {
        if writer.first(ecs::PROCESS_NAME).is_none() {
            put_path(writer, path, ecs::PROCESS_NAME, None, None);
        }
    }
    relate(writer, ecs::DESTINATION_IP, ecs::RELATED_IP);
    true
}
