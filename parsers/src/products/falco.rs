//! Falco alerts (Falco docs, "Outputs: formatting" and "Supported fields") and Sysdig Secure policy events.

use super::fields::{relate, relate_span};
use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::{ecs, products};

/// `falco`.
pub(crate) static PRODUCT: Product = Product {
    name: "falco",
    title: "Falco",
    document: "Falco docs: output formatting, supported fields",
    namespace: "falco",
    module: "falco",
    dataset: "falco.alerts",
    vendor: "sysdig",
    product: "falco",
    observer_type: "sensor",
    names: NAMES,
    json: &[&TABLE],
    detect: &[Detect::Members(&["rule", "priority", "output", "time"], read)],
};

/// `sysdig_secure`.
pub(crate) static SYSDIG: Product = Product {
    name: "sysdig_secure",
    title: "Sysdig Secure policy events",
    document: "Sysdig docs: Event forwarding, policy event payload",
    namespace: "sysdig",
    module: "sysdig",
    dataset: "sysdig.alerts",
    json: &[&POLICY],
    detect: &[
        Detect::Members(&["timestampRFC3339Nano", "originator"], read_policy),
        Detect::Members(&["timestampRFC3339Nano", "type"], read_policy),
    ],
    ..Product::NONE
};

vendor_names! {
    tags = "tags";
    event_type = "output_fields.evt.type";
    failed = "output_fields.evt.failed";
    result = "output_fields.evt.res";
    file_type = "output_fields.fd.type";
    fd_name = "output_fields.fd.name";
    @also
    "output" "uuid" "output_fields.container.id" "output_fields.container.name" "output_fields.k8s.ns.name"
    "output_fields.k8s.pod.name" "output_fields.user.name" "output_fields.user.uid" "output_fields.user.loginuid"
    "output_fields.proc.tty" "output_fields.evt.time" "output_fields.container.image.repository"
}

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::FALCO,
    constants: &[(ecs::EVENT_KIND, "alert"), (ecs::EVENT_CATEGORY, "process")],
    time: &[("time", Clock::IsoUtc)],
    rows: &[
        ("source", ecs::EVENT_PROVIDER, Text),
        ("rule", ecs::RULE_NAME, Text),
        ("rule", ecs::MESSAGE, Text),
        ("hostname", ecs::OBSERVER_HOSTNAME, Host),
        ("hostname", ecs::HOST_NAME, Text),
        (
            "priority",
            ecs::EVENT_SEVERITY,
            OnlyMeans(&[
                ("Emergency", &[(ecs::EVENT_SEVERITY, "99"), (ecs::LOG_LEVEL, "emergency")]),
                ("Alert", &[(ecs::EVENT_SEVERITY, "99"), (ecs::LOG_LEVEL, "alert")]),
                ("Critical", &[(ecs::EVENT_SEVERITY, "99"), (ecs::LOG_LEVEL, "critical")]),
                ("Error", &[(ecs::EVENT_SEVERITY, "73"), (ecs::LOG_LEVEL, "error")]),
                ("Warning", &[(ecs::EVENT_SEVERITY, "47"), (ecs::LOG_LEVEL, "warning")]),
                ("Notice", &[(ecs::EVENT_SEVERITY, "47"), (ecs::LOG_LEVEL, "notice")]),
                ("Informational", &[(ecs::EVENT_SEVERITY, "21"), (ecs::LOG_LEVEL, "informational")]),
                ("Debug", &[(ecs::EVENT_SEVERITY, "21"), (ecs::LOG_LEVEL, "debug")]),
            ]),
        ),
        ("output_fields.proc.name", ecs::PROCESS_NAME, Text),
        ("output_fields.proc.cmdline", ecs::PROCESS_COMMAND_LINE, Text),
        ("output_fields.proc.exepath", ecs::PROCESS_EXECUTABLE, Text),
        ("output_fields.proc.pid", ecs::PROCESS_PID, Number),
        ("output_fields.proc.pname", ecs::PROCESS_PARENT_NAME, Text),
        ("output_fields.proc.pcmdline", ecs::PROCESS_PARENT_COMMAND_LINE, Text),
        ("output_fields.proc.pexepath", ecs::PROCESS_PARENT_EXECUTABLE, Text),
        ("output_fields.proc.ppid", ecs::PROCESS_PARENT_PID, Number),
        ("output_fields.proc.args", ecs::PROCESS_ARGS, Text),
        ("output_fields.user.name", ecs::USER_NAME, User),
        ("output_fields.user.uid", ecs::USER_ID, Text),
        ("output_fields.fd.cip", ecs::CLIENT_ADDRESS, Text),
        ("output_fields.fd.cip", ecs::CLIENT_IP, Ip),
        ("output_fields.fd.cport", ecs::CLIENT_PORT, Port),
        ("output_fields.fd.sip", ecs::SERVER_ADDRESS, Text),
        ("output_fields.fd.sip", ecs::SERVER_IP, Ip),
        ("output_fields.fd.sport", ecs::SERVER_PORT, Port),
        ("output_fields.fd.lip", ecs::SOURCE_ADDRESS, Text),
        ("output_fields.fd.lip", ecs::SOURCE_IP, Ip),
        ("output_fields.fd.lport", ecs::SOURCE_PORT, Port),
        ("output_fields.fd.rip", ecs::DESTINATION_ADDRESS, Text),
        ("output_fields.fd.rip", ecs::DESTINATION_IP, Ip),
        ("output_fields.fd.rport", ecs::DESTINATION_PORT, Port),
        ("output_fields.fd.directory", ecs::FILE_DIRECTORY, Text),
        ("output_fields.fd.filename", ecs::FILE_NAME, Text),
        ("output_fields.fd.type", ecs::FILE_TYPE, Text),
    ],
    ..Spec::NONE
});

/// A MITRE technique as rules tag it: `T1059`, `T1059.004`.
fn is_technique(tag: &[u8]) -> bool {
    let (technique, rest) = tag.split_at(tag.len().min(5));
    technique.len() == 5
        && technique[0] == b'T'
        && technique[1..].iter().all(u8::is_ascii_digit)
        && (rest.is_empty() || rest[0] == b'.' && rest[1..].iter().all(u8::is_ascii_digit))
}

/// Most tags of a rule that are looked at.
const TAGS_MAX: usize = 64;

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    TABLE.apply(writer, context);
    relate(writer, ecs::OBSERVER_HOSTNAME, ecs::RELATED_HOSTS);
    if matches!(writer.first(ids.file_type), Some(b"file" | b"directory")) {
        if let Some((span, _)) = writer.first_span(ids.fd_name) {
            writer.put_span(ecs::FILE_PATH, span, Kind::Text, false);
        }
    }
    let started = matches!(
        writer.first(ids.event_type),
        Some(b"execve" | b"execveat" | b"clone" | b"clone3" | b"fork" | b"vfork" | b"spawned_process")
    );
    writer.put_str(ecs::EVENT_TYPE, if started { "start" } else { "access" });
    match (writer.first(ids.result), writer.first(ids.failed)) {
        (Some(b"SUCCESS"), _) => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        (Some(result), _) if !result.is_empty() => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        (_, Some(b"true")) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        (_, Some(b"false")) => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        _ => {}
    }
    let end = writer.fields_len();
    let mut at = writer.view().first_index(ids.tags).unwrap_or(end);
    let mut left = TAGS_MAX;
    while at < end && left > 0 {
        let field = writer.view().fields()[at];
        at += 1;
        if field.id != ids.tags {
            continue;
        }
        left -= 1;
        let tag = field.span();
        if is_technique(writer.bytes(tag)) {
            relate_span(writer, tag.part(0..5), ecs::THREAT_TECHNIQUE_ID);
            if tag.len() > 5 {
                relate_span(writer, tag, ecs::THREAT_TECHNIQUE_SUBTECHNIQUE_ID);
            }
        }
    }
    true
}

static POLICY: JsonTable = JsonTable::new(Spec {
    product: products::SYSDIG_SECURE,
    constants: &[(ecs::EVENT_KIND, "alert")],
    time: &[("timestampRFC3339Nano", Clock::IsoUtc), ("timestamp", Clock::Nanos)],
    rows: &[
        ("id", ecs::EVENT_ID, Text),
        ("source", ecs::EVENT_PROVIDER, Text),
        ("severity", ecs::EVENT_SEVERITY, Number),
        (
            "severity",
            ecs::LOG_SYSLOG_SEVERITY_CODE,
            OnlyMeans(&[
                ("0", &[(ecs::LOG_SYSLOG_SEVERITY_CODE, "0"), (ecs::LOG_SYSLOG_SEVERITY_NAME, "emergency")]),
                ("1", &[(ecs::LOG_SYSLOG_SEVERITY_CODE, "1"), (ecs::LOG_SYSLOG_SEVERITY_NAME, "alert")]),
                ("2", &[(ecs::LOG_SYSLOG_SEVERITY_CODE, "2"), (ecs::LOG_SYSLOG_SEVERITY_NAME, "critical")]),
                ("3", &[(ecs::LOG_SYSLOG_SEVERITY_CODE, "3"), (ecs::LOG_SYSLOG_SEVERITY_NAME, "error")]),
                ("4", &[(ecs::LOG_SYSLOG_SEVERITY_CODE, "4"), (ecs::LOG_SYSLOG_SEVERITY_NAME, "warning")]),
                ("5", &[(ecs::LOG_SYSLOG_SEVERITY_CODE, "5"), (ecs::LOG_SYSLOG_SEVERITY_NAME, "notice")]),
                ("6", &[(ecs::LOG_SYSLOG_SEVERITY_CODE, "6"), (ecs::LOG_SYSLOG_SEVERITY_NAME, "informational")]),
                ("7", &[(ecs::LOG_SYSLOG_SEVERITY_CODE, "7"), (ecs::LOG_SYSLOG_SEVERITY_NAME, "debug")]),
            ]),
        ),
        ("content.output", ecs::MESSAGE, Text),
        ("description", ecs::MESSAGE, Text),
        ("name", ecs::RULE_RULESET, Text),
        ("content.ruleName", ecs::RULE_NAME, Text),
        ("content.ruleType", ecs::RULE_CATEGORY, Text),
        ("content.policyVersion", ecs::RULE_VERSION, Text),
        ("content.fields.proc.name", ecs::PROCESS_NAME, Text),
        ("content.fields.proc.cmdline", ecs::PROCESS_COMMAND_LINE, Text),
        ("content.fields.proc.pid", ecs::PROCESS_PID, Number),
        ("content.fields.proc.exepath", ecs::PROCESS_EXECUTABLE, Text),
        ("content.fields.user.name", ecs::RELATED_USER, Set),
        ("machineId", ecs::HOST_ID, Text),
        ("hostMac", ecs::HOST_MAC, Mac),
        ("labels.host.hostName", ecs::HOST_NAME, Host),
        ("labels.cloudProvider.name", ecs::CLOUD_PROVIDER, Text),
        ("labels.cloudProvider.account.id", ecs::CLOUD_ACCOUNT_ID, Text),
        ("labels.cloudProvider.region", ecs::CLOUD_REGION, Text),
        ("labels.gcp.projectId", ecs::CLOUD_PROJECT_ID, Text),
        ("labels.gcp.availabilityZone", ecs::CLOUD_AVAILABILITY_ZONE, Text),
        ("labels.gcp.instanceId", ecs::CLOUD_INSTANCE_ID, Text),
    ],
    also: &["originator", "category", "agentId", "containerId", "type", "content.ruleTags", "content.policyOrigin"],
    ..Spec::NONE
});

fn read_policy(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    POLICY.apply(writer, context)
}
