use serde_json::json;

use crate::testing::document;

#[test]
fn fast_lines_with_and_without_a_year() {
    for (stamp, time) in [
        ("03/01-08:09:10.123456", "2026-03-01T08:09:10.123456Z"),
        ("12/31-23:59:59.000001", "2025-12-31T23:59:59.000001Z"),
        ("03/01/24-08:09:10.123456", "2024-03-01T08:09:10.123456Z"),
        ("03/01/2024-08:09:10.123456", "2024-03-01T08:09:10.123456Z"),
        ("02/29-08:09:10.123456", "2024-02-29T08:09:10.123456Z"),
    ] {
        let event = document(&format!(
            "{stamp}  [**] [1:2000001:3] \"EXAMPLE [test] rule\" [**] [Classification: Misc activity] [Priority: 3] {{TCP}} 2001:db8::1:4444 -> 198.51.100.2:80"
        ));
        assert_eq!(event["@timestamp"], time);
        assert_eq!(event["rule"]["description"], "EXAMPLE [test] rule");
        assert_eq!(event["source"], json!({"ip": "2001:db8::1", "address": "2001:db8::1", "port": 4444}));
    }
}

#[test]
fn default_columns_of_snort_3() {
    let event =
        document("03/01-08:09:10.123456, 7, TCP, raw, 60, C2S, 192.0.2.1:4444, 198.51.100.2:80, 1:2000001:3, block");
    assert_eq!(event["noroshi"]["product"], "snort");
    assert_eq!(event["rule"]["id"], "2000001");
    assert_eq!(event["event"]["type"], json!(["denied"]));
    assert_eq!(event["destination"]["port"], 80);
}

#[test]
fn json_with_the_default_members() {
    let event = document(
        "{\"timestamp\":\"03/01-08:09:10.123456\",\"pkt_num\":7,\"proto\":\"ICMP\",\"pkt_gen\":\"raw\",\"pkt_len\":60,\"dir\":\"C2S\",\"src_ap\":\"192.0.2.1:0\",\"dst_ap\":\"198.51.100.2:0\",\"rule\":\"1:408:5\",\"action\":\"allow\"}",
    );
    assert_eq!(event["noroshi"]["product"], "snort");
    assert_eq!(event["rule"], json!({"id": "408", "version": "5"}));
    assert_eq!(event["source"], json!({"ip": "192.0.2.1", "address": "192.0.2.1"}));
}
