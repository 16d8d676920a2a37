use super::*;
use crate::event::Event;

#[test]
fn durations_keep_their_fraction() {
    for (text, unit_ns, expected) in [
        ("12", 1_000_000, Some(12_000_000)),
        ("0.25", SECOND_NS, Some(250_000_000)),
        ("1.5", 1_000_000, Some(1_500_000)),
        ("9223372036854775807", SECOND_NS, None),
        ("x", 1, None),
        ("1x", 1, None),
    ] {
        assert_eq!(read_duration(text.as_bytes(), unit_ns), expected, "{text}");
    }
}

#[track_caller]
fn check_ip_port(text: &str, expected: &[&str]) {
    let mut event = Event::new();
    event.clear();
    let mut writer = event.writer(text.as_bytes());
    let span = writer.span_of(text.as_bytes());
    put_ip_port(&mut writer, span, ecs::SOURCE_IP, ecs::SOURCE_PORT);
    let view = event.view(text.as_bytes());
    let found: Vec<_> = [ecs::SOURCE_IP, ecs::SOURCE_PORT]
        .iter()
        .filter_map(|&id| view.first(id))
        .map(|value| std::str::from_utf8(value).unwrap())
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn addresses_with_ports() {
    check_ip_port("192.0.2.1", &["192.0.2.1"]);
    check_ip_port("192.0.2.1:443", &["192.0.2.1", "443"]);
    check_ip_port("192.0.2.1:99999", &["192.0.2.1"]);
    check_ip_port("[2001:db8::1]:443", &["2001:db8::1", "443"]);
    check_ip_port("[2001:db8::1]", &["2001:db8::1"]);
    check_ip_port("2001:db8::1", &["2001:db8::1"]);
    check_ip_port("[2001:db8::1", &[]);
    check_ip_port("host.example.com:443", &[]);
}

#[test]
fn every_member_of_a_table_has_an_id() {
    for product in products::PRODUCTS {
        for name in product.json.iter().flat_map(|table| table.names()) {
            assert_ne!(id_of(name), FieldId::UNNAMED, "{}: {name}", product.name);
        }
    }
}

#[test]
fn what_is_rewound_is_forgotten() {
    let mut event = Event::new();
    event.clear();
    let mut writer = event.writer(b"a b");
    writer.put(ecs::USER_NAME, b"a");
    let mark = writer.mark();
    writer.put(ecs::USER_NAME, b"b");
    writer.put(ecs::HOST_NAME, b"b");
    writer.defect(Defect::Nul);
    writer.rewind(&mark);
    assert!(writer.view().defects().is_empty() && !writer.view().has(ecs::HOST_NAME));
    assert_eq!(writer.view().values(ecs::USER_NAME).collect::<Vec<_>>(), [b"a"]);
    writer.put(ecs::HOST_NAME, b"c");
    assert_eq!(writer.first(ecs::HOST_NAME), Some(&b"c"[..]));
}
