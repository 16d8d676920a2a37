//! Audit logs of Jira, Confluence and Bitbucket, Data Center and Cloud (Atlassian Support: "Audit log events"; audit log REST
//! APIs).

use super::json_table::How::*;
use super::json_table::{self, Clock, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Span};
use crate::{ecs, logsource, products};

/// `atlassian_audit`.
pub(crate) static PRODUCT: Product = Product {
    name: "atlassian_audit",
    title: "Atlassian audit logs",
    document: "Atlassian Support: audit log events of Jira, Confluence and Bitbucket; audit log REST APIs",
    namespace: "atlassian.audit",
    module: "atlassian",
    dataset: "atlassian.audit",
    names: NAMES,
    json: &[&TABLE],
    detect: &[
        Detect::Members(&["auditType.action", "author.name"], read),
        Detect::Members(&["auditType.actionI18nKey", "author.id"], read),
        Detect::Members(&["type.actionI18nKey", "author.id"], read),
        Detect::Members(&["type.actionI18nKey", "author.name"], read),
        Detect::Members(&["summary", "creationDate", "author.type"], read),
        Detect::Members(&["summary", "created", "category", "eventSource"], read),
        Detect::Members(&["summary", "created", "objectItem.name"], read),
    ],
    ..Product::NONE
};

vendor_names! {
    seconds = "timestamp.epochSecond";
    nano = "timestamp.nano";
    author_name = "author.name";
    author_type = "author.type";
    author_uri = "author.uri";
    type_action = "type.actionI18nKey";
    system = "system";
    object_name = "affectedObjects.name";
    object_id = "affectedObjects.id";
    object_type = "affectedObjects.type";
    associated_name = "associatedItems.name";
    associated_id = "associatedItems.id";
    associated_type = "associatedItems.typeName";
    related_name = "associatedObjects.name";
    related_type = "associatedObjects.objectType";
    group_name = "affectedObject.name";
    group_type = "affectedObject.objectType";
    @also
    "auditType.category" "auditType.categoryI18nKey" "auditType.area" "auditType.level" "type.action" "type.category"
    "type.categoryI18nKey" "method" "node" "version" "extraAttributes.name" "extraAttributes.value"
    "extraAttributes.nameI18nKey" "changedValues.key" "changedValues.from" "changedValues.to" "changedValues.i18nKey"
    "category" "eventSource" "objectItem.typeName" "objectItem.name" "objectItem.id" "sysAdmin" "superAdmin" "description"
}

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::ATLASSIAN_AUDIT,
    log_source: logsource::BITBUCKET_AUDIT,
    constants: &[(ecs::EVENT_KIND, "event")],
    time: &[("timestamp", Clock::IsoUtc), ("created", Clock::IsoUtc), ("creationDate", Clock::Millis)],
    rows: &[
        ("auditType.actionI18nKey", ecs::EVENT_ACTION, Text),
        ("type.actionI18nKey", ecs::EVENT_ACTION, Text),
        ("type.action", ecs::EVENT_ACTION, Text),
        ("summary", ecs::EVENT_ACTION, Text),
        ("id", ecs::EVENT_ID, Text),
        ("author.id", ecs::USER_ID, Text),
        ("authorAccountId", ecs::USER_ID, Text),
        ("authorKey", ecs::USER_ID, Text),
        ("author.accountId", ecs::USER_ID, Text),
        ("author.username", ecs::USER_ID, Text),
        ("author.displayName", ecs::USER_FULL_NAME, Text),
        ("source", ecs::SOURCE_IP, Ip),
        ("source", ecs::SOURCE_ADDRESS, Text),
        ("remoteAddress", ecs::SOURCE_IP, Ip),
        ("remoteAddress", ecs::SOURCE_ADDRESS, Text),
    ],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    let ids = ids();
    put_time(writer, ids);
    put_meaning(writer);
    // Confluence writes people's names, the others their accounts.
    if let Some(span) = json_table::value(writer, ids.author_name) {
        let person = writer.first(ids.author_type) == Some(b"user");
        if let Some(account) = json_table::value(writer, ids.author_uri).and_then(|uri| account_of(writer, uri)) {
            json_table::put_as(writer, context, account, ecs::USER_NAME, User);
            if person {
                json_table::put_as_new(writer, context, span, ecs::USER_FULL_NAME, Text);
            }
        } else if person && writer.first(ids.type_action).is_none() {
            json_table::put_as_new(writer, context, span, ecs::USER_FULL_NAME, Text);
        } else {
            json_table::put_as(writer, context, span, ecs::USER_NAME, User);
        }
    }
    if let Some(span) = json_table::value(writer, ids.system) {
        let text = writer.bytes(span);
        if let Some(from) = memchr::memmem::find(text, b"://").map(|at| at + 3) {
            let to =
                text[from..].iter().position(|byte| matches!(byte, b':' | b'/')).map_or(text.len(), |at| from + at);
            let host = span.part(from..to);
            super::fields::relate_span(writer, host, ecs::RELATED_HOSTS);
        }
    }
    put_targets(writer, context, ids);
    true
}

/// The account in the address of a profile, `…?username=admin`.
fn account_of(writer: &EventWriter<'_>, uri: Span) -> Option<Span> {
    let text = writer.bytes(uri);
    let mark = b"username=";
    let from = memchr::memmem::find(text, mark)? + mark.len();
    let to = memchr::memchr(b'&', &text[from..]).map_or(text.len(), |at| from + at);
    Some(uri.part(from..to)).filter(|account| !account.is_empty())
}

/// The instant that newer versions write as seconds and nanoseconds.
fn put_time(writer: &mut EventWriter<'_>, ids: &Ids) {
    let number = |writer: &EventWriter<'_>, id| writer.first(id).and_then(crate::number::parse_i64);
    let seconds = number(writer, ids.seconds).and_then(|seconds| seconds.checked_mul(crate::time::SECOND_NS));
    if let Some(time_ns) = seconds.and_then(|time_ns| time_ns.checked_add(number(writer, ids.nano).unwrap_or(0))) {
        writer.set_time(time_ns, crate::event::TimePrecision::Nano);
    }
}

/// Users and groups that the event is about.
fn put_targets(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids) {
    for (name_id, id_id, type_id) in [
        (ids.object_name, Some(ids.object_id), ids.object_type),
        (ids.associated_name, Some(ids.associated_id), ids.associated_type),
        (ids.related_name, None, ids.related_type),
        (ids.group_name, None, ids.group_type),
    ] {
        let end = writer.fields_len();
        let first = [Some(name_id), id_id].into_iter().flatten().filter_map(|id| writer.view().first_index(id)).min();
        // Older versions write the id last.
        let place = |id| writer.view().first_index(id);
        let id_last = id_id.is_some_and(|id| place(id) > place(type_id));
        let (mut name, mut id, mut id_of) = (None, None, None);
        for at in first.unwrap_or(end)..end {
            let field = writer.view().fields()[at];
            if field.id == name_id {
                name = Some(field.span());
            } else if Some(field.id) == id_id {
                match id_of.take() {
                    Some(to_id) if id_last => json_table::put_as_new(writer, context, field.span(), to_id, Text),
                    _ if id_last => {}
                    _ => id = Some(field.span()),
                }
            } else if field.id == type_id {
                let kind = writer.bytes(field.span());
                let (to_name, to_id, how) = if kind.eq_ignore_ascii_case(b"user") {
                    (ecs::USER_TARGET_NAME, ecs::USER_TARGET_ID, User)
                } else if kind.eq_ignore_ascii_case(b"group") {
                    (ecs::GROUP_NAME, ecs::GROUP_ID, Text)
                } else {
                    (name, id, id_of) = (None, None, None);
                    continue;
                };
                id_of = Some(to_id);
                if let Some(name) = name.take() {
                    json_table::put_as_new(writer, context, name, to_name, how);
                }
                if let Some(id) = id.take() {
                    json_table::put_as_new(writer, context, id, to_id, Text);
                }
            }
        }
    }
}

/// Category and type by the words of the action, which the products build from subject and verb.
fn put_meaning(writer: &mut EventWriter<'_>) {
    let mut lower = [0u8; 160];
    let action = writer.first(ecs::EVENT_ACTION).unwrap_or_default();
    let len = action.len().min(lower.len());
    lower[..len].copy_from_slice(&action[..len]);
    lower.make_ascii_lowercase();
    let text = &lower[..len];
    let has = |word: &str| memchr::memmem::find(text, word.as_bytes()).is_some();
    // Longer subjects contain shorter ones: the first that fits is it.
    let (categories, subject, verb, outcome): (&'static [&'static str], &'static str, &'static str, &'static str) =
        if has("authenticationsuccess") {
            (&["authentication"], "", "start", "success")
        } else if has("authenticationfailure") || has("login.failed") {
            (&["authentication"], "", "info", "failure")
        } else if has("usercredentialupdated") {
            (&["iam"], "user", "change", "success")
        } else if has("groupmembership")
            || has("group.membership")
            || has("user.added.to.group")
            || has("user added to group")
            || has("user.removed.from.group")
            || has("user removed from group")
        {
            (&["iam"], "group", "change", "")
        } else if has("group.created") || has("group created") || has("groupcreated") {
            (&["iam"], "group", "creation", "")
        } else if has("group.deleted") || has("group deleted") || has("groupdeleted") {
            (&["iam"], "group", "deletion", "")
        } else if has("user.created") || has("user created") || has("usercreated") {
            (&["iam"], "user", "creation", "")
        } else if has("user.deleted") || has("user deleted") || has("userdeleted") {
            (&["iam"], "user", "deletion", "")
        } else if has("user.updated")
            || has("user updated")
            || has("user.renamed")
            || has("userrenamed")
            || has("user details updated")
        {
            (&["iam"], "user", "change", "")
        } else if has("personal.access.tokens") {
            (&["iam"], "admin", if has("created") { "creation" } else { "deletion" }, "")
        } else if has("accesstoken") || has("sshkey") || has("sshaccesskey") || has("gpgevent") {
            let verb = match () {
                () if has("created") => "creation",
                () if has("deleted") || has("revoked") => "deletion",
                () => "change",
            };
            (&["iam"], "", verb, "")
        } else if has("global.permission") && text.starts_with(b"jira") {
            (&["iam", "configuration"], "admin", if has("added") { "creation" } else { "deletion" }, "")
        } else if has("space.permission.removed") {
            (&[], "", "info", "")
        } else if has("global.permission")
            || has("space.permission")
            || has("projectpermission")
            || has("repositorypermission")
        {
            (&["iam", "configuration"], "", if has("removed") || has("revoked") { "deletion" } else { "creation" }, "")
        } else if has("permission.scheme.removed.from.project") {
            (&["iam", "configuration"], "", "deletion", "")
        } else if has("permission.scheme.added.to.project") {
            (&["iam", "configuration"], "", "creation", "")
        } else if has("repositoryaccessed") {
            (&["web"], "", "access", "")
        } else if has("projectcreated")
            || has("repositorycreated")
            || has("jira.auditing.project.created")
            || has("issue.type.created")
        {
            (&["configuration"], "", "creation", "")
        } else if has("projectdeletion")
            || has("projectdeleted")
            || has("repositorydeleted")
            || has("repositorydeletion")
            || has("jira.auditing.project.deleted")
        {
            (&["configuration"], "", "deletion", "")
        } else if has("projectmodif")
            || has("repositorymodif")
            || has("global.settings.edited")
            || has("audit.config.updated")
        {
            (&["configuration"], "", "change", "")
        } else {
            (&[], "", "info", "")
        };
    for category in categories {
        writer.put_str(ecs::EVENT_CATEGORY, category);
    }
    for kind in [subject, verb] {
        if !kind.is_empty() {
            writer.put_str(ecs::EVENT_TYPE, kind);
        }
    }
    if !outcome.is_empty() {
        writer.put_str(ecs::EVENT_OUTCOME, outcome);
    }
}
