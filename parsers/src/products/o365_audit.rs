//! Microsoft 365 unified audit log (Office 365 Management Activity API schema).

use super::fields::{copy, copy_vendor, relate_span};
use super::json_table::How::*;
use super::json_table::{self, Clock, Constants, JsonTable, Pairs, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::{ecs, logsource, products};

/// `o365_audit`.
pub(crate) static PRODUCT: Product = Product {
    name: "o365_audit",
    title: "Microsoft 365 audit log",
    document: "Office 365 Management Activity API schema",
    namespace: "o365.audit",
    module: "o365",
    dataset: "o365.audit",
    names: NAMES,
    json: &[&TABLE],
    detect: &[
        Detect::Members(&["CreationTime", "RecordType"], read),
        Detect::Members(&["Workload", "Operation", "OrganizationId"], read),
    ],
    ..Product::NONE
};

vendor_names! {
    record_type = "RecordType";
    client_ip_address = "ClientIPAddress";
    client_ip = "ClientIP";
    actor_ip = "ActorIpAddress";
    originating_server = "OriginatingServer";
    object_id = "ObjectId";
    rule_actions = "PolicyDetails.Rules.Actions";
    rule_severity = "PolicyDetails.Rules.Severity";
    exception_info = "ExceptionInfo.FalsePositive";
    operation = "Operation";
    @also
    "Id" "UserKey" "UserType" "Version" "Scope" "AppAccessContext" "OrganizationName" "ExternalAccess" "LogonType"
    "InternalLogonType" "MailboxGuid" "MailboxOwnerSid" "LogonUserSid" "ClientInfoString" "ClientProcessName"
    "ClientVersion" "Item.Id" "Item.Subject" "Item.ParentFolder.Path" "Folder.Path" "SessionId" "ApplicationId"
    "ActorContextId" "Actor.ID" "Actor.Type" "Target.ID" "Target.Type" "TargetContextId" "InterSystemsId"
    "IntraSystemId" "SupportTicketId" "AzureActiveDirectoryEventType" "LogonError" "ErrorNumber"
    "ModifiedProperties.Name" "ModifiedProperties.NewValue" "ModifiedProperties.OldValue" "Site" "WebId" "ItemType"
    "EventSource" "ListId" "ListItemUniqueId" "SiteUrl" "SourceFileExtension" "DestinationFileName"
    "DestinationRelativeUrl" "CorrelationId" "TargetUserOrGroupName" "TargetUserOrGroupType" "EventData"
    "IncidentId" "PolicyDetails.PolicyId" "PolicyDetails.PolicyName" "Severity" "Status" "Source" "AlertId"
    "AlertType" "AppId" "ClientAppId" "DeviceProperties.Name" "DeviceProperties.Value" "TeamGuid" "Members.UPN"
    "Members.DisplayName" "Members.Role"
}

/// Record types, by the schema's enumeration AuditLogRecordType.
const RECORD_TYPES: &[(&str, &str)] = &[
    ("1", "ExchangeAdmin"),
    ("2", "ExchangeItem"),
    ("3", "ExchangeItemGroup"),
    ("4", "SharePoint"),
    ("6", "SharePointFileOperation"),
    ("7", "OneDrive"),
    ("8", "AzureActiveDirectory"),
    ("9", "AzureActiveDirectoryAccountLogon"),
    ("10", "DataCenterSecurityCmdlet"),
    ("11", "ComplianceDLPSharePoint"),
    ("12", "Sway"),
    ("13", "ComplianceDLPExchange"),
    ("14", "SharePointSharingOperation"),
    ("15", "AzureActiveDirectoryStsLogon"),
    ("16", "SkypeForBusinessPSTNUsage"),
    ("17", "SkypeForBusinessUsersBlocked"),
    ("18", "SecurityComplianceCenterEOPCmdlet"),
    ("19", "ExchangeAggregatedOperation"),
    ("20", "PowerBIAudit"),
    ("21", "CRM"),
    ("22", "Yammer"),
    ("23", "SkypeForBusinessCmdlets"),
    ("24", "Discovery"),
    ("25", "MicrosoftTeams"),
    ("28", "ThreatIntelligence"),
    ("29", "MailSubmission"),
    ("30", "MicrosoftFlow"),
    ("31", "AeD"),
    ("32", "MicrosoftStream"),
    ("33", "ComplianceDLPSharePointClassification"),
    ("34", "ThreatFinder"),
    ("35", "Project"),
    ("36", "SharePointListOperation"),
    ("37", "SharePointCommentOperation"),
    ("38", "DataGovernance"),
    ("39", "Kaizala"),
    ("40", "SecurityComplianceAlerts"),
    ("41", "ThreatIntelligenceUrl"),
    ("42", "SecurityComplianceInsights"),
    ("43", "MIPLabel"),
    ("44", "WorkplaceAnalytics"),
    ("45", "PowerAppsApp"),
    ("46", "PowerAppsPlan"),
    ("47", "ThreatIntelligenceAtpContent"),
    ("48", "LabelContentExplorer"),
    ("49", "TeamsHealthcare"),
    ("50", "ExchangeItemAggregated"),
    ("51", "HygieneEvent"),
    ("52", "DataInsightsRestApiAudit"),
    ("53", "InformationBarrierPolicyApplication"),
    ("54", "SharePointListItemOperation"),
    ("55", "SharePointContentTypeOperation"),
    ("56", "SharePointFieldOperation"),
    ("57", "MicrosoftTeamsAdmin"),
    ("58", "HRSignal"),
    ("59", "MicrosoftTeamsDevice"),
    ("60", "MicrosoftTeamsAnalytics"),
    ("61", "InformationWorkerProtection"),
    ("62", "Campaign"),
    ("63", "DLPEndpoint"),
    ("64", "AirInvestigation"),
    ("65", "Quarantine"),
    ("66", "MicrosoftForms"),
    ("67", "ApplicationAudit"),
    ("68", "ComplianceSupervisionExchange"),
    ("69", "CustomerKeyServiceEncryption"),
    ("70", "OfficeNative"),
    ("71", "MipAutoLabelSharePointItem"),
    ("72", "MipAutoLabelSharePointPolicyLocation"),
    ("73", "MicrosoftTeamsShifts"),
    ("75", "MipAutoLabelExchangeItem"),
    ("76", "CortanaBriefing"),
    ("78", "WDATPAlerts"),
    ("82", "SensitivityLabelPolicyMatch"),
    ("83", "SensitivityLabelAction"),
    ("84", "SensitivityLabeledFileAction"),
    ("85", "AttackSim"),
    ("86", "AirManualInvestigation"),
    ("87", "SecurityComplianceRBAC"),
    ("88", "UserTraining"),
    ("89", "AirAdminActionInvestigation"),
    ("90", "MSTIC"),
    ("91", "PhysicalBadgingSignal"),
    ("93", "AipDiscover"),
    ("94", "AipSensitivityLabelAction"),
    ("95", "AipProtectionAction"),
    ("96", "AipFileDeleted"),
    ("97", "AipHeartBeat"),
    ("98", "MCASAlerts"),
    ("99", "OnPremisesFileShareScannerDlp"),
    ("100", "OnPremisesSharePointScannerDlp"),
    ("101", "ExchangeSearch"),
    ("102", "SharePointSearch"),
    ("103", "PrivacyDataMinimization"),
    ("104", "LabelAnalyticsAggregate"),
    ("105", "MyAnalyticsSettings"),
    ("106", "SecurityComplianceUserChange"),
    ("107", "ComplianceDLPExchangeClassification"),
    ("109", "MipExactDataMatch"),
    ("113", "MS365DCustomDetection"),
    ("147", "CoreReportingSettings"),
    ("148", "ComplianceConnector"),
    ("154", "OMEPortal"),
    ("174", "DataShareOperation"),
    ("181", "EduDataLakeDownloadOperation"),
    ("183", "MicrosoftGraphDataConnectOperation"),
    ("186", "PowerPagesSite"),
    ("188", "PlannerPlan"),
    ("216", "VivaGoals"),
    ("217", "MicrosoftGraphDataConnectConsent"),
    ("218", "AttackSimAdmin"),
    ("230", "TeamsUpdates"),
    ("231", "PlannerRosterSensitivityLabel"),
    ("237", "DefenderExpertsforXDRAdmin"),
    ("251", "VfamCreatePolicy"),
    ("261", "CopilotInteraction"),
];

const A: FieldId = ecs::EVENT_ACTION;
const C: FieldId = ecs::EVENT_CATEGORY;
const T: FieldId = ecs::EVENT_TYPE;

/// What operations on users, groups and files are: the schema's activity lists.
const OPERATIONS: &[(&str, Constants)] = &[
    ("UserLoggedIn", SIGN_IN),
    ("UserLoginFailed", SIGN_IN),
    ("PasswordLogonInitialAuthUsingPassword", SIGN_IN),
    ("PasswordLogonCookieCopyUsingDAToken", SIGN_IN),
    ("ForeignRealmIndexLogonInitialAuthUsingADFSFederatedToken", SIGN_IN),
    ("ForeignRealmIndexLogonInitialAuthUsingSAMLTokens", SIGN_IN),
    ("MailboxLogin", SIGN_IN),
    ("TeamsSessionStarted", SIGN_IN),
    ("Add user.", &[(A, "added-user-account"), (C, "iam"), (T, "user"), (T, "creation")]),
    ("Update user.", &[(A, "modified-user-account"), (C, "iam"), (T, "user"), (T, "change")]),
    ("Delete user.", &[(A, "deleted-user-account"), (C, "iam"), (T, "user"), (T, "deletion")]),
    ("Change user password.", &[(A, "changed-password"), (C, "iam"), (T, "user"), (T, "change")]),
    ("Reset user password.", &[(A, "reset-password"), (C, "iam"), (T, "user"), (T, "change")]),
    ("Disable account.", &[(A, "disabled-user-account"), (C, "iam"), (T, "user"), (T, "change")]),
    ("Enable account.", &[(A, "enabled-user-account"), (C, "iam"), (T, "user"), (T, "change")]),
    ("Add group.", &[(A, "added-group-account-to"), (C, "iam"), (T, "group"), (T, "creation")]),
    ("Update group.", &[(A, "modified-group-account"), (C, "iam"), (T, "group"), (T, "change")]),
    ("Delete group.", &[(A, "deleted-group-account-from"), (C, "iam"), (T, "group"), (T, "deletion")]),
    ("Add member to group.", &[(A, "added-users-to-group"), (C, "iam"), (T, "group"), (T, "change")]),
    ("Remove member from group.", &[(A, "removed-users-from-group"), (C, "iam"), (T, "group"), (T, "change")]),
    ("MemberAdded", &[(A, "added-users-to-group"), (C, "iam"), (T, "group"), (T, "change")]),
    ("MemberRemoved", &[(A, "removed-users-from-group"), (C, "iam"), (T, "group"), (T, "change")]),
    ("MemberRoleChanged", &[(A, "changed-role-of-users-in-group"), (C, "iam"), (T, "group"), (T, "change")]),
    ("TeamCreated", &[(A, "added-group-account-to"), (C, "iam"), (T, "group"), (T, "creation")]),
    ("TeamDeleted", &[(A, "deleted-group-account-from"), (C, "iam"), (T, "group"), (T, "deletion")]),
    ("GroupCreation", &[(C, "iam"), (T, "group"), (T, "creation")]),
    ("GroupDeletion", &[(C, "iam"), (T, "group"), (T, "deletion")]),
    ("FileAccessed", &[(C, "file"), (T, "access")]),
    ("FileAccessedExtended", &[(C, "file"), (T, "access")]),
    ("FilePreviewed", &[(C, "file"), (T, "access")]),
    ("FileDownloaded", &[(C, "file"), (T, "access")]),
    ("FileSyncDownloadedFull", &[(C, "file"), (T, "access")]),
    ("FileCheckedOut", &[(C, "file"), (T, "access")]),
    ("FileCheckedIn", &[(C, "file"), (T, "change")]),
    ("FileCheckOutDiscarded", &[(C, "file"), (T, "change")]),
    ("FileUploaded", &[(C, "file"), (T, "creation")]),
    ("FileSyncUploadedFull", &[(C, "file"), (T, "creation")]),
    ("FileCopied", &[(C, "file"), (T, "creation")]),
    ("FileRestored", &[(C, "file"), (T, "creation")]),
    ("FileModified", &[(C, "file"), (T, "change")]),
    ("FileModifiedExtended", &[(C, "file"), (T, "change")]),
    ("FileMoved", &[(C, "file"), (T, "change")]),
    ("FileRenamed", &[(C, "file"), (T, "change")]),
    ("FileDeleted", &[(C, "file"), (T, "deletion")]),
    ("FileRecycled", &[(C, "file"), (T, "deletion")]),
    ("FileDeletedFirstStageRecycleBin", &[(C, "file"), (T, "deletion")]),
    ("FileDeletedSecondStageRecycleBin", &[(C, "file"), (T, "deletion")]),
    ("FolderCreated", &[(C, "file"), (T, "creation")]),
    ("FolderModified", &[(C, "file"), (T, "change")]),
    ("FolderRenamed", &[(C, "file"), (T, "change")]),
    ("FolderMoved", &[(C, "file"), (T, "change")]),
    ("FolderDeleted", &[(C, "file"), (T, "deletion")]),
    ("DlpRuleMatch", DLP),
    ("DlpRuleUndo", DLP),
    ("DlpInfo", DLP),
    ("DLPRuleMatch", DLP),
    ("DLPRuleUndo", DLP),
    ("DLPInfo", DLP),
    ("AlertTriggered", &[(ecs::EVENT_KIND, "alert")]),
    ("AlertUpdated", &[(ecs::EVENT_KIND, "alert")]),
    ("AlertEntityGenerated", &[(ecs::EVENT_KIND, "alert")]),
];

const SIGN_IN: Constants = &[(C, "authentication"), (T, "start"), (T, "access")];
const DLP: Constants = &[(ecs::EVENT_KIND, "alert"), (C, "file"), (T, "access")];

const STATUS: &[(&str, &str)] = &[
    ("Success", "success"),
    ("Succeeded", "success"),
    ("PartiallySucceeded", "success"),
    ("True", "success"),
    ("TRUE", "success"),
    ("Failed", "failure"),
    ("Failure", "failure"),
    ("False", "failure"),
    ("FALSE", "failure"),
];

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::O365_AUDIT,
    log_source: logsource::M365,
    constants: &[(ecs::EVENT_KIND, "event")],
    time: &[("CreationTime", Clock::IsoUtc), ("Timestamp", Clock::IsoUtc)],
    rows: &[
        ("Id", ecs::EVENT_ID, Text),
        ("RecordType", ecs::EVENT_CODE, Map(RECORD_TYPES)),
        ("Workload", ecs::EVENT_PROVIDER, Text),
        // The schema's words stand before the operation's own.
        ("Operation", A, OnlyMeans(OPERATIONS)),
        ("Operation", A, Text),
        ("ResultStatus", ecs::EVENT_OUTCOME, Map(STATUS)),
        ("OrganizationId", ecs::ORGANIZATION_ID, Text),
        ("OrganizationId", ecs::HOST_ID, Text),
        ("UserId", ecs::USER_ID, Text),
        ("UserAgent", ecs::USER_AGENT_ORIGINAL, Text),
        ("SourceFileName", ecs::FILE_NAME, Text),
        ("SourceRelativeUrl", ecs::FILE_DIRECTORY, Text),
        ("SourceFileExtension", ecs::FILE_EXTENSION, Text),
        ("GroupName", ecs::GROUP_NAME, Text),
        ("TeamName", ecs::GROUP_NAME, Text),
        ("Members.UPN", ecs::RELATED_USER, Set),
        ("SharePointMetaData.FileName", ecs::FILE_NAME, Text),
        ("SharePointMetaData.FileOwner", ecs::FILE_OWNER, User),
        ("SharePointMetaData.FilePathUrl", ecs::URL_ORIGINAL, Url),
        ("ExchangeMetaData.Subject", ecs::MESSAGE, Text),
        ("ExchangeMetaData.Subject", ecs::EMAIL_SUBJECT, Text),
        ("ExchangeMetaData.From", ecs::SOURCE_USER_EMAIL, Text),
        ("ExchangeMetaData.From", ecs::EMAIL_FROM_ADDRESS, Set),
        ("ExchangeMetaData.To", ecs::DESTINATION_USER_EMAIL, Set),
        ("ExchangeMetaData.CC", ecs::DESTINATION_USER_EMAIL, Set),
        ("ExchangeMetaData.BCC", ecs::DESTINATION_USER_EMAIL, Set),
        ("ExchangeMetaData.To", ecs::EMAIL_TO_ADDRESS, Set),
        ("ExchangeMetaData.CC", ecs::EMAIL_CC_ADDRESS, Set),
        ("ExchangeMetaData.MessageID", ecs::EMAIL_MESSAGE_ID, Text),
        ("PolicyDetails.Rules.RuleId", ecs::RULE_ID, Set),
        ("PolicyDetails.Rules.RuleName", ecs::RULE_NAME, Set),
        ("Comments", ecs::MESSAGE, Text),
        ("Name", ecs::RULE_NAME, Text),
        ("PolicyId", ecs::RULE_ID, Text),
        ("Category", ecs::RULE_CATEGORY, Text),
        ("EntityType", ecs::RULE_RULESET, Text),
        ("AlertEntityId", ecs::RULE_DESCRIPTION, Text),
    ],
    pairs: &[
        Pairs {
            name: "ExtendedProperties.Name",
            values: &["ExtendedProperties.Value"],
            rows: &[("UserAgent", ecs::USER_AGENT_ORIGINAL, Text)],
        },
        Pairs { name: "Parameters.Name", values: &["Parameters.Value"], rows: &[("User", ecs::RELATED_USER, Set)] },
    ],
    // The names of the same events in Defender for Cloud Apps, which Sigma's rules speak.
    aliases: &[("Workload", "eventSource"), ("Name", "eventName"), ("Operation", "eventName")],
    also: &["MailboxOwnerUPN", "status"],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    let ids = ids();
    writer.put_str(C, "web");
    writer.put_str(T, "info");
    put_outcome(writer, ids);
    copy_vendor(writer, ecs::EVENT_OUTCOME, super::names::id_of("status"));
    put_severity(writer, ids);
    put_users(writer, context, ids);
    put_addresses(writer, context, ids);
    // Where the object is a file or a site, its id is its address.
    let of_files = matches!(writer.first(ids.record_type), Some(b"6" | b"14"));
    if let Some(span) = json_table::value(writer, ids.object_id).filter(|_| of_files) {
        json_table::put_as(writer, context, span, ecs::URL_ORIGINAL, Url);
    }
    true
}

/// What has no status succeeded, but for a policy that blocked.
fn put_outcome(writer: &mut EventWriter<'_>, ids: &Ids) {
    if json_table::has_own(writer, ecs::EVENT_OUTCOME) {
        return;
    }
    let blocked = matches!(writer.first(ids.operation), Some(b"DLPRuleMatch" | b"DlpRuleMatch"))
        && writer.first(ids.exception_info).is_none()
        && writer.view().values(ids.rule_actions).any(|action| action == b"BlockAccess");
    writer.put_str(ecs::EVENT_OUTCOME, if blocked { "failure" } else { "success" });
}

/// The highest severity of the rules that matched.
fn put_severity(writer: &mut EventWriter<'_>, ids: &Ids) {
    let severity = writer.view().values(ids.rule_severity).filter_map(|word| match word {
        b"Low" => Some(2),
        b"Medium" => Some(3),
        b"High" => Some(4),
        _ => None,
    });
    if let Some(severity) = severity.max() {
        writer.put_i64(ecs::EVENT_SEVERITY, severity);
    }
}

/// The user who acted and, of directory records, the one acted upon.
fn put_users(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids) {
    let is_address = |text: &[u8]| text.iter().filter(|&&byte| byte == b'@').count() == 1;
    match json_table::value(writer, ecs::USER_ID) {
        Some(span) if is_address(writer.bytes(span)) => {
            json_table::put_as(writer, context, span, ecs::USER_EMAIL, Text);
            json_table::put_as(writer, context, span, ecs::USER_NAME, LocalPart);
            json_table::put_as(writer, context, span, ecs::USER_DOMAIN, MailDomain);
        }
        _ => {
            copy(writer, super::names::id_of("MailboxOwnerUPN"), ecs::USER_EMAIL);
        }
    }
    let of_directory = writer.first(ids.record_type) == Some(b"8");
    let Some(span) = json_table::value(writer, ids.object_id).filter(|_| of_directory) else { return };
    writer.put_span(ecs::USER_TARGET_ID, span, Kind::Text, false);
    if is_address(writer.bytes(span)) {
        json_table::put_as(writer, context, span, ecs::USER_TARGET_EMAIL, Text);
        json_table::put_as(writer, context, span, ecs::USER_TARGET_NAME, LocalPart);
        json_table::put_as(writer, context, span, ecs::USER_TARGET_DOMAIN, MailDomain);
    }
}

/// Client and server: an address with or without a port, or `NAME (address)`.
fn put_addresses(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids) {
    for id in [ids.client_ip_address, ids.client_ip, ids.actor_ip] {
        let Some(span) = json_table::value(writer, id) else { continue };
        if json_table::has_own(writer, ecs::CLIENT_ADDRESS) {
            break;
        }
        if put_named_address(writer, span, ecs::CLIENT_DOMAIN, ecs::CLIENT_ADDRESS, &[ecs::CLIENT_IP, ecs::SOURCE_IP]) {
            continue;
        }
        json_table::put_as(writer, context, span, ecs::CLIENT_IP, IpPort(ecs::CLIENT_PORT));
        json_table::put_as(writer, context, span, ecs::SOURCE_IP, IpPort(ecs::SOURCE_PORT));
        if !copy(writer, ecs::CLIENT_IP, ecs::CLIENT_ADDRESS) {
            writer.put_span(ecs::CLIENT_ADDRESS, span, Kind::Text, false);
        }
    }
    if let Some(span) = json_table::value(writer, ids.originating_server) {
        let ips = [ecs::SERVER_IP, ecs::DESTINATION_IP];
        put_named_address(writer, span, ecs::SERVER_DOMAIN, ecs::SERVER_ADDRESS, &ips);
    }
    match writer.first(ecs::CLIENT_IP) {
        Some(ip) if ip.contains(&b':') => writer.put_str(ecs::NETWORK_TYPE, "ipv6"),
        Some(_) => writer.put_str(ecs::NETWORK_TYPE, "ipv4"),
        None => {}
    }
}

/// `NAME (address)`, perhaps in square brackets; `false` = it is not written so.
fn put_named_address(
    writer: &mut EventWriter<'_>,
    span: crate::event::Span,
    domain: FieldId,
    address: FieldId,
    ips: &[FieldId],
) -> bool {
    let text = writer.bytes(span);
    let start = usize::from(text.first() == Some(&b'['));
    let Some(open) = memchr::memmem::find(text, b" (") else { return false };
    let Some(close) = memchr::memrchr(b')', text).filter(|&close| close > open + 2) else { return false };
    if open <= start {
        return false;
    }
    writer.put_span(domain, span.part(start..open), Kind::Text, false);
    let inner = span.part(open + 2..close);
    writer.put_span(address, inner, Kind::Text, false);
    for &ip in ips {
        if writer.put_if_ip(ip, inner) {
            relate_span(writer, inner, ecs::RELATED_IP);
        }
    }
    true
}
