//! The door of a listener: accept, count, bound, shake hands (TLS). What is spoken behind it is another's.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::config::HANDSHAKE_TIMEOUT_S;
use crate::counters::InputCounters;
use crate::outlet::Shutdown;
use crate::tls;

/// Pause after a failed accept (no file descriptors left), so that it cannot spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Seconds of silence after which the kernel asks whether the peer still lives.
const KEEPALIVE_S: u64 = 60;

/// Connections are numbered over all listeners, so that a number names one for good.
static CONNECTION: AtomicU64 = AtomicU64::new(1);

/// What a connection is read from and written to.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Who came in.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub peer: SocketAddr,
    pub connection: u64,
    /// The connection is TLS.
    pub tls: bool,
    /// The subject of the verified client certificate.
    pub subject: Option<String>,
}

/// One listener's door.
pub(crate) struct Door {
    pub name: String,
    pub connections_max: u32,
    pub tls: Option<TlsAcceptor>,
    pub counters: Arc<InputCounters>,
    pub shutdown: Shutdown,
}

impl Door {
    /// Lets connections in until the stop, and waits for those that are open then. `serve` sees to it that they end.
    pub(crate) async fn keep<S, F>(self: &Arc<Self>, listener: TcpListener, serve: S)
    where
        S: Fn(Visitor, Box<dyn Io>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shutdown.requested() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(&mut connections, stream, peer, &serve),
                Err(error) => {
                    InputCounters::add(&self.counters.connection_errors, 1);
                    tracing::warn!(input = %self.name, %error, "cannot accept a connection; raise LimitNOFILE if files ran out");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    fn admit<S, F>(self: &Arc<Self>, connections: &mut JoinSet<()>, stream: TcpStream, peer: SocketAddr, serve: &S)
    where
        S: Fn(Visitor, Box<dyn Io>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        if connections.len() >= self.connections_max as usize {
            let refused = self.counters.connections_refused.fetch_add(1, Ordering::Relaxed);
            if refused.is_power_of_two() || refused == 0 {
                tracing::warn!(input = %self.name, %peer, refused = refused + 1, connections_max = self.connections_max,
                    "connection refused: too many are open; raise connections_max");
            }
            return;
        }
        InputCounters::add(&self.counters.connections, 1);
        InputCounters::add(&self.counters.connections_open, 1);
        let keepalive = socket2::TcpKeepalive::new().with_time(Duration::from_secs(KEEPALIVE_S));
        // Without it a vanished peer is found by idle_timeout_s instead.
        let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        // Answers are small and waited for.
        let _ = stream.set_nodelay(true);
        let (this, serve) = (Arc::clone(self), serve.clone());
        connections.spawn(async move {
            if let Some((visitor, io)) = this.greet(stream, peer).await {
                serve(visitor, io).await;
            }
            this.counters.connections_open.fetch_sub(1, Ordering::Relaxed);
        });
    }

    async fn greet(&self, stream: TcpStream, peer: SocketAddr) -> Option<(Visitor, Box<dyn Io>)> {
        let connection = CONNECTION.fetch_add(1, Ordering::Relaxed);
        // An IPv4 sender is one also on a listener for both.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let Some(acceptor) = &self.tls else {
            return Some((Visitor { peer, connection, tls: false, subject: None }, Box::new(stream)));
        };
        let handshake = tokio::time::timeout(Duration::from_secs(HANDSHAKE_TIMEOUT_S), acceptor.accept(stream));
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            () = self.shutdown.requested() => return None,
        };
        match accepted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                let subject = tls::client_subject(stream.get_ref().1);
                Some((Visitor { peer, connection, tls: true, subject }, Box::new(stream)))
            }
            Err(error) => {
                let failures = self.counters.tls_handshake_failures.fetch_add(1, Ordering::Relaxed);
                if failures.is_power_of_two() || failures == 0 {
                    tracing::warn!(input = %self.name, %peer, %error, failures = failures + 1, "TLS handshake failed");
                }
                None
            }
        }
    }
}
