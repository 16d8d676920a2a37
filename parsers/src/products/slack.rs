//! Audit logs of workplaces: Slack (Audit Logs API: "Audit Logs API actions") and 1Password (Events API: sign-in attempts, item
//! usages, audit events).

use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Spec};
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::EventWriter;
use crate::{ecs, logsource, products};

/// `slack_audit`.
pub(crate) static PRODUCT: Product = Product {
    name: "slack_audit",
    title: "Slack audit logs",
    document: "Slack API: Audit Logs API",
    namespace: "slack.audit",
    module: "slack",
    dataset: "slack.audit",
    json: &[&SLACK],
    detect: &[Detect::Members(&["date_create", "action", "actor.type"], read_slack)],
    ..Product::NONE
};

/// `onepassword`.
pub(crate) static ONE_PASSWORD: Product = Product {
    name: "onepassword",
    title: "1Password events",
    document: "1Password Developer: Events API",
    namespace: "onepassword",
    module: "1password",
    dataset: "1password.events",
    json: &[&SIGN_IN, &ITEM_USAGE, &AUDIT],
    detect: &[
        Detect::Members(&["uuid", "target_user.uuid", "category"], read_sign_in),
        Detect::Members(&["uuid", "vault_uuid", "item_uuid", "user.uuid"], read_item_usage),
        Detect::Members(&["uuid", "actor_uuid", "action", "object_type"], read_audit),
    ],
    ..Product::NONE
};

const C: crate::dictionary::FieldId = ecs::EVENT_CATEGORY;
const T: crate::dictionary::FieldId = ecs::EVENT_TYPE;
const INFO: Constants = &[(T, "info")];
const FILE_READ: Constants = &[(C, "file"), (T, "access")];

const ACTIONS: &[(&str, Constants)] = &[
    ("user_created", &[(C, "iam"), (T, "creation"), (T, "user")]),
    ("user_deactivated", &[(C, "iam"), (T, "change"), (T, "user")]),
    ("user_reactivated", &[(C, "iam"), (T, "change"), (T, "user")]),
    ("user_email_updated", &[(C, "iam"), (T, "change"), (T, "user")]),
    ("role_change_to_admin", &[(C, "iam"), (T, "change"), (T, "user")]),
    ("role_change_to_owner", &[(C, "iam"), (T, "change"), (T, "user")]),
    ("role_change_to_user", &[(C, "iam"), (T, "change"), (T, "user")]),
    ("role_change_to_guest", &[(C, "iam"), (T, "change"), (T, "user")]),
    ("user_login", &[(C, "authentication"), (C, "session"), (T, "start")]),
    ("user_login_failed", &[(C, "authentication"), (T, "start"), (ecs::EVENT_OUTCOME, "failure")]),
    ("user_logout", &[(C, "authentication"), (C, "session"), (T, "end")]),
    ("file_downloaded", FILE_READ),
    ("file_downloaded_blocked", FILE_READ),
    ("file_shared", &[(C, "file"), (T, "change")]),
    ("file_public_link_created", &[(C, "file"), (T, "change")]),
    ("file_uploaded", &[(C, "file"), (T, "creation")]),
    ("file_deleted", &[(C, "file"), (T, "deletion")]),
    ("app_installed", &[(C, "configuration"), (T, "creation")]),
    ("app_uninstalled", &[(C, "configuration"), (T, "deletion")]),
    ("app_scopes_expanded", &[(C, "configuration"), (T, "change")]),
    ("anomaly", INFO),
];

static SLACK: JsonTable = JsonTable::new(Spec {
    product: products::SLACK_AUDIT,
    log_source: logsource::SLACK_AUDIT,
    constants: &[(ecs::EVENT_KIND, "event")],
    time: &[("details.action_timestamp", Clock::Millis), ("date_create", Clock::Seconds)],
    rows: &[
        ("id", ecs::EVENT_ID, Text),
        ("action", ecs::EVENT_ACTION, Means(ACTIONS)),
        ("actor.user.id", ecs::USER_ID, User),
        ("actor.user.email", ecs::USER_EMAIL, User),
        ("actor.user.name", ecs::USER_FULL_NAME, Text),
        ("context.ip_address", ecs::SOURCE_IP, Ip),
        ("context.ip_address", ecs::SOURCE_ADDRESS, Text),
        ("context.ua", ecs::USER_AGENT_ORIGINAL, Text),
    ],
    also: &[
        "actor.user.team",
        "entity.type",
        "entity.user.id",
        "entity.user.name",
        "entity.user.email",
        "entity.file.id",
        "entity.file.name",
        "entity.channel.id",
        "entity.channel.name",
        "entity.app.id",
        "entity.app.name",
        "context.location.type",
        "context.location.id",
        "context.location.name",
        "context.location.domain",
        "context.session_id",
        "details.reason",
        "details.previous_ip_address",
    ],
    ..Spec::NONE
});

fn read_slack(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    SLACK.apply(writer, context)
}

const TIME: &[(&str, Clock)] = &[("timestamp", Clock::IsoUtc)];
const CATEGORIES: &[(&str, Constants)] = &[
    ("success", &[(ecs::EVENT_OUTCOME, "success")]),
    ("firewall_reported_success", &[(ecs::EVENT_OUTCOME, "success")]),
    ("credentials_failed", &[(ecs::EVENT_OUTCOME, "failure")]),
    ("mfa_failed", &[(ecs::EVENT_OUTCOME, "failure")]),
    ("modern_version_failed", &[(ecs::EVENT_OUTCOME, "failure")]),
    ("sso_failed", &[(ecs::EVENT_OUTCOME, "failure")]),
    ("firewall_failed", &[(ecs::EVENT_OUTCOME, "failure")]),
];

static SIGN_IN: JsonTable = JsonTable::new(Spec {
    product: products::ONE_PASSWORD,
    log_source: logsource::ONE_PASSWORD,
    constants: &[(ecs::EVENT_KIND, "event"), (C, "authentication"), (T, "info")],
    time: TIME,
    rows: &[
        ("category", ecs::EVENT_ACTION, Means(CATEGORIES)),
        ("target_user.uuid", ecs::USER_ID, User),
        ("target_user.email", ecs::USER_EMAIL, User),
        ("target_user.name", ecs::USER_FULL_NAME, User),
        ("client.ip_address", ecs::SOURCE_IP, Ip),
        ("client.os_name", ecs::HOST_OS_NAME, Text),
        ("client.os_version", ecs::HOST_OS_VERSION, Text),
        ("country", ecs::SOURCE_GEO_COUNTRY_ISO_CODE, Text),
    ],
    also: &["session_uuid", "type", "client.app_name", "client.app_version", "client.platform_name"],
    ..Spec::NONE
});

fn read_sign_in(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    SIGN_IN.apply(writer, context)
}

static ITEM_USAGE: JsonTable = JsonTable::new(Spec {
    product: products::ONE_PASSWORD,
    log_source: logsource::ONE_PASSWORD,
    constants: &[(ecs::EVENT_KIND, "event"), (C, "file"), (T, "access")],
    time: TIME,
    rows: &[
        ("action", ecs::EVENT_ACTION, Text),
        ("user.uuid", ecs::USER_ID, User),
        ("user.email", ecs::USER_EMAIL, User),
        ("user.name", ecs::USER_FULL_NAME, User),
        ("client.ip_address", ecs::SOURCE_IP, Ip),
        ("client.os_name", ecs::HOST_OS_NAME, Text),
        ("client.os_version", ecs::HOST_OS_VERSION, Text),
    ],
    also: &["used_version"],
    ..Spec::NONE
});

fn read_item_usage(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    ITEM_USAGE.apply(writer, context)
}

static AUDIT: JsonTable = JsonTable::new(Spec {
    product: products::ONE_PASSWORD,
    log_source: logsource::ONE_PASSWORD,
    constants: &[(ecs::EVENT_KIND, "event"), (C, "configuration"), (T, "access")],
    time: TIME,
    rows: &[
        ("action", ecs::EVENT_ACTION, Text),
        ("actor_uuid", ecs::USER_ID, User),
        ("object_uuid", ecs::RELATED_USER, Set),
        ("actor_details.email", ecs::USER_EMAIL, Text),
        ("actor_details.name", ecs::USER_NAME, Text),
        ("session.ip", ecs::SOURCE_IP, Ip),
    ],
    also: &["session.uuid", "session.device_uuid", "session.login_time", "aux_info", "object_details.name"],
    ..Spec::NONE
});

fn read_audit(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    AUDIT.apply(writer, context)
}
