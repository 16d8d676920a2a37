use serde_json::json;

use crate::testing::document;

#[test]
fn json_and_columns_of_a_connection_say_the_same() {
    let by_json = document(
        r#"{"ts":1772352550.123456,"uid":"CAbCdEf1234567890","id.orig_h":"192.0.2.1","id.orig_p":40000,"id.resp_h":"198.51.100.2","id.resp_p":443,"proto":"tcp","service":"ssl","duration":0.10412883758544922,"orig_bytes":10,"resp_bytes":20,"conn_state":"SF","local_orig":true,"local_resp":false,"missed_bytes":0,"history":"ShADadFf","orig_pkts":3,"orig_ip_bytes":130,"resp_pkts":2,"resp_ip_bytes":100}"#,
    );
    let by_columns = document(
        "1772352550.123456\tCAbCdEf1234567890\t192.0.2.1\t40000\t198.51.100.2\t443\ttcp\tssl\t0.10412883758544922\t10\t20\tSF\tT\tF\t0\tShADadFf\t3\t130\t2\t100\t-",
    );
    for event in [&by_json, &by_columns] {
        assert_eq!(event["@timestamp"], "2026-03-01T08:09:10.123456Z");
        assert_eq!(event["event"]["dataset"], "zeek.connection");
        assert_eq!(event["event"]["duration"], 104_128_838);
        assert_eq!(event["network"]["direction"], "outbound");
        assert_eq!(event["network"]["bytes"], 230);
        assert_eq!(event["event"]["type"], json!(["connection", "start", "end"]));
    }
    assert_eq!(by_json["zeek"], by_columns["zeek"]);
    assert_eq!(by_json["source"], by_columns["source"]);
}

#[test]
fn names_without_dots_are_the_same_names() {
    let event = document(
        r#"{"@stream":"conn","ts":1772352550.123456,"uid":"CAbCdEf1234567890","id_orig_h":"192.0.2.1","id_orig_p":40000,"id_resp_h":"198.51.100.2","id_resp_p":5985,"proto":"tcp","conn_state":"SF"}"#,
    );
    assert_eq!(event["event"]["dataset"], "zeek.connection");
    assert_eq!(event["source"]["ip"], "192.0.2.1");
    assert_eq!(event["destination"]["port"], 5985);
}

#[test]
fn escapes_and_sets_of_the_columns_are_read() {
    let event = document(
        "1772352550.123456\tCAbCdEf1234567890\t192.0.2.1\t5353\t198.51.100.2\t53\tudp\t7\t0.01\twww.example.com\t1\tC_INTERNET\t1\tA\t0\tNOERROR\tF\tF\tT\tT\t0\t192.0.2.80,alias\\x2cwith comma\t60.0,5.0\tF",
    );
    assert_eq!(event["event"]["dataset"], "zeek.dns");
    assert_eq!(event["dns"]["answers"]["data"], json!(["192.0.2.80", "alias,with comma"]));
    assert_eq!(event["dns"]["resolved_ip"], json!(["192.0.2.80"]));
    assert_eq!(event["dns"]["header_flags"], json!(["RD", "RA"]));
}

#[test]
fn documents_of_others_are_left_alone() {
    for record in [
        r#"{"ts":1772352550.1,"msg":"started"}"#,
        r#"{"ts":"soon","conn_state":"SF"}"#,
        r#"{"ts":1772352550.1,"host":"web1"}"#,
    ] {
        assert_ne!(document(record)["noroshi"]["product"], "zeek", "{record}");
    }
}
