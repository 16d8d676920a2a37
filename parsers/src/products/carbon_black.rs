//! VMware Carbon Black: EDR (the event forwarder's JSON) and Cloud (alerts, endpoint events, watchlist hits, audit logs).

#[cfg(test)]
mod tests;

use super::fields::{present, put_account, put_digests, put_path, relate, relate_span};
use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Row, Spec, put_constant};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::ecs::{EVENT_CATEGORY, EVENT_KIND, EVENT_TYPE};
use crate::event::{EventWriter, Kind};
use crate::{ecs, logsource, products};

/// `carbonblack_edr`.
pub(crate) static EDR: Product = Product {
    name: "carbonblack_edr",
    title: "VMware Carbon Black EDR",
    document: "Carbon Black EDR Event Forwarder: event types and fields",
    namespace: "carbonblack.edr",
    module: "carbonblack_edr",
    dataset: "carbonblack_edr.log",
    vendor: "VMWare",
    product: "Carbon Black EDR",
    observer_type: "edr",
    names: NAMES,
    json: &[&EDR_TABLE],
    detect: &[
        Detect::Members(&["cb_server", "type"], read_edr),
        Detect::Members(&["cb_server", "event_type"], read_edr),
        Detect::Members(&["cb_server", "event_timestamp"], read_edr),
        Detect::Members(&["server_name", "cb_version"], read_edr),
        Detect::Members(&["sensor_id", "event_timestamp"], read_edr),
        Detect::Members(&["md5", "event_timestamp"], read_edr),
        Detect::Members(&["watchlist_id", "watchlist_name", "event_timestamp"], read_edr),
    ],
};

/// `carbon_black_cloud`.
pub(crate) static CLOUD: Product = Product {
    name: "carbon_black_cloud",
    title: "VMware Carbon Black Cloud",
    document: "Carbon Black Cloud Data Forwarder schema 2.0; Alerts API v7; Audit Log API",
    namespace: "carbon_black_cloud",
    module: "carbon_black_cloud",
    dataset: "carbon_black_cloud.event",
    json: &[&CLOUD_TABLE, &USERS, &AUDIT_TABLE],
    detect: &[
        Detect::Members(&["org_key", "type"], read_cloud),
        Detect::Members(&["org_key", "device_id", "process_guid"], read_cloud),
        Detect::Members(&["orgName", "eventId", "loginName"], read_audit),
    ],
    ..Product::NONE
};

vendor_names! {
    kind = "type";
    md5 = "md5";
    sha256 = "sha256";
    docs_md5 = "docs.md5";
    docs_endpoint = "docs.endpoint";
    local_ip = "local_ip";
    local_port = "local_port";
    remote_ip = "remote_ip";
    remote_port = "remote_port";
    device_name = "device_name";
    device_username = "device_username";
    process_hash = "process_hash";
    parent_hash = "parent_hash";
    process_path = "process_path";
    process_name = "process_name";
    parent_path = "parent_path";
    parent_name = "parent_name";
    childproc_hash = "childproc_hash";
    crossproc_hash = "crossproc_hash";
    filemod_hash = "filemod_hash";
    modload_hash = "modload_hash";
    scriptload_hash = "scriptload_hash";
    netconn_inbound = "netconn_inbound";
    description = "description";
    @also
    "org_key" "group" "link_md5" "link_process" "link_sensor" "cb_version" "sensor_id" "process_id" "tamper"
    "tamper_type" "actiontype" "filetype" "filetype_name" "scores" "watchlists" "ioc_id" "report_id" "report_name"
    "policy_id" "policy_name" "threat_id" "legacy_alert_id" "process_publisher.name" "process_publisher.state"
    "process_reputation" "parent_reputation" "sensor_action" "event_origin" "backend_timestamp" "requestUrl" "flagged"
    "verbose" "reason_code" "target_value" "run_state" "threat_cause_reputation" "compressed_size" "docs.group"
}

const FILE_INFO: Constants = &[(EVENT_CATEGORY, "file"), (EVENT_TYPE, "info")];
const HOST_INFO: Constants = &[(EVENT_CATEGORY, "host"), (EVENT_TYPE, "info")];
const FILE_CHANGE: Constants = &[(EVENT_CATEGORY, "file"), (EVENT_TYPE, "change")];
const REGISTRY_CHANGE: Constants = &[(EVENT_CATEGORY, "registry"), (EVENT_TYPE, "change")];
const PROCESS_INFO: Constants = &[(EVENT_CATEGORY, "process"), (EVENT_TYPE, "info")];
const PROCESS_START: Constants = &[(EVENT_CATEGORY, "process"), (EVENT_TYPE, "start"), (EVENT_TYPE, "info")];
const PROCESS_END: Constants = &[(EVENT_CATEGORY, "process"), (EVENT_TYPE, "end")];
const PROCESS_DENIED: Constants = &[(EVENT_CATEGORY, "process"), (EVENT_TYPE, "denied")];
const CONNECTION: Constants = &[(EVENT_CATEGORY, "network"), (EVENT_TYPE, "connection"), (EVENT_TYPE, "start")];
const TAMPER: Constants = &[(EVENT_CATEGORY, "process"), (EVENT_CATEGORY, "driver"), (EVENT_TYPE, "info")];

/// What the forwarder's event types are.
const EDR_TYPES: &[(&str, Constants)] = &[
    ("binaryinfo.observed", FILE_INFO),
    ("binaryinfo.group.observed", FILE_INFO),
    ("binaryinfo.host.observed", HOST_INFO),
    ("binarystore.file.added", FILE_INFO),
    ("ingress.event.netconn", CONNECTION),
    ("ingress.event.regmod", REGISTRY_CHANGE),
    ("ingress.event.filemod", FILE_CHANGE),
    ("ingress.event.module", PROCESS_START),
    ("ingress.event.procstart", PROCESS_START),
    ("ingress.event.process", PROCESS_START),
    ("ingress.event.childproc", PROCESS_START),
    ("ingress.event.procend", PROCESS_END),
    ("ingress.event.processblock", PROCESS_DENIED),
    ("ingress.event.remotethread", PROCESS_INFO),
    ("ingress.event.crossprocopen", PROCESS_INFO),
    ("ingress.event.emetmitigation", PROCESS_DENIED),
    ("ingress.event.tamper", TAMPER),
];

const TRANSPORTS: &[(&str, &str)] =
    &[("6", "tcp"), ("17", "udp"), ("1", "icmp"), ("PROTO_TCP", "tcp"), ("PROTO_UDP", "udp")];

const SYSTEMS: &[(&str, &str)] = &[
    ("WINDOWS", "windows"),
    ("Windows", "windows"),
    ("windows", "windows"),
    ("MAC", "macos"),
    ("osx", "macos"),
    ("OSX", "macos"),
    ("LINUX", "linux"),
    ("Linux", "linux"),
    ("linux", "linux"),
];

static EDR_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::CARBONBLACK_EDR,
    log_source: logsource::CARBON_BLACK,
    constants: &[(EVENT_KIND, "event")],
    time: &[("timestamp", Clock::Epoch), ("event_timestamp", Clock::Epoch)],
    rows: &[
        ("type", ecs::EVENT_ACTION, Means(EDR_TYPES)),
        ("cb_server", ecs::OBSERVER_NAME, Text),
        ("server_name", ecs::OBSERVER_NAME, Text),
        ("cb_version", ecs::OBSERVER_VERSION, Text),
        ("hostname", ecs::HOST_NAME, Text),
        ("docs.hostname", ecs::HOST_NAME, Text),
        ("computer_name", ecs::HOST_NAME, Text),
        ("docs.os_type", ecs::HOST_OS_TYPE, Map(SYSTEMS)),
        ("protocol", ecs::NETWORK_IANA_NUMBER, Text),
        ("protocol", ecs::NETWORK_TRANSPORT, Map(TRANSPORTS)),
        ("direction", ecs::NETWORK_DIRECTION, Text),
        ("ja3", ecs::TLS_CLIENT_JA3, Hash),
        ("ja3s", ecs::TLS_SERVER_JA3S, Hash),
        ("docs.observed_filename", ecs::FILE_PATH, Text),
        ("file_path", ecs::FILE_PATH, Text),
        ("docs.orig_mod_len", ecs::FILE_SIZE, Number),
        ("size", ecs::FILE_SIZE, Number),
        ("utf8_copied_module_length", ecs::FILE_SIZE, Number),
        ("watchlist_id", ecs::RULE_ID, Text),
        ("watchlist_name", ecs::RULE_NAME, Text),
        ("process_guid", ecs::PROCESS_ENTITY_ID, Text),
        ("pid", ecs::PROCESS_PID, Number),
        ("process_path", ecs::PROCESS_EXECUTABLE, Text),
        ("command_line", ecs::PROCESS_COMMAND_LINE, Text),
        ("username", ecs::USER_NAME, User),
    ],
    ..Spec::NONE
});

fn read_edr(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    EDR_TABLE.apply(writer, context);
    let ids = ids();
    put_constant(writer, ecs::EVENT_ACTION, "unknown");
    // `name|sensor id`
    if let Some(span) = present(writer, ids.docs_endpoint).filter(|_| !writer.view().has(ecs::HOST_NAME)) {
        let bar = memchr::memchr(b'|', writer.bytes(span)).unwrap_or(span.len());
        writer.put_span(ecs::HOST_NAME, span.part(0..bar), Kind::Text, false);
    }
    let outbound = writer.first(ecs::NETWORK_DIRECTION) != Some(b"inbound");
    put_ends(writer, outbound);
    let module = matches!(writer.first(ids.kind), Some([b'b', b'i', b'n', b'a', b'r', b'y', ..]));
    let (md5, sha256) = if module || writer.view().has(ids.docs_md5) {
        (ecs::FILE_HASH_MD5, ecs::FILE_HASH_SHA256)
    } else {
        (ecs::PROCESS_HASH_MD5, ecs::PROCESS_HASH_SHA256)
    };
    for from in [ids.docs_md5, ids.md5, ids.sha256] {
        put_digests(writer, from, Some(md5), None, Some(sha256));
    }
    true
}

/// Local and remote address as source and destination.
fn put_ends(writer: &mut EventWriter<'_>, outbound: bool) {
    let ids = ids();
    let source = (ecs::SOURCE_IP, ecs::SOURCE_PORT);
    let destination = (ecs::DESTINATION_IP, ecs::DESTINATION_PORT);
    let (local, remote) = if outbound { (source, destination) } else { (destination, source) };
    for (address, port, (to_ip, to_port)) in
        [(ids.local_ip, ids.local_port, local), (ids.remote_ip, ids.remote_port, remote)]
    {
        let Some(span) = present(writer, address) else { continue };
        if writer.put_if_ip(to_ip, span) {
            relate(writer, to_ip, ecs::RELATED_IP);
            if let Some(span) = present(writer, port) {
                writer.put_port_span(to_port, span);
            }
        }
    }
}

const DEVICE_ROWS: &[Row] = &[
    ("id", ecs::EVENT_ID, Text),
    ("reason", ecs::EVENT_REASON, Text),
    ("severity", ecs::EVENT_SEVERITY, Number),
    ("alert_url", ecs::EVENT_URL, Text),
    ("first_event_timestamp", ecs::EVENT_START, Time(Clock::IsoUtc)),
    ("first_event_time", ecs::EVENT_START, Time(Clock::IsoUtc)),
    ("last_event_timestamp", ecs::EVENT_END, Time(Clock::IsoUtc)),
    ("last_event_time", ecs::EVENT_END, Time(Clock::IsoUtc)),
    ("action", ecs::EVENT_ACTION, Text),
    ("org_key", ecs::ORGANIZATION_ID, Text),
    ("device_id", ecs::HOST_ID, Text),
    ("device_os", ecs::HOST_OS_TYPE, Map(SYSTEMS)),
    ("device_os_version", ecs::HOST_OS_VERSION, Text),
    ("device_internal_ip", ecs::HOST_IP, Ips),
    ("device_external_ip", ecs::HOST_IP, Ips),
    ("process_guid", ecs::PROCESS_ENTITY_ID, Text),
    ("process_pid", ecs::PROCESS_PID, Number),
    ("process_cmdline", ecs::PROCESS_COMMAND_LINE, Text),
    ("process_md5", ecs::PROCESS_HASH_MD5, Hash),
    ("process_sha256", ecs::PROCESS_HASH_SHA256, Hash),
    ("parent_guid", ecs::PROCESS_PARENT_ENTITY_ID, Text),
    ("parent_pid", ecs::PROCESS_PARENT_PID, Number),
    ("parent_cmdline", ecs::PROCESS_PARENT_COMMAND_LINE, Text),
    ("parent_md5", ecs::PROCESS_PARENT_HASH_MD5, Hash),
    ("parent_sha256", ecs::PROCESS_PARENT_HASH_SHA256, Hash),
    ("childproc_md5", ecs::RELATED_HASH, Set),
    ("childproc_sha256", ecs::RELATED_HASH, Set),
    ("threat_cause_actor_md5", ecs::RELATED_HASH, Set),
    ("threat_cause_actor_sha256", ecs::RELATED_HASH, Set),
    ("threat_indicators.sha256", ecs::RELATED_HASH, Set),
    ("filemod_name", ecs::FILE_PATH, FilePath),
    ("modload_name", ecs::DLL_PATH, Text),
    ("regmod_name", ecs::REGISTRY_PATH, Text),
    ("netconn_protocol", ecs::NETWORK_TRANSPORT, Map(TRANSPORTS)),
    ("netconn_domain", ecs::DESTINATION_DOMAIN, Host),
    ("netconn_remote_ip", ecs::DESTINATION_IP, Ip),
    ("netconn_remote_port", ecs::DESTINATION_PORT, Port),
    ("netconn_local_ip", ecs::SOURCE_IP, Ip),
    ("netconn_local_port", ecs::SOURCE_PORT, Port),
    ("watchlists.id", ecs::RULE_ID, Text),
    ("watchlists.name", ecs::RULE_NAME, Text),
];

/// Who ran the processes of an endpoint's event. Of an alert only the device's user is related.
static USERS: JsonTable = JsonTable::new(Spec {
    product: products::CARBON_BLACK_CLOUD,
    log_source: logsource::CARBON_BLACK,
    own: false,
    rows: &[
        ("process_username", ecs::RELATED_USER, Set),
        ("parent_username", ecs::RELATED_USER, Set),
        ("childproc_username", ecs::RELATED_USER, Set),
    ],
    ..Spec::NONE
});

static CLOUD_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::CARBON_BLACK_CLOUD,
    log_source: logsource::CARBON_BLACK,
    time: &[
        ("device_timestamp", Clock::IsoUtc),
        ("detection_timestamp", Clock::IsoUtc),
        ("create_time", Clock::IsoUtc),
        ("backend_timestamp", Clock::IsoUtc),
    ],
    rows: DEVICE_ROWS,
    ..Spec::NONE
});

fn read_cloud(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let kind = writer.first(ids().kind).unwrap_or_default();
    let endpoint = kind.starts_with(b"endpoint.event.");
    let dataset = match kind {
        b"watchlist.hit" => "carbon_black_cloud.watchlist_hit",
        _ if endpoint => "carbon_black_cloud.endpoint_event",
        _ => "carbon_black_cloud.alert_v7",
    };
    CLOUD_TABLE.apply(writer, context);
    writer.put_str(ecs::EVENT_DATASET, dataset);
    match dataset {
        "carbon_black_cloud.watchlist_hit" => writer.put_str(ecs::EVENT_KIND, "event"),
        "carbon_black_cloud.alert_v7" => writer.put_str(ecs::EVENT_KIND, "alert"),
        _ => {}
    }
    if dataset != "carbon_black_cloud.alert_v7" {
        USERS.apply(writer, context);
    }
    let ids = ids();
    put_device(writer);
    put_image(writer, ids.process_path, ids.process_name, ecs::PROCESS_EXECUTABLE, ecs::PROCESS_NAME, !endpoint);
    put_image(
        writer,
        ids.parent_path,
        ids.parent_name,
        ecs::PROCESS_PARENT_EXECUTABLE,
        ecs::PROCESS_PARENT_NAME,
        !endpoint,
    );
    put_digests(writer, ids.process_hash, Some(ecs::PROCESS_HASH_MD5), None, Some(ecs::PROCESS_HASH_SHA256));
    put_digests(
        writer,
        ids.parent_hash,
        Some(ecs::PROCESS_PARENT_HASH_MD5),
        None,
        Some(ecs::PROCESS_PARENT_HASH_SHA256),
    );
    put_digests(writer, ids.filemod_hash, Some(ecs::FILE_HASH_MD5), None, Some(ecs::FILE_HASH_SHA256));
    put_digests(writer, ids.modload_hash, Some(ecs::DLL_HASH_MD5), None, Some(ecs::DLL_HASH_SHA256));
    for from in [ids.childproc_hash, ids.crossproc_hash, ids.scriptload_hash] {
        put_digests(writer, from, None, None, None);
    }
    if endpoint {
        if let Some(inbound) = writer.first(ids.netconn_inbound) {
            let direction = if inbound == b"true" { "inbound" } else { "outbound" };
            writer.put_str(ecs::NETWORK_DIRECTION, direction);
        }
        put_ends(writer, true);
        for (from, to) in [(ecs::SOURCE_IP, ecs::CLIENT_IP), (ecs::SOURCE_PORT, ecs::CLIENT_PORT)] {
            super::fields::copy(writer, from, to);
        }
    }
    true
}

/// `DOMAIN\host` and `DOMAIN\user` of a device.
fn put_device(writer: &mut EventWriter<'_>) {
    let ids = ids();
    if let Some(span) = present(writer, ids.device_name) {
        let text = writer.bytes(span);
        let slash = memchr::memrchr(b'\\', text);
        let host = slash.map_or(span, |at| span.part(at + 1..text.len()));
        let domain = slash.filter(|&at| at > 0).map(|at| span.part(0..at));
        writer.put_span(ecs::HOST_NAME, host, Kind::Text, false);
        writer.put_span(ecs::HOST_HOSTNAME, host, Kind::Text, false);
        relate_span(writer, host, ecs::RELATED_HOSTS);
        if let Some(domain) = domain.filter(|_| !writer.view().has(ids.device_username)) {
            writer.put_span(ecs::USER_DOMAIN, domain, Kind::Text, false);
            relate_span(writer, domain, ecs::RELATED_HOSTS);
        }
    }
    if let Some(span) = present(writer, ids.device_username) {
        put_account(writer, span, ecs::USER_NAME, ecs::USER_DOMAIN);
        relate(writer, ecs::USER_DOMAIN, ecs::RELATED_HOSTS);
    }
}

/// The image of a process: a path in one member or the other, or a bare name.
fn put_image(
    writer: &mut EventWriter<'_>,
    path: FieldId,
    name: FieldId,
    executable: FieldId,
    base: FieldId,
    named: bool,
) {
    let is_path = |writer: &EventWriter<'_>, span| memchr::memchr2(b'\\', b'/', writer.bytes(span)).is_some();
    let name = present(writer, name);
    let whole = present(writer, path).or(name.filter(|&span| is_path(writer, span)));
    if let Some(span) = whole {
        writer.put_span(executable, span, Kind::Text, false);
        if named {
            put_path(writer, span, base, None, None);
        }
    } else if let Some(span) = name {
        writer.put_span(base, span, Kind::Text, false);
    }
}

static AUDIT_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::CARBON_BLACK_CLOUD,
    log_source: logsource::CARBON_BLACK,
    constants: &[(EVENT_KIND, "event"), (ecs::EVENT_DATASET, "carbon_black_cloud.audit")],
    time: &[("eventTime", Clock::Epoch)],
    rows: &[
        ("eventId", ecs::EVENT_ID, Text),
        ("description", ecs::EVENT_REASON, Text),
        ("clientIp", ecs::CLIENT_IP, Ip),
        ("loginName", ecs::CLIENT_USER_ID, User),
        ("orgName", ecs::ORGANIZATION_NAME, Text),
    ],
    ..Spec::NONE
});

fn read_audit(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    AUDIT_TABLE.apply(writer, context);
    // The description is all there is to tell by.
    let text = writer.first(ids().description).unwrap_or_default();
    let failed = memchr::memmem::find(text, b"fail").is_some() || memchr::memmem::find(text, b"denied").is_some();
    writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
    true
}
