use serde_json::json;

use crate::testing::document;

#[test]
fn a_process_start_has_its_initiator_as_parent() {
    let event = document(
        r#"{"category":"AdvancedHunting-DeviceProcessEvents","tenantId":"t","time":"2026-03-01T08:10:00Z","properties":{"Timestamp":"2026-03-01T08:09:10.1234567Z","ActionType":"ProcessCreated","DeviceName":"pc1","FileName":"b.exe","FolderPath":"C:\\a\\b.exe","ProcessId":8,"ProcessCommandLine":"\"C:\\a\\b.exe\" /x","AccountName":"aoki","InitiatingProcessFileName":"cmd.exe","InitiatingProcessId":7}}"#,
    );
    assert_eq!(event["noroshi"]["product"], "m365_defender");
    assert_eq!(event["process"]["pid"], 8);
    assert_eq!(event["process"]["parent"]["pid"], 7);
    assert_eq!(event["process"]["args"], json!(["C:\\a\\b.exe", "/x"]));
    assert_eq!(event["event"]["action"], "start");
}

#[test]
fn fields_within_a_string_are_read() {
    let event = document(
        r#"{"category":"AdvancedHunting-DeviceNetworkEvents","properties":{"Timestamp":"2026-03-01T08:09:10Z","ActionType":"SshConnectionInspected","LocalIP":"10.1.2.3","LocalPort":22,"RemoteIP":"192.0.2.9","RemotePort":50000,"Protocol":"Tcp","AdditionalFields":"{\"direction\":\"In\"}"}}"#,
    );
    assert_eq!(event["source"], json!({"ip": "192.0.2.9", "port": 50000}));
    assert_eq!(event["network"], json!({"direction": "inbound", "transport": "tcp", "protocol": "ssh"}));
}
