//! Metrics and health over HTTP: `/metrics` in the Prometheus text format, `/healthz` for probes.
//!
//! Served on loopback unless told otherwise, because there is no login: what is told (names of inputs,
//! rates, losses) helps an attacker to know what is seen.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Sleep};

/// Connections served at once: a few scrapers and a probe. More wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 32;

/// A connection silent for so long is closed, so that silent ones do not keep the places. Scrapes come
/// every 15 to 60 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// What kind a metric is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

#[derive(Debug)]
struct Family {
    help: String,
    kind: Kind,
    samples: String,
}

/// Metrics being collected, grouped by name as the text format (version 0.0.4) asks.
#[derive(Default, Debug)]
pub struct Exposition {
    families: BTreeMap<String, Family>,
}

/// Escapes as the format asks: backslash and newline, in label values the quote too.
fn escape(text: &str, quote: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if quote => escaped.push_str("\\\""),
            other => escaped.push(other),
        }
    }
    escaped
}

impl Exposition {
    /// Adds one sample. Help and kind of a name are those of its first sample.
    ///
    /// # Panics
    /// In debug builds, when `name` or a label's name has characters the format does not allow.
    pub fn add(&mut self, name: &str, help: &str, kind: Kind, labels: &[(&str, &str)], value: f64) {
        let allowed = |name: &str| {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !name.starts_with(|first: char| first.is_ascii_digit())
        };
        debug_assert!(allowed(name) && labels.iter().all(|(label, _)| allowed(label)), "the name {name} is allowed");
        let family = self.families.entry(name.to_owned()).or_insert_with(|| Family {
            help: escape(help, false),
            kind,
            samples: String::new(),
        });
        let samples = &mut family.samples;
        samples.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let _ = write!(samples, "{}{label}=\"{}\"", if index == 0 { '{' } else { ',' }, escape(value, true));
        }
        if !labels.is_empty() {
            samples.push('}');
        }
        let _ = writeln!(samples, " {value}");
    }

    /// The text, sorted by name.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for (name, family) in &self.families {
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {}", family.help, family.kind.as_str());
            text.push_str(&family.samples);
        }
        text
    }
}

type Source = Box<dyn Fn(&mut Exposition) + Send + Sync>;
type Check = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// The registry: who has metrics to tell, and who knows of ailments.
#[derive(Default)]
pub struct Metrics {
    sources: RwLock<Vec<Source>>,
    checks: RwLock<Vec<Check>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The server could not start.
#[derive(Debug)]
pub enum MetricsError {
    /// The address is not loopback.
    Remote(SocketAddr),
    /// The address could not be had.
    Bind(SocketAddr, io::Error),
}

impl fmt::Display for MetricsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(address) => write!(
                f,
                "metrics would be served on {address}, which is not loopback\n   = help: there is no login: listen on \
                 127.0.0.1, or set allow_remote = true and guard the port"
            ),
            Self::Bind(address, error) => {
                write!(f, "cannot serve metrics on {address}: {error}\n   = help: ")?;
                match error.kind() {
                    io::ErrorKind::AddrInUse => {
                        write!(f, "another program has the port (`ss -ltnp 'sport = :{}'`)", address.port())?;
                        f.write_str("; choose another in [metrics] listen")
                    }
                    _ => f.write_str("choose another address in [metrics] listen"),
                }
            }
        }
    }
}

impl std::error::Error for MetricsError {}

impl Metrics {
    /// Adds a source of metrics; it is asked at each scrape and must not block.
    pub fn add_source(&self, source: impl Fn(&mut Exposition) + Send + Sync + 'static) {
        self.sources.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(source));
    }

    /// Adds a check of health: a line for each ailment, none while healthy. It must not block.
    pub fn add_check(&self, check: impl Fn() -> Vec<String> + Send + Sync + 'static) {
        self.checks.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(check));
    }

    /// The metrics of this moment.
    pub fn render(&self) -> String {
        let mut text = Exposition::default();
        for source in self.sources.read().unwrap_or_else(PoisonError::into_inner).iter() {
            source(&mut text);
        }
        text.render()
    }

    /// Every ailment of this moment; empty while healthy.
    pub fn ailments(&self) -> Vec<String> {
        self.checks.read().unwrap_or_else(PoisonError::into_inner).iter().flat_map(|check| check()).collect()
    }

    /// Serves on `address` (port 0 takes a free one) on the given runtime.
    ///
    /// # Errors
    /// When the address is not loopback without `allow_remote`, or cannot be had.
    pub fn serve(
        self: &Arc<Self>,
        address: SocketAddr,
        allow_remote: bool,
        runtime: &Handle,
    ) -> Result<MetricsServer, MetricsError> {
        if !address.ip().is_loopback() && !allow_remote {
            return Err(MetricsError::Remote(address));
        }
        let _on_runtime = runtime.enter();
        let bound = std::net::TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((TcpListener::from_std(listener)?, address))
        });
        let (listener, local_address) = bound.map_err(|error| MetricsError::Bind(address, error))?;
        let router =
            Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthz)).with_state(self.clone());
        let (stop, mut stopped) = watch::channel(false);
        let listener = Bounded { listener, permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
        runtime.spawn(async move {
            let until = async move {
                // An error means that the server's owner is gone, which stops it as well.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            tokio::select! {
                result = axum::serve(listener, router) => {
                    if let Err(error) = result {
                        tracing::error!("metrics are not served any more: {error}");
                    }
                }
                () = until => {}
            }
        });
        Ok(MetricsServer { local_address, stop })
    }
}

/// The running server; dropping it stops it.
#[derive(Debug)]
pub struct MetricsServer {
    local_address: SocketAddr,
    stop: watch::Sender<bool>,
}

impl MetricsServer {
    /// The address served on, with the port that port 0 became.
    pub fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// Stops accepting.
    pub fn stop(self) {
        self.stop.send_replace(true);
    }
}

async fn metrics(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
}

async fn healthz(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    let ailments = metrics.ailments();
    if ailments.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, ailments.join("\n") + "\n")
}

/// A listener that accepts no more than so many connections at once.
pub(crate) struct Bounded {
    pub(crate) listener: TcpListener,
    /// One for each connection that may be open.
    pub(crate) permits: Arc<Semaphore>,
}

/// A connection that gives its place back when it ends.
pub(crate) struct Permitted {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl Listener for Bounded {
    type Io = Permitted;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let permit = self.permits.clone().acquire_owned().await.expect("the semaphore is never closed");
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let idle = Box::pin(tokio::time::sleep(IDLE_TIMEOUT));
        (Permitted { stream, idle, _permit: permit }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for Permitted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(result) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            self.idle.as_mut().reset(Instant::now() + IDLE_TIMEOUT);
            return Poll::Ready(result);
        }
        self.idle.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Permitted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;

    fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn families_are_together_and_labels_are_escaped() {
        let mut text = Exposition::default();
        text.add("b_total", "Two\nlines.", Kind::Counter, &[("input", "a\"b\\c\nd")], 1.0);
        text.add("a", "A gauge.", Kind::Gauge, &[], 0.5);
        text.add("b_total", "Not used.", Kind::Counter, &[("input", "x"), ("reason", "y")], 1e9);
        assert_eq!(
            text.render(),
            "# HELP a A gauge.\n# TYPE a gauge\na 0.5\n\
             # HELP b_total Two\\nlines.\n# TYPE b_total counter\n\
             b_total{input=\"a\\\"b\\\\c\\nd\"} 1\nb_total{input=\"x\",reason=\"y\"} 1000000000\n"
        );
    }

    #[test]
    fn metrics_and_health_are_served() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let metrics = Arc::new(Metrics::default());
        metrics.add_source(|text| text.add("up", "Up.", Kind::Gauge, &[], 1.0));
        let ailments = Arc::new(RwLock::new(Vec::<String>::new()));
        let told = ailments.clone();
        metrics.add_check(move || told.read().unwrap().clone());
        let server = metrics.serve(loopback(), false, runtime.handle()).unwrap();
        let answer = ask(server.local_address(), "/metrics");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("text/plain; version=0.0.4"), "{answer}");
        assert!(answer.ends_with("# HELP up Up.\n# TYPE up gauge\nup 1\n"), "{answer}");
        let answer = ask(server.local_address(), "/healthz");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
        ailments.write().unwrap().push("output file: the disk is full".to_owned());
        let answer = ask(server.local_address(), "/healthz");
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.ends_with("\noutput file: the disk is full\n"),
            "{answer}"
        );
        assert!(ask(server.local_address(), "/").starts_with("HTTP/1.1 404"));
        server.stop();
    }

    #[test]
    fn connections_beyond_the_bound_wait_for_a_place() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let metrics = Arc::new(Metrics::default());
        let server = metrics.serve(loopback(), false, runtime.handle()).unwrap();
        let silent: Vec<TcpStream> =
            (0..CONNECTIONS_MAX).map(|_| TcpStream::connect(server.local_address()).unwrap()).collect();
        let address = server.local_address();
        let asking = std::thread::spawn(move || ask(address, "/healthz"));
        drop(silent);
        assert!(asking.join().unwrap().starts_with("HTTP/1.1 200"));
    }

    #[test]
    fn other_addresses_than_loopback_are_refused_unless_allowed() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let metrics = Arc::new(Metrics::default());
        let any = SocketAddr::from(([0, 0, 0, 0], 0));
        let error = metrics.serve(any, false, runtime.handle()).unwrap_err().to_string();
        assert_eq!(
            error,
            "metrics would be served on 0.0.0.0:0, which is not loopback\n   = help: there is no login: listen on \
             127.0.0.1, or set allow_remote = true and guard the port"
        );
        assert!(metrics.serve(any, true, runtime.handle()).is_ok());
    }

    #[test]
    fn a_port_in_use_is_told_with_the_way_out() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let metrics = Arc::new(Metrics::default());
        let taken = std::net::TcpListener::bind(loopback()).unwrap();
        let error = metrics.serve(taken.local_addr().unwrap(), false, runtime.handle()).unwrap_err().to_string();
        assert!(error.contains("Address already in use") && error.contains("ss -ltnp"), "{error}");
    }
}
