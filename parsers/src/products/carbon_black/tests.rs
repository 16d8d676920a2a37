use serde_json::json;

use crate::testing::document;

#[test]
fn an_endpoint_event() {
    let event = document(
        r#"{"type":"endpoint.event.netconn","org_key":"ABC","device_id":"7","device_name":"EXAMPLE\\PC1","device_os":"WINDOWS","device_timestamp":"2026-03-01 08:09:10.1234567 +0000 UTC","process_guid":"ABC-1","process_path":"c:\\a\\b.exe","process_hash":["0123456789abcdef0123456789abcdef","0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"],"local_ip":"10.1.2.3","local_port":40000,"remote_ip":"192.0.2.1","remote_port":443,"netconn_inbound":false,"netconn_protocol":"PROTO_TCP"}"#,
    );
    assert_eq!(event["noroshi"]["product"], "carbon_black_cloud");
    assert_eq!(event["@timestamp"], "2026-03-01T08:09:10.123456700Z");
    assert_eq!(event["host"]["name"], "PC1");
    assert_eq!(event["client"], json!({"ip": "10.1.2.3", "port": 40000}));
    assert_eq!(event["network"], json!({"transport": "tcp", "direction": "outbound"}));
    assert_eq!(event["process"]["hash"].as_object().map(|hash| hash.len()), Some(2));
}

#[test]
fn a_forwarded_connection() {
    let event = document(
        r#"{"type":"ingress.event.netconn","cb_server":"cb.example.com","timestamp":1772352550,"computer_name":"PC1","direction":"inbound","local_ip":"10.1.2.3","local_port":445,"remote_ip":"10.1.2.9","remote_port":50000,"protocol":6,"md5":"0123456789ABCDEF0123456789ABCDEF","pid":4,"process_guid":"1"}"#,
    );
    assert_eq!(event["noroshi"]["product"], "carbonblack_edr");
    assert_eq!(event["source"], json!({"ip": "10.1.2.9", "port": 50000}));
    assert_eq!(event["destination"], json!({"ip": "10.1.2.3", "port": 445}));
    assert_eq!(event["event"]["category"], json!(["network"]));
}
