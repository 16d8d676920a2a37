use std::sync::Arc;

use super::*;
use crate::decode::{Decoder, SourceOptions};
use crate::dictionary::Dictionary;
use crate::event::Event;

/// Decodes a row of a source with columns; `name=value` of all fields.
fn fields(format: &str, columns: &[&str], separator: u8, record: &str) -> String {
    let dictionary = Arc::new(Dictionary::new());
    let mut decoder = Decoder::new(Arc::clone(&dictionary));
    let options = SourceOptions {
        format: ProductId::by_name(format),
        columns: Some(Arc::new(ColumnMap::new(columns.iter().copied(), separator).unwrap())),
        ..SourceOptions::default()
    };
    let mut event = Event::new();
    decoder.decode(record.as_bytes(), 0, &options, &mut event);
    let view = event.view(record.as_bytes());
    let mut out: Vec<String> = vec![crate::time::format_rfc3339(view.core().time_ns)];
    for field in view.fields() {
        let name = if field.id == FieldId::UNNAMED {
            String::from_utf8_lossy(view.own_name(field)).into_owned()
        } else {
            dictionary.name(field.id).to_owned()
        };
        out.push(format!("{name}={}", String::from_utf8_lossy(view.value(field))));
    }
    out.extend(view.defects().iter().map(|defect| format!("!{}", defect.name())));
    out.join(" ")
}

#[test]
fn columns_by_schema_name_by_alias_and_by_the_operators_own() {
    assert_eq!(
        fields(
            "csv",
            &["Datum", "date", "time", "source.ip", "-", "Konto", "user.name"],
            b';',
            "x;2026-03-02;07:00:18;192.0.2.5;secret;\"a;\"\"b\"\"\";mori"
        ),
        "2026-03-02T07:00:18Z event.kind=event Datum=x date=2026-03-02 time=07:00:18 source.ip=192.0.2.5 \
         Konto=a;\"b\" user.name=mori related.ip=192.0.2.5 related.user=mori !zone_assumed"
    );
}

#[test]
fn a_reader_of_another_order() {
    assert_eq!(
        fields("badge_csv", &["badge_id", "time", "result", "door"], b',', "B7,2026-03-02T07:00:18+09:00,Denied,VAULT"),
        "2026-03-01T22:00:18Z event.kind=event badge_id=B7 time=2026-03-02T07:00:18+09:00 result=Denied door=VAULT \
         event.category=authentication event.action=badge-denied event.type=denied event.outcome=failure \
         observer.name=VAULT user.id=B7"
    );
}

#[test]
fn header_rows_odd_counts_and_odd_values_are_told() {
    let columns = &["time", "src", "dst", "bytes"];
    assert!(fields("flow_csv", columns, b',', "Time,SRC,dst,bytes").contains("event.action=header"));
    let short = fields("flow_csv", columns, b',', "2026-03-02T07:00:18Z,192.0.2.1");
    assert!(short.contains("source.ip=192.0.2.1") && short.contains("!column_count"), "{short}");
    let odd = fields("flow_csv", columns, b',', "yesterday,a.example.com,192.0.2.2,many,more");
    assert!(odd.contains("source.domain=a.example.com") && odd.contains("!time_unreadable"), "{odd}");
    assert!(odd.contains("!number_invalid") && odd.contains("!column_count"), "{odd}");
}

#[test]
fn maps_that_cannot_be_say_why() {
    assert!(ColumnMap::new([], b',').unwrap_err().contains("no columns"));
    assert!(ColumnMap::new(["a", "a"], b',').unwrap_err().contains("named twice"));
    assert!(ColumnMap::new(["a", "-", "-"], b',').is_ok());
    assert!(ColumnMap::new(["a"], b'"').unwrap_err().contains("separates"));
    assert!(ColumnMap::new(vec!["-"; COLUMNS_MAX + 1], b',').is_err());
}
