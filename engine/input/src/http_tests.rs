//! HTTP over loopback, spoken byte by byte.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::*;
use crate::testing::{DEADLINE, Keeper, Mode, Still, count};
use crate::{InputSpec, InputType, RecordFlags};

const TOKEN: &str = "Splunk 0123456789abcdef-test";

fn spec(dir: &tempfile::TempDir) -> InputSpec {
    let path = dir.path().join("tokens");
    std::fs::write(&path, "test 0123456789abcdef-test\n").unwrap();
    let mut spec = InputSpec::new("http", InputType::Http);
    spec.listen = Some("127.0.0.1:0".parse().unwrap());
    spec.token_file = Some(path);
    spec
}

fn open() -> InputSpec {
    let mut spec = InputSpec::new("http", InputType::Http);
    spec.listen = Some("127.0.0.1:0".parse().unwrap());
    spec
}

fn connect(keeper: &Keeper) -> TcpStream {
    let stream = TcpStream::connect(keeper.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Sends a request of these header lines and this body.
fn send(stream: &mut TcpStream, head: &str, body: &[u8]) {
    let head = head.replace('\n', "\r\n");
    stream.write_all(format!("{head}\r\nHost: noroshi\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes()).unwrap();
    stream.write_all(body).unwrap();
}

/// Reads one answer: its state, its header in small letters, its body.
#[track_caller]
fn receive(stream: &mut TcpStream) -> (u16, String, String) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).expect("an answer in time"), 1, "{}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let status = head["http/1.1 ".len()..][..3].parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (status, head, String::from_utf8(body).unwrap())
}

#[track_caller]
fn exchange(keeper: &Keeper, head: &str, body: &[u8]) -> (u16, String, String) {
    let mut stream = connect(keeper);
    send(&mut stream, head, body);
    receive(&mut stream)
}

#[track_caller]
fn check(keeper: &Keeper, head: &str, body: &[u8], status: u16, answer: &str) {
    let (got, _, body) = exchange(keeper, head, body);
    assert_eq!((got, &body[..]), (status, answer), "{head}");
}

const SUCCESS: &str = r#"{"text":"Success","code":0}"#;

#[test]
fn hec_events_come_as_they_were_written_with_what_is_said_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let keeper = Keeper::start(&[spec(&dir)]);
    let body = r#"{"time":1772445600.25,"host":"web1","source":"s","sourcetype":"t","index":"i","fields":{"env":"prod"},"event":"<13>a \"b\""}
        {"host":"web1","event":{ "x" : [1] }}{"host":"web1","event":"c"}"#;
    let head = format!("POST /services/collector HTTP/1.1\nAuthorization: {TOKEN}");
    check(&keeper, &head, body.as_bytes(), 200, SUCCESS);
    let got = keeper.got();
    assert_eq!(got.iter().map(|got| &got.text[..]).collect::<Vec<_>>(), ["<13>a \"b\"", "{ \"x\" : [1] }", "c"]);
    assert_eq!(got.iter().map(|got| got.stated_time_ns).collect::<Vec<_>>(), [1_772_445_600_250_000_000, 0, 0]);
    let said = |at: usize| match &*got[at].origin {
        Origin::Http { token, said, .. } => (token.as_deref(), said.clone().expect("said")),
        other => panic!("{other:?}"),
    };
    let whole = Said {
        host: Some("web1".into()),
        source: Some("s".into()),
        sourcetype: Some("t".into()),
        index: Some("i".into()),
        fields: Some("{\"env\":\"prod\"}".into()),
    };
    assert_eq!(said(0), (Some("test"), Box::new(whole)));
    assert_eq!(*said(1).1, Said { host: Some("web1".into()), ..Said::default() });
    assert!(Arc::ptr_eq(&got[1].origin, &got[2].origin), "of one sender that says the same");
    let counters = keeper.stop();
    assert_eq!((count(&counters, "acknowledged"), count(&counters, "not_acknowledged")), (3, 0));
}

#[test]
fn nothing_is_answered_before_it_is_kept() {
    let keeper = Keeper::start(&[open()]);
    keeper.set(Mode::Hold);
    let mut stream = connect(&keeper);
    send(&mut stream, "POST /services/collector/raw?host=h%31 HTTP/1.1", b"one\ntwo\r\n\nthree");
    keeper.wait_held(1);
    stream.set_nonblocking(true).unwrap();
    let early = stream.read(&mut [0; 1]).expect_err("no answer yet");
    assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
    stream.set_nonblocking(false).unwrap();
    keeper.release();
    assert_eq!(receive(&mut stream).2, SUCCESS);
    assert_eq!(keeper.texts(), ["one", "two", "three"]);
    assert!(
        matches!(&*keeper.got()[0].origin, Origin::Http { said: Some(said), .. } if said.host.as_deref() == Some("h1"))
    );
    keeper.stop();
}

#[test]
fn what_is_not_kept_is_put_off_and_taken_the_next_time() {
    let keeper = Keeper::start(&[open()]);
    keeper.set(Mode::Refuse);
    let mut stream = connect(&keeper);
    send(&mut stream, "POST /services/collector HTTP/1.1", b"{\"event\":\"a\"}");
    let (status, head, body) = receive(&mut stream);
    assert_eq!((status, &body[..]), (503, r#"{"text":"Server is busy","code":9}"#));
    assert!(head.contains("retry-after: 1\r\n"), "{head}");
    send(&mut stream, "POST /logs/_bulk HTTP/1.1", b"{\"create\":{}}\n{}\n");
    let (status, _, body) = receive(&mut stream);
    assert!(status == 503 && body.contains("the disk is full"), "{body}");
    keeper.set(Mode::Keep);
    send(&mut stream, "POST /services/collector HTTP/1.1", b"{\"event\":\"a\"}");
    assert_eq!(receive(&mut stream).0, 200, "on the same connection");
    let counters = keeper.stop();
    assert_eq!((count(&counters, "acknowledged"), count(&counters, "not_acknowledged")), (1, 2));
    assert_eq!((count(&counters, "requests"), count(&counters, "requests_put_off")), (3, 2));
}

#[test]
fn hec_faults_are_told_by_their_codes_and_take_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let keeper = Keeper::start(&[spec(&dir)]);
    let event = "POST /services/collector/event HTTP/1.1\n";
    let auth = format!("Authorization: {TOKEN}");
    for (head, body, status, answer) in [
        (event.trim_end().to_owned(), "{}", 401, r#"{"text":"Token is required","code":2}"#),
        (format!("{event}Authorization: Digest x"), "{}", 401, r#"{"text":"Invalid authorization","code":3}"#),
        (format!("{event}Authorization: Splunk x"), "{}", 403, r#"{"text":"Invalid token","code":4}"#),
        (format!("{event}{auth}"), "", 400, r#"{"text":"No data","code":5}"#),
        (
            format!("{event}{auth}"),
            "{\"event\":\"a\"}x",
            400,
            r#"{"text":"Invalid data format","code":6,"invalid-event-number":1}"#,
        ),
        (
            format!("{event}{auth}"),
            "{\"host\":\"a\"}",
            400,
            r#"{"text":"Event field is required","code":12,"invalid-event-number":0}"#,
        ),
        (
            format!("{event}{auth}"),
            "{\"event\":\"\"}",
            400,
            r#"{"text":"Event field cannot be blank","code":13,"invalid-event-number":0}"#,
        ),
        (
            format!("POST /services/collector/ack HTTP/1.1\n{auth}"),
            "{}",
            400,
            r#"{"text":"Data channel is missing","code":10}"#,
        ),
        (
            format!("POST /services/collector?channel=x HTTP/1.1\n{auth}"),
            "{}",
            400,
            r#"{"text":"Invalid data channel","code":11}"#,
        ),
        ("GET /services/collector/health HTTP/1.1".to_owned(), "", 200, r#"{"text":"HEC is healthy","code":17}"#),
    ] {
        check(&keeper, &head, body.as_bytes(), status, answer);
    }
    assert!(keeper.got().is_empty());
    let counters = keeper.stop();
    assert_eq!((count(&counters, "requests_unauthorized"), count(&counters, "requests_malformed")), (3, 4));
}

#[test]
fn a_channel_gets_ids_that_are_acknowledged() {
    let keeper = Keeper::start(&[open()]);
    let channel = "X-Splunk-Request-Channel: 0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f";
    let first = first_ack(Still.now_ns());
    for id in [first, first + 1] {
        let head = format!("POST /services/collector HTTP/1.1\n{channel}");
        check(&keeper, &head, b"{\"event\":1}", 200, &format!(r#"{{"text":"Success","code":0,"ackId":{id}}}"#));
    }
    let head = format!("POST /services/collector/ack HTTP/1.1\n{channel}");
    let asked = format!("{{\"acks\":[{first},{},{}]}}", first + 1, first + 2);
    let told = format!("{{\"acks\":{{\"{first}\":true,\"{}\":true,\"{}\":false}}}}", first + 1, first + 2);
    check(&keeper, &head, asked.as_bytes(), 200, &told);
    keeper.stop();
}

#[test]
fn bulk_items_are_answered_one_by_one() {
    let keeper = Keeper::start(&[open()]);
    let body = b"{\"index\":{\"_id\":\"7\"}}\n{\"a\": 1}\n{\"delete\":{\"_id\":\"7\"}}\n{\"create\":{\"_index\":\"x\"}}\nnot json\n{\"update\":{}}\n{}\n";
    let (status, head, answer) =
        exchange(&keeper, "POST /logs/_bulk HTTP/1.1\nContent-Type: application/x-ndjson", body);
    assert!(status == 200 && head.contains("x-elastic-product: elasticsearch"), "{head}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["errors"], true);
    let told: Vec<String> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let (action, told) = item.as_object().unwrap().iter().next().unwrap();
            format!("{action} {} {} {}", told["_index"], told["status"], told["error"]["type"])
        })
        .collect();
    assert_eq!(
        told,
        [
            "index \"logs\" 201 null",
            "delete \"logs\" 400 \"illegal_argument_exception\"",
            "create \"x\" 201 null",
            "update \"logs\" 400 \"illegal_argument_exception\"",
        ]
    );
    assert_eq!(keeper.texts(), ["{\"a\": 1}", "not json"]);
    let brief = "POST /_bulk?filter_path=errors%2Citems.*.error%2Citems.*.status HTTP/1.1";
    check(
        &keeper,
        brief,
        b"{\"create\":{}}\n{}\n",
        200,
        r#"{"took":0,"errors":false,"items":[{"create":{"status":201}}]}"#,
    );
    let (status, _, answer) = exchange(&keeper, "POST /_bulk HTTP/1.1", b"{\"create\":{}}\n{}\n{\"x\":1}\n");
    assert!(status == 400 && answer.contains("line [3]"), "{answer}");
    assert_eq!(keeper.got().len(), 3, "nothing of a broken body");
    keeper.stop();
}

#[test]
fn what_shippers_ask_before_they_send_is_answered() {
    let keeper = Keeper::start(&[open()]);
    for (request, status, part) in [
        ("GET / HTTP/1.1", 200, "You Know, for Search"),
        ("HEAD / HTTP/1.1", 200, ""),
        ("GET /_license?human=false HTTP/1.1", 200, "\"active\""),
        ("GET /_cluster/health HTTP/1.1", 200, "green"),
        ("HEAD /_index_template/filebeat-8.11.0 HTTP/1.1", 200, ""),
        ("PUT /_ilm/policy/filebeat HTTP/1.1", 200, "acknowledged"),
        ("GET /secrets/_search HTTP/1.1", 404, "index_not_found_exception"),
        ("DELETE /logs HTTP/1.1", 405, "illegal_argument_exception"),
    ] {
        let mut stream = connect(&keeper);
        stream.write_all(format!("{request}\r\nHost: noroshi\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(part), "{request}: {answer}");
    }
    keeper.stop();
}

#[test]
fn packed_and_chunked_bodies_are_read_and_bombs_are_not() {
    let mut spec = open();
    spec.body_bytes_max = Some(1 << 20);
    let keeper = Keeper::start(&[spec]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"{\"event\":\"packed\"}").unwrap();
    check(
        &keeper,
        "POST /services/collector HTTP/1.1\nContent-Encoding: gzip",
        &packed.finish().unwrap(),
        200,
        SUCCESS,
    );
    let mut stream = connect(&keeper);
    stream.write_all(b"POST /services/collector/raw HTTP/1.1\r\nHost: n\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n5\r\n\ntwo\n\r\n0\r\n\r\n").unwrap();
    assert_eq!(receive(&mut stream).2, SUCCESS);
    assert_eq!(keeper.texts(), ["packed", "one", "two"]);
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b' '; 64 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    assert_eq!(exchange(&keeper, "POST /_bulk HTTP/1.1\nContent-Encoding: gzip", &bomb).0, 413);
    assert_eq!(exchange(&keeper, "POST /_bulk HTTP/1.1", &vec![b'x'; (1 << 20) + 1]).0, 413);
    assert_eq!(exchange(&keeper, "POST /_bulk HTTP/1.1\nContent-Encoding: gzip", b"no gzip").0, 400);
    assert_eq!(exchange(&keeper, "POST /_bulk HTTP/1.1\nContent-Encoding: br", b"x").0, 415);
    let counters = keeper.stop();
    assert_eq!((count(&counters, "requests_too_long"), count(&counters, "requests_malformed")), (2, 2));
}

#[test]
fn a_request_that_breaks_off_leaves_nothing_behind() {
    let keeper = Keeper::start(&[open()]);
    let mut stream = connect(&keeper);
    stream
        .write_all(b"POST /services/collector/raw HTTP/1.1\r\nHost: n\r\nContent-Length: 100\r\n\r\none\ntwo\n")
        .unwrap();
    drop(stream);
    let mut stream = connect(&keeper);
    stream.write_all(b"POST /services/coll").unwrap();
    drop(stream);
    check(&keeper, "POST /services/collector/raw HTTP/1.1", b"three\n", 200, SUCCESS);
    keeper.wait_count("connections_open", 0);
    assert_eq!(keeper.texts(), ["three"]);
    let counters = keeper.stop();
    assert_eq!((count(&counters, "requests_broken_off"), count(&counters, "records")), (1, 1));
}

#[test]
fn when_too_much_is_in_flight_senders_are_told_to_come_again() {
    let mut spec = open();
    spec.body_bytes_max = Some(65_536);
    spec.in_flight_bytes_max = Some(65_536);
    let keeper = Keeper::start(&[spec]);
    keeper.set(Mode::Hold);
    let mut first = connect(&keeper);
    send(&mut first, "POST /services/collector/raw HTTP/1.1", &[b'x'; 60_000]);
    keeper.wait_held(1);
    let raw = "POST /services/collector/raw HTTP/1.1";
    let (status, head, body) = exchange(&keeper, raw, &[b'y'; 10_000]);
    assert_eq!((status, &body[..]), (429, r#"{"text":"Server is busy","code":9}"#));
    assert!(head.contains("retry-after: 1\r\n"), "{head}");
    check(
        &keeper,
        "GET /services/collector/health HTTP/1.1",
        b"",
        503,
        r#"{"text":"HEC is unhealthy, queues are full","code":18}"#,
    );
    keeper.release();
    assert_eq!(receive(&mut first).0, 200);
    keeper.set(Mode::Keep);
    assert_eq!(exchange(&keeper, raw, &[b'y'; 10_000]).0, 200, "there is room again");
    assert_eq!(keeper.got().len(), 2);
    keeper.stop();
}

#[test]
fn a_numbered_batch_is_kept_once_however_often_it_is_sent() {
    let keeper = Keeper::start(&[open()]);
    let numbered = |n: &str| format!("POST /services/collector/raw HTTP/1.1\nX-Noroshi-Batch: web1/{n}");
    keeper.set(Mode::Refuse);
    assert_eq!(exchange(&keeper, &numbered("5"), b"a\nb\n").0, 503);
    keeper.set(Mode::Hold);
    let mut slow = connect(&keeper);
    send(&mut slow, &numbered("5"), b"a\nb\n");
    keeper.wait_held(1);
    assert_eq!(exchange(&keeper, &numbered("5"), b"a\nb\n").0, 429, "it is on its way");
    // The sender hangs up without its answer; its batch is kept all the same.
    drop(slow);
    keeper.release();
    keeper.set(Mode::Keep);
    check(&keeper, &numbered("5"), b"a\nb\n", 200, SUCCESS);
    check(&keeper, &numbered("6"), b"c\n", 200, SUCCESS);
    assert_eq!(keeper.texts(), ["a", "b", "a", "b", "c"], "the first two were refused");
    for odd in ["", "x", "-1", "18446744073709551616"] {
        assert_eq!(exchange(&keeper, &numbered(odd), b"d\n").0, 400, "{odd}");
    }
    let numbers: Vec<u64> = keeper.numbers().iter().map(|number| number.sequence).collect();
    assert_eq!(numbers, [5, 5, 6]);
    let counters = keeper.stop();
    assert_eq!((count(&counters, "batches_repeated"), count(&counters, "acknowledged")), (1, 3));
}

#[test]
fn a_numbered_request_is_one_batch_and_a_long_record_comes_in_parts() {
    let mut spec = open();
    spec.record_bytes_max = Some(1000);
    let keeper = Keeper::start(&[spec]);
    let lines = format!("{}\n{}\n", "x".repeat(2500), "short line\n".repeat(30_000));
    check(&keeper, "POST /services/collector/raw HTTP/1.1\nX-Noroshi-Batch: a/1", lines.as_bytes(), 200, SUCCESS);
    assert_eq!((keeper.batches(), keeper.got().len()), (1, 30_003));
    check(&keeper, "POST /services/collector/raw HTTP/1.1", lines.as_bytes(), 200, SUCCESS);
    assert!(keeper.batches() > 3);
    let event = format!("{{\"event\":\"{}\"}}", "y".repeat(1500));
    check(&keeper, "POST /services/collector HTTP/1.1", event.as_bytes(), 200, SUCCESS);
    let got = keeper.got();
    let parts = |from: usize, n: usize| -> Vec<(usize, u32, bool)> {
        got[from..from + n].iter().map(|g| (g.text.len(), g.part, g.flags.contains(RecordFlags::PART_LAST))).collect()
    };
    assert_eq!(parts(0, 3), [(1000, 0, false), (1000, 1, false), (500, 2, true)]);
    assert_eq!(parts(60_006, 2), [(1000, 0, false), (500, 1, true)]);
    keeper.stop();
}

#[test]
fn a_stop_waits_for_answers_that_are_due() {
    let keeper = Keeper::start(&[open()]);
    keeper.set(Mode::Hold);
    let mut stream = connect(&keeper);
    send(&mut stream, "POST /services/collector/raw HTTP/1.1", b"one\n");
    keeper.wait_held(1);
    let address = keeper.address();
    keeper.request_stop();
    // Once nobody listens any more, the stop has begun.
    let deadline = std::time::Instant::now() + DEADLINE;
    while TcpStream::connect(address).is_ok() {
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(1));
    }
    keeper.release();
    assert_eq!(receive(&mut stream).2, SUCCESS);
    keeper.stop();
}

#[test]
fn without_a_token_only_the_host_itself_may_send() {
    let mut spec = open();
    spec.listen = Some("0.0.0.0:0".parse().unwrap());
    let errors = spec.kind().expect_err("is refused");
    assert_eq!(errors[0].key, "token_file");
    spec.allow_anonymous = Some(true);
    assert!(spec.kind().is_ok());
    spec.token_env = Some("NOROSHI_NO_SUCH_TOKENS".to_owned());
    let crate::InputKind::Http(config) = spec.kind().unwrap() else { panic!("an HTTP input") };
    assert_eq!(tokens(&config).expect_err("not set").0, "token_env");
}

#[test]
fn a_peer_that_does_not_read_is_given_up() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(async {
        use tokio::io::AsyncWriteExt as _;
        let (near, _far) = tokio::io::duplex(4);
        let mut patient = Patient::new(near, Duration::from_millis(5));
        patient.write_all(b"longer than the pipe").await.expect_err("nobody reads")
    });
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[test]
fn parameters_are_decoded() {
    assert_eq!(parameter("a=1&host=web%201+x%zz%4", "host").as_deref(), Some("web 1 x%zz%4"));
    assert_eq!(parameter("a=1&hosts=2", "host"), None);
}
