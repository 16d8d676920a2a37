use serde_json::{Value, json};

fn decode(record: &str) -> Value {
    crate::testing::document(record)
}

#[test]
fn columns_show_what_they_are() {
    let event = decode(
        "2026-03-01 08:09:10 W3SVC2 WEB01 10.1.2.3 GET /app/index.aspx id=1&q=a+b%2Fc 443 EXAMPLE\\aoki 198.51.100.7 HTTP/2.0 Agent/1.0+(X) sid=1 https://ref.example.com/ www.example.com:443 200 0 64 512 256 31 203.0.113.9,10.0.0.1 50000",
    );
    assert_eq!(event["noroshi"]["product"], "iis");
    assert_eq!(event["@timestamp"], "2026-03-01T08:09:10Z");
    assert_eq!(event["user"], json!({"name": "aoki", "domain": "EXAMPLE"}));
    assert_eq!(event["url"]["query"], "id=1&q=a b/c");
    assert_eq!(event["http"]["request"]["body"]["bytes"], 256);
    assert_eq!(event["http"]["response"]["body"]["bytes"], 512);
    assert_eq!(event["event"]["duration"], 31_000_000);
    assert_eq!(event["source"], json!({"address": "198.51.100.7", "ip": "198.51.100.7", "port": 50000}));
    assert_eq!(event["destination"]["domain"], "www.example.com");
    assert_eq!(event["host"]["name"], "web01");
    assert_eq!(event["network"]["forwarded_ip"], "203.0.113.9");
    assert_eq!(event["iis"]["access"]["win32_status"], 64);
}

#[test]
fn what_is_not_of_iis_is_left_alone() {
    for record in [
        "2026-03-01 08:09:10 something happened",
        "2026-03-01 08:09:10 W3SVC1 10.1.2.3 GET",
        "2026-03-01 08:09:10 10.1.2.3 GET / - 80 - 10.1.2.4",
        "2026-03-01 08:09:10",
    ] {
        assert_ne!(decode(record)["noroshi"]["product"], "iis", "{record}");
    }
}
