use serde_json::json;

use crate::testing::document;

#[test]
fn a_process_start() {
    let event = document(
        r#"{"event_simpleName":"ProcessRollup2","aid":"0123456789abcdef0123456789abcdef","cid":"fedcba98","aip":"192.0.2.1 198.51.100.2","event_platform":"Win","timestamp":"1772352550123","CommandLine":"\"C:\\Program Files\\a b.exe\" /x","ImageFileName":"\\Device\\HarddiskVolume1\\Program Files\\a b.exe","SHA1HashData":"0000000000000000000000000000000000000000","SHA256HashData":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","TargetProcessId":"77","RawProcessId":"12"}"#,
    );
    assert_eq!(event["noroshi"]["product"], "crowdstrike_fdr");
    assert_eq!(event["@timestamp"], "2026-03-01T08:09:10.123Z");
    assert_eq!(event["process"]["args"], json!(["C:\\Program Files\\a b.exe", "/x"]));
    assert_eq!(event["process"]["hash"].as_object().map(|hash| hash.len()), Some(1));
    assert_eq!(event["observer"]["ip"], json!(["192.0.2.1", "198.51.100.2"]));
    assert_eq!(event["event"]["category"], json!(["process"]));
}

#[test]
fn names_not_listed_are_read_by_their_parts() {
    let event = document(
        r#"{"event_simpleName":"ZipFileWritten","aid":"01","event_platform":"Lin","TargetFileName":"/tmp/a.zip"}"#,
    );
    assert_eq!(event["event"]["type"], json!(["creation"]));
    assert_eq!(event["file"]["name"], "a.zip");
}
