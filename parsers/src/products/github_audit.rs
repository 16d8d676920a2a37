//! GitHub audit log events (GitHub Docs, "Audit log events for your enterprise" and for organizations).

use super::json_table::How::*;
use super::json_table::{self, Clock, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::EventWriter;
use crate::{ecs, logsource, products};

/// `github_audit`.
pub(crate) static PRODUCT: Product = Product {
    name: "github_audit",
    title: "GitHub audit log",
    document: "GitHub Docs: audit log events",
    namespace: "github",
    module: "github",
    dataset: "github.audit",
    names: NAMES,
    json: &[&TABLE],
    detect: &[
        Detect::Members(&["action", "actor", "created_at"], read),
        Detect::Members(&["action", "actor", "org", "@timestamp"], read),
        Detect::Members(&["action", "@timestamp", "_document_id"], read),
        Detect::Members(&["action", "actor", "_document_id"], read),
        Detect::Members(&["action", "actor", "org"], read),
    ],
    ..Product::NONE
};

vendor_names! {
    action = "action";
    @also
    "org_id" "org" "repo" "repo_id" "repository" "repository_public" "actor_id" "actor_location.country_code"
    "user_id" "operation_type" "public_repo" "business" "business_id" "visibility" "permission" "name" "config.url"
    "events" "hook_id" "oauth_application_id" "explanation" "transport_protocol" "transport_protocol_name"
    "programmatic_access_type" "token_id" "hashed_token" "token_scopes" "external_identity_nameid"
    "external_identity_username" "previous_visibility" "old_user" "key" "read_only" "content_type" "deploy_key_fingerprint"
    "actor_is_bot" "request_id" "pull_request_id" "pull_request_title" "pull_request_url" "integration"
}

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::GITHUB_AUDIT,
    log_source: logsource::GITHUB_AUDIT,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "configuration"), (ecs::EVENT_CATEGORY, "web")],
    time: &[("@timestamp", Clock::Millis), ("created_at", Clock::Millis), ("@timestamp", Clock::IsoUtc)],
    rows: &[
        ("action", ecs::EVENT_ACTION, Text),
        ("_document_id", ecs::EVENT_ID, Text),
        ("actor", ecs::USER_NAME, User),
        ("actor_ip", ecs::SOURCE_IP, Ip),
        ("user", ecs::USER_TARGET_NAME, User),
        ("data.user", ecs::USER_TARGET_NAME, User),
        ("team", ecs::GROUP_NAME, Text),
        ("data.team", ecs::GROUP_NAME, Text),
        ("user_agent", ecs::USER_AGENT_ORIGINAL, Text),
    ],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    // Every action is `category.operation`.
    let Some(action) = writer.first(ids.action) else { return false };
    let Some(dot) = memchr::memchr(b'.', action).filter(|&dot| dot > 0) else { return false };
    let (category, operation) = (&action[..dot], &action[dot + 1..]);
    let of_org = category == b"org";
    let of_group = matches!(category, b"org" | b"team" | b"business");
    let begins = |words: &[&[u8]]| words.iter().any(|word| operation.starts_with(word));
    let kind = if begins(&[b"create", b"add_", b"add"]) && !begins(&[b"address"]) {
        Some("creation")
    } else if begins(&[b"delete", b"destroy", b"remove"]) || operation.ends_with(b"_removed") {
        Some("deletion")
    } else if !of_group || begins(&[b"update", b"change", b"rename", b"edit"]) {
        Some("change")
    } else {
        None
    };
    TABLE.apply(writer, context);
    if of_group {
        json_table::put_constants(
            writer,
            &[(ecs::EVENT_CATEGORY, "iam"), (ecs::EVENT_TYPE, "group"), (ecs::EVENT_TYPE, "user")],
        );
        if of_org {
            super::fields::copy(writer, super::names::id_of("org"), ecs::GROUP_NAME);
        }
    }
    if let Some(kind) = kind {
        writer.put_str(ecs::EVENT_TYPE, kind);
    }
    true
}
