//! Santa, binary authorisation and file access logs of macOS (North Pole Security and Google Santa: "Events", text format).
//!
//! `[2026-03-02T08:00:00.123Z] I santad: action=EXEC|decision=ALLOW|…|path=/bin/ls|args=ls -l`: pairs parted by bars, which
//! values write as `<pipe>`.

use super::fields::{put_path, relate_span};
use super::names::vendor_names;
use super::text::{put_user, split, word};
use super::{Detect, Product};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::time::take_iso;
use crate::wire::syslog::Header;
use crate::{ecs, products};

/// `santa`.
pub(crate) static PRODUCT: Product = Product {
    name: "santa",
    title: "Santa for macOS",
    document: "Santa documentation: Events and logs, text format",
    namespace: "santa",
    module: "santa",
    dataset: "santa.log",
    names: NAMES,
    detect: &[Detect::Line("[", read_line), Detect::App(&["santad"], read)],
    ..Product::NONE
};

vendor_names! {
    action = "action";
    decision = "decision";
    pidversion = "pidversion";
    @also
    "reason" "explain" "sha256" "cert_sha256" "cert_cn" "teamid" "signingid" "cdhash" "pid" "ppid" "process" "processpath"
    "uid" "user" "gid" "group" "mode" "path" "newpath" "args" "mount" "volume" "bsdname" "fs" "model" "serial" "bus" "dmgpath"
    "appearance" "machineid" "quarantine_url" "entitlements"
}

/// Most arguments of a command that are written one by one.
const ARGS_MAX: usize = 64;

/// A line of Santa's own file.
fn read_line<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let Some(text) = header.message.strip_prefix(b"[") else { return false };
    let Some((stamp, rest)) = take_iso(text) else { return false };
    let Some((level, text)) = rest.strip_prefix(b"] ").and_then(|rest| split(rest, b" santad: ")) else { return false };
    if level.len() != 1 || !text.starts_with(b"action=") {
        return false;
    }
    context.set_stamp(writer, &stamp);
    writer.put(ecs::LOG_LEVEL, level);
    put(writer, context, text);
    true
}

/// The same behind a syslog header.
fn read<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let is_event = header.message.starts_with(b"action=");
    if is_event {
        // The header's program is Santa, not what it tells of.
        writer.forget(ecs::PROCESS_NAME);
        writer.forget(ecs::PROCESS_PID);
        put(writer, context, header.message);
    }
    is_event
}

fn put<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) {
    writer.core().product = products::SANTA;
    let (mut path, mut process_path, mut process, mut args, mut pid) = (None, None, None, None, None);
    for pair in text.split(|&byte| byte == b'|') {
        let Some(at) = memchr::memchr(b'=', pair) else { continue };
        let (key, value) = (&pair[..at], &pair[at + 1..]);
        let span = writer.span_of(value);
        match context.dictionary.find(key).filter(|id| id.index() >= ecs::COUNT) {
            Some(id) => writer.put_span(id, span, Kind::Text, true),
            None => {
                let name = writer.span_of(key);
                writer.put_unnamed(name, span, Kind::Text);
            }
        }
        if matches!(value, b"" | b"(null)") {
            continue;
        }
        match key {
            b"path" => path = Some(span),
            b"processpath" => process_path = Some(span),
            b"process" => process = Some(span),
            b"args" => args = Some(value),
            b"pid" => pid = Some(value),
            b"ppid" => writer.put_as(ecs::PROCESS_PARENT_PID, value, Kind::Number, false),
            b"uid" => writer.put(ecs::USER_ID, value),
            b"user" => put_user(writer, ecs::USER_NAME, value),
            b"gid" => writer.put(ecs::GROUP_ID, value),
            b"group" => writer.put(ecs::GROUP_NAME, value),
            b"sha256" => put_hash(writer, value, Some(ecs::PROCESS_HASH_SHA256)),
            b"cert_sha256" => put_hash(writer, value, None),
            b"newpath" => writer.put(ecs::FILE_TARGET_PATH, value),
            b"cert_cn" => writer.put(ecs::PROCESS_CODE_SIGNATURE_SUBJECT_NAME, value),
            b"machineid" => writer.put(ecs::HOST_ID, value),
            _ => {}
        }
    }
    let executed = writer.first(ids().action) == Some(b"EXEC");
    let executable = if executed { path } else { process_path };
    if let Some(executable) = executable {
        writer.put_span(ecs::PROCESS_EXECUTABLE, executable, Kind::Text, false);
        match process {
            Some(name) => writer.put_span(ecs::PROCESS_NAME, name, Kind::Text, false),
            None => put_path(writer, executable, ecs::PROCESS_NAME, None, None),
        }
        if writer.derives() {
            writer.put_span(ecs::PROCESS_ARGS, executable, Kind::Text, false);
        }
    }
    if let Some(args) = args {
        writer.put(ecs::PROCESS_COMMAND_LINE, args);
        if writer.derives() {
            let mut rest = args;
            for _ in 0..ARGS_MAX {
                let (arg, after) = word(rest);
                if arg.is_empty() {
                    break;
                }
                writer.put(ecs::PROCESS_ARGS, arg);
                rest = after;
            }
        }
    }
    if let (false, Some(path)) = (executed, path) {
        writer.put_span(ecs::FILE_PATH, path, Kind::Text, false);
        put_path(writer, path, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
    }
    put_pid(writer, pid);
    put_meaning(writer);
}

fn put_hash<'a>(writer: &mut EventWriter<'a>, value: &'a [u8], to: Option<FieldId>) {
    let span = writer.span_of(value);
    if let Some(to) = to {
        writer.put_span(to, span, Kind::Text, false);
    }
    relate_span(writer, span, ecs::RELATED_HASH);
}

/// A process is one of its number and of the version of that number.
fn put_pid<'a>(writer: &mut EventWriter<'a>, pid: Option<&'a [u8]>) {
    let Some(pid) = pid else { return };
    writer.put_as(ecs::PROCESS_PID, pid, Kind::Number, false);
    if !writer.derives() {
        return;
    }
    if let Some((version, _)) = writer.first_span(ids().pidversion) {
        let from = writer.arena_start();
        writer.arena_push(pid);
        writer.arena_push(b"-");
        writer.arena_push_span(version);
        let id = writer.arena_end(from);
        writer.put_span(ecs::PROCESS_ENTITY_ID, id, Kind::Text, false);
    }
}

fn put_meaning(writer: &mut EventWriter<'_>) {
    writer.put_str(ecs::EVENT_KIND, "event");
    if let Some((span, _)) = writer.first_span(ids().action) {
        super::fields::put_lower(writer, ecs::EVENT_ACTION, span);
    }
    let (category, kind) = match writer.first(ids().action).unwrap_or_default() {
        b"EXEC" | b"FORK" => ("process", "start"),
        b"EXIT" => ("process", "end"),
        b"DELETE" => ("file", "deletion"),
        b"LINK" | b"CLONE" | b"COPYFILE" => ("file", "creation"),
        b"RENAME" | b"WRITE" | b"EXCHANGE" => ("file", "change"),
        b"FILE_ACCESS" => ("file", "access"),
        b"LOGIN_WINDOW_SESSION_LOGIN" | b"OPENSSH_LOGIN" | b"LOGIN_LOGIN" => ("authentication", "start"),
        _ => ("host", "info"),
    };
    writer.put_str(ecs::EVENT_CATEGORY, category);
    writer.put_str(ecs::EVENT_TYPE, kind);
    match writer.first(ids().decision) {
        Some(b"ALLOW") => writer.put_str(ecs::EVENT_OUTCOME, "success"),
        Some(b"DENY") => writer.put_str(ecs::EVENT_OUTCOME, "failure"),
        _ => {}
    }
}
