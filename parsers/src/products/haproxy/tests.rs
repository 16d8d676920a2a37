use serde_json::json;

use crate::testing::document;

#[test]
fn https_format() {
    let event = document(
        "<134>Mar  1 08:09:11 lb1 haproxy[77]: 192.0.2.9:40001 [01/Mar/2026:08:09:10.250] fe~ be/srv2 1/0/-1/20/+31 200 +512 - - ---- 3/2/1/1/0 0/0 {www.example.com|Agent} {text/html} \"GET /a.html?q=1 HTTP/2.0\" 0/0/0/0/1 www.example.com/TLSv1.3/TLS_AES_128_GCM_SHA256",
    );
    assert_eq!(event["noroshi"]["product"], "haproxy");
    assert_eq!(event["@timestamp"], "2026-03-01T08:09:10.250Z");
    assert_eq!(event["event"]["duration"], 31_000_000);
    assert_eq!(event["haproxy"]["http"]["request"]["captured_headers"], json!(["www.example.com", "Agent"]));
    assert_eq!(event["haproxy"]["connection_wait_time_ms"], -1);
    assert_eq!(event["tls"]["resumed"], true);
    assert_eq!(event["tls"]["version"], "1.3");
    assert_eq!(event["url"]["query"], "q=1");
    assert_eq!(event["http"]["response"]["bytes"], 512);
}

#[test]
fn bad_requests_and_cut_lines() {
    let event = document(
        "<134>Mar  1 08:09:11 lb1 haproxy[77]: 192.0.2.9:40001 [01/Mar/2026:08:09:10.250] fe fe/<NOSRV> -1/-1/-1/-1/50 400 187 - - PR-- 3/2/0/0/0 0/0 \"<BADREQ>\"",
    );
    assert_eq!(event["event"]["outcome"], "failure");
    assert_eq!(event["http"]["request"], json!(null));
    let event = document("haproxy[77]: 192.0.2.9:40001 [01/Mar/2026:08:09:10.250] fe be/srv2 1/0/5 99 CD 3/2");
    assert_eq!(event["noroshi"]["product"], "haproxy");
    assert_eq!(event["noroshi"]["defects"], json!(["zone_assumed", "truncated"]));
}
