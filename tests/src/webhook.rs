//! A receiver of webhooks that answers as it is told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::alerts;

#[derive(Debug, Default)]
struct State {
    /// Statuses still to be answered; 200 after them.
    script: Vec<u16>,
    requests: usize,
    accepted: String,
}

/// A running receiver.
#[derive(Debug)]
pub struct Webhook {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Webhook {
    /// Listens on a free port and answers with these statuses first, then 200.
    pub fn start(script: &[u16]) -> Self {
        Self::on((Ipv4Addr::LOCALHOST, 0).into(), script)
    }

    /// Listens on a port.
    ///
    /// # Panics
    /// When it cannot be had.
    pub fn on(address: SocketAddr, script: &[u16]) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let state = State { script: script.iter().rev().copied().collect(), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Webhook { address, state }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        lock(&self.state).requests
    }

    /// The alerts of the requests that were answered with 200.
    pub fn accepted(&self) -> Vec<Value> {
        alerts::parse(&lock(&self.state).accepted)
    }
}

/// A port that nobody listens on: it was had and given back.
///
/// # Panics
/// When no port is free.
pub fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a free port")
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers the requests of one connection until it ends.
fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let Ok(reading) = stream.try_clone() else { return };
    let mut reader = BufReader::new(reading);
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if !reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                return;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let status = {
            let mut state = lock(state);
            state.requests += 1;
            let status = state.script.pop().unwrap_or(200);
            if status == 200 {
                state.accepted.push_str(&String::from_utf8_lossy(&body));
            }
            status
        };
        if write!(stream, "HTTP/1.1 {status} told\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}
