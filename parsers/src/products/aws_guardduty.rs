//! AWS GuardDuty findings (GuardDuty User Guide, "Finding details") and Security Hub findings (Security Hub User Guide, AWS
//! Security Finding Format).

use super::json_table::How::*;
use super::json_table::{self, Clock, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::{ecs, logsource, products};

/// `aws_guardduty`.
pub(crate) static PRODUCT: Product = Product {
    name: "aws_guardduty",
    title: "AWS GuardDuty",
    document: "Amazon GuardDuty User Guide: finding format",
    namespace: "aws.guardduty",
    module: "aws",
    dataset: "aws.guardduty",
    names: NAMES,
    json: &[&TABLE],
    detect: &[
        Detect::Members(&["accountId", "type", "service.serviceName"], read),
        Detect::Members(&["accountId", "type", "service.detectorId"], read),
        Detect::Members(&["schemaVersion", "accountId", "resource.resourceType"], read),
    ],
    ..Product::NONE
};

/// `aws_securityhub`.
pub(crate) static SECURITY_HUB: Product = Product {
    name: "aws_securityhub",
    title: "AWS Security Hub findings",
    document: "AWS Security Hub User Guide: AWS Security Finding Format (ASFF)",
    namespace: "aws.securityhub_findings",
    module: "aws",
    dataset: "aws.securityhub_findings",
    json: &[&HUB_TABLE],
    detect: &[Detect::Members(&["AwsAccountId", "GeneratorId", "CreatedAt"], read_hub)],
    ..Product::NONE
};

vendor_names! {
    finding_type = "type";
    @also
    "schemaVersion" "partition" "arn" "title" "createdAt" "resource.resourceType" "service.serviceName"
    "service.detectorId" "service.archived" "service.count" "service.resourceRole" "service.featureName"
    "resource.instanceDetails.imageId" "resource.instanceDetails.instanceType"
    "resource.instanceDetails.networkInterfaces.publicIp"
    "resource.instanceDetails.networkInterfaces.privateIpAddress" "resource.accessKeyDetails.accessKeyId"
    "resource.accessKeyDetails.userType" "service.additionalInfo.value" "service.additionalInfo.type"
    "service.action.networkConnectionAction.blocked" "service.action.networkConnectionAction.protocol"
    "service.action.awsApiCallAction.api" "service.action.awsApiCallAction.serviceName"
    "service.action.portProbeAction.portProbeDetails.localPortDetails.port"
}

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::AWS_GUARDDUTY,
    log_source: logsource::AWS_GUARDDUTY,
    constants: &[
        (ecs::EVENT_KIND, "event"),
        (ecs::EVENT_TYPE, "info"),
        (ecs::CLOUD_PROVIDER, "aws"),
        (ecs::CLOUD_SERVICE_NAME, "guardduty"),
    ],
    time: &[("updatedAt", Clock::IsoUtc), ("createdAt", Clock::IsoUtc), ("service.eventLastSeen", Clock::IsoUtc)],
    rows: &[
        ("id", ecs::EVENT_ID, Text),
        ("accountId", ecs::CLOUD_ACCOUNT_ID, Text),
        ("region", ecs::CLOUD_REGION, Text),
        ("type", ecs::RULE_NAME, Text),
        ("severity", ecs::EVENT_SEVERITY, Number),
        ("description", ecs::MESSAGE, Text),
        ("service.action.actionType", ecs::EVENT_ACTION, Text),
        ("service.eventFirstSeen", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("service.eventLastSeen", ecs::EVENT_END, Time(Clock::IsoUtc)),
        ("resource.instanceDetails.instanceId", ecs::CLOUD_INSTANCE_ID, Text),
        ("resource.instanceDetails.availabilityZone", ecs::CLOUD_AVAILABILITY_ZONE, Text),
        ("resource.instanceDetails.instanceType", ecs::CLOUD_MACHINE_TYPE, Text),
        ("resource.accessKeyDetails.principalId", ecs::USER_ID, Set),
        ("resource.kubernetesDetails.kubernetesUserDetails.uid", ecs::USER_ID, Set),
        ("resource.accessKeyDetails.principalId", ecs::RELATED_USER, Set),
        ("resource.kubernetesDetails.kubernetesUserDetails.uid", ecs::RELATED_USER, Set),
        ("resource.accessKeyDetails.userName", ecs::USER_NAME, User),
        ("resource.kubernetesDetails.kubernetesUserDetails.username", ecs::USER_NAME, User),
        ("resource.rdsDbUserDetails.user", ecs::USER_NAME, User),
        ("resource.kubernetesDetails.kubernetesUserDetails.groups", ecs::USER_ROLES, Set),
        ("service.action.awsApiCallAction.remoteIpDetails.ipAddressV4", ecs::SOURCE_IP, Ip),
        ("service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV4", ecs::SOURCE_IP, Ip),
        ("service.action.networkConnectionAction.remoteIpDetails.ipAddressV4", ecs::SOURCE_IP, Ip),
        ("service.action.portProbeAction.portProbeDetails.remoteIpDetails.ipAddressV4", ecs::SOURCE_IP, Ip),
        ("service.action.rdsLoginAttemptAction.remoteIpDetails.ipAddressV4", ecs::SOURCE_IP, Ip),
        ("service.action.awsApiCallAction.remoteIpDetails.ipAddressV4", ecs::SOURCE_ADDRESS, Text),
        ("service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV4", ecs::SOURCE_ADDRESS, Text),
        ("service.action.networkConnectionAction.remoteIpDetails.ipAddressV4", ecs::SOURCE_ADDRESS, Text),
        ("service.action.portProbeAction.portProbeDetails.remoteIpDetails.ipAddressV4", ecs::SOURCE_ADDRESS, Text),
        ("service.action.rdsLoginAttemptAction.remoteIpDetails.ipAddressV4", ecs::SOURCE_ADDRESS, Text),
        ("service.action.networkConnectionAction.remotePortDetails.port", ecs::SOURCE_PORT, Port),
        ("service.action.networkConnectionAction.localIpDetails.ipAddressV4", ecs::DESTINATION_IP, Ip),
        ("service.action.networkConnectionAction.localIpDetails.ipAddressV4", ecs::DESTINATION_ADDRESS, Text),
        ("service.action.networkConnectionAction.localPortDetails.port", ecs::DESTINATION_PORT, Port),
        ("service.action.networkConnectionAction.protocol", ecs::NETWORK_TRANSPORT, Lower),
        ("service.action.networkConnectionAction.connectionDirection", ecs::NETWORK_DIRECTION, Lower),
        ("service.action.portProbeAction.portProbeDetails.localIpDetails.ipAddressV4", ecs::DESTINATION_IP, Ip),
        ("service.action.dnsRequestAction.domain", ecs::DNS_QUESTION_NAME, Host),
        ("service.action.dnsRequestAction.protocol", ecs::NETWORK_TRANSPORT, Lower),
        ("service.action.kubernetesApiCallAction.requestUri", ecs::URL_ORIGINAL, Text),
        ("service.action.kubernetesApiCallAction.userAgent", ecs::USER_AGENT_ORIGINAL, Text),
        ("service.action.kubernetesApiCallAction.sourceIPs", ecs::RELATED_IP, Set),
    ],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    // `ThreatPurpose:ResourceTypeAffected/ThreatFamilyName.DetectionMechanism!Artifact`
    if let Some(span) = json_table::value(writer, ids().finding_type) {
        let text = writer.bytes(span);
        let (purpose, resource) = (memchr::memchr(b':', text), memchr::memchr(b'/', text));
        if let Some(end) = purpose {
            writer.put_span(ecs::RULE_CATEGORY, span.part(0..end), Kind::Text, false);
        }
        if let Some(end) = resource {
            writer.put_span(ecs::RULE_RULESET, span.part(0..end), Kind::Text, false);
        }
    }
    true
}

static HUB_TABLE: JsonTable = JsonTable::new(Spec {
    product: products::AWS_SECURITYHUB,
    log_source: logsource::AWS_SECURITYHUB,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_TYPE, "info"), (ecs::CLOUD_PROVIDER, "aws")],
    time: &[("CreatedAt", Clock::IsoUtc), ("FirstObservedAt", Clock::IsoUtc)],
    rows: &[
        ("Id", ecs::EVENT_ID, Text),
        ("AwsAccountId", ecs::CLOUD_ACCOUNT_ID, Text),
        ("CompanyName", ecs::ORGANIZATION_NAME, Text),
        ("Action.ActionType", ecs::EVENT_ACTION, Lower),
        ("Network.Direction", ecs::NETWORK_DIRECTION, Map(&[("IN", "inbound"), ("OUT", "outbound")])),
        ("Network.Protocol", ecs::NETWORK_PROTOCOL, Lower),
        ("Network.SourceIpV4", ecs::SOURCE_IP, Ips),
        ("Network.SourceIpV6", ecs::SOURCE_IP, Ips),
        ("Network.SourcePort", ecs::SOURCE_PORT, Port),
        ("Network.SourceDomain", ecs::SOURCE_DOMAIN, Host),
        ("Network.SourceMac", ecs::SOURCE_MAC, Mac),
        ("Network.DestinationIpV4", ecs::DESTINATION_IP, Ips),
        ("Network.DestinationIpV6", ecs::DESTINATION_IP, Ips),
        ("Network.DestinationPort", ecs::DESTINATION_PORT, Port),
        ("Network.DestinationDomain", ecs::DESTINATION_DOMAIN, Host),
        ("Process.Name", ecs::PROCESS_NAME, Text),
        ("Process.Path", ecs::PROCESS_EXECUTABLE, Text),
        ("Process.Pid", ecs::PROCESS_PID, Number),
        ("Process.ParentPid", ecs::PROCESS_PARENT_PID, Number),
        ("SourceUrl", ecs::URL_FULL, Url),
        ("Vulnerabilities.Id", ecs::VULNERABILITY_ID, Set),
        ("Resources.Details.AwsEc2Instance.IpV4Addresses", ecs::RELATED_IP, Set),
    ],
    also: &[
        "SchemaVersion",
        "ProductArn",
        "ProductName",
        "GeneratorId",
        "Types",
        "Severity.Label",
        "Severity.Normalized",
        "Title",
        "Description",
        "RecordState",
        "Workflow.Status",
        "Compliance.Status",
        "Region",
        "Resources.Id",
        "Resources.Type",
        "UpdatedAt",
        "LastObservedAt",
    ],
    ..Spec::NONE
});

fn read_hub(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    HUB_TABLE.apply(writer, context)
}
