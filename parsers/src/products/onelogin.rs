//! OneLogin events (OneLogin API Reference: Events, "Event Resource" and "Event Types").

use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Spec};
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::EventWriter;
use crate::{ecs, logsource, products};

/// `onelogin`.
pub(crate) static PRODUCT: Product = Product {
    name: "onelogin",
    title: "OneLogin events",
    document: "OneLogin API Reference: Events",
    namespace: "onelogin",
    module: "onelogin",
    dataset: "onelogin.events",
    json: &[&TABLE],
    detect: &[Detect::Members(&["event_type_id", "account_id", "actor_user_id"], read)],
    ..Product::NONE
};

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::ONELOGIN,
    log_source: logsource::ONELOGIN,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "iam")],
    time: &[("created_at", Clock::IsoUtc)],
    rows: &[
        ("event_type_id", ecs::EVENT_CODE, Text),
        ("id", ecs::EVENT_ID, Text),
        ("operation_name", ecs::EVENT_ACTION, Slug),
        ("error_description", ecs::ERROR_MESSAGE, Text),
        ("notes", ecs::MESSAGE, Text),
        ("custom_message", ecs::EVENT_REASON, Text),
        ("risk_score", ecs::EVENT_RISK_SCORE, Number),
        ("actor_user_id", ecs::USER_ID, Text),
        ("actor_user_name", ecs::USER_NAME, User),
        ("user_id", ecs::USER_TARGET_ID, Text),
        ("user_name", ecs::USER_TARGET_NAME, User),
        ("group_id", ecs::GROUP_ID, Text),
        ("group_name", ecs::GROUP_NAME, Text),
        ("account_id", ecs::ORGANIZATION_ID, Text),
        ("app_name", ecs::SERVICE_NAME, Text),
        ("ipaddr", ecs::SOURCE_IP, Ip),
        ("ipaddr", ecs::SOURCE_ADDRESS, Text),
        ("proxy_ip", ecs::NETWORK_FORWARDED_IP, Ip),
    ],
    also: &[
        "actor_system",
        "app_id",
        "assuming_acting_user_id",
        "browser_fingerprint",
        "client_id",
        "directory_id",
        "directory_sync_run_id",
        "otp_device_id",
        "otp_device_name",
        "policy_id",
        "policy_name",
        "resolution",
        "resource_type_id",
        "risk_cookie_id",
        "risk_reasons",
        "role_id",
        "role_name",
    ],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    true
}
