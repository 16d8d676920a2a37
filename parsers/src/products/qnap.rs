//! QNAP NAS: system connection and system event logs over syslog (QuLog Center, "Log Sender").
//!
//! `conn log: Users: alice, Source IP: 192.0.2.7, Computer name: pc, Connection type: SMB, Accessed resources: a/b, Action: Read`
//! and `event log: Users: …, Source IP: …, Computer name: …, Application: …, Category: …, Content: […] text`.

use super::fields::{put_path, put_slug, relate, relate_span};
use super::names::vendor_names;
use super::text::{between, split};
use super::{Detect, Product};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::wire::syslog::Header;
use crate::{ecs, products};

/// `qnap`.
pub(crate) static PRODUCT: Product = Product {
    name: "qnap",
    title: "QNAP NAS",
    document: "QNAP QuLog Center: Log Sender, system connection and event logs",
    namespace: "qnap.nas",
    module: "qnap_nas",
    dataset: "qnap_nas.log",
    vendor: "QNAP",
    product: "NAS",
    observer_type: "nas",
    names: NAMES,
    detect: &[Detect::App(&["qulogd"], read)],
    ..Product::NONE
};

vendor_names! {
    users = "users";
    source_ip = "source_ip";
    computer_name = "computer_name";
    connection_type = "connection_type";
    resources = "accessed_resources";
    action = "action";
    application = "application";
    category = "category";
    content = "content";
}

/// Reads a record of either log; `false` = it is neither.
fn read<'a>(writer: &mut EventWriter<'a>, _: &Context<'_>, header: &Header<'a>) -> bool {
    let (text, is_connection) = match header.message {
        [b'c', b'o', b'n', b'n', b' ', b'l', b'o', b'g', b':', rest @ ..] => (rest, true),
        [b'e', b'v', b'e', b'n', b't', b' ', b'l', b'o', b'g', b':', rest @ ..] => (rest, false),
        _ => return false,
    };
    let ids = ids();
    let connection: &[(&[u8], FieldId)] = &[
        (b"Users: ", ids.users),
        (b", Source IP: ", ids.source_ip),
        (b", Computer name: ", ids.computer_name),
        (b", Connection type: ", ids.connection_type),
        (b", Accessed resources: ", ids.resources),
        (b", Action: ", ids.action),
    ];
    let event: &[(&[u8], FieldId)] = &[
        (b"Users: ", ids.users),
        (b", Source IP: ", ids.source_ip),
        (b", Computer name: ", ids.computer_name),
        (b", Application: ", ids.application),
        (b", Category: ", ids.category),
        (b", Content: ", ids.content),
    ];
    let labels = if is_connection { connection } else { event };
    let Some(mut rest) = text.trim_ascii_start().strip_prefix(labels[0].0) else { return false };
    writer.core().product = products::QNAP;
    for (at, &(_, id)) in labels.iter().enumerate() {
        let next = labels.get(at + 1).and_then(|(label, _)| split(rest, label));
        let (value, after) = next.unwrap_or((rest, &[][..]));
        if !matches!(value, b"" | b"---") {
            writer.put_vendor(id, value);
        }
        rest = after;
    }
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_PROVIDER, if is_connection { "conn-log" } else { "event-log" });
    put_source(writer, ids);
    if is_connection {
        put_connection(writer, ids);
    } else {
        put_event(writer, ids);
    }
    true
}

/// Who it was, and from where: the device itself is no source.
fn put_source(writer: &mut EventWriter<'_>, ids: &Ids) {
    if let Some((user, _)) = writer.first_span(ids.users) {
        writer.put_span(ecs::USER_NAME, user, Kind::Text, false);
        relate_span(writer, user, ecs::RELATED_USER);
    }
    if let Some((address, _)) = writer.first_span(ids.source_ip) {
        if writer.bytes(address) != b"127.0.0.1" && writer.put_if_ip(ecs::SOURCE_IP, address) {
            writer.put_span(ecs::SOURCE_ADDRESS, address, Kind::Text, false);
            relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
        }
    }
    if let Some((name, _)) = writer.first_span(ids.computer_name) {
        writer.put_span(ecs::SOURCE_DOMAIN, name, Kind::Text, false);
        relate_span(writer, name, ecs::RELATED_HOSTS);
    }
}

fn put_connection(writer: &mut EventWriter<'_>, ids: &Ids) {
    let (category, kind, outcome) = match writer.first(ids.action).unwrap_or_default() {
        b"Login Fail" => ("authentication", "info", "failure"),
        b"Login Success" | b"Login OK" => ("authentication", "start", "success"),
        b"Logout" => ("authentication", "end", ""),
        b"Read" => ("file", "access", ""),
        b"Delete" => ("file", "deletion", ""),
        b"Add" | b"Create" | b"Create Directory" => ("file", "creation", ""),
        b"Write" | b"Rename" | b"Move" | b"Copy" => ("file", "change", ""),
        _ => ("network", "info", ""),
    };
    if let Some((action, _)) = writer.first_span(ids.action) {
        put_slug(writer, ecs::EVENT_ACTION, action);
    }
    writer.put_str(ecs::EVENT_CATEGORY, category);
    writer.put_str(ecs::EVENT_TYPE, kind);
    if !outcome.is_empty() {
        writer.put_str(ecs::EVENT_OUTCOME, outcome);
    }
    let Some((path, _)) = writer.first_span(ids.resources).filter(|_| category == "file") else { return };
    // `old -> new` of a file that was renamed or moved.
    let arrow = split(writer.bytes(path), b" -> ").map(|(before, _)| before.len());
    let (before, target) = match arrow {
        Some(at) => (path.part(0..at), Some(path.part(at + 4..path.len()))),
        None => (path, None),
    };
    writer.put_span(ecs::FILE_PATH, before, Kind::Text, false);
    put_path(writer, before, ecs::FILE_NAME, Some(ecs::FILE_DIRECTORY), Some(ecs::FILE_EXTENSION));
    if let Some(target) = target {
        writer.put_span(ecs::FILE_TARGET_PATH, target, Kind::Text, false);
    }
}

/// What stands behind `[application] ` of a content, as far as it names a thing in quotes.
static CONTENTS: &[(&[u8], &str, &str, Thing)] = &[
    (b"Created shared folder", "created-shared-folder", "creation", Thing::Folder),
    (b"Deleted shared folder", "deleted-shared-folder", "deletion", Thing::Folder),
    (b"Created user group", "created-user-group", "creation", Thing::Group),
    (b"Deleted user group", "deleted-user-group", "deletion", Thing::Group),
    (b"Created user", "created-user", "creation", Thing::User),
    (b"Deleted user", "deleted-user", "deletion", Thing::User),
    (b"Changed the password of user", "changed-password", "change", Thing::User),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Thing {
    Folder,
    Group,
    User,
}

fn put_event(writer: &mut EventWriter<'_>, ids: &Ids) {
    let Some((content, _)) = writer.first_span(ids.content) else { return };
    writer.put_span(ecs::MESSAGE, content, Kind::Text, false);
    let text = writer.bytes(content);
    let says = split(text, b"] ").map_or(text, |(_, says)| says);
    let Some(&(_, action, kind, thing)) = CONTENTS.iter().find(|row| says.starts_with(row.0)) else {
        writer.put_str(ecs::EVENT_CATEGORY, "configuration");
        writer.put_str(ecs::EVENT_TYPE, "change");
        return;
    };
    let name = between(text, b"\"", b"\"").map(|name| {
        let at = name.as_ptr() as usize - text.as_ptr() as usize;
        content.part(at..at + name.len())
    });
    writer.put_str(ecs::EVENT_ACTION, action);
    match thing {
        Thing::Folder => writer.put_str(ecs::EVENT_CATEGORY, "file"),
        Thing::Group => {
            writer.put_str(ecs::EVENT_CATEGORY, "iam");
            writer.put_str(ecs::EVENT_TYPE, "group");
        }
        Thing::User => {
            writer.put_str(ecs::EVENT_CATEGORY, "iam");
            writer.put_str(ecs::EVENT_TYPE, "user");
            writer.put_str(ecs::EVENT_OUTCOME, "success");
        }
    }
    writer.put_str(ecs::EVENT_TYPE, kind);
    let Some(name) = name else { return };
    match thing {
        Thing::Folder => writer.put_span(ecs::FILE_PATH, name, Kind::Text, false),
        Thing::Group => writer.put_span(ecs::GROUP_NAME, name, Kind::Text, false),
        Thing::User => {
            writer.put_span(ecs::USER_TARGET_NAME, name, Kind::Text, false);
            relate_span(writer, name, ecs::RELATED_USER);
        }
    }
}
