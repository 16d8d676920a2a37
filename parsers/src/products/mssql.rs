//! Microsoft SQL Server: the error log (`ERRORLOG`), and SQL Server Audit as events in the Windows log
//! (Microsoft: "View the SQL Server error log", "SQL Server Audit Records", `sys.dm_audit_actions`).

mod audit;

pub(crate) use audit::{EVENT_ID as AUDIT_EVENT_ID, put as put_audit};

use super::names::vendor_names;
use super::text::{SOURCE, between, put_end, put_user, split};
use crate::decode::Context;
use crate::event::EventWriter;
use crate::products::{Detect, Product};
use crate::time::take_iso;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products, scan};

/// `mssql`.
pub(crate) static PRODUCT: Product = Product {
    name: "mssql",
    title: "Microsoft SQL Server error log and audit",
    document: "Microsoft: View the SQL Server error log; SQL Server Audit Records",
    namespace: "microsoft_sqlserver.log",
    module: "microsoft_sqlserver",
    dataset: "microsoft_sqlserver.log",
    names: NAMES,
    detect: &[Detect::Line("12", decode)],
    ..Product::NONE
};

vendor_names! {
    origin = "origin";
    error_number = "error.number";
    error_severity = "error.severity";
    error_state = "error.state";
    @also
    "param1" "Data" "sqlserver.audit.audit_schema_version" "sqlserver.audit.event_time"
    "sqlserver.audit.sequence_number" "sqlserver.audit.action_id" "sqlserver.audit.succeeded"
    "sqlserver.audit.is_column_permission" "sqlserver.audit.session_id" "sqlserver.audit.server_principal_id"
    "sqlserver.audit.database_principal_id" "sqlserver.audit.target_server_principal_id"
    "sqlserver.audit.target_database_principal_id" "sqlserver.audit.object_id" "sqlserver.audit.user_defined_event_id"
    "sqlserver.audit.transaction_id" "sqlserver.audit.class_type" "sqlserver.audit.duration_milliseconds"
    "sqlserver.audit.response_rows" "sqlserver.audit.affected_rows" "sqlserver.audit.client_ip"
    "sqlserver.audit.permission_bitmask" "sqlserver.audit.sequence_group_id"
    "sqlserver.audit.session_server_principal_name" "sqlserver.audit.server_principal_name"
    "sqlserver.audit.server_principal_sid" "sqlserver.audit.database_principal_name"
    "sqlserver.audit.target_server_principal_name" "sqlserver.audit.target_server_principal_sid"
    "sqlserver.audit.target_database_principal_name" "sqlserver.audit.server_instance_name"
    "sqlserver.audit.database_name" "sqlserver.audit.schema_name" "sqlserver.audit.object_name"
    "sqlserver.audit.statement" "sqlserver.audit.additional_information" "sqlserver.audit.user_defined_information"
    "sqlserver.audit.application_name" "sqlserver.audit.connection_id" "sqlserver.audit.data_sensitivity_information"
    "sqlserver.audit.host_name" "sqlserver.audit.external_policy_permissions_checked"
    "sqlserver.audit.obo_middle_tier_app_id" "sqlserver.audit.is_local_secondary_replica"
    "sqlserver.audit.session_context" "sqlserver.audit.client_tls_version" "sqlserver.audit.database_transaction_id"
    "sqlserver.audit.ledger_start_sequence_number" "sqlserver.audit.class_type_desc"
}

/// Decodes a line of the error log; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let Some((stamp, rest)) = take_iso(text) else { return false };
    let Some(rest) = rest.strip_prefix(b" ") else { return false };
    // The origin is padded to twelve columns, and one blank stands behind it.
    let len = scan::until(rest, b' ');
    let origin = &rest[..len];
    let is_task = origin
        .strip_prefix(b"spid")
        .map(|number| number.strip_suffix(b"s").unwrap_or(number))
        .is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit));
    let padded = rest[len..].iter().take_while(|&&byte| byte == b' ').count() + len >= 12;
    if stamp.offset_s.is_some()
        || !padded
        || !is_task && !matches!(origin, b"Server" | b"Logon" | b"Backup" | b"Cleanup" | b"Service" | b"Flusher")
    {
        return false;
    }
    let message = rest[len..].trim_ascii_start();
    let core = writer.core();
    core.product = products::MSSQL;
    core.log_source = logsource::MSSQL;
    context.set_stamp(writer, &stamp);
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "database");
    writer.put_str(ecs::EVENT_TYPE, "info");
    writer.put_vendor(ids().origin, origin);
    writer.put(ecs::MESSAGE, message);
    if let Some((number, rest)) = message.strip_prefix(b"Error: ").and_then(|rest| split(rest, b", Severity: ")) {
        writer.put_vendor(ids().error_number, number);
        writer.put(ecs::ERROR_CODE, number);
        if let Some((severity, state)) = split(rest, b", State: ") {
            writer.put_vendor(ids().error_severity, severity);
            let state = &state[..state.iter().take_while(|byte| byte.is_ascii_digit()).count()];
            writer.put_vendor(ids().error_state, state);
        }
    }
    put_login(writer, message);
    true
}

/// `Login failed for user 'u'. Reason: … [CLIENT: address]`.
fn put_login<'a>(writer: &mut EventWriter<'a>, message: &'a [u8]) {
    let outcome = if message.starts_with(b"Login failed") {
        "failure"
    } else if message.starts_with(b"Login succeeded") {
        "success"
    } else {
        return;
    };
    writer.put_str(ecs::EVENT_CATEGORY, "authentication");
    writer.put_str(ecs::EVENT_TYPE, if outcome == "success" { "start" } else { "denied" });
    writer.put_str(ecs::EVENT_ACTION, if outcome == "success" { "login-succeeded" } else { "login-failed" });
    writer.put_str(ecs::EVENT_OUTCOME, outcome);
    if let Some(user) = between(message, b"for user '", b"'") {
        put_principal(writer, user);
    }
    if let Some(reason) = between(message, b"Reason: ", b" [CLIENT") {
        writer.put(ecs::EVENT_REASON, reason);
    }
    if let Some(client) = between(message, b"[CLIENT: ", b"]").filter(|client| client.first() != Some(&b'<')) {
        put_end(writer, SOURCE, client);
    }
}

/// `DOMAIN\user`, or a login of the server's own.
fn put_principal<'a>(writer: &mut EventWriter<'a>, principal: &'a [u8]) {
    match split(principal, b"\\") {
        Some((domain, user)) => {
            writer.put(ecs::USER_DOMAIN, domain);
            put_user(writer, ecs::USER_NAME, user);
        }
        None => put_user(writer, ecs::USER_NAME, principal),
    }
}
