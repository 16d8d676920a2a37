use std::sync::Arc;

use serde_json::{Value, json};

use crate::decode::{Decoder, SourceOptions};
use crate::dictionary::Dictionary;
use crate::event::Event;

fn decode(record: &str) -> (Value, &'static str) {
    let dictionary = Arc::new(Dictionary::new());
    let mut event = Event::new();
    Decoder::new(dictionary.clone()).decode(record.as_bytes(), 0, &SourceOptions::default(), &mut event);
    (crate::document::to_json(event.view(record.as_bytes()), &dictionary), event.core.log_source.get().name)
}

#[test]
fn an_alert_names_its_rule_and_both_ends() {
    let (event, log_source) = decode(
        r#"{"timestamp":"2026-03-01T08:09:10.123456+0900","flow_id":77,"event_type":"alert","src_ip":"10.1.2.3","src_port":40000,"dest_ip":"2001:DB8::0:5","dest_port":80,"proto":"TCP","alert":{"action":"blocked","signature_id":9000001,"rev":2,"signature":"LOCAL test","category":"Misc Attack","severity":1}}"#,
    );
    assert_eq!(log_source, "suricata_alert");
    assert_eq!(event["@timestamp"], "2026-02-28T23:09:10.123456Z");
    assert_eq!(event["rule"], json!({"id": "9000001", "name": "LOCAL test", "category": "Misc Attack"}));
    assert_eq!(event["source"], json!({"ip": "10.1.2.3", "address": "10.1.2.3", "port": 40000}));
    assert_eq!(event["destination"]["ip"], "2001:db8::5");
    assert_eq!(event["event"]["type"], json!(["denied"]));
    assert_eq!(event["event"]["severity"], 1);
    assert_eq!(event["suricata"]["eve"]["alert"]["signature_id"], 9_000_001);
}

#[test]
fn dns_versions_name_the_question() {
    for (dns, kind) in [
        (r#"{"type":"query","id":5,"rrname":"a.example","rrtype":"A"}"#, "query"),
        (
            r#"{"version":2,"type":"answer","id":5,"rrname":"a.example","rrtype":"A","rcode":"NOERROR","answers":[{"rrname":"a.example","rrtype":"A","ttl":60,"rdata":"192.0.2.7"}],"grouped":{"A":["192.0.2.7"]}}"#,
            "answer",
        ),
        (
            r#"{"version":3,"type":"response","id":5,"rcode":"NOERROR","queries":[{"rrname":"a.example","rrtype":"A"}]}"#,
            "answer",
        ),
    ] {
        let (event, log_source) = decode(&format!(
            r#"{{"timestamp":"2026-03-01T08:09:10+0000","flow_id":1,"event_type":"dns","src_ip":"10.1.2.3","dns":{dns}}}"#
        ));
        assert_eq!(log_source, "suricata_dns");
        assert_eq!(event["dns"]["question"], json!({"name": "a.example", "type": "A"}), "{dns}");
        assert_eq!(event["dns"]["type"], kind, "{dns}");
        if dns.contains("rdata") {
            assert_eq!(event["dns"]["resolved_ip"], json!(["192.0.2.7"]));
            assert_eq!(event["dns"]["answers"]["ttl"], json!([60]));
        }
    }
}

#[test]
fn flows_sum_and_last() {
    let (event, _) = decode(
        r#"{"timestamp":"2026-03-01T08:09:10+0000","flow_id":1,"event_type":"flow","src_ip":"10.1.2.3","dest_ip":"10.1.2.4","proto":"UDP","app_proto":"failed","flow":{"pkts_toserver":2,"pkts_toclient":3,"bytes_toserver":200,"bytes_toclient":300,"start":"2026-03-01T08:08:10.5+0000","end":"2026-03-01T08:09:09+0000","age":59,"state":"closed"},"ether":{"src_mac":"00:11:22:aa:bb:cc"}}"#,
    );
    assert_eq!(event["network"], json!({"transport": "udp", "bytes": 500, "packets": 5}));
    assert_eq!(event["event"]["duration"], 59_000_000_000i64);
    assert_eq!(event["event"]["start"], "2026-03-01T08:08:10.500Z");
    assert_eq!(event["source"]["mac"], "00-11-22-AA-BB-CC");
    assert_eq!(event["event"]["type"], json!(["connection", "end"]));
}
