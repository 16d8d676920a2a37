//! The witness over HTTP, both sides: `POST /add-checkpoint` as c2sp.org/tlog-witness has it, served by `noroshi witness run`, and
//! the archive that asks for it.
//!
//! The exchange is decided in [`noroshi_tree::witness`]; here are its sockets. No login guards it and none is needed: a checkpoint
//! bears its tree's signature, an answer the witness's. What a listener in between learns is a size and a root.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use noroshi_tree::witness::{ADD_CHECKPOINT, Asker, CosignError, REQUEST_BYTES_MAX, Reply, Witness};
use noroshi_tree::{Reader, Signature, Verifier};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::metrics::Bounded;

/// Connections served at once; more wait in the kernel's queue. A witness has a handful of archives, each asks once a minute.
const CONNECTIONS_MAX: usize = 64;

/// A request's body comes within this, or its connection is given up: a body is a few hundred bytes.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest answer read from a witness: some lines of cosignatures.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// How long a witness may take to answer. It syncs a file before it does.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// What the server holds: the witness, and where it gets the time from.
#[derive(Clone)]
struct Served {
    witness: Arc<Mutex<Witness>>,
    now_s: fn() -> u64,
}

/// Serves a witness until the future that drives it is dropped.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(listener: TcpListener, witness: Witness, now_s: fn() -> u64) -> io::Result<()> {
    let verifier = witness.verifier().to_string();
    let served = Served { witness: Arc::new(Mutex::new(witness)), now_s };
    let router = Router::new()
        .route(ADD_CHECKPOINT, post(add_checkpoint))
        .route("/healthz", get(move || async move { format!("{verifier}\n") }))
        .with_state(served);
    let listener = Bounded { listener, permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
    axum::serve(listener, router).await
}

async fn add_checkpoint(State(served): State<Served>, request: Request) -> Response {
    let plain = |status: StatusCode, text: &'static str| (status, text).into_response();
    let body = match tokio::time::timeout(BODY_TIMEOUT, to_bytes(request.into_body(), REQUEST_BYTES_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            return plain(StatusCode::BAD_REQUEST, "the request is cut, or longer than a checkpoint and its proof\n");
        }
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the request did not come whole in 20 s\n"),
    };
    // Its file is synced before the answer: not on a thread that serves others.
    let decided = tokio::task::spawn_blocking(move || {
        // A panic in between would have left the memory as it was: it changes last.
        let mut witness = served.witness.lock().unwrap_or_else(PoisonError::into_inner);
        witness.answer(&body, (served.now_s)())
    });
    match decided.await {
        Ok(Reply { status, content_type, body }) => {
            match status {
                200 => tracing::info!("cosigned a checkpoint"),
                409 | 422 => tracing::warn!(status, "a checkpoint does not continue the last one: {}", body.trim_end()),
                500 => tracing::error!("{}", body.trim_end()),
                _ => tracing::info!(status, "refused: {}", body.trim_end()),
            }
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(header::CONTENT_TYPE, content_type)], Body::from(body)).into_response()
        }
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the witness failed at this request\n"),
    }
}

/// An archive's line to one witness.
#[derive(Debug)]
pub struct WitnessClient {
    agent: ureq::Agent,
    url: String,
    asker: Asker,
}

impl WitnessClient {
    /// Asks the witness with this key below this address, `http://witness.example.com:8470`.
    pub fn new(address: &str, witness: Verifier) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("noroshi/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        let url = format!("{}{ADD_CHECKPOINT}", address.trim_end_matches('/'));
        Self { agent, url, asker: Asker::new(witness) }
    }

    /// Has the checkpoint of a tree cosigned; to be added by [`noroshi_tree::Tree::add_cosignatures`]. Blocks for
    /// up to 40 s.
    ///
    /// # Errors
    /// [`CosignError`]; [`CosignError::is_tampering`] tells a witness that contradicts from one that is away.
    pub fn cosign(&mut self, reader: &Reader) -> Result<Signature, CosignError<ureq::Error>> {
        let Self { agent, url, asker } = self;
        asker.cosign(reader, |body| {
            let mut response =
                agent.post(&*url).header("Content-Type", "text/plain; charset=utf-8").send(body.as_bytes())?;
            let status = response.status().as_u16();
            let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
            Ok((status, body))
        })
    }
}

/// Binds the address a witness is to be served on.
///
/// # Errors
/// When it cannot be had.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::path::Path;

    use noroshi_input::files::SimulatedDisk;
    use noroshi_tree::{KeyKind, Signer, Tree};

    use super::*;

    fn log() -> Signer {
        Signer::from_seed("siem.example.com/archive", KeyKind::Note, &[1; 32]).unwrap()
    }

    fn key() -> Signer {
        Signer::from_seed("witness.example.com", KeyKind::Cosignature, &[2; 32]).unwrap()
    }

    /// A witness on a free port, and the runtime it lives in.
    fn served(disk: &SimulatedDisk) -> (tokio::runtime::Runtime, SocketAddr) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let logs = vec![log().verifier().clone()];
        let witness = Witness::open(Arc::new(disk.clone()), Path::new("/w"), key(), logs).unwrap();
        let listener = runtime.block_on(bind(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener, witness, || 1_790_000_000));
        (runtime, address)
    }

    fn grown(tree: &mut Tree, disk: &SimulatedDisk, to: u64) -> Reader {
        while tree.size() < to {
            tree.append(&tree.size().to_be_bytes()).unwrap();
        }
        tree.publish(&log(), 0).unwrap();
        Reader::open(Arc::new(disk.clone()), Path::new("/t"), &[log().verifier().clone()]).unwrap()
    }

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_tree_is_cosigned_over_http_as_it_grows_and_not_when_it_shrinks() {
        let (trees, memory) = (SimulatedDisk::new(), SimulatedDisk::new());
        let mut tree = Tree::create(Arc::new(trees.clone()), Path::new("/t"), &log(), 0).unwrap();
        let (runtime, address) = served(&memory);
        let mut client = WitnessClient::new(&format!("http://{address}/"), key().verifier().clone());
        for size in [3, 300] {
            let reader = grown(&mut tree, &trees, size);
            let line = client.cosign(&reader).unwrap();
            assert_eq!(tree.add_cosignatures(&[line], &[key().verifier().clone()]).unwrap(), 1);
        }
        assert!(tree.note().to_string().contains("\n\u{2014} witness.example.com "));
        drop(runtime);
        // The witness restarts with what it remembers, and the archive with an older disk.
        let (_runtime, address) = served(&memory);
        let put_back = SimulatedDisk::new();
        let mut tree = Tree::create(Arc::new(put_back.clone()), Path::new("/t"), &log(), 0).unwrap();
        let reader = grown(&mut tree, &put_back, 7);
        let error =
            WitnessClient::new(&format!("http://{address}"), key().verifier().clone()).cosign(&reader).unwrap_err();
        assert!(error.is_tampering() && error.to_string().contains("seen 300 entries and there are 7"), "{error}");
    }

    #[test]
    fn other_requests_are_answered_as_specified() {
        let (_runtime, address) = served(&SimulatedDisk::new());
        let post = |body: &str| {
            let length = body.len();
            ask(
                address,
                &format!(
                    "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
                ),
            )
        };
        assert!(post("old 0\n").starts_with("HTTP/1.1 400"));
        let get = |path: &str| ask(address, &format!("GET {path} HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n"));
        assert!(get("/add-checkpoint").starts_with("HTTP/1.1 405"));
        assert!(get("/healthz").ends_with(&format!("\r\n\r\n{}\n", key().verifier())));
        assert!(get("/").starts_with("HTTP/1.1 404"));
    }

    #[test]
    fn a_witness_that_is_away_is_no_tampering() {
        let disk = SimulatedDisk::new();
        let mut tree = Tree::create(Arc::new(disk.clone()), Path::new("/t"), &log(), 0).unwrap();
        let reader = grown(&mut tree, &disk, 1);
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error =
            WitnessClient::new(&format!("http://{free}"), key().verifier().clone()).cosign(&reader).unwrap_err();
        assert!(matches!(error, CosignError::Send(_)) && !error.is_tampering(), "{error}");
    }
}
