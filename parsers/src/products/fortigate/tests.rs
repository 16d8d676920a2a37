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
fn traffic_names_both_ends_translation_and_policy() {
    let (event, log_source) = decode(
        r#"date=2026-03-01 time=17:09:10 devname="FG-TOKYO-1" devid="FG100FTK20000001" eventtime=1772352550123456789 tz="+0900" logid="0000000013" type="traffic" subtype="forward" level="notice" vd="root" srcip=10.1.2.3 srcport=50000 srcintf="port2" srcintfrole="lan" dstip=198.51.100.7 dstport=443 dstintf="wan1" dstintfrole="wan" sessionid=77 proto=6 action="close" policyid=12 policytype="policy" policyname="out \"web\"" service="HTTPS" trandisp="snat" transip=203.0.113.2 transport=50000 duration=5 sentbyte=100 rcvdbyte=200 sentpkt=1 rcvdpkt=2 user="aoki" srcmac="00:11:22:33:44:55""#,
    );
    assert_eq!(log_source, "fortigate_traffic");
    assert_eq!(event["@timestamp"], "2026-03-01T08:09:10Z");
    assert_eq!(event["event"]["start"], "2026-03-01T08:09:10.123456789Z");
    assert_eq!(event["event"]["duration"], 5_000_000_000i64);
    assert_eq!(event["source"]["nat"], json!({"ip": "203.0.113.2", "port": 50000}));
    assert_eq!(event["source"]["mac"], "00-11-22-33-44-55");
    assert_eq!(event["source"]["user"]["name"], "aoki");
    assert_eq!(event["destination"]["port"], 443);
    let network = json!({"iana_number": "6", "transport": "tcp", "protocol": "https", "bytes": 300, "packets": 3, "direction": "outbound"});
    assert_eq!(event["network"], network);
    assert_eq!(event["rule"], json!({"id": "12", "ruleset": "policy", "name": "out \"web\""}));
    assert_eq!(event["observer"]["ingress"]["interface"]["name"], "port2");
    assert_eq!(event["fortinet"]["firewall"]["sessionid"], "77");
    assert!(event["noroshi"].get("defects").is_none(), "{event}");
}

#[test]
fn profiles_and_system_events_by_type() {
    let (event, log_source) = decode(
        r#"date=2026-03-01 time=08:09:10 logid="0317013312" type="utm" subtype="webfilter" eventtype="ftgd_blk" level="warning" vd="root" srcip=10.1.2.3 dstip=198.51.100.7 proto=6 service="HTTP" hostname="bad.example" action="blocked" url="http://bad.example/x?y=1" catdesc="Malicious Websites""#,
    );
    assert_eq!(log_source, "fortigate_utm");
    assert_eq!(event["event"]["type"], json!(["denied"]));
    assert_eq!(event["event"]["action"], "ftgd_blk");
    assert_eq!(event["url"]["domain"], "bad.example");
    assert_eq!(event["url"]["query"], "y=1");

    let (event, log_source) = decode(
        r#"<189>date=2026-03-01 time=08:09:10 devname="f" devid="F1" logid="0100032002" type="event" subtype="system" level="alert" vd="root" logdesc="Admin login failed" user="admin" ui="ssh(10.9.9.9)" action="login" status="failed" reason="passwd_invalid" msg="Administrator admin login failed""#,
    );
    assert_eq!(log_source, "fortigate_event");
    assert_eq!(event["event"]["category"], json!(["authentication"]));
    assert_eq!(event["event"]["outcome"], "failure");
    assert_eq!(event["source"]["ip"], "10.9.9.9");
    assert_eq!(event["message"], "Administrator admin login failed");
}

#[test]
fn oddities_are_told() {
    let (event, _) = decode(
        r#"date=2026-13-01 time=08:09:10 logid="1" type="traffic" srcport=99999 sentbyte=x srcip=10.0.0.300 a="b"#,
    );
    let defects = json!(["time_missing", "time_unreadable", "unbalanced_quote", "number_invalid"]);
    assert_eq!(event["noroshi"]["defects"], defects);
    assert_eq!(event["fortinet"]["firewall"]["srcip"], "10.0.0.300");
}
