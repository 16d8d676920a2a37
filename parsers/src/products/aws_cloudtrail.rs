//! AWS CloudTrail events (AWS CloudTrail User Guide, "CloudTrail record contents") and digest files
//! ("CloudTrail digest file structure").

use super::json_table::How::*;
use super::json_table::{self, Clock, Constants, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::{ecs, logsource, products};

/// `aws_cloudtrail`.
pub(crate) static PRODUCT: Product = Product {
    name: "aws_cloudtrail",
    title: "AWS CloudTrail",
    document: "AWS CloudTrail User Guide: record contents, digest file structure",
    namespace: "aws.cloudtrail",
    module: "aws",
    dataset: "aws.cloudtrail",
    names: NAMES,
    json: &[&EVENT, &DIGEST],
    detect: &[
        Detect::Members(&["eventSource", "eventName", "awsRegion"], read_event),
        Detect::Members(&["digestStartTime", "digestEndTime", "awsAccountId"], read_digest),
    ],
    ..Product::NONE
};

vendor_names! {
    error_code = "errorCode";
    error_message = "errorMessage";
    console_login = "responseElements.ConsoleLogin";
    tls_version = "tlsDetails.tlsVersion";
    @also
    "eventVersion" "userIdentity.type" "userIdentity.arn" "userIdentity.accessKeyId" "userIdentity.invokedBy"
    "userIdentity.identityProvider" "userIdentity.credentialId" "userIdentity.sessionContext"
    "userIdentity.sessionContext.attributes.mfaAuthenticated" "userIdentity.sessionContext.attributes.creationDate"
    "userIdentity.sessionContext.sessionIssuer" "userIdentity.sessionContext.sessionIssuer.type"
    "userIdentity.sessionContext.sessionIssuer.principalId" "userIdentity.sessionContext.sessionIssuer.arn"
    "userIdentity.sessionContext.sessionIssuer.accountId" "userIdentity.sessionContext.webIdFederationData"
    "userIdentity.sessionContext.webIdFederationData.federatedProvider" "userIdentity.sessionContext.ec2RoleDelivery"
    "userIdentity.onBehalfOf.userId" "userIdentity.onBehalfOf.identityStoreArn" "userIdentity.inScopeOf.issuerType"
    "userIdentity.inScopeOf.credentialsIssuedTo" "requestParameters" "responseElements" "additionalEventData"
    "requestID" "eventType" "apiVersion" "managementEvent" "readOnly" "resources" "resources.ARN"
    "resources.accountId" "resources.type" "resources.ARNPrefix" "serviceEventDetails" "sharedEventID"
    "vpcEndpointId" "vpcEndpointAccountId" "eventCategory" "addendum" "addendum.reason" "addendum.updatedFields"
    "sessionCredentialFromConsole" "edgeDeviceDetails" "insightDetails"
    "additionalEventData.MobileVersion" "additionalEventData.LoginTo" "additionalEventData.MFAUsed"
    "additionalEventData.MFAIdentifier" "additionalEventData.bytesTransferredIn"
    "additionalEventData.bytesTransferredOut" "additionalEventData.SignatureVersion"
    "additionalEventData.CipherSuite" "additionalEventData.AuthenticationMethod" "additionalEventData.x-amz-id-2"
    "additionalEventData.SwitchTo" "additionalEventData.SwitchFrom" "additionalEventData.RedirectTo"
    "additionalEventData.UserName" "additionalEventData.CredentialType"
    "requestParameters.roleArn" "requestParameters.roleSessionName" "requestParameters.durationSeconds"
    "requestParameters.externalId" "requestParameters.policyArn" "requestParameters.policyName"
    "requestParameters.policyDocument" "requestParameters.roleName" "requestParameters.accessKeyId"
    "requestParameters.bucketName" "requestParameters.Host" "requestParameters.key" "requestParameters.acl"
    "requestParameters.instanceId" "requestParameters.imageId" "requestParameters.keyName"
    "requestParameters.instanceType" "requestParameters.attribute" "requestParameters.name"
    "requestParameters.maxResults" "requestParameters.filterSet" "requestParameters.instancesSet"
    "requestParameters.instancesSet.items.instanceId" "requestParameters.groupId" "requestParameters.secretId"
    "requestParameters.keyId" "requestParameters.encryptionContext" "requestParameters.encryptionAlgorithm"
    "requestParameters.functionName" "requestParameters.logGroupName" "requestParameters.logStreamName"
    "requestParameters.path" "requestParameters.serialNumber" "requestParameters.virtualMFADeviceName"
    "requestParameters.detectorId" "requestParameters.enable" "requestParameters.snapshotId"
    "requestParameters.vpcId" "requestParameters.cidrIp" "requestParameters.ipPermissions"
    "requestParameters.ipPermissions.items.ipRanges.items.cidrIP" "requestParameters.ipPermissions.items.fromPort"
    "requestParameters.ipPermissions.items.toPort" "requestParameters.ipPermissions.items.ipProtocol"
    "requestParameters.passwordReset" "requestParameters.status" "requestParameters.tags.key"
    "requestParameters.tags.value" "requestParameters.userData" "requestParameters.dBInstanceIdentifier"
    "requestParameters.publiclyAccessible" "requestParameters.masterUserPassword"
    "requestParameters.createVolumePermission.add.items.group" "requestParameters.imageSet.items"
    "requestParameters.launchTemplateData" "requestParameters.includeAllInstances"
    "responseElements.credentials.accessKeyId" "responseElements.credentials.expiration"
    "responseElements.credentials.sessionToken" "responseElements.assumedRoleUser.assumedRoleId"
    "responseElements.assumedRoleUser.arn" "responseElements._return" "responseElements.requestId"
    "responseElements.accessKey.accessKeyId" "responseElements.accessKey.status"
    "responseElements.accessKey.createDate" "responseElements.publiclyAccessible"
    "responseElements.pendingModifiedValues.masterUserPassword" "responseElements.SwitchRole"
    "responseElements.CheckMfa" "responseElements.PasswordRecoveryRequested" "responseElements.PasswordUpdated"
    "digestS3Bucket" "digestPublicKeyFingerprint" "digestSignatureAlgorithm" "newestEventTime" "oldestEventTime"
    "previousDigestS3Bucket" "previousDigestS3Object" "previousDigestHashValue" "previousDigestHashAlgorithm"
    "logFiles" "logFiles.s3Bucket" "logFiles.s3Object" "logFiles.hashValue" "logFiles.hashAlgorithm"
    "logFiles.newestEventTime" "logFiles.oldestEventTime"
}

const fn iam(of: &'static str, kind: &'static str) -> [(crate::dictionary::FieldId, &'static str); 3] {
    [(ecs::EVENT_CATEGORY, "iam"), (ecs::EVENT_TYPE, of), (ecs::EVENT_TYPE, kind)]
}

const GROUP_CREATED: Constants = &iam("group", "creation");
const GROUP_DELETED: Constants = &iam("group", "deletion");
const GROUP_CHANGED: Constants = &iam("group", "change");
const GROUP_READ: Constants = &iam("group", "info");
const USER_CREATED: Constants = &iam("user", "creation");
const USER_DELETED: Constants = &iam("user", "deletion");
const USER_CHANGED: Constants = &iam("user", "change");
const USER_READ: Constants = &iam("user", "info");
const IAM_CREATED: Constants = &[(ecs::EVENT_CATEGORY, "iam"), (ecs::EVENT_TYPE, "creation")];
const IAM_DELETED: Constants = &[(ecs::EVENT_CATEGORY, "iam"), (ecs::EVENT_TYPE, "deletion")];
const IAM_CHANGED: Constants = &[(ecs::EVENT_CATEGORY, "iam"), (ecs::EVENT_TYPE, "change")];
const SIGNED_IN: Constants = &[(ecs::EVENT_CATEGORY, "authentication"), (ecs::EVENT_TYPE, "info")];
const FILE_READ: Constants = &[(ecs::EVENT_CATEGORY, "file"), (ecs::EVENT_TYPE, "access")];
const FILE_CHANGED: Constants = &[(ecs::EVENT_CATEGORY, "file"), (ecs::EVENT_TYPE, "change")];
const FILE_DELETED: Constants = &[(ecs::EVENT_CATEGORY, "file"), (ecs::EVENT_TYPE, "deletion")];

/// What the API calls on identities are, by the IAM, STS and sign-in references.
const MEANINGS: &[(&str, Constants)] = &[
    ("AddUserToGroup", GROUP_CHANGED),
    ("RemoveUserFromGroup", GROUP_CHANGED),
    ("AttachGroupPolicy", GROUP_CHANGED),
    ("DetachGroupPolicy", GROUP_CHANGED),
    ("PutGroupPolicy", GROUP_CHANGED),
    ("DeleteGroupPolicy", GROUP_CHANGED),
    ("CreateGroup", GROUP_CREATED),
    ("DeleteGroup", GROUP_DELETED),
    ("UpdateGroup", GROUP_CHANGED),
    ("GetGroup", GROUP_READ),
    ("GetGroupPolicy", GROUP_READ),
    ("ListGroups", GROUP_READ),
    ("ListGroupPolicies", GROUP_READ),
    ("ListAttachedGroupPolicies", GROUP_READ),
    ("ListGroupsForUser", USER_READ),
    ("CreateUser", USER_CREATED),
    ("DeleteUser", USER_DELETED),
    ("UpdateUser", USER_CHANGED),
    ("GetUser", USER_READ),
    ("ListUsers", USER_READ),
    ("GetUserPolicy", USER_READ),
    ("ListUserPolicies", USER_READ),
    ("ListAttachedUserPolicies", USER_READ),
    ("ListAccessKeys", USER_READ),
    ("AttachUserPolicy", USER_CHANGED),
    ("DetachUserPolicy", USER_CHANGED),
    ("PutUserPolicy", USER_CHANGED),
    ("DeleteUserPolicy", USER_CHANGED),
    ("PutUserPermissionsBoundary", USER_CHANGED),
    ("DeleteUserPermissionsBoundary", USER_CHANGED),
    ("ChangePassword", USER_CHANGED),
    ("CreateAccessKey", USER_CHANGED),
    ("DeleteAccessKey", USER_CHANGED),
    ("UpdateAccessKey", USER_CHANGED),
    ("CreateLoginProfile", USER_CHANGED),
    ("DeleteLoginProfile", USER_CHANGED),
    ("UpdateLoginProfile", USER_CHANGED),
    ("CreateVirtualMFADevice", USER_CHANGED),
    ("DeleteVirtualMFADevice", USER_CHANGED),
    ("DeactivateMFADevice", USER_CHANGED),
    ("EnableMFADevice", USER_CHANGED),
    ("ResyncMFADevice", USER_CHANGED),
    ("DeleteSSHPublicKey", USER_CHANGED),
    ("UpdateSSHPublicKey", USER_CHANGED),
    ("CreateServiceSpecificCredential", USER_CHANGED),
    ("DeleteServiceSpecificCredential", USER_CHANGED),
    ("UpdateSigningCertificate", USER_CHANGED),
    ("DeleteSigningCertificate", USER_CHANGED),
    ("TagUser", USER_CHANGED),
    ("UntagUser", USER_CHANGED),
    ("UpdateAccountPasswordPolicy", IAM_CHANGED),
    ("DeleteAccountPasswordPolicy", IAM_DELETED),
    ("CreateRole", IAM_CREATED),
    ("DeleteRole", IAM_DELETED),
    ("UpdateRole", IAM_CHANGED),
    ("UpdateAssumeRolePolicy", IAM_CHANGED),
    ("AttachRolePolicy", IAM_CHANGED),
    ("DetachRolePolicy", IAM_CHANGED),
    ("PutRolePolicy", IAM_CHANGED),
    ("DeleteRolePolicy", IAM_CHANGED),
    ("CreatePolicy", IAM_CREATED),
    ("DeletePolicy", IAM_DELETED),
    ("CreatePolicyVersion", IAM_CHANGED),
    ("SetDefaultPolicyVersion", IAM_CHANGED),
    ("CreateSAMLProvider", IAM_CREATED),
    ("DeleteSAMLProvider", IAM_DELETED),
    ("UpdateSAMLProvider", IAM_CHANGED),
    ("ConsoleLogin", SIGNED_IN),
    ("SwitchRole", SIGNED_IN),
    ("CheckMfa", SIGNED_IN),
    ("AssumeRole", SIGNED_IN),
    ("AssumeRoleWithSAML", SIGNED_IN),
    ("AssumeRoleWithWebIdentity", SIGNED_IN),
    ("AssumeRoot", SIGNED_IN),
    ("GetFederationToken", SIGNED_IN),
    ("GetSessionToken", SIGNED_IN),
    ("GetSigninToken", SIGNED_IN),
    ("GetObject", FILE_READ),
    ("HeadObject", FILE_READ),
    ("PutObject", FILE_CHANGED),
    ("CopyObject", FILE_CHANGED),
    ("DeleteObject", FILE_DELETED),
    ("DeleteObjects", FILE_DELETED),
];

static EVENT: JsonTable = JsonTable::new(Spec {
    product: products::AWS_CLOUDTRAIL,
    log_source: logsource::AWS_CLOUDTRAIL,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::CLOUD_PROVIDER, "aws")],
    time: &[("eventTime", Clock::IsoUtc)],
    rows: &[
        ("eventID", ecs::EVENT_ID, Text),
        ("eventSource", ecs::EVENT_PROVIDER, Text),
        ("eventName", ecs::EVENT_ACTION, Means(MEANINGS)),
        ("awsRegion", ecs::CLOUD_REGION, Text),
        ("recipientAccountId", ecs::CLOUD_ACCOUNT_ID, Text),
        ("userIdentity.accountId", ecs::CLOUD_ACCOUNT_ID, Text),
        ("sourceIPAddress", ecs::SOURCE_ADDRESS, Text),
        ("sourceIPAddress", ecs::SOURCE_IP, Ip),
        ("userAgent", ecs::USER_AGENT_ORIGINAL, Text),
        ("userIdentity.userName", ecs::USER_NAME, User),
        ("userIdentity.sessionContext.sessionIssuer.userName", ecs::USER_NAME, User),
        ("userIdentity.principalId", ecs::USER_ID, Text),
        ("requestParameters.userName", ecs::USER_TARGET_NAME, User),
        ("requestParameters.newUserName", ecs::USER_CHANGES_NAME, User),
        ("requestParameters.groupName", ecs::GROUP_NAME, Text),
        ("responseElements.user.userId", ecs::USER_TARGET_ID, Text),
        ("responseElements.user.userName", ecs::USER_TARGET_NAME, User),
        ("responseElements.group.groupId", ecs::GROUP_ID, Text),
        ("responseElements.accessKey.userName", ecs::RELATED_USER, Set),
        ("tlsDetails.cipherSuite", ecs::TLS_CIPHER, Text),
        ("tlsDetails.clientProvidedHostHeader", ecs::TLS_CLIENT_SERVER_NAME, Host),
        ("errorCode", ecs::ERROR_CODE, Text),
        ("errorMessage", ecs::ERROR_MESSAGE, Text),
    ],
    ..Spec::NONE
});

static DIGEST: JsonTable = JsonTable::new(Spec {
    product: products::AWS_CLOUDTRAIL,
    log_source: logsource::AWS_CLOUDTRAIL,
    constants: &[
        (ecs::EVENT_KIND, "event"),
        (ecs::EVENT_TYPE, "info"),
        (ecs::EVENT_OUTCOME, "success"),
        (ecs::CLOUD_PROVIDER, "aws"),
    ],
    time: &[("digestEndTime", Clock::IsoUtc)],
    rows: &[
        ("digestStartTime", ecs::EVENT_START, Time(Clock::IsoUtc)),
        ("digestEndTime", ecs::EVENT_END, Time(Clock::IsoUtc)),
        ("awsAccountId", ecs::CLOUD_ACCOUNT_ID, Text),
        ("digestS3Object", ecs::FILE_PATH, FilePath),
        ("previousDigestSignature", ecs::FILE_HASH_SHA256, Hash),
        ("logFiles.hashValue", ecs::RELATED_HASH, Set),
    ],
    ..Spec::NONE
});

fn read_event(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    EVENT.apply(writer, context);
    let ids = ids();
    // A sign-in that is refused bears no error code.
    let failed = json_table::value(writer, ids.error_code).is_some()
        || json_table::value(writer, ids.error_message).is_some()
        || writer.first(ids.console_login) == Some(b"Failure");
    writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
    if !writer.view().has(ecs::EVENT_TYPE) {
        writer.put_str(ecs::EVENT_TYPE, "info");
    }
    if let Some(span) = json_table::value(writer, ids.tls_version) {
        let text = writer.bytes(span);
        if text.starts_with(b"TLSv") {
            writer.put_str(ecs::TLS_VERSION_PROTOCOL, "tls");
            writer.put_span(ecs::TLS_VERSION, span.part(4..span.len()), Kind::Text, false);
        }
    }
    true
}

fn read_digest(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    DIGEST.apply(writer, context)
}
