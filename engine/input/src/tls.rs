//! TLS with rustls and ring: certificates and keys from PEM files, client certificates by CA (RFC 5425).

use std::path::Path;
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsConfig;
use crate::subject;

/// What is wrong with a TLS input's files: what happened, and the way out.
pub(crate) type TlsError = (String, String);

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let help = || format!("{key} must be a readable PEM file with at least one CERTIFICATE block");
    let fail = |what: &dyn std::fmt::Display| (format!("{key} {}: {what}", path.display()), help());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let chain = chain.map_err(|error| fail(&error))?;
    if chain.is_empty() {
        return Err(fail(&"no certificate in it"));
    }
    Ok(chain)
}

/// The server's configuration.
///
/// # Errors
/// When a file cannot be read or used, by its key in the configuration.
pub(crate) fn server_config(config: &TlsConfig) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = certificates("certificate_file", &config.certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(&config.key_file).map_err(|error| {
        let what = format!("key_file {}: {error}", config.key_file.display());
        (what, "it must be a PEM private key (PKCS #8, PKCS #1 or SEC 1), not encrypted, readable by the user noroshi runs as".to_owned())
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| (error.to_string(), "this is a fault of the program; report it".to_owned()))?;
    let builder = match &config.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("client_ca_file", path)? {
                roots.add(certificate).map_err(|error| {
                    (
                        format!("client_ca_file {}: {error}", path.display()),
                        "every certificate in it must be a CA's".to_owned(),
                    )
                })?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            let verifier = verifier.map_err(|error| {
                (
                    format!("client_ca_file {}: {error}", path.display()),
                    "give the CA that signs the senders' certificates".to_owned(),
                )
            })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut server = builder.with_single_cert(chain, key).map_err(|error| {
        let what = format!(
            "certificate_file {} with key_file {}: {error}",
            config.certificate_file.display(),
            config.key_file.display()
        );
        (what, "the key must belong to the first certificate of the chain".to_owned())
    })?;
    // Log senders never read. A ticket that lies unread when one closes makes its kernel reset the connection, and
    // the last records of it are lost; nobody resumes sessions that last for days.
    server.send_tls13_tickets = 0;
    Ok(Arc::new(server))
}

/// The subject of the verified client certificate.
pub(crate) fn client_subject(connection: &ServerConnection) -> Option<String> {
    subject::of_certificate(connection.peer_certificates()?.first()?)
}
