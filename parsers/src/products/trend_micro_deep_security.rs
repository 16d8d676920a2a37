//! Trend Micro Deep Security (Workload Security): its CEF, and the documents that a shipper with a CEF decoder makes of it.
//!
//! Deep Security Administration Guide, "Syslog message formats": the class id of an event tells which module saw it.

use super::fields::{put_slug, relate, relate_span};
use super::json_table::How::*;
use super::json_table::{Constants, JsonTable, Spec, put_constants};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::dictionary::FieldId;
use crate::ecs::{EVENT_CATEGORY, EVENT_KIND, EVENT_TYPE};
use crate::event::{EventWriter, Kind};
use crate::number::parse_u64;
use crate::time::take_iso;
use crate::wire::syslog;
use crate::{ecs, logsource, products};

/// `trend_micro_deep_security`.
pub(crate) static PRODUCT: Product = Product {
    name: "trend_micro_deep_security",
    title: "Trend Micro Deep Security",
    document: "Deep Security 20 Administration Guide, Syslog message formats",
    namespace: "trendmicro.deep_security",
    module: "trendmicro",
    dataset: "trendmicro.deep_security",
    names: NAMES,
    json: &[&TABLE],
    detect: &[Detect::Members(&["cef.device.vendor", "cef.device.event_class_id", "event.original"], read)],
    ..Product::NONE
};

vendor_names! {
    vendor = "cef.device.vendor";
    product = "cef.device.product";
    class_id = "cef.device.event_class_id";
    name = "cef.name";
    number = "cef.extensions.deviceCustomNumber1";
    number_label = "cef.extensions.deviceCustomNumber1Label";
    @also
    "cef.version" "cef.device.version" "cef.severity" "cef.extensions.target" "cef.extensions.TrendMicroDsTenant"
    "cef.extensions.TrendMicroDsTenantId" "cef.extensions.deviceCustomString1" "cef.extensions.deviceCustomString1Label"
}

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::TREND_MICRO_DEEP_SECURITY,
    log_source: logsource::TREND_MICRO,
    // The shipper speaks the schema already.
    own: false,
    rows: &[
        ("cef.device.event_class_id", ecs::EVENT_CODE, Text),
        ("cef.name", ecs::MESSAGE, Text),
        ("cef.extensions.deviceAction", ecs::EVENT_ACTION, Text),
        ("cef.extensions.sourceUserName", ecs::RELATED_USER, Set),
        ("cef.extensions.destinationUserName", ecs::RELATED_USER, Set),
        ("cef.extensions.sourceAddress", ecs::SOURCE_IP, Ip),
        ("cef.extensions.destinationAddress", ecs::DESTINATION_IP, Ip),
        ("cef.extensions.filePath", ecs::FILE_PATH, Text),
        ("cef.extensions.fileHash", ecs::RELATED_HASH, Set),
    ],
    ..Spec::NONE
});

/// Reads a document that a shipper's CEF decoder made of a record; `false` = the record is another vendor's.
fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    let ids = ids();
    let of = |id| writer.first(id).unwrap_or_default();
    if !is_deep_security(of(ids.vendor), of(ids.product)) {
        return false;
    }
    TABLE.apply(writer, context);
    // The header in front of the CEF text has the time and the priority that the document has not.
    let record = writer.record();
    let range = writer.first_span(ecs::EVENT_ORIGINAL).and_then(|(span, _)| span.in_record());
    if let Some(original) = range.and_then(|range| record.get(range)) {
        let header = &original[..crate::scan::find(original, b"CEF:").unwrap_or_default()];
        if !header.is_empty() {
            // A stamp without a year is of the year in which the shipper read it.
            let read = writer.first(ecs::TIMESTAMP).and_then(take_iso).map(|(stamp, _)| stamp);
            let read_ns = read.and_then(|stamp| context.resolve(writer, &stamp)).unwrap_or(context.receive_time_ns);
            syslog::decode_text(writer, &Context { receive_time_ns: read_ns, ..*context }, header);
        }
    }
    if let Some((span, _)) = writer.first_span(ids.class_id) {
        writer.replace(ecs::EVENT_CODE, span);
    }
    if writer.first(ids.number_label) == Some(b"Host ID") {
        if let Some((span, _)) = writer.first_span(ids.number) {
            writer.put_span(ecs::HOST_ID, span, Kind::Text, false);
            relate_span(writer, span, ecs::RELATED_HOSTS);
        }
    }
    for id in [ecs::SOURCE_IP, ecs::DESTINATION_IP] {
        relate(writer, id, ecs::RELATED_IP);
    }
    relate(writer, ecs::OBSERVER_HOSTNAME, ecs::RELATED_HOSTS);
    put_taxonomy(writer, ids.class_id, ids.name);
    true
}

/// Whether a CEF header is of this product.
pub(crate) fn is_deep_security(vendor: &[u8], product: &[u8]) -> bool {
    vendor.eq_ignore_ascii_case(b"trend micro") && product.starts_with(b"Deep Security")
}

/// What an event is about, by its class id; what the manager says of itself has its name for an action.
pub(crate) fn put_taxonomy(writer: &mut EventWriter<'_>, class_id: FieldId, name: FieldId) {
    const EVENT: Constants = &[(EVENT_KIND, "event")];
    const FIREWALL: Constants = &[(EVENT_KIND, "event"), (EVENT_CATEGORY, "network"), (EVENT_TYPE, "info")];
    const INTRUSION: Constants =
        &[(EVENT_KIND, "event"), (EVENT_CATEGORY, "intrusion_detection"), (EVENT_TYPE, "info")];
    const INTEGRITY: Constants = &[(EVENT_KIND, "event"), (EVENT_CATEGORY, "file"), (EVENT_TYPE, "change")];
    const MALWARE: Constants = &[(EVENT_KIND, "alert"), (EVENT_CATEGORY, "malware"), (EVENT_TYPE, "info")];
    const REPUTATION: Constants = &[(EVENT_KIND, "event"), (EVENT_CATEGORY, "web"), (EVENT_TYPE, "info")];
    const APPLICATION: Constants = &[(EVENT_KIND, "event"), (EVENT_CATEGORY, "process"), (EVENT_TYPE, "info")];
    let class = writer.first(class_id).and_then(parse_u64).unwrap_or_default();
    let meaning = match class {
        20..=29 | 100..=199 => FIREWALL,
        30 | 2_000_000..=2_999_999 => INTEGRITY,
        1_000_000..=1_999_999 | 3_000_000..=3_999_999 => INTRUSION,
        4_000_000..=4_999_999 => MALWARE,
        5_000_000..=5_999_999 => REPUTATION,
        6_000_000..=6_999_999 => APPLICATION,
        _ => EVENT,
    };
    put_constants(writer, meaning);
    if writer.first(ecs::EVENT_ACTION).is_none() {
        if let Some((span, _)) = writer.first_span(name) {
            put_slug(writer, ecs::EVENT_ACTION, span);
        }
    }
}
