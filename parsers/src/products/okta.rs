//! Okta System Log events (Okta Developer: System Log API, LogEvent).

use super::json_table::How::*;
use super::json_table::{self, Clock, Constants, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::{ecs, logsource, products};

/// `okta`.
pub(crate) static PRODUCT: Product = Product {
    name: "okta",
    title: "Okta System Log",
    document: "Okta Developer: System Log API, LogEvent object",
    namespace: "okta",
    module: "okta",
    dataset: "okta.system",
    names: NAMES,
    json: &[&TABLE],
    detect: &[
        Detect::Members(&["eventType", "published", "uuid"], read),
        Detect::Members(&["eventType", "published", "actor.id"], read),
    ],
    ..Product::NONE
};

vendor_names! {
    target_type = "target.type";
    target_id = "target.id";
    target_name = "target.displayName";
    @also
    "actor.type" "actor.detailEntry" "authenticationContext.authenticationProvider"
    "authenticationContext.authenticationStep" "authenticationContext.credentialProvider"
    "authenticationContext.credentialType" "authenticationContext.externalSessionId"
    "authenticationContext.interface" "authenticationContext.issuer" "client.device"
    "client.geographicalContext.geolocation.lat" "client.geographicalContext.geolocation.lon"
    "client.geographicalContext.postalCode" "client.id" "client.userAgent.browser" "client.userAgent.os" "client.zone"
    "debugContext.debugData.deviceFingerprint" "debugContext.debugData.requestId"
    "debugContext.debugData.requestUri" "debugContext.debugData.threatSuspected" "debugContext.debugData.url"
    "debugContext.debugData.behaviors" "debugContext.debugData.risk" "debugContext.debugData.dtHash"
    "debugContext.debugData.authnRequestId" "debugContext.debugData.logOnlySecurityData" "legacyEventType"
    "request.ipChain.version" "request.ipChain.source" "request.ipChain.geographicalContext.city"
    "request.ipChain.geographicalContext.country" "request.ipChain.geographicalContext.state"
    "request.ipChain.geographicalContext.postalCode" "request.ipChain.geographicalContext.geolocation.lat"
    "request.ipChain.geographicalContext.geolocation.lon" "securityContext.isProxy" "securityContext.isp" "severity"
    "target.alternateId" "target.detailEntry" "transaction.detail" "transaction.id" "transaction.type" "version"
    "device.id" "device.name" "device.os_platform" "device.managed" "device.registered"
}

const C: crate::dictionary::FieldId = ecs::EVENT_CATEGORY;
const T: crate::dictionary::FieldId = ecs::EVENT_TYPE;
const SIGN_ON: Constants = &[(C, "authentication"), (T, "info")];
const USER_CREATED: Constants = &[(C, "iam"), (T, "user"), (T, "creation")];
const USER_CHANGED: Constants = &[(C, "iam"), (T, "user"), (T, "change")];
const USER_DELETED: Constants = &[(C, "iam"), (T, "user"), (T, "deletion")];
const GROUP_CHANGED: Constants = &[(C, "iam"), (T, "group"), (T, "change")];
const ADMIN_CHANGED: Constants = &[(C, "iam"), (T, "admin"), (T, "change")];
const POLICY_CREATED: Constants = &[(C, "configuration"), (T, "creation")];
const POLICY_CHANGED: Constants = &[(C, "configuration"), (T, "change")];
const POLICY_DELETED: Constants = &[(C, "configuration"), (T, "deletion")];

/// What the events of the catalogue are.
const EVENTS: &[(&str, Constants)] = &[
    ("user.session.start", &[(C, "authentication"), (C, "session"), (T, "start"), (T, "info")]),
    ("user.session.end", &[(C, "authentication"), (C, "session"), (T, "end"), (T, "info")]),
    ("user.session.clear", &[(C, "authentication"), (C, "session"), (T, "end"), (T, "info")]),
    ("policy.evaluate_sign_on", SIGN_ON),
    ("user.authentication.sso", SIGN_ON),
    ("user.authentication.auth_via_mfa", SIGN_ON),
    ("user.authentication.auth_via_AD_agent", SIGN_ON),
    ("user.authentication.auth_via_IDP", SIGN_ON),
    ("user.authentication.auth_via_radius", SIGN_ON),
    ("user.authentication.auth_via_inbound_SAML", SIGN_ON),
    ("user.authentication.authenticate", SIGN_ON),
    ("application.user_membership.add", USER_CHANGED),
    ("application.user_membership.remove", USER_CHANGED),
    ("application.user_membership.change_username", USER_CHANGED),
    ("group.user_membership.add", GROUP_CHANGED),
    ("group.user_membership.remove", GROUP_CHANGED),
    ("group.privilege.grant", GROUP_CHANGED),
    ("group.privilege.revoke", GROUP_CHANGED),
    ("group.lifecycle.create", &[(C, "iam"), (T, "group"), (T, "creation")]),
    ("group.lifecycle.delete", &[(C, "iam"), (T, "group"), (T, "deletion")]),
    ("user.lifecycle.create", USER_CREATED),
    ("user.lifecycle.activate", USER_CHANGED),
    ("user.lifecycle.deactivate", USER_CHANGED),
    ("user.lifecycle.reactivate", USER_CHANGED),
    ("user.lifecycle.suspend", USER_CHANGED),
    ("user.lifecycle.unsuspend", USER_CHANGED),
    ("user.lifecycle.delete.initiated", USER_DELETED),
    ("user.lifecycle.delete.completed", USER_DELETED),
    ("user.account.lock", USER_CHANGED),
    ("user.account.unlock", USER_CHANGED),
    ("user.account.reset_password", USER_CHANGED),
    ("user.account.update_password", USER_CHANGED),
    ("user.account.update_profile", USER_CHANGED),
    ("user.account.privilege.grant", ADMIN_CHANGED),
    ("user.account.privilege.revoke", ADMIN_CHANGED),
    ("user.mfa.factor.activate", USER_CHANGED),
    ("user.mfa.factor.deactivate", USER_CHANGED),
    ("user.mfa.factor.reset_all", USER_CHANGED),
    ("policy.lifecycle.create", POLICY_CREATED),
    ("policy.lifecycle.update", POLICY_CHANGED),
    ("policy.lifecycle.activate", POLICY_CHANGED),
    ("policy.lifecycle.deactivate", POLICY_CHANGED),
    ("policy.lifecycle.delete", POLICY_DELETED),
    ("policy.rule.create", POLICY_CREATED),
    ("policy.rule.update", POLICY_CHANGED),
    ("policy.rule.delete", POLICY_DELETED),
    ("application.lifecycle.create", POLICY_CREATED),
    ("application.lifecycle.update", POLICY_CHANGED),
    ("application.lifecycle.delete", POLICY_DELETED),
    ("zone.create", POLICY_CREATED),
    ("zone.update", POLICY_CHANGED),
    ("zone.delete", POLICY_DELETED),
    ("system.api_token.create", POLICY_CREATED),
    ("system.api_token.revoke", POLICY_DELETED),
];

/// Outcomes of the object `outcome`; others (SKIPPED, UNKNOWN, CHALLENGE) tell neither.
const RESULTS: &[(&str, &str)] = &[
    ("SUCCESS", "success"),
    ("ALLOW", "success"),
    ("FAILURE", "failure"),
    ("DENY", "failure"),
    ("SKIPPED", "unknown"),
    ("UNKNOWN", "unknown"),
    ("CHALLENGE", "unknown"),
];

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::OKTA,
    log_source: logsource::OKTA,
    constants: &[(ecs::EVENT_KIND, "event")],
    time: &[("published", Clock::IsoUtc)],
    rows: &[
        ("uuid", ecs::EVENT_ID, Text),
        ("eventType", ecs::EVENT_ACTION, Means(EVENTS)),
        ("outcome.result", ecs::EVENT_OUTCOME, Map(RESULTS)),
        ("outcome.reason", ecs::EVENT_REASON, Text),
        ("actor.displayName", ecs::USER_FULL_NAME, User),
        ("actor.displayName", ecs::CLIENT_USER_FULL_NAME, Text),
        ("actor.displayName", ecs::SOURCE_USER_FULL_NAME, Text),
        ("actor.alternateId", ecs::USER_NAME, LocalPart),
        ("actor.alternateId", ecs::CLIENT_USER_NAME, LocalPart),
        ("actor.alternateId", ecs::SOURCE_USER_NAME, LocalPart),
        ("actor.id", ecs::CLIENT_USER_ID, Text),
        ("actor.id", ecs::SOURCE_USER_ID, Text),
        ("client.ipAddress", ecs::CLIENT_IP, Ip),
        ("client.ipAddress", ecs::SOURCE_IP, Ip),
        ("client.userAgent.rawUserAgent", ecs::USER_AGENT_ORIGINAL, Text),
        ("client.geographicalContext.city", ecs::SOURCE_GEO_CITY_NAME, Text),
        ("client.geographicalContext.state", ecs::SOURCE_GEO_REGION_NAME, Text),
        ("client.geographicalContext.country", ecs::SOURCE_GEO_COUNTRY_NAME, Text),
        ("securityContext.asNumber", ecs::SOURCE_AS_NUMBER, Number),
        ("securityContext.asOrg", ecs::SOURCE_AS_ORGANIZATION_NAME, Text),
        ("securityContext.domain", ecs::SOURCE_DOMAIN, Text),
        ("securityContext.domain", ecs::CLIENT_DOMAIN, Text),
    ],
    also: &["request.ipChain.ip", "displayMessage", "target.alternateId"],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    let ids = ids();
    // Targets are users, groups, policies and apps; the members of each element are there or null.
    let end = writer.fields_len();
    let first = [ids.target_id, ids.target_name].into_iter().filter_map(|id| writer.view().first_index(id)).min();
    let from = first.unwrap_or(end);
    let (mut name, mut id) = (None, None);
    for at in from..end {
        let field = writer.view().fields()[at];
        if field.id == ids.target_id {
            id = Some(field.span());
        } else if field.id == ids.target_name {
            name = Some(field.span());
        } else if field.id == ids.target_type {
            let (name, id) = (name.take(), id.take());
            if writer.bytes(field.span()) != b"User" {
                continue;
            }
            if let Some(id) = id.filter(|_| !json_table::has_own(writer, ecs::USER_TARGET_ID)) {
                writer.put_span(ecs::USER_TARGET_ID, id, Kind::Text, false);
            }
            if let Some(name) = name {
                json_table::put_as(writer, context, name, ecs::USER_TARGET_FULL_NAME, User);
            }
        }
    }
    true
}
