//! Mimecast: audit events, message (SIEM) logs, data leak prevention and targeted threat protection logs of API 1.0
//! (Mimecast API documentation: "Get Audit Events", "Get SIEM Logs", "Get DLP Logs", "Get TTP … Logs").

use super::fields::{put_slug, put_user, relate_span};
use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Row, Spec, value};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::{ecs, products};

/// `mimecast`.
pub(crate) static PRODUCT: Product = Product {
    name: "mimecast",
    title: "Mimecast Email Security",
    document: "Mimecast API 1.0: audit events, SIEM, DLP and TTP logs",
    namespace: "mimecast",
    module: "mimecast",
    dataset: "mimecast.siem_logs",
    names: NAMES,
    json: &[&AUDIT, &MESSAGE, &MAIL],
    detect: &[
        Detect::Members(&["auditType", "eventInfo"], read_audit),
        Detect::Members(&["acc", "datetime"], read_message),
        Detect::Members(&["senderAddress", "recipientAddress", "policy", "messageId"], read_dlp),
        Detect::Members(&["senderAddress", "recipientAddress", "actionTriggered"], read_attachment),
        Detect::Members(
            &["senderAddress", "recipientAddress", "impersonationResults.checkerResult"],
            read_impersonation,
        ),
        Detect::Members(&["senderAddress", "recipientAddress", "taggedMalicious"], read_impersonation),
        Detect::Members(&["userEmailAddress", "ttpDefinition"], read_url),
    ],
    ..Product::NONE
};

vendor_names! {
    user = "user";
    info = "eventInfo";
    delivered = "Delivered";
    rejected = "RejType";
    tls = "UseTls";
    triggered = "actionTriggered";
    @also
    "category" "aCode" "AttCnt" "AttSize" "MsgSize" "Route" "Content-Disposition" "fileExt" "Latency" "Attempt" "Snt"
    "ReceiptAck" "RejCode" "RejInfo" "SpamScore" "SpamLimit" "SpamInfo" "SpamProcessingDetail" "Virus" "Hits" "UrlCategory"
    "ScanResultInfo" "hits" "identifiers" "taggedExternal" "adminOverride" "userOverride" "scanResult" "creationMethod"
    "emailPartsDescription" "actions" "details" "result"
}

static AUDIT: JsonTable = JsonTable::new(Spec {
    product: products::MIMECAST,
    constants: &[(ecs::EVENT_DATASET, "mimecast.audit_events")],
    time: &[("eventTime", Clock::Iso)],
    rows: &[("id", ecs::EVENT_ID, Text), ("auditType", ecs::EVENT_ACTION, Slug), ("user", ecs::USER_EMAIL, User)],
    ..Spec::NONE
});

/// Values of the audit's text, which lists them as `Name: value, Name: value`.
fn put_listed(writer: &mut EventWriter<'_>) {
    let Some(info) = value(writer, ids().info) else { return };
    let text = writer.bytes(info);
    let of = |name: &[u8], end: &[u8]| -> Option<std::ops::Range<usize>> {
        let from = crate::scan::find(text, name)? + name.len();
        let from = from + text[from..].iter().take_while(|&&byte| byte == b' ').count();
        let len = text[from..].iter().take_while(|byte| !end.contains(byte)).count();
        (len > 0).then_some(from..from + len)
    };
    let (ip, file, size, reason) = (
        of(b"IP:", b", ").or_else(|| of(b"IP Address :", b", ")).or_else(|| of(b"Remote Address:", b", ")),
        of(b"File name :", b",]").or_else(|| of(b"File Name :", b",]")),
        of(b"File size :", b",] ").or_else(|| of(b"Size :", b",] ")),
        of(b"Reason:", b","),
    );
    if let Some(ip) = ip.map(|range| info.part(range)) {
        if writer.put_if_ip(ecs::CLIENT_IP, ip) {
            relate_span(writer, ip, ecs::RELATED_IP);
        }
    }
    for (range, to) in [(file, ecs::FILE_NAME), (size, ecs::FILE_SIZE), (reason, ecs::EVENT_REASON)] {
        if let Some(span) = range.map(|range| info.part(range)) {
            writer.put_span(to, span, Kind::Text, false);
        }
    }
}

fn read_audit(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    AUDIT.apply(writer, context);
    if let Some(user) = value(writer, ids().user).filter(|user| writer.bytes(*user).contains(&b'@')) {
        if let Some(name) = put_user(writer, user, ecs::USER_NAME, ecs::USER_DOMAIN) {
            relate_span(writer, name, ecs::RELATED_USER);
        }
    }
    put_listed(writer);
    true
}

static MESSAGE: JsonTable = JsonTable::new(Spec {
    product: products::MIMECAST,
    time: &[("datetime", Clock::Iso)],
    rows: &[
        ("MsgId", ecs::EMAIL_MESSAGE_ID, Text),
        ("Subject", ecs::EMAIL_SUBJECT, Text),
        ("Sender", ecs::EMAIL_FROM_ADDRESS, Set),
        ("headerFrom", ecs::EMAIL_FROM_ADDRESS, Set),
        ("Recipient", ecs::EMAIL_TO_ADDRESS, Set),
        ("Rcpt", ecs::EMAIL_TO_ADDRESS, Set),
        ("Dir", ecs::EMAIL_DIRECTION, Lower),
        ("Act", ecs::EVENT_ACTION, Text),
        ("Action", ecs::EVENT_ACTION, Text),
        ("Hld", ecs::EVENT_REASON, Text),
        ("RejInfo", ecs::EVENT_REASON, Text),
        ("RejCode", ecs::ERROR_CODE, Text),
        ("Error", ecs::ERROR_MESSAGE, Text),
        ("RejType", ecs::ERROR_TYPE, Text),
        ("Definition", ecs::RULE_NAME, Text),
        ("IP", ecs::SOURCE_IP, Ip),
        ("SourceIP", ecs::SOURCE_IP, Ip),
        ("SenderDomain", ecs::SOURCE_DOMAIN, Text),
        ("fileName", ecs::EMAIL_ATTACHMENTS_FILE_NAME, Set),
        ("fileMime", ecs::EMAIL_ATTACHMENTS_FILE_MIME_TYPE, Set),
        ("md5", ecs::RELATED_HASH, Set),
        ("sha1", ecs::RELATED_HASH, Set),
        ("sha256", ecs::RELATED_HASH, Set),
        ("Cphr", ecs::TLS_CIPHER, Text),
        ("TlsVer", ecs::TLS_VERSION, Text),
    ],
    ..Spec::NONE
});

fn read_message(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    MESSAGE.apply(writer, context);
    let ids = ids();
    let outcome = match writer.first(ids.delivered) {
        Some(b"true") => "success",
        Some(b"false") => "failure",
        _ if writer.view().has(ids.rejected) => "failure",
        _ => "unknown",
    };
    writer.put_str(ecs::EVENT_OUTCOME, outcome);
    match writer.first(ids.tls) {
        Some(b"Yes") => writer.put_as(ecs::TLS_ESTABLISHED, b"true", Kind::Bool, false),
        Some(b"No") => writer.put_as(ecs::TLS_ESTABLISHED, b"false", Kind::Bool, false),
        _ => {}
    }
    true
}

const MAILS: &[Row] = &[
    ("id", ecs::EVENT_ID, Text),
    ("senderAddress", ecs::EMAIL_FROM_ADDRESS, Set),
    ("fromUserEmailAddress", ecs::EMAIL_FROM_ADDRESS, Set),
    ("recipientAddress", ecs::EMAIL_TO_ADDRESS, Set),
    ("userEmailAddress", ecs::EMAIL_TO_ADDRESS, Set),
    ("userEmailAddress", ecs::USER_EMAIL, User),
    ("subject", ecs::EMAIL_SUBJECT, Text),
    ("messageId", ecs::EMAIL_MESSAGE_ID, Text),
    ("route", ecs::EMAIL_DIRECTION, Text),
    ("policy", ecs::RULE_NAME, Text),
    ("definition", ecs::RULE_NAME, Text),
    ("ttpDefinition", ecs::RULE_NAME, Text),
    ("userAwarenessAction", ecs::EVENT_ACTION, Text),
    ("action", ecs::EVENT_ACTION, Text),
    ("senderIpAddress", ecs::SOURCE_IP, Ip),
    ("sendingIp", ecs::SOURCE_IP, Ip),
    ("url", ecs::URL_ORIGINAL, Text),
    ("fileName", ecs::EMAIL_ATTACHMENTS_FILE_NAME, Set),
    ("fileType", ecs::EMAIL_ATTACHMENTS_FILE_MIME_TYPE, Set),
    ("fileHash", ecs::RELATED_HASH, Set),
];

static MAIL: JsonTable = JsonTable::new(Spec {
    product: products::MIMECAST,
    time: &[("eventTime", Clock::Iso), ("date", Clock::Iso)],
    rows: MAILS,
    ..Spec::NONE
});

fn read_dlp(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    MAIL.apply(writer, context);
    writer.put_str(ecs::EVENT_DATASET, "mimecast.dlp_logs");
    true
}

fn read_attachment(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    MAIL.apply(writer, context);
    writer.put_str(ecs::EVENT_DATASET, "mimecast.ttp_ap_logs");
    if let Some(span) = value(writer, ids().triggered) {
        put_slug(writer, ecs::EVENT_ACTION, span);
    }
    true
}

fn read_impersonation(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    MAIL.apply(writer, context);
    writer.put_str(ecs::EVENT_DATASET, "mimecast.ttp_ip_logs");
    true
}

fn read_url(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    MAIL.apply(writer, context);
    writer.put_str(ecs::EVENT_DATASET, "mimecast.ttp_url_logs");
    true
}
