//! Cisco Duo logs (Duo Admin API: authentication, administrator, telephony, offline enrollment and activity logs).

use super::json_table::How::*;
use super::json_table::{self, Clock, Constants, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::EventWriter;
use crate::wire::json;
use crate::{ecs, logsource, products};

/// `cisco_duo`.
pub(crate) static PRODUCT: Product = Product {
    name: "cisco_duo",
    title: "Cisco Duo",
    document: "Duo Admin API: logs",
    namespace: "cisco_duo",
    module: "cisco_duo",
    dataset: "cisco_duo.auth",
    names: NAMES,
    json: &[&AUTH, &ADMIN],
    detect: &[
        Detect::Members(&["txid", "factor", "result"], read_auth),
        Detect::Members(&["event_type", "factor", "access_device.ip"], read_auth),
        Detect::Members(&["action", "isotimestamp", "username"], read_admin),
    ],
    ..Product::NONE
};

vendor_names! {
    device_ip = "access_device.ip";
    action = "action";
    description = "description";
    @also
    "access_device.hostname" "access_device.browser" "access_device.browser_version" "access_device.os" "access_device.os_version"
    "access_device.location.city" "access_device.location.country" "access_device.location.state"
    "access_device.is_encryption_enabled" "access_device.is_firewall_enabled" "access_device.is_password_set"
    "access_device.flash_version" "access_device.java_version" "application.key" "application.name" "auth_device.name"
    "auth_device.ip" "trusted_endpoint_status" "ood_software" "alias" "host" "eventtype"
}

static AUTH: JsonTable = JsonTable::new(Spec {
    product: products::CISCO_DUO,
    log_source: logsource::CISCO_DUO,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "authentication"), (ecs::EVENT_TYPE, "info")],
    time: &[("timestamp", Clock::Seconds), ("isotimestamp", Clock::IsoUtc)],
    rows: &[
        ("txid", ecs::EVENT_ID, Text),
        (
            "result",
            ecs::EVENT_OUTCOME,
            Map(&[
                ("success", "success"),
                ("SUCCESS", "success"),
                ("denied", "failure"),
                ("failure", "failure"),
                ("FAILURE", "failure"),
                ("fraud", "failure"),
                ("error", "failure"),
            ]),
        ),
        ("reason", ecs::EVENT_REASON, Text),
        ("user.name", ecs::USER_NAME, User),
        ("user.name", ecs::SOURCE_USER_NAME, Text),
        ("user.key", ecs::USER_ID, Text),
        ("user.key", ecs::SOURCE_USER_ID, Text),
        ("user.groups", ecs::SOURCE_USER_GROUP_NAME, Set),
        ("email", ecs::USER_EMAIL, Text),
        ("email", ecs::SOURCE_USER_EMAIL, Text),
        ("access_device.hostname", ecs::SOURCE_ADDRESS, Host),
        ("access_device.ip", ecs::SOURCE_ADDRESS, Host),
        ("auth_device.ip", ecs::RELATED_IP, Set),
    ],
    ..Spec::NONE
});

fn read_auth(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    AUTH.apply(writer, context);
    // An IPv6 address may carry its port behind a dot or a `p`.
    if let Some(span) = json_table::value(writer, ids().device_ip) {
        let text = writer.bytes(span);
        let dot = memchr::memrchr2(b'.', b'p', text).filter(|_| text.contains(&b':'));
        if let Some(dot) = dot.filter(|&dot| crate::ip::parse(&text[..dot]).is_some_and(|ip| ip.is_ipv6())) {
            json_table::put_as(writer, context, span.part(0..dot), ecs::SOURCE_IP, Ip);
            writer.put_port_span(ecs::SOURCE_PORT, span.part(dot + 1..span.len()));
        } else {
            json_table::put_as(writer, context, span, ecs::SOURCE_IP, IpPort(ecs::SOURCE_PORT));
        }
    }
    true
}

const C: crate::dictionary::FieldId = ecs::EVENT_CATEGORY;
const T: crate::dictionary::FieldId = ecs::EVENT_TYPE;

const ACTIONS: &[(&str, Constants)] = &[
    ("user_create", &[(C, "iam"), (T, "user"), (T, "creation")]),
    ("user_import", &[(C, "iam"), (T, "user"), (T, "creation")]),
    ("user_update", &[(C, "iam"), (T, "user"), (T, "change")]),
    ("user_restore", &[(C, "iam"), (T, "user"), (T, "change")]),
    ("user_not_enrolled_lockout", &[(C, "iam"), (T, "user"), (T, "change")]),
    ("user_lockout_cleared", &[(C, "iam"), (T, "user"), (T, "change")]),
    ("user_adminapi_lockout", &[(C, "iam"), (T, "user"), (T, "change")]),
    ("user_delete", &[(C, "iam"), (T, "user"), (T, "deletion")]),
    ("user_pending_delete", &[(C, "iam"), (T, "user"), (T, "deletion")]),
    ("phone_create", &[(C, "iam"), (T, "user"), (T, "change")]),
    ("phone_update", &[(C, "iam"), (T, "user"), (T, "change")]),
    ("phone_delete", &[(C, "iam"), (T, "user"), (T, "change")]),
    ("phone_associate", &[(C, "iam"), (T, "user"), (T, "change")]),
    ("phone_disassociate", &[(C, "iam"), (T, "user"), (T, "change")]),
    ("ad_sync_begin", &[(T, "info")]),
    ("ad_sync_finish", &[(T, "info")]),
    ("ad_sync_failed", &[(T, "info")]),
    ("group_create", &[(C, "iam"), (T, "group"), (T, "creation")]),
    ("group_update", &[(C, "iam"), (T, "group"), (T, "change")]),
    ("group_delete", &[(C, "iam"), (T, "group"), (T, "deletion")]),
    ("admin_create", &[(C, "iam"), (T, "admin"), (T, "creation")]),
    ("admin_update", &[(C, "iam"), (T, "admin"), (T, "change")]),
    ("admin_delete", &[(C, "iam"), (T, "admin"), (T, "deletion")]),
    ("admin_login", &[(C, "iam"), (T, "admin")]),
    ("admin_login_error", &[(C, "iam"), (T, "admin")]),
    ("admin_reset_password", &[(C, "iam"), (T, "admin"), (T, "change")]),
    ("admin_self_activate", &[(C, "iam"), (T, "admin"), (T, "change")]),
];

static ADMIN: JsonTable = JsonTable::new(Spec {
    product: products::CISCO_DUO,
    log_source: logsource::CISCO_DUO,
    constants: &[(ecs::EVENT_KIND, "event")],
    time: &[("timestamp", Clock::Seconds), ("isotimestamp", Clock::IsoUtc)],
    rows: &[
        ("action", ecs::EVENT_ACTION, Means(ACTIONS)),
        ("username", ecs::USER_NAME, User),
        ("object", ecs::USER_TARGET_NAME, Text),
    ],
    ..Spec::NONE
});

fn read_admin(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    ADMIN.apply(writer, context);
    // What was changed stands as JSON in a string.
    json::decode_value(writer, context, ids().description);
    let failed = writer.first(ids().action).is_some_and(|action| action.ends_with(b"_error"));
    writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
    true
}
