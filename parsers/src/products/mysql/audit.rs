//! MySQL Enterprise Audit in JSON (MySQL Reference Manual, "Audit Log File Formats").

use crate::decode::Context;
use crate::defect::Defect;
use crate::event::{EventWriter, Kind, Span};
use crate::number::parse_i64;
use crate::products::fields::{copy, copy_ip, present, put_path, relate, relate_span};
use crate::products::names::vendor_names;
use crate::products::{Detect, Product};
use crate::time::take_iso;
use crate::{ecs, logsource, products, scan};

/// `mysql_enterprise`.
pub(crate) static PRODUCT: Product = Product {
    name: "mysql_enterprise",
    title: "MySQL Enterprise Audit",
    document: "MySQL 8.4 Reference Manual: Audit Log File Formats",
    namespace: "mysqlenterprise.audit",
    module: "mysql_enterprise",
    dataset: "mysql_enterprise.audit",
    names: NAMES,
    detect: &[Detect::Members(&["class", "event", "connection_id"], normalise)],
    ..Product::NONE
};

vendor_names! {
    timestamp = "timestamp";
    class = "class";
    event = "event";
    account_user = "account.user";
    account_host = "account.host";
    login_ip = "login.ip";
    connection_status = "connection_data.status";
    pid = "connection_data.connection_attributes._pid";
    general_status = "general_data.status";
    sql_command = "general_data.sql_command";
    query = "general_data.query";
    table_query = "table_access_data.query";
    server_id = "startup_data.server_id";
    os_version = "startup_data.os_version";
    mysql_version = "startup_data.mysql_version";
    args = "startup_data.args";
    @also
    "connection_id" "login.user" "login.os" "login.proxy" "connection_data.db" "general_data.command" "id" "time"
    "connection_data.connection_type" "table_access_data.db" "table_access_data.table" "table_access_data.sql_command"
    "shutdown_data.server_id" "message_data.producer" "message_data.type"
}

/// Normalises an object of the audit log whose members are written already.
pub(crate) fn normalise(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    let class = writer.first(ids.class).unwrap_or_default();
    let is_connection = class == b"connection";
    let has_type = !matches!(class, b"audit" | b"message");
    if !matches!(class, b"audit" | b"connection" | b"general" | b"table_access" | b"message") {
        return false;
    }
    let core = writer.core();
    core.product = products::MYSQL_ENTERPRISE;
    core.log_source = logsource::MYSQL;
    put_time(writer, context, ids);
    writer.put_str(ecs::EVENT_KIND, "event");
    put_action(writer, ids);
    writer.put_str(ecs::EVENT_CATEGORY, "database");
    if has_type {
        writer.put_str(ecs::EVENT_TYPE, "access");
    }
    if is_connection {
        writer.put_str(ecs::EVENT_CATEGORY, "network");
        writer.put_str(ecs::EVENT_TYPE, "connection");
        match writer.first(ids.event) {
            Some(b"connect") => writer.put_str(ecs::EVENT_TYPE, "start"),
            Some(b"disconnect") => writer.put_str(ecs::EVENT_TYPE, "end"),
            _ => {}
        }
    }
    let status = present(writer, ids.general_status).or_else(|| present(writer, ids.connection_status));
    let outcome = match status.and_then(|status| parse_i64(writer.bytes(status))) {
        Some(0) => "success",
        Some(_) => "failure",
        None => "unknown",
    };
    writer.put_str(ecs::EVENT_OUTCOME, outcome);
    put_account(writer, ids);
    put_accounts_changed(writer, ids);
    put_startup(writer, ids);
    copy(writer, ids.query, ecs::MESSAGE);
    copy(writer, ids.table_query, ecs::MESSAGE);
    true
}

fn put_time(writer: &mut EventWriter<'_>, context: &Context<'_>, ids: &Ids) {
    let Some(span) = present(writer, ids.timestamp) else { return };
    match take_iso(writer.bytes(span)) {
        // The log is written in UTC.
        Some((mut stamp, _)) => {
            stamp.offset_s = stamp.offset_s.or(Some(0));
            context.set_stamp(writer, &stamp);
        }
        None => writer.defect(Defect::TimeUnreadable),
    }
}

fn put_action(writer: &mut EventWriter<'_>, ids: &Ids) {
    let Some(event) = present(writer, ids.event) else { return };
    let from = writer.arena_start();
    writer.arena_push(b"mysql-");
    writer.arena_push_span(event);
    let action = writer.arena_end(from);
    writer.put_span(ecs::EVENT_ACTION, action, Kind::Text, false);
}

fn put_account(writer: &mut EventWriter<'_>, ids: &Ids) {
    copy(writer, ids.account_user, ecs::SERVER_USER_NAME);
    relate(writer, ecs::SERVER_USER_NAME, ecs::RELATED_USER);
    copy(writer, ids.account_host, ecs::CLIENT_DOMAIN);
    relate(writer, ecs::CLIENT_DOMAIN, ecs::RELATED_HOSTS);
    if copy_ip(writer, ids.login_ip, ecs::CLIENT_IP) {
        copy_ip(writer, ids.login_ip, ecs::SOURCE_IP);
    }
    writer.put_str(ecs::PROCESS_NAME, "mysqld");
    if let Some(pid) = present(writer, ids.pid).filter(|&pid| parse_i64(writer.bytes(pid)).is_some()) {
        writer.put_span(ecs::PROCESS_PID, pid, Kind::Number, false);
    }
}

/// Statements of account management, by `sql_command`: what they are in the schema's words.
static ACCOUNT_COMMANDS: &[(&str, &str)] = &[
    ("alter_user", "change"),
    ("create_role", "creation"),
    ("create_user", "creation"),
    ("drop_role", "deletion"),
    ("drop_user", "deletion"),
    ("grant", ""),
    ("grant_roles", ""),
    ("rename_user", "change"),
    ("revoke", ""),
    ("revoke_all", ""),
    ("revoke_roles", ""),
    ("set_password", "change"),
];

/// What a statement does to accounts, by its class; empty where it changes their rights alone.
pub(super) fn account_change(command: &[u8]) -> Option<&'static str> {
    let at = ACCOUNT_COMMANDS.binary_search_by(|(known, _)| known.as_bytes().cmp(command)).ok()?;
    Some(ACCOUNT_COMMANDS[at].1)
}

fn put_accounts_changed(writer: &mut EventWriter<'_>, ids: &Ids) {
    let command = writer.first(ids.sql_command).unwrap_or_default();
    let Some(change) = account_change(command) else { return };
    writer.put_str(ecs::EVENT_CATEGORY, "iam");
    if change.is_empty() {
        return;
    }
    writer.put_str(ecs::EVENT_TYPE, "user");
    writer.put_str(ecs::EVENT_TYPE, change);
    copy(writer, ids.account_user, ecs::USER_NAME);
    // `… 'user'@'host' …`, the quotes of the host not always there.
    let Some((query, _)) = writer.first_span(ids.query) else { return };
    let text = writer.bytes(query);
    let Some(middle) = scan::find(text, b"'@") else { return };
    let Some(open) = memchr::memrchr(b'\'', &text[..middle]) else { return };
    let quoted = text.get(middle + 2) == Some(&b'\'');
    let host = middle + 2 + usize::from(quoted);
    let rest = text.get(host..).unwrap_or_default();
    let host_len = match quoted {
        true => scan::until(rest, b'\''),
        false => rest.iter().take_while(|&&byte| !matches!(byte, b' ' | b',' | b';')).count(),
    };
    let user = query.part(open + 1..middle);
    let domain = query.part(host..host + host_len);
    writer.put_span(ecs::USER_TARGET_NAME, user, Kind::Text, false);
    relate_span(writer, user, ecs::RELATED_USER);
    writer.put_span(ecs::USER_TARGET_DOMAIN, domain, Kind::Text, false);
}

/// Most arguments of a server's command line taken; what is over stays in the vendor's field.
const ARGS_MAX: usize = 256;

fn put_startup(writer: &mut EventWriter<'_>, ids: &Ids) {
    copy(writer, ids.os_version, ecs::HOST_OS_FULL);
    copy(writer, ids.server_id, ecs::SERVICE_ID);
    copy(writer, ids.mysql_version, ecs::SERVICE_VERSION);
    let mut args = [Span::default(); ARGS_MAX];
    let mut count = 0;
    for field in writer.view().all(ids.args).take(ARGS_MAX) {
        args[count] = field.span();
        count += 1;
    }
    let Some(&program) = args[..count].first() else { return };
    writer.put_span(ecs::PROCESS_EXECUTABLE, program, Kind::Text, false);
    put_args(writer, &args[..count]);
    put_path(writer, program, ecs::PROCESS_NAME, None, None);
}

fn put_args(writer: &mut EventWriter<'_>, args: &[Span]) {
    for &arg in args {
        writer.put_span(ecs::PROCESS_ARGS, arg, Kind::Text, false);
    }
    writer.put_i64(ecs::PROCESS_ARGS_COUNT, args.len() as i64);
    let from = writer.arena_start();
    for (at, &arg) in args.iter().enumerate() {
        if at > 0 {
            writer.arena_push(b" ");
        }
        writer.arena_push_span(arg);
    }
    let line = writer.arena_end(from);
    writer.put_span(ecs::PROCESS_COMMAND_LINE, line, Kind::Text, false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_commands_are_sorted() {
        assert!(ACCOUNT_COMMANDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
