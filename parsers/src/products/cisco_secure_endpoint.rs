//! Cisco Secure Endpoint (AMP for Endpoints): events of its API and event stream (API v1, "Events" and "Event Types").

use super::command_line::{Quoting, put_args};
use super::fields::{put_user, relate_span};
use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Spec, value};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::{ecs, logsource, products};

/// `cisco_secure_endpoint`.
pub(crate) static PRODUCT: Product = Product {
    name: "cisco_secure_endpoint",
    title: "Cisco Secure Endpoint (AMP)",
    document: "Cisco Secure Endpoint API v1: events and event types",
    namespace: "cisco.secure_endpoint",
    module: "cisco_secure_endpoint",
    dataset: "cisco_secure_endpoint.event",
    names: NAMES,
    json: &[&TABLE],
    detect: &[Detect::Members(&["event_type_id", "connector_guid", "date"], read)],
    ..Product::NONE
};

vendor_names! {
    event_type = "event_type";
    user = "computer.user";
    hostname = "computer.hostname";
    path = "file.file_path";
    disposition = "file.disposition";
    arguments = "command_line.arguments";
    direction = "network_info.nfm.direction";
    @also
    "timestamp_nanoseconds" "detection" "detection_id" "computer.active" "computer.links.computer" "computer.links.trajectory"
    "computer.links.group" "error.description" "file.parent.disposition" "cloud_ioc.description"
    "cloud_ioc.short_description" "vulnerabilities.score" "vulnerabilities.url" "vulnerabilities.name"
    "vulnerabilities.version" "scan.description" "scan.malicious_detections" "scan.scanned_files"
    "network_info.dirty_url" "network_info.parent.disposition"
}

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::CISCO_SECURE_ENDPOINT,
    log_source: logsource::CISCO_SECURE_ENDPOINT,
    constants: &[(ecs::EVENT_KIND, "alert"), (ecs::EVENT_SEVERITY, "0")],
    time: &[("date", Clock::IsoUtc), ("timestamp", Clock::Seconds)],
    rows: &[
        ("id", ecs::EVENT_ID, Text),
        ("event_type", ecs::EVENT_ACTION, Text),
        ("event_type_id", ecs::EVENT_CODE, Text),
        (
            "severity",
            ecs::EVENT_SEVERITY,
            OnlyMeans(&[
                ("Low", &[(ecs::EVENT_SEVERITY, "1")]),
                ("Medium", &[(ecs::EVENT_SEVERITY, "2")]),
                ("High", &[(ecs::EVENT_SEVERITY, "3")]),
                ("Critical", &[(ecs::EVENT_SEVERITY, "4")]),
            ]),
        ),
        ("start_date", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("error.error_code", ecs::ERROR_CODE, Text),
        ("connector_guid", ecs::HOST_ID, Text),
        ("computer.connector_guid", ecs::HOST_ID, Text),
        ("computer.hostname", ecs::HOST_NAME, Host),
        ("computer.network_addresses.ip", ecs::HOST_IP, Ips),
        ("computer.network_addresses.mac", ecs::HOST_MAC, Mac),
        ("computer.external_ip", ecs::RELATED_IP, Ips),
        ("group_guids", ecs::GROUP_ID, Text),
        ("file.file_name", ecs::FILE_NAME, Text),
        ("file.file_path", ecs::FILE_PATH, Text),
        ("file.identity.sha256", ecs::FILE_HASH_SHA256, Hash),
        ("file.identity.sha1", ecs::FILE_HASH_SHA1, Hash),
        ("file.identity.md5", ecs::FILE_HASH_MD5, Hash),
        ("file.parent.file_name", ecs::PROCESS_NAME, Text),
        ("file.parent.process_id", ecs::PROCESS_PID, Number),
        ("file.parent.identity.sha256", ecs::PROCESS_HASH_SHA256, Text),
        ("file.parent.identity.sha1", ecs::PROCESS_HASH_SHA1, Text),
        ("file.parent.identity.md5", ecs::PROCESS_HASH_MD5, Text),
        ("network_info.parent.file_name", ecs::PROCESS_NAME, Text),
        ("network_info.parent.process_id", ecs::PROCESS_PID, Number),
        ("network_info.parent.identity.sha256", ecs::PROCESS_HASH_SHA256, Text),
        ("network_info.parent.identity.sha1", ecs::PROCESS_HASH_SHA1, Text),
        ("network_info.parent.identity.md5", ecs::PROCESS_HASH_MD5, Text),
        ("network_info.local_ip", ecs::SOURCE_IP, Ip),
        ("network_info.local_port", ecs::SOURCE_PORT, Port),
        ("network_info.remote_ip", ecs::DESTINATION_IP, Ip),
        ("network_info.remote_port", ecs::DESTINATION_PORT, Port),
        ("network_info.nfm.protocol", ecs::NETWORK_TRANSPORT, Lower),
        ("command_line.arguments", ecs::PROCESS_COMMAND_LINE, Text),
        ("vulnerabilities.cve", ecs::VULNERABILITY_ID, Set),
        ("tactics", ecs::THREAT_TACTIC_ID, Set),
        ("tactics.external_id", ecs::THREAT_TACTIC_ID, Set),
        ("tactics.name", ecs::THREAT_TACTIC_NAME, Set),
        ("techniques", ecs::THREAT_TECHNIQUE_ID, Set),
        ("techniques.external_id", ecs::THREAT_TECHNIQUE_ID, Set),
        ("techniques.name", ecs::THREAT_TECHNIQUE_NAME, Set),
    ],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    TABLE.apply(writer, context);
    if let Some(host) = value(writer, ids.hostname) {
        // The schema's host name is the whole one, its hostname the first label.
        let label = host.part(0..crate::scan::until(writer.bytes(host), b'.'));
        writer.put_span(ecs::HOST_HOSTNAME, label, Kind::Text, false);
    }
    if let Some(user) = value(writer, ids.user) {
        if let Some(name) = put_user(writer, user, ecs::USER_NAME, ecs::USER_DOMAIN) {
            relate_span(writer, name, ecs::RELATED_USER);
        }
    }
    if let Some(line) = value(writer, ids.arguments) {
        put_args(writer, line, Quoting::Windows, ecs::PROCESS_ARGS, ecs::PROCESS_ARGS_COUNT);
        let first = writer.first_span(ecs::PROCESS_ARGS);
        if let Some((first, _)) = first {
            writer.put_span(ecs::PROCESS_EXECUTABLE, first, Kind::Text, false);
        }
    }
    match writer.first(ids.direction) {
        Some(text) if text.starts_with(b"Outgoing") => writer.put_str(ecs::NETWORK_DIRECTION, "egress"),
        Some(text) if text.starts_with(b"Incoming") => writer.put_str(ecs::NETWORK_DIRECTION, "ingress"),
        _ => {}
    }
    let path = writer.first(ids.path).unwrap_or_default();
    if path.get(1) == Some(&b':') || path.starts_with(b"\\\\") {
        writer.put_str(ecs::HOST_OS_FAMILY, "windows");
        writer.put_str(ecs::HOST_OS_PLATFORM, "windows");
    }
    // A file that is only named is a file's event; one that is malicious, or that was acted upon, is of malware.
    let action = writer.first(ids.event_type).unwrap_or_default();
    let acted = [&b"Quarantine"[..], b"Dropper", b"Infected", b"Malware", b"malware"]
        .iter()
        .any(|word| crate::scan::find(action, word).is_some());
    let malicious = writer.first(ids.disposition) == Some(b"Malicious");
    let named = writer.view().has(ecs::FILE_NAME) || writer.first(ids.disposition).is_some() && !acted;
    if named {
        writer.put_str(ecs::EVENT_CATEGORY, "file");
    }
    if malicious || acted {
        writer.put_str(ecs::EVENT_CATEGORY, "malware");
    }
    true
}
