//! NetFlow 5, 9 and IPFIX (RFC 3954, RFC 7011) and sFlow 5: datagrams to flow records.
//!
//! What an exporter sends can only be read with the templates that it sent before, so a datagram is decoded where
//! it arrives, by the one [`FlowDecoder`] that has its exporter's state, and each flow record goes on as a
//! record of its own: one JSON object with every field by name, the exporter, and the record's octets in base64 below
//! `netflow.record`. That text is the raw record everywhere else (`event.original`, spool, evidence): it can be
//! kept, shown and replayed years later, when no template is left to read the octets by; and as the octets are
//! in it, nothing of them is lost where an element is not known. The datagram's header is in each record's
//! `exporter`; template sets say nothing of any flow and are counted, not kept.
//!
//! All tables have bounds, as exporters are forged for the price of a packet: see the constants.

mod elements;
mod json;
mod netflow;
mod octets;
mod sflow;
mod state;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;

use std::net::SocketAddr;

pub use state::FlowCounters;
use state::{Exporters, Key};

/// What a socket speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowProtocol {
    /// NetFlow 5, 7, 9 and IPFIX, told apart by the version in each datagram.
    Netflow,
    /// sFlow 5.
    Sflow,
}

/// Most flow records of one datagram read one by one: a flow of two IPv4 addresses, ports and counters has more than
/// 16 octets, and a datagram 65,535. What is over goes on undecoded, as one record.
pub const RECORDS_PER_DATAGRAM_MAX: usize = 4096;

/// Decodes the datagrams of many exporters. One a socket: it owns their templates.
#[derive(Default)]
pub struct FlowDecoder {
    exporters: Exporters,
    object: json::Object,
}

impl FlowDecoder {
    /// A decoder that knows no exporter yet.
    pub fn new() -> Self {
        FlowDecoder::default()
    }

    /// What was counted so far.
    pub fn counters(&self) -> FlowCounters {
        self.exporters.counters
    }

    /// Decodes one datagram; `emit` is given each record's text. A datagram that is not of the protocol
    /// is given on as one record of type `netflow_malformed` with all of its octets.
    pub fn decode(&mut self, protocol: FlowProtocol, peer: SocketAddr, datagram: &[u8], emit: &mut dyn FnMut(&[u8])) {
        self.exporters.counters.datagrams += 1;
        let mut out = Out { object: &mut self.object, records: 0, emit };
        let read = match protocol {
            FlowProtocol::Netflow => netflow::decode(&mut self.exporters, &mut out, peer, datagram),
            FlowProtocol::Sflow => sflow::decode(&mut self.exporters, &mut out, peer, datagram),
        };
        if read.is_none() {
            self.exporters.counters.malformed += 1;
            out.raw("netflow_malformed", &Sender::unknown(peer), None, datagram);
        }
        self.exporters.counters.records += out.records;
    }
}

/// Who sent a datagram, as its header says.
#[derive(Clone, Copy, Debug)]
struct Sender {
    peer: SocketAddr,
    version: u16,
    domain: u32,
    sequence: u32,
    /// When the datagram was sent, where it says so.
    export_ns: Option<i64>,
    uptime_ms: Option<u32>,
}

impl Sender {
    fn unknown(peer: SocketAddr) -> Self {
        Sender { peer, version: 0, domain: 0, sequence: 0, export_ns: None, uptime_ms: None }
    }

    fn key(&self) -> Key {
        Key { peer: self.peer.ip(), version: self.version, domain: self.domain }
    }
}

/// Where records go.
struct Out<'o> {
    object: &'o mut json::Object,
    records: u64,
    emit: &'o mut dyn FnMut(&[u8]),
}

impl Out<'_> {
    /// Begins a record: its time, its type and its exporter; `netflow` is left open.
    fn begin(&mut self, kind: &str, sender: &Sender) {
        let object = &mut *self.object;
        object.begin();
        if let Some(export_ns) = sender.export_ns {
            object.time("@timestamp", export_ns);
        }
        object.open("observer");
        object.member("ip", |out| out.ip(sender.peer.ip()));
        object.close();
        object.open("netflow");
        object.text_member("type", kind);
        object.open("exporter");
        object.member("address", |out| out.peer(sender.peer));
        object.unsigned("version", sender.version.into());
        object.unsigned("source_id", sender.domain.into());
        object.unsigned("sequence", sender.sequence.into());
        if let Some(export_ns) = sender.export_ns {
            object.time("timestamp", export_ns);
        }
        if let Some(uptime_ms) = sender.uptime_ms {
            object.unsigned("uptime_millis", uptime_ms.into());
        }
        object.close();
    }

    /// Ends a record whose `netflow` is open.
    fn end(&mut self, octets: &[u8], times: Option<(i64, i64)>) {
        let object = &mut *self.object;
        object.base64("record", octets);
        object.close();
        if let Some((start, end)) = times {
            object.open("event");
            object.time("start", start);
            object.time("end", end);
            if let Ok(duration) = u64::try_from(end.saturating_sub(start)) {
                object.unsigned("duration", duration);
            }
            object.close();
        }
        object.close();
        self.records += 1;
        (self.emit)(self.object.text());
    }

    /// Octets that could not be read, whole.
    fn raw(&mut self, kind: &str, sender: &Sender, set: Option<u16>, octets: &[u8]) {
        self.begin(kind, sender);
        if let Some(set) = set {
            self.object.unsigned("template_id", set.into());
        }
        self.end(octets, None);
    }
}
