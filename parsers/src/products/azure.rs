//! Azure Monitor records of Entra ID and subscriptions (Microsoft Learn: "Azure Monitor resource log schema", "Sign-in logs
//! schema", "Audit log schema", "Azure activity log event schema", "MicrosoftGraphActivityLogs").
//!
//! All share an envelope (`time`, `resourceId`, `operationName`, `category`); the category tells whose `properties` they are.

use super::json_table::How::*;
use super::json_table::{self, Clock, JsonTable, Row, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::logsource::{LogSourceId, ProductId};
use crate::wire::json;
use crate::{ecs, logsource, products};

/// `azure_signin`.
pub(crate) static SIGNIN: Product = Product {
    name: "azure_signin",
    title: "Microsoft Entra sign-in logs",
    document: "Microsoft Learn: Sign-in logs schema in Azure Monitor",
    namespace: "azure.signinlogs",
    module: "azure",
    dataset: "azure.signinlogs",
    names: NAMES,
    json: &[&COMMON, &SIGNIN_TABLE, &AUDIT_TABLE, &ACTIVITY_TABLE, &GRAPH_TABLE, &RISK_TABLE, &PROVISIONING_TABLE],
    detect: &[
        Detect::Members(&["resourceId", "operationName", "category"], read),
        Detect::Members(&["ResourceId", "OperationName", "Category"], read),
        Detect::Members(&["EventTimeString", "EventName", "resourceId"], read),
    ],
    ..Product::NONE
};

/// `azure_audit`.
pub(crate) static AUDIT: Product = Product {
    name: "azure_audit",
    title: "Microsoft Entra audit logs",
    document: "Microsoft Learn: Audit log schema in Azure Monitor",
    namespace: "azure.auditlogs",
    module: "azure",
    dataset: "azure.auditlogs",
    ..Product::NONE
};

/// `azure_activity`.
pub(crate) static ACTIVITY: Product = Product {
    name: "azure_activity",
    title: "Azure activity log",
    document: "Microsoft Learn: Azure activity log event schema",
    namespace: "azure.activitylogs",
    module: "azure",
    dataset: "azure.activitylogs",
    ..Product::NONE
};

/// `azure_platform`.
pub(crate) static PLATFORM: Product = Product {
    name: "azure_platform",
    title: "Azure resource logs",
    document: "Microsoft Learn: Common and service-specific schemas for Azure resource logs",
    namespace: "azure.platformlogs",
    module: "azure",
    dataset: "azure.platformlogs",
    ..Product::NONE
};

/// `azure_graph_activity`.
pub(crate) static GRAPH: Product = Product {
    name: "azure_graph_activity",
    title: "Microsoft Graph activity logs",
    document: "Microsoft Learn: MicrosoftGraphActivityLogs",
    namespace: "azure.graphactivitylogs",
    module: "azure",
    dataset: "azure.graphactivitylogs",
    ..Product::NONE
};

/// `azure_identity_protection`.
pub(crate) static RISK: Product = Product {
    name: "azure_identity_protection",
    title: "Microsoft Entra ID Protection",
    document: "Microsoft Learn: AADUserRiskEvents, AADRiskyUsers",
    namespace: "azure.identityprotection",
    module: "azure",
    dataset: "azure.identity_protection",
    ..Product::NONE
};

/// `azure_provisioning`.
pub(crate) static PROVISIONING: Product = Product {
    name: "azure_provisioning",
    title: "Microsoft Entra provisioning logs",
    document: "Microsoft Learn: AADProvisioningLogs",
    namespace: "azure.provisioning",
    module: "azure",
    dataset: "azure.provisioning",
    ..Product::NONE
};

vendor_names! {
    category = "category";
    category_capital = "Category";
    error_code = "properties.status.errorCode";
    failure_reason = "properties.status.failureReason";
    failure_details = "properties.status.additionalDetails";
    status = "Status";
    log = "properties.log";
    event_properties = "EventProperties";
    @also
    "resourceId" "ResourceId" "OperationName" "operationVersion" "resultType" "resultSignature" "resultDescription" "correlationId"
    "tenantId" "Level" "level" "identity" "ResultType" "properties.appId" "properties.appDisplayName"
    "properties.clientAppUsed" "properties.conditionalAccessStatus" "properties.isInteractive"
    "properties.tokenIssuerType" "properties.processingTimeInMilliseconds" "properties.riskDetail"
    "properties.riskLevelAggregated" "properties.riskLevelDuringSignIn" "properties.riskState" "properties.riskEventTypes"
    "properties.riskEventTypes_v2" "properties.resourceDisplayName" "properties.resourceId"
    "properties.servicePrincipalName" "properties.servicePrincipalId" "properties.authenticationRequirement"
    "properties.authenticationProtocol" "properties.incomingTokenType" "properties.crossTenantAccessType"
    "properties.deviceDetail.deviceId" "properties.deviceDetail.displayName" "properties.deviceDetail.browser"
    "properties.deviceDetail.operatingSystem" "properties.deviceDetail.isCompliant" "properties.deviceDetail.trustType"
    "properties.location.geoCoordinates.latitude" "properties.location.geoCoordinates.longitude"
    "properties.originalRequestId" "properties.correlationId" "properties.uniqueTokenIdentifier"
    "properties.autonomousSystemNumber" "properties.mfaDetail.authMethod" "properties.message"
    "properties.appliedConditionalAccessPolicies.displayName" "properties.appliedConditionalAccessPolicies.result"
    "properties.category" "properties.loggedByService" "properties.operationType" "properties.targetResources.id"
    "properties.targetResources.displayName" "properties.targetResources.type"
    "properties.targetResources.modifiedProperties.displayName"
    "properties.targetResources.modifiedProperties.newValue" "properties.targetResources.modifiedProperties.oldValue"
    "properties.additionalDetails.key" "properties.additionalDetails.value"
    "properties.initiatedBy.app.displayName" "properties.initiatedBy.app.servicePrincipalId"
    "properties.riskType" "properties.riskEventType" "properties.riskLevel" "properties.detectionTimingType"
    "properties.activity" "properties.statusCode" "properties.serviceRequestId" "properties.eventCategory"
    "properties.hierarchy" "properties.entity" "identity.authorization.action" "identity.authorization.scope"
    "identity.authorization.evidence.role" "identity.claims.appid" "identity.claims.name"
}

const SOURCE: &[Row] = &[
    ("operationName", ecs::EVENT_ACTION, Text),
    ("OperationName", ecs::EVENT_ACTION, Text),
    ("EventName", ecs::EVENT_ACTION, Text),
    ("callerIpAddress", ecs::SOURCE_IP, IpPort(ecs::SOURCE_PORT)),
    ("callerIpAddress", ecs::CLIENT_IP, IpPort(ecs::CLIENT_PORT)),
    ("CallerIPAddress", ecs::SOURCE_IP, IpPort(ecs::SOURCE_PORT)),
    ("CallerIPAddress", ecs::CLIENT_IP, IpPort(ecs::CLIENT_PORT)),
    ("properties.ipAddress", ecs::SOURCE_IP, Ip),
    ("properties.ipAddress", ecs::CLIENT_IP, Ip),
    ("durationMs", ecs::EVENT_DURATION, Duration(1_000_000)),
    ("DurationMs", ecs::EVENT_DURATION, Duration(1_000_000)),
    ("level", ecs::LOG_LEVEL, Text),
    ("Level", ecs::LOG_LEVEL, Text),
];

static COMMON: JsonTable = JsonTable::new(Spec {
    product: products::AZURE_PLATFORM,
    log_source: logsource::AZURE_ACTIVITY,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::CLOUD_PROVIDER, "azure")],
    time: &[
        ("time", Clock::IsoUtc),
        ("EventTimeString", Clock::IsoUtc),
        ("properties.createdDateTime", Clock::IsoUtc),
        ("properties.activityDateTime", Clock::IsoUtc),
    ],
    rows: SOURCE,
    ..Spec::NONE
});

/// Other names of the same members: the columns of Log Analytics, which Sigma's rules speak.
type Aliases = &'static [(&'static str, &'static str)];

/// A table of rows that stand behind the common ones.
const fn more(product: ProductId, log_source: LogSourceId, rows: &'static [Row], aliases: Aliases) -> Spec {
    Spec { product, log_source, own: false, rows, aliases, ..Spec::NONE }
}

static SIGNIN_TABLE: JsonTable = JsonTable::new(more(
    products::AZURE_SIGNIN,
    logsource::AZURE_SIGNIN,
    &[
        ("properties.id", ecs::EVENT_ID, Text),
        ("category", ecs::EVENT_CATEGORY, Constant("authentication")),
        ("Category", ecs::EVENT_CATEGORY, Constant("authentication")),
        ("category", ecs::EVENT_TYPE, Constant("info")),
        ("Category", ecs::EVENT_TYPE, Constant("info")),
        ("callerIpAddress", ecs::SOURCE_ADDRESS, Text),
        ("properties.ipAddress", ecs::SOURCE_ADDRESS, Text),
        ("properties.userId", ecs::USER_ID, Text),
        ("properties.userPrincipalName", ecs::USER_NAME, LocalPart),
        ("properties.userPrincipalName", ecs::USER_DOMAIN, MailDomain),
        ("properties.userDisplayName", ecs::USER_FULL_NAME, Text),
        ("properties.userAgent", ecs::USER_AGENT_ORIGINAL, Text),
        ("properties.location.city", ecs::SOURCE_GEO_CITY_NAME, Text),
        ("properties.location.state", ecs::SOURCE_GEO_REGION_NAME, Text),
        ("properties.location.countryOrRegion", ecs::SOURCE_GEO_COUNTRY_ISO_CODE, Text),
    ],
    &[
        ("resultType", "ResultType"),
        ("resultDescription", "ResultDescription"),
        ("properties.status.failureReason", "ResultDescription"),
        ("location", "Location"),
        ("properties.userAgent", "userAgent"),
        ("properties.authenticationRequirement", "AuthenticationRequirement"),
        ("properties.deviceDetail.isCompliant", "DeviceDetail.isCompliant"),
        ("properties.deviceDetail.trustType", "DeviceDetail.trusttype"),
        ("properties.riskState", "RiskState"),
        ("properties.resourceTenantId", "resourceTenantId"),
        ("properties.homeTenantId", "homeTenantId"),
    ],
));

static AUDIT_TABLE: JsonTable = JsonTable::new(more(
    products::AZURE_AUDIT,
    logsource::AZURE_AUDIT,
    &[
        ("properties.id", ecs::EVENT_ID, Text),
        ("properties.result", ecs::EVENT_OUTCOME, Map(&[("success", "success"), ("failure", "failure")])),
        ("properties.resultReason", ecs::EVENT_REASON, Text),
        ("properties.initiatedBy.user.ipAddress", ecs::SOURCE_IP, Ip),
        ("properties.initiatedBy.user.ipAddress", ecs::CLIENT_IP, Ip),
        ("properties.initiatedBy.user.id", ecs::USER_ID, Text),
        ("properties.initiatedBy.user.userPrincipalName", ecs::USER_NAME, LocalPart),
        ("properties.initiatedBy.user.userPrincipalName", ecs::USER_DOMAIN, MailDomain),
        ("properties.initiatedBy.user.displayName", ecs::USER_FULL_NAME, Text),
        ("properties.targetResources.userPrincipalName", ecs::USER_TARGET_NAME, LocalPart),
        ("properties.targetResources.userPrincipalName", ecs::USER_TARGET_DOMAIN, MailDomain),
    ],
    &[
        ("operationName", "OperationName"),
        ("operationName", "properties.message"),
        ("properties.category", "Category"),
        ("properties.loggedByService", "LoggedByService"),
        ("properties.activityDisplayName", "ActivityDisplayName"),
        ("properties.result", "Status"),
        ("properties.targetResources.modifiedProperties.displayName", "TargetResources.ModifiedProperties.DisplayName"),
        ("properties.targetResources.modifiedProperties.newValue", "TargetResources.ModifiedProperties.NewValue"),
    ],
));

/// Results of activities: the schema's `resultType`.
const RESULTS: &[(&str, &str)] = &[
    ("0", "success"),
    ("Success", "success"),
    ("Succeeded", "success"),
    ("success", "success"),
    ("Failure", "failure"),
    ("Failed", "failure"),
    ("failure", "failure"),
];

const UPN: &str = "identity.claims.http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
const NAME: &str = "identity.claims.http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";

static ACTIVITY_TABLE: JsonTable = JsonTable::new(more(
    products::AZURE_ACTIVITY,
    logsource::AZURE_ACTIVITY,
    &[
        ("eventDataId", ecs::EVENT_ID, Text),
        ("resultType", ecs::EVENT_OUTCOME, Map(RESULTS)),
        ("Status", ecs::EVENT_OUTCOME, Map(RESULTS)),
        ("location", ecs::CLOUD_REGION, Text),
        ("Region", ecs::CLOUD_REGION, Text),
        (UPN, ecs::USER_NAME, LocalPart),
        (UPN, ecs::USER_DOMAIN, MailDomain),
        (UPN, ecs::USER_EMAIL, Text),
        (NAME, ecs::USER_NAME, LocalPart),
        (NAME, ecs::USER_DOMAIN, MailDomain),
        ("identity.claims.name", ecs::USER_FULL_NAME, Text),
        ("identity.claims.http://schemas.microsoft.com/identity/claims/objectidentifier", ecs::USER_ID, Text),
        ("identity.claims.ipaddr", ecs::SOURCE_IP, Ip),
        ("properties.subscriptionId", ecs::CLOUD_ACCOUNT_ID, Text),
    ],
    &[
        ("operationName", "OperationNameValue"),
        ("operationName", "properties.message"),
        ("category", "CategoryValue"),
        ("resourceId", "ResourceId"),
    ],
));

static GRAPH_TABLE: JsonTable = JsonTable::new(more(
    products::AZURE_GRAPH,
    logsource::AZURE_ACTIVITY,
    &[
        ("category", ecs::EVENT_TYPE, Constant("access")),
        ("properties.requestId", ecs::HTTP_REQUEST_ID, Text),
        ("properties.requestMethod", ecs::HTTP_REQUEST_METHOD, Text),
        ("properties.requestUri", ecs::URL_ORIGINAL, Url),
        ("properties.responseStatusCode", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("properties.responseSizeBytes", ecs::HTTP_RESPONSE_BYTES, Number),
        ("properties.userId", ecs::USER_ID, User),
        ("properties.userId", ecs::CLIENT_USER_ID, Text),
        ("properties.userAgent", ecs::USER_AGENT_ORIGINAL, Text),
        ("properties.tenantId", ecs::CLOUD_ACCOUNT_ID, Text),
        ("tenantId", ecs::CLOUD_ACCOUNT_ID, Text),
        ("properties.location", ecs::CLOUD_REGION, Text),
        ("location", ecs::CLOUD_REGION, Text),
    ],
    &[],
));

static RISK_TABLE: JsonTable = JsonTable::new(more(
    products::AZURE_RISK,
    logsource::AZURE_RISK,
    &[
        ("properties.id", ecs::EVENT_ID, Text),
        ("properties.userId", ecs::USER_ID, Text),
        ("properties.userPrincipalName", ecs::USER_NAME, LocalPart),
        ("properties.userPrincipalName", ecs::USER_DOMAIN, MailDomain),
        ("properties.userDisplayName", ecs::USER_FULL_NAME, Text),
    ],
    &[("properties.riskEventType", "riskEventType")],
));

static PROVISIONING_TABLE: JsonTable = JsonTable::new(more(
    products::AZURE_PROVISIONING,
    logsource::AZURE_AUDIT,
    &[
        ("properties.id", ecs::EVENT_ID, Text),
        ("properties.provisioningStatusInfo.Status", ecs::EVENT_OUTCOME, Map(RESULTS)),
        ("resultType", ecs::EVENT_OUTCOME, Map(RESULTS)),
    ],
    &[],
));

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    let category = writer.first(ids.category).or_else(|| writer.first(ids.category_capital)).unwrap_or_default();
    let table = match category {
        b"SignInLogs"
        | b"NonInteractiveUserSignInLogs"
        | b"ServicePrincipalSignInLogs"
        | b"ManagedIdentitySignInLogs"
        | b"ADFSSignInLogs" => &SIGNIN_TABLE,
        b"AuditLogs" => &AUDIT_TABLE,
        b"MicrosoftGraphActivityLogs" => &GRAPH_TABLE,
        b"RiskyUsers" | b"UserRiskEvents" | b"RiskyServicePrincipals" | b"ServicePrincipalRiskEvents" => &RISK_TABLE,
        b"ProvisioningLogs" => &PROVISIONING_TABLE,
        // The categories of the activity log; all others are of some service's resource log.
        b"Administrative" | b"Security" | b"ServiceHealth" | b"Alert" | b"Recommendation" | b"Policy"
        | b"Autoscale" | b"ResourceHealth" | b"Action" | b"Write" | b"Delete" => &ACTIVITY_TABLE,
        _ => {
            COMMON.apply(writer, context);
            ACTIVITY_TABLE.apply(writer, context);
            writer.core().product = products::AZURE_PLATFORM;
            // Services pass their own records on as JSON in a string.
            json::decode_value(writer, context, ids.log);
            json::decode_value(writer, context, ids.event_properties);
            return true;
        }
    };
    COMMON.apply(writer, context);
    table.apply(writer, context);
    if writer.core().product == products::AZURE_SIGNIN {
        put_sign_in(writer, ids);
    }
    true
}

/// The outcome and, of a failure, why.
fn put_sign_in(writer: &mut EventWriter<'_>, ids: &Ids) {
    let Some(code) = json_table::value(writer, ids.error_code) else { return };
    let success = writer.bytes(code) == b"0";
    writer.put_str(ecs::EVENT_OUTCOME, if success { "success" } else { "failure" });
    super::fields::copy_vendor(writer, ecs::EVENT_OUTCOME, ids.status);
    let Some(reason) = json_table::value(writer, ids.failure_reason).filter(|_| !success) else { return };
    let from = writer.arena_start();
    writer.arena_push_span(reason);
    if let Some(details) = json_table::value(writer, ids.failure_details) {
        writer.arena_push(b" (");
        writer.arena_push_span(details);
        writer.arena_push(b")");
    }
    let message = writer.arena_end(from);
    writer.put_span(ecs::MESSAGE, message, Kind::Text, false);
}
