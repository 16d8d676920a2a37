//! The naive twin of the flow decoder: an index into the datagram, octets picked one by one as the documents number them
//! (Cisco "NetFlow Export Datagram Formats" table B-4; RFC 3954 §5 and §6; RFC 7011 §3 and §7; "sFlow Version 5").

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::elements::{self, Type};
use super::{FlowDecoder, FlowProtocol};
use crate::time::format_rfc3339;

/// The big-endian number of `len` octets at `at`.
fn number(octets: &[u8], at: usize, len: usize) -> Option<u64> {
    let mut value = 0;
    for index in at..at + len {
        value = value * 256 + u64::from(*octets.get(index)?);
    }
    Some(value)
}

fn hex(octets: &[u8]) -> Value {
    let mut text = String::new();
    octets.iter().for_each(|octet| write!(text, "{octet:02x}").unwrap());
    text.into()
}

fn base64(octets: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(octets)
}

/// NTP's seconds since 1900 and 1/2^32 of one.
fn ntp(octets: &[u8]) -> i128 {
    let seconds = i128::from(number(octets, 0, 4).unwrap()) - 2_208_988_800;
    seconds * 1_000_000_000 + i128::from(number(octets, 4, 4).unwrap()) * 1_000_000_000 / 4_294_967_296
}

fn time(time_ns: i128, octets: &[u8]) -> Value {
    i64::try_from(time_ns).map_or_else(|_| hex(octets), |time_ns| format_rfc3339(time_ns).into())
}

/// As text says it, read again; what is no number says nothing.
fn float(value: f64) -> Value {
    if value.is_finite() { serde_json::from_str(&value.to_string()).expect("a number") } else { Value::Null }
}

/// The value of an element of the registry; octets that do not fit its type are told in hexadecimal.
fn value(kind: Type, octets: &[u8]) -> Value {
    let unsigned = || i128::from(number(octets, 0, octets.len()).unwrap());
    match (kind, octets.len()) {
        (Type::Unsigned, 1..=8) => number(octets, 0, octets.len()).into(),
        (Type::Float, 4) => float(f32::from_bits(unsigned() as u32).into()),
        (Type::Float, 8) => float(f64::from_bits(unsigned() as u64)),
        (Type::Boolean, 1) => (octets[0] == 1).into(),
        (Type::Mac, 6) => octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":").into(),
        (Type::Ipv4, 4) => Ipv4Addr::from(unsigned() as u32).to_string().into(),
        (Type::Ipv6, 16) => Ipv6Addr::from(<[u8; 16]>::try_from(octets).unwrap()).to_string().into(),
        (Type::Seconds, 4) => time(unsigned() * 1_000_000_000, octets),
        (Type::Millis, 8) => time(unsigned() * 1_000_000, octets),
        (Type::Ntp, 8) => time(ntp(octets), octets),
        (Type::String, _) => {
            let mut text = octets.to_vec();
            while text.last() == Some(&0) {
                text.pop();
            }
            String::from_utf8_lossy(&text).into_owned().into()
        }
        (Type::Octets, 0..=16) => octets.to_vec().into(),
        (Type::Octets, _) => base64(octets).into(),
        _ => hex(octets),
    }
}

/// Element, enterprise and length of one field; 65,535 = the record tells it.
type Spec = (u16, u32, u16);

/// What a template says: its fields, how many are scopes, and whether its records are options.
type Template = (Vec<Spec>, usize, bool);

/// A record as it goes on: its type, its template, its fields as the exporter sent them, its octets.
#[derive(PartialEq, Debug)]
struct Record {
    kind: String,
    template: Option<u64>,
    fields: Map<String, Value>,
    octets: String,
}

fn raw(kind: &str, template: Option<u16>, octets: &[u8]) -> Record {
    Record { kind: kind.to_owned(), template: template.map(u64::from), fields: Map::new(), octets: base64(octets) }
}

#[derive(Default)]
struct Twin {
    templates: HashMap<(u16, u64, u16), Template>,
}

impl Twin {
    /// The records of a datagram; `None` = it is of no version.
    fn decode(&mut self, datagram: &[u8]) -> Vec<Record> {
        let whole = || vec![raw("netflow_malformed", None, datagram)];
        let version = number(datagram, 0, 2);
        match version {
            Some(5 | 7) if datagram.len() >= 24 => fixed(datagram, version == Some(5)),
            Some(9) if datagram.len() >= 20 => {
                let domain = number(datagram, 16, 4).unwrap();
                self.sets(9, domain, &datagram[20..])
            }
            Some(10) if datagram.len() >= 16 => {
                let len = number(datagram, 2, 2).unwrap() as usize;
                if !(16..=datagram.len()).contains(&len) {
                    return whole();
                }
                let mut records = self.sets(10, number(datagram, 12, 4).unwrap(), &datagram[16..len]);
                if len < datagram.len() {
                    records.push(raw("netflow_malformed", None, &datagram[len..]));
                }
                records
            }
            _ => whole(),
        }
    }

    fn sets(&mut self, version: u16, domain: u64, body: &[u8]) -> Vec<Record> {
        let mut records = Vec::new();
        let mut at = 0;
        while at < body.len() {
            let (id, len) = (number(body, at, 2), number(body, at + 2, 2));
            let (Some(id), Some(len)) = (id, len.filter(|&len| len >= 4 && at + len as usize <= body.len())) else {
                let padding = body.len() - at < 4 && body[at..].iter().all(|&octet| octet == 0);
                if !padding {
                    records.push(raw("netflow_malformed", None, &body[at..]));
                }
                return records;
            };
            let set = &body[at + 4..at + len as usize];
            at += len as usize;
            match (version, id as u16) {
                (9, 0) | (10, 2) => self.templates(version, domain, set, false),
                (9, 1) | (10, 3) => self.templates(version, domain, set, true),
                (_, id @ 256..) => self.data(version, domain, id, set, &mut records),
                (_, id) => records.push(raw("netflow_malformed", Some(id), set)),
            }
        }
        records
    }

    fn templates(&mut self, version: u16, domain: u64, set: &[u8], options: bool) {
        let mut at = 0;
        let v9_options = version == 9 && options;
        while let (Some(id), Some(first)) = (number(set, at, 2), number(set, at + 2, 2)) {
            let key = (version, domain, id as u16);
            if version == 10 && first == 0 {
                self.templates.remove(&key);
                at += 4;
                continue;
            }
            let second = number(set, at + 4, 2);
            if id < 256 || options && second.is_none() {
                return;
            }
            // NetFlow 9 tells the octets of scopes and options, IPFIX how many fields there are and how many are scopes.
            let (count, scopes) = match (options, second) {
                (false, _) => (first as usize, 0),
                (true, Some(second)) if v9_options => (first as usize / 4 + second as usize / 4, first as usize / 4),
                (true, second) => (first as usize, second.unwrap() as usize),
            };
            at += if options { 6 } else { 4 };
            let mut fields = Vec::new();
            for _ in 0..count {
                let (Some(element), Some(len)) = (number(set, at, 2), number(set, at + 2, 2)) else { return };
                at += 4;
                let mut enterprise = 0;
                if version == 10 && element & 0x8000 != 0 {
                    let Some(number) = number(set, at, 4) else { return };
                    enterprise = number as u32;
                    at += 4;
                }
                let element = if version == 10 { element & 0x7fff } else { element };
                fields.push((element as u16, enterprise, len as u16));
            }
            let least: usize = fields.iter().map(|&(.., len)| if len == 65_535 { 1 } else { len.into() }).sum();
            if least > 0 && fields.len() <= 256 {
                let scopes = scopes.min(fields.len());
                self.templates.insert(key, (fields, scopes, options));
            }
        }
    }

    fn data(&self, version: u16, domain: u64, id: u16, set: &[u8], records: &mut Vec<Record>) {
        let Some((fields, scopes, options)) = self.templates.get(&(version, domain, id)) else {
            records.push(raw("netflow_no_template", Some(id), set));
            return;
        };
        let least: usize = fields.iter().map(|&(.., len)| if len == 65_535 { 1 } else { len.into() }).sum();
        let mut at = 0;
        while set.len() - at >= least {
            let Some((values, end)) = read(fields, set, at) else {
                records.push(raw("netflow_malformed", Some(id), &set[at..]));
                return;
            };
            let kind = if *options { "netflow_options" } else { "netflow_flow" };
            let scopes = if version == 9 { *scopes } else { 0 };
            records.push(Record {
                kind: kind.to_owned(),
                template: Some(id.into()),
                fields: named(fields, scopes, &values),
                octets: base64(&set[at..end]),
            });
            at = end;
        }
    }
}

/// The octets of each field from `at` on, and where the record ends.
fn read<'a>(fields: &[Spec], set: &'a [u8], mut at: usize) -> Option<(Vec<&'a [u8]>, usize)> {
    let mut values = Vec::new();
    for &(.., len) in fields {
        let mut len = usize::from(len);
        if len == 65_535 {
            len = number(set, at, 1)? as usize;
            at += 1;
            if len == 255 {
                len = number(set, at, 2)? as usize;
                at += 2;
            }
        }
        values.push(set.get(at..at + len)?);
        at += len;
    }
    Some((values, at))
}

/// The fields by name; of two with one name the last, as a document's reader keeps it.
fn named(fields: &[Spec], scopes: usize, values: &[&[u8]]) -> Map<String, Value> {
    const SCOPES: [&str; 6] = ["none", "system", "interface", "line_card", "cache", "template"];
    let mut named = Map::new();
    for (at, (&(element, enterprise, _), octets)) in fields.iter().zip(values).enumerate() {
        if at < scopes {
            let name =
                SCOPES.get(usize::from(element)).map_or(format!("scope_{element}"), |name| format!("scope_{name}"));
            let wide = octets.len() > 8 || usize::from(element) >= SCOPES.len();
            named.insert(name, if wide { hex(octets) } else { number(octets, 0, octets.len()).into() });
            continue;
        }
        let known = elements::of(element);
        let (name, value) = match (enterprise, known) {
            (0, _) if element == 210 => continue,
            (0, Some(known)) => (known.name.to_owned(), value(known.kind, octets)),
            (0, None) => (format!("element_{element}"), hex(octets)),
            (29_305, Some(known)) => (format!("reverse_{}", known.name), value(known.kind, octets)),
            _ => (format!("enterprise_{enterprise}_{element}"), hex(octets)),
        };
        named.insert(name, value);
    }
    named
}

/// NetFlow 5 and 7 by the offsets of their documents.
fn fixed(datagram: &[u8], is_v5: bool) -> Vec<Record> {
    let count = number(datagram, 2, 2).unwrap() as usize;
    let len = if is_v5 { 48 } else { 52 };
    let mut records = Vec::new();
    let mut at = 24;
    for _ in 0..count {
        let Some(record) = datagram.get(at..at + len) else { break };
        at += len;
        let mut fields = Map::new();
        let ip = |from: usize| Ipv4Addr::from(number(record, from, 4).unwrap() as u32).to_string();
        for (name, from) in
            [("source_ipv4_address", 0), ("destination_ipv4_address", 4), ("ip_next_hop_ipv4_address", 8)]
        {
            fields.insert(name.into(), ip(from).into());
        }
        if !is_v5 {
            fields.insert(
                elements::of(43).map_or("element_43", |element| element.name).into(),
                match elements::of(43) {
                    Some(element) => value(element.kind, &record[48..]),
                    None => hex(&record[48..]),
                },
            );
        }
        for (name, from, len) in [
            ("ingress_interface", 12, 2),
            ("egress_interface", 14, 2),
            ("packet_delta_count", 16, 4),
            ("octet_delta_count", 20, 4),
            ("flow_start_sys_up_time", 24, 4),
            ("flow_end_sys_up_time", 28, 4),
            ("source_transport_port", 32, 2),
            ("destination_transport_port", 34, 2),
            ("tcp_control_bits", 37, 1),
            ("protocol_identifier", 38, 1),
            ("ip_class_of_service", 39, 1),
            ("bgp_source_as_number", 40, 2),
            ("bgp_destination_as_number", 42, 2),
            ("source_ipv4_prefix_length", 44, 1),
            ("destination_ipv4_prefix_length", 45, 1),
        ] {
            fields.insert(name.into(), number(record, from, len).into());
        }
        records.push(Record { kind: "netflow_flow".into(), template: None, fields, octets: base64(record) });
    }
    if at < datagram.len() {
        records.push(raw("netflow_malformed", None, &datagram[at..]));
    }
    records
}

/// What the decoder gives on, without what is of the exporter and of its sampler.
fn fast(decoder: &mut FlowDecoder, protocol: FlowProtocol, datagram: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    decoder.decode(protocol, "192.0.2.1:2055".parse().unwrap(), datagram, &mut |text| {
        let document: Value = serde_json::from_slice(text).expect("a record is JSON");
        let mut fields = document["netflow"].as_object().expect("it is of a flow").clone();
        let mut take = |name: &str| fields.shift_remove(name).unwrap_or_default();
        let kind = take("type").as_str().unwrap_or_default().to_owned();
        let (octets, template) = (take("record"), take("template_id").as_u64());
        take("exporter");
        records.push(Record { kind, template, fields, octets: octets.as_str().unwrap_or_default().to_owned() });
    });
    records
}

#[track_caller]
fn check(datagrams: &[Vec<u8>]) {
    let (mut decoder, mut twin) = (FlowDecoder::new(), Twin::default());
    for datagram in datagrams {
        let mut found = fast(&mut decoder, FlowProtocol::Netflow, datagram);
        let expected = twin.decode(datagram);
        // The rate of the sampler is what an earlier record told, unless the record has the element itself.
        for (found, expected) in found.iter_mut().zip(&expected) {
            if !expected.fields.contains_key("sampling_interval") {
                found.fields.shift_remove("sampling_interval");
            }
        }
        assert_eq!(found, expected, "{}", hex(datagram));
    }
}

/// A field of a template: of those known with its own length or a shorter, of the unknown, of enterprises.
fn spec() -> impl Strategy<Value = Spec> {
    let known = prop::sample::select(vec![
        (1u16, 8u16),
        (1, 4),
        (2, 4),
        (4, 1),
        (5, 1),
        (6, 1),
        (7, 2),
        (8, 4),
        (10, 2),
        (11, 2),
        (12, 4),
        (21, 4),
        (22, 4),
        (27, 16),
        (28, 16),
        (34, 4),
        (48, 1),
        (56, 6),
        (82, 16),
        (95, 4),
        (96, 65_535),
        (150, 4),
        (152, 8),
        (154, 8),
        (156, 8),
        (210, 3),
        (311, 4),
        (320, 8),
        (8, 3),
        (27, 4),
    ]);
    prop_oneof![
        6 => known.prop_map(|(element, len)| (element, 0, len)),
        1 => (30_000u16..32_000, 0u16..5).prop_map(|(element, len)| (element, 0, len)),
        1 => (prop::sample::select(vec![9u32, 29_305]), 1u16..20, 1u16..9).prop_map(|(enterprise, element, len)| (element, enterprise, len)),
    ]
}

/// A set: a template, an options template or data.
fn set(version: u16) -> impl Strategy<Value = Vec<u8>> {
    let id = prop::sample::select(vec![256u16, 257, 300]);
    let template = (id.clone(), prop::collection::vec(spec(), 0..6), any::<bool>(), 0usize..3);
    let template = template.prop_map(move |(id, fields, options, scopes)| {
        let mut body = id.to_be_bytes().to_vec();
        let scopes = scopes.min(fields.len());
        let head = match (options, version) {
            (false, _) => vec![fields.len()],
            (true, 9) => vec![scopes * 4, (fields.len() - scopes) * 4],
            (true, _) => vec![fields.len(), scopes],
        };
        head.iter().for_each(|&number| body.extend((number as u16).to_be_bytes()));
        for (element, enterprise, len) in fields {
            let marked = version == 10 && enterprise > 0;
            body.extend((element | if marked { 0x8000 } else { 0 }).to_be_bytes());
            body.extend(len.to_be_bytes());
            if marked {
                body.extend(enterprise.to_be_bytes());
            }
        }
        let set_id = if version == 9 { u16::from(options) } else { 2 + u16::from(options) };
        (set_id, body)
    });
    let data = (id, prop::collection::vec(prop_oneof![3 => 0u8..9, 1 => any::<u8>()], 0..80));
    prop_oneof![template, data]
        .prop_map(|(id, body)| [&id.to_be_bytes()[..], &(body.len() as u16 + 4).to_be_bytes(), &body].concat())
}

fn datagram(version: u16) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(set(version), 1..5).prop_map(move |sets| {
        let body = sets.concat();
        let head = if version == 9 { [0; 16].to_vec() } else { [0; 12].to_vec() };
        let second = if version == 9 { 1 } else { body.len() as u16 + 16 };
        [&version.to_be_bytes()[..], &second.to_be_bytes(), &head, &body].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn templates_and_data_read_as_the_twin_reads_them(
        datagrams in prop::collection::vec(prop_oneof![datagram(9), datagram(10)], 1..5),
        flip in prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>())),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut datagrams = datagrams;
        if let Some((which, at, byte)) = flip {
            let datagram = which.get(&datagrams).clone();
            let mut flipped = datagram;
            let at = at.index(flipped.len());
            flipped[at] = byte;
            datagrams.push(flipped);
        }
        if let Some(cut) = cut {
            let last = datagrams.last_mut().unwrap();
            let len = cut.index(last.len());
            last.truncate(len);
        }
        check(&datagrams);
    }

    #[test]
    fn records_of_one_shape_read_as_the_twin_reads_them(
        is_v5: bool, count in 0u16..4, head in prop::collection::vec(any::<u8>(), 20), body in prop::collection::vec(any::<u8>(), 0..170)
    ) {
        let version = if is_v5 { 5u16 } else { 7 };
        check(&[[&version.to_be_bytes()[..], &count.to_be_bytes(), &head, &body].concat()]);
    }
}

/// The samples of a datagram of sFlow, of flows and of counters: type, octets, and what stands at fixed places.
fn sflow(datagram: &[u8]) -> Option<Vec<Record>> {
    (number(datagram, 0, 4)? == 5).then_some(())?;
    let (agent, mut at): (Value, usize) = match number(datagram, 4, 4)? {
        1 => (value(Type::Ipv4, datagram.get(8..12)?), 12),
        2 => (value(Type::Ipv6, datagram.get(8..24)?), 24),
        _ => return None,
    };
    let samples = number(datagram, at + 12, 4)?;
    at += 16;
    let mut records = Vec::new();
    for _ in 0..samples {
        let (Some(kind), Some(len)) = (number(datagram, at, 4), number(datagram, at + 4, 4)) else {
            records.extend((at < datagram.len()).then(|| raw("sflow_malformed", None, &datagram[at..])));
            return Some(records);
        };
        let Some(body) = datagram.get(at + 8..at + 8 + len as usize) else {
            records.push(raw("sflow_malformed", None, &datagram[at..]));
            return Some(records);
        };
        let whole = &datagram[at..at + 8 + len as usize];
        at += whole.len();
        // Expanded samples have two numbers where the others have one.
        let expanded = kind == 3 || kind == 4;
        let wide = if expanded { 8 } else { 4 };
        let mut fields = Map::from_iter([("agent_address".to_owned(), agent.clone())]);
        let index = |from: usize, bits: u32| {
            if expanded { number(body, from + 4, 4) } else { Some(number(body, from, 4)? % (1 << bits)) }
        };
        let read = (|| {
            fields.insert("sample_sequence".into(), number(body, 0, 4)?.into());
            fields.insert("source_index".into(), index(4, 24)?.into());
            if kind == 2 || kind == 4 {
                number(body, 4 + wide, 4)?;
                return Some("sflow_counters");
            }
            let behind = 4 + wide;
            for (place, name) in ["sampling_interval", "sample_pool", "dropped_samples"].into_iter().enumerate() {
                fields.insert(name.into(), number(body, behind + 4 * place, 4)?.into());
            }
            fields.insert("ingress_interface".into(), index(behind + 12, 30)?.into());
            fields.insert("egress_interface".into(), index(behind + 12 + wide, 30)?.into());
            number(body, behind + 12 + 2 * wide, 4)?;
            Some("sflow_flow")
        })();
        records.push(match read.filter(|_| (1..=4).contains(&kind)) {
            Some(name) => Record { kind: name.to_owned(), template: None, fields, octets: base64(body) },
            None => raw("sflow_undecoded", None, whole),
        });
    }
    Some(records)
}

/// The fields of the Ethernet frame with an IPv4 packet that a header record holds.
fn frame_fields(body: &[u8]) -> Map<String, Value> {
    let mac = |from: usize| value(Type::Mac, &body[from..from + 6]);
    let ip = |from: usize| value(Type::Ipv4, &body[from..from + 4]);
    let of = |from: usize, len: usize| Value::from(number(body, from, len));
    Map::from_iter(
        [
            ("destination_mac_address", mac(0)),
            ("source_mac_address", mac(6)),
            ("ethernet_type", of(12, 2)),
            ("ip_class_of_service", of(15, 1)),
            ("ip_ttl", of(22, 1)),
            ("protocol_identifier", of(23, 1)),
            ("source_ipv4_address", ip(26)),
            ("destination_ipv4_address", ip(30)),
            ("source_transport_port", of(34, 2)),
            ("destination_transport_port", of(36, 2)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn samples_read_as_the_twin_reads_them(
        of_v6: bool,
        samples in prop::collection::vec((0u32..7, prop::collection::vec(0u8..9, 0..60), prop::option::of(0u32..99)), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let agent = if of_v6 { [&[0, 0, 0, 2][..], &[9; 16]].concat() } else { vec![0, 0, 0, 1, 192, 0, 2, 1] };
        let mut datagram = [&[0, 0, 0, 5][..], &agent, &[0; 12], &(samples.len() as u32).to_be_bytes()].concat();
        for (kind, body, len) in &samples {
            datagram.extend(kind.to_be_bytes());
            datagram.extend(len.unwrap_or(body.len() as u32).to_be_bytes());
            datagram.extend(body);
        }
        if let Some(cut) = cut {
            datagram.truncate(cut.index(datagram.len()));
        }
        let expected = sflow(&datagram).unwrap_or_else(|| vec![raw("netflow_malformed", None, &datagram)]);
        let mut found = fast(&mut FlowDecoder::new(), FlowProtocol::Sflow, &datagram);
        for (found, expected) in found.iter_mut().zip(&expected) {
            // What the records within a sample say is told by the test of the frame.
            found.fields.retain(|name, _| expected.fields.contains_key(name));
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_sampled_frame_reads_as_the_twin_reads_it(octets in prop::collection::vec(any::<u8>(), 38), protocol in prop::sample::select(vec![6u8, 17, 132])) {
        let mut frame = octets;
        frame[12..15].copy_from_slice(&[8, 0, 0x45]);
        // No fragment: the ports are there.
        frame[20] &= 0xe0;
        frame[21] = 0;
        frame[23] = protocol;
        let header = [&[0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 4, 0, 0, 0, 38][..], &frame].concat();
        let record = [&[0, 0, 0, 1][..], &(header.len() as u32).to_be_bytes(), &header].concat();
        let sample = [&[0; 28][..], &[0, 0, 0, 1], &record].concat();
        let head = [&[0, 0, 0, 5, 0, 0, 0, 1, 192, 0, 2, 1][..], &[0; 12], &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
        let datagram = [&head[..], &(sample.len() as u32).to_be_bytes(), &sample].concat();
        let found = fast(&mut FlowDecoder::new(), FlowProtocol::Sflow, &datagram);
        for (name, expected) in frame_fields(&frame) {
            prop_assert_eq!(&found[0].fields[&name], &expected, "{}", name);
        }
    }
}
