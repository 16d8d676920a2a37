//! Starting and stopping inputs.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::Sender;
use noroshi_parsers::join::Join;
use tokio_rustls::TlsAcceptor;

use crate::Clock;
use crate::batch::{Batch, BatchPool, InputIndex};
use crate::checkpoint::FileCheckpoint;
use crate::collector::{Collector, FORWARD_BATCHES};
use crate::config::{HttpConfig, InputKind, InputSpec, RelpConfig, SpecError, StreamConfig, TlsConfig, Trailer};
use crate::counters::InputCounters;
use crate::door::Door;
use crate::files::RealFiles;
use crate::handover::{Handover, Room};
use crate::http::{self, HttpInput};
use crate::join::Joiner;
use crate::outlet::{Joins, Outlet, Shutdown};
use crate::producers::Producers;
use crate::relp::{self, RelpInput};
use crate::stream::StreamInput;
use crate::{stdin, tail, tls, udp};

/// Threads of the runtime that serves all connections: framing is a memchr and a copy, so two keep up
/// with a 10 Gbit/s card.
const RUNTIME_THREADS: usize = 2;

/// Why an input did not start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StartError {
    /// The input's name.
    pub input: String,
    /// The key of its `[[input]]` table that is at fault.
    pub key: &'static str,
    /// What happened, and where.
    pub what: String,
    /// The way out.
    pub help: String,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "input `{}`: {}; {}", self.input, self.what, self.help)
    }
}

impl std::error::Error for StartError {}

/// An address that is listened on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoundAddress {
    /// The input's number.
    pub input: InputIndex,
    /// The input's name.
    pub name: String,
    /// The address, with the port the kernel chose where 0 was asked for.
    pub address: SocketAddr,
}

/// Starts inputs.
#[derive(Clone, Copy, Debug)]
pub struct Inputs;

/// Inputs at work.
#[derive(Debug)]
pub struct Running {
    names: Vec<String>,
    counters: Vec<Arc<InputCounters>>,
    bound: Vec<BoundAddress>,
    threads: Vec<JoinHandle<()>>,
    shutdown: Shutdown,
}

/// What every input is started with.
pub(crate) struct Start {
    pub name: String,
    pub input: InputIndex,
    pub outlet: Outlet,
    pub pool: BatchPool,
    pub clock: Arc<dyn Clock>,
}

/// A thread to be: its name and what it runs.
pub(crate) type Work = (String, Box<dyn FnOnce() + Send>);

/// What is spoken behind a door.
enum Behind {
    Stream(Arc<StreamInput>),
    Relp(Arc<RelpInput>),
    Http(Arc<HttpInput>),
}

/// A listener that is bound but not yet served.
struct Listening {
    input: InputIndex,
    door: Arc<Door>,
    behind: Behind,
    listener: std::net::TcpListener,
}

impl Inputs {
    /// Starts every input of `specs` or none. Batches go to `sender`; files begin at `checkpoints` where
    /// one fits. When all inputs have ended (standard input and the like) or the stop is through, every
    /// clone of `sender` held here is dropped.
    ///
    /// # Errors
    /// Everything that keeps an input from starting, all of it at once; nothing runs then.
    pub fn start(
        specs: &[InputSpec],
        checkpoints: &[FileCheckpoint],
        sender: &Sender<Batch>,
        clock: &Arc<dyn Clock>,
        shutdown: &Shutdown,
    ) -> Result<Running, Vec<StartError>> {
        Self::start_knowing(specs, checkpoints, sender, clock, shutdown, &Arc::default())
    }

    /// As [`Inputs::start`], for an engine that remembers beyond a run which numbered batches are kept.
    ///
    /// # Errors
    /// As [`Inputs::start`].
    pub fn start_knowing(
        specs: &[InputSpec],
        checkpoints: &[FileCheckpoint],
        sender: &Sender<Batch>,
        clock: &Arc<dyn Clock>,
        shutdown: &Shutdown,
        producers: &Arc<Producers>,
    ) -> Result<Running, Vec<StartError>> {
        let kinds = check(specs)?;
        let pool = BatchPool::default();
        let mut running = Running {
            names: specs.iter().map(|spec| spec.name.clone()).collect(),
            counters: specs.iter().map(|_| Arc::default()).collect(),
            bound: Vec::new(),
            threads: Vec::new(),
            shutdown: shutdown.clone(),
        };
        // Bind everything first and run nothing, so that an error leaves nothing behind.
        let mut errors = Vec::new();
        let mut work: Vec<Work> = Vec::new();
        let mut listening = Vec::new();
        for (i, (spec, kind)) in specs.iter().zip(kinds).enumerate() {
            let start = Start {
                name: spec.name.clone(),
                input: i as InputIndex,
                outlet: Outlet {
                    sender: sender.clone(),
                    counters: Arc::clone(&running.counters[i]),
                    shutdown: shutdown.clone(),
                    joins: joins_of(spec, i as InputIndex, &pool, &running.counters[i], clock),
                },
                pool: pool.clone(),
                clock: Arc::clone(clock),
            };
            let bound = |address| BoundAddress { input: i as InputIndex, name: spec.name.clone(), address };
            match kind {
                InputKind::Udp(config) => match udp::bind(&config, &spec.name) {
                    Ok((address, sockets)) => {
                        running.bound.push(bound(address));
                        work.extend(udp::work(start, &config, address, sockets));
                    }
                    Err(error) => errors.push(listen_error(&spec.name, config.listen, &error)),
                },
                InputKind::Tcp(config) => match bind_stream(start, config, None, &mut work) {
                    Ok(one) => listening.push(one),
                    Err(error) => errors.push(error),
                },
                InputKind::Tls(config, tls) => match bind_stream(start, config, Some(&tls), &mut work) {
                    Ok(one) => listening.push(one),
                    Err(error) => errors.push(error),
                },
                InputKind::Relp(config) => match bind_relp(start, &config, &mut work) {
                    Ok(one) => listening.push(one),
                    Err(error) => errors.push(error),
                },
                InputKind::Http(config) => match bind_http(start, config, producers, &mut work) {
                    Ok(one) => listening.push(one),
                    Err(error) => errors.push(error),
                },
                InputKind::File(config) => {
                    let tail = tail::Tail::new(start, config, Arc::new(RealFiles), checkpoints);
                    work.push((format!("file {}", spec.name), Box::new(move || tail.run())));
                }
                InputKind::Stdin { record_bytes_max, charset } => {
                    work.push((
                        format!("stdin {}", spec.name),
                        Box::new(move || stdin::run(&start, record_bytes_max, charset)),
                    ));
                }
            }
        }
        for one in &listening {
            if let Ok(address) = one.listener.local_addr() {
                running.bound.push(BoundAddress { input: one.input, name: one.door.name.clone(), address });
            }
        }
        running.bound.sort_by_key(|bound| bound.input);
        if !errors.is_empty() {
            return Err(errors);
        }
        for bound in &running.bound {
            tracing::info!(input = %bound.name, address = %bound.address, "listening");
        }
        let spawned = serve(listening).into_iter().chain(work).try_for_each(|(name, run)| {
            running.threads.push(thread::Builder::new().name(name).spawn(run)?);
            Ok::<(), io::Error>(())
        });
        if let Err(error) = spawned {
            shutdown.request();
            running.join();
            return Err(vec![StartError {
                input: "all".to_owned(),
                key: "input",
                what: format!("cannot start a thread: {error}"),
                help: "raise TasksMax or the limit of processes (ulimit -u)".to_owned(),
            }]);
        }
        Ok(running)
    }
}

/// What puts the lines of an input together; nothing where that is declared so.
fn joins_of(
    spec: &InputSpec,
    input: InputIndex,
    pool: &BatchPool,
    counters: &Arc<InputCounters>,
    clock: &Arc<dyn Clock>,
) -> Option<Joins> {
    let trailer = if spec.trailer == Some(Trailer::Nul) { 0 } else { b'\n' };
    let join = Some(spec.join()).filter(|&join| join != Join::Off)?;
    Some(Joins::new(Joiner::new(join, trailer, input, pool, counters), clock))
}

/// The kinds of all specs, or all their errors.
fn check(specs: &[InputSpec]) -> Result<Vec<InputKind>, Vec<StartError>> {
    let mut errors = Vec::new();
    let mut kinds = Vec::new();
    let mut names = HashSet::new();
    let told = |spec: &InputSpec, error: SpecError| StartError {
        input: spec.name.clone(),
        key: error.key,
        what: error.what,
        help: error.help,
    };
    for spec in specs {
        if !names.insert(&spec.name) {
            let what = "its name is taken by another input".to_owned();
            errors.push(told(
                spec,
                SpecError {
                    key: "name",
                    what,
                    help: "names tell inputs apart in metrics; give each its own".to_owned(),
                },
            ));
        }
        match spec.kind() {
            Ok(kind) => kinds.push(kind),
            Err(wrong) => errors.extend(wrong.into_iter().map(|error| told(spec, error))),
        }
    }
    if specs.len() > usize::from(InputIndex::MAX) {
        let what = format!("{} inputs where at most {} are numbered", specs.len(), InputIndex::MAX);
        errors.push(StartError {
            input: "all".to_owned(),
            key: "name",
            what,
            help: "use globs and fewer listeners".to_owned(),
        });
    }
    if errors.is_empty() { Ok(kinds) } else { Err(errors) }
}

/// An address that cannot be listened on, with the way out by kind of error.
fn listen_error(input: &str, listen: SocketAddr, error: &io::Error) -> StartError {
    let help = match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("another process holds port {} (`ss -lnp` shows it); stop it or change `listen`", listen.port())
        }
        io::ErrorKind::PermissionDenied if listen.port() < 1024 => {
            "ports below 1024 need CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=); grant it or take a higher port such as 5514".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this host has no such address (`ip addr` lists them); use 0.0.0.0 or [::] for all".to_owned()
        }
        _ => "check `listen` and the host's limits".to_owned(),
    };
    StartError { input: input.to_owned(), key: "listen", what: format!("cannot listen on {listen}: {error}"), help }
}

/// Binds a listener, with or without TLS.
fn bind(
    start: &Start,
    listen: SocketAddr,
    connections_max: u32,
    tls: Option<&TlsConfig>,
) -> Result<(Arc<Door>, std::net::TcpListener), StartError> {
    let name = start.name.clone();
    let tls = match tls.map(tls::server_config).transpose() {
        Ok(server) => server.map(TlsAcceptor::from),
        Err((what, help)) => return Err(StartError { input: name, key: "certificate_file", what, help }),
    };
    let bound = std::net::TcpListener::bind(listen).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    let listener = bound.map_err(|error| listen_error(&name, listen, &error))?;
    let Outlet { counters, shutdown, .. } = start.outlet.clone();
    Ok((Arc::new(Door { name, connections_max, tls, counters, shutdown }), listener))
}

/// Binds a listener of syslog and prepares the thread that forwards its batches.
fn bind_stream(
    start: Start,
    config: StreamConfig,
    tls: Option<&TlsConfig>,
    work: &mut Vec<Work>,
) -> Result<Listening, StartError> {
    let (door, listener) = bind(&start, config.listen, config.connections_max, tls)?;
    let Start { name, input, outlet, pool, clock } = start;
    let (way_on, mut batches) = tokio::sync::mpsc::channel(FORWARD_BATCHES);
    let counters = Arc::clone(&outlet.counters);
    let forward = move || {
        // After the consumer is gone the rest is still taken, so that it is counted as dropped.
        while let Some(batch) = batches.blocking_recv() {
            outlet.send(batch);
        }
        outlet.flush();
    };
    work.push((format!("forward {name}"), Box::new(forward)));
    let collector = Collector::new(way_on, pool, input, counters);
    let behind = Behind::Stream(Arc::new(StreamInput { door: Arc::clone(&door), config, collector, clock }));
    Ok(Listening { input, door, behind, listener })
}

/// Prepares the way on of an input that answers its senders, with the thread that forwards its batches.
fn hand_over(start: &Start, record_bytes_max: usize, in_flight_bytes_max: usize, work: &mut Vec<Work>) -> Handover {
    let (way_on, mut batches) = tokio::sync::mpsc::unbounded_channel();
    let outlet = start.outlet.clone();
    let counters = Arc::clone(&outlet.counters);
    let forward = move || {
        while let Some(batch) = batches.blocking_recv() {
            outlet.send(batch);
        }
    };
    work.push((format!("forward {}", start.name), Box::new(forward)));
    let in_flight = Room::new(in_flight_bytes_max);
    Handover { way_on, pool: start.pool.clone(), input: start.input, counters, record_bytes_max, in_flight }
}

fn bind_relp(start: Start, config: &RelpConfig, work: &mut Vec<Work>) -> Result<Listening, StartError> {
    let (door, listener) = bind(&start, config.listen, config.connections_max, config.tls.as_ref())?;
    let relp = RelpInput {
        door: Arc::clone(&door),
        idle_timeout_s: config.idle_timeout_s,
        handover: hand_over(&start, config.record_bytes_max, config.in_flight_bytes_max, work),
        buffers: relp::buffers_room(),
        clock: start.clock,
    };
    Ok(Listening { input: start.input, door, behind: Behind::Relp(Arc::new(relp)), listener })
}

fn bind_http(
    start: Start,
    config: HttpConfig,
    producers: &Arc<Producers>,
    work: &mut Vec<Work>,
) -> Result<Listening, StartError> {
    let told = |(key, what, help)| StartError { input: start.name.clone(), key, what, help };
    let tokens = http::tokens(&config).map_err(told)?;
    let (door, listener) = bind(&start, config.listen, config.connections_max, config.tls.as_ref())?;
    let http = HttpInput {
        door: Arc::clone(&door),
        handover: hand_over(&start, config.record_bytes_max, config.in_flight_bytes_max, work),
        config,
        tokens,
        producers: Arc::clone(producers),
        next_ack: http::first_ack(start.clock.now_ns()).into(),
        clock: start.clock,
    };
    Ok(Listening { input: start.input, door, behind: Behind::Http(Arc::new(http)), listener })
}

/// The thread that owns the runtime and serves all listeners on it; none when there are none. The
/// runtime lives and dies on a thread of its own, so that callers may be async or not.
fn serve(listening: Vec<Listening>) -> Option<Work> {
    if listening.is_empty() {
        return None;
    }
    let run = move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("net")
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, "cannot start the network threads; nothing is received but by UDP and from files");
                return;
            }
        };
        runtime.block_on(async move {
            let mut listeners = tokio::task::JoinSet::new();
            for Listening { door, behind, listener, .. } in listening {
                match (tokio::net::TcpListener::from_std(listener), behind) {
                    (Ok(listener), Behind::Stream(input)) => drop(listeners.spawn(input.run(listener))),
                    (Ok(listener), Behind::Relp(input)) => drop(listeners.spawn(input.run(listener))),
                    (Ok(listener), Behind::Http(input)) => drop(listeners.spawn(input.run(listener))),
                    (Err(error), _) => {
                        tracing::error!(input = %door.name, %error, "cannot serve the listener; nothing is received on it");
                    }
                }
            }
            while listeners.join_next().await.is_some() {}
        });
    };
    Some(("net".to_owned(), Box::new(run)))
}

impl Running {
    /// The addresses listened on, in the order of the inputs.
    pub fn bound(&self) -> &[BoundAddress] {
        &self.bound
    }

    /// The counters of every input with its name, in the order of the specs.
    pub fn counters(&self) -> impl Iterator<Item = (&str, &Arc<InputCounters>)> {
        self.names.iter().map(String::as_str).zip(&self.counters)
    }

    /// The counters of one input.
    pub fn counters_of(&self, input: InputIndex) -> &Arc<InputCounters> {
        &self.counters[usize::from(input)]
    }

    /// True when every input has ended.
    pub fn is_finished(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Asks for the stop and waits for it. The queue must be read on meanwhile: what was already
    /// received still comes. Blocks; not to be called on a tokio worker.
    pub fn stop(self) -> Vec<Arc<InputCounters>> {
        self.shutdown.request();
        self.join()
    }

    /// Waits until every input has ended by itself or by the stop signal. Blocks.
    pub fn join(self) -> Vec<Arc<InputCounters>> {
        for thread in self.threads {
            let name = thread.thread().name().unwrap_or("input").to_owned();
            if thread.join().is_err() {
                tracing::error!(thread = %name, "an input thread died; what it held is lost");
            }
        }
        self.counters
    }
}

#[cfg(test)]
#[path = "inputs_tests.rs"]
mod tests;
