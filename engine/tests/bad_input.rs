//! Any bytes on any input: the engine lives, neighbours are unharmed, every record is kept, nothing is uncounted.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::Shutdown;

use noroshi_tests::process::{Ended, Engine, Row};
use noroshi_tests::rng::Rng;
use noroshi_tests::scenario as s;
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{alerts, send, until};
use serde_json::Value;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

const CONFIG: &str = r#"
state_dir = "state"
timezone = "UTC"
[rules]
paths = ["rules"]
[metrics]
listen = "127.0.0.1:0"
[[input]]
name = "udp"
type = "udp"
listen = "127.0.0.1:0"
[[input]]
name = "tcp"
type = "tcp"
listen = "127.0.0.1:0"
record_bytes_max = 65536
[[input]]
name = "tls"
type = "tls"
listen = "127.0.0.1:0"
certificate_file = "tls/server.pem"
key_file = "tls/server.key"
[[input]]
name = "log"
type = "file"
paths = ["odd.log"]
poll_interval_ms = 20
[[output]]
type = "file"
path = "alerts.ndjson"
"#;

fn prepared() -> (WorkDir, send::Pki) {
    let dir = WorkDir::default();
    let pki = send::Pki::new(&dir);
    dir.write("noroshi.toml", CONFIG);
    dir.write("rules/e2e.yml", s::RULES);
    (dir, pki)
}

/// A line that alerts by itself: a neighbour whose harm would show.
fn neighbour(number: u32) -> String {
    s::nginx_get(number, &format!("192.0.2.{number}"), "/../etc/passwd")
}

/// Neighbours that became alerts.
fn neighbours(dir: &WorkDir) -> Vec<String> {
    let told = alerts::parse(&dir.text("alerts.ndjson"));
    let mut ips: Vec<_> =
        told.iter().map(|alert| alert["source"]["ip"].as_str().unwrap_or_default().to_owned()).collect();
    ips.sort();
    ips
}

/// The spool's records of one input: their exact bytes, with part number where there is one.
fn spooled(dir: &WorkDir, input: &str) -> Vec<(Option<u64>, Vec<u8>)> {
    alerts::parse(&dir.text("state/spool/unparsed.ndjson"))
        .iter()
        .filter(|entry| entry["input"] == input)
        .map(|entry| {
            let bytes = match &entry["original_base64"] {
                Value::String(text) => base64_decoded(text),
                _ => entry["event"]["original"].as_str().expect("text").as_bytes().to_vec(),
            };
            (entry["part"].as_u64(), bytes)
        })
        .collect()
}

fn base64_decoded(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut held, mut bytes) = (0u32, 0, Vec::new());
    for digit in text.bytes().filter(|&byte| byte != b'=') {
        bits = (bits << 6) | DIGITS.iter().position(|&one| one == digit).expect("base64") as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

#[track_caller]
fn settled(ended: &Ended, input: &str) -> Row {
    ended.assert_clean()[input]
}

#[test]
fn odd_datagrams_are_kept_byte_for_byte_beside_decoded_neighbours() {
    let (dir, _) = prepared();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let mut rng = Rng::new(1);
    let mut odd: Vec<Vec<u8>> = (1..40).map(|n| rng.bytes(n * 31)).collect();
    odd.push(vec![0; 512]);
    odd.push(b"\xff\xfe\x80 not text \xc3".to_vec());
    odd.push(vec![b'A'; 60_000]);
    odd.push(b"1073741824 <13>a length of a gibibyte".to_vec());
    odd.push(b"<".to_vec());
    let mut sent: Vec<Vec<u8>> = Vec::new();
    for (number, bytes) in (0..).zip(&odd) {
        sent.push(bytes.clone());
        if number % 10 == 0 {
            sent.push(neighbour(number + 1).into_bytes());
        }
    }
    // In rounds, so that no kernel buffer decides what arrives.
    let mut so_far = 0;
    for round in sent.chunks(8) {
        send::udp(engine.address("udp"), round);
        so_far += round.len() as u64;
        engine.wait_received("udp", so_far);
    }
    let row = settled(&engine.terminate(), "udp");
    assert_eq!(row.received, sent.len() as u64);
    assert_eq!(neighbours(&dir), ["192.0.2.1", "192.0.2.11", "192.0.2.21", "192.0.2.31", "192.0.2.41"]);
    let kept = spooled(&dir, "udp");
    assert_eq!(row.kept_raw, kept.len() as u64);
    assert!(row.kept_raw >= 40, "{row:?}");
    for (_, bytes) in kept {
        assert!(odd.contains(&bytes), "not what was sent: {bytes:?}");
    }
}

/// What a connection sends, and what of it must have come out.
struct Stream {
    bytes: Vec<u8>,
    records: u64,
}

fn streams() -> BTreeMap<&'static str, Stream> {
    let line = |bytes: &[u8]| [bytes, b"\n"].concat();
    let mut rng = Rng::new(2);
    // No newline inside, so that the number of records is known.
    let noise: Vec<u8> = rng.bytes(5000).into_iter().map(|byte| if byte == b'\n' { b' ' } else { byte }).collect();
    let with_neighbours = |first: u32, odd: Vec<u8>| {
        [line(neighbour(first).as_bytes()), odd, line(neighbour(first + 1).as_bytes())].concat()
    };
    BTreeMap::from([
        ("random bytes", Stream { bytes: with_neighbours(1, line(&noise)), records: 3 }),
        ("NULs", Stream { bytes: with_neighbours(3, line(&[0; 1000])), records: 3 }),
        ("invalid UTF-8", Stream { bytes: with_neighbours(5, line(b"\xc3\x28\xff\xfe\xed\xa0\x80")), records: 3 }),
        // 10 MB in parts of 64 KiB: 10,000,000 / 65,536 = 152.6.
        ("10 MB line", Stream { bytes: with_neighbours(7, line(&vec![b'x'; 10_000_000])), records: 2 + 153 }),
        ("1 GiB length", Stream { bytes: with_neighbours(9, line(b"1073741824 <13>and no gibibyte")), records: 3 }),
        ("a count too long", Stream { bytes: with_neighbours(11, b"99999999 <13>x\n".to_vec()), records: 3 }),
        (
            "half a frame",
            Stream { bytes: [line(neighbour(13).as_bytes()), b"500 <13>cut off".to_vec()].concat(), records: 2 },
        ),
        (
            "an endless line",
            Stream { bytes: [line(neighbour(14).as_bytes()), vec![b'y'; 3_000_000]].concat(), records: 1 + 46 },
        ),
        ("a bare count", Stream { bytes: [line(neighbour(15).as_bytes()), b"12".to_vec()].concat(), records: 2 }),
    ])
}

#[test]
fn odd_streams_harm_no_neighbour_and_lose_no_byte() {
    let (dir, _) = prepared();
    let mut engine = Engine::start(NOROSHI, dir.path(), &[]);
    let mut records = 0;
    for (name, stream) in streams() {
        let mut connection = send::tcp(engine.address("tcp"));
        connection.write_all(&stream.bytes).expect("the engine reads");
        connection.shutdown(Shutdown::Write).expect("it is open");
        records += stream.records;
        engine.wait_received("tcp", records);
        assert_eq!(engine.metric("noroshi_records_received_total", "tcp"), records as f64, "{name}");
        assert!(engine.is_alive(), "{name}");
    }
    let row = settled(&engine.terminate(), "tcp");
    assert_eq!(row.received, records);
    assert_eq!(neighbours(&dir).len(), 15);
    let kept = spooled(&dir, "tcp");
    let total = |byte: u8| {
        kept.iter().filter(|(part, _)| part.is_some()).flat_map(|(_, bytes)| bytes).filter(|&&b| b == byte).count()
    };
    assert_eq!((total(b'x'), total(b'y')), (10_000_000, 3_000_000));
}

#[test]
fn odd_bytes_inside_tls_and_instead_of_tls_are_survived() {
    let (dir, pki) = prepared();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let mut plain = send::tcp(engine.address("tls"));
    // The engine may close at the first byte that is no handshake.
    let _ = plain.write_all(&Rng::new(3).bytes(4096));
    engine.wait_metric("noroshi_input_tls_handshake_failures_total", "tls", 1);
    let mut client = pki.connect(engine.address("tls"), false);
    let mut bytes = send::octet_counted(format!("<13>{}", neighbour(1)).as_bytes());
    bytes.extend(b"\0\0\xff\xfe\n");
    bytes.extend(send::octet_counted(format!("<13>{}", neighbour(2)).as_bytes()));
    client.write_all(&bytes).expect("the engine reads");
    client.write_all(b"400 <13>half a frame").expect("the engine reads");
    drop(client);
    engine.wait_received("tls", 4);
    let row = settled(&engine.terminate(), "tls");
    assert_eq!((row.received, row.kept_raw + row.parsed), (4, 4));
    assert!(spooled(&dir, "tls").iter().any(|(_, bytes)| bytes == b"\0\0\xff\xfe"));
}

#[test]
fn odd_bytes_in_a_followed_file_harm_no_neighbour() {
    let (dir, _) = prepared();
    let mut bytes = Vec::new();
    let mut lines = 0;
    let mut rng = Rng::new(4);
    for number in 0..20 {
        let odd: Vec<u8> = match number % 4 {
            0 => rng.bytes(700).into_iter().filter(|byte| *byte != b'\n').collect(),
            1 => vec![0; 300],
            2 => b"\xff\xfe\xfd".to_vec(),
            _ => Vec::new(),
        };
        bytes.extend(odd);
        bytes.push(b'\n');
        bytes.extend(neighbour(number + 1).into_bytes());
        bytes.push(b'\n');
        lines += 2;
    }
    // Over the bound of 1 MiB: ten parts. The last line is not ended and stays in the file.
    bytes.extend(vec![b'z'; 10_000_000]);
    bytes.push(b'\n');
    lines += 10;
    bytes.extend(b"not ended");
    dir.write("odd.log", &bytes);
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    engine.wait_received("log", lines);
    let row = settled(&engine.terminate(), "log");
    assert_eq!(row.received, lines);
    assert_eq!(neighbours(&dir).len(), 20);
    let kept = spooled(&dir, "log");
    let parts: Vec<&Vec<u8>> = kept.iter().filter(|(part, _)| part.is_some()).map(|(_, bytes)| bytes).collect();
    assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), 10_000_000);
    assert!(kept.iter().all(|(_, bytes)| bytes != b"not ended"));
}

#[test]
fn idle_half_open_connections_do_not_keep_others_waiting_or_the_stop() {
    let (dir, _) = prepared();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let mut half: Vec<_> = (0..50).map(|_| send::tcp(engine.address("tcp"))).collect();
    for connection in &mut half {
        connection.write_all(b"300 <13>the rest never comes").expect("the engine reads");
    }
    let mut whole = send::tcp(engine.address("tcp"));
    whole.write_all(format!("{}\n", neighbour(1)).as_bytes()).expect("the engine reads");
    until("the neighbour's alert", || (neighbours(&dir).len() == 1).then_some(()), || engine.log());
    let ended = engine.terminate();
    // What had come of the half frames is kept, not thrown away.
    assert_eq!(settled(&ended, "tcp").received, 51);
}
