//! Cisco Secure Email Gateway (ESA), text logs over syslog: `mail_logs: Info: MID 6 ICID 5 RID 0 To: <bob@example.com>`
//! (User Guide for AsyncOS for Cisco Secure Email Gateway, "Logging"). Its consolidated events come as CEF and are read as such.

use super::fields::{put_digests, put_lower, relate_span};
use super::names::vendor_names;
use super::text::{between, put_user, split, word};
use super::{Detect, Product};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::number::{parse_u64, take_u64};
use crate::wire::syslog::Header;
use crate::{ecs, products};

/// `cisco_secure_email`.
pub(crate) static PRODUCT: Product = Product {
    name: "cisco_secure_email",
    title: "Cisco Secure Email Gateway",
    document: "User Guide for AsyncOS for Cisco Secure Email Gateway: Logging",
    namespace: "cisco_secure_email_gateway.log",
    module: "cisco_secure_email_gateway",
    dataset: "cisco_secure_email_gateway.log",
    vendor: "Cisco",
    product: "Secure Email Gateway",
    observer_type: "email",
    names: NAMES,
    // The names of log subscriptions that AsyncOS is delivered with.
    detect: &[Detect::App(
        &[
            "mail_logs",
            "amp",
            "antispam",
            "antivirus",
            "content_scanner",
            "error_logs",
            "gui_logs",
            "bounces",
            "authentication",
            "cli_logs",
            "system",
            "system_logs",
            "status",
            "reportd_logs",
            "sntpd_logs",
        ],
        read,
    )],
    ..Product::NONE
};

vendor_names! {
    category = "category.name";
    mid = "message_id";
    icid = "injection_connection_id";
    dcid = "delivery_connection_id";
    rid = "recipient_id";
    sha256 = "sha256";
    disposition = "disposition";
    verdict = "verdict";
    malware = "malware";
    reputation = "reputation_score";
    virus = "virus";
    session = "session";
    cef_mid = "ESAMID";
    cef_helo_ip = "ESAHeloIP";
    cef_device = "deviceExternalId";
    @also "ESAICID" "ESADCID" "ESAFinalActionDetails" "ESAAttachmentDetails" "ESASenderGroup"
}

/// Reads a record of a log subscription; `false` = no level stands where AsyncOS writes it.
fn read<'a>(writer: &mut EventWriter<'a>, _: &Context<'_>, header: &Header<'a>) -> bool {
    let Some((level, text)) = split(header.message, b": ") else { return false };
    if !matches!(level, b"Critical" | b"Warning" | b"Info" | b"Debug" | b"Trace") {
        return false;
    }
    let ids = ids();
    writer.core().product = products::CISCO_SECURE_EMAIL;
    // What a header of syslog says of the level is the relay's.
    writer.forget(ecs::LOG_LEVEL);
    let level = writer.span_of(level);
    put_lower(writer, ecs::LOG_LEVEL, level);
    writer.put_vendor(ids.category, header.appname);
    writer.put(ecs::MESSAGE, text);
    let alert = split(text, b"alert").is_some() && split(text, b" to ").is_some() && split(text, b"subject ").is_some();
    writer.put_str(ecs::EVENT_KIND, if alert { "alert" } else { "event" });
    put_numbers(writer, ids, text);
    match header.appname {
        b"amp" => put_file(writer, ids, text),
        b"antivirus" => put_antivirus(writer, ids, text),
        b"gui_logs" => put_web(writer, ids, text),
        b"error_logs" => writer.put_str(ecs::EVENT_TYPE, "error"),
        b"mail_logs" => put_mail(writer, text),
        _ => {}
    }
    put_notice(writer, text);
    put_process(writer, text);
    true
}

/// The word behind a label, without the punctuation around it.
fn after<'a>(text: &'a [u8], label: &[u8]) -> Option<&'a [u8]> {
    let (_, rest) = split(text, label)?;
    let rest = rest.trim_ascii_start();
    let end =
        rest.iter().position(|byte| matches!(byte, b' ' | b',' | b';' | b'>' | b']' | b')')).unwrap_or(rest.len());
    let value = rest[..end].trim_ascii();
    (!value.is_empty()).then_some(value)
}

/// Message, connections and recipient by number: `MID 6`, `MID = 6`, `ICID 5`.
fn put_numbers<'a>(writer: &mut EventWriter<'a>, ids: &Ids, text: &'a [u8]) {
    for (label, id) in [(&b"MID"[..], ids.mid), (b"ICID", ids.icid), (b"DCID", ids.dcid), (b"RID", ids.rid)] {
        let mut rest = text;
        while let Some((before, behind)) = split(rest, label) {
            rest = behind;
            let is_word = !before.last().is_some_and(u8::is_ascii_alphanumeric);
            let number = behind.strip_prefix(b" = ").or_else(|| behind.strip_prefix(b" ")).unwrap_or_default();
            let number = number.strip_prefix(b"[").unwrap_or(number);
            let Some((_, end)) = take_u64(number).filter(|_| is_word) else { continue };
            let number = &number[..number.len() - end.len()];
            writer.put_vendor(id, number);
            if id == ids.mid {
                writer.put(ecs::EMAIL_LOCAL_ID, number);
                // The gateway's number stands where others have the header's, as Elastic's integration has it.
                writer.put(ecs::EMAIL_MESSAGE_ID, number);
            }
            break;
        }
    }
}

/// File reputation and analysis.
fn put_file<'a>(writer: &mut EventWriter<'a>, ids: &Ids, text: &'a [u8]) {
    let name = between(text, b"File Name = '", b"'").or_else(|| between(text, b"FileName = '", b"'"));
    if let Some(name) = name {
        writer.put(ecs::EMAIL_ATTACHMENTS_FILE_NAME, name);
        writer.put(ecs::FILE_NAME, name);
    }
    for label in [&b"sha256 ="[..], b"SHA256: ", b"SHA256["] {
        if let Some(digest) = after(text, label).filter(|digest| digest.len() == 64) {
            writer.put_vendor(ids.sha256, digest);
            put_digests(writer, ids.sha256, None, None, Some(ecs::FILE_HASH_SHA256));
            break;
        }
    }
    for (label, id) in [
        (&b"Disposition = "[..], ids.disposition),
        (b"Disposition: ", ids.disposition),
        (b"Verdict: ", ids.verdict),
        (b"Malware = ", ids.malware),
        (b"Spyname: ", ids.malware),
        (b"Reputation Score = ", ids.reputation),
        (b"Reputation Score: ", ids.reputation),
    ] {
        if let Some(value) = after(text, label) {
            writer.put_vendor(id, value);
        }
    }
    if let Some((_, reason)) = split(text, b"Reason: ") {
        writer.put(ecs::EVENT_REASON, reason.trim_ascii_end());
    }
    if let Some(size) = after(text, b"File Size = ").filter(|size| parse_u64(size).is_some()) {
        writer.put_as(ecs::FILE_SIZE, size, Kind::Number, false);
    }
    if let Some(kind) = after(text, b"File Type = ") {
        writer.put(ecs::FILE_MIME_TYPE, kind);
    }
}

/// `sophos antivirus - MID 6 0 - Virus 'name' 'body.scan/file' 1 0`.
fn put_antivirus<'a>(writer: &mut EventWriter<'a>, ids: &Ids, text: &'a [u8]) {
    let (engine, rest) = word(text);
    if !rest.trim_ascii_start().starts_with(b"antivirus") {
        return;
    }
    writer.put(ecs::OBSERVER_VENDOR, engine);
    writer.put_str(ecs::EVENT_CATEGORY, "vulnerability");
    if split(text, b" - Error").is_some() {
        writer.put_str(ecs::EVENT_TYPE, "error");
    }
    let Some((_, found)) = split(text, b" - Virus '") else { return };
    let Some((virus, rest)) = split(found, b"'") else { return };
    writer.put_vendor(ids.virus, virus);
    writer.put_str(ecs::EVENT_CATEGORY, "malware");
    if let Some(file) = between(rest, b"'", b"'") {
        writer.put(ecs::FILE_NAME, file.strip_prefix(b"body.scan/").unwrap_or(file));
    }
}

/// Requests to the device's own pages, and sessions there.
fn put_web<'a>(writer: &mut EventWriter<'a>, ids: &Ids, text: &'a [u8]) {
    if let Some(rest) = text.strip_prefix(b"req:") {
        let (client, rest) = word(rest);
        put_ip(writer, ecs::CLIENT_IP, client);
        let (user, rest) = word(rest);
        if let Some(user) = user.strip_prefix(b"user:").filter(|user| *user != b"-") {
            put_user(writer, ecs::USER_NAME, user);
        }
        let (id, rest) = word(rest);
        if let Some(id) = id.strip_prefix(b"id:") {
            writer.put(ecs::EVENT_ID, id);
        }
        let (status, rest) = word(rest);
        if parse_u64(status).is_some() {
            writer.put_as(ecs::HTTP_RESPONSE_STATUS_CODE, status, Kind::Number, false);
        }
        let (method, rest) = word(rest);
        let (path, rest) = word(rest);
        if !path.is_empty() {
            writer.put(ecs::HTTP_REQUEST_METHOD, method);
            writer.put(ecs::URL_PATH, path);
        }
        if let Some(version) = word(rest).0.strip_prefix(b"HTTP/") {
            writer.put(ecs::HTTP_VERSION, version);
        }
        writer.put_str(ecs::EVENT_CATEGORY, "web");
        writer.put_str(ecs::EVENT_TYPE, "access");
    } else if let Some(session) = text.strip_prefix(b"Session ").map(|rest| word(rest).0) {
        writer.put_vendor(ids.session, session);
        writer.put_str(ecs::EVENT_CATEGORY, "session");
        let ends = text.trim_ascii_end().ends_with(b"expired");
        writer.put_str(ecs::EVENT_TYPE, if ends { "end" } else { "start" });
    } else if let Some(host) = after(text, b"connection from host ") {
        put_ip(writer, ecs::SOURCE_IP, host);
        if let Some(port) = after(text, b" port ").filter(|port| parse_u64(port).is_some()) {
            writer.put_port(ecs::SOURCE_PORT, port);
        }
    }
}

/// What a message is from, to and about.
fn put_mail<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let to = between(text, b" To: <", b">");
    let from = between(text, b" From: <", b">").or_else(|| between(text, b" bytes from <", b">"));
    for (value, id) in [(from, ecs::EMAIL_FROM_ADDRESS), (to, ecs::EMAIL_TO_ADDRESS)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            writer.put(id, value);
        }
    }
    if let Some((_, domain)) = split(text, b"DMARC: Message from domain ") {
        writer
            .put(ecs::EMAIL_FROM_ADDRESS, word(domain).0.trim_ascii_end().strip_suffix(b",").unwrap_or(word(domain).0));
        writer.put_str(ecs::NETWORK_PROTOCOL, "dmarc");
    } else if split(text, b" DKIM: ").is_some() {
        writer.put_str(ecs::NETWORK_PROTOCOL, "dkim");
    }
    if split(text, b"SDR: ").is_some() {
        for (label, id) in [
            (&b"reverse DNS host: "[..], ecs::DNS_QUESTION_NAME),
            (b"header-from: ", ecs::EMAIL_FROM_ADDRESS),
            (b"reply-to: ", ecs::EMAIL_TO_ADDRESS),
        ] {
            if let Some(value) = after(text, label) {
                writer.put(id, value);
            }
        }
    }
    if let Some(address) = after(text, b" address ") {
        put_ip(writer, ecs::SOURCE_IP, address);
    }
    if let Some(host) = after(text, b"reverse dns host ") {
        writer.put(ecs::DNS_QUESTION_NAME, host);
    }
    if split(text, b"Configuration changed").is_some() {
        writer.put_str(ecs::EVENT_TYPE, "change");
    }
    if let Some(host) = after(text, b"message to host ") {
        let (address, port) = split(host, b":").unwrap_or((host, &[]));
        put_ip(writer, ecs::DESTINATION_IP, address);
        if parse_u64(port).is_some() {
            writer.put_port(ecs::DESTINATION_PORT, port);
        }
    }
    if let Some((recipient, _)) = split(text, b"for recipient ").and_then(|(_, rest)| split(rest, b": ")) {
        writer.put(ecs::EMAIL_TO_ADDRESS, recipient);
    }
}

/// Mail of the device's own: alerts, and what it gave up on.
fn put_notice<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    if split(text, b"SMTP").is_some() {
        writer.put_str(ecs::NETWORK_PROTOCOL, "smtp");
    }
    let Some((before, subject)) = split(text, b" with subject ") else { return };
    let subject = subject.trim_ascii_end();
    let subject = subject.strip_suffix(b".").unwrap_or(subject);
    let unquoted = subject.strip_prefix(b"\"").and_then(|subject| subject.strip_suffix(b"\""));
    writer.put(ecs::EMAIL_SUBJECT, unquoted.unwrap_or(subject));
    if let Some((_, to)) = super::text::split_last(before, b" to ") {
        writer.put(ecs::EMAIL_TO_ADDRESS, to);
    }
}

/// Who changed the device, and which of its processes speaks.
fn put_process<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) {
    let pid = between(text, b"(pid=", b")")
        .or_else(|| text.strip_prefix(b"PID ").and_then(|rest| Some(split(rest, b":")?.0)));
    if let Some(pid) = pid.filter(|pid| parse_u64(pid).is_some()) {
        writer.put_as(ecs::PROCESS_PID, pid, Kind::Number, false);
    }
    let user = after(text, b": User ").or_else(|| after(text, b" for user ")).or_else(|| after(text, b" user:"));
    if let Some(user) = user.filter(|user| *user != b"-") {
        if writer.first(ecs::USER_NAME).is_none() {
            put_user(writer, ecs::USER_NAME, user);
        }
    }
}

fn put_ip(writer: &mut EventWriter<'_>, to: FieldId, text: &[u8]) {
    let span = writer.span_of(text);
    if writer.put_if_ip(to, span) {
        relate_span(writer, span, ecs::RELATED_IP);
    }
}
