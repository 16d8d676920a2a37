use serde_json::json;

use crate::testing::document;

#[test]
fn a_session_through_the_psm() {
    let event = document(
        r#"<5>1 2026-03-01T08:09:10Z VAULT {"format":"elastic","version":"1.0","syslog":{"audit_record":{"IsoTimestamp":"2026-03-01T08:09:10Z","Hostname":"VAULT","Vendor":"Cyber-Ark","Product":"Vault","Version":"12.0","MessageID":"302","Desc":"PSM Disconnect","Severity":"Info","Issuer":"aoki","Station":"10.1.2.3","File":" ","ExtraDetails":"Command=a\\;b;DstHost=db1.example.com;Protocol=SSH;SessionDuration=100:00:07;SrcHost=192.0.2.9;User=root;"}}}"#,
    );
    assert_eq!(event["noroshi"]["product"], "cyberark_pas");
    assert_eq!(event["event"]["duration"], 360_007_000_000_000_i64);
    assert_eq!(event["source"], json!({"address": "192.0.2.9", "ip": "192.0.2.9", "user": {"name": "aoki"}}));
    assert_eq!(event["destination"]["domain"], "db1.example.com");
    assert_eq!(event["destination"]["user"]["name"], "root");
    assert_eq!(event["network"]["application"], "ssh");
    assert_eq!(event["file"], json!(null));
}

#[test]
fn failures_of_the_cpm() {
    let event = document(
        r#"{"syslog":{"audit_record":{"IsoTimestamp":"2026-03-01T08:09:10Z","MessageID":"38","Desc":"CPM Verify Password Failed","Severity":"Error","Issuer":"PasswordManager","Reason":"ImmediateTask. Failure. Code: 2101, Error: no route\n","ExtraDetails":"","CAProperties":{"CAProperty":[{"Name":"UserName","Value":"svc"},{"Name":"Address","Value":"10.1.2.9"}]}}}}"#,
    );
    assert_eq!(event["event"]["outcome"], "failure");
    assert_eq!(event["event"]["reason"], "no route");
    assert_eq!(event["destination"], json!({"user": {"name": "svc"}, "address": "10.1.2.9", "ip": "10.1.2.9"}));
}
