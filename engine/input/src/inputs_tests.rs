//! TCP and TLS over loopback, starting and stopping.

use std::io::{Read, Write};
use std::net::{Shutdown as Half, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::testing::{Bench, DEADLINE, Still, count};
use crate::{InputType, Origin, RecordFlags, SystemClock};

fn tcp() -> InputSpec {
    let mut spec = InputSpec::new("syslog-tcp", InputType::Tcp);
    spec.listen = Some("127.0.0.1:0".parse().unwrap());
    spec
}

fn connect(bench: &Bench) -> TcpStream {
    TcpStream::connect(bench.address(0)).unwrap()
}

#[track_caller]
fn errors(specs: &[InputSpec]) -> Vec<StartError> {
    let (sender, _batches) = crossbeam_channel::bounded(1);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Inputs::start(specs, &[], &sender, &clock, &Shutdown::default()).unwrap_err()
}

#[test]
fn both_framings_come_over_one_connection_in_order() {
    let mut bench = Bench::start(&[tcp()]);
    let mut stream = connect(&bench);
    for byte in b"<13>one\n8 <13>two!9 <13>three<13>four\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    bench.wait(4);
    assert_eq!(bench.texts(), ["<13>one", "<13>two!", "<13>three", "<13>four"]);
    let offsets: Vec<u64> = bench.got.iter().map(|got| got.offset).collect();
    assert_eq!(offsets, [0, 10, 20, 29]);
    let peer = stream.local_addr().unwrap();
    assert!(matches!(*bench.got[0].origin, Origin::Tcp { peer: p, .. } if p == peer));
    drop(stream);
    let counters = bench.stop();
    assert_eq!(count(&counters[0], "framing_resync"), 1);
    assert_eq!((count(&counters[0], "connections"), count(&counters[0], "connections_open")), (1, 0));
}

#[test]
fn what_was_sent_before_a_stop_is_handed_over_the_half_record_too() {
    let mut bench = Bench::start(&[tcp()]);
    let mut stream = connect(&bench);
    stream.write_all(b"<13>a\n").unwrap();
    bench.wait(1);
    let mut sent = Vec::new();
    for i in 0..1000 {
        sent.extend_from_slice(format!("<13>record {i}\n").as_bytes());
    }
    stream.write_all(&sent).unwrap();
    stream.write_all(b"100 <13>half").unwrap();
    let counters = bench.stop();
    assert_eq!(bench.got.len(), 1002);
    let last = bench.got.last().unwrap();
    assert_eq!((&last.text[..], last.flags), ("<13>half", RecordFlags::OCTET_COUNTED | RecordFlags::UNTERMINATED));
    assert_eq!(count(&counters[0], "unterminated"), 1);
    assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0, "the connection was closed");
}

#[test]
fn a_full_queue_holds_the_sender_back_and_loses_nothing() {
    let mut bench = Bench::start(&[tcp()]);
    let stream = connect(&bench);
    const RECORDS: usize = 40_000;
    let writer = std::thread::spawn({
        let mut stream = stream.try_clone().unwrap();
        move || {
            for i in 0..RECORDS {
                stream.write_all(format!("<13>{i} {}\n", "x".repeat(400)).as_bytes()).unwrap();
            }
            stream.shutdown(Half::Write).unwrap();
        }
    });
    // Nothing is read until the counters stand still: queue, forwarder and connection are full.
    let counters = bench.counters();
    let deadline = Instant::now() + DEADLINE;
    let (mut before, mut still_since) = (0, Instant::now());
    while still_since.elapsed() < Duration::from_millis(200) {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
        let now = count(&counters, "records");
        if now != before {
            (before, still_since) = (now, Instant::now());
        }
    }
    assert!(before < RECORDS as u64, "the sender was not held back");
    bench.wait(RECORDS);
    writer.join().unwrap();
    for (i, got) in bench.got.iter().enumerate() {
        assert!(got.text.starts_with(&format!("<13>{i} ")), "in order");
    }
    bench.stop();
}

#[test]
fn hostile_bytes_harm_no_neighbour() {
    let mut bench = Bench::start(&[tcp()]);
    let mut good = connect(&bench);
    let mut hostile = connect(&bench);
    hostile.write_all(b"1073741824 <13>lie\n\0\0\xff\xfe\n").unwrap();
    hostile.write_all(&vec![b'x'; 3 << 20]).unwrap();
    good.write_all(b"<13>good\n").unwrap();
    bench.wait_until(|bench| bench.texts().contains(&"<13>good") && bench.got.len() >= 5);
    drop(hostile);
    bench.wait_until(|bench| bench.got.iter().any(|got| got.flags.contains(RecordFlags::PART_LAST)));
    let parts: usize = bench.got.iter().filter(|g| g.flags.contains(RecordFlags::PART)).map(|g| g.text.len()).sum();
    assert_eq!(parts, 3 << 20);
    let counters = bench.stop();
    assert_eq!((count(&counters[0], "oversize_parts"), count(&counters[0], "framing_resync")), (3, 1));
}

#[test]
fn connections_over_the_limit_are_refused_and_idle_ones_closed() {
    let mut spec = tcp();
    spec.connections_max = Some(1);
    spec.idle_timeout_s = Some(1);
    let mut bench = Bench::start(&[spec]);
    let mut first = connect(&bench);
    first.write_all(b"<13>half").unwrap();
    let counters = bench.counters();
    bench.wait_until(|_| count(&counters, "connections") == 1);
    let mut second = connect(&bench);
    second.set_read_timeout(Some(DEADLINE)).unwrap();
    assert_eq!(second.read(&mut [0; 1]).unwrap_or(0), 0);
    bench.wait(1);
    assert_eq!(bench.got[0].flags, RecordFlags::UNTERMINATED);
    let counters = bench.stop();
    assert_eq!((count(&counters[0], "connections_refused"), count(&counters[0], "idle_closed")), (1, 1));
}

#[test]
fn records_are_counted_as_dropped_when_the_consumer_is_gone() {
    let mut bench = Bench::start(&[tcp()]);
    bench.receiver = None;
    let mut stream = connect(&bench);
    stream.write_all(b"<13>a\n<13>b\n").unwrap();
    let counters = bench.running.take().unwrap().join(); // it stops by itself
    crate::testing::assert_conserved(&counters[0]);
    assert_eq!(count(&counters[0], "dropped_consumer_gone"), 2);
}

#[test]
fn all_errors_are_told_at_once_and_nothing_starts() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let free = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let mut in_use = tcp();
    in_use.listen = Some(taken);
    let mut sound = tcp();
    sound.name = "sound".to_owned();
    sound.listen = Some(free);
    let mut foreign = InputSpec::new("tls", InputType::Tls);
    foreign.listen = Some("192.0.2.1:0".parse().unwrap());
    foreign.certificate_file = Some("/nonexistent/c.pem".into());
    foreign.key_file = Some("/nonexistent/k.pem".into());
    let told: Vec<String> = errors(&[in_use, sound, foreign]).iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].contains(&format!("another process holds port {}", taken.port())), "{}", told[0]);
    assert!(told[1].contains("certificate_file /nonexistent/c.pem"), "{}", told[1]);
    std::net::TcpListener::bind(free).expect("the sound input was not left running");

    let mut wrong = InputSpec::new("a", InputType::Stdin);
    wrong.listen = Some(free);
    let told = errors(&[wrong, InputSpec::new("a", InputType::File)]);
    let keys: Vec<&str> = told.iter().map(|error| error.key).collect();
    assert_eq!(keys, ["listen", "name", "paths"]);
}

struct Pki {
    dir: tempfile::TempDir,
    ca: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "test ca");
        let ca = rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), ca.pem()).unwrap();
        let pki = Self { dir, ca };
        let (certificate, key) = pki.issue("localhost");
        std::fs::write(pki.path("server.pem"), certificate.pem()).unwrap();
        std::fs::write(pki.path("server.key"), key.serialize_pem()).unwrap();
        pki
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        Path::new(self.dir.path()).join(name)
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, rcgen::KeyPair) {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.ca).unwrap(), key)
    }

    fn spec(&self, client_ca: bool) -> InputSpec {
        let mut spec = InputSpec::new("syslog-tls", InputType::Tls);
        spec.listen = Some("127.0.0.1:0".parse().unwrap());
        spec.certificate_file = Some(self.path("server.pem"));
        spec.key_file = Some(self.path("server.key"));
        spec.client_ca_file = client_ca.then(|| self.path("ca.pem"));
        spec
    }

    /// A client, with a certificate of this name where one is given.
    fn client(&self, bench: &Bench, name: Option<&str>) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.ca.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match name {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let (certificate, key) = self.issue(name);
                let key = rustls_pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
                builder.with_client_auth_cert(vec![certificate.der().clone()], key.into()).unwrap()
            }
        };
        let connection = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        rustls::StreamOwned::new(connection, connect(bench))
    }
}

#[test]
fn tls_takes_octet_counts_and_counts_newline() {
    let pki = Pki::new();
    let mut bench = Bench::start(&[pki.spec(false)]);
    let mut client = pki.client(&bench, None);
    client.write_all(b"7 <13>one7 <13>two<13>three\n").unwrap();
    client.flush().unwrap();
    bench.wait(3);
    assert_eq!(bench.texts(), ["<13>one", "<13>two", "<13>three"]);
    assert!(matches!(*bench.got[0].origin, Origin::Tls { subject: None, .. }));
    assert_eq!(count(&bench.stop()[0], "newline_over_tls"), 1);
}

#[test]
fn a_client_certificate_is_required_verified_and_named() {
    let pki = Pki::new();
    let mut bench = Bench::start(&[pki.spec(true)]);
    let counters = bench.counters();
    // TLS 1.3 lets the client finish before the server has refused it: the refusal shows at the read.
    let mut nobody = pki.client(&bench, None);
    let refused = nobody.write_all(b"7 <13>one").and_then(|()| nobody.read(&mut [0; 1]));
    assert!(refused.is_err() || refused.is_ok_and(|n| n == 0));
    let mut stranger = Pki::new().client(&bench, Some("stranger"));
    assert!(stranger.write_all(b"7 <13>two").and_then(|()| stranger.read(&mut [0; 1])).is_err());
    let mut plain = connect(&bench);
    plain.write_all(b"<13>not tls at all\n").unwrap();
    bench.wait_until(|_| count(&counters, "tls_handshake_failures") == 3);
    let mut known = pki.client(&bench, Some("fw-1"));
    known.write_all(b"9 <13>three").unwrap();
    bench.wait(1);
    let Origin::Tls { subject, .. } = &*bench.got[0].origin else { panic!("{:?}", bench.got) };
    assert_eq!(subject.as_deref(), Some("CN=fw-1"));
    bench.stop();
}

#[test]
fn a_key_of_another_certificate_is_told() {
    let pki = Pki::new();
    std::fs::write(pki.path("server.key"), rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let error = errors(&[pki.spec(false)])[0].to_string();
    assert!(error.contains("server.key") && error.contains("must belong to the first certificate"), "{error}");
    let told = errors(&[InputSpec { key_file: Some(pki.path("ca.pem")), ..pki.spec(false) }])[0].to_string();
    assert!(told.contains("ca.pem") && told.contains("PEM private key"), "{told}");
}

#[test]
fn many_connections_share_batches_without_mixing() {
    let mut bench = Bench::start(&[tcp()]);
    let address = bench.address(0);
    let writers: Vec<_> = (0..16)
        .map(|c| {
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                for i in 0..500 {
                    stream.write_all(format!("<13>{c} {i}\n").as_bytes()).unwrap();
                }
            })
        })
        .collect();
    bench.wait(16 * 500);
    writers.into_iter().for_each(|w| w.join().unwrap());
    for c in 0..16 {
        let of_one: Vec<_> = bench.got.iter().filter(|got| got.text.starts_with(&format!("<13>{c} "))).collect();
        let origin = &of_one[0].origin;
        for (i, got) in of_one.iter().enumerate() {
            assert_eq!((&got.text, &got.origin), (&format!("<13>{c} {i}"), origin));
        }
    }
    bench.stop();
}

#[test]
fn specs_read_from_json_refuse_unknown_keys() {
    let spec: InputSpec = serde_json::from_str(
        r#"{"name":"u","type":"udp","listen":"0.0.0.0:5514","sockets":2,"receive_buffer_bytes":33554432,"format":"syslog"}"#,
    )
    .unwrap();
    let InputKind::Udp(udp) = spec.kind().unwrap() else { panic!("{spec:?}") };
    assert_eq!((udp.sockets, udp.receive_buffer_bytes), (2, 33_554_432));
    let error = serde_json::from_str::<InputSpec>(r#"{"name":"u","type":"udp","lisen":"x"}"#).unwrap_err();
    assert!(error.to_string().contains("unknown field `lisen`"), "{error}");
    let mut spec = spec;
    spec.sockets = Some(0);
    assert_eq!(spec.kind().unwrap_err()[0].key, "sockets");
    assert_eq!(Still.now_ns(), 1_700_000_000_000_000_000);
}
