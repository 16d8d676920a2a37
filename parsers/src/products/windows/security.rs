//! The Security channel: who did what to whom, by event id.

use super::names::Ids;
use super::{outcome_of, put_command_line, put_executable, put_outcome, put_pid, subject, taxonomy};
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};
use crate::number::parse_u64;
use crate::products::fields::{copy, copy_ip, copy_vendor, present, put_path, relate};

/// What the target of an event is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// The account that logs on: the event's user.
    User,
    /// Another account, acted upon.
    Account,
    /// The account whose credentials are used.
    Effective,
    /// A group.
    Group,
    /// Nothing that the schema names.
    None,
}

fn target(event_id: u32) -> Target {
    match event_id {
        4624 | 4625 | 4634 | 4647 | 4768..=4771 | 4776 | 4964 => Target::User,
        4648 => Target::Effective,
        4720..=4726 | 4738 | 4740 | 4767 | 4781 | 4797 | 4798 => Target::Account,
        4727..=4737 | 4744..=4764 | 4799 => Target::Group,
        _ => Target::None,
    }
}

pub(super) fn normalise(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    if let Some(meaning) = taxonomy::find(taxonomy::SECURITY, event_id) {
        super::put_meaning(writer, meaning);
    }
    match outcome_of(writer) {
        Some(_) => put_outcome(writer),
        None if matches!(event_id, 4625 | 4771) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        None if matches!(event_id, 4624 | 4634 | 4647 | 4648 | 4672) => {
            writer.put_str(ecs::EVENT_OUTCOME, "success");
        }
        None => {}
    }
    users(writer, ids, event_id);
    addresses(writer, ids, event_id);
    processes(writer, ids, event_id);
    objects(writer, ids, event_id);
    logon(writer, ids, event_id);
}

fn users(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    match target(event_id) {
        Target::User => {
            copy(writer, ids.target_user_sid, ecs::USER_ID);
            copy(writer, ids.target_sid, ecs::USER_ID);
            if let Some(span) = present(writer, ids.target_user_name) {
                // Kerberos writes the account with its realm.
                let at = memchr::memchr(b'@', writer.bytes(span)).filter(|&at| at > 0 && event_id >= 4768);
                writer.put_span(ecs::USER_NAME, at.map_or(span, |at| span.part(0..at)), Kind::Text, false);
            }
            copy(writer, ids.target_domain_name, ecs::USER_DOMAIN);
            if event_id != 4964 {
                copy(writer, ids.subject_logon_id, ecs::WINLOG_LOGON_ID);
            }
            relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
            if event_id == 4624 {
                relate(writer, ids.subject_user_name, ecs::RELATED_USER);
            }
        }
        Target::Account => {
            subject(writer, ids);
            copy(writer, ids.target_user_sid, ecs::USER_TARGET_ID);
            copy(writer, ids.target_sid, ecs::USER_TARGET_ID);
            copy(writer, ids.target_user_name, ecs::USER_TARGET_NAME);
            copy(writer, ids.old_target_user_name, ecs::USER_TARGET_NAME);
            copy(writer, ids.target_domain_name, ecs::USER_TARGET_DOMAIN);
            copy(writer, ids.new_target_user_name, ecs::USER_CHANGES_NAME);
            relate(writer, ecs::USER_TARGET_NAME, ecs::RELATED_USER);
            relate(writer, ecs::USER_CHANGES_NAME, ecs::RELATED_USER);
        }
        Target::Effective => {
            subject(writer, ids);
            copy(writer, ids.target_user_name, ecs::USER_EFFECTIVE_NAME);
            copy(writer, ids.target_domain_name, ecs::USER_EFFECTIVE_DOMAIN);
        }
        Target::Group => group(writer, ids),
        Target::None => subject(writer, ids),
    }
    copy(writer, ids.target_logon_id, ecs::WINLOG_LOGON_ID);
    copy(writer, ids.logon_id_upper, ecs::WINLOG_LOGON_ID);
    if matches!(event_id, 4778 | 4779) {
        copy(writer, ids.account_name, ecs::USER_NAME);
        copy(writer, ids.account_domain, ecs::USER_DOMAIN);
    }
}

fn group(writer: &mut EventWriter<'_>, ids: &Ids) {
    subject(writer, ids);
    copy(writer, ids.target_sid, ecs::GROUP_ID);
    copy(writer, ids.target_user_name, ecs::GROUP_NAME);
    copy(writer, ids.target_domain_name, ecs::GROUP_DOMAIN);
    let member = present(writer, ids.member_name);
    if let Some(span) = member {
        // A distinguished name (RFC 4514): CN=name,…,DC=domain,DC=…
        let name = rdn(writer.bytes(span), b"CN=");
        let domain = rdn(writer.bytes(span), b"DC=");
        for (range, id) in [(name, ecs::USER_TARGET_NAME), (domain, ecs::USER_TARGET_DOMAIN)] {
            if let Some(range) = range {
                let value = plain(writer, span.part(range));
                writer.put_span(id, value, Kind::Text, false);
            }
        }
    }
    if copy(writer, ids.member_sid, ecs::USER_TARGET_ID) || member.is_some() {
        copy(writer, ids.target_sid, ecs::USER_TARGET_GROUP_ID);
        copy(writer, ids.target_user_name, ecs::USER_TARGET_GROUP_NAME);
        copy(writer, ids.target_domain_name, ecs::USER_TARGET_GROUP_DOMAIN);
    }
}

/// Where the value of the first such part of a distinguished name stands.
fn rdn(name: &[u8], attribute: &[u8]) -> Option<std::ops::Range<usize>> {
    let mut at = 0;
    while at < name.len() {
        // A comma after a backslash belongs to the value (RFC 4514 §2.4).
        let mut end = at;
        while end < name.len() && name[end] != b',' {
            end += if name[end] == b'\\' { 2 } else { 1 };
        }
        let end = end.min(name.len());
        let part = &name[at..end];
        if part.len() > attribute.len() && part[..attribute.len()].eq_ignore_ascii_case(attribute) {
            return Some(at + attribute.len()..end);
        }
        at = end + 1;
    }
    None
}

/// The value of a distinguished name's part without its backslashes.
fn plain(writer: &mut EventWriter<'_>, value: Span) -> Span {
    /// Longest common name (X.520 upper bound), each byte escaped.
    const VALUE_BYTES_MAX: usize = 128;
    let text = writer.bytes(value);
    if text.len() > VALUE_BYTES_MAX || !text.contains(&b'\\') {
        return value;
    }
    let mut unescaped = [0; VALUE_BYTES_MAX];
    let mut len = 0;
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        unescaped[len] = if byte == b'\\' { bytes.next().copied().unwrap_or(byte) } else { byte };
        len += 1;
    }
    writer.span_of(&unescaped[..len])
}

fn addresses(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    copy_ip(writer, ids.ip_address, ecs::SOURCE_IP);
    put_port(writer, ids.ip_port, ecs::SOURCE_PORT);
    copy(writer, ids.workstation_name, ecs::SOURCE_DOMAIN);
    copy(writer, ids.workstation, ecs::SOURCE_DOMAIN);
    match event_id {
        4778 | 4779 => {
            copy_ip(writer, ids.client_address, ecs::SOURCE_IP);
            copy(writer, ids.client_name, ecs::SOURCE_DOMAIN);
        }
        5031 | 5150..=5159 => {
            copy_ip(writer, ids.source_address, ecs::SOURCE_IP);
            put_port(writer, ids.source_port, ecs::SOURCE_PORT);
            copy_ip(writer, ids.dest_address, ecs::DESTINATION_IP);
            put_port(writer, ids.dest_port, ecs::DESTINATION_PORT);
            if let Some(span) = present(writer, ids.protocol) {
                writer.put_span(ecs::NETWORK_IANA_NUMBER, span, Kind::Text, false);
                let transport = match writer.bytes(span) {
                    b"1" => "icmp",
                    b"6" => "tcp",
                    b"17" => "udp",
                    b"58" => "ipv6-icmp",
                    _ => "",
                };
                if !transport.is_empty() {
                    writer.put_str(ecs::NETWORK_TRANSPORT, transport);
                }
            }
            match writer.first(ids.direction) {
                Some(b"%%14592") => writer.put_str(ecs::NETWORK_DIRECTION, "inbound"),
                Some(b"%%14593") => writer.put_str(ecs::NETWORK_DIRECTION, "outbound"),
                _ => {}
            }
        }
        _ => {}
    }
}

fn put_port(writer: &mut EventWriter<'_>, from: crate::dictionary::FieldId, to: crate::dictionary::FieldId) {
    if let Some(span) = present(writer, from) {
        if writer.first(to).is_none() {
            writer.put_port_span(to, span);
        }
    }
}

fn processes(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    if event_id == 4688 {
        put_pid(writer, ids.new_process_id, ecs::PROCESS_PID);
        put_executable(writer, ids.new_process_name, ecs::PROCESS_EXECUTABLE, ecs::PROCESS_NAME);
        put_pid(writer, ids.process_id, ecs::PROCESS_PARENT_PID);
        put_executable(writer, ids.parent_process_name, ecs::PROCESS_PARENT_EXECUTABLE, ecs::PROCESS_PARENT_NAME);
        let (args, count) = (ecs::PROCESS_ARGS, ecs::PROCESS_ARGS_COUNT);
        put_command_line(writer, ids.command_line, ecs::PROCESS_COMMAND_LINE, args, count);
        // Sigma's process_creation speaks Sysmon's names.
        copy_vendor(writer, ids.new_process_name, ids.image);
        copy_vendor(writer, ids.parent_process_name, ids.parent_image);
        copy_vendor(writer, ids.subject_user_name, ids.user);
        if present(writer, ids.target_user_name).is_some() {
            copy(writer, ids.target_user_sid, ecs::USER_EFFECTIVE_ID);
            copy(writer, ids.target_user_name, ecs::USER_EFFECTIVE_NAME);
            copy(writer, ids.target_domain_name, ecs::USER_EFFECTIVE_DOMAIN);
        }
        return;
    }
    let (executable, pid) = match event_id {
        5031 | 5150..=5159 => (ids.application, ids.process_id_upper),
        4797..=4799 => (ids.caller_process_name, ids.caller_process_id),
        _ => (ids.process_name, ids.process_id),
    };
    put_executable(writer, executable, ecs::PROCESS_EXECUTABLE, ecs::PROCESS_NAME);
    if pid == ids.process_id_upper && present(writer, pid).is_none() {
        put_pid(writer, ids.process_id, ecs::PROCESS_PID);
    } else {
        put_pid(writer, pid, ecs::PROCESS_PID);
    }
}

fn objects(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    match event_id {
        4697 | 4768..=4770 => {
            copy(writer, ids.service_name, ecs::SERVICE_NAME);
            if event_id == 4697 {
                copy(writer, ids.service_type, ecs::SERVICE_TYPE);
            }
        }
        4656 | 4658 | 4660 | 4663 | 4670 if writer.first(ids.object_type) == Some(b"File") => {
            if let Some(path) = present(writer, ids.object_name) {
                writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
                let (directory, extension) = (Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
                put_path(writer, path, ecs::FILE_NAME, directory, extension);
            }
        }
        4657 => {
            copy(writer, ids.object_name, ecs::REGISTRY_KEY);
            copy(writer, ids.object_value_name, ecs::REGISTRY_VALUE);
            copy(writer, ids.new_value, ecs::REGISTRY_DATA_STRINGS);
        }
        5140 | 5145 => {
            copy(writer, ids.share_local_path, ecs::FILE_DIRECTORY);
            if let Some(path) = present(writer, ids.relative_target_name) {
                writer.put_span(ecs::FILE_TARGET_PATH, path, Kind::Text, false);
                put_path(writer, path, ecs::FILE_NAME, None, Some(ecs::FILE_EXTENSION));
            }
        }
        _ => {}
    }
}

fn logon(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    // Microsoft's reference of event 4624, table "Logon types and descriptions".
    let logon_type = match writer.first(ids.logon_type) {
        Some(b"2") => "Interactive",
        Some(b"3") => "Network",
        Some(b"4") => "Batch",
        Some(b"5") => "Service",
        Some(b"7") => "Unlock",
        Some(b"8") => "NetworkCleartext",
        Some(b"9") => "NewCredentials",
        Some(b"10") => "RemoteInteractive",
        Some(b"11") => "CachedInteractive",
        Some(b"12") => "CachedRemoteInteractive",
        Some(b"13") => "CachedUnlock",
        _ => "",
    };
    if !logon_type.is_empty() {
        writer.put_str(ecs::WINLOG_LOGON_TYPE, logon_type);
    }
    if matches!(event_id, 4625 | 4776) {
        put_failure(writer, ids, event_id);
    }
    if matches!(event_id, 4768 | 4769 | 4771 | 4776) && writer.first(ecs::EVENT_OUTCOME).is_none() {
        let zero = writer.first(ids.status).map(|status| {
            parse_u64(status) == Some(0) || status.strip_prefix(b"0x").is_some_and(|hex| hex.iter().all(|&b| b == b'0'))
        });
        match zero {
            Some(true) => writer.put_str(ecs::EVENT_OUTCOME, "success"),
            Some(false) => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
            None => {}
        }
    }
}

fn put_failure(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    if let Some(text) = writer.first(ids.status).and_then(status_text) {
        writer.put_str(ecs::WINLOG_LOGON_FAILURE_STATUS, text);
    }
    if event_id != 4625 {
        return;
    }
    if let Some(text) = writer.first(ids.sub_status).and_then(status_text) {
        writer.put_str(ecs::WINLOG_LOGON_FAILURE_SUB_STATUS, text);
    }
    // Message table of the auditing provider (adtschema.dll).
    let reason = match writer.first(ids.failure_reason) {
        Some(b"%%2304") => "An Error occurred during Logon.",
        Some(b"%%2305") => "The specified user account has expired.",
        Some(b"%%2306") => "The NetLogon component is not active.",
        Some(b"%%2307") => "Account locked out.",
        Some(b"%%2308") => "The user has not been granted the requested logon type at this machine.",
        Some(b"%%2309") => "The specified account's password has expired.",
        Some(b"%%2310") => "Account currently disabled.",
        Some(b"%%2311") => "Account logon time restriction violation.",
        Some(b"%%2312") => "User not allowed to logon at this computer.",
        Some(b"%%2313") => "Unknown user name or bad password.",
        Some(b"%%2314") => "Domain sid inconsistent.",
        Some(b"%%2315") => "Smartcard logon is required and was not used.",
        _ => return,
    };
    writer.put_str(ecs::WINLOG_LOGON_FAILURE_REASON, reason);
}

/// NTSTATUS of a failed logon in words: Microsoft's reference of event 4625, table "Status\Sub Status codes".
fn status_text(status: &[u8]) -> Option<&'static str> {
    let hex = status.strip_prefix(b"0x").or_else(|| status.strip_prefix(b"0X"))?;
    if hex.len() > 8 {
        return None;
    }
    let code = hex.iter().try_fold(0u32, |value, &byte| Some(value << 4 | char::from(byte).to_digit(16)?))?;
    Some(match code {
        0 => "Status OK.",
        0xC000_005E => "There are currently no logon servers available to service the logon request.",
        0xC000_0064 => "User logon with misspelled or bad user account",
        0xC000_006A => "User logon with misspelled or bad password",
        0xC000_006D => "This is either due to a bad username or authentication information",
        0xC000_006E => "Unknown user name or bad password.",
        0xC000_006F => "User logon outside authorized hours",
        0xC000_0070 => "User logon from unauthorized workstation",
        0xC000_0071 => "User logon with expired password",
        0xC000_0072 => "User logon to account disabled by administrator",
        0xC000_00DC => "Indicates the Sam Server was in the wrong state to perform the desired operation.",
        0xC000_0133 => "Clocks between DC and other computer too far out of sync",
        0xC000_015B => "The user has not been granted the requested logon type (aka logon right) at this machine",
        0xC000_018C => {
            "The logon request failed because the trust relationship between the primary domain and the trusted domain failed."
        }
        0xC000_0192 => "An attempt was made to logon, but the Netlogon service was not started.",
        0xC000_0193 => "User logon with expired account",
        0xC000_0224 => "User is required to change password at next logon",
        0xC000_0225 => "Evidently a bug in Windows and not a risk",
        0xC000_0234 => "User logon with account locked",
        0xC000_0413 => {
            "Logon Failure: The machine you are logging onto is protected by an authentication firewall. The specified account is not allowed to authenticate to the machine."
        }
        _ => return None,
    })
}
