//! Bitdefender GravityZone push events (GravityZone Public API: Push event JSON-RPC messages), alone or as the `event` of a
//! JSON-RPC message.

use super::fields::{put_user, relate, relate_span};
use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Spec, value};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::{EVENT_CATEGORY as C, EVENT_KIND as K, EVENT_PROVIDER as P, EVENT_TYPE as T};
use crate::event::EventWriter;
use crate::{ecs, products};

/// `bitdefender`.
pub(crate) static PRODUCT: Product = Product {
    name: "bitdefender",
    title: "Bitdefender GravityZone",
    document: "Bitdefender GravityZone Public API: push events",
    namespace: "bitdefender",
    module: "bitdefender",
    dataset: "bitdefender.push_notifications",
    names: NAMES,
    json: &[&TABLE],
    detect: &[
        Detect::Members(&["module", "companyId"], read),
        Detect::Members(&["module", "computer_id", "product_installed"], read),
    ],
    ..Product::NONE
};

vendor_names! {
    username = "username";
    user_name = "user.name";
    user_user_name = "user.userName";
    detection_username = "detection_username";
    @also
    "product_installed" "_testEvent_" "count" "aph_type" "attack_entry" "incident_id" "severity" "severity_score"
    "remediationActions" "fileSizes" "block_type" "categories" "protocol_id" "taskId" "taskName"
    "taskType" "issueType" "hwid" "license_limit" "malware_type"
}

/// What a module's event is called and about.
macro_rules! module {
    ($kind:literal $name:literal $($category:literal)*; $($type:literal)*) => {
        &[(K, $kind), (P, $name) $(, (C, $category))* $(, (T, $type))*] as Constants
    };
}

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::BITDEFENDER,
    constants: &[(K, "event"), (ecs::EVENT_SEVERITY, "0")],
    time: &[
        ("created", Clock::IsoUtc),
        ("last_blocked", Clock::IsoUtc),
        ("timestamp", Clock::IsoUtc),
        ("detectionTime", Clock::Epoch),
        ("detection_time", Clock::IsoUtc),
        ("lastAdReportDate", Clock::IsoUtc),
        ("startDate", Clock::IsoUtc),
        ("issueDate", Clock::IsoUtc),
    ],
    rows: &[
        (
            "module",
            K,
            OnlyMeans(&[
                ("aph", module!("alert" "Antiphishing" "threat" "network"; "info" "access")),
                ("av", module!("alert" "Antimalware" "threat" "malware"; "info")),
                ("avc", module!("alert" "Advanced Threat Control" "threat" "malware"; "info")),
                ("antiexploit", module!("alert" "Antiexploit" "threat" "intrusion_detection"; "info")),
                ("device-control", module!("event" "Device Control" "configuration" "host"; "info")),
                ("dp", module!("event" "Data Protection" "threat" "network"; "info")),
                ("endpoint-moved-in", module!("event" "Endpoint Moved In" "configuration" "package"; "info")),
                ("endpoint-moved-out", module!("event" "Endpoint Moved Out" "configuration" "package"; "info")),
                ("exchange-malware", module!("alert" "Exchange Malware Detection" "threat" "malware"; "info")),
                (
                    "exchange-organization-info",
                    module!("alert" "Exchange License Usage Limit Has Been Reached" "configuration" "package"; "info"),
                ),
                (
                    "exchange-user-credentials",
                    module!("alert" "Exchange User Credentials" "configuration" "package" "host"; "info"),
                ),
                ("fw", module!("event" "Firewall" "threat" "intrusion_detection" "network"; "info")),
                ("hd", module!("alert" "Hyper Detect Event" "threat" "intrusion_detection" "malware"; "info")),
                ("hwid-change", module!("event" "Hardware ID Change" "configuration" "host"; "info")),
                ("install", module!("event" "Install Agent" "configuration" "package"; "info")),
                ("uninstall", module!("event" "Uninstall Agent" "configuration" "package"; "info")),
                ("modules", module!("event" "Product Modules Status" "configuration" "package"; "info")),
                ("network-monitor", module!("alert" "Network Attack Defense" "threat" "intrusion_detection"; "info")),
                (
                    "network-sandboxing",
                    module!("alert" "Sandbox Analyzer Detection" "threat" "intrusion_detection"; "info"),
                ),
                ("new-incident", module!("alert" "New Incident" "threat" "intrusion_detection"; "info")),
                (
                    "new-extended-incident",
                    module!("alert" "New Extended Incident" "threat" "intrusion_detection"; "info"),
                ),
                (
                    "ransomware-mitigation",
                    module!("alert" "Ransomware Activity" "threat" "intrusion_detection"; "info" "denied"),
                ),
                ("registration", module!("event" "Product Registration" "configuration" "package"; "info")),
                ("storage-antimalware", module!("alert" "Storage Antimalware Event" "threat" "malware"; "info")),
                ("supa-update-status", module!("event" "Outdated Update Server" "configuration" "package"; "info")),
                ("sva", module!("event" "Security Server Status" "configuration" "host"; "info")),
                ("sva-load", module!("event" "Overloaded Security Server" "configuration" "host"; "info")),
                ("task-status", module!("event" "Task Status" "configuration" "host" "process"; "info")),
                (
                    "troubleshooting-activity",
                    module!("event" "Troubleshooting Activity" "configuration" "host" "session"; "info"),
                ),
                ("uc", module!("event" "User Control/Content Control" "threat" "network" "web"; "info")),
                ("adcloud", module!("event" "Cloud AD Integration" "database"; "info")),
                ("adcloudgz", module!("event" "AD Integration" "database"; "info")),
            ]),
        ),
        (
            "severity",
            ecs::EVENT_SEVERITY,
            OnlyMeans(&[
                ("low", &[(ecs::EVENT_SEVERITY, "21")]),
                ("medium", &[(ecs::EVENT_SEVERITY, "47")]),
                ("high", &[(ecs::EVENT_SEVERITY, "73")]),
                ("critical", &[(ecs::EVENT_SEVERITY, "99")]),
            ]),
        ),
        ("main_action", ecs::EVENT_ACTION, Text),
        ("final_status", ecs::EVENT_ACTION, Text),
        ("detection_action", ecs::EVENT_ACTION, Text),
        ("actionTaken", ecs::EVENT_ACTION, Text),
        ("action_taken", ecs::EVENT_ACTION, Text),
        ("status", ecs::EVENT_ACTION, Text),
        ("companyId", ecs::ORGANIZATION_ID, Text),
        ("companyName", ecs::ORGANIZATION_NAME, Text),
        ("computer_name", ecs::HOST_NAME, Host),
        ("computerName", ecs::HOST_NAME, Host),
        ("targetName", ecs::HOST_NAME, Host),
        ("computer_fqdn", ecs::HOST_HOSTNAME, Text),
        ("computer_ip", ecs::HOST_IP, Ips),
        ("computerIp", ecs::HOST_IP, Ips),
        ("computer_ip", ecs::DESTINATION_IP, Ip),
        ("victim_ip", ecs::DESTINATION_NAT_IP, Ip),
        ("computer_id", ecs::HOST_ID, Text),
        ("endpointId", ecs::HOST_ID, Text),
        ("source_ip", ecs::SOURCE_IP, Ip),
        ("attack_source", ecs::SOURCE_IP, Ip),
        ("local_port", ecs::DESTINATION_PORT, Port),
        ("file_path", ecs::FILE_PATH, Text),
        ("filePaths", ecs::FILE_PATH, Text),
        ("file_name", ecs::FILE_NAME, Text),
        ("hash", ecs::FILE_HASH_SHA256, Hash),
        ("file_hash_sha256", ecs::FILE_HASH_SHA256, Hash),
        ("file_hash_md5", ecs::FILE_HASH_MD5, Hash),
        ("process_path", ecs::PROCESS_EXECUTABLE, Text),
        ("exploit_path", ecs::PROCESS_EXECUTABLE, Text),
        ("detection_path", ecs::PROCESS_EXECUTABLE, Text),
        ("process_pid", ecs::PROCESS_PID, Number),
        ("detection_pid", ecs::PROCESS_PID, Number),
        ("process_command_line", ecs::PROCESS_COMMAND_LINE, Text),
        ("parent_process_path", ecs::PROCESS_PARENT_EXECUTABLE, Text),
        ("detection_parentPath", ecs::PROCESS_PARENT_EXECUTABLE, Text),
        ("parent_process_pid", ecs::PROCESS_PARENT_PID, Number),
        ("detection_parentPid", ecs::PROCESS_PARENT_PID, Number),
        ("detection_name", ecs::THREAT_SOFTWARE_NAME, Text),
        ("malware_name", ecs::THREAT_SOFTWARE_NAME, Text),
        ("exploit_type", ecs::THREAT_SOFTWARE_NAME, Text),
        ("detection_threatName", ecs::THREAT_SOFTWARE_NAME, Text),
        ("malware.malwareName", ecs::THREAT_SOFTWARE_NAME, Text),
        ("att_ck_id", ecs::THREAT_TECHNIQUE_ID, Set),
        ("attack_types", ecs::THREAT_TECHNIQUE_NAME, Set),
        ("detection_attackTechnique", ecs::THREAT_TECHNIQUE_NAME, Set),
        ("detection_name", ecs::MESSAGE, Text),
        ("errorMessage", ecs::ERROR_MESSAGE, Text),
        ("url", ecs::URL_ORIGINAL, Url),
        ("user.sid", ecs::USER_ID, Text),
        ("user.userSid", ecs::USER_ID, Text),
        ("user_sid", ecs::USER_ID, Text),
        ("userId", ecs::USER_ID, Text),
        ("sender", ecs::EMAIL_SENDER_ADDRESS, Text),
        ("recipients", ecs::EMAIL_TO_ADDRESS, Set),
        ("subject", ecs::EMAIL_SUBJECT, Text),
    ],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    let ids = ids();
    for id in [ids.username, ids.user_name, ids.user_user_name, ids.detection_username] {
        let Some(user) = value(writer, id) else { continue };
        relate_span(writer, user, ecs::RELATED_USER);
        if let Some(name) = put_user(writer, user, ecs::USER_NAME, ecs::USER_DOMAIN) {
            relate_span(writer, name, ecs::RELATED_USER);
        }
        break;
    }
    relate(writer, ecs::HOST_HOSTNAME, ecs::RELATED_HOSTS);
    true
}
