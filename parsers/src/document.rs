//! An event as nested ECS JSON.
//!
//! The slow way out: taken by `parse`, by evidence and by the archive of unparsed
//! records, never on the path of an event that hits nothing.

use base64::Engine as _;
use serde_json::{Map, Value, json};

use crate::dictionary::{Dictionary, FieldType};
use crate::ecs;
use crate::event::{EventView, Field, Kind};
use crate::time::format_rfc3339;

/// Writes an event as one nested JSON object.
///
/// ECS names stand at the root, vendor names below the product's namespace. A name that
/// would be both a value and an object keeps its dots (`"a.b"` beside `"a"`). `event.original` is the record as
/// text; where that is not the record byte for byte (bytes that are no UTF-8, another character set),
/// `noroshi.original_base64` carries the record exactly, and `noroshi.charset` names the set.
pub fn to_json(event: EventView<'_>, dictionary: &Dictionary) -> Value {
    let core = event.core();
    let product = core.product.get();
    let mut root = Map::new();
    root.insert("@timestamp".into(), format_rfc3339(core.time_ns).into());
    let mut written = std::collections::HashSet::new();
    for field in event.fields().iter().filter(|field| !field.is_forgotten()) {
        let (name, value) = if field.id == crate::dictionary::FieldId::UNNAMED {
            (String::from_utf8_lossy(event.own_name(field)).into_owned(), to_value(event, field, FieldType::Keyword))
        } else {
            // All values of a name are written where it first occurs.
            if !written.insert((field.id, field.vendor)) {
                continue;
            }
            let kind = dictionary.kind(field.id);
            let mut values: Vec<Value> = event
                .all(field.id)
                .filter(|other| other.vendor == field.vendor)
                .map(|other| to_value(event, other, kind))
                .collect();
            let value = if values.len() == 1 && (field.vendor || !dictionary.is_array(field.id)) {
                values.remove(0)
            } else {
                Value::Array(values)
            };
            (dictionary.name(field.id).to_owned(), value)
        };
        // A document may have written its own names below the namespace already.
        let below = name.strip_prefix(product.namespace).is_some_and(|rest| rest.starts_with('.'));
        let path = if field.vendor && !below { format!("{}.{name}", product.namespace) } else { name };
        place(&mut root, &path, value);
    }
    let mut constant = |id, text: &str| {
        if !text.is_empty() && !event.has(id) {
            place(&mut root, dictionary.name(id), text.into());
        }
    };
    constant(ecs::EVENT_MODULE, product.module);
    constant(ecs::EVENT_DATASET, product.dataset);
    constant(ecs::OBSERVER_VENDOR, product.vendor);
    constant(ecs::OBSERVER_PRODUCT, product.product);
    constant(ecs::OBSERVER_TYPE, product.observer_type);
    constant(ecs::ECS_VERSION, "8.11.0");
    let original = String::from_utf8_lossy(event.text());
    if !core.charset.is_empty() {
        place(&mut root, "noroshi.charset", core.charset.into());
    }
    if original.as_bytes() != event.original() {
        place(
            &mut root,
            "noroshi.original_base64",
            base64::engine::general_purpose::STANDARD.encode(event.original()).into(),
        );
    }
    place(&mut root, "event.original", original.into_owned().into());
    if core.receive_time_ns != 0 {
        place(&mut root, "event.created", format_rfc3339(core.receive_time_ns).into());
    }
    place(&mut root, "noroshi.product", product.name.into());
    if !event.defects().is_empty() {
        place(
            &mut root,
            "noroshi.defects",
            event.defects().iter().map(crate::defect::Defect::name).collect::<Vec<_>>().into(),
        );
    }
    Value::Object(root)
}

fn to_value(event: EventView<'_>, field: &Field, kind: FieldType) -> Value {
    let bytes = event.value(field);
    let text = String::from_utf8_lossy(bytes);
    match (field.kind, kind) {
        (Kind::Null, _) => Value::Null,
        (Kind::Bool, _) => json!(bytes == b"true"),
        (Kind::Json, _) | (Kind::Number, FieldType::Long | FieldType::Float) => {
            serde_json::from_slice(bytes).unwrap_or_else(|_| text.into_owned().into())
        }
        // A number under a keyword is an id; ECS writes ids as text.
        (Kind::Number, _) if field.vendor => serde_json::from_slice(bytes).unwrap_or_else(|_| text.into_owned().into()),
        (_, FieldType::Long) => crate::number::parse_i64(bytes).map_or_else(|| text.into_owned().into(), Value::from),
        (_, FieldType::Float) => text
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map_or_else(|| text.clone().into_owned().into(), Value::from),
        (_, FieldType::Boolean) if bytes == b"true" || bytes == b"false" => json!(bytes == b"true"),
        _ => text.into_owned().into(),
    }
}

/// Deepest nesting by dots; a longer name keeps its last dots in one key.
const DEPTH_MAX: usize = 64;

/// Puts `value` at a dotted name, below what stands there.
pub fn place(root: &mut Map<String, Value>, path: &str, value: Value) {
    let mut at = root;
    let mut rest = path;
    for _ in 0..DEPTH_MAX {
        let Some((head, tail)) = rest.split_once('.').filter(|(head, tail)| !head.is_empty() && !tail.is_empty())
        else {
            break;
        };
        // A value stands where the object should: keep the dotted name beside it.
        if at.get(head).is_some_and(|there| !there.is_object()) {
            break;
        }
        let Value::Object(next) = at.entry(head).or_insert_with(|| Value::Object(Map::new())) else { return };
        at = next;
        rest = tail;
    }
    match at.get_mut(rest) {
        None => {
            at.insert(rest.to_owned(), value);
        }
        Some(Value::Array(values)) => values.push(value),
        // An object came first: the value goes in under an empty-proof name of its own.
        Some(Value::Object(there)) => {
            there.insert("value".to_owned(), value);
        }
        Some(there) => {
            let first = there.take();
            *there = Value::Array(vec![first, value]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn nests_types_and_keeps_collisions() {
        let dictionary = Dictionary::new();
        let mut event = Event::new();
        event.clear();
        let record = b"a 1.2.3.4 443 \xff";
        let mut writer = event.writer(record);
        assert!(writer.put_ip(ecs::SOURCE_IP, &record[2..9]));
        assert!(writer.put_port(ecs::SOURCE_PORT, &record[10..13]));
        writer.put_str(ecs::EVENT_CATEGORY, "network");
        let name = writer.span_of(b"x.y");
        let value = writer.span_of(b"1");
        writer.put_unnamed(name, value, Kind::Number);
        let name = writer.span_of(b"x");
        writer.put_unnamed(name, value, Kind::Text);
        let json = to_json(event.view(record), &dictionary);
        assert_eq!(json["source"], json!({"ip": "1.2.3.4", "port": 443}));
        assert_eq!(json["event"]["category"], json!(["network"]));
        assert_eq!(json["unknown"]["x"], json!({"y": 1, "value": "1"}));
        assert_eq!(json["noroshi"]["original_base64"], "YSAxLjIuMy40IDQ0MyD/");
        assert_eq!(event.core.source_port, Some(443));
    }
}
