//! Google Workspace: activities of the Reports API (Admin SDK, "Activities: list", event names per application) and alerts of
//! the Alert Center API.

use super::json_table::How::*;
use super::json_table::{self, Clock, Constants, JsonTable, Pairs, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Kind, Span};
use crate::time::take_iso;
use crate::{ecs, logsource, products};

/// `google_workspace`.
pub(crate) static PRODUCT: Product = Product {
    name: "google_workspace",
    title: "Google Workspace",
    document: "Google Workspace Admin SDK: Reports API activities; Alert Center API alerts",
    namespace: "google_workspace",
    module: "google_workspace",
    dataset: "google_workspace.admin",
    names: NAMES,
    json: &[&ACTIVITY, &ALERT],
    detect: &[
        Detect::Members(&["id.applicationName", "events.name"], read_activity),
        Detect::Members(&["id.applicationName", "id.uniqueQualifier"], read_activity),
        Detect::Members(&["alertId", "createTime", "source"], read_alert),
        Detect::Members(&["alertId", "createTime", "data.@type"], read_alert),
    ],
    ..Product::NONE
};

vendor_names! {
    application = "id.applicationName";
    event_name = "events.name";
    event_type = "events.type";
    parameter = "events.parameters.name";
    parameter_value = "events.parameters.value";
    event_service = "eventService";
    rule_event_name = "eventName";
    new_value = "new_value";
    setting_name = "setting_name";
    @also
    "kind" "etag" "ownerDomain" "actor.callerType" "actor.key" "events.parameters.intValue" "events.parameters.boolValue"
    "events.parameters.multiIntValue" "metadata.severity" "metadata.status" "metadata.assignee" "updateTime" "deleted"
    "securityInvestigationToolLink" "resourceDetails.id" "resourceDetails.title" "resourceDetails.type"
}

const GROUP_OR_USER: &[json_table::Row] = &[
    ("USER_EMAIL", ecs::USER_TARGET_EMAIL, Text),
    ("USER_EMAIL", ecs::USER_TARGET_NAME, LocalPart),
    ("USER_EMAIL", ecs::USER_TARGET_DOMAIN, MailDomain),
    ("user_email", ecs::USER_TARGET_EMAIL, Text),
    ("user_email", ecs::USER_TARGET_NAME, LocalPart),
    ("user_email", ecs::USER_TARGET_DOMAIN, MailDomain),
    ("target_user", ecs::USER_TARGET_EMAIL, Text),
    ("target_user", ecs::USER_TARGET_NAME, LocalPart),
    ("target_user", ecs::USER_TARGET_DOMAIN, MailDomain),
    ("member", ecs::USER_TARGET_EMAIL, Text),
    ("member", ecs::USER_TARGET_NAME, LocalPart),
    ("member", ecs::USER_TARGET_DOMAIN, MailDomain),
    ("affected_email_address", ecs::USER_TARGET_NAME, LocalPart),
    ("affected_email_address", ecs::USER_TARGET_DOMAIN, MailDomain),
    ("owner", ecs::FILE_OWNER, LocalPart),
    ("doc_title", ecs::FILE_NAME, Text),
    (
        "doc_type",
        ecs::FILE_TYPE,
        Map(&[
            ("folder", "dir"),
            ("shared_drive", "dir"),
            ("document", "file"),
            ("drawing", "file"),
            ("form", "file"),
            ("html", "file"),
            ("jpeg", "file"),
            ("mp4", "file"),
            ("mpeg", "file"),
            ("mpeg_video", "file"),
            ("msexcel", "file"),
            ("mspowerpoint", "file"),
            ("msword", "file"),
            ("ms_excel", "file"),
            ("ms_powerpoint", "file"),
            ("ms_word", "file"),
            ("pdf", "file"),
            ("png", "file"),
            ("presentation", "file"),
            ("qt_video", "file"),
            ("quicktime", "file"),
            ("site", "file"),
            ("spreadsheet", "file"),
            ("text", "file"),
            ("txt", "file"),
            ("unknown", "file"),
            ("zip", "file"),
        ]),
    ),
    ("WEB_ADDRESS", ecs::URL_ORIGINAL, Url),
    ("GMAIL_RESET_REASON", ecs::MESSAGE, Text),
    ("message", ecs::MESSAGE, Text),
    ("BEGIN_DATE_TIME", ecs::EVENT_START, Time(Clock::IsoUtc)),
    ("START_DATE", ecs::EVENT_START, Time(Clock::IsoUtc)),
    ("END_DATE_TIME", ecs::EVENT_END, Time(Clock::IsoUtc)),
    ("END_DATE", ecs::EVENT_END, Time(Clock::IsoUtc)),
    ("login_timestamp", ecs::EVENT_START, Time(Clock::Micros)),
    ("rule_name", ecs::RULE_NAME, Text),
    ("rule_id", ecs::RULE_ID, Text),
    ("APK_SHA256_HASH", ecs::RELATED_HASH, Set),
    ("OS_VERSION", ecs::HOST_OS_VERSION, Text),
    ("actor_ip_address", ecs::RELATED_IP, Set),
    // The group is told by its mail address.
    ("GROUP_EMAIL", ecs::GROUP_NAME, LocalName),
    ("GROUP_EMAIL", ecs::GROUP_DOMAIN, MailDomain),
    ("group_email", ecs::GROUP_NAME, LocalName),
    ("group_email", ecs::GROUP_DOMAIN, MailDomain),
];

static ACTIVITY: JsonTable = JsonTable::new(Spec {
    product: products::GOOGLE_WORKSPACE,
    log_source: logsource::GOOGLE_WORKSPACE,
    constants: &[(ecs::EVENT_KIND, "event")],
    time: &[("id.time", Clock::IsoUtc)],
    rows: &[
        ("id.uniqueQualifier", ecs::EVENT_ID, Text),
        ("id.applicationName", ecs::EVENT_PROVIDER, Text),
        ("id.customerId", ecs::ORGANIZATION_ID, Text),
        ("events.name", ecs::EVENT_ACTION, OnlyMeans(EVENTS)),
        ("events.name", ecs::EVENT_ACTION, Text),
        ("actor.email", ecs::USER_EMAIL, Text),
        ("actor.email", ecs::USER_NAME, LocalPart),
        ("actor.email", ecs::USER_DOMAIN, MailDomain),
        ("actor.email", ecs::SOURCE_USER_EMAIL, Text),
        ("actor.email", ecs::SOURCE_USER_NAME, LocalPart),
        ("actor.email", ecs::SOURCE_USER_DOMAIN, MailDomain),
        ("actor.profileId", ecs::USER_ID, Text),
        ("actor.profileId", ecs::SOURCE_USER_ID, Text),
        ("ipAddress", ecs::SOURCE_IP, Ip),
    ],
    pairs: &[Pairs {
        name: "events.parameters.name",
        values: &[
            "events.parameters.value",
            "events.parameters.multiValue",
            "events.parameters.intValue",
            "events.parameters.multiIntValue",
        ],
        rows: GROUP_OR_USER,
    }],
    ..Spec::NONE
});

const C: crate::dictionary::FieldId = ecs::EVENT_CATEGORY;
const T: crate::dictionary::FieldId = ecs::EVENT_TYPE;
const O: crate::dictionary::FieldId = ecs::EVENT_OUTCOME;
const USER_CHANGED: Constants = &[(C, "iam"), (T, "user"), (T, "change")];

/// Events that are no matter of their name's words: sign-ins and accounts.
const EVENTS: &[(&str, Constants)] = &[
    ("login_failure", &[(C, "authentication"), (C, "session"), (T, "start"), (O, "failure")]),
    ("login_success", &[(C, "authentication"), (C, "session"), (T, "start"), (O, "success")]),
    ("logout", &[(C, "authentication"), (C, "session"), (T, "end")]),
    ("login_challenge", &[(C, "authentication"), (T, "info")]),
    ("login_verification", &[(C, "authentication"), (T, "info")]),
    ("suspicious_login", &[(C, "authentication"), (T, "info")]),
    ("suspicious_login_less_secure_app", &[(C, "authentication"), (T, "info")]),
    ("suspicious_programmatic_login", &[(C, "authentication"), (T, "info")]),
    ("risky_sensitive_action_allowed", &[(C, "authentication"), (T, "info")]),
    ("risky_sensitive_action_blocked", &[(C, "authentication"), (T, "info")]),
    ("account_disabled_generic", USER_CHANGED),
    ("account_disabled_hijacked", USER_CHANGED),
    ("account_disabled_password_leak", USER_CHANGED),
    ("account_disabled_spamming", USER_CHANGED),
    ("account_disabled_spamming_through_relay", USER_CHANGED),
    ("gov_attack_warning", &[(C, "iam"), (T, "user")]),
    ("2sv_disable", USER_CHANGED),
    ("2sv_enroll", USER_CHANGED),
    ("password_edit", USER_CHANGED),
    ("recovery_email_edit", USER_CHANGED),
    ("recovery_phone_edit", USER_CHANGED),
    ("recovery_secret_qa_edit", USER_CHANGED),
    ("titanium_enroll", USER_CHANGED),
    ("titanium_unenroll", USER_CHANGED),
    ("email_forwarding_out_of_domain", USER_CHANGED),
];

static ALERT: JsonTable = JsonTable::new(Spec {
    product: products::GOOGLE_WORKSPACE,
    log_source: logsource::GOOGLE_WORKSPACE,
    constants: &[(ecs::EVENT_KIND, "alert"), (C, "threat"), (C, "malware"), (T, "info")],
    time: &[("createTime", Clock::IsoUtc)],
    rows: &[
        ("alertId", ecs::EVENT_ID, Text),
        ("source", ecs::EVENT_ACTION, Text),
        ("customerId", ecs::ORGANIZATION_ID, Text),
        ("startTime", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("endTime", ecs::EVENT_END, Time(Clock::IsoUtc)),
        ("data.name", ecs::RULE_NAME, Text),
        ("data.email", ecs::USER_EMAIL, Text),
        ("metadata.assignee", ecs::USER_EMAIL, Text),
        ("data.actorEmail", ecs::SOURCE_USER_EMAIL, Text),
        ("data.sourceIp", ecs::SOURCE_IP, Ip),
        ("data.maliciousEntity.entity.displayName", ecs::USER_NAME, User),
        ("data.domainId.customerPrimaryDomain", ecs::USER_DOMAIN, Text),
        ("data.messages.messageId", ecs::EMAIL_MESSAGE_ID, Text),
        ("data.messages.messageId", C, Constant("email")),
        ("data.messages.subjectText", ecs::EMAIL_SUBJECT, Text),
        ("data.messages.recipient", ecs::EMAIL_TO_ADDRESS, Set),
        ("data.messages.date", ecs::EMAIL_DELIVERY_TIMESTAMP, Time(Clock::IsoUtc)),
        ("data.messages.attachmentsSha256Hash", ecs::RELATED_HASH, Set),
        ("data.messages.md5HashSubject", ecs::RELATED_HASH, Set),
        ("data.messages.md5HashMessageBody", ecs::RELATED_HASH, Set),
    ],
    ..Spec::NONE
});

fn read_alert(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    ALERT.apply(writer, context)
}

fn read_activity(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    ACTIVITY.apply(writer, context);
    let ids = ids();
    if !writer.view().has(C) {
        put_meaning(writer, ids);
    }
    if let Some(name) = json_table::value(writer, ecs::GROUP_NAME) {
        let user = json_table::has_own(writer, ecs::USER_TARGET_NAME);
        if user || writer.first(ids.application) != Some(b"groups") {
            writer.put_span(ecs::USER_TARGET_GROUP_NAME, name, Kind::Text, false);
            super::fields::copy(writer, ecs::GROUP_DOMAIN, ecs::USER_TARGET_GROUP_DOMAIN);
        }
    }
    put_duration(writer);
    put_rule_names(writer, ids);
    true
}

/// The time between start and end where the parameters give both.
fn put_duration(writer: &mut EventWriter<'_>) {
    let instant = |id| {
        let (stamp, _) = take_iso(writer.first(id)?)?;
        stamp.civil.at_offset(0)
    };
    if let (Some(start), Some(end)) = (instant(ecs::EVENT_START), instant(ecs::EVENT_END)) {
        writer.put_i64(ecs::EVENT_DURATION, end.saturating_sub(start));
    }
}

/// The names that Sigma's rules use, which are those of the same events in Cloud Logging.
fn put_rule_names(writer: &mut EventWriter<'_>, ids: &Ids) {
    if let Some(span) = json_table::value(writer, ids.event_name) {
        writer.put_span(ids.rule_event_name, span, Kind::Text, true);
    }
    if let Some(span) = json_table::value(writer, ids.application) {
        let from = writer.arena_start();
        writer.arena_push_span(span);
        writer.arena_push(b".googleapis.com");
        let service = writer.arena_end(from);
        writer.put_span(ids.event_service, service, Kind::Text, true);
    }
    for (parameter, id) in [(&b"NEW_VALUE"[..], ids.new_value), (b"SETTING_NAME", ids.setting_name)] {
        if let Some(span) = parameter_value(writer, ids, parameter) {
            writer.put_span(id, span, Kind::Text, true);
        }
    }
}

/// The value that stands behind a parameter's name.
fn parameter_value(writer: &EventWriter<'_>, ids: &Ids, name: &[u8]) -> Option<Span> {
    let view = writer.view();
    let at = view.fields().iter().position(|field| field.id == ids.parameter && view.value(field) == name)?;
    let next = view.fields().get(at + 1)?;
    (next.id == ids.parameter_value).then(|| next.span())
}

/// Category and type by the application and the words of the event's name.
fn put_meaning(writer: &mut EventWriter<'_>, ids: &Ids) {
    let name = writer.first(ids.event_name).unwrap_or_default();
    let kind = writer.first(ids.event_type).unwrap_or_default();
    let has = |word: &str| memchr::memmem::find(name, word.as_bytes()).is_some();
    let begins = |words: &[&str]| words.iter().any(|word| name.starts_with(word.as_bytes()));
    let (categories, subject, verb): (&'static [&'static str], &'static [&'static str], &'static str) = match writer
        .first(ids.application)
    {
        Some(b"admin") => {
            let of_user = kind == b"USER_SETTINGS" || begins(&["MOBILE_DEVICE_", "ACTION_"]);
            let of_group = kind == b"GROUP_SETTINGS";
            let config = !of_user
                && !of_group
                && !begins(&["CREATE_", "REMOVE_CHROME_OS", "UPDATE_GROUP"])
                && (has("_SETTING")
                    || has("STRONG_AUTH")
                    || has("TWO_STEP")
                    || begins(&["TOGGLE_SSO", "TOGGLE_NEW", "TOGGLE_OPEN", "TOGGLE_USE", "TOGGLE_ENABLE", "ENABLE_"])
                    || begins(&["FLASHLIGHT_EDU", "MEET_INTEROP_MODIFY", "UPDATE_MANAGED", "UPDATE_ERROR_MSG"]));
            let verb = if begins(&["CREATE_", "INSERT_", "GENERATE_", "ADD_WEB_ADDRESS", "EMAIL_UNDELETE"])
                || has("BULK_CREATION")
                || has("_CREATE_")
            {
                "creation"
            } else if begins(&["DELETE_", "REMOVE_CHROME_OS_APPLICATION", "REMOVE_ORG_UNIT"])
                || name.ends_with(b"_DELETED")
                || name.ends_with(b"_DELETE")
            {
                "deletion"
            } else if begins(&["VIEW_", "DOWNLOAD_", "VERIFY_", "SKIP_", "UPLOAD_", "REQUEST_", "RESEND_", "BULK_"])
                || begins(&["USER_INVITE", "ACTION_", "EMAIL_LOG_SEARCH", "DRIVE_DATA_RESTORE", "USE_GOOGLE"])
                || name.ends_with(b"_SENT")
                || name.ends_with(b"_DOWNLOAD")
            {
                "info"
            } else {
                "change"
            };
            let subject: &[&str] = match (of_user, of_group) {
                (true, _) => &["user"],
                (_, true) => &["group"],
                _ => &[],
            };
            (if config { &["iam", "configuration"] } else { &["iam"] }, subject, verb)
        }
        Some(b"drive") => {
            let access = has("access") || has("membership") || has("approval_") || has("acl") || has("visibility");
            let verb = if begins(&["create", "upload", "copy"]) {
                "creation"
            } else if begins(&["delete", "trash", "empty_trash"]) {
                "deletion"
            } else if begins(&["view", "print", "preview", "download", "source_copy"]) {
                "info"
            } else {
                "change"
            };
            (if access { &["file", "iam", "configuration"] } else { &["file"] }, &[], verb)
        }
        Some(b"groups" | b"groups_enterprise") => {
            let of_user = has("user") || has("invitation") || has("join") || has("member_role");
            let config = name.ends_with(b"_setting");
            let verb = if begins(&["create_group", "add_user", "add_member"]) {
                "creation"
            } else if begins(&["delete_group", "remove_user", "remove_member", "ban_user"]) {
                "deletion"
            } else if has("invit") || begins(&["moderate", "reject_join", "request_to_join", "unsubscribe"]) {
                "info"
            } else {
                "change"
            };
            let subject: &[&str] = if of_user && !config { &["group", "user"] } else { &["group"] };
            (if config { &["iam", "configuration"] } else { &["iam"] }, subject, verb)
        }
        Some(b"user_accounts") => (&["iam"], &["user"], "change"),
        _ => return,
    };
    for category in categories {
        writer.put_str(C, category);
    }
    for subject in subject {
        writer.put_str(T, subject);
    }
    writer.put_str(T, verb);
}
