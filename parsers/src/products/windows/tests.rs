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

const PROCESS_SHAPES: &[&str] = &[
    // Winlogbeat, nested.
    r#"{"@timestamp":"2026-03-01T08:09:11Z","event":{"code":"4688","provider":"Microsoft-Windows-Security-Auditing","kind":"event"},"host":{"name":"ws1.bank.example"},"winlog":{"channel":"Security","computer_name":"ws1.bank.example","event_id":"4688","provider_name":"Microsoft-Windows-Security-Auditing","record_id":7,"time_created":"2026-03-01T08:09:10.500Z","keywords":["Audit Success"],"event_data":{"SubjectUserSid":"S-1-5-21-1","SubjectUserName":"aoki","SubjectDomainName":"BANK","SubjectLogonId":"0x1","NewProcessId":"0x1f4","NewProcessName":"C:\\Windows\\System32\\cmd.exe","ProcessId":"0x10","CommandLine":"cmd.exe /c \"who am i\" x","ParentProcessName":"C:\\Windows\\explorer.exe"}}}"#,
    // Winlogbeat, dotted.
    r#"{"@timestamp":"2026-03-01T08:09:11Z","winlog.channel":"Security","winlog.computer_name":"ws1.bank.example","winlog.event_id":4688,"winlog.provider_name":"Microsoft-Windows-Security-Auditing","winlog.record_id":"7","winlog.time_created":"2026-03-01T08:09:10.500Z","winlog.keywords":["Audit Success"],"winlog.event_data.SubjectUserSid":"S-1-5-21-1","winlog.event_data.SubjectUserName":"aoki","winlog.event_data.SubjectDomainName":"BANK","winlog.event_data.SubjectLogonId":"0x1","winlog.event_data.NewProcessId":"0x1f4","winlog.event_data.NewProcessName":"C:\\Windows\\System32\\cmd.exe","winlog.event_data.ProcessId":"0x10","winlog.event_data.CommandLine":"cmd.exe /c \"who am i\" x","winlog.event_data.ParentProcessName":"C:\\Windows\\explorer.exe"}"#,
    // NXLog, flat.
    r#"{"EventTime":"2026-03-01 08:09:10.500","Hostname":"ws1.bank.example","Keywords":-9214364837600034816,"EventType":"AUDIT_SUCCESS","EventID":4688,"SourceName":"Microsoft-Windows-Security-Auditing","Channel":"Security","RecordNumber":7,"SubjectUserSid":"S-1-5-21-1","SubjectUserName":"aoki","SubjectDomainName":"BANK","SubjectLogonId":"0x1","NewProcessId":"0x1f4","NewProcessName":"C:\\Windows\\System32\\cmd.exe","ProcessId":"0x10","CommandLine":"cmd.exe /c \"who am i\" x","ParentProcessName":"C:\\Windows\\explorer.exe"}"#,
    // The tree of an EVTX dump.
    r##"{"Event":{"#attributes":{"xmlns":"http://schemas.microsoft.com/win/2004/08/events/event"},"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Security-Auditing"}},"EventID":{"#attributes":{"Qualifiers":0},"#text":4688},"Keywords":"0x8020000000000000","TimeCreated":{"#attributes":{"SystemTime":"2026-03-01T08:09:10.500000Z"}},"EventRecordID":7,"Channel":"Security","Computer":"ws1.bank.example"},"EventData":{"SubjectUserSid":"S-1-5-21-1","SubjectUserName":"aoki","SubjectDomainName":"BANK","SubjectLogonId":"0x1","NewProcessId":"0x1f4","NewProcessName":"C:\\Windows\\System32\\cmd.exe","ProcessId":"0x10","CommandLine":"cmd.exe /c \"who am i\" x","ParentProcessName":"C:\\Windows\\explorer.exe"}}}"##,
    // Wazuh.
    r#"{"timestamp":"2026-03-01T08:09:12.000+0000","rule":{"id":"67027","level":3,"description":"x"},"agent":{"id":"001","name":"ws1"},"data":{"win":{"system":{"providerName":"Microsoft-Windows-Security-Auditing","eventID":"4688","keywords":"0x8020000000000000","systemTime":"2026-03-01T08:09:10.5000000Z","eventRecordID":"7","channel":"Security","computer":"ws1.bank.example","severityValue":"AUDIT_SUCCESS"},"eventdata":{"subjectUserSid":"S-1-5-21-1","subjectUserName":"aoki","subjectDomainName":"BANK","subjectLogonId":"0x1","newProcessId":"0x1f4","newProcessName":"C:\\Windows\\System32\\cmd.exe","processId":"0x10","commandLine":"cmd.exe /c \"who am i\" x","parentProcessName":"C:\\Windows\\explorer.exe"}}}}"#,
    // XML.
    r#"<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><Provider Name="Microsoft-Windows-Security-Auditing"/><EventID>4688</EventID><Keywords>0x8020000000000000</Keywords><TimeCreated SystemTime="2026-03-01T08:09:10.500Z"/><EventRecordID>7</EventRecordID><Channel>Security</Channel><Computer>ws1.bank.example</Computer></System><EventData><Data Name="SubjectUserSid">S-1-5-21-1</Data><Data Name="SubjectUserName">aoki</Data><Data Name="SubjectDomainName">BANK</Data><Data Name="SubjectLogonId">0x1</Data><Data Name="NewProcessId">0x1f4</Data><Data Name="NewProcessName">C:\Windows\System32\cmd.exe</Data><Data Name="ProcessId">0x10</Data><Data Name="CommandLine">cmd.exe /c &quot;who am i&quot; x</Data><Data Name="ParentProcessName">C:\Windows\explorer.exe</Data></EventData></Event>"#,
];

#[test]
fn all_shapes_yield_the_same_event() {
    for record in PROCESS_SHAPES {
        let (event, log_source) = decode(record);
        assert_eq!(log_source, "windows_security_process", "{record}");
        assert_eq!(event["@timestamp"], "2026-03-01T08:09:10.500Z", "{record}");
        assert_eq!(event["event"]["code"], "4688");
        assert_eq!(event["event"]["action"], "created-process");
        assert_eq!(event["event"]["category"], json!(["process"]));
        assert_eq!(event["event"]["outcome"], "success", "{record}");
        assert_eq!(event["event"]["provider"], "Microsoft-Windows-Security-Auditing");
        assert_eq!(event["host"]["name"], "ws1.bank.example");
        assert_eq!(event["user"], json!({"id": "S-1-5-21-1", "name": "aoki", "domain": "BANK"}));
        let process = &event["process"];
        assert_eq!(process["pid"], 500);
        assert_eq!(process["name"], "cmd.exe");
        assert_eq!(process["args"], json!(["cmd.exe", "/c", "who am i", "x"]));
        assert_eq!(process["parent"]["name"], "explorer.exe");
        assert_eq!(process["parent"]["pid"], 16);
        let winlog = &event["winlog"];
        assert_eq!(winlog["channel"], "Security");
        assert_eq!(winlog["record_id"], "7", "{record}");
        assert_eq!(winlog["event_id"], "4688", "{record}");
        for (name, value) in [
            ("CommandLine", "cmd.exe /c \"who am i\" x"),
            ("Image", "C:\\Windows\\System32\\cmd.exe"),
            ("ParentImage", "C:\\Windows\\explorer.exe"),
            ("User", "aoki"),
            ("Provider_Name", "Microsoft-Windows-Security-Auditing"),
            ("Channel", "Security"),
            ("Computer", "ws1.bank.example"),
        ] {
            assert_eq!(winlog["event_data"][name], value, "{name} of {record}");
        }
        assert!(event["noroshi"]["defects"].as_array().is_none_or(|d| d == &[json!("zone_assumed")]), "{event}");
    }
}

fn flat(event_id: u32, channel: &str, data: &str) -> (Value, &'static str) {
    decode(&format!(
        r#"{{"EventID":{event_id},"Channel":"{channel}","Computer":"dc1","TimeCreated":"2026-03-01T08:09:10Z",{data}}}"#
    ))
}

#[test]
fn a_failed_logon_says_who_whence_and_why() {
    let (event, log_source) = flat(
        4625,
        "Security",
        r#""SubjectUserName":"-","TargetUserSid":"S-1-0-0","TargetUserName":"sato","TargetDomainName":"BANK","Status":"0xc000006d","SubStatus":"0xc000006a","FailureReason":"%%2313","LogonType":"3","IpAddress":"::ffff:10.0.0.9","IpPort":"50123","WorkstationName":"KALI""#,
    );
    assert_eq!(log_source, "windows_security");
    assert_eq!(event["user"]["name"], "sato");
    assert_eq!(event["source"], json!({"ip": "10.0.0.9", "port": 50123, "domain": "KALI"}));
    assert_eq!(event["event"]["outcome"], "failure");
    assert_eq!(event["winlog"]["logon"]["type"], "Network");
    assert_eq!(event["winlog"]["logon"]["failure"]["sub_status"], "User logon with misspelled or bad password");
    assert_eq!(event["related"], json!({"ip": ["10.0.0.9"], "user": ["sato"]}));
}

#[test]
fn a_group_change_names_group_and_member() {
    let (event, _) = flat(
        4728,
        "Security",
        r#""MemberName":"CN=Sato Ken,OU=Staff,DC=BANK,DC=example","MemberSid":"S-1-5-21-9","TargetUserName":"Domain Admins","TargetDomainName":"BANK","TargetSid":"S-1-5-21-512","SubjectUserName":"aoki","SubjectUserSid":"S-1-5-21-1""#,
    );
    assert_eq!(event["group"], json!({"id": "S-1-5-21-512", "name": "Domain Admins", "domain": "BANK"}));
    assert_eq!(event["user"]["name"], "aoki");
    assert_eq!(event["user"]["target"]["name"], "Sato Ken");
    assert_eq!(event["event"]["action"], "added-member-to-group");
}

#[test]
fn sysmon_events_by_id() {
    let sysmon = "Microsoft-Windows-Sysmon/Operational";
    let (event, log_source) = flat(
        1,
        sysmon,
        r#""UtcTime":"2026-03-01 08:09:09.123","Image":"C:\\a\\b.exe","ProcessId":12,"User":"BANK\\aoki","Hashes":"MD5=00112233445566778899AABBCCDDEEFF,IMPHASH=00000000000000000000000000000000""#,
    );
    assert_eq!(log_source, "sysmon_process_creation");
    assert_eq!(event["@timestamp"], "2026-03-01T08:09:09.123Z");
    assert_eq!(event["process"]["hash"], json!({"md5": "00112233445566778899aabbccddeeff"}));
    assert_eq!(event["user"], json!({"domain": "BANK", "name": "aoki"}));

    let (event, log_source) =
        flat(13, sysmon, r#""TargetObject":"HKLM\\SOFTWARE\\Run\\x","Details":"DWORD (0x0000001f)","ProcessId":"4""#);
    assert_eq!(log_source, "sysmon_registry_set");
    assert_eq!(event["registry"]["hive"], "HKLM");
    assert_eq!(event["registry"]["data"], json!({"type": "SZ_DWORD", "strings": ["31"]}));

    let (event, log_source) = flat(
        22,
        sysmon,
        r#""QueryName":"a.example","QueryResults":"type:  5 b.example;::ffff:192.0.2.9;2001:db8::9;""#,
    );
    assert_eq!(log_source, "sysmon_dns_query");
    assert_eq!(event["dns"]["answers"]["data"], json!(["b.example", "192.0.2.9", "2001:db8::9"]));
    assert_eq!(event["dns"]["resolved_ip"], json!(["192.0.2.9", "2001:db8::9"]));

    let (event, _) = flat(
        3,
        sysmon,
        r#""Initiated":"true","SourceIp":"10.0.0.1","SourcePort":5,"DestinationIp":"192.0.2.1","DestinationPort":"443","Protocol":"tcp""#,
    );
    assert_eq!(event["destination"], json!({"ip": "192.0.2.1", "port": 443}));
    assert_eq!(event["network"]["direction"], "egress");
}

#[test]
fn odd_values_are_told_and_lose_nothing() {
    let (event, _) = flat(4688, "Security", r#""NewProcessId":"0xzz","NewProcessName":"","CommandLine":"\"a"#);
    assert_eq!(event["noroshi"]["defects"], json!(["json_malformed", "number_invalid"]));
    let (event, _) = decode(r#"{"EventID":"x","Channel":"Security"}"#);
    assert_eq!(event["noroshi"]["product"], "json");
    assert_eq!(event["json"]["Channel"], "Security");
}
