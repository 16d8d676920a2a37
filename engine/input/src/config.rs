//! The configuration of inputs, as the TOML tables `[[input]]` spell it.
//!
//! One flat struct for all types, because serde's tagged enums lose the place of an error in the file:
//! [`InputSpec`] refuses unknown keys with line and column, then [`InputSpec::kind`] refuses keys that
//! the input's type has no use for and gives every default its value.

use noroshi_parsers::charset::Charset;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use noroshi_parsers::frame::RECORD_BYTES_MAX;
use noroshi_parsers::join::Join;
use noroshi_parsers::products::delimited::ColumnMap;
use noroshi_parsers::wire::flow::FlowProtocol;

/// Connections open at once. Each costs a buffer of 16 KiB that grows to one record at most, so the
/// usual case is 64 MiB.
pub const CONNECTIONS_MAX: u32 = 4096;

/// Seconds without a byte after which a connection is closed. Devices that log little keep theirs for
/// hours; a day of silence is a peer that is gone without a word.
pub const IDLE_TIMEOUT_S: u64 = 86_400;

/// Seconds a TLS handshake may take, so that silent peers do not hold connections.
pub const HANDSHAKE_TIMEOUT_S: u64 = 10;

/// Largest UDP payload over IPv4 (65,535 less both headers, RFC 768 and RFC 791); over IPv6 it is
/// 20 bytes more, and no sender of logs comes near.
pub const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Receive buffer asked for per UDP socket: 32 MiB hold 0.3 s of 200,000 datagrams/s of 310 bytes as the
/// kernel accounts them (each about doubled).
pub const RECEIVE_BUFFER_BYTES: usize = 32 << 20;

/// Sockets on one UDP address at most; the kernel spreads senders over them, and each is a thread.
pub const UDP_SOCKETS_MAX: u16 = 64;

/// Longest body of an HTTP request, unpacked: shippers send up to 10 MiB, and Elasticsearch's own bound of 100 MiB would let four senders
/// fill the engine's memory.
pub const BODY_BYTES_MAX: usize = 32 << 20;

/// Bytes of an HTTP or RELP input that are read and not answered yet. At 300 bytes a record some 200,000: a second's work.
pub const IN_FLIGHT_BYTES_MAX: usize = 64 << 20;

/// Milliseconds between two looks at followed files.
pub const POLL_INTERVAL_MS: u64 = 200;

/// What an input is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    /// Datagrams, one record each (RFC 5426).
    Udp,
    /// Streams with octet counts and newlines (RFC 6587).
    Tcp,
    /// The same inside TLS (RFC 5425).
    Tls,
    /// RELP sessions, answered record by record.
    Relp,
    /// HTTP requests in the manner of Splunk's HEC or Elasticsearch's bulk API.
    Http,
    /// Files that are followed.
    File,
    /// Standard input.
    Stdin,
}

/// Where following a file begins that has no checkpoint and was there at the start. Files that
/// appear later are read from their begin always.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// At the file's begin: nothing is missed.
    #[default]
    Start,
    /// At its end: only what is written from now on.
    End,
}

/// What the datagrams of a UDP input are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UdpProtocol {
    /// One record each (RFC 5426).
    #[default]
    Syslog,
    /// NetFlow 5, 7, 9 or IPFIX: many flow records each.
    Netflow,
    /// sFlow 5.
    Sflow,
}

impl UdpProtocol {
    /// What a flow decoder is told; `None` = the datagrams are records.
    pub fn flows(self) -> Option<FlowProtocol> {
        match self {
            UdpProtocol::Syslog => None,
            UdpProtocol::Netflow => Some(FlowProtocol::Netflow),
            UdpProtocol::Sflow => Some(FlowProtocol::Sflow),
        }
    }
}

/// Which framing a connection may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FramingMode {
    /// An octet count where one is, else newline; both on one connection.
    #[default]
    Auto,
    /// Newline only: a line that reads like an octet count cannot swallow its successors.
    Newline,
}

/// What ends a record without octet count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trailer {
    /// LF, a CR before it stripped.
    #[default]
    Lf,
    /// NUL, for devices that end records so (RFC 6587 §3.4.2).
    Nul,
}

/// One `[[input]]` table: the keys of all types, and the per-source keys that the engine reads.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Name in logs, metrics and the ledger; unique.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub input_type: InputType,

    /// udp, tcp, tls, relp, http: address and port; port 0 takes a free one.
    pub listen: Option<SocketAddr>,
    /// udp: what the datagrams are.
    pub protocol: Option<UdpProtocol>,
    /// udp: sockets on that address (SO_REUSEPORT), one thread each.
    pub sockets: Option<u16>,
    /// udp: receive buffer asked of the kernel per socket.
    pub receive_buffer_bytes: Option<usize>,
    /// udp: longest datagram taken whole.
    pub datagram_bytes_max: Option<usize>,
    /// tcp, tls, relp, http: connections open at once.
    pub connections_max: Option<u32>,
    /// tcp, tls, relp: a connection silent for so long is closed.
    pub idle_timeout_s: Option<u64>,
    /// tcp, tls, relp, http, file, stdin: a longer record is cut into parts.
    pub record_bytes_max: Option<usize>,
    /// tcp, tls: which framing is recognised.
    pub framing: Option<FramingMode>,
    /// tcp, tls: what ends a record without octet count.
    pub trailer: Option<Trailer>,
    /// tls, relp, http: certificate chain, PEM. Given, the last two speak TLS.
    pub certificate_file: Option<PathBuf>,
    /// tls, relp, http: private key, PEM.
    pub key_file: Option<PathBuf>,
    /// tls, relp, http: a client must show a certificate signed by one of these, PEM.
    pub client_ca_file: Option<PathBuf>,
    /// http: the tokens that may send, one a line.
    pub token_file: Option<PathBuf>,
    /// http: an environment variable that holds them instead.
    pub token_env: Option<String>,
    /// http: whoever reaches the port may send.
    pub allow_anonymous: Option<bool>,
    /// http: longest body, unpacked.
    pub body_bytes_max: Option<usize>,
    /// relp, http: bytes read and not answered yet.
    pub in_flight_bytes_max: Option<usize>,
    /// file: paths and globs.
    pub paths: Option<Vec<String>>,
    /// file: where to begin without a checkpoint.
    pub from: Option<From>,
    /// file: time between two looks.
    pub poll_interval_ms: Option<u64>,

    /// Format of the records, or absent for detection per record. Read by the engine.
    pub format: Option<String>,
    /// Names of the columns of its rows, in their order, for the CSV formats. Read by the engine.
    pub columns: Option<Vec<String>>,
    /// What separates the columns; a comma where it is not given. Read by the engine.
    pub separator: Option<String>,
    /// Zone of stamps without one. Read by the engine.
    pub timezone: Option<String>,
    /// Calendar by which its days are working days or holidays. Read by the engine.
    pub calendar: Option<String>,
    /// Character set, by name.
    pub charset: Option<String>,
    /// How lines are put together to records: a name of [`Join::ALL`]; else as the format says.
    pub join: Option<String>,
    /// Whether a record that holds several events is split into them. Read by the engine.
    pub split: Option<bool>,
    /// Keep only what a record writes, nothing made of it. Read by the engine.
    pub as_written: Option<bool>,
    /// Declared lateness of the sources of this input. Read by the engine.
    pub lateness_s: Option<u64>,
    /// Skew ahead of receive time that is still accepted. Read by the engine.
    pub allowed_skew_s: Option<u64>,
    /// Silence after which a source holds others back no longer. Read by the engine.
    pub source_idle_timeout_s: Option<u64>,
    /// Added to the stamps of all records, for clocks that are behind (or, below 0, ahead). Read by the engine.
    pub clock_offset_s: Option<i64>,
    /// The same by the host that a record names, instead. Read by the engine.
    pub clock_offsets_s: Option<std::collections::BTreeMap<String, i64>>,
}

/// An [`InputSpec`] with its type's keys only and every default filled in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InputKind {
    /// See [`UdpConfig`].
    Udp(UdpConfig),
    /// See [`StreamConfig`].
    Tcp(StreamConfig),
    /// See [`StreamConfig`] and [`TlsConfig`].
    Tls(StreamConfig, TlsConfig),
    /// See [`RelpConfig`].
    Relp(RelpConfig),
    /// See [`HttpConfig`].
    Http(HttpConfig),
    /// See [`FileConfig`].
    File(FileConfig),
    /// Standard input, with its longest record.
    Stdin {
        /// A longer record is cut into parts.
        record_bytes_max: usize,
        /// What the bytes are.
        charset: Charset,
    },
}

/// A UDP listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UdpConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Sockets on it.
    pub sockets: u16,
    /// Receive buffer asked for per socket.
    pub receive_buffer_bytes: usize,
    /// Longest datagram taken whole.
    pub datagram_bytes_max: usize,
    /// What the datagrams are.
    pub protocol: UdpProtocol,
}

/// A TCP or TLS listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Connections open at once.
    pub connections_max: u32,
    /// A connection silent for so long is closed.
    pub idle_timeout_s: u64,
    /// A longer record is cut into parts.
    pub record_bytes_max: usize,
    /// Which framing is recognised.
    pub framing: FramingMode,
    /// What ends a record without octet count.
    pub trailer: Trailer,
}

/// The TLS side of a listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsConfig {
    /// Certificate chain, PEM.
    pub certificate_file: PathBuf,
    /// Private key, PEM.
    pub key_file: PathBuf,
    /// CAs of client certificates, PEM; given, a client must show one.
    pub client_ca_file: Option<PathBuf>,
}

/// A RELP listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelpConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Connections open at once.
    pub connections_max: u32,
    /// A session silent for so long is closed.
    pub idle_timeout_s: u64,
    /// A longer record is cut into parts.
    pub record_bytes_max: usize,
    /// Bytes read and not answered yet.
    pub in_flight_bytes_max: usize,
    /// Its TLS side; `None` = it has none.
    pub tls: Option<TlsConfig>,
}

/// An HTTP listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Connections open at once.
    pub connections_max: u32,
    /// A longer record is cut into parts.
    pub record_bytes_max: usize,
    /// Longest body, unpacked.
    pub body_bytes_max: usize,
    /// Bytes read and not answered yet.
    pub in_flight_bytes_max: usize,
    /// The file of tokens.
    pub token_file: Option<PathBuf>,
    /// The environment variable of tokens.
    pub token_env: Option<String>,
    /// Its TLS side; `None` = it has none.
    pub tls: Option<TlsConfig>,
}

/// Files that are followed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileConfig {
    /// Paths and globs.
    pub paths: Vec<String>,
    /// Where to begin without a checkpoint.
    pub from: From,
    /// Time between two looks.
    pub poll_interval_ms: u64,
    /// A longer record is cut into parts.
    pub record_bytes_max: usize,
    /// What the bytes are.
    pub charset: Charset,
}

/// One key that is wrong, with the way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpecError {
    /// The key in its `[[input]]` table.
    pub key: &'static str,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: String,
}

impl InputSpec {
    /// A spec with a name and a type and no other key, to be filled in by code.
    pub fn new(name: impl Into<String>, input_type: InputType) -> Self {
        Self {
            name: name.into(),
            input_type,
            listen: None,
            protocol: None,
            sockets: None,
            receive_buffer_bytes: None,
            datagram_bytes_max: None,
            connections_max: None,
            idle_timeout_s: None,
            record_bytes_max: None,
            framing: None,
            trailer: None,
            certificate_file: None,
            key_file: None,
            client_ca_file: None,
            token_file: None,
            token_env: None,
            allow_anonymous: None,
            body_bytes_max: None,
            in_flight_bytes_max: None,
            paths: None,
            from: None,
            poll_interval_ms: None,
            format: None,
            columns: None,
            separator: None,
            timezone: None,
            charset: None,
            join: None,
            split: None,
            as_written: None,
            calendar: None,
            lateness_s: None,
            allowed_skew_s: None,
            source_idle_timeout_s: None,
            clock_offset_s: None,
            clock_offsets_s: None,
        }
    }

    /// How its lines are put together: as declared, else as its format says, else only what can be nothing
    /// but a document. An unknown name is an error of [`InputSpec::kind`].
    pub fn join(&self) -> Join {
        if matches!(self.input_type, InputType::Relp | InputType::Http) {
            // Their records come whole, and each is answered: none is held back for another.
            return Join::Off;
        }
        let of_format = || self.format.as_deref().map(Join::of_format);
        self.join.as_deref().and_then(Join::by_name).or_else(of_format).unwrap_or_default()
    }

    /// The keys given that belong to some types only, with those types.
    fn given(&self) -> Vec<(&'static str, &'static [InputType])> {
        use InputType::{File, Http, Relp, Stdin, Tcp, Tls, Udp};
        let keys: [(bool, &'static str, &'static [InputType]); 22] = [
            (self.listen.is_some(), "listen", &[Udp, Tcp, Tls, Relp, Http]),
            (self.protocol.is_some(), "protocol", &[Udp]),
            (self.sockets.is_some(), "sockets", &[Udp]),
            (self.receive_buffer_bytes.is_some(), "receive_buffer_bytes", &[Udp]),
            (self.datagram_bytes_max.is_some(), "datagram_bytes_max", &[Udp]),
            (self.connections_max.is_some(), "connections_max", &[Tcp, Tls, Relp, Http]),
            (self.idle_timeout_s.is_some(), "idle_timeout_s", &[Tcp, Tls, Relp]),
            (self.record_bytes_max.is_some(), "record_bytes_max", &[Tcp, Tls, Relp, Http, File, Stdin]),
            (self.framing.is_some(), "framing", &[Tcp, Tls]),
            (self.trailer.is_some(), "trailer", &[Tcp, Tls]),
            (self.certificate_file.is_some(), "certificate_file", &[Tls, Relp, Http]),
            (self.key_file.is_some(), "key_file", &[Tls, Relp, Http]),
            (self.client_ca_file.is_some(), "client_ca_file", &[Tls, Relp, Http]),
            (self.token_file.is_some(), "token_file", &[Http]),
            (self.token_env.is_some(), "token_env", &[Http]),
            (self.allow_anonymous.is_some(), "allow_anonymous", &[Http]),
            (self.body_bytes_max.is_some(), "body_bytes_max", &[Http]),
            (self.in_flight_bytes_max.is_some(), "in_flight_bytes_max", &[Relp, Http]),
            (self.join.is_some(), "join", &[Udp, Tcp, Tls, File, Stdin]),
            (self.paths.is_some(), "paths", &[File]),
            (self.from.is_some(), "from", &[File]),
            (self.poll_interval_ms.is_some(), "poll_interval_ms", &[File]),
        ];
        keys.into_iter().filter(|k| k.0).map(|k| (k.1, k.2)).collect()
    }

    /// The input's type with its keys checked.
    ///
    /// # Errors
    /// Every key that is missing, out of range, or without meaning for the type.
    pub fn kind(&self) -> Result<InputKind, Vec<SpecError>> {
        let mut errors = Vec::new();
        let type_name = format!("{:?}", self.input_type).to_lowercase();
        for (key, types) in self.given() {
            if !types.contains(&self.input_type) {
                let types: Vec<String> = types.iter().map(|t| format!("\"{t:?}\"").to_lowercase()).collect();
                errors.push(SpecError {
                    key,
                    what: format!("`{key}` has no meaning for type \"{type_name}\""),
                    help: format!("remove it, or use it with type {}", types.join(", ")),
                });
            }
        }
        let mut missing = |key: &'static str, example: &str| {
            errors.push(SpecError {
                key,
                what: format!("`{key}` is missing"),
                help: format!("type \"{type_name}\" needs it, for example {key} = {example}"),
            });
        };
        use InputType::{Http, Relp, Tcp, Tls, Udp};
        let listener = matches!(self.input_type, Udp | Tcp | Tls | Relp | Http);
        let over_tls = self.certificate_file.is_some() || self.key_file.is_some() || self.client_ca_file.is_some();
        if listener && self.listen.is_none() {
            missing("listen", "\"0.0.0.0:5514\"");
        }
        if self.input_type == Tls || (matches!(self.input_type, Relp | Http) && over_tls) {
            if self.certificate_file.is_none() {
                missing("certificate_file", "\"/etc/noroshi/tls/server.pem\"");
            }
            if self.key_file.is_none() {
                missing("key_file", "\"/etc/noroshi/tls/server.key\"");
            }
        }
        if self.input_type == InputType::File && self.paths.as_ref().is_none_or(Vec::is_empty) {
            missing("paths", "[\"/var/log/*.log\"]");
        }
        let ranges: [(&'static str, Option<u64>, u64, u64); 9] = [
            ("sockets", self.sockets.map(u64::from), 1, u64::from(UDP_SOCKETS_MAX)),
            ("receive_buffer_bytes", self.receive_buffer_bytes.map(|n| n as u64), 4096, i32::MAX as u64 / 2),
            ("datagram_bytes_max", self.datagram_bytes_max.map(|n| n as u64), 480, DATAGRAM_BYTES_MAX as u64),
            ("connections_max", self.connections_max.map(u64::from), 1, 1 << 20),
            ("idle_timeout_s", self.idle_timeout_s, 1, 366 * 86_400),
            ("record_bytes_max", self.record_bytes_max.map(|n| n as u64), 480, 64 << 20),
            ("body_bytes_max", self.body_bytes_max.map(|n| n as u64), 64 << 10, 1 << 30),
            ("in_flight_bytes_max", self.in_flight_bytes_max.map(|n| n as u64), 64 << 10, 2 << 30),
            ("poll_interval_ms", self.poll_interval_ms, 1, 3_600_000),
        ];
        for (key, value, least, most) in ranges {
            if let Some(value) = value
                && !(least..=most).contains(&value)
            {
                errors.push(SpecError {
                    key,
                    what: format!("`{key}` is {value}"),
                    help: format!("give a number from {least} to {most}"),
                });
            }
        }
        self.check_answering(&mut errors);
        match self.charset.as_deref().map(Charset::parse) {
            Some(Err(what)) => {
                errors.push(SpecError {
                    key: "charset",
                    what,
                    help: "leave it out to have it found per record".to_owned(),
                });
            }
            Some(Ok(Charset::Utf16)) if matches!(self.input_type, InputType::Tcp | InputType::Tls) => {
                errors.push(SpecError {
                    key: "charset",
                    what: "a TCP stream is framed by bytes and cannot carry utf-16".to_owned(),
                    help: "have the sender write utf-8, or read its file".to_owned(),
                });
            }
            _ => {}
        }
        if let Some(name) = self.join.as_deref().filter(|name| Join::by_name(name).is_none()) {
            let known: Vec<&str> = Join::ALL.iter().map(|(name, _)| *name).collect();
            errors.push(SpecError {
                key: "join",
                what: format!("`join` is `{name}`"),
                help: format!("known are {}", known.join(", ")),
            });
        }
        if self.protocol.and_then(UdpProtocol::flows).is_some() && self.sockets.is_some_and(|sockets| sockets > 1) {
            errors.push(SpecError {
                key: "sockets",
                what: "flow records need one socket: what an exporter sends is read by the templates it sent before"
                    .to_owned(),
                help: "leave `sockets` out; for more exporters than one thread keeps up with, give them a second input"
                    .to_owned(),
            });
        }
        if let Err(what) = self.column_map() {
            errors.push(SpecError {
                key: "columns",
                what,
                help: "columns = [\"time\", \"door\", …] names them in their order, separator = \";\" what is between"
                    .to_owned(),
            });
        }
        for pattern in self.paths.iter().flatten() {
            if let Err(error) = glob::Pattern::new(pattern) {
                errors.push(SpecError {
                    key: "paths",
                    what: format!("`{pattern}` is not a glob: {error}"),
                    help: "wildcards are *, ?, [a-z] and **; write a literal [ as [[]".to_owned(),
                });
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(self.checked_kind())
    }

    /// What concerns inputs that answer their senders.
    fn check_answering(&self, errors: &mut Vec<SpecError>) {
        let (body, in_flight) =
            (self.body_bytes_max.unwrap_or(BODY_BYTES_MAX), self.in_flight_bytes_max.unwrap_or(IN_FLIGHT_BYTES_MAX));
        // A RELP session hands over what one buffer holds, up to twice its longest frame.
        let (least, of) = match self.input_type {
            InputType::Http => (body, "body_bytes_max"),
            InputType::Relp => (2 * crate::relp::RELP_DATA_BYTES_MAX, "two of the longest frames"),
            _ => return,
        };
        if in_flight < least {
            errors.push(SpecError {
                key: "in_flight_bytes_max",
                what: format!("`in_flight_bytes_max` is {in_flight}, less than {of} ({least})"),
                help: "what is read at once has to have room; raise it".to_owned(),
            });
        }
        let closed = self.token_file.is_some()
            || self.token_env.is_some()
            || self.client_ca_file.is_some()
            || self.allow_anonymous == Some(true)
            || self.listen.is_none_or(|listen| listen.ip().is_loopback());
        if self.input_type == InputType::Http && !closed {
            errors.push(SpecError {
                key: "token_file",
                what: "whoever reaches the port could send records in another's name".to_owned(),
                help: "give token_file or token_env, ask for certificates by client_ca_file, or set allow_anonymous = true"
                    .to_owned(),
            });
        }
    }

    /// The character set of its records; an unknown name, which [`InputSpec::kind`] refuses, reads as none.
    pub fn charset(&self) -> Charset {
        self.charset.as_deref().and_then(|name| Charset::parse(name).ok()).unwrap_or_default()
    }

    /// What the columns of its rows are.
    ///
    /// # Errors
    /// Names or a separator that make no map, with the reason.
    pub fn column_map(&self) -> Result<Option<ColumnMap>, String> {
        let separator = match self.separator.as_deref().map(str::as_bytes) {
            None => b',',
            Some(&[separator]) => separator,
            Some(_) => return Err("`separator` is not one byte".to_owned()),
        };
        let Some(columns) = &self.columns else {
            return if self.separator.is_some() { Err("`separator` without `columns`".to_owned()) } else { Ok(None) };
        };
        ColumnMap::new(columns.iter().map(String::as_str), separator).map(Some)
    }

    fn tls(&self) -> TlsConfig {
        TlsConfig {
            certificate_file: self.certificate_file.clone().unwrap_or_default(),
            key_file: self.key_file.clone().unwrap_or_default(),
            client_ca_file: self.client_ca_file.clone(),
        }
    }

    /// The kind, once nothing is missing.
    fn checked_kind(&self) -> InputKind {
        let record_bytes_max = self.record_bytes_max.unwrap_or(RECORD_BYTES_MAX);
        let listen = self.listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        let stream = StreamConfig {
            listen,
            connections_max: self.connections_max.unwrap_or(CONNECTIONS_MAX),
            idle_timeout_s: self.idle_timeout_s.unwrap_or(IDLE_TIMEOUT_S),
            record_bytes_max,
            framing: self.framing.unwrap_or_default(),
            trailer: self.trailer.unwrap_or_default(),
        };
        match self.input_type {
            InputType::Udp => InputKind::Udp(UdpConfig {
                listen,
                sockets: self.sockets.unwrap_or(1),
                receive_buffer_bytes: self.receive_buffer_bytes.unwrap_or(RECEIVE_BUFFER_BYTES),
                datagram_bytes_max: self.datagram_bytes_max.unwrap_or(DATAGRAM_BYTES_MAX),
                protocol: self.protocol.unwrap_or_default(),
            }),
            InputType::Tcp => InputKind::Tcp(stream),
            InputType::Tls => InputKind::Tls(stream, self.tls()),
            InputType::Relp => InputKind::Relp(RelpConfig {
                listen,
                connections_max: stream.connections_max,
                idle_timeout_s: stream.idle_timeout_s,
                record_bytes_max,
                in_flight_bytes_max: self.in_flight_bytes_max.unwrap_or(IN_FLIGHT_BYTES_MAX),
                tls: self.certificate_file.as_ref().map(|_| self.tls()),
            }),
            InputType::Http => InputKind::Http(HttpConfig {
                listen,
                connections_max: stream.connections_max,
                record_bytes_max,
                body_bytes_max: self.body_bytes_max.unwrap_or(BODY_BYTES_MAX),
                in_flight_bytes_max: self.in_flight_bytes_max.unwrap_or(IN_FLIGHT_BYTES_MAX),
                token_file: self.token_file.clone(),
                token_env: self.token_env.clone(),
                tls: self.certificate_file.as_ref().map(|_| self.tls()),
            }),
            InputType::File => InputKind::File(FileConfig {
                paths: self.paths.clone().unwrap_or_default(),
                from: self.from.unwrap_or_default(),
                poll_interval_ms: self.poll_interval_ms.unwrap_or(POLL_INTERVAL_MS),
                record_bytes_max,
                charset: self.charset(),
            }),
            InputType::Stdin => InputKind::Stdin { record_bytes_max, charset: self.charset() },
        }
    }
}
