//! Datagrams over loopback.

use std::collections::HashSet;

use super::*;
use crate::testing::{Bench, count};
use crate::{InputSpec, InputType};

fn spec() -> InputSpec {
    let mut spec = InputSpec::new("syslog-udp", InputType::Udp);
    spec.listen = Some("127.0.0.1:0".parse().unwrap());
    spec
}

fn sender() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

#[test]
fn a_datagram_is_a_record_whatever_its_bytes() {
    let mut bench = Bench::start(&[spec()]);
    let socket = sender();
    let datagrams: [&[u8]; 6] = [b"<13>a\n", b"<13>b\r\n", b"5 <13>c", b"", b"two\nlines\n", b"\xff\0"];
    for datagram in datagrams {
        socket.send_to(datagram, bench.address(0)).unwrap();
    }
    bench.wait(6);
    assert_eq!(bench.texts(), ["<13>a", "<13>b", "5 <13>c", "", "two\nlines", "\u{fffd}\0"]);
    let numbers: Vec<u64> = bench.got.iter().map(|got| got.offset).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    let peer = socket.local_addr().unwrap();
    assert_eq!(*bench.got[0].origin, Origin::Udp { peer, listener: bench.address(0) });
    assert_eq!(bench.got[1].flags, RecordFlags::CR_STRIPPED);
    bench.stop();
}

#[test]
fn a_datagram_longer_than_the_limit_is_flagged_and_counted() {
    let mut spec = spec();
    spec.datagram_bytes_max = Some(480);
    let mut bench = Bench::start(&[spec]);
    sender().send_to(&[b'x'; 481], bench.address(0)).unwrap();
    sender().send_to(&[b'x'; 480], bench.address(0)).unwrap();
    bench.wait(2);
    bench.got.sort_by_key(|got| got.flags.bits());
    assert_eq!((bench.got[0].text.len(), bench.got[0].flags), (480, RecordFlags::empty()));
    assert_eq!((bench.got[1].text.len(), bench.got[1].flags), (480, RecordFlags::TRUNCATED));
    assert_eq!(count(&bench.stop()[0], "truncated_datagrams"), 1);
}

#[test]
fn several_sockets_share_the_address_and_lose_nothing() {
    let mut spec = spec();
    spec.sockets = Some(2);
    let mut bench = Bench::start(&[spec]);
    let senders: Vec<UdpSocket> = (0..32).map(|_| sender()).collect();
    for (i, socket) in senders.iter().enumerate() {
        socket.send_to(format!("<13>{i}").as_bytes(), bench.address(0)).unwrap();
    }
    bench.wait(32);
    let numbers: HashSet<u64> = bench.got.iter().map(|got| got.offset).collect();
    assert_eq!(numbers, (0..32).collect());
    assert_eq!(bench.got.iter().map(|got| &got.text).collect::<HashSet<_>>().len(), 32);
    bench.stop();
}

#[test]
fn a_port_in_use_is_found_even_where_it_could_be_shared() {
    let holder = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    holder.set_reuse_port(true).unwrap();
    holder.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let port = holder.local_addr().unwrap().as_socket().unwrap().port();
    for sockets in [1, 2] {
        let mut spec = spec();
        spec.listen = Some(SocketAddr::from(([127, 0, 0, 1], port)));
        spec.sockets = Some(sockets);
        let (to, _batches) = crossbeam_channel::bounded(1);
        let clock: Arc<dyn crate::Clock> = Arc::new(crate::SystemClock);
        let errors = crate::Inputs::start(&[spec], &[], &to, &clock, &crate::Shutdown::default()).unwrap_err();
        let error = errors[0].to_string();
        assert!(error.contains(&port.to_string()) && error.contains("change `listen`"), "{error}");
    }
}

fn netflow_9(sequence: u32, sets: &[&[u8]]) -> Vec<u8> {
    let mut datagram = vec![0, 9, 0, 1];
    for number in [3_600_000u32, 1_772_000_000, sequence, 7] {
        datagram.extend(number.to_be_bytes());
    }
    sets.iter().for_each(|set| datagram.extend(*set));
    datagram
}

#[test]
fn datagrams_of_an_exporter_become_its_flow_records() {
    let mut spec = spec();
    spec.protocol = Some(crate::config::UdpProtocol::Netflow);
    let mut bench = Bench::start(&[spec]);
    let exporter = sender();
    // A template of source, destination, port, protocol and octets; then two flows, another datagram lost in between.
    let template = [0u8, 0, 0, 28, 1, 0x2c, 0, 5, 0, 8, 0, 4, 0, 12, 0, 4, 0, 11, 0, 2, 0, 4, 0, 1, 0, 1, 0, 4];
    let flows = [
        1u8, 0x2c, 0, 34, 192, 0, 2, 1, 198, 51, 100, 1, 1, 0xbb, 6, 0, 0, 3, 0xe8, // first
        192, 0, 2, 2, 198, 51, 100, 2, 0, 53, 17, 0, 0, 0, 60, // second
    ];
    exporter.send_to(&netflow_9(1, &[&template]), bench.address(0)).unwrap();
    exporter.send_to(&netflow_9(3, &[&flows]), bench.address(0)).unwrap();
    // Another exporter's data cannot be read by these templates, and is kept.
    let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
    stranger.send_to(&netflow_9(1, &[&flows]), bench.address(0)).unwrap();
    bench.wait(3);
    bench.got.sort_by_key(|got| got.offset);
    assert!(bench.got[2].text.contains("netflow_no_template"), "{}", bench.got[2].text);
    let dictionary = Arc::new(noroshi_parsers::dictionary::Dictionary::new());
    let mut decoder = noroshi_parsers::decode::Decoder::new(Arc::clone(&dictionary));
    let mut event = noroshi_parsers::event::Event::new();
    let mut seen = Vec::new();
    for got in &bench.got[..2] {
        let record = got.text.as_bytes();
        decoder.decode(record, 0, &noroshi_parsers::decode::SourceOptions::default(), &mut event);
        let document = noroshi_parsers::document::to_json(event.view(record), &dictionary);
        assert_eq!(document["event"]["original"], got.text.as_str());
        seen.push(format!(
            "{} {} {} {} {} {}",
            document["@timestamp"],
            document["source"]["ip"],
            document["destination"]["port"],
            document["network"]["transport"],
            document["network"]["bytes"],
            document["observer"]["ip"][0]
        ));
    }
    assert_eq!(
        seen,
        [
            r#""2026-02-25T06:13:20Z" "192.0.2.1" 443 "tcp" 1000 "127.0.0.1""#,
            r#""2026-02-25T06:13:20Z" "192.0.2.2" 53 "udp" 60 "127.0.0.1""#,
        ]
    );
    let counters = bench.stop();
    for (name, value) in
        [("records", 3), ("flow_datagrams", 3), ("flow_templates", 1), ("flow_lost", 1), ("flow_no_template", 1)]
    {
        assert_eq!(count(&counters[0], name), value, "{name}");
    }
}

/// Sent = received + dropped by the kernel, while nobody reads the queue for a while.
#[test]
fn under_a_flood_every_datagram_is_received_or_counted_as_a_kernel_drop() {
    let mut spec = spec();
    spec.receive_buffer_bytes = Some(64 << 10);
    let mut bench = Bench::start(&[spec]);
    let socket = sender();
    // Queue (2 batches), the batch in the thread's hand, the one it fills and the kernel's buffer hold
    // some 1,300 of these at most.
    let sent = std::cell::Cell::new(6000);
    let bench_address = bench.address(0);
    for _ in 0..sent.get() {
        socket.send_to(&[b'x'; 500], bench_address).unwrap();
    }
    // The flood is over, reading begins: a datagram that comes later tells the drops before it ...
    let counters = bench.counters();
    bench.wait_until(|_| {
        if count(&counters, "kernel_drops") == 0 {
            socket.send_to(b"later", bench_address).unwrap();
            sent.set(sent.get() + 1);
        }
        count(&counters, "kernel_drops") > 0
    });
    // ... and the stop those that none has told.
    let counters = bench.stop();
    let (records, drops) = (count(&counters[0], "records"), count(&counters[0], "kernel_drops"));
    assert_eq!(sent.get(), records + drops);
    assert!(drops > 0, "the flood was too small to test anything");
}

#[test]
fn an_ipv4_sender_is_one_also_on_a_socket_for_both() {
    let mut spec = spec();
    spec.listen = Some("[::]:0".parse().unwrap());
    let mut bench = Bench::start(&[spec]);
    let socket = sender();
    socket.send_to(b"<13>a", ("127.0.0.1", bench.address(0).port())).unwrap();
    bench.wait(1);
    let expected = socket.local_addr().unwrap();
    assert!(matches!(*bench.got[0].origin, Origin::Udp { peer, .. } if peer == expected), "{:?}", bench.got);
    bench.stop();
}
