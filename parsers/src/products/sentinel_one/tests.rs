use serde_json::json;

use crate::testing::document;

#[test]
fn members_that_look_like_the_schema_s_are_the_vendor_s() {
    let event = document(
        r#"{"event.category":"process","event.type":"Process Creation","event.time":1772352550123,"event.id":"1","site.id":"s","endpoint.name":"PC1","endpoint.os":"windows","agent.uuid":"u","src.process.pid":7,"src.process.user":"EXAMPLE\\aoki","tgt.process.pid":8,"tgt.process.cmdline":"\"c:\\a b.exe\" /x"}"#,
    );
    assert_eq!(event["noroshi"]["product"], "sentinel_one");
    assert_eq!(event["event"]["category"], json!(["process"]));
    assert_eq!(event["event"]["type"], json!(["start"]));
    assert_eq!(event["process"]["pid"], 8);
    assert_eq!(event["process"]["parent"]["pid"], 7);
    assert_eq!(event["process"]["args"], json!(["c:\\a b.exe", "/x"]));
    assert_eq!(event["user"], json!({"name": "aoki", "domain": "EXAMPLE"}));
}

#[test]
fn sign_ins_to_the_console() {
    let event = document(
        r#"{"activityType":27,"createdAt":"2026-03-01T08:09:10.1Z","primaryDescription":"The management user Aoki failed to log in to the management console.","data":{"username":"Aoki","ipAddress":"192.0.2.7"},"userId":"1"}"#,
    );
    assert_eq!(event["event"]["outcome"], "failure");
    assert_eq!(event["host"]["ip"], json!(["192.0.2.7"]));
}
