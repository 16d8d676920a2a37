//! Proofpoint Targeted Attack Protection (SIEM API: clicks and messages, blocked, permitted and delivered).

use super::fields::copy;
use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Spec, value};
use super::names::vendor_names;
use super::{Detect, Product, url};
use crate::decode::Context;
use crate::event::{EventWriter, Kind};
use crate::{ecs, products};

/// `proofpoint_tap`.
pub(crate) static PRODUCT: Product = Product {
    name: "proofpoint_tap",
    title: "Proofpoint Targeted Attack Protection",
    document: "Proofpoint TAP: SIEM API",
    namespace: "proofpoint_tap",
    module: "proofpoint_tap",
    dataset: "proofpoint_tap.message_delivered",
    names: NAMES,
    json: &[&CLICK, &MESSAGE],
    detect: &[
        Detect::Members(&["clickTime", "GUID", "threatID"], read_click),
        Detect::Members(&["GUID", "QID", "messageTime"], read_message),
    ],
    ..Product::NONE
};

vendor_names! {
    url = "url";
    blocked = "blocked";
    message_id = "messageID";
    @also
    "GUID" "QID" "threatID" "threatURL" "threatStatus" "classification" "campaignId" "threatsInfoMap.threatID"
    "threatsInfoMap.threat" "threatsInfoMap.threatType" "threatsInfoMap.classification" "threatsInfoMap.threatStatus"
    "spamScore" "phishScore" "malwareScore" "impostorScore" "cluster" "quarantineFolder" "quarantineRule" "messageSize"
    "policyRoutes" "modulesRun" "messageParts.disposition" "messageParts.contentType" "messageParts.sandboxStatus"
}

static CLICK: JsonTable = JsonTable::new(Spec {
    product: products::PROOFPOINT_TAP,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "email"), (ecs::EVENT_TYPE, "info")],
    time: &[("clickTime", Clock::IsoUtc)],
    rows: &[
        ("id", ecs::EVENT_ID, Text),
        ("sender", ecs::EMAIL_FROM_ADDRESS, Set),
        ("recipient", ecs::EMAIL_TO_ADDRESS, Set),
        ("senderIP", ecs::SOURCE_IP, Ip),
        ("clickIP", ecs::DESTINATION_IP, Ip),
        ("userAgent", ecs::USER_AGENT_ORIGINAL, Text),
        ("messageID", ecs::EMAIL_MESSAGE_ID, Text),
    ],
    ..Spec::NONE
});

static MESSAGE: JsonTable = JsonTable::new(Spec {
    product: products::PROOFPOINT_TAP,
    constants: &[(ecs::EVENT_KIND, "event"), (ecs::EVENT_CATEGORY, "email"), (ecs::EVENT_TYPE, "info")],
    time: &[("threatsInfoMap.threatTime", Clock::IsoUtc), ("messageTime", Clock::IsoUtc)],
    rows: &[
        ("id", ecs::EVENT_ID, Text),
        ("GUID", ecs::EVENT_ID, Text),
        ("fromAddress", ecs::EMAIL_FROM_ADDRESS, Set),
        ("sender", ecs::EMAIL_SENDER_ADDRESS, Text),
        ("toAddresses", ecs::EMAIL_TO_ADDRESS, Set),
        ("recipient", ecs::EMAIL_TO_ADDRESS, Set),
        ("ccAddresses", ecs::EMAIL_CC_ADDRESS, Set),
        ("replyToAddress", ecs::EMAIL_REPLY_TO_ADDRESS, Set),
        ("subject", ecs::EMAIL_SUBJECT, Text),
        ("xmailer", ecs::EMAIL_X_MAILER, Text),
        ("senderIP", ecs::SOURCE_IP, Ip),
        ("messageParts.filename", ecs::EMAIL_ATTACHMENTS_FILE_NAME, Set),
        ("messageParts.oContentType", ecs::EMAIL_ATTACHMENTS_FILE_MIME_TYPE, Set),
        ("messageParts.md5", ecs::RELATED_HASH, Set),
        ("messageParts.sha256", ecs::RELATED_HASH, Set),
    ],
    ..Spec::NONE
});

fn read_click(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    CLICK.apply(writer, context);
    let blocked = writer.first(ids().blocked) == Some(b"true");
    writer.put_str(
        ecs::EVENT_DATASET,
        if blocked { "proofpoint_tap.clicks_blocked" } else { "proofpoint_tap.clicks_permitted" },
    );
    if let Some(link) = value(writer, ids().url) {
        url::put(writer, link);
        copy(writer, ids().url, ecs::URL_FULL);
    }
    true
}

/// A message; its id bare of the angle brackets that the mail's header has.
fn read_message(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    MESSAGE.apply(writer, context);
    if let Some(id) = value(writer, ids().message_id) {
        let text = writer.bytes(id);
        let len = text.len();
        let bare = text.starts_with(b"<") && text.ends_with(b">") && len > 2;
        let id = if bare { id.part(1..len - 1) } else { id };
        writer.put_span(ecs::EMAIL_MESSAGE_ID, id, Kind::Text, false);
    }
    true
}
