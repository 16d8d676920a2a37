//! HashiCorp Vault: audit device records (requests and responses) and the operational log in JSON.

use super::fields::present;
use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::{EVENT_CATEGORY, EVENT_KIND, EVENT_TYPE};
use crate::event::EventWriter;
use crate::{ecs, logsource, products};

/// `hashicorp_vault`.
pub(crate) static PRODUCT: Product = Product {
    name: "hashicorp_vault",
    title: "HashiCorp Vault",
    document: "Vault: Audit Devices, log entry schema; log_format = \"json\"",
    namespace: "hashicorp_vault.audit",
    module: "hashicorp_vault",
    dataset: "hashicorp_vault.audit",
    names: NAMES,
    json: &[&AUDIT, &LOG],
    detect: &[
        Detect::Members(&["type", "request.operation", "request.path"], read_audit),
        Detect::Members(&["@level", "@message", "@timestamp"], read_log),
    ],
    ..Product::NONE
};

vendor_names! {
    kind = "type";
    error = "error";

    @also
    "auth.client_token" "auth.token_type" "auth.accessor" "auth.display_name" "auth.policies" "auth.token_policies"
    "auth.identity_policies" "auth.policy_results.allowed" "auth.token_ttl" "auth.token_issue_time"
    "request.client_id" "request.client_token" "request.client_token_accessor" "request.mount_point"
    "request.mount_type" "request.mount_accessor" "request.path" "request.data" "request.headers" "request.wrap_ttl"
    "request.policy_override" "request.replication_cluster" "request.namespace.path" "response.mount_type"
    "response.mount_point" "response.mount_class" "response.data" "response.auth.accessor" "response.secret.lease_id"
    "@module" "lease_id"
}

static AUDIT: JsonTable = JsonTable::new(Spec {
    product: products::HASHICORP_VAULT,
    log_source: logsource::HASHICORP_VAULT,
    constants: &[(EVENT_KIND, "event"), (EVENT_CATEGORY, "authentication"), (EVENT_TYPE, "info")],
    time: &[("time", Clock::IsoUtc)],
    rows: &[
        ("request.id", ecs::EVENT_ID, Text),
        ("request.operation", ecs::EVENT_ACTION, Text),
        ("request.remote_address", ecs::SOURCE_IP, Ip),
        ("request.remote_port", ecs::SOURCE_PORT, Port),
        ("request.namespace.id", ecs::ORGANIZATION_ID, Text),
        ("request.path", ecs::URL_PATH, Text),
        ("auth.metadata.email", ecs::USER_EMAIL, Text),
        ("auth.metadata.account_id", ecs::USER_ID, Text),
        ("auth.metadata.username", ecs::USER_NAME, User),
        ("auth.entity_id", ecs::USER_ID, Text),
        ("error", ecs::MESSAGE, Text),
        ("error", ecs::ERROR_MESSAGE, Text),
    ],
    ..Spec::NONE
});

fn read_audit(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    if !matches!(writer.first(ids.kind), Some(b"request" | b"response")) {
        return false;
    }
    AUDIT.apply(writer, context);
    let failed = present(writer, ids.error).is_some();
    writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
    true
}

static LOG: JsonTable = JsonTable::new(Spec {
    product: products::HASHICORP_VAULT,
    log_source: logsource::HASHICORP_VAULT,
    constants: &[(EVENT_KIND, "event"), (ecs::EVENT_DATASET, "hashicorp_vault.log")],
    time: &[("@timestamp", Clock::IsoUtc)],
    rows: &[
        ("@level", ecs::LOG_LEVEL, Text),
        ("@message", ecs::MESSAGE, Text),
        ("@module", ecs::LOG_LOGGER, Text),
        ("file_path", ecs::FILE_PATH, Text),
    ],
    ..Spec::NONE
});

fn read_log(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    LOG.apply(writer, context)
}
