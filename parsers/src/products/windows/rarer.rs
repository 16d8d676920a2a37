//! Events of providers that are no part of the event log's own channels: the tracing of file operations
//! (`Microsoft-Windows-Kernel-File`, as its manifest names its data) and the RPC Firewall (its `Messages.mc`).

use super::names::{named, params};
use super::{put_executable, put_pid};
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::products::fields::{copy, copy_ip, copy_vendor, present, put_path};

/// What an event of these providers says in the schema's words; nothing for others.
pub(super) fn normalise(writer: &mut EventWriter<'_>, event_id: u32) {
    match writer.first(ecs::WINLOG_PROVIDER_NAME) {
        Some(b"Microsoft-Windows-Kernel-File") => kernel_file(writer, event_id),
        Some(b"RPCFW") if event_id == 3 => rpc_call(writer),
        _ => {}
    }
}

fn kernel_file(writer: &mut EventWriter<'_>, event_id: u32) {
    writer.put_str(ecs::EVENT_CATEGORY, "file");
    let (action, kind) = match event_id {
        12 => ("file-opened", "access"),
        15 => ("file-read", "access"),
        16 => ("file-written", "change"),
        18 | 26 => ("file-deleted", "deletion"),
        19 | 27 | 29 => ("file-renamed", "change"),
        30 => ("file-created", "creation"),
        _ => ("", "info"),
    };
    writer.put_str(ecs::EVENT_TYPE, kind);
    if !action.is_empty() {
        writer.put_str(ecs::EVENT_ACTION, action);
    }
    let path = ["FileName", "FilePath"].into_iter().find_map(|name| present(writer, named(name)));
    if let Some(path) = path {
        writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
        put_path(writer, path, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
    }
    copy(writer, named("Execution.ProcessID"), ecs::PROCESS_PID);
}

/// A call of a function over RPC: its data have no names, only an order. Rules know three of them by those of the message.
fn rpc_call(writer: &mut EventWriter<'_>) {
    let params = params();
    for (at, name) in [
        (0, "Function"),
        (4, "Endpoint"),
        (6, "InterfaceUuid"),
        (7, "OpNum"),
        (9, "AuthenticationLevel"),
        (10, "AuthenticationService"),
    ] {
        copy_vendor(writer, params[at], named(name));
    }
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::EVENT_TYPE, "access");
    writer.put_str(ecs::EVENT_ACTION, "rpc-function-called");
    put_pid(writer, params[1], ecs::PROCESS_PID);
    put_executable(writer, params[2], ecs::PROCESS_EXECUTABLE, ecs::PROCESS_NAME);
    copy_ip(writer, params[5], ecs::SOURCE_IP);
    copy_ip(writer, params[12], ecs::DESTINATION_IP);
    for (at, to) in [(11, ecs::SOURCE_PORT), (13, ecs::DESTINATION_PORT)] {
        if let Some(port) = present(writer, params[at]) {
            writer.put_port_span(to, port);
        }
    }
}
