//! TCP and TLS listeners of syslog: frame, collect (RFC 6587, RFC 5425).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use noroshi_parsers::frame::{Frame, Framer, Framing, Position};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpListener;

use crate::Clock;
use crate::batch::Origin;
use crate::collector::{CONNECTION_BUFFER_BYTES, Collector, Place};
use crate::config::{FramingMode, StreamConfig, Trailer};
use crate::counters::InputCounters;
use crate::door::{Door, Io, Visitor};

/// On a stop, a connection is read on until nothing came for so long: what the kernel has acknowledged to
/// the sender is read, a sender that never pauses is cut off by [`STOP_BYTES_MAX`].
const STOP_QUIET: Duration = Duration::from_millis(20);

/// Most that is read from one connection after a stop was asked for: above the kernel's default
/// largest receive buffer (6 MiB, tcp_rmem).
const STOP_BYTES_MAX: u64 = 8 << 20;

/// One listener with what its connections share.
pub(crate) struct StreamInput {
    pub door: Arc<Door>,
    pub config: StreamConfig,
    pub collector: Collector,
    pub clock: Arc<dyn Clock>,
}

impl StreamInput {
    fn counters(&self) -> &InputCounters {
        &self.collector.counters
    }

    /// Serves until the stop, then hands over the last batch.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) {
        let aged = tokio::spawn({
            let this = Arc::clone(&self);
            async move { tokio::join!(this.collector.flush_aged(), this.collector.nudge()) }
        });
        let this = Arc::clone(&self);
        let serve = move |visitor: Visitor, io: Box<dyn Io>| {
            let this = Arc::clone(&this);
            async move {
                let Visitor { peer, connection, tls, subject } = visitor;
                let origin =
                    if tls { Origin::Tls { peer, connection, subject } } else { Origin::Tcp { peer, connection } };
                this.serve(io, origin).await;
            }
        };
        self.door.keep(listener, serve).await;
        aged.abort();
        let _ = aged.await; // its cancellation
        self.collector.flush().await;
    }

    /// Reads one connection to its end.
    async fn serve(&self, mut stream: impl AsyncRead + Unpin, origin: Origin) {
        let framing = Framing {
            octet_counting: self.config.framing == FramingMode::Auto,
            trailer: if self.config.trailer == Trailer::Nul { 0 } else { b'\n' },
        };
        let mut connection = Connection {
            input: self,
            framer: Framer::resume(framing, self.config.record_bytes_max, Position { offset: 0, line: 0 }),
            place: Place::new(Arc::new(origin)),
            buffer: Vec::with_capacity(CONNECTION_BUFFER_BYTES),
            claimed: 0,
            frames: Vec::new(),
        };
        let idle = Duration::from_secs(self.config.idle_timeout_s);
        loop {
            if !connection.make_room() {
                break;
            }
            let read = tokio::select! {
                biased;
                () = self.door.shutdown.requested() => {
                    connection.read_out(&mut stream).await;
                    break;
                }
                read = tokio::time::timeout(idle, stream.read_buf(&mut connection.buffer)) => read,
            };
            match read {
                Ok(Ok(0)) => break,
                Ok(Ok(_)) => connection.frame(false).await,
                Ok(Err(error)) => {
                    // A peer that closes TLS without close_notify has still said all it had to say.
                    if error.kind() != io::ErrorKind::UnexpectedEof {
                        InputCounters::add(&self.counters().connection_errors, 1);
                    }
                    break;
                }
                Err(_) => {
                    InputCounters::add(&self.counters().idle_closed, 1);
                    break;
                }
            }
        }
        connection.frame(true).await;
    }
}

/// One connection's framing state.
struct Connection<'a> {
    input: &'a StreamInput,
    framer: Framer,
    place: Place,
    /// What was read and is not framed yet.
    buffer: Vec<u8>,
    /// Bytes of `buffer`'s capacity that were claimed from the listener's budget.
    claimed: usize,
    frames: Vec<Frame>,
}

impl Connection<'_> {
    /// Room for the next read; false when the listener's budget for unfinished records is used up.
    fn make_room(&mut self) -> bool {
        let capacity = self.buffer.capacity();
        if capacity - self.buffer.len() >= CONNECTION_BUFFER_BYTES / 4 {
            return true;
        }
        if !self.input.collector.claim(capacity) {
            InputCounters::add(&self.input.counters().buffers_exhausted, 1);
            tracing::warn!(input = %self.input.door.name, origin = ?self.place.origin,
                "connection closed: too many connections hold unfinished records");
            return false;
        }
        self.claimed += capacity;
        self.buffer.reserve_exact(2 * capacity - self.buffer.len());
        true
    }

    /// Frames what was read and hands the records over, waiting when the engine is behind.
    async fn frame(&mut self, end: bool) {
        let now_ns = self.input.clock.now_ns();
        self.frames.clear();
        let frames = &mut self.frames;
        let consumed = self.framer.frame(&self.buffer, end, |frame| frames.push(frame));
        self.input.collector.add(&mut self.place, &self.buffer, &self.frames, now_ns).await;
        self.buffer.drain(..consumed);
        if self.input.collector.is_due() {
            self.input.collector.flush().await;
        }
        if self.claimed > 0
            && self.buffer.len() < CONNECTION_BUFFER_BYTES / 2
            && self.buffer.capacity() > 4 * CONNECTION_BUFFER_BYTES
        {
            self.buffer.shrink_to(CONNECTION_BUFFER_BYTES);
            self.input.collector.release(std::mem::take(&mut self.claimed));
        }
    }

    /// After a stop: what the kernel already holds for us.
    async fn read_out(&mut self, stream: &mut (impl AsyncRead + Unpin)) {
        let mut read = 0;
        while read < STOP_BYTES_MAX && self.make_room() {
            match tokio::time::timeout(STOP_QUIET, stream.read_buf(&mut self.buffer)).await {
                Ok(Ok(n)) if n > 0 => read += n as u64,
                _ => break,
            }
            self.frame(false).await;
        }
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.input.collector.release(self.claimed);
    }
}
