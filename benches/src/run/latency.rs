//! From a socket to an alert: the running binary under a steady load over TCP.
//!
//! One line in a hundred is a probe that a rule hits. Its latency runs from the moment before its bytes are
//! written to the socket to the moment its alert is read from the binary's standard output.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::data::{Data, prepare};
use crate::figures::SEED;
use crate::stream::Stream;

/// Events a second.
pub const RATE: u64 = 20_000;
/// One line in so many is a probe.
const PROBE_EVERY: u64 = 100;
/// Lines are sent in bursts of a millisecond's worth.
const BURST: u64 = RATE / 1_000;
/// Bytes of the stream that the other lines are taken from, over and over.
const STREAM_BYTES: usize = 8 << 20;
/// The binary loads a million indicators before it listens.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// After the last line, so long for the last alert.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// What tells a probe.
const MARK: &str = "latency probe ";

const RULE: &str = "title: Latency probe\nid: 6f1d5c1e-3a52-4a44-9d0c-6f5b6a1d9e01\nstatus: test\nlogsource:\n    product: linux\n    service: syslog\ndetection:\n    keywords:\n        - 'latency probe'\n    condition: keywords\nlevel: low\n";

/// Latencies of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// Probes, each of which made one alert.
    pub probes: usize,
    /// Events a second that were sent.
    pub rate: f64,
    /// Median.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Greatest.
    pub max_ms: f64,
}

/// Runs `noroshi run` for `seconds` under load.
///
/// # Errors
/// When it does not start, or a probe makes no alert.
pub fn measure(directory: &Path, binary: &Path, seconds: u64) -> Result<Latency> {
    let data = prepare(directory, 64_000_000)?;
    let work = directory.join("latency");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    fs::write(work.join("probe.yml"), RULE)?;
    fs::write(work.join("noroshi.toml"), config(&data, &work))?;
    let mut engine = Running::start(binary, &work)?;
    let address = engine.address("listening")?;
    let (alerts, arrivals) = mpsc::channel();
    let output = engine.child.stdout.take().context("standard output of the binary")?;
    let reader = std::thread::spawn(move || -> std::io::Result<()> {
        for line in BufReader::new(output).lines() {
            let line = line?;
            let now = Instant::now();
            if let Some(number) = probe_of(&line) {
                // The receiver is gone once it has what it wants.
                let _ = alerts.send((number, now));
            }
        }
        Ok(())
    });
    // Kept open to the last alert: the end of a connection is not what is measured.
    let mut socket = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
    let (sent, rate) = send(&mut socket, seconds)?;
    let mut took: Vec<Option<Duration>> = vec![None; sent.len()];
    let deadline = Instant::now() + DRAIN_TIMEOUT;
    let mut missing = sent.len();
    while missing > 0 {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok((number, arrived)) = arrivals.recv_timeout(left) else {
            bail!("{missing} of {} probes made no alert; see {}", sent.len(), work.join("log").display());
        };
        let slot: &mut Option<Duration> = took.get_mut(number).context("an alert of no probe")?;
        ensure!(slot.is_none(), "probe {number} made two alerts");
        *slot = Some(arrived.saturating_duration_since(sent[number]));
        missing -= 1;
    }
    drop(engine);
    reader.join().expect("reading does not panic").context("reading alerts")?;
    let mut ms: Vec<f64> = took.into_iter().flatten().map(|took| took.as_secs_f64() * 1e3).collect();
    ms.sort_by(f64::total_cmp);
    let at = |percent: usize| ms[(ms.len() * percent / 100).min(ms.len() - 1)];
    Ok(Latency { probes: ms.len(), rate, p50_ms: at(50), p99_ms: at(99), max_ms: at(100) })
}

fn config(data: &Data, work: &Path) -> String {
    format!(
        "node = \"bench\"\nstate_dir = {state:?}\ntimezone = \"UTC\"\n[engine]\nworkers = {workers}\n\
         [rules]\npaths = [{rules:?}, {probe:?}]\n[indicators]\npaths = [{indicators:?}]\n\
         [[input]]\nname = \"tcp\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n\
         [[output]]\ntype = \"stdout\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n",
        state = work.join("state"),
        workers = super::end_to_end::WORKERS,
        rules = data.rules,
        probe = work.join("probe.yml"),
        indicators = data.indicators,
    )
}

/// The binary, ended when it goes out of scope.
pub(super) struct Running {
    child: Child,
    log: std::path::PathBuf,
}

impl Running {
    pub(super) fn start(binary: &Path, work: &Path) -> Result<Self> {
        let log = work.join("log");
        let child = Command::new(binary)
            .args(["--color", "never", "run", "--output", "ndjson", "--config"])
            .arg(work.join("noroshi.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log)?)
            .spawn()
            .with_context(|| {
                format!("starting {}; build it with cargo build --release -p noroshi", binary.display())
            })?;
        Ok(Running { child, log })
    }

    /// The address that the log tells after `word`, once the engine runs.
    pub(super) fn address(&mut self, word: &str) -> Result<SocketAddr> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let log = fs::read_to_string(&self.log)?;
            let of_input = |line: &str| word != "listening" || line.contains("input=tcp");
            let listening = log.lines().find(|line| line.contains(&format!("{word} ")) && of_input(line));
            let address = listening.and_then(|line| line.split("address=").nth(1)?.split_whitespace().next());
            if let (Some(address), true) = (address, log.contains("running")) {
                return address.parse().with_context(|| format!("`{address}` is no address"));
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the binary ended with {status}:\n{log}");
            }
            ensure!(Instant::now() < deadline, "the binary does not listen:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// CPU-seconds of the process until now, or until its end.
    pub(super) fn cpu_s(&self) -> Result<f64> {
        self.stat().map(|(_, cpu_s)| cpu_s)
    }

    /// Ends the engine as an operator does and waits for that; its CPU-seconds.
    pub(super) fn stop(mut self) -> Result<f64> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let deadline = Instant::now() + Duration::from_secs(300);
        loop {
            // Until it is waited for, an ended process tells its times.
            let (state, cpu_s) = self.stat()?;
            if state == "Z" {
                self.child.wait()?;
                return Ok(cpu_s);
            }
            ensure!(Instant::now() < deadline, "the binary does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stat(&self) -> Result<(String, f64)> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let behind = stat.rsplit_once(") ").context("a line of /proc")?.1;
        let fields: Vec<&str> = behind.split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).context("a line of /proc");
        let per_s = rustix::param::clock_ticks_per_second() as f64;
        // proc_pid_stat(5): utime and stime are the 14th and 15th field, state the third.
        Ok((fields[0].to_owned(), (ticks(11)? + ticks(12)?) as f64 / per_s))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing is measured of its end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends at [`RATE`]; when each probe was sent, and the rate reached.
fn send(socket: &mut TcpStream, seconds: u64) -> Result<(Vec<Instant>, f64)> {
    let stream = Stream::mixed(SEED, STREAM_BYTES);
    let lines: Vec<&[u8]> = stream.records().map(|(record, _)| record).filter(|record| !record.is_empty()).collect();
    let mut lines = lines.into_iter().cycle();
    socket.set_nodelay(true)?;
    let (mut sent, mut burst) = (Vec::new(), Vec::new());
    let from = Instant::now();
    let total = seconds * RATE;
    for number in 0..total {
        if number % PROBE_EVERY == PROBE_EVERY - 1 {
            let stamp = jiff::Timestamp::now();
            burst.extend_from_slice(
                format!("<165>1 {stamp:.6} probe.example.com probe 1 - - {MARK}{}\n", sent.len()).as_bytes(),
            );
            // Before the write of its burst, which is a fraction of a millisecond away.
            sent.push(Instant::now());
        } else if let Some(line) = lines.next() {
            burst.extend_from_slice(line);
            burst.push(b'\n');
        }
        if number % BURST == BURST - 1 {
            socket.write_all(&burst).context("sending")?;
            burst.clear();
            let due = from + Duration::from_micros((number + 1) * 1_000_000 / RATE);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
    socket.write_all(&burst)?;
    let rate = total as f64 / from.elapsed().as_secs_f64();
    Ok((sent, rate))
}

/// The number of the probe that an alert line is of.
fn probe_of(line: &str) -> Option<usize> {
    let rest = &line[line.find(MARK)? + MARK.len()..];
    let digits = rest.find(|found: char| !found.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_told_by_its_number() {
        assert_eq!(probe_of(r#"{"raw":"<165>1 … latency probe 42","x":1}"#), Some(42));
        assert_eq!(probe_of(r#"{"raw":"other"}"#), None);
    }
}
