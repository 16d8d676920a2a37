//! Which fields of an event a Sigma field name may mean.
//!
//! A name stands first for itself: the vendor's own name, or an ECS name. After it come the
//! ECS names that carry the same fact (Sigma taxonomy appendix 2.1, against the field
//! reference of ECS 8.11). The first that an event has is the one compared.

use crate::rule::RuleSource;

/// Where an equivalence holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    /// Everywhere.
    All,
    /// `product: windows`, or no product given.
    Windows,
    /// `category: proxy` or `webserver`, or a product that logs web requests.
    Web,
    /// `category: image_load`.
    ImageLoad,
    /// `category: registry_…`.
    Registry,
    /// `category: dns`, `dns_query`, or `service: dns`.
    Dns,
    /// `product` is this.
    Product(&'static str),
    /// `category` is this.
    Category(&'static str),
}

impl Scope {
    fn holds(self, source: &RuleSource) -> bool {
        let category = source.category.as_deref().unwrap_or_default();
        let product = source.product.as_deref();
        match self {
            Scope::All => true,
            Scope::Windows => product.is_none_or(|product| product == "windows"),
            Scope::Web => {
                matches!(category, "proxy" | "webserver" | "")
                    || product
                        .is_some_and(|product| matches!(product, "apache" | "nginx" | "squid" | "zeek" | "suricata"))
            }
            Scope::ImageLoad => category == "image_load" || category == "driver_load",
            Scope::Registry => category.starts_with("registry"),
            Scope::Product(wanted) => product == Some(wanted),
            Scope::Category(wanted) => category == wanted,
            Scope::Dns => {
                category.starts_with("dns")
                    || source.service.as_deref().is_some_and(|service| service.starts_with("dns"))
            }
        }
    }
}

/// Sigma name → what else carries the same fact, most exact first.
#[rustfmt::skip]
const EQUIVALENTS: &[(&str, Scope, &[&str])] = &[
    // Windows event log headers.
    ("EventID", Scope::Product("rpc_firewall"), &["winlog.event_id", "event.code"]),
    ("EventLog", Scope::Product("rpc_firewall"), &["Channel", "winlog.channel"]),
    ("EventID", Scope::Windows, &["winlog.event_id", "event.code"]),
    ("EventCode", Scope::Windows, &["EventID", "winlog.event_id", "event.code"]),
    ("Channel", Scope::Windows, &["winlog.channel"]),
    ("EventLog", Scope::Windows, &["Channel", "winlog.channel"]),
    ("Provider_Name", Scope::Windows, &["winlog.provider_name", "event.provider", "ProviderName", "SourceName"]),
    ("Source", Scope::Windows, &["Provider_Name", "winlog.provider_name", "event.provider"]),
    ("Computer", Scope::Windows, &["winlog.computer_name", "host.name"]),
    ("ComputerName", Scope::Windows, &["Computer", "winlog.computer_name", "host.name"]),
    ("Level", Scope::Windows, &["winlog.level", "log.level"]),
    ("Keywords", Scope::Windows, &["winlog.keywords"]),
    ("Message", Scope::All, &["message"]),
    // Processes. The ProcessId of event 4688 is that of the parent, so the event's own comes first.
    ("ProcessId", Scope::Category("process_creation"), &["process.pid", "NewProcessId"]),
    ("ParentProcessId", Scope::Category("process_creation"), &["process.parent.pid"]),
    ("Image", Scope::ImageLoad, &["process.executable"]),
    ("Image", Scope::All, &["NewProcessName", "process.executable"]),
    ("NewProcessName", Scope::All, &["process.executable"]),
    ("CommandLine", Scope::All, &["ProcessCommandLine", "process.command_line"]),
    ("ProcessName", Scope::Windows, &["process.executable", "process.name"]),
    ("ProcessId", Scope::All, &["process.pid"]),
    ("ProcessGuid", Scope::All, &["process.entity_id"]),
    ("CurrentDirectory", Scope::All, &["process.working_directory"]),
    ("ParentImage", Scope::All, &["ParentProcessName", "process.parent.executable"]),
    ("ParentProcessName", Scope::All, &["process.parent.executable"]),
    ("ParentCommandLine", Scope::All, &["process.parent.command_line"]),
    ("ParentProcessId", Scope::All, &["process.parent.pid"]),
    ("ParentProcessGuid", Scope::All, &["process.parent.entity_id"]),
    ("OriginalFileName", Scope::ImageLoad, &["dll.pe.original_file_name", "file.pe.original_file_name"]),
    ("OriginalFileName", Scope::All, &["process.pe.original_file_name"]),
    ("Company", Scope::ImageLoad, &["dll.pe.company"]),
    ("Company", Scope::Windows, &["process.pe.company"]),
    ("Description", Scope::ImageLoad, &["dll.pe.description"]),
    ("Description", Scope::Windows, &["process.pe.description"]),
    ("Product", Scope::ImageLoad, &["dll.pe.product"]),
    ("Product", Scope::Windows, &["process.pe.product"]),
    ("FileVersion", Scope::ImageLoad, &["dll.pe.file_version"]),
    ("FileVersion", Scope::Windows, &["process.pe.file_version"]),
    ("ImageLoaded", Scope::All, &["dll.path", "file.path"]),
    ("Signed", Scope::ImageLoad, &["dll.code_signature.signed"]),
    ("Signature", Scope::ImageLoad, &["dll.code_signature.subject_name"]),
    ("SignatureStatus", Scope::ImageLoad, &["dll.code_signature.status"]),
    ("md5", Scope::ImageLoad, &["dll.hash.md5"]),
    ("md5", Scope::All, &["process.hash.md5", "file.hash.md5"]),
    ("sha1", Scope::ImageLoad, &["dll.hash.sha1"]),
    ("sha1", Scope::All, &["process.hash.sha1", "file.hash.sha1"]),
    ("sha256", Scope::ImageLoad, &["dll.hash.sha256"]),
    ("sha256", Scope::All, &["process.hash.sha256", "file.hash.sha256"]),
    ("Imphash", Scope::ImageLoad, &["dll.pe.imphash"]),
    ("Imphash", Scope::All, &["process.pe.imphash"]),
    ("SourceImage", Scope::Windows, &["process.executable"]),
    ("exe", Scope::All, &["process.executable"]),
    ("comm", Scope::All, &["process.name"]),
    // Antivirus: no two products call it the same.
    ("Signature", Scope::Category("antivirus"), &[
        "ThreatName", "Threat Name", "winlog.event_data.Threat Name", "threat.name", "threatInfo.threatName", "threat_name", "malware_name",
        "DetectName", "virus", "threat.indicator.name", "rule.name",
    ]),
    ("Filename", Scope::Category("antivirus"), &["FileName", "Path", "winlog.event_data.Path", "file.path", "threatInfo.filePath", "file.name"]),
    // Clouds: names of the audit formats of yesterday and of the exports of today.
    ("eventSource", Scope::Product("m365"), &["Workload", "event.provider"]),
    ("eventName", Scope::Product("m365"), &["Name", "AlertName", "Operation", "event.action"]),
    ("status", Scope::Product("m365"), &["Status", "ResultStatus", "event.outcome"]),
    ("OperationName", Scope::Product("azure"), &["operationName", "OperationNameValue", "properties.activityDisplayName", "event.action"]),
    ("operationName", Scope::Product("azure"), &["OperationName", "operationName.value", "OperationNameValue", "properties.activityDisplayName", "event.action"]),
    ("OperationNameValue", Scope::Product("azure"), &["operationName", "OperationName", "operationName.value", "event.action"]),
    ("ActivityDisplayName", Scope::Product("azure"), &["activityDisplayName", "properties.activityDisplayName", "operationName", "event.action"]),
    ("properties.message", Scope::Product("azure"), &["properties.activityDisplayName", "activityDisplayName", "operationName", "OperationName", "event.action"]),
    ("Category", Scope::Product("azure"), &["category", "properties.category"]),
    ("category", Scope::Product("azure"), &["Category", "properties.category"]),
    ("CategoryValue", Scope::Product("azure"), &["category", "Category", "category.value", "properties.category"]),
    ("LoggedByService", Scope::Product("azure"), &["loggedByService", "properties.loggedByService"]),
    ("ResultType", Scope::Product("azure"), &["resultType", "properties.status.errorCode", "status.errorCode"]),
    ("resultType", Scope::Product("azure"), &["ResultType", "properties.status.errorCode", "status.errorCode"]),
    ("ResultDescription", Scope::Product("azure"), &["resultDescription", "properties.status.failureReason", "status.failureReason"]),
    ("AuthenticationRequirement", Scope::Product("azure"), &["authenticationRequirement", "properties.authenticationRequirement"]),
    ("conditionalAccessStatus", Scope::Product("azure"), &["ConditionalAccessStatus", "properties.conditionalAccessStatus"]),
    ("RiskState", Scope::Product("azure"), &["riskState", "properties.riskState"]),
    ("riskEventType", Scope::Product("azure"), &["RiskEventType", "properties.riskEventType", "properties.riskType", "riskType"]),
    ("ResourceDisplayName", Scope::Product("azure"), &["resourceDisplayName", "properties.resourceDisplayName"]),
    ("ResourceId", Scope::Product("azure"), &["resourceId"]),
    ("DeviceDetail.deviceId", Scope::Product("azure"), &["deviceDetail.deviceId", "properties.deviceDetail.deviceId"]),
    ("DeviceDetail.trusttype", Scope::Product("azure"), &["deviceDetail.trustType", "properties.deviceDetail.trustType"]),
    ("TargetResources.ModifiedProperties.DisplayName", Scope::Product("azure"), &["targetResources.modifiedProperties.displayName", "properties.targetResources.modifiedProperties.displayName"]),
    ("TargetResources.ModifiedProperties.NewValue", Scope::Product("azure"), &["targetResources.modifiedProperties.newValue", "properties.targetResources.modifiedProperties.newValue"]),
    ("targetResources.type", Scope::Product("azure"), &["properties.targetResources.type"]),
    ("userAgent", Scope::Product("azure"), &["UserAgent", "properties.userAgent", "user_agent.original"]),
    ("UserPrincipalName", Scope::Product("azure"), &["userPrincipalName", "properties.userPrincipalName", "user.name"]),
    ("userAgent", Scope::All, &["user_agent.original"]),
    ("gcp.audit.method_name", Scope::Product("gcp"), &["protoPayload.methodName", "event.action"]),
    ("eventService", Scope::Product("gcp"), &["id.applicationName", "event.provider"]),
    ("eventName", Scope::Product("gcp"), &["events.name", "protoPayload.metadata.event.eventName", "event.action"]),
    ("eventtype", Scope::Product("okta"), &["eventType", "event.action"]),
    ("displaymessage", Scope::Product("okta"), &["displayMessage", "event.reason"]),
    ("apiGroup", Scope::Product("kubernetes"), &["objectRef.apiGroup"]),
    ("hostPath", Scope::Product("kubernetes"), &["requestObject.spec.volumes.hostPath.path", "requestObject.spec.volumes.hostPath"]),
    ("capabilities", Scope::Product("kubernetes"), &["requestObject.spec.containers.securityContext.capabilities.add"]),
    // Files and registry.
    ("SourceFilename", Scope::Category("file_rename"), &["SourceFileName", "PreviousFileName", "properties.PreviousFileName"]),
    ("TargetFilename", Scope::Category("file_rename"), &["TargetFileName", "file.target_path", "file.path"]),
    ("TargetFilename", Scope::All, &["file.path"]),
    ("FileName", Scope::Windows, &["file.path"]),
    ("TargetObject", Scope::Registry, &["registry.path"]),
    ("Details", Scope::Registry, &["NewValue", "registry.data.strings"]),
    // Users and logons.
    ("User", Scope::All, &["user.name"]),
    ("user", Scope::All, &["user.name"]),
    ("username", Scope::All, &["user.name"]),
    ("UserName", Scope::All, &["user.name"]),
    ("TargetUserName", Scope::Windows, &["user.target.name", "user.name"]),
    ("TargetDomainName", Scope::Windows, &["user.target.domain", "user.domain"]),
    ("SubjectUserName", Scope::Windows, &["user.name"]),
    ("SubjectDomainName", Scope::Windows, &["user.domain"]),
    ("SubjectUserSid", Scope::Windows, &["user.id"]),
    ("LogonType", Scope::Windows, &["winlog.logon.type"]),
    ("LogonId", Scope::Windows, &["SubjectLogonId", "winlog.logon.id"]),
    ("IpAddress", Scope::Windows, &["source.ip"]),
    ("IpPort", Scope::Windows, &["source.port"]),
    ("WorkstationName", Scope::Windows, &["source.domain"]),
    ("ServiceName", Scope::Windows, &["service.name"]),
    // Network.
    ("SourceIp", Scope::All, &["source.ip"]),
    ("SourcePort", Scope::All, &["source.port"]),
    ("SourceHostname", Scope::All, &["source.domain"]),
    ("DestinationIp", Scope::All, &["destination.ip"]),
    ("DestinationPort", Scope::All, &["destination.port"]),
    ("DestinationHostname", Scope::All, &["destination.domain"]),
    ("Protocol", Scope::Windows, &["network.transport"]),
    // Whoever the record names; what stands in its text alone is found by [`crate::key`].
    ("noroshi.address", Scope::All, &["related.ip", "source.ip", "client.ip"]),
    ("src_ip", Scope::All, &["source.ip"]),
    ("src_port", Scope::All, &["source.port"]),
    ("src_host", Scope::All, &["source.domain", "source.address"]),
    ("dst_ip", Scope::All, &["destination.ip"]),
    ("dst_port", Scope::All, &["destination.port"]),
    ("dst_host", Scope::All, &["destination.domain", "destination.address"]),
    ("protocol", Scope::All, &["network.transport"]),
    ("action", Scope::All, &["event.action"]),
    ("c-ip", Scope::Web, &["source.ip", "client.ip"]),
    ("s-ip", Scope::Web, &["destination.ip", "server.ip"]),
    ("s-port", Scope::Web, &["destination.port", "server.port"]),
    // DNS.
    ("QueryName", Scope::All, &["dns.question.name"]),
    ("query", Scope::Dns, &["dns.question.name"]),
    ("QNAME", Scope::Dns, &["dns.question.name"]),
    ("QueryResults", Scope::All, &["dns.answers.data"]),
    ("answer", Scope::Dns, &["dns.answers.data", "dns.resolved_ip"]),
    ("answers", Scope::Dns, &["dns.answers.data", "dns.resolved_ip"]),
    ("record_type", Scope::Dns, &["dns.question.type"]),
    ("qtype_name", Scope::Dns, &["dns.question.type"]),
    // Web and proxy (W3C extended log names).
    ("c-uri", Scope::Web, &["url.original", "url.full"]),
    ("cs-uri", Scope::Web, &["url.original", "url.full"]),
    ("uri", Scope::Web, &["url.original", "url.full"]),
    ("c-uri-extension", Scope::Web, &["url.extension"]),
    ("c-uri-query", Scope::Web, &["url.query"]),
    ("c-uri-stem", Scope::Web, &["url.path"]),
    ("cs-uri-query", Scope::Web, &["url.query", "url.original"]),
    ("cs-uri-stem", Scope::Web, &["url.path", "url.original"]),
    ("cs-host", Scope::Web, &["url.domain", "destination.domain"]),
    ("r-dns", Scope::Web, &["url.domain", "destination.domain"]),
    ("cs-method", Scope::Web, &["http.request.method"]),
    ("method", Scope::Web, &["http.request.method"]),
    ("cs-bytes", Scope::Web, &["http.request.bytes", "source.bytes"]),
    ("sc-bytes", Scope::Web, &["http.response.bytes", "http.response.body.bytes", "destination.bytes"]),
    ("sc-status", Scope::Web, &["http.response.status_code"]),
    ("status_code", Scope::Web, &["http.response.status_code"]),
    ("cs-referer", Scope::Web, &["http.request.referrer"]),
    ("cs-referrer", Scope::Web, &["http.request.referrer"]),
    ("cs-username", Scope::Web, &["user.name"]),
    ("cs-user-agent", Scope::Web, &["user_agent.original"]),
    ("c-useragent", Scope::Web, &["user_agent.original"]),
    ("user_agent", Scope::Web, &["user_agent.original"]),
    ("cs-version", Scope::Web, &["http.version"]),
    ("cs-content-type", Scope::Web, &["http.request.mime_type"]),
];

/// Log sources that rules name otherwise than the events answer: product, service and category as asked for (empty is not given),
/// then as they are (Sigma taxonomy appendix 2.1, "Log Sources").
const SOURCES: &[([&str; 3], [&str; 3])] = &[
    // The application's error log.
    (["", "apache", ""], ["apache", "error", ""]),
    (["", "nginx", ""], ["nginx", "error", ""]),
    (["", "netflow", ""], ["netflow", "", ""]),
    (["azure", "pim", ""], ["azure", "riskdetection", ""]),
    (["fortios", "sslvpnd", ""], ["fortios", "event", ""]),
    (["gcp", "google_workspace.login", ""], ["gcp", "google_workspace.admin", ""]),
    // What applications say of themselves, in words, in whatever log they keep.
    (["django", "", "application"], ["", "", "messages"]),
    (["jvm", "", "application"], ["", "", "messages"]),
    (["nodejs", "", "application"], ["", "", "messages"]),
    (["python", "", "application"], ["", "", "messages"]),
    (["ruby_on_rails", "", "application"], ["", "", "messages"]),
    (["spring", "", "application"], ["", "", "messages"]),
    (["sql", "", "application"], ["", "", "messages"]),
    (["velocity", "", "application"], ["", "", "messages"]),
    // Routers whose texts nobody here reads otherwise than as syslog.
    (["huawei", "bgp", ""], ["linux", "syslog", ""]),
    // Daemons that write to syslog.
    (["linux", "clamav", ""], ["linux", "syslog", ""]),
    (["linux", "guacamole", ""], ["linux", "syslog", ""]),
    (["linux", "vsftpd", ""], ["linux", "syslog", ""]),
];

/// The log source that is meant by the one a rule names.
pub(crate) fn meant(source: RuleSource) -> RuleSource {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let asked = [text(&source.product), text(&source.service), text(&source.category)];
    let Some((_, [product, service, category])) = SOURCES.iter().find(|(asked_for, _)| *asked_for == asked) else {
        return source;
    };
    let some = |part: &str| (!part.is_empty()).then(|| part.to_owned());
    RuleSource { product: some(product), service: some(service), category: some(category) }
}

/// Every name that stands for another, and every one it may stand for.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    EQUIVALENTS.iter().flat_map(|(name, _, equivalents)| std::iter::once(*name).chain(equivalents.iter().copied()))
}

/// The names `field` may stand for under `source`, in the order they are tried.
pub fn candidates(field: &str, source: &RuleSource) -> Vec<String> {
    // What rules for Google's clouds write as it lies in a Pub/Sub message.
    if let Some(inner) = field.strip_prefix("data.protoPayload.").filter(|_| source.product.as_deref() == Some("gcp")) {
        return vec![field.to_owned(), format!("protoPayload.{inner}")];
    }
    let equivalents = EQUIVALENTS.iter().find(|(name, scope, _)| *name == field && scope.holds(source));
    // The event's own number first, where the vendor's name means another in some events.
    let leads = matches!(equivalents, Some((_, Scope::Category("process_creation"), _)));
    let mut names = match equivalents {
        Some((_, _, equivalents)) if leads => equivalents.iter().map(|name| (*name).to_owned()).collect(),
        _ => Vec::new(),
    };
    names.push(field.to_owned());
    let mut add = |name: String| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    // Winlogbeat and the Elastic agent keep the event's own data below this prefix.
    let windows = source.product.as_deref().is_none_or(|product| product == "windows");
    if windows && !field.contains('.') {
        add(format!("winlog.event_data.{field}"));
        // Defender's data have spaces in their names, which Sigma leaves out.
        if source.service.as_deref() == Some("windefend") {
            add(spaced(field));
        }
    }
    if let Some((_, _, equivalents)) = equivalents {
        for equivalent in *equivalents {
            add((*equivalent).to_owned());
        }
    }
    names
}

/// `ThreatName` as `Threat Name`.
fn spaced(field: &str) -> String {
    let mut made = String::with_capacity(field.len() + 4);
    let mut lower = false;
    for letter in field.chars() {
        if lower && letter.is_uppercase() {
            made.push(' ');
        }
        lower = letter.is_lowercase();
        made.push(letter);
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(product: &str, category: &str) -> RuleSource {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        RuleSource { product: some(product), service: None, category: some(category) }
    }

    #[test]
    fn a_name_stands_for_itself_before_its_equivalents() {
        assert_eq!(
            candidates("Image", &source("windows", "process_creation")),
            ["Image", "winlog.event_data.Image", "NewProcessName", "process.executable"]
        );
        assert_eq!(
            candidates("Image", &source("linux", "process_creation")),
            ["Image", "NewProcessName", "process.executable"]
        );
        assert_eq!(
            candidates("sc-status", &source("", "proxy")),
            ["sc-status", "winlog.event_data.sc-status", "http.response.status_code"]
        );
        assert_eq!(candidates("source.ip", &source("linux", "")), ["source.ip"]);
    }

    #[test]
    fn log_sources_of_other_names_are_understood() {
        let known = |source: &RuleSource| {
            noroshi_parsers::logsource::LOG_SOURCES.iter().any(|known| {
                known.answers(source.product.as_deref(), source.service.as_deref(), source.category.as_deref())
            })
        };
        for ([product, service, category], _) in SOURCES {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let asked = RuleSource { product: some(product), service: some(service), category: some(category) };
            assert!(!known(&asked), "{asked:?} is answered as it is");
            assert!(known(&meant(asked.clone())), "{asked:?}");
        }
        let other = source("windows", "process_creation");
        assert_eq!(meant(other.clone()), other);
    }

    #[test]
    fn names_with_spaces_are_found_for_defender() {
        let defender = RuleSource { service: Some("windefend".into()), ..source("windows", "") };
        assert_eq!(candidates("ThreatName", &defender), ["ThreatName", "winlog.event_data.ThreatName", "Threat Name"]);
        assert_eq!(spaced("EventID"), "Event ID");
    }

    #[test]
    fn the_log_source_decides_what_a_name_means() {
        assert!(candidates("Company", &source("windows", "image_load")).contains(&"dll.pe.company".to_owned()));
        assert!(
            candidates("Company", &source("windows", "process_creation")).contains(&"process.pe.company".to_owned())
        );
        assert_eq!(candidates("Company", &source("linux", "")), ["Company"]);
    }

    #[test]
    fn every_equivalent_is_an_ecs_name_or_a_vendor_name_without_dots() {
        for (name, scope, equivalents) in EQUIVALENTS {
            for equivalent in *equivalents {
                let known = noroshi_parsers::ecs::FIELDS.iter().any(|field| field.name == *equivalent);
                let of_cloud = matches!(scope, Scope::Product(_) | Scope::Category("antivirus" | "file_rename"));
                assert!(known || of_cloud || !equivalent.contains('.'), "{name}: {equivalent}");
            }
        }
    }
}
