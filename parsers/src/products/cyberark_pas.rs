//! CyberArk Privileged Access Security: the Vault's audit records as its JSON translator writes them to syslog.
//!
//! Who is who in a record depends on its message code: the issuer of a password's retrieval reaches another
//! account, that of a PSM session another host. [`CODES`] says it for the codes, [`DESCRIPTIONS`] for those that
//! share a beginning (the CPM's, whose failures have codes of their own).

#[cfg(test)]
mod tests;

use super::fields::{present, put_direction, put_lower, relate_span};
use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Spec, put_constant, put_constants};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::ecs::{EVENT_CATEGORY, EVENT_TYPE};
use crate::event::{EventWriter, Kind, Span};
use crate::number::parse_i64;
use crate::time::{SECOND_NS, take_clock};
use crate::{ecs, logsource, products};

/// `cyberark_pas`.
pub(crate) static PRODUCT: Product = Product {
    name: "cyberark_pas",
    title: "CyberArk Privileged Access Security",
    document: "CyberArk PAS: Vault Audit Action Codes; Security Information and Event Management (SIEM) Applications",
    namespace: "cyberarkpas.audit",
    module: "cyberarkpas",
    dataset: "cyberarkpas.audit",
    names: NAMES,
    json: &[&TABLE],
    detect: &[Detect::Members(&["syslog.audit_record.MessageID"], read)],
    ..Product::NONE
};

vendor_names! {
    code = "syslog.audit_record.MessageID";
    description = "syslog.audit_record.Desc";
    severity = "syslog.audit_record.Severity";
    issuer = "syslog.audit_record.Issuer";
    source_user = "syslog.audit_record.SourceUser";
    station = "syslog.audit_record.Station";
    gateway = "syslog.audit_record.GatewayStation";
    reason = "syslog.audit_record.Reason";
    details = "syslog.audit_record.ExtraDetails";
    property_name = "syslog.audit_record.CAProperties.CAProperty.Name";
    property_value = "syslog.audit_record.CAProperties.CAProperty.Value";
    @also
    "format" "version" "raw" "syslog.audit_record.Rfc5424" "syslog.audit_record.Timestamp"
    "syslog.audit_record.Action" "syslog.audit_record.TargetUser" "syslog.audit_record.Safe"
    "syslog.audit_record.Location" "syslog.audit_record.Category" "syslog.audit_record.RequestId"
    "syslog.audit_record.Message" "syslog.audit_record.PvwaDetails"
    "syslog.audit_record.PvwaDetails.RetrieveReason.General.RetrieveAction"
    "syslog.audit_record.PvwaDetails.RetrieveReason.General.UserReason"
    "syslog.audit_record.PvwaDetails.RetrieveReason.ConnectionDetails.ConnectionAddress"
}

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::CYBERARK_PAS,
    log_source: logsource::CYBERARK_PAS,
    constants: &[(ecs::EVENT_KIND, "event")],
    time: &[("syslog.audit_record.IsoTimestamp", Clock::IsoUtc)],
    rows: &[
        ("syslog.audit_record.MessageID", ecs::EVENT_CODE, Text),
        (
            "syslog.audit_record.Severity",
            ecs::EVENT_SEVERITY,
            Map(&[("Info", "2"), ("Warning", "4"), ("Error", "7"), ("Critical", "9")]),
        ),
        ("syslog.audit_record.Hostname", ecs::HOST_NAME, Text),
        ("syslog.audit_record.Hostname", ecs::OBSERVER_HOSTNAME, Text),
        ("syslog.audit_record.Vendor", ecs::OBSERVER_VENDOR, Text),
        ("syslog.audit_record.Product", ecs::OBSERVER_PRODUCT, Text),
        ("syslog.audit_record.Version", ecs::OBSERVER_VERSION, Text),
    ],
    ..Spec::NONE
});

/// Who the record's names are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// The issuer acts; a source user is whom it acts on.
    Issuer,
    /// The source user comes through a gateway that signs in as the issuer.
    Gateway,
    /// The issuer reaches an account on another host.
    Account,
    /// The issuer changes an account on another host.
    Changed,
    /// The issuer's session from one host to another.
    Session,
}

struct Code {
    who: Who,
    constants: Constants,
    /// Whether an outcome is said of it at all.
    has_outcome: bool,
}

const fn code(who: Who, constants: Constants) -> Code {
    Code { who, constants, has_outcome: true }
}

const AUTHENTICATED: Constants = &[(EVENT_CATEGORY, "authentication"), (EVENT_TYPE, "start")];
const LOGGED_ON: Constants = &[(EVENT_CATEGORY, "authentication"), (EVENT_CATEGORY, "session"), (EVENT_TYPE, "start")];
const LOGGED_OFF: Constants = &[(EVENT_CATEGORY, "authentication"), (EVENT_CATEGORY, "session"), (EVENT_TYPE, "end")];
const OWNER_CHANGED: Constants = &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "admin"), (EVENT_TYPE, "change")];
const USER_CREATED: Constants = &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "user"), (EVENT_TYPE, "creation")];
const USER_CHANGED: Constants = &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "user"), (EVENT_TYPE, "change")];
const USER_DELETED: Constants = &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "user"), (EVENT_TYPE, "deletion")];
const VERIFIED: Constants = &[(EVENT_CATEGORY, "iam"), (EVENT_TYPE, "admin"), (EVENT_TYPE, "info")];
const RETRIEVED: Constants =
    &[(EVENT_CATEGORY, "iam"), (EVENT_CATEGORY, "authentication"), (EVENT_TYPE, "admin"), (EVENT_TYPE, "start")];
const SESSION_STARTED: Constants = &[(EVENT_CATEGORY, "session"), (EVENT_TYPE, "start")];
const SESSION_ENDED: Constants = &[(EVENT_CATEGORY, "session"), (EVENT_TYPE, "end")];
const SESSION_INFO: Constants = &[(EVENT_CATEGORY, "session"), (EVENT_TYPE, "info")];
const SQL: Constants = &[(EVENT_CATEGORY, "database"), (EVENT_TYPE, "access")];
const WINDOW: Constants = &[(EVENT_CATEGORY, "process"), (EVENT_TYPE, "access"), (EVENT_TYPE, "info")];
const CONNECTED: Constants = &[(EVENT_CATEGORY, "network"), (EVENT_TYPE, "start")];

/// The codes that mean something to the taxonomy.
static CODES: &[(&str, Code)] = &[
    ("4", code(Who::Issuer, AUTHENTICATED)),
    ("7", code(Who::Issuer, LOGGED_ON)),
    ("8", code(Who::Issuer, LOGGED_OFF)),
    ("19", code(Who::Gateway, CONNECTED)),
    ("32", code(Who::Issuer, OWNER_CHANGED)),
    ("33", code(Who::Issuer, OWNER_CHANGED)),
    ("180", code(Who::Issuer, USER_CREATED)),
    ("182", code(Who::Issuer, USER_CHANGED)),
    ("183", code(Who::Issuer, USER_DELETED)),
    ("295", code(Who::Account, RETRIEVED)),
    ("300", code(Who::Session, SESSION_STARTED)),
    ("301", code(Who::Session, SESSION_STARTED)),
    ("302", code(Who::Session, SESSION_ENDED)),
    ("303", code(Who::Session, SESSION_ENDED)),
    ("308", Code { who: Who::Account, constants: RETRIEVED, has_outcome: false }),
    ("309", code(Who::Issuer, AUTHENTICATED)),
    ("359", code(Who::Session, SQL)),
    ("361", Code { who: Who::Session, constants: SESSION_INFO, has_outcome: false }),
    ("411", Code { who: Who::Session, constants: WINDOW, has_outcome: false }),
    ("412", Code { who: Who::Session, constants: SESSION_INFO, has_outcome: false }),
    ("428", code(Who::Account, RETRIEVED)),
];

/// Codes that share a beginning of their description.
static DESCRIPTIONS: &[(&str, Code)] = &[
    ("CPM Verify ", code(Who::Account, VERIFIED)),
    ("CPM Change ", code(Who::Changed, USER_CHANGED)),
    ("CPM Reconcile ", code(Who::Changed, USER_CHANGED)),
    ("CPM Disable ", code(Who::Changed, USER_CHANGED)),
    ("PSM Connect", code(Who::Session, SESSION_STARTED)),
    ("PSM Disconnect", code(Who::Session, SESSION_ENDED)),
];

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    let ids = ids();
    let number = writer.first(ids.code).unwrap_or_default();
    let description = writer.first(ids.description).unwrap_or_default();
    let found = CODES
        .iter()
        .find(|(code, _)| code.as_bytes() == number)
        .or_else(|| DESCRIPTIONS.iter().find(|(text, _)| description.starts_with(text.as_bytes())));
    let failed = matches!(writer.first(ids.severity), Some(b"Error" | b"Critical"))
        || description.ends_with(b" Failed")
        || matches!(number, b"4" | b"309" | b"130");
    let action = match number {
        b"7" => "authentication_success",
        b"4" | b"309" => "authentication_failure",
        _ => "",
    };
    if !action.is_empty() {
        writer.put_str(ecs::EVENT_ACTION, action);
    } else if let Some(span) = present(writer, ids.description) {
        put_lower(writer, ecs::EVENT_ACTION, span);
    }
    match found {
        Some((_, code)) => {
            put_constants(writer, code.constants);
            if failed || code.has_outcome {
                put_constant(writer, ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
            }
        }
        None if failed => writer.put_str(ecs::EVENT_TYPE, "error"),
        None => {}
    }
    // Records of older translators leave the host to the header.
    if !writer.view().has(ecs::OBSERVER_HOSTNAME) {
        super::fields::copy(writer, ecs::HOST_NAME, ecs::OBSERVER_HOSTNAME);
    }
    let who = found.map_or(Who::Issuer, |(_, code)| code.who);
    put_users(writer, who);
    put_hosts(writer, who);
    put_reason(writer);
    put_file(writer);
    put_session(writer, who);
    true
}

/// A value that says more than blanks.
fn said(writer: &EventWriter<'_>, id: FieldId) -> Option<Span> {
    present(writer, id).filter(|&span| !writer.bytes(span).trim_ascii().is_empty())
}

fn put_user(writer: &mut EventWriter<'_>, span: Option<Span>, names: &[FieldId]) {
    let Some(span) = span else { return };
    for &name in names {
        writer.put_span(name, span, Kind::Text, false);
    }
    relate_span(writer, span, ecs::RELATED_USER);
}

fn put_users(writer: &mut EventWriter<'_>, who: Who) {
    let ids = ids();
    let (issuer, source) = (said(writer, ids.issuer), said(writer, ids.source_user));
    let account = || ["username", "User"];
    match who {
        Who::Issuer => {
            put_user(writer, issuer, &[ecs::USER_NAME]);
            put_user(writer, source, &[ecs::USER_TARGET_NAME]);
        }
        Who::Gateway => {
            put_user(writer, source, &[ecs::USER_NAME, ecs::SOURCE_USER_NAME]);
            put_user(writer, issuer, &[ecs::DESTINATION_USER_NAME]);
        }
        Who::Account | Who::Session => {
            put_user(writer, issuer, &[ecs::USER_NAME, ecs::SOURCE_USER_NAME]);
            let name = detail_of(writer, &account()).or_else(|| property(writer, b"UserName"));
            put_user(writer, name, &[ecs::DESTINATION_USER_NAME]);
        }
        Who::Changed => {
            put_user(writer, issuer, &[ecs::USER_NAME]);
            let name = detail_of(writer, &account()).or_else(|| property(writer, b"UserName"));
            put_user(writer, name, &[ecs::USER_TARGET_NAME]);
        }
    }
}

/// An end by address or name.
fn put_end(writer: &mut EventWriter<'_>, span: Option<Span>, address: FieldId, ip: FieldId, domain: FieldId) {
    let Some(span) = span else { return };
    writer.put_span(address, span, Kind::Text, false);
    if writer.put_if_ip(ip, span) {
        relate_span(writer, span, ecs::RELATED_IP);
    } else {
        writer.put_span(domain, span, Kind::Text, false);
        relate_span(writer, span, ecs::RELATED_HOSTS);
    }
}

fn put_hosts(writer: &mut EventWriter<'_>, who: Who) {
    let ids = ids();
    let (station, gateway) = (said(writer, ids.station), said(writer, ids.gateway));
    let (source, destination) = match who {
        Who::Issuer | Who::Gateway => (station, gateway),
        Who::Account | Who::Changed => {
            let address = detail_of(writer, &["address"]).or_else(|| property(writer, b"Address"));
            (station, address.or(gateway))
        }
        Who::Session => (detail_of(writer, &["SrcHost"]).or(station), detail_of(writer, &["DstHost"]).or(gateway)),
    };
    put_end(writer, source, ecs::SOURCE_ADDRESS, ecs::SOURCE_IP, ecs::SOURCE_DOMAIN);
    put_end(writer, destination, ecs::DESTINATION_ADDRESS, ecs::DESTINATION_IP, ecs::DESTINATION_DOMAIN);
    put_direction(writer);
    for span in [station, gateway].into_iter().flatten() {
        if crate::ip::parse(writer.bytes(span)).is_some() {
            relate_span(writer, span, ecs::RELATED_IP);
        }
    }
}

/// The reason given, or what stands behind `Error:` in a report of the CPM.
fn put_reason(writer: &mut EventWriter<'_>) {
    let Some(span) = said(writer, ids().reason) else { return };
    let text = writer.bytes(span);
    let from = memchr::memmem::find(text, b", Error: ").map_or(0, |at| at + b", Error: ".len());
    let len = text.trim_ascii_end().len();
    if from < len {
        writer.put_span(ecs::EVENT_REASON, span.part(from..len), Kind::Text, false);
    }
}

fn put_file(writer: &mut EventWriter<'_>) {
    static FILE: std::sync::LazyLock<FieldId> =
        std::sync::LazyLock::new(|| super::names::id_of("syslog.audit_record.File"));
    if let Some(span) = said(writer, *FILE) {
        writer.put_span(ecs::FILE_PATH, span, Kind::Text, false);
    }
}

fn put_session(writer: &mut EventWriter<'_>, who: Who) {
    if who != Who::Session {
        return;
    }
    if let Some(span) = detail_of(writer, &["Protocol"]) {
        put_lower(writer, ecs::NETWORK_APPLICATION, span);
    }
    if let Some(span) = detail_of(writer, &["SessionDuration"]) {
        // Hours may have more than two digits.
        let text = writer.bytes(span);
        let colon = memchr::memchr(b':', text).unwrap_or(0);
        let clock = text.get(colon..).and_then(|rest| {
            let mut clock = *b"00:00:00";
            clock[2..].copy_from_slice(rest.get(..6)?);
            let (_, minute, second, _) = take_clock(&clock)?;
            Some(i64::from(minute * 60 + second))
        });
        let hours = parse_i64(&text[..colon]).filter(|&hours| hours < 100_000);
        if let (Some(hours), Some(rest)) = (hours, clock) {
            writer.put_i64(ecs::EVENT_DURATION, (hours * 3600 + rest) * SECOND_NS);
        }
    }
    if let Some(span) = detail_of(writer, &["ProcessName"]) {
        writer.put_span(ecs::PROCESS_NAME, span, Kind::Text, false);
    }
    if let Some(span) = detail_of(writer, &["ProcessId"]) {
        if parse_i64(writer.bytes(span)).is_some() {
            writer.put_span(ecs::PROCESS_PID, span, Kind::Number, false);
        }
    }
}

/// The value of the first of `names` that `ExtraDetails` holds: `name=value;`, with `\;` for a semicolon of the value.
fn detail_of(writer: &EventWriter<'_>, names: &[&str]) -> Option<Span> {
    let details = present(writer, ids().details)?;
    let text = writer.bytes(details);
    let mut at = 0;
    while at < text.len() {
        let mut end = at;
        loop {
            end += memchr::memchr(b';', &text[end..]).unwrap_or(text.len() - end);
            if end >= text.len() || end == 0 || text[end - 1] != b'\\' {
                break;
            }
            end += 1;
        }
        let pair = &text[at..end];
        if let Some(equals) = memchr::memchr(b'=', pair) {
            if names.iter().any(|name| name.as_bytes() == &pair[..equals]) && equals + 1 < pair.len() {
                return Some(details.part(at + equals + 1..end));
            }
        }
        at = end + 1;
    }
    None
}

/// The value of a property of the account.
fn property(writer: &EventWriter<'_>, name: &[u8]) -> Option<Span> {
    let ids = ids();
    let view = writer.view();
    let from = view.first_index(ids.property_name)?;
    let mut wanted = false;
    for field in &view.fields()[from..] {
        if field.id == ids.property_name {
            wanted = view.value(field) == name;
        } else if field.id == ids.property_value && wanted {
            return Some(field.span()).filter(|span| !span.is_empty());
        }
    }
    None
}
