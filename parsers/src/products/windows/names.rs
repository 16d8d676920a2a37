//! The names of Windows event data that have ids from the start: those the normaliser reads,
//! and those that event schemas of the common channels define (Sysmon 15 manifest, Security auditing manifest).

use std::sync::LazyLock;

use crate::dictionary::FieldId;
use crate::products::names::{id_of, vendor_names};

vendor_names! {
    event_id = "EventID";
    channel = "Channel";
    provider_name = "Provider_Name";
    provider_guid = "Provider.Guid";
    computer = "Computer";
    computer_name = "ComputerName";
    hostname = "Hostname";
    source_name = "SourceName";
    nxlog_provider_guid = "ProviderGuid";
    event_record_id = "EventRecordID";
    record_number = "RecordNumber";
    record_id = "RecordId";
    level = "Level";
    severity = "Severity";
    keywords = "Keywords";
    task = "Task";
    execution_process_id = "Execution.ProcessID";
    execution_thread_id = "Execution.ThreadID";
    nxlog_execution_process_id = "ExecutionProcessID";
    nxlog_thread_id = "ThreadID";
    security_user_id = "Security.UserID";
    user_id = "UserID";
    correlation_activity_id = "Correlation.ActivityID";
    activity_id = "ActivityID";
    system_time = "TimeCreated.SystemTime";
    time_created = "TimeCreated";
    event_time = "EventTime";
    time_generated = "TimeGenerated";
    message = "Message";
    winlog_time_created = "winlog.time_created";
    winlog_outcome = "winlog.outcome";

    utc_time = "UtcTime";
    rule_name = "RuleName";
    process_guid = "ProcessGuid";
    process_id = "ProcessId";
    process_id_upper = "ProcessID";
    image = "Image";
    file_version = "FileVersion";
    description = "Description";
    product = "Product";
    company = "Company";
    original_file_name = "OriginalFileName";
    command_line = "CommandLine";
    current_directory = "CurrentDirectory";
    user = "User";
    hashes = "Hashes";
    hash = "Hash";
    imphash = "Imphash";
    md5 = "md5";
    sha1 = "sha1";
    sha256 = "sha256";
    parent_process_guid = "ParentProcessGuid";
    parent_process_id = "ParentProcessId";
    parent_image = "ParentImage";
    parent_command_line = "ParentCommandLine";
    protocol = "Protocol";
    initiated = "Initiated";
    source_is_ipv6 = "SourceIsIpv6";
    source_ip = "SourceIp";
    source_hostname = "SourceHostname";
    source_port = "SourcePort";
    source_port_name = "SourcePortName";
    destination_ip = "DestinationIp";
    destination_hostname = "DestinationHostname";
    destination_port = "DestinationPort";
    destination_port_name = "DestinationPortName";
    image_loaded = "ImageLoaded";
    signature = "Signature";
    signature_status = "SignatureStatus";
    source_process_guid = "SourceProcessGUID";
    source_process_guid_lower = "SourceProcessGuid";
    source_process_id = "SourceProcessId";
    source_thread_id = "SourceThreadId";
    source_image = "SourceImage";
    source_user = "SourceUser";
    event_type = "EventType";
    target_object = "TargetObject";
    details = "Details";

    subject_user_sid = "SubjectUserSid";
    subject_user_name = "SubjectUserName";
    subject_domain_name = "SubjectDomainName";
    subject_logon_id = "SubjectLogonId";
    target_user_sid = "TargetUserSid";
    target_sid = "TargetSid";
    target_user_name = "TargetUserName";
    target_domain_name = "TargetDomainName";
    target_logon_id = "TargetLogonId";
    workstation_name = "WorkstationName";
    workstation = "Workstation";
    process_name = "ProcessName";
    ip_address = "IpAddress";
    ip_port = "IpPort";
    status = "Status";
    sub_status = "SubStatus";
    failure_reason = "FailureReason";
    new_process_id = "NewProcessId";
    new_process_name = "NewProcessName";
    account_name = "AccountName";
    account_domain = "AccountDomain";
    account_type = "AccountType";
    member_name = "MemberName";
    member_sid = "MemberSid";
    old_target_user_name = "OldTargetUserName";
    new_target_user_name = "NewTargetUserName";
    caller_process_id = "CallerProcessId";
    caller_process_name = "CallerProcessName";
    client_name = "ClientName";
    client_address = "ClientAddress";
    object_type = "ObjectType";
    object_name = "ObjectName";
    object_value_name = "ObjectValueName";
    share_local_path = "ShareLocalPath";
    relative_target_name = "RelativeTargetName";
    application = "Application";
    direction = "Direction";
    source_address = "SourceAddress";
    dest_address = "DestAddress";
    dest_port = "DestPort";

    logon_type = "LogonType";
    new_value = "NewValue";
    opcode = "Opcode";
    parent_process_name = "ParentProcessName";
    path = "Path";
    pipe_name = "PipeName";
    query_name = "QueryName";
    query_results = "QueryResults";
    service_name = "ServiceName";
    service_type = "ServiceType";
    target_filename = "TargetFilename";
    logon_id_upper = "LogonID";
    xml_name = "xml_name";
    type_ = "Type";
    data = "Data";
    context_info = "ContextInfo";
    host_application = "HostApplication";
    host_id = "HostId";
    host_name = "HostName";
    sequence_number = "SequenceNumber";
    script_name = "ScriptName";
    user_id_lower = "UserId";
    connected_user = "ConnectedUser";
    device = "Device";
    destination = "Destination";
    full_file_path = "FullFilePath";
    file_path = "FilePath";
    file_hash = "FileHash";
    event_data_provider = "provider_name";
    image_path = "ImagePath";
    service_file_name = "ServiceFileName";
    access_mask = "AccessMask";
    access_list = "AccessList";
    access_mask_description = "AccessMaskDescription";
    access_list_description = "AccessListDescription";
    ticket_options = "TicketOptions";
    ticket_options_description = "TicketOptionsDescription";
    ticket_encryption_type = "TicketEncryptionType";
    ticket_encryption_type_description = "TicketEncryptionTypeDescription";
    status_description = "StatusDescription";
    category_id = "CategoryId";
    subcategory_id = "SubcategoryId";
    category = "Category";
    subcategory = "SubCategory";
    audit_policy_changes = "AuditPolicyChanges";
    audit_policy_changes_description = "AuditPolicyChangesDescription";
    layer_name = "LayerName";
    layer_name_description = "LayerNameDescription";
    remote_user_id = "RemoteUserID";
    remote_user_description = "RemoteUserDescription";
    remote_machine_id = "RemoteMachineID";
    remote_machine_description = "RemoteMachineDescription";
    new_uac_value = "NewUacValue";
    new_uac_list = "NewUACList";
    @also
    "LevelDisplayName" "Version" "winlog.event_data" "LogonGuid" "LogonId"
    "TerminalSessionId" "IntegrityLevel" "ParentUser" "CreationUtcTime" "PreviousCreationUtcTime"
    "DestinationIsIpv6" "Signed" "TargetProcessGUID" "TargetProcessGuid" "TargetProcessId" "TargetImage"
    "TargetUser" "NewThreadId" "StartAddress" "StartModule" "StartFunction" "GrantedAccess" "CallTrace"
    "NewName" "Contents" "QueryStatus" "IsExecutable" "Archived" "State"
    "SchemaVersion" "Configuration" "ConfigurationFileHash" "Operation" "EventNamespace" "Name" "Query"
    "Consumer" "Filter" "ClientInfo" "Session" "ID" "TargetLogonGuid" "TargetServerName" "TargetInfo"
    "TargetOutboundUserName" "TargetOutboundDomainName" "TargetLinkedLogonId" "LogonProcessName"
    "AuthenticationPackageName" "TransmittedServices" "LmPackageName" "KeyLength" "ImpersonationLevel"
    "RestrictedAdminMode" "VirtualAccount" "ElevatedToken" "PrivilegeList" "TokenElevationType"
    "MandatoryLabel" "ServiceStartType" "ServiceAccount" "ServiceSid"
    "StartType" "TaskContent" "TaskContentNew" "ClientProcessId" "ClientProcessStartKey"
    "SamAccountName" "DisplayName" "UserPrincipalName" "UserAccountControl" "OldUacValue"
    "UserParameters" "SidHistory" "PasswordLastSet" "AccountExpires" "PrimaryGroupId" "AllowedToDelegateTo"
    "HomeDirectory" "HomePath" "ScriptPath" "ProfilePath" "UserWorkstations" "LogonHours" "DnsHostName"
    "ServicePrincipalNames" "PreAuthType" "CertIssuerName"
    "CertSerialNumber" "CertThumbprint" "PackageName" "CallingProcessId" "CallingProcessName" "SessionName"
    "ObjectServer" "OperationType" "HandleId" "AccessReason" "Properties"
    "AdditionalInfo" "AdditionalInfo2" "OldValueType" "OldValue" "NewValueType" "OldSd" "NewSd"
    "ShareName" "FilterRTID" "FilterOrigin" "LayerRTID"
    "SubcategoryGuid" "Service" "ReadOperation" "ReturnCode"
    "ProcessCreationTime" "CountOfCredentialsReturned" "TargetName" "Flags" "AuditSourceName" "EventSourceId"
    "EnabledPrivilegeList" "DisabledPrivilegeList" "ObjectDN" "ObjectGUID" "ObjectClass" "AttributeLDAPDisplayName"
    "AttributeSyntaxOID" "AttributeValue" "DSName" "DSType" "OpCorrelationID" "AppCorrelationID" "Binary"
    "ScriptBlockText" "ScriptBlockId" "MessageNumber" "MessageTotal" "Payload" "RunspaceId"
    "HostVersion" "EngineVersion" "PipelineId" "CommandName" "CommandType" "CommandPath" "NewEngineState"
    "PreviousEngineState" "ProviderName" "NewProviderState" "ShellId" "DetailSequence" "DetailTotal"
    "TaskName" "AA" "AD" "RD" "TC" "TCP" "QNAME" "QTYPE" "RCODE" "XID" "Reason" "Port" "Source"
    "InterfaceIP" "ForwardInterfaceIP" "BufferSize" "TTL" "Event" "winlog.process_id" "winlog.thread_id" "Zone"
    "PacketData" "ElapsedTime" "GUID" "updateTitle" "updateGuid" "errorCode" "ActionName" "UserContext" "UserName" "QueryType" "url" "RemoteName"
    "LocalName" "processPath" "processId" "jobOwner" "Owner" "Address" "Param1" "Param2" "Param3" "IPString" "ClientIP"
    "Processid" "File Name" "FileNameBuffer" "FileName" "Process Name" "ProcessNameBuffer" "SHA256 Hash" "AppName"
    "AppPath" "Threat Name" "Threat ID" "Detection User" "RuleId" "PolicyName" "Fqbn" "SubjectUserPrincipalName"
    "Provider.EventSourceName" "EventID.Qualifiers" "Correlation.RelatedActivityID"
    "param1" "param2" "param3" "param4" "param5" "param6" "param7" "param8" "param9" "param10" "param11" "param12"
    "param13" "param14" "param15" "param16" "param17" "param18" "param19" "param20" "param21" "param22" "param23"
    "param24" "InterfaceUuid" "OpNum" "Endpoint" "Function" "AuthenticationLevel" "AuthenticationService"
}

/// The id of a declared name that the code speaks of once.
pub(super) fn named(name: &str) -> FieldId {
    let id = id_of(name);
    debug_assert_ne!(id, FieldId::UNNAMED, "{name} is not declared");
    id
}

/// The names by which Winlogbeat numbers data without a name, `param1` and so on: the most that any event of
/// Windows' own providers has is 24; of more, the rest stands under `Data` alone.
pub(super) fn params() -> &'static [FieldId; 24] {
    static IDS: LazyLock<[FieldId; 24]> =
        LazyLock::new(|| std::array::from_fn(|at| id_of(&format!("param{}", at + 1))));
    &IDS
}
