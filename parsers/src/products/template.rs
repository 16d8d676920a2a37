//! The product to copy: a gatekeeper that nobody makes, in the fewest lines that a text product needs.
//!
//! It is compiled for tests only. `docs/FORMATS.md` goes through it step by step; a product that writes
//! JSON needs less still, see [`super::json_table`].
//!
//! Its records are key=value pairs behind a syslog header, told by the mark `GATE-n-`:
//! `<13>Mar  2 10:00:00 gate1 gated[7]: GATE-4-REFUSED: card=4711 holder=alice panel=192.0.2.7 took=12`.

use std::sync::LazyLock;

use super::names::vendor_names;
use super::targets::{self, Target, To};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::number::parse_i64;
use crate::products::{Detect, Product};
use crate::wire::kv::{Pairs, value_span};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `template`.
pub(crate) static PRODUCT: Product = Product {
    name: "template",
    title: "The gatekeeper that nobody makes",
    document: "Gatekeeper Log Reference, chapter 3 (name, chapter and version of the real one)",
    namespace: "example.gate",
    module: "example_gate",
    dataset: "example_gate.log",
    vendor: "Example",
    product: "Gatekeeper",
    observer_type: "access control",
    names: NAMES,
    // What its vendor documents and no other product writes.
    detect: &[Detect::Mark(&["GATE-"], decode)],
    ..Product::NONE
};

// The vendor's names. Those with an identifier are spoken of below; the rest only get ids.
vendor_names! {
    message_id = "message_id";
    took = "took";
    @also "card" "holder" "panel"
}

/// Which of them the schema names, and how the value is read.
static TARGETS: &[Target] = &[("holder", ecs::USER_NAME, To::Text), ("panel", ecs::SOURCE_IP, To::Ip)];

/// What a message means: its name, `event.action`, `event.type`, `event.outcome`.
static MESSAGES: &[(&str, &str, &str, &str)] =
    &[("OPENED", "gate-opened", "allowed", "success"), ("REFUSED", "gate-refused", "denied", "failure")];

/// Decodes a record of this product; `false` = it is none, and nothing was written.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    // Everything that can say no stands before the first write.
    let Some(rest) = header.message.strip_prefix(b"GATE-") else { return false };
    let (severity, rest) = match rest {
        [b'0'..=b'7', b'-', ..] => (&rest[..1], &rest[2..]),
        _ => return false,
    };
    let Some(colon) = memchr::memchr(b':', rest) else { return false };
    let (name, text) = (&rest[..colon], rest[colon + 1..].trim_ascii_start());

    let core = writer.core();
    core.product = products::TEMPLATE;
    core.log_source = logsource::UNKNOWN;
    let ids = ids();
    writer.put_vendor(ids.message_id, name);
    writer.put(ecs::EVENT_CODE, name);
    writer.put(ecs::EVENT_SEVERITY, severity);
    writer.put(ecs::MESSAGE, header.message);
    pairs(writer, context, text);
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "authentication");
    match MESSAGES.iter().find(|row| row.0.as_bytes() == name) {
        Some(&(_, action, kind, outcome)) => {
            writer.put_str(ecs::EVENT_ACTION, action);
            writer.put_str(ecs::EVENT_TYPE, kind);
            writer.put_str(ecs::EVENT_OUTCOME, outcome);
        }
        // A message that the document does not list is an event all the same.
        None => writer.put_str(ecs::EVENT_TYPE, "info"),
    }
    // Durations are nanoseconds in the schema; the vendor's are milliseconds.
    if let Some(took) = writer.first(ids.took).and_then(parse_i64).and_then(|ms| ms.checked_mul(1_000_000)) {
        writer.put_i64(ecs::EVENT_DURATION, took);
    }
    true
}

/// Every pair under its own name, and under the schema's where the table gives one. The value is a part of the record.
fn pairs<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) {
    static BY_ID: LazyLock<Vec<Option<(FieldId, To)>>> = LazyLock::new(|| targets::by_id(TARGETS));
    let mut pairs = Pairs::by_space(text);
    for pair in pairs.by_ref() {
        let value = value_span(writer, pair);
        let Some(id) = context.dictionary.find(pair.key) else {
            let name = writer.span_of(pair.key);
            writer.put_unnamed(name, value, Kind::Text);
            continue;
        };
        writer.put_span(id, value, Kind::Text, true);
        if let Some(&Some((to, how))) = BY_ID.get(id.index()) {
            targets::put(writer, id, to, how, value);
        }
    }
    if pairs.unbalanced {
        writer.defect(Defect::UnbalancedQuote);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn document(record: &str) -> Value {
        let mut document = Value::Null;
        crate::testing::decode(record.as_bytes(), "UTC", |event, dictionary| {
            document = crate::document::to_json(event.view(record.as_bytes()), dictionary);
        });
        document
    }

    #[test]
    fn pairs_become_fields_and_messages_get_their_meaning() {
        let event = document(
            "<12>Mar  2 10:00:00 gate1 gated[7]: GATE-4-REFUSED: card=4711 holder=\"A. B\" panel=192.0.2.7 took=12 door=north",
        );
        assert_eq!(event["noroshi"]["product"], "template");
        assert_eq!(event["user"]["name"], "A. B");
        assert_eq!(event["source"]["ip"], "192.0.2.7");
        assert_eq!(event["event"]["action"], "gate-refused");
        assert_eq!(event["event"]["type"], json!(["denied"]));
        assert_eq!(event["event"]["duration"], 12_000_000);
        assert_eq!(event["example"]["gate"]["card"], "4711");
        assert_eq!(event["example"]["gate"]["door"], "north", "a name that the document does not list is kept");
    }

    #[test]
    fn odd_records_are_events_with_a_defect() {
        let event = document("<12>Mar  2 10:00:00 gate1 gated[7]: GATE-6-MOVED: holder=\"alice panel=192.0.2.7");
        assert_eq!(event["event"]["type"], json!(["info"]));
        let defects = event["noroshi"]["defects"].as_array().expect("it has some");
        assert!(defects.contains(&json!("unbalanced_quote")), "{defects:?}");
        assert_eq!(document("<12>Mar  2 10:00:00 gate1 gated[7]: GATE-x: a=1")["noroshi"]["product"], "syslog");
    }
}
