//! UDP: one datagram, one record (RFC 5426 §3.1).
//!
//! Each socket has a thread of its own, because a thread that does nothing else drains a socket
//! fastest. Several sockets may share one address; the kernel spreads senders over them. A datagram's
//! one trailing LF, with a CR before it, is the sender's habit and is stripped; the rest is the record.
//!
//! A datagram of an exporter of flows holds many records and cannot be read without those before it, so it is
//! decoded here, by the decoder that has the exporter's state, and each flow record is a record. One socket then
//! serves the address: state belongs to an exporter, not to whichever socket the kernel picks.
//!
//! Nothing can hold a UDP sender back: while the engine's queue is full the thread waits and
//! the kernel's buffer fills, then overflows; what the kernel drops it tells (`SO_RXQ_OVFL`, and
//! `SO_MEMINFO` for what no later datagram tells), and it is counted as `kernel_drops`.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use noroshi_parsers::wire::flow::{FlowDecoder, FlowProtocol};
use socket2::{Domain, Socket, Type};

use crate::batch::{BATCH_AGE_MS, BATCH_BYTES, Batch, Origin, RecordFlags, RecordMarks, RecordRef};
use crate::config::UdpConfig;
use crate::counters::{InputCounters, Tally};
use crate::inputs::{Start, Work};
use crate::outlet::STOP_LOOK;
use crate::sys::{self, Datagrams};

/// Senders remembered with their origin; one table per socket, forgotten whole when full, because
/// source addresses are forged for the price of a packet.
const PEERS_MAX: usize = 4096;

/// Datagrams in one batch at most: empty ones have no bytes to count, and origins are numbered by a `u16`.
const BATCH_RECORDS_MAX: usize = 32 << 10;

/// Time given to emptying the kernel's buffer after a stop was asked for.
const STOP_READ: Duration = Duration::from_secs(2);

/// Binds all sockets of one input.
///
/// # Errors
/// When one cannot be made or bound, or the address is in use by another process.
pub(crate) fn bind(config: &UdpConfig, name: &str) -> io::Result<(SocketAddr, Vec<UdpSocket>)> {
    if config.sockets > 1 && config.listen.port() != 0 {
        // SO_REUSEPORT would share the port with a second engine of the same user in silence, half of
        // the senders each; a socket without it finds that out.
        drop(UdpSocket::bind(config.listen)?);
    }
    let mut address = config.listen;
    let mut sockets = Vec::new();
    for _ in 0..config.sockets {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        if config.sockets > 1 {
            socket.set_reuse_port(true)?;
        }
        size_receive_buffer(&socket, config.receive_buffer_bytes, name)?;
        sys::report_drops(&socket)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from(socket);
        address = socket.local_addr()?; // the port chosen, where 0 was asked for
        sockets.push(socket);
    }
    Ok((address, sockets))
}

/// Asks for the buffer, first beyond the host's limit, and tells what was granted.
fn size_receive_buffer(socket: &Socket, asked: usize, name: &str) -> io::Result<()> {
    if sys::force_receive_buffer(socket, asked).is_err() {
        socket.set_recv_buffer_size(asked)?;
    }
    // Linux doubles what is asked for to pay for its own bookkeeping, and tells the double (socket(7)).
    let granted = socket.recv_buffer_size()? / 2;
    tracing::info!(input = %name, asked_bytes = asked, granted_bytes = granted, "UDP receive buffer");
    if granted < asked {
        tracing::warn!(input = %name, asked_bytes = asked, granted_bytes = granted,
            "the kernel granted a smaller receive buffer, bursts may be dropped; \
             raise it with `sysctl -w net.core.rmem_max={asked}` or grant CAP_NET_ADMIN");
    }
    Ok(())
}

/// One thread's work per socket.
pub(crate) fn work(start: Start, config: &UdpConfig, address: SocketAddr, sockets: Vec<UdpSocket>) -> Vec<Work> {
    let start = Arc::new(start);
    let numbers = Arc::new(AtomicU64::new(0));
    let slot_bytes = config.datagram_bytes_max;
    let mut work: Vec<Work> = Vec::new();
    for (i, socket) in sockets.into_iter().enumerate() {
        let listener = Listener {
            start: Arc::clone(&start),
            address,
            socket,
            numbers: Arc::clone(&numbers),
            peers: HashMap::new(),
            in_batch: HashMap::new(),
            flows: config.protocol.flows().map(|protocol| (protocol, FlowDecoder::new())),
            drops: 0,
        };
        work.push((format!("udp{i} {}", start.name), Box::new(move || listener.run(slot_bytes))));
    }
    work
}

struct Listener {
    start: Arc<Start>,
    address: SocketAddr,
    socket: UdpSocket,
    /// Datagrams are numbered over all sockets of the input.
    numbers: Arc<AtomicU64>,
    peers: HashMap<SocketAddr, Arc<Origin>>,
    /// Index in the filling batch's origins.
    in_batch: HashMap<SocketAddr, u16>,
    /// Where the datagrams are of flows: how they are read, and by which state.
    flows: Option<(FlowProtocol, FlowDecoder)>,
    /// Drops of this socket counted so far, modulo 2^32 as the kernel counts.
    drops: u32,
}

impl Listener {
    fn run(mut self, slot_bytes: usize) {
        let mut datagrams = Datagrams::new(slot_bytes);
        let mut batch = self.start.pool.take(self.start.input);
        let mut begun = Instant::now();
        let mut stop_by: Option<Instant> = None;
        loop {
            let age = Duration::from_millis(BATCH_AGE_MS);
            let wait = if batch.records.is_empty() { STOP_LOOK } else { age.saturating_sub(begun.elapsed()) };
            let ready = if stop_by.is_some() { Duration::ZERO } else { wait };
            let received = match sys::wait_readable(self.socket.as_raw_fd(), ready) {
                Ok(true) => datagrams.receive(&self.socket),
                Ok(false) => Ok(0),
                Err(error) => Err(error),
            };
            let received = received.unwrap_or_else(|error| self.failed(&error));
            if received > 0 {
                if batch.records.is_empty() {
                    begun = Instant::now();
                }
                match self.flows.take() {
                    None => self.take(&datagrams, received, &mut batch),
                    Some((protocol, mut decoder)) => {
                        self.take_flows(&datagrams, protocol, &mut decoder, &mut batch);
                        self.flows = Some((protocol, decoder));
                    }
                }
            }
            let stopping = self.start.outlet.shutdown.is_requested();
            let full = batch.bytes.len() >= BATCH_BYTES || batch.records.len() >= BATCH_RECORDS_MAX;
            let due = full || begun.elapsed() >= age || stopping && received == 0;
            if due && !batch.records.is_empty() {
                self.in_batch.clear();
                let done = std::mem::replace(&mut batch, self.start.pool.take(self.start.input));
                if !self.start.outlet.send(done) {
                    break;
                }
            }
            if received == 0 && batch.records.is_empty() {
                // What other records were held for may be due.
                self.start.outlet.send(Batch::default());
            }
            if stopping {
                let stop_by = *stop_by.get_or_insert_with(|| Instant::now() + STOP_READ);
                if received == 0 || Instant::now() >= stop_by {
                    break;
                }
            }
        }
        self.start.outlet.send(batch);
        self.start.outlet.flush();
        if let Ok(drops) = sys::drops(&self.socket) {
            self.count_drops(drops);
        }
    }

    /// Tells an error and pauses: a socket that fails at once again must not spin.
    fn failed(&self, error: &io::Error) -> usize {
        if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) {
            let errors = self.start.outlet.counters.connection_errors.fetch_add(1, Ordering::Relaxed);
            if errors == 0 || errors.is_power_of_two() {
                tracing::warn!(input = %self.start.name, %error, errors = errors + 1, "cannot receive datagrams");
            }
            std::thread::sleep(STOP_LOOK);
        }
        0
    }

    fn count_drops(&mut self, drops: u32) {
        let new = drops.wrapping_sub(self.drops);
        // The count of an earlier datagram can come after a later reading by SO_MEMINFO.
        if new > 0 && new < u32::MAX / 2 {
            self.drops = drops;
            InputCounters::add(&self.start.outlet.counters.kernel_drops, u64::from(new));
        }
    }

    fn take(&mut self, datagrams: &Datagrams, received: usize, batch: &mut Batch) {
        let now_ns = self.start.clock.now_ns();
        if batch.records.is_empty() {
            batch.receive_time_ns = now_ns;
        }
        let first = self.numbers.fetch_add(received as u64, Ordering::Relaxed);
        let mut tally = Tally::default();
        let mut last: Option<(SocketAddr, u16)> = None;
        let mut drops = None;
        for (offset, datagram) in (first..).zip(datagrams.iter()) {
            drops = datagram.drops.or(drops);
            let (record, mut flags) = strip_line_end(datagram.bytes);
            if datagram.truncated {
                flags |= RecordFlags::TRUNCATED;
            }
            let origin = match last {
                Some((peer, index)) if peer == datagram.peer => index,
                _ => self.origin(datagram.peer, batch),
            };
            last = Some((datagram.peer, origin));
            tally.count(record.len(), flags);
            let at = batch.bytes.len() as u32;
            batch.bytes.extend_from_slice(record);
            let len = record.len() as u32;
            batch.records.push(RecordRef {
                at,
                len,
                origin,
                flags,
                marks: RecordMarks::default(),
                lines: 1,
                part: 0,
                offset,
                line: 0,
                receive_time_ns: now_ns,
                stated_time_ns: 0,
            });
        }
        tally.publish(&self.start.outlet.counters, false);
        if let Some(drops) = drops {
            self.count_drops(drops);
        }
    }

    /// As [`Listener::take`] for datagrams of flows: each of their records is one, numbered by itself.
    fn take_flows(
        &mut self,
        datagrams: &Datagrams,
        protocol: FlowProtocol,
        decoder: &mut FlowDecoder,
        batch: &mut Batch,
    ) {
        let now_ns = self.start.clock.now_ns();
        let before = decoder.counters();
        let mut tally = Tally::default();
        let mut drops = None;
        for datagram in datagrams.iter() {
            drops = datagram.drops.or(drops);
            if batch.records.is_empty() {
                batch.receive_time_ns = now_ns;
            }
            let flags = if datagram.truncated { RecordFlags::TRUNCATED } else { RecordFlags::empty() };
            let origin = self.origin(datagram.peer, batch);
            decoder.decode(protocol, datagram.peer, datagram.bytes, &mut |record| {
                let offset = self.numbers.fetch_add(1, Ordering::Relaxed);
                tally.count(record.len(), flags);
                let at = batch.bytes.len() as u32;
                batch.bytes.extend_from_slice(record);
                let len = record.len() as u32;
                batch.records.push(RecordRef {
                    at,
                    len,
                    origin,
                    flags,
                    marks: RecordMarks::default(),
                    lines: 1,
                    part: 0,
                    offset,
                    line: 0,
                    receive_time_ns: now_ns,
                    stated_time_ns: 0,
                });
            });
            // A datagram may hold thousands of records; a batch must not grow by all that were received at once.
            if batch.bytes.len() >= BATCH_BYTES || batch.records.len() >= BATCH_RECORDS_MAX {
                self.in_batch.clear();
                let done = std::mem::replace(batch, self.start.pool.take(self.start.input));
                if !self.start.outlet.send(done) {
                    break;
                }
            }
        }
        tally.publish(&self.start.outlet.counters, false);
        self.start.outlet.counters.add_flows(&decoder.counters(), &before);
        if let Some(drops) = drops {
            self.count_drops(drops);
        }
    }

    /// Index of a peer's origin in the batch; `run` hands a batch on before they overflow a `u16`.
    fn origin(&mut self, peer: SocketAddr, batch: &mut Batch) -> u16 {
        if let Some(&index) = self.in_batch.get(&peer) {
            return index;
        }
        if self.peers.len() >= PEERS_MAX {
            self.peers.clear();
        }
        let listener = self.address;
        let origin = self.peers.entry(peer).or_insert_with(|| Arc::new(Origin::Udp { peer, listener }));
        let index = batch.origins.len() as u16;
        batch.origins.push(Arc::clone(origin));
        self.in_batch.insert(peer, index);
        index
    }
}

/// A datagram without the line end some senders add.
fn strip_line_end(bytes: &[u8]) -> (&[u8], RecordFlags) {
    match bytes {
        [record @ .., b'\r', b'\n'] => (record, RecordFlags::CR_STRIPPED),
        [record @ .., b'\n'] => (record, RecordFlags::empty()),
        record => (record, RecordFlags::empty()),
    }
}

#[cfg(test)]
#[path = "udp_tests.rs"]
mod tests;
