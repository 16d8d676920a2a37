//! Senders over UDP, TCP and TLS.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;

use crate::work_dir::WorkDir;

/// One datagram for each record, from one socket.
///
/// # Panics
/// When the kernel refuses them.
pub fn udp(to: SocketAddr, records: &[impl AsRef<[u8]>]) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    for record in records {
        socket.send_to(record.as_ref(), to).expect("loopback takes datagrams");
    }
}

/// A connection.
///
/// # Panics
/// When nobody listens.
pub fn tcp(to: SocketAddr) -> TcpStream {
    TcpStream::connect(to).expect("the engine listens")
}

/// RFC 6587 §3.4.1: the length, a blank, the record.
pub fn octet_counted(record: &[u8]) -> Vec<u8> {
    [format!("{} ", record.len()).as_bytes(), record].concat()
}

/// Octet counting and newlines in turn, all on one stream.
pub fn mixed_framing(records: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, record) in records.iter().enumerate() {
        let record = record.as_ref();
        // Only what begins with a priority may carry a count.
        if at % 2 == 0 && record.starts_with(b"<") {
            bytes.extend(octet_counted(record));
        } else {
            bytes.extend_from_slice(record);
            bytes.push(b'\n');
        }
    }
    bytes
}

/// A certification authority with a server's and a client's certificate, written as `tls/*.pem`.
pub struct Pki {
    ca: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Pki {
    /// Makes them anew and writes `tls/ca.pem`, `tls/server.pem` and `tls/server.key` below `dir`.
    ///
    /// # Panics
    /// When certificates cannot be made.
    pub fn new(dir: &WorkDir) -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "test ca");
        let key = rcgen::KeyPair::generate().expect("a key");
        let ca = rcgen::CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let pki = Pki { ca };
        let (certificate, key) = pki.issue("localhost");
        dir.write("tls/ca.pem", pki.ca.pem());
        dir.write("tls/server.pem", certificate.pem());
        dir.write("tls/server.key", key.serialize_pem());
        pki
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, rcgen::KeyPair) {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.ca).expect("a certificate"), key)
    }

    /// A client, with a certificate of its own where one is asked for.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn connect(&self, to: SocketAddr, with_certificate: bool) -> impl Write + use<> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.ca.der().clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows them")
            .with_root_certificates(roots);
        let config = if with_certificate {
            let (certificate, key) = self.issue("sender");
            let key = rustls_pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
            builder.with_client_auth_cert(vec![certificate.der().clone()], key.into()).expect("they fit")
        } else {
            builder.with_no_client_auth()
        };
        let name = "localhost".try_into().expect("a name");
        let connection = rustls::ClientConnection::new(Arc::new(config), name).expect("a config");
        Closing(rustls::StreamOwned::new(connection, tcp(to)))
    }
}

/// Ends the session as TLS asks, so that its end is no error.
struct Closing(rustls::StreamOwned<rustls::ClientConnection, TcpStream>);

impl Write for Closing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.conn.send_close_notify();
        // The other side may be gone already.
        let _ = self.0.flush();
    }
}
