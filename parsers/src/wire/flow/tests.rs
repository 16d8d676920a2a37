use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn peer() -> SocketAddr {
    "192.0.2.1:2055".parse().unwrap()
}

/// Decodes one datagram after others; the records as JSON.
fn records(decoder: &mut FlowDecoder, protocol: FlowProtocol, datagram: &[u8]) -> Vec<Value> {
    let mut found = Vec::new();
    decoder.decode(protocol, peer(), datagram, &mut |text| {
        found.push(serde_json::from_slice(text).expect("a record is JSON"));
    });
    found
}

struct Bytes(Vec<u8>);

impl Bytes {
    fn new() -> Self {
        Bytes(Vec::new())
    }
    fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }
    fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }
    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }
    fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }
    fn raw(mut self, octets: &[u8]) -> Self {
        self.0.extend(octets);
        self
    }
    /// A set of NetFlow 9 or IPFIX.
    #[expect(clippy::needless_pass_by_value, reason = "calls read as the datagram is built")]
    fn set(self, id: u16, body: Bytes) -> Self {
        let len = body.0.len() as u16 + 4;
        self.u16(id).u16(len).raw(&body.0)
    }
}

const NOW_S: u32 = 1_772_000_000; // 2026-02-25T06:13:20Z

fn v9(sequence: u32) -> Bytes {
    Bytes::new().u16(9).u16(1).u32(3_600_000).u32(NOW_S).u32(sequence).u32(7)
}

#[expect(clippy::needless_pass_by_value, reason = "calls read as the datagram is built")]
fn ipfix(sequence: u32, sets: Bytes) -> Vec<u8> {
    let len = sets.0.len() as u16 + 16;
    Bytes::new().u16(10).u16(len).u32(NOW_S).u32(sequence).u32(42).raw(&sets.0).0
}

#[test]
fn a_record_of_netflow_5() {
    let datagram = Bytes::new()
        .u16(5)
        .u16(1)
        .u32(3_600_000)
        .u32(NOW_S)
        .u32(5_000_000)
        .u32(100)
        .u16(0x0102)
        .u16(0x4000 | 64)
        .raw(&[192, 0, 2, 10, 198, 51, 100, 20, 0, 0, 0, 0])
        .u16(3)
        .u16(4)
        .u32(12)
        .u32(3456)
        .u32(3_590_000)
        .u32(3_595_000)
        .u16(50_000)
        .u16(443)
        .raw(&[0, 0x1b, 6, 0])
        .u16(64_496)
        .u16(64_511)
        .raw(&[24, 16, 0, 0]);
    let mut decoder = FlowDecoder::new();
    let found = records(&mut decoder, FlowProtocol::Netflow, &datagram.0);
    assert_eq!(
        found,
        [json!({
            "@timestamp": "2026-02-25T06:13:20.005Z",
            "observer": {"ip": "192.0.2.1"},
            "netflow": {
                "type": "netflow_flow",
                "exporter": {"address": "192.0.2.1:2055", "version": 5, "source_id": 258, "sequence": 100,
                    "timestamp": "2026-02-25T06:13:20.005Z", "uptime_millis": 3_600_000},
                "source_ipv4_address": "192.0.2.10", "destination_ipv4_address": "198.51.100.20",
                "ip_next_hop_ipv4_address": "0.0.0.0", "ingress_interface": 3, "egress_interface": 4,
                "packet_delta_count": 12, "octet_delta_count": 3456,
                "flow_start_sys_up_time": 3_590_000, "flow_end_sys_up_time": 3_595_000,
                "source_transport_port": 50_000, "destination_transport_port": 443, "tcp_control_bits": 27,
                "protocol_identifier": 6, "ip_class_of_service": 0, "bgp_source_as_number": 64_496,
                "bgp_destination_as_number": 64_511, "source_ipv4_prefix_length": 24,
                "destination_ipv4_prefix_length": 16, "sampling_interval": 64,
                "record": "wAACCsYzZBQAAAAAAAMABAAAAAwAAA2AADbHcAA22vjDUAG7ABsGAPvw+/8YEAAA",
            },
            "event": {"start": "2026-02-25T06:13:10.005Z", "end": "2026-02-25T06:13:15.005Z", "duration": 5_000_000_000u64},
        })]
    );
    // Cut within the record: nothing of it is lost.
    let cut = records(&mut decoder, FlowProtocol::Netflow, &datagram.0[..60]);
    assert_eq!(cut[0]["netflow"]["type"], "netflow_malformed");
    assert_eq!(decoder.counters().malformed, 1);
}

#[test]
fn templates_come_before_the_data_and_belong_to_one_exporter() {
    let data = |sequence| v9(sequence).set(300, Bytes::new().raw(&[192, 0, 2, 9]).u32(5).u8(17).raw(&[0, 0, 0])).0;
    let template = v9(1).set(0, Bytes::new().u16(300).u16(3).u16(8).u16(4).u16(2).u16(4).u16(4).u16(1)).0;
    let mut decoder = FlowDecoder::new();
    let early = records(&mut decoder, FlowProtocol::Netflow, &data(0));
    assert_eq!(early[0]["netflow"]["type"], "netflow_no_template");
    assert_eq!(early[0]["netflow"]["record"], "wAACCQAAAAURAAAA");
    assert!(records(&mut decoder, FlowProtocol::Netflow, &template).is_empty());
    let found = records(&mut decoder, FlowProtocol::Netflow, &data(2));
    assert_eq!(found.len(), 1, "three octets of padding are no record");
    assert_eq!(found[0]["netflow"]["source_ipv4_address"], "192.0.2.9");
    assert_eq!(found[0]["netflow"]["protocol_identifier"], 17);
    let mut other = Vec::new();
    let peer = "192.0.2.2:2055".parse().unwrap();
    decoder.decode(FlowProtocol::Netflow, peer, &data(9), &mut |text| other.push(text.to_vec()));
    assert!(String::from_utf8_lossy(&other[0]).contains("netflow_no_template"));
    records(&mut decoder, FlowProtocol::Netflow, &data(6));
    let counters = decoder.counters();
    assert_eq!((counters.templates, counters.no_template, counters.lost), (1, 2, 3));
}

#[test]
fn variable_lengths_enterprises_and_reverse_flows_of_ipfix() {
    let template = Bytes::new()
        .u16(256)
        .u16(7)
        .u16(27)
        .u16(16)
        .u16(96)
        .u16(65_535)
        .u16(0x8000 | 12_235)
        .u16(65_535)
        .u32(9)
        .u16(0x8000 | 1)
        .u16(8)
        .u32(29_305)
        .u16(152)
        .u16(8)
        .u16(161)
        .u16(4)
        .u16(40_000 & 0x7fff)
        .u16(2);
    let long = vec![b'x'; 300];
    let body = Bytes::new()
        .raw(&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9])
        .u8(5)
        .raw(b"we\"b\xff")
        .u8(255)
        .u16(300)
        .raw(&long)
        .u64(77)
        .u64(u64::from(NOW_S) * 1000 - 2500)
        .u32(1500)
        .u16(0xbeef);
    let mut decoder = FlowDecoder::new();
    let datagram = ipfix(0, Bytes::new().set(2, template).set(256, body));
    let found = records(&mut decoder, FlowProtocol::Netflow, &datagram);
    let flow = &found[0]["netflow"];
    assert_eq!(flow["source_ipv6_address"], "2001:db8::9");
    assert_eq!(flow["application_name"], "we\"b\u{fffd}");
    assert_eq!(flow["enterprise_9_12235"].as_str().map(str::len), Some(600));
    assert_eq!(flow["reverse_octet_delta_count"], 77);
    assert_eq!(flow["element_7232"], "beef");
    assert_eq!(found[0]["event"]["start"], "2026-02-25T06:13:17.500Z");
    assert_eq!(found[0]["event"]["duration"], 1_500_000_000u64);
    // One record was sent: the next number is 1.
    records(&mut decoder, FlowProtocol::Netflow, &ipfix(1, Bytes::new()));
    assert_eq!(decoder.counters().lost, 0);
    // Withdrawn, it is known no longer.
    records(&mut decoder, FlowProtocol::Netflow, &ipfix(1, Bytes::new().set(2, Bytes::new().u16(256).u16(0))));
    let after = records(&mut decoder, FlowProtocol::Netflow, &ipfix(1, Bytes::new().set(256, Bytes::new().u32(1))));
    assert_eq!(after[0]["netflow"]["type"], "netflow_no_template");
}

#[test]
fn options_tell_the_rate_of_a_sampler() {
    let mut decoder = FlowDecoder::new();
    let templates = v9(1)
        .set(1, Bytes::new().u16(400).u16(4).u16(8).u16(1).u16(4).u16(48).u16(1).u16(50).u16(4).u16(0))
        .set(0, Bytes::new().u16(401).u16(2).u16(1).u16(4).u16(48).u16(1));
    assert!(records(&mut decoder, FlowProtocol::Netflow, &templates.0).is_empty());
    let options = v9(2).set(400, Bytes::new().u32(1).u8(3).u32(1000));
    let found = records(&mut decoder, FlowProtocol::Netflow, &options.0);
    assert_eq!(found[0]["netflow"]["type"], "netflow_options");
    assert_eq!(found[0]["netflow"]["scope_system"], 1);
    let flow = records(&mut decoder, FlowProtocol::Netflow, &v9(3).set(401, Bytes::new().u32(60).u8(3)).0);
    assert_eq!(flow[0]["netflow"]["sampling_interval"], 1000);
    let other = records(&mut decoder, FlowProtocol::Netflow, &v9(4).set(401, Bytes::new().u32(60).u8(4)).0);
    assert!(other[0]["netflow"]["sampling_interval"].is_null());
}

#[test]
fn a_sampled_packet_of_sflow() {
    let packet = Bytes::new()
        .raw(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2])
        .u16(0x8100)
        .u16(0x2064)
        .u16(0x0800)
        .raw(&[0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 33, 203, 0, 113, 44])
        .u16(51_000)
        .u16(8443)
        .u32(1)
        .u32(0)
        .u16(0x5002)
        .u16(0);
    let header = Bytes::new().u32(1).u32(78).u32(4).u32(packet.0.len() as u32).raw(&packet.0).u16(0);
    let sample = Bytes::new()
        .u32(9)
        .u32(5)
        .u32(512)
        .u32(4096)
        .u32(0)
        .u32(5)
        .u32(6)
        .u32(2)
        .u32(1)
        .u32(header.0.len() as u32)
        .raw(&header.0)
        .u32(1001)
        .u32(16)
        .u32(100)
        .u32(0)
        .u32(100)
        .u32(0);
    let datagram = Bytes::new()
        .u32(5)
        .u32(1)
        .raw(&[192, 0, 2, 1])
        .u32(0)
        .u32(77)
        .u32(9000)
        .u32(1)
        .u32(1)
        .u32(sample.0.len() as u32)
        .raw(&sample.0);
    let mut decoder = FlowDecoder::new();
    let found = records(&mut decoder, FlowProtocol::Sflow, &datagram.0);
    let flow = &found[0]["netflow"];
    for (name, value) in [
        ("type", json!("sflow_flow")),
        ("agent_address", json!("192.0.2.1")),
        ("source_ipv4_address", json!("192.0.2.33")),
        ("destination_ipv4_address", json!("203.0.113.44")),
        ("source_transport_port", json!(51_000)),
        ("destination_transport_port", json!(8443)),
        ("tcp_control_bits", json!(2)),
        ("vlan_id", json!(100)),
        ("sampling_interval", json!(512)),
        ("octet_delta_count", json!(78)),
        ("source_mac_address", json!("02:00:00:00:00:02")),
        ("ingress_vlan_id", json!(100)),
    ] {
        assert_eq!(flow[name], value, "{name}");
    }
    assert_eq!(records(&mut decoder, FlowProtocol::Netflow, b"\0\x63")[0]["netflow"]["type"], "netflow_malformed");
}

#[test]
fn a_datagram_of_many_tiny_records_is_bounded() {
    let mut decoder = FlowDecoder::new();
    records(&mut decoder, FlowProtocol::Netflow, &v9(1).set(0, Bytes::new().u16(300).u16(1).u16(4).u16(1)).0);
    let found = records(&mut decoder, FlowProtocol::Netflow, &v9(2).set(300, Bytes::new().raw(&[6; 60_000])).0);
    assert_eq!(found.len(), RECORDS_PER_DATAGRAM_MAX + 1);
    assert_eq!(decoder.counters().records_capped, 1);
    assert_eq!(found[RECORDS_PER_DATAGRAM_MAX]["netflow"]["type"], "netflow_undecoded");
}

proptest! {
    /// Whatever arrives, every record is a JSON object and the decoder lives on.
    #[test]
    fn any_datagrams_are_survived(
        datagrams in prop::collection::vec(
            (any::<bool>(), prop_oneof![Just(vec![0u8, 5]), Just(vec![0, 9]), Just(vec![0, 10]), Just(vec![0, 0, 0, 5])],
                prop::collection::vec(prop_oneof![4 => 0u8..4, 1 => any::<u8>()], 0..160)),
            1..12,
        )
    ) {
        let mut decoder = FlowDecoder::new();
        for (is_sflow, head, body) in datagrams {
            let protocol = if is_sflow { FlowProtocol::Sflow } else { FlowProtocol::Netflow };
            records(&mut decoder, protocol, &[head, body].concat());
        }
    }

    /// A damaged datagram of templates and data is survived, and its octets are somewhere in what goes on.
    #[test]
    fn damaged_sets_are_survived(flips in prop::collection::vec((0usize..92, any::<u8>()), 0..6), cut in 0usize..93) {
        let whole = v9(1)
            .set(0, Bytes::new().u16(300).u16(3).u16(8).u16(4).u16(2).u16(4).u16(4).u16(1))
            .set(300, Bytes::new().raw(&[192, 0, 2, 9]).u32(5).u8(17).raw(&[192, 0, 2, 9]).u32(5).u8(17))
            .set(1, Bytes::new().u16(400).u16(4).u16(4).u16(1).u16(4).u16(34).u16(4))
            .0;
        let mut datagram = whole;
        for (at, byte) in flips {
            if let Some(octet) = datagram.get_mut(at) {
                *octet ^= byte;
            }
        }
        datagram.truncate(cut);
        let mut decoder = FlowDecoder::new();
        records(&mut decoder, FlowProtocol::Netflow, &datagram);
        prop_assert_eq!(decoder.counters().datagrams, 1);
    }
}
